"""The sidecar of a shot: its recipe, written whole or not at all, what others wrote into it kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lichtbild.core.recipe import Recipe
from lichtbild.output.atomic import write_whole


def write_sidecar(path: str | Path, recipe: Recipe, before: Recipe | None = None, *, force: bool = False) -> None:
    """Write `recipe` as JSON.

    Parameters
    ----------
    path
        The file to be, `NAME.lichtbild.json`.
    before
        The recipe that the file held: keys of it that this engine does not know are kept.
    force
        Replace a file that is there.

    Raises
    ------
    OutputError
        As `atomic.written_whole`.
    """
    if before is not None:
        recipe = dataclasses.replace(recipe, extra=before.extra | recipe.extra)
    write_whole(path, [recipe.to_json().encode()], force=force)
