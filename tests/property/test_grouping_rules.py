"""Grouping: the order of files does not matter, unrelated files change nothing, every file ends up in one place."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.capture.candidates import Candidate, Proposal
from lichtbild.capture.grouping import group
from lichtbild.core import Camera, Exposure, FrameInfo

SCHEMES = (
    "IMG_{n:04d}", "payload_N{n:03d}", "IMG_20210102_152011_BURST{n:03d}", "DSC_{n:04d}_BURST20230709220904977",
    "20190818_212242_{n:03d}", "frame", "PXL_20230330_184138390.RAW-{n:02d}.ORIGINAL",
)  # fmt: skip


@st.composite
def folders(draw: st.DrawFn) -> list[Candidate]:
    names, found = set[str](), []
    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(SCHEMES)).format(n=draw(st.integers(0, 6)))
        suffix = draw(st.sampled_from([".dng", ".jpg", ".heic"]))
        if name + suffix in names:
            continue
        names.add(name + suffix)
        found.append(
            _file(
                name + suffix,
                model=draw(st.sampled_from(["One", "Two"])),
                captured_s=draw(st.one_of(st.none(), st.integers(0, 400).map(lambda k: 1e9 + k / 10))),
                time_s=draw(st.sampled_from([0.01, 0.04, 0.5])),
                width=draw(st.sampled_from([400, 600])),
            )
        )
    return found


def _file(name: str, model: str, captured_s: float | None, time_s: float = 0.01, width: int = 400) -> Candidate:
    kind = "mosaic" if name.endswith(".dng") else "picture"
    info = FrameInfo(
        name, (300, width), kind, Camera("Acme", model), Exposure(time_s, 100, 1.8, 5.0, captured_s=captured_s)
    )
    return Candidate(Path("/folder") / name, info)


def alike(a: Candidate, b: Candidate) -> float | None:
    """A made-up likeness that depends on the two files only."""
    seed = sum(map(ord, a.path.name + b.path.name)) % 5
    return [0.9, 0.8, 0.2, None, 0.5][seed]


def _plain(proposals: list[Proposal]) -> str:
    return json.dumps([p.to_json() for p in proposals])


@settings(max_examples=150, deadline=None)
@given(folders(), st.randoms(use_true_random=False))
def test_order_of_files_does_not_matter(files: list[Candidate], random: object) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _plain(group(files, alike)) == _plain(group(shuffled, alike))


@settings(max_examples=100, deadline=None)
@given(folders())
def test_an_unrelated_file_changes_nothing(files: list[Candidate]) -> None:
    other_camera = _file("zebra_crossing.jpg", "Three", 1e9 + 5.0)
    another_day = _file("a_year_later.dng", "One", 1e9 + 3e7)
    before = group(files, alike)
    after = group([other_camera, *files, another_day], alike)
    added = {other_camera.path, another_day.path}
    assert _plain([p for p in after if not added & set(p.members)]) == _plain(before)
    assert all(p.kind == "single" for p in after if added & set(p.members))


def test_what_is_left_out_stands_in_one_order() -> None:
    """Found by the test above: a file of another day changed the order in which a burst's odd files were told."""
    files = [
        _file("IMG_0000.dng", "One", None, width=600), _file("payload_N002.dng", "One", None),
        _file("payload_N000.dng", "Two", None), _file("payload_N001.dng", "One", None, width=600),
    ]  # fmt: skip
    another_day = _file("a_year_later.dng", "One", 1e9 + 3e7)
    told = [[p.name for p, _ in found.left_out] for found in group([another_day, *files], alike) if found.left_out]
    assert told == [["payload_N001.dng", "payload_N002.dng"]]


@settings(max_examples=150, deadline=None)
@given(folders())
def test_every_file_is_in_one_place_and_shots_are_uniform(files: list[Candidate]) -> None:
    proposals = group(files, alike)
    members = [path for p in proposals for path in p.members]
    assert len(members) == len(set(members))
    told = {path for p in proposals for path, _ in p.left_out}
    assert set(members) | told == {c.path for c in files}
    info = {c.path: c.info for c in files}
    for p in proposals:
        assert len({(info[m].camera.model, info[m].shape, info[m].kind) for m in p.members}) == 1
        assert (len(p.members) == 1) == (p.kind == "single")
        assert p.kind == "single" or p.reasons
