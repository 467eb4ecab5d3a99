"""The measures of `lab.against_truth` against other people's implementations and against arithmetic."""

import numpy as np
import pytest

from lichtbild.core import NoiseModel, ShapeError
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab import against_truth as lab


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20261122)
    y, x = np.mgrid[0:120, 0:150] / 20
    truth = np.stack([0.4 + 0.3 * np.sin(x + c) * np.cos(y) for c in range(3)], 2).astype(np.float32)
    return truth + rng.normal(0, 0.05, truth.shape).astype(np.float32), truth


def test_psnr_of_a_known_error() -> None:
    truth = np.full((90, 100, 3), 0.5, np.float32)
    assert lab.psnr_db(truth + 0.01, truth) == pytest.approx(40, abs=1e-4)
    assert lab.psnr_db(truth, truth) == float("inf")


def test_border_and_mask_choose_what_counts() -> None:
    truth = np.zeros((100, 100, 3))
    picture = truth.copy()
    picture[:32] = 1
    picture[50, 50] = 0.5
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    assert lab.mean_square(picture, truth, lab.Region(32, mask)) == pytest.approx(0.25 / 400)
    assert lab.mean_square(picture, truth, lab.Region(0)) > 0.3
    with pytest.raises(ShapeError, match="no pixel"):
        lab.psnr_db(picture, truth, lab.Region(50))


def test_ssim_as_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is the independent implementation")
    a, b = (srgb_encode(np.clip(p.astype(np.float64), 0, 1)) for p in pair)
    _, full = metrics.structural_similarity(
        a, b, data_range=1, gaussian_weights=True, use_sample_covariance=False, channel_axis=2, full=True
    )
    assert lab.ssim(*pair) == pytest.approx(full[32:-32, 32:-32].mean(), abs=2e-4)


def test_equal_pictures_have_no_difference(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth = pair[1]
    assert lab.ssim(truth, truth) == pytest.approx(1)
    assert lab.colour_difference(truth, truth).max() == 0


def test_colour_difference_of_grey_steps() -> None:
    # L* 50 against 51 without chroma: S_L is 1.0 + 0.015 * 0.25 / sqrt(20.25), so nearly 1.
    y = [((v + 16) / 116) ** 3 for v in (50.0, 51.0)]
    pictures = [np.full((80, 80, 3), v) for v in y]
    assert lab.colour_difference(*pictures).mean() == pytest.approx(1.0, abs=2e-3)


def test_noise_gain_of_an_average() -> None:
    rng = np.random.default_rng(20261122)
    truth = np.repeat(np.linspace(0.1, 0.6, 400)[None, :, None], 300, 0) * np.float64([1, 0.8, 0.6])
    noise = NoiseModel((1e-3,) * 3, (1e-4,) * 3, "simulated")
    frames = truth + rng.standard_normal((10, *truth.shape)) * np.sqrt(noise.variance(truth))
    gains = lab.noise_gain(frames.mean(0), truth, noise, lab.flats(truth))
    assert gains.shape == (4, 3)
    np.testing.assert_allclose(gains, np.sqrt(10), rtol=0.03)


def test_flats_leave_edges_out() -> None:
    truth = np.full((64, 64, 3), 0.2)
    truth[:, 32:] = 0.6
    flat = lab.flats(truth)
    assert flat[:, :24].all()
    assert not flat[:, 30:34].any()


def test_block_gain_finds_the_harmed_block() -> None:
    truth = np.zeros((160, 160, 3))
    baseline, picture = truth + 0.1, truth + 0.01
    picture[64:96, 64:96] = 0.2
    gains = lab.block_gain_db(picture, baseline, truth, border_px=0)
    assert gains.argmin() == 2 * 5 + 2
    assert gains.min() == pytest.approx(-6.02, abs=0.01)
    assert np.median(gains) == pytest.approx(20, abs=0.01)
