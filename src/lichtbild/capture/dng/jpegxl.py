"""The headers of a JPEG XL codestream (ISO/IEC 18181-1), read to know what the decoder would allocate.

A frame may be larger than its picture, and a codestream may hold many: a few bytes could ask for any amount of memory.
What raw tiles are - one frame of the picture's size, without extra channels - is told apart from all else, which is
decoded where it can do no harm (`apart`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lichtbild.core import UnreadableFile

_HEAD_BYTES = 1024
_DAMAGED = "the file is damaged: copy it again"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class _Bits:
    """Little-endian bit reader of the codestream's head."""

    def __init__(self, data: bytes, where: str) -> None:
        self.value, self.left, self.where = int.from_bytes(data, "little"), 8 * len(data), where

    def take(self, n: int) -> int:
        if n > self.left:
            raise UnreadableFile("the JPEG XL header is cut short", where=self.where, hint=_DAMAGED)
        number = self.value & ((1 << n) - 1)
        self.value >>= n
        self.left -= n
        return number

    def u32(self, *choices: tuple[int, int]) -> int:
        """One of four (offset, bits)."""
        offset, n = choices[self.take(2)]
        return offset + self.take(n)

    def enum(self) -> int:
        return self.u32((0, 0), (1, 0), (2, 4), (18, 6))

    def u64(self) -> int:
        match self.take(2):
            case 0:
                return 0
            case 1:
                return 1 + self.take(4)
            case 2:
                return 17 + self.take(8)
        number, shift = self.take(12), 12
        while self.take(1):
            if shift == 60:
                return number | self.take(4) << shift
            number |= self.take(8) << shift
            shift += 8
        return number

    def to_byte(self) -> None:
        self.take(self.left % 8)


def codestream(data: bytes, where: str) -> bytes:
    """The first bytes of the codestream, taken out of the container where there is one."""
    if data[:2] == b"\xff\x0a":
        return data[:_HEAD_BYTES]
    if data[:12] != b"\0\0\0\x0cJXL \r\n\x87\n":
        raise UnreadableFile("no JPEG XL data where it should be", where=where, hint=_DAMAGED)
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            if at + 16 > len(data):
                break
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size == 0:
            size = len(data) - at
        if size < head or size > len(data) - at:
            break
        if kind in (b"jxlc", b"jxlp"):
            start = at + head + (4 if kind == b"jxlp" else 0)
            found = data[start : min(at + size, start + _HEAD_BYTES)]
            if found[:2] == b"\xff\x0a":
                return found
            break
        at += size
    raise UnreadableFile("the JPEG XL boxes are damaged", where=where, hint=_DAMAGED)


@dataclass(frozen=True)
class JxlHeader:
    """What the head of a codestream tells.

    Parameters
    ----------
    height, width
        Of the picture.
    bits
        Of an integer sample; 0 for floats, and where `unbounded` hides it.
    unbounded
        Why its memory cannot be known from here; empty where it is that of the picture.
    """

    height: int
    width: int
    bits: int
    unbounded: str = ""


class _Unbounded(Exception):
    """The rest of the header says nothing about memory."""


def jpeg_xl_header(data: bytes, where: str) -> JxlHeader:
    """The header of a codestream, bare or in its container.

    Raises
    ------
    UnreadableFile
        If there is none, or it ends before its size is told.
    """
    bits = _Bits(codestream(data, where)[2:], where)
    height, width = _size(bits)
    depth = 0
    try:
        depth, is_xyb = _metadata(bits)
        _transform(bits, is_xyb)
        bits.to_byte()
        _frame(bits, is_xyb)
    except _Unbounded as reason:
        return JxlHeader(height, width, depth, str(reason))
    except UnreadableFile as error:
        if len(data) < _HEAD_BYTES:
            raise
        return JxlHeader(height, width, depth, error.message)
    return JxlHeader(height, width, depth)


def _metadata(bits: _Bits) -> tuple[int, bool]:
    """Bits of an integer sample (0: float), and whether the pixels are stored in XYB."""
    if bits.take(1):  # all_default: 8 bit, sRGB, XYB
        return 8, True
    has_extra_fields = bits.take(1)
    if has_extra_fields:
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)
        if bits.take(1) or bits.take(1):
            raise _Unbounded("with a preview or an animation")
    depth = _bit_depth(bits)
    bits.take(1)  # modular_16_bit_buffer_sufficient
    if bits.u32((0, 0), (1, 0), (2, 4), (1, 12)):
        raise _Unbounded("with extra channels")
    is_xyb = bool(bits.take(1))
    _colour_encoding(bits)
    if has_extra_fields and not bits.take(1):  # tone mapping
        bits.take(16 + 16 + 1 + 16)
    if bits.u64():
        raise _Unbounded("with extensions")
    return depth, is_xyb


def _colour_encoding(bits: _Bits) -> None:
    if bits.take(1):
        return
    if bits.take(1):
        # It is coded by an entropy coder, and hides all that follows.
        raise _Unbounded("with an ICC profile of its own")
    grey, xyb, custom = 1, 2, 2
    space = bits.enum()
    if space != xyb and bits.enum() == custom:
        _custom_xy(bits)
    if space not in (grey, xyb) and bits.enum() == custom:
        for _ in range(3):
            _custom_xy(bits)
    if space != xyb:
        if bits.take(1):
            bits.take(24)
        else:
            bits.enum()
    bits.enum()  # rendering intent


def _custom_xy(bits: _Bits) -> None:
    for _ in range(2):
        bits.u32((0, 19), (524288, 19), (1048576, 20), (2097152, 21))


def _transform(bits: _Bits, is_xyb: bool) -> None:
    if bits.take(1):
        return
    if is_xyb and not bits.take(1):
        bits.take(16 * 16)  # opsin inverse matrix: 9 + 3 + 3 + 1 half floats
    mask = bits.take(3)
    for bit, n in ((1, 15), (2, 55), (4, 210)):
        if mask & bit:
            bits.take(16 * n)


def _frame(bits: _Bits, is_xyb: bool) -> None:
    """The frame header up to `is_last`: a regular frame of the picture's size, and no other."""
    if bits.take(1):  # all_default
        return
    if bits.take(2):
        raise _Unbounded("of several frames")
    is_modular = bits.take(1)
    uses_dc_frame = bits.u64() & 32
    is_ycbcr = not is_xyb and bits.take(1)
    if is_ycbcr and not uses_dc_frame:
        bits.take(6)  # chroma subsampling
    if not uses_dc_frame:
        bits.u32((1, 0), (2, 0), (4, 0), (8, 0))  # upsampling
    if is_modular:
        bits.take(2)  # group size
    elif is_xyb:
        bits.take(6)  # quantisation of X and B
    _passes(bits)
    if bits.take(1):
        raise _Unbounded("whose frame has a size of its own")
    mode = bits.u32((0, 0), (1, 0), (2, 0), (3, 2))
    if mode:
        raise _Unbounded("of several frames")
    if not bits.take(1):
        raise _Unbounded("of several frames")


def _passes(bits: _Bits) -> None:
    n_passes = bits.u32((1, 0), (2, 0), (3, 0), (4, 3))
    if n_passes == 1:
        return
    n_downsamplings = bits.u32((0, 0), (1, 0), (2, 0), (3, 1))
    bits.take(2 * (n_passes - 1))
    for _ in range(n_downsamplings):
        bits.u32((1, 0), (2, 0), (4, 0), (8, 0))
    for _ in range(n_downsamplings):
        bits.u32((0, 0), (1, 0), (2, 0), (0, 3))


def _size(bits: _Bits) -> tuple[int, int]:
    wide = ((1, 9), (1, 13), (1, 18), (1, 30))
    is_small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if is_small else bits.u32(*wide)
    ratio = bits.take(3)
    if ratio:
        top, bottom = _RATIOS[ratio]
        return height, height * top // bottom
    return height, 8 * (bits.take(5) + 1) if is_small else bits.u32(*wide)


def _bit_depth(bits: _Bits) -> int:
    if bits.take(1):
        bits.u32((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
        return 0
    return bits.u32((8, 0), (10, 0), (12, 0), (1, 6))
