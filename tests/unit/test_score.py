"""The score sheet: losses by their formula, parts always shown, nothing made of what was not measured."""

from __future__ import annotations

import math

import pytest

from lichtbild.lab.figure import Figure
from lichtbild.lab.score import combined_jnd, score_parts, score_sheet


def figure(name: str, value: float) -> Figure:
    return Figure.exact(name, value, "", "")


@pytest.mark.parametrize("part", score_parts(), ids=lambda p: p.figure)
def test_no_loss_on_the_good_side_and_more_beyond(part) -> None:  # type: ignore[no-untyped-def]
    sign = {"high": -1, "low": 1, "near": 1}[part.better]
    start = part.threshold if part.better != "near" else part.target + part.threshold
    assert part.loss_jnd(start - sign * 1e-9) == 0
    losses = [part.loss_jnd(start + sign * k * part.step) for k in (0.5, 1, 2, 8, 9, 60, 61)]
    assert losses == sorted(losses)
    # Far out, one JND a step; near the threshold less.
    assert losses[6] - losses[5] == pytest.approx(1, abs=0.1)
    assert losses[0] < 0.5
    assert part.origin in ("ours", "public")


def test_sum_of_losses_as_keelan() -> None:
    assert combined_jnd([]) == 0
    assert combined_jnd([3.0]) == pytest.approx(3)
    power = 1 + 2 * math.tanh(10 / 16.9)
    assert combined_jnd([10.0, 5.0]) == pytest.approx((10**power + 5**power) ** (1 / power))
    assert 10 < combined_jnd([10.0, 5.0]) < 15


def test_sheet_shows_every_part() -> None:
    values = {"sfr.acutance.print_400mm": 0.8, "visual_noise.iso.screen": 9.0, "visual_noise.iso.print": 0.7}
    found = [figure(name, value) for name, value in values.items()]
    found.append(Figure.missing("noise.dynamic_range", "EV", "", "clipped"))
    sheet = score_sheet("a phone", found)
    assert {p.part.figure for p in sheet.judged} == {"acutance", "visual_noise.iso"}
    noise = next(p for p in sheet.judged if p.part.figure == "visual_noise.iso")
    assert noise.figure is not None
    assert noise.figure.name == "visual_noise.iso.print"
    html = sheet.html()
    assert html.count("<tr>") == 1 + len(score_parts())
    assert html.count("not measured") == len(score_parts()) - 2
    assert "not public" in html
    assert sheet.categories()["Geometry"] is None
    assert sheet.figures[0].note.startswith("2 of ")
    empty = score_sheet("nothing", [])
    assert empty.loss_jnd is None
    assert empty.figures[0].value is None
