"""A hand-held burst of raw frames with known truth, as DNG files like those of a phone.

A scene is seen through a lens by a sensor in an unsteady hand. The same seed gives the same files.
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
    "lichtbild simulate -o night/ --iso 3200 --frames 15 --seed 7",
    "lichtbild simulate -o mine/ --scene holiday.png --truth truth.npz",
    "lichtbild simulate -o glass/ --lens triplet.zmx --size 2016x1512",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the DNG files")
    parser.add_argument("--frames", type=int, default=10, metavar="N", help="1 to 64 (default 10)")
    parser.add_argument(
        "--size", type=size, default=(3024, 4032), metavar="WxH", help="of a frame, px (default 4032x3024)"
    )
    parser.add_argument("--iso", type=float, default=800.0, metavar="ISO", help="50 to 12800 (default 800)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="noise, motion and scene follow from it")
    parser.add_argument("--scene", type=Path, metavar="FILE", help="a picture of yours instead of the made-up scene")
    parser.add_argument(
        "--lens",
        type=Path,
        metavar="FILE",
        help="a lens prescription (.json, .zmx) instead of the made-up lens; the sensor fills its picture",
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="write what no camera knows: .npz with light and motion"
    )


def size(text: str) -> tuple[int, int]:
    """Rows and columns of "4032x3024"."""
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; such as 4032x3024") from None
    return height, width


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.output.atomic import check_target
    from lichtbild.simulate import write_burst

    if not 50 <= arguments.iso <= 12800:
        raise UsageError(f"{arguments.iso:g} is out of bounds", where="--iso", hint="50 to 12800")
    if arguments.truth:
        check_target(arguments.truth, force=arguments.force)
    started_s = time.monotonic()
    console.start()
    simulation = simulated(
        arguments.size, arguments.frames, arguments.iso, arguments.seed, scene=arguments.scene, lens=arguments.lens
    )
    paths = write_burst(arguments.output, simulation, force=arguments.force, progress=console.progress)
    console.wrote(f"{len(paths)} raw frames", arguments.output)
    if arguments.truth:
        write_truth(arguments.truth, simulation, force=arguments.force)
        console.wrote("truth", arguments.truth)
    console.event(
        "done", seconds=round(time.monotonic() - started_s, 3), frames=len(paths), files=list(map(str, paths))
    )
    return DONE


def simulated(
    shape: tuple[int, int], n_frames: int, iso: float, seed: int, *, scene: Path | None = None, lens: Path | None = None
) -> Simulation:
    """A phone in an unsteady hand before a made-up scene, or before the picture `scene`; with the prescription
    `lens`."""
    from lichtbild.simulate import Simulation, from_picture, procedural_scene, virtual_phone, with_lens

    seen = procedural_scene(shape, seed=seed) if scene is None else from_picture(scene, shape)
    camera = virtual_phone()
    if lens is not None:
        camera = with_lens(camera, lens, shape)
    return Simulation(seen, camera, n_frames=n_frames, iso=iso, seed=seed, shape=shape)


def write_truth(path: Path, simulation: Simulation, *, force: bool) -> None:
    """Light (camera RGB of frame 0, no noise), motion, masks: one array a name."""
    import numpy as np

    from lichtbild.output.atomic import written_whole

    truth = simulation.truth()
    masks = {f"mask_{name}": mask for name, mask in truth.masks.items()}
    with written_whole(path, force=force) as file:
        np.savez(file, rgb=truth.rgb, affines=truth.affines, as_shot_neutral=np.array(truth.as_shot_neutral), **masks)
