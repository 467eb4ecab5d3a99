"""A linear frame with fewer pixels, for a quick look: every other stage sees a camera with a coarser sensor.

A mosaic stays a mosaic. Each of its new pixels is a weighted mean of samples of its own colour around its own place, so
that colours keep their places to one another; noise, gain, crop and the corrections that count pixels follow.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, FrameInfo, Params, ShapeError, memory, param
from lichtbild.core.corrections import FixVignetteRadial, GainMap, Opcode, OpcodeLists, at_size
from lichtbild.core.frame import GAIN_STEP_PX, sample_gain_grid
from lichtbild.core.native import call

__all__ = ["ReduceParams", "is_reducible_as_stored", "reduce", "size_of", "split"]

F32 = npt.NDArray[np.float32]
Stored = npt.NDArray[np.float32 | np.uint16]
I32 = npt.NDArray[np.int32]

# Below this many pixels of the frame for one of the picture, along an axis, nothing is won.
_LEAST_RATIO = 1.25
# Half the base of the tent of weights, in px of the picture. More: softer, and neighbours of one colour share samples;
# less: how sharp a pixel is depends on where it falls between the samples.
_REACH_PX = 1.0


@dataclass(frozen=True)
class ReduceParams(Params):
    """How large the picture is to be."""

    megapixels: float = param(0.0, "pixels of the picture; 0: those of the frames", unit="MP", low=0.0, high=1000.0)


def reduce(frame: Frame, params: ReduceParams) -> Frame:
    """The frame at about `params.megapixels`; the frame itself where it is not clearly larger.

    Parameters
    ----------
    frame
        MOSAIC [H, W] or CAMERA_RGB [H, W, 3], float32, or uint16 as stored where `is_reducible_as_stored`.

    Returns
    -------
    Of the same domain, float32, in the units of the frame; sides are even. `noise` is that of the means, averaged over
    where they fall between the samples (it differs by some 10 % from place to place); it stays white.

    Raises
    ------
    ShapeError
        If a quad-Bayer mosaic is given.
    """
    frame.require(Domain.MOSAIC, Domain.CAMERA_RGB)
    size = size_of(frame.shape, params)
    if size == frame.shape:
        return frame
    cfa, info = frame.info.cfa, frame.info
    if frame.domain is Domain.MOSAIC and cfa is not None and cfa.quad != 1:
        raise ShapeError("quad-Bayer mosaics are made Bayer first", where=info.name)
    period = 1 if frame.domain is Domain.CAMERA_RGB or cfa is None else 2
    rows, columns = (_means(n, m, period) for n, m in zip(frame.shape, size, strict=True))
    n = 1.0
    for _, weight in (rows, columns):
        n /= float(np.square(weight).sum(1).mean())
    ratios = frame.shape[0] / size[0], frame.shape[1] / size[1]
    gain = frame.gain
    if gain is not None:
        v, h = (np.arange(-(-m // GAIN_STEP_PX) + 1.0) * GAIN_STEP_PX for m in size)
        gain = sample_gain_grid(gain, v * ratios[0], h * ratios[1])
    info = dataclasses.replace(
        info, shape=size, default_crop=_reduced_crop(info.default_crop, ratios, size),
        opcodes=OpcodeLists(
            on_linear=tuple(_over_all(op, size) for op in info.opcodes.on_linear),
            after_demosaic=at_size(info.opcodes.after_demosaic, ratios),
        ),
    )  # fmt: skip
    return frame.replaced(
        pixels=_meant(frame.pixels, _clip_of(frame), rows, columns, period), info=info,
        noise=frame.noise.averaged(n), n_effective=float(np.mean(frame.n_effective)), gain=gain,
    )  # fmt: skip


def split(info: FrameInfo) -> tuple[OpcodeLists, tuple[Opcode, ...]]:
    """The opcodes of a frame that need its own pixels, and those after them that a reduced one can be given as well:
    gains of the whole picture, which tell relative positions."""
    before, after = list(info.opcodes.on_linear), list[Opcode]()
    while before and _is_gain_of_all(before[-1], info.shape):
        after.insert(0, before.pop())
    return dataclasses.replace(info.opcodes, on_linear=tuple(before)), tuple(after)


def is_reducible_as_stored(frame: Frame) -> bool:
    """Whether means of stored numbers are numbers of a coarser sensor: levels are the same for all samples of a kind,
    stored numbers are proportional to light, and nothing is to be done at full size."""
    levels, early = frame.info.levels, split(frame.info)[0]
    cfa = frame.info.cfa
    return (
        frame.pixels.dtype == np.uint16
        and levels is not None
        and levels.table is None
        and levels.black_delta_h is None
        and levels.black_delta_v is None
        and levels.black.shape[:2] in ({(1, 1)} if cfa is None else {(k, m) for k in (1, 2) for m in (1, 2)})
        and (cfa is None or cfa.quad == 1)
        and not early.on_stored
        and not early.on_linear
    )


def _is_gain_of_all(op: Opcode, shape: tuple[int, int]) -> bool:
    if isinstance(op, FixVignetteRadial):
        return True
    if not isinstance(op, GainMap):
        return False
    area = op.area
    is_all = area.bottom <= area.top or area.right <= area.left or (
        area.top < area.row_pitch and area.left < area.column_pitch
        and area.bottom > shape[0] - area.row_pitch and area.right > shape[1] - area.column_pitch
    )  # fmt: skip
    return is_all and area.row_pitch in (1, 2) and area.column_pitch in (1, 2)


def _over_all(op: Opcode, size: tuple[int, int]) -> Opcode:
    """A gain of the whole picture for one of another size: the phase of its pitch stays."""
    if not isinstance(op, GainMap) or op.area.bottom <= op.area.top or op.area.right <= op.area.left:
        return op
    return dataclasses.replace(op, area=dataclasses.replace(op.area, bottom=size[0], right=size[1]))


def _clip_of(frame: Frame) -> float:
    if frame.info.levels is not None:
        return min(frame.info.levels.white)
    # Where gains were applied, samples clip at as many values.
    return frame.saturation if frame.gain is None else float("inf")


def size_of(shape: tuple[int, int], params: ReduceParams) -> tuple[int, int]:
    """Rows and columns of the picture of a frame of `shape`."""
    if params.megapixels <= 0:
        return shape
    ratio = float(np.sqrt(shape[0] * shape[1] / (params.megapixels * 1e6)))
    if ratio < _LEAST_RATIO:
        return shape
    height, width = (max(2 * round(n / ratio / 2), 2) for n in shape)
    return height, width


def _means(length: int, wanted: int, period: int) -> tuple[I32, F32]:
    """For each of `wanted` pixels the first sample of its kind (every `period`-th of `length`) and the weights of it
    and those after it, [wanted, K]."""
    ratio = length / wanted
    reach = max(_REACH_PX * ratio, period / 2 + 0.1)
    kind = np.arange(wanted) % period
    # In samples of the kind, from its first one.
    at = ((np.arange(wanted) + 0.5) * ratio - 0.5 - kind) / period
    there = (length - kind + period - 1) // period
    n_taps = min(int(np.ceil(2 * reach / period)) + 1, int(there.min()))
    first = np.clip(np.ceil(at - reach / period), 0, there - n_taps).astype(np.int64)
    apart = np.abs(first[:, None] + np.arange(n_taps) - at[:, None]) * period
    weight = np.maximum(1 - apart / reach, 0)
    lost = weight.sum(1) <= 0
    weight[lost] = apart[lost] == apart[lost].min(1, keepdims=True)
    weight /= weight.sum(1, keepdims=True)
    return (first * period + kind).astype(np.int32), np.ascontiguousarray(weight, np.float32)


def _meant(pixels: Stored, clip: float, rows: tuple[I32, F32], columns: tuple[I32, F32], period: int) -> F32:
    """Means of a mosaic or of three planes."""
    planes = 1 if pixels.ndim == 2 else pixels.shape[2]
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    first, weight = columns
    across = (first[:, None] * planes + np.arange(planes)).reshape(-1).astype(np.int32)
    by_column = np.ascontiguousarray(np.repeat(weight, planes, axis=0).T)
    out = memory.empty((len(rows[0]), len(across)))
    kind = "u16" if flat.dtype == np.uint16 else "f32"
    call(f"reduce_means_{kind}", clip, *rows, period, across, by_column, period * planes, flat, out)
    return out.reshape(len(rows[0]), len(first), *pixels.shape[2:])


def _reduced_crop(
    crop: tuple[int, int, int, int] | None, ratios: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    if crop is None:
        return None
    top, left, height, width = (round(n / ratio) for n, ratio in zip(crop, (*ratios, *ratios), strict=True))
    return top, left, max(min(height, size[0] - top), 1), max(min(width, size[1] - left), 1)
