"""Sharpening in clear NumPy. The fused kernel is `stages/tone/kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs

Floats = npt.NDArray[np.float32]

LUMA = cs.REC2020_TO_XYZ[1].astype(np.float32)
NOISE_GATE = 4.0
"""Detail of this many standard deviations of a pixel is believed by half."""
OVERSHOOT = 0.12
"""How far beyond the brightest and darkest neighbour a pixel may go, as share of their difference."""


def _filtered(plane: Floats, taps: Floats, axis: int) -> Floats:
    n = plane.shape[axis]
    out = taps[0] * plane
    for k in range(1, 4):
        for shift in (-k, k):
            index = np.clip(np.arange(n) + shift, 0, n - 1)
            out = out + taps[k] * np.take(plane, index, axis)
    return np.asarray(out, np.float32)


def sharpening_ratio(work_rgb: Floats, taps: Floats, noise: Floats, amount: float) -> Floats:
    """Factor [H, W] for every channel; `noise` [H, W, 2] as of `sharpen.noise_nodes` over `sharpen.counts`, at
    every pixel.

    In v = sqrt(Y), where photon noise is even: detail d = inverse filter of v, minus v. Gated by the noise sigma of v
    as d^5 / (d^4 + (gate sigma)^4), then held between the darkest and brightest of the 3 x 3 neighbours and a little
    more.
    """
    y = np.maximum(work_rgb @ LUMA, 0)
    v = np.sqrt(y + np.float32(1e-5))
    detail = _filtered(_filtered(v, taps, 1), taps, 0) - v
    variance = (y * noise[..., 0] + noise[..., 1]) / (4 * v * v)
    gate = NOISE_GATE**2 * variance + 1e-8
    power = detail**4
    detail = detail * power / (power + gate * gate) * np.float32(amount)
    padded = np.pad(v, 1, mode="edge")
    h, w = v.shape
    near = np.stack([padded[i : i + h, j : j + w] for i in range(3) for j in range(3)])
    low, high = near.min(0), near.max(0)
    room = np.float32(OVERSHOOT) * (high - low)
    sharp = np.clip(v + detail, low - room, high + room)
    ratio = np.clip(sharp, 0, None) / v
    return np.asarray(np.clip(ratio * ratio, 0.25, 4.0), np.float32)
