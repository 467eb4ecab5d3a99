"""What moves apart from the hand: tiles that contradict it are looked for by themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.native import call
from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.levels import Pyramid, normal_equations, tile_grid
from lichtbild.stages.align.steps import gradient_noise

F32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_MATCH_TILE_PX = 8


def local_motion(
    reference: Pyramid, other: Pyramid, hand: Hand, is_wanted: Mask, before: F32 | None, search_px: int
) -> tuple[F32, F32, F32]:
    """Displacement of the wanted 32 px tiles found by themselves, float32 [n, 2], their mismatch [n], and that over
    what noise and texture explain [n].

    `before` float32 [th, tw, 2] is a displacement of all tiles that is tried beside the hand's.
    """
    searched = _search(reference, other, hand, is_wanted, None, search_px)
    tiles = np.argwhere(is_wanted).astype(np.int32)
    found, mismatch, doubt = _refined(reference, other, tiles, searched[is_wanted])
    if before is not None:
        again = _search(reference, other, hand, is_wanted, before, search_px)
        second = _refined(reference, other, tiles, again[is_wanted])
        is_better = second[1] < 0.9 * mismatch
        found = np.where(is_better[:, None], second[0], found)
        mismatch, doubt = (np.where(is_better, b, a) for a, b in ((mismatch, second[1]), (doubt, second[2])))
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
        found = found + 2 * field.tile_step(sums, gradient_noise(0))
    motion[:, :2] = found / 2
    sums = normal_equations(reference, other, 0, tiles, motion)
    mismatch, allowed = field.tile_mismatch(sums)
    return found, mismatch, mismatch / allowed


def _search(reference: Pyramid, other: Pyramid, hand: Hand, is_wanted: Mask, before: F32 | None, search_px: int) -> F32:
    """Displacement of the wanted 32 px tiles by block matching at an eighth, then a quarter of the mosaic's size; the
    hand's for all others."""
    coarse, fine = 2, 1
    found: F32 | None = None
    for level, radius in ((coarse, max(1, search_px // 8)), (fine, 3)):
        scale = 2.0 ** (level + 1)
        shape = reference.shape(level)
        grid = shape[0] // _MATCH_TILE_PX, shape[1] // _MATCH_TILE_PX
        tiles = np.stack(np.unravel_index(np.arange(grid[0] * grid[1]), grid), -1)
        hand_flow = hand.at(field.tile_centres(tiles, _MATCH_TILE_PX * scale))[:, :2].reshape(*grid, 2) / scale
        if found is not None:
            start: npt.NDArray[np.floating] = field.nearest(found, grid) * 2
        else:
            start = hand_flow if before is None else field.nearest(before, grid) / scale
        first = np.ascontiguousarray(np.rint(start), np.int32)
        cost = np.full((*grid, (2 * radius + 1) ** 2), np.nan, np.float32)
        call("align_match", reference.bordered[level], other.bordered[level], first, radius, cost)
        wanted = np.nonzero(field.any_below(is_wanted, grid))
        found = np.asarray(hand_flow, np.float32)
        found[wanted] = field.best_match(cost[wanted], first[wanted], start[wanted], radius)[0]
    assert found is not None
    return np.asarray(field.nearest(found, tile_grid(reference.shape(0))) * 2.0 ** (fine + 1), np.float32)
