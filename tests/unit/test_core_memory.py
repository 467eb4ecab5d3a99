"""Memory that is used again: the same bytes come back, never while somebody holds them."""

import gc

import numpy as np

from lichtbild.core import memory

BIG = (memory.SMALLEST // 4 + 16,)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_of_a_dropped_array_is_used_again() -> None:
    memory.release()
    first = memory.empty(BIG)
    place = address(first)
    del first
    gc.collect()
    assert address(memory.empty(BIG)) == place


def test_a_view_keeps_its_memory() -> None:
    memory.release()
    whole = memory.empty(BIG)
    whole[:] = 7
    view = whole[5:10].reshape(5, 1)
    place = address(whole)
    del whole
    other = memory.empty(BIG)
    other[:] = 1
    assert address(other) != place
    assert np.all(view == 7)


def test_another_dtype_of_the_same_size_and_limits() -> None:
    memory.release()
    gone = memory.empty(BIG)
    place, n_bytes = address(gone), gone.nbytes
    del gone
    again = memory.empty((n_bytes // 2,), np.uint16)
    assert (address(again), again.dtype, again.flags.writeable) == (place, np.uint16, True)
    arrays = [memory.empty((memory.MOST_WAITING // 2 // 4,)) for _ in range(4)]
    del arrays
    assert sum(b.nbytes for b in memory._waiting) <= memory.MOST_WAITING
    memory.release()
    assert not memory._waiting


def test_small_arrays_are_numpy_s() -> None:
    small = memory.empty((3, 4), np.uint8)
    assert small.base is None
    assert memory.empty_like(small).shape == (3, 4)


def test_a_buffer_serves_what_is_a_little_smaller() -> None:
    memory.release()
    gone = memory.empty((2 * BIG[0],))
    place = address(gone)
    del gone
    less = memory.empty((2 * BIG[0] - 999,))
    assert (address(less), less.shape) == (place, (2 * BIG[0] - 999,))
    less[:] = 1
    place = address(less)
    del less
    # A far smaller one would waste it.
    tiny = memory.empty((BIG[0] - 64,))
    assert address(tiny) != place
