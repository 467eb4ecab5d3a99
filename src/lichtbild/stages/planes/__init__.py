"""Two ways to lay out a picture of three planes: pixels [H, W, 3], and rows of planes [H, 3, rim + W + rim]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native

__all__ = ["contiguous", "planes_of"]

Floats = npt.NDArray[np.float32]


def planes_of(pixels: Floats, rim: int) -> Floats:
    """Rows of planes, float32 [H, 3, rim + W + rim], of pixels [H, W, 3]; the border repeats in the rim. O(H W)."""
    height, width, _ = pixels.shape
    out: Floats = memory.empty((height, 3, width + 2 * rim))
    native.call("planes_of_pixels", np.ascontiguousarray(pixels, np.float32), out)
    return out


def contiguous(pixels: npt.NDArray[Any]) -> Floats:
    """Pixels float32 [H, W, 3], C-contiguous: themselves where they are, else a copy.

    A view of rows of planes, as a merged picture is, is turned by a kernel: a fifth of NumPy's time.
    """
    height, width, n_planes = pixels.shape
    across = pixels.strides[2]
    is_planes = pixels.dtype == np.float32 and n_planes == 3 and pixels.strides[:2] == (3 * across, 4)
    if not is_planes or across < 4 * width or not pixels.size:
        return np.ascontiguousarray(pixels, np.float32)
    # From the first number of the view to its last.
    n = (3 * height - 1) * (across // 4) + width
    flat = np.lib.stride_tricks.as_strided(pixels, (n,), (4,), writeable=False)
    out: Floats = memory.empty((height, width, 3))
    native.call("pixels_of_planes", flat, across // 4, out)
    return out
