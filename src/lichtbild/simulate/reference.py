"""The kernels of the simulation in clear NumPy: same arguments, outputs returned instead of filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
UInt32 = npt.NDArray[np.uint32]

SMALL_COUNT = 10.0
MOTION_ROWS, CELL_PX = 16, 128
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
    motion: Float32,
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
    u, v = _seen_at(column + 0.5, row + 0.5, np.moveaxis(terms, -1, 0), lens_frame, motion)
    sx, sy = u * oversampling + origin_x, v * oversampling + origin_y
    i, j = np.floor(sx).astype(np.intp), np.floor(sy).astype(np.intp)
    wx, wy = spline_weights(sx - i), spline_weights(sy - j)
    i, j = np.clip(i, 2, width - 4), np.clip(j, 2, height - 4)
    total = np.zeros(shape)
    for n in range(6):
        for m in range(6):
            total += wy[n] * wx[m] * coefficients[plane, j + n - 2, i + m - 2]
    return total.astype(np.float32)


def _seen_at(px: Any, py: Any, terms: Any, lens_frame: Float32, motion: Float32) -> tuple[Any, Any]:
    """Where places of the frame look, by the lens (terms of r^0, r^1 ...) and by the motion of their rows, px."""
    dx, dy = px - float(lens_frame[0]), py - float(lens_frame[1])
    r = np.sqrt((dx * dx + dy * dy) * float(lens_frame[2]))
    stretch = sum(a * r**k for k, a in enumerate(terms))
    qx, qy = px + dx * stretch, py + dy * stretch
    at = py / MOTION_ROWS
    node = np.clip(np.floor(at).astype(int), 0, motion.shape[0] - 2)
    share = (at - node)[..., None]
    h = np.moveaxis(motion[node].astype(float) * (1 - share) + motion[node + 1] * share, -1, 0)
    scale = 1 + h[6] * qx + h[7] * qy
    return ((1 + h[0]) * qx + h[1] * qy + h[2]) / scale, (h[3] * qx + (1 + h[4]) * qy + h[5]) / scale


def simulate_project(
    coefficients: Float32,
    lens: Float32,
    lens_frame: Float32,
    motion: Float32,
    first_row: int,
    border: int,
    oversampling: float,
    origin_x: float,
    origin_y: float,
    shape: tuple[int, int],
) -> Float32:
    """float32 [n, R, 4, W4] for `shape` (R, W4); arguments as the kernel's."""
    rows, columns = shape
    out = np.empty((coefficients.shape[0], rows, columns * 4), np.float64)
    px = ((np.arange(columns * 4) - border + 0.5) / 2)[None, :]
    py = ((np.arange(rows) + first_row + 0.5) / 2)[:, None]
    for plane in range(coefficients.shape[0]):
        terms = lens[min(plane, len(lens) - 1)].astype(float)
        u, v = _seen_at(px, py, terms, lens_frame, motion)
        x, y = u * oversampling + origin_x, v * oversampling + origin_y
        out[plane] = _spline(coefficients[plane], x, y)
    return out.reshape(coefficients.shape[0], rows, columns, 4).swapaxes(2, 3).astype(np.float32)


def _spline(coefficients: Float32, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    height, width = coefficients.shape
    i = np.clip(np.floor(x).astype(int), 2, width - 4)
    j = np.clip(np.floor(y).astype(int), 2, height - 4)
    wx, wy = spline_weights(x - np.floor(x)), spline_weights(y - np.floor(y))
    total = np.zeros(x.shape)
    for n in range(6):
        for m in range(6):
            total += wy[n] * wx[m] * coefficients[j + n - 2, i + m - 2]
    return total


def simulate_blur_sites(
    samples: Float32,
    psf: Float32,
    planes: npt.NDArray[np.int32],
    quad_shift: int,
    first_row: int,
    shape: tuple[int, int],
) -> Float32:
    """float32 [H, W] for `shape`; arguments as the kernel's."""
    height, width = shape
    taps = psf.shape[-1]
    fine = samples.swapaxes(2, 3).reshape(3, samples.shape[1], -1).astype(np.float64)
    y, x = np.mgrid[:height, :width]
    y = y + first_row
    plane = planes[(y >> quad_shift) & 1, (x >> quad_shift) & 1]
    cy, cx = y // CELL_PX, x // CELL_PX
    fy, fx = (y % CELL_PX + 0.5) / CELL_PX, (x % CELL_PX + 0.5) / CELL_PX
    total = np.zeros(shape)
    for n, weight in enumerate(((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy)):
        for k in range(taps):
            for m in range(taps):
                total += (
                    weight * fine[plane, 2 * (y - first_row) + k, 2 * x + m] * psf[cy + n // 2, cx + n % 2, plane, k, m]
                )
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
    pixel = _framed(shape, seed)[1:-1, 1:-1]
    return *_normals(pixel), _uniform(mix(pixel + np.uint32(0xBB67AE85)))


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


def _neighbours(of: npt.NDArray[np.float64], edge: float, corner: float) -> npt.NDArray[np.float64]:
    p = np.pad(of, 1, "edge")
    edges = p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1]
    corners = p[2:, 2:] + p[2:, :-2] + p[:-2, 2:] + p[:-2, :-2]
    return of * (1 - 4 * (edge + corner)) + edge * edges + corner * corners


def _framed(shape: tuple[int, int], seed: int) -> npt.NDArray[np.uint32]:
    """The hash of every pixel and of a border of one around the frame."""
    y, x = (np.arange(-1, n + 1).astype(np.uint32) for n in shape)
    with np.errstate(over="ignore"):
        row = mix(np.uint32(seed) ^ mix(y + np.uint32(0x9E3779B9)))
        return mix(row[:, None] + x[None, :] * np.uint32(0x9E3779B9))


def _normals(h: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    u, v = _uniform(h), _uniform(mix(h + np.uint32(0x6A09E667)))
    radius = np.sqrt(-2 * np.log(u))
    return radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)


def _uniform(h: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    return (h >> np.uint32(8)).astype(np.float64) * 2.0**-24 + 2.0**-25


def simulate_expose(
    light: Float32, gain: Float32, physics: Float32, quad_shift: int, seed: int, sensor_seed: int
) -> npt.NDArray[np.uint16]:
    """Shading, photons, electrons, noise, numbers; arguments as the kernel's."""
    (at_white, optical_edge, optical_corner, prnu, dark, dsnu, charge_edge, charge_corner, well, jump_share, jump,
     dn_e, read_dn, row_dn, column_dn, black, white) = (float(v) for v in physics)  # fmt: skip
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
    # Two rings of repeated light, as crosstalk reaches twice; counts of the ring around the frame are drawn too.
    struck = np.pad(np.maximum(light.astype(np.float64), 0) / spatial * at_white, 2, "edge")
    pixel, fixed = _framed(light.shape, seed), _framed(light.shape, sensor_seed)
    z_shot, z_read = _normals(pixel)
    z_response, z_dark = _normals(fixed)
    mean = _neighbours(struck, optical_edge, optical_corner)[1:-1, 1:-1] * np.maximum(1 + prnu * z_response, 0) + dark
    counted = poisson(mean, _uniform(mix(pixel + np.uint32(0xBB67AE85))), z_shot)
    charge = _neighbours(counted, charge_edge, charge_corner)
    u_jump, u_size = (_uniform(mix(fixed + np.uint32(k))) for k in (0xBB67AE85, 0x3C6EF372))
    state = np.where(_uniform(mix(pixel + np.uint32(0x3C6EF372))) < 0.5, -0.5, 0.5)
    electrons = (
        np.minimum(charge, well) + dsnu * z_dark + np.where(u_jump < jump_share, -jump * np.log(u_size) * state, 0)
    )
    electrons, z_read = electrons[1:-1, 1:-1], z_read[1:-1, 1:-1]
    z_row = _normals(mix(np.uint32(seed) ^ mix(np.arange(height, dtype=np.uint32) + np.uint32(0xA54FF53A))))[0]
    z_column = _normals(mix(np.uint32(sensor_seed) ^ mix(np.arange(width, dtype=np.uint32))))[0]
    number = electrons * dn_e + z_read * read_dn + z_row[:, None] * row_dn + z_column * column_dn + black
    return np.clip(np.floor(number + 0.5), 0, white).astype(np.uint16)
