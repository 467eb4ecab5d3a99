"""The light of a frame at more places than it has pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.simulate.burst import Simulation

Float32 = npt.NDArray[np.float32]


def finer_light(simulation: Simulation, frame: int = 0) -> Float32:
    """float32 [2 H, 2 W, 3]: what pixels would see whose middles lie half a px apart, each as large as a whole one.

    Sample [2 i + a, 2 j + b] lies a quarter of a px up or down, left or right of pixel [i, j]. Camera RGB as
    `Simulation.light`. Cost: twelve drawings of a frame.
    """
    height, width = simulation.shape
    out = np.empty((2 * height, 2 * width, 3), np.float32)
    for a in range(2):
        for b in range(2):
            beside = simulation.beside((b - 0.5) / 2, (a - 0.5) / 2)
            for c in range(3):
                out[a::2, b::2, c] = beside.light(frame, c)
    return out
