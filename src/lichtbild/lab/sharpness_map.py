"""Sharpness over the field: every edge of a picture measured, and how it changes from the middle to the corners."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.edge_finding import FindSettings, FoundEdge, find_edges
from lichtbild.lab.figure import Figure
from lichtbild.lab.sfr import DEFAULT, EdgeSettings, KnownLine, Sfr, measure_edge
from lichtbild.lab.sfr_figures import CLAUSE

Floats = npt.NDArray[np.floating[Any]]

# cos^2 of the angle between an edge and the radius: above, blur along the tangent is seen; below 1 minus it, along the
# radius; between, both.
CLEARLY = 0.75


@dataclass(frozen=True)
class PlacedSfr:
    """An edge, where it lies and its response.

    Parameters
    ----------
    edge
        As found, px of the picture.
    field
        Distance of its middle from the picture's, 1 in the corners.
    along_radius
        cos^2 of the angle between edge and radius: 1 is an edge along the radius (sagittal MTF), 0 across it
        (tangential MTF).
    sfr
        Its response.
    """

    edge: FoundEdge
    field: float
    along_radius: float
    sfr: Sfr

    @property
    def direction(self) -> str:
        """ "sagittal", "tangential", or "" where the edge is neither."""
        if self.field < 0.05:
            return ""
        return "sagittal" if self.along_radius > CLEARLY else "tangential" if self.along_radius < 1 - CLEARLY else ""


def measure_edges(
    picture: Floats,
    settings: EdgeSettings = DEFAULT,
    find: FindSettings | None = None,
    edges: Sequence[FoundEdge] | None = None,
) -> tuple[PlacedSfr, ...]:
    """Every slanted edge of one channel of a picture, the longest first; findings are kept.

    Parameters
    ----------
    picture
        [H, W], as `measure_edge` takes it.
    settings, find
        How edges are measured and found.
    edges
        Found before (in another channel); None: found here.

    Notes
    -----
    ISO 12233:2023, 6. Cost: 0.3 s for 12 MP and 25 ms an edge.
    """
    picture = np.asarray(picture)
    if picture.ndim != 2:
        raise ShapeError(f"edges are measured in one channel, [h, w], not {list(picture.shape)}", where="picture")
    found = find_edges(picture, find) if edges is None else edges
    return tuple(_placed(picture, edge, settings, None) for edge in found)


def measure_mosaic_edges(
    mosaic: Floats,
    is_plane: npt.NDArray[np.bool_],
    settings: EdgeSettings = DEFAULT,
    find: FindSettings | None = None,
    edges: Sequence[FoundEdge] | None = None,
) -> tuple[PlacedSfr, ...]:
    """The same of one colour of a raw, nothing demosaiced; edges are found in the mean of each square.

    Parameters
    ----------
    mosaic
        float [H, W], black subtracted, linear.
    is_plane
        bool [2, 2]: the colour's places in the square at the upper left.
    """
    if edges is None:
        edges = edges_of_mosaic(mosaic, find)
    return tuple(_placed(mosaic, edge, settings, is_plane) for edge in edges)


def edges_of_mosaic(mosaic: Floats, find: FindSettings | None = None) -> tuple[FoundEdge, ...]:
    """Edges of a Bayer mosaic in its own px."""
    h, w = (n // 2 * 2 for n in mosaic.shape)
    squares = np.asarray(mosaic[:h, :w], np.float32).reshape(h // 2, 2, w // 2, 2).mean((1, 3))
    find = find or FindSettings()
    half = replace(
        find,
        least_length_px=find.least_length_px / 2,
        least_clear_px=find.least_clear_px / 2,
        most_clear_px=find.most_clear_px / 2,
    )
    return tuple(
        FoundEdge((e.start[0] * 2, e.start[1] * 2), (e.end[0] * 2, e.end[1] * 2), e.clear_px * 2)
        for e in find_edges(squares, half)
    )


def _placed(
    picture: Floats, edge: FoundEdge, settings: EdgeSettings, is_plane: npt.NDArray[np.bool_] | None
) -> PlacedSfr:
    box = edge.box(picture.shape, 1 if is_plane is None else 2)
    near = replace(settings, reach_px=min(settings.reach_px, edge.clear_px))
    if settings.method == "iso":
        box = _short_box(edge, box)
    sfr = measure_edge(picture[box], near, is_plane, KnownLine(edge.line_in(box), edge.is_turned))
    middle = np.array(picture.shape) / 2
    away = np.array(edge.middle) - middle
    along = np.array(edge.end) - np.array(edge.start)
    distance = float(np.linalg.norm(away))
    cosine = float(away @ along) / max(distance * float(np.linalg.norm(along)), 1e-9)
    return PlacedSfr(edge, distance / float(np.linalg.norm(middle)), cosine * cosine, sfr)


def _short_box(edge: FoundEdge, box: tuple[slice, slice]) -> tuple[slice, slice]:
    """The standard's steps take whole rows: as much of the edge as has nothing else in its rectangle."""
    along, across = (1, 0) if edge.is_turned else (0, 1)
    slope = abs(np.tan(np.radians(edge.angle_deg)))
    half = min((box[along].stop - box[along].start) / 2, 0.5 * edge.clear_px / max(slope, 1e-3))
    wide = edge.clear_px - half * slope
    parts = [slice(0), slice(0)]
    for axis, reach in ((along, half), (across, wide + half * slope)):
        at = edge.middle[axis]
        parts[axis] = slice(max(int(at - reach), 0), int(at + reach) + 1)
    return parts[0], parts[1]


@dataclass(frozen=True)
class FieldZone:
    """Edges between two distances from the middle.

    Parameters
    ----------
    inner, outer
        1 in the corners.
    direction
        "sagittal", "tangential" or "all".
    mtf50
        Mean over the zone, each edge weighed by its interval and by how far edges differ.
    n_edges
        In it.
    """

    inner: float
    outer: float
    direction: str
    mtf50: Figure
    n_edges: int


def over_field(edges: Sequence[PlacedSfr], n_zones: int = 4) -> tuple[FieldZone, ...]:
    """MTF50 in rings of equal width, sagittal, tangential and all."""
    zones = []
    limits = np.linspace(0, 1, n_zones + 1)
    for inner, outer in itertools.pairwise(limits):
        here = [e for e in edges if e.sfr.is_measured and inner <= e.field < max(outer, 1.001 * (outer == 1))]
        for direction in ("all", "sagittal", "tangential"):
            chosen = [e for e in here if direction in ("all", e.direction)]
            figures = [e.sfr.figure("mtf50") for e in chosen]
            name = f"sfr.field_{inner:.2f}_{outer:.2f}.{direction}.mtf50"
            zones.append(FieldZone(float(inner), float(outer), direction, _mean(figures, name), len(chosen)))
    return tuple(zones)


def _mean(figures: Sequence[Figure], name: str) -> Figure:
    known = [f for f in figures if f.value is not None]
    if not known:
        return Figure.missing(name, "cy/px", CLAUSE, "no edge of this direction in this zone could be measured")
    values = np.array([f.value for f in known], np.float64)
    own = np.array([((f.high or 0) - (f.low or 0)) / 3.92 for f in known])
    between = max(float(np.var(values, ddof=1)) - float(np.mean(own**2)), 0.0) if values.size > 1 else 0.0
    weights = 1 / (own**2 + between + 1e-12)
    deviation = float(1 / np.sqrt(weights.sum()))
    return Figure.within(name, float(np.average(values, weights=weights)), deviation, "cy/px", CLAUSE)


def grid_map(
    edges: Sequence[PlacedSfr], shape: tuple[int, int], cells: tuple[int, int] = (9, 12), direction: str = "all"
) -> Floats:
    """MTF50 at the middles of `cells` over a picture of `shape`, float64; NaN far from every edge.

    Each cell has the mean of the edges about it, Gaussian weights of one and a half cells.
    """
    chosen = [e for e in edges if e.sfr.is_measured and direction in ("all", e.direction)]
    chosen = [e for e in chosen if e.sfr.figure("mtf50").value is not None]
    out = np.full(cells, np.nan)
    if not chosen:
        return out
    size = np.array(shape) / np.array(cells)
    at = np.array([e.edge.middle for e in chosen]) / size
    values = np.array([e.sfr.figure("mtf50").value for e in chosen], np.float64)
    for row in range(cells[0]):
        for column in range(cells[1]):
            square = ((at - (row + 0.5, column + 0.5)) ** 2).sum(1)
            weights = np.exp(-square / (2 * 1.5**2))
            if square.min() < 9:
                out[row, column] = np.average(values, weights=weights)
    return out
