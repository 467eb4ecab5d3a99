"""What moves apart from the hand: tiles that contradict it are looked for by themselves, and judged together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.native import call
from lichtbild.stages.align import field, fuse
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.levels import TILE_PX, Pyramid, normal_equations, texture
from lichtbild.stages.align.steps import in_level

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_MATCH_TILE_PX = 8
_WHOLE_TILE = 256
# A pixel that is off by more than this many standard deviations of what noise and texture explain shows something else.
_CUT = 3.0
# A tile's own motion must leave this part of the hand's error, and no more than so many times what noise and texture
# explain: by itself, and where a tile beside it that stands by itself, or the frame before, agrees.
_BETTER, _ALONE, _SUPPORTED = 0.6, 1.2, 3.0
_AGREES_PX = 1.0


@dataclass(frozen=True, eq=False)
class Found:
    """Motion of tiles by themselves.

    Parameters
    ----------
    motion_px
        float32 [n, 2]; `covariance_px2` float32 [n, 2, 2].
    mismatch
        float32 [n], mean squared error over its expectation from noise, large errors held down; `left` float32 [n] the
        same over what noise and texture explain.
    is_own
        bool [n], whether the tile moves apart from the hand.
    """

    motion_px: F32
    covariance_px2: F32
    mismatch: F32
    left: F32
    is_own: Mask


def local_motion(
    reference: Pyramid, other: Pyramid, hand: Hand, is_wanted: Mask, before: tuple[F32, Mask] | None, search_px: int
) -> Found:
    """What the wanted 32 px tiles [th, tw] do by themselves.

    `before` is what is expected of all tiles after the frame before, float32 [th, tw, 2], tried where it is not the
    hand's motion, and which tiles it was found of themselves, bool [th, tw].
    """
    tried = _Tried(reference, other, hand, is_wanted)
    tiles, by_hand = tried.tiles, tried.by_hand
    everyone = np.arange(len(tiles))
    # Large things are seen best at an eighth, small ones at a quarter of the size.
    if reference.n_levels > 2:
        far = _matched(reference, other, 2, tiles, by_hand, max(1, search_px // 8))
        tried.offer(everyone, _matched(reference, other, 1, tiles, far, 3))
    tried.offer(everyone, _matched(reference, other, 1, tiles, by_hand, max(1, search_px // 4)))
    is_known = np.zeros(len(tiles), np.bool_)
    if before is not None:
        expected = np.asarray(before[0][is_wanted], np.float64)
        again = np.nonzero(np.abs(expected - by_hand).max(1) > _AGREES_PX)[0]
        radius = max(1, min(6, search_px // 4))
        tried.offer(again, _matched(reference, other, 1, tiles[again], expected[again], radius))
    for _ in range(2):
        tried.offer_of_neighbours()
    if before is not None:
        is_known = before[1][is_wanted] & (np.abs(tried.best - expected).max(1) < TILE_PX / 2)
    is_own = tried.judged(is_known)
    apart, covariance = tried.best - by_hand, np.zeros((len(tiles), 2, 2))
    if is_own.any():
        near = [beside[is_own] for beside in tried.neighbours]
        apart[is_own], covariance[is_own] = fuse.fused(
            apart[is_own], fuse.covariances(tried.sums[is_own], tried.cost[is_own]), fuse.edges(near, is_own)
        )
    return Found(
        (by_hand + apart).astype(np.float32),
        covariance.astype(np.float32),
        tried.cost,
        tried.cost / tried.allowed,
        is_own,
    )


class _Tried:
    """The best motion of every wanted tile so far."""

    def __init__(self, reference: Pyramid, other: Pyramid, hand: Hand, is_wanted: Mask) -> None:
        self.reference, self.other = reference, other
        self.tiles = np.argwhere(is_wanted).astype(np.int32)
        n = len(self.tiles)
        self.allowed = field.explained(texture(reference, 0)[is_wanted.ravel(), 0])
        self.doubt = (1 / (_CUT**2 * self.allowed)).astype(np.float32)
        self.by_hand: F64 = hand.at(field.tile_centres(self.tiles, TILE_PX))[:, :2]
        self.best = self.by_hand.copy()
        self.sums, self.cost = np.zeros((n, 7), np.float32), np.full(n, np.inf, np.float32)
        sums = normal_equations(reference, other, 0, self.tiles, in_level(hand, self.tiles, 0), self.doubt)
        self.cost_of_hand = self._cost(sums, np.arange(n))
        number = np.full(np.add(is_wanted.shape, 2), -1)
        number[1:-1, 1:-1][is_wanted] = np.arange(n)
        row, column = self.tiles.T
        around = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
        self.neighbours = [number[row + i, column + j] for i, j in around]

    def offer(self, which: npt.NDArray[np.integer], start_px: F64) -> None:
        """Refine some tiles from `start_px` [len(which), 2]; what leaves clearly less is kept."""
        tiles, doubt, found = self.tiles[which], self.doubt[which], start_px
        motion = np.zeros((len(which), 6), np.float32)
        for k in range(4):
            motion[:, :2] = found / 2
            sums = normal_equations(self.reference, self.other, 0, tiles, motion, doubt)
            if k < 3:
                found = found + 2 * field.tile_step(sums)
        cost = self._cost(sums, which)
        is_better = cost < 0.95 * self.cost[which]
        kept = which[is_better]
        self.best[kept], self.sums[kept], self.cost[kept] = found[is_better], sums[is_better], cost[is_better]

    def offer_of_neighbours(self) -> None:
        """Tiles that are not content try the motion of the neighbour that fits best, if that is another one."""
        left, apart = self.cost / self.allowed, self.best - self.by_hand
        least, lender = left * np.float32(0.8), np.full(len(left), -1)
        for beside in self.neighbours:
            differs = np.abs(apart[beside] - apart).max(1) > _AGREES_PX
            takes = (beside >= 0) & differs & (left[beside] < np.minimum(least, _ALONE))
            lender[takes], least[takes] = beside[takes], left[beside][takes]
        which = np.nonzero((lender >= 0) & (left > 0.5))[0]
        self.offer(which, self.by_hand[which] + apart[lender[which]])

    def judged(self, is_known: Mask) -> Mask:
        """Which tiles have a motion of their own: alone, because a neighbour that has one agrees, or because it goes on
        from the frame before, `is_known`."""
        left, apart = self.cost / self.allowed, self.best - self.by_hand
        is_better = self.cost < _BETTER * self.cost_of_hand
        alone = is_better & (left < _ALONE)
        agrees = is_known.copy()
        for beside in self.neighbours:
            agrees |= (beside >= 0) & alone[beside] & (np.abs(apart[beside] - apart).max(1) < _AGREES_PX)
        return np.asarray(alone | (is_better & (left < _SUPPORTED) & agrees))

    def _cost(self, sums: F32, which: npt.NDArray[np.integer]) -> F32:
        """Mean error of a tile; what lies outside the other picture counts as wrong."""
        n = sums[:, 6]
        gone = np.maximum(_WHOLE_TILE - n, 0) / _WHOLE_TILE
        return np.asarray(sums[:, 5] / np.maximum(n, 1) + gone * _CUT**2 * self.allowed[which], np.float32)


def lent_to_neighbours(local_px: F32, hand_px: F32, left: F32) -> F32:
    """Local displacements with those of moving tiles lent to the tiles beside them: the rim of a moving thing lies in
    tiles that show more of what is behind it. Of several neighbours the one that fits best, `left` [th, tw], lends;
    what is a rim itself lends nothing. `left` is infinite where a tile has no motion of its own."""
    th, tw = left.shape
    is_local = np.isfinite(left)
    apart = np.pad(np.where(is_local[..., None], local_px - hand_px, 0), ((1, 1), (1, 1), (0, 0)))
    cost = np.pad(np.where(left < _ALONE, left, np.inf), 1, constant_values=np.inf)
    near = [(i, j) for i in range(3) for j in range(3)]
    costs = np.stack([cost[i : i + th, j : j + tw] for i, j in near])
    aparts = np.stack([apart[i : i + th, j : j + tw] for i, j in near])
    lent = np.take_along_axis(aparts, costs.argmin(0)[None, ..., None], 0)[0]
    takes = ~is_local & np.isfinite(costs.min(0))
    return np.asarray(np.where(takes[..., None], hand_px + lent, local_px), np.float32)


def _matched(reference: Pyramid, other: Pyramid, level: int, tiles: Ints, start_px: F64, radius: int) -> F64:
    """Displacement of 32 px tiles [n, 2], px, by block matching at one level up to `radius` px of it from a start."""
    scale = 2.0 ** (level + 1)
    last = np.array([n // _MATCH_TILE_PX - 1 for n in reference.shape(level)])
    blocks = np.minimum((tiles * TILE_PX / (_MATCH_TILE_PX * scale)).astype(np.int32), last).astype(np.int32)
    first = np.ascontiguousarray(np.rint(start_px / scale), np.int32)
    # Tiles that share a block of the coarse level, and start alike, are matched once.
    keys, back = np.unique(np.concatenate([blocks, first], 1), axis=0, return_inverse=True)
    blocks, first = (np.ascontiguousarray(keys[:, k : k + 2]) for k in (0, 2))
    cost = np.empty((len(blocks), (2 * radius + 1) ** 2), np.float32)
    call("align_match", reference.bordered[level], other.bordered[level], blocks, first, radius, cost)
    return np.asarray(field.best_match(cost, first, radius)[back.ravel()].astype(np.float64) * scale)
