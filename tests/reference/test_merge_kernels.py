"""The compiled kernels of the merge against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.merge import reference

# Odd and even, few rows, around the cuts of the schedule (16 columns, 32 rows); 32 px is the narrowest the stage takes.
SHAPES = [(8, 32), (9, 35), (33, 50), (66, 49), (70, 131)]
PHASES = [(0, 0), (0, 1), (1, 0), (1, 1)]


def both(name, arguments, shape, dtype=np.float32):
    """The kernel's result and its twin's, each into an array that would show what is not written."""
    poison = np.nan if dtype is np.float32 else 77
    fast, clear = np.full(shape, poison, dtype), np.full(shape, poison, dtype)
    native.call(name, *arguments, fast)
    getattr(reference, name)(*arguments, clear)
    return fast, clear


def half(shape):
    return shape[0] // 2, shape[1] // 2


@pytest.mark.parametrize("shape", SHAPES)
def test_means(shape):
    rng = np.random.default_rng()
    mosaic, rgb = rng.normal(0.3, 0.3, shape).astype(np.float32), rng.random((*shape, 3), np.float32)
    for phase in PHASES:
        np.testing.assert_allclose(*both("merge_mean_mosaic", (mosaic, *phase), (3, *half(shape))), atol=1e-6)
    np.testing.assert_allclose(*both("merge_mean_rgb", (rgb,), (3, *half(shape))), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_texture(shape):
    first = np.random.default_rng().random((3, shape[0] + 2, shape[1] + 2), np.float32)
    # The difference of two means of squares near 1/3.
    np.testing.assert_allclose(*both("merge_texture", (first,), (3, *half(shape))), atol=2e-6)


def agreement_arguments(rng, shape, has_local):
    h, w = half(shape)
    tiles = -(-h // 16), -(-w // 16)
    mean = rng.normal(0.3, 0.1, (3, h, w)).astype(np.float32)
    other = (mean + rng.normal(0, 0.05, mean.shape)).astype(np.float32)
    texture = rng.uniform(0, 4e-3, mean.shape).astype(np.float32)
    noise = rng.uniform(1e-3, 1e-2, (*tiles, 6)).astype(np.float32)
    hand, local = (rng.uniform(-6, 6, (*tiles, 2)).astype(np.float32) for _ in range(2))
    # Some blocks come from outside.
    hand[0, 0] = local[0, 0] = -5
    tolerated = rng.uniform(0.05, 1, (*tiles, 1)).astype(np.float32)
    return mean, texture, other, noise, hand, local, tolerated, has_local


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("has_local", [0, 1])
def test_agreement(shape, has_local):
    arguments = agreement_arguments(np.random.default_rng(), shape, has_local)
    fast, clear = both("merge_agreement", arguments, (3, *half(shape)))
    assert np.isfinite(fast).all()
    # Where two motions are told apart, or the picture ends, by less than rounding, either answer is right.
    is_same = np.isclose(fast, clear, rtol=1e-4, atol=1e-4).all(0)
    assert is_same.mean() > 0.99
    if min(shape) > 30:
        chosen = arguments[5 if has_local else 4]
        assert np.ptp(chosen) > 0
        # Both branches were taken: some blocks are outside, and with a motion of their own, some took it.
        assert (clear[0] == 1e9).any()
        alone = both("merge_agreement", (*arguments[:-1], 0), (3, *half(shape)))[1]
        assert (alone != clear).any() == bool(has_local)


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (33, 50), (70, 131)])
def test_trust(shape):
    agreement = np.random.default_rng().uniform(0, 6, (3, *shape)).astype(np.float32)
    agreement[0, 0, 0] = 1e9
    fast, clear = both("merge_trust", (agreement,), shape, np.uint8)
    # The kernel's exponential is good to 18 bits: at most one step at a rounding edge.
    assert np.abs(fast.astype(int) - clear).max() <= 1
    assert (fast != clear).sum() <= 1 + 0.02 * fast.size
    if min(shape) > 30:
        everywhere = np.full((3, *shape), 1.0, np.float32)
        assert (both("merge_trust", (everywhere,), shape, np.uint8)[0] == 255).all()


def gather_arguments(rng, shape, shift):
    h, w = half(shape)
    trust = rng.integers(0, 256, (h, w)).astype(np.uint8)
    agreement = rng.uniform(-shift, shift, (3, h, w)).astype(np.float32)
    first = rng.random((3, shape[0] + 2, shape[1] + 2), np.float32)
    return trust, agreement, first


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.0, 1.3, 30.0])
def test_gathering_a_mosaic(shape, shift):
    rng = np.random.default_rng()
    mosaic = rng.random(shape, np.float32)
    guide = gather_arguments(rng, shape, shift)
    sums = rng.random((6, *shape), np.float32)
    for phase in PHASES:
        for clip in (np.inf, 0.8):
            arguments = (mosaic, *guide, *phase, 2.0, 0.7, clip, sums)
            fast, clear = both("merge_gather_mosaic", arguments, sums.shape)
            # Offsets of up to 2 px weigh up to 6 in the parabolas; positions of 100 px are exact to 1e-5.
            np.testing.assert_allclose(fast, clear, atol=1e-4)
    assert np.isfinite(fast).all()


def test_gathering_in_place_adds_up():
    rng = np.random.default_rng()
    shape = (34, 50)
    mosaic, guide = rng.random(shape, np.float32), gather_arguments(rng, shape, 1.0)
    sums = np.zeros((6, *shape), np.float32)
    arguments = (mosaic, *guide, 0, 0, 2.0, 1.0, np.inf)
    apart = np.full_like(sums, np.nan)
    native.call("merge_gather_mosaic", *arguments, sums, apart)
    native.call("merge_gather_mosaic", *arguments, sums, sums)
    np.testing.assert_array_equal(sums, apart)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.0, 1.3, 30.0])
def test_gathering_rgb(shape, shift):
    rng = np.random.default_rng()
    rgb = rng.random((*shape, 3), np.float32)
    sums = rng.random((4, *shape), np.float32)
    for clip in (np.inf, 0.8):
        arguments = (rgb, *gather_arguments(rng, shape, shift), 2.0, 0.7, clip, sums)
        np.testing.assert_allclose(*both("merge_gather_rgb", arguments, sums.shape), atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("worth", [0.0, 1.0, 8.0])
def test_finishing(shape, worth):
    rng = np.random.default_rng()
    first = rng.random((3, shape[0] + 2, shape[1] + 2), np.float32)
    sums = rng.normal(0, 0.3, (6, *shape)).astype(np.float32)
    sums[3:] = rng.uniform(0.2, 5, (3, *shape))
    arguments = (sums, first, 1.9, 1.5, 0.4, 0.6, worth)
    np.testing.assert_allclose(*both("merge_finish_mosaic", arguments, (*shape, 3)), atol=2e-5)
    four = np.ascontiguousarray(sums[:4])
    np.testing.assert_allclose(*both("merge_finish_rgb", (four, first, worth), (*shape, 3)), atol=2e-6)


def test_finishing_without_samples_is_the_guess():
    first = np.random.default_rng().random((3, 20, 36), np.float32)
    out = np.full((18, 34, 3), np.nan, np.float32)
    for name, arguments in (
        ("merge_finish_mosaic", (np.zeros((6, 18, 34), np.float32), first, 1.9, 1.5, 0.4, 0.6, 0.0)),
        ("merge_finish_rgb", (np.zeros((4, 18, 34), np.float32), first, 0.0)),
    ):
        native.call(name, *arguments, out)
        np.testing.assert_array_equal(out, np.moveaxis(first[:, 1:-1, 1:-1], 0, 2))
