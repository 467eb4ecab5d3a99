"""A negative becomes the picture in bands of rows: what lies between the two is never there as a whole.

Each stage is asked for the rows that the next one needs, so that the bands join without a seam: mosaic (of a single
frame) -> camera RGB -> denoised -> through the lens -> display.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, FrameInfo, Progress, ProgressEvent, memory, silent
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.pipelines.enlarge import enlarged
from lichtbild.stages import demosaic as demosaicing
from lichtbild.stages import denoise, develop_display, lens
from lichtbild.stages.demosaic import DemosaicParams
from lichtbild.stages.denoise import DenoiseParams, denoise_rgb
from lichtbild.stages.develop_display import DevelopFacts, DevelopParams, Part
from lichtbild.stages.planes import contiguous

Floats = npt.NDArray[np.float32]
White = tuple[float, float, float]
Crop = tuple[int, int, int, int]

BAND_PX = 512
"""Rows of the picture made at a time: some 6 MB a stage and megapixel of width; half as many cost 8 % more work."""
# Of a proxy whose lines tell how the camera was held.
_LINES_PX = 1600
# Bands of the denoiser begin with a block of its coarsest scale.
_DENOISE_STEP_PX = 32


class Source:
    """A linear frame, MOSAIC or CAMERA_RGB, whose rows are wanted demosaiced and denoised, from top to bottom."""

    def __init__(self, frame: Frame, white_balance: White, params: DemosaicParams, denoising: DenoiseParams) -> None:
        self.frame, self.white_balance, self.params, self.denoising = frame, white_balance, params, denoising
        # Facts come from a few strips, and from a thumbnail.
        strips = [camera_rows(s, 0, s.shape[0], white_balance, params) for s in denoise.strips_of(frame)]
        facts = denoise.analyse(strips, white_balance)
        self.facts = denoise.analyse_coarse(frame, white_balance, facts, denoising)
        self._held: tuple[int, Frame] | None = None

    @property
    def merged(self) -> Source:
        """The source of the same frame whose rows are denoised only."""
        return self

    @property
    def scale(self) -> int:
        """Pixels of the picture along each axis for one of `frame`."""
        return 1

    def denoised(self, start: int, stop: int) -> Frame:
        """Rows [start, stop) of the picture, `start` a multiple of 16."""
        first = max(start - denoise.HALO_PX, 0) // _DENOISE_STEP_PX * _DENOISE_STEP_PX
        last = -(-(stop + denoise.HALO_PX) // GAIN_STEP_PX) * GAIN_STEP_PX
        rows = self._camera(first, min(last, self.frame.shape[0]))
        wanted = (start - first, stop - first)
        return denoise_rgb(rows, self.white_balance, self.denoising, self.facts, rows=wanted, top=first)

    def bands(self) -> Iterator[Frame]:
        """All rows, from top to bottom."""
        height = self.frame.shape[0]
        for start in range(0, height, BAND_PX):
            yield self.denoised(start, min(start + BAND_PX, height))
        self._held = None

    def _camera(self, first: int, last: int) -> Frame:
        """Rows as CAMERA_RGB; those that the band before had are not demosaiced again."""
        if self.frame.domain is not Domain.MOSAIC:
            band = self.frame.rows(first, last)
            return band.replaced(pixels=contiguous(band.pixels))
        out = memory.empty((last - first, self.frame.shape[1], 3))
        at, rows = self._held or (first, None)
        known = 0 if rows is None or at > first else min(max(at + rows.shape[0] - first, 0), last - first)
        if rows is not None and known:
            out[:known] = rows.pixels[first - at : first - at + known]
        if rows is None or known < last - first:
            rows = camera_rows(self.frame, first + known, last, self.white_balance, self.params, out[known:])
        rows = rows.replaced(pixels=out, gain=self.frame.rows(first, last).gain)
        self._held = (first, rows)
        return rows


class Whole(Source):
    """A frame that wants nothing more before it is developed."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def denoised(self, start: int, stop: int) -> Frame:
        return self.frame.rows(start, stop)


def in_register(frame: Frame, white_balance: White, optics: lens.LensParams) -> tuple[Frame, tuple[str, ...]]:
    """A negative whose lateral colour is known, and undone if it is a mosaic still; lines for people."""
    info, told = lens.with_lateral_colour(frame, optics)
    frame = frame.replaced(info=info)
    if frame.domain is Domain.MOSAIC and optics.geometry:
        frame = lens.registered(frame, white_balance)
    return frame, told


def camera_rows(
    frame: Frame, start: int, stop: int, white_balance: White, params: DemosaicParams, out: Floats | None = None
) -> Frame:
    """Rows [start, stop) of a frame as CAMERA_RGB, `start` a multiple of 16; those of a mosaic are written to `out`."""
    if frame.domain is not Domain.MOSAIC:
        return frame.rows(start, stop)
    first, last = max(start - demosaicing.HALO_PX, 0), min(stop + demosaicing.HALO_PX, frame.shape[0])
    wanted = start - first, stop - first
    return demosaicing.demosaic(frame.rows(first, last), white_balance, params, rows=wanted, out=out)


@dataclass(frozen=True, eq=False)
class Finished:
    """A picture, DISPLAY_RGB of the default crop, what was found out about it, and the same for an HDR display: linear
    light relative to SDR white, float32 [H, W, 3] up to 2^headroom_ev; and the light of the scene, WORK_RGB. None where
    they were not asked for. `told`: lines for people about what was found on the way."""

    picture: Frame
    facts: DevelopFacts
    hdr: Floats | None = None
    headroom_ev: float = 0.0
    scene: Frame | None = None
    told: tuple[str, ...] = ()


def finish(
    source: Source,
    optics: lens.LensParams,
    params: DevelopParams,
    progress: Progress = silent,
    *,
    space: str,
    bits: int,
    headroom_ev: float = 0.0,
    scene: bool = False,
) -> Finished:
    """The picture of the default crop, and its rendition of `headroom_ev` stops above SDR white where that is above
    0."""
    optics, told = _upright(source.frame, optics)
    plan, crop = _way(source.frame.info, source.frame.shape, optics)
    if plan is not None and not plan.can_be_banded:
        source = Whole(lens.correct(source.denoised(0, source.scale * source.frame.shape[0]), optics))
        optics = optics.turned
        plan, crop = _way(source.frame.info, source.frame.shape, optics)
    frame, scale = source.frame, source.scale
    facts = _facts(frame, plan, crop, params, scale)
    ready = plan
    if scale > 1:
        ready, crop = _way(enlarged(frame.info, scale), (scale * frame.shape[0], scale * frame.shape[1]), optics)
    height, width = crop[2:]
    out = memory.empty((height, width, 3), develop_display.KINDS[bits])
    hdr = memory.empty((height, width, 3), np.float32) if headroom_ev > 0 else None
    light = memory.empty((height, width, 3), np.float32) if scene else None
    part: Frame | None = None
    n_rows = -(-BAND_PX // source.scale)  # as many pixels at every scale
    for first in range(0, height, n_rows):
        last = min(first + n_rows, height)
        # Rows of the picture before the crop, with those that sharpening looks at.
        start = (crop[0] + max(first - develop_display.HALO_PX, 0)) // GAIN_STEP_PX * GAIN_STEP_PX
        stop = crop[0] + min(last + develop_display.HALO_PX, height)
        corrected = _corrected(source, ready, start, stop)
        rows = Part(start, crop, (first, last))
        part = develop_display.render_part(corrected, rows, facts, params, space=space, bits=bits, out=out[first:last])
        if hdr is not None:
            develop_display.render_part(
                corrected, rows, facts, params, space=space, bits=32, out=hdr[first:last], headroom_ev=headroom_ev
            )
        if light is not None:
            develop_display.scene_part(corrected, rows, facts, params, out=light[first:last])
        progress(ProgressEvent("develop", last / height, 1.0))
    assert part is not None
    info = part.with_info(shape=(height, width), default_crop=(0, 0, height, width)).info
    picture = part.replaced(pixels=out, info=info, n_effective=float(np.mean(frame.n_effective)))
    seen = None if light is None else picture.replaced(pixels=light, domain=Domain.WORK_RGB, colour_space="")
    return Finished(picture, facts, hdr, headroom_ev, seen, told)


def _upright(frame: Frame, optics: lens.LensParams) -> tuple[lens.LensParams, tuple[str, ...]]:
    """The angles that the picture's own lines tell, where they are asked for."""
    if not optics.upright:
        return optics, ()
    proxy, cell = develop_display.make_proxy(frame, _LINES_PX)
    ready = lens.plan(frame.info, frame.shape, dataclasses.replace(optics.turned, upright=False))
    if ready is not None and ready.can_be_banded:
        proxy = ready.proxy(proxy, cell)
    return lens.upright(proxy, optics)


def _way(info: FrameInfo, shape: tuple[int, int], optics: lens.LensParams) -> tuple[lens.LensPlan | None, Crop]:
    """What the lens asks for, and the crop of what comes of it."""
    ready = lens.plan(info, shape, optics)
    if ready is None:
        return None, _held(info.default_crop, shape)
    return ready, _held(ready.info_after(info).default_crop, ready.shape)


def _corrected(source: Source, ready: lens.LensPlan | None, start: int, stop: int) -> Frame:
    if ready is None:
        return source.denoised(start, stop)
    first, last = ready.source_rows(start, stop)
    return ready.band(source.denoised(first, last), first, start, stop)


def _facts(frame: Frame, ready: lens.LensPlan | None, crop: Crop, params: DevelopParams, scale: int) -> DevelopFacts:
    """Of the picture at single size, told of one enlarged."""
    proxy, cell = develop_display.make_proxy(frame)
    if ready is not None:
        proxy = ready.proxy(proxy, cell)
    if crop != (0, 0, *(frame.shape if ready is None else ready.shape)):
        proxy = develop_display.crop_proxy(proxy, cell, crop)
    size = scale * crop[2], scale * crop[3]
    n = float(np.mean(frame.n_effective))
    return develop_display.analyse_proxy(proxy, scale * cell, size, params, n_effective=n)


def _held(crop: Crop | None, shape: tuple[int, int]) -> Crop:
    """A crop held inside the picture; all of it where there is none."""
    if crop is None:
        return (0, 0, *shape)
    top, left = (min(max(at, 0), n - 1) for at, n in zip(crop, shape, strict=False))
    return top, left, min(crop[2], shape[0] - top), min(crop[3], shape[1] - left)
