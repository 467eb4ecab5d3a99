"""Damage small pictures of every kind and read them: python benchmarks/fuzz_pictures.py --cases 6000 [--write FILE].

Every kind runs in a process of its own, so that a native crash is seen, and under a limit of memory.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

KINDS = ("jpeg", "progressive", "png", "png16", "tiff", "tiff-deflate", "ppm", "heic")
MEMORY_LIMIT = 6 << 30


def seed_picture(kind: str) -> bytes:
    """A valid picture of 80 x 64 px with EXIF where the kind has it."""
    import imagecodecs
    import numpy as np
    import tifffile
    from PIL import Image

    cells = np.random.default_rng(0).integers(0, 255, (8, 10, 3), np.uint8)
    pixels = np.asarray(Image.fromarray(cells).resize((80, 64)))
    exif = Image.Exif()
    exif[271] = "Acme"
    exif.get_ifd(34665)[33434], exif.get_ifd(34665)[36867] = 0.01, "2023:10:14 18:32:46"
    out = io.BytesIO()
    if kind == "heic":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(pixels)).save(out, quality=70, exif=exif.tobytes())
    elif kind == "png16":
        return bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 257))
    elif kind == "tiff-deflate":
        tifffile.imwrite(out, pixels, photometric="rgb", compression="zlib", tile=(32, 32), predictor=True)
    elif kind == "ppm":
        Image.fromarray(pixels).save(out, "PPM")
    else:
        name = "JPEG" if kind == "progressive" else kind.upper()
        Image.fromarray(pixels).save(out, name, exif=exif, **({"progressive": True} if kind == "progressive" else {}))
    return out.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut off, bytes and bits changed, bytes put in."""
    b = bytearray(data)
    how = rng.randrange(4)
    if how == 0:
        return bytes(b[: rng.randrange(len(b))])
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(b) if rng.random() < 0.5 else min(len(b), 700))
        b[at] = rng.choice((0, 255, rng.randrange(256), b[at] ^ (1 << rng.randrange(8))))
    if how == 3:
        at = rng.randrange(len(b))
        b[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(b)


def run_kind(kind: str, cases: int, seed: int) -> dict[str, object]:
    """Outcomes of one kind, in this process."""
    import numpy as np

    from lichtbild.capture import open_picture
    from lichtbild.core import LichtbildError

    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    data, rng = seed_picture(kind), random.Random(f"{kind}{seed}")
    counts: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.bin"
        for _ in range(cases):
            path.write_bytes(damaged(data, rng))
            started = time.perf_counter()
            try:
                pixels = open_picture(path).read()
                is_right = pixels.dtype == np.float32 and bool(np.isfinite(pixels).all())
                counts["read" if is_right else "WRONG PIXELS"] += 1
            except LichtbildError as error:
                counts["refused" if path.name in str(error) else "refused WITHOUT THE FILE'S NAME"] += 1
            except BaseException as error:
                counts[f"ESCAPED {type(error).__name__}"] += 1
            slowest = max(slowest, time.perf_counter() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"kind": kind, "counts": dict(counts), "slowest_s": round(slowest, 2), "peak_mb": peak_mb}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=6000, help="of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(run_kind(arguments.kind, arguments.cases, arguments.seed)))
        return 0
    lines, n_bad = (
        ["| kind | cases | read | refused | anything else | slowest case, s | peak, MB |", "|" + "---|" * 7],
        0,
    )
    for kind in KINDS:
        command = [
            sys.executable,
            __file__,
            "--kind",
            kind,
            "--cases",
            str(arguments.cases),
            "--seed",
            str(arguments.seed),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            n_bad += 1
            lines.append(f"| {kind} | the process ended with {done.returncode} | | | | | |")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        counts = found["counts"]
        other = {k: v for k, v in counts.items() if k not in ("read", "refused")}
        n_bad += bool(other)
        lines.append(
            f"| {kind} | {sum(counts.values())} | {counts.get('read', 0)} | {counts.get('refused', 0)} | "
            f"{other or 0} | {found['slowest_s']} | {found['peak_mb']} |"
        )
    head = f"Made by `python benchmarks/fuzz_pictures.py --cases {arguments.cases} --seed {arguments.seed}`.\n"
    text = "\n".join(["# Fuzzing the readers of pictures", "", head, *lines, ""])
    print(text)
    if arguments.write:
        arguments.write.write_text(text)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
