"""A picture read as a mosaic: of each pixel the colour that a filter array has there."""

from __future__ import annotations

from lichtbild.core import memory
from lichtbild.core.camera import Cfa
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame, cfa_plane_index

__all__ = ["mosaic_of"]


def mosaic_of(frame: Frame, cfa: Cfa) -> Frame:
    """CAMERA_RGB as a MOSAIC of the filter array `cfa` (as Bayer, also of a quad-Bayer one); a mosaic as it is.

    The values are kept, so what demosaicing gives back is the picture again where it is smooth.

    Raises
    ------
    DomainError
        If the frame is neither.
    """
    if frame.domain is Domain.MOSAIC:
        return frame
    frame.require(Domain.CAMERA_RGB)
    cfa = Cfa(cfa.colours)
    plane = cfa_plane_index(cfa, (2, 2))
    mosaic = memory.empty(frame.shape)
    for row in range(2):
        for column in range(2):
            mosaic[row::2, column::2] = frame.pixels[row::2, column::2, plane[row, column]]
    return frame.replaced(pixels=mosaic, domain=Domain.MOSAIC).with_info(cfa=cfa, kind="mosaic")
