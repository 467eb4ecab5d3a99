"""All at once, with no picture at hand: simulate a hand-held 12 MP burst, develop it, show what the burst is worth.

Writes into one folder: raw frames (DNG), the photograph (JPEG), the merged negative (DNG), and before_after.png with
one frame beside the burst in the same rendering.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE
from lichtbild.cli.simulate import size

if TYPE_CHECKING:
    from lichtbild.core.frame import Burst

USAGE = "[-o DIR] [flags]"
EXAMPLES = ("lichtbild demo", "lichtbild demo -o /tmp/demo --iso 3200 --seed 3 --force")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="folder (default demo)")
    parser.add_argument("--frames", type=int, default=10, metavar="N", help="1 to 64 (default 10)")
    parser.add_argument(
        "--size", type=size, default=(3024, 4032), metavar="WxH", help="of a frame, px (default 4032x3024)"
    )
    parser.add_argument("--iso", type=float, default=1600.0, metavar="ISO", help="50 to 12800 (default 1600)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="noise, motion and scene follow from it")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.cli.before_after import save_before_after
    from lichtbild.output.atomic import check_target
    from lichtbild.simulate.shot import Shot, shoot
    from lichtbild.simulate.write import write_burst

    folder, force = arguments.output, arguments.force
    shot, picture, negative = folder / "shot", folder / "photo.jpg", folder / "negative.dng"
    single, sheet = folder / "one_frame.jpg", folder / "before_after.png"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (picture, negative, single, sheet):
        check_target(path, force=force)

    clock = _Clock(console)
    simulation = shoot("harbour", Shot(size=arguments.size, frames=arguments.frames, iso=arguments.iso,
                                       seed=arguments.seed))  # fmt: skip
    files = write_burst(shot, simulation, force=force, progress=console.progress)
    clock.lap(f"simulated {len(files)} raw frames of {arguments.size[1]} x {arguments.size[0]} px", shot)
    del simulation

    burst = api.read(files)
    photo = api.develop(burst, progress=console.progress)
    photo.save(picture, force=force)
    clock.lap(f"developed {len(burst)} frames to the photograph", picture)
    photo.save_negative(negative, force=force)
    clock.lap("wrote the merged negative", negative)

    one = api.develop(_reference_alone(burst, photo.report), progress=console.progress)
    one.save(single, force=force)
    clock.lap("developed its reference frame alone", single)
    labels = ("one frame", f"{len(burst)} frames")
    save_before_after(sheet, one.pixels, photo.pixels, labels, force=force)
    clock.lap("put one frame beside the burst", sheet)
    console.event("done", seconds=round(clock.total_s, 3), frames=len(burst))
    console.report(f"Look at {sheet}, then at {picture} in full size.", before_after=str(sheet), picture=str(picture))
    return DONE


def _reference_alone(burst: Burst, report: dict[str, Any]) -> Burst:
    import dataclasses

    chosen = report["reference"]["frame"]
    index = [source.info.name for source in burst.sources].index(chosen)
    return dataclasses.replace(burst, sources=(burst.sources[index],), reference=0)


class _Clock:
    """Tells how long each step took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started_s = self._lap_s = time.monotonic()
        console.start()

    @property
    def total_s(self) -> float:
        return time.monotonic() - self._started_s

    def lap(self, what: str, path: Path) -> None:
        now = time.monotonic()
        self._console.wrote(f"{now - self._lap_s:5.1f} s  {what}", path)
        self._lap_s = now
        self._console.start()
