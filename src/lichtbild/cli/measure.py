"""Photographs of charts to measured quality: figures with their intervals, a page with plots, a camera's profile.

FILES are raws, DNG or developed pictures of one kind of chart. The report is a folder: index.html to look at,
report.json and report.csv to compute with. What cannot be measured is said, with the reason, and is never a number.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE, PARTIAL

USAGE = "--chart KIND FILE [FILE ...] -o FOLDER [--places FILE]"
EXAMPLES = (
    "lichtbild measure --chart colour passport.dng -o report/",
    "lichtbild measure --chart transfer dark_*.dng flat_*.dng -o report/",
    "lichtbild measure --chart tones wedge_*.dng --places wedge/truth.json -o report/",
    "lichtbild measure --print chart.pdf",
    "lichtbild measure --list",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="photographs of the chart")
    parser.add_argument("--chart", metavar="KIND", help="what they show; --list tells the kinds")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where the report goes")
    parser.add_argument(
        "--places", type=Path, metavar="FILE", help="JSON with what the chart is: patches, edges, stars"
    )
    parser.add_argument("--print", dest="printed", type=Path, metavar="FILE", help="write our chart: .pdf .svg .png")
    parser.add_argument("--list", action="store_true", help="tell the kinds of charts and leave")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UnreadableFile, UsageError
    from lichtbild.lab import kinds
    from lichtbild.lab.reading import open_for_lab
    from lichtbild.lab.report import report_files, write_report

    if arguments.list:
        width = max(map(len, kinds.KINDS))
        text = "\n".join(f"{name:<{width}}  {about}" for name, (_, about) in kinds.KINDS.items())
        console.report(text, kinds={name: about for name, (_, about) in kinds.KINDS.items()})
        return DONE
    if arguments.printed:
        return _print(arguments, console)
    if not arguments.chart:
        raise UsageError("which chart do the files show?", where="--chart", hint=", ".join(kinds.KINDS))
    if arguments.chart not in kinds.KINDS or not arguments.files:
        kinds.measure_files(arguments.chart, [])
    if arguments.output is None:
        raise UsageError("where does the report go?", where="--output", hint="-o report/")
    places = kinds.Places()
    if arguments.places:
        try:
            places = kinds.Places(json.loads(arguments.places.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise UnreadableFile(f"is no JSON: {error}", where=arguments.places) from error
    console.start()
    pictures = [open_for_lab(path) for path in arguments.files]
    measured = kinds.measure_files(arguments.chart, pictures, places, console.progress)
    now = datetime.datetime.now(datetime.UTC).date().isoformat()
    files = report_files("Measured quality", f"lichtbild measure --chart {arguments.chart}, {now}", measured)
    for path in write_report(arguments.output, files, force=arguments.force):
        if path.suffix in (".html", ".toml", ".dcp"):
            console.wrote("report" if path.suffix == ".html" else "profile", path)
    for one in measured:
        for line in one.findings:
            console.warning(f"{one.title}: {line}")
        lines = [f"{figure.name:<34} {figure.text()}" for figure in one.figures]
        console.report("\n".join([one.title, *lines]), **one.to_json())
    return DONE if any(f.is_measured for one in measured for f in one.figures) else PARTIAL


def _print(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.lab.sheet import sheet_pdf, sheet_png, sheet_svg
    from lichtbild.output.atomic import write_whole

    makers = {".pdf": sheet_pdf, ".svg": lambda: sheet_svg().encode(), ".png": sheet_png}
    suffix = arguments.printed.suffix.lower()
    if suffix not in makers:
        raise UsageError(f"{suffix or 'no suffix'}: no format of a chart", where="--print", hint=" ".join(makers))
    write_whole(arguments.printed, [makers[suffix]()], force=arguments.force)
    console.wrote("chart, A4 landscape: print at 100 %, or show it on a screen", arguments.printed)
    return DONE
