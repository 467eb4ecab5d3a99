"""Joint reconstruction of a burst: the picture at half the pixel's width that explains every sample of every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, Params, ShapeError, memory, param
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.core.native import call
from lichtbild.stages.align import Motion
from lichtbild.stages.merge import clip_level
from lichtbild.stages.reconstruct.shrink import START_FRAMES, Shrinkage

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

# About so many rows of pixels are reconstructed at a time: 200 MB for a width of 4000, and 70 a further 100 rows.
BAND_PX = 256
# Rows of pixels that one step of the reconstruction looks beyond a band: a block of the transform, aperture and taps.
REACH_PX = 16


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
        self._frames = memory.empty((n_frames, height, width), np.int16)
        self._marks = memory.empty((n_frames, -(-height // 2), -(-width // 2)), np.uint8)
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

    @property
    def halo_px(self) -> int:
        """Rows beyond a band that its start must show."""
        return -(-REACH_PX * self.n_steps // GAIN_STEP_PX) * GAIN_STEP_PX

    def picture(self, start: Frame, row: int = 0, rows: tuple[int, int] | None = None, scale: int = 1) -> Frame:
        """The picture, or a band of it.

        Parameters
        ----------
        start
            CAMERA_RGB: the merged frame, denoised, or rows of it; its `n_effective` tells how many frames agree.
        row
            Row of the whole picture that `start` begins with, a multiple of 16.
        rows
            Rows (first, last + 1) of `start` that are wanted; None: all. Seamless where `start` shows `halo_px` rows
            more at both ends, or the picture ends.
        scale
            1, or 2 for twice the pixels along each axis.

        Returns
        -------
        CAMERA_RGB float32 with the noise that is left.
        """
        start.require(Domain.CAMERA_RGB)
        height, width = start.shape
        if width != self.shape[1] or row % GAIN_STEP_PX or row < 0 or row + height > self.shape[0]:
            raise ShapeError(f"rows {row} to {row + height} are no band of {self.shape}", where=start.info.name)
        first, last = rows or (0, height)
        out = memory.empty((scale * (last - first), scale * width, 3))
        # In even parts: each costs its halo once more.
        n_parts = max(1, round((last - first) / BAND_PX))
        step = -(-(last - first) // (n_parts * GAIN_STEP_PX)) * GAIN_STEP_PX
        for top in range(first, last, step):
            bottom = min(top + step, last)
            low = max(top - self.halo_px, 0) // GAIN_STEP_PX * GAIN_STEP_PX
            band = start.rows(low, min(bottom + self.halo_px, height))
            fine = self._fine(band, row + low)
            part = out[scale * (top - first) : scale * (bottom - first)]
            name = "reconstruct_pixels" if scale == 1 else "reconstruct_fine_pixels"
            call(name, fine, self.balance, scale * (top - low), part)
        if scale == 1:
            return start.rows(first, last).replaced(pixels=out) if rows else start.replaced(pixels=out)
        size = np.broadcast_to(np.float32(0), (scale * height, scale * width, 3))
        n = float(np.mean(start.n_effective))
        whole = start.replaced(pixels=size, n_effective=n, gain=_doubled(start.gain))
        return whole.rows(scale * first, scale * last).replaced(pixels=out)

    def _fine(self, start: Frame, row: int) -> F32:
        """The balanced fine picture float32 [3, 2 h, 2 W] of a band, right `halo_px` from where it was cut."""
        height, width = start.shape
        frames = self._frames[: len(self._facts)], self._marks[: len(self._facts)]
        hand, local = (np.ascontiguousarray(np.stack(each), np.float32) for each in (self._hand, self._local))
        place = (*frames, hand, local, np.array(self._facts, np.float32), *self._red, row)
        corners, pixels = (12, height, width), (3, 2 * height, 2 * width)
        count, sums = memory.empty(corners), memory.empty(corners)
        call("reconstruct_count", *place, count)
        pilot, moved, fine = (memory.empty(pixels) for _ in range(3))
        call("reconstruct_start", np.ascontiguousarray(start.pixels), self.balance, pilot)
        shrinkage = Shrinkage.of(start, self.noise, self.balance, self.params.strength)
        former = pilot
        for step in range(self.n_steps):
            call("reconstruct_residual", *place, self.balance, former, sums)
            call("reconstruct_moved", former, sums, count, START_FRAMES / 16, moved)
            shrinkage.apply(moved, pilot, fine, is_first=step == 0)
            former = fine
        return former


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
