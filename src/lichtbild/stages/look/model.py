"""A look as data: what each section means, in which units, within which bounds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lichtbild.core.errors import RecipeError
from lichtbild.core.params import Params, describe, param
from lichtbild.stages.look.cube import Cube

FILMS = ("panchromatic", "orthochromatic")
FILTERS = ("none", "yellow", "orange", "red", "green", "blue")


@dataclass(frozen=True)
class ToneLook(Params):
    """The curve, and how far a scene's range is held by local tone."""

    slope: float = param(1.66, "stops for a stop at mid grey, before the shoulder", low=0.6, high=3.0)
    toe_ev: float = param(2.6, "stops below mid grey over which the slope eases to 1", unit="EV", low=0.3, high=10.0)
    shoulder_ev: float = param(4.0, "the same above mid grey", unit="EV", low=0.3, high=10.0)
    knee: float = param(0.0, "display light up to which tones are in proportion to light", low=0.0, high=0.9)
    mid: float = param(0.18, "display light of mid grey", low=0.06, high=0.4)
    black: float = param(0.0, "display light of black, as of a faded print", low=0.0, high=0.1)
    white_ev: float = param(
        0.0, "stops that white lies above the brightest part: a gentler roll-off", unit="EV", low=-1.5, high=3.0
    )
    range: float = param(1.0, "how far large ranges are held by local tone", low=0.0, high=2.0)
    local_contrast: float = param(0.12, "gain of structures finer than local_scale", low=-0.5, high=1.0)
    local_scale: float = param(0.012, "as share of the picture's longer side", low=0.008, high=0.1)


@dataclass(frozen=True)
class ColourLook(Params):
    """Colourfulness, in Oklab."""

    saturation: float = param(1.07, "chroma factor", low=0.0, high=2.0)
    shadows: float = param(1.0, "chroma factor in the shadows, on top", low=0.0, high=2.0)
    highlights: float = param(1.0, "chroma factor in the highlights, on top", low=0.0, high=2.0)
    density: float = param(0.1, "how much darker colours become with their chroma, as dyes do", low=-1.0, high=2.0)
    gate: float = param(
        0.03, "chroma at which moves of hues have half their effect; greys have none", low=0.005, high=0.2
    )
    gamut: float = param(0.75, "share of the display's chroma from which colours are eased into it", low=0.5, high=0.98)


@dataclass(frozen=True)
class HueMove(Params):
    """What happens to colours around one hue; fades to nothing `width_deg` away by a raised cosine."""

    hue_deg: float = param(0.0, "Oklab hue: red 29, orange 60, yellow 110, green 142, cyan 195, blue 264, magenta 328",
                           unit="deg", low=0.0, high=360.0)  # fmt: skip
    width_deg: float = param(40.0, "reach to either side", unit="deg", low=15.0, high=180.0)
    turn_deg: float = param(0.0, "turn of the hue", unit="deg", low=-40.0, high=40.0)
    saturation: float = param(1.0, "chroma factor", low=0.0, high=2.0)
    lightness: float = param(0.0, "change of Oklab lightness at L 0.5", low=-0.2, high=0.2)


@dataclass(frozen=True)
class SplitLook(Params):
    """Tints of shadows and highlights, as Oklab hue and chroma."""

    shadows_hue_deg: float = param(250.0, "hue in the shadows", unit="deg", low=0.0, high=360.0)
    shadows_chroma: float = param(0.0, "chroma in the shadows", low=0.0, high=0.1)
    highlights_hue_deg: float = param(80.0, "hue in the highlights", unit="deg", low=0.0, high=360.0)
    highlights_chroma: float = param(0.0, "chroma in the highlights", low=0.0, high=0.1)


@dataclass(frozen=True)
class MonochromeLook(Params):
    """Black and white by the spectral weights of an emulsion or sensor behind a filter."""

    amount: float = param(0.0, "0 colour, 1 black and white", low=0.0, high=1.0)
    film: str = param("panchromatic", "what light blackens", choices=FILMS)
    filter: str = param("none", "glass before the lens", choices=FILTERS)


@dataclass(frozen=True)
class GrainLook(Params):
    """Silver grain: Poisson discs in a frame of film, printed on paper."""

    rms: float = param(0.0, "diffuse rms granularity x 1000 at density 1 (48 um aperture): 8 fine, 20 coarse",
                       low=0.0, high=40.0)  # fmt: skip
    size_um: float = param(9.0, "diameter of a clump of grains", unit="um", low=2.0, high=60.0)
    format_mm: float = param(24.0, "shorter side of the film", unit="mm", low=8.0, high=120.0)


@dataclass(frozen=True)
class VignetteLook(Params):
    """Fall-off of light towards the corners, in stops of the scene: EV(r) = corner ((1 - steep) r^2 + steep r^4)."""

    corner_ev: float = param(0.0, "stops at the corner", unit="EV", low=-3.0, high=1.0)
    steep: float = param(0.3, "0: from the middle on, 1: near the corners only", low=0.0, high=1.0)


@dataclass(frozen=True)
class HalationLook(Params):
    """Light that comes back from behind the emulsion, around lights."""

    strength: float = param(0.0, "share of light beyond white that is spread", low=0.0, high=0.5)
    radius: float = param(0.008, "reach, as share of the picture's longer side", low=0.004, high=0.06)
    warmth: float = param(0.8, "1: the red of colour film, 0: the light's own grey", low=0.0, high=1.0)


@dataclass(frozen=True)
class SharpLook(Params):
    """Sharpening of this look."""

    amount: float = param(1.0, "factor on the sharpening of the develop stage", low=0.0, high=2.0)


@dataclass(frozen=True)
class LutLook(Params):
    """A colour table beside the look, used last."""

    file: str = param("", ".cube or Hald CLUT (.png), beside the look's own file")
    space: str = param("srgb", "what the table's input is encoded in", choices=("srgb", "p3", "linear"))
    strength: float = param(1.0, "how much of it is used", low=0.0, high=1.0)


@dataclass(frozen=True)
class Look:
    """One look; what is not told is as in the natural look.

    `intent` says in a line what it is for; `skin` is the CIEDE2000 by which it may move skin from the natural look, on
    average.
    """

    name: str = "natural"
    intent: str = ""
    skin: float = 5.0
    tone: ToneLook = field(default_factory=ToneLook)
    colour: ColourLook = field(default_factory=ColourLook)
    hues: tuple[HueMove, ...] = ()
    split: SplitLook = field(default_factory=SplitLook)
    monochrome: MonochromeLook = field(default_factory=MonochromeLook)
    grain: GrainLook = field(default_factory=GrainLook)
    vignette: VignetteLook = field(default_factory=VignetteLook)
    halation: HalationLook = field(default_factory=HalationLook)
    sharpen: SharpLook = field(default_factory=SharpLook)
    lut: LutLook = field(default_factory=LutLook)
    cube: Cube | None = field(default=None, compare=False)
    """The table that `lut` names, read."""

    @property
    def is_toned(self) -> bool:
        """Greys of it are meant to have a colour."""
        return max(self.split.shadows_chroma, self.split.highlights_chroma) > 0


SECTIONS: dict[str, type[Params]] = {
    name: type(section) for name, section in vars(Look()).items() if isinstance(section, Params)
}

P = TypeVar("P", bound=Params)


def _mixed_params(one: P, other: P, share: float) -> P:
    """Numbers between those of two sections; words are those of `other`."""
    values: dict[str, Any] = {}
    for info in describe(type(one)):
        a, b = getattr(one, info.name), getattr(other, info.name)
        values[info.name] = a + share * (b - a) if info.type is float else b
    return type(one)(**values)


def mixed(base: Look, look: Look, share: float) -> Look:
    """A look of which only `share` (0..1) is wanted, the rest is `base`."""
    if share >= 1:
        return look
    sections: dict[str, Any] = {s: _mixed_params(getattr(base, s), getattr(look, s), share) for s in SECTIONS}

    def faded(move: HueMove, k: float) -> HueMove:
        return dataclasses.replace(
            move, turn_deg=k * move.turn_deg, saturation=1 + k * (move.saturation - 1), lightness=k * move.lightness
        )

    hues = tuple(faded(m, 1 - share) for m in base.hues) + tuple(faded(m, share) for m in look.hues)
    return Look(look.name, look.intent, look.skin, hues=hues, cube=look.cube, **sections)


def from_document(document: dict[str, Any], name: str, base: Look | None = None) -> Look:
    """A look from parsed TOML; what is not told is `base`'s (default: the natural look).

    Raises
    ------
    RecipeError
        For a section or value that does not exist, or is out of bounds; `where` is the look's name and the place.
    """
    base = base or Look()
    made: dict[str, Any] = {"name": name, "intent": base.intent}
    for key, value in document.items():
        if key == "intent":
            if not isinstance(value, str):
                raise RecipeError("the intent is a line of text", where=f"look {name}")
            made["intent"] = value
        elif key == "skin":
            if type(value) not in (int, float) or not 0 <= value <= 100:
                raise RecipeError(f"{value!r} is out of bounds", where=f"look {name}: skin", hint="0 to 100")
            made["skin"] = float(value)
        elif key == "hues":
            if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
                raise RecipeError("hues are tables: [[hues]]", where=f"look {name}")
            made["hues"] = tuple(
                _section(HueMove, HueMove(), entry, name, f"hues[{k}]") for k, entry in enumerate(value)
            )
        elif key in SECTIONS:
            if not isinstance(value, dict):
                raise RecipeError(f"{key} is a section: [{key}]", where=f"look {name}")
            made[key] = _section(SECTIONS[key], getattr(base, key), value, name, key)
        else:
            raise RecipeError(
                f"there is no section {key!r}",
                where=f"look {name}",
                hint=", ".join(("intent", "skin", "hues", *SECTIONS)),
            )
    return dataclasses.replace(base, **made)


def _section(cls: type[P], base: P, values: dict[str, Any], name: str, place: str) -> P:
    known = [info.name for info in describe(cls)]
    floats = {info.name for info in describe(cls) if info.type is float}
    for key in values:
        if key not in known:
            raise RecipeError(f"{place} has no {key!r}", where=f"look {name}", hint=", ".join(known))
    # TOML writes 1 for 1.0.
    numbers = {k: float(v) if k in floats and type(v) is int else v for k, v in values.items()}
    try:
        return dataclasses.replace(base, **numbers)
    except RecipeError as error:
        where = f"look {name}: {place}.{str(error.where).rpartition('.')[2]}"
        raise RecipeError(error.message, where=where, hint=error.hint) from error


def to_document(look: Look) -> dict[str, Any]:
    """What differs from the natural look, as `from_document` reads it."""
    document: dict[str, Any] = {"intent": look.intent, "skin": look.skin}
    for section, cls in SECTIONS.items():
        values, plain = getattr(look, section), cls()
        changed = {
            i.name: getattr(values, i.name) for i in describe(cls) if getattr(values, i.name) != getattr(plain, i.name)
        }
        if changed:
            document[section] = changed
    if look.hues:
        document["hues"] = [{i.name: getattr(m, i.name) for i in describe(HueMove)} for m in look.hues]
    return document
