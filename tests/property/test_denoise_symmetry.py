"""Symmetries of denoising: a crop is part of the whole, twice the light is twice the picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.denoise import DenoiseParams, analyse, denoise_rgb

WB = (1.9, 1.0, 1.5)
# Blocks of the coarsest scale stand every 16 px of the picture and see this far.
LATTICE_PX, REACH_PX = 16, 64


def frame_of(rgb, alpha=1e-3, beta=1e-4, n_effective=1.0):
    info = FrameInfo("test", rgb.shape[:2], "linear")
    noise = NoiseModel((alpha,) * 3, (beta,) * 3, "simulated")
    return Frame(np.ascontiguousarray(rgb), Domain.CAMERA_RGB, info, noise, n_effective)


def picture(seed, height, width):
    rng = np.random.default_rng(seed)
    rgb = np.cumsum(rng.normal(size=(height, width, 1)), axis=1) / 80 + 0.3 + rng.normal(size=(height, width, 3)) * 0.02
    return rgb.astype(np.float32)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(160, 230), st.integers(160, 230), st.integers(0, 2**32 - 1))
def test_a_crop_is_part_of_the_whole(top, left, height, width, seed):
    rgb = picture(seed, 320, 330)
    n = np.random.default_rng(seed).uniform(1, 2, rgb.shape[:2]).astype(np.float32)
    y, x = top * LATTICE_PX, left * LATTICE_PX
    whole_frame = frame_of(rgb)
    facts = analyse(whole_frame, WB)
    whole = denoise_rgb(whole_frame, WB, None, facts).pixels
    part = denoise_rgb(frame_of(rgb[y : y + height, x : x + width]), WB, None, facts).pixels
    inside = slice(REACH_PX, -REACH_PX)
    expected = whole[y : y + height, x : x + width]
    np.testing.assert_allclose(part[inside, inside], expected[inside, inside], atol=2e-4)
    # The count of frames of the whole may differ from that of the crop: only finiteness is asked of it.
    assert np.isfinite(denoise_rgb(frame_of(rgb, n_effective=n), WB, None, facts).pixels).all()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 1.0), st.integers(0, 2**32 - 1))
def test_exposure_commutes(factor, seed):
    frame = frame_of(np.maximum(picture(seed, 60, 70), 0))
    one = denoise_rgb(frame, WB).pixels * np.float32(factor)
    two = denoise_rgb(frame.scaled(factor), WB).pixels
    np.testing.assert_allclose(two, one, atol=2e-4 * factor + 1e-5)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 2), st.floats(0, 2), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_every_setting_and_size_gives_a_picture(luminance, chrominance, height, width, seed):
    frame = frame_of(picture(seed, height, width))
    out = denoise_rgb(frame, WB, DenoiseParams(luminance=luminance, chrominance=chrominance)).pixels
    assert np.isfinite(out).all()
    assert np.abs(out - frame.pixels).max() < 0.5
