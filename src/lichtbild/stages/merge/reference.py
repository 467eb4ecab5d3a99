"""The kernels of the merge in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]

TILE_PX, TILE_BLOCKS = 32, 16
LANES = 16
NEAR_PX = 2.5
MARGIN = 64
BLUR = np.array([0.0222, 0.2282, 0.4992, 0.2282, 0.0222])


def _field(grid: Floats, y: Any, x: Any, tile: int, reach: float = 1.0) -> Floats:
    """Values [..., C] at pixels (y, x) of a grid [th, tw, C] at the centres of tiles, bilinear to the neighbours on the
    pixel's side, but for those that differ by more than 2.5; with a `reach` of 0 those of the tile's middle column."""
    exact = grid.astype(np.float64)
    (i, v, di), (j, u, dj) = (
        (k // tile, np.abs((k % tile + 0.5) / tile - 0.5)[..., None], np.where(k % tile < tile // 2, -1, 1))
        for k in (y, x)
    )
    here, u = exact[i, j], u * reach

    def near(at_i: Any, at_j: Any) -> Floats:
        value = exact[np.clip(at_i, 0, len(grid) - 1), np.clip(at_j, 0, grid.shape[1] - 1)]
        return np.asarray(np.where(np.abs(value - here) < NEAR_PX, value, here))

    beside, above, across = near(i, j + dj), near(i + di, j), near(i + di, j + dj)
    return np.asarray((here * (1 - u) + beside * u) * (1 - v) + (above * (1 - u) + across * u) * v)


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
    """Variance of the first guess's pixels over the 6 x 6 around each 2 x 2 block: [H + 2, 3, at least W + 2] (a border
    of one) to [3, H / 2, W / 2]."""
    h, w = out.shape[1:]
    blocks = np.stack([_blocks(first[1 : 2 * h + 1, k, 1 : 2 * w + 1]) for k in range(3)])
    mean, square = _box(blocks.mean(1)), _box((blocks**2).mean(1))
    out[:] = np.maximum(square - mean**2, 0)


def merge_agreement(
    mean: Floats, texture: Floats, other: Floats, noise: Floats, hand: Floats, local: Floats, tolerated: Floats,
    has_local: int, out: Bytes,
) -> None:  # fmt: skip
    """Trust, 255 = full, and 255 where the tile's own motion agrees better than the hand's: uint8 [2, h, w].

    Squared disagreement d counts in units of what noise and texture explain; trust is 12 exp(-d) - 0.12 between 0 and
    1. mean, texture [3, h, w]; other: such means, flat, with 64 numbers more at either end; of tiles of 16 blocks:
    noise [th, tw, 6], alpha, then beta of R, G, B of the difference of two means; hand, local [th, tw, 2] and tolerated
    [th, tw, 1], bilinear between tile centres. Where a motion changes by more than about half a block within
    half a tile nothing is trusted.
    """
    _, h, w = mean.shape
    planes = other[MARGIN:-MARGIN].reshape(mean.shape).astype(np.float64)
    y, x = np.mgrid[0:h, 0:w]
    of_tile = np.moveaxis(noise[y // TILE_BLOCKS, x // TILE_BLOCKS].astype(np.float64), 2, 0)
    part = _field(tolerated, y, x, TILE_BLOCKS)[..., 0]
    explained = of_tile[:3] * np.maximum(mean, 0) + of_tile[3:] + part * texture + 1e-9

    found = []
    for grid in (hand, local):
        dy, dx = np.moveaxis(_field(grid, y, x, TILE_BLOCKS), -1, 0) / 2
        py, px = y + dy, x + dx
        error = np.mean([(_at(planes[c], py, px) - mean[c]) ** 2 / explained[c] for c in range(3)], 0)
        is_inside = (py > -0.5) & (px > -0.5) & (py < h - 0.5) & (px < w - 0.5)
        middle = np.moveaxis(_field(grid, y, x, TILE_BLOCKS, 0.0), -1, 0) / 2
        for shift, centre, place, n in ((dy, middle[0], y, h), (dx, middle[1], x, w)):
            whole = np.floor(centre + 0.5)
            is_inside &= np.abs(np.clip(place + shift, 0, n - 1) - place - whole) <= 1
        found.append(np.where(is_inside, error, 1e9))
    by_hand, own = found
    is_own = bool(has_local) & (by_hand > 1.5) & (own < 0.7 * by_hand)
    trust = np.clip(12 * np.exp(-np.where(is_own, own, by_hand)) - 0.12, 0, 1)
    out[:] = np.stack([np.floor(trust * 255 + 0.5), 255 * is_own])


def merge_trust(agreement: Bytes, out: Bytes) -> None:
    """Trust in the hand's motion and in the tile's own, the least of 3 x 3 neighbours: uint8 [2, h, w] to [2, h or
    h + 1, w or w + 1]."""
    raw = np.pad(agreement, ((0, 0), (1, 2), (1, 2)), "edge")
    rows, columns = out.shape[1:]
    least = np.min([raw[0, j : j + rows, i : i + columns] for j in range(3) for i in range(3)], axis=0)
    own = raw[1, 1 : rows + 1, 1 : columns + 1]
    out[:] = np.stack([least & ~own, least & own])


def _parabola(offset: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of the samples at -1, 0 and 1 for the value at `offset` on the parabola through them."""
    return 0.5 * offset * (offset - 1), 1 - offset**2, 0.5 * offset * (offset + 1)


def _landed(
    shape: tuple[int, int], trust: Bytes, flow: Floats, top: int, first: Floats, falloff: float, weight: float
) -> list[tuple[Any, Any, Floats, Floats]]:
    """The four samples around where each pixel of a band lies in a frame of `shape`: row and column, weight [h, W],
    and what the first guess says at their place [3, h, W]."""
    height, width = shape
    h, w = first.shape[0] - 2, width
    y, x = np.mgrid[top : top + h, 0:w]
    # Sixteen neighbours along a row read the samples around the place of their middle.
    middle = x // LANES * LANES + LANES // 2
    moved = _field(flow, y, x, TILE_PX)
    whole = np.floor((_field(flow, y, middle - 1, TILE_PX) + _field(flow, y, middle, TILE_PX)) / 2).astype(int)
    iy, ix = np.clip(y + whole[..., 0], 0, height - 2), x + whole[..., 1]
    dy, dx = np.clip(y + moved[..., 0] - iy, -1, 2), np.clip(moved[..., 1] - whole[..., 1], -1, 2)
    start = iy * width + x // LANES * LANES + whole[..., 1]
    is_whole = (start >= 0) & (start + width + LANES + 1 <= height * width)
    full = trust[(y - top) // 2, x // 2] / 255 * weight * is_whole
    landed: list[tuple[Any, Any, Floats, Floats]] = []
    for j in (0, 1):
        for i in (0, 1):
            oy, ox = j - dy, i - dx
            expected: Floats = np.zeros((3, h, w))
            for b, by_y in enumerate(_parabola(oy)):
                for a, by_x in enumerate(_parabola(ox)):
                    expected += by_y * by_x * np.moveaxis(first[b : b + h, :, a : a + w], 1, 0)
            near = [np.maximum(1 - falloff * o * o, 0) ** 8 for o in (oy, ox)]
            is_within = (ix + i >= 0) & (ix + i < width)
            landed.append((iy + j, ix + i, full * near[0] * near[1] * is_within, expected))
    return landed


def _samples(flat: Floats, rows: Any, columns: Any, width: int) -> Floats:
    """Numbers of a frame without its rows' ends: what lies beyond them is never trusted."""
    return np.asarray(flat[np.clip(rows * width + columns, 0, len(flat) - 1)])


def merge_gather_mosaic(
    mosaic: Floats, width: int, height: int, trust: Bytes, flow: Floats, first: Floats, falloff: float, weight: float,
    clip: float, red_row: int, red_column: int, top: int, sums: Floats, out: Floats,
) -> None:  # fmt: skip
    """Add one frame to a band of sums [h, 6, W]: weight times difference from the first guess for R, G, B, then the
    weights.

    mosaic [H * W]; trust uint8 of the band's 2 x 2 blocks; flow [th, tw, 2] of the picture's tiles of 32 px; first
    [h + 2, 3, W + 2], both with columns for whole vectors; falloff = 1 / (16 sigma^2); samples at or above `clip` are
    left out; the band begins at row `top` of the picture.
    """
    total = sums.astype(np.float64)
    y, x = np.mgrid[0 : sums.shape[0], 0:width]
    for sy, sx, k, expected in _landed((height, width), trust, flow, top, first, falloff, weight):
        sample = _samples(mosaic, sy, sx, width)
        colour = colour_at(sy, sx, red_row, red_column)
        k = np.where(sample < clip, k, 0)
        total[y, colour, x] += k * (sample - np.take_along_axis(expected, colour[None], 0)[0])
        total[y, colour + 3, x] += k
    out[:] = total


def merge_gather_rgb(
    rgb: Floats, width: int, height: int, trust: Bytes, flow: Floats, first: Floats, falloff: float, weight: float,
    clip: float, top: int, sums: Floats, out: Floats,
) -> None:  # fmt: skip
    """As `merge_gather_mosaic` for rgb [H * W * 3] and sums [h, 4, W] (R, G, B, weight)."""
    total = sums.astype(np.float64)
    for sy, sx, k, expected in _landed((height, width), trust, flow, top, first, falloff, weight):
        sample = np.moveaxis(_samples(rgb.reshape(-1, 3), sy, sx, width), 2, 0)
        k = np.where(sample.max(0) < clip, k, 0)
        total[:, :3, :width] += np.moveaxis(k * (sample - expected), 0, 1)
        total[:, 3, :width] += k
    out[:] = total


def merge_gather_mosaic_cells(mosaic: Floats, width: int, height: int, *rest: Any) -> None:
    """`merge_gather_mosaic` for some cells of 16 x 16 px of the whole picture; instead of `top` and the sums: cells
    [n, 2], rows and columns of them, and the sums, which are added to."""
    _of_cells(merge_gather_mosaic, mosaic, width, height, *rest)


def merge_gather_rgb_cells(rgb: Floats, width: int, height: int, *rest: Any) -> None:
    """As `merge_gather_mosaic_cells` for rgb."""
    _of_cells(merge_gather_rgb, rgb, width, height, *rest)


def _of_cells(gather: Any, frame: Floats, width: int, height: int, *rest: Any) -> None:
    *arguments, cells, sums = rest
    whole = np.zeros(sums.shape)
    gather(frame, width, height, *arguments, 0, whole.copy(), whole)
    for row, column in cells * LANES:
        place = np.s_[row : row + LANES, :, column : column + LANES]
        sums[place] += whole[place]


def merge_guess(rgb: Floats, top: int, out: Floats) -> None:
    """Rows of [h, W, 3] from `top` on as rows of planes [n, 3, W + 2 or more]; rows and columns beyond repeat."""
    rows = np.clip(np.arange(len(out)) + top, 0, len(rgb) - 1)
    columns = np.clip(np.arange(out.shape[2]) - 1, 0, rgb.shape[1] - 1)
    out[:] = np.moveaxis(rgb[rows][:, columns], 2, 1)


def merge_finish_rgb(sums: Floats, first: Floats, worth: float, out: Floats) -> None:
    """First guess plus mean difference, the guess counting as `worth` frames: [H, 4, W] to [H, 3, W + 2]."""
    exact = sums.astype(np.float64)
    _corrected(first, exact[:, :3] / (exact[:, 3:] + worth + 1e-12), out)


def _corrected(first: Floats, added: Floats, out: Floats) -> None:
    """First guess [H + 2, 3, W + 2] plus [H, 3, W], without the rows of its border."""
    beyond = first.shape[2] - added.shape[2] - 1
    out[:] = first[1:-1] + np.pad(added, ((0, 0), (0, 0), (1, beyond)), "edge")


def merge_finish_mosaic(
    sums: Floats, width: int, first: Floats, wb_red: float, wb_blue: float, trust_red: float, trust_blue: float,
    worth: float, out: Floats,
) -> None:  # fmt: skip
    """First guess plus what the frames add to it: to differences of colour by sums blurred over 0.8 px, to luminance
    by all samples of all colours, each freed of its difference of colour and weighted by its noise. [H, 6, `width` or
    more] to [H, 3, width + 2]."""
    exact = np.moveaxis(sums[:, :, :width].astype(np.float64), 1, 0)
    h, w = exact.shape[1:]
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
    _corrected(first, np.moveaxis((luma + of_colour) / balance, 0, 1), out)
