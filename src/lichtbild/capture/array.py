"""Arrays as frames, for researchers: headerless raws, sequences, simulations. Nothing is guessed, all is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture import icc
from lichtbild.core import (
    Camera,
    Cfa,
    ColourCalibration,
    Exposure,
    FrameInfo,
    FrameSource,
    Levels,
    NoiseModel,
    ShapeError,
    UsageError,
)

Array = npt.NDArray[Any]


def open_mosaic_array(
    array: Array,
    cfa: Cfa | str | None,
    black: float | Array,
    white: float,
    *,
    noise: NoiseModel | None = None,
    exposure: Exposure | None = None,
    colour: ColourCalibration | None = None,
    as_shot_neutral: tuple[float, float, float] | None = None,
    name: str = "array",
    camera: Camera | None = None,
) -> FrameSource:
    """A sensor's numbers with their description.

    Parameters
    ----------
    array
        [H, W] uint8 or uint16, stored numbers.
    cfa
        Colour of pixel [0, 0] and its neighbours: "RGGB", "BGGR", "GRBG", "GBRG", a `Cfa`, or None for monochrome.
    black
        Stored number of no light: one number, or [2, 2] by position.
    white
        Stored number at saturation.
    noise
        Model in linear units (0 black, 1 saturation); None: fitted when it is needed.
    exposure, colour, as_shot_neutral, camera
        As in `FrameInfo`; `colour` goes into the camera.
    name
        Label for messages.

    Raises
    ------
    ShapeError
        If the array is not [H >= 2, W >= 2] of uint8 or uint16.
    UsageError
        If white is not above black.
    """
    array = np.asarray(array)
    if array.ndim != 2 or min(array.shape) < 2 or array.dtype not in (np.uint8, np.uint16):
        raise ShapeError(f"a mosaic is [H, W] of uint8 or uint16, not {list(array.shape)} {array.dtype}", where=name)
    levels = np.atleast_2d(np.asarray(black, np.float32))
    if levels.ndim != 2 or not np.all(np.isfinite(levels)) or not white > levels.max():
        raise UsageError(f"white {white} must lie above black {black}", where=name)
    pattern = Cfa.from_name(cfa) if isinstance(cfa, str) else cfa
    base = camera or Camera(unique_name=name)
    info = FrameInfo(
        name=name,
        shape=(array.shape[0], array.shape[1]),
        kind="monochrome" if pattern is None else "mosaic",
        camera=base if colour is None else Camera(base.make, base.model, base.unique_name, base.lens, colour),
        exposure=exposure or Exposure(),
        cfa=pattern,
        levels=Levels(levels[..., None], (float(white),)),
        noise=noise,
        as_shot_neutral=as_shot_neutral,
        compression="array",
        bits=8 * array.dtype.itemsize,
        reasons=("described by the caller",),
    )
    stored = array.astype(np.uint16)
    return FrameSource(info, lambda: stored.copy())


def open_picture_array(
    array: Array, *, is_linear: bool = False, exposure: Exposure | None = None, name: str = "array"
) -> FrameSource:
    """A developed picture that is in memory.

    Parameters
    ----------
    array
        [H, W] or [H, W, 3], uint8, uint16 or floating point 0..1, in sRGB.
    is_linear
        Whether the numbers are linear light already.
    exposure, name
        As in `FrameInfo`.

    Raises
    ------
    ShapeError
        If the array has another shape or kind of numbers.
    """
    from lichtbild.capture.picture import calibration, linear_light

    array = np.asarray(array)
    is_colour = array.ndim == 3 and array.shape[2] == 3
    if not (array.ndim == 2 or is_colour) or min(array.shape[:2]) < 2:
        raise ShapeError(f"a picture is [H, W] or [H, W, 3], not {list(array.shape)}", where=name)
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise ShapeError(f"a picture of {array.dtype} numbers is not read", where=name, hint="uint8, uint16, float32")
    profile = icc.linear_srgb() if is_linear else icc.srgb()
    info = FrameInfo(
        name=name,
        shape=(array.shape[0], array.shape[1]),
        kind="picture",
        camera=Camera(unique_name=name, colour=calibration(profile), is_rendered=True),
        exposure=exposure or Exposure(),
        as_shot_neutral=(1.0, 1.0, 1.0),
        compression="array",
        bits=8 * array.dtype.itemsize,
        reasons=(f"taken as {profile.name}",),
    )
    return FrameSource(info, lambda: linear_light(array, profile))
