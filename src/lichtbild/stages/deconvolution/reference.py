"""The same, block by block and in double precision: the truth for tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

BLOCK, STEP = 64, 48


def deconvolve_plane(plane: Float64, inverse: npt.NDArray[np.complex128], variance: npt.NDArray[np.float64]) -> Float64:
    """One colour of a picture with its blur undone.

    Parameters
    ----------
    plane
        float64 [H, W].
    inverse
        complex128 [n_y, n_x, 64, 33], of every block; block (i, j) begins at (48 i - 16, 48 j - 16).
    variance
        float64 [n_y, n_x], of the noise at structure.
    """
    height, width = plane.shape
    n_y, n_x = inverse.shape[:2]
    rise = np.sin(0.5 * np.pi * (np.arange(16) + 0.5) / 16)
    side = np.concatenate([rise, np.ones(32), rise[::-1]])
    window = side[:, None] * side[None, :]
    # numpy's "symmetric" repeats the border pixel, as a mirror between pixels does.
    wide = np.pad(plane, ((16, n_y * STEP - height), (16, n_x * STEP - width)), "symmetric")
    out = np.zeros_like(wide)
    for i in range(n_y):
        for j in range(n_x):
            place = np.s_[i * STEP : i * STEP + BLOCK, j * STEP : j * STEP + BLOCK]
            mean = wide[place].mean()
            spectrum = np.fft.fft2((wide[place] - mean) * window)
            power = np.abs(spectrum) ** 2
            for axis in (0, 1):
                power = 0.5 * power + 0.25 * (np.roll(power, -1, axis) + np.roll(power, 1, axis))
            trust = np.maximum(1 - variance[i, j] * (window**2).sum() / np.maximum(power, 1e-30), 0)
            raised = spectrum[:, :33] * (1 + (inverse[i, j] - 1) * trust[:, :33])
            out[place] += np.fft.irfft2(raised, (BLOCK, BLOCK)) * window + mean * window**2
    return out[16 : 16 + height, 16 : 16 + width]
