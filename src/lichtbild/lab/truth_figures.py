"""All that is measured of a picture beside its truth, as figures: everywhere, at edges, in flats, in shadows, where
something moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import ShapeError
from lichtbild.lab.against_truth import EVERYWHERE, Mask, Region, blurred, colour_difference, flats, psnr_db, ssim
from lichtbild.lab.figure import Figure
from lichtbild.lab.seen_difference import LEAST_SIDE_PX, ms_ssim, spatial_colour_difference
from lichtbild.lab.visual_noise import Viewing

Floats = npt.NDArray[np.floating[Any]]

LEAST_SHARE = 0.002
SHADOW_BELOW = 0.05


def regions(truth: Floats, moving: Mask | None = None) -> dict[str, Mask]:
    """Masks bool [H, W] of a truth (linear, 1 = white): "edges" are the tenth of steepest pixels with their neighbours,
    "flats" hardly vary, "shadows" lie below 5 % of white; "motion" where it is told."""
    grey = np.atleast_3d(truth).mean(2).astype(np.float64)
    # Steepness as it is seen: of the root of light.
    gy, gx = np.gradient(blurred(np.sqrt(np.maximum(grey, 0)), 1.0))
    slope = np.hypot(gx, gy)
    steep = slope > max(float(np.quantile(slope, 0.9)), 1e-6)
    found = {
        "edges": blurred(steep.astype(np.float64), 1.5) > 0.1,
        "flats": flats(truth),
        "shadows": grey < SHADOW_BELOW,
    }
    if moving is not None:
        found["motion"] = moving
    return found


def truth_figures(
    picture: Floats, truth: Floats, viewing: Viewing, moving: Mask | None = None, region: Region = EVERYWHERE
) -> list[Figure]:
    """Figures of a picture on its truth's grid ([H, W, 3], linear Rec.709, 1 = white); see `registered.register` for
    one that is not. A region of under 0.2 % of the pixels is not measured, and says so."""
    whole = region.of(truth.shape)
    found: list[Figure] = [
        Figure.exact("truth.psnr", min(psnr_db(picture, truth, region), 200.0), "dB", "peak 1, linear light"),
        Figure.exact("truth.ssim", ssim(picture, truth, region), "", "Wang et al. 2004"),
    ]
    if min(truth.shape[:2]) >= LEAST_SIDE_PX:
        found.append(Figure.exact("truth.ms_ssim", ms_ssim(picture, truth, region), "", "Wang et al. 2003"))
    else:
        found.append(Figure.missing("truth.ms_ssim", "", "Wang et al. 2003", f"a side is below {LEAST_SIDE_PX} px"))
    seen = spatial_colour_difference(picture, truth, viewing, region)
    clause = "CIE 142:2001 after Zhang & Wandell 1997"
    found.append(Figure.exact("truth.spatial_de2000", float(seen.mean()), "dE00", clause, viewing.name))
    found.append(Figure.exact("truth.spatial_de2000_p95", float(np.quantile(seen, 0.95)), "dE00", clause, viewing.name))
    for name, mask in regions(truth, moving).items():
        inside = mask & whole
        if inside.mean() < LEAST_SHARE:
            found.append(Figure.missing(f"truth.{name}.psnr", "dB", "peak 1, linear light", f"hardly any {name} here"))
            continue
        part = Region(region.border_px, inside)
        note = f"{100 * inside.mean():.1f} % of the pixels"
        found.append(Figure.exact(f"truth.{name}.psnr", min(psnr_db(picture, truth, part), 200.0), "dB",
                                  "peak 1, linear light", note))  # fmt: skip
        colour = float(colour_difference(picture, truth, part).mean())
        found.append(Figure.exact(f"truth.{name}.de2000", colour, "dE00", "CIE 142:2001", note))
    return found


def alignment_figures(found_px: Floats, true_px: Floats, counted: Mask | None = None) -> list[Figure]:
    """Error of motion [..., 2] (px) against the truth: median, 95th percentile, worst, share beyond half a pixel.

    `counted` [...] leaves out what cannot be known (hidden, flat).

    Raises
    ------
    ShapeError
        If the two differ in shape or nothing is counted.
    """
    if found_px.shape != true_px.shape or found_px.shape[-1] != 2:
        raise ShapeError(f"motion of {list(found_px.shape)} beside {list(true_px.shape)}", where="found_px")
    error = np.hypot(*np.moveaxis(np.asarray(found_px, np.float64) - true_px, -1, 0))
    error = error.ravel() if counted is None else error[counted]
    error = error[np.isfinite(error)]
    if error.size == 0:
        raise ShapeError("no motion is counted", where="counted")
    clause = "Baker et al. 2011, endpoint error"
    return [
        Figure.exact("alignment.median", float(np.median(error)), "px", clause),
        Figure.exact("alignment.p95", float(np.quantile(error, 0.95)), "px", clause),
        Figure.exact("alignment.max", float(error.max()), "px", clause),
        Figure.exact("alignment.over_half_px", 100 * float(np.mean(error > 0.5)), "%", clause),
    ]
