"""Tools to paint scenes with: fractal textures, soft shapes, letters, leaves, spheres. All linear light, float32."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]  # top, left, bottom, right


def f32(*values: float) -> Float32:
    """A colour as [3, 1, 1], to be spread over a box."""
    return np.asarray(values, np.float32)[:, None, None]


def smooth(low: float, high: float, values: Float32) -> Float32:
    """0 below `low`, 1 above `high`, a smooth step between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def fractal(n: int, exponent: float, rng: np.random.Generator) -> Float32:
    """Periodic noise [n, n] with amplitude 1 / f^exponent, mean 0, standard deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((n, n), np.float32))
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]).astype(np.float32)
    f[0, 0] = 1
    spectrum *= f**-exponent
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (n, n)).astype(np.float32)
    return np.asarray(noise / noise.std(), np.float32)


def spread(tile: Float32, height: int, width: int, top: int = 0, left: int = 0) -> Float32:
    """A periodic tile repeated over [height, width]."""
    rows, columns = np.arange(top, top + height) % tile.shape[0], np.arange(left, left + width) % tile.shape[1]
    return np.asarray(np.take(np.take(tile, rows, 0), columns, 1))


def enlarged(small: Float32, height: int, width: int) -> Float32:
    """Bicubic enlargement to [height, width]."""
    from PIL import Image

    return np.asarray(Image.fromarray(np.asarray(small, np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def clip_box(canvas: Float32, box: Box) -> Box | None:
    """The part of `box` that lies on the canvas [3, H, W]; None: nothing does."""
    top, left, bottom, right = (
        max(0, box[0]),
        max(0, box[1]),
        min(canvas.shape[1], box[2]),
        min(canvas.shape[2], box[3]),
    )
    return (top, left, bottom, right) if bottom > top and right > left else None


def over(canvas: Float32, top: int, left: int, cover: Float32, colour: Float32) -> None:
    """Lay `colour` ([n, 1, 1] or [n, h, w]) over the canvas [n, H, W] at (top, left) by `cover` [h, w], in place.

    On a canvas of four planes (a mover's layer, premultiplied) the last is covered too.
    """
    h, w = cover.shape
    box = clip_box(canvas, (top, left, top + h, left + w))
    if box is None:
        return
    cut = (slice(box[0] - top, box[2] - top), slice(box[1] - left, box[3] - left))
    part = cover[cut]
    paint = colour if colour.shape[1:] == (1, 1) else colour[:, cut[0], cut[1]]
    view = canvas[:3, box[0] : box[2], box[1] : box[3]]
    view += part * (paint - view)
    if canvas.shape[0] == 4:
        alpha = canvas[3, box[0] : box[2], box[1] : box[3]]
        alpha += part * (1 - alpha)


def fill(canvas: Float32, box: Box, colour: Float32) -> None:
    """A rectangle of one colour or of [3, h, w] cut at the canvas' edge."""
    inside = clip_box(canvas, box)
    if inside is not None:
        paint = colour
        if colour.shape[1:] != (1, 1):
            paint = colour[:, inside[0] - box[0] : inside[2] - box[0], inside[1] - box[1] : inside[3] - box[1]]
        canvas[:3, inside[0] : inside[2], inside[1] : inside[3]] = paint


def shade(canvas: Float32, box: Box, factor: Float32 | float) -> None:
    """Multiply the light within a box."""
    inside = clip_box(canvas, box)
    if inside is not None:
        if (
            isinstance(factor, np.ndarray)
            and factor.ndim >= 2
            and factor.shape[-2:] == (box[2] - box[0], box[3] - box[1])
        ):
            factor = factor[..., inside[0] - box[0] : inside[2] - box[0], inside[1] - box[1] : inside[3] - box[1]]
        canvas[:, inside[0] : inside[2], inside[1] : inside[3]] *= factor


def polygon(points: list[tuple[float, float]], softness: int = 3) -> tuple[int, int, Float32]:
    """Cover of a polygon of (x, y): (top, left, cover [h, w]), edges smoothed by `softness`-fold sampling."""
    from PIL import Image, ImageDraw

    xs, ys = [p[0] for p in points], [p[1] for p in points]
    left, top = int(np.floor(min(xs))) - 1, int(np.floor(min(ys))) - 1
    w, h = int(np.ceil(max(xs))) + 2 - left, int(np.ceil(max(ys))) + 2 - top
    image = Image.new("L", (w * softness, h * softness))
    ImageDraw.Draw(image).polygon([((x - left) * softness, (y - top) * softness) for x, y in points], fill=255)
    return top, left, np.asarray(image.reduce(softness), np.float32) / 255


@cache
def _font(size: int):  # type: ignore[no-untyped-def]
    from PIL import ImageFont

    return ImageFont.load_default(size)


def letters(text: str, size: int) -> Float32:
    """Cover of a line of text, `size` samples high."""
    from PIL import Image, ImageDraw

    font = _font(max(6, size))
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, font=font, fill=255)
    return np.asarray(image, np.float32) / 255


def leaf_stamps(size: int, n: int, rng: np.random.Generator) -> list[tuple[Float32, Float32]]:
    """Cover and shading of `n` leaves of about `size` samples, each turned and folded differently."""
    stamps = []
    for _ in range(n):
        length, width = size * rng.uniform(0.7, 1.0) / 2, size * rng.uniform(0.16, 0.3) / 2
        angle, fold = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        half = int(np.ceil(length)) + 1
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
        along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        t = np.clip(along / length, -1, 1)
        edge = width * (1 - t * t) ** 0.8 * (1 - 0.35 * t)
        cover = np.clip(edge - np.abs(across) + 0.5, 0, 1) * (np.abs(along) < length)
        side = np.where(across > 0, 1 + fold, 1 - fold)
        vein = 1 + 0.5 * np.exp(-((across / max(0.04 * size, 0.7)) ** 2))
        light = (
            side
            * vein
            * (0.85 + 0.3 * np.sin(along / max(size, 1) * 40 + np.abs(across) * 2.0 / max(size / 20, 1)) ** 2)
        )
        stamps.append((cover.astype(np.float32), light.astype(np.float32)))
    return stamps


def scatter_leaves(
    canvas: Float32,
    places: npt.NDArray[np.floating],
    stamps: list[tuple[Float32, Float32]],
    colours: npt.NDArray[np.floating],
    rng: np.random.Generator,
) -> None:
    """Stamp a leaf of `colours` [n, 3] at each (x, y) of `places` [n, 2], in order, later ones in front."""
    which = rng.integers(0, len(stamps), len(places))
    for (x, y), colour, k in zip(places, colours, which, strict=True):
        cover, light = stamps[k]
        half = cover.shape[0] // 2
        over(canvas, int(y) - half, int(x) - half, cover, light * np.float32(colour)[:, None, None])


def sphere(
    radius: float,
    albedo: Float32,
    sun: tuple[float, float, float],
    *,
    gloss: float = 0.0,
    texture: Float32 | None = None,
    sun_light: Float32,
    sky_light: Float32,
) -> tuple[Float32, Float32]:
    """Cover [n, n] and light [3, n, n] of a lit ball. `sun` points to the sun (x right, y down, z to the viewer);
    `gloss` is the height of its highlight; `texture` [3 or 1, m, m] is wrapped around it."""
    n = int(np.ceil(radius)) * 2 + 3
    at = (np.arange(n, dtype=np.float32) - n // 2) / np.float32(radius)
    x, y = at[None, :], at[:, None]
    r2 = x * x + y * y
    z = np.sqrt(np.maximum(1 - r2, 0))
    direction = np.asarray(sun, np.float32) / np.float32(np.linalg.norm(sun))
    facing = np.clip(x * direction[0] + y * direction[1] + z * direction[2], 0, 1)
    ambient = 0.35 + 0.65 * (0.5 - 0.5 * y)
    colour = albedo * (sun_light * facing + sky_light * ambient)
    if texture is not None:
        m = texture.shape[-1]
        u = np.clip(((np.arctan2(x, z + 1e-3) / np.pi + 0.5) * m).astype(int), 0, m - 1)
        v = np.clip(((np.arccos(np.clip(y, -1, 1)) / np.pi) * m).astype(int) + np.zeros_like(u), 0, m - 1)
        colour = colour * texture[:, v, u]
    if gloss:
        halfway = direction + np.float32([0, 0, 1])
        halfway /= np.linalg.norm(halfway)
        shine = np.clip(x * halfway[0] + y * halfway[1] + z * halfway[2], 0, 1) ** 300
        rim = (1 - z) ** 4 * 0.25
        colour = colour + gloss * shine * sun_light + rim * sky_light
    cover = np.clip((1 - np.sqrt(r2)) * radius + 0.5, 0, 1)
    return np.asarray(cover, np.float32), np.asarray(colour, np.float32)
