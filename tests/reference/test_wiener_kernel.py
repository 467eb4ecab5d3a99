"""The kernel of wiener against its twin in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.wiener import reference


def arguments_of(shape, evidence):
    rng = np.random.default_rng()
    merged = rng.uniform(0, 0.8, shape).astype(np.float32)
    own = (merged + rng.standard_normal(shape) * rng.uniform(0.005, 0.03, shape)).astype(np.float32)
    frames = rng.uniform(1, 10, [-(-n // 2) for n in shape]).astype(np.float32)
    tiles = [-(-n // 32) for n in shape]
    noise = np.concatenate(
        [rng.uniform(1e-4, 2e-3, (*tiles, 4)), rng.uniform(1e-6, 1e-4, (*tiles, 4)), rng.uniform(0.7, 2, (*tiles, 4))],
        -1,
    ).astype(np.float32)
    return own, merged, frames, noise, np.float32([2, 1, 1, 1.6]), evidence


@pytest.mark.parametrize("shape", [(8, 8), (33, 47), (71, 299)])
def test_wiener_contradiction(shape):
    arguments = arguments_of(shape, 1.5)
    size = shape[0] // 8, shape[1] // 8
    out, expected = np.full(size, np.nan, np.float32), np.empty(size, np.float32)
    native.call("wiener_contradiction", *arguments, out)
    reference.wiener_contradiction(*arguments, expected)
    assert min(shape) < 16 or expected.max() > 1e-3
    assert np.allclose(out, expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 2), (5, 9), (32, 32), (47, 70), (71, 299)])
@pytest.mark.parametrize("evidence", [1.0, 2.5])
def test_wiener_own(shape, evidence):
    arguments = arguments_of(shape, evidence)
    out, expected = np.full(shape, np.nan, np.float32), np.empty(shape, np.float32)
    native.call("wiener_own", *arguments, out)
    reference.wiener_own(*arguments, expected)
    assert min(shape) < 16 or np.abs(expected - arguments[1]).max() > 1e-4
    assert np.allclose(out, expected, atol=2e-5)
