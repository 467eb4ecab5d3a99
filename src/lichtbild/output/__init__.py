"""A photograph, or a negative, becomes a file: JPEG, TIFF, PNG, DNG, with the metadata of the originals."""

from lichtbild.output.atomic import check_target, write_whole, written_whole
from lichtbild.output.dng import write_dng
from lichtbild.output.explain import ExplainFolder
from lichtbild.output.jpeg import write_jpeg
from lichtbild.output.photo import Photo, bayer_negative
from lichtbild.output.png import write_png
from lichtbild.output.tiff import write_tiff

__all__ = [
    "ExplainFolder",
    "Photo",
    "bayer_negative",
    "check_target",
    "write_dng",
    "write_jpeg",
    "write_png",
    "write_tiff",
    "write_whole",
    "written_whole",
]
