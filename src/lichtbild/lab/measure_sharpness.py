"""A photograph of slanted edges, or of a dot chart, to a measurement: what the lab's finders see, in one report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lichtbild.core.frame import cfa_plane_index
from lichtbild.lab import svg
from lichtbild.lab.acutance import SCREEN_100
from lichtbild.lab.acutance import Viewing as EdgeViewing
from lichtbild.lab.distortion import measure_distortion
from lichtbild.lab.figure import Figure
from lichtbild.lab.lateral_colour import measure_lateral_colour
from lichtbild.lab.measurement import Crop, Measurement
from lichtbild.lab.reading import LabPicture
from lichtbild.lab.sfr import CLAUSE, EdgeSettings
from lichtbild.lab.sharpness_map import PlacedSfr, measure_edges, measure_mosaic_edges, over_field

Floats = npt.NDArray[np.float64]

COLOURS = (svg.COLOURS[1], svg.COLOURS[2], svg.COLOURS[0])
CROP_PX = 900


def measure_sharpness(picture: LabPicture) -> Measurement:
    """Every slanted edge of a picture: of a raw each filter colour by itself, nothing demosaiced; of a developed
    picture its three channels, linear by the file's profile."""
    title = f"{picture.name}: edges"
    edges = _edges(picture)
    known = {name: [e for e in placed if e.sfr.is_measured] for name, placed in edges.items()}
    green = known["green"]
    if not green:
        why = _why_none(edges["green"])
        lost = Figure.missing("sfr.mtf50", "cy/px", CLAUSE, why)
        return Measurement(
            title, "edges", (picture.name,), (lost,), (why, *picture.notes), crops=(_marked(picture, ()),)
        )
    figures = [Figure.exact("edges.measured", len(green), "", CLAUSE, f"of {len(edges['green'])} that were found")]
    for name, placed in known.items():
        figures += _figures(name, placed)
    for zone in over_field(edges["green"]):
        if zone.n_edges:
            figures.append(zone.mtf50)
    # Why, without the numbers of each.
    refused = [e.sfr.finding.split(":")[0] for e in edges["green"] if not e.sfr.is_measured]
    counted = {why: refused.count(why) for why in dict.fromkeys(refused)}
    findings = [f"{n} edge{'s' if n > 1 else ''} left out: {why}" for why, n in counted.items()]
    return Measurement(title, "edges", (picture.name,), tuple(figures), tuple(findings) + picture.notes, _plots(known),
                       (_marked(picture, green),), {"Edges (green)": _table(green)})  # fmt: skip


def _edges(picture: LabPicture) -> dict[str, tuple[PlacedSfr, ...]]:
    names = ("red", "green", "blue")
    rows = picture.linear.shape[0] * picture.px
    viewings = (EdgeViewing.print(rows, 400.0, 1000.0), SCREEN_100)
    settings = EdgeSettings(white=picture.high, viewings=viewings)
    cfa = picture.info.cfa
    if picture.mosaic is not None and cfa is not None and cfa.quad == 1:
        index = cfa_plane_index(cfa, (2, 2))
        first = measure_mosaic_edges(picture.mosaic, index == 1, settings)
        found = [e.edge for e in first]
        others = [measure_mosaic_edges(picture.mosaic, index == c, settings, edges=found) for c in (0, 2)]
        return {"red": others[0], "green": first, "blue": others[1]}
    planes = [np.ascontiguousarray(picture.linear[..., c]) for c in range(3)]
    first = measure_edges(planes[1], settings)
    found = [e.edge for e in first]
    return {name: first if c == 1 else measure_edges(planes[c], settings, edges=found) for c, name in enumerate(names)}


def _why_none(placed: Sequence[PlacedSfr]) -> str:
    if not placed:
        return "no slanted edge is found: it must be straight, 20 px or longer, between two even areas"
    return f"none of {len(placed)} edges can be measured: {placed[0].sfr.finding}"


def _figures(name: str, placed: Sequence[PlacedSfr]) -> list[Figure]:
    """Means over the edges; the interval is that of the mean, with how much the edges differ."""
    found = []
    units: dict[str, tuple[str, str]] = {}
    values: dict[str, list[float]] = {}
    for edge in placed:
        for figure in edge.sfr.figures:
            key = figure.name.split(".", 1)[1]
            units[key] = figure.unit, figure.clause
            if figure.value is not None:
                values.setdefault(key, []).append(figure.value)
    for key, numbers in values.items():
        spread = float(np.std(numbers, ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else 0.0
        head = "" if name == "green" else f".{name}"
        found.append(Figure.within(f"sfr{head}.{key}", float(np.mean(numbers)), spread, *units[key],
                                   f"mean of {len(numbers)} edges, {name}"))  # fmt: skip
    return found


def _plots(known: dict[str, list[PlacedSfr]]) -> tuple[tuple[str, str], ...]:
    curves = []
    for colour, (name, placed) in zip(COLOURS, known.items(), strict=True):
        if not placed:
            continue
        frequency = placed[0].sfr.frequency_cy_px
        stack = np.array([np.interp(frequency, e.sfr.frequency_cy_px, e.sfr.mtf) for e in placed])
        low, high = np.quantile(stack, [0.1, 0.9], axis=0)
        curves.append(svg.Series(name, frequency, np.median(stack, 0), low, high, colour=colour))
    spread = svg.plot(curves, svg.Axis("cycles a pixel", 0, 0.6), svg.Axis("modulation", 0, None))
    green = known["green"]
    fields = []
    for k, direction in enumerate(("sagittal", "tangential", "")):
        at = [(e.field, e.sfr.figure("mtf50").value) for e in green if e.direction == direction]
        at = [(f, v) for f, v in at if v is not None]
        if at:
            fields.append(svg.Series(direction or "neither", *zip(*at, strict=True), is_line=False, is_points=True,
                                     colour=svg.COLOURS[k]))  # fmt: skip
    field = svg.plot(
        fields, svg.Axis("distance from the middle (1: corner)", 0, 1), svg.Axis("MTF50, cycles a pixel", 0)
    )
    middle = green[len(green) // 2].sfr
    esf = svg.plot([svg.Series("", middle.esf_px, middle.esf, colour=COLOURS[1])], svg.Axis("px from the edge", -8, 8),
                   svg.Axis("edge, 0 dark to 1 bright"))  # fmt: skip
    return ((spread, "modulation transfer: median of the edges, band of the middle 80 %"),
            (field, "MTF50 of green over the field"), (esf, "the edge spread of one of them"))  # fmt: skip


def _table(placed: Sequence[PlacedSfr]) -> list[list[str]]:
    rows = [["row, column", "length, px", "angle", "field", "direction", "MTF50", "overshoot, %"]]
    for e in placed:
        mtf50, over = e.sfr.figure("mtf50"), e.sfr.figure("overshoot")
        rows.append([f"{e.edge.middle[0]:.0f}, {e.edge.middle[1]:.0f}", f"{e.edge.length_px:.0f}",
                     f"{e.sfr.angle_deg:.1f}", f"{e.field:.2f}", e.direction, mtf50.text(3), over.text(2)])  # fmt: skip
    return rows


def _marked(picture: LabPicture, placed: Sequence[PlacedSfr]) -> Crop:
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture.shown())
    scale = min(1.0, CROP_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for e in placed:
        ends = [
            (float(p[1]) / picture.px * scale, float(p[0]) / picture.px * scale) for p in (e.edge.start, e.edge.end)
        ]
        draw.line(ends, fill=(255, 60, 40), width=3)
    return Crop(np.asarray(image), f"{len(placed)} edges that were measured")


def measure_dot_chart(picture: LabPicture) -> Measurement:
    """Distortion and lateral colour from a photograph of a lattice of dots (ISO 17850, ISO 19084)."""
    green = picture.linear[..., 1].astype(np.float64)
    distortion = measure_distortion(green)
    colour = measure_lateral_colour(picture.linear.astype(np.float64))
    findings = [line for line in (distortion.finding, colour.finding) if line]
    plots = []
    if not distortion.finding:
        field = np.linspace(0, 1, 60)
        shown = [svg.Series("local distortion", field, distortion.percent(field))]
        plots.append((svg.plot(shown, svg.Axis("field (1: corner)", 0, 1), svg.Axis("%")), "distortion over the field"))
    if picture.px > 1:
        findings.append(f"of a raw, px here are of {picture.px} x {picture.px} px of the sensor")
    return Measurement(f"{picture.name}: dots", "dots", (picture.name,), (*distortion.figures, *colour.figures),
                       tuple(findings) + picture.notes, tuple(plots), (_marked(picture, ()),))  # fmt: skip
