"""A small picture of a burst or a single frame, soon: what `develop` would make, at 2 MP.

The frames lose pixels before anything else is done with them; then the same steps make the picture: aligned, merged and
developed with the same look.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from lichtbild.cli import flags, shots
from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE
from lichtbild.cli.targets import SPACES

USAGE = "SHOT [SHOT ...] [-o FILE] [flags]"
EXAMPLES = (
    "lichtbild preview IMG_2041/ -o preview.jpg",
    "lichtbild preview IMG_2041/ -o small.jpg --megapixels 0.5 --tone-exposure-ev 1",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from lichtbild import api

    shots.add_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=".jpg .avif .heic .jxl .tif .png (default: NAME-preview.jpg)",
    )
    parser.add_argument("--megapixels", type=float, default=2.0, metavar="MP", help="size of the picture (default 2)")
    parser.add_argument("--space", choices=SPACES, default="srgb", help="colours of the picture (default srgb)")
    parser.add_argument("--jpeg-quality", type=int, default=90, metavar="N", help="1 to 100 (default 90)")
    flags.add_stage_flags(parser, {name: cls for name, cls in api.STAGES.items() if name not in LEFT_OUT})


# The size has its own flag, and quality best is for pictures that one waits for.
LEFT_OUT = ("reduce", "reconstruct")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import api
    from lichtbild.core.errors import UsageError
    from lichtbild.output.atomic import check_target
    from lichtbild.output.target import SUFFIXES

    params = flags.stage_values(arguments, api.STAGES)
    if not arguments.megapixels > 0:
        raise UsageError(f"{arguments.megapixels:g} is no size", where="--megapixels", hint="2")
    if not 1 <= arguments.jpeg_quality <= 100:
        raise UsageError(f"{arguments.jpeg_quality} is out of bounds", where="--jpeg-quality", hint="1 to 100")
    suffixes = [suffix for suffix in SUFFIXES if suffix not in (".dng", ".exr")]
    if arguments.output and arguments.output.suffix.lower() not in suffixes:
        suffix = arguments.output.suffix or "no suffix"
        raise UsageError(f"{suffix}: no format of previews", where="--output", hint=" ".join(suffixes))
    burst = shots.read(arguments, console)
    target = arguments.output or Path(f"{burst.name}-preview.jpg")
    check_target(target, force=arguments.force)
    explain = shots.explain_folder(arguments)

    started_s = time.monotonic()
    console.start()
    photo = api.preview(
        burst, arguments.megapixels, params, progress=console.progress, space=arguments.space, explain=explain
    )
    photo.save(target, force=arguments.force, quality=arguments.jpeg_quality)
    console.wrote("preview", target)
    if explain:
        console.wrote(f"{explain.n_pictures} pictures that explain", explain.folder)
    for line in photo.notes:
        console.warning(line)
    console.event("done", seconds=round(time.monotonic() - started_s, 3), frames=len(burst), report=photo.report)
    return DONE
