"""Parameters declared once: from one declaration come the flag, the JSON schema, the docs table, the test strategy."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from lichtbild.core.errors import RecipeError


@dataclass(frozen=True)
class ParamInfo:
    """What a user is told about one parameter."""

    name: str
    type: type
    default: Any
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    help: str


def param(
    default: Any,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of a `Params` class: default, unit, bounds (inclusive) or choices, and one line of help."""
    return dataclasses.field(
        default=default, metadata={"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    )


@dataclass(frozen=True)
class Params:
    """Base of every stage's parameters: frozen, checked against the declared bounds when made."""

    def __post_init__(self) -> None:
        for info in describe(type(self)):
            _check(type(self), info, getattr(self, info.name))


def describe(cls: type[Params]) -> tuple[ParamInfo, ...]:
    """Every parameter of `cls`, in order. An optional parameter (`X | None`) reports the type X."""
    import typing

    hints = typing.get_type_hints(cls)
    infos = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        plain = [t for t in typing.get_args(hint) if t is not type(None)] or [hint]
        meta = field.metadata
        infos.append(
            ParamInfo(
                field.name,
                plain[0],
                field.default,
                meta["unit"],
                meta["low"],
                meta["high"],
                meta["choices"],
                meta["help"],
            )
        )
    return tuple(infos)


def _check(cls: type[Params], info: ParamInfo, value: Any) -> None:
    where = f"{cls.__module__.removeprefix('lichtbild.')}.{info.name}"
    if value is None and info.default is None:
        return
    if info.choices and value not in info.choices:
        raise RecipeError(f"{value!r} is not a choice", where=where, hint=f"one of {', '.join(info.choices)}")
    if info.type in (int, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RecipeError(f"{value!r} is not a number", where=where)
    if info.type is int and not isinstance(value, int):
        raise RecipeError(f"{value!r} is not a whole number", where=where)
    if info.type is bool and not isinstance(value, bool):
        raise RecipeError(f"{value!r} is not true or false", where=where)
    if info.low is None or info.high is None or info.choices:
        return
    if not math.isfinite(value) or not info.low <= value <= info.high:
        raise RecipeError(
            f"{value!r} is out of bounds", where=where, hint=f"{info.low} to {info.high} {info.unit}".rstrip()
        )


def json_schema(cls: type[Params]) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a `Params` class."""
    names = {float: "number", int: "integer", bool: "boolean", str: "string"}
    properties: dict[str, Any] = {}
    for info in describe(cls):
        entry: dict[str, Any] = {
            "type": names.get(info.type, "string"),
            "description": info.help,
            "default": info.default,
        }
        if info.low is not None:
            entry["minimum"] = info.low
        if info.high is not None:
            entry["maximum"] = info.high
        if info.choices:
            entry["enum"] = list(info.choices)
        if info.unit:
            entry["x-unit"] = info.unit
        properties[info.name] = entry
    return {"type": "object", "additionalProperties": False, "properties": properties}
