"""What the camera sees while it moves: for every row of every frame, at every moment of its exposure, where things
stand in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lichtbild.core.turns import turns_by
from lichtbild.simulate.shake import LEAD_S, CameraPath, Shake, between
from lichtbild.simulate.stabiliser import Stabiliser

Float64 = npt.NDArray[np.float64]

# Rows between two nodes of a frame's motion, which goes in straight lines from one to the next.
MOTION_ROWS = 16
# What lens and pixel reach over the edge of a frame.
_ROOM_PX = 10


def n_nodes(height: int) -> int:
    """Nodes of a frame: at rows 0, 16, 32 ... and one beyond the last."""
    return -(-height // MOTION_ROWS) + 2


class Views(Protocol):
    """Where the camera stood and looked."""

    @property
    def n_frames(self) -> int: ...

    def moments_s(self, frame: int, part: float) -> Float64:
        """float64 [m]: when the nodes of a frame are seen at `part` (0 to 1) of their exposure, s after the middle of
        frame 0."""

    def turned(self, frame: int, part: float) -> Float64:
        """float64 [m, 3, 3]: position in frame 0, ideally seen from where the camera stood in its middle -> position
        in this frame at every node, px, for what is far away."""

    def position_m(self, frame: int, part: float) -> Float64:
        """float64 [m, 3]: where the camera stands, right, down, forward."""


@dataclass(frozen=True, eq=False)
class StillViews:
    """A camera that is still during each exposure: one affine motion and one place a frame.

    Parameters
    ----------
    affines
        float64 [n_frames, 2, 3]: (x, y) in frame 0 -> (x, y) in frame k, px.
    positions_m
        float64 [n_frames, 3].
    interval_s
        From frame to frame.
    height
        Rows of a frame.
    """

    affines: Float64
    positions_m: Float64
    interval_s: float
    height: int

    @property
    def n_frames(self) -> int:
        return len(self.affines)

    def moments_s(self, frame: int, part: float) -> Float64:
        return np.full(n_nodes(self.height), frame * self.interval_s)

    def turned(self, frame: int, part: float) -> Float64:
        full = np.concatenate([self.affines[frame], [[0.0, 0.0, 1.0]]])
        return np.broadcast_to(full, (n_nodes(self.height), 3, 3))

    def position_m(self, frame: int, part: float) -> Float64:
        return np.broadcast_to(self.positions_m[frame], (n_nodes(self.height), 3))


@dataclass(frozen=True, eq=False)
class ShakenViews:
    """A camera in a hand, stabilised or not, whose rows are exposed one after another.

    Parameters
    ----------
    path
        Orientation and place of the body at every time.
    undone_rad
        float64 [n, 2]: pitch and yaw that the shifted lens undoes, at the times of the path.
    begin_s
        float64 [n_frames], when the exposure of the first row of each frame begins; 0 is the middle of frame 0.
    exposure_s
        float64 [n_frames].
    readout_s
        From the first row to one past the last.
    focal_px, shape
        Focal length, rows and columns.
    """

    path: CameraPath
    undone_rad: Float64
    begin_s: Float64
    exposure_s: Float64
    readout_s: float
    focal_px: float
    shape: tuple[int, int]

    @property
    def n_frames(self) -> int:
        return len(self.begin_s)

    def moments_s(self, frame: int, part: float) -> Float64:
        rows = np.arange(n_nodes(self.shape[0])) * (MOTION_ROWS / self.shape[0])
        return np.asarray(self.begin_s[frame] + part * self.exposure_s[frame] + rows * self.readout_s)

    def turned(self, frame: int, part: float) -> Float64:
        return self.picture(self.moments_s(frame, part))

    def position_m(self, frame: int, part: float) -> Float64:
        return self.path.at(self.moments_s(frame, part))[1]

    def picture(self, time_s: Float64) -> Float64:
        """float64 [..., 3, 3]: position in the picture at 0 s -> position at other times, for what is far away."""
        start = np.linalg.inv(self._seen(np.zeros(1)))[0]
        found = self._seen(np.asarray(time_s, np.float64)) @ start
        return np.asarray(found / found[..., 2:, 2:])

    def _seen(self, time_s: Float64) -> Float64:
        """Lens shift after K R^T K^-1."""
        f, (cy, cx) = self.focal_px, (n / 2 for n in self.shape)
        k = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1.0]])
        turn = turns_by(self.path.at(time_s)[0])
        shift = np.zeros((*turn.shape[:-2], 3, 3))
        shift[...] = np.eye(3)
        shift[..., :2, 2] = self.lens_shift_px(time_s)
        return np.asarray(shift @ k @ np.swapaxes(turn, -1, -2) @ np.linalg.inv(k))

    def lens_shift_px(self, time_s: Float64) -> Float64:
        """float64 [..., 2]: by how much the shifted lens moves the picture right and down."""
        undone = between(self.path.time_s, self.undone_rad, time_s)
        # Pitch and yaw by themselves move the picture by (-yaw, pitch).
        return np.asarray(self.focal_px * np.stack([undone[..., 1], -undone[..., 0]], -1))


def shaken_views(
    shake: Shake,
    stabiliser: Stabiliser | None,
    begin_s: Sequence[float],
    exposure_s: Sequence[float],
    readout_s: float,
    focal_px: float,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> ShakenViews:
    """A sample of a hand before a burst whose frames begin at `begin_s` (any zero) and are exposed for `exposure_s`."""
    begin, exposure = np.asarray(begin_s, np.float64), np.asarray(exposure_s, np.float64)
    begin = begin - (begin[0] + 0.5 * (exposure[0] + readout_s))
    last = float((begin + exposure).max()) + readout_s * (1 + 3 * MOTION_ROWS / shape[0])
    path = shake.path(max(last, 0.0) + 0.01, rng)
    if begin[0] < -(LEAD_S - 1):
        raise ValueError("a first exposure that long has no calm before it")
    undone = np.zeros((len(path.time_s), 2))
    if stabiliser is not None:
        undone = stabiliser.follow(path.time_s, path.angle_rad - path.angle_rad[0])
    return ShakenViews(path, undone, begin, exposure, readout_s, focal_px, shape)


def row_at(nodes: Float64, y_px: Float64) -> Float64:
    """Matrices [..., 3, 3] of the rows at y from those of the nodes [m, 3, 3], as the kernels take them."""
    at = np.asarray(y_px, np.float64) / MOTION_ROWS
    node = np.clip(np.floor(at).astype(np.intp), 0, len(nodes) - 2)
    share = (at - node)[..., None, None]
    return np.asarray(nodes[node] * (1 - share) + nodes[node + 1] * share)


def moved(matrix: Float64, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Points through homographies [..., 3, 3]."""
    u, v, w = (matrix[..., k, 0] * x + matrix[..., k, 1] * y + matrix[..., k, 2] for k in range(3))
    return u / w, v / w


def to_frame(back: Float64, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Where a frame shows points of frame 0's ideal picture: `back` [m, 3, 3] leads from the frame to them, a node
    every 16 rows. Which row sees a point depends on where it lies: found by going back and forth."""
    u, v = moved(np.linalg.inv(row_at(back, y)), x, y)
    for _ in range(4):
        u, v = moved(np.linalg.inv(row_at(back, v)), x, y)
    return u, v


def nearest_affine(first: Float64, other: Float64, shape: tuple[int, int]) -> Float64:
    """float64 [2, 3]: (x, y) in one frame -> (x, y) in another, least squares over the picture; ways back as in
    `to_frame`."""
    y, x = (a.ravel() for a in np.meshgrid(*(np.linspace(0, n, 9) for n in shape), indexing="ij"))
    u, v = to_frame(other, *moved(row_at(first, y), x, y))
    fitted = np.linalg.lstsq(np.stack([x, y, np.ones_like(x)], 1), np.stack([u, v], 1), rcond=None)[0]
    return np.asarray(fitted.T)


def margin_px(views: Views, shape: tuple[int, int]) -> int:
    """How many px beyond frame 0 a scene needs for these views, patterns included."""
    x, y = np.array([0.0, shape[1], 0, shape[1]]), np.array([0.0, 0, shape[0], shape[0]])
    farthest = 0.0
    for frame in range(views.n_frames):
        for part in (0.0, 0.5, 1.0):
            u, v = moved(row_at(np.linalg.inv(views.turned(frame, part)), y), x, y)
            farthest = max(farthest, -u.min(), -v.min(), u.max() - shape[1], v.max() - shape[0])
    return int(np.ceil(farthest)) + _ROOM_PX
