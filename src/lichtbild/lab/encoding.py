"""From the numbers of a picture back to light: every measure of sharpness stands on linear pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import UsageError
from lichtbild.core.colour_space import srgb_decode

Floats = npt.NDArray[np.floating[Any]]
Table = tuple[tuple[float, ...], tuple[float, ...]]
# A name, the exponent of a power law, or a measured curve: codes (rising) and the light that makes them.
Encoding = str | float | Table


def linearised(picture: npt.NDArray[Any], encoding: Encoding) -> Floats:
    """Light of `picture`, float64, same shape (the inverse OECF, ISO 14524).

    Parameters
    ----------
    picture
        uint8 and uint16 count as shares of their largest code; floats as they are, 1 = white.
    encoding
        "linear"; "srgb" (IEC 61966-2-1); a gamma g, for code = light^(1/g); or (codes, light), joined by straight
        lines and continued by the last one.

    Raises
    ------
    UsageError
        If the encoding is not known or its table does not rise.
    """
    if picture.dtype in (np.uint8, np.uint16):
        values = picture.astype(np.float64) / np.iinfo(picture.dtype).max
    else:
        values = np.asarray(picture, np.float64)
    if encoding == "linear":
        return values
    if encoding == "srgb":
        return np.asarray(srgb_decode(values))
    if isinstance(encoding, int | float) and not isinstance(encoding, bool) and encoding > 0:
        return np.sign(values) * np.abs(values) ** float(encoding)
    if isinstance(encoding, tuple) and len(encoding) == 2 and len(encoding[0]) == len(encoding[1]) >= 2:
        codes, light = (np.asarray(part, np.float64) for part in encoding)
        if not np.all(np.diff(codes) > 0) or not np.all(np.diff(light) > 0):
            raise UsageError("codes and light of a tone curve must rise", where="encoding")
        ends = [np.diff(light[k : k + 2]) / np.diff(codes[k : k + 2]) for k in (0, codes.size - 2)]
        below, above = np.minimum(values - codes[0], 0) * ends[0], np.maximum(values - codes[-1], 0) * ends[1]
        return np.asarray(np.interp(values, codes, light) + below + above)
    raise UsageError(
        f"unknown tone curve {encoding!r}", where="encoding", hint='"linear", "srgb", a gamma, or (codes, light)'
    )
