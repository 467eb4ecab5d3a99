"""Fuzz the DNG reader: mutated files of every compression, in a process of their own that may crash.

Counts what must never happen: native crashes, hangs, exceptions that are not UnreadableFile or MetadataError, and more
than 1 GB of memory. Every case can be made again from its number.

    python benchmarks/fuzz_dng.py --cases 100000 --write docs/quality/fuzz.md
    python benchmarks/fuzz_dng.py --one 4711          # a single case, in this process, with its traceback
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from dng_seeds import seeds  # noqa: E402

BUNCH = 5000
MEMORY_LIMIT_MB = 1024
HANG_S = 60
# Numbers that break parsers: edges of every integer width, and small ones that turn counts into nonsense.
EDGES = (0, 1, 2, 3, 4, 7, 8, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 330, 339, 33421,
        33422, 34665, 34853, 50706, 50707, 50710, 50711, 50712, 50713, 50714, 50715, 50717, 50719, 50720, 50721, 50728,
        50730, 50778, 50829, 50830, 50974, 50975, 51008, 51009, 51022, 51041, 52533, 52547)  # fmt: skip
CODES = (0, 1, 2, 3, 5, 7, 8, 32773, 32803, 32946, 34892, 34893, 34894, 34895, 50002, 52546)


class Seed:
    """A valid file, and where its directories, entries and compressed data lie."""

    def __init__(self, data: bytes) -> None:
        import io

        from lichtbild.capture.dng.tiff import TYPES, TiffFile, walk

        self.data = data
        file = TiffFile(io.BytesIO(data), "seed")
        self.order, self.is_big = file.order, file.is_big
        self.record = 20 if file.is_big else 12
        directories = walk(file, [])
        directories += [file.directory(directories[0].integer(t), "sub") for t in (34665, 34853) if t in directories[0]]
        head = 8 if file.is_big else 2
        self.entries: list[int] = []
        self.values: list[tuple[int, int]] = []
        self.segments: list[int] = []
        for ifd in directories:
            n = struct.unpack_from(self.order + ("Q" if file.is_big else "H"), data, ifd.position)[0]
            self.entries += [ifd.position + head + k * self.record for k in range(n)]
            self.values += [(e.position, e.count * TYPES[e.kind][1]) for e in ifd.entries.values()]
            for tag in (273, 324):
                self.segments += [int(x) for x in ifd.array(tag)] if tag in ifd else []


def mutated(files: list[Seed], rng: np.random.Generator) -> bytes:
    """One damaged file: one to three damages of different kinds."""
    seed = files[rng.integers(len(files))]
    data = bytearray(seed.data)
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(10))
        if kind <= 2:
            _entry(data, seed, rng)
        elif kind == 3:
            _value(data, seed, rng)
        elif kind <= 5:
            _segment(data, seed, rng)
        elif kind == 6:
            for at in rng.integers(0, len(data), int(rng.integers(1, 16))):
                data[at] = int(rng.integers(256))
        elif kind == 7:
            at = int(rng.integers(len(data)))
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 8:
            other = files[rng.integers(len(files))].data
            size = int(rng.integers(1, 1 + min(len(other), len(data), 4096)))
            start, at = int(rng.integers(len(other) - size + 1)), int(rng.integers(len(data)))
            data[at : at + (size if rng.integers(2) else 0)] = other[start : start + size]
        else:
            del data[int(rng.integers(len(data))) :]
        if len(data) < 16:
            break
    return bytes(data)


def _entry(data: bytearray, seed: Seed, rng: np.random.Generator) -> None:
    """Another tag, type, count or value in a directory entry."""
    at = seed.entries[rng.integers(len(seed.entries))]
    if at + seed.record > len(data):
        return
    field = int(rng.integers(5))
    word, wide = ("Q", 8) if seed.is_big else ("I", 4)
    if field == 0:
        struct.pack_into(seed.order + "H", data, at, TAGS[rng.integers(len(TAGS))])
    elif field == 1:
        struct.pack_into(seed.order + "H", data, at + 2, int(rng.integers(0, 20)))
    elif field == 2:
        struct.pack_into(seed.order + word, data, at + 4, _number(data, rng))
    elif field == 3:
        struct.pack_into(seed.order + word, data, at + 4 + wide, _number(data, rng))
    else:
        struct.pack_into(seed.order + "H", data, at + 4 + wide, CODES[rng.integers(len(CODES))])


def _number(data: bytearray, rng: np.random.Generator) -> int:
    pick = int(rng.integers(4))
    if pick == 0:
        return EDGES[rng.integers(len(EDGES))]
    if pick == 1:
        return int(rng.integers(len(data) + 64))
    return int(rng.integers(1, 2000)) if pick == 2 else int(rng.integers(2**32))


def _value(data: bytearray, seed: Seed, rng: np.random.Generator) -> None:
    """Numbers of a tag."""
    at, size = seed.values[rng.integers(len(seed.values))]
    for _ in range(int(rng.integers(1, 4))):
        place = at + int(rng.integers(max(size, 1)))
        if place + 4 > len(data):
            return
        if rng.integers(2):
            struct.pack_into(seed.order + "I", data, place, _number(data, rng))
        else:
            data[place] = int(rng.integers(256))


def _segment(data: bytearray, seed: Seed, rng: np.random.Generator) -> None:
    """Damage where decoders look first: the head of compressed data."""
    if not seed.segments:
        return
    at = seed.segments[rng.integers(len(seed.segments))]
    reach = (8, 32, 200, 2000)[rng.integers(4)]
    for _ in range(int(rng.integers(1, 9))):
        place = at + int(rng.integers(reach))
        if place < len(data):
            data[place] = EDGES[rng.integers(9)] & 255 if rng.integers(2) else int(rng.integers(256))


def try_file(path: Path) -> tuple[str, str]:
    """(outcome, detail): "read", "refused at opening", "refused at its pixels", or "WRONG"."""
    from lichtbild.capture.dng import open_dng
    from lichtbild.core import MetadataError, UnreadableFile

    where = "refused at opening"
    try:
        source = open_dng(path)
        where = "refused at its pixels"
        pixels = source.read()
        if pixels.shape[:2] != source.info.shape:
            return "WRONG", f"shape {pixels.shape} of {source.info.shape}"
        source.preview()
    except (UnreadableFile, MetadataError) as error:
        if not error.where or not error.message:
            return "WRONG", f"a message without a place: {error}"
        surprise = type(error.__cause__).__name__ if "it is damaged (" in error.message else ""
        return where, surprise
    except BaseException as error:
        return "WRONG", f"{type(error).__name__}: {error}"
    return "read", ""


def work(first: int, n: int, seed: int, report: Path) -> None:
    """Cases first .. first + n - 1 in this process; `report` always holds the number of the case at work."""
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    files = [Seed(data) for data, _ in seeds().values()]
    folder = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())
    path = folder / f"fuzz-{os.getpid()}.dng"
    counts: Counter[str] = Counter()
    surprises: Counter[str] = Counter()
    wrong: list[str] = []
    peak = before = _peak_mb()
    with report.open("r+b", buffering=0) as cursor:
        for k in range(first, first + n):
            cursor.seek(0)
            cursor.write(b"%20d" % k)
            path.write_bytes(mutated(files, np.random.default_rng((seed, k))))
            outcome, detail = try_file(path)
            counts[outcome] += 1
            if outcome == "WRONG":
                wrong.append(f"case {k}: {detail}")
            elif detail:
                surprises[detail] += 1
            peak = _peak_mb()
            if peak > MEMORY_LIMIT_MB and peak > before:
                wrong.append(f"case {k}: {peak} MB")
            before = peak
    path.unlink(missing_ok=True)
    print(json.dumps({"counts": counts, "surprises": surprises, "wrong": wrong, "peak_mb": peak}))


def _peak_mb() -> int:
    """Largest memory so far of this process or of one it started (JPEG XL decoded apart), MB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // 1024


def run(n_cases: int, seed: int, bunch: int = BUNCH) -> dict[str, object]:
    """All cases, in processes of `bunch` each; after a crash the next process goes on behind it."""
    counts: Counter[str] = Counter()
    surprises: Counter[str] = Counter()
    wrong: list[str] = []
    crashes: list[str] = []
    peak_mb, k, started = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "case"
        while k < n_cases:
            n = min(bunch, n_cases - k)
            report.write_bytes(b"%20d" % k)
            command = [
                sys.executable,
                __file__,
                "--worker",
                str(k),
                str(n),
                "--seed",
                str(seed),
                "--report",
                str(report),
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S + n / 50)
                code, out, err = done.returncode, done.stdout, done.stderr
            except subprocess.TimeoutExpired:
                code, out, err = -1, "", "it hangs"
            if code == 0:
                result = json.loads(out)
                counts.update(result["counts"])
                surprises.update(result["surprises"])
                wrong += result["wrong"]
                peak_mb = max(peak_mb, result["peak_mb"])
                k += n
            else:
                at = int(report.read_bytes())
                crashes.append(f"case {at}: exit {code} {err.strip()[-200:]}")
                counts["crashed"] += at - k + 1
                k = at + 1
    return {"cases": n_cases, "seed": seed, "counts": dict(counts), "surprises": dict(surprises), "wrong": wrong,
            "crashes": crashes, "peak_mb": peak_mb, "wall_s": time.monotonic() - started}  # fmt: skip


def section(result: dict[str, object]) -> str:
    """The figures as Markdown."""
    import imagecodecs

    counts: dict[str, int] = result["counts"]  # type: ignore[assignment]
    total = int(result["cases"])  # type: ignore[call-overload]
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = "\n".join(
        f"| {name} | {n} | {100 * n / total:.1f} % |" for name, n in sorted(counts.items(), key=lambda x: -x[1])
    )
    wrong, crashes = result["wrong"], result["crashes"]
    listed = "".join(f"\n- {line}" for line in [*crashes, *wrong][:50])  # type: ignore[misc]
    return f"""# Fuzzing the DNG reader

Made by `python benchmarks/fuzz_dng.py --cases {total} --seed {result["seed"]} --write docs/quality/fuzz.md`
with Python {platform.python_version()}, NumPy {np.__version__}, imagecodecs {imagecodecs.__version__}.

Each case is one of {len(seeds())} small valid DNGs (every compression, sample type and arrangement of `dng_seeds.py`)
with one to three damages: directory entries, numbers of tags, heads of compressed data, bytes, bits, pieces of other
files put in, the end cut off. It is opened, its pixels and its preview are read, in a process of its own.

| figure | value |
|---|---|
| cases | {total} |
| native crashes and hangs | {len(crashes)} |
| exceptions other than UnreadableFile and MetadataError, or wrong shapes | {sum("MB" not in w for w in wrong)} |
| cases above {MEMORY_LIMIT_MB} MB | {sum(w.endswith("MB") for w in wrong)} |
| largest memory of a process | {result["peak_mb"]} MB |
| processor time | {cpu.ru_utime + cpu.ru_stime:.0f} s ({total / max(cpu.ru_utime + cpu.ru_stime, 1e-9):.0f} cases/s) |
| errors that only the outermost guard turned into UnreadableFile | {sum(result["surprises"].values())} |

| outcome | cases | share |
|---|---|---|
{rows}
{listed}
"""  # type: ignore[attr-defined]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bunch", type=int, default=BUNCH)
    parser.add_argument("--write", type=Path, help="Markdown file to write the figures to")
    parser.add_argument("--one", type=int, help="run this one case here")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker, options.seed, options.report)
        return 0
    if options.one is not None:
        return _one(options.one, options.seed)
    result = run(options.cases, options.seed, options.bunch)
    print(json.dumps(result, indent=1))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(section(result))
    return 1 if result["wrong"] or result["crashes"] else 0


def _one(k: int, seed: int) -> int:
    from lichtbild.capture.dng import open_dng

    files = [Seed(data) for data, _ in seeds().values()]
    path = Path(tempfile.gettempdir()) / f"case-{k}.dng"
    path.write_bytes(mutated(files, np.random.default_rng((seed, k))))
    print(path, len(path.read_bytes()), "bytes", flush=True)
    try:
        source = open_dng(path)
        print(source.info, flush=True)
        print(source.read().shape, source.preview() is not None, _peak_mb(), "MB")
    except Exception:
        traceback.print_exc()
    return 0


if __name__ == "__main__":
    sys.exit(main())
