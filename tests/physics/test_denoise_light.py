"""What light demands of denoising: no shift of brightness or colour, even noise, structure kept, nothing invented."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, DomainError, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.denoise import DenoiseParams, again, analyse, analyse_coarse, denoise_rgb

WB = (2.0, 1.0, 1.6)
ALPHA, BETA = 1.45e-3, 2e-4  # a phone at ISO 800
FULL = DenoiseParams(luminance=1.0, chrominance=1.0)


def frame_of(rgb, rng=None, alpha=ALPHA, beta=BETA, n_effective=1.0, gain=None):
    light = np.asarray(rgb, np.float64)
    base = Frame(
        light.astype(np.float32), Domain.CAMERA_RGB, FrameInfo("test", light.shape[:2], "linear"),
        NoiseModel((alpha,) * 3, (beta,) * 3, "simulated"), n_effective, gain,
    )  # fmt: skip
    if rng is None:
        return base
    noisy = light + rng.normal(size=light.shape) * np.sqrt(base.variance())
    return base.replaced(pixels=noisy.astype(np.float32))


def flat(level, height=160, width=200):
    return np.broadcast_to(level / np.array(WB), (height, width, 3))


@pytest.mark.parametrize("level", [0.05, 0.2, 0.8])
def test_flat_field_keeps_its_light_and_loses_its_noise(level):
    rng = np.random.default_rng(20261122)
    before = frame_of(flat(level), rng)
    after = denoise_rgb(before, WB, FULL)
    # Against the mean of the very same pixels: 0.2 % of light, and what the noise leaves of rounding.
    ratio = after.pixels.mean((0, 1), dtype=np.float64) / before.pixels.mean((0, 1), dtype=np.float64)
    np.testing.assert_allclose(ratio, 1, atol=2e-3 if level > 0.1 else 6e-3)
    assert (after.pixels.var((0, 1)) < 0.1 * before.pixels.var((0, 1))).all()


def test_one_colour_stays():
    rgb = flat(0.3) * np.array([1.0, 0.4, 0.2])
    np.testing.assert_allclose(denoise_rgb(frame_of(rgb), WB, FULL).pixels, rgb, rtol=5e-3)


def test_little_noise_means_little_change():
    rgb = np.random.default_rng(20261122).random((70, 90, 3))
    out = denoise_rgb(frame_of(rgb, alpha=1e-12, beta=1e-14), WB, FULL).pixels
    np.testing.assert_allclose(out, rgb, atol=1e-5)


@pytest.mark.parametrize("alpha", [ALPHA, 6e-3])
def test_strength_zero_is_the_picture(alpha):
    frame = frame_of(flat(0.2), np.random.default_rng(20261122), alpha)
    assert denoise_rgb(frame, WB, DenoiseParams(luminance=0.0, chrominance=0.0)) is frame
    facts = analyse([frame], WB)
    kept = denoise_rgb(frame, WB, DenoiseParams(luminance=0.0, chrominance=1.0)).pixels
    # Luminance (of the roots) stays, colour noise goes.
    roots = [np.sqrt(np.maximum(p * np.array(WB) + 0.3, 0)) for p in (frame.pixels, kept)]
    luminance = [t @ facts.roots.into[0] for t in roots]
    assert np.abs(luminance[0] - luminance[1]).max() < 0.02
    assert np.var(roots[1][..., 0] - roots[1][..., 2]) < 0.1 * np.var(roots[0][..., 0] - roots[0][..., 2])


def test_edges_stay_sharp():
    rgb = np.array(flat(0.1))
    rgb[:, 100:] *= 5
    out = denoise_rgb(frame_of(rgb, np.random.default_rng(20261122)), WB, FULL).pixels.mean(0)
    rise = (out[:, 1] - out[80:95, 1].mean()) / (out[105:120, 1].mean() - out[80:95, 1].mean())
    assert rise[98] < 0.08
    assert rise[101] > 0.92


def test_noise_comes_out_even_where_frames_differ_in_number():
    """A patch of one frame amid eight is denoised to the level of its surroundings, not left as an island."""
    rng = np.random.default_rng(20261122)
    n = np.full((200, 240), 8.0, np.float32)
    n[60:140, 80:160] = 1
    out = denoise_rgb(frame_of(flat(0.2, 200, 240), rng, n_effective=n), WB).pixels
    patch, around = out[70:130, 90:150].std((0, 1)), out[70:130, 180:].std((0, 1))
    # Three times the noise went in. Twice is what is left where no detail may be lost against a single frame: see
    # EVENNESS_LIMIT.
    assert (patch < 2.1 * around).all()


def test_the_second_look_finds_structure_in_heavy_noise(monkeypatch):
    """Edges, waves and flats at night: what the first look tells of them takes a third of the error away."""
    rng = np.random.default_rng(20261122)
    y, x = np.mgrid[:256, :320]
    grey = 0.15 + 0.05 * np.sin(x / 3 + y / 7) * (y > 128) + 0.15 * ((x // 40 + y // 32) % 2)
    rgb = grey[..., None] * np.array([1.2, 1.0, 0.8]) / np.array(WB)
    before = frame_of(rgb, rng, alpha=6e-3, beta=4e-5)

    def error():
        return np.mean((denoise_rgb(before, WB).pixels - rgb) ** 2)

    twice = error()
    monkeypatch.setattr(again, "LEVEL", np.inf)
    assert twice < 0.7 * error()


def test_a_quiet_frame_is_looked_at_once(monkeypatch):
    """Neither at ISO 800, nor where ten frames made a noisy one quiet."""
    monkeypatch.setattr(again, "second_look", None)
    rng = np.random.default_rng(20261122)
    denoise_rgb(frame_of(flat(0.2), rng), WB)
    denoise_rgb(frame_of(flat(0.2), rng, alpha=6e-3, beta=4e-5, n_effective=10.0), WB)
    with pytest.raises(TypeError):
        denoise_rgb(frame_of(flat(0.2), rng, alpha=6e-3, beta=4e-5), WB)


def blotches(light):
    """Variance of red against blue between cells of 32 px."""
    difference = (light * np.array(WB))[..., 0] - (light * np.array(WB))[..., 2]
    height, width = (n // 32 for n in difference.shape)
    return difference[: 32 * height, : 32 * width].reshape(height, 32, width, 32).mean((1, 3)).var()


def test_coarse_blotches_of_colour_go():
    rng = np.random.default_rng(20261122)
    before = frame_of(flat(0.05, 640, 704), rng)
    fine = denoise_rgb(before, WB, FULL, analyse([before], WB))
    whole = denoise_rgb(before, WB, FULL)
    assert blotches(whole.pixels) < 0.5 * blotches(fine.pixels)
    assert blotches(fine.pixels) < 1.1 * blotches(before.pixels)


def test_a_mosaic_tells_of_coarse_noise_what_its_picture_does():
    rng = np.random.default_rng(20261122)
    cfa = Cfa.from_name("GRBG")
    level = np.array(flat(0.1, 640, 704))
    level[:, 350:] *= np.array([1.5, 1.0, 0.7])
    light = np.take_along_axis(level, cfa_plane_index(cfa, level.shape[:2])[..., None], 2)[..., 0]
    light = light + rng.normal(size=light.shape) * np.sqrt(ALPHA * light + BETA)
    noise = NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated")
    info = FrameInfo("test", light.shape, "mosaic", cfa=cfa)
    mosaic = Frame(light.astype(np.float32), Domain.MOSAIC, info, noise)
    rgb = demosaic(mosaic, WB)
    facts = analyse([rgb], WB)
    one, other = (analyse_coarse(frame, WB, facts, FULL).coarse for frame in (mosaic, rgb))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_gain_is_counted():
    """Under a lens-shading gain of 3 the noise is larger as declared, and goes as well."""
    rng = np.random.default_rng(20261122)
    gain = np.full((12, 15, 3), 3.0, np.float32)
    before = frame_of(flat(0.3), rng, gain=gain)
    after = denoise_rgb(before, WB, FULL)
    assert (after.pixels.var((0, 1)) < 0.1 * before.pixels.var((0, 1))).all()


def test_what_is_refused():
    frame = frame_of(flat(0.2, 16, 16))
    with pytest.raises(DomainError, match="white balance"):
        denoise_rgb(frame, (1.0, -1.0, 1.0))
    with pytest.raises(DomainError, match="CAMERA_RGB"):
        denoise_rgb(frame.replaced(domain=Domain.WORK_RGB), WB)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 40), (9, 7), (65, 241)])
def test_every_size(shape):
    rgb = np.random.default_rng(20261122).random((*shape, 3))
    out = denoise_rgb(frame_of(rgb), WB).pixels
    assert out.shape == (*shape, 3)
    assert np.isfinite(out).all()
    assert np.abs(out - rgb).max() < 1
