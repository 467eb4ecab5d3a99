"""Lenses as DeepLens writes them (JSON of 2023 to 2026: the r^2 coefficient came and went, the aperture has two
names)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lichtbild.core.errors import MetadataError
from lichtbild.optics.material import AIR, Material
from lichtbild.optics.prescription import Prescription, Surface

# n_d and Abbe number of the moulded plastics and the glasses that these files name, from makers' data sheets.
KNOWN: Mapping[str, Material] = {
    "pmma": Material(nd=1.491756, vd=57.44),
    "polycarb": Material(nd=1.585470, vd=29.91),
    "polystyr": Material(nd=1.590481, vd=30.87),
    "okp4": Material(nd=1.6328, vd=23.35),
    "okp4ht": Material(nd=1.6328, vd=23.35),
    "coc": Material(nd=1.5337, vd=56.23),
    "e48r": Material(nd=1.531160, vd=56.04),
    "zeonex": Material(nd=1.531160, vd=56.04),
    "bk7": Material(nd=1.51680, vd=64.17),
    "n-bk7": Material(nd=1.51680, vd=64.17),
    "n-sk16": Material(nd=1.62041, vd=60.32),
    "f2": Material(nd=1.62004, vd=36.37),
    "n-sf1": Material(nd=1.71736, vd=29.62),
}
_NUMBERS = re.compile(r"([\d.]+)/([\d.]+)\Z")


def material_named(name: object, named: Mapping[str, Material], where: str) -> Material:
    """What a name in such a file means: air, "nd/vd", or a name that is known.

    Raises
    ------
    MetadataError
        If it is none of these.
    """
    text = str(name).strip().lower()
    if text in named:
        return named[text]
    if text in ("air", "vacuum", "occluder", "none", ""):
        return AIR
    if match := _NUMBERS.match(text):
        return Material(nd=float(match[1]), vd=float(match[2]))
    if text in KNOWN:
        return KNOWN[text]
    raise MetadataError(f"the glass {name!r} is not known", where=where, hint="say its nd and vd by `materials`")


def from_deeplens(data: Mapping[str, Any], named: Mapping[str, Material], name: str) -> Prescription:
    """A prescription from such a file's content.

    Raises
    ------
    MetadataError
        If a surface is of an unknown type, a number is missing, or there is no stop.
    """
    surfaces, stop = [], None
    entries = data["surfaces"]
    if not isinstance(entries, list) or not entries:
        raise MetadataError("a lens has surfaces", where="surfaces")
    for number, entry in enumerate(entries):
        where = f"surface {number}"
        if not isinstance(entry, Mapping):
            raise MetadataError("is no object", where=where)
        kind = entry.get("type")
        try:
            if kind in ("Stop", "Aperture"):
                stop = number if stop is None else stop
                shape: dict[str, Any] = {}
            elif kind in ("Spheric", "Plane", "Aspheric", "ThinSheet"):
                shape = _shape(entry)
            else:
                raise MetadataError(f"surfaces of type {kind!r} are not read", where=where)
            surfaces.append(
                Surface(
                    thickness_mm=float(entry["d_next"]),
                    semi_diameter_mm=float(entry["r"]),
                    material=material_named(entry.get("mat2", "air"), named, where),
                    **shape,
                )
            )
        except KeyError as error:
            raise MetadataError(f"{error.args[0]} is missing", where=where) from error
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise MetadataError(f"not a number: {error}", where=where) from error
    if stop is None:
        # A singlet's rim.
        stop = min(range(len(surfaces)), key=lambda i: surfaces[i].semi_diameter_mm)
    return Prescription(
        name, tuple(surfaces), stop, float(data.get("r_sensor", math.nan)), str(data.get("info") or "DeepLens")
    )


def _shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    curvature = 1 / float(entry["roc"]) if entry.get("roc") not in (None, 0) else 0.0
    if "c" in entry:
        curvature = float(entry["c"])
    even = [float(entry.get(f"ai{power}", 0.0)) for power in range(2, 22, 2)]
    if not any(even):
        # The list alone: it begins with r^2 in files that say so by their use_ai2, with r^4 in others.
        listed = [float(v) for v in entry.get("ai", ())]
        even = listed if entry.get("use_ai2", True) else [0.0, *listed]
    while even and even[-1] == 0:
        even.pop()
    return {"curvature": curvature, "conic": float(entry.get("k", 0.0)), "even": tuple(even)}
