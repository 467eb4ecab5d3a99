"""The resampling of `kernel.py` in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.lens.resampling import PHASES, RIM, TAPS, weights_at

Floats = npt.NDArray[np.float32]
STEP = 16


def lens_warp(
    planes: Floats, width: int, height: int, start: int, first: int, grid: Floats, series: Floats, out: Floats
) -> None:
    """Same arguments as the kernel: planes [n * 3 * (W + 48)], grid [.., .., 3, 3], polynomials of the weights (unused:
    the weights are taken from their definition), out [h, w, 3], written in place."""
    _warp(planes, (width, height, start, first), grid, None, out)


def lens_warp_shared(
    planes: Floats, width: int, height: int, start: int, first: int, grid: Floats, series: Floats, out: Floats
) -> None:
    """The same with the displacement of plane 0 for all planes."""
    alike = grid.copy()
    alike[:, :, 1:, :2] = grid[:, :, :1, :2]
    _warp(planes, (width, height, start, first), alike, None, out)


def lens_warp_far(
    planes: Floats, width: int, height: int, start: int, first: int, grid: Floats, across: Floats, down: Floats,
    out: Floats,
) -> None:  # fmt: skip
    """The same at the nearest of 256 places between two pixels, the two weight tables unused; out [h, w * 3]."""
    pixels = np.empty((out.shape[0], out.shape[1] // 3, 3), out.dtype)
    _warp(planes, (width, height, start, first), grid, PHASES, pixels)
    out[...] = pixels.reshape(out.shape)


def _warp(planes: Floats, where: tuple[int, int, int, int], grid: Floats, n_places: int | None, out: Floats) -> None:
    width, height, start, first = where
    shape = out.shape[:2]
    for plane in range(3):
        source = planes.reshape(-1, 3, width + 2 * RIM)[:, plane, RIM : RIM + width].astype(np.float64)
        dx, dy, gain = (at_pixels(grid[:, :, plane, value].astype(np.float64), shape, value < 2)
                        for value in range(3))  # fmt: skip
        if n_places:
            dx, dy = (np.floor(d * n_places + 0.5) / n_places for d in (dx, dy))
        x, y = np.floor(dx), np.floor(dy)
        across, down = (weights_at((d - whole).ravel()).reshape(*shape, TAPS) for d, whole in ((dx, x), (dy, y)))
        x, y = np.arange(shape[1]) + x.astype(np.intp), (np.arange(shape[0]) + first)[:, None] + y.astype(np.intp)
        total = np.zeros(shape)
        for n in range(TAPS):
            row = np.clip(y - 2 + n, 0, height - 1) - start  # the border's pixel repeats
            for m in range(TAPS):
                column = np.clip(x - 2 + m, 0, width - 1)
                total += down[..., n] * across[..., m] * source[row, column]
        out[:, :, plane] = total * gain


def at_pixels(nodes: npt.NDArray[np.float64], shape: tuple[int, int], is_curved: bool) -> npt.NDArray[np.float64]:
    """Values at pixel centres from nodes every 16 px, the first at -16: linear, or the parabola through four nodes."""
    rows = _along(nodes, shape[0], is_curved)
    return _along(rows.T, shape[1], is_curved).T


def _along(nodes: npt.NDArray[np.float64], length: int, is_curved: bool) -> npt.NDArray[np.float64]:
    i = np.arange(length) // STEP
    t = ((np.arange(length) % STEP + 0.5) / STEP)[:, None]
    before, here, after, beyond = (nodes[i + n] for n in range(4))
    straight = here + (after - here) * t
    bend = (here + after - before - beyond) / 4
    return np.asarray(straight + bend * t * (1 - t) if is_curved else straight)


def lens_warp_single(values: Floats, height: int, start: int, first: int, grid: Floats, out: Floats) -> None:
    """Same arguments as the kernel: values [n, W] along the displacement of plane 1, bilinear, into out [h, w]."""
    width = values.shape[1]
    dx, dy = (at_pixels(grid[:, :, 1, value].astype(np.float64), out.shape, True) for value in range(2))
    x = np.clip(np.arange(out.shape[1]) + dx, 0, width - 1)
    y = np.clip(np.arange(first, first + out.shape[0])[:, None] + dy, 0, height - 1)
    column, row = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
    fx, fy = x - column, y - row
    row = row - start
    upper = values[row, column] * (1 - fx) + values[row, column + 1] * fx
    lower = values[row + 1, column] * (1 - fx) + values[row + 1, column + 1] * fx
    out[...] = upper * (1 - fy) + lower * fy
