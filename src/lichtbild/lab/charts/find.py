"""A colour chart is found in a picture: by its grid of flat patches, told from windows and tiles by its colours.

From coarse to fine, at each size of the picture: flat parallelograms (`candidates`), grids of them in perspective
(`lattice`), every placement of the chart on a grid tried against the published colours with an unknown camera and light
(a 3 x 4 matrix), and the best one fitted to the pixels (`fit`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.core.colour_space import srgb_decode
from lichtbild.lab.charts.candidates import flat_patches
from lichtbild.lab.charts.fit import Placement, fit_placement
from lichtbild.lab.charts.lattice import Lattice, apply, jacobian, lattices
from lichtbild.lab.charts.reference import ChartReference, chart_reference

Floats = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

# Larger pictures are searched at half, a third, ... of their size; the fit goes back to all pixels.
SEARCH_PX = 2048
SMALLEST_LEVEL_PX = 150
# Candidates beyond this area are left to the next coarser level.
LARGEST_PATCH_PX = 3600.0
# Share of the published colours' variance that a matrix must explain; windows and tiles reach 0.7.
LEAST_COLOUR_FIT = 0.84
# Share of the pixels' variance inside the chart that the fitted drawing must explain.
LEAST_PIXEL_FIT = 0.80


@dataclass(frozen=True, eq=False)
class FoundChart:
    """Where a chart lies.

    Parameters
    ----------
    reference
        Which chart.
    placement
        From the chart's grid to px of the picture.
    colour_fit, pixel_fit
        Share of variance explained: of the published colours by a matrix of the picture's, of the pixels by the
        drawing.
    """

    reference: ChartReference
    placement: Placement
    colour_fit: float
    pixel_fit: float

    def corners_px(self) -> Floats:
        """float64 [4, 2] (x, y): outer corners of the corner patches, clockwise from the first patch's."""
        return self.placement.to_picture(self.reference.corners())

    def outlines_px(self, share: float = 1.0) -> Floats:
        """float64 [n, 4, 2] (x, y): corners of every patch, shrunk to `share` of its width and height."""
        half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(self.placement.patch) / 2 * share
        return self.placement.to_picture(self.reference.centres()[:, None] + half)


def find_chart(picture: npt.NDArray[Any], kind: str = "classic", *, is_linear: bool = False) -> FoundChart | None:
    """The chart of that kind in a picture, or None.

    Any rotation and perspective that leaves the patches at least some 10 px wide; white balance, exposure and light may
    be wrong. It is not found where patches are hidden, clipped in the main, or smeared over their gaps.

    Parameters
    ----------
    picture
        [H, W, 3], uint8, uint16 or float; float is 0 to 1. Camera RGB need not be balanced.
    kind
        "classic", "passport" (its classic target) or "sg".
    is_linear
        Proportional to light; else it is taken for encoded as sRGB is.

    Returns
    -------
    FoundChart, in px of `picture`; a pixel's centre lies at + 0.5. About 0.15 s for 3 MP.

    Raises
    ------
    ShapeError
        If it is no picture of three channels.
    UsageError
        If there is no such kind.
    """
    reference = chart_reference(kind)
    linear = _linear(picture, is_linear)
    factor = max(1, -(-max(linear.shape[:2]) // SEARCH_PX))
    for scale, small, is_last in _coarse_to_fine(linear, factor):
        root = np.sqrt(np.maximum(small, 0), dtype=np.float32)
        candidates = flat_patches(root, np.inf if is_last else LARGEST_PATCH_PX)
        for grid in lattices(candidates):
            placed = _placed(small, grid, reference)
            if placed is None:
                continue
            homography = np.diag([scale, scale, 1.0]) @ placed[0]
            placement, pixel_fit = fit_placement(linear, homography, reference)
            if pixel_fit >= LEAST_PIXEL_FIT:
                return FoundChart(reference, placement, placed[1], pixel_fit)
    return None


def _linear(picture: npt.NDArray[Any], is_linear: bool) -> Float32:
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < 16:
        raise ShapeError(f"a picture is [H, W, 3], not {list(picture.shape)}", where="picture")
    if picture.dtype == np.uint8 and not is_linear:
        return np.asarray(srgb_decode(np.arange(256, dtype=np.float32) / 255), np.float32)[picture]
    if picture.dtype.kind in "ui":
        picture = picture.astype(np.float32) / np.iinfo(picture.dtype).max
    picture = picture.astype(np.float32, copy=False)
    return picture if is_linear else np.asarray(srgb_decode(picture), np.float32)


def _coarse_to_fine(linear: Float32, factor: int) -> Iterator[tuple[int, Float32, bool]]:
    """(px a level's pixel, the level, is it the coarsest), the coarsest first."""
    levels = [(factor, _reduced(linear, factor))]
    while min(levels[-1][1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX:
        scale, finer = levels[-1]
        levels.append((2 * scale, _reduced(finer, 2)))
    for index, (scale, level) in reversed(list(enumerate(levels))):
        yield scale, level, index == len(levels) - 1


def _reduced(linear: Float32, factor: int) -> Float32:
    """Means of factor x factor px."""
    if factor == 1:
        return linear
    h, w = linear.shape[0] // factor, linear.shape[1] // factor
    rows = linear[: h * factor, : w * factor].reshape(h, factor, w * factor * 3).sum(1)
    # Sums of pixels as a product with a small matrix: three channels side by side are no length to vectorise over.
    return np.asarray(rows.reshape(h * w, factor * 3) @ np.tile(np.eye(3, dtype=np.float32), (factor, 1))).reshape(
        h, w, 3
    ) / np.float32(factor * factor)


def _placed(linear: Float32, grid: Lattice, reference: ChartReference) -> tuple[Floats, float] | None:
    """The homography [3, 3] of the chart on a grid, and how well its colours fit; None if no placement does."""
    low, high = grid.places.min(0), grid.places.max(0)
    best: tuple[float, Floats] = (LEAST_COLOUR_FIT, np.empty(0))
    margin = max(reference.columns, reference.rows)
    area = np.stack(np.meshgrid(np.arange(low[0] - margin, high[0] + margin + 1),
                                np.arange(low[1] - margin, high[1] + margin + 1)), -1)  # fmt: skip
    colours, is_inside = _sampled(linear, grid.homography, area.reshape(-1, 2))
    colours, is_inside = colours.reshape(*area.shape[:2], 3), is_inside.reshape(area.shape[:2])
    target, count = reference.linear_srgb, len(grid.places)
    for quarter in range(4):
        wide, tall = (reference.columns, reference.rows) if quarter % 2 == 0 else (reference.rows, reference.columns)
        for left in range(low[0] - wide + 2, high[0]):
            for top in range(low[1] - tall + 2, high[1]):
                covered = np.all((grid.places >= [left, top]) & (grid.places < [left + wide, top + tall]), 1)
                if covered.sum() < max(0.75 * count, 0.35 * reference.n):
                    continue
                j, i = left - low[0] + margin, top - low[1] + margin
                window = (slice(i, i + tall), slice(j, j + wide))
                if not is_inside[window].all():
                    continue
                seen = np.rot90(colours[window], quarter).reshape(-1, 3)
                fit = colour_fit(seen, target)
                if fit > best[0]:
                    best = fit, _turned(grid.homography, left, top, wide, tall, quarter)
    return None if best[1].size == 0 else (best[1], best[0])


def _turned(homography: Floats, left: int, top: int, wide: int, tall: int, quarter: int) -> Floats:
    """From the chart's grid to px, where `rot90(window, quarter)` is the chart as it is read."""
    turn = np.eye(3)
    # rot90 once (counter-clockwise): the new [row, column] is the old [column, wide - 1 - row].
    for _ in range(quarter):
        turn = turn @ np.array([[0, -1.0, wide - 1], [1.0, 0, 0], [0, 0, 1]])
        wide, tall = tall, wide
    return np.asarray(homography @ np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]]) @ turn)


def _sampled(linear: Float32, homography: Floats, places: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Mean colours [n, 3] of the middle of patches at places [n, 2] of a grid, and which lie within the picture."""
    t = np.linspace(-0.22, 0.22, 5)
    spots = places[:, None].astype(np.float64) + np.stack(np.meshgrid(t, t), -1).reshape(1, -1, 2)
    # Behind the camera, or at the horizon, a homography gives nonsense.
    depth = spots @ homography[2, :2] + homography[2, 2]
    is_ahead = np.all(depth * np.sign(homography[2, 2] or 1.0) > 1e-6, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        points = np.nan_to_num(apply(homography, spots), nan=-1.0, posinf=-1.0, neginf=-1.0)
    height, width = linear.shape[:2]
    inside = (points >= 0).all(-1) & (points[..., 0] < width) & (points[..., 1] < height)
    x = np.clip(points[..., 0], 0, width - 1).astype(np.intp)
    y = np.clip(points[..., 1], 0, height - 1).astype(np.intp)
    return linear[y, x].mean(1, dtype=np.float64), inside.all(1) & is_ahead


def colour_fit(seen: Floats, target: Floats) -> float:
    """Share of the variance of target [n, 3] (linear, roots compared) that a 3 x 4 matrix of seen [n, 3] explains."""
    scale = max(float(seen.mean()), 1e-9)
    lifted = np.hstack([seen / scale, np.full((len(seen), 1), 0.1)])
    # Light patches would rule the fit.
    weight = 1 / np.sqrt(np.maximum(target.mean(1, keepdims=True), 0.02))
    normal = (lifted * weight).T @ (lifted * weight) + 1e-4 * np.eye(4)
    matrix = np.linalg.solve(normal, (lifted * weight).T @ (target * weight))
    a, b = (np.sqrt(np.maximum(v, 0)) for v in (lifted @ matrix, target))
    return float(1 - np.sum((a - b) ** 2) / np.sum((b - b.mean(0)) ** 2))


def patch_step_px(found: FoundChart) -> float:
    """Mean distance of patches in the middle of a chart, px."""
    r = found.reference
    middle = jacobian(found.placement.homography, [(r.columns - 1) / 2, (r.rows - 1) / 2])
    return float(np.sqrt(abs(np.linalg.det(middle))))
