"""Looks by name: TOML files beside this one, or a file of one's own.

A name may join several looks by "+": sections of later ones take the place of earlier ones.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
import tomllib
from pathlib import Path

from lichtbild.core.errors import RecipeError, UnreadableFile
from lichtbild.stages.look import DEFAULT, Look, LookParams, from_document, mixed, to_document

__all__ = ["DEFAULT", "chosen", "load", "names", "read_look"]

_FOLDER = Path(__file__).parent
MOST_BYTES = 100_000


@functools.cache
def names() -> tuple[str, ...]:
    """Names of the looks that come along, the default one first."""
    found = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    return (DEFAULT, *(name for name in found if name != DEFAULT))


def read_look(path: str | Path, base: Look | None = None) -> Look:
    """A look from a TOML file.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it is no TOML.
    RecipeError
        If a section or value does not exist or is out of bounds.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(error.strerror or "cannot be read", where=path, hint="check the path") from error
    if len(raw) > MOST_BYTES:
        raise UnreadableFile(f"{len(raw)} bytes are too many for a look", where=path)
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"no TOML: {error}", where=path, hint="lichtbild look show natural") from error
    look = from_document(document, path.stem, base)
    if look.lut.file and "lut" in document:
        from lichtbild.looks.cube_file import read_table

        look = dataclasses.replace(look, cube=read_table(path.parent / look.lut.file, look.lut.space))
    return look


def load(name: str) -> Look:
    """The look called `name`, several joined by +, or that of a file.

    Raises
    ------
    RecipeError
        For a name that is not known; the nearest ones are told.
    """
    look: Look | None = None
    for part in name.split("+"):
        part = part.strip()
        if part.endswith(".toml"):
            look = read_look(part, look)
            continue
        if part not in names():
            near = difflib.get_close_matches(part, names(), 3, 0.5)
            raise RecipeError(f"there is no look {part!r}", where="--look", hint=", ".join(near or names()))
        look = read_look(_FOLDER / f"{part}.toml", look)
    assert look is not None
    return dataclasses.replace(look, name=name)


def digest(look: Look) -> str:
    """SHA-256 (hexadecimal) of all that a look says: by it a recipe knows whether a look has changed under its name."""
    text = json.dumps(to_document(look), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def chosen(params: LookParams) -> Look:
    """The look that parameters ask for, as strong as they ask for."""
    look = load(params.look)
    if params.strength < 1:
        look = mixed(load(DEFAULT), look, params.strength)
    rms, corner = look.grain.rms * params.grain, look.vignette.corner_ev * params.vignette
    return dataclasses.replace(
        look,
        grain=dataclasses.replace(look.grain, rms=min(rms, 40.0)),
        vignette=dataclasses.replace(look.vignette, corner_ev=max(corner, -3.0)),
    )
