"""Noise is measured as it was made: simulated photon and read noise, flats and texture, clipped and rounded."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.sensor import choose_noise, fit_noise, noise_of_frames

ALPHA_100, BETA_100 = 1.807e-4, 3.194e-6


def _texture(h: int, w: int, seed: int) -> np.ndarray:
    """Patches of 20 tones from black to white, half of them flat, half with detail of 1/f power (natural pictures')."""
    rng = np.random.default_rng(seed)
    tones = np.kron(np.linspace(0.01, 0.85, 20)[rng.permutation(20)].reshape(4, 5), np.ones((h // 4, w // 5)))
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
    spectrum = np.fft.rfft2(rng.normal(size=(h, w))) / np.maximum(np.hypot(fy, fx), 1 / w) ** 1.2
    detail = np.fft.irfft2(spectrum, (h, w))
    is_textured = np.kron(rng.random((4, 5)) < 0.5, np.ones((h // 4, w // 5)))
    return np.asarray(np.clip(tones * (1 + 0.25 * detail / detail.std() * is_textured), 0, 1))


def _expose(light: np.ndarray, iso: float, seed: int, bits: int = 10, black: int = 64) -> np.ndarray:
    """Poisson photons at full well 1 / alpha, Gaussian read noise, rounding, clipping; then linear again."""
    rng, alpha, beta = np.random.default_rng(seed), ALPHA_100 * iso / 100, BETA_100 * (iso / 100) ** 2
    signal = rng.poisson(light / alpha) * alpha + rng.normal(size=light.shape) * np.sqrt(beta)
    white = 2**bits - 1
    stored = np.clip(np.round(signal * (white - black) + black), 0, white)
    return ((stored - black) / (white - black)).astype(np.float32)


def _relative_error(model: NoiseModel, iso: float) -> float:
    """Largest relative error of the variance over channels and signals 0.02, 0.1, 0.5."""
    errors = []
    for signal in (0.02, 0.1, 0.5):
        truth = ALPHA_100 * iso / 100 * signal + BETA_100 * (iso / 100) ** 2
        errors += [(a * signal + b) / truth - 1 for a, b in zip(model.alpha, model.beta, strict=True)]
    return float(np.abs(errors).max())


@pytest.mark.parametrize("iso", [100, 400, 1600, 3200])
@pytest.mark.parametrize("n_frames", [1, 2])
def test_mosaic_of_flats_and_texture(iso: float, n_frames: int) -> None:
    light = _texture(480, 640, seed=2)
    frames = [_expose(light, iso, seed=k) for k in range(n_frames)]
    fit = fit_noise(frames, Cfa.from_name("GRBG"), bits=10)
    assert fit.is_reliable
    assert fit.model.source == "fitted"
    # The variance within 15 %, the deviation within 7.5 %: about 3 standard errors of 12 flat blocks a bin.
    assert _relative_error(fit.model, iso) < 0.15


def test_noise_cut_off_at_black_is_measured_whole() -> None:
    """At ISO 3200 the darkest tones lie a standard deviation above the least number that there is."""
    light = np.repeat(np.linspace(0, 0.12, 12), 80)[None, :].repeat(480, 0)
    frames = [_expose(light, 3200, seed=k, black=16) for k in range(2)]
    assert (frames[0] == frames[0].min()).mean() > 0.05
    for n in (1, 2):
        model = fit_noise(frames[:n], Cfa.from_name("RGGB"), bits=10).model
        for signal in (0.02, 0.1):
            truth = ALPHA_100 * 32 * signal + BETA_100 * 32**2
            assert model.alpha[1] * signal + model.beta[1] == pytest.approx(truth, rel=0.12)


def test_frames_that_moved_are_no_worse_than_one() -> None:
    light = _texture(500, 660, seed=4)
    frames = [_expose(light[k : 480 + k, 2 * k : 640 + 2 * k], 800, seed=k) for k in range(4)]
    assert _relative_error(fit_noise(frames, Cfa.from_name("RGGB"), bits=10).model, 800) < 0.15


def test_still_frames_need_no_flat_part() -> None:
    """Detail everywhere: one frame measures it as noise, two frames of a still scene do not."""
    light = np.random.default_rng(0).random((480, 640)) * 0.5 + 0.2
    frames = [_expose(light, 800, seed=k) for k in range(2)]
    cfa = Cfa.from_name("RGGB")
    assert _relative_error(fit_noise(frames[:1], cfa, bits=10).model, 800) > 3
    two = fit_noise(frames, cfa, bits=10).model
    truth = ALPHA_100 * 8 * 0.45 + BETA_100 * 64
    assert two.alpha[1] * 0.45 + two.beta[1] == pytest.approx(truth, rel=0.1)


def test_channels_of_other_noise_are_told_apart() -> None:
    cfa, light = Cfa.from_name("RGGB"), _texture(960, 1280, seed=6)
    frame = _expose(light, 800, seed=1, bits=14)
    frame[0::2, 0::2] = light[0::2, 0::2] + (frame[0::2, 0::2] - light[0::2, 0::2]) * 2
    model = fit_noise([frame], cfa, bits=14).model
    ratio = (model.alpha[0] * 0.2 + model.beta[0]) / (model.alpha[1] * 0.2 + model.beta[1])
    assert ratio == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize("blur_px", [0.0, 0.5, 0.7, 0.9])
def test_blur_of_the_noise_is_told(blur_px: float) -> None:
    light = np.repeat(_texture(480, 640, seed=8)[..., None], 3, 2)
    noise = np.random.default_rng(1).normal(size=light.shape) * np.sqrt(1e-3 * light + 2e-5)
    f2 = np.add.outer(np.fft.fftfreq(480) ** 2, np.fft.rfftfreq(640) ** 2)[..., None]
    spectrum = np.fft.rfft2(noise, axes=(0, 1)) * np.exp(-2 * np.pi**2 * blur_px**2 * f2)
    blurred = np.fft.irfft2(spectrum, (480, 640), axes=(0, 1))
    left = blurred.var() / noise.var()
    model = fit_noise([(light + blurred).astype(np.float32)], is_picture=True, bits=16).model
    assert model.correlation_px == pytest.approx(blur_px, abs=0.15)
    for signal in (0.05, 0.4):
        truth = (1e-3 * signal + 2e-5) * left
        assert model.alpha[1] * signal + model.beta[1] == pytest.approx(truth, rel=0.3)


def test_quad_and_monochrome() -> None:
    light = _texture(960, 960, seed=3)
    frame = _expose(light, 800, seed=1)
    assert _relative_error(fit_noise([frame], Cfa.from_name("RGGB", quad=2), bits=10).model, 800) < 0.25
    mono = fit_noise([frame], None, bits=10).model
    assert mono.n_channels == 1
    assert _relative_error(mono, 800) < 0.15


@pytest.mark.parametrize(
    "frame",
    [np.zeros((64, 64)), np.ones((64, 64)), np.full((64, 64), 0.3), np.zeros((4, 4)), np.eye(9)],
)
def test_frames_without_information_give_a_valid_model(frame: np.ndarray) -> None:
    fit = fit_noise([frame.astype(np.float32)], Cfa.from_name("RGGB"), bits=10)
    assert not fit.is_reliable
    assert min(fit.model.beta) > 0


def test_two_real_frames_agree_with_their_difference(shared_data: Any) -> None:
    """A chart taken twice, turned by 180 degrees and 8 px apart: in flat patches half the variance of the difference is
    the noise, whatever lens, chart and fixed pattern are."""
    folder = shared_data("raw_chart_iso12233_c5590")
    names = ("frameA_upper_1600x600_10bit_bggr", "frameB_upper_rot180_1600x600_10bit_rggb")
    a, b = (np.fromfile(folder / f"c5590_{name}_u16le.raw", "<u2").reshape(600, 1600) for name in names)
    a, b = a[8:], b[::-1, ::-1][:-8]
    a, b = ((f.astype(np.float32) - 64) / 959 for f in (a[:, 8:], b[:, :-8]))
    model = fit_noise([a, b], Cfa.from_name("BGGR"), bits=10).model
    one, other = (f[0::2, 1::2][:288, :784].reshape(18, 16, 49, 16).swapaxes(1, 2).reshape(-1, 256) for f in (a, b))
    is_unclipped = one.max(axis=1) < 0.98
    mean, difference = one.mean(axis=1)[is_unclipped], (one - other).var(axis=1)[is_unclipped] / 2
    spread = (one.var(axis=1) + other.var(axis=1))[is_unclipped]
    for low, high in ((0.03, 0.1), (0.7, 0.9)):  # bars and paper: enough flat blocks to trust
        tones = np.flatnonzero((mean > low) & (mean < high))
        flat = tones[np.argsort(spread[tones])[: max(5, len(tones) // 5)]]
        told = model.alpha[1] * mean[flat].mean() + model.beta[1]
        assert told == pytest.approx(np.median(difference[flat]), rel=0.15)


# ---- the choice


def _info(**changes: Any) -> FrameInfo:
    return FrameInfo("a.dng", (480, 640), "mosaic", cfa=Cfa.from_name("RGGB"), bits=10, **changes)


def test_the_files_profile_comes_first_unless_it_is_senseless() -> None:
    told = NoiseModel((2e-4,) * 3, (4e-6,) * 3, "NoiseProfile")
    assert choose_noise(_info(noise=told)).model is told
    frames = [_expose(_texture(480, 640, 2), 400, 1)]
    for alpha, beta in ((1.0, 0.5), (1e-16, 1e-20)):
        broken = NoiseModel((alpha,) * 3, (beta,) * 3, "NoiseProfile")
        chosen = choose_noise(_info(noise=broken), frames)
        assert chosen.which == "fitted"
        assert "left out" in chosen.reason
        assert _relative_error(chosen.model, 400) < 0.15


def test_without_anything_the_assumption_is_named() -> None:
    chosen = choose_noise(_info())
    assert (chosen.which, chosen.model.source) == ("assumed", "assumed")


def test_pixels_are_read_only_where_a_fit_needs_them() -> None:
    def never() -> list[np.ndarray]:
        raise AssertionError

    told = NoiseModel((2e-4,) * 3, (4e-6,) * 3, "NoiseProfile")
    assert choose_noise(_info(noise=told), never).which == "NoiseProfile"


def test_spatial_gain_is_taken_off_before_the_fit() -> None:
    """A shading correction of 1 to 3 multiplies the noise; the model is that of the sensor, whatever the gain."""
    light = _texture(1120, 1600, seed=9) * 0.6
    cfa = Cfa.from_name("GBRG")
    steps = np.linspace(1, 3, 1600 // 16 + 1, dtype=np.float32)
    grid = np.broadcast_to(steps[None, :, None], (1120 // 16 + 1, len(steps), 3)).copy()
    info = _info()
    base = Frame(_expose(light, 800, 1), Domain.MOSAIC, info, NoiseModel((1e-4,) * 3, (1e-6,) * 3, "unknown"))
    shaded = base.replaced(
        pixels=base.pixels * np.interp(np.arange(1600) + 0.5, np.arange(0, 1601, 16), steps), gain=grid
    )
    shaded = shaded.with_info(cfa=cfa)
    for frame in (base.with_info(cfa=cfa), shaded):
        chosen = noise_of_frames(dataclasses.replace(info, cfa=cfa), [frame])
        assert chosen.which == "fitted"
        assert _relative_error(chosen.model, 800) < 0.15


def test_frames_of_a_file_with_a_profile_keep_their_noise() -> None:
    told = NoiseModel((2e-4,) * 3, (4e-6,) * 3, "NoiseProfile")
    frame = Frame(_expose(_texture(480, 640, 2), 400, 1), Domain.MOSAIC, _info(noise=told), told.scaled(0.5))
    assert noise_of_frames(_info(noise=told), [frame]).model == told.scaled(0.5)


def test_a_grey_sensor_as_rgb_gets_three_channels() -> None:
    info = FrameInfo("m.dng", (480, 640), "monochrome", bits=10)
    grey = np.repeat(_expose(_texture(480, 640, 2), 400, 1)[..., None], 3, 2)
    frame = Frame(grey, Domain.CAMERA_RGB, info, NoiseModel((1e-4,) * 3, (1e-6,) * 3, "unknown"))
    model = noise_of_frames(info, [frame]).model
    assert model.n_channels == 3
    assert _relative_error(model, 400) < 0.15
