"""Camera colour to display in one go: highlights, white balance, colour, sharpening, tone. What pipelines call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.core.frame import Frame, sample_gain_grid
from lichtbild.stages import colour, highlights, sharpen, tone, white_balance
from lichtbild.stages.proxy import crop_proxy, make_proxy

__all__ = [
    "HALO_PX", "DevelopFacts", "DevelopParams", "Part", "analyse", "analyse_proxy", "crop_proxy", "make_proxy",
    "render", "render_part", "render_reference", "sample_nodes", "sharpen_of",
]  # fmt: skip

Floats = npt.NDArray[np.float32]

HALO_PX = sharpen.HALO_PX
"""Rows of its surroundings that a row is made from."""
KINDS: dict[int, type[np.generic]] = {8: np.uint8, 16: np.uint16, 32: np.float32}


@dataclass(frozen=True)
class DevelopParams:
    """Parameters of the stages between CAMERA_RGB and DISPLAY_RGB."""

    white_balance: white_balance.WhiteBalanceParams = field(default_factory=white_balance.WhiteBalanceParams)
    highlights: highlights.HighlightsParams = field(default_factory=highlights.HighlightsParams)
    tone: tone.ToneParams = field(default_factory=tone.ToneParams)
    sharpen: sharpen.SharpenParams = field(default_factory=sharpen.SharpenParams)


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
    params = params or DevelopParams()
    white = white_balance.find(proxy.info, params.white_balance, proxy)
    colour_facts = colour.analyse(proxy.info, white.neutral, white.xy)
    highlight_facts = highlights.analyse(proxy, white.neutral)
    rebuilt = highlights.apply(proxy, white.neutral, highlight_facts, highlight_facts.surround, params.highlights)
    work = colour.apply(rebuilt, white.neutral, colour_facts)
    tone_facts = tone.analyse(work, params.tone, n_effective=n_effective)
    return DevelopFacts(shape, cell_px, white, colour_facts, highlight_facts, tone_facts)


def sample_nodes(
    grid: Floats, facts: DevelopFacts, window: tuple[int, int, int, int], shape: tuple[int, int]
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
    """The sharpening asked for; of a picture that the camera sharpened already, a third."""
    if not frame.info.camera.is_rendered:
        return params.sharpen
    return replace(params.sharpen, amount=params.sharpen.amount * 0.33)


def render_reference(
    frame: Frame,
    facts: DevelopFacts,
    params: DevelopParams | None = None,
    *,
    space: str = "srgb",
    bits: int = 8,
    window: tuple[int, int, int, int] | None = None,
) -> Frame:
    """`render`, stage by stage in NumPy."""
    params = params or DevelopParams()
    window = window or (0, 0, *facts.shape)
    surround = sample_nodes(facts.highlights.surround, facts, window, frame.shape)
    model = sample_nodes(facts.tone.model, facts, window, frame.shape)
    rebuilt = highlights.apply(frame, facts.white.neutral, facts.highlights, surround, params.highlights)
    work = colour.apply(rebuilt, facts.white.neutral, facts.colour)
    sharpen_params = sharpen_of(frame, params)
    sharpen_facts = sharpen.analyse(work.noise.alpha, work.noise.beta, sharpen_params)
    rows, columns = (np.arange(n) + 0.5 for n in frame.shape)
    noise = sample_gain_grid(sharpen.noise_nodes(frame, sharpen_facts), rows, columns)
    noise = noise / sharpen.counts(frame)[..., None]
    work = sharpen.apply(work, sharpen_facts, noise, sharpen_params)
    return tone.apply(work, facts.tone, model, space, bits)


def render(
    frame: Frame,
    facts: DevelopFacts,
    params: DevelopParams | None = None,
    *,
    space: str = "srgb",
    bits: int = 8,
    window: tuple[int, int, int, int] | None = None,
) -> Frame:
    """CAMERA_RGB to DISPLAY_RGB.

    Parameters
    ----------
    frame
        float32 [H, W, 3].
    facts
        From `analyse` of the whole picture with the same params.
    space
        "srgb" or "p3" (Display P3); both use the sRGB curve.
    bits
        8 or 16 (encoded uint8, uint16), or 32: linear display light, float32 0..1.
    window
        (top, left, height, width) of the whole picture that `frame` shows, for crops and previews; default: all of it.

    Raises
    ------
    UsageError
        For another space or number of bits.
    ShapeError
        If the window or the frame is empty.
    """
    h, w = frame.shape
    part = Part(0, (0, 0, h, w), (0, h), window)
    return render_part(frame, part, facts, params, space=space, bits=bits)


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
) -> Frame:
    """Some rows of a picture, as `render` makes them of the whole; `frame` holds them before the crop.

    `out`: where to write them, [last - first, width, 3] of the kind that `bits` asks for; default: a new array. What it
    raises is that of `render`; the info of the frame is left as it is.
    """
    frame.require(Domain.CAMERA_RGB)
    if space not in ("srgb", "p3"):
        raise UsageError(f"{space!r} is no colour space of a display here", where="space", hint="srgb or p3")
    if bits not in KINDS:
        raise UsageError(f"{bits} bits are not offered", where="bits", hint="8, 16 or 32")
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
    work_noise = colour.work_noise(frame.noise, facts.white.neutral, facts.colour)
    sharpen_params = sharpen_of(frame, params)
    sharpen_facts = sharpen.analyse(work_noise.alpha, work_noise.beta, sharpen_params)
    nodes = np.ascontiguousarray(np.concatenate([facts.tone.model, facts.highlights.surround], 2), np.float32)
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
        tone.curve.steps(facts.tone.lut),
        tone.reference.gamut_cells(space),
        sharpen_facts.taps,
        left,
        inside[0],
        inside[1] - inside[0],
        first - above,
        above,
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
        facts.tone.saturation,
        int(facts.tone.identity),
        out,
    )
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        n = n[first - above : last - above, left : left + width]
    return frame.replaced(pixels=out, domain=Domain.DISPLAY_RGB, n_effective=n, gain=None)
