"""The command `lichtbild`: one module a verb, each imported only when it is asked for.

A verb's module has a docstring for its help, `USAGE`, `EXAMPLES`, `add_arguments(parser)` and
`run(arguments, console) -> exit code`.
Exit codes: 0 done, 1 done in part, 2 wrong usage, 3 unreadable input or failed output, 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

VERBS = {
    "develop": "a burst, or a single frame, to the finished picture",
    "preview": "a small picture of a burst, soon, by the same steps",
    "merge": "a burst to the merged negative (DNG)",
    "inspect": "what files tell: levels, colour, noise, corrections; which bursts a folder holds",
    "look": "the looks: list, show, export as .cube or .dcp, fit from a picture before and after",
    "simulate": "a burst of raw frames with known truth",
    "recipe": "recipes and presets: show, compare, carry an older one over",
    "measure": "photographs of charts to measured quality, as figures and a page",
    "lens": "lens profiles: list, show, match to a picture, trace from a prescription",
    "compare": "pipelines side by side on the same shots, ours and others, with figures",
    "study": "cameras and recipes simulated, developed, measured: which settings no other beats",
    "demo": "simulate a 12 MP burst, develop it, show one frame beside the burst",
}


def verb_module(verb: str) -> ModuleType:
    """The module behind a verb."""
    return importlib.import_module(f"lichtbild.cli.{verb}")


def common_parser() -> argparse.ArgumentParser:
    """Options that every verb takes."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("for every verb")
    group.add_argument("--json", action="store_true", help="events on standard output, one JSON object a line")
    group.add_argument("--force", action="store_true", help="overwrite files that are there already")
    group.add_argument("--quiet", action="store_true", help="no progress, no messages but errors")
    group.add_argument("--debug", action="store_true", help="full traceback of an error")
    return parser


def build_parser(verbs: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser; only `verbs` get their own arguments (each costs the import of what its flags come from)."""
    from lichtbild import __version__

    parser = argparse.ArgumentParser(
        prog="lichtbild",
        description="From a burst of raw frames to the photograph that the light allowed.",
        epilog="lichtbild VERB --help tells about one verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lichtbild {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, help_line in VERBS.items():
        if verb not in verbs:
            subparsers.add_parser(verb, help=help_line, add_help=False)
            continue
        module = verb_module(verb)
        sub = subparsers.add_parser(
            verb,
            help=help_line,
            usage=f"lichtbild {verb} {module.USAGE}",
            description=module.__doc__,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common_parser()],
        )
        module.add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    # The only matrices here are small: a second thread of BLAS does nothing but wait. To be said before NumPy comes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbs = [word for word in arguments if word in VERBS][:1]
    parsed = build_parser(verbs).parse_args(arguments)

    from lichtbild.cli.console import Console
    from lichtbild.cli.guard import guarded

    console = Console(as_json=parsed.json, is_quiet=parsed.quiet)
    return guarded(lambda: verb_module(parsed.verb).run(parsed, console), console, is_debug=parsed.debug)


def command() -> NoReturn:
    """The command as a process of its own.

    It ends without taking the interpreter apart: a twentieth of the time of developing one frame went into giving back
    memory, object by object, that the system takes back at once.
    """
    code = main()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
