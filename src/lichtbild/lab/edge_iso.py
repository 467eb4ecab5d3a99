"""The spatial frequency response of a slanted edge, step by step as ISO 12233:2023 (6.3 and annex D) has it.

What the standard leaves open is taken as its reference implementation has it: a Tukey window (alpha = 1) about the edge
of each row in the second pass, four bins a pixel, empty bins filled from their neighbours, a Tukey window about the
centroid of the line-spread function, and the response of the three-point derivative divided out. The width of a bin is
not corrected: the standard does not either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_shape import NoEdge

Floats = npt.NDArray[np.floating[Any]]
WindowName = Literal["tukey", "hamming"]

BINS = 4
MOST_CORRECTION = 10.0


@dataclass(frozen=True)
class IsoSfr:
    """Result of the standard's steps.

    Parameters
    ----------
    frequency_cy_px
        [n], along the normal of the edge, 0 to 2 cy/px.
    sfr
        [n], 1 at 0.
    curve
        Polynomial of the edge, highest power first: column over row, px.
    esf_px, esf
        Centres of the quarter-pixel bins along the row, and their means.
    """

    frequency_cy_px: Floats
    sfr: Floats
    curve: Floats
    esf_px: Floats
    esf: Floats

    @property
    def angle_rad(self) -> float:
        """Mean slope of the edge against the columns."""
        return float(np.arctan(self.curve[-2])) if self.curve.size > 1 else 0.0


def iso_sfr(values: Floats, order: int = 5, window: WindowName = "tukey") -> IsoSfr:
    """e-SFR of a region with its edge from top to bottom.

    Parameters
    ----------
    values
        float [h, w], linear in light (step 1 of the standard, the inverse OECF, is the caller's).
    order
        Of the polynomial through the edge: 5 in the 2023 edition, 1 before.
    window
        Tukey in the 2023 edition, Hamming before.

    Raises
    ------
    NoEdge
        If the rows' centroids do not lie on a curve within the region.
    """
    height, width = values.shape
    rows, columns = np.arange(height), np.arange(width)
    change = np.zeros((height, width))
    change[:, 1:] = np.diff(values, axis=1) / 2
    change[:, 0] = change[:, 1]
    if change.sum() < 0:
        change = -change
    first = _window(width, (width - 1) / 2, window)
    curve = _curve(rows, _centroids(change * first, columns), min(order, 1))
    for _ in range(2):
        at = np.polyval(curve, rows)
        if not (np.all(at > 0) and np.all(at < width - 1)):
            raise NoEdge("the edge leaves the region at its side")
        about = np.stack([_window(width, place + 0.5, window) for place in at])
        curve = _curve(rows, _centroids(change * (0.95 * about + 0.05), columns), order)
    slope = float(np.polyfit(rows, np.polyval(curve, rows), 1)[0])
    # A whole number of phases: every phase of the sampling has as many rows.
    if abs(slope) > 1 / height:
        height = max(round(np.floor(height * abs(slope)) / abs(slope)), 1)
        height = min(height, values.shape[0])
    esf = _binned(values[:height], np.polyval(curve, rows[:height]), np.polyval(curve, 0.0))
    return _transformed(esf, window, slope, curve)


def _centroids(change: Floats, columns: Floats) -> Floats:
    """Of each row's derivative, moved by the half sample between its two pixels."""
    total = change.sum(1)
    total = np.where(np.abs(total) < 1e-12, 1e-12, total)
    return np.asarray((change * columns).sum(1) / total - 0.5)


def _curve(rows: Floats, places: Floats, order: int) -> Floats:
    if not np.all(np.isfinite(places)):
        raise NoEdge("a row has no centroid")
    middle = rows.mean()
    scaled = np.polynomial.Polynomial.fit(rows, places, min(order, rows.size - 1))
    spread = float(np.std(places - scaled(rows)))
    if spread > 0.25 * rows.size + 20:
        raise NoEdge(f"the rows' centroids scatter by {spread:.0f} px about {middle:.0f}")
    return np.asarray(scaled.convert().coef[::-1])


def _window(n: int, centre: float, name: WindowName) -> Floats:
    """Symmetric about `centre`, as wide as its farther end asks for."""
    reach = max(centre, n - 1 - centre)
    u = np.clip((np.arange(n) - centre) / max(reach, 1e-9), -1, 1)
    pedestal = 0.54 if name == "hamming" else 0.5
    return np.asarray(pedestal + (1 - pedestal) * np.cos(np.pi * u))


def _binned(values: Floats, at: Floats, origin: float) -> Floats:
    """Pixels projected along the edge into quarters of a pixel, float64 [BINS * w]."""
    width = values.shape[1]
    n = BINS * width
    place = np.arange(width)[None, :] - (at - origin)[:, None]
    index = np.ceil(place * BINS).astype(np.intp)
    inside = (index >= 0) & (index < n)
    counts = np.bincount(index[inside], minlength=n)
    sums = np.bincount(index[inside], values[inside], minlength=n)
    filled = counts > 0
    esf = np.where(filled, sums / np.maximum(counts, 1), 0.0)
    known = np.flatnonzero(filled)
    return np.asarray(np.interp(np.arange(n), known, esf[known]))


def _transformed(esf: Floats, window: WindowName, slope: float, curve: Floats) -> IsoSfr:
    n = esf.size
    lsf = np.empty(n)
    lsf[1:-1] = (esf[2:] - esf[:-2]) / 2
    lsf[0], lsf[-1] = lsf[1], lsf[-2]
    if lsf.sum() < 0:
        lsf = -lsf
    at = np.arange(n)
    weighed = lsf * _window(n, (n - 1) / 2, window)
    centre = float((weighed * at).sum() / weighed.sum())
    lsf = lsf * _window(n, centre, window)
    spectrum = np.abs(np.fft.fft(lsf))[: n // 2 + 1]
    along_row = BINS * np.arange(n // 2 + 1) / n
    correction = np.ones(n // 2 + 1)
    phase = 2 * np.pi * along_row[1:] / BINS
    with np.errstate(divide="ignore"):
        correction[1:] = np.minimum(np.abs(phase / np.sin(phase)), MOST_CORRECTION)
    sfr = spectrum / spectrum[0] * correction
    # Distances along the row are longer than along the normal.
    cosine = 1 / np.sqrt(1 + slope * slope)
    kept = along_row <= 2.0
    return IsoSfr(
        along_row[kept] / cosine,
        sfr[kept],
        curve,
        (np.arange(n) + 0.5) / BINS - 0.5 / BINS - centre / BINS,
        esf,
    )
