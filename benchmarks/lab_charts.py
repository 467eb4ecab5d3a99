"""Texture, star, geometry and stabilisation of the lab against charts whose answer is a formula."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lichtbild.lab.analytic_charts import Attitude, KnownLens, dot_chart, pixel_transfer, sine_star, target_seen
from lichtbild.lab.dead_leaves import dead_leaves
from lichtbild.lab.distortion import measure_distortion
from lichtbild.lab.lateral_colour import measure_lateral_colour
from lichtbild.lab.shading import measure_shading
from lichtbild.lab.siemens import N_SEGMENTS, Star, measure_star
from lichtbild.lab.stabilisation import measure_stabilisation
from lichtbild.lab.texture import measure_texture, texture_against_noise

Floats = npt.NDArray[np.floating[Any]]


def row(what: str, reached: str, goal: str, is_met: bool, seconds: float) -> None:
    print(f"| {what} | {reached} | {goal}{'' if is_met else ' (missed)'} | {seconds:.2f} |")


def texture() -> None:
    """MTF of dead leaves at 20 dB (noise a tenth of the mean), and denoisers ranked."""
    target, blur, side = dead_leaves(1400, seed=3), 0.5, 576
    picture, corners = target_seen(target, side, blur)
    rng = np.random.default_rng(1)
    for noise, name in ((0.0, "without noise"), (0.05, "at 20 dB")):
        begin = time.process_time()
        found = measure_texture(picture + rng.normal(0, noise, picture.shape), target, corners)
        spent = time.process_time() - begin
        f = found.frequency_cy_px
        truth = np.exp(-2 * (np.pi * blur * f) ** 2) * pixel_transfer(f)
        below = f <= 0.41
        worst = float(np.abs(found.mtf - truth)[below].max())
        row(f"dead-leaves MTF to 0.4 cy/px {name}, {side} px", f"{worst:.4f}", "0.02", worst <= 0.02, spent)
    denoisers(target, picture, corners, rng)


def denoisers(target: Floats, picture: Floats, corners: Floats, rng: np.random.Generator) -> None:
    kinds: dict[str, Any] = {f"Gaussian {s}": lambda p, s=s: ndimage.gaussian_filter(p, s) for s in (0.4, 0.7, 1.0)}
    kinds |= {f"median {n}": lambda p, n=n: ndimage.median_filter(p, n) for n in (3, 5)}
    kinds |= {f"Wiener {n}": lambda p, n=n: _wiener(p, n, 0.05) for n in (3, 5, 7)}
    shots = [picture + rng.normal(0, 0.05, picture.shape) for _ in range(8)]
    even = [0.5 + rng.normal(0, 0.05, (128, 128)) for _ in shots]
    before = measure_texture(shots[0], target, corners)
    points, truths = {}, {}
    for name, denoise in kinds.items():
        after = measure_texture(denoise(shots[0]), target, corners, reference=before.placed)
        points[name] = texture_against_noise(before, after, even[0], denoise(even[0]))
        ideal = np.mean([denoise(s) for s in shots], axis=0)
        truths[name] = texture_against_noise(
            before, measure_texture(ideal, target, corners, reference=before.placed)
        ).texture_lost
    order = [
        sorted(values, key=lambda k: values[k]) for values in ({k: p.texture_lost for k, p in points.items()}, truths)
    ]
    worst = max(abs(points[k].texture_lost - truths[k]) for k in kinds)
    row(
        "eight denoisers ranked as the mean of eight shots ranks them",
        f"largest difference {worst:.4f}",
        "same order",
        order[0] == order[1],
        0,
    )
    print("\n| denoiser | noise removed | texture lost, one shot | texture lost, truth |")
    print("| --- | --- | --- | --- |")
    for name in order[1]:
        p = points[name]
        print(f"| {name} | {p.noise_removed_db:.1f} dB | {100 * p.texture_lost:.2f} % | {100 * truths[name]:.2f} % |")
    print()


def _wiener(picture: Floats, size: int, deviation: float) -> Floats:
    """Local Wiener filter."""
    mean = ndimage.uniform_filter(picture, size)
    variance = ndimage.uniform_filter(picture**2, size) - mean**2
    return np.asarray(mean + (picture - mean) * np.maximum(variance - deviation**2, 0) / np.maximum(variance, 1e-12))


def star() -> None:
    picture = sine_star(300, (151.3, 148.8), 90, 140.0, 0.6)
    begin = time.process_time()
    found = measure_star(picture, Star((149.0, 150.5), 138.0, 90, modulation=0.8))
    spent = time.process_time() - begin
    f = found.frequency_cy_px
    worst = 0.0
    for s in range(N_SEGMENTS):
        ends = 2 * np.pi * np.array([s, s + 1]) / N_SEGMENTS
        truth = np.exp(-2 * (np.pi * 0.6 * f) ** 2) * pixel_transfer(f, float(ends[0]), float(ends[1]))
        known = np.isfinite(found.mtf[s]) & (f < 0.45)
        worst = max(worst, float(np.abs(found.mtf[s] - truth)[known].max()))
    row("Siemens star, eight segments, MTF to 0.45 cy/px", f"{worst:.4f}", "0.01", worst < 0.01, spent)


def geometry() -> None:
    shape, rng = (500, 680), np.random.default_rng(2)
    lens = KnownLens((-0.08, 0.02, 0.0), (3.0, -4.0), falloff=0.4)
    planes = []
    for size in (1.002, 1.0, 0.9965):
        coloured = KnownLens(lens.radial, lens.offset_px, size, lens.falloff)
        planes.append(dot_chart(shape, coloured, Attitude()) + rng.normal(0, 0.005, shape))
    half = float(np.hypot(*shape)) / 2
    r = np.linspace(0, 0.95, 60)
    begin = time.process_time()
    found = measure_distortion(planes[1])
    spent = time.process_time() - begin
    worst = float(np.abs(r * (found.percent(r) / 100 - (-0.08 * r**2 + 0.02 * r**4))).max() * half)
    row("distortion of -6 % in the corner, over the field", f"{worst:.4f} px", "0.05 px", worst <= 0.05, spent)
    begin = time.process_time()
    colours = measure_lateral_colour(np.stack(planes, 2))
    spent = time.process_time() - begin
    for channel, size in zip(colours.channels, (1.002, 0.9965), strict=True):
        worst = float(np.abs(channel.at(r) - r * half * (size - 1)).max())
        row(f"lateral colour, {channel.channel}, over the field", f"{worst:.4f} px", "0.05 px", worst <= 0.05, spent)


def even_field() -> None:
    shape, rng = (600, 800), np.random.default_rng(3)
    y, x = (np.arange(n) + 0.5 for n in shape)
    unit = float(np.hypot(*shape)) / 2

    def light(row_px: Floats, column_px: Floats) -> Floats:
        r2 = ((row_px - shape[0] / 2 - 9) ** 2 + (column_px - shape[1] / 2 + 6) ** 2) / unit**2
        return np.asarray(1 - 0.5 * r2 + 0.1 * r2**2 + 0.02 * r2**3)

    picture = 0.5 * light(y[:, None], x[None, :]) + rng.normal(0, 0.01, shape)
    begin = time.process_time()
    found = measure_shading(picture)
    spent = time.process_time() - begin
    grid = np.stack(np.meshgrid(np.linspace(0, shape[0], 21), np.linspace(0, shape[1], 29), indexing="ij"), -1).reshape(
        -1, 2
    )
    truth = light(*grid.T) / light(np.array(shape[0] / 2), np.array(shape[1] / 2))
    worst = 100 * float(np.abs(found.at(grid)[:, 0] - truth).max())
    row("shading of 40 %, corners included, noise 2 %", f"{worst:.3f} %", "0.3 %", worst <= 0.3, spent)


def stabiliser() -> None:
    rng = np.random.default_rng(4)
    times = (1 / 125, 1 / 60, 1 / 30, 1 / 15, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
    worst, held, begin = 0.0, 0, time.process_time()
    for stops in (1.0, 2.0, 3.0, 4.0):
        series = [
            {t: list(np.hypot(2.0, 0.8 * v * t * np.abs(rng.normal(1, 0.3, 100)))) for t in times}
            for v in (80.0, 80.0 / 2**stops)
        ]
        figure = measure_stabilisation(series[0], series[1], 2.0, 4000).figures[0]
        worst = max(worst, abs((figure.value or 0.0) - stops))
        held += (figure.low or 0) <= stops <= (figure.high or 0)
    spent = time.process_time() - begin
    row(
        f"stabilisation of 1 to 4 stops, 100 shots a time ({held} of 4 in their interval)",
        f"{worst:.3f} EV",
        "0.2 EV",
        worst <= 0.2,
        spent,
    )


def main() -> None:
    print("| measure | largest error | goal | processor seconds |")
    print("| --- | --- | --- | --- |")
    star()
    geometry()
    even_field()
    stabiliser()
    texture()


if __name__ == "__main__":
    main()
