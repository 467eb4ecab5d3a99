"""How different a picture looks from its truth: over scales (MS-SSIM), and in colour at a viewing distance (spatial
CIEDE2000). Pictures are linear with Rec.709 primaries, D65 white, 1 = white."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError
from lichtbild.core.colour_space import SRGB_TO_XYZ, delta_e_2000, srgb_encode, xyz_to_lab
from lichtbild.lab.against_truth import EVERYWHERE, Region, blurred, same_shape
from lichtbild.lab.visual_noise import Viewing, seen_at

Floats = npt.NDArray[np.floating[Any]]

# Wang, Simoncelli & Bovik 2003, section 3.2: exponents of five scales, fine to coarse.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST_SIDE_PX = 11 * 2 ** (len(SCALE_WEIGHTS) - 1)


def ms_ssim(picture: Floats, truth: Floats, region: Region = EVERYWHERE) -> float:
    """Structural similarity over five scales (Wang, Simoncelli & Bovik 2003) of the sRGB-encoded luma.

    Contrast and structure count at every scale, luminance at the coarsest; scales halve by 2 x 2 means. `region` counts
    at every scale where it holds over half of a pixel.

    Raises
    ------
    ShapeError
        If a side is below 176 px.
    """
    same_shape(picture, truth)
    if min(picture.shape[:2]) < LEAST_SIDE_PX:
        raise ShapeError(f"a picture of {list(picture.shape[:2])}", where="picture", hint=f"{LEAST_SIDE_PX} px or more")
    a, b = (np.atleast_3d(srgb_encode(np.clip(np.asarray(p, np.float64), 0, 1))).mean(2) for p in (picture, truth))
    inside = region.of(picture.shape).astype(np.float64)
    c1, c2, product = 0.01**2, 0.03**2, 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        mean_a, mean_b = blurred(a, 1.5), blurred(b, 1.5)
        var_a, var_b = blurred(a * a, 1.5) - mean_a**2, blurred(b * b, 1.5) - mean_b**2
        both = blurred(a * b, 1.5) - mean_a * mean_b
        index = (2 * both + c2) / (var_a + var_b + c2)
        if scale == len(SCALE_WEIGHTS) - 1:
            index = index * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        chosen = inside > 0.5
        if not chosen.any():
            raise ShapeError("no pixel of the region is left at a coarse scale", where="region", hint="a larger region")
        product *= max(float(index[chosen].mean()), 0.0) ** weight
        a, b, inside = (_halved(p) for p in (a, b, inside))
    return product


def _halved(plane: Floats) -> Floats:
    h, w = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    return np.asarray(plane[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3)))


def spatial_colour_difference(picture: Floats, truth: Floats, viewing: Viewing, region: Region = EVERYWHERE) -> Floats:
    """CIEDE2000 of every pixel of `region`, [n], after the eye's blur at that distance (S-CIELAB, Zhang & Wandell 1997,
    with the opponent axes and sensitivities of `visual_noise`, whose luminance is low-pass here: the eye's fall at low
    frequencies would take contrast away).

    Noise that is too fine to be seen does not count, a patch of wrong colour does.
    """
    same_shape(picture, truth)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ShapeError(f"{list(picture.shape)} has no colours", where="picture", hint="[H, W, 3]")
    chosen = region.of(picture.shape)
    labs = []
    for linear in (picture, truth):
        xyz = np.asarray(np.clip(linear, 0, None), np.float64) @ SRGB_TO_XYZ.T
        seen = seen_at(xyz, viewing, is_low_pass=True)
        labs.append(xyz_to_lab(np.maximum(seen, 0)[chosen], SRGB_TO_XYZ.sum(1)))
    return delta_e_2000(*labs)
