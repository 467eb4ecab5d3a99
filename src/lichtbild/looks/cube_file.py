"""Colour tables as files: .cube (Adobe and Resolve, with a shaper or without) and Hald CLUT pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import UnreadableFile
from lichtbild.stages.look.cube import Cube

MOST_ENTRIES = 129
MOST_BYTES = 200_000_000

Floats = npt.NDArray[np.float32]


def read_table(path: str | Path, space: str = "srgb") -> Cube:
    """A table from a .cube file or a Hald CLUT (.png, .tif): by the suffix.

    Raises
    ------
    UnreadableFile
        If the file is missing or damaged; the message says which line, or what size was expected.
    """
    path = Path(path)
    if path.suffix.lower() == ".cube":
        return read_cube(path, space)
    if path.suffix.lower() in (".png", ".tif", ".tiff"):
        return read_hald(path, space)
    raise UnreadableFile(f"{path.suffix or 'no suffix'}: no colour table", where=path, hint=".cube, or a Hald .png")


def read_cube(path: Path, space: str = "srgb") -> Cube:
    """A .cube file: LUT_3D_SIZE with DOMAIN_MIN/MAX or LUT_3D_INPUT_RANGE, LUT_1D_SIZE as a shaper before it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableFile("too large for a colour table", where=path)
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableFile(error.strerror or "cannot be read", where=path, hint="check the path") from error
    heads: dict[str, list[float]] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or words[0] == "TITLE":
            continue
        is_head = words[0][0].isalpha() and words[0].lower() not in ("nan", "inf", "infinity")
        try:
            numbers = [float(word) for word in (words[1:] if is_head else words)]
        except ValueError:
            raise UnreadableFile(f"line {number} is no row of a table: {line[:60]!r}", where=path) from None
        if not all(map(math.isfinite, numbers)):
            raise UnreadableFile(f"line {number} holds a number that is not finite", where=path)
        if is_head:
            heads[words[0]] = numbers
        elif len(numbers) != 3:
            raise UnreadableFile(f"line {number} holds {len(numbers)} numbers, not 3", where=path)
        else:
            rows.append(numbers)
    return _cube_of(heads, np.asarray(rows, np.float32).reshape(-1, 3), path, space)


def _cube_of(heads: dict[str, list[float]], rows: Floats, path: Path, space: str) -> Cube:
    def size(name: str, most: int) -> int:
        value = heads.get(name, [0.0])
        if len(value) != 1 or value[0] != int(value[0]) or not (value[0] == 0 or 2 <= value[0] <= most):
            raise UnreadableFile(f"{name} is {value}", where=path, hint=f"2 to {most}")
        return int(value[0])

    def pair(name: str) -> tuple[float, float]:
        value = heads.get(name, [0.0, 1.0])
        if len(value) != 2 or value[0] >= value[1]:
            raise UnreadableFile(f"{name} is {value}", where=path, hint="two numbers, the smaller first")
        return value[0], value[1]

    n, m = size("LUT_3D_SIZE", MOST_ENTRIES), size("LUT_1D_SIZE", 65536)
    if n == 0 and m == 0:
        raise UnreadableFile("neither LUT_3D_SIZE nor LUT_1D_SIZE", where=path, hint="a .cube file")
    if len(rows) != m + n**3:
        raise UnreadableFile(f"{len(rows)} rows, {m + n**3} expected", where=path, hint="the file is cut short, or not")
    low, high = heads.get("DOMAIN_MIN", [0.0] * 3), heads.get("DOMAIN_MAX", [1.0] * 3)
    if "LUT_3D_INPUT_RANGE" in heads:
        first, last = pair("LUT_3D_INPUT_RANGE")
        low, high = [first] * 3, [last] * 3
    if len(low) != 3 or len(high) != 3 or any(a >= b for a, b in zip(low, high, strict=False)):
        raise UnreadableFile(f"DOMAIN_MIN {low} and DOMAIN_MAX {high}", where=path, hint="three numbers each")
    shaper_range = pair("LUT_1D_INPUT_RANGE")
    if n == 0:
        # A curve alone: the table after it is the identity.
        if "DOMAIN_MIN" in heads or "DOMAIN_MAX" in heads:
            shaper_range = low[0], high[0]
        top = max(float(rows.max()), 1.0)
        axis = np.linspace(0, top, 2, dtype=np.float32)
        table = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
        return Cube(table, (0.0,) * 3, (top,) * 3, rows, shaper_range, space)
    # Red runs fastest.
    table = np.ascontiguousarray(rows[m:].reshape(n, n, n, 3).transpose(2, 1, 0, 3))
    corners = (low[0], low[1], low[2]), (high[0], high[1], high[2])
    return Cube(table, *corners, rows[:m] if m else None, shaper_range, space)


def read_hald(path: Path, space: str = "srgb") -> Cube:
    """A Hald CLUT: a square picture of n^3 pixels a side for a table of n^2 entries an axis, red fastest."""
    from lichtbild.looks.pictures import stored

    pixels = stored(path)
    h, w = pixels.shape[:2]
    level = round(h ** (1 / 3))
    if h != w or level**3 != h or not 2 <= level <= 11:
        raise UnreadableFile(f"{w} x {h} px are no Hald CLUT", where=path, hint="512 x 512 px for 64 entries an axis")
    n = level * level
    codes = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return Cube(np.ascontiguousarray(codes.reshape(n, n, n, 3).transpose(2, 1, 0, 3)), space=space)


def cube_text(table: Floats, title: str) -> str:
    """A table [n, n, n, 3] over red, green, blue as a .cube file."""
    n = table.shape[0]
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
    body = "\n".join("{:.6f} {:.6f} {:.6f}".format(*row) for row in rows.tolist())
    head = f'TITLE "{title}"\nLUT_3D_SIZE {n}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n'
    return f"{head}{body}\n"
