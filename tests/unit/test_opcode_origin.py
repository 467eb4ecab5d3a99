"""OpcodeList1 of an image whose active area does not begin at its corner: what it names stays the same pixel."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.capture.dng.opcode_origin import in_active_area
from lichtbild.core.corrections import (
    Area,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    PerRowOrColumn,
    TrimBounds,
)

STORED, ACTIVE = (40, 60), (3, 5, 37, 58)


def moved(opcode):
    return in_active_area((opcode,), STORED, ACTIVE)[0]


def test_the_whole_image_is_left_alone():
    opcode = FixBadPixelsList(0, ((1, 2),), ())
    assert in_active_area((opcode,), STORED, (0, 0, *STORED))[0] is opcode


def test_bad_pixels():
    opcode = moved(FixBadPixelsList(0, ((3, 5), (2, 20), (10, 4), (20, 30)), ((0, 0, 3, 9), (1, 2, 6, 9))))
    assert opcode.points == ((0, 0), (17, 25))
    assert opcode.rectangles == ((0, 0, 3, 4),)
    # Red at (0, 0) of the stored image lies at (1, 1) of one that begins at (3, 5): phase 3.
    assert opcode.bayer_phase == 3


@pytest.mark.parametrize(("top", "left"), [(0, 0), (1, 4), (10, 11)])
def test_rows_and_columns_keep_their_values(top, left):
    """A marked image, processed before the cut and after it."""
    area = Area(top, left, 38, 57, row_pitch=2, column_pitch=3)
    for is_column in (False, True):
        n = len(range(left, 57, 3)) if is_column else len(range(top, 38, 2))
        values = np.arange(1, n + 1, dtype=np.float32)
        stored, active = np.zeros(STORED), np.zeros((34, 53))
        for image, opcode in (
            (stored, PerRowOrColumn(area, False, is_column, values)),
            (active, moved(PerRowOrColumn(area, False, is_column, values))),
        ):
            a = opcode.area
            view = image[a.top : a.bottom : a.row_pitch, a.left : a.right : a.column_pitch]
            shape = (1, -1) if is_column else (-1, 1)
            view += opcode.values[: view.shape[1] if is_column else view.shape[0]].reshape(shape)
        np.testing.assert_array_equal(active, stored[3:37, 5:58])


def test_gain_maps_keep_their_nodes():
    opcode = moved(GainMap(Area(0, 0, *STORED), 0.25, 0.5, 0.1, 0.2, np.ones((4, 2, 1), np.float32)))
    for node in range(4):
        before = (0.1 + 0.25 * node) * STORED[0] - 3
        assert (opcode.origin_v + opcode.spacing_v * node) * 34 == pytest.approx(before)
    assert opcode.origin_h * 53 == pytest.approx(0.2 * 60 - 5)


def test_others():
    assert moved(TrimBounds(2, 7, 39, 60)) == TrimBounds(0, 2, 34, 53)
    assert moved(MapPolynomial(Area(3, 6, 20, 30), (0.0, 1.0))).area == Area(0, 1, 17, 25)
    radial = FixVignetteRadial((0.1,) * 5, 0.5, 0.5)
    assert moved(radial) is radial
