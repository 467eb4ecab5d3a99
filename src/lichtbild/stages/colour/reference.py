"""A colour matrix, and a map of hue and saturation, in clear NumPy. The fused kernel of the former is
`stages/tone/kernel.py`, that of the latter `kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs

Pixels = npt.NDArray[np.float32]


def mix_channels(pixels: Pixels, matrix: npt.NDArray[np.floating]) -> Pixels:
    """out[..., i] = sum_j matrix[i, j] pixels[..., j]; float32 [H, W, 3]."""
    return np.asarray(pixels @ matrix.T, np.float32)


def to_hsv(rgb: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Hue 0..6, saturation 0..1 and value of RGB >= 0 [..., 3]; greys have hue 0."""
    r, g, b = np.moveaxis(rgb, -1, 0)
    value, least = rgb.max(-1), rgb.min(-1)
    span = value - least
    safe = np.maximum(span, np.float32(1e-9))
    hue = np.where(value == r, (g - b) / safe, np.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    hue = np.where(span > 1e-9, np.where(hue < 0, hue + 6, hue), 0)
    return hue.astype(np.float32), span / np.maximum(value, np.float32(1e-9)), value


def from_hsv(hue: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    """Inverse of `to_hsv`: channel k falls off with the distance of the hue from its own."""

    def channel(at: float) -> Pixels:
        apart = np.abs((hue - np.float32(at) + 3) % 6 - 3)
        return np.asarray(value * (1 - saturation * np.clip(apart - 1, 0, 1)), np.float32)

    return np.stack([channel(0), channel(2), channel(4)], -1)


def sampled(table: Pixels, hue: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    """A table [hues, saturations, values, 3] at hue 0..6, saturation and value 0..1, linear; hue runs round."""
    n, m, k = table.shape[:3]
    h, s, v = hue * (n / 6), np.clip(saturation, 0, 1) * (m - 1), np.clip(value, 0, 1) * (k - 1)
    i, j, l = h.astype(np.int32), np.minimum(s.astype(np.int32), m - 2), np.minimum(v.astype(np.int32), max(k - 2, 0))  # noqa: E741
    fh, fs, fv = ((place - low)[..., None] for place, low in ((h, i), (s, j), (v, l)))
    i, i1, l1 = i % n, (i + 1) % n, np.minimum(l + 1, k - 1)

    def plane(at: npt.NDArray[np.int32]) -> Pixels:
        low = table[i, j, at] * (1 - fh) + table[i1, j, at] * fh
        high = table[i, j + 1, at] * (1 - fh) + table[i1, j + 1, at] * fh
        return np.asarray(low * (1 - fs) + high * fs, np.float32)

    return np.asarray(plane(l) * (1 - fv) + plane(l1) * fv, np.float32)


def through_map(pixels: Pixels, to: Pixels, back: Pixels, table: Pixels, limit: float, is_encoded: bool) -> Pixels:
    """Camera RGB [H, W, 3] through a map of hue, saturation and value.

    Parameters
    ----------
    to, back
        Camera RGB to linear ProPhoto RGB and back, [3, 3].
    table
        [hues, saturations, values, 3]: shift in degrees, factor of saturation, factor of value.
    limit
        Value of a channel from which the map fades, to nothing a ninth above: what is clipped has no hue.
    is_encoded
        The table is over value on the sRGB curve, and its factors are of that.

    Notes
    -----
    What the map changes is added to the pixel, so that noise below black stays what it is.
    """
    rgb = np.maximum(pixels @ to.T, 0).astype(np.float32)
    hue, saturation, value = to_hsv(rgb)
    code = cs.srgb_encode(value) if is_encoded else value
    shift, more, brighter = np.moveaxis(sampled(table, hue, saturation, code), -1, 0)
    hue = (hue + shift * np.float32(6 / 360)) % 6
    saturation = np.clip(saturation * more, 0, 1)
    lit = value * brighter
    if is_encoded:
        lit = np.where(value < 1, cs.srgb_decode(np.minimum(code * brighter, 1)), lit)
    change = (from_hsv(hue, saturation, lit.astype(np.float32)) - rgb) @ back.T
    t = np.clip((pixels.max(-1, keepdims=True) - np.float32(limit)) * np.float32(9 / limit), 0, 1)
    return np.asarray(pixels + (1 - t * t * (3 - 2 * t)) * change, np.float32)
