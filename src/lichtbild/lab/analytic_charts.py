"""Pictures of charts whose answer is known: a sine star, dots through a known lens, dead leaves through a known blur.

Drawn on a grid of subpixels, blurred there and averaged over square pixels; what is left of the subpixels is below
0.02 px for a border and 0.003 of MTF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def pixel_transfer(frequency: Floats, low_rad: float = 0.0, high_rad: float = np.pi / 2) -> Floats:
    """MTF of a square pixel, averaged over directions of the frequency between two angles."""
    angles = np.linspace(low_rad, high_rad, 91)
    across = np.sinc(np.multiply.outer(frequency, np.cos(angles))) * np.sinc(
        np.multiply.outer(frequency, np.sin(angles))
    )
    return np.asarray(across.mean(-1))


def sine_star(
    side: int, centre: tuple[float, float], n_cycles: int, radius_px: float, sigma_px: float, subpixels: int = 8
) -> Floats:
    """A star of modulation 0.8 blurred by a Gaussian, float64 [side, side].

    Its MTF in a segment is exp(-2 pi^2 s^2 f^2) times `pixel_transfer` over the segment's directions.
    """
    from scipy import ndimage

    at = (np.arange(side * subpixels) + 0.5) / subpixels
    y, x = at[:, None] - centre[0], at[None, :] - centre[1]
    star = (0.5 + 0.4 * np.cos(n_cycles * np.arctan2(y, x)) * (np.hypot(y, x) < radius_px)).astype(np.float32)
    return _seen(ndimage.gaussian_filter(star, sigma_px * subpixels), subpixels)


def _seen(fine: Floats, subpixels: int) -> Floats:
    h, w = (n // subpixels for n in fine.shape)
    return np.asarray(fine.reshape(h, subpixels, w, subpixels).mean((1, 3)), np.float64)


@dataclass(frozen=True)
class KnownLens:
    """A lens by formula: seen = centre + magnification R(r) (ideal - centre), r in half diagonals.

    Parameters
    ----------
    radial
        k1, k2, k3 of R = 1 + k1 r^2 + k2 r^4 + k3 r^6.
    offset_px
        (row, column) of its centre from the picture's.
    magnification
        Of this colour against green.
    falloff
        Light at r: 1 - falloff r^2.
    sigma_px
        Gaussian blur.
    """

    radial: tuple[float, float, float] = (0.0, 0.0, 0.0)
    offset_px: tuple[float, float] = (0.0, 0.0)
    magnification: float = 1.0
    falloff: float = 0.0
    sigma_px: float = 0.8

    def centre(self, shape: tuple[int, int]) -> tuple[float, float]:
        """(row, column), px."""
        return shape[0] / 2 + self.offset_px[0], shape[1] / 2 + self.offset_px[1]

    def ideal(self, y: Floats, x: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Ideal (row, column) of what is seen at (y, x), by fixed-point iteration."""
        cy, cx = self.centre(shape)
        unit = float(np.hypot(*shape)) / 2
        dy, dx = (y - cy) / self.magnification, (x - cx) / self.magnification
        seen = np.hypot(dy, dx) / unit
        r = seen.copy()
        for _ in range(14):
            r = seen / (1 + sum(k * r ** (2 * i + 2) for i, k in enumerate(self.radial)))
        factor = np.where(seen > 0, r / np.maximum(seen, 1e-12), 1.0)
        return cy + dy * factor, cx + dx * factor


@dataclass(frozen=True)
class Attitude:
    """How a flat chart stands: turned by `angle_deg`, in perspective by `tilt` (per px of the picture)."""

    angle_deg: float = 1.5
    tilt: float = 2e-5

    def on_chart(self, y: Floats, x: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """(row, column) from the chart's middle, of places of an undistorted picture, px."""
        a = np.radians(self.angle_deg)
        v, u = y - shape[0] / 2, x - shape[1] / 2
        across, down = np.cos(a) * u + np.sin(a) * v, -np.sin(a) * u + np.cos(a) * v
        away = 1 + self.tilt * across
        return down / away, across / away


def dot_chart(
    shape: tuple[int, int],
    lens: KnownLens,
    attitude: Attitude | None = None,
    pitch_px: float = 28.0,
    radius_px: float = 6.0,
    subpixels: int = 4,
) -> Floats:
    """Dark dots on bright ground, one in the chart's middle, seen through `lens`; float64 [H, W]."""
    from scipy import ndimage

    rows, columns = ((np.arange(n * subpixels) + 0.5) / subpixels for n in shape)
    y, x = lens.ideal(rows[:, None], columns[None, :], shape)
    down, across = (attitude or Attitude()).on_chart(y, x, shape)
    distance = np.hypot(*(pitch_px * (v / pitch_px - np.rint(v / pitch_px)) for v in (down, across)))
    # A border as wide as a subpixel: its place is kept to a hundredth of one.
    share = np.clip((radius_px - distance) * subpixels + 0.5, 0, 1)
    fine = (0.9 - 0.85 * share).astype(np.float32)
    picture = _seen(ndimage.gaussian_filter(fine, lens.sigma_px * subpixels), subpixels)
    v, u = ((np.arange(n) + 0.5 - n / 2) / (np.hypot(*shape) / 2) for n in shape)
    return np.asarray(picture * (1 - lens.falloff * (v[:, None] ** 2 + u[None, :] ** 2)))


def target_seen(
    target: Floats, side: int, sigma_px: float, angle_deg: float = 2.0, share: float = 0.9, subpixels: int = 6
) -> tuple[Floats, Floats]:
    """A square target turned and blurred, float64 [side, side], and where its corners are, (row, column) [4, 2].

    Its MTF is exp(-2 pi^2 s^2 f^2) times `pixel_transfer`.
    """
    from scipy import ndimage

    at = (np.arange(side * subpixels) + 0.5) / subpixels - side / 2
    v, u = np.meshgrid(at, at, indexing="ij")
    a, scale = np.radians(angle_deg), target.shape[0] * share / side
    half = target.shape[0] / 2
    across, down = np.cos(a) * u - np.sin(a) * v, np.sin(a) * u + np.cos(a) * v
    fine = ndimage.map_coordinates(
        np.asarray(target, np.float64),
        [half + scale * down - 0.5, half + scale * across - 0.5],
        order=3,
        mode="nearest",
    )
    picture = _seen(ndimage.gaussian_filter(fine, sigma_px * subpixels), subpixels)
    ends = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * half / scale
    corners = np.stack(
        [np.cos(a) * ends[:, 0] - np.sin(a) * ends[:, 1], np.sin(a) * ends[:, 0] + np.cos(a) * ends[:, 1]], 1
    )
    return picture, np.asarray(corners + side / 2)


def slanted_squares(
    shape: tuple[int, int],
    middles: Floats,
    side_px: float,
    sigma_px: float,
    angle_deg: float = 5.0,
    dark: float = 0.2,
    bright: float = 0.8,
) -> Floats:
    """Dark squares on bright ground; the edges are exact (`edge_model`), their corners to a pixel. float64 [H, W].

    Parameters
    ----------
    middles
        (row, column) of each, [n, 2], px.
    side_px
        Of a square.
    sigma_px
        Gaussian blur.
    angle_deg
        They are turned by.
    """
    from lichtbild.lab.edge_model import GaussianEdge

    picture = np.full(shape, bright)
    a, edge = np.radians(angle_deg), GaussianEdge(sigma_px, np.radians(angle_deg))
    reach = int(side_px * 0.75 + 6 * sigma_px + 4)
    for row, column in middles:
        rows = slice(max(int(row) - reach, 0), min(int(row) + reach, shape[0]))
        columns = slice(max(int(column) - reach, 0), min(int(column) + reach, shape[1]))
        y = np.arange(rows.start, rows.stop)[:, None] + 0.5 - row
        x = np.arange(columns.start, columns.stop)[None, :] + 0.5 - column
        u, v = x * np.cos(a) - y * np.sin(a), x * np.sin(a) + y * np.cos(a)
        inside = np.ones(u.shape)
        for w in (u, v):
            inside *= edge.looked_up(w + side_px / 2)[0] * edge.looked_up(side_px / 2 - w)[0]
        picture[rows, columns] -= (bright - dark) * inside
    return picture
