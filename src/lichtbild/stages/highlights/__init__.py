"""Highlight reconstruction: what a clipped channel was, told by the channels that are not and by the surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame, sample_gain_grid
from lichtbild.core.params import Params, param
from lichtbild.stages.highlights.reference import reconstruct, smoothstep, surround_planes

VERSION = 1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HighlightsParams(Params):
    """What happens where the sensor saturated."""

    reconstruct: bool = param(True, "rebuild clipped channels from the others and the surroundings")


@dataclass(frozen=True, eq=False)
class HighlightFacts:
    """What the picture tells about its highlights.

    Parameters
    ----------
    surround
        Colour around clipped areas at the proxy's nodes, float32 [h, w, 7] (see `reference.surround_planes`).
    start, end
        Share of the clip level where a value starts to be doubted, and from where on it is not believed at all.
    """

    surround: Floats
    start: float
    end: float


def clip_doubt(frame: Frame) -> tuple[float, float]:
    """Where doubt about a value starts and ends, as share of the clip level: noise clips and averages to less than
    1."""
    n = float(np.mean(frame.n_effective))
    scale = max(frame.saturation, 1e-6)
    variance = max(a / scale + b / scale**2 for a, b in zip(frame.noise.alpha, frame.noise.beta, strict=True))
    # Clipped noise of one frame lowers the mean by 0.4 sigma, however many are averaged; its spread falls with n.
    sigma = min(variance**0.5, 0.05)
    return 0.98 - sigma * (0.4 + 2.0 / n**0.5), 0.995 - 0.4 * sigma


def push_pull(values: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]) -> Floats:
    """Fill where `weight` [h, w] is 0 from the nearest known `values` [h, w, c], coarse to fine; unknown everywhere:
    0."""
    h, w = weight.shape
    if h <= 1 and w <= 1:
        return np.asarray(values * (weight / (weight + 0.02))[..., None], np.float32)
    ph, pw = -h % 2, -w % 2
    v = np.pad(values * weight[..., None], ((0, ph), (0, pw), (0, 0)))
    m = np.pad(weight, ((0, ph), (0, pw)))
    v = v[0::2, 0::2] + v[1::2, 0::2] + v[0::2, 1::2] + v[1::2, 1::2]
    m = m[0::2, 0::2] + m[1::2, 0::2] + m[0::2, 1::2] + m[1::2, 1::2]
    coarse = push_pull(v / np.maximum(m, 1e-6)[..., None], np.minimum(m, 1.0))
    fine = _smooth(np.repeat(np.repeat(coarse, 2, 0), 2, 1)[:h, :w])
    filled = values * weight[..., None] + fine * (1 - weight[..., None])
    return np.asarray(filled, np.float32)


def _smooth(values: Floats) -> Floats:
    """Binomial 3 x 3, edges repeated: no steps at the borders of coarse cells."""
    p = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = p[:-2] + 2 * p[1:-1] + p[2:]
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16, np.float32)


def analyse(proxy: Frame, neutral: tuple[float, float, float]) -> HighlightFacts:
    """Facts from a small CAMERA_RGB picture (<= 512 px). Cells that are bright but not clipped tell the
    surroundings."""
    proxy.require(Domain.CAMERA_RGB)
    start, end = clip_doubt(proxy)
    share = proxy.pixels / np.float32(proxy.saturation * proxy.gain_at_full_size())
    top = share.max(axis=2)
    balanced = np.maximum(proxy.pixels, 1e-5) / np.asarray(neutral, np.float32)
    logs = np.log(np.stack([balanced[..., 0] / balanced[..., 1], balanced[..., 2] / balanced[..., 1]], 2))
    weight = smoothstep(0.2, 0.6, top) * (1.0 - smoothstep(start - 0.08, start, top))
    surround = push_pull(np.clip(logs, -3, 3).astype(np.float32), weight.astype(np.float32))
    return HighlightFacts(surround_planes(surround), start, end)


def inverse_clip_nodes(frame: Frame) -> Floats:
    """1 / value of a clipped pixel at the nodes of `Frame.gain`, float32 [gh, gw, 3]."""
    gain = np.ones((2, 2, 3), np.float32) if frame.gain is None else frame.gain
    return np.ascontiguousarray(np.broadcast_to(1 / (gain * np.float32(frame.saturation)), (*gain.shape[:2], 3)))


def apply(
    frame: Frame,
    neutral: tuple[float, float, float],
    facts: HighlightFacts,
    surround: Floats,
    params: HighlightsParams | None = None,
) -> Frame:
    """CAMERA_RGB with clipped channels rebuilt; values may then exceed saturation.

    `surround` is `facts.surround` sampled at every pixel, [H, W, 7]. The noise model is kept: what is rebuilt has the
    noise of the channels it was made from. Cost O(H W).
    """
    frame.require(Domain.CAMERA_RGB)
    if params is not None and not params.reconstruct:
        return frame
    clip = 1 / sample_gain_grid(
        inverse_clip_nodes(frame), np.arange(frame.shape[0]) + 0.5, np.arange(frame.shape[1]) + 0.5
    )
    pixels = reconstruct(
        frame.pixels, clip.astype(np.float32), np.asarray(neutral, np.float32), surround, facts.start, facts.end
    )
    return frame.replaced(pixels=pixels)
