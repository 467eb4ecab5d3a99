"""White from the picture itself, without learning: several old estimators, held by what lights the camera can meet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.camera import ColourCalibration
from lichtbild.core.frame import Frame

Floats = npt.NDArray[np.float64]


def plausible_lights(calibration: ColourCalibration) -> tuple[Floats, Floats]:
    """Log camera ratios (ln r/g, ln b/g) [n, 2] of lights from 2300 K to 11000 K and tint -15 to 45, and their prior
    [n].

    The prior is broad: daylight (4500-7500 K) and lamps (2700-3200 K, 4000 K) are all common.
    """
    from lichtbild.stages import colour

    points, prior = [], []
    for mired in np.linspace(90, 435, 24):
        for tint in np.linspace(-15, 45, 9):
            xy = cs.kelvin_tint_to_xy(1e6 / mired, float(tint))
            white = colour.at_white(calibration, xy).xyz_to_camera @ cs.xy_to_xyz(xy)
            if np.all(white > 0):
                points.append((np.log(white[0] / white[1]), np.log(white[2] / white[1])))
                off_locus = (tint - 8.0) / 18.0
                extreme = max(0.0, 120.0 - mired, mired - 400.0) / 40.0
                prior.append(np.exp(-0.5 * (off_locus**2 + extreme**2)))
    return np.asarray(points), np.asarray(prior)


def _minkowski(channels: Floats, weight: Floats, p: float) -> Floats:
    mean = (weight[:, None] * channels**p).sum(0) / weight.sum()
    return np.asarray(np.maximum(mean, 1e-12) ** (1.0 / p))


def estimate_neutral(proxy: Frame, calibration: ColourCalibration) -> tuple[float, float, float]:
    """Camera RGB of white, green = 1, of a small CAMERA_RGB picture [h, w, 3].

    Shades of grey (Finlayson & Trezzi 2004, p = 4), grey edge (van de Weijer et al. 2007) and the brightest unclipped
    cells vote; a likelihood of near-grey cells over the lights the calibration allows decides between them. Clipped
    cells and cells within the noise have no vote. Fails where one colour fills the picture.
    """
    rgb = np.maximum(np.asarray(proxy.pixels, np.float64), 0.0)
    gain = proxy.gain_at_full_size() * proxy.saturation
    sigma = np.sqrt(proxy.variance())
    valid = np.all((rgb < 0.95 * gain) & (rgb > 4.0 * sigma) & (rgb > 1e-4), axis=2)
    points, prior = plausible_lights(calibration)
    if valid.sum() < 16:
        r, b = np.exp(np.average(points, axis=0, weights=prior))
        return float(r), 1.0, float(b)
    cells = rgb[valid]
    level = cells.sum(1)
    top = np.percentile(level, 97)
    dy = np.abs(np.diff(rgb, axis=0, append=rgb[-1:]))
    dx = np.abs(np.diff(rgb, axis=1, append=rgb[:, -1:]))
    even = np.ones(len(cells))
    votes = [
        _minkowski(cells, even, 4.0),
        _minkowski((dx + dy)[valid] + 1e-9, even, 2.0),
        _minkowski(cells, (level >= top).astype(np.float64), 1.0),
    ]
    log_votes = np.array([(np.log(v[0] / v[1]), np.log(v[2] / v[1])) for v in votes])

    log_cells = np.stack([np.log(cells[:, 0] / cells[:, 1]), np.log(cells[:, 2] / cells[:, 1])], 1)
    step = max(1, len(cells) // 4000)
    distance2 = ((log_cells[::step, None] - points[None]) ** 2).sum(2)
    weight = np.minimum(level[::step] / top, 1.0)
    grey = (weight[:, None] * np.exp(-distance2 / (2 * 0.06**2))).sum(0) / weight.sum()
    vote = np.exp(-((log_votes[:, None] - points[None]) ** 2).sum(2) / (2 * 0.18**2)).mean(0)
    score = (grey + 0.02) * (vote + 0.02) * (prior + 0.01)
    share = (score / score.max()) ** 4
    r, b = np.exp((share[:, None] * points).sum(0) / share.sum())
    return float(r), 1.0, float(b)
