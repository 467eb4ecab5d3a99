"""A phone simulated forwards, written as DNG files, read and corrected: what comes back is the scene of an ideal lens.

The simulator's lens and the corrections share no code; the file between them is the contract.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from lichtbild.capture import open_file
from lichtbild.core import Domain, Frame
from lichtbild.simulate import Simulation, procedural_scene, virtual_phone, write_burst
from lichtbild.stages.defects import analyse, repair
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.lens import correct
from lichtbild.stages.linearise import linearise
from lichtbild.stages.quad_bayer import to_bayer

SHAPE = (384, 512)
INNER = np.s_[16:-16, 16:-16]


def written(tmp_path, cfa, quad=1, n_frames=1, iso=50):
    """(simulation, linear frames as read from its files)."""
    simulation = Simulation(procedural_scene(SHAPE), virtual_phone(cfa, quad), n_frames=n_frames, iso=iso, seed=3)
    frames = []
    for path in write_burst(tmp_path, simulation):
        source = open_file(path)
        frames.append(linearise(Frame(source.read(), Domain.MOSAIC, source.info, source.info.noise)))
    return simulation, frames


def psnr(a, truth):
    """Where nothing near is clipped: the scene's lamps are far brighter than the sensor takes."""
    dark = maximum_filter(truth.max(axis=2), 21) < 0.8
    return -10 * np.log10(((a - truth)[INNER][dark[INNER]] ** 2).mean())


def ideal_light(simulation):
    return np.stack([simulation.light(0, plane, ideal=True) for plane in range(3)], axis=2)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_shading_is_undone(tmp_path, cfa):
    """Noise, ten bits and four gain maps away, the mosaic is the light that fell on the middle of the lens."""
    simulation, (frame,) = written(tmp_path, cfa)
    light = simulation.light(0)
    away = np.abs(frame.pixels - light) / np.sqrt(frame.variance())
    unclipped = (light < 0.9) & (frame.pixels < 0.9)
    assert np.median(away[unclipped]) < 1  # 0.67 of a normal distribution, and the steps of ten bits
    corners = [np.s_[:48, :48], np.s_[:48, -48:], np.s_[-48:, :48], np.s_[-48:, -48:]]
    for corner in corners:
        chosen = unclipped[corner]
        assert abs(frame.pixels[corner][chosen].sum() / light[corner][chosen].sum() - 1) < 0.01


def test_the_picture_is_that_of_an_ideal_lens(tmp_path):
    simulation, (frame,) = written(tmp_path, "GRBG")
    neutral = frame.info.as_shot_neutral
    rgb = demosaic(repair(frame), (1 / neutral[0], 1 / neutral[1], 1 / neutral[2]))
    out = correct(rgb)
    ideal = ideal_light(simulation)
    assert psnr(out.pixels, ideal) > psnr(rgb.pixels, ideal) + 6
    bent = np.stack([simulation.light(0, plane) for plane in range(3)], axis=2).astype(np.float32)
    alone = correct(rgb.replaced(pixels=bent))  # the warp by itself, of pictures without noise
    assert psnr(alone.pixels, ideal) > 46
    assert not any((out.info.opcodes.on_stored, out.info.opcodes.on_linear, out.info.opcodes.after_demosaic))


def test_a_quad_bayer_phone(tmp_path):
    """Sixteen gain maps, 2x2 blocks averaged: the light of the blocks."""
    simulation, (frame,) = written(tmp_path, "RGGB", quad=2)
    half = to_bayer(frame)
    light = simulation.light(0).reshape(SHAPE[0] // 2, 2, SHAPE[1] // 2, 2).mean(axis=(1, 3))
    unclipped = (light < 0.9) & (half.pixels < 0.9)
    away = np.abs(half.pixels - light) / np.sqrt(half.variance())
    assert np.median(away[unclipped]) < 1.1


def test_hot_pixels_of_the_sensor(tmp_path):
    """The sensor's own hot pixels, the same in every frame while the hand moves, are found and mended."""
    simulation, frames = written(tmp_path, "RGGB", n_frames=4, iso=400)
    light = simulation.light(0)
    facts = analyse(frames)
    excess = np.stack([f.pixels - simulation.light(k) for k, f in enumerate(frames)])
    sigma = np.sqrt(frames[0].variance())
    truly = (excess.min(axis=0) > 8 * sigma) & (light < 0.8)
    found = np.zeros(SHAPE, bool)
    found[facts.rows, facts.columns] = True
    if truly.any():
        assert found[truly].mean() > 0.5
    assert (found & (excess.mean(axis=0) < 2 * sigma)).sum() <= 1
    mended = repair(frames[0], facts).pixels
    assert ((mended - light)[found] ** 2).sum() <= ((frames[0].pixels - light)[found] ** 2).sum()
