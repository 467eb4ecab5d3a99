"""Camera colour to the working space: the file's calibrations, interpolated for the light of the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.camera import Camera, ColourCalibration
from lichtbild.core.domain import Domain
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import Frame, FrameInfo
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param
from lichtbild.stages.colour import profile
from lichtbild.stages.colour.profile import ProfileFacts
from lichtbild.stages.colour.reference import mix_channels

Matrix = npt.NDArray[np.float64]

VERSION = 2

# What is assumed of a camera that tells nothing: a ColorMatrix for D65 in the middle of those of seven phone and small
# sensors (each is XYZ to camera with green of a D65 white at 1). Colours are then plausible, not measured.
FALLBACK_XYZ_TO_CAMERA: Matrix = np.array([[0.86, -0.24, -0.13], [-0.45, 1.32, 0.13], [-0.08, 0.22, 0.53]])
FALLBACK = ColourCalibration((cs.D65_XY,), (FALLBACK_XYZ_TO_CAMERA,))
RENDERED = ColourCalibration((cs.DISPLAY_WHITE_XY,), (np.asarray(cs.XYZ_TO_SRGB, np.float64),))


@dataclass(frozen=True)
class ColourParams(Params):
    """Which calibration of the camera's colours is used."""

    profile: str = param("", "a camera profile (.dcp) instead of the file's own calibration")
    maker_look: bool = param(False, "also the look and the tone curve of the profile, or of the file")
    any_camera: bool = param(False, "use a profile that is of another camera")


@dataclass(frozen=True, eq=False)
class CameraColour:
    """A calibration at one white point.

    Parameters
    ----------
    xyz_to_camera
        [3, 3], XYZ under the scene's light to camera RGB, AnalogBalance and CameraCalibration included.
    forward
        [3, 3], white-balanced reference camera to XYZ D50, white exact; None where the file has none.
    individual
        [3, 3], AnalogBalance @ CameraCalibration: reference camera to this camera.
    """

    xyz_to_camera: Matrix
    forward: Matrix | None
    individual: Matrix


@dataclass(frozen=True, eq=False)
class ColourFacts:
    """Everything the pixels need: `matrix` float64 [3, 3] takes white-balanced camera RGB (camera / neutral) to
    WORK_RGB; `profile`: maps that come before it."""

    matrix: Matrix
    reasons: tuple[str, ...] = ()
    profile: ProfileFacts | None = None


def calibration_of(camera: Camera) -> tuple[ColourCalibration, tuple[str, ...]]:
    """The camera's calibration, or what is assumed without one and the reason for people."""
    if camera.colour is not None and camera.colour.xyz_to_camera:
        return camera.colour, ()
    if camera.is_rendered:
        return RENDERED, ("no colour profile in the picture: taken as sRGB",)
    return FALLBACK, (f"no colour calibration for {camera.name}: a typical phone sensor is assumed",)


def illuminant_weights(illuminants: tuple[cs.XY, ...], white: cs.XY) -> npt.NDArray[np.float64]:
    """Share of each calibration illuminant for a scene white, sum 1 (DNG 1.7.1, chapter 6).

    Two illuminants: linear in reciprocal temperature, held beyond the ends. Three: by the inverse squared distance in
    (1500 K / temperature, tint / 200), smoothed and with small shares removed, as Adobe's SDK does.
    """
    n = len(illuminants)
    if n == 1:
        return np.ones(1)
    kelvin, tint = np.array([cs.xy_to_kelvin_tint(xy) for xy in (*illuminants, white)]).T
    if n == 2:
        mired = 1e6 / kelvin
        if abs(mired[0] - mired[1]) < 1e-6:
            return np.array([1.0, 0.0])
        share = float(np.clip((mired[2] - mired[1]) / (mired[0] - mired[1]), 0.0, 1.0))
        return np.array([share, 1.0 - share])
    place = np.stack([np.minimum(1500.0 / kelvin, 1.0), tint / 200.0], 1)
    weight = 1.0 / (((place[:-1] - place[-1]) ** 2).sum(1) + 1e-8)
    weight /= weight.sum()
    weight = np.clip((weight * weight * (3.0 - 2.0 * weight) - 0.02) / 0.98, 0.0, 1.0)
    return np.asarray(weight / weight.sum())


def at_white(calibration: ColourCalibration, white: cs.XY) -> CameraColour:
    """Interpolate a calibration for a white point.

    Raises
    ------
    MetadataError
        If the calibration's lists differ in length or a matrix cannot be inverted.
    """
    n = len(calibration.illuminants_xy)
    for name, matrices in (
        ("ColorMatrix", calibration.xyz_to_camera),
        ("ForwardMatrix", calibration.camera_to_pcs),
        ("CameraCalibration", calibration.camera_calibration),
    ):
        if len(matrices) != n and (matrices or name == "ColorMatrix"):
            raise MetadataError(f"{len(matrices)} matrices for {n} illuminants", where=name)
        if not all(np.isfinite(m).all() for m in matrices):
            raise MetadataError("a matrix holds numbers that are not finite", where=name)
    share = illuminant_weights(calibration.illuminants_xy, white)

    def mixed(matrices: tuple[Matrix, ...]) -> Matrix:
        return np.asarray(sum(w * m for w, m in zip(share, matrices, strict=True)), np.float64)

    own = mixed(calibration.camera_calibration) if calibration.camera_calibration else np.eye(3)
    individual = np.diag(calibration.analog_balance) @ own
    colour = mixed(calibration.xyz_to_camera)
    forward = mixed(tuple(map(normalised_forward, calibration.camera_to_pcs))) if calibration.camera_to_pcs else None
    for name, matrix in (("ColorMatrix", colour), ("CameraCalibration", individual)):
        if abs(np.linalg.det(matrix)) < 1e-6:
            raise MetadataError("the matrix cannot be inverted", where=name)
    return CameraColour(individual @ colour, forward, individual)


def normalised_forward(forward: Matrix) -> Matrix:
    """A ForwardMatrix whose rows are scaled so that white goes to the D50 of the connection space exactly."""
    white = forward.sum(1)
    if np.any(white <= 0):
        raise MetadataError("white does not map to a colour", where="ForwardMatrix")
    return np.asarray(forward * (cs.PCS_WHITE_XYZ / white)[:, None])


def camera_to_work(colour: CameraColour, neutral: npt.ArrayLike, white: cs.XY) -> Matrix:
    """Camera RGB / neutral to linear Rec.2020 under D65, [3, 3]; (1, 1, 1) goes to (1, 1, 1).

    Parameters
    ----------
    colour
        Calibration at the white point.
    neutral
        Camera RGB of white [3], green = 1.
    white
        xy of the scene's light, used where there is no forward matrix.
    """
    camera_white = np.asarray(neutral, np.float64)
    d65 = cs.xy_to_xyz(cs.DISPLAY_WHITE_XY)
    if colour.forward is not None:
        reference = np.linalg.inv(colour.individual)
        to_pcs = colour.forward @ np.diag(1.0 / (reference @ camera_white)) @ reference
        to_xyz = cs.bradford(cs.PCS_WHITE_XYZ, d65) @ to_pcs
    else:
        to_xyz = cs.bradford(cs.xy_to_xyz(white), d65) @ np.linalg.inv(colour.xyz_to_camera)
    matrix = cs.XYZ_TO_REC2020 @ to_xyz @ np.diag(camera_white)
    # White is exact by construction up to the scale, and up to the xy's own rounding: make it exact.
    return np.asarray(matrix / matrix.sum(1)[:, None])


def analyse(info: FrameInfo, neutral: tuple[float, float, float], white: cs.XY) -> ColourFacts:
    """The matrix of a picture at its white point; three equal channels of a monochrome sensor stay equal."""
    if info.kind == "monochrome":
        return ColourFacts(np.eye(3))
    calibration, reasons = calibration_of(info.camera)
    matrix = camera_to_work(at_white(calibration, white), neutral, white)
    share = illuminant_weights(calibration.illuminants_xy, white)
    return ColourFacts(matrix, reasons, profile.analyse(info.camera.profile, matrix, neutral, share))


def work_noise(noise: NoiseModel, neutral: tuple[float, float, float], facts: ColourFacts) -> NoiseModel:
    """Noise of a grey surface in WORK_RGB, from that of camera RGB with independent channels."""
    total = facts.matrix / np.asarray(neutral)
    alpha = (total**2) @ (np.asarray(noise.alpha) * np.asarray(neutral))
    beta = (total**2) @ np.broadcast_to(noise.beta, 3)
    return NoiseModel(tuple(alpha.tolist()), tuple(beta.tolist()), noise.source, noise.correlation_px)


def apply(frame: Frame, neutral: tuple[float, float, float], facts: ColourFacts) -> Frame:
    """CAMERA_RGB to WORK_RGB (linear Rec.2020, D65; before exposure: 1 = a white that saturates green). Cost O(H W)."""
    frame.require(Domain.CAMERA_RGB)
    pixels = mix_channels(frame.pixels, (facts.matrix / np.asarray(neutral)).astype(np.float32))
    return frame.replaced(pixels=pixels, domain=Domain.WORK_RGB, noise=work_noise(frame.noise, neutral, facts))
