"""Colour mathematics: primaries, whites, adaptation, colour temperature, transfer curves, Oklab, colour difference.

Conventions: XYZ is CIE 1931 2 degree with Y = 1 for white; xy and uv (CIE 1960) are pairs of float64; matrices are
float64 [3, 3] and act on column vectors, so pixels [..., 3] are converted by `pixels @ matrix.T`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
XY = tuple[float, float]

# White points, CIE 15:2018 table T.3 (2 degree observer).
A_XY: XY = (0.44758, 0.40745)
D50_XY: XY = (0.34567, 0.35850)
D55_XY: XY = (0.33243, 0.34744)
D65_XY: XY = (0.31272, 0.32903)
D75_XY: XY = (0.29903, 0.31488)
E_XY: XY = (1 / 3, 1 / 3)
# White of sRGB, Display P3 and Rec.2020 as the standards round it.
DISPLAY_WHITE_XY: XY = (0.3127, 0.3290)
# The profile connection space of DNG ForwardMatrix and of ICC: D50 as ICC.1:2022 rounds it.
PCS_WHITE_XYZ: Floats = np.array([0.9642, 1.0, 0.8249])

SRGB_PRIMARIES: tuple[XY, XY, XY] = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
P3_PRIMARIES: tuple[XY, XY, XY] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
REC2020_PRIMARIES: tuple[XY, XY, XY] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
# ISO 22028-2 (ROMM RGB, "ProPhoto"), whose white is D50.
PROPHOTO_PRIMARIES: tuple[XY, XY, XY] = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))


def xy_to_xyz(xy: XY) -> Floats:
    """XYZ [3] with Y = 1 of a chromaticity."""
    x, y = xy
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def xyz_to_xy(xyz: npt.ArrayLike) -> XY:
    """Chromaticity of XYZ [3]; equal-energy white where the sum is not positive."""
    v = np.asarray(xyz, np.float64)
    total = float(v.sum())
    return (float(v[0] / total), float(v[1] / total)) if total > 0 else E_XY


def rgb_to_xyz_matrix(primaries: tuple[XY, XY, XY], white: XY) -> Floats:
    """Linear RGB to XYZ from the chromaticities of the primaries and the white (SMPTE RP 177)."""
    columns = np.stack([xy_to_xyz(p) for p in primaries], axis=1)
    return np.asarray(columns * np.linalg.solve(columns, xy_to_xyz(white)))


SRGB_TO_XYZ = rgb_to_xyz_matrix(SRGB_PRIMARIES, DISPLAY_WHITE_XY)
P3_TO_XYZ = rgb_to_xyz_matrix(P3_PRIMARIES, DISPLAY_WHITE_XY)
REC2020_TO_XYZ = rgb_to_xyz_matrix(REC2020_PRIMARIES, DISPLAY_WHITE_XY)
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)
XYZ_TO_P3 = np.linalg.inv(P3_TO_XYZ)
XYZ_TO_REC2020 = np.linalg.inv(REC2020_TO_XYZ)

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def bradford(source_white_xyz: npt.ArrayLike, target_white_xyz: npt.ArrayLike) -> Floats:
    """Linear Bradford adaptation [3, 3]: XYZ seen under the source white to XYZ seen under the target white.

    The ratio of cone responses is held within 0.1..10, as the DNG SDK does, so that absurd whites stay finite.
    """
    source = np.maximum(BRADFORD @ np.asarray(source_white_xyz, np.float64), 0.0)
    target = np.maximum(BRADFORD @ np.asarray(target_white_xyz, np.float64), 0.0)
    ratio = np.clip(np.divide(target, source, out=np.full(3, 10.0), where=source > 0), 0.1, 10.0)
    return np.asarray(np.linalg.solve(BRADFORD, ratio[:, None] * BRADFORD))


PROPHOTO_TO_XYZ: Floats = bradford(PCS_WHITE_XYZ, xy_to_xyz(DISPLAY_WHITE_XY)) @ rgb_to_xyz_matrix(
    PROPHOTO_PRIMARIES, xyz_to_xy(PCS_WHITE_XYZ)
)
DISPLAY_SPACES: dict[str, Floats] = {
    "srgb": SRGB_TO_XYZ, "p3": P3_TO_XYZ, "rec2020": REC2020_TO_XYZ, "prophoto": PROPHOTO_TO_XYZ
}  # fmt: skip
"""Linear RGB to XYZ under D65 of every space that pictures are written in; all with the sRGB curve."""

TINT_SCALE = -3000.0
"""Tint for a distance of 1 in CIE 1960 uv from the Planckian locus, as raw developers count: green is positive."""

# Robertson's isotherms (Wyszecki & Stiles 1982, table 1(3.11), with the corrected u at 325 mired):
# mired, u, v, slope of the isotherm in the uv diagram.
_ISOTHERMS = np.array(
    [
        [0, 0.18006, 0.26352, -0.24341],
        [10, 0.18066, 0.26589, -0.25479],
        [20, 0.18133, 0.26846, -0.26876],
        [30, 0.18208, 0.27119, -0.28539],
        [40, 0.18293, 0.27407, -0.30470],
        [50, 0.18388, 0.27709, -0.32675],
        [60, 0.18494, 0.28021, -0.35156],
        [70, 0.18611, 0.28342, -0.37915],
        [80, 0.18740, 0.28668, -0.40955],
        [90, 0.18880, 0.28997, -0.44278],
        [100, 0.19032, 0.29326, -0.47888],
        [125, 0.19462, 0.30141, -0.58204],
        [150, 0.19962, 0.30921, -0.70471],
        [175, 0.20525, 0.31647, -0.84901],
        [200, 0.21142, 0.32312, -1.0182],
        [225, 0.21807, 0.32909, -1.2168],
        [250, 0.22511, 0.33439, -1.4512],
        [275, 0.23247, 0.33904, -1.7298],
        [300, 0.24010, 0.34308, -2.0637],
        [325, 0.24792, 0.34655, -2.4681],
        [350, 0.25591, 0.34951, -2.9641],
        [375, 0.26400, 0.35200, -3.5814],
        [400, 0.27218, 0.35407, -4.3633],
        [425, 0.28039, 0.35577, -5.3762],
        [450, 0.28863, 0.35714, -6.7262],
        [475, 0.29685, 0.35823, -8.5955],
        [500, 0.30505, 0.35907, -11.324],
        [525, 0.31320, 0.35968, -15.628],
        [550, 0.32129, 0.36011, -23.325],
        [575, 0.32931, 0.36038, -40.770],
        [600, 0.33724, 0.36051, -116.45],
    ]
)
_MIRED, _LOCUS_UV = _ISOTHERMS[:, 0], _ISOTHERMS[:, 1:3]
_DIRECTION = np.stack([np.ones(31), _ISOTHERMS[:, 3]], 1) / np.hypot(1.0, _ISOTHERMS[:, 3])[:, None]


def _xy_to_uv(xy: XY) -> Floats:
    x, y = xy
    return np.array([2.0 * x, 3.0 * y]) / (1.5 - x + 6.0 * y)


def _uv_to_xy(uv: Floats) -> XY:
    u, v = float(uv[0]), float(uv[1])
    d = u - 4.0 * v + 2.0
    return (1.5 * u / d, v / d)


def xy_to_kelvin_tint(xy: XY) -> tuple[float, float]:
    """Correlated colour temperature (K) and tint of a white point.

    Robertson's method between the 31 isotherms of 1667 K to infinity; beyond its ends the last isotherm is used. Tint
    is the distance to the locus along the isotherm times -3000, the scale of the DNG SDK.
    """
    uv = _xy_to_uv(xy)
    offset = uv - _LOCUS_UV
    # Signed distance to each isotherm: positive while the point lies on its warmer side.
    distance = offset[:, 1] * _DIRECTION[:, 0] - offset[:, 0] * _DIRECTION[:, 1]
    below = np.flatnonzero(distance[1:] <= 0)
    k = int(below[0]) + 1 if below.size else 30
    high, low = -min(float(distance[k]), 0.0), max(float(distance[k - 1]), 0.0)
    f = high / (high + low) if high + low > 0 else 0.0  # share of isotherm k - 1
    mired = f * _MIRED[k - 1] + (1 - f) * _MIRED[k]
    locus = f * _LOCUS_UV[k - 1] + (1 - f) * _LOCUS_UV[k]
    direction = f * _DIRECTION[k - 1] + (1 - f) * _DIRECTION[k]
    direction /= np.hypot(*direction)
    tint = float((uv - locus) @ direction) * TINT_SCALE
    return 1e6 / max(float(mired), 1.0), tint


def kelvin_tint_to_xy(kelvin: float, tint: float = 0.0) -> XY:
    """White point of a colour temperature (K, held within the table's 1667 K to 1e6 K) and tint: the inverse of
    `xy_to_kelvin_tint`."""
    mired = float(np.clip(1e6 / max(kelvin, 1.0), 1.0, 600.0))
    k = int(np.clip(np.searchsorted(_MIRED, mired, side="right"), 1, 30))
    f = (_MIRED[k] - mired) / (_MIRED[k] - _MIRED[k - 1])
    locus = f * _LOCUS_UV[k - 1] + (1 - f) * _LOCUS_UV[k]
    direction = f * _DIRECTION[k - 1] + (1 - f) * _DIRECTION[k]
    direction /= np.hypot(*direction)
    return _uv_to_xy(locus + direction * (tint / TINT_SCALE))


LIGHT_SOURCE_KELVIN: dict[int, float] = {
    1: 5500.0, 2: 4150.0, 3: 2850.0, 4: 5500.0, 9: 5500.0, 10: 6500.0, 11: 7500.0, 12: 6400.0, 13: 5050.0,
    14: 4150.0, 15: 3525.0, 16: 2925.0, 17: 2850.0, 18: 5500.0, 19: 6500.0, 20: 5500.0, 21: 6500.0, 22: 7500.0,
    23: 5000.0, 24: 3200.0,
}  # fmt: skip
"""Colour temperature of each EXIF LightSource and DNG CalibrationIlluminant (ranges of EXIF 2.32 by their middle)."""

LIGHT_SOURCE_XY: dict[int, XY] = {
    3: A_XY, 17: A_XY, 18: (0.34842, 0.35161), 19: (0.31006, 0.31616), 20: D55_XY, 21: D65_XY, 22: D75_XY, 23: D50_XY
}  # fmt: skip
"""Chromaticity of those of them that are standard illuminants."""


def light_source_xy(code: int) -> XY | None:
    """Chromaticity of an EXIF LightSource or DNG CalibrationIlluminant; None for unknown (0) and other (255)."""
    if code in LIGHT_SOURCE_XY:
        return LIGHT_SOURCE_XY[code]
    kelvin = LIGHT_SOURCE_KELVIN.get(code)
    return None if kelvin is None else kelvin_tint_to_xy(kelvin)


def srgb_encode(linear: npt.ArrayLike) -> npt.NDArray[Any]:
    """sRGB / Display P3 transfer curve (IEC 61966-2-1), light to signal; odd-symmetric below 0; keeps a float dtype."""
    v = np.asarray(linear)
    v = v if v.dtype.kind == "f" else v.astype(np.float64)
    a = np.abs(v)
    signal = np.where(a <= 0.0031308, 12.92 * a, 1.055 * np.maximum(a, 1e-12) ** (1 / 2.4) - 0.055)
    return np.asarray(np.copysign(signal, v), v.dtype)


def srgb_decode(signal: npt.ArrayLike) -> npt.NDArray[Any]:
    """Inverse of `srgb_encode`."""
    v = np.asarray(signal)
    v = v if v.dtype.kind == "f" else v.astype(np.float64)
    a = np.abs(v)
    return np.asarray(np.copysign(np.where(a <= 0.04045, a / 12.92, ((a + 0.055) / 1.055) ** 2.4), v), v.dtype)


# Oklab (Ottosson 2020): XYZ (D65) to cone-like LMS, and cube-rooted LMS to Lab.
XYZ_TO_OKLMS = np.array(
    [
        [0.8189330101, 0.3618667424, -0.1288597137],
        [0.0329845436, 0.9293118715, 0.0361456387],
        [0.0482003018, 0.2643662691, 0.6338517070],
    ]
)
OKLMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def xyz_to_oklab(xyz: npt.ArrayLike) -> Floats:
    """Oklab [..., 3] of XYZ [..., 3] under D65."""
    return np.asarray(np.cbrt(np.asarray(xyz, np.float64) @ XYZ_TO_OKLMS.T) @ OKLMS_TO_OKLAB.T)


def oklab_to_xyz(lab: npt.ArrayLike) -> Floats:
    """Inverse of `xyz_to_oklab`."""
    lms = (np.asarray(lab, np.float64) @ np.linalg.inv(OKLMS_TO_OKLAB).T) ** 3
    return np.asarray(lms @ np.linalg.inv(XYZ_TO_OKLMS).T)


def xyz_to_lab(xyz: npt.ArrayLike, white_xyz: npt.ArrayLike) -> Floats:
    """CIE 1976 L*a*b* [..., 3] of XYZ [..., 3] for the given white [3]."""
    t = np.asarray(xyz, np.float64) / np.asarray(white_xyz, np.float64)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def lab_to_xyz(lab: npt.ArrayLike, white_xyz: npt.ArrayLike) -> Floats:
    """Inverse of `xyz_to_lab`."""
    v = np.asarray(lab, np.float64)
    y = (v[..., 0] + 16) / 116
    f = np.stack([y + v[..., 1] / 500, y, y - v[..., 2] / 200], -1)
    t = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    return np.asarray(t * np.asarray(white_xyz, np.float64))


def delta_e_2000(lab1: npt.ArrayLike, lab2: npt.ArrayLike) -> Floats:
    """CIEDE2000 difference [...] of two L*a*b* arrays [..., 3] (CIE 142:2001; Sharma, Wu & Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(v, np.float64), -1, 0) for v in (lab1, lab2))
    c_mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(c_mean7 / (c_mean7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    dh = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh) / 2)
    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    h = np.where(grey, h1 + h2, np.where(np.abs(h1 - h2) <= 180, (h1 + h2) / 2, ((h1 + h2 + 360) / 2) % 360))
    t = (
        1 - 0.17 * np.cos(np.radians(h - 30)) + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6)) - 0.20 * np.cos(np.radians(4 * h - 63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c, 1 + 0.015 * c * t
    r_c = 2 * np.sqrt(c**7 / (c**7 + 25.0**7))
    r_t = -np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))) * r_c
    x, y, z = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    return np.asarray(np.sqrt(x * x + y * y + z * z + r_t * y * z))
