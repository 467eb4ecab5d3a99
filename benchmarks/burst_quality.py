"""How near merged bursts come to the truth: `python benchmarks/burst_quality.py [--sets k800 m3] [--seeds 0 1]`.

Prints Markdown. Every set of `burst_sets.py` goes through the product's merge as a user's burst would (levels, noise
and white from the file's tags, nothing of the truth); linear, white-balanced camera RGB is compared with the truth on
the grid of frame 0, without a border of 32 px and without what is clipped. PSNR with white = 1; after the slash, the
boxes around moving things. "worst block" is the block of 32 px that won least against the product's own single frame;
"flats" is how many times quieter green is in flat regions than one frame's mosaic, darkest to brightest of four tones
(half the pixels are green: sqrt(5) = 2.24 without any smoothing); "motion px" is the rms error of the hand's motion.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage

from burst_scenes import data_root
from burst_sets import SETS, make_set
from lichtbild.core import Burst
from lichtbild.lab.against_truth import Region, block_gain_db, colour_difference, flats, noise_gain, psnr_db, ssim
from lichtbild.pipelines import intake
from lichtbild.pipelines.photo import PhotoParams, negative
from lichtbild.simulate.truth import SimulatedBurst
from lichtbild.stages.align import TILE_PX, AlignParams, Motion, align, pyramid
from lichtbild.stages.quad_bayer import QuadBayerParams

DEFAULT_SETS = ("k100", "k800", "k3200", "x400", "n3", "m3", "u800", "c800", "h800", "p100", "p800", "p3200", "pm800")

# Single frame (Menon), best open program, demosaic each + ECC + mean, noise-free single frame (Menon): dB, on sets of
# the same kind made in an earlier study. For m3: all / boxes.
PEERS: dict[str, tuple[str, str, str, str]] = {
    "k100": ("37.50", "38.42 (hdrplus-python)", "41.27", "39.21"),
    "k800": ("30.14", "35.43 (hdr-plus)", "38.26", "39.21"),
    "k3200": ("20.77", "29.25 (hdr-plus)", "30.71", "39.21"),
    "x400": ("32.34", "35.38 (hdrplus-python)", "40.18", "41.54"),
    "n3": ("30.64", "36.60 (Hugin + enfuse)", "38.85", "40.12"),
    "m3": ("30.42 / 29.53", "35.23 / 32.99 (hdrplus-python)", "25.94 / 18.58", "39.58"),
}
GOALS = {"k800": 38.3, "k3200": 30.7, "m3": 35.5}
BOXES_GOAL = 33.0
CLIPPING = 0.9


@dataclass(frozen=True)
class Score:
    """Figures of one set and seed."""

    name: str
    seed: int
    single_db: float
    merged_db: float
    boxes_single_db: float | None
    boxes_db: float | None
    ssim: float
    de_mean: float
    worst_block_db: float
    flats: tuple[float, float]
    n_effective: float
    align_px: float
    cpu_s: float


def is_available(name: str) -> bool:
    """Procedural sets need no pictures."""
    return SETS[name].scene == "procedural" or data_root().exists()


def balanced(made: SimulatedBurst, burst: Burst) -> tuple[np.ndarray, Any]:
    """The product's merge of `burst`, white-balanced, and its frame."""
    frame = negative(burst, PhotoParams()).linear()
    return frame.pixels / np.float32(made.truth.as_shot_neutral), frame


def alignment_px(made: SimulatedBurst) -> float:
    """Root mean square error of the hand's motion, px of the mosaic, over all frames and tiles."""
    plan, _ = intake.plan(made.burst, QuadBayerParams())
    guide = pyramid(intake.load(plan, 0), plan.white_balance)
    motion: Motion | None = None
    squares = []
    for k in range(1, len(made.burst)):
        motion = align(guide, pyramid(intake.load(plan, k), plan.white_balance), AlignParams(), motion)
        y, x = (np.arange(n) * TILE_PX + TILE_PX / 2 for n in motion.hand_px.shape[:2])
        affine = made.truth.affines[k]
        point = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)
        wanted = point @ affine[:, :2].T + affine[:, 2] - point
        squares.append(((motion.hand_px[..., ::-1] - wanted) ** 2).sum(-1).mean())
    return float(np.sqrt(np.mean(squares)))


def measure(name: str, seed: int) -> Score:
    """Make a set, merge it, compare it."""
    made = make_set(name, seed)
    truth = made.truth.rgb / np.float32(made.truth.as_shot_neutral)
    one = dataclasses.replace(made.burst, sources=made.burst.sources[:1])
    single, _ = balanced(made, one)
    begin = time.process_time()
    merged, frame = balanced(made, made.burst)
    cpu_s = time.process_time() - begin
    # Where the sensor clips there is no truth to come near to; neither is there beside it.
    clipped = scipy.ndimage.binary_dilation(made.truth.rgb.max(2) > CLIPPING, iterations=4)
    everywhere = Region(mask=~clipped)
    boxes = made.truth.masks.get("boxes")
    region = None if boxes is None else Region(mask=boxes & ~clipped)
    for picture in (single, merged, truth):
        picture[clipped] = 1
    flat = flats(truth) & ~clipped
    if boxes is not None:
        flat = flat & ~boxes
    noise = made.burst.sources[0].info.noise
    kept = np.where(clipped[..., None], made.truth.rgb, frame.pixels)
    gains = noise_gain(kept, made.truth.rgb, noise, flat)[:, 1] if flat[32:-32, 32:-32].any() else np.zeros(1)
    return Score(
        name,
        seed,
        psnr_db(single, truth, everywhere),
        psnr_db(merged, truth, everywhere),
        None if region is None else psnr_db(single, truth, region),
        None if region is None else psnr_db(merged, truth, region),
        ssim(merged, truth, everywhere),
        float(colour_difference(merged, truth, everywhere).mean()),
        float(block_gain_db(merged, single, truth).min()),
        (float(gains.min()), float(gains.max())),
        float(np.mean(frame.n_effective)),
        alignment_px(made),
        cpu_s,
    )


def table(scores: list[Score]) -> str:
    lines = [
        "## Fidelity of merged bursts",
        "",
        "| set | seed | single dB | merged | SSIM | dE00 | worst block | flats | frames | motion px | CPU s | goal |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for s in scores:
        single, merged = f"{s.single_db:.2f}", f"{s.merged_db:.2f}"
        if s.boxes_db is not None and s.boxes_single_db is not None:
            single, merged = f"{single} / {s.boxes_single_db:.2f}", f"{merged} / {s.boxes_db:.2f}"
        goal = GOALS.get(s.name)
        judged = "" if goal is None else f"{goal:.1f} {'reached' if s.merged_db >= goal else 'MISSED'}"
        if s.name == "m3" and s.boxes_db is not None:
            judged += f"; boxes {BOXES_GOAL:.1f} {'reached' if s.boxes_db >= BOXES_GOAL else 'MISSED'}"
        lines.append(
            f"| {s.name} | {s.seed} | {single} | {merged} | {s.ssim:.4f} | {s.de_mean:.2f} | {s.worst_block_db:+.1f} | "
            f"{s.flats[0]:.2f}-{s.flats[1]:.2f} | {s.n_effective:.1f} | {s.align_px:.4f} | {s.cpu_s:.1f} | {judged} |"
        )
    seen = [name for name in PEERS if any(s.name == name for s in scores)]
    if seen:
        lines += [
            "",
            "Beside other programs, dB (with motion: all / boxes):",
            "",
            "| set | single, Menon | best open program | demosaic, ECC, mean | noise-free single, Menon | ours |",
            "|---|---|---|---|---|---|",
        ]
        for name in seen:
            ours = [s for s in scores if s.name == name]
            text = f"{np.mean([s.merged_db for s in ours]):.2f}"
            if ours[0].boxes_db is not None:
                text += f" / {np.mean([s.boxes_db for s in ours if s.boxes_db is not None]):.2f}"
            lines.append(f"| {name} | {' | '.join(PEERS[name])} | **{text}** |")
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
    if missing:
        print(f"\nNot measured, pictures missing (LICHTBILD_DATA={os.environ.get('LICHTBILD_DATA', '')}): {missing}")


if __name__ == "__main__":
    main()
