"""The compiled kernels of alignment against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.align import reference

# Odd and even, smaller than a vector, around the cuts of the schedule (16 columns, 16 rows).
SHAPES = [(8, 8), (9, 13), (33, 50), (64, 49), (70, 131)]


def both(name, arguments, shape):
    """The kernel's result and its twin's, each into an array that would show what is not written."""
    fast, clear = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    native.call(name, *arguments, fast)
    getattr(reference, name)(*arguments, clear)
    return fast, clear


def bordered(image):
    return np.pad(image, ((0, 0), (reference.BORDER_PX,) * 2), "edge")


@pytest.mark.parametrize("shape", SHAPES)
def test_luminance(shape):
    rng = np.random.default_rng()
    mosaic = rng.normal(0.3, 0.3, shape).astype(np.float32)
    gains = rng.uniform(0.5, 3, (2, 2)).astype(np.float32)
    # Single precision over products of the order of 1.
    np.testing.assert_allclose(*both("align_luma", (mosaic, gains), (shape[0] // 2, shape[1] // 2 + 40)), atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_halving(shape):
    image = np.random.default_rng().normal(0.3, 0.3, (shape[0], shape[1] + 40)).astype(np.float32)
    np.testing.assert_allclose(*both("align_halve", (image,), (shape[0] // 2, shape[1] // 2 + 40)), atol=2e-6)


@pytest.mark.parametrize("shape", [(16, 17), (21, 21), (33, 50), (64, 49), (70, 131)])
@pytest.mark.parametrize(("shift", "is_doubtful"), [(0.0, False), (0.0, True), (3.7, True), (40.0, False)])
def test_sums_of_tiles(shape, shift, is_doubtful):
    """Whole and broken tiles in any order, flows that bend within a tile, and some that leave the picture."""
    rng = np.random.default_rng()
    frames = [rng.normal(0.3, 0.1, (shape[0], shape[1] + 40)).astype(np.float32) for _ in range(2)]
    th, tw = -(-shape[0] // 16), -(-shape[1] // 16)
    tiles = rng.permutation(np.argwhere(np.ones((th, tw)))).astype(np.int32)
    motion = np.zeros((len(tiles), 6), np.float32)
    motion[:, :2] = rng.uniform(-shift, shift, (len(tiles), 2))
    motion[:, 2:] = rng.normal(0, 0.02 if shift else 0.0, (len(tiles), 4))
    noise = rng.uniform(1e-4, 1e-2, (len(tiles), 2)).astype(np.float32)
    doubt = rng.uniform(0, 0.3, len(tiles)).astype(np.float32) * is_doubtful
    fast, clear = both("align_tile_normal", (*frames, tiles, motion, noise, doubt), (len(tiles), 7))
    # A pixel on the very edge of what counts may fall either way in single precision.
    assert (np.abs(fast[:, 6] - clear[:, 6]) <= 1).all()
    same = fast[:, 6] == clear[:, 6]
    assert same.mean() > 0.9
    # 256 products in single precision; gradient times error may cancel, so the scale is the largest of the sums.
    scale = np.abs(clear).max() + 1
    np.testing.assert_allclose(fast[same] / scale, clear[same] / scale, atol=3e-5)
    if shift == 0:
        # The outermost tiles count like all others.
        whole = (tiles[:, 0] < shape[0] // 16) & (tiles[:, 1] < shape[1] // 16)
        assert clear[whole, 6].min() == 256


def test_tiles_outside_the_picture_are_read_from_its_last():
    frame = np.random.default_rng().random((32, 72), np.float32)
    tiles = np.array([[99, 99], [-3, 0]], np.int32)
    inside = np.array([[1, 1], [0, 0]], np.int32)
    noise, motion = np.ones((2, 2), np.float32), np.full((2, 6), 0.25, np.float32)
    sums = [np.full((2, 7), np.nan, np.float32) for _ in range(2)]
    for listed, out in zip((tiles, inside), sums, strict=True):
        native.call("align_tile_normal", frame, frame, listed, motion, noise, np.zeros(2, np.float32), out)
    np.testing.assert_array_equal(*sums)


def test_the_spline_is_one():
    """Weights sum to one, and a straight line stays where it is."""
    t = np.linspace(-0.5, 1.5, 21)
    weights = np.array(reference.spline_weights(t))
    np.testing.assert_allclose(weights.sum(0), 1, atol=1e-12)
    np.testing.assert_allclose((weights * np.arange(-1, 3)[:, None]).sum(0), t, atol=1e-12)


@pytest.mark.parametrize(("shape", "radius"), [((8, 8), 1), ((17, 30), 2), ((41, 66), 3)])
def test_matching(shape, radius):
    rng = np.random.default_rng()
    frames = [bordered(rng.random(shape, np.float32)) for _ in range(2)]
    th, tw = shape[0] // 8, shape[1] // 8
    tiles = rng.permutation(np.argwhere(np.ones((th, tw)))).astype(np.int32)
    start = rng.integers(-30, 31, tiles.shape).astype(np.int32)
    fast, clear = both("align_match", (*frames, tiles, start, radius), (len(tiles), (2 * radius + 1) ** 2))
    np.testing.assert_allclose(fast, clear, atol=1e-6)


def test_matching_finds_a_whole_shift():
    frame = np.random.default_rng().random((48, 64), np.float32)
    moved = np.roll(frame, (2, -3), (0, 1))
    tiles = np.ascontiguousarray(np.argwhere(np.ones((6, 8))), np.int32)
    cost = np.full((48, 49), np.nan, np.float32)
    native.call("align_match", bordered(frame), bordered(moved), tiles, tiles * 0, 3, cost)
    cost = cost.reshape(6, 8, 49)
    # Row by row over (-3 .. 3)^2; tiles at the border are moved back into the frame.
    assert (cost[1:-1, 1:-1].argmin(-1) == (2 + 3) * 7 + (-3 + 3)).all()
    assert np.abs(cost[1:-1, 1:-1].min(-1)).max() == 0


@pytest.mark.parametrize("shape", [(32, 33), (50, 41)])
def test_patches(shape):
    """Inside, over every border, and far outside, where the last sample goes on."""
    rng = np.random.default_rng()
    mosaic = rng.normal(0.3, 0.3, shape).astype(np.float32)
    gains = rng.uniform(0.5, 3, (2, 2)).astype(np.float32)
    corners = np.concatenate([rng.integers(-20, 40, (50, 2)), [[-500, 7], [3, 900]]]).astype(np.int32)
    np.testing.assert_allclose(*both("align_patches", (mosaic, gains, corners), (len(corners), 20, 20)), atol=2e-6)


@pytest.mark.parametrize("shift", [0.0, 3.7, 40.0])
def test_sums_of_patches(shift):
    """Tiles cut by the border, patches cut a little beside the motion, and motion that leaves the picture."""
    rng = np.random.default_rng()
    shape = np.array([70, 93], np.int32)
    corners = np.ascontiguousarray(np.argwhere(np.ones((5, 6))) * 16 - 2, np.int32)
    patches = [rng.normal(0.3, 0.1, (len(corners), 20, 20)).astype(np.float32) for _ in range(2)]
    motion = np.zeros((len(corners), 6), np.float32)
    motion[:, :2] = rng.uniform(-shift, shift, (len(corners), 2))
    motion[:, 2:] = rng.normal(0, 0.02 if shift else 0.0, (len(corners), 4))
    beside = rng.uniform(-0.5, 0.5, (len(corners), 2)) * (shift > 0)
    moved = np.ascontiguousarray(corners + np.floor(motion[:, :2] + beside), np.int32)
    noise = rng.uniform(1e-4, 1e-2, (len(corners), 2)).astype(np.float32)
    arguments = (*patches, corners, moved, motion, noise, shape)
    fast, clear = both("align_patch_normal", arguments, (len(corners), 7))
    assert (np.abs(fast[:, 6] - clear[:, 6]) <= 1).all()
    same = fast[:, 6] == clear[:, 6]
    assert same.mean() > 0.9
    scale = np.abs(clear).max() + 1
    np.testing.assert_allclose(fast[same] / scale, clear[same] / scale, atol=3e-5)
    if shift == 0:
        # 70 x 93 px: every pixel of the picture counts once.
        assert clear[:, 6].sum() == 70 * 93
