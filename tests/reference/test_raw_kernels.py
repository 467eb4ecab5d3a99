"""Kernels of linearise and defects against their twins in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.defects import reference as defects
from lichtbild.stages.linearise import reference as linearise

SHAPES = [(2, 2), (1, 17), (33, 15), (64, 64), (71, 130)]


def levels(rng, shape, n_rows):
    black = rng.uniform(0, 300, (n_rows, shape[1])).astype(np.float32)
    return black, rng.normal(size=shape[0]).astype(np.float32), rng.uniform(1e-4, 1e-3, shape[1]).astype(np.float32)


def layer(rng, shape, cell, n):
    row = rng.integers(0, n - 1, shape[0]).astype(np.int32)
    return (
        rng.uniform(0.5, 3, (cell, n, shape[1])).astype(np.float32),
        row,
        rng.uniform(size=shape[0]).astype(np.float32),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_linearise(shape, n_rows):
    rng = np.random.default_rng()
    stored = rng.integers(0, 65536, shape).astype(np.uint16)
    arguments = levels(rng, shape, n_rows)
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("linearise_u16", stored, *arguments, out)
    linearise.linearise_u16(stored, *arguments, expected)
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("cell", "n"), [(1, 2), (2, 13), (4, 5)])
def test_linearise_with_gain(shape, cell, n):
    rng = np.random.default_rng()
    stored = rng.integers(0, 65536, shape).astype(np.uint16)
    arguments = (*levels(rng, shape, 2), *layer(rng, shape, cell, n))
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("linearise_gain_u16", stored, *arguments, out)
    linearise.linearise_gain_u16(stored, *arguments, expected)
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_spatial_gain(shape):
    rng = np.random.default_rng()
    pixels = rng.normal(size=shape).astype(np.float32)
    arguments = layer(rng, shape, 2, 7)
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("spatial_gain_f32", pixels, *arguments, out)
    linearise.spatial_gain_f32(pixels, *arguments, expected)
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (9, 30), (40, 17), (70, 100), (131, 64)])
@pytest.mark.parametrize(("sigmas", "thresholds"), [(1.0, (0.25, 0.0, 0.0)), (4.5, (0.8, 0.15, 0.3))])
def test_pixels_that_stand_out(shape, sigmas, thresholds):
    """On values that lie nearly in steps, so that every branch comes up."""
    rng = np.random.default_rng()
    mosaic = (rng.integers(0, 6, shape) / 20 + rng.uniform(0, 1e-3, shape)).astype(np.float32)
    places = rng.uniform(size=shape) < 0.03
    mosaic[places] = rng.choice([0.0, 0.9], places.sum())
    grids = [
        np.ascontiguousarray(rng.uniform(1e-5, 1e-3, (-(-shape[0] // 16), -(-shape[1] // 16), 4)), np.float32)
        for _ in range(2)
    ]
    blocks = (shape[0], -(-shape[1] // 16))
    out, expected = np.full(blocks, 0xA5A5, np.uint16), np.zeros(blocks, np.uint16)
    native.call("defects_suspects", mosaic, *grids, sigmas, *thresholds, out)
    defects.defects_suspects(mosaic, *grids, sigmas, *thresholds, expected)
    assert np.array_equal(out, expected)
    assert expected.any() or mosaic.size < 3000
