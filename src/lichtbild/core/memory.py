"""Arrays whose memory is used again.

A burst makes the same half dozen full-size arrays for every frame. Memory fresh from the system is cleared page by page
at its first touch, which costs as much processor time as the arithmetic on it; so buffers that nobody holds any more
wait here for the next array that fits.
"""

from __future__ import annotations

import ctypes
import math
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

SMALLEST = 4 << 20
"""Bytes below which NumPy's own allocation is as quick."""
MOST_WAITING = 192 << 20
"""Bytes that wait at most; the oldest are given back to the system first."""
LOOSEST = 2
"""A buffer serves arrays down to this part of its size: bands of one picture differ by some rows."""

_waiting: list[npt.NDArray[np.uint8]] = []
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Like `numpy.empty`; the memory returns to the pool when the array and all views of it are gone."""
    kind = np.dtype(dtype)
    n_bytes = math.prod(shape) * kind.itemsize
    if n_bytes < SMALLEST:
        return np.empty(shape, kind)
    buffer = _taken(n_bytes)
    lease = (ctypes.c_char * n_bytes).from_buffer(buffer.data)  # the beginning of it
    weakref.finalize(lease, _given_back, buffer).atexit = False
    return np.frombuffer(memoryview(lease), kind).reshape(shape)


def empty_like(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`empty` of the shape and dtype of `array`."""
    return empty(array.shape, array.dtype)


def release() -> None:
    """Give all waiting memory back to the system."""
    with _lock:
        _waiting.clear()


def _taken(n_bytes: int) -> npt.NDArray[np.uint8]:
    with _lock:
        fitting = [k for k, buffer in enumerate(_waiting) if n_bytes <= buffer.nbytes <= LOOSEST * n_bytes]
        if fitting:
            return _waiting.pop(min(fitting, key=lambda k: _waiting[k].nbytes))
    return np.empty(n_bytes, np.uint8)


def _given_back(buffer: npt.NDArray[np.uint8]) -> None:
    with _lock:
        _waiting.append(buffer)
        while sum(b.nbytes for b in _waiting) > MOST_WAITING:
            _waiting.pop(0)
