"""A small picture of a large one: what facts about the whole are found on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lichtbild.core.domain import Domain
from lichtbild.core.frame import GAIN_STEP_PX, Frame, sample_gain_grid

Floats = npt.NDArray[np.float32]

PROXY_PX = 320
"""Longest side of the picture the facts come from."""
CLIPPED = 0.95
"""Share of the clip level from which a pixel does not tell the colour of its cell."""


def make_proxy(frame: Frame, longest_px: int = PROXY_PX) -> tuple[Frame, int]:
    """Means over square cells of CAMERA_RGB, and the cell's size in px; at most `longest_px` cells along the longer
    side. A MOSAIC's cells hold whole 2 x 2 patterns.

    Of large cells four rows are read, all columns of each: a third of the memory traffic, and no light is missed that
    matters to the whole picture. A cell of which only a part is clipped has the colour of the rest: what tells the
    colour around a clipped light must not be pale or magenta with it.
    """
    frame.require(Domain.CAMERA_RGB, Domain.MOSAIC)
    unit = 1 if frame.domain is Domain.CAMERA_RGB else 2
    h, w = (n // unit for n in frame.shape)
    cell = max(1, -(-max(h, w) // longest_px))
    rows, columns = np.arange(0, h, cell), np.arange(0, w, cell)
    offsets = np.unique(np.linspace(0, cell, min(cell, 4), endpoint=False).astype(int) + cell // 8)
    total, top = _summed(frame, rows, offsets, (h, w))
    brightest = np.maximum.reduceat(top, top.shape[1] // w * columns, axis=1)
    area = len(offsets) * np.diff(np.append(columns, w)).astype(np.float32)
    pixels = np.stack([np.add.reduceat(plane, columns, axis=1) / area for plane in total], 2).astype(np.float32)
    n = float(np.mean(frame.n_effective))
    gain = None
    if frame.gain is not None:
        # The gain grid of the proxy, with its nodes every 16 proxy pixels.
        step = float(GAIN_STEP_PX * cell * unit)
        y, x = (np.arange(-(-len(cells) // GAIN_STEP_PX) + 1) * step for cells in (rows, columns))
        gain = sample_gain_grid(frame.gain, y, x)
    clip = np.full((*pixels.shape[:2], 3), frame.saturation, np.float32)
    if gain is not None:
        clip *= sample_gain_grid(gain, *(np.arange(n) + 0.5 for n in pixels.shape[:2]))
    _recolour(pixels, frame, np.argwhere(brightest > CLIPPED * clip.min(2)), clip, (rows, columns, offsets))
    # Averaging a cell lowers the noise; half of it is kept, for what is not white in it.
    share = n * max(1.0, len(offsets) * cell / 2)
    return frame.replaced(pixels=pixels, domain=Domain.CAMERA_RGB, n_effective=share, gain=gain), cell * unit


def _summed(
    frame: Frame, rows: npt.NDArray[np.intp], offsets: npt.NDArray[np.intp], size: tuple[int, int]
) -> tuple[list[Floats], Floats]:
    """Of rows `rows` + each of `offsets` of a picture of `size` pixels or 2 x 2 patterns: sums of the three colours
    [n, w], and the largest of each column's numbers [n, 2 w or 3 w]."""
    height, width = size

    def lines(unit: int, offset: int, i: int) -> Floats:
        """A view where all rows are inside."""
        if rows[-1] + offset < height:
            step = unit * int(rows[1] - rows[0]) if len(rows) > 1 else 1
            return np.asarray(frame.pixels[unit * offset + i :: step][: len(rows), : unit * width])
        return np.asarray(frame.pixels[unit * np.minimum(rows + offset, height - 1) + i, : unit * width])

    if frame.domain is Domain.CAMERA_RGB:
        total, top = np.zeros((len(rows), width, 3), np.float32), np.zeros((len(rows), width, 3), np.float32)
        for offset in offsets:
            total += lines(1, offset, 0)
            np.maximum(top, lines(1, offset, 0), out=top)
        return [total[..., k] for k in range(3)], top.reshape(len(rows), -1)
    sums, top = np.zeros((2, len(rows), 2 * width), np.float32), np.zeros((len(rows), 2 * width), np.float32)
    for offset in offsets:
        for i in (0, 1):
            sums[i] += lines(2, offset, i)
            np.maximum(top, lines(2, offset, i), out=top)
    return _colours_of(frame, sums), top


def _colours_of(frame: Frame, pairs: Sequence[Floats] | Floats) -> list[Floats]:
    """Three planes [n, w], means of each colour's places in the first and second rows [n, 2 w] of 2 x 2 patterns."""
    places: list[list[Floats]] = [[], [], []]
    for colours, lines in zip(frame.info.cfa.colours if frame.info.cfa else ((0, 1), (1, 2)), pairs, strict=True):
        for j, k in enumerate(colours):
            places[k].append(lines[:, j::2])
    return [sum(found[1:], found[0]) / np.float32(len(found)) for found in places]


def _recolour(
    pixels: Floats, frame: Frame, cells: npt.NDArray[np.intp], clip: Floats, raster: tuple[npt.NDArray[np.intp], ...]
) -> None:
    """Give `cells` [n, 2] of a proxy the colour of their pixels that are not clipped, and leave their brightness.

    `clip` [h, w, 3]: value of a clipped pixel; `raster`: first rows and columns of the cells, and rows that are read.
    """
    if len(cells) == 0:
        return
    rows, columns, offsets = raster
    n_rows, n_columns = (n // (1 if frame.domain is Domain.CAMERA_RGB else 2) for n in frame.shape)
    cell = int(np.diff(columns, append=n_columns).max())
    chosen = (cells[:, 0], cells[:, 1])
    across = np.minimum(columns[chosen[1]][:, None] + np.arange(cell), n_columns - 1)
    limit = CLIPPED * clip[chosen][:, None, :]
    total, count = np.zeros((len(cells), 3), np.float32), np.zeros(len(cells), np.float32)
    lit, where = np.unique(chosen[0], return_inverse=True)
    for offset in offsets:
        lines = _rows_in_colour(frame, np.minimum(rows[lit] + offset, n_rows - 1))
        values = lines[where[:, None], across]
        is_whole = np.all(values < limit, axis=2)
        total += np.einsum("nkc,nk->nc", values, is_whole.astype(np.float32))
        count += is_whole.sum(1, dtype=np.float32)
    enough = count > 0.1 * cell * len(offsets)
    colour_of_rest = total[enough] / count[enough, None]
    mean = pixels[chosen][enough]
    brighter = mean.max(1, keepdims=True) / np.maximum(colour_of_rest.max(1, keepdims=True), 1e-6)
    pixels[chosen[0][enough], chosen[1][enough]] = colour_of_rest * np.maximum(brighter, 1)


def _rows_in_colour(frame: Frame, rows: npt.NDArray[np.intp]) -> Floats:
    """Rows of CAMERA_RGB, or pairs of rows of a MOSAIC with the mean of each colour in a 2 x 2 pattern."""
    if frame.domain is Domain.CAMERA_RGB:
        return np.asarray(frame.pixels[rows])
    pairs = [frame.pixels[2 * rows + i, : frame.shape[1] // 2 * 2] for i in (0, 1)]
    return np.stack(_colours_of(frame, pairs), 2)


def crop_proxy(proxy: Frame, cell_px: int, crop: tuple[int, int, int, int]) -> Frame:
    """The part of a proxy that shows `crop` (top, left, height, width in px of the picture), in cells counted from its
    corner: for facts of what is shown."""
    counts = [-(-n // cell_px) for n in crop[2:]]
    y, x = (np.arange(n) + at / cell_px for n, at in zip(counts, crop[:2], strict=True))
    # `sample_gain_grid` has its nodes every 16 px.
    pixels = sample_gain_grid(np.asarray(proxy.pixels), GAIN_STEP_PX * y, GAIN_STEP_PX * x)
    gain = proxy.gain
    if gain is not None:
        at = (
            GAIN_STEP_PX * np.arange(-(-n // GAIN_STEP_PX) + 1) + first / cell_px
            for n, first in zip(counts, crop[:2], strict=True)
        )
        gain = sample_gain_grid(gain, *at)
    return proxy.replaced(pixels=pixels, gain=gain)
