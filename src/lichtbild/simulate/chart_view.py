"""A flat chart seen by a camera: perspective, light that falls off, blur, noise; where its corners lie is known.

For finders and measures of charts, which need many views with exact truth: no lens, no filter array, no development.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """How a chart stands before the camera.

    Parameters
    ----------
    width_px
        Of the chart, as if it stood upright.
    centre_px
        (x, y) of its middle.
    roll_deg, tilt_deg, turn_deg
        In the picture's plane (clockwise), about its horizontal axis, about its vertical axis.
    distance
        Of the camera, in widths of the chart: less is more perspective.
    """

    width_px: float
    centre_px: tuple[float, float]
    roll_deg: float = 0.0
    tilt_deg: float = 0.0
    turn_deg: float = 0.0
    distance: float = 4.0

    def homography(self, size: tuple[float, float]) -> Floats:
        """[3, 3]: from the chart's plane (x right, y down, its middle at 0, `size` wide and high) to px."""
        roll, tilt, turn = np.radians([self.roll_deg, self.tilt_deg, self.turn_deg])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        turned = about_z @ about_x @ about_y
        away = self.distance * size[0]
        focal = self.width_px * away / size[0]
        camera = np.array([[focal, 0, self.centre_px[0]], [0, focal, self.centre_px[1]], [0, 0, 1.0]])
        h = camera @ np.column_stack([turned[:, 0], turned[:, 1], [0, 0, away]])
        return np.asarray(h / h[2, 2])


def draw_patches(
    background: Float32, homography: Floats, colours: Floats, columns: int, patch: tuple[float, float],
    frame: float = 0.3, ground: float = 0.03, oversampling: int = 4,
) -> Float32:  # fmt: skip
    """A chart of patches drawn over a picture, every pixel the mean of oversampling^2 points.

    Parameters
    ----------
    background
        float32 [H, W, 3], linear.
    homography
        [3, 3]: from the grid, the first patch's centre at (0, 0), the next at (1, 0), to px.
    colours
        [n, 3], linear, row by row.
    patch, frame
        Width and height of a patch, and of the ground outside of the outermost, in units of the grid.
    ground
        Linear value of what lies between.
    """
    rows = len(colours) // columns
    w, h = patch[0] / 2 + frame, patch[1] / 2 + frame
    outline = np.array([[-w, -h], [columns - 1 + w, -h], [columns - 1 + w, rows - 1 + h], [-w, rows - 1 + h]])
    corners = _through(homography, outline)
    height, width = background.shape[:2]
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, [width, height])
    if x1 <= x0 or y1 <= y0:
        return background
    inverse = np.linalg.inv(homography)
    total = np.zeros((y1 - y0, x1 - x0, 3), np.float64)
    table = np.vstack([colours, np.full((1, 3), ground)])
    for i in range(oversampling):
        for j in range(oversampling):
            # Sheared, so that edges along the axes meet oversampling^2 places, not oversampling.
            offset = (np.array([j, i]) + (np.array([i, j]) + 0.5) / oversampling) / oversampling
            x, y = np.meshgrid(np.arange(x0, x1) + offset[0], np.arange(y0, y1) + offset[1])
            grid = _through(inverse, np.stack([x, y], -1))
            nearest = np.round(grid)
            is_patch = (np.abs(grid - nearest) < np.array(patch) / 2).all(-1)
            is_patch &= (nearest >= 0).all(-1) & (nearest[..., 0] < columns) & (nearest[..., 1] < rows)
            index = np.where(is_patch, nearest[..., 1] * columns + nearest[..., 0], len(colours)).astype(np.intp)
            is_chart = (grid > [-w, -h]).all(-1) & (grid < [columns - 1 + w, rows - 1 + h]).all(-1)
            total += np.where(is_chart[..., None], table[index], background[y0:y1, x0:x1])
    drawn = background.copy()
    drawn[y0:y1, x0:x1] = total / oversampling**2
    return drawn


def _through(homography: Floats, points: Floats) -> Floats:
    lifted = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(lifted[..., :2] / lifted[..., 2:])
