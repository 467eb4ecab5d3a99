"""Silver grain: discs thrown at random on a frame of film (Poisson), seen through a pixel, printed on paper.

With discs of one size the spectrum of density is that of a disc (Bayer 1964; Newson et al. 2017 for the same model),
and density fluctuates as its root (Selwyn, Nutting): four times the density, twice the grain. What a photographer
knows of a film is the rms granularity: the deviation of density 1 in an aperture of 48 um, times 1000.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lichtbild.stages.look.model import GrainLook

TILE_PX = 512
TILE_SCALE = 30.0
"""Codes of the tile for one standard deviation: 127 are 4.2 of them."""
APERTURE_UM = 48.0
PAPER_GAMMA = 1.5
"""Density of the print for density of the negative."""
PRINT_RANGE = 2.0
"""Density of the print's black."""

Tile = npt.NDArray[np.int8]


def _radius(n: int) -> npt.NDArray[np.float64]:
    """Spatial frequency of every bin of an n x n transform, cycles per sample."""
    f = np.fft.fftfreq(n)
    return np.asarray(np.hypot(f[:, None], f[None, :]))


def _disc(frequency: npt.NDArray[np.float64], diameter: float) -> npt.NDArray[np.float64]:
    """Transfer of a disc, 2 J1(x) / x with x = pi f d: by series and asymptote (Abramowitz & Stegun 9.4.4 and 6)."""
    x = np.pi * frequency * diameter
    t = np.square(np.minimum(x, 3.0) / 3)
    near = 0.5 + t * (
        -0.56249985 + t * (0.21093573 + t * (-0.03954289 + t * (0.00443319 + t * (-0.00031761 + t * 0.00001109))))
    )
    y = 3 / np.maximum(x, 3.0)
    amplitude = 0.79788456 + y * (0.00000156 + y * (0.01659667 + y * 0.00017105))
    phase = np.maximum(x, 3.0) - 2.35619449 + y * (0.12499612 + y * (0.0000565 - y * 0.00637879))
    far = amplitude * np.cos(phase) / np.maximum(x, 3.0) ** 1.5
    return np.asarray(2 * np.where(x <= 3, near, far))


def _pixel(n: int) -> npt.NDArray[np.float64]:
    """Transfer of a square pixel at every bin of an n x n transform."""
    one = np.sinc(np.fft.fftfreq(n))
    return np.asarray(one[:, None] * one[None, :])


def sigma_density(grain: GrainLook, pixel_um: float) -> float:
    """Deviation of density 1 of the negative in a pixel of the print, from the granularity in 48 um."""
    # Integrals of the disc's power under each aperture, sampled finely in cycles per um.
    n, step_um = 512, min(grain.size_um, pixel_um, APERTURE_UM) / 4
    f = _radius(n) / step_um
    power = np.square(_disc(f, grain.size_um))
    told = float((power * np.square(_disc(f, APERTURE_UM))).sum())
    axis = np.sinc(np.fft.fftfreq(n) / step_um * pixel_um)
    seen = float((power * np.square(axis[:, None] * axis[None, :])).sum())
    return float(grain.rms / 1000 * (seen / told) ** 0.5)


def sigma_stops(grain: GrainLook, short_side_px: float) -> float:
    """Deviation in stops of the print's light where the negative has density 1, in a picture of this size."""
    if grain.rms <= 0:
        return 0.0
    pixel_um = 1000 * grain.format_mm / max(short_side_px, 1.0)
    return float(min(PAPER_GAMMA * sigma_density(grain, pixel_um) / np.log10(2.0), 0.5))


def lightness_response(lightness: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Grain at Oklab lightness 0..1 of the print, relative to density 1 of the negative: as the root of the negative's
    density, and gone where the paper has no more to give."""
    light = np.maximum(lightness, 1e-3) ** 3
    print_density = np.minimum(-np.log10(light), PRINT_RANGE)
    negative = 0.15 + (PRINT_RANGE - print_density) / PAPER_GAMMA
    shoulder = 1 - lightness**8
    return np.asarray(np.sqrt(negative) * shoulder)


@functools.lru_cache(maxsize=8)
def _tile(diameter_px: float) -> Tile:
    noise = np.random.Generator(np.random.PCG64(20261130)).standard_normal((TILE_PX, TILE_PX))
    shape = _disc(_radius(TILE_PX), diameter_px) * _pixel(TILE_PX)
    plane = np.fft.ifft2(np.fft.fft2(noise) * shape).real
    plane = (plane - plane.mean()) / plane.std()
    return np.asarray(np.rint(np.clip(plane * TILE_SCALE, -127, 127)), np.int8)


@functools.cache
def _even() -> Tile:
    return np.zeros((TILE_PX, TILE_PX), np.int8)


def tile(grain: GrainLook, short_side_px: float) -> Tile:
    """A plane of grain that joins itself at its edges, int8 [TILE_PX, TILE_PX], in TILE_SCALE-ths of its deviation."""
    if grain.rms <= 0:
        return _even()
    diameter_px = grain.size_um / 1000 / grain.format_mm * short_side_px
    return _tile(round(diameter_px, 2))


@functools.cache
def dither_tile(n: int = 64) -> npt.NDArray[np.float32]:
    """Thresholds for rounding to 8 bits: float32 [n, n], every rank once in (0, 1), without low frequencies.

    White noise, made blue by taking its low frequencies out and its ranks as the new values, some rounds: what
    rounding does wrong then lies where the eye sees least.
    """
    values = np.random.Generator(np.random.PCG64(7)).random((n, n))
    keep = 1 - np.exp(-np.square(_radius(n) / 0.25))
    for _ in range(24):
        high = np.fft.ifft2(np.fft.fft2(values) * keep).real
        values = (np.argsort(np.argsort(high.ravel())).reshape(n, n) + 0.5) / (n * n)
    return np.asarray(values, np.float32)
