"""Denoising driven by the noise that travels with the frame; never by an ISO number a user has to guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param
from lichtbild.stages.denoise import spectrum

__all__ = ["DenoiseFacts", "DenoiseParams", "analyse", "denoise_rgb"]

Floats = npt.NDArray[np.float32]

N_SCALES = 3
# Threshold at strength 1, in units of the noise's standard deviation over 3x3 coefficients.
THRESHOLD = 1.25
# Exponent and limit of the extra strength where fewer frames were averaged than in most of the picture.
EVENNESS = 0.5
EVENNESS_LIMIT = 3.0
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
    """Variance of the noise of each cosine coefficient over the declared one of a pixel, by scale [3 parts, 8, 8]."""

    variance: tuple[Floats, ...]


def denoise_rgb(
    frame: Frame,
    white_balance: tuple[float, float, float],
    params: DenoiseParams | None = None,
    facts: DenoiseFacts | None = None,
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
    white_balance
        Multipliers of red, green and blue that make a neutral surface grey (green = 1); used inside only.
    facts
        From `analyse` of the whole picture; None: from this frame.

    Returns
    -------
    CAMERA_RGB with the noise model of what is left in flat areas.

    Raises
    ------
    DomainError
        If the frame is not CAMERA_RGB, or white balance is not three positive numbers.

    Notes
    -----
    Cost: two reads and one write of the picture. Sources: multi-scale transform shrinkage, Pierazzo et al. 2017;
    neighbourhood James-Stein rule, Cai and Silverman 2001 (here on 3x3 coefficients of a block).
    """
    balance = check(frame, white_balance)
    settings = params or DenoiseParams()
    if settings.luminance == 0 and settings.chrominance == 0:
        return frame
    rgb = np.ascontiguousarray(frame.pixels, np.float32)
    offset = root_offset(frame.noise, balance)
    levels, variances = pyramid(*prepare(frame, rgb, balance, offset))
    known = facts or spectrum_of(frame, rgb, balance, offset, levels, variances)
    weights = [np.ascontiguousarray(1 / v, np.float32) for v in known.variance]
    strength = np.array([settings.luminance, settings.chrominance, settings.chrominance], np.float32)
    strength = (strength * np.float32(THRESHOLD)) ** 2

    coarse = halved(levels[-1])
    for scale in range(N_SCALES - 1, 0, -1):
        plane = levels[scale - 1]
        out = np.empty_like(plane)
        native.call("denoise_scale", plane, coarse, variances[scale], weights[scale], strength, spectrum.basis(), out)
        coarse = out
    out = np.empty_like(rgb)
    native.call(
        "denoise_finest", rgb, balance, offset, coarse, variances[0], weights[0], strength, spectrum.basis(), out
    )
    return frame.replaced(pixels=out, noise=noise_after(frame.noise, settings))


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


def prepare(frame: Frame, rgb: Floats, balance: Floats, offset: float) -> tuple[Floats, Floats]:
    """Half-size luminance and colour differences [3, h, w], and the noise variance of the parts in 4x4 px cells."""
    height, width = frame.shape
    alpha, beta = (np.asarray(v * 3 if len(v) == 1 else v, np.float32) for v in (frame.noise.alpha, frame.noise.beta))
    gain = frame.gain
    if gain is None or min(gain.shape[:2]) < 2:
        gain = np.ones((2, 2, 3), np.float32)
    elif gain.shape[2] == 1:
        gain = np.repeat(gain, 3, 2)
    half = np.empty((3, -(-height // 2), -(-width // 2)), np.float32)
    cells = np.empty((3, -(-height // 4), -(-width // 4)), np.float32)
    per_frame = one_over_frames(frame)
    native.call(
        "denoise_prepare",
        rgb,
        balance,
        alpha,
        beta,
        offset,
        np.ascontiguousarray(gain, np.float32),
        per_frame,
        half,
        cells,
    )
    return half, cells


def one_over_frames(frame: Frame) -> Floats:
    """1 / n_effective averaged over 4x4 px cells, float32 [ceil(H/4), ceil(W/4)].

    Shrinkage leaves a part of the noise that went in. So that places of few frames do not stand out as islands of
    grain, their noise is counted the more, the farther it lies above what most of the picture has.
    """
    height, width = frame.shape
    rows, columns = -(-height // 4), -(-width // 4)
    n = frame.n_effective
    if not isinstance(n, np.ndarray):
        return np.full((rows, columns), 1 / n, np.float32)
    inverse = 1 / np.maximum(n.astype(np.float32, copy=False), np.float32(1e-3))
    inverse = np.pad(inverse, ((0, 4 * rows - height), (0, 4 * columns - width)), mode="edge")
    cells = inverse.reshape(rows, 4, columns, 4).mean((1, 3), dtype=np.float32)
    excess = (cells / np.quantile(cells, 0.25)) ** EVENNESS
    return np.ascontiguousarray(cells * np.clip(excess, 1, EVENNESS_LIMIT), np.float32)


def halved(planes: Floats) -> Floats:
    """Mean of 2x2 of float32 [n, H, W]."""
    out = np.empty((planes.shape[0], -(-planes.shape[1] // 2), -(-planes.shape[2] // 2)), np.float32)
    native.call("denoise_halve", planes, out)
    return out


def root_offset(noise: NoiseModel, balance: Floats) -> float:
    """Offset that evens out the noise of the square root of white-balanced light, mean of the channels."""
    alpha, beta = float(np.mean(noise.alpha)), float(np.mean(noise.beta))
    return float(np.clip(beta / max(alpha, 1e-12) * float(np.mean(balance)), *OFFSET_BOUNDS))


def analyse(frame: Frame, white_balance: tuple[float, float, float]) -> DenoiseFacts:
    """Spectrum of the noise of a frame: from the whole picture, so that a crop is denoised as the whole is.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB float32 [H, W, 3], as given to `denoise_rgb`.
    white_balance
        As given to `denoise_rgb`.
    """
    balance = check(frame, white_balance)
    rgb = np.ascontiguousarray(frame.pixels, np.float32)
    offset = root_offset(frame.noise, balance)
    return spectrum_of(frame, rgb, balance, offset, *pyramid(*prepare(frame, rgb, balance, offset)))


def spectrum_of(
    frame: Frame, rgb: Floats, balance: Floats, offset: float, levels: list[Floats], variances: list[Floats]
) -> DenoiseFacts:
    """The facts from what `denoise_rgb` has made already."""
    is_white = frame.noise.correlation_px == 0
    models = spectrum.declared(frame.noise.correlation_px, N_SCALES)
    found = []
    inside = np.arange(spectrum.SIZE)
    for scale, (model, variance) in enumerate(zip(models, variances, strict=True)):
        height, width = frame.shape if scale == 0 else levels[scale - 1].shape[1:]
        top, left = spectrum.block_places(height, width)
        rows, columns = top[:, None, None] + inside[:, None], left[:, None, None] + inside
        if scale == 0:
            value = rgb[rows, columns] * balance
            root = np.sqrt(np.maximum(value + np.float32(offset), 0))
            blocks = np.moveaxis(root @ PARTS.T, 3, 1)
        else:
            blocks = np.moveaxis(levels[scale - 1][:, rows, columns], 0, 1)
        near = (top // 4 + 1).clip(0, variance.shape[1] - 1), (left // 4 + 1).clip(0, variance.shape[2] - 1)
        found.append(spectrum.measured(blocks, variance[:, near[0], near[1]].T, model, is_white))
    return DenoiseFacts(tuple(found))


def noise_after(noise: NoiseModel, settings: DenoiseParams) -> NoiseModel:
    """The noise model of what is left in flat areas."""
    left = (1 - min(settings.luminance, 1.0)) ** 2 + 0.015
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        max(noise.correlation_px, 2.0),
    )
