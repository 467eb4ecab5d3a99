"""The kernels of the shrinkage in clear NumPy, the truth for their tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.frame import sample_gain_grid

Floats = npt.NDArray[np.floating]

SIDE, STEP = 16, 8
CERTAIN, LEAK = 25.0, 0.06
PARTS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


def to_root(value: Floats, offset: float) -> Floats:
    """Square root of value + offset, continued with its tangent below half the root of the offset."""
    root, knee = np.sqrt(offset), -0.75 * offset
    return np.asarray(
        np.where(value > knee, np.sqrt(np.maximum(value, knee) + offset), 0.5 * root + (value - knee) / root)
    )


def from_root(t: Floats, offset: float) -> Floats:
    """Inverse of `to_root`."""
    root = np.sqrt(offset)
    return np.asarray(np.where(t > 0.5 * root, t * t, (t - 0.25 * root) * root) - offset)


def reconstruct_noise(
    rgb: Floats, balance: Floats, alpha: Floats, beta: Floats, offset: float, gain: Floats, n_frames: Floats,
    least: float, out: Floats,
) -> None:  # fmt: skip
    """Variance of the noise of the three parts in cells of 4 x 4 px, [ceil(h / 4), 3, ceil(W / 4)]: of the root of
    balanced light, in the mean of `n_frames`, of which no more than their share in `least` is asked for."""
    rows, _, columns = out.shape
    height, width = rgb.shape[:2]
    y = np.minimum(np.arange(4 * rows), height - 1)
    x = np.minimum(np.arange(4 * columns), width - 1)

    def mean(plane: Floats) -> Floats:
        return np.asarray(plane[y][:, x].astype(np.float64).reshape(rows, 4, columns, 4).mean((1, 3)))

    frames = mean(n_frames)
    share = frames / np.maximum(frames, least) ** 2
    spatial = sample_gain_grid(gain, 4 * np.arange(rows) + 2.5, 4 * np.arange(columns) + 2.5)
    of_channel = []
    for m in range(3):
        s, g = np.maximum(mean(rgb[..., m]), 0), spatial[..., m]
        of_light = g * (alpha[m] * s + beta[m] * g) * share
        of_channel.append(balance[m] ** 2 * of_light / (4 * (balance[m] * s + offset)))
    out[:] = np.einsum("pm,myx->ypx", PARTS**2, np.stack(of_channel))


def _blocks(parts: Floats) -> Floats:
    """Blocks [3, b, u, 16, 16] every 8 px of planes [3, n, m], mirrored beyond the edge, from -8."""
    n, m = parts.shape[1:]
    rows = -(-n // STEP) * STEP + STEP
    columns = -(-m // STEP) * STEP + STEP
    padded = np.pad(parts, ((0, 0), (STEP, rows - n), (STEP, columns - m)), "symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    return np.asarray(windows[:, ::STEP, ::STEP])


def reconstruct_shrink(
    moved: Floats, pilot: Floats, balance: Floats, offset: float, cells: Floats, spectrum: Floats, boost: Floats,
    basis: Floats, level: float, above: int, out: Floats,
) -> None:  # fmt: skip
    """`moved` [n, 3, m], every coefficient of its parts taken `boost` times as far from the pilot's, and kept as far as
    that stands above the noise (`cells` [n / 8, 3, m / 8] times `spectrum` [16, 16]), or itself five times its standard
    deviation. What went is
    given back as the mean that the root took from it, no more than `level` times the cell's noise. From row `above`."""
    moved, pilot, cells = (np.moveaxis(v.astype(np.float64), 1, 0) for v in (moved, pilot, cells))
    n, m = moved.shape[1:]
    transform, window = basis[:SIDE].astype(np.float64), basis[SIDE].astype(np.float64)
    parts, before = (np.einsum("pc,cyx->pyx", PARTS, to_root(v, offset)) for v in (moved, pilot))
    block, known = (np.einsum("kr,pburs,ls->pbukl", transform, _blocks(q), transform) for q in (parts, before))
    apart = boost * (block - known)

    wide = np.pad(cells, ((0, 0), (1, 2), (1, 2)), "edge")
    b, u = block.shape[1:3]
    noise = np.mean([wide[:, i : i + b, j : j + u] for i in (0, 1) for j in (0, 1)], axis=0)[..., None, None]
    # A block's mean stays the pilot's, as far as it is not beyond doubt that it moves.
    mean = apart[..., :1, :1]
    mean *= np.maximum(mean**2 - CERTAIN * noise * spectrum[0, 0], 0) / (mean**2 + 1e-20)
    block = known + apart
    power = np.maximum(known**2, block**2 - CERTAIN * noise * np.maximum(spectrum, LEAK))
    gain = power / (power + noise * spectrum + 1e-20)
    gain[..., 0, 0] = 1
    trust = 1 / ((gain**2 * spectrum).sum((3, 4), keepdims=True) * noise + 1e-20)
    values = np.einsum("kr,pbukl,ls->pburs", transform, gain * block, transform) * np.outer(window, window) * trust

    total = np.zeros((3, STEP * (b + 1), STEP * (u + 1)))
    weight = np.zeros_like(total)
    for i in range(b):
        for j in range(u):
            at = np.s_[:, STEP * i : STEP * i + SIDE, STEP * j : STEP * j + SIDE]
            total[at] += values[:, i, j]
            weight[at] += np.outer(window, window) * trust[:, i, j]
    shrunk = (total / np.maximum(weight, 1e-30))[:, STEP:, STEP:]

    rows, columns = -(-n // STEP), -(-m // STEP)
    mirrored = np.pad(parts, ((0, 0), (0, STEP * rows - n), (0, STEP * columns - m)), "symmetric")
    rest = (mirrored - shrunk[:, : STEP * rows, : STEP * columns]) ** 2
    lost = rest.reshape(3, rows, STEP, columns, STEP).mean((2, 4))
    own = np.pad(cells, ((0, 0), (0, 1), (0, 1)), "edge")[:, :rows, :columns]
    of_sum, of_ends = 3 * own[0], 2 * own[1]
    share = np.minimum(lost, level * own).sum(0) / (of_sum + 1e-20)
    ends = share * of_ends / (balance[0] + balance[2])
    added = np.stack([ends * balance[0], share * np.maximum(of_sum - of_ends, 0), ends * balance[2]])
    added = added.repeat(STEP, 1).repeat(STEP, 2)[:, :n, :m]
    roots = np.einsum("pc,pyx->cyx", PARTS, shrunk[:, :n, :m])
    out[:] = np.moveaxis(from_root(roots, offset) + added, 0, 1)[above : above + len(out)]
