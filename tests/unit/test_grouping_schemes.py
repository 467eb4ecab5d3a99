"""Bursts of the phones' naming schemes and of the time rule, each as it lies on a card."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lichtbild.capture import find_bursts, read, survey
from lichtbild.capture.candidates import Candidate
from lichtbild.capture.grouping import group
from lichtbild.capture.naming import natural_key, parse_name
from lichtbild.capture.overlap import SIZE_PX, overlap, thumbnail_of
from lichtbild.core import Camera, Exposure, FrameInfo, MetadataError, ShapeError, Tags, UnreadableFile, UsageError

Spec = tuple[str, float | None]


def _file(name: str, at: float | None, time_s: float = 0.01, model: str = "One", width: int = 400) -> Candidate:
    kind = "mosaic" if name.endswith(".dng") else "picture"
    exposure = Exposure(time_s, 100, 1.8, 5.0, captured_s=None if at is None else 1e9 + at)
    return Candidate(Path("shots") / name, FrameInfo(name, (300, width), kind, Camera("A", model), exposure))


def _same(a: Candidate, b: Candidate) -> float | None:
    return 0.9


def _other(a: Candidate, b: Candidate) -> float | None:
    return 0.1


@pytest.mark.parametrize(
    ("files", "reference"),
    [
        ([f"payload_N{k:03d}.dng" for k in range(4)], 2),
        (["IMG_20210102_152011_BURST001_COVER.jpg", "IMG_20210102_152011_BURST002.jpg"], 0),
        (["IMG_20210102_152011123_BURST000.jpg", "IMG_20210102_152011123_BURST001_COVER.jpg"], 1),
        (["DSC_0001_BURST20230709220904977.JPG", "DSC_0002_BURST20230709220904977_COVER.JPG"], 1),
        (["00000IMG_00000_BURST20170305102030123.jpg", "00001IMG_00001_BURST20170305102030123_COVER.jpg"], 1),
        (["PXL_20230330_184138390.BURST-01.COVER.jpg", "PXL_20230330_184138390.BURST-02.jpg"], 0),
        ([f"20190818_212242_{k:03d}.jpg" for k in (24, 25, 26)], None),
    ],
)
def test_names_of_phones_make_a_burst(files: list[str], reference: int | None) -> None:
    references = {"payload": 2}
    candidates = [_file(name, None if "payload" in name else k * 0.9) for k, name in enumerate(files)]
    (found,) = group(candidates[::-1], _same, references)
    assert found.kind == "burst"
    assert [p.name for p in found.members] == files
    assert found.reference == reference
    assert found.is_sure


def _apple_note(burst_id: str) -> bytes:
    """A maker note with tags 1 and 11 (BurstUUID); offsets count from its start."""
    text = burst_id.encode() + b"\0"
    entries = struct.pack(">HHIi", 1, 9, 1, 14) + struct.pack(">HHII", 11, 2, len(text), 16 + 24 + 4)
    return b"Apple iOS\0\0\1MM" + struct.pack(">H", 2) + entries + bytes(4) + text


def test_an_iphones_burst_id_makes_a_burst() -> None:
    def photo(number: int, burst_id: str) -> Candidate:
        plain = _file(f"IMG_{number:04d}.HEIC", number * 2.0)
        tags = Tags({"exif": {37500: _apple_note(burst_id)}})
        return Candidate(plain.path, dataclasses.replace(plain.info, tags=tags))

    first, second = "2E3A84C1-9D24-4F1B-8C5E-1234567890AB", "7F000000-9D24-4F1B-8C5E-1234567890AB"
    found = group([photo(1, first), photo(2, first), photo(3, second), photo(4, second)], _other)
    assert [[p.name for p in f.members] for f in found] == [
        ["IMG_0001.HEIC", "IMG_0002.HEIC"],
        ["IMG_0003.HEIC", "IMG_0004.HEIC"],
    ]
    assert "iPhone burst id" in found[0].reasons[-1]


def test_dng_and_its_jpeg_are_one_frame() -> None:
    names = ["PXL_20230330_184138390.RAW-01.COVER.jpg", "PXL_20230330_184138390.RAW-02.ORIGINAL.dng"]
    (found,) = group([_file(n, 0.0) for n in names], _same)
    assert found.kind == "single"
    assert [p.name for p in found.members] == names[1:]
    assert found.left_out[0][0].name == names[0]
    assert "own picture" in found.left_out[0][1]


def test_same_name_from_another_hour_is_no_companion() -> None:
    found = group([_file("IMG_0001.dng", 0.0), _file("IMG_0001.jpg", 4000.0)], _same)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("gap", "time_s", "likeness", "n_shots"),
    [
        (0.45, 0.01, 0.9, 1),  # within 500 ms
        (0.45, 0.01, 0.1, 2),  # within 500 ms, another scene
        (2.05, 1.0, 0.9, 1),  # within 2 x 1 s + 150 ms
        (0.8, 0.01, 0.9, 2),  # over 500 ms, and nothing in the names
        (2.05, 0.5, 0.9, 2),
        (2.05, 1.0, 0.1, 2),
        (60.0, 0.01, 0.9, 2),
    ],
)
def test_time_rule(gap: float, time_s: float, likeness: float, n_shots: int) -> None:
    files = [_file("a.dng", 0.01, time_s), _file("b.dng", 0.01 + gap, time_s)]
    assert len(group(files, lambda a, b: likeness)) == n_shots


def test_near_in_time_but_another_scene_is_told() -> None:
    first, _ = group([_file("a.dng", 0.01), _file("b.dng", 0.21)], _other)
    assert first.left_out[0][0].name == "b.dng"
    assert "another scene" in first.left_out[0][1]


def test_slow_numbered_series_is_unsure() -> None:
    (found,) = group([_file("frame1.jpg", 0.1), _file("frame2.jpg", 1.6)], _same)
    assert not found.is_sure
    assert "1.50 s after frame1.jpg, more than 0.50 s" in found.reasons[-1]


def test_bracket_is_told_by_its_steps() -> None:
    files = [_file(f"IMG_{k}.dng", k * 0.2 + 0.01, t) for k, t in enumerate((0.01, 0.0025, 0.04))]
    (found,) = group(files, _same)
    assert found.kind == "bracket"
    assert "exposures +0.0, -2.0, +2.0 EV" in found.reasons


def test_odd_sizes_in_a_named_burst_are_named() -> None:
    files = [_file(f"IMG_1_BURST00{k}.jpg", k * 0.1, width=600 if k == 2 else 400) for k in range(4)]
    found = group(files, _same)
    main = max(found, key=lambda p: len(p.members))
    assert len(main.members) == 3
    assert main.left_out[0][0].name == "IMG_1_BURST002.jpg"
    assert "another size: 600 x 300 px, not 400 x 300" in main.left_out[0][1]


def test_more_than_64_frames_are_a_problem() -> None:
    (found,) = group([_file(f"payload_N{k:03d}.dng", None) for k in range(65)], _same)
    assert "65 frames are more than the 64" in found.problem


def test_names_sort_as_people_count() -> None:
    assert sorted(["f10", "f9", "f1a"], key=natural_key) == ["f1a", "f9", "f10"]
    assert parse_name("IMG_2025").burst == ""


# ---- on files


def _scene(seed: int, shift: int = 0, gain: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(20, 200, (35, 45, 3), np.uint8))
    big = np.asarray(small.resize((720, 560), Image.Resampling.BICUBIC)).astype(float)
    cut = big[60 + shift : 60 + shift + 300, 80 - shift : 80 - shift + 400] * gain
    noise = np.random.default_rng(seed * 100 + shift).normal(0, 4, cut.shape)
    return np.clip(cut + noise, 0, 255).astype(np.uint8)


def _save(path: Path, pixels: np.ndarray, subsec: str | None, model: str = "One", time_s: float = 0.01) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Acme", model
    if subsec is not None:
        sub = exif.get_ifd(34665)
        sub[33434], sub[36867], sub[37521] = time_s, f"2023:10:14 18:32:{subsec[:2]}", subsec[2:]
    Image.fromarray(pixels).save(path, exif=exif, quality=90)


def test_folder_with_one_burst_is_read(tmp_path: Path) -> None:
    for k in range(4):
        _save(tmp_path / f"IMG_{k}.jpg", _scene(1, 5 * k), f"10{k}50")
    (tmp_path / "notes.txt").write_text("nice day")
    burst = read(tmp_path)
    assert [s.info.name for s in burst.sources] == [f"IMG_{k}.jpg" for k in range(4)]
    assert any("likeness" in r for r in burst.reasons)
    assert find_bursts(tmp_path)[0].is_sure


def test_folder_with_two_scenes_is_not_guessed(tmp_path: Path) -> None:
    for k in range(3):
        _save(tmp_path / f"IMG_{k}.jpg", _scene(1 if k < 2 else 2, 4 * k), f"10{k}50")
    with pytest.raises(MetadataError, match=r"2 shots in this folder\n +1  burst of 2: IMG_0\.jpg"):
        read(tmp_path)


def test_folder_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no pictures in this folder"):
        read(tmp_path)
    (tmp_path / "empty.dng").touch()
    (tmp_path / "sub").mkdir()
    with pytest.raises(UnreadableFile, match=r"empty\.dng: is an empty file.*sub"):
        read(tmp_path)
    assert "empty file" in survey(tmp_path).left_out[0][1]


def test_hdrplus_folder_takes_its_reference(tmp_path: Path) -> None:
    for k in range(3):
        _save(tmp_path / f"payload_N{k:03d}.jpg", _scene(1, k), None)
    (tmp_path / "reference_frame.txt").write_text("2\n")
    (tmp_path / "lens_shading_map_N000.tiff").write_bytes(b"II*\0")
    burst = read(tmp_path)
    assert burst.reference == 2
    assert len(burst) == 3


def test_pictures_made_here_are_no_frames(tmp_path: Path) -> None:
    for k in range(2):
        _save(tmp_path / f"IMG_{k}.jpg", _scene(1, 5 * k), f"10{k}50")
    exif = Image.Exif()
    exif[271], exif[272], exif[305] = "Acme", "One", "lichtbild 0.1.0"
    Image.fromarray(_scene(1)).save(tmp_path / "IMG_0_developed.jpg", exif=exif)
    assert len(read(tmp_path)) == 2
    assert ("IMG_0_developed.jpg", "made by lichtbild") in [(p.name, why) for p, why in survey(tmp_path).left_out]


def test_lists_are_taken_at_their_word_but_odd_frames_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.jpg" for name in "abc"]
    for k, path in enumerate(paths):
        _save(path, _scene(k), None, model="Two" if k == 2 else "One")
    assert len(read(paths[:2])) == 2
    with pytest.raises(MetadataError, match=r"c\.jpg: another camera: Acme Two, not Acme One"):
        read(paths)
    _save(paths[2], _scene(1)[:200], None)
    with pytest.raises(ShapeError, match=r"c\.jpg: another size: 400 x 200 px, not 400 x 300"):
        read(paths)
    with pytest.raises(UsageError, match="named twice"):
        read([paths[0], paths[0]])
    with pytest.raises(UsageError, match="no file"):
        read([])


def test_likeness_tells_scenes_apart() -> None:
    size = (3 * SIZE_PX, 4 * SIZE_PX)
    here, moved, dark = (thumbnail_of(_scene(7, s, g)[: size[0], : size[1]]) for s, g in ((0, 1), (25, 1), (9, 0.3)))
    assert overlap(here, moved) > 0.7  # type: ignore[operator]
    assert overlap(here, dark) > 0.6  # type: ignore[operator]
    others = [overlap(here, thumbnail_of(_scene(s)[: size[0], : size[1]])) for s in range(20, 40)]
    assert max(o for o in others if o is not None) < 0.35
    assert overlap(here, thumbnail_of(np.full((300, 400, 3), 80, np.uint8))) is None
    assert overlap(here, None) is None


def test_huawei_burst_is_proposed(shared_data: Any) -> None:
    (found,) = find_bursts(shared_data("burst_huawei_hlk_jpeg"))
    assert len(found.members) == 5
    assert found.kind == "burst"
    assert not found.is_sure  # 1.4 to 3.2 s apart


def test_kodak_pictures_stay_single(shared_data: Any) -> None:
    found = find_bursts(shared_data("gt_kodak"))
    assert {p.kind for p in found} == {"single"}
