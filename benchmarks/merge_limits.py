"""What the merge owes every place of a picture: `python benchmarks/merge_limits.py [--only blocks ...]`.

Prints Markdown, each figure with its goal. All bursts are simulated, ten frames if not said otherwise, ISO 800, and go
through the product as a user's would; the truth is the noise-free scene through the same lens and pixel aperture.

- blocks: no block of 32 px may be more than 0.5 dB worse, merged and denoised, than the single frame denoised. What
  clips, and 4 px around it, has no truth; blocks of which less than a tenth is left are not counted.
- motion: the same in the boxes around moving things, where the 99.9th percentile of the error may not be higher.
- edge: MTF50 of slanted edges (ISO 12233, lines known from the truth), merged, against a noise-free picture of all
  colours at every pixel.
- flats: how far the noise of even patches falls before any denoising, over sqrt(n): the merge read as a mosaic against
  what one frame has by the physics of the simulation.
- mosaic: the Bayer negative against the true mosaic; "sampled" is the merge before `wiener`. Edges are the tenth of the
  pixels where the true green changes most; "ideal" is the truth with a tenth of a frame's noise variance.
- random: bursts that nobody would take (`random_bursts.py`).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage

import random_bursts
from burst_scenes import SCENES, data_root, dead_leaves
from burst_sets import BLACK, SETS, WHITE, SetSpec, make_set, noise_of
from lichtbild.core import Burst, Frame
from lichtbild.lab.against_truth import Region, block_gain_db, psnr_db
from lichtbild.output.photo import bayer_negative
from lichtbild.pipelines import intake
from lichtbild.pipelines.finishing import Source
from lichtbild.pipelines.photo import PhotoParams, negative
from lichtbild.simulate.truth import SimulatedBurst

Array = np.ndarray[Any, Any]

BORDER_PX, BLOCK_PX, CLIPPING = 32, 32, 0.9
# Part of a block that has to be below clipping for it to count: 100 px.
LEAST_OPEN = 0.1
BLOCK_SETS = ("p100", "p800", "p3200", "pm800", "k800", "m3")
MOSAIC_SETS = ("p100", "p800", "pm800", "k100", "k800", "s12")
TONES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.9)
TONE_PX = (176, 160)
SQUARE_PX = 128
FLAT_SEEDS = 8
PEERS_MOSAIC = "hdr-plus 40.1 / 34.6, hdrplus-python 40.0 / 37.2, ideal 44.1 / 43.5 (12 MP, Kodak, an earlier study)"


def tones_scene(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Patches of TONES (of the sensor's green range), four a row, on leaves that alignment can hold on to."""
    out = dead_leaves(shape, rng, 400)
    s = 2
    for (top, left), tone in zip(patch_corners(), TONES, strict=True):
        margin = np.array(shape) // s - SETS["tones"].shape
        y, x = ((np.array([top, left]) + margin // 2) * s).tolist()
        # The hand moves by less than the margin; patches are that much larger than what is measured.
        out[y : y + TONE_PX[0] * s, x : x + TONE_PX[1] * s] = tone / 0.93
    return out


def patch_corners() -> list[tuple[int, int]]:
    return [(24 + 200 * (k // 4), 24 + 184 * (k % 4)) for k in range(len(TONES))]


def squares_scene(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Squares turned by 5.7 degrees on an even ground, one in each cell of SQUARE_PX."""
    s, cell = 4, SQUARE_PX * 4
    y, x = (np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5).astype(np.float32)
    margin = (np.array(shape) - np.array(SETS["squares"].shape) * s) // 2
    y, x = ((v - m) % cell - cell / 2 for v, m in zip((y, x), margin, strict=True))
    along, across = x * np.cos(0.1) + y * np.sin(0.1), y * np.cos(0.1) - x * np.sin(0.1)
    cover = np.clip(36 * s - np.maximum(np.abs(along), np.abs(across)) + 0.5, 0, 1)
    return np.repeat((0.15 + 0.5 * cover)[..., None], 3, 2).astype(np.float32)


SCENES |= {"tones": tones_scene, "squares": squares_scene}
SETS |= {
    "tones": SetSpec("tones", (448, 768), 800),
    "squares": SetSpec("squares", (4 * SQUARE_PX, 4 * SQUARE_PX), 400, oversampling=4),
}


# --------------------------------------------------------------------------------------------------- the product's work


def merged(burst: Burst) -> tuple[Frame, tuple[float, float, float]]:
    """The negative and the white balance that was used."""
    made = negative(burst, PhotoParams())
    return made.linear(), made.white_balance


def denoised(frame: Frame, white: tuple[float, float, float]) -> Array:
    params = PhotoParams()
    source = Source(frame, white, params.demosaic, params.denoise)
    return np.concatenate([band.pixels for band in source.bands()])


def alone(made: SimulatedBurst) -> Burst:
    return dataclasses.replace(made.burst, sources=made.burst.sources[:1])


def first(made: SimulatedBurst, n: int) -> Burst:
    return dataclasses.replace(made.burst, sources=made.burst.sources[:n])


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "MISSED"


# ------------------------------------------------------------------------------------------------------ blocks, motion


def blocks_and_motion(names: list[str], crops: Path | None) -> str:
    blocks = [
        "| set | single dB | merged dB | worst block | below -0.5 dB | goal |",
        "|---|---|---|---|---|---|",
    ]
    motion = [
        "| set | region | single dB | merged dB | single p99.9 | merged p99.9 | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        made = make_set(name)
        balance = np.float32(made.truth.as_shot_neutral)
        pictures = [denoised(*merged(burst)) / balance for burst in (alone(made), made.burst)]
        truth = made.truth.rgb / balance
        # Where the sensor clips there is no truth to come near to; neither is there beside it.
        clipped = scipy.ndimage.binary_dilation(made.truth.rgb.max(2) > CLIPPING, iterations=4)
        for picture in (*pictures, truth):
            picture[clipped] = 1
        single, merge = pictures
        region = Region(mask=~clipped)
        gain = block_gain_db(merge, single, truth)
        # A handful of pixels beside what clips is no block: noise of their mean decides.
        is_open = open_part(clipped) >= LEAST_OPEN
        gain[~is_open] = 0
        row, column = np.unravel_index(gain.argmin(), gain.shape)
        blocks.append(
            f"| {name} | {psnr_db(single, truth, region):.2f} | {psnr_db(merge, truth, region):.2f} | "
            f"{gain.min():+.2f} (row {BORDER_PX + BLOCK_PX * row}, column {BORDER_PX + BLOCK_PX * column}) | "
            f"{100 * (gain < -0.5).sum() / is_open.sum():.2f} % of {is_open.sum()} | {verdict(gain.min() >= -0.5)} |"
        )
        if crops is not None:
            save_worst(crops, name, (truth, single, merge), gain)
        for where in ("boxes", "swept", "objects"):
            mask = made.truth.masks.get(where)
            if mask is None:
                continue
            inside = Region(mask=mask & ~clipped)
            db = [psnr_db(p, truth, inside) for p in pictures]
            chosen = inside.of(truth.shape)
            worst = [float(np.quantile(np.abs(p - truth).max(2)[chosen], 0.999)) for p in pictures]
            motion.append(
                f"| {name} | {where} | {db[0]:.2f} | {db[1]:.2f} | {worst[0]:.4f} | {worst[1]:.4f} | "
                f"PSNR {verdict(db[1] >= db[0])}, p99.9 {verdict(worst[1] <= worst[0])} |"
            )
        print(blocks[-1], file=sys.stderr, flush=True)
    heads = (
        "**Blocks of 32 px**, merged and denoised against the single frame denoised (goal: none below -0.5 dB)",
        "**Where things move** (goal: merged no worse than single, in both)",
    )
    return "\n".join([heads[0], "", *blocks, "", heads[1], "", *motion])


def open_part(clipped: Array) -> Array:
    """Part of each block that does not clip, [n, m] as `block_gain_db`."""
    rows, columns = ((k - 2 * BORDER_PX) // BLOCK_PX for k in clipped.shape)
    inner = clipped[BORDER_PX:, BORDER_PX:][: rows * BLOCK_PX, : columns * BLOCK_PX]
    return np.asarray(1 - inner.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean((1, 3)))


def save_worst(folder: Path, name: str, pictures: tuple[Array, ...], gain: Array, n: int = 4) -> None:
    """Truth, single, merged beside each other at the worst blocks, 96 px enlarged four times."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for rank, index in enumerate(np.argsort(gain, axis=None)[:n]):
        i, j = np.unravel_index(index, gain.shape)
        top, left = (max(BORDER_PX + BLOCK_PX * int(k) - BLOCK_PX, 0) for k in (i, j))
        parts = [p[top : top + 3 * BLOCK_PX, left : left + 3 * BLOCK_PX] for p in pictures]
        white = max(float(np.quantile(parts[0], 0.995)), 0.05)
        sheet = np.concatenate([np.clip(p / white, 0, 1) ** (1 / 2.2) for p in parts], 1)
        Image.fromarray(np.rint(255 * sheet).astype(np.uint8).repeat(4, 0).repeat(4, 1)).save(
            folder / f"{name}_{rank}_{gain[i, j]:+.1f}dB_{top}_{left}.png"
        )


# ---------------------------------------------------------------------------------------------------------------- edge


def edge_patches() -> list[tuple[slice, slice, bool]]:
    """Rows, columns and whether to transpose, of every side of every square."""
    found = []
    n = SETS["squares"].shape[0] // SQUARE_PX
    for y in range(n):
        for x in range(n):
            cy, cx = (SQUARE_PX * k + SQUARE_PX // 2 for k in (y, x))
            if min(y, x) == 0 or max(y, x) == n - 1:
                continue
            for side in (-36, 36):
                found.append((slice(cy - 24, cy + 24), slice(cx + side - 16, cx + side + 16), False))
                found.append((slice(cy + side - 16, cy + side + 16), slice(cx - 24, cx + 24), True))
    return found


def mtf50(luma: Array, truth: Array) -> float:
    """Cycles a pixel at which the mean edge's response falls to a half, each edge's line taken from the truth."""
    total, count = np.zeros(256), np.zeros(256)
    for rows, columns, is_lying in edge_patches():
        patch, clean = (p[rows, columns].T if is_lying else p[rows, columns] for p in (luma, truth))
        low, high = (np.median(clean[:, part]) for part in (slice(0, 4), slice(-4, None)))
        weight = np.abs(np.diff(clean, axis=1))
        centre = (weight * (np.arange(weight.shape[1]) + 0.5)).sum(1) / weight.sum(1)
        line = np.polyval(np.polyfit(np.arange(len(centre)), centre, 1), np.arange(len(centre)))
        place = np.arange(clean.shape[1])[None, :] - line[:, None]
        # From dark to bright, from left to right.
        place, dark, bright = (place, low, high) if low < high else (-place, high, low)
        value = (patch - dark) / (bright - dark)
        index = np.floor(place * 4 + 0.5).astype(int) + 128
        total += np.bincount(index.ravel(), value.ravel(), 256)
        count += np.bincount(index.ravel(), minlength=256)
    middle = slice(128 - 44, 128 + 45)
    spread = total[middle] / np.maximum(count[middle], 1)
    response = np.abs(np.fft.rfft(np.diff(spread) * np.hamming(len(spread) - 1), 4096))
    response /= response[0]
    frequency = np.fft.rfftfreq(4096, 0.25)
    below = int(np.argmax(response < 0.5))
    a, b = response[below - 1], response[below]
    return float(frequency[below - 1] + (frequency[below] - frequency[below - 1]) * (a - 0.5) / (a - b))


def edge() -> str:
    made = make_set("squares")
    balance = np.float32(made.truth.as_shot_neutral)

    def luma(pixels: Array) -> Array:
        return (pixels / balance).astype(np.float64) @ (0.25, 0.5, 0.25)

    truth = luma(made.truth.rgb)
    clean = mtf50(truth, truth)
    rows = [f"| noise-free, all colours at every pixel | {clean:.4f} | 1 | |"]
    one, white = merged(alone(made))
    ten, _ = merged(made.burst)
    for text, pixels in (
        ("one frame, demosaiced", one.pixels),
        ("one frame, denoised", denoised(one, white)),
        ("ten frames, merged", ten.pixels),
        ("ten frames, merged and denoised", denoised(ten, white)),
    ):
        found = mtf50(luma(pixels), truth)
        judged = f"0.98: {verdict(found >= 0.98 * clean)}" if text.startswith("ten") else ""
        rows.append(f"| {text} | {found:.4f} | {found / clean:.3f} | {judged} |")
    head = ["**Slanted edges**, ISO 400", "", "| | MTF50, cycles/px | of the clean one | goal |", "|---|---|---|---|"]
    return "\n".join(head + rows)


# --------------------------------------------------------------------------------------------------------------- flats


def flats() -> str:
    inset, counts = 24, (2, 3, 5, 10)
    height, width = TONE_PX[0] - 2 * inset, TONE_PX[1] - 2 * inset
    noise = noise_of(SETS["tones"].iso)
    found: dict[int, list[list[float]]] = {n: [] for n in counts}
    for seed in range(FLAT_SEEDS):
        made = make_set("tones", seed)
        for n in counts:
            mosaic = bayer_negative(merged(first(made, n))[0]).pixels
            ratios = []
            for top, left in patch_corners():
                # RGGB: the green of even rows and that of odd ones.
                corners = [((top + inset) // 2 * 2 + k, (left + inset) // 2 * 2 + 1 - k) for k in (0, 1)]
                of_patch = [(slice(y, y + height, 2), slice(x, x + width, 2)) for y, x in corners]
                light = np.mean([made.truth.mosaic[at].mean() for at in of_patch])
                # Photons, reading, and rounding to whole numbers: what one frame has.
                one = noise.alpha[1] * light + noise.beta[1] + 1 / 12 / (WHITE - BLACK) ** 2
                ratios.append(float(np.sqrt(one / np.mean([mosaic[at].var() for at in of_patch]) / n)))
            found[n].append(ratios)
    lines = [
        "**Noise in flats** before denoising: how far it falls, over sqrt(n) (goal: 0.97 to 1.03 everywhere; green)",
        "",
        "| tone, % of white | " + " | ".join(f"{100 * tone:g}" for tone in TONES) + " | error | goal |",
        "|---|" + "---|" * (len(TONES) + 2),
    ]
    for n, ratios in found.items():
        mean = np.mean(ratios, 0)
        error = np.std(ratios, 0, ddof=1).mean() / np.sqrt(FLAT_SEEDS)
        is_reached = all(0.97 <= r <= 1.03 for r in mean)
        cells = " | ".join(f"{r:.3f}" for r in mean)
        lines.append(f"| {n} frames | {cells} | {error:.3f} | {verdict(is_reached)} |")
    each = [float(np.mean(ratios)) for of_count in found.values() for ratios in of_count]
    lines += [
        "",
        f"Means of {FLAT_SEEDS} bursts, each with its own motion; error: their standard deviation over its root. "
        f"Mean of all tones, burst by burst: {min(each):.3f} to {max(each):.3f}.",
    ]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------------------------- mosaic


def mosaic(names: list[str]) -> str:
    lines = [
        "**Merged Bayer mosaic** of a static burst against the true mosaic, PSNR in dB, all / edges",
        "",
        "| set | one frame | merge, sampled | negative | ideal | worst block of the negative | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        made = make_set(name)
        truth = made.truth.mosaic
        clipped = scipy.ndimage.binary_dilation(made.truth.rgb.max(2) > CLIPPING, iterations=4)
        steps = scipy.ndimage.gaussian_gradient_magnitude(made.truth.rgb[..., 1].astype(np.float64), 0.7)
        open_ = Region(mask=~clipped)
        regions = (open_, Region(mask=~clipped & (steps > np.quantile(steps[open_.of(truth.shape)], 0.9))))
        noise = noise_of(SETS[name].iso)
        rng = np.random.default_rng(1)
        variance = noise.alpha[0] * truth + noise.beta[0]
        made_negative = negative(made.burst, PhotoParams())
        pictures = {
            "one": intake.plan(alone(made), PhotoParams().quad_bayer)[1].pixels,
            "sampled": bayer_negative(made_negative.linear()).pixels,
            "merged": made_negative.mosaic().pixels,
            "ideal": truth + rng.standard_normal(truth.shape) * np.sqrt(variance / len(made.burst)),
        }
        db = {key: [psnr_db(p, truth, region) for region in regions] for key, p in pictures.items()}
        cells = [f"{a:.2f} / {b:.2f}" for a, b in db.values()]
        judged = f"42.0 {verdict(db['merged'][0] >= 42)} / 40.0 {verdict(db['merged'][1] >= 40)}"
        worst = block_gain_db(pictures["merged"], pictures["one"], truth).min()
        lines.append(f"| {name} | {' | '.join(cells)} | {worst:+.2f} | {judged} |")
    return "\n".join([*lines, "", f"Others: {PEERS_MOSAIC}."])


def random(n: int, keep: Path | None) -> str:
    found = random_bursts.measure(n, keep=keep)
    return f"**{n} random bursts** (goal: nothing wrong)\n\n{random_bursts.table(found)}"


def available(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if SETS[name].scene == "procedural" or data_root().exists()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=("blocks", "edge", "flats", "mosaic", "random"))
    parser.add_argument("--sets", nargs="*", help="of `blocks`")
    parser.add_argument("--bursts", type=int, default=200, metavar="N", help="of `random`: 1000 take minutes")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="of `random`: goes on with what an ended run found")
    parser.add_argument("--crops", type=Path, metavar="DIR", help="save the worst blocks: truth, single, merged")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "blocks": lambda: blocks_and_motion(arguments.sets or available(BLOCK_SETS), arguments.crops),
        "edge": edge,
        "flats": flats,
        "mosaic": lambda: mosaic(available(MOSAIC_SETS)),
        "random": lambda: random(arguments.bursts, arguments.keep),
    }
    for name, part in parts.items():
        if arguments.only is None or name in arguments.only:
            print(part(), end="\n\n", flush=True)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{sum(u.ru_utime + u.ru_stime for u in used):.0f} processor seconds.")
    if not data_root().exists():
        print(f"\nPictures missing (LICHTBILD_DATA={os.environ.get('LICHTBILD_DATA', '')}): procedural sets only.")


if __name__ == "__main__":
    main()
