"""A lens's profile on the command line: traced, listed, matched, and what the developed picture gains."""

import dataclasses
import json

import numpy as np
import pytest

import lichtbild as lb
from lichtbild import cli, simulate
from lichtbild.core.transfer import TransferField
from lichtbild.optics.profile import LensProfile
from lichtbild.optics.profile_file import profile_text
from lichtbild.simulate.scene import samples_for

SHAPE, SIGMA = (288, 384), 1.0
MARGIN = 16


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """Four frames of slanted bars through a soft lens."""
    n = samples_for(SHAPE, 2.0, MARGIN)
    y, x = np.mgrid[0 : n[0], 0 : n[1]]
    bars = np.where((x + 0.12 * y) // 64 % 2 == 0, 0.12, 0.48).astype(np.float32)
    bars[n[0] // 2 :] = 0.3
    scene = simulate.Scene.flat(np.ascontiguousarray(np.broadcast_to(bars, (3, *n))), 2.0, MARGIN)
    camera = dataclasses.replace(simulate.virtual_phone(), lens=simulate.Lens(psf_sigma_px=SIGMA))
    folder = tmp_path_factory.mktemp("soft") / "shot"
    simulate.write_burst(folder, simulate.Simulation(scene, camera, n_frames=4, iso=200, seed=1, shape=SHAPE))
    return folder


@pytest.fixture(scope="module")
def profile():
    f = np.linspace(0, 0.75, 49)
    blur = np.exp(-2 * (np.pi * SIGMA * f) ** 2) * np.sinc(f) + 0j
    table = np.tile(blur, (2, 3, 1))
    transfer = TransferField.from_edges(np.array([0.0, 1.0]), f, table, table, SHAPE)
    return LensProfile("soft", "by formula", SHAPE, ("lichtbild virtual phone",), transfer=transfer)


def steepness(photo):
    """Slope of the bars' edges over their height, 1/px: the sharper the greater; and noise of the flat half."""
    v = photo.pixels.astype(np.float64).mean(2) / 255
    upper = v[20:120, 20:-20]
    return np.abs(np.diff(upper, axis=1)).max(1).mean() / np.ptp(upper), v[-100:-20, 20:-20].std()


@pytest.mark.parametrize("extra", [{}, {"reconstruct": {"joint": True}}])
def test_a_known_lens_is_undone(shot, profile, extra, tmp_path):
    path = tmp_path / "soft.toml"
    path.write_text(profile_text(profile), "utf-8")
    off = {"sharpen": {"amount": 0.0}, **extra}
    plain, noise = steepness(lb.develop(lb.read(shot, lens="none"), off))
    burst = lb.read(shot, lens=path)
    assert any("sharpness from profile soft" in line for line in burst.sources[0].info.reasons)
    sharp, same = steepness(lb.develop(burst, off))
    assert sharp > 1.2 * plain
    assert same < 1.1 * noise
    none, _ = steepness(lb.develop(burst, off | {"deconvolution": {"amount": 0.0}}))
    assert none == pytest.approx(plain, rel=1e-3)


def test_twice_the_pixels_and_a_preview(shot, profile, tmp_path):
    path = tmp_path / "soft.toml"
    path.write_text(profile_text(profile), "utf-8")
    for render in (
        lambda b: lb.develop(b, {"sharpen": {"amount": 0.0}, "reconstruct": {"joint": True, "scale": 2}}),
        lambda b: lb.preview(b, 0.05, {"sharpen": {"amount": 0.0}}),
    ):
        plain, sharp = (steepness(render(lb.read(shot, lens=lens)))[0] for lens in ("none", path))
        assert sharp > plain


def test_a_profile_is_found_by_its_names(shot, profile, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LICHTBILD_LENSES", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "soft.toml").write_text(profile_text(profile), "utf-8")
    other = dataclasses.replace(profile, name="other", camera_models=("PHONE 9",))
    (tmp_path / "other.toml").write_text(profile_text(other), "utf-8")
    (tmp_path / "broken.toml").write_text("format = 3", "utf-8")
    first = sorted(shot.glob("*.dng"))[0]
    assert "profile soft" in " ".join(lb.read(first).sources[0].info.reasons)
    assert cli.main(["lens", "match", str(first), "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["profile"] == str(tmp_path / "soft.toml")
    assert {entry["path"] for entry in report["others"]} == {str(tmp_path / n) for n in ("other.toml", "broken.toml")}
    assert cli.main(["lens", "list"]) == 0
    assert "2 profiles" in capsys.readouterr().out


def test_a_profile_of_another_sensor_is_left_out(shot, profile, tmp_path, capsys):
    path = tmp_path / "wrong.toml"
    square = (SHAPE[0], SHAPE[0])
    wrong = dataclasses.replace(profile, shape=square, transfer=dataclasses.replace(profile.transfer, shape=square))
    path.write_text(profile_text(wrong), "utf-8")
    out = tmp_path / "photo.jpg"
    assert cli.main(["develop", str(shot), "-o", str(out), "--lens-profile", str(path)]) == 0
    assert "without profile soft" in capsys.readouterr().err
    assert out.exists()


def test_tracing_a_prescription(tmp_path, capsys):
    from pathlib import Path

    lens = Path(__file__).parent.parent / "golden" / "lenses" / "triplet.json"
    out = tmp_path / "triplet.toml"
    command = ["lens", "trace", str(lens), "--size", "4000x3000", "-o", str(out), "--lens-model", "Triplet"]
    assert cli.main(command) == 0
    assert cli.main(["lens", "show", str(out)]) == 0
    told = capsys.readouterr().out
    assert "mtf50 corner radial" in told
    assert "Triplet" in told
    assert cli.main(command) == 3  # it is there already
    assert cli.main(["lens", "trace", str(lens)]) == 2
    assert cli.main(["lens", "show"]) == 2
    assert cli.main(["lens", "show", str(lens)]) == 3
