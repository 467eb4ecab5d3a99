"""SHOT on the command line: a folder, files, or one file, to one burst. Never a silent guess."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from lichtbild.cli.console import Console

if TYPE_CHECKING:
    from lichtbild.core.frame import Burst
    from lichtbild.output.explain import ExplainFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHOT and what chooses from it."""
    parser.add_argument("shot", nargs="+", type=Path, metavar="SHOT", help="a folder, a burst's files, or one file")
    parser.add_argument("--burst", metavar="NAME", help="which shot of a folder with several: its name or number")
    parser.add_argument(
        "--reference", type=int, metavar="N", help="frame whose moment is shown, counted from 1 (default automatic)"
    )
    parser.add_argument(
        "--gyro", type=Path, metavar="FILE",
        help="the gyroscope's log of a burst, .gcsv or OpenCamera-Sensors CSV (default: one of the shot's name)",
    )  # fmt: skip
    parser.add_argument(
        "--lens-profile", metavar="FILE",
        help="a lens profile (.toml) or prescription (.json, .zmx), or none (default: a profile of the user's folders "
        "that names this lens, see lichtbild lens)",
    )  # fmt: skip
    parser.add_argument(
        "--explain", type=Path, metavar="DIR",
        help="write pictures of what was found and done into DIR: motion, confidence, what was left out, noise",
    )  # fmt: skip


def explain_folder(arguments: argparse.Namespace) -> ExplainFolder | None:
    """Where to explain, checked before any work; None where nobody asked."""
    from lichtbild.output.explain import ExplainFolder

    return ExplainFolder(arguments.explain, force=arguments.force) if arguments.explain else None


def read(arguments: argparse.Namespace, console: Console) -> Burst:
    """The burst that was asked for; what was assumed about it is told.

    Raises
    ------
    UsageError
        If `--burst` names none of the folder's shots, or `--reference` none of the frames.
    """
    from lichtbild import api
    from lichtbild.core.errors import UsageError

    paths = arguments.shot
    if arguments.burst is not None:
        paths = _chosen(paths, arguments.burst)
    burst: Burst = api.read(paths[0] if len(paths) == 1 else paths, arguments.gyro, arguments.lens_profile)
    if arguments.reference is not None:
        if not 1 <= arguments.reference <= len(burst):
            raise UsageError(f"there is no frame {arguments.reference}", where="--reference", hint=f"1 to {len(burst)}")
        burst = dataclasses.replace(burst, reference=arguments.reference - 1)

    names = [source.info.name for source in burst.sources]
    assumed = list(dict.fromkeys(line for source in burst.sources for line in source.info.reasons))
    console.event("burst", name=burst.name, frames=names, reasons=list(burst.reasons), assumed=assumed)
    if not console.as_json:
        frames = f"{len(burst)} frames" if len(burst) > 1 else "one frame"
        console.note(f"{burst.name}: {frames}, {burst.sources[0].info.camera.name}")
        for line in assumed:
            console.note(f"  {line}")
    return burst


def _chosen(paths: list[Path], name: str) -> list[Path]:
    """The files of the shot called `name`, or numbered so in the proposal."""
    from lichtbild.capture import find_bursts
    from lichtbild.core.errors import UsageError

    if len(paths) != 1 or not paths[0].is_dir():
        raise UsageError("chooses from one folder", where="--burst", hint="lichtbild develop FOLDER --burst NAME")
    proposals = find_bursts(paths[0])
    by_name = {proposal.name: proposal for proposal in proposals}
    by_number = {str(number): proposal for number, proposal in enumerate(proposals, 1)}
    proposal = by_name.get(name) or by_number.get(name)
    if proposal is None:
        known = ", ".join(f"{number} {p.name}" for number, p in by_number.items())
        raise UsageError(f"no shot {name!r} in {paths[0]}", where="--burst", hint=known or "lichtbild inspect FOLDER")
    return list(proposal.members)
