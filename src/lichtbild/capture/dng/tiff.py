"""TIFF and BigTIFF directories, read as if the file were hostile.

Nothing in the file is believed: every offset, count and size is compared with the size of the file before a byte is
read or allocated, directories that point back end the walk with an error, and the bytes read for tags are bounded.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.tags import Tag, name_of
from lichtbild.core import MetadataError, UnreadableFile
from lichtbild.core.exif import decode_value

MAX_DIRECTORIES = 64
MAX_ENTRIES = 4096
MAX_TAG_BYTES = 64 << 20
MAX_NUMBERS = 1 << 21

# TIFF type: NumPy code and size of one element (rationals are pairs).
TYPES: dict[int, tuple[str, int]] = {
    1: ("u1", 1), 2: ("S1", 1), 3: ("u2", 2), 4: ("u4", 4), 5: ("u4", 8), 6: ("i1", 1), 7: ("u1", 1), 8: ("i2", 2),
    9: ("i4", 4), 10: ("i4", 8), 11: ("f4", 4), 12: ("f8", 8), 13: ("u4", 4),
    16: ("u8", 8), 17: ("i8", 8), 18: ("u8", 8),
}  # fmt: skip
_RATIONAL, _SRATIONAL, _TEXT = 5, 10, 2
_INTEGERS = (1, 3, 4, 6, 7, 8, 9, 13, 16, 17, 18)


@dataclass(frozen=True)
class Entry:
    """One tag: TIFF type, number of elements, and where in the file its bytes lie."""

    kind: int
    count: int
    position: int

    @property
    def size(self) -> int:
        return self.count * TYPES[self.kind][1]


def file_size(path: Path) -> int:
    """Size of a regular file that is there.

    Raises
    ------
    UnreadableFile
        If there is no such file, it is a folder, a device or a pipe, or it is empty.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error), where=path) from error
    except ValueError as error:
        raise UnreadableFile("that is no file name", where=repr(str(path))) from error
    if stat.S_ISDIR(found.st_mode):
        raise UnreadableFile("this is a folder, not a picture", where=path, hint="the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableFile("this is no ordinary file", where=path)
    if found.st_size == 0:
        raise UnreadableFile("the file is empty", where=path, hint="copy it from the camera again")
    return found.st_size


class TiffFile:
    """An open TIFF: reads bytes that are there, and directories.

    Parameters
    ----------
    stream
        Binary file, open for reading and seeking.
    name
        File name for messages.
    magics
        Magic numbers that count as TIFF beside 42 and BigTIFF's 43: vendors have their own.
    """

    def __init__(self, stream: BinaryIO, name: str, magics: tuple[int, ...] = ()) -> None:
        self.stream, self.name = stream, name
        self.size = stream.seek(0, os.SEEK_END)
        self._seen: set[int] = set()
        self._tag_bytes = 0
        head = self.read(0, min(16, self.size))
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        magic = struct.unpack(self.order + "H", head[2:4])[0] if self.order and len(head) >= 8 else 0
        if magic == 42 or magic in magics:
            self.is_big, self.first_directory = False, struct.unpack(self.order + "I", head[4:8])[0]
        elif magic == 43 and len(head) == 16 and struct.unpack(self.order + "HH", head[4:8]) == (8, 0):
            self.is_big, self.first_directory = True, struct.unpack(self.order + "Q", head[8:16])[0]
        else:
            raise UnreadableFile(
                f"this is {kind_by_magic(head)}, not a DNG", where=name, hint="open it under the name of what it is"
            )

    def read(self, position: int, size: int) -> bytes:
        """`size` bytes at `position`; UnreadableFile where the file does not reach that far."""
        if position < 0 or size < 0 or position + size > self.size:
            raise UnreadableFile(
                f"{size} bytes at {position} lie beyond its {self.size} bytes",
                where=self.name,
                hint="the file is cut short or damaged: copy it again",
            )
        self.stream.seek(position)
        data = self.stream.read(size)
        if len(data) != size:
            raise UnreadableFile("the file became shorter while it was read", where=self.name)
        return data

    def read_tag(self, position: int, size: int) -> bytes:
        """As `read`, counted against what all tags together may take."""
        self._tag_bytes += size
        if self._tag_bytes > MAX_TAG_BYTES:
            raise UnreadableFile(f"its tags hold more than {MAX_TAG_BYTES >> 20} MiB", where=self.name)
        return self.read(position, size)

    def directory(self, position: int, label: str) -> Directory:
        """The directory at `position`.

        Raises
        ------
        UnreadableFile
            If it lies outside the file, was read before (a loop), or there are too many.
        """
        where = f"{self.name}, {label}"
        if position in self._seen:
            raise UnreadableFile(f"the directory at {position} is pointed to twice", where=where)
        if len(self._seen) >= MAX_DIRECTORIES:
            raise UnreadableFile(f"more than {MAX_DIRECTORIES} directories", where=where)
        self._seen.add(position)
        head, record, word = (8, 20, "Q") if self.is_big else (2, 12, "I")
        try:
            n = struct.unpack(self.order + ("Q" if self.is_big else "H"), self.read(position, head))[0]
            if n > MAX_ENTRIES:
                raise UnreadableFile(f"a directory of {n} tags", where=where, hint=f"at most {MAX_ENTRIES}")
            table = self.read_tag(position + head, n * record)
        except UnreadableFile as error:
            raise UnreadableFile(error.message, where=where, hint=error.hint) from error
        inline = record - 4 - struct.calcsize("<" + word)
        entries: dict[int, Entry] = {}
        form = struct.Struct(self.order + "HH" + word)
        for k in range(n):
            tag, kind, count = form.unpack_from(table, k * record)
            # Of a tag given twice the first counts; types of the future are skipped, as TIFF asks for.
            if kind not in TYPES or tag in entries:
                continue
            at = position + head + k * record + form.size
            if count * TYPES[kind][1] > inline:
                at = struct.unpack_from(self.order + word, table, k * record + form.size)[0]
            entries[tag] = Entry(kind, count, at)
        return Directory(self, label, position, entries)

    def next_directory(self, directory: Directory) -> int:
        """Position of the directory that follows in the chain; 0 where there is none, or the file is too short."""
        head, record, word = (8, 20, "Q") if self.is_big else (2, 12, "I")
        at = directory.position
        n = struct.unpack(self.order + ("Q" if self.is_big else "H"), self.read(at, head))[0]
        size = struct.calcsize("<" + word)
        if at + head + n * record + size > self.size:
            return 0
        return int(struct.unpack(self.order + word, self.read(at + head + n * record, size))[0])


@dataclass(frozen=True, eq=False)
class Directory:
    """The tags of one directory. Values are read when asked for, and checked then."""

    file: TiffFile
    label: str
    position: int
    entries: dict[int, Entry] = field(repr=False)

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def __iter__(self) -> Iterator[int]:
        return iter(self.entries)

    def where(self, tag: int) -> str:
        """File, directory and tag for messages."""
        return f"{self.file.name}, {self.label}, {name_of(tag)}"

    def wrong(self, tag: int, message: str, hint: str | None = None) -> MetadataError:
        """The error that tells what is wrong with a tag."""
        return MetadataError(message, where=self.where(tag), hint=hint)

    def raw(self, tag: int) -> bytes:
        """Bytes of a tag as they stand in the file; empty where the tag is missing."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        if entry.position + entry.size > self.file.size:
            raise self.wrong(tag, f"its {entry.size} bytes lie beyond the end of the file", "copy the file again")
        return self.file.read_tag(entry.position, entry.size)

    def array(self, tag: int) -> npt.NDArray[Any]:
        """Numbers of a tag: int64 or float64; rationals are divided, x/0 is NaN. Empty where the tag is missing."""
        entry = self.entries.get(tag)
        if entry is None:
            return np.zeros(0)
        if entry.kind == _TEXT:
            raise self.wrong(tag, "text where numbers belong")
        if entry.count > MAX_NUMBERS:
            raise self.wrong(tag, f"{entry.count} numbers", f"at most {MAX_NUMBERS}")
        numbers = np.frombuffer(self.raw(tag), self.file.order + TYPES[entry.kind][0])
        if entry.kind in (_RATIONAL, _SRATIONAL):
            pairs = numbers.reshape(-1, 2).astype(np.float64)
            quotient = np.full(len(pairs), np.nan)
            np.divide(pairs[:, 0], pairs[:, 1], out=quotient, where=pairs[:, 1] != 0)
            return quotient
        if entry.kind in _INTEGERS:
            if numbers.dtype.itemsize == 8 and numbers.dtype.kind == "u" and np.any(numbers > np.iinfo(np.int64).max):
                raise self.wrong(tag, "a number beyond 63 bits")
            return numbers.astype(np.int64)
        with np.errstate(all="ignore"):
            return numbers.astype(np.float64)

    def floats(self, tag: int, counts: tuple[int, ...] = ()) -> tuple[float, ...] | None:
        """Finite numbers of a tag, None where it is missing.

        Raises
        ------
        MetadataError
            If a number is not finite, or there are not as many as one of `counts`.
        """
        if tag not in self.entries:
            return None
        if counts and self.entries[tag].count not in counts:
            wanted = " or ".join(map(str, counts))
            raise self.wrong(tag, f"{self.entries[tag].count} numbers where {wanted} belong")
        numbers = self.array(tag)
        if not np.all(np.isfinite(numbers)):
            raise self.wrong(tag, "a number that is not finite")
        return tuple(map(float, numbers))

    def integers(self, tag: int, counts: tuple[int, ...] = ()) -> tuple[int, ...] | None:
        """As `floats`, of whole numbers (a rational or float is rounded)."""
        numbers = self.floats(tag, counts)
        return None if numbers is None else tuple(round(x) for x in numbers)

    def integer(self, tag: int, default: int | None = None, low: int = 0, high: int = 2**31 - 1) -> int:
        """The one whole number of a tag.

        Raises
        ------
        MetadataError
            If it is missing and there is no default, or it is out of `low`..`high`.
        """
        numbers = self.integers(tag)
        if not numbers:
            if default is None:
                raise self.wrong(tag, "this tag is missing", "convert the file with another DNG writer")
            return default
        if not low <= numbers[0] <= high:
            raise self.wrong(tag, f"{numbers[0]} is out of range", f"{low} to {high}")
        return numbers[0]

    def text(self, tag: int) -> str:
        """A text tag up to its first NUL; empty where it is missing or no text."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in (1, _TEXT, 7) or entry.size > 1 << 16:
            return ""
        return self.raw(tag).split(b"\0")[0].decode("utf-8", "replace").strip()

    def plain(self, tag: int) -> Any:
        """The value as `core.exif` has it (rationals as pairs)."""
        kind = self.entries[tag].kind
        if kind in (16, 17, 18):
            numbers = tuple(int(x) for x in self.array(tag))
            return numbers[0] if len(numbers) == 1 else numbers
        return decode_value(self.raw(tag), kind, self.file.order)


def walk(file: TiffFile, reasons: list[str]) -> list[Directory]:
    """IFD0, the chain after it, the SubIFDs of each, in this order; what is damaged after IFD0 is noted and left."""
    found = [file.directory(file.first_directory, "IFD0")]
    try:
        following = file.next_directory(found[0])
        while following:
            found.append(file.directory(following, f"IFD{len(found)}"))
            following = file.next_directory(found[-1])
    except UnreadableFile as error:
        reasons.append(f"{error.where}: {error.message}; ignored")
    for parent in tuple(found):
        for k, position in enumerate(parent.integers(Tag.SUB_IFDS) or ()):
            label = f"SubIFD{k}" if parent is found[0] else f"{parent.label} SubIFD{k}"
            try:
                found.append(file.directory(position, label))
            except UnreadableFile as error:
                reasons.append(f"{error.where}: {error.message}; ignored")
    return found


def kind_by_magic(head: bytes) -> str:
    """What a file is by its first bytes, in words."""
    known = (
        (b"\xff\xd8\xff", "a JPEG picture"), (b"\x89PNG", "a PNG picture"), (b"FUJIFILM", "a Fuji raw file (RAF)"),
        (b"IIU\0", "a Panasonic raw file (RW2)"), (b"IIRO", "an Olympus raw file (ORF)"), (b"PK\x03\x04", "a ZIP file"),
        (b"\xff\x0a", "a JPEG XL picture"), (b"\0\0\0\x0cJXL ", "a JPEG XL picture"), (b"GIF8", "a GIF picture"),
        (b"%PDF", "a PDF document"), (b"<", "text"),
    )  # fmt: skip
    if head[4:8] == b"ftyp":
        return "a Canon raw file (CR3)" if head[8:12] == b"crx " else "an HEIC, AVIF or video file"
    return next((words for magic, words in known if head.startswith(magic)), "no TIFF file")
