"""`lichtbild compare`: pipelines on one shot, with a chart and with the truth; what is not there is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lichtbild.cli import main
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab.charts import chart_reference
from lichtbild.output import write_dng
from lichtbild.runners.developers import developer, installed
from lichtbild.simulate.chart_view import draw_patches


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Two folders of developed pictures of one chart, one warm; the truth beside them."""
    reference = chart_reference("classic")
    homography = np.array([[50.3, 3.2, 60.0], [-2.1, 48.7, 70.0], [0, 0, 1.0]])
    light = draw_patches(np.full((300, 400, 3), 0.2, np.float32), homography, np.clip(reference.linear_srgb, 0, 1), 6,
                         reference.patch)  # fmt: skip
    np.save(tmp_path / "truth.npy", light)
    for name, gain in (("right", (0.5, 0.5, 0.5)), ("warm", (0.62, 0.5, 0.4))):
        (tmp_path / name).mkdir()
        moved = np.roll(light, (2, -3), (0, 1)) * gain
        encoded = np.round(255 * srgb_encode(np.clip(moved, 0, 1))).astype(np.uint8)
        Image.fromarray(encoded).save(tmp_path / name / "shot.png")
    Image.fromarray(encoded).save(tmp_path / "shot.png")
    return tmp_path


def test_figures_of_two_pipelines(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", f"right={shots / 'right'}", f"warm={shots / 'warm'}", "--shot", str(shots / "shot.png")]
    out = shots / "report"
    assert main([*words, "-o", str(out), "--chart", "colour", "--truth", str(shots / "truth.npy")]) == 0
    report = json.loads((out / "report.json").read_text())
    values = {f["name"]: f["value"] for f in report["measurements"][0]["figures"]}
    assert values["colour.white_balance_chroma@warm"] > 10 > values["colour.white_balance_chroma@right"] + 5
    # The truth is registered first: shift and exposure are told, and do not count.
    assert values["registration.shift@right"] == pytest.approx(np.hypot(2, 3), abs=0.1)
    assert values["registration.exposure@right"] == pytest.approx(-1, abs=0.02)
    assert values["truth.psnr@right"] > 38
    html = (out / "index.html").read_text()
    assert html.count("Score sheet: ") == 2
    assert "100 %: right, warm" in html
    capsys.readouterr()
    assert main(["compare", "--list"]) == 0
    assert "lichtbild" in capsys.readouterr().out


def test_what_is_not_there_is_said(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "librow", "--shot", str(shots / "shot.png"), "-o", str(shots / "r")]) == 2
    assert "libraw" in capsys.readouterr().err
    assert main(["compare", "x=/nowhere", "--shot", str(shots / "shot.png"), "-o", str(shots / "r")]) == 2
    assert main(["compare", "lichtbild", "-o", str(shots / "r")]) == 2
    assert main(["compare", "lichtbild", "--shot", str(shots / "none.dng"), "-o", str(shots / "r")]) == 3
    # A folder without the picture: the others are compared, the exit code says that something is missing.
    (shots / "empty").mkdir()
    words = ["compare", f"right={shots / 'right'}", f"lost={shots / 'empty'}", "--shot", str(shots / "shot.png")]
    assert main([*words, "-o", str(shots / "r")]) == 1
    assert "no picture named as shot" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["libraw", "rawtherapee", "darktable"])
def test_other_programs_develop_a_dng(name: str, tmp_path: Path) -> None:
    if name not in installed():
        pytest.skip(f"{name} is not installed")
    from lichtbild.core import Domain, Frame
    from lichtbild.simulate import Simulation, procedural_scene

    # RawTherapee takes nothing much smaller.
    simulation = Simulation(procedural_scene((480, 640)), n_frames=1, seed=1)
    info = simulation.info(0, "shot.dng")
    path = tmp_path / "shot.dng"
    write_dng(path, Frame(simulation.stored(0), Domain.MOSAIC, info, info.noise))
    picture = developer(name).develop([path])
    assert picture.dtype == np.uint16
    assert picture.shape[2] == 3
    assert abs(picture.shape[0] - 480) <= 40
    assert 2000 < picture.mean() < 63000
