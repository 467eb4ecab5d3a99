"""What JPEG, PNG and netpbm files tell before a pixel is decoded: size, depth, profile, EXIF, XMP.

Read by ourselves, so that sizes are checked before any memory is spent.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from lichtbild.capture import icc as icc_profiles
from lichtbild.core import MetadataError, UnreadableFile

MAX_SEGMENT_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Header:
    """What a picture file tells before its pixels.

    Parameters
    ----------
    width, height
        px, as stored (before EXIF orientation).
    n_channels
        1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
    bits
        Bits a channel.
    stored_bits
        Bits a pixel before compression (JPEG: 8, of one channel); 0: not told.
    is_float
        Whether the channels are floating point.
    icc, exif, xmp, iptc
        Packets as bytes (IPTC: the IIM record alone), or empty.
    profile
        The colour space where the file gives it in another form than ICC; None: not told.
    compression
        For `inspect`.
    is_upright
        Whether the decoder turns the picture upright itself (EXIF orientation has been used up).
    reasons
        What was assumed, a line each.
    """

    width: int
    height: int
    n_channels: int
    bits: int
    stored_bits: int = 0
    is_float: bool = False
    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    profile: icc_profiles.Profile | None = None
    compression: str = ""
    is_upright: bool = False
    reasons: tuple[str, ...] = field(default=())


# ---- JPEG (ITU-T T.81; EXIF, ICC and XMP segments)

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOF_NAMES = {0xC0: "baseline JPEG", 0xC1: "sequential JPEG", 0xC2: "progressive JPEG", 0xC3: "lossless JPEG"}


def jpeg_header(data: bytes, where: str) -> Header:
    """Walk the segments up to the first scan.

    Raises
    ------
    UnreadableFile
        If the segments break off or hold no frame.
    """
    frame: tuple[int, int, int, int, int] | None = None
    exif, xmp, iptc, chunks, position = b"", b"", b"", dict[int, bytes](), 2
    while True:
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if position + 4 > len(data) or data[position] != 0xFF:
            raise UnreadableFile("the JPEG breaks off in its header", where=where)
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        body = data[position + 4 : position + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise UnreadableFile("the JPEG breaks off in its header", where=where)
        position += 2 + length
        if marker in _SOF and len(body) >= 6:
            frame = (marker, *struct.unpack_from(">BHHB", body))
        elif marker == 0xE1 and body.startswith(b"Exif\0") and not exif:
            exif = body[6:]
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0") and not xmp:
            xmp = body[29:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            chunks.setdefault(body[12], body[14:])
        elif marker == 0xED and body.startswith(_PHOTOSHOP) and not iptc:
            iptc = _iptc(body[len(_PHOTOSHOP) :])
        elif marker == 0xDA:
            break
    if frame is None:
        raise UnreadableFile("the JPEG has no frame header", where=where)
    kind, bits, height, width, n_channels = frame
    if n_channels not in (1, 3):
        raise UnreadableFile(f"a JPEG of {n_channels} channels (CMYK?)", where=where, hint="convert it to RGB")
    profile = b"".join(chunks[k] for k in sorted(chunks))
    name = _SOF_NAMES.get(kind, f"JPEG of type {kind:#x}")
    return Header(
        width, height, n_channels, bits, stored_bits=8, icc=profile, exif=exif, xmp=xmp, iptc=iptc, compression=name
    )


_PHOTOSHOP = b"Photoshop 3.0\0"


def _iptc(resources: bytes) -> bytes:
    """The IIM record among Photoshop's resources (0x0404), or empty."""
    at = 0
    while at + 12 <= len(resources) and resources[at : at + 4] == b"8BIM":
        number = struct.unpack_from(">H", resources, at + 4)[0]
        name = resources[at + 6] + 1  # a text with its length before it, padded to whole pairs
        start = at + 6 + name + (name & 1) + 4
        if start > len(resources):
            break
        size = struct.unpack_from(">I", resources, start - 4)[0]
        if number == 0x0404:
            return resources[start : start + size] if start + size <= len(resources) else b""
        at = start + size + (size & 1)
    return b""


def check_jpeg_is_whole(data: bytes, where: str) -> None:
    """Decoders fill what is missing with grey; we refuse. Looks for the end-of-image marker behind the scans. O(bytes).

    Raises
    ------
    UnreadableFile
        If the file ends before its picture does.
    """
    import numpy as np

    array = np.frombuffer(data, np.uint8)
    first = np.flatnonzero(array[:-1] == 0xFF)
    following = array[first + 1]
    is_marker = (following != 0) & (following != 0xFF) & ((following < 0xD0) | (following > 0xD7))
    markers, kinds = first[is_marker], following[is_marker]
    position, is_in_scan = 2, False
    for at, kind in zip(markers.tolist(), kinds.tolist(), strict=True):
        if at < position:
            continue
        if kind == 0xD9:
            if is_in_scan:
                return
            break
        if at + 4 > len(data):
            break
        is_in_scan |= kind == 0xDA
        position = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
    raise UnreadableFile("the JPEG is cut off: its picture has no end", where=where, hint="copy the file again")


# ---- PNG (W3C PNG, third edition)

_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


def png_header(data: bytes, where: str) -> Header:
    """Walk the chunks up to the pixels.

    Raises
    ------
    UnreadableFile
        If the chunks break off or the header makes no sense.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise UnreadableFile("the PNG breaks off in its header", where=where)
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if colour not in _PNG_CHANNELS or depth not in (1, 2, 4, 8, 16):
        raise UnreadableFile("the PNG header makes no sense", where=where)
    found = _png_chunks(data, where)
    name = "PNG (deflate)"
    profile, reasons, packet = None, [], b""
    if b"cICP" in found and len(found[b"cICP"]) >= 2:
        profile = icc_profiles.from_code_points(found[b"cICP"][0], found[b"cICP"][1], where)
    elif b"iCCP" in found:
        packet = _inflated(found[b"iCCP"].partition(b"\0")[2][1:])
        if not packet:
            reasons.append("the colour profile is broken: taken as sRGB")
    elif b"sRGB" not in found and len(found.get(b"gAMA", b"")) == 4:
        profile = _from_gamma(found)
    return Header(
        width, height, _PNG_CHANNELS[colour], 8 if depth < 8 else depth,
        stored_bits=depth * (1 if colour == 3 else _PNG_CHANNELS[colour]), icc=packet, exif=found.get(b"eXIf", b""),
        xmp=_png_xmp(found.get(b"iTXt", b"")), profile=profile or (icc_profiles.srgb() if b"sRGB" in found else None),
        compression=name, reasons=tuple(reasons),
    )  # fmt: skip


def _png_chunks(data: bytes, where: str) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name in (b"IDAT", b"IEND"):
            break
        if length > len(data) - position - 12:
            raise UnreadableFile("the PNG breaks off in its header", where=where)
        found.setdefault(name, data[position + 8 : position + 8 + length])
        position += 12 + length
    return found


def _inflated(packed: bytes) -> bytes:
    """At most MAX_SEGMENT_BYTES; empty where it is broken or larger."""
    machine = zlib.decompressobj()
    try:
        raw = machine.decompress(packed, MAX_SEGMENT_BYTES)
    except zlib.error:
        return b""
    return b"" if machine.unconsumed_tail else raw


def _png_xmp(chunk: bytes) -> bytes:
    head = b"XML:com.adobe.xmp\0\0\0\0\0"
    return chunk[len(head) :] if chunk.startswith(head) else b""


def _from_gamma(found: dict[bytes, bytes]) -> icc_profiles.Profile | None:
    """gAMA and cHRM, where they make sense."""
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 1e5
    if not 0.1 < gamma <= 2:
        return None
    curve = icc_profiles.srgb_curve if abs(gamma - 0.45455) < 0.001 else icc_profiles.power_curve(1 / gamma)
    if len(found.get(b"cHRM", b"")) != 32:
        return icc_profiles.from_primaries(
            f"gamma {gamma:.3f}", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), icc_profiles.D65_XY, curve
        )
    v = [number / 1e5 for number in struct.unpack(">8I", found[b"cHRM"])]
    area = abs((v[4] - v[2]) * (v[7] - v[3]) - (v[6] - v[2]) * (v[5] - v[3]))
    if min(v[1], v[3], v[5], v[7]) < 1e-3 or area < 1e-3 or max(v) > 1:
        return None
    primaries = ((v[2], v[3]), (v[4], v[5]), (v[6], v[7]))
    return icc_profiles.from_primaries(f"gamma {gamma:.3f}, cHRM", primaries, (v[0], v[1]), curve)


# ---- netpbm


@dataclass(frozen=True)
class PnmHeader:
    """A netpbm picture: [height, width, n_channels] numbers of 0..maximum from byte `start` on."""

    width: int
    height: int
    n_channels: int
    maximum: int
    start: int


def pnm_header(head: bytes, where: str) -> PnmHeader:
    """Binary PGM and PPM (P5, P6).

    Raises
    ------
    UnreadableFile
        If it is another netpbm kind or its header makes no sense.
    """
    channels = {b"P5": 1, b"P6": 3}.get(head[:2])
    if channels is None:
        raise UnreadableFile(
            f"netpbm kind {head[:2].decode('ascii', 'replace')} is not read", where=where, hint="binary PGM or PPM"
        )
    numbers: list[int] = []
    position = 2
    while len(numbers) < 3:
        while head[position : position + 1].isspace():
            position += 1
        if head[position : position + 1] == b"#":
            position = head.find(b"\n", position) + 1 or len(head)
            continue
        end = position
        while head[end : end + 1].isdigit():
            end += 1
        if end == position or end - position > 9:
            raise UnreadableFile("the netpbm header makes no sense", where=where)
        numbers.append(int(head[position:end]))
        position = end
    width, height, maximum = numbers
    if not (width and height and 0 < maximum < 65536 and head[position : position + 1].isspace()):
        raise UnreadableFile("the netpbm header makes no sense", where=where)
    return PnmHeader(width, height, channels, maximum, position + 1)


def parsed_profile(header: Header, color_space: int | None, interoperability: str, where: str) -> tuple[
    icc_profiles.Profile, tuple[str, ...]
]:  # fmt: skip
    """The colour space of a picture and what had to be assumed.

    Order: ICC profile, the file's own code points, EXIF ColorSpace and Interoperability, else sRGB (linear where the
    numbers are floating point).
    """
    reasons: tuple[str, ...] = ()
    if header.icc:
        try:
            return icc_profiles.parse_icc(header.icc, where), ()
        except MetadataError as error:
            reasons = (f"{error.message}: taken as sRGB",)
    if header.profile is not None:
        return header.profile, reasons
    if header.is_float:
        return icc_profiles.linear_srgb(), (*reasons, "no colour profile: floating-point numbers taken as linear sRGB")
    if color_space == 2 or interoperability == "R03":
        return icc_profiles.adobe_rgb(), reasons
    if color_space == 1 or reasons:
        return icc_profiles.srgb(), reasons
    return icc_profiles.srgb(), ("no colour profile: taken as sRGB",)
