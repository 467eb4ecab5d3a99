"""Camera colour to display in one go: highlights, white balance, colour, sharpening, tone. What pipelines call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import ShapeError, UsageError
from lichtbild.core.frame import GAIN_STEP_PX, Frame, sample_gain_grid
from lichtbild.stages import colour, highlights, sharpen, tone, white_balance

Floats = npt.NDArray[np.float32]

PROXY_PX = 320
"""Longest side of the picture the facts come from."""


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


def make_proxy(frame: Frame, longest_px: int = PROXY_PX) -> tuple[Frame, int]:
    """Means over square cells, and the cell's size in px; at most `longest_px` cells along the longer side.

    Of large cells four rows are read, all columns of each: a third of the memory traffic, and no light is missed that
    matters to the whole picture.
    """
    h, w = frame.shape
    cell = max(1, -(-max(h, w) // longest_px))
    rows, columns = np.arange(0, h, cell), np.arange(0, w, cell)
    offsets = np.unique(np.linspace(0, cell, min(cell, 4), endpoint=False).astype(int) + cell // 8)
    total = np.zeros((len(rows), w, 3), np.float32)
    for offset in offsets:
        total += frame.pixels[np.minimum(rows + offset, h - 1)]
    area = len(offsets) * np.diff(np.append(columns, w)).astype(np.float32)
    pixels = np.add.reduceat(total, columns, axis=1) / area[:, None]
    n = float(np.mean(frame.n_effective))
    gain = None
    if frame.gain is not None:
        # The gain grid of the proxy, with its nodes every 16 proxy pixels.
        y = np.arange(-(-len(rows) // GAIN_STEP_PX) + 1) * float(GAIN_STEP_PX * cell)
        x = np.arange(-(-len(columns) // GAIN_STEP_PX) + 1) * float(GAIN_STEP_PX * cell)
        gain = sample_gain_grid(frame.gain, y, x)
    # Averaging a cell lowers the noise; half of it is kept, for what is not white in it.
    return frame.replaced(pixels=pixels, n_effective=n * max(1.0, len(offsets) * cell / 2), gain=gain), cell


def analyse(frame: Frame, params: DevelopParams | None = None) -> DevelopFacts:
    """Facts of a whole CAMERA_RGB picture; use them for its preview and crops too. Cost O(H W) once over, and 0.1 s."""
    frame.require(Domain.CAMERA_RGB)
    params = params or DevelopParams()
    proxy, cell = make_proxy(frame)
    white = white_balance.find(frame.info, params.white_balance, proxy)
    colour_facts = colour.analyse(frame.info, white.neutral, white.xy)
    highlight_facts = highlights.analyse(proxy, white.neutral)
    rebuilt = highlights.apply(proxy, white.neutral, highlight_facts, highlight_facts.surround, params.highlights)
    work = colour.apply(rebuilt, white.neutral, colour_facts)
    tone_facts = tone.analyse(work, params.tone, n_effective=float(np.mean(frame.n_effective)))
    return DevelopFacts(frame.shape, cell, white, colour_facts, highlight_facts, tone_facts)


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
    frame.require(Domain.CAMERA_RGB)
    if space not in ("srgb", "p3"):
        raise UsageError(f"{space!r} is no colour space of a display here", where="space", hint="srgb or p3")
    if bits not in (8, 16, 32):
        raise UsageError(f"{bits} bits are not offered", where="bits", hint="8, 16 or 32")
    params = params or DevelopParams()
    h, w = frame.shape
    top, left, height, width = window or (0, 0, *facts.shape)
    if height < 1 or width < 1 or h < 1 or w < 1:
        raise ShapeError(f"a window of {height} x {width} for {h} x {w} pixels shows nothing", where="window")
    work_noise = colour.work_noise(frame.noise, facts.white.neutral, facts.colour)
    sharpen_params = sharpen_of(frame, params)
    sharpen_facts = sharpen.analyse(work_noise.alpha, work_noise.beta, sharpen_params)
    nodes = np.ascontiguousarray(np.concatenate([facts.tone.model, facts.highlights.surround], 2), np.float32)
    start, end = (facts.highlights.start, facts.highlights.end) if params.highlights.reconstruct else (1e9, 2e9)
    kind = {8: np.uint8, 16: np.uint16, 32: np.float32}[bits]
    out = np.empty((h, w, 3), kind)
    step_x, step_y = width / w / facts.cell_px, height / h / facts.cell_px
    native.call(
        {8: "develop_u8", 16: "develop_u16", 32: "develop_f32"}[bits],
        np.ascontiguousarray(frame.pixels, np.float32),
        highlights.inverse_clip_nodes(frame),
        sharpen.noise_nodes(frame, sharpen_facts),
        nodes,
        np.asarray(1 / np.asarray(facts.white.neutral), np.float32),
        tone.matrices(facts.colour.matrix, space),
        facts.tone.lut,
        tone.reference.gamut_chroma(space),
        sharpen_facts.taps,
        left / facts.cell_px + 0.5 * step_x - 0.5,
        step_x,
        top / facts.cell_px + 0.5 * step_y - 0.5,
        step_y,
        start,
        end,
        sharpen_params.amount,
        facts.tone.exposure_ev,
        facts.tone.floor,
        facts.tone.saturation,
        int(facts.tone.identity),
        out,
    )
    return frame.replaced(pixels=out, domain=Domain.DISPLAY_RGB)
