"""Lateral colour undone in a mosaic: red and blue are brought to where green is before demosaicing compares them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.corrections import FixVignetteRadial, GainMap, Opcode
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame
from lichtbild.stages.lens.geometry import Chain, is_warp

__all__ = ["registered"]

Doubles = npt.NDArray[np.float64]
# Less than this is not worth a pass over the picture, more than that is no lateral colour.
LEAST_PX, MOST_PX = 0.05, 8.0
_MIN_SIDE_PX = 64
_COARSE_PX, _STEP_PX = 64, 32


def registered(frame: Frame, white_balance: tuple[float, float, float]) -> Frame:
    """A mosaic without lateral colour, and a list of corrections that treats all colours alike.

    Demosaicing takes for granted that the colours of an edge lie at one place: of colours that the lens has torn apart
    it makes fringes that no later warp undoes (1.7 px torn: 7 % less of them). Brought together first, nothing is left.

    Parameters
    ----------
    frame
        Linear MOSAIC float32 [H, W] of a Bayer sensor, its opcodes of list 3 still to be applied.
    white_balance
        Multipliers that make a grey surface grey.

    Returns
    -------
    The same frame where the list tells of no lateral colour, or of things that cannot be told apart (trims, several
    warps that differ). Noise model and gain stay: red and blue are green's detail and their own difference to it, whose
    noise is no larger.

    Notes
    -----
    Red - green, green sampled (cubic) where it shows what red shows, is smooth; it is read (linear) where red is
    wanted, and green of that site added. Cost: 60 ms of processor time for 12 MP; the warp that follows is the cheaper
    one of all planes together.
    """
    frame.require(Domain.MOSAIC)
    info, cfa = frame.info, frame.info.cfa
    ops = info.opcodes.after_demosaic
    if cfa is None or cfa.quad != 1 or info.levels is not None or min(frame.shape) < _MIN_SIDE_PX:
        return frame
    if not all(is_warp(op) or isinstance(op, GainMap | FixVignetteRadial) for op in ops):
        return frame
    if not any(is_warp(op) and len(getattr(op, "radial", ())) > 1 for op in ops):
        return frame
    grid = _displacement(Chain.of([op for op in ops if is_warp(op)], frame.shape), frame.shape)
    largest = float(np.abs(grid).max())
    if not LEAST_PX < largest < MOST_PX:
        return frame
    out = memory.empty(frame.shape)
    red, green, blue = white_balance
    native.call("lens_register", np.ascontiguousarray(frame.pixels), grid, red / green, blue / green, cfa.red_row,
                cfa.red_column, out)  # fmt: skip
    opcodes = dataclasses.replace(info.opcodes, after_demosaic=tuple(of_green(op) for op in ops))
    return frame.replaced(pixels=out, info=dataclasses.replace(info, opcodes=opcodes))


def of_green(op: Opcode) -> Opcode:
    """A warp that treats all planes as it does the second; any other opcode as it is."""
    if not is_warp(op) or len(getattr(op, "radial", ())) < 2:
        return op
    tables: dict[str, Any] = {name: getattr(op, name, ()) for name in ("radial", "tangential", "valid_range")}
    changes: dict[str, Any] = {name: (rows[1],) for name, rows in tables.items() if len(rows) > 1}
    return dataclasses.replace(op, **changes)


def _displacement(chain: Chain, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """float32 [ceil(H/32)+2, ceil(W/32)+2, 2, 2]: (x, y) in px of red and blue at green's places in the raw picture."""
    # Coarse nodes: lateral colour is smooth. Where a straight picture's point lies in green, by fixed point.
    n_y, n_x = (-(-n // _COARSE_PX) + 2 for n in shape)
    y, x = np.meshgrid(np.arange(n_y) * float(_COARSE_PX), np.arange(n_x) * float(_COARSE_PX), indexing="ij")
    py, px = y.copy(), x.copy()
    for _ in range(12):
        gy, gx, _ = chain.source(1, py, px)
        py, px = py + (y - gy), px + (x - gx)
    coarse = np.empty((n_y, n_x, 2, 2))
    for n, plane in enumerate((0, 2)):
        from_y, from_x, _ = chain.source(plane, py, px)
        gy, gx, _ = chain.source(1, py, px)
        coarse[:, :, n, 0], coarse[:, :, n, 1] = from_x - gx, from_y - gy
    fine = [np.arange(-(-n // _STEP_PX) + 2, dtype=np.float64) * (_STEP_PX / _COARSE_PX) for n in shape]
    return np.ascontiguousarray(_between(_between(coarse, fine[0], 0), fine[1], 1), np.float32)


def _between(values: Doubles, at: Doubles, axis: int) -> Doubles:
    """Values at fractional places of an axis, by straight lines, going on beyond the end."""
    v = np.moveaxis(values, axis, 0)
    low = np.clip(np.floor(at).astype(np.intp), 0, v.shape[0] - 2)
    share = (at - low).reshape(-1, *[1] * (v.ndim - 1))
    return np.moveaxis(v[low] * (1 - share) + v[low + 1] * share, 0, axis)
