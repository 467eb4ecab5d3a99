"""A study as its file says it: which camera, which light, what varies, what is asked of the result."""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lichtbild.core.errors import UnreadableFile, UsageError
from lichtbild.core.suggest import nearest_names

# What can be set or varied, beside recipe.STAGE.PARAMETER.
PARAMETERS: dict[str, Any] = {
    "camera.body": "p9",
    "camera.module": "",
    "camera.f_number": 0.0,
    "camera.pixel_um": 0.0,
    "camera.sensor_scale": 1.0,
    "camera.focal_mm": 0.0,
    "camera.stabiliser": True,
    "camera.aberration_um": 0.5,
    "camera.zoom": 1.0,
    "shot.frames": 8,
    "shot.lux": 100.0,
    "shot.motion": "hand",
    "shot.programme": "constant",
    "shot.crop_px": 288,
}
OBJECTIVES = ("sharpness.mtf50", "sharpness.acutance", "noise.visual", "noise.snr", "score.loss", "cost.frames",
              "cost.exposure_s")  # fmt: skip
MAX_TRIALS = 4096
# Counted up where equal parameters give other figures.
VERSION = 1


@dataclass(frozen=True)
class Trial:
    """One setting: a name for people, and every parameter that is not at its default."""

    name: str
    values: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The same for equal values, whatever the name."""
        text = json.dumps([VERSION, sorted(self.values.items())], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def get(self, name: str) -> Any:
        return self.values.get(name, PARAMETERS[name])

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        """{stage: {parameter: value}}."""
        found: dict[str, dict[str, Any]] = {}
        for name, value in self.values.items():
            if name.startswith("recipe."):
                _, stage, parameter = name.split(".", 2)
                found.setdefault(stage, {})[parameter] = value
        return found


@dataclass(frozen=True)
class Search:
    """Instead of a grid: differential evolution within the ends of what varies, `budget` trials at most, towards the
    least weighted sum of the objectives."""

    budget: int = 60
    weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1


@dataclass(frozen=True)
class Study:
    """A question to simulated cameras.

    Parameters
    ----------
    name, question
        For the report.
    base
        Parameters of every trial.
    vary
        {parameter: values}.
    cases
        Named settings; every one is combined with all that varies. Empty: one without a name.
    objectives
        {figure: "max" or "min"}; the first two span the Pareto plot.
    seeds
        Hands and noises that each trial is repeated with.
    search
        None: the whole grid.
    conditions
        Parameters that are not chosen but met, such as the light: settings compete under equal conditions only.
    """

    name: str
    question: str
    base: Mapping[str, Any]
    vary: Mapping[str, tuple[Any, ...]]
    cases: tuple[tuple[str, Mapping[str, Any]], ...]
    objectives: Mapping[str, str]
    seeds: int = 1
    search: Search | None = None
    conditions: tuple[str, ...] = ()

    def trials(self) -> Iterator[Trial]:
        """Every combination, in the order of the file."""
        for case, changes in self.cases or (("", {}),):
            for combination in itertools.product(*self.vary.values()):
                varied = dict(zip(self.vary, combination, strict=True))
                yield self.trial(case, changes, varied)

    def trial(self, case: str, changes: Mapping[str, Any], varied: Mapping[str, Any]) -> Trial:
        words = [case] if case else []
        for name, value in varied.items():
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            words.append(f"{name.split('.', 1)[1]} {shown}")
        return Trial(", ".join(words) or self.name, {**self.base, **changes, **varied})


def read_study(path: str | Path) -> Study:
    """A study from its file (TOML).

    Raises
    ------
    UnreadableFile
        If it is no TOML, or cannot be read.
    UsageError
        If a parameter, figure or key is not known (the nearest is offered), or the grid is too large.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"no study: {error}", where=path) from error
    known = {
        "name",
        "question",
        "camera",
        "shot",
        "recipe",
        "vary",
        "case",
        "objectives",
        "seeds",
        "search",
        "conditions",
    }
    for key in content:
        if key not in known:
            raise UsageError(f"unknown key {key!r}", where=path, hint=nearest_names(key, known))
    base = {f"{room}.{k}": v for room in ("camera", "shot") for k, v in content.get(room, {}).items()}
    base |= {f"recipe.{stage}.{k}": v for stage, entry in content.get("recipe", {}).items() for k, v in entry.items()}
    vary = {
        name: tuple(values) if isinstance(values, list) else (values,)
        for name, values in content.get("vary", {}).items()
    }
    cases = tuple((str(entry.get("name", f"case {k + 1}")), {n: v for n, v in entry.items() if n != "name"})
                  for k, entry in enumerate(content.get("case", ())))  # fmt: skip
    objectives = dict(content.get("objectives", {"sharpness.mtf50": "max", "noise.visual": "min"}))
    conditions = tuple(content.get("conditions", ()))
    for name in conditions:
        if name not in vary:
            raise UsageError(f"the condition {name!r} does not vary", where=path, hint=nearest_names(name, vary))
    _check(path, (base, vary, *(changes for _, changes in cases)), objectives)
    search = Search(**content["search"]) if "search" in content else None
    study = Study(str(content.get("name", Path(path).stem)), str(content.get("question", "")), base, vary, cases,
                  objectives, int(content.get("seeds", 1)), search, conditions)  # fmt: skip
    n = max(1, len(cases))
    for values in vary.values():
        n *= len(values)
    if n > MAX_TRIALS or n == 0:
        raise UsageError(f"{n} trials", where=path, hint=f"1 to {MAX_TRIALS}; or a [search] with a budget")
    return study


def _check(path: str | Path, settings: tuple[Mapping[str, Any], ...], objectives: Mapping[str, str]) -> None:
    from lichtbild.api import STAGES

    for setting in settings:
        for name, value in setting.items():
            if name.startswith("recipe."):
                _check_recipe(path, name, STAGES)
            elif name not in PARAMETERS:
                raise UsageError(f"unknown parameter {name!r}", where=path, hint=nearest_names(name, PARAMETERS))
            elif isinstance(value, dict):
                raise UsageError(f"{name} is a table", where=path, hint="a value, or a list under [vary]")
    for name, direction in objectives.items():
        if name not in OBJECTIVES:
            raise UsageError(f"unknown figure {name!r}", where=path, hint=nearest_names(name, OBJECTIVES))
        if direction not in ("max", "min"):
            raise UsageError(f"{name} is to be {direction!r}", where=path, hint="max or min")


def _check_recipe(path: str | Path, name: str, stages: Mapping[str, type]) -> None:
    from lichtbild.core.params import describe

    parts = name.split(".")
    if len(parts) != 3 or parts[1] not in stages:
        stage = parts[1] if len(parts) > 1 else ""
        raise UsageError(f"{name!r}: no stage {stage!r}", where=path, hint=nearest_names(stage, stages))
    known = [info.name for info in describe(stages[parts[1]])]
    if parts[2] not in known:
        raise UsageError(f"{parts[1]} has no parameter {parts[2]!r}", where=path, hint=nearest_names(parts[2], known))
