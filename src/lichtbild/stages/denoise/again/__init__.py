"""A second look at a noisy picture, with the first look's result telling where structure is."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.stages.denoise.levels import Roots

Floats = npt.NDArray[np.float32]

# Noise of a pixel's root at mid grey from which on pictures are looked at twice: what it wins grows with the noise
# (benchmarks/denoise_quality.py), what it costs does not.
LEVEL = 0.03
# Squared strength of the first look over the usual: noise that it leaves would pass for structure.
FIRST = np.array([1.25**2, 1.18**2, 1.18**2], np.float32)
SIDE, STEP = 16, 8
# Bands of the first look begin at multiples of so many rows.
BAND_STEP_PX = 16


@functools.cache
def basis() -> Floats:
    """The cosine transform [17, 16]: row k, column n; the last row is the window of overlapping blocks."""
    n = np.arange(SIDE)
    cosine = np.cos(np.pi * (n[None, :] + 0.5) * n[:, None] / SIDE) * np.sqrt(2 / SIDE)
    cosine[0] /= np.sqrt(2)
    return np.ascontiguousarray(np.vstack([cosine, np.sin(np.pi * (n + 0.5) / SIDE)]), np.float32)


def rows_needed(start: int, stop: int, height: int) -> tuple[int, int]:
    """Rows of both pictures that rows [start, stop) of the result are made of."""
    return max(start - BAND_STEP_PX, 0), min(stop + BAND_STEP_PX, height)


def second_look(
    rgb: Floats, first: Floats, roots: Roots, cells: Floats, variance: Floats, strength: Floats,
    rows: tuple[int, int], wanted: tuple[int, int],
) -> Floats:  # fmt: skip
    """Wiener's filter in blocks of 16x16 px every 8: each coefficient times P / (P + noise), P being its square in the
    first look's result.

    Fails where the first look took structure for noise: it is gone then.

    Parameters
    ----------
    rgb
        The noisy picture, camera RGB [H, W, 3].
    first
        Its rows [rows[0], rows[1]), and more, from the first look.
    roots
        What the parts are.
    cells
        Noise of the parts in cells of 4x4 px [3, ceil(H/4), ceil(W/4)].
    variance
        That of a coefficient of 8x8 blocks over that of a pixel [3, 8, 8], > 0.
    strength
        What noise is multiplied by in each part [3]; 0 keeps the part.
    rows
        `rows_needed` for `wanted`.
    wanted
        Rows of the picture that are returned.
    """
    begin, end = rows
    noise = np.ascontiguousarray(finer(variance) * strength[:, None, None], np.float32)
    near = np.ascontiguousarray(cells[:, begin // 4 : -(-end // 4)])
    out = memory.empty((wanted[1] - wanted[0], *rgb.shape[1:]))
    native.call(
        "denoise_again", rgb[begin:end], first[: end - begin], roots.balance, roots.offset, roots.into, roots.back,
        near, noise, basis(), (wanted[0] - begin) // STEP, out,
    )  # fmt: skip
    return out


def finer(variance: Floats) -> Floats:
    """Variances of the coefficients of 16x16 blocks from those of 8x8, [3, 16, 16] from [3, 8, 8].

    Coefficient k of eight has the frequency of 2 k of sixteen; between them the logarithm changes evenly.
    """
    place = np.minimum(np.arange(SIDE) / 2, 7)
    low = np.minimum(place.astype(int), 6)
    part = place - low
    weight = np.zeros((SIDE, 8))
    weight[np.arange(SIDE), low] = 1 - part
    weight[np.arange(SIDE), low + 1] = part
    return np.asarray(np.exp(weight @ np.log(variance) @ weight.T))
