"""A DNG file to a FrameSource: tags when it is opened, pixels when they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng import colour, metadata, preview, profile
from lichtbild.capture.dng.layout import Layout, active_area, default_crop, is_raw, photometric, read_layout
from lichtbild.capture.dng.levels import (
    jpeg_xl_range,
    masked_areas,
    masked_black,
    read_cfa,
    read_levels,
    require_plausible,
)
from lichtbild.capture.dng.pixels import Area, decode, pixel_type
from lichtbild.capture.dng.tags import Tag
from lichtbild.capture.dng.tiff import Directory, TiffFile, file_size, walk
from lichtbild.core import Camera, Cfa, FrameInfo, FrameSource, Levels, LichtbildError, MetadataError, UnreadableFile

T = TypeVar("T")

_NEWEST = (1, 7, 1, 0)
_MAIN_PICTURE = 0
_MAX_MASKED_SAMPLES = 64_000_000
_NO_MASKS: list[Area] = []


def open_dng(path: str | Path) -> FrameSource:
    """What a DNG file tells, and the way to its pixels.

    Reads the tags (some ten kilobytes); pixels are decoded by `.read()`: the active area, uint16 [H, W] of a mosaic or
    monochrome sensor, uint16 [H, W, 3] of LinearRaw, float32 of files that store floats or more than 16 bits. What is
    missing in the file gets the specification's default and a line in `info.reasons`.

    Parameters
    ----------
    path
        A DNG 1.0 to 1.7.1 file, TIFF or BigTIFF. It may be hostile: nothing of it is believed unchecked.

    Raises
    ------
    UnreadableFile
        If the file is not there, cut short, damaged, no DNG, or compressed in a way DNG does not know.
    MetadataError
        If a tag that the pixels cannot be understood without is missing, out of range, or contradicts another.
    """
    path = Path(path)
    return guarded(path, lambda: _open(path))


def guarded(path: Path, work: Callable[[], T]) -> T:
    """The result of `work`; every surprise becomes a file that cannot be read."""
    try:
        return work()
    except LichtbildError:
        raise
    except MemoryError as error:
        raise UnreadableFile("there is not enough memory to read it", where=path) from error
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error), where=path) from error
    except Exception as error:
        raise UnreadableFile(
            f"it is damaged ({type(error).__name__}: {error})", where=path, hint="copy it from the camera again"
        ) from error


def _open(path: Path) -> FrameSource:
    size = file_size(path)
    with path.open("rb") as stream:
        file = TiffFile(stream, str(path))
        reasons: list[str] = []
        directories = walk(file, reasons)
        ifd0 = directories[0]
        _require_dng(ifd0)
        raw = _raw_directory(directories, reasons)
        layout = read_layout(raw, reasons)
        area = active_area(raw, layout, reasons)
        kind, cfa = read_cfa(raw, photometric(raw), layout.n_samples, reasons)
        levels = read_levels(raw, layout, area, cfa, reasons)
        layout = dataclasses.replace(layout, scaled_to=jpeg_xl_range(layout, levels, reasons))
        if Tag.BLACK_LEVEL not in raw and Tag.MASKED_AREAS in raw:
            levels = _with_masked_black(file, raw, layout, area, levels, cfa.quad * 2 if cfa else 1, reasons)
        info = _info(path, ifd0, raw, (layout, area, levels), (kind, cfa), reasons)
        found = preview.candidates(d for d in directories if d is not raw)

    def read() -> npt.NDArray[Any]:
        return guarded(path, lambda: _pixels(path, size, layout, area))

    def read_rows(start: int, stop: int) -> npt.NDArray[Any]:
        top, left, _, right = area
        return guarded(path, lambda: _pixels(path, size, layout, (top + start, left, top + stop, right)))

    def read_preview() -> npt.NDArray[Any] | None:
        return guarded(path, lambda: _preview(path, found)) if found else None

    return FrameSource(info, read, read_preview, read_rows)


def _pixels(path: Path, size: int, layout: Layout, area: Area) -> npt.NDArray[Any]:
    with path.open("rb") as stream:
        file = TiffFile(stream, str(path))
        if file.size != size:
            raise UnreadableFile("the file changed since it was opened", where=path)
        return decode(file, layout, area, str(path))


def _preview(path: Path, found: list[preview.Candidate]) -> npt.NDArray[Any] | None:
    with path.open("rb") as stream:
        return preview.read_preview(TiffFile(stream, str(path)), found)


def _require_dng(ifd0: Directory) -> None:
    version = ifd0.integers(Tag.DNG_VERSION)
    if version is None:
        raise UnreadableFile("this is a TIFF file without DNGVersion, not a DNG", where=ifd0.file.name,
                             hint="open it as a vendor raw file or a picture")  # fmt: skip
    needs = ifd0.integers(Tag.DNG_BACKWARD_VERSION) or version
    if tuple(needs[:4]) > _NEWEST or len(version) != 4:
        raise ifd0.wrong(Tag.DNG_BACKWARD_VERSION, f"this file needs a reader of DNG {'.'.join(map(str, needs[:4]))}",
                         "a newer version of lichtbild")  # fmt: skip


def _raw_directory(directories: list[Directory], reasons: list[str]) -> Directory:
    """The directory of the main raw picture: the largest of kind 0, else the largest raw one of any kind."""
    raw = [d for d in directories if is_raw(d)]
    if not raw:
        kinds = sorted({photometric(d) for d in directories})
        raise MetadataError(
            f"no directory holds raw pixels (PhotometricInterpretation {', '.join(map(str, kinds))})",
            where=directories[0].file.name, hint="the file holds only a picture: open it as TIFF",
        )  # fmt: skip

    def key(ifd: Directory) -> tuple[bool, int]:
        try:
            is_main = ifd.integer(Tag.NEW_SUBFILE_TYPE, _MAIN_PICTURE, 0, 2**32 - 1) == _MAIN_PICTURE
            return is_main, ifd.integer(Tag.IMAGE_LENGTH, 0) * ifd.integer(Tag.IMAGE_WIDTH, 0)
        except MetadataError:
            return False, 0

    # Of equals the first counts.
    best = max(raw, key=key)
    if not key(best)[0]:
        reasons.append(
            f"{best.where(Tag.NEW_SUBFILE_TYPE)}: no directory is marked as the main picture: the largest taken"
        )
    return best


def _info(
    path: Path, ifd0: Directory, raw: Directory, stored: tuple[Layout, Area, Levels], sort: tuple[str, Cfa | None],
    reasons: list[str],
) -> FrameInfo:  # fmt: skip
    layout, area, levels = stored
    kind, cfa = sort
    shape = (area[2] - area[0], area[3] - area[1])
    if cfa is not None and cfa.quad == 2 and (shape[0] % 2 or shape[1] % 2):
        reasons.append("the active area cuts through quad-Bayer blocks at its end")
    sub = {tag: colour.optional(lambda t=tag: _sub_directory(ifd0, t), None, reasons)  # type: ignore[misc]
           for tag in (Tag.EXIF_IFD, Tag.GPS_IFD)}  # fmt: skip
    exposure_from = [d for d in (sub[Tag.EXIF_IFD], ifd0) if d is not None]
    tags = metadata.read_tags(ifd0, sub[Tag.EXIF_IFD], sub[Tag.GPS_IFD], reasons)
    neutral, white_xy = (None, None) if kind == "monochrome" else colour.read_as_shot(ifd0, reasons)
    camera = Camera(
        make=ifd0.text(Tag.MAKE),
        model=ifd0.text(Tag.MODEL),
        unique_name=ifd0.text(Tag.UNIQUE_CAMERA_MODEL),
        lens=metadata.lens_name(exposure_from, tags.xmp),
        colour=None if kind == "monochrome" else colour.read_colour(ifd0, reasons),
        profile=None if kind == "monochrome" else profile.read_maps(ifd0, reasons),
    )
    orientation = colour.optional(lambda: ifd0.integer(Tag.ORIENTATION, 1, 1, 8), 1, reasons)
    if Tag.PROFILE_GAIN_TABLE_MAP in raw or Tag.PROFILE_GAIN_TABLE_MAP_2 in ifd0:
        reasons.append("ProfileGainTableMap, the maker's local tone rendering, is not applied")
    return FrameInfo(
        name=path.name,
        shape=shape,
        kind=kind,
        camera=camera,
        exposure=metadata.read_exposure(exposure_from, reasons),
        cfa=cfa,
        levels=levels,
        noise=metadata.read_noise((raw, ifd0), kind, cfa, reasons),
        opcodes=metadata.read_opcodes(raw, (layout.height, layout.width), area, reasons),
        default_crop=default_crop(raw, shape, reasons),
        orientation=orientation,
        as_shot_neutral=neutral,
        as_shot_white_xy=white_xy,
        baseline_exposure_ev=metadata.baseline_exposure_ev(ifd0, reasons),
        tags=tags,
        path=path,
        compression=layout.compression.label,
        bits=layout.bits,
        reasons=tuple(reason.replace(f"{path}, ", "") for reason in reasons),
    )


def _sub_directory(ifd0: Directory, tag: Tag) -> Directory | None:
    if tag not in ifd0:
        return None
    return ifd0.file.directory(ifd0.integer(tag, high=2**63 - 1), "Exif" if tag == Tag.EXIF_IFD else "GPS")


def _with_masked_black(
    file: TiffFile, raw: Directory, layout: Layout, area: Area, levels: Levels, period: int, reasons: list[str]
) -> Levels:
    """`levels` with the black of the masked pixels, where it can be measured."""
    masks = colour.optional(lambda: masked_areas(raw, layout), _NO_MASKS, reasons)
    n_samples = layout.height * layout.width * layout.n_samples
    if not masks or layout.n_samples > 1 or n_samples > _MAX_MASKED_SAMPLES or pixel_type(layout) is not np.uint16:
        reasons.append("BlackLevel is missing and the masked pixels cannot be used: 0, as the specification has it")
        return levels
    stored = decode(file, layout, (0, 0, layout.height, layout.width), file.name)
    black = masked_black(stored, masks, area, levels.table, period)
    if black is None:
        reasons.append("BlackLevel is missing and too few pixels are masked: 0, as the specification has it")
        return levels
    require_plausible(levels, black, raw)
    reasons.append(f"BlackLevel is missing: {float(black.mean()):.1f}, measured from the masked pixels")
    return dataclasses.replace(levels, black=black)
