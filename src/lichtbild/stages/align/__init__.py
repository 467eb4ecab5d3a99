"""Where every point of the reference frame lies in another frame: one smooth motion of the hand, and what moved apart.

The hand's motion is a homography whose rows may have been read out on a bent path, fitted to the normal equations of
tiles (robust Gauss-Newton, coarse to fine, exact warp by cubic splines). It starts at rest, at the motion of the frame
before, or, where neither holds, at what a correlation over the whole range suggests. Where a tile contradicts the hand
by more than noise and texture allow, its own motion is searched by block matching and refined by Gauss-Newton; the tile
keeps the hand's motion unless its own explains it clearly better. Displacements are (dy, dx) in px of the mosaic: the
reference's point p lies at p + displacement.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame, Params, ShapeError, param
from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.fine import cut, sharpened
from lichtbild.stages.align.levels import (
    MIN_SIZE_PX,
    TILE_PX,
    Pyramid,
    all_tiles,
    normal_equations,
    pyramid,
    strong_tiles,
    texture,
    tile_gain,
    tile_grid,
)
from lichtbild.stages.align.local import lent_to_neighbours, local_motion
from lichtbild.stages.align.search import find_start
from lichtbild.stages.align.steps import SYSTEMATIC_PX, basis_of, gradient_noise, in_level, refine, step

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
# Part of the textured tiles that must agree with the motion of the hand to half a pixel, or the frame is refused.
_LEAST_FIT = 0.1
# Gradient energy over that of noise alone, from which on a tile may have a motion of its own.
_TEXTURED = 2.5
# Error of the hand's motion from which on luminance at full size is asked as well: a hundredth of what a merge would
# show (0.02 px take 0.4 % of the contrast at 0.7 cycles per px), times ten frames that may err alike.
_WANTED_PX = 0.003

__all__ = [
    "MIN_SIZE_PX", "TILE_PX", "AlignParams", "Motion", "Pyramid", "align", "guide", "pyramid", "tile_gain", "tile_grid",
]  # fmt: skip


@dataclass(frozen=True)
class AlignParams(Params):
    """How motion between frames is found."""

    max_shift: float = param(
        0.25, "largest hand shift looked for, as a part of the frame's shorter side", low=0.0, high=0.4
    )
    max_turn: float = param(8.0, "largest roll looked for", unit="degrees", low=0.0, high=15.0)
    local_search: int = param(64, "how far a thing may move apart from the hand", unit="px", low=0, high=256)


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of one frame against the reference.

    Parameters
    ----------
    hand
        The camera's motion.
    hand_px
        float32 [th, tw, 2], the hand's displacement at the centres of 32 px tiles; bilinear between them.
    local_px
        float32 [th, tw, 2], displacement of what moves apart from the hand in each tile or beside it; equals `hand_px`
        where nothing does.
    is_local
        bool [th, tw], where `local_px` is what the tile itself shows.
    mismatch
        float32 [th, tw], mean squared error over its expectation from noise, at the better of the two; 1 = noise alone.
    doubt
        float32 [th, tw], error of the hand's motion over what noise and texture explain; above 1 something moved apart.
    hand_covariance_px2
        float32 [th, tw, 2, 2], covariance of `hand_px` as the scatter of the tiles tells it; None where nobody
        estimated it.
    covariance_px2
        float32 [th, tw, 2, 2], the same of `local_px`: where it is local what the tile and its neighbours know
        together, elsewhere the hand's.
    refused
        Why the frame shows nothing of the reference's scene that could be placed; empty where it does.
    """

    hand: Hand
    hand_px: F32
    local_px: F32
    is_local: npt.NDArray[np.bool_]
    mismatch: F32
    doubt: F32
    hand_covariance_px2: F32 | None = None
    covariance_px2: F32 | None = None
    refused: str = ""

    @property
    def sigma_px(self) -> F32:
        """float32 [th, tw], standard deviation of the length of the hand's displacement."""
        assert self.hand_covariance_px2 is not None
        return np.asarray(np.sqrt(np.trace(self.hand_covariance_px2, axis1=-2, axis2=-1)), np.float32)

    @property
    def is_valid(self) -> npt.NDArray[np.bool_]:
        """bool [th, tw], whether the tile's motion, the hand's or its own, explains what the tile shows."""
        return np.asarray(self.is_local | (self.doubt <= 1)) & (not self.refused)


def align(
    reference: Pyramid, other: Pyramid, params: AlignParams, start: Motion | None = None, told: Hand | None = None
) -> Motion:
    """Motion of `other` against `reference`.

    Parameters
    ----------
    reference, other
        Pyramids of equal size and exposure.
    start
        Motion of a frame taken shortly before, tried as a first guess beside rest.
    told
        What a gyroscope says (see `turned`), tried before either. Where the frames contradict it nowhere it is held on
        to; limits of shift and roll count from there.

    Returns
    -------
    Motion
        Accuracy of the hand's motion is some thousandths of a px where there is texture (see docs/quality.md).
    """
    if reference.shape(0) != other.shape(0):
        raise ShapeError("frames of one burst differ in size")
    shape = reference.mosaic_shape
    rest = Hand.at_rest(shape)
    guesses = [rest] if start is None or start.refused else [start.hand, rest]
    found = find_start(reference, other, guesses, params.max_shift, params.max_turn, told)
    if found.is_hopeless:
        return _refused(reference, "nothing in it looks like the reference, wherever it is put")
    hand, covariance = found.hand, found.covariance
    for level in range(reference.n_levels - 3, 0, -1):
        hand, covariance = refine(
            reference, other, level, hand, covariance, strong_tiles(reference, level), 2, field.N_TERMS
        )
    near = rest if told is None else told
    if not any(hand.beside(other_hand).is_plausible(params.max_shift, params.max_turn) for other_hand in (near, rest)):
        # A fit that ran away had nothing to hold on to.
        hand = near
    if refused := _refusal(reference, other, hand):
        return _refused(reference, refused)
    return _judged(reference, other, params, hand, covariance, start)


def guide(frame: Frame, white_balance: tuple[float, float, float]) -> Pyramid:
    """The pyramid of a reference that outlives its frame: of the mosaic only some patches are kept."""
    made = pyramid(frame, white_balance)
    cut(made)
    return dataclasses.replace(made, mosaic=np.empty((0, 0), np.float32))


def _finest(reference: Pyramid, other: Pyramid, begun: Hand, coarse: F64) -> tuple[Hand, F64, F32]:
    """The hand's motion made as exact as it pays, its covariance, and the sums of all tiles of the finest level."""
    tiles = all_tiles(reference.shape(0))
    # The strongest tiles take most of the way.
    chosen = strong_tiles(reference, 0)
    base, moved, hand = basis_of(reference, chosen, 0), np.zeros(field.N_TERMS), begun
    for _ in range(3):
        hand, fit, _ = step(reference, other, 0, hand, chosen, base, 2, field.N_TERMS)
        moved += fit.delta
        if np.abs(fit.delta).max() < 0.2:
            break
    way, covariance = field.weighed(moved, fit.covariance, coarse, 4 * SYSTEMATIC_PX)
    if field.rms_px(covariance, begun.shape) > _WANTED_PX:
        hand, covariance = sharpened(reference, other, begun.stepped(way), covariance, 2 * SYSTEMATIC_PX)
        return hand, covariance, normal_equations(reference, other, 0, tiles, in_level(hand, tiles, 0))
    # The sums stay good for a step of a few hundredths of a pixel.
    hand, fit, sums = step(reference, other, 0, hand, tiles, basis_of(reference, tiles, 0), 2, field.N_TERMS)
    way, covariance = field.weighed(moved + fit.delta, fit.covariance, coarse, 4 * SYSTEMATIC_PX)
    return begun.stepped(way), covariance, sums


def _judged(
    reference: Pyramid, other: Pyramid, params: AlignParams, hand: Hand, coarse: F64, before: Motion | None
) -> Motion:
    """All tiles of the finest level: the last step of the hand, and what contradicts it."""
    grid = tile_grid(reference.shape(0))
    tiles = all_tiles(reference.shape(0))
    hand, covariance, sums = _finest(reference, other, hand, coarse)
    hand_px = hand.at(field.tile_centres(tiles, TILE_PX))[:, :2].reshape(*grid, 2).astype(np.float32)
    of_hand = field.covariances(2 * basis_of(reference, tiles, 0), covariance)
    own = of_hand.copy()
    mismatch, allowed = field.tile_mismatch(sums)
    doubt = mismatch / allowed
    local_px, is_local = hand_px.copy(), np.zeros(len(tiles), np.bool_)
    # What shows noise alone may look like any other noise.
    is_wrong = (doubt > 1) & (texture(reference, 0)[:, 0] > _TEXTURED * gradient_noise(0))
    if is_wrong.any() and params.local_search > 0 and reference.n_levels >= 2:
        apart: tuple[F32, npt.NDArray[np.bool_]] | None = None
        if before is not None and not before.refused and before.is_local.any():
            offset = before.local_px - before.hand_px
            apart = hand_px + offset, before.is_local
        found = local_motion(reference, other, hand, is_wrong.reshape(grid), apart, params.local_search)
        is_local[is_wrong] = found.is_own
        local_px[is_local.reshape(grid)] = found.motion_px[found.is_own]
        mismatch[is_local], own[is_local] = found.mismatch[found.is_own], found.covariance_px2[found.is_own]
        left = np.full(len(tiles), np.inf, np.float32)
        left[is_local] = found.left[found.is_own]
        local_px = lent_to_neighbours(local_px, hand_px, left.reshape(grid))
    return Motion(
        hand, hand_px, local_px, is_local.reshape(grid), mismatch.reshape(grid), doubt.reshape(grid),
        of_hand.reshape(*grid, 2, 2), own.reshape(*grid, 2, 2),
    )  # fmt: skip


def _refused(reference: Pyramid, why: str) -> Motion:
    """A frame at rest whose every tile contradicts that."""
    grid = tile_grid(reference.shape(0))
    far = np.full(grid, 1e6, np.float32)
    still = np.zeros((*grid, 2), np.float32)
    rest = Hand.at_rest(reference.mosaic_shape)
    unknown = np.broadcast_to(1e12 * np.eye(2, dtype=np.float32), (*grid, 2, 2))
    return Motion(rest, still, still, np.zeros(grid, np.bool_), far, far, unknown, unknown, why)


def _refusal(reference: Pyramid, other: Pyramid, hand: Hand) -> str:
    """Why nothing of a frame can be placed; empty where something can."""
    level = max(reference.n_levels - 2, 0)
    known = texture(reference, level)[:, 0] > 2 * gradient_noise(level)
    if known.sum() < 6:
        return ""
    tiles = all_tiles(reference.shape(level))[known]
    sums = normal_equations(reference, other, level, tiles, in_level(hand, tiles, level))
    mismatch, _ = field.tile_mismatch(sums)
    fits = float(((mismatch < field.loosely_allowed(sums)) & (sums[:, 6] > 128)).mean())
    return "" if fits >= _LEAST_FIT else f"no motion of the camera fits more than {100 * fits:.0f} % of what it shows"
