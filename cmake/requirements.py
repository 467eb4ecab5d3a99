"""Prints the requirements that pyproject.toml declares: `python cmake/requirements.py build run test`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main() -> None:
    document = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "build": document["build-system"]["requires"],
        "run": document["project"]["dependencies"],
        **document["project"]["optional-dependencies"],
    }
    # One a line and without spaces: Make passes the words on unquoted.
    for group in sys.argv[1:]:
        for requirement in groups[group]:
            specifier, _, marker = requirement.partition(";")
            if not marker or _holds(marker):
                print(specifier.strip())


def _holds(marker: str) -> bool:
    """The one kind of marker pyproject.toml uses: python_version compared with a number."""
    name, operator, version = marker.split()
    if name != "python_version":
        raise SystemExit(f"unknown marker {marker!r}")
    wanted = tuple(int(part) for part in version.strip("'\"").split("."))
    return sys.version_info[:2] < wanted if operator == "<" else sys.version_info[:2] >= wanted


if __name__ == "__main__":
    main()
