"""Slanted edges of a whole picture, found by themselves: straight borders between two even areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError

Floats = npt.NDArray[np.floating[Any]]

REDUCED_SIDE = 1100
NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))
ALIKE_RAD = np.radians(14)
STRAIGHT_PX = 0.6


@dataclass(frozen=True)
class FindSettings:
    """What counts as an edge.

    Parameters
    ----------
    least_length_px
        Shortest edge, corners taken off.
    least_clear_px
        Even area that is needed on both sides.
    most_clear_px
        Farther from the edge nothing is looked at.
    least_angle_deg
        From the pixels' rows and columns.
    least_contrast
        (bright - dark) / (bright + dark).
    n_most
        The longest are kept.
    """

    least_length_px: float = 40.0
    least_clear_px: float = 8.0
    most_clear_px: float = 32.0
    least_angle_deg: float = 1.5
    least_contrast: float = 0.1
    n_most: int = 400


@dataclass(frozen=True)
class FoundEdge:
    """A straight border between two even areas.

    Parameters
    ----------
    start, end
        (row, column), px, corners taken off.
    clear_px
        Even area on either side.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    clear_px: float

    @property
    def length_px(self) -> float:
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def is_turned(self) -> bool:
        """Runs rather from left to right."""
        return abs(self.end[1] - self.start[1]) > abs(self.end[0] - self.start[0])

    @property
    def middle(self) -> tuple[float, float]:
        return (self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2

    @property
    def angle_deg(self) -> float:
        """Against the nearest axis, without sign."""
        down, right = abs(self.end[0] - self.start[0]), abs(self.end[1] - self.start[1])
        return float(np.degrees(np.arctan2(min(down, right), max(down, right))))

    def box(self, shape: tuple[int, ...], step: int = 1) -> tuple[slice, slice]:
        """Rows and columns of a region with the edge from border to border, beginning at multiples of `step`."""
        slices = []
        for axis, along in ((0, not self.is_turned), (1, self.is_turned)):
            low, high = sorted((self.start[axis], self.end[axis]))
            margin = 0.0 if along else self.clear_px * 1.2
            first = max(int(np.floor(low - margin)) // step * step, 0)
            slices.append(slice(first, min(int(np.ceil(high + margin)), shape[axis])))
        return slices[0], slices[1]

    def line_in(self, box: tuple[slice, slice]) -> tuple[float, float]:
        """The edge within that region, upright: column = a + b row (rows and columns changed places if turned)."""
        across, along = (0, 1) if self.is_turned else (1, 0)
        slope = (self.end[across] - self.start[across]) / (self.end[along] - self.start[along])
        origin = self.start[along] - box[along].start
        return self.start[across] - box[across].start - slope * origin, slope


def find_edges(picture: Floats, settings: FindSettings | None = None) -> tuple[FoundEdge, ...]:
    """Every slanted edge of a picture that can be measured, the longest first.

    Parameters
    ----------
    picture
        float [H, W], one channel, linear or encoded.
    settings
        What counts as an edge; None: as `FindSettings()`.

    Raises
    ------
    ShapeError
        If the picture is no plane.

    Notes
    -----
    Ridges of the gradient of the reduced picture are joined where neighbours point the same way, and kept if they lie
    on a parabola and both sides are even. Cost: 0.3 s for 12 MP.
    """
    settings = settings or FindSettings()
    if picture.ndim != 2:
        raise ShapeError(f"edges are found in one channel, [h, w], not {list(picture.shape)}", where="picture")
    factor = max(1, int(np.ceil(max(picture.shape) / REDUCED_SIDE)))
    small = _smoothed(_reduced(picture, factor))
    down, right = np.gradient(small)
    size = np.hypot(down, right)
    ridge = _ridges(size, down, right)
    rows, columns = np.nonzero(ridge)
    if rows.size == 0:
        return ()
    labels = _joined(rows, columns, np.arctan2(down[rows, columns], right[rows, columns]), small.shape)
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    found = []
    for part in np.split(order, starts[1:]):
        if part.size * factor >= settings.least_length_px:
            edge = _judged(rows[part], columns[part], small, size, factor, settings)
            if edge is not None:
                found.append(edge)
    found.sort(key=lambda e: -e.length_px)
    return tuple(found[: settings.n_most])


def _reduced(picture: Floats, factor: int) -> Floats:
    """Means of blocks, float32."""
    if factor == 1:
        return np.asarray(picture, np.float32)
    h, w = (n // factor for n in picture.shape)
    cut = np.asarray(picture[: h * factor, : w * factor], np.float32)
    rows = cut.reshape(h, factor, w * factor).sum(1)
    return np.asarray(rows.reshape(h, w, factor).sum(2) / factor**2)


def _smoothed(plane: Floats) -> Floats:
    """Binomial 1 2 1 both ways, borders repeated."""
    for axis in (0, 1):
        wide = np.pad(plane, [(1, 1) if axis == k else (0, 0) for k in (0, 1)], mode="edge")
        n = plane.shape[axis]
        a, b, c = (np.take(wide, np.arange(k, k + n), axis) for k in range(3))
        plane = (a + 2 * b + c) / 4
    return np.asarray(plane)


def _ridges(size: Floats, down: Floats, right: Floats) -> npt.NDArray[np.bool_]:
    """Where the gradient is highest across the edge, and higher than noise and print."""
    inner = size[1:-1, 1:-1]
    along_row = (inner >= size[1:-1, :-2]) & (inner > size[1:-1, 2:])
    along_column = (inner >= size[:-2, 1:-1]) & (inner > size[2:, 1:-1])
    steep = np.abs(right[1:-1, 1:-1]) >= np.abs(down[1:-1, 1:-1])
    threshold = max(6 * float(np.median(size[::3, ::3])), 0.06 * float(size.max()))
    ridge = np.zeros(size.shape, bool)
    ridge[1:-1, 1:-1] = np.where(steep, along_row, along_column) & (inner > threshold)
    return ridge


def _joined(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], direction: Floats, shape: tuple[int, ...]
) -> npt.NDArray[np.intp]:
    """Labels of ridge pixels: neighbours whose gradients point the same way are one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    index = np.full((shape[0] + 1, shape[1] + 2), -1, np.intp)
    index[rows, columns + 1] = np.arange(rows.size)
    pairs = []
    for down, right in NEIGHBOURS:
        other = index[rows + down, columns + 1 + right]
        here = np.flatnonzero(other >= 0)
        turn = np.abs(np.angle(np.exp(1j * (direction[here] - direction[other[here]]))))
        pairs.append(np.stack([here, other[here]])[:, turn < ALIKE_RAD])
    joined = np.concatenate(pairs, axis=1)
    graph = coo_matrix((np.ones(joined.shape[1], bool), (joined[0], joined[1])), shape=(rows.size, rows.size))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def _judged(
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    small: Floats,
    size: Floats,
    factor: int,
    settings: FindSettings,
) -> FoundEdge | None:
    """The edge that these ridge pixels are, or None."""
    is_turned = np.ptp(columns) > np.ptp(rows)
    along, across = (columns, rows) if is_turned else (rows, columns)
    u = (along - along.mean()) / max(np.ptp(along) / 2, 1)
    bow = np.polyfit(u, across, 2) if u.size > 8 else np.append(0.0, np.polyfit(u, across, 1))
    if np.std(across - np.polyval(bow, u)) > STRAIGHT_PX:
        return None
    # Corners round the edge off: 2 px of the reduced picture and as many of the picture.
    cut = (2.0 + 3.0 / factor) / max(np.ptp(along) / 2, 1)
    if cut >= 0.8:
        return None
    ends = np.array([-1 + cut, 1 - cut])
    along_ends = along.mean() + ends * np.ptp(along) / 2
    across_ends = np.polyval(bow, ends)
    length = float(np.hypot(np.diff(along_ends)[0], np.diff(across_ends)[0])) * factor
    angle = np.degrees(np.arctan2(abs(np.diff(across_ends)[0]), abs(np.diff(along_ends)[0])))
    if length < settings.least_length_px or angle < settings.least_angle_deg:
        return None
    clear = _clear(
        along_ends, np.polyval(bow, np.linspace(-1 + cut, 1 - cut, 25)), is_turned, small, size, settings, factor
    )
    if clear is None:
        return None
    points = [((c + 0.5) * factor, (a + 0.5) * factor) for a, c in zip(along_ends, across_ends, strict=True)]
    (c0, a0), (c1, a1) = points
    if is_turned:
        return FoundEdge((c0, a0), (c1, a1), clear)
    return FoundEdge((a0, c0), (a1, c1), clear)


def _clear(
    along_ends: Floats,
    across: Floats,
    is_turned: bool,
    small: Floats,
    size: Floats,
    settings: FindSettings,
    factor: int,
) -> float | None:
    """How far both sides are even, px of the picture; None if not far enough or without contrast."""
    along = np.linspace(along_ends[0], along_ends[1], across.size)
    slope = (across[-1] - across[0]) / (along[-1] - along[0])
    normal = np.array([1.0, -slope]) / np.hypot(1, slope)
    reach = int(np.ceil(settings.most_clear_px / factor)) + 3
    t = np.arange(-reach, reach + 1)
    a = np.rint(along[None, :] + t[:, None] * normal[1]).astype(np.intp)
    c = np.rint(across[None, :] + t[:, None] * normal[0]).astype(np.intp)
    r, k = (c, a) if is_turned else (a, c)
    inside = ((r >= 1) & (r < size.shape[0] - 1) & (k >= 1) & (k < size.shape[1] - 1)).all(1)
    r, k = np.clip(r, 0, size.shape[0] - 1), np.clip(k, 0, size.shape[1] - 1)
    steep = np.where(inside, np.quantile(size[r, k], 0.9, axis=1), np.inf)
    level = np.median(small[r, k], axis=1)
    peak = float(np.median(size[r[reach], k[reach]]))
    sides = []
    for way in (-1, 1):
        profile = steep[reach::way]
        calm = profile < 0.2 * peak
        if not calm.any():
            return None
        begins = int(np.argmax(calm))
        ends = begins + (int(np.argmin(calm[begins:])) if not calm[begins:].all() else calm.size - begins)
        if begins * factor > 0.6 * settings.most_clear_px or (ends - begins) * factor < 0.5 * settings.least_clear_px:
            return None
        sides.append((ends - 1, level[reach + way * ((begins + ends - 1) // 2)]))
    # The gradient, smoothed, sees the next structure two pixels early.
    clear = min(min(side[0] for side in sides) * factor, settings.most_clear_px)
    low, high = sorted(side[1] for side in sides)
    is_faint = high - low < settings.least_contrast * max(high + low, 1e-9)
    return None if clear < settings.least_clear_px or is_faint else float(clear)
