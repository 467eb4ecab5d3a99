"""The kernel of wiener in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
BLOCK, STEP, TILE = 16, 8, 32


def wiener_own(reference: F32, merged: F32, frames: F32, noise: F32, balance: F32, evidence: float, out: F32) -> None:
    """See kernel Kept; arguments in its order."""
    missed, _ = _missed(reference, merged, frames, noise, balance, evidence)
    height, width = merged.shape
    out[:] = merged + missed / balance[2 * (np.arange(height)[:, None] & 1) + (np.arange(width) & 1)]


def wiener_contradiction(
    reference: F32, merged: F32, frames: F32, noise: F32, balance: F32, evidence: float, out: F32
) -> None:
    """See kernel Contradiction; arguments in its order."""
    missed, single = _missed(reference, merged, frames, noise, balance, evidence, BLOCK // 2)
    h, w = out.shape
    square, of_one = (v[: 8 * h, : 8 * w].reshape(h, 8, w, 8).mean((1, 3)) for v in (missed**2, single))
    out[:] = square / of_one


def _missed(
    reference: F32, merged: F32, frames: F32, noise: F32, balance: F32, evidence: float, highest: int = BLOCK
) -> tuple[npt.NDArray[np.float64], F32]:
    """What the merge misses, balanced, and the variance of one frame."""
    difference, variance, single = _differences(reference, merged, frames, noise, balance)
    window = np.sin(np.pi / BLOCK * (np.arange(BLOCK) + 0.5))
    window2 = window[:, None] * window
    k = np.arange(BLOCK)
    cosine = np.sqrt(2 / BLOCK) * np.cos(np.pi / BLOCK * (k + 0.5) * k[:, None])
    cosine[0] /= np.sqrt(2)
    missed = np.zeros(difference.shape)
    for top in range(0, difference.shape[0] - BLOCK + 1, STEP):
        for left in range(0, difference.shape[1] - BLOCK + 1, STEP):
            part = np.s_[top : top + BLOCK, left : left + BLOCK]
            coefficient = cosine @ (window2 * difference[part]) @ cosine.T
            power = np.pad(coefficient**2, 1, mode="reflect")
            level = sum(power[i : i + BLOCK, j : j + BLOCK] for i in range(3) for j in range(3)) / 9
            asked = evidence * (window2**2 * variance[part]).mean()
            kept = coefficient * np.maximum(1 - asked / np.maximum(level, 1e-20), 0)
            kept[highest:], kept[:, highest:] = 0, 0
            missed[part] += window2 * (cosine.T @ kept @ cosine)
    height, width = merged.shape
    inside = np.s_[STEP : STEP + height, STEP : STEP + width]
    return missed[inside], single[inside]


def _differences(reference: F32, merged: F32, frames: F32, noise: F32, balance: F32) -> tuple[F32, F32, F32]:
    """Balanced differences, their variance and that of one frame, with a border for whole blocks."""
    height, width = merged.shape
    rows, columns = (_mirrored(np.arange(-STEP, -(-n // STEP) * STEP + STEP), n) for n in (height, width))
    site = 2 * (rows[:, None] & 1) + (columns & 1)
    of_tile = noise[rows[:, None] // TILE, columns // TILE]
    alpha, beta, clip = (np.take_along_axis(of_tile, site[..., None] + 4 * k, 2)[..., 0] for k in range(3))
    own, here = (m[rows[:, None], columns] * balance[site] for m in (reference, merged))
    n = frames[np.minimum(rows // 2, frames.shape[0] - 1)[:, None], np.minimum(columns // 2, frames.shape[1] - 1)]
    single = alpha * np.maximum(here, 0) + beta + 1e-10
    variance = single * (1 - 1 / np.maximum(n, 1)) + 1e-10
    found = np.where(own < clip, own - here, 0), variance, single
    return found[0].astype(np.float32), found[1].astype(np.float32), found[2].astype(np.float32)


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    """Inside the picture, an even number of pixels away: a site stays one of its colour."""
    last = length - 1
    low = index + 2 * ((1 - index) // 2)
    high = index - 2 * ((index - last + 1) // 2)
    return np.clip(np.where(index < 0, low, np.where(index > last, high, index)), 0, last)
