"""Deconvolution: what a known blur took away comes back, flat areas and white stay what they were."""

import numpy as np
import pytest

from lichtbild.core import Domain, DomainError, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.core.errors import MetadataError
from lichtbild.core.transfer import TransferField
from lichtbild.optics.psf_field import PsfField, transfer_of
from lichtbild.stages.deconvolution import DeconvolutionParams, deconvolve, plan

SHAPE = (192, 256)
PITCH = 1 / 8
AT = (np.arange(129) - 64) * PITCH


def comet(sigma=0.9, tail=1.4):
    """Patterns float64 [2, 3, 129, 129] of a blur with a tail outwards, in px of the sensor; round in the middle."""
    y, x = AT[:, None], AT[None, :]
    out = []
    for s in (0.0, 1.0):
        pattern = np.exp(-0.5 * (y * y + x * x) / sigma**2)
        for k in range(1, 12):
            pattern = pattern + s * np.exp(-k / 4) * np.exp(-0.5 * ((y - k * tail / 4) ** 2 + x * x) / sigma**2)
        out.append(np.broadcast_to(pattern / pattern.sum(), (3, 129, 129)))
    patterns = np.array(out)
    # Where the light arrives in the mean lies in the middle.
    shift = round(float((patterns[1, 0].sum(1) * np.arange(129)).sum()) - 64)
    patterns[1] = np.roll(patterns[1], -shift, 1)
    return PsfField(np.array([0.0, 1.0]), patterns, PITCH)


class Everywhere:
    """A field that is the same all over the picture: that of one place straight below the middle."""

    def __init__(self, field, radius=1.0):
        self.field, self.radius, self.shape = field, radius, field.shape

    def at(self, y, x, fy, fx):
        return self.field.at(np.full(y.shape, self.radius), np.zeros(y.shape), fy, fx)


def seen(scene, transfer):
    """A periodic scene [H, W] through a transfer, exactly."""
    f = np.fft.fftfreq(scene.shape[0]), np.fft.rfftfreq(scene.shape[1])
    return np.fft.irfft2(np.fft.rfft2(scene) * transfer.at(np.ones(1), np.zeros(1), *f)[0, 1], scene.shape)


def frame_of(plane, alpha=1e-7, beta=1e-10, saturation=10.0):
    pixels = np.repeat(plane.astype(np.float32)[..., None], 3, 2)
    noise = NoiseModel((alpha,) * 3, (beta,) * 3, "simulated")
    return Frame(pixels, Domain.CAMERA_RGB, FrameInfo("light", plane.shape, "linear"), noise, saturation=saturation)


@pytest.fixture(scope="module")
def lens():
    return transfer_of(comet(), 1.0, SHAPE)


def bars():
    """Soft-edged bars both ways, periodic."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return 0.3 + 0.1 * np.tanh(2 * np.sin(2 * np.pi * x / 32)) + 0.1 * np.tanh(2 * np.sin(2 * np.pi * y / 24))


def test_transfer_of_a_gaussian_is_its_formula():
    sigma = 0.8
    y, x = AT[:, None], AT[None, :]
    pattern = np.exp(-0.5 * (y * y + x * x) / sigma**2)
    field = PsfField(np.array([0.0, 1.0]), np.tile(pattern / pattern.sum(), (2, 3, 1, 1)), PITCH)
    f = np.array([0.0, 0.1, 0.3, 0.5])
    found = transfer_of(field, 1.0, SHAPE).at(np.array([0.4]), np.array([0.3]), f, f)[0, 1]
    fy, fx = f[:, None], f[None, :]
    wanted = np.exp(-2 * (np.pi * sigma) ** 2 * (fy**2 + fx**2)) * np.sinc(fy) * np.sinc(fx)
    # The tables are read by straight lines.
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_place_s_transfer_is_its_pattern_s(lens):
    """Turned with the place: beside the middle the tail points sideways."""
    f = np.array([-0.2, 0.1]), np.array([0.05, 0.15])
    pattern = comet().patterns[1, 1]
    wave = [np.exp(-2j * np.pi * np.outer(g, AT)) for g in f]
    below = wave[0] @ pattern @ wave[1].T * np.sinc(f[0])[:, None] * np.sinc(f[1])[None, :]
    np.testing.assert_allclose(lens.at(np.ones(1), np.zeros(1), *f)[0, 1], below, atol=6e-3)
    beside = lens.at(np.zeros(1), -np.ones(1), *f)[0, 1]
    turned = pattern.T[:, ::-1]
    wanted = wave[0] @ turned @ wave[1].T * np.sinc(f[0])[:, None] * np.sinc(f[1])[None, :]
    np.testing.assert_allclose(beside, wanted, atol=6e-3)


def test_edges_measured_along_two_directions_tell_the_rest(lens):
    """Coma's own phase is put between the directions: nearer to the truth than none."""
    f = lens.frequencies_px
    guessed = TransferField.from_edges(lens.radii, f, lens.transfer[:, :, 0], lens.transfer[:, :, -1], SHAPE)
    np.testing.assert_allclose(guessed.transfer[:, :, 0], lens.transfer[:, :, 0], atol=2e-4)  # size is held above 1e-4
    low = f < 0.25
    wrong = np.abs(guessed.transfer - lens.transfer)[..., low].max()
    none = np.abs(np.abs(guessed.transfer) - lens.transfer)[..., low].max()
    assert wrong < 0.4 * none


def test_blur_is_undone(lens):
    scene = bars()
    blurred = seen(scene, lens)
    inverse = plan(Everywhere(lens), SHAPE, DeconvolutionParams(amount=1.0, most_gain=30.0, finest_px=0.3))
    out = deconvolve(frame_of(blurred), inverse, frame_of(blurred)).pixels[24:-24, 24:-24, 1]
    inside = np.s_[24:-24, 24:-24]
    before, after = (np.sqrt(np.mean((v - scene[inside]) ** 2)) for v in (blurred[inside], out))
    assert after < before / 6


def test_flat_noise_stays_what_it_was(lens):
    rng = np.random.default_rng(5)
    noise = 0.4 + rng.normal(0, 0.004, SHAPE)
    sampled = frame_of(noise, 0.0, 0.02**2)  # denoising took most of it: a fifth is left
    out = deconvolve(frame_of(noise), plan(Everywhere(lens), SHAPE), sampled).pixels
    assert out[..., 1].std() < 1.02 * noise.std()
    assert out.mean() == pytest.approx(noise.mean(), rel=1e-5)


def test_white_stays_white(lens):
    flat = frame_of(np.full(SHAPE, 0.7))
    np.testing.assert_allclose(deconvolve(flat, plan(lens, SHAPE), flat).pixels, 0.7, rtol=2e-6)


def test_what_the_sensor_clipped_is_left_alone(lens):
    scene = bars()
    scene[80:100, 120:140] = 5.0
    blurred = np.minimum(seen(scene, lens), 1.0)
    frame = frame_of(blurred, saturation=1.0)
    out = deconvolve(frame, plan(Everywhere(lens), SHAPE), frame).pixels
    clipped = blurred >= 0.97
    np.testing.assert_allclose(out[clipped], frame.pixels[clipped], atol=1e-6)
    # No dark ring about the light: nothing falls below what stood there.
    ring = np.s_[70:110, 110:150]
    assert (out[ring] - frame.pixels[ring]).min() > -0.06


def test_small_and_wrong_pictures(lens):
    assert plan(lens, (40, 400)) is None
    assert plan(lens, SHAPE, DeconvolutionParams(amount=0.0)) is None
    frame = frame_of(bars())
    with pytest.raises(ShapeError, match="no band"):
        deconvolve(frame, plan(lens, (192, 300)), frame)
    with pytest.raises(ShapeError, match="needed"):
        deconvolve(frame.rows(96, 192), plan(lens, SHAPE), frame.rows(96, 192), (0, 96), 96)
    with pytest.raises(DomainError):
        deconvolve(frame.replaced(pixels=frame.pixels.astype(np.float64)), plan(lens, SHAPE), frame)


def test_impossible_tables_are_refused():
    good = np.ones((2, 3, 2, 4), complex)
    axis, f = np.array([0.0, 1.0]), np.linspace(0, 0.5, 4)
    TransferField(axis, f, good, SHAPE)
    for radii, table in ((axis, good * np.nan), (axis, good * 2), (axis[::-1], good), (axis, good[:, :, :1])):
        with pytest.raises(MetadataError):
            TransferField(radii, f, table, SHAPE)
