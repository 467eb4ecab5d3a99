"""The first bits of a JPEG XL codestream (ISO/IEC 18181-1), read to know what the decoder would allocate."""

from __future__ import annotations

import struct

from lichtbild.core import UnreadableFile

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


def codestream(data: bytes, where: str) -> bytes:
    """The first bytes of the codestream, taken out of the container where there is one."""
    if data[:2] == b"\xff\x0a":
        return data[:256]
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
            found = data[start : min(at + size, start + 256)]
            if found[:2] == b"\xff\x0a":
                return found
            break
        at += size
    raise UnreadableFile("the JPEG XL boxes are damaged", where=where, hint=_DAMAGED)


def check_jpeg_xl(data: bytes, where: str) -> tuple[int, int]:
    """(height, width) of a still picture without extra channels.

    Raises
    ------
    UnreadableFile
        If it is anything else: what raw tiles never are, and what would make the decoder's memory grow.
    """
    bits = _Bits(codestream(data, where)[2:], where)
    height, width = _size(bits)
    if bits.take(1):  # all_default metadata: 8 bit, sRGB, XYB
        return height, width
    if bits.take(1):  # extra_fields
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)
        if bits.take(1) or bits.take(1):
            raise UnreadableFile("a JPEG XL with a preview or an animation", where=where)
    _bit_depth(bits)
    bits.take(1)  # modular_16_bit_buffer_sufficient
    if bits.u32((0, 0), (1, 0), (2, 4), (1, 12)):
        raise UnreadableFile("a JPEG XL with extra channels", where=where)
    return height, width


def _size(bits: _Bits) -> tuple[int, int]:
    wide = ((1, 9), (1, 13), (1, 18), (1, 30))
    is_small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if is_small else bits.u32(*wide)
    ratio = bits.take(3)
    if ratio:
        top, bottom = _RATIOS[ratio]
        return height, height * top // bottom
    return height, 8 * (bits.take(5) + 1) if is_small else bits.u32(*wide)


def _bit_depth(bits: _Bits) -> None:
    if bits.take(1):
        bits.u32((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
    else:
        bits.u32((8, 0), (10, 0), (12, 0), (1, 6))
