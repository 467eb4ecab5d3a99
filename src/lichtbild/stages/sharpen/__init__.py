"""Capture sharpening: the blur of lens and demosaicing undone as far as the noise allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame
from lichtbild.core.params import Params, param
from lichtbild.stages.sharpen.reference import sharpening_ratio

VERSION = 1
N_TAPS = 7
HALO_PX = N_TAPS // 2
"""Rows and columns around a pixel that its sharpening looks at."""


@dataclass(frozen=True)
class SharpenParams(Params):
    """How far blur is undone."""

    amount: float = param(1.0, "0: off, 1: undo the blur as far as the noise allows", low=0.0, high=3.0)
    radius_px: float = param(0.55, "blur of lens and demosaicing, as sigma of a Gaussian", unit="px", low=0.3, high=2.0)


@dataclass(frozen=True, eq=False)
class SharpenFacts:
    """Inverse filter and noise.

    Parameters
    ----------
    taps
        float32 [4]: centre and the three taps to either side of a symmetric filter, sum 1; run along rows, then
        columns.
    alpha, beta
        Variance of luminance Y = alpha Y + beta at n_effective = 1 and no spatial gain.
    """

    taps: npt.NDArray[np.float32]
    alpha: float
    beta: float


def inverse_filter(radius_px: float, noise_to_signal: float = 0.04) -> npt.NDArray[np.float32]:
    """Centre and three side taps (sum 1 over 7) of the Wiener inverse of a Gaussian blur, least squares in frequency.

    `noise_to_signal` bounds the gain: at most 1 / (2 sqrt(noise_to_signal)).
    """
    f = np.linspace(0, 0.5, 129)
    blur = np.exp(-2 * (np.pi * radius_px * f) ** 2)
    # The signal of a photograph falls with 1/f: high frequencies deserve less trust.
    wanted = blur * (1 + noise_to_signal) / (blur**2 + noise_to_signal * (0.5 + 2 * f * 1.0))
    wanted /= wanted[0]
    basis = np.stack([2 * (np.cos(2 * np.pi * k * f) - 1) for k in (1, 2, 3)], 1)
    side = np.linalg.lstsq(basis, wanted - 1, rcond=None)[0]
    return np.array([1 - 2 * side.sum(), *side], np.float32)


def analyse(work_noise_alpha: npt.ArrayLike, work_noise_beta: npt.ArrayLike, params: SharpenParams) -> SharpenFacts:
    """Facts from the noise of WORK_RGB (alpha, beta [3] of its channels)."""
    luma = cs.REC2020_TO_XYZ[1] ** 2
    alpha, beta = float(luma @ np.asarray(work_noise_alpha)), float(luma @ np.asarray(work_noise_beta))
    return SharpenFacts(inverse_filter(params.radius_px), alpha, beta)


def noise_nodes(frame: Frame, facts: SharpenFacts) -> npt.NDArray[np.float32]:
    """Noise of luminance Y of one frame in stored pixels, float32 [gh, gw, 2] at the nodes of `Frame.gain`.

    Variance of Y = [0] Y + [1]: the spatial gain of green is in them; `counts` divides it.
    """
    g = np.ones((2, 2), np.float32) if frame.gain is None else frame.gain[:, :, frame.gain.shape[2] // 2]
    return np.ascontiguousarray(np.stack([facts.alpha * g, facts.beta * g * g], 2), np.float32)


def counts(frame: Frame) -> npt.NDArray[np.float32]:
    """`n_effective` of every pixel, float32 [H, W], or [1, W] where it is one number."""
    if isinstance(frame.n_effective, np.ndarray):
        return np.ascontiguousarray(frame.n_effective, np.float32)
    return np.full((1, frame.shape[1]), frame.n_effective, np.float32)


def apply(
    frame: Frame, facts: SharpenFacts, noise: npt.NDArray[np.float32], params: SharpenParams | None = None
) -> Frame:
    """WORK_RGB sharpened in luminance; colour is kept by scaling all channels alike.

    `noise` is `noise_nodes` over `counts` at every pixel, [H, W, 2]. Fails on blur wider than three pixels. Cost
    O(H W).
    """
    frame.require(Domain.WORK_RGB)
    params = params or SharpenParams()
    ratio = sharpening_ratio(frame.pixels, facts.taps, noise, params.amount)
    return frame.replaced(pixels=np.asarray(frame.pixels * ratio[..., None], np.float32))
