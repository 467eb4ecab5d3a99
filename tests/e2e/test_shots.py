"""Shots as they are asked for: command, files, truth; the independent reader agrees with what was simulated."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import lichtbild as lb
from lichtbild import capture
from lichtbild.cli import main
from lichtbild.core import OutputError, UsageError
from lichtbild.core.spectra import illuminant, xyz_of
from lichtbild.simulate import Shot, shoot, shoot_pair, write_truth
from lichtbild.simulate.bodies import load_body
from lichtbild.simulate.shot import metered

# Told by figures, so that no glass is traced here.
CAMERA = "galaxy-camera"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shots") / "shot"
    words = ["--camera", CAMERA, "--scene", "backlit", "--frames", "3", "--iso", "800", "--motion", "hand"]
    assert main(["simulate", *words, "--size", "128x96", "-o", str(path), "--quiet"]) == 0
    return path


def simulated(**changes):
    return shoot("backlit", Shot(CAMERA, size=(96, 128), frames=3, iso=800.0, **changes))


def test_files_hold_the_simulation_and_its_truth(folder):
    simulation = simulated()
    frames = sorted(folder.glob("*.dng"))
    assert len(frames) == 3
    for k, path in enumerate(frames):
        source = capture.open_file(path)
        np.testing.assert_array_equal(source.read(), simulation.stored(k))
        assert source.info.exposure.iso == 800
    truth = folder / "truth"
    told = json.loads((truth / "truth.json").read_text())
    assert set(told["files"]) == {p.name for p in truth.iterdir()} - {"truth.json"}
    light = np.load(truth / "mosaic.npy")
    np.testing.assert_array_equal(light, simulation.light(0))
    rgb = np.load(truth / "rgb.npy")
    red, green = (simulation.camera.sensor.cfa.red_row, simulation.camera.sensor.cfa.red_column), 1
    np.testing.assert_allclose(light[red[0] :: 2, red[1] :: 2], rgb[red[0] :: 2, red[1] :: 2, 0], atol=1e-6)
    assert green == 1
    assert set(np.unique(np.load(truth / "depth_m.npy"))) <= {np.float32(v) for v in (1.6, 2.6, 3.0, 40.0)}
    with np.load(truth / "motion.npz") as motion:
        np.testing.assert_allclose(motion["affines"], simulation.affines)
        assert motion["rows"].shape[0] == 3
    with np.load(truth / "masks.npz") as masks:
        assert masks["objects"].any()
    assert told["frames"][0]["noise_alpha"][1] == pytest.approx(simulation.info(0).noise.alpha[1])


def test_the_finer_truth_lies_between_the_pixels(folder):
    coarse, fine = (np.load(folder / "truth" / f"{name}.npy").astype(float) for name in ("rgb", "rgb_2x"))
    assert fine.shape == (192, 256, 3)
    means = fine.reshape(96, 2, 128, 2, 3).mean((1, 3))
    # Four places around a middle: alike but for curvature.
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(means - coarse)[inner].mean() < 0.02 * coarse[inner].mean()
    step = np.abs(coarse[1:] - coarse[:-1])[inner].mean()
    assert np.abs(fine[1::2] - fine[::2])[inner].mean() == pytest.approx(step / 2, rel=0.25)


def test_equal_seeds_give_equal_files(folder, tmp_path):
    words = ["simulate", "--camera", CAMERA, "--scene", "backlit", "--frames", "1", "--iso", "800", "--size", "128x96"]
    for name in ("a", "b"):
        assert main([*words, "-o", str(tmp_path / name), "--quiet", "--no-truth"]) == 0
    files = [sorted((tmp_path / name).iterdir()) for name in ("a", "b")]
    assert [p.name for p in files[0]] == [p.name for p in files[1]]
    assert all(p.read_bytes() == q.read_bytes() for p, q in zip(*files, strict=True))


def test_exiftool_has_nothing_to_object(folder):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is the independent reader")
    first = min(folder.glob("*.dng"))
    said = subprocess.run(
        ["exiftool", "-validate", "-warning", "-error", "-a", str(first)], capture_output=True, text=True
    )
    assert said.stdout.strip().endswith(": OK")
    tags = json.loads(subprocess.run(["exiftool", "-json", "-n", str(first)], capture_output=True, text=True).stdout)[0]
    module = load_body(CAMERA).module()
    assert tags["Make"] == "SAMSUNG"
    assert tags["FNumber"] == module.f_number
    assert tags["FocalLength"] == pytest.approx(module.focal_mm, abs=0.01)
    assert tags["ISO"] == 800
    assert tags["Orientation"] == 1


def test_a_truth_is_whole_or_not_there(folder, tmp_path):
    simulation = simulated(programme="bracketed")
    with pytest.raises(OutputError, match="--force"):
        write_truth(folder, simulation)
    assert write_truth(folder, simulation, force=True).is_dir()
    told = json.loads((folder / "truth" / "truth.json").read_text())
    assert [frame["ev"] for frame in told["frames"]] == [0.0, -2.0, 2.0]
    (tmp_path / "truth").mkdir()
    with pytest.raises(OutputError, match="another folder"):
        write_truth(tmp_path, simulation, force=True)

    class Stopped(Exception):
        pass

    def stop(event):
        raise Stopped

    with pytest.raises(Stopped):
        write_truth(tmp_path / "new", simulation, progress=stop)
    assert list((tmp_path / "new").iterdir()) == []


def test_the_meter_gives_the_exposure_of_first_principles():
    module = load_body(CAMERA).module()
    iso, time_s, white_at = metered(module, 1000.0, 200.0, 1.0)
    assert (iso, white_at) == (200.0, pytest.approx(0.8))
    electrons = module.electrons(1000.0, time_s)
    assert electrons == pytest.approx(0.8 * module.full_well_e / 2)
    # Too dark: the longest exposure, and as many stops below.
    _, dark_s, dark_at = metered(module, 1.0, 200.0, 0.1)
    assert dark_s == 0.1
    assert dark_at == pytest.approx(0.8 * 0.1 / (time_s * 1000))
    auto, auto_s, auto_at = metered(module, 50.0, None, 1 / 30)
    assert auto > 100
    assert auto_s <= 1 / 30
    assert auto_at == pytest.approx(0.8)


def test_white_is_as_many_electrons_as_light_makes():
    """Photon transfer of the simulated frames: gain from the noise, then electrons, against lux."""
    shot = Shot(CAMERA, size=(96, 128), frames=2, iso=400.0, lux=300.0, motion="still")
    simulation = shoot("flat:level=0.5", shot)
    frames = [simulation.stored(k).astype(float) - simulation.camera.sensor.black for k in range(2)]
    green = simulation.light(0, 1)[40:56, 56:72].mean() / simulation.light(0, 1).max()
    assert green > 0.99
    middle = (slice(40, 56), slice(56, 72))
    cfa = simulation.camera.sensor.cfa
    is_green = np.add.outer(np.arange(16), np.arange(16)) % 2 == (0 if cfa.colours[0][0] == 1 else 1)
    signal = np.mean([f[middle][is_green].mean() for f in frames])
    gain = simulation.camera.sensor.gain_dn_e(400.0)
    module = load_body(CAMERA).module()
    wanted = module.electrons(300.0, simulation.camera.time_s, reflectance=0.5)
    # The camera's white is that of daylight of 5200 K, the table's of D65; shading takes 1 % there.
    assert signal / gain == pytest.approx(wanted, rel=0.03)


def test_colours_go_by_spectra_where_they_are_known():
    seen = {}
    for light in ("D65", "LED-B3"):
        simulation = shoot(f"colorchecker:light={light}", Shot(CAMERA, size=(96, 144), frames=1, motion="still"))
        assert simulation.colour_path == "spectral"
        response = simulation.camera.response
        patches = simulation.scene_truth["patches"]
        rgb = np.stack([simulation.light(0, c) for c in range(3)], 2)
        for patch in (patches[0], patches[14], patches[18]):
            left, top, right, bottom = patch["box_px"]
            box = rgb[int(top) + 4 : int(bottom) - 3, int(left) + 4 : int(right) - 3].mean((0, 1))
            wanted = response.camera_rgb(np.array(patch["reflectance"]) * illuminant(light))
            white = response.camera_rgb(illuminant(light))
            np.testing.assert_allclose(box / simulation.camera.white_at, wanted / white[1], rtol=0.01)
        seen[light] = simulation.camera.neutral()
        np.testing.assert_allclose(seen[light], white / white[1], rtol=1e-6)
    assert shoot("harbour", Shot(CAMERA, size=(96, 144), frames=1)).colour_path == "rgb"
    assert xyz_of(illuminant("A"))[1] == pytest.approx(1)


def test_programmes_expose_as_they_say():
    times = {}
    for name in ("constant", "underexposed", "bracketed", "night"):
        simulation = shoot("flat", Shot(CAMERA, size=(64, 64), programme=name, iso=400.0, lux=20.0))
        times[name] = [simulation.info(k).exposure.time_s for k in range(simulation.n_frames)]
    assert len(times["night"]) == 15
    assert times["night"][0] > times["constant"][0]
    assert times["underexposed"][0] == pytest.approx(times["constant"][0] * 2**-1.7)
    assert times["bracketed"][1] == pytest.approx(times["bracketed"][0] / 4)


def test_the_call_gives_burst_and_truth():
    made = lb.simulate("colorchecker", CAMERA, Shot(frames=2, size=(64, 96), iso=100.0))
    assert made.truth.facts["colour"] == "spectral"
    assert len(made.burst) == 2
    assert made.truth.rgb.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--camera", "p8"], "p9"),
        (["--camera", CAMERA, "--module", "23"], "23mm"),
        (["--scene", "habour"], "harbour"),
        (["--motion", "hnad"], "hand"),
        (["--programme", "nigth"], "night"),
        (["--camera", CAMERA, "--size", "9000x7000"], "4608 x 3456"),
        (["--lux", "0"], "full sun"),
        (["--pair", "mono"], "p9"),
        (["--scene", "flat:level=-1"], "reflectance"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path, capsys, words, said):
    code = main(["simulate", "--size", "64x64", *words, "-o", str(tmp_path / "x")])
    assert code in (2, 3)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_pair_sees_parallax(monkeypatch):
    """Two equal lenses 13.8 mm apart: the far stands still, the near moves by focal length times baseline over
    distance."""
    import dataclasses

    from lichtbild.simulate import bodies

    body = load_body("p9")
    plain = {"blur_px": 0.5, "radial": [[0.0] * 3] * 3, "corner_gain": [1.0] * 3}
    flat = dataclasses.replace(body, modules=tuple(dataclasses.replace(m, lens=plain) for m in body.modules))
    monkeypatch.setattr(bodies, "load_body", lambda name: flat)
    monkeypatch.setattr("lichtbild.simulate.shot.load_body", lambda name: flat)
    colour, mono = shoot_pair("backlit", Shot("p9", size=(192, 256), frames=1, motion="still"), "mono")
    assert mono.info(0).kind == "monochrome"
    depth = colour.depth_m(0), mono.depth_m(0)
    focal = body.module().focal_mm / body.module().pixel_um * 1e3
    for near, name in ((1.6, "lamp"), (2.6, "plant")):
        x = [np.nonzero(np.isclose(d, near))[1].mean() for d in depth]
        assert x[0] - x[1] == pytest.approx(focal * 0.0138 / near, abs=1.0), name
    with pytest.raises(UsageError, match="no module"):
        shoot_pair("backlit", Shot("p9", size=(64, 64)), "tele")
