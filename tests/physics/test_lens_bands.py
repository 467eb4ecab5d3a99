"""A corrected picture made of bands of rows is the corrected picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.core.corrections import (
    Area,
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    MapTable,
    OpcodeLists,
    PerRowOrColumn,
    TrimBounds,
    WarpFisheye,
    WarpRectilinear,
)
from lichtbild.stages.develop_display import make_proxy
from lichtbild.stages.lens import LensParams, correct, plan
from lichtbild.stages.lens.values import ValueRun
from lichtbild.stages.linearise import apply_linear

PLANES = WarpRectilinear(
    ((1.03, -0.08, 0.02, 0.0), (1.02, -0.07, 0.02, 0.0), (1.01, -0.08, 0.02, 0.0)), ((0.002, -0.001),) * 3, 0.47, 0.55
)
SHARED = WarpRectilinear(((0.9, 0.1, 0.02, 0.0),), ((0.0, 0.0),), 0.5, 0.5)
SHIFTED = WarpRectilinear(((1.0, 0.0, 0.0, 0.0),), ((0.0, 0.3),), 0.5, 0.5)  # far beyond the border
MAP = GainMap(
    Area(0, 0, 0, 0, 0, 3), 0.5, 0.5, 0.0, 0.0, np.float32([[1, 2, 1.5], [2, 1, 1.2], [1.1, 1.7, 1]])[..., None]
)
DENSE = dataclasses.replace(MAP, area=Area(0, 0, 0, 0, 1, 1), spacing_v=0.05, spacing_h=0.05)
VIGNETTE = FixVignetteRadial((0.4, 0.1, 0.0, 0.0, 0.0), 0.5, 0.45)
CURVE = MapPolynomial(Area(0, 0, 0, 0, 0, 3), (0.0, 0.9, 0.1))
TABLE = MapTable(Area(0, 0, 400, 500, 0, 1), np.linspace(0, 60000, 4096).astype(np.uint16))
LISTS = {
    "lateral colour": [PLANES],
    "one warp": [SHARED],
    "fisheye": [WarpFisheye(((1.0, -0.1, 0.0, 0.0),), 0.5, 0.5)],
    "beyond the border": [SHIFTED],
    "gains": [PLANES, MAP, VIGNETTE],
    "values before and after": [CURVE, DENSE, PLANES, TABLE, DENSE],
    "trimmed": [TrimBounds(5, 7, 330, 290), SHARED, TrimBounds(3, 0, 300, 280)],
    "values only": [DENSE, VIGNETTE, CURVE],
}


def picture(shape, ops, seed=None):
    rng = np.random.default_rng(seed)
    nodes = [-(-n // 16) + 1 for n in shape]
    info = FrameInfo(
        "shot.dng", shape, "linear", opcodes=OpcodeLists(after_demosaic=tuple(ops)),
        default_crop=(8, 8, shape[0] - 16, shape[1] - 16),
    )  # fmt: skip
    return Frame(
        rng.uniform(0, 1, (*shape, 3)).astype(np.float32),
        Domain.CAMERA_RGB,
        info,
        NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated"),
        n_effective=rng.uniform(1, 9, shape).astype(np.float32),
        gain=rng.uniform(1, 3, (*nodes, 3)).astype(np.float32),
    )


SIZES = [(48, (361, 300)), (128, (340, 333)), (16, (5, 40))]


@pytest.mark.parametrize(
    ("name", "rows", "shape"), [(n, *size) for n in LISTS for size in SIZES if n != "trimmed" or size[1][0] > 330]
)
def test_bands_are_the_rows_of_the_whole(name, rows, shape):
    frame = picture(shape, LISTS[name])
    whole = correct(frame)
    ready = plan(frame.info, frame.shape)
    assert ready is not None
    assert ready.can_be_banded
    assert ready.shape == whole.shape
    assert ready.default_crop == whole.info.default_crop
    for first in range(0, ready.shape[0], rows):
        last = min(first + rows, ready.shape[0])
        start, stop = ready.source_rows(first, last)
        part = frame.rows(start, stop)
        # Nothing around the band is looked at.
        alone = part.replaced(pixels=part.pixels.copy(), n_effective=part.n_effective.copy())
        band = ready.band(alone, start, first, last)
        assert np.array_equal(band.pixels, whole.pixels[first:last])
        assert np.array_equal(band.n_effective, whole.n_effective[first:last])
        assert np.allclose(band.gain, whole.rows(first, last).gain, rtol=1e-6)
        assert band.info.opcodes.after_demosaic == ()
        assert band.info.shape == whole.info.shape
        assert (band.noise.alpha, band.noise.correlation_px) == (whole.noise.alpha, whole.noise.correlation_px)


def test_a_band_reads_few_rows_more():
    info = picture((3000, 64), [PLANES]).info
    ready = plan(info, (3000, 4000))
    start, stop = ready.source_rows(1488, 1520)
    assert stop - start < 32 + 15 + 2 * 16
    assert start % 16 == 0


def test_values_in_bands_are_those_of_the_whole():
    """Against the code that does any list, pixel by pixel or not."""
    ops = [CURVE, DENSE, dataclasses.replace(DENSE, area=Area(0, 0, 0, 0, 0, 1)), VIGNETTE, TABLE]
    frame = picture((90, 70), ops)
    whole = apply_linear(frame, ops)
    run = ValueRun.of(ops, frame.shape, "")
    assert run is not None
    band = run.applied(frame.rows(32, 77), 32)
    assert np.allclose(band.pixels, whole.pixels[32:77], atol=1e-6)
    assert np.allclose(band.gain, whole.rows(32, 77).gain, rtol=1e-6)


@pytest.mark.parametrize(
    "ops",
    [[PLANES, CURVE, SHARED], [PerRowOrColumn(Area(0, 0, 0, 0, 0, 3), False, False, np.zeros(340, np.float32)), SHARED],
     [dataclasses.replace(CURVE, area=Area(0, 0, 10, 10, 0, 3)), SHARED]],
)  # fmt: skip
def test_lists_that_need_the_whole_say_so(ops):
    frame = picture((340, 333), ops)
    ready = plan(frame.info, frame.shape)
    assert not ready.can_be_banded
    with pytest.raises(ShapeError, match="no band"):
        ready.band(frame, 0, 0, 32)
    assert correct(frame).info.opcodes.after_demosaic == ()


def test_missing_rows_are_refused():
    frame = picture((340, 333), [PLANES])
    ready = plan(frame.info, frame.shape)
    start, stop = ready.source_rows(160, 192)
    with pytest.raises(ShapeError, match="needed"):
        ready.band(frame.rows(start, stop - 1), start, 160, 192)
    with pytest.raises(ShapeError, match="no band"):
        ready.band(frame, 0, 100, 132)


def test_without_a_list_there_is_no_plan():
    frame = picture((40, 40), [])
    assert plan(frame.info, frame.shape) is None
    warped = picture((40, 40), [SHARED])
    unbent = plan(warped.info, warped.shape, LensParams(geometry=False))
    assert np.array_equal(unbent.band(warped.rows(16, 40), 16, 16, 32).pixels, warped.pixels[16:32])


def test_proxy_of_the_uncorrected_picture():
    """Corrected after it was made small, a picture is what it is made small after it was corrected."""
    y, x = np.mgrid[0:600, 0:800] / 100
    smooth = np.stack([2 + np.sin(x + y), 2 + np.cos(1.3 * x), 2 + np.sin(0.7 * y - x)], -1)
    frame = picture((600, 800), [CURVE, PLANES, MAP]).replaced(pixels=(smooth / 4).astype(np.float32))
    small, cell = make_proxy(frame, 100)
    corrected = plan(frame.info, frame.shape).proxy(small, cell)
    wanted, _ = make_proxy(correct(frame), 100)
    assert corrected.shape == wanted.shape
    assert np.abs(corrected.pixels / wanted.pixels - 1).max() < 0.03
    assert np.abs(corrected.pixels / wanted.pixels - 1).mean() < 0.005
