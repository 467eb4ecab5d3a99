"""SHOT on the command line: a folder, files, or one file, to one burst. Never a silent guess."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lichtbild.cli.console import Console

if TYPE_CHECKING:
    from lichtbild.core.frame import Burst


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHOT and what chooses from it."""
    parser.add_argument(
        "shot", nargs="+", type=Path, metavar="SHOT", help="a folder, the files of one burst, or one file"
    )
    parser.add_argument(
        "--burst", metavar="NAME", help="which burst of a folder that holds several: its name or number"
    )
    parser.add_argument(
        "--reference",
        type=int,
        metavar="N",
        help="number of the frame whose moment is shown, from 0 (default automatic)",
    )


def read(arguments: argparse.Namespace, console: Console) -> Burst:
    """The burst that was asked for; what was assumed about it is told."""
    from lichtbild import api

    burst: Burst = api.read(arguments.shot, burst=arguments.burst, reference=arguments.reference)
    names = [source.info.name for source in burst.sources]
    console.event("burst", name=burst.name, frames=names, reasons=list(burst.reasons))
    if not console.as_json:
        frames = f"{len(burst)} frames" if len(burst) > 1 else "one frame"
        camera = burst.sources[0].info.camera.name
        console.note(f"{burst.name}: {frames}, {camera}")
    for reason in dict.fromkeys(line for source in burst.sources for line in source.info.reasons):
        console.note(reason)
    return burst
