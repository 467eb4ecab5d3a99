"""Opcodes whose numbers make no sense are told from sound ones before anything is computed with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lichtbild.core.corrections import (
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    MapTable,
    Opcode,
    PerRowOrColumn,
    WarpFisheye,
    WarpRectilinear,
    WarpRectilinear2,
)
from lichtbild.core.errors import MetadataError

# Far beyond what a lens or sensor needs, near enough to stay finite in single precision.
LARGEST_GAIN = 1e4
LARGEST_COEFFICIENT = 1e3
LARGEST_VALUE = 1e6
SMALLEST_SPACING = 1e-5


def sound_ops(ops: Sequence[Opcode], where: str) -> tuple[tuple[Opcode, ...], tuple[str, ...]]:
    """`ops` without those optional ones that make no sense, and a line for people for each left out.

    Raises
    ------
    MetadataError
        If one that is not optional makes no sense.
    """
    kept, reasons = [], []
    for op in ops:
        fault = fault_of(op)
        if fault is None:
            kept.append(op)
        elif op.optional:
            reasons.append(f"an optional {type(op).__name__} was left out: {fault}")
        else:
            raise MetadataError(f"{type(op).__name__}: {fault}", where=where, hint="another raw converter's DNG")
    return tuple(kept), tuple(reasons)


def fault_of(op: Opcode) -> str | None:
    """What is wrong with the numbers of `op`; None if nothing."""
    if isinstance(op, GainMap):
        return _fault_of_map(op)
    if isinstance(op, WarpRectilinear | WarpRectilinear2 | WarpFisheye):
        return _fault_of_warp(op)
    if isinstance(op, FixVignetteRadial):
        return _first(_range(op.k, LARGEST_COEFFICIENT, "coefficients"), _centre(op.centre_x, op.centre_y))
    if isinstance(op, MapPolynomial):
        return "no coefficients" if not op.coefficients else _range(op.coefficients, LARGEST_VALUE, "coefficients")
    if isinstance(op, MapTable):
        return "an empty table" if op.table.size == 0 else None
    if isinstance(op, PerRowOrColumn):
        return _range(op.values, LARGEST_VALUE, "values")
    return None


def _fault_of_map(op: GainMap) -> str | None:
    if op.gain.ndim != 3 or op.gain.size == 0:
        return "an empty map"
    if not all(np.isfinite(s) and s >= SMALLEST_SPACING for s in (op.spacing_v, op.spacing_h)):
        return "the spacing of its nodes is not positive"
    if np.any(~np.isfinite(op.gain)) or float(op.gain.min()) < 0 or float(op.gain.max()) > LARGEST_GAIN:
        return f"gains are not within 0..{LARGEST_GAIN:g}"
    return _range((op.origin_v, op.origin_h), LARGEST_COEFFICIENT, "origin")


def _fault_of_warp(op: WarpRectilinear | WarpRectilinear2 | WarpFisheye) -> str | None:
    if not op.radial:
        return "no coefficients"
    fault = _first(
        _range([k for plane in op.radial for k in plane], LARGEST_COEFFICIENT, "coefficients"),
        _centre(op.centre_x, op.centre_y),
    )
    if fault is None and not isinstance(op, WarpFisheye):
        fault = _range([k for plane in op.tangential for k in plane], LARGEST_COEFFICIENT, "coefficients")
    if fault is None and isinstance(op, WarpRectilinear2) and not all(0 <= a < b <= 1 for a, b in op.valid_range):
        fault = "the range of valid radii is not within 0..1"
    return fault


def _first(*faults: str | None) -> str | None:
    return next((fault for fault in faults if fault is not None), None)


def _centre(x: float, y: float) -> str | None:
    return None if 0 <= x <= 1 and 0 <= y <= 1 else "its centre lies outside the image"


def _range(numbers: Iterable[float] | np.ndarray, largest: float, what: str) -> str | None:
    values = np.asarray(numbers if isinstance(numbers, np.ndarray) else list(numbers), np.float64)
    # A number that is none compares as false.
    return None if bool(np.all(np.abs(values) <= largest)) else f"{what} beyond +-{largest:g}, or no numbers"
