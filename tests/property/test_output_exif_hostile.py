"""Any bytes at all as EXIF: values or a MetadataError, never another exception."""

import random

from hypothesis import given
from hypothesis import strategies as st

from lichtbild.core.errors import MetadataError
from lichtbild.core.exif import exif_block, parse_exif

GOOD = exif_block({
    "ifd0": {271: "Maker", 274: 1, 282: (72, 1)},
    "exif": {33434: (1, 125), 34855: 800, 42034: ((43, 10),) * 4, 37500: bytes(100)},
    "gps": {1: "N", 2: ((48, 1), (8, 1), (0, 1))},
}, b"thumbnail")  # fmt: skip


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_any_bytes(data, head):
    try:
        parse_exif(head + data)
    except MetadataError:
        assert head == b"" or len(data) < 4


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_bits_flipped_in_a_good_block(seed, n_flips):
    rng = random.Random(seed)
    block = bytearray(GOOD)
    for _ in range(n_flips):
        block[rng.randrange(4, len(block))] ^= 1 << rng.randrange(8)
    for tags in parse_exif(bytes(block)).values():
        assert all(isinstance(tag, int) for tag in tags)
    # What was read can be written again, whatever it is.
    exif_block(parse_exif(bytes(block)))


numbers = st.integers(0, 2**32 - 1)


@given(
    st.dictionaries(
        st.integers(50_000, 65_000),
        st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1).map(str.strip).filter(bool)
        | numbers
        | st.tuples(numbers, numbers, numbers)
        | st.binary(min_size=2, max_size=99),
    )
)
def test_what_is_written_is_read(tags):
    assert parse_exif(exif_block({"exif": tags})).get("exif", {}) == tags
