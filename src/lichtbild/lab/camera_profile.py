"""A camera's colour fitted to photographs of a chart: matrices, root polynomial, hue and saturation map, with the error
that each would have on colours it was not fitted to.

The forward matrix takes white-balanced camera RGB to XYZ under D50 and keeps white exact: six numbers, fitted to
CIEDE2000 on the patches. The colour matrix (XYZ under the light to camera) follows from it and the light, as DNG 1.7
chapter 6 has it. Root polynomials (Finlayson, Mackiewicz & Hurlbert 2015) have more terms and still do not change with
exposure. The map corrects what is left, smoothly, in hue and saturation. Each is judged by leaving one patch out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import UsageError
from lichtbild.core.colour_space import (
    D50_XY,
    PCS_WHITE_XYZ,
    bradford,
    delta_e_2000,
    xy_to_xyz,
    xyz_to_lab,
)
from lichtbild.lab.charts.reference import ChartReference
from lichtbild.lab.figure import Figure
from lichtbild.lab.hue_saturation import HueSaturationMap, fit_map

Floats = npt.NDArray[np.float64]

ROOT_TERMS = ("r", "g", "b", "sqrt(rg)", "sqrt(gb)", "sqrt(rb)")
CLAUSE = "DNG 1.7.1, chapter 6; CIE 142:2001"


@dataclass(frozen=True, eq=False)
class Calibration:
    """One light's part of a profile.

    Parameters
    ----------
    light_xy
        CIE xy of the light.
    colour_matrix, forward_matrix
        float64 [3, 3]: XYZ under the light to camera; white-balanced camera to XYZ D50.
    root_polynomial
        float64 [3, 6]: white-balanced camera by `ROOT_TERMS` to XYZ D50.
    map
        Hue and saturation after the forward matrix.
    errors
        {"matrix", "root_polynomial", "matrix_and_map"}: {"fit", "left_out"}: float64 [n], CIEDE2000.
    """

    light_xy: tuple[float, float]
    colour_matrix: Floats
    forward_matrix: Floats
    root_polynomial: Floats
    map: HueSaturationMap
    errors: dict[str, dict[str, Floats]]

    @property
    def figures(self) -> list[Figure]:
        """Mean and worst error of each kind of model, fitted and left out."""
        found = []
        for model, columns in self.errors.items():
            for kind, values in columns.items():
                note = "fitted to all patches" if kind == "fit" else "each patch by a fit to the others"
                spread = float(values.std(ddof=1) / np.sqrt(len(values)))
                found.append(Figure.within(f"profile.{model}.{kind}_mean", values.mean(), spread, "dE00", CLAUSE, note))
                found.append(Figure.exact(f"profile.{model}.{kind}_max", values.max(), "dE00", CLAUSE, note))
        return found


@dataclass(frozen=True, eq=False)
class CameraProfile:
    """A fitted camera, for `develop`; see `lab.profile_file` for its files."""

    camera: str
    calibrations: tuple[Calibration, ...]


def fit_profile(
    camera_rgb: Floats,
    reference: ChartReference,
    light_xy: tuple[float, float],
    good: npt.NDArray[np.bool_] | None = None,
) -> Calibration:
    """One light's calibration from a chart's linear camera RGB [n, 3] (black subtracted, not balanced).

    The published colours are those under D50: under another light a patch is another colour, by its metamerism, and
    that is left in the error. Exposure and evenness of the light are the photographer's to see to.

    Parameters
    ----------
    good
        bool [n]: patches to use; None: all.

    Raises
    ------
    UsageError
        If fewer than 12 patches, or no greys, can be used.
    """
    good = np.ones(reference.n, bool) if good is None else good
    neutral = np.intersect1d(reference.neutral, np.flatnonzero(good))
    if good.sum() < 12 or len(neutral) < 2:
        raise UsageError(f"{int(good.sum())} usable patches with {len(neutral)} greys are too few for a profile",
                         where="chart", hint="12 patches, two of them grey, none clipped")  # fmt: skip
    target = reference.xyz_d50
    to_pcs_white = bradford(xy_to_xyz(D50_XY), PCS_WHITE_XYZ).T
    pcs = target[good] @ to_pcs_white
    white = _white(camera_rgb, target @ to_pcs_white, good, neutral)
    balanced = camera_rgb / white
    chosen = balanced[good]

    def by_matrix(rgb: Floats, xyz: Floats) -> Callable[[Floats], Floats]:
        matrix = _white_exact(rgb, xyz)
        return lambda v: v @ matrix.T

    def by_root(rgb: Floats, xyz: Floats) -> Callable[[Floats], Floats]:
        coefficients = _white_exact(root_terms(rgb), xyz)
        return lambda v: root_terms(v) @ coefficients.T

    def by_map(rgb: Floats, xyz: Floats) -> Callable[[Floats], Floats]:
        matrix = _white_exact(rgb, xyz)
        fitted = fit_map(rgb @ matrix.T, xyz)
        return lambda v: fitted.apply(v @ matrix.T)

    errors = {
        name: {"fit": _errors(make(chosen, pcs)(chosen), pcs), "left_out": _left_out(make, chosen, pcs)}
        for name, make in (("matrix", by_matrix), ("root_polynomial", by_root), ("matrix_and_map", by_map))
    }
    forward = _white_exact(chosen, pcs)
    white_camera = white / white[1]
    to_pcs = forward @ np.diag(1 / white_camera)
    colour = np.linalg.inv(bradford(PCS_WHITE_XYZ, xy_to_xyz(light_xy)) @ to_pcs)
    rooted, mapped = _white_exact(root_terms(chosen), pcs), fit_map(chosen @ forward.T, pcs)
    return Calibration(light_xy, colour, forward, rooted, mapped, errors)


def _white(camera_rgb: Floats, pcs: Floats, good: npt.NDArray[np.bool_], neutral: npt.NDArray[np.intp]) -> Floats:
    """Camera RGB [3] of a perfect white. The chart's greys are not quite grey: what they should be is known, and a
    plain matrix says what that makes of the camera's numbers."""
    weight = 1 / np.maximum(pcs[good, 1:2], 0.03)
    to_camera = np.linalg.lstsq(pcs[good] * weight, camera_rgb[good] * weight, rcond=None)[0]
    expected = (pcs[neutral] @ to_camera) / (PCS_WHITE_XYZ @ to_camera)
    return np.asarray(np.median(camera_rgb[neutral] / expected, 0))


def root_terms(rgb: Floats) -> Floats:
    """[..., 6]: r, g, b and the roots of their products, each proportional to exposure."""
    r, g, b = np.moveaxis(np.maximum(rgb, 0), -1, 0)
    return np.stack([r, g, b, np.sqrt(r * g), np.sqrt(g * b), np.sqrt(r * b)], -1)


def _errors(xyz: Floats, target: Floats) -> Floats:
    """CIEDE2000 [n] under the profile connection space's white."""
    return delta_e_2000(xyz_to_lab(np.maximum(xyz, 1e-6), PCS_WHITE_XYZ), xyz_to_lab(target, PCS_WHITE_XYZ))


def _left_out(make: Callable[[Floats, Floats], Callable[[Floats], Floats]], rgb: Floats, xyz: Floats) -> Floats:
    found = np.empty(len(rgb))
    for k in range(len(rgb)):
        others = np.arange(len(rgb)) != k
        found[k] = _errors(make(rgb[others], xyz[others])(rgb[k : k + 1]), xyz[k : k + 1])[0]
    return found


def _white_exact(terms: Floats, xyz: Floats) -> Floats:
    """Coefficients [3, k] of terms [n, k] (1 each for white) to XYZ, white to white exactly, least squares in L*a*b*
    weighted as CIEDE2000 weighs chroma: three rounds of Gauss and Newton from the linear answer."""
    k = terms.shape[1]
    # White exact: the last coefficient of each row is what the others leave of the white.
    base = terms[:, -1:] * PCS_WHITE_XYZ
    axes = terms[:, :-1] - terms[:, -1:]
    target = xyz_to_lab(xyz, PCS_WHITE_XYZ)
    chroma = np.hypot(target[:, 1], target[:, 2])
    # CIEDE2000: lightness counts fully about mid grey, differences of chroma by 1 / (1 + 0.045 C).
    weight = np.stack([np.ones_like(chroma), 1 / (1 + 0.03 * chroma), 1 / (1 + 0.03 * chroma)], 1)
    free = np.linalg.lstsq(
        axes / np.maximum(xyz[:, 1:2], 0.02), (xyz - base) / np.maximum(xyz[:, 1:2], 0.02), rcond=None
    )[0]
    for _ in range(4):
        made = np.maximum(base + axes @ free, 1e-4)
        slope = _lab_slope(made)
        # [n, 3 lab, 3 xyz] times [n, k - 1] terms.
        rows = (weight[:, :, None, None] * slope[:, :, :, None] * axes[:, None, None, :]).reshape(len(terms) * 3, -1)
        rest = (weight * (target - xyz_to_lab(made, PCS_WHITE_XYZ))).ravel()
        step = np.linalg.lstsq(rows, rest, rcond=1e-8)[0].reshape(3, k - 1).T
        free = free + step
    last = PCS_WHITE_XYZ - free.sum(0)
    return np.asarray(np.concatenate([free, last[None]]).T)


def _lab_slope(xyz: Floats) -> Floats:
    """[n, 3, 3]: d(L, a, b) / d(X, Y, Z)."""
    t = xyz / PCS_WHITE_XYZ
    f = np.where(t > 216 / 24389, np.cbrt(np.maximum(t, 1e-9)) ** -2 / 3, 24389 / 27 / 116) / PCS_WHITE_XYZ
    zero = np.zeros(len(xyz))
    return np.stack(
        [
            np.stack([zero, 116 * f[:, 1], zero], 1),
            np.stack([500 * f[:, 0], -500 * f[:, 1], zero], 1),
            np.stack([zero, 200 * f[:, 1], -200 * f[:, 2]], 1),
        ],
        1,
    )
