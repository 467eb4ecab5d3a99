"""Colour of a rendered picture of a chart beside the published values: differences, white balance, saturation, hue.

A picture may be lighter or darker on purpose: lightness is first fitted by one factor on the greys, and what is told
`as_rendered` leaves that out. A tone curve is told by the greys (`colour.tone_slope`), and `de2000_no_lightness` counts
colour alone, as it can be judged through any curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import (
    D50_XY,
    P3_TO_XYZ,
    SRGB_TO_XYZ,
    bradford,
    delta_e_2000,
    xy_to_xyz,
    xyz_to_lab,
)
from lichtbild.core.errors import UsageError
from lichtbild.lab.charts.patches import Patches
from lichtbild.lab.charts.reference import ChartReference
from lichtbild.lab.figure import Figure

Floats = npt.NDArray[np.float64]

SPACES = {"srgb": SRGB_TO_XYZ, "p3": P3_TO_XYZ}
DE = "CIE 142:2001 (CIEDE2000), ISO/CIE 11664-6:2022"
LAB = "ISO/CIE 11664-4:2019"
WHITE = xy_to_xyz(D50_XY)
N_DRAWS = 32
# A patch of less chroma has no hue worth a figure.
LEAST_CHROMA = 12.0


@dataclass(frozen=True, eq=False)
class ChartColours:
    """A chart as a picture shows it.

    Parameters
    ----------
    figures
        What was measured.
    reference_lab, measured_lab, as_rendered_lab
        float64 [n, 3], D50; measured with lightness fitted on the greys, and without that.
    difference
        float64 [n], CIEDE2000; NaN for patches that were left out.
    findings
        What went wrong, in sentences.
    """

    figures: list[Figure]
    reference_lab: Floats
    measured_lab: Floats
    as_rendered_lab: Floats
    difference: Floats
    findings: tuple[str, ...]


def to_xyz_d50(space: str = "srgb") -> Floats:
    """[3, 3]: linear RGB of "srgb" or "p3" to XYZ under D50, by Bradford.

    Raises
    ------
    UsageError
        If the space is none of these.
    """
    if space not in SPACES:
        raise UsageError(f"no colour space {space!r}", where="space", hint=" or ".join(SPACES))
    return np.asarray(bradford(SPACES[space].sum(1), WHITE) @ SPACES[space])


def measure_colour(patches: Patches, reference: ChartReference, to_xyz: Floats) -> ChartColours:
    """Figures of a rendered picture.

    Parameters
    ----------
    patches
        Means of linear light; of encoded numbers the mean would be another.
    to_xyz
        [3, 3]: their RGB to XYZ under D50 (`to_xyz_d50`, or what the file's profile says).
    """
    good, findings = patches.is_good, _findings(patches, reference)
    neutral = np.intersect1d(reference.neutral, np.flatnonzero(good))
    rendered = patches.mean @ to_xyz.T
    if len(neutral) < 3 or good.sum() < reference.n // 2:
        because = "; ".join(findings) or "fewer than three greys can be used"
        names = ("mean", "median", "max")
        lost = [Figure.missing(f"colour.de2000_{name}", "dE00", DE, because) for name in names]
        empty = np.full(reference.n, np.nan)
        lab = xyz_to_lab(rendered, WHITE)
        return ChartColours(lost, reference.lab_d50, lab, lab, empty, findings)

    def evaluate(mean: Floats) -> tuple[dict[str, float], Floats, Floats]:
        xyz = mean @ to_xyz.T
        factor = _lightness_factor(xyz[neutral, 1], reference.xyz_d50[neutral, 1])
        lab = xyz_to_lab(xyz * factor, WHITE)
        return (
            _values(lab, xyz_to_lab(xyz, WHITE), xyz, reference, good, neutral),
            lab,
            delta_e_2000(lab, reference.lab_d50),
        )

    values, lab, difference = evaluate(patches.mean)
    rng = np.random.default_rng(1)
    draws = [
        evaluate(patches.mean + patches.error * rng.standard_normal(patches.mean.shape))[0] for _ in range(N_DRAWS)
    ]
    figures = []
    for name, value in values.items():
        unit, clause, note = _ABOUT[name]
        drawn = np.array([draw[name] for draw in draws])
        # Noise makes distances larger: what it adds once more to noisy values is taken off, and left open.
        bias, half = float(drawn.mean()) - value, 1.959964 * float(np.std(drawn, ddof=1))
        centre = value - bias
        figures.append(
            Figure(f"colour.{name}", centre, unit, centre - half - abs(bias), centre + half + abs(bias), clause, note)
        )
    slope = values["tone_slope"]
    if abs(slope - 1) > 0.15:
        findings += (
            f"the greys' tone slope is {slope:.2f}, not 1: a tone curve was applied, or the file's numbers are "
            "not what its profile says; judge colour by the figures without lightness",
        )
    shown = np.where(good, difference, np.nan)
    return ChartColours(figures, reference.lab_d50, lab, xyz_to_lab(rendered, WHITE), shown, findings)


def _findings(patches: Patches, reference: ChartReference) -> tuple[str, ...]:
    found = []
    clipped = np.flatnonzero(patches.clipped >= 0.01)
    if len(clipped):
        names = ", ".join(reference.names[k] for k in clipped[:6]) + (" ..." if len(clipped) > 6 else "")
        found.append(f"{len(clipped)} patches are clipped and left out: {names}")
    small = np.flatnonzero(patches.n_pixels < 9)
    if len(small):
        found.append(f"{len(small)} patches have fewer than nine pixels")
    return tuple(found)


def _lightness_factor(seen: Floats, target: Floats) -> float:
    """One factor for the light that brings the greys' L* nearest to theirs, least squares in L*."""
    ratios = np.log(np.maximum(target, 1e-6) / np.maximum(seen, 1e-6))
    # L* goes with the cube root: what a relative error costs grows with it.
    return float(np.exp(np.average(ratios, weights=np.cbrt(target) ** 2)))


def _values(
    lab: Floats, rendered: Floats, xyz: Floats, reference: ChartReference, good: npt.NDArray[np.bool_], neutral: Floats
) -> dict[str, float]:
    target = reference.lab_d50
    difference = delta_e_2000(lab, target)[good]
    level = np.concatenate([target[:, :1], lab[:, 1:]], 1)
    no_lightness = delta_e_2000(level, target)[good]
    as_rendered = delta_e_2000(rendered, target)[good]
    chroma, target_chroma = np.hypot(lab[:, 1], lab[:, 2]), np.hypot(target[:, 1], target[:, 2])
    coloured = good & (target_chroma > LEAST_CHROMA)
    turn = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]) - np.arctan2(target[:, 2], target[:, 1]))
    turn = (turn[coloured] + 180) % 360 - 180
    cast = lab[neutral, 1:] - target[neutral, 1:]
    # Angle between what the greys are and what they should be, as white balance is judged: in linear sRGB.
    to_rgb = np.linalg.inv(bradford(SRGB_TO_XYZ.sum(1), WHITE) @ SRGB_TO_XYZ).T
    seen, ideal = (xyz[neutral] @ to_rgb), (reference.xyz_d50[neutral] @ to_rgb)
    cosine = np.sum(seen * ideal, 1) / np.linalg.norm(seen, axis=1) / np.linalg.norm(ideal, axis=1)
    grey_y, ideal_y = xyz[neutral, 1], reference.xyz_d50[neutral, 1]
    slope = np.polyfit(np.log10(ideal_y), np.log10(np.maximum(grey_y, 1e-6)), 1)[0]
    return {
        "de2000_mean": float(difference.mean()),
        "de2000_median": float(np.median(difference)),
        "de2000_max": float(difference.max()),
        "de2000_no_lightness_mean": float(no_lightness.mean()),
        "de2000_as_rendered_mean": float(as_rendered.mean()),
        "white_balance_chroma": float(np.hypot(*cast.T).mean()),
        "white_balance_angle": float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()),
        "saturation": float(100 * chroma[coloured].mean() / target_chroma[coloured].mean()),
        "hue_shift": float(np.average(turn, weights=target_chroma[coloured])),
        "hue_shift_absolute": float(np.average(np.abs(turn), weights=target_chroma[coloured])),
        "tone_slope": float(slope),
    }


_GREYS = "on the greys of L* over 30"
_ABOUT = {
    "de2000_mean": ("dE00", DE, "over the patches; light fitted on the greys by one factor"),
    "de2000_median": ("dE00", DE, "as the mean"),
    "de2000_max": ("dE00", DE, "as the mean"),
    "de2000_no_lightness_mean": ("dE00", DE, "each patch given its published lightness: colour without tone"),
    "de2000_as_rendered_mean": ("dE00", DE, "as the picture is, without fitting light"),
    "white_balance_chroma": ("dC*ab", LAB, f"mean distance in a*b* {_GREYS}"),
    "white_balance_angle": ("deg", "Gijsenij, Gevers & van de Weijer 2011, angular error", _GREYS),
    "saturation": ("%", LAB, "mean chroma over that of the published values, patches of chroma over 12"),
    "hue_shift": ("deg", LAB, "mean turn of h_ab, weighted by chroma; positive from red to yellow"),
    "hue_shift_absolute": ("deg", LAB, "mean of its absolute value"),
    "tone_slope": ("", "slope of log10 Y against the published, least squares", _GREYS),
}
