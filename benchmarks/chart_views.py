"""Random views of colour charts with their true corners, and pictures without one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lichtbild.core.colour_space import srgb_decode
from lichtbild.lab.charts import ChartReference, chart_reference
from lichtbild.lab.charts.lattice import apply
from lichtbild.simulate.chart_view import Pose, draw_patches

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SHAPE = (1500, 2000)
FRAME = 0.3
SETS = ("gt_kodak", "gt_urban100", "gt_mcmaster")


@dataclass(frozen=True, eq=False)
class View:
    """A view: linear picture, true corners, grid to px, the colours that the camera saw (light and cast included)."""

    picture: Float32
    corners: Floats
    homography: Floats
    clean: Float32
    width_px: float


def backgrounds() -> list[Path]:
    """Photographs of the shared data; none where it is not there."""
    base = Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    suffixes = (".png", ".tif", ".jpg")
    return sorted(p for name in SETS for p in (base / name).glob("*") if p.suffix.lower() in suffixes)


def photograph(files: list[Path], rng: np.random.Generator, shape: tuple[int, int] = SHAPE) -> Float32:
    """A part of a random photograph, linear, enlarged to `shape`, turned over at random; boxes where there are none."""
    height, width = shape
    if not files:
        picture = np.full((*shape, 3), 0.3, np.float32)
        for _ in range(400):
            y, x, h, w = (int(v) for v in rng.integers([0, 0, 8, 8], [height, width, height // 6, width // 6]))
            picture[y : y + h, x : x + w] = rng.uniform(0.02, 0.9, 3)
        return picture
    image = Image.open(files[rng.integers(len(files))]).convert("RGB")
    share = rng.uniform(0.5, 1.0)
    w, h = int(image.width * share), int(image.height * share)
    if w * height > h * width:
        w = h * width // height
    else:
        h = w * height // width
    left, top = int(rng.integers(0, image.width - w + 1)), int(rng.integers(0, image.height - h + 1))
    cut = image.crop((left, top, left + w, top + h)).resize((width, height), Image.Resampling.BICUBIC)
    linear = srgb_decode(np.arange(256, dtype=np.float32) / 255).astype(np.float32)[np.asarray(cut)]
    return np.ascontiguousarray(linear[:, :: -1 if rng.random() < 0.5 else 1])


def to_middle(reference: ChartReference) -> Floats:
    """From the grid to the plane whose origin is the chart's middle."""
    return np.array([[1, 0, -(reference.columns - 1) / 2], [0, 1, -(reference.rows - 1) / 2], [0, 0, 1.0]])


def random_view(seed: int, kind: str, files: list[Path], least_width: float = 0.05) -> View:
    """Rotation to 30 degrees, tilt and turn to 30, near or far, 5 % to 75 % of the frame's width, light that falls off
    by up to a half and slopes, exposure from 6 % to 90 % of the range, a cast, blur of 0.4 to 0.9 px, and noise of 600
    to 8000 electrons at the end of the range."""
    rng = np.random.default_rng([seed, 7])
    reference = chart_reference(kind)
    height, width = SHAPE
    size = tuple(
        n - 1 + p + 2 * FRAME for n, p in zip((reference.columns, reference.rows), reference.patch, strict=True)
    )
    width_px = width * float(np.exp(rng.uniform(np.log(least_width), np.log(0.75))))
    roll, tilt, turn = rng.uniform(-30, 30, 3)
    distance = float(rng.uniform(2, 6))
    half = FRAME + reference.patch[0] / 2
    right, bottom = reference.columns - 1 + half, reference.rows - 1 + half
    outline = np.array([[-half, -half], [right, -half], [right, bottom], [-half, bottom]])
    for attempt in range(400):
        middle = rng.uniform([0, 0], [width, height])
        pose = Pose(width_px, (float(middle[0]), float(middle[1])), roll, tilt, turn, distance)
        homography = pose.homography((size[0], size[1])) @ to_middle(reference)
        corners = apply(homography, outline)
        if (corners > 4).all() and (corners < [width - 4, height - 4]).all():
            break
        if attempt % 10 == 9:
            width_px *= 0.93
    colours = np.maximum(reference.linear_srgb, 0.002)
    picture = draw_patches(photograph(files, rng) * np.float32(rng.uniform(0.5, 1)), homography, colours,
                           reference.columns, reference.patch, FRAME)  # fmt: skip
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - width / 2) / np.hypot(*SHAPE) * 2, (y - height / 2) / np.hypot(*SHAPE) * 2
    light = (1 - rng.uniform(0, 0.5) * (x * x + y * y)) * (
        1 + rng.uniform(-0.25, 0.25) * x + rng.uniform(-0.25, 0.25) * y
    )
    exposure = float(np.exp(rng.uniform(np.log(0.06), np.log(0.9))))
    cast = np.array([rng.uniform(0.6, 1.2), 1, rng.uniform(0.6, 1.2)], np.float32) * np.float32(exposure)
    sigma = float(rng.uniform(0.4, 0.9))
    clean = ndimage.gaussian_filter(picture, (sigma, sigma, 0)) * light[..., None].astype(np.float32) * cast
    full = float(np.exp(rng.uniform(np.log(600), np.log(8000))))
    noise = np.sqrt(np.maximum(clean, 0) / full + (2.5 / full) ** 2) * rng.standard_normal(clean.shape, np.float32)
    noisy = np.clip(clean + noise, 0, 1).astype(np.float32)
    return View(noisy, apply(homography, reference.corners()), homography, clean, width_px)
