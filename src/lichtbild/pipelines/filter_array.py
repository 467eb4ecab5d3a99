"""A colour filter array that is labelled wrongly: what the pixels say against the tag, heard only where it is plain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Domain, Frame

F32 = npt.NDArray[np.float32]

_BLOCK_PX = 32
_MIN_BLOCKS = 48
_MOST_ROWS = 32  # of blocks
# The two sites that the tag calls green differ by more than this, the same way round, nearly everywhere ...
_GREEN_GAP = 0.12
_SAME_WAY = 0.95
# ... while the other two are as equal as no red and blue are.
_OTHER_GAP = 0.02
# Where red and blue differ from place to place, the pair that stays equal is green: a colourless picture proves
# nothing.
_SPREAD = 0.02


def contradicted(frame: Frame) -> Cfa | None:
    """The pattern one column further, where the pixels of a Bayer frame say so beyond doubt; None otherwise.

    Two sites of one colour have one mean in every part of any picture. Where in nearly all blocks of 32 px the sites
    called green differ by an eighth, and the sites called red and blue do not differ at all, the tag is off by one
    pixel. Whether by a row or a column pixels cannot tell: a column is assumed.
    """
    cfa = frame.info.cfa
    if frame.domain is not Domain.MOSAIC or cfa is None or cfa.quad != 1:
        return None
    sites = _block_means(frame.pixels)
    level = sites.mean((2, 3))
    lit = (level > 0.02 * frame.saturation) & (sites.max((2, 3)) < 0.9 * frame.saturation)
    if lit.sum() < _MIN_BLOCKS:
        return None
    means, level = sites[lit], level[lit]
    falling = (means[:, 0, 0] - means[:, 1, 1]) / level
    rising = (means[:, 0, 1] - means[:, 1, 0]) / level
    green, other = (falling, rising) if cfa.colours[0][0] == 1 else (rising, falling)
    gap = float(np.quantile(green, 0.5))
    same_way = float(np.mean(np.sign(green) == np.sign(gap)))
    is_wrong = (
        abs(gap) > _GREEN_GAP
        and same_way > _SAME_WAY
        and float(np.quantile(np.abs(other), 0.5)) < _OTHER_GAP
        and float(np.quantile(np.abs(other), 0.9)) < 0.25 * abs(gap)
        and float(np.std(green)) > max(_SPREAD, 2 * float(np.std(other)))
    )
    return cfa.shifted(0, 1) if is_wrong else None


def _block_means(mosaic: F32) -> npt.NDArray[np.float64]:
    """Mean of each of the four sites in blocks of 32 px, [rows, columns, 2, 2]: all of a small picture's whole blocks,
    some rows of them of a large one."""
    h, w = (n // _BLOCK_PX for n in mosaic.shape)
    half = _BLOCK_PX // 2
    chosen = range(0, h, max(-(-h // _MOST_ROWS), 1))
    sums = np.empty((len(chosen), 2, w * _BLOCK_PX), np.float32)
    for k, row in enumerate(chosen):
        lines = mosaic[row * _BLOCK_PX : (row + 1) * _BLOCK_PX, : w * _BLOCK_PX]
        lines.reshape(half, 2, -1).sum(axis=0, out=sums[k])
    means = sums.reshape(len(chosen), 2, w, half, 2).sum(axis=3, dtype=np.float64) / half**2
    return np.asarray(means.transpose(0, 2, 1, 3))
