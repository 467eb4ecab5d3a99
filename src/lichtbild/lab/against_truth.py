"""A picture beside its truth: PSNR, SSIM, CIEDE2000, noise in flats, worst blocks. Both on the same pixel grid.

Nothing is registered and nothing is fitted: a shift of a tenth of a pixel, or a wrong exposure, counts as error.
Pixels are linear and white-balanced (a neutral surface has equal numbers), 1 = white, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import NoiseModel, ShapeError
from lichtbild.core.colour_space import SRGB_TO_XYZ, delta_e_2000, srgb_encode, xyz_to_lab

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """The part of a picture that counts: at least `border_px` from the edge, and inside `mask` where one is given."""

    border_px: int = 32
    mask: Mask | None = None

    def of(self, shape: tuple[int, ...]) -> Mask:
        """bool [H, W]."""
        chosen = np.zeros(shape[:2], bool)
        b = self.border_px
        chosen[b : shape[0] - b, b : shape[1] - b] = True
        if self.mask is not None:
            if self.mask.shape != shape[:2]:
                raise ShapeError(f"the mask is {self.mask.shape}, the picture {shape[:2]}", where="Region.mask")
            chosen &= self.mask
        if not chosen.any():
            raise ShapeError("no pixel of the picture is left to measure", where="Region", hint="a smaller border_px")
        return chosen


EVERYWHERE = Region()


def mean_square(picture: Floats, truth: Floats, region: Region = EVERYWHERE) -> float:
    """Mean squared difference over `region`; [H, W] or [H, W, C], float64 sums."""
    same_shape(picture, truth)
    difference = picture[region.of(picture.shape)].astype(np.float64) - truth[region.of(truth.shape)]
    return float(np.mean(difference * difference))


def psnr_db(picture: Floats, truth: Floats, region: Region = EVERYWHERE, peak: float = 1.0) -> float:
    """Peak signal to noise ratio, dB; infinite for equal pictures."""
    error = mean_square(picture, truth, region)
    return float(10 * np.log10(peak * peak / error)) if error > 0 else float("inf")


def ssim(picture: Floats, truth: Floats, region: Region = EVERYWHERE, sigma_px: float = 1.5) -> float:
    """Mean structural similarity of the sRGB-encoded pictures, channels averaged.

    Gaussian window, population statistics, K1 = 0.01, K2 = 0.03, range 1 (Wang et al. 2004).
    """
    same_shape(picture, truth)
    chosen = region.of(picture.shape)
    a, b = (np.atleast_3d(srgb_encode(np.clip(np.asarray(p, np.float64), 0, 1))) for p in (picture, truth))
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(a.shape[2]):
        x, y = a[..., channel], b[..., channel]
        mx, my = _blur(x, sigma_px), _blur(y, sigma_px)
        vx, vy = _blur(x * x, sigma_px) - mx * mx, _blur(y * y, sigma_px) - my * my
        vxy = _blur(x * y, sigma_px) - mx * my
        index = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
        values.append(float(index[chosen].mean()))
    return float(np.mean(values))


def colour_difference(picture: Floats, truth: Floats, region: Region = EVERYWHERE) -> Floats:
    """CIEDE2000 of every pixel of `region`, [n]; pictures linear with Rec.709 primaries, D65 white, 1 = white.

    Differences of noise count: blur both first where only colour is asked for (`blurred`).
    """
    same_shape(picture, truth)
    chosen = region.of(picture.shape)
    return delta_e_2000(*(_lab(p[chosen]) for p in (picture, truth)))


def blurred(picture: Floats, sigma_px: float) -> Floats:
    """Gaussian blur of each channel, mirrored at the border; float64, same shape."""
    channels = [_blur(np.asarray(c, np.float64), sigma_px) for c in np.moveaxis(np.atleast_3d(picture), 2, 0)]
    return np.asarray(np.stack(channels, 2).reshape(picture.shape))


def flats(truth: Floats, limit: float = 0.004, sigma_px: float = 1.5) -> Mask:
    """Where the truth hardly varies: standard deviation within a Gaussian window below `limit`; bool [H, W]."""
    grey = np.atleast_3d(truth).mean(2).astype(np.float64)
    mean = _blur(grey, sigma_px)
    return np.asarray(_blur(grey * grey, sigma_px) - mean * mean < limit * limit)


def noise_gain(
    picture: Floats, truth: Floats, noise: NoiseModel, flat: Mask, n_tones: int = 4, border_px: int = 32
) -> Floats:
    """How many times quieter than one frame's mosaic a picture is in flat regions, per tone and channel.

    The picture's residual is taken about its own local mean, so that blur or an offset are not counted as noise.

    Parameters
    ----------
    picture, truth
        [H, W, C] in the units of `noise` (camera RGB, not white-balanced).
    noise
        Of one frame.
    flat
        Where to measure (`flats`).
    n_tones
        Bins of equal population, dark to bright.

    Returns
    -------
    float64 [n_tones, C]; sqrt(n_frames) is ideal for an average of a mosaic; demosaicing alone gives more than 1.
    """
    chosen = Region(border_px, flat).of(picture.shape)
    gains = np.empty((n_tones, picture.shape[2]))
    for channel in range(picture.shape[2]):
        signal = truth[..., channel][chosen].astype(np.float64)
        residual = picture[..., channel].astype(np.float64) - truth[..., channel]
        residual = (residual - _blur(residual, 8.0))[chosen]
        edges = np.quantile(signal, np.linspace(0, 1, n_tones + 1))
        for tone in range(n_tones):
            inside = (signal >= edges[tone]) & (signal <= edges[tone + 1])
            expected = noise.variance(signal[inside], min(channel, noise.n_channels - 1)).mean()
            gains[tone, channel] = np.sqrt(expected / max(float(np.mean(residual[inside] ** 2)), 1e-30))
    return gains


def block_gain_db(picture: Floats, baseline: Floats, truth: Floats, block_px: int = 32, border_px: int = 32) -> Floats:
    """How many dB `picture` is nearer to the truth than `baseline`, per block; float64 [n, m]. The least entry tells
    where a merge did harm."""
    same_shape(picture, truth)
    same_shape(baseline, truth)
    b = border_px
    inner = (slice(b, truth.shape[0] - b), slice(b, truth.shape[1] - b))
    errors = []
    for candidate in (picture, baseline):
        square = np.atleast_3d((candidate[inner].astype(np.float64) - truth[inner]) ** 2).mean(2)
        n, m = square.shape[0] // block_px, square.shape[1] // block_px
        square = square[: n * block_px, : m * block_px].reshape(n, block_px, m, block_px)
        errors.append(np.maximum(square.mean((1, 3)), 1e-30))
    return np.asarray(10 * np.log10(errors[1] / errors[0]))


def same_shape(picture: Floats, truth: Floats) -> None:
    """Raise ShapeError where a picture and its truth differ in shape."""
    if picture.shape != truth.shape:
        raise ShapeError(f"the picture is {list(picture.shape)}, its truth {list(truth.shape)}", where="picture")


def _lab(linear: Floats) -> Floats:
    """CIELAB (D65 white) of linear Rec.709, [..., 3]."""
    return xyz_to_lab(np.asarray(linear, np.float64) @ SRGB_TO_XYZ.T, SRGB_TO_XYZ.sum(1))


def _blur(plane: Floats, sigma_px: float) -> Floats:
    """Gaussian of one plane, truncated at 3.5 sigma, mirrored at the border."""
    radius = min(int(np.ceil(3.5 * sigma_px)), min(plane.shape) - 1)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(radius, radius) if axis == k else (0, 0) for k in (0, 1)]
        wide = np.pad(plane, pad, mode="symmetric")
        plane = np.asarray(
            sum(t * np.take(wide, np.arange(k, k + plane.shape[axis]), axis) for k, t in enumerate(taps))
        )
    return plane
