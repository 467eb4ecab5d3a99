"""Traced patterns are kept: a folder of arrays that can be deleted at any time and is filled again when needed.

It lies in `LICHTBILD_CACHE`, else in the user's cache folder (`XDG_CACHE_HOME` or `~/.cache`) under `lichtbild`; with
`LICHTBILD_CACHE=` (empty) nothing is kept. What cannot be read is made anew, what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

# Raised whenever what is computed changes.
VERSION = 1
FOLDER_VARIABLE = "LICHTBILD_CACHE"


def folder() -> Path | None:
    """Where arrays are kept; None: nowhere."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return home / "lichtbild"


def kept(kind: str, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Arrays by name, from the folder or made and put there.

    Parameters
    ----------
    kind
        Beginning of the file's name.
    key
        All that the arrays follow from, as JSON can hold it.
    """
    where = folder()
    if where is None:
        return make()
    text = json.dumps({"version": VERSION, **key}, sort_keys=True)
    path = where / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass
    made = make()
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        where.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as target:
            np.savez(target, **made)  # type: ignore[arg-type]
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
    return made
