"""Kernels of quad_bayer against their twins in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.quad_bayer import reference


@pytest.mark.parametrize("shape", [(1, 1), (2, 6), (33, 47), (64, 300)])
def test_quad_bin(shape):
    rng = np.random.default_rng()
    mosaic = rng.uniform(-0.1, 1, (2 * shape[0], 2 * shape[1])).astype(np.float32)
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("quad_bin", mosaic, out)
    reference.quad_bin(mosaic, expected)
    assert np.allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (10, 8), (34, 50), (66, 302)])
@pytest.mark.parametrize("red", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_quad_remosaic(shape, red):
    rng = np.random.default_rng()
    mosaic = rng.uniform(-0.1, 1, shape).astype(np.float32)
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("quad_remosaic", mosaic, *red, 1e-4, out)
    reference.quad_remosaic(mosaic, *red, 1e-4, expected)
    assert np.allclose(out, expected, atol=1e-5)
