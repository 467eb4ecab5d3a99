"""How a lens blurs over its whole picture: point-spread functions along a radius, turned to every place of the
sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import ShapeError
from lichtbild.core.transfer import HIGHEST_PX, N_DIRECTIONS, N_FREQUENCIES, TransferField
from lichtbild.optics.aim import ObjectPoint
from lichtbild.optics.cache import kept
from lichtbild.optics.field import full_angle_deg
from lichtbild.optics.lens_file import as_json
from lichtbild.optics.prescription import Prescription
from lichtbild.optics.psf import psf, spread_mm
from lichtbild.optics.pupil import fit_pupil

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Airy radii.
_RINGS = 30


@dataclass(frozen=True)
class Band:
    """What a colour of a sensor sees: wavelengths in nm and their weights (any scale)."""

    wavelengths_nm: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def middle_nm(self) -> float:
        return self.wavelengths_nm[len(self.wavelengths_nm) // 2]

    @classmethod
    def bell(cls, centre_nm: float, sigma_nm: float, n: int = 5) -> Band:
        """A Gaussian band, sampled to two standard deviations."""
        waves = centre_nm + sigma_nm * np.linspace(-2, 2, n)
        return cls(
            tuple(float(w) for w in waves),
            tuple(float(v) for v in np.exp(-0.5 * ((waves - centre_nm) / sigma_nm) ** 2)),
        )


# Filters of a common sensor under daylight: assumed, near the published curves of phone sensors.
RED, GREEN, BLUE = Band.bell(605.0, 35.0), Band.bell(535.0, 42.0), Band.bell(460.0, 32.0)


@dataclass(frozen=True, eq=False)
class PsfField:
    """Patterns of a rotationally symmetric lens.

    Parameters
    ----------
    radii_mm
        float64 [R], distance from the middle of the picture, from 0, ascending.
    patterns
        float64 [R, C, N, N], of a point imaged straight above the middle (+y), sum 1, N odd; the place where the
        colour's light arrives in the mean lies in the middle.
    pitch_mm
        Between samples of a pattern.
    """

    radii_mm: Float64
    patterns: Float64
    pitch_mm: float

    def at(self, x_mm: Float64, y_mm: Float64) -> Float64:
        """float64 [P, C, N, N]: patterns at P places, between the radii by the straight line, turned to the place."""
        radius, angle = np.hypot(x_mm, y_mm), np.arctan2(x_mm, y_mm)
        if np.any(radius > self.radii_mm[-1] * 1.0001):
            raise ShapeError(
                f"{radius.max():.3f} mm off the middle, known to {self.radii_mm[-1]:.3f}", where="PsfField"
            )
        upper = np.clip(np.searchsorted(self.radii_mm, radius, "right"), 1, len(self.radii_mm) - 1)
        low, high = self.radii_mm[upper - 1], self.radii_mm[upper]
        share = np.clip((radius - low) / (high - low), 0, 1)
        out = np.empty((len(radius), *self.patterns.shape[1:]))
        for p in range(len(radius)):
            mixed = (1 - share[p]) * self.patterns[upper[p] - 1] + share[p] * self.patterns[upper[p]]
            out[p] = _turned(mixed, float(angle[p]))
        return out


def psf_field(
    lens: Prescription,
    radius_mm: float,
    pitch_mm: float,
    n: int = 97,
    bands: Sequence[Band] = (RED, GREEN, BLUE),
    n_radii: int = 12,
) -> PsfField:
    """Trace a lens's patterns from the middle to `radius_mm`; what was traced once is kept (`optics.cache`).

    Parameters
    ----------
    pitch_mm
        An eighth of a pixel is enough for every later step.
    n
        Samples across, odd. Light that falls outside is left out and the rest scaled to 1.

    Notes
    -----
    Cost: one pupil and one transform for every radius, colour and wavelength, about 25 ms each: 5 s at the defaults.
    """
    if n % 2 == 0:
        raise ShapeError(f"{n} samples across have no middle", where="n", hint="an odd number")
    key = {"lens": as_json(lens), "radius_mm": radius_mm, "pitch_mm": pitch_mm, "n": n, "n_radii": n_radii,
           "bands": [[band.wavelengths_nm, band.weights] for band in bands]}  # fmt: skip

    def make() -> dict[str, npt.NDArray[Any]]:
        radii, patterns = _traced(lens, radius_mm, pitch_mm, n, bands, n_radii)
        return {"radii_mm": radii, "patterns": patterns}

    found = kept("psf", key, make)
    return PsfField(found["radii_mm"], found["patterns"], pitch_mm)


def _traced(
    lens: Prescription, radius_mm: float, pitch_mm: float, n: int, bands: Sequence[Band], n_radii: int
) -> tuple[Float64, Float64]:
    wave = bands[len(bands) // 2].middle_nm
    # Patterns change faster towards the corner.
    radii = radius_mm * np.linspace(0, 1, n_radii) ** 0.8
    patterns = np.zeros((n_radii, len(bands), n, n))
    for i, radius in enumerate(radii):
        angle = full_angle_deg(lens, float(radius), wave) if radius > 0 else 0.0
        point = ObjectPoint((0.0, angle))
        for c, band in enumerate(bands):
            patterns[i, c] = _band_pattern(lens, point, band, pitch_mm, n)
    return np.asarray(radii), patterns


def _band_pattern(lens: Prescription, point: ObjectPoint, band: Band, pitch_mm: float, n: int) -> Float64:
    """One colour's pattern around its own mean place, up meaning away from the middle of the picture."""
    pupils = [fit_pupil(lens, point, wave) for wave in band.wavelengths_nm]
    weights = np.array(band.weights) / sum(band.weights)
    centre = weights @ np.array([pupil.centre_mm for pupil in pupils])
    total = np.zeros((n, n))
    for wave, weight, fitted in zip(band.wavelengths_nm, weights, pupils, strict=True):
        pupil = fitted.about((float(centre[0]), float(centre[1])))
        finest = wave * 1e-6 / (4 * float(pupil.half.max()))
        # A whole number of finer samples within each: what falls into a sample counts, not what stands in its middle.
        k = max(1, math.ceil(pitch_mm / finest))
        # Rings further out than thirty Airy radii hold less than 1 % of the light, and large pixels need not see them.
        reach = 0.5 * spread_mm(pupil) + _RINGS * 2.44 * finest
        m = min(n, 2 * math.ceil(reach / pitch_mm) + 1)
        inner = slice((n - m) // 2, (n + m) // 2)
        total[inner, inner] += weight * psf(pupil, pitch_mm / k, m * k).reshape(m, k, m, k).sum((1, 3))
    if centre[1] < 0:
        total = total[::-1]
    return np.asarray(total / total.sum())


def _turned(patterns: Float64, angle: float) -> Float64:
    """float64 [C, N, N] turned so that +y goes to (sin, cos) of `angle`, by cubic convolution, sum kept."""
    if angle == 0.0:
        return patterns
    n = patterns.shape[-1]
    half = n // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    c, s = math.cos(angle), math.sin(angle)
    # Where the sample came from: turned back.
    u, v = c * x - s * y + half, s * x + c * y + half
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    wu, wv = _cubic(u - i), _cubic(v - j)
    wide = np.pad(patterns, ((0, 0), (2, 3), (2, 3)))
    i, j = np.clip(i, -1, n) + 2, np.clip(j, -1, n) + 2
    inside = (np.abs(u - half) <= half + 1) & (np.abs(v - half) <= half + 1)
    out = np.zeros_like(patterns)
    for b in range(4):
        for a in range(4):
            out += (wv[b] * wu[a] * inside) * wide[:, j + b - 1, i + a - 1]
    out = np.maximum(out, 0)
    return np.asarray(out / out.sum((1, 2), keepdims=True))


def _cubic(f: Float64) -> list[Float64]:
    """Catmull-Rom weights of samples -1, 0, 1, 2 at f."""
    return [
        0.5 * f * (-1 + f * (2 - f)),
        1 + 0.5 * f * f * (-5 + 3 * f),
        0.5 * f * (1 + f * (4 - 3 * f)),
        0.5 * f * f * (f - 1),
    ]


def through_pixels(patterns: Float64, pitch_mm: float, pixel_mm: float, taps: int) -> Float32:
    """Patterns to the weights of samples half a pixel apart, the pixel's square included.

    Parameters
    ----------
    patterns
        float64 [..., N, N], sum 1.
    taps
        T, even: weights reach T / 4 px to each side of a pixel's centre.

    Returns
    -------
    float32 [..., T, T], sum 1: the weight of sample [k, l] at (l - (T - 1) / 2, k - (T - 1) / 2) half pixels from the
    centre of the pixel, as correlation (no further flip).
    """
    n = patterns.shape[-1]
    at = (np.arange(n) - n // 2) * (pitch_mm / pixel_mm)
    offsets = (np.arange(taps) - (taps - 1) / 2) / 2
    # The square of a pixel up to the highest frequency that samples half a px apart hold, which is its first zero.
    f = (np.arange(200) + 0.5) / 200
    # How much of the light that a sample sends to `offset + at` the pixel counts.
    share = np.cos(2 * np.pi * (offsets[:, None] + at)[..., None] * f) @ (np.sinc(f) / 200)
    out = share @ patterns @ share.T
    return np.asarray(out / out.sum((-2, -1), keepdims=True), np.float32)


def transfer_of(field: PsfField, pixel_mm: float, shape: tuple[int, int]) -> TransferField:
    """The transfer of traced patterns, as square pixels of `pixel_mm` see them. Cost: some milliseconds."""
    n = field.patterns.shape[-1]
    at = (np.arange(n) - n // 2) * (field.pitch_mm / pixel_mm)
    frequencies = np.linspace(0, HIGHEST_PX, N_FREQUENCIES)
    out = np.empty((*field.patterns.shape[:2], N_DIRECTIONS, N_FREQUENCIES), np.complex128)
    # A sample of a pattern is the light that falls on its own square.
    own = field.pitch_mm / pixel_mm
    for k, angle in enumerate(np.linspace(0, np.pi / 2, N_DIRECTIONS)):
        fy, fx = frequencies * np.cos(angle), frequencies * np.sin(angle)
        wave_y, wave_x = (np.exp(-2j * np.pi * np.outer(f, at)) for f in (fy, fx))
        values = np.einsum("fy,rcyx,fx->rcf", wave_y, field.patterns, wave_x, optimize=True)
        out[:, :, k] = values * (np.sinc(fy) * np.sinc(fx) / (np.sinc(fy * own) * np.sinc(fx * own)))
    radii = np.asarray(field.radii_mm / field.radii_mm[-1], np.float64)
    return TransferField(radii, frequencies, np.asarray(out / out[..., :1], np.complex128), shape)
