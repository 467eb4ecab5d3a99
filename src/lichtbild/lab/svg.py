"""Plots as SVG text: lines, points and bars with axes that a person would draw. No library, and the report stays one
file that opens anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating] | Sequence[float]

# Okabe & Ito 2008: told apart by everyone.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a")
WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 16, 46


@dataclass(frozen=True, eq=False)
class Series:
    """Points (x, y) with a name; `low`, `high` a band about them; drawn as a line, as points, or both; `labels` beside
    the points."""

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    is_line: bool = True
    is_points: bool = False
    colour: str | None = None
    labels: Sequence[str] = ()
    is_dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """Label, ends (None: from the data), logarithmic or not."""

    label: str
    low: float | None = None
    high: float | None = None
    is_log: bool = False


class _Scale:
    """Data to px along one axis, and where its ticks stand."""

    def __init__(self, axis: Axis, values: npt.NDArray[np.float64], start: float, stop: float) -> None:
        self.is_log = axis.is_log
        values = values[np.isfinite(values)]
        if self.is_log:
            values = values[values > 0]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.1, 1.0)
        if not self.is_log:
            room = 0.04 * (high - low or abs(high) or 1.0)
            low, high = low - room, high + room
        self.low = low if axis.low is None else axis.low
        self.high = high if axis.high is None else axis.high
        if self.high <= self.low:
            self.high = self.low * 10 if self.is_log else self.low + 1
        self.start, self.stop = start, stop

    def __call__(self, value: float) -> float:
        low, high, v = self.low, self.high, value
        if self.is_log:
            low, high, v = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        return self.start + (v - low) / (high - low) * (self.stop - self.start)

    def holds(self, value: float) -> bool:
        return math.isfinite(value) and self.low - 1e-12 <= value <= self.high + 1e-12

    def ticks(self) -> list[float]:
        if self.is_log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if last - first >= 1:
                return [10.0**k for k in range(first, last + 1)]
            steps = [m * 10.0**k for k in range(first - 1, last + 2) for m in (1, 2, 5)]
            return [v for v in steps if self.low <= v <= self.high]
        span = self.high - self.low
        step = 10 ** math.floor(math.log10(span / 5))
        step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 6.5)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def plot(series: Sequence[Series], x: Axis, y: Axis) -> str:
    """The plot as an SVG document; values that are not finite, or beyond a stated end, are left out."""
    sx = _Scale(x, np.concatenate([np.asarray(s.x, float) for s in series] or [np.array([])]), LEFT, WIDTH - RIGHT)
    ends = [v for s in series for v in (s.y, s.low, s.high) if v is not None]
    sy = _Scale(y, np.concatenate([np.asarray(v, float) for v in ends] or [np.array([])]), HEIGHT - BOTTOM, TOP)
    parts = _axes(sx, sy, x, y)
    for index, one in enumerate(series):
        parts += _drawn(one, one.colour or COLOURS[index % len(COLOURS)], sx, sy)
    parts += _legend([(s.name, s.colour or COLOURS[k % len(COLOURS)]) for k, s in enumerate(series) if s.name])
    return _document(parts)


def bars(names: Sequence[str], values: Numbers, y: Axis, colours: Sequence[str] = ()) -> str:
    """One bar a name."""
    numbers = np.asarray(values, float)
    # Names stand aslant below: room for them.
    foot = HEIGHT - BOTTOM - 34
    sy = _Scale(Axis(y.label, 0.0 if y.low is None else y.low, y.high), np.append(numbers, 0.0), foot, TOP)
    sx = _Scale(Axis("", -0.5, len(names) - 0.5), np.array([0.0]), LEFT, WIDTH - RIGHT)
    parts = _axes(sx, sy, Axis(""), y, foot, has_x=False)
    width = 0.8 * (sx(1) - sx(0))
    for k, (name, value) in enumerate(zip(names, numbers, strict=True)):
        middle = sx(k)
        if math.isfinite(value):
            top, foot = sy(min(value, sy.high)), sy(0.0)
            fill = colours[k] if colours else COLOURS[0]
            parts.append(f'<rect x="{middle - width / 2:.1f}" y="{min(top, foot):.1f}" width="{width:.1f}" '
                         f'height="{abs(foot - top):.1f}" fill="{fill}" stroke="#555"/>')  # fmt: skip
        parts.append(f'<text x="{middle:.1f}" y="{foot + 12}" font-size="9" text-anchor="end" '
                     f'transform="rotate(-40 {middle:.1f} {foot + 12})">{escape(name)}</text>')  # fmt: skip
    return _document(parts)


def _axes(sx: _Scale, sy: _Scale, x: Axis, y: Axis, foot: float = HEIGHT - BOTTOM, has_x: bool = True) -> list[str]:
    right = WIDTH - RIGHT
    parts = []
    for value in sy.ticks():
        at = sy(value)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in sx.ticks() if has_x else ():
        at = sx(value)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{foot}" stroke="#eee"/>')
        parts.append(f'<text x="{at:.1f}" y="{foot + 16}" text-anchor="middle">{_number(value)}</text>')
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{foot - TOP}" fill="none" stroke="#888"/>')
    parts.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>')
    middle = (TOP + foot) / 2
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
                 f"{escape(y.label)}</text>")  # fmt: skip
    return parts


def _drawn(one: Series, colour: str, sx: _Scale, sy: _Scale) -> list[str]:
    x, y = np.asarray(one.x, float), np.asarray(one.y, float)
    parts = []
    if one.low is not None and one.high is not None:
        up = [(sx(a), sy(min(max(b, sy.low), sy.high))) for a, b in zip(x, np.asarray(one.high, float), strict=True)]
        down = [(sx(a), sy(min(max(b, sy.low), sy.high))) for a, b in zip(x, np.asarray(one.low, float), strict=True)]
        outline = " ".join(f"{a:.1f},{b:.1f}" for a, b in up + down[::-1])
        parts.append(f'<polygon points="{outline}" fill="{colour}" opacity="0.18"/>')
    runs: list[list[str]] = [[]]
    for k, (a, b) in enumerate(zip(x, y, strict=True)):
        if not (sx.holds(a) and sy.holds(b)):
            runs.append([])
            continue
        runs[-1].append(f"{sx(a):.1f},{sy(b):.1f}")
        if one.is_points:
            parts.append(f'<circle cx="{sx(a):.1f}" cy="{sy(b):.1f}" r="3.2" fill="{colour}"/>')
        if one.labels:
            parts.append(f'<text x="{sx(a) + 5:.1f}" y="{sy(b) - 5:.1f}" font-size="9">{escape(one.labels[k])}</text>')
    if one.is_line:
        dash = ' stroke-dasharray="5 4"' if one.is_dashed else ""
        parts += [f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
                  for run in runs if len(run) > 1]  # fmt: skip
    return parts


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    parts = []
    for k, (name, colour) in enumerate(entries):
        y = TOP + 14 + 15 * k
        x = WIDTH - RIGHT - 10
        parts.append(f'<text x="{x - 14}" y="{y + 4}" text-anchor="end" font-size="11">{escape(name)}</text>')
        parts.append(f'<rect x="{x - 9}" y="{y - 4}" width="9" height="9" fill="{colour}"/>')
    return parts


def _number(value: float) -> str:
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e")


def _document(parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
        f'font-size="11" fill="#222" role="img"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        + "".join(parts)
        + "</svg>"
    )
