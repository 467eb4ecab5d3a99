"""Which quality a JPEG needs for a size, or for a difference that can just not be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.errors import OutputError

LOWEST, HIGHEST = 20, 99
Pixels = npt.NDArray[np.uint8]
Coder = Callable[[Pixels, int], bytes]

# The difference is judged on this many squares spread over the picture, each of whole blocks of the coder.
_SQUARES, _SQUARE_PX = 24, 64


def for_size(pixels: Pixels, most_bytes: int, coder: Coder) -> tuple[int, bytes]:
    """The highest quality whose file has at most `most_bytes`, and that file.

    Raises
    ------
    OutputError
        If even the lowest quality needs more.
    """
    low, high, best = LOWEST, HIGHEST, None
    while low <= high:
        middle = (low + high + 1) // 2
        coded = coder(pixels, middle)
        if len(coded) <= most_bytes:
            best, low = (middle, coded), middle + 1
        else:
            high = middle - 1
    if best is None:
        least = len(coder(pixels, LOWEST))
        raise OutputError(
            f"{pixels.shape[1]} x {pixels.shape[0]} px need {-(-least // 1000)} kB at the least",
            hint="a smaller picture (longest=...), or more kbytes",
        )
    return best


def for_difference(pixels: Pixels, most: float, coder: Coder, decoder: Callable[[bytes], Pixels]) -> int:
    """The lowest quality at which 95 of 100 places differ by at most `most` CIEDE2000; 99 where none is enough.

    Places are cells of 2 x 2 px, which the eye averages, of some squares spread over the picture. A difference of 1 is
    just visible in flat patches side by side.
    """
    sample = _sample(pixels)
    wanted = _seen(sample)
    low, high = LOWEST, HIGHEST
    while low < high:
        middle = (low + high) // 2
        difference = cs.delta_e_2000(wanted, _seen(decoder(coder(sample, middle))))
        if np.percentile(difference, 95) <= most:
            high = middle
        else:
            low = middle + 1
    return low


def _sample(pixels: Pixels) -> Pixels:
    """Squares spread over the picture, below one another; a small picture whole."""
    height, width = pixels.shape[:2]
    if height * width <= _SQUARES * _SQUARE_PX**2 or min(height, width) < _SQUARE_PX:
        return pixels
    n_columns = max(1, round((_SQUARES * width / height) ** 0.5))
    n_rows = -(-_SQUARES // n_columns)
    tops, lefts = (
        np.unique(np.linspace(0, side - _SQUARE_PX, n).astype(int) // 16 * 16)
        for side, n in ((height, n_rows), (width, n_columns))
    )
    squares = [pixels[top : top + _SQUARE_PX, left : left + _SQUARE_PX] for top in tops for left in lefts]
    return np.ascontiguousarray(np.concatenate(squares))


def _seen(pixels: Pixels) -> npt.NDArray[Any]:
    """L*a*b* of cells of 2 x 2 px."""
    light = cs.srgb_decode(pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2].astype(np.float32) / 255)
    cells = light.reshape(light.shape[0] // 2, 2, light.shape[1] // 2, 2, 3).mean(axis=(1, 3))
    return cs.xyz_to_lab(cells @ cs.SRGB_TO_XYZ.T, cs.SRGB_TO_XYZ.sum(axis=1))
