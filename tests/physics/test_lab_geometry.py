"""Distortion, lateral colour, shading, flare and stabilisation against lenses and smears known by formula."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import ShapeError
from lichtbild.lab.analytic_charts import Attitude, KnownLens, dot_chart
from lichtbild.lab.distortion import measure_distortion
from lichtbild.lab.dots import find_dots
from lichtbild.lab.lateral_colour import displacement_of_dots, measure_lateral_colour
from lichtbild.lab.shading import measure_flare, measure_shading
from lichtbild.lab.stabilisation import measure_stabilisation

SHAPE = (250, 340)
LENS = KnownLens((-0.08, 0.02, 0.0), (3.0, -4.0), falloff=0.4)
HALF_DIAGONAL = float(np.hypot(*SHAPE)) / 2


@pytest.fixture(scope="module")
def green() -> np.ndarray:
    rng = np.random.default_rng(1)
    return dot_chart(SHAPE, LENS) + rng.normal(0, 0.005, SHAPE)


def test_a_known_lens_is_recovered(green: np.ndarray) -> None:
    """Within 0.05 px over the field, through perspective and shading; the decentring too."""
    found = measure_distortion(green)
    assert len(found.place_px) > 70
    r = np.linspace(0, 0.93, 50)
    truth = r * (1 + LENS.radial[0] * r**2 + LENS.radial[1] * r**4)
    np.testing.assert_allclose(r * (1 + found.percent(r) / 100) * HALF_DIAGONAL, truth * HALF_DIAGONAL, atol=0.05)
    assert found.centre_px == pytest.approx(LENS.centre(SHAPE), abs=0.6)
    assert np.sqrt(np.mean(found.residual_px**2)) < 0.03
    corner = found.figures[0]
    assert corner.name == "distortion.at_corner"
    assert corner.value == pytest.approx(-6.0, abs=0.05)
    # Points for a fit of one's own: each dot's ideal place seen through the model.
    np.testing.assert_allclose(found.seen(found.ideal_px), found.place_px, atol=0.12)


def test_dots_are_where_they_are() -> None:
    """No lens, no noise: centres to a hundredth of a pixel, indices of a turned lattice."""
    attitude = Attitude(3.0, 0.0)
    dots = find_dots(dot_chart(SHAPE, KnownLens(), attitude))
    a = np.radians(3.0)
    row, column = dots.index.T * 28.0
    x = np.cos(a) * column - np.sin(a) * row + SHAPE[1] / 2
    y = np.sin(a) * column + np.cos(a) * row + SHAPE[0] / 2
    np.testing.assert_allclose(dots.place_px, np.column_stack([y, x]), atol=0.02)
    bright = find_dots(1 - dot_chart(SHAPE, KnownLens(), attitude))
    assert len(bright.place_px) == len(dots.place_px)


def test_lateral_colour_of_a_known_lens(green: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    sizes = {"red": 1.002, "blue": 0.9965}
    planes = {}
    for name, size in sizes.items():
        lens = KnownLens(LENS.radial, LENS.offset_px, size, LENS.falloff)
        planes[name] = dot_chart(SHAPE, lens) + rng.normal(0, 0.005, SHAPE)
    found = measure_lateral_colour(np.stack([planes["red"], green, planes["blue"]], 2))
    assert not found.finding
    for channel in found.channels:
        # Distances from the lens's centre in green, times the change of magnification.
        away = channel.place_px - np.array(LENS.centre(SHAPE))
        truth = away * (sizes[channel.channel] - 1)
        left = channel.displacement_px - truth
        assert np.sqrt(np.mean(left**2)) < 0.02
        r = np.linspace(0, 0.95, 20)
        np.testing.assert_allclose(channel.at(r), r * HALF_DIAGONAL * (sizes[channel.channel] - 1), atol=0.05)


def test_what_is_no_dot_chart() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0.5, 0.02, SHAPE)
    assert measure_distortion(noise).finding
    assert measure_distortion(np.full(SHAPE, 0.5)).finding
    assert measure_distortion(np.zeros(SHAPE)).finding
    scattered = np.full(SHAPE, 0.9)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for row, column in rng.uniform(12, 240, (60, 2)):
        scattered[np.hypot(y - row, x - column) < 4] = 0.1
    assert all(f.value is None for f in measure_distortion(scattered).figures)
    dots = find_dots(noise)
    assert displacement_of_dots(dots, dots, dots).finding
    with pytest.raises(ShapeError):
        find_dots(np.zeros((4, 4, 3)))
    with pytest.raises(ShapeError):
        measure_lateral_colour(np.zeros((40, 40)))


def even_field(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Three colours of falloff, off the middle; relative to the picture's middle."""
    y, x = np.meshgrid(np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5, indexing="ij")
    strengths, (cy, cx), unit = (0.5, 0.45, 0.48), (shape[0] / 2 + 8, shape[1] / 2 - 5), np.hypot(*shape) / 2

    def field(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        r2 = ((y - cy) ** 2 + (x - cx) ** 2) / unit**2
        return np.stack([1 - a * r2 + 0.1 * r2**2 + 0.02 * r2**3 for a in strengths], -1)

    middle = field(np.array(shape[0] / 2), np.array(shape[1] / 2))
    corners = np.array([[0, 0], [0, shape[1]], [shape[0], 0], list(shape)], np.float64)
    return field(y, x), field(*corners.T) / middle


def test_shading_within_three_thousandths() -> None:
    shape = (300, 400)
    field, corners = even_field(shape)
    rng = np.random.default_rng(4)
    noisy = 0.5 * field + rng.normal(0, 0.008, field.shape)
    # Dust: nobody's shading.
    noisy[100:104, 200:204] *= 0.5
    found = measure_shading(noisy)
    at = np.array([[0, 0], [0, shape[1]], [shape[0], 0], list(shape)], np.float64)
    np.testing.assert_allclose(found.at(at), corners, atol=0.003)
    luminance = {f.name: f for f in found.figures}["shading.green.corner"]
    assert luminance.value == pytest.approx(100 * (1 - corners[:, 1].mean()), abs=0.3)
    assert luminance.low is not None
    assert luminance.high is not None
    assert luminance.low < luminance.high
    ratio = {f.name: f for f in found.figures}["shading.colour.red_green"].value
    assert ratio == pytest.approx(100 * float(np.min(corners[:, 0] / corners[:, 1] - 1)), abs=0.5)


def test_what_is_no_even_field(green: np.ndarray) -> None:
    assert "no even field" in measure_shading(green).finding
    assert "clipped" in measure_shading(np.ones((60, 80)), white=1.0).finding
    assert "dark" in measure_shading(np.zeros((60, 80))).finding
    with pytest.raises(ShapeError):
        measure_shading(np.zeros((40, 40, 2)))


def test_flare_is_light_in_a_trap() -> None:
    rng = np.random.default_rng(5)
    figure = measure_flare(0.012 + rng.normal(0, 0.002, (20, 20)), 0.8 + rng.normal(0, 0.01, (40, 40)))
    assert figure.value == pytest.approx(1.5, abs=0.05)
    assert measure_flare(np.zeros(0), np.ones(50)).value is None
    assert measure_flare(np.zeros(50), np.zeros(50)).value is None


def _series(speed_px_s: float, rng: np.random.Generator, longest: float = 2.0) -> dict[float, list[float]]:
    """Even smears of speed times time, +-30 %, on an edge 2 px wide."""
    times = [t for t in (1 / 125, 1 / 60, 1 / 30, 1 / 15, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0) if t <= longest]
    return {t: list(np.hypot(2.0, 0.8 * speed_px_s * t * np.abs(rng.normal(1, 0.3, 60)))) for t in times}


def test_stops_of_a_stabiliser() -> None:
    rng = np.random.default_rng(6)
    found = measure_stabilisation(_series(80.0, rng), _series(80.0 / 2**2.5, rng), 2.0, 4000)
    stops, off, _ = found.figures
    assert stops.value == pytest.approx(2.5, abs=0.2)
    assert stops.low is not None
    assert stops.high is not None
    assert stops.low < 2.5 < stops.high
    # 63 um of 36 mm on 4000 px are 7 px.
    assert off.value == pytest.approx(7.0 / 80, rel=0.12)
    short = measure_stabilisation(_series(80.0, rng), _series(2.0, rng, 0.3), 2.0, 4000)
    assert short.figures[0].value is None
    assert "'on'" in short.figures[0].note
