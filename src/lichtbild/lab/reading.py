"""A file as the lab reads it: light in three channels, what it means, where it clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild import capture
from lichtbild.core import Cfa, FrameInfo, FrameSource, ShapeError
from lichtbild.core.colour_space import (
    D50_XY,
    PCS_WHITE_XYZ,
    bradford,
    srgb_encode,
    xy_to_kelvin_tint,
    xy_to_xyz,
    xyz_to_xy,
)
from lichtbild.core.frame import cfa_plane_index

Floats = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LabPicture:
    """Light of one file.

    Parameters
    ----------
    name
        Of the file.
    linear
        float32 [h, w, 3]: of a mosaic, one pixel a block of the filter array (the greens averaged), black subtracted,
        1 = saturation; of a developed picture, linear by its profile, 1 = white.
    is_raw
        Which of the two.
    px
        Pixels of the file a pixel of `linear`: 2 for a mosaic, 4 for a quad-Bayer one.
    high
        Value at and above which a pixel is clipped.
    info
        What the file told.
    mosaic
        float32 [H, W] for a raw: black subtracted, 1 = saturation.
    notes
        What was assumed.
    """

    name: str
    linear: Float32
    is_raw: bool
    px: int
    high: float
    info: FrameInfo
    mosaic: Float32 | None = None
    notes: tuple[str, ...] = ()

    def plane(self, channel: int) -> Float32:
        """[h, w] of one channel without averaging: of a mosaic the first pixel of that colour in every block, so that
        noise is that of a pixel; places as in `linear`."""
        if self.mosaic is None or self.info.cfa is None:
            return self.linear[..., channel]
        index = cfa_plane_index(self.info.cfa, (self.px, self.px))
        i, j = (int(v) for v in np.argwhere(index == channel)[0])
        h, w = self.linear.shape[:2]
        return self.mosaic[i : h * self.px : self.px, j : w * self.px : self.px]

    @property
    def averaged(self) -> tuple[int, int, int]:
        """How many px of the file a value of `linear` is the mean of, a channel."""
        if self.mosaic is None or self.info.cfa is None:
            return 1, 1, 1
        one = self.info.cfa.quad**2
        return one, 2 * one, one

    def shown(self) -> npt.NDArray[np.uint8]:
        """uint8 sRGB [h, w, 3] for people: a raw is balanced by its greyest half and lifted."""
        light = self.linear.astype(np.float32)
        if self.is_raw:
            small = light[:: max(1, light.shape[0] // 200), :: max(1, light.shape[1] // 200)].reshape(-1, 3)
            mean = np.maximum(small.mean(0), 1e-6)
            light = light * (mean[1] / mean)
            light = light * np.float32(0.9 / max(float(np.quantile(light, 0.99)), 1e-6))
        return np.asarray(np.round(255 * srgb_encode(np.clip(light, 0, 1))), np.uint8)


def open_for_lab(path: str | Path) -> LabPicture:
    """Read a raw, a linear DNG or a developed picture.

    Raises
    ------
    UnreadableFile, MetadataError
        As `capture.open_file`.
    ShapeError
        If it is a monochrome raw.
    """
    source = capture.open_file(path)
    return from_source(source, Path(path).name)


def from_source(source: FrameSource, name: str) -> LabPicture:
    """The same for a frame that is open (a headerless raw by `capture.open_mosaic_array`)."""
    info, pixels = source.info, source.read()
    if pixels.ndim == 3:
        linear, high = _levelled(pixels, info)
        # Eight bits keep 1 in 255 as the last step below white.
        return LabPicture(name, linear, info.kind != "picture", 1, high, info, None, info.reasons)
    if info.cfa is None:
        raise ShapeError("a monochrome raw shows no colours", where=name)
    mosaic, high = _levelled(pixels, info)
    if info.default_crop is not None:
        top, left, height, width = info.default_crop
        block = 2 * info.cfa.quad
        # Cut at whole blocks, so that the filter array stays as it is.
        top, left = -(-top // block) * block, -(-left // block) * block
        mosaic = mosaic[top : top + height // block * block, left : left + width // block * block]
    return LabPicture(name, blocks(mosaic, info.cfa), True, 2 * info.cfa.quad, high, info, mosaic, info.reasons)


def _levelled(pixels: npt.NDArray[np.generic], info: FrameInfo) -> tuple[Float32, float]:
    values = np.asarray(pixels, np.float32)
    if info.levels is None:
        return values, 0.9995 if pixels.dtype.kind == "f" else 254.5 / 255
    if info.levels.table is not None:
        table = np.asarray(info.levels.table, np.float32)
        values = table[np.minimum(np.asarray(pixels).astype(np.intp), len(table) - 1)]
    black = np.asarray(info.levels.black, np.float32)
    white = float(np.min(info.levels.white))
    rows, columns = black.shape[:2]
    tiled = np.tile(black, (-(-values.shape[0] // rows), -(-values.shape[1] // columns), 1))
    tiled = tiled[: values.shape[0], : values.shape[1]]
    tiled = tiled[..., 0] if values.ndim == 2 else tiled
    for delta, axis in ((info.levels.black_delta_v, 0), (info.levels.black_delta_h, 1)):
        if delta is not None:
            tiled = tiled + np.expand_dims(
                np.asarray(delta, np.float32), tuple(k for k in range(values.ndim) if k != axis)
            )
    span = np.float32(white - float(black.mean()))
    return (values - tiled) / span, float((white - 1.5 - float(black.mean())) / span)


def blocks(mosaic: Float32, cfa: Cfa) -> Float32:
    """[H / 2, W / 2, 3] of a Bayer mosaic (a quarter each for quad-Bayer): means of each colour within a block."""
    step = 2 * cfa.quad
    h, w = mosaic.shape[0] // step, mosaic.shape[1] // step
    out, count = np.zeros((h, w, 3), np.float32), [0, 0, 0]
    for i in range(step):
        for j in range(step):
            colour = cfa.colours[i // cfa.quad % 2][j // cfa.quad % 2]
            out[..., colour] += mosaic[i : h * step : step, j : w * step : step]
            count[colour] += 1
    return out / np.array(count, np.float32)


def camera_to_xyz_d50(info: FrameInfo, neutral: Floats) -> Floats | None:
    """[3, 3]: camera RGB to XYZ under D50 by the file's colour matrices, the light being the one in which `neutral` [3]
    is white (DNG 1.7.1, chapter 6); None where the file has none."""
    calibration = info.camera.colour
    if calibration is None or not calibration.xyz_to_camera:
        return None
    xy, matrix = D50_XY, calibration.xyz_to_camera[0]
    for _ in range(12):
        share = 1.0
        if len(calibration.xyz_to_camera) > 1:
            low, high = (1 / xy_to_kelvin_tint(v)[0] for v in calibration.illuminants_xy[:2])
            share = float(np.clip((1 / xy_to_kelvin_tint(xy)[0] - high) / ((low - high) or 1e-9), 0, 1))
            matrix = share * calibration.xyz_to_camera[0] + (1 - share) * calibration.xyz_to_camera[1]
        white = np.linalg.solve(matrix, np.asarray(neutral, np.float64))
        xy = xyz_to_xy(white)
    if calibration.camera_to_pcs:
        forward = calibration.camera_to_pcs[0]
        if len(calibration.camera_to_pcs) > 1:
            forward = share * forward + (1 - share) * calibration.camera_to_pcs[1]
        return np.asarray(bradford(PCS_WHITE_XYZ, xy_to_xyz(D50_XY)) @ forward / np.asarray(neutral))
    scaled = np.linalg.inv(matrix) / white[1]
    return np.asarray(bradford(xy_to_xyz(xy), xy_to_xyz(D50_XY)) @ scaled)
