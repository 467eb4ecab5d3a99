"""A negative becomes the picture in bands of rows: what lies between the two is never there as a whole.

Each stage is asked for the rows that the next one needs, so that the bands join without a seam: mosaic (of a single
frame) -> camera RGB -> denoised -> through the lens -> display.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lichtbild.core import Domain, Frame, Progress, ProgressEvent, memory, silent
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.stages import demosaic as demosaicing
from lichtbild.stages import denoise, develop_display, lens
from lichtbild.stages.denoise import DenoiseFacts, DenoiseParams, denoise_rgb
from lichtbild.stages.develop_display import DevelopFacts, DevelopParams, Part

White = tuple[float, float, float]
Crop = tuple[int, int, int, int]

BAND_PX = 512
"""Rows of the picture made at a time: some 6 MB a stage and megapixel of width; half as many cost 8 % more work."""
# Bands of the denoiser begin with a block of its coarsest scale.
_DENOISE_STEP_PX = 32


@dataclass(frozen=True, eq=False)
class Source:
    """A linear frame, MOSAIC or CAMERA_RGB, whose rows are wanted demosaiced and denoised."""

    frame: Frame
    white_balance: White
    demosaic: demosaicing.DemosaicParams
    denoise: DenoiseParams
    facts: DenoiseFacts

    @classmethod
    def of(
        cls, frame: Frame, white_balance: White, demosaic: demosaicing.DemosaicParams, denoising: DenoiseParams
    ) -> Source:
        """Facts come from a few strips of the frame."""
        strips = [camera_rows(s, 0, s.shape[0], white_balance, demosaic) for s in denoise.strips_of(frame)]
        return cls(frame, white_balance, demosaic, denoising, denoise.analyse(strips, white_balance))

    def denoised(self, start: int, stop: int) -> Frame:
        """Rows [start, stop), `start` a multiple of 16."""
        first = max(start - denoise.HALO_PX, 0) // _DENOISE_STEP_PX * _DENOISE_STEP_PX
        last = min(stop + denoise.HALO_PX, self.frame.shape[0])
        rows = camera_rows(self.frame, first, last, self.white_balance, self.demosaic)
        return denoise_rgb(rows, self.white_balance, self.denoise, self.facts, rows=(start - first, stop - first))

    def bands(self) -> Iterator[Frame]:
        """All rows, from top to bottom."""
        height = self.frame.shape[0]
        for start in range(0, height, BAND_PX):
            yield self.denoised(start, min(start + BAND_PX, height))


def camera_rows(frame: Frame, start: int, stop: int, white_balance: White, params: demosaicing.DemosaicParams) -> Frame:
    """Rows [start, stop) of a frame as CAMERA_RGB, `start` a multiple of 16."""
    if frame.domain is not Domain.MOSAIC:
        return frame.rows(start, stop)
    first, last = max(start - demosaicing.HALO_PX, 0), min(stop + demosaicing.HALO_PX, frame.shape[0])
    return demosaicing.demosaic(frame.rows(first, last), white_balance, params, rows=(start - first, stop - first))


def finish(
    source: Source,
    optics: lens.LensParams,
    params: DevelopParams,
    progress: Progress = silent,
    *,
    space: str,
    bits: int,
) -> tuple[Frame, DevelopFacts]:
    """The picture, DISPLAY_RGB of the default crop, and what was found out about it."""
    frame = source.frame
    ready = lens.plan(frame.info, frame.shape, optics)
    info = frame.info if ready is None else ready.info_after(frame.info)
    crop = _held(info.default_crop, frame.shape if ready is None else ready.shape)
    facts = _facts(frame, ready, crop, params)
    height, width = crop[2:]
    out = memory.empty((height, width, 3), develop_display.KINDS[bits])
    step = BAND_PX if ready is None or ready.can_be_banded else height
    part: Frame | None = None
    for first in range(0, height, step):
        last = min(first + step, height)
        # Rows of the picture before the crop, with those that sharpening looks at.
        start = (crop[0] + max(first - develop_display.HALO_PX, 0)) // GAIN_STEP_PX * GAIN_STEP_PX
        stop = crop[0] + min(last + develop_display.HALO_PX, height)
        corrected = _corrected(source, ready, optics, start, stop)
        part = develop_display.render_part(
            corrected, Part(start, crop, (first, last)), facts, params, space=space, bits=bits, out=out[first:last]
        )
        progress(ProgressEvent("develop", last / height, 1.0))
    assert part is not None
    info = part.with_info(shape=(height, width), default_crop=(0, 0, height, width)).info
    return part.replaced(pixels=out, info=info, n_effective=float(np.mean(frame.n_effective))), facts


def _corrected(source: Source, ready: lens.LensPlan | None, optics: lens.LensParams, start: int, stop: int) -> Frame:
    if ready is None:
        return source.denoised(start, stop)
    if not ready.can_be_banded:
        whole = lens.correct(source.denoised(0, source.frame.shape[0]), optics)
        return whole.rows(start, stop)
    first, last = ready.source_rows(start, stop)
    return ready.band(source.denoised(first, last), first, start, stop)


def _facts(frame: Frame, ready: lens.LensPlan | None, crop: Crop, params: DevelopParams) -> DevelopFacts:
    proxy, cell = develop_display.make_proxy(frame)
    if ready is not None:
        proxy = ready.proxy(proxy, cell)
    if crop != (0, 0, *(frame.shape if ready is None else ready.shape)):
        proxy = develop_display.crop_proxy(proxy, cell, crop)
    return develop_display.analyse_proxy(proxy, cell, crop[2:], params, n_effective=float(np.mean(frame.n_effective)))


def _held(crop: Crop | None, shape: tuple[int, int]) -> Crop:
    """A crop held inside the picture; all of it where there is none."""
    if crop is None:
        return (0, 0, *shape)
    top, left = (min(max(at, 0), n - 1) for at, n in zip(crop, shape, strict=False))
    return top, left, min(crop[2], shape[0] - top), min(crop[3], shape[1] - left)
