"""Charts hold what their truth says: edges, frequencies, patches, stars."""

import json

import numpy as np
import pytest

from lichtbild.core import UsageError
from lichtbild.core.spectra import colorchecker, illuminant, rgb_of
from lichtbild.simulate import SCENES, Simulation, make_scene

SHAPE = (160, 240)


def coordinates(scene):
    n = scene.ground.shape[1:]
    y, x = ((np.arange(k) + 0.5) / scene.oversampling - scene.margin_px for k in n)
    return y[:, None], x[None, :]


def modulation(values, angle, n):
    """Amplitude of the wave with n turns over the mean, by least squares."""
    basis = np.stack([np.ones_like(angle), np.cos(n * angle), np.sin(n * angle)], 1)
    mean, c, s = np.linalg.lstsq(basis, values.astype(float), rcond=None)[0]
    return np.hypot(c, s) / mean


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_scene_is_light_of_any_camera(name):
    scene = make_scene(name, (96, 128), seed=2)
    assert scene.frame_shape == (96, 128)
    json.dumps(dict(scene.truth))
    for layer in scene.layers:
        assert np.isfinite(layer.light).all()
        assert layer.light.min() >= 0
    np.testing.assert_array_equal(scene.ground, make_scene(name, (96, 128), seed=2).ground)
    assert np.isfinite(Simulation(scene, n_frames=1).light(0)).all()


@pytest.mark.parametrize("angle", [0.0, 5.0, -12.0])
def test_edges_lie_where_they_are_said_to(angle):
    scene = make_scene("edges", SHAPE, options={"angle_deg": angle, "contrast": 5.0})
    truth, light = scene.truth, scene.ground[1].astype(float)
    y, x = coordinates(scene)
    dark = (truth["high"] - light) / (truth["high"] - truth["low"])
    sides = truth["edges"]
    half = {round(np.hypot(e["x1"] - e["x0"], e["y1"] - e["y0"]) / 2, 6) for e in sides}
    assert len(half) == 1
    half = half.pop()
    # Darkness is as large as the squares are; a stair or a shift would show.
    assert dark.sum() / scene.oversampling**2 == pytest.approx(len(sides) / 4 * 4 * half**2, rel=2e-4)
    for e in sides:
        middle = ((e["x0"] + e["x1"]) / 2, (e["y0"] + e["y1"]) / 2)
        d = (x - middle[0]) * e["dark"][0] + (y - middle[1]) * e["dark"][1]
        t = -(x - middle[0]) * e["dark"][1] + (y - middle[1]) * e["dark"][0]
        near = (np.abs(t) < 0.4 * half) & (np.abs(d) < 8)
        # Half of the light at the edge; the edge is where the profile's integral balances.
        offset = np.sum(dark[near] - (d[near] > 0)) / (np.sum(near) / 16)
        assert abs(offset) < 0.05
        assert e["angle_deg"] == angle


def test_an_edge_holds_all_frequencies_it_promises():
    scene = make_scene("edges", (320, 320), oversampling=2.0, options={"angle_deg": 0.0})
    side = next(e for e in scene.truth["edges"] if e["side"] == "left")
    row = scene.ground[0, round(((side["y0"] + side["y1"]) / 2 + scene.margin_px) * 2)]
    n = 128
    start = round((side["x0"] + scene.margin_px) * 2) - n // 2
    spread = np.diff(row[start : start + n].astype(float))
    f = np.linspace(0.02, 0.58, 15)
    at = np.arange(n - 1)
    # The difference of neighbours is the line's spread times their own sinc.
    mtf = np.abs(np.exp(-2j * np.pi * np.outer(f / 2, at)) @ spread) / abs(spread.sum()) / np.sinc(f / 2)
    np.testing.assert_allclose(mtf, 1, atol=0.01)
    assert scene.truth["flat_to_cy_px"] == pytest.approx(0.6)


def test_a_star_has_its_sine_at_every_radius():
    scene = make_scene("siemens", SHAPE, oversampling=2.0)
    y, x = coordinates(scene)
    for star in scene.truth["stars"]:
        r, angle = np.hypot(x - star["x"], y - star["y"]), np.arctan2(y - star["y"], x - star["x"])
        for radius in np.linspace(star["inner_px"] * 1.05, star["outer_px"] - 1, 4):
            ring = np.abs(r - radius) < 0.7
            found = modulation(scene.ground[0][ring], angle[ring], star["n_cycles"])
            assert found == pytest.approx(scene.truth["contrast"], rel=0.02)


def test_lines_have_their_frequency():
    scene = make_scene("hyperbolas", SHAPE, oversampling=2.0)
    y, x = coordinates(scene)
    wedge = scene.truth["wedges"][0]
    left, top, right, bottom = wedge["box_px"]
    for share in (0.1, 0.5, 0.9):
        row = np.abs(y[:, 0] - (top + share * (bottom - top))).argmin()
        here = (y[row, 0] - top) / (bottom - top)
        frequency = wedge["low_cy_px"] + (wedge["high_cy_px"] - wedge["low_cy_px"]) * here
        within = np.abs(x[0] - (left + right) / 2) * frequency < 3
        line = scene.ground[0, row, within].astype(float)
        phase = 2 * np.pi * frequency * (x[0, within] - (left + right) / 2)
        assert 2 * np.mean((line - 0.45) * np.cos(phase)) == pytest.approx(0.36, rel=0.06)


@pytest.mark.parametrize("light", ["D65", "A", "LED-B3"])
def test_patches_have_their_colours(light):
    scene = make_scene(f"colorchecker:light={light}", SHAPE)
    y, x = coordinates(scene)
    wanted = np.maximum(rgb_of(colorchecker()[1], illuminant(light)), 0)
    for patch, colour in zip(scene.truth["patches"], wanted, strict=True):
        left, top, right, bottom = patch["box_px"]
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        assert np.ptp(scene.ground[:, inside], axis=1).max() == 0
        np.testing.assert_allclose(scene.ground[:, inside][:, 0], colour, rtol=1e-5)
        np.testing.assert_allclose(patch["rgb"], colour, rtol=1e-6)
    assert scene.truth["patches"][18]["name"] == "white 9.5"


def test_a_wedge_gets_darker_by_its_density():
    truth = make_scene("wedge", SHAPE, options={"n_steps": 12, "density_step": 0.3}).truth
    light = [patch["luminance"] for patch in truth["patches"]]
    np.testing.assert_allclose(np.diff(np.log10(light)), -0.3)


def test_stars_shine_as_told():
    scene = make_scene("stars", SHAPE, oversampling=2.0, seed=1)
    assert scene.ground.max() > 300
    lone = max(scene.truth["stars"], key=lambda s: s["flux"])
    y, x = coordinates(scene)
    near = np.hypot(x - lone["x"], y - lone["y"]) < 4 * scene.truth["sigma_px"]
    flux = scene.ground[1][near].sum() / scene.oversampling**2
    assert flux == pytest.approx(lone["flux"], rel=0.02)


def test_leaves_look_alike_at_every_scale():
    """Power falls like 1 / f^2: amplitude halves with every octave, within the finite range of sizes."""
    light = make_scene("leaves", (240, 240), seed=4, options={"is_grey": True}).ground[0]
    n = 256
    block = light[:n, :n].astype(float)
    window = np.hanning(n)[:, None] * np.hanning(n)
    power = np.abs(np.fft.fft2((block - block.mean()) * window)) ** 2
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None]) * n
    bands = [power[(f >= k) & (f < 2 * k)].mean() for k in (8, 16, 32)]
    slope = np.polyfit(np.arange(3), np.log2(bands), 1)[0]
    assert -3.4 < slope < -1.6


def test_a_room_against_the_light_has_twelve_stops_and_four_distances():
    scene = make_scene("backlit", SHAPE)
    assert scene.truth["stops"] > 12
    assert [layer.depth_m for layer in scene.layers] == list(scene.truth["depths_m"].values())
    assert [layer.is_moving for layer in scene.layers] == [False, False, False, True]


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("edgs", {}, "edges"),
        ("edges", {"angel_deg": 3}, "angle_deg"),
        ("edges", {"contrast": 100}, "negative"),
        ("edges", {"high": -0.5}, "reflectances"),
        ("edges", {"angle_deg": "steep"}, "such as"),
        ("flat", {"level": -0.1}, "reflectance"),
        ("edges:angle_deg", {}, "KEY=VALUE"),
        ("hyperbolas", {"high_cy_px": 3.0}, "0.45"),
        ("leaves", {"smallest_px": 0.0}, "rise"),
        ("colorchecker", {"light": "D6"}, "D65"),
        ("wedge", {"n_steps": 1}, "2 to 64"),
    ],
)
def test_what_cannot_be_painted_is_named(name, options, match):
    with pytest.raises(UsageError, match=match):
        make_scene(name, (64, 96), options=options)
