"""Deconvolution in strips against its twin block by block."""

import numpy as np
import pytest

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.core.transfer import TransferField
from lichtbild.stages.deconvolution import LEFT_BY_DENOISING, deconvolve, n_blocks_along, plan
from lichtbild.stages.deconvolution.reference import deconvolve_plane


def coma(shape, strength=1.5):
    """A lens whose blur and whose coma grow with the radius, other for each colour."""
    radii, f = np.array([0.0, 0.5, 1.0]), np.linspace(0, 0.75, 31)
    wide = 0.5 + radii[:, None, None] * np.array([0.9, 0.7, 1.0])[None, :, None]
    radial = np.exp(-2 * (np.pi * wide * f) ** 2 - 1j * strength * radii[:, None, None] * (2 * np.pi * f) ** 3 / 6)
    tangential = np.exp(-2 * (np.pi * 0.8 * wide * f) ** 2) + 0j
    return TransferField.from_edges(radii, f, radial, tangential, shape)


def frame_of(shape, rng, gain=True, counts=True):
    pixels = np.cumsum(rng.normal(size=(*shape, 3)), 1).astype(np.float32) * 0.01 + 0.3
    nodes = tuple(-(-n // GAIN_STEP_PX) + 1 for n in shape)
    return Frame(
        pixels,
        Domain.CAMERA_RGB,
        FrameInfo("blocks", shape, "linear"),
        NoiseModel((2e-4, 1e-4, 3e-4), (1e-6, 2e-6, 1e-6), "simulated"),
        n_effective=rng.uniform(1, 8, shape).astype(np.float32) if counts else 4.0,
        gain=rng.uniform(1, 2, (*nodes, 3)).astype(np.float32) if gain else None,
        saturation=1e9,
    )


@pytest.mark.parametrize("shape", [(64, 64), (97, 211), (160, 130)])
@pytest.mark.parametrize("maps", [False, True])
def test_strips_equal_blocks(shape, maps):
    frame = frame_of(shape, np.random.default_rng(), maps, maps)
    inverse = plan(coma(shape), shape)
    out = deconvolve(frame, inverse, frame).pixels
    n_y, n_x = map(n_blocks_along, shape)
    for colour in range(3):
        filters = np.stack([inverse.of_row(i, n_x, colour) for i in range(n_y)])
        variance = np.empty((n_y, n_x))
        plane = frame.pixels[:, :, colour].astype(np.float64)
        wide = np.pad(plane, ((16, n_y * 48 - shape[0]), (16, n_x * 48 - shape[1])), "symmetric")
        for i in range(n_y):
            for j in range(n_x):
                mean = wide[48 * i : 48 * i + 64, 48 * j : 48 * j + 64].mean()
                y = min(48 * i + 16, shape[0] - 1)
                g, n = 1.0, 4.0
                if maps:
                    g = frame.gain[y // 16, min((48 * j + 16) // 16, frame.gain.shape[1] - 1), colour]
                    rows = frame.n_effective[max(y - 24, 0) : min(y + 24, shape[0]) : 4]
                    line = np.pad(1 / rows.mean(0), (0, 128), "edge")
                    n = 1 / line[max(48 * j - 8, 0) : max(48 * j - 8, 0) + 48].mean()
                a, b = (LEFT_BY_DENOISING * v[colour] for v in (frame.noise.alpha, frame.noise.beta))
                variance[i, j] = (a * g * max(mean, 0) + b * g * g) / n
        wanted = deconvolve_plane(plane, filters.astype(np.complex128), variance)
        np.testing.assert_allclose(out[:, :, colour], wanted, atol=3e-5)


def test_bands_equal_the_whole():
    shape = (320, 120)
    frame = frame_of(shape, np.random.default_rng())
    inverse = plan(coma(shape), shape)
    whole = deconvolve(frame, inverse, frame).pixels
    for start, stop in ((0, 96), (96, 208), (208, 320)):
        first, last = max(start - 64, 0), min(stop + 64, shape[0])
        band = frame.rows(first, last)
        done = deconvolve(band, inverse, band, (start - first, stop - first), first)
        np.testing.assert_array_equal(done.pixels, whole[start:stop])
        assert done.gain.shape[0] == (stop - start) // GAIN_STEP_PX + 1
