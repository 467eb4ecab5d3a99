"""White balance: which camera colour is white, and which light that tells of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.camera import ColourCalibration
from lichtbild.core.domain import Domain
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import Frame, FrameInfo
from lichtbild.core.params import Params, param
from lichtbild.stages import colour
from lichtbild.stages.white_balance.estimate import estimate_neutral

VERSION = 2

Neutral = tuple[float, float, float]


PRESETS: dict[str, tuple[float, float]] = {
    "daylight": (5500.0, 8.0), "cloudy": (6500.0, 8.0), "shade": (7500.0, 8.0), "flash": (5700.0, 3.0),
    "tungsten": (2850.0, 0.0), "fluorescent": (4000.0, 20.0), "candle": (1950.0, 0.0),
}  # fmt: skip
"""Kelvin and tint of lights by name; daylight lies a little on the green side of the black body."""


@dataclass(frozen=True)
class WhiteBalanceParams(Params):
    """What counts as white."""

    mode: str = param(
        "as_shot", "where white comes from", choices=("as_shot", "auto", "kelvin", "grey_point", *PRESETS)
    )
    kelvin: float = param(
        5500.0, "colour temperature of the light, for mode kelvin", unit="K", low=1700.0, high=50000.0
    )
    tint: float = param(0.0, "green (+) or magenta (-) of the light, for mode kelvin", low=-150.0, high=150.0)
    grey_x: float = param(0.5, "a grey thing from left to right, for mode grey_point", low=0.0, high=1.0)
    grey_y: float = param(0.5, "the same from top to bottom, as the sensor saw it", low=0.0, high=1.0)


@dataclass(frozen=True)
class WhitePoint:
    """The light of a scene.

    Parameters
    ----------
    neutral
        Camera RGB of a white surface, green = 1.
    xy, kelvin, tint
        The same as chromaticity, and as colour temperature (K) and tint.
    source
        "as shot", "kelvin", a preset, "grey point", "estimated", "picture" or "monochrome".
    reasons
        What was assumed, a line each, for people.
    """

    neutral: Neutral
    xy: cs.XY
    kelvin: float
    tint: float
    source: str
    reasons: tuple[str, ...] = ()


def neutral_of_xy(calibration: ColourCalibration, xy: cs.XY) -> Neutral:
    """Camera RGB of white under a light of chromaticity `xy`, green = 1."""
    camera = colour.at_white(calibration, xy).xyz_to_camera @ cs.xy_to_xyz(xy)
    return _checked(camera, "ColorMatrix")


def xy_of_neutral(calibration: ColourCalibration, neutral: npt.ArrayLike) -> cs.XY:
    """Chromaticity of the light whose white is `neutral` in camera RGB.

    Fixed point of: matrices interpolated for xy -> xy of the neutral through them (DNG 1.7.1, chapter 6, "Translating
    camera neutral coordinates to white balance xy coordinates"), begun at D50; an oscillation is settled by its middle.
    """
    camera = np.asarray(neutral, np.float64)
    xy = last = cs.D50_XY
    for step in range(30):
        xyz = np.linalg.solve(colour.at_white(calibration, last).xyz_to_camera, camera)
        # A neutral outside of what the calibration can explain is held at the border of the plausible.
        xy = cs.xyz_to_xy(np.maximum(xyz, 1e-3 * max(float(xyz.max()), 1e-6)))
        if abs(xy[0] - last[0]) + abs(xy[1] - last[1]) < 1e-7:
            break
        last = xy if step < 15 else ((xy[0] + last[0]) / 2, (xy[1] + last[1]) / 2)
    return xy


def _checked(neutral: npt.ArrayLike, where: str) -> Neutral:
    n = np.asarray(neutral, np.float64)
    if not np.all(np.isfinite(n)) or np.any(n <= 0):
        raise MetadataError(f"white is {n.tolist()} in camera colours", where=where, hint="another white balance")
    n = n / n[1]
    if n.max() > 100 or n.min() < 0.01:
        raise MetadataError(f"white is {n.tolist()} in camera colours", where=where, hint="another white balance")
    return (float(n[0]), 1.0, float(n[2]))


def _made(
    calibration: ColourCalibration, neutral: Neutral, xy: cs.XY, source: str, reasons: tuple[str, ...]
) -> WhitePoint:
    kelvin, tint = cs.xy_to_kelvin_tint(xy)
    return WhitePoint(neutral, xy, kelvin, tint, source, reasons)


def neutral_at(proxy: Frame, x: float, y: float) -> npt.NDArray[np.float64]:
    """Camera RGB of a grey thing at a place (0..1 of width and height) of a small picture: the mean of its cell and
    those around it that are alike.

    Raises
    ------
    MetadataError
        If it is clipped or black there.
    """
    h, w = proxy.shape
    row, column = min(int(y * h), h - 1), min(int(x * w), w - 1)
    rows, columns = (slice(max(k - 2, 0), k + 3) for k in (row, column))
    cells = np.asarray(proxy.pixels[rows, columns], np.float64).reshape(-1, 3)
    centre = np.asarray(proxy.pixels[row, column], np.float64)
    gain = proxy.gain_at_full_size()
    clip = np.broadcast_to(gain, (*proxy.shape, 3))[row, column] * proxy.saturation
    if np.any(centre >= 0.97 * clip) or np.any(centre <= 1e-5):
        raise MetadataError("it is clipped or black there", where="white_balance.grey_x", hint="another grey place")
    alike = np.all(np.abs(cells - centre) < 0.1 * centre.max(), axis=1)
    return np.asarray(cells[alike].mean(0))


def find(info: FrameInfo, params: WhiteBalanceParams | None = None, proxy: Frame | None = None) -> WhitePoint:
    """The white point of a picture.

    Parameters
    ----------
    info
        What the file told (calibration, as-shot white).
    params
        As shot by default.
    proxy
        CAMERA_RGB, small (<= 512 px): needed for modes "auto" and "grey_point", and where the file has no white.

    Raises
    ------
    MetadataError
        If the file's white is not a colour, an estimate is needed and there is no proxy, or the grey point is clipped
        or black.
    """
    params = params or WhiteBalanceParams()
    if info.kind == "monochrome":
        return WhitePoint(
            (1.0, 1.0, 1.0), cs.DISPLAY_WHITE_XY, *cs.xy_to_kelvin_tint(cs.DISPLAY_WHITE_XY), "monochrome"
        )
    calibration, reasons = colour.calibration_of(info.camera)
    if params.mode == "kelvin" or params.mode in PRESETS:
        kelvin, tint = PRESETS.get(params.mode, (params.kelvin, params.tint))
        xy = cs.kelvin_tint_to_xy(kelvin, tint)
        return WhitePoint(neutral_of_xy(calibration, xy), xy, kelvin, tint, params.mode, reasons)
    if params.mode == "as_shot":
        if info.as_shot_neutral is not None:
            neutral = _checked(info.as_shot_neutral, f"{info.name}: AsShotNeutral")
            return _made(calibration, neutral, xy_of_neutral(calibration, neutral), "as shot", reasons)
        if info.as_shot_white_xy is not None:
            x, y = info.as_shot_white_xy
            if not (0.05 < x < 0.9 and 0.05 < y < 0.9 and x + y < 1.0):
                raise MetadataError(f"({x}, {y}) is no chromaticity", where=f"{info.name}: AsShotWhiteXY")
            return _made(calibration, neutral_of_xy(calibration, (x, y)), (x, y), "as shot", reasons)
        if info.camera.is_rendered:
            xy = calibration.illuminants_xy[0]
            return _made(calibration, neutral_of_xy(calibration, xy), xy, "picture", reasons)
    if proxy is None:
        raise MetadataError(
            "the file does not tell its white balance", where=info.name, hint="a white balance in kelvin"
        )
    proxy.require(Domain.CAMERA_RGB)
    if params.mode == "grey_point":
        neutral = _checked(neutral_at(proxy, params.grey_x, params.grey_y), f"{info.name}: grey point")
        return _made(calibration, neutral, xy_of_neutral(calibration, neutral), "grey point", reasons)
    neutral = _checked(estimate_neutral(proxy, calibration), info.name)
    silent = () if params.mode == "auto" else ("no white balance in the file: estimated from the picture",)
    return _made(calibration, neutral, xy_of_neutral(calibration, neutral), "estimated", (*reasons, *silent))
