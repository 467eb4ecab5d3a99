"""A camera that turns, seen and measured: what its gyroscope says is where the picture went."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.capture import open_picture
from lichtbild.capture.gyro import GyroLog, with_gyro
from lichtbild.core import Burst, Cfa, Domain, Exposure, Frame, FrameInfo, FrameSource, NoiseModel
from lichtbild.core.turns import AXES_OF_ANDROID, turns_by
from lichtbild.pipelines import intake, photo
from lichtbild.stages.align import AlignParams, align, pyramid
from lichtbild.stages.align.turned import told_by_gyro
from lichtbild.stages.quad_bayer import QuadBayerParams
from lichtbild.stages.reduce import ReduceParams

WB = (1.0, 1.0, 1.0)
SHAPE = (384, 448)
FOCAL_PX = 420.0
FOCAL_35MM = FOCAL_PX / np.hypot(*SHAPE) * np.hypot(36, 24)
PARAMS = AlignParams()


def scene(points, contrast=0.3):
    """Grey sum of plane waves at points [H, W, 2] (y, x) of the reference's picture plane."""
    rng = np.random.default_rng(20261122)
    length = np.exp(rng.uniform(np.log(0.006), np.log(0.1), 60))
    turn, phase = rng.uniform(0, np.pi, 60), rng.uniform(0, 2 * np.pi, 60)
    k = 2 * np.pi * length * np.stack([np.sin(turn), np.cos(turn)])
    return 0.4 + contrast * np.cos(points @ k + phase).sum(-1) / 8


def rays():
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    return np.stack([(x - SHAPE[1] / 2) / FOCAL_PX, (y - SHAPE[0] / 2) / FOCAL_PX, np.ones(SHAPE)], -1)


def taken(turns, rng, contrast=0.3, sigma=0.005, shift=(0.0, 0.0)):
    """A frame whose rows were exposed in the orientations `turns` [m, 3, 3], top to bottom; the reference has none.
    `shift` in px is what the gyroscope does not know."""
    at = np.linspace(0, len(turns) - 1, SHAPE[0])
    # Orientations lie close together: the mean of two is a rotation to a millionth.
    rows = np.stack([turns[int(k)] * (1 - k % 1) + turns[min(int(k) + 1, len(turns) - 1)] * (k % 1) for k in at])
    seen = np.einsum("hij,hwj->hwi", rows, rays())
    points = np.stack([seen[..., 1], seen[..., 0]], -1) / seen[..., 2:] * FOCAL_PX + np.array(SHAPE) / 2
    light = scene(points - np.array(shift), contrast) + sigma * rng.standard_normal(SHAPE)
    info = FrameInfo("test", SHAPE, "mosaic", cfa=Cfa.from_name("RGGB"), turns=turns,
                     exposure=Exposure(focal_length_35mm=FOCAL_35MM))  # fmt: skip
    noise = NoiseModel((1e-9,) * 3, (sigma**2,) * 3, "simulated")
    return Frame(light.astype(np.float32), Domain.MOSAIC, info, noise), points - np.array(shift)


def error_px(motion_px, points):
    """rms error over tiles that the reference shows: tile p of the reference lies at p + motion in the frame."""
    th, tw = motion_px.shape[:2]
    y, x = np.mgrid[0:th, 0:tw] * 32.0 + 16
    there = np.stack([y, x], -1) + motion_px
    index = np.rint(there - 0.5).astype(int)
    inside = ((index >= 16) & (index < np.array(SHAPE) - 16)).all(-1)
    # What the frame shows at that pixel, and the slope of the map there.
    i, j = index[inside].T
    back = points[i, j] + (there[inside] - index[inside] - 0.5)
    return np.sqrt(np.square(back - np.stack([y, x], -1)[inside]).sum(-1).mean())


STILL = np.eye(3)[None]


@pytest.mark.parametrize("vector", [(0.01, 0, 0), (0, -0.02, 0), (0, 0, 0.03), (0.01, 0.015, -0.02)])
def test_turns_move_the_picture(vector):
    rng = np.random.default_rng(1)
    reference, _ = taken(STILL, rng)
    other, points = taken(turns_by(np.array([vector])), rng)
    told = told_by_gyro(reference.info, other.info, SHAPE)
    grid = (np.argwhere(np.ones((12, 14))) + 0.5) * 32
    # To the slope of the map within a pixel.
    assert error_px(told.at(grid)[:, :2].reshape(12, 14, 2), points) < 0.05


def test_rows_that_are_exposed_one_after_another():
    """A turn that goes on while the frame is read out shears and stretches it."""
    rng = np.random.default_rng(1)
    reference, _ = taken(STILL, rng)
    along = np.linspace(0.005, 0.03, 9)[:, None]
    other, points = taken(turns_by(along * np.array([[0.6, 1.0, 0.3]])), rng)
    grid = (np.argwhere(np.ones((12, 14))) + 0.5) * 32
    told = told_by_gyro(reference.info, other.info, SHAPE)
    # What is left is beyond ten terms.
    assert error_px(told.at(grid)[:, :2].reshape(12, 14, 2), points) < 0.5
    middle = other.info.turns[4:5]
    unrolled = told_by_gyro(reference.info, FrameInfo("", SHAPE, "mosaic", turns=middle), SHAPE)
    assert error_px(unrolled.at(grid)[:, :2].reshape(12, 14, 2), points) > 2


def test_further_than_the_search_reaches():
    """A turn of 22 degrees moves the picture by 45 % of its shorter side: refused without the log, exact with it."""
    rng = np.random.default_rng(1)
    reference, _ = taken(STILL, rng)
    other, points = taken(turns_by(np.array([[0.02, 0.38, 0.01]])), rng, shift=(1.3, -2.2))
    guide, moved = pyramid(reference, WB), pyramid(other, WB)
    told = told_by_gyro(reference.info, other.info, SHAPE)
    without = align(guide, moved, PARAMS)
    assert without.refused or error_px(without.hand_px, points) > 10
    motion = align(guide, moved, PARAMS, None, told)
    assert not motion.refused
    assert error_px(motion.hand_px, points) < 0.2


def test_a_wall_at_night():
    """Texture a hundredth of a frame's noise: the log brings it near, the picture alone is lost."""
    rng = np.random.default_rng(1)
    reference, _ = taken(STILL, rng, 0.01, 0.1)
    other, points = taken(turns_by(np.array([[0.04, -0.08, 0.02]])), rng, 0.01, 0.1)
    guide, moved = pyramid(reference, WB), pyramid(other, WB)
    told = told_by_gyro(reference.info, other.info, SHAPE)
    assert error_px(align(guide, moved, PARAMS).hand_px, points) > 10
    motion = align(guide, moved, PARAMS, None, told)
    assert not motion.refused
    assert error_px(motion.hand_px, points) < 4


def test_a_log_that_is_wrong_does_no_harm():
    rng = np.random.default_rng(1)
    reference, _ = taken(STILL, rng)
    other, points = taken(turns_by(np.array([[0.01, 0.02, 0.0]])), rng)
    told = told_by_gyro(reference.info, taken(turns_by(np.array([[-0.3, 0.1, 0.2]])), rng)[0].info, SHAPE)
    assert error_px(align(pyramid(reference, WB), pyramid(other, WB), PARAMS, None, told).hand_px, points) < 0.05


def test_nothing_is_told_without_a_focal_length():
    info = FrameInfo("", SHAPE, "mosaic", turns=STILL)
    assert told_by_gyro(info, info, SHAPE) is None


def test_the_pipeline_asks_the_log():
    """Two frames further apart than the search reaches, merged because their turns are known."""
    rng = np.random.default_rng(1)
    frames = [taken(turns, rng)[0] for turns in (STILL, turns_by(np.array([[0.02, 0.38, 0.01]])))]

    def used(with_turns):
        infos = [dataclasses.replace(f.info, turns=f.info.turns if with_turns else None, noise=f.noise) for f in frames]
        sources = [FrameSource(i, lambda f=f: f.pixels) for i, f in zip(infos, frames, strict=True)]
        report = photo.negative(Burst(tuple(sources), "turned", 0), photo.PhotoParams()).report
        return next(iter(report["motion"].values()))["used"]

    assert used(with_turns=False) < 0.02
    # The frames share half of what they show.
    assert used(with_turns=True) > 0.3


def test_a_phone_in_a_hand(shared_data):
    """Frames of a real clip and the phone's own log: what turned is what moved, in both directions of the picture."""
    folder = shared_data("gyro_phone_video")
    begun, samples = np.loadtxt(folder / "framestamp.txt"), np.loadtxt(folder / "gyro.txt", delimiter=",")
    told_px, found_px = [], []
    for first in range(100, 146, 9):
        pair = [open_picture(folder / f"frames/RE_frame-{k}.jpg") for k in (first, first + 2)]
        # The clip tells neither: an ordinary phone's.
        exposure = dataclasses.replace(pair[0].info.exposure, focal_length_35mm=26.0, time_s=0.005)
        pair = [dataclasses.replace(s, info=dataclasses.replace(s.info, exposure=exposure)) for s in pair]
        # Names of frames count from one.
        times = begun[[first - 1, first + 1]]
        log = GyroLog(folder, samples[:, 3], samples[:, :3] @ AXES_OF_ANDROID.T, times, 0.02)
        burst = with_gyro(Burst(tuple(pair), "clip", 0), log)
        plan, _ = intake.plan(burst, QuadBayerParams(), ReduceParams())
        guide, moved = (pyramid(intake.load(plan, k), plan.white_balance) for k in (0, 1))
        told = told_by_gyro(*(source.info for source in burst.sources), guide.mosaic_shape)
        middle = np.array([guide.mosaic_shape]) / 2
        told_px.append(told.at(middle)[0, :2])
        found_px.append(align(guide, moved, PARAMS).hand.at(middle)[0, :2])
    told_px, found_px = np.array(told_px), np.array(found_px)
    for axis in (0, 1):
        assert np.corrcoef(told_px[:, axis], found_px[:, axis])[0, 1] > 0.9
    # What shift, stabiliser and a guessed focal length leave is less than half of the motion.
    assert np.abs(told_px - found_px).mean() < 0.5 * np.abs(found_px).mean()
