"""What a Gaussian leaves of an edge, as smooth and as large as the pixels say (see `edge_fit`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_model import Departures

if TYPE_CHECKING:
    from lichtbild.lab.edge_shape import Shape

Floats = npt.NDArray[np.floating[Any]]

BIN_PX = 1 / 16
# Standard deviation of the residual line-spread function over the Gaussian's peak, 0 included apart.
SIZES = np.geomspace(0.002, 2.0, 19)
# Correlation lengths in standard deviations of the whole blur.
LENGTHS = (0.6, 1.0, 1.7)
# Odds that there is no residual at all, before the pixels are asked.
NONE_AT_ALL = 0.5
# Of log evidence: what is left out weighs less than 1e-4.
NEGLIGIBLE = 9.2


@dataclass(frozen=True)
class Found:
    """Average over all sizes and lengths, weighed by their evidence.

    Parameters
    ----------
    departures
        Line-spread functions beside the Gaussian's.
    parts
        (grown, widened px, moved px, *weights), [3 + k]: see `edge_fit.EdgeFit`.
    covariance
        Of `parts`.
    shape_step
        How the shape's parameters move, [p].
    freedom
        Effective number of parameters of the departures.
    """

    departures: Departures
    parts: Floats
    covariance: Floats
    shape_step: Floats
    freedom: float


def departures_of(d: Floats, left: Floats, weight: Floats, jacobian: Floats, shape: Shape) -> Found:
    """What an edge has beside its Gaussian.

    Parameters
    ----------
    d
        Distances of the pixels, [n].
    left
        What the Gaussian model leaves, [n], units of the picture.
    weight
        1 / variance, [n].
    jacobian
        Derivatives of the model in the shape's parameters, [n, p].
    shape
        As it is.
    """
    departures = _departures_for(shape, float(-d.min()), float(d.max()))
    normal = _Normal.of(d, left, weight, jacobian, departures, shape.step)
    return _averaged(normal, departures, shape)


def _departures_for(shape: Shape, dark_px: float, bright_px: float) -> Departures:
    total = shape.total_sigma_px
    spacing = float(np.clip(0.5 * total, 0.25, 1.5))
    wished = max(6.0, 6 * total)
    low = int(min(wished, dark_px - 1) / spacing)
    high = int(min(wished, bright_px - 1) / spacing)
    return Departures(spacing * np.arange(-low, high + 1), spacing, (1.5 * total, 5 * total), shape.angle_rad)


@dataclass(frozen=True)
class _Normal:
    """Normal equations: shape's parameters (J) and splines (X)."""

    jj: Floats
    jx: Floats
    xx: Floats
    j_left: Floats
    x_left: Floats

    @classmethod
    def of(
        cls, d: Floats, left: Floats, weight: Floats, jacobian: Floats, departures: Departures, step: float
    ) -> _Normal:
        """The splines are smooth over a sixteenth of a pixel: sums per bin, the rest exact."""
        low = float(d.min())
        index = ((d - low) / BIN_PX).astype(np.intp)
        n = int(index.max()) + 1
        mass = np.bincount(index, weight, n)
        full = mass > 0
        safe = np.where(full, mass, 1.0)
        place = np.bincount(index, weight * d, n) / safe
        columns = step * departures.edges(place[full])
        weighed = jacobian * weight[:, None]
        sums = np.stack([np.bincount(index, column, n) for column in weighed.T], 1)[full]
        left_sums = np.bincount(index, weight * left, n)[full]
        return cls(
            weighed.T @ jacobian,
            sums.T @ columns,
            (columns * mass[full, None]).T @ columns,
            weighed.T @ left,
            columns.T @ left_sums,
        )


def _prior(departures: Departures, total: float, length: float) -> Floats:
    """Covariance of the weights for size 1: splines smooth over `length` and fading away from the edge; tails each."""
    at = departures.centres_px
    fade = 1 / (1 + (at / (2.5 * total)) ** 2)
    smooth = np.exp(-0.5 * ((at[:, None] - at[None, :]) / (length * total)) ** 2)
    peak = departures.spacing_px / (np.sqrt(2 * np.pi) * total)
    prior = 1e-10 * peak**2 * np.eye(departures.size)
    prior[: at.size, : at.size] += peak**2 * np.outer(fade, fade) * smooth
    prior[at.size :, at.size :] += np.eye(departures.size - at.size)
    return np.asarray(prior)


def _averaged(normal: _Normal, departures: Departures, shape: Shape) -> Found:
    scale = 1 / np.sqrt(np.maximum(np.diag(normal.jj), 1e-300))
    cov_j = np.linalg.inv(normal.jj * np.outer(scale, scale) + 1e-12 * np.eye(scale.size)) * np.outer(scale, scale)
    gain = cov_j @ normal.jx
    # The shape's parameters integrated out (flat prior): what is left for the departures to explain.
    own = normal.xx - normal.jx.T @ gain
    pull = normal.x_left - gain.T @ normal.j_left
    models = [(np.log(NONE_AT_ALL), np.zeros(departures.size), np.zeros((departures.size, 1)), 0.0)]
    best = models[0][0]
    odds = np.log((1 - NONE_AT_ALL) / (SIZES.size * len(LENGTHS)))
    for length in LENGTHS:
        root = np.linalg.cholesky(_prior(departures, shape.total_sigma_px, length))
        values, vectors = np.linalg.eigh(root.T @ (own + own.T) @ root / 2)
        values = np.maximum(values, 0)
        turned, half = vectors.T @ (root.T @ pull), root @ vectors
        shrinks = SIZES[:, None] ** 2 / (1 + SIZES[:, None] ** 2 * values)
        evidence = 0.5 * (shrinks @ turned**2 - np.log1p(SIZES[:, None] ** 2 * values).sum(1))
        best = max(best, float(evidence.max()) + odds)
        for log_odds, shrink in zip(odds + evidence, shrinks, strict=True):
            if log_odds > best - NEGLIGIBLE:
                freedom = float(values @ shrink)
                models.append((float(log_odds), half @ (shrink * turned), half * np.sqrt(shrink), freedom))
    logs = np.array([m[0] for m in models])
    share = np.exp(logs - logs.max())
    share /= share.sum()
    kept = [(w, *m[1:]) for w, m in zip(share, models, strict=True) if w > 1e-4]
    mean = np.sum([w * m for w, m, _, _ in kept], axis=0)
    # Within each model and between them.
    roots = [np.sqrt(w) * np.column_stack([r, m - mean]) for w, m, r, _ in kept]
    within = np.sum([r @ r.T for r in roots], axis=0)
    step = cov_j @ normal.j_left - gain @ mean
    # Of the shape, the step, the blur (after the curve's terms) and the curve's constant are part of the sum. The edge
    # moves against the distance from it.
    pick, k = np.zeros((3, step.size)), shape.curve.size
    pick[0, k + 1 : k + 3] = -1 / shape.step, 1 / shape.step
    pick[1, k] = 1
    pick[2, 0] = -shape.sign * np.cos(shape.angle_rad)
    cross = -pick @ gain @ within
    own_part = pick @ (cov_j + gain @ within @ gain.T) @ pick.T
    return Found(
        departures=departures,
        parts=np.concatenate([pick @ step, mean]),
        covariance=np.block([[own_part, cross], [cross.T, within]]),
        shape_step=step,
        freedom=float(sum(w * f for w, _, _, f in kept)),
    )
