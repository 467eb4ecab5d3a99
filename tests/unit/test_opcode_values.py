"""Opcodes that change values: where they reach, in which units, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, Levels, MetadataError, NoiseModel, ShapeError
from lichtbild.core.corrections import (
    Area,
    FixBadPixelsConstant,
    FixBadPixelsList,
    GainMap,
    MapPolynomial,
    MapTable,
    OpcodeLists,
    PerRowOrColumn,
    TrimBounds,
)
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.linearise import linearise

NOISE = NoiseModel((2e-4,) * 3, (2e-6,) * 3, "simulated")
WHOLE = Area(0, 0, 0, 0)


def linear(pixels, *ops, **info):
    fields = {"shape": pixels.shape[:2], "kind": "mosaic", "cfa": Cfa.from_name("RGGB")} | info
    fields["opcodes"] = OpcodeLists(on_linear=tuple(ops))
    return linearise(Frame(np.asarray(pixels, np.float32), Domain.MOSAIC, FrameInfo("test.dng", **fields), NOISE))


def stored(pixels, *ops, black=100.0, white=1100.0, **info):
    fields = {"shape": pixels.shape[:2], "kind": "mosaic", "cfa": Cfa.from_name("RGGB")} | info
    fields["opcodes"] = OpcodeLists(on_stored=tuple(ops))
    fields["levels"] = Levels(np.full((1, 1, 1), black, np.float32), (white,))
    return linearise(Frame(pixels, Domain.MOSAIC, FrameInfo("test.dng", **fields), NOISE))


def test_polynomial_in_both_lists():
    """In list 2 x is 0..1, in list 1 it is the stored number."""
    rng = np.random.default_rng(20261122)
    x = rng.uniform(-0.1, 1, (20, 30)).astype(np.float32)
    out = linear(x, MapPolynomial(WHOLE, (0.01, 0.9, 0.1))).pixels
    assert np.allclose(out, 0.01 + 0.9 * x + 0.1 * x**2, atol=1e-6)
    v = rng.integers(0, 1000, (20, 30)).astype(np.uint16)
    out = stored(v, MapPolynomial(WHOLE, (100.0, 1.0))).pixels
    assert np.allclose(out, v / 1000, atol=1e-6)


def test_table_in_both_lists():
    """A table maps 16-bit numbers; its last entry repeats."""
    table = np.minimum(np.arange(500) * 2, 900).astype(np.uint16)
    v = np.arange(600, dtype=np.uint16).reshape(20, 30)
    out = stored(v, MapTable(WHOLE, table)).pixels
    assert np.allclose(out, (np.minimum(np.minimum(v, 499) * 2, 900) - 100.0) / 1000, atol=1e-6)
    full = (np.arange(65536) // 2).astype(np.uint16)
    x = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    assert np.allclose(linear(x, MapTable(WHOLE, full)).pixels, x / 2, atol=1 / 65535)


@pytest.mark.parametrize("is_scale", [True, False])
@pytest.mark.parametrize("is_column", [True, False])
def test_rows_and_columns(is_scale, is_column):
    """The touched rows (every second one from row 3 on here) get one number each."""
    rng = np.random.default_rng(20261122)
    x = rng.uniform(size=(21, 30)).astype(np.float32)
    area = Area(3, 4, 17, 27, row_pitch=2, column_pitch=3)
    n = len(range(4, 27, 3)) if is_column else len(range(3, 17, 2))
    values = rng.uniform(0.5, 1.5, n).astype(np.float32)
    out = linear(x, PerRowOrColumn(area, is_scale, is_column, values)).pixels
    expected = x.astype(np.float64)
    for i, row in enumerate(range(3, 17, 2)):
        for j, column in enumerate(range(4, 27, 3)):
            number = values[j if is_column else i]
            expected[row, column] = expected[row, column] * number if is_scale else expected[row, column] + number
    assert np.allclose(out, expected, atol=1e-6)


def test_a_map_of_a_part_of_the_image():
    """Only the area changes, by a gain whose nodes count from the whole image."""
    x = np.ones((64, 80), np.float32)
    ramp = np.array([1, 2], np.float32)[None, :, None]
    out = linear(x, GainMap(Area(10, 20, 40, 60), 1.0, 1.0, 0.0, 0.0, ramp))
    expected = np.ones((64, 80))
    expected[10:40, 20:60] = 1 + (np.arange(20, 60) + 0.5) / 80
    assert np.allclose(out.pixels, expected, atol=1e-6)
    assert abs(out.gain_at_full_size()[24, 40, 1] - expected[24, 40]) < 0.01
    assert out.gain_at_full_size()[60, 70, 1] == 1


def test_a_map_for_another_plane_changes_nothing():
    x = np.ones((20, 30), np.float32)
    twice = np.full((1, 1, 1), 2, np.float32)
    assert np.array_equal(linear(x, GainMap(Area(0, 0, 20, 30, plane=1), 1.0, 1.0, 0.0, 0.0, twice)).pixels, x)


def test_order_matters():
    x = np.full((20, 30), 0.5, np.float32)
    twice = GainMap(WHOLE, 1.0, 1.0, 0.0, 0.0, np.full((1, 1, 1), 2, np.float32))
    more = PerRowOrColumn(Area(0, 0, 20, 30), False, False, np.full(20, 0.1, np.float32))
    assert np.allclose(linear(x, twice, more).pixels, 1.1)
    assert np.allclose(linear(x, more, twice).pixels, 1.2)


@pytest.mark.parametrize("name", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_bad_pixels_get_their_own_colour(name):
    """In a picture of one flat colour a mended pixel has the level of its own filter, also in clusters and corners."""
    colours = np.array([0.2, 0.5, 0.8])
    truth = colours[cfa_plane_index(Cfa.from_name(name), (40, 50))].astype(np.float32)
    points = ((0, 0), (0, 1), (39, 49), (20, 21), (20, 23), (21, 22), (22, 21))
    broken = truth.copy()
    for r, c in points:
        broken[r, c] = 5
    broken[5:9, 10:13] = 5
    op = FixBadPixelsList(0, (*points, (-1, 4), (400, 3)), ((5, 10, 9, 13), (30, 45, 99, 44)))
    assert np.allclose(linear(broken, op, cfa=Cfa.from_name(name)).pixels, truth, atol=1e-6)


def test_bad_pixels_by_constant():
    v = np.full((20, 30), 600, np.uint16)
    v[4, 5] = v[7, 7] = 0
    out = stored(v, FixBadPixelsConstant(0, 0)).pixels
    assert np.allclose(out, 0.5)
    with pytest.raises(MetadataError, match="marked bad"):
        stored(np.zeros((20, 30), np.uint16), FixBadPixelsConstant(0, 0))


def test_an_edge_is_followed_by_mended_pixels():
    truth = np.full((30, 40), 0.1, np.float32)
    truth[:, 20:] = 0.9
    broken = truth.copy()
    broken[14, 20], broken[15, 19] = 0.0, 1.0
    out = linear(broken, FixBadPixelsList(0, ((14, 20), (15, 19)), ())).pixels
    assert np.allclose(out, truth)


@pytest.mark.parametrize("which", ["stored", "linear"])
def test_trimming_moves_everything(which):
    """Pixels keep their colour, black and crop when rows and columns are cut away."""
    rng = np.random.default_rng(20261122)
    shape = (20, 30)
    black = rng.uniform(10, 90, (2, 4, 1)).astype(np.float32)
    delta_v, delta_h = rng.normal(size=20).astype(np.float32), rng.normal(size=30).astype(np.float32)
    info = FrameInfo("test", shape, "mosaic", cfa=Cfa.from_name("RGGB"), default_crop=(2, 2, 15, 24),
                     levels=Levels(black, (1000.0,), delta_v, delta_h))  # fmt: skip
    trim = (TrimBounds(3, 6, 18, 29),)
    lists = OpcodeLists(on_stored=trim) if which == "stored" else OpcodeLists(on_linear=trim)
    pixels = rng.integers(0, 1000, shape).astype(np.uint16)
    whole = linearise(Frame(pixels, Domain.MOSAIC, info, NOISE))
    cut = linearise(Frame(pixels, Domain.MOSAIC, info, NOISE).with_info(opcodes=lists))
    ratio = whole.pixels[3:18, 6:29] / cut.pixels  # the largest black of the rest may be another
    assert np.allclose(ratio, ratio[0, 0], rtol=1e-4)
    assert cut.info.shape == cut.shape == (15, 23)
    assert cut.info.cfa == Cfa.from_name("RGGB").shifted(3, 6)
    assert cut.info.default_crop == (0, 0, 14, 20)


def test_gain_and_trim():
    """A gain before a trim keeps its place in the scene."""
    ramp = np.linspace(1, 3, 5, dtype=np.float32)[None, :, None]
    op = GainMap(WHOLE, 1.0, 1 / 4, 0.0, 0.0, ramp)
    out = linear(np.ones((64, 160), np.float32), op, TrimBounds(7, 33, 60, 150))
    assert np.abs(out.gain_at_full_size()[..., 0] - out.pixels).max() < 5e-3


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (TrimBounds(0, 0, 99, 10), "TrimBounds"),
        (TrimBounds(5, 5, 5, 10), "TrimBounds"),
        (PerRowOrColumn(Area(0, 0, 20, 30), True, False, np.ones(3, np.float32)), "brings 3 numbers"),
    ],
)
def test_what_is_refused(op, message):
    with pytest.raises(MetadataError, match=message) as caught:
        linear(np.ones((20, 30), np.float32), op)
    assert "test.dng" in str(caught.value)


def test_levels_that_make_no_sense():
    pixels = np.ones((20, 30), np.uint16)
    with pytest.raises(MetadataError, match="not above black"):
        stored(pixels, black=100.0, white=100.0)
    with pytest.raises(MetadataError, match="not above black"):
        stored(pixels, black=np.nan)
    bad = Levels(np.zeros((1, 1, 1), np.float32), (100.0,), black_delta_v=np.zeros(3, np.float32))
    info = FrameInfo("x", (20, 30), "mosaic", cfa=Cfa.from_name("RGGB"), levels=bad)
    with pytest.raises(MetadataError, match="deltas"):
        linearise(Frame(pixels, Domain.MOSAIC, info, NOISE))
    linear_u16 = FrameInfo("x", (20, 30), "mosaic", cfa=Cfa.from_name("RGGB"))
    with pytest.raises(MetadataError, match="without black"):
        linearise(Frame(pixels, Domain.MOSAIC, linear_u16, NOISE))
    with pytest.raises(ShapeError, match="too small"):
        linear(np.ones((1, 30), np.float32))


def test_areas_beyond_the_image():
    """Areas that reach outside, or lie outside, touch only what is there."""
    x = np.ones((20, 30), np.float32)
    polynomial = MapPolynomial(Area(-4, -6, 500, 700, row_pitch=3), (0.0, 2.0))
    expected = np.ones((20, 30))
    expected[2::3] = 2
    assert np.allclose(linear(x, polynomial).pixels, expected)
    assert np.allclose(linear(x, MapPolynomial(Area(100, 100, 120, 130), (0.0, 2.0))).pixels, x)
