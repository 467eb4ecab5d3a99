"""What the file says about the lens: OpcodeList3 (warps, vignetting, gains), applied after demosaicing.

Warps, trims and gains that follow each other are done in one resampling, so that pixels are interpolated once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.corrections import FixVignetteRadial, GainMap, Opcode, TrimBounds
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, MetadataError, ShapeError
from lichtbild.core.frame import GAIN_STEP_PX, Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param
from lichtbild.stages.lens import resampling
from lichtbild.stages.lens.geometry import Chain, bilinear, is_warp
from lichtbild.stages.linearise import apply_linear
from lichtbild.stages.linearise.levels import trimmed_crop
from lichtbild.stages.linearise.validity import sound_ops

__all__ = ["LensParams", "correct"]

Floats = npt.NDArray[np.float32]
# Nodes of a GainMap nearer than this are not followed by the 16-px grid of the resampling: such maps are applied apart.
MIN_SPACING_PX = 64
LARGEST_PX = 4e6  # of a displacement: in 1/256 px it fits 31 bits


@dataclass(frozen=True)
class LensParams(Params):
    """What a user can set about lens corrections."""

    geometry: bool = param(True, "straighten lines and remove lateral colour as the file says")


def correct(frame: Frame, params: LensParams | None = None) -> Frame:
    """Apply OpcodeList3: lines straight, colours in register, corners as bright as the centre.

    Parameters
    ----------
    frame
        CAMERA_RGB float32 [H, W, 3], linear.

    Returns
    -------
    The same without a list (nothing can be applied twice); `gain` and `n_effective` follow the pixels, `noise` loses
    what interpolation averages away. A frame without opcodes is returned as it is.

    Raises
    ------
    DomainError, MetadataError, ShapeError
        If pixels are not linear camera RGB, or an opcode does not fit them.

    Notes
    -----
    Six taps of a windowed sinc at 1/256 px; beyond the picture its border repeats. Cost: 0.25 s of processor time for
    12 MP, 0.18 s where all planes come from one place. Source: DNG 1.7.1, chapter 7.
    """
    frame.require(Domain.CAMERA_RGB)
    ops = frame.info.opcodes.after_demosaic
    if not ops:
        return frame
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError("lens corrections need linear light", where=frame.info.name, hint="linearise first")
    if min(frame.shape) < 2:
        raise ShapeError("a picture of one row or column has no lens", where=frame.info.name)
    if params is not None and not params.geometry:
        ops = tuple(op for op in ops if not is_warp(op))
    ops, left_out = sound_ops(ops, frame.info.name)
    for part in parts(ops, frame.shape):
        frame = resampled(frame, part) if any(is_warp(op) for op in part) else apply_linear(frame, part)
    return frame.with_info(
        opcodes=dataclasses.replace(frame.info.opcodes, after_demosaic=()), reasons=(*frame.info.reasons, *left_out)
    )


def parts(ops: tuple[Opcode, ...], shape: tuple[int, int]) -> list[list[Opcode]]:
    """The list cut into runs: those with a warp are one resampling each, the others change values in place.

    A run that can be resampled but has no warp stays one of the others, which are exact."""
    runs: list[list[Opcode]] = []
    is_open = False
    for op in ops:
        fits = _fits_resampling(op, shape)
        if not runs or fits != is_open:
            runs.append([])
        runs[-1].append(op)
        is_open = fits
        if isinstance(op, TrimBounds):
            shape = (op.bottom - op.top, op.right - op.left)
    return runs


def _fits_resampling(op: Opcode, shape: tuple[int, int]) -> bool:
    if is_warp(op):
        return True
    if isinstance(op, TrimBounds):
        return 0 <= op.top < op.bottom <= shape[0] and 0 <= op.left < op.right <= shape[1]
    if isinstance(op, FixVignetteRadial):
        return min(shape) >= 8 * MIN_SPACING_PX
    if not isinstance(op, GainMap):
        return False
    area = op.area
    is_all = area.bottom <= area.top or area.right <= area.left
    is_all |= area.top <= 0 and area.left <= 0 and area.bottom >= shape[0] and area.right >= shape[1]
    is_all &= area.row_pitch == area.column_pitch == 1
    is_wide = min(op.spacing_v * shape[0], op.spacing_h * shape[1]) >= MIN_SPACING_PX
    return bool(is_all and is_wide)


def resampled(frame: Frame, ops: list[Opcode]) -> Frame:
    """One resampling for `ops`; noise, gain and n_effective go along."""
    chain = Chain.of(ops, frame.shape)
    with np.errstate(all="ignore"):
        grid = chain.grid()
    if not np.all(np.abs(grid) < LARGEST_PX):  # nor if a number is none
        raise MetadataError("the lens corrections lead nowhere", where=frame.info.name)
    pixels = _at_least_six(frame.pixels)
    flat = np.ascontiguousarray(pixels).reshape(-1)
    if flat.size >= 2**31:
        raise ShapeError(
            f"{frame.shape[0]} x {frame.shape[1]} px are too many for one resampling", where=frame.info.name
        )
    out = np.empty((chain.shape[0], chain.shape[1] * 3), np.float32)
    is_shared = bool(np.all(grid[:, :, :1, :2] == grid[:, :, 1:, :2]))
    name = "lens_warp_shared" if is_shared else "lens_warp"
    native.call(name, flat, pixels.shape[1], pixels.shape[0], grid, *resampling.tables(), out)
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        values = np.ascontiguousarray(n, np.float32)
        n = np.empty(chain.shape, np.float32)
        native.call("lens_warp_single", values, grid, n)
    info = dataclasses.replace(frame.info, shape=chain.shape)
    for op, _ in chain.steps:
        if isinstance(op, TrimBounds) and info.default_crop is not None:
            info = dataclasses.replace(info, default_crop=trimmed_crop(info.default_crop, op))
    return frame.replaced(
        pixels=out.reshape(*chain.shape, 3),
        info=info,
        noise=_resampled_noise(frame.noise),
        n_effective=n,
        gain=_resampled_gain(frame.gain, chain, grid),
    )


def _at_least_six(pixels: Floats) -> Floats:
    """The kernel's window is six pixels; the border repeats anyway."""
    missing = [max(0, resampling.TAPS - length) for length in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else pixels


def _resampled_noise(noise: NoiseModel) -> NoiseModel:
    left = resampling.noise_energy(noise.correlation_px)
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        float(np.hypot(noise.correlation_px, resampling.CORRELATION_PX)),
    )


def _resampled_gain(gain: Floats | None, chain: Chain, grid: Floats) -> Floats | None:
    own = grid[1:-1, 1:-1, :, 2]
    if gain is None:
        has_gain = any(isinstance(op, GainMap | FixVignetteRadial) for op, _ in chain.steps)
        return np.ascontiguousarray(own) if has_gain else None
    nodes = np.empty_like(own)
    y = np.arange(own.shape[0])[:, None] * float(GAIN_STEP_PX)
    x = np.arange(own.shape[1])[None, :] * float(GAIN_STEP_PX)
    for plane in range(own.shape[2]):
        old = gain[:, :, min(plane, gain.shape[2] - 1)].astype(np.float64)
        from_y = y + grid[1:-1, 1:-1, plane, 1]
        from_x = x + grid[1:-1, 1:-1, plane, 0]
        nodes[:, :, plane] = own[:, :, plane] * bilinear(old, from_y / GAIN_STEP_PX, from_x / GAIN_STEP_PX)
    return nodes
