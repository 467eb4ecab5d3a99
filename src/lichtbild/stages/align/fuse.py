"""Tiles that move by themselves as one field: each a quadratic, neighbours held together where they do not disagree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# How far the motions of neighbours differ within one thing: 0.2 degrees of turn, 0.3 % of growth from frame to frame.
_WITHIN_PX = 0.1
# Disagreement, in standard deviations, from which two tiles are held to be two things.
_EDGE = 3.0
# Error of a tile's motion that its own sums do not show (aliasing, what covers it), px.
_FLOOR_PX = 0.05
_N_SWEEPS = 20


def covariances(sums: F32, left: F32) -> F64:
    """Covariance [n, 2, 2] of the motion (dy, dx) that n tiles show, px, from their sums [n, 7] at half size; errors
    are as much larger than noise explains as `left` [n] tells."""
    s = sums.astype(np.float64)
    know = np.stack([s[:, 0], s[:, 1], s[:, 1], s[:, 2]], -1).reshape(-1, 2, 2) / 4
    know = know / np.maximum(left, 1)[:, None, None] + 1e-3 * np.eye(2)
    return np.asarray(np.linalg.inv(know) + _FLOOR_PX**2 * np.eye(2))


def edges(neighbours: list[npt.NDArray[np.integer]], is_chosen: Mask) -> Ints:
    """Pairs [m, 2] of chosen tiles that lie beside or aslant of each other, counted among the chosen. `neighbours`: of
    each chosen one, the numbers among all tiles, negative where there is none."""
    number = np.full(len(is_chosen) + 1, -1)
    number[:-1][is_chosen] = np.arange(int(is_chosen.sum()))
    pairs = [np.stack([np.arange(len(beside)), number[beside]], -1) for beside in neighbours]
    found = np.concatenate(pairs)
    return np.asarray(found[found[:, 0] < found[:, 1]], np.int64)


def fused(motion_px: F64, covariance: F64, pairs: Ints) -> tuple[F64, F64]:
    """The field of least cost: sum over tiles (u - m)' C^-1 (u - m) + sum over pairs w |u_i - u_j|^2.

    Parameters
    ----------
    motion_px
        [n, 2], what the tiles show; `covariance` [n, 2, 2] how well.
    pairs
        [m, 2] neighbours. w is 1 / 0.1 px squared, and falls to nothing where the two contradict each other by more
        than their errors explain: a thing's rim stays where it is, weak tiles borrow.

    Returns
    -------
    motion_px [n, 2], and its covariance [n, 2, 2], counting a tile's neighbours but not theirs in turn.
    """
    one, two = pairs.T
    unit, know = np.eye(2), np.linalg.inv(covariance)
    apart = motion_px[one] - motion_px[two]
    expected = covariance[one] + covariance[two] + _WITHIN_PX**2 * unit
    distance = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(expected), apart)
    weight = 1 / (1 + distance / _EDGE**2) ** 2 / _WITHIN_PX**2
    n = len(motion_px)
    total = np.bincount(one, weight, n) + np.bincount(two, weight, n)
    hold = np.linalg.inv(know + total[:, None, None] * unit)
    own, out = np.einsum("nij,nj->ni", know, motion_px), motion_px
    for _ in range(_N_SWEEPS):
        pull = [np.bincount(one, weight * out[two, k], n) + np.bincount(two, weight * out[one, k], n) for k in (0, 1)]
        out = np.einsum("nij,nj->ni", hold, own + np.stack(pull, -1))
    # What a neighbour knows of this tile: its own error, and how far the two may differ.
    lent = unit / np.maximum(weight, 1e-9)[:, None, None]
    for a, b in ((one, two), (two, one)):
        np.add.at(know, a, np.linalg.inv(covariance[b] + lent))
    return out, np.asarray(np.linalg.inv(know))
