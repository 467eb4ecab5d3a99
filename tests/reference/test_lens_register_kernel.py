"""Bringing a mosaic's colours together: the kernel against its twin."""

import numpy as np
import pytest

from lichtbild.core import native
from lichtbild.stages.lens.register import reference


@pytest.mark.parametrize("shape", [(64, 64), (97, 131), (150, 83)])
@pytest.mark.parametrize("red", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_kernel_equals_twin(shape, red):
    rng = np.random.default_rng()
    mosaic = rng.uniform(0, 1, shape).astype(np.float32)
    nodes = tuple(-(-n // 32) + 2 for n in shape)
    # Each colour torn by up to some px, a little more from node to node; held at 8 px.
    grid = (rng.uniform(-9, 9, (1, 1, 2, 2)) + 0.2 * rng.normal(size=(*nodes, 2, 2))).astype(np.float32)
    out, wanted = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    arguments = (mosaic, grid, 1.7, 0.8, *red)
    native.call("lens_register", *arguments, out)
    reference.lens_register(*arguments, wanted)
    np.testing.assert_allclose(out, wanted, atol=2e-5)


def test_nothing_moves_where_nothing_is_torn():
    """Displacement 0: red is green's estimate and its own difference to it, so itself."""
    rng = np.random.default_rng()
    mosaic = rng.uniform(0, 1, (80, 96)).astype(np.float32)
    out = np.empty_like(mosaic)
    native.call("lens_register", mosaic, np.zeros((5, 5, 2, 2), np.float32), 2.0, 1.5, 0, 0, out)
    np.testing.assert_allclose(out, mosaic, atol=1e-6)
