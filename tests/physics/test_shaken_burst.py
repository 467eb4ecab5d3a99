"""Frames of a camera that moves while it looks: every row where its truth says, blur along the way, light kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.special import j1

from lichtbild.core import Cfa, UsageError
from lichtbild.simulate import (
    STEADY,
    WALKING,
    Layer,
    Lens,
    Scene,
    Sensor,
    Simulation,
    Stabiliser,
    VirtualCamera,
    shaken,
)  # fmt: skip
from lichtbild.simulate.scene import samples_for
from lichtbild.simulate.views import margin_px, moved, row_at, to_frame

SHAPE = (192, 256)
MARGIN = 40
# A hand so unsteady that a small picture shows all it does: 4 px of blur, 6 px of skew, half a degree of roll.
WILD = WALKING.scaled(4.0)
CAMERA = VirtualCamera(
    Sensor(read_before_e=2.0), Lens(0.5), time_s=0.02, readout_s=0.03, interval_s=0.04, focal_length_35mm=40.0
)


def smooth(seed: int = 3, cut: float = 0.12, margin: int = MARGIN, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Grey waves below `cut` cycles a px, 0.05 to 0.75."""
    rng = np.random.default_rng(seed)
    height, width = samples_for(shape, 1.0, margin)
    y, x = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for _ in range(40):
        f, turn, phase = rng.uniform(0.01, cut), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        total += np.sin(2 * np.pi * f * (np.cos(turn) * x + np.sin(turn) * y) + phase) / np.sqrt(20)
    return np.tile((0.4 + 0.12 * np.clip(total, -2.9, 2.9)).astype(np.float32), (3, 1, 1))


def scene_of(light: np.ndarray, margin: int = MARGIN, in_front: tuple[Layer, ...] = ()) -> Scene:
    return Scene((Layer(light), *in_front), 1.0, margin)


def test_a_frame_warped_by_its_truth_leaves_noise_only():
    """Chi-square of a pixel 1.00 +- 0.02: what the scene shows along the rows' own ways, against what was stored."""
    simulation = Simulation(scene_of(smooth()), CAMERA, n_frames=3, iso=400, seed=5, shape=SHAPE, shake=WILD)
    still = Simulation(scene_of(smooth()), CAMERA, n_frames=1, iso=400, seed=5, shape=SHAPE, affines=np.eye(2, 3)[None])
    noise, levels = simulation.info(2).noise, simulation.info(2).levels
    # The scene as the lens shows it, without motion, wide enough to look beyond the frame's edge.
    wide = Simulation(scene_of(smooth()), CAMERA, n_frames=1, shape=still.shape, affines=np.eye(2, 3)[None])
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    at, weights = np.polynomial.legendre.leggauss(8)
    for frame in (1, 2):
        expected = np.zeros(SHAPE)
        inside = np.ones(SHAPE, bool)
        planes = [wide.light(0, c).astype(float) for c in range(3)]
        colours = np.array(CAMERA.sensor.cfa.colours)[y.astype(int) % 2, x.astype(int) % 2]
        for part, weight in zip(0.5 + 0.5 * at, 0.5 * weights, strict=True):
            u, v = moved(row_at(simulation.rows(frame, float(part)), y), x, y)
            inside &= (u > 8) & (u < SHAPE[1] - 8) & (v > 8) & (v < SHAPE[0] - 8)
            seen = [map_coordinates(p, [v - 0.5, u - 0.5], order=5, mode="nearest") for p in planes]
            expected += weight * np.choose(colours, seen)
        stored = (simulation.stored(frame) - levels.black[0, 0, 0]) / (levels.white[0] - levels.black[0, 0, 0])
        variance = noise.alpha[0] * expected + noise.beta[0] + (1 / 959) ** 2 / 12
        chi = ((stored - expected) ** 2 / variance)[inside]
        assert inside.mean() > 0.3
        assert chi.mean() == pytest.approx(1.0, abs=0.02)


def test_blur_is_the_mean_of_what_each_moment_shows():
    """The few moments of the quadrature against many."""
    simulation = Simulation(scene_of(smooth(cut=0.4)), CAMERA, n_frames=2, seed=2, shape=SHAPE, shake=WILD)
    blurred, sharp = simulation.light(1, 1), simulation.light(1, 1, still=True)
    many = np.zeros(SHAPE)
    at, weights = np.polynomial.legendre.leggauss(60)
    for part, weight in zip(0.5 + 0.5 * at, 0.5 * weights, strict=True):
        frozen = dataclasses.replace(
            simulation.views, begin_s=simulation.views.begin_s + part * 0.02, exposure_s=np.zeros(2)
        )
        other = Simulation.__new__(Simulation)
        other.__dict__ |= simulation.__dict__ | {"views": frozen}
        many += weight * other.light(1, 1)
    assert np.abs(blurred - many).max() < 2e-4
    assert np.abs(sharp - many).max() > 0.015


def test_patterns_blur_like_moments():
    """A lens out of focus by a hair is drawn by patterns, moved along the way: the same picture within a thousandth."""
    scene = scene_of(smooth(cut=0.3))
    plain = Simulation(scene, CAMERA, n_frames=2, seed=2, shape=SHAPE, shake=WALKING.scaled(2.0))
    spot = 0.06 / (CAMERA.focal_length_mm / CAMERA.f_number * 1e-3 * CAMERA.focal_px(SHAPE))
    camera = dataclasses.replace(CAMERA, focus_m=1 / spot)
    drawn = Simulation(scene, camera, n_frames=2, seed=2, shape=SHAPE, shake=WALKING.scaled(2.0))
    assert not drawn._is_plain
    for frame in (0, 1):
        difference = drawn.light(frame, 1) - plain.light(frame, 1)
        assert np.sqrt(np.mean(difference**2)) < 1e-3 * 0.4


@pytest.mark.parametrize("is_plain", [True, False])
def test_light_is_kept_and_white_stays_white(is_plain):
    camera = CAMERA if is_plain else dataclasses.replace(CAMERA, focus_m=0.5)
    white = np.full((3, *samples_for(SHAPE, 1.0, MARGIN)), 0.5, np.float32)
    front = np.zeros((4, 80, 80), np.float32)
    front[:, 10:-10, 10:-10] = np.array([0.5, 0.5, 0.5, 1], np.float32)[:, None, None]
    near = Layer(front, (120.3, 90.8), 0.7)
    light = Simulation(scene_of(white, in_front=(near,)), camera, n_frames=2, seed=4, shape=SHAPE, shake=WALKING).light(
        1
    )
    wanted = 0.5 * camera.scene_to_camera() @ np.ones(3)
    for c in range(3):
        mine = light[np.array(Cfa.from_name("RGGB").colours)[np.arange(SHAPE[0]) % 2][:, np.arange(SHAPE[1]) % 2] == c]
        np.testing.assert_allclose(mine, wanted[c], rtol=1e-3)


def test_near_things_move_more():
    """Parallax of the hand's shift: focal length times shift over distance, at each row's own moment."""
    dark = np.full((3, *samples_for(SHAPE, 1.0, MARGIN)), 0.1, np.float32)
    dot = np.zeros((4, 41, 41), np.float32)
    y, x = np.mgrid[-20:21, -20:21]
    dot[:] = np.exp(-0.5 * (x**2 + y**2) / 2.5**2)
    shake = dataclasses.replace(WALKING.scaled(0.0), shift=WALKING.shift)
    camera = dataclasses.replace(CAMERA, time_s=1e-4)
    for depth in (0.3, 0.6):
        scene = scene_of(dark, in_front=(Layer(dot, (128.0, 96.0), depth),))
        simulation = Simulation(scene, camera, n_frames=4, seed=8, shape=SHAPE, shake=shake)
        light = simulation.light(3, 1) - 0.1 * (camera.scene_to_camera() @ np.ones(3))[1]
        found = np.array([(light * a).sum() / light.sum() for a in np.mgrid[: SHAPE[0], : SHAPE[1]][::-1] + 0.5])
        moment = simulation.views.begin_s[3] + found[1] / SHAPE[0] * camera.readout_s
        right, down, forward = simulation.views.path.at(np.array([moment]))[1][0]
        focal = camera.focal_px(SHAPE)
        np.testing.assert_allclose(found - (128, 96), -focal / (depth - forward) * np.array([right, down]), atol=0.05)
        assert np.hypot(right, down) * focal / depth > 1


def test_out_of_focus_a_point_is_a_disc():
    """Diameter aperture * focal length * |1/d - 1/s|, even, and edge-on nothing."""
    camera = dataclasses.replace(CAMERA, lens=Lens(0.3), focus_m=0.4, f_number=1.2)
    light = np.zeros((3, *samples_for(SHAPE, 1.0, MARGIN)), np.float32)
    y, x = (np.arange(n) - MARGIN - m for n, m in zip(light.shape[1:], (96, 128), strict=True))
    light[:] = 1000 * np.exp(-0.5 * (y[:, None] ** 2 + x**2) / 0.9**2)
    simulation = Simulation(scene_of(light), camera, n_frames=1, shape=SHAPE, affines=np.eye(2, 3)[None])
    seen = simulation.light(0, 1)
    diameter = 4.4 / 1.2 * 1e-3 * camera.focal_px(SHAPE) / 0.4
    assert diameter == pytest.approx(abs(camera.spot_px(SHAPE, np.inf)))
    assert seen.min() >= 0
    f = np.linspace(0.03, 0.4, 9)
    for axis in (0, 1):
        line = seen.sum(axis)
        mtf = np.abs(np.exp(-2j * np.pi * np.outer(f, np.arange(len(line)))) @ line) / line.sum()
        disc = 2 * j1(np.pi * diameter * f) / (np.pi * diameter * f)
        wanted = np.abs(disc) * np.exp(-2 * (np.pi * f) ** 2 * (0.3**2 + 0.9**2)) * np.sinc(f)
        np.testing.assert_allclose(mtf, wanted, atol=0.01)


def test_a_hand_that_leaves_the_scene_is_told():
    with pytest.raises(UsageError, match="margin_px"):
        Simulation(scene_of(smooth(margin=12), 12), CAMERA, n_frames=6, seed=1, shape=SHAPE, shake=WILD)
    with pytest.raises(UsageError, match="one of"):
        Simulation(scene_of(smooth()), CAMERA, n_frames=1, shape=SHAPE, affines=np.eye(2, 3)[None], shake=STEADY)
    views = shaken(WILD, CAMERA, SHAPE, (0.0,) * 3, 5)
    assert 10 < margin_px(views, SHAPE) <= MARGIN


def test_the_stabiliser_of_the_camera_works():
    """Rows of a stabilised burst are those of the body with the lens shifted, and the truth's affine comes near."""
    camera = dataclasses.replace(CAMERA, stabiliser=Stabiliser())
    scene = scene_of(smooth())
    plain = Simulation(scene, CAMERA, n_frames=3, seed=9, shape=SHAPE, shake=WALKING)
    served = Simulation(scene, camera, n_frames=3, seed=9, shape=SHAPE, shake=WALKING)
    shift = served.views.lens_shift_px(np.zeros(1))
    assert np.abs(served.affines - plain.affines).max() > 0.1
    assert np.isfinite(shift).all()
    truth = served.truth()
    assert truth.rows is not None
    x, y = np.array([100.0]), np.array([80.0])
    u, v = to_frame(truth.rows[2], *moved(row_at(truth.rows[0], y), x, y))
    near = truth.affines[2] @ np.array([100.0, 80, 1])
    assert np.hypot(u - near[0], v - near[1]) < 0.5
