"""The compiled kernels: one extension module, imported at the first call and not before."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

from lichtbild.core.errors import LichtbildError


@functools.cache
def module() -> ModuleType:
    """The compiled extension. Each of its kernels holds code for several processors where it comes from a wheel."""
    try:
        return importlib.import_module("lichtbild._kernels")
    except ImportError as error:
        raise LichtbildError(
            f"the compiled kernels cannot be loaded ({error})", hint="pip install --force-reinstall lichtbild"
        ) from error


def call(name: str, *arguments: Any) -> None:
    """Run kernel `name`; outputs are the last arrays and are written in place.

    Raises
    ------
    TypeError
        If an array is not C-contiguous, or has another element type than the kernel takes.
    ValueError
        If an array has another number of dimensions or is smaller than what the kernel reads.
    """
    getattr(module(), name)(*arguments)
