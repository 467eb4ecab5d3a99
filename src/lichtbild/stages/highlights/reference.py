"""Highlight reconstruction in clear NumPy. The fused kernel is `stages/tone/kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((x - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def reconstruct(
    camera_rgb: Floats, clip: Floats, neutral: Floats, surround: Floats, start: float, end: float
) -> Floats:
    """Rebuild clipped channels.

    Parameters
    ----------
    camera_rgb
        [H, W, 3], not white-balanced.
    clip
        [H, W, 3], value at which each pixel's channel saturates.
    neutral
        [3], camera RGB of white, green = 1.
    surround
        [H, W, 5], see `surround_planes`.
    start, end
        Doubt, as share of `clip` (see `HighlightFacts`).

    Notes
    -----
    With w = camera_rgb / neutral, a doubted channel c is at least what was read, and probably sqrt(w1 w2) h: the
    geometric mean of the other two, times h, the same relation in the surroundings. h is believed in as far as w1 /
    w2 agrees with the surroundings. A clipped green of a white cloud so becomes white, never magenta; the red of a
    sunset stays red. Where two channels are doubted and the third comes near its limit too, colour fades to white.
    """
    w = np.maximum(camera_rgb, 0) / neutral
    share = camera_rgb / clip
    doubt = smoothstep(start, end, share)
    rho = np.stack([surround[..., 0], np.ones_like(surround[..., 0]), surround[..., 1]], 2)
    out = np.empty_like(w)
    for c, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        ahead, behind = w[..., i] * rho[..., j], w[..., j] * rho[..., i]
        disagreement = 8 * (ahead - behind) / (ahead + behind + np.float32(1e-6))
        trust = (1 - doubt[..., i]) * (1 - doubt[..., j]) / (1 + disagreement**2)
        # A partner that is clipped itself is at least as bright as the other.
        brighter = np.maximum(w[..., i], w[..., j])
        one = w[..., i] + doubt[..., i] * (brighter - w[..., i])
        two = w[..., j] + doubt[..., j] * (brighter - w[..., j])
        guess = np.sqrt(one * two) * (1 + trust * (surround[..., 2 + c] - 1))
        out[..., c] = w[..., c] + doubt[..., c] * np.maximum(guess - w[..., c], 0)
    top = out.max(axis=2)
    fade = np.median(doubt, axis=2) * smoothstep(0.4, 1.0, share.min(axis=2))
    out += fade[..., None] * (top[..., None] - out)
    # Negative values (noise around black) pass as they are.
    return np.asarray(np.where(camera_rgb < 0, camera_rgb, out * neutral), np.float32)


def surround_planes(log_ratios: Floats) -> Floats:
    """From ln(r/g), ln(b/g) [h, w, 2] of the surroundings: r/g, b/g, and for each channel its relation to the
    geometric mean of the others, held within what keeps a guess plausible (green least of all may leave the middle);
    float32 [h, w, 5]."""
    r, b = log_ratios[..., 0], log_ratios[..., 1]
    relations = [np.clip(np.exp(r - b / 2), 0.6, 1.8), np.clip(np.exp(-(r + b) / 2), 0.85, 1.1)]
    relations.append(np.clip(np.exp(b - r / 2), 0.6, 1.8))
    return np.ascontiguousarray(np.stack([np.exp(r), np.exp(b), *relations], 2), np.float32)
