"""Camera calibrations: data files found by camera and ISO."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichtbild.core import Camera, Exposure, FrameInfo, MetadataError
from lichtbild.sensor import at_iso, choose_noise, find_calibration, load_calibration
from lichtbild.sensor.calibration import FOLDER_VARIABLE

MEASURED = """
[camera]
make = "Acme"
models = ["Phone 1"]
source = "flats of 2024"
[[noise.measured]]
iso = 400
alpha = [4e-4, 4e-4, 4e-4]
beta = [1.6e-5, 1.6e-5, 1.6e-5]
[[noise.measured]]
iso = 100
alpha = [1e-4, 1e-4, 1e-4]
beta = [1e-6, 1e-6, 1e-6]
[[colour]]
illuminant_xy = [0.3127, 0.3290]
xyz_to_camera = [[1.2, -0.4, -0.1], [-0.4, 1.3, 0.1], [-0.1, 0.2, 0.6]]
"""


def test_the_virtual_phone_is_known() -> None:
    camera = Camera("lichtbild", "lichtbild virtual phone")
    model = find_calibration(camera, 800)
    assert model is not None
    assert model.source == "calibration"
    assert model.alpha == pytest.approx((1.4456e-3,) * 3)
    assert model.beta == pytest.approx((2.04416e-4,) * 3)
    info = FrameInfo("a.dng", (8, 8), "mosaic", camera, Exposure(iso=800))
    assert choose_noise(info).which == "calibration"


def test_another_iso_follows_the_gain() -> None:
    camera = Camera("lichtbild", "lichtbild virtual phone")
    low, high = find_calibration(camera, 100), find_calibration(camera, 1600)
    assert low is not None
    assert high is not None
    moved = at_iso(low, 16)
    assert moved.alpha == pytest.approx(high.alpha)
    assert moved.beta == pytest.approx(high.beta)


def test_measured_points_follow_the_power_law(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(MEASURED)
    found = load_calibration(tmp_path / "a.toml")
    assert found.colour is not None
    middle, beyond = found.noise(200), found.noise(800)
    assert middle is not None
    assert beyond is not None
    assert middle.alpha[0] == pytest.approx(2e-4)
    assert middle.beta[0] == pytest.approx(4e-6)
    assert beyond.alpha[0] == pytest.approx(8e-4)
    assert found.noise(3200) is None


def test_the_users_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = MEASURED.replace('"Acme"', '"lichtbild"').replace('"Phone 1"', '"lichtbild virtual phone"')
    (tmp_path / "own.toml").write_text(own)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    model = find_calibration(Camera("lichtbild", "lichtbild virtual phone"), 100)
    assert model is not None
    assert model.alpha[0] == pytest.approx(1e-4)
    assert find_calibration(Camera("Other", "Camera"), 100) is None
    assert find_calibration(Camera(), 100) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("models", "model", "model"),
        ("[camera]", "[camera", "no camera calibration"),
        ("4e-4, 4e-4, 4e-4", "4e-4, -4e-4, 4e-4", "numbers of 0 or more"),
        ("4e-4, 4e-4, 4e-4", "4e-4", "no camera calibration"),
        ("source", "sauce", "sauce"),
        ("[1.2, -0.4, -0.1], [-0.4, 1.3, 0.1]", "[0, 0, 0], [0, 0, 0]", "inverted"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(MEASURED.replace(old, new))
    with pytest.raises(MetadataError, match=message) as caught:
        load_calibration(path)
    assert "broken.toml" in str(caught.value)


def test_a_missing_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/nowhere")
    with pytest.raises(MetadataError, match="is not a folder"):
        find_calibration(Camera("Acme", "Phone 1"), 100)
