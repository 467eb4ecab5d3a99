"""What every measurement of the lab gives back: a named number, its unit, its 95 % interval and where it is defined.

A measurement that cannot be made is a figure too: no value, and a note that says why. A report shows it, a score leaves
it out, nobody takes it for a number.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Parameters
    ----------
    name
        What was measured, in dotted words: "sfr.mtf50", "noise.snr".
    value
        The number in `unit`; None if it could not be measured, which `note` then explains.
    unit
        "cy/px", "dB", "e-", "dE00"; empty for a pure number.
    low, high
        Ends of the 95 % interval of `value`; None where no interval is known.
    clause
        Where the measure is defined: the standard's number, year and clause, or the paper.
    note
        Why there is no value, or what to know about it.

    Raises
    ------
    ValueError
        If a value is missing without a note, is not finite, or lies outside of its interval.
    """

    name: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    clause: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.value is None:
            if not self.note:
                raise ValueError(f"{self.name}: no value and no note that says why")
            return
        for word in ("value", "low", "high"):
            number = getattr(self, word)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.name}: {word} is {number}")
        # The interval of a percentile may touch the value; a rounding error beyond that is none.
        slack = 1e-9 * max(1.0, abs(self.value))
        if (self.low is not None and self.low > self.value + slack) or (
            self.high is not None and self.high < self.value - slack
        ):
            raise ValueError(f"{self.name}: {self.value} is outside of its interval {self.low} to {self.high}")

    @classmethod
    def exact(cls, name: str, value: float, unit: str, clause: str, note: str = "") -> Self:
        """A number whose interval is not known."""
        return cls(name, float(value), unit, None, None, clause, note)

    @classmethod
    def within(cls, name: str, value: float, deviation: float, unit: str, clause: str, note: str = "") -> Self:
        """A number with the standard deviation of a normal error: the interval is 1.96 of it to either side."""
        value, half = float(value), 1.959964 * abs(float(deviation))
        return cls(name, value, unit, value - half, value + half, clause, note)

    @classmethod
    def missing(cls, name: str, unit: str, clause: str, because: str) -> Self:
        """A number that could not be measured, because."""
        return cls(name, None, unit, None, None, clause, because)

    @property
    def is_measured(self) -> bool:
        return self.value is not None

    def text(self, digits: int = 4) -> str:
        """For people: "0.2512 cy/px (0.2498 to 0.2526)", or the reason why there is nothing to show."""
        if self.value is None:
            return f"not measured: {self.note}"
        shown = f"{self.value:.{digits}g} {self.unit}".rstrip()
        if self.low is not None and self.high is not None:
            shown += f" ({self.low:.{digits}g} to {self.high:.{digits}g})"
        return shown

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Keys that are not known are left out, so that a later version's report can be read."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


COLUMNS = tuple(f.name for f in fields(Figure))


def find(figures: Iterable[Figure], name: str) -> Figure | None:
    """The first figure of that name."""
    return next((figure for figure in figures if figure.name == name), None)


def figures_to_json(figures: Iterable[Figure], indent: int | None = 2) -> str:
    """A JSON list of objects, one a figure."""
    return json.dumps([figure.to_json() for figure in figures], indent=indent, ensure_ascii=False)


def figures_from_json(text: str) -> list[Figure]:
    """Inverse of `figures_to_json`."""
    return [Figure.from_json(entry) for entry in json.loads(text)]


def figures_to_csv(figures: Sequence[Figure]) -> str:
    """A table with a line of column names (RFC 4180); an empty cell where there is no number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for figure in figures:
        writer.writerow("" if (v := getattr(figure, c)) is None else v for c in COLUMNS)
    return out.getvalue()


def figures_from_csv(text: str) -> list[Figure]:
    """Inverse of `figures_to_csv`."""
    numbers = ("value", "low", "high")
    found = []
    for row in csv.DictReader(io.StringIO(text, newline="")):
        cells: dict[str, Any] = {c: row[c] for c in COLUMNS}
        for column in numbers:
            cells[column] = float(cells[column]) if cells[column] else None
        found.append(Figure(**cells))
    return found
