"""Simulate a burst of raw frames: scene, camera and hand make DNG files like those of a phone, and the truth.

The scene is one by name (harbour, backlit, stars, foliage, leaves; colorchecker, edges, siemens, wedge, hyperbolas,
text, flat), with options behind it ("edges:angle_deg=8,contrast=10"), or a picture of yours. The camera is the virtual
phone, or a body whose figures lie in `cameras/`. All that is random follows from the seed. Beside the frames stands
`truth/`: light without noise, motion of every row, masks, distances, point-spread functions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE

if TYPE_CHECKING:
    from lichtbild.simulate import Simulation

USAGE = "-o DIR [flags]"
EXAMPLES = (
    "lichtbild simulate -o shot/",
    "lichtbild simulate --camera p9 --scene backlit --frames 10 --iso 800 --motion hand -o shot/",
    "lichtbild simulate -o night/ --camera lumia1020 --scene stars --programme night --lux 2 --size 1600x1200",
    "lichtbild simulate -o pair/ --camera p9 --pair mono --scene colorchecker:light=A --size 1024x768",
    "lichtbild simulate -o mine/ --scene holiday.png --no-truth",
    "lichtbild simulate -o glass/ --lens triplet.zmx --size 2016x1512",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the DNG files")
    parser.add_argument("--camera", default="phone", metavar="NAME", help="phone, p9, lumia1020 ... (default phone)")
    parser.add_argument("--module", metavar="NAME", help="which lens of the camera (default the main one)")
    parser.add_argument("--pair", metavar="NAME", help="a second lens of the camera that takes the same moment")
    parser.add_argument("--scene", default="harbour", metavar="NAME", help="a scene by name, or a picture of yours")
    parser.add_argument("--frames", type=int, metavar="N", help="1 to 64 (default what the programme takes, 10)")
    parser.add_argument(
        "--size", type=size, metavar="WxH", help="of a frame, px: the middle of the sensor (default all of it)"
    )
    parser.add_argument("--shrink", type=float, default=1.0, metavar="X", help="pixels X times as large (default 1)")
    parser.add_argument("--iso", type=float, metavar="ISO", help="25 to 25600 (default by the light; phone 800)")
    parser.add_argument("--lux", type=float, default=1000.0, metavar="LX", help="on the scene (default 1000)")
    parser.add_argument("--motion", default="hand", metavar="NAME", help="hand, walking, tripod, still (default hand)")
    parser.add_argument(
        "--programme", default="constant", metavar="NAME", help="constant, underexposed, bracketed, night"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="noise, motion and scene follow from it")
    parser.add_argument(
        "--lens",
        type=Path,
        metavar="FILE",
        help="a lens prescription (.json, .zmx) instead of the phone's lens; the sensor fills its picture",
    )
    parser.add_argument(
        "--truth", action=argparse.BooleanOptionalAction, default=True, help="write truth/ beside the frames"
    )


def size(text: str) -> tuple[int, int]:
    """Rows and columns of "4032x3024"."""
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; such as 4032x3024") from None
    return height, width


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.simulate.shot import Shot, shoot, shoot_pair

    started_s = time.monotonic()
    console.start()
    shot = Shot(
        arguments.camera, arguments.module, arguments.size, arguments.shrink, arguments.frames, arguments.iso,
        arguments.lux, arguments.motion, arguments.programme, arguments.lens, arguments.seed,
    )  # fmt: skip
    if arguments.pair:
        names = (f"_{arguments.module or 'main'}", f"_{arguments.pair}")
        made = dict(zip(names, shoot_pair(arguments.scene, shot, arguments.pair), strict=True))
    else:
        made = {"": shoot(arguments.scene, shot)}
    paths: list[Path] = []
    for suffix, simulation in made.items():
        paths += _written(arguments, console, simulation, suffix)
    console.event(
        "done", seconds=round(time.monotonic() - started_s, 3), frames=len(paths), files=list(map(str, paths))
    )
    return DONE


def _written(arguments: argparse.Namespace, console: Console, simulation: Simulation, suffix: str) -> tuple[Path, ...]:
    from lichtbild.simulate.write import check_truth, write_burst, write_truth

    camera = simulation.camera
    height, width = simulation.shape
    console.note(
        f"{camera.model}: {width} x {height} px, {1000 * camera.time_s:.3g} ms at ISO {simulation.iso:.0f}, "
        f"white at {camera.white_at:.2f}, colours by {simulation.colour_path}"
    )
    if arguments.truth:
        check_truth(arguments.output, suffix=suffix, force=arguments.force)
    paths = write_burst(arguments.output, simulation, force=arguments.force, suffix=suffix, progress=console.progress)
    console.wrote(f"{len(paths)} raw frames", arguments.output)
    if arguments.truth:
        truth = write_truth(arguments.output, simulation, force=arguments.force, suffix=suffix,
                            progress=console.progress)  # fmt: skip
        console.wrote("truth", truth)
    return paths
