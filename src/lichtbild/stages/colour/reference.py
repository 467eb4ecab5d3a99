"""A colour matrix in clear NumPy. The fused kernel is `stages/tone/kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]


def mix_channels(pixels: Pixels, matrix: npt.NDArray[np.floating]) -> Pixels:
    """out[..., i] = sum_j matrix[i, j] pixels[..., j]; float32 [H, W, 3]."""
    return np.asarray(pixels @ matrix.T, np.float32)
