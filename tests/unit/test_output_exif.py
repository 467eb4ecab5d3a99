"""The EXIF codec against Pillow's independent one, and against damage."""

import io
import struct

import pytest
from PIL import Image

from lichtbild.core import exif
from lichtbild.core.errors import MetadataError

TAGS = {
    "ifd0": {271: "Maker", 272: "Model É", 274: 6, 282: (72, 1), 306: "2026:08:01 12:30:45", 315: "A. Author"},
    "exif": {33434: (1, 125), 33437: (9, 5), 34855: 800, 36867: "2026:08:01 12:30:45", 36880: "+02:00",
             37121: b"\1\2\3\0", 37380: (-1, 3), 37386: 4.2, 41989: 26, 42034: ((9, 2), (9, 2), (9, 5), (9, 5)),
             42036: "Lens 1.8"},
    "gps": {1: "N", 2: ((48, 1), (8, 1), (1234, 100)), 3: "E", 4: (11, 1, 34, 1, 5678, 100), 5: 0, 6: (519, 1),
            29: "2026:08:01"},
    "interop": {1: "R98", 2: b"0100"},
}  # fmt: skip


def test_round_trip_keeps_every_value():
    back = exif.parse_exif(b"Exif\0\0" + exif.exif_block(TAGS, b"\xff\xd8 thumbnail \xff\xd9"))
    assert back["ifd1"][513] == b"\xff\xd8 thumbnail \xff\xd9"
    for name, tags in TAGS.items():
        for tag, value in tags.items():
            if name == "gps" and tag == 4:
                value = ((11, 1), (34, 1), (5678, 100))
            got = back[name][tag]
            assert got == value or exif.as_float(got) == pytest.approx(value), (name, tag)


def test_pillow_reads_what_we_write_and_we_read_what_pillow_writes():
    picture = Image.new("RGB", (8, 8))
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=b"Exif\0\0" + exif.exif_block(TAGS))
    theirs = Image.open(file).getexif()
    assert theirs[272] == TAGS["ifd0"][272].encode().decode("latin1") or theirs[272] == TAGS["ifd0"][272]
    assert theirs.get_ifd(34665)[37386] == pytest.approx(4.2)
    assert theirs.get_ifd(34665)[37380] == pytest.approx(-1 / 3)
    assert [float(v) for v in theirs.get_ifd(34853)[2]] == pytest.approx([48, 8, 12.34])
    ours = exif.parse_exif(theirs.tobytes())
    assert ours["exif"][33434] == (1, 125)
    assert ours["gps"][2] == ((48, 1), (8, 1), (1234, 100)) or exif.as_float(ours["gps"][2][2]) == pytest.approx(12.34)


def test_big_endian_is_read():
    data = b"MM\0*" + struct.pack(">IHHHIHxxI", 8, 1, 274, 3, 1, 6, 0)
    assert exif.parse_exif(data) == {"ifd0": {274: 6}}


def test_hostile_blocks_end_in_little():
    block = bytearray(exif.exif_block(TAGS, b"thumbnail"))
    assert exif.parse_exif(struct.pack("<4sIHI", b"II*\0", 8, 0, 8)) == {"ifd0": {}}  # next IFD is itself
    for cut in range(8, len(block), 3):
        exif.parse_exif(bytes(block[:cut]))
    for at in range(4, 200):
        broken = block.copy()
        broken[at] = 0xFF
        exif.parse_exif(bytes(broken))
    with pytest.raises(MetadataError, match="TIFF header"):
        exif.parse_exif(b"nonsense")


def test_shared_bytes_do_not_multiply_memory():
    n = 400
    entries = b"".join(struct.pack("<HHII", 1000 + k, 7, 1 << 20, 8) for k in range(n))
    data = b"II*\0" + struct.pack("<IH", 8, n) + entries + bytes(1 << 21)
    assert sum(len(v) for v in exif.parse_exif(data)["ifd0"].values()) <= exif.MAX_DIRECTORY_BYTES


@pytest.mark.parametrize("value", [0.0, 1e-9, 1 / 3, 1 / 8000, 3.14159, 4e9, 1e12])
def test_rationals_fit_32_bits_and_are_close(value):
    n, d = exif.rational(value)
    assert 0 <= n < 1 << 32
    assert 0 < d < 1 << 32
    assert n / d == pytest.approx(min(value, (1 << 32) - 1), rel=1e-5, abs=1e-6)


def test_a_wrong_value_is_left_out_not_fatal():
    block = exif.exif_block({"exif": {33434: "fast", 34855: 100}})
    assert exif.parse_exif(block)["exif"] == {34855: 100}
