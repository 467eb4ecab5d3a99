"""What a file really is, told from its bytes. Names lie: phones write HEIC as .jpg, people rename, downloads break."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lichtbild.core import UnreadableFile

HEAD_BYTES = 512

# Kinds that `open_file` can read.
RAW_KINDS = frozenset({"dng", "raw"})
PICTURE_KINDS = frozenset({"jpeg", "heic", "png", "tiff", "pnm"})

_RAW_NAMES = "dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 pef srw 3fr fff iiq mrw x3f dcr kdc"
_RAW_SUFFIXES = frozenset(f".{name}" for name in _RAW_NAMES.split())
_SUFFIXES = {
    "dng": ".dng", "jpeg": ".jpg .jpeg .jpe .jfif", "heic": ".heic .heif .hif", "png": ".png",
    "tiff": ".tif .tiff", "pnm": ".pgm .ppm .pnm .pbm",
}  # fmt: skip

_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "png", "a PNG picture"),
    (0, b"FUJIFILMCCD-RAW", "raw", "a Fujifilm raw (RAF)"),
    (0, b"IIRO", "raw", "an Olympus raw (ORF)"),
    (0, b"IIRS", "raw", "an Olympus raw (ORF)"),
    (0, b"MMOR", "raw", "an Olympus raw (ORF)"),
    (0, b"IIU\0", "raw", "a Panasonic raw (RW2)"),
    (0, b"\0MRM", "raw", "a Minolta raw (MRW)"),
    (0, b"FOVb", "raw", "a Sigma raw (X3F)"),
    (6, b"HEAPCCDR", "raw", "a Canon raw (CRW)"),
    (0, b"MOTION ", "video", "a MotionCam raw video (.mcraw)"),
    (0, b"\xff\x0a", "jxl", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "jxl", "a JPEG XL picture"),
    (0, b"\x76\x2f\x31\x01", "exr", "an OpenEXR picture"),
    (0, b"GIF8", "gif", "a GIF picture"),
    (8, b"WEBP", "webp", "a WebP picture"),
    (0, b"BM", "bmp", "a BMP picture"),
    (0, b"\x93NUMPY", "npy", "a NumPy array"),
    (0, b"PK\x03\x04", "zip", "a ZIP archive"),
    (0, b"%PDF", "pdf", "a PDF document"),
    (0, b"\x1a\x45\xdf\xa3", "video", "a video"),
)

_BRANDS = {
    b"crx ": ("raw", "a Canon raw (CR3)"),
    b"avif": ("avif", "an AVIF picture"), b"avis": ("avif", "an AVIF picture"),
    b"heic": ("heic", "a HEIC picture"), b"heix": ("heic", "a HEIC picture"), b"heim": ("heic", "a HEIC picture"),
    b"heis": ("heic", "a HEIC picture"), b"mif1": ("heic", "a HEIF picture"), b"msf1": ("heic", "a HEIF sequence"),
    b"hevc": ("heic", "a HEIC picture"), b"hevx": ("heic", "a HEIC picture"),
}  # fmt: skip

_HINTS = {
    "zip": "unpack it first",
    "npy": "lichtbild.capture.open_mosaic_array or open_picture_array",
    "video": "export its frames as DNG first",
    "jxl": "convert it to PNG or TIFF first",
    "avif": "convert it to PNG or TIFF first",
    "webp": "convert it to PNG or TIFF first",
    "empty": "copy the file again from the camera",
    "zeros": "copy the file again from the camera",
}


@dataclass(frozen=True)
class Sniffed:
    """What the bytes say.

    Parameters
    ----------
    kind
        "dng", "raw" (a vendor's), "jpeg", "heic", "png", "tiff", "pnm", or a kind that cannot be read ("text", "empty",
        "zip", "video", "unknown", ...).
    what
        For people: "a JPEG picture".
    """

    kind: str
    what: str

    @property
    def is_readable(self) -> bool:
        return self.kind in RAW_KINDS or self.kind in PICTURE_KINDS


def sniff(path: str | Path) -> Sniffed:
    """Tell what `path` is from its first bytes (and a TIFF's directories); O(1), at most a few kB are read.

    Raises
    ------
    UnreadableFile
        If there is no such file, it is a directory, or it may not be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            if head[:4] in (b"II*\0", b"MM\0*"):
                return _sniff_tiff(file, "<" if head[:2] == b"II" else ">")
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise unreadable(path, error) from error
    return sniff_head(head, size)


def unreadable(path: str | Path, error: OSError) -> UnreadableFile:
    """The error that a photographer understands for an operating system's refusal."""
    if isinstance(error, FileNotFoundError):
        return UnreadableFile("there is no such file", where=path)
    if isinstance(error, IsADirectoryError) or Path(path).is_dir():
        return UnreadableFile("is a folder, not a picture", where=path, hint="lichtbild.read(folder)")
    if isinstance(error, PermissionError):
        return UnreadableFile("you may not read this file", where=path, hint="check its permissions")
    return UnreadableFile(f"cannot be read: {error.strerror or error}", where=path)


def sniff_head(head: bytes, size: int) -> Sniffed:
    """The same from the first bytes of a file that is no TIFF. `size` in bytes."""
    if size == 0 or not head:
        return Sniffed("empty", "an empty file (0 bytes)")
    if head[4:8] == b"ftyp":
        return _sniff_iso_media(head)
    for offset, magic, kind, what in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return Sniffed(kind, what)
    if head[:4] in (b"II+\0", b"MM\0+"):
        return Sniffed("tiff", "a BigTIFF picture")
    if head[:4] in (b"IIII", b"MMMM"):
        return Sniffed("raw", "a Phase One raw (IIQ)")
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n":
        return Sniffed("pnm", f"a netpbm picture (P{head[1:2].decode()})")
    if not head.strip(b"\0"):
        return Sniffed("zeros", "a file of zeros (a copy that broke off)")
    if _is_text(head):
        return Sniffed("text", "a web page" if b"<html" in head[:256].lower() else "text")
    return Sniffed("unknown", "of no kind known here")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)


def _sniff_iso_media(head: bytes) -> Sniffed:
    length = min(max(struct.unpack(">I", head[:4])[0], 16), len(head))
    brands = [head[8:12], *(head[k : k + 4] for k in range(16, length - 3, 4))]
    for brand in brands:
        if brand in _BRANDS:
            return Sniffed(*_BRANDS[brand])
    return Sniffed("video", "a video")


# ---- TIFF family: what lies in its directories tells a DNG, a vendor's raw and a picture apart

_SUBIFDS, _COMPRESSION, _PHOTOMETRIC, _MAKE, _DNG_VERSION = 330, 259, 262, 271, 50706
_CFA_PHOTOMETRIC = 32803
_VENDOR_COMPRESSIONS = frozenset({32767, 32769, 32770, 34713, 65535, 65000, 65024})


def _sniff_tiff(file: BinaryIO, order: str) -> Sniffed:
    file.seek(4)
    offset_bytes = file.read(6)
    if len(offset_bytes) >= 6 and offset_bytes[4:6] == b"CR":
        return Sniffed("raw", "a Canon raw (CR2)")
    if len(offset_bytes) < 4:
        return Sniffed("tiff", "a TIFF picture")
    pending, seen, is_raw, make = [struct.unpack(order + "I", offset_bytes[:4])[0]], set[int](), False, ""
    while pending and len(seen) < 16:
        offset = pending.pop(0)
        if offset in seen or offset < 8:
            continue
        seen.add(offset)
        values, following = _directory(file, offset, order)
        if _DNG_VERSION in values:
            return Sniffed("dng", "a DNG")
        photometric, compression = values.get(_PHOTOMETRIC, (0,)), values.get(_COMPRESSION, (0,))
        is_raw |= _CFA_PHOTOMETRIC in photometric or compression[0] in _VENDOR_COMPRESSIONS
        make = make or _text(file, values.get(_MAKE, ()))
        pending += [*values.get(_SUBIFDS, ())[:8], following]
    if is_raw:
        return Sniffed("raw", f"a raw of {make.title()}" if make else "a raw without DNG tags")
    return Sniffed("tiff", "a TIFF picture")


def _directory(file: BinaryIO, offset: int, order: str) -> tuple[dict[int, tuple[int, ...]], int]:
    """{tag: numbers} of the tags looked at, and the next directory. Lenient: nothing is raised."""
    values: dict[int, tuple[int, ...]] = {}
    file.seek(offset)
    count_bytes = file.read(2)
    if len(count_bytes) < 2:
        return values, 0
    n = struct.unpack(order + "H", count_bytes)[0]
    entries = file.read(12 * n + 4)
    for k in range(min(n, len(entries) // 12)):
        tag, kind, count = struct.unpack_from(order + "HHI", entries, 12 * k)
        if tag not in (_SUBIFDS, _COMPRESSION, _PHOTOMETRIC, _MAKE, _DNG_VERSION):
            continue
        if tag == _MAKE:
            inline = struct.unpack_from(order + "I", entries, 12 * k + 8)[0]
            values[tag] = (offset + 2 + 12 * k + 8 if count <= 4 else inline, min(count, 64))
        elif kind == 3 and count >= 1:
            values[tag] = struct.unpack_from(order + "H", entries, 12 * k + 8)
        elif kind in (4, 13) and count > 1:
            file.seek(struct.unpack_from(order + "I", entries, 12 * k + 8)[0])
            raw = file.read(4 * min(count, 8))
            values[tag] = struct.unpack(f"{order}{len(raw) // 4}I", raw[: len(raw) // 4 * 4]) or (0,)
        else:
            values[tag] = struct.unpack_from(order + "I", entries, 12 * k + 8)
    following = struct.unpack_from(order + "I", entries, 12 * n)[0] if len(entries) == 12 * n + 4 else 0
    return values, following


def _text(file: BinaryIO, where: tuple[int, ...]) -> str:
    if len(where) != 2:
        return ""
    file.seek(where[0])
    return file.read(where[1]).split(b"\0")[0].decode("ascii", "replace").strip()


# ---- name against content


def check_name(path: str | Path, sniffed: Sniffed) -> tuple[str, ...]:
    """Hold the name against the content.

    Returns
    -------
    Reasons, a line each: empty where the name fits, one where the content is as good as the name promised.

    Raises
    ------
    UnreadableFile
        If the content cannot be read, or the name promises a raw and the content is a developed picture.
    """
    suffix = Path(path).suffix.lower()
    promised = f"{suffix[1:].upper()}" if suffix else "picture"
    if not sniffed.is_readable:
        message = f"is {sniffed.what}" + (f", not a {promised}" if suffix in _all_suffixes() else "")
        hint = _HINTS.get(sniffed.kind, "DNG, camera raw, JPEG, HEIC, PNG, TIFF")
        raise UnreadableFile(message, where=path, hint=hint)
    if suffix in _RAW_SUFFIXES and sniffed.kind in PICTURE_KINDS:
        right = _SUFFIXES[sniffed.kind].split()[0]
        raise UnreadableFile(
            f"is {sniffed.what}, not a {promised} raw", where=path, hint=f"rename it to {right} to use it as a picture"
        )
    if suffix in _all_suffixes() and not _fits(suffix, sniffed.kind):
        return (f"the name says {suffix}, the file is {sniffed.what}",)
    return ()


def has_picture_suffix(path: str | Path) -> bool:
    """Whether the name promises something that can be read."""
    return Path(path).suffix.lower() in _all_suffixes()


def _all_suffixes() -> frozenset[str]:
    return _RAW_SUFFIXES | {s for names in _SUFFIXES.values() for s in names.split()}


def _fits(suffix: str, kind: str) -> bool:
    return (kind == "raw" and suffix in _RAW_SUFFIXES) or suffix in _SUFFIXES.get(kind, "").split()
