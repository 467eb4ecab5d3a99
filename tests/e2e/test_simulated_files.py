"""The camera run forwards, written to files, and run backwards: light comes back flat, straight, and in its colour."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from lichtbild import capture
from lichtbild.core import Domain, Frame
from lichtbild.core.frame import cfa_plane_index
from lichtbild.simulate import Hand, Scene, Sensor, Simulation, virtual_phone, write_burst
from lichtbild.simulate.scene import samples_for
from lichtbild.stages.lens import correct
from lichtbild.stages.linearise import linearise


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_a_flat_field_comes_back_flat(tmp_path, cfa: str) -> None:
    """Corner against centre 1.000 +- 0.005 after the GainMaps of the file, in every colour."""
    shape = (300, 400)
    scene = Scene.flat(np.full((3, *samples_for(shape, 1.0, 8)), 0.6, np.float32), 1.0, 8)
    phone = virtual_phone(cfa)
    quiet = Sensor(phone.sensor.cfa, bits=14, black=1024)
    camera = dataclasses.replace(phone, sensor=quiet)
    simulation = Simulation(scene, camera, n_frames=6, iso=6, shape=shape, affines=np.tile(np.eye(2, 3), (6, 1, 1)))
    light = []
    for path in write_burst(tmp_path, simulation):
        source = capture.open_file(path)
        frame = linearise(Frame(source.read(), Domain.MOSAIC, source.info, source.info.noise))
        light.append(frame.pixels)
    mean = np.mean(light, 0)
    planes = cfa_plane_index(camera.sensor.cfa, shape)
    for colour in range(3):
        value = np.where(planes == colour, mean, np.nan)
        centre = np.nanmean(value[120:180, 160:240])
        assert centre == pytest.approx(0.6 * 0.8 * camera.neutral()[colour], rel=0.004)
        for rows in (slice(0, 50), slice(250, 300)):
            for columns in (slice(0, 60), slice(340, 400)):
                assert np.nanmean(value[rows, columns]) / centre == pytest.approx(1, abs=0.005)


def test_points_come_back_to_their_places_in_every_colour(tmp_path) -> None:
    """Distortion and lateral colour of the simulated lens against the warp of the file: 0.05 px."""
    shape, oversampling, margin = (480, 640), 2.0, 16
    n = samples_for(shape, oversampling, margin)
    y, x = np.mgrid[0 : n[0], 0 : n[1]].astype(np.float32)
    y, x = (y + 0.5) / oversampling - margin, (x + 0.5) / oversampling - margin
    step = 40
    blobs = np.exp(-((((y % step) - step / 2) ** 2 + ((x % step) - step / 2) ** 2) / (2 * 2.5**2)))
    scene = Scene.flat(np.repeat((0.1 + 0.7 * blobs)[None], 3, 0).astype(np.float32), oversampling, margin)
    phone = virtual_phone()
    # Ten times the lateral colour of the phone, so that a mistake cannot hide.
    radial = ((-0.040, 0.004, 0.0), (-0.030, 0.002, 0.0), (-0.022, 0.0, 0.001))
    camera = dataclasses.replace(phone, lens=dataclasses.replace(phone.lens, radial=radial))
    simulation = Simulation(scene, camera, n_frames=1, iso=50, shape=shape)
    (path,) = write_burst(tmp_path, simulation)
    info = capture.open_file(path).info
    lists = dataclasses.replace(info.opcodes, on_linear=())
    info = dataclasses.replace(info, levels=None, opcodes=lists)
    pixels = np.stack([simulation.light(0, c) for c in range(3)], 2)
    corrected = correct(Frame(pixels, Domain.CAMERA_RGB, info, info.noise)).pixels
    before, after = [], []
    for cy in range(step // 2, shape[0], step):
        for cx in range(step // 2, shape[1], step):
            for c in range(3):
                for picture, errors in ((pixels, before), (corrected, after)):
                    box = picture[cy - 14 : cy + 14, cx - 14 : cx + 14, c]
                    centre = scipy.ndimage.center_of_mass(np.maximum(box - box.min() - 0.05 * np.ptp(box), 0))
                    errors.append(np.hypot(centre[0] - 13.5, centre[1] - 13.5))
    assert max(before) > 4
    assert max(after) < 0.05


def test_all_that_is_known_of_a_burst_is_found_again(tmp_path) -> None:
    rng = np.random.default_rng(20261122)
    shape = (96, 128)
    texture = rng.random((3, *samples_for(shape, 1.0, 16)), np.float32)
    simulation = Simulation(
        Scene.flat(texture, 1.0, 16), hand=Hand(), n_frames=4, iso=800, shape=shape, exposure_ev=(0, 0, -2, 0)
    )
    write_burst(tmp_path / "all", simulation)
    sources = [capture.open_file(p) for p in sorted((tmp_path / "all").iterdir())]
    for k, source in enumerate(sources):
        wanted = simulation.info(k)
        np.testing.assert_array_equal(source.read(), simulation.stored(k))
        assert source.info.exposure.time_s == pytest.approx(wanted.exposure.time_s, rel=1e-4)
        assert source.info.exposure.captured_s == pytest.approx(wanted.exposure.captured_s, abs=2e-3)
        assert source.info.noise.alpha == pytest.approx(wanted.noise.alpha)
        assert source.info.camera.model == "lichtbild virtual phone"
        for mine, theirs in zip(
            source.info.camera.colour.camera_to_pcs, wanted.camera.colour.camera_to_pcs, strict=True
        ):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_prescription_takes_pictures(tmp_path) -> None:
    """`simulate --lens`: the file tells the glass, and its opcodes make a flat field of what the glass shaded."""
    from PIL import Image

    from lichtbild.cli import main

    Image.fromarray(np.full((400, 560, 3), 150, np.uint8)).save(tmp_path / "grey.png")
    glass = Path(__file__).parent.parent / "golden" / "lenses" / "doublet.json"
    arguments = ["simulate", "-o", str(tmp_path / "shot"), "--lens", str(glass), "--scene", str(tmp_path / "grey.png")]
    assert main([*arguments, "--size", "96x64", "--frames", "2", "--iso", "100"]) == 0
    (path, _) = sorted((tmp_path / "shot").glob("*.dng"))
    source = capture.open_file(path)
    assert source.info.exposure.f_number == pytest.approx(91.4 / 16, rel=0.02)
    assert source.info.exposure.focal_length_mm == pytest.approx(91.4, rel=0.01)
    frame = linearise(Frame(source.read(), Domain.MOSAIC, source.info, source.info.noise))
    planes = cfa_plane_index(source.info.cfa, frame.pixels.shape)
    green = np.where(planes == 1, frame.pixels, np.nan)
    centre = np.nanmean(green[24:40, 36:60])
    corners = np.nanmean([np.nanmean(green[rows, columns]) for rows in (slice(0, 12), slice(52, 64))
                          for columns in (slice(0, 16), slice(80, 96))])  # fmt: skip
    assert corners / centre == pytest.approx(1, abs=0.02)
