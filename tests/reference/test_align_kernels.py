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


@pytest.mark.parametrize("shape", SHAPES)
def test_luminance(shape):
    rng = np.random.default_rng()
    mosaic = rng.normal(0.3, 0.3, shape).astype(np.float32)
    gains = rng.uniform(0.5, 3, (2, 2)).astype(np.float32)
    # Single precision over 16 products of the order of 1.
    np.testing.assert_allclose(*both("align_luma_half", (mosaic, gains), (shape[0] // 2, shape[1] // 2)), atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_smoothing_and_halving(shape):
    image = np.random.default_rng().normal(0.3, 0.3, shape).astype(np.float32)
    np.testing.assert_allclose(*both("align_smooth", (image,), shape), atol=2e-6)
    np.testing.assert_allclose(*both("align_halve", (image,), (shape[0] // 2, shape[1] // 2)), atol=2e-6)


@pytest.mark.parametrize("shape", [(21, 21), (33, 50), (64, 49), (70, 131)])
@pytest.mark.parametrize("shift", [0.0, 3.7, 40.0])
def test_sums_of_tiles(shape, shift):
    """Whole and broken tiles, flows that bend within a tile, and some that leave the picture."""
    rng = np.random.default_rng()
    frames = [rng.normal(0.3, 0.1, shape).astype(np.float32) for _ in range(2)]
    th, tw = -(-shape[0] // 16), -(-shape[1] // 16)
    motion = np.zeros((th, tw, 6), np.float32)
    motion[..., :2] = rng.uniform(-shift, shift, (th, tw, 2))
    motion[..., 2:] = rng.normal(0, 0.02 if shift else 0.0, (th, tw, 4))
    noise = rng.uniform(1e-4, 1e-2, (th, tw, 2)).astype(np.float32)
    bordered = np.pad(frames[1], ((0, 0), (reference.BORDER_PX, reference.BORDER_PX)), "edge")
    fast, clear = both("align_tile_normal", (frames[0], bordered, motion, noise), (th, tw, 7))
    # A pixel on the very edge of what counts may fall either way in single precision.
    assert (np.abs(fast[..., 6] - clear[..., 6]) <= 1).all()
    same = fast[..., 6] == clear[..., 6]
    assert same.mean() > 0.9
    # 256 products in single precision; gradient times error may cancel, so the scale is the largest of the sums.
    scale = np.abs(clear).max() + 1
    np.testing.assert_allclose(fast[same] / scale, clear[same] / scale, atol=3e-5)
    if shift == 0 and min(shape) > 60:
        # The outermost tiles count like all others.
        assert clear[: shape[0] // 16, : shape[1] // 16, 6].min() == 256


@pytest.mark.parametrize(("shape", "radius"), [((8, 8), 1), ((17, 30), 2), ((41, 66), 3)])
def test_matching(shape, radius):
    rng = np.random.default_rng()
    frames = [rng.random(shape, np.float32) for _ in range(2)]
    th, tw = shape[0] // 8, shape[1] // 8
    start = rng.integers(-30, 31, (th, tw, 2)).astype(np.int32)
    fast, clear = both("align_match", (*frames, start, radius), (th, tw, (2 * radius + 1) ** 2))
    np.testing.assert_allclose(fast, clear, atol=1e-6)


def test_matching_finds_a_whole_shift():
    frame = np.random.default_rng().random((48, 64), np.float32)
    moved = np.roll(frame, (2, -3), (0, 1))
    cost = np.full((6, 8, 49), np.nan, np.float32)
    native.call("align_match", frame, moved, np.zeros((6, 8, 2), np.int32), 3, cost)
    # Row by row over (-3 .. 3)^2; tiles at the border are moved back into the frame.
    assert (cost[1:-1, 1:-1].argmin(-1) == (2 + 3) * 7 + (-3 + 3)).all()
    assert np.abs(cost[1:-1, 1:-1].min(-1)).max() == 0
