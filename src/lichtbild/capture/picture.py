"""Pictures a camera developed already (JPEG, HEIC, PNG, TIFF, netpbm), made linear by their colour profile.

Many phones give nothing else. What the camera denoised, sharpened and tone-mapped stays so: the numbers become
proportional to the light that the picture shows, not to the light that the sensor saw.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture import exif_facts, icc
from lichtbild.capture.picture_decoders import decode, jpeg_preview, read_bytes, read_header
from lichtbild.capture.picture_headers import Header, parsed_profile
from lichtbild.capture.sniff import PICTURE_KINDS, check_name, sniff
from lichtbild.core import ColourCalibration, FrameInfo, FrameSource, Tags, UnreadableFile

Array = npt.NDArray[Any]

# Pixels turned linear at once: the index buffers of a look-up stay within the second-level cache.
_LUT_CHUNK = 1 << 16


def open_picture(path: str | Path) -> FrameSource:
    """Open a developed picture; its pixels are decoded when they are read.

    Parameters
    ----------
    path
        JPEG, HEIC (with pillow-heif), PNG of 8 or 16 bits, TIFF of 8 or 16 bits or floating point, PPM.

    Returns
    -------
    A source of kind "picture": float32 [H, W, 3], linear, 1 = the picture's white, in the primaries of its profile,
    which stand in `info.camera.colour` as a calibration for one illuminant. Cost: decoding plus about 0.01 s a MP.

    Raises
    ------
    UnreadableFile
        If the file is broken, cut off, too large (400 MP), not a picture, or a bare 16-bit grey array.
    MetadataError
        If it is encoded in high dynamic range.
    """
    path = Path(path)
    sniffed = sniff(path)
    reasons = check_name(path, sniffed)
    if sniffed.kind not in PICTURE_KINDS:
        raise UnreadableFile(f"is {sniffed.what}, not a developed picture", where=path)
    header = read_header(path, sniffed.kind)
    exif, notes = exif_facts.read_exif(header.exif, str(path))
    profile, assumed = parsed_profile(header, *exif_facts.colour_space(exif), str(path))
    if header.n_channels <= 2 and header.bits == 16 and not header.icc and not header.is_float:
        raise UnreadableFile(
            "a 16-bit grey picture without a profile: most likely a bare sensor array", where=path,
            hint="lichtbild.capture.open_mosaic_array(array, cfa, black, white)",
        )  # fmt: skip
    info = FrameInfo(
        name=path.name,
        shape=(header.height, header.width),
        kind="picture",
        camera=exif_facts.camera(exif, colour=calibration(profile), is_rendered=True),
        exposure=exif_facts.exposure(exif),
        orientation=1 if header.is_upright else exif_facts.orientation(exif),
        as_shot_neutral=(1.0, 1.0, 1.0),
        tags=Tags(exif=_carried(exif), xmp=header.xmp, icc=header.icc, iptc=header.iptc),
        path=path,
        compression=header.compression,
        bits=header.bits,
        reasons=(*reasons, *header.reasons, *notes, *assumed, *_alpha_note(header)),
    )

    def read() -> Array:
        return linear_light(decode(path, sniffed.kind, header), profile)

    def preview() -> Array | None:
        if sniffed.kind == "jpeg":
            return jpeg_preview(read_bytes(path))
        stored = rgb(decode(path, sniffed.kind, header))
        step = max(1, max(stored.shape[:2]) // 512)
        return encoded_u8(linear_light(stored[::step, ::step], profile))

    return FrameSource(info, read, preview)


def calibration(profile: icc.Profile) -> ColourCalibration:
    """The profile as a camera's calibration: neutral (1, 1, 1) is the profile's white, colours come out as it says."""
    return ColourCalibration(
        (profile.white_xy,),
        (np.asarray(np.linalg.inv(profile.to_xyz), np.float64),),
        (profile.to_xyz_d50.astype(np.float64),),
    )


def rgb(stored: Array) -> Array:
    """[H, W, 3] of what a decoder gave: grey thrice, alpha left out."""
    if stored.ndim == 2:
        stored = stored[..., None]
    if stored.shape[2] <= 2:
        return np.repeat(stored[..., :1], 3, axis=2)
    return stored[..., :3]


def linear_light(stored: Array, profile: icc.Profile) -> npt.NDArray[np.float32]:
    """Stored numbers to linear light, float32 [H, W, 3], C-contiguous.

    Parameters
    ----------
    stored
        [H, W], or [H, W, 1..4]; uint8 and uint16 of full range, or floating point (1 = white, may exceed it).
    profile
        The colour space they are in.
    """
    stored = rgb(stored)
    out = np.empty(stored.shape, np.float32)
    if stored.dtype.kind == "f":
        for c in range(3):
            plane = np.nan_to_num(stored[..., c].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
            is_inside = (plane >= 0) & (plane <= 1)
            out[..., c] = np.where(is_inside, profile.curves[c](np.clip(plane, 0, 1)), plane)
        return out
    table = profile.table(int(np.iinfo(stored.dtype).max) + 1)
    is_same = bool(np.all(table == table[:, :1]))
    if is_same and stored.flags.c_contiguous:
        source, target, column = stored.reshape(-1), out.reshape(-1), np.ascontiguousarray(table[:, 0])
        for k in range(0, source.size, _LUT_CHUNK):
            target[k : k + _LUT_CHUNK] = column[source[k : k + _LUT_CHUNK]]
        return out
    for c in range(3):
        out[..., c] = table[:, c][stored[..., c]]
    return out


def encoded_u8(linear: Array) -> npt.NDArray[np.uint8]:
    """Linear 0..1 to sRGB uint8 for previews."""
    x = np.clip(linear, 0, 1)
    code = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(code * 255), np.uint8)


def _carried(exif: exif_facts.Exif) -> dict[str, dict[int, Any]]:
    """What goes into the written picture: all but the old thumbnail."""
    return {name: dict(tags) for name, tags in exif.items() if name != "ifd1"}


def _alpha_note(header: Header) -> tuple[str, ...]:
    return ("the alpha channel is left out",) if header.n_channels in (2, 4) else ()
