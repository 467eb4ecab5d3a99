"""PNG with 8 or 16 bits a sample, EXIF, XMP and profile."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.frame import Frame
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.picture import prepared
from lichtbild.output.xmp import Provenance

DEFLATE_LEVEL = 4
_SUB, _UP = 1, 2


def write_png(
    path: str | Path,
    frame: Frame,
    *,
    bits: int = 8,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    credentials: Credentials | None = None,
    force: bool = False,
) -> None:
    """Write a DISPLAY_RGB frame as PNG.

    Parameters
    ----------
    bits
        8 or 16 a sample.
    path, frame, provenance, software, credentials, force
        As `jpeg.write_jpeg`.

    Raises
    ------
    UsageError, DomainError, OutputError
        As `picture.prepared` and `atomic.written_whole`.
    """
    import imagecodecs

    picture = prepared(frame, bits, provenance=provenance, software=software)
    height, width = picture.pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp
    rows: Any = filtered(picture.pixels)
    image = bytes(imagecodecs.deflate_encode(rows, DEFLATE_LEVEL))
    pieces = [
        b"\x89PNG\r\n\x1a\n",
        *_chunk(b"IHDR", header),
        *_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)),
        *_chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        *_chunk(b"eXIf", exif.exif_block(picture.tags)),
        *_chunk(b"iTXt", xmp),
        *_chunk(b"IDAT", image),
        *_chunk(b"IEND", b""),
    ]
    signed(path, pieces, "image/png", credentials, provenance or {}, force=force)


def filtered(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Bytes of the rows after PNG's filter "Sub" or "Up", whichever leaves less in the row, filter byte first."""
    height, width = pixels.shape[:2]
    n_bytes = 3 * pixels.dtype.itemsize
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
    rows = big_endian.view(np.uint8).reshape(height, width * n_bytes)
    out = np.empty((height, 1 + width * n_bytes), np.uint8)
    for top in range(0, height, 64):
        part = rows[top : top + 64]
        above = np.zeros_like(part)
        above[1:] = part[:-1]
        if top:
            above[0] = rows[top - 1]
        up = part - above
        sub = part.copy()
        sub[:, n_bytes:] -= part[:, :-n_bytes]
        # The usual guess at what compresses best: the smallest sum of the differences as signed numbers.
        cost_up, cost_sub = (np.minimum(d, -d).sum(axis=1, dtype=np.int64) for d in (up, sub))
        is_up = cost_up < cost_sub
        out[top : top + 64, 0] = np.where(is_up, _UP, _SUB)
        out[top : top + 64, 1:] = np.where(is_up[:, None], up, sub)
    return out


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, bytes, bytes]:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind, content, struct.pack(">I", checksum)
