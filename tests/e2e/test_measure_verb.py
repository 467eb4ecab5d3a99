"""`lichtbild measure` on files: the report, its page, and what it says of files it cannot measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lichtbild.capture import open_mosaic_array
from lichtbild.cli import main
from lichtbild.core import Exposure
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab.charts import chart_reference
from lichtbild.lab.figure import Figure, figures_from_json, find
from lichtbild.lab.measure_even import measure_flat, measure_tones, measure_transfer
from lichtbild.lab.page import page
from lichtbild.lab.reading import LabPicture, from_source
from lichtbild.sensor.model import Sensor
from lichtbild.simulate.chart_view import draw_patches


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A ColorChecker with the colours it should have, a stop too dark."""
    reference = chart_reference("classic")
    homography = np.array([[60.3, 5.2, 90.0], [-4.1, 58.7, 100.0], [2e-5, 1e-5, 1.0]])
    ground = np.full((400, 520, 3), 0.2, np.float32)
    light = draw_patches(ground, homography, np.maximum(reference.linear_srgb, 0), 6, reference.patch)
    noise = np.random.default_rng(1).normal(0, 0.003, light.shape)
    path = tmp_path / "chart.png"
    Image.fromarray(np.round(255 * srgb_encode(np.clip(0.5 * light + noise, 0, 1))).astype(np.uint8)).save(path)
    return path


def figures_of(report: dict, index: int = 0) -> list[Figure]:
    return figures_from_json(json.dumps(report["measurements"][index]["figures"]))


def test_report_of_a_chart(photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "report"
    assert main(["measure", "--chart", "colour", str(photograph), "-o", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    figures = figures_of(report)
    # Cyan lies outside of sRGB and is cut off there: 24 patches, one of them wrong.
    assert find(figures, "colour.de2000_median").value < 0.5  # type: ignore[union-attr, operator]
    assert find(figures, "colour.de2000_as_rendered_mean").value > 5  # type: ignore[union-attr, operator]
    assert find(figures, "colour.saturation").value == pytest.approx(100, abs=1.5)  # type: ignore[union-attr]
    html = (folder / "index.html").read_text()
    assert html.count("<svg") == 4
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert (folder / "report.csv").read_text().splitlines()[0].startswith("measurement,name,value")
    assert "de2000_mean" in capsys.readouterr().out
    # A report is not written over.
    assert main(["measure", "--chart", "colour", str(photograph), "-o", str(folder)]) == 3
    assert main(["measure", "--chart", "colour", str(photograph), "-o", str(folder), "--force", "--json"]) == 0


def test_no_chart_is_a_finding_not_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wall.png"
    Image.fromarray(np.full((200, 300, 3), 120, np.uint8)).save(path)
    assert main(["measure", "--chart", "sg", str(path), "-o", str(tmp_path / "r")]) == 1
    assert "no colour chart is found" in capsys.readouterr().err
    assert figures_of(json.loads((tmp_path / "r" / "report.json").read_text()))[0].value is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--chart", "colr", "x.png", "-o", "r"], "colour"),
        (["x.png", "-o", "r"], "which chart"),
        (["--chart", "colour", "-o", "r"], "no files"),
        (["--chart", "colour", "missing.png"], "where does the report go"),
    ],
)
def test_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", *words]) == 2
    assert message in capsys.readouterr().err


def test_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--list"]) == 0
    assert "EMVA 1288" in capsys.readouterr().out


def test_a_chart_is_printed_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lichtbild.lab.sheet import sheet_light

    for suffix in (".pdf", ".svg"):
        assert main(["measure", "--print", str(tmp_path / f"chart{suffix}")]) == 0
    assert main(["measure", "--print", str(tmp_path / "chart.doc")]) == 2
    light = sheet_light(900)
    light = np.clip(0.8 * light + np.random.default_rng(1).normal(0, 0.004, light.shape), 0, 1)
    path = tmp_path / "photo.png"
    Image.fromarray(np.round(255 * srgb_encode(light)).astype(np.uint8)).save(path)
    assert main(["measure", "--chart", "sheet", str(path), "-o", str(tmp_path / "r")]) == 0
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    colour, tones, edges = (figures_of(report, k) for k in range(3))
    assert find(colour, "colour.de2000_median").value < 0.6  # type: ignore[union-attr, operator]
    assert find(tones, "oecf.green.gamma").value == pytest.approx(1, abs=0.02)  # type: ignore[union-attr]
    # Six squares, but for sides that run into the frame's neighbours.
    assert find(edges, "edges.measured").value >= 12  # type: ignore[union-attr, operator]
    capsys.readouterr()


def raw(sensor: Sensor, electrons: np.ndarray | float, rng: np.random.Generator) -> LabPicture:
    shape = (400, 480)
    drawn = rng.poisson(np.broadcast_to(electrons, shape)) + sensor.read_before_e * rng.standard_normal(shape)
    stored = np.clip(np.round(drawn * sensor.gain_dn_e(100) + sensor.black), 0, sensor.white).astype(np.uint16)
    source = open_mosaic_array(stored, "RGGB", sensor.black, sensor.white, exposure=Exposure(iso=100.0))
    return from_source(source, f"{np.mean(electrons):.0f} electrons")


def test_transfer_of_raws_finds_the_sensor() -> None:
    sensor = Sensor(bits=12, black=256, saturation_e=6000, read_before_e=4.0)
    rng = np.random.default_rng(3)
    levels = [0, 300, 900, 1800, 2700, 3600]
    pictures = [raw(sensor, e, rng) for e in levels for _ in range(2)]
    rng.shuffle(pictures)  # type: ignore[arg-type]
    figures = measure_transfer(pictures).figures
    for name in ("red", "green", "blue"):
        gain = find(figures, f"transfer.{name}.gain")
        assert gain is not None
        assert gain.low is not None
        assert gain.high is not None
        assert gain.low * 0.99 <= sensor.gain_dn_e(100) <= gain.high * 1.01
        assert gain.value == pytest.approx(sensor.gain_dn_e(100), rel=0.02)


def test_flat_frames_and_tonal_patches() -> None:
    sensor = Sensor(bits=12, black=256, saturation_e=6000, read_before_e=4.0)
    rng = np.random.default_rng(4)
    flat = measure_flat([raw(sensor, 2000.0, rng) for _ in range(3)])
    temporal = find(flat.figures, "noise.red_temporal")
    assert temporal is not None
    assert temporal.value == pytest.approx(100 * np.sqrt(2000 + 16) / 6000, rel=0.03)
    assert find(flat.figures, "noise.green_total").value == pytest.approx(temporal.value, rel=0.03)  # type: ignore[union-attr]
    # Steps of light, in a frame of their own: found, and the line through them gives the gain.
    light = np.full((400, 480), 5900.0)
    places = [(60 + 100 * (k // 4), 40 + 105 * (k % 4)) for k in range(12)]
    for k, (y, x) in enumerate(places):
        light[y : y + 80, x : x + 80] = 4200 * 0.72**k
    found = measure_tones([raw(sensor, light, rng)])
    gain = find(found.figures, "noise.red.gain")
    assert gain is not None
    assert gain.value == pytest.approx(sensor.gain_dn_e(100), rel=0.12)
    assert any("not known" in line for line in found.findings)
    boxes = np.array([[x, y, x + 80, y + 80] for y, x in places], float)
    known = measure_tones([raw(sensor, light, rng) for _ in range(4)], 0.7 * 0.72 ** np.arange(12), boxes)
    dynamic = find(known.figures, "noise.red.dynamic_range")
    assert dynamic is not None
    least = (1 + np.sqrt(1 + 4 * 16)) / 2
    assert dynamic.value == pytest.approx(np.log2(6000 / least), abs=0.25)
    assert "<svg" in page("t", "s", [known, flat])


def test_edges_of_a_picture_with_a_known_answer() -> None:
    # Squares turned by five degrees: blur is the pixel's own
    # and a Gaussian of 0.7 px.
    from scipy.special import erf

    from lichtbild.core import FrameInfo
    from lichtbild.lab.measure_sharpness import measure_dot_chart, measure_sharpness

    y, x = np.mgrid[0:420, 0:560] + 0.5
    c, s = np.cos(np.radians(5)), np.sin(np.radians(5))
    plane = np.full(y.shape, 0.7)
    for cx in (150, 410):
        u, v = (x - cx) * c + (y - 210) * s, (y - 210) * c - (x - cx) * s
        sides = [(erf((w + 90) / (0.7 * 2**0.5)) - erf((w - 90) / (0.7 * 2**0.5))) / 2 for w in (u, v)]
        plane -= 0.525 * sides[0] * sides[1]
    noise = np.random.default_rng(1).normal(0, 0.004, (*y.shape, 3))
    linear = (plane[..., None] + noise).astype(np.float32)
    picture = LabPicture("squares", linear, False, 1, 0.9985, FrameInfo("squares", (420, 560), "picture"))
    found = measure_sharpness(picture)
    assert find(found.figures, "edges.measured").value == 8  # type: ignore[union-attr]
    # Sampled, not integrated: the Gaussian alone, sqrt(ln 2 / 2) / (pi sigma).
    expected = np.sqrt(np.log(2) / 2) / (np.pi * 0.7)
    for name in ("sfr.mtf50", "sfr.red.mtf50", "sfr.blue.mtf50"):
        assert find(found.figures, name).value == pytest.approx(expected, rel=0.03)  # type: ignore[union-attr]
    assert "<svg" in page("t", "s", [found])
    flat = LabPicture("wall", np.full((300, 300, 3), 0.5, np.float32), False, 1, 0.9985, picture.info)
    nothing = measure_sharpness(flat)
    assert nothing.figures[0].value is None
    assert "no slanted edge" in nothing.findings[0]
    assert all(not f.is_measured for f in measure_dot_chart(flat).figures)


def test_real_passport(shared_data) -> None:  # type: ignore[no-untyped-def]
    from lichtbild.lab.measure_colour_chart import measure_colour_chart
    from lichtbild.lab.reading import open_for_lab

    found = measure_colour_chart(open_for_lab(shared_data("raw_colorchecker_canon550d") / "colorchart.dng"))
    assert found.chart == "passport"
    assert find(found.figures, "profile.matrix.fit_mean").value < 4  # type: ignore[union-attr, operator]
    assert set(found.attachments) == {"camera_profile.toml", "camera_profile.dcp"}
