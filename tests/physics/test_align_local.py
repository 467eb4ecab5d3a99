"""Things that move by themselves: small ones, and tiles held together as one field."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.align import AlignParams, align, fuse, pyramid

WB = (1.0, 1.0, 1.0)
SHAPE = (352, 384)
GRID = (11, 12)
SIGMA = 0.01


def wavy(rng, points, n=60, finest=0.1):
    """Grey sum of plane waves at points [..., 2] (y, x)."""
    length = np.exp(rng.uniform(np.log(0.008), np.log(finest), n))
    turn, phase = rng.uniform(0, np.pi, n), rng.uniform(0, 2 * np.pi, n)
    k = 2 * np.pi * length * np.stack([np.sin(turn), np.cos(turn)])
    return 0.4 + 0.35 * np.cos(points @ k + phase).mean(-1) * np.sqrt(n) / 3


def frame_with(rng, back, thing, hand, own, centre, width):
    """A frame in which the background moved by `hand`, and a disc about `centre` by `own`. Grey: any filter array sees
    the same."""
    grid = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in SHAPE), indexing="ij"), -1)
    light, seen = back(grid - hand), thing(grid - own)
    inside = np.hypot(*np.moveaxis(grid - own - centre, -1, 0)) < width / 2
    light = np.where(inside, seen, light) + SIGMA * rng.standard_normal(SHAPE)
    cfa = Cfa.from_name("RGGB")
    assert cfa_plane_index(cfa, SHAPE).shape == SHAPE
    info = FrameInfo("test", SHAPE, "mosaic", cfa=cfa)
    noise = NoiseModel((1e-9,) * 3, (SIGMA**2,) * 3, "simulated")
    return Frame(light.astype(np.float32), Domain.MOSAIC, info, noise)


@pytest.mark.parametrize("width", [48, 72, 140])
def test_a_small_thing_is_followed_through_a_burst(width):
    """14 px a frame, until it is further away than it is wide."""
    seeds = np.random.default_rng(20261122).integers(1 << 30, size=2)
    rng = np.random.default_rng(20261122)

    def of(seed):
        return lambda points: wavy(np.random.default_rng(seed), points)

    back, thing = (of(seed) for seed in seeds)
    centre, step = np.array([144.0, 112.0]), np.array([5.0, 13.1])
    hand = np.array([0.7, -0.4])
    frames = [frame_with(rng, back, thing, k * hand, k * step, centre, width) for k in range(6)]
    guide, motion = pyramid(frames[0], WB), None
    centres = (np.argwhere(np.ones(GRID)) + 0.5) * 32
    within = (np.hypot(*(centres - centre).T) < max(width / 2 - 16, 8)).reshape(GRID)
    for k in range(1, 6):
        motion = align(guide, pyramid(frames[k], WB), AlignParams(), motion)
        error = np.hypot(*np.moveaxis(motion.local_px[within] - k * step, -1, 0))
        assert np.median(error) < 0.25
        # What it says of its own error is of the error's order.
        sigma = np.sqrt(np.trace(motion.covariance_px2[within], axis1=1, axis2=2) / 2)
        assert motion.is_valid[within].all()
        assert sigma.min() > 0.01
        assert sigma.max() < 0.5
        # Nothing moves where the thing does not pass.
        far = np.hypot(*(centres - centre).T).reshape(GRID) > width / 2 + 100
        assert motion.is_local[far].mean() < 0.05


def of_line(motion, sigma):
    """Tiles in a row, each beside the next."""
    n = len(motion)
    pairs = np.stack([np.arange(n - 1), np.arange(1, n)], -1)
    found, covariance = fuse.fused(np.array(motion, float), np.eye(2) * np.square(sigma)[:, None, None], pairs)
    return found, np.sqrt(np.trace(covariance, axis1=1, axis2=2) / 2)


def test_the_field_of_least_cost():
    """Against the normal equations solved at once; weights of tiles that agree are the smoothness alone."""
    rng = np.random.default_rng()
    n = 9
    motion, sigma = rng.normal(0, 0.02, (n, 2)) + 3, rng.uniform(0.2, 0.4, n)
    found, _ = of_line(motion, sigma)
    for axis in (0, 1):
        matrix, right = np.diag(1 / sigma**2), motion[:, axis] / sigma**2
        for i in range(n - 1):
            expected = sigma[i] ** 2 + sigma[i + 1] ** 2 + 0.1**2
            apart = np.square(motion[i] - motion[i + 1]).sum() / expected
            w = 100 / (1 + apart / 9) ** 2
            matrix[i : i + 2, i : i + 2] += w * np.array([[1, -1], [-1, 1]])
        # The sweeps stop when a hundredth of a pixel is left at most.
        np.testing.assert_allclose(found[:, axis], np.linalg.solve(matrix, right), atol=0.01)


def test_weak_tiles_borrow_and_two_things_stay_two():
    motion = np.array([[4.0, 0], [4.0, 0], [4.9, 0.8], [4.0, 0], [-6.0, 2], [-6.0, 2], [-6.1, 2]])
    sigma = np.array([0.06, 0.06, 0.8, 0.06, 0.06, 0.06, 0.06])
    found, declared = of_line(motion, sigma)
    assert np.abs(found[2] - (4, 0)).max() < 0.15
    assert declared[2] < 0.2 < sigma[2]
    np.testing.assert_allclose(found[3], (4, 0), atol=0.05)
    np.testing.assert_allclose(found[4], (-6, 2), atol=0.05)
    # Nobody knows less for having neighbours.
    assert (declared <= sigma * (1 + 1e-9)).all()


def test_pairs_are_of_chosen_tiles_and_counted_once():
    # A row of four: each one's left and right neighbour; the third is not chosen.
    is_chosen = np.array([True, True, False, True])
    left, right = np.array([-1, 0, 1, 2]), np.array([1, 2, 3, -1])
    np.testing.assert_array_equal(fuse.edges([left[is_chosen], right[is_chosen]], is_chosen), [[0, 1]])
