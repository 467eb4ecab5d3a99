"""Visual noise: how noisy an even patch looks at a distance (ISO 15739 annex B, IEEE 1858 clause 10).

Encoded pixels go to XYZ, to the opponent axes A, C1, C2, where each is weighted by what the eye resolves at the stated
distance, and back to CIE L*u*v* or L*a*b*, whose variances make the figure.

Deviations: the 2013 form of the annex is what is public (weights 0.852 and 0.323 in L*u*v*, opponent contrast
sensitivities after Johnson and Fairchild 2003); the 2023 edition changes the weights to values that are not public. The
L*a*b* form has the weights 100, 5 and 12 of Keelan, Jin and Prokushkin 2011 (abstract); the constants of their scale in
JND are not public, and none is given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import D65_XY, SRGB_TO_XYZ, srgb_decode, xy_to_xyz, xyz_to_lab
from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.float64]

# XYZ (equal-energy white) to the opponent axes of ISO 15739 annex B.
OPPONENT = np.array([[0.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.4, -0.4]])
WHITE = xy_to_xyz(D65_XY)


@dataclass(frozen=True)
class Viewing:
    """How a picture is looked at.

    Parameters
    ----------
    name
        For reports.
    px_per_degree
        Pixels of the picture within a degree of the eye's field.
    """

    name: str
    px_per_degree: float

    @classmethod
    def screen(cls, pitch_mm: float = 0.25, distance_mm: float = 600.0) -> Viewing:
        """At 100 % on a screen."""
        return cls("100 % on a screen", float(1 / np.degrees(np.arctan(pitch_mm / distance_mm))))

    @classmethod
    def picture_height(cls, height_px: int, height_mm: float = 400.0, distance_mm: float = 1000.0) -> Viewing:
        """The whole picture, shown so high, from that distance (a print of 40 x 60 cm by default)."""
        pitch = height_mm / height_px
        return cls(f"{height_mm / 10:g} cm high from {distance_mm / 1000:g} m",
                   float(1 / np.degrees(np.arctan(pitch / distance_mm))))  # fmt: skip


def luminance_sensitivity(cy_deg: Floats) -> Floats:
    """Contrast sensitivity of the achromatic axis, 75 f^0.8 exp(-0.2 f), 1 at its peak of 4 cy/deg; 1 at frequency 0,
    where the patch's own level is kept."""
    f = np.asarray(cy_deg, np.float64)
    curve = np.where(f > 0, f**0.8 * np.exp(-0.2 * f), 0.0) / (4**0.8 * np.exp(-0.8))
    return np.where(f == 0, 1.0, curve)


def colour_sensitivity(cy_deg: Floats, axis: int) -> Floats:
    """Contrast sensitivity of red-green (1) and yellow-blue (2), 1 at frequency 0: sums of two Gaussians of Johnson and
    Fairchild 2003, table 2."""
    a1, b1, c1, a2, b2, c2 = {
        1: (109.1413, 0.00038, 3.4244, 93.5971, 0.00367, 2.1677),
        2: (7.0328, 0.000004, 4.2582, 40.6910, 0.10391, 1.6487),
    }[axis]
    f = np.asarray(cy_deg, np.float64)
    return np.asarray((a1 * np.exp(-b1 * f**c1) + a2 * np.exp(-b2 * f**c2)) / (a1 + a2))


def visual_noise(patch: npt.NDArray[Any], viewing: Viewing) -> list[Figure]:
    """Figures of one even patch of an encoded sRGB picture.

    Parameters
    ----------
    patch
        [h, w, 3], uint8, uint16 or float 0..1; 32 px or more to a side.

    Raises
    ------
    ShapeError, UsageError
        If it is too small, or not a picture.
    """
    patch = np.asarray(patch)
    if patch.ndim != 3 or patch.shape[2] != 3 or min(patch.shape[:2]) < 32:
        raise ShapeError(f"a patch of {list(patch.shape)}", where="patch", hint="[h, w, 3], 32 px or more")
    if viewing.px_per_degree <= 0:
        raise UsageError(f"{viewing.px_per_degree} px a degree", where="viewing")
    encoded = patch / np.iinfo(patch.dtype).max if patch.dtype.kind == "u" else patch.astype(np.float64)
    xyz = seen_at(srgb_decode(encoded.astype(np.float64)) @ SRGB_TO_XYZ.T, viewing)
    luv, lab = _xyz_to_luv(xyz), xyz_to_lab(np.maximum(xyz, 0), WHITE)
    sl, su, sv = (float(luv[..., k].std(ddof=1)) for k in range(3))
    clause = "ISO 15739:2013, annex B"
    iso = sl + 0.852 * su + 0.323 * sv
    # A deviation of m independent values is known to 1 / sqrt(2 m); the eye's filter leaves one a tenth of a degree.
    n_free = max(patch.shape[0] * patch.shape[1] / max(1.0, (0.1 * viewing.px_per_degree) ** 2), 2.0)
    spread = lab.reshape(-1, 3) - lab.reshape(-1, 3).mean(0)
    var_l, var_a = float(np.mean(spread[:, 0] ** 2)), float(np.mean(spread[:, 1] ** 2))
    cov = float(np.mean(spread[:, 0] * spread[:, 1]))
    keelan = 100 * var_l + 5 * var_a + 12 * cov
    return [
        Figure.within("visual_noise.iso", iso, iso / np.sqrt(2 * n_free), "", clause, viewing.name),
        Figure.exact("visual_noise.lightness", sl, "L*", clause, viewing.name),
        Figure.exact("visual_noise.u", su, "u*", clause, viewing.name),
        Figure.exact("visual_noise.v", sv, "v*", clause, viewing.name),
        Figure.exact("visual_noise.weighted_variance", max(keelan, 0.0) / 100, "L*^2",
                     "Keelan, Jin & Prokushkin 2011; compare IEEE 1858-2016, 10", viewing.name),
    ]  # fmt: skip


def seen_at(xyz: Floats, viewing: Viewing, is_low_pass: bool = False) -> Floats:
    """XYZ [h, w, 3] (D65, 1 = white) as the eye resolves it, mirrored at the border; the mean stays.

    `is_low_pass` holds the achromatic weight at 1 below its peak.
    """
    level = xyz.mean((0, 1))
    opponent = (xyz / WHITE) @ OPPONENT.T
    h, w = xyz.shape[:2]
    # The weights reach about half a degree; a patch smaller than that is mirrored whole.
    pad = min(min(h, w) // 2, max(16, int(0.6 * viewing.px_per_degree)))
    wide = np.pad(opponent, ((pad, pad), (pad, pad), (0, 0)), mode="symmetric")
    fy, fx = np.fft.fftfreq(wide.shape[0]), np.fft.rfftfreq(wide.shape[1])
    frequency = np.hypot(fy[:, None], fx[None]) * viewing.px_per_degree
    achromatic = luminance_sensitivity(frequency)
    if is_low_pass:
        achromatic = np.where(frequency < 4.0, 1.0, achromatic)
    weights = (achromatic, colour_sensitivity(frequency, 1), colour_sensitivity(frequency, 2))
    seen = [np.fft.irfft2(np.fft.rfft2(wide[..., k]) * weight, wide.shape[:2]) for k, weight in enumerate(weights)]
    inner = np.stack(seen, -1)[pad : pad + h, pad : pad + w]
    back = (inner @ np.linalg.inv(OPPONENT).T) * WHITE
    return np.asarray(back - back.mean((0, 1)) + level)


def _xyz_to_luv(xyz: Floats) -> Floats:
    """CIE 1976 L*u*v* under D65."""
    x, y, z = np.moveaxis(np.maximum(xyz, 1e-9), -1, 0)
    lightness = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, 24389 / 27 * y)
    denominator = x + 15 * y + 3 * z
    u, v = 4 * x / denominator, 9 * y / denominator
    wx, wy, wz = WHITE
    un, vn = 4 * wx / (wx + 15 * wy + 3 * wz), 9 * wy / (wx + 15 * wy + 3 * wz)
    return np.stack([lightness, 13 * lightness * (u - un), 13 * lightness * (v - vn)], -1)
