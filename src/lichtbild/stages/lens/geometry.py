"""Where a corrected pixel comes from: the warps of DNG 1.7, chapter 7, as functions of position.

Positions are pixel coordinates with centres at + 0.5, so an image covers [0, W] x [0, H]; its optical centre is
relative to that, and radius 1 is the distance to the farthest corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import (
    FixVignetteRadial,
    GainMap,
    Opcode,
    TrimBounds,
    WarpFisheye,
    WarpRectilinear,
    WarpRectilinear2,
)
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.stages.lens.straighten import Turn

Doubles = npt.NDArray[np.float64]
Shape = tuple[int, int]
Warp = WarpRectilinear | WarpRectilinear2 | WarpFisheye
N_PLANES = 3


def is_warp(op: Opcode) -> bool:
    return isinstance(op, WarpRectilinear | WarpRectilinear2 | WarpFisheye | Turn)


def centre_and_radius(centre_y: float, centre_x: float, shape: Shape) -> tuple[float, float, float]:
    """Optical centre (y, x) in px and the distance from there to the farthest corner."""
    cy, cx = centre_y * shape[0], centre_x * shape[1]
    return cy, cx, float(np.hypot(max(cy, shape[0] - cy), max(cx, shape[1] - cx)))


def ratio(op: Warp, plane: int, r2: Doubles, limit: float = 1.0) -> Doubles:
    """Source radius over corrected radius at squared relative radius `r2`; constant beyond the radius `limit`."""
    r2 = np.minimum(r2, limit * limit)
    own = op.radial[min(plane, len(op.radial) - 1)]
    polynomial = np.polynomial.polynomial.polyval
    if isinstance(op, WarpRectilinear):
        return np.asarray(polynomial(r2, own))
    if isinstance(op, WarpRectilinear2):
        low, high = op.valid_range[min(plane, len(op.valid_range) - 1)] if op.valid_range else (0.0, 1.0)
        value = polynomial(np.clip(np.sqrt(r2), low, high if high < 1 else limit), own)
        return np.asarray(1 / value if op.reciprocal else value)
    r = np.sqrt(r2)
    theta = np.arctan(r)
    # At the centre theta / r is 1.
    over_r = np.divide(theta, r, out=np.ones_like(r), where=r > 1e-9)
    return np.asarray(over_r * polynomial(theta * theta, own))


def source_of(op: Warp, plane: int, y: Doubles, x: Doubles, shape: Shape) -> tuple[Doubles, Doubles]:
    """Position in the uncorrected image of the corrected position (y, x), px.

    x' = cx + m (f(r) dx + 2 kt0 dx dy + kt1 (r^2 + 2 dx^2)), likewise y' with kt0 and kt1 exchanged; dx and dy relative
    to the centre in units of m, the distance to the farthest corner.
    """
    cy, cx, m = centre_and_radius(op.centre_y, op.centre_x, shape)
    dy, dx = (y - cy) / m, (x - cx) / m
    r2 = dy * dy + dx * dx
    # The nodes of a grid lie up to two steps outside the picture, and a step in the model there would show inside.
    limit = 1 + 3 * GAIN_STEP_PX / m
    f = ratio(op, plane, r2, limit)
    src_y, src_x = f * dy, f * dx
    if not isinstance(op, WarpFisheye) and op.tangential:
        kt0, kt1 = op.tangential[min(plane, len(op.tangential) - 1)]
        if kt0 or kt1:
            inside = np.minimum(r2, limit * limit)
            src_y = src_y + kt0 * (inside + 2 * dy * dy) + 2 * kt1 * dx * dy
            src_x = src_x + kt1 * (inside + 2 * dx * dx) + 2 * kt0 * dx * dy
    return cy + m * src_y, cx + m * src_x


def gain_of(op: GainMap | FixVignetteRadial, plane: int, y: Doubles, x: Doubles, shape: Shape) -> Doubles:
    """Gain of `op` for a plane at positions (y, x) of an image of `shape`."""
    if isinstance(op, FixVignetteRadial):
        cy, cx, m = centre_and_radius(op.centre_y, op.centre_x, shape)
        r2 = ((y - cy) ** 2 + (x - cx) ** 2) / (m * m)
        return np.asarray(np.polynomial.polynomial.polyval(r2, (1.0, *op.k)))
    area = op.area
    if not area.plane <= plane < area.plane + area.n_planes:
        return np.ones_like(y)
    grid = op.gain[:, :, min(plane, op.gain.shape[2] - 1)].astype(np.float64)
    v = (y / shape[0] - op.origin_v) / op.spacing_v
    h = (x / shape[1] - op.origin_h) / op.spacing_h
    return bilinear(grid, v, h)


def bilinear(grid: Doubles, v: Doubles, h: Doubles) -> Doubles:
    """Samples of grid [n, m] at fractional indices, constant beyond its ends."""
    n, m = grid.shape
    v, h = np.clip(v, 0, n - 1), np.clip(h, 0, m - 1)
    i, j = np.minimum(v.astype(np.intp), max(n - 2, 0)), np.minimum(h.astype(np.intp), max(m - 2, 0))
    i1, j1 = np.minimum(i + 1, n - 1), np.minimum(j + 1, m - 1)
    fv, fh = v - i, h - j
    top = grid[i, j] * (1 - fh) + grid[i, j1] * fh
    bottom = grid[i1, j] * (1 - fh) + grid[i1, j1] * fh
    return np.asarray(top * (1 - fv) + bottom * fv)


@dataclass(frozen=True)
class Chain:
    """Consecutive opcodes that one resampling does: warps, trims, gains of the whole image.

    Parameters
    ----------
    steps
        (opcode, shape of the image it is applied to), in the order of the list.
    shape
        Of the image that comes out.
    """

    steps: tuple[tuple[Opcode, Shape], ...]
    shape: Shape

    @classmethod
    def of(cls, ops: Sequence[Opcode], shape: Shape) -> Chain:
        steps = []
        for op in ops:
            steps.append((op, shape))
            if isinstance(op, TrimBounds):
                shape = (op.bottom - op.top, op.right - op.left)
        return cls(tuple(steps), shape)

    def source(self, plane: int, y: Doubles, x: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """(y, x, gain): where position (y, x) of the result comes from, and the product of all gains on the way."""
        gain = np.ones(np.broadcast_shapes(y.shape, x.shape))
        y, x = np.broadcast_to(y, gain.shape), np.broadcast_to(x, gain.shape)
        for op, shape in reversed(self.steps):
            if isinstance(op, TrimBounds):
                y, x = y + op.top, x + op.left
            elif isinstance(op, Turn):
                y, x = op.source(y, x)
            elif isinstance(op, WarpRectilinear | WarpRectilinear2 | WarpFisheye):
                y, x = source_of(op, plane, y, x, shape)
            elif isinstance(op, GainMap | FixVignetteRadial):
                gain = gain * gain_of(op, plane, y, x, shape)
        return y, x, gain

    def grid(self) -> npt.NDArray[np.float32]:
        """What the kernel reads: float32 [ceil(h/16)+3, ceil(w/16)+3, 3 planes, 3], displacement x and y in px and gain
        at (16 (i - 1), 16 (j - 1)) of the result."""
        y, x = (
            np.asarray((np.arange(-(-length // GAIN_STEP_PX) + 3) - 1) * GAIN_STEP_PX, np.float64)
            for length in self.shape
        )
        nodes = np.empty((y.size, x.size, N_PLANES, 3), np.float32)
        previous = None
        for plane in range(N_PLANES):
            if previous is not None and self.is_same(plane - 1, plane):
                nodes[:, :, plane] = nodes[:, :, plane - 1]
                continue
            from_y, from_x, gain = self.source(plane, y[:, None], x[None, :])
            nodes[:, :, plane, 0] = from_x - x[None, :]
            nodes[:, :, plane, 1] = from_y - y[:, None]
            nodes[:, :, plane, 2] = gain
            previous = plane
        return nodes

    def is_same(self, a: int, b: int) -> bool:
        """Whether two planes are treated alike."""
        for op, _ in self.steps:
            if isinstance(op, WarpRectilinear | WarpRectilinear2 | WarpFisheye) and len(op.radial) > 1:
                return False
            if isinstance(op, GainMap):
                inside = [op.area.plane <= p < op.area.plane + op.area.n_planes for p in (a, b)]
                if inside[0] != inside[1] or (inside[0] and op.gain.shape[2] > 1):
                    return False
        return True
