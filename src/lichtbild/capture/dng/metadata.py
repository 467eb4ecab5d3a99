"""Exposure, noise, camera names and the metadata that is carried along."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Iterable
from typing import Any

from lichtbild.capture.dng.colour import optional
from lichtbild.capture.dng.opcode_origin import in_active_area
from lichtbild.capture.dng.tags import Tag
from lichtbild.capture.dng.tiff import Directory
from lichtbild.core import BLUE, GREEN, RED, Cfa, Exposure, LichtbildError, NoiseModel, Tags
from lichtbild.core import exif as exif_codec
from lichtbild.core.corrections import OpcodeLists
from lichtbild.core.opcode_bytes import parse

_MAX_CARRIED_BYTES = 1 << 20
_MAX_PACKET_BYTES = 16 << 20

_TIMES = (
    (Tag.DATE_TIME_ORIGINAL, Tag.SUBSEC_TIME_ORIGINAL, Tag.OFFSET_TIME_ORIGINAL),
    (Tag.DATE_TIME_DIGITIZED, Tag.SUBSEC_TIME_DIGITIZED, Tag.OFFSET_TIME_DIGITIZED),
    (Tag.DATE_TIME, Tag.SUBSEC_TIME, Tag.OFFSET_TIME),
)


def read_exposure(directories: list[Directory], reasons: list[str]) -> Exposure:
    """The exposure, from the first of `directories` (Exif IFD, IFD0) that tells each number."""

    def number(*tags: Tag) -> float | None:
        for tag in tags:
            for ifd in directories:
                found = optional(lambda ifd=ifd, tag=tag: ifd.floats(tag), None, reasons)  # type: ignore[misc]
                if found and 0 < found[0] < 1e9:
                    return float(found[0])
        return None

    def apex(tag: Tag) -> float | None:
        for ifd in directories:
            found = optional(lambda ifd=ifd: ifd.floats(tag), None, reasons)  # type: ignore[misc]
            # Of 0 it cannot be told whether it is meant or not filled in.
            if found and found[0] and abs(found[0]) < 30:
                return float(found[0])
        return None

    time, aperture = number(Tag.EXPOSURE_TIME), number(Tag.F_NUMBER)
    if time is None and (value := apex(Tag.SHUTTER_SPEED_VALUE)) is not None:
        time = 2.0**-value
    if aperture is None and (value := apex(Tag.APERTURE_VALUE)) is not None:
        aperture = 2.0 ** (value / 2)
    iso = number(Tag.ISO_SPEED_RATINGS)
    if iso is None or iso == 65535:
        # The old tag ends at 65535; cameras that go higher write one of these.
        iso = number(Tag.RECOMMENDED_EXPOSURE_INDEX, Tag.ISO_SPEED) or iso
    return Exposure(
        time, iso, aperture, number(Tag.FOCAL_LENGTH), number(Tag.FOCAL_LENGTH_35MM), captured_s(directories)
    )


def captured_s(directories: list[Directory]) -> float | None:
    """Time of capture, s since 1970: of the zone where the file tells one, else as if its clock were UTC."""
    for date_tag, sub_tag, zone_tag in _TIMES:
        date, sub, zone = (_first_text(directories, tag) for tag in (date_tag, sub_tag, zone_tag))
        seconds = parse_time(date, sub, zone)
        if seconds is not None:
            return seconds
    return None


def _first_text(directories: list[Directory], tag: Tag) -> str:
    return next((text for ifd in directories if (text := _text(ifd, tag))), "")


def _text(ifd: Directory, tag: Tag) -> str:
    try:
        return ifd.text(tag)
    except LichtbildError:
        return ""


def parse_time(date: str, subsec: str = "", zone: str = "") -> float | None:
    """Seconds since 1970 of EXIF's "YYYY:MM:DD hh:mm:ss", "123" and "+02:00"; None where it is no time."""
    found = re.fullmatch(r"(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d):(\d\d)", date)
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    seconds = float(calendar.timegm((year, month, day, hour, minute, second)))
    if re.fullmatch(r"[0-9]{1,9}", subsec, re.ASCII):
        seconds += int(subsec) / 10 ** len(subsec)
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone, re.ASCII)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        seconds -= sign * 60 * (60 * int(offset[2]) + int(offset[3]))
    return seconds


def read_noise(directories: Iterable[Directory], kind: str, cfa: Cfa | None, reasons: list[str]) -> NoiseModel | None:
    """The model of the NoiseProfile, None where it is missing or implausible.

    The profile is in linear units already (0 black, 1 white), one pair (S, O) for all planes or one a plane; some
    writers give one for each of the four sites of a Bayer block, which is told by its length.
    """
    numbers = None
    for ifd in directories:
        numbers = optional(lambda ifd=ifd: ifd.floats(Tag.NOISE_PROFILE), None, reasons)  # type: ignore[misc]
        if numbers:
            break
    if not numbers:
        reasons.append("NoiseProfile is missing: the noise is not known from the file")
        return None
    n_planes = 1 if kind == "monochrome" else 3
    pairs = [(numbers[k], numbers[k + 1]) for k in range(0, len(numbers) - 1, 2)]
    if len(numbers) % 2 or len(pairs) not in (1, n_planes, 4):
        reasons.append(f"NoiseProfile of {len(numbers)} numbers for {n_planes} planes: left aside")
        return None
    if len(pairs) == 4 and cfa is None:
        reasons.append("NoiseProfile of 4 pairs for pixels without a filter array: left aside")
        return None
    if any(s < 0 or s >= 1 or abs(o) >= 1 or (s <= 0 and o <= 0) for s, o in pairs):
        reasons.append(f"NoiseProfile {' '.join(f'{x:.3g}' for x in numbers)} is implausible: left aside")
        return None
    if any(o < 0 for _, o in pairs):
        reasons.append("NoiseProfile has a negative read noise: taken as 0")
    pairs = [(s, max(o, 0.0)) for s, o in pairs]
    if len(pairs) == 4 and cfa is not None:
        reasons.append("NoiseProfile has four pairs: taken for the four sites of the Bayer block, greens averaged")
        sites = [colour for row in cfa.colours for colour in row]
        pairs = [_mean([p for p, s in zip(pairs, sites, strict=True) if s == c]) for c in (RED, GREEN, BLUE)]
    if len(pairs) == 1:
        pairs = pairs * n_planes
    return NoiseModel(tuple(s for s, _ in pairs), tuple(o for _, o in pairs), "NoiseProfile")


def _mean(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(s for s, _ in pairs) / len(pairs), sum(o for _, o in pairs) / len(pairs)


def read_opcodes(
    raw: Directory, stored: tuple[int, int], area: tuple[int, int, int, int], reasons: list[str]
) -> OpcodeLists:
    """The three opcode lists of the raw directory, in coordinates of the active area.

    `stored` is the size of the image as stored, which list 1 counts in; `area` the active one (top, left, bottom,
    right).

    Raises
    ------
    MetadataError
        If a list is damaged, or asks for a correction that is mandatory and not known.
    """
    first, second, third = (
        parse(raw.raw(tag), raw.where(tag), reasons) if raw.raw(tag) else ()
        for tag in (Tag.OPCODE_LIST_1, Tag.OPCODE_LIST_2, Tag.OPCODE_LIST_3)
    )
    return OpcodeLists(in_active_area(first, stored, area), second, third)


def baseline_exposure_ev(ifd0: Directory, reasons: list[str]) -> float:
    """BaselineExposure, 0 where it is missing or makes no sense."""
    numbers = optional(lambda: ifd0.floats(Tag.BASELINE_EXPOSURE), None, reasons)
    if not numbers:
        return 0.0
    if not math.isfinite(numbers[0]) or abs(numbers[0]) > 20:
        reasons.append(f"BaselineExposure {numbers[0]:g} EV makes no sense: taken as 0")
        return 0.0
    return numbers[0]


def lens_name(directories: list[Directory], xmp: bytes) -> str:
    """LensModel of EXIF, else of XMP."""
    name = _first_text(directories, Tag.LENS_MODEL)
    if name:
        return name
    found = re.search(rb"aux:Lens(?:Model)?\s*(?:=\s*\"([^\"<]{1,200})\"|>([^<]{1,200})<)", xmp)
    return (found[1] or found[2]).decode("utf-8", "replace").strip() if found else ""


def read_tags(ifd0: Directory, exif: Directory | None, gps: Directory | None, reasons: list[str]) -> Tags:
    """EXIF, GPS, XMP, ICC and IPTC that a written picture carries on; a value that is damaged is left out."""
    groups: dict[str, dict[int, Any]] = {}
    for name, ifd in (("ifd0", ifd0), ("exif", exif), ("gps", gps)):
        if ifd is None:
            continue
        known = exif_codec.TYPES[name]
        # Of IFD0 only what describes the picture; the Exif and GPS directories hold nothing else.
        tags = [t for t in ifd if (t in known and t not in _STRUCTURE) or (name != "ifd0" and t not in _POINTERS)]
        values = {tag: _carried(ifd, tag) for tag in tags}
        groups[name] = {tag: value for tag, value in values.items() if value not in (None, "", b"")}
    packets = (_packet(ifd0, tag, reasons) for tag in (Tag.XMP, Tag.ICC_PROFILE, Tag.IPTC))
    return Tags(groups, *packets)


# How the preview is stored, and what the writer of a picture decides anew (orientation, resolution).
_STRUCTURE = frozenset({259, 274, 282, 283, 296, 301, 513, 514, 529, 530, 531, 532})
_POINTERS = frozenset({Tag.EXIF_IFD, Tag.GPS_IFD, 40965})


def _carried(ifd: Directory, tag: int) -> Any:
    if ifd.entries[tag].size > _MAX_CARRIED_BYTES:
        return None
    try:
        return ifd.plain(tag)
    except LichtbildError:
        return None


def _packet(ifd: Directory, tag: Tag, reasons: list[str]) -> bytes:
    if tag in ifd and ifd.entries[tag].size > _MAX_PACKET_BYTES:
        reasons.append(f"{ifd.where(tag)}: {ifd.entries[tag].size} bytes are left out")
        return b""
    return optional(lambda: ifd.raw(tag), b"", reasons)
