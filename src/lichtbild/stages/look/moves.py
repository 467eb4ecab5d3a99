"""A look's colour as tables: by hue, and by lightness. What the kernel and its twin read alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.stages.look.grain import lightness_response
from lichtbild.stages.look.model import Look

Floats = npt.NDArray[np.float32]

HUES, LIGHTNESSES = 256, 64
"""Cells of the tables."""
DARK = 0.1
"""Oklab lightness at which moves of hues have half their effect."""


@dataclass(frozen=True, eq=False)
class Moves:
    """What a look does to one colour.

    Parameters
    ----------
    by_hue
        float32 [3, HUES + 1] over `hue_of_places`: turn (rad), chroma factor, lift of lightness.
    by_lightness
        float32 [4, LIGHTNESSES + 1] over Oklab lightness 0..1: chroma factor, tint a and b, sigma of grain (stops).
    gate
        Chroma at which the moves of hues have half their effect.
    density
        Lightness lost for a chroma of 1.
    saturation
        Chroma factor.
    soft_from
        Share of the display's chroma from which colours are eased into it.
    """

    by_hue: Floats
    by_lightness: Floats
    gate: float
    density: float
    saturation: float
    soft_from: float


def hue_of_places(n: int = HUES + 1) -> npt.NDArray[np.float64]:
    """Oklab hue (rad) of places -1..3 of `tone.reference.hue_place`, [n]."""
    u = np.linspace(-1, 3, n)
    q = np.where(u <= 1, u, 2 - u)
    return np.asarray(np.arctan2(q, np.where(u <= 1, 1.0, -1.0) * (1 - np.abs(q))))


def smooth(low: float, high: float, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def hue_moves(look: Look, hue_rad: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn (rad), chroma factor and lift at hues, float64 [3, ...]: raised cosines around each move's hue, added."""
    turn, factor, lift = np.zeros_like(hue_rad), np.zeros_like(hue_rad), np.zeros_like(hue_rad)
    for move in look.hues:
        apart = np.abs((np.degrees(hue_rad) - move.hue_deg + 180) % 360 - 180)
        share = np.where(apart < move.width_deg, 0.5 + 0.5 * np.cos(np.pi * apart / move.width_deg), 0.0)
        turn = turn + share * np.radians(move.turn_deg)
        factor = factor + share * (move.saturation - 1)
        lift = lift + share * move.lightness
    return np.stack([turn, np.maximum(1 + factor, 0), lift])


def lightness_moves(look: Look, lightness: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Chroma factor, tint a, b at Oklab lightness, float64 [3, ...]. Black and white stay without tint."""
    dark, light = 1 - smooth(0.0, 0.55, lightness), smooth(0.5, 1.0, lightness)
    factor = (1 + (look.colour.shadows - 1) * dark) * (1 + (look.colour.highlights - 1) * light)
    in_shadows = smooth(0.0, 0.25, lightness) * (1 - smooth(0.25, 0.65, lightness))
    in_lights = smooth(0.4, 0.8, lightness) * (1 - smooth(0.8, 1.0, lightness))
    hues = np.radians([look.split.shadows_hue_deg, look.split.highlights_hue_deg])
    shadows, lights = look.split.shadows_chroma * in_shadows, look.split.highlights_chroma * in_lights
    a = shadows * np.cos(hues[0]) + lights * np.cos(hues[1])
    b = shadows * np.sin(hues[0]) + lights * np.sin(hues[1])
    return np.stack([factor, a, b])


def of_look(look: Look, *, is_rendered: bool = False) -> Moves:
    """The tables of a look.

    `is_rendered`: for a picture that was developed already, whose colours are taken for the natural look's: the tables
    are what this look does beyond that, and colours are eased near the very border of the gamut only.
    """
    lightness = np.linspace(0, 1, LIGHTNESSES + 1)
    by_hue = hue_moves(look, hue_of_places()).astype(np.float32)
    by_lightness = np.stack([*lightness_moves(look, lightness), lightness_response(lightness)]).astype(np.float32)
    colour = look.colour
    if not is_rendered:
        return Moves(by_hue, by_lightness, colour.gate, colour.density, colour.saturation, colour.gamut)
    usual = Look().colour
    density, saturation = colour.density - usual.density, colour.saturation / usual.saturation
    # The more colourful, the earlier colours must begin to make room.
    most = saturation * max(float(by_hue[1].max()), 1.0) * max(colour.shadows, colour.highlights, 1.0)
    soft = float(np.clip(0.98 - 1.2 * (most - 1), colour.gamut, 0.98))
    return Moves(by_hue, by_lightness, colour.gate, density, saturation, soft)


def pairs(table: Floats) -> npt.NDArray[np.uint64]:
    """Tables [k, n + 1] for the kernel, [k, n]: the bits of every entry, and above them those of the next less it."""
    both = np.stack([table[:, :-1], np.diff(table, axis=1)], -1).astype(np.float32).view(np.uint32).astype(np.uint64)
    return np.ascontiguousarray(both[..., 0] | both[..., 1] << np.uint64(32))
