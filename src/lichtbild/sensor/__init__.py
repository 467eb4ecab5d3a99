"""A sensor: how noisy its numbers are, told by its files, by a calibration, or by the pixels themselves."""

from __future__ import annotations

from lichtbild.sensor.calibration import Calibration, find_calibration, load_calibration
from lichtbild.sensor.choose_noise import ChosenNoise, assumed_noise, at_iso, choose_noise, noise_of_frames
from lichtbild.sensor.noise_fit import NoiseFit, fit_noise

__all__ = [
    "Calibration",
    "ChosenNoise",
    "NoiseFit",
    "assumed_noise",
    "at_iso",
    "choose_noise",
    "find_calibration",
    "fit_noise",
    "load_calibration",
    "noise_of_frames",
]
