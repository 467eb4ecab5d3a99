"""The resampling of `kernel.py` in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.lens.resampling import PHASES, TAPS, taps

Floats = npt.NDArray[np.float32]
STEP = 16
PAD = 8


def lens_warp(
    planes: Floats,
    width: int,
    height: int,
    start: int,
    first: int,
    grid: Floats,
    across: Floats,
    down: Floats,
    out: Floats,
) -> None:
    """Same arguments as the kernel: planes [n * 3 * (W + 8)], grid [.., .., 3, 3], the two weight tables (unused: the
    weights are taken from their definition), out [h, w * 3], written in place."""
    shape = (out.shape[0], out.shape[1] // 3)
    weights = taps()
    for plane in range(3):
        source = planes.reshape(-1, 3, width + PAD)[:, plane].astype(np.float64)
        dx, dy, gain = (at_pixels(grid[:, :, plane, value].astype(np.float64), shape, value < 2)
                        for value in range(3))  # fmt: skip
        x = np.arange(shape[1]) * PHASES + np.floor(dx * PHASES + 0.5).astype(np.intp)
        y = (np.arange(shape[0]) + first)[:, None] * PHASES + np.floor(dy * PHASES + 0.5).astype(np.intp)
        total = np.zeros(shape)
        for n in range(TAPS):
            row = np.clip((y >> 8) - 2 + n, 0, height - 1) - start  # the border's pixel repeats
            for m in range(TAPS):
                column = np.clip((x >> 8) - 2 + m, 0, width - 1)
                total += weights[y & 255, n] * weights[x & 255, m] * source[row, column]
        out[:, plane::3] = total * gain


def lens_warp_shared(
    planes: Floats,
    width: int,
    height: int,
    start: int,
    first: int,
    grid: Floats,
    across: Floats,
    down: Floats,
    out: Floats,
) -> None:
    """The same with the displacement of plane 0 for all planes."""
    alike = grid.copy()
    alike[:, :, 1:, :2] = grid[:, :, :1, :2]
    lens_warp(planes, width, height, start, first, alike, across, down, out)


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
