"""--recipe and --sidecar on the command line: whose values count, in which order."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lichtbild.cli.console import Console

if TYPE_CHECKING:
    from lichtbild.core.frame import Burst
    from lichtbild.core.recipe import Recipe, Values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipes to follow, and whether to write one."""
    parser.add_argument(
        "--recipe", type=Path, action="append", metavar="FILE", default=[],
        help="a recipe (.json) or preset (.toml) to follow; several times: later ones win, flags win over all",
    )  # fmt: skip
    parser.add_argument(
        "--sidecar", action=argparse.BooleanOptionalAction,
        help="write the recipe beside the originals, NAME.lichtbild.json; --no-sidecar: do not follow one",
    )  # fmt: skip


def followed(arguments: argparse.Namespace, burst: Burst, given: Values, console: Console) -> tuple[Burst, Values]:
    """The burst with the reference that its sidecar names, and all values: of the sidecar, of --recipe, of flags.

    Raises
    ------
    RecipeError
        If a recipe is damaged, made for other frames, or renders otherwise now.
    """
    from lichtbild.capture.recipe_file import check_members, read_recipe
    from lichtbild.core.recipe import Recipe, layered
    from lichtbild.pipelines.recipes import checked, faithful, shot_of

    layers: list[dict[str, dict[str, Any]]] = []
    shot = shot_of(burst)
    before = sidecar_of(arguments, burst)
    for path, content in [*([before] if before else []), *((path, read_recipe(path)) for path in arguments.recipe)]:
        if isinstance(content, Recipe):
            if content.members:
                check_members(content, burst, path)
            layers.append(faithful(content, str(path)))
            burst = _with_reference(burst, content, arguments)
        else:
            layers.append(checked(content.of(shot), str(path)))
        console.note(f"  recipe: {path}")
    return burst, layered([*layers, given])


def sidecar_of(arguments: argparse.Namespace, burst: Burst) -> tuple[Path, Recipe] | None:
    """The sidecar that lies beside the burst, unless it is not to be followed."""
    from lichtbild.capture.recipe_file import read_recipe, sidecar_path
    from lichtbild.core.recipe import Recipe

    path = sidecar_path(burst)
    if path is None or arguments.sidecar is False or not path.exists():
        return None
    content = read_recipe(path)
    assert isinstance(content, Recipe)
    return path, content


def write(arguments: argparse.Namespace, burst: Burst, report: dict[str, Any], console: Console) -> None:
    """The sidecar, where it was asked for; unknown keys of one that is there are kept."""
    if not arguments.sidecar:
        return
    from lichtbild.capture.recipe_file import members_of, sidecar_path
    from lichtbild.core.errors import UsageError
    from lichtbild.core.recipe import Recipe
    from lichtbild.output.sidecar import write_sidecar

    path = sidecar_path(burst)
    if path is None:
        raise UsageError("these frames come from no file", where="--sidecar")
    before = sidecar_of(arguments, burst)
    document = report["recipe"]
    recipe = Recipe(document["pipeline"], document["stages"], members_of(burst), _reference(report), document["engine"])
    write_sidecar(path, recipe, before[1] if before else None, force=before is not None)
    console.wrote("sidecar", path)


def _reference(report: dict[str, Any]) -> str | None:
    reference = report.get("reference")
    return str(reference["frame"]) if isinstance(reference, dict) else None


def _with_reference(burst: Burst, recipe: Recipe, arguments: argparse.Namespace) -> Burst:
    names = [source.info.name for source in burst.sources]
    if arguments.reference is not None or recipe.reference not in names:
        return burst
    return dataclasses.replace(burst, reference=names.index(recipe.reference))
