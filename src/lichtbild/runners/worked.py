"""Studies that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from lichtbild.core.errors import UsageError
from lichtbild.core.suggest import nearest_names
from lichtbild.runners.study import Study, read_study


def _files() -> dict[str, Path]:
    folder = Path(str(resources.files("lichtbild.runners") / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def worked_studies() -> dict[str, Study]:
    """{name: study} of ours."""
    return {name: read_study(path) for name, path in _files().items()}


def study_path(name: str) -> Path:
    """The file of a study by its name, or the path as it is given.

    Raises
    ------
    UsageError
        If it is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    ours = _files()
    if name not in ours:
        raise UsageError(f"no study {name!r}", where="study", hint=f"a .toml file, or {nearest_names(name, ours)}")
    return ours[name]
