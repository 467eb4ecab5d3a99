"""Measures beside a truth: arithmetic, known movements, and what the eye does not see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lichtbild.core import ShapeError
from lichtbild.lab.against_truth import Region, psnr_db, ssim
from lichtbild.lab.figure import find
from lichtbild.lab.registered import register
from lichtbild.lab.seen_difference import ms_ssim, spatial_colour_difference
from lichtbild.lab.truth_figures import alignment_figures, regions, truth_figures
from lichtbild.lab.visual_noise import Viewing

VIEWING = Viewing("a screen", 40.0)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    rng = np.random.default_rng(4)
    soft = ndimage.gaussian_filter(rng.uniform(0, 1, (240, 320, 3)), (6, 6, 0))
    soft = (soft - soft.min()) / np.ptp(soft)
    soft[60:160, 90:220] *= 0.4
    return ndimage.gaussian_filter(soft, (0.8, 0.8, 0)).astype(np.float32)


def test_ms_ssim_orders_damage(truth: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.05, truth.shape)
    assert ms_ssim(truth, truth) == pytest.approx(1)
    noisy, blurred = truth + noise, ndimage.gaussian_filter(truth, (3, 3, 0))
    assert ms_ssim(truth + noise / 4, truth) > ms_ssim(noisy, truth)
    # Fine noise costs less over scales than at the finest, blur of structure stays.
    assert ms_ssim(noisy, truth) > ssim(noisy, truth)
    assert ms_ssim(blurred, truth) < 1
    with pytest.raises(ShapeError, match="176"):
        ms_ssim(truth[:100], truth[:100])


def test_spatial_colour_difference_sees_areas_not_grain(truth: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    grain = truth * (1 + rng.normal(0, 0.1, truth.shape))
    far, near = Viewing("far", 200.0), Viewing("near", 20.0)
    seen_far, seen_near = (spatial_colour_difference(grain, truth, v).mean() for v in (far, near))
    assert seen_far < 0.4 * seen_near
    # One even colour against another: the distance has no part in it.
    a, b = np.full((64, 64, 3), 0.3), np.full((64, 64, 3), 0.3) * [1.1, 1, 0.9]
    values = [spatial_colour_difference(b, a, v, Region(0)).mean() for v in (far, near)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert values[0] > 3


@pytest.mark.parametrize(
    ("shift", "turn_deg", "gain"), [((0.0, 0.0), 0.0, 1.0), ((3.4, -2.7), 0.0, 0.7), ((-4.2, 5.1), 0.6, 1.3)]
)
def test_a_moved_picture_is_brought_back(
    truth: np.ndarray, shift: tuple[float, float], turn_deg: float, gain: float
) -> None:
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    y, x = np.mgrid[0:240, 0:320] + 0.5
    u, v = x - 160, y - 120
    # The picture shows at (x, y) what the truth has at the place turned and shifted back.
    at = [-s * u + c * v + 120 - shift[1] - 0.5, c * u + s * v + 160 - shift[0] - 0.5]
    moved = np.stack([ndimage.map_coordinates(truth[..., k], at, order=3, mode="nearest") for k in range(3)], 2) / gain
    found = register(moved, truth)
    assert found.gain == pytest.approx(gain, rel=0.01)
    expected = np.hypot(*shift)
    assert find(found.figures, "registration.shift").value == pytest.approx(expected, abs=0.03)  # type: ignore[union-attr]
    assert abs(find(found.figures, "registration.turn").value) == pytest.approx(turn_deg, abs=0.01)  # type: ignore[union-attr, arg-type]
    assert psnr_db(found.picture, truth, found.region) > 45


def test_registration_says_what_cannot_be_registered(truth: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="scale one"):
        register(truth[::2, ::2], truth)
    with pytest.raises(ShapeError, match="H, W, C"):
        register(truth[..., 0], truth[..., 0])


def test_regions_and_figures(truth: np.ndarray) -> None:
    moving = np.zeros(truth.shape[:2], bool)
    moving[100:140, 100:140] = True
    picture = truth + np.float32(0.01)
    picture[moving] += 0.1
    figures = truth_figures(picture, truth, VIEWING, moving)
    assert find(figures, "truth.motion.psnr").value == pytest.approx(-20 * np.log10(0.11), abs=1e-3)  # type: ignore[union-attr]
    assert find(figures, "truth.psnr").value > 30  # type: ignore[union-attr, operator]
    edges = regions(truth)["edges"]
    # The step that was drawn is among them, nearly whole.
    assert edges[110, 88:93].any()
    assert edges[70:150, 88:93].any(1).mean() > 0.5
    assert not find(truth_figures(truth + 0, truth + 1, VIEWING), "truth.shadows.psnr").is_measured  # type: ignore[union-attr]


def test_alignment_error() -> None:
    true = np.zeros((10, 10, 2))
    found = true.copy()
    found[0, 0] = [3, 4]
    figures = alignment_figures(found, true)
    assert find(figures, "alignment.max").value == pytest.approx(5)  # type: ignore[union-attr]
    assert find(figures, "alignment.over_half_px").value == pytest.approx(1)  # type: ignore[union-attr]
    with pytest.raises(ShapeError):
        alignment_figures(found, true[:5])
