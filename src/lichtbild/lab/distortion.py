"""Geometric distortion from a chart of dots (ISO 17850:2015), as figures and as points for lens profiles.

Model: picture = centre + R(r) (x, y), (x, y) the projective image of the lattice by a lens without distortion, R = 1
+ k1 r^2 + k2 r^4 + k3 r^6, r in half diagonals. Attitude, magnification, centre and k are fitted together, so that a
chart that stood askew is not taken for distortion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.dots import Dots, find_dots
from lichtbild.lab.figure import Figure
from lichtbild.lab.registration import homography

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 17850:2015, 5 (local geometric distortion, dot chart)"
N_RADIAL = 3


@dataclass(frozen=True)
class Distortion:
    """A lens's distortion as measured.

    Parameters
    ----------
    centre_px
        (row, column) of the distortion's centre.
    coefficients
        k1, k2, k3 over half diagonals of the picture.
    place_px, ideal_px
        float64 [n, 2]: dots as seen and as a lens without distortion would show them (row, column).
    residual_px
        float64 [n, 2]: what the model leaves.
    index
        int [n, 2], of the lattice.
    half_diagonal_px
        The unit of r.
    figures
        `distortion.at_corner`, `distortion.max`, `distortion.residual`, and k.
    finding
        Why there are none.
    """

    centre_px: tuple[float, float]
    coefficients: tuple[float, ...]
    place_px: Floats
    ideal_px: Floats
    residual_px: Floats
    index: npt.NDArray[np.intp]
    half_diagonal_px: float
    figures: tuple[Figure, ...]
    finding: str = ""

    def seen(self, ideal: Floats) -> Floats:
        """Where points (row, column), [n, 2], of a picture without distortion are seen."""
        away = ideal - np.array(self.centre_px)
        return np.asarray(np.array(self.centre_px) + away * _factor(self.coefficients, away, self.half_diagonal_px))

    def percent(self, field: Floats) -> Floats:
        """Local geometric distortion, %, at `field` (1: the corner, of the undistorted picture)."""
        r2 = np.asarray(field, np.float64) ** 2
        return 100 * np.asarray(sum(k * r2 ** (i + 1) for i, k in enumerate(self.coefficients)))


def _factor(coefficients: tuple[float, ...] | Floats, away: Floats, unit: float) -> Floats:
    r2 = (away**2).sum(1, keepdims=True) / unit**2
    return np.asarray(1 + sum(k * r2 ** (i + 1) for i, k in enumerate(coefficients)))


def measure_distortion(picture: Floats | Dots) -> Distortion:
    """Distortion of one picture of a dot chart.

    Parameters
    ----------
    picture
        float [H, W], linear, one channel (green, or luminance); or dots found before.

    Returns
    -------
    With a finding if there is no lattice of dots.

    Notes
    -----
    ISO 17850:2015, clause 5: D = 100 (h' - h) / h per dot, h the distance from the centre a dot would have without
    distortion. Deviations: the undistorted lattice comes from the fit of all dots instead of those next to the centre,
    and may be seen in perspective. Interval: from the fit's covariance. Cost: the dots' finding, and 5 ms.
    """
    dots = picture if isinstance(picture, Dots) else find_dots(picture)
    if dots.finding:
        return _nothing(dots)
    unit = float(np.hypot(*dots.shape)) / 2
    state = _start(dots)
    state, covariance, residual = _fitted(dots, state, unit)
    pitch = float(np.median(np.linalg.norm(np.diff(_projected(state[:8], np.array([[0, 0], [0, 1]])), axis=0))))
    rms = float(np.sqrt(np.mean((residual**2).sum(1))))
    if not rms < 0.1 * pitch:
        return _nothing(replace(dots, finding=f"the spots lie on no lattice: {rms:.1f} px beside it"))
    k, centre = state[8 : 8 + N_RADIAL], state[8 + N_RADIAL :]
    ideal = _projected(state[:8], dots.index)
    figures = _figures(dots, state, covariance, residual, ideal, unit)
    return Distortion(
        (float(centre[0]), float(centre[1])),
        tuple(float(v) for v in k),
        dots.place_px,
        ideal,
        residual,
        dots.index,
        unit,
        figures,
    )


def _start(dots: Dots) -> Floats:
    """Homography of the middle third, no distortion, the picture's centre."""
    middle = np.array(dots.shape) / 2
    size = np.linalg.norm(dots.place_px - middle, axis=1)
    near = size <= max(np.quantile(size, 0.35), np.sort(size)[min(15, size.size - 1)])
    matrix = homography(dots.index[near][:, ::-1].astype(np.float64), dots.place_px[near][:, ::-1])
    return np.concatenate([matrix.ravel()[:8], np.zeros(N_RADIAL), middle])


def _projected(eight: Floats, index: npt.NDArray[np.intp]) -> Floats:
    matrix = np.append(eight, 1.0).reshape(3, 3)
    point = np.column_stack([index[:, 1], index[:, 0], np.ones(len(index))]) @ matrix.T
    return np.asarray(point[:, 1::-1] / point[:, 2:])


def _model(state: Floats, dots: Dots, unit: float) -> Floats:
    centre = state[8 + N_RADIAL :]
    away = _projected(state[:8], dots.index) - centre
    return np.asarray(centre + away * _factor(state[8 : 8 + N_RADIAL], away, unit))


def _fitted(dots: Dots, state: Floats, unit: float) -> tuple[Floats, Floats, Floats]:
    """Gauss-Newton with numeric derivatives; dots beyond four deviations are dropped once."""
    used = np.ones(len(dots.place_px), bool)
    steps = np.array([1e-4, 1e-4, 1e-2, 1e-4, 1e-4, 1e-2, 1e-8, 1e-8, *(1e-5,) * N_RADIAL, 1e-2, 1e-2])
    damping = 1e-6
    for round_number in range(30):
        left = (dots.place_px - _model(state, dots, unit))[used].ravel()
        jacobian = np.stack(
            [
                ((_model(state + s * e, dots, unit) - _model(state - s * e, dots, unit)) / (2 * s))[used].ravel()
                for s, e in zip(steps, np.eye(state.size), strict=True)
            ],
            axis=1,
        )
        scale = np.linalg.norm(jacobian, axis=0) + 1e-300
        scaled = jacobian / scale
        normal = scaled.T @ scaled
        move = np.linalg.solve(normal + damping * np.eye(state.size), scaled.T @ left) / scale
        state = state + move
        if round_number == 12:
            size = np.linalg.norm(dots.place_px - _model(state, dots, unit), axis=1)
            used = size < 4 * 1.4826 * np.median(size) + 1e-3
        if round_number > 13 and float(np.abs(jacobian @ move).max()) < 1e-6:
            break
    residual = dots.place_px - _model(state, dots, unit)
    n = 2 * int(used.sum())
    variance = float((residual[used] ** 2).sum()) / max(n - state.size, 1)
    covariance = variance * np.linalg.inv(normal + 1e-12 * np.eye(state.size)) / np.outer(scale, scale)
    return state, covariance, residual


def _figures(
    dots: Dots, state: Floats, covariance: Floats, residual: Floats, ideal: Floats, unit: float
) -> tuple[Figure, ...]:
    k = state[8 : 8 + N_RADIAL]
    of_k = covariance[8 : 8 + N_RADIAL, 8 : 8 + N_RADIAL]
    farthest = float(np.linalg.norm(ideal - state[8 + N_RADIAL :], axis=1).max()) / unit
    figures = []
    for name, r in (("at_corner", 1.0), ("at_farthest_dot", farthest)):
        powers = np.array([r ** (2 * (i + 1)) for i in range(N_RADIAL)])
        value, spread = 100 * float(powers @ k), 100 * float(np.sqrt(powers @ of_k @ powers))
        note = f"farthest dot at {farthest:.2f} of the half diagonal" if farthest < 0.9 and r == 1.0 else ""
        figures.append(Figure.within(f"distortion.{name}", value, spread, "%", CLAUSE, note))
    steps = np.linspace(0, farthest, 50)
    curve = 100 * sum(c * steps ** (2 * (i + 1)) for i, c in enumerate(k))
    figures.append(Figure.exact("distortion.max", float(curve[np.argmax(np.abs(curve))]), "%", CLAUSE))
    rms = float(np.sqrt(np.mean((residual**2).sum(1))))
    figures.append(Figure.exact("distortion.residual", rms, "px", CLAUSE))
    figures.append(Figure.exact("distortion.dots", float(len(dots.place_px)), "", CLAUSE))
    for i in range(N_RADIAL):
        figures.append(Figure.within(f"distortion.k{i + 1}", k[i], float(np.sqrt(of_k[i, i])), "", CLAUSE))
    return tuple(figures)


def _nothing(dots: Dots) -> Distortion:
    names = [("at_corner", "%"), ("at_farthest_dot", "%"), ("max", "%"), ("residual", "px")]
    figures = tuple(Figure.missing(f"distortion.{n}", u, CLAUSE, dots.finding) for n, u in names)
    none, nan = np.zeros((0, 2)), float("nan")
    unit = float(np.hypot(*dots.shape)) / 2
    return Distortion((nan, nan), (), none, none, none, dots.index, unit, figures, dots.finding)
