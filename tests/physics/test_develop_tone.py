"""Tone and sharpening on scenes whose right answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from lichtbild.core import Camera, Domain, Exposure, Frame, FrameInfo, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.stages import colour, develop_display, sharpen, tone
from lichtbild.stages.tone import curve, local

Floats = npt.NDArray[np.float64]


def scene(seed: int, contrast_ev: float = 1.2) -> Floats:
    """Smooth areas of many sizes, log-normal light as photographs have it, [120, 160, 3], median 0.15."""
    rng = np.random.default_rng(seed)
    stops = np.zeros((120, 160, 3))
    for size in (60, 20, 8, 2):
        blocks = rng.normal(0, contrast_ev * (size / 60) ** 0.3, (120 // size + 1, 160 // size + 1, 1))
        blocks = blocks + rng.normal(0, 0.25, (*blocks.shape[:2], 3))
        stops += np.kron(blocks, np.ones((size, size, 1)))[:120, :160]
    return np.asarray(0.15 * 2 ** (stops - np.median(stops)))


def camera_frame(light: Floats, noise: float = 1e-5, **info: object) -> Frame:
    """Scene light through a colour-blind camera (its primaries are Rec.2020), clipped at 1."""
    identity = colour.ColourCalibration((cs.DISPLAY_WHITE_XY,), (cs.XYZ_TO_REC2020,))
    pixels = np.minimum(light, 1.0).astype(np.float32)
    facts = {"camera": Camera(colour=identity), "as_shot_neutral": (1.0, 1.0, 1.0), **info}
    meta = FrameInfo("scene", pixels.shape[:2], "linear", **facts)  # type: ignore[arg-type]
    return Frame(pixels, Domain.CAMERA_RGB, meta, NoiseModel((noise,) * 3, (noise * 1e-3,) * 3, "simulated"))


def lightness(frame: Frame, params: tone.ToneParams | None = None) -> Floats:
    """CIE L* of the developed picture, [H, W]."""
    develop = develop_display.DevelopParams(tone=params or tone.ToneParams())
    out = develop_display.render(frame, develop_display.analyse(frame, develop), develop, bits=32).pixels
    return cs.xyz_to_lab(out @ cs.SRGB_TO_XYZ.T, cs.SRGB_TO_XYZ.sum(1))[..., 0]


def test_curve_holds_grey_and_white_and_rises() -> None:
    for white in (0.18 * 2**2, 0.18 * 2**3.5, 0.18 * 2**5.5):
        x = np.geomspace(1e-5, white, 2000)
        shape = curve.CurveShape(white)
        y = curve.filmic(x, shape)
        assert np.all(np.diff(y) > 0)
        assert float(curve.filmic(0.18, shape)) == pytest.approx(0.18, rel=1e-3)
        assert float(curve.filmic(white, shape)) == pytest.approx(1.0, abs=1e-6)
        slope = np.gradient(np.log2(y), np.log2(x))
        assert 1.2 < slope[np.abs(x - 0.18).argmin()] < 1.6
        assert slope.max() < 1.8
        assert 0.9 < slope[0] < 1.25  # blacks keep their order and their distance


def test_table_is_the_curve() -> None:
    shape = curve.CurveShape(1.6, 1.71)
    lut = curve.table(shape)
    x = np.geomspace(1e-4, 1.6, 500).astype(np.float32)
    np.testing.assert_allclose(curve.look_up(lut, x), curve.filmic(x, shape), rtol=2e-3, atol=2e-6)
    np.testing.assert_array_equal(curve.look_up(lut, -x), -curve.look_up(lut, x))


def test_local_laplacian_keeps_detail_and_shrinks_range() -> None:
    rng = np.random.default_rng(20261122)
    step = np.where(np.arange(128) < 64, -5.0, 0.0)[None, :] * np.ones((96, 1))
    detail = rng.normal(0, 0.15, step.shape)
    plane = (step + detail).astype(np.float32)
    same = local.local_laplacian(plane, 1.2, 1.0, 1.0)
    np.testing.assert_allclose(same, plane, atol=1e-3)
    out = local.local_laplacian(plane, 1.2, 0.5, 0.5)
    left, right = out[:, 8:48], out[:, 80:120]
    assert 2.2 < right.mean() - left.mean() < 3.6  # 5 stops, half of them and the sigma's share
    for side, inside in ((left, detail[:, 8:48]), (right, detail[:, 80:120])):
        assert side.std() == pytest.approx(inside.std(), rel=0.15)
    profile = out.mean(0)
    assert profile.min() > left.mean() - 0.35  # no halo: the step does not ring
    assert profile.max() < right.mean() + 0.35


def test_linear_model_gives_the_gain_back() -> None:
    rng = np.random.default_rng(20261122)
    log2_y = np.kron(rng.uniform(-6, 0, (8, 10)), np.ones((12, 12))).astype(np.float32)
    gain = (-0.4 * log2_y - 1).astype(np.float32)
    model = local.as_linear_model(log2_y, gain)
    found = model[..., 0] * log2_y + model[..., 1]
    assert np.abs(found - gain).mean() < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_auto_exposure_finds_the_key_whatever_the_camera_chose(seed: int) -> None:
    """Mean lightness within a narrow band over scenes, and the same scene two stops under comes out alike: the camera's
    own intention weighs 15 %, a third of a stop or 6 L*; what clips in one and not in the other makes the rest."""
    light = scene(seed)
    keys = [float(np.mean(lightness(camera_frame(light * gain)))) for gain in (1.0, 0.25)]
    assert 42 < keys[0] < 62
    assert abs(keys[0] - keys[1]) < 10


def test_backlit_subject_is_seen() -> None:
    light = scene(3, 0.4) * 5
    light[40:, 50:110] /= 24
    shown = lightness(camera_frame(light))
    assert shown[60:110, 60:100].mean() > 20
    assert shown[:30].mean() < 97


def test_night_stays_dark() -> None:
    light = scene(4, 0.8) * 0.01
    light[20:26, 20:26] = light[50:54, 100:106] = 3.0
    assert lightness(camera_frame(light, noise=1e-6)).mean() < lightness(camera_frame(scene(4, 0.8))).mean() - 5


def test_exposure_value_of_the_sunny_rule() -> None:
    """f/16 and one over the ISO in seconds is sunlight: EV 15 (14.6 with 1/100 s); half the time is one stop more."""
    assert tone.exposure_ev100(Exposure(time_s=1 / 100, iso=100, f_number=16)) == pytest.approx(14.64, abs=0.01)
    assert tone.exposure_ev100(Exposure(time_s=1 / 200, iso=100, f_number=16)) == pytest.approx(15.64, abs=0.01)
    assert tone.exposure_ev100(Exposure(time_s=1 / 100, iso=100)) is None
    assert tone.exposure_ev100(Exposure(time_s=0.0, iso=100, f_number=2)) is None
    assert tone.exposure_ev100(Exposure(time_s=1e-30, iso=100, f_number=2)) is None


def test_dim_light_is_shown_dim() -> None:
    """The same numbers from the sensor, taken in daylight and by a lamp; a file that does not tell counts as day."""
    light = scene(4, 0.8) * 0.05
    day = lightness(camera_frame(light, exposure=Exposure(time_s=1 / 500, iso=100, f_number=8))).mean()
    told_nothing = lightness(camera_frame(light)).mean()
    room, night = (
        lightness(camera_frame(light, exposure=Exposure(time_s=t, iso=1600, f_number=2.8))).mean()
        for t in (1 / 250, 1 / 8)
    )
    assert day == pytest.approx(told_nothing, abs=0.1)
    assert night < room < day - 5
    assert night > 20


def test_sliders_do_what_they_say() -> None:
    frame = camera_frame(scene(5, 1.6))
    base = lightness(frame)
    dark, bright = base < np.quantile(base, 0.15), base > np.quantile(base, 0.85)
    opened = lightness(frame, tone.ToneParams(shadows=1.0))
    assert opened[dark].mean() > base[dark].mean() + 3
    assert abs(opened[bright].mean() - base[bright].mean()) < 3
    assert lightness(frame, tone.ToneParams(highlights=-1.0))[bright].mean() < base[bright].mean() - 3
    assert lightness(frame, tone.ToneParams(contrast=1.0)).std() > base.std() + 1
    assert lightness(frame, tone.ToneParams(exposure_ev=1.0)).mean() > base.mean() + 8


def test_baseline_exposure_is_heard() -> None:
    light = scene(1) * 0.3
    params = tone.ToneParams(auto_exposure=False)
    plain, asked = (lightness(camera_frame(light, baseline_exposure_ev=ev), params).mean() for ev in (0.0, 1.0))
    assert asked > plain + 8


def test_monochrome_stays_grey() -> None:
    grey = scene(2)[..., :1] * np.ones(3)
    frame = camera_frame(grey)
    frame = dataclasses.replace(
        frame, info=dataclasses.replace(frame.info, kind="monochrome", as_shot_neutral=None, camera=Camera())
    )
    out = develop_display.render(frame, develop_display.analyse(frame)).pixels.astype(int)
    assert np.ptp(out, axis=2).max() <= 1


def sharpened(light: Floats, noise: float, n_effective: float = 1.0) -> tuple[Frame, npt.NDArray[np.float32]]:
    info = FrameInfo("edge", light.shape[:2], "linear")
    frame = Frame(light.astype(np.float32), Domain.WORK_RGB, info, NoiseModel((noise,) * 3, (noise * 1e-2,) * 3, "s"))
    frame = frame.replaced(n_effective=n_effective)
    facts = sharpen.analyse(frame.noise.alpha, frame.noise.beta, sharpen.SharpenParams())
    nodes = sharpen.noise_nodes(frame, facts)
    at_pixels = np.broadcast_to(nodes[:1, :1], (*light.shape[:2], 2))
    return frame, sharpen.apply(frame, facts, at_pixels).pixels


def test_sharpening_leaves_noise_alone() -> None:
    rng = np.random.default_rng(20261122)
    for noise in (1e-4, 2e-3):
        flat = np.full((128, 128, 3), 0.2)
        noisy = flat + rng.normal(0, 1, flat.shape) * np.sqrt(noise * flat + noise * 1e-2)
        frame, out = sharpened(noisy, noise)
        luma = cs.REC2020_TO_XYZ[1]
        assert (out @ luma).std() < 1.15 * (frame.pixels @ luma).std()


def test_sharpening_undoes_blur_without_halos() -> None:
    """A blurred edge comes nearer to the sharp one; nothing leaves the range of the edge by more than its allowance."""
    x = np.arange(64) + 0.5 - 32.3
    sharp = np.clip(x + 0.5, 0, 1)
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 0.55) ** 2)
    blurred = np.convolve(np.pad(sharp, 3, mode="edge"), kernel / kernel.sum(), mode="valid")
    light = (0.1 + 0.4 * blurred)[None, :, None] * np.ones((32, 1, 3))
    truth = 0.1 + 0.4 * sharp
    frame, out = sharpened(light, 1e-7)
    before, after = frame.pixels[16, :, 1], out[16, :, 1]
    assert np.square(after - truth).sum() < 0.5 * np.square(before - truth).sum()
    assert after.min() > 0.1 - 0.02
    assert after.max() < 0.5 + 0.05


def test_sharpening_keeps_colour() -> None:
    rng = np.random.default_rng(20261122)
    frame, out = sharpened(rng.uniform(0.02, 0.8, (40, 40, 3)), 1e-6)
    np.testing.assert_allclose(out / frame.pixels, (out / frame.pixels)[..., :1] * np.ones(3), rtol=1e-5)


@pytest.mark.parametrize("sigma_px", [0.5, 0.7, 1.0])
@pytest.mark.parametrize(("dark", "bright"), [(0.02, 0.4), (0.1, 0.3), (0.005, 0.6)])
def test_sharpening_makes_edges_steeper_without_rims(sigma_px: float, dark: float, bright: float) -> None:
    """An edge blurred by a Gaussian, in display codes: 10 to 90 % in fewer pixels, overshoot at most 5 %."""
    x = np.arange(64) - 31.5
    rise = np.cumsum(np.exp(-0.5 * (np.linspace(-32, 31, 64 * 16) / sigma_px) ** 2))
    edge = dark + (bright - dark) * np.interp(x, np.linspace(-32, 31, 64 * 16), rise / rise[-1])
    frame = camera_frame(np.repeat(np.repeat(edge[None, :, None], 3, 2), 32, 0), noise=1e-9)
    shown = []
    for amount in (0.0, 1.0):
        params = develop_display.DevelopParams(
            tone=tone.ToneParams(local=0.0), sharpen=sharpen.SharpenParams(amount=amount)
        )
        facts = develop_display.analyse(frame, params)
        flat = dataclasses.replace(facts.tone, model=np.zeros_like(facts.tone.model))
        out = develop_display.render(frame, dataclasses.replace(facts, tone=flat), params, bits=32).pixels
        shown.append(cs.srgb_encode(out[16, :, 1].astype(np.float64)))
    low, high = shown[0][5], shown[0][-6]
    over = max(shown[1].max() - high, low - shown[1].min()) / (high - low)
    assert over < 0.05
    widths = [float(np.diff(np.interp([low + k * (high - low) for k in (0.1, 0.9)], np.maximum.accumulate(s), x))[0])
              for s in shown]  # fmt: skip
    assert widths[1] < 0.95 * widths[0]
