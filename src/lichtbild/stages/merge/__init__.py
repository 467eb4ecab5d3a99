"""Many frames become one: every sample is placed where it really fell, weighted by how far its frame can be trusted
there.

Frames stream through accumulators; memory does not grow with their number. The output is linear camera RGB on the grid
of the reference frame, and the effective number of frames at every pixel.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, NoiseModel, Params, ShapeError, memory, param
from lichtbild.core.native import call
from lichtbild.stages.align import TILE_PX, Motion, tile_gain, tile_grid

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

MIN_SIZE_PX = 32


@dataclass(frozen=True)
class MergeParams(Params):
    """How frames are brought together."""

    kernel_px: float = param(0.5, "radius (sigma) of the gather kernel", unit="px", low=0.25, high=1.0)
    strictness: float = param(1.0, "how soon a frame that disagrees is left out; higher: sooner", low=0.1, high=10.0)
    guess_frames: float = param(
        1.0, "how many frames the first guess, the denoised reference, is worth", unit="frames", low=0.0, high=8.0
    )


# Noise counts for more than it is: at 1, a quarter of still, flat blocks would lose some trust to the worst of their
# nine neighbours (n_effective 9.2 of 10, -0.1 to -0.2 dB on k800 and k3200), for nothing gained where things move.
_BENEFIT = 1.4


@dataclass(frozen=True, eq=False)
class Guide:
    """What the reference looks like to the trust test.

    Parameters
    ----------
    mean, texture
        float32 [3, H / 2, W / 2]: mean of 2 x 2 blocks over 3 x 3 of them, and variance of the first guess over the
        same.
    noise
        float32 [th, tw, 6], alpha and beta of R, G, B of the difference of two such means in each tile.
    """

    mean: F32
    texture: F32
    noise: F32


class Merger:
    """Accumulators of one merge.

    Parameters
    ----------
    reference
        MOSAIC float32 or CAMERA_RGB, linear: the frame whose moment and framing the picture shows.
    first
        CAMERA_RGB: the reference denoised and demosaiced. Frames tell where it is wrong: each sample is compared with
        it at the very place where it fell, so that neither blur of the gather kernel nor uneven places become visible.
    white_balance
        Multipliers of R, G, B, green 1.
    params
        See `MergeParams`.
    """

    def __init__(
        self, reference: Frame, first: Frame, white_balance: tuple[float, float, float], params: MergeParams
    ) -> None:
        reference.require(Domain.MOSAIC, Domain.CAMERA_RGB)
        # A row of 2 x 2 blocks fills one vector at least.
        if min(reference.shape) < MIN_SIZE_PX:
            raise ShapeError("too small to be merged", where=reference.info.name)
        first.require(Domain.CAMERA_RGB)
        if first.shape != reference.shape:
            raise ShapeError("the first guess has another size than the reference", where=reference.info.name)
        self.reference = reference
        # Planar and with a border: every load of the kernels is contiguous.
        self._first = np.pad(np.moveaxis(first.pixels, 2, 0), ((0, 0), (1, 1), (1, 1)), mode="edge")
        self.white_balance = white_balance
        self.params = params
        height, width = reference.shape
        self._is_mosaic = reference.domain is Domain.MOSAIC
        self._sums = np.zeros((6 if self._is_mosaic else 4, height, width), np.float32)
        self._trusted = np.ones((height // 2, width // 2), np.float32)
        self._guide = self._guide_of(reference)
        full = np.full((height // 2, width // 2), 255, np.uint8)
        self._gather(reference, full, np.zeros((3, *full.shape), np.float32), 1.0, np.inf)

    def add(self, frame: Frame, motion: Motion) -> U8:
        """Add a frame of the reference's exposure scale; returns its trust, uint8 [H / 2, W / 2], 255 = full.

        Cost: about 60 operations and 24 loads a pixel, and the accumulators once through memory.
        """
        frame.require(self.reference.domain)
        if frame.shape != self.reference.shape:
            raise ShapeError(f"{frame.shape} does not fit a burst of {self.reference.shape}", where=frame.info.name)
        trust, agreement = self.trust(frame, motion)
        weight = _relative_weight(frame.noise, self.reference.noise)
        is_equal = np.isclose(frame.saturation, self.reference.saturation, rtol=0.02)
        clip = np.inf if is_equal else 0.98 * frame.saturation
        self._gather(frame, trust, agreement, weight, clip)
        self._trusted += trust * np.float32(weight / 255)
        return trust

    def trust(self, frame: Frame, motion: Motion) -> tuple[U8, F32]:
        """How far the frame agrees with the reference at every 2 x 2 block, and the motion that agrees better."""
        mean = self._mean_of(frame)
        agreement = memory.empty_like(mean)
        call(
            "merge_agreement", self._guide.mean, self._guide.texture, mean, self._guide.noise, motion.hand_px,
            motion.local_px, _tolerated_texture(motion.doubt), int(motion.is_local.any()), agreement,
        )  # fmt: skip
        trust = memory.empty(mean.shape[1:], np.uint8)
        call("merge_trust", agreement, trust)
        return trust, agreement

    def finish(self) -> Frame:
        """The merged frame, CAMERA_RGB float32 [H, W, 3]. The merger is spent: its accumulators are given back."""
        height, width = self.reference.shape
        out = np.empty((height, width, 3), np.float32)
        worth = self.params.guess_frames
        if self._is_mosaic:
            red, _, blue = self.white_balance
            trust = _sample_trust(self.reference.noise, self.white_balance)
            call("merge_finish_mosaic", self._sums, self._first, red, blue, *trust, worth, out)
        else:
            call("merge_finish_rgb", self._sums, self._first, worth, out)
        info = dataclasses.replace(
            self.reference.info, cfa=None, kind="linear" if self._is_mosaic else self.reference.info.kind
        )
        return self.reference.replaced(
            pixels=out, domain=Domain.CAMERA_RGB, n_effective=_doubled(self._trusted, (height, width)), info=info
        )

    def _mean_of(self, frame: Frame) -> F32:
        mean = memory.empty((3, frame.shape[0] // 2, frame.shape[1] // 2))
        if self._is_mosaic:
            call("merge_mean_mosaic", frame.pixels, *_red_of(frame), mean)
        else:
            call("merge_mean_rgb", frame.pixels, mean)
        return mean

    def _guide_of(self, reference: Frame) -> Guide:
        mean = self._mean_of(reference)
        texture = np.empty_like(mean)
        call("merge_texture", self._first, texture)
        # Samples in the mean of a block; both means carry a ninth of a block's noise.
        samples = np.array([1, 2, 1] if self._is_mosaic else [4, 4, 4])
        share = _BENEFIT * 2 / 9 / samples / self.params.strictness
        alpha, beta = (np.resize(np.asarray(n), 3) * share for n in (reference.noise.alpha, reference.noise.beta))
        gain = tile_gain(reference, tile_grid(mean.shape[1:]), TILE_PX)
        noise = np.concatenate([alpha * gain, beta * gain**2], axis=-1)
        return Guide(mean, texture, np.ascontiguousarray(noise, np.float32))

    def _gather(self, frame: Frame, trust: U8, agreement: F32, weight: float, clip: float) -> None:
        inverse = 0.5 / self.params.kernel_px**2
        if self._is_mosaic:
            call(
                "merge_gather_mosaic", frame.pixels, trust, agreement, self._first, *_red_of(frame), inverse, weight,
                clip, self._sums, self._sums,
            )  # fmt: skip
        else:
            call(
                "merge_gather_rgb",
                frame.pixels,
                trust,
                agreement,
                self._first,
                inverse,
                weight,
                clip,
                self._sums,
                self._sums,
            )


def _red_of(frame: Frame) -> tuple[int, int]:
    cfa = frame.info.cfa
    if cfa is None or cfa.quad != 1:
        raise DomainError("only Bayer mosaics can be merged", where=frame.info.name, hint="bin or remosaic quads first")
    return cfa.red_row, cfa.red_column


def _doubled(plane: F32, shape: tuple[int, int]) -> F32:
    """A plane of 2 x 2 blocks at full size; an odd last row or column repeats its neighbour."""
    whole = plane.repeat(2, axis=0).repeat(2, axis=1)
    if whole.shape == shape:
        return whole
    return np.pad(whole, [(0, wanted - have) for wanted, have in zip(shape, whole.shape, strict=True)], mode="edge")


def _sample_trust(
    noise: NoiseModel, white_balance: tuple[float, float, float], signal: float = 0.1
) -> tuple[float, float]:
    """Variance of a green sample over that of a balanced red and blue one, for a grey at a tenth of saturation."""
    if noise.n_channels == 1:
        return 1.0, 1.0
    variance = [w * w * (a * signal / w + b) for w, a, b in zip(white_balance, noise.alpha, noise.beta, strict=True)]
    return variance[1] / variance[0], variance[1] / variance[2]


def _tolerated_texture(doubt: F32) -> F32:
    """Part of the texture's variance that may stand between two means of one thing, float32 [th, tw, 1].

    Still texture differs between frames by what its samples alias: up to all of its variance. Where a tile or its
    neighbour doubts the hand's motion, a twentieth of that is tolerated, or moving texture would pass for aliasing.
    """
    padded = np.pad(doubt, 1, mode="edge")
    th, tw = doubt.shape
    worst = np.max([padded[i : i + th, j : j + tw] for i in range(3) for j in range(3)], axis=0)
    return np.asarray(0.05 ** np.clip((worst - 0.7) / 0.3, 0, 1), np.float32)[..., None]


def _relative_weight(noise: NoiseModel, reference: NoiseModel, signal: float = 0.1) -> float:
    """Inverse-variance weight of a frame against the reference, both scaled to one exposure, at a tenth of
    saturation."""
    mine = sum(a * signal + b for a, b in zip(noise.alpha, noise.beta, strict=True))
    theirs = sum(a * signal + b for a, b in zip(reference.alpha, reference.beta, strict=True))
    return theirs / mine
