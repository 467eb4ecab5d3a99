"""Lens corrections against optics: lines of the scene come out straight, at their place, in register and evenly lit."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.corrections import (
    Area,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    OpcodeLists,
    TrimBounds,
    WarpFisheye,
    WarpRectilinear,
    WarpRectilinear2,
)
from lichtbild.stages.lens import LensParams, correct

SHAPE = (330, 440)
NOISE = NoiseModel((2e-4, 3e-4, 4e-4), (2e-6,) * 3, "simulated")


def frame_of(rgb, ops, **changes):
    info = FrameInfo("test", rgb.shape[:2], "linear", opcodes=OpcodeLists(after_demosaic=tuple(ops)))
    return Frame(np.ascontiguousarray(rgb, np.float32), Domain.CAMERA_RGB, info, NOISE, **changes)


def undistorted(model, shape, centre):
    """Where each pixel of a distorted picture lies in the scene, by fixed-point iteration on `model`, which gives the
    distorted place (relative to the centre, in units of the farthest corner) of a straight one."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    cy, cx = centre[1] * shape[0], centre[0] * shape[1]
    m = np.hypot(max(cy, shape[0] - cy), max(cx, shape[1] - cx))
    qy, qx = (y - cy) / m, (x - cx) / m
    py, px = qy.copy(), qx.copy()
    for _ in range(60):
        sy, sx = model(py, px)
        py, px = py + (qy - sy), px + (qx - sx)
    return py * m + cy, px * m + cx


def grid_lines(y, x, spacing, width=1.2):
    """Soft bright lines at multiples of `spacing` (and half a spacing off the edge)."""

    def profile(t):
        d = (t / spacing - 0.5) - np.rint(t / spacing - 0.5)
        return np.exp(-0.5 * (d * spacing / width) ** 2)

    return np.maximum(profile(y), profile(x))


def line_errors(plane, spacing):
    """Distance of every line from its place, px, along rows and columns away from crossings."""
    errors = []
    for image in (plane, plane.T):
        length, n = image.shape
        for k in range(n // spacing):
            at = (k + 0.5) * spacing
            low, high = int(at) - 6, int(at) + 7
            if low < 2 or high > n - 2:
                continue
            for row in range(spacing, length - spacing, 7):
                if abs((row + 0.5) / spacing % 1 - 0.5) < 0.25:
                    continue  # near a crossing line
                weight = image[row, low:high]
                errors.append((weight * (np.arange(low, high) + 0.5)).sum() / weight.sum() - at)
    return np.array(errors)


def rectilinear(kr, kt=(0.0, 0.0)):
    def model(dy, dx):
        r2 = dy**2 + dx**2
        f = sum(k * r2**i for i, k in enumerate(kr))
        return (f * dy + kt[0] * (r2 + 2 * dy**2) + 2 * kt[1] * dx * dy,
                f * dx + kt[1] * (r2 + 2 * dx**2) + 2 * kt[0] * dx * dy)  # fmt: skip

    return model


BARREL = (1.0, -0.12, 0.03, -0.01)


@pytest.mark.parametrize(
    ("kr", "kt", "centre"),
    [
        (BARREL, (0.0, 0.0), (0.5, 0.5)),
        (BARREL, (0.002, -0.003), (0.47, 0.54)),
        ((0.97, 0.05, 0.0, 0.0), (0.0, 0.0), (0.5, 0.5)),
    ],
)
def test_lines_are_straight_and_in_place(kr, kt, centre):
    y, x = undistorted(rectilinear(kr, kt), SHAPE, centre)
    rgb = np.repeat(grid_lines(y, x, 40)[..., None], 3, axis=2)
    out = correct(frame_of(rgb, [WarpRectilinear((kr,), (kt,), *centre)]))
    before = line_errors(rgb[:, :, 1], 40)
    errors = line_errors(out.pixels[:, :, 1], 40)
    assert np.abs(before).max() > 1  # the picture was bent
    assert np.abs(errors).max() < 0.1
    assert out.info.opcodes.after_demosaic == ()


def test_lateral_colour_is_put_in_register():
    planes = [(k * 1.0, *BARREL[1:]) for k in (1.002, 1.0, 0.997)]
    rgb = np.stack([grid_lines(*undistorted(rectilinear(kr), SHAPE, (0.5, 0.5)), 40) for kr in planes], axis=2)
    out = correct(frame_of(rgb, [WarpRectilinear(tuple(planes), ((0.0, 0.0),) * 3, 0.5, 0.5)])).pixels
    green = line_errors(out[:, :, 1], 40)
    for plane in (0, 2):
        assert np.abs(line_errors(out[:, :, plane], 40) - green).max() < 0.05
        assert np.sqrt(((out[:, :, plane] - out[:, :, 1])[20:-20, 20:-20] ** 2).mean()) < 0.01


def test_fifteen_terms_and_their_reciprocal():
    """WarpRectilinear2 with odd terms; the reciprocal form of 1 / f is f."""
    kr = (1.0, 0.01, -0.1, 0.02, 0.03) + (0.0,) * 10

    def model(dy, dx):
        r = np.sqrt(dy**2 + dx**2)
        f = sum(k * r**i for i, k in enumerate(kr))
        return f * dy, f * dx

    y, x = undistorted(model, SHAPE, (0.5, 0.5))
    rgb = np.repeat(grid_lines(y, x, 40)[..., None], 3, axis=2)
    warp = WarpRectilinear2((kr,), ((0.0, 0.0),), ((0.0, 1.0),), 0.5, 0.5, False)
    out = correct(frame_of(rgb, [warp])).pixels
    assert np.abs(line_errors(out[:, :, 1], 40)).max() < 0.1

    r = np.linspace(0, 1, 400)
    inverse = np.polynomial.polynomial.polyfit(r, 1 / sum(k * r**i for i, k in enumerate(kr)), 14)
    same = correct(frame_of(rgb, [WarpRectilinear2((tuple(inverse),), ((0.0, 0.0),), ((0.0, 1.0),), 0.5, 0.5, True)]))
    assert np.abs(same.pixels - out).max() < 0.02


def test_valid_range_holds_the_ratio():
    """Beyond the valid radius the ratio stays what it is there, so that the picture is only scaled."""
    rng = np.random.default_rng(20261122)
    rgb = rng.uniform(size=(*SHAPE, 3))
    inside = WarpRectilinear2(((1.0,) + (0.0, -0.2) + (0.0,) * 12,), ((0.0, 0.0),), ((0.0, 1e-9),), 0.5, 0.5, False)
    assert np.array_equal(correct(frame_of(rgb, [inside])).pixels, rgb.astype(np.float32))


def test_fisheye_lines():
    """An equidistant fisheye (radius = angle): lines of the scene, projected in three dimensions, come out straight."""
    shape, spacing = SHAPE, 40
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    cy, cx = shape[0] / 2, shape[1] / 2
    m = np.hypot(cy, cx)
    angle = np.hypot(y - cy, x - cx) / m  # rad
    straight = np.tan(np.minimum(angle, 1.5))
    scale = np.divide(straight, angle, out=np.ones_like(angle), where=angle > 0)
    rgb = np.repeat(grid_lines(cy + (y - cy) * scale, cx + (x - cx) * scale, spacing)[..., None], 3, axis=2)
    out = correct(frame_of(rgb, [WarpFisheye(((1.0, 0.0, 0.0, 0.0),), 0.5, 0.5)])).pixels
    assert np.abs(line_errors(rgb[:, :, 1], spacing)).max() > 2
    assert np.abs(line_errors(out[:, :, 1], spacing)).max() < 0.1


def test_no_warp_changes_nothing():
    rng = np.random.default_rng(20261122)
    rgb = rng.uniform(size=(*SHAPE, 3))
    same = WarpRectilinear(((1.0, 0.0, 0.0, 0.0),), ((0.0, 0.0),), 0.5, 0.5)
    assert np.array_equal(correct(frame_of(rgb, [same])).pixels, rgb.astype(np.float32))
    frame = frame_of(rgb, [])
    assert correct(frame) is frame
    bent = WarpRectilinear((BARREL,), ((0.0, 0.0),), 0.5, 0.5)
    assert np.array_equal(correct(frame_of(rgb, [bent]), LensParams(geometry=False)).pixels, rgb.astype(np.float32))


def test_flat_field_stays_flat_through_everything():
    """Vignetting before, a gain map behind a warp, each by its own geometry: a white wall comes out white."""
    shape = (768, 1024)
    warp = WarpRectilinear((BARREL,), ((0.0, 0.0),), 0.5, 0.5)
    fall_off = FixVignetteRadial((0.8, 0.3, 0.0, 0.0, 0.0), 0.5, 0.5)
    v, h = np.mgrid[0:7, 0:9]
    nodes = (1 + 0.1 * np.hypot(v / 6 - 0.5, h / 8 - 0.5))[..., None].astype(np.float32)
    behind = GainMap(Area(0, 0, *shape, 0, 3), 1 / 6, 1 / 8, 0.0, 0.0, nodes)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    r2 = ((y - 384) ** 2 + (x - 512) ** 2) / (384**2 + 512**2)
    wall = np.repeat((1 / (1 + 0.8 * r2 + 0.3 * r2**2))[..., None], 3, axis=2)
    out = correct(frame_of(wall, [fall_off, warp, behind]))
    columns = np.stack([np.interp((np.arange(1024) + 0.5) / 1024 * 8, np.arange(9), row) for row in nodes[..., 0]])
    expected = np.stack([np.interp((np.arange(768) + 0.5) / 768 * 6, np.arange(7), c) for c in columns.T], axis=1)
    assert np.abs(out.pixels / expected[..., None] - 1).max() < 2e-3
    assert out.gain is not None


def test_noise_gain_and_count_follow_the_pixels():
    """What the frame claims about its noise after a warp is what it has."""
    shape = (192, 256)
    rng = np.random.default_rng(20261122)
    nodes = np.linspace(1, 2, 9, dtype=np.float32)[None, :, None]
    old_gain = np.ascontiguousarray(
        1 + np.arange(17, dtype=np.float32)[None, :, None] / 16 * np.ones((13, 1, 3)), np.float32
    )
    n = np.where(np.arange(256) < 128, 4.0, 1.0).astype(np.float32) * np.ones((192, 1), np.float32)
    warp = WarpRectilinear((BARREL,), ((0.0, 0.0),), 0.5, 0.5)
    more = GainMap(Area(0, 0, *shape, 0, 3), 1.0, 1 / 8, 0.0, 0.0, nodes)
    light = 0.3
    start = frame_of(np.full((*shape, 3), light), [more, warp], gain=old_gain, n_effective=n)
    sigma = np.sqrt(start.variance())
    outs = [
        correct(start.replaced(pixels=(light + rng.normal(size=(*shape, 3)) * sigma).astype(np.float32)))
        for _ in range(80)
    ]
    stack = np.stack([o.pixels for o in outs])
    claimed = outs[0].replaced(pixels=stack.mean(axis=0)).variance()
    ratio = stack.var(axis=0, ddof=1) / claimed
    away = np.abs(np.arange(256) - 128) > 24  # the step of n_effective is wider after interpolation
    away &= (np.arange(256) >= 16) & (np.arange(256) < 240)
    # The claim is an average over places between pixels, all of which come up in a part of the picture.
    for part in (away & (np.arange(256) < 128), away & (np.arange(256) > 128)):
        assert abs(ratio[16:176, part].mean() - 1) < 0.03
    assert outs[0].noise.correlation_px > 0.3


def test_old_and_new_gain_are_both_remembered():
    """A wall of light 1, shaded and corrected before, then corrected and warped: `gain` is what the pixels show."""
    shape = (512, 768)
    warp = WarpRectilinear((BARREL,), ((0.0, 0.0),), 0.5, 0.5)
    before = np.ascontiguousarray(
        np.linspace(1, 2, 49, dtype=np.float32)[None, :, None] * np.ones((33, 1, 3), np.float32)
    )
    down = GainMap(Area(0, 0, *shape, 0, 3), 1.0, 1.0, 0.0, 0.0, np.array([[[1.0]], [[3.0]]], np.float32))
    wall = frame_of(np.ones((*shape, 3)), [down, warp], gain=before)
    out = correct(wall.replaced(pixels=np.ascontiguousarray(wall.gain_at_full_size(), np.float32)))
    assert out.gain.shape == (33, 49, 3)
    assert np.abs(out.gain_at_full_size() / out.pixels - 1)[4:-4, 4:-4].max() < 2e-3


def test_order_of_the_list_and_trims():
    """A trim before a warp moves its centre; values change where they stand in the list."""
    rng = np.random.default_rng(20261122)
    rgb = rng.uniform(size=(*SHAPE, 3))
    warp = WarpRectilinear((BARREL,), ((0.0, 0.0),), 0.5, 0.5)
    trim = TrimBounds(20, 30, 310, 420)
    whole = correct(frame_of(rgb, [trim, warp]))
    apart = correct(frame_of(rgb[20:310, 30:420], [warp]))
    assert whole.info.shape == whole.shape == (290, 390)
    assert np.abs(whole.pixels - apart.pixels)[8:-8, 8:-8].max() < 2e-2  # 1/256 px may round the other way
    after = correct(frame_of(rgb, [warp, trim]))
    assert np.abs(after.pixels - correct(frame_of(rgb, [warp])).pixels[20:310, 30:420]).max() < 2e-2
    squared = MapPolynomial(Area(0, 0, *SHAPE, 0, 3), (0.0, 0.0, 1.0))
    expected = correct(frame_of(rgb, [warp])).pixels ** 2
    assert np.allclose(correct(frame_of(rgb, [warp, squared])).pixels, expected, atol=1e-6)
    assert not np.allclose(correct(frame_of(rgb, [squared, warp])).pixels, expected, atol=1e-2)


def test_bad_pixels_after_demosaicing():
    rgb = np.full((40, 50, 3), 0.25)
    rgb[20, 30] = 1.0
    out = correct(frame_of(rgb, [FixBadPixelsList(0, ((20, 30),), ())]))
    assert np.allclose(out.pixels, 0.25)
