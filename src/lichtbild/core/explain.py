"""Pictures that tell what a pipeline did, as ordinary outputs: handed out one by one, to whoever asked for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

KINDS = ("motion", "confidence", "rejected", "effective-frames", "noise", "denoised-away", "denoised-away-centre")
"""What a picture may show; its name ends with one of these."""


@dataclass(frozen=True, eq=False)
class Bar:
    """Colours that stand for numbers.

    Parameters
    ----------
    colours
        uint8 [n, 3], from the least to the largest number.
    ticks
        Position (0 to 1) and text of each number that is written beside the bar.
    unit
        Of the numbers, in words.
    """

    colours: Picture
    ticks: tuple[tuple[float, str], ...]
    unit: str


@dataclass(frozen=True, eq=False)
class Wheel:
    """Colours that stand for displacements: direction is hue, length is distance from the centre.

    Parameters
    ----------
    pixels
        uint8 [n, n, 3]; up in it is up on the sensor, as in the picture.
    rim
        What the rim stands for ("5 px").
    """

    pixels: Picture
    rim: str


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture of what was found or done.

    Parameters
    ----------
    name
        File name without suffix, such as "03-IMG_2041_3-motion"; ends with one of `KINDS`.
    pixels
        uint8 [h, w, 3], sRGB, oriented as the sensor saw it, without legend.
    shows
        A sentence or two for people: what is seen, and what its colours mean.
    scale
        Legend of the colours.
    orientation
        EXIF orientation that turns the picture upright.
    frame
        Name of the frame it is about; None: about all of them.
    facts
        Numbers about that frame, or about all, as plain data. Pictures of one frame carry the same.
    """

    name: str
    pixels: Picture
    shows: str
    scale: Bar | Wheel
    orientation: int = 1
    frame: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


Observer = Callable[[Explained], None]
"""Takes each picture when it is there; pictures that it does not keep are gone."""
