"""A found chart is fitted to the pixels: the drawing of its patches, blurred, moved until it explains the picture.

The drawing is a sum of boxes. In the grid's coordinates (u, v) a patch at (i, j) with edges blurred by a Gaussian is
B(u - i) B(v - j), B(t) = (erf((t + w/2) / s) - erf((t - w/2) / s)) / 2, so that the picture of all patches is the
bilinear form row(v) A column(u) with closed derivatives, and Gauss and Newton find the homography, the size of the
patches, the blur and a little radial distortion together. All edges speak at once: no corner is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lichtbild.lab.charts.lattice import apply, jacobian
from lichtbild.lab.charts.reference import ChartReference

Floats = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

N_PIXELS = 6000
ROUNDS = 10
# 1 sigma of what is expected before looking: radial distortion over the half diagonal, size of a patch.
DISTORTION_PRIOR = 0.03
PATCH_PRIOR = 0.03
MARGIN = 0.62


@dataclass(frozen=True, eq=False)
class Placement:
    """From a chart's grid to px of the picture.

    Parameters
    ----------
    homography
        [3, 3]: (across, down) to undistorted px (x, y).
    radial
        px of the picture p lie at c + (p - c) (1 + radial r^2) of the undistorted plane, r in units of half the
        picture's diagonal.
    centre_px, half_diagonal_px
        Of the picture.
    patch
        Width and height of the patches as they were found, in units of the grid.
    blur_px
        Standard deviation of the edges' blur.
    deviation_px
        Standard deviation of the corners, from the residuals of the fit.
    """

    homography: Floats
    radial: float
    centre_px: tuple[float, float]
    half_diagonal_px: float
    patch: tuple[float, float]
    blur_px: float
    deviation_px: float = 0.0

    def to_picture(self, grid: npt.ArrayLike) -> Floats:
        """px [..., 2] (x, y) of places [..., 2] (across, down)."""
        flat = apply(self.homography, grid) - self.centre_px
        bent = flat
        for _ in range(6):
            r2 = np.sum(bent * bent, -1, keepdims=True) / self.half_diagonal_px**2
            bent = flat / (1 + self.radial * r2)
        return np.asarray(bent + self.centre_px)

    def to_grid(self, px: npt.ArrayLike) -> Floats:
        """Inverse of `to_picture`."""
        off = np.asarray(px, np.float64) - self.centre_px
        r2 = np.sum(off * off, -1, keepdims=True) / self.half_diagonal_px**2
        return apply(np.linalg.inv(self.homography), off * (1 + self.radial * r2) + self.centre_px)


def fit_placement(linear: Float32, homography: Floats, reference: ChartReference) -> tuple[Placement, float]:
    """The placement that explains the pixels best, and the share of their variance that it explains.

    Parameters
    ----------
    linear
        [H, W, 3], proportional to light.
    homography
        First guess, to a quarter of a patch.
    """
    height, width = linear.shape[:2]
    start = Placement(
        homography, 0.0, (width / 2, height / 2), float(np.hypot(width, height)) / 2, reference.patch, 1.0
    )
    middle = np.array([(reference.columns - 1) / 2, (reference.rows - 1) / 2])
    step = float(np.sqrt(abs(np.linalg.det(jacobian(homography, middle)))))
    # Far off a soft drawing pulls from farther away; then all that the pixels say.
    placed, _ = _descend(linear, start, reference, blur_px=max(1.0, 0.07 * step), rounds=5, near=1.0)
    return _descend(linear, placed, reference, blur_px=max(0.7, 0.025 * step), rounds=ROUNDS, near=max(0.05, 3 / step))


def _pixels(linear: Float32, placed: Placement, reference: ChartReference, near: float) -> tuple[Floats, Floats]:
    """(x, y) [n, 2] and values [n, 3] of the chart's pixels within `near` of an edge of a patch, evenly thinned."""
    r, m = reference, MARGIN
    outline = np.array([[-m, -m], [r.columns - 1 + m, -m], [r.columns - 1 + m, r.rows - 1 + m], [-m, r.rows - 1 + m]])
    corners = placed.to_picture(outline)
    height, width = linear.shape[:2]
    x0, y0 = np.floor(np.maximum(corners.min(0), 0)).astype(int)
    x1, y1 = np.ceil(np.minimum(corners.max(0), [width, height])).astype(int)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return np.empty((0, 2)), np.empty((0, 3))
    area = float((x1 - x0) * (y1 - y0))
    # A first thinning before anything is computed for each pixel; a fixed lattice of odd steps hits no period.
    n = int(min(area, 8 * N_PIXELS))
    spots = (np.arange(n) * (area / n)).astype(np.int64) if n < area else np.arange(n)
    y, x = np.divmod(spots, x1 - x0)
    points = np.stack([x + x0 + 0.5, y + y0 + 0.5], 1).astype(np.float64)
    grid = placed.to_grid(points)
    inside = (grid > -m).all(1) & (grid[:, 0] < r.columns - 1 + m) & (grid[:, 1] < r.rows - 1 + m)
    half = np.array(placed.patch) / 2
    off = np.abs(grid - np.round(grid)) - half
    inside &= (np.abs(off) < near).any(1) & (off < near).all(1)
    chosen = np.flatnonzero(inside)
    if len(chosen) > N_PIXELS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, N_PIXELS).astype(int)]
    px = points[chosen].astype(np.intp)
    return points[chosen], linear[px[:, 1], px[:, 0]].astype(np.float64)


def _box(t: Floats, count: int, size: float, blur: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """B [n, count] at t - 0, t - 1, ..., and its derivatives by t, size and blur."""
    from scipy.special import erf

    d, blur = t[:, None] - np.arange(count), blur[:, None]
    s = np.sqrt(2) * blur
    left, right = (d + size / 2) / s, (d - size / 2) / s
    value = (erf(left) - erf(right)) / 2
    bell_l, bell_r = (np.exp(-np.minimum(v * v, 60)) / np.sqrt(np.pi) for v in (left, right))
    return value, (bell_l - bell_r) / s, (bell_l + bell_r) / (2 * s), -(left * bell_l - right * bell_r) / blur


class _Drawing:
    """The drawing of the chart at given pixels, and its slopes by the unknowns: eight of the inverse homography, width
    and height of a patch, blur in px, radial distortion. Colours of patches and ground follow by least squares."""

    def __init__(self, reference: ChartReference, placed: Placement, points: Floats, values: Floats) -> None:
        self.reference, self.values = reference, values
        self.middle = points.mean(0)
        self.scale = float(np.sqrt(np.mean((points - self.middle) ** 2)))
        off = points - placed.centre_px
        r2 = np.sum(off * off, 1, keepdims=True) / placed.half_diagonal_px**2
        self.straight = (points - self.middle) / self.scale
        self.bend = off * r2 / self.scale
        m, s = self.middle, self.scale
        self.to_local = np.array([[1 / s, 0, -m[0] / s], [0, 1 / s, -m[1] / s], [0, 0, 1.0]])

    def start(self, placed: Placement, blur_px: float) -> Floats:
        """The unknowns of a placement, [12]."""
        inverse = np.linalg.inv(self.to_local @ placed.homography)
        return np.concatenate([(inverse / inverse[2, 2]).ravel()[:8], placed.patch, [blur_px, placed.radial]])

    def homography(self, unknowns: Floats) -> Floats:
        """Grid to px."""
        forward = np.linalg.inv(np.append(unknowns[:8], 1.0).reshape(3, 3) @ self.to_local)
        return np.asarray(forward / forward[2, 2])

    def __call__(self, unknowns: Floats) -> tuple[Floats, Floats]:
        """Picture minus drawing [n, 3], slopes of the drawing [n, 12, 3]."""
        g, (width, height, blur_px, radial) = unknowns[:8], unknowns[8:]
        local = self.straight + radial * self.bend
        x, y = local.T
        depth = g[6] * x + g[7] * y + 1
        u, v = (g[0] * x + g[1] * y + g[2]) / depth, (g[3] * x + g[4] * y + g[5]) / depth
        # Slopes of u and v by the local coordinates.
        ux, uy = (g[0] - u * g[6]) / depth, (g[1] - u * g[7]) / depth
        vx, vy = (g[3] - v * g[6]) / depth, (g[4] - v * g[7]) / depth
        fineness_u, fineness_v = np.hypot(ux, uy) / self.scale, np.hypot(vx, vy) / self.scale
        across = _box(u, self.reference.columns, width, blur_px * fineness_u)
        down = _box(v, self.reference.rows, height, blur_px * fineness_v)
        share = (down[0][:, :, None] * across[0][:, None, :]).reshape(len(u), -1)
        colours = self._colours(share)
        contrast = colours[:-1] - colours[-1]
        residual = self.values - (share @ contrast + colours[-1])
        # Sums over columns [n, rows x 3] and over rows [n, columns x 3], each asked for by several slopes.
        tall, wide = self.reference.rows, self.reference.columns
        by_row = contrast.reshape(tall, wide, 3)
        over_rows = (down[0] @ by_row.reshape(tall, wide * 3)).reshape(-1, wide, 3)
        over_columns = (across[0] @ by_row.transpose(1, 0, 2).reshape(wide, tall * 3)).reshape(-1, tall, 3)

        def along(columns: Floats) -> Floats:
            return np.asarray((columns[:, None] @ over_rows)[:, 0])

        def aside(rows: Floats) -> Floats:
            return np.asarray((rows[:, None] @ over_columns)[:, 0])

        by_u, by_v = along(across[1]), aside(down[1])
        slopes = np.empty((len(u), 12, 3))
        of_u = np.stack([x, y, np.ones_like(x)], 1) / depth[:, None]
        slopes[:, 0:3] = of_u[:, :, None] * by_u[:, None]
        slopes[:, 3:6] = of_u[:, :, None] * by_v[:, None]
        slopes[:, 6:8] = -of_u[:, :2, None] * (u[:, None] * by_u + v[:, None] * by_v)[:, None]
        slopes[:, 8], slopes[:, 9] = along(across[2]), aside(down[2])
        slopes[:, 10] = fineness_u[:, None] * along(across[3]) + fineness_v[:, None] * aside(down[3])
        bend_u, bend_v = ux * self.bend[:, 0] + uy * self.bend[:, 1], vx * self.bend[:, 0] + vy * self.bend[:, 1]
        slopes[:, 11] = bend_u[:, None] * by_u + bend_v[:, None] * by_v
        return residual, slopes

    def _colours(self, share: Floats) -> Floats:
        """[n_patches + 1, 3]: the patches' colours and the ground's, least squares."""
        weights = np.hstack([share, 1 - share.sum(1, keepdims=True)])
        normal = weights.T @ weights
        normal[np.diag_indices_from(normal)] += 1e-6 * len(weights) / len(normal)
        return np.asarray(np.linalg.solve(normal, weights.T @ self.values))


def _descend(
    linear: Float32, placed: Placement, reference: ChartReference, blur_px: float, rounds: int, near: float
) -> tuple[Placement, float]:
    """Levenberg and Marquardt."""
    points, values = _pixels(linear, placed, reference, near)
    if len(points) < 30 * 12:
        return placed, 0.0
    drawing = _Drawing(reference, placed, points, values)
    unknowns = trial = drawing.start(placed, blur_px)
    prior, expected = np.zeros(12), unknowns.copy()
    prior[8:10], prior[11] = PATCH_PRIOR**-2, DISTORTION_PRIOR**-2
    expected[8:10], expected[11] = reference.patch, 0.0
    damping, cost = 1e-3, np.inf
    normal = pull = np.empty(0)
    for _ in range(rounds):
        residual, slopes = drawing(trial)
        variance = max(float(np.mean(residual**2)), 1e-12)
        trial_cost = variance + float(prior @ (trial - expected) ** 2) * variance / residual.size
        if trial_cost < cost:
            is_done = cost - trial_cost < 1e-5 * trial_cost
            unknowns, cost, damping = trial, trial_cost, max(damping / 10, 1e-6)
            flat = slopes.transpose(0, 2, 1).reshape(-1, 12)
            normal = flat.T @ flat / variance + np.diag(prior)
            pull = flat.T @ residual.ravel() / variance + prior * (expected - unknowns)
            explained = 1 - variance / max(float(np.mean((values - values.mean(0)) ** 2)), 1e-30)
            if is_done:
                break
        else:
            damping *= 30
        trial = unknowns + np.linalg.solve(normal + damping * np.diag(np.diag(normal)), pull)
        trial[8:10] = np.clip(trial[8:10], 0.5, 0.99)
        trial[10] = np.clip(trial[10], 0.25, 4 * blur_px + 1)
        trial[11] = np.clip(trial[11], -0.3, 0.3)
    width, height, blur, radial = (float(v) for v in unknowns[8:])
    made = Placement(
        drawing.homography(unknowns), radial, placed.centre_px, placed.half_diagonal_px, (width, height), blur
    )
    return replace(made, deviation_px=_corner_deviation(drawing, made, unknowns, normal, reference)), explained


def _corner_deviation(
    drawing: _Drawing, made: Placement, unknowns: Floats, normal: Floats, reference: ChartReference
) -> float:
    """Standard deviation of a corner of the chart along one axis, px: the fit's covariance carried to the corners."""
    covariance = np.linalg.pinv(normal)
    moved = []
    for k in range(12):
        step = 0.1 * np.sqrt(max(covariance[k, k], 1e-20))
        other = unknowns.copy()
        other[k] += step
        there = replace(made, homography=drawing.homography(other), radial=float(other[11]))
        moved.append((there.to_picture(reference.corners()) - made.to_picture(reference.corners())).ravel() / step)
    slopes = np.stack(moved, 1)
    return float(np.sqrt(np.einsum("ik,kl,il->i", slopes, covariance, slopes).mean()))
