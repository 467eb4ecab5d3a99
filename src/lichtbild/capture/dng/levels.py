"""Black, white and linearisation of stored numbers, and the colour filter array (DNG 1.7.1, chapters 4 and 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.layout import Layout
from lichtbild.capture.dng.tags import Compression, Photometric, Tag
from lichtbild.capture.dng.tiff import Directory
from lichtbild.core import BLUE, GREEN, RED, Cfa, Levels, MetadataError, UnreadableFile

Floats = npt.NDArray[np.float32]
Area = tuple[int, int, int, int]


def read_cfa(ifd: Directory, photometric: int, n_samples: int, reasons: list[str]) -> tuple[str, Cfa | None]:
    """("mosaic", its array), ("monochrome", None) or ("linear", None).

    The pattern counts from the active area's corner, as every reader has it.

    Raises
    ------
    MetadataError
        If the filter array is missing or of a kind this engine does not demosaic (X-Trans, four colours, staggered).
    """
    if photometric == Photometric.LINEAR_RAW:
        if n_samples == 1:
            return "monochrome", None
        if n_samples != 3:
            raise ifd.wrong(Tag.SAMPLES_PER_PIXEL, f"LinearRaw of {n_samples} colours", "1 or 3")
        return "linear", None
    if n_samples != 1:
        raise ifd.wrong(Tag.SAMPLES_PER_PIXEL, f"a colour filter array of {n_samples} samples a pixel")
    codes = ifd.integers(Tag.CFA_PATTERN)
    if codes is None:
        raise ifd.wrong(Tag.CFA_PATTERN, "this tag is missing: which pixel is red?", "another DNG writer")
    if ifd.integer(Tag.CFA_LAYOUT, 1, 0, 99) != 1:
        raise ifd.wrong(Tag.CFA_LAYOUT, "a staggered filter array (Fuji SuperCCD)", "the camera's JPEG")
    planes = ifd.integers(Tag.CFA_PLANE_COLOR) or (RED, GREEN, BLUE)
    if len(set(codes)) == 1 and len(planes) == 1:
        return "monochrome", None
    if planes != (RED, GREEN, BLUE):
        raise ifd.wrong(Tag.CFA_PLANE_COLOR, f"colours {planes}", "red, green, blue: 0 1 2")
    side = round(len(codes) ** 0.5)
    rows, columns = ifd.integers(Tag.CFA_REPEAT_PATTERN_DIM, (2,)) or (side, side)
    if Tag.CFA_REPEAT_PATTERN_DIM not in ifd:
        reasons.append(f"{ifd.where(Tag.CFA_REPEAT_PATTERN_DIM)} is missing: {side} x {side} by the pattern's length")
    if rows < 1 or columns < 1 or rows * columns != len(codes):
        raise ifd.wrong(Tag.CFA_PATTERN, f"{len(codes)} colours for {rows} x {columns} pixels")
    return "mosaic", _cfa(ifd, np.array(codes).reshape(rows, columns))


def _cfa(ifd: Directory, pattern: npt.NDArray[Any]) -> Cfa:
    rows, columns = pattern.shape
    if (rows, columns) == (6, 6):
        raise ifd.wrong(Tag.CFA_PATTERN, "an X-Trans filter array", "the camera's JPEG, or a LinearRaw DNG")
    if rows in (2, 4) and columns in (2, 4):
        for quad in (1, 2):
            first = pattern[: 2 * quad : quad, : 2 * quad : quad]
            block = np.repeat(np.repeat(first, quad, 0), quad, 1)
            if first.shape == (2, 2) and np.array_equal(
                np.tile(block, (4 // len(block), 4 // len(block)))[:rows, :columns], pattern
            ):
                colours = tuple(tuple(int(c) for c in row) for row in first)
                try:
                    return Cfa(colours, quad)  # type: ignore[arg-type]
                except (MetadataError, ValueError) as error:
                    raise ifd.wrong(Tag.CFA_PATTERN, f"colours {pattern.tolist()}", "a Bayer pattern") from error
    raise ifd.wrong(Tag.CFA_PATTERN, f"a filter array of {rows} x {columns}: {pattern.tolist()}",
                    "2 x 2 Bayer or 4 x 4 quad-Bayer")  # fmt: skip


def read_levels(ifd: Directory, layout: Layout, area: Area, cfa: Cfa | None, reasons: list[str]) -> Levels:
    """Levels of the active area; the black of masked pixels is left to `masked_black`.

    Raises
    ------
    MetadataError
        If numbers are missing within a tag, are not finite, or white is not above black.
    """
    height, width = area[2] - area[0], area[3] - area[1]
    black = _black(ifd, layout.n_samples, cfa, reasons)
    white = _white(ifd, layout, reasons)
    table = _table(ifd)
    delta_v = _delta(ifd, Tag.BLACK_LEVEL_DELTA_V, height, reasons)
    delta_h = _delta(ifd, Tag.BLACK_LEVEL_DELTA_H, width, reasons)
    top = black.max(axis=(0, 1)) + sum(float(d.max()) for d in (delta_v, delta_h) if d is not None)
    if np.any(top >= np.array(white)):
        raise ifd.wrong(Tag.WHITE_LEVEL, f"white {max(white):g} is not above black {float(top.max()):g}",
                        "the file's levels are damaged")  # fmt: skip
    return Levels(black, white, delta_v, delta_h, table)


def _black(ifd: Directory, n_samples: int, cfa: Cfa | None, reasons: list[str]) -> Floats:
    numbers = ifd.floats(Tag.BLACK_LEVEL)
    rows, columns = ifd.integers(Tag.BLACK_LEVEL_REPEAT_DIM, (2,)) or (1, 1)
    if not (1 <= rows <= 64 and 1 <= columns <= 64):
        raise ifd.wrong(Tag.BLACK_LEVEL_REPEAT_DIM, f"black levels repeat every {rows} x {columns} pixels")
    if numbers is None:
        if Tag.MASKED_AREAS not in ifd:
            reasons.append("BlackLevel is missing: 0, as the specification has it")
        return np.zeros((1, 1, n_samples), np.float32)
    if max(map(abs, numbers), default=0) > 2**32:
        raise ifd.wrong(Tag.BLACK_LEVEL, f"black {max(numbers, key=abs):g}")
    if len(numbers) == rows * columns * n_samples:
        return np.array(numbers, np.float32).reshape(rows, columns, n_samples)
    if len(numbers) == 1:
        reasons.append(f"{ifd.where(Tag.BLACK_LEVEL)}: one number for {rows} x {columns} x {n_samples}: taken for all")
        return np.full((rows, columns, n_samples), numbers[0], np.float32)
    if len(numbers) == 4 and cfa is not None:
        reasons.append(f"{ifd.where(Tag.BLACK_LEVEL)}: four numbers without their pattern: taken for 2 x 2 pixels")
        return np.array(numbers, np.float32).reshape(2, 2, 1)
    raise ifd.wrong(Tag.BLACK_LEVEL, f"{len(numbers)} numbers for {rows} x {columns} x {n_samples}")


def _white(ifd: Directory, layout: Layout, reasons: list[str]) -> tuple[float, ...]:
    numbers = ifd.floats(Tag.WHITE_LEVEL)
    if not numbers:
        white = 1.0 if layout.is_float else float(2**layout.bits - 1)
        reasons.append(f"WhiteLevel is missing: {white:g}, as the specification has it")
        return (white,) * layout.n_samples
    if min(numbers) <= 0:
        raise ifd.wrong(Tag.WHITE_LEVEL, f"white {min(numbers):g}")
    if len(numbers) == layout.n_samples:
        return numbers
    if len(set(numbers)) > 1:
        reasons.append(
            f"{ifd.where(Tag.WHITE_LEVEL)}: {len(numbers)} numbers for {layout.n_samples} planes: the lowest"
        )
    return (min(numbers),) * layout.n_samples


def _table(ifd: Directory) -> npt.NDArray[np.uint16] | None:
    if Tag.LINEARIZATION_TABLE not in ifd:
        return None
    table = ifd.array(Tag.LINEARIZATION_TABLE)
    if not 1 <= len(table) <= 65536 or not np.all((table >= 0) & (table <= 65535)):
        raise ifd.wrong(Tag.LINEARIZATION_TABLE, f"{len(table)} entries", "1 to 65536, of 16 bits")
    return table.astype(np.uint16)


def _delta(ifd: Directory, tag: Tag, n: int, reasons: list[str]) -> Floats | None:
    if tag not in ifd:
        return None
    numbers = ifd.array(tag)
    if len(numbers) != n or not np.all(np.isfinite(numbers)) or np.abs(numbers).max(initial=0) > 2**32:
        reasons.append(f"{ifd.where(tag)}: {len(numbers)} numbers that do not fit {n} rows or columns: not applied")
        return None
    return numbers.astype(np.float32) if np.any(numbers) else None


def jpeg_xl_range(layout: Layout, levels: Levels, reasons: list[str]) -> int:
    """What the largest number of a JPEG XL codestream stands for (0: itself).

    The specification is silent where a codestream has fewer than 16 bits. Adobe's readers scale it to 16 bits whatever
    BitsPerSample says, and phones write levels to match (10 bits with white at 65535); others write levels for the bits
    stored. The levels tell which.
    """
    if layout.compression is not Compression.JPEG_XL or layout.is_float or layout.bits > 16:
        return 0
    top: int = 2**layout.bits - 1
    needed = max(levels.white) if levels.table is None else len(levels.table) - 1
    if needed > top:
        reasons.append(f"JPEG XL of {layout.bits} bits with levels of 16: its numbers are scaled to 16 bits")
        return 65535
    return top


def masked_areas(ifd: Directory, layout: Layout) -> list[Area]:
    """Rectangles of the stored image that see no light, cut to it."""
    numbers = ifd.integers(Tag.MASKED_AREAS) or ()
    found = []
    for k in range(0, len(numbers) - 3, 4):
        top, left, bottom, right = numbers[k : k + 4]
        cut = (max(0, top), max(0, left), min(layout.height, bottom), min(layout.width, right))
        if cut[0] < cut[2] and cut[1] < cut[3]:
            found.append(cut)
    return found[:16]


def masked_black(
    stored: npt.NDArray[Any], masks: list[Area], area: Area, table: npt.NDArray[np.uint16] | None, period: int
) -> Floats | None:
    """Black level from masked pixels: the trimmed mean at each place of a `period` x `period` pattern.

    Parameters
    ----------
    stored
        The whole stored image, [H, W].
    masks
        Masked rectangles, stored coordinates.
    area
        The active area, whose corner the phases count from.
    period
        2 for a Bayer mosaic, 4 for quad-Bayer, 1 for monochrome.

    Returns
    -------
    float32 [period, period, 1], or None where some phase has no masked pixel.
    """
    black = np.zeros((period, period, 1), np.float32)
    for i in range(period):
        for j in range(period):
            parts = []
            for top, left, bottom, right in masks:
                rows = slice(top + (area[0] + i - top) % period, bottom, period)
                columns = slice(left + (area[1] + j - left) % period, right, period)
                parts.append(stored[rows, columns].ravel())
            values = np.concatenate(parts)
            if values.size < 4:
                return None
            if table is not None:
                values = table[np.minimum(values, len(table) - 1)]
            low, high = np.percentile(values, (5, 95))
            black[i, j, 0] = values[(values >= low) & (values <= high)].mean(dtype=np.float64)
    return black


def require_plausible(levels: Levels, black: Floats | None, ifd: Directory) -> None:
    """Raise unless a measured black lies below white."""
    if black is not None and float(black.max()) >= min(levels.white):
        raise UnreadableFile(f"masked pixels at {float(black.max()):g} are as bright as white",
                             where=ifd.where(Tag.MASKED_AREAS))  # fmt: skip
