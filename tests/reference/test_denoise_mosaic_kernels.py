"""The compiled kernels of mosaic denoising against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.denoise_mosaic import basis, reference

# Even mosaics (the wrapper cuts to whole blocks), around the cuts of the schedule (16 columns, 32 rows of a plane).
SHAPES = [(32, 32), (34, 46), (66, 102), (130, 70)]
COLOURS = {"RGGB": [0, 1, 1, 2], "BGGR": [2, 1, 1, 0], "GRBG": [1, 0, 2, 1], "GBRG": [1, 2, 0, 1]}


def both(name, arguments, shape):
    """The kernel's result and its twin's, each into an array that would show what is not written."""
    fast, clear = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    native.call(name, *arguments, fast)
    getattr(reference, name)(*arguments, clear)
    return fast, clear


def sites(rng, shape, name):
    """alpha, beta, colour of the four sites, and a gain grid; one site has no photon noise."""
    alpha = rng.uniform(1e-4, 5e-3, 4).astype(np.float32)
    alpha[rng.integers(4)] = 0
    beta = rng.uniform(1e-6, 1e-4, 4).astype(np.float32)
    grid = (-(-shape[0] // 16) + 1, -(-shape[1] // 16) + 1, 3)
    return alpha, beta, np.array(COLOURS[name], np.int32), rng.uniform(1, 3, grid).astype(np.float32)


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("shape", SHAPES)
def test_packing_and_unpacking(shape, name):
    rng = np.random.default_rng()
    # Some light below black, some above saturation.
    mosaic = rng.uniform(-0.05, 1.5, shape).astype(np.float32)
    guide = sites(rng, shape, name)
    planes, clear = both("denoise_mosaic_pack", (mosaic, *guide), (4, shape[0] // 2, shape[1] // 2))
    # Stabilised values reach 1000 sigma; single precision.
    np.testing.assert_allclose(planes, clear, rtol=1e-5, atol=2e-3)
    fast, clear = both("denoise_mosaic_unpack", (planes, *guide, 0.3), shape)
    np.testing.assert_allclose(fast, clear, rtol=1e-5, atol=1e-5)


def test_unpacking_undoes_packing():
    """With all noise kept there is no bias to take back; the root is exact where it is not clipped."""
    rng = np.random.default_rng()
    mosaic = rng.uniform(0, 1, (48, 64)).astype(np.float32)
    guide = sites(rng, mosaic.shape, "GRBG")
    planes, again = np.full((4, 24, 32), np.nan, np.float32), np.full_like(mosaic, np.nan)
    native.call("denoise_mosaic_pack", mosaic, *guide, planes)
    native.call("denoise_mosaic_unpack", planes, *guide, 1.0, again)
    np.testing.assert_allclose(again, mosaic, atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (17, 23), (33, 50), (65, 35)])
@pytest.mark.parametrize("thresholds", [(0.0, 0.0), (2.5, 2.0), (1e9, 1e9)])
def test_shrinking(shape, thresholds):
    rng = np.random.default_rng()
    edge = np.where(np.arange(shape[1]) % 20 < 9, 6.0, 0.0)
    planes = (rng.normal(size=(4, *shape)) + edge).astype(np.float32)
    fast, clear = both("denoise_mosaic_shrink", (planes, basis(), *thresholds), planes.shape)
    assert np.isfinite(fast).all()
    # Blocks where a coefficient falls on the very threshold may differ by it; no more than one or two of thousands.
    is_same = np.isclose(fast, clear, atol=1e-4)
    assert is_same.mean() > (0.98 if thresholds[0] == 2.5 else 0.9999)
    if thresholds == (0.0, 0.0):
        np.testing.assert_allclose(fast, planes, atol=2e-5)


def test_the_basis_is_orthonormal():
    np.testing.assert_allclose(basis() @ basis().T, np.eye(8), atol=1e-6)
