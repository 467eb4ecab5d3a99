"""ICC profiles of the spaces we write, built here from their definitions: 500 bytes each."""

from __future__ import annotations

import functools
import struct

from lichtbild.core import colour_space as cs
from lichtbild.core.errors import DomainError

# All have the tone curve of IEC 61966-2-1: what the picture was rendered with, finer in the dark than a power.
RGB_TO_XYZ = cs.DISPLAY_SPACES
NAMES = {
    "srgb": "sRGB (lichtbild)", "p3": "Display P3 (lichtbild)", "rec2020": "Rec. 2020, sRGB curve (lichtbild)",
    "prophoto": "ProPhoto, sRGB curve (lichtbild)",
}  # fmt: skip


def space_name(colour_space: str) -> str:
    """A name of `RGB_TO_XYZ`; an empty one is sRGB.

    Raises
    ------
    DomainError
        If it is another.
    """
    name = colour_space or "srgb"
    if name not in RGB_TO_XYZ:
        raise DomainError(f"no profile for the colour space {name!r}", hint="one of " + ", ".join(RGB_TO_XYZ))
    return name


@functools.cache
def icc_profile(colour_space: str) -> bytes:
    """Version 4 display profile of a space: matrix and parametric curve, exact to 1/65536."""
    name = space_name(colour_space)
    adaptation = cs.bradford(cs.xy_to_xyz(cs.DISPLAY_WHITE_XY), cs.PCS_WHITE_XYZ)
    colorants = adaptation @ RGB_TO_XYZ[name]
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": _text(NAMES[name]),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*cs.PCS_WHITE_XYZ),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adaptation.ravel()),
        b"rXYZ": b"XYZ \0\0\0\0" + _fixed(*colorants[:, 0]),
        b"gXYZ": b"XYZ \0\0\0\0" + _fixed(*colorants[:, 1]),
        b"bXYZ": b"XYZ \0\0\0\0" + _fixed(*colorants[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _assembled(tags)


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    placed: dict[bytes, int] = {}
    for signature, content in tags.items():
        if content not in placed:
            placed[content] = start + len(data)
            data += content + bytes(-len(content) % 4)
        table += signature + struct.pack(">II", placed[content], len(content))
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    # A fixed date: the same picture gives the same file.
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += _fixed(*cs.PCS_WHITE_XYZ)
    return header.ljust(128, b"\0") + table + data


def _fixed(*numbers: float) -> bytes:
    """s15Fixed16Number."""
    return struct.pack(f">{len(numbers)}i", *(round(float(v) * 65536) for v in numbers))


def _text(text: str) -> bytes:
    """multiLocalizedUnicodeType with one entry, English."""
    raw = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(raw), 28) + raw
