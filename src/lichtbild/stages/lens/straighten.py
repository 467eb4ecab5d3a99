"""A picture taken with the camera askew, as one held level would have shown it: turned by hand or by its own lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Opcode
from lichtbild.core.frame import Frame, FrameInfo

Doubles = npt.NDArray[np.float64]
Shape = tuple[int, int]
Crop = tuple[int, int, int, int]

ASSUMED_FOCAL_35MM = 27.0
DIAGONAL_35MM = math.hypot(36, 24)
# Lines further off than this are slanted on purpose.
MOST_DEG = 12.0
_MIN_LINES = 60.0


@dataclass(frozen=True)
class Turn(Opcode):
    """The camera turned back, as a step of the lens's resampling (of our own: no file holds it).

    Parameters
    ----------
    matrix
        3 x 3, row by row: homogeneous position (x, y, 1) in the straight picture, px -> position in the one that was
        taken, px.
    """

    matrix: tuple[float, ...]

    def source(self, y: Doubles, x: Doubles) -> tuple[Doubles, Doubles]:
        """Where positions of the straight picture lie in the one taken (y, x), px."""
        m = self.matrix
        w = m[6] * x + m[7] * y + m[8]
        w = np.where(np.abs(w) < 1e-6, 1e-6, w)
        return (m[3] * x + m[4] * y + m[5]) / w, (m[0] * x + m[1] * y + m[2]) / w


def focal_px(info: FrameInfo, shape: Shape) -> float:
    """Focal length in px of a picture of `shape`, from the 35 mm equivalent; that of a phone's main camera where the
    file does not tell."""
    equivalent = info.exposure.focal_length_35mm or ASSUMED_FOCAL_35MM
    return equivalent / DIAGONAL_35MM * math.hypot(*shape)


def turned_back(shape: Shape, focal: float, roll_deg: float, pitch_deg: float, yaw_deg: float) -> Turn:
    """The step that undoes a camera's attitude.

    Parameters
    ----------
    roll_deg
        How far the camera was turned clockwise about its axis: a horizon then rises to the right.
    pitch_deg
        How far it looked up: verticals then come together towards the top.
    yaw_deg
        How far it looked to the right of what is to be shown frontally.
    """
    r, p, w = (math.radians(v) for v in (roll_deg, pitch_deg, yaw_deg))
    # Rotation from the level camera's axes (right, down, forward) to those of the one that took the picture.
    about_axis = np.array([[math.cos(r), math.sin(r), 0], [-math.sin(r), math.cos(r), 0], [0, 0, 1]])
    up = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    right = np.array([[math.cos(w), 0, -math.sin(w)], [0, 1, 0], [math.sin(w), 0, math.cos(w)]])
    centre = np.array([[focal, 0, shape[1] / 2], [0, focal, shape[0] / 2], [0, 0, 1]])
    # What stood in the middle stays there: only its surroundings are set upright.
    middle = about_axis @ up @ right
    matrix = centre @ middle @ np.linalg.inv(centre)
    aim = np.linalg.inv(matrix) @ np.array([shape[1] / 2, shape[0] / 2, 1.0])
    back = np.eye(3)
    back[:2, 2] = aim[:2] / aim[2] - np.array([shape[1] / 2, shape[0] / 2])
    matrix = matrix @ back
    return Turn(tuple(float(v) for v in (matrix / matrix[2, 2]).ravel()))


def largest_crop(turn: Turn, crop: Crop) -> Crop:
    """The largest rectangle of the crop's proportions about its middle that shows nothing from outside of it."""
    top, left, height, width = crop
    middle = np.array([top + height / 2, left + width / 2])

    def fits(scale: float) -> bool:
        y = middle[0] + scale * height / 2 * np.array([-1.0, -1, 1, 1])
        x = middle[1] + scale * width / 2 * np.array([-1.0, 1, -1, 1])
        sy, sx = turn.source(y, x)
        inside = (sy >= top) & (sy <= top + height) & (sx >= left) & (sx <= left + width)
        return bool(np.all(inside))

    low, high = 0.0, 1.0
    if fits(1.0):
        low = 1.0
    for _ in range(40):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if fits(mid) else (low, mid)
    size = max(int(low * height), 2), max(int(low * width), 2)
    return round(middle[0] - size[0] / 2), round(middle[1] - size[1] / 2), *size


@dataclass(frozen=True)
class Attitude:
    """How the camera was held, as lines of the picture tell; `roll_deg` and `pitch_deg` as in `turned_back`.

    `n_lines`: what spoke for it, in px of edges; below 60 nothing is known and the angles are 0.
    """

    roll_deg: float
    pitch_deg: float
    n_lines: float


def attitude_from_lines(small: Frame, focal: float) -> Attitude:
    """Roll and pitch from the verticals and horizontals of a picture.

    Parameters
    ----------
    small
        CAMERA_RGB of some thousand px to a side at most, straight lines straight.
    focal
        Focal length in px of `small`.

    Notes
    -----
    Direction of every strong edge from the structure tensor over 5 x 5 px. A vertical line at x leans by -roll -
    (x - cx) pitch / focal, a horizontal one by -roll alone as long as the camera did not look aside; both by weighted
    least squares with weights that fall with the residual (Geman-McClure, its width narrowed to 0.5 degrees), begun at
    the most frequent lean. Fails where nothing built by man is in the picture: few edges agree, and 0 is given.
    """
    light = np.log(np.maximum(small.pixels.astype(np.float64).mean(2), 1e-3))
    gx, gy = _slope(light, 1), _slope(light, 0)
    xx, yy, xy = (_box(v) for v in (gx * gx, gy * gy, gx * gy))
    strength = np.hypot(xx - yy, 2 * xy)
    coherent = strength / np.maximum(xx + yy, 1e-12)
    border = np.ones_like(light, bool)
    border[4:-4, 4:-4] = False
    floor = np.quantile(strength, 0.8)
    chosen = (coherent > 0.95) & (strength > max(floor, 1e-4)) & ~border
    x = np.nonzero(chosen)[1]
    # Direction of the edge's normal, -90..90 degrees.
    normal = 0.5 * np.degrees(np.arctan2(2 * xy[chosen], (xx - yy)[chosen]))
    weight = np.sqrt(strength[chosen])
    across = (x + 0.5 - light.shape[1] / 2) / focal
    # A vertical's normal lies along x: its lean is that angle. A horizontal's lies along y.
    lean = np.concatenate([normal, np.where(normal > 0, normal - 90, normal + 90)])
    slope = np.concatenate([np.degrees(1.0) * across, np.zeros_like(across)])
    upright = np.abs(lean) < MOST_DEG
    return _fitted(lean[upright], slope[upright], np.concatenate([weight, weight])[upright])


def _fitted(lean: Doubles, slope: Doubles, weight: Doubles) -> Attitude:
    if lean.size < _MIN_LINES:
        return Attitude(0.0, 0.0, 0.0)
    counts, edges = np.histogram(lean, bins=np.arange(-MOST_DEG, MOST_DEG + 0.25, 0.5), weights=weight)
    start = int(np.argmax(np.convolve(counts, np.ones(3), "same")))
    roll, pitch = 0.5 * (edges[start] + edges[start + 1]), 0.0
    agreed = np.zeros_like(lean)
    for width in (4.0, 2.0, 1.0, 0.5, 0.5, 0.5):
        left = lean - roll - slope * pitch
        agreed = weight / (1 + (left / width) ** 2) ** 2
        design = np.stack([np.ones_like(slope), slope])
        # A little is held against pitch, so that it stays 0 where no vertical tells.
        normal = (design * agreed) @ design.T + np.diag([0.0, 1e-3 * agreed.sum()])
        roll, pitch = (float(v) for v in np.linalg.solve(normal, (design * agreed) @ lean))
    share = agreed.sum() / weight.sum()
    n = float((agreed / np.maximum(weight, 1e-12)).sum())
    # Lines that agree by chance: of leans spread evenly over +-12 degrees a twentieth lies that near.
    if share < 0.12 or n < _MIN_LINES or abs(pitch) > math.radians(30):
        return Attitude(0.0, 0.0, 0.0)
    # The picture leans against the camera.
    return Attitude(-roll, -math.degrees(pitch), n)


def _slope(light: Doubles, axis: int) -> Doubles:
    """Differences along an axis over smoothed neighbours across it: Scharr's weights, whose direction is true to 0.1
    degrees where that of plain differences is off by a fifteenth."""
    v = np.moveaxis(light, axis, 0)
    steep = np.zeros_like(v)
    steep[1:-1] = v[2:] - v[:-2]
    out = np.zeros_like(v)
    out[:, 1:-1] = 10 * steep[:, 1:-1] + 3 * (steep[:, 2:] + steep[:, :-2])
    return np.moveaxis(out / 16, 0, axis)


def _box(values: Doubles, n: int = 5) -> Doubles:
    """Mean over n x n px, borders repeated."""
    half = n // 2
    for axis in (0, 1):
        wide = np.pad(values, [(half + 1, half) if a == axis else (0, 0) for a in (0, 1)], "edge").cumsum(axis)
        values = np.take(wide, np.arange(n, wide.shape[axis]), axis) - np.take(
            wide, np.arange(wide.shape[axis] - n), axis
        )
    return np.asarray(values / n**2)
