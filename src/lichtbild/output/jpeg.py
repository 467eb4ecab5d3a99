"""JPEG with EXIF, XMP, IPTC and profile; with a gain map behind it where there is an HDR picture too.

The picture itself is coded the same with and without a gain map: who knows nothing of gain maps sees the plain JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UsageError
from lichtbild.core.frame import Frame
from lichtbild.output import jpeg_parts as parts
from lichtbild.output import jpeg_quality
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.gain_map import ISO_IDENTIFIER, GainMap, measure
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.picture import Picture, limited_block, prepared, turned
from lichtbild.output.xmp import Provenance, xmp_packet

MIME = "image/jpeg"
CODERS = ("fast", "progressive", "small")
# Codes of a gain map stand for up to 1/80 EV each: at this quality they come back to within one or two.
MAP_QUALITY = 90
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class JpegOptions:
    """How a JPEG is coded.

    Parameters
    ----------
    quality
        1 to 100, as libjpeg counts.
    subsampling
        "444" (full colour resolution), "422" or "420".
    coder
        "fast": libjpeg-turbo. "progressive": the same in several passes, 5 to 10 % smaller, shown coarse to fine.
        "small": jpegli with MozJPEG's order of passes (packages pyjpegli and mozjpeg-lossless-optimization), always
        "420": half the size at the same error.
    kbytes
        Choose the highest quality whose whole file has at most so many kB (1000 bytes); `quality` is not used.
    difference
        Choose the lowest quality at which 95 % of the picture differs by at most so many CIEDE2000; likewise.
    """

    quality: int = 95
    subsampling: str = "444"
    coder: str = "fast"
    kbytes: float | None = None
    difference: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"{self.quality} is no JPEG quality", hint="1 to 100")
        if self.subsampling not in ("444", "422", "420"):
            raise UsageError(f"{self.subsampling!r} is no chroma subsampling", hint="444, 422 or 420")
        if self.coder not in CODERS:
            raise UsageError(f"{self.coder!r} is no JPEG coder", hint=", ".join(CODERS))
        if self.kbytes is not None and self.difference is not None:
            raise UsageError("kbytes and difference both choose the quality", hint="one of them")
        for name, value in (("kbytes", self.kbytes), ("difference", self.difference)):
            if value is not None and not 0 < value < 1e7:
                raise UsageError(f"{value} is out of bounds", where=name, hint="a positive number")


def write_jpeg(
    path: str | Path,
    frame: Frame,
    *,
    hdr: npt.NDArray[np.float32] | None = None,
    options: JpegOptions | None = None,
    quality: int | None = None,
    subsampling: str | None = None,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    credentials: Credentials | None = None,
    force: bool = False,
) -> None:
    """Write a DISPLAY_RGB frame as JPEG.

    Parameters
    ----------
    path
        The file to be.
    frame
        DISPLAY_RGB, uint8, uint16 or float; turned upright by `info.orientation`.
    hdr
        The same scene for an HDR display: float32 [H, W, 3], oriented as `frame`, linear light in its primaries
        relative to SDR white. Written as a gain map; left out where it is not brighter than the SDR picture.
    options
        How it is coded; `quality` and `subsampling` are short for two of them.
    provenance
        What was done, for the XMP packet (see `xmp.xmp_packet`).
    software
        For the tags Software and CreatorTool.
    credentials
        Sign the file with these.
    force
        Replace a file that is there.

    Raises
    ------
    UsageError
        If an option is out of bounds, or a coder or signer is not installed.
    DomainError, ShapeError, OutputError
        As `picture.prepared`, `gain_map.measure` and `atomic.written_whole`.

    Notes
    -----
    Cost: O(H W), 0.1 s of processor for 12 MP (libjpeg-turbo), 0.3 s with a gain map.
    """
    options = _chosen(options, quality, subsampling)
    picture = prepared(frame, 8, provenance=provenance, software=software)
    gain_map = None if hdr is None else measure(picture.pixels, turned(hdr, frame.info.orientation))
    pieces = encoded(picture, options, gain_map, software=software, provenance=provenance or {})
    signed(path, pieces, MIME, credentials, provenance or {}, force=force)


def _chosen(options: JpegOptions | None, quality: int | None, subsampling: str | None) -> JpegOptions:
    options = options or JpegOptions()
    return JpegOptions(
        options.quality if quality is None else quality,
        options.subsampling if subsampling is None else subsampling,
        options.coder, options.kbytes, options.difference,
    )  # fmt: skip


def encoded(
    picture: Picture,
    options: JpegOptions,
    gain_map: GainMap | None = None,
    *,
    software: str = SOFTWARE,
    provenance: Provenance,
) -> list[bytes | memoryview]:
    """The pieces of a file."""
    # Full colour resolution is "centred"; a half resolution of libjpeg is centred too.
    picture.tags["ifd0"][531] = 1
    picture.tags["exif"] |= {37121: b"\1\2\3\0", 40960: b"0100"}
    if picture.tags["exif"][40961] == 1:
        picture.tags["interop"] = {1: "R98", 2: b"0100"}
    second = b"" if gain_map is None else _gain_map_file(gain_map)
    head = _head(picture, software, provenance, len(second))
    overhead = sum(map(len, head)) + len(second) + (parts.MPF_SEGMENT_BYTES + 64 if second else 0)
    coded = memoryview(_coded(picture.pixels, options, overhead))
    body = parts.after_jfif(coded)
    if not second:
        return [*head, body]
    head.append(parts.segment(0xE2, ISO_IDENTIFIER + bytes(4)))
    at = sum(map(len, head))
    primary_bytes = at + parts.MPF_SEGMENT_BYTES + len(body)
    mpf = parts.mpf_segment(primary_bytes, len(second), at)
    return [*head, mpf, body, second]


def _head(picture: Picture, software: str, provenance: Provenance, second_bytes: int) -> list[bytes]:
    block = limited_block(picture.tags, picture.thumbnail(), parts.SEGMENT_BYTES - len(parts.EXIF))
    xmp, most = (
        xmp_packet(picture.carried_xmp, provenance, software, second_bytes),
        parts.SEGMENT_BYTES - len(parts.XMP),
    )
    if len(xmp) > most:
        xmp = xmp_packet(b"", provenance, software, second_bytes)
    head = [parts.SOI, parts.segment(0xE1, parts.EXIF + block)]
    if len(xmp) <= most:
        head.append(parts.segment(0xE1, parts.XMP + xmp))
    if 0 < len(picture.iptc) < 60_000:
        head.append(parts.iptc_segment(picture.iptc))
    return head + parts.icc_segments(picture.icc)


def _gain_map_file(gain_map: GainMap) -> bytes:
    """The JPEG that stands behind the picture."""
    coded = memoryview(_turbo(gain_map.codes, MAP_QUALITY, "444"))
    return b"".join([
        parts.SOI,
        parts.segment(0xE1, parts.XMP + gain_map.xmp()),
        parts.segment(0xE2, ISO_IDENTIFIER + gain_map.iso()),
        parts.after_jfif(coded),
    ])  # fmt: skip


def _coded(pixels: Pixels, options: JpegOptions, overhead: int) -> bytes:
    def coder(some: Pixels, quality: int) -> bytes:
        if options.coder == "fast":
            return _turbo(some, quality, options.subsampling)
        return _small(some, quality) if options.coder == "small" else _progressive(some, quality, options.subsampling)

    if options.kbytes is not None:
        return jpeg_quality.for_size(pixels, max(int(1000 * options.kbytes) - overhead, 0), coder)[1]
    quality = options.quality
    if options.difference is not None:
        quality = jpeg_quality.for_difference(pixels, options.difference, coder, _decoded)
    return coder(pixels, quality)


def _turbo(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    import imagecodecs

    if pixels.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(pixels, level=quality))
    return bytes(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling=subsampling))


def _progressive(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    layout = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}[subsampling]
    Image.fromarray(pixels).save(
        file, "JPEG", quality=quality, subsampling=layout, progressive=True, optimize=True, dpi=(72, 72)
    )
    return file.getvalue()


def _small(pixels: Pixels, quality: int) -> bytes:
    try:
        import mozjpeg_lossless_optimization
        import pyjpegli
    except ImportError:
        raise UsageError(
            "the coder of small JPEGs is not installed", where="coder", hint="pip install 'lichtbild[small]'"
        ) from None
    height, width = pixels.shape[:2]
    coded = pyjpegli.encode(np.ascontiguousarray(pixels), width, height, quality)
    return bytes(mozjpeg_lossless_optimization.optimize(coded))


def _decoded(coded: bytes) -> Pixels:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg8_decode(coded))
