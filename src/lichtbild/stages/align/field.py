"""Arithmetic of motion: the hand's homography with its rolling rows, robust steps from tile sums, best matches."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

N_TERMS = 10
# Groups of coefficients, the later ones used only where the tiles prove them: shift, roll and scale; shear; keystone;
# rows that were read out on a bent path.
GROUPS = (4, 6, 8, N_TERMS)
# Error of each tile's displacement that aliasing makes beside noise, px of the level.
_SHARED_PX = 0.03


@dataclass(frozen=True, eq=False)
class Hand:
    """Motion of the camera: a homography, and a displacement that grows with the square of the row (rolling shutter).

    Parameters
    ----------
    matrix
        float64 [3, 3] for (x, y, 1) of the reference, x and y centred and in halves of the longer side.
    bend
        float64 [2], (dy, dx) at the distance 1 above or below the centre, same unit.
    shape
        Of the mosaic, px.
    expected
        float64 [10], coefficients of `basis` beyond a similarity that a gyroscope told, px; none of its own: nothing.
    """

    matrix: F64
    bend: F64
    shape: tuple[int, int]
    expected: F64 = dataclasses.field(default_factory=lambda: np.zeros(N_TERMS))

    @classmethod
    def at_rest(cls, shape: tuple[int, int]) -> Hand:
        return cls(np.eye(3), np.zeros(2), shape)

    @classmethod
    def turned(cls, angle_deg: float, shift_px: tuple[float, float], shape: tuple[int, int]) -> Hand:
        """A turn about the centre, and a shift (dy, dx)."""
        c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
        half = max(shape) / 2
        return cls(np.array([[c, -s, shift_px[1] / half], [s, c, shift_px[0] / half], [0, 0, 1]]), np.zeros(2), shape)

    def stepped(self, delta: F64) -> Hand:
        """The motion after a step of coefficients [10] (see `basis`): what the reference's points do first."""
        d = delta / (max(self.shape) / 2)
        step = np.array(
            [
                [1 + d[3] - d[4], -d[2] + d[5], d[1]],
                [d[2] + d[5], 1 + d[3] + d[4], d[0]],
                [-d[7], -d[6], 1],
            ]
        )
        matrix = self.matrix @ step
        return dataclasses.replace(self, matrix=matrix / matrix[2, 2], bend=self.bend + d[8:])

    def beside(self, other: Hand) -> Hand:
        """What this motion does after another one was undone."""
        matrix = self.matrix @ np.linalg.inv(other.matrix)
        return Hand(matrix / matrix[2, 2], self.bend - other.bend, self.shape)

    def beyond_similarity(self) -> F64:
        """The coefficients [10] of `basis`, px, beside those expected, of which a shift, roll and scale have none: the
        later six."""
        m, out = self.matrix, np.zeros(N_TERMS)
        out[4], out[5] = (m[1, 1] - m[0, 0]) / 2, (m[0, 1] + m[1, 0]) / 2
        out[6], out[7], out[8:] = -m[2, 1], -m[2, 0], self.bend
        return out * (max(self.shape) / 2) - self.expected

    def is_plausible(self, max_shift: float, max_turn_deg: float) -> bool:
        """Whether a hand may have done this between two frames: no further than looked for, and nothing stretched."""
        m = self.matrix
        turn, scale = np.arctan2(m[1, 0] - m[0, 1], m[0, 0] + m[1, 1]), np.sqrt(abs(np.linalg.det(m[:2, :2])))
        shift = np.abs(m[:2, 2]).max() * max(self.shape) / 2
        beyond = np.abs(self.beyond_similarity()).max() / (max(self.shape) / 2)
        return bool(
            np.all(np.isfinite(m)) and np.all(np.isfinite(self.bend)) and abs(scale - 1) < 0.1 and beyond < 0.2
            and abs(np.rad2deg(turn)) < max_turn_deg + 3 and shift < (max_shift + 0.1) * min(self.shape)
        )  # fmt: skip

    def at(self, points_px: F64) -> F64:
        """For points (y, x) [n, 2], px of the mosaic: (dy, dx) in px, then d dy/d y, d dy/d x, d dx/d y, d dx/d x,
        [n, 6]."""
        half = max(self.shape) / 2
        v, u = ((points_px[:, k] - self.shape[k] / 2) / half for k in (0, 1))
        m = self.matrix
        px, py, pw = (m[k, 0] * u + m[k, 1] * v + m[k, 2] for k in range(3))
        pw = np.maximum(pw, 0.05)
        px, py = px / pw, py / pw
        out = np.empty((len(v), 6))
        out[:, 0] = (py - v + self.bend[0] * v * v) * half
        out[:, 1] = (px - u + self.bend[1] * v * v) * half
        out[:, 2] = (m[1, 1] - py * m[2, 1]) / pw - 1 + 2 * self.bend[0] * v
        out[:, 3] = (m[1, 0] - py * m[2, 0]) / pw
        out[:, 4] = (m[0, 1] - px * m[2, 1]) / pw + 2 * self.bend[1] * v
        out[:, 5] = (m[0, 0] - px * m[2, 0]) / pw - 1
        return out


def tile_centres(tiles: npt.NDArray[np.integer], tile_px: float) -> F64:
    """Centres (y, x) of tiles [n, 2] (row, column) of `tile_px`, same unit."""
    return np.asarray((tiles + 0.5) * tile_px, np.float64)


def basis(points_px: F64, shape_px: tuple[int, int]) -> F64:
    """Displacement (dy, dx) of points (y, x) for each of ten coefficients, [n, 2, 10]: shift down and right, roll,
    scale, two shears, two keystones, two bends of the rows. All in px at the longer side's end."""
    half = max(shape_px) / 2
    v, u = ((points_px[:, k] - shape_px[k] / 2) / half for k in (0, 1))
    zero, one = np.zeros_like(u), np.ones_like(u)
    dy = np.stack([one, zero, u, v, v, u, v * v, u * v, v * v, zero], -1)
    dx = np.stack([zero, one, -v, u, -u, v, u * v, u * u, zero, v * v], -1)
    return np.stack([dy, dx], 1)


def tile_mismatch(sums: F32) -> tuple[F32, F32]:
    """Mean squared error of each tile over its expectation from noise, and how much of it noise and texture explain.

    A warp of slightly aliased luminance errs in proportion to the local gradient energy; 2 % of that energy (a residual
    of 0.14 px) and 1.6 times the noise are still called a match.
    """
    n_pixels = np.maximum(sums[..., 6], np.float32(1))
    mismatch = np.asarray(sums[..., 5] / n_pixels, np.float32)
    return mismatch, explained(np.asarray((sums[..., 0] + sums[..., 2]) / n_pixels, np.float32))


def explained(texture: F32) -> F32:
    """What noise and texture explain of the mismatch of tiles whose gradient energy a pixel, over twice the noise's
    variance, is `texture`."""
    return np.asarray(1.6 + 0.02 * texture, np.float32)


def loosely_allowed(sums: F32) -> F32:
    """What is near to a tile's place though not right on it leaves up to this much: a residual of half a pixel."""
    n_pixels = np.maximum(sums[..., 6], np.float32(1))
    return np.asarray(1.6 + 0.32 * (sums[..., 0] + sums[..., 2]) / n_pixels, np.float32)


def knowledge(sums: F32, gradient_noise: float) -> F32:
    """Part of each tile's gradient energy that is not noise's own, 0..1."""
    texture = (sums[..., 0] + sums[..., 2]) / np.maximum(sums[..., 6], 1)
    return np.asarray(np.clip(1 - gradient_noise / np.maximum(texture, 1e-9), 0, 1), np.float32)


@dataclass(frozen=True, eq=False)
class Fit:
    """One Gauss-Newton step: coefficients [10], their covariance [10, 10] as the scatter of the tiles tells it, and the
    median disagreement of the tiles that know something."""

    delta: F64
    covariance: F64
    disagreement: float


def robust_step(
    sums: F32, base: F64, present: F64, gradient_noise: float, sharpness: int, most_terms: int = N_TERMS
) -> Fit:
    """Gauss-Newton step of the hand, tiles weighted by how well they agree.

    Parameters
    ----------
    sums
        [n, 7] tile sums. `base` [n, 2, 10] displacement of each tile for each coefficient, px of the level.
    present
        What the motion has beyond a similarity already (see `Hand.beyond_similarity`).
    gradient_noise
        Of the level (see `knowledge`).
    sharpness
        0, 1, 2: how strongly disagreeing tiles are held back (early steps trust all).
    most_terms
        Coefficients that may be used at most. Of more than four, a group is used only where it is significant: what is
        within its own error would add error.
    """
    s = sums.astype(np.float64)
    part = knowledge(sums, gradient_noise).astype(np.float64)
    excess = s[:, 5] / (1.6 * np.maximum(s[:, 6], 1) + 0.02 * (s[:, 0] + s[:, 2]))
    known = (part > 0.4) & (s[:, 6] > 64)
    disagreement = float(np.median(excess[known])) if known.any() else 1.0
    width = max(disagreement, 0.6) * (8.0, 4.0, 2.0)[sharpness]
    weight = part / (1 + (excess / width) ** 2) ** 2
    n_known = int(known.sum())
    k = min(most_terms, N_TERMS if n_known >= 40 else 6 if n_known >= 16 else 4)
    # Noise's own gradients take part in the energy, but pull nowhere: the energy is cut down by their part.
    yy, yx, xx = (s[:, :3] * (weight * part)[:, None]).T[..., None]
    pull_y, pull_x = (s[:, 3:5] * weight[:, None]).T
    # Products of n small matrices, as few large ones.
    base_y, base_x = (np.ascontiguousarray(base[:, axis, :k]) for axis in (0, 1))
    know_y, know_x = yy * base_y + yx * base_x, yx * base_y + xx * base_x
    normal = base_y.T @ know_y + base_x.T @ know_x
    pull = base_y.T @ pull_y + base_x.T @ pull_x
    ridge = np.eye(k) * (1e-9 * np.trace(normal) + 1e-9)
    inverse = np.linalg.inv(normal + ridge)
    full = inverse @ pull
    # The sandwich estimate: what the tiles leave unexplained tells how far the step can be trusted.
    left = base_y * (pull_y - know_y @ full)[:, None] + base_x * (pull_x - know_x @ full)[:, None]
    scatter = left.T @ left
    shared = _SHARED_PX**2 * (know_y.T @ know_y + know_x.T @ know_x)
    covariance = inverse @ (scatter + shared) @ inverse + inverse
    total = full + present[:k]
    used = next(n for n in GROUPS if n == k or (n < k and _is_nothing(total[n:], covariance[n:, n:])))
    delta, spread = np.zeros(N_TERMS), np.zeros((N_TERMS, N_TERMS))
    # Terms that are not used go back to nothing; the others make up for them.
    delta[used:] = -present[used:]
    inverse = np.linalg.inv((normal + ridge)[:used, :used])
    delta[:used] = inverse @ (pull[:used] - normal[:used, used:] @ delta[used:k])
    # Few tiles scatter little by chance: what their noise alone explains is added.
    spread[:used, :used] = inverse @ scatter[:used, :used] @ inverse + inverse
    return Fit(delta, spread, disagreement)


def expected_spread(shape: tuple[int, int], is_told: bool = False) -> F64:
    """Covariance [10, 10] of a hand's motion about a guess, before anything is seen: what holds a picture that shows
    nothing in its place. A gyroscope misses the shift of the hand, and some milliseconds."""
    half, degree = max(shape) / 2, np.deg2rad(1.0)
    spread = np.array([0.2, 0.2, 3 * degree, 0.015, *[0.01] * 6]) * half
    if is_told:
        spread = np.array([0.01, 0.01, 0.2 * degree, 0.002, *[0.001] * 6]) * half
    return np.asarray(np.diag(spread**2), np.float64)


def covariances(base: F64, covariance: F64) -> F32:
    """Covariance [n, 2, 2] of the displacements (dy, dx) of tiles, of `base` [n, 2, 10], for coefficients of this
    covariance."""
    told = (base.reshape(-1, N_TERMS) @ covariance).reshape(base.shape)
    return np.asarray(told @ base.swapaxes(1, 2), np.float32)


def rms_px(covariance: F64, shape_px: tuple[int, int]) -> float:
    """Root mean square length of the displacement's error over a picture, px, for coefficients of this covariance."""
    places = (np.argwhere(np.ones((7, 7))) + 0.5) / 7 * np.array(shape_px)
    base = basis(places, shape_px)
    return float(np.sqrt(np.trace(covariances(base, covariance), axis1=1, axis2=2).mean()))


def weighed(moved: F64, fine: F64, coarse: F64, floor_px: float) -> tuple[F64, F64]:
    """How far to go from a coarse level's motion to a finer one's, `moved` [10] away, when both err.

    `fine` and `coarse` are their covariances [10, 10], nothing for terms that were not used; `floor_px` is what the
    coarse one may err in ways that its own scatter does not show. Returns the way to go and its covariance.
    """
    used = np.diag(fine) > 0
    if not used.any():
        return moved, fine
    both = used & (np.diag(coarse) > 0)
    know = np.linalg.inv(fine[np.ix_(used, used)])
    before = np.zeros((N_TERMS, N_TERMS))
    before[np.ix_(both, both)] = np.linalg.inv(coarse[np.ix_(both, both)] + floor_px**2 * np.eye(int(both.sum())))
    covariance = np.zeros((N_TERMS, N_TERMS))
    covariance[np.ix_(used, used)] = np.linalg.inv(know + before[np.ix_(used, used)])
    way = moved.copy()
    way[used] = covariance[np.ix_(used, used)] @ (know @ moved[used])
    return way, covariance


def _is_nothing(values: F64, covariance: F64) -> bool:
    """Whether values are no larger than their errors explain."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-30))
    correlation = covariance / np.outer(scale, scale) + 1e-6 * np.eye(len(values))
    unit = values / scale
    return float(unit @ np.linalg.solve(correlation, unit)) < 4 * len(values)


def tile_step(sums: F32) -> F32:
    """Gauss-Newton step (dy, dx) of every tile alone, px of the level, damped where the tile says little, at most 1
    px."""
    s = sums.astype(np.float64)
    damping = 0.02 * (s[..., 0] + s[..., 2]) + 2.0
    a, b, d = s[..., 0] + damping, s[..., 1], s[..., 2] + damping
    det = a * d - b * b
    dy = (d * s[..., 3] - b * s[..., 4]) / det
    dx = (a * s[..., 4] - b * s[..., 3]) / det
    return np.asarray(np.clip(np.stack([dy, dx], -1), -1, 1), np.float32)


def best_match(cost: F32, first: npt.NDArray[np.int32], radius: int) -> F32:
    """The displacement of each of n tiles, [n, 2], with the least cost, far ones at a small price, refined to a
    fraction of a pixel by the parabola through its neighbours. `cost` [n, (2 radius + 1)^2] about
    `first` [n, 2]."""
    side = 2 * radius + 1
    steps = np.stack(np.divmod(np.arange(cost.shape[1]), side), -1) - radius
    away = np.hypot(steps[:, 0], steps[:, 1])
    price = cost * (1 + 0.01 * np.minimum(away, 10)).astype(np.float32)
    best = price.argmin(-1)
    row, column = np.divmod(best, side)
    block, k = cost.reshape(-1, side, side), np.arange(len(cost))

    def fraction(before: F32, at: F32, after: F32) -> F32:
        curve = before - 2 * at + after
        return np.where(curve > 1e-12, np.clip(0.5 * (before - after) / np.maximum(curve, 1e-12), -0.5, 0.5), 0)

    middle = block[k, row, column]
    up, down = block[k, np.maximum(row - 1, 0), column], block[k, np.minimum(row + 1, side - 1), column]
    left, right = block[k, row, np.maximum(column - 1, 0)], block[k, row, np.minimum(column + 1, side - 1)]
    dy = np.where((row > 0) & (row < side - 1), fraction(up, middle, down), 0)
    dx = np.where((column > 0) & (column < side - 1), fraction(left, middle, right), 0)
    return np.asarray(first + steps[best] + np.stack([dy, dx], -1), np.float32)
