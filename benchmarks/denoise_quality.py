"""What denoising gains on a single frame: `python benchmarks/denoise_quality.py [--pictures N]`. Prints Markdown.

Linear, phone-white-balanced mosaics of real pictures with photon and read noise: demosaiced only, and denoised at
several strengths. PSNR (dB) of white-balanced linear light, and of 8-bit sRGB after the slash; 10 px of border is out.
The second table has the figures that one frame is to reach, in sRGB, from mosaic to denoised. "Smooth" are pictures of
Kodak at twice their size: as smooth at the scale of a pixel as what a phone of 12 MP sees. The study's night scene,
on which RawTherapee reached 32.7 and BM3D 37.3 in 20 minutes, is not among the data and was smoother than these: with
`--bm3d` (needs the package `bm3d`, takes minutes) the study's best way is measured on the middle 512 px of the same
pictures: the four planes of the mosaic under a variance-stabilising transform through BM3D, back, and demosaiced.
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


def bm3d_of_planes(frame: Frame, alpha: float, beta: float) -> Frame:
    """Camera RGB of a mosaic whose planes went through BM3D; the transform is Anscombe's, generalised, unbiased."""
    import bm3d

    root = 2 * np.sqrt(np.maximum(frame.pixels.astype(np.float64) / alpha + 3 / 8 + beta / alpha**2, 0))
    for place in ((0, 0), (0, 1), (1, 0), (1, 1)):
        plane = np.s_[place[0] :: 2, place[1] :: 2]
        root[plane] = np.maximum(bm3d.bm3d(root[plane], 1.0), 0.1)
    known = np.sqrt(3 / 2) / 4 / root - 11 / 8 / root**2 + 5 / 8 * np.sqrt(3 / 2) / root**3
    clean = alpha * (root**2 / 4 + known - 1 / 8 - beta / alpha**2)
    quiet = NoiseModel((1e-6,) * 3, (1e-8,) * 3, "simulated")
    return demosaic(frame.replaced(pixels=clean.astype(np.float32), noise=quiet), tuple(WB))


def beside_bm3d(most: int) -> str:
    """One line: the study's best way and ours on the middle of the smooth pictures."""
    alpha, beta = LEVELS["night: 6e-3, 4e-5"]
    found = []
    for seed, whole in enumerate(smooth(most)):
        top, left = ((n - 512) // 2 // 2 * 2 for n in whole.shape[:2])
        srgb = whole[top : top + 512, left : left + 512]
        frame = mosaic_of(to_linear(srgb) / WB, alpha, beta, seed)
        ours = denoise_rgb(demosaic(frame, tuple(WB)), tuple(WB))
        found.append([psnr(to_srgb8(f.pixels * WB), srgb) for f in (bm3d_of_planes(frame, alpha, beta), ours)])
    peer, own = np.mean(found, 0)
    return f"Middle 512 px of the smooth pictures at night: BM3D of the planes {peer:.2f} dB, ours {own:.2f}."


def seconds(alpha: float, beta: float) -> float:
    """Processor seconds for 12 MP, best of three."""
    rgb = (np.random.default_rng(0).random((3000, 4000, 3)) / 2).astype(np.float32)
    noise = NoiseModel((alpha,) * 3, (beta,) * 3, "simulated")
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
    parser.add_argument("--bm3d", action="store_true", help="measure BM3D beside it (minutes)")
    arguments = parser.parse_args()
    most = arguments.pictures
    print("| set | noise | " + " | ".join(STRENGTHS) + " |\n|---|---|" + "---|" * len(STRENGTHS))
    for name, folder in SETS.items():
        if not (data_root() / folder).exists():
            print(f"| {name} | not here: {data_root() / folder} |" + " |" * len(STRENGTHS))
            continue
        for label, (alpha, beta) in LEVELS.items():
            table = np.mean([gains(p, alpha, beta, k) for k, p in enumerate(pictures(folder, most))], 0)
            print(f"| {name} | {label} | " + " | ".join(f"{a:.2f} / {b:.2f}" for a, b in table) + " |")
    goals(most)
    if arguments.bm3d:
        print(f"\n{beside_bm3d(most)}")
    quiet, night = (seconds(*LEVELS[key]) for key in ("alpha 8e-4, beta 3e-6", "night: 6e-3, 4e-5"))
    print(f"\n12 MP: {quiet:.2f} processor seconds, {night:.2f} at night.")


if __name__ == "__main__":
    main()
