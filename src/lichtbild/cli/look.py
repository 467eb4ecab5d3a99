"""Looks: which there are, what they do, how to take them elsewhere, how to make one from a picture before and after.

list               the looks that come along, a line each
show NAME          its numbers, as the TOML that makes it, and what was measured of it
export NAME        to -o FILE: .cube (its colours, 33 entries an axis), .dcp (a camera profile), .toml
fit BEFORE AFTER   the look that leads from one picture to the other, to -o FILE.toml
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lichtbild.cli.console import Console
from lichtbild.cli.guard import DONE, PARTIAL

if TYPE_CHECKING:
    from lichtbild.stages.look import Look

USAGE = "{list,show,export,fit} [NAME | BEFORE AFTER] [-o FILE] [flags]"
EXAMPLES = (
    "lichtbild look list",
    "lichtbild look show kontor",
    "lichtbild look export obsidian -o obsidian.cube",
    "lichtbild look export fjord -o fjord.dcp --camera IMG_2041.dng",
    "lichtbild look fit plain.jpg graded.jpg -o mine.toml",
    "lichtbild develop IMG_2041/ --look mine.toml",
)
ACTIONS = {"list": 0, "show": 1, "export": 1, "fit": 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=tuple(ACTIONS), help="what to do")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a look's name, several joined by +, or files")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=".cube, .dcp or .toml to be written")
    parser.add_argument("--size", type=int, default=33, metavar="N", help="entries an axis of a .cube (default 33)")
    parser.add_argument("--camera", type=Path, metavar="FILE", help="a raw file of the camera that a .dcp is for")


def run(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError

    wanted = ACTIONS[arguments.action]
    if len(arguments.names) != wanted:
        given = f"{len(arguments.names)} given, {wanted} expected"
        raise UsageError(f"look {arguments.action}: {given}", where="NAME", hint="lichtbild look --help")
    actions = {"list": _list, "show": _show, "export": _export, "fit": _fit}
    return actions[arguments.action](arguments, console)


def _list(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import looks

    for name in looks.names():
        look = looks.load(name)
        console.report(f"{name:<10} {look.intent}", name=name, intent=look.intent)
    return DONE


def _show(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import looks
    from lichtbild.looks.checks import all_checks
    from lichtbild.looks.write import toml_text
    from lichtbild.stages.look import to_document

    look = looks.load(arguments.names[0])
    checks = all_checks(look)
    lines = [f"# {look.name}", toml_text(look), "# measured through the renderer"]
    for check in checks:
        value = "-" if check.value is None else f"{check.value:.3g}"
        word = "" if check.value is None else ("met" if check.is_met else "MISSED")
        lines.append(f"#   {check.name:<20} {value:>9} {check.unit:<9} at most {check.limit:<5.3g} {word} {check.note}")
    console.report(
        "\n".join(line.rstrip() for line in lines),
        name=look.name,
        look=to_document(look),
        checks=[{"name": c.name, "value": c.value, "limit": c.limit, "unit": c.unit, "met": c.is_met} for c in checks],
    )
    return DONE if all(check.is_met for check in checks) else PARTIAL


def _export(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild import looks
    from lichtbild.core.errors import UsageError
    from lichtbild.output.atomic import check_target, write_whole

    if arguments.output is None:
        raise UsageError("where to?", where="--output", hint="-o FILE.cube")
    if not 2 <= arguments.size <= 129:
        raise UsageError(f"{arguments.size} is out of bounds", where="--size", hint="2 to 129")
    look = looks.load(arguments.names[0])
    check_target(arguments.output, force=arguments.force)
    write_whole(arguments.output, [_bytes(look, arguments)], force=arguments.force)
    console.wrote("look", arguments.output)
    for line in _left_out(look, arguments.output.suffix.lower()):
        console.warning(line)
    return DONE


def _bytes(look: Look, arguments: argparse.Namespace) -> bytes:
    from lichtbild.core.errors import UsageError
    from lichtbild.looks import cube_file, display, write

    suffix = arguments.output.suffix.lower()
    if suffix == ".cube":
        return cube_file.cube_text(display.table(look, arguments.size), f"lichtbild {look.name}").encode()
    if suffix == ".toml":
        return write.toml_text(look).encode()
    if suffix == ".dcp":
        if arguments.camera is None:
            raise UsageError("a .dcp is for one camera", where="--camera", hint="--camera IMG_2041.dng")
        from lichtbild import api
        from lichtbild.looks.dcp_export import profile_bytes

        camera: Any = api.read(arguments.camera).sources[0].info.camera
        return profile_bytes(look, camera)
    raise UsageError(f"{suffix or 'no suffix'}: no form of looks", where="--output", hint=".cube .dcp .toml")


def _left_out(look: Look, suffix: str) -> list[str]:
    """What depends on the place in the picture and is in no table of colours."""
    if suffix == ".toml":
        return []
    parts = {
        "grain": look.grain.rms > 0, "fall-off": look.vignette.corner_ev != 0,
        "halation": look.halation.strength > 0, "local contrast": look.tone.local_contrast != 0,
    }  # fmt: skip
    missing = [name for name, is_there in parts.items() if is_there]
    return [f"not in a {suffix}, since it depends on the place: {', '.join(missing)}"] if missing else []


def _fit(arguments: argparse.Namespace, console: Console) -> int:
    from lichtbild.core.errors import UsageError
    from lichtbild.looks.fit import fit
    from lichtbild.looks.pictures import reduced, srgb_codes
    from lichtbild.looks.write import toml_text
    from lichtbild.output.atomic import check_target, write_whole

    target = arguments.output or Path("fitted.toml")
    if target.suffix.lower() != ".toml":
        raise UsageError(f"{target.suffix or 'no suffix'}: a look is a .toml", where="--output", hint="-o mine.toml")
    check_target(target, force=arguments.force)
    before, after = (reduced(srgb_codes(path), 640) for path in arguments.names)
    found = fit(before, after, target.stem)
    write_whole(target, [toml_text(found.look).encode()], force=arguments.force)
    console.wrote("look", target)
    for line in found.notes:
        console.note(line)
    (m0, p0), (m1, p1) = found.before, found.after
    console.report(
        f"CIEDE2000 between the two: {m0:.2f} (95 % within {p0:.2f}); with the look {m1:.2f} ({p1:.2f})",
        before=found.before,
        after=found.after,
        look=str(target),
    )
    return DONE
