"""A look as the text of a TOML file."""

from __future__ import annotations

from typing import Any

from lichtbild.stages.look import Look, to_document


def toml_text(look: Look) -> str:
    """What differs from the natural look, as `looks.read_look` reads it."""
    document = to_document(look)
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    lines = [f"{key} = {_value(value)}" for key, value in document.items() if not isinstance(value, dict | list)]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
    for move in document.get("hues", []):
        lines += ["", "[[hues]]", *(f"{key} = {_value(value)}" for key, value in move.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{round(value, 4):g}" if isinstance(value, float) else str(value)
