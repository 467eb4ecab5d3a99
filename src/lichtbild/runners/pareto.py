"""What came out of a study: the settings that no other beats in every respect, as a table and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from lichtbild.lab.page import STYLE, table
from lichtbild.lab.svg import COLOURS, Axis, Series, plot
from lichtbild.runners.run import Outcome
from lichtbild.runners.study import Study


def front(outcomes: Sequence[Outcome], objectives: Mapping[str, str]) -> list[Outcome]:
    """Those that none dominates: no other is at least as good in all objectives and better in one. A trial without one
    of the figures is none of them."""
    points = [(o, _signed(o, objectives)) for o in outcomes]
    known = [(o, p) for o, p in points if p is not None]
    return [o for o, p in known if not any(_beats(q, p) for _, q in known)]


def fronts(study: Study, outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """{condition: settings that none beats under it}; one without a name where there are no conditions."""
    groups: dict[str, list[Outcome]] = {}
    for o in outcomes:
        words = [f"{name.split('.', 1)[1]} {_shown(o.trial.values[name])}" for name in study.conditions]
        groups.setdefault(", ".join(words), []).append(o)
    return {condition: front(group, study.objectives) for condition, group in groups.items()}


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _signed(outcome: Outcome, objectives: Mapping[str, str]) -> tuple[float, ...] | None:
    values = [(outcome.value(name), direction) for name, direction in objectives.items()]
    if any(value is None for value, _ in values):
        return None
    return tuple(-v if d == "max" else v for v, d in values if v is not None)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def study_files(study: Study, outcomes: Sequence[Outcome]) -> dict[str, bytes]:
    """{file name: content}: index.html with the Pareto plot, study.json, pareto.svg."""
    best = {o.trial.key for group in fronts(study, outcomes).values() for o in group}
    drawing = pareto_plot(study, outcomes, best)
    content = {
        "format": "lichtbild study 1", "name": study.name, "question": study.question,
        "objectives": dict(study.objectives),
        "trials": [
            {"name": o.trial.name, "values": dict(o.trial.values), "on_front": o.trial.key in best, "error": o.error,
             "figures": [f.to_json() for f in o.figures.values()]}
            for o in outcomes
        ],
    }  # fmt: skip
    return {
        "index.html": _page(study, outcomes, best, drawing).encode(),
        "study.json": json.dumps(content, indent=2, ensure_ascii=False, default=str).encode(),
        "pareto.svg": drawing.encode(),
    }


def pareto_plot(study: Study, outcomes: Sequence[Outcome], best: set[str]) -> str:
    """The first two objectives; the front joined and named, each case in its colour."""
    x_name, y_name = (list(study.objectives) * 2)[:2]
    units = {f.name: f.unit for o in outcomes for f in o.figures.values()}
    known = [o for o in outcomes if o.value(x_name) is not None and o.value(y_name) is not None]
    groups: dict[str, list[Outcome]] = {}
    cases = [name for name, _ in study.cases]
    for o in known:
        groups.setdefault(next((c for c in cases if o.trial.name.startswith(c)), ""), []).append(o)
    series = [
        Series(name, [o.value(x_name) or 0.0 for o in group], [o.value(y_name) or 0.0 for o in group], is_line=False,
               is_points=True, labels=[_short(o, name, study) for o in group])
        for name, group in groups.items()
    ]  # fmt: skip
    if len(study.objectives) <= 2:
        for condition, group in fronts(study, known).items():
            line = sorted((o.value(x_name) or 0.0, o.value(y_name) or 0.0) for o in group)
            if len(line) > 1:
                words = f"not beaten, {condition}" if condition else "not beaten"
                series.append(Series(words, *zip(*line, strict=True), colour=COLOURS[7], is_dashed=True))

    def label(name: str) -> str:
        unit, better = units.get(name, ""), "more is better" if study.objectives[name] == "max" else "less is better"
        return f"{name.replace('.', ', ').replace('_', ' ')}{f' ({unit})' if unit else ''}; {better}"

    return plot(series, Axis(label(x_name)), Axis(label(y_name)))


def _short(outcome: Outcome, case: str, study: Study) -> str:
    """What varies, in as few letters as tell it."""
    return " ".join(_shown(outcome.trial.values[n]) for n in study.vary)


def _page(study: Study, outcomes: Sequence[Outcome], best: set[str], drawing: str) -> str:
    names = list(dict.fromkeys([*study.objectives, *(n for o in outcomes for n in o.figures)]))
    shown = [n for n in names if not n.startswith("visual_noise")]
    rows = [["", "setting", *shown, ""]]
    for o in sorted(outcomes, key=lambda o: o.trial.key not in best):
        figures = [o.figures.get(n) for n in shown]
        cells = ["" if f is None else f.text(3) if f.is_measured else "-" for f in figures]
        rows.append(["*" if o.trial.key in best else "", o.trial.name, *cells, o.error])
    varied = ", ".join(study.vary) or "cases"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(study.name)}</title>'
        f"<style>{STYLE} main {{ max-width: 1500px; }}</style></head><body><main><h1>{escape(study.name)}</h1>"
        f'<p class="made">{escape(study.question)}</p><section><figure style="max-width:820px">{drawing}'
        f"<figcaption>Each point is a camera that was simulated, its burst merged, the result measured. "
        f"Beside it: {escape(varied)}.</figcaption></figure></section>"
        f"<section><h2>{len(outcomes)} settings, * not beaten</h2>{table(rows)}</section></main></body></html>\n"
    )
