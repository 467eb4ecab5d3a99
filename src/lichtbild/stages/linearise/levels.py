"""Black, white and linearisation table as the kernels take them, and under TrimBounds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory
from lichtbild.core.corrections import TrimBounds
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import Levels

Array = npt.NDArray[Any]


def through_table(stored: Array, levels: Levels) -> Array:
    """Stored numbers after the linearisation table, if there is one; numbers beyond it become its last entry."""
    if levels.table is None or stored.dtype == np.float32:
        return stored
    return np.take(levels.table, stored, mode="clip")


def level_arrays(
    levels: Levels, shape: tuple[int, ...], where: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the kernels need: black [repeat rows, W * C], black delta a row [H], scale [W * C].

    The scale of a plane is 1 / (white - its largest black) (DNG 1.7.1, chapter 5).

    Raises
    ------
    MetadataError
        If a delta has the wrong length, or white is not above black.
    """
    height, width = shape[:2]
    planes = 1 if len(shape) == 2 else shape[2]
    black = np.asarray(levels.black, np.float32)
    if black.ndim != 3 or black.size == 0 or black.shape[2] not in (1, planes):
        raise MetadataError(f"black levels of shape {list(black.shape)} do not fit {planes} planes", where=where)
    black = np.broadcast_to(black, (*black.shape[:2], planes))
    delta_v = (
        np.zeros(height, np.float32) if levels.black_delta_v is None else np.asarray(levels.black_delta_v, np.float32)
    )
    delta_h = (
        np.zeros(width, np.float32) if levels.black_delta_h is None else np.asarray(levels.black_delta_h, np.float32)
    )
    if delta_v.shape != (height,) or delta_h.shape != (width,):
        raise MetadataError("black level deltas do not fit the image", where=where, hint="check BlackLevelDeltaH and V")
    per_row = black[:, np.arange(width) % black.shape[1], :] + delta_h[None, :, None]
    white = np.asarray(levels.white if len(levels.white) == planes else levels.white[:1] * planes, np.float64)
    room = white - (black.max(axis=(0, 1)) + float(delta_v.max()) + float(delta_h.max()))
    if not np.all(np.isfinite(room)) or np.any(room <= 0) or not np.all(np.isfinite(per_row)):
        raise MetadataError(f"white level {levels.white} is not above black", where=where, hint="check WhiteLevel")
    scale = np.tile((1 / room).astype(np.float32), width)
    return np.ascontiguousarray(per_row.reshape(black.shape[0], -1)), np.ascontiguousarray(delta_v), scale


def from_levels(
    stored: Array, black: npt.NDArray[np.float32], delta_v: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(stored - black) * scale in NumPy, for numbers the kernels do not take."""
    flat = stored.reshape(stored.shape[0], -1)
    light = memory.empty(flat.shape)
    for phase in range(black.shape[0]):
        np.subtract(flat[phase :: black.shape[0]], black[phase], out=light[phase :: black.shape[0]])
    if delta_v.any():
        light -= delta_v[:, None]
    light *= scale
    return light.reshape(stored.shape)


def trimmed_levels(levels: Levels, op: TrimBounds) -> Levels:
    """The levels of what TrimBounds leaves: the pattern's phase moves, deltas are cut."""
    return dataclasses.replace(
        levels,
        black=np.roll(levels.black, (-op.top, -op.left), axis=(0, 1)),
        black_delta_v=None if levels.black_delta_v is None else levels.black_delta_v[op.top : op.bottom],
        black_delta_h=None if levels.black_delta_h is None else levels.black_delta_h[op.left : op.right],
    )


def trimmed_crop(crop: tuple[int, int, int, int], op: TrimBounds) -> tuple[int, int, int, int] | None:
    """The default crop in what TrimBounds leaves; None if nothing of it is left."""
    top, left = max(crop[0], op.top), max(crop[1], op.left)
    bottom, right = min(crop[0] + crop[2], op.bottom), min(crop[1] + crop[3], op.right)
    if bottom <= top or right <= left:
        return None
    return top - op.top, left - op.left, bottom - top, right - left
