"""What a look promises, measured through the renderer: nine checks, each a number beside its limit.

What is expected comes from the look's own file, by the formulas of `moves`, `curve` and `grain` in double precision:
these checks find what tables, kernel, gates and gamut do to it. That the formulas are the documented ones is tested by
hand in `tests/physics/test_looks.py`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.looks import display
from lichtbild.stages import develop_display, sharpen, tone
from lichtbild.stages.develop_display import DevelopFacts, DevelopParams
from lichtbild.stages.look import Look, grain, moves
from lichtbild.stages.look.cube import Cube, look_up
from lichtbild.stages.look.model import ColourLook, GrainLook, SplitLook, VignetteLook

Floats = npt.NDArray[np.float64]

SKIN_SRGB = (
    (94, 28, 13), (139, 86, 62), (165, 110, 82), (182, 126, 96), (198, 134, 103), (212, 152, 121), (224, 172, 144),
    (236, 188, 160), (244, 208, 184), (115, 82, 68),
)  # fmt: skip
"""Ten skins from dark to pale, and the chart's dark skin, sRGB codes."""


@dataclass(frozen=True)
class Check:
    """One measurement: what, how much, what is allowed. `value` None: the look has no such thing."""

    name: str
    value: float | None
    limit: float
    unit: str
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.value is None or self.value <= self.limit


def frame_of(work_rgb: npt.ArrayLike) -> Frame:
    """Scene light of WORK_RGB as a camera sees it whose primaries are those; without noise, never clipped."""
    pixels = np.asarray(work_rgb, np.float32)
    colour = ColourCalibration((cs.DISPLAY_WHITE_XY,), (cs.XYZ_TO_REC2020,))
    info = FrameInfo("chart", pixels.shape[:2], "linear", camera=Camera(colour=colour), as_shot_neutral=(1.0, 1.0, 1.0))
    frame = Frame(pixels, Domain.CAMERA_RGB, info, NoiseModel((1e-9,) * 3, (1e-14,) * 3, "simulated"))
    return dataclasses.replace(frame, saturation=1e4)


def bare(look: Look) -> Look:
    """A look without what depends on the place in the picture."""
    return dataclasses.replace(look, grain=GrainLook(), vignette=VignetteLook(), halation=type(look.halation)())


def facts_of(frame: Frame, look: Look, *, is_local: bool = False) -> tuple[DevelopFacts, DevelopParams]:
    """Facts with exposure 0; of local tone only what the look adds, and only if that is asked for."""
    params = DevelopParams(
        tone=tone.ToneParams(auto_exposure=False, local=0.0), sharpen=sharpen.SharpenParams(amount=0.0), look=look
    )
    facts = develop_display.analyse(frame, params)
    model = facts.tone.model if is_local else np.zeros_like(facts.tone.model)
    shape = tone.shape_of(look.tone, tone.USUAL_WHITE * 2.0**look.tone.white_ev)
    seen = dataclasses.replace(facts.tone, exposure_ev=0.0, floor=2e-5, model=model, shape=shape, lut=tone.table(shape))
    return dataclasses.replace(facts, tone=seen), params


def shown(work_rgb: npt.ArrayLike, look: Look, *, is_local: bool = False) -> Floats:
    """Display light (linear sRGB) of scene light in a look."""
    frame = frame_of(work_rgb)
    facts, params = facts_of(frame, look, is_local=is_local)
    return develop_display.render(frame, facts, params, bits=32).pixels.astype(np.float64)


def lab(light: Floats) -> Floats:
    return cs.xyz_to_lab(light @ cs.SRGB_TO_XYZ.T, cs.SRGB_TO_XYZ.sum(1))


def oklab(light: Floats) -> Floats:
    return cs.xyz_to_oklab(light @ cs.SRGB_TO_XYZ.T)


def curve(look: Look) -> Check:
    """Greatest error of a grey ramp against the declared curve, L*."""
    ramp = tone.curve.MID_GREY * 2.0 ** np.linspace(-9, 3.4, 512)
    measured = lab(shown(np.repeat(ramp[None, :, None], 3, 2) * np.ones((8, 1, 1)), bare(look)))[4, :, 0]
    declared = tone.filmic(ramp, tone.shape_of(look.tone, tone.USUAL_WHITE * 2.0**look.tone.white_ev))
    wanted = lab(np.repeat(declared[:, None], 3, 1))[:, 0]
    return Check("curve", float(np.abs(measured - wanted).max()), 0.5, "L*")


def hue_ring(look: Look) -> tuple[Check, Check, Check]:
    """24 hues at three chromas: turn, chroma factor and lightness as declared."""
    if look.monochrome.amount >= 1:
        return tuple(Check(n, None, k, u) for n, k, u in _RING)  # type: ignore[return-value]
    hue = np.radians(np.arange(24) * 15.0)[None, :]
    chroma = np.array([0.015, 0.025, 0.04])[:, None]
    ring = np.stack([0.62 + 0 * hue * chroma, chroma * np.cos(hue), chroma * np.sin(hue)], -1)
    scene = np.repeat(np.repeat(cs.oklab_to_xyz(ring) @ cs.XYZ_TO_REC2020.T, 8, 0), 8, 1)
    plain = dataclasses.replace(
        bare(look), hues=(), split=SplitLook(), colour=ColourLook(1.0, 1.0, 1.0, 0.0, gamut=0.98)
    )
    moved = dataclasses.replace(bare(look), colour=dataclasses.replace(look.colour, gamut=0.98))
    before, after = (oklab(shown(scene, which)[4::8, 4::8]) for which in (plain, moved))
    wanted = declared_move(look, before)

    def polar(v: Floats) -> tuple[Floats, Floats]:
        return np.hypot(v[..., 1], v[..., 2]), np.arctan2(v[..., 2], v[..., 1])

    (c1, h1), (c0, h0) = polar(after), polar(wanted)
    turn = np.abs((np.degrees(h1 - h0) + 180) % 360 - 180).max()
    errors = float(turn), float(np.abs(c1 / c0 - 1).max() * 100), float(np.abs(after[..., 0] - wanted[..., 0]).max())
    return tuple(Check(n, v, k, u) for v, (n, k, u) in zip(errors, _RING, strict=True))  # type: ignore[return-value]


_RING = (("hue of a ring", 0.5, "deg"), ("chroma of a ring", 1.0, "%"), ("lightness of a ring", 0.005, "Oklab L"))


def declared_move(look: Look, oklab_before: Floats) -> Floats:
    """Where the look's file says that Oklab colours [..., 3] go, in double precision and without tables."""
    lightness, a, b = np.moveaxis(oklab_before, -1, 0)
    chroma, hue = np.hypot(a, b) * look.colour.saturation, np.arctan2(b, a)
    turn, factor, lift = moves.hue_moves(look, hue)
    share = chroma**2 / (chroma**2 + look.colour.gate**2) * lightness**2 / (lightness**2 + moves.DARK**2)
    new = lightness + 4 * lightness * (1 - lightness) * (share * lift - look.colour.density * chroma)
    by_lightness, tint_a, tint_b = moves.lightness_moves(look, new)
    chroma, hue = chroma * (1 + share * (factor - 1)) * by_lightness, hue + share * turn
    return np.stack([new, chroma * np.cos(hue) + tint_a, chroma * np.sin(hue) + tint_b], -1)


def greys(look: Look) -> Check:
    """Greatest CIELAB chroma of a grey ramp from black to white."""
    if look.is_toned:
        return Check("chroma of greys", None, 0.05, "C*", "toned")
    ramp = tone.curve.MID_GREY * 2.0 ** np.linspace(-10, 5, 512)
    out = lab(shown(np.repeat(ramp[None, :, None], 3, 2) * np.ones((8, 1, 1)), bare(look)))[4]
    return Check("chroma of greys", float(np.hypot(out[:, 1], out[:, 2]).max()), 0.05, "C*")


def folds(look: Look, size: int = 33) -> Check:
    """Share of the colours of a display at which neighbours change places: where the Jacobian's determinant is below
    what a code of 8 bits could show."""
    if look.monochrome.amount >= 1:
        return Check("folds", None, 0.002, "share")
    axis = np.linspace(0.02, 0.98, size)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    step = 0.004
    columns = [
        (display.shown(look, grid + step * np.eye(3)[k]) - display.shown(look, grid - step * np.eye(3)[k])) / (2 * step)
        for k in range(3)
    ]
    determinant = np.linalg.det(np.stack(columns, -1).astype(np.float64))
    return Check("folds", float((determinant < -1e-3).mean()), 0.002, "share")


def skin(look: Look) -> Check:
    """Mean CIEDE2000 by which ten skins are moved from the natural look."""
    if look.monochrome.amount >= 1:
        return Check("skin", None, look.skin, "dE00")
    codes = np.asarray(SKIN_SRGB, np.float64)[None] / 255
    before, after = (lab(cs.srgb_decode(v.astype(np.float64))) for v in (codes, display.shown(look, codes)))
    return Check("skin", float(cs.delta_e_2000(before, after).mean()), look.skin, "dE00")


def local_contrast(look: Look) -> Check:
    """Gain of sines two octaves finer than the stated scale against the declared one."""
    gain = look.tone.local_contrast
    period = look.tone.local_scale * 320 / 2  # nodes are pixels here: the picture has 320 of them
    x = np.arange(320) + 0.5
    stops = 0.2 * np.sin(2 * np.pi * x / max(period, 2.2)) - 1.0
    scene = tone.curve.MID_GREY * 2.0 ** np.repeat(stops[None, :, None], 3, 2) * np.ones((240, 1, 1))
    frame = frame_of(scene)
    model = facts_of(frame, bare(look), is_local=True)[0].tone.model
    luma = np.log2(scene @ cs.REC2020_TO_XYZ[1])
    out = luma + model[..., 0] * luma + model[..., 1]
    measured = np.std(out[60:180, 40:280]) / np.std(luma[60:180, 40:280]) - 1
    return Check("local contrast", float(abs(measured - gain)), 0.1 * abs(gain) + 0.02, "gain", f"{measured:+.2f}")


def silver(look: Look) -> Check:
    """Deviation of a flat grey against that of Poisson discs on the stated film, at three lightnesses; relative."""
    if look.grain.rms <= 0:
        return Check("grain", None, 0.08, "share")
    alone = dataclasses.replace(Look(), grain=look.grain)
    worst = 0.0
    short_px = 1200
    for light in (0.05, 0.18, 0.5):
        frame = frame_of(np.full((64, 512, 3), light))
        facts, params = facts_of(frame, alone)
        facts = dataclasses.replace(facts, shape=(short_px, short_px), cell_px=short_px // 64)
        window = (0, 0, 64, 512)
        out = develop_display.render(frame, facts, params, bits=32, window=window).pixels[..., 1].astype(np.float64)
        lightness = np.cbrt(np.exp2(np.log2(out).mean()))
        density = min(-np.log10(lightness**3), grain.PRINT_RANGE)
        negative = 0.15 + (grain.PRINT_RANGE - density) / grain.PAPER_GAMMA
        sigma = grain.sigma_density(look.grain, 1000 * look.grain.format_mm / short_px)
        wanted = grain.PAPER_GAMMA * sigma * negative**0.5 * (1 - lightness**8)
        worst = max(worst, abs(float(np.log10(out).std()) / wanted - 1))
    return Check("grain", worst, 0.08, "share")


def fall_off(look: Look) -> Check:
    """Greatest error of a flat field's stops against corner ((1 - steep) r^2 + steep r^4)."""
    if look.vignette.corner_ev == 0:
        return Check("fall-off", None, 0.02, "EV")
    straight = dataclasses.replace(Look(), vignette=look.vignette)
    frame = frame_of(np.full((90, 120, 3), 0.1))
    facts, params = facts_of(frame, straight)
    # A straight line instead of the curve: display light is scene light.
    linear = dataclasses.replace(facts.tone, lut=np.minimum(tone.curve.scene_light(), 1).astype(np.float32))
    out = develop_display.render(frame, dataclasses.replace(facts, tone=linear), params, bits=32).pixels[..., 1]
    y, x = (np.arange(90) + 0.5) / 45 - 1, (np.arange(120) + 0.5) / 60 - 1
    square = ((y * 90)[:, None] ** 2 + (x * 120)[None, :] ** 2) / (90**2 + 120**2)
    corner, steep = look.vignette.corner_ev, look.vignette.steep
    wanted = corner * ((1 - steep) * square + steep * square**2)
    return Check("fall-off", float(np.abs(np.log2(out / 0.1) - wanted).max()), 0.02, "EV")


def baked(look: Look, size: int = 33) -> tuple[Check, Check]:
    """The look as a .cube of `size` entries an axis against the exact one, on random colours: mean and greatest."""
    codes = np.random.default_rng(20261130).random((20000, 3)).astype(np.float32)
    exact = display.shown(look, codes[None])[0]
    found = np.clip(look_up(Cube(display.table(look, size)), codes), 0, 1)
    one, other = (lab(cs.srgb_decode(v.astype(np.float64))) for v in (exact, found))
    error = cs.delta_e_2000(one, other)
    return Check("baked, mean", float(error.mean()), 0.05, "dE00"), Check("baked, max", float(error.max()), 1.0, "dE00")


def all_checks(look: Look) -> tuple[Check, ...]:
    """The nine checks; the ring and the baked table have more than one number. Cost about 2 s."""
    return (
        curve(look), *hue_ring(look), greys(look), folds(look), skin(look), local_contrast(look), silver(look),
        fall_off(look), *baked(look),
    )  # fmt: skip
