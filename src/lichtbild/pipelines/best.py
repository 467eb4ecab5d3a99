"""Quality "best": what finishing is given is not the denoised merge, but what the whole burst makes of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame
from lichtbild.pipelines.finishing import Source, White
from lichtbild.stages.align import Motion
from lichtbild.stages.merge import Merger, relative_weight
from lichtbild.stages.reconstruct import Reconstruction, ReconstructParams

MOST_FRAMES = 16
"""Frames that are asked again, 2.25 bytes a sample each; those after them count in the merge only."""


@dataclass(frozen=True, eq=False)
class JointSource(Source):
    """The merged frame, whose rows are wanted reconstructed."""

    burst: Reconstruction

    @classmethod
    def over(cls, source: Source, burst: Reconstruction) -> JointSource:
        """`source` is what the reconstruction starts from."""
        parts = {field.name: getattr(source, field.name) for field in dataclasses.fields(Source)}
        return cls(**parts, burst=burst)

    def denoised(self, start: int, stop: int) -> Frame:
        first = max(start - self.burst.halo_px, 0)
        last = min(stop + self.burst.halo_px, self.frame.shape[0])
        return self.burst.picture(super().denoised(first, last), first, (start - first, stop - first))


def reconstruction(
    reference: Frame, white_balance: White, n_frames: int, params: ReconstructParams
) -> Reconstruction | None:
    """Room for the samples of a burst; None where it was not asked for, or there are no samples but pictures."""
    if not params.joint or reference.domain is not Domain.MOSAIC:
        return None
    return Reconstruction(reference, white_balance, min(n_frames, MOST_FRAMES), params)


def add(merger: Merger, burst: Reconstruction | None, frame: Frame, motion: Motion) -> npt.NDArray[np.uint8]:
    """Add a frame to both; its trust as `Merger.add` tells it."""
    if burst is None or burst.is_full:
        return merger.add(frame, motion)
    known = merger.trust(frame, motion)
    burst.add(frame, motion, known, relative_weight(frame.noise, burst.noise))
    return merger.add(frame, motion, known)
