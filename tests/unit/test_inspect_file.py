"""`inspect_file`: plain data, and doubts where the pixels say otherwise than the tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lichtbild.capture import inspect_file, open_mosaic_array
from lichtbild.capture.inspect import _opcode_line, linear_values, look_at_pixels
from lichtbild.core import Levels, NoiseModel
from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap, PerRowOrColumn


def _mosaic(black: float = 64, white: float = 1023, clip: float = 1023, top: float = 0.9) -> np.ndarray:
    """A green-dominated RGGB picture of 12 tones with noise, uint16."""
    rng = np.random.default_rng(1)
    light = np.kron(np.linspace(0.01, top, 12).reshape(3, 4), np.ones((128, 128)))
    light[0::2, 0::2] *= 0.5
    light[1::2, 1::2] *= 0.6
    signal = light + rng.normal(size=light.shape) * np.sqrt(1e-3 * light + 1e-5)
    return np.clip(np.round(signal * (white - black) + black), 0, clip).astype(np.uint16)


def test_true_tags_raise_no_doubt() -> None:
    found = look_at_pixels(open_mosaic_array(_mosaic(), "RGGB", 64, 1023))
    assert found["doubts"] == []
    alpha, beta = (np.mean(found["pixels"]["noise_fitted"][name]) for name in ("alpha", "beta"))
    assert alpha * 0.2 + beta == pytest.approx(1e-3 * 0.2 + 1e-5, rel=0.15)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("pattern", "black", "white", "pixels", "doubt"),
    [
        ("GRBG", 64, 1023, _mosaic(), "shifted by one pixel"),
        ("RGGB", 64, 1023, _mosaic(clip=800), "pile up at 800"),
        ("RGGB", 64, 700, _mosaic(), "above the white level 700"),
        ("RGGB", 0, 1023, np.maximum(_mosaic(), 64), "no pixel is near the black level"),
        ("RGGB", 600, 1023, _mosaic(), "below the black level"),
    ],
)
def test_wrong_tags_are_doubted(pattern: str, black: float, white: float, pixels: np.ndarray, doubt: str) -> None:
    found = look_at_pixels(open_mosaic_array(pixels, pattern, black, white))
    assert any(doubt in d for d in found["doubts"]), found["doubts"]


def test_a_noise_profile_of_another_scale_is_doubted() -> None:
    told = NoiseModel((0.02,) * 3, (2e-4,) * 3, "NoiseProfile")
    found = look_at_pixels(open_mosaic_array(_mosaic(), "RGGB", 64, 1023, noise=told))
    assert any("times the noise" in d for d in found["doubts"])


def test_black_by_position_is_taken_off() -> None:
    stored = np.tile(np.array([[10, 20], [30, 40]], np.uint16), (3, 3))
    source = open_mosaic_array(stored, "RGGB", np.array([[10, 20], [30, 40]]), 140)
    assert linear_values(source.info, stored) == pytest.approx(0)
    table = Levels(np.zeros((1, 1, 3), np.float32), (2.0,) * 3, table=np.array([0, 1, 2], np.uint16))
    import dataclasses

    info = dataclasses.replace(source.info, levels=table)
    linear = linear_values(info, np.full((2, 2, 3), 9, np.uint16))
    assert linear == pytest.approx(1.0)


def test_opcodes_are_told_in_a_line() -> None:
    area = Area(0, 1, 100, 200, row_pitch=2, column_pitch=2)
    gain = np.full((13, 17, 1), 1.5, np.float32)
    line = _opcode_line(GainMap(area, 1 / 12, 1 / 16, 0, 0, gain, optional=True))
    assert line == "GainMap 17 x 13 nodes, gains 1.50 to 1.50 on rows 0-100, columns 1-200, every 2 x 2 (optional)"
    assert _opcode_line(PerRowOrColumn(area, True, False, np.ones(50, np.float32))).startswith("ScalePerRow 50 values")
    assert _opcode_line(FixVignetteRadial((0.1,) * 5, 0.5, 0.5)) == "FixVignetteRadial"


def test_a_picture_is_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.full((64, 80, 3), 120, np.uint8)).save(path)
    facts = inspect_file(path, deep=True)
    text = json.dumps(facts, allow_nan=False)
    assert facts["is"] == "a JPEG picture"
    assert facts["size_px"] == [80, 64]
    assert "taken as sRGB" in text


def test_every_shared_dng_is_told(shared_data: Any) -> None:
    names = (
        "dng_lossy_linear_canon6d/canon_eos_6d.dng", "raw_colorchecker_canon550d/colorchart.dng",
        "raw_pi_dng_minimal/pi_640x480_10bit_pidng.dng",
    )  # fmt: skip
    facts = {}
    for name in names:
        folder, file = name.split("/")
        facts[folder] = inspect_file(shared_data(folder) / file, deep=True)
        json.dumps(facts[folder], allow_nan=False)
    assert facts["dng_lossy_linear_canon6d"]["noise"]["source"] == "NoiseProfile"
    assert len(facts["dng_lossy_linear_canon6d"]["corrections"]["on_linear"]) == 3
    assert facts["raw_colorchecker_canon550d"]["colour_filter"] == "RGGB"
    # No black level is written; the darkest pixel of the picture is 70 of 1023.
    assert any("no pixel is near the black level" in d for d in facts["raw_pi_dng_minimal"]["doubts"])
