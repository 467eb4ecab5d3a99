"""A harbour town in the evening, painted by rule: sky, mountains, houses, water, a quay with a market stand.

It holds what makes photography hard: the sun and lamps far above white, glints, lit windows beside dark doors, leaves
against the sky, shutters and tiles near the limit of resolution, writing, smooth skies, and things that move.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.simulate.houses import paint_town
from lichtbild.simulate.paint import (
    Float32,
    enlarged,
    f32,
    fractal,
    leaf_stamps,
    over,
    scatter_leaves,
    smooth,
    spread,
)
from lichtbild.simulate.scene import DEFAULT_MARGIN_PX, Layer, Scene, Travel, samples_for
from lichtbild.simulate.stand import balloon, boat, gull, paint_stand, rolling_ball

SUN = (0.775, 0.262)  # place of the sun, of width and height
HORIZON = 0.47
SHORE = 0.575  # foot of the town
QUAY = 0.79  # edge of the quay
SUN_LIGHT = f32(1.15, 0.86, 0.55)
SKY_LIGHT = f32(0.30, 0.38, 0.52)


def procedural_scene(
    shape: tuple[int, int] = (3024, 4032),
    oversampling: float = 1.5,
    margin_px: int | None = None,
    seed: int = 0,
    *,
    has_movers: bool = True,
) -> Scene:
    """The scene for frames of `shape`, the same at every size but for the finest detail. `margin_px` None: as much as
    `DEFAULT_MARGIN_PX` is for 12 MP.

    Cost: about 0.6 s of processor a million samples; 12 bytes a sample and as much again while it is painted.
    """
    rng = np.random.default_rng(seed)
    if margin_px is None:
        margin_px = max(16, round(DEFAULT_MARGIN_PX * shape[0] / 3024))
    height, width = samples_for(shape, oversampling, margin_px)
    canvas = np.zeros((3, height, width), np.float32)
    noise = fractal(1024, 1.15, rng)
    _sky(canvas, noise, rng)
    _mountains(canvas, noise, rng)
    paint_town(canvas, noise, rng, HORIZON, SHORE)
    _water(canvas, noise)
    _quay(canvas, noise, rng)
    paint_stand(canvas, noise, rng, SUN_LIGHT, SKY_LIGHT)
    _wall(canvas, noise, rng)
    _branch(canvas, rng)
    np.maximum(canvas, np.float32(2e-4), out=canvas)
    movers = _movers(shape, oversampling, noise, rng) if has_movers else ()
    return Scene.flat(canvas, oversampling, margin_px, movers, "harbour")


def _axes(canvas: Float32) -> tuple[Float32, Float32]:
    """v [H, 1] and u [1, W], 0 to 1 at sample centres."""
    _, h, w = canvas.shape
    v, u = (np.arange(h, dtype=np.float32) + 0.5) / h, (np.arange(w, dtype=np.float32) + 0.5) / w
    return v[:, None], u[None, :]


def _sky(canvas: Float32, noise: Float32, rng: np.random.Generator) -> None:
    """Blue above, amber at the horizon, the sun's glow, clouds lit from its side."""
    _, h, w = canvas.shape
    rows = int(HORIZON * h) + h // 12
    v, u = _axes(canvas)
    v = v[:rows]
    t = np.clip(v / HORIZON, 0, 1)
    top, middle, low = f32(0.16, 0.30, 0.62), f32(0.48, 0.60, 0.74), f32(1.25, 0.84, 0.50)
    sky = top + (middle - top) * smooth(0.0, 0.75, t) + (low - middle) * smooth(0.55, 1.0, t) ** 1.5
    # Painted at a quarter of the size where it is smooth, then enlarged.
    q = 4
    us, vs = u[:, ::q], v[::q]
    distance = np.hypot((us - SUN[0]) * (w / h), vs - SUN[1])
    glow = 1.1 * np.exp(-distance / 0.05) + 0.5 * np.exp(-distance / 0.22)
    banks = spread(noise, vs.shape[0] * 2, us.shape[1] // 2, 300, 100)
    banks = enlarged(banks[:: max(1, banks.shape[0] // 240), :: max(1, banks.shape[1] // 400)], *glow.shape)
    fine = enlarged(spread(noise, min(1024, 2 * glow.shape[0]), min(1024, glow.shape[1] // 2 + 1)), *glow.shape)
    cloud = smooth(0.25, 1.9, banks + 0.42 * fine + 0.7 * np.sin(vs * 21 + 1)) * smooth(0.02, 0.2, vs)
    lit = smooth(-1.5, 1.2, np.roll(banks + 0.5 * fine, -max(2, w // 500), 1) - (banks + 0.5 * fine) + 0.2)
    for c in range(3):
        light = enlarged(glow * float(SUN_LIGHT[c, 0, 0]) * 1.4, rows, w)
        white = (0.42 + 0.75 * lit) * float(f32(1.0, 0.86, 0.76)[c, 0, 0]) + 0.25 * glow
        cover = enlarged(cloud * 0.85, rows, w)
        view = canvas[c, :rows]
        view[:] = sky[c] + light
        view += cover * (enlarged(white, rows, w) - view)
    radius = 0.017 * h
    cy, cx = SUN[1] * h, SUN[0] * w
    n = int(radius * 1.3) + 2
    y, x = np.mgrid[-n : n + 1, -n : n + 1].astype(np.float32)
    disc = np.clip((radius - np.hypot(x, y)) / 2 + 0.5, 0, 1)
    over(canvas, int(cy) - n, int(cx) - n, disc.astype(np.float32), f32(90.0, 62.0, 30.0))


def _ridge(width: int, roughness: float, rng: np.random.Generator) -> Float32:
    """Fractal outline [width], mean 0, about -1 to 1."""
    n = 4096
    f = np.fft.rfftfreq(n)
    f[0] = 1
    spectrum = (rng.standard_normal(len(f)) + 1j * rng.standard_normal(len(f))) * f**-roughness
    spectrum[:2] = 0
    line = np.fft.irfft(spectrum, n)[: n // 2]
    line /= np.abs(line).max()
    return np.interp(np.linspace(0, n // 2 - 1, width), np.arange(n // 2), line).astype(np.float32)


def _mountains(canvas: Float32, noise: Float32, rng: np.random.Generator) -> None:
    """Three ridges, the farther the hazier, with rocks and woods."""
    _, h, w = canvas.shape
    haze = f32(0.88, 0.72, 0.60)
    plans = (
        (0.350, 0.080, 1.30, 0.50, f32(0.15, 0.15, 0.21), 0.45),
        (0.410, 0.045, 1.35, 0.28, f32(0.085, 0.10, 0.11), 0.45),
        (0.452, 0.030, 1.40, 0.10, f32(0.045, 0.075, 0.030), 0.60),
    )
    for level, rise, roughness, air, rock, contrast in plans:
        line = (level - rise * _ridge(w, roughness, rng)) * h
        top, bottom = int(line.min()) - 2, int(SHORE * h)
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        cover = np.clip(y - line[None, :] + 0.5, 0, 1)
        shift = rng.integers(0, 1024, 2)
        coarse = enlarged(spread(noise, max(8, (bottom - top) * 900 // w), 900, *shift), bottom - top, w)
        fine = spread(noise, bottom - top, w, *shift)
        # Slopes that face the sun are lighter: the difference to the neighbour on the sun's side.
        slope = np.roll(coarse, (max(1, w // 1400), -max(1, w // 700)), (0, 1)) - coarse
        light = np.clip(1 + contrast * (1.5 * slope + 0.30 * fine + 0.25 * coarse), 0.25, 2.6)
        depth = smooth(0, rise * h * 2.2, y - line[None, :])
        warm = rock * (SUN_LIGHT * 0.8 + SKY_LIGHT)
        mist = air + (1 - air) * 0.35 * depth
        colour = mist * haze + (1 - mist) * warm * light * 1.5
        over(canvas, top, 0, cover, colour.astype(np.float32))


def _water(canvas: Float32, noise: Float32) -> None:
    """The mirror image of what stands above, broken by waves, with the sun's glitter."""
    _, h, w = canvas.shape
    top, bottom = int(SHORE * h), int(QUAY * h) + 2
    rows = bottom - top
    depth = (np.arange(rows, dtype=np.float32) / rows)[:, None]
    # Waves come closer together towards the far shore: the row of the texture goes with 1 / distance.
    distance = 1 / (0.10 + depth)
    texture_rows = (distance[:, 0] * 260).astype(int) % 1024
    columns = ((np.arange(w) - w / 2)[None, :] * (distance * 0.16 * 4000 / w) + 2048).astype(np.int32) % 1024
    wave = noise[texture_rows[:, None], columns]
    ripple = np.sin(distance * 420 + 2.2 * wave) * 0.5 + wave
    reach = (0.006 + 0.05 * depth) * h
    source = 2 * top - np.arange(top, bottom)[:, None] - 1 - np.abs(ripple) * reach * 0.55
    source = np.clip(source, 0, top - 1).astype(np.int32)
    sideways = np.clip(np.arange(w)[None, :] + wave * reach * 0.12, 0, w - 1).astype(np.int32)
    mirror = np.clip(0.62 + 0.10 * ripple - 0.18 * depth, 0.08, 0.95)
    deep = f32(0.015, 0.040, 0.052)
    _, u = _axes(canvas)
    path = np.exp(-(((u - SUN[0]) / (0.02 + 0.05 * depth)) ** 2))
    glint = smooth(1.35, 2.3, ripple + 0.55 * path) * (0.06 + path) * 9
    for c in range(3):
        view = canvas[c, top:bottom]
        reflected = np.minimum(canvas[c][source, sideways], 6.0)
        view[:] = reflected * mirror + deep[c, 0, 0] * (1.2 - 0.5 * depth) + glint * SUN_LIGHT[c, 0, 0]


def _quay(canvas: Float32, noise: Float32, rng: np.random.Generator) -> None:
    """Paving of cut stones in perspective, wet here and there, with a kerb at the water."""
    _, h, w = canvas.shape
    top = int(QUAY * h)
    rows = h - top
    t = (np.arange(rows, dtype=np.float32) / rows)[:, None]
    z = 1 / (0.32 + t)
    x = ((np.arange(w, dtype=np.float32) / w - 0.42)[None, :]) * z * 9
    course = z * 9.5
    row = np.floor(course).astype(np.int32)
    along = x + (row % 2) * 0.5 + 0.13 * (row % 3)
    stone = np.floor(along).astype(np.int32)
    seam = np.minimum(np.minimum(along - stone, stone + 1 - along) * 1.15, np.minimum(course - row, row + 1 - course))
    tone = rng.uniform(0.72, 1.22, 4096).astype(np.float32)[(stone * 61 + row * 337) % 4096]
    tint = rng.normal(0, 0.035, 4096).astype(np.float32)[(stone * 23 + row * 91) % 4096]
    grain = spread(noise, rows, w, 77, 500)
    coarse = enlarged(spread(noise, 200, 300, 400, 0), rows, w)
    bumps = smooth(0.018, 0.06, seam.astype(np.float32))
    albedo = 0.165 * tone * (1 + 0.16 * grain) * (0.25 + 0.75 * bumps)
    # Evening light grazes: edges of stones away from the sun are lit.
    edge = smooth(0.03, 0.0, np.abs((along - stone) - 0.955)) * 0.35
    wet = smooth(0.5, 1.3, coarse + 0.35 * t) * bumps
    shadow = 1 - 0.55 * smooth(0.0, 1.0, 1.2 * coarse + 1.6 * (0.36 - np.arange(w, dtype=np.float32)[None, :] / w))
    for c, (warm, cool) in enumerate(zip(SUN_LIGHT.ravel(), SKY_LIGHT.ravel(), strict=True)):
        hue = 1 + tint * (1, 0, -1)[c]
        light = albedo * hue * (warm * shadow * (1 + edge) + cool * 0.9)
        mirrored = canvas[c, int(0.10 * h)][None, :]
        canvas[c, top:] = light * (1 - 0.45 * wet) + wet * 0.16 * mirrored
    kerb = max(2, int(0.012 * h))
    face = 0.09 * (1 + 0.2 * spread(noise, kerb, w, 9, 9))
    canvas[:, top : top + kerb] = face * (SUN_LIGHT * 0.5 + SKY_LIGHT)
    canvas[:, top + kerb : top + kerb + max(1, kerb // 6)] *= 0.35


def _wall(canvas: Float32, noise: Float32, rng: np.random.Generator) -> None:
    """A wall of bricks close by at the left, in deep shade, with ivy and a niche."""
    _, h, w = canvas.shape
    right, top = int(0.072 * w), int(0.33 * h)
    rows = h - top
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(right, dtype=np.float32)[None, :]
    course, length = 0.0125 * h, 0.034 * h
    row = np.floor(y / course)
    along = (x + (row % 2) * length / 2) / length
    seam = np.minimum(np.minimum(along % 1, 1 - along % 1) * length, np.minimum(y % course, course - y % course))
    tone = rng.uniform(0.6, 1.3, 1024).astype(np.float32)[(np.floor(along) * 37 + row * 101).astype(int) % 1024]
    brick = smooth(0.0006 * h, 0.0016 * h, seam)
    grain = 1 + 0.22 * spread(noise, rows, right, 600, 30)
    light = (0.10 + 0.55 * (x / right) ** 3) * SKY_LIGHT + 0.10 * (x / right) ** 12 * SUN_LIGHT
    colour = (f32(0.20, 0.085, 0.055) * tone * brick + f32(0.10, 0.095, 0.085) * (1 - brick)) * grain * light
    edge = np.clip(right - 0.0035 * h * (1 + 0.5 * np.sin(row * 2.1)) - x, 0, 1)
    over(canvas, top, 0, np.broadcast_to(edge, (rows, right)).astype(np.float32), colour.astype(np.float32))
    niche = (slice(None), slice(int(0.60 * h), int(0.72 * h)), slice(int(0.018 * w), int(0.046 * w)))
    canvas[niche] *= 0.18
    n = 900
    stamps = leaf_stamps(max(5, int(0.020 * h)), 24, rng)
    t = rng.random(n) ** 0.7
    places = np.stack([(0.072 - 0.06 * t * rng.random(n)) * w, (0.33 + 0.30 * (1 - t) + rng.normal(0, 0.03, n)) * h], 1)
    dark = np.stack([0.006 + 0.02 * t, 0.012 + 0.035 * t, 0.004 + 0.008 * t], 1) * rng.uniform(0.4, 1.6, (n, 1))
    scatter_leaves(canvas, places, stamps, dark, rng)


def _branch(canvas: Float32, rng: np.random.Generator) -> None:
    """A branch that hangs in from the upper left: leaves dark and light against the sky."""
    _, h, w = canvas.shape
    size = max(5, int(0.030 * h))
    stamps = leaf_stamps(size, 40, rng)
    places: list[npt.NDArray[np.floating]] = []
    for x0, y0, x1, y1, n in (
        (-0.02, 0.02, 0.30, 0.14, 500),
        (-0.02, 0.10, 0.20, 0.27, 430),
        (-0.02, 0.00, 0.42, 0.03, 420),
        (-0.02, 0.20, 0.09, 0.38, 220),
    ):
        t = np.sort(rng.random(n)) ** 1.2
        sag = 0.05 * t * t
        reach = 0.05 * (1.05 - t)
        x = x0 + (x1 - x0) * t + rng.normal(0, 1, n) * (0.012 + reach * 0.4)
        y = y0 + (y1 - y0) * t + sag + rng.normal(0, 1, n) * (0.014 + reach * 0.6)
        twig = np.stack([np.linspace(x0, x1, 40), y0 + (y1 - y0) * np.linspace(0, 1, 40)], 1)
        twig[:, 1] += 0.05 * np.linspace(0, 1, 40) ** 2
        for (xa, ya), (xb, yb), thick in zip(twig[:-1], twig[1:], np.linspace(0.0045, 0.0012, 39), strict=True):
            _stroke(canvas, (xa * w, ya * h), (xb * w, yb * h), max(0.7, thick * h), f32(0.020, 0.014, 0.010))
        places.append(np.stack([x * w, y * h], 1))
    where = np.concatenate(places)
    where = where[rng.permutation(len(where))]
    lit = rng.random(len(where)) ** 2
    green = np.stack([0.035 + 0.24 * lit, 0.055 + 0.27 * lit, 0.012 + 0.035 * lit], 1)
    scatter_leaves(canvas, where, stamps, green * rng.uniform(0.6, 1.3, (len(where), 1)), rng)


def _stroke(canvas: Float32, a: tuple[float, float], b: tuple[float, float], half: float, colour: Float32) -> None:
    """A straight stroke with round ends."""
    left, top = int(min(a[0], b[0]) - half - 2), int(min(a[1], b[1]) - half - 2)
    right, bottom = int(max(a[0], b[0]) + half + 3), int(max(a[1], b[1]) + half + 3)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    dx, dy = b[0] - a[0], b[1] - a[1]
    t = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    cover = np.clip(half - np.hypot(x - a[0] - t * dx, y - a[1] - t * dy) + 0.5, 0, 1)
    over(canvas, top, left, cover.astype(np.float32), colour)


def _movers(shape: tuple[int, int], oversampling: float, noise: Float32, rng: np.random.Generator) -> tuple[Layer, ...]:
    """A boat, a balloon, gulls, a ball on the quay."""
    height, width = shape
    h = height * oversampling

    def mover(name: str, light: Float32, x: float, y: float, depth_m: float, right: float, down: float) -> Layer:
        """Speed in px a second, as on a frame of 3024 rows."""
        travel = Travel((right * height / 3024, down * height / 3024))
        return Layer(light, (x * width, y * height), depth_m, travel, name)

    made = [
        mover("balloon", balloon(0.062 * h, noise, SUN_LIGHT, SKY_LIGHT), 0.565, 0.155, 400.0, 22.5, -12.0),
        mover("boat", boat(0.17 * h, noise, SUN_LIGHT, SKY_LIGHT), 0.40, 0.587, 60.0, 82.5, 3.0),
    ]
    for x, y, size, vx, vy in ((0.66, 0.30, 0.026, 165, -45), (0.70, 0.345, 0.018, 120, 30),
                               (0.30, 0.235, 0.016, -135, 15)):  # fmt: skip
        made.append(mover("gull", gull(size * h, rng), x, y, 40.0, vx, vy))
    ball = rolling_ball(0.030 * h, SUN_LIGHT, SKY_LIGHT)
    made.append(mover("ball", ball, 0.34, 0.885, 8.0, 210.0, 15.0))
    return tuple(made)
