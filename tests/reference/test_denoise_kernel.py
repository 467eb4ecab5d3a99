"""The compiled denoising kernels against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel, native
from lichtbild.core.frame import sample_gain_grid
from lichtbild.stages.denoise import again, reference
from lichtbild.stages.denoise.again import reference as again_reference
from lichtbild.stages.denoise.levels import Roots, halved, prepare, whole_steps

BALANCE = np.array([2.0, 1.0, 1.6], np.float32)
OFFSET = 0.02
# Parts of three roots as of some camera.
ROOTS = Roots.of(NoiseModel((2e-3, 1e-3, 1.5e-3), (4e-5,) * 3, "simulated"), BALANCE)
PARTS = ROOTS.into
# Around the cuts of the schedule (240 columns, 256 rows), multiples of four and not, smaller than a block.
SHAPES = [(1, 1), (3, 5), (8, 8), (21, 50), (65, 243), (290, 33)]


def picture(rng, height, width):
    """Edges, noise, and some light below black."""
    base = np.where(np.arange(width)[None, :, None] % 37 < 18, 0.4, 0.05) * np.ones((height, 1, 3))
    return np.ascontiguousarray(base + rng.normal(size=base.shape) * 0.04, np.float32)


def weights(rng):
    return np.ascontiguousarray(1 / rng.uniform(0.2, 3, (3, 8, 8)), np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_coarser_scale(shape):
    rng = np.random.default_rng()
    parts = np.ascontiguousarray(np.moveaxis(picture(rng, *shape), 2, 0))
    coarse = halved(parts) + rng.normal(size=(3, -(-shape[0] // 2), -(-shape[1] // 2))).astype(np.float32) * 0.01
    cells = rng.uniform(5e-4, 3e-3, (3, -(-shape[0] // 4), -(-shape[1] // 4))).astype(np.float32)
    arguments = parts, coarse, cells, weights(rng), np.array([1.5, 1.0, 0.3], np.float32)
    fast, clear = (np.full((3, whole_steps(shape[0]), shape[1]), np.nan, np.float32) for _ in range(2))
    native.call("denoise_scale", *arguments, fast)
    reference.denoise_scale(*arguments, clear)
    # fast_inverse is good to 1e-4 of gains that are at most 1, on noise of 0.04.
    np.testing.assert_allclose(fast, clear, atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cut", [False, True])
def test_finest_scale(shape, cut):
    rng = np.random.default_rng()
    rgb = picture(rng, *shape)
    half = -(-shape[0] // 2), -(-shape[1] // 2)
    t = reference.to_root(rgb * BALANCE, OFFSET) @ PARTS.T
    coarse = halved(np.ascontiguousarray(np.moveaxis(t, 2, 0), np.float32))
    assert coarse.shape[1:] == half
    cells = rng.uniform(5e-4, 3e-3, (3, -(-shape[0] // 4), -(-shape[1] // 4))).astype(np.float32)
    arguments = (
        rgb,
        BALANCE,
        OFFSET,
        ROOTS.into,
        ROOTS.back,
        coarse,
        cells,
        weights(rng),
        np.array([1.5, 1.0, 0.0], np.float32),
        shape[0] // 32 if cut else 0,
    )
    rows = max(shape[0] // 2, 1) if cut else shape[0]
    fast, clear = (np.full((whole_steps(rows), shape[1], 3), np.nan, np.float32) for _ in range(2))
    native.call("denoise_finest", *arguments, fast)
    reference.denoise_finest(*arguments, clear)
    np.testing.assert_allclose(fast[:rows], clear[:rows], atol=3e-4)


@pytest.mark.parametrize("shape", [*SHAPES, (90, 500)])
@pytest.mark.parametrize("cut", [False, True])
def test_second_look(shape, cut):
    rng = np.random.default_rng()
    pilot = picture(rng, *shape)
    rgb = np.ascontiguousarray(pilot + rng.normal(size=pilot.shape) * 0.03, np.float32)
    cells = rng.uniform(5e-4, 3e-3, (3, -(-shape[0] // 4), -(-shape[1] // 4))).astype(np.float32)
    spectrum = np.ascontiguousarray(again.finer(1 / weights(rng)), np.float32)
    first = shape[0] // 24 if cut else 0
    rows = max(shape[0] // 2, 1) if cut else shape[0]
    arguments = rgb, pilot, BALANCE, OFFSET, ROOTS.into, ROOTS.back, cells, spectrum, again.basis(), first
    fast, clear = (np.full((rows, shape[1], 3), np.nan, np.float32) for _ in range(2))
    native.call("denoise_again", *arguments, fast)
    again_reference.denoise_again(*arguments, clear)
    # fast_inverse is good to 1e-4 of gains that are at most 1, on noise of 0.04.
    np.testing.assert_allclose(fast, clear, atol=3e-4)


def test_parts_have_noise_of_their_own():
    """Noise of the three colours, evened out by their samples, is not correlated in the parts."""
    # At the light where photon noise is thrice read noise.
    variance = np.array([2e-3, 1e-3, 1.5e-3]) * BALANCE * 0.08 + BALANCE**2 * 4e-5
    covariance = ROOTS.into @ np.diag(variance / np.array([1, 2, 1])) @ ROOTS.into.T
    apart = covariance - np.diag(np.diag(covariance))
    assert np.abs(apart).max() < 1e-3 * np.diag(covariance).min()
    np.testing.assert_allclose(ROOTS.into @ ROOTS.back, np.eye(3), atol=1e-6)
    # Grey has no colour.
    np.testing.assert_allclose(ROOTS.into @ np.ones(3), [np.sqrt(3), 0, 0], atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (8, 8), (21, 50), (65, 243)])
@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_thumbnail(shape, phase):
    mosaic = np.ascontiguousarray(picture(np.random.default_rng(), *shape)[..., 1])
    fast = np.full((3, -(-shape[0] // 8), -(-shape[1] // 8)), np.nan, np.float32)
    clear = fast.copy()
    native.call("denoise_thumbnail", mosaic, *phase, BALANCE, OFFSET, PARTS, fast)
    reference.denoise_thumbnail(mosaic, *phase, BALANCE, OFFSET, PARTS, clear)
    np.testing.assert_allclose(fast, clear, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_shares_of_frames(shape):
    n = np.random.default_rng().uniform(0, 9, shape).astype(np.float32)
    fast = np.full((-(-shape[0] // 4), -(-shape[1] // 4)), np.nan, np.float32)
    clear = fast.copy()
    native.call("denoise_frames", n, 0.2, 3.0, fast)
    reference.denoise_frames(n, 0.2, 3.0, clear)
    np.testing.assert_allclose(fast, clear, rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_preparation(shape):
    rng = np.random.default_rng()
    rgb = picture(rng, *shape)
    gain = rng.uniform(1, 3, (-(-shape[0] // 16) + 1, -(-shape[1] // 16) + 1, 3)).astype(np.float32)
    frame = Frame(
        rgb, Domain.CAMERA_RGB, FrameInfo("test", shape, "linear"),
        NoiseModel((1e-3, 2e-3, 3e-3), (1e-5, 2e-5, 3e-5), "simulated"), 2.5, gain,
    )  # fmt: skip
    roots = Roots.of(frame.noise, BALANCE)
    half, cells = prepare(frame, rgb, roots, 0.4)
    padded = np.pad(rgb, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), "edge")
    parts = reference.to_root(padded * BALANCE, roots.offset) @ roots.into.T
    four = parts[0::2, 0::2] + parts[1::2, 0::2] + parts[0::2, 1::2] + parts[1::2, 1::2]
    np.testing.assert_allclose(half, np.moveaxis(four / 4, 2, 0), atol=1e-5)

    rows, columns = cells.shape[1:]
    whole = np.pad(half, ((0, 0), (0, 2 * rows - half.shape[1]), (0, 2 * columns - half.shape[2])), "edge")
    t = np.moveaxis(whole.reshape(3, rows, 2, columns, 2).mean((2, 4)), 0, 2) @ roots.back.T
    light = np.maximum(reference.from_root(t, roots.offset), 0)
    g = sample_gain_grid(gain, 4 * np.arange(rows) + 2.5, 4 * np.arange(columns) + 2.5)
    of_light = (np.array(frame.noise.alpha) * g * light / BALANCE + np.array(frame.noise.beta) * g * g) / 2.5
    of_root = BALANCE**2 * of_light / (4 * (light + roots.offset))
    np.testing.assert_allclose(cells, np.moveaxis(of_root @ (roots.into**2).T, 2, 0), rtol=1e-3)
