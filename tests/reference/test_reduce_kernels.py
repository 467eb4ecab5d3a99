"""Kernels of reduce against their twin in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages import reduce as stage
from lichtbild.stages.reduce import reference


@pytest.mark.parametrize("shape", [(8, 8), (16, 17), (101, 333), (64, 1030)])
@pytest.mark.parametrize("period", [1, 2])
@pytest.mark.parametrize("kind", ["u16", "f32"])
@pytest.mark.parametrize("clip", [0.9, np.inf])
def test_reduce_means(shape, period, kind, clip):
    rng = np.random.default_rng()
    size = tuple(2 * max(int(n / rng.uniform(1.3, 5) / 2), 1) for n in shape)
    samples = rng.uniform(0, 1, shape).astype(np.float32)
    if kind == "u16":
        samples, clip = (65535 * samples).astype(np.uint16), 65535 * clip
    rows, columns = (stage._means(n, m, period) for n, m in zip(shape, size, strict=True))
    across = np.ascontiguousarray(columns[1].T)
    arguments = (clip, *rows, period, columns[0], across, period, samples)
    out, expected = np.full(size, np.nan, np.float32), np.empty(size, np.float32)
    native.call(f"reduce_means_{kind}", *arguments, out)
    reference.reduce_means(*arguments, expected)
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-5)
