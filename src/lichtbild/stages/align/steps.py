"""The hand's motion made exact: robust Gauss-Newton over the tiles of one level of the pyramid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.align import field
from lichtbild.stages.align.field import Fit, Hand
from lichtbild.stages.align.levels import GRADIENT_NOISE, KERNEL_TILE_PX, Pyramid, normal_equations

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

# Error that all tiles of a level share, px of the level: aliasing and interpolation.
SYSTEMATIC_PX = 0.02


def in_level(hand: Hand, tiles: npt.NDArray[np.integer], level: int) -> F64:
    """The hand's motion of the tiles of a level, in px of that level, [n, 6]."""
    scale = 2.0 ** (level + 1)
    motion = hand.at(field.tile_centres(tiles, KERNEL_TILE_PX * scale))
    motion[:, :2] /= scale
    return motion


def gradient_noise(level: int) -> float:
    """See `GRADIENT_NOISE`; the deepest levels are alike."""
    return GRADIENT_NOISE[min(level, len(GRADIENT_NOISE) - 1)]


def step(
    reference: Pyramid, other: Pyramid, level: int, hand: Hand, tiles: I32, base: F64, sharpness: int, most_terms: int
) -> tuple[Hand, Fit, F32]:
    """One step: the motion after it, the fit, and the tiles' sums before it."""
    sums = normal_equations(reference, other, level, tiles, in_level(hand, tiles, level))
    fit = field.robust_step(sums, base, hand.beyond_similarity(), gradient_noise(level), sharpness, most_terms)
    # No step leads further than the gradients can see: some px of the level.
    reach = 4 * 2.0 ** (level + 1) / max(4 * 2.0 ** (level + 1), float(np.abs(fit.delta).max()))
    return hand.stepped(fit.delta * reach), fit, sums


def basis_of(reference: Pyramid, tiles: npt.NDArray[np.integer], level: int) -> F64:
    """Displacement of a level's tiles for each coefficient, px of the level; `tiles` are all or the strongest of it,
    looked at once a burst."""
    key = f"basis of {len(tiles)}", level
    if key not in reference.kept:
        scale = 2.0 ** (level + 1)
        centres = field.tile_centres(tiles, KERNEL_TILE_PX * scale)
        reference.kept[key] = field.basis(centres, reference.mosaic_shape) / scale
    return np.asarray(reference.kept[key], np.float64)


def refine(
    reference: Pyramid, other: Pyramid, level: int, hand: Hand, coarse: F64 | None, tiles: I32, n_steps: int,
    most_terms: int,
) -> tuple[Hand, F64]:  # fmt: skip
    """Up to `n_steps` steps at `level`, until one of them is next to nothing; the motion and its covariance [10, 10].

    `coarse` is the covariance of the motion to start from; where this level knows less, it stays near that.
    """
    base, scale = basis_of(reference, tiles, level), 2.0 ** (level + 1)
    start, moved, covariance = hand, np.zeros(field.N_TERMS), np.zeros((field.N_TERMS,) * 2)
    for k in range(n_steps):
        hand, fit, _ = step(reference, other, level, hand, tiles, base, min(k, 2), most_terms)
        moved, covariance = moved + fit.delta, fit.covariance
        if np.abs(fit.delta).max() < 0.01 * scale:
            break
    if coarse is not None:
        way, covariance = field.weighed(moved, covariance, coarse, SYSTEMATIC_PX * 2 * scale)
        if np.abs(way - moved).max() > 1e-4 * scale:
            hand = start.stepped(way)
    return hand, covariance
