"""Recipes and presets: show what they say, compare two, carry an older one over to this engine.

A recipe (.json) holds every parameter of every stage; a preset (.toml) some of them, and rules for cameras, ISO and
modes. Several files are layered, later ones win.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE

if TYPE_CHECKING:
    from lichtbild.core.recipe import Shot, Values

USAGE = "{show,diff,migrate} FILE [FILE ...] [flags]"
EXAMPLES = (
    "lichtbild recipe show IMG_2041.lichtbild.json",
    "lichtbild recipe show soft.toml night.toml --iso 3200 --mode burst",
    "lichtbild recipe diff IMG_2041.lichtbild.json soft.toml",
    "lichtbild recipe migrate IMG_2041.lichtbild.json -o carried.lichtbild.json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "diff", "migrate"), help="what to do")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recipe (.json) or preset (.toml)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="for migrate (default: the file itself)")
    parser.add_argument("--camera", default="", metavar="NAME", help="for rules: make and model of the camera")
    parser.add_argument("--iso", type=float, metavar="N", help="for rules: sensitivity")
    parser.add_argument(
        "--mode", choices=("single", "burst", "bracket"), default="burst", help="for rules (default burst)"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.core.recipe import Shot, differences, layered

    shot = Shot(arguments.camera, arguments.iso, arguments.mode)
    files = arguments.files
    if arguments.action == "migrate":
        return _migrate(arguments, console)
    if arguments.action == "diff":
        if len(files) != 2:
            raise UsageError(f"compares two files, not {len(files)}", where="recipe diff", hint="recipe diff A B")
        found = differences(*(_values(path, shot) for path in files))
        lines = [f"{stage}.{name}: {_shown(a)} -> {_shown(b)}" for stage, name, a, b in found]
        content = [dict(zip(("stage", "parameter", "one", "other"), row, strict=True)) for row in found]
        console.report("\n".join(lines) or "no difference", differences=content)
        return DONE
    values = layered([_values(path, shot) for path in files])
    lines = [
        f"{stage}.{name} = {_shown(value)}{_apart(stage, name, value)}"
        for stage, params in values.items()
        for name, value in params.items()
    ]
    console.report("\n".join([*_about(files), *lines]) or "nothing is said", stages=values)
    return DONE


def _migrate(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.capture.recipe_file import read_recipe
    from lichtbild.core.errors import UsageError
    from lichtbild.core.recipe import Recipe
    from lichtbild.output.sidecar import write_sidecar
    from lichtbild.pipelines.recipes import migrated

    if len(arguments.files) != 1:
        raise UsageError("carries one recipe over", where="recipe migrate", hint="recipe migrate FILE -o OTHER")
    path = arguments.files[0]
    recipe = read_recipe(path)
    if not isinstance(recipe, Recipe):
        raise UsageError("presets have no versions", where=path, hint="a .json recipe")
    made, lines = migrated(recipe)
    target = arguments.output or path
    write_sidecar(target, made, recipe, force=arguments.force or target == path)
    for line in lines:
        console.warning(line)
    console.wrote("recipe", target)
    return DONE


def _values(path: Path, shot: Shot) -> Values:
    from lichtbild.capture.recipe_file import read_recipe
    from lichtbild.core.recipe import Recipe
    from lichtbild.pipelines.recipes import checked

    content = read_recipe(path)
    if isinstance(content, Recipe):
        return content.values
    values: Values = checked(content.of(shot), str(path))
    return values


def _about(files: list[Path]) -> list[str]:
    """A line about each recipe: who wrote it, for how many frames."""
    from lichtbild.capture.recipe_file import read_recipe
    from lichtbild.core.recipe import Recipe

    lines = []
    for path in files:
        content = read_recipe(path)
        if isinstance(content, Recipe):
            frames = f", {len(content.members)} frames" if content.members else ""
            lines.append(f"# {path}: {content.pipeline}, {content.engine or 'unknown engine'}{frames}")
        else:
            lines.append(f"# {path}: a preset with {len(content.rules)} rules")
    return lines


def _apart(stage: str, name: str, value: Any) -> str:
    """How a value differs from the default, for people."""
    from lichtbild.core.params import describe
    from lichtbild.pipelines.photo import STAGES

    if stage not in STAGES:
        return "  (no such stage in this engine)"
    for info in describe(STAGES[stage]):
        if info.name == name:
            return "" if value == info.default else f"  (default {_shown(info.default)})"
    return "  (no such parameter in this engine)"


def _shown(value: Any) -> str:
    if value is None:
        return "automatic"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
