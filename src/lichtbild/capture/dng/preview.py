"""The small picture a camera puts beside its raw pixels."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.codecs import jpeg_header
from lichtbild.capture.dng.layout import photometric
from lichtbild.capture.dng.tags import Tag
from lichtbild.capture.dng.tiff import Directory, TiffFile
from lichtbild.core import LichtbildError, UnreadableFile

WANTED_PX = 1024
_MAX_PIXELS = 60_000_000
_WHITE_IS_ZERO_TO_YCBCR = (0, 1, 2, 6)

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Candidate:
    """A preview that could be shown: where its bytes are, and its size as the tags have it (0 where they do not)."""

    offset: int
    count: int
    height: int
    width: int
    is_jpeg: bool
    n_samples: int


def candidates(directories: Iterable[Directory]) -> list[Candidate]:
    """JPEG and plain 8-bit RGB previews of one strip, in the order of the file."""
    found = []
    for ifd in directories:
        try:
            candidate = _candidate(ifd)
        except LichtbildError:
            continue
        if candidate is not None and candidate.offset + candidate.count <= ifd.file.size:
            found.append(candidate)
    return found


def _candidate(ifd: Directory) -> Candidate | None:
    height, width = ifd.integer(Tag.IMAGE_LENGTH, 0, 0), ifd.integer(Tag.IMAGE_WIDTH, 0, 0)
    if Tag.JPEG_INTERCHANGE_FORMAT in ifd:
        offset, count = ifd.integer(Tag.JPEG_INTERCHANGE_FORMAT), ifd.integer(Tag.JPEG_INTERCHANGE_FORMAT_LENGTH)
        return Candidate(offset, count, height, width, True, 3)
    if photometric(ifd) not in _WHITE_IS_ZERO_TO_YCBCR or Tag.STRIP_OFFSETS not in ifd:
        return None
    offsets, counts = ifd.integers(Tag.STRIP_OFFSETS) or (), ifd.integers(Tag.STRIP_BYTE_COUNTS) or ()
    n_samples = ifd.integer(Tag.SAMPLES_PER_PIXEL, 1, 1, 4)
    compression = ifd.integer(Tag.COMPRESSION, 1)
    if len(counts) != len(offsets) or not offsets or height * width > _MAX_PIXELS:
        return None
    if compression == 7 and len(offsets) == 1:
        return Candidate(offsets[0], counts[0], height, width, True, n_samples)
    follows = all(a + n == b for a, n, b in zip(offsets, counts, offsets[1:], strict=False))
    is_rgb = photometric(ifd) == 2 and n_samples == 3 and set(ifd.integers(Tag.BITS_PER_SAMPLE) or ()) == {8}
    if compression == 1 and follows and is_rgb and sum(counts) >= height * width * 3 > 0:
        return Candidate(offsets[0], height * width * 3, height, width, False, n_samples)
    return None


def read_preview(file: TiffFile, found: list[Candidate]) -> Picture | None:
    """The preview nearest to 1024 px, sRGB uint8 [h, w, 3], at most about that size; None where there is none.

    Previews are extras: one that is damaged counts as none.
    """
    for candidate in sorted(found, key=lambda c: abs(math.log((max(c.height, c.width) or 160) / WANTED_PX))):
        try:
            data = file.read(candidate.offset, candidate.count)
            picture = _jpeg(data, file.name) if candidate.is_jpeg else _plain(data, candidate)
        except (LichtbildError, OSError, ValueError, SyntaxError):
            continue
        return picture
    return None


def _jpeg(data: bytes, where: str) -> Picture:
    from PIL import Image

    header = jpeg_header(data, where)
    if header.is_lossless or header.precision != 8 or header.height * header.width > _MAX_PIXELS:
        raise UnreadableFile("no preview", where=where)
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        # The decoder scales by powers of two while it decodes, which spares a 12 MP preview most of its work.
        picture.draft("RGB", (WANTED_PX // 2, WANTED_PX // 2))
        return np.asarray(picture.convert("RGB"), np.uint8)


def decode_jpeg_preview(data: bytes, where: str) -> Picture | None:
    """A JPEG as sRGB uint8 [h, w, 3] of about 1024 px; None where it is damaged."""
    try:
        return _jpeg(data, where)
    except (LichtbildError, OSError, ValueError, SyntaxError):
        return None


def _plain(data: bytes, candidate: Candidate) -> Picture:
    picture = np.frombuffer(data, np.uint8).reshape(candidate.height, candidate.width, 3)
    step = max(1, max(picture.shape) // WANTED_PX)
    return np.ascontiguousarray(picture[::step, ::step])
