"""A dead-leaves target: discs of every size over one another, the statistics of nature (ISO/TS 19567-2).

Radii have the density r^-3 between two limits, grey levels are uniform, later discs hide earlier ones: the power
spectrum falls about as the square of the frequency and looks the same at every scale. The target is known to the pixel,
which the cross-spectrum (`texture`) needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def dead_leaves(
    side: int,
    seed: int = 1,
    least_radius: float = 3.0,
    most_radius: float | None = None,
    mean: float = 0.5,
    contrast: float = 0.6,
    oversampling: int = 2,
) -> Floats:
    """A target, float32 [side, side], reflectances in mean * (1 - contrast) ... mean * (1 + contrast).

    Parameters
    ----------
    side
        Pixels of the target; a camera should see it with about a quarter of them each way.
    seed
        The same seed makes the same target.
    least_radius, most_radius
        px; the largest is a sixth of the side unless stated.
    mean, contrast
        Of the reflectance.
    oversampling
        Subpixels each way that the discs' borders are drawn with.

    Notes
    -----
    Discs are thrown from the front to the back until the target is full, so that what is hidden is not drawn.
    Cost: 2 s for 1024 px.
    """
    rng = np.random.default_rng(seed)
    n = side * oversampling
    low, high = least_radius * oversampling, (most_radius or side / 6) * oversampling
    picture = np.zeros((n, n), np.float32)
    is_empty = np.ones((n, n), bool)
    n_empty, thrown = n * n, 0
    while n_empty and thrown < 400:
        thrown += 1
        count = 2000
        radii = 1 / np.sqrt(rng.uniform(1 / high**2, 1 / low**2, count))
        rows, columns = rng.uniform(-high, n + high, (2, count))
        greys = rng.uniform(1 - contrast, 1 + contrast, count) * mean
        for r, y, x, grey in zip(radii, rows, columns, greys, strict=True):
            y0, y1 = max(int(y - r), 0), min(int(y + r) + 2, n)
            x0, x1 = max(int(x - r), 0), min(int(x + r) + 2, n)
            if y0 >= y1 or x0 >= x1:
                continue
            free = is_empty[y0:y1, x0:x1]
            if not free.any():
                continue
            disc = (np.arange(y0, y1)[:, None] - y) ** 2 + (np.arange(x0, x1)[None, :] - x) ** 2 <= r * r
            disc &= free
            picture[y0:y1, x0:x1][disc] = grey
            free[disc] = False
        n_empty = int(is_empty.sum())
    picture[is_empty] = mean
    return np.asarray(picture.reshape(side, oversampling, side, oversampling).mean((1, 3)), np.float32)
