"""Colour mathematics against published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import colour_space as cs


def test_srgb_matrix_is_that_of_the_standard() -> None:
    published = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]  # IEC 61966-2-1
    np.testing.assert_allclose(cs.SRGB_TO_XYZ, published, atol=1e-4)
    luma = [0.2627, 0.6780, 0.0593]  # ITU-R BT.2020
    np.testing.assert_allclose(cs.REC2020_TO_XYZ[1], luma, atol=1e-4)
    np.testing.assert_allclose(cs.P3_TO_XYZ.sum(1), cs.xy_to_xyz(cs.DISPLAY_WHITE_XY), atol=1e-12)


def test_bradford_moves_the_white_and_nothing_else() -> None:
    d65, d50 = cs.xy_to_xyz(cs.D65_XY), cs.xy_to_xyz(cs.D50_XY)
    matrix = cs.bradford(d65, d50)
    np.testing.assert_allclose(matrix @ d65, d50, atol=1e-12)
    published = [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]  # Lindbloom
    np.testing.assert_allclose(matrix, published, atol=4e-4)
    np.testing.assert_allclose(cs.bradford(d50, d65) @ matrix, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("xy", "kelvin"),
    [(cs.A_XY, 2856), (cs.D50_XY, 5001), (cs.D55_XY, 5501), (cs.D65_XY, 6503), (cs.D75_XY, 7504)],
)
def test_colour_temperature_of_standard_illuminants(xy: cs.XY, kelvin: float) -> None:
    found, tint = cs.xy_to_kelvin_tint(xy)
    assert found == pytest.approx(kelvin, rel=1e-3)  # Robertson's interpolation error is below 0.1 %
    assert (abs(tint) < 0.5) if xy == cs.A_XY else (9 < tint < 11)  # daylight lies 0.0032 above the locus


@pytest.mark.parametrize("kelvin", [1800.0, 2856.0, 4000.0, 6504.0, 12000.0, 40000.0])
@pytest.mark.parametrize("tint", [-60.0, 0.0, 25.0])
def test_kelvin_and_tint_round_trip(kelvin: float, tint: float) -> None:
    back = cs.xy_to_kelvin_tint(cs.kelvin_tint_to_xy(kelvin, tint))
    assert back[0] == pytest.approx(kelvin, rel=2e-4)
    assert back[1] == pytest.approx(tint, abs=0.02)


def test_green_light_has_positive_tint() -> None:
    x, y = cs.kelvin_tint_to_xy(5000, 0)
    assert cs.kelvin_tint_to_xy(5000, 30)[1] > y
    assert cs.xy_to_kelvin_tint((x, y + 0.02))[1] > 20


@pytest.mark.parametrize("code", [*cs.LIGHT_SOURCE_KELVIN, 0, 255, 99])
def test_light_sources_have_their_temperature(code: int) -> None:
    xy = cs.light_source_xy(code)
    if code in (0, 255, 99):
        assert xy is None
    else:
        assert xy is not None
        # Illuminants B and C are 4874 K and 6774 K by the CIE; the SDK calls them 5500 and 6500.
        assert cs.xy_to_kelvin_tint(xy)[0] == pytest.approx(cs.LIGHT_SOURCE_KELVIN[code], rel=0.12)


def test_srgb_curve_values_and_inverse() -> None:
    np.testing.assert_allclose(cs.srgb_encode([0.0, 0.18, 0.5, 1.0]), [0, 0.4613561, 0.7353570, 1], atol=1e-6)
    light = np.linspace(-0.5, 4, 1001)
    np.testing.assert_allclose(cs.srgb_decode(cs.srgb_encode(light)), light, atol=1e-7)
    assert cs.srgb_encode(np.zeros(2, np.float32)).dtype == np.float32


def test_oklab_published_pairs() -> None:
    xyz = [[0.950, 1.000, 1.089], [1, 0, 0], [0, 1, 0], [0, 0, 1]]  # Ottosson's table
    lab = [[1.000, 0.000, 0.000], [0.450, 1.236, -0.019], [0.922, -0.671, 0.263], [0.153, -1.415, -0.449]]
    np.testing.assert_allclose(cs.xyz_to_oklab(xyz), lab, atol=6e-4)
    np.testing.assert_allclose(cs.oklab_to_xyz(cs.xyz_to_oklab(xyz)), xyz, atol=1e-9)


SHARMA = [  # Sharma, Wu & Dalal 2005, table 1
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
]


@pytest.mark.parametrize(("lab1", "lab2", "difference"), SHARMA)
def test_ciede2000_published_pairs(lab1: tuple[float, ...], lab2: tuple[float, ...], difference: float) -> None:
    assert float(cs.delta_e_2000(lab1, lab2)) == pytest.approx(difference, abs=5e-5)
    assert float(cs.delta_e_2000(lab2, lab1)) == pytest.approx(difference, abs=5e-5)


def test_lab_of_white_and_black() -> None:
    white = cs.xy_to_xyz(cs.D50_XY)
    np.testing.assert_allclose(cs.xyz_to_lab([white, 0 * white], white), [[100, 0, 0], [0, 0, 0]], atol=1e-9)
