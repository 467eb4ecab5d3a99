"""Every look that comes along does what its file says: the nine checks, through the renderer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild import looks
from lichtbild.core import colour_space as cs
from lichtbild.looks import checks, display, fit
from lichtbild.stages import develop_display, look, tone


@pytest.mark.parametrize("name", looks.names())
def test_a_look_does_what_its_file_says(name: str) -> None:
    chosen = looks.load(name)
    missed = [f"{c.name} {c.value} > {c.limit} {c.unit}" for c in checks.all_checks(chosen) if not c.is_met]
    assert not missed, "\n".join(missed)
    assert 20 < len(chosen.intent) < 160


def test_the_checks_can_fail() -> None:
    """A look whose blue is turned hard within a narrow reach folds colours together; one that glows moves skin."""
    wild = look.from_document({"hues": [{"hue_deg": 264, "width_deg": 20, "turn_deg": 40}]}, "wild")
    assert not checks.folds(wild).is_met
    tanned = look.from_document({"hues": [{"hue_deg": 50, "width_deg": 60, "saturation": 2.0}]}, "tanned")
    assert not checks.skin(tanned).is_met


def test_natural_leaves_a_developed_picture_alone() -> None:
    codes = np.random.default_rng(1).random((64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(display.shown(looks.load("natural"), codes), codes, atol=2e-4)


@pytest.mark.parametrize(("name", "limit"), [("kontor", 1.2), ("postcard", 1.3), ("obsidian", 0.8)])
def test_a_look_is_found_from_a_pair(name: str, limit: float) -> None:
    """Colours of every hue and lightness before and after; what is left is a quarter of what was done, or less."""
    rng = np.random.default_rng(3)
    lightness, chroma, hue = rng.uniform(0.1, 0.95, 9000), rng.uniform(0, 0.13, 9000), rng.uniform(0, 2 * np.pi, 9000)
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], -1)
    light = cs.oklab_to_xyz(oklab) @ cs.XYZ_TO_SRGB.T
    before = cs.srgb_encode(np.clip(light, 0, 1)).reshape(90, 100, 3).astype(np.float32)
    after = np.round(display.shown(looks.load(name), before) * 255) / 255
    found = fit.fit(before, after)
    assert found.after[0] < limit
    assert found.after[0] < 0.35 * found.before[0]


def test_filters_darken_what_they_should() -> None:
    """Sky is darker behind yellow than without, orange darker, red darkest; foliage is brightest behind green."""
    sky, leaf, skin = (np.asarray(cs.srgb_decode(np.array(rgb) / 255)) for rgb in
                       ((105, 155, 215), (75, 110, 45), (205, 150, 125)))  # fmt: skip

    def tone_of(colour: np.ndarray, filter: str) -> float:
        weights = look.panchromatic.weights("panchromatic", filter)
        return float((colour @ (cs.XYZ_TO_REC2020 @ cs.SRGB_TO_XYZ).T) @ weights)

    skies = [tone_of(sky, name) for name in ("none", "yellow", "orange", "red")]
    assert skies == sorted(skies, reverse=True)
    assert skies[3] < 0.6 * skies[0]
    assert tone_of(leaf, "green") > max(tone_of(leaf, name) for name in ("none", "yellow", "orange", "red"))
    assert tone_of(skin, "red") > tone_of(skin, "none") > tone_of(skin, "blue")
    for name in ("none", "yellow", "orange", "red", "green", "blue"):
        assert sum(look.panchromatic.weights("panchromatic", name)) == pytest.approx(1)


def test_grain_is_that_of_discs_on_film() -> None:
    """Rms in 48 um of the tile, at its own scale, is what the look tells; twice the pixel, half the grain at most."""
    film = look.from_document({"grain": {"rms": 12, "size_um": 8, "format_mm": 24}}, "film").grain
    small, large = look.grain.sigma_density(film, 4.0), look.grain.sigma_density(film, 48.0 * np.sqrt(np.pi) / 2)
    assert large == pytest.approx(0.012, rel=0.06)  # a square of the aperture's area
    assert small > 2 * large
    tile = look.grain.tile(film, 24000 / 2.0).astype(float)  # a pixel of 2 um: discs of 4 px
    power = np.abs(np.fft.fft2(tile)) ** 2
    f = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None, :])
    flat, first_zero = power[(f > 0.02) & (f < 0.08)].mean(), power[(f > 0.29) & (f < 0.32)].mean()
    assert first_zero < 0.02 * flat  # 1.22 / 4 px
    assert tile.std() == pytest.approx(look.grain.TILE_SCALE, rel=0.02)
    assert abs(tile.mean()) < 0.5


def test_every_code_is_used_where_the_curve_is_shallow() -> None:
    """A ramp of greys that rises by a code in forty pixels: means follow it to a fifth of a code, no flat steps."""
    light = 0.18 * (1 + 0.2 * np.linspace(0, 1, 960))
    frame = checks.frame_of(np.repeat(np.repeat(light[None, :, None], 3, 2), 64, 0))
    facts, params = checks.facts_of(frame, looks.load("natural"))
    eight = develop_display.render(frame, facts, params, bits=8).pixels[..., 1].astype(float).mean(0)
    exact = cs.srgb_encode(develop_display.render(frame, facts, params, bits=32).pixels[..., 1].astype(float)).mean(0)
    # Dither has the mean of the exact value (floor of value + threshold).
    smooth = np.convolve(eight - 255 * exact, np.ones(32) / 32, "valid")
    assert np.abs(smooth).max() < 0.2


@pytest.mark.parametrize("name", ["natural", "neutral", "kontor", "fanfare"])
@pytest.mark.parametrize(("colour", "what"), [((0.03, 0.05, 0.5), "blue"), ((0.5, 0.05, 0.04), "red"),
                                              ((0.42, 0.24, 0.16), "skin")])  # fmt: skip
def test_hue_holds_from_shadow_to_white(name: str, colour: tuple[float, float, float], what: str) -> None:
    """Oklab hue of a ramp from -6 to +6 EV within 3 degrees, as long as any colour is left of it."""
    stops = np.linspace(-6, 6, 97)
    work = np.asarray(colour) @ (cs.XYZ_TO_REC2020 @ cs.SRGB_TO_XYZ).T
    ramp = np.repeat(np.repeat((2.0**stops)[:, None] * work, 8, 0)[None], 8, 0)
    out = checks.oklab(checks.shown(ramp, looks.load(name)))[4, 4::8]
    chroma, hue = np.hypot(out[:, 1], out[:, 2]), np.degrees(np.arctan2(out[:, 2], out[:, 1]))
    seen = hue[chroma > 0.02]
    assert len(seen) > 40
    assert np.ptp((seen - seen[len(seen) // 2] + 180) % 360 - 180) < 6  # 3 to either side
    assert np.abs((seen - np.median(seen) + 180) % 360 - 180).max() < 3
    assert np.all(np.diff(out[:, 0]) > -1e-4)  # brighter light is never darker


def test_hdr_is_the_same_picture_with_more_light() -> None:
    """Dark half alike to 1 %, never below SDR, up to the headroom, rising."""
    scene = 0.18 * 2.0 ** np.linspace(-8, 4.5, 400)
    frame = checks.frame_of(np.repeat(np.repeat(scene[None, :, None], 3, 2), 8, 0))
    facts, params = checks.facts_of(frame, looks.load("natural"))
    sdr = develop_display.render(frame, facts, params, bits=32).pixels[4, :, 1].astype(float)
    for headroom in (1.0, 2.0, 3.0):
        hdr = develop_display.render(frame, facts, params, bits=32, headroom_ev=headroom).pixels[4, :, 1].astype(float)
        dark = scene < 0.18 * 2**0.5
        np.testing.assert_allclose(hdr[dark], sdr[dark], rtol=0.01, atol=1e-5)
        assert np.all(hdr > sdr * 0.995)
        assert np.all(np.diff(hdr) > -1e-5)
        assert 0.8 * 2**headroom < hdr.max() <= 2**headroom * 1.001


def test_layers_and_strength() -> None:
    both = looks.load("kontor+postcard")
    assert both.grain == looks.load("postcard").grain
    assert both.sharpen == looks.load("postcard").sharpen
    half = looks.chosen(look.LookParams(look="obsidian", strength=0.5))
    assert half.monochrome.amount == pytest.approx(0.5)
    assert looks.chosen(look.LookParams(look="postcard", grain=0.0)).grain.rms == 0
    assert looks.chosen(look.LookParams(look="kontor", strength=0.0)).tone == dataclasses.replace(tone_of_natural())


def tone_of_natural() -> look.model.ToneLook:
    assert tone.curve.MID_GREY == 0.18
    return looks.load("natural").tone


@pytest.mark.parametrize(("apart_deg", "share"), [(0.0, 1.0), (20.0, 0.5), (-20.0, 0.5), (40.0, 0.0), (90.0, 0.0)])
def test_a_move_of_a_hue_is_a_raised_cosine(apart_deg: float, share: float) -> None:
    """By hand: all of it at its hue, half of it half its reach away, nothing beyond; gated by chroma and darkness."""
    move = {"hue_deg": 264, "width_deg": 40, "turn_deg": -20, "saturation": 0.6, "lightness": -0.1}
    plain = look.from_document({"colour": {"saturation": 1.0, "density": 0.0, "gamut": 0.98}}, "plain")
    moved = look.from_document({"hues": [move]}, "moved", plain)
    hue = np.radians(264 + apart_deg)
    scene = cs.oklab_to_xyz(np.array([0.6, 0.03 * np.cos(hue), 0.03 * np.sin(hue)])) @ cs.XYZ_TO_REC2020.T
    chart = np.broadcast_to(scene, (16, 16, 3))
    before, after = (checks.oklab(checks.shown(chart, one))[8, 8] for one in (plain, moved))
    chroma, light = np.hypot(*before[1:]), before[0]
    share *= chroma**2 / (chroma**2 + 0.03**2) * light**2 / (light**2 + 0.1**2)
    turn = np.degrees(np.arctan2(after[2], after[1]) - np.arctan2(before[2], before[1]))
    assert (turn + 180) % 360 - 180 == pytest.approx(-20 * share, abs=0.3)
    assert np.hypot(*after[1:]) / chroma == pytest.approx(1 - 0.4 * share, abs=0.005)
    assert after[0] - light == pytest.approx(-0.1 * share * 4 * light * (1 - light), abs=0.001)


@pytest.mark.parametrize(("stops", "which"), [(-4.0, "shadows"), (1.5, "highlights")])
def test_chroma_of_shadows_and_highlights(stops: float, which: str) -> None:
    """By hand: smoothsteps of Oklab lightness, from 0.55 down to 0 and from 0.5 up to 1."""
    plain = look.from_document({"colour": {"saturation": 1.0, "density": 0.0, "gamut": 0.98}}, "plain")
    other = look.from_document({"colour": {which: 0.6}}, "other", plain)
    chart = np.broadcast_to(np.array([1.04, 1.0, 0.97]) * 0.18 * 2.0**stops, (16, 16, 3))
    before, after = (checks.oklab(checks.shown(chart, one))[8, 8] for one in (plain, other))
    t = 1 - before[0] / 0.55 if which == "shadows" else (before[0] - 0.5) / 0.5
    t = float(np.clip(t, 0, 1))
    wanted = 1 - 0.4 * t * t * (3 - 2 * t)
    assert 0.1 < t < 1
    assert np.hypot(*after[1:]) / np.hypot(*before[1:]) == pytest.approx(wanted, abs=0.01)
