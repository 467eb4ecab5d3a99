"""Noise measured in the pictures themselves: variance = alpha * signal + beta, from blocks that hold little but noise.

Blocks of 8 x 8 px of one colour are taken apart by the cosine transform. Where a block is flat (little energy in its
low frequencies), what its high frequencies hold is noise; the two bands are independent for noise, so choosing by one
does not bend the other (after Ponomarenko et al. 2007; the line over signal as in Foi et al. 2008). Of two frames the
difference is taken: a scene that holds still cancels, one that moved is no worse than a single frame.

Fails where everything is textured at the pixel scale (grass, gravel): then it measures too much, never too little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, NoiseModel, ShapeError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Pair = tuple[float, float]

BLOCK_PX = 8
MAX_BLOCKS = 12_000
MAX_PAIRS = 4
N_BINS = 24
FLAT_PART = 0.2
# Pixels above this part of saturation are clipped; blocks with more than a quarter of them are not looked at.
CLIP = 0.995
# Share of the least number there is from which on it is a clip of the stored numbers at black.
BLACK_CLIP_SHARE = 2e-3
TAU = 0.25
# Smallest plausible variance: below, the model would be a division by zero.
MIN_BETA = 1e-10

_u, _v = np.meshgrid(np.arange(BLOCK_PX), np.arange(BLOCK_PX), indexing="ij")
_IS_LOW = ((_u + _v >= 1) & (_u + _v <= 3)).ravel()
_IS_HIGH = ((_u >= 3) & (_v >= 3)).ravel()
# Blurred noise has next to nothing there: it is measured between texture and blur.
_IS_MIDDLE = ((_u + _v >= 4) & (_u + _v <= 7)).ravel()
BLURRED_PX = 0.45
# Of the flat blocks' energies this quantile is taken: less than half of them may hold texture. Its normal quantile.
QUANTILE, NORMAL_QUANTILE = 0.3, -0.5244
_CHI2_1_MEDIAN = 0.4549364


def _dct_1d() -> Floats:
    k, n = np.meshgrid(np.arange(BLOCK_PX), np.arange(BLOCK_PX), indexing="ij")
    d = np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK_PX)) * np.sqrt(2 / BLOCK_PX)
    d[0] /= np.sqrt(2)
    return np.asarray(d)


def _dct() -> npt.NDArray[np.float32]:
    """Orthonormal cosine transform of a block as one matrix [64, 64]."""
    return np.kron(_dct_1d(), _dct_1d()).astype(np.float32)


_DCT = _dct()


@dataclass(frozen=True)
class NoiseFit:
    """A measured noise model.

    Parameters
    ----------
    model
        alpha and beta a channel, `source` "fitted".
    n_blocks
        Flat blocks it stands on.
    signal_range
        Least and largest mean signal among them; the model is a guess outside.
    is_reliable
        Whether there were enough blocks over enough of a range.
    note
        One line for people.
    """

    model: NoiseModel
    n_blocks: int
    signal_range: tuple[float, float]
    is_reliable: bool
    note: str


def fit_noise(
    frames: Sequence[Array],
    cfa: Cfa | None = None,
    *,
    saturation: float = 1.0,
    bits: int = 16,
    is_picture: bool = False,
) -> NoiseFit:
    """Measure the noise of one exposure.

    Parameters
    ----------
    frames
        1 or more frames of one exposure, float [H, W] (mosaic with `cfa`, monochrome without) or [H, W, 3], linear,
        0 = black. At most 8 are used.
    cfa
        Pattern of a mosaic.
    saturation
        Value of a clipped pixel.
    bits
        Bits the numbers were stored in: rounding is the least noise there can be.
    is_picture
        Whether a camera developed the frames: its rounding was of sRGB codes, not of linear numbers.

    Returns
    -------
    The fit; of [H, W, 3] frames, whose noise went through a demosaicer, `model.correlation_px` tells the blur.
    Cost: about 12 000 blocks a channel and frame, whatever the size: 0.1 s.

    Raises
    ------
    ShapeError
        If frames differ in shape or are no pictures.
    """
    frames = [np.asarray(f) for f in frames[: 2 * MAX_PAIRS]]
    if not frames or any(f.shape != frames[0].shape for f in frames) or frames[0].ndim not in (2, 3):
        raise ShapeError("noise is fitted on frames of one shape, [H, W] or [H, W, 3]")
    sites = _sites(frames[0].ndim, cfa)
    n_channels = 1 if len(sites) == 1 else 3
    stats = [_Stats.gather(frames, [s for c, s in sites if c == k], saturation) for k in range(n_channels)]
    floor = rounding_variance(bits, is_picture)
    correlation = _correlation_px(stats) if frames[0].ndim == 3 else 0.0
    common = (0.0, 1.0)
    for _ in range(2):
        # The second time flatness and noise are judged relative to what the first time found at each block's signal.
        bins = [s.bins(correlation, common) for s in stats]
        common = _line(np.concatenate(bins), None, 0.0, floor) if sum(map(len, bins)) else floor
    shrink = 0.5 if is_picture else 0.1
    lines = [_line(b, common, shrink, floor) if len(b) >= 2 else common for b in bins]
    n_blocks = sum(s.n_flat for s in stats)
    # Of a tiny picture there may be flat blocks, but too few of any signal to make a bin.
    everything = np.concatenate(
        [np.zeros(0) if sum(map(len, bins)) else np.zeros(1), *(b[:, 0] for b in bins if len(b))]
    )
    low, high = float(everything.min()), float(everything.max())
    is_reliable = n_blocks >= 200 and high > 2 * max(low, 0.0) + 0.01
    note = f"fitted on {n_blocks} flat blocks of {len(frames)} frame{'s' if len(frames) > 1 else ''}"
    note += f", signal {low:.3f} to {high:.3f}" + ("" if is_reliable else " (too few or too alike: a rough guess)")
    model = NoiseModel(tuple(a for a, _ in lines), tuple(b for _, b in lines), "fitted", round(correlation, 2))
    return NoiseFit(model, n_blocks, (low, high), is_reliable, note)


def rounding_variance(bits: int, is_picture: bool) -> Pair:
    """(alpha, beta) of nothing but rounding to `bits`: the least noise there can be.

    A step of linear numbers is the same everywhere. A step of an sRGB code is 1 / 12.92 in the dark and grows with the
    power 0.583 of the light: its variance runs along 2.27^2 s^1.17 / 12 codes^2, taken as a line.
    """
    step2 = 4.0 ** -min(bits, 16) / 12
    if is_picture:
        return 2.27**2 * step2, max(step2 / 12.92**2, MIN_BETA)
    return 0.0, max(step2, MIN_BETA)


Site = tuple[Any, ...]


def _sites(ndim: int, cfa: Cfa | None) -> list[tuple[int, Site]]:
    """(channel, slices) of every set of samples of one colour on a regular grid."""
    if ndim == 3:
        return [(c, (slice(None), slice(None), c)) for c in range(3)]
    if cfa is None:
        return [(0, (slice(None), slice(None)))]
    step = 2 * cfa.quad
    return [
        (cfa.colours[i // cfa.quad][j // cfa.quad], (slice(i, None, step), slice(j, None, step)))
        for i in range(step)
        for j in range(step)
    ]


@dataclass(frozen=True, eq=False)
class _Stats:
    """Cosine coefficients [n, 64] and mean signal [n] of the usable blocks of one channel; singles and differences."""

    single: Array
    single_mean: Array
    pair: Array
    pair_mean: Array
    saturation: float
    black_clip: float | None

    @classmethod
    def gather(cls, frames: Sequence[Array], sites: Sequence[Site], saturation: float) -> _Stats:
        n_each = MAX_BLOCKS // len(sites) // len(frames) + 1
        single, mean, pair, pair_mean, seen = [], [], [], [], []
        for site in sites:
            blocks = [_blocks(f[site], n_each) for f in frames]
            is_used = [_is_usable(b, saturation) for b in blocks]
            seen += blocks
            for b, use in zip(blocks, is_used, strict=True):
                single.append(b[use] @ _DCT.T)
                mean.append(b[use].mean(axis=1))
            for k in range(0, len(frames) - 1, 2):
                use = is_used[k] & is_used[k + 1]
                a, b = blocks[k][use], blocks[k + 1][use]
                pair.append(((a - b) * np.float32(np.sqrt(0.5))) @ _DCT.T)
                pair_mean.append((a.mean(axis=1) + b.mean(axis=1)) / 2)
        no_blocks, no_means = np.empty((0, BLOCK_PX**2), np.float32), np.empty(0, np.float32)
        return cls(
            np.concatenate([no_blocks, *single]), np.concatenate([no_means, *mean]),
            np.concatenate([no_blocks, *pair]), np.concatenate([no_means, *pair_mean]),
            saturation, _black_clip(seen),
        )  # fmt: skip

    @property
    def n_flat(self) -> int:
        return int(FLAT_PART * len(self.single_mean))

    def bins(self, correlation_px: float, line: Pair) -> Floats:
        """[n, 3]: mean signal, variance, standard error of the variance, of flat blocks of like signal.

        `line` is a first guess (alpha, beta), or (0, 1).
        """
        band = _IS_MIDDLE if correlation_px > BLURRED_PX else _IS_HIGH
        gain = 1 / float(_power_of_blur(correlation_px)[band].mean())
        single = _bins(self.single, self.single_mean, band, line)
        pair = _bins(self.pair, self.pair_mean, band, line)
        if len(single) and len(pair):
            # What texture adds differs; noise is the lower of the two.
            is_still = np.median(pair[:, 1]) < 0.97 * np.median(np.interp(pair[:, 0], single[:, 0], single[:, 1]))
            best = pair if is_still else np.concatenate([single, pair])
        else:
            best = single
        best = _unclipped(best, self.saturation, self.black_clip)
        return np.asarray(best * np.array([1.0, gain, gain]))


def _blocks(plane: Array, n_wanted: int) -> npt.NDArray[np.float32]:
    """At most about `n_wanted` blocks [n, 64] spread over the plane; offset by half a block from a JPEG's own."""
    half = BLOCK_PX // 2
    plane = plane[half:, half:] if min(plane.shape) >= 4 * BLOCK_PX else plane
    rows, columns = plane.shape[0] // BLOCK_PX, plane.shape[1] // BLOCK_PX
    if rows == 0 or columns == 0:
        return np.empty((0, BLOCK_PX**2), np.float32)
    step = max(1, int(np.ceil(np.sqrt(rows * columns / n_wanted))))
    cut = plane[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    some = cut[::step, :, ::step].swapaxes(1, 2)
    return np.ascontiguousarray(some, np.float32).reshape(-1, BLOCK_PX**2)


def _is_usable(blocks: Array, saturation: float) -> npt.NDArray[np.bool_]:
    """Blocks that are not clipped at white and not one single number (a dead area)."""
    is_clipped = (blocks >= CLIP * saturation).mean(axis=1) > 0.25
    return np.asarray(~is_clipped & (blocks.min(axis=1) < blocks.max(axis=1)))


def _black_clip(blocks: Sequence[Array]) -> float | None:
    """The number that the file's black clips noise at, if it does."""
    lows = [float(b.min()) for b in blocks if b.size]
    if not lows:
        return None
    low = min(lows)
    share = sum(int((b <= low).sum()) for b in blocks) / sum(b.size for b in blocks)
    return low if share > BLACK_CLIP_SHARE else None


def _unclipped(bins: Floats, saturation: float, black_clip: float | None) -> Floats:
    """Mean and variance of noise that was cut off at black, as they were before; bins cut off too far are left out.

    For a Gaussian at z standard deviations above the cut, mean and variance of the rest follow from z alone (Tobin
    1958), so the measured (mean - cut) / deviation gives z.
    """
    deviation = np.sqrt(bins[:, 1])
    keep = bins[:, 0] + 2.5 * deviation < saturation
    if black_clip is not None:
        z = np.linspace(-0.5, 6, 400)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        part = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
        mean = density + z * part
        rest = np.sqrt((z**2 + 1) * part + z * density - mean**2)
        measured = (bins[:, 0] - black_clip) / np.maximum(deviation, 1e-30)
        at = np.interp(measured, mean / rest, z)
        factor = 1 / np.interp(at, z, rest)
        keep &= measured > (mean / rest)[0]
        is_cut = measured < 4
        bins = bins.copy()
        bins[is_cut, 0] = (black_clip + at * deviation * factor)[is_cut]
        bins[is_cut, 1:] *= np.square(factor[is_cut])[:, None]
    return bins[keep] if keep.sum() >= 3 else bins


def _bins(coefficients: Array, mean: Array, band: npt.NDArray[np.bool_], line: Pair) -> Floats:
    n_bins = int(min(N_BINS, len(mean) // 60))
    if n_bins == 0:
        return np.empty((0, 3))
    guess = line[0] * np.maximum(mean, 0) + line[1]
    low = np.square(coefficients[:, _IS_LOW]).sum(axis=1) / guess
    high = np.square(coefficients[:, band]).mean(axis=1) / guess
    # Quantile of chi-square with n degrees of freedom over n (Wilson-Hilferty).
    spread = 2 / (9 * int(band.sum()))
    chi2_quantile = (1 - spread + NORMAL_QUANTILE * math.sqrt(spread)) ** 3
    found = []
    for members in np.array_split(np.argsort(mean, kind="stable"), n_bins):
        flat = members[np.argsort(low[members], kind="stable")[: max(12, int(FLAT_PART * len(members)))]]
        signal = float(np.mean(mean[flat]))
        variance = float(np.quantile(high[flat], QUANTILE)) / chi2_quantile * (line[0] * max(signal, 0) + line[1])
        # Error of a quantile of a nearly normal distribution: sqrt(p (1 - p) / n) over its density there.
        error = variance * np.sqrt(9 * spread / len(flat)) * 1.318
        found.append((signal, variance, error))
    return np.array(found)


def _line(bins: Floats, prior: Pair | None, prior_sd: float, floor: Pair) -> Pair:
    """alpha, beta >= 0 of the lower envelope: weighted least squares, bins far above the line lose their weight.

    `prior` is another line that this one stays near, to a relative standard deviation of `prior_sd` a parameter:
    colours of one sensor are alike, and a colour that shows only dark tones says little about its slope.
    """
    signal, variance, error = np.maximum(bins[:, 0], 0), bins[:, 1], bins[:, 2]
    alpha, beta = _envelope(signal, variance, floor[1])
    for _ in range(20):
        model = np.maximum(alpha * signal + beta, floor[0] * signal + floor[1])
        # The error scales with the model, not with the measured value, or low outliers would rule.
        sd = np.maximum(error / np.maximum(variance, 1e-30) * model, 0.02 * model)
        excess = np.maximum(variance - model, 0) / sd
        weight = 1 / (sd * (1 + (excess / 3) ** 2))
        rows, right = np.stack([signal, np.ones_like(signal)], 1) * weight[:, None], variance * weight
        if prior is not None:
            scale = np.maximum(np.maximum(prior, floor), 1e-12) * prior_sd
            # A channel whose whole level is another (by half and more) is no longer pulled by the others.
            level = np.log(np.mean(model) / np.mean(np.maximum(prior[0] * signal + prior[1], floor[1])))
            scale = scale * (1 + (level / 0.4) ** 4)
            rows, right = np.vstack([rows, np.diag(1 / scale)]), np.append(right, np.asarray(prior) / scale)
        alpha, beta = _non_negative(rows, right)
    return float(max(alpha, floor[0])), float(max(beta, floor[1]))


def _envelope(signal: Floats, variance: Floats, floor: float) -> Pair:
    """The line (alpha, beta >= 0) that TAU of the bins lie under: quantile regression of log variance over all lines
    through two bins, or through one bin and the origin, or level."""
    n = len(signal)
    i, j = np.triu_indices(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (variance[j] - variance[i]) / (signal[j] - signal[i])
        through_origin = variance / signal
        level = variance[i] - slope * signal[i]
    alphas = np.concatenate([slope, through_origin, np.zeros(n)])
    betas = np.concatenate([level, np.zeros(n), variance])
    is_valid = np.isfinite(alphas) & (alphas >= 0) & (betas >= 0)
    alphas, betas = alphas[is_valid], betas[is_valid]
    model = np.maximum(alphas[:, None] * signal + betas[:, None], floor)
    residual = np.log(np.maximum(variance, floor)) - np.log(model)
    loss = np.where(residual > 0, TAU * residual, (TAU - 1) * residual).sum(axis=1)
    best = int(np.argmin(loss))
    return float(alphas[best]), float(max(betas[best], floor))


def _non_negative(rows: Floats, right: Floats) -> Pair:
    solution = np.linalg.lstsq(rows, right, rcond=None)[0]
    if solution[0] < 0:
        column = rows[:, 1]
        return 0.0, max(float(column @ right / (column @ column)), 0.0)
    if solution[1] < 0:
        column = rows[:, 0]
        return max(float(column @ right / (column @ column)), 0.0), 0.0
    return float(solution[0]), float(solution[1])


# ---- noise that was blurred on its way


def _correlation_px(stats: Sequence[_Stats]) -> float:
    """Standard deviation, px, of the Gaussian whose spectrum the flat blocks' noise has."""
    is_used = ((_u + _v >= 4) & (_u + _v <= 9)).ravel()
    sigmas = np.linspace(0, 1.5, 61)
    shapes = np.log(np.maximum([_power_of_blur(s)[is_used] for s in sigmas], 1e-12))
    found = []
    for s in stats:
        coefficients, mean = (s.pair, s.pair_mean) if len(s.pair) else (s.single, s.single_mean)
        if len(mean) < 100:
            continue
        low = np.square(coefficients[:, _IS_LOW]).sum(axis=1)
        flat = coefficients[np.argsort(low, kind="stable")[: max(50, int(0.1 * len(low)))]]
        power = np.median(np.square(flat[:, is_used]), axis=0) / _CHI2_1_MEDIAN
        if np.all(power > 0):
            found.append(sigmas[int(np.argmin(np.var(np.log(power) - shapes, axis=1)))])
    blur = float(np.median(found)) if found else 0.0
    # What is left of texture in flat blocks looks like a blur of a quarter of a pixel, which would change nothing.
    return blur if blur > 0.3 else 0.0


def _power_of_blur(correlation_px: float) -> Floats:
    """Mean power [64] of the coefficients of unit noise blurred by that Gaussian: its covariance is a Gaussian of
    sqrt(2) times the width; what leaks between the frequencies of a block of 8 is in it."""
    distance2 = np.square(np.subtract.outer(np.arange(BLOCK_PX), np.arange(BLOCK_PX))).astype(np.float64)
    covariance = np.exp(-distance2 / max(4 * correlation_px**2, 1e-9))
    one = _dct_1d()
    power = np.einsum("ki,ij,kj->k", one, covariance, one)
    return np.outer(power, power).ravel()
