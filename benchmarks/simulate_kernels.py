"""Kernels of the simulation against their floor and against libraries: `python benchmarks/simulate_kernels.py`.

Prints Markdown. Processor seconds, the best of three runs, on 3 MP (libraries on the same task, single-threaded).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import scipy.ndimage

from lichtbild.core import native
from lichtbild.simulate import Lens, Sensor, expose
from lichtbild.simulate.lens import lens_frame

SHAPE = (1536, 2048)


def cost(work: Callable[[], object]) -> float:
    """Least processor seconds of three runs."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def main() -> None:
    rng = np.random.default_rng(0)
    megapixels = SHAPE[0] * SHAPE[1] / 1e6
    scene = rng.random((3, *SHAPE), np.float32)
    out, matrix, taps = np.empty_like(scene), np.eye(3, dtype=np.float32), Lens().blur_taps(1.5)

    def scipy_blur() -> list[np.ndarray]:
        return [scipy.ndimage.correlate1d(scipy.ndimage.correlate1d(p, taps, 0), taps, 1) for p in scene]

    mine = cost(lambda: native.call("simulate_blur", scene, matrix, taps, out))
    rows = [("blur, 3 planes", mine, 24, 96, cost(scipy_blur), "SciPy correlate1d, without the matrix")]

    mosaic = np.empty(SHAPE, np.float32)
    lens, frame = np.zeros((3, 15), np.float32), np.asarray(lens_frame(SHAPE), np.float32)
    motion = np.tile(np.array([1e-4, -5e-4, 3.3, 5e-4, 1e-4, -2.2, 0, 0], np.float32), (2, 1))
    planes = np.array([[0, 1], [1, 2]], np.int32)

    def place() -> None:
        native.call("simulate_sample", scene, lens, frame, motion, planes, 0, 0, 0, 1.0, -0.5, -0.5, mosaic)

    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
    at = np.stack([y * 1.0001 - 2.2, x * 1.0001 + 3.3])
    rows.append(("sample, quintic", cost(place), 8, 36 * 2 + 60,
                 cost(lambda: scipy.ndimage.map_coordinates(scene[0], at, order=5, prefilter=False)),
                 "SciPy map_coordinates, coordinates given"))  # fmt: skip

    sensor, light = Sensor(), rng.random(SHAPE, np.float32) * np.float32(0.5)

    def numpy_noise() -> np.ndarray:
        counts = rng.poisson(light / 1.4e-3) * 1.4e-3 + rng.standard_normal(SHAPE, np.float32) * 0.014
        return np.clip(np.rint(counts * 959 + 64), 0, 1023).astype(np.uint16)

    rows.append(
        ("expose", cost(lambda: expose(sensor, light, 800, 1)), 6, 230, cost(numpy_noise), "NumPy poisson + normal")
    )
    print("## Kernels of the simulation\n")
    print("| kernel | ns a px | bytes a px | operations a px | library, ns a px | library |\n|---|---|---|---|---|---|")
    for name, mine, n_bytes, n_operations, theirs, library in rows:
        scale = 1e9 / (megapixels * 1e6)
        print(f"| {name} | {mine * scale:.1f} | {n_bytes} | {n_operations} | {theirs * scale:.1f} | {library} |")


if __name__ == "__main__":
    main()
