"""Textures of nature by their statistics: dead leaves, foliage, stars."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UsageError
from lichtbild.simulate.canvas import Canvas
from lichtbild.simulate.paint import enlarged, f32, fractal, leaf_stamps, scatter_leaves, smooth, spread
from lichtbild.simulate.scene import Scene

Float32 = npt.NDArray[np.float32]

# Textures repeat after so many samples: more than most frames of a chart, less than memory.
TILE = 2048
_FINER = 3


def paint_leaves(
    canvas: Canvas, exponent: float = 3.0, smallest_px: float = 1.0, largest_px: float = 0.0, is_grey: bool = False
) -> Scene:
    """Dead leaves: opaque discs over one another, sizes by a power law, colours from the whole cube of Rec.709.

    With the exponent 3 the picture looks alike at every scale, as nature does, and its spectrum falls like 1 / f^2 in
    power; the texture chart of ISO/TS 19567-2 is one. `largest_px` 0: a quarter of the shorter side.

    Truth: `exponent`, `smallest_px`, `largest_px`, `n_discs`, `tile_px`.
    """
    largest = largest_px or 0.25 * canvas.short_px
    if not 1.5 <= exponent <= 5 or not 0 < smallest_px < largest:
        raise UsageError(f"discs of {smallest_px:g} to {largest:g} px by the power {exponent:g}", where="leaves",
                         hint="sizes that rise, 1.5 to 5")  # fmt: skip
    rng = np.random.default_rng(canvas.seed)
    rows, columns = canvas.samples
    tile = (min(rows, TILE), min(columns, TILE))
    low, high = smallest_px * canvas.oversampling, min(largest * canvas.oversampling, 0.4 * min(tile))
    index, colours = _discs(tile, exponent, max(low, 0.7), high, rng)
    if is_grey:
        colours[:] = colours[:, 1:2]
    light = _mean_colours(index, colours)
    light = np.stack([spread(plane, rows, columns) for plane in light])
    truth = {"exponent": exponent, "smallest_px": smallest_px, "largest_px": largest, "n_discs": len(colours),
             "tile_px": [n / canvas.oversampling for n in tile]}  # fmt: skip
    return canvas.scene(light, "leaves", truth)


def _discs(
    tile: tuple[int, int], exponent: float, low: float, high: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], Float32]:
    """Index of the disc on top at every third of a sample, and linear colours: discs laid until nothing shows through
    (a tile is covered ten times), repeating at the borders."""
    from PIL import Image, ImageDraw

    # Mean area of a disc whose radius has the density r^-exponent.
    r = np.geomspace(low, high, 4000)
    density = r**-exponent
    area = np.pi * np.trapezoid(density * r * r, r) / np.trapezoid(density, r)
    n = math.ceil(10 * tile[0] * tile[1] / area)
    u, a = rng.random(n), 1 - exponent
    radius = (low**a + u * (high**a - low**a)) ** (1 / a) * _FINER
    x, y = rng.random(n) * tile[1] * _FINER, rng.random(n) * tile[0] * _FINER
    picture = Image.new("I", (tile[1] * _FINER, tile[0] * _FINER))
    draw = ImageDraw.Draw(picture)
    for k in range(n):
        reach = radius[k]
        for ox in _copies(x[k], reach, tile[1] * _FINER):
            for oy in _copies(y[k], reach, tile[0] * _FINER):
                draw.ellipse((ox - reach, oy - reach, ox + reach, oy + reach), fill=k)
    # Linear values like those of things: few are very bright.
    colours = (0.02 + 0.93 * rng.random((n, 3)) ** 1.6).astype(np.float32)
    return np.asarray(picture, np.int32), colours


def _copies(at: float, reach: float, period: int) -> list[float]:
    return [at, *([at + period] if at < reach else []), *([at - period] if at > period - reach else [])]


def _mean_colours(index: npt.NDArray[np.int32], colours: Float32) -> Float32:
    """float32 [3, h, w]: means of 3 x 3 fine places, in bands of rows."""
    height, width = (n // _FINER for n in index.shape)
    out = np.empty((3, height, width), np.float32)
    for top in range(0, height, 128):
        part = index[top * _FINER : (top + 128) * _FINER]
        band = colours[part].reshape(len(part) // _FINER, _FINER, width, _FINER, 3)
        out[:, top : top + 128] = np.moveaxis(band.mean((1, 3)), 2, 0)
    return out


def paint_foliage(canvas: Canvas) -> Scene:
    """Leaves of all sizes over dark wood, lit from above: texture at every scale and of little contrast, which noise
    reduction likes to wipe away. Truth: `n_leaves`."""
    rng = np.random.default_rng(canvas.seed)
    rows, columns = canvas.samples
    noise = fractal(1024, 1.2, rng)
    light = f32(0.012, 0.016, 0.008) * (1.2 + 0.5 * spread(noise, rows, columns))
    n_leaves = 0
    # Small and deep in the shade first, large and lit last.
    for share, cover, height in ((0.010, 1.2, 0.25), (0.018, 1.0, 0.45), (0.032, 0.8, 0.7), (0.055, 0.45, 1.0)):
        size = max(4, round(share * canvas.short_px * canvas.oversampling))
        n = max(8, int(cover * rows * columns / (0.16 * size * size)))
        places = rng.random((n, 2)) * [columns, rows]
        lit = height * (0.4 + 0.6 * rng.random(n))
        warm = rng.random(n) ** 4
        colours = np.stack([0.05 + 0.25 * warm, 0.13 + 0.05 * warm, 0.028 + 0.01 * warm], 1) * (lit * 1.5)[:, None]
        scatter_leaves(light, places, leaf_stamps(size, 24, rng), colours, rng)
        n_leaves += n
    light *= 1 + 0.06 * spread(noise, rows, columns, 300, 700)
    return canvas.scene(np.maximum(light, np.float32(1e-4)), "foliage", {"n_leaves": n_leaves})


def paint_stars(canvas: Canvas, n_stars: int = 0, brightest: float = 1000.0) -> Scene:
    """A night sky: stars up to `brightest` times white, most of them faint, over a hill with one lit window.

    Truth: `stars`, each with x, y and `flux`: its light summed over the picture, in white times px^2; `sigma_px` of
    their (Gaussian) discs.
    """
    if not brightest > 0:
        raise UsageError(f"stars of {brightest:g} times white", where="brightest", hint="more than 0")
    rng = np.random.default_rng(canvas.seed)
    rows, columns = canvas.samples
    x, y = canvas.x(), canvas.y()
    height, width = canvas.shape
    noise = fractal(512, 1.6, rng)
    cloud = enlarged(spread(noise, 256, 384), rows, columns)
    band = np.exp(-((((x - 0.6 * width) * 0.8 + (y - 0.3 * height) * 0.6) / (0.16 * width)) ** 2))
    glow = np.clip((y / height), 0, 1) ** 3
    sky = 0.0010 + 0.0022 * band * np.clip(0.8 + 0.35 * cloud, 0.1, 2) + 0.002 * glow
    light = (f32(0.9, 1.0, 1.25) * sky).astype(np.float32)
    n = n_stars or max(12, int(height * width / 900))
    # A star's brightness: ten times fainter stars are four times as many (a uniform universe has 10^1.5).
    peak = brightest * np.arange(1.0, n + 1) ** (-1 / 0.6)
    sigma = 0.6
    stars = []
    tints = np.stack([rng.uniform(0.75, 1.1, n), np.ones(n), rng.uniform(0.7, 1.3, n)], 1)
    for k in range(n):
        sx, sy = rng.uniform(0, width), rng.uniform(0, 0.8 * height)
        cx, cy = ((v + canvas.margin_px) * canvas.oversampling - 0.5 for v in (sx, sy))
        j, i = int(cx), int(cy)
        if min(i, j) < 5 or i > rows - 7 or j > columns - 7 or peak[k] < 2e-3:
            continue
        bell = [np.exp(-((np.arange(q - 5, q + 7) - p) ** 2) / (2 * sigma**2)) for p, q in ((cy, i), (cx, j))]
        disc = np.outer(*bell).astype(np.float32) * peak[k]
        light[:, i - 5 : i + 7, j - 5 : j + 7] += disc * np.float32(tints[k])[:, None, None]
        flux = float(peak[k] * 2 * np.pi * sigma**2 / canvas.oversampling**2)
        stars.append({"x": sx, "y": sy, "flux": flux, "tint": tints[k].tolist()})
    _hill(canvas, light, rng)
    visible = [s for s in stars if s["y"] < 0.74 * height]
    return canvas.scene(light, "stars", {"stars": visible, "sigma_px": sigma / canvas.oversampling})


def _hill(canvas: Canvas, light: Float32, rng: np.random.Generator) -> None:
    """A dark outline at the foot, and a lit window in it."""
    height, width = canvas.shape
    x = canvas.x() / width
    line = height * (0.86 - 0.05 * np.sin(3.1 * x + 0.4) - 0.02 * np.sin(11 * x) - 0.004 * np.sin(63 * x))
    ground = smooth(-1.0, 1.0, (canvas.y() - line) * canvas.oversampling)
    light *= 1 - ground
    light += ground * f32(0.0004, 0.0005, 0.0006)
    side = 0.012 * height
    window = (canvas.rows(0.9 * height, 0.9 * height + side), canvas.columns(0.3 * width, 0.3 * width + side))
    light[(slice(None), *window)] = f32(2.2, 1.3, 0.5)
