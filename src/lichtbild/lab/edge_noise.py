"""The noise about an edge: variance on either side, and how far it is correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lichtbild.core import NoiseModel
from lichtbild.lab.edge_samples import EdgeSamples, Lattice

Floats = npt.NDArray[np.floating[Any]]

# Rounding of float32 pixels near 1, squared: below it there is nothing to weigh.
LEAST_VARIANCE = 1e-14


@dataclass(frozen=True)
class EdgeNoise:
    """Variance = alpha * signal + beta; `correlation` is how many times the noise of a mean of many pixels exceeds
    (in variance) that of white noise: 1 on a raw, more after demosaicing or denoising."""

    alpha: float
    beta: float
    correlation: float = 1.0

    @classmethod
    def of_model(cls, noise: NoiseModel, channel: int = 0) -> Self:
        """From the noise that travels with a frame."""
        reach = noise.correlation_px
        return cls(noise.alpha[channel], noise.beta[channel], max(1.0, 4 * np.pi * reach * reach))

    def variance(self, signal: Floats) -> Floats:
        """Of pixels whose noise-free value is `signal`."""
        return np.maximum(self.alpha * signal + self.beta, LEAST_VARIANCE)

    @classmethod
    def measured(cls, d: Floats, value: Floats, samples: EdgeSamples, total_sigma_px: float, reach_px: float) -> Self:
        """From both sides, a plane (level and slopes) taken off each.

        Parameters
        ----------
        d, value
            Distances from the edge and pixels, [n], in the order of `samples.flat()`.
        """
        clear = 3.5 * total_sigma_px + 1.5
        levels, variances = [], []
        white = np.full(value.shape, np.nan)
        x, y, _ = samples.flat()
        for side in (d < -clear, d > clear):
            chosen = side & (np.abs(d) < reach_px)
            if chosen.sum() < 40:
                chosen = side
            if chosen.sum() < 12:
                continue
            plane = np.column_stack([np.ones(int(chosen.sum())), x[chosen] - x.mean(), y[chosen] - y.mean()])
            fitted, *_ = np.linalg.lstsq(plane, value[chosen], rcond=None)
            left = value[chosen] - plane @ fitted
            levels.append(float(value[chosen].mean()))
            variances.append(float(np.sum(left * left) / (left.size - 3)))
            white[chosen] = left / max(float(np.sqrt(variances[-1])), 1e-300)
        if not levels:
            return cls(0.0, LEAST_VARIANCE)
        correlation = _correlation(white, samples)
        if len(levels) < 2:
            return cls(0.0, max(variances[0], LEAST_VARIANCE), correlation)
        alpha = (variances[1] - variances[0]) / (levels[1] - levels[0])
        beta = variances[0] - alpha * levels[0]
        return cls(alpha, beta, correlation)


def _correlation(noise: Floats, samples: EdgeSamples) -> float:
    """Sum of the autocorrelation over lags to 2 samples; values that chance explains count as 0."""
    start, sums = 0, []
    for lattice in samples.lattices:
        n = lattice.values.size
        sums.append(_lattice_correlation(noise[start : start + n].reshape(lattice.values.shape), lattice))
        start += n
    return float(np.mean(sums))


def _lattice_correlation(noise: Floats, lattice: Lattice) -> float:
    valid = np.isfinite(noise)
    filled = np.where(valid, noise, 0.0)
    power = float(np.sum(filled**2)) / max(int(valid.sum()), 1)
    if power <= 0:
        return 1.0
    total, reach = 1.0, 2
    for down in range(reach + 1):
        for right in range(-reach, reach + 1):
            if (down, right) <= (0, 0):
                continue
            h, w = noise.shape
            if down >= h or abs(right) >= w:
                continue
            here = (slice(0, h - down), slice(max(0, -right), w - max(0, right)))
            there = (slice(down, h), slice(max(0, right), w + min(0, right)))
            n = int(np.sum(valid[here] & valid[there]))
            if n < 30:
                continue
            rho = float(np.sum(filled[here] * filled[there])) / n / power
            if abs(rho) > 3 / np.sqrt(n):
                total += 2 * rho
    return float(np.clip(total, 1.0, 20.0))
