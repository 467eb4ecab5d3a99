"""What JPEG, TIFF and PNG have in common: pixels upright and as integers, profile, EXIF and XMP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core import exif
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, UsageError
from lichtbild.core.frame import Frame
from lichtbild.output.icc import RGB_TO_XYZ, icc_profile, space_name
from lichtbild.output.iptc import with_iptc
from lichtbild.output.metadata import SOFTWARE, carried_exif
from lichtbild.output.preview import PREVIEW_PX, baseline_jpeg, fitted
from lichtbild.output.xmp import Provenance, xmp_packet

Pixels = npt.NDArray[Any]

_ROWS = 64

# EXIF asks for a thumbnail of 160 x 120.
THUMBNAIL_PX = 160


@dataclass(frozen=True, eq=False)
class Picture:
    """A display frame ready to be coded.

    Parameters
    ----------
    pixels
        uint8 or uint16 [H, W, 3], upright, C-contiguous.
    icc, xmp
        Profile and packet as bytes.
    tags
        EXIF of the picture as `core.exif` takes it.
    space
        Name of the colour space that `icc` describes.
    carried_xmp, iptc
        Packet and IPTC-IIM record of the original.
    """

    pixels: Pixels
    icc: bytes
    xmp: bytes
    tags: dict[str, dict[int, Any]]
    space: str = "srgb"
    carried_xmp: bytes = b""
    iptc: bytes = b""

    def thumbnail(self) -> bytes:
        """A JPEG of at most 160 x 160."""
        shown = self.pixels if self.pixels.dtype == np.uint8 else (self.pixels[::4, ::4] >> 8).astype(np.uint8)
        return baseline_jpeg(fitted(shown, THUMBNAIL_PX), 80)


def prepared(frame: Frame, bits: int, *, provenance: Provenance | None = None, software: str = SOFTWARE) -> Picture:
    """`frame` (DISPLAY_RGB) as a picture of `bits` (8 or 16) a sample, turned upright, with all its metadata.

    Raises
    ------
    UsageError
        If `bits` is another number.
    DomainError
        If the frame is not display-referred, or its colour space has no profile.
    """
    if bits not in (8, 16):
        raise UsageError(f"{bits} bits a sample are not written", hint="8 or 16")
    frame.require(Domain.DISPLAY_RGB)
    space = space_name(frame.colour_space)
    pixels = turned(as_bits(frame.pixels, bits), frame.info.orientation)
    tags = carried_exif(frame.info, software)
    tags["ifd0"] |= {274: 1, 282: (72, 1), 283: (72, 1), 296: 2}
    height, width = pixels.shape[:2]
    tags["exif"] |= {40961: 1 if space == "srgb" else 65535, 40962: width, 40963: height}
    carried = with_iptc(frame.info.tags.xmp, frame.info.tags.iptc)
    packet = xmp_packet(carried, provenance or {}, software)
    return Picture(pixels, icc_profile(space), packet, tags, space, carried, frame.info.tags.iptc)


def as_bits(pixels: Pixels, bits: int) -> Pixels:
    """Display pixels (uint8, uint16, or float 0..1) as uint8 or uint16; NaN becomes 0."""
    dtype, top = (np.uint8, 255) if bits == 8 else (np.uint16, 65535)
    if pixels.dtype == dtype:
        return pixels
    if pixels.ndim == 3 and len(pixels) > _ROWS:
        # In bands: the wide numbers between stay in the cache, and take no memory.
        out = np.empty(pixels.shape, dtype)
        for top_row in range(0, len(pixels), _ROWS):
            out[top_row : top_row + _ROWS] = as_bits(pixels[top_row : top_row + _ROWS], bits)
        return out
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(257)
    if pixels.dtype == np.uint16:
        # (v + 128) / 257 rounded down is v / 257 to the nearest; 257 = 65535 / 255.
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise DomainError(f"display pixels are uint8, uint16 or float, not {pixels.dtype}")
    numbers = pixels.astype(np.float32) * np.float32(top) + np.float32(0.5)
    np.fmax(numbers, 0, out=numbers)
    np.fmin(numbers, top, out=numbers)
    return numbers.astype(dtype)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """A view of `pixels` [H, W, ...] turned and mirrored as EXIF `orientation` says; what is not 2..8 does nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """A C-contiguous copy of `upright`; whole pixels are moved, which takes half the time of moving samples."""
    pixels = np.ascontiguousarray(pixels)
    whole = pixels.view(f"V{pixels.shape[2] * pixels.itemsize}")[..., 0]
    turned = np.ascontiguousarray(upright(whole, orientation))
    return turned[..., None].view(pixels.dtype)


def turned_back(pixels: Pixels, orientation: int) -> Pixels:
    """A view of an upright picture as the sensor saw it: the inverse of `upright`."""
    return upright(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def exif_directory(tags: dict[str, dict[int, Any]]) -> exif.Directory:
    """IFD0 with its Exif and GPS directories below, for a TIFF file."""
    directory = exif.Directory(exif.typed(tags.get("ifd0", {}), "ifd0"))
    for name, pointer in (("exif", exif.EXIF_POINTER), ("gps", exif.GPS_POINTER)):
        if tags.get(name):
            directory.children[pointer] = [exif.Directory(exif.typed(tags[name], name))]
    return directory


def limited_block(tags: dict[str, dict[int, Any]], thumbnail: bytes, most_bytes: int) -> bytes:
    """The EXIF block within `most_bytes`: without thumbnail, then without long values, where it would not fit."""
    block = exif.exif_block(tags, thumbnail)
    if len(block) > most_bytes:
        block = exif.exif_block(tags)
    if len(block) > most_bytes:
        short = {
            name: {t: v for t, v in group.items() if not (isinstance(v, str | bytes | tuple) and len(v) > 1000)}
            for name, group in tags.items()
        }
        block = exif.exif_block(short, thumbnail)
    return block if len(block) <= most_bytes else exif.exif_block({"ifd0": {274: 1}})


def srgb_preview(frame: Frame, longest_px: int = PREVIEW_PX) -> npt.NDArray[np.uint8]:
    """A DISPLAY_RGB frame as a small sRGB uint8 picture [h, w, 3], not turned: previews know no other space."""
    frame.require(Domain.DISPLAY_RGB)
    small = fitted(as_bits(frame.pixels, 8), longest_px)
    space = space_name(frame.colour_space)
    if space == "srgb":
        return small
    linear = cs.srgb_decode(small.astype(np.float32) / np.float32(255))
    matrix = (cs.XYZ_TO_SRGB @ RGB_TO_XYZ[space]).astype(np.float32)
    return as_bits(cs.srgb_encode(linear @ matrix.T), 8)


def suffix_of(path: str | Path) -> str:
    """The suffix in lower case."""
    return Path(path).suffix.lower()
