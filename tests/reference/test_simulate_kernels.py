"""The kernels of the simulation against their NumPy twins."""

import numpy as np
import pytest

from lichtbild.core import Cfa, native
from lichtbild.simulate import Crosstalk, Lens, Sensor, reference
from lichtbild.simulate.lens import lens_frame
from lichtbild.simulate.sensor import physics


@pytest.mark.parametrize("shape", [(8, 8), (33, 70), (130, 301)])
@pytest.mark.parametrize("n", [3, 4])
def test_blur(shape: tuple[int, int], n: int) -> None:
    rng = np.random.default_rng()
    scene = rng.random((n, *shape), np.float32)
    matrix = rng.normal(size=(n, n)).astype(np.float32)
    taps = Lens(0.45).blur_taps(1.5)
    out = np.full_like(scene, np.nan)
    native.call("simulate_blur", scene, matrix, taps, out)
    np.testing.assert_allclose(out, reference.simulate_blur(scene, matrix, taps), atol=2e-5)


@pytest.mark.parametrize(("height", "width", "quad"), [(2, 2, 1), (37, 53, 1), (64, 130, 2)])
def test_sample(height: int, width: int, quad: int) -> None:
    rng = np.random.default_rng()
    coefficients = rng.random((4, 90, 150), np.float32)
    lens = rng.normal(0, 0.02, (3, 15)).astype(np.float32)
    motion = rng.normal(0, 1e-3, (6, 8)).astype(np.float32)
    motion[:, [2, 5]], motion[:, 6:] = rng.normal(0, 20, 2), rng.normal(0, 3e-5, (6, 2))
    planes = rng.integers(0, 4, (2, 2)).astype(np.int32)
    top, left = 6, 14
    numbers = (quad - 1, top, left, 1.25, 11.5, 9.5)
    out = np.full((height, width), np.nan, np.float32)
    frame = np.asarray(lens_frame((100, 160)), np.float32)
    native.call("simulate_sample", coefficients, lens, frame, motion, planes, *numbers, out)
    wanted = reference.simulate_sample(coefficients, lens, frame, motion, planes, *numbers, (height, width))
    np.testing.assert_allclose(out, wanted, atol=2e-4)


def test_spline_weights_are_a_partition_of_one() -> None:
    weights = np.stack(reference.spline_weights(np.linspace(0, 0.999, 50)))
    np.testing.assert_allclose(weights.sum(0), 1)
    positions = np.arange(-2, 4)[:, None]
    np.testing.assert_allclose((weights * positions).sum(0), np.linspace(0, 0.999, 50), atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 5), (41, 22)])
def test_project(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng()
    coefficients = rng.random((4, 90, 150), np.float32)
    lens = rng.normal(0, 0.02, (4, 15)).astype(np.float32)
    motion = rng.normal(0, 1e-3, (5, 8)).astype(np.float32)
    motion[:, [2, 5]], motion[:, 6:] = rng.normal(0, 3, (5, 2)), rng.normal(0, 3e-5, (5, 2))
    numbers = (np.array([30, 20, 1e-3], np.float32), motion, int(rng.integers(-9, 30)), 5, 1.5, 10.5, 8.5)
    out = np.full((4, shape[0], 4, shape[1]), np.nan, np.float32)
    native.call("simulate_project", coefficients, lens, *numbers, out)
    # Positions near 100 in single precision, and a slope of 1 a sample.
    np.testing.assert_allclose(out, reference.simulate_project(coefficients, lens, *numbers, shape), atol=2e-5)


# Smaller than a vector, odd, over the corner of cells, and quad sites.
@pytest.mark.parametrize(
    ("height", "width", "quad", "taps"), [(2, 2, 1, 4), (37, 53, 1, 8), (140, 290, 1, 12), (64, 132, 2, 8)]
)
def test_blur_sites(height: int, width: int, quad: int, taps: int) -> None:
    rng = np.random.default_rng()
    first = int(rng.integers(0, 100))
    psf = rng.random(((height + first) // 128 + 2, width // 128 + 2, 3, taps, taps), np.float32)
    samples = rng.random((3, 2 * height + taps, 4, -(-width // 128) * 64 + (2 + taps) // 4 + 1), np.float32)
    planes = np.array([[0, 1], [1, 2]], np.int32)[:, :: int(rng.choice([1, -1]))].copy()
    out = np.full((height, width), np.nan, np.float32)
    native.call("simulate_blur_sites", samples, psf, planes, quad - 1, first, out)
    wanted = reference.simulate_blur_sites(samples, psf, planes, quad - 1, first, (height, width))
    np.testing.assert_allclose(out, wanted, rtol=5e-6)


@pytest.mark.parametrize(("height", "width", "quad"), [(2, 2, 1), (45, 77, 1), (40, 64, 2)])
def test_expose(height: int, width: int, quad: int) -> None:
    rng = np.random.default_rng()
    light = (rng.random((height, width), np.float32) ** 3 * 1.3 - 0.05).astype(np.float32)
    gain = (1 + rng.random((5, 7, 4), np.float32)).astype(np.float32)
    simple = Sensor(Cfa.from_name("RGGB", quad))
    full = Sensor(
        simple.cfa, prnu=0.02, dsnu_e=3.0, dark_e_s=40.0, row_e=2.0, column_e=1.0, telegraph_fraction=0.1, well_e=5e3,
        optical=Crosstalk(0.02, 0.004), electrical=Crosstalk(0.01, 0.002), read_after_dn=0.7,
    )  # fmt: skip
    for sensor, iso in ((simple, 100.0), (simple, 10000.0), (full, 100.0), (full, 6400.0)):
        numbers = (physics(sensor, iso, 0.5), quad - 1, *(int(v) for v in rng.integers(0, 2**32, 2)))
        out = np.full((height, width), 65535, np.uint16)
        native.call("simulate_expose", light, gain, *numbers, out)
        wanted = reference.simulate_expose(light, gain, *numbers).astype(int)
        # Arithmetic in 32 bits tips a count or a rounding once in a while, never by more than an electron.
        difference = np.abs(out.astype(int) - wanted)
        assert (difference > 0).mean() < 0.02 + 4 / out.size
        assert difference.max() <= 1 + sensor.gain_dn_e(iso)
