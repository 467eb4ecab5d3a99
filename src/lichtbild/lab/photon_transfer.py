"""Photon transfer of a sensor from pairs of even raws (EMVA 1288 R4.0 Linear, clause 6): gain, read noise, full scale.

From two frames of the same light, the mean is theirs and the temporal variance half of that of their difference, which
no fixed pattern touches. Against the mean above black the variance is a line: its slope is K (DN an electron), its
height the read noise.
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

CLAUSE = "EMVA 1288 R4.0 Linear"
# EMVA 1288 R4.0, 6.6: the line is fitted up to 70 % of saturation.
FITTED_SHARE = 0.7
LEAST_PIXELS = 1000


@dataclass(frozen=True)
class TransferPoint:
    """A pair of frames: mean (DN), temporal variance and that of what stays (DN^2), number of pixels, and the share of
    them that clip."""

    mean: float
    variance: float
    fixed_variance: float
    n_pixels: int
    clipped: float = 0.0


def transfer_point(
    first: npt.NDArray[Any], second: npt.NDArray[Any], ends: tuple[float, float] = (0.0, float("inf"))
) -> TransferPoint:
    """Of two raws (or regions of them) of one filter colour under the same even light.

    Raises
    ------
    ShapeError
        If they differ in shape or have under 1000 pixels.
    """
    a, b = (np.asarray(v, np.float64) for v in (first, second))
    if a.shape != b.shape or a.size < LEAST_PIXELS:
        raise ShapeError(f"a pair of {list(a.shape)} and {list(b.shape)}", where="pair", hint="equal, 1000 px or more")
    # EMVA 1288 R4.0, equation 26: the mean of the difference is light that changed in between.
    difference = a - b
    variance = float(np.mean(difference**2) - np.mean(difference) ** 2) / 2 * a.size / (a.size - 1)
    mean = (a + b) / 2
    # Uneven light is no fixed pattern: a parabola is taken out.
    y, x = (g.ravel() / max(g.max(), 1) - 0.5 for g in np.indices(mean.shape[-2:]).astype(np.float64))
    basis = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1))[0]
    flat = mean.reshape(-1)
    rest = flat - basis @ (basis.T @ flat)
    spread = float(rest @ rest) / (flat.size - 6)
    clipped = float(np.mean((a <= ends[0]) | (a >= ends[1]) | (b <= ends[0]) | (b >= ends[1])))
    return TransferPoint(float(mean.mean()), variance, spread - variance / 2, a.size, clipped)


@dataclass(frozen=True)
class PhotonTransfer:
    """What the line says.

    Parameters
    ----------
    gain_dn_e, gain_deviation
        K and its standard deviation.
    read_noise_dn, read_noise_e
        Temporal noise without light; quantisation (1/12 DN^2) taken off in electrons.
    saturation_e
        Electrons at the white level.
    figures
        All of it with intervals.
    points
        What the line was fitted to.
    """

    gain_dn_e: float
    gain_deviation: float
    read_noise_dn: float
    read_noise_e: float
    saturation_e: float
    figures: tuple[Figure, ...]
    points: tuple[TransferPoint, ...]


def photon_transfer(dark: TransferPoint, bright: Sequence[TransferPoint], white_dn: float) -> PhotonTransfer:
    """The line of a dark pair and pairs of rising light.

    K is the slope of variance - dark variance against mean - dark mean, least squares weighted by what each variance is
    worth (relative deviation sqrt(2 / n)), up to 70 % of saturation. The standard weights all alike; the difference is
    below the standard deviation told.

    Parameters
    ----------
    dark, bright
        Points of `transfer_point`.
    white_dn
        Stored number at saturation.

    Raises
    ------
    UsageError
        If fewer than three pairs of light are neither clipped nor above 70 % of saturation.
    """
    span = white_dn - dark.mean
    usable = [p for p in bright if p.clipped < 1e-3 and 0 < p.mean - dark.mean <= FITTED_SHARE * span]
    if len(usable) < 3:
        raise UsageError(f"{len(usable)} usable pairs of {len(bright)}: the others clip, or are above 70 % of white",
                         where="pairs", hint="three or more, from dark to half of white")  # fmt: skip
    x = np.array([p.mean - dark.mean for p in usable])
    y = np.array([p.variance - dark.variance for p in usable])
    n = np.array([p.n_pixels for p in usable], float)
    noise = np.array([p.variance for p in usable]) * np.sqrt(2 / n)
    noise = np.hypot(noise, dark.variance * np.sqrt(2 / dark.n_pixels))
    weight = 1 / noise**2
    gain = float(np.sum(weight * x * y) / np.sum(weight * x * x))
    deviation = float(1 / np.sqrt(np.sum(weight * x * x)))
    read2 = max(dark.variance - 1 / 12, 0.0)
    read_e = float(np.sqrt(read2)) / gain
    read_deviation = read_e * float(np.hypot(1 / np.sqrt(2 * dark.n_pixels), deviation / gain))
    saturation_e = span / gain
    # PRNU: what stays grows with light (EMVA 1288 R4.0, 8.2), from the brightest usable pair.
    top = usable[int(np.argmax(x))]
    prnu = float(np.sqrt(max(top.fixed_variance - dark.fixed_variance, 0.0))) / (top.mean - dark.mean)
    dsnu = float(np.sqrt(max(dark.fixed_variance, 0.0))) / gain
    least_e = read_e + 0.5 if read_e > 0 else 0.5
    figures = (
        Figure.within("transfer.gain", gain, deviation, "DN/e-", f"{CLAUSE}, 6.6"),
        Figure.within("transfer.read_noise", read_e, read_deviation, "e-", f"{CLAUSE}, 6.6", "without quantisation"),
        Figure.within("transfer.saturation", saturation_e, saturation_e * deviation / gain, "e-", f"{CLAUSE}, 6.7"),
        Figure.exact("transfer.dynamic_range", float(np.log2(saturation_e / least_e)), "EV", f"{CLAUSE}, 6.7",
                     "saturation over the signal of SNR 1, read noise + 1/2 electron"),
        Figure.exact("transfer.snr_max", 20 * float(np.log10(np.sqrt(saturation_e))), "dB", f"{CLAUSE}, 6.7"),
        Figure.exact("transfer.prnu", 100 * prnu, "%", f"{CLAUSE}, 8.2"),
        Figure.exact("transfer.dsnu", dsnu, "e-", f"{CLAUSE}, 8.2"),
    )  # fmt: skip
    return PhotonTransfer(gain, deviation, float(np.sqrt(dark.variance)), read_e, saturation_e, figures,
                          (dark, *bright))  # fmt: skip
