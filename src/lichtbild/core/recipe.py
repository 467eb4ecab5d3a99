"""The recipe: which stages, in which versions, with which parameters, on which frames. The truth of an edit."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichtbild.core.errors import RecipeError

FORMAT = 1
MOST_CHARACTERS = 1 << 20
MODES = ("single", "burst", "bracket")

Values = dict[str, dict[str, Any]]
"""{stage: {parameter: value}}"""


@dataclass(frozen=True)
class Member:
    """One frame of the burst: file name without folder, SHA-256 of its bytes (hexadecimal), size."""

    name: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class Recipe:
    """Parameters of every stage of one pipeline as plain data.

    Parameters
    ----------
    pipeline
        Name of the pipeline ("photo").
    stages
        {stage name: {"version": int, "params": {...}}} in order.
    members
        Frames it was made for, in order; empty: any.
    reference
        Name of the member whose moment is shown; None: chosen anew.
    engine
        Name and version of what wrote it.
    extra
        Keys of the file that this engine does not know; kept when written again.
    """

    pipeline: str
    stages: dict[str, dict[str, Any]]
    members: tuple[Member, ...] = ()
    reference: str | None = None
    engine: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """Parameters by stage."""
        return {stage: dict(entry.get("params", {})) for stage, entry in self.stages.items()}

    def to_document(self) -> dict[str, Any]:
        """What the file holds."""
        document: dict[str, Any] = {"lichtbild": FORMAT, "engine": self.engine, "pipeline": self.pipeline}
        document["stages"] = self.stages
        if self.members:
            document["members"] = [vars(member) for member in self.members]
        if self.reference is not None:
            document["reference"] = self.reference
        return document | {key: value for key, value in self.extra.items() if key not in document}

    def to_json(self, *, is_compact: bool = False) -> str:
        """The document as text: for people, or in one line."""
        if is_compact:
            return json.dumps(self.to_document(), ensure_ascii=False, separators=(",", ":"))
        return json.dumps(self.to_document(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str | None = None) -> Recipe:
        """From the text of a file.

        Raises
        ------
        RecipeError
            If it is none, damaged, or from a newer engine.
        """
        if len(text) > MOST_CHARACTERS:
            raise RecipeError("too large for a recipe", where=where)
        try:
            document = json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"not a recipe: {error}", where=where) from error
        if not isinstance(document, dict) or not isinstance(document.get("stages"), dict):
            raise RecipeError("not a recipe: no stages", where=where)
        number = document.get("lichtbild", 0)
        if not isinstance(number, int) or number > FORMAT:
            raise RecipeError(
                "this recipe was written by a newer lichtbild", where=where, hint="pip install -U lichtbild"
            )
        known = {"lichtbild", "engine", "pipeline", "stages", "members", "reference"}
        extra = {key: value for key, value in document.items() if key not in known}
        stages = {stage: _stage(stage, entry, where) for stage, entry in document["stages"].items()}
        reference = document.get("reference")
        return cls(
            str(document.get("pipeline", "photo")),
            stages,
            _members(document.get("members", []), where),
            None if reference is None else str(reference),
            str(document.get("engine", "")),
            extra,
        )


@dataclass(frozen=True)
class Shot:
    """What rules ask about a burst: "Make Model" of its camera, ISO of its first frame (None: not told), and mode."""

    camera: str
    iso: float | None
    mode: str


@dataclass(frozen=True)
class Rule:
    """Values for shots of some cameras, sensitivities and modes; what is empty holds for all."""

    values: Values
    cameras: tuple[str, ...] = ()
    iso: tuple[float, float] | None = None
    modes: tuple[str, ...] = ()

    def holds(self, shot: Shot) -> bool:
        """Whether `shot` is meant. Cameras are patterns with * and ?, capitals and small letters alike."""
        name = shot.camera.lower()
        if self.cameras and not any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.cameras):
            return False
        if self.iso is not None and (shot.iso is None or not self.iso[0] <= shot.iso <= self.iso[1]):
            return False
        return not self.modes or shot.mode in self.modes


@dataclass(frozen=True)
class Preset:
    """Part of a recipe: some values, and rules that give more to some shots."""

    values: Values
    rules: tuple[Rule, ...] = ()

    def of(self, shot: Shot) -> Values:
        """The values for one shot: its own, then those of every rule that holds, in order."""
        return layered([self.values, *(rule.values for rule in self.rules if rule.holds(shot))])

    @classmethod
    def from_document(cls, document: Mapping[str, Any], where: str | None = None) -> Preset:
        """From a parsed TOML file: tables are stages; `rules` is a list of tables with `camera`, `iso` = [from, to] and
        `mode`, and stages.

        Raises
        ------
        RecipeError
            If it has anything else.
        """
        rules = document.get("rules", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise RecipeError("rules are tables: [[rules]]", where=where)
        about = {"rules", "name", "intent"}
        values = _values({key: value for key, value in document.items() if key not in about}, where)
        return cls(values, tuple(_rule(rule, where) for rule in rules))


def layered(layers: Sequence[Values]) -> Values:
    """One set of values: later layers win, parameter by parameter."""
    made: Values = {}
    for layer in layers:
        for stage, params in layer.items():
            made.setdefault(stage, {}).update(params)
    return made


def differences(one: Values, other: Values) -> list[tuple[str, str, Any, Any]]:
    """(stage, parameter, value in one, value in the other) of all that differ; None where one has none."""
    found = []
    for stage in dict.fromkeys([*one, *other]):
        a, b = one.get(stage, {}), other.get(stage, {})
        found += [
            (stage, name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)
        ]
    return found


def _rule(table: Mapping[str, Any], where: str | None) -> Rule:
    cameras, modes = _texts(table.get("camera", ()), "camera", where), _texts(table.get("mode", ()), "mode", where)
    for mode in modes:
        if mode not in MODES:
            raise RecipeError(f"{mode!r} is no mode", where=where, hint=", ".join(MODES))
    iso = table.get("iso")
    if iso is not None:
        is_range = isinstance(iso, list) and len(iso) == 2 and all(type(v) in (int, float) for v in iso)
        if not is_range or not 0 <= iso[0] <= iso[1]:
            raise RecipeError("iso is a range", where=where, hint="iso = [800, 12800]")
        iso = (float(iso[0]), float(iso[1]))
    values = _values({k: v for k, v in table.items() if k not in ("camera", "iso", "mode")}, where)
    return Rule(values, cameras, iso, modes)


def _texts(value: Any, name: str, where: str | None) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise RecipeError(f"{name} is a text or a list of texts", where=where)
    return tuple(texts)


def _values(tables: Mapping[str, Any], where: str | None) -> Values:
    for stage, params in tables.items():
        if not isinstance(params, dict):
            raise RecipeError(f"{stage!r} is no table of a stage", where=where, hint="[tone] with contrast = 1.1 below")
        for name, value in params.items():
            if not isinstance(value, str | int | float | bool):
                raise RecipeError(f"{stage}.{name} is no number, text or truth value", where=where)
    return {stage: dict(params) for stage, params in tables.items()}


def _stage(stage: str, entry: Any, where: str | None) -> dict[str, Any]:
    if not isinstance(entry, dict) or not isinstance(entry.get("params", {}), dict):
        raise RecipeError(f"stage {stage!r} has no parameters", where=where)
    version = entry.get("version", 1)
    if type(version) is not int or version < 1:
        raise RecipeError(f"stage {stage!r} has version {version!r}", where=where, hint="a whole number from 1")
    return {**entry, "version": version, "params": dict(entry.get("params", {}))}


def _members(entries: Any, where: str | None) -> tuple[Member, ...]:
    try:
        return tuple(Member(str(e["name"]), str(e["sha256"]), int(e["n_bytes"])) for e in entries)
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise RecipeError("members are frames with name, sha256 and n_bytes", where=where) from error


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
