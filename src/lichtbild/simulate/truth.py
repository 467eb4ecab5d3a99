"""What a simulation gives: a burst like one that was read from files, and the truth beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Burst

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Truth:
    """What no camera knows: the light without noise, and how everything moved.

    Parameters
    ----------
    rgb
        float32 [H, W, 3], noise-free linear camera RGB on the grid of the reference frame (frame 0), 1 = saturation of
        the sensor before spatial gain, seen through the same lens and pixel aperture as the mosaic, all three channels
        at every pixel. Not white-balanced, not clipped.
    mosaic
        float32 [H, W], `rgb` sampled by the colour filter array: frame 0 without noise, clipping or quantisation.
    affines
        float64 [n_frames, 2, 3]: (x, y) of a scene point in frame 0 -> (x, y) of the same point in frame k, px,
        a pixel's centre at integer + 0.5. Still parts of the scene only.
    as_shot_neutral
        Camera RGB of a neutral surface; `rgb / as_shot_neutral` is white-balanced.
    masks
        Named bool [H, W] over frame 0: "objects" (moving things where frame 0 shows them), "swept" (wherever one of
        them is in any frame), "boxes" (bounding boxes of objects, widened by their whole motion to each side).
    rgb_2x
        float32 [2H, 2W, 3]: the scene through the lens, at points half a pixel apart (no aperture); None where it was
        not asked for.
    facts
        Anything else that is known, by name (seed, iso, ...), for tables.
    rows
        float64 [n_frames, m, 3, 3]: for rows 0, 16, 32 ... of each frame in the middle of their exposure, position in
        the frame (without distortion) -> position in frame 0 as its middle row sees it, px, of what is far away;
        between the rows in straight lines. None: `affines` are exact.
    """

    rgb: Float32
    mosaic: Float32
    affines: npt.NDArray[np.float64]
    as_shot_neutral: tuple[float, float, float] = (1.0, 1.0, 1.0)
    masks: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    rgb_2x: Float32 | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    rows: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class SimulatedBurst:
    """A burst in memory whose sources read like files, and its truth."""

    burst: Burst
    truth: Truth
