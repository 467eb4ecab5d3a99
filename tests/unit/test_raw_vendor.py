"""Vendor raw files through LibRaw, held against our own reading of DNGs, which LibRaw reads too."""

from __future__ import annotations

import builtins
import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.capture.raw import open_raw
from lichtbild.core import Cfa, MetadataError, UnreadableFile

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "dng_seeds.py"
spec = importlib.util.spec_from_file_location("dng_seeds", SCRIPT)
make = sys.modules.get("dng_seeds") or importlib.util.module_from_spec(spec)
if "dng_seeds" not in sys.modules:
    sys.modules["dng_seeds"] = make
    spec.loader.exec_module(make)

pytest.importorskip("rawpy")


def written(tmp_path, data, name="a.nef"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (2, 5), (3, 4)])
def test_mosaic_levels_and_pattern_at_any_corner(tmp_path, corner):
    image = make.scene(64, 64, 14)
    top, left = corner
    raw = make.raw_ifd(
        image, [make.pack(image, 14)], 1, 14, t33422=(make.BYTE, [1, 0, 2, 1]), t50829=(make.LONG, [top, left, 62, 63]),
        t50713=(make.SHORT, [2, 2]), t50714=(make.SHORT, [100, 110, 120, 130]), t50717=(make.LONG, 15000),
    )  # fmt: skip
    path = written(tmp_path, make.dng(raw))
    ours, theirs = open_dng(path), open_raw(path)
    # LibRaw makes odd margins even by cutting a row or column more.
    rows, columns = top % 2, left % 2
    assert ours.info.cfa == Cfa.from_name("GRBG")
    assert theirs.info.cfa == ours.info.cfa.shifted(rows, columns)
    np.testing.assert_array_equal(theirs.read(), ours.read()[rows:, columns:])
    if not rows and not columns:
        np.testing.assert_array_equal(theirs.info.levels.black, ours.info.levels.black)
    assert theirs.info.levels.white == ours.info.levels.white
    assert theirs.info.as_shot_neutral == pytest.approx(ours.info.as_shot_neutral, rel=1e-5)
    assert theirs.info.orientation == 6


def test_metadata_of_the_file_are_read_beside_libraw(tmp_path):
    path = written(tmp_path, make.full_file()[0])
    ours, theirs = open_dng(path).info, open_raw(path).info
    assert theirs.exposure == ours.exposure
    assert theirs.exposure.iso == 640
    assert theirs.camera.lens == "Main lens"
    assert theirs.tags.exif == ours.tags.exif
    assert theirs.noise is None
    assert any("noise" in reason for reason in theirs.reasons)


def test_exif_blocks_of_raf_and_cr3():
    import io

    from lichtbild.capture.dng.tags import Tag
    from lichtbild.capture.dng.tiff import walk
    from lichtbild.capture.raw import _directories_file

    block = make.tiff([make.Ifd({271: (make.ASCII, "Maker of this one")})])
    raf = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">2I", 148, 4096)
    raf = raf.ljust(148, b"\0") + b"\xff\xd8\xff\xe1\0\0Exif\0\0" + block
    cr3 = b"\0\0\0\x18ftypcrx " + b"\0" * 12
    for kind in (b"CMT1", b"CMT2"):
        cr3 += struct.pack(">I", len(block) + 8) + kind + block
    for data in (raf, cr3):
        file, _ = _directories_file(io.BytesIO(data), Path("x"))
        assert walk(file, [])[0].text(Tag.MAKE) == "Maker of this one"


def test_pixels_that_are_no_mosaic_are_refused(shared_data):
    with pytest.raises(MetadataError, match="no mosaic"):
        open_raw(shared_data("dng_lossy_linear_canon6d") / "canon_eos_6d.dng")


def test_a_real_file_reads_alike_both_ways(shared_data):
    path = shared_data("raw_colorchecker_canon550d") / "colorchart.dng"
    ours, theirs = open_dng(path), open_raw(path)
    np.testing.assert_array_equal(theirs.read(), ours.read())
    assert theirs.info.as_shot_neutral == pytest.approx(ours.info.as_shot_neutral, rel=1e-5)
    assert theirs.info.exposure == ours.info.exposure
    assert theirs.info.default_crop == ours.info.default_crop


@pytest.mark.parametrize(("bits", "words"), [(14, "Input/output"), (16, "last rows|Input/output")])
def test_a_file_cut_short_is_not_taken_for_a_dark_picture(tmp_path, capfd, bits, words):
    image = make.scene(64, 64, bits)
    raw = make.raw_ifd(image, [make.pack(image, bits)], 1, bits, t50714=(make.SHORT, 100))
    whole = make.dng(raw)
    open_raw(written(tmp_path, whole))
    with pytest.raises(UnreadableFile, match=words):
        open_raw(written(tmp_path, whole[:-2000], "cut.nef"))
    capfd.readouterr()  # LibRaw's own words


def test_rows_that_were_never_filled_are_told(tmp_path):
    image = make.scene(64, 64, 16) | 1
    image[-3:] = 0
    raw = make.raw_ifd(image, [make.pack(image, 16)], 1, 16, t50714=(make.SHORT, 100))
    with pytest.raises(UnreadableFile, match="last rows"):
        open_raw(written(tmp_path, make.dng(raw)))


@pytest.mark.parametrize("data", [b"no raw file at all" * 99, b"", b"II*\0\x08\0\0\0" + b"\xff" * 999])
def test_what_libraw_cannot_read_is_told(tmp_path, data):
    path = written(tmp_path, data, "x.cr2")
    with pytest.raises(UnreadableFile, match=r"x\.cr2"):
        open_raw(path)


def test_without_rawpy_the_message_says_what_to_install(tmp_path, monkeypatch):
    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "rawpy":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UnreadableFile, match=r"pip install lichtbild\[raw\]"):
        open_raw(written(tmp_path, make.full_file()[0]))
