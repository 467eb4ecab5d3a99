"""What a look does to a pixel, in clear NumPy. The fused kernel is `stages/tone/kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.stages.look.grain import TILE_PX, TILE_SCALE
from lichtbild.stages.look.moves import DARK, HUES, LIGHTNESSES, Moves

Floats = npt.NDArray[np.float32]


def sample(table: Floats, place: Floats) -> Floats:
    """Tables [k, n + 1] at places 0..n, linear: [k, ...]."""
    low = np.clip(place.astype(np.int32), 0, table.shape[1] - 2)
    share = place - low
    return np.asarray(table[:, low] * (1 - share) + table[:, low + 1] * share, np.float32)


def moved(
    lightness: Floats, chroma: Floats, unit: Floats, place: Floats, moves: Moves
) -> tuple[Floats, Floats, Floats]:
    """Lightness and (a, b) [..., 2] of colours after a look's moves, and the grain's response there.

    Parameters
    ----------
    lightness, chroma
        Oklab, [...].
    unit
        (a, b) over chroma, [..., 2]; anything for greys.
    place
        `tone.reference.hue_place` of `unit`, [...].

    Notes
    -----
    Moves of a hue count by c^2 / (c^2 + gate^2): greys have no hue to be moved; and by L^2 / (L^2 + DARK^2): near black
    hue is noise. Changes of lightness count by
    4 L (1 - L): black stays black and white white.
    """
    turn, factor, lift = sample(moves.by_hue, (place + 1) * np.float32(HUES / 4))
    square = chroma * chroma
    share = square / (square + np.float32(moves.gate**2))
    share = share * lightness * lightness / (lightness * lightness + np.float32(DARK**2))
    window = 4 * lightness * (1 - lightness)
    lightness = np.clip(lightness + window * (share * lift - np.float32(moves.density) * chroma), 0, 1)
    by_lightness, tint_a, tint_b, grain = sample(moves.by_lightness, lightness * np.float32(LIGHTNESSES))
    chroma = chroma * (1 + share * (factor - 1)) * by_lightness
    angle = share * turn
    cos, sin = np.cos(angle), np.sin(angle)
    a = chroma * (unit[..., 0] * cos - unit[..., 1] * sin) + tint_a
    b = chroma * (unit[..., 0] * sin + unit[..., 1] * cos) + tint_b
    return np.asarray(lightness, np.float32), np.stack([a, b], -1).astype(np.float32), grain


def grained(
    light: Floats, response: Floats, sigma_stops: float, tile: npt.NDArray[np.int8], top: int, left: int
) -> Floats:
    """Display light [H, W, 3] with grain: a factor for all channels, stops = sigma response tile. `top` and `left` are
    the place of the first pixel in the whole picture."""
    h, w = response.shape
    rows, columns = (top + np.arange(h)) % TILE_PX, (left + np.arange(w)) % TILE_PX
    stops = np.float32(sigma_stops / TILE_SCALE) * response * tile[rows[:, None], columns[None, :]]
    return np.asarray(np.minimum(light * np.exp2(stops)[..., None], 1), np.float32)


def fall_off_ev(square: Floats, corner_ev: float, steep: float) -> Floats:
    """Stops of a vignette at squared distances from the middle, 1 = a corner."""
    return np.asarray(np.float32(corner_ev) * square * (1 - np.float32(steep) * (1 - square)), np.float32)
