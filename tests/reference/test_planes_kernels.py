"""Pixels and rows of planes: kernels against their twins, and views of every kind made contiguous."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.planes import contiguous, planes_of, reference

SHAPES = [(1, 1), (2, 15), (17, 16), (33, 50), (40, 131)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rim", [0, 2, 24])
def test_there_and_back(shape, rim):
    pixels = np.random.default_rng().random((*shape, 3), np.float32)
    planes = planes_of(pixels, rim)
    expected = np.full_like(planes, np.nan)
    reference.planes_of_pixels(pixels, expected)
    np.testing.assert_array_equal(planes, expected)
    flat = planes.reshape(-1)[rim : planes.size - rim]
    fast, clear = (np.full_like(pixels, np.nan) for _ in range(2))
    native.call("pixels_of_planes", flat, shape[1] + 2 * rim, fast)
    reference.pixels_of_planes(flat, shape[1] + 2 * rim, clear)
    np.testing.assert_array_equal(fast, pixels)
    np.testing.assert_array_equal(clear, pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_any_view_is_made_contiguous(shape):
    """As the merge gives them: rows of planes without the border around them; and views that are none."""
    rng = np.random.default_rng()
    planes = rng.random((shape[0] + 2, 3, shape[1] + 2), np.float32)
    view = planes[1:-1, :, 1:-1].transpose(0, 2, 1)
    pixels = rng.random((*shape, 3), np.float32)
    for given in (view, view[::-1], view[:, ::2], pixels, pixels[:, ::-1], view.astype(np.float64), view[:0]):
        got = contiguous(given)
        assert got.flags.c_contiguous
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, given.astype(np.float32))
    assert contiguous(pixels) is pixels


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="planes"):
        native.call("pixels_of_planes", np.zeros(100, np.float32), 20, np.zeros((3, 16, 3), np.float32))
