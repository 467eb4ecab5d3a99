"""The compiled kernels. The fastest module that this processor can run is imported at the first call, not before."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType
from typing import Any

import numpy as np

from lichtbild.core.errors import LichtbildError

# Fastest first; a source build has only `_kernels`, compiled for its host. Feature names are NumPy's.
MODULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("_kernels_avx512", ("AVX512_SKX",)),
    ("_kernels_avx2", ("AVX2", "FMA3", "F16C")),
    ("_kernels", ()),
)


@functools.cache
def module() -> ModuleType:
    """The compiled extension that fits this processor best."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    for name, needs in MODULES:
        if all(features.get(n, False) for n in needs) and importlib.util.find_spec(f"lichtbild.{name}"):
            return importlib.import_module(f"lichtbild.{name}")
    raise LichtbildError("the compiled kernels are missing", hint="pip install --force-reinstall lichtbild")


def call(name: str, *arguments: Any) -> None:
    """Run kernel `name`; outputs are the last arrays and are written in place.

    Raises
    ------
    TypeError
        If an array is not C-contiguous.
    """
    for k, argument in enumerate(arguments):
        if isinstance(argument, np.ndarray) and not argument.flags.c_contiguous:
            raise TypeError(f"argument {k} of kernel {name} is not contiguous")
    getattr(module(), name)(*arguments)
