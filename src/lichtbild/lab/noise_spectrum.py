"""Which frequencies noise has: its power spectrum, and how far neighbours go together. A sensor's noise is white, one
that was smoothed is not, and a small standard deviation alone does not tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import ShapeError
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.float64]

CLAUSE = "ISO 15739:2023, annex; Wiener and Khinchin"


@dataclass(frozen=True, eq=False)
class NoiseSpectrum:
    """Of one even patch.

    Parameters
    ----------
    frequency_cy_px
        float64 [n], middles of rings.
    power
        float64 [n]: variance a unit of frequency area, (units of the picture)^2 px^2; white noise has variance
        everywhere.
    correlation
        (across, down): of neighbours at one px.
    variance
        Of the pixels.
    """

    frequency_cy_px: Floats
    power: Floats
    correlation: tuple[float, float]
    variance: float

    @property
    def figures(self) -> list[Figure]:
        """Correlation of neighbours, the share of noise that smoothing took, and the noise of large areas."""
        high = self.power[(self.frequency_cy_px > 0.35) & (self.frequency_cy_px < 0.5)].mean()
        low = self.power[(self.frequency_cy_px > 0.03) & (self.frequency_cy_px < 0.12)].mean()
        return [
            Figure.exact("noise.correlation_across", self.correlation[0], "", CLAUSE, "0 for a sensor's noise"),
            Figure.exact("noise.correlation_down", self.correlation[1], "", CLAUSE, "0 for a sensor's noise"),
            Figure.exact("noise.spectrum_slope", 10 * float(np.log10(high / low)), "dB", CLAUSE,
                         "power at 0.35 to 0.5 cy/px over that at 0.03 to 0.12: below -3 dB noise was smoothed, "
                         "above 3 dB it was sharpened"),
        ]  # fmt: skip


def noise_spectrum(patch: npt.NDArray[Any], n_rings: int = 24) -> NoiseSpectrum:
    """Spectrum of an even patch [h, w], a parabola of uneven light taken out.

    Halves of a patch at least 32 px wide are windowed (Hann) and their periodograms averaged (Welch 1967).

    Raises
    ------
    ShapeError
        If it is smaller than 32 x 32.
    """
    patch = np.asarray(patch, np.float64)
    if patch.ndim != 2 or min(patch.shape) < 32:
        raise ShapeError(f"a patch of {list(patch.shape)}", where="patch", hint="32 x 32 px or more")
    y, x = (g / max(g.max(), 1) - 0.5 for g in np.indices(patch.shape).astype(np.float64))
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    flat = patch.ravel()
    rest = (flat - basis @ np.linalg.lstsq(basis, flat, rcond=None)[0]).reshape(patch.shape)
    side = 1 << int(np.log2(min(min(patch.shape), 64)))
    window = np.outer(np.hanning(side + 2)[1:-1], np.hanning(side + 2)[1:-1])
    norm = float(np.sum(window**2))
    total, count = np.zeros((side, side)), 0
    for top in range(0, patch.shape[0] - side + 1, side // 2):
        for left in range(0, patch.shape[1] - side + 1, side // 2):
            block = rest[top : top + side, left : left + side]
            total += np.abs(np.fft.fft2(block * window)) ** 2 / norm
            count += 1
    power = total / count
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    edges = np.linspace(0, 0.5, n_rings + 1)
    which = np.digitize(radius.ravel(), edges) - 1
    inside = (which >= 0) & (which < n_rings) & (radius.ravel() > 1.5 / side)
    counts = np.bincount(which[inside], minlength=n_rings)
    rings = np.bincount(which[inside], power.ravel()[inside], n_rings)
    seen = counts > 0
    variance = float(np.mean(rest**2))
    safe = max(variance, 1e-30)
    correlation = (float(np.mean(rest[:, 1:] * rest[:, :-1])) / safe, float(np.mean(rest[1:] * rest[:-1])) / safe)
    return NoiseSpectrum(((edges[:-1] + edges[1:]) / 2)[seen], rings[seen] / counts[seen], correlation, variance)
