"""The pixels about an edge, where they lie and what they hold: of a whole picture, or of one colour of a mosaic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Lattice:
    """Pixels of one kind on a square lattice.

    Parameters
    ----------
    values
        float64 [h, w], linear in light.
    top, left
        Row and column of the first pixel.
    step
        Rows, and columns, from one to the next: 1 of a picture, 2 of a colour of a Bayer mosaic.
    """

    values: Floats
    top: int = 0
    left: int = 0
    step: int = 1

    @property
    def rows(self) -> Floats:
        """float64 [h], centres, px."""
        return np.asarray(self.top + self.step * np.arange(self.values.shape[0]) + 0.5)

    @property
    def columns(self) -> Floats:
        """float64 [w], centres, px."""
        return np.asarray(self.left + self.step * np.arange(self.values.shape[1]) + 0.5)

    def turned(self) -> Lattice:
        """Rows and columns change places."""
        return Lattice(self.values.T, self.left, self.top, self.step)


@dataclass(frozen=True)
class EdgeSamples:
    """Every pixel of a region that is of one kind; the edge runs from top to bottom, within 45 degrees.

    Parameters
    ----------
    lattices
        One, or two for the two greens of a Bayer mosaic.
    """

    lattices: tuple[Lattice, ...]

    @classmethod
    def of(cls, region: Floats) -> Self:
        """All pixels of float [h, w]."""
        return cls((Lattice(np.asarray(region, np.float64)),))

    @classmethod
    def of_mosaic(cls, region: Floats, is_plane: npt.NDArray[np.bool_]) -> Self:
        """The pixels of `region` [h, w] whose place in the repeating square is chosen in `is_plane` [2, 2]."""
        chosen = []
        for top, left in np.argwhere(is_plane):
            values = np.asarray(region[top :: is_plane.shape[0], left :: is_plane.shape[1]], np.float64)
            chosen.append(Lattice(values, int(top), int(left), is_plane.shape[0]))
        return cls(tuple(chosen))

    def turned(self) -> EdgeSamples:
        return EdgeSamples(tuple(lattice.turned() for lattice in self.lattices))

    def upright(self) -> tuple[EdgeSamples, bool]:
        """With the edge from top to bottom, and whether rows and columns changed places for it."""
        values = self.lattices[0].values
        across = float(np.sum(_middle_change(values)))
        along = float(np.sum(_middle_change(values.T)))
        return (self, False) if across >= along else (self.turned(), True)

    def flat(self) -> tuple[Floats, Floats, Floats]:
        """Columns, rows (centres, px) and values, each float64 [n]."""
        parts = []
        for lattice in self.lattices:
            x, y = np.meshgrid(lattice.columns, lattice.rows)
            parts.append((x.ravel(), y.ravel(), lattice.values.ravel()))
        x, y, v = (np.concatenate(p) for p in zip(*parts, strict=True))
        return x, y, v

    @property
    def shape(self) -> tuple[float, float]:
        """Rows and columns that the samples span, px."""
        height = max(lattice.rows[-1] + 0.5 for lattice in self.lattices)
        width = max(lattice.columns[-1] + 0.5 for lattice in self.lattices)
        return float(height), float(width)


def _middle_change(values: Floats) -> Floats:
    """Squared change along rows of the mean over thirds of the columns' length: noise averages out of it."""
    thirds = np.array_split(values, 3, axis=0)
    return np.concatenate([np.diff(third.mean(0)) ** 2 for third in thirds if third.size])


def rows_of_edge(lattice: Lattice, first: Floats | None = None, reach_px: float = 8.0) -> tuple[Floats, Floats]:
    """Where the edge crosses each row: centroid of the windowed derivative along the row (ISO 12233:2023, 6.3.3).

    Parameters
    ----------
    lattice
        Edge from top to bottom.
    first
        Places known so far, px [h], to centre a window of `reach_px` on; None: the middle of the region.

    Returns
    -------
    Places (px, [h]) and their weight (the sum of the windowed derivative, [h]).
    """
    change = np.diff(lattice.values, axis=1)
    at = (lattice.columns[1:] + lattice.columns[:-1]) / 2
    if first is None:
        middle = np.full(change.shape[0], at.mean())
        reach = max(at[-1] - at[0], 1.0) / 2 + lattice.step
    else:
        middle, reach = first, max(reach_px, 2.5 * lattice.step)
    u = np.clip((at[None, :] - middle[:, None]) / reach, -1, 1)
    window = 0.5 + 0.5 * np.cos(np.pi * u)
    weighed = change * window
    total = weighed.sum(1)
    safe = np.where(np.abs(total) > 1e-12, total, 1.0)
    return np.asarray((weighed * at).sum(1) / safe), np.asarray(np.where(np.abs(total) > 1e-12, total, 0.0))


def first_line(lattice: Lattice) -> tuple[float, float] | None:
    """A line x = a + b y through the edge, against outliers; None if there is no edge from top to bottom."""
    rows = lattice.rows
    places, weights = rows_of_edge(lattice)
    line: tuple[float, float] | None = None
    for reach in (None, 16.0, 8.0, 8.0):
        if reach is not None and line is not None:
            places, weights = rows_of_edge(lattice, line[0] + line[1] * rows, reach)
        sign = np.sign(np.sum(weights))
        good = (
            (weights * sign > 0.3 * np.median(np.abs(weights)))
            & (places > lattice.columns[0])
            & (places < lattice.columns[-1])
        )
        if good.sum() < 4:
            return None
        line = _robust_line(rows[good], places[good])
    return line


def _robust_line(y: Floats, x: Floats, rounds: int = 6) -> tuple[float, float]:
    """Least absolute deviation by reweighting."""
    weight = np.ones_like(x)
    a = b = 0.0
    for _ in range(rounds):
        mean_y, mean_x = np.average(y, weights=weight), np.average(x, weights=weight)
        spread = np.sum(weight * (y - mean_y) ** 2)
        b = float(np.sum(weight * (y - mean_y) * (x - mean_x)) / spread)
        a = float(mean_x - b * mean_y)
        left = np.abs(x - a - b * y)
        weight = 1 / np.maximum(left, max(float(np.median(left)), 1e-3))
    return a, b
