"""DNG files, read tag by tag (DNG 1.7.1): `open_dng` gives a FrameSource; opcodes are parsed whole."""

from lichtbild.capture.dng.plausibility import cfa_doubts
from lichtbild.capture.dng.reader import open_dng
from lichtbild.core import opcode_bytes as opcodes

__all__ = ["cfa_doubts", "opcodes", "open_dng"]
