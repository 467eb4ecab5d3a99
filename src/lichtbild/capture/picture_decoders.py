"""Pixels of picture files as stored, by the libraries that know them, behind our own checks."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lichtbild.capture import icc
from lichtbild.capture.picture_headers import (
    Header,
    check_jpeg_is_whole,
    jpeg_header,
    png_header,
    pnm_header,
)
from lichtbild.capture.sniff import unreadable
from lichtbild.core import LichtbildError, MetadataError, UnreadableFile

Array = npt.NDArray[Any]
T = TypeVar("T")

MAX_PIXELS = 400_000_000
# Most bytes of pixels that a byte of file can become (JPEG: every block of 8 x 8 takes a bit; deflate: 1032 to 1; LZW
# and others, with room). A file that claims more is broken or means harm, and no memory is spent on it.
MAX_GROWTH = {"jpeg": 512, "png": 1100, "tiff": 4000, "pnm": 1}
PREVIEW_PX = 384
MAX_EXIF_TIFF_BYTES = 256 << 20


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """The bytes of a file (the first `limit`).

    Raises
    ------
    UnreadableFile
        As an error with the file's name.
    """
    try:
        with open(path, "rb") as file:
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise unreadable(path, error) from error


def read_header(path: Path, kind: str) -> Header:
    """What the file tells before its pixels, its size checked.

    Raises
    ------
    UnreadableFile
        If the header is broken, or the picture is over 400 MP.
    """
    reader: Callable[[Path], Header] = {
        "jpeg": lambda p: jpeg_header(read_bytes(p), str(p)), "png": lambda p: png_header(read_bytes(p), str(p)),
        "pnm": _pnm, "tiff": _tiff, "heic": _heic,
    }[kind]  # fmt: skip
    header = _guarded(path, reader)
    if header.width < 2 or header.height < 2:
        raise UnreadableFile(f"a picture of {header.width} x {header.height} px is too small", where=path)
    if header.width * header.height > MAX_PIXELS:
        raise UnreadableFile(
            f"{header.width} x {header.height} px is over the limit of {MAX_PIXELS // 10**6} MP", where=path
        )
    growth = MAX_GROWTH.get(kind)
    n_bytes = header.width * header.height * header.stored_bits / 8
    if growth is not None and n_bytes > growth * path.stat().st_size + 4096:
        raise UnreadableFile(f"the file is far too small for {header.width} x {header.height} px: cut off?", where=path)
    return header


def decode(path: Path, kind: str, header: Header) -> Array:
    """Stored numbers [H, W] or [H, W, channels], uint8, uint16 or float32, of the size the header gave.

    Raises
    ------
    UnreadableFile
        If the pixels are cut off, broken, or not what the header told.
    """
    decoder = {"jpeg": _decode_jpeg, "png": _decode_png, "pnm": _decode_pnm, "tiff": _decode_tiff, "heic": _decode_heic}
    pixels = _guarded(path, decoder[kind])
    if pixels.shape[:2] != (header.height, header.width):
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise UnreadableFile(f"the pixels are {size}, the header says otherwise", where=path)
    return pixels


def _guarded(path: Path, function: Callable[[Path], T]) -> T:
    """Every failure of a library as our error with the file's name."""
    try:
        return function(path)
    except LichtbildError:
        raise
    except MemoryError as error:
        raise UnreadableFile("there is not enough memory to read it", where=path) from error
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UnreadableFile(f"the picture is broken: {text}", where=path) from error


# ---- JPEG, PNG, netpbm


def _decode_jpeg(path: Path) -> Array:
    import imagecodecs

    data = read_bytes(path)
    check_jpeg_is_whole(data, str(path))
    if jpeg_header(data, str(path)).bits > 8:
        return np.asarray(imagecodecs.jpeg_decode(data))
    return np.asarray(imagecodecs.jpeg8_decode(data))


def jpeg_preview(data: bytes) -> Array | None:
    """A small sRGB picture uint8 [h, w, 3] of a JPEG, decoded at a fraction of its size; None where it is broken."""
    from PIL import JpegImagePlugin

    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.draft("RGB", (PREVIEW_PX, PREVIEW_PX))
        return np.asarray(image.convert("RGB"))
    except Exception:
        return None


def _decode_png(path: Path) -> Array:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(read_bytes(path)))


def _pnm(path: Path) -> Header:
    found = pnm_header(read_bytes(path, 4096), str(path))
    bits = 8 if found.maximum < 256 else 16
    name = f"netpbm, {found.n_channels} x {bits} bits"
    size = (found.width, found.height, found.n_channels, bits)
    return Header(*size, stored_bits=bits * found.n_channels, compression=name)


def decode_pnm(data: bytes, where: str) -> tuple[Array, int]:
    """Numbers [H, W] or [H, W, 3] of a binary PGM or PPM, uint8 or uint16, and the largest number there may be."""
    found = pnm_header(data, where)
    dtype = ">u1" if found.maximum < 256 else ">u2"
    shape = (found.height, found.width) if found.n_channels == 1 else (found.height, found.width, 3)
    n = found.height * found.width * found.n_channels
    if len(data) - found.start < n * np.dtype(dtype).itemsize:
        raise UnreadableFile("the netpbm picture is cut off", where=where)
    return np.frombuffer(data, dtype, n, found.start).reshape(shape).astype(dtype[1:]), found.maximum


def _decode_pnm(path: Path) -> Array:
    pixels, maximum = decode_pnm(read_bytes(path), str(path))
    full = 255 if pixels.dtype == np.uint8 else 65535
    if maximum == full:
        return pixels
    return np.round(np.minimum(pixels, maximum) * (full / maximum)).astype(pixels.dtype)


# ---- TIFF


def _tifffile() -> Any:
    """The library, its complaints about broken files kept from the terminal: ours are the ones that are shown."""
    import logging

    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return tifffile


def _tiff(path: Path) -> Header:
    tifffile = _tifffile()
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        width, height, tile = int(page.imagewidth), int(page.imagelength), int(page.tilewidth) * int(page.tilelength)
        if tile > 4 * max(width * height, 1 << 20):
            raise UnreadableFile("the tiles of the TIFF are larger than its picture", where=path)
        photometric = int(page.photometric)
        is_planar = page.planarconfig == 2
        n_channels = int(page.samplesperpixel)
        dtype = np.dtype(page.dtype) if page.dtype is not None else None
        if photometric not in (1, 2, 6) or n_channels not in (1, 2, 3, 4) or dtype is None:
            what = f"photometric {photometric} with {n_channels} channels"
            raise UnreadableFile(f"a TIFF of {what} is not read", where=path, hint="grey or RGB")
        if dtype.kind not in "uf" or dtype.itemsize not in (1, 2, 4) or dtype == np.uint32:
            raise UnreadableFile(f"a TIFF of {dtype} numbers is not read", where=path, hint="8 or 16 bits, or float")
        tags = {code: page.tags[code].value for code in (34675, 700) if code in page.tags}
        compression = f"TIFF, {page.compression.name.lower() if page.compression > 1 else 'uncompressed'}"
        return Header(
            width, height, n_channels, 8 * dtype.itemsize, is_float=dtype.kind == "f",
            stored_bits=int(page.bitspersample) * n_channels,
            icc=bytes(tags.get(34675, b"")), xmp=bytes(tags.get(700, b"")), exif=_tiff_exif(path),
            compression=compression + (", planar" if is_planar else ""),
        )  # fmt: skip


def _tiff_exif(path: Path) -> bytes:
    """A classic TIFF is an EXIF block itself; parsers follow its offsets."""
    if path.stat().st_size > MAX_EXIF_TIFF_BYTES:
        return b""
    data = read_bytes(path)
    return data if data[2:4] in (b"*\0", b"\0*") else b""


def _decode_tiff(path: Path) -> Array:
    tifffile = _tifffile()
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        pixels = np.asarray(page.asarray())
        if pixels.ndim == 3 and page.planarconfig == 2:
            pixels = np.moveaxis(pixels, 0, -1)
    return pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels


# ---- HEIC


def _pillow_heif(path: Path) -> Any:
    if importlib.util.find_spec("pillow_heif") is None:
        raise UnreadableFile("HEIC pictures need an extra library", where=path, hint="pip install 'lichtbild[heic]'")
    import pillow_heif

    # Our own limit stands in `read_header`; libheif's is the same guard on its side.
    return pillow_heif


def _heic(path: Path) -> Header:
    image = _pillow_heif(path).open_heif(path, convert_hdr_to_8bit=False)
    info = image.info
    width, height = image.size
    is_deep = "16" in image.mode
    profile = None
    nclx = info.get("nclx_profile") or {}
    if not info.get("icc_profile") and nclx:
        codes = int(nclx.get("color_primaries", 1)), int(nclx.get("transfer_characteristics", 13))
        if codes[1] in (16, 18) or codes[0] != 2:
            profile = icc.from_code_points(*codes, str(path))
    exif = info.get("exif") or b""
    xmp = info.get("xmp") or b""
    return Header(
        width, height, 4 if "A" in image.mode.upper() else 3, 16 if is_deep else 8, icc=info.get("icc_profile") or b"",
        exif=exif.removeprefix(b"Exif\0\0"), xmp=xmp.encode() if isinstance(xmp, str) else xmp, profile=profile,
        compression=f"HEIF, {info.get('bit_depth', 8)} bits", is_upright=True,
    )  # fmt: skip


def _decode_heic(path: Path) -> Array:
    image = _pillow_heif(path).open_heif(path, convert_hdr_to_8bit=False)
    if image.mode.split(";")[0] not in ("RGB", "RGBA", "L", "LA"):
        raise MetadataError(f"HEIF mode {image.mode} is not read", where=path)
    return np.asarray(image)
