"""What files tell, in the words of a photographer; for a folder, which bursts it holds and why.

Files that cannot be read are named with the reason, and the others are still told about (exit code 1).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE, FAILED, PARTIAL

USAGE = "FILE [FILE ...] [flags]"
EXAMPLES = (
    "lichtbild inspect IMG_2041.dng",
    "lichtbild inspect DCIM/Camera/",
    "lichtbild inspect *.dng --json > facts.ndjson",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="raw files, pictures, or folders")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.core.errors import LichtbildError, UnreadableFile

    n_failed = 0
    for path in arguments.files:
        try:
            facts = api.inspect(path)
            if path.is_dir() and not facts["proposals"]:
                left_out = "; ".join(f"{Path(e['file']).name} {e['reason']}" for e in facts["left_out"][:8])
                raise UnreadableFile("no pictures in this folder" + (f" ({left_out})" if left_out else ""), where=path)
        except (LichtbildError, OSError) as error:
            if len(arguments.files) == 1:
                raise
            n_failed += 1
            console.error(str(error), kind=type(error).__name__, message=str(error), where=str(path))
            continue
        console.report(as_text(facts, title=str(path)), path=str(path), facts=facts)
    if n_failed == 0:
        return DONE
    return FAILED if n_failed == len(arguments.files) else PARTIAL


def as_text(facts: dict[str, Any], *, title: str) -> str:
    """Facts as an indented list, one a line."""
    return "\n".join([title, *_lines(facts, "  ")])


def _lines(value: dict[str, Any], indent: str) -> list[str]:
    lines = []
    width = max((len(_label(key)) for key in value), default=0)
    for key, entry in value.items():
        label = _label(key)
        if entry is None or entry in ("", [], {}, ()):
            continue
        if isinstance(entry, dict):
            lines += [f"{indent}{label}", *_lines(entry, indent + "  ")]
        elif isinstance(entry, list | tuple) and any(isinstance(item, dict | str) for item in entry):
            lines.append(f"{indent}{label}")
            for item in entry:
                nested = _lines(item, indent + "    ") if isinstance(item, dict) else [f"{indent}    {item}"]
                lines += [f"{indent}  - {nested[0].strip()}", *nested[1:]] if nested else []
        else:
            lines.append(f"{indent}{label:<{width}}  {_shown(entry)}")
    return lines


def _label(key: str) -> str:
    return key.replace("_", " ")


def _shown(entry: Any) -> str:
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    if isinstance(entry, float):
        return f"{entry:.6g}"
    if isinstance(entry, list | tuple):
        return ", ".join(_shown(item) for item in entry)
    return str(entry)
