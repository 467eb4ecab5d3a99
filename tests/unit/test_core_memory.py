"""Memory that is used again: the same bytes come back, never while somebody holds them."""

import gc
from itertools import pairwise

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
    del again
    arrays = [memory.empty((memory.MOST_WAITING // 2 // 4,)) for _ in range(4)]
    del arrays
    assert memory.waiting() <= memory.MOST_WAITING
    memory.release()
    assert memory.waiting() == 0


def test_small_arrays_are_numpy_s() -> None:
    small = memory.empty((3, 4), np.uint8)
    assert small.base is None
    assert memory.empty_like(small).shape == (3, 4)


def test_neighbours_that_are_gone_make_room_for_a_larger_one() -> None:
    memory.release()
    parts = [memory.empty(BIG) for _ in range(3)]
    after = memory.empty(BIG)
    after[:] = 3
    place = address(parts[0])
    # In any order, so that a hole grows at both ends.
    for k in (0, 2, 1):
        parts[k] = None
    assert address(memory.empty((3 * BIG[0],))) == place
    assert np.all(after == 3)


def test_arrays_held_at_one_time_never_overlap() -> None:
    memory.release()
    rng = np.random.default_rng(20261122)
    held: list[np.ndarray] = []
    for k in range(60):
        array = memory.empty((int(rng.integers(BIG[0], 3 * BIG[0])),))
        array[:] = k
        held.append(array)
        if len(held) > 6:
            held.pop(int(rng.integers(len(held))))
        for other in held:
            assert other[0] == other[-1] == other[len(other) // 2]
    places = sorted((address(a), address(a) + a.nbytes) for a in held)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))


def test_more_than_a_segment() -> None:
    memory.release()
    huge = memory.empty((memory.SEGMENT + 5,), np.uint8)
    huge[-1] = 9
    assert (huge.size, huge[-1]) == (memory.SEGMENT + 5, 9)
    del huge
    memory.release()
    assert memory.waiting() == 0
