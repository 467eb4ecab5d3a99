"""What moves apart from the hand: tiles that contradict it are looked for by themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.native import call
from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.levels import TILE_PX, Pyramid, normal_equations

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_MATCH_TILE_PX = 8


def local_motion(
    reference: Pyramid, other: Pyramid, hand: Hand, is_wanted: Mask, before: tuple[F32, Mask] | None, search_px: int
) -> tuple[F32, F32, F32]:
    """Displacement of the wanted 32 px tiles found by themselves, float32 [n, 2], their mismatch [n], and that over
    what noise and texture explain [n].

    `before` is a displacement of all tiles, float32 [th, tw, 2], that is tried as well in some of them, bool [th, tw].
    """
    tiles = np.argwhere(is_wanted).astype(np.int32)
    by_hand = hand.at(field.tile_centres(tiles, TILE_PX))[:, :2]
    found, mismatch, doubt = _refined(reference, other, tiles, _search(reference, other, tiles, by_hand, search_px))
    if before is not None:
        again = np.nonzero(before[1][is_wanted])[0]
        start = np.asarray(before[0][is_wanted][again], np.float64)
        second = _refined(reference, other, tiles[again], _search(reference, other, tiles[again], start, search_px))
        is_better = second[1] < 0.9 * mismatch[again]
        for mine, theirs in zip((found, mismatch, doubt), second, strict=True):
            mine[again[is_better]] = theirs[is_better]
    return found, mismatch, doubt


def lent_to_neighbours(local_px: F32, hand_px: F32, is_local: Mask, left: F32) -> F32:
    """Local displacements with those of moving tiles lent to the tiles beside them: the rim of a moving thing lies in
    tiles that show more of what is behind it. Of several neighbours the one that fits best, `left` [th, tw], lends."""
    th, tw = is_local.shape
    apart = np.pad(np.where(is_local[..., None], local_px - hand_px, 0), ((1, 1), (1, 1), (0, 0)))
    cost = np.pad(np.where(is_local, left, np.inf), 1, constant_values=np.inf)
    near = [(i, j) for i in range(3) for j in range(3)]
    costs = np.stack([cost[i : i + th, j : j + tw] for i, j in near])
    aparts = np.stack([apart[i : i + th, j : j + tw] for i, j in near])
    lent = np.take_along_axis(aparts, costs.argmin(0)[None, ..., None], 0)[0]
    takes = ~is_local & np.isfinite(costs.min(0))
    return np.asarray(np.where(takes[..., None], hand_px + lent, local_px), np.float32)


def _refined(reference: Pyramid, other: Pyramid, tiles: npt.NDArray[np.int32], start: F32) -> tuple[F32, F32, F32]:
    found = start
    motion = np.zeros((len(tiles), 6), np.float32)
    for _ in range(2):
        motion[:, :2] = found / 2
        sums = normal_equations(reference, other, 0, tiles, motion)
        found = found + 2 * field.tile_step(sums)
    motion[:, :2] = found / 2
    sums = normal_equations(reference, other, 0, tiles, motion)
    mismatch, allowed = field.tile_mismatch(sums)
    return found, mismatch, mismatch / allowed


def _search(reference: Pyramid, other: Pyramid, tiles: Ints, start_px: F64, search_px: int) -> F32:
    """Displacement of 32 px tiles [n, 2] near `start_px` [n, 2] by block matching at an eighth, then a quarter of the
    mosaic's size."""
    found = start_px
    for level, radius in ((2, max(1, search_px // 8)), (1, 3)):
        scale = 2.0 ** (level + 1)
        shape = reference.shape(level)
        last = np.array([n // _MATCH_TILE_PX - 1 for n in shape])
        blocks = np.minimum((tiles * TILE_PX / (_MATCH_TILE_PX * scale)).astype(np.int32), last).astype(np.int32)
        first = np.ascontiguousarray(np.rint(found / scale), np.int32)
        # Tiles that share a block of the coarse level, and start alike, are matched once.
        keys, back = np.unique(np.concatenate([blocks, first], 1), axis=0, return_inverse=True)
        blocks, first = (np.ascontiguousarray(keys[:, k : k + 2]) for k in (0, 2))
        cost = np.empty((len(blocks), (2 * radius + 1) ** 2), np.float32)
        call("align_match", reference.bordered[level], other.bordered[level], blocks, first, radius, cost)
        found = field.best_match(cost, first, radius)[back.ravel()].astype(np.float64) * scale
    return np.asarray(found, np.float32)
