"""Figures of the lab: what may be said, and that files keep it."""

import math

import pytest

from lichtbild.lab.figure import (
    Figure,
    figures_from_csv,
    figures_from_json,
    figures_to_csv,
    figures_to_json,
    find,
)

SOME = [
    Figure("sfr.mtf50", 0.25123456789, "cy/px", 0.249, 0.253, "ISO 12233:2023, 6.2"),
    Figure.missing("noise.dr", "EV", "ISO 15739:2023, 6.3", 'no black patch, said "the chart"'),
    Figure.exact("colour.mean", 1.5, "dE00", "CIE 142:2001", "ü,\nand a line"),
]


def test_files_keep_every_figure() -> None:
    assert figures_from_json(figures_to_json(SOME)) == SOME
    assert figures_from_csv(figures_to_csv(SOME)) == SOME


def test_later_reports_can_be_read() -> None:
    assert Figure.from_json({**SOME[0].to_json(), "colour_of_the_day": "green"}) == SOME[0]


def test_interval_of_a_normal_error() -> None:
    figure = Figure.within("x", 10, 1, "", "")
    assert figure.low == pytest.approx(8.04, abs=1e-3)
    assert figure.high == pytest.approx(11.96, abs=1e-3)


@pytest.mark.parametrize(
    ("value", "low", "high", "note"),
    [
        (None, None, None, ""),
        (math.nan, None, None, ""),
        (1.0, 1.5, 2.0, ""),
        (1.0, 0.0, 0.5, ""),
        (1.0, -math.inf, 2, ""),
    ],
)
def test_what_is_no_figure(value: float | None, low: float | None, high: float | None, note: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Figure("name", value, "", low, high, "", note)


def test_text_for_people() -> None:
    assert SOME[0].text() == "0.2512 cy/px (0.249 to 0.253)"
    assert SOME[1].text().startswith("not measured: no black patch")
    assert find(SOME, "noise.dr") is SOME[1]
    assert find(SOME, "none") is None
