"""The kernels of `kernel.py` in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def planes_of_pixels(pixels: Floats, out: Floats) -> None:
    """[H, W, 3] to [H, 3, rim + W + rim]; the border repeats in the rim."""
    rim = (out.shape[2] - pixels.shape[1]) // 2
    out[...] = np.pad(np.moveaxis(pixels, 2, 1), ((0, 0), (0, 0), (rim, rim)), "edge")


def pixels_of_planes(planes: Floats, across: int, out: Floats) -> None:
    """Flat rows of planes, each `across` numbers after the one before, to [H, W, 3]."""
    height, width, _ = out.shape
    whole = np.zeros(3 * height * across, np.float32)
    whole[: planes.size] = planes
    out[...] = np.moveaxis(whole.reshape(height, 3, across)[:, :, :width], 1, 2)
