"""Kinds of charts that `lichtbild measure` knows, and how files of each become measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lichtbild.core.errors import UsageError
from lichtbild.core.progress import Progress, ProgressEvent, silent
from lichtbild.core.suggest import nearest_names
from lichtbild.lab.measure_colour_chart import measure_colour_chart
from lichtbild.lab.measure_even import measure_flat, measure_tones, measure_transfer
from lichtbild.lab.measure_sharpness import measure_dot_chart, measure_sharpness
from lichtbild.lab.measurement import Measurement
from lichtbild.lab.reading import LabPicture
from lichtbild.lab.sheet import find_sheet


@dataclass(frozen=True)
class Places:
    """Where the parts of a chart lie, where a finder need not look: the truth of a simulated scene, for instance."""

    content: Mapping[str, Any] = field(default_factory=dict)


Measure = Callable[[Sequence[LabPicture], Places], list[Measurement]]


def _colour(kind: str) -> Measure:
    return lambda pictures, places: [measure_colour_chart(picture, kind) for picture in pictures]


def _tones(pictures: Sequence[LabPicture], places: Places) -> list[Measurement]:
    patches = places.content.get("patches")
    if not patches:
        return [measure_tones(pictures)]
    if any("luminance" not in patch or "box_px" not in patch for patch in patches):
        raise UsageError(
            "a patch lacks box_px or luminance", where="places", hint="[left, top, right, bottom]; white = 1"
        )
    light = np.array([patch["luminance"] for patch in patches], float)
    return [measure_tones(pictures, light, np.array([patch["box_px"] for patch in patches], float))]


def _sheet(pictures: Sequence[LabPicture], places: Places) -> list[Measurement]:
    """Our own printed sheet: its patches, its greys, its squares."""
    made = []
    for picture in pictures:
        colour = measure_colour_chart(picture, "classic")
        said = "a printed sheet: colour error is the printer's too, and greys are only as printed"
        made.append(replace(colour, chart="sheet", findings=(said, *colour.findings)))
        sheet = find_sheet(picture.linear, is_linear=True)
        if sheet is not None:
            boxes, light = sheet.boxes_of_greys()
            made.append(measure_tones([picture], light, boxes * picture.px))
        made.append(measure_sharpness(picture))
    return made


KINDS: dict[str, tuple[Measure, str]] = {
    "colour": (_colour("auto"), "ColorChecker Classic, Passport or SG, whichever is there"),
    "classic": (_colour("classic"), "ColorChecker Classic"),
    "passport": (_colour("passport"), "ColorChecker Passport, its classic target"),
    "sg": (_colour("sg"), "ColorChecker Digital SG"),
    "tones": (_tones, "grey patches: noise against signal; with --places dynamic range and tone (ISO 15739, 14524)"),
    "edges": (lambda pictures, _: [measure_sharpness(p) for p in pictures], "slanted edges of a whole picture or raw"),
    "dots": (lambda pictures, _: [measure_dot_chart(p) for p in pictures], "dots: distortion, lateral colour"),
    "sheet": (_sheet, "our own sheet (measure --print): colour, tones, edges in one"),
    "flat": (lambda pictures, _: [measure_flat(pictures)], "an even field, one frame or several: noise, shading"),
    "transfer": (lambda pictures, _: [measure_transfer(pictures)], "pairs of even raws, dark to bright: EMVA 1288"),
}  # fmt: skip


def measure_files(
    kind: str, pictures: Sequence[LabPicture], places: Places | None = None, progress: Progress = silent
) -> list[Measurement]:
    """Measurements of files of one kind of chart.

    Raises
    ------
    UsageError
        If there is no such kind, no file, or the files do not suit it.
    """
    if kind not in KINDS:
        raise UsageError(f"no chart {kind!r}", where="--chart", hint=nearest_names(kind, KINDS))
    if not pictures:
        raise UsageError("no files to measure", where="files")
    progress(ProgressEvent("measure", 0, 1))
    found = KINDS[kind][0](pictures, places or Places())
    progress(ProgressEvent("measure", 1, 1))
    return found
