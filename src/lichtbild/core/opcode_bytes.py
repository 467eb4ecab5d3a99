"""Opcode lists as bytes (DNG 1.7.1, chapter 7): a pure codec between the tag's content and `core.corrections`.

The lists are big-endian whatever the byte order of the file. Everything is bounded by the length of the bytes given:
a count that promises more than there is raises MetadataError before anything is allocated.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable

import numpy as np

from lichtbild.core import corrections as c
from lichtbild.core.errors import MetadataError

_HEADER = struct.Struct(">4I")
_AREA = struct.Struct(">8I")
_VERSION_1_3 = 0x01030000
_VERSION_1_6 = 0x01060000
_MAX_OPCODES = 4096
_MAX_SIDE = 2**20
_MAX_DEGREE = 8
_FLAG_OPTIONAL, _FLAG_PREVIEW_SKIP = 1, 2

NAMES = {
    1: "WarpRectilinear",
    2: "WarpFisheye",
    3: "FixVignetteRadial",
    4: "FixBadPixelsConstant",
    5: "FixBadPixelsList",
    6: "TrimBounds",
    7: "MapTable",
    8: "MapPolynomial",
    9: "GainMap",
    10: "DeltaPerRow",
    11: "DeltaPerColumn",
    12: "ScalePerRow",
    13: "ScalePerColumn",
    14: "WarpRectilinear2",
}


def parse(data: bytes, where: str = "OpcodeList", skipped: list[str] | None = None) -> tuple[c.Opcode, ...]:
    """Opcodes of one list, in order.

    Parameters
    ----------
    data
        Content of an OpcodeList1, 2 or 3 tag.
    where
        File and tag for messages.
    skipped
        Gets a line for each opcode left out: optional ones this engine does not know, and ones that touch no pixel.

    Returns
    -------
    tuple of Opcode
        Equal to the bytes in everything but the DNG version each opcode names.

    Raises
    ------
    MetadataError
        If the bytes are no opcode list, a number in it makes no sense, or an unknown opcode is mandatory.
    """
    reader = _Reader(data, where)
    n = reader.counts(1)[0]
    if n > _MAX_OPCODES or n * _HEADER.size > len(data):
        raise MetadataError(f"a list of {n} opcodes does not fit {len(data)} bytes", where=where)
    found: list[c.Opcode] = []
    for _ in range(n):
        number, _version, flags, size = _HEADER.unpack(reader.take(_HEADER.size))
        body = _Reader(reader.take(size), f"{where}, opcode {NAMES.get(number, number)}")
        optional, preview_skip = bool(flags & _FLAG_OPTIONAL), bool(flags & _FLAG_PREVIEW_SKIP)
        if number not in _PARSERS:
            if not optional:
                raise MetadataError(
                    "a mandatory correction that is not known", where=body.where, hint="a newer version of lichtbild"
                )
            _note(skipped, f"{body.where}: unknown and optional, left out")
            continue
        opcode = _PARSERS[number](body, number, optional, preview_skip)
        if opcode is None:
            _note(skipped, f"{body.where}: touches no pixel, left out")
            continue
        if body.left:
            raise MetadataError(f"{body.left} bytes too many", where=body.where)
        found.append(opcode)
    return tuple(found)


def serialise(opcodes: Iterable[c.Opcode]) -> bytes:
    """Bytes of an OpcodeList tag; `parse` gives the same opcodes back (floats exactly).

    Raises
    ------
    MetadataError
        If an opcode is of a class that has no form in DNG.
    """
    parts = []
    for opcode in opcodes:
        number, body = _body(opcode)
        flags = _FLAG_OPTIONAL * opcode.optional | _FLAG_PREVIEW_SKIP * opcode.preview_skip
        version = _VERSION_1_6 if number == 14 else _VERSION_1_3
        parts.append(_HEADER.pack(number, version, flags, len(body)) + body)
    return struct.pack(">I", len(parts)) + b"".join(parts)


def _note(lines: list[str] | None, line: str) -> None:
    if lines is not None:
        lines.append(line)


class _Reader:
    """Takes numbers off the front of bytes, never past their end."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.at, self.where = data, 0, where

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise MetadataError(f"cut short: {size} bytes wanted, {self.left} there", where=self.where)
        self.at += size
        return self.data[self.at - size : self.at]

    def counts(self, n: int) -> tuple[int, ...]:
        return struct.unpack(f">{n}I", self.take(4 * n))

    def doubles(self, n: int) -> tuple[float, ...]:
        numbers = struct.unpack(f">{n}d", self.take(8 * n))
        if not all(map(math.isfinite, numbers)):
            raise MetadataError("a coefficient is not finite", where=self.where)
        return numbers

    def floats(self, n: int) -> np.ndarray:
        numbers = np.frombuffer(self.take(4 * n), ">f4").astype(np.float32)
        if not np.all(np.isfinite(numbers)):
            raise MetadataError("a value is not finite", where=self.where)
        return numbers

    def planes(self) -> int:
        n = self.counts(1)[0]
        if not 1 <= n <= 4:
            raise MetadataError(f"{n} planes", where=self.where, hint="1 to 4")
        return n

    def area(self) -> c.Area:
        """An area of sensible numbers; it may hold no pixel at all (see `_is_empty`)."""
        top, left, bottom, right, plane, n_planes, row_pitch, column_pitch = _AREA.unpack(self.take(_AREA.size))
        if max(top, left, bottom, right, row_pitch, column_pitch) > _MAX_SIDE or max(plane, n_planes) > 2**16:
            raise MetadataError(
                f"an area of rows {top}..{bottom} and columns {left}..{right} with pitch "
                f"{row_pitch}, {column_pitch} and planes {plane}+{n_planes}",
                where=self.where,
            )
        if row_pitch < 1 or column_pitch < 1 or n_planes < 1:
            raise MetadataError(
                f"pitch {row_pitch}, {column_pitch}, planes {n_planes}: at least 1 each", where=self.where
            )
        return c.Area(top, left, bottom, right, plane, n_planes, row_pitch, column_pitch)


def _is_empty(area: c.Area) -> bool:
    return area.bottom <= area.top or area.right <= area.left


def n_rows(area: c.Area) -> int:
    """Rows an area touches: every pitch-th from its top."""
    return max(0, -(-(area.bottom - area.top) // area.row_pitch))


def n_columns(area: c.Area) -> int:
    """Columns an area touches: every pitch-th from its left."""
    return max(0, -(-(area.right - area.left) // area.column_pitch))


def _warp_rectilinear(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    planes = [r.doubles(6) for _ in range(r.planes())]
    x, y = r.doubles(2)
    return c.WarpRectilinear(
        tuple(p[:4] for p in planes),
        tuple((p[4], p[5]) for p in planes),
        x,
        y,
        optional=optional,
        preview_skip=preview_skip,
    )


def _warp_rectilinear_2(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    planes = [r.doubles(19) for _ in range(r.planes())]
    x, y = r.doubles(2)
    reciprocal = r.counts(1)[0]
    return c.WarpRectilinear2(
        tuple(p[:15] for p in planes),
        tuple((p[15], p[16]) for p in planes),
        tuple((p[17], p[18]) for p in planes),
        x,
        y,
        bool(reciprocal),
        optional=optional,
        preview_skip=preview_skip,
    )


def _warp_fisheye(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    planes = tuple(r.doubles(4) for _ in range(r.planes()))
    x, y = r.doubles(2)
    return c.WarpFisheye(planes, x, y, optional=optional, preview_skip=preview_skip)


def _fix_vignette(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    k = r.doubles(5)
    x, y = r.doubles(2)
    return c.FixVignetteRadial(k, x, y, optional=optional, preview_skip=preview_skip)


def _bad_constant(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    constant, phase = r.counts(2)
    return c.FixBadPixelsConstant(constant, _phase(r, phase), optional=optional, preview_skip=preview_skip)


def _bad_list(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    phase, n_points, n_rectangles = r.counts(3)
    if 8 * n_points + 16 * n_rectangles != r.left:
        raise MetadataError(f"{n_points} points and {n_rectangles} rectangles in {r.left} bytes", where=r.where)
    points = np.frombuffer(r.take(8 * n_points), ">u4").reshape(-1, 2)
    rectangles = np.frombuffer(r.take(16 * n_rectangles), ">u4").reshape(-1, 4)
    if max(points.max(initial=0), rectangles.max(initial=0)) > _MAX_SIDE:
        raise MetadataError("a pixel far outside any picture", where=r.where)
    return c.FixBadPixelsList(
        _phase(r, phase),
        tuple((int(a), int(b)) for a, b in points),
        tuple((int(t), int(a), int(b), int(z)) for t, a, b, z in rectangles),
        optional=optional,
        preview_skip=preview_skip,
    )


def _phase(r: _Reader, phase: int) -> int:
    if phase > 3:
        raise MetadataError(f"Bayer phase {phase}", where=r.where, hint="0 to 3")
    return phase


def _trim(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode:
    top, left, bottom, right = r.counts(4)
    if not (top < bottom <= _MAX_SIDE and left < right <= _MAX_SIDE):
        raise MetadataError(f"rows {top}..{bottom}, columns {left}..{right} hold no picture", where=r.where)
    return c.TrimBounds(top, left, bottom, right, optional=optional, preview_skip=preview_skip)


def _map_table(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode | None:
    area = r.area()
    n = r.counts(1)[0]
    if not 1 <= n <= 65536:
        raise MetadataError(f"a table of {n} entries", where=r.where, hint="1 to 65536")
    table = np.frombuffer(r.take(2 * n), ">u2").astype(np.uint16)
    return None if _is_empty(area) else c.MapTable(area, table, optional=optional, preview_skip=preview_skip)


def _map_polynomial(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode | None:
    area = r.area()
    degree = r.counts(1)[0]
    if degree > _MAX_DEGREE:
        raise MetadataError(f"a polynomial of degree {degree}", where=r.where, hint=f"0 to {_MAX_DEGREE}")
    k = r.doubles(degree + 1)
    return None if _is_empty(area) else c.MapPolynomial(area, k, optional=optional, preview_skip=preview_skip)


def _gain_map(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode | None:
    area = r.area()
    n_v, n_h = r.counts(2)
    spacing_v, spacing_h, origin_v, origin_h = r.doubles(4)
    n_planes = r.counts(1)[0]
    if not (n_v and n_h and n_planes) or 4 * n_v * n_h * n_planes != r.left:
        raise MetadataError(f"a map of {n_v} x {n_h} x {n_planes} nodes in {r.left} bytes", where=r.where)
    if (n_v > 1 and spacing_v <= 0) or (n_h > 1 and spacing_h <= 0):
        raise MetadataError(f"nodes {spacing_v}, {spacing_h} apart", where=r.where, hint="a spacing above 0")
    gain = r.floats(n_v * n_h * n_planes).reshape(n_v, n_h, n_planes)
    if _is_empty(area):
        return None
    return c.GainMap(area, spacing_v, spacing_h, origin_v, origin_h, gain, optional=optional, preview_skip=preview_skip)


def _per_row_or_column(r: _Reader, number: int, optional: bool, preview_skip: bool) -> c.Opcode | None:
    area = r.area()
    n = r.counts(1)[0]
    is_scale, is_column = number >= 12, number in (11, 13)
    values = r.floats(n)
    if _is_empty(area):
        return None
    wanted = n_columns(area) if is_column else n_rows(area)
    if n != wanted:
        raise MetadataError(f"{n} values for {wanted} {'columns' if is_column else 'rows'}", where=r.where)
    return c.PerRowOrColumn(area, is_scale, is_column, values, optional=optional, preview_skip=preview_skip)


_PARSERS: dict[int, Callable[[_Reader, int, bool, bool], c.Opcode | None]] = {
    1: _warp_rectilinear,
    2: _warp_fisheye,
    3: _fix_vignette,
    4: _bad_constant,
    5: _bad_list,
    6: _trim,
    7: _map_table,
    8: _map_polynomial,
    9: _gain_map,
    10: _per_row_or_column,
    11: _per_row_or_column,
    12: _per_row_or_column,
    13: _per_row_or_column,
    14: _warp_rectilinear_2,
}


def _doubles(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}d", *numbers)


def _counts(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def _area(a: c.Area) -> bytes:
    return _counts(a.top, a.left, a.bottom, a.right, a.plane, a.n_planes, a.row_pitch, a.column_pitch)


def _body(o: c.Opcode) -> tuple[int, bytes]:
    """Opcode number and parameter bytes."""
    match o:
        case c.WarpRectilinear():
            planes = b"".join(_doubles(*r, *t) for r, t in zip(o.radial, o.tangential, strict=True))
            return 1, _counts(len(o.radial)) + planes + _doubles(o.centre_x, o.centre_y)
        case c.WarpFisheye():
            planes = b"".join(_doubles(*r) for r in o.radial)
            return 2, _counts(len(o.radial)) + planes + _doubles(o.centre_x, o.centre_y)
        case c.FixVignetteRadial():
            return 3, _doubles(*o.k, o.centre_x, o.centre_y)
        case c.FixBadPixelsConstant():
            return 4, _counts(o.constant, o.bayer_phase)
        case c.FixBadPixelsList():
            numbers = [n for group in (*o.points, *o.rectangles) for n in group]
            return 5, _counts(o.bayer_phase, len(o.points), len(o.rectangles), *numbers)
        case c.TrimBounds():
            return 6, _counts(o.top, o.left, o.bottom, o.right)
        case c.MapTable():
            return 7, _area(o.area) + _counts(o.table.size) + o.table.astype(">u2").tobytes()
        case c.MapPolynomial():
            return 8, _area(o.area) + _counts(len(o.coefficients) - 1) + _doubles(*o.coefficients)
        case c.GainMap():
            n_v, n_h, n_planes = o.gain.shape
            head = _counts(n_v, n_h) + _doubles(o.spacing_v, o.spacing_h, o.origin_v, o.origin_h) + _counts(n_planes)
            return 9, _area(o.area) + head + o.gain.astype(">f4").tobytes()
        case c.PerRowOrColumn():
            number = 10 + o.is_column + 2 * o.is_scale
            return number, _area(o.area) + _counts(o.values.size) + o.values.astype(">f4").tobytes()
        case c.WarpRectilinear2():
            planes = b"".join(
                _doubles(*r, *t, *v) for r, t, v in zip(o.radial, o.tangential, o.valid_range, strict=True)
            )
            return 14, _counts(len(o.radial)) + planes + _doubles(o.centre_x, o.centre_y) + _counts(o.reciprocal)
    raise MetadataError(f"{type(o).__name__} has no form in DNG", where="OpcodeList")
