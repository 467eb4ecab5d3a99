"""The hand's motion from luminance at full size: patches around tiles, so that no picture of that size is made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory
from lichtbild.core.native import call
from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.levels import KERNEL_TILE_PX, LEVEL_NOISE, Pyramid, all_tiles, strong_tiles

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

PATCH_PX = 20
# A patch begins this far before its tile.
_RIM_PX = 2
# Variance that white noise of the mosaic keeps in the luminance as its splines give it, and the energy of noise's own
# gradients over twice that (tests/physics holds both to the filters).
FINE_NOISE, FINE_GRADIENT_NOISE = 0.09125, 0.517
# Tiles of 32 px that are enough for any picture; larger ones give their strongest.
_MOST_TILES = 4096


def cut(reference: Pyramid) -> tuple[I32, F32]:
    """The corners int32 [n, 2] of a reference's patches, and the patches, float32 [n, 20, 20]; cut out once."""
    if ("patches", 0) not in reference.kept:
        shape = reference.shape(0)
        tiles = all_tiles(shape)
        for most in (4, 2, 1):
            if len(tiles) > _MOST_TILES:
                tiles = strong_tiles(reference, 0, most)
        quarters = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.int32)
        corners = ((2 * tiles[:, None] + quarters).reshape(-1, 2) * KERNEL_TILE_PX).astype(np.int32)
        corners = corners[(corners < reference.mosaic_shape).all(1)] - np.int32(_RIM_PX)
        reference.kept["corners", 0] = corners
        reference.kept["patches", 0] = _patches(reference, corners)
    return np.asarray(reference.kept["corners", 0], np.int32), np.asarray(reference.kept["patches", 0], np.float32)


def sharpened(reference: Pyramid, other: Pyramid, hand: Hand, coarse: F64, floor_px: float) -> tuple[Hand, F64]:
    """The motion found from what half the size has lost, and its covariance [10, 10]; `coarse` and `floor_px` as in
    `field.weighed`."""
    corners, mine = cut(reference)
    tiles = (corners + _RIM_PX) // KERNEL_TILE_PX
    centres = field.tile_centres(tiles, KERNEL_TILE_PX)
    base = field.basis(centres, hand.shape)
    moved_corners = (corners + np.floor(hand.at(centres)[:, :2])).astype(np.int32)
    theirs = _patches(other, moved_corners)
    noise = np.ascontiguousarray(reference.noise[0][tiles[:, 0] // 2, tiles[:, 1] // 2] * (FINE_NOISE / LEVEL_NOISE[0]))
    size = np.array(hand.shape, np.int32)
    sums = np.empty((len(corners), 7), np.float32)
    start, moved, covariance = hand, np.zeros(field.N_TERMS), coarse
    for _ in range(3):
        motion = np.ascontiguousarray(hand.at(centres), np.float32)
        call("align_patch_normal", mine, theirs, corners, moved_corners, motion, noise, size, sums)
        fit = field.robust_step(sums, base, hand.beyond_similarity(), FINE_GRADIENT_NOISE, 2)
        # Patches reach a pixel to each side; what leads further was not seen here.
        if np.abs(fit.delta).max() > 1:
            break
        hand, covariance, moved = hand.stepped(fit.delta), fit.covariance, moved + fit.delta
        if np.abs(fit.delta).max() < 0.02:
            break
    way, covariance = field.weighed(moved, covariance, coarse, floor_px)
    return start.stepped(way), covariance


def _patches(picture: Pyramid, corners: I32) -> F32:
    out = memory.empty((len(corners), PATCH_PX, PATCH_PX))
    call("align_patches", picture.mosaic, picture.gains, corners, out)
    return np.asarray(out, np.float32)
