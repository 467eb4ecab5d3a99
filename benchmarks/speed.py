"""Speed and memory of what is installed, on simulated 12 MP bursts: `python benchmarks/speed.py [--frames 10]`.

Prints Markdown. Processor seconds are user + system of all threads of a process of its own, memory is its peak resident
set, both told by the kernel; wall times depend on what else the machine does. Peers' figures are those measured on one
machine before this project began (2 cores, 12 MP): they are here to compare orders of magnitude with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024

PEERS = (
    ("hdr-plus (C++/Halide), ten frames", 12.0, 1900),
    ("RawTherapee, one frame", 8.0, None),
    ("darktable, one frame", 7.0, None),
    ("LibRaw, one frame", 1.9, None),
)


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

started = time.process_time()
api.develop(api.read(sys.argv[1:]))
print(json.dumps({"cpu_s": time.process_time() - started, "kernels": seen}))
"""


def kernel_table(files: Sequence[Path], bandwidth: float) -> list[str]:
    """Every kernel of one development: its time beside the time its arguments take through memory once."""
    done = subprocess.run([sys.executable, "-c", KERNELS, *map(str, files)], capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    rows = [
        "| kernel | calls | CPU s | wall s | MB through memory | floor s | wall / floor |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    kernels = sorted(facts["kernels"].items(), key=lambda item: -item[1][1])
    for name, (calls, cpu_s, wall_s, n_bytes) in kernels:
        floor = n_bytes / bandwidth
        numbers = f"{cpu_s:.3f} | {wall_s:.3f} | {n_bytes / 1e6:.0f} | {floor:.3f} | {wall_s / floor:.1f}"
        rows.append(f"| `{name}` | {calls} | {numbers} |")
    total = sum(entry[1] for _, entry in kernels)
    rows.append(f"| all kernels | | {total:.3f} | | | | |")
    rows.append(f"| reading, analysing, all else | | {facts['cpu_s'] - total:.3f} | | | | |")
    return rows


PREVIEW = """
import dataclasses, json, sys, time
from lichtbild import api
from lichtbild.core import FrameSource

burst = api.read(sys.argv[2:])
decoded = [source.read() for source in burst.sources]
sources = tuple(FrameSource(s.info, lambda p=p: p) for s, p in zip(burst.sources, decoded))
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


def write_burst(folder: Path, n_frames: int) -> list[Path]:
    """A simulated 12 MP burst as a phone writes it."""
    command = [sys.executable, "-m", "lichtbild", "simulate", "-o", str(folder), "--frames", str(n_frames), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.dng"))


def report(n_frames: int, n_runs: int) -> list[str]:
    """The whole page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_burst(folder / "burst", n_frames)
        counts = sorted({1, 2, max(n_frames // 2, 1), n_frames})
        runs = {n: best(develop(files[:n], folder / f"{n}.jpg"), n_runs) for n in counts}
        speed = bandwidth()
        lines = ["## Speed and memory", "", f"DNG files of 12 MP to finished JPEG, least of {n_runs} runs.", ""]
        lines += ["| | CPU s | wall s | peak MB | bound |", "|---|--:|--:|--:|---|"]
        bounds = {1: "1.5 CPU s", 10: "10 CPU s, 1000 MB"}
        for n, run in runs.items():
            peak = run.peak_mib * MIB / 1e6
            label = "one frame" if n == 1 else f"{n} frames"
            lines.append(f"| {label} | {run.cpu_s:.2f} | {run.wall_s:.2f} | {peak:.0f} | {bounds.get(n, '')} |")
        lines += preview_rows(files, folder, n_runs)
        for label, cpu_s, peak_mb in PEERS:
            lines.append(f"| *{label}* | {cpu_s:.1f} | | {peak_mb or ''} | peer |")
        lines += ["", "| start | ms | bound |", "|---|--:|---|"]
        for statement in ("import lichtbild", "import lichtbild.core", "import lichtbild.api"):
            bound = "300 ms" if statement == "import lichtbild" else ""
            lines.append(f"| `{statement}` | {import_ms(statement):.0f} | {bound} |")
        lines += ["", "## Kernels", ""]
        lines += [f"Of developing {n_frames} frames. Floor: the bytes of a kernel's arguments, moved once at"]
        lines += [f"{speed / 1e9:.1f} GB/s (a plain copy on one thread of this machine).", ""]
        lines += kernel_table(files, speed)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10, help="frames of the burst (default 10)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the least is told (default 3)")
    arguments = parser.parse_args()
    print("\n".join(report(arguments.frames, arguments.runs)))


if __name__ == "__main__":
    main()
