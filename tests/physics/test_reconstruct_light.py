"""The joint reconstruction against light whose truth is known in closed form."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.errors import LichtbildError
from lichtbild.stages.align import Motion
from lichtbild.stages.reconstruct import Reconstruction, ReconstructParams, stream
from lichtbild.stages.reconstruct.shrink import spectrum

SHAPE = (96, 128)
WHITE = (2.0, 1.0, 1.6)
QUIET = NoiseModel((1e-7,) * 3, (1e-9,) * 3, "simulated")
NOISY = NoiseModel((1.4e-3,) * 3, (2e-4,) * 3, "simulated")


class Waves:
    """Grey light 0.3 + 0.14 cos(2 pi f . r), r in px of the mosaic, as pixels of some width see it."""

    def __init__(self, *frequencies):
        self.frequencies = frequencies

    def __call__(self, y, x, width_px):
        value = np.full(np.broadcast(y, x).shape, 0.3)
        for fy, fx in self.frequencies:
            seen = np.sinc(fy * width_px) * np.sinc(fx * width_px)
            value += 0.14 * seen * np.cos(2 * np.pi * (fy * y + fx * x) + 0.4)
        return value


def info(kind="mosaic"):
    return FrameInfo("test", SHAPE, kind, cfa=Cfa.from_name("RGGB") if kind == "mosaic" else None)


def mosaic(light, shift, noise, rng, shape=SHAPE):
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    colour = (np.mgrid[0 : shape[0], 0 : shape[1]] % 2).sum(0)
    clean = light(y - shift[0], x - shift[1], 1.0) / np.asarray(WHITE)[colour]
    noisy = clean + rng.standard_normal(shape) * np.sqrt(noise.alpha[0] * clean + noise.beta[0])
    return Frame(noisy.astype(np.float32), Domain.MOSAIC, info(), noise)


def shifted(shift, shape=SHAPE):
    tiles = -(-shape[0] // 32), -(-shape[1] // 32)
    flow = np.broadcast_to(np.float32(shift), (*tiles, 2)).copy()
    none = np.zeros(tiles, np.float32)
    return Motion(np.zeros(8), flow, flow, none > 0, none, none)


def burst(light, noise, n, rng, shape=SHAPE, params=None):
    """A reconstruction of `n` frames shifted by known random amounts, all trusted."""
    chosen = params or ReconstructParams(steps=4)
    joint = Reconstruction(mosaic(light, (0, 0), noise, rng, shape), WHITE, n, chosen)
    trust = np.zeros((2, shape[0] // 2, shape[1] // 2), np.uint8)
    trust[0] = 255
    for _ in range(n - 1):
        shift = rng.uniform(-3, 3, 2)
        joint.add(mosaic(light, shift, noise, rng, shape), shifted(shift, shape), trust, 1.0)
    return joint


def start(values, noise, n):
    rgb = np.repeat(np.asarray(values, np.float32)[..., None], 3, 2) / np.float32(WHITE)
    return Frame(rgb.astype(np.float32), Domain.CAMERA_RGB, info("linear"), noise, n_effective=n)


def inside(picture, border):
    return picture[border:-border, border:-border] * np.float32(WHITE)


def places(scale, shape=SHAPE):
    y, x = np.mgrid[0 : scale * shape[0], 0 : scale * shape[1]]
    return (y + 0.5) / scale, (x + 0.5) / scale


def shift_of_half(n):
    """Half a point towards the next, as a factor of the spectrum."""
    return np.exp(1j * np.pi * np.fft.fftfreq(n))


def test_what_one_frame_aliases_is_recovered():
    # 0.62 cycles a pixel: one frame shows it as 0.38; green alone as less. The start knows nothing of it.
    rng = np.random.default_rng(1)
    light = Waves((0.0, 0.62), (0.21, 0.0))
    joint = burst(light, QUIET, 12, rng, params=ReconstructParams(steps=8))
    flat = start(Waves((0.21, 0.0))(*places(1), 1.0), QUIET, 12.0)
    picture = inside(joint.picture(flat, scale=2).pixels, 32)
    truth = light(*places(2), 0.0)[32:-32, 32:-32]
    wave = np.cos(2 * np.pi * 0.62 * places(2)[1] + 0.4)[32:-32, 32:-32]
    amplitude = 2 * (picture[..., 1] * wave).mean()
    assert amplitude == pytest.approx(0.14, rel=0.2)
    error = np.sqrt(((picture[..., 1] - truth) ** 2).mean())
    assert error < 0.35 * np.std(truth - Waves((0.21, 0.0))(*places(2), 0.0)[32:-32, 32:-32])


def test_single_size_is_what_whole_pixels_see():
    rng = np.random.default_rng(2)
    light = Waves((0.1, 0.13), (0.0, 0.42))
    joint = burst(light, QUIET, 12, rng, params=ReconstructParams(steps=8))
    smooth = start(Waves((0.1, 0.13))(*places(1), 1.0), QUIET, 12.0)
    small, large = (inside(joint.picture(smooth, scale=s).pixels, 16 * s) for s in (1, 2))
    # The light that the points stand for, through the square of a pixel: sinc(2 f) of each wave.
    passed = np.sinc(2 * np.fft.fftfreq(128))[:, None] * np.sinc(2 * np.fft.fftfreq(192))
    seen = np.fft.ifft2(np.fft.fft2(large[..., 1]) * passed * shift_of_half(128)[:, None] * shift_of_half(192)).real
    np.testing.assert_allclose(small[4:-4, 4:-4, 1], seen[8:-8:2, 8:-8:2], atol=0.01)
    np.testing.assert_allclose(small[..., 1], light(*places(1), 1.0)[16:-16, 16:-16], atol=0.02)


@pytest.mark.parametrize("level", [0.02, 0.1, 0.4])
def test_flat_light_keeps_its_brightness(level):
    # Noise goes, and its mean is not lost to the square root: colours too.
    rng = np.random.default_rng(3)
    joint = burst(lambda y, x, _: np.full(np.broadcast(y, x).shape, level), NOISY, 10, rng)
    picture = inside(joint.picture(start(np.full(SHAPE, level), NOISY, 10.0)).pixels, 12)
    samples = SHAPE[0] * SHAPE[1] * 10 / 4
    for channel, gain in enumerate(WHITE):
        sigma = gain * np.sqrt(NOISY.alpha[0] * level / gain + NOISY.beta[0])
        assert picture[..., channel].mean() == pytest.approx(level, abs=4 * sigma / np.sqrt(samples) + 0.004 * level)
        # Ten frames' samples alone would leave this.
        assert picture[..., channel].std() < 0.5 * sigma / np.sqrt(10 / 4)


def test_noise_in_coefficients_is_as_computed():
    # White noise of the samples, from frames that hold nothing else, against the spectrum that shrinkage counts with.
    rng = np.random.default_rng(4)
    shape, n = (256, 256), 24
    sigma = 0.02
    noise = NoiseModel((0.0,) * 3, (sigma**2,) * 3, "simulated")
    joint = burst(lambda y, x, _: np.full(np.broadcast(y, x).shape, 0.5), noise, n, rng, shape)
    seen = []
    apply = "lichtbild.stages.reconstruct.shrink.Shrinkage.apply"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            apply,
            lambda self, moved, pilot, cells, above, out, **_: (
                seen.append(moved[above : above + len(out)].copy()),
                np.copyto(out, pilot[above : above + len(out)]),
            ),
        )
        joint.params = dataclasses.replace(joint.params, steps=1)
        joint.picture(start(np.full(shape, 0.5), noise, float(n)))
    transform = spectrum.basis()[:16]
    for channel, share in enumerate((1 / 16, 1 / 8, 1 / 16)):
        error = np.concatenate(seen)[32:-32, channel, 32:-32] - 0.5
        blocks = error.reshape(28, 16, 28, 16).transpose(0, 2, 1, 3)
        found = ((transform @ blocks @ transform.T) ** 2).mean((0, 1))
        expected = spectrum.variance() * (WHITE[channel] * sigma) ** 2 / (n * share)
        assert found[1:9, 1:9].mean() == pytest.approx(expected[1:9, 1:9].mean(), rel=0.15)
        assert found[:3, :3].mean() == pytest.approx(expected[:3, :3].mean(), rel=0.35)


def test_bands_join_without_a_seam(monkeypatch):
    rng = np.random.default_rng(5)
    shape = (320, 64)
    light = Waves((0.31, 0.07), (0.02, 0.0))
    joint = burst(light, NOISY, 6, rng, shape, ReconstructParams(steps=2))
    whole_start = start(light(*places(1, shape), 1.0), NOISY, 6.0)
    monkeypatch.setattr(stream, "CHUNK_PX", 1024)
    monkeypatch.setattr(stream, "START_PX", 1024)
    whole = [joint.picture(whole_start, scale).pixels for scale in (1, 2)]
    monkeypatch.setattr(stream, "CHUNK_PX", 16)
    monkeypatch.setattr(stream, "START_PX", 64)
    parts = [joint.picture(whole_start, scale).pixels for scale in (1, 2)]
    for each, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(each, other, atol=2e-6)
    # From within, and in uneven bands.
    lead = stream.Stream.lead(2)
    made, out = joint.stream(whole_start.rows, 64), np.full((256, 64, 3), np.nan, np.float32)
    for first, last in ((64, 137), (137, 138), (138, 320)):
        made.rows(first, last, 1, out[first - 64 : last - 64])
    np.testing.assert_allclose(out[lead:], whole[0][64 + lead :], atol=2e-6)


def test_frames_without_trust_change_nothing():
    rng = np.random.default_rng(6)
    light, other = Waves((0.1, 0.2)), Waves((0.3, 0.05))
    joint = burst(light, NOISY, 2, np.random.default_rng(6))
    doubted = Reconstruction(mosaic(light, (0, 0), NOISY, np.random.default_rng(6)), WHITE, 2, joint.params)
    doubted.add(
        mosaic(other, (0, 0), NOISY, rng), shifted((0, 0)), np.zeros((2, SHAPE[0] // 2, SHAPE[1] // 2), np.uint8), 1.0
    )
    begin = start(light(*places(1), 1.0), NOISY, 1.0)
    single = Reconstruction(mosaic(light, (0, 0), NOISY, np.random.default_rng(6)), WHITE, 1, joint.params)
    np.testing.assert_array_equal(doubted.picture(begin).pixels, single.picture(begin).pixels)


def test_what_cannot_be_is_refused():
    rng = np.random.default_rng(7)
    joint = burst(Waves((0.1, 0.1)), NOISY, 2, rng)
    with pytest.raises(LichtbildError, match="no room"):
        joint.add(
            mosaic(Waves(), (0, 0), NOISY, rng), shifted((0, 0)), np.zeros((2, *(s // 2 for s in SHAPE)), np.uint8), 1.0
        )
    with pytest.raises(LichtbildError, match="for a burst of"):
        joint.picture(start(np.zeros((96, 96)), NOISY, 1.0))
    with pytest.raises(LichtbildError, match="MOSAIC"):
        Reconstruction(start(np.zeros(SHAPE), NOISY, 1.0), WHITE, 2, ReconstructParams())
