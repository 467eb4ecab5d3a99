"""Alignment and merge on anything: phases of the filter array, odd sizes, hostile light."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.align import AlignParams, align, pyramid
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.merge import MergeParams, Merger

WB = (1.9, 1.0, 1.5)
NAMES = st.sampled_from(["RGGB", "BGGR", "GRBG", "GBRG"])
SEEDS = st.integers(0, 2**32 - 1)


def frame_of(pixels, cfa=None):
    kind, domain = ("linear", Domain.CAMERA_RGB) if cfa is None else ("mosaic", Domain.MOSAIC)
    info = FrameInfo("test", pixels.shape[:2], kind, cfa=cfa)
    return Frame(np.ascontiguousarray(pixels), domain, info, NoiseModel((1e-3,) * 3, (1e-4,) * 3, "simulated"))


def developed(frames):
    first = demosaic(frames[0], WB) if frames[0].domain is Domain.MOSAIC else frames[0]
    merger = Merger(frames[0], first, WB, MergeParams())
    guide = pyramid(frames[0], WB)
    for frame in frames[1:]:
        motion = align(guide, pyramid(frame, WB), AlignParams())
        for part in (motion.hand_px, motion.local_px, motion.mismatch, motion.doubt):
            assert np.isfinite(part).all()
        merger.add(frame, motion)
    return merger.finish()


@settings(max_examples=15, deadline=None)
@given(NAMES, st.integers(42, 80), st.integers(42, 80), st.sampled_from(["noise", "flat", "bright", "edges"]), SEEDS)
def test_every_size_gives_a_picture(name, height, width, kind, seed):
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(2):
        light = {
            "noise": rng.random((height, width)),
            "flat": np.full((height, width), 0.3),
            "bright": rng.uniform(0, 1e3, (height, width)),
            "edges": np.where(np.arange(width) % 16 < 8, 0.0, 1.0) * np.ones((height, 1)),
        }[kind]
        frames.append(frame_of(light.astype(np.float32), Cfa.from_name(name)))
    out = developed(frames)
    assert out.pixels.shape == (height, width, 3)
    assert np.isfinite(out.pixels).all()
    assert out.n_effective.shape == (height, width)
    assert out.n_effective.min() >= 1
    assert out.n_effective.max() <= 2 + 1e-6


@settings(max_examples=6, deadline=None)
@given(st.integers(42, 80), st.integers(42, 80), SEEDS)
def test_every_size_of_rgb_gives_a_picture(height, width, seed):
    rng = np.random.default_rng(seed)
    out = developed([frame_of(rng.random((height, width, 3), np.float32)) for _ in range(2)])
    assert out.pixels.shape == (height, width, 3)
    assert np.isfinite(out.pixels).all()


@settings(max_examples=8, deadline=None)
@given(NAMES, NAMES, SEEDS)
def test_a_grey_scene_looks_the_same_to_every_phase(one, other, seed):
    """Balanced grey has one value at every site, so the pattern's phase is only a label on the same numbers."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, 2)
    y, x = np.mgrid[0:64, 0:80]
    grey = 0.3 + 0.1 * np.cos(0.2 * x + phase[0]) * np.cos(0.15 * y + phase[1])
    results = []
    for name in (one, other):
        cfa = Cfa.from_name(name)
        share = np.asarray(cfa.colours)[y % 2, x % 2]
        mosaic = (grey / np.array(WB)[share]).astype(np.float32)
        results.append(developed([frame_of(mosaic, cfa)] * 3).pixels * np.array(WB))
    # Borders repeat other colours in another phase.
    np.testing.assert_allclose(results[0], results[1], atol=1e-2)
    np.testing.assert_allclose(results[0][4:-4, 4:-4], np.repeat(grey[4:-4, 4:-4, None], 3, -1), atol=3e-3)


@settings(max_examples=8, deadline=None)
@given(NAMES, st.floats(0.05, 4), SEEDS)
def test_exposure_is_only_a_scale(name, factor, seed):
    """Light, noise and saturation times one number: everything is decided alike."""
    rng = np.random.default_rng(seed)
    cfa = Cfa.from_name(name)
    light = 0.3 + 0.2 * np.cos(np.arange(64) * 0.3)[:, None] * np.cos(np.arange(64) * 0.2)
    frames = [
        frame_of((light + rng.normal(size=light.shape) * 0.02).astype(np.float32), cfa).scaled(2.0) for _ in range(2)
    ]
    usual = developed(frames)
    scaled = developed([frame.scaled(factor) for frame in frames])
    # A trust of 255 steps may fall to the other side of a rounding edge.
    np.testing.assert_allclose(scaled.pixels / factor, usual.pixels, atol=0.02)
    np.testing.assert_allclose(scaled.n_effective.mean(), usual.n_effective.mean(), atol=0.02)
