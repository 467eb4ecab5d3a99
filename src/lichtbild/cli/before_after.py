"""One picture of two: whole, and 100 % crops below, side by side with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

COLUMN_PX = 960
CROP_PX = (960, 480)
GAP_PX = 12
LABEL_PX = 44
PAPER = (24, 24, 24)
INK = (235, 235, 235)


def save_before_after(
    path: str | Path, before: Picture, after: Picture, labels: tuple[str, str], *, force: bool = False
) -> None:
    """Write the comparison as PNG.

    Parameters
    ----------
    before, after
        uint8 [H, W, 3], the same scene in the same rendering and size, in sRGB.
    labels
        What each of them is.
    force
        Replace a file that is there.
    """
    from PIL import Image

    from lichtbild.output.atomic import written_whole

    columns = [_column(picture, after, label) for picture, label in zip((before, after), labels, strict=True)]
    gap = np.full((columns[0].shape[0], GAP_PX, 3), PAPER, np.uint8)
    sheet = np.concatenate([columns[0], gap, columns[1]], axis=1)
    with written_whole(path, force=force) as file:
        Image.fromarray(sheet).save(file, format="PNG", compress_level=4)


def _column(picture: Picture, chosen_by: Picture, label: str) -> Picture:
    """Label, whole picture, crops: [h, COLUMN_PX, 3]."""
    from PIL import Image

    height = round(picture.shape[0] * COLUMN_PX / picture.shape[1])
    whole = np.asarray(Image.fromarray(picture).resize((COLUMN_PX, height), Image.Resampling.LANCZOS, reducing_gap=3))
    parts: list[Picture] = [_label(label), whole]
    for top, left in crop_corners(chosen_by):
        crop = picture[top : top + CROP_PX[1], left : left + CROP_PX[0]]
        filled: Picture = np.full((crop.shape[0], COLUMN_PX, 3), PAPER, np.uint8)
        filled[:, : crop.shape[1]] = crop
        parts += [np.full((GAP_PX, COLUMN_PX, 3), PAPER, np.uint8), filled]
    return np.concatenate(parts, axis=0)


def _label(text: str) -> Picture:
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (COLUMN_PX, LABEL_PX), PAPER)
    font: Any = ImageFont.load_default(size=22)
    ImageDraw.Draw(strip).text((8, LABEL_PX // 2), text, fill=INK, font=font, anchor="lm")
    return np.asarray(strip)


def crop_corners(picture: Picture) -> list[tuple[int, int]]:
    """(top, left) of the crops to show: where noise is seen best (dark, smooth) and where detail is densest."""
    width, height = (min(CROP_PX[k], picture.shape[1 - k]) for k in (0, 1))
    luma = picture[::4, ::4].astype(np.float32).mean(axis=2)
    step = np.abs(np.diff(luma, axis=1, prepend=luma[:, :1]))
    rows = range(0, picture.shape[0] - height + 1, max(height // 2, 1))
    columns = range(0, picture.shape[1] - width + 1, max(width // 2, 1))

    def mean(of: npt.NDArray[np.float32], corner: tuple[int, int]) -> float:
        top, left = corner
        return float(of[top // 4 : (top + height) // 4, left // 4 : (left + width) // 4].mean())

    corners = [(top, left) for top in rows for left in columns]
    detailed = max(corners, key=lambda corner: mean(step, corner))
    # Near black there is nothing to see: a tenth of the range is the shadow that people look into.
    dark = min(
        (corner for corner in corners if corner != detailed or len(corners) == 1),
        key=lambda corner: abs(mean(luma, corner) - 45) + 4 * mean(step, corner),
    )
    return [detailed, dark]
