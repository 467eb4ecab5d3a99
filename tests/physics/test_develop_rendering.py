"""What a developed picture must do whatever the scene: greys grey, white white, order kept, no false colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.stages import colour, develop_display, highlights, look, tone, white_balance

# ColorMatrix and ForwardMatrix of a real phone (LG Nexus 5X, from its DNG tags), A and D65.
COLOUR_A = np.array([[104, -29, -16], [-41, 162, 5], [-5, 29, 57]]) / 128
COLOUR_D65 = np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128
FORWARD_A = np.array([[74, 28, 21], [20, 108, 0], [-2, -37, 145]]) / 128
FORWARD_D65 = np.array([[88, 2, 34], [27, 87, 13], [0, -69, 175]]) / 128
PHONE = Camera(
    colour=ColourCalibration((cs.A_XY, cs.D65_XY), (COLOUR_A, COLOUR_D65), (FORWARD_A, FORWARD_D65)),
)
MOVES = look.moves.of_look(look.Look())
NEUTRAL = white_balance.neutral_of_xy(PHONE.colour, cs.D65_XY)  # type: ignore[arg-type]


def camera_frame(balanced: npt.ArrayLike, neutral: tuple[float, float, float] = NEUTRAL, noise: float = 1e-6) -> Frame:
    """A CAMERA_RGB frame of white-balanced scene colours, clipped by the sensor."""
    pixels = np.minimum(np.asarray(balanced, np.float64) * neutral, 1.0).astype(np.float32)
    info = FrameInfo("test", pixels.shape[:2], "linear", camera=PHONE, as_shot_neutral=neutral)
    return Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((noise,) * 3, (noise * 1e-3,) * 3, "simulated"))


def developed(frame: Frame, **kwargs: object) -> npt.NDArray[np.float32]:
    facts = develop_display.analyse(frame)
    return develop_display.render(frame, facts, bits=32, **kwargs).pixels  # type: ignore[arg-type]


def lab(display: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return cs.xyz_to_lab(display @ cs.SRGB_TO_XYZ.T, cs.SRGB_TO_XYZ.sum(1))


@pytest.mark.parametrize("xy", [cs.A_XY, cs.D50_XY, cs.D65_XY, cs.kelvin_tint_to_xy(4000, 20)])
def test_grey_ramp_is_monotone_and_neutral(xy: cs.XY) -> None:
    neutral = white_balance.neutral_of_xy(PHONE.colour, xy)  # type: ignore[arg-type]
    ramp = np.geomspace(1e-4, 6.0, 400)[None, :, None] * np.ones((24, 1, 3))
    out = lab(developed(camera_frame(ramp, neutral)))[12]
    open_end = ramp[0, :, 0] < 1.0 / max(neutral)  # beyond, the sensor clips and there is no order to keep
    assert np.all(np.diff(out[open_end, 0]) > 0)
    assert np.hypot(out[:, 1], out[:, 2]).max() < 0.3
    assert out[-1, 0] > 99.5
    assert out[0, 0] < 5


def test_no_false_colour_in_clipped_white() -> None:
    """A grey that runs through the three channels' clip levels, with sensor noise, stays grey."""
    ramp = np.linspace(0.3, 4.0, 600)[None, :, None] * np.ones((40, 1, 3))
    noise = np.random.default_rng(20261122).normal(0, 0.004, ramp.shape)
    out = lab(developed(camera_frame(ramp + noise, noise=2e-5)))
    mean = out[4:-4].mean(0)
    assert np.hypot(mean[:, 1], mean[:, 2]).max() < 2.5


def test_clipped_colours_never_turn_magenta() -> None:
    """Tinted gradients (sky, skin, foliage, lamp) over their clip level: green never falls below both red and blue."""
    for tint in ([0.75, 0.95, 1.2], [1.3, 1.0, 0.7], [0.8, 1.2, 0.5], [1.6, 1.0, 0.35]):
        ramp = np.linspace(0.2, 5.0, 300)[None, :, None] * np.asarray(tint) * np.ones((16, 1, 1))
        out = developed(camera_frame(ramp))[8]
        assert (np.minimum(out[:, 0], out[:, 2]) - out[:, 1]).max() < 0.01, tint


def test_exposure_of_one_stop_doubles_scene_light() -> None:
    rng = np.random.default_rng(20261122)
    frame = camera_frame(rng.uniform(0.01, 0.6, (32, 32, 3)))
    for base in (0.0, 1.0):
        params = develop_display.DevelopParams(tone=tone.ToneParams(exposure_ev=base))
        facts = develop_display.analyse(frame, params)
        if base == 0.0:
            first = facts
    assert facts.tone.exposure_ev == pytest.approx(first.tone.exposure_ev + 1.0)
    np.testing.assert_array_equal(facts.tone.lut, first.tone.lut)


def test_pictures_of_the_camera_keep_their_tone() -> None:
    rng = np.random.default_rng(20261122)
    signal = rng.uniform(0, 1, (40, 40, 3)).astype(np.float32)
    signal[8:32, 8:32] = np.linspace(0.1, 0.9, 24)[:, None, None]
    info = FrameInfo("picture", (40, 40), "picture", camera=Camera(is_rendered=True))
    noise = NoiseModel((1e-3,) * 3, (1e-4,) * 3, "fitted")
    frame = Frame(cs.srgb_decode(signal), Domain.CAMERA_RGB, info, noise)
    facts = develop_display.analyse(frame)
    out = develop_display.render(frame, facts).pixels
    np.testing.assert_allclose(out[12:28, 12:28], signal[12:28, 12:28] * 255, atol=2)
    assert facts.white.source == "picture"


def test_crop_and_preview_come_out_like_the_whole() -> None:
    rng = np.random.default_rng(20261122)
    smooth = np.kron(rng.uniform(0.02, 0.9, (12, 15, 3)), np.ones((30, 30, 1)))
    frame = camera_frame(smooth)
    facts = develop_display.analyse(frame)
    whole = develop_display.render(frame, facts).pixels.astype(int)
    part = frame.replaced(pixels=np.ascontiguousarray(frame.pixels[50:250, 80:300]))
    crop = develop_display.render(part, facts, window=(50, 80, 200, 220)).pixels.astype(int)
    assert np.abs(crop[4:-4, 4:-4] - whole[54:246, 84:296]).max() <= 1
    half = frame.replaced(pixels=np.ascontiguousarray(frame.pixels[::2, ::2]))
    preview = develop_display.render(half, facts, window=(0, 0, *frame.shape)).pixels.astype(int)
    assert np.abs(preview[7::15, 7::15] - whole[14::30, 14::30]).max() <= 2


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_colour_map_has_no_folds(space: str) -> None:
    """The map from scene to display has a positive Jacobian where colours are of sRGB: no two neighbours change
    places."""
    axis = np.geomspace(0.004, 3.0, 24)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    lut = tone.table(tone.CurveShape(0.18 * 2**3.5))

    def show(scene: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        to_rgb, gamut = tone.reference.display_matrix(space), tone.reference.gamut_chroma(space)
        light, _ = tone.reference.to_display(np.float32(scene), lut, 1.06, to_rgb, gamut, False, MOVES)
        return np.asarray(cs.srgb_encode(light), np.float64)

    columns = [(show(grid * np.exp(0.04 * np.eye(3)[c])) - show(grid * np.exp(-0.04 * np.eye(3)[c]))) for c in range(3)]
    determinant = np.linalg.det(np.stack(columns, -1))
    inside = ((grid @ (cs.XYZ_TO_SRGB @ cs.REC2020_TO_XYZ).T).min(-1) > 0) & (grid.max(-1) < 1.6)
    # The blue corner of Oklab is concave: there a few cells of the table fold by less than a code of 8 bits.
    assert (determinant[inside] < -1e-7).mean() < 0.005
    assert determinant[inside].min() > -2e-5
    assert (determinant[inside] > 0).mean() > 0.97


def test_hue_survives_the_curve() -> None:
    """Oklab hue of scene colours within the display's reach is kept to a degree, from shadow to near white."""
    rng = np.random.default_rng(20261122)
    scene = np.float32(rng.uniform(0.05, 1.0, (500, 3)) ** 1.5)
    lut = tone.table(tone.CurveShape(0.18 * 2**3))
    to_rgb, gamut = tone.reference.display_matrix("srgb"), tone.reference.gamut_chroma("srgb")
    light, _ = tone.reference.to_display(scene, lut, 1.0, to_rgb, gamut, False, MOVES)
    before, after = cs.xyz_to_oklab(scene @ cs.REC2020_TO_XYZ.T), cs.xyz_to_oklab(light @ cs.SRGB_TO_XYZ.T)
    coloured = np.hypot(after[:, 1], after[:, 2]) > 0.03
    turn = np.arctan2(before[:, 2], before[:, 1]) - np.arctan2(after[:, 2], after[:, 1])
    turn = np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))[coloured]
    assert np.percentile(turn, 90) < 1.0
    assert turn.max() < 8.0


def test_unclipped_pixels_pass_highlights_untouched() -> None:
    rng = np.random.default_rng(20261122)
    frame = camera_frame(rng.uniform(0.0, 0.8, (24, 24, 3)))
    facts = highlights.analyse(frame, NEUTRAL)
    out = highlights.apply(frame, NEUTRAL, facts, facts.surround)
    np.testing.assert_allclose(out.pixels, frame.pixels, rtol=1e-6)


def test_missing_calibration_says_so() -> None:
    frame = camera_frame(np.full((16, 16, 3), 0.3)).with_info(camera=Camera(model="X1"))
    facts = develop_display.analyse(frame)
    assert any("X1" in reason for reason in facts.reasons)
    assert colour.calibration_of(Camera(is_rendered=True))[1]
