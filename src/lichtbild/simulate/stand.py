"""What is near in the harbour: a market stand with fruit and writing, a lamp, and the things that move."""

from __future__ import annotations

import numpy as np

from lichtbild.simulate.paint import Float32, enlarged, f32, fill, letters, over, polygon, shade, sphere, spread

SUN_DIRECTION = (0.62, -0.55, 0.42)
FRUIT = (
    ((0.72, 0.22, 0.02), 3.0),
    ((0.62, 0.03, 0.02), 7.0),
    ((0.70, 0.52, 0.03), 2.5),
    ((0.16, 0.30, 0.03), 5.0),
    ((0.22, 0.03, 0.09), 8.0),
)
PRICES = (("ARANCE", "1.90"), ("MELE", "2.40"), ("LIMONI", "3.20"), ("PERE", "2.80"))


def paint_stand(canvas: Float32, noise: Float32, rng: np.random.Generator, sun: Float32, sky: Float32) -> None:
    """Crates of fruit at the right of the quay, a slate with prices, a lamp post, a barrel in the dark."""
    _, h, w = canvas.shape
    unit = h
    _lamp(canvas, int(0.885 * w), int(0.905 * h), unit, sun, sky)
    left, foot = int(0.555 * w), int(0.962 * h)
    crate_w, crate_h = int(0.145 * unit), int(0.062 * unit)
    for k in range(3):
        x0 = left + int(k * crate_w * 1.07)
        _crate(canvas, noise, rng, x0, foot - crate_h, crate_w, crate_h, FRUIT[k], sun, sky)
    for k in range(2):
        x0 = left + int((k + 0.55) * crate_w * 1.07)
        _crate(canvas, noise, rng, x0, foot - int(2.55 * crate_h), crate_w, crate_h, FRUIT[k + 3], sun, sky)
    _slate(canvas, noise, rng, int(0.395 * w), int(0.815 * h), int(0.150 * unit), int(0.140 * unit), sun, sky)
    _patches(canvas, int(0.15 * w), int(0.93 * h), int(0.019 * unit), sun, sky)


def _contact(canvas: Float32, cx: float, cy: float, rx: float, ry: float, strength: float) -> None:
    """The soft dark below a thing that stands on the ground."""
    n, m = int(ry * 2) + 2, int(rx * 2) + 2
    y, x = np.mgrid[-n : n + 1, -m : m + 1].astype(np.float32)
    dark = strength * np.exp(-((x / rx) ** 2 + (y / ry) ** 2))
    shade(canvas, (int(cy) - n, int(cx) - m, int(cy) + n + 1, int(cx) + m + 1), (1 - dark).astype(np.float32))


def _crate(
    canvas: Float32,
    noise: Float32,
    rng: np.random.Generator,
    left: int,
    top: int,
    width: int,
    tall: int,
    fruit: tuple[tuple[float, float, float], float],
    sun: Float32,
    sky: Float32,
) -> None:
    """A crate of boards, heaped with fruit."""
    colour, gloss = fruit
    _contact(canvas, left + width * 0.45, top + tall, width * 0.62, tall * 0.25, 0.75)
    fill(canvas, (top - tall // 5, left + 2, top + tall, left + width - 2), f32(0.012, 0.009, 0.007))
    radius = width / 11.5
    for row in range(3):
        for k in range(6 - row):
            x = left + width * (0.115 + 0.154 * k + 0.077 * row) + rng.normal(0, radius * 0.1)
            y = top + radius * (0.35 - 1.05 * row) + rng.normal(0, radius * 0.12)
            r = radius * rng.uniform(0.9, 1.08)
            skin = 1 + 0.10 * spread(noise, 96, 96, int(rng.integers(1024)), int(rng.integers(1024)))[None]
            albedo = f32(*colour) * np.float32(rng.uniform(0.75, 1.2))
            cover, light = sphere(r, albedo, SUN_DIRECTION, gloss=gloss, texture=skin, sun_light=sun, sky_light=sky)
            n = cover.shape[0] // 2
            _contact(canvas, x - r * 0.25, y + r * 0.5, r * 0.9, r * 0.75, 0.5)
            over(canvas, int(y) - n, int(x) - n, cover, light)
    boards = 3
    step = tall / boards
    for k in range(boards):
        y0, y1 = int(top + k * step + step * 0.1), int(top + (k + 1) * step)
        rows = y1 - y0
        grain = np.sin(
            enlarged(spread(noise, max(4, rows // 3), max(4, width // 24), 40 * k + left, top), rows, width) * 5
            + np.arange(rows, dtype=np.float32)[:, None] * (40.0 / rows)
        )
        wood = f32(0.40, 0.25, 0.12) * (0.85 + 0.16 * grain + 0.08 * spread(noise, rows, width, left, k))
        fill(canvas, (y0, left, y1, left + width), (wood * (sun * 0.55 + sky)).astype(np.float32))
        for x in (left + width // 30, left + width - width // 22):
            nail = max(1, tall // 34)
            fill(canvas, (y0 + rows // 2 - nail, x, y0 + rows // 2 + nail, x + 2 * nail), f32(0.03, 0.03, 0.035))


def _slate(
    canvas: Float32,
    noise: Float32,
    rng: np.random.Generator,
    left: int,
    top: int,
    width: int,
    tall: int,
    sun: Float32,
    sky: Float32,
) -> None:
    """A board with chalk writing, down to lines that can hardly be read."""
    _contact(canvas, left + width * 0.4, top + tall, width * 0.6, tall * 0.1, 0.7)
    rim = max(2, width // 24)
    light = sun * 0.5 + sky
    fill(canvas, (top - rim, left - rim, top + tall + rim, left + width + rim), f32(0.24, 0.13, 0.06) * light)
    dust = 1 + 0.5 * spread(noise, tall, width, 800, 300)
    fill(canvas, (top, left, top + tall, left + width), f32(0.030, 0.036, 0.034) * np.clip(dust, 0.4, 3) * light)
    y = top + int(tall * 0.05)
    size = tall / 7.5
    chalk = f32(0.78, 0.76, 0.70) * light
    for name, price in PRICES:
        for text, from_right in ((name, False), (price, True)):
            cover = letters(text, int(size))
            grain = np.clip(0.85 + 0.35 * spread(noise, *cover.shape, y, left), 0.2, 1)
            x = left + width - rim - cover.shape[1] if from_right else left + rim
            over(canvas, y, x, cover * grain, chalk)
        y += int(size * 1.25)
    for shrink in (0.5, 0.36, 0.26, 0.19, 0.14, 0.10):
        cover = letters("tutti i prezzi al chilo - abcdefg 0123456789", int(size * shrink))
        over(canvas, y, left + rim, cover[:, : width - 2 * rim], chalk)
        y += max(8, int(size * shrink * 1.35))


def _lamp(canvas: Float32, cx: int, foot: int, unit: int, sun: Float32, sky: Float32) -> None:
    """An iron post with a lantern that is lit."""
    half, top = max(1, int(unit * 0.0042)), int(foot - unit * 0.47)
    _contact(canvas, cx, foot, unit * 0.03, unit * 0.006, 0.7)
    x = np.linspace(-1, 1, 2 * half + 1, dtype=np.float32)
    metal = f32(0.035, 0.038, 0.040) * (0.25 + 2.2 * np.clip(x + 0.2, 0, 1) ** 2 * sun + 0.6 * sky)
    metal = metal * np.ones((1, foot - top, 1), np.float32)
    fill(canvas, (top, cx - half, foot, cx + half + 1), metal.astype(np.float32))
    for k, widen in ((0.0, 2.6), (0.012, 1.9), (0.12, 1.6), (0.30, 1.5)):
        y = int(foot - unit * k)
        fill(
            canvas,
            (y - int(unit * 0.008), int(cx - half * widen), y, int(cx + half * widen) + 1),
            f32(0.03, 0.03, 0.03),
        )
    w, t = unit * 0.020, unit * 0.052
    at_top, at_left, cover = polygon([(cx - w * 0.55, top), (cx - w, top - t), (cx + w, top - t), (cx + w * 0.55, top)])
    rows, columns = cover.shape
    y, xx = np.mgrid[0:rows, 0:columns].astype(np.float32)
    flame = np.exp(-(((xx - columns / 2) / (w * 0.34)) ** 2 + ((y - rows * 0.55) / (t * 0.28)) ** 2))
    over(canvas, at_top, at_left, cover, f32(2.2, 1.5, 0.75) + flame * f32(42, 30, 15))
    for points in (
        [(cx - w * 1.15, top - t), (cx, top - t * 1.5), (cx + w * 1.15, top - t)],
        [(cx - w * 0.6, top), (cx + w * 0.6, top), (cx + w * 0.35, top + t * 0.14), (cx - w * 0.35, top + t * 0.14)],
        [(cx - half * 0.4, top - t), (cx + half * 0.4, top - t), (cx + half * 0.3, top), (cx - half * 0.3, top)],
    ):
        at_top, at_left, cover = polygon(points)
        over(canvas, at_top, at_left, cover, f32(0.022, 0.022, 0.024))
    n = int(unit * 0.09)
    y, xx = np.mgrid[-n : n + 1, -n : n + 1].astype(np.float32)
    halo = 0.35 * np.exp(-np.hypot(xx, y) / (unit * 0.02))
    halo *= np.clip(1 - np.hypot(xx, y) / n, 0, 1)
    y0, x0 = int(top - t / 2) - n, cx - n
    view = canvas[:, max(0, y0) : y0 + 2 * n + 1, max(0, x0) : x0 + 2 * n + 1]
    view += (halo * f32(1.0, 0.7, 0.35))[:, max(0, -y0) :, max(0, -x0) :][:, : view.shape[1], : view.shape[2]]


def _patches(canvas: Float32, left: int, top: int, size: int, sun: Float32, sky: Float32) -> None:
    """Glazed tiles of even colour lying on the stones: two rows of six."""
    colours = (
        (0.12, 0.07, 0.05),
        (0.55, 0.32, 0.24),
        (0.12, 0.19, 0.33),
        (0.10, 0.14, 0.05),
        (0.23, 0.21, 0.42),
        (0.12, 0.50, 0.41),
        (0.85, 0.85, 0.85),
        (0.57, 0.57, 0.57),
        (0.35, 0.35, 0.35),
        (0.19, 0.19, 0.19),
        (0.085, 0.085, 0.085),
        (0.03, 0.03, 0.03),
    )
    gap = max(1, size // 8)
    light = (sun + sky) * 0.78
    rim = (top - gap, left - gap, top + 2 * (size + gap), left + 6 * (size + gap))
    fill(canvas, rim, f32(0.02, 0.02, 0.02) * light)
    for k, colour in enumerate(colours):
        y, x = top + (k // 6) * (size + gap), left + (k % 6) * (size + gap)
        fill(canvas, (y, x, y + size, x + size), f32(*colour) * light)


def _empty(height: float, width: float) -> Float32:
    """A layer with an empty frame of 10 samples."""
    return np.zeros((4, int(height) + 20, int(width) + 20), np.float32)


def balloon(radius: float, noise: Float32, sun: Float32, sky: Float32) -> Float32:
    """A hot-air balloon with gores and a basket."""
    layer = _empty(radius * 3.1, radius * 2.2)
    cx, cy = layer.shape[2] / 2, 10 + radius * 1.05
    m = 240
    u = np.arange(m)[None, :] / m
    gore = np.floor(u * 20) % 3
    v = np.arange(m)[:, None] / m
    band = (np.abs(v - 0.5) < 0.09) * np.ones_like(u)
    stripes = np.stack(
        [
            np.where(gore == 0, 0.62, np.where(gore == 1, 0.72, 0.06)) * np.ones_like(v),
            np.where(gore == 0, 0.06, np.where(gore == 1, 0.60, 0.12)) * np.ones_like(v),
            np.where(gore == 0, 0.05, np.where(gore == 1, 0.40, 0.42)) * np.ones_like(v),
        ]
    )
    stripes = stripes * (1 - band) + band * 0.7 * (np.floor(u * 80) % 2 * 0.8 + 0.2)
    for dx in (-0.42, -0.15, 0.15, 0.42):
        at_top, at_left, cover = polygon(
            [
                (cx + dx * radius * 1.6, cy + radius * 0.72),
                (cx + dx * radius * 1.6 + 1, cy + radius * 0.72),
                (cx + dx * radius * 0.5 + 1, cy + radius * 1.6),
                (cx + dx * radius * 0.5, cy + radius * 1.6),
            ]
        )
        over(layer, at_top, at_left, cover, f32(0.05, 0.04, 0.04))
    skirt = [
        (cx - radius * 0.66, cy + radius * 0.74),
        (cx + radius * 0.66, cy + radius * 0.74),
        (cx + radius * 0.24, cy + radius * 1.28),
        (cx - radius * 0.24, cy + radius * 1.28),
    ]
    at_top, at_left, cover = polygon(skirt)
    shading = np.linspace(0.35, 1.0, cover.shape[1], dtype=np.float32)[None, None, :]
    over(
        layer,
        at_top,
        at_left,
        cover,
        (f32(0.60, 0.14, 0.08) * (sun * shading + sky)).astype(np.float32) + np.zeros((3, *cover.shape), np.float32),
    )
    cover, light = sphere(
        radius, f32(1, 1, 1), SUN_DIRECTION, texture=stripes.astype(np.float32), sun_light=sun, sky_light=sky
    )
    n = cover.shape[0] // 2
    over(layer, int(cy) - n, int(cx) - n, cover, light)
    basket = [
        (cx - radius * 0.2, cy + radius * 1.58),
        (cx + radius * 0.2, cy + radius * 1.58),
        (cx + radius * 0.16, cy + radius * 1.86),
        (cx - radius * 0.16, cy + radius * 1.86),
    ]
    at_top, at_left, cover = polygon(basket)
    weave = 0.7 + 0.5 * (spread(noise, *cover.shape) > 0)
    over(layer, at_top, at_left, cover, (f32(0.22, 0.13, 0.06) * weave * (sun * 0.6 + sky)).astype(np.float32))
    return layer


def boat(tall: float, noise: Float32, sun: Float32, sky: Float32) -> Float32:
    """A small boat with a numbered sail."""
    layer = _empty(tall, tall * 0.9)
    left, top = 10.0, 10.0
    w = tall * 0.9
    hull_y = top + tall * 0.86
    mast = left + w * 0.46
    light = sun * 0.75 + sky
    at_top, at_left, cover = polygon(
        [(mast + w * 0.02, top), (mast + w * 0.02, hull_y - tall * 0.06), (left + w * 0.98, hull_y - tall * 0.06)]
    )
    rows, columns = cover.shape
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None, :]
    seams = 1 - 0.16 * (((y + 0.12 * x) % max(4.0, tall / 11)) < max(1.0, tall / 220))
    belly = 0.82 + 0.25 * np.sin(x / columns * 2.6 + y / rows)
    over(layer, at_top, at_left, cover, (f32(0.80, 0.76, 0.66) * seams * belly * light * 1.2).astype(np.float32))
    at_top, at_left, cover = polygon(
        [
            (mast - w * 0.02, top + tall * 0.12),
            (mast - w * 0.02, hull_y - tall * 0.05),
            (left + w * 0.04, hull_y - tall * 0.04),
        ]
    )
    over(layer, at_top, at_left, cover, f32(0.55, 0.10, 0.06) * light)
    for text, size, dy in (("ITA 42", 0.065, 0.56), ("regata", 0.040, 0.66)):
        cover = letters(text, int(tall * size))
        over(layer, int(top + tall * dy), int(mast + w * 0.07), cover, f32(0.03, 0.05, 0.14) * light)
    half = max(1.0, tall * 0.006)
    at_top, at_left, cover = polygon(
        [(mast - half, top), (mast + half, top), (mast + half, hull_y), (mast - half, hull_y)]
    )
    over(layer, at_top, at_left, cover, f32(0.16, 0.10, 0.05) * light)
    hull = [
        (left + w * 0.02, hull_y - tall * 0.03),
        (left + w * 0.97, hull_y - tall * 0.05),
        (left + w * 0.86, top + tall * 0.985),
        (left + w * 0.16, top + tall * 0.985),
    ]
    at_top, at_left, cover = polygon(hull)
    plank = 1 - 0.3 * (
        (np.arange(cover.shape[0], dtype=np.float32)[:, None] % max(3.0, tall / 40)) < max(1.0, tall / 200)
    )
    over(
        layer,
        at_top,
        at_left,
        cover,
        (f32(0.06, 0.22, 0.34) * plank * (1 + 0.1 * spread(noise, *cover.shape)) * light).astype(np.float32),
    )
    return layer


def gull(span: float, rng: np.random.Generator) -> Float32:
    """A gull on the wing, seen from the side of the sun."""
    layer = _empty(span * 0.8, span * 1.6)
    cx, cy = layer.shape[2] / 2, layer.shape[1] / 2
    lift = rng.uniform(0.25, 0.45)
    for side, tone in ((-1, 0.45), (1, 0.95)):
        wing = [
            (cx, cy - 0.05 * span),
            (cx + side * 0.38 * span, cy - lift * span),
            (cx + side * 0.78 * span, cy - 0.12 * span),
            (cx + side * 0.36 * span, cy - (lift - 0.12) * span),
            (cx, cy + 0.07 * span),
        ]
        at_top, at_left, cover = polygon(wing)
        over(layer, at_top, at_left, cover, f32(0.62, 0.56, 0.52) * tone)
        tip = [
            (cx + side * 0.66 * span, cy - 0.19 * span),
            (cx + side * 0.78 * span, cy - 0.12 * span),
            (cx + side * 0.60 * span, cy - 0.17 * span),
        ]
        at_top, at_left, cover = polygon(tip)
        over(layer, at_top, at_left, cover, f32(0.04, 0.04, 0.05))
    t = np.linspace(0, 2 * np.pi, 40)
    body = [(cx + 0.17 * span * np.cos(a), cy + 0.01 * span + 0.055 * span * np.sin(a)) for a in t]
    at_top, at_left, cover = polygon(body)
    over(layer, at_top, at_left, cover, f32(0.72, 0.64, 0.56))
    return layer


def rolling_ball(radius: float, sun: Float32, sky: Float32) -> Float32:
    """A beach ball in six colours, with its shadow on the ground."""
    layer = _empty(radius * 2.5, radius * 4.0)
    cx, cy = layer.shape[2] / 2 + radius * 0.5, 10 + radius * 1.1
    y, x = np.mgrid[0 : layer.shape[1], 0 : layer.shape[2]].astype(np.float32)
    soft = 0.62 * np.exp(
        -((((x - cx + radius * 0.75) / (radius * 0.95)) ** 2 + ((y - cy - radius * 0.98) / (radius * 0.17)) ** 2) ** 2)
    )
    edge = np.minimum(np.minimum(x, layer.shape[2] - 1 - x), np.minimum(y, layer.shape[1] - 1 - y)) > 10
    over(layer, 0, 0, (soft * edge).astype(np.float32), f32(0.012, 0.012, 0.015))
    m = 240
    sector = (np.floor((np.arange(m)[None, :] / m + 0.15 * np.arange(m)[:, None] / m) * 12) % 6).astype(int)
    palette = np.array(
        [[0.7, 0.7, 0.7], [0.65, 0.04, 0.03], [0.7, 0.7, 0.7], [0.04, 0.12, 0.5], [0.7, 0.7, 0.7], [0.75, 0.5, 0.03]]
    )
    texture = np.moveaxis(palette[sector], 2, 0).astype(np.float32)
    cover, light = sphere(radius, f32(1, 1, 1), SUN_DIRECTION, gloss=6, texture=texture, sun_light=sun, sky_light=sky)
    n = cover.shape[0] // 2
    over(layer, int(cy) - n, int(cx) - n, cover, light)
    return layer
