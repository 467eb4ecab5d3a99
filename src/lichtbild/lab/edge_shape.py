"""An edge's place and levels: what of it is fitted first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_model import GaussianEdge

Floats = npt.NDArray[np.floating[Any]]


class NoEdge(ValueError):
    """There is nothing to fit; the message is the finding."""


@dataclass(frozen=True)
class Shape:
    """What of an edge is fitted, and its present values.

    Parameters
    ----------
    curve
        Legendre coefficients of the column at which the edge crosses a row, px, over u = (row - mid) / half in -1..1.
    mid, half
        Of the rows, px.
    sigma_px
        Optical blur.
    dark, bright
        Levels at the edge.
    shading
        Slope of the level per px of distance on the dark and on the bright side; None: not fitted.
    sign
        +1: bright on the right.
    """

    curve: Floats
    mid: float
    half: float
    sigma_px: float
    dark: float
    bright: float
    shading: tuple[float, float] | None
    sign: float

    @property
    def step(self) -> float:
        return self.bright - self.dark

    @property
    def angle_rad(self) -> float:
        """Mean slope of the edge against the columns."""
        ends = np.polynomial.legendre.legval(np.array([-1.0, 1.0]), self.curve)
        return float(np.arctan2(ends[1] - ends[0], 2 * self.half))

    @property
    def gaussian(self) -> GaussianEdge:
        return GaussianEdge(self.sigma_px, self.angle_rad)

    @property
    def total_sigma_px(self) -> float:
        """With the pixel."""
        return float(np.sqrt(self.sigma_px**2 + 1 / 12))

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Distance from the edge (positive: bright), u of the foot point, and the normal's share along columns."""
        legendre = np.polynomial.legendre
        slope_of = legendre.legder(self.curve)
        u = (y - self.mid) / self.half
        if self.curve.size <= 2:
            slope = float(slope_of[0]) / self.half if self.curve.size == 2 else 0.0
            cosine = 1 / np.sqrt(1 + slope * slope)
            return self.sign * (x - legendre.legval(u, self.curve)) * cosine, u, np.full_like(x, cosine)
        foot = u
        for _ in range(3):
            curve, slope = legendre.legval(foot, self.curve), legendre.legval(foot, slope_of) / self.half
            # Step along the tangent to where the connecting line is normal to it.
            foot = foot + ((x - curve) * slope + (u - foot) * self.half) / (1 + slope * slope) / self.half
        curve, slope = legendre.legval(foot, self.curve), legendre.legval(foot, slope_of) / self.half
        cosine = 1 / np.sqrt(1 + slope * slope)
        across = (x - curve) * cosine - (u - foot) * self.half * slope * cosine
        return self.sign * across, foot, cosine
