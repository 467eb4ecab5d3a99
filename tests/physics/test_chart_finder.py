"""Colour charts are found where they stand, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import ShapeError, UsageError
from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab.charts import KINDS, chart_reference, find_chart
from lichtbild.lab.charts.lattice import apply
from lichtbild.lab.charts.patches import read_patches
from lichtbild.simulate.chart_view import Pose, draw_patches

SHAPE = (420, 560)


def texture(rng: np.random.Generator, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Boxes and stripes of any colour, which a finder of squares may fall for."""
    picture = np.full((*shape, 3), 0.3, np.float32)
    for _ in range(150):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        h, w = rng.integers(5, 60, 2)
        picture[y : y + h, x : x + w] = rng.uniform(0.02, 0.9, 3)
    return picture


def seen(kind: str, pose: Pose, rng: np.random.Generator, full_e: float = 4000) -> tuple[np.ndarray, np.ndarray]:
    """A noisy linear view (0..1) and the true corners (x, y)."""
    reference = chart_reference(kind)
    frame = 0.3
    width, height = (
        n - 1 + p + 2 * frame for n, p in zip((reference.columns, reference.rows), reference.patch, strict=True)
    )
    to_middle = np.array([[1, 0, (1 - reference.columns) / 2], [0, 1, (1 - reference.rows) / 2], [0, 0, 1]])
    homography = pose.homography((width, height)) @ to_middle
    colours = np.maximum(reference.linear_srgb, 0.002)
    picture = draw_patches(texture(rng), homography, colours, reference.columns, reference.patch, frame)
    light = np.linspace(0.45, 0.7, SHAPE[1])[:, None] * np.array([0.7, 1.0, 0.8])
    picture = picture * light
    picture += np.sqrt(picture / full_e) * rng.standard_normal(picture.shape)
    return np.clip(picture, 0, 1).astype(np.float32), apply(homography, reference.corners())


POSES = {
    "upright": Pose(300, (280, 210)),
    "turned and tilted": Pose(260, (300, 200), 28, 25, -20, 2.5),
    "small": Pose(110, (120, 300), -17, 10, 22),
    "upside down": Pose(280, (270, 215), 180, 8, 0),
}


@pytest.mark.parametrize("name", POSES)
def test_corners_are_found(name: str) -> None:
    rng = np.random.default_rng(7)
    picture, corners = seen("classic", POSES[name], rng)
    found = find_chart(picture, "classic", is_linear=True)
    assert found is not None
    error = np.hypot(*(found.corners_px() - corners).T)
    assert error.max() < 0.3
    # What the fit says of itself is of the size of its error.
    assert 0.1 < np.sqrt(np.mean(error**2) / 2) / found.placement.deviation_px < 10
    encoded = np.round(255 * srgb_encode(picture)).astype(np.uint8)
    again = find_chart(encoded, "classic")
    assert again is not None
    assert np.abs(again.corners_px() - corners).max() < 0.3


def test_all_kinds_and_no_other() -> None:
    rng = np.random.default_rng(8)
    picture, corners = seen("sg", Pose(500, (280, 210), 5, 8, 4), rng)
    found = find_chart(picture, "sg", is_linear=True)
    assert found is not None
    assert np.abs(found.corners_px() - corners).max() < 0.3
    picture, corners = seen("passport", Pose(300, (280, 210), 5, 8, 4), rng)
    found = find_chart(picture, "passport", is_linear=True)
    assert found is not None
    assert np.abs(found.corners_px() - corners).max() < 0.3
    assert find_chart(picture, "sg", is_linear=True) is None
    with pytest.raises(UsageError, match="no colour chart"):
        find_chart(picture, "clasic")
    with pytest.raises(ShapeError, match=r"is \[H, W, 3\], not"):
        find_chart(picture[..., 0], "classic")


def test_nothing_is_found_where_nothing_is() -> None:
    rng = np.random.default_rng(9)
    for _ in range(3):
        for kind in KINDS:
            assert find_chart(texture(rng), kind, is_linear=True) is None
    # A wall of windows: the grid of a chart, other colours.
    windows = rng.uniform(0.05, 0.9, (24, 3))
    wall = draw_patches(texture(rng), np.array([[50.0, 4, 80], [-3, 50, 90], [0, 0, 1]]), windows, 6, (0.88, 0.88))
    assert find_chart(wall, "classic", is_linear=True) is None
    # Mirrored: no camera sees a chart like that.
    picture, _ = seen("classic", POSES["upright"], rng)
    assert find_chart(picture[:, ::-1], "classic", is_linear=True) is None


def test_patches_are_read_as_they_were_drawn() -> None:
    rng = np.random.default_rng(10)
    reference = chart_reference("classic")
    homography = np.array([[60.3, 5.2, 90.0], [-4.1, 58.7, 100.0], [2e-5, 1e-5, 1.0]])
    colours = np.clip(reference.linear_srgb, 0.06, 1)
    clean = 0.8 * draw_patches(texture(rng), homography, colours, 6, reference.patch)
    picture = np.clip(clean + rng.normal(0, 0.01, clean.shape), 0, 1).astype(np.float32)
    found = find_chart(picture, "classic", is_linear=True)
    assert found is not None
    patches = read_patches(picture, found, 0, 0.72)
    assert patches.n_pixels.min() > 700
    z = (patches.mean - 0.8 * colours)[patches.is_good] / patches.error[patches.is_good]
    assert np.abs(z).max() < 4.5
    assert 0.7 < z.std() < 1.3
    assert patches.deviation[20] == pytest.approx(0.01, rel=0.15)
    # 0.72 / 0.8: only the white is lighter than that in every channel, yellow and orange yellow in one.
    assert 18 in np.flatnonzero(~patches.is_good)
    assert set(np.flatnonzero(~patches.is_good)) == set(np.flatnonzero((0.8 * colours > 0.7).any(1)))
