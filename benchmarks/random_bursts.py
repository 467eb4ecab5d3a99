"""Bursts that nobody would take, at random: `python benchmarks/random_bursts.py [--n 1000] [--keep FILE]`.

Prints Markdown. Sizes from 16 x 16 up, odd ones too, 1 to 64 frames, every phase of the filter array; light that
saturates, none at all, noise alone, one black frame, one of another scene, shifts larger than the frame, with and
without a noise profile; among a thousand, pictures of 12, 24 and twice 50 MP. A process of their own develops them, so
that a native crash is seen and counted. What comes back has to be

- a picture of the right size without a NaN in its negative,
- no farther from the true scene than its reference alone,
- the same, a rounding apart, when it is made in bands of 96 rows (every fifth), and
- without a step where tiles or cells of the merge meet: over segments of 16 px in even parts of the scene, the largest
  fiftieth of the differences between the two sides are compared with those in the middle of tiles,

or a refusal that names what is wrong. With `--keep`, what was found is kept in a file, a burst a line, and a run that
was ended goes on from there.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from burst_sets import BLACK, SETS, WHITE, frame_info, noise_of
from lichtbild.core import Burst, Cfa, FrameSource, LichtbildError

KINDS = ("usual", "saturated", "black", "noise only", "one black", "another scene", "far shifts")
# Size and frames of bursts that chance would hardly draw: the smallest, the longest, strips, and the largest.
GIVEN = {
    0: ((16, 16), 2), 1: ((16, 17), 2), 2: ((16, 32), 2), 3: ((16, 42), 2), 7: ((200, 301), 64), 14: ((33, 31), 64),
    18: ((17, 2000), 5), 21: ((3001, 33), 3), 105: ((3024, 4032), 6), 350: ((5780, 8660), 2), 601: ((6001, 8335), 2),
    852: ((4001, 6001), 4),
}  # fmt: skip
SMALLEST_PX = 16
TIMEOUT_S = 900.0
# Part of a picture's error by which a burst may lie above its reference alone: the noise of a figure of few pixels.
TOLERANCE = 0.05
TILE_PX, SEGMENT_PX = 16, 16
# What is even this far to both sides: an edge of the scene rings over some pixels, and may lie beside an edge of tiles.
NEAR_PX = 8
# Differences over segments have a spread of a tenth of this where there are hundreds of them.
STEP, FEW_SEGMENTS = 1.6, 200
OTHER_BAND_PX = 96


def picture(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Boxes of grey and colour over a gradient, float32 [h, w, 3]."""
    h, w = shape
    out = np.linspace(0.05, 0.5, w, dtype=np.float32)[None, :, None] * np.ones((h, 1, 3), np.float32)
    for k in range(40 + h * w // 20_000):
        top, left = rng.integers(0, h), rng.integers(0, w)
        largest = (h // 3 + 2, w // 3 + 2) if k < 40 else (60, 60)
        height, width = (rng.integers(1, n) for n in largest)
        out[top : top + height, left : left + width] = rng.uniform(0, 0.9, 3)
    return out


def size_of(number: int, largest_mp: float, rng: np.random.Generator) -> tuple[tuple[int, int], int]:
    """Rows and columns, and frames."""
    # Small ones are where vectors and tiles reach over the rim; a few are as large as allowed.
    side = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(1000 * np.sqrt(largest_mp)), 2))
    side = np.sqrt(side * side[::-1]) if number % 3 else side
    shape = int(side[0]), int(side[1])
    # The whole script is to last minutes: long bursts are small ones.
    n_frames = int(np.exp(rng.uniform(0, np.log(64.99))))
    n_frames = max(1, min(n_frames, int(8e6 / (shape[0] * shape[1]))))
    return GIVEN.get(number, (shape, n_frames))


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """A burst, what it is, and the light of each of its frames before it is clipped: float32 [h, w, 3]."""

    burst: Burst
    facts: dict[str, Any]
    light: Callable[[int], np.ndarray]


def make(number: int, seed: int, largest_mp: float) -> Drawn:
    """Burst `number`."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    shape, n_frames = size_of(number, largest_mp, rng)
    reach = max(shape) + 8 if kind == "far shifts" else 6
    if max(shape) > 2000:
        reach = min(reach, 400)
    canvas = picture((shape[0] + 2 * reach, shape[1] + 2 * reach), rng)
    other = picture(shape, rng) if kind == "another scene" else None
    noise = noise_of(float(rng.choice([100, 800, 6400])))
    cfa = Cfa.from_name(str(rng.choice(["RGGB", "BGGR", "GRBG", "GBRG"])))
    colour = np.asarray(cfa.colours)[np.arange(shape[0])[:, None] % 2, np.arange(shape[1]) % 2]
    odd = int(rng.integers(n_frames))
    has_profile = rng.random() < 0.7
    places = rng.integers(0, 2 * reach + 1, (n_frames, 2))

    def light(k: int) -> np.ndarray:
        top, left = places[k]
        if kind == "black" or (kind == "one black" and k == odd):
            return np.zeros((*shape, 3), np.float32)
        if kind == "noise only":
            return np.full((*shape, 3), 0.05, np.float32)
        if other is not None and k == odd:
            return other
        return canvas[top : top + shape[0], left : left + shape[1]] * np.float32(6 if kind == "saturated" else 1)

    sources = []
    for k in range(n_frames):
        seen = np.take_along_axis(light(k), colour[..., None], 2)[..., 0]
        seen = seen + rng.standard_normal(shape, np.float32) * np.sqrt(noise.alpha[0] * seen + noise.beta[0])
        stored = np.clip(np.rint(seen * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
        info = frame_info("random", dataclasses.replace(SETS["p800"], shape=shape), k, noise)
        info = dataclasses.replace(info, cfa=cfa, noise=noise if has_profile else None)
        sources.append(FrameSource(info, lambda stored=stored: stored))
    facts = {"number": number, "kind": kind, "shape": shape, "frames": n_frames, "cfa": cfa.name}
    return Drawn(Burst(tuple(sources), f"random {number}"), facts, light)


def developed(drawn: Drawn) -> str:
    """ "done", "refused: why", or what went wrong."""
    from lichtbild.pipelines.photo import PhotoParams, develop

    params = PhotoParams()
    try:
        finished, negative = develop(drawn.burst, params)
        display = finished.picture
        if display.shape != drawn.facts["shape"] or display.pixels.dtype != np.uint8:
            return f"WRONG: a picture of {display.shape}"
        if not np.isfinite(negative.frame.pixels).all() or not np.isfinite(negative.frame.n_effective).all():
            return "WRONG: not all is finite"
        if drawn.facts["number"] % 5 == 0:
            with bands_of(OTHER_BAND_PX):
                other, _ = develop(drawn.burst, params)
            apart = np.abs(display.pixels.astype(np.int16) - other.picture.pixels).max()
            if apart > 1:
                return f"WRONG: made in bands of {OTHER_BAND_PX} rows it differs by {apart}"
        return "done" if drawn.facts["frames"] == 1 else against_truth(drawn, negative)
    except LichtbildError as error:
        return f"refused: {error.message}"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"


@contextlib.contextmanager
def bands_of(rows: int) -> Iterator[None]:
    """Everything after the merge, and the first guess before it, in bands of so many rows."""
    from lichtbild.pipelines import finishing

    usual, finishing.BAND_PX = finishing.BAND_PX, rows
    try:
        yield
    finally:
        finishing.BAND_PX = usual


def against_truth(drawn: Drawn, made: Any) -> str:
    """ "done", or where the negative is worse than its reference alone, or tiles show."""
    from lichtbild.pipelines.photo import PhotoParams, negative

    burst = drawn.burst
    index = [source.info.name for source in burst.sources].index(made.report["reference"]["frame"])
    truth = drawn.light(index)
    is_open = truth.max(2) < 0.85
    if not is_open.any():
        return "done"
    single = negative(dataclasses.replace(burst, sources=burst.sources[index : index + 1]), PhotoParams())
    errors = [frame.linear().pixels - truth for frame in (made, single)]
    ours, alone = (float(np.sqrt(np.square(error[is_open]).mean())) for error in errors)
    drawn.facts["gain"] = round(alone / max(ours, 1e-9), 3)
    if ours > (1 + TOLERANCE) * alone:
        return f"WRONG: {ours / alone:.3f} times as far from the truth as the reference alone"
    drawn.facts["step"] = steps = step_of_tiles(errors[0], truth)
    return f"WRONG: steps where tiles meet are {steps:.2f} times those within" if steps > STEP else "done"


def step_of_tiles(error: np.ndarray, truth: np.ndarray) -> float:
    """Steps of the error across edges of tiles over those across their middles, where the scene is even: 1 is none;
    1 also where there are too few to tell."""
    found = []
    for axis in (0, 1):
        turned, scene = (np.moveaxis(v, axis, 1) for v in (error, truth))
        for at in (0, TILE_PX // 2):
            found.append(_steps(turned.mean(2), scene, at))
    edges, middles = (np.concatenate([found[at], found[at + 2]]) for at in (0, 1))
    if min(len(edges), len(middles)) < FEW_SEGMENTS:
        return 1.0
    worst = [np.sort(values)[-max(len(values) // 50, 8) :].mean() for values in (edges, middles)]
    return round(float(worst[0] / worst[1]), 3)


def _steps(error: np.ndarray, truth: np.ndarray, at: int) -> np.ndarray:
    """Differences between the two columns on either side of columns `at` of tiles, over segments of even ground."""
    height, width = error.shape[0] // SEGMENT_PX * SEGMENT_PX, error.shape[1]
    columns = np.arange(at or TILE_PX, width - NEAR_PX + 1, TILE_PX)
    if not len(columns) or not height:
        return np.zeros(0)
    left, right = (error[:height, columns + k] + error[:height, columns + k + 1] for k in (-2, 0))
    near = np.stack([truth[:height, columns + k] for k in range(-NEAR_PX, NEAR_PX)])
    segments = near.reshape(2 * NEAR_PX, -1, SEGMENT_PX, len(columns), 3)
    is_even = np.ptp(segments, axis=(0, 2)).max(-1) < 0.03
    means = (right - left).reshape(-1, SEGMENT_PX, len(columns)).mean(1) / 2
    return np.abs(means[is_even & (segments.max((0, 2, 4)) < 0.85)])


def work(pipe: Connection, first: int, n: int, seed: int, largest_mp: float) -> None:
    """Bursts from `first` on; each is told before it is begun and when it is done."""
    for number in range(first, n):
        drawn = make(number, seed, largest_mp)
        pipe.send(drawn.facts)
        word = developed(drawn)
        pipe.send((drawn.facts, word))
    pipe.close()


Found = list[tuple[dict[str, Any], str]]


def measure(n: int, seed: int = 0, largest_mp: float = 3.0, keep: Path | None = None) -> Found:
    """What each of `n` bursts was and became; a worker that dies or hangs is replaced."""
    spawn = multiprocessing.get_context("spawn")
    found: Found = []
    if keep is not None and keep.exists():
        found = [(facts, word) for facts, word in map(json.loads, keep.read_text().splitlines())][:n]

    def tell(facts: dict[str, Any], word: str) -> None:
        found.append((facts, word))
        if keep is not None:
            with keep.open("a") as file:
                file.write(json.dumps((facts, word)) + "\n")

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
                    tell(facts, f"WRONG: nothing for {TIMEOUT_S:g} s")
                    break
                tell(*ours.recv())
        except EOFError:
            worker.join()
            tell(facts, f"WRONG: died with {worker.exitcode}")
        worker.terminate()
        worker.join()
    return found


def table(found: Found) -> str:
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
    sizes = [(f["shape"][0] * f["shape"][1] / 1e6, f["frames"]) for f, _ in found if "shape" in f]
    steps = [f["step"] for f, _ in found if f.get("step", 1.0) != 1.0]
    gains = [f["gain"] for f, _ in found if "gain" in f]
    lines += [
        f"- largest {max(mp for mp, _ in sizes):.1f} MP, most frames {max(n for _, n in sizes)}",
        f"- error of the reference alone over the burst's: {min(gains, default=1):.2f} to {max(gains, default=1):.2f}",
        f"- steps where tiles meet over those within, largest of {len(steps)}: {max(steps, default=1):.2f}",
    ]
    lines += [f"- **{word}**: {facts}" for facts, word in found if word.startswith("WRONG")]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--largest-mp", type=float, default=3.0)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="what was found so far; goes on from there")
    arguments = parser.parse_args()
    print(table(measure(arguments.n, arguments.seed, arguments.largest_mp, arguments.keep)))


if __name__ == "__main__":
    main()
