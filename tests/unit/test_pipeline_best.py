"""Quality best and twice the pixels, from a burst in memory to the finished picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild import api
from lichtbild.core import Burst, FrameSource
from lichtbild.core.corrections import (
    Area,
    FixVignetteRadial,
    MapPolynomial,
    PerRowOrColumn,
    TrimBounds,
    WarpRectilinear,
)
from lichtbild.core.errors import DomainError
from lichtbild.pipelines import best, finishing, photo
from lichtbild.pipelines.enlarge import enlarged
from lichtbild.simulate import Simulation, VirtualCamera, procedural_scene

SHAPE = (160, 208)
BEST = {"reconstruct": {"joint": True}}
TWICE = {"reconstruct": {"scale": 2}}


@pytest.fixture(scope="module")
def burst():
    affines = np.tile(np.eye(2, 3), (5, 1, 1))
    affines[1:, :, 2] = np.random.default_rng(20261122).uniform(-3, 3, (4, 2))
    scene = procedural_scene(SHAPE, 1.0, 16, has_movers=False)
    made = Simulation(scene, VirtualCamera(), n_frames=5, iso=400.0, shape=SHAPE, affines=affines).burst()
    return dataclasses.replace(made, reference=0)


def with_opcodes(burst: Burst, ops, crop) -> Burst:
    def changed(source: FrameSource) -> FrameSource:
        opcodes = dataclasses.replace(source.info.opcodes, after_demosaic=ops)
        return dataclasses.replace(source, info=dataclasses.replace(source.info, opcodes=opcodes, default_crop=crop))

    return dataclasses.replace(burst, sources=tuple(changed(s) for s in burst.sources))


def small(picture):
    """Means of 2 x 2 pixels of an upright picture."""
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    return picture.reshape(h, 2, w, 2, 3).mean((1, 3))


def test_best_is_another_picture_of_the_same_scene(burst):
    usual, asked = api.develop(burst).pixels.astype(float), api.develop(burst, BEST).pixels.astype(float)
    assert asked.shape == usual.shape
    difference = np.abs(asked - usual)
    assert 0.2 < difference.mean() < 6


@pytest.mark.parametrize("n_frames", [1, 5])
def test_twice_the_pixels(burst, n_frames):
    some = dataclasses.replace(burst, sources=burst.sources[:n_frames])
    usual, large = api.develop(some, BEST).pixels.astype(float), api.develop(some, TWICE).pixels.astype(float)
    assert large.shape == (2 * usual.shape[0], 2 * usual.shape[1], 3)
    # The same picture: exposure, colour, place.
    assert np.abs(small(large) - usual).mean() < 4
    assert abs(large.mean() - usual.mean()) < 1


def test_crop_and_lens_follow(burst):
    warp = WarpRectilinear(((1.0, 0.02, 0.0, 0.0),), ((0.0, 0.0),), 0.5, 0.5)
    ops = (FixVignetteRadial((0.3, 0.0, 0.0, 0.0, 0.0), 0.5, 0.5), warp)
    cropped = with_opcodes(burst, ops, (16, 32, 128, 144))
    usual, large = (api.develop(cropped, p).pixels.astype(float) for p in (BEST, TWICE))
    assert usual.shape in ((128, 144, 3), (144, 128, 3))
    assert large.shape == (2 * usual.shape[0], 2 * usual.shape[1], 3)
    assert np.abs(small(large) - usual).mean() < 4


@pytest.mark.parametrize("chosen", [BEST, TWICE])
def test_bands_join_without_a_seam(burst, chosen, monkeypatch):
    monkeypatch.setattr(finishing, "BAND_PX", 10_000)
    whole = api.develop(burst, chosen).pixels
    monkeypatch.setattr(finishing, "BAND_PX", 48)
    parts = api.develop(burst, chosen).pixels
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_explaining_finds_out_nothing_twice(burst, monkeypatch):
    found, analyse = [], finishing.denoise.analyse
    monkeypatch.setattr(finishing.denoise, "analyse", lambda *given: found.append(given) or analyse(*given))
    names = []
    explained = api.develop(burst, BEST, explain=lambda picture: names.append(picture.name))
    # Of the reference, whose denoised picture is the first guess, and of the merged frame.
    assert len(found) == 2
    assert "denoised-away" in names
    np.testing.assert_array_equal(explained.pixels, api.develop(burst, BEST).pixels)


def test_rows_may_be_asked_for_again(burst):
    made = photo.negative(burst, photo.PhotoParams.from_values(TWICE))
    whole = photo.source_of(made).denoised(0, 2 * made.frame.shape[0]).pixels
    source = photo.source_of(made)
    for start, stop in ((64, 100), (96, 210), (16, 64)):
        np.testing.assert_allclose(source.denoised(start, stop).pixels, whole[start:stop], atol=3e-6)


def test_frames_beyond_the_room_count_in_the_merge(burst, monkeypatch):
    monkeypatch.setattr(best, "MOST_FRAMES", 3)
    made = photo.negative(burst, photo.PhotoParams.from_values(BEST))
    assert made.burst is not None
    assert made.burst.is_full
    assert np.mean(made.frame.n_effective) > 3


def test_what_is_no_mosaic_is_not_enlarged(burst):
    camera_rgb = api.merge(burst)
    source = FrameSource(
        dataclasses.replace(camera_rgb.info, kind="linear", noise=camera_rgb.noise),
        lambda: np.ascontiguousarray(camera_rgb.pixels),
    )
    pictures = Burst((source, source), "pictures", reference=0)
    with pytest.raises(DomainError, match="only mosaics"):
        api.develop(pictures, TWICE)


def test_enlarged_corrections(burst):
    info = with_opcodes(
        burst,
        (
            TrimBounds(2, 4, 100, 200),
            PerRowOrColumn(Area(0, 0, 3, 208), is_scale=True, is_column=False, values=np.float32([1, 2, 3])),
        ),
        (1, 2, 30, 40),
    ).sources[0].info  # fmt: skip
    twice = enlarged(info, 2)
    trim, rows = twice.opcodes.after_demosaic
    assert (trim.top, trim.left, trim.bottom, trim.right) == (4, 8, 200, 400)
    assert (rows.area.bottom, rows.values.tolist()) == (6, [1, 1, 2, 2, 3, 3])
    assert twice.default_crop == (2, 4, 60, 80)
    assert enlarged(info, 1) is info
    with pytest.raises(DomainError, match="enlarged"):
        enlarged(with_opcodes(burst, (MapPolynomial(Area(0, 0, 8, 8, row_pitch=2), (0.0,)),), None).sources[0].info, 2)
