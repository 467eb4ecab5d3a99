"""What is left of a phone's lens by default: `python benchmarks/corrections.py` prints a table (Markdown).

Two 12 MP raw frames are made in memory with nothing of lichtbild's own models: a white wall through a lens that shades
every site of the filter array differently (its DNG holds four GainMaps), and a grid of lines bent by barrel distortion
and torn by lateral colour (its DNG holds a WarpRectilinear of three planes). They go through linearise, defects,
demosaic and lens with default settings.

- corner/centre: means of 64 x 64 px in the four corners over the centre, per colour, the worst;
- colour shift: the same as red/green and blue/green, in EV, the worst;
- straightness: largest distance of a line's centroids (8 px along the line each) from the straight line through them;
- spacing: mean distance of neighbouring lines, true 192 px;
- lateral colour: largest distance of red's or blue's line from green's.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, Levels, NoiseModel
from lichtbild.core.corrections import Area, GainMap, Opcode, OpcodeLists, WarpRectilinear
from lichtbild.stages.defects import repair
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.lens import correct
from lichtbild.stages.linearise import linearise

Doubles = npt.NDArray[np.float64]
NEUTRAL = (0.52, 1.0, 0.63)
BLACK, WHITE = 64, 1023
ALPHA, BETA = 1.807e-4, 3.194e-6  # ISO 100
SPACING = 192
RADIAL = ((1.0015, -0.0290, 0.0060, 0.0), (1.0, -0.0300, 0.0065, 0.0), (0.9990, -0.0306, 0.0066, 0.0))
CORNER_GAIN = (2.45, 2.30, 2.36, 2.15)  # of the four sites

# RawTherapee 5.13, darktable 5.4.1, LibRaw and Adobe's SDK 1.7.1 on such files by the same definitions.
PEERS = """| LibRaw | 0.425 | 0.54 | 14.2 | 188.66 | - |
| RawTherapee 5.13, default | 0.375 | 0.58 | 14.2 | 188.66 | - |
| RawTherapee 5.13, two switches set | 1.000 | 0.002 | 0.30 | 188.08 | 1.5-1.8 |
| darktable 5.4.1 | 1.000 | 0.002 | 14.2 | 188.66 | - |
| Adobe DNG SDK 1.7.1 | 1.000 | 0.002 | 0.28 | 192.00 | - |"""


def frame_of(light: npt.NDArray[np.float32], ops: OpcodeLists) -> Frame:
    """The raw frame of a mosaic of light (1 = saturation): photon and read noise, 10 bits over black."""
    rng = np.random.default_rng(1)
    noisy = light + rng.standard_normal(light.shape, np.float32) * np.sqrt(ALPHA * light + BETA)
    stored = np.clip(np.rint(BLACK + noisy * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    info = FrameInfo(
        "synthetic",
        light.shape,
        "mosaic",
        cfa=Cfa.from_name("RGGB"),
        levels=Levels(np.full((1, 1, 1), BLACK, np.float32), (float(WHITE),)),
        opcodes=ops,
    )
    return Frame(stored, Domain.MOSAIC, info, NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated"))


def developed(frame: Frame) -> npt.NDArray[np.float32]:
    balance = (1 / NEUTRAL[0], 1 / NEUTRAL[1], 1 / NEUTRAL[2])
    return np.asarray(correct(demosaic(repair(linearise(frame)), balance)).pixels)


def site_slices() -> list[tuple[slice, slice, int]]:
    return [(slice(s // 2, None, 2), slice(s % 2, None, 2), (0, 1, 1, 2)[s]) for s in range(4)]


def wall(shape: tuple[int, int]) -> Frame:
    """The shading of each site is bilinear in 13 x 17 nodes of 1 / gain's own map, so that the maps are exact."""
    light, maps = np.empty(shape, np.float32), list[Opcode]()
    v, h = np.linspace(-1, 1, 13)[:, None], np.linspace(-1, 1, 17)[None, :]
    for (rows, columns, colour), corner, s in zip(site_slices(), CORNER_GAIN, range(4), strict=True):
        nodes = (1 + (corner - 1) * ((v**2 + h**2) / 2) ** 1.3).astype(np.float32)
        y = (np.arange(shape[0])[rows] + 0.5) / shape[0] * 12
        x = (np.arange(shape[1])[columns] + 0.5) / shape[1] * 16
        across = np.stack([np.interp(x, np.arange(17), row) for row in nodes])
        i = np.minimum(y.astype(int), 11)
        gain = across[i] * (1 - (y - i))[:, None] + across[i + 1] * (y - i)[:, None]
        light[rows, columns] = 0.8 * NEUTRAL[colour] / gain
        maps.append(GainMap(Area(s // 2, s % 2, *shape, 0, 1, 2, 2), 1 / 12, 1 / 16, 0.0, 0.0, nodes[..., None]))
    return frame_of(light, OpcodeLists(on_linear=tuple(maps)))


def lines(shape: tuple[int, int]) -> Frame:
    """Every pixel looks up the scene where the bent light comes from: the model inverted by Newton's method."""
    light = np.empty(shape, np.float32)
    cy, cx = shape[0] / 2, shape[1] / 2
    m = np.hypot(cy, cx)
    for rows, columns, colour in site_slices():
        y = (np.arange(shape[0])[rows] + 0.5 - cy)[:, None]
        x = (np.arange(shape[1])[columns] + 0.5 - cx)[None, :]
        bent = np.hypot(y, x) / m
        k0, k1, k2, k3 = RADIAL[colour]
        r = bent.copy()
        for _ in range(6):
            r2 = r * r
            f = r * (k0 + r2 * (k1 + r2 * (k2 + r2 * k3)))
            r -= (f - bent) / (k0 + r2 * (3 * k1 + r2 * (5 * k2 + r2 * 7 * k3)))
        scale = np.divide(r, bent, out=np.full_like(r, 1 / k0), where=bent > 0)
        light[rows, columns] = NEUTRAL[colour] * (0.1 + 0.7 * np.maximum(line(y * scale + cy), line(x * scale + cx)))
    warp = WarpRectilinear(RADIAL, ((0.0, 0.0),) * 3, 0.5, 0.5)
    return frame_of(light, OpcodeLists(after_demosaic=(warp,)))


def line(position: Doubles) -> Doubles:
    """Lines 3.5 px wide at SPACING * (k + 0.5)."""
    away = (position / SPACING - 0.5 - np.rint(position / SPACING - 0.5)) * SPACING
    return np.asarray(np.exp(-0.5 * (away / 1.5) ** 2))


def centroids(plane: npt.NDArray[np.float32], half: int = 24) -> list[tuple[Doubles, Doubles]]:
    """For every upright line: places along it and its centroids within `half` px, away from the lines it crosses."""
    found = []
    for k in range(plane.shape[1] // SPACING):
        at = round((k + 0.5) * SPACING)
        strip = plane[:, at - half : at + half].astype(np.float64)
        strips = strip[: strip.shape[0] // 8 * 8].reshape(-1, 8, 2 * half).mean(axis=1)
        along = np.arange(strips.shape[0]) * 8 + 4.0
        free = np.abs(along / SPACING % 1 - 0.5) > 0.2
        weight = np.maximum(strips - np.median(strips, axis=1, keepdims=True) - 0.05, 0)
        where = (weight * (np.arange(2 * half) + at - half + 0.5)).sum(axis=1) / weight.sum(axis=1)
        found.append((along[free], where[free]))
    return found


def measure_lines(rgb: npt.NDArray[np.float32]) -> tuple[float, float, float]:
    """Largest distance from straight, mean spacing, largest lateral colour; px."""
    straightness, spacing, lateral = 0.0, [], 0.0
    for turn in (False, True):
        planes = [centroids(rgb[:, :, c].T if turn else rgb[:, :, c]) for c in range(3)]
        middles = []
        for along, where in planes[1]:
            fit = np.polyfit(along, where, 1)
            straightness = max(straightness, float(np.abs(where - np.polyval(fit, along)).max()))
            middles.append(float(np.polyval(fit, along.mean())))
        spacing.append(float(np.diff(middles).mean()))
        for other in (0, 2):
            gaps = (np.abs(a[1] - b[1]).max() for a, b in zip(planes[other], planes[1], strict=True))
            lateral = max(lateral, *map(float, gaps))
    return straightness, float(np.mean(spacing)), lateral


def measure_wall(rgb: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Corner/centre farthest from 1, and the largest colour shift in EV."""
    h, w = rgb.shape[0] // 2, rgb.shape[1] // 2
    centre = rgb[h - 32 : h + 32, w - 32 : w + 32].mean(axis=(0, 1), dtype=np.float64)
    ratios = []
    for rows in (slice(0, 64), slice(-64, None)):
        for columns in (slice(0, 64), slice(-64, None)):
            ratios.append(rgb[rows, columns].mean(axis=(0, 1), dtype=np.float64) / centre)
    ratio = np.array(ratios)
    shift = np.abs(np.log2(ratio[:, [0, 2]] / ratio[:, [1]])).max()
    return float(ratio.ravel()[np.abs(ratio - 1).argmax()]), float(shift)


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds, the best of five."""
    times = []
    for _ in range(5):
        before = os.times()
        work()
        after = os.times()
        times.append(after.user + after.system - before.user - before.system)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=3024)
    parser.add_argument("--width", type=int, default=4032)
    options = parser.parse_args()
    shape = (options.height, options.width)
    flat, grid = wall(shape), lines(shape)
    corner, shift = measure_wall(developed(flat))
    straight, spacing, lateral = measure_lines(developed(grid))
    print("## Corrections of the file, by default (goal D4)\n")
    print("| | corner/centre | colour shift, EV | straightness, px | spacing, px | lateral colour, px |")
    print("|---|---|---|---|---|---|")
    print("| goal | 1.000 +- 0.005 | 0.01 | 0.3 | 192.0 +- 0.1 | 0.3 |")
    print(f"| **lichtbild** | {corner:.4f} | {shift:.4f} | {straight:.3f} | {spacing:.3f} | {lateral:.3f} |")
    print(PEERS)
    linear = linearise(flat)
    rgb = demosaic(linearise(grid), (1.0, 1.0, 1.0))
    megapixels = shape[0] * shape[1] / 1e6
    print(f"\nProcessor seconds for {megapixels:.1f} MP, best of five: ", end="")
    print(f"linearise with four GainMaps {seconds(lambda: linearise(flat)):.3f}, ", end="")
    print(f"defects {seconds(lambda: repair(linear)):.3f}, lens {seconds(lambda: correct(rgb)):.3f}.")


if __name__ == "__main__":
    main()
