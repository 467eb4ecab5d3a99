"""What a sensor sees of a spectrum: quantum efficiency of its colours over wavelength, electrons of light, the colour
calibration that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import ColourCalibration, MetadataError
from lichtbild.core.colour_space import D50_XY, bradford, xy_to_xyz, xyz_to_xy
from lichtbild.core.spectra import WAVELENGTHS_NM, colorchecker, illuminant, observer, xyz_of

Floats = npt.NDArray[np.float64]

# lm / W; h c in J m.
_LUMENS_PER_WATT, _HC = 683.0, 1.98644586e-25


@dataclass(frozen=True, eq=False)
class Response:
    """Electrons a photon, over wavelength.

    Parameters
    ----------
    quantum_efficiency
        float64 [3, 81] on `WAVELENGTHS_NM`, red, green, blue (equal in a monochrome sensor), 0 to 1, filters and the
        infrared cut included.
    """

    quantum_efficiency: Floats

    def __post_init__(self) -> None:
        qe = self.quantum_efficiency
        if qe.shape != (3, len(WAVELENGTHS_NM)) or not np.all((qe >= 0) & (qe <= 1)):
            raise MetadataError("quantum efficiencies are 3 curves of 81 numbers from 0 to 1", where="Response")

    @classmethod
    def bells(cls, peak: float, bands_nm: tuple[tuple[float, float], ...], cut_nm: tuple[float, float]) -> Response:
        """Gaussian filters (centre, standard deviation) within the pass band of the infrared filter."""
        cut = ((cut_nm[0] <= WAVELENGTHS_NM) & (cut_nm[1] >= WAVELENGTHS_NM)).astype(float)
        curves = [np.exp(-0.5 * ((WAVELENGTHS_NM - c) / s) ** 2) for c, s in bands_nm]
        return cls(peak * cut * np.stack(curves))

    @classmethod
    def flat(cls, level: float, cut_nm: tuple[float, float]) -> Response:
        """A sensor without filters."""
        cut = ((cut_nm[0] <= WAVELENGTHS_NM) & (cut_nm[1] >= WAVELENGTHS_NM)).astype(float)
        return cls(np.tile(level * cut, (3, 1)))

    def electrons_um2_lux_s(self, light: Floats) -> Floats:
        """float64 [3]: electrons a square um for one lux second of this light on the sensor."""
        lux_of_watt = _LUMENS_PER_WATT * float(light @ observer()[1])
        photons = light * WAVELENGTHS_NM * 1e-9 / _HC * 1e-12
        return np.asarray(self.quantum_efficiency @ photons / lux_of_watt)

    def camera_rgb(self, radiance: npt.ArrayLike) -> Floats:
        """Signal [..., 3] of spectra [..., 81], any scale: photons times quantum efficiency."""
        return np.asarray(np.asarray(radiance, np.float64) @ (self.quantum_efficiency * WAVELENGTHS_NM).T)

    def neutral(self, light: Floats) -> Floats:
        """Signal of a white surface in this light, green = 1."""
        white = self.camera_rgb(light)
        return np.asarray(white / white[1])

    def calibration(self) -> ColourCalibration:
        """ColorMatrix and ForwardMatrix for illuminants A and D65: least squares over the patches of the ColorChecker,
        white exact (DNG 1.7.1, chapter 6)."""
        reflectance = np.concatenate([colorchecker()[1], np.ones((1, len(WAVELENGTHS_NM)))])
        whites, to_camera, to_pcs = [], [], []
        for name in ("A", "D65"):
            light = illuminant(name)
            white = xyz_of(light)
            xyz, camera = xyz_of(reflectance * light), self.camera_rgb(reflectance * light)
            camera = camera / self.camera_rgb(light)[1]
            matrix = _keeping_white(xyz, camera)
            adapted = xyz @ bradford(white, xy_to_xyz(D50_XY)).T
            forward = _keeping_white(camera / camera[-1], adapted)
            whites.append(xyz_to_xy(white))
            to_camera.append(matrix)
            to_pcs.append(forward)
        return ColourCalibration(tuple(whites), tuple(to_camera), tuple(to_pcs))


def _keeping_white(source: Floats, target: Floats) -> Floats:
    """[3, 3] with target = matrix @ source in the least squares of relative errors, exact for the last row, white."""
    white_in, white_out = source[-1], target[-1]
    weight = 1 / np.sqrt(np.maximum(source[:-1].mean(1, keepdims=True), 0.02))
    # Two directions that white does not have are free, the third is set.
    basis = np.linalg.svd(white_in[None])[2]
    free = basis[1:].T
    held = np.outer(white_out, white_in) / (white_in @ white_in)
    rest = (target[:-1] - source[:-1] @ held.T) * weight
    solved = np.linalg.lstsq((source[:-1] @ free) * weight, rest, rcond=None)[0]
    return np.asarray(held + (free @ solved).T)
