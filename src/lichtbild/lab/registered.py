"""A picture brought onto its truth before they are compared: shift, turn, scale and exposure that nobody would see.

`against_truth` counts a tenth of a pixel and a hundredth of a stop as error, as a merge on the same grid should. A
whole other pipeline crops, scales and exposes its own way: what it does to the picture is found here, and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.against_truth import Region
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]
Float64 = npt.NDArray[np.float64]

ROUNDS = 30
CLAUSE = "Lucas & Kanade 1981, affine"


@dataclass(frozen=True, eq=False)
class Registered:
    """A picture on its truth's grid.

    Parameters
    ----------
    picture
        float32 [H, W, C], resampled (cubic) and exposed as the truth.
    matrix
        [2, 3]: the truth's px (x, y, 1; a centre at + 0.5) to those of the picture.
    gain
        float64 [C]: the picture was multiplied by it.
    region
        Where the picture has values.
    residual_px
        How far the two are still apart on average, by the last step.
    """

    picture: npt.NDArray[np.float32]
    matrix: Float64
    gain: Float64
    region: Region
    residual_px: float

    @property
    def figures(self) -> list[Figure]:
        linear = self.matrix[:, :2]
        middle = np.array([self.picture.shape[1] / 2, self.picture.shape[0] / 2])
        shift = float(np.hypot(*(linear @ middle + self.matrix[:, 2] - middle)))
        turn = float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
        return [
            Figure.exact("registration.shift", shift, "px", CLAUSE, "in the middle of the picture"),
            Figure.exact("registration.turn", turn, "deg", CLAUSE),
            Figure.exact("registration.scale", float(np.sqrt(abs(np.linalg.det(linear)))), "", CLAUSE),
            Figure.exact("registration.exposure", -float(np.log2(self.gain.mean())), "EV", CLAUSE,
                         "of the picture above its truth"),
        ]  # fmt: skip


def register(picture: Floats, truth: Floats, is_exposed: bool = True, border_px: int = 16) -> Registered:
    """The picture on the grid of its truth.

    Coarse to fine over halved sizes, Gauss and Newton for an affine map, one gain a channel. The two may differ in size
    by some px, in place by a twentieth of the width, in turn by a degree.

    Parameters
    ----------
    picture, truth
        [H, W, C], linear.
    is_exposed
        Fit the gain; else it stays 1.
    border_px
        Of the picture and of the truth, left out of the region.

    Raises
    ------
    ShapeError
        If channels differ, sizes differ by over 5 %, or nothing is left of the region.
    """
    from scipy import ndimage

    if picture.ndim != 3 or truth.ndim != 3 or picture.shape[2] != truth.shape[2]:
        raise ShapeError(f"{list(picture.shape)} beside {list(truth.shape)}", where="picture", hint="[H, W, C] both")
    ratio = np.array(picture.shape[:2]) / np.array(truth.shape[:2])
    if np.abs(ratio - 1).max() > 0.05:
        raise ShapeError(f"{list(picture.shape[:2])} px beside {list(truth.shape[:2])}", where="picture",
                         hint="scale one to the other first")  # fmt: skip
    grey = [np.log1p(np.maximum(p.astype(np.float64), 0).mean(2) * 20) for p in (picture, truth)]
    n_levels = max(1, int(np.log2(min(truth.shape[:2]) / 48)))
    matrix, step_px = np.eye(2, 3), np.inf
    for level in range(n_levels - 1, -1, -1):
        scale = 2**level
        moving, fixed = (_reduced(g, scale) for g in grey)
        local = matrix.copy()
        local[:, 2] /= scale
        local, step_px = _aligned(moving, fixed, local)
        matrix = local.copy()
        matrix[:, 2] *= scale
    height, width = truth.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    px, py = (matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] - 0.5 for k in (0, 1))
    moved = np.stack([
        ndimage.map_coordinates(picture[..., c].astype(np.float32), [py, px], order=3, mode="nearest")
        for c in range(picture.shape[2])
    ], 2)  # fmt: skip
    b = border_px
    inside = (px > b) & (px < picture.shape[1] - 1 - b) & (py > b) & (py < picture.shape[0] - 1 - b)
    region = Region(border_px, inside)
    chosen = region.of(truth.shape)
    gain = np.ones(picture.shape[2])
    if is_exposed:
        for c in range(len(gain)):
            a, t = moved[..., c][chosen].astype(np.float64), truth[..., c][chosen].astype(np.float64)
            gain[c] = float(a @ t) / max(float(a @ a), 1e-30)
    return Registered((moved * gain).astype(np.float32), matrix, gain, region, step_px)


def _reduced(plane: Float64, factor: int) -> Float64:
    h, w = plane.shape[0] // factor, plane.shape[1] // factor
    return np.asarray(plane[: h * factor, : w * factor].reshape(h, factor, w, factor).mean((1, 3)))


def _aligned(moving: Float64, fixed: Float64, matrix: Float64) -> tuple[Float64, float]:
    """The affine map of one scale, and the last step's size in px of that scale."""
    from scipy import ndimage

    height, width = fixed.shape
    smooth_moving, smooth_fixed = ndimage.gaussian_filter(moving, 1.0), ndimage.gaussian_filter(fixed, 1.0)
    # At most a quarter of a million points: more tell nothing new.
    stride = max(1, int(np.sqrt(height * width / 250_000)))
    y, x = (g.ravel() + 0.5 for g in np.mgrid[2 : height - 2 : stride, 2 : width - 2 : stride].astype(np.float64))
    target = smooth_fixed[2 : height - 2 : stride, 2 : width - 2 : stride].ravel()
    gy, gx = np.gradient(smooth_moving)
    step_px = np.inf
    for _ in range(ROUNDS):
        px, py = (matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] - 0.5 for k in (0, 1))
        inside = (px > 1) & (px < moving.shape[1] - 2) & (py > 1) & (py < moving.shape[0] - 2)
        at = [py[inside], px[inside]]
        value = ndimage.map_coordinates(smooth_moving, at, order=3, mode="nearest")
        sx, sy = (ndimage.map_coordinates(g, at, order=1, mode="nearest") for g in (gx, gy))
        u, v = (x[inside] - width / 2) / width, (y[inside] - height / 2) / width
        columns = np.stack([sx * u, sx * v, sx, sy * u, sy * v, sy, value, np.ones_like(value)], 1)
        error = target[inside] - value
        # Movers and clipped lamps: what is off by much counts little.
        weight = 1 / (1 + (error / max(2.5 * float(np.median(np.abs(error))), 1e-6)) ** 2)
        normal = (columns * weight[:, None]).T @ columns + 1e-9 * np.eye(8)
        change = np.linalg.solve(normal, (columns * weight[:, None]).T @ error)
        for k, (a, b, c) in enumerate((change[:3], change[3:6])):
            matrix[k] += [a / width, b / width, c - (a * 0.5 + b * 0.5 * height / width)]
        step_px = float(np.hypot(change[2], change[5]))
        if step_px < 1e-4:
            break
    return matrix, step_px
