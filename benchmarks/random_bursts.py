"""Bursts that nobody would take, at random: `python benchmarks/random_bursts.py [--n 1000] [--largest-mp 3]`.

Prints Markdown. Sizes from 16 x 16 up, odd ones too, 1 to 64 frames, every phase of the filter array; light that
saturates, none at all, noise alone, one black frame, one of another scene, shifts larger than the frame, with and
without a noise profile. A process of their own develops them, so that a native crash is seen and counted; what comes
back has to be a picture of the right size without a NaN in its negative, or a refusal that names what is wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from burst_sets import BLACK, SETS, WHITE, frame_info, noise_of
from lichtbild.core import Burst, Cfa, FrameSource, LichtbildError

KINDS = ("usual", "saturated", "black", "noise only", "one black", "another scene", "far shifts")
SMALLEST_PX = 16
TIMEOUT_S = 120.0


def picture(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Boxes of grey and colour over a gradient, float32 [h, w, 3]."""
    h, w = shape
    out = np.linspace(0.05, 0.5, w, dtype=np.float32)[None, :, None] * np.ones((h, 1, 3), np.float32)
    for _ in range(40):
        top, left = rng.integers(0, h), rng.integers(0, w)
        height, width = rng.integers(1, h // 3 + 2), rng.integers(1, w // 3 + 2)
        out[top : top + height, left : left + width] = rng.uniform(0, 0.9, 3)
    return out


def make(number: int, seed: int, largest_mp: float) -> tuple[Burst, dict[str, Any]]:
    """Burst `number` and what it is."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    # Small ones are where vectors and tiles reach over the rim; a few are as large as allowed.
    side = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(1000 * np.sqrt(largest_mp)), 2))
    side = np.sqrt(side * side[::-1]) if number % 3 else side
    shape = (int(side[0]), int(side[1])) if number >= 4 else (16, (16, 17, 32, 42)[number])
    n_frames = int(np.exp(rng.uniform(0, np.log(64.99)))) if number >= 4 else 2
    # The whole script is to last minutes: long bursts are small ones.
    n_frames = max(1, min(n_frames, int(12e6 / (shape[0] * shape[1]))))
    reach = max(shape) + 8 if kind == "far shifts" else 6
    canvas = picture((shape[0] + 2 * reach, shape[1] + 2 * reach), rng) if kind != "noise only" else None
    noise = noise_of(float(rng.choice([100, 800, 6400])))
    cfa = Cfa.from_name(str(rng.choice(["RGGB", "BGGR", "GRBG", "GBRG"])))
    colour = np.asarray(cfa.colours)[np.arange(shape[0])[:, None] % 2, np.arange(shape[1]) % 2]
    odd = int(rng.integers(n_frames))
    has_profile = rng.random() < 0.7
    sources = []
    for k in range(n_frames):
        top, left = rng.integers(0, 2 * reach + 1, 2)
        light = np.full(shape, 0.05, np.float32)
        if canvas is not None:
            seen = canvas[top : top + shape[0], left : left + shape[1]]
            if kind == "another scene" and k == odd:
                seen = picture(shape, rng)
            light = np.take_along_axis(seen, colour[..., None], 2)[..., 0]
        if kind == "black" or (kind == "one black" and k == odd):
            light = light * 0
        light = light * (6 if kind == "saturated" else 1)
        signal = light + rng.standard_normal(shape) * np.sqrt(noise.alpha[0] * light + noise.beta[0])
        stored = np.clip(np.rint(signal * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
        info = frame_info("random", dataclasses.replace(SETS["p800"], shape=shape), k, noise)
        info = dataclasses.replace(info, cfa=cfa, noise=noise if has_profile else None)
        sources.append(FrameSource(info, lambda stored=stored: stored))
    facts = {"number": number, "kind": kind, "shape": shape, "frames": n_frames, "cfa": cfa.colours}
    return Burst(tuple(sources), f"random {number}"), facts


def developed(burst: Burst, shape: tuple[int, int]) -> str:
    """ "done", "refused: why", or what went wrong."""
    from lichtbild.pipelines.photo import PhotoParams, develop

    try:
        display, negative = develop(burst, PhotoParams())
    except LichtbildError as error:
        return f"refused: {error.message}"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"
    if display.shape != shape or display.pixels.dtype != np.uint8:
        return f"WRONG: a picture of {display.shape}"
    frame = negative.frame
    if not np.isfinite(frame.pixels).all() or not np.isfinite(frame.n_effective).all():
        return "WRONG: not all is finite"
    return "done"


def work(pipe: Connection, first: int, n: int, seed: int, largest_mp: float) -> None:
    """Bursts from `first` on; each is told before it is begun and when it is done."""
    for number in range(first, n):
        burst, facts = make(number, seed, largest_mp)
        pipe.send(facts)
        pipe.send(developed(burst, facts["shape"]))
    pipe.close()


def measure(n: int, seed: int = 0, largest_mp: float = 3.0) -> list[tuple[dict[str, Any], str]]:
    """What each of `n` bursts was and became; a worker that dies or hangs is replaced."""
    spawn = multiprocessing.get_context("spawn")
    found: list[tuple[dict[str, Any], str]] = []
    while len(found) < n:
        ours, theirs = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=work, args=(theirs, len(found), n, seed, largest_mp))
        worker.start()
        theirs.close()
        facts: dict[str, Any] = {"number": len(found)}
        try:
            while len(found) < n:
                facts = ours.recv()
                if not ours.poll(TIMEOUT_S):
                    found.append((facts, f"WRONG: nothing for {TIMEOUT_S:g} s"))
                    break
                found.append((facts, ours.recv()))
        except EOFError:
            worker.join()
            found.append((facts, f"WRONG: died with {worker.exitcode}"))
        worker.terminate()
        worker.join()
    return found


def table(found: list[tuple[dict[str, Any], str]]) -> str:
    """Counts by kind, refusals by reason with the sizes, and all that went wrong."""
    lines = ["| bursts of | n | done | refused | wrong |", "|---|---|---|---|---|"]
    for kind in (*KINDS, "all"):
        said = [word for facts, word in found if kind in ("all", facts.get("kind"))]
        counts = [sum(word.startswith(start) for word in said) for start in ("done", "refused", "WRONG")]
        lines.append(f"| {kind} | {len(said)} | {' | '.join(map(str, counts))} |")
    # Messages name the size; what is counted is the reason.
    refused = [(facts, word.split(": ")[-1]) for facts, word in found if word.startswith("refused")]
    lines.append("")
    for reason, count in Counter(reason for _, reason in refused).most_common():
        sides, frames = zip(*((min(f["shape"]), f["frames"]) for f, why in refused if why == reason), strict=True)
        lines.append(
            f"- refused: {reason}: {count}, shorter side {min(sides)} to {max(sides)} px, "
            f"{min(frames)} to {max(frames)} frames"
        )
    done = [min(facts["shape"]) for facts, word in found if word == "done" and facts["frames"] > 1]
    alone = [min(facts["shape"]) for facts, word in found if word == "done" and facts["frames"] == 1]
    lines.append(
        f"- smallest side developed: {min(done, default=0)} px of several frames, {min(alone, default=0)} px of one"
    )
    lines += [f"- **{word}**: {facts}" for facts, word in found if word.startswith("WRONG")]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--largest-mp", type=float, default=3.0)
    arguments = parser.parse_args()
    print(table(measure(arguments.n, arguments.seed, arguments.largest_mp)))


if __name__ == "__main__":
    main()
