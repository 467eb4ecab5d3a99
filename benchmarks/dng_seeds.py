"""Small DNG files of every kind DNG 1.7.1 knows, built byte by byte and independently of the reader and the writer.

Each comes with the pixels that must be read from it. They are what `fuzz_dng.py` mutates and what the tests read.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE, LONG8 = 1, 2, 3, 4, 5, 7, 10, 11, 12, 16
_CODES = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", UNDEFINED: "B", SRATIONAL: "i", FLOAT: "f", DOUBLE: "d",
          LONG8: "Q"}  # fmt: skip
CFA, LINEAR_RAW = 32803, 34892


@dataclass
class Ifd:
    """One directory: {tag: (type, values)}, the segments of its picture, and the directories it points to."""

    tags: dict[int, tuple[int, Any]] = field(default_factory=dict)
    segments: list[bytes] = field(default_factory=list)
    is_tiled: bool = False
    children: dict[int, list[Ifd]] = field(default_factory=dict)


def tiff(chain: list[Ifd], order: str = "<", is_big: bool = False) -> bytes:
    """A TIFF or BigTIFF of the directories in `chain` and all below them."""
    word, head, record, first = ("Q", 8, 20, 16) if is_big else ("I", 2, 12, 8)
    everything: list[Ifd] = []

    def collect(ifd: Ifd) -> None:
        everything.append(ifd)
        for below in ifd.children.values():
            for child in below:
                collect(child)

    for ifd in chain:
        collect(ifd)
    tables = []
    for ifd in everything:
        tags = dict(ifd.tags)
        if ifd.segments:
            offsets, counts = (324, 325) if ifd.is_tiled else (273, 279)
            tags[offsets] = (LONG, [0] * len(ifd.segments))
            tags[counts] = (LONG, [len(s) for s in ifd.segments])
        for tag, below in ifd.children.items():
            tags[tag] = (LONG, [0] * len(below))
        tables.append(tags)
    inline = struct.calcsize("<" + word)
    at, place, values_at = first, {}, []
    for ifd, tags in zip(everything, tables, strict=True):
        place[id(ifd)] = at
        at += head + record * len(tags) + inline
        values_at.append(at)
        at += sum(n + n % 2 for n in (len(_bytes(*v, order)[1]) for v in tags.values()) if n > inline)
    segment_at = []
    for ifd in everything:
        starts = []
        for segment in ifd.segments:
            starts.append(at)
            at += len(segment) + len(segment) % 2
        segment_at.append(starts)
    magic = struct.pack(order + "HHH", 43, 8, 0) if is_big else struct.pack(order + "H", 42)
    out = [(b"II" if order == "<" else b"MM") + magic + struct.pack(order + word, place[id(chain[0])])]
    for k, (ifd, tags) in enumerate(zip(everything, tables, strict=True)):
        if ifd.segments:
            tags[324 if ifd.is_tiled else 273] = (LONG, segment_at[k])
        for tag, below in ifd.children.items():
            tags[tag] = (LONG, [place[id(child)] for child in below])
        records, extra = b"", b""
        for tag in sorted(tags):
            count, data = _bytes(*tags[tag], order)
            cell = data.ljust(inline, b"\0")
            if len(data) > inline:
                cell = struct.pack(order + word, values_at[k] + len(extra))
                extra += data + b"\0" * (len(data) % 2)
            records += struct.pack(order + "HH" + word, tag, tags[tag][0], count) + cell
        following = place[id(chain[chain.index(ifd) + 1])] if ifd in chain[:-1] else 0
        out += [
            struct.pack(order + ("Q" if is_big else "H"), len(tags)),
            records,
            struct.pack(order + word, following),
            extra,
        ]
    out += [s + b"\0" * (len(s) % 2) for ifd in everything for s in ifd.segments]
    return b"".join(out)


def _bytes(kind: int, value: Any, order: str) -> tuple[int, bytes]:
    if kind == ASCII:
        data = value.encode() + b"\0"
        return len(data), data
    if isinstance(value, bytes):
        return len(value), value
    numbers = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    data = struct.pack(f"{order}{len(numbers)}{_CODES[kind]}", *numbers)
    return len(numbers) // (2 if kind in (RATIONAL, SRATIONAL) else 1), data


def rationals(*numbers: float, scale: int = 10000) -> list[int]:
    """Numerators and denominators of `numbers`."""
    return [n for x in numbers for n in (round(x * scale), scale)]


def raw_ifd(
    pixels: np.ndarray, segments: list[bytes], compression: int, bits: int, tile: tuple[int, int] | None = None,
    rows_per_strip: int | None = None, photometric: int | None = None, is_float: bool = False, **more: Any,
) -> Ifd:  # fmt: skip
    """The directory of raw pixels [H, W] or [H, W, 3]; `more` takes t<number>=(type, values)."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    photometric = photometric or (CFA if samples == 1 else LINEAR_RAW)
    tags: dict[int, tuple[int, Any]] = {
        254: (LONG, 0), 256: (LONG, pixels.shape[1]), 257: (LONG, pixels.shape[0]), 258: (SHORT, [bits] * samples),
        259: (SHORT, compression), 262: (SHORT, photometric), 277: (SHORT, samples), 284: (SHORT, 1),
        50717: (LONG, [int(2**bits - 1)] * samples),
    }  # fmt: skip
    if is_float:
        tags[339] = (SHORT, [3] * samples)
        del tags[50717]
    if photometric == CFA:
        tags |= {33421: (SHORT, [2, 2]), 33422: (BYTE, [0, 1, 1, 2])}
    if tile:
        tags |= {322: (LONG, tile[1]), 323: (LONG, tile[0])}
    else:
        tags[278] = (LONG, rows_per_strip or pixels.shape[0])
    tags |= {int(name[1:]): value for name, value in more.items()}
    return Ifd({k: v for k, v in tags.items() if v is not None}, segments, tile is not None)


def colour_tags() -> dict[int, tuple[int, Any]]:
    """IFD0 of a two-illuminant camera."""
    first = (0.75, -0.14, -0.09, -0.38, 1.15, 0.27, -0.03, 0.12, 0.64)
    second = (0.70, -0.08, -0.10, -0.44, 1.26, 0.21, -0.09, 0.20, 0.58)
    forward = (0.78, 0.01, 0.18, 0.24, 0.84, -0.07, -0.01, -0.42, 1.25)
    return {
        271: (ASCII, "Maker"), 272: (ASCII, "Model 7"), 274: (SHORT, 6), 305: (ASCII, "seeds"),
        306: (ASCII, "2024:05:06 07:08:09"), 700: (BYTE, b"<x:xmpmeta aux:Lens=\"50mm\"/>"),
        50706: (BYTE, [1, 7, 1, 0]), 50707: (BYTE, [1, 4, 0, 0]), 50708: (ASCII, "Maker Model 7"),
        50721: (SRATIONAL, rationals(*first)), 50722: (SRATIONAL, rationals(*second)),
        50723: (SRATIONAL, rationals(0.99, 0, 0, 0, 1, 0, 0, 0, 1.01)),
        50724: (SRATIONAL, rationals(0.99, 0, 0, 0, 1, 0, 0, 0, 1.01)), 50727: (RATIONAL, rationals(1.1, 1, 0.9)),
        50728: (RATIONAL, rationals(0.5, 1, 0.625)), 50730: (SRATIONAL, rationals(0.25)), 50778: (SHORT, 17),
        50779: (SHORT, 21), 50964: (SRATIONAL, rationals(*forward)), 50965: (SRATIONAL, rationals(*forward)),
    }  # fmt: skip


def dng(raw: Ifd, order: str = "<", is_big: bool = False, extra: dict[int, tuple[int, Any]] | None = None) -> bytes:
    """A DNG with its raw picture in IFD0."""
    return tiff(
        [Ifd({**colour_tags(), **raw.tags, **(extra or {})}, raw.segments, raw.is_tiled, raw.children)], order, is_big
    )


def pack(pixels: np.ndarray, bits: int, order: str = "<") -> bytes:
    """Uncompressed rows of [H, W(, C)]."""
    rows = pixels.reshape(pixels.shape[0], -1)
    if bits in (8, 16, 32):
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    ones = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(ones.reshape(rows.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def tiles(pixels: np.ndarray, height: int, width: int, encode: Callable[[np.ndarray], bytes]) -> list[bytes]:
    """Each tile padded by its edge and encoded."""
    pad = [(0, -pixels.shape[0] % height), (0, -pixels.shape[1] % width)] + [(0, 0)] * (pixels.ndim - 2)
    full = np.pad(pixels, pad, mode="edge")
    return [
        encode(np.ascontiguousarray(full[y : y + height, x : x + width]))
        for y in range(0, full.shape[0], height)
        for x in range(0, full.shape[1], width)
    ]


def interleave(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Rows and columns sorted into fields, as they are stored."""
    sorted_rows = np.concatenate([pixels[k::rows] for k in range(rows)])
    return np.concatenate([sorted_rows[:, k::columns] for k in range(columns)], axis=1)


def float_rows(pixels: np.ndarray, n_bytes: int, step: int = 1) -> bytes:
    """Rows of [H, W] floats with the floating point predictor: bytes by significance, then differences."""
    big = float_bytes(pixels, n_bytes)
    planes = np.moveaxis(big, 2, 1).reshape(pixels.shape[0], -1)
    out = planes.copy()
    out[:, step:] -= planes[:, :-step]
    return out.tobytes()


def float_bytes(pixels: np.ndarray, n_bytes: int) -> np.ndarray:
    """uint8 [H, W, n_bytes], most significant first; 24 bits are cut from 32 (values within its range only)."""
    if n_bytes == 2:
        return pixels.astype(">f2").view(np.uint8).reshape(*pixels.shape, 2)
    word = pixels.astype(np.float32).view(np.uint32)
    if n_bytes == 4:
        return word.astype(">u4").view(np.uint8).reshape(*pixels.shape, 4)
    sign, exponent, mantissa = word >> 31, (word >> 23 & 255).astype(np.int64) - 127 + 63, word >> 7 & 0xFFFF
    exponent = np.where(pixels == 0, 0, exponent).astype(np.uint32)
    narrow = sign << 23 | exponent << 16 | mantissa
    return narrow.astype(">u4").view(np.uint8).reshape(*pixels.shape, 4)[..., 1:]


def float24(pixels: np.ndarray) -> np.ndarray:
    """`pixels` cut to the 16 bits of mantissa that 24-bit floats keep."""
    return (pixels.astype(np.float32).view(np.uint32) & 0xFFFFFF80).view(np.float32)


def jpeg_preview(height: int = 48, width: int = 64) -> bytes:
    """A small camera JPEG."""
    from PIL import Image

    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 3, y * 4, (x + y) * 2], 2).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def scene(height: int, width: int, bits: int, n_samples: int = 1, seed: int = 0) -> np.ndarray:
    """A smooth picture with noise over the whole range, uint16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    top = 2**bits - 1
    smooth = 0.5 + 0.3 * np.sin(x / 9.0) * np.cos(y / 7.0)
    planes = [(smooth * (0.6 + 0.2 * k) + rng.normal(0, 0.02, smooth.shape)) * top for k in range(n_samples)]
    picture = np.stack(planes, 2).clip(0, top).astype(np.uint16)
    picture[0, 0], picture[-1, -1] = 0, top
    return picture[..., 0] if n_samples == 1 else picture


def full_file(order: str = "<", is_big: bool = False) -> tuple[bytes, np.ndarray]:
    """A DNG as a converter writes it: thumbnail in IFD0, raw and preview in SubIFDs, Exif, GPS, opcodes, every tag."""
    stored = scene(56, 72, 12, seed=5)
    active = (4, 8, 52, 72)
    opcodes = struct.pack(">I", 1) + _gain_map(48, 64)
    warp = struct.pack(">I4I", 1, 1, 0x01030000, 1, 4 + 48 + 16) + struct.pack(">I8d", 1, 1, 0.01, 0, 0, 0, 0, 0.5, 0.5)
    raw = raw_ifd(
        stored, [pack(stored[k : k + 10], 12) for k in range(0, 56, 10)], 1, 12, rows_per_strip=10,
        t50829=(LONG, active), t50830=(LONG, [0, 0, 56, 6]), t50713=(SHORT, [2, 2]),
        t50714=(RATIONAL, rationals(100, 101, 102, 103.5)), t50715=(SRATIONAL, rationals(*np.linspace(-1, 1, 64))),
        t50716=(SRATIONAL, rationals(*np.linspace(0, 2, 48))), t50718=(RATIONAL, rationals(1, 1)),
        t50719=(RATIONAL, rationals(2, 4)), t50720=(RATIONAL, rationals(60, 40)),
        t50712=(SHORT, np.minimum(np.arange(4096) * 2, 65535)), t50717=(LONG, [8190]), t51009=(UNDEFINED, opcodes),
        t51022=(UNDEFINED, warp), t51041=(DOUBLE, [1e-4, 1e-7, 2e-4, 2e-7, 3e-4, 3e-7]),
    )  # fmt: skip
    preview = jpeg_preview()
    small = Ifd({254: (LONG, 1), 256: (LONG, 64), 257: (LONG, 48), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 7),
                 262: (SHORT, 6), 277: (SHORT, 3), 278: (LONG, 48)}, [preview])  # fmt: skip
    exif = Ifd({
        33434: (RATIONAL, [1, 250]), 33437: (RATIONAL, [18, 10]), 34855: (SHORT, 640),
        36867: (ASCII, "2024:05:06 07:08:09"), 36881: (ASCII, "+02:00"), 37386: (RATIONAL, [4380, 1000]),
        37521: (ASCII, "125"), 41989: (SHORT, 26), 42036: (ASCII, "Main lens"),
    })  # fmt: skip
    gps = Ifd({1: (ASCII, "N"), 2: (RATIONAL, [48, 1, 8, 1, 3, 1])})
    ifd0 = Ifd(
        {**colour_tags(), 254: (LONG, 1), 256: (LONG, 16), 257: (LONG, 12), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 1),
         262: (SHORT, 2), 277: (SHORT, 3), 278: (LONG, 12)},
        [bytes(range(192)) * 3], children={330: [raw, small], 34665: [exif], 34853: [gps]},
    )  # fmt: skip
    return tiff([ifd0], order, is_big), stored[active[0] : active[2], active[1] : active[3]]


def _gain_map(height: int, width: int) -> bytes:
    gain = np.linspace(1, 2, 12, dtype=">f4")
    body = struct.pack(">8I", 0, 0, height, width, 0, 1, 2, 2)
    body += struct.pack(">2I4dI", 3, 4, 0.5, 1 / 3, 0, 0, 1) + gain.tobytes()
    return struct.pack(">4I", 9, 0x01030000, 1, len(body)) + body


def seeds() -> dict[str, tuple[bytes, np.ndarray]]:
    """{name: (file, pixels of its active area)}: every compression, sample type and arrangement."""
    full = {"full": full_file(), "full-big-endian": full_file(">"), "full-bigtiff": full_file("<", True)}
    return {**_uncompressed(), **_jpeg(), **_deflate(), **_jpeg_xl(), **full}


def _uncompressed() -> dict[str, tuple[bytes, np.ndarray]]:
    found = {}
    for bits in (8, 10, 12, 14, 16):
        image = scene(50, 61, bits, seed=bits)
        strips = [pack(image[k : k + 16], bits) for k in range(0, 50, 16)]
        found[f"plain-{bits}"] = dng(raw_ifd(image, strips, 1, bits, rows_per_strip=16)), image
    image = scene(64, 64, 16)
    found["plain-16-big-endian"] = dng(raw_ifd(image, [pack(image, 16, ">")], 1, 16), ">"), image
    found["plain-12-bigtiff"] = dng(raw_ifd(image >> 4, [pack(image >> 4, 12)], 1, 12), ">", True), image >> 4
    found["plain-10-tiles"] = (
        dng(raw_ifd(image >> 6, tiles(image >> 6, 32, 48, lambda t: pack(t, 10)), 1, 10, (32, 48))), image >> 6
    )  # fmt: skip
    rgb = scene(40, 44, 16, 3)
    found["linear-16"] = dng(raw_ifd(rgb, [pack(rgb, 16)], 1, 16)), rgb
    planes = [pack(rgb[k : k + 20, :, c], 16) for c in range(3) for k in (0, 20)]
    found["linear-planar"] = dng(raw_ifd(rgb, planes, 1, 16, rows_per_strip=20, t284=(SHORT, 2))), rgb
    found["monochrome"] = dng(raw_ifd(image, [pack(image, 16)], 1, 16, photometric=LINEAR_RAW)), image
    quad = np.repeat(np.repeat([[1, 0], [2, 1]], 2, 0), 2, 1)
    found["quad-bayer"] = (
        dng(raw_ifd(image, [pack(image, 16)], 1, 16, t33421=(SHORT, [4, 4]), t33422=(BYTE, quad.ravel()))), image
    )  # fmt: skip
    decimals = (image / 65535).astype(np.float32)
    found["float-32"] = (
        dng(raw_ifd(image, [decimals.astype("<f4").tobytes()], 1, 32, is_float=True)), decimals
    )  # fmt: skip
    return found


def _jpeg() -> dict[str, tuple[bytes, np.ndarray]]:
    import imagecodecs

    def lossless(image: np.ndarray, predictor: int = 1, bits: int = 16) -> bytes:
        return imagecodecs.jpeg8_encode(image, lossless=True, predictor=predictor, bitspersample=bits)

    def two_components(tile: np.ndarray) -> bytes:
        return lossless(tile.reshape(tile.shape[0], tile.shape[1] // 2, 2))

    found = {}
    image = scene(70, 90, 14)
    for predictor in range(1, 8):
        strips = [lossless(image[k : k + 32], predictor, 14) for k in range(0, 70, 32)]
        found[f"ljpeg-strips-{predictor}"] = dng(raw_ifd(image, strips, 7, 14, rows_per_strip=32)), image
        found[f"ljpeg-one-strip-{predictor}"] = dng(raw_ifd(image, [lossless(image, predictor, 14)], 7, 14)), image
    found["ljpeg-tiles-2"] = dng(raw_ifd(image, tiles(image, 32, 48, two_components), 7, 14, (32, 48))), image
    wide = scene(32, 64, 12)
    rows_in_pairs = wide.reshape(16, 128)
    found["ljpeg-double-rows"] = dng(raw_ifd(wide, [lossless(rows_in_pairs, 6, 12)], 7, 12)), wide
    rgb = scene(48, 64, 16, 3)
    found["ljpeg-linear"] = dng(raw_ifd(rgb, tiles(rgb, 32, 32, lossless), 7, 16, (32, 32))), rgb
    # What is read back from a lossy file is what this very decoder makes of it: the truth is in the tests.
    small = (scene(48, 64, 8, 3)).astype(np.uint8)
    parts = tiles(small, 32, 32, lambda t: imagecodecs.jpeg8_encode(t, level=95, subsampling="444"))
    found["lossy-linear"] = dng(raw_ifd(small, parts, 34892, 8, (32, 32))), small.astype(np.uint16)
    grey = scene(48, 64, 8).astype(np.uint8)
    parts = tiles(grey, 32, 32, lambda t: imagecodecs.jpeg8_encode(t, level=95))
    found["lossy-mosaic"] = dng(raw_ifd(grey, parts, 34892, 8, (32, 32))), grey.astype(np.uint16)
    return found


def _deflate() -> dict[str, tuple[bytes, np.ndarray]]:
    found = {}
    image = scene(48, 50, 16)
    found["deflate"] = (
        dng(raw_ifd(image, tiles(image, 32, 32, lambda t: zlib.compress(pack(t, 16))), 8, 16, (32, 32))),
        image,
    )
    for number, step in ((2, 1), (34892, 2), (34893, 4)):

        def predicted(tile: np.ndarray, step: int = step) -> bytes:
            out = tile.copy()
            out[:, step:] -= tile[:, :-step]
            return zlib.compress(out.astype(">u2").tobytes())

        raw = raw_ifd(image, tiles(image, 32, 32, predicted), 8, 16, (32, 32), t317=(SHORT, number))
        found[f"deflate-predictor-{number}"] = dng(raw, ">"), image
    decimals = (image / 65535).astype(np.float32)
    for bits, expected in ((16, decimals.astype(np.float16)), (24, float24(decimals)), (32, decimals)):
        for number, step in ((3, 1), (34894, 2)):
            parts = tiles(decimals, 32, 32, lambda t, b=bits, s=step: zlib.compress(float_rows(t, b // 8, s)))  # type: ignore[misc]
            raw = raw_ifd(decimals, parts, 8, bits, (32, 32), is_float=True, t317=(SHORT, number))
            found[f"deflate-float-{bits}-{number}"] = dng(raw), expected.astype(np.float32)
    return found


def _jpeg_xl() -> dict[str, tuple[bytes, np.ndarray]]:
    import imagecodecs

    def lossless(image: np.ndarray, bits: int | None = None) -> bytes:
        return imagecodecs.jpegxl_encode(image, lossless=True, effort=1, bitspersample=bits)

    found = {}
    image = scene(48, 80, 12)
    parts = tiles(image, 32, 32, lambda t: lossless(t, 12))
    found["jxl-mosaic"] = dng(raw_ifd(image, parts, 52546, 12, (32, 32))), image
    odd = scene(50, 62, 10)
    parts = tiles(interleave(odd, 2, 2), 32, 32, lambda t: lossless(t, 10))
    raw = raw_ifd(odd, parts, 52546, 10, (32, 32), t50975=(SHORT, 2), t52547=(SHORT, 2))
    found["jxl-interleaved"] = dng(raw), odd
    rgb = scene(40, 48, 16, 3)
    found["jxl-linear"] = dng(raw_ifd(rgb, [lossless(rgb)], 52546, 16)), rgb
    decimals = (scene(40, 48, 16) / 65535).astype(np.float32)
    found["jxl-float"] = dng(raw_ifd(decimals, [lossless(decimals)], 52546, 32, is_float=True)), decimals
    return found
