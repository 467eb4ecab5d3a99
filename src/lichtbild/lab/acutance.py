"""Acutance: how sharp an edge looks from where it is looked at (IEEE 1858 CPIQ).

acutance = int_0^fmax MTF(v) D(v) CSF(v) dv / int_0^inf CSF(v) dv, v in cycles a degree, with the contrast sensitivity
CSF(v) = 75 v^0.8 exp(-0.2 v) / 34.05 (Baxter, Cao, Eliasson, Phillips 2012, doi 10.1117/12.905752, equation 5) and D
the MTF of the print or screen: a square dot, sinc(v / dots a degree). The standard itself is not public; this is its
public description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "IEEE 1858-2016 (CPIQ) acutance, after Baxter et al. 2012"


@dataclass(frozen=True)
class Viewing:
    """How a picture is looked at.

    Parameters
    ----------
    name
        For the report: "print_a4_400mm".
    pixels_per_degree
        Of the picture, at the viewer's eye.
    dots_per_degree
        Of the print or screen; None: it shows more than the eye sees.
    """

    name: str
    pixels_per_degree: float
    dots_per_degree: float | None = None

    @classmethod
    def print(cls, picture_rows: int, height_mm: float, distance_mm: float, dpi: float | None = 300.0) -> Self:
        """A picture of `picture_rows` px printed `height_mm` high, seen from `distance_mm`."""
        per_degree = np.pi / 180 * distance_mm
        dots = None if dpi is None else dpi / 25.4 * per_degree
        return cls(f"print_{height_mm:g}mm_at_{distance_mm:g}mm", picture_rows / height_mm * per_degree, dots)

    @classmethod
    def screen(cls, pitch_mm: float, distance_mm: float, zoom: float = 1.0) -> Self:
        """A pixel of the picture on `zoom` pixels of a screen of `pitch_mm`; 1 is the 100 % view."""
        per_degree = np.pi / 180 * distance_mm / pitch_mm
        return cls(f"screen_{pitch_mm:g}mm_at_{distance_mm:g}mm_x{zoom:g}", per_degree / zoom, per_degree)


# A 24 inch full-HD screen at 60 cm, every pixel shown; a phone's picture 12 cm high on an A6 print at 25 cm.
SCREEN_100 = Viewing.screen(0.277, 600.0)


def contrast_sensitivity(cycles_per_degree: Floats) -> Floats:
    """CSF(v) as above; the constant cancels."""
    v = np.maximum(cycles_per_degree, 0)
    return np.asarray(75 * v**0.8 * np.exp(-0.2 * v) / 34.05)


def acutance_weights(viewing: Viewing, frequency: Floats) -> Floats:
    """Weights w with acutance = w @ MTF(`frequency`), `frequency` evenly spaced from 0, cy/px."""
    v = frequency * viewing.pixels_per_degree
    step = float(v[1] - v[0])
    shown = np.ones_like(v) if viewing.dots_per_degree is None else np.abs(np.sinc(v / viewing.dots_per_degree))
    weights = contrast_sensitivity(v) * shown * step
    # Simpson's rule needs no end terms: the sensitivity is 0 at 0 and the end is small or cut off sharply.
    weights[[0, -1]] /= 2
    all_of_it = 75 / 34.05 * _GAMMA_OF_1_8 / 0.2**1.8
    return np.asarray(weights / all_of_it)


# int_0^inf v^0.8 exp(-0.2 v) dv = gamma(1.8) / 0.2^1.8
_GAMMA_OF_1_8 = 0.9313837709802427
