"""Flags made from the parameters that stages declare: `stages.tone` with a field `contrast` gives --tone-contrast."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from lichtbild.core.params import ParamInfo, Params, describe

SEPARATOR = "::"


def add_stage_flags(parser: argparse.ArgumentParser, stages: Mapping[str, type[Params]]) -> None:
    """One group of flags a stage. A flag that is not given leaves no trace, so that defaults stay with the stage."""
    for stage, cls in stages.items():
        infos = describe(cls)
        if not infos:
            continue
        group = parser.add_argument_group(f"{stage.replace('_', ' ')}")
        for info in infos:
            _add_flag(group, stage, info)


def stage_values(arguments: argparse.Namespace, stages: Mapping[str, type[Params]]) -> dict[str, dict[str, Any]]:
    """What was given: {stage: {parameter: value}}, checked against the declared bounds.

    Raises
    ------
    RecipeError
        If a value is out of bounds.
    """
    values: dict[str, dict[str, Any]] = {}
    for key, value in vars(arguments).items():
        stage, found, name = key.partition(SEPARATOR)
        if found:
            values.setdefault(stage, {})[name] = value
    for stage, given in values.items():
        stages[stage](**given)
    return values


def _add_flag(group: argparse._ArgumentGroup, stage: str, info: ParamInfo) -> None:
    # A stage with a parameter of its own name (denoise.denoise) would stammer.
    words = info.name if info.name.startswith(stage) else f"{stage}_{info.name}"
    options: dict[str, Any] = {
        "dest": f"{stage}{SEPARATOR}{info.name}",
        "default": argparse.SUPPRESS,
        "help": help_text(info).replace("%", "%%"),
    }
    if info.type is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        options["type"] = info.type if info.type in (int, float) else str
        options["metavar"] = info.unit.upper() or {int: "N", float: "X"}.get(info.type, "NAME")
        if info.choices:
            options["choices"] = info.choices
            options["metavar"] = "{" + ",".join(info.choices) + "}"
    group.add_argument("--" + words.replace("_", "-"), **options)


def help_text(info: ParamInfo) -> str:
    """The declared line of help with bounds, unit and default."""
    facts = []
    if info.low is not None and info.high is not None and not info.choices:
        facts.append(f"{info.low:g} to {info.high:g} {info.unit}".rstrip())
    facts.append("default " + ("automatic" if info.default is None else _shown(info.default)))
    return f"{info.help} ({'; '.join(facts)})"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
