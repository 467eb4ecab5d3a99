"""Texture: what a camera and its denoiser leave of a known target (dead leaves, ISO/TS 19567-2; IEEE 1858 CPIQ).

The MTF is the cross-spectrum of picture and target over the power of the target. Noise has nothing to do with the
target and averages out, so that noise is not taken for texture; what a denoiser invents or smears is not the target
either, so that a denoiser gets no credit for it. The plain power spectrum (`power_mtf`) is given beside it, because
the difference of the two is what was invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.lab.acutance import SCREEN_100, Viewing, acutance_weights
from lichtbild.lab.figure import Figure
from lichtbild.lab.registration import Placed, register, resampled

Floats = npt.NDArray[np.floating[Any]]

CLAUSE = "ISO/TS 19567-2:2019 (texture by the cross-spectrum of stochastic patterns)"
ACUTANCE = "IEEE 1858-2016 (CPIQ) texture acutance"
TILE_PX = 128
BANDS = np.arange(0.01, 0.5, 0.02)
LEAST_COHERENCE = 0.05


@dataclass(frozen=True)
class TextureSfr:
    """Texture of one picture of a known target.

    Parameters
    ----------
    frequency_cy_px
        [n], middles of the bands.
    mtf, deviation
        [n], by the cross-spectrum, and its standard deviation; an ideal point sampler has 1, a sensor its pixel's sinc.
    power_mtf
        [n], square root of the ratio of the powers: what is there, target or not.
    noise_power
        [n], power of what is not the target, in units of the picture squared, a pixel.
    placed
        How the target lies in the picture.
    figures
        `texture.mtf50`, `texture.mtf30`, `texture.acutance.*`, `texture.signal_to_noise`.
    finding
        Why there are none.
    """

    frequency_cy_px: Floats
    mtf: Floats
    deviation: Floats
    power_mtf: Floats
    noise_power: Floats
    placed: Placed | None
    figures: tuple[Figure, ...]
    finding: str = ""


def measure_texture(
    picture: Floats,
    target: Floats,
    corners: Floats,
    viewings: tuple[Viewing, ...] = (SCREEN_100,),
    reference: Placed | None = None,
) -> TextureSfr:
    """MTF of a picture of a target that is known pixel by pixel.

    Parameters
    ----------
    picture
        float [H, W], one channel, linear in light.
    target
        float [h, w], reflectance, square pixels; at least 1.5 of them to a pixel of the picture.
    corners
        Where the target's corners (upper left, upper right, lower right, lower left) are, (row, column) px, float [4,
        2], to about 4 px: from the chart's fiducials. It is registered from there.
    viewings
        Of texture acutance.
    reference
        A registration found before (of the same shot before denoising); None: found here.

    Returns
    -------
    One `TextureSfr`; with a finding if target and picture do not fit together.

    Raises
    ------
    ShapeError
        If one of them is no plane.

    Notes
    -----
    ISO/TS 19567-2, cross-spectrum: MTF(f) = Re sum conj(T) P / sum |T|^2 over a band of f and over Hann-windowed tiles
    of 128 px that overlap by half; tone is fitted by the band nearest 0 (light and exposure cancel). Deviations: each
    tile's remaining shift is taken off by its phase, so that a lens's distortion blurs nothing. Its deviation is
    sqrt((|P|^2 / |T|^2 - MTF^2) / 2n), n independent coefficients.
    Cost: 0.6 s for 512 x 512 px.
    """
    if picture.ndim != 2 or target.ndim != 2:
        raise ShapeError("picture and target are one channel each, [h, w]", where="picture")
    picture = np.asarray(picture, np.float64)
    placed = reference or register(picture, target, corners)
    if placed.finding:
        return _nothing(placed.finding, viewings)
    expected, softness = resampled(target, placed, picture.shape)
    tiles = _tiles(placed, picture.shape)
    if len(tiles) < 1:
        return _nothing(f"the target covers less than one tile of {TILE_PX} px", viewings)
    sums = _Sums.of(picture, expected, tiles)
    return _transferred(sums, softness, placed, viewings)


def _tiles(placed: Placed, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Upper left corners of tiles that lie within the target."""
    half = TILE_PX // 2
    found = []
    for row in range(0, shape[0] - TILE_PX + 1, half):
        for column in range(0, shape[1] - TILE_PX + 1, half):
            ends = np.array([[row, column], [row, column + TILE_PX], [row + TILE_PX, column], [row + TILE_PX] * 2])
            ends[3, 1] = column + TILE_PX
            if placed.is_inside(ends.astype(np.float64)).all():
                found.append((row, column))
    return found


@dataclass(frozen=True)
class _Sums:
    """Spectra summed over tiles, per band."""

    cross: Floats
    target: Floats
    picture: Floats
    count: Floats

    @classmethod
    def of(cls, picture: Floats, expected: Floats, tiles: list[tuple[int, int]]) -> _Sums:
        line = np.sin(np.pi * (np.arange(TILE_PX) + 0.5) / TILE_PX) ** 2
        window = np.outer(line, line)
        fy, fx = np.fft.fftfreq(TILE_PX)[:, None], np.fft.rfftfreq(TILE_PX)[None, :]
        radius = np.hypot(fy, fx)
        band = np.digitize(radius, np.append(BANDS, BANDS[-1] + 0.02) - 0.0) - 1
        n = BANDS.size
        band = np.where((band >= 0) & (band < n), band, n)
        # Half a plane holds every coefficient once, but for its two columns on the axis.
        once = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0) * np.ones_like(radius)
        sums = np.zeros((4, n + 1))
        for row, column in tiles:
            part = slice(row, row + TILE_PX), slice(column, column + TILE_PX)
            p, t = (_spectrum(a[part], window) for a in (picture, expected))
            cross = np.conj(t) * p
            down, right = _shift_left(cross, fy, fx, radius)
            cross = cross * np.exp(2j * np.pi * (fy * down + fx * right))
            for k, value in enumerate((cross.real, np.abs(t) ** 2, np.abs(p) ** 2, np.ones_like(radius))):
                sums[k] += np.bincount(band.ravel(), (once * value).ravel(), n + 1)
        # Hann tiles that overlap by half, and the window's own width: this share of the coefficients is independent.
        independent = 0.5 * sums[3, :n] * (1.0 if len(tiles) == 1 else 0.4) * 0.44
        return cls(sums[0, :n], sums[1, :n], sums[2, :n], np.maximum(independent, 1.0))


def _spectrum(tile: Floats, window: Floats) -> npt.NDArray[np.complexfloating[Any, Any]]:
    mean = float((tile * window).sum() / window.sum())
    return np.asarray(np.fft.rfft2((tile - mean) * window))


def _shift_left(cross: Any, fy: Floats, fx: Floats, radius: Floats) -> tuple[float, float]:
    """What is left of a tile's shift, px: least squares of the phase below 0.2 cy/px, weighed by power, twice."""
    used = (radius > 0) & (radius < 0.2)
    wy, wx = (np.broadcast_to(a, radius.shape)[used] * 2 * np.pi for a in (fy, fx))
    c, down, right = cross[used], 0.0, 0.0
    for _ in range(2):
        turned = c * np.exp(1j * (wy * down + wx * right))
        weight = np.abs(turned)
        # A phase is trusted as a sine: a half turn off, noise rather than shift, has no say.
        phase = turned.imag / np.maximum(weight, 1e-300)
        yy, xx, yx = (weight * wy * wy).sum(), (weight * wx * wx).sum(), (weight * wy * wx).sum()
        ry, rx = -(weight * wy * phase).sum(), -(weight * wx * phase).sum()
        det = max(yy * xx - yx * yx, 1e-300)
        down += float((ry * xx - rx * yx) / det)
        right += float((rx * yy - ry * yx) / det)
    return (down, right) if np.hypot(down, right) < 1.5 else (0.0, 0.0)


def _transferred(sums: _Sums, softness: Floats, placed: Placed, viewings: tuple[Viewing, ...]) -> TextureSfr:
    frequency = BANDS + 0.01
    soft = np.exp(-2 * (np.pi * float(softness) * frequency) ** 2)
    ratio = sums.cross / sums.target
    powers = sums.picture / sums.target
    # Light and exposure: the lowest bands are 1 but for the blur's parabola.
    low = slice(0, 3)
    bend = np.polyfit(frequency[low] ** 2, (ratio * soft)[low], 1)
    gain = float(max(bend[1], 1e-12)) if bend[0] < 0 else float((ratio * soft)[low].mean())
    coherent = ratio**2 / np.maximum(powers, 1e-300)
    if float(coherent[:4].mean()) < LEAST_COHERENCE or gain <= 0:
        return _nothing("picture and target have nothing in common: another target, or corners far off", viewings)
    mtf = ratio * soft / gain
    spread = np.sqrt(np.maximum(powers - ratio**2, 0) / (2 * sums.count)) * soft / gain
    noise = np.maximum(powers - ratio**2, 0) * sums.target / np.maximum(sums.count, 1)
    figures = [_falls(f"texture.mtf{round(100 * v)}", frequency, mtf, spread, v) for v in (0.5, 0.3)]
    whole = np.arange(0, 101) * 0.01
    for viewing in viewings:
        weights = acutance_weights(viewing, whole)
        carry = np.array([np.interp(whole, frequency, row, right=0.0) for row in np.eye(frequency.size)]) @ weights
        # Below the first band the MTF is taken to rise to 1.
        value = float(weights @ np.interp(whole, np.append(0, frequency), np.append(1, mtf), right=0.0))
        name = f"texture.acutance.{viewing.name}"
        figures.append(Figure.within(name, value, float(np.linalg.norm(carry * spread)), "", ACUTANCE))
    used = frequency < 0.45
    signal = float((ratio**2 * sums.target)[used].sum())
    rest = float((np.maximum(powers - ratio**2, 0) * sums.target)[used].sum())
    figures.append(Figure.exact("texture.signal_to_noise", 10 * np.log10(signal / max(rest, 1e-300)), "dB", CLAUSE))
    root = np.sqrt(powers) * soft / gain
    return TextureSfr(frequency, mtf, spread, root, noise, placed, tuple(figures))


def _falls(name: str, frequency: Floats, mtf: Floats, spread: Floats, level: float) -> Figure:
    below = np.flatnonzero(mtf < level)
    if below.size == 0 or below[0] == 0:
        return Figure.missing(name, "cy/px", CLAUSE, f"the MTF does not fall to {level:g} below Nyquist")
    k = int(below[0])
    slope = (mtf[k] - mtf[k - 1]) / (frequency[k] - frequency[k - 1])
    at = float(frequency[k - 1] + (level - mtf[k - 1]) / slope)
    return Figure.within(name, at, float(max(spread[k - 1], spread[k]) / abs(slope)), "cy/px", CLAUSE)


def _nothing(why: str, viewings: tuple[Viewing, ...]) -> TextureSfr:
    names = [("texture.mtf50", "cy/px", CLAUSE), ("texture.mtf30", "cy/px", CLAUSE)]
    names += [(f"texture.acutance.{v.name}", "", ACUTANCE) for v in viewings]
    names += [("texture.signal_to_noise", "dB", CLAUSE)]
    none = np.zeros(0)
    return TextureSfr(none, none, none, none, none, None, tuple(Figure.missing(*n, why) for n in names), why)


@dataclass(frozen=True)
class TexturePoint:
    """One setting of a denoiser in the plot "texture lost against noise removed".

    Parameters
    ----------
    noise_removed_db
        Fall of the noise's standard deviation, 20 log10(before / after), on the even patch if there is one, else of
        what is not the target.
    texture_lost
        1 - texture acutance after / before.
    mtf_kept
        [n], MTF after / before.
    """

    noise_removed_db: float
    texture_lost: float
    mtf_kept: Floats


def texture_against_noise(
    before: TextureSfr, after: TextureSfr, even_before: Floats | None = None, even_after: Floats | None = None
) -> TexturePoint:
    """What a denoiser took: of the noise and of the texture. Both pictures are of the same shot.

    Parameters
    ----------
    before, after
        Measured with the same registration (`reference`).
    even_before, even_after
        The same even patch in both pictures; None: the residual of the target counts as noise.
    """
    if before.finding or after.finding:
        raise ValueError(before.finding or after.finding)
    if even_before is not None and even_after is not None:
        removed = 20 * np.log10(float(np.std(even_before)) / max(float(np.std(even_after)), 1e-12))
    else:
        removed = 10 * np.log10(before.noise_power.sum() / max(after.noise_power.sum(), 1e-300))
    values = [next(f.value for f in t.figures if ".acutance." in f.name) for t in (before, after)]
    lost = 1 - (values[1] or 0.0) / (values[0] or 1.0)
    return TexturePoint(float(removed), float(lost), after.mtf / np.maximum(before.mtf, 1e-6))
