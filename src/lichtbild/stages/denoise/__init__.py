"""Denoising driven by the noise that travels with the frame; never by an ISO number a user has to guess."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param

__all__ = ["DenoiseParams", "denoise_rgb"]

Floats = npt.NDArray[np.float32]

N_SCALES = 3
# Threshold at strength 1, in units of the noise's standard deviation over 3x3 coefficients.
THRESHOLD = 1.25
# Bounds of the square root's offset.
OFFSET_BOUNDS = (1e-3, 4.0)
WINDOW_SIZE = 8


@dataclass(frozen=True)
class DenoiseParams(Params):
    """What a user can set about denoising; 1 removes what the noise model says, 0 nothing."""

    luminance: float = param(0.8, "luminance noise that is removed", unit="of the noise model", low=0.0, high=2.0)
    chrominance: float = param(1.0, "colour noise that is removed", unit="of the noise model", low=0.0, high=2.0)


def denoise_rgb(frame: Frame, white_balance: tuple[float, float, float], params: DenoiseParams | None = None) -> Frame:
    """Camera RGB with its noise removed as far as it cannot be told from structure.

    Blocks of 8x8 px every 4 px, over three scales, of luminance and two colour differences in a square-root domain;
    each coefficient of their cosine transform is shrunk by the energy in its neighbourhood against the noise
    expected there. Where more frames were averaged less is removed, so that what is left is even. Fails where texture is weaker than
    the noise: it goes.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB float32 [H, W, 3]; its noise model, gain, n_effective and correlation are what drives this.
    white_balance
        Multipliers of red, green and blue that make a neutral surface grey (green = 1); used inside only.

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
    frame.require(Domain.CAMERA_RGB)
    settings = params or DenoiseParams()
    balance = np.asarray(white_balance, np.float32)
    if balance.shape != (3,) or not np.all(np.isfinite(balance)) or np.any(balance <= 0):
        raise DomainError(f"white balance {white_balance} is not three positive numbers", where="white_balance")
    if settings.luminance == 0 and settings.chrominance == 0:
        return frame
    rgb = np.ascontiguousarray(frame.pixels, np.float32)
    offset = root_offset(frame.noise, balance)
    half, cells = prepare(frame, rgb, balance, offset)

    strength = np.array([settings.luminance, settings.chrominance, settings.chrominance], np.float32)
    strength = (strength * np.float32(THRESHOLD)) ** 2
    weights = coefficient_weights(frame.noise.correlation_px)
    levels = [half]
    variances = [cells]
    for _ in range(N_SCALES - 2):
        levels.append(halved(levels[-1]))
    for _ in range(N_SCALES - 1):
        variances.append(halved(variances[-1]))
    coarse = halved(levels[-1])
    for level in range(N_SCALES - 2, -1, -1):
        out = np.empty_like(levels[level])
        scale = level + 1
        native.call("denoise_scale", levels[level], coarse, variances[scale], weights[scale], strength, basis(), out)
        coarse = out
    out = np.empty_like(rgb)
    native.call("denoise_finest", rgb, balance, offset, coarse, cells, weights[0], strength, basis(), out)
    return frame.replaced(pixels=out, noise=noise_after(frame.noise, settings))


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
    """1 / n_effective averaged over 4x4 px cells, float32 [ceil(H/4), ceil(W/4)]."""
    height, width = frame.shape
    rows, columns = -(-height // 4), -(-width // 4)
    n = frame.n_effective
    if not isinstance(n, np.ndarray):
        return np.full((rows, columns), 1 / n, np.float32)
    inverse = 1 / np.maximum(n.astype(np.float32, copy=False), np.float32(1e-3))
    inverse = np.pad(inverse, ((0, 4 * rows - height), (0, 4 * columns - width)), mode="edge")
    return np.ascontiguousarray(inverse.reshape(rows, 4, columns, 4).mean((1, 3), dtype=np.float32))


def halved(planes: Floats) -> Floats:
    """Mean of 2x2 of float32 [n, H, W]."""
    out = np.empty((planes.shape[0], -(-planes.shape[1] // 2), -(-planes.shape[2] // 2)), np.float32)
    native.call("denoise_halve", planes, out)
    return out


def root_offset(noise: NoiseModel, balance: Floats) -> float:
    """Offset that evens out the noise of the square root of white-balanced light, mean of the channels."""
    alpha, beta = float(np.mean(noise.alpha)), float(np.mean(noise.beta))
    return float(np.clip(beta / max(alpha, 1e-12) * float(np.mean(balance)), *OFFSET_BOUNDS))


@functools.cache
def basis() -> Floats:
    """The cosine transform in the kernel's layout [9, 8]: row k, column n; the last row is the window."""
    n = np.arange(WINDOW_SIZE)
    cosine = np.cos(np.pi * (n[None, :] + 0.5) * n[:, None] / WINDOW_SIZE) * np.sqrt(2 / WINDOW_SIZE)
    cosine[0] /= np.sqrt(2)
    window = np.sin(np.pi * (n + 0.5) / WINDOW_SIZE)
    return np.ascontiguousarray(np.vstack([cosine, window]), np.float32)


@functools.cache
def coefficient_weights(correlation_px: float) -> tuple[Floats, ...]:
    """1 / variance of each coefficient [3 parts, 8, 8] for each scale, for noise of unit variance in a pixel.

    Noise that was white at the sensor and blurred by a Gaussian since: its spectrum is the Gaussian's, squared; halving
    the picture multiplies it by that of a 2x2 mean and folds it.
    """
    frequency = np.fft.fftfreq(64)
    line = np.exp(-4 * np.pi**2 * correlation_px**2 * frequency**2)
    line /= line.mean()
    k, n = np.arange(WINDOW_SIZE), np.arange(WINDOW_SIZE)
    lag = np.abs(n[:, None] - n[None, :])
    result = []
    cosine = basis()[:8].astype(np.float64)
    correlation = np.fft.ifft(line).real
    for _ in range(N_SCALES):
        variance = np.einsum("kn,nm,km->k", cosine, correlation[lag], cosine)
        both = np.maximum(variance[:, None] * variance[None, :], 1e-3)
        result.append(np.ascontiguousarray(np.broadcast_to(1 / both, (3, k.size, k.size)), np.float32))
        # Mean of two neighbours, every second one kept.
        at = np.arange(correlation.size // 2)
        correlation = (
            2 * correlation[2 * at] + correlation[2 * at - 1] + correlation[(2 * at + 1) % correlation.size]
        ) / 4
    return tuple(result)


def noise_after(noise: NoiseModel, settings: DenoiseParams) -> NoiseModel:
    """The noise model of what is left in flat areas."""
    left = (1 - 0.9 * min(settings.luminance, 1.0)) ** 2 + 0.02
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        max(noise.correlation_px, 2.0),
    )
