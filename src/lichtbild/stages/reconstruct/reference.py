"""The kernels of the reconstruction in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.integer]

NO_SAMPLE = -32768
TILE_PX = 32
NEAR_PX = 2.5
APERTURE = np.array([0.025, 0.475, 0.475, 0.025])
QUARTER = np.array([
    -0.0019, 0.0044, -0.0065, 0.0121, -0.0356, 0.0878, -0.1450, 0.2551,
    1.0359, -0.2996, 0.1543, -0.0917, 0.0385, -0.0115, 0.0062, -0.0025,
])  # fmt: skip


def reconstruct_stored(mosaic: Floats, steps: float, clip: float, out: Numbers) -> None:
    """A mosaic in steps as int16; -32768 at or above `clip`."""
    number = np.clip(np.floor(mosaic * np.float32(steps) + np.float32(0.5)), -32767, 32767)
    out[:] = np.where(mosaic < clip, number, NO_SAMPLE)


def reconstruct_marks(trust: Numbers, out: Numbers) -> None:
    """Twice the trust, 127 = full, plus 1 where it is in the tile's own motion: [2, h, w] to [h, w]."""
    hand, own = trust.astype(int)
    out[:] = ((hand + own) * 127 + 127) // 255 * 2 + (own > hand)


def _displacement(field: Floats, y: Any, x: Any) -> Floats:
    """Displacement [2, h, w] of a field [th, tw, 2] of 32 px tiles at pixel centres: bilinear to the neighbours on the
    pixel's side, but for those that move by other than 2.5 px: they are something else."""
    exact = field.astype(np.float64)
    i, j = y // TILE_PX, x // TILE_PX
    v, u = (np.abs((k % TILE_PX + 0.5) / TILE_PX - 0.5)[..., None] for k in (y, x))
    di, dj = (np.where(k % TILE_PX < TILE_PX // 2, -1, 1) for k in (y, x))
    here = exact[i, j]

    def near(row: Any, column: Any) -> Floats:
        value = exact[np.clip(row, 0, len(exact) - 1), np.clip(column, 0, exact.shape[1] - 1)]
        return np.asarray(np.where(np.abs(value - here) < NEAR_PX, value, here))

    top = here * (1 - u) + near(i, j + dj) * u
    bottom = near(i + di, j) * (1 - u) + near(i + di, j + dj) * u
    return np.moveaxis(top * (1 - v) + bottom * v, 2, 0)


def keys(distance: Floats) -> Floats:
    """The interpolation kernel of Keys (1981), a = -1/2."""
    d = np.abs(distance)
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.asarray(np.where(d <= 1, near, np.where(d < 2, far, 0)))


def _samples(
    frames: Numbers, packed: Numbers, hand: Floats, local: Floats, facts: Floats, red: tuple[int, int], row: int,
    height: int, k: int,
) -> tuple[Floats, Floats, Numbers, Floats]:  # fmt: skip
    """Of frame k, the sample nearest to each pixel of the band: offset [2, h, W], weight, colour, value."""
    n_rows, width = frames.shape[1:]
    y, x = np.mgrid[row : row + height, 0:width]
    is_picture = (y >= 0) & (y < n_rows)
    y = np.clip(y, 0, n_rows - 1)
    mark = packed[k, y // 2, np.minimum(x // 2, packed.shape[2] - 1)]
    moved = np.where(mark & 1, _displacement(local[k], y, x), _displacement(hand[k], y, x))
    place = np.stack([y, x]) + moved
    near = np.floor(place + 0.5).astype(int)
    is_inside = ((near >= 0) & (near < np.array([n_rows, width])[:, None, None])).all(0)
    stored = frames[k, np.clip(near[0], 0, n_rows - 1), np.clip(near[1], 0, width - 1)].astype(int)
    weight = np.where(is_picture & is_inside & (stored != NO_SAMPLE), (mark // 2) / 127 * facts[k, 1], 0)
    colour = (near[0] - red[0]) % 2 + (near[1] - red[1]) % 2
    return near - place, weight, colour, stored * float(facts[k, 0])


def _taps(offset: Floats) -> Floats:
    """Weights [5, h, W] of corners 2 p - 2 ... 2 p + 2 at the place 2 (p + offset)."""
    return np.stack([keys(d - 2 * offset) for d in range(-2, 3)])


def _spread(values: Floats, offset: Floats, total: Floats) -> None:
    """Add the values [3, h, W] of samples to the corners around, [12, h, W]."""
    ky, kx = _taps(offset[0]), _taps(offset[1])
    _, height, width = values.shape
    corners = np.zeros((3, 2 * height + 4, 2 * width + 4))
    for dy in range(5):
        for dx in range(5):
            corners[:, dy : dy + 2 * height : 2, dx : dx + 2 * width : 2] += values * ky[dy] * kx[dx]
    inside = corners[:, 2:-2, 2:-2]
    for phase in range(4):
        total[phase::4] += inside[:, phase // 2 :: 2, phase % 2 :: 2]


def _around(out: Floats) -> tuple[Floats, int]:
    """Room for the corners of a band [h, 12, W] and of a row more at both ends, and its number of rows."""
    rows, planes, width = out.shape
    return np.zeros((planes, rows + 2, width)), rows + 2


def reconstruct_count(
    frames: Numbers, packed: Numbers, hand: Floats, local: Floats, facts: Floats, red_row: int, red_column: int,
    row: int, out: Floats,
) -> None:  # fmt: skip
    """Weight of the samples of each colour that fell near each corner, [h, 12, W]: plane 4 c + 2 a + b at [i, j] is
    corner (2 i + a, 2 j + b), which lies half a fine pixel after fine pixel (2 i + a, 2 j + b)."""
    total, height = _around(out)
    for k in range(len(frames)):
        offset, weight, colour, _ = _samples(
            frames, packed, hand, local, facts, (red_row, red_column), row - 1, height, k
        )
        _spread(np.stack([np.where(colour == c, weight, 0) for c in range(3)]), offset, total)
    out[:] = np.moveaxis(total[:, 1:-1], 1, 0)


def corners_of(fine: Floats) -> Floats:
    """What whole pixels centred on the corners see of a fine picture [3, n, m]; the edge repeated."""
    seen = fine.astype(np.float64)
    for axis in (1, 2):
        n = seen.shape[axis]
        seen = sum(w * seen.take(np.clip(np.arange(n) + i, 0, n - 1), axis) for i, w in enumerate(APERTURE, -1))
    return np.asarray(seen)


def reconstruct_residual(
    frames: Numbers, packed: Numbers, hand: Floats, local: Floats, facts: Floats, red_row: int, red_column: int,
    row: int, balance: Floats, fine: Floats, above: int, out: Floats,
) -> None:  # fmt: skip
    """Weighted differences of the samples from what `fine` [n, 3, 2 W], which begins `above` px before the band, lets
    expect at their place, as `reconstruct_count`."""
    total, height = _around(out)
    width = out.shape[2]
    padded = np.pad(np.moveaxis(fine, 1, 0).astype(np.float64), ((0, 0), (8, 8), (4, 5)), "edge")
    corners = corners_of(padded)[:, 2 * above + 4 :, 2:-3]
    for k in range(len(frames)):
        offset, weight, colour, value = _samples(
            frames, packed, hand, local, facts, (red_row, red_column), row - 1, height, k
        )
        ky, kx = _taps(offset[0]), _taps(offset[1])
        expected = sum(
            ky[dy] * kx[dx] * corners[:, dy : dy + 2 * height : 2, dx : dx + 2 * width : 2]
            for dy in range(5)
            for dx in range(5)
        )
        values = [np.where(colour == c, weight * (balance[c] * value - expected[c]), 0) for c in range(3)]
        _spread(np.stack(values), offset, total)
    out[:] = np.moveaxis(total[:, 1:-1], 1, 0)


def reconstruct_moved(fine: Floats, sums: Floats, count: Floats, above: int, least: float, out: Floats) -> None:
    """The fine picture [2 h, 3, 2 W] moved by what its four corners ask for, over their weight but at least `least`;
    sums and weights [n, 12, W] begin `above` px before it."""

    def around(rows: Floats) -> Floats:
        planes = np.moveaxis(rows, 1, 0)
        h, w = planes.shape[1:]
        corners = np.empty((3, 2 * h, 2 * w))
        for phase in range(4):
            corners[:, phase // 2 :: 2, phase % 2 :: 2] = planes[phase::4]
        # Before the first corner, the one of its phase is repeated.
        padded = np.concatenate([corners[:, 1:2], corners], 1)
        padded = np.concatenate([padded[:, :, 1:2], padded], 2)
        mean = np.asarray(sum(padded[:, i : i + 2 * h, j : j + 2 * w] for i in (0, 1) for j in (0, 1))) / 4
        return np.asarray(np.moveaxis(mean, 0, 1)[2 * above : 2 * above + len(fine)])

    out[:] = fine + around(sums) / np.maximum(around(count), least)


def reconstruct_start(rgb: Floats, balance: Floats, above: int, out: Floats) -> None:
    """Balanced camera RGB [n, W, 3] at twice the pixels, [2 h, 3, 2 W], from row `above`."""
    values = np.moveaxis(rgb.astype(np.float64) * balance, 2, 1)
    for axis in (0, 2):
        n = values.shape[axis]
        pairs = []
        for offsets in (range(-8, 8), range(8, -8, -1)):
            at = [np.clip(np.arange(n) + i, 0, n - 1) for i in offsets]
            pairs.append(sum(w * values.take(i, axis) for w, i in zip(QUARTER, at, strict=True)))
        shape = [*values.shape]
        shape[axis] = 2 * n
        values = np.stack(pairs, axis + 1).reshape(shape)
    out[:] = values[2 * above : 2 * above + len(out)]


def reconstruct_pixels(fine: Floats, balance: Floats, above: int, out: Floats) -> None:
    """What whole pixels see of a fine picture [n, 3, 2 W] from row `above` of them: camera RGB [rows, W, 3]."""
    pixels = corners_of(np.moveaxis(fine, 1, 0))[:, ::2, ::2][:, above : above + out.shape[0]]
    out[:] = np.moveaxis(pixels, 0, 2) / balance


def reconstruct_points(fine: Floats, balance: Floats, out: Floats) -> None:
    """Fine pixels [rows, 3, 2 W] as camera RGB [rows, 2 W, 3]."""
    out[:] = np.moveaxis(fine, 1, 2) / balance
