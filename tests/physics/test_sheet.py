"""The printed chart: its files by other readers, its marks found where they are."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from lichtbild.core import UsageError
from lichtbild.core.colour_space import srgb_decode
from lichtbild.lab.charts.lattice import apply
from lichtbild.lab.sheet import (
    HEIGHT_MM,
    MARKS_MM,
    WIDTH_MM,
    find_sheet,
    sheet_light,
    sheet_pdf,
    sheet_png,
    sheet_shapes,
    sheet_svg,
)


def seen(homography: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The sheet through a homography from mm to px, linear."""
    drawn = sheet_light(1800)
    scale = drawn.shape[1] / WIDTH_MM
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    mm = apply(np.linalg.inv(homography), np.stack([x, y], -1))
    at = [mm[..., 1] * scale - 0.5, mm[..., 0] * scale - 0.5]
    soft = ndimage.gaussian_filter(drawn, (0.8, 0.8, 0))
    view = np.stack([ndimage.map_coordinates(soft[..., c], at, order=1, cval=0.15) for c in range(3)], 2)
    noise = np.random.default_rng(1).normal(0, 0.004, view.shape)
    return np.clip(0.7 * view * [0.8, 1, 0.7] + noise, 0, 1).astype(np.float32)


def test_files_by_other_readers() -> None:
    image = Image.open(io.BytesIO(sheet_png(900)))
    assert image.size == (900, round(900 * HEIGHT_MM / WIDTH_MM))
    assert image.info["dpi"][0] == pytest.approx(900 / WIDTH_MM * 25.4, rel=1e-3)
    # The middle of a patch is the colour it should be.
    light = srgb_decode(np.asarray(image)[round(74 * 900 / WIDTH_MM), round(84 * 900 / WIDTH_MM)] / 255)
    assert light == pytest.approx(next(s.light for s in sheet_shapes()[-24:]), abs=0.01)
    root = ET.fromstring(sheet_svg())
    assert len(root) == len(sheet_shapes())
    pdf = sheet_pdf()
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[start : start + 4] == b"xref"
    assert pdf.count(b" 00000 n ") == 4
    with pytest.raises(UsageError, match="600 to 12000"):
        sheet_light(10)


def test_the_sheet_is_found_in_perspective() -> None:
    homography = np.array([[3.1, -0.35, 90.0], [0.22, 2.9, 40.0], [2.2e-4, 1.5e-4, 1.0]])
    picture = seen(homography, (640, 960))
    found = find_sheet(picture, is_linear=True)
    assert found is not None
    assert np.abs(found.marks_px - apply(homography, np.array(MARKS_MM))).max() < 0.3
    grid = np.stack(np.meshgrid(np.linspace(10, 287, 8), np.linspace(10, 200, 6)), -1)
    assert np.abs(found.to_picture(grid) - apply(homography, grid)).max() < 0.5
    boxes, light = found.boxes_of_greys()
    means = [picture[int(t) : int(b) + 1, int(x) : int(r) + 1, 1].mean() for x, t, r, b in boxes]
    assert np.array(means) == pytest.approx(0.7 * light, rel=0.05)
    assert find_sheet(np.full((300, 300, 3), 0.4, np.float32), is_linear=True) is None
