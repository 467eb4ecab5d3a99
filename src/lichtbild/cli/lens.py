"""Lens profiles: which are known, what they say, which one a picture gets and why, and new ones.

  list                     profiles in your folders
  show PROFILE             what one says
  match PICTURE            which one a picture gets, and why the others do not
  trace PRESCRIPTION       a profile from a lens prescription (.json, .zmx), for a sensor of --size pixels

A profile in one of the folders is taken by itself for pictures whose EXIF names its lens or camera. Folders: those in
LICHTBILD_LENSES, and your own, which `list` names.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE
from lichtbild.cli.simulate import size

if TYPE_CHECKING:
    from lichtbild.optics.profile import LensProfile

USAGE = "{list,show,match,trace} [FILE] [-o lens.toml] [flags]"
EXAMPLES = (
    "lichtbild lens list",
    "lichtbild lens show wide.toml",
    "lichtbild lens match IMG_2041.dng",
    'lichtbild lens trace wide.json --size 4032x3024 --lens-model "Wide 27 mm f/2.2" -o wide.toml',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "show", "match", "trace"), metavar="ACTION")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="what the action is about")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where a new profile goes (.toml)")
    parser.add_argument("--size", type=size, metavar="WxH", help="pixels of the sensor's picture, e.g. 4032x3024")
    parser.add_argument(
        "--pixel-um", type=float, metavar="UM", help="pitch of the pixels (default: the lens's picture is filled)"
    )
    parser.add_argument("--camera-model", action="append", default=[], metavar="NAME", help="EXIF model it belongs to")
    parser.add_argument("--lens-model", action="append", default=[], metavar="NAME", help="EXIF lens it belongs to")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError

    if arguments.action != "list" and arguments.file is None:
        raise UsageError(f"{arguments.action} what?", where="FILE", hint=f"lichtbild lens {arguments.action} FILE")
    actions: dict[str, Callable[[argparse.Namespace, Console], None]] = {
        "list": _list, "show": _show, "match": _match, "trace": _trace,
    }  # fmt: skip
    actions[arguments.action](arguments, console)
    return DONE


def _list(arguments: argparse.Namespace, console: Console) -> None:
    from lichtbild.core.errors import LichtbildError
    from lichtbild.optics.profile_file import profile_folders, profiles

    found = []
    for path, profile in profiles():
        if isinstance(profile, LichtbildError):
            console.warning(str(profile))
        else:
            found.append((path, profile))
    lines = [f"{path}: {profile.name}, {', '.join(_known(profile)) or 'nothing'}" for path, profile in found]
    folders = [str(folder) for folder in profile_folders()]
    lines.append(f"{len(found)} profiles in {', '.join(folders)}")
    console.report(
        "\n".join(lines), folders=folders, profiles=[{"path": str(p), **facts_of(profile)} for p, profile in found]
    )


def _show(arguments: argparse.Namespace, console: Console) -> None:
    from lichtbild.cli.inspect import as_text
    from lichtbild.optics.profile_file import read_profile

    facts = facts_of(read_profile(arguments.file))
    console.report(as_text(facts, title=str(arguments.file)), path=str(arguments.file), facts=facts)


def _match(arguments: argparse.Namespace, console: Console) -> None:
    from lichtbild import capture
    from lichtbild.optics.profile import LensProfile
    from lichtbild.optics.profile_file import match_profile, profiles

    info = capture.read(arguments.file).sources[0].info
    best = match_profile(info)
    lines, told = [], []
    for path, profile in profiles():
        if not isinstance(profile, LensProfile):
            reasons = (str(profile),)
        elif best is not None and path == best.path:
            continue
        else:
            reasons = profile.objections(info) or ("fewer names agree",)
        lines.append(f"  not {path}: {'; '.join(reasons)}")
        told.append({"path": str(path), "reasons": list(reasons)})
    seen = f"{info.camera.name}, {info.camera.lens or 'lens not named'}, {info.shape[1]} x {info.shape[0]}"
    first = f"{arguments.file} ({seen}): "
    first += "no profile" if best is None else f"{best.path}, because of {', '.join(best.grounds)}"
    console.report(
        "\n".join([first, *lines]),
        picture=str(arguments.file),
        profile=None if best is None else str(best.path),
        grounds=[] if best is None else list(best.grounds),
        others=told,
    )


def _trace(arguments: argparse.Namespace, console: Console) -> None:
    from lichtbild.core.errors import UsageError
    from lichtbild.core.progress import ProgressEvent
    from lichtbild.optics.lens_file import read_lens
    from lichtbild.optics.profile_file import profile_text
    from lichtbild.optics.profile_traced import traced_profile
    from lichtbild.output.atomic import check_target, write_whole

    if arguments.size is None:
        raise UsageError("of how many pixels?", where="--size", hint="--size 4032x3024")
    if arguments.pixel_um is not None and not 0.1 <= arguments.pixel_um <= 100:
        raise UsageError(f"pixels of {arguments.pixel_um:g} um", where="--pixel-um", hint="0.1 to 100")
    shape: tuple[int, int] = arguments.size
    target = arguments.output or arguments.file.with_suffix(".toml")
    check_target(target, force=arguments.force)
    lens = read_lens(arguments.file)
    console.progress(ProgressEvent("trace", 0.0, 1.0, lens.name))
    pixel_mm = None if arguments.pixel_um is None else arguments.pixel_um / 1000
    profile = dataclasses.replace(
        traced_profile(lens, shape, pixel_mm),
        camera_models=tuple(arguments.camera_model),
        lens_models=tuple(arguments.lens_model),
    )
    write_whole(target, [profile_text(profile).encode()], force=arguments.force)
    console.wrote("lens profile", target)


def _known(profile: LensProfile) -> list[str]:
    names = {"distortion": "distortion", "shading": "shading", "transfer": "sharpness"}
    return [word for field, word in names.items() if getattr(profile, field) is not None]


def facts_of(profile: LensProfile) -> dict[str, Any]:
    """What a profile says, as plain data in a photographer's words."""
    import numpy as np

    from lichtbild.lab.sfr_figures import falling

    facts: dict[str, Any] = {
        "name": profile.name,
        "source": profile.source,
        "cameras": list(profile.camera_models),
        "lenses": list(profile.lens_models),
        "focal_length_mm": profile.focal_length_mm,
        "f_number": profile.f_number,
        "width_px": profile.shape[1],
        "height_px": profile.shape[0],
    }
    half = 0.5 * float(np.hypot(*profile.shape))
    if profile.distortion is not None:
        corner = [float(sum(terms)) for terms in profile.distortion]
        middle = [terms[0] for terms in profile.distortion]
        facts["distortion_at_corner_percent"] = 100 * (corner[1] / middle[1] - 1)
        facts["lateral_colour_at_corner_px"] = [half * (corner[c] - corner[1]) for c in (0, 2)]
    if profile.shading is not None:
        facts["light_at_corner"] = [float(v) for v in profile.shading.light[:, -1]]
    if profile.transfer is not None:
        t = profile.transfer
        for name, place in (("middle", 0), ("corner", -1)):
            for direction, k in (("radial", 0), ("tangential", -1)):
                found = [falling(t.frequencies_px, np.abs(t.transfer[place, c, k]), 0.5) for c in range(t.n_colours)]
                # A lens that leaves more than a half of all that is told: its end.
                facts[f"mtf50_{name}_{direction}_cycles_px"] = [f or float(t.frequencies_px[-1]) for f in found]
    return facts
