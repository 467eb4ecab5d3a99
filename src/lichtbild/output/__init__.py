"""A photograph, or a negative, becomes a file: JPEG, TIFF, PNG, DNG, with the metadata of the originals."""

from lichtbild.output.dng import write_dng

__all__ = ["write_dng"]
