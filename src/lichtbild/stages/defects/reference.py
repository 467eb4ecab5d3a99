"""The kernel of defects in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.defects import evidence_at

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BLOCK_PX = 16


def defects_suspects(
    mosaic: Floats,
    alpha: Floats,
    beta: Floats,
    sigmas: float,
    texture: float,
    contrast_hot: float,
    contrast_dead: float,
    out: npt.NDArray[np.uint16],
) -> None:
    """Pixels of mosaic [H, W] that stand out of the eight neighbours of their site, a bit each, into out [H,
    ceil(W/16)]; alpha and beta [ceil(H/16), ceil(W/16), 4]."""
    height, width = mosaic.shape
    rows, columns = (a.ravel() for a in np.mgrid[0:height, 0:width])
    above, below, _, high, low = (a.reshape(mosaic.shape) for a in evidence_at(mosaic, rows, columns))
    y, x = np.mgrid[0:height, 0:width]
    block = (y // BLOCK_PX, x // BLOCK_PX, 2 * (y % 2) + x % 2)

    def stands_out(excess: Doubles, level: Doubles, contrast: float) -> npt.NDArray[np.bool_]:
        variance = alpha[block] * np.maximum(level, 0) + beta[block]
        is_far = (excess > 0) & (excess**2 > sigmas**2 * variance)
        return np.asarray(is_far & (excess > contrast * np.abs(level)) & (excess > texture * (high - low)))

    is_suspect = np.zeros((height, BLOCK_PX * out.shape[1]), np.uint16)
    is_suspect[:, :width] = stands_out(above, high, contrast_hot) | stands_out(below, low, contrast_dead)
    out[...] = (is_suspect.reshape(height, -1, BLOCK_PX) << np.arange(BLOCK_PX)).sum(axis=2)
