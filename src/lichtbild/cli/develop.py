"""A burst, or a single frame, to the finished picture.

SHOT is a folder, the files of one burst, or one file. Nothing is overwritten without --force, and a file appears only
when it is complete.
"""

from __future__ import annotations

import argparse
import time

from lichtbild.cli import flags, recipes, shots, targets
from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE

USAGE = "SHOT [SHOT ...] [-o FILE] [flags]"
EXAMPLES = (
    "lichtbild develop IMG_2041/ -o photo.jpg",
    "lichtbild develop IMG_2041/ -o share.jpg,longest=2048,kbytes=400 -o full.avif --hdr",
    "lichtbild develop IMG_2041/ -o photo.jpg --recipe soft.toml --sidecar",
    "lichtbild develop IMG_2041_*.dng -o photo.jpg --negative linear",
    "lichtbild develop IMG_2041/ --explain why/",
    "lichtbild develop IMG_2041/ -o photo.jpg --quality best",
    "lichtbild develop night/ --burst 2 --json | jq -r .event",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lichtbild import api

    shots.add_arguments(parser)
    targets.add_arguments(parser)
    recipes.add_arguments(parser)
    parser.add_argument(
        "--quality",
        choices=("default", "best"),
        default="default",
        help="best: explain all frames by one picture, three times the work (same as --reconstruct-joint)",
    )
    parser.add_argument(
        "--scale", type=int, choices=(1, 2), default=1, help="2: twice the pixels along each axis (implies best)"
    )
    parser.add_argument(
        "--negative",
        choices=("linear", "bayer", "half"),
        help="write the merged negative beside it too, as DNG",
    )
    flags.add_stage_flags(parser, api.STAGES)


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.output.atomic import check_target

    params = flags.stage_values(arguments, api.STAGES)
    if arguments.quality == "best":
        params.setdefault("reconstruct", {})["joint"] = True
    if arguments.scale > 1:
        params.setdefault("reconstruct", {})["scale"] = arguments.scale
    targets.chosen(arguments, "photo")  # what is wrong is told before frames are read
    credentials = targets.credentials(arguments)
    burst = shots.read(arguments, console)
    files = targets.chosen(arguments, burst.name)
    negative = files[0].path.with_suffix(".dng") if arguments.negative else None
    if negative in [file.path for file in files]:
        negative = None
    # Seconds of work are not to be lost on a file that cannot be written.
    for path in (*(file.path for file in files), *filter(None, [negative])):
        check_target(path, force=arguments.force)
    burst, params = recipes.followed(arguments, burst, params, console)
    explain = shots.explain_folder(arguments)

    started_s = time.monotonic()
    console.start()
    photo = api.develop(
        burst, params, progress=console.progress, space=arguments.space, bits=targets.bits_of(files, arguments.bits),
        headroom_ev=targets.headroom_ev(files, arguments.hdr), scene=any(file.format == "exr" for file in files),
        explain=explain,
    )  # fmt: skip
    for file in files:
        photo.save(file, force=arguments.force, credentials=None if file.format == "exr" else credentials)
        console.wrote("negative" if file.format == "dng" else "picture", file.path)
    for line in photo.notes:
        console.warning(line)
    if negative:
        photo.save_negative(negative, kind=arguments.negative, credentials=credentials, force=arguments.force)
        console.wrote("negative", negative)
    recipes.write(arguments, burst, photo.report, console)
    if explain:
        console.wrote(f"{explain.n_pictures} pictures that explain", explain.folder)
    console.event("done", seconds=round(time.monotonic() - started_s, 3), frames=len(burst), report=photo.report)
    return DONE
