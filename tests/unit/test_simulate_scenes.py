"""Scenes: the made-up one at many sizes, pictures from files, and bursts written as DNG."""

import numpy as np
import pytest
from PIL import Image

from lichtbild.core import Cfa, ShapeError, UnreadableFile
from lichtbild.core.colour_space import srgb_decode
from lichtbild.simulate import (
    Lens,
    Scene,
    Sensor,
    Simulation,
    VirtualCamera,
    from_picture,
    procedural_scene,
    write_burst,
)
from lichtbild.simulate.burst import file_name

PLAIN = VirtualCamera(Sensor(), Lens())


@pytest.fixture(scope="module")
def small_scene() -> Scene:
    return procedural_scene((64, 96))


@pytest.mark.parametrize(("shape", "seed"), [((32, 48), 1), ((64, 64), 2), ((250, 90), 3), ((144, 192), 4)])
def test_the_made_up_scene_comes_in_any_size(shape: tuple[int, int], seed: int) -> None:
    scene = procedural_scene(shape, seed=seed)
    assert scene.frame_shape == shape
    assert np.isfinite(scene.ground).all()
    assert scene.ground.min() > 0
    light = Simulation(scene, n_frames=2, seed=seed).light(1)
    assert light.shape == shape
    assert np.isfinite(light).all()


def test_the_made_up_scene_has_the_range_of_a_photograph() -> None:
    scene = procedural_scene((288, 384), seed=0)
    luminance = scene.ground.mean(0)
    assert luminance.max() > 30  # the sun
    assert np.quantile(luminance, 0.01) < 0.02  # a wall in the shade
    assert 0.1 < np.median(luminance) < 0.6
    assert sum(layer.is_moving for layer in scene.layers) >= 4
    for mover in scene.layers[1:]:
        edge = np.concatenate([mover.light[:, :8].ravel(), mover.light[:, -8:].ravel(), mover.light[:, :, :8].ravel()])
        assert not edge.any()
        assert np.all(mover.light[3] <= 1 + 1e-5)


def test_the_same_seed_paints_the_same_scene() -> None:
    first, again, other = (procedural_scene((48, 64), seed=s).ground for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_picture_becomes_a_scene(tmp_path) -> None:
    rng = np.random.default_rng(20261122)
    pixels = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    scene = from_picture(tmp_path / "a.png", margin_px=8, oversampling=1.5)
    np.testing.assert_allclose(np.moveaxis(scene.ground, 0, 2), srgb_decode(pixels / np.float32(255)), atol=1e-6)
    assert scene.frame_shape == (116, 184)
    # Cut in the middle where it is too large, mirrored where it is too small.
    assert from_picture(tmp_path / "a.png", (60, 80), 1.0, 8).ground.shape == (3, 76, 96)
    wide = from_picture(tmp_path / "a.png", (400, 400), margin_px=8)
    assert wide.frame_shape == (400, 400)
    assert from_picture(tmp_path / "a.png", (80, 120), margin_px=8).oversampling == 2.0


def test_what_is_no_picture_is_refused(tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture at all")
    with pytest.raises(UnreadableFile, match=r"a\.png"):
        from_picture(tmp_path / "a.png")
    with pytest.raises(UnreadableFile):
        from_picture(tmp_path / "missing.jpg")
    with pytest.raises(ShapeError, match="float32"):
        Scene.flat(np.zeros((3, 40, 40)))
    with pytest.raises(ShapeError, match="1/4"):
        Scene.flat(np.zeros((3, 40, 40), np.float32), 1.3)


def test_an_exr_file_is_linear_and_may_be_above_white(tmp_path, shared_data) -> None:
    pytest.importorskip("OpenEXR", reason="the optional package for OpenEXR files")
    scene = from_picture(shared_data("gt_hdr_linear") / "StillLife.exr", margin_px=16)
    assert scene.ground.shape == (3, 846, 1240)
    assert scene.ground.max() > 50


@pytest.mark.parametrize(("cfa", "quad"), [("RGGB", 1), ("GBRG", 1), ("BGGR", 2)])
def test_a_burst_survives_the_way_through_files(tmp_path, small_scene: Scene, cfa: str, quad: int) -> None:
    rawpy = pytest.importorskip("rawpy", reason="LibRaw is the independent reader")
    camera = VirtualCamera(Sensor(Cfa.from_name(cfa, quad)), Lens(corner_gain=(1.5, 1.4, 1.3)))
    simulation = Simulation(small_scene, camera, n_frames=2, iso=400)
    paths = write_burst(tmp_path / "shot", simulation)
    assert [p.name for p in paths] == [file_name(0), file_name(1)]
    for k, path in enumerate(paths):
        with rawpy.imread(str(path)) as raw:
            np.testing.assert_array_equal(raw.raw_image, simulation.stored(k))
            assert raw.white_level == 1023


def test_our_own_reader_gets_all_that_was_said(tmp_path, small_scene: Scene) -> None:
    capture = pytest.importorskip("lichtbild.capture", reason="the readers")
    simulation = Simulation(small_scene, n_frames=1, iso=400)
    (path,) = write_burst(tmp_path, simulation)
    source = capture.open_file(path)
    info, wanted = source.info, simulation.info(0)
    np.testing.assert_array_equal(source.read(), simulation.stored(0))
    assert info.cfa == wanted.cfa
    assert info.exposure.iso == 400
    assert info.as_shot_neutral == pytest.approx(wanted.as_shot_neutral, rel=1e-5)
    assert info.noise.alpha == pytest.approx(wanted.noise.alpha)
    assert info.exposure.captured_s == pytest.approx(wanted.exposure.captured_s, abs=2e-3)
    assert len(info.opcodes.on_linear) == 4
    assert len(info.opcodes.after_demosaic) == 1
