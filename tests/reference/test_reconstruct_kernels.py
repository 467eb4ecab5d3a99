"""The compiled kernels of the reconstruction against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.reconstruct import reference
from lichtbild.stages.reconstruct.shrink import reference as shrinking
from lichtbild.stages.reconstruct.shrink import spectrum

# Odd and even, few rows, around the cuts of the schedules (224 columns, 16 rows; of fine pixels 240 and 64). The merge
# takes no picture narrower than 32 px.
SHAPES = [(8, 32), (17, 33), (40, 130), (35, 241)]


def both(module, name, arguments, shape, dtype=np.float32):
    """The kernel's result and its twin's, each into an array that would show what is not written."""
    poison = np.nan if dtype is np.float32 else 77
    fast, clear = np.full(shape, poison, dtype), np.full(shape, poison, dtype)
    native.call(name, *arguments, fast)
    getattr(module, name)(*arguments, clear)
    return fast, clear


def burst_arguments(rng, shape, row, height, n_frames=3):
    """Frames as they are kept, with holes, shifts beyond the edge and places with a motion of their own."""
    h, w = shape
    frames = rng.integers(-300, 32767, (n_frames, h, w), dtype=np.int16)
    frames[rng.random(frames.shape) < 0.05] = reference.NO_SAMPLE
    packed = rng.integers(0, 256, (n_frames, -(-h // 2), -(-w // 2)), dtype=np.uint8)
    tiles = -(-h // 32), -(-w // 32)
    hand, local = (rng.uniform(-5, 5, (n_frames, *tiles, 2)).astype(np.float32) for _ in range(2))
    facts = np.stack([rng.uniform(1e-5, 4e-5, n_frames), rng.uniform(0.5, 1, n_frames)], 1).astype(np.float32)
    return frames, packed, hand, local, facts, *map(int, rng.integers(0, 2, 2)), row


@pytest.mark.parametrize("shape", SHAPES)
def test_stored_and_marks(shape):
    rng = np.random.default_rng()
    mosaic = rng.normal(0.5, 0.7, shape).astype(np.float32)
    fast, clear = both(reference, "reconstruct_stored", (mosaic, 16383.5, 1.5), shape, np.int16)
    np.testing.assert_array_equal(fast, clear)
    assert (fast == reference.NO_SAMPLE).any() == (mosaic >= 1.5).any()
    trust = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
    trust[rng.integers(0, 2, shape), *np.indices(shape)] = 0
    np.testing.assert_array_equal(*both(reference, "reconstruct_marks", (trust,), shape, np.uint8))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("part", ["whole", "band"])
def test_frames(shape, part):
    rng = np.random.default_rng()
    row, height = (0, shape[0]) if part == "whole" else (shape[0] // 3, -(-shape[0] // 2))
    arguments = burst_arguments(rng, shape, row, height)
    planes = (height, 12, shape[1])
    fast, clear = both(reference, "reconstruct_count", arguments, planes)
    # Which sample is the nearest may hang on the last bit of its place.
    assert np.isclose(fast, clear, atol=1e-4).mean() > 0.998
    balance = np.array([2.0, 1.0, 1.7], np.float32)
    above = 0 if part == "whole" else 2
    fine = rng.random((2 * (height + above), 3, 2 * shape[1]), np.float32)
    fast, clear = both(reference, "reconstruct_residual", (*arguments, balance, fine, above), planes)
    assert np.isfinite(fast).all()
    assert np.isclose(fast, clear, atol=1e-4).mean() > 0.998
    assert np.abs(clear).max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_pictures(shape):
    rng = np.random.default_rng()
    h, w = shape
    balance = np.array([2.0, 1.0, 1.7], np.float32)
    fine = rng.random((2 * h, 3, 2 * w), np.float32)
    for above in (0, 1):
        corners = h + above, 12, w
        sums, count = (rng.uniform(low, 1, corners).astype(np.float32) for low in (-1, 0))
        arguments = fine, sums, count, above, 0.4
        np.testing.assert_allclose(*both(reference, "reconstruct_moved", arguments, fine.shape), atol=3e-6)
    rgb = rng.random((h, w, 3), np.float32)
    for above in (0, 3):
        size = (2 * (h - above), 3, 2 * w)
        np.testing.assert_allclose(*both(reference, "reconstruct_start", (rgb, balance, above), size), atol=2e-6)
        size = (h - above, w, 3)
        np.testing.assert_allclose(*both(reference, "reconstruct_pixels", (fine, balance, above), size), atol=1e-6)
    size = (2 * h, 2 * w, 3)
    np.testing.assert_allclose(*both(reference, "reconstruct_points", (fine, balance), size), atol=1e-6)


@pytest.mark.parametrize("above", [0, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_shrinkage(shape, above):
    rng = np.random.default_rng()
    h, w = shape
    balance = np.array([2.0, 1.0, 1.7], np.float32)
    rgb = rng.uniform(-0.05, 1, (h, w, 3)).astype(np.float32)
    alpha, beta = np.array([3e-3, 1e-3, 2e-3], np.float32), np.array([3e-5, 1e-5, 2e-5], np.float32)
    gain = rng.uniform(1, 2, (-(-h // 16) + 1, -(-w // 16) + 1, 3)).astype(np.float32)
    n = rng.uniform(1, 9, shape).astype(np.float32)
    size = (-(-h // 4), 3, -(-w // 4))
    cells, clear = both(shrinking, "reconstruct_noise", (rgb, balance, alpha, beta, 0.01, gain, n, 5.0), size)
    np.testing.assert_allclose(cells, clear, rtol=2e-5)

    pilot = (0.3 + 0.02 * rng.normal(0, 1, (2 * h, 3, 2 * w))).astype(np.float32)
    moved = (pilot + rng.normal(0, 0.05, pilot.shape)).astype(np.float32)
    arguments = (
        moved,
        pilot,
        balance,
        0.01,
        cells,
        spectrum.variance(),
        spectrum.boost(),
        spectrum.basis(),
        0.4,
        above,
    )
    fast, clear = both(shrinking, "reconstruct_shrink", arguments, (2 * h - above, 3, 2 * w))
    # The reciprocal is approximate. What is taken away is ten times as much and more.
    np.testing.assert_allclose(fast, clear, atol=6e-4)
    assert np.abs(fast - moved[above:]).mean() > 0.003
    # Some of what the pilot did not show is beyond doubt, most is not.
    doubting = np.full_like(clear, np.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shrinking, "CERTAIN", 1e9)
        shrinking.reconstruct_shrink(*arguments, doubting)
    assert np.abs(doubting - clear).max() > 1e-4
