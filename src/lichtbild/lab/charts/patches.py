"""What a picture shows on the patches of a found chart: mean, noise, share of clipped pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.charts.find import FoundChart

Floats = npt.NDArray[np.float64]

# Of a patch's width and height: its rim is blur, flare and printing.
INNER_SHARE = 0.6
# A patch of which this share of pixels is at the end of the range says no colour.
CLIPPED_SHARE = 0.01
MIN_PIXELS = 9


@dataclass(frozen=True, eq=False)
class Patches:
    """Statistics of each patch.

    Parameters
    ----------
    mean, deviation
        float64 [n, C], in the picture's own units; the deviation of single pixels.
    n_pixels
        int [n].
    clipped
        float64 [n]: share of pixels with a channel at the upper end of the range, or with all at the lower. (One
        channel at the lower end is a colour at the border of the gamut.)
    """

    mean: Floats
    deviation: Floats
    n_pixels: npt.NDArray[np.intp]
    clipped: Floats

    @property
    def error(self) -> Floats:
        """Standard deviation of the means, [n, C]; neighbours taken for independent."""
        return np.asarray(self.deviation / np.sqrt(np.maximum(self.n_pixels, 1))[:, None])

    @property
    def is_good(self) -> npt.NDArray[np.bool_]:
        """Which patches can be used: enough pixels, not clipped."""
        return (self.n_pixels >= MIN_PIXELS) & (self.clipped < CLIPPED_SHARE)


def read_patches(
    picture: npt.NDArray[Any], chart: FoundChart, low: float, high: float, share: float = INNER_SHARE
) -> Patches:
    """The middle of every patch.

    Parameters
    ----------
    picture
        [H, W, C], any real type.
    chart
        Where it lies in this picture.
    low, high
        Ends of the range of `picture`: pixels at or beyond them are clipped.
    share
        Of each patch's width and height.
    """
    height, width, n_channels = picture.shape
    outlines, reference = chart.outlines_px(share), chart.reference
    n = reference.n
    mean, deviation = np.zeros((n, n_channels)), np.zeros((n, n_channels))
    count, clipped = np.zeros(n, np.intp), np.ones(n)
    half = np.array(chart.placement.patch) / 2 * share
    for index, (outline, centre) in enumerate(zip(outlines, reference.centres(), strict=True)):
        x0, y0 = np.maximum(np.floor(outline.min(0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(outline.max(0)).astype(int) + 1, [width, height])
        if x1 <= x0 or y1 <= y0:
            continue
        x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
        grid = chart.placement.to_grid(np.stack([x, y], -1))
        values = picture[y0:y1, x0:x1][(np.abs(grid - centre) < half).all(-1)]
        if len(values) == 0:
            continue
        clipped[index] = np.mean((values >= high).any(1) | (values <= low).all(1))
        exact = values.astype(np.float64)
        mean[index], deviation[index], count[index] = exact.mean(0), exact.std(0, ddof=len(exact) > 1), len(exact)
    return Patches(mean, deviation, count, clipped)
