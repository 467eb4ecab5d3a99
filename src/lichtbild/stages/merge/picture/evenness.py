"""How far the luminance of a merge has to be blurred for its noise to be that of the mean of its frames.

Samples fall between pixels: the kernel of the gather makes one of them count in up to four pixels. Where frames happen
to lie half a pixel apart noise falls by more than the root of their number, where they lie on the pixels by less. Both
follow from the motion, so the blur that evens them out is computed, not set.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

# As the kernel has them: blur of the sums of chrominance and of luminance, from the middle outwards.
WIDE = np.array([0.0222, 0.2282, 0.4992, 0.2282, 0.0222])
FINE = np.array([0.0175, 0.965, 0.0175])
# Samples beside the place of a pixel in a frame that its luminance and chrominance are made of.
_BESIDE = np.arange(-2, 4)
# Variance that fine detail adds where noise alone passes for it (measured on even noise, 2 to 10 frames: 1.03 to 1.06).
_LET_THROUGH = 1.045
# Beyond these nothing is won: sharpening by more shows rings, blur takes detail.
_LEAST, _MOST = -2.0, 3.0


def blur_of(
    moves_px: F64, weights: Sequence[float], trust: tuple[float, float], red: tuple[int, int], kernel_px: float
) -> float:
    """Part of the fine blur that luminance takes: 1 is all of it, below 0 it is sharpened.

    Parameters
    ----------
    moves_px
        [p, n, 2], displacement (dy, dx) of each frame at some places of the picture.
    weights
        [n], inverse variance of each frame over the reference's.
    trust
        Variance of a green sample over that of a balanced red and blue one.
    red
        Row and column of red in the filter array.
    kernel_px
        Radius of the gather kernel.

    Notes
    -----
    The variance of a green pixel is quadratic in the blur; what is wanted is that of the weighted mean of its frames.
    """
    bare, less, noise = _responses(moves_px, np.asarray(weights, np.float64), trust, red, kernel_px)
    v0, v1, v2 = (float((a * b * noise).sum((1, 2, 3)).mean()) for a, b in ((bare, bare), (bare, less), (less, less)))
    over = v0 - 1 / (_LET_THROUGH * float(np.sum(weights)))
    # Where even the blur of the least noise is not enough, that one.
    return float(np.clip((-v1 - np.sqrt(max(v1 * v1 - v2 * over, 0))) / max(v2, 1e-12), _LEAST, _MOST))


def _responses(
    moves_px: F64, weights: F64, trust: tuple[float, float], red: tuple[int, int], kernel_px: float
) -> tuple[F64, F64, F64]:
    """What samples count in green pixels [2 p, n, 6, 6] with luminance from bare sums, what the fine blur changes of
    that, and the samples' variance over that of a green one of the reference."""
    whole = np.floor(moves_px).astype(np.intp)
    fraction = moves_px - whole
    parts = []
    for row, column in ((red[0], 1 - red[1]), (1 - red[0], red[1])):  # the green sites
        y = (whole[..., 0] + row - red[0])[..., None] + _BESIDE
        x = (whole[..., 1] + column - red[1])[..., None] + _BESIDE
        on_row, on_column = (y % 2 == 0)[..., :, None], (x % 2 == 0)[..., None, :]
        is_red, is_blue = on_row & on_column, ~on_row & ~on_column
        value = np.where(is_red, trust[0], np.where(is_blue, trust[1], 1.0))
        wide = _gathered(fraction, WIDE, weights, kernel_px)
        chroma = [_share(np.where(which, wide, 0)) for which in (is_red, is_blue, ~is_red & ~is_blue)]
        made = []
        for blur in (np.ones(1), FINE):
            light = _share(value * _gathered(fraction, blur, weights, kernel_px))
            for which, of_colour in zip((is_red, is_blue), chroma, strict=False):
                # Samples of other colours, freed of their difference from green.
                light = light - np.where(which, light, 0).sum((1, 2, 3), keepdims=True) * (of_colour - chroma[2])
            made.append(light)
        parts.append((made[0], made[1] - made[0], 1 / (value * weights[:, None, None])))
    bare, less, noise = (np.concatenate(each) for each in zip(*parts, strict=True))
    return bare, less, noise


def _gathered(fraction: F64, blur: F64, weights: F64, kernel_px: float) -> F64:
    """Weights of the samples beside a pixel in its sums, blurred along both axes: [p, n, 6, 6]."""
    reach = len(blur) // 2
    along = np.zeros((*fraction.shape, len(_BESIDE)))
    for q, share in zip(range(-reach, reach + 1), blur, strict=True):
        at = _BESIDE - q
        power = np.maximum(1 - (at - fraction[..., None]) ** 2 / (16 * kernel_px**2), 0) ** 8
        along += share * np.where((at == 0) | (at == 1), power, 0)
    return np.asarray(weights[:, None, None] * along[..., 0, :, None] * along[..., 1, None, :])


def _share(values: F64) -> F64:
    """Each as a part of all, place by place."""
    return np.asarray(values / np.maximum(values.sum((1, 2, 3), keepdims=True), 1e-12))
