"""Parameters are declared once, and flags, schema and checks follow from the declaration."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichtbild.cli import flags
from lichtbild.core import Params, Recipe, RecipeError, describe, json_schema, param


@dataclass(frozen=True)
class Sample(Params):
    """Parameters as a stage declares them."""

    strength: float = param(1.0, "how much", low=0.0, high=4.0)
    radius: int = param(3, "how far", unit="px", low=1, high=9)
    kelvin: float | None = param(None, "light's temperature", unit="K", low=2000.0, high=12000.0)
    mode: str = param("auto", "which way", choices=("auto", "fast"))
    is_fine: bool = param(True, "care for detail")


STAGES = {"sample": Sample}


def _parsed(*words: str) -> dict[str, dict[str, object]]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    flags.add_stage_flags(parser, STAGES)
    return flags.stage_values(parser.parse_args(words), STAGES)


def test_describe_reports_every_field() -> None:
    infos = {info.name: info for info in describe(Sample)}
    assert list(infos) == ["strength", "radius", "kelvin", "mode", "is_fine"]
    assert infos["kelvin"].type is float
    assert infos["radius"].unit == "px"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_is_taken_exactly_when_it_is_within_bounds(value: float) -> None:
    if 0 <= value <= 4:
        assert Sample(strength=value).strength == value
    else:
        with pytest.raises(RecipeError, match=r"strength.*out of bounds"):
            Sample(strength=value)


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"mode": "slow"}, "not a choice"),
        ({"radius": 2.5}, "whole number"),
        ({"strength": "much"}, "not a number"),
        ({"strength": True}, "not a number"),
        ({"strength": None}, "not a number"),
        ({"is_fine": 1}, "true or false"),
    ],
)
def test_other_types_are_refused(given_values: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Sample(**given_values)  # type: ignore[arg-type]


def test_flags_give_only_what_was_asked_for() -> None:
    assert _parsed() == {}
    assert _parsed("--sample-strength", "2", "--no-sample-is-fine", "--sample-mode", "fast") == {
        "sample": {"strength": 2.0, "is_fine": False, "mode": "fast"}
    }
    assert _parsed("--sample-kelvin", "5000") == {"sample": {"kelvin": 5000.0}}


def test_flags_are_checked_against_the_bounds() -> None:
    with pytest.raises(RecipeError, match="out of bounds"):
        _parsed("--sample-radius", "10")
    with pytest.raises(argparse.ArgumentError):
        _parsed("--sample-radius", "wide")


def test_help_tells_bounds_unit_and_default() -> None:
    infos = {info.name: info for info in describe(Sample)}
    assert flags.help_text(infos["radius"]) == "how far (1 to 9 px; default 3)"
    assert flags.help_text(infos["kelvin"]) == "light's temperature (2000 to 12000 K; default automatic)"


def test_schema_has_the_bounds_of_the_declaration() -> None:
    schema = json_schema(Sample)
    assert schema["properties"]["radius"] == {
        "type": "integer",
        "description": "how far",
        "default": 3,
        "minimum": 1,
        "maximum": 9,
        "x-unit": "px",
    }
    assert schema["properties"]["mode"]["enum"] == ["auto", "fast"]
    assert schema["additionalProperties"] is False


def test_recipe_survives_and_keeps_what_it_does_not_know() -> None:
    text = Recipe("photo", {"tone": {"version": 1, "params": {"contrast": 0.2}}}, extra={"rating": 5}).to_json()
    again = Recipe.from_json(text)
    assert again.extra == {"rating": 5}
    assert again.to_json() == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stages": 3}', "\x00"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="not a recipe"):
        Recipe.from_json(text)


def test_a_newer_recipe_is_refused() -> None:
    with pytest.raises(RecipeError, match="newer lichtbild"):
        Recipe.from_json('{"lichtbild": 99, "stages": {}}')
