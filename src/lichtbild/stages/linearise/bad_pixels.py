"""Interpolation of single pixels of a mosaic from neighbours of the same colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.camera import GREEN, Cfa

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

# Pairs of opposite neighbours of the same colour, nearest first; the first two rows only for green.
GREEN_PAIRS = ((-1, -1), (-1, 1), (-2, 0), (0, -2), (-2, -2), (-2, 2))
COLOUR_PAIRS = ((-2, 0), (0, -2), (-2, -2), (-2, 2))


def _pairs(is_green: bool, step: int) -> tuple[tuple[int, int], ...]:
    if step == 1:  # no mosaic
        return ((-1, 0), (0, -1), (-1, -1), (-1, 1))
    return GREEN_PAIRS if is_green else COLOUR_PAIRS


def interpolate(pixels: Array, rows: Indices, columns: Indices, cfa: Cfa | None) -> Array:
    """Values for the pixels at (rows, columns), from neighbours that are not in the list themselves.

    Of the pairs of opposite neighbours the one with the smallest difference is averaged, so that an edge is followed;
    where no pair is whole, the sound pixels of the same colour within 7 x 7, then 15 x 15, are averaged.

    Parameters
    ----------
    pixels
        [H, W], any dtype.
    rows, columns
        Places inside the image, [n].

    Returns
    -------
    float64 [n]. A pixel without any sound neighbour keeps its value.
    """
    bad = np.zeros(pixels.shape, bool)
    bad[rows, columns] = True
    value = pixels[rows, columns].astype(np.float64)
    done = np.zeros(rows.size, bool)
    if cfa is None:
        groups = [(np.ones(rows.size, bool), _pairs(False, 1), 1)]
    elif cfa.quad != 1:
        groups = [(np.ones(rows.size, bool), ((-4, 0), (0, -4), (-4, -4), (-4, 4)), 4)]
    else:
        colour = np.array(cfa.colours)[rows % 2, columns % 2]
        groups = [(colour == GREEN, _pairs(True, 2), 2), (colour != GREEN, _pairs(False, 2), 2)]
    for chosen, pairs, step in groups:
        where = np.flatnonzero(chosen)
        value[where], done[where] = _from_pairs(pixels, bad, rows[where], columns[where], pairs)
        for k in where[~done[where]]:
            value[k] = _from_window(pixels, bad, int(rows[k]), int(columns[k]), step)
    return value


def _from_pairs(
    pixels: Array, bad: npt.NDArray[np.bool_], rows: Indices, columns: Indices, pairs: tuple[tuple[int, int], ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    height, width = pixels.shape
    best = np.full(rows.size, np.inf)
    value = pixels[rows, columns].astype(np.float64)
    for dr, dc in pairs:
        r0, c0, r1, c1 = rows + dr, columns + dc, rows - dr, columns - dc
        inside = (np.minimum(r0, r1) >= 0) & (np.maximum(r0, r1) < height)
        inside &= (np.minimum(c0, c1) >= 0) & (np.maximum(c0, c1) < width)
        r0, r1 = np.clip(r0, 0, height - 1), np.clip(r1, 0, height - 1)
        c0, c1 = np.clip(c0, 0, width - 1), np.clip(c1, 0, width - 1)
        sound = inside & ~bad[r0, c0] & ~bad[r1, c1]
        a, b = pixels[r0, c0].astype(np.float64), pixels[r1, c1].astype(np.float64)
        better = sound & (np.abs(a - b) < best)
        value = np.where(better, (a + b) / 2, value)
        best = np.where(better, np.abs(a - b), best)
    return value, np.isfinite(best)


def _from_window(pixels: Array, bad: npt.NDArray[np.bool_], row: int, column: int, step: int) -> float:
    for reach in (3, 7, 15, 31):
        span = reach // step * step
        r = np.arange(row - span, row + span + 1, step)
        c = np.arange(column - span, column + span + 1, step)
        r, c = r[(r >= 0) & (r < pixels.shape[0])], c[(c >= 0) & (c < pixels.shape[1])]
        sound = ~bad[np.ix_(r, c)]
        if sound.any():
            return float(pixels[np.ix_(r, c)][sound].mean(dtype=np.float64))
    return float(pixels[row, column])
