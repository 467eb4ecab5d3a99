"""What EXIF says about exposure, time, camera and orientation, in our own nouns."""

from __future__ import annotations

import calendar
import re
from typing import Any

from lichtbild.core import Camera, ColourCalibration, Exposure, MetadataError
from lichtbild.core.exif import as_float, parse_exif

Exif = dict[str, dict[int, Any]]

_MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _DATE_TIME = 271, 272, 274, 305, 306
_TIME, _F_NUMBER, _ISO, _ORIGINAL, _OFFSET, _OFFSET_ORIGINAL = 33434, 33437, 34855, 36867, 36880, 36881
_FOCAL, _SUBSEC, _SUBSEC_ORIGINAL, _COLOR_SPACE, _FOCAL_35, _LENS = 37386, 37520, 37521, 40961, 41989, 42036

_DATE = re.compile(r"(\d{4})[:\-](\d{2})[:\-](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_ZONE = re.compile(r"([+-])(\d{2}):(\d{2})")


def read_exif(data: bytes, where: str) -> tuple[Exif, tuple[str, ...]]:
    """Directories of an EXIF block, and what was wrong with it (a broken block is no reason to refuse the picture)."""
    if not data:
        return {}, ("no EXIF",)
    try:
        return parse_exif(data, where), ()
    except MetadataError as error:
        return {}, (f"EXIF left out: {error.message}",)


def exposure(exif: Exif) -> Exposure:
    """Exposure and time of capture; what is missing or senseless is None."""
    tags = exif.get("exif", {})
    return Exposure(
        time_s=_positive(tags.get(_TIME)), iso=_positive(tags.get(_ISO)), f_number=_positive(tags.get(_F_NUMBER)),
        focal_length_mm=_positive(tags.get(_FOCAL)), focal_length_35mm=_positive(tags.get(_FOCAL_35)),
        captured_s=captured_s(exif),
    )  # fmt: skip


def captured_s(exif: Exif) -> float | None:
    """Seconds since the Unix epoch, sub-seconds included; the local clock where no zone is given."""
    tags = exif.get("exif", {})
    text, subsec, zone = tags.get(_ORIGINAL), tags.get(_SUBSEC_ORIGINAL), tags.get(_OFFSET_ORIGINAL)
    if not isinstance(text, str) or not _DATE.match(text):
        text, subsec, zone = exif.get("ifd0", {}).get(_DATE_TIME), tags.get(_SUBSEC), tags.get(_OFFSET)
    found = _DATE.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(g) for g in found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61 and year > 1970):
        return None
    moment = float(calendar.timegm((year, month, day, hour, minute, second)))
    digits = str(subsec).strip() if subsec is not None else ""
    if digits.isascii() and digits.isdigit():
        moment += int(digits) / 10 ** len(digits)
    offset = _ZONE.match(zone) if isinstance(zone, str) else None
    if offset:
        seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
        moment -= seconds if offset[1] == "+" else -seconds
    return moment


def camera_facts(exif: Exif) -> dict[str, str]:
    """`make`, `model` and `lens` for a `Camera`."""
    ifd0, tags = exif.get("ifd0", {}), exif.get("exif", {})
    pairs = {"make": ifd0.get(_MAKE), "model": ifd0.get(_MODEL), "lens": tags.get(_LENS)}
    return {name: value.strip() for name, value in pairs.items() if isinstance(value, str)}


def orientation(exif: Exif) -> int:
    """EXIF orientation 1..8; 1 where it is missing or senseless."""
    value = exif.get("ifd0", {}).get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def colour_space(exif: Exif) -> tuple[int | None, str]:
    """EXIF ColorSpace (1 sRGB, 2 Adobe RGB, 65535 uncalibrated) and the interoperability index ("R03" is Adobe RGB)."""
    value = exif.get("exif", {}).get(_COLOR_SPACE)
    index = exif.get("interop", {}).get(1, "")
    return (value if isinstance(value, int) else None), (index if isinstance(index, str) else "")


def software(exif: Exif) -> str:
    value = exif.get("ifd0", {}).get(_SOFTWARE, "")
    return value if isinstance(value, str) else ""


def apple_burst_id(exif: Exif) -> str:
    """The BurstUUID of an iPhone's maker note (tag 11), or empty. Offsets count from the note's start."""
    import struct

    note = exif.get("exif", {}).get(37500, b"")
    if not isinstance(note, bytes) or not note.startswith(b"Apple iOS\0") or len(note) < 16:
        return ""
    n = struct.unpack_from(">H", note, 14)[0]
    for k in range(min(n, 64)):
        at = 16 + 12 * k
        if at + 12 > len(note):
            break
        tag, kind, count, offset = struct.unpack_from(">HHII", note, at)
        if tag == 11 and kind == 2 and count <= 64 and offset + count <= len(note):
            return note[offset : offset + count].split(b"\0")[0].decode("ascii", "replace")
    return ""


def _positive(value: Any) -> float | None:
    number = as_float(value)
    return number if number is not None and 0 < number < 1e9 else None


def camera(exif: Exif, colour: ColourCalibration | None = None, *, is_rendered: bool = False) -> Camera:
    """A `Camera` with its names from EXIF."""
    facts = camera_facts(exif)
    make, model, lens = (facts.get(name, "") for name in ("make", "model", "lens"))
    return Camera(make, model, lens=lens, colour=colour, is_rendered=is_rendered)
