"""Vendor raw files (CR2, CR3, NEF, ARW, RAF, ORF, RW2, PEF, ...) as mosaics, through rawpy and LibRaw.

LibRaw decodes the pixels and knows each camera's levels and matrix; what it hides of the metadata is read here from the
file's own TIFF directories where it has them. Nothing of LibRaw's development is used.
"""

from __future__ import annotations

import contextlib
import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng import metadata, preview
from lichtbild.capture.dng.reader import guarded
from lichtbild.capture.dng.tags import Tag
from lichtbild.capture.dng.tiff import TiffFile, file_size, walk
from lichtbild.core import (
    Camera,
    Cfa,
    ColourCalibration,
    Exposure,
    FrameInfo,
    FrameSource,
    Levels,
    LichtbildError,
    MetadataError,
    Tags,
    UnreadableFile,
)
from lichtbild.core import colour_space as cs

# LibRaw's flip: bit 2 transposes, bit 1 turns rows round, bit 0 columns; to EXIF orientation.
_ORIENTATION = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
# TIFF with another magic number: Olympus, Olympus (old), Panasonic.
_MAGICS = (0x4F52, 0x5352, 0x55)
_HEAD_BYTES = 1 << 18


def open_raw(path: str | Path) -> FrameSource:
    """What a vendor raw file tells, and the way to its mosaic.

    The file is decoded once here, because LibRaw measures some cameras' black level from their pixels, and again by
    `.read()`. There is no noise model and there are no corrections: such files do not state any that LibRaw gives.

    Parameters
    ----------
    path
        A file that LibRaw knows, with a Bayer or a monochrome sensor. Its decoders are less hardened than ours.

    Raises
    ------
    UnreadableFile
        If rawpy is not installed, or LibRaw cannot read the file.
    MetadataError
        If the sensor is none of those: X-Trans, Foveon, four colours, or data that is not a mosaic (sRAW).
    """
    path = Path(path)
    return guarded(path, lambda: _open(path))


@contextlib.contextmanager
def _decoder(path: Path) -> Iterator[Any]:
    """The open LibRaw file; its errors as ours."""
    try:
        import rawpy
    except ImportError as error:
        raise UnreadableFile(
            "vendor raw files need LibRaw, which is not installed", where=path, hint="pip install lichtbild[raw]"
        ) from error
    try:
        # A file object rather than a name: LibRaw's own opening fails on names beyond the local code page on Windows.
        with path.open("rb") as stream, rawpy.RawPy() as raw:
            raw.open_buffer(stream)
            yield raw
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        text = error.args[0] if error.args else error
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        raise UnreadableFile(
            f"LibRaw cannot read it: {words}", where=path, hint="convert it to DNG with the maker's tool"
        ) from error


def _open(path: Path) -> FrameSource:
    file_size(path)
    reasons: list[str] = []
    tags, exposure, make, model, lens = _metadata(path, reasons)
    with _decoder(path) as raw:
        raw.unpack()
        info = _info(path, raw, tags, exposure, (make, model, lens), reasons)

    def read() -> npt.NDArray[Any]:
        return guarded(path, lambda: _pixels(path))

    def read_preview() -> npt.NDArray[Any] | None:
        return guarded(path, lambda: _preview(path))

    return FrameSource(info, read, read_preview)


def _pixels(path: Path) -> npt.NDArray[Any]:
    with _decoder(path) as raw:
        raw.unpack()
        # A copy: the array LibRaw gives lives only as long as the file is open.
        return np.array(raw.raw_image_visible, np.uint16)


def _preview(path: Path) -> npt.NDArray[Any] | None:
    with _decoder(path) as raw:
        try:
            thumbnail = raw.extract_thumb()
        except Exception:
            return None
        data = thumbnail.data
        if isinstance(data, bytes):
            return preview.decode_jpeg_preview(data, str(path))
        picture = np.array(data)
        return picture if picture.ndim == 3 and picture.dtype == np.uint8 else None


def _info(
    path: Path, raw: Any, tags: Tags, exposure: Exposure, names: tuple[str, str, str], reasons: list[str]
) -> FrameInfo:
    import rawpy

    if raw.raw_type != rawpy.RawType.Flat:
        raise MetadataError("its pixels are no mosaic (sRAW, Foveon or already developed)", where=path,
                            hint="convert it to a LinearRaw DNG")  # fmt: skip
    sites, cfa = _cfa(path, raw)
    shape = (int(raw.sizes.height), int(raw.sizes.width))
    if min(shape) < 2:
        raise UnreadableFile(f"a picture of {shape[1]} x {shape[0]} pixels", where=path)
    levels = _levels(path, raw, sites, reasons)
    # LibRaw leaves what it cannot read at 0 and says so on stderr only; a real row has its black level and noise.
    if float(levels.black.min()) > 0 and not raw.raw_image_visible[-2:].any():
        raise UnreadableFile("its last rows are missing", where=path, hint="the file is cut short: copy it again")
    make, model, lens = names
    unique = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    reasons.append("vendor raw files carry no noise model")
    return FrameInfo(
        name=path.name,
        shape=shape,
        kind="mosaic" if cfa else "monochrome",
        camera=Camera(make, model, unique, lens or _lens(raw), _colour(raw, reasons) if cfa else None),
        exposure=_exposure(raw, exposure),
        cfa=cfa,
        levels=levels,
        default_crop=_crop(raw, shape),
        orientation=_ORIENTATION.get(int(raw.sizes.flip), 1),
        as_shot_neutral=_neutral(raw, reasons) if cfa else None,
        tags=tags,
        path=path,
        compression=f"vendor {path.suffix.lstrip('.').upper()}".strip(),
        bits=max(1, math.ceil(math.log2(levels.white[0] + 1))),
        reasons=tuple(reasons),
    )


def _cfa(path: Path, raw: Any) -> tuple[npt.NDArray[np.intp], Cfa | None]:
    """LibRaw's channel at each site, and the filter array (None: monochrome)."""
    pattern = raw.raw_pattern
    if raw.num_colors == 1 or pattern is None:
        return np.zeros((1, 1), np.intp), None
    if pattern.shape == (6, 6):
        raise MetadataError("a sensor with an X-Trans filter array", where=path,
                            hint="the camera's JPEG, or a LinearRaw DNG")  # fmt: skip
    letters = raw.color_desc.decode("ascii", "replace")
    if pattern.shape != (2, 2) or not set(letters) <= set("RGB"):
        raise MetadataError(f"a filter array of {letters}, {pattern.shape}", where=path, hint="Bayer sensors only")
    # Both `raw_pattern` and `raw_colors_visible` count from the corner of the whole sensor: ask by place.
    top, left = raw.sizes.top_margin, raw.sizes.left_margin
    sites = np.array([[raw.raw_color(top + i, left + j) for j in (0, 1)] for i in (0, 1)], np.intp)
    name = "".join(letters[k] for k in sites.ravel())
    if sorted(name) != sorted("RGGB") or name[0] == name[1] or name[0] == name[2]:
        raise MetadataError(f"a filter array of {name}", where=path, hint="Bayer sensors only")
    return sites, Cfa.from_name(name)


def _levels(path: Path, raw: Any, sites: npt.NDArray[np.intp], reasons: list[str]) -> Levels:
    black = np.asarray(raw.black_level_per_channel, np.float32)[sites][..., None]
    white = float(raw.white_level or 65535)
    per_channel = [float(w) for w in (getattr(raw, "camera_white_level_per_channel", None) or []) if w]
    if per_channel and float(black.max()) < min(per_channel) < white:
        white = min(per_channel)
        reasons.append(f"white {white:g}: the camera's own saturation, not LibRaw's {float(raw.white_level):g}")
    if float(black.max()) >= white:
        raise MetadataError(f"white {white:g} is not above black {float(black.max()):g}", where=path)
    return Levels(np.ascontiguousarray(black), (white,))


def _neutral(raw: Any, reasons: list[str]) -> tuple[float, float, float] | None:
    gains = [float(g) for g in raw.camera_whitebalance]
    if min(gains[:3]) > 0 and all(map(math.isfinite, gains)) and max(gains[:3]) / min(gains[:3]) < 100:
        return gains[1] / gains[0], 1.0, gains[1] / gains[2]
    reasons.append("the file does not tell the camera's white balance: the light of the scene is not known")
    return None


def _colour(raw: Any, reasons: list[str]) -> ColourCalibration | None:
    """LibRaw keeps one matrix a camera, XYZ to camera under D65, from Adobe's tables or the file."""
    matrix = np.array(raw.rgb_xyz_matrix, np.float64)[:3]
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)) or abs(np.linalg.det(matrix)) < 1e-6:
        reasons.append("LibRaw knows no colour matrix of this camera")
        return None
    reasons.append("one colour matrix only, of D65: LibRaw's table of cameras")
    return ColourCalibration((cs.D65_XY,), (matrix,))


def _crop(raw: Any, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The maker's crop, which LibRaw counts from the corner of the whole sensor."""
    s = raw.sizes
    height, width = int(getattr(s, "crop_height", 0)), int(getattr(s, "crop_width", 0))
    top = int(getattr(s, "crop_top_margin", 0)) - int(s.top_margin)
    left = int(getattr(s, "crop_left_margin", 0)) - int(s.left_margin)
    inside = top >= 0 and left >= 0 and top + height <= shape[0] and left + width <= shape[1]
    return (top, left, height, width) if inside and min(height, width) >= shape[1] // 4 else None


def _exposure(raw: Any, own: Exposure) -> Exposure:
    """What the file's directories told, and LibRaw's numbers where they did not."""
    other = getattr(raw, "other", None)

    def number(mine: float | None, name: str) -> float | None:
        value = float(getattr(other, name, 0) or 0)
        # LibRaw gives 1 for APEX values that were never filled in.
        is_told = math.isfinite(value) and value > 0 and value != 1
        return mine if mine is not None else value if is_told else None

    captured = own.captured_s
    stamp = getattr(other, "timestamp", None)
    if captured is None and stamp is not None and stamp.year > 1970:
        captured = metadata.parse_time(stamp.strftime("%Y:%m:%d %H:%M:%S"))
    return Exposure(
        number(own.time_s, "shutter_speed"), number(own.iso, "iso_speed"), number(own.f_number, "aperture"),
        number(own.focal_length_mm, "focal_length"), own.focal_length_35mm, captured,
    )  # fmt: skip


def _lens(raw: Any) -> str:
    return str(getattr(getattr(raw, "lens", None), "model", "") or "").strip()


def _metadata(path: Path, reasons: list[str]) -> tuple[Tags, Exposure, str, str, str]:
    """Tags, exposure, make, model and lens from the TIFF directories that vendor formats are built on or hold."""
    try:
        with path.open("rb") as stream:
            file, exif_file = _directories_file(stream, path)
            ifd0 = walk(file, [])[0]
            exif, gps = (
                file.directory(ifd0.integer(t, high=2**32 - 1), label) if t in ifd0 else None
                for t, label in ((Tag.EXIF_IFD, "Exif"), (Tag.GPS_IFD, "GPS"))
            )
            if exif_file is not None:
                exif = exif_file.directory(exif_file.first_directory, "Exif")
            directories = [d for d in (exif, ifd0) if d is not None]
            tags = metadata.read_tags(ifd0, exif, gps, [])
            lens = metadata.lens_name(directories, tags.xmp)
            exposure = metadata.read_exposure(directories, [])
            return tags, exposure, ifd0.text(Tag.MAKE), ifd0.text(Tag.MODEL), lens
    except (LichtbildError, struct.error):
        reasons.append("its metadata are not in a form read here: only what LibRaw tells is known")
        return Tags(), Exposure(), "", "", ""


def _directories_file(stream: BinaryIO, path: Path) -> tuple[TiffFile, TiffFile | None]:
    """The TIFF structure that holds IFD0, and that of the Exif directory where it is one of its own (CR3)."""
    head = stream.read(_HEAD_BYTES)
    if head.startswith(b"FUJIFILM"):
        # A RAF begins with a JPEG, whose EXIF block is the file's.
        at = head.find(b"Exif\0\0", struct.unpack_from(">I", head, 84)[0])
        return TiffFile(io.BytesIO(head[at + 6 :] if at > 0 else b""), str(path)), None
    if head[4:12] == b"ftypcrx ":
        boxes = [_box(head, kind, path) for kind in (b"CMT1", b"CMT2")]
        return boxes[0], boxes[1]
    return TiffFile(stream, str(path), _MAGICS), None


def _box(head: bytes, kind: bytes, path: Path) -> TiffFile:
    at = head.find(kind)
    size = struct.unpack_from(">I", head, at - 4)[0] if at >= 4 else 0
    return TiffFile(io.BytesIO(head[at + 4 : at - 4 + size] if size > 8 else b""), str(path))
