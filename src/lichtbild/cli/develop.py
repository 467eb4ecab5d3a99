"""A burst, or a single frame, to the finished picture.

SHOT is a folder, the files of one burst, or one file. Nothing is overwritten without --force, and a file appears only
when it is complete.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from lichtbild.cli import flags, shots
from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE

USAGE = "SHOT [SHOT ...] [-o FILE] [flags]"
EXAMPLES = (
    "lichtbild develop IMG_2041/ -o photo.jpg",
    "lichtbild develop IMG_2041_*.dng -o photo.jpg --negative linear",
    "lichtbild develop IMG_2041/ --explain why/",
    "lichtbild develop IMG_2041/ -o photo.jpg --quality best",
    "lichtbild develop night/ --burst 2 --json | jq -r .event",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lichtbild import api

    shots.add_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=".jpg .tif .png (default: the shot's name, .jpg)"
    )
    parser.add_argument("--space", choices=("srgb", "p3"), default="srgb", help="colours of the picture (default srgb)")
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), help="of the picture's channels (default 16 for .tif, else 8)"
    )
    parser.add_argument(
        "--quality",
        choices=("default", "best"),
        default="default",
        help="best: explain all frames by one picture, three times the work (same as --reconstruct-joint)",
    )
    parser.add_argument(
        "--scale", type=int, choices=(1, 2), default=1, help="2: twice the pixels along each axis (implies best)"
    )
    parser.add_argument("--jpeg-quality", type=int, default=95, metavar="N", help="1 to 100 (default 95)")
    parser.add_argument(
        "--negative", choices=("linear", "bayer"), help="write the merged negative beside the picture too, as DNG"
    )
    flags.add_stage_flags(parser, api.STAGES)


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.core.errors import UsageError
    from lichtbild.output.atomic import check_target
    from lichtbild.output.photo import SUFFIXES

    params = flags.stage_values(arguments, api.STAGES)
    if arguments.quality == "best":
        params.setdefault("reconstruct", {})["joint"] = True
    if arguments.scale > 1:
        params.setdefault("reconstruct", {})["scale"] = arguments.scale
    if not 1 <= arguments.jpeg_quality <= 100:
        raise UsageError(f"{arguments.jpeg_quality} is out of bounds", where="--jpeg-quality", hint="1 to 100")
    if arguments.output and arguments.output.suffix.lower() not in SUFFIXES:
        suffix = arguments.output.suffix or "no suffix"
        raise UsageError(f"{suffix}: no format that is written", where="--output", hint=" ".join(SUFFIXES))
    burst = shots.read(arguments, console)
    picture = arguments.output or Path(f"{burst.name}.jpg")
    negative = picture.with_suffix(".dng") if arguments.negative else None
    # Seconds of work are not to be lost on a file that cannot be written.
    for path in filter(None, (picture, negative)):
        check_target(path, force=arguments.force)
    explain = shots.explain_folder(arguments)

    started_s = time.monotonic()
    console.start()
    bits = arguments.bits or (16 if picture.suffix.lower().startswith(".tif") else 8)
    photo = api.develop(burst, params, progress=console.progress, space=arguments.space, bits=bits, explain=explain)
    photo.save(picture, force=arguments.force, quality=arguments.jpeg_quality)
    console.wrote("picture", picture)
    for line in photo.notes:
        console.warning(line)
    if negative and negative != picture:
        photo.save_negative(negative, kind=arguments.negative, force=arguments.force)
        console.wrote("negative", negative)
    if explain:
        console.wrote(f"{explain.n_pictures} pictures that explain", explain.folder)
    console.event("done", seconds=round(time.monotonic() - started_s, 3), frames=len(burst), report=photo.report)
    return DONE
