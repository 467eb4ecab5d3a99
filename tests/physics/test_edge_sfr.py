"""e-SFR against edges whose MTF is a formula."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import ShapeError, UsageError
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab import analytic_edges as truth
from lichtbild.lab.acutance import Viewing, acutance_weights
from lichtbild.lab.edge_model import Departures, GaussianEdge
from lichtbild.lab.edge_samples import EdgeSamples
from lichtbild.lab.sfr import EdgeSettings, measure_edge
from lichtbild.lab.sfr_figures import FREQUENCIES

ISO = EdgeSettings(method="iso")


def true_mtf50(blur: truth.Blur, angle_deg: float) -> float:
    f = np.linspace(0, 1, 20001)
    m = blur.transfer(np.maximum(f, 1e-9), np.radians(angle_deg))
    k = int(np.argmax(m < 0.5))
    return float(np.interp(0.5, [m[k], m[k - 1]], [f[k], f[k - 1]]))


def test_the_pixel_on_an_edge_has_the_transfer_it_states() -> None:
    edge, x = GaussianEdge(0.4, np.radians(9)), np.linspace(-8, 8, 6401)
    _, slope, _ = edge.parts(x)
    f = np.array([0.07, 0.3, 0.6])
    numeric = [np.trapezoid(slope * np.cos(2 * np.pi * v * x), x) for v in f]
    np.testing.assert_allclose(numeric, edge.transfer(f), atol=1e-7)
    many = Departures(np.array([-1.0, 0.5]), 0.5, (), np.radians(9))
    lsf = np.gradient(many.edges(x), x, axis=0)
    numeric = [[np.trapezoid(lsf[:, k] * np.exp(-2j * np.pi * v * x), x) for k in range(2)] for v in f]
    np.testing.assert_allclose(numeric, many.transfer(f), atol=2e-4)


@pytest.mark.parametrize(("angle", "sigma"), [(2.5, 0.25), (5.71, 0.6), (14, 2.2), (-8, 0.9), (30, 0.5)])
def test_a_gaussian_edge_without_noise_is_exact(angle: float, sigma: float) -> None:
    picture = truth.EdgePicture(angle, 0.31, (120, 60)).drawn(GaussianEdge(sigma, np.radians(angle)))
    found = measure_edge(picture)
    expected = true_mtf50(truth.gaussian(sigma), angle)
    assert found.figure("mtf50").value == pytest.approx(expected, rel=2e-4)
    assert abs(found.angle_deg) == pytest.approx(abs(angle), abs=1e-3)
    assert (found.dark, found.bright) == pytest.approx((0.2, 0.8), abs=1e-5)


BLURS = [
    (truth.diffraction(1.0), 0.004, 0.004),
    (truth.diffraction(2.5), 0.012, 0.012),
    (truth.defocus(2.0), 0.001, 0.002),
    (truth.defocus(5.0), 0.002, 0.002),
    (truth.box(4.0), 0.002, 0.002),
    (truth.oversharpened(0.6, 1.5, 1.2), 0.004, 0.004),
]


@pytest.mark.parametrize(("blur", "mtf50", "mtf"), BLURS, ids=lambda v: getattr(v, "name", None))
def test_edges_that_are_not_gaussian(blur: truth.Blur, mtf50: float, mtf: float) -> None:
    angle = 5.0
    found = measure_edge(truth.EdgePicture(angle, -0.2).drawn(blur))
    below_nyquist = FREQUENCIES[2:50]
    np.testing.assert_allclose(found.mtf[2:50], blur.transfer(below_nyquist, np.radians(angle)), atol=mtf)
    assert found.figure("mtf50").value == pytest.approx(true_mtf50(blur, angle), rel=mtf50)


def test_overshoot_is_the_edges_own() -> None:
    blur = truth.oversharpened(0.8, 1.0, 1.5)
    found = measure_edge(truth.EdgePicture(5.0).drawn(blur))
    highest = float(blur.edge(np.linspace(0, 8, 400), np.radians(5.0)).max()) - 1
    assert found.figure("overshoot").value == pytest.approx(100 * highest, abs=0.1)
    assert found.figure("undershoot").value == pytest.approx(100 * highest, abs=0.1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """100 edges: a coverage of 95 % gives 87 to 99 (99.9 %)."""
    rng = np.random.default_rng(11)
    inside = 0
    for k in range(100):
        angle, sigma = (3.0, 6.0, 11.0, 14.0)[k % 4], (0.35, 0.6, 1.2)[k % 3]
        picture = truth.EdgePicture(angle, rng.uniform(-0.5, 0.5), (60, 40)).drawn(
            GaussianEdge(sigma, np.radians(angle))
        )
        figure = measure_edge(truth.photographed(picture, 5000, 2.5, rng)).figure("mtf50")
        assert figure.low is not None
        assert figure.high is not None
        inside += figure.low <= true_mtf50(truth.gaussian(sigma), angle) <= figure.high
    assert 87 <= inside <= 99


@pytest.mark.parametrize("curvature", [5e-4, -2e-3, 4e-3])
def test_a_curved_edge_is_as_sharp_as_a_straight_one(curvature: float) -> None:
    picture = truth.EdgePicture(6.0, 0.1, (170, 64), curvature_1_px=curvature).drawn(truth.gaussian(0.5))
    found = measure_edge(picture)
    assert found.figure("mtf50").value == pytest.approx(true_mtf50(truth.gaussian(0.5), 6.0), rel=4e-3)


def test_colours_of_a_mosaic_are_measured_without_demosaicing() -> None:
    """Two colours, one sharper than the other, on one Bayer mosaic."""
    angle = 5.0
    edge = truth.EdgePicture(angle, 0.2, (150, 60))
    green, red = edge.drawn(truth.gaussian(0.45)), edge.drawn(truth.gaussian(0.8))
    mosaic = green.copy()
    mosaic[0::2, 0::2] = red[0::2, 0::2]
    greens, reds = np.array([[0, 1], [1, 0]], bool), np.array([[1, 0], [0, 0]], bool)
    for plane, sigma in ((greens, 0.45), (reds, 0.8)):
        found = measure_edge(mosaic, is_plane=plane)
        assert found.figure("mtf50").value == pytest.approx(true_mtf50(truth.gaussian(sigma), angle), rel=1e-3)


def test_the_transposed_and_the_mirrored_picture_give_the_same() -> None:
    rng = np.random.default_rng(2)
    picture = truth.photographed(truth.EdgePicture(7.0).drawn(truth.gaussian(0.5)), 8000, 2.5, rng)
    first = measure_edge(picture)
    for other in (picture.T, picture[:, ::-1], picture[::-1], 1 - picture):
        found = measure_edge(other)
        np.testing.assert_allclose(found.mtf[:60], first.mtf[:60], atol=1e-4)
    assert measure_edge(picture.T).is_turned
    assert not first.is_turned


def test_an_encoded_picture_is_measured_in_light() -> None:
    picture = truth.EdgePicture(5.0).drawn(truth.gaussian(0.6))
    expected = true_mtf50(truth.gaussian(0.6), 5.0)
    encoded = np.round(srgb_encode(picture) * 255).astype(np.uint8)
    assert measure_edge(encoded, EdgeSettings(encoding="srgb")).figure("mtf50").value == pytest.approx(
        expected, rel=0.01
    )
    power = picture ** (1 / 1.8)
    assert measure_edge(power, EdgeSettings(encoding=1.8)).figure("mtf50").value == pytest.approx(expected, rel=1e-3)
    codes = tuple(np.linspace(0, 1, 257) ** (1 / 1.8))
    table = (codes, tuple(np.linspace(0, 1, 257)))
    assert measure_edge(power, EdgeSettings(encoding=table)).figure("mtf50").value == pytest.approx(expected, rel=3e-3)
    with pytest.raises(UsageError, match="unknown tone curve"):
        measure_edge(power, EdgeSettings(encoding="log"))


@pytest.mark.parametrize(("angle", "sigma"), [(4, 0.4), (5.71, 0.9), (11, 1.4)])
def test_the_standards_steps_err_as_the_standards_do(angle: float, sigma: float) -> None:
    """Within the 1.95 % of the reference implementation's worst of 36 conditions without noise."""
    picture = truth.EdgePicture(angle, 0.3, (170, 64)).drawn(GaussianEdge(sigma, np.radians(angle)))
    value = measure_edge(picture, ISO).figure("mtf50").value
    assert value == pytest.approx(true_mtf50(truth.gaussian(sigma), angle), rel=0.0195)


def _noise_only() -> np.ndarray:
    return np.random.default_rng(0).normal(0.5, 0.1, (170, 64))


GOOD = truth.EdgePicture(5.0).drawn(truth.gaussian(0.6))
BAD = {
    "clipped": (np.minimum(GOOD, 0.7), EdgeSettings(white=0.7)),
    "dark side is clipped": (np.maximum(GOOD, 0.3), EdgeSettings(black=0.3)),
    "too short": (GOOD[:15], EdgeSettings()),
    "along the pixels": (truth.EdgePicture(0.0).drawn(truth.gaussian(0.4)), EdgeSettings()),
    "tone curve": (GOOD, EdgeSettings(encoding=None)),
    "flat": (np.full((60, 40), 0.5), EdgeSettings()),
    "no numbers": (np.where(GOOD > 0.79999, np.nan, GOOD), EdgeSettings()),
    "noisy|no edge": (_noise_only(), EdgeSettings()),
    "too noisy": (GOOD * 0.02 + _noise_only(), EdgeSettings()),
}


@pytest.mark.parametrize("why", BAD)
def test_what_cannot_be_measured_is_a_finding(why: str) -> None:
    found = measure_edge(*BAD[why])
    assert not found.is_measured
    assert found.mtf.size == 0
    assert all(f.value is None for f in found.figures)
    assert any(part in found.finding for part in why.split("|"))


def test_a_picture_of_three_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match="one channel"):
        measure_edge(np.zeros((40, 40, 3)))


def test_acutance_of_a_perfect_picture_is_the_screens_own() -> None:
    """MTF 1 everywhere: what the screen's dots leave of all contrast that the eye sees."""
    viewing = Viewing("any", 300.0)
    f = np.arange(0, 1001) * 0.001
    assert float(acutance_weights(viewing, f).sum()) == pytest.approx(1.0, abs=2e-3)
    coarse = Viewing("coarse", 30.0)
    f = np.arange(0, 101) * 0.01
    v = np.linspace(0, 30, 30001)
    csf = 75 * v**0.8 * np.exp(-0.2 * v) / 34.05
    everything = np.linspace(0, 300, 300001)
    whole = 75 * everything**0.8 * np.exp(-0.2 * everything) / 34.05
    expected = np.trapezoid(csf, v) / np.trapezoid(whole, everything)
    assert float(acutance_weights(coarse, f).sum()) == pytest.approx(expected, rel=2e-3)


def test_samples_of_a_mosaic_lie_where_its_pixels_do() -> None:
    region = np.arange(24.0).reshape(4, 6)
    x, y, v = EdgeSamples.of_mosaic(region, np.array([[0, 1], [1, 0]], bool)).flat()
    np.testing.assert_array_equal(region[(y - 0.5).astype(int), (x - 0.5).astype(int)], v)
    assert v.size == 12
