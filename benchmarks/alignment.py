"""How exactly motion is found, beside what noise allows: `python benchmarks/alignment.py [--parts global local]`.

Prints Markdown. Truth comes from `burst_sets.py`, which knows nothing of the aligner; frames are read as a user's are.

- global: rms length of the error of the hand's motion over all 32 px tiles and frames, and the bound of Cramer and Rao:
  two noisy frames, same-colour gradients of the noise-free picture, the aligner's model of eight coefficients.
- random: bursts of three frames with any roll to 3 degrees, shift to a tenth of the frame's sides and scale to 1 % of
  scenes that are hard in different ways. A frame fails where the rms error exceeds half a pixel or it is refused.
- local: error of the motion of tiles that lie wholly in a disc of 32 to 180 px which moves up to 14 px a frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from burst_scenes import SCENES, data_root
from burst_sets import (
    EXPOSURE,
    IDENTITY,
    PHONE_NEUTRAL,
    RGGB,
    SETS,
    Disc,
    SetSpec,
    expose,
    frame_info,
    inverse,
    make_discs,
    make_set,
    noise_of,
    only,
    sample,
    through_lens,
)
from lichtbild.core import Burst, FrameSource, NoiseModel
from lichtbild.pipelines import intake
from lichtbild.stages.align import TILE_PX, AlignParams, Motion, align, field, pyramid
from lichtbild.stages.quad_bayer import QuadBayerParams

GLOBAL_SETS = ("k100", "k800", "k3200", "x400", "p800", "u800", "s12")
GOALS = {"s12": 0.003, "k3200": 0.012}
SHAPE = (768, 1024)
LOCAL_GOAL_PX = 0.25
FAILED_PX = 0.5


def motions(burst: Burst, n_others: int | None = None) -> list[Motion]:
    """Motion of every frame against the first, each started from the one before as the pipeline does."""
    plan, _ = intake.plan(burst, QuadBayerParams())
    guide = pyramid(intake.load(plan, 0), plan.white_balance)
    found: list[Motion] = []
    for k in range(1, len(burst) if n_others is None else n_others + 1):
        other = pyramid(intake.load(plan, k), plan.white_balance)
        found.append(align(guide, other, AlignParams(), found[-1] if found else None))
    return found


def centres(grid: tuple[int, int]) -> np.ndarray:
    """Centres (x, y) of 32 px tiles, [th, tw, 2]."""
    y, x = (np.arange(n) * TILE_PX + TILE_PX / 2 for n in grid)
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)


def moved_by(affine: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Displacement (dy, dx) of points (x, y)."""
    return ((point @ affine[:, :2].T + affine[:, 2]) - point)[..., ::-1]


def bounds_px(rgb: np.ndarray, noise: NoiseModel) -> tuple[float, float]:
    """Least rms error of the hand's motion that noise allows (Cramer and Rao): of shift, roll and scale alone, and of a
    homography."""
    shape = rgb.shape[:2]
    grid = tuple(-(-n // TILE_PX) for n in shape)
    tiles = field.basis(centres(grid)[..., ::-1].reshape(-1, 2), shape)
    information = np.zeros((field.N_TERMS,) * 2)
    for i, j in np.ndindex(2, 2):
        plane = rgb[..., RGGB[i][j]]
        gy, gx = (np.gradient(plane, axis=axis)[i::2, j::2].ravel() for axis in (0, 1))
        variance = 2 * (noise.alpha[0] * np.maximum(plane[i::2, j::2], 0).ravel() + noise.beta[0])
        y, x = np.meshgrid(np.arange(i, shape[0], 2) + 0.5, np.arange(j, shape[1], 2) + 0.5, indexing="ij")
        for part in np.array_split(np.arange(gy.size), max(1, gy.size // 500_000)):
            base = field.basis(np.stack([y.ravel()[part], x.ravel()[part]], -1), shape)
            terms = base[:, 0] * gy[part, None] + base[:, 1] * gx[part, None]
            information += terms.T @ (terms / variance[part, None])
    out = []
    for n in (4, 8):
        covariance = np.linalg.inv(information[:n, :n])
        out.append(float(np.sqrt(np.einsum("nik,kl,nil->n", *(tiles[..., :n], covariance, tiles[..., :n])).mean())))
    return out[0], out[1]


def global_table() -> str:
    lines = ["| set | MP | ISO | error px | declared | bound px, similarity | homography | goal |", "|" + "---|" * 8]
    for name in GLOBAL_SETS:
        if SETS[name].scene != "procedural" and not data_root().exists():
            continue
        made = make_set(name, n_frames=3 if name == "s12" else None)
        squares, own = [], []
        for k, motion in enumerate(motions(made.burst), 1):
            own.append((motion.sigma_px**2).mean())
            wanted = moved_by(made.truth.affines[k], centres(motion.hand_px.shape[:2]))
            squares.append(((motion.hand_px - wanted) ** 2).sum(-1).mean())
        error, declared = float(np.sqrt(np.mean(squares))), float(np.sqrt(np.mean(own)))
        spec = SETS[name]
        goal = GOALS.get(name)
        judged = "" if goal is None else f"{goal:.3f} {'reached' if error <= goal else 'MISSED'}"
        bound = "{:.4f} | {:.4f}".format(*bounds_px(made.truth.rgb, noise_of(spec.iso)))
        size = f"{spec.shape[0] * spec.shape[1] / 1e6:.1f} | {spec.iso:.0f}"
        lines.append(f"| {name} | {size} | {error:.4f} | {declared:.4f} | {bound} | {judged} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------- random


def facade(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A wall of equal windows with glazing bars; only a few of them are lit and there is some dirt on the wall."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    across, down = rng.uniform(50, 110, 2)
    u, v = x % across / across, y % down / down
    glass = np.clip((0.3 - np.abs(u - 0.5)) * across, 0, 1) * np.clip((0.35 - np.abs(v - 0.5)) * down, 0, 1)
    bars = np.clip((np.abs(u - 0.5) * across) - 1, 0, 1) * np.clip(np.abs(v - 0.4) * down - 1, 0, 1)
    lit = rng.random((int(h // down) + 1, int(w // across) + 1)) < 0.05
    inside = 0.06 + 0.3 * lit[(y // down).astype(int), (x // across).astype(int)]
    coarse = rng.normal(0, 0.02, (h // 16 + 2, w // 16 + 2)).repeat(16, 0).repeat(16, 1)[:h, :w]
    wall = 0.4 + coarse
    return np.repeat((wall + glass * (inside + 0.3 * (1 - bars) - wall))[..., None], 3, 2).astype(np.float32)


def mostly_sky(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Roofs in the lowest third under an empty sky."""
    scene = SCENES["procedural"](shape, rng)
    sky = int(shape[0] * 0.62)
    scene[:sky] = np.linspace(0.8, 0.5, sky, dtype=np.float32)[:, None, None] * np.float32([0.6, 0.8, 1.0])
    return scene


def of_set(name: str, light: float = 1.0) -> Callable[[tuple[int, int], np.random.Generator], np.ndarray]:
    return lambda shape, rng: SCENES[name](shape, rng) * np.float32(light)


@dataclass(frozen=True)
class Kind:
    """Scenes of one kind of difficulty, and the ISO they are taken at."""

    name: str
    scene: Callable[[tuple[int, int], np.random.Generator], np.ndarray]
    isos: tuple[float, ...]
    needs_data: bool = True


KINDS = (
    Kind("pictures", of_set("kodak"), (100, 800, 3200)),
    Kind("town, repeating", of_set("urban"), (100, 800, 3200)),
    Kind("high contrast", of_set("hdr"), (100, 800)),
    Kind("night", of_set("kodak", 0.2), (1600, 3200)),
    Kind("leaves and text", of_set("procedural"), (100, 800, 3200), False),
    Kind("windows of a facade", facade, (100, 800), False),
    Kind("three fifths sky", mostly_sky, (100, 800), False),
)  # fmt: skip


def random_affine(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Roll to 3 degrees, shift to a tenth of each side, scale to 1 %."""
    angle, scale = np.deg2rad(rng.uniform(-3, 3)), 1 + rng.uniform(-0.01, 0.01)
    shift = rng.uniform(-0.1, 0.1, 2) * (shape[1], shape[0])
    centre = np.array([shape[1] / 2, shape[0] / 2])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turn, (centre - turn @ centre + shift)[:, None]], 1)


def random_burst(
    spline: np.ndarray, margin: int, iso: float, rng: np.random.Generator
) -> tuple[Burst, list[np.ndarray]]:
    """Three frames; the first is the reference. The third moved a little on from the second, as hands do."""
    noise = noise_of(iso)
    far = random_affine(rng, SHAPE)
    near = far.copy()
    near[:, 2] += rng.normal(0, 4, 2)
    affines = [IDENTITY, far, near]
    spec = SetSpec("", SHAPE, iso)
    sources = []
    for k, affine in enumerate(affines):
        clean = sample(spline, 2, (-margin, -margin), inverse(affine), RGGB, (0, 0, *SHAPE))
        stored = expose(clean, noise, rng)
        sources.append(FrameSource(frame_info("random", spec, k, noise), lambda stored=stored: stored))
    return Burst(tuple(sources), "random", reference=0), affines[1:]


def frame_error(motion: Motion, affine: np.ndarray) -> tuple[float, float]:
    """rms error over the tiles that both frames show, and the share of tiles off by more than half a pixel."""
    point = centres(motion.hand_px.shape[:2])
    wanted = moved_by(affine, point)
    there = point + wanted[..., ::-1]
    seen = np.all((there > 16) & (there < np.array(SHAPE[::-1]) - 16), -1)
    error = np.hypot(*np.moveaxis(motion.hand_px - wanted, -1, 0))[seen]
    return float(np.sqrt(np.mean(error**2))), float(np.mean(error > FAILED_PX))


def random_table(n_bursts: int, seed: int) -> str:
    lines = [
        "| scenes | bursts | frames failed | refused | error px, median | 95 % | worst | bound px | tiles off 0.5 px |",
        "|" + "---|" * 9,
    ]
    kinds = [kind for kind in KINDS if data_root().exists() or not kind.needs_data]
    margin = 170
    size = tuple(2 * (n + 2 * margin) for n in SHAPE)
    for number, kind in enumerate(kinds):
        rng = np.random.default_rng([seed, number])
        scene = kind.scene(size, rng)
        spline = np.stack([through_lens(scene[..., c] * (PHONE_NEUTRAL[c] * EXPOSURE), 2) for c in range(3)])
        still = np.stack([sample(spline, 2, (-margin,) * 2, IDENTITY, only(c), (0, 0, *SHAPE)) for c in range(3)], -1)
        bounds = [bounds_px(still, noise_of(iso))[0] for iso in kind.isos]
        n = n_bursts // len(kinds) + (number < n_bursts % len(kinds))
        errors, shares, n_refused = [], [], 0
        for k in range(n):
            burst, affines = random_burst(spline, margin, kind.isos[k % len(kind.isos)], rng)
            for m, (motion, affine) in enumerate(zip(motions(burst), affines, strict=True)):
                error, share = frame_error(motion, affine)
                errors.append(error)
                shares.append(share)
                n_refused += bool(getattr(motion, "refused", ""))
                if error > FAILED_PX:
                    print(f"{kind.name} burst {k} frame {m}: {error:.2f} px, {affine.tolist()}", file=sys.stderr)
        failed = sum(e > FAILED_PX for e in errors)
        lines.append(
            f"| {kind.name} | {n} | {failed} of {2 * n} | {n_refused} | {np.median(errors):.3f} | "
            f"{np.quantile(errors, 0.95):.3f} | {max(errors):.3f} | "
            f"{min(bounds):.4f}-{max(bounds):.4f} | {100 * np.mean(shares):.2f} % |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


# ----------------------------------------------------------------------------------------------------------- local


def disc_errors(disc: Disc, motion: Motion, affine: np.ndarray, k: int) -> np.ndarray:
    """Errors of the local motion of frame k in the tiles that lie in a disc, px."""
    point = centres(motion.local_px.shape[:2])
    inside = np.hypot(*np.moveaxis(point - disc.centre(0), -1, 0)) < max(disc.diameter_px / 2 - TILE_PX / 2, 8)
    wanted = moved_by(affine, point + k * disc.step_xy) + (k * disc.step_xy)[::-1]
    return np.hypot(*np.moveaxis(motion.local_px - wanted, -1, 0))[inside]


def local_table() -> str:
    name = "m3" if data_root().exists() else "pm800"
    made = make_set(name)
    spec = SETS[name]
    discs = make_discs(spec, np.float32(spec.neutral) * EXPOSURE, np.random.default_rng([0, 3]))
    found = motions(made.burst)
    lines = ["| discs | tiles | error px, median | 75 % | 90 % | goal |", "|---|---|---|---|---|---|"]

    def add(label: str, wanted: Callable[[Disc], bool], last: int, goal: str = "") -> None:
        errors = np.concatenate(
            [
                disc_errors(disc, motion, made.truth.affines[k], k)
                for k, motion in enumerate(found[:last], 1)
                for disc in discs
                if wanted(disc)
            ]
        )
        q = np.quantile(errors, (0.5, 0.75, 0.9))
        if goal:
            goal = f"{LOCAL_GOAL_PX} {'reached' if q[0] <= LOCAL_GOAL_PX else 'MISSED'}"
        lines.append(f"| {label} | {errors.size} | {q[0]:.3f} | {q[1]:.3f} | {q[2]:.3f} | {goal} |")

    add("all, all frames", lambda disc: True, 9, "goal")
    add("below 80 px wide", lambda disc: disc.diameter_px < 80, 9)
    add("80 px wide and more", lambda disc: disc.diameter_px >= 80, 9)
    add("10 px a frame and more", lambda disc: bool(np.hypot(*disc.step_xy) >= 10), 9)
    add("all, first four frames", lambda disc: True, 4)
    return "\n".join(lines)


TITLES = {
    "global": "### The hand's motion",
    "random": "### Random bursts: roll to 3 degrees, shift to 10 %, scale to 1 %",
    "local": "### Things that move",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=list(TITLES), choices=list(TITLES))
    parser.add_argument("--bursts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", nargs="*", help="of the first part")
    arguments = parser.parse_args()
    if arguments.sets:
        globals()["GLOBAL_SETS"] = tuple(arguments.sets)
    made = {
        "global": global_table,
        "random": lambda: random_table(arguments.bursts, arguments.seed),
        "local": local_table,
    }
    for part in arguments.parts:
        begin = time.process_time()
        text = made[part]()
        print(f"{TITLES[part]}\n\n{text}\n", flush=True)
        print(f"{part}: {time.process_time() - begin:.0f} CPU s", file=sys.stderr)


if __name__ == "__main__":
    main()
