"""Opcodes that change values where they stand: tables, polynomials, rows and columns, gains of a part of the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap, MapPolynomial, MapTable, Opcode, PerRowOrColumn
from lichtbild.core.errors import MetadataError
from lichtbild.stages.linearise.spatial_gain import gain_map_at, vignette_gain

Array = npt.NDArray[Any]
TABLE_MAX = 65535.0
BAND_ROWS = 32


def area_slices(area: Area, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns that `area` touches inside an image of `shape`; an empty area means all of it."""
    if area.bottom <= area.top or area.right <= area.left:
        return slice(0, shape[0]), slice(0, shape[1])

    def start(low: int, pitch: int) -> int:
        return low if low >= 0 else low % pitch

    rows = slice(start(area.top, area.row_pitch), max(0, min(area.bottom, shape[0])), area.row_pitch)
    columns = slice(start(area.left, area.column_pitch), max(0, min(area.right, shape[1])), area.column_pitch)
    return rows, columns


def planes_together(ops: Sequence[Opcode]) -> list[Opcode]:
    """Polynomials of consecutive planes that are the same become one: colour files write them plane by plane."""
    result: list[Opcode] = []
    for op in ops:
        last = result[-1] if result else None
        if isinstance(op, MapPolynomial) and isinstance(last, MapPolynomial) and last.coefficients == op.coefficients:
            below = last.area
            if op.area == dataclasses.replace(below, plane=below.plane + below.n_planes, n_planes=op.area.n_planes):
                more = dataclasses.replace(below, n_planes=below.n_planes + op.area.n_planes)
                result[-1] = dataclasses.replace(last, area=more)
                continue
        result.append(op)
    return result


def planes_of(area: Area, pixels: Array) -> Iterator[tuple[int, Array]]:
    """(plane, view [H, W]) of every plane of `pixels` that `area` names."""
    n = 1 if pixels.ndim == 2 else pixels.shape[2]
    for plane in range(area.plane, min(area.plane + area.n_planes, n)):
        yield plane, pixels if pixels.ndim == 2 else pixels[:, :, plane]


def apply(op: Opcode, pixels: Array, where: str, unit: float = 1.0) -> None:
    """Apply `op` to `pixels` in place.

    Parameters
    ----------
    pixels
        float32 [H, W] or [H, W, C]. Not clipped: negatives keep the noise unbiased, and gains may lift above 1.
    where
        Name of the frame, for messages.
    unit
        What the value 1.0 of the opcode's range is in `pixels`: 1 for linear values. For stored numbers (OpcodeList1)
        polynomials and deltas are in stored units already (unit 1), tables always map 16-bit integers.

    Raises
    ------
    MetadataError
        If the opcode's numbers do not fit its own area.
    """
    shape = (pixels.shape[0], pixels.shape[1])
    if isinstance(op, FixVignetteRadial):
        _vignette(op, pixels, shape)
        return
    if not isinstance(op, GainMap | MapTable | MapPolynomial | PerRowOrColumn):
        raise MetadataError(f"{type(op).__name__} is not known here", where=where)
    rows, columns = area_slices(op.area, shape)
    if (
        isinstance(op, MapPolynomial)
        and pixels.ndim == 3
        and op.area.plane == 0
        and op.area.n_planes >= pixels.shape[2]
    ):
        _polynomial(op, pixels[rows, columns], unit)
        return
    for plane, view in planes_of(op.area, pixels):
        part = view[rows, columns]
        if part.size == 0:
            continue
        if isinstance(op, GainMap):
            part *= gain_map_at(op, shape, np.arange(shape[0])[rows], np.arange(shape[1])[columns], plane)
        elif isinstance(op, MapTable):
            part[...] = mapped_by_table(part, op.table, unit)
        elif isinstance(op, MapPolynomial):
            _polynomial(op, part, unit)
        else:
            _rows_or_columns(op, part, rows, columns, where, unit)


def mapped_by_table(values: Array, table: npt.NDArray[np.uint16], unit: float) -> npt.NDArray[np.float32]:
    """`values` through a 16-bit table, linear between entries so that no step is added to smooth tones; negatives are
    mirrored about the first entry, what lies above the table follows its last entry's slope of 1."""
    scaled = np.asarray(values, np.float32) * np.float32(TABLE_MAX / unit)
    entries = table.astype(np.float32)
    top = np.float32(entries.size - 1)
    magnitude = np.abs(scaled)
    inside = np.interp(np.minimum(magnitude, top), np.arange(entries.size), entries).astype(np.float32)
    inside = np.where(scaled < 0, 2 * entries[0] - inside, inside)
    beyond = np.maximum(scaled - np.float32(TABLE_MAX), 0)
    return np.asarray((inside + beyond) * np.float32(unit / TABLE_MAX), np.float32)


def _polynomial(op: MapPolynomial, part: Array, unit: float) -> None:
    coefficients = np.asarray(op.coefficients, np.float64) * float(unit) ** (1 - np.arange(len(op.coefficients)))
    scaled = coefficients.astype(np.float32)
    for top in range(0, part.shape[0], BAND_ROWS):  # bands stay in the cache through all powers
        band = part[top : top + BAND_ROWS]
        value = np.full(band.shape, scaled[-1])
        for k in scaled[-2::-1]:
            value *= band
            value += k
        band[...] = value


def _vignette(op: FixVignetteRadial, pixels: Array, shape: tuple[int, int]) -> None:
    x = np.arange(shape[1]) + 0.5
    for top in range(0, shape[0], BAND_ROWS):  # the gain of the whole picture is never held at once
        band = pixels[top : top + BAND_ROWS]
        gain = vignette_gain(op, shape, np.arange(top, top + band.shape[0]) + 0.5, x).astype(np.float32)
        band *= gain if pixels.ndim == 2 else gain[:, :, None]


def _rows_or_columns(op: PerRowOrColumn, part: Array, rows: slice, columns: slice, where: str, unit: float) -> None:
    area = op.area
    low, pitch, taken, n = (
        (area.left, area.column_pitch, columns.start, part.shape[1])
        if op.is_column
        else (area.top, area.row_pitch, rows.start, part.shape[0])
    )
    first = (taken - low) // pitch if area.bottom > area.top and area.right > area.left else 0
    values = np.asarray(op.values, np.float32)[first : first + n]
    if values.size != n:
        raise MetadataError(
            f"an opcode touches {n} {'columns' if op.is_column else 'rows'} but brings {op.values.size} numbers",
            where=where,
        )
    across = values[None, :] if op.is_column else values[:, None]
    if op.is_scale:
        part *= across
    else:
        part += across * np.float32(unit)
