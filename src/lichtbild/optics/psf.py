"""Point-spread functions and their transforms, by a matrix Fourier transform of the pupil; Huygens' sum as the
check."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UsageError
from lichtbild.optics.aim import ObjectPoint, beam, launch
from lichtbild.optics.prescription import Prescription
from lichtbild.optics.pupil import Pupil, fit_pupil
from lichtbild.optics.trace import trace_all

Float64 = npt.NDArray[np.float64]

# The pupil is sampled so finely that the field repeats no nearer than this many widths of the window.
_PERIODS = 2.0
_LEAST_CELLS = 128
_MOST_CELLS = 1024


def psf(pupil: Pupil, pitch_mm: float, n: int = 128) -> Float64:
    """Irradiance around `pupil.centre_mm`, float64 [n, n] (y, x), 1/mm^2 for unit light through a mm^2 of the entrance.

    Sample [j, i] lies at x = (i - (n - 1) / 2) * pitch_mm. The sum times pitch^2 is the light within the window.

    Raises
    ------
    UsageError
        If the pitch is coarser than half the finest fringe: the pattern would be undersampled.
    """
    wavelength = pupil.wavelength_nm * 1e-6
    if pitch_mm > wavelength / (4 * float(pupil.half.max())) * 1.0001:
        finest = wavelength / (4 * float(pupil.half.max()))
        raise UsageError(f"{pitch_mm * 1e3:.3g} um samples too coarsely", where="pitch_mm",
                         hint=f"at most {finest * 1e3:.3g} um")  # fmt: skip
    window = n * pitch_mm + spread_mm(pupil)
    cells = math.ceil(_PERIODS * window * 2 * float(pupil.half.max()) / wavelength)
    sampled = pupil.sampled(int(np.clip(cells, _LEAST_CELLS, _MOST_CELLS)))
    at = (np.arange(n) - 0.5 * (n - 1)) * pitch_mm
    along_x = np.exp(2j * np.pi / wavelength * np.outer(sampled.a, at))
    along_y = np.exp(2j * np.pi / wavelength * np.outer(at, sampled.b))
    field = along_y @ sampled.integrand(pupil.wavelength_nm) @ along_x
    return (field.real**2 + field.imag**2) / wavelength**2


def spread_mm(pupil: Pupil) -> float:
    """How far the rays of the pupil land apart, mm: -dW/da, in the larger direction."""
    cells = pupil.sampled(33)
    landing = np.gradient(cells.path_mm, cells.b, cells.a)
    inside = cells.cover > 0.5
    return float(max(np.ptp(np.asarray(d)[inside]) if inside.any() else 0.0 for d in landing))


def polychromatic_psf(
    lens: Prescription,
    point: ObjectPoint,
    wavelengths_nm: Sequence[float],
    weights: Sequence[float],
    pitch_mm: float,
    n: int = 128,
    centre_mm: tuple[float, float] | None = None,
) -> Float64:
    """Weighted sum over wavelengths around one place: lateral colour shows as shift and smear. Sum 1 over all the
    plane.

    Parameters
    ----------
    weights
        Light at each wavelength times what the sensor makes of it; any scale.
    centre_mm
        Of the window; not given: where the beam of the middle wavelength arrives.
    """
    total = np.zeros((n, n))
    light = 0.0
    middle = wavelengths_nm[len(wavelengths_nm) // 2]
    if centre_mm is None:
        centre_mm = fit_pupil(lens, point, middle).centre_mm
    for wave, weight in zip(wavelengths_nm, weights, strict=True):
        pupil = fit_pupil(lens, point, wave, centre_mm)
        total += weight * psf(pupil, pitch_mm, n)
        light += weight * pupil.light()[0]
    return total * (pitch_mm**2 / light)


def mtf(point_spread: Float64, pitch_mm: float, frequencies_per_mm: npt.ArrayLike, angle_deg: float = 0.0) -> Float64:
    """Modulation at spatial frequencies along a direction (0: along x, edges upright), from the pattern by its own sum.

    The pattern is divided by what it sums to, so light outside the window is not counted.
    """
    f = np.atleast_1d(np.asarray(frequencies_per_mm, np.float64))
    n_y, n_x = point_spread.shape
    x, y = (np.arange(n_x) - 0.5 * (n_x - 1)) * pitch_mm, (np.arange(n_y) - 0.5 * (n_y - 1)) * pitch_mm
    fx, fy = f * math.cos(math.radians(angle_deg)), f * math.sin(math.radians(angle_deg))
    along_x, along_y = np.exp(-2j * np.pi * np.outer(fx, x)), np.exp(-2j * np.pi * np.outer(fy, y))
    return np.asarray(np.abs(np.einsum("fx,yx,fy->f", along_x, point_spread, along_y)) / point_spread.sum())


def huygens_psf(
    lens: Prescription,
    point: ObjectPoint,
    wavelength_nm: float,
    centre_mm: tuple[float, float],
    pitch_mm: float,
    n: int = 64,
    n_rays: int = 256,
    sphere_mm: float = 1e4,
) -> Float64:
    """The same pattern by Huygens' integral: every ray starts a spherical wave on a sphere around the image point.

    Nothing is fitted and nothing approximated but the sum itself: it is what `psf` is checked against. Slow: n^2
    n_rays^2 complex exponentials.
    """
    low, high = beam(lens, point, wavelength_nm)
    middle, half = 0.5 * (low + high), 0.5 * (high - low) * 1.01
    grid = (np.arange(n_rays) + 0.5) * (2 / n_rays) - 1
    places = middle[:, None] + half[:, None] * np.stack(np.meshgrid(grid, grid)).reshape(2, -1)
    cell = 4 * half[0] * half[1] / n_rays**2
    rays, energy = launch(lens, point, places)
    end, _ = trace_all(lens, rays, wavelength_nm)
    # Two neighbours a little away give the Jacobian of the map from entrance to direction.
    small = 1e-4 * float(half.max())
    steps = []
    for axis in (0, 1):
        moved = places.copy()
        moved[axis] += small
        beside, _ = trace_all(lens, launch(lens, point, moved)[0], wavelength_nm)
        steps.append((beside.direction[:2] - end.direction[:2]) / small)
    jacobian = np.abs(steps[0][0] * steps[1][1] - steps[0][1] * steps[1][0])
    kept = (end.lost == 0) & np.isfinite(jacobian)
    direction, at = end.direction[:, kept], end.position_mm[:2, kept] - np.array(centre_mm)[:, None]
    # Back along the ray to the sphere: |at - s d| = R.
    along = (direction[:2] * at).sum(0)
    s = along + np.sqrt(along**2 + sphere_mm**2 - (at**2).sum(0))
    start = np.stack([at[0], at[1], np.zeros_like(s)]) - s * direction
    phase_mm = end.path_mm[kept] - s
    # The wave's amplitude on the sphere is sqrt(dE / dS), its share of the integral that times dS = R^2 da db / cos;
    # what a mm^2 of the slanted plane receives takes the cosine out again.
    share = np.sqrt(energy[kept] * cell * jacobian[kept] * cell) * sphere_mm
    k = 2 * np.pi / (wavelength_nm * 1e-6)
    x = (np.arange(n) - 0.5 * (n - 1)) * pitch_mm
    out = np.empty((n, n))
    for row, y in enumerate(x):
        far = np.sqrt((x[:, None] - start[0]) ** 2 + (y - start[1]) ** 2 + start[2] ** 2)
        field = (share / far * np.exp(1j * k * (phase_mm + far - sphere_mm))).sum(1)
        out[row] = np.abs(field) ** 2
    return out / (wavelength_nm * 1e-6) ** 2
