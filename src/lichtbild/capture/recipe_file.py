"""Recipes and presets on the disk: sidecars (JSON), presets (TOML), and the hashes that tie a recipe to its frames."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from lichtbild.core.errors import RecipeError
from lichtbild.core.frame import Burst
from lichtbild.core.recipe import MOST_CHARACTERS, Member, Preset, Recipe

SIDECAR_SUFFIX = ".lichtbild.json"


def sidecar_path(burst: Burst) -> Path | None:
    """Where the sidecar of a burst lies: beside its first frame, named like the burst; None for frames of no file."""
    first = burst.sources[0].info.path
    return None if first is None else first.parent / f"{burst.name}{SIDECAR_SUFFIX}"


def members_of(burst: Burst) -> tuple[Member, ...]:
    """Name, hash and size of every frame that comes from a file. Reads each file once, 0.1 s for ten of 12 MP."""
    members = []
    for source in burst.sources:
        path = source.info.path
        if path is not None:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            members.append(Member(path.name, digest, path.stat().st_size))
    return tuple(members)


def read_recipe(path: str | Path) -> Recipe | Preset:
    """A recipe (.json) or a preset (.toml).

    Raises
    ------
    RecipeError
        If it cannot be read, or is neither.
    """
    path = Path(path)
    text = _text(path)
    if path.suffix.lower() == ".json":
        return Recipe.from_json(text, str(path))
    if path.suffix.lower() != ".toml":
        raise RecipeError("neither a recipe nor a preset", where=path, hint="a .json or .toml file")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"no TOML: {error}", where=path) from error
    return Preset.from_document(document, str(path))


def check_members(recipe: Recipe, burst: Burst, where: str | Path) -> None:
    """Raise RecipeError where the frames are not those that the recipe was made for, naming them."""
    there = {member.name: member for member in members_of(burst)}
    wanted = {member.name: member for member in recipe.members}
    missing = sorted(wanted.keys() - there.keys())
    if missing:
        raise RecipeError(f"made with frames that are not given: {', '.join(missing)}", where=where)
    changed = [name for name, member in wanted.items() if member.sha256 != there[name].sha256]
    if changed:
        raise RecipeError(
            f"frames have changed since: {', '.join(changed)}",
            where=where,
            hint="the files as they were",
        )
    more = sorted(there.keys() - wanted.keys())
    if more and wanted:
        raise RecipeError(f"made without {', '.join(more)}", where=where, hint="give the frames that it names")


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(4 * MOST_CHARACTERS + 1)
        if len(data) > 4 * MOST_CHARACTERS:
            raise RecipeError("too large for a recipe", where=path)
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError("no text in UTF-8", where=path) from error
    except OSError as error:
        raise RecipeError(error.strerror or str(error), where=path, hint="check the path") from error
