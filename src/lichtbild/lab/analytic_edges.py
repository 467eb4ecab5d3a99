"""Pictures of edges whose MTF is known by formula: Gaussian, defocus, diffraction, box, oversharpened, curved.

A blur of circular symmetry that is known by its transfer function H(f) makes of a straight edge
E(d) = 1/2 + (1/pi) int_0^inf H(f) P(f) sin(2 pi f d) / f df, with P the square pixel along the normal. The integral is
evaluated to 1e-6 and better; nothing is rendered, binned or resampled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_model import GaussianEdge

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Blur:
    """A blur by the transfer function of its optics (cy/px, without the pixel)."""

    name: str
    optics: Callable[[Floats], Floats]
    cutoff_cy_px: float

    def transfer(self, frequency: Floats, angle_rad: float) -> Floats:
        """MTF with the square pixel, along the normal of an edge at `angle_rad`."""
        return np.asarray(np.abs(self.optics(frequency)) * GaussianEdge(1.0, angle_rad).pixel(frequency))

    def edge(self, d_px: Floats, angle_rad: float) -> Floats:
        """The step 0 to 1 at distances `d_px` [...], by the integral above on a fine grid, interpolated by a spline."""
        from scipy.interpolate import CubicSpline

        reach = float(np.abs(d_px).max()) + 1
        # The grid of frequencies repeats the edge after 1 / step: far beyond its reach.
        step = 1 / (64 * (reach + 8))
        f = (np.arange(int(self.cutoff_cy_px / step)) + 0.5) * step
        density = self.optics(f) * GaussianEdge(1.0, angle_rad).pixel(f) / f * (step / np.pi)
        grid = np.arange(0, reach + 0.1, 0.04)
        # Midpoints of frequency: a step repeated with alternating sign, whose ends are half the value.
        values = np.array([float(density @ np.sin(2 * np.pi * f * d)) for d in grid])
        half = CubicSpline(grid, values)(np.abs(d_px))
        return np.asarray(0.5 + np.sign(d_px) * half)


def gaussian(sigma_px: float) -> Blur:
    """Standard deviation of the optical blur."""
    return Blur(
        f"Gaussian {sigma_px:g} px", lambda f: np.exp(-2 * (np.pi * sigma_px * f) ** 2), min(1.2 / sigma_px, 8.0)
    )


def diffraction(wavelength_times_f_number_px: float) -> Blur:
    """A perfect lens with a round pupil: (2/pi)(acos v - v sqrt(1 - v^2)), v = f lambda N."""

    def optics(f: Floats) -> Floats:
        v = np.minimum(f * wavelength_times_f_number_px, 1)
        return np.asarray(2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v)))

    return Blur(f"diffraction {wavelength_times_f_number_px:g} px", optics, 1 / wavelength_times_f_number_px)


def defocus(diameter_px: float, sigma_px: float = 0.2) -> Blur:
    """Geometric disc of confusion, 2 J1(x)/x with x = pi D f, softened by a little Gaussian."""
    from scipy.special import j1

    def optics(f: Floats) -> Floats:
        x = np.maximum(np.pi * diameter_px * f, 1e-9)
        return np.asarray(2 * j1(x) / x * np.exp(-2 * (np.pi * sigma_px * f) ** 2))

    return Blur(f"defocus {diameter_px:g} px", optics, 1.2 / sigma_px)


def box(width_px: float, sigma_px: float = 0.15) -> Blur:
    """Smear of uniform speed along the normal, softened by a little Gaussian."""
    return Blur(
        f"box {width_px:g} px",
        lambda f: np.sinc(width_px * f) * np.exp(-2 * (np.pi * sigma_px * f) ** 2),
        1.2 / sigma_px,
    )


def oversharpened(sigma_px: float, amount: float, radius_px: float) -> Blur:
    """A Gaussian edge after an unsharp mask: G (1 + amount (1 - G_radius)): halos on both sides."""

    def optics(f: Floats) -> Floats:
        mask = 1 - np.exp(-2 * (np.pi * radius_px * f) ** 2)
        return np.asarray(np.exp(-2 * (np.pi * sigma_px * f) ** 2) * (1 + amount * mask))

    return Blur(f"oversharpened {amount:g}", optics, 1.2 / sigma_px)


@dataclass(frozen=True)
class EdgePicture:
    """A drawn edge: where it lies and between which levels.

    Parameters
    ----------
    angle_deg
        From the vertical.
    phase_px
        Where it crosses the middle row, from the middle of the region.
    shape
        Rows, columns.
    dark, bright
        Levels, 1 = saturation.
    curvature_1_px
        1 / radius; 0 is straight.
    """

    angle_deg: float
    phase_px: float = 0.0
    shape: tuple[int, int] = (170, 64)
    dark: float = 0.2
    bright: float = 0.8
    curvature_1_px: float = 0.0

    def distance_px(self) -> Floats:
        """Of every pixel's centre from the edge, positive on the bright side, float64 [h, w]."""
        rows, columns = (np.arange(n) + 0.5 - n / 2 for n in self.shape)
        x, y = columns[None, :] - self.phase_px, rows[:, None]
        a = np.radians(self.angle_deg)
        across, along = x * np.cos(a) - y * np.sin(a), x * np.sin(a) + y * np.cos(a)
        if self.curvature_1_px == 0:
            return np.asarray(across)
        radius = 1 / self.curvature_1_px
        return np.asarray(np.sign(radius) * (np.hypot(across + radius, along) - abs(radius)))

    def drawn(self, blur: Blur | GaussianEdge) -> Floats:
        """float64 [h, w], noise-free. A curved edge is a straight one within a pixel: exact to curvature / 24."""
        d = self.distance_px()
        a = np.radians(self.angle_deg)
        step = GaussianEdge(blur.sigma_px, a).parts(d)[0] if isinstance(blur, GaussianEdge) else blur.edge(d, a)
        return np.asarray(self.dark + (self.bright - self.dark) * step)


def photographed(picture: Floats, full_scale_e: float, read_e: float, rng: np.random.Generator) -> Floats:
    """Photon and read noise: `picture` (1 = `full_scale_e` electrons), not quantised; float64, same shape."""
    electrons = rng.poisson(np.maximum(picture, 0) * full_scale_e) + rng.normal(0, read_e, picture.shape)
    return np.asarray(electrons / full_scale_e)
