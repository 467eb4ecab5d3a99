"""What a measurement of files comes to: figures, findings, plots and crops; plain data that a report is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab.figure import Figure


@dataclass(frozen=True, eq=False)
class Crop:
    """A picture for the report: uint8 [h, w, 3], sRGB, with a line below it; `is_small` is shown at 100 %."""

    pixels: npt.NDArray[np.uint8]
    caption: str
    is_small: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """One chart in one file, or in files that belong together.

    Parameters
    ----------
    title
        File and chart, for people.
    chart
        The kind asked for.
    files
        Names of the files.
    figures
        What was measured, and what could not be.
    findings
        What is wrong with the picture or the setting, in sentences; the first thing a reader needs.
    plots
        SVG documents with a caption each.
    crops
        Pictures.
    tables
        {caption: rows of cells}, the first row being headings.
    attachments
        {file name: content} to lie beside the report, such as a camera profile.
    """

    title: str
    chart: str
    files: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    findings: tuple[str, ...] = ()
    plots: tuple[tuple[str, str], ...] = ()
    crops: tuple[Crop, ...] = ()
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Without pictures."""
        return {
            "title": self.title,
            "chart": self.chart,
            "files": list(self.files),
            "findings": list(self.findings),
            "figures": [figure.to_json() for figure in self.figures],
        }
