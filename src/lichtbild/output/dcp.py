"""The container of camera profiles as files: a little-endian TIFF directory behind the magic number 0x4352 (DNG 1.7.1,
"Camera Profiles as Files")."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

TEXT, SHORT, LONG, RATIONAL, FLOAT = 2, 3, 4, 10, 11
_CODES = {SHORT: "H", LONG: "I", FLOAT: "f"}
_DENOMINATOR = 10_000_000


def dcp_bytes(tags: Mapping[int, tuple[int, Any]]) -> bytes:
    """A profile of tags {number: (TIFF type, values)}; text is bytes that end in NUL, rationals are numbers."""
    entries, tail = [], b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        count = len(values)
        if kind == TEXT:
            data = bytes(values)
        elif kind == RATIONAL:
            data = b"".join(struct.pack("<ii", round(float(v) * _DENOMINATOR), _DENOMINATOR) for v in values)
        else:
            data = struct.pack(f"<{count}{_CODES[kind]}", *(float(v) if kind == FLOAT else int(v) for v in values))
        if len(data) <= 4:
            entries.append(struct.pack("<HHI4s", tag, kind, count, data.ljust(4, b"\0")))
            continue
        entries.append(struct.pack("<HHII", tag, kind, count, start + len(tail)))
        tail += data + b"\0" * (len(data) % 2)
    return b"II" + struct.pack("<HI", 0x4352, 8) + struct.pack("<H", len(tags)) + b"".join(entries) + b"\0\0\0\0" + tail
