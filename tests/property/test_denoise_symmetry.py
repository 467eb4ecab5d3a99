"""Symmetries of denoising: a crop is part of the whole, twice the light is twice the picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.denoise import HALO_PX, DenoiseParams, analyse, analyse_coarse, denoise_rgb

WB = (1.9, 1.0, 1.5)
# Blocks of the coarsest scale stand every 16 px of the picture and see this far.
LATTICE_PX, REACH_PX = 16, HALO_PX
# Pictures that are looked at once, and twice.
NOISES = ((1e-3, 1e-4), (2e-2, 4e-4))


def frame_of(rgb, alpha=1e-3, beta=1e-4, n_effective=1.0):
    info = FrameInfo("test", rgb.shape[:2], "linear")
    noise = NoiseModel((alpha,) * 3, (beta,) * 3, "simulated")
    return Frame(np.ascontiguousarray(rgb), Domain.CAMERA_RGB, info, noise, n_effective)


def picture(seed, height, width):
    rng = np.random.default_rng(seed)
    rgb = np.cumsum(rng.normal(size=(height, width, 1)), axis=1) / 80 + 0.3 + rng.normal(size=(height, width, 3)) * 0.02
    return rgb.astype(np.float32)


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 4), st.integers(0, 4), st.integers(160, 230), st.integers(160, 230), st.sampled_from(NOISES),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_crop_is_part_of_the_whole(top, left, height, width, noise, seed):
    rgb = picture(seed, 320, 330)
    n = np.random.default_rng(seed).uniform(1, 2, rgb.shape[:2]).astype(np.float32)
    y, x = top * LATTICE_PX, left * LATTICE_PX
    whole_frame = frame_of(rgb, *noise)
    facts = analyse([whole_frame], WB)
    whole = denoise_rgb(whole_frame, WB, None, facts).pixels
    part = denoise_rgb(frame_of(rgb[y : y + height, x : x + width], *noise), WB, None, facts).pixels
    inside = slice(REACH_PX, -REACH_PX)
    expected = whole[y : y + height, x : x + width]
    np.testing.assert_allclose(part[inside, inside], expected[inside, inside], atol=2e-4)
    # The count of frames of the whole may differ from that of the crop: only finiteness is asked of it.
    assert np.isfinite(denoise_rgb(frame_of(rgb, *noise, n_effective=n), WB, None, facts).pixels).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 12), st.integers(1, 150), st.booleans(), st.sampled_from(NOISES), st.integers(0, 2**32 - 1))
def test_a_band_is_part_of_the_whole(start, height, cut, noise, seed):
    rng = np.random.default_rng(seed)
    gain = rng.uniform(1, 3, (26, 9, 3)).astype(np.float32)
    frame = frame_of(picture(seed, 390, 117), *noise, n_effective=rng.uniform(1, 9, (390, 117)).astype(np.float32))
    frame = frame.replaced(gain=gain)
    facts = analyse([frame.rows(0, 64), frame.rows(128, 192), frame.rows(320, 390)], WB)
    facts = analyse_coarse(frame, WB, facts)
    start, stop = 32 * start, min(32 * start + height, 390)
    top, bottom = max(start - HALO_PX, 0), min(stop + HALO_PX, 390)
    rows = (start - top, stop - top) if cut else None
    band = denoise_rgb(frame.rows(top, bottom), WB, None, facts, rows, top)
    whole = denoise_rgb(frame, WB, None, facts).pixels[start:stop]
    part = band.pixels if cut else band.pixels[start - top : stop - top]
    np.testing.assert_allclose(part, whole, atol=1e-5)
    if cut:
        assert band.n_effective.shape == band.shape


def test_facts_from_strips_are_those_of_the_whole():
    rng = np.random.default_rng(20261122)
    rgb = (0.3 + rng.normal(size=(640, 1600, 3)) * np.sqrt(1e-3 * 0.3 + 1e-4)).astype(np.float32)
    frame = frame_of(rgb, n_effective=rng.uniform(1, 2, rgb.shape[:2]).astype(np.float32))
    whole, some = analyse([frame], WB), analyse([frame.rows(128 * k, 128 * k + 64) for k in range(5)], WB)
    np.testing.assert_allclose(some.usual_share, whole.usual_share, rtol=0.02)
    for one, other in zip(whole.variance, some.variance, strict=True):
        ratio = other / one
        assert 0.88 < np.median(ratio) < 1.14
        assert ratio.max() < 2


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
