"""AVIF and HEIC: 8 or 10 bits, SDR, SDR with a gain map, or HDR as PQ or HLG, with EXIF, XMP and profile."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.errors import UsageError
from lichtbild.core.frame import Frame
from lichtbild.output import boxes
from lichtbild.output.boxes import Item, Property, box, full_box
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.gain_map import GainMap, measure
from lichtbild.output.hdr_signal import SDR_WHITE_NITS, signal
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.picture import Picture, as_bits, prepared, turned
from lichtbild.output.xmp import Provenance

Pixels = npt.NDArray[Any]
HDR_KINDS = ("gain-map", "pq", "hlg", "none")
MIMES = {"avif": "image/avif", "heic": "image/heic"}
# CICP numbers of ITU-T H.273.
_PRIMARIES = {"srgb": 1, "p3": 12, "rec2020": 9, "prophoto": 2}
_SRGB_CURVE, _LINEAR, _PQ, _HLG = 13, 8, 16, 18
_BT601, _BT2020 = 6, 9
# A gain map is smooth: at this quality its codes come back to within two.
_MAP_QUALITY = 90
# Colour at full resolution from here on; below, the eye is not asked for it.
_FULL_COLOUR_QUALITY = 85


@dataclass(frozen=True)
class HeifOptions:
    """How AVIF and HEIC are coded.

    Parameters
    ----------
    quality
        1 to 100; 80 can hardly be told from the original.
    speed
        0 (slow, small) to 10 (fast, large).
    bits
        8 or 10 a sample; HDR signals always have 10.
    hdr
        What is made of an HDR picture: "gain-map" (SDR picture with a gain map), "pq" or "hlg" (the HDR picture as a
        signal of BT.2100), "none" (left out).
    """

    quality: int = 80
    speed: int = 8
    bits: int = 10
    hdr: str = "gain-map"

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"{self.quality} is no quality", where="quality", hint="1 to 100")
        if not 0 <= self.speed <= 10:
            raise UsageError(f"{self.speed} is no speed", where="speed", hint="0 to 10")
        if self.bits not in (8, 10):
            raise UsageError(f"{self.bits} bits a sample are not written", where="bits", hint="8 or 10")
        if self.hdr not in HDR_KINDS:
            raise UsageError(f"{self.hdr!r} is no form of HDR", where="hdr", hint=", ".join(HDR_KINDS))


def write_heif(
    path: str | Path,
    frame: Frame,
    codec: str,
    *,
    hdr: npt.NDArray[np.float32] | None = None,
    options: HeifOptions | None = None,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    credentials: Credentials | None = None,
    force: bool = False,
) -> None:
    """Write a DISPLAY_RGB frame as AVIF or HEIC.

    Parameters
    ----------
    codec
        "avif" (AV1) or "heic" (HEVC; needs the package pillow-heif).
    path, frame, hdr, provenance, software, credentials, force
        As `jpeg.write_jpeg`.

    Raises
    ------
    UsageError
        If a package is missing, or an HDR signal is wanted without an HDR picture.
    DomainError, ShapeError, OutputError
        As `jpeg.write_jpeg`.

    Notes
    -----
    Cost: O(H W); the coders take seconds for 12 MP, see benchmarks/RESULTS.md.
    """
    options = options or HeifOptions()
    code = _coder(codec)
    picture = prepared(frame, 16 if options.bits == 10 else 8, provenance=provenance, software=software)
    light = None if hdr is None else turned(hdr, frame.info.orientation)
    if options.hdr in ("pq", "hlg"):
        if light is None:
            raise UsageError(
                f"there is no HDR picture to write as {options.hdr.upper()}", where=path, hint="develop with --hdr"
            )
        items = _signal_items(picture, light, code, options)
        shown = 1
    else:
        gain_map = None
        if light is not None and options.hdr == "gain-map":
            gain_map = measure(as_bits(picture.pixels, 8), light)
        items = _picture_items(picture, code, options, gain_map)
        shown = 1 if gain_map is None else 3
    items += _metadata_items(picture)
    brand, compatible = (b"avif", (b"avif", b"mif1", b"miaf")) if codec == "avif" else (b"heic", (b"heic", b"mif1"))
    if codec == "heic" and options.bits == 10:
        compatible = (*compatible, b"heix")
    if shown != 1:
        compatible = (*compatible, b"tmap")
    pieces = boxes.picture_file(brand, compatible, items, 1, shown)
    signed(path, pieces, MIMES[codec], credentials, provenance or {}, force=force)


def _picture_items(picture: Picture, code: Any, options: HeifOptions, gain_map: GainMap | None) -> list[Item]:
    """The SDR picture; with its gain map, and the HDR picture that is derived from both, if there is one."""
    primaries = _PRIMARIES[picture.space]
    colour = (primaries, _SRGB_CURVE, _BT601)
    base = code(picture.pixels, options, options.quality, colour)
    profile = box(b"colr", b"prof", picture.icc)
    items = [_item(base, (_nclx(colour), profile))]
    if gain_map is not None:
        quick = HeifOptions(_MAP_QUALITY, options.speed, 8)
        codes = gain_map.codes if gain_map.codes.ndim == 3 else np.repeat(gain_map.codes[..., None], 3, 2)
        of_map = code(codes, quick, _MAP_QUALITY, (2, 2, _BT601))
        items.append(_item(of_map, (_nclx((2, 2, _BT601)),), is_hidden=True))
        height, width = picture.pixels.shape[:2]
        derived: tuple[Property, ...] = (
            (full_box(b"ispe", 0, 0, struct.pack(">II", width, height)), False),
            (full_box(b"pixi", 0, 0, b"\3\x10\x10\x10"), False),
            (_nclx((primaries, _LINEAR, 0)), False),
        )
        items.append(Item(b"tmap", b"\0" + gain_map.iso(), derived, references=((b"dimg", (1, 2)),)))
    return items


def _signal_items(picture: Picture, light: npt.NDArray[np.float32], code: Any, options: HeifOptions) -> list[Item]:
    """The HDR picture alone."""
    coded = as_bits(signal(light, picture.space, options.hdr), 16)
    colour = (9, _PQ if options.hdr == "pq" else _HLG, _BT2020)
    options = HeifOptions(options.quality, options.speed, 10, options.hdr)
    extra: tuple[bytes, ...] = ()
    if options.hdr == "pq":
        extra = (_light_level(light),)
    return [_item(code(coded, options, options.quality, colour), (_nclx(colour), *extra))]


def _light_level(light: npt.NDArray[np.float32]) -> bytes:
    """Content light level: brightest pixel and brightest average of a frame, here of this one, in cd/m2."""
    brightest = np.nan_to_num(light.max(axis=2))
    levels = (float(brightest.max()), float(brightest[::4, ::4].mean()))
    return box(b"clli", struct.pack(">HH", *(min(round(v * SDR_WHITE_NITS), 65535) for v in levels)))


def _item(
    coded: tuple[bytes, bytes, dict[bytes, bytes]], colours: tuple[bytes, ...], *, is_hidden: bool = False
) -> Item:
    kind, data, found = coded
    config = b"av1C" if kind == b"av01" else b"hvcC"
    properties: list[Property] = [(found[b"ispe"], False), (found[config], True)]
    if b"pixi" in found:
        properties.append((found[b"pixi"], False))
    # The crop of an encoder that codes whole blocks only.
    properties += [(colour, False) for colour in colours]
    if b"clap" in found:
        properties.append((found[b"clap"], True))
    return Item(kind, data, tuple(properties), is_hidden=is_hidden)


def _metadata_items(picture: Picture) -> list[Item]:
    block = struct.pack(">I", 0) + exif.exif_block(picture.tags, picture.thumbnail())
    describes = ((b"cdsc", (1,)),)
    return [
        Item(b"Exif", block, references=describes),
        Item(b"mime", picture.xmp, content_type=b"application/rdf+xml", references=describes),
    ]


def _nclx(colour: tuple[int, int, int]) -> bytes:
    """Colour as numbers of H.273, full range."""
    return box(b"colr", b"nclx", struct.pack(">HHHB", *colour, 0x80))


def _coder(codec: str) -> Any:
    if codec == "avif":
        return _avif
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        raise UsageError(
            "pillow-heif, which writes HEIC, is not installed", hint="pip install 'lichtbild[heic]'"
        ) from None
    return _heic


def _avif(pixels: Pixels, options: HeifOptions, quality: int, colour: tuple[int, int, int]) -> Any:
    import imagecodecs

    bits = options.bits if pixels.dtype == np.uint16 else 8
    samples = _ten_bits(pixels) if bits == 10 else pixels
    layout = "yuv444" if quality >= _FULL_COLOUR_QUALITY else "yuv420"
    file = imagecodecs.avif_encode(
        samples, quality, speed=options.speed, bitspersample=bits, pixelformat=layout,
        primaries=colour[0], transfer=colour[1], matrix=colour[2], numthreads=os.cpu_count() or 1,
    )  # fmt: skip
    return boxes.coded_picture(bytes(file))


def _heic(pixels: Pixels, options: HeifOptions, quality: int, colour: tuple[int, int, int]) -> Any:
    import pillow_heif

    height, width = pixels.shape[:2]
    is_deep = pixels.dtype == np.uint16
    preset = ("placebo", "veryslow", "slower", "slow", "medium", "fast", "faster", "veryfast", "superfast",
              "ultrafast", "ultrafast")[options.speed]  # fmt: skip
    image = pillow_heif.from_bytes(
        "RGB;16" if is_deep else "RGB", (width, height), np.ascontiguousarray(pixels).tobytes()
    )
    target = io.BytesIO()
    image.save(
        target, quality=quality, chroma=444 if quality >= _FULL_COLOUR_QUALITY else 420, save_nclx_profile=True,
        matrix_coefficients=colour[2], color_primaries=colour[0], transfer_characteristics=colour[1], full_range_flag=1,
        enc_params={"preset": preset},
    )  # fmt: skip
    return boxes.coded_picture(target.getvalue())


def _ten_bits(pixels: Pixels) -> Pixels:
    """uint16 0..65535 as 0..1023, to the nearest."""
    return np.asarray((pixels.astype(np.uint32) * 1023 + 32767) // 65535, np.uint16)
