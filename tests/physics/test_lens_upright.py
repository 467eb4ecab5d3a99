"""A camera held askew: angles undone by hand and found by lines, against rotations of a known picture."""

import math

import numpy as np
import pytest

from lichtbild.core import Domain, Exposure, Frame, FrameInfo, NoiseModel
from lichtbild.core.corrections import OpcodeLists, WarpRectilinear
from lichtbild.stages.lens import LensParams, correct, plan, upright
from lichtbild.stages.lens.straighten import (
    attitude_from_lines,
    focal_px,
    largest_crop,
    turned_back,
)

SHAPE = (360, 480)
FOCAL = 27 / math.hypot(36, 24) * math.hypot(*SHAPE)


def facade(y, x):
    """Windows and floors, soft-edged, as a function of the level picture's px."""
    across = np.tanh(6 * np.sin(2 * np.pi * x / 48)) * np.tanh(6 * np.sin(2 * np.pi * y / 60))
    return 0.3 + 0.2 * across


def taken(roll, pitch, yaw=0.0, texture=facade):
    """What a camera in that attitude sees of the facade, by the inverse of the rotation: pixel by pixel."""
    m = np.array(turned_back(SHAPE, FOCAL, roll, pitch, yaw).matrix).reshape(3, 3)
    back = np.linalg.inv(m)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    w = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    light = texture(
        (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / w, (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / w
    )
    return frame_of(light)


def frame_of(light, ops=()):
    info = FrameInfo("upright", light.shape, "linear", exposure=Exposure(focal_length_35mm=27.0),
                     opcodes=OpcodeLists(after_demosaic=tuple(ops)))  # fmt: skip
    pixels = np.repeat(light.astype(np.float32)[..., None], 3, 2)
    return Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated"))


def test_a_roll_clockwise_lifts_the_horizon_s_right_end():
    turn = turned_back(SHAPE, FOCAL, 5.0, 0.0, 0.0)
    y, x = turn.source(np.array([180.0, 180.0]), np.array([240.0, 340.0]))
    assert (y[0], x[0]) == pytest.approx((180, 240), abs=1e-9)
    assert y[1] == pytest.approx(180 - 100 * math.sin(math.radians(5)), abs=1e-9)


def test_looking_up_brings_verticals_together():
    turn = turned_back(SHAPE, FOCAL, 0.0, 10.0, 0.0)
    _, top = turn.source(np.zeros(2), np.array([140.0, 340.0]))
    _, bottom = turn.source(np.full(2, 360.0), np.array([140.0, 340.0]))
    assert top[1] - top[0] < bottom[1] - bottom[0]
    # They meet at f / tan(pitch) above the axis, as the geometry of a vanishing point says.
    y, x = turn.source(np.array([-1e9]), np.array([340.0]))
    assert x[0] == pytest.approx(240, abs=1e-3)
    assert y[0] == pytest.approx(180 - FOCAL / math.tan(math.radians(10)), rel=1e-5)


@pytest.mark.parametrize("angles", [(3.0, 0.0, 0.0), (-2.0, 6.0, 0.0), (1.0, -4.0, 5.0), (20.0, 0.0, 0.0)])
def test_angles_by_hand_are_undone(angles):
    frame = taken(*angles)
    params = LensParams(roll_deg=angles[0], pitch_deg=angles[1], yaw_deg=angles[2])
    out = correct(frame, params)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    top, left, height, width = plan(frame.info, SHAPE, params).default_crop
    inside = np.s_[top + 4 : top + height - 4, left + 4 : left + width - 4]
    error = out.pixels[..., 1][inside] - facade(y, x)[inside]
    assert np.sqrt(np.mean(error**2)) < 4e-3
    assert height / width == pytest.approx(SHAPE[0] / SHAPE[1], abs=0.02)


@pytest.mark.parametrize(("roll", "pitch"), [(0.0, 0.0), (2.0, 0.0), (-4.0, 0.0), (1.0, 5.0), (-2.5, -6.0)])
def test_lines_tell_how_the_camera_was_held(roll, pitch):
    found = attitude_from_lines(taken(roll, pitch), FOCAL)
    assert found.roll_deg == pytest.approx(roll, abs=0.1)
    assert found.pitch_deg == pytest.approx(pitch, abs=0.35)


def test_noise_and_leaves_tell_nothing():
    rng = np.random.default_rng(2)
    light = 0.3 + 0.05 * rng.normal(size=SHAPE)
    for _ in range(400):
        cy, cx, r = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1]), rng.uniform(4, 25)
        y, x = np.ogrid[0 : SHAPE[0], 0 : SHAPE[1]]
        cover = np.clip(r + 0.5 - np.hypot(y - cy, x - cx), 0, 1)  # drawn soft: stairs of pixels would be lines
        light += cover * (rng.uniform(0.05, 0.8) - light)
    found = attitude_from_lines(frame_of(light), FOCAL)
    assert (found.roll_deg, found.pitch_deg, found.n_lines) == (0, 0, 0)
    params, told = upright(frame_of(light), LensParams(upright=True))
    assert not params.is_turned
    assert "no lines" in told[0]


def test_the_crop_shows_nothing_from_outside():
    for angles in ((7.0, 0.0, 0.0), (-3.0, 8.0, 2.0), (40.0, 0.0, 0.0)):
        turn = turned_back(SHAPE, FOCAL, *angles)
        top, left, height, width = largest_crop(turn, (10, 20, 330, 440))
        y, x = np.mgrid[top : top + height : 7j, left : left + width : 9j]
        sy, sx = turn.source(y, x)
        # The rectangle is rounded to whole pixels.
        assert sy.min() >= 9
        assert sy.max() <= 341
        assert sx.min() >= 19
        assert sx.max() <= 461


def test_one_resampling_with_the_file_s_own_warp():
    warp = WarpRectilinear(((1.0, -0.03, 0.0, 0.0),), ((0.0, 0.0),), 0.5, 0.5)
    frame = frame_of(np.full(SHAPE, 0.4), (warp,))
    ready = plan(frame.info, SHAPE, LensParams(roll_deg=2.0))
    assert len(ready.runs) == 1
    np.testing.assert_allclose(correct(frame, LensParams(roll_deg=2.0)).pixels, 0.4, rtol=1e-5)


def test_a_focal_length_is_assumed_where_none_is_told():
    assert focal_px(FrameInfo("x", SHAPE, "linear"), SHAPE) == pytest.approx(FOCAL)
