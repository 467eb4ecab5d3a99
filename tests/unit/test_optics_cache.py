"""What was traced is kept in a folder that can be deleted, spoilt or missing."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.optics import cache


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "kept"))
    calls = []

    def ask(**key):
        def make():
            calls.append(key)
            return {"a": np.arange(3.0) + len(calls)}

        return cache.kept("psf", key, make)["a"]

    return ask, calls, tmp_path / "kept"


def test_arrays_are_made_once(made):
    ask, calls, folder = made
    np.testing.assert_array_equal(ask(n=1), ask(n=1))
    assert len(calls) == 1
    ask(n=2)
    assert len(calls) == 2
    assert len(list(folder.iterdir())) == 2


def test_the_folder_can_be_deleted_or_spoilt(made):
    ask, calls, folder = made
    ask(n=1)
    path = next(folder.iterdir())
    for content in (b"", b"PK\x03\x04 broken", path.read_bytes()[:200]):
        path.write_bytes(content)
        ask(n=1)
    path.unlink()
    ask(n=1)
    assert len(calls) == 5
    assert [p.suffix for p in folder.iterdir()] == [".npz"]


def test_nothing_is_kept_where_nothing_can_be(made, monkeypatch, tmp_path):
    ask, calls, _ = made
    (tmp_path / "file").write_text("")
    for value in ("", str(tmp_path / "file")):
        monkeypatch.setenv(cache.FOLDER_VARIABLE, value)
        ask(n=1)
    assert len(calls) == 2
    monkeypatch.delenv(cache.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "lichtbild"
