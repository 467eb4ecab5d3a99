"""What is known about a camera: sensor, colour calibration. Nothing about a camera is stored anywhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError
from lichtbild.core.transfer import TransferField

Matrix = npt.NDArray[np.float64]

RED, GREEN, BLUE = 0, 1, 2


@dataclass(frozen=True)
class Cfa:
    """A 2x2 colour filter array: `colours[row % 2][column % 2]` is 0 red, 1 green, 2 blue.

    `quad` is 2 for a quad-Bayer sensor read out in full (each colour stands in 2x2 blocks), else 1.
    """

    colours: tuple[tuple[int, int], tuple[int, int]]
    quad: int = 1

    def __post_init__(self) -> None:
        flat = sorted(c for row in self.colours for c in row)
        diagonal = {self.colours[0][0], self.colours[1][1]}, {self.colours[0][1], self.colours[1][0]}
        if flat != [RED, GREEN, GREEN, BLUE] or {GREEN} not in diagonal:
            raise MetadataError(f"{self.colours} is no Bayer pattern", hint="RGGB, BGGR, GRBG or GBRG")

    @classmethod
    def from_name(cls, name: str, quad: int = 1) -> Cfa:
        """From "RGGB", "BGGR", "GRBG" or "GBRG"."""
        c = ["RGB".index(letter) for letter in name.upper()]
        return cls(((c[0], c[1]), (c[2], c[3])), quad)

    @property
    def name(self) -> str:
        return "".join("RGB"[c] for row in self.colours for c in row)

    @property
    def red_row(self) -> int:
        """Row parity (0 or 1) of the rows that hold red."""
        return 0 if RED in self.colours[0] else 1

    @property
    def red_column(self) -> int:
        """Column parity (0 or 1) of red within its rows."""
        return self.colours[self.red_row].index(RED)

    def shifted(self, rows: int, columns: int) -> Cfa:
        """The pattern of the image whose pixel [0, 0] is this one's [rows, columns]."""
        step = self.quad
        r, c = rows // step, columns // step
        if rows % step or columns % step:
            raise MetadataError("a quad-Bayer image can only be cut at whole blocks")
        new = tuple(tuple(self.colours[(i + r) % 2][(j + c) % 2] for j in range(2)) for i in range(2))
        return Cfa(new, self.quad)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class ColourCalibration:
    """Colour of a sensor the DNG way, for one to three calibration illuminants.

    Parameters
    ----------
    illuminants_xy
        CIE 1931 xy of each calibration illuminant.
    xyz_to_camera
        ColorMatrix of each illuminant, [3, 3], XYZ (of the illuminant, Y = 1) to reference camera space.
    camera_to_pcs
        ForwardMatrix of each illuminant, white-balanced camera to XYZ D50; empty where the file has none.
    camera_calibration
        CameraCalibration of each illuminant, [3, 3]; empty: identity.
    analog_balance
        AnalogBalance, 3 numbers.
    """

    illuminants_xy: tuple[tuple[float, float], ...]
    xyz_to_camera: tuple[Matrix, ...]
    camera_to_pcs: tuple[Matrix, ...] = ()
    camera_calibration: tuple[Matrix, ...] = ()
    analog_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class HueSatMap:
    """Changes over hue, saturation and value in HSV of linear ProPhoto RGB (DNG 1.7.1, chapter 6).

    Parameters
    ----------
    table
        float32 [hues, saturations, values, 3]: shift of hue in degrees, factor of saturation, factor of value.
    is_encoded
        Value is looked up, and changed, on the sRGB curve instead of in light.
    """

    table: npt.NDArray[np.float32]
    is_encoded: bool = False


@dataclass(frozen=True, eq=False)
class ColourProfile:
    """A camera profile: what a DCP file, or a DNG, tells about colour beyond its matrices.

    Parameters
    ----------
    name, camera
        Of the profile, and the UniqueCameraModel it is for ("" for any).
    calibration
        Matrices; None where the profile stands beside those of its DNG.
    hue_sat
        One map for each of the calibration's illuminants, one for all, or none.
    look
        The maker's look, to follow after.
    tone_curve
        The maker's curve, float64 [n, 2] of light in and out, 0..1.
    """

    name: str = ""
    camera: str = ""
    calibration: ColourCalibration | None = None
    hue_sat: tuple[HueSatMap, ...] = ()
    look: HueSatMap | None = None
    tone_curve: npt.NDArray[np.float64] | None = None

    @property
    def has_maps(self) -> bool:
        return bool(self.hue_sat) or self.look is not None


@dataclass(frozen=True)
class Camera:
    """Sensor + lens + colour calibration of one camera.

    `is_rendered` tells that pixels were developed by the camera already (a JPEG or HEIC burst), `transfer` what its
    lens leaves of fine detail, where a profile tells.
    """

    make: str = ""
    model: str = ""
    unique_name: str = ""
    lens: str = ""
    colour: ColourCalibration | None = None
    is_rendered: bool = False
    readout_s: float | None = field(default=None)
    transfer: TransferField | None = field(default=None, repr=False)
    profile: ColourProfile | None = None

    @property
    def name(self) -> str:
        return self.unique_name or f"{self.make} {self.model}".strip() or "unknown camera"
