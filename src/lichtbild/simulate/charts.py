"""Charts that know their answer: edges, stars, wedges, patches, lines. `truth` of each scene holds what a laboratory is
to find; places are px of frame 0 without distortion, a pixel's centre at + 0.5."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UsageError
from lichtbild.core.spectra import colorchecker, illuminant, rgb_of, xyz_of
from lichtbild.simulate.canvas import FLAT_TO, Canvas, checked_contrast, edge
from lichtbild.simulate.paint import letters, over
from lichtbild.simulate.scene import Materials, Scene

Float32 = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]


def paint_flat(canvas: Canvas, level: float = 0.5) -> Scene:
    """One grey everywhere."""
    return canvas.scene(canvas.blank(_reflectance(level)), "flat", {"level": level})


def paint_edges(canvas: Canvas, angle_deg: float = 5.0, contrast: float = 4.0, high: float = 0.8) -> Scene:
    """Dark squares on a bright ground, each turned by `angle_deg`: four edges each for the e-SFR (ISO 12233).

    Truth: `edges`, each with its two ends (x0, y0, x1, y1), the side that is dark (unit vector to it), `angle_deg` from
    the nearer axis, `low` and `high`; `flat_to_cy_px`: up to this frequency the scene's edge has modulation 1.
    """
    low = high / contrast if contrast > 0 else -1.0
    checked_contrast(low, high)
    if not 0 <= abs(angle_deg) <= 44:
        raise UsageError(f"{angle_deg:g} degrees", where="angle_deg", hint="-44 to 44")
    height, width = canvas.shape
    step = canvas.short_px / max(1, round(canvas.short_px / 160)) if canvas.short_px >= 320 else canvas.short_px
    half = 0.30 * step
    light, edges = np.full((1, *canvas.samples), high, np.float32), []
    n_y, n_x = max(1, int(height // step)), max(1, int(width // step))
    for i in range(n_y):
        for j in range(n_x):
            # Middles off the grid of pixels, so that phases of edges differ.
            cx = (j + 0.5) * width / n_x + 0.37 * i
            cy = (i + 0.5) * height / n_y + 0.29 * j
            _square(canvas, light[0], (cx, cy), half, angle_deg, low, high)
            edges += _sides((cx, cy), half, angle_deg, low, high)
    truth = {"edges": edges, "flat_to_cy_px": FLAT_TO * canvas.oversampling, "angle_deg": angle_deg,
             "contrast": contrast, "low": low, "high": high}  # fmt: skip
    return canvas.scene(np.repeat(light, 3, 0), "edges", truth)


def _square(
    canvas: Canvas, light: Float32, middle: tuple[float, float], half: float, angle_deg: float, low: float, high: float
) -> None:
    """Draw one dark square, in place: the product of two strips, so that its edges are exact but near the corners."""
    reach = half * 1.42 + 48 / canvas.oversampling
    rows = canvas.rows(middle[1] - reach, middle[1] + reach)
    columns = canvas.columns(middle[0] - reach, middle[0] + reach)
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    dx, dy = canvas.x()[:, columns] - np.float32(middle[0]), canvas.y()[rows] - np.float32(middle[1])
    scale = canvas.oversampling
    u, v = (dx * c + dy * s) * scale, (dy * c - dx * s) * scale
    strip = [edge(w + half * scale) - edge(w - half * scale) for w in (u, v)]
    light[rows, columns] += np.float32(low - high) * strip[0] * strip[1]


def _sides(
    middle: tuple[float, float], half: float, angle_deg: float, low: float, high: float
) -> list[dict[str, object]]:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    found: list[dict[str, object]] = []
    for name, (nx, ny) in {"right": (1, 0), "bottom": (0, 1), "left": (-1, 0), "top": (0, -1)}.items():
        # Outward normal, and the side's two ends, turned with the square.
        out = (nx * c - ny * s, nx * s + ny * c)
        along = (-out[1], out[0])
        foot = [m + half * o for m, o in zip(middle, out, strict=True)]
        ends = [f + k * half * a for k in (-1, 1) for f, a in zip(foot, along, strict=True)]
        found.append({"side": name, "x0": ends[0], "y0": ends[1], "x1": ends[2], "y1": ends[3],
                      "dark": [-out[0], -out[1]], "angle_deg": angle_deg, "low": low, "high": high})  # fmt: skip
    return found


def paint_siemens(canvas: Canvas, n_cycles: int = 72, contrast: float = 0.8, level: float = 0.45) -> Scene:
    """A star of sinusoidal spokes (ISO 12233:2017, annex E) in the middle, one in each corner on wide frames.

    Truth: `stars`, each with its middle, outer and inner radius (px; inside of `inner_px` modulation fades, as samples
    no longer hold it), `n_cycles`, `low`, `high`: light = level (1 + contrast cos(n angle)).
    """
    if not 0 < contrast <= 1 or n_cycles < 4:
        raise UsageError(f"{n_cycles} cycles of contrast {contrast:g}", where="siemens", hint="4 or more; 0 to 1")
    light, stars = canvas.blank(_reflectance(level)), []
    height, width = canvas.shape
    outer = 0.42 * canvas.short_px
    middles = [(width / 2, height / 2, outer, n_cycles)]
    corner = 0.11 * canvas.short_px
    if width > 1.2 * height:
        middles += [(x, y, corner, n_cycles // 3) for x in (corner * 1.2, width - corner * 1.2)
                    for y in (corner * 1.2, height - corner * 1.2)]  # fmt: skip
    for cx, cy, radius, n in middles:
        rows = canvas.rows(cy - radius - 2, cy + radius + 2)
        columns = canvas.columns(cx - radius - 2, cx + radius + 2)
        dx, dy = canvas.x()[:, columns] - np.float32(cx), canvas.y()[rows] - np.float32(cy)
        r = np.hypot(dx, dy)
        cycles = n / (2 * np.pi * np.maximum(r, 1e-3)) / canvas.oversampling
        held = np.clip((0.5 - cycles) / (0.5 - FLAT_TO), 0, 1)
        inside = np.clip((radius - r) / 2, 0, 1)
        wave = np.cos(n * np.arctan2(dy, dx)) * (held * held * (3 - 2 * held)) * inside
        light[:, rows, columns] += np.float32(level * contrast) * wave
        inner = n / (2 * np.pi * FLAT_TO * canvas.oversampling)
        stars.append({"x": cx, "y": cy, "outer_px": radius - 2, "inner_px": inner, "n_cycles": n,
                      "low": level * (1 - contrast), "high": level * (1 + contrast)})  # fmt: skip
    return canvas.scene(light, "siemens", {"stars": stars, "level": level, "contrast": contrast})


def paint_colorchecker(canvas: Canvas, light: str = "D65", level: float = 1.0) -> Scene:
    """The 24 patches of the ColorChecker in a light of your choice, on dark grey.

    Truth: `patches`, each with its name, box (left, top, right, bottom), linear Rec.709 `rgb` to the adapted eye, `xyz`
    in that light (white has Y = `level`) and `reflectance` from 380 to 780 nm; `illuminant`, its `white_xyz`.
    """
    spectrum, level = illuminant(light), _reflectance(level)
    names, reflectance = colorchecker()
    rgb = rgb_of(reflectance, spectrum)
    ground = 0.06 * level
    picture = canvas.blank(ground)
    index = np.zeros(canvas.samples, np.uint8)
    patches = []
    for name, spectral, colour, box in zip(names, reflectance, rgb, patch_boxes(canvas), strict=True):
        place = canvas.rows(box[1], box[3]), canvas.columns(box[0], box[2])
        index[place] = len(patches) + 1
        # Rec.709 holds all but the cyan patch, whose red would be below 0.
        seen = np.maximum(colour, 0) * level
        picture[(slice(None), *place)] = np.float32(seen)[:, None, None]
        patches.append({"name": name, "box_px": list(box), "rgb": seen.tolist(), "reflectance": spectral.tolist(),
                        "xyz": (xyz_of(spectral * spectrum) * level).tolist()})  # fmt: skip
    truth = {"patches": patches, "illuminant": light, "white_xyz": xyz_of(spectrum).tolist(), "ground": ground}
    grey = np.full((1, len(spectrum)), ground / level if level else 0.0)
    radiance = np.concatenate([grey, reflectance]) * spectrum * level
    made = canvas.scene(picture, "colorchecker", truth)
    return replace(made, layers=(replace(made.layers[0], materials=Materials(index, radiance, spectrum)),))


def patch_boxes(canvas: Canvas) -> list[Box]:
    """Boxes of four rows of six patches that fill the frame with a border."""
    height, width = canvas.shape
    pitch = min(width / 6.4, height / 4.4)
    left, top = width / 2 - 3 * pitch, height / 2 - 2 * pitch
    gap = 0.07 * pitch
    return [
        canvas.whole((left + j * pitch + gap, top + i * pitch + gap, left + (j + 1) * pitch - gap,
                      top + (i + 1) * pitch - gap))
        for i in range(4) for j in range(6)
    ]  # fmt: skip


def paint_wedge(canvas: Canvas, n_steps: int = 20, density_step: float = 0.15) -> Scene:
    """Grey steps from white down, each darker by a density step, for tone, noise and dynamic range.

    Truth: `patches`, each with its box, `density` and `luminance` (1 = white).
    """
    if not 2 <= n_steps <= 64 or not density_step > 0:
        raise UsageError(f"{n_steps} steps of density {density_step:g}", where="wedge", hint="2 to 64 steps, above 0")
    n_columns = math.ceil(math.sqrt(n_steps * canvas.shape[1] / canvas.shape[0]))
    n_rows = math.ceil(n_steps / n_columns)
    pitch_x, pitch_y = canvas.shape[1] / n_columns, canvas.shape[0] / n_rows
    picture, patches = canvas.blank(10 ** (-density_step * n_steps / 2)), []
    for k in range(n_steps):
        i, j = divmod(k, n_columns)
        box = canvas.whole((j * pitch_x, i * pitch_y, (j + 1) * pitch_x, (i + 1) * pitch_y))
        luminance = 10 ** (-density_step * k)
        picture[:, canvas.rows(box[1], box[3]), canvas.columns(box[0], box[2])] = luminance
        patches.append({"name": f"step {k}", "box_px": list(box), "density": density_step * k, "luminance": luminance})
    return canvas.scene(picture, "wedge", {"patches": patches, "density_step": density_step})


def paint_hyperbolas(canvas: Canvas, low_cy_px: float = 0.05, high_cy_px: float = 0.6, contrast: float = 0.8) -> Scene:
    """Sinusoidal lines whose frequency grows along them, upright and lying: where do they merge, where do they alias?

    Truth: `wedges`, each with its box, `axis` (across which the lines lie), and the frequency at its two ends:
    linear in between.
    """
    if not 0 < low_cy_px < high_cy_px or high_cy_px > 0.45 * canvas.oversampling:
        raise UsageError(
            f"lines from {low_cy_px:g} to {high_cy_px:g} cycles a px at {canvas.oversampling:g} samples a px",
            where="hyperbolas", hint="rising, the last at most 0.45 of a sample",
        )  # fmt: skip
    picture, wedges = canvas.blank(0.45), []
    height, width = canvas.shape
    x, y = canvas.x(), canvas.y()
    for axis, box in (("x", (0.06 * width, 0.08 * height, 0.40 * width, 0.92 * height)),
                      ("y", (0.48 * width, 0.20 * height, 0.94 * width, 0.80 * height))):  # fmt: skip
        left, top, right, bottom = box
        rows, columns = canvas.rows(top, bottom), canvas.columns(left, right)
        across = x[:, columns] - (left + right) / 2 if axis == "x" else y[rows] - (top + bottom) / 2
        along = (y[rows] - top) / (bottom - top) if axis == "x" else (x[:, columns] - left) / (right - left)
        frequency = low_cy_px + (high_cy_px - low_cy_px) * along
        n_lines = 9.5
        # Whole lines only: the wedge narrows as its lines do.
        phase = frequency * across
        inside = np.clip((n_lines / 2 - np.abs(phase)) * 4, 0, 1)
        picture[:, rows, columns] += np.float32(0.45 * contrast) * np.cos(2 * np.pi * phase) * inside
        wedges.append({"axis": axis, "box_px": list(box), "low_cy_px": low_cy_px, "high_cy_px": high_cy_px,
                       "n_lines": n_lines, "low": 0.45 * (1 - contrast), "high": 0.45 * (1 + contrast)})  # fmt: skip
    return canvas.scene(picture, "hyperbolas", {"wedges": wedges})


_SENTENCES = ("Light is counted, not drawn.", "The quick brown fox jumps over the lazy dog",
              "0123456789 f/2.2 1/125 s ISO 800", "Every photon arrives alone.")  # fmt: skip


def paint_text(canvas: Canvas, contrast: float = 20.0) -> Scene:
    """Lines of print, each smaller than the one before it.

    Truth: `lines`, each with its text, box and height of its letters in px.
    """
    if not contrast > 1:
        raise UsageError(f"a contrast of {contrast:g}", where="contrast", hint="more than 1")
    picture, lines = canvas.blank(0.85), []
    height, width = canvas.shape
    top, size, k = 0.06 * height, 0.075 * height, 0
    while top + size < 0.96 * height and size > 4:
        left = 0.05 * width
        while left < 0.8 * width:
            # Drawn three times as fine and brought to samples by means: print has no stairs.
            big = letters(_SENTENCES[k % len(_SENTENCES)], round(size * canvas.oversampling) * 3)
            big = np.pad(big, ((0, -big.shape[0] % 3), (0, -big.shape[1] % 3)))
            cover = big.reshape(big.shape[0] // 3, 3, big.shape[1] // 3, 3).mean((1, 3))
            at = canvas.rows(top, height).start, canvas.columns(left, width).start
            over(picture, *at, cover.astype(np.float32), np.full((3, 1, 1), 0.85 / contrast, np.float32))
            wide = cover.shape[1] / canvas.oversampling
            lines.append({"text": _SENTENCES[k % len(_SENTENCES)], "size_px": size,
                          "box_px": [left, top, left + wide, top + cover.shape[0] / canvas.oversampling]})  # fmt: skip
            left += wide + size
            k += 1
        top += 1.35 * size
        size *= 0.86
    return canvas.scene(picture, "text", {"lines": lines, "contrast": contrast})


def _reflectance(level: float) -> float:
    if not level >= 0:
        raise UsageError(f"a reflectance of {level:g}", where="level", hint="0 or more")
    return level
