"""The kernels of denoising in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Floats = npt.NDArray[np.floating]

SIZE, STEP = 8, 4
# Rim that is computed beyond the picture, px: a multiple of the step, and more than enlarging reaches.
RIM = 16


def to_root(value: Floats, offset: float) -> Floats:
    """sqrt(value + offset), continued with its tangent below half the root of the offset."""
    root, knee = np.sqrt(offset), -0.75 * offset
    straight = 0.5 * root + (value - knee) / root
    return np.asarray(np.where(value > knee, np.sqrt(np.maximum(value, knee) + offset), straight))


def from_root(t: Floats, offset: float) -> Floats:
    """Inverse of `to_root`."""
    root = np.sqrt(offset)
    return np.asarray(np.where(t > 0.5 * root, t * t, (t - 0.25 * root) * root) - offset)


def shrink(q: Floats, cells: Floats, weight: Floats, strength: float) -> tuple[Floats, int]:
    """One part [H, W] shrunk on itself and a rim of RIM px; the result starts at row and column -RIM."""
    height, width = q.shape
    rows, columns = (-(-n // STEP) * STEP for n in (height, width))
    padded = np.pad(
        q, ((RIM + STEP, rows - height + RIM + SIZE), (RIM + STEP, columns - width + RIM + SIZE)), "symmetric"
    )
    blocks = sliding_window_view(padded, (SIZE, SIZE))[::STEP, ::STEP]
    before = RIM // STEP + 1
    more = np.pad(cells, ((before, before + 2), (before, before + 2)), "edge")
    around = more[:-1, :-1] + more[:-1, 1:] + more[1:, :-1] + more[1:, 1:]
    around = around[: blocks.shape[0], : blocks.shape[1], None, None] / 4

    n = np.arange(SIZE)
    cosine = np.cos(np.pi * (n + 0.5) * n[:, None] / SIZE) * np.sqrt(2 / SIZE)
    cosine[0] /= np.sqrt(2)
    window = np.sin(np.pi * (n + 0.5) / SIZE)
    spectrum = cosine @ blocks @ cosine.T
    power = spectrum**2 * weight
    # The mean is no part of the structure: its neighbour in the row stands for it.
    power[..., 0, 0] = power[..., 0, 1]
    mirrored = np.pad(power, ((0, 0), (0, 0), (1, 1), (1, 1)), "reflect")
    local = sliding_window_view(mirrored, (3, 3), (2, 3)).sum((-1, -2))
    gain = np.maximum(1 - 9 * strength * around / (local + 1e-20), 0)
    gain[..., 0, 0] = 1
    trust = 1 / (gain**2).sum((2, 3), keepdims=True)
    pixels = cosine.T @ (gain * spectrum) @ cosine * trust * np.outer(window, window)
    total, weights = np.zeros(padded.shape), np.zeros(padded.shape)
    for i in range(SIZE):
        for j in range(SIZE):
            place = slice(i, i + STEP * blocks.shape[0], STEP), slice(j, j + STEP * blocks.shape[1], STEP)
            total[place] += pixels[:, :, i, j]
            weights[place] += trust[:, :, 0, 0] * window[i] * window[j]
    inside = slice(STEP, -SIZE)
    return total[inside, inside] / weights[inside, inside], RIM


def raised(dealt: Floats, rim: int, coarse: Floats, height: int, width: int) -> Floats:
    """`dealt` (with its rim) whose coarse part is replaced: dealt + enlarged(coarse - halved(dealt))."""
    half = (dealt[0::2, 0::2] + dealt[1::2, 0::2] + dealt[0::2, 1::2] + dealt[1::2, 1::2]) / 4
    before = rim // 2
    after = [max(h - before - c, 0) for h, c in zip(half.shape, coarse.shape, strict=True)]
    more = np.pad(coarse, ((before, after[0]), (before, after[1])), "edge")
    change = more[: half.shape[0], : half.shape[1]] - half

    def enlarged(a: Floats) -> Floats:
        out = np.empty((2 * a.shape[0] - 4, a.shape[1]))
        out[0::2] = 0.75 * a[1:-1] + 0.25 * a[:-2]
        out[1::2] = 0.75 * a[1:-1] + 0.25 * a[2:]
        return out

    wide = enlarged(enlarged(change).T).T
    whole = dealt[2:-2, 2:-2] + wide
    return np.asarray(whole[rim - 2 : rim - 2 + height, rim - 2 : rim - 2 + width])


def denoise_thumbnail(
    mosaic: Floats, red_row: int, red_column: int, balance: Floats, offset: float, into: Floats, small: Floats
) -> None:
    """Parts at an eighth of the size from a mosaic; arguments as of the kernel."""
    rows, columns = small.shape[1:]

    def mean(row: int, column: int, factor: float) -> Floats:
        plane = to_root(mosaic[row::2, column::2] * factor, offset)
        plane = np.pad(plane, ((0, 4 * rows - plane.shape[0]), (0, 4 * columns - plane.shape[1])), "edge")
        return np.asarray(plane.reshape(rows, 4, columns, 4).mean((1, 3)))

    greens = [mean(red_row, 1 - red_column, balance[1]), mean(1 - red_row, red_column, balance[1])]
    red, blue = mean(red_row, red_column, balance[0]), mean(1 - red_row, 1 - red_column, balance[2])
    small[...] = np.moveaxis(np.stack([red, (greens[0] + greens[1]) / 2, blue], 2) @ into.T, 2, 0)


def denoise_frames(n_frames: Floats, usual: float, limit: float, out: Floats) -> None:
    """1 / frames in cells, the more where it is above the usual; arguments as of the kernel."""
    height, width = n_frames.shape
    rows, columns = out.shape
    inverse = np.pad(1 / np.maximum(n_frames, 1e-3), ((0, 4 * rows - height), (0, 4 * columns - width)), "edge")
    mean = inverse.reshape(rows, 4, columns, 4).mean((1, 3))
    out[...] = mean * np.clip(np.sqrt(mean / usual), 1, limit)


def denoise_scale(parts: Floats, coarse: Floats, cells: Floats, weight: Floats, strength: Floats, out: Floats) -> None:
    """One coarser scale; arguments as of the kernel (float32, [3, H, W] and the like)."""
    for c in range(3):
        dealt, rim = shrink(parts[c].astype(np.float64), cells[c], weight[c], float(strength[c]))
        out[c] = raised(dealt, rim, coarse[c, : -(-parts.shape[1] // 2)], *out.shape[1:])


def denoise_finest(
    rgb: Floats, balance: Floats, offset: float, into: Floats, back: Floats, coarse: Floats, cells: Floats,
    weight: Floats, strength: Floats, first: int, out: Floats,
) -> None:  # fmt: skip
    """The finest scale and the way back to light; arguments as of the kernel."""
    height, width = rgb.shape[:2]
    q = np.moveaxis(to_root(rgb.astype(np.float64) * balance, offset) @ into.T, 2, 0)
    result, lost = np.empty_like(q), np.empty_like(q)
    rows, columns = np.arange(height) // STEP, np.arange(width) // STEP
    for c in range(3):
        dealt, rim = shrink(q[c], cells[c], weight[c], float(strength[c]))
        # Whole cells of 4x4 px, beyond the border too.
        size = cells.shape[1] * STEP, cells.shape[2] * STEP
        whole = raised(dealt, rim, coarse[c, : -(-height // 2)], *size)
        rest = np.pad(q[c], ((0, size[0] - height), (0, size[1] - width)), "symmetric") - whole
        removed = (rest**2).reshape(size[0] // STEP, STEP, size[1] // STEP, STEP).mean((1, 3))
        result[c] = whole[:height, :width]
        lost[c] = np.minimum(removed, 2 * cells[c])[rows][:, columns]
    t = np.moveaxis(result, 0, 2) @ back.T
    # Noise of the parts is not correlated, so that its variances add up in each channel.
    added = np.moveaxis(lost, 0, 2) @ (back**2).T
    # Rows of the last step that lie beyond the picture stay as they are.
    light = ((from_root(t, offset) + added) / balance)[16 * first :][: len(out)]
    out[: len(light)] = light
