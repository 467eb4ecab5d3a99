"""The kernels of the simulation in clear NumPy: same arguments, outputs returned instead of filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
UInt32 = npt.NDArray[np.uint32]

SMALL_COUNT = 10.0
POISSON_TERMS = 32


def simulate_blur(scene: Float32, matrix: Float32, taps: Float32) -> Float32:
    """Colours mixed, then a symmetric blur along columns and rows, edges repeated; float32 [n_out, H, W]."""
    mixed = np.einsum("oi,ihw->ohw", matrix.astype(np.float64), scene.astype(np.float64))
    radius = len(taps) // 2
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        wide = np.pad(mixed, pad, mode="edge")
        n = mixed.shape[axis]
        mixed = sum(float(t) * np.take(wide, np.arange(k, k + n), axis) for k, t in enumerate(taps))
    return np.asarray(mixed, np.float32)


def spline_weights(f: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Quintic B-spline at f in [0, 1) from samples -2 ... 3, from its definition by truncated powers."""
    signs = (1, -6, 15, -20, 15, -6, 1)
    return [
        np.asarray(sum(s * np.maximum(f - k + 3 - n, 0) ** 5 for n, s in enumerate(signs)) / 120) for k in range(-2, 4)
    ]


def simulate_sample(
    coefficients: Float32,
    lens: Float32,
    lens_frame: Float32,
    affine: Float32,
    planes: npt.NDArray[np.int32],
    quad_shift: int,
    top: int,
    left: int,
    oversampling: float,
    origin_x: float,
    origin_y: float,
    shape: tuple[int, int],
) -> Float32:
    """Spline at the place each pixel of a mosaic of `shape` sees; arguments as the kernel's."""
    n_planes, height, width = coefficients.shape
    row, column = (a.astype(np.intp) for a in np.mgrid[top : top + shape[0], left : left + shape[1]])
    plane = np.clip(planes[(row >> quad_shift) & 1, (column >> quad_shift) & 1], 0, n_planes - 1)
    terms = lens.astype(np.float64)[np.minimum(plane, lens.shape[0] - 1)]
    px, py = column + 0.5, row + 0.5
    dx, dy = px - float(lens_frame[0]), py - float(lens_frame[1])
    r2 = (dx * dx + dy * dy) * float(lens_frame[2])
    stretch = sum(terms[..., k] * r2 ** (k + 1) for k in range(lens.shape[1]))
    qx, qy = px + dx * stretch, py + dy * stretch
    a = affine.astype(np.float64)
    sx = (qx + a[0, 0] * qx + a[0, 1] * qy + a[0, 2]) * oversampling + origin_x
    sy = (qy + a[1, 0] * qx + a[1, 1] * qy + a[1, 2]) * oversampling + origin_y
    i, j = np.floor(sx).astype(np.intp), np.floor(sy).astype(np.intp)
    wx, wy = spline_weights(sx - i), spline_weights(sy - j)
    i, j = np.clip(i, 2, width - 4), np.clip(j, 2, height - 4)
    total = np.zeros(shape)
    for n in range(6):
        for m in range(6):
            total += wy[n] * wx[m] * coefficients[plane, j + n - 2, i + m - 2]
    return total.astype(np.float32)


def mix(h: Any) -> UInt32:
    """The hash of the kernel."""
    h = np.asarray(h, np.uint32)
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x7FEB352D)
    h = h ^ (h >> np.uint32(15))
    h = h * np.uint32(0x846CA68B)
    return np.asarray(h ^ (h >> np.uint32(16)), np.uint32)


def random_numbers(shape: tuple[int, int], seed: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Two standard normals and a uniform for every pixel, independent, a function of (seed, row, column) alone."""
    y, x = np.arange(shape[0], dtype=np.uint32)[:, None], np.arange(shape[1], dtype=np.uint32)[None, :]
    row = mix(np.uint32(seed) ^ mix(y + np.uint32(0x9E3779B9)))
    pixel = mix(row + x * np.uint32(0x9E3779B9))
    draws = [pixel, mix(pixel + np.uint32(0x6A09E667)), mix(pixel + np.uint32(0xBB67AE85))]
    u1, u2, u3 = ((d >> np.uint32(8)).astype(np.float64) * 2.0**-24 + 2.0**-25 for d in draws)
    radius = np.sqrt(-2 * np.log(u1))
    return radius * np.cos(2 * np.pi * u2), radius * np.sin(2 * np.pi * u2), u3


def poisson(
    mean: npt.NDArray[np.float64], u: npt.NDArray[np.float64], z: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Counts of the given means: the inverse of the distribution below 10, Cornish and Fisher's expansion above."""
    small = np.minimum(mean, SMALL_COUNT)
    chance = np.exp(-small)
    below, count = chance.copy(), np.zeros_like(mean)
    for k in range(1, POISSON_TERMS + 1):
        count += u > below
        chance = chance * small / k
        below += chance
    root = np.sqrt(np.maximum(mean, 1))
    large = mean + root * z + (z * z - 1) / 6 + (z - z**3) / (72 * root)
    return np.where(mean < SMALL_COUNT, count, np.maximum(np.floor(large + 0.5), 0))


def simulate_expose(
    light: Float32,
    gain: Float32,
    alpha: float,
    beta: float,
    black: float,
    white: float,
    quad_shift: int,
    seed: int,
) -> npt.NDArray[np.uint16]:
    """Shading, photons, read noise, numbers; arguments as the kernel's."""
    height, width = light.shape
    n_y, n_x = gain.shape[:2]
    u = (np.arange(width) + 0.5) / width * (n_x - 1)
    v = (np.arange(height) + 0.5) / height * (n_y - 1)
    i, j = np.minimum(u.astype(int), n_x - 2), np.minimum(v.astype(int), n_y - 2)
    fx, fy = (u - i)[None, :], (v - j)[:, None]
    y, x = np.mgrid[:height, :width]
    site = ((x >> quad_shift) & 1) + 2 * ((y >> quad_shift) & 1)
    corner = [gain[(j + a)[:, None], (i + b)[None, :], site] for a in (0, 1) for b in (0, 1)]
    spatial = (corner[0] * (1 - fx) + corner[1] * fx) * (1 - fy) + (corner[2] * (1 - fx) + corner[3] * fx) * fy
    electrons = np.maximum(light.astype(np.float64), 0) / (spatial * alpha)
    z_shot, z_read, u3 = random_numbers(light.shape, seed)
    signal = poisson(electrons, u3, z_shot) * alpha + z_read * np.sqrt(beta)
    return np.clip(np.floor(signal * (white - black) + black + 0.5), 0, white).astype(np.uint16)
