"""One small study through the command: simulate, merge, measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lichtbild.cli import main
from lichtbild.runners.study import Trial
from lichtbild.runners.trial import AIRY_SIGMA, WAVELENGTH_UM, blur_px, set_up

STUDY = """
name = "frames"
[camera]
body = "p9"
module = "colour"
[shot]
lux = 20.0
crop_px = 192
motion = "still"
[vary]
"shot.frames" = [1, 6]
[objectives]
"sharpness.mtf50" = "max"
"noise.visual" = "min"
"""


def test_more_frames_are_quieter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text(STUDY)
    words = ["study", str(tmp_path / "s.toml"), "-o", str(tmp_path / "out"), "--jobs", "1"]
    assert main(words) == 0
    trials = json.loads((tmp_path / "out" / "study.json").read_text())["trials"]
    one, six = ({f["name"]: f["value"] for f in t["figures"]} for t in trials)
    # A tripod: noise falls by about the root of the frames, sharpness stays.
    assert six["noise.snr"] / one["noise.snr"] == pytest.approx(6**0.5, rel=0.25)
    assert six["noise.visual"] < one["noise.visual"]
    assert six["sharpness.mtf50"] == pytest.approx(one["sharpness.mtf50"], rel=0.15)
    assert (tmp_path / "out" / "index.html").exists()
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    assert '"trials": 2' in capsys.readouterr().out


def test_studies_are_listed_and_names_are_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "--list"]) == 0
    assert "optical-zoom-against-frames" in capsys.readouterr().out
    assert main(["study", "optical-zoom", "-o", str(tmp_path)]) == 2
    assert main(["study"]) == 2


def test_a_camera_of_a_trial() -> None:
    base = set_up(Trial("", {"camera.body": "p9", "camera.aberration_um": 0.0}))
    assert base.camera.f_number == 2.2
    # Diffraction alone: the Gaussian that has the MTF50 of the Airy pattern.
    assert blur_px(base.module, Trial("", {"camera.aberration_um": 0.0})) == pytest.approx(
        AIRY_SIGMA * WAVELENGTH_UM * 2.2 / 1.25
    )
    fine = set_up(Trial("", {"camera.body": "p9", "camera.pixel_um": 0.625}))
    # Half the pitch: twice the rows, a quarter of the well, the same angle of view.
    assert fine.module.rows == 2 * base.module.rows
    assert fine.module.full_well_e == pytest.approx(base.module.full_well_e / 4)
    assert fine.module.equivalent_mm == pytest.approx(base.module.equivalent_mm)
    large = set_up(Trial("", {"camera.body": "p9", "camera.sensor_scale": 2.0}))
    assert large.module.equivalent_mm == pytest.approx(base.module.equivalent_mm)
    assert large.module.full_well_e == pytest.approx(4 * base.module.full_well_e)
    assert large.module.rows == base.module.rows
