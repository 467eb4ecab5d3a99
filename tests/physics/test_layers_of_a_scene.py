"""Layers at distances: parallax, turning, growing and hiding are those of geometry."""

import numpy as np
import pytest

from lichtbild.core import ShapeError, UsageError
from lichtbild.simulate import Layer, Lens, Scene, Sensor, Simulation, Travel, VirtualCamera
from lichtbild.simulate.scene import samples_for

SHAPE, MARGIN = (120, 160), 16
PLAIN = VirtualCamera(Sensor(), Lens())
STILL = np.tile(np.eye(2, 3), (3, 1, 1))


def square(side: int, value: float) -> np.ndarray:
    layer = np.zeros((4, side + 24, side + 24), np.float32)
    layer[:3, 12:-12, 12:-12] = value
    layer[3, 12:-12, 12:-12] = 1
    return layer


def seen(layers, **options) -> Simulation:
    ground = Layer(np.full((3, *samples_for(SHAPE, 1.5, MARGIN)), 0.1, np.float32))
    scene = Scene((ground, *layers), 1.5, MARGIN)
    return Simulation(scene, PLAIN, n_frames=3, affines=STILL, shape=SHAPE, **options)


def moments(light: np.ndarray) -> tuple[float, float, float]:
    """Centre x, y and area of what is brighter than the ground."""
    extra = light - light[2, 2]
    y, x = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    total = extra.sum()
    return float((x * extra).sum() / total), float((y * extra).sum() / total), float(total)


def test_parallax_is_focal_length_times_baseline_over_distance() -> None:
    depth, positions = 2.0, np.array([(0, 0, 0), (0.01, -0.004, 0), (0, 0, 0.1)])
    simulation = seen([Layer(square(36, 0.9), (90.0, 50.0), depth)], positions_m=positions)
    focal = PLAIN.focal_px(SHAPE)
    x, y, area = moments(simulation.light(0, 1))
    assert (x, y) == pytest.approx((90, 50), abs=0.01)
    x, y, _ = moments(simulation.light(1, 1))
    assert (x, y) == pytest.approx((90 - focal * 0.01 / depth, 50 + focal * 0.004 / depth), abs=0.01)
    # A step of 0.1 m towards it: everything about the middle is larger by 2 / 1.9.
    x, y, larger = moments(simulation.light(2, 1))
    assert (x - 80, y - 60) == pytest.approx((10 * 2 / 1.9, -10 * 2 / 1.9), abs=0.01)
    assert larger / area == pytest.approx((2 / 1.9) ** 2, rel=1e-3)


def test_what_is_infinitely_far_shows_no_parallax() -> None:
    simulation = seen([Layer(square(36, 0.9), (90.0, 50.0))], positions_m=np.arange(9).reshape(3, 3) * 1.0)
    np.testing.assert_allclose(simulation.light(2), simulation.light(0), atol=1e-6)


def test_a_layer_turns_and_grows_about_its_middle() -> None:
    travel = Travel((15.0, 0.0), turn_deg_s=45 * 15, growth_s=1.5)
    simulation = seen([Layer(square(36, 0.9), (80.0, 60.0), travel=travel)])
    x, y, area = moments(simulation.light(0, 1))
    for k in (1, 2):
        x, y, grown = moments(simulation.light(k, 1))
        assert (x, y) == pytest.approx((80 + k, 60), abs=0.01)
        assert grown / area == pytest.approx(np.exp(2 * 1.5 * k / 15), rel=2e-3)
    # An eighth of a turn puts a corner where the middle of an edge was.
    half = 12 * np.exp(0.1)
    at = simulation.light(1, 1)[60, 81 + int(half * 1.2)]
    assert at == pytest.approx(0.8 * 0.9, rel=0.02)


def test_the_last_layer_is_in_front() -> None:
    simulation = seen([Layer(square(60, 0.9), (80.0, 60.0), 3.0), Layer(square(30, 0.2), (80.0, 60.0), 1.0)])
    light = simulation.light(0, 1)
    assert light[60, 80] == pytest.approx(0.8 * 0.2, abs=2e-3)
    assert light[60, 95] == pytest.approx(0.8 * 0.9, abs=2e-3)


def test_layers_that_cannot_be_are_refused() -> None:
    ground = Layer(np.zeros((3, 40, 40), np.float32))
    with pytest.raises(ShapeError, match="ground"):
        Scene((Layer(square(8, 1.0), (3.0, 3.0)),))
    with pytest.raises(ShapeError, match="centre"):
        Scene((ground, ground))
    with pytest.raises(ShapeError, match="float32"):
        Layer(np.zeros((3, 40, 40), np.float32), (2.0, 2.0))
    with pytest.raises(UsageError, match="distance"):
        Layer(ground.light, depth_m=0)
    with pytest.raises(UsageError, match="runs into"):
        Layer(square(8, 1.0), (3.0, 3.0), 0.5).seen(0, (0, 0, 0.5), 100, (0, 0))
