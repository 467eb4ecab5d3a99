"""Where an edge lies and how it is blurred, by likelihood: each pixel weighed by its noise, nothing binned or smoothed.

1. Location (a line, or a polynomial where the pixels ask for one), levels, shading and a Gaussian blur through the
   square pixel are fitted to the pixels together (Gauss-Newton, weights from the noise).
2. What the Gaussian leaves is a sum of splines, each through the same pixel. How large and how smooth it is, the pixels
   decide: every combination of size and smoothness of a Gaussian process has its evidence (restricted likelihood), and
   the results are averaged by it. A Gaussian edge keeps the precision of a fit of few parameters; another one gets the
   freedom it needs; the interval knows which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.edge_departures import departures_of
from lichtbild.lab.edge_model import Departures
from lichtbild.lab.edge_noise import EdgeNoise
from lichtbild.lab.edge_samples import EdgeSamples, first_line
from lichtbild.lab.edge_shape import NoEdge, Shape

Floats = npt.NDArray[np.floating[Any]]

MOST_ORDER = 5
# A parameter more must explain this much chi squared: 4 standard deviations, and the choice is made a few times.
WORTH_A_PARAMETER = 16.0
# Enough to begin with: location to 0.02 px.
SKETCH_PIXELS = 900
LEAST_SIGMA_PX, MOST_SIGMA_PX = 0.05, 12.0


@dataclass(frozen=True)
class EdgeFit:
    """An edge as fitted: E = (1 + grown) Gaussian + widened dE/ds + moved dE/dd + departures @ weights, over its step.

    The sum is linear in what may be large, so that no combination of its parts, however alike they are, leaves it.

    Parameters
    ----------
    shape
        Location, levels, the Gaussian to begin with.
    departures
        Line-spread functions beside the Gaussian's.
    parts
        (grown, widened px, moved px, *weights), float64 [3 + k], in steps of the shape's levels.
    covariance
        Of `parts`.
    noise
        Of the pixels.
    chi_square_per_pixel
        1 if model and noise agree.
    n_pixels
        Used.
    reach_px
        Farthest distance from the edge that was used, on the dark and on the bright side.
    freedom
        Effective number of parameters beside the Gaussian's: 0 is a Gaussian.
    """

    shape: Shape
    departures: Departures
    parts: Floats
    covariance: Floats
    noise: EdgeNoise
    chi_square_per_pixel: float
    n_pixels: int
    reach_px: tuple[float, float]
    freedom: float

    @property
    def total(self) -> float:
        """The step of the sum in steps of the Gaussian's."""
        return 1 + float(self.parts[0] + self.parts[3:].sum())

    @property
    def levels(self) -> tuple[float, float]:
        """Dark and bright, far from the edge (shading taken to the edge)."""
        return self.shape.dark, self.shape.dark + self.shape.step * self.total

    def transfer(self, frequency: Floats) -> tuple[Floats, Floats]:
        """MTF at `frequency` (cy/px along the normal, [n]) and a root R [n, m] of its covariance R R^T."""
        gaussian = self.shape.gaussian
        own = gaussian.transfer(frequency)
        basis = np.column_stack(
            [
                own,
                -4 * np.pi**2 * self.shape.sigma_px * frequency**2 * own,
                2j * np.pi * frequency * own,
                self.departures.transfer(frequency),
            ]
        )
        otf = (own + basis @ self.parts) / self.total
        size = np.abs(otf)
        turn = np.conj(otf) / np.maximum(size, 1e-12)
        share = np.ones(self.parts.size)
        share[1:3] = 0
        jacobian = (turn[:, None] * (basis - otf[:, None] * share)).real / self.total
        values, vectors = np.linalg.eigh(self.covariance)
        return size, np.asarray(jacobian @ (vectors * np.sqrt(np.maximum(values, 0))))

    def edge(self, d_px: Floats) -> Floats:
        """Edge-spread function, 0 on the dark and 1 on the bright side, at distances `d_px` [n]."""
        edge, slope, widening = self.shape.gaussian.parts(d_px)
        added = np.column_stack([edge, widening, slope, self.departures.edges(d_px)]) @ self.parts
        return np.asarray((edge + added) / self.total)


@dataclass(frozen=True)
class _Pixels:
    """Pixels, and means of many pixels where the edge is flat: `count` of them each."""

    x: Floats
    y: Floats
    value: Floats
    count: Floats

    def thinned(self, n_most: int) -> _Pixels:
        """Every so-manieth, by a stride that falls in with no row."""
        stride = max(1, self.value.size // n_most)
        stride += 1 - stride % 2
        return _Pixels(self.x[::stride], self.y[::stride], self.value[::stride], self.count[::stride])

    @classmethod
    def of(cls, shape: Shape, x: Floats, y: Floats, value: Floats, reach_px: float) -> _Pixels:
        """Within `reach_px` of the edge. Beyond five standard deviations of the blur the edge is flat to 1e-6: pixels
        are averaged over a quarter of a pixel of distance there, which keeps levels and slopes."""
        d = shape.place(x, y)[0]
        clear = 5 * shape.total_sigma_px + 3
        near, far = np.abs(d) <= min(clear, reach_px), (np.abs(d) > clear) & (np.abs(d) <= reach_px)
        index = np.floor((d[far] + reach_px) * 4).astype(np.intp)
        counts = np.bincount(index)
        full = counts > 0
        counts = counts[full].astype(np.float64)
        distance = np.bincount(index, d[far])[full] / counts
        mean = np.bincount(index, value[far])[full] / counts
        slope = float(np.polynomial.legendre.legval(0.0, np.polynomial.legendre.legder(shape.curve))) / shape.half
        across = shape.sign * distance / np.sqrt(1 + slope * slope)
        crossing = float(np.polynomial.legendre.legval(0.0, shape.curve))
        return cls(
            np.concatenate([x[near], crossing + across]),
            np.concatenate([y[near], shape.mid - slope * across]),
            np.concatenate([value[near], mean]),
            np.concatenate([np.ones(int(near.sum())), counts]),
        )


def fit_edge(
    samples: EdgeSamples,
    noise: EdgeNoise | None = None,
    reach_px: float = 32.0,
    line: tuple[float, float] | None = None,
) -> EdgeFit:
    """Fit the edge of `samples`.

    Parameters
    ----------
    samples
        Linear in light; the edge from top to bottom.
    noise
        Of the pixels; None: measured on both sides of the edge.
    reach_px
        Pixels farther from the edge than this are left out.
    line
        About where the edge lies, column = a + b row, to 2 px; None: it is the strongest of the region.

    Raises
    ------
    NoEdge
        If there is none, or nothing of the sides is left.

    Notes
    -----
    Cost: about 25 evaluations of the edge per pixel; 170 x 64 px take about 20 ms.
    """
    line = line or first_line(samples.lattices[0])
    if line is None:
        raise NoEdge("no edge runs through the region from top to bottom")
    x, y, value = samples.flat()
    shape = _first_shape(x, y, value, line, samples.shape, reach_px)
    few = _Pixels.of(shape, x, y, value, reach_px).thinned(SKETCH_PIXELS)
    shape = _refined(shape, few, few.count, 12)[0]
    # A bow of whole pixels has to be followed before anything is known of the noise beside the edge.
    bent = _refined(replace(shape, curve=np.append(shape.curve, (0.0, 0.0))), few, few.count, 12)[0]
    if np.abs(bent.curve[2:]).max() > 0.3:
        shape = bent
    pixels = _Pixels.of(shape, x, y, value, reach_px)
    if noise is None:
        noise = EdgeNoise.measured(shape.place(x, y)[0], value, samples, shape.total_sigma_px, reach_px)
    shape = _weighed(shape, pixels, noise)
    shape = _as_complex_as_needed(shape, pixels, noise)
    return _with_departures(shape, pixels, noise)


def _first_shape(
    x: Floats, y: Floats, value: Floats, line: tuple[float, float], size: tuple[float, float], reach_px: float
) -> Shape:
    mid, half = size[0] / 2, size[0] / 2
    a, b = line
    curve = np.array([a + b * mid, b * half])
    shape = Shape(curve, mid, half, 1.0, 0.0, 1.0, None, 1.0)
    d = shape.place(x, y)[0]
    left, right = value[(d < -2) & (d > -reach_px)], value[(d > 2) & (d < reach_px)]
    if left.size < 20 or right.size < 20:
        raise NoEdge("the edge lies at the border of the region")
    dark, bright = float(np.median(left)), float(np.median(right))
    sign = 1.0 if bright > dark else -1.0
    dark, bright = min(dark, bright), max(dark, bright)
    if not bright > dark:
        raise NoEdge("both sides of the edge are alike")
    # Second moment of the derivative, by the mean of |value - level| on either side: robust for a start.
    near = np.abs(d) < min(10, reach_px)
    short = np.where(sign * d[near] > 0, bright - value[near], value[near] - dark) / (bright - dark)
    length = 2 * np.ptp(d[near]) / 2 * float(np.mean(short))
    return replace(shape, sigma_px=float(np.clip(1.25 * length, 0.3, 6.0)), dark=dark, bright=bright, sign=sign)


@dataclass(frozen=True)
class _Added:
    """What is added to the Gaussian, tabulated; beyond the table it is levels."""

    grid: Floats
    edge: Floats
    slope: Floats

    @classmethod
    def of(cls, shape: Shape, departures: Departures, parts: Floats, reach_px: float) -> _Added:
        grid = np.arange(-reach_px - 1, reach_px + 1, 0.05)
        plain, slope, widening = shape.gaussian.parts(grid)
        edge = np.column_stack([plain, widening, slope, departures.edges(grid)]) @ parts
        return cls(grid, edge, np.gradient(edge, grid))


def _columns(shape: Shape, pixels: _Pixels, added: _Added | None) -> tuple[Floats, Floats, Floats]:
    """Model, its derivatives in (curve, sigma, dark, bright[, shading]) [n, p], and distances."""
    d, u, cosine = shape.place(pixels.x, pixels.y)
    edge, slope, widening = shape.gaussian.looked_up(d)
    plain_edge, plain = edge, slope
    if added is not None:
        edge = edge + np.interp(d, added.grid, added.edge)
        slope = slope + np.interp(d, added.grid, added.slope)
    model = shape.dark + shape.step * edge
    dark_share = 1 - plain_edge
    change = shape.step * slope
    if shape.shading is not None:
        low, high = shape.shading
        model = model + d * (low * dark_share + high * plain_edge)
    moved = -shape.sign * cosine * change
    curve = _legendre(u, shape.curve.size) * moved[:, None]
    curve[:, 0] = -shape.sign * cosine * shape.step * plain
    parts = [curve, (shape.step * widening)[:, None], dark_share[:, None], plain_edge[:, None]]
    if shape.shading is not None:
        parts += [(d * dark_share)[:, None], (d * plain_edge)[:, None]]
    return model, np.concatenate(parts, axis=1), d


def _legendre(u: Floats, n: int) -> Floats:
    """The first `n` Legendre polynomials at `u` [m], float64 [m, n]."""
    out = np.ones((u.size, n))
    if n > 1:
        out[:, 1] = u
    for k in range(2, n):
        out[:, k] = ((2 * k - 1) * u * out[:, k - 1] - (k - 1) * out[:, k - 2]) / k
    return out


def _moved(shape: Shape, step: Floats) -> Shape:
    k = shape.curve.size
    sigma = float(np.clip(shape.sigma_px + step[k], 0.6 * shape.sigma_px, 1.7 * shape.sigma_px))
    shading = None
    if shape.shading is not None:
        shading = (shape.shading[0] + float(step[k + 3]), shape.shading[1] + float(step[k + 4]))
    return replace(
        shape,
        curve=shape.curve + step[:k],
        sigma_px=float(np.clip(sigma, LEAST_SIGMA_PX, MOST_SIGMA_PX)),
        dark=shape.dark + float(step[k + 1]),
        bright=shape.bright + float(step[k + 2]),
        shading=shading,
    )


def _solve(normal: Floats, right: Floats) -> Floats:
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled = normal * np.outer(scale, scale) + 1e-12 * np.eye(scale.size)
    return np.asarray(scale * np.linalg.solve(scaled, scale * right))


def _refined(
    shape: Shape, pixels: _Pixels, weight: Floats, rounds: int, added: _Added | None = None
) -> tuple[Shape, float]:
    """Gauss-Newton with halved steps; the shape and its chi squared."""
    model, jacobian, _ = _columns(shape, pixels, added)
    left = pixels.value - model
    chi = float(np.sum(weight * left * left))
    for _ in range(rounds):
        weighed = jacobian * weight[:, None]
        step = _solve(weighed.T @ jacobian, weighed.T @ left)
        for _ in range(6):
            trial = _moved(shape, step)
            if trial.step > 0:
                model, new_jacobian, _ = _columns(trial, pixels, added)
                new_left = pixels.value - model
                new_chi = float(np.sum(weight * new_left * new_left))
                if new_chi <= chi:
                    break
            step = step / 2
        else:
            break
        gain = chi - new_chi
        shape, jacobian, left, chi = trial, new_jacobian, new_left, new_chi
        # A thousandth of the variance of one pixel.
        if gain <= 1e-3 * chi / pixels.value.size:
            break
    return shape, chi


def _weight(shape: Shape, pixels: _Pixels, noise: EdgeNoise) -> Floats:
    d = shape.place(pixels.x, pixels.y)[0]
    return pixels.count / noise.variance(shape.dark + shape.step * shape.gaussian.looked_up(d)[0])


def _weighed(shape: Shape, pixels: _Pixels, noise: EdgeNoise) -> Shape:
    for _ in range(2):
        shape = _refined(shape, pixels, _weight(shape, pixels, noise), 4)[0]
    return shape


def _as_complex_as_needed(shape: Shape, pixels: _Pixels, noise: EdgeNoise) -> Shape:
    """Curvature up to the fifth order and shading of the sides, where the pixels ask for them."""
    weight = _weight(shape, pixels, noise)
    if _worth(shape, replace(shape, shading=(0.0, 0.0)), pixels, weight, noise) > 1.5 * WORTH_A_PARAMETER:
        shape = _refined(replace(shape, shading=(0.0, 0.0)), pixels, weight, 4)[0]
    # Two orders at a time: an S does not show in a bow.
    while (order := shape.curve.size - 1) < MOST_ORDER:
        bent = replace(shape, curve=np.append(shape.curve, np.zeros(min(2, MOST_ORDER - order))))
        if _worth(shape, bent, pixels, weight, noise) <= 1.3 * WORTH_A_PARAMETER:
            break
        shape = _refined(bent, pixels, weight, 6)[0]
    return shape


def _worth(plain: Shape, richer: Shape, pixels: _Pixels, weight: Floats, noise: EdgeNoise) -> float:
    """By how much chi squared would fall with the parameters that `richer` has more (all 0 in it), to first order."""
    model, jacobian, _ = _columns(richer, pixels, None)
    left = pixels.value - model
    weighed = jacobian * weight[:, None]
    normal, right = weighed.T @ jacobian, weighed.T @ left
    n_curve, n_more = plain.curve.size, richer.curve.size - plain.curve.size
    has_shading = plain.shading is not None
    kept = [*range(n_curve), *range(n_curve + n_more, n_curve + n_more + (5 if has_shading else 3))]
    gain = right @ _solve(normal, right) - right[kept] @ _solve(normal[np.ix_(kept, kept)], right[kept])
    # Where the Gaussian is not the truth, chi squared is in units of what it leaves.
    unit = max(float(np.sum(weight * left * left)) / pixels.value.size, noise.correlation)
    return float(gain) / unit


def _with_departures(shape: Shape, pixels: _Pixels, noise: EdgeNoise) -> EdgeFit:
    weight = _weight(shape, pixels, noise) / noise.correlation
    reach = float(np.abs(shape.place(pixels.x, pixels.y)[0]).max())
    added: _Added | None = None
    for _ in range(2):
        model, jacobian, d = _columns(shape, pixels, added)
        left = pixels.value - model
        if added is not None:
            left = left + shape.step * np.interp(d, added.grid, added.edge)
        found = departures_of(d, left, weight, jacobian, shape)
        # What is not part of the sum moves: the curve's slope and bends, levels, shading.
        step, k = found.shape_step.copy(), shape.curve.size
        step[[0, k]] = 0
        step[k + 2] = step[k + 1]
        shape = _moved(shape, step)
        added = _Added.of(shape, found.departures, found.parts, reach)
        if found.freedom < 0.5:
            break
    model, _, d = _columns(shape, pixels, added)
    chi = float(np.sum(_weight(shape, pixels, noise) * (pixels.value - model) ** 2)) / pixels.value.size
    return EdgeFit(
        shape=shape,
        departures=found.departures,
        parts=found.parts,
        covariance=found.covariance,
        noise=noise,
        chi_square_per_pixel=chi,
        n_pixels=int(pixels.count.sum()),
        reach_px=(float(-d.min()), float(d.max())),
        freedom=found.freedom,
    )
