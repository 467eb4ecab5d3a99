"""The nouns of the house: noise that follows the pixels, frames, cameras, gain grids."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import (
    Camera,
    Cfa,
    Domain,
    DomainError,
    Exposure,
    Frame,
    FrameInfo,
    Levels,
    MetadataError,
    NoiseModel,
    ShapeError,
)
from lichtbild.core.frame import GAIN_STEP_PX, cfa_plane_index, sample_gain_grid


def _frame(pixels: np.ndarray, domain: Domain = Domain.MOSAIC, **changes: object) -> Frame:
    info = FrameInfo("test.dng", pixels.shape[:2], "mosaic", cfa=Cfa.from_name("RGGB"))
    noise = NoiseModel((2e-4, 1e-4, 3e-4), (1e-6, 2e-6, 3e-6), "simulated")
    return Frame(pixels, domain, info, noise, **changes)  # type: ignore[arg-type]


def _exposed(rng: np.random.Generator, signal: float, alpha: float, beta: float, n: int) -> np.ndarray:
    """Photon and read noise drawn as a sensor does: Poisson electrons, Gaussian reading."""
    return rng.poisson(signal / alpha, n) * alpha + rng.normal(0, np.sqrt(beta), n)


@pytest.mark.parametrize("gain", [0.25, 3.0])
def test_noise_model_predicts_scaled_and_averaged_exposures(gain: float) -> None:
    """Statistics of simulated electrons, not of the model itself; the variance of n samples strays by sqrt(2 / n)."""
    rng = np.random.default_rng(7)
    alpha, beta, signal, n = 4e-4, 3e-6, 0.3, 200_000
    model = NoiseModel((alpha,), (beta,), "simulated")
    tolerance = 6 * np.sqrt(2 / n)

    single = gain * _exposed(rng, signal, alpha, beta, n)
    predicted = model.scaled(gain).variance(np.array([gain * signal]), 0)[0]
    assert np.var(single) == pytest.approx(predicted, rel=tolerance)

    mean = np.mean([_exposed(rng, signal, alpha, beta, n) for _ in range(4)], axis=0)
    assert np.var(mean) == pytest.approx(model.averaged(4).variance(np.array([signal]), 0)[0], rel=tolerance)


def test_scaled_frame_keeps_signal_to_noise_and_clips_later() -> None:
    frame = _frame(np.full((4, 4), 0.5, np.float32))
    bright = frame.scaled(4.0)
    np.testing.assert_allclose(
        bright.pixels / np.sqrt(bright.variance()), frame.pixels / np.sqrt(frame.variance()), rtol=1e-6
    )
    assert bright.saturation == 4.0
    assert frame.pixels[0, 0] == 0.5, "a frame is never changed in place"


def test_noise_model_refuses_what_no_sensor_has() -> None:
    for alpha, beta in [((-1e-4,), (0.0,)), ((np.nan,), (1e-6,)), ((0.0,), (0.0,)), ((1e-4,), (np.inf,))]:
        with pytest.raises(MetadataError, match="implausible noise model"):
            NoiseModel(alpha, beta, "NoiseProfile")
    with pytest.raises(ShapeError, match="1 or 3 channels"):
        NoiseModel((1e-4, 1e-4), (1e-6, 1e-6), "NoiseProfile")


def test_negative_pixels_have_the_read_noise_only() -> None:
    model = NoiseModel((1e-3,), (1e-5,), "simulated")
    np.testing.assert_allclose(model.variance(np.array([-0.2, 0.0]), 0), 1e-5)


def test_frame_checks_its_arrays_and_domain() -> None:
    with pytest.raises(ShapeError, match=r"MOSAIC pixels are \[H, W\]"):
        _frame(np.zeros((2, 2, 3), np.float32))
    with pytest.raises(ShapeError, match=r"CAMERA_RGB pixels are \[H, W, 3\]"):
        _frame(np.zeros((2, 2), np.float32), Domain.CAMERA_RGB)
    with pytest.raises(ShapeError, match="n_effective"):
        _frame(np.zeros((2, 2), np.float32), n_effective=np.ones((3, 2), np.float32))
    mosaic = _frame(np.zeros((2, 2), np.float32))
    mosaic.require(Domain.CAMERA_RGB, Domain.MOSAIC)
    with pytest.raises(DomainError, match="works on CAMERA_RGB or WORK_RGB, not MOSAIC"):
        mosaic.require(Domain.CAMERA_RGB, Domain.WORK_RGB)
    with pytest.raises(DomainError, match="one number"):
        mosaic.scaled((1.0, 2.0, 3.0))


def test_stored_numbers_cannot_be_scaled() -> None:
    levels = Levels(np.zeros((1, 1, 1), np.float32), (1023.0,))
    frame = _frame(np.zeros((2, 2), np.uint16)).with_info(levels=levels)
    with pytest.raises(DomainError, match="stored numbers"):
        frame.scaled(2.0)


@pytest.mark.parametrize("name", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("quad", [1, 2])
def test_cfa_of_a_cut_is_the_cut_of_the_cfa(name: str, quad: int) -> None:
    cfa = Cfa.from_name(name, quad)
    whole = cfa_plane_index(cfa, (16, 20))
    for rows in range(0, 4, quad):
        for columns in range(0, 4, quad):
            cut = cfa_plane_index(cfa.shifted(rows, columns), (16 - rows, 20 - columns))
            np.testing.assert_array_equal(cut, whole[rows:, columns:])
    assert whole[quad * cfa.red_row, quad * cfa.red_column] == 0
    assert cfa.name == name


def test_cfa_refuses_other_patterns() -> None:
    with pytest.raises(MetadataError, match="no Bayer pattern"):
        Cfa(((0, 1), (2, 1)))
    with pytest.raises(MetadataError, match="whole blocks"):
        Cfa.from_name("RGGB", 2).shifted(1, 0)


def test_gain_grid_is_exact_at_nodes_and_for_planes() -> None:
    rows, columns = np.meshgrid(np.arange(4.0) * GAIN_STEP_PX, np.arange(6.0) * GAIN_STEP_PX, indexing="ij")
    grid = np.stack([1 + rows / 100 + columns / 50], -1).astype(np.float32)
    y, x = np.array([0.0, 0.5, 16.0, 37.25, 48.0]), np.array([0.5, 15.5, 33.0, 80.0])
    expected = 1 + y[:, None] / 100 + x[None, :] / 50
    np.testing.assert_allclose(sample_gain_grid(grid, y, x)[..., 0], expected, rtol=1e-6)


def test_variance_under_gain_follows_the_light_before_it() -> None:
    """A pixel made brighter by shading correction has the relative noise of the darker pixel it was."""
    plain = _frame(np.full((32, 32), 0.1, np.float32))
    gained = plain.replaced(pixels=plain.pixels * 2.5, gain=np.full((3, 3, 3), 2.5, np.float32))
    np.testing.assert_allclose(gained.variance(), plain.variance() * 2.5**2, rtol=1e-6)


def test_relative_exposure_counts_time_iso_and_aperture() -> None:
    base = Exposure(time_s=1 / 100, iso=100, f_number=2.0)
    assert Exposure(1 / 50, 200, 2.0).relative_to(base) == pytest.approx(4)
    assert Exposure(1 / 100, 100, 4.0).relative_to(base) == pytest.approx(0.25)
    assert Exposure().relative_to(base) == 1


def test_camera_has_a_name_for_messages() -> None:
    assert Camera(make="Google", model="Pixel 8").name == "Google Pixel 8"
    assert Camera().name == "unknown camera"


def test_a_band_of_rows_has_the_gain_and_noise_of_its_place() -> None:
    rng = np.random.default_rng(20261122)
    shape = (80, 48)
    gain = rng.uniform(1, 3, (6, 4, 3)).astype(np.float32)
    n = rng.uniform(1, 9, shape).astype(np.float32)
    noise = NoiseModel((1e-3,) * 3, (1e-5,) * 3, "simulated")
    whole = Frame(
        rng.random((*shape, 3), np.float32), Domain.CAMERA_RGB, FrameInfo("a", shape, "linear"), noise, n, gain
    )
    band = whole.rows(32, 70)
    assert np.shares_memory(band.pixels, whole.pixels)
    np.testing.assert_allclose(band.variance(), whole.variance()[32:70], rtol=1e-6)
    for start, stop in ((8, 40), (32, 32), (64, 81)):
        with pytest.raises(ShapeError, match="no band"):
            whole.rows(start, stop)
