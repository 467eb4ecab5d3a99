"""Segments of a JPEG file, and the two ways to say that a second JPEG follows the first one."""

from __future__ import annotations

import struct

import numpy as np

SEGMENT_BYTES = 65533
"""What fits a segment after its length."""
EXIF, XMP, ICC, MPF = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"MPF\0"
IPTC = b"Photoshop 3.0\0"
_IPTC_RESOURCE = b"8BIM\x04\x04\0\0"
SOI = b"\xff\xd8"


def segment(marker: int, content: bytes) -> bytes:
    """One marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def after_jfif(coded: memoryview) -> memoryview:
    """The coder's stream after SOI and its JFIF header, which EXIF takes the place of."""
    at = 2
    if bytes(coded[2:4]) == b"\xff\xe0":
        at = 4 + int(np.frombuffer(coded[4:6], ">u2")[0])
    return coded[at:]


def icc_segments(profile: bytes) -> list[bytes]:
    """APP2 segments of a profile, numbered from 1 where it is too long for one."""
    most = SEGMENT_BYTES - len(ICC) - 2
    parts = [profile[at : at + most] for at in range(0, len(profile), most)]
    return [segment(0xE2, ICC + bytes([k, len(parts)]) + part) for k, part in enumerate(parts, 1)]


def iptc_segment(record: bytes) -> bytes:
    """APP13 with an IPTC-IIM record as Photoshop's resource 0x0404."""
    return segment(0xED, IPTC + _IPTC_RESOURCE + struct.pack(">I", len(record)) + record + b"\0" * (len(record) & 1))


MPF_SEGMENT_BYTES = 4 + len(MPF) + 82


def mpf_segment(primary_bytes: int, second_bytes: int, segment_at: int) -> bytes:
    """APP2 of CIPA DC-007 (Multi-Picture Format) for two pictures in one file.

    Parameters
    ----------
    primary_bytes, second_bytes
        Size of each JPEG, from SOI to EOI; the second follows the first at once.
    segment_at
        Where in the file this segment begins: the second one's offset is counted from the header in it.
    """
    header_at = segment_at + 4 + len(MPF)
    entries = struct.pack("<IIIHH", 0x030000, primary_bytes, 0, 0, 0)
    entries += struct.pack("<IIIHH", 0, second_bytes, primary_bytes - header_at, 0, 0)
    directory_bytes = 2 + 3 * 12 + 4
    ifd = struct.pack("<H", 3)
    ifd += struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    ifd += struct.pack("<HHII", 0xB001, 4, 1, 2)
    ifd += struct.pack("<HHII", 0xB002, 7, len(entries), 8 + directory_bytes)
    ifd += struct.pack("<I", 0)
    return segment(0xE2, MPF + b"II*\0" + struct.pack("<I", 8) + ifd + entries)
