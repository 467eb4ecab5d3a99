"""Files appear whole or not at all, whatever happens on the way."""

import errno
import os
import sys

import pytest

from lichtbild.core.errors import OutputError
from lichtbild.output import atomic


def left_in(folder):
    return sorted(p.name for p in folder.iterdir())


def test_the_file_is_there_and_nothing_else(tmp_path):
    atomic.write_whole(tmp_path / "a.jpg", [b"one", b"two"])
    assert (tmp_path / "a.jpg").read_bytes() == b"onetwo"
    assert left_in(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("exception", [KeyboardInterrupt, MemoryError, SystemExit, ValueError])
@pytest.mark.parametrize("was_there", [False, True])
def test_an_exception_on_the_way_leaves_what_was(tmp_path, exception, was_there):
    path = tmp_path / "a.jpg"
    if was_there:
        path.write_bytes(b"before")

    def pieces():
        yield b"half"
        raise exception

    with pytest.raises(exception):
        atomic.write_whole(path, pieces(), force=True)
    assert left_in(tmp_path) == (["a.jpg"] if was_there else [])
    assert not was_there or path.read_bytes() == b"before"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch, step):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, step, full)
    with pytest.raises(OutputError, match=r"no space left .*try: free some space"):
        atomic.write_whole(tmp_path / "a.jpg", [b"x"], force=True)
    assert left_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is of Unix")
def test_a_disk_that_really_refuses_leaves_nothing(tmp_path):
    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="too large for this disk"):
            atomic.write_whole(tmp_path / "a.jpg", [bytes(3000)] * 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert left_in(tmp_path) == []


def test_nothing_is_replaced_unless_forced(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"before")
    with pytest.raises(OutputError, match=r"a\.jpg: the file is there already \(try: --force"):
        atomic.write_whole(path, [b"after"])
    assert path.read_bytes() == b"before"
    atomic.write_whole(path, [b"after"], force=True)
    assert path.read_bytes() == b"after"
    assert left_in(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch, has_links):
    path = tmp_path / "a.jpg"
    if not has_links:

        def link(*arguments):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(atomic.os, "link", link)

    def pieces():
        yield b"ours"
        path.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="there already"):
        atomic.write_whole(path, pieces())
    assert path.read_bytes() == b"theirs"
    assert left_in(tmp_path) == ["a.jpg"]


def test_without_links_the_file_still_appears(tmp_path, monkeypatch):
    def link(*arguments):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(atomic.os, "link", link)
    atomic.write_whole(tmp_path / "a.jpg", [b"x"])
    assert left_in(tmp_path) == ["a.jpg"]


def test_a_missing_folder_a_folder_and_no_name(tmp_path):
    with pytest.raises(OutputError, match=r"does not exist \(try: mkdir -p"):
        atomic.write_whole(tmp_path / "no" / "a.jpg", [b"x"])
    with pytest.raises(OutputError, match="folder or a device"):
        atomic.write_whole(tmp_path, [b"x"], force=True)
    with pytest.raises(OutputError, match="no file name"):
        atomic.write_whole("", [b"x"])
    with pytest.raises(OutputError, match="too long"):
        atomic.write_whole(tmp_path / ("x" * 300 + ".jpg"), [b"x"])


def test_no_permission(tmp_path, monkeypatch):
    # Root may write anywhere, so the answer of the system is made up.
    monkeypatch.setattr(atomic.os, "access", lambda *arguments: False)
    with pytest.raises(OutputError, match=r"no permission .*try: choose another folder"):
        atomic.write_whole(tmp_path / "a.jpg", [b"x"])


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.jpg").write_bytes(b"before")
    (tmp_path / "link.jpg").symlink_to("real.jpg")
    atomic.write_whole(tmp_path / "link.jpg", [b"after"], force=True)
    assert (tmp_path / "link.jpg").is_symlink()
    assert (tmp_path / "real.jpg").read_bytes() == b"after"


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are of Unix")
def test_the_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        atomic.write_whole(tmp_path / "a.jpg", [b"x"])
    finally:
        os.umask(old)
    assert (tmp_path / "a.jpg").stat().st_mode & 0o777 == 0o640
