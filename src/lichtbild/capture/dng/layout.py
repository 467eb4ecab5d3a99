"""How the pixels of one directory are stored, checked against the size of the file before anything is decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.tags import FOREIGN_COMPRESSIONS, Compression, Photometric, Tag
from lichtbild.capture.dng.tiff import Directory
from lichtbild.core import UnreadableFile

MAX_SAMPLES = 400_000_000
"""Samples (pixels times planes) of the largest picture that is read: 400 MP mosaics, 133 MP LinearRaw."""

# Most samples a byte can stand for: one bit a sample at least (lossless JPEG codes each by a Huffman code), zlib's
# limit of 1032 bytes a byte, two bits a block of 64 (lossy JPEG, more with subsampled colour). JPEG XL has no limit of
# its own: black frames are tiny, so small pictures are free of it.
_SAMPLES_PER_BYTE = {
    Compression.JPEG: 1024, Compression.DEFLATE: 1032, Compression.DEFLATE_OLD: 1032,
    Compression.LOSSY_JPEG: 1024, Compression.JPEG_XL: 1024,
}  # fmt: skip
_FREE_JPEG_XL_SAMPLES = 16_000_000

_PREDICTORS = {1: (1, 0), 2: (2, 1), 3: (3, 1), 34892: (2, 2), 34893: (2, 4), 34894: (3, 2), 34895: (3, 4)}


@dataclass(frozen=True, eq=False)
class Layout:
    """Where and how pixels are stored: everything the decoder needs, nothing about their meaning.

    Parameters
    ----------
    height, width, n_samples
        Size of the stored image, samples a pixel.
    bits, is_float
        Of one sample.
    predictor, predictor_step
        0 none, 2 differences, 3 floating point; distance in pixels of what is predicted from.
    segment_height, segment_width
        Of a tile, or of a strip (the last strip is cut at the image's end).
    offsets, counts
        int64, bytes of each tile or strip, all within the file.
    is_planar
        Each sample of a pixel stored as a plane of its own.
    row_interleave, column_interleave
        Fields that rows and columns are sorted into (1: none).
    order
        "<" or ">", for samples of whole bytes.
    scaled_to
        What the largest number of a JPEG XL codestream stands for; 0: itself.
    """

    height: int
    width: int
    n_samples: int
    bits: int
    is_float: bool
    compression: Compression
    predictor: int
    predictor_step: int
    is_tiled: bool
    segment_height: int
    segment_width: int
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    is_planar: bool
    row_interleave: int
    column_interleave: int
    order: str
    scaled_to: int = 0

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.segment_width)

    @property
    def down(self) -> int:
        """Rows of tiles, or strips of a plane."""
        return -(-self.height // self.segment_height)

    @property
    def segment_samples(self) -> int:
        """Samples a pixel within one tile or strip."""
        return 1 if self.is_planar else self.n_samples

    def rows_of(self, j: int) -> int:
        """Rows stored in the tiles or strip of row j: a tile is always whole, the last strip is not."""
        return self.segment_height if self.is_tiled else min(self.segment_height, self.height - j * self.segment_height)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of an uncompressed segment."""
        return -(-self.segment_width * self.segment_samples * self.bits // 8)


def read_layout(ifd: Directory, reasons: list[str]) -> Layout:
    """The layout of a raw directory.

    Raises
    ------
    MetadataError
        If a tag that says how the pixels lie is missing, out of range or contradicts another.
    UnreadableFile
        If pixels lie outside the file, or the picture is larger than the file could hold.
    """
    height = ifd.integer(Tag.IMAGE_LENGTH, low=1, high=2**20)
    width = ifd.integer(Tag.IMAGE_WIDTH, low=1, high=2**20)
    n_samples = ifd.integer(Tag.SAMPLES_PER_PIXEL, 1, 1, 4)
    if height * width * n_samples > MAX_SAMPLES:
        raise ifd.wrong(Tag.IMAGE_LENGTH, f"a picture of {width} x {height} x {n_samples} samples",
                        f"at most {MAX_SAMPLES // 10**6} million")  # fmt: skip
    compression = _compression(ifd)
    bits, is_float = _sample_type(ifd, n_samples, compression)
    predictor, step = _predictor(ifd, compression, bits, is_float)
    is_tiled = Tag.TILE_OFFSETS in ifd
    if is_tiled:
        segment_width = ifd.integer(Tag.TILE_WIDTH, low=1, high=2**20)
        segment_height = ifd.integer(Tag.TILE_LENGTH, low=1, high=2**20)
    else:
        segment_width = width
        segment_height = min(ifd.integer(Tag.ROWS_PER_STRIP, height, 1, 2**32 - 1), height)
    is_planar = n_samples > 1 and ifd.integer(Tag.PLANAR_CONFIGURATION, 1, 1, 2) == 2
    if ifd.integer(Tag.FILL_ORDER, 1, 1, 2) != 1:
        raise ifd.wrong(Tag.FILL_ORDER, "bits stored in reverse order")
    if set(ifd.integers(Tag.SUB_TILE_BLOCK_SIZE) or (1,)) != {1}:
        raise ifd.wrong(Tag.SUB_TILE_BLOCK_SIZE, "pixels stored in blocks within a tile")
    row_interleave = ifd.integer(Tag.ROW_INTERLEAVE_FACTOR, 1, 1, height)
    column_interleave = ifd.integer(Tag.COLUMN_INTERLEAVE_FACTOR, 1, 1, width)
    n = -(-width // segment_width) * -(-height // segment_height) * (n_samples if is_planar else 1)
    offsets, counts = _segments(ifd, is_tiled, n, reasons)
    layout = Layout(
        height, width, n_samples, bits, is_float, compression, predictor, step, is_tiled, segment_height, segment_width,
        offsets, counts, is_planar, row_interleave, column_interleave, ifd.file.order,
    )  # fmt: skip
    return _fitting(ifd, layout)


def _compression(ifd: Directory) -> Compression:
    number = ifd.integer(Tag.COMPRESSION, 1, 0, 2**16 - 1)
    try:
        return Compression(number)
    except ValueError:
        name = FOREIGN_COMPRESSIONS.get(number, "unknown")
        raise UnreadableFile(
            f"compression {number} ({name}) is none of DNG's", where=ifd.where(Tag.COMPRESSION),
            hint="Adobe DNG Converter, which writes lossless JPEG",
        ) from None  # fmt: skip


def _sample_type(ifd: Directory, n_samples: int, compression: Compression) -> tuple[int, bool]:
    """Bits of a sample, and whether it is a float."""
    all_bits = set(ifd.integers(Tag.BITS_PER_SAMPLE) or (1,))
    if len(all_bits) != 1:
        raise ifd.wrong(Tag.BITS_PER_SAMPLE, f"samples of different size {sorted(all_bits)}")
    bits = all_bits.pop()
    formats = set(ifd.integers(Tag.SAMPLE_FORMAT) or (1,))
    if not formats <= {1, 3, 4} or len(formats) != 1:
        raise ifd.wrong(Tag.SAMPLE_FORMAT, f"sample format {sorted(formats)}", "1 (unsigned) or 3 (float)")
    is_float = formats == {3}
    if is_float and bits not in (16, 24, 32):
        raise ifd.wrong(Tag.BITS_PER_SAMPLE, f"floats of {bits} bits", "16, 24 or 32")
    if not 8 <= bits <= 32:
        raise ifd.wrong(Tag.BITS_PER_SAMPLE, f"{bits} bits", "8 to 32")
    if is_float and compression in (Compression.JPEG, Compression.LOSSY_JPEG):
        raise ifd.wrong(Tag.COMPRESSION, "a JPEG of floats")
    return bits, is_float


def _predictor(ifd: Directory, compression: Compression, bits: int, is_float: bool) -> tuple[int, int]:
    number = ifd.integer(Tag.PREDICTOR, 1, 1, 2**16 - 1)
    if compression not in (Compression.DEFLATE, Compression.DEFLATE_OLD):
        return 0, 0
    if number not in _PREDICTORS:
        raise ifd.wrong(Tag.PREDICTOR, f"predictor {number}", f"one of {', '.join(map(str, _PREDICTORS))}")
    kind, step = _PREDICTORS[number]
    if (kind == 3 and not is_float) or (kind == 2 and (is_float or bits not in (8, 16, 32))):
        sort = "float" if is_float else "integer"
        raise ifd.wrong(Tag.PREDICTOR, f"predictor {number} on {sort} samples of {bits} bits")
    return (kind, step) if kind > 1 else (0, 0)


def _segments(
    ifd: Directory, is_tiled: bool, n: int, reasons: list[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Offsets and byte counts of n segments, within the file and not more bytes than it has."""
    offset_tag = Tag.TILE_OFFSETS if is_tiled else Tag.STRIP_OFFSETS
    count_tag = Tag.TILE_BYTE_COUNTS if is_tiled else Tag.STRIP_BYTE_COUNTS
    offsets = ifd.array(offset_tag).astype(np.int64)
    if len(offsets) < n:
        raise ifd.wrong(offset_tag, f"{len(offsets)} offsets where {n} belong", "the file is damaged: copy it again")
    offsets = offsets[:n]
    if count_tag in ifd:
        counts = ifd.array(count_tag).astype(np.int64)
        if len(counts) < n:
            raise ifd.wrong(count_tag, f"{len(counts)} byte counts where {n} belong")
        counts = counts[:n]
    elif n == 1:
        counts = np.maximum(ifd.file.size - offsets, 0)
        reasons.append(f"{ifd.where(count_tag)} is missing: the pixels are taken to go to the end of the file")
    else:
        raise ifd.wrong(count_tag, "this tag is missing")
    size = ifd.file.size
    bad = (offsets < 8) | (counts < 1) | (offsets > size) | (counts > size - np.minimum(offsets, size))
    if np.any(bad):
        k = int(np.argmax(bad))
        raise UnreadableFile(
            f"{'tile' if is_tiled else 'strip'} {k} of {counts[k]} bytes at {offsets[k]} lies outside its {size} bytes",
            where=ifd.where(offset_tag), hint="the file is cut short or damaged: copy it again",
        )  # fmt: skip
    # Segments that share their bytes would let a small file decode to any size.
    if counts.sum() > size:
        raise UnreadableFile("its tiles or strips overlap", where=ifd.where(count_tag))
    return offsets, counts


def _fitting(ifd: Directory, layout: Layout) -> Layout:
    """`layout`, if the bytes stored could hold as many samples as it promises."""
    tag = Tag.TILE_BYTE_COUNTS if layout.is_tiled else Tag.STRIP_BYTE_COUNTS
    rows = np.array([layout.rows_of(j) for j in range(layout.down)], np.int64)
    rows = np.tile(np.repeat(rows, layout.across), layout.n_samples if layout.is_planar else 1)
    if layout.compression is Compression.NONE:
        short = rows * layout.row_bytes > layout.counts
        wanted = "uncompressed"
    else:
        samples = rows * (layout.segment_width * layout.segment_samples)
        free = _FREE_JPEG_XL_SAMPLES if layout.compression is Compression.JPEG_XL else 0
        short = samples > layout.counts * _SAMPLES_PER_BYTE[layout.compression] + free
        total = int(layout.counts.sum()) * _SAMPLES_PER_BYTE[layout.compression] + free
        short |= int(samples.sum()) > min(total, 4 * MAX_SAMPLES)
        wanted = layout.compression.label
    if np.any(short):
        k = int(np.argmax(short))
        raise UnreadableFile(
            f"{layout.counts[k]} bytes cannot hold {layout.segment_width} x {rows[k]} pixels, {wanted}",
            where=ifd.where(tag), hint="the file is damaged: copy it again",
        )  # fmt: skip
    return layout


def active_area(ifd: Directory, layout: Layout, reasons: list[str]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the active area in the stored image; all of it where the tag is missing."""
    area = ifd.integers(Tag.ACTIVE_AREA, (4,))
    if area is None:
        return 0, 0, layout.height, layout.width
    top, left, bottom, right = area
    if not (0 <= top < bottom and 0 <= left < right):
        raise ifd.wrong(Tag.ACTIVE_AREA, f"rows {top}..{bottom}, columns {left}..{right} hold no picture")
    if bottom > layout.height or right > layout.width:
        raise ifd.wrong(Tag.ACTIVE_AREA, f"rows {top}..{bottom}, columns {left}..{right} do not fit "
                        f"the stored {layout.height} x {layout.width}")  # fmt: skip
    if bottom - top < 2 or right - left < 2:
        raise ifd.wrong(Tag.ACTIVE_AREA, "less than 2 x 2 pixels")
    return top, left, bottom, right


def default_crop(ifd: Directory, shape: tuple[int, int], reasons: list[str]) -> tuple[int, int, int, int] | None:
    """(top, left, height, width) in the active area of `shape`, cut to it; None where the file does not tell."""
    try:
        origin = ifd.floats(Tag.DEFAULT_CROP_ORIGIN, (2,)) or (0.0, 0.0)
        size = ifd.floats(Tag.DEFAULT_CROP_SIZE, (2,))
        scale = ifd.floats(Tag.DEFAULT_SCALE, (2,))
        user = ifd.floats(Tag.DEFAULT_USER_CROP, (4,))
    except UnreadableFile:
        raise
    except Exception as error:
        reasons.append(f"{error}; the whole active area is shown")
        return None
    if scale is not None and not math.isclose(scale[0], scale[1], rel_tol=1e-6):
        reasons.append(f"DefaultScale {scale[0]:g} x {scale[1]:g}: pixels are not square; shown as stored")
    if user is not None and user != (0.0, 0.0, 1.0, 1.0):
        reasons.append("DefaultUserCrop is not applied: the picture shows all of the default crop")
    if size is None:
        return None
    # Origin and size are (horizontal, vertical); fractions are for scaled pictures and rounded here.
    left, top, width, height = (round(x) for x in (*origin, *size))
    bottom, right = min(top + height, shape[0]), min(left + width, shape[1])
    top, left = max(top, 0), max(left, 0)
    if bottom - top < 2 or right - left < 2:
        reasons.append(f"DefaultCropSize {size[0]:g} x {size[1]:g} lies outside the active area: not applied")
        return None
    if (bottom - top, right - left) != (height, width):
        reasons.append("DefaultCropSize reaches beyond the active area: cut to it")
    return top, left, bottom - top, right - left


def photometric(ifd: Directory) -> int:
    """PhotometricInterpretation, -1 where it is missing or no number."""
    try:
        return ifd.integer(Tag.PHOTOMETRIC_INTERPRETATION, -1, -1, 2**16 - 1)
    except Exception:
        return -1


def is_raw(ifd: Directory) -> bool:
    """Whether the directory holds raw pixels of some kind."""
    return photometric(ifd) in (Photometric.CFA, Photometric.LINEAR_RAW)
