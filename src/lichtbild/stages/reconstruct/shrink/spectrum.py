"""What white noise of the samples becomes in the coefficients that are shrunk."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

SIDE = 16
# What blocks that are cut out of noise show beside its own spectrum: a part of the strongest coefficient.
LEAK = 0.003
# Weights of the points that a pixel sees, as in the kernels: the inner two and the outer two.
APERTURE = 0.025, 0.475
MOST_BOOST = 2.0


@functools.cache
def basis() -> F32:
    """Cosine transform [k, n] of 16 values, orthonormal, and in row 16 the window of a block; float32 [17, 16]."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    transform = np.sqrt(2 / SIDE) * np.cos(np.arange(SIDE)[:, None] * place)
    transform[0] *= np.sqrt(0.5)
    window = np.sin(place)
    return np.ascontiguousarray(np.vstack([transform, window]), np.float32)


@functools.cache
def variance() -> F32:
    """Variance of each coefficient of a 16 x 16 block of fine pixels, float32 [16, 16], where the samples have
    variance 1 and fall, one a fine pixel, anywhere in it: that of the interpolation's kernel, brought back through
    the pixel's aperture."""
    f = np.fft.fftfreq(256)
    power = sum(_interpolation(f + m) ** 2 for m in range(-2, 3))
    correlation = np.fft.ifft(np.cos(np.pi * f) ** 2 * power).real
    n = np.arange(SIDE)
    transform = basis()[:SIDE].astype(np.float64)
    line = np.einsum("kn,nm,km->k", transform, correlation[np.abs(n[:, None] - n)], transform)
    both = np.outer(line, line)
    return np.asarray(np.maximum(both, LEAK * both.max()), np.float32)


@functools.cache
def boost() -> F32:
    """What a step is multiplied with, float32 [16, 16]: its inverse, for it brings less of what was missing the finer
    that is, through aperture and interpolation forth and back; `MOST_BOOST` at most."""
    f = np.arange(SIDE) / (2 * SIDE)
    aperture = 2 * (APERTURE[0] * np.cos(3 * np.pi * f) + APERTURE[1] * np.cos(np.pi * f))
    line = aperture * np.cos(np.pi * f) * _interpolation(f) ** 2
    return np.asarray(1 / np.maximum(np.outer(line, line), 1 / MOST_BOOST), np.float32)


def _interpolation(f: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Frequency response of the cubic of Keys, `f` in cycles a fine pixel."""
    t = np.linspace(0, 2, 2001)
    near, far = (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
    kernel = np.where(t <= 1, near, far)
    return np.asarray(2 * np.trapezoid(kernel * np.cos(2 * np.pi * f[:, None] * t), t, axis=1))
