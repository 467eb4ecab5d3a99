"""Prescriptions in files: our JSON, and what Zemax (.zmx) and DeepLens (.json) write.

    {"format": "lichtbild lens 1", "name": "...", "source": "...", "stop": 0, "image_radius_mm": 3.6,
     "surfaces": [{"radius_mm": 16.78, "conic": 7.41, "even": [0.0213, -0.019], "semi_diameter_mm": 1.19,
                   "thickness_mm": 0.865, "material": {"nd": 1.4918, "vd": 57.4}}, ...]}

Indices are numbers: the same glass name means different glasses in different catalogues. Where an importer meets a bare
name, the caller says what it is, or it stands in the short table below.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lichtbild.core.errors import LichtbildError, MetadataError, UnreadableFile
from lichtbild.optics.import_deeplens import from_deeplens
from lichtbild.optics.import_zemax import from_zemax
from lichtbild.optics.material import AIR, Material
from lichtbild.optics.prescription import Prescription, Surface

FORMAT = "lichtbild lens 1"
MAX_BYTES = 4_000_000
MAX_SURFACES = 200

_SURFACE_KEYS = {"radius_mm", "curvature", "conic", "even", "odd", "semi_diameter_mm", "thickness_mm", "material",
                 "decentre_mm", "tilt_deg"}  # fmt: skip


def read_lens(path: str | Path, materials: Mapping[str, Material] | None = None) -> Prescription:
    """A prescription from a file; what kind it is shows in its content.

    Parameters
    ----------
    materials
        What bare glass names in the file mean; they go before the names known here.

    Raises
    ------
    UnreadableFile
        If it cannot be opened, is no text, or is none of the three kinds.
    MetadataError
        If a number is missing or impossible, or a glass name is unknown: with the surface it stands at.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"cannot be opened ({error.strerror})", where=path) from error
    if len(raw) > MAX_BYTES:
        raise UnreadableFile("too large for a prescription", where=path, hint="at most 4 MB")
    text = _decode(raw, path)
    named = {name.lower(): material for name, material in (materials or {}).items()}
    try:
        if not text.lstrip().startswith("{"):
            return from_zemax(text, named)
        data = _object(text, path)
        if data.get("format") == FORMAT:
            return from_json(data)
        if "surfaces" in data and "format" not in data:
            return from_deeplens(data, named, path.stem)
    except LichtbildError as error:
        where = str(path) if error.where is None else f"{path}: {error.where}"
        raise type(error)(error.message, where=where, hint=error.hint) from error
    raise UnreadableFile("no prescription", where=path, hint=f'"format": "{FORMAT}", a .zmx, or a DeepLens JSON')


def write_lens(lens: Prescription, path: str | Path) -> None:
    """Our JSON; whole or not at all (written beside, then moved)."""
    path = Path(path)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(as_json(lens), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def as_json(lens: Prescription) -> dict[str, Any]:
    """What `from_json` reads; every float survives exactly."""
    surfaces = []
    for surface in lens.surfaces:
        entry: dict[str, Any] = {"curvature": surface.curvature, "thickness_mm": surface.thickness_mm,
                                 "material": surface.material.as_json()}  # fmt: skip
        if math.isfinite(surface.semi_diameter_mm):
            entry["semi_diameter_mm"] = surface.semi_diameter_mm
        if surface.conic:
            entry["conic"] = surface.conic
        for key in ("even", "odd", "decentre_mm", "tilt_deg"):
            if any(getattr(surface, key)):
                entry[key] = list(getattr(surface, key))
        surfaces.append(entry)
    return {"format": FORMAT, "name": lens.name, "source": lens.source, "stop": lens.stop,
            "image_radius_mm": lens.image_radius_mm, "wavelengths_nm": list(lens.wavelengths_nm),
            "surfaces": surfaces}  # fmt: skip


def from_json(data: Mapping[str, Any]) -> Prescription:
    """A prescription from what our JSON holds.

    Raises
    ------
    MetadataError
        If a key is missing, unknown or holds no number: with the number of the surface.
    """
    entries = data.get("surfaces")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_SURFACES:
        raise MetadataError(f"a lens has 1 to {MAX_SURFACES} surfaces", where="surfaces")
    surfaces = tuple(_surface(entry, f"surface {number}") for number, entry in enumerate(entries))
    try:
        waves = tuple(float(w) for w in data.get("wavelengths_nm", (486.1327, 587.5618, 656.2725)))
        return Prescription(str(data["name"]), surfaces, int(data["stop"]), float(data["image_radius_mm"]),
                            str(data.get("source", "")), waves)  # fmt: skip
    except KeyError as error:
        raise MetadataError("is missing", where=str(error.args[0])) from error
    except (TypeError, ValueError) as error:
        raise MetadataError(f"not a number: {error}", where="lens") from error


def _surface(entry: object, where: str) -> Surface:
    if not isinstance(entry, Mapping):
        raise MetadataError("is no object", where=where)
    if unknown := set(entry) - _SURFACE_KEYS:
        raise MetadataError(f"unknown key {sorted(unknown)[0]!r}", where=where, hint=", ".join(sorted(_SURFACE_KEYS)))
    if "radius_mm" in entry and "curvature" in entry:
        raise MetadataError("give radius_mm or curvature, not both", where=where)
    try:
        if entry.get("radius_mm") is not None:
            curvature = 1 / float(entry["radius_mm"])
        else:
            curvature = float(entry.get("curvature", 0.0))
        decentre, tilt = (tuple(float(v) for v in entry.get(key, (0, 0))) for key in ("decentre_mm", "tilt_deg"))
        if len(decentre) != 2 or len(tilt) != 2:
            raise MetadataError("decentre_mm and tilt_deg are pairs x, y", where=where)
        return Surface(
            curvature,
            float(entry["thickness_mm"]),
            Material.from_json(entry["material"], f"{where}, material") if "material" in entry else AIR,
            float(entry.get("semi_diameter_mm", math.inf)),
            float(entry.get("conic", 0.0)),
            tuple(float(v) for v in entry.get("even", ())),
            tuple(float(v) for v in entry.get("odd", ())),
            (decentre[0], decentre[1]),
            (tilt[0], tilt[1]),
        )
    except KeyError as error:
        raise MetadataError(f"{error.args[0]} is missing", where=where) from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise MetadataError(f"not a number: {error}", where=where) from error
    except LichtbildError as error:
        raise type(error)(error.message, where=where, hint=error.hint) from error


def _decode(raw: bytes, path: Path) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif raw[1:8:2] == b"\0\0\0\0":
        encoding = "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            raise UnreadableFile("is no text", where=path) from None
        return raw.decode("latin-1")


def _object(text: str, path: Path) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"is no JSON ({error})", where=path) from error
    if not isinstance(data, dict):
        raise UnreadableFile("is no JSON object", where=path)
    return data
