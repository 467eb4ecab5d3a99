"""Corrections a camera writes beside its pixels (the opcodes of DNG 1.7, chapter 7), as plain data.

`capture` parses them, `stages` apply them, `output` and `simulate` write them. Coordinates are those of the image the
list is applied to: for lists 1 and 2 the active area, row and column as in the file (pixel indices).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Area:
    """The part of an image an opcode touches: rows [top, bottom), columns [left, right), every pitch-th of both,
    planes [plane, plane + n_planes)."""

    top: int
    left: int
    bottom: int
    right: int
    plane: int = 0
    n_planes: int = 1
    row_pitch: int = 1
    column_pitch: int = 1


@dataclass(frozen=True)
class Opcode:
    """One correction. `optional` ones may be skipped by a reader that does not know them."""

    optional: bool = field(default=False, kw_only=True)
    preview_skip: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False)
class GainMap(Opcode):
    """Multiply by a bilinear map. `gain` float32 [n_v, n_h, n_map_planes]; node (i, j) lies at relative image position
    (origin_v + i * spacing_v, origin_h + j * spacing_h), 0..1 over the full image (not over the area)."""

    area: Area
    spacing_v: float
    spacing_h: float
    origin_v: float
    origin_h: float
    gain: npt.NDArray[np.float32]


@dataclass(frozen=True)
class WarpRectilinear(Opcode):
    """Radial and tangential warp (opcode 1). `radial` [n_planes][4]: kr0..kr3; `tangential` [n_planes][2]: kt0, kt1;
    centre relative 0..1. Source position r_src = r * (kr0 + kr1 r^2 + kr2 r^4 + kr3 r^6), r relative to the
    farthest corner."""

    radial: tuple[tuple[float, ...], ...]
    tangential: tuple[tuple[float, float], ...]
    centre_x: float
    centre_y: float


@dataclass(frozen=True)
class WarpRectilinear2(Opcode):
    """The 15-term form (opcode 14, DNG 1.6): r_src = r * sum_i kr_i r^i, i = 0..14, valid for r in
    [min_valid_radius, max_valid_radius] (clamped outside); `reciprocal` divides instead of multiplying."""

    radial: tuple[tuple[float, ...], ...]
    tangential: tuple[tuple[float, float], ...]
    valid_range: tuple[tuple[float, float], ...]
    centre_x: float
    centre_y: float
    reciprocal: bool


@dataclass(frozen=True)
class WarpFisheye(Opcode):
    """Fisheye to rectilinear (opcode 2). `radial` [n_planes][4]."""

    radial: tuple[tuple[float, ...], ...]
    centre_x: float
    centre_y: float


@dataclass(frozen=True)
class FixVignetteRadial(Opcode):
    """Multiply by 1 + k0 r^2 + k1 r^4 + k2 r^6 + k3 r^8 + k4 r^10 (opcode 3)."""

    k: tuple[float, ...]
    centre_x: float
    centre_y: float


@dataclass(frozen=True)
class FixBadPixelsConstant(Opcode):
    """Interpolate CFA pixels whose stored value equals `constant` (opcode 4)."""

    constant: int
    bayer_phase: int


@dataclass(frozen=True)
class FixBadPixelsList(Opcode):
    """Interpolate listed points (row, column) and rectangles (top, left, bottom, right) (opcode 5)."""

    bayer_phase: int
    points: tuple[tuple[int, int], ...]
    rectangles: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class TrimBounds(Opcode):
    """Cut to rows [top, bottom), columns [left, right) (opcode 6)."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, eq=False)
class MapTable(Opcode):
    """Look each 16-bit value up in `table` uint16 [n <= 65536] (last entry repeats) (opcode 7)."""

    area: Area
    table: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class MapPolynomial(Opcode):
    """Replace x in 0..1 by sum_i coefficients[i] x^i (opcode 8)."""

    area: Area
    coefficients: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class PerRowOrColumn(Opcode):
    """Add to, or multiply, each touched row or column (opcodes 10-13): DeltaPerRow, DeltaPerColumn, ScalePerRow,
    ScalePerColumn. `values` float32 [number of touched rows or columns]."""

    area: Area
    is_scale: bool
    is_column: bool
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class OpcodeLists:
    """The three lists of a raw file: on stored values, on linear raw values, after demosaicing."""

    on_stored: tuple[Opcode, ...] = ()
    on_linear: tuple[Opcode, ...] = ()
    after_demosaic: tuple[Opcode, ...] = ()


Op = TypeVar("Op", bound=Opcode)


def at_size(ops: Sequence[Op], ratios: tuple[float, float]) -> tuple[Op, ...]:
    """Corrections of an image for one with fewer pixels: what counts rows and columns is divided by `ratios`, relative
    positions stay."""
    return tuple(_at_size(op, *ratios) for op in ops)


def _at_size(op: Op, down: float, across: float) -> Op:
    def inner(row: int, column: int) -> tuple[int, int]:
        return int(row // down), int(column // across)

    def outer(row: int, column: int) -> tuple[int, int]:
        return int(-(-row // down)), int(-(-column // across))

    changes: dict[str, Any] = {}
    if isinstance(op, TrimBounds):
        changes["top"], changes["left"] = inner(op.top, op.left)
        changes["bottom"], changes["right"] = inner(op.bottom, op.right)
    elif isinstance(op, FixBadPixelsList):
        changes["points"] = tuple(inner(*point) for point in op.points)
        changes["rectangles"] = tuple((*inner(t, le), *outer(b, r)) for t, le, b, r in op.rectangles)
    elif isinstance(area := getattr(op, "area", None), Area):
        (top, left), (bottom, right) = inner(area.top, area.left), outer(area.bottom, area.right)
        changes["area"] = dataclasses.replace(area, top=top, left=left, bottom=bottom, right=right)
        if isinstance(op, PerRowOrColumn):  # a number for each row or column that is left
            n = right - left if op.is_column else bottom - top
            pitch = area.column_pitch if op.is_column else area.row_pitch
            at = np.arange(-(-n // pitch)) * (across if op.is_column else down)
            changes["values"] = np.ascontiguousarray(op.values[np.minimum(at.astype(np.intp), op.values.size - 1)])
    return dataclasses.replace(op, **changes) if changes else op
