"""Which mix of red, green and blue an emulsion behind a filter sees."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs

Floats = npt.NDArray[np.float64]

WAVELENGTHS_NM: Floats = np.arange(390, 711, 10.0)


def _edge(centre_nm: float, width_nm: float) -> Floats:
    """A long-pass glass: half at `centre_nm`, from 12 to 88 % within twice the width."""
    return np.asarray(1 / (1 + np.exp(-(WAVELENGTHS_NM - centre_nm) / width_nm)))


def _lobe(centre_nm: float, below_nm: float, above_nm: float) -> Floats:
    d = WAVELENGTHS_NM - centre_nm
    return np.asarray(np.exp(-0.5 * np.square(d / np.where(d < 0, below_nm, above_nm))))


FILMS: dict[str, Floats] = {
    # Even from blue to orange, falling to nothing at the end of red; a blue end lifted as of silver halide.
    "panchromatic": _edge(395, 6) * (1 - _edge(662, 8)) * (1.0 + 0.25 * _lobe(430, 30, 45) - 0.12 * _lobe(510, 20, 20)),
    # Blind to red.
    "orthochromatic": _edge(395, 6) * (1 - _edge(592, 7)) * (1.0 + 0.3 * _lobe(430, 30, 60)),
}
FILTERS: dict[str, Floats] = {
    "none": np.ones_like(WAVELENGTHS_NM),
    "yellow": 0.93 * _edge(476, 8),
    "orange": 0.93 * _edge(545, 7),
    "red": 0.92 * _edge(597, 6),
    "green": 0.75 * _lobe(535, 32, 34),
    "blue": 0.6 * _lobe(445, 30, 30),
}


def _observer() -> Floats:
    """CIE 1931 colour matching functions [n, 3], by the Gaussian fit of Wyman, Sloan & Shirley (2013)."""
    x = 1.056 * _lobe(599.8, 37.9, 31.0) + 0.362 * _lobe(442.0, 16.0, 26.7) - 0.065 * _lobe(501.1, 20.4, 26.2)
    y = 0.821 * _lobe(568.8, 46.9, 40.5) + 0.286 * _lobe(530.9, 16.3, 31.1)
    z = 1.217 * _lobe(437.0, 11.8, 36.0) + 0.681 * _lobe(459.0, 26.0, 13.8)
    return np.stack([x, y, z], 1)


def _reflectances() -> Floats:
    """Smooth reflectances [n, wavelengths] of many colours: sigmoids of quadratics (Jakob & Hanika 2019)."""
    centre = np.linspace(400, 700, 25)[:, None, None]
    bend = np.array([-2.0, -0.7, -0.2, 0.2, 0.7, 2.0])[None, :, None] * 1e-3
    level = np.array([-1.5, 0.0, 1.5])[None, None, :]
    u = WAVELENGTHS_NM - centre[..., None]
    x = bend[..., None] * u * u + level[..., None]
    return np.asarray(0.5 + x / (2 * np.sqrt(1 + x * x))).reshape(-1, len(WAVELENGTHS_NM))


def _daylight() -> Floats:
    """Power of daylight near D55: a black body of 5500 K is near enough for weights."""
    return np.asarray(WAVELENGTHS_NM**-5 / (np.exp(1.4388e7 / (WAVELENGTHS_NM * 5500)) - 1))


@functools.cache
def weights(film: str, filter: str) -> tuple[float, float, float]:
    """Share of linear Rec. 2020 red, green and blue, sum 1: least squares over many reflectances in daylight.

    White stays white, as a photographer who opens the aperture by the filter's factor has it. A red filter's blue
    share is below 0: that is what makes its skies black.
    """
    light = _daylight()
    sensor = FILMS[film] * FILTERS[filter] * light
    seen = _reflectances() @ sensor / sensor.sum()
    matching = _observer() * light[:, None]
    xyz = _reflectances() @ matching / matching[:, 1].sum()
    white = matching.sum(0) / matching[:, 1].sum()
    to_rgb = cs.XYZ_TO_REC2020 @ cs.bradford(white, cs.xy_to_xyz(cs.DISPLAY_WHITE_XY))
    rgb = xyz @ to_rgb.T
    # The sum of the weights is 1: fit what two of them add to the third.
    two = np.linalg.lstsq(rgb[:, [0, 2]] - rgb[:, [1]], seen - rgb[:, 1], rcond=None)[0]
    return float(two[0]), float(1 - two.sum()), float(two[1])
