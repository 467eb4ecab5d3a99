"""Speed and memory of what is installed, on simulated 12 MP bursts: `python benchmarks/speed.py [--frames 10]`.

Prints Markdown. Processor seconds are user + system of all threads of a process of its own, memory is its peak resident
set, both told by the kernel; wall times depend on what else the machine does. Other raw developers that are installed
here run once, on the same file; stage by stage, `speed_peers.py` sets libraries beside the product's own kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speed_peers import developers

MIB = 1024 * 1024

# Of issue 3, for 12 MP: processor seconds, and megabytes.
BOUNDS = {1: "0.8 CPU s", 10: "6.0 CPU s, 800 MB"}
ALIGN_MERGE_BOUND_S = 3.0
# Quality "best": label, what is asked for more, and what issue 3 allows.
BEST = (
    ("ten frames, best", ("--quality", "best"), "20 CPU s"),
    ("ten frames, best, 48 MP", ("--quality", "best", "--scale", "2"), "60 CPU s, 900 MB"),
)
FRAME_COUNTS = (1, 2, 4, 8, 10, 16, 32)
SIZES = ("2016x1512", "4032x3024", "8064x6048")
SIZE_FRAMES = 4
# What was measured on such a machine before this project began: processor seconds, MB.
NOT_HERE = (("hdr-plus (C++/Halide), ten frames, align + merge 4.9 s", 12.0, 1660),)


@dataclass(frozen=True)
class Run:
    """What one process cost."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def measured(command: Sequence[str], **environment: str) -> Run:
    """Run `command` to its end and ask the kernel what it cost.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    started = time.monotonic()
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024)


def best(command: Sequence[str], n_runs: int) -> Run:
    """The run that was disturbed least."""
    return min((measured(command) for _ in range(n_runs)), key=lambda run: run.cpu_s)


def import_ms(statement: str, n_runs: int = 7) -> float:
    """Milliseconds that `statement` adds to starting the interpreter, least disturbed."""

    def wall(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    wall(statement)
    return 1e3 * (min(wall(statement) for _ in range(n_runs)) - min(wall("pass") for _ in range(n_runs)))


def develop(files: Sequence[Path], picture: Path) -> list[str]:
    """The command that a user would give."""
    return [sys.executable, "-m", "lichtbild", "develop", *map(str, files), "-o", str(picture), "--force", "--quiet"]


KERNELS = """
import json, sys, time
import numpy as np
from lichtbild.core import native

seen = {}
run = native.call

def timed(name, *arguments):
    started, cpu = time.perf_counter(), time.process_time()
    run(name, *arguments)
    entry = seen.setdefault(name, [0, 0.0, 0.0, 0])
    entry[0] += 1
    entry[1] += time.process_time() - cpu
    entry[2] += time.perf_counter() - started
    entry[3] += sum(a.nbytes for a in arguments if isinstance(a, np.ndarray))

native.call = timed
from lichtbild import api  # after the line above: stages import the function by name
from lichtbild.pipelines import intake, photo

reading, depth = 0.0, 0

def of_reading(function):
    def inside(*arguments):
        global reading, depth
        started, depth = time.process_time(), depth + 1
        try:
            return function(*arguments)
        finally:
            depth -= 1
            reading += (time.process_time() - started) * (depth == 0)
    return inside

for module, name in ((intake, "plan"), (intake, "load"), (intake, "repaired"), (photo, "find_defects")):
    setattr(module, name, of_reading(getattr(module, name)))
made, merging = photo.negative, 0.0

def negative(*arguments, **named):
    global merging
    started = time.process_time()
    result = made(*arguments, **named)
    merging += time.process_time() - started
    return result

photo.negative = negative
started, wall = time.process_time(), time.perf_counter()
api.develop(api.read(sys.argv[1:]))
whole = time.process_time() - started, time.perf_counter() - wall
print(json.dumps({"cpu_s": whole[0], "wall_s": whole[1], "reading": reading, "merging": merging, "kernels": seen}))
"""


def kernel_facts(files: Sequence[Path], n_threads: int) -> dict[str, Any]:
    """What one development in a process of its own spends where, with so many threads for the kernels."""
    environment = {**os.environ, "HL_NUM_THREADS": str(n_threads), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KERNELS, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def kernel_table(one: dict[str, Any], two: dict[str, Any], bandwidth: float) -> list[str]:
    """Every kernel of one development: its time beside the time its arguments take through memory once, and what a
    second thread brings."""
    rows = [
        "| kernel | calls | CPU s | MB through memory | floor s | CPU / floor | wall s, 1 thread | 2 threads | gain |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    kernels = sorted(one["kernels"].items(), key=lambda item: -item[1][1])
    for name, (calls, cpu_s, wall_s, n_bytes) in kernels:
        floor, both = n_bytes / bandwidth, two["kernels"][name][2]
        numbers = f"{cpu_s:.3f} | {n_bytes / 1e6:.0f} | {floor:.3f} | {cpu_s / floor:.1f}"
        rows.append(f"| `{name}` | {calls} | {numbers} | {wall_s:.3f} | {both:.3f} | {wall_s / both:.2f} |")
    cpu_s, wall_s = (sum(entry[k] for _, entry in kernels) for k in (1, 2))
    both = sum(entry[2] for entry in two["kernels"].values())
    rows.append(f"| all kernels | | {cpu_s:.3f} | | | | {wall_s:.3f} | {both:.3f} | {wall_s / both:.2f} |")
    rest = [facts["wall_s"] - wall for facts, wall in ((one, wall_s), (two, both))]
    rows.append(f"| reading, NumPy, all else | | {one['cpu_s'] - cpu_s:.3f} | | | | {rest[0]:.3f} | {rest[1]:.3f} | |")
    whole = one["wall_s"], two["wall_s"]
    rows.append(
        f"| the whole | | {one['cpu_s']:.3f} | | | | {whole[0]:.3f} | {whole[1]:.3f} | {whole[0] / whole[1]:.2f} |"
    )
    return rows


PREVIEW = """
import dataclasses, json, sys, time
from lichtbild import api
from lichtbild.core import FrameSource

burst = api.read(sys.argv[2:])
decoded = [source.read() for source in burst.sources]
rows = lambda p: lambda first, last: p[first:last]
sources = tuple(FrameSource(s.info, lambda p=p: p, read_rows=rows(p)) for s, p in zip(burst.sources, decoded))
burst = dataclasses.replace(burst, sources=sources)
runs = []
for _ in range(int(sys.argv[1])):
    wall, cpu = time.perf_counter(), time.process_time()
    photo = api.preview(burst)
    runs.append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps({"wall_s": min(w for w, _ in runs), "cpu_s": min(c for _, c in runs), "shape": photo.pixels.shape}))
"""


def preview_rows(files: Sequence[Path], folder: Path, n_runs: int) -> list[str]:
    """The preview of a burst: of decoded frames, and as the command from files to JPEG."""
    command = [sys.executable, "-c", PREVIEW, str(2 * n_runs), *map(str, files)]
    facts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    height, width, _ = facts["shape"]
    verb = develop(files, folder / "preview.jpg")
    verb[verb.index("develop")] = "preview"
    whole = best(verb, n_runs)
    return [
        f"| preview {width} x {height}, {len(files)} decoded frames | {facts['cpu_s']:.2f} | {facts['wall_s']:.2f} | "
        "| 0.5 s wall |",
        f"| the same, files to JPEG | {whole.cpu_s:.2f} | {whole.wall_s:.2f} | {whole.peak_mib * MIB / 1e6:.0f} | |",
    ]


def bandwidth() -> float:
    """Bytes a second that a plain copy moves (read + written), best of several."""
    import numpy as np

    source = np.ones(32 * MIB, np.float32)
    target = np.empty_like(source)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - started)
    return 2 * source.nbytes / min(times)


def write_burst(folder: Path, n_frames: int, size: str = SIZES[1]) -> list[Path]:
    """A simulated burst as a phone writes it."""
    how = ["--frames", str(n_frames), "--size", size, "--quiet"]
    command = [sys.executable, "-m", "lichtbild", "simulate", "-o", str(folder), *how]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.dng"))


def repeated(files: Sequence[Path], n_frames: int) -> list[Path]:
    """So many frames of a shorter burst: after its last one the others come again, as files of their own."""
    out = list(files[:n_frames])
    while len(out) < n_frames:
        again = files[1 + len(out) % (len(files) - 1)]
        copy = again.with_name(f"again_{len(out):03d}.dng")
        shutil.copyfile(again, copy)
        out.append(copy)
    return out


def row(label: str, run: Run, bound: str = "", *, columns: str = "") -> str:
    """A line of a table of runs."""
    return f"| {label} | {run.cpu_s:.2f} | {run.wall_s:.2f} | {run.peak_mib * MIB / 1e6:.0f} |{columns} {bound} |"


def best_rows(files: Sequence[Path], folder: Path) -> list[str]:
    """The burst of quality "best", at its own size and at twice that."""
    command = develop(files, folder / "best.jpg")
    return [row(label, best([*command, *more], 1), bound) for label, more, bound in BEST]


def of_counts(files: Sequence[Path], folder: Path, n_runs: int) -> tuple[list[str], dict[int, Run]]:
    """The table of frame counts, and the runs in it."""
    runs = {}
    for n in FRAME_COUNTS:
        command = develop(repeated(files, n), folder / f"{n}.jpg")
        runs[n] = best(command, n_runs if n in BOUNDS else 1)
    each = (runs[FRAME_COUNTS[-1]].cpu_s - runs[2].cpu_s) / (FRAME_COUNTS[-1] - 2)
    lines = ["| frames of 12 MP | CPU s | wall s | peak MB | CPU s a frame after two | bound |"]
    lines += ["|---|--:|--:|--:|--:|---|"]
    for n, run in runs.items():
        more = f" {(run.cpu_s - runs[2].cpu_s) / (n - 2):.2f} |" if n > 2 else " |"
        lines.append(row(str(n), run, BOUNDS.get(n, ""), columns=more))
    lines += ["", f"A frame more costs {each:.2f} CPU s at 12 MP, and no memory. After the tenth, frames come again."]
    return lines, runs


def of_sizes(whole: Sequence[Path], folder: Path) -> list[str]:
    """The table of sizes."""
    lines = [
        f"| {SIZE_FRAMES} frames of | CPU s | wall s | peak MB | CPU s a MP | MB a MP |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for size in SIZES:
        # Simulating 48 MP takes longer than developing it.
        files = whole if size == SIZES[1] else write_burst(folder / size, 2, size)
        run = best(develop(repeated(files, SIZE_FRAMES), folder / f"{size}.jpg"), 1)
        width, height = (int(n) for n in size.split("x"))
        megapixels, peak_mb = width * height / 1e6, run.peak_mib * MIB / 1e6
        lines.append(
            f"| {megapixels:.0f} MP | {run.cpu_s:.2f} | {run.wall_s:.2f} | {peak_mb:.0f} | "
            f"{run.cpu_s / megapixels:.3f} | {peak_mb / megapixels:.0f} |"
        )
    return lines


def of_peers(file: Path, folder: Path) -> list[str]:
    """The raw developers that are installed, one frame each; and what was measured elsewhere."""
    lines = []
    for name, command in developers(file, folder):
        try:
            lines.append(row(f"*{name}, one frame*", best([*command], 1), "peer"))
        except RuntimeError as error:
            print(error, file=sys.stderr)
    lines += [f"| *{name}* | {cpu_s:.1f} | | {peak} | peer, of another day |" for name, cpu_s, peak in NOT_HERE]
    return lines


def report(n_frames: int, n_runs: int) -> list[str]:
    """The whole page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_burst(folder / "burst", n_frames)
        counts, runs = of_counts(files, folder, n_runs)
        one, two = (kernel_facts(files, n) for n in (1, 2))
        speed = bandwidth()
        peers = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("speed_peers.py")), *map(str, files[:2])],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
        lines = ["## Speed and memory", "", "DNG files of 12 MP to finished JPEG, least of some runs. Of ten frames,"]
        lines += ["what is read, made linear and freed of hot pixels counts apart from aligning and merging (the first"]
        lines += ["guess, demosaiced and denoised, counts as merging).", ""]
        lines += ["| | CPU s | wall s | peak MB | bound |", "|---|--:|--:|--:|---|"]
        lines += [row("one frame", runs[1], BOUNDS[1]), row("ten frames", runs[10], BOUNDS[10])]
        merging = one["merging"] - one["reading"]
        lines.append(f"| of these: align + merge | {merging:.2f} | | | {ALIGN_MERGE_BOUND_S:.1f} CPU s |")
        lines.append(f"| of these: reading, light, hot pixels | {one['reading']:.2f} | | | |")
        lines += best_rows(files, folder)
        lines += preview_rows(files, folder, n_runs)
        lines += of_peers(files[0], folder)
        lines += ["", "| start | ms | bound |", "|---|--:|---|"]
        for statement in ("import lichtbild", "import lichtbild.core", "import lichtbild.api"):
            bound = "300 ms" if statement == "import lichtbild" else ""
            lines.append(f"| `{statement}` | {import_ms(statement):.0f} | {bound} |")
        lines += ["", "### Scaling", "", *counts, "", *of_sizes(files, folder)]
        lines += ["", "### Kernels", ""]
        lines += [f"Of developing {n_frames} frames. Floor: the bytes of a kernel's arguments, moved once at"]
        lines += [f"{speed / 1e9:.1f} GB/s (a plain copy on one thread of this machine). CPU s with one thread.", ""]
        lines += kernel_table(one, two, speed)
        lines += ["", "### Beside libraries", ""]
        lines += ["Processor milliseconds a megapixel, all threads together, of jobs that are alike (12 MP; non-local"]
        lines += ["means of a quarter of a megapixel).", "", peers.strip()]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10, help="frames of the burst (default 10)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the least is told (default 3)")
    arguments = parser.parse_args()
    print("\n".join(report(arguments.frames, arguments.runs)))


if __name__ == "__main__":
    main()
