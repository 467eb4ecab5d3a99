"""Tables of colours beside a look: codes in, codes out, tetrahedral between entries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cube:
    """A three-dimensional table.

    Parameters
    ----------
    table
        float32 [n, n, n, 3] over red, green, blue of the input; output codes.
    low, high
        Input codes of the first and the last entry, [3] each.
    shaper
        A curve for each channel before the table, float32 [m, 3] over `shaper_range`; None: none.
    shaper_range
        Input codes of the shaper's first and last entry.
    space
        What codes are encoded in: "srgb" or "p3" (both by the sRGB curve), or "linear" (sRGB primaries).
    """

    table: Floats
    low: tuple[float, float, float] = (0.0, 0.0, 0.0)
    high: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shaper: Floats | None = None
    shaper_range: tuple[float, float] = (0.0, 1.0)
    space: str = "srgb"


def look_up(cube: Cube, codes: npt.ArrayLike) -> Floats:
    """The table at codes [..., 3], tetrahedral (Kasson et al. 1995: exact along the grey diagonal); held at its
    ends."""
    v = np.asarray(codes, np.float32)
    if cube.shaper is not None:
        first, last = cube.shaper_range
        x = np.linspace(first, last, len(cube.shaper))
        v = np.stack([np.interp(v[..., k], x, cube.shaper[:, k]) for k in range(3)], -1).astype(np.float32)
    n = cube.table.shape[0]
    low, high = np.asarray(cube.low, np.float32), np.asarray(cube.high, np.float32)
    place = np.clip((v - low) / (high - low), 0, 1) * np.float32(n - 1)
    cell = np.minimum(place.astype(np.int32), n - 2)
    share = place - cell
    # From the cell's black corner along the channels in the order of their shares to its white one.
    order = np.argsort(-share, axis=-1, kind="stable")
    strides = np.array([n * n, n, 1])
    flat = cube.table.reshape(-1, 3)
    at = cell @ strides
    out = flat[at].astype(np.float32)
    for k in range(3):
        channel = order[..., k]
        here = at + strides[channel]
        out = out + np.take_along_axis(share, channel[..., None], -1) * (flat[here] - flat[at])
        at = here
    return np.asarray(out, np.float32)


def applied(cube: Cube, light: Floats, strength: float, space: str) -> Floats:
    """Display light 0.. [..., 3] in the primaries of `space` (one of `DISPLAY_SPACES`) after the table, in the same.

    Light above 1 (an HDR rendition) is scaled into the table's range and back, so that its colour is that of the table
    and its brightness its own.
    """
    wanted = "p3" if cube.space == "p3" else "srgb"
    matrix = np.linalg.inv(cs.DISPLAY_SPACES[wanted]) @ cs.DISPLAY_SPACES[space]
    own = light if wanted == space else light @ matrix.T.astype(np.float32)
    over = np.maximum(own.max(-1, keepdims=True), 1)
    own = own / over
    codes = own if cube.space == "linear" else cs.srgb_encode(np.clip(own, 0, 1))
    out = look_up(cube, codes)
    if strength < 1:
        out = codes + np.float32(strength) * (out - codes)
    out = (out if cube.space == "linear" else cs.srgb_decode(np.clip(out, 0, 1))) * over
    if wanted != space:
        out = out @ np.linalg.inv(matrix).T.astype(np.float32)
    return np.asarray(np.maximum(out, 0), np.float32)
