"""Files that are damaged, hostile or not what their name says: a clear error, little memory, never anything else."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.capture.dng.apart import ApartDecoder
from lichtbild.capture.dng.jpegxl import jpeg_xl_header
from lichtbild.core import LichtbildError, MetadataError, UnreadableFile

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
spec = importlib.util.spec_from_file_location("dng_seeds", BENCHMARKS / "dng_seeds.py")
make = sys.modules.get("dng_seeds") or importlib.util.module_from_spec(spec)
if "dng_seeds" not in sys.modules:
    sys.modules["dng_seeds"] = make
    spec.loader.exec_module(make)

IMAGE = make.scene(64, 64, 16)


def written(tmp_path, data):
    path = tmp_path / "bad.dng"
    path.write_bytes(data)
    return path


def read(tmp_path, data):
    return open_dng(written(tmp_path, data)).read()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "no TIFF"),
        (make.jpeg_preview(), "JPEG picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "PNG picture"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 64, "HEIC"),
        (b"<html>not found</html>", "text"),
        (b"II*\0", "no TIFF"),
        (b"II*\0" + b"\xff" * 8, "beyond"),
        (make.tiff([make.Ifd({256: (make.LONG, 1)})]), "DNGVersion"),
    ],
)
def test_what_is_no_dng_is_told_by_name(tmp_path, data, words):
    with pytest.raises(UnreadableFile, match=words) as caught:
        open_dng(written(tmp_path, data))
    assert "bad.dng" in str(caught.value)


def test_places_that_are_no_file(tmp_path):
    with pytest.raises(UnreadableFile, match="folder"):
        open_dng(tmp_path)
    with pytest.raises(UnreadableFile, match=r"gone\.dng"):
        open_dng(tmp_path / "gone.dng")
    with pytest.raises(UnreadableFile):
        open_dng("bad\0name.dng")
    if not hasattr(os, "mkfifo"):
        return
    os.mkfifo(tmp_path / "pipe.dng")
    with pytest.raises(UnreadableFile, match="ordinary"):
        open_dng(tmp_path / "pipe.dng")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root (and Windows) may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = written(tmp_path, make.full_file()[0])
    path.chmod(0)
    with pytest.raises(UnreadableFile, match="ermission"):
        open_dng(path)


@pytest.mark.parametrize("number", [5, 32773, 50002, 65000])
def test_unknown_compressions_are_named(tmp_path, number):
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], number, 16)
    with pytest.raises(UnreadableFile, match=rf"Compression \(259\): compression {number}"):
        read(tmp_path, make.dng(raw))


def test_a_file_cut_short_anywhere(tmp_path):
    whole, expected = make.full_file()
    end_of_raw = whole.index(make.jpeg_preview())
    for size in range(1, end_of_raw - 1, 37):
        with pytest.raises(LichtbildError):
            open_dng(written(tmp_path, whole[:size])).read()
    # Behind the raw pixels lies only the preview: its loss is no reason to refuse the picture.
    np.testing.assert_array_equal(read(tmp_path, whole[: end_of_raw + 99]), expected)


def test_a_file_that_changes_between_opening_and_reading(tmp_path):
    path = written(tmp_path, make.full_file()[0])
    source = open_dng(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match="changed"):
        source.read()
    path.unlink()
    with pytest.raises(UnreadableFile):
        source.read()


def test_directories_that_loop(tmp_path):
    loop = bytearray(make.tiff([make.Ifd({**make.colour_tags()}), make.Ifd({256: (make.LONG, 1)})]))
    # The second directory is the last thing before the end: its "next" points back to the first.
    struct.pack_into("<I", loop, len(loop) - 4, 8)
    with pytest.raises(LichtbildError):
        read(tmp_path, bytes(loop))
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16)
    around = make.dng(raw, extra={330: (make.LONG, [8, 8, 8])})
    assert any("twice" in reason for reason in open_dng(written(tmp_path, around)).info.reasons)


def test_a_million_directories_are_not_followed(tmp_path):
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16)
    source = open_dng(written(tmp_path, make.dng(raw, extra={330: (make.LONG, list(range(20, 20 + 5000)))})))
    assert len(source.info.reasons) < 6000
    np.testing.assert_array_equal(source.read(), IMAGE)


@pytest.mark.parametrize(
    ("compression", "data"),
    [
        (1, bytes(8192)),
        (7, b"\xff\xd8" + bytes(8000)),
        (8, zlib.compress(bytes(100_000))),
        (52546, b"\xff\x0a" + bytes(800)),
    ],
)
@pytest.mark.parametrize("side", [20_000, 2**31, 2**32 - 1])
def test_sizes_the_file_cannot_hold_take_no_memory(tmp_path, compression, data, side):
    raw = make.raw_ifd(IMAGE, [data], compression, 16, t256=(make.LONG, side), t257=(make.LONG, side))
    path = written(tmp_path, make.dng(raw))
    tracemalloc.start()
    try:
        with pytest.raises((UnreadableFile, MetadataError)):
            open_dng(path).read()
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_tiles_that_share_their_bytes_are_refused(tmp_path):
    part = zlib.compress(bytes(2 * 1024 * 1024))
    n = 64
    raw = make.raw_ifd(np.zeros((1024, 1024 * n), np.uint16), [part], 8, 16, (1024, 1024))
    tags = {324: (make.LONG, [4096] * n), 325: (make.LONG, [len(part)] * n)}
    data = make.dng(make.Ifd({**raw.tags, **tags}))
    with pytest.raises(UnreadableFile, match="overlap"):
        read(tmp_path, data + bytes(4096 + len(part)))


def test_a_deflate_bomb_is_stopped_at_the_size_it_should_have(tmp_path):
    bomb = zlib.compress(bytes(30_000_000), 9)
    raw = make.raw_ifd(IMAGE, [bomb], 8, 16)
    path = written(tmp_path, make.dng(raw))
    tracemalloc.start()
    try:
        open_dng(path).read()
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def lossless(image, **options):
    import imagecodecs

    return bytearray(imagecodecs.jpeg8_encode(image, lossless=True, **options))


@pytest.mark.parametrize("field", ["height", "width", "components", "precision", "process"])
def test_jpeg_headers_that_lie_never_reach_the_decoder(tmp_path, field):
    data = lossless(IMAGE)
    frame = data.index(b"\xff\xc3")
    if field == "height":
        struct.pack_into(">H", data, frame + 5, 65535)
    elif field == "width":
        struct.pack_into(">H", data, frame + 7, 65535)
    elif field == "components":
        data[frame + 9] = 200
    elif field == "precision":
        data[frame + 4] = 77
    else:
        data[frame + 1] = 0xCB
    with pytest.raises(UnreadableFile, match=r"bad\.dng.*JPEG"):
        read(tmp_path, make.dng(make.raw_ifd(IMAGE, [bytes(data)], 7, 16)))


def test_a_progressive_jpeg_of_a_thousand_scans_is_refused(tmp_path):
    import imagecodecs

    grey = (IMAGE >> 8).astype(np.uint8)
    data = imagecodecs.jpeg8_encode(grey, level=90)
    scan = data[data.index(b"\xff\xda") :]
    with pytest.raises(UnreadableFile, match="scans"):
        read(tmp_path, make.dng(make.raw_ifd(grey, [data[:-2] + scan * 1000], 34892, 8)))


def bits(*fields):
    """Bytes of (value, width) fields, least significant bit first."""
    number, at = 0, 0
    for value, width in fields:
        number |= value << at
        at += width
    return number.to_bytes(-(-at // 8), "little")


SMALL_64 = ((1, 1), (7, 5), (1, 3))  # 64 x 64
PLAIN = ((0, 1), (0, 1), (0, 1), (0, 2), (1, 1))  # metadata: no extra fields, 8-bit integers
FRAME = ((0, 1), (0, 2), (1, 1), (0, 2), (0, 2), (3, 2), (0, 2))  # regular, modular, largest groups, one pass


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((*SMALL_64, (0, 1), (1, 1), (0, 3), (0, 1), (0, 1), (1, 1)), "animation"),
        ((*SMALL_64, *PLAIN, (3, 2), (4095, 12)), "extra channels"),
        ((*SMALL_64, *PLAIN, (0, 2), (1, 1), (0, 1), (1, 1)), "ICC"),
        ((*SMALL_64, (1, 1), (1, 1), (0, 5), *FRAME, (1, 1), (3, 2), (2**30 - 1, 30)), "size of its own"),
        ((*SMALL_64, (1, 1), (1, 1), (0, 5), (0, 1), (2, 2)), "several frames"),
        ((*SMALL_64, (1, 1), (1, 1), (0, 5), *FRAME, (0, 1), (0, 2), (0, 1)), "several frames"),
        (((0, 1), (3, 2), (2**30 - 1, 30), (1, 3), (1, 1), (1, 1), (0, 2), (1, 1)), "1073741824 x 1073741824"),
        (((0, 1),), "cut short"),
    ],
)
def test_jpeg_xl_that_could_ask_for_any_memory_is_told_and_decoded_apart(tmp_path, fields, words):
    data = b"\xff\x0a" + bits(*fields) + (bytes(500) if words != "cut short" else b"")
    with pytest.raises(UnreadableFile, match="JPEG XL") as caught:
        read(tmp_path, make.dng(make.raw_ifd(IMAGE, [data], 52546, 16)))
    if not words.startswith(("1073741824", "cut short")):
        assert words in jpeg_xl_header(data, "").unbounded
        assert "gave up" in str(caught.value)
    else:
        assert words in str(caught.value)


def test_the_decoder_apart_keeps_within_its_memory_and_outlives_bad_data():
    import imagecodecs

    small, large = make.scene(64, 64, 16), make.scene(1024, 2048, 16, 3)
    encoded = imagecodecs.jpegxl_encode(small, lossless=True)
    with contextlib.closing(ApartDecoder(small.size)) as apart:
        np.testing.assert_array_equal(apart.decode(encoded), small)
        with pytest.raises(ValueError, match="gave up"):
            apart.decode(b"\xff\x0a nothing")
        np.testing.assert_array_equal(apart.decode(encoded), small)
        with pytest.raises(ValueError, match="shape"):
            apart.decode(imagecodecs.jpegxl_encode(large, lossless=True, effort=1))


def test_damaged_corrections_are_never_silently_left_out(tmp_path):
    warp = struct.pack(">I4I", 1, 77, 0x01030000, 0, 0)
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16, t51022=(make.UNDEFINED, warp))
    with pytest.raises(MetadataError, match="mandatory"):
        read(tmp_path, make.dng(raw))


def test_a_reader_of_the_future_is_asked_for(tmp_path):
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16)
    with pytest.raises(MetadataError, match=r"DNG 2\.0\.0\.0"):
        read(tmp_path, make.dng(raw, extra={50707: (make.BYTE, [2, 0, 0, 0])}))


def test_a_damaged_preview_is_no_preview(tmp_path):
    data = make.full_file()[0]
    preview = make.jpeg_preview()
    at = data.index(preview)
    damaged = data[:at] + b"\xff\xd8\xff\xd9" + bytes(len(preview) - 4) + data[at + len(preview) :]
    source = open_dng(written(tmp_path, damaged))
    # The plain thumbnail beside it serves instead.
    assert source.preview().shape == (12, 16, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="memory is measured with the Unix module resource")
def test_fuzzing_some_hundred_cases_in_a_process_of_their_own():
    command = [sys.executable, str(BENCHMARKS / "fuzz_dng.py"), "--cases", "400", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
