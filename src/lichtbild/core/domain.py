"""What the numbers in a frame mean, and where a pixel lies.

A pixel's centre lies at integer coordinates + 0.5: the pixel in row 0, column 0 covers [0, 1) x [0, 1).
Arrays are [row, column(, channel)]. Lengths are in px of the mosaic unless a name says otherwise.
"""

from __future__ import annotations

from enum import Enum

PIXEL_CENTRE_PX = 0.5


class Domain(Enum):
    """Meaning of `Frame.pixels` (see docs/domains)."""

    MOSAIC = "mosaic"
    CAMERA_RGB = "camera_rgb"
    WORK_RGB = "work_rgb"
    DISPLAY_RGB = "display_rgb"
