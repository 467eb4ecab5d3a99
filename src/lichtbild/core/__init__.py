"""The nouns of the house: frames, bursts, cameras, noise, parameters, errors. No I/O, no command line."""

from lichtbild.core.camera import BLUE, GREEN, RED, Camera, Cfa, ColourCalibration, ColourProfile, HueSatMap
from lichtbild.core.domain import PIXEL_CENTRE_PX, Domain
from lichtbild.core.errors import (
    DomainError,
    LichtbildError,
    MetadataError,
    OutputError,
    RecipeError,
    ShapeError,
    UnreadableFile,
    UsageError,
)
from lichtbild.core.exposure import Exposure
from lichtbild.core.frame import Burst, Frame, FrameInfo, FrameSource, Levels, Tags
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, describe, json_schema, param
from lichtbild.core.progress import Progress, ProgressEvent, silent
from lichtbild.core.recipe import Recipe

__all__ = [
    "BLUE",
    "GREEN",
    "PIXEL_CENTRE_PX",
    "RED",
    "Burst",
    "Camera",
    "Cfa",
    "ColourCalibration",
    "ColourProfile",
    "Domain",
    "DomainError",
    "Exposure",
    "Frame",
    "FrameInfo",
    "FrameSource",
    "HueSatMap",
    "Levels",
    "LichtbildError",
    "MetadataError",
    "NoiseModel",
    "OutputError",
    "Params",
    "Progress",
    "ProgressEvent",
    "Recipe",
    "RecipeError",
    "ShapeError",
    "Tags",
    "UnreadableFile",
    "UsageError",
    "describe",
    "json_schema",
    "param",
    "silent",
]
