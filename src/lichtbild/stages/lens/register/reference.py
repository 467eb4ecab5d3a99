"""The registration of `kernel.py` in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
STEP, MOST, FLOOR, PAD = 32, 8.0, 1e-5, 48


def lens_register(
    mosaic: Floats, grid: Floats, red_gain: float, blue_gain: float, red_row: int, red_column: int, out: Floats
) -> None:
    """Same arguments as the kernel: mosaic [H, W], grid [.., .., 2, 2], out [H, W], written in place.

    Green at the sites of red and blue is the mean of its neighbours along rows and columns, weighted by 1 / slope^2.
    The whole part of a displacement is that of a cell's middle (32 px); what is left may be a little below 0 or over 1.
    Red less green, green taken where it shows the same thing, is smooth; it is moved to where red is wanted, and green
    of that site added.
    """
    raw = np.pad(mosaic.astype(np.float64), PAD, "reflect")
    y, x = np.mgrid[-PAD : mosaic.shape[0] + PAD, -PAD : mosaic.shape[1] + PAD]
    green = _green(raw, ((x + red_column + ((y + red_row) & 1)) & 1) == 0)
    out[...] = mosaic
    for colour, gain in enumerate((red_gain, blue_gain)):
        first = (red_row + colour) % 2, (red_column + colour) % 2
        rows, columns = (np.arange(f - 32, n + 32, 2) for f, n in zip(first, mosaic.shape, strict=True))
        dx, dy = (_displaced(grid[:, :, colour, n], rows, columns) for n in (0, 1))
        middle = [_displaced(grid[:, :, colour, n], rows, columns // STEP * STEP + STEP // 2) for n in (0, 1)]
        ix, iy = (np.floor(-m).astype(int) for m in middle)
        at_y, at_x = np.meshgrid(rows + PAD, columns + PAD, indexing="ij")
        shown = _cubic(green, at_y + iy, at_x + ix, -dy - iy, -dx - ix)
        difference = raw[at_y, at_x] * gain - shown
        jx, jy = (np.floor(m / 2).astype(int) for m in middle)
        v, u = np.mgrid[0 : rows.size, 0 : columns.size]
        sites = np.s_[12:-12, 12:-12]
        moved = _linear(difference, (v + jy)[sites], (u + jx)[sites], (dy / 2 - jy)[sites], (dx / 2 - jx)[sites])
        inside = (at_y >= PAD) & (at_y < PAD + mosaic.shape[0]) & (at_x >= PAD) & (at_x < PAD + mosaic.shape[1])
        inside = inside[sites]
        wanted = (green[at_y, at_x][sites] + moved) / gain
        out[at_y[sites][inside] - PAD, at_x[sites][inside] - PAD] = wanted[inside]


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


def _cubic(values: Doubles, y: Indices, x: Indices, fy: Doubles, fx: Doubles) -> Doubles:
    def weights(f: Doubles) -> list[Doubles]:
        return [0.5 * f * (f * (2 - f) - 1), 1 + 0.5 * f * f * (3 * f - 5), 0.5 * f * (1 + f * (4 - 3 * f)),
                0.5 * f * f * (f - 1)]  # fmt: skip

    wy, wx = weights(fy), weights(fx)
    n_rows, n_columns = (n - 1 for n in values.shape)
    total = np.zeros_like(fy)
    for n in range(4):
        for m in range(4):
            total += wy[n] * wx[m] * values[np.clip(y + n - 1, 0, n_rows), np.clip(x + m - 1, 0, n_columns)]
    return total


def _linear(values: Doubles, y: Indices, x: Indices, fy: Doubles, fx: Doubles) -> Doubles:
    upper = values[y, x] * (1 - fx) + values[y, x + 1] * fx
    lower = values[y + 1, x] * (1 - fx) + values[y + 1, x + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)
