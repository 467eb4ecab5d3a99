"""Where every point of the reference frame lies in another frame: one smooth motion of the hand, and what moved apart.

The hand's motion is a projective displacement field fitted to the normal equations of all tiles (robust Gauss-Newton,
coarse to fine, exact cubic warp). Where a tile contradicts it by more than noise and texture allow, its own motion is
searched by block matching and refined by Gauss-Newton; the tile keeps the hand's motion unless its own explains it
clearly better. Displacements are (dy, dx) in px of the mosaic: the reference's point p lies at p + displacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, Params, ShapeError, memory, param
from lichtbild.core.frame import sample_gain_grid
from lichtbild.core.native import call
from lichtbild.stages.align import field

F32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]

TILE_PX = 32
# A tile of 16 px and the taps of its warp need 21 columns of the first level.
MIN_SIZE_PX = 42
_KERNEL_TILE = 16
_MATCH_TILE = 8
_BORDER_PX = 20
# Variance that white noise of the mosaic keeps in each level of the pyramid (tests/physics holds it to the filters).
_LEVEL_NOISE = (0.01222, 0.00830, 0.00360, 0.001096, 0.000290)
_MIN_LEVEL_PX = 48


@dataclass(frozen=True)
class AlignParams(Params):
    """How motion between frames is found."""

    max_shift: float = param(
        0.12, "largest hand shift looked for, as a part of the frame's shorter side", low=0.0, high=0.4
    )
    local_search: int = param(64, "how far a thing may move apart from the hand", unit="px", low=0, high=256)


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Luminance of one frame, free of the colour filter array.

    `levels[0]` is half the mosaic's size, each next half of that; float32 [h, w], white-balanced, 1 = saturation.
    `bordered[i]` is level i with its edges repeated for 20 px to the left and right. `noise[i]` float32 [th, tw, 2]
    holds alpha and beta of each 16 px tile of level i: variance = alpha * value + beta."""

    levels: tuple[F32, ...]
    bordered: tuple[F32, ...]
    noise: tuple[F32, ...]


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of one frame against the reference.

    Parameters
    ----------
    hand
        Coefficients [8] of the projective displacement field (see `field.basis`).
    hand_px
        float32 [th, tw, 2], the hand's displacement at the centres of 32 px tiles; bilinear between them.
    local_px
        float32 [th, tw, 2], displacement of what each tile shows; equals `hand_px` where nothing moved apart.
    is_local
        bool [th, tw], where `local_px` is a motion of its own.
    mismatch
        float32 [th, tw], mean squared error over its expectation from noise, at the better of the two; 1 = noise alone.
    doubt
        float32 [th, tw], error of the hand's motion over what noise and texture explain; above 1 something moved apart.
    """

    hand: npt.NDArray[np.float64]
    hand_px: F32
    local_px: F32
    is_local: npt.NDArray[np.bool_]
    mismatch: F32
    doubt: F32


def pyramid(frame: Frame, white_balance: tuple[float, float, float]) -> Pyramid:
    """Luminance pyramid of a mosaic or RGB frame. O(H W); memory a third of the mosaic's.

    Parameters
    ----------
    frame
        MOSAIC float32 or CAMERA_RGB, any exposure.
    white_balance
        Multipliers of R, G, B that make a neutral surface equal in all three.
    """
    frame.require(Domain.MOSAIC, Domain.CAMERA_RGB)
    if min(frame.shape) < MIN_SIZE_PX:
        raise ShapeError("too small to be aligned", where=frame.info.name)
    gains = np.ones((2, 2), np.float32)
    wb = np.asarray(white_balance, np.float64)
    if frame.domain is Domain.CAMERA_RGB:
        mosaic = np.ascontiguousarray(frame.pixels @ (wb / 3).astype(np.float32))
    else:
        mosaic = frame.pixels
        if frame.info.cfa is not None:
            gains = wb[np.asarray(frame.info.cfa.colours)].astype(np.float32)
    noise = frame.noise
    site = wb if noise.n_channels == 3 else np.ones(1)
    share = np.array([0.25, 0.5, 0.25]) if noise.n_channels == 3 else np.ones(1)
    alpha = float(np.sum(share * site * np.asarray(noise.alpha)))
    beta = float(np.sum(share * site**2 * np.asarray(noise.beta)))

    level = memory.empty((mosaic.shape[0] // 2, mosaic.shape[1] // 2))
    call("align_luma_half", mosaic, gains, level)
    smooth = memory.empty_like(level)
    call("align_smooth", level, smooth)
    levels = [smooth]
    while min(level.shape) >= 2 * _MIN_LEVEL_PX:
        level = memory.empty((level.shape[0] // 2, level.shape[1] // 2))
        call("align_halve", levels[-1], level)
        levels.append(level)
    kept = [_LEVEL_NOISE[min(i, 4)] * 0.25 ** max(i - 4, 0) for i in range(len(levels))]
    noises = []
    for i, part in enumerate(kept):
        gain = tile_gain(frame, tile_grid(levels[i].shape), _KERNEL_TILE * 2.0 ** (i + 1))[..., 1]
        pair = np.stack([alpha * part * gain + 1e-9, beta * part * gain**2 + 1e-9], -1)
        noises.append(np.ascontiguousarray(pair, np.float32))
    return Pyramid(tuple(levels), tuple(_bordered(level) for level in levels), tuple(noises))


def _bordered(level: F32) -> F32:
    out = memory.empty((level.shape[0], level.shape[1] + 2 * _BORDER_PX))
    out[:, :_BORDER_PX], out[:, -_BORDER_PX:] = level[:, :1], level[:, -1:]
    out[:, _BORDER_PX:-_BORDER_PX] = level
    return out


def tile_gain(frame: Frame, grid: tuple[int, int], tile_px: float) -> F32:
    """Spatial gain of R, G, B at the centres of tiles of `tile_px` px of the mosaic, float32 [th, tw, 3]."""
    if frame.gain is None:
        return np.ones((*grid, 3), np.float32)
    centres = [(np.arange(n) + 0.5) * tile_px for n in grid]
    return np.broadcast_to(sample_gain_grid(frame.gain, centres[0], centres[1]), (*grid, 3))


def align(reference: Pyramid, other: Pyramid, params: AlignParams, start: Motion | None = None) -> Motion:
    """Motion of `other` against `reference`.

    Parameters
    ----------
    reference, other
        Pyramids of equal size and exposure.
    start
        Motion of a frame taken shortly before, tried as a first guess beside the search over the whole range.

    Returns
    -------
    Motion
        Accuracy of the hand's motion is about 0.01 px where there is texture (see docs/quality.md).
    """
    if reference.levels[0].shape != other.levels[0].shape:
        raise ShapeError("frames of one burst differ in size")
    hand = _hand_motion(reference, other, params, start)
    return _local_motion(reference, other, params, hand)


def tile_grid(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tiles of a level of this shape (the kernel's tiles; the last may be cut by the border)."""
    return -(-shape[0] // _KERNEL_TILE), -(-shape[1] // _KERNEL_TILE)


def normal_equations(reference: Pyramid, other: Pyramid, level: int, flow: Floats, *, is_smooth: bool) -> F32:
    """Sums of each tile [th, tw, 7] at `level` for a flow in px of that level (see kernel TileNormal).

    `is_smooth` tells whether the flow changes within a tile as its neighbours suggest, or is one shift a tile.
    """
    motion = np.zeros((*flow.shape[:2], 6), np.float32)
    motion[..., :2] = flow
    if is_smooth:
        for axis in (0, 1):
            if flow.shape[axis] > 1:
                motion[..., [2 + axis, 4 + axis]] = np.gradient(flow, axis=axis) / _KERNEL_TILE
    out = np.full((*flow.shape[:2], 7), np.nan, np.float32)
    call(
        "align_tile_normal", reference.levels[level], other.bordered[level], motion, reference.noise[level], out,
    )  # fmt: skip
    return out


def _hand_motion(
    reference: Pyramid, other: Pyramid, params: AlignParams, start: Motion | None
) -> npt.NDArray[np.float64]:
    top = len(reference.levels) - 1
    shape, scale = reference.levels[0].shape, 2.0 ** (top + 1)
    candidates = [np.zeros(8)] if start is None else [start.hand, np.zeros(8)]
    best: npt.NDArray[np.float64] | None = None
    best_cost = np.inf
    for hand in candidates:
        refined, cost = _refine(reference, other, top, hand, 5)
        if cost < best_cost:
            best, best_cost = refined, cost
    # A good match leaves noise and a little texture; else look over the whole range, turned by up to 3 degrees.
    if best_cost > 1.5 and params.max_shift > 0:
        for turn_deg in (0.0, -1.0, 1.0, -2.0, 2.0, -3.0, 3.0):
            turned = field.rotation(turn_deg, shape)
            turn = field.flow(turned, reference.levels[top].shape, scale) / scale
            for shift in field.correlation_peaks(reference.levels[top], other.levels[top], turn, params.max_shift):
                hand = turned.copy()
                hand[field.SHIFT_TERMS] += np.asarray(shift) * scale
                refined, cost = _refine(reference, other, top, hand, 6)
                if cost < 0.9 * best_cost:
                    best, best_cost = refined, cost
            if best_cost < 1.5:
                break
    assert best is not None
    for level in range(top - 1, -1, -1):
        best, _ = _refine(reference, other, level, best, 3 if level else 2)
    # A fit that ran away (no texture, another scene) is no motion of a hand.
    reach = (params.max_shift + 0.1) * 2 * min(shape)
    if not np.all(np.isfinite(best)) or np.abs(field.flow(best, shape, 2.0)).max() > reach:
        return np.zeros(8)
    return best


def _refine(
    reference: Pyramid, other: Pyramid, level: int, hand: npt.NDArray[np.float64], n_steps: int
) -> tuple[npt.NDArray[np.float64], float]:
    """Robust Gauss-Newton over all tiles of a level; returns the motion and the median tile's error over its noise."""
    shape = reference.levels[level].shape
    th, tw = tile_grid(shape)
    scale = 2.0 ** (level + 1)
    basis = field.basis(field.tile_centres(th, tw, _KERNEL_TILE) * scale, (shape[0] * scale, shape[1] * scale))
    cost = np.inf
    for step in range(n_steps):
        flow = field.displacement(basis, hand).reshape(th, tw, 2) / scale
        sums = normal_equations(reference, other, level, flow, is_smooth=True)
        delta, cost = field.robust_step(sums, basis / scale, min(step, 2))
        hand = hand + delta
        if np.abs(field.displacement(basis, delta)).max() < 0.004 * scale:
            break
    return hand, cost


def _local_motion(reference: Pyramid, other: Pyramid, params: AlignParams, hand: npt.NDArray[np.float64]) -> Motion:
    shape = reference.levels[0].shape
    th, tw = tile_grid(shape)
    hand_px = field.flow(hand, shape, 2.0)
    sums = normal_equations(reference, other, 0, hand_px / 2, is_smooth=True)
    mismatch, allowed = field.tile_mismatch(sums)
    doubt = mismatch / allowed
    is_wrong = doubt > 1
    local_px = hand_px.copy()
    is_local = np.zeros((th, tw), np.bool_)
    if is_wrong.any() and params.local_search > 0 and len(reference.levels) >= 3:
        searched = _search(reference, other, params, hand, is_wrong)
        for _ in range(2):
            sums = normal_equations(reference, other, 0, searched / 2, is_smooth=False)
            searched = searched + 2 * field.tile_step(sums)
        sums = normal_equations(reference, other, 0, searched / 2, is_smooth=False)
        own_mismatch, _ = field.tile_mismatch(sums)
        is_local = is_wrong & (own_mismatch < 0.6 * mismatch)
        local_px = np.where(is_local[..., None], searched, hand_px).astype(np.float32)
        mismatch = np.where(is_local, own_mismatch, mismatch).astype(np.float32)
    return Motion(hand, hand_px, local_px, is_local, mismatch, doubt)


def _search(
    reference: Pyramid,
    other: Pyramid,
    params: AlignParams,
    hand: npt.NDArray[np.float64],
    is_wanted: npt.NDArray[np.bool_],
) -> F32:
    """Displacement of the wanted 32 px tiles by block matching at an eighth, then a quarter of the mosaic's size; the
    hand's for all others."""
    coarse, fine = 2, 1
    found: F32 | None = None
    for level, radius in ((coarse, max(1, params.local_search // 8)), (fine, 3)):
        scale = 2.0 ** (level + 1)
        shape = reference.levels[level].shape
        th, tw = shape[0] // _MATCH_TILE, shape[1] // _MATCH_TILE
        centres = field.tile_centres(th, tw, _MATCH_TILE)
        basis = field.basis(centres * scale, (shape[0] * scale, shape[1] * scale))
        hand_flow = field.displacement(basis, hand).reshape(th, tw, 2) / scale
        start = hand_flow if found is None else field.nearest(found, (th, tw)) * 2
        first = np.ascontiguousarray(np.rint(start), np.int32)
        cost = np.full((th, tw, (2 * radius + 1) ** 2), np.nan, np.float32)
        call("align_match", reference.levels[level], other.levels[level], first, radius, cost)
        wanted = np.nonzero(field.any_below(is_wanted, (th, tw)))
        found = np.asarray(hand_flow, np.float32)
        found[wanted] = field.best_match(cost[wanted], first[wanted], hand_flow[wanted], radius)
    assert found is not None
    tiles = tile_grid(reference.levels[0].shape)
    return np.asarray(field.nearest(found, tiles) * 2.0 ** (fine + 1), np.float32)
