"""Explaining pictures: what they show agrees with what is known, and files appear as promised."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from lichtbild import api
from lichtbild.core import OutputError
from lichtbild.core.explain import KINDS, Bar, Explained, Wheel
from lichtbild.output import ExplainFolder
from lichtbild.output.explain import INDEX, legended
from lichtbild.pipelines import figures, intake
from lichtbild.pipelines.explain import motion_picture
from lichtbild.pipelines.figures import Canvas
from lichtbild.simulate import Layer, Simulation, Travel, VirtualCamera, procedural_scene
from lichtbild.stages.align import TILE_PX, Motion

SHAPE = (192, 256)
SHIFTS = np.array([(0, 0), (3.25, -1.5), (-2.0, 4.75)])  # right, down
SQUARE_PX = 40


@pytest.fixture(scope="module")
def burst():
    """Three frames; a bright square crosses the upper left corner's surroundings."""
    scene = procedural_scene(SHAPE, 1.0, 16, has_movers=False)
    layer = np.zeros((4, SQUARE_PX + 20, SQUARE_PX + 20), np.float32)
    layer[:, 10:-10, 10:-10] = 0.7
    layer[3, 10:-10, 10:-10] = 1
    scene = dataclasses.replace(scene, layers=(*scene.layers, Layer(layer, (60.0, 60.0), travel=Travel((450.0, 0.0)))))
    affines = np.tile(np.eye(2, 3), (3, 1, 1))
    affines[:, :, 2] = SHIFTS
    simulation = Simulation(scene, VirtualCamera(), n_frames=3, iso=200, shape=SHAPE, affines=affines)
    return dataclasses.replace(simulation.burst(), reference=0)


@pytest.fixture(scope="module")
def pictures(burst):
    found = []
    api.develop(burst, explain=found.append)
    return {explained.name: explained for explained in found}


def of_frame(pictures, number, kind):
    (found,) = (e for name, e in pictures.items() if name.startswith(f"{number:02d}-") and name.endswith(kind))
    return found


def test_every_kind_of_picture_is_given(pictures):
    assert sorted(name for name in pictures if name in KINDS) == [
        "denoised-away", "effective-frames", "noise", "rejected",
    ]  # fmt: skip
    assert len(pictures) == 2 * 3 + 4
    for explained in pictures.values():
        assert explained.pixels.dtype == np.uint8
        assert explained.pixels.shape[2] == 3
        assert max(explained.pixels.shape) <= figures.LONGEST_PX
        assert explained.pixels.std() > 1, explained.name
        assert explained.shows
        assert isinstance(explained.scale, Wheel if explained.name.endswith("motion") else Bar)


def test_facts_are_those_of_the_hand(pictures):
    for number in (2, 3):
        facts = of_frame(pictures, number, "motion").facts
        right, down = SHIFTS[number - 1]
        assert facts["shift_px"]["down"] == pytest.approx(down, abs=0.05)
        assert facts["shift_px"]["right"] == pytest.approx(right, abs=0.05)
        assert facts["turn_deg"] == pytest.approx(0, abs=0.05)
        # Aliasing of this small scene's texture comes on top of the noise.
        assert 0.7 < facts["error_over_noise"] < 5
        json.dumps(facts)


def redness(pixels):
    return pixels[..., 0].astype(float) - pixels[..., 1]


def test_what_moved_is_red_and_the_rest_is_not(pictures):
    zoom = pictures["rejected"].pixels.shape[1] / SHAPE[1]
    inside = tuple(slice(int(zoom * 45), int(zoom * 75)) for _ in range(2))
    for explained in (of_frame(pictures, 2, "rejected"), pictures["rejected"]):
        red = redness(explained.pixels)
        quiet = red[int(zoom * 130) : int(zoom * 180), int(zoom * 150) : int(zoom * 220)]
        assert red[inside].mean() > quiet.mean() + 60
    dark = pictures["effective-frames"].pixels.astype(float).mean(-1)
    assert dark[inside].mean() < 0.7 * dark.mean()


def test_pictures_come_one_by_one(burst, monkeypatch):
    """What explains a frame is handed out before the next is merged, so that nothing piles up."""
    order = []
    load = intake.load
    monkeypatch.setattr(intake, "load", lambda plan, k: (order.append(k), load(plan, k))[1])
    api.merge(burst, explain=lambda e: order.append(e.name.rpartition("-")[2]))
    # Last the reference again, whose samples are held against the merge.
    assert order[-12:] == [1, *("motion", "confidence", "rejected"), 2, *("motion", "confidence", "rejected"), 0,
                     "frames", "rejected", "noise"]  # fmt: skip


def test_a_frame_that_was_refused_is_named(burst, monkeypatch):
    from lichtbild.pipelines import photo

    align = photo.align
    monkeypatch.setattr(photo, "align", lambda *a: dataclasses.replace(align(*a), refused="another scene"))
    found = []
    api.merge(burst, explain=found.append)
    names = [source.info.name for source in burst.sources[1:]]
    assert {e.frame for e in found} == {None}
    assert found[-1].facts["refused"] == dict.fromkeys(names, "another scene")


def test_a_picture_is_the_same_explained_or_not(burst):
    plain, explained = api.develop(burst), api.develop(burst, explain=lambda e: None)
    np.testing.assert_array_equal(plain.pixels, explained.pixels)


def test_a_single_frame(burst):
    found = []
    api.develop(dataclasses.replace(burst, sources=burst.sources[:1]), explain=found.append)
    assert [e.name for e in found] == ["noise", "denoised-away"]
    # One frame of ISO 200: the noise of the model at the picture's middle tones.
    noise = burst.sources[0].info.noise
    low, high = (100 * np.sqrt(noise.alpha[1] * s + noise.beta[1]) for s in (0.0, 1.0))
    assert low < found[0].facts["noise_percent_of_white"]["median"] < high


def still(shape):
    tiles = tuple(-(-n // TILE_PX) for n in shape)
    zero = np.zeros((*tiles, 2), np.float32)
    return Motion(
        np.zeros(8), zero, zero.copy(), np.zeros(tiles, bool), np.ones(tiles, np.float32), np.ones(tiles, np.float32)
    )


@pytest.mark.parametrize("shape", [(48, 64), (101, 333), (2000, 60), (1700, 2211)])
def test_any_size_fits_the_canvas(shape):
    canvas = Canvas.blank(shape)
    assert max(canvas.size) <= figures.LONGEST_PX
    motion = still(shape)
    motion.local_px[0, 0] = (40, -900)
    motion.is_local[0, 0] = True
    pixels, _, scale = motion_picture(canvas, motion)
    assert pixels.shape == (*canvas.size, 3)
    sheet = legended(Explained("a-motion", pixels, "word " * 60, scale))
    assert sheet.shape[0] > pixels.shape[0]


def test_directions_have_their_colours():
    """Opposite directions are opposite hues, and lightness tells length alone."""
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.stack([np.sin(turn), np.cos(turn)], -1).astype(np.float32)[None]
    rest = figures.motion_colours(np.zeros((1, 1, 2), np.float32)).astype(float)
    assert rest.min() > 235
    colours = figures.motion_colours(ring).astype(float)
    assert np.abs(colours - np.roll(colours, 8, 1)).sum(-1).min() > 100
    luma = colours @ [0.2126, 0.7152, 0.0722]
    assert luma.std() < 12
    np.testing.assert_array_equal(figures.motion_colours(3 * ring), colours.astype(np.uint8))


def test_grids_are_read_at_their_places():
    canvas = Canvas.blank((64, 96))
    ramp = np.arange(6, dtype=np.float32)[None, :].repeat(4, 0)  # cells of 16 px
    x = canvas.places()[1]
    np.testing.assert_allclose(canvas.sampled(ramp, 16.0)[0], np.clip(x / 16 - 0.5, 0, 5), atol=1e-5)
    np.testing.assert_array_equal(canvas.nearest(ramp, 16.0)[0], np.floor(x / 16))


@pytest.mark.parametrize(("value", "up"), [(0.3, 0.5), (1, 1), (5.1, 10), (10, 10), (130, 200)])
def test_round_numbers(value, up):
    assert figures.round_number(value) == pytest.approx(up)


# ---- files


def small(name, frame=None, orientation=1, **facts):
    pixels = np.full((40, 60, 3), 90, np.uint8)
    pixels[:10, :10] = (250, 10, 10)
    scale = figures.bar(figures.COOL, (0, 1), [0.0, 1.0], "things")
    return Explained(name, pixels, "Nothing much.", scale, orientation, frame, facts)


def test_a_folder_with_an_index(tmp_path):
    folder = ExplainFolder(tmp_path / "new" / "why")
    folder(small("02-b-motion", "b.dng", number=2))
    folder(small("01-a-motion", "a.dng", number=1))
    folder(small("noise", size_px=[40, 60]))
    index = json.loads(folder.finish().read_text())
    assert index["whole"] == {"size_px": [40, 60]}
    assert [facts["frame"] for facts in index["frames"]] == ["a.dng", "b.dng"]
    names = {entry["file"] for entry in index["pictures"]}
    assert names | {INDEX} == {path.name for path in folder.folder.iterdir()}
    assert index["pictures"][0]["scale"] == "0 to 1 things"


def test_nothing_is_overwritten_unless_asked(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"mine")
    folder = ExplainFolder(tmp_path)
    folder(small("noise"))
    with pytest.raises(OutputError, match="there already"):
        ExplainFolder(tmp_path)
    again = ExplainFolder(tmp_path, force=True)
    again(small("noise"))
    again.finish()
    with pytest.raises(OutputError, match="there already"):
        ExplainFolder(tmp_path)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "why").write_bytes(b"")
    with pytest.raises(OutputError):
        ExplainFolder(tmp_path / "why")


def test_pictures_stand_upright_and_their_text_too():
    lying, standing = (legended(small("noise", orientation=o)) for o in (1, 6))
    # Turned by 90 degrees to the right, the corner is at the upper right; the strip stays below.
    left = (lying.shape[1] - 60) // 2
    assert lying[3, left + 3, 0] == 250
    left = (standing.shape[1] - 40) // 2
    assert standing[3, left + 36, 0] == 250
    np.testing.assert_array_equal(lying[45:], standing[65:])
