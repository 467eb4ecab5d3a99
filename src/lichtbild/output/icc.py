"""ICC profiles of the spaces we write, built here from their definitions: 500 bytes each."""

from __future__ import annotations

import functools
import struct

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import DomainError

Matrix = npt.NDArray[np.float64]

# CIE xy of red, green, blue; both spaces have the white of D65 and the tone curve of IEC 61966-2-1.
PRIMARIES_XY = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
NAMES = {"srgb": "sRGB (lichtbild)", "p3": "Display P3 (lichtbild)"}
D65_XY = (0.3127, 0.3290)

# The profile connection space: the header's rounded D50 (ICC.1:2022, 7.2.16) and the cone space of its annex E.
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def space_name(colour_space: str) -> str:
    """ "srgb" or "p3"; an empty name is sRGB.

    Raises
    ------
    DomainError
        If it is another.
    """
    name = colour_space or "srgb"
    if name not in PRIMARIES_XY:
        raise DomainError(f"no profile for the colour space {name!r}", hint="one of " + ", ".join(PRIMARIES_XY))
    return name


def rgb_to_xyz(colour_space: str) -> Matrix:
    """Linear RGB to CIE XYZ (Y of white = 1, white D65), [3, 3]."""
    x, y = np.array(PRIMARIES_XY[space_name(colour_space)]).T
    columns = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, _white_xyz(D65_XY)))


def adaptation() -> Matrix:
    """Bradford, D65 to the D50 of the profile connection space, [3, 3]."""
    ratio = (BRADFORD @ D50_XYZ) / (BRADFORD @ _white_xyz(D65_XY))
    return np.asarray(np.linalg.solve(BRADFORD, ratio[:, None] * BRADFORD))


def _white_xyz(xy: tuple[float, float]) -> Matrix:
    return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


@functools.cache
def icc_profile(colour_space: str) -> bytes:
    """Version 4 display profile of "srgb" or "p3": matrix and parametric curve, exact to 1/65536."""
    name = space_name(colour_space)
    colorants = adaptation() @ rgb_to_xyz(name)
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": _text(NAMES[name]),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50_XYZ),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adaptation().ravel()),
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
    header += _fixed(*D50_XYZ)
    return header.ljust(128, b"\0") + table + data


def _fixed(*numbers: float) -> bytes:
    """s15Fixed16Number."""
    return struct.pack(f">{len(numbers)}i", *(round(float(v) * 65536) for v in numbers))


def _text(text: str) -> bytes:
    """multiLocalizedUnicodeType with one entry, English."""
    raw = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(raw), 28) + raw
