"""Colour error of a real phone sensor with a profile of two illuminants: CIEDE2000 on the 24 patches of a ColorChecker.

The chart's published reflectances, CIE illuminants and the measured sensitivities of a phone (shared data, non-
commercial) give camera colours without noise. A profile for A and D65 is fitted as makers do; then the colours go
through our own white balance and colour stages, with nothing but the profile and the camera's neutral known. Truth is
the chart's XYZ under the light, adapted to D65 by Bradford; exposure is fitted on the six greys.

    python benchmarks/colour_accuracy.py [sensitivities.csv]

Needs colour-science (BSD-3), which the product does not.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ColourCalibration
from lichtbild.core import colour_space as cs
from lichtbild.stages import colour, white_balance

Floats = npt.NDArray[np.float64]

LIGHTS = ("A", "D50", "D55", "D65", "FL2", "FL11", "LED-B1", "LED-B3", "LED-RGB1")
WAVELENGTHS_NM = np.arange(400, 701, 10)


def chart_and_lights() -> tuple[Floats, Floats, dict[str, Floats]]:
    """Reflectances [24, n], colour matching functions [n, 3] and lights {name: [n]} at WAVELENGTHS_NM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour as science

    def at(distribution: Any) -> Floats:
        domain, values = np.asarray(distribution.wavelengths), np.asarray(distribution.values)
        return np.asarray(np.interp(WAVELENGTHS_NM, domain, values))

    chart = science.SDS_COLOURCHECKERS["ColorChecker N Ohta"]
    observer = science.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    matching = np.stack([np.interp(WAVELENGTHS_NM, observer.wavelengths, observer.values[:, k]) for k in range(3)], 1)
    lights = {name: at(science.SDS_ILLUMINANTS[name]) for name in LIGHTS}
    return np.stack([at(d) for d in chart.values()]), matching, lights


def read_sensitivities(path: Path) -> Floats:
    """Columns wavelength, R, G, B of a CSV file, [n, 3] at WAVELENGTHS_NM."""
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append([float(v) for v in line.split(",")[:4]])
        except ValueError:
            continue  # a comment or heading
    table = np.array([row for row in rows if len(row) == 4])
    return np.stack([np.interp(WAVELENGTHS_NM, table[:, 0], table[:, k]) for k in (1, 2, 3)], 1)


def seen(spectra: Floats, light: Floats, sensors: Floats) -> Floats:
    """Responses [n, 3] of sensors (or matching functions), 1 for a white in the second of them."""
    return np.asarray((spectra * light) @ sensors / (light @ sensors)[1])


def fitted_profile(chart: Floats, matching: Floats, lights: dict[str, Floats], sensors: Floats) -> ColourCalibration:
    """ColorMatrix and ForwardMatrix for A and D65, least squares on the chart with white exact."""
    ones = np.ones((1, len(WAVELENGTHS_NM)))
    colour_matrices, forward_matrices, whites = [], [], []
    for name in ("A", "D65"):
        camera, xyz = seen(chart, lights[name], sensors), seen(chart, lights[name], matching)
        camera_white, xyz_white = seen(ones, lights[name], sensors)[0], seen(ones, lights[name], matching)[0]
        adapted = xyz @ cs.bradford(xyz_white, cs.PCS_WHITE_XYZ).T
        # White exact: fit what is left over beside the map that takes white to white.
        relative = camera / camera_white
        base = (relative[:, :1] + relative[:, 1:2] + relative[:, 2:]) / 3 * cs.PCS_WHITE_XYZ
        axes = relative[:, :2] - relative[:, 2:]
        rest = np.linalg.lstsq(axes, adapted - base, rcond=None)[0]
        forward = cs.PCS_WHITE_XYZ[:, None] / 3 + np.stack([rest[0], rest[1], -rest[0] - rest[1]], 1)
        to_pcs = forward @ np.diag(1 / camera_white)
        colour_matrices.append(np.linalg.inv(cs.bradford(cs.PCS_WHITE_XYZ, xyz_white) @ to_pcs))
        forward_matrices.append(forward)
        whites.append(cs.xyz_to_xy(xyz_white))
    return ColourCalibration(tuple(whites), tuple(colour_matrices), tuple(forward_matrices))


def errors(profile: ColourCalibration, chart: Floats, matching: Floats, light: Floats, sensors: Floats) -> Floats:
    """CIEDE2000 of the 24 patches under a light."""
    ones = np.ones((1, len(WAVELENGTHS_NM)))
    neutral = seen(ones, light, sensors)[0]
    xy = white_balance.xy_of_neutral(profile, neutral)
    matrix = colour.camera_to_work(colour.at_white(profile, xy), neutral, xy)
    found = (seen(chart, light, sensors) / neutral) @ (cs.REC2020_TO_XYZ @ matrix).T
    white = cs.xy_to_xyz(cs.DISPLAY_WHITE_XY)
    truth = seen(chart, light, matching) @ cs.bradford(seen(ones, light, matching)[0], white).T
    found *= (truth[18:, 1] @ found[18:, 1]) / (found[18:, 1] @ found[18:, 1])
    return cs.delta_e_2000(cs.xyz_to_lab(found, white), cs.xyz_to_lab(truth, white))


def table(sensitivities: Path) -> dict[str, dict[str, Floats]]:
    """{light: {profile: errors [24]}} for the profile of two illuminants, its colour matrices alone, and D65 alone."""
    chart, matching, lights = chart_and_lights()
    sensors = read_sensitivities(sensitivities)
    both = fitted_profile(chart, matching, lights, sensors)
    variants = {
        "A + D65": both,
        "without ForwardMatrix": ColourCalibration(both.illuminants_xy, both.xyz_to_camera),
        "D65 matrix alone": ColourCalibration(both.illuminants_xy[1:], both.xyz_to_camera[1:]),
    }
    return {
        name: {k: errors(profile, chart, matching, lights[name], sensors) for k, profile in variants.items()}
        for name in LIGHTS
    }


def main() -> None:
    base = Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else base / "sensor_spectral_n900" / "Nokia_N900.csv"
    if not path.exists():
        sys.exit(f"{path} is not there: give a CSV of wavelength, R, G, B, or set LICHTBILD_DATA")
    result = table(path)
    print(f"CIEDE2000 mean / max on 24 patches, {path.stem}")
    print("light     " + "".join(f"{name:>26}" for name in result["A"]))
    for light, columns in result.items():
        print(f"{light:10}" + "".join(f"{e.mean():19.2f} /{e.max():5.2f}" for e in columns.values()))


if __name__ == "__main__":
    main()
