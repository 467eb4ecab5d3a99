"""Symmetries of the demosaicer: the phase of the filter array, crops and flips change nothing but the frame."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.demosaic import HALO_PX, DemosaicParams, demosaic

WB = (1.9, 1.0, 1.5)
# No step sees farther than this.
REACH_PX = 24


def frame_of(mosaic, cfa):
    info = FrameInfo("test", mosaic.shape, "mosaic", cfa=cfa)
    return Frame(np.ascontiguousarray(mosaic), Domain.MOSAIC, info, NoiseModel((1e-3,) * 3, (1e-5,) * 3, "simulated"))


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["RGGB", "BGGR", "GRBG", "GBRG"]), st.integers(0, 9), st.integers(0, 9),
    st.integers(2 * REACH_PX + 3, 90), st.integers(2 * REACH_PX + 3, 90), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_crop_is_part_of_the_whole(name, top, left, height, width, seed):
    mosaic = np.random.default_rng(seed).random((110, 110), np.float32)
    cfa = Cfa.from_name(name)
    whole = demosaic(frame_of(mosaic, cfa), WB).pixels
    part = demosaic(frame_of(mosaic[top : top + height, left : left + width], cfa.shifted(top, left)), WB).pixels
    inside = slice(REACH_PX, -REACH_PX)
    np.testing.assert_allclose(
        part[inside, inside], whole[top : top + height, left : left + width][inside, inside], atol=1e-4, rtol=1e-3
    )


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["RGGB", "GBRG"]), st.integers(0, 9), st.integers(1, 60), st.booleans(), st.integers(0, 2**32))
def test_a_band_is_part_of_the_whole(name, start, height, cut, seed):
    mosaic = np.random.default_rng(seed).random((180, 60), np.float32)
    frame = frame_of(mosaic, Cfa.from_name(name))
    start, stop = 16 * start, min(16 * start + height, 180)
    top, bottom = max(start - HALO_PX, 0), min(stop + HALO_PX, 180)
    rows = (start - top, stop - top) if cut else None
    band = demosaic(frame.rows(top, bottom), WB, rows=rows).pixels
    part = band if cut else band[start - top : stop - top]
    np.testing.assert_allclose(part, demosaic(frame, WB).pixels[start:stop], atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["RGGB", "GRBG"]), st.integers(4, 40), st.integers(4, 40), st.integers(0, 2**32 - 1))
def test_flips_and_transposition(name, rows, columns, seed):
    mosaic = np.random.default_rng(seed).random((2 * rows, 2 * columns), np.float32)
    cfa = Cfa.from_name(name)
    whole = demosaic(frame_of(mosaic, cfa), WB).pixels
    c = cfa.colours
    mirrored = Cfa(((c[0][1], c[0][0]), (c[1][1], c[1][0])))
    turned = Cfa(((c[0][0], c[1][0]), (c[0][1], c[1][1])))
    flip = demosaic(frame_of(mosaic[:, ::-1], mirrored), WB).pixels[:, ::-1]
    turn = demosaic(frame_of(mosaic.T, turned), WB).pixels.swapaxes(0, 1)
    np.testing.assert_allclose(flip, whole, atol=1e-4, rtol=1e-3)
    np.testing.assert_allclose(turn, whole, atol=1e-4, rtol=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 4), st.integers(0, 2**32 - 1))
def test_every_setting_gives_a_picture(caution, seed):
    mosaic = np.random.default_rng(seed).random((20, 24), np.float32)
    out = demosaic(frame_of(mosaic, Cfa.from_name("RGGB")), WB, DemosaicParams(noise_caution=caution)).pixels
    assert np.isfinite(out).all()
    assert out.min() > -1
    assert out.max() < 4
