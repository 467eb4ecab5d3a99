"""A photograph, or a negative, becomes a file with the metadata of the originals.

JPEG (with gain map), AVIF, HEIC, JPEG XL, TIFF, PNG, OpenEXR, DNG.
"""

from lichtbild.output.atomic import check_target, write_whole, written_whole
from lichtbild.output.credentials import Credentials
from lichtbild.output.dng import write_dng
from lichtbild.output.explain import ExplainFolder
from lichtbild.output.jpeg import write_jpeg
from lichtbild.output.photo import Photo, bayer_negative
from lichtbild.output.png import write_png
from lichtbild.output.target import Target, parse_target
from lichtbild.output.tiff import write_tiff

__all__ = [
    "Credentials",
    "ExplainFolder",
    "Photo",
    "Target",
    "bayer_negative",
    "check_target",
    "parse_target",
    "write_dng",
    "write_jpeg",
    "write_png",
    "write_tiff",
    "write_whole",
    "written_whole",
]
