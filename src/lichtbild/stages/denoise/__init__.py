"""Denoising driven by the noise that travels with the frame; never by an ISO number a user has to guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param
from lichtbild.stages.denoise import spectrum

__all__ = ["HALO_PX", "DenoiseFacts", "DenoiseParams", "analyse", "denoise_rgb"]

Floats = npt.NDArray[np.float32]

HALO_PX = 64
"""Rows beyond a band that a band's result depends on."""

N_SCALES = 3
# Threshold at strength 1, in units of the noise's standard deviation over 3x3 coefficients.
THRESHOLD = 1.25
# Limit of the extra strength where fewer frames were averaged than in most of the picture.
EVENNESS_LIMIT = 3.0
# Strips of a picture that tell about the whole of it.
N_STRIPS, STRIP_PX = 8, 64
# Bounds of the square root's offset.
OFFSET_BOUNDS = (1e-3, 4.0)
# Luminance, red-blue and green-magenta parts of three roots (orthonormal).
PARTS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32) / np.sqrt(np.array([[3], [2], [6]], np.float32))


@dataclass(frozen=True)
class DenoiseParams(Params):
    """What a user can set about denoising; 1 removes what the noise model says, 0 nothing."""

    luminance: float = param(0.8, "luminance noise that is removed", unit="of the noise model", low=0.0, high=2.0)
    chrominance: float = param(1.0, "colour noise that is removed", unit="of the noise model", low=0.0, high=2.0)


@dataclass(frozen=True, eq=False)
class DenoiseFacts:
    """What denoising knows of the whole picture.

    Parameters
    ----------
    variance
        Variance of the noise of each cosine coefficient over the declared one of a pixel, by scale [3 parts, 8, 8].
    usual_share
        1 / frames averaged, as in most of the picture.
    """

    variance: tuple[Floats, ...]
    usual_share: float = 1.0


def denoise_rgb(
    frame: Frame,
    white_balance: tuple[float, float, float],
    params: DenoiseParams | None = None,
    facts: DenoiseFacts | None = None,
    rows: tuple[int, int] | None = None,
) -> Frame:
    """Camera RGB with its noise removed as far as it cannot be told from structure.

    Blocks of 8x8 px every 4 px, over three scales, of luminance and two colour differences in a square-root domain;
    each coefficient of their cosine transform is shrunk by the energy in its neighbourhood against the noise
    expected there. Where more frames were averaged less is removed, so that what is left is even. Fails where
    texture is weaker than the noise: it goes.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB float32 [H, W, 3]; its noise model, gain, n_effective and correlation are what drives this.
        A picture may be given in bands, with HALO_PX rows more at both ends, that start at multiples of 32 px.
    white_balance
        Multipliers of red, green and blue that make a neutral surface grey (green = 1); used inside only.
    facts
        From `analyse` of the whole picture; None: from this frame.
    rows
        Rows (start, stop) of the frame that are wanted, start a multiple of 16; None: all.

    Returns
    -------
    CAMERA_RGB with the noise model of what is left in flat areas.

    Raises
    ------
    DomainError
        If the frame is not CAMERA_RGB, or white balance is not three positive numbers.
    ShapeError
        If `rows` are not within the frame.

    Notes
    -----
    Cost: two reads and one write of the picture. Sources: multi-scale transform shrinkage, Pierazzo et al. 2017;
    neighbourhood James-Stein rule, Cai and Silverman 2001 (here on 3x3 coefficients of a block).
    """
    balance = check(frame, white_balance)
    settings = params or DenoiseParams()
    start, stop = rows or (0, frame.shape[0])
    wanted = frame.rows(start, stop)
    if settings.luminance == 0 and settings.chrominance == 0:
        return wanted if rows else frame
    known = facts or analyse([frame], white_balance)
    rgb = np.ascontiguousarray(frame.pixels, np.float32)
    offset = root_offset(frame.noise, balance)
    levels, variances = pyramid(*prepare(frame, rgb, balance, offset, known.usual_share))
    weights = [np.ascontiguousarray(1 / v, np.float32) for v in known.variance]
    strength = np.array([settings.luminance, settings.chrominance, settings.chrominance], np.float32)
    strength = (strength * np.float32(THRESHOLD)) ** 2

    coarse = halved(levels[-1])
    for scale in range(N_SCALES - 1, 0, -1):
        plane = levels[scale - 1]
        out = memory.empty((3, whole_steps(plane.shape[1]), plane.shape[2]))
        native.call("denoise_scale", plane, coarse, variances[scale], weights[scale], strength, out)
        coarse = out
    out = memory.empty((whole_steps(stop - start), *wanted.pixels.shape[1:]))
    native.call("denoise_finest", rgb, balance, offset, coarse, variances[0], weights[0], strength, start // 16, out)
    return wanted.replaced(pixels=out[: stop - start], noise=noise_after(frame.noise, settings))


def whole_steps(rows: int) -> int:
    """Rows of the arrays that the kernels write: whole steps of four."""
    return -(-rows // 4) * 4


def check(frame: Frame, white_balance: tuple[float, float, float]) -> Floats:
    """White balance as an array; raises DomainError where it or the frame is not what denoising works on."""
    frame.require(Domain.CAMERA_RGB)
    balance = np.asarray(white_balance, np.float32)
    if balance.shape != (3,) or not np.all(np.isfinite(balance)) or np.any(balance <= 0):
        raise DomainError(f"white balance {white_balance} is not three positive numbers", where="white_balance")
    return balance


def pyramid(half: Floats, cells: Floats) -> tuple[list[Floats], list[Floats]]:
    """The parts at half size and below (N_SCALES - 1 of them), and the noise in cells of every scale (N_SCALES)."""
    levels, variances = [half], [cells]
    while len(levels) < N_SCALES - 1:
        levels.append(halved(levels[-1]))
    while len(variances) < N_SCALES:
        variances.append(halved(variances[-1]))
    return levels, variances


def prepare(frame: Frame, rgb: Floats, balance: Floats, offset: float, usual_share: float) -> tuple[Floats, Floats]:
    """Half-size luminance and colour differences [3, h, w], and the noise variance of the parts in 4x4 px cells."""
    height, width = frame.shape
    alpha, beta = (np.asarray(v * 3 if len(v) == 1 else v, np.float32) for v in (frame.noise.alpha, frame.noise.beta))
    gain = frame.gain
    if gain is None or min(gain.shape[:2]) < 2:
        gain = np.ones((2, 2, 3), np.float32)
    elif gain.shape[2] == 1:
        gain = np.repeat(gain, 3, 2)
    half = memory.empty((3, -(-height // 2), -(-width // 2)))
    cells = memory.empty((3, -(-height // 4), -(-width // 4)))
    share = one_over_frames(frame, usual_share)
    native.call("denoise_prepare", rgb, balance, offset, half)
    native.call("denoise_cells", half, balance, alpha, beta, offset, np.ascontiguousarray(gain), share, cells)
    return half, cells


def one_over_frames(frame: Frame, usual_share: float) -> Floats:
    """1 / n_effective averaged over 4x4 px cells, float32 [ceil(H/4), ceil(W/4)].

    Shrinkage leaves a part of the noise that went in. So that places of few frames do not stand out as islands of
    grain, their noise is counted the more, the farther it lies above what most of the picture has (`usual_share`):
    by the root of the ratio.
    """
    height, width = frame.shape
    cells = memory.empty((-(-height // 4), -(-width // 4)))
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        n = np.ascontiguousarray(n, np.float32)
        native.call("denoise_frames", n, max(usual_share, 1e-9), EVENNESS_LIMIT, cells)
    else:
        cells.fill(1 / n)
    return cells


def halved(planes: Floats) -> Floats:
    """Mean of 2x2 of float32 [n, H, W]."""
    out = memory.empty((planes.shape[0], -(-planes.shape[1] // 2), -(-planes.shape[2] // 2)))
    native.call("denoise_halve", planes, out)
    return out


def root_offset(noise: NoiseModel, balance: Floats) -> float:
    """Offset that evens out the noise of the square root of white-balanced light, mean of the channels."""
    alpha, beta = float(np.mean(noise.alpha)), float(np.mean(noise.beta))
    return float(np.clip(beta / max(alpha, 1e-12) * float(np.mean(balance)), *OFFSET_BOUNDS))


def analyse(frames: Sequence[Frame], white_balance: tuple[float, float, float]) -> DenoiseFacts:
    """Facts about a picture from some bands of it, or the whole of it.

    Parameters
    ----------
    frames
        Linear CAMERA_RGB float32 [H, W, 3] as given to `denoise_rgb`: bands of one picture, or all of it. Of tall ones
        only N_STRIPS strips of STRIP_PX rows are looked at.
    white_balance
        As given to `denoise_rgb`.
    """
    strips = [strip for frame in frames for strip in strips_of(frame)]
    noise = frames[0].noise
    share = usual_share(strips)
    most = -(-spectrum.MAX_BLOCKS // len(strips))
    samples: list[list[tuple[Floats, Floats]]] = [[] for _ in range(N_SCALES)]
    for strip in strips:
        balance = check(strip, white_balance)
        rgb = np.ascontiguousarray(strip.pixels, np.float32)
        offset = root_offset(noise, balance)
        levels, variances = pyramid(*prepare(strip, rgb, balance, offset, share))
        for scale, variance in enumerate(variances):
            plane = levels[scale - 1] if scale else None
            samples[scale].append(blocks_of(rgb * balance + np.float32(offset), plane, variance, most))
    models = spectrum.declared(noise.correlation_px, N_SCALES)
    found = []
    for model, sample in zip(models, samples, strict=True):
        blocks, variance = (np.concatenate([pair[k] for pair in sample]) for k in (0, 1))
        found.append(spectrum.measured(blocks, variance, model, noise.correlation_px == 0))
    return DenoiseFacts(tuple(found), share)


def strips_of(frame: Frame) -> list[Frame]:
    """The frame, or strips spread evenly over it where it is tall."""
    room = frame.shape[0] - STRIP_PX
    if room < N_STRIPS * STRIP_PX:
        return [frame]
    starts = (np.arange(N_STRIPS) + 0.5) * room / N_STRIPS // 16 * 16
    return [frame.rows(int(start), int(start) + STRIP_PX) for start in starts]


def usual_share(frames: Sequence[Frame]) -> float:
    """1 / frames averaged that three quarters of the picture reach or pass."""
    first = frames[0].n_effective
    if not isinstance(first, np.ndarray):
        return 1 / first
    some = np.concatenate([np.asarray(frame.n_effective)[::4, ::4].ravel() for frame in frames])
    return float(1 / max(np.quantile(some, 0.75), 1e-3))


def blocks_of(light: Floats, plane: Floats | None, variance: Floats, most: int) -> tuple[Floats, Floats]:
    """Up to `most` blocks [n, 3 parts, 8, 8] of a scale and their noise [n, 3].

    The finest scale is made from `light` (white-balanced, with the root's offset), the others are `plane`.
    """
    inside = np.arange(spectrum.SIZE)
    height, width = light.shape[:2] if plane is None else plane.shape[1:]
    top, left = spectrum.block_places(height, width, most)
    rows, columns = top[:, None, None] + inside[:, None], left[:, None, None] + inside
    if plane is None:
        blocks = np.moveaxis(np.sqrt(np.maximum(light[rows, columns], 0)) @ PARTS.T, 3, 1)
    else:
        blocks = np.moveaxis(plane[:, rows, columns], 0, 1)
    near = (top // 4 + 1).clip(0, variance.shape[1] - 1), (left // 4 + 1).clip(0, variance.shape[2] - 1)
    return blocks, variance[:, near[0], near[1]].T


def noise_after(noise: NoiseModel, settings: DenoiseParams) -> NoiseModel:
    """The noise model of what is left in flat areas."""
    left = (1 - min(settings.luminance, 1.0)) ** 2 + 0.015
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        max(noise.correlation_px, 2.0),
    )
