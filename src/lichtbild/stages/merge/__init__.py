"""Many frames become one: every sample is placed where it really fell, weighted by how far its frame can be trusted
there.

Frames stream through accumulators; memory does not grow with their number. The output is linear camera RGB on the grid
of the reference frame, and the effective number of frames at every pixel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, NoiseModel, Params, ShapeError, memory, param
from lichtbild.core.native import call
from lichtbild.stages.align import Motion
from lichtbild.stages.merge.picture import BORDER_PX, VECTOR_PX, corrected, filled_up, sample_trust, splines_of
from lichtbild.stages.merge.picture.evenness import blur_of
from lichtbild.stages.merge.trust import SAMPLE_LIMIT, Guide, doubted, explained_of, guide_of, red_of, trust_of

__all__ = ["MIN_SIZE_PX", "Guide", "MergeParams", "Merger", "clip_level", "relative_weight"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

MIN_SIZE_PX = 32
_CELL_BLOCKS = VECTOR_PX // 2
# Part of all cells below which they are gathered one by one.
_FEW = 0.25
# Part of the picture below which a frame agrees by chance: of scenes that have nothing in common, even ground of one
# brightness lies on even ground here and there, and what stands beside it comes along.
_BY_CHANCE = 0.05
_N_PLACES = 3  # along each axis, at which motion tells how evenly samples lie


@dataclass(frozen=True)
class MergeParams(Params):
    """How frames are brought together."""

    kernel_px: float = param(0.4, "radius (sigma) of the gather kernel", unit="px", low=0.25, high=1.0)
    strictness: float = param(1.0, "how soon a frame that disagrees is left out; higher: sooner", low=0.1, high=10.0)
    guess_frames: float = param(
        0.0, "how many frames the first guess, the denoised reference, is worth", unit="frames", low=0.0, high=8.0
    )


class Merger:
    """Accumulators of one merge.

    Parameters
    ----------
    reference
        MOSAIC float32 or CAMERA_RGB, linear: the frame whose moment and framing the picture shows.
    first
        CAMERA_RGB: the reference denoised and demosaiced, whole or in bands from top to bottom. Frames tell where it is
        wrong: each sample is compared with it at the very place where it fell, so that neither blur of the gather
        kernel nor uneven places become visible.
    white_balance
        Multipliers of R, G, B, green 1.
    params
        See `MergeParams`.
    """

    def __init__(
        self,
        reference: Frame,
        first: Frame | Iterable[Frame],
        white_balance: tuple[float, float, float],
        params: MergeParams,
    ) -> None:
        reference.require(Domain.MOSAIC, Domain.CAMERA_RGB)
        # A row of 2 x 2 blocks fills one vector at least.
        if min(reference.shape) < MIN_SIZE_PX:
            raise ShapeError("too small to be merged", where=reference.info.name)
        height, width = reference.shape
        self._first = splines_of([first] if isinstance(first, Frame) else first, reference)
        self.white_balance = white_balance
        self.params = params
        self._is_mosaic = reference.domain is Domain.MOSAIC
        # Sums of differences are small beside what they correct: half precision is 1/2000 of a difference.
        # In the room that making the first guess has left: fresh memory costs more than filling.
        self._sums = memory.empty((height, 6 if self._is_mosaic else 4, filled_up(width)), np.float16)
        self._sums.fill(0)
        self._trusted = np.ones((-(-height // 2), filled_up(width) // 2), np.float32)
        self.guide = guide_of(reference, self._first, params.strictness)
        # All of the reference that is needed from here on, but not its pixels.
        self._like = reference.replaced(pixels=np.broadcast_to(np.float32(0), reference.pixels.shape))
        self._explained = explained_of(reference, self._first) if self._is_mosaic else None
        still = np.zeros((1, 1, 2), np.float32)
        # What noise follows from: weight of each frame, and its motion at nine places.
        self._landed = [(1.0, np.zeros((_N_PLACES**2, 2)))]
        self._gather(reference, np.full(self._trusted.shape, 255, np.uint8), still, 1.0, np.inf)

    def trust(self, frame: Frame, motion: Motion) -> U8:
        """How far a frame is trusted, 255 = full, at 2 x 2 blocks, uint8 [2, ceil(H / 2), at least ceil(W / 2)]: in the
        hand's motion, and where a tile's own explains it better, in that. What agrees by chance only, in less than a
        twentieth of the picture, is not trusted at all."""
        trust = trust_of(self.guide, frame, motion, self._trusted.shape)
        if 2 * trust[:, ::4].mean() < 255 * _BY_CHANCE:  # one of the two is 0 everywhere
            trust.fill(0)
        return trust

    def add(self, frame: Frame, motion: Motion, known: U8 | None = None) -> U8:
        """Add a frame of the reference's exposure scale; returns its trust, uint8 [ceil(H / 2), ceil(W / 2)], 255 =
        full. `known` is what `trust` gave, where it was asked already.

        Cost: 0.1 s of processor time for 12 MP with AVX-512, and a third of that for things that move by themselves.
        """
        frame.require(self._like.domain)
        if frame.shape != self._like.shape:
            raise ShapeError(f"{frame.shape} does not fit a burst of {self._like.shape}", where=frame.info.name)
        trust = self.trust(frame, motion) if known is None else known
        by_hand, own = trust
        weight = relative_weight(frame.noise, self._like.noise)
        clip = clip_level(frame, self._like.saturation)
        is_doubted = doubted(motion, by_hand.shape) if self._is_mosaic else None
        if is_doubted is None:
            self._gather(frame, by_hand, motion.hand_px, weight, clip)
        else:
            # Where something moves, what a block's mean lets through is looked at sample by sample.
            self._gather(frame, by_hand & ~is_doubted, motion.hand_px, weight, clip)
            self._gather(frame, by_hand & is_doubted, motion.hand_px, weight, clip, is_tested=True)
        self._gather(frame, own, motion.local_px, weight, clip, is_tested=self._is_mosaic)
        call("merge_counted", self._trusted, trust, weight, self._trusted)
        rows, columns = ((np.arange(_N_PLACES) * n + n // 2) // _N_PLACES for n in motion.hand_px.shape[:2])
        part = float(trust[:, ::4].max(0).mean()) / 255
        if part > 0:
            self._landed.append((weight * part, motion.hand_px[rows][:, columns].reshape(-1, 2).astype(np.float64)))
        return np.asarray((by_hand | own)[:, : -(-frame.shape[1] // 2)])

    def finish(self) -> Frame:
        """The merged frame, CAMERA_RGB float32 [H, W, 3]. The merger is spent: its accumulators are given back.

        The pixels are a view of rows of planes; a band of rows made contiguous costs less than the whole.
        """
        height, width = self._like.shape
        worth = self.params.guess_frames
        blur = self._blur() if self._is_mosaic and worth == 0 else 1.0
        out = corrected(self._sums, self._first, self._like, self.white_balance, worth, blur)
        del self._sums, self._first
        info = dataclasses.replace(
            self._like.info, cfa=None, kind="linear" if self._is_mosaic else self._like.info.kind
        )
        return self._like.replaced(
            pixels=out.transpose(0, 2, 1), domain=Domain.CAMERA_RGB,
            n_effective=_doubled(self._trusted, (height, width)), info=info,
        )  # fmt: skip

    def _blur(self) -> float:
        """Blur with which noise falls by the root of the number of frames."""
        weights, moves = zip(*self._landed, strict=True)
        trust = sample_trust(self._like.noise, self.white_balance)
        return blur_of(np.stack(moves, 1), weights, trust, red_of(self._like), self.params.kernel_px)

    def _gather(
        self, frame: Frame, trust: U8, flow: F32, weight: float, clip: float, *, is_tested: bool = False
    ) -> None:
        """Add the rows where there is any trust; where that is here and there only, those cells. Where samples are to
        be tested, those that neither noise nor what the guess lost explains are left out."""
        height, width = frame.shape
        flat = np.ascontiguousarray(frame.pixels).reshape(-1)
        kind, red = ("mosaic", red_of(frame)) if self._is_mosaic else ("rgb", ())
        how = (1 / (16 * self.params.kernel_px**2), weight, clip, *red)
        cells = _cells(trust)
        if is_tested or len(cells) < _FEW * trust.size / _CELL_BLOCKS**2:
            if len(cells):
                limit = SAMPLE_LIMIT / self.params.strictness if is_tested else np.inf
                bounds = () if self._explained is None else (*self._explained, limit)
                call(
                    f"merge_gather_{kind}_cells", flat, width, height, trust, flow, self._first, *how, *bounds, cells,
                    self._sums,
                )  # fmt: skip
            return
        top, bottom = VECTOR_PX * int(cells[0, 0]), min(VECTOR_PX * (int(cells[-1, 0]) + 1), height)
        sums, first = self._sums[top:bottom], self._first[top : bottom + 2 * BORDER_PX]
        rows = trust[top // 2 : -(-bottom // 2)]
        call(f"merge_gather_{kind}", flat, width, height, rows, flow, first, *how, top, sums, sums)


def _cells(trust: U8) -> npt.NDArray[np.int32]:
    """Rows and columns of the cells of 16 x 16 px that have any trust, [n, 2], in order."""
    # Eight blocks of a row are one number of 64 bits.
    across = np.ascontiguousarray(trust).view(np.uint64)
    rows = np.bitwise_or.reduceat(across, np.arange(0, trust.shape[0], _CELL_BLOCKS), axis=0)
    return np.ascontiguousarray(np.argwhere(rows), np.int32)


def _doubled(plane: F32, shape: tuple[int, int]) -> F32:
    """A plane of 2 x 2 blocks at full size."""
    out = memory.empty(shape)
    for i in (0, 1):
        for j in (0, 1):
            part = out[i::2, j::2]
            part[:] = plane[: part.shape[0], : part.shape[1]]
    return out


def relative_weight(noise: NoiseModel, reference: NoiseModel, signal: float = 0.1) -> float:
    """Inverse-variance weight of a frame against the reference, both scaled to one exposure, at a tenth of
    saturation."""
    mine = sum(a * signal + b for a, b in zip(noise.alpha, noise.beta, strict=True))
    theirs = sum(a * signal + b for a, b in zip(reference.alpha, reference.beta, strict=True))
    return theirs / mine


def clip_level(frame: Frame, saturation: float) -> float:
    """From which value on samples of a frame say nothing beside a reference that clips at `saturation`; a frame that
    clips where the reference does has nothing to hide."""
    return np.inf if np.isclose(frame.saturation, saturation, rtol=0.02) else 0.98 * frame.saturation
