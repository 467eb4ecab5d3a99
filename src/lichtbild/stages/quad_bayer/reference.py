"""The kernels of quad_bayer in clear NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
MARGIN = 8


def quad_bin(mosaic: Floats, out: Floats) -> None:
    """Means of 2x2 of mosaic [2 h, 2 w] into out [h, w]."""
    h, w = out.shape
    out[...] = mosaic[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean(axis=(1, 3))


def _padded(mosaic: Floats) -> Doubles:
    """Eight pixels more on every side, moved in by whole periods of 4."""
    m = mosaic.astype(np.float64)
    for axis in (0, 1):
        n = m.shape[axis]
        index = np.arange(-MARGIN, n + MARGIN)
        index = np.where(index < 0, index + 4, np.where(index >= n, index - 4, index))
        m = np.take(m, np.clip(index, 0, n - 1), axis=axis)
    return m


def _between(values: Doubles, axis: int) -> Doubles:
    def at(offset: int) -> Doubles:
        return np.roll(values, -offset, axis=axis)

    first = at(-1) * 2 / 3 + at(2) / 3
    second = at(-2) / 3 + at(1) * 2 / 3
    is_first = np.arange(values.shape[axis]) % 2 == 0
    return np.where(is_first[:, None] if axis == 0 else is_first[None, :], first, second)


def quad_remosaic(mosaic: Floats, red_row: int, red_column: int, variance: float, out: Floats) -> None:
    """Same arguments as the kernel: see there for the reasons."""
    m = _padded(mosaic)
    blocks = m.reshape(m.shape[0] // 2, 2, m.shape[1] // 2, 2)
    a, b, c, d = blocks[:, 0, :, 0], blocks[:, 0, :, 1], blocks[:, 1, :, 0], blocks[:, 1, :, 1]
    mean = (a + b + c + d) / 4

    def beside(axis: int) -> Doubles:
        return np.abs(np.roll(mean, -1, axis) - np.roll(mean, 1, axis)) / 2

    along = (np.abs(a - b) + np.abs(c - d)) / 2 + beside(1)
    across = (np.abs(a - c) + np.abs(b - d)) / 2 + beside(0)
    roll: Callable[..., Doubles] = np.roll
    h, v = (
        sum((roll(change, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)), np.zeros_like(mean)) / 9
        for change in (along, across)
    )
    h, v = h * h + variance + 1e-12, v * v + variance + 1e-12
    share = np.repeat(np.repeat(v * v / (h * h + v * v), 2, axis=0), 2, axis=1)

    rows, columns = np.arange(m.shape[0]) - MARGIN, np.arange(m.shape[1]) - MARGIN
    is_red_row = ((rows // 2) % 2 == red_row)[:, None]
    is_red_column = ((columns // 2) % 2 == red_column)[None, :]
    in_row, in_column = _between(m, 1), _between(m, 0)
    green = np.where(is_red_row != is_red_column, m, in_column + (in_row - in_column) * share)
    difference = m - green
    spread = _between(difference, 1)
    red_rows = np.where(is_red_column, difference, spread)
    blue_rows = np.where(is_red_column, spread, difference)
    red = green + np.where(is_red_row, red_rows, _between(red_rows, 0))
    blue = green + np.where(is_red_row, _between(blue_rows, 0), blue_rows)
    wants_row, wants_column = (rows % 2 == red_row)[:, None], (columns % 2 == red_column)[None, :]
    wanted = np.where(wants_row != wants_column, green, np.where(wants_row, red, blue))
    is_same = np.where(
        wants_row == wants_column,
        (wants_row == is_red_row) & (wants_column == is_red_column),
        is_red_row != is_red_column,
    )
    out[...] = np.where(is_same, m, wanted)[MARGIN:-MARGIN, MARGIN:-MARGIN]
