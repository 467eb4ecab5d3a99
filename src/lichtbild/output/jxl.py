"""JPEG XL with EXIF, XMP, colour space and gain map (ISO/IEC 18181).

The encoder's package knows sRGB only, so a wider space is told to the codestream's header afterwards: its numbers stay
in the encoder's own space, light before any display, and only what a reader shall turn them into is another.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core import exif
from lichtbild.core.errors import OutputError, UsageError
from lichtbild.core.frame import Frame
from lichtbild.output.boxes import box, boxes_of
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.gain_map import GainMap, measure
from lichtbild.output.icc import RGB_TO_XYZ
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.picture import as_bits, prepared, turned
from lichtbild.output.xmp import Provenance

MIME = "image/jxl"
Pixels = npt.NDArray[Any]

# Enumerations of the codestream's colour encoding.
_D65, _PRIMARIES, _SRGB_CURVE, _RELATIVE = 1, {"srgb": 1, "p3": 11, "rec2020": 9}, 13, 1
_SIZE_BITS = (9, 13, 18, 30)


@dataclass(frozen=True)
class JxlOptions:
    """How JPEG XL is coded.

    Parameters
    ----------
    quality
        1 to 100, as JPEG counts: 90 is a distance of 1, just visible side by side; 100 is lossless, 16 bits.
    effort
        1 (fast) to 9 (slow, small).
    """

    quality: int = 90
    effort: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"{self.quality} is no quality", where="quality", hint="1 to 100")
        if not 1 <= self.effort <= 9:
            raise UsageError(f"{self.effort} is no effort", where="effort", hint="1 to 9")

    @property
    def distance(self) -> float:
        """What libjxl makes of a quality (lib/extras/codec, its own formula)."""
        if self.quality >= 30:
            return 0.1 + (100 - self.quality) * 0.09
        return 53 / 3000 * self.quality**2 - 23 / 20 * self.quality + 25


def write_jxl(
    path: str | Path,
    frame: Frame,
    *,
    hdr: npt.NDArray[np.float32] | None = None,
    options: JxlOptions | None = None,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    credentials: Credentials | None = None,
    force: bool = False,
) -> None:
    """Write a DISPLAY_RGB frame as JPEG XL; arguments and errors as `jpeg.write_jpeg`.

    ProPhoto is refused: the codestream has no number for its primaries.
    """
    options = options or JxlOptions()
    picture = prepared(frame, 16, provenance=provenance, software=software)
    if picture.space not in _PRIMARIES:
        raise UsageError(f"JPEG XL is not written in {picture.space}", where=path, hint=", ".join(_PRIMARIES))
    gain_map = None
    if hdr is not None:
        gain_map = measure(as_bits(picture.pixels, 8), turned(hdr, frame.info.orientation))
    pieces = [
        box(b"JXL ", b"\r\n\x87\n"),
        box(b"ftyp", b"jxl \0\0\0\0jxl "),
        box(b"Exif", struct.pack(">I", 0), exif.exif_block(picture.tags)),
        box(b"xml ", picture.xmp),
    ]
    if gain_map is not None:
        pieces.append(box(b"jhgm", _bundle(gain_map, options)))
    coded = _coded(picture.pixels, picture.space, options)
    if options.quality == 100:
        pieces.insert(2, box(b"jxll", b"\x0a"))  # more than 8 bits without loss are of level 10
    pieces.append(box(b"jxlc", coded))
    signed(path, pieces, MIME, credentials, provenance or {}, force=force)


def _coded(pixels: Pixels, space: str, options: JxlOptions) -> bytes:
    import imagecodecs

    threads = os.cpu_count() or 1
    if options.quality == 100:
        coded = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=options.effort, numthreads=threads)
    elif space == "srgb":
        coded = imagecodecs.jpegxl_encode(
            pixels, distance=options.distance, effort=options.effort, numthreads=threads
        )  # fmt: skip
    else:
        # The encoder takes light of any colour where it is linear, sRGB's primaries may be left.
        light = cs.srgb_decode(pixels.astype(np.float32) / np.float32(65535))
        matrix = (cs.XYZ_TO_SRGB @ RGB_TO_XYZ[space]).astype(np.float32)
        coded = imagecodecs.jpegxl_encode(
            np.ascontiguousarray(light @ matrix.T), distance=options.distance, effort=options.effort, numthreads=threads
        )
    stream = bare(bytes(coded))
    return stream if space == "srgb" else in_space(stream, space)


def bare(coded: bytes) -> bytes:
    """The codestream, where the encoder has put it into a container of its own."""
    if coded[:2] == b"\xff\x0a":
        return coded
    parts = [
        bytes(content[4:] if kind == b"jxlp" else content)
        for kind, content in boxes_of(memoryview(coded))
        if kind in (b"jxlc", b"jxlp")
    ]
    return b"".join(parts)


def _bundle(gain_map: GainMap, options: JxlOptions) -> bytes:
    """A gain map as ISO 18181-2 has it: version, ISO 21496-1, no colour encoding, no profile, then a codestream."""
    import imagecodecs

    metadata = gain_map.iso()
    coded = imagecodecs.jpegxl_encode(gain_map.codes, distance=0.5, effort=min(options.effort, 4))
    coded = bare(bytes(coded))
    return b"\0" + struct.pack(">H", len(metadata)) + metadata + b"\0" + struct.pack(">I", 0) + coded


class _Bits:
    """Bits of a codestream, least significant first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> int:
        value = 0
        for k in range(n):
            value |= (self.data[self.at // 8] >> (self.at % 8) & 1) << k
            self.at += 1
        return value

    def choice(self, *ways: tuple[int, int]) -> int:
        """U32: two bits choose (bits, offset)."""
        n, offset = ways[self.take(2)]
        return self.take(n) + offset

    def enum(self) -> int:
        return self.choice((0, 0), (0, 1), (4, 2), (6, 18))


def in_space(coded: bytes, space: str) -> bytes:
    """A bare codestream of our encoder, in the primaries of `space` with the sRGB curve.

    The header's fields up to the colour encoding are read, the encoding is written anew, and what follows in the header
    is moved; frames begin on whole bytes and stay as they are.

    Raises
    ------
    OutputError
        If the header has what our encoder never writes (an animation, a profile, extra channels).
    """
    bits = _Bits(coded)
    try:
        if bits.take(16) != 0x0AFF:
            raise ValueError("no codestream")
        _skip_size(bits)
        if bits.take(1):  # all_default: nothing to replace
            raise ValueError("8 bits")
        if bits.take(1):
            raise ValueError("extra fields")
        is_float = bits.take(1)
        bits.choice((0, 32), (0, 16), (0, 24), (6, 1)) if is_float else bits.choice((0, 8), (0, 10), (0, 12), (6, 1))
        if is_float:
            bits.take(4)
        bits.take(1)
        if bits.choice((0, 0), (0, 1), (4, 2), (12, 1)):
            raise ValueError("extra channels")
        bits.take(1)
        start = bits.at
        if not bits.take(1):
            _skip_colour(bits)
        after = bits.at
        _skip_rest(bits)
    except (ValueError, IndexError) as error:
        raise OutputError(f"the encoder's header is not as expected ({error})") from error
    header = [coded[k // 8] >> (k % 8) & 1 for k in range(bits.at)]
    colour = [0, 0, 0, 0, *_enum(_D65), *_enum(_PRIMARIES[space]), 0, *_enum(_SRGB_CURVE), *_enum(_RELATIVE)]
    made = header[:start] + colour + header[after:]
    made += [0] * (-len(made) % 8)
    packed = bytes(sum(bit << k for k, bit in enumerate(made[at : at + 8])) for at in range(0, len(made), 8))
    return packed + coded[-(-bits.at // 8) :]


def _skip_size(bits: _Bits) -> None:
    is_small = bits.take(1)
    if is_small:
        bits.take(5)
    else:
        bits.choice(*((n, 1) for n in _SIZE_BITS))
    if bits.take(3) == 0:
        if is_small:
            bits.take(5)
        else:
            bits.choice(*((n, 1) for n in _SIZE_BITS))


def _skip_colour(bits: _Bits) -> None:
    if bits.take(1):
        raise ValueError("a profile")
    if bits.enum() != 0:
        raise ValueError("not RGB")
    if bits.enum() == 2 or bits.enum() == 2:
        raise ValueError("colours of its own")
    if bits.take(1):
        bits.take(24)
    else:
        bits.enum()
    bits.enum()


def _skip_rest(bits: _Bits) -> None:
    """Extensions, and the transform's data, which are at their defaults."""
    if bits.take(2) or not bits.take(1):
        raise ValueError("extensions")


def _enum(value: int) -> list[int]:
    """Bits of an enumeration."""
    if value < 2:
        return [value & 1, 0]
    if value < 18:
        return [0, 1, *((value - 2 >> k) & 1 for k in range(4))]
    return [1, 1, *((value - 18 >> k) & 1 for k in range(6))]
