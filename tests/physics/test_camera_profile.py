"""Profiles fitted to cameras whose answer is known, and their files by independent readers."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from lichtbild.core import UnreadableFile, UsageError
from lichtbild.core.colour_space import D50_XY, D65_XY, PCS_WHITE_XYZ, bradford, xy_to_xyz
from lichtbild.lab.camera_profile import CameraProfile, fit_profile, root_terms
from lichtbild.lab.charts import chart_reference
from lichtbild.lab.hue_saturation import PROPHOTO_TO_XYZ, HueSaturationMap, hsv_to_rgb, rgb_to_hsv
from lichtbild.lab.profile_file import profile_from_toml, profile_to_dcp, profile_to_toml
from lichtbild.simulate.phone import COLOUR_MATRIX_D65

REFERENCE = chart_reference("classic")


def camera_rgb(matrix: np.ndarray = COLOUR_MATRIX_D65, noise: float = 0.0) -> np.ndarray:
    """What a camera with that XYZ-to-camera matrix sees of the chart under D65, at two thirds of saturation."""
    xyz = REFERENCE.xyz_d50 @ bradford(xy_to_xyz(D50_XY), xy_to_xyz(D65_XY)).T
    return 0.66 * xyz @ matrix.T + np.random.default_rng(1).normal(0, noise, (24, 3))


def test_a_matrix_camera_is_found() -> None:
    fitted = fit_profile(camera_rgb(), REFERENCE, D65_XY)
    assert fitted.errors["matrix"]["fit"].max() < 0.05
    # ColorMatrix up to its scale, which no chart tells.
    ratio = fitted.colour_matrix / COLOUR_MATRIX_D65
    assert ratio == pytest.approx(ratio[0, 0], rel=0.02, abs=0.02)
    assert fitted.forward_matrix.sum(1) == pytest.approx(PCS_WHITE_XYZ, rel=1e-9)
    assert fitted.root_polynomial.sum(1) == pytest.approx(PCS_WHITE_XYZ, rel=1e-9)


def test_left_out_tells_fitting_noise() -> None:
    fitted = fit_profile(camera_rgb(noise=0.004), REFERENCE, D65_XY)
    for columns in fitted.errors.values():
        assert columns["left_out"].mean() > columns["fit"].mean()
    gap = {k: c["left_out"].mean() - c["fit"].mean() for k, c in fitted.errors.items()}
    assert gap["root_polynomial"] > gap["matrix"]


def test_the_map_helps_a_camera_no_matrix_describes() -> None:
    rgb = camera_rgb()
    # Reds that leak into green with their saturation: a turn of hue no matrix can undo.
    rgb[:, 1] += 0.15 * np.maximum(rgb[:, 0] - rgb[:, 1], 0)
    fitted = fit_profile(rgb, REFERENCE, D65_XY)
    assert fitted.errors["matrix_and_map"]["fit"].mean() < 0.8 * fitted.errors["matrix"]["fit"].mean()


def test_exposure_does_not_matter() -> None:
    rgb = camera_rgb(noise=0.002)
    a, b = fit_profile(rgb, REFERENCE, D65_XY), fit_profile(rgb / 4, REFERENCE, D65_XY)
    assert a.forward_matrix == pytest.approx(b.forward_matrix, rel=1e-6)
    assert root_terms(2 * rgb) == pytest.approx(2 * root_terms(rgb))


def test_too_few_patches() -> None:
    good = np.zeros(24, bool)
    good[:12] = True
    with pytest.raises(UsageError, match="greys"):
        fit_profile(camera_rgb(), REFERENCE, D65_XY, good)


def test_hue_saturation_round_trip_and_neutral_map() -> None:
    rgb = np.random.default_rng(2).uniform(0, 1, (200, 3))
    assert hsv_to_rgb(rgb_to_hsv(rgb)) == pytest.approx(rgb, abs=1e-12)
    xyz = rgb @ PROPHOTO_TO_XYZ.T
    assert HueSaturationMap.neutral().apply(xyz) == pytest.approx(xyz, abs=1e-12)
    turned = HueSaturationMap.neutral()
    turned.nodes[..., 0] = 10
    hue = rgb_to_hsv(turned.apply(xyz) @ np.linalg.inv(PROPHOTO_TO_XYZ).T)[:, 0]
    assert (hue - rgb_to_hsv(rgb)[:, 0] + 0.5) % 1 - 0.5 == pytest.approx(10 / 360, abs=1e-9)


def test_toml_keeps_the_profile(tmp_path: Path) -> None:
    made = CameraProfile('a "phone"', (fit_profile(camera_rgb(noise=0.002), REFERENCE, D65_XY),))
    path = tmp_path / "camera.toml"
    path.write_text(profile_to_toml(made), encoding="utf-8")
    back = profile_from_toml(path)
    assert back.camera == 'a "phone"'
    for name in ("colour_matrix", "forward_matrix", "root_polynomial"):
        assert getattr(back.calibrations[0], name) == pytest.approx(getattr(made.calibrations[0], name), abs=1e-6)
    assert back.calibrations[0].map.nodes == pytest.approx(made.calibrations[0].map.nodes, abs=1e-5)
    path.write_text("camera = 1")
    with pytest.raises(UnreadableFile, match="no camera profile"):
        profile_from_toml(path)


@pytest.mark.skipif(which("exiftool") is None, reason="exiftool is the independent reader")
def test_dcp_by_an_independent_reader(tmp_path: Path) -> None:
    part = fit_profile(camera_rgb(), REFERENCE, D65_XY)
    path = tmp_path / "camera.dcp"
    path.write_bytes(profile_to_dcp(CameraProfile("phone", (part,))))
    assert struct.unpack("<2sHI", path.read_bytes()[:8]) == (b"II", 0x4352, 8)
    words = ["exiftool", "-s3", "-n", "-UniqueCameraModel", "-CalibrationIlluminant1", "-ForwardMatrix1", str(path)]
    model, light, matrix = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert (model, light) == ("phone", "21")
    assert np.array(matrix.split(), float) == pytest.approx(part.forward_matrix.ravel(), abs=1e-6)
