"""-o on the command line: several files of one development, each with its own size and coding."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lichtbild.output.credentials import Credentials
    from lichtbild.output.target import Target

SPACES = ("srgb", "p3", "rec2020", "prophoto")
HEADROOM_EV = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is written, and how."""
    parser.add_argument(
        "-o", "--output", action="append", metavar="FILE[,OPTION=...]",
        help=".jpg .avif .heic .jxl .tif .png .exr .dng; several times for several files. Options: longest, quality, "
        "kbytes, difference, coder, subsampling, speed, effort, bits, hdr, form, compression (default: NAME.jpg)",
    )  # fmt: skip
    parser.add_argument("--space", choices=SPACES, default="srgb", help="colours of the picture (default srgb)")
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), help="of the picture's channels (default 16 for .tif, else 8)"
    )
    parser.add_argument("--jpeg-quality", type=int, default=95, metavar="N", help="1 to 100 (default 95)")
    parser.add_argument(
        "--hdr", type=float, nargs="?", const=HEADROOM_EV, metavar="EV",
        help=f"with a gain map for displays of EV stops above white (0.5 to 6; without a number {HEADROOM_EV:g})",
    )  # fmt: skip
    parser.add_argument(
        "--sign", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"),
        help="content credentials (C2PA), signed with these PEM files",
    )  # fmt: skip
    parser.add_argument("--sign-with", default="es256", metavar="ALGORITHM", help="of the key (default es256)")


def chosen(arguments: argparse.Namespace, name: str) -> list[Target]:
    """The files asked for, checked; `name`.jpg where none is.

    Raises
    ------
    UsageError
        If a format or option is wrong, or two files are one.
    """
    from lichtbild.core.errors import UsageError
    from lichtbild.output.target import Target, parse_target

    if not 1 <= arguments.jpeg_quality <= 100:
        raise UsageError(f"{arguments.jpeg_quality} is out of bounds", where="--jpeg-quality", hint="1 to 100")
    if arguments.hdr is not None and not 0.5 <= arguments.hdr <= 6:
        raise UsageError(f"{arguments.hdr:g} is out of bounds", where="--hdr", hint="0.5 to 6 EV")
    targets = [parse_target(text) for text in arguments.output or ()] or [Target(Path(f"{name}.jpg"))]
    paths = [target.path.absolute() for target in targets]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError("named twice", where=path, hint="another name")
    return [_completed(target, arguments) for target in targets]


def _completed(target: Target, arguments: argparse.Namespace) -> Target:
    """With what flags say for all files of a format."""
    given = {}
    if target.format == "jpeg" and not target.options.keys() & {"kbytes", "difference"}:
        given["quality"] = arguments.jpeg_quality
    if target.format in ("tiff", "png") and arguments.bits:
        given["bits"] = arguments.bits
    return dataclasses.replace(target, options=given | target.options)


def bits_of(targets: Sequence[Target], asked: int | None) -> int:
    """16 where a file has more than 8 bits, so that the picture is rendered once for all of them."""
    if asked:
        return asked
    usual = {"tiff": 16, "jxl": 16, "avif": 10, "heic": 10}
    return 16 if any(t.options.get("bits", usual.get(t.format, 8)) > 8 for t in targets) else 8


def headroom_ev(targets: Sequence[Target], asked: float | None) -> float:
    """Stops above white of the HDR picture; 0 where nobody asks for one."""
    if asked is not None:
        return asked
    return HEADROOM_EV if any(t.options.get("hdr", "none") != "none" for t in targets) else 0.0


def credentials(arguments: argparse.Namespace) -> Credentials | None:
    """What to sign with, checked before any work."""
    if arguments.sign is None:
        return None
    from lichtbild.output.credentials import Credentials, check

    made = Credentials(*arguments.sign, arguments.sign_with)
    check(made)
    return made
