"""The town of the harbour: rows of houses with windows, shutters, roofs of tiles, signs, a tower with a clock."""

from __future__ import annotations

import numpy as np

from lichtbild.simulate.paint import Float32, f32, fill, letters, over, polygon, shade, spread

SUNLIT = f32(1.05, 0.80, 0.54)
SHADED = f32(0.26, 0.32, 0.43)
PLASTER = (
    (0.62, 0.36, 0.16),
    (0.70, 0.52, 0.28),
    (0.55, 0.22, 0.14),
    (0.72, 0.64, 0.50),
    (0.36, 0.44, 0.48),
    (0.66, 0.42, 0.34),
    (0.42, 0.50, 0.36),
    (0.74, 0.70, 0.62),
)
TILES = f32(0.34, 0.13, 0.07)
SIGNS = ("HOTEL MIRA", "CAFE DEL PORTO", "PESCHERIA", "FARMACIA", "LIBRI & CARTE", "OSTERIA 1864", "BAR AURORA", "VELE")


def paint_town(canvas: Float32, noise: Float32, rng: np.random.Generator, horizon: float, shore: float) -> None:
    """Two rows of houses on the shore, the hind row smaller and hazier, a tower between."""
    _, h, w = canvas.shape
    foot = int(shore * h)
    _row(canvas, noise, rng, int(foot - 0.035 * h), (0.0, 1.02), 0.085 * h, haze=0.42)
    _tower(canvas, noise, int(0.435 * w), int(foot - 0.02 * h), 0.026 * h, 0.235 * h)
    _row(canvas, noise, rng, foot, (-0.01, 0.70), 0.125 * h, haze=0.10)
    _row(canvas, noise, rng, foot, (0.90, 1.02), 0.115 * h, haze=0.10)
    wall = max(2, int(0.010 * h))
    grain = spread(noise, wall, w, 50, 60)
    canvas[:, foot - wall : foot] = 0.13 * (1 + 0.3 * grain) * (SUNLIT * 0.6 + SHADED)


def _row(
    canvas: Float32,
    noise: Float32,
    rng: np.random.Generator,
    foot: int,
    reach: tuple[float, float],
    tallness: float,
    *,
    haze: float,
) -> None:
    """Houses side by side from reach[0] to reach[1] of the width."""
    w = canvas.shape[2]
    left, count = reach[0] * w, int(rng.integers(8))
    while left < reach[1] * w:
        width = tallness * rng.uniform(0.62, 1.15)
        storeys = int(rng.integers(3, 5))
        _house(
            canvas,
            noise,
            rng,
            int(left),
            foot,
            int(width),
            int(tallness * rng.uniform(0.86, 1.22)),
            storeys,
            PLASTER[count % 8],
            SIGNS[count % 8] if haze < 0.2 else "",
            haze,
        )
        left += width + tallness * 0.012
        count += 1 + int(rng.integers(2))


def _house(
    canvas: Float32,
    noise: Float32,
    rng: np.random.Generator,
    left: int,
    foot: int,
    width: int,
    tall: int,
    storeys: int,
    plaster: tuple[float, float, float],
    sign: str,
    haze: float,
) -> None:
    """One house with its roof; `haze` mixes in the air before it."""
    top, right = foot - tall, left + width
    air = f32(0.95, 0.74, 0.55) * haze
    lit = SUNLIT * rng.uniform(0.45, 0.8) + SHADED
    grain = spread(noise, tall, width, int(rng.integers(1024)), int(rng.integers(1024)))
    stain = 1 - 0.25 * np.linspace(0, 1, tall, dtype=np.float32)[:, None] ** 3
    wall = f32(*plaster) * (1 + 0.09 * grain) * stain * lit
    fill(canvas, (top, left, foot, right), wall * (1 - haze) + air)

    # Roof: rows of round tiles, an eave that throws a shadow.
    rise, over_edge = int(tall * rng.uniform(0.13, 0.2)), max(1, width // 40)
    inset = int(width * rng.uniform(0.04, 0.14))
    eave = top + 1
    at_top, at_left, cover = polygon(
        [(left - over_edge, eave), (left + inset, eave - rise), (right - inset, eave - rise), (right + over_edge, eave)]
    )
    rows, columns = cover.shape
    pitch = max(3.0, tall / 42)
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None, :]
    tiles = 0.62 + 0.42 * np.sin(2 * np.pi * x / pitch) + 0.25 * (y % (pitch * 1.6) < pitch * 0.45)
    tiles = np.clip(tiles + 0.14 * spread(noise, rows, columns, left, top), 0.15, 1.6)
    over(canvas, at_top, at_left, cover, TILES * tiles * (lit * 1.15) * (1 - haze) + air)
    shade(canvas, (top, left, top + max(1, tall // 34), right), 0.5)
    if rng.random() < 0.7:
        cx, cw = int(left + width * rng.uniform(0.2, 0.8)), max(2, width // 14)
        brick = f32(0.30, 0.14, 0.10) * lit * (1 - haze) + air
        fill(canvas, (eave - rise - cw, cx, eave - rise // 2, cx + cw), brick)

    # Windows in storeys; the ground floor has a door and a shop.
    storey = tall / storeys
    columns_n = max(2, round(width / (storey * 0.78)))
    step = width / columns_n
    has_shutters, wood = rng.random() < 0.7, f32(*(rng.uniform(0.04, 0.30, 3) * (0.6, 1.0, 0.8)))
    for level in range(storeys - 1):
        y0 = top + int(storey * (level + 0.26))
        for k in range(columns_n):
            centre = left + int(step * (k + 0.5))
            _window(
                canvas,
                rng,
                centre,
                y0,
                int(step * 0.19),
                int(storey * 0.52),
                wood if has_shutters else None,
                lit,
                air,
                haze,
            )
    _ground_floor(canvas, noise, rng, left, right, foot, storey, sign, lit, air, haze)


def _window(
    canvas: Float32,
    rng: np.random.Generator,
    centre: int,
    top: int,
    half: int,
    tall: int,
    shutters: Float32 | None,
    lit: Float32,
    air: Float32,
    haze: float,
) -> None:
    """Frame, panes that mirror the sky or glow, a sill, shutters with louvres."""
    half, tall = max(2, half), max(4, tall)
    rim = max(1, half // 7)
    fill(canvas, (top - rim, centre - half - rim, top + tall + rim, centre + half + rim), 0.62 * lit * (1 - haze) + air)
    t = np.linspace(0, 1, tall, dtype=np.float32)[None, :, None] + np.zeros((1, 1, 2 * half), np.float32)
    if rng.random() < 0.28:
        u = np.linspace(-1, 1, 2 * half, dtype=np.float32)[None, None, :]
        curtain = 0.75 + 0.25 * np.cos(u * rng.uniform(6, 14))
        glass = f32(1.0, 0.62, 0.26) * rng.uniform(1.2, 5.0) * (1.1 - 0.6 * np.abs(t - 0.4)) * curtain
    else:
        glass = f32(0.030, 0.040, 0.055) + f32(0.30, 0.36, 0.44) * rng.uniform(0.05, 0.8) * (1 - t) ** 2
    fill(canvas, (top, centre - half, top + tall, centre + half), (glass * (1 - haze) + air).astype(np.float32))
    bar = max(1, half // 9)
    paint = 0.5 * lit * (1 - haze) + air
    fill(canvas, (top, centre - bar // 2, top + tall, centre - bar // 2 + bar), paint)
    for share in (0.33, 0.66):
        y = top + int(tall * share)
        fill(canvas, (y, centre - half, y + bar, centre + half), paint)
    shade(canvas, (top, centre - half, top + max(1, tall // 14), centre + half), 0.35)
    fill(canvas, (top + tall, centre - half - 2 * rim, top + tall + rim + 1, centre + half + 2 * rim), 0.7 * lit + air)
    shade(canvas, (top + tall + rim + 1, centre - half - rim, top + tall + 3 * rim + 1, centre + half + 2 * rim), 0.55)
    if shutters is not None:
        louvres = 0.62 + 0.55 * (
            np.arange(tall, dtype=np.float32)[None, :, None] % max(3, tall // 16) < max(1.5, tall / 40)
        )
        for side in (-1, 1):
            x0 = centre + side * (half + rim + half // 2) - half // 2
            leaf = shutters * lit * louvres * np.ones((1, 1, half), np.float32)
            fill(canvas, (top, x0, top + tall, x0 + half), (leaf * (1 - haze) + air).astype(np.float32))
            shade(canvas, (top + tall // 20, x0 + half, top + tall, x0 + half + rim), 0.6)


def _ground_floor(
    canvas: Float32,
    noise: Float32,
    rng: np.random.Generator,
    left: int,
    right: int,
    foot: int,
    storey: float,
    sign: str,
    lit: Float32,
    air: Float32,
    haze: float,
) -> None:
    """A dark doorway, a bright shop window or an awning, a sign with its name."""
    width = right - left
    top = int(foot - storey * 0.72)
    door = max(3, int(width * 0.16))
    x0 = left + int(width * rng.uniform(0.06, 0.2))
    grain = spread(noise, foot - top, door, left, 5)
    fill(
        canvas,
        (top, x0, foot, x0 + door),
        (f32(0.010, 0.009, 0.008) * (1 + 0.35 * grain) + air * 0.5).astype(np.float32),
    )
    shop = x0 + door + int(width * 0.10), right - int(width * 0.08)
    if shop[1] - shop[0] > 6:
        t = np.linspace(0, 1, foot - top, dtype=np.float32)[None, :, None]
        goods = np.abs(spread(noise, foot - top, shop[1] - shop[0], 3 * left, 200))
        glow = f32(1.0, 0.66, 0.34) * rng.uniform(0.3, 2.6) * (1.15 - t) * (0.35 + 0.5 * goods)
        fill(
            canvas,
            (top, shop[0], foot - int(storey * 0.1), shop[1]),
            (glow[:, : foot - top - int(storey * 0.1)] + air).astype(np.float32),
        )
        depth = max(2, int(storey * 0.2))
        x = np.arange(shop[1] - shop[0] + 2 * (depth // 3), dtype=np.float32)[None, None, :]
        stripe = (np.floor(x / max(3.0, storey / 9)) % 2)[..., :] * np.ones((1, depth, 1), np.float32)
        cloth = (
            (f32(0.62, 0.10, 0.07) + stripe * f32(0.12, 0.60, 0.55))
            * lit
            * np.linspace(1.1, 0.75, depth, dtype=np.float32)[None, :, None]
        )
        fill(
            canvas,
            (top - depth // 2, shop[0] - depth // 3, top + depth - depth // 2, shop[0] - depth // 3 + x.shape[2]),
            (cloth * (1 - haze) + air).astype(np.float32),
        )
    if sign:
        text = letters(sign, int(storey * 0.15))
        if text.shape[1] < 0.9 * width:
            y, xl = int(top - storey * 0.30), left + (width - text.shape[1]) // 2
            pad = max(2, int(storey * 0.035))
            board = f32(*rng.uniform(0.02, 0.12, 3)) * lit
            fill(canvas, (y - pad, xl - 2 * pad, y + text.shape[0] + pad, xl + text.shape[1] + 2 * pad), board)
            over(canvas, y, xl, text, 0.85 * lit)


def _tower(canvas: Float32, noise: Float32, centre: int, foot: int, half: float, tall: float) -> None:
    """A bell tower with a clock, an arch and a pointed roof."""
    top, left, right = int(foot - tall), int(centre - half), int(centre + half)
    rows, columns = foot - top, right - left
    y = np.arange(rows, dtype=np.float32)[:, None]
    x = np.arange(columns, dtype=np.float32)[None, :]
    course = max(3.0, half / 7)
    joint = (
        1
        - 0.28 * ((y % course) < course * 0.16)
        - 0.22 * (((x + (y // course % 2) * course) % (2 * course)) < course * 0.16)
    )
    round_light = np.linspace(0.62, 1.25, columns, dtype=np.float32)[None, :]
    stone = f32(0.50, 0.43, 0.34) * joint * (1 + 0.12 * spread(noise, rows, columns, 11, 700)) * round_light
    fill(
        canvas,
        (top, left, foot, right),
        (stone * (SUNLIT * 0.75 + SHADED) * 0.93 + f32(0.05, 0.04, 0.03)).astype(np.float32),
    )
    for points, colour in (
        ([(left - half * 0.12, top), (centre, top - half * 2.6), (right + half * 0.12, top)], f32(0.16, 0.22, 0.20)),
        ([(centre, top - half * 2.5), (right + half * 0.12, top), (centre + half * 0.3, top)], f32(0.32, 0.36, 0.30)),
    ):
        at_top, at_left, cover = polygon(points)
        over(canvas, at_top, at_left, cover, colour * (SUNLIT * 0.7 + SHADED))
    w = half * 0.42
    arch = [
        (centre - w, top + half * 1.5),
        *((centre + w * np.cos(a), top + half * 0.7 - w * np.sin(a)) for a in np.linspace(np.pi, 0, 24)),
        (centre + w, top + half * 1.5),
    ]
    at_top, at_left, cover = polygon(arch)
    over(canvas, at_top, at_left, cover, f32(0.012, 0.011, 0.012))
    r = half * 0.62
    n = int(r) + 2
    cy = int(top + half * 2.5)
    yy, xx = np.mgrid[-n : n + 1, -n : n + 1].astype(np.float32)
    d = np.hypot(xx, yy)
    over(canvas, cy - n, centre - n, np.clip(r - d + 0.5, 0, 1), f32(0.75, 0.62, 0.44))
    marks = (np.abs(((np.arctan2(yy, xx) / (np.pi / 6)) + 0.5) % 1 - 0.5) < 0.09) & (d > r * 0.72) & (d < r * 0.92)
    over(canvas, cy - n, centre - n, marks.astype(np.float32), f32(0.03, 0.03, 0.03))
    for angle, length, thick in ((-0.9, 0.55, 0.06), (2.2, 0.8, 0.04)):
        tip = (centre + r * length * np.cos(angle), cy + r * length * np.sin(angle))
        nx, ny = -np.sin(angle) * r * thick, np.cos(angle) * r * thick
        at_top, at_left, cover = polygon([(centre - nx, cy - ny), (centre + nx, cy + ny), tip])
        over(canvas, at_top, at_left, cover, f32(0.02, 0.02, 0.02))
