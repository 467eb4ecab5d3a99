"""Quad-Bayer sensors: what was seen is what the Bayer mosaic shows, with the noise that is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, DomainError, Frame, FrameInfo, Levels, NoiseModel, ShapeError
from lichtbild.core.corrections import Area, GainMap, OpcodeLists, TrimBounds
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.linearise import linearise
from lichtbild.stages.quad_bayer import QuadBayerParams, bin_quads, remosaic, to_bayer

NOISE = NoiseModel((4e-3, 5e-3, 6e-3), (1e-4, 2e-4, 3e-4), "simulated")
NAMES = ["RGGB", "BGGR", "GRBG", "GBRG"]


def quad_frame(rgb, name="RGGB", noise=NOISE, **info):
    """The mosaic of scene colours rgb [H, W, 3] (or [3])."""
    cfa = Cfa.from_name(name, quad=2)
    plane = cfa_plane_index(cfa, rgb.shape[:2])
    mosaic = np.take_along_axis(rgb, plane[..., None], 2)[..., 0].astype(np.float32)
    return Frame(mosaic, Domain.MOSAIC, FrameInfo("quad", mosaic.shape, "mosaic", cfa=cfa, **info), noise)


def colours_of(frame, rgb):
    return np.take_along_axis(rgb, cfa_plane_index(frame.info.cfa, frame.shape)[..., None], 2)[..., 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_coloured_ramp_is_kept(name):
    """Colours that change linearly, green and the differences alike, come out exactly at full size."""
    y, x = np.mgrid[0:48, 0:64] / 64
    rgb = np.stack([0.2 + 0.3 * x, 0.4 + 0.1 * x + 0.2 * y, 0.1 + 0.5 * y], axis=2)
    full = remosaic(quad_frame(rgb, name))
    assert full.info.cfa == Cfa.from_name(name)
    assert np.abs(full.pixels - colours_of(full, rgb))[8:-8, 8:-8].max() < 1e-5
    half = bin_quads(quad_frame(rgb, name))
    assert half.info.cfa == Cfa.from_name(name)
    assert half.shape == (24, 32)
    means = rgb.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(half.pixels - colours_of(half, means)).max() < 1e-6


def test_an_edge_is_followed():
    """Across a hard diagonal edge of grey, less is wrong than with the same interpolation in both directions alike."""
    y, x = np.mgrid[0:200, 0:200]
    edge = 1 / (1 + np.exp(-(x * 0.97 + y * 0.26 - 110) / 0.6))
    rgb = np.repeat((0.1 + 0.7 * edge)[..., None], 3, axis=2)
    sharp = remosaic(quad_frame(rgb, noise=NoiseModel((1e-6,) * 3, (1e-8,) * 3, "simulated")))
    blind = remosaic(quad_frame(rgb, noise=NoiseModel((1.0,) * 3, (1.0,) * 3, "simulated")))
    inner = np.s_[12:-12, 12:-12]
    wrong = [np.sqrt(((f.pixels - colours_of(f, rgb))[inner] ** 2).mean()) for f in (sharp, blind)]
    assert wrong[0] < 0.6 * wrong[1]


def test_noise_of_averaged_blocks():
    rng = np.random.default_rng(20261122)
    rgb = np.broadcast_to(np.array([0.2, 0.4, 0.1]), (400, 480, 3))
    start = quad_frame(rgb)
    noisy = start.pixels + rng.normal(size=start.shape) * np.sqrt(start.variance())
    half = bin_quads(start.replaced(pixels=noisy.astype(np.float32)))
    claimed = half.replaced(pixels=bin_quads(start).pixels).variance()
    ratio = (half.pixels - bin_quads(start).pixels) ** 2 / claimed
    assert abs(ratio.mean() - 1) < 6 * np.sqrt(2 / ratio.size)


def test_gain_crop_and_corrections_follow():
    """The spatial gain keeps its place in the scene; what counts pixels is halved."""
    shape = (160, 224)
    ramp = np.linspace(1, 2, 5, dtype=np.float32)[None, :, None]
    maps = GainMap(Area(0, 0, *shape), 1.0, 1 / 4, 0.0, 0.0, ramp)
    info = {"opcodes": OpcodeLists(on_linear=(maps,), after_demosaic=(TrimBounds(4, 8, 156, 216),))}
    frame = quad_frame(np.ones((*shape, 3)), default_crop=(8, 16, 140, 200), **info)
    half = bin_quads(linearise(frame))
    assert half.info.default_crop == (4, 8, 70, 100)
    assert half.info.opcodes.after_demosaic == (TrimBounds(2, 4, 78, 108),)
    assert half.info.shape == (80, 112)
    gain = half.gain_at_full_size()
    assert gain.shape == (80, 112, 3)
    assert np.abs(gain[..., 1] - half.pixels).max() < 1e-3  # the wall was 1


def test_gain_maps_of_every_site():
    """Sixteen maps, one for each site of the 4x4 cell, in one pass: each pixel gets its own."""
    shape = (36, 44)
    values = np.linspace(1, 2.5, 16)
    maps = tuple(
        GainMap(Area(s // 4, s % 4, *shape, 0, 1, 4, 4), 1.0, 1.0, 0.0, 0.0, np.full((1, 1, 1), v, np.float32))
        for s, v in enumerate(values)
    )
    out = linearise(quad_frame(np.ones((*shape, 3)), opcodes=OpcodeLists(on_linear=maps)))
    y, x = np.mgrid[0:36, 0:44]
    assert np.allclose(out.pixels, values[4 * (y % 4) + x % 4])
    cell = values.reshape(4, 4)
    assert np.allclose(out.gain[..., 0], cell[:2, :2].mean())
    assert np.allclose(out.gain[..., 2], cell[2:, 2:].mean())


def test_what_is_refused():
    frame = quad_frame(np.ones((16, 16, 3)))
    bayer = frame.with_info(cfa=Cfa.from_name("RGGB"))
    assert to_bayer(bayer) is bayer
    assert to_bayer(frame).shape == (8, 8)
    assert to_bayer(frame, QuadBayerParams("full")).shape == (16, 16)
    with pytest.raises(DomainError, match="no quad-Bayer"):
        bin_quads(bayer)
    with pytest.raises(DomainError, match="linear"):
        bin_quads(frame.with_info(levels=Levels(np.zeros((1, 1, 1), np.float32), (1.0,))))
    with pytest.raises(ShapeError):
        remosaic(quad_frame(np.ones((9, 10, 3))))
    with pytest.raises(ShapeError):
        bin_quads(quad_frame(np.ones((2, 10, 3))))
