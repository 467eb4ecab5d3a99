"""Exposure from the scene's key: twenty scenes as a camera's meter leaves them, each with the key it is to be shown at.

The target is declared beside the scene, in stops of the mean log luminance of the display from mid grey, by what a
person would want: everyday scenes near grey, snow and paper above it, night and stage below.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lichtbild.core import Camera, ColourCalibration, Domain, Exposure, Frame, FrameInfo, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.stages import develop_display

Floats = npt.NDArray[np.float64]
SHAPE = (120, 160)
TARGETS_EV = {
    "landscape": -0.1, "lit from the front": 0.0, "overcast": -0.2, "backlit": 0.2, "window": -0.9, "snow": 1.2,
    "beach": 0.5, "grey wall": 0.1, "night street": -2.2, "night sky": -2.0, "stage": -1.8, "candle": -2.3,
    "room": -0.4, "fog": 0.2, "forest": -0.5, "sunset": -0.7, "portrait": -0.1, "document": 0.9, "black cat": -0.4,
    "white dress": -0.1,
}  # fmt: skip


def blocks(rng: np.random.Generator, ev: float) -> Floats:
    """Areas of many sizes, stops."""
    total = np.zeros(SHAPE)
    for size in (40, 16, 6, 2):
        coarse = rng.normal(0, ev * (size / 40) ** 0.3, (SHAPE[0] // size + 2, SHAPE[1] // size + 2))
        total += np.kron(coarse, np.ones((size, size)))[: SHAPE[0], : SHAPE[1]]
    return total


def scene(name: str) -> tuple[Floats, float]:
    """Light of a scene in stops [H, W], and the exposure value at ISO 100 that a meter finds there."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    t = 0.5 * blocks(rng, 0.5)
    points = rng.random(SHAPE)
    around = np.square(x - 80) + np.square(y - 60)
    made: dict[str, tuple[Floats, float]] = {
        "landscape": (np.where(y < 45, 1.6, -0.6) + t, 14.5),
        "lit from the front": (1.5 * t, 14.0),
        "overcast": (np.where(y < 30, 1.8, 0) + 0.8 * t, 12.0),
        "backlit": (np.where((x > 50) & (x < 110) & (y > 30), -2.2, 2.2) + 0.6 * t, 13.0),
        "window": (np.where((x > 100) & (y < 70), 4.0, -0.5) + t, 9.0),
        "snow": (1.5 + 0.25 * t + np.where(np.square(x - 40) + np.square(y - 80) < 180, -3.5, 0), 15.5),
        "beach": (np.where(y < 50, 1.3, 1.0) + 0.4 * t, 15.5),
        "grey wall": (-1.8 + 0.3 * t + np.where((abs(x - 75) < 5) & (abs(y - 55) < 5), 2, 0), 12.0),
        "night street": (-3 + 1.3 * t + np.where(points < 0.004, 8, 0)
                         + 4 * np.exp(-(np.square(x - 120) + np.square(y - 40)) / 300), 3.0),
        "night sky": (-5 + 0.4 * t + np.where(points < 0.003, 6, 0), -3.0),
        "stage": (-5 + 0.5 * t + 6.5 * np.exp(-(np.square((x - 80) / 22) + np.square((y - 70) / 30))), 6.0),
        "candle": (-3 + 0.7 * t + 5 * np.exp(-around / 900) + np.where(around < 8, 5, 0), 2.0),
        "room": (1.6 * t - 0.3, 6.0),
        "fog": (0.8 + 0.12 * t, 13.0),
        "forest": (-1 + 1.8 * t + np.where(points < 0.03, 3, 0), 10.0),
        "sunset": (np.where(y < 60, 3.5 - y / 40, -1.8) + 0.6 * t
                   + np.where(np.square(x - 80) + np.square(y - 45) < 50, 5, 0), 12.0),
        "portrait": (-0.8 + 0.5 * t + np.where(np.square((x - 80) / 30) + np.square((y - 60) / 40) < 1, 1.3, 0), 11.0),
        "document": (1.6 + np.where((points < 0.12) & (abs(x - 80) < 60), -3.5, 0), 9.0),
        "black cat": (-3 + 0.4 * t + np.where(y < 40, 2.5, 0), 10.0),
        "white dress": (0.6 * t + np.where((x > 50) & (x < 110), 2, 0), 13.0),
    }  # fmt: skip
    return made[name]


def metered(stops: Floats, ev100: float) -> Frame:
    """As a camera leaves it whose meter puts the mean at 12.7 % of saturation."""
    light = (2.0**stops)[..., None] * np.ones(3)
    pixels = np.minimum(light * (0.127 / light.mean()), 1).astype(np.float32)
    colour = ColourCalibration((cs.DISPLAY_WHITE_XY,), (cs.XYZ_TO_REC2020,))
    info = FrameInfo(
        "scene", SHAPE, "linear", camera=Camera(colour=colour), as_shot_neutral=(1.0, 1.0, 1.0),
        exposure=Exposure(time_s=4 / 2.0**ev100, iso=100, f_number=2.0),
    )  # fmt: skip
    return Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((1e-5,) * 3, (1e-8,) * 3, "simulated"))


@pytest.mark.parametrize("name", list(TARGETS_EV))
def test_a_scene_is_shown_at_its_key(name: str) -> None:
    frame = metered(*scene(name))
    out = develop_display.render(frame, develop_display.analyse(frame), bits=32).pixels
    luminance = np.maximum(out @ cs.SRGB_TO_XYZ[1].astype(np.float32), 0.002)
    key_ev = float(np.log2(luminance).mean() - np.log2(0.18))
    assert key_ev == pytest.approx(TARGETS_EV[name], abs=0.3)
    assert (luminance > 0.985).mean() < 0.02
