"""Joint reconstruction of a burst: the picture at half the pixel's width that explains every sample of every frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, NoiseModel, Params, ShapeError, memory, param
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.core.native import call
from lichtbild.stages.align import Motion
from lichtbild.stages.reconstruct import spectrum

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

# Rows of pixels that one step of the reconstruction looks beyond a band: a block of the transform, aperture and taps.
REACH_PX = 12
NO_SAMPLE = -32768
# Frames that the start of the reconstruction is worth: with fewer samples around, it moves by a part of what they ask.
START_FRAMES = 5.0
# Samples of red, green, blue a fine pixel in one frame.
SHARE = np.array([1 / 16, 1 / 8, 1 / 16], np.float32)


@dataclass(frozen=True)
class ReconstructParams(Params):
    """How long the burst is asked."""

    steps: int = param(2, "times that all samples are compared with the picture", low=1, high=8)
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
        self._marks = memory.empty((n_frames, height // 2, width // 2), np.uint8)
        self._hand: list[F32] = []
        self._local: list[F32] = []
        self._facts: list[tuple[float, float]] = []
        self._marks[0] = 254
        still = np.zeros((-(-height // 32), -(-width // 32), 2), np.float32)
        self._store(reference, still, still, 1.0, np.inf)

    def add(self, frame: Frame, motion: Motion, trust: U8, agreement: F32, weight: float) -> None:
        """Add a frame of the reference's exposure scale.

        Parameters
        ----------
        trust, agreement
            From `Merger.trust`.
        weight
            Inverse variance of its samples over that of the reference's.
        """
        frame.require(Domain.MOSAIC)
        if frame.shape != self.shape:
            raise ShapeError(f"{frame.shape} does not fit a burst of {self.shape}", where=frame.info.name)
        if len(self._facts) == len(self._frames):
            raise ShapeError(f"no room for more than {len(self._frames)} frames", where=frame.info.name)
        call("reconstruct_marks", trust, agreement, motion.hand_px, self._marks[len(self._facts)])
        is_equal = np.isclose(frame.saturation, self.saturation, rtol=0.02)
        self._store(frame, motion.hand_px, motion.local_px, weight, np.inf if is_equal else 0.98 * frame.saturation)

    def _store(self, frame: Frame, hand: F32, local: F32, weight: float, clip: float) -> None:
        # Twice the brightest that the sensor gives: a tenth of the read noise of the best frames is one step.
        top = 2 * frame.saturation * (1.0 if frame.gain is None else float(frame.gain.max()))
        call("reconstruct_stored", frame.pixels, 32767 / top, clip, self._frames[len(self._facts)])
        self._hand.append(hand)
        self._local.append(local)
        self._facts.append((top / 32767, weight))

    @property
    def halo_px(self) -> int:
        """Rows beyond a band that its start must show."""
        return -(-REACH_PX * self.params.steps // GAIN_STEP_PX) * GAIN_STEP_PX

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
        frames = self._frames[: len(self._facts)], self._marks[: len(self._facts)]
        hand, local = (np.ascontiguousarray(np.stack(each), np.float32) for each in (self._hand, self._local))
        place = (*frames, hand, local, np.array(self._facts, np.float32), *self._red, row)
        count, sums = (memory.empty((12, height, width)) for _ in range(2))
        fine, moved, shrunk = (memory.empty((3, 2 * height, 2 * width)) for _ in range(3))
        call("reconstruct_count", *place, count)
        call("reconstruct_start", np.ascontiguousarray(start.pixels), self.balance, fine)
        offset, cells = self._noise_of(start)
        for _ in range(self.params.steps):
            call("reconstruct_residual", *place, self.balance, fine, sums)
            call("reconstruct_moved", fine, sums, count, START_FRAMES / 16, moved)
            call(
                "reconstruct_shrink", moved, fine, self.balance, offset, cells, spectrum.variance(), spectrum.basis(),
                float(spectrum.variance().mean()), shrunk,
            )  # fmt: skip
            fine, shrunk = shrunk, fine
        size = (last - first, width, 3) if scale == 1 else (2 * (last - first), 2 * width, 3)
        out = memory.empty(size)
        if scale == 1:
            call("reconstruct_pixels", fine, self.balance, first, out)
        else:
            call("reconstruct_fine_pixels", fine, self.balance, 2 * first, out)
        wanted = start.rows(first, last)
        return wanted.replaced(pixels=out, n_effective=1.0) if scale == 2 else wanted.replaced(pixels=out)

    def _noise_of(self, start: Frame) -> tuple[float, F32]:
        """Offset of the root, and variance of the parts' noise in cells of 4 x 4 px, for samples of one frame."""
        height, width = start.shape
        alpha, beta = (np.resize(np.asarray(v, np.float32), 3) for v in (self.noise.alpha, self.noise.beta))
        offset = float(np.clip(np.mean(beta) / max(float(np.mean(alpha)), 1e-12) * np.mean(self.balance), 1e-3, 4.0))
        gain = start.gain
        if gain is None or min(gain.shape[:2]) < 2:
            gain = np.ones((2, 2, 3), np.float32)
        gain = np.ascontiguousarray(np.broadcast_to(gain, (*gain.shape[:2], 3)), np.float32)
        n = np.broadcast_to(np.asarray(start.n_effective, np.float32), (height, width))
        cells = memory.empty((3, -(-height // 4), -(-width // 4)))
        factor = np.float32(self.params.strength) / SHARE
        call(
            "reconstruct_noise", np.ascontiguousarray(start.pixels), self.balance, alpha * factor, beta * factor,
            offset, gain, np.ascontiguousarray(n), START_FRAMES, cells,
        )  # fmt: skip
        return offset, cells
