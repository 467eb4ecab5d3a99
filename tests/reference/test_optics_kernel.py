"""The compiled refraction against its NumPy twin."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.optics.trace import reference


def numbers(rng, conic, odd, index_before, index_behind):
    surface = np.zeros(37)
    a, b = rng.normal(0, 0.02, 2)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    surface[:9] = (about_y @ about_x).ravel()
    surface[9:12] = *rng.normal(0, 0.02, 2), rng.uniform(0, 1)
    surface[12:17] = rng.normal(0, 0.4), conic, index_before, index_behind, 0.9
    surface[17:22] = rng.normal(0, 1, 5) * (0.02, 0.02, 0.01, 0.005, 0.002)
    surface[27:30] = odd * rng.normal(0, 0.01, 3)
    return surface


# Fewer rays than a vector, around the cut of a block, and several blocks.
@pytest.mark.parametrize("n", [1, 7, 8, 511, 513, 2049])
@pytest.mark.parametrize("conic", [0.0, -2.25, 6.0])
@pytest.mark.parametrize("indices", [(1.0, 1.53), (1.8, 1.0)])
def test_refraction(n, conic, indices):
    rng = np.random.default_rng()
    surface = numbers(rng, conic, float(rng.integers(2)), *indices)
    rays = np.zeros((8, n))
    # Wide enough for rays that miss a strong conic, that are totally reflected, and that pass beyond the rim.
    rays[:2] = rng.uniform(-1.6, 1.6, (2, n))
    rays[2] = rng.uniform(-0.1, 0.1, n)
    heading = np.stack([*rng.uniform(-0.8, 0.8, (2, n)), np.ones(n)])
    rays[3:6], rays[6], rays[7] = heading / np.sqrt((heading**2).sum(0)), rng.normal(size=n), rng.integers(0, 2, n) * 3
    rays[:7, rng.random(n) < 0.05] = np.nan
    fast = np.full_like(rays, -7.0)
    native.call("optics_refract", rays, surface, fast)
    clear = reference.refract(rays, surface)
    # A ray that finds no surface wanders, and one of the two may call it met by chance: a few of those that go far out.
    same = fast[7] == clear[7]
    near = np.hypot(rays[0], rays[1]) < 0.9
    assert same[near].all()
    assert same.mean() > 0.9 or n < 20
    # Double precision over mm, after eight steps that square the error; steep rays amplify it.
    np.testing.assert_allclose(fast[:, near], clear[:, near], atol=1e-10)


def test_every_reason_is_given():
    rays = np.zeros((8, 4))
    rays[1], rays[5] = [0.0, 0.95, 3.0, 0.0], 1.0
    surface = np.zeros(37)
    surface[:9], surface[12:17] = np.eye(3).ravel(), (-0.8, 0.0, 1.5, 1.0, 0.5)
    rays[7, 3] = 2
    out = np.empty_like(rays)
    native.call("optics_refract", rays, surface, out)
    # On the axis it passes; at 0.95 mm sin i = 0.76 * 1.5 > 1; at 3 mm there is no sphere of 1.25 mm; a lost one stays.
    assert out[7].tolist() == [0, 2, 1, 2]
    assert np.isnan(out[:7, 1:3]).all()
    surface[12] = -0.1
    rays[1, 1] = 0.6
    native.call("optics_refract", rays, surface, out)
    assert out[7, 1] == 3
    assert np.isfinite(out[:, 1]).all()
