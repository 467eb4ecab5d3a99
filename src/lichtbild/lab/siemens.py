"""MTF from a sine Siemens star (ISO 12233:2023, 7 and its annex on the star): eight segments, each a direction.

Along a circle of radius r the star is a sine of n cycles, so its frequency is n / (2 pi r). A sine of just that
frequency is fitted to the pixels of every ring and segment; its amplitude over its mean is the modulation, and over
the star's own modulation the MTF. The fit is weighed by no neighbour and no bin: every pixel counts at its own angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.encoding import Encoding, linearised
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 12233:2023, 7 (s-SFR, sine Siemens star)"
N_SEGMENTS = 8
RING_PX = 2.0
LEAST_PIXELS = 24
MOST_CLIPPED = 0.01


@dataclass(frozen=True)
class Star:
    """A star in a picture.

    Parameters
    ----------
    centre
        (row, column), px, to a twentieth of the radius; it is refined.
    radius_px
        Outer radius.
    n_cycles
        Around the circle: 144 of the standard's star.
    modulation
        (bright - dark) / (bright + dark) of the star itself, if known from its print; None: what the outermost tenth
        shows counts as 1.
    """

    centre: tuple[float, float]
    radius_px: float
    n_cycles: int = 144
    modulation: float | None = None


@dataclass(frozen=True)
class StarSfr:
    """Result of a star.

    Parameters
    ----------
    frequency_cy_px
        [n], rising.
    mtf, deviation
        [8, n]: segments from the right, turning from +x to +y (clockwise in the picture); NaN where the ring leaves the
        picture.
    centre
        (row, column) as refined.
    figures
        `star.mtf50`, `star.mtf10` of the mean, and `star.segment_K.mtf50`.
    finding
        Why there are none.
    """

    frequency_cy_px: Floats
    mtf: Floats
    deviation: Floats
    centre: tuple[float, float]
    figures: tuple[Figure, ...]
    finding: str = ""

    @property
    def mean(self) -> Floats:
        """MTF over the segments, [n]."""
        return np.asarray(np.nanmean(self.mtf, axis=0)) if self.mtf.size else np.zeros(0)


def measure_star(picture: Floats, star: Star, encoding: Encoding = "linear", white: float | None = None) -> StarSfr:
    """MTF in eight directions.

    Parameters
    ----------
    picture
        [H, W], one channel.
    star
        Where it lies and what it is.
    encoding
        Tone curve of the pixels.
    white
        Value at which pixels are clipped; None: nowhere.

    Raises
    ------
    ShapeError
        If the picture is no plane.

    Notes ----- ISO 12233:2023, clause 7. Deviations: rings are 2 px wide and hold every pixel (the standard leaves
    the number of radii open); a gradient of light across a segment is fitted with the sine; the noise's share of the
    squared amplitude is taken off. Frequencies whose period on the ring is under 2 px are left out. Cost: 60 ns a
    pixel of the star.
    """
    if picture.ndim != 2:
        raise ShapeError(f"a star is measured in one channel, [h, w], not {list(picture.shape)}", where="picture")
    if white is not None and float(np.mean(_inside(picture, star) >= white)) > MOST_CLIPPED:
        return _nothing(star, "the star's bright spokes are clipped")
    linear = linearised(picture, encoding)
    inner = star.n_cycles / (2 * np.pi * 0.5)
    if star.radius_px < 1.5 * inner:
        return _nothing(
            star,
            f"the star is too small: {star.n_cycles} cycles need a radius of {1.5 * inner:.0f} px, "
            f"it has {star.radius_px:.0f}",
        )
    centre = _centred(linear, star)
    if centre is None:
        return _nothing(star, "no star of this number of cycles is at this place")
    radii = np.arange(inner, star.radius_px - RING_PX / 2, RING_PX)[::-1]
    modulation, deviation = _rings(linear, centre, star.n_cycles, radii)[:2]
    own = star.modulation
    if own is None:
        own = float(np.nanmean(modulation[:, : max(3, radii.size // 10)]))
    frequency = star.n_cycles / (2 * np.pi * radii)
    mtf, deviation = modulation / own, deviation / own
    return StarSfr(frequency, mtf, deviation, centre, _figures(frequency, mtf, deviation))


def _inside(picture: Floats, star: Star) -> Floats:
    r, c, reach = *star.centre, star.radius_px
    rows = slice(max(int(r - reach), 0), int(r + reach) + 1)
    return np.asarray(picture[rows, max(int(c - reach), 0) : int(c + reach) + 1])


def _centred(linear: Floats, star: Star) -> tuple[float, float] | None:
    """The centre at which the phases of all segments agree, by Gauss-Newton from the outer rings inwards."""
    row, column = star.centre
    for share in (0.97, 0.9, 0.75, 0.6, 0.5, 0.5):
        radius = share * star.radius_px - RING_PX
        if radius < star.n_cycles / (2 * np.pi * 0.45):
            break
        radii = radius - RING_PX * np.arange(3)
        modulation, _, phasor = _rings(linear, (row, column), star.n_cycles, radii)
        good = np.isfinite(modulation)
        if good.sum() < 9 or float(np.median(modulation[good])) < 0.01:
            return None
        middle = 2 * np.pi * (np.arange(N_SEGMENTS) + 0.5) / N_SEGMENTS
        whole = np.nansum(phasor)
        phase = np.angle(phasor * np.conj(whole))
        # A shift of the centre by (dx, dy) turns the angle seen from it by (dx sin - dy cos) / r.
        tilt = star.n_cycles / radii
        design = np.stack(
            [
                (np.sin(middle)[:, None] * tilt)[good],
                (-np.cos(middle)[:, None] * tilt)[good],
                np.ones((N_SEGMENTS, radii.size))[good],
            ],
            axis=1,
        )
        (dx, dy, _), *_ = np.linalg.lstsq(design, phase[good], rcond=None)
        row, column = row + float(dy), column + float(dx)
    return row, column


def _rings(linear: Floats, centre: tuple[float, float], n_cycles: int, radii: Floats) -> tuple[Floats, Floats, Any]:
    """Modulation, its deviation and the complex amplitude, [8, n], of rings about `centre`."""
    modulation = np.full((N_SEGMENTS, radii.size), np.nan)
    deviation, phasor = modulation.copy(), np.full(modulation.shape, np.nan, complex)
    reach = float(radii.max()) + RING_PX
    r0, c0 = max(int(centre[0] - reach), 0), max(int(centre[1] - reach), 0)
    part = linear[r0 : int(centre[0] + reach) + 2, c0 : int(centre[1] + reach) + 2]
    y = np.arange(part.shape[0])[:, None] + r0 + 0.5 - centre[0]
    x = np.arange(part.shape[1])[None, :] + c0 + 0.5 - centre[1]
    distance, angle = np.hypot(y, x).ravel(), np.arctan2(y, x).ravel() % (2 * np.pi)
    values = part.ravel()
    order = np.argsort(distance)
    distance, angle, values = distance[order], angle[order], values[order]
    for k, radius in enumerate(radii):
        low, high = np.searchsorted(distance, [radius - RING_PX / 2, radius + RING_PX / 2])
        segment = (angle[low:high] * N_SEGMENTS / (2 * np.pi)).astype(np.intp) % N_SEGMENTS
        area = 2 * np.pi * radius * RING_PX / N_SEGMENTS
        for s in range(N_SEGMENTS):
            chosen = segment == s
            if chosen.sum() < max(LEAST_PIXELS, 0.95 * area):
                continue
            a, v = angle[low:high][chosen], values[low:high][chosen]
            modulation[s, k], deviation[s, k], phasor[s, k] = _sine(a, v, n_cycles)
    return modulation, deviation, phasor


def _sine(angle: Floats, value: Floats, n_cycles: int) -> tuple[float, float, complex]:
    """Least squares of mean, slope and one sine; amplitude over mean, its deviation, complex amplitude."""
    middle = float(angle.mean())
    design = np.stack([np.ones_like(angle), angle - middle, np.cos(n_cycles * angle), np.sin(n_cycles * angle)], axis=1)
    normal = design.T @ design
    found = np.linalg.solve(normal, design.T @ value)
    left = value - design @ found
    variance = float(left @ left) / max(value.size - 4, 1) * np.diag(np.linalg.inv(normal))
    mean = max(abs(float(found[0])), 1e-9)
    square = float(found[2] ** 2 + found[3] ** 2)
    amplitude = np.sqrt(max(square - float(variance[2] + variance[3]), 0.0))
    return float(amplitude / mean), float(np.sqrt(variance[2:].mean()) / mean), complex(found[2], -found[3])


def _figures(frequency: Floats, mtf: Floats, deviation: Floats) -> tuple[Figure, ...]:
    figures = []
    mean = np.nanmean(mtf, axis=0)
    n = np.maximum(np.isfinite(mtf).sum(0), 1)
    spread = np.sqrt(np.nansum(deviation**2, axis=0)) / n
    for name, level in (("mtf50", 0.5), ("mtf10", 0.1)):
        figures.append(_crossing(f"star.{name}", frequency, mean, spread, level))
    for s in range(N_SEGMENTS):
        figures.append(_crossing(f"star.segment_{s}.mtf50", frequency, mtf[s], deviation[s], 0.5))
    return tuple(figures)


def _crossing(name: str, frequency: Floats, mtf: Floats, deviation: Floats, level: float) -> Figure:
    """Where a parabola through the nine rings about the crossing has the level."""
    known = np.isfinite(mtf)
    f, m, d = frequency[known], mtf[known], deviation[known]
    if m.size < 9 or m[-1] > level:
        return Figure.missing(name, "cy/px", CLAUSE, f"the MTF does not fall to {level:g} within the star")
    smooth = np.convolve(m, np.ones(5) / 5, "same")
    smooth[:2], smooth[-2:] = m[:2], m[-2:]
    k = int(np.clip(np.argmax(smooth < level), 4, m.size - 5))
    near = slice(k - 4, k + 5)
    bend, slope, height = np.polyfit(f[near] - f[k], m[near] - level, 2)
    if slope >= 0:
        return Figure.missing(name, "cy/px", CLAUSE, f"the MTF does not fall at {level:g}")
    spread = float(np.sqrt(np.mean(d[near] ** 2) / 9)) / abs(slope)
    away = -height / slope
    for _ in range(4):
        away = away - (height + away * (slope + bend * away)) / (slope + 2 * bend * away)
    return Figure.within(name, float(f[k] + away), spread, "cy/px", CLAUSE)


def _nothing(star: Star, why: str) -> StarSfr:
    names = ["star.mtf50", "star.mtf10", *(f"star.segment_{s}.mtf50" for s in range(N_SEGMENTS))]
    figures = tuple(Figure.missing(name, "cy/px", CLAUSE, why) for name in names)
    return StarSfr(np.zeros(0), np.zeros((N_SEGMENTS, 0)), np.zeros((N_SEGMENTS, 0)), star.centre, figures, why)
