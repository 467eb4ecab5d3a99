"""Camera colour to a finished file: processor seconds of rendering 12 MP in a look, and of a 2 MP preview.

    python benchmarks/rendering.py

A made-up frame with noise, highlights and structure at every scale; facts (the small picture and what is found on it),
the fused kernel, the JPEG. Best of several. A preview is what a dragged slider asks for: facts of tone and look again,
and the kernel; white balance and highlights are prepared (`develop_display.prepare`).
Goals: 1.2 s of processor time for 12 MP with local tone mapping and a look; 80 ms wall for a preview of 2 MP.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lichtbild import looks
from lichtbild.core import Camera, ColourCalibration, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core import colour_space as cs
from lichtbild.output.jpeg import write_jpeg
from lichtbild.stages import develop_display
from lichtbild.stages.develop_display import DevelopParams

COLOUR_A = np.array([[104, -29, -16], [-41, 162, 5], [-5, 29, 57]]) / 128
COLOUR_D65 = np.array([[129, -37, -28], [-72, 209, -6], [-8, 27, 80]]) / 128
LOOKS = ("natural", "kontor", "ember", "obsidian")


def frame_of(shape: tuple[int, int]) -> Frame:
    """Structure of many sizes over five stops, noise, and some clipped lights."""
    rng = np.random.default_rng(7)
    stops = np.zeros((*shape, 3), np.float32)
    for size in (512, 128, 32, 8):
        coarse = rng.normal(0, 0.6, (shape[0] // size + 2, shape[1] // size + 2, 3)).astype(np.float32)
        stops += np.kron(coarse, np.ones((size, size, 1), np.float32))[: shape[0], : shape[1]]
    pixels = np.float32(0.1) * np.exp2(stops) * np.float32([0.5, 1.0, 0.65])
    pixels += rng.normal(0, 0.003, pixels.shape).astype(np.float32)
    camera = Camera(colour=ColourCalibration((cs.A_XY, cs.D65_XY), (COLOUR_A, COLOUR_D65)))
    info = FrameInfo("made", shape, "linear", camera=camera, as_shot_neutral=(0.5, 1.0, 0.65))
    noise = NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated")
    return Frame(np.minimum(pixels, 1), Domain.CAMERA_RGB, info, noise)


def best(work: Callable[[], object], n: int = 5, *, wall: bool = False) -> float:
    clock = time.perf_counter if wall else time.process_time
    times = []
    for _ in range(n):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def main() -> None:
    full, small = frame_of((3024, 4032)), frame_of((1224, 1632))
    print("| look | facts s | kernel s | JPEG s | 12 MP in all, s | HDR s | 2 MP, processor ms | 2 MP, wall ms |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        for name in LOOKS:
            params = DevelopParams(look=looks.load(name))
            facts = develop_display.analyse(full, params)
            shown = develop_display.render(full, facts, params)
            analysing = best(lambda p=params: develop_display.analyse(full, p), 3)
            kernel = best(lambda f=facts, p=params: develop_display.render(full, f, p))
            hdr = best(lambda f=facts, p=params: develop_display.render(full, f, p, bits=32, headroom_ev=2.0), 3)
            jpeg = best(lambda s=shown: write_jpeg(path, s, quality=95, force=True), 3)

            prepared = develop_display.prepare(small, params)

            def preview(p: DevelopParams = params, made: develop_display.Prepared = prepared) -> object:
                return develop_display.render(small, develop_display.retoned(made, p), p)

            cpu, wall = best(preview, 9), best(preview, 9, wall=True)
            cells = (f"{v:.2f}" for v in (analysing, kernel, jpeg, analysing + kernel + jpeg, hdr))
            print(f"| {name} | {' | '.join(cells)} | {1000 * cpu:.0f} | {1000 * wall:.0f} |")


if __name__ == "__main__":
    main()
