"""Lateral colour from a chart of dots (ISO 19084:2015): where red and blue show a dot beside green."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.dots import Dots, find_dots
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 19084:2015, 5 (lateral chromatic displacement)"
N_TERMS = 3


@dataclass(frozen=True)
class ColourDisplacement:
    """One channel against green.

    Parameters
    ----------
    channel
        "red" or "blue".
    place_px
        float64 [n, 2], (row, column) of the dots in green.
    displacement_px
        float64 [n, 2], channel minus green.
    radial
        Coefficients c0, c1, c2 of the displacement away from `centre_px`, (c0 + c1 r^2 + c2 r^4) r in px, r in half
        diagonals.
    centre_px
        Of the picture.
    half_diagonal_px
        Unit of r.
    shift_px
        (row, column): displacement of the whole channel (a tilted or decentred element).
    """

    channel: str
    place_px: Floats
    displacement_px: Floats
    radial: tuple[float, ...]
    centre_px: tuple[float, float]
    half_diagonal_px: float
    shift_px: tuple[float, float]

    def at(self, field: Floats) -> Floats:
        """Radial displacement, px (positive: away from the centre), at `field` (1: the corner)."""
        r = np.asarray(field, np.float64)
        return np.asarray(sum(c * r ** (2 * i + 1) for i, c in enumerate(self.radial)))


@dataclass(frozen=True)
class LateralColour:
    """Red and blue against green; `finding` says why there is nothing."""

    channels: tuple[ColourDisplacement, ...]
    figures: tuple[Figure, ...]
    finding: str = ""


def measure_lateral_colour(rgb: Floats, green: Dots | None = None) -> LateralColour:
    """Displacement of red and blue over the field.

    Parameters
    ----------
    rgb
        float [H, W, 3], linear: a picture of a dot chart, demosaiced, nothing corrected.
    green
        Dots of the green channel found before.

    Raises
    ------
    ShapeError
        If the picture has not three channels.

    Notes ----- ISO 19084:2015: displacement in px of red and blue against green, per dot; maximum and mean over the
    field. Deviations: an odd polynomial in the field height is fitted as well, whose value in the corner has an
    interval. Use `displacement_of_dots` for the three colours of a mosaic measured apart. Cost: finding the dots
    three times.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ShapeError(f"lateral colour needs [h, w, 3], not {list(rgb.shape)}", where="rgb")
    return displacement_of_dots(find_dots(rgb[..., 0]), green or find_dots(rgb[..., 1]), find_dots(rgb[..., 2]))


def displacement_of_dots(red: Dots, green: Dots, blue: Dots) -> LateralColour:
    """The same from dots; those found in all channels count, paired by nearness."""
    finding = green.finding or red.finding or blue.finding
    if finding:
        return _nothing(finding)
    channels, figures = [], []
    for name, dots in (("red", red), ("blue", blue)):
        measured, spread = _channel(name, dots, green)
        if measured is None:
            return _nothing(f"the dots of {name} are not those of green")
        channels.append(measured)
        sizes = np.linalg.norm(measured.displacement_px, axis=1)
        at_corner = float(measured.at(np.array(1.0)))
        figures += [
            Figure.within(f"lateral_colour.{name}.at_corner", at_corner, spread, "px", CLAUSE),
            Figure.exact(f"lateral_colour.{name}.max", float(sizes.max()), "px", CLAUSE),
            Figure.exact(f"lateral_colour.{name}.mean", float(sizes.mean()), "px", CLAUSE),
        ]
    return LateralColour(tuple(channels), tuple(figures))


def _channel(name: str, dots: Dots, green: Dots) -> tuple[ColourDisplacement | None, float]:
    from scipy.spatial import cKDTree

    pitch = cKDTree(green.place_px).query(green.place_px, k=2)[0][:, 1]
    distance, other = cKDTree(dots.place_px).query(green.place_px)
    paired = distance < 0.4 * pitch
    if paired.sum() < 12:
        return None, 0.0
    place = green.place_px[paired]
    moved = dots.place_px[other[paired]] - place
    centre, unit = np.array(green.shape) / 2, float(np.hypot(*green.shape)) / 2
    away = (place - centre) / unit
    r2 = (away**2).sum(1)
    columns = [np.concatenate([away[:, 0] * r2**i, away[:, 1] * r2**i]) for i in range(N_TERMS)]
    n = len(place)
    for axis in (0, 1):
        columns.append(np.concatenate([np.full(n, float(axis == 0)), np.full(n, float(axis == 1))]))
    design, right = np.stack(columns, 1), np.concatenate([moved[:, 0], moved[:, 1]])
    fit, *_ = np.linalg.lstsq(design, right, rcond=None)
    variance = float(np.sum((right - design @ fit) ** 2)) / max(2 * n - fit.size, 1)
    covariance = variance * np.linalg.inv(design.T @ design)
    spread = float(np.sqrt(covariance[:N_TERMS, :N_TERMS].sum()))
    return (
        ColourDisplacement(
            name,
            place,
            moved,
            tuple(float(v) for v in fit[:N_TERMS]),
            (float(centre[0]), float(centre[1])),
            unit,
            (float(fit[N_TERMS]), float(fit[N_TERMS + 1])),
        ),
        spread,
    )


def _nothing(why: str) -> LateralColour:
    names = [f"lateral_colour.{c}.{n}" for c in ("red", "blue") for n in ("at_corner", "max", "mean")]
    return LateralColour((), tuple(Figure.missing(name, "px", CLAUSE, why) for name in names), why)
