"""The opcode codec against bytes made by hand, by a phone and by Adobe, and against every kind of damage."""

from __future__ import annotations

import contextlib
import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.core import MetadataError
from lichtbild.core import corrections as c
from lichtbild.core.opcode_bytes import parse, serialise

AREA = c.Area(2, 3, 12, 23, 0, 1, 2, 4)
EVERY_KIND = (
    c.WarpRectilinear(((1.0, 0.1, 0.01, -0.5),) * 3, ((1e-3, -1e-3),) * 3, 0.5, 0.25),
    c.WarpRectilinear2((tuple(range(15)),), ((0.5, 0.25),), ((0.0, 0.875),), 0.5, 0.5, True, optional=True),
    c.WarpFisheye(((1.0, 0.2, 0.3, 0.4),), 0.5, 0.5, preview_skip=True),
    c.FixVignetteRadial((0.1, 0.2, 0.3, 0.4, 0.5), 0.5, 0.5),
    c.FixBadPixelsConstant(0, 2),
    c.FixBadPixelsList(1, ((3, 4), (5, 6)), ((1, 2, 3, 4),), optional=True),
    c.TrimBounds(1, 2, 30, 40),
    c.MapTable(AREA, np.arange(7, dtype=np.uint16)),
    c.MapPolynomial(AREA, (0.0, 1.0, 0.5)),
    c.GainMap(AREA, 0.5, 0.25, 0.0, 0.125, np.linspace(1, 2, 30, dtype=np.float32).reshape(3, 5, 2)),
    c.PerRowOrColumn(AREA, False, False, np.arange(5, dtype=np.float32)),
    c.PerRowOrColumn(AREA, False, True, np.arange(5, dtype=np.float32)),
    c.PerRowOrColumn(AREA, True, False, np.arange(5, dtype=np.float32)),
    c.PerRowOrColumn(AREA, True, True, np.arange(5, dtype=np.float32)),
)


def same(a: c.Opcode, b: c.Opcode) -> bool:
    fields = [f.name for f in dataclasses.fields(a)]
    return type(a) is type(b) and all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


@pytest.mark.parametrize("opcode", EVERY_KIND, ids=lambda o: type(o).__name__)
def test_every_kind_survives_the_round_trip(opcode):
    (back,) = parse(serialise([opcode]))
    assert same(opcode, back)


def test_bytes_of_a_gain_map_as_the_specification_lays_them_out():
    area = struct.pack(">8I", 1, 0, 99, 100, 0, 1, 2, 2)
    numbers = struct.pack(">II4dI", 1, 2, 1.0, 0.5, 0.0, 0.25, 1) + struct.pack(">2f", 1.5, 2.5)
    body = area + numbers
    (found,) = parse(struct.pack(">I4I", 1, 9, 0x01030000, 3, len(body)) + body)
    assert found.area == c.Area(1, 0, 99, 100, 0, 1, 2, 2)
    assert (found.spacing_v, found.spacing_h, found.origin_v, found.origin_h) == (1.0, 0.5, 0.0, 0.25)
    assert found.gain.tolist() == [[[1.5], [2.5]]]
    assert (found.optional, found.preview_skip) == (True, True)


def test_the_column_opcodes_count_columns():
    wide = c.Area(0, 0, 2, 6)
    (found,) = parse(serialise([c.PerRowOrColumn(wide, True, True, np.ones(6, np.float32))]))
    assert found.is_column
    with pytest.raises(MetadataError, match="6 values for 2 rows"):
        parse(serialise([c.PerRowOrColumn(wide, True, False, np.ones(6, np.float32))]))


def test_unknown_opcodes_are_left_out_when_optional_and_refused_when_not():
    def one(flags: int) -> bytes:
        return struct.pack(">I4I", 1, 99, 0x01030000, flags, 4) + b"abcd"

    skipped: list[str] = []
    assert parse(one(1), "a.dng, OpcodeList2", skipped) == ()
    assert "99" in skipped[0]
    with pytest.raises(MetadataError, match=r"a\.dng, OpcodeList2, opcode 99"):
        parse(one(0), "a.dng, OpcodeList2")


def test_numbers_that_make_no_sense_are_refused():
    gain = c.GainMap(AREA, 0.5, 0.25, 0.0, 0.125, np.full((1, 1, 1), np.nan, np.float32))
    bad = (
        gain,
        c.MapPolynomial(dataclasses.replace(AREA, row_pitch=0), (1.0,)),
        c.MapPolynomial(AREA, (float("inf"),)),
        c.MapPolynomial(AREA, (1.0,) * 10),
        c.TrimBounds(5, 0, 5, 9),
        c.FixBadPixelsConstant(1, 7),
        c.WarpFisheye(((1.0,) * 4,) * 9, 0.5, 0.5),
    )
    for opcode in bad:
        with pytest.raises(MetadataError):
            parse(serialise([opcode]))


def test_a_phones_opcode_list(shared_data):
    from scipy.io import loadmat

    path = shared_data("phone_dng_metadata") / "sidd_0001_galaxy_s6edge_METADATA_RAW_010.MAT"
    tags = loadmat(path, squeeze_me=True)["metadata"]["UnknownTags"].item()
    data = next(bytes(t["Value"].astype(np.uint8)) for t in tags if int(t["ID"]) == 51009)
    maps = parse(data)
    assert [(m.area.top, m.area.left) for m in maps] == [(0, 1), (0, 0), (1, 1), (1, 0)]
    assert all(m.gain.tolist() == [[[1.0]]] and m.area.row_pitch == 2 for m in maps)
    assert serialise(maps) == data


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_lists_raise_metadata_error_and_nothing_else(data):
    good = bytearray(serialise(EVERY_KIND))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    with contextlib.suppress(MetadataError):
        parse(bytes(good[:cut]) if data.draw(st.booleans()) else bytes(good))
