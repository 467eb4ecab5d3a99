"""Local tone: a small picture of log luminance in, a smooth map of exposure corrections out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_TAPS: Floats = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)


def _blur_rows(plane: Floats) -> Floats:
    n = plane.shape[0]
    # Mirrored at the edges; two rows repeat them.
    at = np.arange(-2, n + 2)
    p = plane[(n - 1) - np.abs((n - 1) - np.abs(at)) if n > 2 else np.clip(at, 0, n - 1)]
    sides = _TAPS[0] * (p[0:n] + p[4 : n + 4]) + _TAPS[1] * (p[1 : n + 1] + p[3 : n + 3])
    return np.asarray(sides + _TAPS[2] * plane, np.float32)


def _down(plane: Floats) -> Floats:
    rows = _blur_rows(plane)[::2]
    return np.ascontiguousarray(_blur_rows(rows.swapaxes(0, 1))[::2].swapaxes(0, 1))


def _up_rows(plane: Floats, n: int) -> Floats:
    p = np.concatenate([plane[:1], plane, plane[-1:]])
    out = np.empty((2 * plane.shape[0], *plane.shape[1:]), np.float32)
    out[0::2] = (p[:-2] + 6 * p[1:-1] + p[2:]) / 8
    out[1::2] = (p[1:-1] + p[2:]) / 2
    return out[:n]


def _up(plane: Floats, shape: tuple[int, int]) -> Floats:
    rows = _up_rows(plane, shape[0])
    return np.ascontiguousarray(_up_rows(rows.swapaxes(0, 1), shape[1]).swapaxes(0, 1))


def local_laplacian(log2_y: Floats, sigma_ev: float, beta: float, coarse_beta: float) -> Floats:
    """Edge-aware range compression (Paris, Hasinoff & Kautz 2011; fast form of Aubry et al. 2014).

    Parameters
    ----------
    log2_y
        [h, w], stops.
    sigma_ev
        Differences below this are detail and kept; larger ones are edges.
    beta
        Share of an edge that is kept.
    coarse_beta
        Share of the differences of the coarsest level (areas of a fifth of the picture) that is kept.

    Notes
    -----
    The remapping g + beta d + (1 - beta) d exp(-d^2 / 2 sigma^2) is smooth, so that few levels g suffice (one a sigma).
    Cost O(h w range / sigma).
    """
    gaussian = [log2_y]
    while min(gaussian[-1].shape) > 8:
        gaussian.append(_down(gaussian[-1]))
    low, high = float(log2_y.min()), float(log2_y.max())
    n = max(2, int(np.ceil((high - low) / sigma_ev)) + 1)
    levels = np.linspace(low, max(high, low + 1e-3), n)
    step = levels[1] - levels[0]
    result = [np.zeros_like(g) for g in gaussian[:-1]]
    for g in levels:
        d = log2_y - np.float32(g)
        kept = np.exp(d * d * np.float32(-0.5 / sigma_ev**2))
        mapped = np.float32(g) + d * (np.float32(beta) + np.float32(1 - beta) * kept)
        for k in range(len(result)):
            coarse = _down(mapped)
            near = np.maximum(1 - np.abs(gaussian[k] - np.float32(g)) / np.float32(step), 0)
            result[k] += near * (mapped - _up(coarse, mapped.shape))
            mapped = coarse
    middle = float(np.median(gaussian[-1]))
    out = np.float32(middle) + np.float32(coarse_beta) * (gaussian[-1] - np.float32(middle))
    for band in reversed(result):
        out = band + _up(out, band.shape)
    return np.asarray(out, np.float32)


def box(plane: npt.NDArray[np.floating], radius: int) -> Floats:
    """Mean over a (2 radius + 1)^2 window, edges repeated."""
    for axis in (0, 1):
        p = np.pad(plane, [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        total = np.cumsum(p, axis=axis, dtype=np.float64)
        n, r = plane.shape[axis], 2 * radius + 1
        plane = ((np.take(total, range(r, r + n), axis) - np.take(total, range(n), axis)) / r).astype(np.float32)
    return np.asarray(plane, np.float32)


def as_linear_model(log2_y: Floats, gain_ev: Floats, radius: int = 2, eps: float = 0.02) -> Floats:
    """gain = a log2(Y) + b around every node (guided filter, He et al. 2010), float32 [h, w, 2].

    Between nodes a and b are smooth, so that the gain follows the full picture's edges though it was found on a small
    one.
    """
    mean_l, mean_g = box(log2_y, radius), box(gain_ev, radius)
    cov = box(log2_y * gain_ev, radius) - mean_l * mean_g
    var = np.maximum(box(log2_y * log2_y, radius) - mean_l * mean_l, 0)
    a = np.clip(cov / (var + np.float32(eps)), -0.9, 0.5)
    b = mean_g - a * mean_l
    return np.ascontiguousarray(np.stack([box(a, radius), box(b, radius)], 2), np.float32)


def local_contrast(log2_y: Floats, gain: float, scale: float, floor: float) -> Floats:
    """Change of a, b of `as_linear_model`, float32 [h, w, 2], that raises structures finer than a scale.

    Parameters
    ----------
    gain
        Share by which they grow, in stops.
    scale
        Their size, as share of the longer side.
    floor
        Light below which there is noise rather than structure: there nothing is raised.

    Notes
    -----
    The gain is of l less its own guided filter (He et al. 2010): edges of more than half a stop belong to the filtered
    picture, so that they grow no halo.
    """
    radius = max(1, round(scale * max(log2_y.shape)))
    mean = box(log2_y, radius)
    var = np.maximum(box(log2_y * log2_y, radius) - mean * mean, 0)
    kept = var / (var + np.float32(0.5**2))
    a, b = box(kept, radius), box((1 - kept) * mean, radius)
    seen = np.clip((log2_y - np.float32(np.log2(floor))) / 3, 0, 1)
    k = np.float32(gain) * box(seen, 1)
    return np.ascontiguousarray(np.stack([k * (1 - a), -k * b], 2), np.float32)
