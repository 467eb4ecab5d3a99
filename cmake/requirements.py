"""Prints the requirements that pyproject.toml declares, one a line: `python cmake/requirements.py build run test`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement


def main() -> None:
    document = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "build": document["build-system"]["requires"],
        "run": document["project"]["dependencies"],
        **document["project"]["optional-dependencies"],
    }
    for group in sys.argv[1:]:
        for line in groups[group]:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                # Without the marker there are no spaces: Make passes the words on unquoted.
                requirement.marker = None
                print(str(requirement).replace(" ", ""))


if __name__ == "__main__":
    main()
