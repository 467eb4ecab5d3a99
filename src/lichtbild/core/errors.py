"""The one tree of errors. A message says what is wrong, in which file or argument, and what to try."""

from __future__ import annotations

from pathlib import Path


class LichtbildError(Exception):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    message
        What is wrong, in the words of a photographer.
    where
        The file, tag or argument the message is about.
    hint
        What to try next.
    """

    exit_code = 3

    def __init__(self, message: str, *, where: str | Path | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = self.message if self.where is None else f"{self.where}: {self.message}"
        return text if self.hint is None else f"{text} (try: {self.hint})"


class UnreadableFile(LichtbildError):
    """A file cannot be opened, is truncated, or is not what its name says."""


class MetadataError(LichtbildError):
    """A file opens, but a tag it needs is missing, out of range or contradicts another."""


class ShapeError(LichtbildError):
    """An array, or the frames of a burst, have sizes that do not fit together."""


class DomainError(LichtbildError):
    """A stage was given pixels that mean something else than it works on."""


class RecipeError(LichtbildError):
    """A parameter or recipe is unknown, out of bounds, or from an engine this one cannot follow."""

    exit_code = 2


class UsageError(LichtbildError):
    """The command line or a call does not make sense."""

    exit_code = 2


class OutputError(LichtbildError):
    """A result cannot be written: no space, no permission, or the file is there already."""
