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

from lichtbild.core import memory, native
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
from lichtbild.core.frame import Frame, FrameInfo, sample_gain_grid
from lichtbild.stages.linearise import bad_pixels, spatial_gain, value_ops
from lichtbild.stages.linearise.levels import from_levels, level_arrays, through_table, trimmed_crop, trimmed_levels
from lichtbild.stages.linearise.spatial_gain import Layer
from lichtbild.stages.linearise.validity import sound_ops

__all__ = ["apply_linear", "linearise"]

Array = npt.NDArray[Any]
LARGEST_PRODUCT = 1e30


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
    on_stored, left_out = sound_ops(frame.info.opcodes.on_stored, frame.info.name)
    on_linear, also_left_out = sound_ops(frame.info.opcodes.on_linear, frame.info.name)
    with np.errstate(over="ignore", invalid="ignore"):
        for op in on_stored:
            work = _on_stored(work, op)
        for op in value_ops.planes_together(on_linear):
            work = _on_linear(work, op)
        work = _settled(work)
    info = dataclasses.replace(
        work.info,
        levels=None,
        opcodes=OpcodeLists(after_demosaic=frame.info.opcodes.after_demosaic),
        reasons=(*frame.info.reasons, *left_out, *also_left_out),
    )
    return _finished(frame, work, info)


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
    with np.errstate(over="ignore", invalid="ignore"):
        for op in value_ops.planes_together(ops):
            work = _on_linear(work, op)
        work = _settled(work)
    return _finished(frame, work, work.info)


def _finished(frame: Frame, work: _Work, info: FrameInfo) -> Frame:
    info = dataclasses.replace(info, shape=work.shape)
    sound = work.gain is None or np.all(np.isfinite(work.gain) & (np.abs(work.gain) < LARGEST_PRODUCT))
    if not sound or (work.is_changed and not np.all(np.isfinite(work.pixels))):
        raise MetadataError("the opcodes together leave no picture", where=info.name)
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
    is_own: bool = False  # made here, so that it may be written to
    is_changed: bool = False

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
    return work.having(pixels=values, is_changed=True, gain=_multiplied(work.gain, _nodes(work, op)))


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
    values = work.pixels if work.is_own else work.pixels.copy()
    value_ops.apply(op, values, work.info.name)
    return work.having(pixels=values, is_own=True, is_changed=True, gain=_multiplied(work.gain, nodes))


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
        return work.having(pixels=_times_layer(work.pixels, work.pending), pending=None, is_own=True)
    levels = work.info.levels
    assert levels is not None
    arguments = level_arrays(levels, work.pixels.shape, work.info.name)
    stored = through_table(work.pixels, levels)
    if stored.dtype == np.float32:
        pixels = from_levels(stored, *arguments)
        if work.pending is not None:
            pixels = _times_layer(pixels, work.pending)
        return work.having(pixels=pixels, is_linear=True, pending=None, is_own=True)
    flat = np.ascontiguousarray(stored, np.uint16).reshape(stored.shape[0], -1)
    out = memory.empty(flat.shape)
    if work.pending is None:
        native.call("linearise_u16", flat, *arguments, out)
    else:
        layer = work.pending
        native.call("linearise_gain_u16", flat, *arguments, layer.maps, layer.row, layer.weight, out)
    return work.having(pixels=out.reshape(stored.shape), is_linear=True, pending=None, is_own=True)


def _times_layer(pixels: npt.NDArray[np.float32], layer: Layer) -> npt.NDArray[np.float32]:
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    out = memory.empty(flat.shape)
    native.call("spatial_gain_f32", flat, layer.maps, layer.row, layer.weight, out)
    return out.reshape(pixels.shape)


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
        levels=None if work.info.levels is None else trimmed_levels(work.info.levels, op),
        default_crop=None if work.info.default_crop is None else trimmed_crop(work.info.default_crop, op),
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
