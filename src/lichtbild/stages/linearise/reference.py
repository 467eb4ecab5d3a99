"""The kernels of linearise in clear NumPy, with the same arguments; the result is written into `out`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Stored = npt.NDArray[np.uint16]
Doubles = npt.NDArray[np.float64]


def _light(stored: Stored, black: Floats, delta_v: Floats, scale: Floats) -> Doubles:
    rows = np.arange(stored.shape[0])
    level = black[rows % black.shape[0]].astype(np.float64) + delta_v[:, None]
    return np.asarray((stored - level) * scale)


def _gain(maps: Floats, row: npt.NDArray[np.int32], weight: Floats) -> Doubles:
    cell_row = np.arange(row.size) % maps.shape[0]
    upper, lower = maps[cell_row, row].astype(np.float64), maps[cell_row, row + 1]
    return np.asarray(upper + (lower - upper) * weight[:, None], np.float64)


def linearise_u16(stored: Stored, black: Floats, delta_v: Floats, scale: Floats, out: Floats) -> None:
    """(stored [H, W] - black [rb, W] - delta_v [H]) * scale [W]; black repeats every rb rows."""
    out[...] = _light(stored, black, delta_v, scale)


def linearise_gain_u16(
    stored: Stored,
    black: Floats,
    delta_v: Floats,
    scale: Floats,
    maps: Floats,
    row: npt.NDArray[np.int32],
    weight: Floats,
    out: Floats,
) -> None:
    """The same times the gain maps [rows of a cell, n, W]: row y lies weight[y] of the way from node row[y] on."""
    out[...] = _light(stored, black, delta_v, scale) * _gain(maps, row, weight)


def spatial_gain_f32(pixels: Floats, maps: Floats, row: npt.NDArray[np.int32], weight: Floats, out: Floats) -> None:
    """pixels [H, W] times the gain."""
    out[...] = pixels * _gain(maps, row, weight)
