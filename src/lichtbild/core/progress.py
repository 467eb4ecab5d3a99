"""Progress as events that the command line, the page and notebooks show each in their own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ProgressEvent:
    """One step done.

    Parameters
    ----------
    stage
        What is being done, in a word ("align", "merge").
    done, total
        Work units finished and in all (in units of estimated seconds of the whole job, so that done/total is time).
    message
        A line for people, or empty.
    """

    stage: str
    done: float
    total: float
    message: str = ""


Progress = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """The progress sink that shows nothing."""
