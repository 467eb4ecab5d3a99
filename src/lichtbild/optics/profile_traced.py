"""A lens profile from a prescription: the same numbers that the virtual camera takes pictures with."""

from __future__ import annotations

import numpy as np

from lichtbild.optics.field import FieldTable, check_covers, field_table, through_focus_mm
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.optics.profile import LensProfile, Shading, fitted_terms
from lichtbild.optics.psf_field import BLUE, GREEN, RED, Band, psf_field, transfer_of

_SAMPLES_PX = 8
_REACH_PX = 8


def traced_profile(
    lens: Prescription,
    shape: tuple[int, int],
    pixel_mm: float | None = None,
    bands: tuple[Band, Band, Band] = (RED, GREEN, BLUE),
    n_radii: int = 12,
) -> LensProfile:
    """Trace a prescription for a sensor, focused on infinity.

    Parameters
    ----------
    shape, pixel_mm
        Rows and columns, and pitch; not given: pixels so large that the sensor fills the lens's picture.
    bands
        What red, green and blue see.

    Raises
    ------
    UsageError
        If the sensor is larger than the lens's picture by more than a tenth.
    MetadataError
        If no light reaches the corner.

    Notes
    -----
    About 8 s of processor.
    """
    diagonal_px = float(np.hypot(*shape))
    pixel = 2 * lens.image_radius_mm / diagonal_px if pixel_mm is None else pixel_mm
    corner = 0.5 * diagonal_px * pixel
    check_covers(lens, corner, "traced_profile")
    focused = lens.focused(through_focus_mm(lens))
    middles = tuple(band.middle_nm for band in bands)
    table = field_table(focused, middles, 2 * n_radii, corner * 1.02)
    field = psf_field(focused, corner, pixel / _SAMPLES_PX, 2 * _REACH_PX * _SAMPLES_PX + 1, bands, n_radii)
    thin = paraxial(focused, focused.wavelengths_nm[len(focused.wavelengths_nm) // 2])
    return LensProfile(
        lens.name,
        f"traced: {lens.source}" if lens.source else "traced",
        shape,
        focal_length_mm=abs(thin.focal_length_mm),
        f_number=abs(thin.f_number),
        distortion=_distortion(table, corner),
        shading=_shading(table, corner),
        transfer=transfer_of(field, pixel, shape),
    )


def _distortion(table: FieldTable, corner_mm: float) -> tuple[tuple[float, ...], ...]:
    ideal = table.focal_length_mm * np.tan(np.radians(table.angle_deg)) / corner_mm
    return tuple(fitted_terms(ideal[1:], table.height_mm[c, 1:] / corner_mm) for c in range(3))


def _shading(table: FieldTable, corner_mm: float) -> Shading:
    """At common radii: each colour lands at its own height."""
    radii = np.linspace(0, 1, 25)
    light = []
    for height, found in zip(table.height_mm, table.illumination, strict=True):
        lit = np.isfinite(found)  # at the rim of the lens's own picture a bundle may have no size
        light.append(np.interp(radii, height[lit] / corner_mm, found[lit]))
    # A corner that gets no light cannot be given any: no gain above 50.
    return Shading(radii, np.maximum(np.stack(light), 0.02))
