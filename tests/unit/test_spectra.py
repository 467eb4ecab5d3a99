"""Spectra against published colours: whites of illuminants, patches of the ColorChecker."""

import numpy as np
import pytest

from lichtbild.core import UsageError
from lichtbild.core.colour_space import A_XY, D50_XY, D55_XY, D65_XY, D75_XY, xyz_to_lab, xyz_to_xy
from lichtbild.core.spectra import WAVELENGTHS_NM, colorchecker, illuminant, observer, planck, rgb_of, xyz_of


@pytest.mark.parametrize(
    ("name", "xy"),
    [("A", A_XY), ("D50", D50_XY), ("D55", D55_XY), ("d65", D65_XY), ("D75", D75_XY),
     # CIE 015:2018, tables T.8 and T.10.
     ("FL2", (0.3721, 0.3751)), ("FL11", (0.3805, 0.3769)), ("LED-B3", (0.3756, 0.3723)), ("E", (1 / 3, 1 / 3))],
)  # fmt: skip
def test_lights_have_their_published_colour(name, xy):
    light = illuminant(name)
    assert xyz_of(light)[1] == pytest.approx(1)
    assert xyz_to_xy(xyz_of(light)) == pytest.approx(xy, abs=3e-4)


def test_a_black_body_of_its_wavelength_peaks_where_wien_says():
    assert WAVELENGTHS_NM[planck(5200).argmax()] == pytest.approx(2.8978e6 / 5200, abs=5)
    assert observer().shape == (3, len(WAVELENGTHS_NM))


def test_patches_have_the_published_lab():
    """Against the maker's Lab for D50 (before November 2014), from charts of another age: 3 on average."""
    names, reflectance = colorchecker()
    light = illuminant("D50")
    lab = xyz_to_lab(xyz_of(reflectance * light), xyz_of(light))
    published = {"dark skin": (37.99, 13.56, 14.06), "blue": (28.78, 14.18, -50.30), "red": (42.10, 53.38, 28.19),
                 "yellow": (81.73, 4.04, 79.82), "neutral 5": (50.87, -0.15, -0.27)}  # fmt: skip
    for name, wanted in published.items():
        assert np.linalg.norm(lab[names.index(name)] - wanted) < 4.5, name


def test_white_is_one_to_the_adapted_eye():
    for name in ("A", "D65", "LED-B3"):
        np.testing.assert_allclose(rgb_of(np.ones(81), illuminant(name)), 1, atol=1e-9)


@pytest.mark.parametrize("name", ["D655", "candle", "D10", "P12"])
def test_unknown_lights_are_named(name):
    with pytest.raises(UsageError, match="try"):
        illuminant(name)
