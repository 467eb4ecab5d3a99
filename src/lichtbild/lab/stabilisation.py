"""Gain of a stabiliser in stops, in the way of ISO 20954-1:2019 (CIPA DC-X011).

Many shots of an edge at each exposure time, with and without stabilisation. The smear beyond the edge's own width grows
with the time; the longest time at which it stays below 63 um on a 24 x 36 mm frame is found for both, and the gain is
log2 of their ratio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO 20954-1:2019, 6 (threshold 63 um on 24 x 36 mm)"
THRESHOLD_UM = 63.0
FULL_FRAME_MM = 36.0
# An edge smeared evenly over L rises from 10 % to 90 % over 0.8 L.
SHARE = 0.8
N_BOOTSTRAPS = 400

Widths = Mapping[float, Sequence[float]]


@dataclass(frozen=True)
class Stabilisation:
    """Result of two series.

    Parameters
    ----------
    exposure_s
        [n] of each series: {"off": ..., "on": ...}.
    smear_um
        [n] mean smear on a 24 x 36 mm frame, per series.
    longest_s
        Exposure time at the threshold, per series; NaN where it is not reached.
    figures
        `stabilisation.stops`, `stabilisation.longest_off`, `longest_on`.
    """

    exposure_s: dict[str, Floats]
    smear_um: dict[str, Floats]
    longest_s: dict[str, float]
    figures: tuple[Figure, ...]


def measure_stabilisation(
    off: Widths, on: Widths, still_width_px: float, picture_width_px: int, seed: int = 0
) -> Stabilisation:
    """Stops that a stabiliser gains.

    Parameters
    ----------
    off, on
        {exposure time, s: 10-to-90-% widths of the edge (`sfr.edge_width_10_90`), px, one a shot} without and with it.
    still_width_px
        The same width from a tripod.
    picture_width_px
        Long side of the picture: 36 mm of the frame.
    seed
        Of the bootstrap.

    Notes ----- ISO 20954-1:2019. Smear = sqrt(w^2 - w0^2) / 0.8 (the length of an even smear), scaled by 36 mm /
    picture width; mean over the shots; log-log interpolation to 63 um. Deviations: the camera is moved by whatever
    moved it (the standard: a vibration generator with a certified waveform), the edge's own width is taken off in
    squares (the standard's offset is linear), shots are counted one by one for the interval (bootstrap over shots,
    400 draws).
    """
    series = {"off": off, "on": on}
    scale = FULL_FRAME_MM * 1000 / picture_width_px
    smears = {
        name: {t: _smear(np.asarray(widths, np.float64), still_width_px) * scale for t, widths in sorted(data.items())}
        for name, data in series.items()
    }
    exposure = {name: np.array(list(data)) for name, data in smears.items()}
    mean = {name: np.array([float(v.mean()) for v in data.values()]) for name, data in smears.items()}
    longest = {name: _longest(exposure[name], mean[name]) for name in series}
    rng = np.random.default_rng(seed)
    drawn = np.array([[_longest(exposure[n], _redrawn(smears[n], rng)) for n in series] for _ in range(N_BOOTSTRAPS)])
    figures = [_figure_of_time(name, longest[name], drawn[:, k]) for k, name in enumerate(series)]
    missing = [f for f in figures if f.value is None]
    if missing:
        stops = Figure.missing("stabilisation.stops", "EV", CLAUSE, "; ".join(f.note for f in missing))
    else:
        gains = np.log2(drawn[:, 1] / drawn[:, 0])
        gains = gains[np.isfinite(gains)]
        value = float(np.log2(longest["on"] / longest["off"]))
        low, high = (float(v) for v in np.quantile(gains, (0.025, 0.975)))
        stops = Figure("stabilisation.stops", value, "EV", min(low, value), max(high, value), CLAUSE)
    return Stabilisation(exposure, mean, longest, (stops, *figures))


def _smear(widths: Floats, still: float) -> Floats:
    """Of each shot, px; noise may make a width smaller than the still one's: that counts as negative."""
    square = widths**2 - still**2
    return np.asarray(np.sign(square) * np.sqrt(np.abs(square)) / SHARE)


def _redrawn(data: Mapping[float, Floats], rng: np.random.Generator) -> Floats:
    return np.array([float(rng.choice(v, v.size).mean()) for v in data.values()])


def _longest(exposure_s: Floats, smear_um: Floats) -> float:
    """Time at which the smear passes the threshold for good; NaN if it does not within the series."""
    above = smear_um > THRESHOLD_UM
    if not above.any() or above.all() or not above[-1]:
        return float("nan")
    k = int(np.flatnonzero(~above).max()) + 1
    low, high = max(float(smear_um[k - 1]), 1e-3), float(smear_um[k])
    share = np.log(THRESHOLD_UM / low) / np.log(high / low)
    return float(np.exp(np.log(exposure_s[k - 1]) + share * np.log(exposure_s[k] / exposure_s[k - 1])))


def _figure_of_time(name: str, value: float, drawn: Floats) -> Figure:
    full = f"stabilisation.longest_{name}"
    if not np.isfinite(value):
        why = f"the series '{name}' does not pass {THRESHOLD_UM:g} um: its exposure times are all too short or too long"
        return Figure.missing(full, "s", CLAUSE, why)
    known = drawn[np.isfinite(drawn)]
    low, high = (float(v) for v in np.quantile(known, (0.025, 0.975)))
    return Figure(full, value, "s", min(low, value), max(high, value), CLAUSE)
