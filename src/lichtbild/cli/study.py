"""A study: cameras and recipes are simulated, developed and measured, and the settings that none beats are shown.

FILE is a study (TOML): what is set, what varies, what is asked of the result; `--list` names the worked ones that come
with the package, which can be given by their name. Results are written one by one: a study that was stopped, or that
asks for more than before, runs what is missing only.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE, PARTIAL

USAGE = "FILE -o FOLDER [--jobs N]"
EXAMPLES = (
    "lichtbild study burst-against-aperture -o study/",
    "lichtbild study mine.toml -o study/ --jobs 4",
    "lichtbild study --list",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", nargs="?", metavar="FILE", help="a study (.toml), or the name of one of ours")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where results and the page go")
    parser.add_argument("--jobs", type=int, metavar="N", help="trials at a time (default: processors, at most 4)")
    parser.add_argument("--list", action="store_true", help="tell the studies that come with the package and leave")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.lab.report import write_report
    from lichtbild.runners.pareto import fronts, study_files
    from lichtbild.runners.run import Results, run_study
    from lichtbild.runners.study import read_study
    from lichtbild.runners.worked import study_path, worked_studies

    if arguments.list:
        ours = worked_studies()
        width = max(map(len, ours))
        console.report("\n".join(f"{n:<{width}}  {s.question}" for n, s in ours.items()), studies=list(ours))
        return DONE
    if arguments.study is None or arguments.output is None:
        raise UsageError("a study and a folder for its results are needed", hint="lichtbild study --list")
    n_jobs = arguments.jobs if arguments.jobs is not None else min(4, os.cpu_count() or 1)
    if not 1 <= n_jobs <= 64:
        raise UsageError(f"{n_jobs} at a time", where="--jobs", hint="1 to 64")
    study = read_study(study_path(arguments.study))
    results = Results(arguments.output / "results.jsonl")
    started_s = time.monotonic()
    console.start()
    outcomes = run_study(study, results, n_jobs, console.progress)
    # The page is of the results as they are now, whatever it was before.
    write_report(arguments.output, study_files(study, outcomes), force=True)
    console.wrote("study", arguments.output / "index.html")
    failed = [o for o in outcomes if o.error]
    for one in failed:
        console.warning(f"{one.trial.name}: {one.error}")
    lines = []
    for condition, group in fronts(study, outcomes).items():
        for one in group:
            figures = "; ".join(f"{n} {one.figures[n].text(3)}" for n in study.objectives)
            lines.append(f"{f'{condition}: ' if condition else ''}{one.trial.name}: {figures}")
    console.report("\n".join([f"{study.name}: {len(outcomes)} settings, not beaten:", *lines]), trials=len(outcomes),
                   front=lines, seconds=round(time.monotonic() - started_s, 1))  # fmt: skip
    return PARTIAL if failed else DONE
