"""A lens by its prescription in front of the virtual camera's sensor: its blur, distortion, lateral colour and
shading."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Opcode, OpcodeLists, WarpRectilinear2
from lichtbild.optics.cache import kept
from lichtbild.optics.field import FieldTable, check_covers, field_table
from lichtbild.optics.lens_file import as_json
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.optics.psf_field import BLUE, GREEN, RED, Band, PsfField, psf_field, through_pixels
from lichtbild.simulate.lens import CELL_PX, LENS_TERMS, SHADING_COLUMNS, SHADING_ROWS, Lens, gain_maps, lens_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_PATTERN_SAMPLES_PX = 8


@dataclass(frozen=True, eq=False)
class TracedLens:
    """What a traced lens does to a picture of one shape; made by `traced_lens`.

    Parameters
    ----------
    name, source
        The prescription's.
    shape, pixel_mm
        Rows and columns of the sensor, and its pitch.
    table
        Distortion, lateral colour and light for red, green and blue.
    field
        Point-spread functions.
    taps
        Samples, half a px apart, that a pixel collects along each axis.
    prescription, bands
        What was traced, for which colours: traced again out of focus.
    """

    name: str
    source: str
    shape: tuple[int, int]
    pixel_mm: float
    table: FieldTable
    field: PsfField
    taps: int
    prescription: Prescription
    bands: tuple[Band, Band, Band]

    has_warp = True
    has_shading = True

    def blur_taps(self, oversampling: float, aperture_px: float = 1.0) -> Float32:
        """Taps that make spline coefficients of the scene and blur nothing: the patterns do, later."""
        return Lens(0.0).blur_taps(oversampling, 0.0)

    def _radii(self, plane: int) -> tuple[Float64, Float64]:
        """Distance from the middle on the sensor, and that of a picture without distortion, both 1 at the corner."""
        corner = 0.5 * float(np.hypot(*self.shape)) * self.pixel_mm
        ideal = self.table.focal_length_mm * np.tan(np.radians(self.table.angle_deg))
        return self.table.height_mm[plane] / corner, ideal / corner

    def undistortion(self) -> Float32:
        """float32 [3, 15]: raw position p -> ideal c + (p - c) * (1 + sum_k a_k r^k), k from 0, r = 1 at the corner."""
        out = np.zeros((3, LENS_TERMS))
        for plane in range(3):
            raw, ideal = self._radii(plane)
            powers = raw[:, None] ** np.arange(1, LENS_TERMS + 1, 2)
            out[plane, ::2] = np.linalg.lstsq(powers, ideal - raw, rcond=1e-12)[0]
        return out.astype(np.float32)

    def to_raw(self, x: Float64, y: Float64, shape: tuple[int, int], plane: int = 1) -> tuple[Float64, Float64]:
        """Where a point of the ideal picture lies on the sensor, px (pixel centre at + 0.5)."""
        cx, cy, inverse_r2 = lens_frame(shape)
        r = np.sqrt(((x - cx) ** 2 + (y - cy) ** 2) * inverse_r2)
        raw, ideal = self._radii(plane)
        factor = np.interp(r, ideal[1:], raw[1:] / ideal[1:])
        return cx + (x - cx) * factor, cy + (y - cy) * factor

    def shading_gain(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int]) -> Float32:
        """float32 [13, 17, 4]: gain that undoes the shading, of each CFA site, nodes from edge to edge."""
        v, u = np.linspace(-1, 1, SHADING_ROWS)[:, None], np.linspace(-1, 1, SHADING_COLUMNS)[None, :]
        r = np.sqrt((v * v * shape[0] ** 2 + u * u * shape[1] ** 2) / (shape[0] ** 2 + shape[1] ** 2))
        gains = [np.interp(r, self._radii(c)[0], 1 / self.table.illumination[c]) for c in range(3)]
        return np.asarray(np.stack([gains[c] for c in site_colours], 2), np.float32)

    def opcodes(self, shape: tuple[int, int], site_colours: tuple[int, int, int, int], quad: int = 1) -> OpcodeLists:
        """GainMaps for the four sites (list 2) and the 15-term WarpRectilinear2 (list 3), which this lens needs."""
        radial = []
        for plane in range(3):
            raw, ideal = self._radii(plane)
            # Odd powers are left at 0: the table is even in r, and high odd powers fit its noise.
            terms = np.zeros(15)
            powers = ideal[1:, None] ** np.arange(0, 15, 2)
            terms[::2] = np.linalg.lstsq(powers, raw[1:] / ideal[1:], rcond=1e-12)[0]
            radial.append(tuple(float(t) for t in terms))
        warp: Opcode = WarpRectilinear2(tuple(radial), ((0.0, 0.0),) * 3, ((0.0, 1.0),) * 3, 0.5, 0.5, False)
        return OpcodeLists((), tuple(gain_maps(self.shading_gain(shape, site_colours), shape, quad)), (warp,))

    def psf_nodes(self, shape: tuple[int, int], spot_px: float = 0.0) -> Float32:
        """float32 [N_y, N_x, 3, T, T]: weights at the corners of cells of 128 px, for `simulate_blur_sites`.

        With `spot_px`, that of a point out of focus: the sensor is moved by what makes a spot of that diameter
        (positive: the point is nearer than the focus, its image lies behind the sensor), and all is traced again.
        """
        field, taps = (self.field, self.taps) if spot_px == 0 else self._out_of_focus(spot_px)
        n_y, n_x = (-(-n // CELL_PX) + 1 for n in self.shape)
        y, x = np.meshgrid(np.arange(n_y) * CELL_PX - self.shape[0] / 2, np.arange(n_x) * CELL_PX - self.shape[1] / 2,
                           indexing="ij")  # fmt: skip
        # Corners of cells that reach over the edge of the picture are held at its corner.
        far = np.hypot(x, y) / (0.5 * np.hypot(*self.shape))
        x, y = x / np.maximum(far, 1), y / np.maximum(far, 1)
        out = np.empty((n_y * n_x, 3, taps, taps), np.float32)
        places = np.stack([x.ravel(), y.ravel()]) * self.pixel_mm
        for p in range(places.shape[1]):
            patterns = field.at(places[0, p : p + 1], places[1, p : p + 1])[0]
            out[p] = through_pixels(patterns, field.pitch_mm, self.pixel_mm, taps)
        return out.reshape(n_y, n_x, 3, taps, taps)

    def _out_of_focus(self, spot_px: float) -> tuple[PsfField, int]:
        """Patterns of a lens whose sensor stands elsewhere, and the samples they need."""
        wave = self.bands[1].middle_nm
        behind_mm = spot_px * self.pixel_mm * abs(paraxial(self.prescription, wave).f_number)
        reach_px = self.taps / 4 + 0.5 * abs(spot_px)
        n = 2 * round((reach_px - 0.5) * _PATTERN_SAMPLES_PX) + 1
        moved, pitch = self.prescription.focused(-behind_mm), self.pixel_mm / _PATTERN_SAMPLES_PX
        corner = float(self.field.radii_mm[-1])
        return psf_field(moved, corner, pitch, n, self.bands, len(self.field.radii_mm)), 4 * math.ceil(reach_px)


def _table(lens: Prescription, wavelengths_nm: tuple[float, ...], n: int, radius_mm: float) -> FieldTable:
    """`field_table`, kept."""
    key = {"lens": as_json(lens), "wavelengths_nm": wavelengths_nm, "n": n, "radius_mm": radius_mm}

    def make() -> dict[str, npt.NDArray[Any]]:
        made = field_table(lens, wavelengths_nm, n, radius_mm)
        focal = np.array(made.focal_length_mm)
        return {"angle": made.angle_deg, "height": made.height_mm, "light": made.illumination, "focal": focal}

    found = kept("table", key, make)
    return FieldTable(wavelengths_nm, found["angle"], found["height"], found["light"], float(found["focal"]))


def traced_lens(
    lens: Prescription,
    shape: tuple[int, int],
    pixel_mm: float,
    bands: tuple[Band, Band, Band] = (RED, GREEN, BLUE),
    reach_px: float = 6.0,
    n_radii: int = 12,
) -> TracedLens:
    """Trace a prescription for a sensor.

    Parameters
    ----------
    lens
        Focused as it is to be used.
    shape, pixel_mm
        Rows and columns, and pitch; its half diagonal must lie within the lens's picture.
    reach_px
        How far from a pixel's centre light is collected, px; beyond, it is left out and the rest scaled.
    n_radii
        Places between the middle and the corner that are traced, for patterns; twice as many for the tables.

    Raises
    ------
    UsageError
        If the sensor is larger than the lens's picture by more than a tenth.
    MetadataError
        If no light reaches the corner.

    Notes
    -----
    About 10 s of processor: 180 patterns, 72 places of the table.
    """
    corner = 0.5 * float(np.hypot(*shape)) * pixel_mm
    check_covers(lens, corner, "traced_lens")
    middles = tuple(band.middle_nm for band in bands)
    table = _table(lens, middles, 2 * n_radii, corner * 1.02)
    taps = 4 * round(reach_px)
    pitch = pixel_mm / _PATTERN_SAMPLES_PX
    n = 2 * round((reach_px - 0.5) * _PATTERN_SAMPLES_PX) + 1
    field = psf_field(lens, corner, pitch, n, bands, n_radii)
    return TracedLens(lens.name, lens.source, shape, pixel_mm, table, field, taps, lens, bands)
