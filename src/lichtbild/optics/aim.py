"""Rays that fill the stop: which rays of an object point get through a lens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.optics.trace import Rays, trace

Float64 = npt.NDArray[np.float64]

_STEPS_TO_FIELD = 6
_NEWTON_STEPS = 20
_AIMED_MM = 1e-9
_N_EDGE = 24


@dataclass(frozen=True)
class ObjectPoint:
    """Where light comes from.

    Parameters
    ----------
    angle_deg
        Of the chief ray before the lens against the axis, in x and in y (each of the projected ray: tangents add up).
    distance_mm
        Along the axis from the entrance pupil; infinite: a star.
    """

    angle_deg: tuple[float, float] = (0.0, 0.0)
    distance_mm: float = math.inf

    def __post_init__(self) -> None:
        if not all(abs(angle) < 85 for angle in self.angle_deg):
            raise MetadataError(f"an angle of {self.angle_deg} degrees", where="ObjectPoint", hint="below 85 degrees")
        if not self.distance_mm > 0:
            raise MetadataError(f"a distance of {self.distance_mm:g} mm", where="ObjectPoint", hint="above 0, or inf")

    @property
    def tangents(self) -> Float64:
        return np.asarray(np.tan(np.radians(np.array(self.angle_deg))))


def launch(lens: Prescription, point: ObjectPoint, xy_mm: Float64) -> tuple[Rays, Float64]:
    """Rays of an object point through places [2, N] of the plane of the first vertex.

    Returns
    -------
    rays
        Path 0 where the wavefront passes the vertex.
    energy
        float64 [N]: light through a square mm of that plane at each place, in units of what a star on the axis gives.
    """
    tx, ty = point.tangents
    x, y = xy_mm
    at = np.stack([x, y, np.zeros_like(x)])
    if math.isinf(point.distance_mm):
        direction = np.array([tx, ty, 1.0]) / math.sqrt(1 + tx * tx + ty * ty)
        rays = Rays.make(at, np.broadcast_to(direction[:, None], at.shape))
        rays.state[6] = direction @ at
        return rays, np.full(x.shape, direction[2])
    pupil_z = _entrance_pupil_z(lens)
    source = np.array([-tx * point.distance_mm, -ty * point.distance_mm, pupil_z - point.distance_mm])
    if source[2] >= 0:
        raise MetadataError("the object stands inside the lens", where="ObjectPoint.distance_mm")
    way = at - source[:, None]
    length = np.sqrt((way**2).sum(0))
    rays = Rays.make(at, way)
    rays.state[6] = length - math.sqrt(float(source @ source))
    # Solid angle of a square mm, over that of one on the axis at the same distance.
    return rays, (way[2] / length) ** 3 * (source[2] / way[2]) ** 2


def aim(lens: Prescription, point: ObjectPoint, stop_xy_mm: Float64, wavelength_nm: float) -> Float64:
    """Places [2, N] in the plane of the first vertex whose rays pass the stop's vertex plane at `stop_xy_mm` [2, N].

    NaN where no ray gets there. The way from the axis to the field is gone in steps, the start is paraxial.
    Cost: about 60 small traces.
    """
    thin = paraxial(lens, wavelength_nm)
    stop_radius = lens.surfaces[lens.stop].semi_diameter_mm
    sign = _stop_orientation(lens, wavelength_nm)
    relative = np.asarray(stop_xy_mm, np.float64) / stop_radius * thin.entrance_pupil_radius_mm * sign
    places = relative.copy()
    offset = np.zeros((2, 1))
    for step in range(1, _STEPS_TO_FIELD + 1):
        share = step / _STEPS_TO_FIELD
        tangents = point.tangents * share
        part = ObjectPoint(tuple(np.degrees(np.arctan(tangents))), point.distance_mm)
        guess = -thin.entrance_pupil_z_mm * tangents[:, None]
        places = places + guess - offset
        offset = guess
        places = _newton(lens, part, places, np.asarray(stop_xy_mm, np.float64), wavelength_nm)
        if step < _STEPS_TO_FIELD:
            places = np.where(np.isnan(places), relative + guess, places)
    return places


def chief_ray(lens: Prescription, point: ObjectPoint, wavelength_nm: float) -> Rays:
    """The ray through the centre of the stop, at the sensor.

    Raises
    ------
    MetadataError
        If there is none: light from there does not reach the stop's centre.
    """
    place = aim(lens, point, np.zeros((2, 1)), wavelength_nm)
    ray = trace(lens, launch(lens, point, place)[0], wavelength_nm)
    if not np.all(np.isfinite(ray.state[:7])):
        angle = math.degrees(math.atan(math.hypot(*point.tangents)))
        raise MetadataError(
            f"no light from {angle:.1f} degrees reaches the sensor", where=lens.name,
            hint=fate_of_light(lens, point, wavelength_nm),
        )  # fmt: skip
    return ray


def fate_of_light(lens: Prescription, point: ObjectPoint, wavelength_nm: float) -> str:
    """What becomes of rays that fill the first surface: how many miss one, are totally reflected, or are cut off, and
    where that begins. For messages."""
    free = [surface.semi_diameter_mm for surface in lens.surfaces if math.isfinite(surface.semi_diameter_mm)]
    at = np.linspace(-1, 1, 21) * min(free[0] if free else 1.0, 2 * lens.surfaces[lens.stop].semi_diameter_mm)
    rays = launch(lens, point, np.stack(np.meshgrid(at, at)).reshape(2, -1))[0]
    told: list[str] = []
    seen: set[int] = set()
    for number in range(1, len(lens.surfaces) + 1):
        until = number if number < len(lens.surfaces) else None
        lost = trace(lens, rays, wavelength_nm, until=until).lost
        for kind, words in ((1, "miss"), (2, "are totally reflected by"), (3, "pass beyond the free radius of")):
            if kind not in seen and (lost == kind).any():
                seen.add(kind)
                told.append(f"{np.count_nonzero(lost == kind)} of {lost.size} rays {words} surface {number - 1}")
    return "; ".join(told) or "rays arrive, but not through the middle of the stop"


def beam(lens: Prescription, point: ObjectPoint, wavelength_nm: float) -> tuple[Float64, Float64]:
    """Least and largest x, y (float64 [2] each, mm) of the rays in the plane of the first vertex that pass the stop.

    Raises
    ------
    MetadataError
        If no ray does.
    """
    azimuth = np.arange(_N_EDGE) * 2 * np.pi / _N_EDGE
    circle = np.stack([np.cos(azimuth), np.sin(azimuth)]) * lens.surfaces[lens.stop].semi_diameter_mm
    rings = np.concatenate([circle * share for share in (1.0, 0.85, 0.7, 0.5, 0.25)] + [np.zeros((2, 1))], 1)
    places = aim(lens, point, rings, wavelength_nm)
    found = places[:, np.isfinite(places).all(0)]
    if found.shape[1] == 0:
        angle = math.degrees(math.atan(math.hypot(*point.tangents)))
        raise MetadataError(
            f"no light from {angle:.1f} degrees passes the stop", where=lens.name,
            hint=fate_of_light(lens, point, wavelength_nm),
        )  # fmt: skip
    return found.min(1), found.max(1)


def _newton(lens: Prescription, point: ObjectPoint, places: Float64, wanted: Float64, wavelength_nm: float) -> Float64:
    def miss(at: Float64) -> Float64:
        rays = trace(lens, launch(lens, point, at)[0], wavelength_nm, until=lens.stop)
        return rays.position_mm[:2] - wanted

    step = 1e-5 * lens.surfaces[lens.stop].semi_diameter_mm
    error, before = miss(places), places
    for _ in range(_NEWTON_STEPS):
        if not np.any(np.abs(error) > _AIMED_MM):
            break
        jacobian = np.stack(
            [(miss(places + d) - error) / step for d in (np.array([[step], [0]]), np.array([[0], [step]]))], 1
        )
        a, b, c, d = jacobian[0, 0], jacobian[0, 1], jacobian[1, 0], jacobian[1, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            move = np.stack([d * error[0] - b * error[1], a * error[1] - c * error[0]]) / (a * d - b * c)
        before, places = places, places - move
        error = miss(places)
        for _ in range(6):
            # A step out of the lens is halved.
            out = np.isnan(error).any(0) & np.isfinite(before).all(0)
            if not out.any():
                break
            places = np.where(out, 0.5 * (places + before), places)
            error = miss(places)
    return np.where((np.abs(error) < 1e3 * _AIMED_MM).all(0), places, np.nan)


def _stop_orientation(lens: Prescription, wavelength_nm: float) -> float:
    """1 where a ray above the axis passes the stop above it, -1 where an image lies between."""
    height = 1e-4 * lens.surfaces[lens.stop].semi_diameter_mm
    rays = Rays.make(np.array([[0.0], [height], [0.0]]), np.array([[0.0], [0.0], [1.0]]))
    return float(np.sign(trace(lens, rays, wavelength_nm, until=lens.stop).position_mm[1, 0]))


def _entrance_pupil_z(lens: Prescription) -> float:
    return paraxial(lens, lens.wavelengths_nm[len(lens.wavelengths_nm) // 2]).entrance_pupil_z_mm
