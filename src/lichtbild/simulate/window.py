"""A room against the light: a bright garden through a window, a dark wall around it, things on the sill and before it.

Four distances (garden, wall, sill, what swings in the room), twelve stops from sunlit plaster to a shelf in the shade.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lichtbild.core.spectra import colorchecker, illuminant, rgb_of
from lichtbild.simulate.canvas import Canvas
from lichtbild.simulate.paint import f32, fractal, leaf_stamps, letters, over, scatter_leaves, smooth, sphere, spread
from lichtbild.simulate.scene import Layer, Scene, Travel

Float32 = npt.NDArray[np.float32]

# Light outside and in the room, white = 1 in between.
OUTSIDE, INSIDE = 14.0, 0.09
GARDEN_M, WALL_M, SILL_M, LAMP_M = 40.0, 3.0, 2.6, 1.6
# The pane in shares of the frame: left, top, right, bottom.
PANE = (0.30, 0.10, 0.80, 0.70)
_FRAME = 10


def paint_backlit(canvas: Canvas) -> Scene:
    """The room. Truth: `pane_px`, `depths_m`, `stops` (log2 of the brightest light over the darkest)."""
    rng = np.random.default_rng(canvas.seed)
    noise = fractal(1024, 1.25, rng)
    garden = _garden(canvas, noise, rng)
    height, width = canvas.shape
    pane = (PANE[0] * width, PANE[1] * height, PANE[2] * width, PANE[3] * height)
    in_front = (_wall(canvas, pane, noise), _plant(canvas, pane, rng), _lamp(canvas))
    stops = math.log2(float(garden.max()) / 0.0025)
    truth = {"pane_px": list(pane), "stops": stops,
             "depths_m": {"garden": GARDEN_M, "wall": WALL_M, "plant": SILL_M, "lamp": LAMP_M}}  # fmt: skip
    scene = canvas.scene(garden, "backlit", truth, in_front)
    ground = Layer(garden, depth_m=GARDEN_M, name="garden")
    return Scene((ground, *scene.layers[1:]), scene.oversampling, scene.margin_px, scene.name, scene.truth)


def _garden(canvas: Canvas, noise: Float32, rng: np.random.Generator) -> Float32:
    """Sky with clouds, trees, a sunlit wall, grass."""
    rows, columns = canvas.samples
    height, width = canvas.shape
    y = canvas.y() / height
    cloud = smooth(-0.3, 1.6, spread(noise, rows, columns))
    sky = f32(0.50, 0.72, 1.05) * (1.15 - 0.5 * y) + cloud * f32(0.55, 0.40, 0.2)
    light = (sky * OUTSIDE).astype(np.float32)
    x = canvas.x() / width
    edge = 0.46 + 0.03 * np.sin(9 * x + 1) + 0.02 * np.sin(23 * x) + 0.015 * np.sin(61 * x + 2)
    trees = smooth(-1, 1, (y - edge) * height * canvas.oversampling / 3)
    bark = f32(0.05, 0.09, 0.03) * OUTSIDE * (1 + 0.35 * spread(noise, rows, columns, 211, 40))
    light += trees * (bark - light)
    size = max(4, round(0.022 * canvas.short_px * canvas.oversampling))
    n = int(0.6 * rows * columns / (size * size))
    places = np.stack([rng.random(n) * columns, (0.47 + 0.17 * rng.random(n) ** 0.8) * height * canvas.oversampling
                       + canvas.margin_px * canvas.oversampling], 1)  # fmt: skip
    lit = rng.random(n) ** 1.5
    colours = np.stack([0.05 + 0.22 * lit, 0.09 + 0.24 * lit, 0.02 + 0.03 * lit], 1) * OUTSIDE
    scatter_leaves(light, places, leaf_stamps(size, 24, rng), colours, rng)
    lawn = canvas.rows(0.63 * height, 2 * height)
    blades = 1 + 0.3 * spread(noise, lawn.stop - lawn.start, columns, 5, 600)
    light[:, lawn] = f32(0.13, 0.26, 0.06) * OUTSIDE * np.maximum(blades, 0.2)
    house = (slice(None), canvas.rows(0.36 * height, 0.62 * height), canvas.columns(0.36 * width, 0.48 * width))
    plaster = 1 + 0.05 * spread(noise, *light[house].shape[1:], 77, 3)
    light[house] = f32(0.95, 0.86, 0.70) * 2.1 * OUTSIDE * plaster
    return np.maximum(light, np.float32(1e-3))


def _wall(canvas: Canvas, pane: tuple[float, ...], noise: Float32) -> Layer:
    """The wall with its hole, bars in the hole, a shelf with coloured books, a note with small print."""
    rows, columns = canvas.samples
    width = canvas.shape[1]
    light = np.zeros((4, rows, columns), np.float32)
    x, y, scale = canvas.x(), canvas.y(), canvas.oversampling
    nearness = np.exp(-np.maximum(np.maximum(pane[0] - x, x - pane[2]), 0) / (0.25 * width)) * np.ones_like(y)
    paper = 1 + 0.05 * spread(noise, rows, columns, 500, 500)
    light[:3] = f32(0.62, 0.58, 0.52) * INSIDE * (0.35 + 0.65 * nearness) * paper
    light[3] = 1
    _books(canvas, light)
    _note(canvas, light)
    across, down = (
        smooth(-1, 1, _inside(x, pane[0], pane[2], scale)),
        smooth(-1, 1, _inside(y, pane[1], pane[3], scale)),
    )
    bar = 0.012 * width
    middle = ((pane[0] + pane[2]) / 2, (pane[1] * 0.45 + pane[3] * 0.55))
    bars = np.maximum(smooth(-1, 1, (bar / 2 - np.abs(x - middle[0])) * scale),
                      smooth(-1, 1, (bar / 2 - np.abs(y - middle[1])) * scale))  # fmt: skip
    light *= 1 - across * down * (1 - bars)
    # Beyond the ground's border, so that its own is never seen.
    light = np.pad(light, ((0, 0), (16, 16), (16, 16)), mode="edge")
    for side in (np.s_[:, :8], np.s_[:, -8:], np.s_[:, :, :8], np.s_[:, :, -8:]):
        light[side] = 0
    return Layer(light, _middle(canvas), WALL_M, name="wall")


def _middle(canvas: Canvas) -> tuple[float, float]:
    """Where the middle of a layer as large as the ground lies, px."""
    rows, columns = (n / canvas.oversampling / 2 - canvas.margin_px for n in canvas.samples)
    return columns, rows


def _note(canvas: Canvas, light: Float32) -> None:
    """A card with small print."""
    height, width = canvas.shape
    top, left = canvas.rows(0.16 * height, height).start, canvas.columns(0.05 * width, width).start
    size = max(6, round(0.02 * height * canvas.oversampling))
    lines = [letters(text, size) for text in ("Back at noon.", "The key is under", "the third pot.")]
    card = np.ones((6 * size, max(line.shape[1] for line in lines) + 2 * size), np.float32)
    over(light, top, left, card, f32(0.8, 0.78, 0.7) * INSIDE)
    for k, line in enumerate(lines):
        over(light, top + round((0.9 + 1.5 * k) * size), left + size, line, f32(0.05, 0.05, 0.06) * INSIDE)


def _inside(at: Float32, low: float, high: float, scale: float) -> Float32:
    """Distance to the nearer border, samples, positive inside."""
    return np.asarray(np.minimum(at - np.float32(low), np.float32(high) - at) * np.float32(scale))


def _books(canvas: Canvas, light: Float32) -> None:
    """A shelf under the window with the chart's colours as books, in the deep shade."""
    height, width = canvas.shape
    _, reflectance = colorchecker()
    colours = np.maximum(rgb_of(reflectance, illuminant("D65")), 0.01)
    board = (slice(0, 3), canvas.rows(0.955 * height, 0.97 * height), canvas.columns(0.28 * width, 0.98 * width))
    light[board] = f32(0.25, 0.16, 0.09) * INSIDE * 0.6
    for k in range(18):
        left = (0.30 + 0.036 * k) * width
        tall = (0.11 + 0.03 * ((k * 7) % 5) / 4) * height
        rows, columns = canvas.rows(0.955 * height - tall, 0.955 * height), canvas.columns(left, left + 0.033 * width)
        book = np.float32(colours[(k * 5) % 18])[:, None, None] * INSIDE * 0.5
        spine = 0.35 + 0.65 * np.sin(np.linspace(0.15, np.pi - 0.15, columns.stop - columns.start, dtype=np.float32))
        light[:3, rows, columns] = book * spine


def _plant(canvas: Canvas, pane: tuple[float, ...], rng: np.random.Generator) -> Layer:
    """Leaves against the light on the sill: dark, and green where light comes through them."""
    scale = canvas.oversampling
    tall, wide = 0.30 * canvas.shape[0], 0.16 * canvas.shape[1]
    rows, columns = (round(n * scale) + 2 * _FRAME for n in (tall, wide))
    light = np.zeros((4, rows, columns), np.float32)
    size = max(5, round(0.05 * canvas.short_px * scale))
    n = 90
    inner = (size // 2 + _FRAME, columns - size // 2 - _FRAME, rows - size // 2 - _FRAME)
    t = rng.random(n)
    places = np.stack([np.clip(columns / 2 + rng.normal(0, 0.22, n) * columns * (1.1 - t), inner[0], inner[1]),
                       np.clip(rows * (0.05 + 0.75 * t), inner[0], inner[2])], 1)  # fmt: skip
    through = rng.random(n) ** 2
    colours = np.stack([0.02 + 0.10 * through, 0.03 + 0.22 * through, 0.01 + 0.02 * through], 1) * OUTSIDE * 0.35
    scatter_leaves(light, places, leaf_stamps(size, 24, rng), colours, rng)
    pot = (slice(rows - round(0.22 * rows) - _FRAME, rows - _FRAME), slice(round(0.3 * columns), round(0.7 * columns)))
    light[(slice(0, 3), *pot)] = f32(0.45, 0.18, 0.09) * INSIDE
    light[(3, *pot)] = 1
    centre = (pane[0] + 0.42 * (pane[2] - pane[0]), pane[3] - 0.42 * tall)
    return Layer(light, centre, SILL_M, name="plant")


def _lamp(canvas: Canvas) -> Layer:
    """A lamp of paper on its cord that swings past."""
    radius = 0.045 * canvas.shape[0] * canvas.oversampling
    cover, ball = sphere(radius, f32(0.9, 0.85, 0.75), (0.6, 0.2, 0.4), sun_light=f32(1.0, 1.0, 1.0) * 0.5,
                         sky_light=f32(1.0, 1.0, 1.1) * INSIDE)  # fmt: skip
    n = cover.shape[0] + 2 * _FRAME
    light = np.zeros((4, n, n), np.float32)
    over(light, _FRAME, _FRAME, cover, ball)
    height, width = canvas.shape
    travel = Travel((0.05 * height, 0.004 * height), turn_deg_s=20.0)
    return Layer(light, (0.16 * width, 0.45 * height), LAMP_M, travel, "lamp")
