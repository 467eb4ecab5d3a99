"""How good demosaicing is: `python benchmarks/demosaic_quality.py [--pictures N]`. Prints Markdown.

Colour PSNR (dB) of 8-bit sRGB, mean over pictures, 10 px of border left out. "gamma": the mosaic of the file's values,
as papers do. "linear": sRGB undone, phone white balance (2, 1, 1.6) taken out before and put back after, "noisy" with
noise of variance 8e-4 s + 3e-6 added and none removed. The pictures are display-referred, which favours domains near
gamma. The sets here are the odd-numbered halves of Kodak-24 and McMaster-18; other programs, run on the whole sets, are
not comparable to 0.3 dB (bilinear interpolation gives 0.33 dB less on these halves).
"""

from __future__ import annotations

import argparse
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.frame import cfa_plane_index
from lichtbild.lab.against_truth import Region, psnr_db
from lichtbild.stages.demosaic import demosaic

Floats = npt.NDArray[np.floating]
WB = np.array([2.0, 1.0, 1.6])
ALPHA, BETA = 8e-4, 3e-6
BORDER_PX = 10
SETS = {"Kodak": "gt_kodak", "McMaster": "gt_mcmaster"}
# What one frame is to reach in these columns, before any denoising.
GOALS = {
    "Kodak": {"linear clean": 40.3, "linear noisy": 33.8},
    "McMaster": {"linear clean": 36.0, "linear noisy": 32.2},
}
CFA = Cfa.from_name("RGGB")


def data_root() -> Path:
    """Where the real pictures are."""
    return Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def pictures(folder: str, most: int | None) -> Iterator[Floats]:
    """Pictures of a set as float64 0..1, sRGB."""
    import tifffile
    from PIL import Image

    files = sorted(p for p in (data_root() / folder).glob("*") if p.suffix in (".png", ".tif"))
    for path in files[:most]:
        if path.suffix == ".tif":
            yield tifffile.imread(path)[..., :3] / 255.0
        else:
            with Image.open(path) as picture:
                yield np.asarray(picture.convert("RGB")) / 255.0


def to_linear(srgb: Floats) -> Floats:
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))


def to_srgb8(linear: Floats) -> Floats:
    v = np.clip(linear, 0, 1)
    return np.asarray(np.round(np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055) * 255) / 255)


def psnr(picture: Floats, truth: Floats) -> float:
    return psnr_db(picture, truth, Region(BORDER_PX))


def mosaic_of(rgb: Floats, alpha: float, beta: float, seed: int | None) -> Frame:
    """A mosaic of linear camera RGB, with noise where a seed is given."""
    index = cfa_plane_index(CFA, rgb.shape[:2])
    light = np.take_along_axis(rgb, index[..., None], 2)[..., 0]
    if seed is not None:
        light = light + np.random.default_rng(seed).normal(size=light.shape) * np.sqrt(alpha * light + beta)
    info = FrameInfo("mosaic", light.shape, "mosaic", cfa=CFA)
    return Frame(light.astype(np.float32), Domain.MOSAIC, info, NoiseModel((alpha,) * 3, (beta,) * 3, "simulated"))


def gamma(srgb: Floats, seed: int) -> float:
    # The square of the file's values, so that the square root inside is where the papers' methods work.
    out = demosaic(mosaic_of(srgb**2, ALPHA, BETA, None), (1.0, 1.0, 1.0)).pixels
    return psnr(np.round(np.sqrt(np.clip(out, 0, 1)) * 255) / 255, srgb)


def linear(srgb: Floats, seed: int | None) -> float:
    out = demosaic(mosaic_of(to_linear(srgb) / WB, ALPHA, BETA, seed), tuple(WB)).pixels
    return psnr(to_srgb8(out * WB), srgb)


def beside_goal(value: float, goal: float | None) -> str:
    """A figure, and whether it reaches its goal."""
    if goal is None:
        return f"{value:.2f}"
    return f"{value:.2f} (goal {goal}: {'reached' if value >= goal else f'{goal - value:.2f} short'})"


def speed() -> float:
    """Megapixels a processor second, 12 MP, best of three."""
    frame = mosaic_of(np.random.default_rng(0).random((3000, 4000, 3)) / 2, ALPHA, BETA, None)
    best = np.inf
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF)
        demosaic(frame, tuple(WB))
        after = resource.getrusage(resource.RUSAGE_SELF)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 12 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=None, help="at most so many of each set")
    most = parser.parse_args().pictures
    tests: dict[str, Callable[[Floats, int], float]] = {
        "gamma": gamma,
        "linear clean": lambda p, s: linear(p, None),
        "linear noisy": linear,
    }
    print("| set | pictures | " + " | ".join(tests) + " |\n|---|---|" + "---|" * len(tests))
    for name, folder in SETS.items():
        if not (data_root() / folder).exists():
            print(f"| {name} | not here: {data_root() / folder} |" + " |" * len(tests))
            continue
        values = [[test(picture, k) for test in tests.values()] for k, picture in enumerate(pictures(folder, most))]
        cells = [beside_goal(v, GOALS[name].get(test)) for test, v in zip(tests, np.mean(values, 0), strict=True)]
        print(f"| {name} | {len(values)} | " + " | ".join(cells) + " |")
    print(f"\nSpeed: {speed():.0f} MP a processor second (12 MP).")


if __name__ == "__main__":
    main()
