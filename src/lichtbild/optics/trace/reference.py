"""The twin of the kernel, in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

MISSED, REFLECTED, VIGNETTED = 1, 2, 3
NEWTON_STEPS = 8
CONVERGED_MM = 1e-12


def refract(rays: Float64, surface: Float64) -> Float64:
    """float64 [8, N] -> float64 [8, N]: see the kernel `optics_refract`, which says what `surface` [37] holds."""
    rotation, origin = surface[:9].reshape(3, 3), surface[9:12]
    curvature, conic, before, behind, free = surface[12:17]
    p, d = rotation @ (rays[:3] - origin[:, None]), rotation @ rays[3:6]

    def profile(at: Float64) -> tuple[Float64, Float64, Float64]:
        u = at[0] ** 2 + at[1] ** 2
        r = np.sqrt(u)
        under = 1 - (1 + conic) * curvature**2 * u
        root = np.sqrt(np.maximum(under, 1e-12))
        sag, slope_over_r = curvature * u / (1 + root), curvature / root
        for m, (even, odd) in enumerate(zip(surface[17:27], surface[27:37], strict=True), 1):
            sag = sag + even * u**m + odd * u**m * r
            slope_over_r = slope_over_r + 2 * m * even * u ** (m - 1) + (2 * m + 1) * odd * u ** (m - 1) * r
        return sag, slope_over_r, under

    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        t = -p[2] / d[2]
        x0, y0 = p[0] + t * d[0], p[1] + t * d[1]
        b = d[2] - curvature * (x0 * d[0] + y0 * d[1])
        q = curvature * (x0**2 + y0**2)
        inside = b**2 - curvature * (1 + conic * d[2] ** 2) * q
        t = t + np.where(inside > 0, q / (b + np.where(d[2] < 0, -1, 1) * np.sqrt(np.maximum(inside, 0))), 0)
        for _ in range(NEWTON_STEPS):
            at = p + t * d
            sag, slope, _ = profile(at)
            t = t - (at[2] - sag) / (d[2] - slope * (at[0] * d[0] + at[1] * d[1]))
        at = p + t * d
        sag, slope, under = profile(at)
        is_met = (np.abs(at[2] - sag) < CONVERGED_MM) & (under > 0)

        normal = np.stack([-slope * at[0], -slope * at[1], np.ones_like(slope)])
        normal /= np.sqrt((normal**2).sum(0))
        ratio = before / behind
        cos_in = (d * normal).sum(0)
        cos_out_squared = 1 - ratio**2 * (1 - cos_in**2)
        passes = cos_out_squared >= 0
        cos_out = np.where(cos_in < 0, -1, 1) * np.sqrt(np.maximum(cos_out_squared, 0))
        turned = ratio * d + (cos_out - ratio * cos_in) * normal

    out = np.empty_like(rays)
    out[:3], out[2], out[3:6], out[6] = at, sag, turned, rays[6] + before * t
    out[:7, ~(is_met & passes)] = np.nan
    is_beyond = at[0] ** 2 + at[1] ** 2 > free**2
    reason = np.select([~is_met, ~passes, is_beyond], [MISSED, REFLECTED, VIGNETTED], 0)
    out[7] = np.where(rays[7] > 0, rays[7], reason)
    return out
