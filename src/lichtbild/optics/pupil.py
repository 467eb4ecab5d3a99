"""The exit pupil of an object point in direction cosines: phase, amplitude and edge as smooth functions.

One amplitude convention everywhere: the square of the amplitude is the energy per area of direction-cosine space,
|A(a, b)|^2 = dE / (da db). The field in the sensor's plane is then U(x, y) = 1/wavelength * integral A exp(i k (W + a x
+ b y)) da db, its square is the irradiance, and Parseval's theorem keeps the energy exactly. No reference sphere is
needed: W is the optical path of a ray to the sensor, less a x + b y of where it arrives (Debye's limit of a large
sphere).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from lichtbild.core.errors import MetadataError
from lichtbild.optics.aim import ObjectPoint, beam, fate_of_light, launch
from lichtbild.optics.prescription import Prescription
from lichtbild.optics.trace import trace_all

Float64 = npt.NDArray[np.float64]
Complex128 = npt.NDArray[np.complex128]

DEGREE = 14
_N_RAYS = 42
# How far beyond the edge rays are used for the fit, in free radii: the edge itself is then well inside.
_BEYOND = 1.06
_GUARD_CELLS = 24
_POWERS = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]


@dataclass(frozen=True, eq=False)
class Pupil:
    """Smooth functions of the direction cosines (a, b) at the sensor, as Chebyshev coefficients [D, D] on a box.

    Parameters
    ----------
    centre, half
        Of the box in (a, b), float64 [2] each.
    path_mm
        W.
    place_x, place_y
        Where the ray crossed the plane of the first vertex, mm.
    energy
        Light through a square mm of that plane.
    limits
        For every surface that limits the beam: (r / free radius)^2 - 1, below 0 inside.
    known
        bool [24, 24] (b, a): cells of the box that rays lie in or beside; the functions hold there only.
    centre_mm
        x, y at the sensor that all of it is relative to.
    residual_waves
        rms difference of the rays' paths from the fit.
    """

    centre: Float64
    half: Float64
    path_mm: Float64
    place_x: Float64
    place_y: Float64
    energy: Float64
    limits: tuple[Float64, ...]
    known: npt.NDArray[np.bool_]
    centre_mm: tuple[float, float]
    wavelength_nm: float
    residual_waves: float

    def about(self, centre_mm: tuple[float, float]) -> Pupil:
        """The same pupil related to another place on the sensor: its path differs by a plane."""
        dx, dy = (new - old for new, old in zip(centre_mm, self.centre_mm, strict=True))
        path = self.path_mm.copy()
        path[0, 0] += self.centre[0] * dx + self.centre[1] * dy
        path[0, 1] += self.half[0] * dx
        path[1, 0] += self.half[1] * dy
        return replace(self, path_mm=path, centre_mm=centre_mm)

    def sampled(self, n: int) -> Sampled:
        """All of it on n x n cells of the box."""
        u = (np.arange(n) + 0.5) * (2 / n) - 1
        table = chebyshev.chebvander(u, DEGREE)
        slope = chebyshev.chebvander(u, DEGREE - 1) @ chebyshev.chebder(np.eye(DEGREE + 1), axis=0)

        def value(f: Float64) -> Float64:
            return np.asarray(table @ f @ table.T)

        def slopes(f: Float64) -> tuple[Float64, Float64]:
            return np.asarray(table @ f @ slope.T), np.asarray(slope @ f @ table.T)

        (xa, xb), (ya, yb) = slopes(self.place_x), slopes(self.place_y)
        area = float(self.half[0] * self.half[1])
        density = np.abs(xa * yb - xb * ya) * np.maximum(value(self.energy), 0) / area
        guard = ((u + 1) * (0.5 * _GUARD_CELLS)).astype(int)
        cover = self.known[guard[:, None], guard].astype(np.float64)
        for limit in self.limits:
            cover *= covered(value(limit), *slopes(limit), 2 / n)
        a, b = self.centre[0] + u * self.half[0], self.centre[1] + u * self.half[1]
        return Sampled(a, b, value(self.path_mm), density, cover, area * (2 / n) ** 2)

    def light(self, n: int = 192) -> tuple[float, float]:
        """What arrives, in units of the light through a square mm of entrance on the axis; and the area of the pupil in
        direction cosines, to which the irradiance of an evenly bright object is proportional."""
        cells = self.sampled(n)
        return float((cells.density * cells.cover).sum() * cells.area), float(cells.cover.sum() * cells.area)


@dataclass(frozen=True, eq=False)
class Sampled:
    """A pupil on a grid of cells, arrays [n, n] (b, a): cosines a [n] and b [n], path W in mm, dE / (da db), which
    share of each cell is open, and the area of a cell."""

    a: Float64
    b: Float64
    path_mm: Float64
    density: Float64
    cover: Float64
    area: float

    def integrand(self, wavelength_nm: float) -> Complex128:
        """A exp(i k W) da db."""
        wave = np.exp((2j * np.pi / (wavelength_nm * 1e-6)) * self.path_mm)
        return np.asarray(np.sqrt(self.density) * (self.cover * self.area) * wave)


def fit_pupil(
    lens: Prescription, point: ObjectPoint, wavelength_nm: float, centre_mm: tuple[float, float] | None = None
) -> Pupil:
    """The pupil that an object point sees, by tracing a square of rays and fitting polynomials of degree 14.

    Parameters
    ----------
    centre_mm
        The place on the sensor to relate everything to; not given: where the beam's middle arrives.

    Raises
    ------
    MetadataError
        If fewer rays arrive than the fit needs.
    """
    low, high = beam(lens, point, wavelength_nm)
    middle, half = 0.5 * (low + high), 0.5 * (high - low) * (_BEYOND + 0.02)
    grid = np.linspace(-1, 1, _N_RAYS)
    places = middle[:, None] + half[:, None] * np.stack(np.meshgrid(grid, grid)).reshape(2, -1)
    rays, energy = launch(lens, point, places)
    end, met = trace_all(lens, rays, wavelength_nm)
    reach = _reach(lens, met)
    with np.errstate(invalid="ignore"):
        used = np.isfinite(end.state[:7]).all(0) & (reach.max(0) < _BEYOND)
        inside = used & (reach.max(0) <= 1)
    if inside.sum() < 60 or used.sum() < len(_POWERS):
        angle = math.degrees(math.atan(math.hypot(*point.tangents)))
        raise MetadataError(
            f"hardly any light from {angle:.1f} degrees reaches the sensor", where=lens.name,
            hint=fate_of_light(lens, point, wavelength_nm),
        )  # fmt: skip

    if centre_mm is None:
        centre_mm = _middle(end.position_mm[:2, inside], energy[inside])
    cosines = end.direction[:2, used]
    within = end.direction[:2, inside]
    spread = within.max(1) - within.min(1)
    box_low, box_high = within.min(1) - 0.04 * spread, within.max(1) + 0.04 * spread
    centre, half = 0.5 * (box_low + box_high), 0.5 * (box_high - box_low)
    scaled = (cosines - centre[:, None]) / half[:, None]

    limiting = [k for k in range(len(lens.surfaces)) if np.nanmax(reach[k, used]) > 1 - 0.5 * (_BEYOND - 1)]
    shift = np.array(centre_mm)[:, None]
    path = end.path_mm[used] - (cosines * (end.position_mm[:2, used] - shift)).sum(0)
    columns = [path, places[0, used], places[1, used], energy[used], *(reach[k, used] ** 2 - 1 for k in limiting)]
    fitted, residual = _fit(scaled, np.stack(columns, 1), inside[used])
    box = np.clip(((scaled + 1) * (0.5 * _GUARD_CELLS)).astype(int), 0, _GUARD_CELLS - 1)
    is_in = (np.abs(scaled) <= 1).all(0)
    known = np.zeros((_GUARD_CELLS + 2,) * 2, bool)
    for di in (0, 1, 2):
        for dj in (0, 1, 2):
            known[box[1, is_in] + di, box[0, is_in] + dj] = True
    path_of, place_x, place_y, energy_of, *limits = fitted
    waves = residual / (wavelength_nm * 1e-6)
    return Pupil(
        centre,
        half,
        path_of,
        place_x,
        place_y,
        energy_of,
        tuple(limits),
        known[1:-1, 1:-1],
        centre_mm,
        wavelength_nm,
        waves,
    )


def _middle(at: Float64, energy: Float64) -> tuple[float, float]:
    x, y = (at * energy).sum(1) / energy.sum()
    return float(x), float(y)


def _reach(lens: Prescription, met: Float64) -> Float64:
    """[S, N]: distance from each surface's own axis over its free radius."""
    rows = []
    for surface, at in zip(lens.surfaces, met, strict=True):
        off = np.hypot(at[0] - surface.decentre_mm[0], at[1] - surface.decentre_mm[1])
        rows.append(off / surface.semi_diameter_mm)
    return np.stack(rows)


def _fit(at: Float64, columns: Float64, inside: npt.NDArray[np.bool_]) -> tuple[list[Float64], float]:
    """Chebyshev coefficients [D, D] (b, a) of each column, least squares, and the rms residual of the first inside."""
    ta, tb = chebyshev.chebvander(at[0], DEGREE), chebyshev.chebvander(at[1], DEGREE)
    rows, cols = np.array(_POWERS).T
    basis = tb[:, rows] * ta[:, cols]
    q, r = np.linalg.qr(basis)
    diagonal = np.abs(np.diag(r))
    if diagonal.min() > 1e-9 * diagonal.max():
        solution = np.linalg.solve(r, q.T @ columns)
    else:
        # A sliver of a pupil does not fix every term: the least of the solutions.
        solution = np.linalg.lstsq(basis, columns, rcond=1e-9)[0]
    left = (columns[:, 0] - basis @ solution[:, 0])[inside]
    out = []
    for k in range(columns.shape[1]):
        full = np.zeros((DEGREE + 1, DEGREE + 1))
        full[rows, cols] = solution[:, k]
        out.append(full)
    return out, float(np.sqrt(np.mean((left - left.mean()) ** 2)))


def covered(g: Float64, slope_a: Float64, slope_b: Float64, step_b: float, step_a: float | None = None) -> Float64:
    """Which share of each cell, `step_a` by `step_b`, lies where g < 0; the edge taken as straight within the cell."""
    over_a, over_b = slope_a * (step_b if step_a is None else step_a), slope_b * step_b
    norm = np.maximum(np.hypot(over_a, over_b), 1e-300)
    p, q = np.maximum(np.abs(over_a) / norm, 1e-6), np.maximum(np.abs(over_b) / norm, 1e-6)
    t = 0.5 * (p + q) - g / norm

    def corner(v: Float64) -> Float64:
        return np.asarray(np.maximum(v, 0) ** 2)

    return np.asarray(np.clip((corner(t) - corner(t - p) - corner(t - q) + corner(t - p - q)) / (2 * p * q), 0, 1))
