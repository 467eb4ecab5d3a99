"""The compiled demosaicer against its NumPy twin."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.demosaic import reference

WB = np.array([2.1, 1.0, 1.6], np.float32)
PRIOR = np.array([1e-3, 1e-2, 1e-3], np.float32)


def both(mosaic, row, column, offset=4e-3, rows=(0, None)):
    fast = np.full((*mosaic[slice(*rows)].shape, 3), np.nan, np.float32)
    clear = fast.copy()
    native.call("demosaic", mosaic, row, column, WB, offset, PRIOR, rows[0], fast)
    reference.demosaic(mosaic, row, column, tuple(map(float, WB)), offset, tuple(map(float, PRIOR)), rows[0], clear)
    return fast, clear


# Widths and heights around the cuts of the schedule (512 rows, 512 columns) and below a vector.
@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 5), (9, 17), (41, 33), (513, 514), (600, 40)])
@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_kernel_is_its_twin(shape, phase):
    rng = np.random.default_rng()
    smooth = np.cumsum(rng.normal(size=shape), axis=1) / 30 + 0.3
    for mosaic in (rng.random(shape) - 0.05, smooth):
        fast, clear = both(np.ascontiguousarray(mosaic, np.float32), *phase)
        difference = np.abs(fast - clear)
        assert np.isfinite(fast).all()
        # In an image two pixels wide a line's variance is nothing but rounding, and so are the weights.
        if min(shape) > 2:
            # Sums in another order; where both directions fit a line by chance the weights magnify it.
            assert np.quantile(difference, 0.999) < 3e-4
            assert np.median(difference) < 2e-6
            assert difference.max() < 1e-2


@pytest.mark.parametrize("rows", [(0, 16), (16, 140), (48, 50)])
def test_rows_of_a_mosaic(rows):
    mosaic = np.random.default_rng().random((140, 70)).astype(np.float32)
    fast, _ = both(mosaic, 0, 1, rows=rows)
    whole, _ = both(mosaic, 0, 1)
    np.testing.assert_array_equal(fast, whole[slice(*rows)])


def test_what_is_not_finite_stays_near():
    mosaic = np.full((60, 60), 0.2, np.float32)
    mosaic[30, 30] = np.nan
    fast, _ = both(mosaic, 0, 0)
    assert np.isfinite(fast[:8]).all()
    assert np.isfinite(fast[:, :8]).all()
