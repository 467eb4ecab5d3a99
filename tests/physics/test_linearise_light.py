"""Linearise against light: a sensor simulated forwards comes back, whatever the file's way of writing it down."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, Levels, NoiseModel
from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap, OpcodeLists
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.linearise import linearise

NOISE = NoiseModel((2e-4,) * 3, (2e-6,) * 3, "simulated")


def mosaic_frame(stored, cfa="RGGB", **info):
    fields = {"name": "test", "shape": stored.shape[:2], "kind": "mosaic", "cfa": Cfa.from_name(cfa)}
    return Frame(stored, Domain.MOSAIC, FrameInfo(**(fields | info)), NOISE)


def phone_maps(shape, corner=2.3, n_v=13, n_h=17):
    """Four maps, one a site of the 2x2 cell, each with another corner gain."""
    v, h = np.mgrid[0:n_v, 0:n_h]
    r2 = ((v / (n_v - 1) - 0.5) ** 2 + (h / (n_h - 1) - 0.5) ** 2) * 2
    return tuple(
        GainMap(
            Area(site // 2, site % 2, *shape, 0, 1, 2, 2),
            1 / (n_v - 1), 1 / (n_h - 1), 0.0, 0.0,
            (1 + (corner - 1 + 0.2 * site) * r2)[..., None].astype(np.float32),
        )
        for site in range(4)
    )  # fmt: skip


def bilinear(op, shape):
    """The map at every pixel centre, by its definition, one pixel at a time along each axis."""
    n_v, n_h, _ = op.gain.shape
    y = np.clip(((np.arange(shape[0]) + 0.5) / shape[0] - op.origin_v) / op.spacing_v, 0, n_v - 1)
    x = np.clip(((np.arange(shape[1]) + 0.5) / shape[1] - op.origin_h) / op.spacing_h, 0, n_h - 1)
    by_column = np.stack([np.interp(x, np.arange(n_h), row) for row in op.gain[:, :, 0]])
    return np.stack([np.interp(y, np.arange(n_v), column) for column in by_column.T], axis=1)


@pytest.mark.parametrize("shape", [(96, 128), (151, 203), (17, 33)])
def test_flat_field_comes_back_flat(shape):
    """A white wall through a lens that shades every site differently is flat to rounding of the stored numbers."""
    maps = phone_maps(shape)
    shading = np.empty(shape)
    for site, op in enumerate(maps):
        own = bilinear(op, shape)
        shading[site // 2 :: 2, site % 2 :: 2] = 1 / own[site // 2 :: 2, site % 2 :: 2]
    black, white = 4096.0, 65535.0
    stored = np.rint(black + 0.7 * shading * (white - black)).astype(np.uint16)
    levels = Levels(np.full((2, 2, 1), black, np.float32), (white,))
    out = linearise(mosaic_frame(stored, levels=levels, opcodes=OpcodeLists(on_linear=maps)))
    assert np.abs(out.pixels / 0.7 - 1).max() < 3.0 / (white - black) / 0.25  # half a step, times the largest gain
    assert out.info.levels is None
    assert out.info.opcodes == OpcodeLists()
    assert out.gain is not None


def test_variance_follows_the_gain():
    """The noise that the frame claims after the gain maps is the noise it has, everywhere in the picture."""
    shape = (192, 256)
    maps = phone_maps(shape, corner=3.0)
    rng = np.random.default_rng(20261122)
    truth, step = 0.05, 1 / 60000
    levels = Levels(np.full((1, 1, 1), 2000, np.float32), (62000.0,))
    frames = []
    for _ in range(60):
        light = truth + rng.normal(size=shape) * np.sqrt(2e-4 * truth + 2e-6)
        stored = np.rint(light / step + 2000).astype(np.uint16)
        frames.append(linearise(mosaic_frame(stored, levels=levels, opcodes=OpcodeLists(on_linear=maps))))
    stack = np.stack([f.pixels for f in frames])
    # Pixels hold truth * g: alpha g s + beta g^2 at s = truth * g must give g^2 times the sensor's variance.
    ratio = stack.var(axis=0, ddof=1) / frames[0].replaced(pixels=stack.mean(axis=0)).variance()
    blocks = ratio.reshape(12, 16, 16, 16).mean(axis=(1, 3))
    assert np.abs(blocks - 1).max() < 6 * np.sqrt(2 / 59 / 256)  # six standard errors of 256 variances of 60 samples


def test_noise_below_black_is_not_clipped():
    rng = np.random.default_rng(20261122)
    stored = np.clip(np.rint(rng.normal(64, 5, (200, 300))), 0, 1023).astype(np.uint16)
    levels = Levels(np.full((1, 1, 1), 64, np.float32), (1023.0,))
    out = linearise(mosaic_frame(stored, levels=levels)).pixels
    assert abs(out.mean()) < 6 * 5 / 959 / np.sqrt(out.size)
    assert out.min() < 0


def test_radial_vignetting():
    """FixVignetteRadial: 1 at the centre, 1 + sum k at the far corner, r = 1 there and nowhere beyond."""
    shape = (300, 400)
    op = FixVignetteRadial((0.5, 0.2, 0.1, 0.0, 0.05), 0.45, 0.55)
    frame = mosaic_frame(np.ones(shape, np.float32), opcodes=OpcodeLists(on_linear=(op,)))
    out = linearise(frame)
    y, x = np.mgrid[0:300, 0:400] + 0.5
    r2 = ((y - 165) ** 2 + (x - 180) ** 2) / (165**2 + 220**2)
    expected = 1 + 0.5 * r2 + 0.2 * r2**2 + 0.1 * r2**3 + 0.05 * r2**5
    assert np.abs(out.pixels / expected - 1).max() < 5e-5  # linear between rows of nodes
    assert np.abs(out.gain_at_full_size()[..., 1] / expected - 1).max() < 3e-3


def test_levels_by_site_row_and_column():
    """Black that repeats, with row and column deltas; the scale is that of the largest black (DNG 1.7.1, chapter 5)."""
    shape = (37, 52)
    rng = np.random.default_rng(20261122)
    black = rng.uniform(50, 80, (2, 4, 1)).astype(np.float32)
    delta_v, delta_h = rng.normal(size=37).astype(np.float32), rng.normal(size=52).astype(np.float32)
    level = np.tile(black[..., 0], (19, 13))[:37] + delta_v[:, None] + delta_h
    scale = 1023 - (black.max() + delta_v.max() + delta_h.max())
    light = rng.uniform(0, 1, shape)
    stored = np.rint(level + light * scale).astype(np.uint16)
    out = linearise(mosaic_frame(stored, levels=Levels(black, (1023.0,), delta_v, delta_h)))
    assert np.abs(out.pixels - light).max() < 0.51 / scale


def test_linearisation_table_comes_before_black():
    table = np.arange(256, dtype=np.uint16) ** 2
    stored = np.arange(300, dtype=np.uint16).reshape(15, 20)
    out = linearise(mosaic_frame(stored, levels=Levels(np.full((1, 1, 1), 100, np.float32), (65025.0,), table=table)))
    expected = (np.minimum(stored, 255).astype(float) ** 2 - 100) / (65025 - 100)
    assert np.allclose(out.pixels, expected, atol=1e-6)


def test_linear_rgb_with_its_own_levels_and_gain():
    shape = (40, 56)
    rng = np.random.default_rng(20261122)
    stored = rng.integers(0, 65536, (*shape, 3)).astype(np.uint16)
    black = np.array([[[100, 200, 300]]], np.float32)
    op = GainMap(Area(0, 0, 40, 56, 0, 3, 1, 1), 1.0, 1.0, 0.0, 0.0,
                 rng.uniform(1, 2, (2, 2, 3)).astype(np.float32))  # fmt: skip
    info = FrameInfo("rgb", shape, "linear", levels=Levels(black, (65535.0, 60000.0, 50000.0)),
                     opcodes=OpcodeLists(on_linear=(op,)))  # fmt: skip
    out = linearise(Frame(stored, Domain.CAMERA_RGB, info, NOISE))
    y, x = (np.arange(40) + 0.5)[:, None, None] / 40, (np.arange(56) + 0.5)[None, :, None] / 56
    g = op.gain.astype(float)
    gain = (g[0, 0] * (1 - x) + g[0, 1] * x) * (1 - y) + (g[1, 0] * (1 - x) + g[1, 1] * x) * y
    expected = (stored - black) / (np.array([65535, 60000, 50000]) - black) * gain
    assert np.abs(out.pixels - expected).max() < 1e-5
    assert np.abs(out.gain_at_full_size() - gain).max() < 1e-5


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_gain_of_a_frame_is_by_colour(cfa):
    """`Frame.gain` holds red, green, blue, whatever the phase; green is the mean of its two sites."""
    shape = (64, 64)
    values = (1.0, 1.5, 1.7, 2.5)
    maps = tuple(
        GainMap(Area(s // 2, s % 2, 64, 64, 0, 1, 2, 2), 1.0, 1.0, 0.0, 0.0, np.full((1, 1, 1), v, np.float32))
        for s, v in enumerate(values)
    )
    out = linearise(mosaic_frame(np.ones(shape, np.float32), cfa, opcodes=OpcodeLists(on_linear=maps)))
    plane = cfa_plane_index(Cfa.from_name(cfa), (2, 2)).ravel()
    for colour in range(3):
        assert np.allclose(
            out.gain[..., colour], np.mean([v for v, c in zip(values, plane, strict=True) if c == colour])
        )
