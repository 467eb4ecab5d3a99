"""What quality "best" makes of bursts: `python benchmarks/reconstruct_quality.py [--sets k800 m3] [--seeds 0]`.

Prints Markdown. The sets of `burst_sets.py` go through the product (default: merge and denoising; best: joint
reconstruction) up to linear camera RGB, before lens, tone and sharpening, and are compared with the truth as in
`burst_quality.py`. 2x is compared with the lens's image at points half a pixel apart. "enlarged" is the default's
picture, enlarged by a cubic spline. "worst block" is the block of 32 px that won least against the product's own
single frame, developed the same way but for the denoising. After the slash: the boxes around moving things.

Sharpness: a slanted edge at ISO 400, ten frames; frequency in cycles per raw pixel where contrast has fallen to a half,
and how far the edge's profile shoots over. "the lens alone" is the truth of 2x in the same measurement.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from typing import Any

import numpy as np
import scipy.ndimage

import burst_scenes
import burst_sets
from burst_quality import CLIPPING, is_available
from burst_sets import SETS, SetSpec, make_set
from lichtbild.core import Burst
from lichtbild.lab.against_truth import Region, block_gain_db, psnr_db
from lichtbild.pipelines.photo import PhotoParams, negative, source_of

DEFAULT_SETS = ("k100", "k800", "k3200", "x400", "m3", "u800", "p100", "p800", "p3200", "pm800")
# dB at 1x, in boxes of motion, at 2x.
GOALS: dict[str, tuple[float, float | None, float | None]] = {
    "k100": (42.0, None, 40.5),
    "k800": (40.0, None, 38.3),
    "k3200": (33.8, None, 32.3),
    "x400": (41.5, None, 37.5),
    "m3": (38.5, 34.5, None),
}
MTF_GOAL = 0.415
EDGE_DEG = 5.0


def linear(burst: Burst, **reconstruct: Any) -> tuple[np.ndarray, float]:
    """Camera RGB of a burst as the lens correction gets it, and processor seconds."""
    begin = time.process_time()
    source = source_of(negative(burst, PhotoParams.from_values({"reconstruct": reconstruct})))
    pixels = source.denoised(0, source.scale * source.frame.shape[0]).pixels
    return np.ascontiguousarray(pixels), time.process_time() - begin


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Twice the pixels by a cubic spline."""
    grid = np.meshgrid(*((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in picture.shape[:2]), indexing="ij")
    return np.stack([scipy.ndimage.map_coordinates(picture[..., c], grid, order=3, mode="mirror") for c in range(3)], 2)


@dataclasses.dataclass(frozen=True)
class Score:
    """dB of one set and seed; pairs are (all, boxes)."""

    name: str
    seed: int
    single: tuple[float, float | None]
    default: tuple[float, float | None]
    best: tuple[float, float | None]
    worst_block_db: float
    enlarged_db: float | None
    twice_db: float | None
    cpu_s: tuple[float, float]


def measure(name: str, seed: int) -> Score:
    spec = SETS[name]
    made = make_set(name, seed, with_2x=spec.n_discs == 0)
    neutral = np.float32(made.truth.as_shot_neutral)
    truth = made.truth.rgb / neutral
    clear = ~scipy.ndimage.binary_dilation(made.truth.rgb.max(2) > CLIPPING, iterations=4)
    boxes = made.truth.masks.get("boxes")

    def db(picture: np.ndarray) -> tuple[float, float | None]:
        everywhere = psnr_db(picture, truth, Region(mask=clear))
        return everywhere, None if boxes is None else psnr_db(picture, truth, Region(mask=boxes & clear))

    alone = dataclasses.replace(made.burst, sources=made.burst.sources[:1])
    rough = negative(alone, PhotoParams()).linear().pixels / neutral
    single = linear(alone)[0] / neutral
    usual, default_s = linear(made.burst)
    best, best_s = linear(made.burst, joint=True)
    usual, best = usual / neutral, best / neutral
    twice_db = enlarged_db = None
    if made.truth.rgb_2x is not None:
        fine = made.truth.rgb_2x / neutral
        region = Region(64, clear.repeat(2, 0).repeat(2, 1))
        twice_db = psnr_db(linear(made.burst, scale=2)[0] / neutral, fine, region)
        enlarged_db = psnr_db(enlarged(usual), fine, region)
    for picture in (best, rough, truth):
        picture[~clear] = 1
    worst = float(block_gain_db(best, rough, truth).min())
    return Score(name, seed, db(single), db(usual), db(best), worst, enlarged_db, twice_db, (default_s, best_s))


# -------------------------------------------------------------------------------------------------------- sharpness


def edge_scene(shape: tuple[int, int], _: np.random.Generator) -> np.ndarray:
    """A dark half plane, its edge through the middle, 5 degrees from upright."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    d = edge_distance(y + 0.5 - shape[0] / 2, x + 0.5 - shape[1] / 2)
    return np.repeat((0.05 + 0.6 * np.clip(d + 0.5, 0, 1))[..., None], 3, 2).astype(np.float32)


def edge_distance(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x * np.cos(np.deg2rad(EDGE_DEG)) + y * np.sin(np.deg2rad(EDGE_DEG))


def sharpness(picture: np.ndarray, scale: int, step_px: float = 0.1) -> tuple[float, float]:
    """MTF50 in cycles per raw pixel, and overshoot of the edge's profile as a part of its height, of green."""
    h, w = picture.shape[:2]
    y, x = ((np.arange(n) + 0.5 - n / 2) / scale for n in (h, w))
    d = edge_distance(y[:, None], x)
    margin = np.abs(y)[:, None] < h / (2 * scale) - 24
    inside = (np.abs(d) < 12) & margin
    bins = np.round(d[inside] / step_px).astype(int)
    bins -= bins.min()
    profile = np.bincount(bins, picture[..., 1][inside]) / np.bincount(bins)
    low, high = profile[5:60].mean(), profile[-60:-5].mean()
    overshoot = max(profile.max() - high, low - profile.min()) / (high - low)
    line = np.diff(profile) * np.hanning(len(profile) - 1)
    f = np.arange(0.02, 1.0, 0.001)
    places = (np.arange(len(line)) - len(line) / 2) * step_px
    contrast = np.abs(np.exp(-2j * np.pi * f[:, None] * places) @ line)
    # The difference of neighbours, and the bins' width.
    contrast /= contrast[0] * np.sinc(f * step_px) ** 2
    return float(f[np.argmax(contrast < 0.5)]), float(overshoot)


def edges(seed: int) -> list[str]:
    """Rows of the table of sharpness."""
    burst_scenes.SCENES["edge"] = edge_scene
    burst_sets.SETS["edge"] = SetSpec("edge", (384, 256), 400, oversampling=4, neutral=(1.0, 1.0, 1.0))
    made = make_set("edge", seed, with_2x=True)
    alone = dataclasses.replace(made.burst, sources=made.burst.sources[:1])
    assert made.truth.rgb_2x is not None
    pictures = {
        "single frame": (linear(alone)[0], 1),
        "default": (linear(made.burst)[0], 1),
        "best": (linear(made.burst, joint=True)[0], 1),
        "seen by pixels (truth)": (made.truth.rgb, 1),
        "best, 2x": (linear(made.burst, scale=2)[0], 2),
        "best, 2x, 1 step": (linear(made.burst, scale=2, steps=1)[0], 2),
        "the lens alone (truth of 2x)": (made.truth.rgb_2x, 2),
    }
    rows = []
    for name, (picture, scale) in pictures.items():
        mtf50, overshoot = sharpness(picture, scale)
        rows.append(f"| {name} | {mtf50:.3f} | {100 * overshoot:.1f} |")
    return rows


# ------------------------------------------------------------------------------------------------------------ table


def judged(value: float | None, goal: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" + ("" if goal is None else f" ({goal:.1f} {'reached' if value >= goal else 'MISSED'})")


def table(scores: list[Score]) -> str:
    lines = [
        "## Quality best: joint reconstruction",
        "",
        "| set | seed | single, denoised | default | best, 1x (goal) | worst block | enlarged | best, 2x (goal) | "
        "CPU s default / best |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for s in scores:
        goal, in_boxes, at_2x = GOALS.get(s.name, (None, None, None))
        pairs = [f"{a:.2f}" + ("" if b is None else f" / {b:.2f}") for a, b in (s.single, s.default)]
        ours = judged(s.best[0], goal) + ("" if s.best[1] is None else " / " + judged(s.best[1], in_boxes))
        lines.append(
            f"| {s.name} | {s.seed} | {pairs[0]} | {pairs[1]} | {ours} | {s.worst_block_db:+.1f} | "
            f"{judged(s.enlarged_db, None)} | {judged(s.twice_db, at_2x)} | {s.cpu_s[0]:.1f} / {s.cpu_s[1]:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=list(DEFAULT_SETS), choices=list(SETS), metavar="SET")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    scores = []
    missing = [name for name in arguments.sets if not is_available(name)]
    for name in arguments.sets:
        for seed in arguments.seeds if name not in missing else ():
            scores.append(measure(name, seed))
            print(scores[-1], file=sys.stderr, flush=True)
    print(table(scores))
    print(f"\n| slanted edge, ISO 400 (goal of 2x: {MTF_GOAL}, 2 %) | MTF50, cycles/px | overshoot, % |\n|---|---|---|")
    print("\n".join(edges(arguments.seeds[0])))
    if missing:
        print(f"\nNot measured, pictures missing: {missing}")


if __name__ == "__main__":
    main()
