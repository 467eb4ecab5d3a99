"""Noise of patches seen several times: total, fixed pattern, temporal (ISO 15739:2023, clause 6), and what follows from
it: signal to noise, the dynamic range, the opto-electronic conversion function.

Values are in the picture's own linear units unless a name says otherwise; the light of a patch is known relative to
white (its luminance factor, or 10^-density).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.float64]

ISO_15739 = "ISO 15739:2023"
ISO_14524 = "ISO 14524:2009"
CLIPPED_SHARE = 0.001
# Reference luminance as a share of the saturating one, ISO 15739:2023, 6.3.
REFERENCE_SHARE = 0.13


@dataclass(frozen=True)
class PatchNoise:
    """One patch in one channel.

    Parameters
    ----------
    mean
        Of all pixels of all frames, black subtracted.
    total, temporal, fixed
        Standard deviations. Total is that of one frame's pixels; its square is the sum of the other two's.
    n_pixels, n_frames
        What they come from.
    clipped
        Share of pixels at an end of the range.
    """

    mean: float
    total: float
    temporal: float | None
    fixed: float | None
    n_pixels: int
    n_frames: int
    clipped: float = 0.0

    @property
    def snr(self) -> float:
        return self.mean / self.total if self.total > 0 else float("inf")


def patch_noise(
    frames: Sequence[npt.NDArray[Any]], black: float = 0.0, ends: tuple[float, float] | None = None,
    detrend: bool = True,
) -> PatchNoise:  # fmt: skip
    """Noise of one patch.

    ISO 15739:2023, 6.2: with n frames, sigma_ave^2 the variance of their mean and sigma_diff^2 that of each frame's
    difference from it, averaged: temporal^2 = n / (n - 1) sigma_diff^2, fixed^2 = sigma_ave^2 - sigma_diff^2 / (n - 1).
    The standard asks for eight frames or more; two already tell the parts apart, one tells the total only.

    Parameters
    ----------
    frames
        [h, w] each, the same patch.
    black
        Level of no light, subtracted from the mean.
    ends
        Of the range, to tell clipped pixels; None: not asked.
    detrend
        Take out a plane (uneven light) before anything is called noise, with its three degrees of freedom.

    Raises
    ------
    ShapeError
        If the frames differ in shape or have fewer than 16 pixels.
    """
    stack = np.stack([np.asarray(f, np.float64) for f in frames])
    if stack.ndim != 3 or stack[0].size < 16:
        raise ShapeError(
            f"a patch of {list(stack.shape[1:])} is too small for noise", where="patch", hint="16 px or more"
        )
    n, n_pixels = len(stack), stack[0].size
    clipped = 0.0 if ends is None else float(np.mean((stack <= ends[0]) | (stack >= ends[1])))
    mean = float(stack.mean()) - black
    # Light that flickers from frame to frame is no noise of a pixel.
    level = stack - stack.mean((1, 2), keepdims=True)
    free = n_pixels - 1
    if detrend:
        y, x = np.mgrid[0 : stack.shape[1], 0 : stack.shape[2]].astype(np.float64)
        plane = np.linalg.qr(np.stack([np.ones(n_pixels), x.ravel(), y.ravel()], 1))[0]
        flat = level.reshape(n, -1)
        level = (flat - (flat @ plane) @ plane.T).reshape(stack.shape)
        free = n_pixels - 3
    total2 = float(np.sum(level**2)) / n / free
    if n == 1:
        return PatchNoise(mean, float(np.sqrt(total2)), None, None, n_pixels, 1, clipped)
    average = level.mean(0)
    diff2 = float(np.sum((level - average) ** 2)) / n / free
    temporal2 = diff2 * n / (n - 1)
    fixed2 = float(np.sum(average**2)) / free - diff2 / (n - 1)
    roots = [float(np.sqrt(max(v, 0.0))) for v in (total2, temporal2, fixed2)]
    return PatchNoise(mean, *roots, n_pixels, n, clipped)


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """Noise against light of a row of patches.

    Parameters
    ----------
    light
        float64 [n], relative to white = 1, descending or not.
    patches
        One each.
    saturation
        Linear signal (above black) at which the picture clips.
    """

    light: Floats
    patches: tuple[PatchNoise, ...]
    saturation: float

    def __post_init__(self) -> None:
        if len(self.light) != len(self.patches):
            raise ShapeError(f"{len(self.light)} lights for {len(self.patches)} patches", where="light")

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        return np.array([p.clipped < CLIPPED_SHARE and p.mean > 0 for p in self.patches])

    def column(self, name: str) -> Floats:
        return np.array([getattr(p, name) if getattr(p, name) is not None else np.nan for p in self.patches], float)


def oecf_figures(curve: NoiseCurve) -> list[Figure]:
    """How the signal follows the light (ISO 14524): the log-log slope, 1 for a linear picture, and what departs."""
    good = curve.usable
    if good.sum() < 4:
        return [Figure.missing("oecf.gamma", "", ISO_14524, "fewer than four patches are neither clipped nor black")]
    x, y = np.log10(curve.light[good]), np.log10(curve.column("mean")[good])
    coefficients, covariance = np.polyfit(x, y, 1, cov=True)
    off = np.abs(10 ** (y - np.polyval(coefficients, x)) - 1)
    straight = 10 ** float(np.mean(y - x))
    linearity = np.abs(curve.column("mean")[good] / (straight * curve.light[good]) - 1)
    return [
        Figure.within("oecf.gamma", coefficients[0], float(np.sqrt(covariance[0, 0])), "", ISO_14524,
                      "slope of log signal against log light; 1 is linear"),
        Figure.exact("oecf.linearity_error", 100 * float(linearity.max()), "%", "EMVA 1288 R4.0 Linear, 6.7",
                     "largest departure from proportion"),
        Figure.exact("oecf.power_error", 100 * float(off.max()), "%", ISO_14524, "largest departure from a power"),
    ]  # fmt: skip


def noise_figures(curve: NoiseCurve) -> list[Figure]:
    """SNR and dynamic range of a curve.

    SNR is told at the reference luminance, 13 % of the saturating one (ISO 15739:2023, 6.3), and where it reaches 10
    and 40. The dynamic range is log2 of the light at saturation over the light at which signal equals temporal noise
    (6.4; total noise where one frame is all there is). Both follow a photon transfer line fitted to the patches,
    noise^2 = a + b signal + c signal^2, so that no patch needs to lie at the limit.
    """
    good = curve.usable
    if good.sum() < 4:
        because = "fewer than four patches are neither clipped nor black"
        names = (("noise.snr_reference", ""), ("noise.dynamic_range", "EV"), ("noise.snr10_light", "EV"))
        return [Figure.missing(name, unit, ISO_15739, because) for name, unit in names]
    signal, light = curve.column("mean")[good], curve.light[good]
    gain = float(np.exp(np.average(np.log(signal / light), weights=np.sqrt(signal))))
    figures = []
    has_temporal = all(p.temporal is not None for p in curve.patches)
    total = transfer_line(signal, curve.column("total")[good], curve, good)
    base = transfer_line(signal, curve.column("temporal")[good], curve, good) if has_temporal else total
    note = "" if has_temporal else "from one frame: total noise stands in for temporal"
    snr, deviation = _snr(total, REFERENCE_SHARE * curve.saturation)
    figures.append(Figure.within("noise.snr_reference", snr, deviation, "", f"{ISO_15739}, 6.3",
                                 "signal to total noise at 13 % of saturation"))  # fmt: skip
    figures.append(_range_figure(base, curve, note))
    for wanted in (10, 40):
        where = _signal_of_snr(total[0], wanted)
        name = f"noise.snr{wanted}_light"
        if where is None or where > curve.saturation:
            figures.append(Figure.missing(name, "EV", ISO_15739, f"SNR stays below {wanted} up to saturation"))
        else:
            figures.append(Figure.exact(name, float(np.log2(where / curve.saturation)), "EV", ISO_15739,
                                        f"below saturation, where SNR is {wanted}"))  # fmt: skip
    figures.append(Figure.exact("noise.saturation_light", curve.saturation / gain, "", ISO_15739,
                                "light at saturation, chart's white = 1"))  # fmt: skip
    return figures


Line = tuple[Floats, Floats]


def transfer_line(signal: Floats, deviation: Floats, curve: NoiseCurve, good: npt.NDArray[np.bool_]) -> Line:
    """Coefficients (a, b, c) of variance against signal and their covariance; c only where it is told from 0."""
    variance = deviation**2
    counts = np.array([p.n_pixels * max(1, p.n_frames - 1) for p in curve.patches], float)[good]
    # A variance of m values has the relative deviation sqrt(2 / m).
    weight = np.sqrt(counts / 2) / np.maximum(variance, 1e-30)
    best: Line | None = None
    for powers in ((0, 1), (0, 1, 2)):
        if len(signal) < len(powers) + 2:
            continue
        rows = np.stack([signal**p for p in powers], 1) * weight[:, None]
        scale = np.linalg.norm(rows, axis=0)
        solution, *_ = np.linalg.lstsq(rows / scale, variance * weight, rcond=None)
        covariance = np.linalg.inv((rows / scale).T @ (rows / scale)) / np.outer(scale, scale)
        found = np.zeros(3), np.zeros((3, 3))
        found[0][: len(powers)] = solution / scale
        found[1][: len(powers), : len(powers)] = covariance
        if best is None or found[0][2] > 2 * np.sqrt(found[1][2, 2]):
            best = found
    if best is None:
        raise UsageError("too few patches for a photon transfer line", where="patches", hint="four or more")
    return best


def _snr(line: Line, signal: float) -> tuple[float, float]:
    powers = np.array([1.0, signal, signal**2])
    variance = max(float(line[0] @ powers), 1e-30)
    spread = float(np.sqrt(powers @ line[1] @ powers))
    snr = signal / np.sqrt(variance)
    return float(snr), float(snr * spread / variance / 2)


def _signal_of_snr(line: Floats, snr: float) -> float | None:
    """The least signal of that ratio: signal^2 = snr^2 (a + b signal + c signal^2)."""
    a, b, c = np.maximum(line, [0, 0, 0]) * snr**2
    lead = 1 - c
    if lead <= 0:
        return None
    return float((b + np.sqrt(b * b + 4 * lead * a)) / (2 * lead))


def _range_figure(line: Line, curve: NoiseCurve, note: str) -> Figure:
    """Dynamic range with its interval by drawing the line anew."""
    clause = f"{ISO_15739}, 6.4"
    least = _signal_of_snr(line[0], 1.0)
    if least is None or least <= 0:
        return Figure.missing("noise.dynamic_range", "EV", clause, "noise without end: signal never reaches it")
    rng = np.random.default_rng(1)
    drawn = [_signal_of_snr(c, 1.0) for c in rng.multivariate_normal(line[0], line[1], 200)]
    logs = np.log2([v for v in drawn if v is not None and v > 0])
    value = float(np.log2(curve.saturation / least))
    return Figure.within("noise.dynamic_range", value, float(logs.std()) if len(logs) > 20 else 0.0, "EV", clause,
                         note or "saturation over the light at which signal equals temporal noise")  # fmt: skip
