"""What the DNG writer writes, the DNG reader reads: two rooms that know nothing of each other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.core import (
    Camera,
    Cfa,
    ColourCalibration,
    Domain,
    Exposure,
    Frame,
    FrameInfo,
    Levels,
    NoiseModel,
    Tags,
    corrections,
)
from lichtbild.output.dng import write_dng

MATRIX = np.array([[0.75, -0.14, -0.09], [-0.38, 1.15, 0.27], [-0.03, 0.12, 0.64]])
COLOUR = ColourCalibration(
    ((0.44758, 0.40745), (0.31272, 0.32903)), (MATRIX, MATRIX * 0.9), (MATRIX, MATRIX), analog_balance=(1.0, 1.0, 1.0)
)
AREA = corrections.Area(0, 0, 60, 84, row_pitch=2, column_pitch=2)
OPCODES = corrections.OpcodeLists(
    on_linear=(corrections.GainMap(AREA, 0.5, 0.5, 0.0, 0.0, np.linspace(1, 2, 9, dtype=np.float32).reshape(3, 3, 1)),),
    after_demosaic=(corrections.WarpRectilinear(((1.0, 0.01, 0.0, 0.0),), ((0.0, 0.0),), 0.5, 0.5),),
)


def phone_frame(**changes) -> Frame:
    info = FrameInfo(
        name="phone.dng", shape=(60, 84), kind="mosaic",
        camera=Camera("Maker", "Model", "Maker Model", "Main lens", COLOUR),
        exposure=Exposure(1 / 250, 640.0, 1.8, 4.38, 26.0), cfa=Cfa.from_name("GBRG"),
        levels=Levels(np.float32([[[64], [65]], [[66], [67]]]), (1023.0,)), opcodes=OPCODES,
        default_crop=(2, 4, 56, 76), orientation=8, as_shot_neutral=(0.5, 1.0, 0.625), baseline_exposure_ev=0.5,
        tags=Tags({"ifd0": {271: "Maker", 272: "Model"}, "exif": {33434: (1, 250)}, "gps": {1: "N"}}, b"<x/>"),
    )  # fmt: skip
    info = dataclasses.replace(info, **changes)
    pixels = np.random.default_rng(4).integers(0, 1024, (60, 84)).astype(np.uint16)
    return Frame(pixels, Domain.MOSAIC, info, NoiseModel((1e-4, 2e-4, 3e-4), (1e-7, 2e-7, 3e-7), "simulated"))


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_a_stored_mosaic_comes_back_whole(tmp_path: Path, compress: bool, pattern: str):
    frame = phone_frame(cfa=Cfa.from_name(pattern))
    write_dng(tmp_path / "a.dng", frame, compress=compress)
    source = open_dng(tmp_path / "a.dng")
    info = source.info
    np.testing.assert_array_equal(source.read(), frame.pixels)
    assert (info.kind, info.cfa, info.orientation) == ("mosaic", frame.info.cfa, 8)
    np.testing.assert_array_equal(info.levels.black, frame.info.levels.black)
    assert info.levels.white == (1023.0,)
    np.testing.assert_allclose(info.noise.alpha, frame.noise.alpha, rtol=1e-12)
    np.testing.assert_allclose(info.noise.beta, frame.noise.beta, rtol=1e-12)
    np.testing.assert_array_equal(info.opcodes.on_linear[0].gain, OPCODES.on_linear[0].gain)
    assert info.opcodes.after_demosaic == OPCODES.after_demosaic
    assert info.default_crop == (2, 4, 56, 76)
    assert info.as_shot_neutral == pytest.approx((0.5, 1.0, 0.625), rel=1e-6)
    assert info.baseline_exposure_ev == 0.5
    np.testing.assert_allclose(np.array(info.camera.colour.xyz_to_camera), [MATRIX, MATRIX * 0.9], atol=1e-4)
    np.testing.assert_allclose(np.array(info.camera.colour.camera_to_pcs), [MATRIX, MATRIX], atol=1e-4)
    np.testing.assert_allclose(info.camera.colour.illuminants_xy, COLOUR.illuminants_xy, atol=1e-4)
    assert info.exposure.time_s == pytest.approx(1 / 250)
    assert info.tags.exif["gps"] == {1: "N"} or info.tags.exif["gps"][1] == "N"
    assert source.preview() is not None


def test_a_linear_negative_comes_back_in_its_units(tmp_path: Path):
    rng = np.random.default_rng(5)
    linear = (rng.random((60, 84, 3)) * 1.2).astype(np.float32)
    frame = dataclasses.replace(
        phone_frame(kind="linear", cfa=None, levels=None, opcodes=corrections.OpcodeLists()),
        pixels=linear, domain=Domain.CAMERA_RGB, n_effective=4.0,
    )  # fmt: skip
    write_dng(tmp_path / "n.dng", frame)
    source = open_dng(tmp_path / "n.dng")
    info = source.info
    assert info.kind == "linear"
    levels = info.levels
    stored = levels.table[source.read()]
    back = (stored - levels.black[0, 0]) / (np.array(levels.white) - levels.black[0, 0])
    # Rounded to the steps of the file, an eighth of the noise.
    noise = np.sqrt((min(frame.noise.alpha) * linear + min(frame.noise.beta)) / 4)
    assert np.all(np.abs(back - linear) < noise / 16 + 1 / (levels.white[0] - float(levels.black.min())))
    np.testing.assert_allclose(info.noise.alpha, np.array(frame.noise.alpha) / 4, rtol=1e-6)
    assert info.opcodes == corrections.OpcodeLists()
