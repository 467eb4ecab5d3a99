"""Pixels of a raw image as TIFF segments: uncompressed strips, or lossless JPEG tiles in the form all readers take."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif

Pixels = npt.NDArray[Any]

UNCOMPRESSED, JPEG, DEFLATE, JPEG_XL = 1, 7, 8, 52546
# Rows and columns of one colour of a mosaic side by side: smooth pictures, which JPEG XL packs a sixth smaller.
_INTERLEAVE = 2
_JXL_EFFORT = 3
_DEFLATE_LEVEL = 4
_FLOATING_POINT_PREDICTOR = 3
_LARGEST_HALF = 65504.0
TILE_PX = 512


@dataclass(frozen=True)
class Steps:
    """Codes that are even in the noise: those of brighter light lie as far apart as its noise allows.

    Light u above black has the code of black and 2 per_noise / slope (sqrt(slope u + least) - sqrt(least)) more: the
    integral of per_noise over the standard deviation of its noise. Below black the noise is that of black.

    Parameters
    ----------
    black
        Of the light, in units of the table (0 to 65535).
    slope, least
        Variance of light in units of the table: slope u + least.
    per_noise
        Codes within one standard deviation.
    """

    black: float
    slope: float
    least: float
    per_noise: float

    @property
    def top(self) -> int:
        """The highest code."""
        return math.ceil(float(self.codes(np.full(1, 65535, np.float32))[0]))

    @property
    def _code_of_black(self) -> int:
        return math.ceil(self.black * self.per_noise / math.sqrt(self.least))

    def table(self) -> npt.NDArray[np.uint16]:
        """Light of every code: the LinearizationTable."""
        codes = np.arange(self.top + 1) - self._code_of_black
        sigma = math.sqrt(self.least)
        root = np.maximum(codes, 0) * (self.slope / (2 * self.per_noise)) + sigma
        above = (root * root - self.least) / self.slope
        light = self.black + above + np.minimum(codes, 0) * (sigma / self.per_noise)
        return np.rint(np.clip(light, 0, 65535)).astype(np.uint16)

    def codes(self, light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Codes, not rounded, of light in units of the table; `light` is written over."""
        factor, sigma = 2 * self.per_noise / self.slope, math.sqrt(self.least)
        light -= np.float32(self.black)
        below = np.fmin(light, 0)
        below *= np.float32(self.per_noise / sigma)
        np.fmax(light, 0, out=light)
        light *= np.float32(self.slope * factor * factor)
        light += np.float32(self.least * factor * factor)
        np.sqrt(light, out=light)
        light += below
        light += np.float32(self._code_of_black - sigma * factor)
        return light


@dataclass(frozen=True)
class Storage:
    """How numbers are stored: uint = clip(round(value * scale + offset), 0, top), or the code of that (see `Steps`).

    `scale` None: the pixels are integers already and stored as they are.
    """

    scale: float | None = None
    offset: float = 0.0
    top: int = 65535
    steps: Steps | None = None


def quantised(part: Pixels, storage: Storage) -> Pixels:
    """`part` ([h, w] or [h, w, n_planes]) as the unsigned integers of the file; NaN becomes 0."""
    if storage.scale is None:
        return part
    numbers = part * np.float32(storage.scale)
    if storage.steps is None:
        numbers += np.float32(storage.offset + 0.5)
    else:
        numbers += np.float32(storage.offset)
        numbers = storage.steps.codes(numbers)
        numbers += np.float32(0.5)
    # fmax and fmin, not clip: they drop a NaN instead of passing it on to an undefined integer.
    np.fmax(numbers, 0, out=numbers)
    np.fmin(numbers, storage.top, out=numbers)
    return numbers.astype(np.uint16)


def image_entries(pixels: Pixels, storage: Storage, *, compress: bool, coding: str = "jpeg") -> exif.Directory:
    """A directory with the size, layout and segments of a raw image.

    Parameters
    ----------
    pixels
        uint8 or uint16, or float32 with `storage.scale`; [H, W] or [H, W, 3].
    compress
        Tiles without loss; else plain strips. Images of 8 bits or 16 columns and less are never compressed.
    coding
        "jpeg" (lossless JPEG) or "jxl" (JPEG XL).
    """
    height, width = pixels.shape[:2]
    n_planes = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = 8 if pixels.dtype == np.uint8 else 16
    directory = exif.Directory({
        254: (exif.LONG, 0),
        256: (exif.LONG, width),
        257: (exif.LONG, height),
        258: (exif.SHORT, (bits,) * n_planes),
        277: (exif.SHORT, n_planes),
        284: (exif.SHORT, 1),
    })  # fmt: skip
    if compress and bits == 16 and width > 16:
        tile_height, tile_width = _tile_side(height), _tile_side(width, most=width)
        directory.entries |= {
            259: (exif.SHORT, JPEG_XL if coding == "jxl" else JPEG),
            322: (exif.LONG, tile_width),
            323: (exif.LONG, tile_height),
        }
        corners = [(y, x) for y in range(0, height, tile_height) for x in range(0, width, tile_width)]
        if coding == "jxl" and n_planes == 1:
            directory.entries |= {50975: (exif.LONG, _INTERLEAVE), 52547: (exif.LONG, _INTERLEAVE)}
            pixels = _parted(_parted(pixels, 0), 1)

        def tile(corner: tuple[int, int]) -> bytes:
            y, x = corner
            part = quantised(pixels[y : y + tile_height, x : x + tile_width], storage)
            filled = _filled(part, tile_height, tile_width)
            return lossless_jxl(filled) if coding == "jxl" else lossless_jpeg(filled)

        directory.segments[324, 325] = _parallel(tile, corners)
        return directory
    # Strips of about 1 MB, so that the conversion to integers stays in the cache.
    rows = max(1, min(height, (1 << 20) // (width * n_planes * bits // 8)))
    directory.entries |= {259: (exif.SHORT, UNCOMPRESSED), 278: (exif.LONG, rows)}

    def strip(top: int) -> bytes:
        part = quantised(pixels[top : top + rows], storage)
        return part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes()

    directory.segments[273, 279] = _parallel(strip, list(range(0, height, rows)))
    return directory


def half_entries(pixels: Pixels, scale: float, *, compress: bool) -> exif.Directory:
    """A directory with the size, layout and segments of a raw image in half floats.

    Parameters
    ----------
    pixels
        float32 [H, W] or [H, W, 3]; NaN becomes 0.
    scale
        Multiplied by this, so that saturation is 1.
    compress
        Deflate with the floating point predictor, in tiles; else plain strips.
    """
    height, width = pixels.shape[:2]
    n_planes = pixels.shape[2] if pixels.ndim == 3 else 1
    directory = exif.Directory({
        254: (exif.LONG, 0),
        256: (exif.LONG, width),
        257: (exif.LONG, height),
        258: (exif.SHORT, (16,) * n_planes),
        277: (exif.SHORT, n_planes),
        284: (exif.SHORT, 1),
        339: (exif.SHORT, (3,) * n_planes),
    })  # fmt: skip

    def halves(part: Pixels) -> Pixels:
        held = np.clip(part * np.float32(scale), -_LARGEST_HALF, _LARGEST_HALF)
        return np.nan_to_num(held, nan=0.0).astype("<f2")

    if not compress:
        rows = max(1, min(height, (1 << 20) // (width * n_planes * 2)))
        directory.entries |= {259: (exif.SHORT, UNCOMPRESSED), 278: (exif.LONG, rows)}
        tops = list(range(0, height, rows))
        directory.segments[273, 279] = _parallel(lambda top: halves(pixels[top : top + rows]).tobytes(), tops)
        return directory
    tile_height, tile_width = _tile_side(height), _tile_side(width, most=width)
    directory.entries |= {
        259: (exif.SHORT, DEFLATE),
        317: (exif.SHORT, _FLOATING_POINT_PREDICTOR),
        322: (exif.LONG, tile_width),
        323: (exif.LONG, tile_height),
    }
    corners = [(y, x) for y in range(0, height, tile_height) for x in range(0, width, tile_width)]

    def tile(corner: tuple[int, int]) -> bytes:
        y, x = corner
        part = halves(pixels[y : y + tile_height, x : x + tile_width])
        return _deflated_half(_filled(part, tile_height, tile_width))

    directory.segments[324, 325] = _parallel(tile, corners)
    return directory


def _deflated_half(tile: Pixels) -> bytes:
    """Rows of high bytes, then of low ones, each less the byte `n_planes` before it (TIFF technical note 3), packed."""
    import imagecodecs

    n_planes = tile.shape[2] if tile.ndim == 3 else 1
    rows = tile.reshape(tile.shape[0], -1)
    bytes_of = rows.view(np.uint8).reshape(rows.shape[0], rows.shape[1], 2)
    sorted_rows = np.concatenate([bytes_of[..., 1], bytes_of[..., 0]], axis=1)
    differences = sorted_rows.copy()
    differences[:, n_planes:] -= sorted_rows[:, :-n_planes]
    return bytes(imagecodecs.zlib_encode(differences, _DEFLATE_LEVEL))


def _parted(pixels: Pixels, axis: int) -> Pixels:
    """Every second row (axis 0) or column first, then the others."""
    order = np.concatenate([np.arange(k, pixels.shape[axis], _INTERLEAVE) for k in range(_INTERLEAVE)])
    return np.ascontiguousarray(pixels.take(order, axis))


def lossless_jxl(tile: Pixels) -> bytes:
    """A JPEG XL codestream, without loss, of a uint16 tile [h, w] or [h, w, 3]."""
    import imagecodecs

    from lichtbild.output.jxl import bare

    return bare(bytes(imagecodecs.jpegxl_encode(tile, lossless=True, effort=_JXL_EFFORT, numthreads=1)))


def lossless_jpeg(tile: Pixels) -> bytes:
    """Lossless JPEG (ITU-T T.81 process 14, predictor 1) of a uint16 tile [h, w] or [h, w, 3].

    A mosaic is coded as two components of half the width: neighbours of one colour predict each other, and this is the
    only layout that LibRaw, RawTherapee, darktable and Adobe's SDK all take.
    """
    import imagecodecs

    if tile.ndim == 2:
        tile = tile.reshape(tile.shape[0], tile.shape[1] // 2, 2)
    return bytes(imagecodecs.jpeg8_encode(tile, lossless=True, predictor=1, bitspersample=16))


def _tile_side(side: int, most: int | None = None) -> int:
    """A multiple of 16 (as TIFF asks) near 512 that wastes little at the far edge.

    LibRaw reads a tile that is wider than the picture askew: `most` forbids it.
    """
    n_tiles = max(1, round(side / TILE_PX))
    length = 16 * math.ceil(side / n_tiles / 16)
    return length if most is None or length <= most else 16 * math.ceil(side / (n_tiles + 1) / 16)


def _filled(part: Pixels, height: int, width: int) -> Pixels:
    """`part` enlarged to a whole tile by repeating its last two rows and columns, which keeps a mosaic's phase."""
    if part.shape[:2] == (height, width):
        return np.ascontiguousarray(part)
    rows, columns = (_repeating(n, m) for n, m in zip(part.shape[:2], (height, width), strict=True))
    return np.ascontiguousarray(part[rows[:, None], columns[None, :]])


def _repeating(n: int, wanted: int) -> npt.NDArray[np.intp]:
    index = np.arange(wanted)
    return np.where(index < n, index, n - 2 + (index - n) % 2 if n >= 2 else 0)


def _parallel(work: Callable[[Any], bytes], items: list[Any]) -> list[bytes]:
    """`work` on every item, in order; the codecs release the interpreter."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(work, items))
