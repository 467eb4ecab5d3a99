"""What scenes are painted on: a grid finer than the frame, with coordinates in px of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UsageError
from lichtbild.simulate.scene import DEFAULT_MARGIN_PX, Layer, Scene, samples_for

Float32 = npt.NDArray[np.float32]

# Cycles a sample up to which the profile of an edge holds all frequencies, and from which it holds none.
FLAT_TO, NONE_FROM = 0.30, 0.50
# By how much such a profile leaves the range from 0 to 1.
OVERSHOOT = 0.085
_REACH = 48
_STEPS = 64


@dataclass(frozen=True)
class Canvas:
    """The grid of a scene.

    Parameters
    ----------
    shape
        Rows and columns of the frames.
    oversampling, margin_px
        As `Scene` has them.
    seed
        All that is random follows from it.
    """

    shape: tuple[int, int]
    oversampling: float = 1.5
    margin_px: int = DEFAULT_MARGIN_PX
    seed: int = 0

    @property
    def samples(self) -> tuple[int, int]:
        return samples_for(self.shape, self.oversampling, self.margin_px)

    @property
    def short_px(self) -> int:
        """The frame's shorter side."""
        return min(self.shape)

    def x(self) -> Float32:
        """float32 [1, W]: px of frame 0 at the middle of each sample."""
        return self._axis(self.samples[1])[None, :]

    def y(self) -> Float32:
        """float32 [H, 1]."""
        return self._axis(self.samples[0])[:, None]

    def _axis(self, n: int) -> Float32:
        return ((np.arange(n) + 0.5) / self.oversampling - self.margin_px).astype(np.float32)

    def blank(self, value: float) -> Float32:
        """float32 [3, H, W] of one grey."""
        return np.full((3, *self.samples), value, np.float32)

    def rows(self, low_px: float, high_px: float) -> slice:
        """Samples between two heights of the frame."""
        return self._cut(low_px, high_px, self.samples[0])

    def columns(self, low_px: float, high_px: float) -> slice:
        return self._cut(low_px, high_px, self.samples[1])

    def _cut(self, low_px: float, high_px: float, n: int) -> slice:
        low, high = (round((v + self.margin_px) * self.oversampling) for v in (low_px, high_px))
        return slice(max(0, low), max(0, min(n, high)))

    def whole(self, box_px: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The box (left, top, right, bottom) moved to borders of samples, px."""
        left, top, right, bottom = (
            round((v + self.margin_px) * self.oversampling) / self.oversampling - self.margin_px for v in box_px
        )
        return left, top, right, bottom

    def scene(self, light: Float32, name: str, truth: dict[str, Any], in_front: tuple[Layer, ...] = ()) -> Scene:
        """The finished scene, its light on the ground."""
        truth = {"oversampling": self.oversampling, **truth}
        return Scene((Layer(light), *in_front), self.oversampling, self.margin_px, name, truth)


def edge(distance_samples: Float32) -> Float32:
    """Profile of an edge: 0 far on one side, 1 on the other, holding every frequency up to 0.3 cycles a sample in full
    and none from 0.5 on, so that the samples are the edge and not a staircase of it. It leaves 0 to 1 by 0.085."""
    at = distance_samples * _STEPS + _REACH * _STEPS
    table = _edge_table()
    k = np.clip(at.astype(np.int32), 0, len(table) - 2)
    share = np.clip(at - k, 0, 1).astype(np.float32)
    return table[k] * (1 - share) + table[k + 1] * share


@cache
def _edge_table() -> Float32:
    d = (np.arange(2 * _REACH * _STEPS + 1) - _REACH * _STEPS) / _STEPS
    f, step = np.linspace(1e-6, NONE_FROM, 4000, retstep=True)
    held = np.clip((f - FLAT_TO) / (NONE_FROM - FLAT_TO), 0, 1)
    spectrum = (0.5 + 0.5 * np.cos(np.pi * held)) / (np.pi * f)
    spectrum[[0, -1]] *= 0.5
    profile = 0.5 + np.sin(2 * np.pi * np.outer(d, f)) @ spectrum * step
    return np.asarray((profile - profile[0]) / (profile[-1] - profile[0]), np.float32)


def checked_contrast(low: float, high: float) -> None:
    """Raise where light would have to be negative for an edge between these two.

    Raises
    ------
    UsageError
        If `low` is negative, not below `high`, or so near to 0 that the edge's overshoot would not be light.
    """
    if not 0 <= low < high:
        raise UsageError(f"reflectances {low:g} and {high:g}", where="contrast", hint="0 <= dark < bright")
    if low < OVERSHOOT * (high - low):
        raise UsageError(
            f"an edge from {low:g} to {high:g} would need negative light", where="contrast", hint="at most 12 to 1"
        )
