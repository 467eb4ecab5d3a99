"""The kernels of the merge in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]

TILE_PX, TILE_BLOCKS = 32, 16
LANES = 16
NEAR_PX = 2.5
MARGIN = 64
BORDER = 2
TAPS = 3**0.5 * (3**0.5 - 2) ** np.arange(5)
TAPS /= TAPS[0] + 2 * TAPS[1:].sum()
WIDE = np.array([0.0222, 0.2282, 0.4992, 0.2282, 0.0222])
FINE = np.array([0.0175, 0.965, 0.0175])
FILL, NOISE_CHROMA, NOISE_LUMA, CERTAIN, AGAIN = 0.02, 0.22, 0.003, 1.5, 1.5


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


def _along(values: Floats, kernel: Floats, axis: int) -> Floats:
    """A symmetric filter along an axis, without the ends that it does not reach."""
    n = values.shape[axis] - len(kernel) + 1
    return np.asarray(sum(k * np.take(values, range(i, i + n), axis) for i, k in enumerate(kernel)))


def _guess(first: Floats) -> Floats:
    """Pixels [3, H, W] of the splines whose coefficients are `first`, [H + 4, 3, W + 4]."""
    spline = np.array([1, 4, 1]) / 6
    inner = np.moveaxis(first.astype(np.float64), 1, 0)[:, 1:-1, 1:-1]
    return _along(_along(inner, spline, 1), spline, 2)


def merge_texture(first: Floats, out: Floats) -> None:
    """Variance of the first guess's pixels over the 6 x 6 around each 2 x 2 block: coefficients [H + 4, 3, at least
    W + 4] to [3, H / 2, W / 2]."""
    h, w = out.shape[1:]
    blocks = np.stack([_blocks(plane[: 2 * h, : 2 * w]) for plane in _guess(first)])
    mean, square = _box(blocks.mean(1)), _box((blocks**2).mean(1))
    out[:] = np.maximum(square - mean**2, 0)


def merge_lost(
    mosaic: Floats, red_row: int, red_column: int, first: Floats, noise: Floats, gain: Floats, out: Floats
) -> None:
    """Variance of what the first guess (coefficients [H + 4, 3, at least W + 4]) lost of a mosaic [H, W], above its
    noise (alpha, then beta [6]; gain [th, tw] of tiles of 32 px), in means of 3 x 3 blocks: [H / 2, W / 2]."""
    h, w = 2 * out.shape[0], 2 * out.shape[1]
    y, x = np.mgrid[0:h, 0:w]
    colour = colour_at(y, x, red_row, red_column)
    expected = np.take_along_axis(_guess(first)[:, :h, :w], colour[None], 0)[0]
    here = gain[y // TILE_PX, x // TILE_PX]
    variance = (noise[colour] * np.maximum(expected, 0) + noise[colour + 3] * here) * here
    out[:] = np.maximum(_box(_blocks((mosaic[:h, :w] - expected) ** 2 - variance).mean(0)[None])[0], 0)


def merge_agreement(
    mean: Floats, texture: Floats, other: Floats, noise: Floats, hand: Floats, local: Floats, tolerated: Floats,
    apart: Bytes, out: Bytes,
) -> None:  # fmt: skip
    """Trust, 255 = full, and 255 where the tile's own motion agrees better than the hand's: uint8 [2, h, w].

    Squared disagreement d counts in units of what noise and texture explain; trust is 12 exp(-d) - 0.12 between 0 and
    1. mean, texture [3, h, w]; other: such means, flat, with 64 numbers more at either end; of tiles of 16 blocks:
    noise [th, tw, 6], alpha, then beta of R, G, B of the difference of two means; hand, local [th, tw, 2] and tolerated
    [th, tw, 1], bilinear between tile centres; apart [th, tw], whether the two flows differ in a tile. Where a motion
    changes by more than about half a block within half a tile nothing is trusted.
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
    is_own = (apart[y // TILE_BLOCKS, x // TILE_BLOCKS] > 0) & (by_hand > 1.5) & (own < 0.7 * by_hand)
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


def merge_counted(frames: Floats, trust: Bytes, weight: float, out: Floats) -> None:
    """Frames [h, w] with one more, where and as far as it is trusted: uint8 [2, h, w], 255 counts `weight`."""
    out[:] = frames + trust.max(0) * (weight / 255)


def _spline(offset: Floats) -> tuple[Floats, ...]:
    """Weights of the coefficients at -2, -1, 0 and 1 for the value at -offset (0 to 1), cubic B-splines; the pieces go
    on a little beyond."""
    f = 1 - offset
    return (1 - f) ** 3 / 6, 2 / 3 - f**2 * (1 - f / 2), 2 / 3 - (1 - f) ** 2 * (1 - (1 - f) / 2), f**3 / 6


def _in_cell(grid: Floats, y: Any, x: Any, cell_y: Any, cell_x: Any) -> Floats:
    """As `_field` for tiles of 32 px, continued from the half tiles `cell_y`, `cell_x` to pixels a little outside."""
    v, u = (
        np.where(cell % 2 == 0, LANES * (cell + 1) - 0.5 - place, place - LANES * cell + 0.5)[..., None] / TILE_PX
        for place, cell in ((y, cell_y), (x, cell_x))
    )
    exact = grid.astype(np.float64)
    i, j, di, dj = cell_y // 2, cell_x // 2, 2 * (cell_y % 2) - 1, 2 * (cell_x % 2) - 1
    here = exact[i, j]

    def near(at_i: Any, at_j: Any) -> Floats:
        value = exact[np.clip(at_i, 0, len(grid) - 1), np.clip(at_j, 0, grid.shape[1] - 1)]
        return np.asarray(np.where(np.abs(value - here) < NEAR_PX, value, here))

    beside, above, across = near(i, j + dj), near(i + di, j), near(i + di, j + dj)
    return np.asarray((here * (1 - u) + beside * u) * (1 - v) + (above * (1 - u) + across * u) * v)


def _landed(
    shape: tuple[int, int], trust: Bytes, flow: Floats, top: int, first: Floats, falloff: float, weight: float
) -> list[tuple[Any, Any, Floats, Floats]]:
    """The four samples around where each pixel of a band lies in a frame of `shape`: row and column, weight [h, W],
    and what the first guess says at their place [3, h, W]."""
    height, width = shape
    h, w = first.shape[0] - 2 * BORDER, width
    y, x = np.mgrid[top : top + h, 0:w]
    # The pixels of a cell of 16 x 16 read the samples around the place of its middle.
    cell = y // LANES, x // LANES
    middle = LANES * cell[0] + 7.5, LANES * cell[1] + 7.5
    whole = np.floor(_in_cell(flow, *middle, *cell)).astype(int)
    offset = np.clip(_in_cell(flow, y, x, *cell) - whole, -1, 2)
    full = trust[(y - top) // 2, x // 2] / 255 * weight
    landed: list[tuple[Any, Any, Floats, Floats]] = []
    for j in (0, 1):
        # What one sample says does not depend on the row of pixels that asks.
        by_y, by_x = (_spline(d) for d in np.moveaxis(np.clip(_in_cell(flow, y + j, x, *cell) - whole, -1, 2), -1, 0))
        for i in (0, 1):
            sy, sx = y + whole[..., 0] + j, x + whole[..., 1] + i
            expected: Floats = np.zeros((3, h, w))
            for b in range(4):
                row = np.minimum(y - top + j + b, len(first) - 1)
                for a in range(4):
                    expected += by_y[b] * by_x[a] * np.moveaxis(first[row, :, x + i + a], 2, 0)
            near = [np.maximum(1 - falloff * (k - offset[..., n]) ** 2, 0) ** 8 for n, k in ((0, j), (1, i))]
            start = sy * width + LANES * cell[1] + whole[..., 1] + i
            is_there = (sy >= 0) & (sy < height) & (sx >= 0) & (sx < width)
            is_there &= (start >= 0) & (start + LANES <= height * width)
            landed.append((sy, sx, full * near[0] * near[1] * is_there, expected))
    return landed


def _samples(flat: Floats, rows: Any, columns: Any, width: int) -> Floats:
    """Numbers of a frame without its rows' ends: what lies beyond them is never trusted."""
    return np.asarray(flat[np.clip(rows * width + columns, 0, len(flat) - 1)])


def merge_gather_mosaic(
    mosaic: Floats, width: int, height: int, trust: Bytes, flow: Floats, first: Floats, falloff: float, weight: float,
    clip: float, red_row: int, red_column: int, top: int, sums: Floats, out: Floats, bounds: Floats | None = None,
) -> None:  # fmt: skip
    """Add one frame to a band of sums [h, 6, W]: weight times difference from the first guess for R, G, B, then the
    weights.

    mosaic [H * W]; trust uint8 of the band's 2 x 2 blocks; flow [th, tw, 2] of the picture's tiles of 32 px; first
    [h + 4, 3, W + 4], coefficients of splines; both with columns for whole vectors; falloff = 1 / (16 sigma^2); samples
    at or above `clip` are left out; the band begins at row `top` of the picture. `bounds` [2, 2, 3, h, W], for samples
    above and below: where a squared difference is not under the first times the guess, plus the second, of its colour,
    the sample is left out.
    """
    total = sums.astype(np.float64)
    y, x = np.mgrid[0 : sums.shape[0], 0:width]
    landed = _landed((height, width), trust, flow, top, first, falloff, weight)
    for n, (sy, sx, k, expected) in enumerate(landed):
        sample = _samples(mosaic, sy, sx, width)
        colour = colour_at(sy, sx, red_row, red_column)
        expected = np.take_along_axis(expected, colour[None], 0)[0]
        k = np.where(sample < clip, k, 0)
        if bounds is not None:
            slope, offset = (np.take_along_axis(b, colour[None], 0)[0] for b in bounds[n // 2])
            k = np.where((sample - expected) ** 2 < slope * np.maximum(expected, 0) + offset, k, 0)
        total[y, colour, x] += k * (sample - expected)
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
    """`merge_gather_mosaic` for some cells of 16 x 16 px of the whole picture; instead of `top` and the sums: lost
    [H / 2, W / 2], noise [6], gain [th, tw], limit, cells [n, 2], rows and columns of them, and the sums, which are
    added to. Samples whose squared difference is `limit` times what noise and twice `lost` explain are left out."""
    *arguments, lost, noise, gain, limit, cells, sums = rest
    y, x = np.mgrid[0 : len(sums), 0:width]
    here = gain[np.minimum(y // TILE_PX, len(gain) - 1), np.minimum(x // TILE_PX, gain.shape[1] - 1)].astype(np.float64)
    bounds = []
    for j in (0, 1):
        more = 2 * lost[np.minimum((y + j) // 2, lost.shape[0] - 1), np.minimum(x // 2, lost.shape[1] - 1)] + 1e-9
        of_row = np.stack([[noise[k] * here, noise[k + 3] * here**2 + more] for k in range(3)], 1)
        bounds.append(limit * of_row)

    gather = functools.partial(merge_gather_mosaic, bounds=np.stack(bounds))
    _of_cells(gather, mosaic, width, height, *arguments, cells, sums)


def merge_gather_rgb_cells(rgb: Floats, width: int, height: int, *rest: Any) -> None:
    """`merge_gather_rgb` for some cells of 16 x 16 px of the whole picture; instead of `top` and the sums: cells
    [n, 2], rows and columns of them, and the sums, which are added to."""
    _of_cells(merge_gather_rgb, rgb, width, height, *rest)


def _of_cells(gather: Any, frame: Floats, width: int, height: int, *rest: Any) -> None:
    *arguments, cells, sums = rest
    whole = np.zeros(sums.shape)
    gather(frame, width, height, *arguments, 0, whole.copy(), whole)
    for row, column in cells * LANES:
        place = np.s_[row : row + LANES, :, column : column + LANES]
        sums[place] += whole[place]


def merge_guess(above: Floats, rgb: Floats, is_first: int, top: int, out: Floats) -> None:
    """Coefficients of the cubic B-splines through the pixels of [h, W, 3], whose band before ends with `above`, from
    row `top` on, as rows of planes [m, 3, W + 4 or more]; rows and columns beyond repeat."""
    reach = len(TAPS) - 1
    rows = np.arange(-reach, len(out) + reach) + top
    if is_first:
        pixels = rgb[np.clip(rows, 0, len(rgb) - 1)]
    else:
        pixels = np.concatenate([above, rgb])[np.clip(rows + len(above), 0, len(above) + len(rgb) - 1)]
    columns = np.clip(np.arange(-reach, out.shape[2] + reach) - BORDER, 0, rgb.shape[1] - 1)
    taps = np.concatenate([TAPS[:0:-1], TAPS])
    out[:] = np.moveaxis(_along(_along(pixels[:, columns].astype(np.float64), taps, 0), taps, 1), 2, 1)


def merge_finish_rgb(sums: Floats, first: Floats, top: int, worth: float, out: Floats) -> None:
    """First guess plus mean difference, the guess counting as `worth` frames: rows of [H, 4, W] from `top` on, and
    [h + 4, 3, W + 4], to [h, 3, W + 4]."""
    exact = sums[top : top + len(out), :, : out.shape[2] - 2 * BORDER].astype(np.float64)
    _corrected(first, exact[:, :3] / (exact[:, 3:] + worth + 1e-12), out)


def _corrected(first: Floats, added: Floats, out: Floats) -> None:
    """The guess of coefficients [h + 4, 3, W + 4] plus [h, 3, W]; the border is whatever it is."""
    out[:] = 0
    width = added.shape[2]
    out[:, :, BORDER : BORDER + width] = np.moveaxis(_guess(first), 0, 1)[:, :, :width] + added


def _mirrored(start: int, stop: int, n: int) -> npt.NDArray[np.intp]:
    """Indices of an array of n, those beyond its ends mirrored back."""
    k = np.arange(start, stop)
    k = np.where(k < 0, -1 - k, k)
    return np.where(k >= n, 2 * n - 1 - k, k)


def merge_finish_mosaic(
    sums: Floats, width: int, first: Floats, top: int, noise: Floats, gain: Floats, wb_red: float, wb_blue: float,
    trust_red: float, trust_blue: float, worth: float, blur: float, out: Floats,
) -> None:  # fmt: skip
    """First guess plus what the frames add to it: to differences of colour by sums blurred over 0.8 px, to luminance
    by all samples of all colours, each freed of its difference of colour and weighted by its noise. Where finer sums
    say what noise does not explain, they count. Rows of [H, 6, W or more] from `top` on, and [h + 4, 3, W + 4], to
    [h, 3, W + 4].

    noise [6]: alpha, then beta of samples; gain [th, tw] of the tiles of these rows; blur: how much of the fine one
    luminance takes where nothing finer counts."""
    h, w = len(out), width
    reach = 4  # rows and columns around a pixel that decide it: 2 of the mean, 2 of the blur
    rows, columns = (_mirrored(at - reach, at + k + reach, n) for k, at, n in ((h, top, len(sums)), (w, 0, w)))
    around = np.moveaxis(sums.astype(np.float64)[rows][:, :, columns], 1, 0)
    wide = _along(_along(around, WIDE, 1), WIDE, 2)
    fine = _along(_along(around[:, 1:-1, 1:-1], FINE, 1), FINE, 2)
    bare = around[:, 2:-2, 2:-2]
    share = worth * np.array([0.25, 0.5, 0.25])[:, None, None]
    balance = np.array([wb_red, 1, wb_blue])[:, None, None]
    trust = np.array([trust_red, 1, trust_blue])[:, None, None]

    def chrominance(v: Floats) -> Floats:
        mean = balance * v[:3] / (v[3:] + share + 1e-12)
        return np.asarray(mean - mean[1])

    def luminance(v: Floats, chroma: Floats) -> Floats:
        over = (trust * (v[3:] + share)).sum(0) + 1e-12
        return np.asarray((trust * (balance * v[:3] - v[3:] * chroma)).sum(0) / over)

    filled, coarse = fine + FILL * wide, chrominance(wide)
    finer = chrominance(filled) - coarse
    guess = _guess(np.pad(first, ((2, 2), (0, 0), (2, 2)), "edge"))[:, :, : w + 4]
    y, x = (np.maximum(np.arange(-2, k + 2), 0) for k in (h, w))
    of_tile = gain[np.minimum(y // TILE_PX, len(gain) - 1)][:, np.minimum(x // TILE_PX, gain.shape[1] - 1)]
    alpha, beta = noise[:3, None, None], noise[3:, None, None]
    variance = (alpha * np.maximum(guess, 0) + beta * of_tile) * of_tile * balance**2
    of_mean = NOISE_CHROMA * variance / (filled[3:] + share + 1e-12)
    colour = np.mean([finer[k] ** 2 / (of_mean[k] + of_mean[1]) for k in (0, 2)], axis=0)
    detail = luminance(bare, coarse) - luminance(fine, coarse)
    over = (trust * (bare[3:] + share)).sum(0) + 1e-12
    box = np.ones(5) / 5
    told = [
        np.maximum(1 - CERTAIN / np.maximum(_along(_along(v, box, 0), box, 1), 1e-6), 0)
        for v in (colour, detail**2 * over / (NOISE_LUMA * variance[1]))
    ]
    inner = np.s_[:, 2:-2, 2:-2]
    chroma = coarse[inner] + told[0] * finer[inner]
    low, high = luminance(fine[inner], chroma), luminance(bare[inner], chroma)
    added = (high + (told[1] * (AGAIN + blur) - blur) * (high - low) + chroma) / balance
    _corrected(first, np.moveaxis(added, 0, 1), out)
