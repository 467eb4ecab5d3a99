"""Shading of an even field (ISO 17957:2015), in luminance and colour; and veiling flare (ISO 18844:2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 17957:2015, 5 (luminance shading) and 6 (colour shading)"
FLARE_CLAUSE = "ISO 18844:2017 (image flare, black patches on bright ground)"
BLOCKS = (36, 48)
DEGREE = 6
MOST_CLIPPED = 0.001
UNEVEN = 0.03


@dataclass(frozen=True)
class Shading:
    """Shading as measured.

    Parameters
    ----------
    place_px
        float64 [n, 2], (row, column) of the blocks' middles.
    value
        float64 [n, C], their means over the picture's middle.
    coefficients
        float64 [m, C] of the polynomial in u = column, v = row (-1..1): terms u^i v^j, i + j <= 6, in `powers`' order.
    shape
        Rows and columns.
    figures
        `shading.CHANNEL.corner` (%, mean of the corners against the middle), `worst_corner`, `max`, `asymmetry`, and
        for three channels `shading.colour.red_green`, `blue_green` (%, largest change of the ratio).
    finding
        Why there are none.
    """

    place_px: Floats
    value: Floats
    coefficients: Floats
    shape: tuple[int, int]
    figures: tuple[Figure, ...]
    finding: str = ""

    def at(self, place_px: Floats) -> Floats:
        """Relative illumination, [n, C], 1 in the middle, at (row, column) [n, 2]."""
        return np.asarray(_design(place_px, self.shape) @ self.coefficients)


def powers() -> tuple[tuple[int, int], ...]:
    """Exponents (i, j) of u^i v^j."""
    return tuple((i, n - i) for n in range(DEGREE + 1) for i in range(n + 1))


def _design(place: Floats, shape: tuple[int, ...]) -> Floats:
    v, u = (place / (np.array(shape[:2]) / 2) - 1).T
    return np.stack([u**i * v**j for i, j in powers()], axis=1)


def measure_shading(picture: Floats, white: float | None = None) -> Shading:
    """Shading of a picture of an evenly lit field.

    Parameters
    ----------
    picture
        float [H, W] or [H, W, 3], linear, black subtracted, nothing corrected.
    white
        Value at which pixels are clipped; None: nowhere.

    Raises
    ------
    ShapeError
        If it is neither.

    Notes
    -----
    ISO 17957:2015: luminance shading = 100 (1 - corner / middle); colour shading as the change of the ratios to green.
    Deviations: values come from a polynomial of the sixth degree through 36 x 48 block means (medians of means against
    dust), so that noise is no shading; the standard's colour difference from the mean chroma needs a colour matrix and
    is the caller's. Interval: from the scatter of the blocks about the polynomial. Cost: 20 ns a pixel.
    """
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ShapeError(f"shading needs [h, w] or [h, w, 3], not {list(picture.shape)}", where="picture")
    planes = np.atleast_3d(picture)
    if white is not None and float(np.mean(planes >= white)) > MOST_CLIPPED:
        return _nothing(picture.shape, "the field is clipped")
    if not float(np.mean(planes)) > 0:
        return _nothing(picture.shape, "the field is dark")
    place, mean = _blocks(planes)
    design = _design(place, picture.shape)
    fit = np.empty((design.shape[1], planes.shape[2]))
    used = np.ones(len(place), bool)
    for _ in range(3):
        fit, *_ = np.linalg.lstsq(design[used], mean[used], rcond=None)
        left = np.abs(mean - design @ fit).max(1)
        used = left < 5 * 1.4826 * np.median(left) + 1e-12
    left = (mean - design @ fit)[used]
    middle = (_design(np.array([picture.shape[:2]]) / 2, picture.shape) @ fit)[0]
    rough = float(np.sqrt(np.mean((left / middle) ** 2)))
    if np.any(middle <= 0) or rough > UNEVEN or used.mean() < 0.9:
        return _nothing(picture.shape, f"this is no even field: blocks depart by {rough:.1%} from a smooth one")
    covariance = np.linalg.inv(design[used].T @ design[used])
    spread = np.sqrt((left**2).sum(0) / max(int(used.sum()) - design.shape[1], 1)) / middle
    figures = _figures(fit / middle, covariance, spread, picture.shape)
    return Shading(place, mean / middle, fit / middle, (picture.shape[0], picture.shape[1]), figures)


def _blocks(planes: Floats) -> tuple[Floats, Floats]:
    """Middles (row, column) and means of the blocks; small pictures have fewer."""
    rows, columns = (
        np.linspace(0, n, min(b, n // 4) + 1).astype(np.intp) for n, b in zip(planes.shape, BLOCKS, strict=False)
    )
    sums = np.add.reduceat(np.add.reduceat(np.asarray(planes, np.float64), rows[:-1], 0), columns[:-1], 1)
    area = np.outer(np.diff(rows), np.diff(columns))
    middles = np.meshgrid((rows[1:] + rows[:-1]) / 2, (columns[1:] + columns[:-1]) / 2, indexing="ij")
    return np.stack([m.ravel() for m in middles], 1), (sums / area[..., None]).reshape(-1, planes.shape[2])


def _figures(fit: Floats, covariance: Floats, spread: Floats, shape: tuple[int, ...]) -> tuple[Figure, ...]:
    h, w = shape[:2]
    corners = _design(np.array([[0, 0], [0, w], [h, 0], [h, w]], np.float64), shape)
    grid = np.stack(np.meshgrid(np.linspace(0, h, 25), np.linspace(0, w, 33), indexing="ij"), -1).reshape(-1, 2)
    everywhere = _design(grid, shape) @ fit
    names = ("luminance",) if fit.shape[1] == 1 else ("red", "green", "blue")
    figures = []
    mean = corners.mean(0)
    for c, name in enumerate(names):
        value = corners @ fit[:, c]
        deviation = 100 * float(spread[c] * np.sqrt(mean @ covariance @ mean))
        lowest, highest = float(everywhere[:, c].min()), float(everywhere[:, c].max())
        figures += [
            Figure.within(f"shading.{name}.corner", 100 * (1 - float(value.mean())), deviation, "%", CLAUSE),
            Figure.exact(f"shading.{name}.worst_corner", 100 * (1 - float(value.min())), "%", CLAUSE),
            Figure.exact(f"shading.{name}.max", 100 * (1 - lowest / highest), "%", CLAUSE),
            Figure.exact(f"shading.{name}.asymmetry", 100 * float(np.ptp(value)), "%", CLAUSE),
        ]
    if fit.shape[1] == 3:
        for name, c in (("red_green", 0), ("blue_green", 2)):
            ratio = everywhere[:, c] / everywhere[:, 1]
            change = float((ratio - 1)[np.argmax(np.abs(ratio - 1))])
            figures.append(Figure.exact(f"shading.colour.{name}", 100 * change, "%", CLAUSE))
    return tuple(figures)


def _nothing(shape: tuple[int, ...], why: str) -> Shading:
    names = [f"shading.luminance.{n}" for n in ("corner", "worst_corner", "max", "asymmetry")]
    figures = tuple(Figure.missing(name, "%", CLAUSE, why) for name in names)
    return Shading(np.zeros((0, 2)), np.zeros((0, 1)), np.zeros((len(powers()), 1)), (shape[0], shape[1]), figures, why)


def measure_flare(black: Floats, white: Floats) -> Figure:
    """Veiling flare: light where there is none, % of the bright ground about it.

    Parameters
    ----------
    black
        Linear pixels of a light trap (a hole into a dark box) in a bright scene, black level subtracted.
    white
        Pixels of the bright ground beside it.

    Notes ----- ISO 18844:2017: flare = 100 L_black / L_white. A printed black patch is no trap: what it reflects (3
    to 5 %) counts as flare then, and the note says nothing of it. Interval: from the pixels' scatter.
    """
    name = "flare.veiling"
    if black.size < 16 or white.size < 16:
        return Figure.missing(name, "%", FLARE_CLAUSE, "the scene has no light trap on bright ground of 16 px or more")
    level = float(np.mean(white))
    if level <= 0:
        return Figure.missing(name, "%", FLARE_CLAUSE, "the bright ground is dark")
    value = float(np.mean(black)) / level
    deviation = np.hypot(np.std(black) / np.sqrt(black.size), value * np.std(white) / np.sqrt(white.size)) / level
    return Figure.within(name, 100 * value, 100 * float(deviation), "%", FLARE_CLAUSE)
