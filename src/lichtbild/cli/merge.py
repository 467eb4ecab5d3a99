"""A burst to the merged negative: a DNG with less noise, for your raw developer.

The negative carries the noise profile it really has, the camera's colour and all corrections that were not applied yet.
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
    "lichtbild merge IMG_2041/ -o negative.dng",
    "lichtbild merge IMG_2041/ -o negative.dng --negative bayer",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lichtbild import api

    shots.add_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=".dng (default: the shot's name, .dng)")
    parser.add_argument(
        "--negative",
        choices=("linear", "bayer"),
        default="linear",
        help="three colours a pixel, or a mosaic for developers that want to demosaic themselves (default linear)",
    )
    flags.add_stage_flags(parser, api.MERGE_STAGES)


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.core.errors import UsageError
    from lichtbild.output.atomic import check_target

    params = flags.stage_values(arguments, api.MERGE_STAGES)
    if arguments.output and arguments.output.suffix.lower() != ".dng":
        raise UsageError(
            f"a negative is a .dng, not {arguments.output.suffix!r}", where="--output", hint="-o negative.dng"
        )
    burst = shots.read(arguments, console)
    target = arguments.output or Path(f"{burst.name}.dng")
    check_target(target, force=arguments.force)
    explain = shots.explain_folder(arguments)

    started_s = time.monotonic()
    console.start()
    frame = api.merge(burst, arguments.negative, params, progress=console.progress, explain=explain)
    api.save_negative(frame, target, force=arguments.force)
    console.wrote("negative", target)
    told = {line for source in burst.sources for line in source.info.reasons}
    for line in (line for line in frame.info.reasons if line not in told):
        console.warning(line)
    if explain:
        console.wrote(f"{explain.n_pictures} pictures that explain", explain.folder)
    console.event("done", seconds=round(time.monotonic() - started_s, 3), frames=len(burst))
    return DONE
