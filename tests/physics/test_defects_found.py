"""Planted defects are found, and what a lens can make (stars, edges, texture) is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.defects import analyse, repair

ALPHA, BETA = 1.8e-4 * 8, 3.2e-6 * 64  # a phone at ISO 800
SHAPE = (300, 400)


def frame_of(light, rng, cfa="RGGB"):
    pixels = light + rng.normal(size=light.shape) * np.sqrt(ALPHA * np.maximum(light, 0) + BETA)
    info = FrameInfo("test", light.shape, "mosaic", cfa=Cfa.from_name(cfa))
    return Frame(pixels.astype(np.float32), Domain.MOSAIC, info, NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated"))


def lattice(rng, step=12):
    """Places far enough apart not to touch each other."""
    r, c = np.mgrid[6 : SHAPE[0] - 6 : step, 6 : SHAPE[1] - 6 : step]
    return (r + rng.integers(0, 4, r.shape)).ravel(), (c + rng.integers(0, 4, c.shape)).ravel()


def night():
    """A dim gradient with a bright, hard-edged window in it."""
    light = np.full(SHAPE, 0.02) + 0.02 * np.arange(SHAPE[1]) / SHAPE[1]
    light[100:180, 120:250] = 0.6
    return light


def stars(rows, columns, peak, sigma_px=0.45, through=(0.5, 1.0, 0.6)):
    """Point lights: Gaussian lens PSF integrated over the square pixel, seen through the colour filters."""
    light = np.zeros(SHAPE)
    for r, c in zip(rows, columns, strict=True):
        i, j = int(r), int(c)
        y, x = np.arange(i - 3, i + 4), np.arange(j - 3, j + 4)
        v = (erf((y + 1 - r) / sigma_px / 2**0.5) - erf((y - r) / sigma_px / 2**0.5)) / 2
        h = (erf((x + 1 - c) / sigma_px / 2**0.5) - erf((x - c) / sigma_px / 2**0.5)) / 2
        light[i - 3 : i + 4, j - 3 : j + 4] += peak * np.outer(v, h)
    return light * np.array(through)[cfa_plane_index(Cfa.from_name("RGGB"), SHAPE)]


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_hot_pixels_of_one_frame(cfa):
    rng = np.random.default_rng(20261122)
    r, c = lattice(rng)
    light = night()
    hot = light.copy()
    hot[r, c] += 0.5
    before = frame_of(hot, rng, cfa)
    after = repair(before)
    changed = after.pixels != before.pixels
    assert changed[r, c].mean() > 0.9
    wrong = changed.copy()
    wrong[r, c] = False
    assert wrong.sum() <= 2
    assert before.pixels[r[0], c[0]] > 0.4  # never in place


def test_a_burst_finds_weaker_ones():
    rng = np.random.default_rng(20261122)
    r, c = lattice(rng)
    light = night()
    dim = light[r, c] < 0.1
    r, c = r[dim], c[dim]
    light[r, c] += 0.2
    frames = [frame_of(light, rng) for _ in range(5)]
    facts = analyse(frames)
    found = np.zeros(SHAPE, bool)
    found[facts.rows, facts.columns] = True
    assert found[r, c].mean() > 0.9
    found[r, c] = False
    assert found.sum() <= 3
    mended = repair(frames[0], facts).pixels
    error = mended[r, c] - night()[r, c]
    assert np.abs(error).mean() < 2 * np.sqrt(ALPHA * 0.03 + BETA)


def test_what_an_edge_hides_in_one_frame_shows_in_the_others():
    """Hot pixels beside bright bars of the first frame; the hand has moved the bars in the next two."""
    rng = np.random.default_rng(20261122)
    r, c = lattice(rng, 16)
    columns = np.arange(SHAPE[1])
    frames = []
    for shift in (0, 11, 13):
        light = np.full(SHAPE, 0.05)
        light[:, np.isin((columns + shift) % 16, (10, 11, 12))] = 0.6
        light[r, c] += 0.3
        frames.append(frame_of(light, rng))
    hidden = np.isin(c % 16, (8, 9))  # its site two pixels aside is in a bar
    assert hidden.sum() > 50
    alone, together = analyse(frames[:1]), analyse(frames)
    n_alone, n_together = (
        np.isin((r * SHAPE[1] + c)[hidden], f.rows * SHAPE[1] + f.columns).mean() for f in (alone, together)
    )
    assert n_alone < 0.5
    assert n_together > 0.9
    assert np.isin(together.rows * SHAPE[1] + together.columns, r * SHAPE[1] + c).mean() > 0.98


def test_dead_pixels():
    rng = np.random.default_rng(20261122)
    r, c = lattice(rng)
    light = np.full(SHAPE, 0.5)
    light[r, c] = 0.0
    before = frame_of(light, rng)
    after = repair(before).pixels
    assert (np.abs(after[r, c] - 0.5) < 0.2).mean() > 0.95


def test_stars_stay():
    """Points of white light, anywhere between pixels, through the sharpest lens: their light stays."""
    rng = np.random.default_rng(20261122)
    r, c = lattice(rng, 16)
    r, c = r + rng.uniform(size=r.size), c + rng.uniform(size=c.size)
    light = 0.01 + stars(r, c, 1.5)
    before = frame_of(light, rng)
    after = repair(before)
    lost = (before.pixels - after.pixels) > 0.1
    assert lost.sum() <= 0.02 * r.size
    facts = analyse([frame_of(light, rng) for _ in range(4)])  # as from a tripod: they do not move
    assert facts.rows.size <= 0.01 * r.size


def test_texture_and_edges_stay():
    """Detail up to the sensor's limit, seen by a lens and a pixel, with hard contrast and hardly any noise."""
    rng = np.random.default_rng(20261122)
    fine = rng.uniform(0, 1, (SHAPE[0] * 4, SHAPE[1] * 4)) > 0.5
    from scipy.ndimage import gaussian_filter, uniform_filter

    light = uniform_filter(gaussian_filter(fine.astype(float), 0.45 * 4), 4)[::4, ::4]
    light = np.clip((light - 0.5) * 3 + 0.5, 0, 1)
    info = FrameInfo("test", SHAPE, "mosaic", cfa=Cfa.from_name("RGGB"))
    noise = NoiseModel((1e-6,) * 3, (1e-8,) * 3, "simulated")
    before = Frame(light.astype(np.float32), Domain.MOSAIC, info, noise)
    assert (repair(before).pixels != before.pixels).mean() < 2e-3


def test_noise_alone_is_left_alone():
    rng = np.random.default_rng(20261122)
    before = frame_of(np.full((600, 800), 0.1), rng)
    after = repair(before)
    assert (after.pixels != before.pixels).sum() <= 2
