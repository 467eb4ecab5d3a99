"""lichtbild: from a burst of raw frames to the photograph that the light allowed.

>>> import lichtbild as lb
>>> shot = lb.read("shot/")
>>> photo = lb.develop(shot)
>>> photo.save("photo.jpg")

Nothing heavy is imported until it is used: names are looked up in `lichtbild.api` and `lichtbild.core` on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_API = ("develop", "inspect", "merge", "preview", "read")
_ROOMS = ("capture", "core", "output", "simulate", "stages")

__all__ = [
    "Burst",
    "Camera",
    "Cfa",
    "Domain",
    "Exposure",
    "Frame",
    "FrameInfo",
    "FrameSource",
    "LichtbildError",
    "NoiseModel",
    "Params",
    "ProgressEvent",
    "Recipe",
    "__version__",
    "capture",
    "core",
    "develop",
    "inspect",
    "merge",
    "output",
    "preview",
    "read",
    "simulate",
    "stages",
]

if TYPE_CHECKING:
    from lichtbild import capture, core, output, simulate, stages
    from lichtbild.api import develop, inspect, merge, preview, read
    from lichtbild.core import (
        Burst,
        Camera,
        Cfa,
        Domain,
        Exposure,
        Frame,
        FrameInfo,
        FrameSource,
        LichtbildError,
        NoiseModel,
        Params,
        ProgressEvent,
        Recipe,
    )


def __getattr__(name: str) -> Any:
    import importlib

    if name not in __all__:
        raise AttributeError(f"module 'lichtbild' has no attribute {name!r}")
    if name in _ROOMS:
        return importlib.import_module(f"lichtbild.{name}")
    return getattr(importlib.import_module("lichtbild.api" if name in _API else "lichtbild.core"), name)


def __dir__() -> list[str]:
    return __all__
