"""A recipe and this engine: whether it renders as it did, and how an older one is carried over."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable

from lichtbild.core.errors import RecipeError
from lichtbild.core.frame import Burst
from lichtbild.core.recipe import Member, Recipe, Shot, Values
from lichtbild.core.suggest import nearest_names
from lichtbild.pipelines.photo import STAGES, PhotoParams

PIPELINES = ("photo",)


def version_of(stage: str) -> int:
    """The version of a stage: raised whenever the same parameters give other pixels."""
    return int(getattr(sys.modules[STAGES[stage].__module__], "VERSION", 1))


def recipe_of(params: PhotoParams, engine: str, members: Iterable[Member] = (), reference: str | None = None) -> Recipe:
    """All that was chosen, defaults written out: a later default changes nothing of it."""
    stages = {
        stage: {"version": version_of(stage), "params": dataclasses.asdict(getattr(params, stage))} for stage in STAGES
    }
    return Recipe("photo", stages, tuple(members), reference, engine)


def checked(values: Values, where: str | None = None) -> Values:
    """`values`, or the reason why a stage or parameter is none, with the nearest names.

    Raises
    ------
    RecipeError
        For an unknown name, or a value out of bounds.
    """
    for stage, params in values.items():
        if stage not in STAGES:
            raise RecipeError(f"there is no stage {stage!r}", where=where, hint=nearest_names(stage, STAGES))
        known = [field.name for field in dataclasses.fields(STAGES[stage])]
        for name in params:
            if name not in known:
                raise RecipeError(
                    f"stage {stage!r} has no parameter {name!r}", where=where, hint=nearest_names(name, known)
                )
        try:
            STAGES[stage](**params)
        except RecipeError as error:
            raise RecipeError(f"{error.where}: {error.message}", where=where, hint=error.hint) from error
    return values


def faithful(recipe: Recipe, where: str | None = None) -> Values:
    """The values of a recipe that this engine renders as the one did that wrote it.

    Raises
    ------
    RecipeError
        If it does not: another pipeline, or a stage of an older or newer version (which is told).
    """
    if recipe.pipeline not in PIPELINES:
        raise RecipeError(f"there is no pipeline {recipe.pipeline!r}", where=where, hint=", ".join(PIPELINES))
    older = []
    for stage, entry in recipe.stages.items():
        if stage not in STAGES:
            older.append(f"the stage {stage!r} is not there any more")
        elif entry["version"] > version_of(stage):
            raise RecipeError(
                f"stage {stage!r} is of version {entry['version']}, this engine has {version_of(stage)}",
                where=where, hint="pip install -U lichtbild",
            )  # fmt: skip
        elif entry["version"] < version_of(stage):
            older.append(f"{stage} {entry['version']} -> {version_of(stage)}")
    if older:
        raise RecipeError(
            f"this engine renders it otherwise ({', '.join(older)})", where=where,
            hint=f"lichtbild recipe migrate {where or 'FILE'}, or the version that wrote it ({recipe.engine})",
        )  # fmt: skip
    return checked(recipe.values, where)


def migrated(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe for this engine, and what changed, a line each: versions raised, names and values dropped that are
    gone or out of bounds now, stages that were not there yet at their defaults."""
    lines, kept = [], dict[str, dict[str, object]]()
    for stage, entry in recipe.stages.items():
        if stage not in STAGES:
            lines.append(f"{stage}: there is no such stage any more, left out")
            continue
        if entry["version"] != version_of(stage):
            lines.append(f"{stage}: version {entry['version']} -> {version_of(stage)}, renders otherwise")
        for name, value in entry["params"].items():
            try:
                checked({stage: {name: value}})
            except RecipeError as error:
                lines.append(f"{stage}.{name} = {value!r}: left out ({error.message})")
                continue
            kept.setdefault(stage, {})[name] = value
    lines += [f"{stage}: new, at its defaults" for stage in STAGES if stage not in recipe.stages]
    made = recipe_of(PhotoParams.from_values(kept), recipe.engine, recipe.members, recipe.reference)
    return dataclasses.replace(made, extra=recipe.extra), lines


def shot_of(burst: Burst) -> Shot:
    """What rules ask about."""
    infos = [source.info for source in burst.sources]
    times = [info.exposure.time_s for info in infos if info.exposure.time_s]
    mode = "single" if len(burst) == 1 else "burst"
    if times and max(times) > 1.1 * min(times):
        mode = "bracket"
    camera = infos[0].camera
    return Shot(f"{camera.make} {camera.model}".strip() or camera.name, infos[0].exposure.iso, mode)
