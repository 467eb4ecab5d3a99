"""The kernels of mosaic denoising in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from lichtbild.core.frame import sample_gain_grid

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

SIDE, STEP = 8, 4
# Rows: sum, difference along x, along y, along both; columns: the sites of a 2 x 2 block, row-major. Its own inverse.
PARTS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2


def site_gain(gain: Floats, colour: Ints, shape: tuple[int, int]) -> Floats:
    """Spatial gain at the centre of every pixel, by its own colour, as sites [4, H / 2, W / 2]."""
    grid = sample_gain_grid(np.asarray(gain, np.float32), np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5)
    return np.stack([grid[k // 2 :: 2, k % 2 :: 2, np.clip(colour[k], 0, 2)] for k in range(4)])


def denoise_mosaic_pack(mosaic: Floats, alpha: Floats, beta: Floats, colour: Ints, gain: Floats, out: Floats) -> None:
    """Stabilised samples t = 2 / alpha (sqrt(alpha s + c) - sqrt(c)), c = beta + 3/8 alpha^2, whose noise is 1 at any
    light s; then sum and differences of each 2 x 2 block. All float32: mosaic [H, W], alpha, beta [4], out [4, H/2,
    W/2].
    """
    sites = np.stack([mosaic[k // 2 :: 2, k % 2 :: 2] for k in range(4)]).astype(np.float64)
    signal = sites / site_gain(gain, colour, (mosaic.shape[0], mosaic.shape[1]))
    a = alpha.astype(np.float64)[:, None, None]
    offset = beta.astype(np.float64)[:, None, None] + 0.375 * a * a
    # The same with the root moved below the line, so that alpha may be 0.
    stable = 2 * signal / (np.sqrt(np.maximum(a * signal + offset, 0)) + np.sqrt(offset))
    out[:] = np.einsum("pk,kyx->pyx", PARTS, stable)


def denoise_mosaic_shrink(
    planes: Floats, basis: Floats, threshold_first: float, threshold_other: float, out: Floats
) -> None:
    """Cosine coefficients of 8 x 8 blocks every 4 px that stay below the threshold become 0; where blocks overlap they
    are averaged, each weighted by one over the number of its coefficients left. planes, out float32 [4, h, w]."""
    cosine = basis.astype(np.float64)
    _, height, width = planes.shape
    rows, columns = (-(-n // STEP) + 1 for n in (height, width))
    for c, plane in enumerate(planes):
        # Blocks begin one step before the picture; its border is mirrored about the outermost samples.
        after = (rows * STEP - height, columns * STEP - width)
        padded = np.pad(plane.astype(np.float64), ((STEP, after[0]), (STEP, after[1])), "reflect")
        blocks = sliding_window_view(padded, (SIDE, SIDE))[::STEP, ::STEP]
        spectrum = cosine @ blocks @ cosine.T
        is_kept = np.abs(spectrum) > (threshold_first if c == 0 else threshold_other)
        is_kept[..., 0, 0] = True
        kept = spectrum * is_kept
        weight = 1 / np.maximum((kept != 0).sum((2, 3)), 1)
        back = cosine.T @ kept @ cosine * weight[..., None, None]
        value, total = np.zeros(padded.shape), np.zeros(padded.shape)
        for j in range(SIDE):
            for i in range(SIDE):
                place = slice(j, j + STEP * blocks.shape[0], STEP), slice(i, i + STEP * blocks.shape[1], STEP)
                value[place] += back[:, :, j, i]
                total[place] += weight
        inside = slice(STEP, STEP + height), slice(STEP, STEP + width)
        out[c] = value[inside] / total[inside]


def denoise_mosaic_unpack(
    planes: Floats, alpha: Floats, beta: Floats, colour: Ints, gain: Floats, keep: float, out: Floats
) -> None:
    """Inverse of `denoise_mosaic_pack`: s = sqrt(c) t + alpha / 4 (t^2 + 1 - keep), for E[t^2] = E[t]^2 + 1 - keep of
    what was taken away. `keep` is the part of the noise variance still in the planes; out float32 [H, W]."""
    stable = np.einsum("pk,kyx->pyx", PARTS, planes.astype(np.float64))
    a = alpha.astype(np.float64)[:, None, None]
    offset = beta.astype(np.float64)[:, None, None] + 0.375 * a * a
    signal = stable * np.sqrt(offset) + 0.25 * a * (stable * stable + 1 - keep)
    signal *= site_gain(gain, colour, (out.shape[0], out.shape[1]))
    for k in range(4):
        out[k // 2 :: 2, k % 2 :: 2] = signal[k]
