"""A photograph of a colour chart to all that it tells: colour, white balance, tone, noise, and of a raw the profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import D50_XY, XYZ_TO_SRGB, bradford, lab_to_xyz, srgb_encode, xy_to_xyz, xyz_to_xy
from lichtbild.lab import svg
from lichtbild.lab.camera_profile import CameraProfile, fit_profile
from lichtbild.lab.charts import FoundChart, chart_reference, find_chart
from lichtbild.lab.charts.patches import INNER_SHARE, Patches, read_patches
from lichtbild.lab.colour import ChartColours, measure_colour
from lichtbild.lab.figure import Figure
from lichtbild.lab.measurement import Crop, Measurement
from lichtbild.lab.noise import NoiseCurve, PatchNoise, noise_figures, oecf_figures
from lichtbild.lab.noise_spectrum import noise_spectrum
from lichtbild.lab.profile_file import profile_to_dcp, profile_to_toml
from lichtbild.lab.reading import LabPicture, camera_to_xyz_d50
from lichtbild.lab.visual_noise import Viewing, visual_noise

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

CROP_PX = 900


def measure_colour_chart(picture: LabPicture, kind: str = "auto") -> Measurement:
    """Everything a ColorChecker tells.

    Parameters
    ----------
    picture
        A developed picture, or a raw.
    kind
        "classic", "passport", "sg", or "auto" for the first of these that is found.
    """
    kinds = ("sg", "classic") if kind == "auto" else (kind,)
    chart = next((found for k in kinds if (found := find_chart(picture.linear, k, is_linear=True))), None)
    if kind == "auto" and chart is not None and chart.reference.kind == "classic":
        chart = _by_patch_size(chart)
    title = f"{picture.name}: colour chart"
    if chart is None:
        because = (
            "no colour chart is found: it must be whole in the picture, not clipped, its patches 10 px wide or more"
        )
        lost = Figure.missing("colour.de2000_mean", "dE00", "CIE 142:2001", because)
        return Measurement(title, kind, (picture.name,), (lost,), (because,), crops=(_overview(picture),))
    patches = read_patches(picture.linear, chart, 0.0, picture.high)
    reading = _Reading(picture, chart, patches)
    colours = reading.colours()
    parts = [colours.figures, *(r for r in (reading.light(), reading.noise()) if r)]
    figures = [_found_figure(chart, picture), *(figure for part in parts for figure in part)]
    findings, attachments, plots = list(colours.findings), {}, []
    if picture.is_raw:
        more, attachments, said = _profiled(reading, picture)
        figures += more
        findings += said
    plots += _plots(colours, reading)
    return Measurement(
        f"{picture.name}: {chart.reference.name}", chart.reference.kind, (picture.name,), tuple(figures),
        tuple(findings) + picture.notes, tuple(plots), (_overview(picture, chart), _swatches(colours, chart)),
        {"Patches": _table(colours, patches, chart)}, attachments,
    )  # fmt: skip


def _by_patch_size(chart: FoundChart) -> FoundChart:
    """Classic and Passport have the same colours: which it is, its patches' size says."""
    other = chart_reference("passport")
    size = sum(chart.placement.patch) / 2
    is_other = abs(size - sum(other.patch) / 2) < abs(size - sum(chart.reference.patch) / 2)
    return replace(chart, reference=other) if is_other else chart


@dataclass(frozen=True, eq=False)
class _Reading:
    picture: LabPicture
    chart: FoundChart
    patches: Patches

    @property
    def neutral(self) -> npt.NDArray[np.intp]:
        return np.intersect1d(self.chart.reference.neutral, np.flatnonzero(self.patches.is_good))

    def white(self) -> Floats | None:
        """Camera RGB [3] of the chart's greys, green = 1; None without usable greys."""
        if len(self.neutral) < 2:
            return None
        seen = self.patches.mean[self.neutral]
        return np.asarray(np.median(seen / seen[:, 1:2], 0))

    def colours(self) -> ChartColours:
        """Figures by what the file says its colours mean; of a raw, balanced on the chart's own greys."""
        info = self.picture.info
        neutral = self.white() if self.picture.is_raw else np.ones(3)
        to_xyz = None if neutral is None else camera_to_xyz_d50(info, neutral)
        if to_xyz is None:
            # No matrix: the numbers as if they were sRGB's, which the finding says.
            made = measure_colour(self.patches, self.chart.reference, np.linalg.inv(XYZ_TO_SRGB))
            lost = [Figure.missing(f.name, f.unit, f.clause, "the file has no colour matrix") for f in made.figures]
            told = (
                *made.findings,
                "the file has no colour matrix: its own colour cannot be judged, a profile can be fitted",
            )
            return replace(made, figures=lost, findings=told)
        return measure_colour(self.patches, self.chart.reference, to_xyz)

    def light(self) -> list[Figure]:
        """How far the camera's own white is from the chart's greys."""
        said, seen = self.picture.info.as_shot_neutral, self.white()
        if not self.picture.is_raw or said is None or seen is None:
            return []
        a, b = np.array(said) / said[1], seen
        angle = float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))
        return [
            Figure.exact("colour.as_shot_neutral_angle", angle, "deg", "Gijsenij, Gevers & van de Weijer 2011",
                         "the file's neutral beside the chart's greys, in camera RGB"),
        ]  # fmt: skip

    def curve(self, channel: int) -> NoiseCurve:
        reference = self.chart.reference
        chosen = reference.neutral
        order = chosen[np.argsort(-reference.xyz_d50[chosen, 1])]
        # Of single pixels: where the greens of a block were averaged, their noise was too.
        spread = self.patches.deviation * np.sqrt(self.picture.averaged)
        noise = tuple(
            PatchNoise(float(self.patches.mean[k, channel]), float(spread[k, channel]), None, None,
                       int(self.patches.n_pixels[k]), 1, float(self.patches.clipped[k]))
            for k in order
        )  # fmt: skip
        return NoiseCurve(reference.xyz_d50[order, 1], noise, self.picture.high)

    def noise(self) -> list[Figure]:
        """Of a raw, noise of the greens and the transfer line; of a picture, visual noise of the middle grey."""
        curve = self.curve(1)
        figures = list(oecf_figures(curve))
        if self.picture.is_raw:
            figures += noise_figures(curve)
        grey = self.even_patch()
        if grey is not None and min(grey.shape[:2]) >= 32:
            figures += noise_spectrum(grey[..., 1]).figures
            if not self.picture.is_raw:
                encoded = srgb_encode(np.clip(grey, 0, 1))
                for viewing in (Viewing.screen(), Viewing.picture_height(self.picture.linear.shape[0])):
                    suffix = ".screen" if "screen" in viewing.name else ".print"
                    figures += [_renamed(f, f.name + suffix) for f in visual_noise(encoded, viewing)[:1]]
        return figures

    def even_patch(self) -> npt.NDArray[np.float64] | None:
        """The largest upright box inside the grey nearest to L* 50."""
        reference = self.chart.reference
        good = self.neutral
        if len(good) == 0:
            return None
        k = good[np.argmin(np.abs(reference.lab_d50[good, 0] - 51))]
        outline = self.chart.outlines_px(0.8)[k]
        left, right = sorted(outline[:, 0])[1:3]
        top, bottom = sorted(outline[:, 1])[1:3]
        box = self.picture.linear[int(top) + 1 : int(bottom), int(left) + 1 : int(right)]
        return box.astype(np.float64) if box.size else None


def _renamed(figure: Figure, name: str) -> Figure:
    return Figure(name, figure.value, figure.unit, figure.low, figure.high, figure.clause, figure.note)


def _found_figure(chart: FoundChart, picture: LabPicture) -> Figure:
    note = f"{chart.reference.name}; {100 * chart.pixel_fit:.1f} % of its pixels' variance explained"
    return Figure.exact(
        "chart.corner_deviation", chart.placement.deviation_px * picture.px, "px", "least squares", note
    )


def _profiled(reading: _Reading, picture: LabPicture) -> tuple[list[Figure], dict[str, bytes], list[str]]:
    from lichtbild.core import UsageError

    white = reading.white()
    light = D50_XY
    said = [
        "the light is not known: the profile takes it for D50 (its colour matrix depends on that, not its forward one)"
    ]
    if white is not None:
        to_xyz = camera_to_xyz_d50(picture.info, white)
        calibration = picture.info.camera.colour
        if to_xyz is not None and calibration is not None:
            camera_white = np.linalg.solve(calibration.xyz_to_camera[0], white)
            light = xyz_to_xy(camera_white)
            said = []
    try:
        part = fit_profile(reading.patches.mean, reading.chart.reference, light, reading.patches.is_good)
    except UsageError as error:
        lost = Figure.missing("profile.matrix.fit_mean", "dE00", "DNG 1.7.1, chapter 6", error.message)
        return [lost], {}, [error.message]
    profile = CameraProfile(picture.info.camera.name, (part,))
    files = {"camera_profile.toml": profile_to_toml(profile).encode(), "camera_profile.dcp": profile_to_dcp(profile)}
    return part.figures, files, said


def _overview(picture: LabPicture, chart: FoundChart | None = None) -> Crop:
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture.shown())
    if chart is None:
        scale = min(1.0, CROP_PX / max(image.size))
        return Crop(np.asarray(_resized(image, scale)), "the picture")
    # The chart with a third of its size around it.
    corners = chart.corners_px()
    margin = 0.33 * np.ptp(corners, axis=0)
    low = np.maximum(corners.min(0) - margin, 0).astype(int)
    high = np.minimum(corners.max(0) + margin, image.size).astype(int)
    scale = CROP_PX / float(max(high - low))
    image = _resized(image.crop((*low.tolist(), *high.tolist())), scale)
    draw = ImageDraw.Draw(image)
    for share, colour in ((1.0, (255, 255, 255)), (INNER_SHARE, (60, 255, 60))):
        for outline in (chart.outlines_px(share) - low) * scale:
            draw.polygon([(float(x), float(y)) for x, y in outline], outline=colour)
    return Crop(np.asarray(image), "the chart as it was found; figures come from inside of the green outlines")


def _resized(image: Any, scale: float) -> Any:
    from PIL import Image

    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _swatches(colours: ChartColours, chart: FoundChart) -> Crop:
    """Each patch with what it should be in its middle."""
    side = 84 if chart.reference.columns < 10 else 44
    to_srgb = XYZ_TO_SRGB @ bradford(xy_to_xyz(D50_XY), np.linalg.inv(XYZ_TO_SRGB).sum(1))

    def encoded(lab: Floats) -> Floats:
        return np.asarray(255 * srgb_encode(np.clip(lab_to_xyz(lab, xy_to_xyz(D50_XY)) @ to_srgb.T, 0, 1)))

    seen, wanted = encoded(colours.measured_lab), encoded(colours.reference_lab)
    sheet = np.full((chart.reference.rows * side, chart.reference.columns * side, 3), 40, np.uint8)
    for k in range(chart.reference.n):
        i, j = divmod(k, chart.reference.columns)
        y, x = i * side + 2, j * side + 2
        sheet[y : y + side - 4, x : x + side - 4] = np.round(seen[k])
        inner = side // 4
        sheet[y + inner : y + side - 4 - inner, x + inner : x + side - 4 - inner] = np.round(wanted[k])
    return Crop(sheet, "each patch as the picture shows it, in its middle as it should be", is_small=True)


def _plots(colours: ChartColours, reading: _Reading) -> list[tuple[str, str]]:
    reference = reading.chart.reference
    plots = []
    if np.isfinite(colours.difference).any():
        # A chart of 140 patches shows its worst.
        order = (
            np.argsort(-np.nan_to_num(colours.difference, nan=-1))[:30] if reference.n > 30 else np.arange(reference.n)
        )
        shown = svg.bars([reference.names[k] for k in order], colours.difference[order], svg.Axis("CIEDE2000"))
        plots.append(
            (shown, f"difference of {'every patch' if reference.n <= 30 else 'the 30 patches that differ most'}")
        )
        ref, got = colours.reference_lab, colours.measured_lab
        lines = [svg.Series("", [a[1], b[1]], [a[2], b[2]], colour="#999") for a, b in zip(ref, got, strict=True)]
        dots = [
            svg.Series(name, lab[:, 1], lab[:, 2], is_line=False, is_points=True, colour=colour)
            for name, lab, colour in (("published", ref, svg.COLOURS[6]), ("measured", got, svg.COLOURS[1]))
        ]
        plots.append((svg.plot([*lines, *dots], svg.Axis("a*"), svg.Axis("b*")), "chroma and hue"))
    curves = [(name, reading.curve(k)) for k, name in enumerate("RGB")]
    colour = (svg.COLOURS[1], svg.COLOURS[2], svg.COLOURS[0])
    tone = [svg.Series(name, c.light, c.column("mean"), is_points=True, colour=colour[k])
            for k, (name, c) in enumerate(curves)]  # fmt: skip
    plots.append((svg.plot(tone, svg.Axis("light of the grey patches", is_log=True), svg.Axis("signal", is_log=True)),
                  "tone: signal against light"))  # fmt: skip
    snr = [svg.Series(name, c.column("mean"), c.column("mean") / np.maximum(c.column("total"), 1e-9), is_points=True,
                      colour=colour[k]) for k, (name, c) in enumerate(curves)]  # fmt: skip
    plots.append((svg.plot(snr, svg.Axis("signal", is_log=True), svg.Axis("SNR", is_log=True)),
                  "signal to noise of the greys, one frame"))  # fmt: skip
    return plots


def _table(colours: ChartColours, patches: Patches, chart: FoundChart) -> list[list[str]]:
    rows = [["patch", "CIEDE2000", "L* a* b* measured", "L* a* b* published", "SNR", "note"]]
    for k, name in enumerate(chart.reference.names):
        difference = colours.difference[k]
        snr = patches.mean[k, 1] / max(float(patches.deviation[k, 1]), 1e-9)
        note = "" if patches.is_good[k] else f"{100 * patches.clipped[k]:.0f} % clipped, left out"
        rows.append([name, "" if np.isnan(difference) else f"{difference:.2f}", _triple(colours.measured_lab[k]),
                     _triple(colours.reference_lab[k]), f"{snr:.0f}", note])  # fmt: skip
    return rows


def _triple(lab: Floats) -> str:
    return "  ".join(f"{v:.1f}" for v in lab)
