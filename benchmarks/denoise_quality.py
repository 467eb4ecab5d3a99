"""What denoising gains on a single frame: `python benchmarks/denoise_quality.py [--pictures N]`. Prints Markdown.

Linear, phone-white-balanced mosaics of real pictures with photon and read noise: demosaiced only, and denoised at
several strengths. PSNR (dB) of white-balanced linear light, and of 8-bit sRGB after the slash; 10 px of border is out.
"""

from __future__ import annotations

import argparse
import resource

import numpy as np

from demosaic_quality import SETS, WB, Floats, data_root, mosaic_of, pictures, psnr, to_linear, to_srgb8
from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.denoise import DenoiseParams, denoise_rgb

LEVELS = {
    "alpha 8e-4, beta 3e-6": (8e-4, 3e-6),
    "ISO 800: 1.45e-3, 2e-4": (1.45e-3, 2e-4),
    "night: 6e-3, 4e-5": (6e-3, 4e-5),
}
STRENGTHS = {"demosaiced": (0.0, 0.0), "colour only": (0.0, 1.0), "default": None, "luminance 1": (1.0, 1.0)}


def gains(srgb: Floats, alpha: float, beta: float, seed: int) -> list[tuple[float, float]]:
    """PSNR in light and in sRGB for each strength."""
    light = to_linear(srgb)
    frame = demosaic(mosaic_of(light / WB, alpha, beta, seed), tuple(WB))
    result = []
    for strength in STRENGTHS.values():
        params = DenoiseParams() if strength is None else DenoiseParams(*strength)
        out = denoise_rgb(frame, tuple(WB), params).pixels * WB
        result.append((psnr(out, light), psnr(to_srgb8(out), srgb)))
    return result


def seconds() -> float:
    """Processor seconds for 12 MP, best of three."""
    rgb = (np.random.default_rng(0).random((3000, 4000, 3)) / 2).astype(np.float32)
    noise = NoiseModel((1e-3,) * 3, (1e-4,) * 3, "simulated")
    frame = Frame(rgb, Domain.CAMERA_RGB, FrameInfo("speed", rgb.shape[:2], "linear"), noise)
    best = np.inf
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF)
        denoise_rgb(frame, tuple(WB))
        after = resource.getrusage(resource.RUSAGE_SELF)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return float(best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=6, help="at most so many of each set")
    most = parser.parse_args().pictures
    print("| set | noise | " + " | ".join(STRENGTHS) + " |\n|---|---|" + "---|" * len(STRENGTHS))
    for name, folder in SETS.items():
        if not (data_root() / folder).exists():
            print(f"| {name} | not here: {data_root() / folder} |" + " |" * len(STRENGTHS))
            continue
        for label, (alpha, beta) in LEVELS.items():
            table = np.mean([gains(p, alpha, beta, k) for k, p in enumerate(pictures(folder, most))], 0)
            print(f"| {name} | {label} | " + " | ".join(f"{a:.2f} / {b:.2f}" for a, b in table) + " |")
    print(f"\n12 MP: {seconds():.2f} processor seconds.")


if __name__ == "__main__":
    main()
