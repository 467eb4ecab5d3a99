"""Siemens star and dead leaves against blurs known by formula; a denoiser's loss against what it truly loses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lichtbild.core import ShapeError
from lichtbild.lab.analytic_charts import pixel_transfer, sine_star, target_seen
from lichtbild.lab.dead_leaves import dead_leaves
from lichtbild.lab.registration import homography
from lichtbild.lab.siemens import N_SEGMENTS, Star, measure_star
from lichtbild.lab.texture import BANDS, measure_texture, texture_against_noise

CENTRE, CYCLES, SIGMA = (101.3, 98.8), 60, 0.6


@pytest.fixture(scope="module")
def star() -> np.ndarray:
    return sine_star(200, CENTRE, CYCLES, 92.0, SIGMA)


def test_a_star_in_every_direction(star: np.ndarray) -> None:
    found = measure_star(star, Star((99.8, 100.6), 91.0, CYCLES, modulation=0.8))
    assert found.centre == pytest.approx(CENTRE, abs=0.005)
    f = found.frequency_cy_px
    for s in range(N_SEGMENTS):
        # A wave runs across its spoke: the directions of the pixel's sinc are those of the segment, a quarter turn on.
        ends = 2 * np.pi * np.array([s, s + 1]) / N_SEGMENTS
        truth = np.exp(-2 * (np.pi * SIGMA * f) ** 2) * pixel_transfer(f, *ends)
        known = np.isfinite(found.mtf[s]) & (f < 0.45)
        assert known.sum() > 20
        np.testing.assert_allclose(found.mtf[s][known], truth[known], atol=0.006)
    fine = np.linspace(0.2, 0.4, 2001)
    truth50 = fine[np.argmax(np.exp(-2 * (np.pi * SIGMA * fine) ** 2) * pixel_transfer(fine) < 0.5)]
    assert found.figures[0].value == pytest.approx(truth50, rel=0.005)


def test_a_stars_noise_is_in_its_interval_and_not_in_its_mtf(star: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    found = measure_star(star + rng.normal(0, 0.05, star.shape), Star((100.4, 99.8), 91.0, CYCLES, modulation=0.8))
    f = found.frequency_cy_px
    truth = np.exp(-2 * (np.pi * SIGMA * f) ** 2) * pixel_transfer(f)
    known = np.isfinite(found.mtf).all(0) & (f < 0.4)
    z = ((found.mtf - truth) / found.deviation)[:, known]
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.2)
    assert abs(np.mean((found.mtf - truth)[:, known])) < 0.01


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radius_px": 25.0}, "too small"),
        ({"n_cycles": 37}, "no star"),
    ],
)
def test_what_is_no_star(star: np.ndarray, change: dict[str, float], words: str) -> None:
    asked = {"centre": CENTRE, "radius_px": 91.0, "n_cycles": CYCLES} | change
    found = measure_star(star, Star(**asked))  # type: ignore[arg-type]
    assert words in found.finding
    assert all(f.value is None for f in found.figures)
    clipped = measure_star(np.minimum(star, 0.8), Star(CENTRE, 91.0, CYCLES), white=0.8)
    assert "clipped" in clipped.finding
    with pytest.raises(ShapeError):
        measure_star(star[..., None], Star(CENTRE, 91.0, CYCLES))


SIDE, BLUR = 288, 0.5


@pytest.fixture(scope="module")
def leaves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    target = dead_leaves(800, seed=3, least_radius=2.5)
    return target, *target_seen(target, SIDE, BLUR)


def true_mtf(f: np.ndarray) -> np.ndarray:
    return np.exp(-2 * (np.pi * BLUR * f) ** 2) * pixel_transfer(f)


def test_leaves_have_natures_spectrum(leaves: tuple[np.ndarray, ...]) -> None:
    """Power about f^-2 (the sum over a ring of one dimension more or less), full range of greys, no hole."""
    target = leaves[0]
    window = np.hanning(800)
    power = np.abs(np.fft.rfft2((target - target.mean()) * window * window[:, None])) ** 2
    radius = np.hypot(np.fft.fftfreq(800)[:, None], np.fft.rfftfreq(800)[None, :])
    at = np.array([0.01, 0.02, 0.04, 0.08])
    mean = [power[(radius > f * 0.8) & (radius < f * 1.25)].mean() for f in at]
    slope = np.polyfit(np.log(at), np.log(mean), 1)[0]
    assert -3.2 < slope < -1.8
    assert (target.min(), target.max()) == pytest.approx((0.2, 0.8), abs=0.01)


def test_leaves_without_noise(leaves: tuple[np.ndarray, ...]) -> None:
    target, picture, corners = leaves
    found = measure_texture(picture, target, corners + np.array([[2, -1.5], [1, 2], [-2, 1], [1, -2]]))
    below = found.frequency_cy_px <= 0.41
    np.testing.assert_allclose(found.mtf[below], true_mtf(found.frequency_cy_px)[below], atol=0.01)
    assert found.placed is not None
    assert found.placed.residual_px < 0.02


def test_leaves_in_noise_of_20_db(leaves: tuple[np.ndarray, ...]) -> None:
    """Noise a tenth of the mean. Five shots: their mean has the goal's 0.02, and each has the interval it states."""
    target, picture, corners = leaves
    rng = np.random.default_rng(8)
    shots = [measure_texture(picture + rng.normal(0, 0.05, picture.shape), target, corners) for _ in range(5)]
    f = shots[0].frequency_cy_px
    below = f <= 0.41
    np.testing.assert_allclose(np.mean([s.mtf for s in shots], 0)[below], true_mtf(f)[below], atol=0.02)
    z = np.concatenate([((s.mtf - true_mtf(f)) / s.deviation)[below] for s in shots])
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5
    # Plain power takes the noise for texture.
    assert shots[0].power_mtf[below][-1] > true_mtf(f)[below][-1] + 0.15


def test_denoisers_are_ranked_as_the_truth_ranks_them(leaves: tuple[np.ndarray, ...]) -> None:
    """True loss: gain of the mean over shots (noise averaged out) against the noise-free picture, band by band."""
    target, picture, corners = leaves
    rng = np.random.default_rng(5)
    noisy = [picture + rng.normal(0, 0.05, picture.shape) for _ in range(6)]
    denoisers = {
        "none": lambda p: p,
        "gaussian 0.5": lambda p: ndimage.gaussian_filter(p, 0.5),
        "median 3": lambda p: ndimage.median_filter(p, 3),
        "gaussian 1": lambda p: ndimage.gaussian_filter(p, 1.0),
        "median 5": lambda p: ndimage.median_filter(p, 5),
    }
    before = measure_texture(noisy[0], target, corners)
    losses, truths, removed = [], [], []
    for denoiser in denoisers.values():
        point = texture_against_noise(
            before, measure_texture(denoiser(noisy[0]), target, corners, reference=before.placed)
        )
        losses.append(point.texture_lost)
        removed.append(point.noise_removed_db)
        mean = np.mean([denoiser(p) for p in noisy], axis=0)
        ideal = measure_texture(mean, target, corners, reference=before.placed)
        truths.append(texture_against_noise(before, ideal).texture_lost)
    assert np.argsort(losses).tolist() == np.argsort(truths).tolist()
    np.testing.assert_allclose(losses, truths, atol=0.02)
    assert removed[0] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff([removed[k] for k in (0, 1, 3)]) > 1)


def test_another_target_is_a_finding(leaves: tuple[np.ndarray, ...]) -> None:
    target, picture, corners = leaves
    other = measure_texture(picture, dead_leaves(500, seed=9), corners)
    assert other.finding
    assert all(f.value is None for f in other.figures)
    assert measure_texture(picture, target[:40, :40], corners).finding
    with pytest.raises(ShapeError):
        measure_texture(picture[..., None], target, corners)


def test_bands_and_homography() -> None:
    assert BANDS[0] > 0
    rng = np.random.default_rng(0)
    matrix = np.array([[1.1, 0.1, 5], [-0.05, 0.9, 3], [1e-4, -2e-4, 1]])
    points = rng.uniform(0, 500, (7, 2))
    image = np.column_stack([points, np.ones(7)]) @ matrix.T
    np.testing.assert_allclose(homography(points, image[:, :2] / image[:, 2:]), matrix, rtol=1e-6, atol=1e-9)
