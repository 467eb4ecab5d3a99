"""Frames become DNG files: a mosaic as a phone writes it, a merged mosaic, or a merged linear negative.

IFD0 holds a thumbnail and the tags of the whole file; the raw image, its levels and its opcodes stand in the first
SubIFD, a larger preview in the second: RawTherapee and darktable look for the opcodes there and nowhere else.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.corrections import Opcode, OpcodeLists
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, MetadataError, ShapeError
from lichtbild.core.frame import Frame, Levels
from lichtbild.core.noise import NoiseModel
from lichtbild.core.opcode_bytes import serialise
from lichtbild.output import dng_tags as tags
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.dng_image import JPEG_XL, Steps, Storage, half_entries, image_entries
from lichtbild.output.dng_profile import Profile
from lichtbild.output.metadata import SOFTWARE, carried_exif
from lichtbild.output.preview import PREVIEW_PX, fitted, jpeg_directory, rough_preview
from lichtbild.output.xmp import Provenance

MIME = "image/dng"
THUMBNAIL_PX = 256

# Black of a merged negative: noise around black goes below it and must not be cut. At least this part of the range...
LEAST_BLACK = 1 / 64
# ... and at most this, for noise that no picture has.
MOST_BLACK = 1 / 4
# The noise where it is least is this many steps: rounding adds 1/750 to its variance, and no developer can band it.
STEPS_OF_NOISE = 8
TOP = 65535
# How far above saturation values may go before they are cut (corners brightened by the shading correction).
MOST_HEADROOM = 4.0


def write_dng(
    path: str | Path,
    frame: Frame,
    *,
    preview: npt.NDArray[np.uint8] | None = None,
    software: str = SOFTWARE,
    xmp: bytes | None = None,
    force: bool = False,
    compress: bool = True,
    coding: str = "jpeg",
    is_half: bool = False,
    profile: Profile | None = None,
    credentials: Credentials | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write `frame` as a DNG.

    Parameters
    ----------
    path
        The file to be.
    frame
        MOSAIC with stored uint8 or uint16 numbers and `info.levels` (written as they are); MOSAIC float32 linear
        (16-bit CFA); or CAMERA_RGB float32 (16-bit LinearRaw). Corrections still pending in `info.opcodes` are written
        as opcode lists, those used up are gone from there and so are not applied twice. Where `saturation` is not 1 the
        numbers are divided by it and BaselineExposure says so.
    preview
        sRGB uint8 [h, w, 3], oriented like the pixels (not turned by `info.orientation`); None: a rough one is made.
    software
        For the tag Software.
    xmp
        Packet to write instead of `info.tags.xmp`.
    force
        Replace a file that is there.
    compress
        Without loss (about 40 % of the size) instead of plain numbers.
    coding
        "jpeg": lossless JPEG, which all readers take. "jxl": JPEG XL, smaller, slower, for readers of DNG 1.7.
    is_half
        Half floats (DNG 1.4) instead of integers, of a frame that is linear: black 0, white 1, what is brighter kept.
        Deflated where `compress` is set.
    profile
        Tone curve and tables of a look, for the developer that opens the file; the pixels stay as they are.
    credentials, provenance
        Sign the file with these; what the signature tells of it.

    Raises
    ------
    DomainError
        If the frame is neither a mosaic nor camera RGB.
    MetadataError
        If corrections are pending that the stored numbers can no longer take.
    OutputError
        If the file cannot be written (see `atomic.written_whole`).

    Notes
    -----
    Cost: O(H W), 0.7 s of processor for a 12 MP mosaic. Source: DNG 1.7.1.
    """
    frame.require(Domain.MOSAIC, Domain.CAMERA_RGB)
    if preview is not None and (preview.dtype != np.uint8 or preview.ndim != 3 or preview.shape[2] != 3):
        raise ShapeError(f"a preview is uint8 [h, w, 3], not {preview.dtype} {list(preview.shape)}", where="preview")
    if frame.domain is Domain.CAMERA_RGB and frame.info.kind == "monochrome":
        frame = _one_plane(frame)
    main = _main_directory(frame, software, frame.info.tags.xmp if xmp is None else xmp)
    if profile is not None:
        main.entries |= profile.entries()
    raw = _raw_directory(frame, compress=compress, coding=coding, is_half=is_half)
    needed = (1, 7, 0, 0) if raw.entries[259][1] == JPEG_XL else (1, 4, 0, 0) if is_half else (1, 1, 0, 0)
    for tag in (50706, 50707):
        main.entries[tag] = (exif.BYTE, max(main.entries[tag][1], bytes(needed)))
    shown = rough_preview(frame, THUMBNAIL_PX) if preview is None else preview
    thumbnail = jpeg_directory(fitted(shown, THUMBNAIL_PX), quality=80)
    main.entries |= thumbnail.entries
    main.segments |= thumbnail.segments
    main.children[330] = [raw]
    if max(shown.shape[:2]) > THUMBNAIL_PX:
        main.children[330].append(jpeg_directory(fitted(shown, PREVIEW_PX), quality=85))
    signed(path, exif.serialise([main]), MIME, credentials, provenance or {}, force=force)


def _one_plane(frame: Frame) -> Frame:
    """A sensor without colours, carried as three equal planes, as the one plane it is."""
    noise = NoiseModel(frame.noise.alpha[:1], frame.noise.beta[:1], frame.noise.source, frame.noise.correlation_px)
    gain = None if frame.gain is None else frame.gain[..., :1]
    pixels = np.ascontiguousarray(frame.pixels[..., 0])
    return frame.replaced(pixels=pixels, domain=Domain.MOSAIC, noise=noise, gain=gain).with_info(cfa=None)


def _main_directory(frame: Frame, software: str, xmp: bytes) -> exif.Directory:
    """IFD0 without its picture."""
    info = frame.info
    carried = carried_exif(info, software)
    directory = exif.Directory(exif.typed(carried["ifd0"], "ifd0"))
    entries = directory.entries
    entries[274] = (exif.SHORT, info.orientation if 1 <= info.orientation <= 8 else 1)
    entries[50708] = (exif.ASCII, info.camera.name)
    exposure_ev = info.baseline_exposure_ev + (math.log2(frame.saturation) if _is_linear(frame) else 0.0)
    entries[50730] = (exif.SRATIONAL, (round(exposure_ev * 10_000), 10_000))
    if xmp:
        entries[700] = (exif.BYTE, xmp)
    if info.kind != "monochrome":
        if info.camera.colour is not None:
            entries |= tags.colour_entries(info.camera.colour)
        elif info.kind == "picture" or info.camera.is_rendered:
            entries |= tags.rendered_colour_entries()
        entries |= tags.white_balance_entries(info)
    noise = frame.noise.scaled(1 / frame.saturation) if _is_linear(frame) else frame.noise
    entries |= tags.noise_entries(noise, frame.n_effective, frame.gain)
    opcodes = info.opcodes
    entries |= tags.versions(entries, (*opcodes.on_stored, *opcodes.on_linear, *opcodes.after_demosaic))
    if "exif" in carried:
        directory.children[exif.EXIF_POINTER] = [exif.Directory(exif.typed(carried["exif"], "exif"))]
    if "gps" in carried:
        directory.children[exif.GPS_POINTER] = [exif.Directory(exif.typed(carried["gps"], "gps"))]
    return directory


def _is_linear(frame: Frame) -> bool:
    """Whether the pixels are floats 0..1 that get levels here, not stored numbers with levels of their own."""
    return frame.info.levels is None


def _raw_directory(frame: Frame, *, compress: bool, coding: str, is_half: bool) -> exif.Directory:
    info = frame.info
    height, width = frame.shape
    pixels = frame.pixels
    if is_half:
        if info.levels is not None or pixels.dtype != np.float32:
            raise DomainError("half floats are of linear pixels, float32 0..1", where=info.name, hint="a merged frame")
        n_planes = 1 if pixels.ndim == 2 else 3
        levels = Levels(np.zeros((1, 1, n_planes), np.float32), (1.0,) * n_planes)
    elif info.levels is None:
        levels, storage = _levels_of_linear(frame)
    else:
        levels, storage = info.levels, Storage()
        if frame.pixels.dtype not in (np.uint8, np.uint16):
            raise DomainError(f"stored numbers are uint8 or uint16, not {frame.pixels.dtype}", where=info.name)
    if is_half:
        directory = half_entries(pixels, 1 / frame.saturation, compress=compress)
    else:
        directory = image_entries(pixels, storage, compress=compress, coding=coding)
    entries = directory.entries
    is_cfa = frame.domain is Domain.MOSAIC and info.cfa is not None
    entries[262] = (exif.SHORT, tags.PI_CFA if is_cfa else tags.PI_LINEAR_RAW)
    if is_cfa and info.cfa is not None:
        entries |= tags.cfa_entries(info.cfa)
    entries |= tags.level_entries(levels)
    top, left, crop_height, crop_width = info.default_crop or (0, 0, height, width)
    entries |= {
        50718: (exif.RATIONAL, ((1, 1), (1, 1))),
        50719: (exif.LONG, (left, top)),
        50720: (exif.LONG, (crop_width, crop_height)),
        50780: (exif.RATIONAL, (1, 1)),
        50829: (exif.LONG, (0, 0, height, width)),
    }
    entries |= _opcode_entries(frame)
    return directory


def _levels_of_linear(frame: Frame) -> tuple[Levels, Storage]:
    """Levels for float pixels: black high enough for the noise below it, white where the sensor clips, and a table
    whose steps are a fixed part of the noise at every brightness: finer ones would store its last digits.

    Values above saturation (a shading gain brings them there) keep room above white: readers that know nothing of it
    cut them at white, as they should.
    """
    if frame.pixels.dtype != np.float32:
        raise DomainError(f"linear pixels are float32, not {frame.pixels.dtype}", where=frame.info.name)
    lowest = float(np.fmin.reduce(frame.pixels, axis=None)) / frame.saturation
    highest = float(np.fmax.reduce(frame.pixels, axis=None)) / frame.saturation
    headroom = min(max(highest, 1.0), MOST_HEADROOM) if math.isfinite(highest) else 1.0
    below = max(-lowest, 0.0) if math.isfinite(lowest) else 0.0
    part = min(max(below / (headroom + below), LEAST_BLACK), MOST_BLACK)
    black = math.ceil(part * (TOP + 1))
    white = black + int((TOP - black) / headroom)
    n_planes = 1 if frame.domain is Domain.MOSAIC else 3
    steps = _steps(frame, black, white - black)
    table = None if steps is None else steps.table()
    levels = Levels(np.full((1, 1, n_planes), black, np.float32), (float(white),) * n_planes, table=table)
    top = TOP if steps is None else steps.top
    return levels, Storage((white - black) / frame.saturation, float(black), top, steps)


def _steps(frame: Frame, black: float, unit: float) -> Steps | None:
    """Steps by the noise where it is least, of a picture whose saturation is `unit` above `black`; None where a table
    would not save a bit."""
    gain = 1.0 if frame.gain is None else float(frame.gain.min())
    n_frames = max(float(np.max(frame.n_effective)), 1e-6)
    slope = gain * min(frame.noise.alpha) / n_frames / frame.saturation * unit
    variance = gain**2 * min(frame.noise.beta) / n_frames / frame.saturation**2 * unit**2
    least = max(variance, STEPS_OF_NOISE**2)  # no step less than one of the table
    if not (math.isfinite(least) and slope * TOP > least / 16):
        return None
    steps = Steps(black, slope, least, STEPS_OF_NOISE)
    return steps if steps.top < TOP / 2 else None


def _opcode_entries(frame: Frame) -> tags.Entries:
    lists = frame.info.opcodes
    _check_opcodes(frame, lists)
    entries: tags.Entries = {}
    for tag, opcodes in ((51008, lists.on_stored), (51009, lists.on_linear), (51022, lists.after_demosaic)):
        if opcodes:
            entries[tag] = (exif.UNDEFINED, serialise(opcodes))
    return entries


def _check_opcodes(frame: Frame, lists: OpcodeLists) -> None:
    def refuse(opcodes: tuple[Opcode, ...], why: str) -> None:
        names = ", ".join(type(o).__name__ for o in opcodes)
        raise MetadataError(
            f"{names} still pending, but {why}", where=frame.info.name, hint="linearise the frame first"
        )

    if lists.on_stored and _is_linear(frame):
        refuse(lists.on_stored, "the numbers they belong to are gone")
    if lists.on_linear and frame.domain is Domain.CAMERA_RGB and frame.info.kind == "mosaic":
        refuse(lists.on_linear, "they belong to the mosaic")
