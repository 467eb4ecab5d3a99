"""Around lights that the sensor clipped, nothing can be undone: the pattern's source is not known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.frame import Frame

Floats = npt.NDArray[np.float32]

CELL_PX = 8
REACH_CELLS = 2
"""16 px: what a pattern reaches."""
FULL = 0.97


def near_clipped(frame: Frame, rows: tuple[int, int]) -> Floats | None:
    """float32 [h, W] of rows [start, stop): 1 at clipped pixels, falling to 0 within 24 px; None where none is near."""
    gain = 1.0 if frame.gain is None else float(frame.gain.min())
    if not (frame.pixels.max() >= FULL * frame.saturation * gain):
        return None
    clipped = (frame.pixels >= FULL * frame.saturation * frame.gain_at_full_size()).any(2)
    if not clipped.any():
        return None
    height, width = clipped.shape
    n_y, n_x = -(-height // CELL_PX), -(-width // CELL_PX)
    cells = np.zeros((n_y * CELL_PX, n_x * CELL_PX), bool)
    cells[:height, :width] = clipped
    near = cells.reshape(n_y, CELL_PX, n_x, CELL_PX).any((1, 3))
    for axis in (0, 1):
        wide = np.pad(near, [(REACH_CELLS, REACH_CELLS) if a == axis else (0, 0) for a in (0, 1)])
        near = np.asarray(np.lib.stride_tricks.sliding_window_view(wide, 2 * REACH_CELLS + 1, axis).any(-1))
    return _at_pixels(np.asarray(near, np.float32), rows, width)


def _at_pixels(cells: Floats, rows: tuple[int, int], width: int) -> Floats:
    """Bilinear between the middles of cells."""

    def split(first: int, last: int, n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
        u = np.clip((np.arange(first, last) + 0.5) / CELL_PX - 0.5, 0, n - 1)
        low = np.minimum(u.astype(np.intp), max(n - 2, 0))
        return low, np.minimum(low + 1, n - 1), (u - low).astype(np.float32)

    i, i1, v = split(*rows, cells.shape[0])
    j, j1, u = split(0, width, cells.shape[1])
    tall = cells[i] * (1 - v)[:, None] + cells[i1] * v[:, None]
    return np.asarray(tall[:, j] * (1 - u) + tall[:, j1] * u, np.float32)
