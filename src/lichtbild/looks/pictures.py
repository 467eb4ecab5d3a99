"""Pictures that looks are made from: tables as pictures, pairs of before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.errors import UnreadableFile


def stored(path: Path) -> npt.NDArray[Any]:
    """Codes of a picture as its file has them, uint8 or uint16 [H, W, 3].

    Raises
    ------
    UnreadableFile
        If it is missing, damaged, or no ordinary picture.
    """
    from lichtbild.capture.picture import rgb
    from lichtbild.capture.picture_decoders import decode, read_header
    from lichtbild.capture.sniff import sniff

    kind = sniff(path).kind
    if kind not in ("jpeg", "png", "tiff", "pnm", "heic"):
        raise UnreadableFile("no picture", where=path, hint="JPEG, PNG or TIFF")
    return rgb(decode(path, kind, read_header(path, kind)))


def srgb_codes(path: str | Path) -> npt.NDArray[np.float32]:
    """A picture as sRGB codes 0..1, float32 [H, W, 3], whatever its profile."""
    from lichtbild.capture.picture import open_picture

    source = open_picture(path)
    assert source.info.camera.colour is not None
    to_xyz = np.linalg.inv(source.info.camera.colour.xyz_to_camera[0])
    white = cs.xy_to_xyz(source.info.camera.colour.illuminants_xy[0])
    matrix = cs.XYZ_TO_SRGB @ cs.bradford(white, cs.xy_to_xyz(cs.DISPLAY_WHITE_XY)) @ to_xyz
    light = np.asarray(source.read()) @ matrix.T.astype(np.float32)
    return np.asarray(cs.srgb_encode(np.clip(light, 0, 1)), np.float32)


def reduced(codes: npt.NDArray[np.float32], longest_px: int) -> npt.NDArray[np.float32]:
    """Means over squares, so that the longer side has at most `longest_px`."""
    step = max(1, -(-max(codes.shape[:2]) // longest_px))
    h, w = (n // step * step for n in codes.shape[:2])
    cells = codes[:h, :w].reshape(h // step, step, w // step, step, 3)
    return np.asarray(cells.mean((1, 3)), np.float32)
