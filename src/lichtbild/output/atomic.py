"""Files appear whole or not at all: written aside in the same folder, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from lichtbild.core.errors import OutputError

_HINTS = {
    errno.ENOSPC: ("no space left", "free some space or choose another disk"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another disk"),
    errno.EACCES: ("no permission to write here", "choose another folder with -o"),
    errno.EPERM: ("no permission to write here", "choose another folder with -o"),
    errno.EROFS: ("the disk is read-only", "choose another folder with -o"),
    errno.ENAMETOOLONG: ("the name is too long", "a shorter name"),
    errno.EFBIG: ("the file is too large for this disk", "choose another disk"),
}


def output_error(error: OSError, path: Path) -> OutputError:
    """The same in words for people."""
    message, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error), None))
    return OutputError(message, where=path, hint=hint)


def check_target(path: str | Path, *, force: bool = False) -> Path:
    """The path to write to, or the reason why not; to be asked before hours of work, not after.

    Raises
    ------
    OutputError
        If the folder is missing or may not be written, or `path` is no ordinary file, or there and `force` not set.
    """
    path = Path(path)
    if not path.name:
        raise OutputError("this is no file name", where=path)
    try:
        # A link is followed, so that what it points to is replaced and the link stays.
        target = path.resolve() if path.is_symlink() else path
        if target.exists():
            if not target.is_file():
                raise OutputError("this is a folder or a device, not a file", where=path, hint="a file name")
            if not force:
                raise OutputError("the file is there already", where=path, hint="--force, or another name with -o")
        folder = target.absolute().parent
        if not folder.is_dir():
            raise OutputError(f"the folder {folder} does not exist", where=path, hint=f"mkdir -p {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise output_error(OSError(errno.EACCES, "no permission"), path)
    except OSError as error:
        raise output_error(error, path) from error
    return target


@contextlib.contextmanager
def written_whole(path: str | Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A binary file to write to, which becomes `path` when the block ends well and vanishes when it does not.

    Parameters
    ----------
    path
        Where the file shall be.
    force
        Replace a file that is there.

    Raises
    ------
    OutputError
        As `check_target`, or if the disk refuses. Any other exception, KeyboardInterrupt too, passes unchanged after
        the part written is removed.
    """
    target = check_target(path, force=force)
    # A name of its own length limit: the suffix must not make a legal name too long.
    aside = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}.part")
    try:
        handle = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _rename(aside, target, force=force)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
        _sync_folder(target.absolute().parent)
    except OSError as error:
        raise output_error(error, Path(path)) from error


def write_whole(path: str | Path, pieces: Iterable[bytes | memoryview], *, force: bool = False) -> None:
    """Write `pieces` one after the other as a whole file (see `written_whole`)."""
    with written_whole(path, force=force) as file:
        for piece in pieces:
            file.write(piece)


def _rename(aside: Path, target: Path, *, force: bool) -> None:
    if force:
        os.replace(aside, target)
        return
    try:
        # A link fails where a file has appeared meanwhile; a rename would replace it without a word.
        os.link(aside, target)
    except FileExistsError:
        raise OutputError("the file is there already", where=target, hint="--force, or another name with -o") from None
    except OSError:  # a file system without links
        check_target(target)
        os.replace(aside, target)
    else:
        aside.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power failure, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
