"""The noise that travels with the pixels: variance = alpha * signal + beta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError, ShapeError

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class NoiseModel:
    """Photon and read noise of one exposure, in the units of the pixels it belongs to (0 = black, 1 = saturation).

    Parameters
    ----------
    alpha
        Photon-transfer slope per channel (R, G, B; one entry for monochrome), >= 0. The `S` of a DNG NoiseProfile.
    beta
        Signal-independent variance per channel, >= 0. The `O` of a DNG NoiseProfile.
    source
        Where the numbers come from: "NoiseProfile", "calibration", "fitted", "simulated".
    correlation_px
        Standard deviation, px, of the Gaussian that the noise was blurred by since the sensor (0: white).

    Raises
    ------
    MetadataError
        If a number is negative or not finite, or nothing of it is positive.
    """

    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    source: str
    correlation_px: float = 0.0

    def __post_init__(self) -> None:
        if len(self.alpha) != len(self.beta) or len(self.alpha) not in (1, 3):
            raise ShapeError(f"a noise model has 1 or 3 channels, not {len(self.alpha)} and {len(self.beta)}")
        numbers = np.array([*self.alpha, *self.beta], dtype=np.float64)
        if not np.all(np.isfinite(numbers)) or np.any(numbers < 0) or not np.any(numbers > 0):
            raise MetadataError(f"implausible noise model alpha={self.alpha} beta={self.beta}", where=self.source)

    @property
    def n_channels(self) -> int:
        return len(self.alpha)

    def variance(self, signal: Floats, channel: int | None = None) -> Floats:
        """Variance of `signal`.

        Parameters
        ----------
        signal
            [...] of one channel, or [..., n_channels] where `channel` is None; any range, negatives count as 0.
        """
        positive = np.maximum(signal, 0)
        if channel is not None:
            return np.asarray(self.alpha[channel] * positive + self.beta[channel])
        return np.asarray(positive * np.asarray(self.alpha) + np.asarray(self.beta))

    def scaled(self, gain: float | tuple[float, ...]) -> NoiseModel:
        """The model of pixels multiplied by `gain` (one number, or one a channel): alpha * gain, beta * gain**2."""
        gains = (gain,) * self.n_channels if isinstance(gain, int | float) else gain
        return NoiseModel(
            tuple(a * g for a, g in zip(self.alpha, gains, strict=True)),
            tuple(b * g * g for b, g in zip(self.beta, gains, strict=True)),
            self.source,
            self.correlation_px,
        )

    def averaged(self, n_frames: float) -> NoiseModel:
        """The model of the mean of `n_frames` independent exposures."""
        return NoiseModel(
            tuple(a / n_frames for a in self.alpha),
            tuple(b / n_frames for b in self.beta),
            self.source,
            self.correlation_px,
        )
