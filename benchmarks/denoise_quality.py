"""What denoising gains on a single frame: `python benchmarks/denoise_quality.py [--pictures N]`. Prints Markdown.

Linear, phone-white-balanced mosaics of real pictures with photon and read noise: demosaiced only, and denoised at
several strengths. PSNR (dB) of white-balanced linear light, and of 8-bit sRGB after the slash; 10 px of border is out.
The second table has the figures that one frame is to reach, in sRGB, from mosaic to denoised. "Smooth" are pictures of
Kodak at twice their size: as smooth at the scale of a pixel as what a phone of 12 MP sees. (The study's night scene,
on which RawTherapee reached 32.7 and BM3D 37.3 in 20 minutes, is not among the data.)
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterator

import numpy as np

from demosaic_quality import (
    SETS,
    WB,
    Floats,
    beside_goal,
    data_root,
    mosaic_of,
    pictures,
    psnr,
    to_linear,
    to_srgb8,
)
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


def smooth(most: int) -> Iterator[Floats]:
    """Pictures at twice their size, float64 0..1, sRGB."""
    from PIL import Image

    for picture in pictures(SETS["Kodak"], most):
        whole = Image.fromarray(np.round(picture * 255).astype(np.uint8))
        yield np.asarray(whole.resize((2 * whole.width, 2 * whole.height), Image.Resampling.BICUBIC)) / 255.0


def goals(most: int) -> None:
    """Prints the figures to reach for one frame."""
    print("\n| one frame, denoised | default | luminance 1 |\n|---|---|---|")
    quiet, night = LEVELS["alpha 8e-4, beta 3e-6"], LEVELS["night: 6e-3, 4e-5"]
    for name, (alpha, beta), goal in (("Kodak", quiet, 33.8), ("McMaster", quiet, 32.2), ("smooth", night, 36.0)):
        if not (data_root() / SETS.get(name, SETS["Kodak"])).exists():
            continue
        scenes = smooth(most) if name == "smooth" else pictures(SETS[name], most)
        found = np.mean([[v[1] for v in gains(p, alpha, beta, k)] for k, p in enumerate(scenes)], 0)
        default, full = (beside_goal(found[list(STRENGTHS).index(s)], goal) for s in ("default", "luminance 1"))
        print(f"| {name}, alpha {alpha:g}, beta {beta:g} | {default} | {full} |")


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
    goals(most)
    print(f"\n12 MP: {seconds():.2f} processor seconds.")


if __name__ == "__main__":
    main()
