"""What a file tells about a picture, told of one with twice the pixels along each axis."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from lichtbild.core import FrameInfo
from lichtbild.core.corrections import Area, Opcode, PerRowOrColumn, TrimBounds
from lichtbild.core.errors import DomainError


def enlarged(info: FrameInfo, scale: int) -> FrameInfo:
    """Shape, crop and the corrections that are still to be made, in px of the enlarged picture.

    Raises
    ------
    DomainError
        If a correction touches every other row or column only.
    """
    if scale == 1:
        return info
    crop = info.default_crop
    ops = tuple(_enlarged_op(op, scale, info.name) for op in info.opcodes.after_demosaic)
    return dataclasses.replace(
        info,
        shape=(scale * info.shape[0], scale * info.shape[1]),
        default_crop=None if crop is None else (scale * crop[0], scale * crop[1], scale * crop[2], scale * crop[3]),
        opcodes=dataclasses.replace(info.opcodes, after_demosaic=ops),
    )


def _enlarged_op(op: Opcode, scale: int, where: str) -> Opcode:
    changes: dict[str, Any] = {}
    if isinstance(op, TrimBounds):
        changes = {name: scale * getattr(op, name) for name in ("top", "left", "bottom", "right")}
    area = getattr(op, "area", None)
    if isinstance(area, Area):
        if (area.row_pitch, area.column_pitch) != (1, 1):
            raise DomainError(f"{type(op).__name__} of some rows or columns cannot be enlarged", where=where)
        sides = {name: scale * getattr(area, name) for name in ("top", "left", "bottom", "right")}
        changes["area"] = dataclasses.replace(area, **sides)
    if isinstance(op, PerRowOrColumn):
        changes["values"] = np.repeat(op.values, scale)
    return dataclasses.replace(op, **changes) if changes else op
