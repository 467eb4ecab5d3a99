"""The pipeline with corrections that no file tells: lateral colour found, a turn by hand and by lines."""

import dataclasses

import numpy as np
import pytest

import lichtbild as lb
from lichtbild import simulate
from lichtbild.simulate.scene import samples_for

SHAPE, MARGIN = (416, 544), 16


def burst(light, radial=((0.0, 0.0, 0.0),) * 3, n_frames=1):
    """Frames of a grey picture float [H, W], two samples a px, whose file does not tell the warp they went through."""
    scene = simulate.Scene.flat(
        np.ascontiguousarray(np.broadcast_to(light, (3, *light.shape)), np.float32), 2.0, MARGIN
    )
    camera = dataclasses.replace(simulate.virtual_phone(), lens=simulate.Lens(psf_sigma_px=0.5, radial=radial))
    still = np.tile(np.eye(2, 3), (n_frames, 1, 1))
    still[:, :, 2] = np.random.default_rng(3).uniform(-2, 2, (n_frames, 2)) * (np.arange(n_frames)[:, None] > 0)
    taken = simulate.Simulation(scene, camera, n_frames=n_frames, iso=100, seed=2, shape=SHAPE, affines=still).burst()
    none = tuple(
        dataclasses.replace(
            s, info=dataclasses.replace(s.info, opcodes=dataclasses.replace(s.info.opcodes, after_demosaic=()))
        )
        for s in taken.sources
    )
    return dataclasses.replace(taken, sources=none)


def leaves(seed=1):
    n = samples_for(SHAPE, 2.0, MARGIN)
    rng = np.random.default_rng(seed)
    out = np.full(n, 0.2)
    y, x = np.ogrid[0 : n[0], 0 : n[1]]
    for _ in range(900):
        cy, cx, r = rng.uniform(0, n[0]), rng.uniform(0, n[1]), 6 / np.sqrt(rng.uniform(0.02, 1))
        out[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = rng.uniform(0.03, 0.6)
    return out


def fringes(photo):
    """Colour at the outer parts of a picture that is grey."""
    v = photo.pixels.astype(np.float64)
    outer = np.concatenate([v[:, 8:120].reshape(-1, 3), v[:, -120:-8].reshape(-1, 3)])
    return np.abs(outer - outer.mean(1, keepdims=True)).mean()


@pytest.mark.parametrize(("n_frames", "left"), [(1, 0.45), (4, 0.75)])
def test_fringes_that_no_file_tells_of_are_found_and_undone(n_frames, left):
    taken = burst(leaves(), ((5e-3, 0.0, 0.0), (0.0, 0.0, 0.0), (-6e-3, 0.0, 0.0)), n_frames)
    off = lb.develop(taken, {"lens": {"lateral_colour": "told"}})
    on = lb.develop(taken)
    assert fringes(on) < left * fringes(off)
    assert any("lateral colour found" in line for line in on.notes)
    assert not any("lateral colour" in line for line in off.notes)


def test_a_turn_by_hand_and_one_by_lines_agree():
    n = samples_for(SHAPE, 2.0, MARGIN)
    y, x = np.mgrid[0 : n[0], 0 : n[1]].astype(float)
    angle = np.radians(3.0)  # the camera was turned clockwise: its picture leans the other way
    u = (x - n[1] / 2) * np.cos(angle) - (y - n[0] / 2) * np.sin(angle)
    v = (x - n[1] / 2) * np.sin(angle) + (y - n[0] / 2) * np.cos(angle)
    walls = 0.3 + 0.2 * np.tanh(8 * np.sin(2 * np.pi * u / 90)) * np.tanh(8 * np.sin(2 * np.pi * v / 120))
    taken = burst(walls)
    by_lines = lb.develop(taken, {"lens": {"upright": True}})
    assert any("roll +3.0" in line or "roll +2.9" in line for line in by_lines.notes)
    by_hand = lb.develop(taken, {"lens": {"roll_deg": 3.0}})
    assert by_hand.pixels.shape[0] < SHAPE[0]
    assert by_hand.pixels.shape[0] / by_hand.pixels.shape[1] == pytest.approx(SHAPE[0] / SHAPE[1], abs=0.02)
    # Set upright, whole rows are alike: there is more left of their mean.
    rows = [p.pixels[..., 1].astype(float).mean(1).std() for p in (by_hand, lb.develop(taken))]
    assert rows[0] > 2 * rows[1]


def test_a_picture_turned_far_is_made_as_a_whole():
    taken = burst(leaves())
    turned = lb.develop(taken, {"lens": {"roll_deg": 45.0, "lateral_colour": "told"}})
    assert min(turned.pixels.shape[:2]) > 150
    assert turned.pixels.std() > 10
