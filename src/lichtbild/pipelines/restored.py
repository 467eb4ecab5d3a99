"""A source whose rows are wanted with the lens's blur undone, where its transfer is known."""

from __future__ import annotations

import numpy as np

from lichtbild.core import Domain, Frame, memory
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.pipelines.finishing import Source
from lichtbild.stages import deconvolution
from lichtbild.stages.deconvolution import DeconvolutionParams, Inverse


def restored(source: Source, params: DeconvolutionParams) -> Source:
    """`source` behind the inverse of its camera's lens; `source` itself where the lens is not known."""
    transfer = source.frame.info.camera.transfer
    if transfer is None:
        return source
    height, width = source.frame.shape
    shape = source.scale * height, source.scale * width
    inverse = deconvolution.plan(transfer, shape, params, has_pixels=source.scale == 1)
    return source if inverse is None else RestoredSource(source, inverse)


class RestoredSource(Source):
    """Rows of a source through the inverse of a lens; asked for from top to bottom, none is made twice."""

    def __init__(self, inner: Source, inverse: Inverse) -> None:
        self.inner, self.inverse, self.frame = inner, inverse, inner.frame
        self._band: tuple[int, Frame] | None = None

    @property
    def merged(self) -> Source:
        return self.inner.merged

    @property
    def scale(self) -> int:
        return self.inner.scale

    def denoised(self, start: int, stop: int) -> Frame:
        height = self.inverse.shape[0]
        first = max(start - deconvolution.HALO_PX, 0) // GAIN_STEP_PX * GAIN_STEP_PX
        last = min(-(-(stop + deconvolution.HALO_PX) // GAIN_STEP_PX) * GAIN_STEP_PX, height)
        band = self._rows(first, last)
        sampled = band
        if self.scale == 1:
            rows = self.frame.rows(first, last)
            sampled = rows if rows.domain is not Domain.MOSAIC else band.replaced(
                noise=rows.noise, n_effective=rows.n_effective, gain=rows.gain)  # fmt: skip
        return deconvolution.deconvolve(band, self.inverse, sampled, (start - first, stop - first), first)

    def _rows(self, first: int, last: int) -> Frame:
        """Rows of the inner source: those that the band before had, and new ones."""
        at, old = self._band or (first, None)
        known = 0 if old is None or at > first else min(max(at + old.shape[0] - first, 0), last - first)
        if known % GAIN_STEP_PX or old is None:
            known = 0
        if known == last - first:
            assert old is not None
            band = old.rows(first - at, last - at)
        else:
            band = self.inner.denoised(first + known, last)
            if known and old is not None:
                band = _joined(old.rows(first - at, first - at + known), band)
        self._band = first, band
        return band


def _joined(upper: Frame, lower: Frame) -> Frame:
    """Two bands as one; the upper one's height is a multiple of 16."""
    n = upper.shape[0]
    pixels = memory.empty((n + lower.shape[0], *lower.pixels.shape[1:]))
    pixels[:n], pixels[n:] = upper.pixels, lower.pixels
    counts = lower.n_effective
    if isinstance(counts, np.ndarray) and isinstance(upper.n_effective, np.ndarray):
        counts = np.concatenate([upper.n_effective, counts])
    gain = lower.gain
    if gain is not None and upper.gain is not None:
        gain = np.concatenate([upper.gain[:-1], gain])  # the node between them belongs to both
    return lower.replaced(pixels=pixels, n_effective=counts, gain=gain)
