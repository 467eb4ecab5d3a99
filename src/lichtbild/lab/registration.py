"""Where a known target lies in a picture: a homography and a smooth rest, to a hundredth of a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

TILE_PX = 96
LEAST_TILES = 4
LEAST_PEAK = 0.05


@dataclass(frozen=True)
class Placed:
    """A target in a picture.

    Parameters
    ----------
    to_target
        Homography float64 [3, 3]: (column, row, 1) of the picture to the target's (column, row), px, corners at 0.
    rest
        Coefficients [2, 10] of a cubic in the picture's coordinates (column, row; -1..1 over `shape`), px of the
        picture, that is added to them before.
    shape
        Of the picture.
    target_shape
        Of the target.
    residual_px
        What the tiles' shifts leave of it, standard deviation.
    finding
        Why it could not be placed; empty if it could.
    """

    to_target: Floats
    rest: Floats
    shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    residual_px: float = 0.0
    finding: str = ""

    def at(self, points: Floats) -> Floats:
        """(row, column) of the picture, [n, 2], to (row, column) of the target."""
        moved = points + (_cubic(points, self.shape) @ self.rest.T)[:, ::-1]
        ones = np.column_stack([moved[:, 1], moved[:, 0], np.ones(len(points))]) @ self.to_target.T
        return np.asarray(ones[:, 1::-1] / ones[:, 2:])

    def is_inside(self, points: Floats, margin_px: float = 2.0) -> npt.NDArray[np.bool_]:
        """Whether points [n, 2] of the picture lie on the target."""
        at = self.at(points)
        return np.asarray(((at > margin_px) & (at < np.array(self.target_shape) - margin_px)).all(1))

    @property
    def scale(self) -> float:
        """Pixels of the target in one of the picture, at the picture's middle."""
        middle = np.array(self.shape) / 2
        points = middle + np.array([[0, 0], [0, 1], [1, 0]])
        at = self.at(points)
        return float(np.sqrt(abs(np.linalg.det(at[1:] - at[0]))))


def _cubic(points: Floats, shape: tuple[int, ...]) -> Floats:
    v, u = (points / (np.array(shape) / 2) - 1).T
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3], axis=1)


def homography(source: Floats, target: Floats) -> Floats:
    """The projective map of (x, y) points [n >= 4, 2] onto others, float64 [3, 3], least squares of the algebraic error
    with both sets moved to their middle and scaled (Hartley's normalisation)."""
    normal = []
    for points in (source, target):
        middle, spread = points.mean(0), np.sqrt(2) / max(float(np.std(points - points.mean(0))) * np.sqrt(2), 1e-12)
        normal.append(np.array([[spread, 0, -spread * middle[0]], [0, spread, -spread * middle[1]], [0, 0, 1]]))
    a, b = (np.column_stack([p, np.ones(len(p))]) @ n.T for p, n in zip((source, target), normal, strict=True))
    zero = np.zeros_like(a)
    system = np.concatenate([np.hstack([a, zero, -b[:, :1] * a]), np.hstack([zero, a, -b[:, 1:2] * a])])
    h = np.linalg.svd(system)[2][-1].reshape(3, 3)
    h = np.linalg.inv(normal[1]) @ h @ normal[0]
    return np.asarray(h / h[2, 2])


def register(picture: Floats, target: Floats, corners: Floats) -> Placed:
    """Place a target in a picture, from its corners on.

    Parameters
    ----------
    picture, target
        float [H, W] and [h, w].
    corners
        (row, column) in the picture of the target's upper left, upper right, lower right and lower left, [4, 2].

    Notes
    -----
    Shifts of tiles by phase correlation, first of a blurred and then of the sharp picture; to them first a homography,
    then a cubic is fitted. Cost: 0.4 s for 512 x 512 px.
    """
    h, w = target.shape
    ends = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    matrix = homography(np.asarray(corners, np.float64)[:, ::-1], ends)
    placed = Placed(matrix, np.zeros((2, 10)), picture.shape, target.shape)
    if not 0.7 < placed.scale < 40:
        return replace(placed, finding=f"the corners make {placed.scale:.2f} px of the target a pixel of the picture")
    for round_number in range(4):
        expected, _ = resampled(target, placed, picture.shape)
        at, shift, quality = _tile_shifts(picture, expected, placed, coarse=round_number == 0)
        if len(at) < LEAST_TILES:
            return replace(placed, finding="too little of the target is in the picture to register it")
        if float(np.median(quality)) < LEAST_PEAK:
            return replace(placed, finding="the target is not where its corners are said to be")
        placed = _updated(placed, at, shift, quality, with_rest=round_number >= 2)
    return placed


def resampled(target: Floats, placed: Placed, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The target as an ideal, slightly soft camera would see it, [H, W], and how soft (Gaussian, px of the picture).

    Softened just enough that nothing above the picture's Nyquist frequency folds back; divide its transfer out.
    """
    from scipy import ndimage

    sigma = 0.5
    soft = ndimage.gaussian_filter(np.asarray(target, np.float64), sigma * placed.scale, mode="nearest")
    rows, columns = np.meshgrid(np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5, indexing="ij")
    at = placed.at(np.column_stack([rows.ravel(), columns.ravel()])) - 0.5
    values = ndimage.map_coordinates(soft, at.T, order=3, mode="nearest").reshape(shape)
    return np.asarray(values), np.asarray(sigma)


def _tile_shifts(picture: Floats, expected: Floats, placed: Placed, coarse: bool) -> tuple[Floats, Floats, Floats]:
    """Middles (row, column) of tiles, how far the picture lies from the expectation there (row, column), and trust."""
    size = TILE_PX
    while min(picture.shape) < 2 * size and size > 32:
        size //= 2
    line = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    window = np.outer(line, line)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    soft = np.exp(-2 * (np.pi * (2.0 if coarse else 0.8)) ** 2 * (fy**2 + fx**2))
    at, shifts, quality = [], [], []
    for row in range(0, picture.shape[0] - size + 1, size // 2):
        for column in range(0, picture.shape[1] - size + 1, size // 2):
            middle = (row + size / 2, column + size / 2)
            if not placed.is_inside(np.array([middle])).all():
                continue
            part = slice(row, row + size), slice(column, column + size)
            p, t = (np.fft.rfft2((a[part] - a[part].mean()) * window) for a in (picture, expected))
            cross = p * np.conj(t)
            whitened = cross / np.maximum(np.abs(cross), 1e-12) * soft
            surface = np.fft.irfft2(whitened, (size, size))
            dy, dx, peak = _peak(surface)
            at.append(middle)
            shifts.append((dy, dx))
            quality.append(max(peak / max(float(soft.sum() * 2 / size**2), 1e-12), 0.0))
    return np.array(at).reshape(-1, 2), np.array(shifts).reshape(-1, 2), np.array(quality)


def _peak(surface: Floats) -> tuple[float, float, float]:
    """Place of the highest value, wrapped about 0, by parabolas through its logarithm's neighbours; and its height."""
    n = surface.shape[0]
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    top = float(surface[row, column])
    offsets = []
    for k, (down, right) in zip((row, column), ((1, 0), (0, 1)), strict=True):
        before, after = surface[row - down, column - right], surface[(row + down) % n, (column + right) % n]
        values = np.log(np.maximum([before, top, after], 1e-6 * top if top > 0 else 1e-12))
        bend = values[0] - 2 * values[1] + values[2]
        fine = 0.5 * (values[0] - values[2]) / bend if bend < 0 else 0.0
        offsets.append((int(k) + n // 2) % n - n // 2 + float(np.clip(fine, -0.5, 0.5)))
    return offsets[0], offsets[1], top


def _updated(placed: Placed, at: Floats, shift: Floats, quality: Floats, with_rest: bool) -> Placed:
    """Fit to the tiles' shifts: outliers are those of more than three median deviations."""
    weight = np.sqrt(quality)
    for _ in range(3):
        if not with_rest:
            # What the expectation shows at `at`, the picture shows at `at + shift`.
            where = placed.at(at)
            kept = weight > 0
            matrix = homography((at + shift)[kept][:, ::-1], where[kept][:, ::-1])
            trial = replace(placed, to_target=matrix)
            left = (trial.at(at + shift) - where) / placed.scale
        else:
            design = _cubic(at, placed.shape)
            n_terms = 10 if len(at) >= 24 else 6 if len(at) >= 12 else 3
            fit, *_ = np.linalg.lstsq(
                design[:, :n_terms] * weight[:, None], shift[:, ::-1] * weight[:, None], rcond=None
            )
            rest = placed.rest.copy()
            rest[:, :n_terms] -= fit.T
            trial = replace(placed, rest=rest)
            left = shift - (design[:, :n_terms] @ fit)[:, ::-1]
        size = np.hypot(left[:, 0], left[:, 1])
        limit = 3 * 1.4826 * float(np.median(size)) + 0.02
        weight = np.where(size < limit, np.sqrt(quality), 0.0)
        if (weight > 0).sum() < LEAST_TILES:
            return trial
    kept = weight > 0
    return replace(trial, residual_px=float(np.sqrt(np.mean(left[kept] ** 2))))
