"""Stored pixels of a rectangle: tiles and strips decoded and put in their places."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng import codecs
from lichtbild.capture.dng.apart import ApartDecoder
from lichtbild.capture.dng.layout import Layout
from lichtbild.capture.dng.tags import Compression
from lichtbild.capture.dng.tiff import TiffFile
from lichtbild.core import UnreadableFile, memory

Array = npt.NDArray[Any]
Area = tuple[int, int, int, int]
# Row and column of a tile or strip, its plane, its bytes.
Task = tuple[int, int, int, bytes]

_NATIVE = "<" if sys.byteorder == "little" else ">"
_PARALLEL_SAMPLES = 1_000_000


def pixel_type(layout: Layout) -> type[np.uint16] | type[np.float32]:
    """What `decode` gives: uint16 up to 16 bits, float32 for floats and for integers of more."""
    return np.float32 if layout.is_float or layout.bits > 16 else np.uint16


def decode(file: TiffFile, layout: Layout, area: Area, where: str) -> Array:
    """Pixels of `area` (top, left, bottom, right) of the stored image, uint16 or float32.

    Returns
    -------
    [H, W] of one sample, else [H, W, n_samples], C-contiguous.

    Raises
    ------
    UnreadableFile
        If a tile or strip cannot be decoded to the size it must have.
    """
    if layout.row_interleave > 1 or layout.column_interleave > 1:
        whole = _decode(file, layout, (0, 0, layout.height, layout.width), where)
        rows = interleaved_order(layout.height, layout.row_interleave)
        columns = interleaved_order(layout.width, layout.column_interleave)
        pixels = memory.empty_like(whole)
        pixels[rows[:, None], columns[None, :]] = whole
        pixels = np.ascontiguousarray(pixels[area[0] : area[2], area[1] : area[3]])
    else:
        pixels = _decode(file, layout, area, where)
    if pixels.dtype == np.float32 and not np.all(np.isfinite(pixels)):
        # A pixel that is no number counts as black, an infinite one as clipped whatever the white level.
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=65504.0, neginf=0.0)
    return pixels[..., 0] if layout.n_samples == 1 else pixels


def interleaved_order(n: int, factor: int) -> npt.NDArray[np.intp]:
    """Place in the picture of each stored row (or column), stored as `factor` fields one after another."""
    return np.concatenate([np.arange(field, n, factor) for field in range(factor)])


def _decode(file: TiffFile, layout: Layout, area: Area, where: str) -> Array:
    top, left, bottom, right = area
    if _is_plain(layout):
        return _read_rows(file, layout, area)
    pixels = np.zeros((bottom - top, right - left, layout.n_samples), pixel_type(layout))
    apart = ApartDecoder(layout.segment_height * layout.segment_width * layout.segment_samples)

    def place(task: Task) -> None:
        j, i, plane, data = task
        y, x = j * layout.segment_height, i * layout.segment_width
        place_name = f"{where}, {'tile' if layout.is_tiled else 'strip'} row {j} column {i}"
        segment = _segment(layout, data, j, apart, place_name)
        # What of the segment lies within the area, and within the image.
        rows = slice(max(top, y), min(bottom, y + layout.segment_height))
        columns = slice(max(left, x), min(right, x + layout.segment_width))
        if segment.shape[0] < rows.stop - y or segment.shape[1] < columns.stop - x:
            raise UnreadableFile(
                f"a tile of {segment.shape[1]} x {segment.shape[0]} pixels, too small for its place", where=where,
                hint="the file is damaged: copy it again",
            )  # fmt: skip
        target = pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        source = segment[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        if layout.is_planar:
            target[..., plane] = source[..., 0]
        else:
            target[...] = source

    with contextlib.closing(apart):
        _run(place, _tasks(file, layout, area), pixels.size if layout.compression is not Compression.NONE else 0)
    return pixels


def _run(place: Callable[[Task], None], tasks: Iterator[Task], n_samples: int) -> None:
    """`place` on every task, in threads where there is enough to decode."""
    if n_samples < _PARALLEL_SAMPLES:
        for task in tasks:
            place(task)
        return
    n_workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(n_workers) as pool:
        # Submitting in bunches bounds the compressed bytes in memory.
        while bunch := list(itertools.islice(tasks, 4 * n_workers)):
            list(pool.map(place, bunch))


def _tasks(file: TiffFile, layout: Layout, area: Area) -> Iterator[Task]:
    """(row, column, plane, bytes) of every segment that touches `area`."""
    top, left, bottom, right = area
    rows = range(top // layout.segment_height, -(-bottom // layout.segment_height))
    columns = range(left // layout.segment_width, -(-right // layout.segment_width))
    for plane in range(layout.n_samples if layout.is_planar else 1):
        for j in rows:
            for i in columns:
                k = (plane * layout.down + j) * layout.across + i
                yield j, i, plane, file.read(int(layout.offsets[k]), int(layout.counts[k]))


def _is_plain(layout: Layout) -> bool:
    """Rows of the whole width stored as they will stand in memory: read straight into the array."""
    return (
        layout.compression is Compression.NONE
        and layout.segment_width == layout.width
        and not layout.is_planar
        and layout.bits == 16
        and not layout.is_float
    )


def _read_rows(file: TiffFile, layout: Layout, area: Area) -> Array:
    top, left, bottom, right = area
    pixels = memory.empty((bottom - top, layout.width, layout.n_samples), np.uint16)
    flat = memoryview(pixels.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    at, y = 0, top
    while y < bottom:
        j = y // layout.segment_height
        end = min(bottom, (j + 1) * layout.segment_height)
        size = (end - y) * layout.row_bytes
        file.stream.seek(int(layout.offsets[j]) + (y - j * layout.segment_height) * layout.row_bytes)
        if file.stream.readinto(flat[at : at + size]) != size:  # type: ignore[attr-defined]
            raise UnreadableFile("the file became shorter while it was read", where=file.name)
        at, y = at + size, end
    if layout.order != _NATIVE:
        pixels.byteswap(inplace=True)
    return pixels if right - left == layout.width else np.ascontiguousarray(pixels[:, left:right])


def _segment(layout: Layout, data: bytes, j: int, apart: ApartDecoder, where: str) -> Array:
    """One tile or strip as [rows, columns, samples] of `pixel_type`."""
    shape = (layout.rows_of(j), layout.segment_width, layout.segment_samples)
    match layout.compression:
        case Compression.JPEG | Compression.LOSSY_JPEG:
            pixels = codecs.decode_jpeg(data, shape, where)
        case Compression.JPEG_XL:
            pixels = codecs.decode_jpeg_xl(data, shape, where, apart, layout.scaled_to)
        case _:
            size = shape[0] * layout.row_bytes
            plain = data[:size] if layout.compression is Compression.NONE else codecs.inflate(data, size, where)
            pixels = _samples(layout, plain, shape)
    wanted = pixel_type(layout)
    if pixels.dtype.kind == "f" and wanted is np.uint16:
        raise UnreadableFile("floats where integers belong", where=where)
    with np.errstate(all="ignore"):
        return pixels.astype(wanted, copy=False)


def _samples(layout: Layout, data: bytes, shape: tuple[int, int, int]) -> Array:
    """Samples of uncompressed bytes, the predictor undone."""
    if layout.predictor == 3:
        return floating_point_rows(data, shape, layout.bits, layout.predictor_step)
    if layout.is_float:
        return floats(np.frombuffer(data, np.uint8).reshape(*shape, layout.bits // 8), layout.order)
    if layout.bits not in (8, 16, 32):
        return unpack(data, layout.bits, shape)
    pixels = np.frombuffer(data, f"{layout.order}u{layout.bits // 8}").reshape(shape)
    if layout.predictor == 2:
        # Differences from the sample `step` pixels to the left, modulo the word.
        native = pixels.astype(pixels.dtype.newbyteorder("="))
        step = layout.predictor_step
        for phase in range(min(step, shape[1])):
            native[:, phase::step] = np.cumsum(native[:, phase::step], axis=1, dtype=native.dtype)
        return native
    return pixels


def unpack(data: bytes, bits: int, shape: tuple[int, int, int]) -> Array:
    """Samples of 9 to 31 bits, most significant bit first, each row from a whole byte on; uint16 or uint32."""
    import imagecodecs

    columns, samples = shape[1:]
    kind = np.uint16 if bits <= 16 else np.uint32
    numbers = imagecodecs.packints_decode(data, np.dtype(kind), bits, runlen=columns * samples)
    return np.asarray(numbers).reshape(shape)


def floats(raw: Array, order: str) -> npt.NDArray[np.float32]:
    """float32 of bytes uint8 [..., 2, 3 or 4], the last axis in byte order `order`."""
    if raw.shape[-1] == 3:
        big = raw if order == ">" else raw[..., ::-1]
        wide = big.astype(np.uint32)
        return _float24(np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], np.uint32))
    numbers = np.ascontiguousarray(raw).view(f"{order}f{raw.shape[-1]}")[..., 0]
    with np.errstate(all="ignore"):
        return numbers.astype(np.float32)


def _float24(word: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
    """DNG's 24-bit float: sign, 7 bits of exponent (bias 63), 16 of mantissa, as IEEE would have it."""
    sign = (word >> 23 & 1).astype(np.float64)
    exponent = (word >> 16 & 0x7F).astype(np.int64)
    mantissa = (word & 0xFFFF).astype(np.float64) / 65536
    normal = np.ldexp(1 + mantissa, exponent - 63)
    small = np.ldexp(mantissa, -62)
    value = np.where(exponent == 0, small, normal)
    value = np.where(exponent == 127, np.where(mantissa == 0, np.inf, np.nan), value)
    return (value * (1 - 2 * sign)).astype(np.float32)


def floating_point_rows(data: bytes, shape: tuple[int, int, int], bits: int, step: int) -> npt.NDArray[np.float32]:
    """Undo the floating point predictor: byte differences within a row whose bytes are sorted by significance."""
    rows, columns, samples = shape
    n_bytes = bits // 8
    raw = np.frombuffer(data, np.uint8).reshape(rows, n_bytes * columns * samples).copy()
    distance = samples * step
    for phase in range(min(distance, raw.shape[1])):
        raw[:, phase::distance] = np.cumsum(raw[:, phase::distance], axis=1, dtype=np.uint8)
    big = np.moveaxis(raw.reshape(rows, n_bytes, columns * samples), 1, 2)
    return floats(big, ">").reshape(shape)
