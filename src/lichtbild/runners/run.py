"""Trials of a study, several at a time, each result written at once: a study that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lichtbild.core.errors import OutputError, UnreadableFile
from lichtbild.core.progress import Progress, ProgressEvent, silent
from lichtbild.lab.figure import Figure
from lichtbild.runners.study import Study, Trial
from lichtbild.runners.trial import tried

Line = dict[str, Any]
Try = Callable[[Trial, int], Line]


class Results:
    """Lines of results in a file, one JSON object each; a last line that was cut off is left out and tried again.

    Parameters
    ----------
    path
        `results.jsonl`; made when the first line comes.

    Raises
    ------
    UnreadableFile
        If a whole line is none of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[tuple[str, int], Line] = {}
        if not path.exists():
            return
        texts = path.read_text(encoding="utf-8").split("\n")
        # Without a line end, the last one was being written when the study was stopped.
        for number, text in enumerate(texts[:-1], 1):
            try:
                line = json.loads(text)
                self.lines[line["key"], int(line["seed"])] = line
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableFile(f"line {number} is no result: {error}", where=path) from error
        if texts[-1]:
            path.write_text("".join(f"{text}\n" for text in texts[:-1]), encoding="utf-8")

    def __contains__(self, what: tuple[str, int]) -> bool:
        return what in self.lines

    def add(self, line: Line) -> None:
        """Keep a line, on disk before this returns."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"cannot be written: {error.strerror or error}", where=self.path) from error
        self.lines[line["key"], int(line["seed"])] = line


@dataclass(frozen=True)
class Outcome:
    """A trial and the mean of its figures over all seeds; `error` where none came out."""

    trial: Trial
    figures: dict[str, Figure] = field(default_factory=dict)
    error: str = ""

    def value(self, name: str) -> float | None:
        figure = self.figures.get(name)
        return None if figure is None else figure.value


def run_study(
    study: Study, results: Results, n_jobs: int = 1, progress: Progress = silent, attempt: Try = tried
) -> list[Outcome]:
    """Every trial that is not in `results` yet, then all of them.

    Parameters
    ----------
    n_jobs
        Processes; 1: in this one.
    attempt
        What runs a trial; it has to be importable by its name where there are several processes.
    """
    if study.search is not None:
        trials = _searched(study, results, n_jobs, progress, attempt)
    else:
        trials = list(study.trials())
        wanted = [(t, s) for t in trials for s in range(1, study.seeds + 1)]
        _run(wanted, results, n_jobs, progress, attempt)
    return [outcome(trial, results, study.seeds) for trial in trials]


def _run(wanted: Iterable[tuple[Trial, int]], results: Results, n_jobs: int, progress: Progress, attempt: Try) -> None:
    todo = {(t.key, s): (t, s) for t, s in wanted}
    n_all = len(todo)
    todo = {key: value for key, value in todo.items() if key not in results}
    done = n_all - len(todo)
    progress(ProgressEvent("study", done, n_all))
    for line in _lines(list(todo.values()), n_jobs, attempt):
        results.add(line)
        done += 1
        progress(ProgressEvent("study", done, n_all, line["name"]))


def _lines(todo: list[tuple[Trial, int]], n_jobs: int, attempt: Try) -> Iterator[Line]:
    """Results as they come."""
    if n_jobs <= 1 or len(todo) < 2:
        yield from (attempt(trial, seed) for trial, seed in todo)
        return
    with ProcessPoolExecutor(min(n_jobs, len(todo))) as pool:
        # No more is handed out than can be under way: Ctrl-C does not wait for hundreds of trials.
        waiting, under_way = iter(todo), set[Future[Line]]()
        try:
            while True:
                while len(under_way) < n_jobs and (following := next(waiting, None)) is not None:
                    under_way.add(pool.submit(attempt, *following))
                if not under_way:
                    return
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def outcome(trial: Trial, results: Results, seeds: int) -> Outcome:
    """Mean figures of a trial; the interval is that of the mean over seeds, where there are several."""
    lines = [results.lines[trial.key, s] for s in range(1, seeds + 1) if (trial.key, s) in results.lines]
    if not lines:
        return Outcome(trial, error="not run")
    errors = [line["error"] for line in lines if line.get("error")]
    if errors:
        return Outcome(trial, error=errors[0])
    by_name: dict[str, list[Figure]] = {}
    for line in lines:
        for entry in line["figures"]:
            by_name.setdefault(entry["name"], []).append(Figure.from_json(entry))
    return Outcome(trial, {name: _averaged(figures) for name, figures in by_name.items()})


def _averaged(figures: list[Figure]) -> Figure:
    values = [f.value for f in figures if f.value is not None]
    first = figures[0]
    if not values:
        return first
    if len(values) == 1:
        return next(f for f in figures if f.value is not None)
    spread = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return Figure.within(first.name, float(np.mean(values)), spread, first.unit, first.clause, f"{len(values)} seeds")


def _searched(study: Study, results: Results, n_jobs: int, progress: Progress, attempt: Try) -> list[Trial]:
    """Differential evolution (Storn & Price 1997, SciPy's) within the least and greatest of what varies, whole numbers
    staying whole; a generation is run in parallel. A trial that was run before costs nothing."""
    from scipy.optimize import differential_evolution

    search = study.search
    assert search is not None
    numeric = {name: values for name, values in study.vary.items() if all(isinstance(v, int | float) for v in values)}
    names = list(numeric)
    bounds = [(float(min(numeric[n])), float(max(numeric[n]))) for n in names]
    whole = [all(isinstance(v, int) for v in numeric[n]) for n in names]
    (case, changes), *_ = study.cases or (("", {}),)
    seen: dict[str, Trial] = {}

    def trial_of(x: Any) -> Trial:
        # Three digits: settings that no camera tells apart are one trial.
        values = {n: round(v) if w else float(f"{v:.3g}") for n, v, w in zip(names, x, whole, strict=True)}
        return study.trial(case, changes, values)

    def loss(x: Any) -> Any:
        points = np.atleast_2d(np.asarray(x).T) if np.ndim(x) > 1 else np.atleast_2d(x)
        trials = [trial_of(p) for p in points]
        room = max(0, search.budget - len(seen))
        fresh = list({t.key: t for t in trials if t.key not in seen}.values())[:room]
        _run([(t, s) for t in fresh for s in range(1, study.seeds + 1)], results, n_jobs, progress, attempt)
        seen.update({t.key: t for t in fresh})
        losses = [_weighed(study, outcome(t, results, study.seeds)) if t.key in seen else 1e9 for t in trials]
        return np.array(losses) if np.ndim(x) > 1 else losses[0]

    size = max(5, min(15, search.budget // 4))
    differential_evolution(
        loss, bounds, integrality=whole, rng=search.seed, popsize=max(1, round(size / max(1, len(names)))),
        polish=False, maxiter=max(1, search.budget // size), vectorized=True, updating="deferred", tol=0.0,
        callback=lambda *_, **__: len(seen) >= search.budget,
    )  # fmt: skip
    return list(seen.values())


def _weighed(study: Study, found: Outcome) -> float:
    """Weighted sum of the objectives, all made to be small; a figure that is missing weighs a lot."""
    assert study.search is not None
    total = 0.0
    for name, direction in study.objectives.items():
        value, weight = found.value(name), study.search.weights.get(name, 1.0)
        total += 1e6 if value is None else weight * (-value if direction == "max" else value)
    return total
