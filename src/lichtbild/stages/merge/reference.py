"""The kernels of the merge in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]

TILE_PX, TILE_BLOCKS = 32, 16
BLUR = np.array([0.0222, 0.2282, 0.4992, 0.2282, 0.0222])


def _at(values: Floats, row: Any, column: Any) -> Floats:
    """Bilinear values of [n, m] at fractional rows and columns, borders repeated."""
    i, j = np.floor(row).astype(int), np.floor(column).astype(int)
    fy, fx = row - i, column - j
    i0, i1 = (np.clip(i + k, 0, values.shape[0] - 1) for k in (0, 1))
    j0, j1 = (np.clip(j + k, 0, values.shape[1] - 1) for k in (0, 1))
    top = values[i0, j0] * (1 - fx) + values[i0, j1] * fx
    bottom = values[i1, j0] * (1 - fx) + values[i1, j1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy)


def _blocks(image: Floats) -> Floats:
    """The four pixels of each 2 x 2 block of [H, W], row-major: [4, H / 2, W / 2]."""
    h, w = image.shape[0] // 2, image.shape[1] // 2
    return np.stack([image[j : 2 * h : 2, i : 2 * w : 2] for j in (0, 1) for i in (0, 1)]).astype(np.float64)


def _box(planes: Floats) -> Floats:
    """Mean of 3 x 3 neighbours, borders repeated, of planes [3, h, w]."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), "edge")
    h, w = planes.shape[1:]
    return np.asarray(sum(padded[:, j : j + h, i : i + w] for j in range(3) for i in range(3)) / 9)


def colour_at(y: Any, x: Any, red_row: int, red_column: int) -> npt.NDArray[np.intp]:
    """Colour 0, 1, 2 of the sample at row y and column x of a Bayer mosaic."""
    on_row, on_column = (np.asarray(y) - red_row) % 2 == 0, (np.asarray(x) - red_column) % 2 == 0
    return np.asarray(np.where(on_row, np.where(on_column, 0, 1), np.where(on_column, 1, 2)), np.intp)


def merge_mean_mosaic(mosaic: Floats, red_row: int, red_column: int, mean: Floats) -> None:
    """R, mean G and B of the 2 x 2 blocks of a mosaic [H, W], averaged over 3 x 3 blocks: [3, H / 2, W / 2]."""
    blocks = _blocks(mosaic)
    colours = [int(colour_at(k // 2, k % 2, red_row, red_column)) for k in range(4)]
    quads = [np.mean([b for b, k in zip(blocks, colours, strict=True) if k == c], axis=0) for c in range(3)]
    mean[:] = _box(np.stack(quads))


def merge_mean_rgb(rgb: Floats, mean: Floats) -> None:
    """As `merge_mean_mosaic` for [H, W, 3]."""
    mean[:] = _box(np.stack([_blocks(rgb[..., c]).mean(0) for c in range(3)]))


def merge_texture(first: Floats, out: Floats) -> None:
    """Variance of the first guess's pixels over the 6 x 6 around each 2 x 2 block: [3, H + 2, W + 2] (a border of
    one) to [3, H / 2, W / 2]."""
    blocks = np.stack([_blocks(plane[1:-1, 1:-1]) for plane in first])
    mean, square = _box(blocks.mean(1)), _box((blocks**2).mean(1))
    out[:] = np.maximum(square - mean**2, 0)


def merge_agreement(
    mean: Floats, texture: Floats, other: Floats, noise: Floats, hand: Floats, local: Floats, tolerated: Floats,
    has_local: int, out: Floats,
) -> None:  # fmt: skip
    """Squared disagreement with the reference in units of what noise and texture explain, and the displacement
    (dy, dx) px of the mosaic, by the hand's or the tile's own motion, that agrees better: [3, h, w].

    mean, texture, other [3, h, w]; of tiles of 16 blocks: noise [th, tw, 6], alpha, then beta of R, G, B of the
    difference of two means; hand, local [th, tw, 2] and tolerated [th, tw, 1], bilinear between tile centres.
    """
    _, h, w = other.shape
    y, x = np.mgrid[0:h, 0:w]
    v, u = (2 * y + 1) / TILE_PX - 0.5, (2 * x + 1) / TILE_PX - 0.5
    of_tile = np.moveaxis(noise[y // TILE_BLOCKS, x // TILE_BLOCKS].astype(np.float64), 2, 0)
    part = _at(tolerated[..., 0].astype(np.float64), v, u)
    explained = of_tile[:3] * np.maximum(mean, 0) + of_tile[3:] + part * texture + 1e-9

    found = []
    for grid in (hand, local):
        dy, dx = (_at(grid[..., k].astype(np.float64), v, u) for k in (0, 1))
        py, px = y + dy / 2, x + dx / 2
        error = np.mean([(_at(other[c].astype(np.float64), py, px) - mean[c]) ** 2 / explained[c] for c in range(3)], 0)
        is_inside = (py > -0.5) & (px > -0.5) & (py < h - 0.5) & (px < w - 0.5)
        found.append(np.stack([np.where(is_inside, error, 1e9), dy, dx]))
    by_hand, own = found
    is_own = bool(has_local) & (by_hand[0] > 1.5) & (own[0] < 0.7 * by_hand[0])
    out[:] = np.where(is_own, own, by_hand)


def merge_trust(agreement: Floats, out: Bytes) -> None:
    """Trust, 255 = full: 12 exp(-d) - 0.12 between 0 and 1, the least of 3 x 3 neighbours. [3, h, w] to uint8 [h,
    w]."""
    raw = np.pad(np.clip(12 * np.exp(-agreement[0].astype(np.float64)) - 0.12, 0, 1), 1, "edge")
    h, w = out.shape
    least = np.min([raw[j : j + h, i : i + w] for j in range(3) for i in range(3)], axis=0)
    out[:] = np.floor(least * 255 + 0.5).astype(np.uint8)


def _parabola(offset: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of the samples at -1, 0 and 1 for the value at `offset` on the parabola through them."""
    return 0.5 * offset * (offset - 1), 1 - offset**2, 0.5 * offset * (offset + 1)


def _landed(
    shape: tuple[int, int], trust: Bytes, agreement: Floats, first: Floats, inverse: float, weight: float
) -> list[tuple[Any, Any, Floats, Floats]]:
    """The four samples around where each output pixel lies in a frame: row and column, weight [H, W], and what the
    first guess says at their place [3, H, W]."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w]
    block = np.minimum(y // 2, trust.shape[0] - 1), np.minimum(x // 2, trust.shape[1] - 1)
    # In the kernel's precision: which samples are the nearest must not hang on the last bit.
    py, px = (n.astype(np.float32) + agreement[k + 1][block] for k, n in enumerate((y, x)))
    iy, ix = np.clip(np.floor(py).astype(int), 0, h - 2), np.clip(np.floor(px).astype(int), 0, w - 2)
    dy, dx = np.clip(py - iy.astype(float), -1, 2), np.clip(px - ix.astype(float), -1, 2)
    full = trust[block] / 255 * weight
    landed: list[tuple[Any, Any, Floats, Floats]] = []
    for j in (0, 1):
        for i in (0, 1):
            oy, ox = j - dy, i - dx
            expected: Floats = np.zeros((3, h, w))
            for b, by_y in enumerate(_parabola(oy)):
                for a, by_x in enumerate(_parabola(ox)):
                    expected += by_y * by_x * first[:, b : b + h, a : a + w]
            landed.append((iy + j, ix + i, full * np.exp(-inverse * (oy**2 + ox**2)), expected))
    return landed


def merge_gather_mosaic(
    mosaic: Floats, trust: Bytes, agreement: Floats, first: Floats, red_row: int, red_column: int, inverse: float,
    weight: float, clip: float, sums: Floats, out: Floats,
) -> None:  # fmt: skip
    """Add one frame to sums [6, H, W]: weight times difference from the first guess for R, G, B, then the weights.

    mosaic [H, W]; trust uint8, agreement of 2 x 2 blocks; first [3, H + 2, W + 2]; inverse = 1 / (2 sigma^2); samples
    at or above `clip` are left out.
    """
    total = sums.astype(np.float64)
    y, x = np.mgrid[0 : mosaic.shape[0], 0 : mosaic.shape[1]]
    for sy, sx, k, expected in _landed((mosaic.shape[0], mosaic.shape[1]), trust, agreement, first, inverse, weight):
        sample = mosaic[sy, sx]
        colour = colour_at(sy, sx, red_row, red_column)
        k = np.where(sample < clip, k, 0)
        total[colour, y, x] += k * (sample - np.take_along_axis(expected, colour[None], 0)[0])
        total[colour + 3, y, x] += k
    out[:] = total


def merge_gather_rgb(
    rgb: Floats, trust: Bytes, agreement: Floats, first: Floats, inverse: float, weight: float, clip: float,
    sums: Floats, out: Floats,
) -> None:  # fmt: skip
    """As `merge_gather_mosaic` for rgb [H, W, 3] and sums [4, H, W] (R, G, B, weight)."""
    total = sums.astype(np.float64)
    for sy, sx, k, expected in _landed((rgb.shape[0], rgb.shape[1]), trust, agreement, first, inverse, weight):
        sample = np.moveaxis(rgb[sy, sx], 2, 0)
        k = np.where(sample.max(0) < clip, k, 0)
        total[:3] += k * (sample - expected)
        total[3] += k
    out[:] = total


def merge_finish_rgb(sums: Floats, first: Floats, worth: float, out: Floats) -> None:
    """First guess plus mean difference, the guess counting as `worth` frames: [4, H, W] to [H, W, 3]."""
    out[:] = np.moveaxis(first[:, 1:-1, 1:-1] + sums[:3].astype(np.float64) / (sums[3] + worth + 1e-12), 0, 2)


def merge_finish_mosaic(
    sums: Floats, first: Floats, wb_red: float, wb_blue: float, trust_red: float, trust_blue: float, worth: float,
    out: Floats,
) -> None:  # fmt: skip
    """First guess plus what the frames add to it: to differences of colour by sums blurred over 0.8 px, to luminance
    by all samples of all colours, each freed of its difference of colour and weighted by its noise. [6, H, W] to [H,
    W, 3]."""
    h, w = sums.shape[1:]
    exact = sums.astype(np.float64)
    padded = np.pad(exact, ((0, 0), (2, 2), (2, 2)), "symmetric")
    rows = sum(k * padded[:, i : i + h] for i, k in enumerate(BLUR))
    blurred = np.asarray(sum(k * rows[:, :, i : i + w] for i, k in enumerate(BLUR)))
    share = np.array([0.25, 0.5, 0.25])[:, None, None]
    mean = blurred[:3] / (blurred[3:] + worth * share + 1e-12)
    balance = np.array([wb_red, 1, wb_blue])[:, None, None]
    trust = np.array([trust_red, 1, trust_blue])[:, None, None]
    of_colour = balance * mean - mean[1]
    luma = (trust * (balance * exact[:3] - exact[3:] * of_colour)).sum(0)
    luma /= (trust * exact[3:]).sum(0) + worth * (trust * share).sum() + 1e-12
    out[:] = np.moveaxis(first[:, 1:-1, 1:-1] + (luma + of_colour) / balance, 0, 2)
