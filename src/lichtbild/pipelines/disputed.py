"""Where the reference's own samples contradict the merge beyond their noise, they are shown in its place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame
from lichtbild.pipelines.finishing import White, camera_rows
from lichtbild.stages.demosaic import DemosaicParams
from lichtbild.stages.wiener import CELL_PX, WienerParams, believed_less, contradiction

F32 = npt.NDArray[np.float32]
# Rows that are demosaiced together.
_BAND_PX = 64


def settle(
    merged: Frame, reference: Frame, white_balance: White, params: WienerParams, demosaicing: DemosaicParams
) -> float:
    """Give disputed places of a merge, which is changed, to the reference; the part of the picture that they are.

    Something that moved and was let through, or detail that the first guess had lost: the noise of one frame is better
    than that, and `n_effective` tells the denoiser of it.
    """
    cells = contradiction(merged, reference, white_balance, params)
    if not cells.any():
        return 0.0
    n_effective = merged.n_effective
    assert isinstance(n_effective, np.ndarray)
    height, width = merged.shape
    for top in range(0, height, _BAND_PX):
        bottom = min(top + _BAND_PX, height)
        # Of a cell something reaches half a cell beyond it.
        near = cells[max(top // CELL_PX - 1, 0) : -(-bottom // CELL_PX) + 1].any(0)
        if not near.any():
            continue
        first, last = np.flatnonzero(near)[[0, -1]]
        columns = slice(max(int(first) - 1, 0) * CELL_PX, min((int(last) + 2) * CELL_PX, width))
        own = camera_rows(reference, top, bottom, white_balance, demosaicing)
        part = _between_cells(cells, np.arange(top, bottom), np.arange(columns.start, columns.stop))
        here = merged.pixels[top:bottom, columns], n_effective[top:bottom, columns]
        band = merged.replaced(pixels=here[0], n_effective=here[1], gain=None)
        mixed = believed_less(band, own.replaced(pixels=own.pixels[:, columns], n_effective=1.0, gain=None), part)
        here[0][:], here[1][:] = mixed.pixels, mixed.n_effective
    return float(cells.mean())


def _between_cells(cells: F32, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> F32:
    """Values at the centres of cells, linear between them, at pixels."""
    out = cells
    for axis, pixels in enumerate((rows, columns)):
        at = np.clip((pixels + 0.5) / CELL_PX - 0.5, 0, cells.shape[axis] - 1)
        low = np.minimum(at.astype(np.intp), max(cells.shape[axis] - 2, 0))
        shape = [-1 if k == axis else 1 for k in (0, 1)]
        share = (at - low).astype(np.float32).reshape(shape)
        high = np.minimum(low + 1, cells.shape[axis] - 1)
        out = out.take(low, axis) * (1 - share) + out.take(high, axis) * share
    return out
