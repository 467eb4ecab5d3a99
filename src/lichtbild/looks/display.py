"""A look on a picture that was developed already: codes in, codes out. What a .cube file holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.stages import look as looking
from lichtbild.stages import tone
from lichtbild.stages.look import Look
from lichtbild.stages.look.model import ToneLook

Floats = npt.NDArray[np.float32]


def shown(look: Look, codes: npt.ArrayLike) -> Floats:
    """sRGB codes 0..1 [..., 3] of the natural look to those of `look`: its curve, hues, tints, black and white and
    table; not what depends on the place (grain, fall-off, halation, local contrast)."""
    light = cs.srgb_decode(np.asarray(codes, np.float32))
    matrix = looking.mono_matrix(np.eye(3), look) @ cs.XYZ_TO_REC2020 @ cs.SRGB_TO_XYZ
    work = np.asarray(light @ matrix.T.astype(np.float32), np.float32)
    moves = looking.moves.of_look(look, is_rendered=True)
    white = tone.USUAL_WHITE
    lut = tone.curve.regraded(
        tone.shape_of(ToneLook(), white), tone.shape_of(look.tone, white * 2.0**look.tone.white_ev)
    )
    to_rgb, gamut = tone.reference.display_matrix("srgb"), tone.reference.gamut_chroma("srgb", 1.0)
    out, _ = tone.reference.to_display(work, lut, moves.saturation, to_rgb, gamut, True, moves)
    if look.cube is not None:
        out = looking.cube.applied(look.cube, out, look.lut.strength, "srgb")
    return np.asarray(np.clip(cs.srgb_encode(out), 0, 1), np.float32)


def table(look: Look, size: int = 33) -> Floats:
    """`shown` at a grid of codes, float32 [size, size, size, 3] over red, green, blue."""
    axis = np.linspace(0, 1, size, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    return shown(look, grid)
