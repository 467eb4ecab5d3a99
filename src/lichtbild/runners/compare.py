"""Pipelines on the same shots: pictures side by side, figures in one table, and with a chart a score sheet each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import FrameInfo, LichtbildError
from lichtbild.core.colour_space import PCS_WHITE_XYZ as D50
from lichtbild.core.colour_space import SRGB_TO_XYZ, XYZ_TO_SRGB, bradford, srgb_decode, xyz_to_xy
from lichtbild.core.progress import Progress, ProgressEvent, silent
from lichtbild.lab.figure import Figure
from lichtbild.lab.kinds import Places, measure_files
from lichtbild.lab.measurement import Crop, Measurement
from lichtbild.lab.page import table
from lichtbild.lab.reading import LabPicture
from lichtbild.lab.registered import register
from lichtbild.lab.score import score_sheet
from lichtbild.lab.svg import COLOURS, Axis, bars
from lichtbild.lab.truth_figures import truth_figures
from lichtbild.lab.visual_noise import Viewing
from lichtbild.runners.developers import Developer

Floats = npt.NDArray[np.float64]

CROP_PX = 220
N_CROPS = 3
OVERVIEW_PX = 420


@dataclass(frozen=True, eq=False)
class Made:
    """What one pipeline made of one shot."""

    developer: Developer
    picture: npt.NDArray[np.uint16] | None
    seconds: float
    error: str = ""
    figures: tuple[Figure, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Compared:
    """One shot through all pipelines, as a section of the report."""

    measurement: Measurement
    lead: str
    made: tuple[Made, ...] = field(default=())


def compare_shot(
    shot: Sequence[Path], developers: Sequence[Developer], chart: str | None = None,
    truth: npt.NDArray[Any] | None = None, progress: Progress = silent,
) -> Compared:  # fmt: skip
    """All pipelines on one shot.

    Parameters
    ----------
    shot
        Its files; a burst has several.
    chart
        Kind of chart it shows (`lab.kinds`): its figures are compared, and a score made of them.
    truth
        float [H, W, 3], linear sRGB, 1 = white: what the shot really was. Pictures are registered to it first (shift,
        turn, scale, exposure), which the figures tell.
    """
    made = []
    for k, one in enumerate(developers):
        progress(ProgressEvent(one.name, k, len(developers)))
        made.append(_made(one, shot, chart, truth))
    progress(ProgressEvent("compare", len(developers), len(developers)))
    name = shot[0].name if len(shot) == 1 else f"{shot[0].name} and {len(shot) - 1} more"
    findings = [f"{m.developer.name}: {line}" for m in made for line in ((m.error,) if m.error else m.findings)]
    figures = tuple(_named(f, m.developer.name) for m in made for f in m.figures)
    measurement = Measurement(f"{name}: {len(made)} pipelines", chart or "none", tuple(p.name for p in shot), figures,
                              tuple(findings), _plots(made), _crops(made))  # fmt: skip
    return Compared(measurement, _table(name, made) + _sheets(made, chart), tuple(made))


def _named(figure: Figure, developer: str) -> Figure:
    return Figure(f"{figure.name}@{developer}", figure.value, figure.unit, figure.low, figure.high, figure.clause,
                  figure.note)  # fmt: skip


def _made(developer: Developer, shot: Sequence[Path], chart: str | None, truth: npt.NDArray[Any] | None) -> Made:
    started_s = time.monotonic()
    try:
        picture = developer.develop(shot)
    except LichtbildError as error:
        return Made(developer, None, 0.0, str(error))
    seconds = time.monotonic() - started_s
    figures: list[Figure] = []
    findings: list[str] = []
    seen = _for_lab(picture, developer.name)
    if chart is not None:
        for found in measure_files(chart, [seen], Places()):
            figures += found.figures
            findings += found.findings
    if truth is not None:
        try:
            placed = register(seen.linear, np.asarray(truth, np.float32))
        except LichtbildError as error:
            findings.append(str(error))
        else:
            viewing = Viewing.picture_height(truth.shape[0])
            figures += placed.figures
            figures += truth_figures(placed.picture, np.asarray(truth), viewing, region=placed.region)
    return Made(developer, picture, seconds, "", tuple(figures), tuple(findings))


def _for_lab(picture: npt.NDArray[np.uint16], name: str) -> LabPicture:
    """A developed sRGB picture as the lab reads one."""
    from lichtbild.core import Camera, ColourCalibration

    to_d50 = bradford(SRGB_TO_XYZ.sum(1), D50) @ SRGB_TO_XYZ
    white = xyz_to_xy(SRGB_TO_XYZ.sum(1))
    colour = ColourCalibration((white,), (XYZ_TO_SRGB,), (to_d50,))
    shape = (picture.shape[0], picture.shape[1])
    info = FrameInfo(name, shape, "picture", camera=Camera(colour=colour, is_rendered=True))
    linear = srgb_decode(np.arange(65536, dtype=np.float32) / np.float32(65535)).astype(np.float32)[picture]
    return LabPicture(name, linear, False, 1, 0.9985, info)


def _table(name: str, made: Sequence[Made]) -> str:
    """Figures as rows, pipelines as columns; the best of each row is not marked: for many more is not better."""
    names = list(dict.fromkeys(f.name for m in made for f in m.figures if f.is_measured))
    rows = [["", *(m.developer.name for m in made)], ["with", *(m.developer.about for m in made)],
            ["seconds", *(f"{m.seconds:.1f}" if not m.error else "-" for m in made)]]  # fmt: skip
    for figure_name in names:
        cells = []
        for m in made:
            figure = next((f for f in m.figures if f.name == figure_name), None)
            cells.append("-" if figure is None or not figure.is_measured else figure.text(3).split(" (")[0])
        rows.append([figure_name, *cells])
    return f"<section><h2>{escape(name)}</h2>{table(rows)}</section>"


def _sheets(made: Sequence[Made], chart: str | None) -> str:
    if chart is None:
        return ""
    return "".join(score_sheet(m.developer.name, m.figures).html() for m in made if not m.error)


def _plots(made: Sequence[Made]) -> tuple[tuple[str, str], ...]:
    plots = []
    for wanted, words in (("colour.de2000_no_lightness_mean", "colour error without lightness, CIEDE2000"),
                          ("truth.spatial_de2000", "difference from the truth as it is seen, CIEDE2000")):  # fmt: skip
        values = [next((f.value for f in m.figures if f.name == wanted), None) for m in made]
        if all(v is None for v in values):
            continue
        numbers = [float("nan") if v is None else v for v in values]
        colours = [COLOURS[k % len(COLOURS)] for k in range(len(made))]
        plots.append((bars([m.developer.name for m in made], numbers, Axis(words, 0.0), colours), words))
    return tuple(plots)


def _crops(made: Sequence[Made]) -> tuple[Crop, ...]:
    """The whole pictures, then crops at 100 % of the same places: where the first picture has most detail, and where it
    is dark."""
    from PIL import Image

    shown = [(m, np.asarray(np.round(m.picture / 257), np.uint8)) for m in made if m.picture is not None]
    if not shown:
        return ()
    crops = []
    for m, pixels in shown:
        image = Image.fromarray(pixels)
        scale = OVERVIEW_PX / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        crops.append(Crop(np.asarray(image.resize(size, Image.Resampling.LANCZOS)), m.developer.name))
    first = shown[0][1]
    for y, x in _places(first):
        strip = [_cut(pixels, y, x, first.shape) for _, pixels in shown]
        gap = np.full((CROP_PX, 6, 3), 255, np.uint8)
        row = np.concatenate([part for k, s in enumerate(strip) for part in ((gap, s) if k else (s,))], 1)
        crops.append(Crop(row, "100 %: " + ", ".join(m.developer.name for m, _ in shown), is_small=True))
    return tuple(crops)


def _places(picture: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Middles (share of height, of width) of the blocks of most detail and of the darkest that is not black."""
    side = CROP_PX
    h, w = picture.shape[0] // side, picture.shape[1] // side
    if h < 1 or w < 1:
        return [(0.5, 0.5)]
    grey = picture[: h * side, : w * side].mean(2).reshape(h, side, w, side)
    level = grey.mean((1, 3))
    detail = np.abs(np.diff(grey, axis=3)).mean((1, 3))
    order = np.argsort(-detail.ravel())[: N_CROPS - 1].tolist()
    dark = int(np.argmin(np.where(level > 12, level, 1e9)))
    chosen = dict.fromkeys([*order, dark])
    return [((k // w + 0.5) * side / picture.shape[0], (k % w + 0.5) * side / picture.shape[1]) for k in chosen]


def _cut(picture: npt.NDArray[np.uint8], y: float, x: float, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The crop about a place of the first picture; others may be cropped by some px at their border."""
    off_y, off_x = (picture.shape[0] - shape[0]) / 2, (picture.shape[1] - shape[1]) / 2
    top = int(min(max(y * shape[0] + off_y - CROP_PX / 2, 0), max(picture.shape[0] - CROP_PX, 0)))
    left = int(min(max(x * shape[1] + off_x - CROP_PX / 2, 0), max(picture.shape[1] - CROP_PX, 0)))
    part = picture[top : top + CROP_PX, left : left + CROP_PX]
    pad = ((0, CROP_PX - part.shape[0]), (0, CROP_PX - part.shape[1]), (0, 0))
    return np.pad(part, pad, constant_values=255)
