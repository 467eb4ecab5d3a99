"""Charts of our own to print or to show on a screen, so that anyone can measure a phone: PDF, SVG or PNG.

One sheet has all of it: 24 patches in the colours of the ColorChecker, by which the finder knows it and where it is up;
four corner marks, by which every other part is placed to a fraction of a px; slanted squares for the e-SFR, a row of
greys, a lattice of dots. What a printer makes of the colours is its own: colour error of a printed sheet is that of the
printer too, and says so; sharpness, noise, distortion and evenness are the camera's.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import srgb_encode
from lichtbild.core.errors import UsageError
from lichtbild.lab.charts.find import FoundChart, find_chart
from lichtbild.lab.charts.lattice import apply, fit_homography
from lichtbild.lab.charts.reference import chart_reference

Floats = npt.NDArray[np.float64]
Colour = tuple[float, float, float]

WIDTH_MM, HEIGHT_MM = 297.0, 210.0
# First patch's centre and the distance of patches.
PATCH_ORIGIN_MM, PITCH_MM = (84.0, 74.0), 26.0
# Corner marks: two black quarters of a disc, the saddle between them is the point.
MARKS_MM = ((14.0, 14.0), (283.0, 14.0), (283.0, 196.0), (14.0, 196.0))
MARK_RADIUS_MM = 6.0
SQUARES_MM = tuple((x, y) for y in (40.0, 105.0, 170.0) for x in (38.0, 259.0))
SQUARE_MM, SQUARE_TURN = 34.0, math.radians(5.0)
GREYS = (0.9, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03)
GREYS_MM = (78.0, 170.0, 14.0)  # left, top, side
DOTS_MM = (84.0, 26.0, 7.0, 20, 4)  # first dot, distance, columns, rows


@dataclass(frozen=True)
class Shape:
    """A filled polygon (mm, x right, y down) or disc (`radius` about its one point); `light` is linear sRGB."""

    points: tuple[tuple[float, float], ...]
    light: Colour
    radius: float = 0.0


def sheet_shapes() -> list[Shape]:
    """Everything on the sheet, the lowest first."""
    shapes = [_box(0, 0, WIDTH_MM, HEIGHT_MM, (0.8, 0.8, 0.8))]
    for x, y in MARKS_MM:
        shapes.append(_box(x - 8, y - 8, 16, 16, (0.9, 0.9, 0.9)))
        for turn in (0, 180):
            arc = [math.radians(turn + a) for a in range(0, 91, 5)]
            rim = tuple((x + MARK_RADIUS_MM * math.cos(a), y + MARK_RADIUS_MM * math.sin(a)) for a in arc)
            shapes.append(Shape(((x, y), *rim), (0.02, 0.02, 0.02)))
    for x, y in SQUARES_MM:
        c, d, half = math.cos(SQUARE_TURN), math.sin(SQUARE_TURN), SQUARE_MM / 2
        corners = ((-half, -half), (half, -half), (half, half), (-half, half))
        shapes.append(Shape(tuple((x + a * c - b * d, y + a * d + b * c) for a, b in corners), (0.2, 0.2, 0.2)))
    left, top, side = GREYS_MM
    shapes += [_box(left + k * side, top, side, side, (v, v, v)) for k, v in enumerate(GREYS)]
    x0, y0, step, n_x, n_y = DOTS_MM
    shapes += [
        Shape(((x0 + i * step, y0 + j * step),), (0.03, 0.03, 0.03), 1.6)
        for j in range(int(n_y))
        for i in range(int(n_x))
    ]
    reference = chart_reference("classic")
    w, h = (p * PITCH_MM for p in reference.patch)
    # A dark ground, as on the real one.
    rim = 7.0
    across, down = (reference.columns - 1) * PITCH_MM + w + 2 * rim, (reference.rows - 1) * PITCH_MM + h + 2 * rim
    x, y = PATCH_ORIGIN_MM
    shapes.append(_box(x - w / 2 - rim, y - h / 2 - rim, across, down, (0.025, 0.025, 0.025)))
    for (i, j), light in zip(reference.centres(), np.clip(reference.linear_srgb, 0, 1), strict=True):
        r, g, b = (float(v) for v in light)
        shapes.append(_box(x + i * PITCH_MM - w / 2, y + j * PITCH_MM - h / 2, w, h, (r, g, b)))
    return shapes


def _box(x: float, y: float, w: float, h: float, light: Colour) -> Shape:
    return Shape(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), light)


def _rgb(light: Colour) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in np.round(255 * srgb_encode(np.array(light))))
    return r, g, b


def sheet_svg() -> str:
    """The sheet as SVG, A4 landscape, sRGB."""
    parts = []
    for shape in sheet_shapes():
        r, g, b = _rgb(shape.light)
        fill = f"#{r:02x}{g:02x}{b:02x}"
        if shape.radius:
            x, y = shape.points[0]
            parts.append(f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{shape.radius:.3f}" fill="{fill}"/>')
        else:
            points = " ".join(f"{x:.3f},{y:.3f}" for x, y in shape.points)
            parts.append(f'<polygon points="{points}" fill="{fill}"/>')
    size = f'width="{WIDTH_MM:g}mm" height="{HEIGHT_MM:g}mm" viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} shape-rendering="geometricPrecision">{"".join(parts)}</svg>'


def sheet_pdf() -> bytes:
    """The sheet as PDF, A4 landscape; colours are sRGB by their calibrated space."""
    k = 72 / 25.4
    lines = [f"{k:.6f} 0 0 {-k:.6f} 0 {HEIGHT_MM * k:.4f} cm /s cs"]
    for shape in sheet_shapes():
        lines.append("{:.4f} {:.4f} {:.4f} sc".format(*(v / 255 for v in _rgb(shape.light))))
        points = _disc(shape) if shape.radius else shape.points
        (x, y), *others = points
        lines.append(f"{x:.3f} {y:.3f} m " + " ".join(f"{a:.3f} {b:.3f} l" for a, b in others) + " h f")
    content = zlib.compress("\n".join(lines).encode())
    white, gamma = "[0.9505 1 1.089]", "[2.2 2.2 2.2]"
    matrix = "[0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505]"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH_MM * k:.3f} {HEIGHT_MM * k:.3f}] /Contents 4 0 R "
         f"/Resources << /ColorSpace << /s [/CalRGB << /WhitePoint {white} /Gamma {gamma} "
         f"/Matrix {matrix} >>] >> >> >>").encode(),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(content) + content + b"\nendstream",
    ]  # fmt: skip
    out, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    n = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n" % n
        + table
        + (b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (n, len(out)))
    )


def _disc(shape: Shape) -> tuple[tuple[float, float], ...]:
    (x, y), r = shape.points[0], shape.radius
    return tuple((x + r * math.cos(a), y + r * math.sin(a)) for a in np.linspace(0, 2 * np.pi, 64, endpoint=False))


def sheet_light(width_px: int, oversampling: int = 4) -> npt.NDArray[np.float32]:
    """The sheet as float32 [H, W, 3], linear sRGB, every px the mean of oversampling^2 points: a scene for a simulated
    camera, or after `srgb_encode` a picture for a screen.

    Raises
    ------
    UsageError
        If it is below 600 px or above 12000 px wide.
    """
    from PIL import Image, ImageDraw

    if not 600 <= width_px <= 12000:
        raise UsageError(f"a sheet {width_px} px wide", where="width_px", hint="600 to 12000")
    scale = width_px * oversampling / WIDTH_MM
    size = (width_px * oversampling, round(width_px * HEIGHT_MM / WIDTH_MM) * oversampling)
    planes = []
    shapes = sheet_shapes()
    for channel in range(3):
        image = Image.new("F", size)
        draw = ImageDraw.Draw(image)
        for shape in shapes:
            points = _disc(shape) if shape.radius else shape.points
            # A pixel of the drawing is filled where its centre is inside.
            draw.polygon([(x * scale - 0.5, y * scale - 0.5) for x, y in points], fill=shape.light[channel])
        fine = np.asarray(image)
        h, w = fine.shape[0] // oversampling, fine.shape[1] // oversampling
        planes.append(fine.reshape(h, oversampling, w, oversampling).mean((1, 3), dtype=np.float32))
    return np.stack(planes, 2)


def sheet_png(width_px: int = 3508) -> bytes:
    """The sheet as PNG, sRGB, with its size in print (297 mm wide)."""
    import imagecodecs

    pixels = np.round(255 * srgb_encode(sheet_light(width_px, 2 if width_px > 4000 else 4))).astype(np.uint8)
    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    density = round(width_px / WIDTH_MM * 1000)
    body = b"pHYs" + struct.pack(">IIB", density, density, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    # Behind the header, which is always 33 bytes.
    return data[:33] + chunk + data[33:]


@dataclass(frozen=True, eq=False)
class FoundSheet:
    """Where a sheet lies.

    Parameters
    ----------
    homography
        [3, 3]: mm of the sheet to px (x, y).
    marks_px
        float64 [4, 2]: the corner marks, clockwise from the upper left; NaN where one was not seen.
    residual_px
        Root mean square of the marks about the homography.
    chart
        Its patches.
    """

    homography: Floats
    marks_px: Floats
    residual_px: float
    chart: FoundChart

    def to_picture(self, mm: npt.ArrayLike) -> Floats:
        """px [..., 2] of places on the sheet, mm."""
        return apply(self.homography, mm)

    def boxes_of_greys(self) -> tuple[Floats, Floats]:
        """[n, 4] (left, top, right, bottom) px of the row of greys, upright inside of each, and their light [n]."""
        left, top, side = GREYS_MM
        boxes = []
        for k in range(len(GREYS)):
            inner = np.array([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]) * side + [left + k * side, top]
            corners = self.to_picture(inner)
            xs, ys = np.sort(corners[:, 0]), np.sort(corners[:, 1])
            boxes.append([xs[1], ys[1], xs[2], ys[2]])
        return np.array(boxes), np.array(GREYS)


def find_sheet(picture: npt.NDArray[Any], *, is_linear: bool = False) -> FoundSheet | None:
    """The sheet in a picture, or None: by its patches first, then by its corner marks, whose saddles are fitted.

    Arguments as `find_chart`. With fewer than four marks in the picture the patches alone place it.
    """
    chart = find_chart(picture, "classic", is_linear=is_linear)
    if chart is None:
        return None
    to_mm = np.array([[PITCH_MM, 0, PATCH_ORIGIN_MM[0]], [0, PITCH_MM, PATCH_ORIGIN_MM[1]], [0, 0, 1.0]])
    first = chart.placement.homography @ np.linalg.inv(to_mm)
    grey = np.asarray(picture, np.float64).mean(2)
    marks = np.full((4, 2), np.nan)
    for k, mm in enumerate(MARKS_MM):
        rim = apply(first, [mm, (mm[0] + MARK_RADIUS_MM, mm[1])])
        radius = float(np.hypot(*(rim[1] - rim[0])))
        found = _saddle(grey, rim[0], radius)
        if found is not None:
            marks[k] = found
    seen = np.isfinite(marks).all(1)
    if seen.sum() < 4:
        return FoundSheet(first, marks, float("nan"), chart)
    # The marks span the sheet; the patches hold its middle.
    places = np.concatenate([np.array(MARKS_MM), apply(to_mm, chart.reference.corners())])
    homography = fit_homography(places, np.concatenate([marks, chart.corners_px()]))
    off = apply(homography, np.array(MARKS_MM)) - marks
    return FoundSheet(homography, marks, float(np.sqrt(np.mean(off**2))), chart)


def _saddle(grey: Floats, guess: Floats, radius_px: float) -> Floats | None:
    """The saddle of a corner mark near a guess: the place about which the picture is point-symmetric, by the quadratic
    that fits a smoothed neighbourhood; None where there is none."""
    from scipy import ndimage

    if radius_px < 4:
        return None
    reach = int(np.ceil(1.35 * radius_px))
    x0, y0 = int(guess[0]) - reach, int(guess[1]) - reach
    if x0 < 0 or y0 < 0 or x0 + 2 * reach >= grey.shape[1] or y0 + 2 * reach >= grey.shape[0]:
        return None
    smooth = ndimage.gaussian_filter(grey[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach], 0.22 * radius_px)
    # The most saddle-like pixel: the most negative determinant of the second derivatives.
    gy, gx = np.gradient(smooth)
    gyy, gyx = np.gradient(gy)
    gxx = np.gradient(gx, axis=1)
    inner = slice(reach // 2, 2 * reach - reach // 2)
    det = (gxx * gyy - gyx**2)[inner, inner]
    i, j = (int(v) + reach // 2 for v in np.unravel_index(np.argmin(det), det.shape))
    for _ in range(10):
        # One step of Newton to where the gradient is nought.
        hessian = np.array([[gxx[i, j], gyx[i, j]], [gyx[i, j], gyy[i, j]]])
        if np.linalg.det(hessian) >= 0:
            return None
        step = -np.linalg.solve(hessian, [gx[i, j], gy[i, j]])
        if np.abs(step).max() <= 0.6:
            return np.array([x0 + j + 0.5 + step[0], y0 + i + 0.5 + step[1]])
        j, i = int(np.clip(j + round(step[0]), 1, 2 * reach - 2)), int(np.clip(i + round(step[1]), 1, 2 * reach - 2))
    return None
