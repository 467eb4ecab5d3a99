"""A lens: blur, distortion, lateral colour, shading, and the DNG opcodes that undo the last three."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Area, GainMap, Opcode, OpcodeLists, WarpRectilinear
from lichtbild.core.errors import UsageError
from lichtbild.optics.psf_field import through_pixels

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BLUR_RADIUS = 10
LENS_TERMS = 15
# Patterns are given at the corners of cells of so many px.
CELL_PX = 128
_PATTERN_SAMPLES_PX = 8
SHADING_ROWS, SHADING_COLUMNS = 13, 17


@dataclass(frozen=True)
class Lens:
    """What a lens does to a picture.

    Parameters
    ----------
    psf_sigma_px
        Standard deviation of the Gaussian blur, px of the mosaic.
    radial
        For red, green, blue: (kr1, kr2, kr3) of the DNG warp r_raw = r * (1 + kr1 r^2 + kr2 r^4 + kr3 r^6), r = 1 at
        the corner. Negative kr1: barrel. Differences between the colours are lateral chromatic aberration.
    corner_gain
        For red, green, blue: by how much the corner is darker than the centre (1: not at all).
    """

    psf_sigma_px: float = 0.45
    radial: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),) * 3
    corner_gain: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def has_warp(self) -> bool:
        return any(k != 0 for plane in self.radial for k in plane)

    @property
    def has_shading(self) -> bool:
        return self.corner_gain != (1.0, 1.0, 1.0)

    def blur_taps(self, oversampling: float, aperture_px: float = 1.0) -> Float32:
        """Symmetric taps [21] that turn scene samples into coefficients of a quintic spline whose surface is the scene
        seen through this lens and a square pixel of `aperture_px`.

        Least squares in frequency up to the scene's Nyquist limit, weighted like the spectrum of pictures (1/f).
        """
        f = np.linspace(0, 0.5, 400)
        wanted = np.exp(-2 * (np.pi * self.psf_sigma_px * f * oversampling) ** 2) * np.sinc(
            f * oversampling * aperture_px
        )
        basis = np.cos(2 * np.pi * f[:, None] * np.arange(BLUR_RADIUS + 1)) * np.where(np.arange(BLUR_RADIUS + 1), 2, 1)
        basis *= np.sinc(f)[:, None] ** 6
        weight = (1 / np.maximum(f, 0.01))[:, None]
        half = np.linalg.lstsq(basis * weight, wanted * weight[:, 0], rcond=None)[0]
        taps = np.concatenate([half[:0:-1], half])
        return np.asarray(taps / taps.sum(), np.float32)

    def psf_nodes(self, shape: tuple[int, int], spot_px: float = 0.0) -> Float32:
        """float32 [N_y, N_x, 3, T, T]: weights at the corners of cells of 128 px, for `simulate_blur_sites`: the blur,
        the disc of an open lens out of focus (`spot_px` wide) and the pixel; alike everywhere."""
        reach = 3.5 * self.psf_sigma_px + 0.5 * abs(spot_px) + 2.0
        n = 2 * round((reach + 1) * _PATTERN_SAMPLES_PX) + 1
        pattern = spot_pattern(n, 1 / _PATTERN_SAMPLES_PX, self.psf_sigma_px, abs(spot_px))
        weights = through_pixels(pattern, 1 / _PATTERN_SAMPLES_PX, 1.0, 4 * round(reach))
        n_y, n_x = (-(-m // CELL_PX) + 1 for m in shape)
        return np.ascontiguousarray(np.broadcast_to(weights, (n_y, n_x, 3, *weights.shape)))

    def undistortion(self) -> Float32:
        """float32 [3, 15]: raw position p -> ideal c + (p - c) * (1 + sum_k a_k r^k), k from 0, r = 1 at the corner."""
        ideal = np.linspace(0, 1.25, 400)
        out = np.zeros((3, LENS_TERMS))
        for plane, (k1, k2, k3) in enumerate(self.radial):
            raw = ideal * (1 + ideal**2 * (k1 + ideal**2 * (k2 + ideal**2 * k3)))
            if np.any(np.diff(raw) <= 0):
                raise UsageError("this distortion folds the picture over", where="Lens.radial")
            inside = raw <= 1.02
            powers = raw[inside, None] ** np.arange(3, 12, 2)
            out[plane, 2:11:2] = np.linalg.lstsq(powers, (ideal - raw)[inside], rcond=None)[0]
        return out.astype(np.float32)

    def to_raw(self, x: Float64, y: Float64, shape: tuple[int, int], plane: int = 1) -> tuple[Float64, Float64]:
        """Where a point of the ideal picture lies on the sensor, px (pixel centre at + 0.5)."""
        cx, cy, inverse_r2 = lens_frame(shape)
        r2 = ((x - cx) ** 2 + (y - cy) ** 2) * inverse_r2
        k1, k2, k3 = self.radial[plane]
        factor = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return cx + (x - cx) * factor, cy + (y - cy) * factor

    def shading_gain(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int]) -> Float32:
        """float32 [13, 17, 4]: gain that undoes the shading, of each CFA site, nodes from edge to edge."""
        v, u = np.linspace(-1, 1, SHADING_ROWS)[:, None], np.linspace(-1, 1, SHADING_COLUMNS)[None, :]
        diagonal = shape[0] ** 2 + shape[1] ** 2
        r2 = (v * v * shape[0] ** 2 + u * u * shape[1] ** 2) / diagonal
        # cos^4-like: the field angle whose fall-off gives the corner's gain.
        per_colour = [(1 + r2 * (np.sqrt(gain) - 1)) ** 2 for gain in self.corner_gain]
        return np.asarray(np.stack([per_colour[c] for c in site_colours], 2), np.float32)

    def opcodes(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int], quad: int = 1) -> OpcodeLists:
        """What a phone writes beside such pixels: GainMaps for the four sites (list 2), WarpRectilinear (list 3)."""
        on_linear = gain_maps(self.shading_gain(shape, site_colours), shape, quad) if self.has_shading else []
        after: list[Opcode] = []
        if self.has_warp:
            radial = tuple((1.0, *(float(k) for k in plane)) for plane in self.radial)
            after.append(WarpRectilinear(radial, ((0.0, 0.0),) * 3, 0.5, 0.5))
        return OpcodeLists((), tuple(on_linear), tuple(after))


def spot_pattern(n: int, pitch_px: float, sigma_px: float, diameter_px: float) -> Float64:
    """float64 [n, n], sum 1: an even disc blurred by a Gaussian, by the product of their transforms."""
    f = np.fft.fftfreq(n, pitch_px)
    radius = np.hypot(f[:, None], f)
    # An even disc sampled by the share of each sample that it covers, its edge taken as straight.
    at = (np.arange(n) - n // 2) * pitch_px
    inside = 0.5 * diameter_px - np.hypot(at[:, None], at)
    disc = np.clip(inside / pitch_px + 0.5, 0, 1)
    if diameter_px < 2 * pitch_px:
        disc = np.zeros((n, n))
        disc[n // 2, n // 2] = 1
    spread = np.fft.fft2(np.fft.ifftshift(disc)) * np.exp(-2 * (np.pi * sigma_px * radius) ** 2)
    pattern = np.maximum(np.fft.fftshift(np.fft.ifft2(spread).real), 0)
    return np.asarray(pattern / pattern.sum())


def gain_maps(gain: Float32, shape: tuple[int, int], quad: int) -> list[Opcode]:
    """GainMap opcodes of the four sites (16 of a quad-Bayer sensor) from `shading_gain`."""
    maps: list[Opcode] = []
    for site in range(4):
        for i in range(quad):
            for j in range(quad):
                top, left = (site // 2) * quad + i, (site % 2) * quad + j
                area = Area(top, left, shape[0], shape[1], 0, 1, 2 * quad, 2 * quad)
                nodes = np.ascontiguousarray(gain[:, :, site : site + 1])
                spacing = (1 / (SHADING_ROWS - 1), 1 / (SHADING_COLUMNS - 1))
                maps.append(GainMap(area, *spacing, 0.0, 0.0, nodes))
    return maps


def lens_frame(shape: tuple[int, int]) -> tuple[float, float, float]:
    """Centre x, y in px and 1 / (distance of the corner)^2."""
    return shape[1] / 2, shape[0] / 2, 4 / (shape[0] ** 2 + shape[1] ** 2)
