"""Every way a verb can end badly becomes one message and an exit code; nobody sees a traceback unless they ask."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from lichtbild.cli.console import Console
from lichtbild.core.errors import LichtbildError

DONE, PARTIAL, USAGE, FAILED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143

_ADVICE = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "your quota is used up: free some space, or write to another disk",
    errno.EACCES: "check the permissions of the file and of its folder",
    errno.EPERM: "check the permissions of the file and of its folder",
    errno.EROFS: "this disk is read-only: write to another one",
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EMFILE: "too many files are open: close other programs",
}


class _Terminated(BaseException):
    """Raised by SIGTERM, so that half-written files are removed on the way out as with Ctrl-C."""


def guarded(verb: Callable[[], int], console: Console, *, is_debug: bool = False) -> int:
    """Run `verb`; gives its exit code, or that of its failure once the user was told.

    Parameters
    ----------
    is_debug
        Show the traceback as well.
    """
    _quiet_libraries(is_debug)
    previous = _catch_termination()
    try:
        return verb()
    except KeyboardInterrupt:
        console.error("interrupted; nothing half-written was left behind", message="interrupted", exit_code=INTERRUPTED)
        return INTERRUPTED
    except _Terminated:
        console.error("terminated; nothing half-written was left behind", message="terminated", exit_code=TERMINATED)
        return TERMINATED
    except BrokenPipeError:
        # The reader of standard output went away (`| head`): end quietly, and keep the interpreter from flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if is_debug:
            traceback.print_exc(file=console.err)
        return _told(error, console)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _told(error: Exception, console: Console) -> int:
    if isinstance(error, LichtbildError):
        hint = f"\n  try: {error.hint}" if error.hint else ""
        where = f"{error.where}: " if error.where else ""
        code = error.exit_code
        console.error(
            f"{where}{error.message}{hint}",
            kind=type(error).__name__,
            message=error.message,
            where=error.where,
            hint=error.hint,
            exit_code=code,
        )
        return code
    if isinstance(error, MemoryError):
        message, hint = "not enough memory", "close other programs, or take fewer or smaller frames"
    elif isinstance(error, OSError) and error.errno in _ADVICE:
        where = f"{error.filename}: " if error.filename else ""
        message, hint = f"{where}{error.strerror}", _ADVICE[error.errno]
    else:
        message = f"a bug in lichtbild: {type(error).__name__}: {error}"
        hint = "the same command with --debug, and report what it prints"
    console.error(
        f"{message}\n  try: {hint}", kind=type(error).__name__, message=message, where=None, hint=hint, exit_code=FAILED
    )
    return FAILED


def _quiet_libraries(is_debug: bool) -> None:
    """Libraries report on their own what a caller is told anyway (tifffile logs every odd tag)."""
    if not is_debug:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.captureWarnings(True)


def _catch_termination() -> Any:
    def stop(signum: int, stack: object) -> None:
        raise _Terminated

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:
        # Not in the main thread: the host program has its own way to stop.
        return None
