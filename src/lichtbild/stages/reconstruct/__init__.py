"""Joint reconstruction of a burst: the picture at half the pixel's width that explains every sample of every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, Params, ShapeError, memory, param
from lichtbild.core.native import call
from lichtbild.stages.align import Motion
from lichtbild.stages.merge import clip_level
from lichtbild.stages.reconstruct.shrink import Shrinkage
from lichtbild.stages.reconstruct.stream import Begin, Stream

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ReconstructParams(Params):
    """Whether and how long the burst is asked again."""

    joint: bool = param(False, "explain all samples of a burst by one picture, instead of one pass over them")
    scale: int = param(1, "pixels along each axis for one of the sensor; 2 explains all samples too", low=1, high=2)
    steps: int = param(0, "times that all samples are asked; 0: twice", low=0, high=8)
    strength: float = param(1.0, "noise that is removed", unit="of the noise model", low=0.0, high=2.0)


class Reconstruction:
    """The samples of a burst and where they lie; pictures are made of it in bands of rows.

    Parameters
    ----------
    reference
        MOSAIC float32, linear: the frame whose moment and framing the picture shows.
    white_balance
        Multipliers of R, G, B, green 1.
    n_frames
        Frames that will be added at most, the reference among them: room is made for them, 2.25 bytes a sample.
    """

    def __init__(
        self, reference: Frame, white_balance: tuple[float, float, float], n_frames: int, params: ReconstructParams
    ) -> None:
        reference.require(Domain.MOSAIC)
        if reference.info.cfa is None or reference.info.cfa.quad != 1:
            raise DomainError("only Bayer mosaics can be reconstructed", where=reference.info.name)
        self.params = params
        self.balance = np.asarray(white_balance, np.float32)
        self.shape = height, width = reference.shape
        self.noise, self.saturation, self.name = reference.noise, reference.saturation, reference.info.name
        self._red = reference.info.cfa.red_row, reference.info.cfa.red_column
        # Not of the pool: they stay until all is done, and what comes and goes finds its place better without them.
        self._frames = np.empty((n_frames, height, width), np.int16)
        self._marks = np.empty((n_frames, -(-height // 2), -(-width // 2)), np.uint8)
        self._hand: list[F32] = []
        self._local: list[F32] = []
        self._facts: list[tuple[float, float]] = []
        self._marks[0] = 254
        still = np.zeros((-(-height // 32), -(-width // 32), 2), np.float32)
        self._store(reference, still, still, 1.0, np.inf)

    def add(self, frame: Frame, motion: Motion, trust: U8, weight: float) -> None:
        """Add a frame of the reference's exposure scale.

        Parameters
        ----------
        trust
            uint8 [2, ceil(H / 2), at least ceil(W / 2)] as from `Merger.trust`: in the hand's motion, and in a
            tile's own.
        weight
            Inverse variance of its samples over that of the reference's.
        """
        frame.require(Domain.MOSAIC)
        if frame.shape != self.shape:
            raise ShapeError(f"{frame.shape} does not fit a burst of {self.shape}", where=frame.info.name)
        if self.is_full:
            raise ShapeError(f"no room for more than {len(self._frames)} frames", where=frame.info.name)
        marks = self._marks[len(self._facts)]
        call("reconstruct_marks", np.ascontiguousarray(trust[:, :, : marks.shape[1]]), marks)
        self._store(frame, motion.hand_px, motion.local_px, weight, clip_level(frame, self.saturation))

    def _store(self, frame: Frame, hand: F32, local: F32, weight: float, clip: float) -> None:
        # Twice the brightest that the sensor gives: a tenth of the read noise of the best frames is one step.
        top = 2 * frame.saturation * (1.0 if frame.gain is None else float(frame.gain.max()))
        call("reconstruct_stored", frame.pixels, 32767 / top, clip, self._frames[len(self._facts)])
        self._hand.append(hand)
        self._local.append(local)
        self._facts.append((top / 32767, weight))

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another frame."""
        return len(self._facts) == len(self._frames)

    @property
    def n_steps(self) -> int:
        """Times that all samples are asked."""
        return self.params.steps or 2

    def stream(self, begin: Begin, row: int = 0) -> Stream:
        """The picture in the making, from `row` on; `begin` gives rows of the merged, denoised frame."""
        place: tuple[Any, ...] = self._frames[: len(self._facts)], self._marks[: len(self._facts)]
        place += tuple(np.ascontiguousarray(np.stack(each), np.float32) for each in (self._hand, self._local))
        place += np.array(self._facts, np.float32), *self._red
        shrinkage = Shrinkage.of(self.noise, self.balance, self.params.strength)
        return Stream(place, self.shape, shrinkage, begin, self.n_steps, row)

    def picture(self, start: Frame, scale: int = 1) -> Frame:
        """The whole picture.

        Parameters
        ----------
        start
            CAMERA_RGB: the merged frame, denoised; its `n_effective` tells how many frames agree.
        scale
            1, or 2 for twice the pixels along each axis.

        Returns
        -------
        CAMERA_RGB float32 with the noise that is left.
        """
        start.require(Domain.CAMERA_RGB)
        if start.shape != self.shape:
            raise ShapeError(f"a start of {start.shape} for a burst of {self.shape}", where=start.info.name)
        height, width = self.shape
        out = memory.empty((scale * height, scale * width, 3))
        self.stream(start.rows).rows(0, height, scale, out)
        return enlarged(start, scale).replaced(pixels=out)


def enlarged(frame: Frame, scale: int) -> Frame:
    """What a frame tells beside its pixels, of one with `scale` times as many along each axis; all of these are 0."""
    size = np.broadcast_to(np.float32(0), (scale * frame.shape[0], scale * frame.shape[1], 3))
    if scale == 1:
        return frame.replaced(pixels=size, domain=Domain.CAMERA_RGB)
    n = float(np.mean(frame.n_effective))
    return frame.replaced(pixels=size, domain=Domain.CAMERA_RGB, n_effective=n, gain=_doubled(frame.gain))


def _doubled(gain: F32 | None) -> F32 | None:
    """A spatial gain with nodes every 16 px of twice the picture's size: its own, and those between."""
    if gain is None:
        return None
    for axis in (0, 1):
        n = gain.shape[axis]
        between = np.arange(2 * n - 1) / 2
        low = np.minimum(between.astype(int), n - 1)
        part = (between - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1)).astype(np.float32)
        gain = gain.take(low, axis) * (1 - part) + gain.take(np.minimum(low + 1, n - 1), axis) * part
    return np.asarray(gain, np.float32)
