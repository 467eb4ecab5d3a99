"""Compressed tiles and strips to arrays. What a native decoder is given was looked through before.

Each function takes the bytes of one segment and the shape it must have, and raises UnreadableFile on anything else.
Headers are parsed here first, so that a decoder written in C never allocates what the file merely claims.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.apart import ApartDecoder
from lichtbild.capture.dng.jpegxl import jpeg_xl_header
from lichtbild.core import UnreadableFile

Array = npt.NDArray[Any]

_MAX_SCANS = 128
_DAMAGED = "the file is damaged: copy it again"


@dataclass(frozen=True)
class JpegHeader:
    """Frame header of a JPEG: `process` 0 baseline, 1 extended, 2 progressive, 3 lossless."""

    process: int
    precision: int
    height: int
    width: int
    n_components: int

    @property
    def is_lossless(self) -> bool:
        return self.process == 3


def jpeg_header(data: bytes, where: str) -> JpegHeader:
    """The frame header, after every marker before the first scan was checked.

    Raises
    ------
    UnreadableFile
        If this is no JPEG, of a process nobody writes (hierarchical, arithmetic), or its markers make no sense.
    """
    if data[:2] != b"\xff\xd8":
        raise UnreadableFile("no JPEG data where it should be", where=where, hint=_DAMAGED)
    at, header = 2, None
    while True:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise UnreadableFile("JPEG markers are damaged", where=where, hint=_DAMAGED)
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:
            at += 1
            continue
        body = data[at + 4 : at + 2 + size]
        if size < 2 or len(body) != size - 2 or marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            raise UnreadableFile(f"JPEG marker {marker:#x} is damaged", where=where, hint=_DAMAGED)
        at += 2 + size
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if header is not None:
                raise UnreadableFile("a JPEG with two frame headers", where=where, hint=_DAMAGED)
            header = _frame_header(marker - 0xC0, body, where)
        elif marker == 0xDE:
            raise UnreadableFile("a hierarchical JPEG", where=where)
        elif marker == 0xDA:
            if header is None:
                raise UnreadableFile("a JPEG without a frame header", where=where, hint=_DAMAGED)
            _check_scans(data, header, at, where)
            return header


def _frame_header(process: int, body: bytes, where: str) -> JpegHeader:
    if process > 3:
        raise UnreadableFile(f"a JPEG of process {process} (arithmetic or hierarchical)", where=where)
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise UnreadableFile("the JPEG frame header is damaged", where=where, hint=_DAMAGED)
    precision, height, width, n = struct.unpack(">BHHB", body[:6])
    factors = body[7::3]
    if not (height and width and 1 <= n <= 4 and all(1 <= f >> 4 <= 4 and 1 <= f & 15 <= 4 for f in factors)):
        raise UnreadableFile(f"a JPEG of {width} x {height} x {n}", where=where, hint=_DAMAGED)
    allowed = range(2, 17) if process == 3 else (8, 12)
    if precision not in allowed:
        raise UnreadableFile(f"a JPEG of {precision} bits", where=where, hint=_DAMAGED)
    # Lossless frames of raw data are never subsampled; the decoder's code for it is little used and not trusted.
    if process == 3 and len(set(factors)) != 1:
        raise UnreadableFile("a lossless JPEG with subsampled components", where=where)
    return JpegHeader(process, precision, height, width, n)


def _check_scans(data: bytes, header: JpegHeader, start: int, where: str) -> None:
    """No second frame after the first scan, and no more scans than a sane encoder writes (each costs a full pass)."""
    n_scans = 1
    for found in re.finditer(rb"\xff[\xc0-\xcf\xda\xdc\xde]", memoryview(data)[start:]):
        marker = found[0][1]
        n_scans += marker == 0xDA
        if marker not in (0xC4, 0xCC, 0xDA):
            raise UnreadableFile(f"JPEG marker {marker:#x} after the first scan", where=where, hint=_DAMAGED)
        if n_scans > _MAX_SCANS or (header.process == 3 and n_scans > header.n_components):
            raise UnreadableFile(f"a JPEG of more than {n_scans - 1} scans", where=where, hint=_DAMAGED)


def decode_jpeg(data: bytes, shape: tuple[int, int, int], where: str) -> Array:
    """uint8 or uint16 [rows, columns, samples] of a JPEG, lossless or not.

    A lossless frame may be laid out differently (two components for two columns of a mosaic, or twice the width for two
    rows): the samples then follow each other in the same order, and are only counted differently.
    """
    import imagecodecs

    header = jpeg_header(data, where)
    rows, columns, samples = shape
    stored = header.height * header.width * header.n_components
    row_of = header.width * header.n_components
    if header.is_lossless:
        fits = stored == rows * columns * samples or (row_of == columns * samples and header.height >= rows)
        # A frame cut at the image's edge instead of padded to the tile.
        fits |= header.n_components == samples and header.height <= rows and header.width <= columns
    else:
        fits = header.n_components == samples and header.height <= rows and header.width <= columns
    # Lossless JPEG spends one bit a sample at least: a larger frame is a lie.
    fits &= not header.is_lossless or stored <= 8 * len(data)
    if not fits or stored > 4 * rows * columns * samples:
        raise UnreadableFile(
            f"a JPEG of {header.width} x {header.height} x {header.n_components} where {columns} x {rows} x {samples} "
            "belong", where=where, hint=_DAMAGED,
        )  # fmt: skip
    try:
        pixels = imagecodecs.jpeg8_decode(data)
    except Exception as error:
        raise UnreadableFile(f"the JPEG data is damaged: {error}", where=where, hint=_DAMAGED) from error
    if pixels.size != stored:
        raise UnreadableFile("the JPEG decoder gave another size than its header", where=where, hint=_DAMAGED)
    if header.is_lossless and stored == rows * columns * samples:
        return np.ascontiguousarray(pixels).reshape(shape)
    if header.is_lossless and row_of == columns * samples and header.height >= rows:
        return np.ascontiguousarray(pixels).reshape(header.height, columns, samples)[:rows]
    return pixels.reshape(header.height, header.width, samples)


def decode_jpeg_xl(
    data: bytes, shape: tuple[int, int, int], where: str, apart: ApartDecoder, scaled_to: int = 0
) -> Array:
    """uint8, uint16, float16 or float32 [rows, columns, samples] of a JPEG XL codestream.

    Parameters
    ----------
    apart
        Decodes what is not plainly one frame of its size.
    scaled_to
        The number that the largest integer of the codestream stands for; 0: itself.
    """
    import imagecodecs

    rows, columns, samples = shape
    header = jpeg_xl_header(data, where)
    if header.height > rows or header.width > columns:
        raise UnreadableFile(f"a JPEG XL of {header.width} x {header.height} where {columns} x {rows} belong",
                             where=where, hint=_DAMAGED)  # fmt: skip
    try:
        if header.unbounded:
            pixels = apart.decode(data)
        else:
            pixels = imagecodecs.jpegxl_decode(data, numthreads=1, keeporientation=True)
    except Exception as error:
        raise UnreadableFile(f"the JPEG XL data is damaged: {error}", where=where, hint=_DAMAGED) from error
    if pixels.size != header.height * header.width * samples:
        raise UnreadableFile(f"a JPEG XL of shape {pixels.shape} where {columns} x {rows} x {samples} belong",
                             where=where, hint=_DAMAGED)  # fmt: skip
    pixels = pixels.reshape(header.height, header.width, samples)
    top = (1 << header.bits) - 1
    if scaled_to and pixels.dtype.kind == "u" and 1 <= header.bits < 16 and top != scaled_to:
        table = np.rint(np.arange(top + 1) * (scaled_to / top)).astype(np.uint16)
        return np.asarray(table[np.minimum(pixels, top)])
    return np.asarray(pixels)


def inflate(data: bytes, size: int, where: str) -> bytes:
    """Exactly `size` bytes of a zlib stream, never more in memory."""
    try:
        plain = zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise UnreadableFile(f"the Deflate data is damaged: {error}", where=where, hint=_DAMAGED) from error
    if len(plain) != size:
        raise UnreadableFile(f"the Deflate data ends after {len(plain)} of {size} bytes", where=where, hint=_DAMAGED)
    return plain
