"""Camera profiles: maps of hue and saturation, looks and tone curves, in a DNG or in a .dcp file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.capture.dng.colour import optional, read_colour
from lichtbild.capture.dng.tags import Tag
from lichtbild.capture.dng.tiff import Directory, TiffFile, file_size
from lichtbild.core import ColourProfile, HueSatMap, MetadataError, UnreadableFile

DCP_MAGIC = 0x4352
MOST_BYTES = 64 << 20
_MOST_NODES = 200_000

Floats = npt.NDArray[np.float64]


def read_maps(ifd0: Directory, reasons: list[str]) -> ColourProfile | None:
    """Maps, look and curve of a directory, None where it has none. What is damaged is left aside with a reason."""
    hue_sat = []
    for tag in (Tag.PROFILE_HUE_SAT_MAP_DATA_1, Tag.PROFILE_HUE_SAT_MAP_DATA_2, Tag.PROFILE_HUE_SAT_MAP_DATA_3):
        found = optional(
            lambda t=tag: _map(ifd0, Tag.PROFILE_HUE_SAT_MAP_DIMS, t, Tag.PROFILE_HUE_SAT_MAP_ENCODING),  # type: ignore[misc]
            None,
            reasons,
        )
        if found is not None:
            hue_sat.append(found)
    look = optional(
        lambda: _map(ifd0, Tag.PROFILE_LOOK_TABLE_DIMS, Tag.PROFILE_LOOK_TABLE_DATA, Tag.PROFILE_LOOK_TABLE_ENCODING),
        None,
        reasons,
    )
    curve = optional(lambda: _curve(ifd0), None, reasons)
    if not hue_sat and look is None and curve is None:
        return None
    return ColourProfile(ifd0.text(Tag.PROFILE_NAME), "", None, tuple(hue_sat), look, curve)


def read_dcp(path: str | Path) -> ColourProfile:
    """A .dcp file: a TIFF directory behind a magic number of its own (DNG 1.7.1, "Camera Profiles as Files").

    Raises
    ------
    UnreadableFile
        If it is missing, damaged, or no camera profile.
    MetadataError
        If a tag it needs, or one of its maps, is damaged: a profile is used whole or not at all.
    """
    path = Path(path)
    if file_size(path) > MOST_BYTES:
        raise UnreadableFile("too large for a camera profile", where=path)
    with open(path, "rb") as stream:
        try:
            file = TiffFile(stream, str(path), (DCP_MAGIC,))
            directory = file.directory(file.first_directory, "profile")
        except UnreadableFile as error:
            message = error.message.replace("not a DNG", "no camera profile")
            raise UnreadableFile(message, where=path, hint="a .dcp file") from error
        reasons: list[str] = []
        calibration = read_colour(directory, reasons)
        maps = read_maps(directory, reasons)
        if reasons:
            raise MetadataError("; ".join(reasons), where=path, hint="another profile of this camera")
        if calibration is None:
            raise MetadataError("ColorMatrix1 is missing", where=path)
        maps = maps or ColourProfile()
        if len(maps.hue_sat) not in (0, 1, len(calibration.illuminants_xy)):
            n = len(calibration.illuminants_xy)
            raise MetadataError(f"{len(maps.hue_sat)} hue and saturation maps for {n} illuminants", where=path)
        name = directory.text(Tag.PROFILE_NAME) or path.stem
        camera = directory.text(Tag.UNIQUE_CAMERA_MODEL)
        return ColourProfile(name, camera, calibration, maps.hue_sat, maps.look, maps.tone_curve)


def _map(ifd0: Directory, dims: Tag, data: Tag, encoding: Tag) -> HueSatMap | None:
    if data not in ifd0:
        return None
    size = ifd0.integers(dims, (2, 3))
    if size is None:
        raise ifd0.wrong(dims, "this tag is missing")
    hues, saturations, values = (*size, 1)[:3]
    if not (1 <= hues <= 1024 and 2 <= saturations <= 1024 and 1 <= values <= 1024):
        raise ifd0.wrong(dims, f"{hues} x {saturations} x {values} nodes", "at least 1 x 2 x 1")
    if hues * saturations * values > _MOST_NODES:
        raise ifd0.wrong(dims, f"{hues * saturations * values} nodes", f"at most {_MOST_NODES}")
    numbers = ifd0.floats(data, (3 * hues * saturations * values,))
    # Stored value by value, hue by hue, saturation fastest.
    table = np.asarray(numbers, np.float32).reshape(values, hues, saturations, 3).transpose(1, 2, 0, 3)
    if np.abs(table[..., 0]).max() > 360 or table[..., 1:].min() < 0 or table[..., 1:].max() > 100:
        raise ifd0.wrong(data, "shifts beyond a circle, or factors beyond 0 to 100")
    return HueSatMap(np.ascontiguousarray(table), bool(ifd0.integer(encoding, 0, 0, 1)))


def _curve(ifd0: Directory) -> Floats | None:
    numbers = ifd0.floats(Tag.PROFILE_TONE_CURVE)
    if numbers is None:
        return None
    points = np.asarray(numbers, np.float64)
    if len(points) < 4 or len(points) % 2:
        raise ifd0.wrong(Tag.PROFILE_TONE_CURVE, f"{len(points)} numbers are no curve", "pairs, two at least")
    points = points.reshape(-1, 2)
    is_in_order = np.all(np.diff(points[:, 0]) > 0) and np.all(np.diff(points[:, 1]) >= 0)
    if not is_in_order or points.min() < 0 or points.max() > 1:
        raise ifd0.wrong(Tag.PROFILE_TONE_CURVE, "a curve that does not rise within 0 to 1")
    return points
