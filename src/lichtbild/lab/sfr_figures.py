"""Numbers out of a fitted edge, each with its interval: crossings of the MTF, overshoot, width."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_fit import EdgeFit
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 12233:2023, 6 (e-SFR)"
DEVIATION = "edge by likelihood through the pixel instead of 6.3.4 to 6.3.6 (quarter-pixel bins, window, derivative)"
FREQUENCIES = np.arange(0, 101) * 0.01


def falling(frequency: Floats, mtf: Floats, level: float, after: int = 0) -> float | None:
    """Where `mtf` first falls through `level` behind index `after`, by straight lines; None if it does not."""
    below = np.flatnonzero(mtf[after:] < level)
    if below.size == 0 or below[0] + after == 0:
        return None
    k = int(below[0]) + after
    share = (mtf[k - 1] - level) / (mtf[k - 1] - mtf[k])
    return float(frequency[k - 1] + share * (frequency[k] - frequency[k - 1]))


def crossing(fit: EdgeFit, prefix: str, name: str, mtf: Floats, level: float, widened: float, peak: int = 0) -> Figure:
    """A frequency at which the MTF falls to `level`; a part of the peak where `peak` is its index."""
    full = f"{prefix}.{name}"
    coarse = falling(FREQUENCIES, mtf, level, peak)
    if coarse is None:
        return Figure.missing(full, "cy/px", CLAUSE, f"the MTF does not fall to {level:.2f} below 1 cy/px")
    step = 1e-3
    about = np.array([coarse - 5 * step, coarse - step, coarse, coarse + step, coarse + 5 * step, FREQUENCIES[peak]])
    near, root = fit.transfer(about)
    exact = falling(about[:5], near[:5], level)
    slope = float(near[3] - near[1]) / (2 * step)
    if exact is None or slope >= 0:
        exact, slope = coarse, min(slope, -1e-3)
    share = level / near[5] if peak else 0.0
    spread = widened * float(np.linalg.norm(root[2] - share * root[5])) / abs(slope)
    return Figure.within(full, exact, spread, "cy/px", CLAUSE, DEVIATION)


def of_edge(fit: EdgeFit, prefix: str, widened: float) -> list[Figure]:
    """Overshoot, undershoot and width of the edge-spread function."""
    reach = min(16.0, *fit.reach_px)
    d = np.arange(-reach, reach + 0.01, 0.05)
    edge = fit.edge(d)
    over, under = max(float(edge.max()) - 1, 0.0), max(-float(edge.min()), 0.0)
    # Levels are known to this, and an extreme cannot be better known than its level.
    n_half = max(fit.n_pixels / 2, 1)
    variance = fit.noise.variance(np.array(fit.levels)) * fit.noise.correlation / n_half
    spread = 100 * widened * 2 * float(np.sqrt(variance.max())) / abs(fit.levels[1] - fit.levels[0])
    crossings = []
    for level in (0.1, 0.9):
        k = int(np.argmax(edge > level))
        crossings.append(d[k - 1] + (level - edge[k - 1]) / (edge[k] - edge[k - 1]) * 0.05 if k else d[0])
    clause = "ISO 12233:2023, annex on edge spread (10 % to 90 %)"
    return [
        Figure.within(f"{prefix}.overshoot", 100 * over, spread, "%", "after ISO 12233:2023, 3 (edge spread)"),
        Figure.within(f"{prefix}.undershoot", 100 * under, spread, "%", "after ISO 12233:2023, 3 (edge spread)"),
        Figure.exact(f"{prefix}.edge_width_10_90", crossings[1] - crossings[0], "px", clause),
    ]
