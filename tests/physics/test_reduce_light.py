"""A frame with fewer pixels shows the same light in the same place, with the noise that it tells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, Levels, NoiseModel, ShapeError
from lichtbild.core.corrections import Area, FixBadPixelsList, GainMap, OpcodeLists
from lichtbild.stages.linearise import linearise
from lichtbild.stages.reduce import ReduceParams, is_reducible_as_stored, reduce, size_of, split

NOISE = NoiseModel((2e-4,) * 3, (1e-6,) * 3, "simulated")
SHAPE = (300, 400)
SMALL = ReduceParams(megapixels=0.02)


def frame_of(pixels, domain=Domain.MOSAIC, cfa="RGGB", **info):
    kind = "mosaic" if domain is Domain.MOSAIC else "linear"
    pattern = Cfa.from_name(cfa) if kind == "mosaic" else None
    return Frame(pixels, domain, FrameInfo("f", pixels.shape[:2], kind, cfa=pattern, **info), NOISE)


def ramp(shape):
    """Light that rises along both axes, at pixel centres relative to the picture."""
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    return (0.1 + 0.3 * y[:, None] + 0.5 * x).astype(np.float32)


@pytest.mark.parametrize("shape", [SHAPE, (301, 403)])
@pytest.mark.parametrize("domain", [Domain.MOSAIC, Domain.CAMERA_RGB])
def test_light_stays_in_its_place(shape, domain):
    """A slope comes out as the slope of the smaller picture: no colour is displaced against another."""
    light = ramp(shape)
    pixels = light if domain is Domain.MOSAIC else np.repeat(light[..., None], 3, 2)
    small = reduce(frame_of(pixels, domain), SMALL)
    assert small.shape == size_of(shape, SMALL)
    assert small.pixels.size < pixels.size / 5
    assert all(n % 2 == 0 for n in small.shape)
    expected = ramp(small.shape)
    if domain is Domain.CAMERA_RGB:
        expected = np.repeat(expected[..., None], 3, 2)
    inside = (slice(2, -2), slice(2, -2))
    assert np.allclose(small.pixels[inside], expected[inside], atol=6e-4)


@pytest.mark.parametrize("megapixels", [0.05, 0.02, 0.005])
def test_noise_is_what_is_told(megapixels):
    rng = np.random.default_rng(20261122)
    light = 0.25
    pixels = (light + rng.standard_normal((600, 800)) * np.sqrt(NOISE.alpha[0] * light + NOISE.beta[0])).astype(
        np.float32
    )
    small = reduce(frame_of(pixels), ReduceParams(megapixels=megapixels))
    told = small.noise.alpha[1] * light + small.noise.beta[1]
    assert small.pixels.var() == pytest.approx(told, rel=0.06)
    # White: neighbours of one colour share hardly a sample.
    planes = small.pixels[::2, ::2] - small.pixels.mean()
    assert abs((planes[:, 1:] * planes[:, :-1]).mean()) < 0.12 * planes.var()


def test_colours_keep_apart():
    colours = np.array([[0, 1], [1, 2]])
    plane = colours[np.arange(SHAPE[0])[:, None] % 2, np.arange(SHAPE[1]) % 2]
    small = reduce(frame_of(np.float32([0.2, 0.5, 0.8])[plane]), SMALL)
    there = colours[np.arange(small.shape[0])[:, None] % 2, np.arange(small.shape[1]) % 2]
    assert np.allclose(small.pixels, np.float32([0.2, 0.5, 0.8])[there], atol=1e-6)


def test_what_clips_stays_clipped():
    """A mean of clipped and other samples would be a value that nothing tells from a true one."""
    rng = np.random.default_rng(1)
    light = np.full(SHAPE, 1.05) + rng.standard_normal(SHAPE) * 0.03
    small = reduce(frame_of(np.minimum(light, 1).astype(np.float32)), SMALL)
    assert (small.pixels > 0.995).mean() > 0.99
    dark = reduce(frame_of(np.full(SHAPE, 0.9, np.float32)), SMALL)
    assert np.allclose(dark.pixels, 0.9)


def gain_map(top, left):
    gain = np.float32([[1.0, 1.5], [2.0, 3.0]])[..., None]
    return GainMap(Area(top, left, *SHAPE, 0, 1, 2, 2), 1.0, 1.0, 0.0, 0.0, gain)


def test_gains_and_levels_wait():
    """Reduced as stored and then made linear, or the other way round: one picture."""
    maps = tuple(gain_map(k // 2, k % 2) for k in range(4))
    levels = Levels(np.float32([[60, 64], [66, 70]])[..., None], (1023.0,))
    stored = np.rint(64 + 600 * ramp(SHAPE)).astype(np.uint16)
    frame = frame_of(stored, levels=levels, opcodes=OpcodeLists(on_linear=maps))
    assert is_reducible_as_stored(frame)
    first, second = linearise(reduce(frame, SMALL)), reduce(linearise(frame), SMALL)
    assert np.allclose(first.pixels, second.pixels, rtol=0.01, atol=2e-3)
    assert first.gain is not None
    # The last nodes lie beyond the picture, where one of the two has nothing to go by.
    assert np.allclose(first.gain[:-1, :-1], second.gain[:-1, :-1], rtol=0.01)


def test_what_needs_every_pixel_is_done_first():
    bad = FixBadPixelsList(0, ((10, 10),), ())
    opcodes = OpcodeLists(on_stored=(bad,), on_linear=(bad, gain_map(0, 0)))
    levels = Levels(np.full((1, 1, 1), 64, np.float32), (1023.0,))
    frame = frame_of(np.full(SHAPE, 100, np.uint16), levels=levels, opcodes=opcodes)
    early, late = split(frame.info)
    assert early.on_stored == (bad,)
    assert early.on_linear == (bad,)
    assert [type(op) for op in late] == [GainMap]
    assert not is_reducible_as_stored(frame)
    for other in (
        dataclasses.replace(levels, table=np.arange(1024, dtype=np.uint16)),
        dataclasses.replace(levels, black_delta_v=np.zeros(SHAPE[0], np.float32)),
        dataclasses.replace(levels, black=np.zeros((3, 1, 1), np.float32)),
    ):
        assert not is_reducible_as_stored(frame.with_info(levels=other, opcodes=OpcodeLists()))


def test_small_frames_are_left_alone():
    frame = frame_of(ramp(SHAPE))
    assert reduce(frame, ReduceParams()) is frame
    assert reduce(frame, ReduceParams(megapixels=0.1)) is frame


def test_quads_are_refused():
    frame = frame_of(ramp(SHAPE)).with_info(cfa=Cfa.from_name("RGGB", 2))
    with pytest.raises(ShapeError, match="quad"):
        reduce(frame, SMALL)


def test_the_crop_follows():
    small = reduce(frame_of(ramp(SHAPE), default_crop=(10, 20, 280, 360)), SMALL)
    ratios = np.array([*SHAPE, *SHAPE]) / [*small.shape, *small.shape]
    assert small.info.shape == small.shape
    assert np.allclose(small.info.default_crop, np.array([10, 20, 280, 360]) / ratios, atol=1)
