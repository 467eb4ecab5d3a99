"""The kernels of alignment in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

TILE_PX = 16
MATCH_TILE_PX = 8
BORDER_PX = 20
BINOMIAL = np.array([1, 3, 3, 1]) / 8
SMOOTH_SIGMA_PX = 1.2


def _halved(image: Floats) -> Floats:
    """[1 3 3 1] / 8 along both axes at every second sample, [H / 2, W / 2]; borders mirrored about the outermost px."""
    padded = np.pad(image.astype(np.float64), 1, "reflect")
    h, w = image.shape[0] // 2, image.shape[1] // 2
    rows = sum(k * padded[:, i : i + 2 * w : 2] for i, k in enumerate(BINOMIAL))
    return np.asarray(sum(k * rows[i : i + 2 * h : 2] for i, k in enumerate(BINOMIAL)))


def align_luma_half(mosaic: Floats, gains: Floats, out: Floats) -> None:
    """Luminance at half size: the mosaic [H, W] times the gains [2, 2] of its sites, then the binomial filter, whose
    zero at half the sampling rate takes out the carrier of the colour filter array. out float32 [H / 2, W / 2]."""
    h, w = mosaic.shape
    out[:] = _halved(mosaic * np.tile(gains, (-(-h // 2), -(-w // 2)))[:h, :w])


def align_smooth(image: Floats, out: Floats) -> None:
    """Gaussian of 1.2 px over nine samples along each axis; [h, w] to [h, w]."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / SMOOTH_SIGMA_PX) ** 2)
    kernel /= kernel.sum()
    h, w = image.shape
    padded = np.pad(image.astype(np.float64), 4, "reflect")
    columns = sum(k * padded[i : i + h] for i, k in enumerate(kernel))
    out[:] = sum(k * columns[:, i : i + w] for i, k in enumerate(kernel))


def align_halve(image: Floats, out: Floats) -> None:
    """The next level of the pyramid, [h, w] to [h / 2, w / 2]."""
    out[:] = _halved(image)


def cubic(distance: Floats) -> Floats:
    """Interpolation kernel of Keys 1981 with a = -1/2 (Catmull-Rom)."""
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.asarray(np.where(d < 1, near, np.where(d < 2, far, 0)))


def align_tile_normal(reference: Floats, current: Floats, motion: Floats, noise: Floats, out: Floats) -> None:
    """Sums of each tile for one Gauss-Newton step, [th, tw, 7]: gy gy, gy gx, gx gx, gy e, gx e, e e, each over the
    variance of e, and the pixels that count. e = reference - current warped back; g = the reference's gradient.

    reference [h, w]; current [h, w + 40], its edges repeated to both sides;
    motion [th, tw, 6]: (dy, dx) at the tile's centre, then d dy/d y, d dy/d x, d dx/d y,
    d dx/d x; noise [th, tw, 2]: variance = alpha * value + beta.
    """
    h, w = current.shape[0], current.shape[1] - 2 * BORDER_PX
    edged = np.pad(reference.astype(np.float64), 1, "edge")
    gradient_y, gradient_x = (edged[2:, 1:-1] - edged[:-2, 1:-1]) / 2, (edged[1:-1, 2:] - edged[1:-1, :-2]) / 2
    for ty, tx in np.ndindex(out.shape[0], out.shape[1]):
        y, x = np.mgrid[0:TILE_PX, 0:TILE_PX]
        off_y, off_x = y - 7.5, x - 7.5
        y, x = y + ty * TILE_PX, x + tx * TILE_PX
        m = motion[ty, tx].astype(np.float64)
        dy = m[0] + m[2] * off_y + m[3] * off_x
        dx = m[1] + m[4] * off_y + m[5] * off_x
        # Whole pixels are the tile's; six taps leave the pixel's own fraction room for one pixel more on each side.
        whole_y = int(np.floor(m[0]))
        left = np.clip(tx * TILE_PX + int(np.floor(m[1])), 3 - BORDER_PX, w + BORDER_PX - TILE_PX - 3)
        fy, fx = dy - whole_y, x + dx - (left + x - tx * TILE_PX)
        warped = np.zeros((TILE_PX, TILE_PX))
        for j in range(-2, 4):
            row = np.clip(y + whole_y + j, 0, h - 1)
            for i in range(-2, 4):
                warped += cubic(fy - j) * cubic(fx - i) * current[row, BORDER_PX + left + x - tx * TILE_PX + i]
        is_counted = (y < h) & (x < w) & (y + dy >= 0) & (y + dy <= h - 1) & (x + dx >= 0) & (x + dx <= w - 1)
        is_counted &= (np.abs(fx - 0.5) < 1.5) & (np.abs(fy - 0.5) < 1.5)
        y, x = np.minimum(y, h - 1), np.minimum(x, w - 1)
        level = reference[y, x].astype(np.float64)
        # Both frames are noisy.
        q = is_counted / (2 * (noise[ty, tx, 0] * np.maximum(level, 0) + noise[ty, tx, 1]))
        e, gy, gx = level - warped, gradient_y[y, x], gradient_x[y, x]
        terms = q * gy * gy, q * gy * gx, q * gx * gx, q * gy * e, q * gx * e, q * e * e, is_counted
        out[ty, tx] = [np.sum(term) for term in terms]


def align_match(reference: Floats, current: Floats, start: Ints, radius: int, out: Floats) -> None:
    """Mean absolute difference of each 8 px tile for every displacement start + (-radius .. radius)^2, row by row.

    reference, current [h, w]; start int32 [th, tw, 2]; out [th, tw, (2 radius + 1)^2]. A tile that would leave the
    current frame is moved back into it.
    """
    h, w = current.shape
    side = 2 * radius + 1
    for ty, tx, d in np.ndindex(*out.shape):
        y, x = ty * MATCH_TILE_PX, tx * MATCH_TILE_PX
        top = np.clip(y + start[ty, tx, 0] + d // side - radius, 0, h - MATCH_TILE_PX)
        left = np.clip(x + start[ty, tx, 1] + d % side - radius, 0, w - MATCH_TILE_PX)
        mine = reference[y : y + MATCH_TILE_PX, x : x + MATCH_TILE_PX].astype(np.float64)
        out[ty, tx, d] = np.abs(mine - current[top : top + MATCH_TILE_PX, left : left + MATCH_TILE_PX]).mean()
