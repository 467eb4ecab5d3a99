"""What a file is, from its bytes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture import open_file, sniff
from lichtbild.core import UnreadableFile


def _jpeg() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(out, "JPEG")
    return out.getvalue()


def _tiff(entries: list[tuple[int, int, int, int]]) -> bytes:
    body = b"".join(struct.pack("<HHII", *e) for e in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (bytes(600), "zeros"),
        (b"hello, I am a letter\n", "text"),
        ("grüße".encode() * 200, "text"),
        (b"<html><body>404</body></html>", "text"),
        (b"PK\x03\x04....", "zip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "png"),
        (b"P5\n4 4\n65535\n" + bytes(32), "pnm"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0miafheic", "heic"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "avif"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "raw"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video"),
        (b"FUJIFILMCCD-RAW 0201", "raw"),
        (b"IIU\0\x18\0\0\0" + bytes(40), "raw"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "raw"),
        (b"MOTION \x03" + bytes(40), "video"),
        (b"\x93NUMPY\x01\0" + bytes(40), "npy"),
        (_tiff([(262, 3, 1, 2)]), "tiff"),
        (_tiff([(262, 3, 1, 32803)]), "raw"),
        (_tiff([(259, 3, 1, 34713)]), "raw"),
        (_tiff([(262, 3, 1, 32803), (50706, 1, 4, 0x0401)]), "dng"),
        (b"II*\0\xff\xff\xff\xff", "tiff"),
        (b"II*\0", "tiff"),
        (np.random.default_rng(0).bytes(400), "unknown"),
    ],
)
def test_kind_is_told_from_the_bytes(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "file.dng"
    path.write_bytes(data)
    assert sniff(path).kind == kind


def test_directories_that_point_at_each_other_end(tmp_path: Path) -> None:
    ring = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + struct.pack("<HHII", 330, 4, 1, 8)
    path = tmp_path / "ring.tif"
    path.write_bytes(ring + struct.pack("<I", 8))
    assert sniff(path).kind == "tiff"


def test_picture_under_a_raws_name_is_refused_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shot.dng"
    path.write_bytes(_jpeg())
    with pytest.raises(UnreadableFile, match=r"shot\.dng: is a JPEG picture, not a DNG raw.*rename"):
        open_file(path)


def test_picture_under_another_pictures_name_opens_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "shot.png"
    path.write_bytes(_jpeg())
    source = open_file(path)
    assert source.info.reasons[0] == "the name says .png, the file is a JPEG picture"
    assert source.read().shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is an empty file (0 bytes), not a DNG"),
        (b"<html><body>Not found</body></html>", "is a web page, not a DNG"),
        (b"PK\x03\x04" + bytes(50), "is a ZIP archive, not a DNG (try: unpack it first)"),
        (bytes(64), "is a file of zeros (a copy that broke off), not a DNG"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "shot.dng"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile) as caught:
        open_file(path)
    assert message in str(caught.value)
    assert "shot.dng" in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        open_file(tmp_path / "gone.dng")
    with pytest.raises(UnreadableFile, match="is a folder"):
        open_file(tmp_path)
