"""The blur with which a merge's noise is that of the mean of its frames."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.stages.merge.picture import evenness
from lichtbild.stages.merge.picture.evenness import blur_of

ALIKE = (1.0, 1.0)


def test_blur_is_the_less_the_more_frames_share_their_samples_already():
    """Half a pixel apart, samples count in four pixels; on the pixels, in one."""
    on_pixels = np.zeros((1, 4, 2))
    between = on_pixels.copy()
    between[:, 1:] = 0.5
    assert blur_of(between, [1.0] * 4, ALIKE, (0, 0), 0.4) < blur_of(on_pixels, [1.0] * 4, ALIKE, (0, 0), 0.4)


@pytest.mark.parametrize("red", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_filter_array_s_corner_changes_nothing(red):
    moves = np.random.default_rng(20261130).uniform(-3, 3, (9, 5, 2))
    moves[:, 0] = 0
    usual, other = (blur_of(moves, [1.0] * 5, (0.4, 0.5), at, 0.4) for at in ((0, 0), red))
    assert np.isclose(usual, other)


def test_variance_is_that_of_the_mean_of_the_frames():
    """The quadratic's root, put in."""
    moves = np.random.default_rng(20261130).uniform(-3, 3, (4, 6, 2))
    moves[:, 0] = 0
    weights = np.array([1, 0.5, 1, 2, 1, 1.0])
    blur = blur_of(moves, list(weights), (0.4, 0.5), (0, 0), 0.4)
    bare, less, noise = evenness._responses(moves, weights, (0.4, 0.5), (0, 0), 0.4)
    variance = ((bare + blur * less) ** 2 * noise).sum((1, 2, 3)).mean()
    assert np.isclose(variance * evenness._LET_THROUGH, 1 / weights.sum())


def test_shares_are_of_light():
    """Whatever the blur, an even picture stays as bright as it is."""
    moves = np.random.default_rng(20261130).uniform(-3, 3, (5, 3, 2))
    bare, less, _ = evenness._responses(moves, np.ones(3), (0.3, 0.7), (1, 0), 0.4)
    np.testing.assert_allclose(bare.sum((1, 2, 3)), 1)
    np.testing.assert_allclose(less.sum((1, 2, 3)), 0, atol=1e-12)
