"""Pipelines side by side on the same shots: pictures, crops at 100 %, figures, and with a chart a score sheet each.

PIPELINE is lichtbild, lichtbild:best, libraw, rawtherapee, darktable (where installed), or NAME=FOLDER with pictures
that are there already. Each works by its own defaults. `--shot` is given once a shot: a file, or a folder with a burst,
of which programs that take no bursts get the first frame.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE, PARTIAL

USAGE = "PIPELINE [PIPELINE ...] --shot FILE|FOLDER [--shot ...] -o FOLDER [--chart KIND] [--truth FILE]"
EXAMPLES = (
    "lichtbild compare lichtbild libraw darktable --shot IMG_2041.dng -o report/",
    "lichtbild compare lichtbild libraw --shot passport.dng --chart colour -o report/",
    "lichtbild compare lichtbild phone=jpegs/ --shot IMG_2041.dng -o report/",
    "lichtbild compare --list",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="what develops the shots")
    parser.add_argument("--shot", action="append", default=[], type=Path, metavar="PATH", help="a file, or a folder")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where the report goes")
    parser.add_argument("--chart", metavar="KIND", help="what the shots show, to be measured")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="what the shots were: a picture, or rgb.npy of simulate"
    )
    parser.add_argument("--list", action="store_true", help="tell the pipelines that are installed and leave")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.lab.report import report_files, write_report
    from lichtbild.runners.compare import compare_shot
    from lichtbild.runners.developers import developer, installed

    if arguments.list:
        names = installed()
        console.report("\n".join(names), pipelines=list(names))
        return DONE
    if not arguments.pipelines or not arguments.shot or arguments.output is None:
        raise UsageError("pipelines, a shot and a folder are needed",
                         hint="lichtbild compare lichtbild libraw --shot IMG.dng -o report/")  # fmt: skip
    developers = [developer(word) for word in dict.fromkeys(arguments.pipelines)]
    truth = _truth(arguments.truth) if arguments.truth else None
    shots = [_files(path) for path in arguments.shot]
    console.start()
    compared = [compare_shot(shot, developers, arguments.chart, truth, console.progress) for shot in shots]
    subtitle = f"{', '.join(d.name for d in developers)}; {datetime.datetime.now(datetime.UTC).date().isoformat()}"
    lead = "".join(c.lead for c in compared)
    files = report_files("Pipelines side by side", subtitle, [c.measurement for c in compared], lead)
    write_report(arguments.output, files, force=arguments.force)
    console.wrote("report", arguments.output / "index.html")
    for one in compared:
        for line in one.measurement.findings:
            console.warning(line)
        told = [f"{f.name:<44} {f.text(3)}" for f in one.measurement.figures]
        console.report("\n".join([one.measurement.title, *told]), **one.measurement.to_json())
    return PARTIAL if any(m.error for c in compared for m in c.made) else DONE


def _files(path: Path) -> list[Path]:
    from lichtbild import capture
    from lichtbild.core.errors import UnreadableFile

    if not path.exists():
        raise UnreadableFile("there is no such file", where=path, hint="check the path")
    if path.is_file():
        return [path]
    return [Path(s.info.path) for s in capture.read(path).sources if s.info.path is not None]


def _truth(path: Path):  # type: ignore[no-untyped-def]
    """Linear sRGB [H, W, 3] of a picture, or of what `simulate` wrote."""
    import numpy as np

    from lichtbild import capture
    from lichtbild.core.errors import UnreadableFile

    if path.suffix.lower() == ".npy":
        try:
            return np.load(path)
        except (OSError, ValueError) as error:
            raise UnreadableFile(f"is no array: {error}", where=path) from error
    return capture.open_picture(path).read()
