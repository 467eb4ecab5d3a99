"""The spectrum of noise: as declared for white noise, and found again in a picture."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from lichtbild.stages.denoise import spectrum


def blocks_of(plane):
    top, left = spectrum.block_places(*plane.shape[1:])
    inside = np.arange(spectrum.SIZE)
    return np.moveaxis(plane[:, top[:, None, None] + inside[:, None], left[:, None, None] + inside], 0, 1)


def test_white_noise_is_even_and_quarters_with_each_scale():
    for scale, table in enumerate(spectrum.declared(0.0, 3)):
        np.testing.assert_allclose(table, 0.25**scale, rtol=1e-3)


def test_blurred_noise_as_simulated():
    rng = np.random.default_rng(20261122)
    plane = gaussian_filter(rng.normal(size=(3, 512, 512)), (0, 0.8, 0.8), mode="wrap")
    plane /= plane.std()
    cosine = spectrum.basis()[:8]
    power = ((cosine @ blocks_of(plane) @ cosine.T) ** 2).mean((0, 1))
    # A Gaussian sampled at whole pixels passes a little more of the highest frequencies than a true one.
    np.testing.assert_allclose(power, spectrum.declared(0.8, 1)[0][0], rtol=0.12, atol=0.05)


def test_found_in_a_picture_with_structure():
    rng = np.random.default_rng(20261122)
    noise = gaussian_filter(rng.normal(size=(3, 400, 400)), (0, 0.7, 0.7), mode="wrap")
    noise *= 0.02 / noise.std()
    picture = noise.copy()
    picture[:, 150:, 200:] += rng.normal(size=(250, 200)) * 0.1
    picture[:, :, ::50] += 0.3
    variance = np.full((len(blocks_of(picture)), 3), 0.02**2, np.float32)
    model = spectrum.declared(0.0, 1)[0]
    found = spectrum.measured(blocks_of(picture).astype(np.float32), variance, model, False)
    truth = spectrum.declared(0.7, 1)[0]
    order = np.add.outer(np.arange(8), np.arange(8))
    for part in range(3):
        # Orders 4 and 5 stand for the lowest ones of luminance, which blurred noise has more of.
        known = (order > 3) if part == 0 else (order > 0)
        ratio = found[part][known] / truth[part][known]
        assert 0.8 < np.median(ratio) < 1.25


def test_no_noise_and_few_blocks():
    model = spectrum.declared(0.0, 1)[0]
    few = np.zeros((20, 3, 8, 8), np.float32)
    assert spectrum.measured(few, np.ones((20, 3), np.float32), model, True) is model
    many = np.zeros((2000, 3, 8, 8), np.float32)
    np.testing.assert_array_equal(
        spectrum.measured(many, np.ones((2000, 3), np.float32), model, True), np.float32(spectrum.LOWEST)
    )
