"""What the noise of a picture looks like: its spectrum in each part and scale, measured where the picture is flat.

Demosaicing and merging leave noise that is neither white nor equal in luminance and colour; how it was blurred depends
on the burst. The noise model says how much noise there is; the picture's own flat places say how it is distributed.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SIZE = 8
MAX_BLOCKS = 3072
MIN_FLAT = 48
# Part of the blocks that is taken to be flat: those with the least luminance in coefficients of order 1 to 3.
FLAT_PART = 0.12
# Median of the square of a standard normal variable.
MEDIAN_OF_SQUARE = 0.4549
# Bounds of the measured variance over the declared one: a picture without noise is left alone, and texture everywhere
# is not taken for more noise than demosaicing can gather in one part.
LOWEST = 2e-3
HIGHEST = 5.0
HIGHEST_WHITE = 1.4


@functools.cache
def basis() -> Floats:
    """The cosine transform [9, 8]: row k, column n; the last row is the window of overlapping blocks."""
    n = np.arange(SIZE)
    cosine = np.cos(np.pi * (n[None, :] + 0.5) * n[:, None] / SIZE) * np.sqrt(2 / SIZE)
    cosine[0] /= np.sqrt(2)
    window = np.sin(np.pi * (n + 0.5) / SIZE)
    return np.ascontiguousarray(np.vstack([cosine, window]), np.float32)


@functools.cache
def declared(correlation_px: float, n_scales: int) -> tuple[Floats, ...]:
    """Variance of each coefficient [3 parts, 8, 8] by scale, for white noise of unit variance blurred by a Gaussian.

    Its variance in a pixel is still one; halving the picture averages 2x2 and keeps every second pixel.
    """
    frequency = np.fft.fftfreq(128)
    line = np.exp(-4 * np.pi**2 * correlation_px**2 * frequency**2)
    correlation = np.fft.ifft(line / line.mean()).real
    n = np.arange(SIZE)
    lag = np.abs(n[:, None] - n[None, :])
    cosine = basis()[:SIZE].astype(np.float64)
    result = []
    for _ in range(n_scales):
        variance = np.einsum("kn,nm,km->k", cosine, correlation[lag], cosine)
        both = np.maximum(variance[:, None] * variance[None, :], LOWEST)
        result.append(np.ascontiguousarray(np.broadcast_to(both, (3, SIZE, SIZE)), np.float32))
        at = np.arange(correlation.size // 2)
        after = correlation[(2 * at + 1) % correlation.size]
        correlation = (2 * correlation[2 * at] + correlation[2 * at - 1] + after) / 4
    return tuple(result)


def block_places(height: int, width: int, most: int = MAX_BLOCKS) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Top rows and left columns (multiples of 4) of up to `most` blocks spread evenly over a picture."""
    rows, columns = np.arange(0, height - SIZE + 1, 4), np.arange(0, width - SIZE + 1, 4)
    step = max(1.0, np.sqrt(rows.size * columns.size / most))
    rows = rows[(np.arange(0, rows.size, step)).astype(np.intp)]
    columns = columns[(np.arange(0, columns.size, step)).astype(np.intp)]
    top, left = np.meshgrid(rows, columns, indexing="ij")
    return top.ravel(), left.ravel()


def measured(blocks: Floats, variance: Floats, model: Floats, is_white: bool) -> Floats:
    """Variance of each coefficient over the declared variance of a pixel.

    Parameters
    ----------
    blocks
        float32 [n, 3 parts, 8, 8].
    variance
        Declared noise variance of a pixel of each block, float32 [n, 3].
    model
        What `declared` says, for pictures without enough flat blocks.
    is_white
        Whether the noise is declared to be white.

    Returns
    -------
    float32 [3, 8, 8].
    """
    usable = np.isfinite(blocks).all((1, 2, 3)) & (variance > 0).all(1)
    if np.count_nonzero(usable) * FLAT_PART < MIN_FLAT:
        return model
    cosine = basis()[:SIZE]
    spectrum = cosine @ blocks[usable] @ cosine.T
    power = spectrum * spectrum / variance[usable][:, :, None, None]
    order = np.add.outer(np.arange(SIZE), np.arange(SIZE))
    structure = power[:, 0][:, (order >= 1) & (order <= 3)].sum(1)
    flat = power[structure <= np.quantile(structure, FLAT_PART)]
    # Not np.median, which brings numpy.ma: a hundredth of the time of one frame.
    found = np.quantile(flat, 0.5, axis=0) / MEDIAN_OF_SQUARE
    found = (found + found.transpose(0, 2, 1)) / 2
    # The luminance the blocks were chosen by tells nothing of its noise: that of the next orders stands for it.
    found[0][order <= 3] = found[0][(order == 4) | (order == 5)].mean()
    found[:, 0, 0] = found[:, 0, 1]
    highest = HIGHEST_WHITE if is_white else HIGHEST
    return np.ascontiguousarray(np.clip(found, LOWEST, highest), np.float32)
