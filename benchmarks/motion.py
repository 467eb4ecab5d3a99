"""A simulated camera that moves, against what was declared: `python benchmarks/motion.py`.

- spectrum: the rates of 20 paths of a minute, in bands of a third of an octave from 0.2 to 12 Hz, over the declared
  density, largest difference in dB.
- truth: frames of a smooth scene, predicted from its light by the rows' own ways at eight moments of the exposure,
  against the stored numbers: chi-square of a pixel under the file's noise model.
- kernels: dots rendered by the simulation, and the same dots by the way that the *gyroscope's log* tells, read back by
  `capture` with its noise and bias: centroid and total variation of each dot's light.
- stops: exposures with and without stabiliser until the rms spread of a rendered point within its exposure reaches a
  limit; the analytic value is the same from the declared spectrum and the servo's transfer function.
"""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.signal import welch

from lichtbild.capture import read_gyro
from lichtbild.capture.gyro import orientations
from lichtbild.simulate import STEADY, WALKING, Lens, Scene, Sensor, Shake, Simulation, Stabiliser, VirtualCamera
from lichtbild.simulate.gyro_log import Gyro, write_gyro
from lichtbild.simulate.scene import samples_for
from lichtbild.simulate.shake import RATE_HZ, Spectrum
from lichtbild.simulate.views import moved, row_at, to_frame

SHAPE = (256, 320)
MARGIN = 56
# f of a 27 mm equivalent on 12 MP: blur in px as there, on a small picture.
FOCAL_PX = 3143.0
F_35MM = FOCAL_PX / np.hypot(*SHAPE) * np.hypot(36, 24)
CAMERA = VirtualCamera(
    Sensor(read_before_e=2.0), Lens(0.5), time_s=1 / 15, readout_s=0.02, interval_s=1 / 12, focal_length_35mm=F_35MM
)
# The vibration of camera-shake standards is rich between 1 and 10 Hz: a hand so declared, beside the measured one.
SHAKER = dataclasses.replace(
    STEADY,
    name="shaker",
    **dict.fromkeys(("pitch", "yaw"), Spectrum(0.35, 0.8, 1.5, ((3.0, 1.0, 0.5), (6.0, 1.5, 0.2)))),
)


def spectrum_db(shake: Shake) -> float:
    found = []
    for seed in range(20):
        path = shake.path(58.0, np.random.default_rng(seed))
        rate = np.diff(np.rad2deg(path.angle_rad[::10]), axis=0) * (RATE_HZ / 10)
        hz, density = welch(rate, RATE_HZ / 10, nperseg=4096, axis=0)
        found.append(density.mean(1))
    worst = 0.0
    for low, high in itertools.pairwise(0.2 * 2 ** (np.arange(19) / 3)):
        band = (hz >= low) & (hz < min(high, 12.0))
        if band.any():
            ratio = np.mean(found, 0)[band].mean() / shake.pitch.density(hz[band]).mean()
            worst = max(worst, abs(10 * np.log10(ratio)))
    return worst


def smooth_scene() -> Scene:
    rng = np.random.default_rng(3)
    height, width = samples_for(SHAPE, 1.0, MARGIN)
    y, x = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for _ in range(40):
        f, turn, phase = rng.uniform(0.01, 0.12), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        total += np.sin(2 * np.pi * f * (np.cos(turn) * x + np.sin(turn) * y) + phase) / np.sqrt(20)
    return Scene.flat(np.tile((0.4 + 0.12 * np.clip(total, -2.9, 2.9)).astype(np.float32), (3, 1, 1)), 1.0, MARGIN)


def chi_square(shake: Shake, iso: float, stabiliser: Stabiliser | None) -> tuple[float, float]:
    """Of a pixel; and how long the blur of the frame was, px."""
    camera = dataclasses.replace(CAMERA, stabiliser=stabiliser)
    simulation = Simulation(smooth_scene(), camera, n_frames=2, iso=iso, seed=11, shape=SHAPE, shake=shake)
    still = Simulation(smooth_scene(), camera, n_frames=1, shape=SHAPE, affines=np.eye(2, 3)[None])
    info = simulation.info(1)
    planes = [still.light(0, c).astype(float) for c in range(3)]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    colours = np.array(camera.sensor.cfa.colours)[y.astype(int) % 2, x.astype(int) % 2]
    expected, inside = np.zeros(SHAPE), np.ones(SHAPE, bool)
    at, weights = np.polynomial.legendre.leggauss(8)
    for part, weight in zip(0.5 + 0.5 * at, 0.5 * weights, strict=True):
        u, v = moved(row_at(simulation.rows(1, float(part)), y), x, y)
        inside &= (u > 8) & (u < SHAPE[1] - 8) & (v > 8) & (v < SHAPE[0] - 8)
        seen = [map_coordinates(p, [v - 0.5, u - 0.5], order=5, mode="nearest") for p in planes]
        expected += weight * np.choose(colours, seen)
    black, span = camera.sensor.black, camera.sensor.white - camera.sensor.black
    noise = info.noise
    variance = noise.alpha[0] * expected + noise.beta[0] + 1 / span**2 / 12
    chi = (((simulation.stored(1) - black) / span - expected) ** 2 / variance)[inside]
    return float(chi.mean()), simulation._reach_px(1)


def dots() -> tuple[Scene, list[tuple[int, int]]]:
    """Gaussian dots of 0.9 px, 40 px apart."""
    height, width = samples_for(SHAPE, 1.0, MARGIN)
    y, x = np.mgrid[:height, :width] - MARGIN + 0.5
    places = [(a, b) for a in range(60, SHAPE[0] - 50, 40) for b in range(60, SHAPE[1] - 50, 40)]
    total = np.zeros((height, width))
    for a, b in places:
        total += np.exp(-0.5 * ((y - a) ** 2 + (x - b) ** 2) / 0.9**2)
    return Scene.flat(np.tile(total.astype(np.float32), (3, 1, 1)), 1.0, MARGIN), places


def kernels(shake: Shake, gyro: Gyro, time_s: float, n_bursts: int) -> tuple[float, float, float]:
    """Centroid, px (mean over dots, worst dot), and mean total variation of rendered kernels against the log's."""
    camera = dataclasses.replace(CAMERA, time_s=time_s)
    scene, places = dots()
    far, varied = [], []
    for seed in range(n_bursts):
        simulation = Simulation(scene, camera, n_frames=2, seed=seed, shape=SHAPE, shake=shake)
        with tempfile.TemporaryDirectory() as folder:
            write_gyro(folder, "shot", simulation.views, gyro, np.random.default_rng(seed), 100.0)
            log = read_gyro(Path(folder) / "shot.gcsv")
        rendered = simulation.light(1, 1)
        # The way of a dot by the log, about where the truth has it in the middle of its row's exposure.
        for y0, x0 in places:
            centre = to_frame(simulation.rows(1), np.array(float(x0)), np.array(float(y0)))
            row_s = float(centre[1]) / SHAPE[0] * camera.readout_s
            moments = log.frame_s[1] + row_s + time_s * np.linspace(0, 1, 41)
            turns = orientations(log, moments)
            middle = turns[20]
            ray = np.array([(centre[0] - SHAPE[1] / 2) / FOCAL_PX, (centre[1] - SHAPE[0] / 2) / FOCAL_PX, 1.0])
            seen = np.einsum("nji,j->ni", turns, middle @ ray)
            way = seen[:, :2] / seen[:, 2:] * FOCAL_PX + np.array(SHAPE[::-1]) / 2
            top, left = int(centre[1]) - 16, int(centre[0]) - 16
            if min(top, left) < 0 or top + 32 > SHAPE[0] or left + 32 > SHAPE[1]:
                continue
            mine = rendered[top : top + 32, left : left + 32].astype(float)
            told = drawn(way - (left, top))
            mine, told = mine / mine.sum(), told / told.sum()
            grid = np.arange(32) + 0.5
            shift = [((mine - told).sum(axis) * grid).sum() for axis in (0, 1)]
            far.append(np.hypot(*shift))
            varied.append(0.5 * np.abs(mine - told).sum())
    return float(np.mean(far)), float(np.max(far)), float(np.mean(varied))


def drawn(way: np.ndarray) -> np.ndarray:
    """A dot of the scene along a way, through lens and pixel, [32, 32]; trapezoids in time."""
    sigma = np.hypot(0.9, 0.5)
    fine = (np.arange(32 * 8) + 0.5) / 8
    weights = np.ones(len(way))
    weights[[0, -1]] = 0.5
    total = np.zeros((32, 32))
    for (x, y), weight in zip(way, weights, strict=True):
        a, b = (np.exp(-0.5 * ((fine - c) / sigma) ** 2).reshape(32, 8).sum(1) for c in (y, x))
        total += weight * np.outer(a, b)
    return total


def spread_px(shake: Shake, servo: Stabiliser | None, time_s: float) -> float:
    """Analytic rms of a point within its exposure: of the angle's density times what the servo leaves, less what the
    mean of the exposure takes away."""
    hz = np.linspace(1 / 65.536, 60, 60001)
    angle = np.deg2rad(1) ** 2 * shake.pitch.density(hz) / (2 * np.pi * hz) ** 2
    left = np.abs(servo.left_over(hz)) ** 2 if servo else 1.0
    power = angle * left * (1 - np.sinc(hz * time_s) ** 2)
    return float(FOCAL_PX * np.sqrt(np.sum(power) * (hz[1] - hz[0])))


def rendered_spread_px(shake: Shake, servo: Stabiliser | None, time_s: float, n: int) -> float:
    """The same from pictures of one dot: how much wider than still, along pitch and yaw, rms over shots."""
    shape, margin = (64, 64), 24
    y, x = np.mgrid[: shape[0] + 2 * margin, : shape[1] + 2 * margin] - margin + 0.5
    dot = np.exp(-0.5 * ((y - 32) ** 2 + (x - 32) ** 2) / 1.0**2).astype(np.float32)
    scene = Scene.flat(np.tile(dot, (3, 1, 1)), 1.0, margin)
    f_35mm = FOCAL_PX / np.hypot(*shape) * np.hypot(36, 24)
    camera = dataclasses.replace(CAMERA, time_s=time_s, readout_s=1e-4, stabiliser=servo, focal_length_35mm=f_35mm)
    flat = dataclasses.replace(shake, roll=shake.roll.scaled(0), shift=shake.shift.scaled(0))
    grid = np.arange(64) + 0.5
    wide = []
    for seed in range(n):
        simulation = Simulation(scene, camera, n_frames=1, seed=seed, shape=shape, shake=flat)
        variance = []
        for is_still in (False, True):
            light = simulation.light(0, 1, still=is_still).astype(float)
            for axis in (0, 1):
                line = light.sum(axis) / light.sum()
                variance.append((line * grid**2).sum() - (line * grid).sum() ** 2)
        wide.append((variance[0] + variance[1] - variance[2] - variance[3]) / 2)
    return float(np.sqrt(np.mean(wide)))


def stops(shake: Shake, servo: Stabiliser, limit_px: float, n: int) -> tuple[float, float]:
    """Measured and analytic stops at a limit of the spread."""
    times = 2.0 ** np.arange(-6, 1.01, 0.05)
    found = []
    for used in (None, servo):
        spreads = np.array([spread_px(shake, used, t) for t in times])
        longest = float(np.exp(np.interp(np.log(limit_px), np.log(spreads), np.log(times))))
        # Pictures at two exposures about it, and the line between them.
        around = [longest * 0.8, longest * 1.25]
        seen = [rendered_spread_px(shake, used, t, n) for t in around]
        slope = np.log(around[1] / around[0]) / np.log(seen[1] / seen[0])
        found.append((longest, around[0] * (limit_px / seen[0]) ** slope))
    return float(np.log2(found[1][1] / found[0][1])), float(np.log2(found[1][0] / found[0][0]))


def main() -> None:
    rows = [(f"spectrum of {s.name}, 0.2 to 12 Hz, worst band", f"{spectrum_db(s):.2f} dB", "1 dB", "")
            for s in (STEADY, WALKING)]  # fmt: skip
    for shake, iso, servo in ((STEADY, 200, None), (STEADY, 3200, Stabiliser()), (WALKING, 800, None)):
        chi, blur = chi_square(shake, iso, servo)
        held = f"{shake.name}{', stabilised' if servo else ''}, ISO {iso}, 1/15 s, {blur:.1f} px of blur"
        rows.append((f"chi-square a pixel, {held}", f"{chi:.3f}", "1.00 +- 0.02", ""))
    for shake, gyro, time_s in (
        (STEADY, Gyro(), 1 / 15),
        (STEADY, Gyro(200.0), 1 / 4),
        (STEADY, Gyro(200.0, bias_deg_s=0.05), 1 / 4),
        (WALKING, Gyro(500.0), 1 / 30),
    ):  # fmt: skip
        mean, worst, total = kernels(shake, gyro, time_s, 4)
        what = f"{shake.name}, {gyro.rate_hz:.0f} Hz, bias {gyro.bias_deg_s} degrees/s, 1/{1 / time_s:.0f} s"
        rows.append((f"kernel by the log, centroid: {what}", f"{mean:.3f} px, worst dot {worst:.3f}", "0.05 px", ""))
        rows.append((f"kernel by the log, total variation: {what}", f"{100 * total:.2f} %", "2 %", ""))
    for shake in (STEADY, SHAKER):
        measured, analytic = stops(shake, Stabiliser(), 1.0, 120)
        held = f"stops of the stabiliser, {shake.name}, 1 px of spread"
        rows.append((held, f"{measured:.2f}, analytic {analytic:.2f}", "within 0.2", ""))
    print("## A camera that moves\n\n| | measured | goal |\n|---|---|---|")
    for name, value, goal, _ in rows:
        print(f"| {name} | {value} | {goal} |")


if __name__ == "__main__":
    main()
