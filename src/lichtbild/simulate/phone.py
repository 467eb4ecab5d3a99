"""Cameras of our own: `virtual_phone` is what the demo and the tests take pictures with."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core import Camera, Cfa, ColourCalibration, Exposure, FrameInfo, NoiseModel, Tags, UsageError
from lichtbild.core.colour_space import (
    A_XY,
    D50_XY,
    D65_XY,
    SRGB_TO_XYZ,
    bradford,
    kelvin_tint_to_xy,
    xy_to_kelvin_tint,
    xy_to_xyz,
)
from lichtbild.core.corrections import Opcode, WarpRectilinear, WarpRectilinear2
from lichtbild.optics.field import through_focus_mm
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.sensor.model import Sensor
from lichtbild.sensor.response import Response
from lichtbild.simulate.gyro_log import Gyro
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.scene import Materials
from lichtbild.simulate.stabiliser import Stabiliser
from lichtbild.simulate.traced_lens import TracedLens, traced_lens

Float64 = npt.NDArray[np.float64]

# XYZ to camera under illuminant A and D65: made up, in the range of phone sensors.
COLOUR_MATRIX_A = np.array([[0.95, -0.42, -0.02], [-0.37, 1.18, 0.22], [-0.03, 0.22, 0.62]])
COLOUR_MATRIX_D65 = np.array([[0.78, -0.21, -0.07], [-0.42, 1.26, 0.18], [-0.06, 0.21, 0.55]])


def dual_illuminant_colour() -> ColourCalibration:
    """ColorMatrix and ForwardMatrix for A and D65 that agree with each other."""
    matrices, forward = (COLOUR_MATRIX_A, COLOUR_MATRIX_D65), []
    for xy, matrix in zip((A_XY, D65_XY), matrices, strict=True):
        white = xy_to_xyz(xy)
        forward.append(bradford(white, xy_to_xyz(D50_XY)) @ np.linalg.inv(matrix) @ np.diag(matrix @ white))
    return ColourCalibration((A_XY, D65_XY), matrices, tuple(forward))


@dataclass(frozen=True)
class VirtualCamera:
    """Sensor, lens and colour of a camera, and how it is set.

    Parameters
    ----------
    sensor, lens
        See there.
    colour
        Calibration for one or two illuminants.
    light_xy
        CIE xy of the light of the scene; the camera finds it without error.
    time_s, f_number, focal_length_mm, focal_length_35mm
        Exposure and lens as written; the focal length also makes pixels of the hand's angles.
    interval_s, readout_s
        From frame to frame, and from the first row to the last.
    white_at
        Signal of green, in units of saturation, for a white surface of the scene (1): the exposure.
    response
        Of the sensor to spectra, where it is known: scenes of known materials are then seen through it.
    white_rgb
        Signal of a white surface in the scene's light, green = 1, where the spectra tell it; None: by the matrices.
    is_monochrome
        No filters: all pixels see alike, files hold one plane.
    oversampling
        Pixels of the mosaic, along each axis, that the camera makes one of before it writes a file; 1: none.
    focus_m
        Distance that is sharp, m (infinity: the far); what is nearer or farther is blurred. None: all is sharp.
    stabiliser, gyro
        What moves the lens against a hand, if anything does; what logs its turns.
    """

    sensor: Sensor = field(default_factory=Sensor)
    lens: Lens | TracedLens = field(default_factory=Lens)
    colour: ColourCalibration = field(default_factory=dual_illuminant_colour)
    light_xy: tuple[float, float] = field(default_factory=lambda: kelvin_tint_to_xy(5200.0))
    make: str = "lichtbild"
    model: str = "lichtbild virtual phone"
    lens_name: str = "virtual wide 4.4 mm f/1.8"
    time_s: float = 1 / 100
    f_number: float = 1.8
    focal_length_mm: float = 4.4
    focal_length_35mm: float = 27.0
    interval_s: float = 1 / 15
    readout_s: float = 0.012
    white_at: float = 0.8
    response: Response | None = None
    white_rgb: tuple[float, float, float] | None = None
    is_monochrome: bool = False
    oversampling: float = 1.0
    focus_m: float | None = None
    stabiliser: Stabiliser | None = None
    gyro: Gyro = field(default_factory=Gyro)

    def xyz_to_camera(self) -> Float64:
        """ColorMatrix for the scene's light, interpolated in reciprocal temperature as DNG 1.7 chapter 6 says."""
        matrices = self.colour.xyz_to_camera
        if len(matrices) == 1:
            return matrices[0]
        low, high = (1 / xy_to_kelvin_tint(xy)[0] for xy in self.colour.illuminants_xy[:2])
        here = 1 / xy_to_kelvin_tint(self.light_xy)[0]
        share = float(np.clip((here - high) / (low - high), 0, 1))
        return np.asarray(share * matrices[0] + (1 - share) * matrices[1])

    def neutral(self) -> tuple[float, float, float]:
        """AsShotNeutral: camera RGB of a white surface, green = 1."""
        if self.is_monochrome:
            return 1.0, 1.0, 1.0
        if self.white_rgb is not None:
            return self.white_rgb
        white = self.xyz_to_camera() @ xy_to_xyz(self.light_xy)
        r, g, b = (float(v) for v in white / white[1])
        return r, g, b

    def written_neutral(self) -> tuple[float, float, float]:
        """AsShotNeutral of the files: a white surface as it is read, crosstalk included, green = 1."""
        read = self.sensor.mixing() @ self.neutral()
        r, g, b = (float(v) for v in read / read[1])
        return r, g, b

    def written_colour(self) -> ColourCalibration:
        """Colour calibration of the files, crosstalk included."""
        mixing = self.sensor.mixing()
        to_pcs = []
        for xy, matrix, forward in zip(self.colour.illuminants_xy, self.colour.xyz_to_camera,
                                       self.colour.camera_to_pcs, strict=True):  # fmt: skip
            white = matrix @ xy_to_xyz(xy)
            # From what is read and balanced to what light alone would give, balanced.
            to_pcs.append(forward @ np.linalg.inv(np.diag(1 / (mixing @ white)) @ mixing @ np.diag(white)))
        matrices = tuple(mixing @ matrix for matrix in self.colour.xyz_to_camera)
        return replace(self.colour, xyz_to_camera=matrices, camera_to_pcs=tuple(to_pcs))

    def scene_to_camera(self) -> Float64:
        """[3, 3]: scene (linear Rec.709, eye adapted) to camera RGB in units of saturation."""
        white = xy_to_xyz(self.light_xy)
        matrix = self.xyz_to_camera() @ bradford(SRGB_TO_XYZ.sum(1), white) @ SRGB_TO_XYZ
        return np.asarray(matrix * (self.white_at / (matrix @ np.ones(3))[1]))

    def of_spectra(self, materials: Materials) -> Float64:
        """float64 [n, 3]: materials in camera RGB in units of saturation, white at `white_at`."""
        if self.response is None:
            raise UsageError("this camera does not know its response to spectra", where="response")
        white = self.response.camera_rgb(materials.white)[1]
        return np.asarray(self.response.camera_rgb(materials.radiance) * (self.white_at / white))

    def focal_px(self, shape: tuple[int, int]) -> float:
        """Focal length in px, from the 35 mm equivalent by the diagonal."""
        return float(self.focal_length_35mm / np.hypot(36, 24) * np.hypot(*shape))

    def spot_px(self, shape: tuple[int, int], depth_m: float) -> float:
        """Diameter of the spot that a point at a distance makes of the open lens, px; negative behind the focus.

        Thin lens: aperture times focal length times the difference of the reciprocal distances.
        """
        if self.focus_m is None:
            return 0.0
        nearer = 1 / depth_m - 1 / self.focus_m
        return float(self.focal_length_mm / self.f_number * 1e-3 * self.focal_px(shape) * nearer)

    def exposure(self, frame: int, iso: float, start_s: float) -> Exposure:
        return Exposure(
            self.time_s,
            iso,
            self.f_number,
            self.focal_length_mm,
            self.focal_length_35mm,
            start_s + frame * self.interval_s,
        )

    def info(self, shape: tuple[int, int], iso: float, frame: int, start_s: float, name: str) -> FrameInfo:
        """All that the file of one frame tells."""
        exposure = self.exposure(frame, iso, start_s)
        colour = None if self.is_monochrome else self.written_colour()
        camera = Camera(self.make, self.model, self.model, self.lens_name, colour, False, self.readout_s)
        sensor = self.sensor
        noise = sensor.noise(iso, self.time_s)
        opcodes = self.lens.opcodes(shape, sensor.site_colours, sensor.cfa.quad)
        if self.is_monochrome:
            noise = NoiseModel(noise.alpha[:1], noise.beta[:1], noise.source)
            opcodes = replace(opcodes, after_demosaic=tuple(_of_green(op) for op in opcodes.after_demosaic))
        return FrameInfo(
            name=name,
            shape=shape,
            kind="monochrome" if self.is_monochrome else "mosaic",
            camera=camera,
            exposure=exposure,
            cfa=None if self.is_monochrome else sensor.cfa,
            levels=sensor.levels(),
            noise=noise,
            opcodes=opcodes,
            default_crop=(0, 0, *shape),
            as_shot_neutral=None if self.is_monochrome else self.written_neutral(),
            tags=_tags(exposure, self.lens_name),
            bits=sensor.bits,
        )


def _of_green(op: Opcode) -> Opcode:
    """A warp of three colours for a picture of one plane: that of green."""
    if isinstance(op, WarpRectilinear):
        return replace(op, radial=op.radial[1:2], tangential=op.tangential[1:2])
    if isinstance(op, WarpRectilinear2):
        return replace(op, radial=op.radial[1:2], tangential=op.tangential[1:2], valid_range=op.valid_range[1:2])
    return op


def _tags(exposure: Exposure, lens_name: str) -> Tags:
    """EXIF that is carried along: the moment with its sub-seconds, the zone, the lens, the author's name."""
    captured = exposure.captured_s or 0.0
    moment = datetime.datetime.fromtimestamp(captured, datetime.UTC)
    stamp, sub = moment.strftime("%Y:%m:%d %H:%M:%S"), f"{int(captured % 1 * 1000):03d}"
    exif = {36867: stamp, 36868: stamp, 37521: sub, 37522: sub, 36880: "+00:00", 36881: "+00:00",
            42036: lens_name}  # fmt: skip
    return Tags({"ifd0": {306: stamp}, "exif": exif})


def with_lens(camera: VirtualCamera, lens: Prescription | str | Path, shape: tuple[int, int]) -> VirtualCamera:
    """The same camera behind a prescription, with pixels so large that the sensor fills the lens's picture.

    `lens` is a prescription or the file of one. It is focused on infinity, on the axis, where it is sharpest. See
    `traced_lens` for errors and cost.
    """
    if not isinstance(lens, Prescription):
        lens = read_lens(lens)
    focused = lens.focused(through_focus_mm(lens))
    thin = paraxial(focused, focused.wavelengths_nm[len(focused.wavelengths_nm) // 2])
    diagonal = 2 * lens.image_radius_mm
    focal = abs(thin.focal_length_mm)
    return replace(
        camera,
        lens=traced_lens(focused, shape, diagonal / float(np.hypot(*shape))),
        f_number=abs(thin.f_number),
        focal_length_mm=focal,
        focal_length_35mm=focal * float(np.hypot(36, 24)) / diagonal,
        lens_name=lens.name,
    )


def virtual_phone(cfa: str = "RGGB", quad: int = 1) -> VirtualCamera:
    """A phone's main camera: barrel distortion of 1.5 %, a little lateral colour, corners at 42 %, some hot pixels."""
    lens = Lens(
        psf_sigma_px=0.45,
        radial=((-0.0146, 0.0012, 0.0), (-0.0150, 0.0012, 0.0), (-0.0155, 0.0012, 0.0)),
        corner_gain=(2.35, 2.2, 2.1),
    )
    return VirtualCamera(Sensor(Cfa.from_name(cfa, quad), hot_fraction=1.5e-5), lens)
