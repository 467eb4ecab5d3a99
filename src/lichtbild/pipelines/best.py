"""Quality "best": what finishing is given is not the denoised merge, but what the whole burst makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.pipelines.enlarge import enlarged
from lichtbild.pipelines.finishing import Source, White
from lichtbild.stages.align import Motion
from lichtbild.stages.merge import Merger, relative_weight
from lichtbild.stages.reconstruct import Reconstruction, ReconstructParams

MOST_FRAMES = 16
"""Frames that are asked again, 2.25 bytes a sample each; those after them count in the merge only."""


class JointSource(Source):
    """The merged frame, whose rows are wanted reconstructed."""

    def __init__(self, burst: Reconstruction, *merged: Any) -> None:
        """`merged`: what `Source` takes; the reconstruction starts from its rows."""
        super().__init__(*merged)
        self.burst = burst

    @property
    def scale(self) -> int:
        return self.burst.params.scale

    def denoised(self, start: int, stop: int) -> Frame:
        height, halo, scale = self.frame.shape[0], self.burst.halo_px, self.scale
        top, bottom = start // scale, -(-stop // scale)
        first, last = max(top - halo, 0) // GAIN_STEP_PX * GAIN_STEP_PX, min(bottom + halo, height)
        begin = super().denoised(first, last)
        made = self.burst.picture(begin, first, (top - first, bottom - first), scale)
        info = enlarged(begin.info, scale)
        return made.replaced(info=info) if made.shape[0] == stop - start else made.rows(0, stop - start)


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
