"""Luminance of a frame at many sizes, and the sums over its tiles that motion is found from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, ShapeError, memory
from lichtbild.core.frame import sample_gain_grid
from lichtbild.core.native import call

F32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

TILE_PX = 32
KERNEL_TILE_PX = 16
BORDER_PX = 20
MIN_SIZE_PX = 32
# Variance that white noise of the mosaic keeps in each level of the pyramid as the splines give it, and the energy of
# noise's own gradients over twice that, both axes together (tests/physics holds both to the filters).
LEVEL_NOISE = (0.01982, 0.00725, 0.002059, 0.000533, 0.0001346)
GRADIENT_NOISE = (0.473, 0.643, 0.705, 0.723, 0.727)
_MIN_LEVEL_PX = 48
# The part of a developed picture's tiles that is taken to show grain alone, and from how many tiles on there are any.
_FLAT, _ENOUGH_TILES = 0.1, 40


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Luminance of one frame, free of the colour filter array.

    `bordered[0]` is half the mosaic's size, each next half of that; float32 [h, w + 40], white-balanced, 1 =
    saturation: coefficients of cubic B-splines, the outermost 20 columns of each side beyond the picture. `noise[i]`
    float32 [th, tw, 2] holds alpha and beta of each 16 px tile of level i: variance of the spline = alpha * value +
    beta. `mosaic` are the frame's own samples (or luminance), `gains` [2, 2] of their sites; empty where it was let go
    (see `guide`). `kept` holds what was found out about this frame on the way.
    """

    bordered: tuple[F32, ...]
    noise: tuple[F32, ...]
    mosaic: F32
    gains: F32
    kept: dict[tuple[str, int], npt.NDArray[np.generic]] = field(default_factory=dict)

    @property
    def n_levels(self) -> int:
        return len(self.bordered)

    def shape(self, level: int) -> tuple[int, int]:
        h, w = self.bordered[level].shape
        return h, w - 2 * BORDER_PX

    def level(self, level: int) -> F32:
        """Level without its border (a view)."""
        return self.bordered[level][:, BORDER_PX:-BORDER_PX]

    @property
    def mosaic_shape(self) -> tuple[int, int]:
        """Size of the frame, whole blocks of 2 x 2."""
        h, w = self.shape(0)
        return 2 * h, 2 * w


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
        raise ShapeError(
            f"{frame.shape[1]} x {frame.shape[0]} px: too small to be aligned", where=frame.info.name,
            hint=f"frames of a burst have at least {MIN_SIZE_PX} px to each side",
        )  # fmt: skip
    gains = np.ones((2, 2), np.float32)
    wb = np.asarray(white_balance, np.float64)
    if frame.domain is Domain.CAMERA_RGB:
        mosaic = np.ascontiguousarray(frame.pixels @ (wb / 3).astype(np.float32))
    else:
        mosaic = frame.pixels
        if frame.info.cfa is not None:
            gains = wb[np.asarray(frame.info.cfa.colours)].astype(np.float32)

    level = memory.empty((mosaic.shape[0] // 2, mosaic.shape[1] // 2 + 2 * BORDER_PX))
    call("align_luma", mosaic, gains, level)
    levels = [level]
    while min(level.shape[0], level.shape[1] - 2 * BORDER_PX) >= 2 * _MIN_LEVEL_PX:
        level = memory.empty((level.shape[0] // 2, level.shape[1] // 2 + BORDER_PX))
        call("align_halve", levels[-1], level)
        levels.append(level)
    shapes = [(level.shape[0], level.shape[1] - 2 * BORDER_PX) for level in levels]
    made = Pyramid(tuple(levels), _noise_of(frame, wb, shapes), mosaic, gains)
    return _with_grain(made) if frame.info.camera.is_rendered else made


def _with_grain(made: Pyramid) -> Pyramid:
    """The pyramid of a picture that the camera developed, each level with the noise that its flattest tiles show.

    What a camera leaves of the noise is grain several px wide, of which the means of a coarse level keep many times
    what they keep of white noise, and no model tells how much.
    """
    noise = []
    for level in range(made.n_levels):
        energy = texture(made, level)
        usual = GRADIENT_NOISE[min(level, len(GRADIENT_NOISE) - 1)]
        grain = max(float(np.quantile(energy[:, 0], _FLAT)) / usual, 1.0) if len(energy) > _ENOUGH_TILES else 1.0
        noise.append(np.asarray(made.noise[level] * np.float32(grain), np.float32))
        made.kept["texture", level] = energy / np.float32(grain)
    return dataclasses.replace(made, noise=tuple(noise))


def _noise_of(frame: Frame, wb: npt.NDArray[np.float64], shapes: list[tuple[int, int]]) -> tuple[F32, ...]:
    noise = frame.noise
    site = wb if noise.n_channels == 3 else np.ones(1)
    share = np.array([0.25, 0.5, 0.25]) if noise.n_channels == 3 else np.ones(1)
    if frame.domain is Domain.CAMERA_RGB:
        # A mean of three colours in place of one of them.
        share = np.full(noise.n_channels, 1 / noise.n_channels**2)
    alpha = float(np.sum(share * site * np.asarray(noise.alpha)))
    beta = float(np.sum(share * site**2 * np.asarray(noise.beta)))
    out = []
    for i, shape in enumerate(shapes):
        part = LEVEL_NOISE[min(i, 4)] * 0.25 ** max(i - 4, 0)
        gain = tile_gain(frame, tile_grid(shape), KERNEL_TILE_PX * 2.0 ** (i + 1))[..., 1]
        pair = np.stack([alpha * part * gain + 1e-9, beta * part * gain**2 + 1e-9], -1)
        out.append(np.ascontiguousarray(pair, np.float32))
    return tuple(out)


def tile_gain(frame: Frame, grid: tuple[int, int], tile_px: float) -> F32:
    """Spatial gain of R, G, B at the centres of tiles of `tile_px` px of the mosaic, float32 [th, tw, 3]."""
    if frame.gain is None:
        return np.ones((*grid, 3), np.float32)
    centres = [(np.arange(n) + 0.5) * tile_px for n in grid]
    return np.broadcast_to(sample_gain_grid(frame.gain, centres[0], centres[1]), (*grid, 3))


def tile_grid(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tiles of a level of this shape (the kernel's tiles; the last may be cut by the border)."""
    return -(-shape[0] // KERNEL_TILE_PX), -(-shape[1] // KERNEL_TILE_PX)


def all_tiles(shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Row and column of every tile of a level, int32 [th * tw, 2]."""
    return np.stack(np.unravel_index(np.arange(np.prod(tile_grid(shape))), tile_grid(shape)), -1).astype(np.int32)


def normal_equations(
    reference: Pyramid, other: Pyramid, level: int, tiles: Ints, motion: Floats, doubt: F32 | None = None
) -> F32:
    """Sums of the listed tiles [n, 2] at `level`, float32 [n, 7] (see kernel TileNormal).

    `motion` [n, 6] in px of that level: (dy, dx) at each tile's centre, then d dy/d y, d dy/d x, d dx/d y, d dx/d x.
    With `doubt` [n], pixels that disagree count less (see there).
    """
    out = np.empty((len(tiles), 7), np.float32)
    if len(tiles):
        call(
            "align_tile_normal", reference.bordered[level], other.bordered[level],
            np.ascontiguousarray(tiles, np.int32), np.ascontiguousarray(motion, np.float32),
            np.ascontiguousarray(reference.noise[level][tiles[:, 0], tiles[:, 1]]),
            np.zeros(len(tiles), np.float32) if doubt is None else doubt, out,
        )  # fmt: skip
    return out


def texture(reference: Pyramid, level: int) -> F32:
    """Gradient energy a pixel of every tile over twice the noise's variance, both axes together, and twice that along
    the axis that has less of it, float32 [th * tw, 2]; found once a frame."""
    if ("texture", level) not in reference.kept:
        tiles = all_tiles(reference.shape(level))
        sums = normal_equations(reference, reference, level, tiles, np.zeros((len(tiles), 6)))
        a, b, d = (sums[:, k] / np.maximum(sums[:, 6], 1) for k in range(3))
        reference.kept["texture", level] = np.stack([a + d, a + d - np.hypot(a - d, 2 * b)], -1)
    return np.asarray(reference.kept["texture", level], np.float32)


def strong_tiles(reference: Pyramid, level: int, most: int = 4) -> npt.NDArray[np.int32]:
    """The `most` most textured of every 4 x 4 tiles of a level: enough for the motion of the hand."""
    if (f"strong {most}", level) not in reference.kept:
        tiles = all_tiles(reference.shape(level))
        if len(tiles) > 256:
            energy = texture(reference, level)[:, 0].reshape(tile_grid(reference.shape(level)))
            energy = np.pad(energy, [(0, -n % 4) for n in energy.shape], constant_values=-1)
            th, tw = energy.shape
            blocks = energy.reshape(th // 4, 4, tw // 4, 4).swapaxes(1, 2).reshape(-1, 16)
            best = np.argpartition(blocks, 16 - most, axis=1)[:, 16 - most :]
            i, j = np.divmod(np.arange(len(blocks)), tw // 4)
            rows, columns = i[:, None] * 4 + best // 4, j[:, None] * 4 + best % 4
            inside = np.take_along_axis(blocks, best, 1) >= 0
            tiles = np.stack([rows[inside], columns[inside]], -1).astype(np.int32)
        reference.kept[f"strong {most}", level] = tiles
    return np.asarray(reference.kept[f"strong {most}", level], np.int32)
