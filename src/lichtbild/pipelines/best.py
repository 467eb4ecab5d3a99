"""Quality "best": what finishing is given is not the denoised merge, but what the whole burst makes of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, memory
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.pipelines.enlarge import enlarged
from lichtbild.pipelines.finishing import Floats, Source, White
from lichtbild.stages.align import Motion
from lichtbild.stages.merge import Merger, relative_weight
from lichtbild.stages.reconstruct import Reconstruction, ReconstructParams
from lichtbild.stages.reconstruct import enlarged as without_pixels
from lichtbild.stages.reconstruct.stream import Stream

MOST_FRAMES = 16
"""Frames that are asked again, 2.25 bytes a sample each; those after them count in the merge only."""


class JointSource(Source):
    """The merged frame, whose rows are wanted reconstructed."""

    def __init__(self, burst: Reconstruction, merged: Source) -> None:
        """The reconstruction starts from the rows of `merged`."""
        self.burst, self.frame, self._merged = burst, merged.frame, merged
        info = enlarged(self.frame.info, self.scale)
        self._whole = without_pixels(self.frame, self.scale).replaced(info=info)
        self._stream: Stream | None = None
        self._next = 0  # row that the stream makes next
        self._made: tuple[int, Floats] = 0, np.empty((0, 0, 3), np.float32)

    @property
    def merged(self) -> Source:
        return self._merged

    @property
    def scale(self) -> int:
        return self.burst.params.scale

    def denoised(self, start: int, stop: int) -> Frame:
        scale = self.scale
        first, last = start // scale, -(-stop // scale)
        pixels = self._rows(first, last)
        self._made = first, pixels
        return self._whole.rows(start, stop).replaced(pixels=pixels[: stop - start])

    def _rows(self, first: int, last: int) -> Floats:
        """Rows of px, `scale` times as many: those that the band before had, and new ones."""
        scale, width = self.scale, self.frame.shape[1]
        out = memory.empty((scale * (last - first), scale * width, 3))
        at, held = self._made
        known = min(max(at + len(held) // scale - first, 0), last - first) if at <= first else 0
        if known:
            out[: scale * known] = held[scale * (first - at) : scale * (first - at + known)]
        new = first + known
        if new < last:
            if self._stream is None or new != self._next:
                row = max(new - Stream.lead(self.burst.n_steps), 0) // GAIN_STEP_PX * GAIN_STEP_PX
                self._stream = self.burst.stream(self._merged.denoised, row)
                self._stream.rows(row, new, scale, memory.empty((scale * (new - row), scale * width, 3)))
            self._stream.rows(new, last, scale, out[scale * known :])
            self._next = last
        return out


def reconstruction(
    reference: Frame, white_balance: White, n_frames: int, params: ReconstructParams
) -> Reconstruction | None:
    """Room for the samples of a burst; None where they are not asked for, or there are no samples but pictures.

    A single frame is only asked again where more pixels are wanted than it has.

    Raises
    ------
    DomainError
        If pictures that are no mosaics are to be enlarged.
    """
    is_mosaic = reference.domain is Domain.MOSAIC
    if params.scale > 1 and not is_mosaic:
        raise DomainError("only mosaics can be enlarged", where=reference.info.name, hint="--scale 1")
    if not is_mosaic or (params.scale == 1 and (n_frames == 1 or not params.joint)):
        return None
    return Reconstruction(reference, white_balance, min(n_frames, MOST_FRAMES), params)


def add(merger: Merger, burst: Reconstruction | None, frame: Frame, motion: Motion) -> npt.NDArray[np.uint8]:
    """Add a frame to both; its trust as `Merger.add` tells it."""
    if burst is None or burst.is_full:
        return merger.add(frame, motion)
    known = merger.trust(frame, motion)
    burst.add(frame, motion, known, relative_weight(frame.noise, burst.noise))
    return merger.add(frame, motion, known)
