"""One sheet for a camera and its pipeline: what each measured figure costs in quality, and all of them together.

Costs are in just noticeable differences (JND) by the integrated hyperbola of Keelan 2002, with constants that stand in
`score.toml` with their origin: the curves of IEEE 1858 (CPIQ) and of VCX are not public, and these are not they. The
sum is Keelan's for several faults at once: the p-norm with p = 1 + 2 tanh(largest / 16.9), in which small faults hide
behind a large one. A figure that was not measured is left out and named; a score of few parts says so.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from lichtbild.lab.figure import Figure
from lichtbild.lab.page import table
from lichtbild.lab.svg import Axis, bars

KEELAN = "Keelan 2002, Handbook of Image Quality, chapters 11 and 16"


@dataclass(frozen=True)
class Part:
    """How one figure is judged; see `score.toml`."""

    figure: str
    category: str
    better: str
    threshold: float
    step: float
    radius: float
    origin: str
    about: str
    target: float = 0.0

    def loss_jnd(self, value: float) -> float:
        """Quality lost, JND, not below 0."""
        signed = {"high": self.threshold - value, "low": value - self.threshold,
                  "near": abs(value - self.target) - self.threshold}  # fmt: skip
        x = signed[self.better]
        if x <= 0:
            return 0.0
        return x / self.step - self.radius / self.step**2 * math.log1p(self.step * x / self.radius)


@dataclass(frozen=True)
class Judged:
    """A part with what was measured; `figure` None where nothing was."""

    part: Part
    figure: Figure | None

    @property
    def loss_jnd(self) -> float | None:
        return None if self.figure is None or self.figure.value is None else self.part.loss_jnd(self.figure.value)


@dataclass(frozen=True)
class ScoreSheet:
    """Every part, judged or not."""

    name: str
    parts: tuple[Judged, ...]

    @property
    def judged(self) -> tuple[Judged, ...]:
        return tuple(part for part in self.parts if part.loss_jnd is not None)

    @property
    def loss_jnd(self) -> float | None:
        """All losses together; None where nothing is judged."""
        losses = [part.loss_jnd for part in self.judged]
        return combined_jnd([loss for loss in losses if loss is not None]) if losses else None

    def categories(self) -> dict[str, float | None]:
        """Points 0 to 100 of each category, 100 without loss, halved by every six JND: ours, not VCX's."""
        found: dict[str, float | None] = {}
        for name in dict.fromkeys(part.part.category for part in self.parts):
            losses = [p.loss_jnd for p in self.judged if p.part.category == name]
            total = combined_jnd([loss for loss in losses if loss is not None]) if losses else None
            found[name] = None if total is None else 100 * 2 ** (-total / 6)
        return found

    @property
    def figures(self) -> list[Figure]:
        n, total = len(self.parts), self.loss_jnd
        note = f"{len(self.judged)} of {n} parts were measured"
        if total is None:
            return [Figure.missing("score.loss", "JND", KEELAN, note)]
        found = [Figure.exact("score.loss", total, "JND", KEELAN, f"{note}; constants ours, see the sheet")]
        for part in self.judged:
            assert part.loss_jnd is not None
            found.append(Figure.exact(f"score.loss.{part.part.figure}", part.loss_jnd, "JND", KEELAN, part.part.about))
        return found

    def html(self) -> str:
        """The sheet as a section of a page: points by category, then every part."""
        points = self.categories()
        names = [name for name, value in points.items() if value is not None]
        drawing = bars(names, [points[name] or 0.0 for name in names], Axis("points", 0, 100)) if names else ""
        rows = [["part", "category", "measured", "loss, JND", "origin of the curve", "about"]]
        for judged in self.parts:
            measured = "not measured" if judged.figure is None else judged.figure.text()
            loss = "" if judged.loss_jnd is None else f"{judged.loss_jnd:.2f}"
            part = judged.part
            rows.append([part.figure, part.category, measured, loss, part.origin, part.about])
        total = "nothing of it was measured" if self.loss_jnd is None else f"{self.loss_jnd:.1f} JND lost in all"
        head = (
            f"<h2>Score sheet: {escape(self.name)}</h2><p>{total}, from {len(self.judged)} of {len(self.parts)} parts. "
        )
        head += "Curves and points are ours (score.toml); those of IEEE 1858 and of VCX are not public.</p>"
        shown = f'<div class="plots"><figure>{drawing}</figure></div>' if drawing else ""
        return f"<section>{head}{shown}{table(rows)}</section>"


def combined_jnd(losses: Sequence[float]) -> float:
    """Keelan's sum of several losses: between the largest of them and their sum."""
    largest = max(losses, default=0.0)
    if largest <= 0:
        return 0.0
    power = 1 + 2 * math.tanh(largest / 16.9)
    return float(sum(loss**power for loss in losses) ** (1 / power))


def score_sheet(name: str, figures: Sequence[Figure]) -> ScoreSheet:
    """The sheet of measured figures.

    A part takes the first measured figure whose name is its own, begins with it and a dot, or ends with a dot and it:
    "acutance" takes "sfr.acutance.print", "visual_noise.iso" takes "visual_noise.iso.print".
    """
    return ScoreSheet(name, tuple(Judged(part, _figure(part.figure, figures)) for part in score_parts()))


def _figure(wanted: str, figures: Sequence[Figure]) -> Figure | None:
    def suits(name: str) -> bool:
        return f".{wanted}." in f".{name}."

    chosen = [f for f in figures if f.is_measured and suits(f.name)]
    # Of two viewings the whole picture counts, not the screen at 100 %.
    chosen.sort(key=lambda f: "screen" in f.name)
    return chosen[0] if chosen else None


@cache
def score_parts() -> tuple[Part, ...]:
    """The parts as `score.toml` has them."""
    content = tomllib.loads(files("lichtbild.lab").joinpath("score.toml").read_text(encoding="utf-8"))
    return tuple(Part(**entry) for entry in content["part"])
