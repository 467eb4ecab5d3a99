"""Rays of six prescriptions as two other programs trace them: golden vectors of tests/physics/test_optics_light.py.

Needs optiland 0.6.3 and rayoptics 0.9.8 (1.3 GB with what they bring along), which nothing else here does:

    python -m venv peers && peers/bin/pip install optiland==0.6.3 rayoptics==0.9.8
    PYTHONPATH=src:benchmarks peers/bin/python benchmarks/optics_golden.py

Both get the same numbers: indices at each wavelength, coefficients, places; free radii are left out. Reads and writes
tests/golden/lenses: NAME.json is the prescription, NAME.rays.json what came out.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "lenses"
ANGLES = (0.0, 0.5, 1.0)


def index(material: object, wavelength_nm: float) -> float:
    """Of a material as our files write it; the formulas are those of `optics.material`, written again."""
    if material == "air":
        return 1.0
    assert isinstance(material, dict)
    if "constant" in material:
        return float(material["constant"])
    if "nd" in material:
        slope = (material["nd"] - 1) / material["vd"] / (1 / 486.1327**2 - 1 / 656.2725**2)
        return float(material["nd"] + slope * (1 / wavelength_nm**2 - 1 / 587.5618**2))
    pairs, square = material["sellmeier"], (wavelength_nm * 1e-3) ** 2
    return math.sqrt(1 + sum(b * square / (square - c) for b, c in zip(pairs[::2], pairs[1::2], strict=True)))


def starts(lens: dict, angle_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """25 rays of a star, aimed at the middle of the stop by eye: places [2, 25] at z = 0 and one direction."""
    stop = lens["surfaces"][lens["stop"]]
    depth = sum(s["thickness_mm"] for s in lens["surfaces"][: lens["stop"]])
    tangent = math.tan(math.radians(angle_deg))
    grid = np.linspace(-0.6, 0.6, 5) * stop["semi_diameter_mm"]
    x, y = (v.ravel() for v in np.meshgrid(grid, grid))
    direction = np.array([0.0, tangent, 1.0]) / math.hypot(1, tangent)
    return np.stack([x + 0.013, y - 0.6 * tangent * depth]), direction


def by_optiland(lens: dict, wavelength_nm: float, at: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """[6, N]: x, y in mm, direction cosines, optical path in mm from z = 0 to the sensor."""
    from optiland.materials import IdealMaterial
    from optiland.optic import Optic
    from optiland.rays import RealRays

    optic = Optic()
    optic.surfaces.add(index=0, thickness=math.inf)
    for number, surface in enumerate(lens["surfaces"], 1):
        even, odd = surface.get("even", []), surface.get("odd", [])
        curvature = surface["curvature"]
        shape = {"radius": 1 / curvature if curvature else math.inf, "conic": surface.get("conic", 0.0)}
        if odd:
            coefficients = [0.0] * 21
            for m, a in enumerate(even, 1):
                coefficients[2 * m - 1] = a
            for m, a in enumerate(odd, 1):
                coefficients[2 * m] = a
            shape |= {"surface_type": "odd_asphere", "coefficients": coefficients, "tol": 1e-14}
        elif even:
            shape |= {"surface_type": "even_asphere", "coefficients": list(even), "tol": 1e-14}
        dx, dy = surface.get("decentre_mm", (0, 0))
        rx, _ = surface.get("tilt_deg", (0, 0))
        optic.surfaces.add(
            index=number, thickness=surface["thickness_mm"],
            material=IdealMaterial(index(surface["material"], wavelength_nm)),
            is_stop=number - 1 == lens["stop"], dx=dx, dy=dy, rx=math.radians(rx), **shape,
        )  # fmt: skip
    optic.surfaces.add(index=len(lens["surfaces"]) + 1)
    n = at.shape[1]
    dx, dy, dz = (np.full(n, v) for v in direction)
    rays = RealRays(at[0], at[1], np.zeros(n), dx, dy, dz, np.ones(n), np.full(n, wavelength_nm * 1e-3))
    optic.surfaces.trace(rays)
    return np.stack([np.asarray(v, float) for v in (rays.x, rays.y, rays.L, rays.M, rays.N, rays.opd)])


def by_rayoptics(lens: dict, wavelength_nm: float, at: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """As `by_optiland`; centred lenses only. One ray at a time."""
    from rayoptics.elem.profiles import Conic, RadialPolynomial
    from rayoptics.elem.surface import Surface
    from rayoptics.raytr.raytrace import trace_raw

    # What the program walks along: interface, gap, way to the next one (rotation, shift), index behind, sense along z.
    parts: list[tuple[Surface, float, float]] = [(Surface(profile=Conic(c=0.0)), 0.0, 1.0)]
    for surface in lens["surfaces"]:
        even, odd = surface.get("even", []), surface.get("odd", [])
        profile = Conic(c=surface["curvature"], cc=surface.get("conic", 0.0))
        if even or odd:
            coefficients = [0.0] * 22
            for m, a in enumerate(even, 1):
                coefficients[2 * m - 1] = a
            for m, a in enumerate(odd, 1):
                coefficients[2 * m] = a
            profile = RadialPolynomial(c=surface["curvature"], cc=surface.get("conic", 0.0), coefs=coefficients)
        parts.append((Surface(profile=profile), surface["thickness_mm"], index(surface["material"], wavelength_nm)))
    parts.append((Surface(profile=Conic(c=0.0)), 0.0, 1.0))
    rows = [(part, None, (np.eye(3), np.array([0.0, 0.0, gap])), n, 1.0) for part, gap, n in parts]
    out = []
    for x, y in at.T:
        ray, length, _ = trace_raw(iter(rows), np.array([x, y, 0.0]), direction, wavelength_nm,
                                   eps=1e-14, check_apertures=False)  # fmt: skip
        out.append([*ray[-1][0][:2], *ray[-1][1], length])
    return np.array(out).T


def main() -> None:
    for path in sorted(FOLDER.glob("*.json")):
        if path.name.endswith(".rays.json"):
            continue
        lens = json.loads(path.read_text())
        rows = []
        focal_field = math.degrees(
            math.atan(lens["image_radius_mm"] / (0.9 * lens["surfaces"][-1]["thickness_mm"] + 1e-9))
        )
        for share in ANGLES:
            for wave in lens["wavelengths_nm"][:2]:
                at, direction = starts(lens, min(30.0, share * focal_field))
                traced = by_optiland(lens, wave, at, direction)
                good = np.isfinite(traced).all(0)
                rows.append({"wavelength_nm": wave, "x_mm": at[0][good].tolist(), "y_mm": at[1][good].tolist(),
                             "direction": direction.tolist(), "optiland": traced[:, good].tolist()})  # fmt: skip
                if lens["name"] != "wide":
                    rows[-1]["rayoptics"] = by_rayoptics(lens, wave, at[:, good], direction).tolist()
        (path.with_suffix(".rays.json")).write_text(json.dumps(rows) + "\n")
        print(path.stem, sum(len(row["x_mm"]) for row in rows), "rays")


if __name__ == "__main__":
    main()
