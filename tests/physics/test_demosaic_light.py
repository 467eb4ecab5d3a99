"""What light demands of a demosaicer: grey stays grey, samples stay, noise is as declared, pictures come out."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, DomainError, Frame, FrameInfo, MetadataError, NoiseModel, ShapeError
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.demosaic import demosaic

WB = (2.0, 1.0, 1.6)
ALPHA, BETA = 8e-4, 3e-6


def frame_of(rgb, cfa="RGGB", rng=None, alpha=ALPHA, beta=BETA):
    """A mosaic of camera RGB light."""
    pattern = Cfa.from_name(cfa)
    index = cfa_plane_index(pattern, rgb.shape[:2])
    light = np.take_along_axis(rgb, index[..., None], 2)[..., 0]
    if rng is not None:
        light = light + rng.normal(size=light.shape) * np.sqrt(alpha * np.maximum(light, 0) + beta)
    info = FrameInfo("test", light.shape, "mosaic", cfa=pattern)
    return Frame(light.astype(np.float32), Domain.MOSAIC, info, NoiseModel((alpha,) * 3, (beta,) * 3, "simulated"))


def scene(height=96, width=120):
    """Grey waves up to 0.8 of the lattice's limit, on a slow colour."""
    y, x = np.mgrid[:height, :width]
    wave = 0.3 + 0.15 * np.sin(0.03 * x * x / width * 2) + 0.1 * np.cos(0.02 * y * y / height * 2)
    tint = np.stack([1 + 0.3 * np.sin(x / 40), np.ones_like(wave), 1 + 0.3 * np.cos(y / 40)], -1)
    return wave[..., None] * tint / np.array(WB)


@pytest.mark.parametrize("level", [1e-4, 0.02, 0.4, 1.3])
def test_one_colour_stays(level):
    rgb = np.broadcast_to(level * np.array([0.2, 0.5, 0.9]), (40, 50, 3))
    out = demosaic(frame_of(rgb), WB)
    np.testing.assert_allclose(out.pixels, rgb, rtol=2e-4, atol=1e-6)
    assert out.domain is Domain.CAMERA_RGB


def test_samples_stay_and_light_below_black_too():
    rng = np.random.default_rng(20261122)
    rgb = rng.random((50, 60, 3)) - 0.1
    frame = frame_of(rgb, "GBRG")
    index = cfa_plane_index(frame.info.cfa, frame.shape)
    kept = np.take_along_axis(demosaic(frame, WB).pixels, index[..., None], 2)[..., 0]
    np.testing.assert_allclose(kept, frame.pixels, atol=1e-5)


def test_grey_detail_has_no_colour():
    y, x = np.mgrid[:80, :90]
    for wave in (np.cos(1.2 * x), np.cos(1.2 * y), np.cos(0.8 * x + 0.5 * y)):
        rgb = (0.3 + 0.1 * wave)[..., None] / np.array(WB)
        error = demosaic(frame_of(rgb), WB).pixels * np.array(WB) - rgb * np.array(WB)
        # The wave's amplitude is 0.1: a hundredth of it may stay as colour.
        assert np.abs(error[8:-8, 8:-8]).max() < 2e-3


def test_exposure_commutes():
    """Twice the light under the noise model of twice the light is twice the picture."""
    frame = frame_of(scene(), rng=np.random.default_rng(20261122), alpha=1e-3, beta=4e-5)
    one = demosaic(frame, WB).pixels
    two = demosaic(frame.scaled(0.5), WB).pixels * 2
    # Only the weights' small floors know the scale.
    assert np.sqrt(np.mean((one - two) ** 2)) < 2e-3
    assert np.abs(one.mean() - two.mean()) < 1e-4


def test_noise_is_as_declared():
    rng = np.random.default_rng(20261122)
    rgb = np.broadcast_to(0.18 / np.array(WB), (300, 300, 3))
    out = demosaic(frame_of(rgb, rng=rng), WB)
    noise = out.pixels[10:-10, 10:-10] - rgb[10:-10, 10:-10]
    declared = np.array([out.noise.variance(rgb[:1, :1, c], c)[0, 0] for c in range(3)])
    np.testing.assert_allclose(noise.reshape(-1, 3).var(0), declared, rtol=0.12)
    np.testing.assert_allclose(out.pixels.mean((0, 1)), rgb[0, 0], rtol=2e-3)
    beside = np.mean([np.corrcoef(noise[:, :-1, c].ravel(), noise[:, 1:, c].ravel())[0, 1] for c in range(3)])
    assert beside == pytest.approx(np.exp(-1 / (4 * out.noise.correlation_px**2)), abs=0.06)


def test_pictures(shared_data):
    """Peak signal to noise in sRGB of real pictures under phone white balance: half a dB below what was measured."""
    from PIL import Image

    for name, floor_db in (("kodim19.png", 39.3), ("kodim05.png", 36.2)):
        with Image.open(shared_data("gt_kodak") / name) as picture:
            srgb = np.asarray(picture, np.float64)[:384, :384] / 255
        light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) / np.array(WB)
        out = np.clip(demosaic(frame_of(light), WB).pixels * np.array(WB), 0, 1)
        back = np.where(out <= 0.0031308, out * 12.92, 1.055 * out ** (1 / 2.4) - 0.055)
        error = (back - srgb)[10:-10, 10:-10]
        assert -10 * np.log10(np.mean(error**2)) > floor_db


def test_what_is_refused():
    frame = frame_of(scene(8, 8))
    with pytest.raises(DomainError, match="white balance"):
        demosaic(frame, (1.0, 0.0, 1.0))
    with pytest.raises(DomainError, match="monochrome"):
        demosaic(frame.with_info(cfa=None), WB)
    with pytest.raises(DomainError, match="MOSAIC"):
        demosaic(demosaic(frame, WB), WB)
    with pytest.raises(DomainError, match="linearise"):
        demosaic(frame.replaced(pixels=np.zeros((8, 8), np.uint16)), WB)
    with pytest.raises(ShapeError, match="2x2"):
        demosaic(frame.replaced(pixels=np.zeros((1, 8), np.float32)), WB)
    with pytest.raises(MetadataError):
        Cfa.from_name("RGBG")
