"""What a DNG tells about colour: matrices, the illuminants they were measured under, and the light of the scene."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.tags import Tag, name_of
from lichtbild.capture.dng.tiff import Directory
from lichtbild.core import ColourCalibration, LichtbildError
from lichtbild.core import colour_space as cs

T = TypeVar("T")
Matrix = npt.NDArray[np.float64]
Xy = tuple[float, float]

_OTHER = 255

# (illuminant, its data, ColorMatrix, ForwardMatrix, CameraCalibration) of each of three sets.
_SETS = (
    (Tag.CALIBRATION_ILLUMINANT_1, Tag.ILLUMINANT_DATA_1, Tag.COLOR_MATRIX_1, Tag.FORWARD_MATRIX_1,
     Tag.CAMERA_CALIBRATION_1),
    (Tag.CALIBRATION_ILLUMINANT_2, Tag.ILLUMINANT_DATA_2, Tag.COLOR_MATRIX_2, Tag.FORWARD_MATRIX_2,
     Tag.CAMERA_CALIBRATION_2),
    (Tag.CALIBRATION_ILLUMINANT_3, Tag.ILLUMINANT_DATA_3, Tag.COLOR_MATRIX_3, Tag.FORWARD_MATRIX_3,
     Tag.CAMERA_CALIBRATION_3),
)  # fmt: skip


def optional(read: Callable[[], T], default: T, reasons: list[str]) -> T:
    """What `read` gives, or `default` and a reason where the tag is damaged: for tags a picture can do without."""
    try:
        return read()
    except LichtbildError as error:
        reasons.append(f"{error.where}: {error.message}; left aside")
        return default


def read_colour(ifd0: Directory, reasons: list[str]) -> ColourCalibration | None:
    """The colour calibration of a three-colour camera, None where the file has none."""
    xys: list[Xy] = []
    colour: list[Matrix] = []
    forward: list[Matrix | None] = []
    calibration: list[Matrix | None] = []
    for k, (light, data, matrix, to_pcs, individual) in enumerate(_SETS):
        m = optional(lambda tag=matrix: _matrix(ifd0, tag), None, reasons)  # type: ignore[misc]
        if m is None:
            continue
        xy = optional(lambda a=light, b=data: _illuminant(ifd0, a, b), None, reasons)  # type: ignore[misc]
        if xy is None:
            if k or colour:
                reasons.append(
                    f"{name_of(light)} does not tell the light of {name_of(matrix)}: that matrix is left aside"
                )
                continue
            xy = cs.D65_XY
            reasons.append(f"{name_of(light)} is missing: {name_of(matrix)} is taken to be of D65")
        if xy in xys:
            reasons.append(f"{name_of(matrix)} has the light of an earlier matrix: left aside")
            continue
        xys.append(xy)
        colour.append(m)
        forward.append(optional(lambda tag=to_pcs: _matrix(ifd0, tag), None, reasons))  # type: ignore[misc]
        calibration.append(optional(lambda tag=individual: _matrix(ifd0, tag), None, reasons))  # type: ignore[misc]
    if not colour:
        reasons.append("ColorMatrix1 is missing: the camera's colours are not known")
        return None
    if any(f is not None for f in forward) and any(f is None for f in forward):
        reasons.append("ForwardMatrix is missing for one of the illuminants: the colour matrices alone are used")
    return ColourCalibration(
        tuple(xys),
        tuple(colour),
        tuple(f for f in forward if f is not None) if all(f is not None for f in forward) else (),
        _calibrations(ifd0, calibration, reasons),
        _analog_balance(ifd0, reasons),
    )


def _calibrations(ifd0: Directory, found: list[Matrix | None], reasons: list[str]) -> tuple[Matrix, ...]:
    """CameraCalibration where the profile asks for it: both signatures must be the same."""
    if all(m is None for m in found):
        return ()
    of_camera = ifd0.text(Tag.CAMERA_CALIBRATION_SIGNATURE)
    of_profile = ifd0.text(Tag.PROFILE_CALIBRATION_SIGNATURE)
    if of_camera != of_profile:
        reasons.append(
            f"CameraCalibration is for profiles signed {of_camera!r}, this one is {of_profile!r}: not applied"
        )
        return ()
    return tuple(np.eye(3) if m is None else m for m in found)


def _analog_balance(ifd0: Directory, reasons: list[str]) -> tuple[float, float, float]:
    balance = optional(lambda: ifd0.floats(Tag.ANALOG_BALANCE, (3,)), None, reasons)
    if balance is None:
        return (1.0, 1.0, 1.0)
    if min(balance) <= 0 or max(balance) > 1e4:
        reasons.append(f"AnalogBalance {balance} makes no sense: taken as 1 1 1")
        return (1.0, 1.0, 1.0)
    return (balance[0], balance[1], balance[2])


def _matrix(ifd0: Directory, tag: Tag) -> Matrix | None:
    numbers = ifd0.floats(tag, (9,))
    if numbers is None:
        return None
    matrix = np.array(numbers).reshape(3, 3)
    if np.abs(matrix).max() > 100 or abs(np.linalg.det(matrix)) < 1e-6:
        raise ifd0.wrong(tag, "a matrix that cannot be inverted")
    return matrix


def _illuminant(ifd0: Directory, light: Tag, data: Tag) -> Xy | None:
    code = ifd0.integer(light, 0, 0, 65535)
    if code == _OTHER:
        return _illuminant_data(ifd0, data)
    if code in cs.LIGHT_SOURCE_XY:
        return cs.LIGHT_SOURCE_XY[code]
    return xy_of_temperature(cs.LIGHT_SOURCE_KELVIN[code]) if code in cs.LIGHT_SOURCE_KELVIN else None


def _illuminant_data(ifd0: Directory, tag: Tag) -> Xy | None:
    """xy of IlluminantData: two rationals (form 0), or a spectrum (form 1: count, first nm, step, values)."""
    raw, order = ifd0.raw(tag), ifd0.file.order
    if len(raw) < 18:
        raise ifd0.wrong(tag, f"{len(raw)} bytes are no illuminant")
    kind = struct.unpack_from(order + "H", raw)[0]
    if kind == 0:
        a, b, c, d = struct.unpack_from(order + "4I", raw, 2)
        xy = (a / b if b else 0.0, c / d if d else 0.0)
    elif kind == 1:
        n = struct.unpack_from(order + "I", raw, 2)[0]
        if not 2 <= n <= 1000 or len(raw) < 22 + 8 * n:
            raise ifd0.wrong(tag, f"a spectrum of {n} values in {len(raw)} bytes")
        pairs = np.frombuffer(raw, order + "u4", 4 + 2 * n, 6).reshape(-1, 2).astype(np.float64)
        numbers = np.divide(pairs[:, 0], pairs[:, 1], out=np.zeros(n + 2), where=pairs[:, 1] != 0)
        xy = xy_of_spectrum(numbers[0] + numbers[1] * np.arange(n), numbers[2:])
    else:
        raise ifd0.wrong(tag, f"an illuminant of form {kind}", "0 or 1")
    if not is_xy(xy):
        raise ifd0.wrong(tag, f"x = {xy[0]:g}, y = {xy[1]:g} is no light")
    return xy


def is_xy(xy: tuple[float, ...]) -> bool:
    """Whether this could be the chromaticity of a light."""
    return len(xy) == 2 and all(map(math.isfinite, xy)) and 0.05 < xy[0] < 0.8 and 0.05 < xy[1] < 0.8 and sum(xy) < 1


def xy_of_temperature(kelvin: float) -> Xy:
    """Daylight from 4000 K on (CIE 015:2018, 4.1.2), a black body below (cubic fit of Kim et al. 2002)."""
    t = 1000 / kelvin
    if kelvin >= 4000:
        x = (0.244063 + 0.09911 * t + 2.9678 * t**2 - 4.6070 * t**3 if kelvin <= 7000
             else 0.237040 + 0.24748 * t + 1.9018 * t**2 - 2.0064 * t**3)  # fmt: skip
        return x, -3.0 * x**2 + 2.870 * x - 0.275
    x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    if kelvin < 2222:
        return x, -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    return x, -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867


def xy_of_spectrum(wavelength_nm: Matrix, power: Matrix) -> Xy:
    """Chromaticity of a spectrum, by the Gaussian fit of the CIE 1931 observer (Wyman, Sloan, Shirley, JCGT 2013)."""

    def lobe(height: float, centre: float, below: float, above: float) -> Matrix:
        d = (wavelength_nm - centre) / np.where(wavelength_nm < centre, below, above)
        return np.asarray(height * np.exp(-0.5 * d * d))

    x_bar = lobe(1.056, 599.8, 37.9, 31.0) + lobe(0.362, 442.0, 16.0, 26.7) + lobe(-0.065, 501.1, 20.4, 26.2)
    y_bar = lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1)
    z_bar = lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8)
    x, y, z = (float(np.sum(bar * power)) for bar in (x_bar, y_bar, z_bar))
    total = x + y + z
    return (x / total, y / total) if total > 0 else (0.0, 0.0)


def read_as_shot(ifd0: Directory, reasons: list[str]) -> tuple[tuple[float, float, float] | None, Xy | None]:
    """(camera RGB of neutral with green = 1, xy of the scene's light): at most one of them is not None."""
    neutral = optional(lambda: ifd0.floats(Tag.AS_SHOT_NEUTRAL, (3,)), None, reasons)
    if neutral is not None:
        if min(neutral) > 0 and max(neutral) / min(neutral) < 100:
            return (neutral[0] / neutral[1], 1.0, neutral[2] / neutral[1]), None
        reasons.append(f"AsShotNeutral {neutral} makes no sense: left aside")
    xy = optional(lambda: ifd0.floats(Tag.AS_SHOT_WHITE_XY, (2,)), None, reasons)
    if xy is not None:
        if is_xy(xy):
            return None, (xy[0], xy[1])
        reasons.append(f"AsShotWhiteXY {xy} is no light: left aside")
    reasons.append("neither AsShotNeutral nor AsShotWhiteXY: the light of the scene is not known")
    return None, None
