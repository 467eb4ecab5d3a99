"""Camera colour to display in one go: highlights, white balance, colour, sharpening, tone, look. What pipelines
call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core import memory, native
from lichtbild.core.colour_space import DISPLAY_SPACES
from lichtbild.core.domain import Domain
from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.core.frame import Frame, sample_gain_grid
from lichtbild.stages import colour, highlights, look, sharpen, tone, white_balance
from lichtbild.stages.proxy import crop_proxy, make_proxy

__all__ = [
    "HALO_PX", "DevelopFacts", "DevelopParams", "Part", "Prepared", "analyse", "analyse_proxy", "crop_proxy",
    "make_proxy", "prepare", "prepare_proxy", "render", "render_part", "render_reference", "retoned", "sample_nodes",
    "sharpen_of",
]  # fmt: skip

Floats = npt.NDArray[np.float32]

HALO_PX = sharpen.HALO_PX
"""Rows of its surroundings that a row is made from."""
KINDS: dict[int, type[np.generic]] = {8: np.uint8, 16: np.uint16, 32: np.float32}


@dataclass(frozen=True)
class DevelopParams:
    """Parameters of the stages between CAMERA_RGB and DISPLAY_RGB; `look` is the character, as data."""

    white_balance: white_balance.WhiteBalanceParams = field(default_factory=white_balance.WhiteBalanceParams)
    highlights: highlights.HighlightsParams = field(default_factory=highlights.HighlightsParams)
    tone: tone.ToneParams = field(default_factory=tone.ToneParams)
    sharpen: sharpen.SharpenParams = field(default_factory=sharpen.SharpenParams)
    look: look.Look = field(default_factory=look.Look)


@dataclass(frozen=True, eq=False)
class DevelopFacts:
    """What `analyse` found out about the whole picture of `shape` rows and columns. Nodes of the facts' maps lie at the
    centres of cells of `cell_px` pixels."""

    shape: tuple[int, int]
    cell_px: int
    white: white_balance.WhitePoint
    colour: colour.ColourFacts
    highlights: highlights.HighlightFacts
    tone: tone.ToneFacts
    look: look.LookFacts

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was assumed, a line each, for people."""
        return tuple(dict.fromkeys((*self.white.reasons, *self.colour.reasons)))


def analyse(frame: Frame, params: DevelopParams | None = None) -> DevelopFacts:
    """Facts of a whole CAMERA_RGB picture; use them for its preview and crops too. Cost O(H W) once over, and 0.1 s."""
    frame.require(Domain.CAMERA_RGB)
    return analyse_proxy(*make_proxy(frame), frame.shape, params, n_effective=float(np.mean(frame.n_effective)))


def analyse_proxy(
    proxy: Frame,
    cell_px: int,
    shape: tuple[int, int],
    params: DevelopParams | None = None,
    *,
    n_effective: float,
) -> DevelopFacts:
    """Facts of a whole picture of `shape` from its proxy.

    Parameters
    ----------
    proxy, cell_px
        From `make_proxy`: of the picture itself, or of what it is made from (a mosaic, a picture before denoising and
        lens correction), through `LensPlan.proxy` and `crop_proxy`.
    n_effective
        Frames in a pixel of the picture, on average.
    """
    return retoned(prepare_proxy(proxy, cell_px, shape, params, n_effective=n_effective), params)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What of the facts no slider of tone, sharpening or look changes: `rebuilt` is the proxy with its highlights."""

    shape: tuple[int, int]
    cell_px: int
    white: white_balance.WhitePoint
    colour: colour.ColourFacts
    highlights: highlights.HighlightFacts
    rebuilt: Frame
    n_effective: float


def prepare(frame: Frame, params: DevelopParams | None = None) -> Prepared:
    """The first two thirds of `analyse`, of which `retoned` makes facts; for a slider that is dragged."""
    frame.require(Domain.CAMERA_RGB)
    return prepare_proxy(*make_proxy(frame), frame.shape, params, n_effective=float(np.mean(frame.n_effective)))


def prepare_proxy(
    proxy: Frame,
    cell_px: int,
    shape: tuple[int, int],
    params: DevelopParams | None = None,
    *,
    n_effective: float,
) -> Prepared:
    """`prepare` of a proxy; arguments as of `analyse_proxy`."""
    params = params or DevelopParams()
    white = white_balance.find(proxy.info, params.white_balance, proxy)
    colour_facts = colour.analyse(proxy.info, white.neutral, white.xy)
    proxy = colour.profile.apply(proxy, colour_facts.profile)
    highlight_facts = highlights.analyse(proxy, white.neutral)
    rebuilt = highlights.apply(proxy, white.neutral, highlight_facts, highlight_facts.surround, params.highlights)
    return Prepared(shape, cell_px, white, colour_facts, highlight_facts, rebuilt, n_effective)


def retoned(made: Prepared, params: DevelopParams | None = None) -> DevelopFacts:
    """Facts for other tone, sharpening or look; white balance and highlights are those that were prepared."""
    params = params or DevelopParams()
    colour_facts = replace(made.colour, matrix=look.mono_matrix(made.colour.matrix, params.look))
    work = colour.apply(made.rebuilt, made.white.neutral, colour_facts)
    tone_facts = tone.analyse(work, params.tone, n_effective=made.n_effective, look=params.look.tone)
    rendered = work.info.camera.is_rendered
    look_facts = look.analyse(work.pixels, tone_facts.exposure_ev, params.look, is_rendered=rendered)
    return DevelopFacts(made.shape, made.cell_px, made.white, colour_facts, made.highlights, tone_facts, look_facts)


def sample_nodes(
    grid: Floats, facts: DevelopFacts, window: tuple[float, float, float, float], shape: tuple[int, int]
) -> Floats:
    """A facts map [h, w, C] at every pixel of `window` (top, left, height, width in px of the whole picture)."""
    top, left, height, width = window

    def split(start: float, extent: float, n_out: int, n: int) -> tuple[npt.NDArray[np.intp], Floats]:
        place = start + (np.arange(n_out) + 0.5) * (extent / n_out)
        u = np.clip(place / facts.cell_px - 0.5, 0, n - 1)
        low = np.minimum(u.astype(np.intp), max(n - 2, 0))
        return low, (u - low).astype(np.float32)

    i, fy = split(top, height, shape[0], grid.shape[0])
    j, fx = split(left, width, shape[1], grid.shape[1])
    i1, j1 = np.minimum(i + 1, grid.shape[0] - 1), np.minimum(j + 1, grid.shape[1] - 1)
    rows = grid[i] * (1 - fy)[:, None, None] + grid[i1] * fy[:, None, None]
    return np.asarray(rows[:, j] * (1 - fx)[None, :, None] + rows[:, j1] * fx[None, :, None], np.float32)


def sharpen_of(frame: Frame, params: DevelopParams) -> sharpen.SharpenParams:
    """The sharpening asked for by hand and by the look; of a picture that the camera sharpened already, a third."""
    amount = params.sharpen.amount * params.look.sharpen.amount * (0.33 if frame.info.camera.is_rendered else 1.0)
    return replace(params.sharpen, amount=min(amount, 3.0))


def fall_off(facts: DevelopFacts) -> tuple[float, float, float]:
    """The picture's middle in nodes (x, y), and one over the squared distance of its corners."""
    y, x = (n / facts.cell_px / 2 for n in facts.shape)
    return x - 0.5, y - 0.5, 1 / (x * x + y * y)


def short_side_px(facts: DevelopFacts, window: tuple[int, int, int, int], shape: tuple[int, int]) -> float:
    """Shorter side of the whole picture, in pixels of a rendering of `window` that has `shape`."""
    return min(facts.shape) * shape[0] / window[2]


def style(facts: DevelopFacts, short_px: float) -> Floats:
    """The look's numbers for the kernel, float32 [12] (see `kernel.Inputs`)."""
    chosen, moves = facts.look.look, facts.look.moves
    corner, steep = chosen.vignette.corner_ev, chosen.vignette.steep
    grain = look.grain.sigma_stops(chosen.grain, short_px) * np.log(2.0) / look.grain.TILE_SCALE
    numbers = [moves.gate**2, moves.density, moves.soft_from, *facts.look.halo_colour, *fall_off(facts)]
    return np.asarray([*numbers, corner * (1 - steep), corner * steep, grain], np.float32)


def render_reference(
    frame: Frame,
    facts: DevelopFacts,
    params: DevelopParams | None = None,
    *,
    space: str = "srgb",
    bits: int = 8,
    window: tuple[int, int, int, int] | None = None,
    headroom_ev: float = 0.0,
) -> Frame:
    """`render`, stage by stage in NumPy."""
    params = params or DevelopParams()
    window = window or (0, 0, *facts.shape)
    frame = colour.profile.apply_reference(frame, facts.colour.profile)
    surround = sample_nodes(facts.highlights.surround, facts, window, frame.shape)
    rebuilt = highlights.apply(frame, facts.white.neutral, facts.highlights, surround, params.highlights)
    work = colour.apply(rebuilt, facts.white.neutral, facts.colour)
    sharpen_params = sharpen_of(frame, params)
    sharpen_facts = sharpen.analyse(work.noise.alpha, work.noise.beta, sharpen_params)
    rows, columns = (np.arange(n) + 0.5 for n in frame.shape)
    noise = sample_gain_grid(sharpen.noise_nodes(frame, sharpen_facts), rows, columns)
    noise = noise / sharpen.counts(frame)[..., None]
    work = sharpen.apply(work, sharpen_facts, noise, sharpen_params)
    seen = facts.tone
    if headroom_ev:
        seen = replace(seen, lut=seen.lut_hdr(headroom_ev))
    shown = tone.apply(work, seen, facts.look.moves, _place(facts, window, frame.shape), space, bits)
    pixels = shown.pixels * np.float32(2.0**headroom_ev) if headroom_ev else shown.pixels
    if facts.look.look.cube is not None:
        _through_cube(pixels, facts, space, origin(window, frame.shape))
    return shown.replaced(pixels=pixels)


def _place(facts: DevelopFacts, window: tuple[int, int, int, int], shape: tuple[int, int]) -> tone.Place:
    """What the look and local tone are at every pixel of a part of the picture."""
    chosen, short_px = facts.look.look, short_side_px(facts, window, shape)
    y, x = ((window[k] + (np.arange(shape[k]) + 0.5) * window[2 + k] / shape[k]) / facts.cell_px - 0.5 for k in (0, 1))
    middle_x, middle_y, per_corner = fall_off(facts)
    square = (np.square(y - middle_y)[:, None] + np.square(x - middle_x)[None, :]) * per_corner
    halo = sample_nodes(facts.look.halo, facts, window, shape) * np.asarray(facts.look.halo_colour, np.float32)
    return tone.Place(
        sample_nodes(facts.tone.model, facts, window, shape),
        look.reference.fall_off_ev(square.astype(np.float32), chosen.vignette.corner_ev, chosen.vignette.steep),
        halo,
        look.grain.tile(chosen.grain, short_px),
        look.grain.sigma_stops(chosen.grain, short_px),
        *origin(window, shape),
    )


def origin(window: tuple[int, int, int, int], shape: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the whole picture, in pixels of a rendering of `window`, that it begins with."""
    return round(window[0] * shape[0] / window[2]), round(window[1] * shape[1] / window[3])


def render(
    frame: Frame,
    facts: DevelopFacts,
    params: DevelopParams | None = None,
    *,
    space: str = "srgb",
    bits: int = 8,
    window: tuple[int, int, int, int] | None = None,
    headroom_ev: float = 0.0,
) -> Frame:
    """CAMERA_RGB to DISPLAY_RGB.

    Parameters
    ----------
    frame
        float32 [H, W, 3].
    facts
        From `analyse` of the whole picture with the same params.
    space
        "srgb", "p3" (Display P3), "rec2020" or "prophoto"; all with the sRGB curve.
    bits
        8 or 16 (encoded uint8, uint16), or 32: linear display light, float32 0..1.
    window
        (top, left, height, width) of the whole picture that `frame` shows, for crops and previews; default: all of it.
    headroom_ev
        Above 0: the same picture for a display that shows so many stops above SDR white (0 to 8), of 32 bits: linear
        light relative to SDR white, 0..2^headroom_ev. Up to half a stop above mid grey it is that of the SDR picture.

    Raises
    ------
    UsageError
        For another space or number of bits.
    ShapeError
        If the window or the frame is empty.
    """
    h, w = frame.shape
    part = Part(0, (0, 0, h, w), (0, h), window)
    return render_part(frame, part, facts, params, space=space, bits=bits, headroom_ev=headroom_ev)


def _through_cube(shown: npt.NDArray[Any], facts: DevelopFacts, space: str, origin: tuple[int, int]) -> None:
    """The look's colour table, in place, some rows at a time."""
    chosen, bits = facts.look.look, 8 * shown.dtype.itemsize
    assert chosen.cube is not None
    for start in range(0, len(shown), 64):
        rows = shown[start : start + 64]
        light = rows if bits == 32 else cs.srgb_decode(rows.astype(np.float32) / np.float32(2**bits - 1))
        light = look.cube.applied(chosen.cube, light, chosen.lut.strength, space)
        rows[:] = light if bits == 32 else tone.reference.encode(light, bits, origin[0] + start, origin[1])


@dataclass(frozen=True)
class Part:
    """Which rows of a picture are to be rendered, and where the frame that holds them lies.

    Parameters
    ----------
    start
        Row of the whole picture, before it is cropped, that the frame begins with.
    crop
        (top, left, height, width) in px of the whole picture: what is shown, and what the facts are of.
    rows
        (first, last): rows of the crop to be rendered. The frame holds them and HALO_PX more on either side, where the
        crop has them.
    window
        The part of the facts' picture that the crop shows, as in `render`; default: all of it.
    """

    start: int
    crop: tuple[int, int, int, int]
    rows: tuple[int, int]
    window: tuple[int, int, int, int] | None = None


def render_part(
    frame: Frame,
    part: Part,
    facts: DevelopFacts,
    params: DevelopParams | None = None,
    *,
    space: str = "srgb",
    bits: int = 8,
    out: npt.NDArray[Any] | None = None,
    headroom_ev: float = 0.0,
) -> Frame:
    """Some rows of a picture, as `render` makes them of the whole; `frame` holds them before the crop.

    `out`: where to write them, [last - first, width, 3] of the kind that `bits` asks for; default: a new array. What it
    raises is that of `render`; the info of the frame is left as it is.
    """
    frame.require(Domain.CAMERA_RGB)
    if space not in DISPLAY_SPACES:
        raise UsageError(
            f"{space!r} is no colour space of a display here", where="space", hint=", ".join(DISPLAY_SPACES)
        )
    if bits not in KINDS:
        raise UsageError(f"{bits} bits are not offered", where="bits", hint="8, 16 or 32")
    if not 0 <= headroom_ev <= 8 or (headroom_ev > 0 and bits != 32):
        raise UsageError(
            f"headroom of {headroom_ev:g} EV in {bits} bits", where="headroom_ev", hint="0 to 8, of 32 bits"
        )
    params = params or DevelopParams()
    top, left, height, width = part.crop
    first, last = part.rows
    place = part.window or (0, 0, *facts.shape)
    if min(height, width, *frame.shape, *place[2:]) < 1:
        raise ShapeError(f"a window of {place[2]} x {place[3]} for {height} x {width} px shows nothing", where="window")
    above = part.start - top  # row of the crop that the frame begins with
    looked_at = max(first - HALO_PX, 0), min(last + HALO_PX, height)
    if not 0 <= first < last <= height or looked_at[0] < above or looked_at[1] > above + frame.shape[0]:
        raise ShapeError(f"rows {first} to {last} of the crop are not in the frame", where="rows")
    if left < 0 or left + width > frame.shape[1]:
        raise ShapeError(f"columns {left} to {left + width} of {frame.shape[1]} px", where="crop")
    if out is None:
        out = memory.empty((last - first, width, 3), KINDS[bits])
    elif out.shape != (last - first, width, 3) or out.dtype != KINDS[bits] or not out.flags.c_contiguous:
        raise ShapeError(f"{last - first} x {width} px of {bits} bits do not fit {out.shape} {out.dtype}", where="out")
    frame = colour.profile.apply(frame, facts.colour.profile)
    work_noise = colour.work_noise(frame.noise, facts.white.neutral, facts.colour)
    sharpen_params = sharpen_of(frame, params)
    sharpen_facts = sharpen.analyse(work_noise.alpha, work_noise.beta, sharpen_params)
    planes = [facts.tone.model, facts.look.halo, facts.highlights.surround]
    nodes = np.ascontiguousarray(np.concatenate(planes, 2), np.float32)
    moves, chosen = facts.look.moves, facts.look.look
    short_px = short_side_px(facts, place, (height, width))
    at_row, at_column = origin(place, (height, width))
    start, end = (facts.highlights.start, facts.highlights.end) if params.highlights.reconstruct else (1e9, 2e9)
    inverse_clip = highlights.inverse_clip_nodes(frame)
    step_y, step_x = (place[2 + k] / part.crop[2 + k] / facts.cell_px for k in (0, 1))
    inside = max(-above, 0), min(height - above, frame.shape[0])
    native.call(
        {8: "develop_u8", 16: "develop_u16", 32: "develop_f32"}[bits],
        np.ascontiguousarray(frame.pixels, np.float32),
        inverse_clip,
        sharpen.noise_nodes(frame, sharpen_facts),
        sharpen.counts(frame),
        nodes,
        np.asarray(1 / np.asarray(facts.white.neutral), np.float32),
        tone.matrices(facts.colour.matrix, space),
        tone.curve.steps(facts.tone.lut_hdr(headroom_ev) if headroom_ev else facts.tone.lut),
        tone.reference.gamut_cells(space, facts.tone.gamut_share),
        look.moves.pairs(moves.by_hue),
        look.moves.pairs(moves.by_lightness),
        style(facts, short_px),
        look.grain.tile(chosen.grain, short_px),
        look.grain.dither_tile(),
        sharpen_facts.taps,
        left,
        inside[0],
        inside[1] - inside[0],
        first - above,
        above,
        at_column,
        at_row,
        place[1] / facts.cell_px + 0.5 * step_x - 0.5,
        step_x,
        place[0] / facts.cell_px + 0.5 * step_y - 0.5,
        step_y,
        start / float(inverse_clip.max()),
        start,
        end,
        sharpen_params.amount,
        facts.tone.exposure_ev,
        facts.tone.floor,
        facts.tone.saturation * moves.saturation,
        int(facts.tone.identity),
        out,
    )
    if headroom_ev:
        out *= np.float32(2.0**headroom_ev)
    if chosen.cube is not None:
        _through_cube(out, facts, space, (first + at_row, at_column))
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        n = n[first - above : last - above, left : left + width]
    return frame.replaced(pixels=out, domain=Domain.DISPLAY_RGB, n_effective=n, gain=None)


def scene_part(
    frame: Frame, part: Part, facts: DevelopFacts, params: DevelopParams | None = None, *, out: Floats
) -> None:
    """The light of some rows of a picture, before any tone curve: WORK_RGB, 0.18 = mid grey at the exposure found.

    Clipped channels are rebuilt as for the picture; nothing is sharpened, of a look only its panchromatic mix is there.
    `frame`, `part` and `facts` as in `render_part`; `out`, float32 [last - first, width, 3], is written.
    """
    params = params or DevelopParams()
    top, left, height, width = part.crop
    first, last = part.rows
    above = part.start - top
    place = part.window or (0, 0, *facts.shape)
    y, x = place[2] / height, place[3] / width  # the picture of the facts may be larger or smaller
    window = (place[0] + above * y, place[1] - left * x, frame.shape[0] * y, frame.shape[1] * x)
    surround = sample_nodes(facts.highlights.surround, facts, window, frame.shape)
    frame = colour.profile.apply(frame, facts.colour.profile)
    rebuilt = highlights.apply(frame, facts.white.neutral, facts.highlights, surround, params.highlights)
    work = colour.apply(rebuilt, facts.white.neutral, facts.colour).pixels
    work = work[first - above : last - above, left : left + width]
    np.multiply(work, np.float32(2.0**facts.tone.exposure_ev), out=out)
