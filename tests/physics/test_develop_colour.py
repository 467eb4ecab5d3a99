"""Colour from a file's tags: the DNG method against its own definition, real cameras' tags, and a simulated chart."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, MetadataError, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.stages import colour, white_balance
from lichtbild.stages.white_balance import WhiteBalanceParams

# ColorMatrix1/2, ForwardMatrix1/2 and AsShotNeutral from the DNG tags of two phones (illuminants A and D65).
NEXUS = (
    np.array([[104, -29, -16], [-41, 162, 5], [-5, 29, 57]]) / 128,
    np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128,
    np.array([[74, 28, 21], [20, 108, 0], [-2, -37, 145]]) / 128,
    np.array([[88, 2, 34], [27, 87, 13], [0, -69, 175]]) / 128,
    (61 / 129, 1.0, 71 / 129),
)
CALIBRATION = ColourCalibration((cs.A_XY, cs.D65_XY), NEXUS[:2], NEXUS[2:4])


def random_calibration(rng: np.random.Generator) -> ColourCalibration:
    own = tuple(np.diag(rng.uniform(0.9, 1.1, 3)) for _ in range(2))
    return ColourCalibration((cs.A_XY, cs.D65_XY), NEXUS[:2], NEXUS[2:4], own, (1.1, 1.0, 0.95))


def info(**changes: object) -> FrameInfo:
    return FrameInfo("a.dng", (8, 8), "linear", camera=Camera(colour=CALIBRATION), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kelvin", [2500.0, 2856.0, 4000.0, 5200.0, 6504.0, 9000.0])
def test_neutral_and_xy_are_inverse(kelvin: float) -> None:
    calibration = random_calibration(np.random.default_rng(20261122))
    xy = cs.kelvin_tint_to_xy(kelvin, 6.0)
    back = white_balance.xy_of_neutral(calibration, white_balance.neutral_of_xy(calibration, xy))
    np.testing.assert_allclose(back, xy, atol=2e-6)


def test_both_forms_of_the_as_shot_white_agree() -> None:
    as_neutral = white_balance.find(info(as_shot_neutral=NEXUS[4]))
    as_xy = white_balance.find(info(as_shot_white_xy=as_neutral.xy))
    np.testing.assert_allclose(as_xy.neutral, as_neutral.neutral, atol=1e-5)
    as_kelvin = white_balance.find(info(), WhiteBalanceParams("kelvin", as_neutral.kelvin, as_neutral.tint))
    np.testing.assert_allclose(as_kelvin.neutral, as_neutral.neutral, atol=1e-4)
    assert 4000 < as_neutral.kelvin < 7500  # the Nexus file was taken in daylight
    assert abs(as_neutral.tint) < 40


def test_mired_interpolation_by_hand() -> None:
    calibration = ColourCalibration((cs.A_XY, cs.D65_XY), (np.eye(3), 3 * np.eye(3)))
    kelvin = [cs.xy_to_kelvin_tint(xy)[0] for xy in (cs.A_XY, cs.D65_XY)]
    middle = cs.kelvin_tint_to_xy(2 / (1 / kelvin[0] + 1 / kelvin[1]), 0)
    np.testing.assert_allclose(colour.at_white(calibration, middle).xyz_to_camera, 2 * np.eye(3), atol=2e-3)
    warm, cold = cs.kelvin_tint_to_xy(2000, 0), cs.kelvin_tint_to_xy(12000, 0)
    np.testing.assert_allclose(colour.at_white(calibration, warm).xyz_to_camera, np.eye(3))
    np.testing.assert_allclose(colour.at_white(calibration, cold).xyz_to_camera, 3 * np.eye(3))


def test_order_of_the_illuminants_does_not_matter() -> None:
    other = ColourCalibration((cs.D65_XY, cs.A_XY), NEXUS[1::-1], NEXUS[3:1:-1])
    for kelvin in (2300, 3500, 5000, 8000):
        xy = cs.kelvin_tint_to_xy(kelvin, 5)
        one, two = colour.at_white(CALIBRATION, xy), colour.at_white(other, xy)
        np.testing.assert_allclose(one.xyz_to_camera, two.xyz_to_camera, atol=1e-12)
        assert one.forward is not None
        assert two.forward is not None
        np.testing.assert_allclose(one.forward, two.forward, atol=1e-12)


def test_third_illuminant_rules_where_it_was_measured() -> None:
    fluorescent = (0.38, 0.39)
    illuminants = (cs.A_XY, cs.D65_XY, fluorescent)
    for k, xy in enumerate(illuminants):
        np.testing.assert_allclose(colour.illuminant_weights(illuminants, xy), np.eye(3)[k], atol=1e-3)
    between = colour.illuminant_weights(illuminants, cs.kelvin_tint_to_xy(5000, 10))
    assert between.sum() == pytest.approx(1)
    assert between[1] > between[0]


@pytest.mark.parametrize("has_forward", [True, False])
def test_white_is_exactly_white(has_forward: bool) -> None:
    calibration = random_calibration(np.random.default_rng(20261122))
    if not has_forward:
        calibration = ColourCalibration(calibration.illuminants_xy, calibration.xyz_to_camera)
    for kelvin in (2400, 5000, 9000):
        xy = cs.kelvin_tint_to_xy(kelvin, -10)
        neutral = white_balance.neutral_of_xy(calibration, xy)
        matrix = colour.camera_to_work(colour.at_white(calibration, xy), neutral, xy)
        np.testing.assert_allclose(matrix @ np.ones(3), np.ones(3), atol=1e-12)


def test_camera_calibration_cancels() -> None:
    """Two units of one model, whose channels differ by known factors, show a scene alike."""
    factor = np.array([1.13, 1.0, 0.9])
    unit = ColourCalibration(CALIBRATION.illuminants_xy, NEXUS[:2], NEXUS[2:4], (np.diag(factor),) * 2)
    xy = cs.kelvin_tint_to_xy(4500, 8)
    scene = np.random.default_rng(20261122).uniform(0.05, 1, (20, 3))
    seen = []
    for calibration, gain in ((CALIBRATION, np.ones(3)), (unit, factor)):
        neutral = white_balance.neutral_of_xy(calibration, xy)
        matrix = colour.camera_to_work(colour.at_white(calibration, xy), neutral, xy)
        seen.append((scene * gain / neutral) @ matrix.T)
    np.testing.assert_allclose(seen[0] / seen[0].max(), seen[1] / seen[1].max(), atol=1e-9)


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(MetadataError, match="AsShotNeutral"):
        white_balance.find(info(as_shot_neutral=(0.0, 1.0, 0.5)))
    with pytest.raises(MetadataError, match="AsShotWhiteXY"):
        white_balance.find(info(as_shot_white_xy=(0.9, 0.9)))
    with pytest.raises(MetadataError, match="white balance"):
        white_balance.find(info())
    with pytest.raises(MetadataError, match="ColorMatrix"):
        colour.at_white(ColourCalibration((cs.D65_XY,), (np.zeros((3, 3)),)), cs.D65_XY)
    with pytest.raises(MetadataError, match="ForwardMatrix"):
        colour.at_white(ColourCalibration((cs.D65_XY,), NEXUS[:1], (-np.eye(3),)), cs.D65_XY)


def test_estimate_finds_the_light_of_a_varied_scene() -> None:
    rng = np.random.default_rng(7)
    angles = []
    for kelvin in (2700, 4000, 5500, 7500):
        neutral = np.asarray(white_balance.neutral_of_xy(CALIBRATION, cs.kelvin_tint_to_xy(kelvin, 5)))
        base = rng.uniform(0.05, 0.7, (12, 16, 1))
        patches = base * rng.uniform(0.6, 1.4, (12, 16, 3)) ** rng.uniform(0, 1.5, (12, 16, 1))
        pixels = np.kron(np.clip(patches, 0, 1) * neutral, np.ones((8, 8, 1))).astype(np.float32)
        noise = NoiseModel((1e-5,) * 3, (1e-8,) * 3, "simulated")
        frame = Frame(pixels, Domain.CAMERA_RGB, info(), noise)
        found = np.asarray(white_balance.find(info(), WhiteBalanceParams("auto"), frame).neutral)
        angles.append(np.degrees(np.arccos(found @ neutral / np.linalg.norm(found) / np.linalg.norm(neutral))))
    assert np.mean(angles) < 3.0
    assert max(angles) < 6.0


def test_dark_frame_still_has_a_white() -> None:
    frame = Frame(np.zeros((8, 8, 3), np.float32), Domain.CAMERA_RGB, info(), NoiseModel((1e-5,) * 3, (1e-6,) * 3, "s"))
    white = white_balance.find(info(), None, frame)
    assert white.source == "estimated"
    assert 2500 < white.kelvin < 8000
    assert white.reasons


def benchmark() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "colour_accuracy.py"
    spec = importlib.util.spec_from_file_location("colour_accuracy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_chart_under_four_lights(shared_data: Callable[[str], Path]) -> None:
    """Mean CIEDE2000 <= 1.5 with a profile for A and D65, as measured on a real phone sensor's sensitivities."""
    folder = shared_data("sensor_spectral_n900")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("colour", reason="colour-science is not installed")
        result = benchmark().table(folder / "Nokia_N900.csv")
    for light in ("A", "D50", "D55", "D65"):
        assert result[light]["A + D65"].mean() <= 1.5, light
