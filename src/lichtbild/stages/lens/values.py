"""Runs of opcodes that change values where they stand, made ready for any band of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap, MapPolynomial, MapTable, Opcode
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import GAIN_STEP_PX, Frame
from lichtbild.stages.lens.geometry import N_PLANES, gain_of
from lichtbild.stages.linearise import spatial_gain, value_ops
from lichtbild.stages.linearise.spatial_gain import Layer

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
LARGEST_PRODUCT = 1e30


@dataclass(frozen=True, eq=False)
class ValueRun:
    """Gains, tables and polynomials of the whole picture, in order.

    Parameters
    ----------
    ops
        The opcodes.
    shape
        Of the picture they are applied to.
    steps
        The same as gains for the kernel, several in one where that is exact, and as tables and polynomials.
    nodes
        Product of the gains at the nodes of `Frame.gain`, [nv, nh, 3]; None without gains.
    """

    ops: tuple[Opcode, ...]
    shape: tuple[int, int]
    steps: tuple[Layer | Opcode, ...]
    nodes: Doubles | None

    @classmethod
    def of(cls, ops: Sequence[Opcode], shape: tuple[int, int], where: str) -> ValueRun | None:
        """None where an opcode is for a part of the picture, or looks at more than one pixel."""
        whole = [_of_whole(op, shape) for op in value_ops.planes_together(ops)]
        if any(op is None for op in whole):
            return None
        known = tuple(op for op in whole if op is not None)
        gains = [op for op in known if isinstance(op, GainMap | FixVignetteRadial)]
        nodes = reduce(np.multiply, (_nodes(op, shape) for op in gains)) if gains else None
        if nodes is not None and not np.all(np.isfinite(nodes) & (np.abs(nodes) < LARGEST_PRODUCT)):
            raise MetadataError("the opcodes together leave no picture", where=where)
        return cls(known, shape, _steps(known, shape), nodes)

    def applied(self, frame: Frame, start: int) -> Frame:
        """To rows `start` on of the picture, a multiple of 16."""
        pixels = frame.pixels
        is_own = False
        for step in self.steps:
            if isinstance(step, Layer):
                pixels = _times(pixels, step, start)
            else:
                pixels = pixels if is_own else pixels.copy()
                value_ops.apply(step, pixels, frame.info.name)
                if not np.all(np.isfinite(pixels)):
                    raise MetadataError("the opcodes together leave no picture", where=frame.info.name)
            is_own = True
        gain = frame.gain
        if self.nodes is not None:
            low = start // GAIN_STEP_PX
            own = self.nodes[low : low + spatial_gain.n_nodes(pixels.shape[0])]
            gain = np.ascontiguousarray(own if gain is None else gain * own, np.float32)
        return frame.replaced(pixels=pixels, gain=gain)

    def small(self, frame: Frame, cell_px: int) -> Frame:
        """To a proxy with cells of `cell_px`."""
        pixels = frame.pixels.copy()
        centres = [cell_px * (np.arange(n, dtype=np.float64) + 0.5) for n in frame.shape]
        corners = [cell_px * spatial_gain.node_positions(n) for n in frame.shape]
        gain = np.ones((*(c.size for c in corners), N_PLANES)) if frame.gain is None else frame.gain.astype(np.float64)
        for op in self.ops:
            if isinstance(op, GainMap | FixVignetteRadial):
                for plane in range(N_PLANES):
                    pixels[..., plane] *= gain_of(op, plane, centres[0][:, None], centres[1][None, :], self.shape)
                    gain[..., plane] *= gain_of(op, plane, corners[0][:, None], corners[1][None, :], self.shape)
            else:
                value_ops.apply(op, pixels, frame.info.name)
        changed = frame.gain is not None or self.nodes is not None
        return frame.replaced(pixels=pixels, gain=gain.astype(np.float32) if changed else None)


def _of_whole(op: Opcode, shape: tuple[int, int]) -> Opcode | None:
    """`op` with the empty area that means everything, or None if it is for a part or no change of single values."""
    if isinstance(op, FixVignetteRadial):
        return op
    if not isinstance(op, GainMap | MapTable | MapPolynomial):
        return None
    area = op.area
    if area.row_pitch != 1 or area.column_pitch != 1 or not spatial_gain.is_whole(area, shape):
        return None
    return dataclasses.replace(op, area=Area(0, 0, 0, 0, area.plane, area.n_planes))


def _nodes(op: GainMap | FixVignetteRadial, shape: tuple[int, int]) -> Doubles:
    v, h = (spatial_gain.node_positions(n) for n in shape)
    if isinstance(op, FixVignetteRadial):
        return np.repeat(spatial_gain.vignette_gain(op, shape, v, h)[:, :, None], N_PLANES, axis=2)
    nodes = np.ones((v.size, h.size, N_PLANES))
    for plane in _planes(op):
        nodes[:, :, plane] = spatial_gain.gain_map_nodes(op, shape, plane)
    return nodes


def _planes(op: GainMap) -> range:
    return range(op.area.plane, min(op.area.plane + op.area.n_planes, N_PLANES))


def _steps(ops: Sequence[Opcode], shape: tuple[int, int]) -> tuple[Layer | Opcode, ...]:
    steps: list[Layer | Opcode] = []
    for op in ops:
        if isinstance(op, FixVignetteRadial):
            layer = spatial_gain.vignette_layer(op, (*shape, N_PLANES))
        elif isinstance(op, GainMap):
            layer = spatial_gain.gain_map_layer(op, (*shape, N_PLANES), {c: c for c in _planes(op)}, 2)
        else:
            steps.append(op)
            continue
        last = steps[-1] if steps else None
        both = last.merged(layer) if isinstance(last, Layer) else None
        steps[len(steps) - (both is not None) :] = [both or layer]
    return tuple(steps)


def _times(pixels: Floats, layer: Layer, start: int) -> Floats:
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    rows = slice(start, start + pixels.shape[0])
    out = memory.empty(flat.shape)
    native.call("spatial_gain_f32", flat, layer.maps, layer.row[rows], layer.weight[rows], out)
    return out.reshape(pixels.shape)
