"""A report as files: report.json, report.csv, index.html and what measurements bring along."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from lichtbild.core import OutputError
from lichtbild.lab.figure import COLUMNS
from lichtbild.lab.measurement import Measurement
from lichtbild.lab.page import page

VERSION = 1


def report_files(title: str, subtitle: str, measurements: Sequence[Measurement], lead: str = "") -> dict[str, bytes]:
    """{file name: content} of a report."""
    files = {
        "report.json": json.dumps(
            {
                "format": f"lichtbild report {VERSION}",
                "title": title,
                "measurements": [m.to_json() for m in measurements],
            },
            indent=2,
            ensure_ascii=False,
        ).encode(),
        "report.csv": _csv(measurements).encode(),
        "index.html": page(title, subtitle, measurements, lead).encode(),
    }
    for index, measurement in enumerate(measurements):
        for name, content in measurement.attachments.items():
            files[name if len(measurements) == 1 else f"{index + 1}_{name}"] = content
    return files


def write_report(folder: str | Path, files: dict[str, bytes], *, force: bool = False) -> list[Path]:
    """Write the files of a report.

    Raises
    ------
    OutputError
        If one is there already and `force` is not given, or the folder cannot be written.
    """
    folder = Path(folder)
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise OutputError(f"{', '.join(there)} is there already", where=folder, hint="--force, or another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, content in files.items():
            aside = folder / f".{name}.part"
            aside.write_bytes(content)
            written.append(aside.replace(folder / name))
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", where=folder) from error
    return written


def _csv(measurements: Sequence[Measurement]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["measurement", *COLUMNS])
    for measurement in measurements:
        for figure in measurement.figures:
            cells = [getattr(figure, column) for column in COLUMNS]
            writer.writerow([measurement.title, *("" if cell is None else cell for cell in cells)])
    return out.getvalue()
