"""Many frames become one: every sample is placed where it really fell, weighted by how far its frame can be trusted there.

Frames stream through accumulators; memory does not grow with their number. The output is linear camera RGB on the grid
of the reference frame, and the effective number of frames at every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, NoiseModel, Params, ShapeError, param
from lichtbild.core.frame import sample_gain_grid
from lichtbild.core.native import call
from lichtbild.stages.align import Motion

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MergeParams(Params):
    """How frames are brought together."""

    kernel_px: float = param(0.4, "radius (sigma) of the gather kernel", unit="px", low=0.25, high=1.0)
    strictness: float = param(1.0, "how soon a frame that disagrees is left out; higher: sooner", low=0.1, high=10.0)
    sharpen: float = param(1.0, "how much of the gather kernel's blur is undone", low=0.0, high=1.5)


@dataclass(frozen=True, eq=False)
class Guide:
    """What the reference looks like to the trust test, float32 [3, H / 2, W / 2] each: mean of 2 x 2 blocks over 3 x 3 of
    them, variance of the difference of two such means from noise, and variance of the blocks from texture."""

    mean: F32
    noise: F32
    texture: F32


class Merger:
    """Accumulators of one merge.

    Parameters
    ----------
    reference
        MOSAIC float32 or CAMERA_RGB, linear: the frame whose moment and framing the picture shows.
    white_balance
        Multipliers of R, G, B, green 1.
    params
        See `MergeParams`.
    """

    def __init__(self, reference: Frame, white_balance: tuple[float, float, float], params: MergeParams) -> None:
        reference.require(Domain.MOSAIC)
        self.reference = reference
        self.white_balance = white_balance
        self.params = params
        self.n_frames = 1
        height, width = reference.shape
        self._sums = np.zeros((6, height, width), np.float32)
        self._trusted = np.ones((height // 2, width // 2), np.float32)
        self._guide = _guide(reference, params)
        full = np.full((height // 2, width // 2), 255, np.uint8)
        self._gather(reference, full, np.zeros((3, *full.shape), np.float32), 1.0, np.inf)

    def add(self, frame: Frame, motion: Motion) -> U8:
        """Add a frame of the reference's exposure scale; returns its trust, uint8 [H / 2, W / 2], 255 = full.

        Cost: about 60 operations and 24 loads a pixel, and the accumulators once through memory.
        """
        if frame.shape != self.reference.shape:
            raise ShapeError(f"{frame.shape} does not fit a burst of {self.reference.shape}", where=frame.info.name)
        trust, agreement = self.trust(frame, motion)
        weight = _relative_weight(frame.noise, self.reference.noise)
        is_equal = np.isclose(frame.saturation, self.reference.saturation, rtol=0.02)
        clip = np.inf if is_equal else 0.98 * frame.saturation
        self._gather(frame, trust, agreement, weight, clip)
        self._trusted += trust * np.float32(weight / 255)
        self.n_frames += 1
        return trust

    def trust(self, frame: Frame, motion: Motion) -> tuple[U8, F32]:
        """How far the frame agrees with the reference at every 2 x 2 block, and the motion that agrees better."""
        cfa = frame.info.cfa
        assert cfa is not None
        mean = np.empty_like(self._guide.mean)
        call("merge_mean_mosaic", frame.pixels, cfa.red_row, cfa.red_column, mean)
        agreement = np.empty_like(mean)
        call(
            "merge_agreement", self._guide.mean, self._guide.noise, self._guide.texture, mean, motion.hand_px,
            motion.local_px, _tolerated_texture(motion.doubt), int(motion.is_local.any()), agreement,
        )  # fmt: skip
        trust = np.empty(mean.shape[1:], np.uint8)
        call("merge_trust", agreement, trust)
        return trust, agreement

    def finish(self) -> Frame:
        """The merged frame, CAMERA_RGB float32 [H, W, 3]."""
        height, width = self.reference.shape
        out = np.empty((height, width, 3), np.float32)
        red, _, blue = self.white_balance
        # Three samples with this side weight have the variance of the gather kernel's Gaussian.
        side = self.params.kernel_px**2 / 2
        call("merge_finish", self._sums, red, blue, self.params.sharpen, side, out)
        n_effective = np.ones((height, width), np.float32)
        wide = self._trusted.repeat(2, 0).repeat(2, 1)
        n_effective[: wide.shape[0], : wide.shape[1]] = wide
        n_effective[wide.shape[0] :], n_effective[:, wide.shape[1] :] = n_effective[wide.shape[0] - 1], n_effective[:, wide.shape[1] - 1 : wide.shape[1]]
        return self.reference.replaced(pixels=out, domain=Domain.CAMERA_RGB, n_effective=n_effective)

    def _gather(self, frame: Frame, trust: U8, agreement: F32, weight: float, clip: float) -> None:
        cfa = frame.info.cfa
        assert cfa is not None
        call(
            "merge_gather_mosaic", frame.pixels, trust, agreement, cfa.red_row, cfa.red_column,
            0.5 / self.params.kernel_px**2, weight, clip, self._sums, self._sums,
        )  # fmt: skip



def _guide(reference: Frame, params: MergeParams) -> Guide:
    cfa = reference.info.cfa
    assert cfa is not None
    h, w = reference.shape[0] // 2, reference.shape[1] // 2
    mean, variance = np.empty((3, h, w), np.float32), np.empty((3, h, w), np.float32)
    call("merge_guide_mosaic", reference.pixels, cfa.red_row, cfa.red_column, mean, variance)
    gain = None
    if reference.gain is not None:
        gain = np.moveaxis(sample_gain_grid(reference.gain, 2 * np.arange(h) + 1.0, 2 * np.arange(w) + 1.0), 2, 0)
    noise, texture = np.empty_like(mean), variance
    for k, n_samples in enumerate((1, 2, 1)):
        g = np.float32(1) if gain is None else gain[k]
        block = (reference.noise.alpha[k] * g * np.maximum(mean[k], 0) + reference.noise.beta[k] * g * g) / n_samples
        texture[k] = np.maximum(variance[k] - block, 0)
        # Both means carry a ninth of a block's noise.
        noise[k] = block * np.float32(2 / 9 / params.strictness) + np.float32(1e-9)
    return Guide(mean, noise, texture)


KT=(1.0,0.05,0.7,0.3)
def _tolerated_texture(doubt: F32) -> F32:
    """Part of the texture's variance that may stand between two means of one thing, float32 [th, tw, 1].

    Still texture differs between frames by what its samples alias: up to half of its variance. Where a tile or its
    neighbour doubts the hand's motion, little of that is tolerated, or moving texture would pass for aliasing.
    """
    padded = np.pad(doubt, 1, mode="edge")
    th, tw = doubt.shape
    worst = np.max([padded[i : i + th, j : j + tw] for i in range(3) for j in range(3)], axis=0)
    return np.asarray(KT[0] * KT[1] ** np.clip((worst - KT[2]) / KT[3], 0, 1), np.float32)[..., None]


def _relative_weight(noise: NoiseModel, reference: NoiseModel, signal: float = 0.1) -> float:
    """Inverse-variance weight of a frame against the reference, both scaled to one exposure, at a tenth of saturation."""
    mine = sum(a * signal + b for a, b in zip(noise.alpha, noise.beta, strict=True))
    theirs = sum(a * signal + b for a, b in zip(reference.alpha, reference.beta, strict=True))
    return theirs / mine
