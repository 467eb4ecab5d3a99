"""Noise figures against sensors and pictures whose answer is a formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lichtbild.core import ShapeError, UsageError
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab.figure import Figure, find
from lichtbild.lab.noise import NoiseCurve, noise_figures, oecf_figures, patch_noise
from lichtbild.lab.noise_spectrum import noise_spectrum
from lichtbild.lab.photon_transfer import photon_transfer, transfer_point
from lichtbild.lab.visual_noise import Viewing, colour_sensitivity, luminance_sensitivity, visual_noise
from lichtbild.sensor.model import Sensor


def measured(figures: list[Figure] | tuple[Figure, ...], name: str) -> Figure:
    figure = find(figures, name)
    assert figure is not None
    assert figure.value is not None, figure.note
    return figure


def raws(
    mean_e: float,
    n: int,
    rng: np.random.Generator,
    shape: tuple[int, int] = (160, 160),
    *,
    gain: float,
    read_e: float,
    fixed: np.ndarray | None = None,
    bits: int = 12,
    black: float = 64.0,
) -> list[np.ndarray]:
    """Frames of an EMVA 1288 camera: Poisson, response of each pixel, read noise, gain, black level, whole numbers."""
    response = 1.0 if fixed is None else 1.0 + fixed
    frames = []
    for _ in range(n):
        electrons = rng.poisson(mean_e * response * np.ones(shape)) + read_e * rng.standard_normal(shape)
        frames.append(np.clip(np.round(gain * electrons + black), 0, 2**bits - 1).astype(np.uint16))
    return frames


def test_parts_of_noise() -> None:
    rng = np.random.default_rng(1)
    fixed = rng.normal(0, 3.0, (120, 120))
    plane = np.linspace(0, 20, 120)
    frames = [100 + plane + fixed + rng.normal(0, 5.0, (120, 120)) for _ in range(8)]
    noise = patch_noise(frames, black=10)
    assert noise.mean == pytest.approx(100, abs=0.2)
    assert noise.temporal == pytest.approx(5.0, rel=0.01)
    assert noise.fixed == pytest.approx(3.0, rel=0.03)
    assert noise.total == pytest.approx(math.hypot(3, 5), rel=0.01)
    assert patch_noise(frames[:1]).temporal is None
    with pytest.raises(ShapeError, match="too small"):
        patch_noise([np.zeros((2, 2))])


@pytest.mark.parametrize(("gain", "read_e", "full_e"), [(0.16, 3.0, 6000), (1.0, 2.0, 3000), (4.0, 1.5, 900)])
def test_photon_transfer_of_a_known_sensor(gain: float, read_e: float, full_e: float) -> None:
    rng = np.random.default_rng(2)
    shape = (500, 500)
    fixed = rng.normal(0, 0.01, shape)
    white = gain * full_e + 64
    bits = math.ceil(math.log2(white)) + 1
    dark = transfer_point(*raws(0, 2, rng, shape, gain=gain, read_e=read_e, bits=bits))
    levels = np.linspace(0.05, 0.9, 8) * full_e
    points = [
        transfer_point(*raws(e, 2, rng, shape, gain=gain, read_e=read_e, fixed=fixed, bits=bits), ends=(0, white))
        for e in levels
    ]
    found = photon_transfer(dark, points, white)
    assert found.gain_dn_e == pytest.approx(gain, rel=0.01)
    assert abs(found.gain_dn_e - gain) < 4 * found.gain_deviation
    # Rounding is no white noise below a third of a DN.
    assert found.read_noise_e == pytest.approx(read_e, rel=0.02 if gain * read_e > 0.6 else 0.1)
    assert found.saturation_e == pytest.approx(full_e, rel=0.01)
    assert measured(found.figures, "transfer.prnu").value == pytest.approx(1.0, rel=0.06)
    assert measured(found.figures, "transfer.dynamic_range").value == pytest.approx(
        math.log2(full_e / (read_e + 0.5)), abs=0.15 if gain * read_e < 0.6 else 0.05
    )


def test_photon_transfer_needs_light_that_does_not_clip() -> None:
    rng = np.random.default_rng(3)
    dark = transfer_point(*raws(0, 2, rng, gain=1, read_e=2))
    bright = [transfer_point(*raws(6000, 2, rng, gain=1, read_e=2), ends=(0, 4095)) for _ in range(4)]
    with pytest.raises(UsageError, match="0 usable pairs of 4"):
        photon_transfer(dark, bright, 4095)
    with pytest.raises(ShapeError, match="pair"):
        transfer_point(np.zeros((10, 10)), np.zeros((10, 10)))


def wedge(sensor: Sensor, n_frames: int, n_steps: int = 22) -> NoiseCurve:
    rng = np.random.default_rng(5)
    gain, span = sensor.gain_dn_e(100), sensor.white - sensor.black
    light = 0.92 * 10 ** (-0.15 * np.arange(n_steps))
    read = math.sqrt(sensor.read_before_e**2 + (sensor.read_after_dn / gain) ** 2)
    patches = [
        patch_noise(raws(e, n_frames, rng, (100, 100), gain=gain, read_e=read, bits=sensor.bits, black=sensor.black),
                    sensor.black, (0, sensor.white))
        for e in light * sensor.saturation_e
    ]  # fmt: skip
    return NoiseCurve(light, tuple(patches), span)


def test_dynamic_range_snr_and_oecf_of_a_known_sensor() -> None:
    sensor = Sensor(bits=14, black=512, saturation_e=6000, read_before_e=3.0)
    figures = noise_figures(wedge(sensor, 4))
    read2 = 9.0 + 1 / 12 / sensor.gain_dn_e(100) ** 2
    # signal^2 = signal + read^2 in electrons.
    least = (1 + math.sqrt(1 + 4 * read2)) / 2
    dynamic = measured(figures, "noise.dynamic_range")
    assert dynamic.value == pytest.approx(math.log2(6000 / least), abs=0.05)
    assert dynamic.low is not None
    assert dynamic.high is not None
    assert dynamic.low <= math.log2(6000 / least) <= dynamic.high
    at = 0.13 * 6000
    assert measured(figures, "noise.snr_reference").value == pytest.approx(at / math.sqrt(at + read2), rel=0.01)
    ten = (100 + math.sqrt(100**2 + 4 * 100 * read2)) / 2
    assert measured(figures, "noise.snr10_light").value == pytest.approx(math.log2(ten / 6000), abs=0.03)
    assert measured(oecf_figures(wedge(sensor, 2)), "oecf.gamma").value == pytest.approx(1, abs=0.01)


def test_clipped_and_dark_patches_are_no_numbers() -> None:
    curve = wedge(Sensor(bits=10), 1, 3)
    figure = find(noise_figures(curve), "noise.dynamic_range")
    assert figure is not None
    assert figure.value is None
    assert "fewer than four" in figure.note
    assert find(oecf_figures(curve), "oecf.gamma").value is None  # type: ignore[union-attr]


def test_spectrum_tells_smoothing_from_low_noise() -> None:
    rng = np.random.default_rng(6)
    white = rng.normal(0.5, 0.02, (256, 256))
    spectrum = noise_spectrum(white)
    assert spectrum.power == pytest.approx(4e-4, rel=0.25)
    assert np.average(spectrum.power, weights=spectrum.frequency_cy_px) == pytest.approx(4e-4, rel=0.03)
    assert np.abs(spectrum.correlation).max() < 0.02
    # (1, 2, 1) / 4 along rows: neighbours correlate by 4/6, power is cos^4(pi f).
    smooth = (np.roll(white, 1, 1) + 2 * white + np.roll(white, -1, 1))[:, 1:-1] / 4
    spectrum = noise_spectrum(smooth)
    assert spectrum.correlation[0] == pytest.approx(4 / 6, abs=0.02)
    assert abs(spectrum.correlation[1]) < 0.02
    slope = find(spectrum.figures, "noise.spectrum_slope")
    assert slope is not None
    assert slope.value is not None
    assert slope.value < -3
    with pytest.raises(ShapeError, match="32"):
        noise_spectrum(white[:20])


def test_visual_noise_sees_as_the_eye() -> None:
    assert luminance_sensitivity(np.array([4.0, 0.0])) == pytest.approx([1, 1])
    assert colour_sensitivity(np.array([0.0]), 1) == pytest.approx(1)
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.02, (128, 128))
    flat = np.full((128, 128, 3), 0.5)
    near, far = Viewing("near", 20.0), Viewing("far", 120.0)
    grey = flat + noise[..., None]
    values = {name: measured(visual_noise(grey, v), "visual_noise.iso").value for name, v in
              (("near", near), ("far", far))}  # fmt: skip
    # Farther away it is smaller; chroma noise of the same height shows less than noise of lightness.
    assert values["far"] < 0.5 * values["near"]  # type: ignore[operator]
    assert measured(visual_noise(flat, near), "visual_noise.iso").value == pytest.approx(0, abs=1e-9)
    assert measured(visual_noise(grey, near), "visual_noise.u").value < 0.05 * values["near"]  # type: ignore[operator]
    twice = measured(visual_noise(flat + 2 * noise[..., None], near), "visual_noise.iso").value
    assert twice == pytest.approx(2 * values["near"], rel=0.02)  # type: ignore[operator]


def test_visual_noise_of_one_frequency_is_the_weight_there() -> None:
    n, cycles, px_per_degree = 128, 16, 32.0
    wave = 0.001 * np.cos(2 * np.pi * cycles * (np.arange(n) + 0.5) / n)
    xyz_y = 0.2 + np.tile(wave, (n, 1))
    picture = srgb_encode(np.repeat(xyz_y[..., None], 3, 2))
    sigma = measured(visual_noise(picture, Viewing("", px_per_degree)), "visual_noise.lightness").value
    slope = 116 / 3 * 0.2 ** (-2 / 3)
    weight = float(luminance_sensitivity(np.array([cycles / n * px_per_degree]))[0])
    assert sigma == pytest.approx(0.001 / math.sqrt(2) * slope * weight, rel=0.01)
