"""White from the picture itself, without learning: three estimators of different kind, held by the lights there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.camera import ColourCalibration
from lichtbild.core.frame import Frame

Floats = npt.NDArray[np.float64]


def plausible_lights(calibration: ColourCalibration) -> tuple[Floats, Floats]:
    """Log camera ratios (ln r/g, ln b/g) [n, 2] of lights from 2000 K to 11000 K and tint -15 to 45, and their prior
    [n].

    The prior is broad: daylight (4500-7500 K) and lamps (2700-3200 K, 4000 K) are all common.
    """
    from lichtbild.stages import colour

    points, prior = [], []
    for mired in np.linspace(90, 500, 28):
        for tint in np.linspace(-15, 45, 9):
            xy = cs.kelvin_tint_to_xy(1e6 / mired, float(tint))
            white = colour.at_white(calibration, xy).xyz_to_camera @ cs.xy_to_xyz(xy)
            if np.all(white > 0):
                points.append((np.log(white[0] / white[1]), np.log(white[2] / white[1])))
                off_locus = (tint - 8.0) / 18.0
                extreme = max(0.0, 120.0 - mired, mired - 440.0) / 40.0
                prior.append(np.exp(-0.5 * (off_locus**2 + extreme**2)))
    return np.asarray(points), np.asarray(prior)


GREYEST = 0.01
"""Share of the cells that are taken for grey by `greyness`."""
ENDS = 0.035
"""Share of the darkest and of the brightest cells that tell the principal direction."""
TOLERANCE = {True: 0.04, False: 0.15}
"""Distance in log ratios to the plausible lights up to which an estimate is believed; with a calibration of the camera,
and without."""


def _binomial(plane: Floats) -> Floats:
    """Five binomial taps along both axes, about a Gaussian of 1 px; edges repeated."""
    for axis in (0, 1):
        p = np.pad(plane, [(2, 2) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
        n = plane.shape[axis]
        taps = [np.take(p, range(k, k + n), axis) for k in range(5)]
        plane = (taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]) / 16
    return plane


def _detail(plane: Floats) -> Floats:
    """Laplacian of the smoothed plane."""
    smooth = _binomial(plane)
    p = np.pad(smooth, 1, mode="edge")
    return np.asarray(p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * smooth)


def shades_of_grey(cells: Floats) -> Floats:
    """Log ratios (r/g, b/g) of the Minkowski mean with p = 4 (Finlayson & Trezzi 2004)."""
    mean = np.maximum((cells**4).mean(0), 1e-24) ** 0.25
    return np.array([np.log(mean[0] / mean[1]), np.log(mean[2] / mean[1])])


def principal_direction(cells: Floats) -> Floats:
    """Log ratios of the first axis of the cells nearest to and farthest from black along their mean colour (Cheng,
    Prasad & Brown 2014)."""
    order = np.argsort(cells @ cells.mean(0))
    n = max(8, int(ENDS * len(order)))
    ends = np.concatenate([cells[order[:n]], cells[order[-n:]]])
    axis = np.maximum(np.abs(np.linalg.eigh(ends.T @ ends)[1][:, -1]), 1e-6)
    return np.array([np.log(axis[0] / axis[1]), np.log(axis[2] / axis[1])])


def greyness(rgb: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    """Log ratios of the cells whose structure is least coloured (grayness index, Qian et al. 2019).

    Where light changes over a grey surface, all channels change by one factor: the Laplacian of the log of each
    channel's share is 0. Cells without structure do not tell.
    """
    safe = np.maximum(rgb, 1e-6)
    total = np.log(safe.sum(2))
    red, green, blue = (np.log(safe[..., k]) for k in range(3))
    has_structure = np.all([np.abs(_detail(channel)) > 1e-3 for channel in (red, green, blue)], axis=0) & valid
    if has_structure.sum() < 32:
        return shades_of_grey(rgb[valid])
    coloured = np.hypot(_detail(red - total), _detail(blue - total))
    coloured = np.where(has_structure, coloured, coloured[has_structure].max())
    coloured = _binomial(_binomial(_binomial(coloured)))
    coloured[~has_structure] = np.inf
    n = min(max(10, int(GREYEST * coloured.size)), int(has_structure.sum()))
    mean = rgb.reshape(-1, 3)[np.argsort(coloured, axis=None)[:n]].mean(0)
    return np.array([np.log(mean[0] / mean[1]), np.log(mean[2] / mean[1])])


def _agreed(votes: Floats) -> Floats:
    """Geometric median (Weiszfeld): one estimator that errs does not draw the others along."""
    middle = np.median(votes, axis=0)
    for _ in range(20):
        weight = 1 / (np.hypot(*(votes - middle).T) + 0.02)
        middle = (weight[:, None] * votes).sum(0) / weight.sum()
    return np.asarray(middle)


def _held(estimate: Floats, points: Floats, tolerance: float) -> Floats:
    """An estimate farther from every light there is than the tolerance is drawn there by four fifths of the rest."""
    nearest = points[np.argmin(np.square(points - estimate).sum(1))]
    distance = float(np.hypot(*(estimate - nearest)))
    if distance <= tolerance:
        return estimate
    return np.asarray(nearest + (estimate - nearest) * (tolerance + 0.2 * (distance - tolerance)) / distance)


def estimate_neutral(proxy: Frame, calibration: ColourCalibration) -> tuple[float, float, float]:
    """Camera RGB of white, green = 1, of a small CAMERA_RGB picture [h, w, 3].

    Three estimators that err in different scenes: shades of grey, the principal direction of bright and dark cells, and
    the greyest structure; their geometric median, held near the lights that the camera's calibration knows. Clipped
    cells and cells within the noise have no vote. Fails where one colour fills the picture and nothing in it is grey.
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
    votes = np.stack([shades_of_grey(cells), principal_direction(cells), greyness(rgb, valid)])
    is_calibrated = proxy.info.camera.colour is not None
    r, b = np.exp(_held(_agreed(votes), points, TOLERANCE[is_calibrated]))
    return float(r), 1.0, float(b)
