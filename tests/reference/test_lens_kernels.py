"""Kernels of the lens stage against their twins in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.core.corrections import TrimBounds, WarpRectilinear
from lichtbild.stages.lens import reference, resampling
from lichtbild.stages.lens.geometry import Chain
from lichtbild.stages.lens.plan import Resampling
from lichtbild.stages.planes import planes_of


def random_grid(rng, shape, reach):
    """A smooth displacement that points far outside here and there, other for each plane, and a gain."""
    rows, columns = -(-shape[0] // 16) + 3, -(-shape[1] // 16) + 3
    grid = rng.uniform(-reach, reach, (rows, columns, 3, 3))
    grid[..., 2] = rng.uniform(0.5, 2, grid.shape[:3])
    return grid.astype(np.float32)


def slow_grid(rng, shape, reach):
    """The same where neighbours along a row differ by less than a pixel."""
    grid = random_grid(rng, shape, 0.18)
    grid[..., :2] += rng.uniform(-reach, reach, (grid.shape[0], 1, 3, 2))
    grid[..., 0] += 0.4 * (np.arange(grid.shape[1]) - grid.shape[1] / 2)[None, :, None] * rng.choice((-1, 1))
    return grid.astype(np.float32)


def random_planes(rng, shape):
    """Rows of planes of random pixels, flat, as the warps take them."""
    return planes_of(rng.uniform(-0.1, 1, (*shape, 3)).astype(np.float32), resampling.RIM).reshape(-1)


SHAPES = pytest.mark.parametrize(
    ("source", "result", "reach"),
    [((64, 64), (64, 64), 3), ((70, 91), (70, 91), 40), ((6, 6), (6, 6), 9), ((6, 300), (5, 301), 2),
     ((133, 7), (150, 3), 20), ((40, 50), (1, 1), 3), ((50, 40), (17, 33), 400)],
)  # fmt: skip


@SHAPES
@pytest.mark.parametrize("name", ["lens_warp", "lens_warp_shared"])
def test_lens_warp(source, result, reach, name):
    rng = np.random.default_rng()
    planes = random_planes(rng, source)
    grid = slow_grid(rng, result, reach)
    out = np.full((*result, 3), np.nan, np.float32)
    native.call(name, planes, source[1], source[0], 0, 0, grid, resampling.series(), out)
    expected = np.full_like(out, np.nan)
    getattr(reference, name)(planes, source[1], source[0], 0, 0, grid, resampling.series(), expected)
    # Weights err by 1e-5, those of two axes meet a gain of 2; places far out are known to 2e-5 px in single precision.
    assert np.abs(out - expected).max() < 5e-5 + 1e-6 * reach


@SHAPES
def test_lens_warp_far(source, result, reach):
    rng = np.random.default_rng()
    planes = random_planes(rng, source)
    grid = random_grid(rng, result, reach)
    out = np.full((result[0], result[1] * 3), np.nan, np.float32)
    native.call("lens_warp_far", planes, source[1], source[0], 0, 0, grid, *resampling.tables(), out)
    expected = np.full_like(out, np.nan)
    reference.lens_warp_far(planes, source[1], source[0], 0, 0, grid, *resampling.tables(), expected)
    difference = np.abs(out - expected)
    # Where a position falls between two of the 256, single precision may round it the other way.
    assert np.mean(difference > 1e-4) < 0.01
    assert difference.max() < 0.05


@pytest.mark.parametrize(("source", "result"), [((64, 80), (64, 80)), ((2, 2), (5, 40)), ((37, 51), (33, 17))])
def test_lens_warp_single(source, result):
    rng = np.random.default_rng()
    values = rng.uniform(1, 10, source).astype(np.float32)
    grid = random_grid(rng, result, 12)
    out = np.full(result, np.nan, np.float32)
    native.call("lens_warp_single", values, source[0], 0, 0, grid, out)
    expected = np.full(result, np.nan, np.float32)
    reference.lens_warp_single(values, source[0], 0, 0, grid, expected)
    assert np.abs(out - expected).max() < 1e-3


@pytest.mark.parametrize("name", ["lens_warp", "lens_warp_shared", "lens_warp_far"])
def test_a_grid_with_nan_reads_nothing_outside(name):
    """A displacement that is no number (a hostile file) gives some pixel of the picture, never another memory."""
    rng = np.random.default_rng()
    planes = random_planes(rng, (20, 20))
    grid = random_grid(rng, (20, 20), 3)
    grid[1:3, :, :, :2] = np.nan
    grid[3, :, :, :2] = np.inf
    is_far = name == "lens_warp_far"
    weights, shape = (resampling.tables(), (20, 60)) if is_far else ([resampling.series()], (20, 20, 3))
    out = np.full(shape, np.nan, np.float32)
    native.call(name, planes, 20, 20, 0, 0, grid, *weights, out)
    assert np.isfinite(out).all()


def test_what_bends_fast_is_followed_pixel_by_pixel():
    for radial, name in ((-0.01, "lens_warp_shared"), (-0.3, "lens_warp_far")):
        warp = WarpRectilinear(((1.0, radial, 0, 0),), ((0, 0),), 0.5, 0.5)
        assert Resampling.of([warp], (640, 800), "here").kernel == name


def test_the_grid_follows_the_model():
    """Between its nodes the displacement errs by less than 0.005 px, for a strongly distorting lens."""
    warp = WarpRectilinear(((1.0, -0.2, 0.05, -0.02),), ((0.003, 0.002),), 0.45, 0.55)
    chain = Chain.of([TrimBounds(3, 5, 3000, 4000), warp], (3024, 4032))
    grid = chain.grid()[..., 1, :].astype(np.float64)
    rows, columns = np.s_[0:96], np.s_[3800:3995]  # near a corner, where it bends most
    y, x = np.arange(2997)[rows] + 0.5, np.arange(3995)[columns] + 0.5
    from_y, from_x, _ = chain.source(1, y[:, None], x[None, :])
    part = grid[: 96 // 16 + 3, 3792 // 16 :]
    for value, exact in ((0, from_x - x[None, :]), (1, from_y - y[:, None])):
        got = reference.at_pixels(part[..., value], (96, 203), True)[:, 8:]
        assert np.abs(got - exact).max() < 0.005


def test_weights():
    across, down = resampling.tables()
    assert np.allclose(down.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(across[:, :6], down)
    assert not across[:, 6:].any()
    middle = down.reshape(11, 256, 6)[5]
    assert np.allclose(middle[0], [0, 0, 1, 0, 0, 0], atol=1e-7)
    assert np.allclose(middle[128], middle[128][::-1], atol=1e-7)


def test_polynomials_are_the_weights():
    place = np.random.default_rng().uniform(0, 1, 1000)
    z = place - 0.5
    powers = z[:, None] ** (2 * np.arange(3))
    even, odd = (powers @ resampling.series()[:, part].astype(np.float64).T for part in (0, 1))
    found = np.concatenate([even + z[:, None] * odd, (even - z[:, None] * odd)[:, ::-1]], 1)
    found *= (place * (1 - place))[:, None]
    found[:, 2:4] += np.stack([1 - place, place], 1)
    assert np.abs(found - resampling.weights_at(place)).max() < 1e-5
    assert np.abs(found.sum(1) - 1).max() < 1e-5
