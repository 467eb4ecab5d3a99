"""The kernel of defects in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.defects import evidence_at

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BLOCK_PX = 16


def defects_repair(
    mosaic: Floats,
    alpha: Floats,
    beta: Floats,
    sigmas: float,
    texture: float,
    contrast_hot: float,
    contrast_dead: float,
    spread_hot: float,
    spread_dead: float,
    out: Floats,
) -> None:
    """mosaic [H, W] with outliers replaced, into out [H, W]; alpha and beta [ceil(H/16), ceil(W/16), 4]."""
    height, width = mosaic.shape
    rows, columns = (a.ravel() for a in np.mgrid[0:height, 0:width])
    above, below, around, high, low = (a.reshape(mosaic.shape) for a in evidence_at(mosaic, rows, columns))
    y, x = np.mgrid[0:height, 0:width]
    block = (y // BLOCK_PX, x // BLOCK_PX, 2 * (y % 2) + x % 2)

    def stands_out(
        excess: Doubles, level: Doubles, near: Doubles, contrast: float, spread: float
    ) -> npt.NDArray[np.bool_]:
        variance = alpha[block] * np.maximum(level, 0) + beta[block]
        is_far = (excess > 0) & (excess**2 > sigmas**2 * variance)
        is_strong = (excess > contrast * np.abs(level)) & (excess > texture * (high - low))
        return np.asarray(is_far & is_strong & (near < spread * excess))

    is_bad = stands_out(above, high, around, contrast_hot, spread_hot)
    is_bad |= stands_out(below, low, -around, contrast_dead, spread_dead)
    padded = np.pad(mosaic.astype(np.float64), 2, mode="reflect")

    def at(dy: int, dx: int) -> Doubles:
        return padded[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]

    pairs = [(at(dy, dx), at(-dy, -dx)) for dy, dx in ((0, -2), (-2, 0), (-2, -2), (-2, 2))]
    differences = np.stack([np.abs(a - b) for a, b in pairs])
    means = np.stack([(a + b) / 2 for a, b in pairs])
    mended = np.take_along_axis(means, differences.argmin(axis=0)[None], 0)[0]
    out[...] = np.where(is_bad, mended, mosaic)
