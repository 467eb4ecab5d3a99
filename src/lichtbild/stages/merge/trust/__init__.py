"""How far a frame agrees with the reference at every 2 x 2 block: what does not agree is not merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, memory
from lichtbild.core.native import call
from lichtbild.stages.align import TILE_PX, Motion, tile_gain, tile_grid
from lichtbild.stages.merge.trust.grain import grain_of

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

# Floats before and after the means of a frame: vectors of the kernel reach over the rim.
MARGIN = 64
# Noise counts for more than it is: at 1, a quarter of still, flat blocks would lose some trust to the worst of their
# nine neighbours (n_effective 9.2 of 10, -0.1 to -0.2 dB on k800 and k3200), for nothing gained where things move.
BENEFIT = 1.4
# Variances that a sample's difference from the first guess may have, squared, where something moves: four deviations.
SAMPLE_LIMIT = 16.0
# Mismatch of the hand's motion, in units of what is usual, from which something moves for certain: still aliasing at
# ISO 100 doubts by 1 to 3, and testing its samples costs k100 0.3 to 0.6 dB.
MOVES = 3.0
_GRAIN_STEP = 16  # blocks between means that tell how bright a picture is


@dataclass(frozen=True, eq=False)
class Guide:
    """What the reference looks like to the trust test.

    Parameters
    ----------
    mean, texture
        float32 [3, H / 2, W / 2]: mean of 2 x 2 blocks over 3 x 3 of them, and variance of the first guess over the
        same.
    noise
        float32 [th, tw, 6], alpha and beta of R, G, B of the difference of two such means in each tile.
    grain
        How many times larger that noise is than what single pixels tell; 1 but for pictures that a camera developed.
    """

    mean: F32
    texture: F32
    noise: F32
    grain: float = 1.0


def guide_of(reference: Frame, first: F32, strictness: float) -> Guide:
    """The guide of a reference and its first guess, rows of planes float32 [H + 4, 3, W + 4]."""
    mean = _means(reference)[MARGIN:-MARGIN].reshape(3, reference.shape[0] // 2, reference.shape[1] // 2)
    texture = memory.empty(mean.shape)
    call("merge_texture", first, texture)
    # Samples in the mean of a block; both means carry a ninth of a block's noise.
    samples = np.array([1, 2, 1] if reference.domain is Domain.MOSAIC else [4, 4, 4])
    share = BENEFIT * 2 / 9 / samples / strictness * _left_by_a_mean(reference.noise.correlation_px)
    alpha, beta = (np.resize(np.asarray(n), 3) * share for n in (reference.noise.alpha, reference.noise.beta))
    grain = 1.0
    measured = grain_of(mean) if reference.info.camera.is_rendered else None
    if measured is not None:
        light = np.maximum(mean[:, ::_GRAIN_STEP, ::_GRAIN_STEP].mean((1, 2)), 0)
        told = alpha * light + beta
        # Two means differ, and noise has the benefit of the doubt, as above.
        alpha, beta = (2 * BENEFIT / strictness * n for n in measured)
        grain = max(float(np.median((alpha * light + beta) / np.maximum(told, 1e-15))), 1.0)
    gain = tile_gain(reference, tile_grid(mean.shape[1:]), TILE_PX)
    noise = np.concatenate([alpha * gain, beta * gain**2], axis=-1)
    return Guide(mean, texture, np.ascontiguousarray(noise, np.float32), grain)


def trust_of(guide: Guide, frame: Frame, motion: Motion, shape: tuple[int, ...]) -> U8:
    """Trust in a frame, 255 = full, at 2 x 2 blocks, uint8 [2, *shape]: in the hand's motion, and where a tile's own
    explains it better, in that. `shape` may be larger than the picture's blocks; what is beyond repeats."""
    agreement = memory.empty((2, *guide.mean.shape[1:]), np.uint8)
    call(
        "merge_agreement", guide.mean, guide.texture, _means(frame), guide.noise, motion.hand_px, motion.local_px,
        _tolerated_texture(motion.doubt / guide.grain), _apart(motion), agreement,
    )  # fmt: skip
    trust = memory.empty((2, *shape), np.uint8)
    call("merge_trust", agreement, trust)
    return trust


def explained_of(reference: Frame, first: F32) -> tuple[F32, F32, F32]:
    """What may stand between a sample and the first guess: variance of what the guess lost of the reference at 2 x 2
    blocks, float32 [H / 2, W / 2]; alpha, then beta of R, G, B [6]; spatial gain of tiles [th, tw]."""
    lost = memory.empty((reference.shape[0] // 2, reference.shape[1] // 2))
    noise = np.concatenate(
        [np.resize(np.asarray(n, np.float32), 3) for n in (reference.noise.alpha, reference.noise.beta)]
    )
    gain = np.ascontiguousarray(tile_gain(reference, tile_grid(lost.shape), TILE_PX).mean(-1), np.float32)
    call("merge_lost", reference.pixels, *red_of(reference), first, noise, gain, lost)
    return lost, noise, gain


def doubted(motion: Motion, shape: tuple[int, ...]) -> U8 | None:
    """255 at 2 x 2 blocks of tiles where, or beside which, something moves, uint8 of `shape`; None if nothing does."""
    is_doubted = _worst_around(motion.doubt) > MOVES
    if not is_doubted.any():
        return None
    tile = TILE_PX // 2
    tiles = np.pad(np.where(is_doubted, np.uint8(255), np.uint8(0)), ((0, 1), (0, 1)), "edge")
    return np.ascontiguousarray(tiles.repeat(tile, 0).repeat(tile, 1)[: shape[0], : shape[1]])


def _left_by_a_mean(correlation_px: float) -> float:
    """Variance that noise keeps in a mean of 6 x 6 px, over what white noise would.

    Pictures of a camera have grain that is blurred (covariance exp(-d^2 / 4 c^2)), and a mean takes little of it."""
    if correlation_px <= 0:
        return 1.0
    apart = np.subtract.outer(np.arange(6), np.arange(6))
    along = float(np.exp(-(apart**2) / (4 * correlation_px**2)).sum()) / 6
    return along**2


def red_of(frame: Frame) -> tuple[int, int]:
    """Row and column of red; raises DomainError unless the frame is a Bayer mosaic."""
    cfa = frame.info.cfa
    if cfa is None or cfa.quad != 1:
        raise DomainError("only Bayer mosaics can be merged", where=frame.info.name, hint="bin or remosaic quads first")
    return cfa.red_row, cfa.red_column


def _means(frame: Frame) -> F32:
    """Mean of 2 x 2 blocks over 3 x 3 of them, flat, with a margin at either end."""
    h, w = frame.shape[0] // 2, frame.shape[1] // 2
    flat: F32 = memory.empty((2 * MARGIN + 3 * h * w,))
    flat[:MARGIN] = flat[-MARGIN:] = 0
    mean = flat[MARGIN:-MARGIN].reshape(3, h, w)
    if frame.domain is Domain.MOSAIC:
        call("merge_mean_mosaic", frame.pixels, *red_of(frame), mean)
    else:
        call("merge_mean_rgb", frame.pixels, mean)
    return flat


def _apart(motion: Motion) -> U8:
    """Tiles in which the tiles' own motion differs from the hand's somewhere: those that move and, since motion is
    bilinear between tiles, those around them; uint8 [th, tw]."""
    differs = (motion.local_px != motion.hand_px).any(-1)
    return _worst_around(differs).astype(np.uint8) if differs.any() else np.zeros(differs.shape, np.uint8)


def _tolerated_texture(doubt: F32) -> F32:
    """Part of the texture's variance that may stand between two means of one thing, float32 [th, tw, 1].

    Still texture differs between frames by what its samples alias: up to all of its variance. Where a tile or its
    neighbour doubts the hand's motion, a twentieth of that is tolerated, or moving texture would pass for aliasing.
    """
    return np.asarray(0.05 ** np.clip((_worst_around(doubt) - 0.7) / 0.3, 0, 1), np.float32)[..., None]


def _worst_around(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The largest of a tile and its neighbours."""
    padded = np.pad(values, 1, mode="edge")
    th, tw = values.shape
    return np.asarray(np.max([padded[i : i + th, j : j + tw] for i in range(3) for j in range(3)], axis=0))
