"""EXIF and TIFF directories: bytes <-> plain values. No file is touched here.

Values are plain Python: `str` for text, `bytes` for BYTE and UNDEFINED, `int`, `float`, and a rational as the pair
`(numerator, denominator)`; several numbers are a tuple of these. The same form is taken for writing, where a tag of
EXIF 3.0 gets the type the standard gives it, whatever number it is handed (a float becomes a rational).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from lichtbild.core.errors import MetadataError

BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED = 1, 2, 3, 4, 5, 6, 7
SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD = 8, 9, 10, 11, 12, 13

EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, MAKER_NOTE = 34665, 34853, 40965, 37500

# struct code and size of one element; rationals are two.
_ELEMENT = {
    BYTE: ("B", 1), ASCII: ("c", 1), SHORT: ("H", 2), LONG: ("I", 4), RATIONAL: ("I", 8), SBYTE: ("b", 1),
    UNDEFINED: ("B", 1), SSHORT: ("h", 2), SLONG: ("i", 4), SRATIONAL: ("i", 8), FLOAT: ("f", 4), DOUBLE: ("d", 8),
    IFD: ("I", 4),
}  # fmt: skip

# More than any camera writes: beyond, the file is hostile (entries that share their bytes would multiply memory).
MAX_ENTRIES = 512
MAX_NUMBERS_BYTES = 1 << 16
MAX_DIRECTORY_BYTES = 1 << 24


def _types(**tags: str) -> dict[int, int]:
    codes = {"byte": BYTE, "ascii": ASCII, "short": SHORT, "long": LONG, "rational": RATIONAL, "undefined": UNDEFINED,
             "srational": SRATIONAL, "utf8": ASCII}  # fmt: skip
    return {int(number): codes[name] for name, numbers in tags.items() for number in numbers.split()}


# EXIF 3.0 tables 4-8: tags of IFD0/IFD1 that describe a picture, of the Exif IFD, of the GPS IFD.
_IFD0_TYPES = _types(
    ascii="269 270 271 272 305 306 315 316 33432 42036", short="259 274 296 531", rational="282 283 529 532",
    long="513 514", byte="18246 18249 40091 40092 40093 40094 40095",
)  # fmt: skip
_EXIF_TYPES = _types(
    rational="33434 33437 37122 37378 37381 37382 37386 37387 41483 41486 41487 41493 41988 42034 42240 37888 37889 "
    "37891 37892",
    srational="37377 37379 37380 37893",
    short="34850 34855 34864 37383 37384 37385 37396 40961 41488 41492 41495 41985 41986 41987 41989 41990 41991 41992 "
    "41993 41994 41996 42080 42081",
    long="34865 34866 34867 34868 34869 40962 40963",
    ascii="34852 36867 36868 36880 36881 36882 37520 37521 37522 40964 42016 42032 42033 42035 42036 42037 42038 42039 "
    "42040 42041 42042 42043 42044 42045",
    undefined="34856 36864 37121 37500 37510 40960 41484 41728 41729 41730 41995 42082",
)
_GPS_TYPES = _types(
    byte="0 5", ascii="1 3 8 9 10 12 14 16 18 19 21 23 25 29", rational="2 4 6 7 11 13 15 17 20 22 24 26 31",
    undefined="27 28", short="30",
)  # fmt: skip
_INTEROP_TYPES = _types(ascii="1", undefined="2")
TYPES: dict[str, dict[int, int]] = {
    "ifd0": _IFD0_TYPES, "ifd1": _IFD0_TYPES, "exif": _EXIF_TYPES, "gps": _GPS_TYPES, "interop": _INTEROP_TYPES,
}  # fmt: skip


# ---- reading


def parse_exif(data: bytes, where: str = "EXIF") -> dict[str, dict[int, Any]]:
    """Directories of an EXIF block.

    Parameters
    ----------
    data
        A TIFF structure, with or without "Exif\\0\\0" before it. May be hostile: every offset is checked, a value that
        does not fit is left out, loops end, no directory gives more than 16 MiB.
    where
        File name for messages.

    Returns
    -------
    {"ifd0": {tag: value}, "exif": ..., "gps": ..., "interop": ..., "ifd1": ...}; only those that are there. Pointers
    (34665, 34853, 40965) are left out; the thumbnail's bytes stand in ifd1 under 513.

    Raises
    ------
    MetadataError
        If it does not begin like a TIFF structure.
    """
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None or len(data) < 8:
        raise MetadataError("the EXIF block does not begin with a TIFF header", where=where)
    found: dict[str, dict[int, Any]] = {}
    ifd0, next_ifd = parse_directory(data, struct.unpack_from(order + "I", data, 4)[0], order)
    found["ifd0"] = ifd0
    for name, parent, pointer in (
        ("exif", "ifd0", EXIF_POINTER), ("gps", "ifd0", GPS_POINTER), ("interop", "exif", INTEROP_POINTER)
    ):  # fmt: skip
        offset = found.get(parent, {}).pop(pointer, None)
        if isinstance(offset, int):
            found[name], _ = parse_directory(data, offset, order)
    if next_ifd:
        ifd1, _ = parse_directory(data, next_ifd, order)
        start, length = ifd1.pop(513, None), ifd1.pop(514, None)
        if isinstance(start, int) and isinstance(length, int) and 0 < length <= len(data) - start:
            ifd1[513] = bytes(data[start : start + length])
        found["ifd1"] = ifd1
    return {name: tags for name, tags in found.items() if tags or name == "ifd0"}


def parse_directory(data: bytes, offset: int, order: str) -> tuple[dict[int, Any], int]:
    """Values of one IFD at `offset` and the offset of the next (0: none). Lenient: what does not fit is left out."""
    values: dict[int, Any] = {}
    if offset < 8 or offset + 2 > len(data):
        return values, 0
    n_entries = struct.unpack_from(order + "H", data, offset)[0]
    budget = MAX_DIRECTORY_BYTES
    n_there = min(n_entries, (len(data) - offset - 2) // 12, MAX_ENTRIES)
    for k in range(n_there):
        at = offset + 2 + 12 * k
        tag, kind, count = struct.unpack_from(order + "HHI", data, at)
        if kind not in _ELEMENT or count == 0:
            continue
        size = count * _ELEMENT[kind][1]
        start = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        is_bytes = kind in (BYTE, ASCII, UNDEFINED)
        if size > (budget if is_bytes else MAX_NUMBERS_BYTES) or start + size > len(data):
            continue
        budget -= size
        values.setdefault(tag, decode_value(bytes(data[start : start + size]), kind, order))
    end = offset + 2 + 12 * n_entries
    next_ifd = struct.unpack_from(order + "I", data, end)[0] if n_there == n_entries and end + 4 <= len(data) else 0
    return values, next_ifd if next_ifd != offset else 0


def decode_value(raw: bytes, kind: int, order: str = "<") -> Any:
    """The plain value of the bytes of one tag of TIFF type `kind`."""
    if kind == ASCII:
        return raw.split(b"\0")[0].decode("utf-8", "replace").strip()
    if kind in (UNDEFINED, BYTE):
        return raw[0] if kind == BYTE and len(raw) == 1 else raw
    code, size = _ELEMENT[kind]
    n = len(raw) // size * (2 if kind in (RATIONAL, SRATIONAL) else 1)
    numbers: tuple[Any, ...] = struct.unpack(f"{order}{n}{code}", raw[: len(raw) // size * size])
    if kind in (RATIONAL, SRATIONAL):
        numbers = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return numbers[0] if len(numbers) == 1 else numbers


def as_float(value: Any) -> float | None:
    """A number, or a rational pair, as float; None where it is none, or the denominator is 0."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0] / value[1] if value[1] else None
    if isinstance(value, tuple) and value:
        return as_float(value[0])
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool):
        return float(value)
    return None


# ---- writing


@dataclass
class Directory:
    """One IFD to be written.

    Parameters
    ----------
    entries
        {tag: (TIFF type, value)}.
    children
        {pointer tag: directories it points to} (SubIFDs 330, Exif 34665, GPS 34853, Interoperability 40965).
    segments
        {(offset tag, byte count tag): pieces of image data}: (273, 279) strips, (324, 325) tiles, (513, 514) thumbnail.
    """

    entries: dict[int, tuple[int, Any]] = field(default_factory=dict)
    children: dict[int, list[Directory]] = field(default_factory=dict)
    segments: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)

    def walk(self) -> list[Directory]:
        """This directory and all below it."""
        return [self, *(d for below in self.children.values() for child in below for d in child.walk())]


def encode_value(kind: int, value: Any, order: str = "<") -> tuple[int, bytes]:
    """(count, bytes) of a plain value as TIFF type `kind`.

    Raises
    ------
    MetadataError
        If the value cannot be of that type.
    """
    try:
        if kind == ASCII:
            text = value if isinstance(value, bytes) else str(value).encode("utf-8")
            raw = text.split(b"\0")[0] + b"\0"
            return len(raw), raw
        if kind in (UNDEFINED, BYTE) and isinstance(value, bytes | bytearray):
            return len(value), bytes(value)
        if kind in (UNDEFINED, BYTE) and isinstance(value, str):
            return len(value.encode()), value.encode()
        if kind in (RATIONAL, SRATIONAL):
            pairs = _rationals(value, kind)
            numbers = [n for pair in pairs for n in pair]
            return len(pairs), struct.pack(f"{order}{len(numbers)}{_ELEMENT[kind][0]}", *numbers)
        many = list(value) if isinstance(value, tuple | list) or hasattr(value, "__array__") else [value]
        convert = float if kind in (FLOAT, DOUBLE) else int
        return len(many), struct.pack(f"{order}{len(many)}{_ELEMENT[kind][0]}", *(convert(v) for v in many))
    except (struct.error, TypeError, ValueError, OverflowError) as error:
        raise MetadataError(f"{value!r} is no value of TIFF type {kind}: {error}") from error


def _rationals(value: Any, kind: int) -> list[tuple[int, int]]:
    """Pairs from a number, a pair, a tuple of pairs or numbers, or the flat (n, d, n, d, ...) of TIFF libraries."""
    if not isinstance(value, tuple | list):
        return [rational(value, signed=kind == SRATIONAL)]
    is_flat = len(value) % 2 == 0 and all(isinstance(v, int) for v in value)
    if is_flat:
        return list(zip(value[::2], value[1::2], strict=True))
    return [
        (int(v[0]), int(v[1])) if isinstance(v, tuple | list) else rational(v, signed=kind == SRATIONAL) for v in value
    ]


def rational(value: float | Fraction, *, signed: bool = False, limit: int = 1_000_000) -> tuple[int, int]:
    """The best (numerator, denominator <= limit) of `value`; both fit 32 bits."""
    biggest = (1 << 31) - 1 if signed else (1 << 32) - 1
    smallest = -biggest if signed else 0
    clipped = min(max(Fraction(value), Fraction(smallest)), Fraction(biggest))
    size = max(1, abs(clipped.numerator // clipped.denominator))
    best = clipped.limit_denominator(max(1, min(limit, biggest // (size + 1))))
    return best.numerator, best.denominator


def serialise(chain: list[Directory], order: str = "<") -> list[bytes]:
    """A TIFF structure of `chain` (IFD0, IFD1, ...) as pieces to be written one after the other.

    All directories come first, then the image data of each, so that a reader finds everything about the file in its
    first pages. Offsets are 32 bits: at most 4 GiB.
    """
    directories = [d for top in chain for d in top.walk()]
    encoded = [_encoded(d, order) for d in directories]
    position: dict[int, int] = {}
    at = 8
    for directory, entries in zip(directories, encoded, strict=True):
        position[id(directory)] = at
        at += 6 + 12 * len(entries) + sum(_padded(len(raw)) for _, _, raw in entries.values() if len(raw) > 4)
    pieces: list[bytes] = []
    for directory, entries in zip(directories, encoded, strict=True):
        for tag, below in directory.children.items():
            entries[tag] = (LONG, *encode_value(LONG, tuple(position[id(d)] for d in below), order))
        for (offset_tag, _), data in directory.segments.items():
            offsets = []
            for piece in data:
                offsets.append(at)
                pieces += [piece, b"\0" * (_padded(len(piece)) - len(piece))]
                at += _padded(len(piece))
            entries[offset_tag] = (LONG, *encode_value(LONG, tuple(offsets), order))
    if at >= 1 << 32:
        raise MetadataError("the file would be larger than the 4 GiB of a TIFF")
    following = {id(a): position[id(b)] for a, b in itertools.pairwise(chain)}
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    blocks = [
        _directory_bytes(entries, position[id(d)], following.get(id(d), 0), order)
        for d, entries in zip(directories, encoded, strict=True)
    ]
    return [head, *blocks, *pieces]


def _padded(size: int) -> int:
    return size + (size & 1)


def _encoded(directory: Directory, order: str) -> dict[int, tuple[int, int, bytes]]:
    """{tag: (type, count, bytes)}, offsets and pointers as zeros of the right size."""
    entries: dict[int, tuple[int, int, bytes]] = {}
    for tag, (kind, value) in directory.entries.items():
        try:
            entries[tag] = (kind, *encode_value(kind, value, order))
        except MetadataError as error:
            raise MetadataError(error.message, where=f"tag {tag}") from error
    for tag, below in directory.children.items():
        entries[tag] = (LONG, len(below), bytes(4 * len(below)))
    for (offset_tag, count_tag), data in directory.segments.items():
        entries[offset_tag] = (LONG, len(data), bytes(4 * len(data)))
        entries[count_tag] = (LONG, *encode_value(LONG, tuple(len(piece) for piece in data), order))
    return entries


def _directory_bytes(entries: dict[int, tuple[int, int, bytes]], at: int, next_ifd: int, order: str) -> bytes:
    records, values = [], b""
    start = at + 6 + 12 * len(entries)
    for tag in sorted(entries):
        kind, count, raw = entries[tag]
        if len(raw) <= 4:
            inline = raw.ljust(4, b"\0")
        else:
            inline = struct.pack(order + "I", start + len(values))
            values += raw + b"\0" * (_padded(len(raw)) - len(raw))
        records.append(struct.pack(order + "HHI", tag, kind, count) + inline)
    return struct.pack(order + "H", len(entries)) + b"".join(records) + struct.pack(order + "I", next_ifd) + values


def guessed_type(value: Any) -> int:
    """The TIFF type of a plain value of a tag that no table knows."""
    if isinstance(value, str):
        return ASCII
    if isinstance(value, bytes | bytearray):
        return UNDEFINED
    if isinstance(value, tuple | list) and value and isinstance(value[0], tuple | list):
        return SRATIONAL if any(n < 0 for pair in value for n in pair) else RATIONAL
    many = value if isinstance(value, tuple | list) else (value,)
    if all(isinstance(v, int) for v in many):
        low, high = min(many, default=0), max(many, default=0)
        return SLONG if low < 0 else SHORT if high < 1 << 16 else LONG
    return DOUBLE


def typed(tags: Mapping[int, Any], ifd: str) -> dict[int, tuple[int, Any]]:
    """`tags` with the TIFF type that EXIF gives each; what cannot be written as that type is left out."""
    entries: dict[int, tuple[int, Any]] = {}
    for tag, value in tags.items():
        kind = TYPES[ifd].get(tag) or guessed_type(value)
        if kind == SHORT and isinstance(value, int) and value >= 1 << 16:
            kind = LONG
        try:
            count, _ = encode_value(kind, value)
        except MetadataError:
            continue
        if count:
            entries[tag] = (kind, value)
    return entries


def exif_block(tags: Mapping[str, Mapping[int, Any]], thumbnail_jpeg: bytes = b"") -> bytes:
    """The EXIF block (a TIFF structure, little-endian, no "Exif\\0\\0") of `tags` as `parse_exif` gives them.

    Parameters
    ----------
    tags
        {"ifd0": ..., "exif": ..., "gps": ..., "interop": ...}; "ifd1" is written anew from the thumbnail.
    thumbnail_jpeg
        A JPEG of 160 x 120 for IFD1, or empty.
    """
    ifd0 = Directory(typed(tags.get("ifd0", {}), "ifd0"))
    exif = Directory(typed(tags.get("exif", {}), "exif"))
    if tags.get("interop"):
        exif.children[INTEROP_POINTER] = [Directory(typed(tags["interop"], "interop"))]
    if exif.entries or exif.children:
        ifd0.children[EXIF_POINTER] = [exif]
    if tags.get("gps"):
        ifd0.children[GPS_POINTER] = [Directory(typed(tags["gps"], "gps"))]
    chain = [ifd0]
    if thumbnail_jpeg:
        resolution = {282: (RATIONAL, (72, 1)), 283: (RATIONAL, (72, 1)), 296: (SHORT, 2)}
        chain.append(Directory({259: (SHORT, 6), **resolution}, segments={(513, 514): [thumbnail_jpeg]}))
    return b"".join(serialise(chain))
