"""Doubts about a mosaic that only its pixels can tell: a filter array that is not what the file says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa

_GREEN_TOLERANCE = 0.12
_QUAD_RATIO = 0.1


def site_means(mosaic: npt.NDArray[Any], black: float = 0.0) -> npt.NDArray[np.float64]:
    """Mean above black of each of the 16 sites of a 4 x 4 block, float64 [4, 4]."""
    rows, columns = mosaic.shape[0] // 4 * 4, mosaic.shape[1] // 4 * 4
    blocks = mosaic[:rows, :columns].reshape(rows // 4, 4, columns // 4, 4)
    return np.asarray(blocks.mean(axis=(0, 2), dtype=np.float64)) - black


def cfa_doubts(mosaic: npt.NDArray[Any], cfa: Cfa, black: float = 0.0) -> tuple[str, ...]:
    """Why the filter array of a mosaic may be another than its file says: a line each, for people.

    Quad-Bayer pixels labelled as Bayer have equal neighbours in 2 x 2 blocks and unequal ones two pixels apart; in any
    Bayer picture the two green sites have nearly the same mean. Nothing is changed: the picture may be the exception
    (a grey card under equal-energy light, a strong lens cast).

    Parameters
    ----------
    mosaic
        [H, W], stored or linear values, at least 8 x 8.
    black
        Black level in the same units.
    """
    if min(mosaic.shape) < 8:
        return ()
    m = site_means(mosaic, black)
    level = float(m.mean())
    if level <= 0:
        return ()
    doubts = []
    if cfa.quad == 1:
        two_apart = float(np.mean([np.ptp(m[i::2, j::2]) for i in (0, 1) for j in (0, 1)])) / level
        in_blocks = float(np.mean([np.ptp(m[i : i + 2, j : j + 2]) for i in (0, 2) for j in (0, 2)])) / level
        if two_apart > 0.05 and in_blocks < _QUAD_RATIO * two_apart:
            doubts.append("its pixels look like quad-Bayer (equal in 2 x 2 blocks), its tag says Bayer")
            return tuple(doubts)
        bayer = np.array([[m[i::2, j::2].mean() for j in (0, 1)] for i in (0, 1)])
    else:
        bayer = np.array([[m[i : i + 2, j : j + 2].mean() for j in (0, 2)] for i in (0, 2)])
    diagonals = {1: (bayer[0, 0], bayer[1, 1]), 0: (bayer[0, 1], bayer[1, 0])}
    gap = {k: abs(a - b) / max(a, b, 1e-12) for k, (a, b) in diagonals.items()}
    green = 1 if cfa.colours[0][0] == 1 else 0
    if gap[green] > _GREEN_TOLERANCE and gap[1 - green] < gap[green] / 4:
        doubts.append(
            f"its two green sites differ by {100 * gap[green]:.0f} % while red and blue agree: "
            f"the filter array {cfa.name} may be shifted by one pixel"
        )
    return tuple(doubts)
