"""What is kept of what the samples ask for: each cosine coefficient as far as it stands above their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame, NoiseModel, memory
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
    """The noise in a band of the picture.

    Parameters
    ----------
    balance
        White balance, float32 [3].
    offset
        Of the square root that evens out the noise.
    cells
        Variance of the noise in luminance and two colour differences of the roots, in cells of 8 x 8 fine pixels,
        float32 [3, h / 4, w / 4], were the samples one a fine pixel.
    """

    balance: F32
    offset: float
    cells: F32

    @classmethod
    def of(cls, start: Frame, noise: NoiseModel, balance: F32, strength: float) -> Shrinkage:
        """From the picture at single size, CAMERA_RGB, its `n_effective` and gain, and the noise of one frame."""
        height, width = start.shape
        alpha, beta = (np.resize(np.asarray(v, np.float32), 3) for v in (noise.alpha, noise.beta))
        offset = float(np.clip(beta.mean() / max(float(alpha.mean()), 1e-12) * balance.mean(), *OFFSET_BOUNDS))
        gain = np.ones((2, 2, 3), np.float32) if start.gain is None or min(start.gain.shape[:2]) < 2 else start.gain
        gain = np.ascontiguousarray(np.broadcast_to(gain, (*gain.shape[:2], 3)), np.float32)
        n = np.ascontiguousarray(np.broadcast_to(np.asarray(start.n_effective, np.float32), (height, width)))
        cells = memory.empty((3, -(-height // 4), -(-width // 4)))
        factor = np.float32(strength) / SHARE
        rgb = np.ascontiguousarray(start.pixels)
        call("reconstruct_noise", rgb, balance, alpha * factor, beta * factor, offset, gain, n, START_FRAMES, cells)
        return cls(balance, offset, cells)

    def apply(self, moved: F32, pilot: F32, out: F32, *, is_first: bool) -> None:
        """`moved`, shrunk by what `pilot` lets expect, into `out`; balanced fine pictures float32 [3, n, m].

        `is_first`: `moved` is one step away from `pilot`, and is taken as far as an exact step would have gone.
        """
        boost = spectrum.boost() if is_first else np.ones((spectrum.SIDE, spectrum.SIDE), np.float32)
        variance = spectrum.variance()
        call(
            "reconstruct_shrink", moved, pilot, self.balance, self.offset, self.cells, variance * boost**2, boost,
            spectrum.basis(), float(variance.mean()), out,
        )  # fmt: skip
