"""Tags of the originals, made fit for what is written: EXIF and GPS carried over, our own name added."""

from __future__ import annotations

import datetime
import math
from typing import Any, TypeGuard

from lichtbild import __version__
from lichtbild.core import exif
from lichtbild.core.frame import FrameInfo

SOFTWARE = f"lichtbild {__version__}"

# A comment of a person is short; phones keep their logs there.
_USER_COMMENT = 37510
MOST_COMMENT_BYTES = 2000
MOST_NOTE_BYTES = 1 << 15
# How notes begin whose offsets are counted from their own beginning, or from a TIFF header inside of them.
_MOVABLE_NOTES = (b"Apple iOS\0", b"Nikon\0\2", b"FUJIFILM", b"OLYMPUS\0", b"OM SYSTEM\0", b"HUAWEI\0\0")
_YEAR_9999_S = 253_000_000_000

# What describes the pixels of the original file, not the scene: each writer sets its own.
_OF_THE_FILE = {
    "ifd0": {274, 282, 283, 296, 513, 514, 529, 531, 532},
    "exif": {exif.MAKER_NOTE, 40960, 40961, 40962, 40963, 40964, 37121, 37122, 42016, 42080, 42081, 42082},
    "gps": set(),
    "interop": {1, 2},
}


def carried_exif(info: FrameInfo, software: str = SOFTWARE) -> dict[str, dict[int, Any]]:
    """EXIF for a file made from `info`: all tags of EXIF 3.0 that are about the scene, and our name.

    A maker's note is carried where it counts its offsets from its own beginning (`_MOVABLE_NOTES`); others would point
    anywhere after a copy and are left behind. Where a file told no EXIF (a simulated frame, a
    vendor raw), exposure, camera and time come from `info`. Orientation, size and colour space are the writer's.
    """
    carried: dict[str, dict[int, Any]] = {"ifd0": {}, "exif": {}, "gps": {}}
    for name in carried:
        known = exif.TYPES[name].keys() - _OF_THE_FILE[name]
        carried[name] = {t: v for t, v in info.tags.exif.get(name, {}).items() if t in known and _says_something(v)}
    if len(carried["exif"].get(_USER_COMMENT, b"")) > MOST_COMMENT_BYTES:
        del carried["exif"][_USER_COMMENT]
    note = info.tags.exif.get("exif", {}).get(exif.MAKER_NOTE)
    if isinstance(note, bytes) and note.startswith(_MOVABLE_NOTES) and len(note) <= MOST_NOTE_BYTES:
        carried["exif"][exif.MAKER_NOTE] = note
    # Phones write the exposure into IFD0 of their DNGs as TIFF/EP has it; other readers look for it in the Exif IFD.
    for tag, value in info.tags.exif.get("ifd0", {}).items():
        if tag in exif.TYPES["exif"].keys() - _OF_THE_FILE["exif"] and tag not in exif.TYPES["ifd0"]:
            carried["exif"].setdefault(tag, value)
    made = _from_info(info)
    if 36867 in carried["exif"]:
        # One source for all that is about time: what `info` holds is the same moment without its zone.
        for tag in (306, 36867, 36868, 37520, 37521, 37522):
            made["ifd0"].pop(tag, None)
            made["exif"].pop(tag, None)
    for name, tags in made.items():
        for tag, value in tags.items():
            carried[name].setdefault(tag, value)
    carried["ifd0"][305] = software
    carried["exif"].setdefault(36864, b"0232")
    if carried["gps"]:
        carried["gps"].setdefault(0, b"\2\3\0\0")
    return {name: tags for name, tags in carried.items() if tags}


def _from_info(info: FrameInfo) -> dict[str, dict[int, Any]]:
    exposure, camera = info.exposure, info.camera
    made: dict[str, dict[int, Any]] = {"ifd0": {}, "exif": {}}
    if camera.make:
        made["ifd0"][271] = camera.make
    if camera.model:
        made["ifd0"][272] = camera.model
    if camera.lens:
        made["exif"][42036] = camera.lens
    if _is_sensible(exposure.time_s):
        made["exif"][33434] = _nice_time(exposure.time_s)
    if _is_sensible(exposure.f_number):
        made["exif"][33437] = exif.rational(exposure.f_number, limit=100)
    if _is_sensible(exposure.iso):
        made["exif"][34855] = min(max(round(exposure.iso), 1), 65535)
        if exposure.iso > 65535:
            made["exif"] |= {34864: 2, 34866: round(exposure.iso)}
    if _is_sensible(exposure.focal_length_mm):
        made["exif"][37386] = exif.rational(exposure.focal_length_mm, limit=1000)
    if _is_sensible(exposure.focal_length_35mm):
        made["exif"][41989] = min(max(round(exposure.focal_length_35mm), 1), 65535)
    if exposure.captured_s is not None and 0 <= exposure.captured_s < _YEAR_9999_S:
        moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=exposure.captured_s)
        text = moment.strftime("%Y:%m:%d %H:%M:%S")
        made["exif"] |= {36867: text, 36868: text, 37521: f"{moment.microsecond // 1000:03d}"}
        made["ifd0"][306] = text
    return made


def _says_something(value: Any) -> bool:
    """Whether a tag has any content."""
    return value is not None and not (isinstance(value, str | bytes | tuple | list) and len(value) == 0)


def _is_sensible(value: float | None) -> TypeGuard[float]:
    """Whether this is a positive number that a camera could have written."""
    return value is not None and math.isfinite(value) and 1e-9 < value < 1e9


def _nice_time(time_s: float) -> tuple[int, int]:
    """1/125 rather than 8000/1000000: an exposure time as a photographer writes it, where that is exact enough."""
    inverse = round(1 / time_s) if time_s < 1 else 0
    if inverse and abs(inverse * time_s - 1) < 1e-3:
        return 1, inverse
    return exif.rational(time_s, limit=10_000)
