"""White balance on scenes of a phone sensor with measured light: `python benchmarks/white_balance.py [FOLDER]`.

Angular error between the estimated and the measured light in camera RGB, degrees. The camera has no calibration in the
data: the estimators stand alone but for a typical sensor's lights. Beside ours, in one run: its three parts, and the
mean of the picture (grey world).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core import Camera, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages import colour
from lichtbild.stages.white_balance import estimate

Floats = npt.NDArray[np.float64]


def scenes(folder: Path) -> list[tuple[str, Frame, Floats]]:
    """Name, CAMERA_RGB frame, measured light of every scene."""
    import imagecodecs

    found = []
    for path in sorted(folder.glob("*_metadata.json")):
        picture = path.with_name(path.name.replace("_metadata.json", ".png"))
        pixels = imagecodecs.png_decode(picture.read_bytes()).astype(np.float32) / 65535
        light = np.asarray(json.loads(path.read_text())["illuminant_color_raw"], np.float64).ravel()
        info = FrameInfo(picture.stem, pixels.shape[:2], "linear", camera=Camera(model="IMX135"))
        noise = NoiseModel((1e-4,) * 3, (1e-7,) * 3, "assumed")
        found.append((picture.stem, Frame(pixels, Domain.CAMERA_RGB, info, noise), light))
    return found


def angle_deg(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def estimates(frame: Frame) -> dict[str, Floats]:
    rgb = np.asarray(frame.pixels, np.float64)
    valid = np.all((rgb < 0.95) & (rgb > 1e-3), axis=2)

    def light(ratios: Floats) -> Floats:
        return np.array([np.exp(ratios[0]), 1.0, np.exp(ratios[1])])

    return {
        "ours": np.asarray(estimate.estimate_neutral(frame, colour.FALLBACK)),
        "shades of grey": light(estimate.shades_of_grey(rgb[valid])),
        "principal direction": light(estimate.principal_direction(rgb[valid])),
        "greyest structure": light(estimate.greyness(rgb, valid)),
        "grey world": rgb[valid].mean(0),
    }


def errors(folder: Path) -> dict[str, Floats]:
    """{method: degrees for each scene}."""
    rows = [{name: angle_deg(e, light) for name, e in estimates(frame).items()} for _, frame, light in scenes(folder)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def main() -> None:
    base = Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else base / "awb_imx135_rawrgb"
    if not folder.is_dir():
        sys.exit(f"{folder} is not there: give a folder, or set LICHTBILD_DATA")
    print("| method | mean | median | worst quarter | worst |\n|---|---|---|---|---|")
    for name, error in errors(folder).items():
        worst = np.sort(error)[-max(1, round(len(error) / 4)) :].mean()
        print(f"| {name} | {error.mean():.2f} | {np.median(error):.2f} | {worst:.2f} | {error.max():.2f} |")


if __name__ == "__main__":
    main()
