"""The kernels of alignment in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

TILE_PX = 16
MATCH_TILE_PX = 8
PATCH_PX = 20
BORDER_PX = 20
BINOMIAL = np.array([1, 3, 3, 1]) / 8
SMOOTH_SIGMA_PX = 0.7
SMOOTH_REACH = 3


def _halved(padded: Floats, shape: tuple[int, int]) -> Floats:
    """[1 3 3 1] / 8 along both axes at every second sample; `padded` begins one sample before the first one of
    `shape`."""
    h, w = shape
    rows = sum(k * padded[:, i : i + 2 * w : 2] for i, k in enumerate(BINOMIAL))
    return np.asarray(sum(k * rows[i : i + 2 * h : 2] for i, k in enumerate(BINOMIAL)))


def align_luma(mosaic: Floats, gains: Floats, out: Floats) -> None:
    """Luminance at half size: the mosaic [H, W] times the gains [2, 2] of its sites, then the binomial filter, whose
    zero at half the sampling rate takes out the carrier of the colour filter array, then a Gaussian of seven samples.
    The mosaic goes on beyond its borders as in a mirror. out float32 [H / 2, W / 2 + 40]."""
    h, w = mosaic.shape
    kernel = np.exp(-0.5 * (np.arange(-SMOOTH_REACH, SMOOTH_REACH + 1) / SMOOTH_SIGMA_PX) ** 2)
    kernel /= kernel.sum()
    light = mosaic.astype(np.float64) * np.tile(gains, (-(-h // 2), -(-w // 2)))[:h, :w]
    down, across = 2 * SMOOTH_REACH + 1, 2 * (SMOOTH_REACH + BORDER_PX) + 1
    # Mirrored about the outermost samples, as often as the border asks for: their colours keep their places.
    rows, columns = (_mirrored(np.arange(-n, m // 2 * 2 + n), m) for n, m in ((down, h), (across, w)))
    padded = light[rows][:, columns]
    half = _halved(padded, (out.shape[0] + 2 * SMOOTH_REACH, out.shape[1] + 2 * SMOOTH_REACH))
    columns_done = sum(k * half[i : i + out.shape[0]] for i, k in enumerate(kernel))
    out[:] = sum(k * columns_done[:, i : i + out.shape[1]] for i, k in enumerate(kernel))


def _mirrored(index: Ints, n: int) -> Ints:
    """Indices into n samples that go on as in a mirror on the outermost ones."""
    if n == 1:
        return np.zeros_like(index)
    turn = np.mod(index, 2 * n - 2)
    return np.asarray(np.minimum(turn, 2 * n - 2 - turn))


def align_halve(image: Floats, out: Floats) -> None:
    """The next level of the pyramid, [h, w + 40] to [h / 2, w / 2 + 40]; what lies beyond the picture is mirrored."""
    inner = image[:, BORDER_PX : image.shape[1] - BORDER_PX].astype(np.float64)
    h, w = inner.shape
    rows = _mirrored(np.arange(-1, 2 * out.shape[0] + 1), h)
    first = -2 * BORDER_PX - 1
    columns = _mirrored(np.arange(first, first + 2 * out.shape[1] + 2), w)
    out[:] = _halved(inner[rows][:, columns], out.shape)


def spline_weights(t: Floats) -> list[Floats]:
    """Weights of the samples at -1, 0, 1, 2 of a cubic B-spline at t."""
    return [(1 - t) ** 3 / 6, (t / 2 - 1) * t * t + 2 / 3, ((1 - t) / 2 - 1) * (1 - t) ** 2 + 2 / 3, t**3 / 6]


def align_tile_normal(
    reference: Floats, current: Floats, tiles: Ints, motion: Floats, noise: Floats, doubt: Floats, out: Floats
) -> None:
    """Sums of each listed tile for one Gauss-Newton step, [n, 7]: gy gy, gy gx, gx gx, gy e, gx e, e e, each over the
    variance of e, and the pixels that count. e = reference - current warped back; g = the reference's gradient.

    reference, current [h, w + 40]: coefficients of cubic B-splines; tiles [n, 2] (row, column); motion [n, 6]:
    (dy, dx) at the tile's centre, then d dy/d y, d dy/d x, d dx/d y, d dx/d x; noise [n, 2]: variance = alpha * value +
    beta; doubt [n]: a pixel of squared error r, in units of its variance, counts 1 / (1 + doubt r)^2 as much, and its
    error r / (1 + doubt r).
    """
    h, w = current.shape[0], current.shape[1] - 2 * BORDER_PX
    at_row = [np.clip(np.arange(h) + k, 0, h - 1) for k in (-1, 0, 1)]
    ref = reference.astype(np.float64)
    smooth = (1 / 6, 4 / 6, 1 / 6)
    columns = slice(BORDER_PX - 1, BORDER_PX + w + 17)
    across = [ref[:, columns.start + k - 1 : columns.stop + k - 1] for k in range(3)]
    level_x = np.sum([c * part for c, part in zip(smooth, across, strict=True)], 0)
    slope_x = (across[2] - across[0]) / 2
    value = np.sum([c * level_x[r] for c, r in zip(smooth, at_row, strict=True)], 0)[:, 1:]
    gradient_x = np.sum([c * slope_x[r] for c, r in zip(smooth, at_row, strict=True)], 0)[:, 1:]
    gradient_y = ((level_x[at_row[2]] - level_x[at_row[0]]) / 2)[:, 1:]
    for n, (ty, tx) in enumerate(tiles):
        y, x = np.mgrid[0:TILE_PX, 0:TILE_PX]
        m = motion[n].astype(np.float64)
        dy = m[0] + m[2] * (y - 7.5) + m[3] * (x - 7.5)
        dx = m[1] + m[4] * (y - 7.5) + m[5] * (x - 7.5)
        y, x = y + ty * TILE_PX, x + tx * TILE_PX
        # Whole pixels are the tile's; the fraction is each pixel's, a little outside 0..1 where the motion bends.
        whole_y = int(np.floor(m[0]))
        left = np.clip(tx * TILE_PX + int(np.floor(m[1])), 3 - BORDER_PX, w + BORDER_PX - TILE_PX - 3)
        fy, fx = dy - whole_y, x + dx - (left + x - tx * TILE_PX)
        warped = np.zeros((TILE_PX, TILE_PX))
        for j, down in enumerate(spline_weights(fy)):
            row = np.clip(y + whole_y + j - 1, 0, h - 1)
            for i, along in enumerate(spline_weights(fx)):
                warped += down * along * current[row, BORDER_PX + left + x - tx * TILE_PX + i - 1]
        is_counted = (y < h) & (x < w) & (y + dy >= 0) & (y + dy <= h - 1) & (x + dx >= 0) & (x + dx <= w - 1)
        is_counted &= (np.abs(fx - 0.5) < 1.5) & (np.abs(fy - 0.5) < 1.5)
        y = np.minimum(y, h - 1)
        # Both frames are noisy.
        q = is_counted / (2 * (noise[n, 0] * np.maximum(value[y, x], 0) + noise[n, 1]))
        e, gy, gx = value[y, x] - warped, gradient_y[y, x], gradient_x[y, x]
        belief = 1 / (1 + q * e * e * doubt[n])
        error, q = q * e * e * belief, q * belief**2
        terms = q * gy * gy, q * gy * gx, q * gx * gx, q * gy * e, q * gx * e, error, is_counted
        out[n] = [np.sum(term) for term in terms]


def align_patches(mosaic: Floats, gains: Floats, corners: Ints, out: Floats) -> None:
    """Luminance at full size of 20 x 20 px from each corner [n, 2] on, out [n, 20, 20]: the mosaic times the gains of
    its sites, then [1 2 1] / 4 down and across. Beyond its borders the mosaic goes on as in a mirror."""
    h, w = mosaic.shape
    light = mosaic.astype(np.float64) * np.tile(gains, (-(-h // 2), -(-w // 2)))[:h, :w]

    def mirrored(first: int, n: int) -> Ints:
        i = np.abs(np.arange(first - 1, first + PATCH_PX + 1))
        return np.asarray(np.clip(np.minimum(i, 2 * n - 2 - i), 0, n - 1))

    for k, (row, column) in enumerate(corners):
        part = light[mirrored(row, h)][:, mirrored(column, w)]
        part = (part[:-2] + 2 * part[1:-1] + part[2:]) / 4
        out[k] = (part[:, :-2] + 2 * part[:, 1:-1] + part[:, 2:]) / 4


def align_patch_normal(
    reference: Floats, current: Floats, corners: Ints, moved_corners: Ints, motion: Floats, noise: Floats, size: Ints,
    out: Floats,
) -> None:  # fmt: skip
    """What `align_tile_normal` gives, of patches [n, 20, 20] of coefficients whose corners [n, 2] lie two px before
    each tile, and before the tile's whole displacement in the current picture; size [2] of both pictures."""
    smooth, slope = np.array([1, 4, 1]) / 6, np.array([-1, 0, 1]) / 2
    for n in range(len(corners)):
        part = reference[n, 1:-1, 1:-1].astype(np.float64)

        def filtered(down: Floats, across: Floats, part: Floats = part) -> Floats:
            rows = sum(k * part[i : i + TILE_PX] for i, k in enumerate(down))
            return np.asarray(sum(k * rows[:, i : i + TILE_PX] for i, k in enumerate(across)))

        value, gy, gx = filtered(smooth, smooth), filtered(slope, smooth), filtered(smooth, slope)
        y, x = np.mgrid[0:TILE_PX, 0:TILE_PX]
        m = motion[n].astype(np.float64)
        row, column = y + corners[n, 0] + 2, x + corners[n, 1] + 2
        moved_y = row + m[0] + m[2] * (y - 7.5) + m[3] * (x - 7.5)
        moved_x = column + m[1] + m[4] * (y - 7.5) + m[5] * (x - 7.5)
        fy, fx = moved_y - (moved_corners[n, 0] + 2 + y), moved_x - (moved_corners[n, 1] + 2 + x)
        warped = np.zeros((TILE_PX, TILE_PX))
        for j, down in enumerate(spline_weights(fy)):
            for i, along in enumerate(spline_weights(fx)):
                warped += down * along * current[n, 1 + j : 1 + j + TILE_PX, 1 + i : 1 + i + TILE_PX]
        is_counted = (row < size[0]) & (column < size[1]) & (np.abs(fy - 0.5) < 1.5) & (np.abs(fx - 0.5) < 1.5)
        is_counted &= (moved_y >= 0) & (moved_y <= size[0] - 1) & (moved_x >= 0) & (moved_x <= size[1] - 1)
        q = is_counted / (2 * (noise[n, 0] * np.maximum(value, 0) + noise[n, 1]))
        e = value - warped
        out[n] = [np.sum(term) for term in (q * gy * gy, q * gy * gx, q * gx * gx, q * gy * e, q * gx * e, q * e * e,
                                            is_counted)]  # fmt: skip


def align_match(reference: Floats, current: Floats, tiles: Ints, start: Ints, radius: int, out: Floats) -> None:
    """Mean absolute difference of each listed 8 px tile for every displacement start + (-radius .. radius)^2.

    reference, current [h, w + 40]; tiles and start int32 [n, 2]; out [n, (2 radius + 1)^2]. A tile that would leave the
    current frame is moved back into it.
    """
    reference, current = (image[:, BORDER_PX : image.shape[1] - BORDER_PX] for image in (reference, current))
    h, w = current.shape
    side = 2 * radius + 1
    for n, d in np.ndindex(*out.shape):
        y, x = tiles[n] * MATCH_TILE_PX
        top = np.clip(y + start[n, 0] + d // side - radius, 0, h - MATCH_TILE_PX)
        left = np.clip(x + start[n, 1] + d % side - radius, 0, w - MATCH_TILE_PX)
        mine = reference[y : y + MATCH_TILE_PX, x : x + MATCH_TILE_PX].astype(np.float64)
        out[n, d] = np.abs(mine - current[top : top + MATCH_TILE_PX, left : left + MATCH_TILE_PX]).mean()
