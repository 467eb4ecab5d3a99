"""Lateral colour found in the picture itself: how far red and blue are drawn out against green."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import WarpRectilinear
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame

Doubles = npt.NDArray[np.float64]

TILE_PX = 48
_BORDER = 8
MOST_TILES = 700
N_TERMS = 3
ROUNDS = 4
# Less than this at its greatest is not seen, and not worth a resampling of its own.
LEAST_PX = 0.1
# What a colour must stand out of its own uncertainty by.
CERTAIN = 4.0
_MIN_TILES = 24
# Against high powers, which would run away where no tile holds them.
_HELD_BACK = (1e-6, 1e-4, 2e-3)


@dataclass(frozen=True)
class LateralColour:
    """Radius in red's and blue's picture over that in green's, less 1: k_0 + k_1 r^2 + k_2 r^4, r = 1 at the corner.

    Parameters
    ----------
    red, blue
        (k_0, k_1, k_2).
    greatest_px, error_px
        Of red and blue, over the field: the largest displacement, and the standard error of it.
    n_tiles
        Places that told.
    """

    red: tuple[float, ...]
    blue: tuple[float, ...]
    greatest_px: tuple[float, float]
    error_px: tuple[float, float]
    n_tiles: int

    @property
    def is_certain(self) -> bool:
        """Worth undoing: seen, and known well enough."""
        return any(g > max(LEAST_PX, CERTAIN * e) for g, e in zip(self.greatest_px, self.error_px, strict=True))

    def warp(self) -> WarpRectilinear:
        """The opcode that undoes it, on the picture as it was taken (first in the list)."""
        planes = [(1 + k[0], k[1], k[2], 0.0) for k in (self.red, (0.0, 0.0, 0.0), self.blue)]
        return WarpRectilinear(tuple(planes), ((0.0, 0.0),) * 3, 0.5, 0.5)


def lateral_colour(frame: Frame) -> LateralColour | None:
    """Lateral colour of a picture, from its own edges.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB [H, W, 3], or a MOSAIC [H, W] of a Bayer sensor; the lens's warp not undone yet.

    Returns
    -------
    None where too little is to be seen: flat, or smaller than some tiles.

    Notes
    -----
    In square roots (where noise is even) a colour's tile is a line of green's, shifted: C = a + b G + b d dG/dr. Least
    squares give the shift d along the radius; green is shifted by the model so far and d asked again. The model is
    fitted to all tiles at once, weights falling with the residual: edges between colours of unlike chroma shift by
    chance, lateral colour goes with the radius. Fails on pictures whose sharp places all lie near the middle (then the
    error is large, and nothing is done). Cost: 0.3 s of processor time for 12 MP.
    """
    frame.require(Domain.CAMERA_RGB, Domain.MOSAIC)
    height, width = frame.shape
    if min(height, width) < 4 * (TILE_PX + 2 * _BORDER):
        return None
    if frame.domain is Domain.MOSAIC and (frame.info.cfa is None or frame.info.cfa.quad != 1):
        return None
    corners = _sharp_tiles(frame)
    if len(corners) < _MIN_TILES:
        return None
    tiles = np.sqrt(np.maximum(_tiles(frame, corners), 0)).astype(np.float64)
    middle = corners + TILE_PX / 2
    y, x = middle[:, 0] - height / 2, middle[:, 1] - width / 2
    half = 0.5 * float(np.hypot(height, width))
    radius = np.hypot(y, x)
    unit = np.stack([y, x]) / np.maximum(radius, 1e-9)
    fits = [_fitted(tiles, colour, unit, radius / half, half) for colour in (0, 2)]
    return LateralColour(fits[0][0], fits[1][0], (fits[0][1], fits[1][1]), (fits[0][2], fits[1][2]), len(corners))


def _sharp_tiles(frame: Frame) -> npt.NDArray[np.intp]:
    """Corners (row, column) of the tiles with the most detail, some from every distance; even numbers."""
    height, width = frame.shape
    # From border to border: the corners tell most.
    rows, columns = (
        np.linspace(_BORDER + 2, n - TILE_PX - _BORDER - 2, n // TILE_PX).astype(np.intp) // 2 * 2
        for n in (height, width)
    )
    if frame.domain is Domain.MOSAIC:
        light = frame.pixels[0::2, 0::2][: height // 2, : width // 2]
        unit = 2
    else:
        light, unit = frame.pixels[::2, ::2, 1], 2
    n = TILE_PX // unit
    root = np.sqrt(np.maximum(light, 0))
    energy = np.empty((rows.size, columns.size))
    for i, row in enumerate(rows):
        strip = root[row // unit : row // unit + n]
        detail = np.abs(np.diff(strip, axis=1)).max(0)
        full = strip.max(0) > 0.97  # clipped light has no shape
        for j, column in enumerate(columns):
            at = slice(column // unit, column // unit + n)
            energy[i, j] = 0.0 if full[at].any() else np.sort(detail[at])[-n // 3 :].mean()
    y, x = np.meshgrid(rows + TILE_PX / 2 - height / 2, columns + TILE_PX / 2 - width / 2, indexing="ij")
    ring = np.asarray(np.minimum(8 * np.hypot(y, x) / (0.5 * np.hypot(height, width)), 7), np.intp)
    floor = max(0.02, 2 * float(np.median(energy)) * 0.25)
    chosen = []
    for distance in range(8):
        in_ring = np.nonzero((ring == distance) & (energy > floor))
        best = np.argsort(-energy[in_ring])[: MOST_TILES // 8]
        chosen.append(np.stack([rows[in_ring[0][best]], columns[in_ring[1][best]]], 1))
    return np.concatenate(chosen)


def _tiles(frame: Frame, corners: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """float32 [n, 3, 64, 64]: tiles with a border of 8 px; of a mosaic, each colour from its nearest samples by the
    symmetric mean, which shifts nothing."""
    side = TILE_PX + 2 * _BORDER
    offsets = np.arange(side) - _BORDER
    if frame.domain is Domain.CAMERA_RGB:
        rows, columns = corners[:, :1] + offsets, corners[:, 1:] + offsets
        return np.ascontiguousarray(frame.pixels[rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2))
    cfa = frame.info.cfa
    assert cfa is not None
    wide = np.arange(side + 2) - _BORDER - 1
    raw = frame.pixels[(corners[:, :1] + wide)[:, :, None], (corners[:, 1:] + wide)[:, None, :]]
    out = np.empty((len(corners), 3, side, side), np.float32)
    weights = {-1: 0.5, 0: 1.0, 1: 0.5}
    for colour in range(3):
        mask = np.array([[float(cfa.colours[(r + 1) % 2][(c + 1) % 2] == colour) for c in range(side + 2)]
                         for r in range(side + 2)], np.float32)  # fmt: skip
        total = np.zeros((len(corners), side, side), np.float32)
        norm = np.zeros((side, side), np.float32)
        for dy, wy in weights.items():
            for dx, wx in weights.items():
                at = np.s_[..., 1 + dy : 1 + dy + side, 1 + dx : 1 + dx + side]
                total += wy * wx * (raw * mask)[at]
                norm += wy * wx * mask[at]
        out[:, colour] = total / norm
    return out


def _fitted(
    tiles: Doubles, colour: int, unit: Doubles, radius: Doubles, half: float
) -> tuple[tuple[float, ...], float, float]:
    """(k, greatest displacement px, its error px) of one colour."""
    powers = half * radius[:, None] ** np.arange(1, 2 * N_TERMS, 2)
    known = np.zeros(N_TERMS)
    covariance = np.eye(N_TERMS)
    for _ in range(ROUNDS):
        shift, weight = _shifts(tiles, colour, unit, powers @ known)
        if np.count_nonzero(weight) < _MIN_TILES:
            return (0.0,) * N_TERMS, 0.0, float("inf")
        found, covariance = _robust(powers, shift, weight)
        known = known + found
    r = np.linspace(0, 1, 33)
    field = half * r[:, None] ** np.arange(1, 2 * N_TERMS, 2)
    size = np.abs(field @ known)
    error = np.sqrt(np.einsum("ij,jk,ik->i", field, covariance, field))
    # Beyond the outermost tile the model is a guess.
    inside = r <= np.quantile(radius, 0.98)
    return tuple(float(k) for k in known), float(size[inside].max()), float(error[inside][np.argmax(size[inside])])


def _shifts(tiles: Doubles, colour: int, unit: Doubles, known_px: Doubles) -> tuple[Doubles, Doubles]:
    """How far each tile of a colour lies beyond green's, shifted outwards by `known_px` already, and what it weighs."""
    green = _moved(tiles[:, 1], known_px * unit[0], known_px * unit[1])
    inner = np.s_[:, _BORDER:-_BORDER, _BORDER:-_BORDER]
    # A pattern drawn outwards by d is G(p - d u): its slope along the radius, with the sign turned.
    slope = np.zeros_like(green)
    slope[:, 1:-1, 1:-1] = -(
        (green[:, 2:, 1:-1] - green[:, :-2, 1:-1]) / 2 * unit[0][:, None, None]
        + (green[:, 1:-1, 2:] - green[:, 1:-1, :-2]) / 2 * unit[1][:, None, None]
    )
    values = tiles[:, colour][inner].reshape(len(tiles), -1)
    g, s = (v[inner].reshape(len(tiles), -1) for v in (green, slope))
    values, g, s = (v - v.mean(1, keepdims=True) for v in (values, g, s))
    gg, gs, ss = (g * g).sum(1), (g * s).sum(1), (s * s).sum(1)
    cg, cs = (values * g).sum(1), (values * s).sum(1)
    determinant = np.maximum(gg * ss - gs * gs, 1e-12)
    b, bd = (cg * ss - cs * gs) / determinant, (cs * gg - cg * gs) / determinant
    left = ((values - b[:, None] * g - bd[:, None] * s) ** 2).sum(1)
    shift = bd / np.where(np.abs(b) < 1e-6, 1e-6, b)
    # 1 / variance of the shift; tiles whose colour does not go with green's say nothing.
    weight = np.where((b > 0.1) & (np.abs(shift) < 3), b * b * ss / np.maximum(left / values.shape[1], 1e-9), 0.0)
    return np.where(weight > 0, shift, 0.0), weight


def _moved(tiles: Doubles, y_px: Doubles, x_px: Doubles) -> Doubles:
    """Each tile moved by its own (y, x), cubic; the border's frame goes stale."""
    out = tiles
    for axis, by in ((1, y_px), (2, x_px)):
        whole = np.round(by).astype(int)
        f = (whole - by)[:, None, None]  # sample at p - by = p - whole + f
        taps = [np.empty_like(out) for _ in range(4)]
        for t, n in enumerate((-1, 0, 1, 2)):
            low = (f < 0).astype(int)
            index = np.arange(out.shape[axis])
            at = np.clip(index[None, :] - whole[:, None] + n - low[:, :, 0], 0, out.shape[axis] - 1)
            shape = (len(out), -1, 1) if axis == 1 else (len(out), 1, -1)
            taps[t] = np.take_along_axis(out, np.broadcast_to(at.reshape(shape), out.shape), axis)
        f = np.where(f < 0, f + 1, f)
        out = (
            taps[0] * (0.5 * f * (-1 + f * (2 - f)))
            + taps[1] * (1 + 0.5 * f * f * (-5 + 3 * f))
            + taps[2] * (0.5 * f * (1 + f * (4 - 3 * f)))
            + taps[3] * (0.5 * f * f * (f - 1))
        )
    return out


def _robust(powers: Doubles, shift: Doubles, weight: Doubles) -> tuple[Doubles, Doubles]:
    """Coefficients and their covariance: weighted least squares, tiles that stray count less and less."""
    # No single tile may outweigh the others by more than what edges differ by.
    weight = np.minimum(weight, np.quantile(weight, 0.9) if np.any(weight > 0) else 1.0)
    used = weight.copy()
    solved, inverse = np.zeros(powers.shape[1]), np.eye(powers.shape[1])
    scale = np.abs(powers).max(0)
    basis = powers / scale
    for _ in range(8):
        normal = (basis * used[:, None]).T @ basis + used.sum() * np.diag(_HELD_BACK)
        solved = np.linalg.solve(normal, (basis * used[:, None]).T @ shift)
        left = shift - basis @ solved
        spread = 1.4826 * float(np.median(np.abs(left[weight > 0]))) if np.any(weight > 0) else 1.0
        spread = max(spread, 0.01)
        used = weight / (1 + (left / (2 * spread)) ** 2) ** 2
        inverse = np.linalg.inv(normal)
    # From how far the tiles really stray (sandwich), not from what their noise promises; a tile that holds the curve
    # to itself strays more than it shows.
    left = left / np.maximum(1 - used * np.einsum("ij,jk,ik->i", basis, inverse, basis), 0.1)
    meat = (basis * (used * left)[:, None]).T @ (basis * (used * left)[:, None])
    covariance = inverse @ meat @ inverse
    return solved / scale, covariance / np.outer(scale, scale)
