"""How well noise is measured from pictures: python benchmarks/noise_fit.py FOLDER_OF_PNG [--write FILE].

Each picture is taken for a scene, seen through a slight blur or without, made a 10-bit RGGB mosaic with photon and read
noise, and its noise is measured from one and from two frames. Told is the ratio of measured to true standard deviation.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from lichtbild.capture import open_picture
from lichtbild.core import Cfa
from lichtbild.sensor import fit_noise

CFA = Cfa.from_name("RGGB")
ALPHA_100, BETA_100 = 1.807e-4, 3.194e-6
LIGHT = np.array([0.6, 1.0, 0.5], np.float32)


def mosaic_of(rgb: np.ndarray) -> np.ndarray:
    """One colour a pixel, cut to whole cells."""
    h, w = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    out = np.empty((h, w), np.float32)
    for i in range(2):
        for j in range(2):
            out[i::2, j::2] = rgb[i:h:2, j:w:2, CFA.colours[i][j]]
    return out


def exposed(light: np.ndarray, iso: float, seed: int) -> np.ndarray:
    """Photon and read noise, 10 bits, black 64."""
    rng, alpha, beta = np.random.default_rng(seed), ALPHA_100 * iso / 100, BETA_100 * (iso / 100) ** 2
    signal = rng.poisson(np.maximum(light, 0) / alpha) * alpha + rng.normal(size=light.shape) * np.sqrt(beta)
    stored = np.clip(np.round(signal * 959 + 64), 0, 1023)
    return ((stored - 64) / 959).astype(np.float32)


def ratios(light: np.ndarray, iso: float, n_frames: int) -> list[float]:
    """Measured over true deviation, three channels at the 10, 50 and 90 % quantiles of the signal."""
    model = fit_noise([exposed(light, iso, k) for k in range(n_frames)], CFA, bits=10).model
    found = []
    for signal in np.percentile(light, [10, 50, 90]):
        truth = ALPHA_100 * iso / 100 * signal + BETA_100 * (iso / 100) ** 2
        found += [float(np.sqrt((a * signal + b) / truth)) for a, b in zip(model.alpha, model.beta, strict=True)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob("*.png"))
    lines = ["| scene | frames | ISO | median | 5 % .. 95 % | worst |", "|---|---|---|---|---|---|"]
    started = time.process_time()
    for blur in (0.0, 0.8):
        scenes = []
        for path in paths:
            rgb = open_picture(path).read() * LIGHT
            scenes.append(mosaic_of(gaussian_filter(rgb, (blur, blur, 0)) if blur else rgb))
        for n_frames in (1, 2):
            for iso in (100, 800, 3200):
                r = np.array([v for scene in scenes for v in ratios(scene, iso, n_frames)])
                low, middle, high = np.percentile(r, [5, 50, 95])
                worst = r[np.argmax(np.abs(np.log(r)))]
                name = f"blurred by {blur} px" if blur else "sharp to the pixel"
                lines.append(f"| {name} | {n_frames} | {iso} | {middle:.2f} | {low:.2f} .. {high:.2f} | {worst:.2f} |")
    text = "\n".join(
        ["# Noise measured from pictures", "",
         f"Made by `python benchmarks/noise_fit.py FOLDER` on {len(paths)} pictures of {arguments.folder.name}; "
         "ratio of measured to true standard deviation.", "", *lines, ""]
    )  # fmt: skip
    print(text, f"processor time {time.process_time() - started:.0f} s")
    if arguments.write:
        arguments.write.write_text(text)


if __name__ == "__main__":
    main()
