"""White found from the picture: measured lights of a phone sensor, scenes of known light, and what cannot be found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, MetadataError, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.stages import colour, white_balance
from lichtbild.stages.white_balance import WhiteBalanceParams, estimate, find

COLOUR_A = np.array([[104, -29, -16], [-41, 162, 5], [-5, 29, 57]]) / 128
COLOUR_D65 = np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128
PHONE = ColourCalibration((cs.A_XY, cs.D65_XY), (COLOUR_A, COLOUR_D65))


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other / np.linalg.norm(one) / np.linalg.norm(other), -1, 1))))


def frame_of(pixels: np.ndarray, calibration: ColourCalibration | None = PHONE) -> Frame:
    info = FrameInfo("scene", pixels.shape[:2], "linear", camera=Camera(colour=calibration))
    noise = NoiseModel((1e-5,) * 3, (1e-8,) * 3, "simulated")
    return Frame(np.asarray(pixels, np.float32), Domain.CAMERA_RGB, info, noise)


def scene(rng: np.random.Generator, neutral: tuple[float, ...]) -> np.ndarray:
    """Areas of many sizes, most of them of little colour, under one light."""
    light = np.zeros((96, 128, 3))
    for size in (32, 12, 4):
        tone = rng.normal(0, 0.7, (96 // size + 1, 128 // size + 1, 1))
        tint = rng.normal(0, 0.18, (*tone.shape[:2], 3))
        light += np.kron(tone + tint, np.ones((size, size, 1)))[:96, :128]
    return np.minimum(0.12 * np.exp(light) * neutral, 1.0)


def test_measured_lights_of_a_phone(shared_data: Callable[[str], Path]) -> None:
    """Fifteen scenes, no calibration: mean angular error at most 2.0 degrees, the worst quarter at most 4.5."""
    import imagecodecs

    errors = []
    for path in sorted(shared_data("awb_imx135_rawrgb").glob("*_metadata.json")):
        picture = path.with_name(path.name.replace("_metadata.json", ".png"))
        pixels = imagecodecs.png_decode(picture.read_bytes()).astype(np.float32) / 65535
        light = np.asarray(json.loads(path.read_text())["illuminant_color_raw"], np.float64).ravel()
        errors.append(angle_deg(np.asarray(estimate.estimate_neutral(frame_of(pixels, None), colour.FALLBACK)), light))
    assert np.mean(errors) < 2.0
    assert np.mean(np.sort(errors)[-4:]) < 4.5


@pytest.mark.parametrize("kelvin", [2700, 4000, 5500, 7500])
def test_lights_from_lamp_to_shade(kelvin: float) -> None:
    neutral = white_balance.neutral_of_xy(PHONE, cs.kelvin_tint_to_xy(kelvin, 5))
    rng = np.random.default_rng(kelvin)
    errors = [
        angle_deg(np.asarray(find(f.info, WhiteBalanceParams(mode="auto"), f).neutral), np.asarray(neutral))
        for f in (frame_of(scene(rng, neutral)) for _ in range(4))
    ]
    # A dozen large areas of random tint leave about 3 degrees that nobody could know of.
    assert np.mean(errors) < 3.5


def test_a_field_of_green_is_not_taken_for_a_green_light() -> None:
    """The calibration knows which lights there are."""
    daylight = white_balance.neutral_of_xy(PHONE, cs.D65_XY)
    grass = scene(np.random.default_rng(5), daylight) * [0.55, 1.0, 0.3]
    held = np.asarray(estimate.estimate_neutral(frame_of(grass), PHONE))
    free = np.array([0.55, 1.0, 0.3]) * daylight
    assert angle_deg(held, np.asarray(daylight)) < 0.7 * angle_deg(free, np.asarray(daylight))


def test_a_grey_point_is_neutral() -> None:
    pixels = np.full((60, 80, 3), (0.3, 0.2, 0.1))
    pixels[20:30, 50:60] = (0.21, 0.4, 0.18)
    chosen = WhiteBalanceParams(mode="grey_point", grey_x=55 / 80, grey_y=25 / 60)
    white = find(frame_of(pixels).info, chosen, frame_of(pixels))
    assert white.neutral == pytest.approx((0.525, 1.0, 0.45), rel=1e-5)
    assert white.source == "grey point"
    pixels[20:30, 50:60] = 1.0
    with pytest.raises(MetadataError, match="clipped or black"):
        find(frame_of(pixels).info, chosen, frame_of(pixels))


@pytest.mark.parametrize("name", list(white_balance.PRESETS))
def test_presets_are_their_lights(name: str) -> None:
    frame = frame_of(np.full((8, 8, 3), 0.3))
    white = find(frame.info, WhiteBalanceParams(mode=name))
    assert (white.kelvin, white.tint) == white_balance.PRESETS[name]
    assert white.neutral == pytest.approx(white_balance.neutral_of_xy(PHONE, white.xy))
