"""Boxes of the ISO base media file format (ISO/IEC 14496-12) and pictures in them (HEIF, ISO/IEC 23008-12).

An encoder's own file is taken apart, and the coded picture put into one with all the metadata, a gain map (`tmap`,
ISO 21496-1) and both forms of colour description, none of which the encoders' Python packages can write together.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from lichtbild.core.errors import OutputError

Property = tuple[bytes, bool]
"""A box, and whether a reader must understand it."""


@dataclass(frozen=True)
class Item:
    """One item of a file: a picture, or what belongs to one.

    Parameters
    ----------
    kind
        Four letters: av01, hvc1, tmap, Exif, mime.
    data
        Its bytes.
    properties
        What describes a picture, in order.
    content_type
        Of a `mime` item.
    references
        (four letters, numbers of the items referred to, counted from 1 in the order of the file).
    is_hidden
        Not to be shown by itself.
    """

    kind: bytes
    data: bytes
    properties: tuple[Property, ...] = ()
    content_type: bytes = b""
    references: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    is_hidden: bool = False


@dataclass
class _Layout:
    """Properties of all items, each written once, and which item has which."""

    boxes: list[bytes] = field(default_factory=list)

    def index(self, box_bytes: bytes) -> int:
        if box_bytes not in self.boxes:
            self.boxes.append(box_bytes)
        return self.boxes.index(box_bytes) + 1


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of four letters."""
    size = 8 + sum(map(len, content))
    return struct.pack(">I4s", size, kind) + b"".join(content)


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def picture_file(
    brand: bytes, compatible: tuple[bytes, ...], items: list[Item], primary: int, shown: int
) -> list[bytes]:
    """The pieces of a file.

    Parameters
    ----------
    brand, compatible
        Of the file type box.
    items
        In order; the first is number 1.
    primary
        Number of the picture that a reader shows which knows nothing else.
    shown
        Number of the picture that is to be preferred: another one forms a group of alternatives with `primary`.
    """
    layout = _Layout()
    associations = b""
    described = [(number, item) for number, item in enumerate(items, 1) if item.properties]
    for number, item in described:
        numbers = bytes(layout.index(content) | (0x80 if needed else 0) for content, needed in item.properties)
        associations += struct.pack(">HB", number, len(numbers)) + numbers
    properties = box(
        b"iprp", box(b"ipco", *layout.boxes), full_box(b"ipma", 0, 0, struct.pack(">I", len(described)), associations)
    )
    entries = [_entry(number, item) for number, item in enumerate(items, 1)]
    references = [
        box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, 1)
        for kind, to in item.references
    ]
    head = box(b"ftyp", brand, bytes(4), *compatible)
    inside = [
        full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(12), b"\0"),
        full_box(b"pitm", 0, 0, struct.pack(">H", primary)),
        full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), *entries),
        properties,
    ]
    if references:
        inside.append(full_box(b"iref", 0, 0, *references))
    if shown != primary:
        group = struct.pack(">IIII", len(items) + 1, 2, shown, primary)
        inside.append(box(b"grpl", full_box(b"altr", 0, 0, group)))
    location_bytes = 12 + 2 + 2 + 14 * len(items)
    meta_bytes = 12 + sum(map(len, inside)) + location_bytes
    at, located = len(head) + meta_bytes + 8, b""
    for number, item in enumerate(items, 1):
        located += struct.pack(">HHHII", number, 0, 1, at, len(item.data))
        at += len(item.data)
    if at >= 1 << 32:
        raise OutputError("the file would be larger than 4 GiB", hint="a smaller picture")
    location = full_box(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), located)
    meta = full_box(b"meta", 0, 0, *inside, location)
    n_bytes = 8 + sum(len(item.data) for item in items)
    return [head, meta, struct.pack(">I4s", n_bytes, b"mdat"), *(item.data for item in items)]


def _entry(number: int, item: Item) -> bytes:
    name = item.content_type + b"\0" if item.content_type else b""
    content = struct.pack(">HH4s", number, 0, item.kind) + b"\0" + name
    return full_box(b"infe", 2, 1 if item.is_hidden else 0, content)


def coded_picture(file: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]]:
    """(kind, data, {name of a property: its box}) of the primary picture in the file that an encoder has made.

    Raises
    ------
    OutputError
        If the encoder did not make one picture in one piece.
    """
    view = memoryview(file)
    try:
        meta = next(content for kind, content in boxes_of(view) if kind == b"meta")[4:]
        inside = dict(boxes_of(meta))
        primary = struct.unpack_from(">H", inside[b"pitm"], 4)[0]
        entries = (content for kind, content in boxes_of(inside[b"iinf"][6:]) if kind == b"infe")
        kind = next(bytes(e[8:12]) for e in entries if struct.unpack_from(">H", e, 4)[0] == primary)
        tables = list(boxes_of(inside[b"iprp"]))
        properties = list(boxes_of(next(content for name, content in tables if name == b"ipco")))
        numbers = _associated(next(content for name, content in tables if name == b"ipma"), primary)
        start, size = located(inside[b"iloc"], primary)
        found = {name: box(name, bytes(content)) for name, content in (properties[n - 1] for n in numbers if n)}
    except (KeyError, StopIteration, struct.error, IndexError) as error:
        raise OutputError(f"the encoder's file is not as expected ({error!r})") from error
    if kind not in (b"av01", b"hvc1") or start + size > len(file):
        raise OutputError(f"the encoder made {kind.decode('latin-1')!r}, not one picture in one piece")
    return kind, bytes(view[start : start + size]), found


def boxes_of(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """(four letters, content) of boxes one after the other; ends where one does not fit."""
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", content, at + 8)[0], 16
        end = len(content) if size == 0 else at + size
        if end < at + header:
            return
        yield kind, content[at + header : end]
        at = end


def _associated(content: memoryview, wanted: int) -> list[int]:
    """Numbers of the properties of an item, from `ipma`."""
    version, is_wide = content[0], content[3] & 1
    at = 8
    for _ in range(struct.unpack_from(">I", content, 4)[0]):
        number = struct.unpack_from(">H" if version == 0 else ">I", content, at)[0]
        at += 2 if version == 0 else 4
        count, at = content[at], at + 1
        size = 2 if is_wide else 1
        raw = [int.from_bytes(content[at + size * k : at + size * (k + 1)], "big") for k in range(count)]
        at += size * count
        if number == wanted:
            return [value & (0x7FFF if is_wide else 0x7F) for value in raw]
    raise KeyError(wanted)


def located(content: memoryview, wanted: int) -> tuple[int, int]:
    """(start, size) of the one piece of an item, from `iloc`; KeyError where there is none."""
    version = content[0]
    offset_size, length_size = content[4] >> 4, content[4] & 15
    base_size, index_size = content[5] >> 4, content[5] & 15 if version else 0
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(content[at - size : at], "big")

    for _ in range(number(2 if version < 2 else 4)):
        identity = number(2 if version < 2 else 4)
        method = number(2) & 15 if version else 0
        number(2)
        base, extents = number(base_size), []
        for _ in range(number(2)):
            number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        if identity == wanted:
            if method or len(extents) != 1:
                raise KeyError("extents")
            return extents[0]
    raise KeyError(wanted)
