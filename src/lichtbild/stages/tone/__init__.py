"""Tone: scene light to display light. Auto exposure, local tone, a filmic curve, colour held in hue, the display's
gamut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.domain import Domain
from lichtbild.core.exposure import Exposure
from lichtbild.core.frame import Frame
from lichtbild.core.params import Params, param
from lichtbild.stages.look.model import ToneLook
from lichtbild.stages.look.moves import Moves
from lichtbild.stages.look.reference import grained
from lichtbild.stages.tone import curve, reference
from lichtbild.stages.tone.curve import MID_GREY, CurveShape, filmic, regraded, table, table_hdr
from lichtbild.stages.tone.local import as_linear_model, local_contrast, local_laplacian

VERSION = 3
METERED_GREY_EV = -2.98
"""Stops from saturation to what a meter takes for the middle (ISO 12232: 12.7 %)."""
DIM_EV100 = 7.0
"""Light of the key (as exposure value) below which a scene is shown darker: a room in the evening."""

SUNLIT_EV100 = 14.7
"""Light of the key above which a scene is shown brighter: grey in full sun."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ToneParams(Params):
    """How the picture looks at first sight."""

    exposure_ev: float = param(0.0, "brighter or darker than found", unit="EV", low=-6.0, high=6.0)
    auto_exposure: bool = param(True, "find the exposure from the scene; off: the camera's")
    contrast: float = param(0.0, "contrast around mid grey", low=-1.0, high=1.0)
    shadows: float = param(0.0, "darker or more open shadows", low=-1.0, high=1.0)
    highlights: float = param(0.0, "darker or brighter highlights", low=-1.0, high=1.0)
    saturation: float = param(1.0, "colourfulness", low=0.0, high=2.0)
    local: float = param(1.0, "local tone: 0 none, 1 as the scene asks", low=0.0, high=2.0)


@dataclass(frozen=True, eq=False)
class ToneFacts:
    """What was found out about the whole picture.

    Parameters
    ----------
    exposure_ev
        Stops from WORK_RGB (1 = white that saturates green) to scene light with 0.18 = mid grey; params included.
    model
        Local exposure correction a, b at the proxy's nodes, float32 [h, w, 2].
    floor
        Luminance below which the correction stays that of the floor.
    lut
        Tone curve, float32 [LUT_SIZE].
    saturation
        Chroma factor.
    shape
        The curve as numbers; None where the camera rendered the picture.
    identity
        The picture was developed by the camera: its tone is kept.
    """

    exposure_ev: float
    model: Floats
    floor: float
    lut: Floats
    saturation: float
    shape: CurveShape | None
    identity: bool

    @property
    def gamut_share(self) -> float:
        """Share of the display's gamut that is used: of a picture that was shown on one before, all of it."""
        return 1.0 if self.identity else 0.98

    def lut_hdr(self, headroom_ev: float) -> Floats:
        """The curve for a display that shows `headroom_ev` stops above SDR white, as share of its peak."""
        if self.shape is None:  # the camera rendered the picture: there is no more than it shows
            return np.asarray(self.lut * np.float32(2.0**-headroom_ev), np.float32)
        return table_hdr(self.shape, headroom_ev)


def exposure_ev100(exposure: Exposure) -> float | None:
    """Exposure value at ISO 100, log2(N^2 / t x 100 / ISO); None where a part of it is not told.

    Daylight is metered at 12 to 15, a lit room at 5 to 8, a street at night at 2 to 4.
    """
    time, iso, f_number = exposure.time_s, exposure.iso, exposure.f_number
    if not time or not iso or not f_number or min(time, iso, f_number) <= 0:
        return None
    value = float(np.log2(f_number * f_number / time * 100 / iso))
    return value if -15 < value < 25 else None


def scene_exposure_ev(log2_y: Floats, camera_ev: float, ev100: float | None = None) -> float:
    """Stops that bring the scene's key to mid grey.

    Parameters
    ----------
    log2_y
        Log luminance [h, w] after local tone.
    camera_ev
        Exposure the camera meant; the result stays within it by some stops.
    ev100
        Exposure value the frame was taken with (see `exposure_ev100`), by which the scene's light is known.

    Notes
    -----
    The key is the mean in stops, where cells far above count less. Where most of the picture is much darker than its
    brightest parts (a night), the target is darker, after Reinhard's key estimate (2002). So it is where there was
    little light: what the eye saw as dark is shown darker, by 0.3 stops for each stop of light (near the key function
    of Krawczyk, Myszkowski & Seidel 2005), and lifted less above what the camera chose.
    """
    low, middle, bright, high, top = np.percentile(log2_y, (2, 50, 95, 98, 99.9))
    mean = float(np.mean(np.clip(log2_y, middle - 4, middle + 3)))
    skew = float(np.clip((2 * mean - low - high) / max(high - low, 2.0), -1, 1))
    # A few lights far above all the rest tell of a night, which should not become a day.
    night = min(0.35 * max(float(top - bright) - 2.0, 0.0), 1.0)
    lift = 4.0
    if ev100 is not None:
        key_ev100 = ev100 + mean - METERED_GREY_EV
        night = max(night, float(np.clip(0.3 * (DIM_EV100 - key_ev100), 0.0, 1.5)))
        lift = float(np.interp(key_ev100, (1.0, 4.0, 9.0), (2.5, 3.0, 4.0)))
        # Brighter than grey in full sun: snow, sand, clouds. They are to be bright.
        night -= float(np.clip(0.4 * (key_ev100 - SUNLIT_EV100), 0.0, 0.7))
    wanted = np.log2(MID_GREY) + 0.15 + 0.9 * skew - night - mean
    # The brightest twentieth should stay within 2.2 stops above mid grey; beyond, it and the rest share the loss.
    limit = np.log2(MID_GREY) + 2.2 - float(bright)
    wanted = min(wanted, limit + 0.3 * max(wanted - limit, 0.0))
    return float(np.clip(camera_ev + 0.85 * (wanted - camera_ev), camera_ev - 2.5, camera_ev + lift))


def analyse(
    work_proxy: Frame,
    params: ToneParams | None = None,
    camera_ev: float | None = None,
    identity: bool | None = None,
    n_effective: float | None = None,
    look: ToneLook | None = None,
) -> ToneFacts:
    """Facts from a small WORK_RGB picture (<= 512 px, before exposure).

    Parameters
    ----------
    work_proxy
        Proxy with its noise, which tells how dark a shadow can be opened.
    camera_ev
        Exposure the camera meant (BaselineExposure and headroom); default: baseline + 0.7.
    identity
        Keep the tone as it is; default: for pictures developed by the camera.
    n_effective
        Frames in a pixel of the whole picture; default: of the proxy. A proxy's cells average noise away which the
        picture keeps: shadows opened by what the cells allow would be full of coloured speckle.
    look
        Curve and local tone of a look.
    """
    look = look or ToneLook()
    work_proxy.require(Domain.WORK_RGB)
    params = params or ToneParams()
    info = work_proxy.info
    keep = info.camera.is_rendered if identity is None else identity
    if keep:
        return _of_rendered(work_proxy, params, look)
    y = np.asarray(work_proxy.pixels @ reference.LUMA, np.float32)
    n = float(np.mean(work_proxy.n_effective)) if n_effective is None else n_effective
    gain = 1.0 if work_proxy.gain is None else float(np.mean(work_proxy.gain))
    read = gain * float((reference.LUMA**2 @ np.asarray(work_proxy.noise.beta)) ** 0.5) / n**0.5
    floor = float(np.clip(4.0 * read, 2e-5, 0.02))
    log2_y = np.log2(np.maximum(y, np.float32(floor)))
    low, high = np.percentile(log2_y, (1, 99))
    # Compress what does not fit into the six or seven stops that a display shows well.
    spread = float(high - low)
    amount = params.local * look.range
    keep_share = 1.0 - min(amount * np.clip((spread - 3.5) / 8.0, 0.08, 0.55), 0.85)
    shaped = local_laplacian(log2_y, 1.2, keep_share, keep_share) if amount > 0 else log2_y
    base_ev = info.baseline_exposure_ev + 0.7 if camera_ev is None else camera_ev
    ev100 = exposure_ev100(info.exposure)
    ev100 = None if ev100 is None else ev100 + info.baseline_exposure_ev
    exposure = scene_exposure_ev(shaped, base_ev, ev100) if params.auto_exposure else base_ev
    stops = shaped + np.float32(exposure - np.log2(MID_GREY))
    shaped = shaped + np.float32(1.2 * params.shadows) * _bump(stops, -3.0)
    shaped = shaped + np.float32(1.2 * params.highlights) * _bump(stops, 2.5)
    model = as_linear_model(log2_y, shaped - log2_y)
    if look.local_contrast:
        model += local_contrast(log2_y, look.local_contrast, look.local_scale, floor)
    peak = float(np.percentile(stops, 99.8)) + look.white_ev
    white = MID_GREY * 2.0 ** float(np.clip(peak, 2.0, 5.5 + max(look.white_ev, 0.0)))
    maker = info.camera.profile.tone_curve if info.camera.profile is not None else None
    if maker is not None:
        lut = curve.of_points(maker)
        return ToneFacts(exposure + params.exposure_ev, model, floor, lut, params.saturation, None, False)
    bend = shape_of(look, white, params.contrast)
    return ToneFacts(exposure + params.exposure_ev, model, floor, table(bend), params.saturation, bend, False)


def shape_of(look: ToneLook, white: float, contrast: float = 0.0) -> CurveShape:
    """The curve of a look for a scene whose display white is `white`."""
    slope = max(look.slope + 0.45 * contrast, 0.6)
    return CurveShape(white, slope, look.toe_ev, look.shoulder_ev, look.knee, look.mid, look.black)


USUAL_WHITE = MID_GREY * 2.0**3.5
"""Scene light of display white in pictures that were developed already: what cameras take for it."""


def _of_rendered(work_proxy: Frame, params: ToneParams, look: ToneLook) -> ToneFacts:
    """A picture of the camera keeps its tone but for what the look, or contrast by hand, does beyond the natural."""
    usual, wanted = ToneLook(), shape_of(look, USUAL_WHITE * 2.0**look.white_ev, params.contrast)
    model = np.zeros((*work_proxy.shape, 2), np.float32)
    if look.local_contrast != usual.local_contrast:
        log2_y = np.log2(np.maximum(work_proxy.pixels @ reference.LUMA, np.float32(1e-3)))
        model = local_contrast(log2_y, look.local_contrast - usual.local_contrast, look.local_scale, 1e-3)
    lut = regraded(shape_of(usual, USUAL_WHITE), wanted)
    return ToneFacts(params.exposure_ev, model, 1e-5, lut, params.saturation, None, True)


def _bump(stops: Floats, centre: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((stops - centre) / 1.5) ** 2), np.float32)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a part of a picture lies in the whole, and what depends on it.

    Parameters
    ----------
    model
        `ToneFacts.model` at every pixel [H, W, 2].
    fall_off_ev
        Stops of the look's vignette [H, W].
    halo
        Light of halation in WORK_RGB [H, W, 3].
    grain, grain_stops
        Tile of the look's grain, and its deviation in stops.
    top, left
        First row and column.
    """

    model: Floats
    fall_off_ev: Floats
    halo: Floats
    grain: npt.NDArray[np.int8]
    grain_stops: float
    top: int = 0
    left: int = 0


def apply(frame: Frame, facts: ToneFacts, moves: Moves, place: Place, space: str = "srgb", bits: int = 8) -> Frame:
    """WORK_RGB (before exposure) to DISPLAY_RGB. Cost O(H W)."""
    frame.require(Domain.WORK_RGB)
    ev = reference.gain_ev(frame.pixels, place.model, facts.floor) + np.float32(facts.exposure_ev) + place.fall_off_ev
    light = frame.pixels if facts.identity else reference.believable_colour(frame.pixels, facts.floor)
    scene = (light + place.halo) * np.exp2(ev)[..., None]
    saturation = facts.saturation * moves.saturation
    light, response = reference.to_display(
        scene,
        facts.lut,
        saturation,
        reference.display_matrix(space),
        reference.gamut_chroma(space, facts.gamut_share),
        facts.identity,
        moves,
    )
    light = grained(light, response, place.grain_stops, place.grain, place.top, place.left)
    pixels = light if bits == 32 else reference.encode(light, bits, place.top, place.left)
    return frame.replaced(pixels=pixels, domain=Domain.DISPLAY_RGB)


def matrices(camera_to_work: npt.ArrayLike, space: str) -> Floats:
    """The kernel's table of matrices, float32 [6, 3, 3] (see `kernel.Inputs`)."""
    table = [camera_to_work, reference.WORK_TO_LMS, reference.LMS_TO_LAB, reference.LAB_TO_LMS]
    return np.ascontiguousarray([*table, reference.display_matrix(space), np.stack([reference.LUMA] * 3)], np.float32)


__all__ = [
    "CurveShape",
    "Place",
    "ToneFacts",
    "ToneParams",
    "analyse",
    "apply",
    "curve",
    "filmic",
    "matrices",
    "scene_exposure_ev",
    "shape_of",
]
