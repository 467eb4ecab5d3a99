"""OpcodeList1 counts rows and columns from the stored image's corner; all else here from the active area's."""

from __future__ import annotations

import dataclasses

from lichtbild.core.corrections import (
    Area,
    FixBadPixelsConstant,
    FixBadPixelsList,
    GainMap,
    MapPolynomial,
    MapTable,
    Opcode,
    PerRowOrColumn,
    TrimBounds,
)


def in_active_area(
    opcodes: tuple[Opcode, ...], stored: tuple[int, int], active: tuple[int, int, int, int]
) -> tuple[Opcode, ...]:
    """Opcodes of the stored image of size `stored` as opcodes of its `active` area (top, left, bottom, right).

    Points that lie outside go. Radial corrections are left as they are: they belong to list 3, where the picture is
    centred in either.
    """
    if active == (0, 0, *stored):
        return opcodes
    return tuple(_moved(opcode, stored, active) for opcode in opcodes)


def _moved(opcode: Opcode, stored: tuple[int, int], active: tuple[int, int, int, int]) -> Opcode:
    top, left = active[:2]
    height, width = active[2] - top, active[3] - left
    if isinstance(opcode, FixBadPixelsList):
        points = tuple((y - top, x - left) for y, x in opcode.points if y >= top and x >= left)
        boxes = [(t - top, f - left, b - top, r - left) for t, f, b, r in opcode.rectangles]
        kept = tuple((max(t, 0), max(f, 0), b, r) for t, f, b, r in boxes if b > 0 and r > 0)
        phase = _phase(opcode.bayer_phase, top, left)
        return dataclasses.replace(opcode, points=points, rectangles=kept, bayer_phase=phase)
    if isinstance(opcode, FixBadPixelsConstant):
        return dataclasses.replace(opcode, bayer_phase=_phase(opcode.bayer_phase, top, left))
    if isinstance(opcode, TrimBounds):
        return TrimBounds(
            max(opcode.top - top, 0), max(opcode.left - left, 0), min(opcode.bottom - top, height),
            min(opcode.right - left, width), optional=opcode.optional, preview_skip=opcode.preview_skip,
        )  # fmt: skip
    if isinstance(opcode, GainMap):
        return dataclasses.replace(
            opcode,
            area=_area(opcode.area, top, left)[0],
            origin_v=(opcode.origin_v * stored[0] - top) / height,
            origin_h=(opcode.origin_h * stored[1] - left) / width,
            spacing_v=opcode.spacing_v * stored[0] / height,
            spacing_h=opcode.spacing_h * stored[1] / width,
        )
    if isinstance(opcode, PerRowOrColumn):
        area, gone = _area(opcode.area, top, left)
        return dataclasses.replace(opcode, area=area, values=opcode.values[gone[1 if opcode.is_column else 0] :])
    if isinstance(opcode, MapTable | MapPolynomial):
        return dataclasses.replace(opcode, area=_area(opcode.area, top, left)[0])
    return opcode


def _area(area: Area, top: int, left: int) -> tuple[Area, tuple[int, int]]:
    """The area counted from (top, left), and how many of its rows and columns fell away before it."""

    def cut(begin: int, pitch: int) -> tuple[int, int]:
        gone = max(0, -(begin // pitch)) if begin < 0 else 0
        return begin + gone * pitch, gone

    first_row, rows_gone = cut(area.top - top, area.row_pitch)
    first_column, columns_gone = cut(area.left - left, area.column_pitch)
    moved = dataclasses.replace(
        area, top=first_row, left=first_column, bottom=max(area.bottom - top, first_row),
        right=max(area.right - left, first_column),
    )  # fmt: skip
    return moved, (rows_gone, columns_gone)


def _phase(phase: int, top: int, left: int) -> int:
    """Bayer phase (0 to 3: the red pixel's row and column are ...) of an image cut at (top, left)."""
    return phase ^ ((top % 2) << 1) ^ (left % 2)
