"""Spectra: the observer, illuminants by name, reflectances of a known chart; from 380 to 780 nm in steps of 5 nm.

Numbers of the CIE and of the chart lie in `spectra_data/`, with their source.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import SRGB_TO_XYZ, XYZ_TO_SRGB, bradford
from lichtbild.core.errors import UsageError
from lichtbild.core.suggest import nearest_names

Floats = npt.NDArray[np.float64]

WAVELENGTHS_NM: Floats = np.arange(380.0, 785.0, 5.0)
_TABLES = ("FL2", "FL11", "LED-B3")
# Second radiation constant, nm K, and illuminant A's temperature on the scale of 1990.
_C2_NM_K = 1.4388e7
_A_K = 2848 * 1.4388 / 1.435


@cache
def _table(name: str) -> dict[str, Floats]:
    text = (resources.files("lichtbild.core") / "spectra_data" / name).read_text("utf-8")
    head, *rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    columns = np.array(rows, np.float64).T
    return dict(zip(head[1:], columns[1:], strict=True))


def observer() -> Floats:
    """CIE 1931 2 degree colour-matching functions, float64 [3, 81]."""
    table = _table("light.csv")
    return np.stack([table[k] for k in "xyz"])


def planck(kelvin: float) -> Floats:
    """Radiance of a black body over wavelength, float64 [81], any scale."""
    return np.asarray((WAVELENGTHS_NM / 560) ** -5 / np.expm1(_C2_NM_K / (WAVELENGTHS_NM * kelvin)))


def daylight(kelvin: float) -> Floats:
    """Spectrum of a phase of daylight, 4000 to 25000 K (CIE 015:2018, section 4.1.2), float64 [81], any scale."""
    if not 4000 <= kelvin <= 25000:
        raise UsageError(f"daylight of {kelvin:g} K", where="illuminant", hint="4000 to 25000 K, or P3200")
    u = 1000 / kelvin
    terms = (0.244063, 0.09911, 2.9678, -4.6070) if kelvin <= 7000 else (0.237040, 0.24748, 1.9018, -2.0064)
    x = sum(t * u**k for k, t in enumerate(terms))
    y = -3.000 * x * x + 2.870 * x - 0.275
    m = 0.0241 + 0.2562 * x - 0.7341 * y
    table = _table("light.csv")
    return (
        table["S0"]
        + (-1.3515 - 1.7703 * x + 5.9114 * y) / m * table["S1"]
        + ((0.0300 - 31.4424 * x + 30.0717 * y) / m * table["S2"])
    )


def illuminant(name: str) -> Floats:
    """Spectrum of a light, float64 [81], scaled so that a perfect white in it has Y = 1.

    Parameters
    ----------
    name
        "A", "E"; "D50", "D65" and every other phase of daylight ("D93"; "D5200" in kelvin); "P3200", a black body in
        kelvin; "FL2", "FL11" (fluorescent), "LED-B3" (white LED, about 4100 K).

    Raises
    ------
    UsageError
        For any other name.
    """
    wanted = name.upper()
    spectrum: Floats
    if wanted == "A":
        spectrum = planck(_A_K)
    elif wanted == "E":
        spectrum = np.ones_like(WAVELENGTHS_NM)
    elif wanted in _TABLES:
        spectrum = _table("light.csv")[wanted]
    elif found := re.fullmatch(r"D(\d{2})", wanted):
        # The names are older than the constant they were computed with.
        spectrum = daylight(float(found[1]) * 100 * 1.4388 / 1.438)
    elif found := re.fullmatch(r"D(\d{4,5})", wanted):
        spectrum = daylight(float(found[1]))
    elif (found := re.fullmatch(r"P(\d{3,5})", wanted)) and int(found[1]) >= 800:
        spectrum = planck(float(found[1]))
    else:
        known = ("a", "e", "d50", "d55", "d65", "d75", "p3200", *(t.lower() for t in _TABLES))
        raise UsageError(f"no light is named {name!r}", where="illuminant", hint=nearest_names(name, known).upper())
    return spectrum / float(observer()[1] @ spectrum)


def xyz_of(radiance: npt.ArrayLike) -> Floats:
    """XYZ of spectra [..., 81]; a perfect white in a light from `illuminant` has Y = 1."""
    return np.asarray(np.asarray(radiance, np.float64) @ observer().T)


def rgb_of(reflectance: npt.ArrayLike, light: Floats) -> Floats:
    """Linear Rec.709 [..., 3] of reflectances [..., 81] in a light, to an eye adapted to it (Bradford); white is 1."""
    white = xyz_of(light)
    to_rgb = XYZ_TO_SRGB @ bradford(white, SRGB_TO_XYZ.sum(1))
    return np.asarray(xyz_of(np.asarray(reflectance) * light) @ to_rgb.T)


def colorchecker() -> tuple[tuple[str, ...], Floats]:
    """Names and reflectances float64 [24, 81] of the ColorChecker, row by row from the dark skin to the black."""
    table = _table("colorchecker.csv")
    return tuple(table), np.stack(list(table.values()))
