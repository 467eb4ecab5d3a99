"""The sets that merging is measured on are what they are said to be."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from lichtbild.simulate.truth import SimulatedBurst

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def sets():  # type: ignore[no-untyped-def]
    """The benchmark's module, with a small set of each kind."""
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not part of this copy of the source")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import burst_sets
    finally:
        sys.path.remove(str(BENCHMARKS))
    small = dataclasses.replace(burst_sets.SETS["p800"], shape=(160, 224), n_frames=6)
    burst_sets.SETS["small"] = small
    burst_sets.SETS["small_moving"] = dataclasses.replace(small, shape=(256, 320), n_discs=2)
    return burst_sets


@pytest.fixture(scope="module")
def small(sets) -> SimulatedBurst:
    return sets.make_set("small", 1)


def linear(made: SimulatedBurst, k: int) -> np.ndarray:
    return (made.burst.sources[k].read().astype(np.float64) - 64) / 959


def test_frame_0_is_the_truth_with_the_declared_noise(small: SimulatedBurst) -> None:
    truth = small.truth
    for (row, column), c in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        sites = (slice(row, None, 2), slice(column, None, 2))
        np.testing.assert_allclose(truth.mosaic[sites], truth.rgb[..., c][sites], atol=1e-5)
    noise = small.burst.sources[0].info.noise
    assert noise.alpha[0] == pytest.approx(1.807e-4 * 8)
    assert noise.beta[0] == pytest.approx(3.194e-6 * 64)
    usual = truth.mosaic < 0.8
    ratio = (linear(small, 0) - truth.mosaic)[usual] ** 2 / noise.variance(truth.mosaic[usual], 1)
    assert ratio.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / usual.sum()) + 0.005)


def test_noise_of_frames_is_independent(small: SimulatedBurst, sets) -> None:
    again = sets.make_set("small", 1)
    np.testing.assert_array_equal(again.burst.sources[3].read(), small.burst.sources[3].read())
    light = np.full((200, 200), 0.1, np.float32)
    model = small.burst.sources[0].info.noise
    a, b = (sets.expose(light, model, np.random.default_rng([7, 4, k])).astype(float) for k in (0, 1))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)
    assert abs(np.corrcoef(a[1:].ravel(), a[:-1].ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_motion_is_the_declared_affine(small: SimulatedBurst) -> None:
    """Green of frame 0, warped by other people's spline to frame k, predicts frame k to its noise."""
    noise = small.burst.sources[0].info.noise
    green = scipy.ndimage.spline_filter(small.truth.rgb[..., 1].astype(np.float64), order=5)
    h, w = small.truth.mosaic.shape
    y, x = np.mgrid[0:h:2, 1:w:2]
    for k in (1, 5):
        affine = small.truth.affines[k]
        assert np.hypot(*affine[:, 2]) > 0.3
        inverse = np.linalg.inv(np.vstack([affine, [0, 0, 1]]))
        px = inverse[0, 0] * (x + 0.5) + inverse[0, 1] * (y + 0.5) + inverse[0, 2] - 0.5
        py = inverse[1, 0] * (x + 0.5) + inverse[1, 1] * (y + 0.5) + inverse[1, 2] - 0.5
        wanted = scipy.ndimage.map_coordinates(green, [py, px], order=5, prefilter=False)
        inside = (px > 12) & (px < w - 12) & (py > 12) & (py < h - 12) & (wanted < 0.8)
        error = (linear(small, k)[0::2, 1::2] - wanted)[inside]
        ratio = (error**2 / noise.variance(wanted[inside], 1)).mean()
        # Green at every pixel is not band-limited at its own grid: aliasing adds a little to the noise.
        assert ratio < 1.25
        shifted = scipy.ndimage.map_coordinates(green, [py, px + 0.3], order=5, prefilter=False)
        worse = ((linear(small, k)[0::2, 1::2] - shifted)[inside] ** 2 / noise.variance(wanted[inside], 1)).mean()
        assert worse > ratio + 0.1


def test_tremor_is_a_random_walk_of_the_declared_size(sets) -> None:
    walks = np.stack([sets.tremor(10, (1000, 1000), np.random.default_rng(s)) for s in range(150)])
    centre = walks[:, :, :, :2] @ np.array([500.0, 500.0]) + walks[:, :, :, 2] - 500
    steps = np.diff(centre, axis=1)
    assert np.all(centre[:, 0] == 0)
    assert steps.std() == pytest.approx(2.5, rel=0.06)
    angles = np.rad2deg(np.arcsin(walks[:, :, 1, 0]))
    assert np.diff(angles, axis=1).std() == pytest.approx(0.03, rel=0.08)


def test_moving_things_are_masked(sets) -> None:
    made = sets.make_set("small_moving", 2)
    masks = made.truth.masks
    assert np.all(masks["boxes"][masks["objects"]])
    assert np.all(masks["swept"][masks["objects"]])
    assert 0.01 < masks["objects"].mean() < masks["swept"].mean() < 0.6
    still = sets.make_set("small_moving", 2, n_frames=1)
    np.testing.assert_array_equal(still.truth.mosaic, made.truth.mosaic)
