"""Even surfaces: pairs of them for photon transfer, several of one for the parts of noise, the patches of any tonal
chart for noise against signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lichtbild.core import UsageError
from lichtbild.lab import svg
from lichtbild.lab.charts.candidates import flat_mask
from lichtbild.lab.figure import Figure
from lichtbild.lab.measurement import Crop, Measurement
from lichtbild.lab.noise import NoiseCurve, PatchNoise, noise_figures, oecf_figures, patch_noise, transfer_line
from lichtbild.lab.noise_spectrum import noise_spectrum
from lichtbild.lab.photon_transfer import CLAUSE, PhotonTransfer, TransferPoint, photon_transfer, transfer_point
from lichtbild.lab.reading import LabPicture

Floats = npt.NDArray[np.float64]

COLOURS = (svg.COLOURS[1], svg.COLOURS[2], svg.COLOURS[0])
# Share of the frame, about its middle, that an even field is measured in.
FIELD_SHARE = 0.5
LEAST_PATCH_PX = 256


def measure_transfer(pictures: Sequence[LabPicture]) -> Measurement:
    """Photon transfer from raws of even light, two of each exposure and two in darkness (EMVA 1288): which belong
    together is told by their means. Of the middle of the frame, each filter colour for itself.

    Raises
    ------
    UsageError
        If there are no raws, or fewer than four pairs.
    """
    raws = [p for p in pictures if p.is_raw and p.mosaic is not None and p.info.cfa is not None]
    if len(raws) < 8 or len(raws) != len(pictures):
        raise UsageError(f"{len(raws)} raws of {len(pictures)} files", where="files",
                         hint="two raws of darkness and two each of three or more even exposures")  # fmt: skip
    greens = [_middle(p, 1) for p in raws]
    order = np.argsort([g.mean() for g in greens])
    pairs = [(int(order[k]), int(order[k + 1])) for k in range(0, len(order) - 1, 2)]
    figures: list[Figure] = []
    findings: list[str] = []
    series = []
    for channel, name in enumerate(("red", "green", "blue")):
        span = _span_dn(raws[0])
        points = [_point(raws, pair, channel, span) for pair in pairs]
        try:
            found = photon_transfer(points[0], points[1:], span + points[0].mean)
        except UsageError as error:
            findings.append(f"{name}: {error.message}")
            figures.append(Figure.missing(f"transfer.{name}.gain", "DN/e-", CLAUSE, error.message))
            continue
        figures += [_under(f, f"transfer.{name}") for f in found.figures]
        series += _transfer_series(found, name, COLOURS[channel])
    drawing = svg.plot(
        series, svg.Axis("mean above dark, DN", is_log=True), svg.Axis("temporal variance, DN^2", is_log=True)
    )
    return Measurement("Photon transfer", "transfer", tuple(p.name for p in pictures), tuple(figures), tuple(findings),
                       ((drawing, "photon transfer: points, and the line that gives K"),))  # fmt: skip


def _transfer_series(found: PhotonTransfer, name: str, colour: str) -> list[svg.Series]:
    dark, bright = found.points[0], found.points[1:]
    x = np.array([p.mean - dark.mean for p in bright])
    y = np.array([p.variance for p in bright])
    line = np.geomspace(max(x.min(), 1e-3), x.max(), 40)
    return [
        svg.Series(name, x, y, is_line=False, is_points=True, colour=colour),
        svg.Series("", line, dark.variance + found.gain_dn_e * line, colour=colour),
    ]


def _point(raws: Sequence[LabPicture], pair: tuple[int, int], channel: int, span: float) -> TransferPoint:
    a, b = (_middle(raws[k], channel) * span for k in pair)
    return transfer_point(a, b, (-np.inf, raws[pair[0]].high * span))


def _middle(picture: LabPicture, channel: int) -> Floats:
    """[h, w] of one filter colour in the middle of a mosaic; of the greens those of one kind of row."""
    plane = picture.plane(channel)
    top, left = (int(n * (1 - FIELD_SHARE) / 2) for n in plane.shape)
    return plane[top : plane.shape[0] - top, left : plane.shape[1] - left].astype(np.float64)


def _span_dn(picture: LabPicture) -> float:
    levels = picture.info.levels
    if levels is None:
        return 1.0
    return float(min(levels.white)) - float(np.mean(levels.black))


def _under(figure: Figure, head: str) -> Figure:
    name = f"{head}.{figure.name.split('.', 1)[1]}"
    return Figure(name, figure.value, figure.unit, figure.low, figure.high, figure.clause, figure.note)


def measure_flat(pictures: Sequence[LabPicture]) -> Measurement:
    """One even field, in one frame or several of it: parts of noise, its spectrum, and how even the light is (shading
    after ISO 17957, from the means of 9 x 9 fields)."""
    first = pictures[0]
    h, w = first.linear.shape[:2]
    top, left = int(h * (1 - FIELD_SHARE) / 2), int(w * (1 - FIELD_SHARE) / 2)
    figures: list[Figure] = []
    findings: list[str] = []
    series = []
    for channel, name in enumerate(("red", "green", "blue")):
        fields = [p.plane(channel)[top : h - top, left : w - left] for p in pictures]
        noise = patch_noise(fields, 0.0, (-np.inf, first.high))
        if noise.clipped > 0.001:
            findings.append(f"{name}: {100 * noise.clipped:.1f} % of the field is clipped, its noise is too low")
        for part in ("total", "temporal", "fixed"):
            value = getattr(noise, part)
            key, clause = f"noise.{name}_{part}", "ISO 15739:2023, 6.2"
            if value is None:
                figures.append(Figure.missing(key, "%", clause, "needs two frames or more of the same field"))
            else:
                figures.append(Figure.within(key, 100 * value, 100 * value / np.sqrt(2 * noise.n_pixels), "%", clause,
                                             "of the full range"))  # fmt: skip
        spectrum = noise_spectrum(fields[0])
        if name == "green":
            figures += spectrum.figures
        series.append(svg.Series(name, spectrum.frequency_cy_px, spectrum.power, colour=COLOURS[channel]))
        means = _fields(first.linear[..., channel])
        fall, note = 100 * float(1 - means.min() / means.max()), "darkest of 9 x 9 fields below the brightest"
        figures.append(Figure.exact(f"shading.{name}", fall, "%", "ISO 17957:2015", note))
    drawing = svg.plot(series, svg.Axis("cycles a pixel"), svg.Axis("noise power", is_log=True))
    return Measurement(f"{first.name}: even field", "flat", tuple(p.name for p in pictures), tuple(figures),
                       tuple(findings) + first.notes, ((drawing, "noise power spectrum: a sensor's own is level"),),
                       (Crop(_thumbnail(first.shown()), "the field"),))  # fmt: skip


def _fields(plane: npt.NDArray[np.float32]) -> Floats:
    h, w = plane.shape[0] // 9 * 9, plane.shape[1] // 9 * 9
    return np.asarray(plane[:h, :w].reshape(9, h // 9, 9, w // 9).mean((1, 3), dtype=np.float64))


def measure_tones(
    pictures: Sequence[LabPicture], light: Floats | None = None, boxes: Floats | None = None
) -> Measurement:
    """Patches of a tonal chart: noise against signal, and where the light of each patch is known the dynamic range.

    Parameters
    ----------
    pictures
        Frames of one view; two or more tell temporal noise.
    light, boxes
        float64 [n] relative to white, and [n, 4] (left, top, right, bottom) px of the file. Without them even patches
        are found in the picture, and their light is not known.
    """
    first = pictures[0]
    found = _found_patches(first) if boxes is None else _boxes(np.asarray(boxes) / first.px, first)
    findings = list(first.notes)
    if len(found) < 4:
        because = f"{len(found)} even patches are found: too few"
        lost = Figure.missing("noise.snr_reference", "", "ISO 15739:2023", because)
        return Measurement(f"{first.name}: tones", "tones", (first.name,), (lost,), (because, *findings))
    figures: list[Figure] = []
    series = []
    for channel, name in enumerate(("red", "green", "blue")):
        noise = [patch_noise([p.plane(channel)[box] for p in pictures], 0.0, (-np.inf, first.high)) for box in found]
        good = [n for n in noise if n.clipped < 1e-3 and n.mean > 0]
        if light is not None:
            curve = NoiseCurve(np.asarray(light, float), tuple(noise), first.high)
            figures += [
                _under(f, f"{f.name.split('.')[0]}.{name}") for f in (*noise_figures(curve), *oecf_figures(curve))
            ]
        else:
            figures += _line_from_one(good, name, first)
        good.sort(key=lambda n: n.mean)
        points = [n.mean for n in good], [n.snr for n in good]
        series.append(svg.Series(name, *points, is_points=True, is_line=light is not None, colour=COLOURS[channel]))
        clipped = sum(n.clipped >= 1e-3 for n in noise)
        if clipped:
            findings.append(f"{name}: {clipped} of {len(noise)} patches are clipped and left out")
    if light is None:
        findings.append(
            "the light of the patches is not known: no dynamic range and no tone curve, noise against signal only"
        )
    drawing = svg.plot(series, svg.Axis("signal (1 = full range)", is_log=True), svg.Axis("SNR", is_log=True))
    names = tuple(p.name for p in pictures)
    plots = ((drawing, "signal to noise of the patches"),)
    crops = (_marked(first, found),)
    return Measurement(f"{first.name}: tones", "tones", names, tuple(figures), tuple(findings), plots, crops)


def _line_from_one(noise: Sequence[PatchNoise], name: str, picture: LabPicture) -> list[Figure]:
    """Gain and noise in darkness from the spread of patches against their mean: a photon transfer from one frame."""
    clause = "EMVA 1288 R4.0 Linear, 6.6, from one frame"
    if len(noise) < 5:
        return [Figure.missing(f"noise.{name}.gain", "DN/e-", clause, "fewer than five patches are not clipped")]
    curve = NoiseCurve(np.ones(len(noise)), tuple(noise), picture.high)
    line, covariance = transfer_line(curve.column("mean"), curve.column("total"), curve, np.ones(len(noise), bool))
    span, note = _span_dn(picture), "fixed pattern and uneven patches count as noise: an upper bound"
    unit = "DN/e-" if picture.is_raw else "share of white"
    deviation = float(np.sqrt(covariance[1, 1])) * span
    return [
        Figure.within(f"noise.{name}.gain", line[1] * span, deviation, unit, clause, note),
        Figure.exact(
            f"noise.{name}.dark", float(np.sqrt(max(line[0], 0.0))) * span, "DN" if picture.is_raw else "", clause, note
        ),
    ]


Box = tuple[slice, slice]


def _boxes(corners: Floats, picture: LabPicture) -> list[Box]:
    """The middle of each box."""
    found = []
    for left, top, right, bottom in corners:
        dx, dy = 0.15 * (right - left), 0.15 * (bottom - top)
        found.append((slice(int(top + dy), int(bottom - dy)), slice(int(left + dx), int(right - dx))))
    return found


def _found_patches(picture: LabPicture) -> list[Box]:
    """Upright boxes inside of the even areas of a picture, largest first, at most 60."""
    from scipy import ndimage

    root = np.sqrt(np.maximum(picture.linear, 0))
    # Noise must not break a patch up: it is told from edges after smoothing.
    smooth = ndimage.uniform_filter(root, (5, 5, 1), mode="nearest")
    labels, _ = ndimage.label(ndimage.binary_erosion(flat_mask(smooth), iterations=2))
    found = []
    for rows, columns in ndimage.find_objects(labels):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        dy, dx = int(0.15 * height), int(0.15 * width)
        box = (slice(rows.start + dy, rows.stop - dy), slice(columns.start + dx, columns.stop - dx))
        label = labels[(rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2]
        inner = labels[box]
        if (
            inner.size >= LEAST_PATCH_PX
            and label
            and np.mean(inner == label) > 0.98
            and height < 3 * width < 9 * height
        ):
            found.append(box)
    green = picture.linear[..., 1]
    found = [box for box in found if _is_one_tone(green[box])]
    found.sort(key=lambda b: -(b[0].stop - b[0].start) * (b[1].stop - b[1].start))
    # An even area of a tenth of the frame is ground or wall, no patch.
    limit = 0.1 * labels.size
    return [b for b in found if (b[0].stop - b[0].start) * (b[1].stop - b[1].start) < limit][:60]


def _is_one_tone(patch: npt.NDArray[np.float32]) -> bool:
    """Whether 4 x 4 fields of a patch agree but for noise and a slope of light: two patches side by side do not."""
    h, w = patch.shape[0] // 4 * 4, patch.shape[1] // 4 * 4
    cells = patch[:h, :w].reshape(4, h // 4, 4, w // 4).astype(np.float64)
    means = cells.mean((1, 3))
    y, x = np.mgrid[0:4, 0:4].astype(np.float64)
    basis = np.linalg.qr(np.stack([np.ones(16), x.ravel(), y.ravel()], 1))[0]
    rest = means.ravel() - basis @ (basis.T @ means.ravel())
    noise = float(cells.std(axis=(1, 3)).mean()) / np.sqrt(h * w / 16)
    return float(np.sqrt(rest @ rest / 13)) < 4 * noise + 0.005 * abs(float(means.mean()))


def _thumbnail(pixels: npt.NDArray[np.uint8], longest: int = 900) -> npt.NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(pixels)
    scale = min(1.0, longest / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _marked(picture: LabPicture, boxes: Sequence[Box]) -> Crop:
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture.shown())
    draw = ImageDraw.Draw(image)
    for rows, columns in boxes:
        draw.rectangle((columns.start, rows.start, columns.stop, rows.stop), outline=(60, 255, 60), width=2)
    return Crop(_thumbnail(np.asarray(image)), f"{len(boxes)} even patches")
