"""Arrays whose memory is used again.

A burst makes the same half dozen full-size arrays for every frame. Memory fresh from the system is cleared page by page
at its first touch, which costs as much processor time as the arithmetic on it. So large arrays are cut from a few large
segments, each from the smallest hole where it fits: what is touched in all is little more than what is held at one
time.
"""

from __future__ import annotations

import ctypes
import math
import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

SMALLEST = 4 << 20
"""Bytes below which NumPy's own allocation is as quick."""
MOST_WAITING = 192 << 20
"""Bytes that wait while nothing is held in their segment; more are given back to the system."""
SEGMENT = 512 << 20
"""Bytes of a segment; what is not touched costs nothing."""
_PAGE = 4096


class _Segment:
    """A stretch of memory, the holes (start, stop) in it from the lowest on, and where what was ever used ends."""

    def __init__(self, n_bytes: int) -> None:
        self.buffer = np.empty(n_bytes, np.uint8)
        self.holes = [(0, n_bytes)]
        self.touched = 0

    @property
    def is_free(self) -> bool:
        return self.holes == [(0, self.buffer.nbytes)]

    @property
    def waiting(self) -> int:
        """Bytes that were used and are not held now."""
        return sum(max(min(stop, self.touched) - start, 0) for start, stop in self.holes)

    def take(self, n_bytes: int) -> int | None:
        """Start of `n_bytes` from the smallest hole that has them, one that was used before if there is one; or
        None."""
        fitting = [(stop > self.touched, stop - start, k) for k, (start, stop) in enumerate(self.holes)]
        fitting = [hole for hole in fitting if hole[1] >= n_bytes]
        if not fitting:
            return None
        k = min(fitting)[2]
        start, stop = self.holes[k]
        self.holes[k : k + 1] = [(start + n_bytes, stop)] if stop - start > n_bytes else []
        self.touched = max(self.touched, start + n_bytes)
        return start

    def give_back(self, start: int, n_bytes: int) -> None:
        joined: list[tuple[int, int]] = []
        for low, high in sorted([*self.holes, (start, start + n_bytes)]):
            if joined and joined[-1][1] == low:
                joined[-1] = (joined[-1][0], high)
            else:
                joined.append((low, high))
        self.holes = joined


_segments: list[_Segment] = []
# A finalizer may run in the midst of anything, even of what holds the lock: it only notes what came back.
_returned: deque[tuple[_Segment, int, int]] = deque()
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Like `numpy.empty`; the memory returns to the pool when the array and all views of it are gone."""
    kind = np.dtype(dtype)
    n_bytes = math.prod(shape) * kind.itemsize
    if n_bytes < SMALLEST:
        return np.empty(shape, kind)
    whole = -(-n_bytes // _PAGE) * _PAGE
    with _lock:
        segment, start = _taken(whole)
    lease = (ctypes.c_char * n_bytes).from_buffer(segment.buffer.data, start)
    weakref.finalize(lease, _given_back, segment, start, whole).atexit = False
    return np.frombuffer(memoryview(lease), kind).reshape(shape)


def empty_like(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`empty` of the shape and dtype of `array`."""
    return empty(array.shape, array.dtype)


def release() -> None:
    """Give the memory of segments in which nothing is held back to the system."""
    with _lock:
        _settle(most_waiting=0)


def waiting() -> int:
    """Bytes that were used and are not held now."""
    with _lock:
        _settle()
        return sum(segment.waiting for segment in _segments)


def _taken(n_bytes: int) -> tuple[_Segment, int]:
    _settle()
    for segment in _segments:
        start = segment.take(n_bytes)
        if start is not None:
            return segment, start
    try:
        segment = _Segment(max(n_bytes, SEGMENT))
    except MemoryError:  # where a process may not even reserve so much
        segment = _Segment(n_bytes)
    _segments.append(segment)
    start = segment.take(n_bytes)
    assert start is not None
    return segment, start


def _given_back(segment: _Segment, start: int, n_bytes: int) -> None:
    _returned.append((segment, start, n_bytes))
    if _lock.acquire(blocking=False):
        try:
            _settle()
        finally:
            _lock.release()


def _settle(most_waiting: int = MOST_WAITING) -> None:
    """Make holes of what came back, and drop free segments while too much waits; by whom the lock is held."""
    while _returned:
        segment, start, n_bytes = _returned.popleft()
        segment.give_back(start, n_bytes)
    left = sum(segment.waiting for segment in _segments)
    for segment in [s for s in reversed(_segments) if s.is_free]:
        if left > most_waiting or most_waiting == 0:
            _segments.remove(segment)
            left -= segment.waiting
