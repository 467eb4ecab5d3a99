"""The picture from top to bottom: every step follows the one before by the rows it looks ahead, none is made twice."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, ShapeError, memory
from lichtbild.core.frame import GAIN_STEP_PX
from lichtbild.core.native import call
from lichtbild.stages.reconstruct.shrink import START_FRAMES, Shrinkage

F32 = npt.NDArray[np.float32]
Begin = Callable[[int, int], Frame]

# Rows made at a time: as many again are held by every step. A multiple of 16.
CHUNK_PX = 32
# Rows of the start asked for at a time: whoever makes it looks beyond them and does that work twice.
START_PX = 256
# Rows that a step looks at beyond those it makes: samples and taps; blocks of the transform; the start's interpolation.
SAMPLES_PX, BLOCKS_PX, TAPS_PX = 4, 8, 8


class Rows:
    """Rows of planes, float32 [rows, planes, columns], that grow at their end and are forgotten at their beginning.

    Parameters
    ----------
    shape
        Of a row.
    first
        Row that it begins with, px.
    per_px
        Rows held for one px: 2, 1, or a quarter (-4).
    """

    def __init__(self, shape: tuple[int, ...], first: int, per_px: int = 1) -> None:
        self.shape, self.first, self.stop, self.per_px = shape, first, first, per_px
        self._held = np.empty((0, *shape), np.float32)
        self._at = 0  # where `first` lies

    def _count(self, n_px: int) -> int:
        return n_px * self.per_px if self.per_px > 0 else -(-n_px // -self.per_px)

    def view(self, start: int, stop: int) -> F32:
        """Rows of the px [start, stop); contiguous."""
        return self._held[self._at + self._count(start - self.first) : self._at + self._count(stop - self.first)]

    def more(self, stop: int) -> F32:
        """Room for the rows up to px `stop`, to be written."""
        begin, n = self.stop, self._count(stop - self.first)
        if self._at + n > len(self._held):
            self._move(n)
        self.stop = stop
        return self.view(begin, stop)

    def forget(self, before: int) -> None:
        """Rows before px `before` (a multiple of 4) are not asked for again."""
        if before > self.first:
            self._at += self._count(before - self.first)
            self.first = before

    def _move(self, n: int) -> None:
        """Make room for `n` rows from `first` on."""
        old = self.view(self.first, self.stop)
        if n > len(self._held):
            self._held = memory.empty((n + n // 4, *self.shape))
        ctypes.memmove(self._held.ctypes.data, old.ctypes.data, old.nbytes)  # they may overlap
        self._at = 0


class Stream:
    """A picture in the making.

    Parameters
    ----------
    place
        What the kernels of samples are told: frames, marks, motions, facts, place of red.
    shape
        Rows and columns of the picture.
    shrinkage
        Of what the steps ask for.
    begin
        (start, stop), `start` a multiple of 16 -> rows of the merged, denoised picture, CAMERA_RGB.
    n_steps
        Times that all samples are asked.
    row
        First row, a multiple of 16: those that follow are as in the whole picture from `Stream.lead` on.
    """

    def __init__(
        self, place: tuple[Any, ...], shape: tuple[int, int], shrinkage: Shrinkage, begin: Begin, n_steps: int,
        row: int = 0,
    ) -> None:  # fmt: skip
        if row % GAIN_STEP_PX:
            raise ShapeError(f"row {row} is no multiple of {GAIN_STEP_PX}")
        self._place, self._shape, self._shrinkage, self._begin = place, shape, shrinkage, begin
        self._row = row
        width = shape[1]
        self._camera = Rows((width, 3), row)
        self._cells = Rows((3, -(-width // 4)), row, -4)
        self._count = Rows((12, width), row)
        # The start, which is the pilot of all steps, and what the steps made; the pictures they are to shrink.
        self._fine = [Rows((3, 2 * width), row, 2) for _ in range(n_steps + 1)]
        self._moved = [Rows((3, 2 * width), row, 2) for _ in range(n_steps)]

    @staticmethod
    def lead(n_steps: int) -> int:
        """Rows after which a picture that begins inside is that of the whole, a multiple of 16."""
        reach = TAPS_PX + n_steps * (SAMPLES_PX + BLOCKS_PX) + 1
        return -(-reach // GAIN_STEP_PX) * GAIN_STEP_PX

    def rows(self, start: int, stop: int, scale: int, out: F32) -> None:
        """Rows [start, stop) of the picture as CAMERA_RGB pixels float32 [scale rows, scale W, 3]: top to bottom."""
        height, balance = self._shape[0], self._shrinkage.balance
        while start < stop:
            upto = min((start // CHUNK_PX + 1) * CHUNK_PX, stop)
            self._made(len(self._moved), min(-(-(upto + 1) // GAIN_STEP_PX) * GAIN_STEP_PX, height))
            part, out = out[: scale * (upto - start)], out[scale * (upto - start) :]
            fine = self._fine[-1]
            if scale == 1:
                low = max(start - 1, fine.first)
                call("reconstruct_pixels", fine.view(low, min(upto + 1, height)), balance, start - low, part)
            else:
                call("reconstruct_points", fine.view(start, upto), balance, part)
            self._forget(upto)
            start = upto

    def _made(self, n: int, stop: int) -> None:
        """Have the fine picture after `n` steps up to row `stop`."""
        fine = self._fine[n]
        if stop <= fine.stop:
            return
        if n == 0:
            begin = fine.stop
            low = max(begin - TAPS_PX, self._camera.first)
            high = min(stop + TAPS_PX, self._shape[0])
            self._started(high)
            rgb = self._camera.view(low, high)
            call("reconstruct_start", rgb, self._shrinkage.balance, begin - low, fine.more(stop))
            self._camera.forget((stop - TAPS_PX) // 4 * 4)
            return
        ahead = min(stop + BLOCKS_PX, self._shape[0])
        self._asked(n, ahead)
        begin = fine.stop
        low = max(begin - BLOCKS_PX, self._row)
        self._shrinkage.apply(
            self._moved[n - 1].view(low, ahead), self._fine[0].view(low, ahead), self._cells.view(low, ahead),
            2 * (begin - low), fine.more(stop), is_first=n == 1,
        )  # fmt: skip
        self._moved[n - 1].forget(stop - BLOCKS_PX)

    def _asked(self, n: int, stop: int) -> None:
        """Have what the samples ask of the picture after `n` - 1 steps, up to row `stop`."""
        moved, former = self._moved[n - 1], self._fine[n - 1]
        if stop <= moved.stop:
            return
        height, width = self._shape
        ahead = min(stop + SAMPLES_PX, height)
        self._made(n - 1, min(-(-ahead // 4) * 4, height))
        begin = moved.stop
        low = max(begin - 1, self._row)
        if self._count.stop < stop:
            at = self._count.stop
            call("reconstruct_count", *self._place, at, self._count.more(stop))
        sums = memory.empty((stop - low, 12, width))
        seen = max(low - SAMPLES_PX, self._row)
        fine = former.view(seen, ahead)
        call("reconstruct_residual", *self._place, low, self._shrinkage.balance, fine, low - seen, sums)
        call(
            "reconstruct_moved", former.view(begin, stop), sums, self._count.view(low, stop), begin - low,
            START_FRAMES / 16, moved.more(stop),
        )  # fmt: skip

    def _started(self, stop: int) -> None:
        """Have the start's pixels up to row `stop`, and the noise in cells with them."""
        while self._camera.stop < stop:
            begin = self._camera.stop
            end = min(begin + START_PX, self._shape[0])
            start = self._begin(begin, end)
            start.require(Domain.CAMERA_RGB)
            if start.shape != (end - begin, self._shape[1]):
                raise ShapeError(f"a start of {start.shape} for rows {begin} to {end}", where=start.info.name)
            self._camera.more(end)[:] = start.pixels
            self._shrinkage.noise(start, self._cells.more(end))

    def _forget(self, made: int) -> None:
        """What was needed for rows before `made` only."""
        n = len(self._moved)
        for k in range(1, n):
            self._fine[k].forget((self._moved[k].stop - SAMPLES_PX - 4) // 4 * 4)
        self._fine[n].forget((made - 2) // 4 * 4)
        pilot = self._fine[n].stop - BLOCKS_PX
        self._fine[0].forget(min(pilot, (self._moved[0].stop - SAMPLES_PX - 4) // 4 * 4))
        self._cells.forget(pilot)
        self._count.forget((self._moved[n - 1].stop - 4) // 4 * 4)
