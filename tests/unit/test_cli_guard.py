"""Every failure becomes a message and an exit code; events are one JSON object a line; time left is honest."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
from collections.abc import Callable

import pytest

from lichtbild.cli import console as console_module
from lichtbild.cli.console import Console
from lichtbild.cli.guard import guarded
from lichtbild.core import OutputError, ProgressEvent, RecipeError, UnreadableFile


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _raising(error: BaseException) -> Callable[[], int]:
    def verb() -> int:
        raise error

    return verb


def _run(error: BaseException, *, as_json: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = guarded(_raising(error), Console(as_json=as_json, out=out, err=err))
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            UnreadableFile("is cut short", where="a.dng", hint="copy it again"),
            3,
            ["a.dng: is cut short", "try: copy it"],
        ),
        (OutputError("exists", where="b.jpg", hint="--force"), 3, ["b.jpg: exists", "try: --force"]),
        (RecipeError("5 is out of bounds", where="tone.x"), 2, ["tone.x: 5 is out of bounds"]),
        (MemoryError(), 3, ["not enough memory"]),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "c.jpg"), 3, ["c.jpg", "free some space"]),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "d.jpg"), 3, ["d.jpg", "permissions"]),
        (ZeroDivisionError("oops"), 3, ["a bug in lichtbild", "ZeroDivisionError: oops", "--debug"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)
def test_failures_are_told_without_a_traceback(error: BaseException, code: int, words: list[str]) -> None:
    got, out, err = _run(error)
    assert got == code
    assert out == ""
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_failures_are_events_too() -> None:
    code, out, _ = _run(UnreadableFile("is cut short", where="a.dng", hint="copy it again"), as_json=True)
    (line,) = out.splitlines()
    assert json.loads(line) == {
        "event": "error",
        "kind": "UnreadableFile",
        "message": "is cut short",
        "where": "a.dng",
        "hint": "copy it again",
        "exit_code": code,
    }


def test_debug_shows_the_traceback_as_well() -> None:
    err = io.StringIO()
    assert guarded(_raising(ZeroDivisionError()), Console(out=io.StringIO(), err=err), is_debug=True) == 3
    assert "Traceback" in err.getvalue()
    assert "a bug in lichtbild" in err.getvalue()


def test_termination_unwinds_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def verb() -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)
        return 0

    assert guarded(verb, Console(out=io.StringIO(), err=io.StringIO())) == 143
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before


def _clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [100.0]
    monkeypatch.setattr(console_module.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_progress_is_shown_after_a_second_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = _clock(monkeypatch)
    err = Terminal()
    console = Console(out=io.StringIO(), err=err)
    console.start()
    wait(0.5)
    console.progress(ProgressEvent("align", 1, 10))
    assert err.getvalue() == ""
    wait(1.5)
    console.progress(ProgressEvent("merge", 4, 10))
    assert "merge" in err.getvalue()
    assert " 40 %" in err.getvalue()
    assert "3 s left" in err.getvalue(), "2 s for 4 of 10 units leave 3 s for the other 6"


def test_progress_is_silent_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = _clock(monkeypatch)
    err = io.StringIO()
    console = Console(out=io.StringIO(), err=err)
    wait(5)
    console.progress(ProgressEvent("merge", 4, 10))
    assert err.getvalue() == ""


def test_progress_events_carry_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = _clock(monkeypatch)
    out = io.StringIO()
    console = Console(as_json=True, out=out, err=io.StringIO())
    console.progress(ProgressEvent("read", 0, 8))
    wait(6)
    console.progress(ProgressEvent("merge", 2, 8, "frame 2"))
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["eta_s"] is None
    assert second == {"event": "progress", "stage": "merge", "done": 2, "total": 8, "eta_s": 18.0, "message": "frame 2"}


def test_a_message_does_not_run_into_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = _clock(monkeypatch)
    err = Terminal()
    console = Console(out=io.StringIO(), err=err)
    wait(2)
    console.progress(ProgressEvent("merge", 4, 10))
    console.note("done")
    assert err.getvalue().endswith("\r\x1b[Kdone\n")
