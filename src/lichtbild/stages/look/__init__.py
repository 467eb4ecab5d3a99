"""Look: the character of a picture, as data. Neutral colours first, the look second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.params import Params, param
from lichtbild.stages.look import cube, grain, moves, panchromatic, reference
from lichtbild.stages.look.model import Look, from_document, mixed, to_document

VERSION = 1

Floats = npt.NDArray[np.float32]

DEFAULT = "natural"
HALO_ONSET = 1.0
"""Display-linear light, before the shoulder, from which light is spread by halation: about 2.5 stops over mid grey."""


@dataclass(frozen=True)
class LookParams(Params):
    """Which look, and how much of it."""

    look: str = param(DEFAULT, "a look's name, several joined by + (later sections win), or a .toml file")
    strength: float = param(1.0, "how far from the natural look to this one", low=0.0, high=1.0)
    grain: float = param(1.0, "factor on the look's grain", low=0.0, high=3.0)
    vignette: float = param(1.0, "factor on the look's fall-off", low=0.0, high=3.0)


@dataclass(frozen=True, eq=False)
class LookFacts:
    """A look made ready for one picture.

    Parameters
    ----------
    look
        The look itself.
    moves
        Its tables.
    halo
        Light of WORK_RGB that halation spreads to the facts' nodes, float32 [h, w, 1].
    halo_colour
        Its colour, [3].
    """

    look: Look
    moves: moves.Moves
    halo: Floats
    halo_colour: tuple[float, float, float]


def mono_matrix(matrix: npt.NDArray[np.float64], look: Look) -> npt.NDArray[np.float64]:
    """A matrix to WORK_RGB [3, 3] that gives greys by the look's film and filter, as far as it asks for them."""
    amount = look.monochrome.amount
    if amount <= 0:
        return matrix
    weights = np.asarray(panchromatic.weights(look.monochrome.film, look.monochrome.filter))
    grey = np.ones((3, 1)) * (weights @ matrix)[None, :]
    return np.asarray(matrix + amount * (grey - matrix))


def analyse(work_rgb: Floats, exposure_ev: float, look: Look, *, is_rendered: bool = False) -> LookFacts:
    """Facts from a small WORK_RGB picture [h, w, 3], before exposure; `is_rendered` as in `moves.of_look`."""
    h, w = work_rgb.shape[:2]
    halo = np.zeros((h, w, 1), np.float32)
    halation = look.halation
    if halation.strength > 0:
        luma = np.maximum(work_rgb.max(-1), 0)
        over = np.maximum(luma - np.float32(HALO_ONSET * 2.0**-exposure_ev), 0)
        # A light far beyond white would flood the picture: it counts by its root from eight times white on.
        most = np.float32(8 * HALO_ONSET * 2.0**-exposure_ev)
        over = np.where(over > most, np.sqrt(over * most), over)
        halo[..., 0] = halation.strength * _spread(over, halation.radius * max(h, w))
    red = halation.warmth
    return LookFacts(look, moves.of_look(look, is_rendered=is_rendered), halo, (1.0, 1 - 0.72 * red, 1 - 0.94 * red))


def _spread(plane: Floats, reach: float) -> Floats:
    """Two exponentials, the way light falls off in the base: most of it near, some of it far."""
    h, w = plane.shape
    pad = int(min(8 * reach + 2, 2 * max(h, w)))
    p = np.pad(plane, pad)
    fy, fx = np.fft.fftfreq(p.shape[0])[:, None], np.fft.rfftfreq(p.shape[1])[None, :]
    f2 = np.square(2 * np.pi) * (fy * fy + fx * fx)
    shape = sum(share / (1 + f2 * (reach * k) ** 2) ** 1.5 for share, k in ((0.7, 0.7), (0.3, 2.5)))
    out = np.fft.irfft2(np.fft.rfft2(p) * shape, p.shape)
    return np.asarray(np.maximum(out[pad : pad + h, pad : pad + w], 0), np.float32)


__all__ = [
    "DEFAULT", "Look", "LookFacts", "LookParams", "analyse", "cube", "from_document", "grain", "mixed", "mono_matrix",
    "moves", "panchromatic", "reference", "to_document",
]  # fmt: skip
