"""A lens that was measured or looked up, in front of the virtual camera's sensor: the profile that corrects pictures,
run forwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Opcode, OpcodeLists
from lichtbild.core.errors import UsageError
from lichtbild.optics.profile import LensProfile
from lichtbild.simulate.lens import LENS_TERMS, SHADING_COLUMNS, SHADING_ROWS, Lens, gain_maps, lens_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Powers that undo a profile's: enough for 0.01 px of a bend of a tenth on 12 MP, few enough for single precision.
_N_POWERS = 10
_N_RADII = 600


@dataclass(frozen=True, eq=False)
class ProfiledLens:
    """Distortion, lateral colour and shading of a `LensProfile`, and a Gaussian blur.

    Parameters
    ----------
    profile
        Its distortion becomes the file's WarpRectilinear2, its shading the file's GainMaps.
    psf_sigma_px
        Standard deviation of the blur, px; a profile's `transfer` is what corrections divide by, not what is drawn.
    """

    profile: LensProfile
    psf_sigma_px: float = 0.45

    @property
    def has_warp(self) -> bool:
        return self.profile.distortion is not None

    @property
    def has_shading(self) -> bool:
        return self.profile.shading is not None

    def blur_taps(self, oversampling: float, aperture_px: float = 1.0) -> Float32:
        return Lens(self.psf_sigma_px).blur_taps(oversampling, aperture_px)

    def psf_nodes(self, shape: tuple[int, int], spot_px: float = 0.0) -> Float32:
        return Lens(self.psf_sigma_px).psf_nodes(shape, spot_px)

    def undistortion(self) -> Float32:
        """float32 [3, 15]: raw position p -> ideal c + (p - c) * (1 + sum_k a_k r^k), k from 0, r = 1 at the corner."""
        out = np.zeros((3, LENS_TERMS))
        for plane, terms in enumerate(self.profile.distortion or ()):
            ideal = np.linspace(0, 1.3, _N_RADII)[1:]
            raw = ideal * np.polynomial.polynomial.polyval(ideal, terms)
            inside = (raw <= 1.02) & (np.diff(raw, prepend=0.0) > 0)
            if raw[inside].max() < 1.0:
                raise UsageError("this profile does not reach the corner of the picture", where=self.profile.name)
            powers = raw[inside, None] ** np.arange(1, _N_POWERS + 1)
            out[plane, :_N_POWERS] = np.linalg.lstsq(powers, (ideal - raw)[inside], rcond=1e-10)[0]
        return out.astype(np.float32)

    def to_raw(self, x: Float64, y: Float64, shape: tuple[int, int], plane: int = 1) -> tuple[Float64, Float64]:
        """Where a point of the ideal picture lies on the sensor, px (pixel centre at + 0.5)."""
        if self.profile.distortion is None:
            return x, y
        cx, cy, inverse_r2 = lens_frame(shape)
        r = np.sqrt(((x - cx) ** 2 + (y - cy) ** 2) * inverse_r2)
        factor = np.polynomial.polynomial.polyval(r, self.profile.distortion[plane])
        return cx + (x - cx) * factor, cy + (y - cy) * factor

    def shading_gain(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int]) -> Float32:
        """float32 [13, 17, 4]: gain that undoes the shading, of each CFA site, nodes from edge to edge."""
        v, u = np.linspace(-1, 1, SHADING_ROWS)[:, None], np.linspace(-1, 1, SHADING_COLUMNS)[None, :]
        r = np.hypot(v * shape[0], u * shape[1]) / np.hypot(*shape)
        if self.profile.shading is None:
            return np.ones((SHADING_ROWS, SHADING_COLUMNS, 4), np.float32)
        gains = [np.interp(r, self.profile.shading.radii, 1 / row) for row in self.profile.shading.light]
        return np.asarray(np.stack([gains[c] for c in site_colours], 2), np.float32)

    def opcodes(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int], quad: int = 1) -> OpcodeLists:
        """GainMaps for the four sites (list 2) and the profile's WarpRectilinear2 (list 3)."""
        on_linear = gain_maps(self.shading_gain(shape, site_colours), shape, quad) if self.has_shading else []
        warp = self.profile.warp()
        after: tuple[Opcode, ...] = () if warp is None else (warp,)
        return OpcodeLists((), tuple(on_linear), after)
