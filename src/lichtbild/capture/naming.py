"""How cameras and apps name the frames of a burst. Names are evidence, read here, weighed in `grouping`."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """What a file name (without suffix) says.

    Parameters
    ----------
    scheme
        Who names files so, for people.
    stem
        What files of one exposure have in common (a DNG and its JPEG).
    burst
        What the files of one burst have in common, or empty where the name does not tell.
    series
        What the files of a numbered series have in common (weak evidence), or empty.
    index
        Number within the burst or series.
    is_cover
        Whether the camera marked it as the best one.
    sidecar
        What it is instead of a picture, or empty.
    """

    scheme: str
    stem: str
    burst: str = ""
    series: str = ""
    index: int | None = None
    is_cover: bool = False
    sidecar: str = ""


_HDRPLUS = re.compile(r"payload_N(\d+)$")
_SHADING = re.compile(r"lens_shading_map_N\d+$")
_PIXEL_RAW = re.compile(r"(PXL_\d{8}_\d{6,9}.*?)\.RAW-\d\d(?:\.MP)?\.(COVER|ORIGINAL)$")
_PIXEL_BURST = re.compile(r"(PXL_\d{8}_\d{6,9})\.BURST-(\d+)(\.COVER)?(?:\.ORIGINAL)?$")
_BURST_STAMP = re.compile(r"(.*?)_?BURST(\d{14,20})(_COVER)?$", re.IGNORECASE)
_BURST_INDEX = re.compile(r"(.+?)_?BURST_?(\d{1,6})(_COVER)?$", re.IGNORECASE)
_DATED_INDEX = re.compile(r"(.*?\d{8}[_-]\d{6,9})_(EXP)?(\d{1,3})$")
_NUMBERED = re.compile(r"(.*?)(\d{1,8})$")


def parse_name(stem: str) -> Name:
    """Read a file name without its suffix."""
    if found := _HDRPLUS.match(stem):
        return Name("HDR+ data set", stem, burst="payload", index=int(found[1]))
    if _SHADING.match(stem):
        return Name("HDR+ data set", stem, sidecar="a lens shading map of the HDR+ data set")
    if found := _PIXEL_BURST.match(stem):
        return Name("Google Pixel", stem, burst=found[1], index=int(found[2]), is_cover=bool(found[3]))
    if found := _PIXEL_RAW.match(stem):
        return Name("Google Pixel raw", found[1])
    if found := _BURST_STAMP.match(stem):
        number = re.search(r"(\d+)\D*$", found[1])
        index = int(number[1]) if number else None
        return Name("BURST and time stamp", stem, burst=found[2], index=index, is_cover=bool(found[3]))
    if found := _BURST_INDEX.match(stem):
        return Name("BURST and index", stem, burst=found[1], index=int(found[2]), is_cover=bool(found[3]))
    if found := _DATED_INDEX.match(stem):
        scheme = "date, EXP and index" if found[2] else "date and index"
        return Name(scheme, stem, burst=found[1], index=int(found[3]))
    if found := _NUMBERED.match(stem):
        return Name("numbered", stem, series=found[1] or "number", index=int(found[2]))
    return Name("free", stem)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts frame2 before frame10, and everything in one order whatever order it came in."""
    parts = re.split(r"(\d+)", text)
    key = [(1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts if part]
    return tuple(key)
