"""A lens by its prescription: every surface, what is between them, where the stop is. Lengths in mm, light goes along
z."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError
from lichtbild.optics.material import AIR, Material

Float64 = npt.NDArray[np.float64]

N_TERMS = 10


@dataclass(frozen=True)
class Surface:
    """One surface, and the space behind it.

    The sag at distance r from the vertex is c r^2 / (1 + sqrt(1 - (1 + k) c^2 r^2)) + sum even_m r^(2m)
    + sum odd_m r^(2m + 1), m = 1, 2, ...: `even` begins with r^2 and `odd` with r^3.

    Parameters
    ----------
    curvature
        1 / radius, 1/mm; 0 is a plane, positive bulges towards the light.
    thickness_mm
        To the vertex of the next surface, or of the sensor after the last one.
    material
        Behind the surface.
    semi_diameter_mm
        Free radius; light beyond it is lost. Infinite: not limited.
    conic
        k: 0 sphere, -1 paraboloid.
    even, odd
        Aspheric coefficients, mm^(1-p) for power p; at most ten each.
    decentre_mm, tilt_deg
        Where this one surface strays from its place, x and y, and its turn about x, then y: tolerances of making.
    """

    curvature: float = 0.0
    thickness_mm: float = 0.0
    material: Material = AIR
    semi_diameter_mm: float = math.inf
    conic: float = 0.0
    even: tuple[float, ...] = ()
    odd: tuple[float, ...] = ()
    decentre_mm: tuple[float, float] = (0.0, 0.0)
    tilt_deg: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = (self.curvature, self.thickness_mm, self.conic, *self.even, *self.odd, *self.decentre_mm)
        if not all(math.isfinite(v) for v in (*numbers, *self.tilt_deg)):
            raise MetadataError("a surface has a number that is not finite", where="Surface")
        if not self.semi_diameter_mm > 0:
            raise MetadataError(f"a free radius of {self.semi_diameter_mm:g} mm lets no light through", where="Surface")
        if max(len(self.even), len(self.odd)) > N_TERMS:
            raise MetadataError(f"at most {N_TERMS} even and {N_TERMS} odd coefficients", where="Surface")

    @property
    def is_flat(self) -> bool:
        return self.curvature == 0 and not any(self.even) and not any(self.odd)

    def sag_mm(self, r_mm: npt.ArrayLike) -> Float64:
        """Depth of the surface at distance r from its vertex; NaN where the conic has ended."""
        r = np.asarray(r_mm, np.float64)
        u = r * r
        root = 1 - (1 + self.conic) * self.curvature**2 * u
        sag = self.curvature * u / (1 + np.sqrt(np.where(root < 0, np.nan, root)))
        for m, a in enumerate(self.even, 1):
            sag = sag + a * u**m
        for m, a in enumerate(self.odd, 1):
            sag = sag + a * u**m * r
        return np.asarray(sag)

    @property
    def vertex_curvature(self) -> float:
        """Curvature at the vertex, 1/mm: that of the conic and the r^2 coefficient, which bends paraxial rays too."""
        return self.curvature + 2 * (self.even[0] if self.even else 0.0)


@dataclass(frozen=True)
class Prescription:
    """A whole lens, object side first.

    Parameters
    ----------
    name, source
        What it is and where the numbers come from (patent, own design, measured), to be shown with every result.
    surfaces
        From the object to the sensor; the last one's thickness ends at the sensor.
    stop
        Number of the aperture stop among them, from 0; its `semi_diameter_mm` is the opening.
    image_radius_mm
        Half the diagonal of the sensor it was made for.
    """

    name: str
    surfaces: tuple[Surface, ...]
    stop: int
    image_radius_mm: float
    source: str = ""
    wavelengths_nm: tuple[float, ...] = field(default=(486.1327, 587.5618, 656.2725))

    def __post_init__(self) -> None:
        if not self.surfaces:
            raise MetadataError("a lens needs a surface", where=self.name)
        if not 0 <= self.stop < len(self.surfaces):
            raise MetadataError(
                f"the stop is surface {self.stop}, but there are {len(self.surfaces)}", where=self.name,
                hint=f"0 to {len(self.surfaces) - 1}",
            )  # fmt: skip
        if not math.isfinite(self.surfaces[self.stop].semi_diameter_mm):
            raise MetadataError("the stop has no free radius", where=self.name, hint="semi_diameter_mm of that surface")
        if not self.image_radius_mm > 0:
            raise MetadataError("the image needs a size", where=self.name, hint="image_radius_mm above 0")
        if not self.surfaces[-1].material.is_air:
            raise MetadataError("the sensor must stand in air", where=self.name, hint="add the last surface's back")

    def indices(self, wavelength_nm: float) -> list[float]:
        """Refractive index behind every surface."""
        return [surface.material.index(wavelength_nm) for surface in self.surfaces]

    @property
    def vertices_mm(self) -> Float64:
        """float64 [S + 1]: z of every vertex and of the sensor, the first surface at 0."""
        return np.concatenate([[0.0], np.cumsum([s.thickness_mm for s in self.surfaces])])

    @property
    def length_mm(self) -> float:
        """From the first vertex to the sensor."""
        return float(self.vertices_mm[-1])

    def with_surface(self, number: int, **changes: object) -> Prescription:
        """The same lens with one surface changed: with_surface(3, decentre_mm=(0.005, 0))."""
        surfaces = list(self.surfaces)
        surfaces[number] = replace(surfaces[number], **changes)  # type: ignore[arg-type]
        return replace(self, surfaces=tuple(surfaces))

    def focused(self, shift_mm: float) -> Prescription:
        """The same lens with the sensor `shift_mm` further away, as when all of it moves to focus."""
        last = self.surfaces[-1]
        return self.with_surface(len(self.surfaces) - 1, thickness_mm=last.thickness_mm + shift_mm)

    def turned_round(self) -> Prescription:
        """The lens as light sees it that comes from the sensor: z = 0 is the vertex of what was the last surface, and
        the old sensor lies `surfaces[-1].thickness_mm` before it."""
        materials = [AIR, *(s.material for s in self.surfaces[:-1])]
        gaps = [0.0, *(s.thickness_mm for s in self.surfaces[:-1])]
        turned = [
            replace(
                surface,
                curvature=-surface.curvature,
                even=tuple(-a for a in surface.even),
                odd=tuple(-a for a in surface.odd),
                material=material,
                thickness_mm=gap,
                # Seen from behind, x is kept and y turns with z: a turn of the lens about x.
                decentre_mm=(surface.decentre_mm[0], -surface.decentre_mm[1]),
                tilt_deg=(surface.tilt_deg[0], -surface.tilt_deg[1]),
            )
            for surface, material, gap in zip(self.surfaces, materials, gaps, strict=True)
        ]
        return replace(self, surfaces=tuple(reversed(turned)), stop=len(turned) - 1 - self.stop)

    def stopped_down(self, factor: float) -> Prescription:
        """The same lens with the stop's radius times `factor`."""
        stop = self.surfaces[self.stop]
        return self.with_surface(self.stop, semi_diameter_mm=stop.semi_diameter_mm * factor)


@dataclass(frozen=True)
class Paraxial:
    """Gaussian optics of a lens at one wavelength, mm; distances along z from the first vertex.

    `f_number` is focal length over the diameter of the entrance pupil.
    """

    focal_length_mm: float
    back_focus_z_mm: float
    entrance_pupil_z_mm: float
    entrance_pupil_radius_mm: float

    @property
    def f_number(self) -> float:
        return self.focal_length_mm / (2 * self.entrance_pupil_radius_mm)


def paraxial(lens: Prescription, wavelength_nm: float) -> Paraxial:
    """Focal length and entrance pupil by ray transfer matrices, the r^2 coefficient of aspheres included.

    Raises
    ------
    MetadataError
        If the lens has no focus (afocal), or the stop has no image in front of the lens.
    """
    whole, before_stop = np.eye(2), np.eye(2)
    n = 1.0
    for number, (surface, behind) in enumerate(zip(lens.surfaces, lens.indices(wavelength_nm), strict=True)):
        if number == lens.stop:
            before_stop = whole.copy()
        # State (height, n * slope).
        refract = np.array([[1, 0], [-(behind - n) * surface.vertex_curvature, 1]])
        whole = refract @ whole
        if number < len(lens.surfaces) - 1:
            whole = np.array([[1, surface.thickness_mm / behind], [0, 1]]) @ whole
        n = behind
    (a, _), (c, _) = whole
    if abs(c) < 1e-9:
        raise MetadataError("the lens has no focus", where=lens.name)
    # A ray through the stop's centre: height at the stop = A h + B u = 0 for rays that aim at the entrance pupil.
    (a_stop, b_stop), _ = before_stop
    if abs(a_stop) < 1e-9:
        raise MetadataError(
            "the entrance pupil is at infinity", where=lens.name, hint="telecentric lenses are not read"
        )
    last_z = lens.vertices_mm[-2]
    return Paraxial(
        focal_length_mm=float(-1 / c),
        back_focus_z_mm=float(last_z - a / c),
        entrance_pupil_z_mm=float(b_stop / a_stop),
        entrance_pupil_radius_mm=float(lens.surfaces[lens.stop].semi_diameter_mm / abs(a_stop)),
    )


def perturbed(
    lens: Prescription, rng: np.random.Generator, sigma_mm: float, surfaces: Sequence[int] = ()
) -> Prescription:
    """A sample of the lens as made: every surface's thickness and centre off by a normal error.

    Parameters
    ----------
    sigma_mm
        Standard deviation of thickness and of decentre along each axis, mm.
    surfaces
        Which ones; none named: all.
    """
    for number in surfaces or range(len(lens.surfaces)):
        surface = lens.surfaces[number]
        dx, dy, dz = rng.normal(0, sigma_mm, 3)
        lens = lens.with_surface(
            number,
            thickness_mm=surface.thickness_mm + float(dz),
            decentre_mm=(surface.decentre_mm[0] + float(dx), surface.decentre_mm[1] + float(dy)),
        )
    return lens
