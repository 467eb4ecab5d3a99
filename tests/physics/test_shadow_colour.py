"""Colour fades where luminance sinks into the noise, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.stages.tone import reference

FLOOR = 0.004


def light(level: float) -> np.ndarray:
    """A reddish light [1, 1, 3] of this luminance."""
    rgb = np.float32([[[2.0, 0.8, 0.5]]])
    return np.asarray(rgb * np.float32(level) / (rgb @ reference.LUMA)[..., None], np.float32)


@pytest.mark.parametrize(("level", "kept"), [(FLOOR / 4, 0.004), (FLOOR, 0.5), (4 * FLOOR, 0.996), (0.18, 1.0)])
def test_share_of_colour_that_is_left(level: float, kept: float) -> None:
    before = light(level)
    after = reference.believable_colour(before, FLOOR)
    assert after @ reference.LUMA == pytest.approx(before @ reference.LUMA, rel=1e-4)
    spread = [float(p.max() - p.min()) for p in (before, after)]
    assert spread[1] / spread[0] == pytest.approx(kept, abs=0.005)


def test_speckle_around_black_loses_its_colour() -> None:
    speckle = np.random.default_rng(0).normal(0, FLOOR / 2, (64, 64, 3)).astype(np.float32)
    after = reference.believable_colour(speckle, FLOOR)
    assert (after.max(-1) - after.min(-1)).mean() < 0.2 * (speckle.max(-1) - speckle.min(-1)).mean()
