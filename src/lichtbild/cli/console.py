"""What the user sees: text for people on standard error, events for programs on standard output."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, TextIO

from lichtbild.core.progress import ProgressEvent

SHOWN_AFTER_S = 1.0
REDRAWN_EVERY_S = 0.1
WIDTH = 24


class Console:
    """Messages, progress and results of one run.

    Parameters
    ----------
    as_json
        Events on `out`, one JSON object a line, instead of text for people.
    is_quiet
        No progress and no notes; errors and results are still told.
    out, err
        Where to write; standard output and error by default.
    """

    def __init__(
        self, *, as_json: bool = False, is_quiet: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.is_quiet = is_quiet
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self._started_s = time.monotonic()
        self._drawn_s = 0.0
        self._has_line = False

    def event(self, event: str, /, **content: Any) -> None:
        """One line of ndjson, where asked for."""
        if self.as_json:
            print(json.dumps({"event": event, **content}, ensure_ascii=False, default=str), file=self.out, flush=True)

    def note(self, text: str) -> None:
        """A line for people that may be missed."""
        self.event("note", message=text)
        if not self.as_json and not self.is_quiet:
            self._line(text)

    def warning(self, text: str) -> None:
        """A line for people that should not be missed."""
        self.event("warning", message=text)
        if not self.as_json:
            self._line(f"note: {text}")

    def wrote(self, what: str, path: object) -> None:
        """A file is finished."""
        self.event("written", what=what, path=str(path))
        if not self.as_json and not self.is_quiet:
            self._line(f"{what}: {path}")

    def report(self, text: str, /, **content: Any) -> None:
        """What the verb was asked for: text on standard output, or its content as one event."""
        self.event("report", **content)
        if not self.as_json:
            self._clear()
            print(text, file=self.out, flush=True)

    def error(self, text: str, /, **content: Any) -> None:
        """Why the run failed."""
        self.event("error", **content)
        self._line(f"lichtbild: {text}")

    def start(self) -> None:
        """Time left is counted from here."""
        self._started_s = time.monotonic()

    def progress(self, event: ProgressEvent) -> None:
        """A `core.Progress`: a bar with the time left, on a terminal, for what lasts over a second."""
        now = time.monotonic()
        elapsed = now - self._started_s
        fraction = min(max(event.done / event.total, 0.0), 1.0) if event.total > 0 else 0.0
        left = elapsed * (1 - fraction) / fraction if fraction > 0 else None
        if self.as_json:
            self.event(
                "progress",
                stage=event.stage,
                done=round(event.done, 4),
                total=round(event.total, 4),
                eta_s=None if left is None else round(left, 1),
                message=event.message,
            )
            return
        if self.is_quiet or not self.err.isatty():
            return
        if elapsed < SHOWN_AFTER_S or (now - self._drawn_s < REDRAWN_EVERY_S and fraction < 1):
            return
        bar = "#" * round(WIDTH * fraction)
        remaining = "" if left is None else f"{left:4.0f} s left"
        self.err.write(f"\r{event.stage[:14]:<14} [{bar:<{WIDTH}}] {100 * fraction:3.0f} % {remaining}\x1b[K")
        self.err.flush()
        self._drawn_s, self._has_line = now, True

    def _line(self, text: str) -> None:
        self._clear()
        print(text, file=self.err, flush=True)

    def _clear(self) -> None:
        if self._has_line:
            self.err.write("\r\x1b[K")
            self._has_line = False
