"""Gain of every cell of pixels in clear NumPy, the twin of `kernel.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def log_gains(sdr: npt.NDArray[np.uint8], hdr: Floats, light: Floats, offset: float, step: int) -> Floats:
    """log2 of the light that HDR has for that of SDR, the mean over cells of `step` x `step` px.

    Parameters
    ----------
    sdr
        uint8 [H, W, 3], the base picture.
    hdr
        float32 [H, W, 3], linear light relative to SDR white.
    light
        float32 [256], linear light of each code of `sdr`.
    offset
        Added to both, so that black has a gain.
    step
        1 or 2; cells at the far edges repeat its last pixels.

    Returns
    -------
    float32 [ceil(H / step), ceil(W / step), 3].
    """
    gains = np.log2((np.maximum(hdr, 0) + np.float32(offset)) / (light[sdr] + np.float32(offset)))
    return _means(gains, step)


def _means(values: npt.NDArray[Any], step: int) -> Floats:
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    cells = padded.reshape(rows, step, columns, step, 3)
    return np.asarray(cells.mean(axis=(1, 3)), np.float32)
