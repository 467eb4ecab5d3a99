"""What is kept of what the samples ask for: each cosine coefficient as far as it stands above their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame, NoiseModel
from lichtbild.core.native import call
from lichtbild.stages.reconstruct.shrink import spectrum

F32 = npt.NDArray[np.float32]

START_FRAMES = 5.0
"""Frames that the start of the reconstruction is worth: of fewer, it moves by a part of what they ask for only."""
# Samples of red, green, blue a fine pixel in one frame.
SHARE = np.array([1 / 16, 1 / 8, 1 / 16], np.float32)
# Bounds of the square root's offset.
OFFSET_BOUNDS = (1e-3, 4.0)


@dataclass(frozen=True, eq=False)
class Shrinkage:
    """What is known about the noise of a burst's samples.

    Parameters
    ----------
    balance
        White balance, float32 [3].
    offset
        Of the square root that evens out the noise.
    alpha, beta
        Of the noise of one frame's samples, were they one a fine pixel, times the strength of removal; float32 [3].
    """

    balance: F32
    offset: float
    alpha: F32
    beta: F32

    @classmethod
    def of(cls, noise: NoiseModel, balance: F32, strength: float) -> Shrinkage:
        """From the noise of one frame."""
        alpha, beta = (np.resize(np.asarray(v, np.float32), 3) for v in (noise.alpha, noise.beta))
        offset = float(np.clip(beta.mean() / max(float(alpha.mean()), 1e-12) * balance.mean(), *OFFSET_BOUNDS))
        factor = np.float32(strength) / SHARE
        return cls(balance, offset, alpha * factor, beta * factor)

    def noise(self, start: Frame, out: F32) -> None:
        """Variance of the noise in luminance and two colour differences of the roots, in cells of 8 x 8 fine pixels,
        into `out` float32 [ceil(h / 4), 3, ceil(W / 4)]: from rows of the picture at single size, CAMERA_RGB, its
        `n_effective` and gain."""
        gain = np.ones((2, 2, 3), np.float32) if start.gain is None or min(start.gain.shape[:2]) < 2 else start.gain
        gain = np.ascontiguousarray(np.broadcast_to(gain, (*gain.shape[:2], 3)), np.float32)
        n = np.ascontiguousarray(np.broadcast_to(np.asarray(start.n_effective, np.float32), start.shape))
        rgb = np.ascontiguousarray(start.pixels)
        call(
            "reconstruct_noise", rgb, self.balance, self.alpha, self.beta, self.offset, gain, n, START_FRAMES, out
        )  # fmt: skip

    def apply(self, moved: F32, pilot: F32, cells: F32, above: int, out: F32, *, is_first: bool) -> None:
        """`moved`, shrunk by what `pilot` lets expect, into `out`: balanced fine pictures float32 [n, 3, m]; `out`
        begins `above` rows, a multiple of 8, after the others. `cells`: their noise.

        `is_first`: `moved` is one step away from `pilot`, and is taken as far as an exact step would have gone.
        """
        boost = spectrum.boost() if is_first else np.ones((spectrum.SIDE, spectrum.SIDE), np.float32)
        variance = spectrum.variance()
        call(
            "reconstruct_shrink", moved, pilot, self.balance, self.offset, cells, variance * boost**2, boost,
            spectrum.basis(), float(variance.mean()), above, out,
        )  # fmt: skip
