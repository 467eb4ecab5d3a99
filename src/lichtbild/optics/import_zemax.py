"""Zemax's .zmx, sequential lenses: STANDARD, EVENASPH, ODDASPHE and XASPHERE surfaces, glasses by the numbers in the
file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lichtbild.core.errors import MetadataError, UnreadableFile
from lichtbild.optics.import_deeplens import KNOWN
from lichtbild.optics.material import AIR, LINE_D_NM, Material
from lichtbild.optics.prescription import N_TERMS, Prescription, Surface, paraxial

_SCALE = {"MM": 1.0, "CM": 10.0, "IN": 25.4, "INCH": 25.4, "METER": 1000.0, "M": 1000.0}
_TYPES = ("STANDARD", "EVENASPH", "ODDASPHE", "XASPHERE", "EXTENDED_ASPHERE")
_MAX_SURFACES = 200


@dataclass
class _Block:
    """The lines of one surface as they come."""

    number: int
    kind: str = "STANDARD"
    curvature: float = 0.0
    thickness: float = 0.0
    conic: float = 0.0
    semi_diameter: float = math.inf
    material: Material = AIR
    is_stop: bool = False
    params: dict[int, float] = field(default_factory=dict)
    extra: dict[int, float] = field(default_factory=dict)


def from_zemax(text: str, named: Mapping[str, Material]) -> Prescription:
    """A prescription from such a file's text.

    Infinite distance of the object and the image surface are taken off; a finite object's distance too: the picture is
    focused by `Prescription.focused`.

    Raises
    ------
    UnreadableFile
        If the text is no sequential .zmx.
    MetadataError
        If a surface is of a type that is not read, or a glass has no numbers.
    """
    if "SURF" not in text or "MODE SEQ" not in text:
        raise UnreadableFile("is no sequential Zemax lens", hint="File > Save As > .zmx, sequential mode")
    blocks, waves, scale, name = [], [], 1.0, "Zemax lens"
    aperture: tuple[str, float] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        word, *rest = line.split() or [""]
        try:
            if word == "SURF":
                blocks.append(_Block(int(rest[0])))
            elif word == "UNIT":
                scale = _SCALE[rest[0].upper()]
            elif word == "NAME" and rest:
                name = " ".join(rest)
            elif word in ("ENPD", "FNUM"):
                aperture = word, float(rest[0])
            elif word == "WAVL":
                waves = [1000 * float(v) for v in rest]
            elif word == "WAVM" and float(rest[1]) not in (0.55,):
                waves.append(1000 * float(rest[1]))
            elif blocks:
                _surface_line(blocks[-1], word, rest, named)
        except (IndexError, ValueError, KeyError) as error:
            raise MetadataError(f"line {number} is not understood: {line.strip()[:60]!r}") from error
    if not 3 <= len(blocks) <= _MAX_SURFACES:
        raise MetadataError(f"{len(blocks)} surfaces: object, lens and image are needed")
    return _lens(blocks, name, scale, tuple(waves), aperture)


def _surface_line(block: _Block, word: str, rest: list[str], named: Mapping[str, Material]) -> None:
    if word == "TYPE":
        block.kind = rest[0]
    elif word == "CURV":
        block.curvature = float(rest[0])
    elif word == "DISZ":
        block.thickness = math.inf if rest[0].upper() == "INFINITY" else float(rest[0])
    elif word == "CONI":
        block.conic = float(rest[0])
    elif word == "DIAM":
        block.semi_diameter = float(rest[0]) or math.inf
    elif word == "STOP":
        block.is_stop = True
    elif word == "PARM":
        block.params[int(rest[0])] = float(rest[1])
    elif word == "XDAT":
        block.extra[int(rest[0])] = float(rest[1])
    elif word == "GLAS":
        block.material = _glass(rest, named, f"surface {block.number}")


def _glass(rest: list[str], named: Mapping[str, Material], where: str) -> Material:
    """By name where the caller or the table knows it, else by the index and Abbe number beside the name."""
    name = rest[0].lower()
    if name in named:
        return named[name]
    if name == "mirror":
        raise MetadataError("mirrors are not read", where=where)
    if len(rest) >= 5 and float(rest[3]) > 1 and float(rest[4]) > 0:
        return Material(nd=float(rest[3]), vd=float(rest[4]))
    if name in KNOWN:
        return KNOWN[name]
    raise MetadataError(f"the glass {rest[0]!r} has no numbers", where=where, hint="say its nd and vd by `materials`")


def _lens(
    blocks: list[_Block], name: str, scale: float, waves: tuple[float, ...], aperture: tuple[str, float] | None
) -> Prescription:
    lens_blocks = blocks[1:-1]
    if lens_blocks[0].kind == "PARAXIAL" and lens_blocks[0].params.get(1) == blocks[0].thickness:
        # An ideal collimator before the lens: for the lens the object is at infinity.
        lens_blocks = lens_blocks[1:]
    stop = next((i for i, block in enumerate(lens_blocks) if block.is_stop), None)
    if stop is None:
        raise MetadataError("no surface is marked as the stop", where=name, hint="STOP in one SURF block")
    surfaces = tuple(_surface(block, scale) for block in lens_blocks)
    image_radius = blocks[-1].semi_diameter * scale
    if not math.isfinite(image_radius):
        raise MetadataError("the image surface has no size", where=name, hint="DIAM of the last surface")
    known = waves or (486.1327, 587.5618, 656.2725)
    if not math.isfinite(surfaces[stop].semi_diameter_mm):
        surfaces = _with_free_stop(surfaces, stop, name)
    lens = Prescription(name, surfaces, stop, image_radius, "Zemax file", known)
    if aperture is None:
        return lens
    # The file's free radius of the stop is a drawing's; the aperture is said apart.
    thin = paraxial(lens, known[len(known) // 2])
    wanted = 0.5 * aperture[1] * scale if aperture[0] == "ENPD" else thin.focal_length_mm / (2 * aperture[1])
    return lens.stopped_down(wanted / thin.entrance_pupil_radius_mm)


def _with_free_stop(surfaces: tuple[Surface, ...], stop: int, name: str) -> tuple[Surface, ...]:
    """The stop as wide as the axial beam that the other free radii let through, where the file gives it no size."""
    height, slope, n, heights = 1.0, 0.0, 1.0, []
    for surface in surfaces:
        behind = surface.material.index(LINE_D_NM)
        heights.append(abs(height))
        slope -= (behind - n) * surface.vertex_curvature * height
        height += slope / behind * surface.thickness_mm
        n = behind
    pairs = zip(surfaces, heights, strict=True)
    beam = min((s.semi_diameter_mm / h for s, h in pairs if h > 0), default=math.inf)
    if not math.isfinite(beam):
        raise MetadataError("no surface has a free radius", where=name, hint="DIAM of the stop")
    opened = replace(surfaces[stop], semi_diameter_mm=beam * heights[stop])
    return (*surfaces[:stop], opened, *surfaces[stop + 1 :])


def _surface(block: _Block, scale: float) -> Surface:
    where = f"surface {block.number}"
    if block.kind not in _TYPES:
        raise MetadataError(f"surfaces of type {block.kind} are not read", where=where, hint=", ".join(_TYPES[:3]))
    even, odd = [0.0] * N_TERMS, [0.0] * N_TERMS
    if block.kind == "EVENASPH":
        for number, value in block.params.items():
            even[number - 1] = value
    elif block.kind == "ODDASPHE":
        if block.params.get(1):
            raise MetadataError("a cone (term r^1) is not read", where=where)
        for power, value in block.params.items():
            (even if power % 2 == 0 else odd)[power // 2 - 1] = value
    elif block.kind in ("XASPHERE", "EXTENDED_ASPHERE"):
        radius = block.extra.get(2, 1.0)
        for number in range(int(block.extra.get(1, 0))):
            even[number] = block.extra.get(3 + number, 0.0) / radius ** (2 * number + 2)
    if not math.isfinite(block.thickness):
        raise MetadataError("an infinite distance inside the lens", where=where)
    return Surface(
        block.curvature / scale,
        block.thickness * scale,
        block.material,
        block.semi_diameter * scale,
        block.conic,
        _trimmed(v / scale ** (2 * m + 1) for m, v in enumerate(even)),
        _trimmed(v / scale ** (2 * m + 2) for m, v in enumerate(odd)),
    )


def _trimmed(values: object) -> tuple[float, ...]:
    kept = list(values)  # type: ignore[call-overload]
    while kept and kept[-1] == 0:
        kept.pop()
    return tuple(kept)
