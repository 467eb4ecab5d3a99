"""Rays through a prescription: where they meet every surface, where they go, how long the way was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.errors import ShapeError
from lichtbild.optics.prescription import Prescription, Surface

Float64 = npt.NDArray[np.float64]

# Numbers of a surface, and of a ray, as the kernel reads them.
_N_NUMBERS, _N_STATE = 37, 8


@dataclass(frozen=True, eq=False)
class Rays:
    """N rays in the frame of the lens: z along the axis, 0 at the first vertex.

    Parameters
    ----------
    state
        float64 [8, N]: x, y, z in mm; direction cosines; optical path in mm; why the ray was lost (0: it was not,
        1 it missed a surface, 2 it was totally reflected, 3 it passed beyond a free radius; NaN beside 1 and 2).
    """

    state: Float64

    @classmethod
    def make(cls, position_mm: Float64, direction: Float64) -> Rays:
        """From float64 [3, N] each; directions need not be of unit length.

        Raises
        ------
        ShapeError
            If the arrays are not [3, N], or a direction is zero.
        """
        p, d = np.broadcast_arrays(np.asarray(position_mm, np.float64), np.asarray(direction, np.float64))
        if p.ndim != 2 or p.shape[0] != 3:
            raise ShapeError(f"rays are [3, N], not {p.shape}", where="position_mm, direction")
        length = np.sqrt((d**2).sum(0))
        if not np.all(length > 0):
            raise ShapeError("a ray needs a direction", where="direction")
        state = np.zeros((_N_STATE, p.shape[1]))
        state[:3], state[3:6] = p, d / length
        return cls(state)

    @property
    def position_mm(self) -> Float64:
        """float64 [3, N]."""
        return self.state[:3]

    @property
    def direction(self) -> Float64:
        """float64 [3, N], unit length."""
        return self.state[3:6]

    @property
    def path_mm(self) -> Float64:
        """float64 [N], geometrical length times index, from where the ray began."""
        return np.asarray(self.state[6])

    @property
    def lost(self) -> npt.NDArray[np.uint8]:
        """uint8 [N], 0 for rays that arrive."""
        return np.asarray(self.state[7].astype(np.uint8))


def trace(lens: Prescription, rays: Rays, wavelength_nm: float, until: int | None = None) -> Rays:
    """Rays from the object's side to the sensor's plane, or to the vertex plane of surface `until` before it refracts.

    Positions of what comes back are in the frame of the lens, z = that plane.

    Notes
    -----
    O(N * surfaces), 8 Newton steps a surface; 2 Mray/s through 12 aspheres on two cores. Vignetted rays are traced on
    and marked, so that smooth functions of the pupil can be fitted beyond its edge. Source: Welford, Aberrations of
    Optical Systems, ch. 4, for the closed form; the vector form of Snell's law.
    """
    return _run(lens, rays, wavelength_nm, until, None)


def trace_all(lens: Prescription, rays: Rays, wavelength_nm: float) -> tuple[Rays, Float64]:
    """As `trace`, and float64 [S, 3, N]: where every surface was met, in the frame of the lens, mm."""
    met = np.empty((len(lens.surfaces), 3, rays.state.shape[1]))
    return _run(lens, rays, wavelength_nm, None, met), met


def _run(lens: Prescription, rays: Rays, wavelength_nm: float, until: int | None, met: Float64 | None) -> Rays:
    stop = len(lens.surfaces) if until is None else until
    indices = [1.0, *lens.indices(wavelength_nm)]
    state, following = np.ascontiguousarray(rays.state), np.empty_like(rays.state)
    here = np.eye(3), np.zeros(3)
    for number in range(stop):
        pose = surface_pose(lens, number)
        relative = pose[0] @ here[0].T, here[0] @ (pose[1] - here[1])
        numbers = surface_numbers(lens.surfaces[number], relative, indices[number], indices[number + 1])
        native.call("optics_refract", state, numbers, following)
        state, following = following, (np.empty_like(state) if state is rays.state else state)
        here = pose
        if met is not None:
            met[number] = here[0].T @ state[:3] + here[1][:, None]
    return Rays(_to_plane(state, here, float(lens.vertices_mm[stop]), indices[stop]))


def _to_plane(state: Float64, here: tuple[Float64, Float64], z_mm: float, index: float) -> Float64:
    """Into the frame of the lens and on to the plane at z."""
    out = state.copy()
    out[:3], out[3:6] = here[0].T @ state[:3] + here[1][:, None], here[0].T @ state[3:6]
    way = (z_mm - out[2]) / out[5]
    out[:2] += way * out[3:5]
    out[2] = np.where(np.isnan(way), np.nan, z_mm)
    out[6] += way * index
    return out


def surface_pose(lens: Prescription, number: int) -> tuple[Float64, Float64]:
    """Rotation [3, 3] (lens frame to surface frame) and vertex [3] in mm of one surface."""
    surface = lens.surfaces[number]
    a, b = np.radians(surface.tilt_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return (about_y @ about_x).T, np.array([*surface.decentre_mm, lens.vertices_mm[number]])


def surface_numbers(
    surface: Surface, relative: tuple[Float64, Float64], index_before: float, index_behind: float
) -> Float64:
    """float64 [37]: a surface as the kernel reads it; `relative` is its pose in the frame of the surface before."""
    numbers = np.zeros(_N_NUMBERS)
    numbers[:9], numbers[9:12] = relative[0].ravel(), relative[1]
    numbers[12:17] = surface.curvature, surface.conic, index_before, index_behind, surface.semi_diameter_mm
    numbers[17 : 17 + len(surface.even)] = surface.even
    numbers[27 : 27 + len(surface.odd)] = surface.odd
    return numbers
