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
    poison = 77 if dtype is np.uint8 else np.nan
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
    first = np.random.default_rng().random((shape[0] + 4, 3, shape[1] + 4), np.float32)
    # The difference of two means of squares near 1/3.
    np.testing.assert_allclose(*both("merge_texture", (first,), (3, *half(shape))), atol=2e-6)


def smooth_flow(rng, tiles, shift):
    """A motion of a hand, turned by a degree at most: no jump between the samples that neighbours take."""
    middle, slope = rng.uniform(-shift, shift, 2), rng.uniform(-0.5, 0.5, (2, 2))
    y, x = np.mgrid[0 : tiles[0], 0 : tiles[1]]
    return np.stack([middle[k] + slope[k][0] * y + slope[k][1] * x for k in (0, 1)], -1).astype(np.float32)


def agreement_arguments(rng, shape, has_local):
    h, w = half(shape)
    tiles = -(-h // 16), -(-w // 16)
    mean = rng.normal(0.3, 0.1, (3, h, w)).astype(np.float32)
    other = np.zeros(3 * h * w + 128, np.float32)
    other[64:-64] = (mean + rng.normal(0, 0.05, mean.shape)).astype(np.float32).ravel()
    texture = rng.uniform(0, 4e-3, mean.shape).astype(np.float32)
    noise = rng.uniform(1e-3, 1e-2, (*tiles, 6)).astype(np.float32)
    # Some blocks come from outside; a thing of its own moves by more than its neighbours.
    hand, local = smooth_flow(rng, tiles, 3), rng.uniform(-6, 6, (*tiles, 2)).astype(np.float32)
    hand += np.float32(-5)
    tolerated = rng.uniform(0.05, 1, (*tiles, 1)).astype(np.float32)
    # Some tiles move by themselves, all of them or none.
    apart = (rng.random(tiles) < has_local).astype(np.uint8)
    return mean, texture, other, noise, hand, local, tolerated, apart


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("has_local", [0, 0.5, 1])
def test_agreement(shape, has_local):
    arguments = agreement_arguments(np.random.default_rng(), shape, has_local)
    fast, clear = both("merge_agreement", arguments, (2, *half(shape)), np.uint8)
    # Where two motions are told apart, or the picture ends, by less than rounding, either answer is right.
    is_same = (np.abs(fast.astype(int) - clear) <= 1).all(0)
    assert is_same.mean() > 0.99
    if min(shape) > 30:
        # Both branches were taken: some blocks are outside, and with a motion of their own, some took it.
        assert (clear[0] == 0).any()
        assert (clear[0] > 0).any()
        assert not (clear[1] == 255).any() if has_local == 0 else has_local < 1 or (clear[1] == 255).any()


def test_a_motion_that_changes_within_a_tile_is_not_trusted():
    arguments = list(agreement_arguments(np.random.default_rng(), (128, 128), 0))
    arguments[4][...] = 0
    arguments[4][:, :, 0] = 2.4 * np.arange(4)  # px from tile to tile of 32 px: 4 degrees
    fast, clear = both("merge_agreement", arguments, (2, 64, 64), np.uint8)
    assert (np.abs(fast.astype(int) - clear) <= 1).mean() > 0.99
    arguments[2][64:-64] = arguments[0].ravel()
    steep = both("merge_agreement", arguments, (2, 64, 64), np.uint8)[0][0]
    arguments[4][...] = 0
    assert (both("merge_agreement", arguments, (2, 64, 64), np.uint8)[0][0] == 255).all()
    assert (steep < 255).any()


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (33, 50), (70, 131)])
@pytest.mark.parametrize("odd", [0, 1])
def test_trust(shape, odd):
    rng = np.random.default_rng()
    agreement = np.stack([rng.integers(0, 256, shape), 255 * rng.integers(0, 2, shape)]).astype(np.uint8)
    fast, clear = both("merge_trust", (agreement,), (2, shape[0] + odd, shape[1] + odd), np.uint8)
    np.testing.assert_array_equal(fast, clear)
    agreement[0] = 255
    fast = both("merge_trust", (agreement,), (2, *shape), np.uint8)[0]
    assert (fast[0] + fast[1] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (70, 131)])
def test_frames_are_counted(shape):
    rng = np.random.default_rng()
    trust = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    trust[0][trust[1] > 127] = 0
    trust[1][trust[0] > 0] = 0
    frames = rng.uniform(1, 9, shape).astype(np.float32)
    np.testing.assert_allclose(*both("merge_counted", (frames, trust, 0.7), shape), rtol=1e-6)


def gather_arguments(rng, shape, shift):
    filled, tiles = -(-shape[1] // 16) * 16, tuple(-(-n // 32) for n in shape)
    trust = rng.integers(0, 256, (-(-shape[0] // 2), filled // 2)).astype(np.uint8)
    first = rng.random((shape[0] + 4, 3, filled + 4), np.float32)
    return trust, smooth_flow(rng, tiles, shift), first


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.0, 1.3, 30.0])
def test_gathering_a_mosaic(shape, shift):
    rng = np.random.default_rng()
    mosaic = rng.random(shape, np.float32).ravel()
    guide = gather_arguments(rng, shape, shift)
    sums = rng.random((shape[0], 6, shape[1])).astype(np.float16)
    for phase in PHASES:
        for clip in (np.inf, 0.8):
            arguments = (mosaic, shape[1], shape[0], *guide, 0.25, 0.7, clip, *phase, 0, sums)
            fast, clear = both("merge_gather_mosaic", arguments, sums.shape, np.float16)
            # Positions of 100 px are exact to 1e-5. Where the middle of a cell lies on a pixel but for rounding, its
            # pixels may take the next samples.
            assert np.isclose(fast, clear, rtol=2e-3, atol=2e-4).mean() > 0.98
    assert np.isfinite(fast).all()


def test_a_band_is_gathered_as_in_the_whole():
    rng = np.random.default_rng()
    shape = (102, 150)
    mosaic, (trust, flow, first) = rng.random(shape, np.float32).ravel(), gather_arguments(rng, shape, 5.0)
    sums = np.zeros((shape[0], 6, shape[1]), np.float16)
    whole, bands = np.full_like(sums, np.nan), np.full_like(sums, np.nan)
    arguments = 0.25, 0.7, np.inf, 1, 0
    frame = mosaic, shape[1], shape[0]
    native.call("merge_gather_mosaic", *frame, trust, flow, first, *arguments, 0, sums, whole)
    for top, stop in ((0, 48), (48, 64), (64, 102)):
        band = trust[top // 2 : -(-stop // 2)], flow, first[top : stop + 4]
        native.call("merge_gather_mosaic", *frame, *band, *arguments, top, sums[top:stop], bands[top:stop])
    np.testing.assert_array_equal(whole, bands)


def test_gathering_in_place_adds_up():
    rng = np.random.default_rng()
    shape = (34, 50)
    mosaic, guide = rng.random(shape, np.float32).ravel(), gather_arguments(rng, shape, 1.0)
    sums = np.zeros((shape[0], 6, shape[1]), np.float16)
    arguments = (mosaic, shape[1], shape[0], *guide, 0.25, 1.0, np.inf, 0, 0, 0)
    apart = np.full_like(sums, np.nan)
    native.call("merge_gather_mosaic", *arguments, sums, apart)
    native.call("merge_gather_mosaic", *arguments, sums, sums)
    np.testing.assert_array_equal(sums, apart)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.0, 1.3, 30.0])
def test_gathering_rgb(shape, shift):
    rng = np.random.default_rng()
    rgb = rng.random((*shape, 3), np.float32).ravel()
    sums = rng.random((shape[0], 4, shape[1])).astype(np.float16)
    for clip in (np.inf, 0.8):
        arguments = (rgb, shape[1], shape[0], *gather_arguments(rng, shape, shift), 0.25, 0.7, clip, 0, sums)
        fast, clear = both("merge_gather_rgb", arguments, sums.shape, np.float16)
        assert np.isclose(fast, clear, rtol=2e-3, atol=2e-4).mean() > 0.98
        assert np.isfinite(fast).all()


@pytest.mark.parametrize("shape", [(33, 50), (70, 131)])
@pytest.mark.parametrize("kind", ["mosaic", "rgb"])
def test_cells_are_gathered_as_in_the_whole(shape, kind):
    rng = np.random.default_rng()
    frame = rng.random((*shape, 3) if kind == "rgb" else shape, np.float32).ravel()
    n_planes, red = (6, (1, 0)) if kind == "mosaic" else (4, ())
    common = frame, shape[1], shape[0], *gather_arguments(rng, shape, 5.0), 0.25, 0.7, 0.9, *red
    sums = rng.random((shape[0], n_planes, -(-shape[1] // 16) * 16)).astype(np.float16)
    whole = both(f"merge_gather_{kind}", (*common, 0, sums), sums.shape, np.float16)[0]
    cells = np.ascontiguousarray(np.argwhere(rng.random([-(-n // 16) for n in shape]) < 0.6), np.int32)
    fast, clear = sums.copy(), sums.copy()
    bound = bounds(rng, shape, np.inf) if kind == "mosaic" else ()
    native.call(f"merge_gather_{kind}_cells", *common, *bound, cells, fast)
    getattr(reference, f"merge_gather_{kind}_cells")(*common, *bound, cells, clear)
    is_cell = np.zeros([-(-n // 16) for n in shape], bool)
    is_cell[tuple(cells.T)] = True
    inside = is_cell.repeat(16, 0).repeat(16, 1)[: shape[0], : shape[1]]
    fast, clear, whole, sums = (a[:, :, : shape[1]] for a in (fast, clear, whole, sums))
    np.testing.assert_allclose(np.moveaxis(fast, 1, 2)[inside], np.moveaxis(whole, 1, 2)[inside], rtol=2e-3, atol=1e-6)
    np.testing.assert_array_equal(np.moveaxis(fast, 1, 2)[~inside], np.moveaxis(sums, 1, 2)[~inside])
    assert np.isclose(fast, clear, rtol=2e-3, atol=2e-4).mean() > 0.95


def bounds(rng, shape, limit):
    """What noise and the guess explain: lost, noise, gain, limit."""
    noise = np.array([2e-3, 1e-3, 1.5e-3, 1e-2, 2e-2, 3e-2], np.float32)
    # Of tiles of whole blocks: the last odd row or column belongs to none.
    gain = rng.uniform(1, 2, [-(-(n // 2) // 16) for n in shape]).astype(np.float32)
    return rng.uniform(0, 0.02, half(shape)).astype(np.float32), noise, gain, limit


@pytest.mark.parametrize("shape", [(33, 50), (70, 131)])
def test_samples_that_nothing_explains_are_left_out(shape):
    rng = np.random.default_rng()
    guide = gather_arguments(rng, shape, 5.0)
    common = rng.random(shape, np.float32).ravel(), shape[1], shape[0], *guide, 0.25, 0.7, np.inf, 1, 0
    cells = np.ascontiguousarray(np.argwhere(np.ones([-(-n // 16) for n in shape])), np.int32)
    sums = np.zeros((2, shape[0], 6, -(-shape[1] // 16) * 16), np.float16)
    bound = bounds(rng, shape, 3.0)
    native.call("merge_gather_mosaic_cells", *common, *bound, cells, sums[0])
    reference.merge_gather_mosaic_cells(*common, *bound, cells, sums[1])
    # A difference at the very bound may fall to either side.
    assert np.isclose(*sums[..., : shape[1]], rtol=2e-3, atol=2e-4).mean() > 0.98
    everything = np.zeros_like(sums[0])
    native.call("merge_gather_mosaic_cells", *common, *bound[:3], np.inf, cells, everything)
    assert 0.2 < sums[0][:, 3:].sum(dtype=float) / everything[:, 3:].sum(dtype=float) < 0.9


@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_guess_lost(shape):
    rng = np.random.default_rng()
    first = rng.random((shape[0] + 4, 3, shape[1] + 4), np.float32)
    mosaic, (_, noise, gain, _) = rng.random(shape, np.float32), bounds(rng, shape, 1.0)
    for phase in PHASES:
        fast, clear = both("merge_lost", (mosaic, *phase, first, noise, gain), half(shape))
        np.testing.assert_allclose(fast, clear, atol=2e-6)
        assert (clear > 0).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_the_guess(shape):
    rgb, above = (np.random.default_rng().random((n, shape[1], 3), np.float32) for n in (shape[0], 8))
    for top, n, is_first in ((-2, shape[0] + 4, 1), (0, shape[0], 1), (-4, shape[0] - 1, 0), (-4, shape[0] + 6, 0)):
        fast, clear = both("merge_guess", (above, rgb, is_first, top), (n, 3, shape[1] + 4))
        np.testing.assert_allclose(fast, clear, atol=2e-6)


def finish_arguments(rng, shape, worth):
    first = rng.random((shape[0] + 4, 3, shape[1] + 4), np.float32)
    # With columns beyond the picture, as the gather leaves them.
    sums = rng.normal(0, 0.05, (shape[0], 6, shape[1] + 5)).astype(np.float16)
    sums[:, 3:] = rng.uniform(0.2, 5, (shape[0], 3, shape[1] + 5))
    noise = np.array([2e-3, 1e-3, 1.5e-3, 1e-4, 2e-4, 3e-4], np.float32)
    gain = rng.uniform(1, 2, [-(-n // 32) for n in shape]).astype(np.float32)
    return sums, first, noise, gain, (1.9, 1.5, 0.4, 0.6, worth, 0.3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("worth", [0.0, 1.0, 8.0])
def test_finishing(shape, worth):
    rng = np.random.default_rng()
    sums, first, noise, gain, rest = finish_arguments(rng, shape, worth)
    out = (shape[0], 3, shape[1] + 4)
    fast, clear = both("merge_finish_mosaic", (sums, shape[1], first, 0, noise, gain, *rest), out)
    inner = np.s_[:, :, 2:-2]  # what stands in the border is never shown
    np.testing.assert_allclose(fast[inner], clear[inner], atol=3e-4)  # reciprocals of 12 bits
    four = np.ascontiguousarray(sums[:, :4, : shape[1]])
    fast, clear = both("merge_finish_rgb", (four, first, 0, worth), out)
    np.testing.assert_allclose(fast[inner], clear[inner], atol=2e-6)


def test_strips_are_finished_as_in_the_whole():
    sums, first, noise, gain, rest = finish_arguments(np.random.default_rng(), (102, 50), 0.0)
    whole, strips = (np.full((102, 3, 54), np.nan, np.float32) for _ in range(2))
    native.call("merge_finish_mosaic", sums, 50, first, 0, noise, gain, *rest, whole)
    for top, stop in ((0, 32), (32, 96), (96, 102)):
        rows, tiles = first[top : stop + 4], gain[top // 32 : -(-stop // 32)]
        native.call("merge_finish_mosaic", sums, 50, rows, top, noise, tiles, *rest, strips[top:stop])
    # The light that noise is told from repeats at the ends of a strip.
    assert np.isclose(whole, strips, rtol=1e-5)[:, :, 2:-2].mean() > 0.8
    np.testing.assert_allclose(whole[:, :, 2:-2], strips[:, :, 2:-2], atol=0.1)


def test_finishing_without_samples_is_the_guess():
    sums, first, noise, gain, (*rest, _) = finish_arguments(np.random.default_rng(), (18, 34), 0.0)
    sums[:] = 0
    guess = np.moveaxis(reference._guess(first), 0, 1)
    for name, arguments in (
        ("merge_finish_mosaic", (sums, 34, first, 0, noise, gain, *rest, 0.0)),
        ("merge_finish_rgb", (np.ascontiguousarray(sums[:, :4]), first, 0, 0.0)),
    ):
        out = np.full((18, 3, 38), np.nan, np.float32)
        native.call(name, *arguments, out)
        np.testing.assert_allclose(out[:, :, 2:-2], guess, atol=1e-6)


def test_splines_go_through_the_pixels():
    rgb = np.random.default_rng().random((40, 50, 3), np.float32)
    out = np.empty((44, 3, 54), np.float32)
    native.call("merge_guess", rgb, rgb, 1, -2, out)
    # Beyond four pixels the filter is cut: a two-hundredth.
    np.testing.assert_allclose(np.moveaxis(reference._guess(out), 0, 2), rgb, atol=0.02)
