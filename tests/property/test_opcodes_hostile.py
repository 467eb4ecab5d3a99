"""Opcodes with any numbers at all: a picture or a typed error naming the file, and nothing else."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, Levels, LichtbildError, NoiseModel
from lichtbild.core.corrections import (
    Area,
    FixBadPixelsConstant,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    MapTable,
    OpcodeLists,
    PerRowOrColumn,
    TrimBounds,
    WarpFisheye,
    WarpRectilinear,
    WarpRectilinear2,
)
from lichtbild.stages.lens import correct
from lichtbild.stages.linearise import linearise

SHAPE = (20, 30)
NOISE = NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated")

small = st.floats(-2, 2)
number = st.one_of(
    small, small, small, st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 999])
)
fraction = st.one_of(st.floats(0, 1), number)
place = st.one_of(st.integers(-2, 32), st.sampled_from([0, 20, 30, -1, 2**31 - 1, 2**32 - 1]))
count = st.one_of(st.integers(1, 4), st.sampled_from([2**31 - 1]))
areas = st.one_of(
    st.just(Area(0, 0, *SHAPE, 0, 3)),
    st.builds(Area, place, place, place, place, st.integers(0, 3), count, count, count),
)


def numbers(n):
    return st.tuples(*[number] * n)


def arrays(*shape):
    return st.lists(number, min_size=math.prod(shape), max_size=math.prod(shape)).map(
        lambda values: np.clip(np.array(values), -1e38, 1e38).astype(np.float32).reshape(shape)
    )


opcodes = st.one_of(
    st.builds(GainMap, areas, number, number, number, number, arrays(2, 3, 1), optional=st.booleans()),
    st.builds(WarpRectilinear, st.tuples(*[numbers(4)] * 3), st.tuples(*[numbers(2)] * 3), fraction, fraction),
    st.builds(WarpRectilinear2, st.tuples(numbers(15)), st.tuples(numbers(2)), st.tuples(st.tuples(fraction, fraction)),
              fraction, fraction, st.booleans()),
    st.builds(WarpFisheye, st.tuples(numbers(4)), fraction, fraction),
    st.builds(FixVignetteRadial, numbers(5), fraction, fraction),
    st.builds(FixBadPixelsConstant, st.integers(0, 2**32 - 1), st.integers(0, 3)),
    st.builds(FixBadPixelsList, st.just(0), st.lists(st.tuples(place, place), max_size=4).map(tuple),
              st.lists(st.tuples(place, place, place, place), max_size=2).map(tuple)),
    st.builds(TrimBounds, place, place, place, place),
    st.builds(MapTable, areas, st.lists(st.integers(0, 65535), max_size=9).map(lambda t: np.array(t, np.uint16))),
    st.builds(MapPolynomial, areas, st.lists(number, max_size=5).map(tuple)),
    st.builds(PerRowOrColumn, areas, st.booleans(), st.booleans(), arrays(20)),
)  # fmt: skip
lists = st.lists(opcodes, min_size=1, max_size=4).map(tuple)
BOUNDED = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(work, frame):
    out, refusal = None, None
    try:
        out = work(frame)
    except LichtbildError as error:
        refusal = error
    if out is None:
        assert refusal.where == "hostile.dng"
        return
    assert out.pixels.dtype == np.float32
    assert out.info.shape == out.shape
    assert np.isfinite(out.pixels).all()
    if out.gain is not None:
        assert np.isfinite(out.gain).all()
        assert out.gain.shape[:2] == tuple(-(-n // 16) + 1 for n in out.shape)


@BOUNDED
@given(lists, st.sampled_from(["stored", "linear"]))
def test_mosaic(ops, which):
    stored = np.arange(600, dtype=np.uint16).reshape(SHAPE)
    opcodes = OpcodeLists(on_stored=ops) if which == "stored" else OpcodeLists(on_linear=ops)
    info = FrameInfo("hostile.dng", SHAPE, "mosaic", cfa=Cfa.from_name("RGGB"), opcodes=opcodes,
                     levels=Levels(np.zeros((1, 1, 1), np.float32), (600.0,)))  # fmt: skip
    survives(linearise, Frame(stored, Domain.MOSAIC, info, NOISE))


@BOUNDED
@given(lists)
def test_rgb(ops):
    rgb = np.linspace(0, 1, 1800, dtype=np.float32).reshape(*SHAPE, 3)
    info = FrameInfo("hostile.dng", SHAPE, "linear", opcodes=OpcodeLists(after_demosaic=ops))
    survives(correct, Frame(rgb, Domain.CAMERA_RGB, info, NOISE))
