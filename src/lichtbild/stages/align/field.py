"""Arithmetic of motion fields: the projective basis, robust steps from tile sums, correlation, best matches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

SHIFT_TERMS = [0, 3]


def tile_centres(th: int, tw: int, tile_px: int) -> F64:
    """Centres (y, x) of a grid of tiles, [th * tw, 2], in px of the tiled image."""
    y, x = np.mgrid[0:th, 0:tw]
    return (np.stack([y.ravel(), x.ravel()], -1) + 0.5) * tile_px


def basis(points_px: F64, shape_px: tuple[float, float]) -> F64:
    """Displacement (dy, dx) of points for each of 8 coefficients, [n, 2, 8].

    dy = h0 + h1 y + h2 x + h6 y y + h7 x y, dx = h3 + h4 y + h5 x + h6 x y + h7 x x: a homography to first order in its
    deviation from identity. x and y run from -1 to 1 over the longer side, centred.
    """
    half = max(shape_px) / 2
    y = (points_px[:, 0] - shape_px[0] / 2) / half
    x = (points_px[:, 1] - shape_px[1] / 2) / half
    zero, one = np.zeros_like(x), np.ones_like(x)
    dy = np.stack([one, y, x, zero, zero, zero, y * y, x * y], -1)
    dx = np.stack([zero, zero, zero, one, y, x, x * y, x * x], -1)
    return np.stack([dy, dx], 1)


def displacement(base: F64, hand: F64) -> F64:
    """(dy, dx) of points [n, 2] for a `basis` and coefficients. Not a matrix product: the threads of BLAS cost more."""
    return np.asarray(np.einsum("nik,k->ni", base, hand))


def flow(hand: F64, shape: tuple[int, int], scale: float) -> F32:
    """The hand's displacement in px of the mosaic at the tile centres of a level of `shape` (16 px tiles of the
    level)."""
    th, tw = -(-shape[0] // 16), -(-shape[1] // 16)
    full = (shape[0] * scale, shape[1] * scale)
    return displacement(basis(tile_centres(th, tw, 16) * scale, full), hand).reshape(th, tw, 2).astype(np.float32)


def rotation(angle_deg: float, shape: tuple[int, int]) -> F64:
    """Coefficients of a turn about the centre, for a level 0 of `shape` (half the mosaic)."""
    half = max(shape[0], shape[1])
    angle = np.deg2rad(angle_deg)
    hand = np.zeros(8)
    hand[1] = hand[5] = (np.cos(angle) - 1) * half
    hand[2] = np.sin(angle) * half
    hand[4] = -np.sin(angle) * half
    return hand


def tile_mismatch(sums: F32) -> tuple[F32, F32]:
    """Mean squared error of each tile over its expectation from noise, and how much of it noise and texture explain.

    A warp by cubic interpolation of slightly aliased luminance errs in proportion to the local gradient energy; 2 % of
    that energy (a residual of 0.14 px) and 1.6 times the noise are still called a match.
    """
    n_pixels = np.maximum(sums[..., 6], np.float32(1))
    mismatch = np.asarray(sums[..., 5] / n_pixels, np.float32)
    texture = (sums[..., 0] + sums[..., 2]) / n_pixels
    return mismatch, np.asarray(1.6 + 0.02 * texture, np.float32)


def robust_step(sums: F32, base: F64, sharpness: int) -> tuple[F64, float]:
    """Gauss-Newton step [8] of the coefficients and the median mismatch, tiles weighted by how well they agree.

    Parameters
    ----------
    sums
        [th, tw, 7] tile sums. `base` [n, 2, 8] displacement of each tile for each coefficient, px of the level.
    sharpness
        0, 1, 2: how strongly disagreeing tiles are held back (early steps trust all).
    """
    s = sums.reshape(-1, 7).astype(np.float64)
    texture = s[:, 0] + s[:, 2]
    per_pixel = texture / np.maximum(s[:, 6], 1)
    # Gradients of noise alone come to 0.25 at the finest and to 0.4 at the other levels: such a tile knows no motion.
    known_part = np.clip((per_pixel - 0.4) / 0.4, 0, 1)
    has_texture = known_part > 0
    excess = s[:, 5] / (1.6 * np.maximum(s[:, 6], 1) + 0.02 * texture)
    known = excess[has_texture & (s[:, 5] > 0)]
    centre = float(np.median(known)) if known.size else 1.0
    width = max(centre, 0.6) * (8.0, 4.0, 2.0)[sharpness]
    weight = known_part / (1 + (excess / width) ** 2) ** 2
    a = np.empty((len(s), 2, 2))
    a[:, 0, 0], a[:, 0, 1], a[:, 1, 0], a[:, 1, 1] = s[:, 0], s[:, 1], s[:, 1], s[:, 2]
    a *= weight[:, None, None]
    b = s[:, 3:5] * weight[:, None]
    ab = np.einsum("nij,njk->nik", a, base)
    normal = np.einsum("nik,nil->kl", base, ab)
    right = np.einsum("nik,ni->k", base, b)
    # Projective terms need texture all over the picture; hold them back where the tiles cannot tell.
    ridge = np.array([1e-6] * 6 + [1e-3] * 2) * (np.trace(normal) / 8 + 1e-9)
    return np.linalg.solve(normal + np.diag(ridge), right), centre


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


def nearest(grid: F32, shape: tuple[int, int]) -> F32:
    """A grid [gh, gw, 2] read at the centres of another grid over the same picture."""
    i = np.minimum((np.arange(shape[0]) + 0.5) * grid.shape[0] / shape[0], grid.shape[0] - 1).astype(int)
    j = np.minimum((np.arange(shape[1]) + 0.5) * grid.shape[1] / shape[1], grid.shape[1] - 1).astype(int)
    return np.asarray(grid[i][:, j], np.float32)


def any_below(mask: npt.NDArray[np.bool_], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A mask on another grid over the same picture: true where any of the tiles whose centres it holds is."""
    out = np.zeros(shape, np.bool_)
    rows, columns = np.nonzero(mask)
    i = np.minimum((rows + 0.5) * shape[0] / mask.shape[0], shape[0] - 1).astype(int)
    j = np.minimum((columns + 0.5) * shape[1] / mask.shape[1], shape[1] - 1).astype(int)
    out[i, j] = True
    return out


def best_match(cost: F32, first: npt.NDArray[np.int32], hand_flow: F64, radius: int) -> F32:
    """The displacement of each of n tiles, [n, 2], with the least cost, far ones at a small price, refined to a
    fraction of a pixel by the parabola through its neighbours. `cost` [n, (2 radius + 1)^2], `first` and `hand_flow`
    [n, 2]."""
    side = 2 * radius + 1
    steps = np.stack(np.divmod(np.arange(cost.shape[1]), side), -1) - radius
    away = np.hypot(*np.moveaxis(first[:, None] + steps - hand_flow[:, None], -1, 0))
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


def correlation_peaks(
    reference: F32, other: F32, turn: F32, max_shift: float, n_peaks: int = 2
) -> list[tuple[float, float]]:
    """Shifts (dy, dx), px of the level, where `other` turned back by `turn` fits the reference best.

    `turn` [th, tw, 2] is a flow in px of the level. Partly whitened cross-correlation of
    windowed gradients, so that neither a bright lamp nor a fixed pattern decides alone.
    """
    h, w = reference.shape
    dense = nearest(turn, (h, w))
    y, x = np.mgrid[0:h, 0:w]
    sy = np.clip(np.rint(y + dense[..., 0]), 0, h - 1).astype(int)
    sx = np.clip(np.rint(x + dense[..., 1]), 0, w - 1).astype(int)
    window = np.outer(np.hanning(h + 2)[1:-1], np.hanning(w + 2)[1:-1])

    def spectrum(image: F32) -> npt.NDArray[np.complex128]:
        root = np.sqrt(np.maximum(image, 0) + 1e-4)
        gy, gx = np.gradient(root)
        return np.fft.fft2((gx + 1j * gy) * window, (2 * h, 2 * w))

    cross = spectrum(other[sy, sx]) * np.conj(spectrum(reference))
    surface = np.fft.ifft2(cross / (np.abs(cross) ** 0.6 + 1e-12)).real
    reach = max(1, round(max_shift * min(h, w)))
    rows = np.r_[0 : reach + 1, -reach:0]
    area = surface[rows][:, rows]
    peaks = []
    for _ in range(n_peaks):
        r, c = np.unravel_index(area.argmax(), area.shape)
        peaks.append((float(rows[r]), float(rows[c])))
        gone_r, gone_c = np.abs(rows - rows[r]) <= 2, np.abs(rows - rows[c]) <= 2
        area = np.where(gone_r[:, None] & gone_c[None, :], -np.inf, area)
    return peaks
