"""Stored numbers to light: OpcodeList1, linearisation table, black, white, then OpcodeList2 (DNG 1.7, chapters 5, 7).

Nothing is clipped: noise below black stays, so that averages are unbiased, and what a gain lifts above 1 stays too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.camera import Cfa
from lichtbild.core.corrections import (
    FixBadPixelsConstant,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    MapTable,
    Opcode,
    OpcodeLists,
    TrimBounds,
)
from lichtbild.core.domain import Domain
from lichtbild.core.errors import MetadataError, ShapeError
from lichtbild.core.frame import Frame, FrameInfo, Levels, sample_gain_grid
from lichtbild.stages.linearise import bad_pixels, spatial_gain, value_ops
from lichtbild.stages.linearise.spatial_gain import Layer

__all__ = ["apply_linear", "linearise"]

Array = npt.NDArray[Any]


def linearise(frame: Frame) -> Frame:
    """Stored numbers to linear light, with OpcodeList1 and 2 applied where the specification has them.

    Parameters
    ----------
    frame
        MOSAIC uint8, uint16 or float32 [H, W], or CAMERA_RGB [H, W, 3], as stored; `info.levels` says what the numbers
        mean (None: float32, 0..1 already).

    Returns
    -------
    float32, 0 = black, 1 = saturation (times the spatial gain), not clipped. `info.levels` is None, lists 1 and 2 are
    empty, `gain` holds the product of the applied gains; `noise` is that of the sensor, as `Frame` wants it. TrimBounds
    also changes `info.shape`, `info.cfa` and `info.default_crop`.

    Raises
    ------
    MetadataError, ShapeError
        If levels or opcodes do not fit the pixels.

    Notes
    -----
    Noise after MapTable, MapPolynomial and Scale/Delta opcodes is kept: makers use them for deviations of a few per
    cent from linearity. Cost: one pass, 6 bytes of memory traffic a pixel, also with the four GainMaps of a phone.
    Source: DNG 1.7.1, chapters 5 ("Mapping raw values to linear reference values") and 7.
    """
    frame.require(Domain.MOSAIC, Domain.CAMERA_RGB)
    work = _Work.of(frame)
    for op in frame.info.opcodes.on_stored:
        work = _on_stored(work, op)
    for op in frame.info.opcodes.on_linear:
        work = _on_linear(work, op)
    left = OpcodeLists(after_demosaic=frame.info.opcodes.after_demosaic)
    return _finished(frame, _settled(work), dataclasses.replace(work.info, levels=None, opcodes=left))


def apply_linear(frame: Frame, ops: Sequence[Opcode]) -> Frame:
    """`ops` applied to linear pixels, in order, as those of OpcodeList2: everything but warps.

    Parameters
    ----------
    frame
        MOSAIC float32 [H, W] or CAMERA_RGB float32 [H, W, 3], linear.

    Returns
    -------
    As `linearise`; `info.opcodes` is left as it is.
    """
    work = _Work.of(frame)
    for op in ops:
        work = _on_linear(work, op)
    return _finished(frame, _settled(work), work.info)


def _finished(frame: Frame, work: _Work, info: FrameInfo) -> Frame:
    info = dataclasses.replace(info, shape=work.shape)
    gain = None if work.gain is None else _frame_gain(work.gain, frame.domain, info.cfa)
    return frame.replaced(pixels=work.pixels, info=info, gain=gain, n_effective=work.n_effective)


@dataclass(frozen=True, eq=False)
class _Work:
    """A frame on its way: stored or linear, a gain to apply yet, and all gains so far [nv, nh, sites or planes]."""

    pixels: Array
    info: FrameInfo
    is_linear: bool
    n_effective: Any
    pending: Layer | None = None
    gain: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, frame: Frame) -> _Work:
        pixels, name = frame.pixels, frame.info.name
        if min(pixels.shape[:2]) < 2:
            raise ShapeError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} px is too small", where=name)
        if pixels.dtype not in (np.uint8, np.uint16, np.float32):
            raise ShapeError(f"pixels are uint8, uint16 or float32, not {pixels.dtype}", where=name)
        if frame.info.levels is None and pixels.dtype != np.float32:
            raise MetadataError("whole numbers without black and white level", where=name)
        return cls(pixels, frame.info, frame.info.levels is None, frame.n_effective, gain=_old_gain(frame))

    @property
    def shape(self) -> tuple[int, int]:
        return (self.pixels.shape[0], self.pixels.shape[1])

    @property
    def cell(self) -> int:
        return spatial_gain.cell_px(self.info.cfa)

    @property
    def n_gain(self) -> int:
        return self.cell**2 if self.pixels.ndim == 2 else self.pixels.shape[2]

    def having(self, **changes: Any) -> _Work:
        return dataclasses.replace(self, **changes)


def _old_gain(frame: Frame) -> npt.NDArray[np.float64] | None:
    if frame.gain is None:
        return None
    sites = spatial_gain.site_grid(frame.gain, frame.info.cfa) if frame.domain is Domain.MOSAIC else frame.gain
    return sites.astype(np.float64)


def _frame_gain(gain: npt.NDArray[np.float64], domain: Domain, cfa: Cfa | None) -> npt.NDArray[np.float32]:
    if domain is Domain.MOSAIC:
        return spatial_gain.colour_grid(gain, cfa)
    return np.ascontiguousarray(gain, np.float32)


def _on_stored(work: _Work, op: Opcode) -> _Work:
    """One opcode of list 1. Integers stay integers, rounded, as the table that follows needs them."""
    if work.is_linear:  # a file without levels: its stored numbers are linear ones
        return _on_linear(work, op)
    if isinstance(op, TrimBounds):
        return _trimmed(work, op)
    if isinstance(op, FixBadPixelsConstant | FixBadPixelsList):
        return _bad_fixed(work, op)
    values = work.pixels.astype(np.float32)
    value_ops.apply(op, values, work.info.name, value_ops.TABLE_MAX if isinstance(op, MapTable) else 1.0)
    if work.pixels.dtype != np.float32:
        highest = np.iinfo(work.pixels.dtype).max
        values = np.clip(np.rint(values), 0, highest).astype(work.pixels.dtype)
    return work.having(pixels=values, gain=_multiplied(work.gain, _nodes(work, op)))


def _on_linear(work: _Work, op: Opcode) -> _Work:
    nodes = _nodes(work, op)
    layer = _layer(work, op)
    if layer is not None:
        merged = layer if work.pending is None else work.pending.merged(layer)
        if merged is None:
            work, merged = _settled(work), layer
        return work.having(pending=merged, gain=_multiplied(work.gain, nodes))
    work = _settled(work)
    if isinstance(op, TrimBounds):
        return _trimmed(work, op)
    if isinstance(op, FixBadPixelsConstant | FixBadPixelsList):
        return _bad_fixed(work, op)
    values = work.pixels.copy()
    value_ops.apply(op, values, work.info.name)
    return work.having(pixels=values, gain=_multiplied(work.gain, nodes))


def _multiplied(a: npt.NDArray[np.float64] | None, b: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
    return b if a is None else a if b is None else a * b


def _layer(work: _Work, op: Opcode) -> Layer | None:
    """`op` as a gain for whole sites or planes, or None where it is something else."""
    if isinstance(op, FixVignetteRadial):
        return spatial_gain.vignette_layer(op, work.pixels.shape)
    if not isinstance(op, GainMap):
        return None
    chosen = _places(work, op)
    return None if chosen is None else spatial_gain.gain_map_layer(op, work.pixels.shape, chosen, work.cell)


def _places(work: _Work, op: GainMap) -> dict[int, int] | None:
    """{site or plane of the image: plane of the map} that `op` covers; None where it covers a part of the image."""
    area = op.area
    if work.pixels.ndim == 3:
        if not spatial_gain.is_whole(area, work.shape) or area.row_pitch != 1 or area.column_pitch != 1:
            return None
        return {c: c for c in range(area.plane, min(area.plane + area.n_planes, work.pixels.shape[2]))}
    sites = spatial_gain.sites_of(area, work.shape, work.cell)
    return None if sites is None else {s: 0 for s in sites if area.plane == 0}


def _nodes(work: _Work, op: Opcode) -> npt.NDArray[np.float64] | None:
    """The gain of `op` at the nodes of the 16-px grid, float64 [nv, nh, sites or planes]; None if it is no gain."""
    shape, n = work.shape, work.n_gain
    v, h = spatial_gain.node_positions(shape[0]), spatial_gain.node_positions(shape[1])
    if isinstance(op, FixVignetteRadial):
        return np.repeat(spatial_gain.vignette_gain(op, shape, v, h)[:, :, None], n, axis=2)
    if not isinstance(op, GainMap):
        return None
    nodes = np.ones((v.size, h.size, n))
    chosen = _places(work, op)
    rows, columns = slice(None), slice(None)
    if chosen is None:
        chosen = {s: s for s in range(n)} if work.pixels.ndim == 3 else dict.fromkeys(range(n), 0)
        if op.area.bottom > op.area.top and op.area.right > op.area.left:
            rows = slice(*(int(k) for k in np.searchsorted(v, (op.area.top, op.area.bottom))))
            columns = slice(*(int(k) for k in np.searchsorted(h, (op.area.left, op.area.right))))
    for place, plane in chosen.items():
        nodes[rows, columns, place] = spatial_gain.gain_map_nodes(op, shape, plane)[rows, columns]
    return nodes


def _settled(work: _Work) -> _Work:
    """Levels and the pending gain applied: linear float32 pixels."""
    if work.is_linear:
        if work.pending is None:
            return work
        return work.having(pixels=_times_layer(work.pixels, work.pending), pending=None)
    levels = work.info.levels
    assert levels is not None
    arguments = level_arrays(levels, work.pixels.shape, work.info.name)
    stored = _through_table(work.pixels, levels)
    if stored.dtype == np.float32:
        pixels = from_levels(stored, *arguments)
        if work.pending is not None:
            pixels = _times_layer(pixels, work.pending)
        return work.having(pixels=pixels, is_linear=True, pending=None)
    flat = np.ascontiguousarray(stored, np.uint16).reshape(stored.shape[0], -1)
    out = np.empty(flat.shape, np.float32)
    if work.pending is None:
        native.call("linearise_u16", flat, *arguments, out)
    else:
        layer = work.pending
        native.call("linearise_gain_u16", flat, *arguments, layer.maps, layer.row, layer.weight, out)
    return work.having(pixels=out.reshape(stored.shape), is_linear=True, pending=None)


def _times_layer(pixels: npt.NDArray[np.float32], layer: Layer) -> npt.NDArray[np.float32]:
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    out = np.empty(flat.shape, np.float32)
    native.call("spatial_gain_f32", flat, layer.maps, layer.row, layer.weight, out)
    return out.reshape(pixels.shape)


def _through_table(stored: Array, levels: Levels) -> Array:
    if levels.table is None or stored.dtype == np.float32:
        return stored
    return np.take(levels.table, stored, mode="clip")


def level_arrays(
    levels: Levels, shape: tuple[int, ...], where: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the kernels need: black [repeat rows, W * C], black delta a row [H], scale [W * C].

    The scale of a plane is 1 / (white - its largest black) (DNG 1.7.1, chapter 5).

    Raises
    ------
    MetadataError
        If a delta has the wrong length, or white is not above black.
    """
    height, width = shape[:2]
    planes = 1 if len(shape) == 2 else shape[2]
    black = np.asarray(levels.black, np.float32)
    if black.ndim != 3 or black.size == 0 or black.shape[2] not in (1, planes):
        raise MetadataError(f"black levels of shape {list(black.shape)} do not fit {planes} planes", where=where)
    black = np.broadcast_to(black, (*black.shape[:2], planes))
    delta_v = (
        np.zeros(height, np.float32) if levels.black_delta_v is None else np.asarray(levels.black_delta_v, np.float32)
    )
    delta_h = (
        np.zeros(width, np.float32) if levels.black_delta_h is None else np.asarray(levels.black_delta_h, np.float32)
    )
    if delta_v.shape != (height,) or delta_h.shape != (width,):
        raise MetadataError("black level deltas do not fit the image", where=where, hint="check BlackLevelDeltaH and V")
    per_row = black[:, np.arange(width) % black.shape[1], :] + delta_h[None, :, None]
    white = np.asarray(levels.white if len(levels.white) == planes else levels.white[:1] * planes, np.float64)
    room = white - (black.max(axis=(0, 1)) + float(delta_v.max()) + float(delta_h.max()))
    if not np.all(np.isfinite(room)) or np.any(room <= 0) or not np.all(np.isfinite(per_row)):
        raise MetadataError(f"white level {levels.white} is not above black", where=where, hint="check WhiteLevel")
    scale = np.tile((1 / room).astype(np.float32), width)
    return np.ascontiguousarray(per_row.reshape(black.shape[0], -1)), np.ascontiguousarray(delta_v), scale


def from_levels(
    stored: Array, black: npt.NDArray[np.float32], delta_v: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(stored - black) * scale in NumPy, for numbers the kernels do not take."""
    flat = stored.reshape(stored.shape[0], -1)
    rows = np.arange(flat.shape[0]) % black.shape[0]
    return np.asarray((flat - black[rows] - delta_v[:, None]) * scale, np.float32).reshape(stored.shape)


def _trimmed(work: _Work, op: TrimBounds) -> _Work:
    height, width = work.shape
    if not (0 <= op.top < op.bottom <= height and 0 <= op.left < op.right <= width):
        raise MetadataError(
            f"TrimBounds asks for rows {op.top}..{op.bottom}, columns {op.left}..{op.right} of {height} x {width}",
            where=work.info.name,
        )
    rows, columns = slice(op.top, op.bottom), slice(op.left, op.right)
    info = dataclasses.replace(
        work.info,
        shape=(op.bottom - op.top, op.right - op.left),
        cfa=None if work.info.cfa is None else work.info.cfa.shifted(op.top, op.left),
        levels=None if work.info.levels is None else _trimmed_levels(work.info.levels, op),
        default_crop=None if work.info.default_crop is None else _trimmed_crop(work.info.default_crop, op),
    )
    n = work.n_effective
    gain = None
    if work.gain is not None:
        v = spatial_gain.node_positions(info.shape[0]) + op.top
        h = spatial_gain.node_positions(info.shape[1]) + op.left
        gain = sample_gain_grid(work.gain.astype(np.float32), v, h).astype(np.float64)
        if work.pixels.ndim == 2:  # the sites of the cut image are others
            cell = work.cell
            order = [cell * ((r + op.top) % cell) + (c + op.left) % cell for r in range(cell) for c in range(cell)]
            gain = gain[:, :, order]
    return work.having(
        pixels=np.ascontiguousarray(work.pixels[rows, columns]),
        info=info,
        gain=gain,
        n_effective=np.ascontiguousarray(n[rows, columns]) if isinstance(n, np.ndarray) else n,
    )


def _trimmed_levels(levels: Levels, op: TrimBounds) -> Levels:
    return dataclasses.replace(
        levels,
        black=np.roll(levels.black, (-op.top, -op.left), axis=(0, 1)),
        black_delta_v=None if levels.black_delta_v is None else levels.black_delta_v[op.top : op.bottom],
        black_delta_h=None if levels.black_delta_h is None else levels.black_delta_h[op.left : op.right],
    )


def _trimmed_crop(crop: tuple[int, int, int, int], op: TrimBounds) -> tuple[int, int, int, int] | None:
    top, left = max(crop[0], op.top), max(crop[1], op.left)
    bottom, right = min(crop[0] + crop[2], op.bottom), min(crop[1] + crop[3], op.right)
    if bottom <= top or right <= left:
        return None
    return top - op.top, left - op.left, bottom - top, right - left


def _bad_fixed(work: _Work, op: FixBadPixelsConstant | FixBadPixelsList) -> _Work:
    if work.pixels.ndim != 2:
        fixed = [_bad_fixed(work.having(pixels=plane), op).pixels for plane in np.moveaxis(work.pixels, 2, 0)]
        return work.having(pixels=np.stack(fixed, axis=2))
    height, width = work.shape
    if isinstance(op, FixBadPixelsConstant):
        in_units = work.pixels
        if work.is_linear:
            in_units = np.rint(work.pixels * np.float32(value_ops.TABLE_MAX))
        rows, columns = np.nonzero(in_units == op.constant)
        if rows.size > work.pixels.size // 16:
            raise MetadataError("more than a sixteenth of all pixels is marked bad", where=work.info.name)
    else:
        bad = np.zeros((height, width), bool)
        points = np.array(op.points, np.intp).reshape(-1, 2)
        points = points[(points >= 0).all(axis=1) & (points[:, 0] < height) & (points[:, 1] < width)]
        bad[points[:, 0], points[:, 1]] = True
        for top, left, bottom, right in op.rectangles:
            bad[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        rows, columns = np.nonzero(bad)
    if rows.size == 0:
        return work
    values = bad_pixels.interpolate(work.pixels, rows, columns, work.info.cfa)
    pixels = work.pixels.copy()
    pixels[rows, columns] = values if work.pixels.dtype == np.float32 else np.rint(values)
    return work.having(pixels=pixels)
