"""The weights that pixels are resampled with: six taps of a windowed sinc, as polynomials and for 256 places."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

TAPS = 6
PHASES = 256
LANES = 8
RIM = 24
"""Columns of the border's pixels that stand to either side of a picture's planes: a vector's window, and a little."""
Floats = npt.NDArray[np.float32]


KAISER_BETA = 4.0


def kernel(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sinc in a Kaiser window; 0 from |x| = 3.

    Measured on edges seen by a lens (PSF sigma 0.45 to 0.7 px) and a pixel: less wrong (rms) than Lanczos, Keys' cubics
    and Spline36 of as many taps, and half of Lanczos' undershoot (0.1 to 2 % of the edge), which a night sky beside a
    lamp shows."""
    inside = np.maximum(1 - (x / 3) ** 2, 0)
    window = np.i0(KAISER_BETA * np.sqrt(inside)) / np.i0(KAISER_BETA)
    return np.where(np.abs(x) < 3, np.sinc(x) * window, 0.0)


def taps() -> npt.NDArray[np.float64]:
    """[256, 6]: weights of pixels -2..3 for a place `phase / 256` px right of pixel 0; each row sums to 1."""
    return weights_at(np.arange(PHASES) / PHASES)


def weights_at(place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[n, 6]: the same for places [n] right of pixel 0, 0..1."""
    weights = kernel(np.arange(TAPS)[None, :] - 2 - place[:, None])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@functools.cache
def series() -> Floats:
    """Weights of the first three taps as polynomials, float32 [3 taps, even and odd, 3], for the kernel `lens_warp`.

    At a place t between two pixels, z = t - 1/2, a weight is that of a straight line between them (1 - t, t, or 0) plus
    t (1 - t) (sum of even[k] z^2k + odd[k] z^(2k+1)): exact where t is 0. The other three taps are those of -z.
    They err by less than 1e-5.
    """
    z = np.cos(np.pi * (np.arange(256) + 0.5) / 256) / 2
    straight = np.maximum(0.5 - z, 0)[:, None] * np.array([0, 0, 1])
    bows = [
        (weights_at(at + 0.5)[:, : TAPS // 2] - line) / (0.25 - z**2)[:, None]
        for at, line in ((z, straight), (-z, straight[::-1]))
    ]
    powers = z[:, None] ** (2 * np.arange(3))
    parts = (bows[0] + bows[1]) / 2, (bows[0] - bows[1]) / 2
    fitted = [
        np.linalg.lstsq(basis, part, rcond=None)[0].T
        for basis, part in zip((powers, powers * z[:, None]), parts, strict=True)
    ]
    return np.ascontiguousarray(np.stack(fitted, 1), np.float32)


@functools.cache
def tables() -> tuple[Floats, Floats]:
    """(across [11 * 256, 8], down [11 * 256, 6]) for the kernel `lens_warp_far`.

    Row (shift + 5) * 256 + phase is for a window that the picture's border holds `shift` px from its place (-5..5): the
    weights of pixels that do not exist are added to that of the border's pixel. Across, zeros fill a vector.
    """
    inner = taps()
    held = np.zeros((2 * TAPS - 1, PHASES, TAPS))
    for shift in range(1 - TAPS, TAPS):
        for n in range(TAPS):
            held[shift + TAPS - 1, :, min(max(n + shift, 0), TAPS - 1)] += inner[:, n]
    down = held.reshape(-1, TAPS)
    across = np.zeros((down.shape[0], LANES))
    across[:, :TAPS] = down
    return np.ascontiguousarray(across, np.float32), np.ascontiguousarray(down, np.float32)


# White noise resampled at every position alike has the variance of white noise blurred by a Gaussian of this width.
CORRELATION_PX = 0.39


def noise_energy(correlation_px: float = 0.0) -> float:
    """What is left of the variance of noise, on average over all positions between pixels; noise that is correlated
    already (see `NoiseModel.correlation_px`) loses less."""
    distance = np.arange(TAPS)[:, None] - np.arange(TAPS)[None, :]
    likeness = np.exp(-((distance / max(2 * correlation_px, 1e-6)) ** 2))
    weights = taps()
    return float(np.einsum("pi,ij,pj->p", weights, likeness, weights).mean() ** 2)
