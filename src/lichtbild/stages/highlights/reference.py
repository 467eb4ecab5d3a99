"""Highlight reconstruction in clear NumPy. The fused kernel is `stages/tone/kernel.py`."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

AGREEMENT = 10.0
"""A tenth of relative difference to the surroundings halves the belief in them, twice that leaves a fifth."""
MOST = 1.5
"""How far above a single channel that is believed another may be predicted, as share of it."""
FADE_FROM = 0.6
"""Share of the clip level of the least exposed channel from which colour fades, where the two others are clipped."""


def smoothstep(low: float, high: float, x: npt.NDArray[np.floating]) -> Floats:
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
        [H, W, 7], see `surround_planes`.
    start, end
        Doubt, as share of `clip` (see `HighlightFacts`).

    Notes
    -----
    With w = camera_rgb / neutral, a doubted channel c is at least what was read. Beyond that

    - both others are believed: sqrt(w1 w2) h, with h the same relation in the surroundings, believed in as far as w1
    / w2
      agrees with the surroundings;
    - one other is believed: as bright as that one, or as the surroundings' colour predicts from it, if that prediction
      does not contradict the third channel, which is known to be above its clip level;
    - none: likewise, from the brighter prediction.

    A clipped green of a white cloud so becomes white, never magenta; the red of a sunset stays red, a blue sky blue.
    Where two channels are doubted and the third comes near its limit too, colour fades to white.
    """
    w = np.maximum(camera_rgb, 0) / neutral
    share = camera_rgb / clip
    doubt = smoothstep(start, end, share)
    limit = clip / neutral
    # ratio[c][u]: channel c over channel u in the surroundings.
    r, b, inverse_r, inverse_b = (surround[..., k] for k in range(4))
    ratio = ((1, r, r * inverse_b), (inverse_r, 1, inverse_b), (b * inverse_r, b, 1))
    sure = functools.partial(smoothstep, 0.75, 1.0)
    out = np.empty_like(w)
    for c, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        one, two, known_one, known_two = w[..., i], w[..., j], 1 - doubt[..., i], 1 - doubt[..., j]
        expected = two * ratio[i][j]
        disagreement = AGREEMENT * (one - expected) / (one + expected + np.float32(1e-6))
        both = np.sqrt(one * two) * (1 + (surround[..., 4 + c] - 1) / (1 + disagreement**2))
        from_one = one + sure(one * ratio[j][i] / limit[..., j]) * np.clip(one * (ratio[c][i] - 1), 0, MOST * one)
        from_two = two + sure(two * ratio[i][j] / limit[..., i]) * np.clip(two * (ratio[c][j] - 1), 0, MOST * two)
        guess = known_one * (known_two * both + (1 - known_two) * from_one)
        guess = guess + (1 - known_one) * (known_two * from_two + (1 - known_two) * np.maximum(from_one, from_two))
        out[..., c] = w[..., c] + doubt[..., c] * np.maximum(guess - w[..., c], 0)
    top = out.max(axis=2)
    fade = np.sort(doubt, axis=2)[..., 1] * smoothstep(FADE_FROM, 1.0, share.min(axis=2))
    out += fade[..., None] * (top[..., None] - out)
    # Negative values (noise around black) pass as they are.
    return np.asarray(np.where(camera_rgb < 0, camera_rgb, out * neutral), np.float32)


def surround_planes(log_ratios: Floats) -> Floats:
    """What `reconstruct` needs of ln(r/g), ln(b/g) [h, w, 2] of the surroundings, float32 [h, w, 7].

    r/g, b/g, g/r, g/b; then each channel's relation to the geometric mean of the others. A relation is held near 1
    where those others are alike: there white things are mistaken for their surroundings, green flowers would be the
    outcome.
    """
    r, b = log_ratios[..., 0], log_ratios[..., 1]
    relations = []
    for relation, others, low, high in (
        (r - b / 2, b, 0.6, 1.5),
        (-(r + b) / 2, r - b, 0.85, 1.1),
        (b - r / 2, r, 0.6, 1.5),
    ):
        apart = smoothstep(0.6, 1.4, np.abs(others))
        pure = smoothstep(0.4, 0.65, relation)
        relations.append(np.clip(np.exp(relation), low - 0.3 * apart, high + 2.5 * apart + 12 * pure))
    return np.ascontiguousarray(np.stack([np.exp(r), np.exp(b), np.exp(-r), np.exp(-b), *relations], 2), np.float32)
