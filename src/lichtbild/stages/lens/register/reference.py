"""The registration of `kernel.py` in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
STEP, MOST, FLOOR, PAD = 16, 8.0, 1e-5, 24


def lens_register(
    mosaic: Floats, grid: Floats, red_gain: float, blue_gain: float, red_row: int, red_column: int, out: Floats
) -> None:
    """Same arguments as the kernel: mosaic [H, W], grid [.., .., 2, 2], out [H, W], written in place.

    Green at the sites of red and blue is the mean of its neighbours along rows and columns, weighted by 1 / slope^2.
    Red less green, green taken where it shows the same thing, is smooth; it is moved to where red is wanted, and green
    of that site added.
    """
    raw = np.pad(mosaic.astype(np.float64), PAD, "reflect")
    y, x = np.mgrid[-PAD : mosaic.shape[0] + PAD, -PAD : mosaic.shape[1] + PAD]
    green = _green(raw, ((x + red_column + ((y + red_row) & 1)) & 1) == 0)
    out[...] = mosaic
    for colour, gain in enumerate((red_gain, blue_gain)):
        first = (red_row + colour) % 2, (red_column + colour) % 2
        rows, columns = (np.arange(f - 16, n + 16, 2) for f, n in zip(first, mosaic.shape, strict=True))
        dx, dy = (_displaced(grid[:, :, colour, n], rows, columns) for n in (0, 1))
        shown = _cubic(green, rows[:, None] - dy + PAD, columns[None, :] - dx + PAD)
        difference = raw[np.ix_(rows + PAD, columns + PAD)] * gain - shown
        sites = np.s_[8:-8, 8:-8]
        v, u = np.mgrid[0 : rows.size, 0 : columns.size]
        moved = _linear(difference, (v + dy / 2)[sites], (u + dx / 2)[sites])
        at = np.ix_(rows[8:-8], columns[8:-8])
        inside = np.ix_(rows[8:-8] + PAD, columns[8:-8] + PAD)
        out[at] = (green[inside] + moved) / gain


def _green(raw: Doubles, is_other: npt.NDArray[np.bool_]) -> Doubles:
    def beside(by: int, axis: int) -> Doubles:
        return np.roll(raw, by, axis)

    across, down = ((beside(1, axis) + beside(-1, axis)) / 2 for axis in (1, 0))
    weights = []
    for axis in (1, 0):
        steep = np.abs(beside(1, axis) - beside(-1, axis))
        mean = sum(np.roll(steep, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
        weights.append(1 / (mean**2 + FLOOR))
    between = (across * weights[0] + down * weights[1]) / (weights[0] + weights[1])
    return np.asarray(np.where(is_other, between, raw))


def _displaced(nodes: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Doubles:
    def split(at: npt.NDArray[np.intp], n: int) -> tuple[npt.NDArray[np.intp], Doubles]:
        low = np.clip(at // STEP, 0, n - 2)
        return low, (at - low * STEP) / STEP

    (j, fy), (i, fx) = split(rows, nodes.shape[0]), split(columns, nodes.shape[1])
    v = nodes.astype(np.float64)
    upper = v[j][:, i] * (1 - fx) + v[j][:, i + 1] * fx
    lower = v[j + 1][:, i] * (1 - fx) + v[j + 1][:, i + 1] * fx
    return np.asarray(np.clip(upper * (1 - fy)[:, None] + lower * fy[:, None], -MOST, MOST))


def _cubic(values: Doubles, y: Doubles, x: Doubles) -> Doubles:
    def weights(f: Doubles) -> list[Doubles]:
        return [0.5 * f * (f * (2 - f) - 1), 1 + 0.5 * f * f * (3 * f - 5), 0.5 * f * (1 + f * (4 - 3 * f)),
                0.5 * f * f * (f - 1)]  # fmt: skip

    iy, ix = np.floor(y).astype(int), np.floor(x).astype(int)
    wy, wx = weights(y - iy), weights(x - ix)

    def held(index: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.intp]:
        return np.clip(index, 0, n - 1)

    total = np.zeros_like(y)
    for n in range(4):
        for m in range(4):
            rows, columns = held(iy + n - 1, values.shape[0]), held(ix + m - 1, values.shape[1])
            total += wy[n] * wx[m] * values[rows, columns]
    return total


def _linear(values: Doubles, y: Doubles, x: Doubles) -> Doubles:
    iy, ix = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - iy, x - ix
    upper = values[iy, ix] * (1 - fx) + values[iy, ix + 1] * fx
    lower = values[iy + 1, ix] * (1 - fx) + values[iy + 1, ix + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)
