"""An edge through square pixels, exactly: Gaussian blur, and any small departure from it as a sum of splines.

A straight edge at the angle a, seen by square pixels of 1 px with no gap, is a function of the distance d from the edge
alone: the optical edge convolved with a box of cos a and a box of sin a. So samples need no binning and no correction
for bins: a model that is convolved with both boxes is compared with the pixels where they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

LEAST_BOX_PX = 1e-3
INVERSE_ROOT_TAU = 0.3989422804014327


@dataclass(frozen=True)
class GaussianEdge:
    """A unit step (0 to 1) blurred by a Gaussian and by the pixel.

    Parameters
    ----------
    sigma_px
        Standard deviation of the optical blur, px, > 0.
    angle_rad
        Between the edge and the nearest axis of the pixels.
    """

    sigma_px: float
    angle_rad: float

    @property
    def boxes_px(self) -> tuple[float, float]:
        """Widths of the two boxes that the pixel is along the normal."""
        return max(abs(np.cos(self.angle_rad)), LEAST_BOX_PX), max(abs(np.sin(self.angle_rad)), LEAST_BOX_PX)

    def _corners(self) -> tuple[tuple[float, float], ...]:
        a, b = self.boxes_px
        return ((1.0, (a + b) / 2), (-1.0, (a - b) / 2), (-1.0, (b - a) / 2), (1.0, -(a + b) / 2))

    def parts(self, d_px: Floats) -> tuple[Floats, Floats, Floats]:
        """The edge-spread function, its derivative in d, and its derivative in sigma, at distances `d_px` [...].

        Twofold integrals of the normal distribution, differenced over the corners of the pixel.
        """
        from scipy.special import ndtr

        s = self.sigma_px
        area = float(np.prod(self.boxes_px))
        edge, slope, widening = (np.zeros_like(d_px, dtype=np.float64) for _ in range(3))
        for sign, offset in self._corners():
            x = d_px + offset
            z = x / s
            phi, density = ndtr(z), INVERSE_ROOT_TAU * np.exp(-0.5 * z * z)
            edge += sign * 0.5 * ((x * x + s * s) * phi + x * s * density)
            slope += sign * (x * phi + s * density)
            widening += sign * s * phi
        return edge / area, slope / area, widening / area

    def looked_up(self, d_px: Floats) -> tuple[Floats, Floats, Floats]:
        """`parts` from a table: the edge and its slope to 1e-8 (cubic Hermite), the widening to 2e-4 of its peak."""
        total = float(np.sqrt(self.sigma_px**2 + 1 / 12))
        reach, step = 6 * total + 1, total / 30
        grid = np.arange(-reach, reach + 2 * step, step)
        edge, slope, widening = self.parts(grid)
        t = np.clip((d_px + reach) / step, 0, grid.size - 1.001)
        k = t.astype(np.intp)
        t -= k
        rise, first, last = edge[k + 1] - edge[k], step * slope[k], step * slope[k + 1]
        bend, twist = 3 * rise - 2 * first - last, first + last - 2 * rise
        value = edge[k] + t * (first + t * (bend + t * twist))
        gradient = (first + t * (2 * bend + 3 * t * twist)) / step
        return value, gradient, widening[k] + t * (widening[k + 1] - widening[k])

    def transfer(self, frequency: Floats) -> Floats:
        """MTF at cy/px along the normal: exp(-2 pi^2 s^2 f^2) sinc(f cos a) sinc(f sin a)."""
        return np.asarray(np.exp(-2 * (np.pi * self.sigma_px * frequency) ** 2) * self.pixel(frequency))

    def pixel(self, frequency: Floats) -> Floats:
        """MTF of the square pixel along the normal."""
        a, b = self.boxes_px
        return np.asarray(np.sinc(a * frequency) * np.sinc(b * frequency))


# A cubic B-spline is a difference of truncated cubes; twice integrated, of fifth powers.
_CUBIC = ((1, 0), (-4, 1), (6, 2), (-4, 3), (1, 4))
_GAUSS_LEGENDRE = ((-(0.6**0.5), 5 / 18), (0.0, 8 / 18), (0.6**0.5, 5 / 18))


@dataclass(frozen=True)
class Departures:
    """What an edge may have beside a Gaussian: line-spread functions of unit area, each through the pixel.

    Cubic B-splines, and Lorentzians: every pupil's diffraction has tails that fall with the square of the distance,
    whose far end no region holds; a Lorentzian says how much is out there.

    Parameters
    ----------
    centres_px
        [k] of the splines, distances from the edge.
    spacing_px
        Between centres and between knots.
    tails_px
        Half widths at half height of the Lorentzians.
    angle_rad
        Of the edge.
    """

    centres_px: Floats
    spacing_px: float
    tails_px: tuple[float, ...]
    angle_rad: float

    @property
    def size(self) -> int:
        return int(self.centres_px.size) + len(self.tails_px)

    def edges(self, d_px: Floats) -> Floats:
        """What each adds to the edge-spread function at `d_px` [n], float64 [n, k + tails].

        The splines are alike but for their place: one is tabulated, and looked up.
        """
        first, step, table = self._table
        t = np.clip((d_px[:, None] - (self.centres_px + first)[None, :]) / step, 0, table.size - 2)
        index = t.astype(np.intp)
        t -= index
        splines = table[index]
        splines += (table[index + 1] - splines) * t
        return np.concatenate([splines, *(self._tail(d_px, w)[:, None] for w in self.tails_px)], axis=1)

    @cached_property
    def _table(self) -> tuple[float, float, Floats]:
        """First place, step and the integral of one spline."""
        reach = 2 * self.spacing_px + 1.0
        step = self.spacing_px / 64
        grid = np.arange(-reach - 2 * step, reach + 3 * step, step)
        return float(grid[0]), step, self._spline(grid)

    def _spline(self, x: Floats) -> Floats:
        """The integral of the spline at 0, convolved with both boxes: truncated fifth powers, differenced.

        The narrow box is taken by three Gauss-Legendre nodes; its exact form loses digits.
        """
        a, b = max(abs(np.cos(self.angle_rad)), LEAST_BOX_PX), abs(np.sin(self.angle_rad))
        h = self.spacing_px
        total = np.zeros_like(x)
        for node, weight in _GAUSS_LEGENDRE:
            for sign, offset in ((1, a / 2), (-1, -a / 2)):
                for c, k in _CUBIC:
                    total += weight * sign * c * np.maximum(x + node * b / 2 + offset + (2 - k) * h, 0) ** 5 / 120
        return np.asarray(total / (a * h**4))

    def _tail(self, x: Floats, width: float) -> Floats:
        """The integral of a Lorentzian, 0 to 1, convolved with both boxes."""
        a, b = max(abs(np.cos(self.angle_rad)), LEAST_BOX_PX), abs(np.sin(self.angle_rad))
        total = np.full_like(x, 0.5)
        for node, weight in _GAUSS_LEGENDRE:
            for sign, offset in ((1, a / 2), (-1, -a / 2)):
                z = x + node * b / 2 + offset
                integral = z * np.arctan(z / width) - width / 2 * np.log(z * z + width * width)
                total += weight * sign * integral / (np.pi * a)
        return total

    def transfer(self, frequency: Floats) -> npt.NDArray[np.complexfloating[Any, Any]]:
        """Fourier transform of each, pixel included; complex128 [n, k + tails]."""
        pixel = GaussianEdge(1.0, self.angle_rad).pixel(frequency)
        own = np.sinc(self.spacing_px * frequency) ** 4 * pixel
        splines = own[:, None] * np.exp(-2j * np.pi * frequency[:, None] * self.centres_px[None, :])
        tails = [(np.exp(-2 * np.pi * w * np.abs(frequency)) * pixel)[:, None] for w in self.tails_px]
        return np.concatenate([splines, *tails], axis=1)
