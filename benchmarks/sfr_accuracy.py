"""e-SFR against edges of known MTF: two methods, three levels of noise, 36 conditions; other blurs; time of a chart.

Truth: MTF = exp(-2 pi^2 s^2 f^2) sinc(f cos a) sinc(f sin a), contrast 4 : 1 (0.2 and 0.8 of full scale), six angles of
2.5 to 14 degrees, six blurs with MTF50 of 0.08 to 0.48 cy/px, phase random, 170 x 64 px, read noise 2.5 e-.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.lab import analytic_edges as truth
from lichtbild.lab.analytic_charts import slanted_squares
from lichtbild.lab.edge_model import GaussianEdge
from lichtbild.lab.sfr import EdgeSettings, measure_edge
from lichtbild.lab.sharpness_map import measure_edges

Floats = npt.NDArray[np.floating[Any]]
ANGLES = (2.5, 4.0, 5.71, 8.0, 11.0, 14.0)
SIGMAS = (0.25, 0.4, 0.6, 0.9, 1.4, 2.2)
LEVELS = ((0.0, "none"), (20000.0, "20 ke-"), (3000.0, "3 ke-"))
STRAIGHT = "iso, straight, 100 x 64 px"
GOALS = {("likelihood", 0.0): 0.20, ("likelihood", 20000.0): 0.70, ("likelihood", 3000.0): 1.8}
GOALS |= {(m, v): g for m in ("iso", STRAIGHT) for v, g in ((0.0, 1.45), (20000.0, 2.2), (3000.0, 5.6))}
# Of the study: MTF Mapper 0.7.38 on 170 px edges, and sfrmat5 with a straight line on regions of 100 x 64 px.
SFRMAT5 = ("sfrmat5, straight", (1.45, 2.2, 5.6))
PEERS = {"likelihood": ("MTF Mapper", (0.25, 0.85, 2.06)), "iso": SFRMAT5, STRAIGHT: SFRMAT5}
OTHERS = (
    truth.diffraction(1.0),
    truth.diffraction(2.5),
    truth.defocus(2.0),
    truth.defocus(5.0),
    truth.box(2.0),
    truth.box(4.0),
    truth.oversharpened(0.6, 1.5, 1.2),
    truth.oversharpened(1.2, 0.8, 2.0),
)


def true_mtf50(transfer: Callable[[Floats], Floats]) -> float:
    f = np.linspace(1e-6, 1, 40001)
    m = transfer(f)
    k = int(np.argmax(m < 0.5))
    return float(np.interp(0.5, [m[k], m[k - 1]], [f[k], f[k - 1]]))


def errors(method: str, full_scale_e: float, n_each: int) -> tuple[Floats, int, int, float]:
    """Relative errors, how many intervals held the truth, of how many, and processor seconds an edge."""
    rng = np.random.default_rng(17)
    settings = EdgeSettings(
        method="likelihood" if method == "likelihood" else "iso", iso_order=5 if method == "iso" else 1
    )
    found, held, asked, spent = [], 0, 0, 0.0
    for angle, sigma in itertools.product(ANGLES, SIGMAS):
        edge = GaussianEdge(sigma, np.radians(angle))
        expected = true_mtf50(edge.transfer)
        for _ in range(n_each):
            shape = (100, 64) if method == STRAIGHT else (170, 64)
            picture = truth.EdgePicture(angle, rng.uniform(-0.5, 0.5), shape).drawn(edge)
            if full_scale_e:
                picture = truth.photographed(picture, full_scale_e, 2.5, rng)
            begin = time.process_time()
            figure = measure_edge(picture, settings).figure("mtf50")
            spent += time.process_time() - begin
            found.append(np.nan if figure.value is None else figure.value / expected - 1)
            if figure.low is not None and figure.high is not None:
                asked += 1
                held += figure.low <= expected <= figure.high
    return np.array(found), held, asked, spent / len(found)


def gaussian_table(n_each: int) -> None:
    print("| method | full scale | p95 MTF50 error | goal | largest | bias | peer | interval holds | ms an edge |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for method in ("likelihood", "iso", STRAIGHT):
        for k, (full_scale, name) in enumerate(LEVELS):
            error, held, asked, spent = errors(method, full_scale, n_each if full_scale else 2)
            size = 100 * np.abs(error)
            peer, values = PEERS[method]
            coverage = f"{100 * held / asked:.1f} % of {asked}" if asked and full_scale else ""
            p95 = float(np.percentile(size, 95))
            goal = GOALS[method, full_scale]
            mark = "" if p95 <= goal else " (missed)"
            print(
                f"| {method} | {name} | {p95:.3f} % | {goal:g} %{mark} | {size.max():.2f} % "
                f"| {100 * error.mean():+.3f} % | {peer} {values[k]:g} % | {coverage} | {1000 * spent:.0f} |"
            )


def other_table(n_each: int) -> None:
    print("\n| blur | full scale | MTF50 error, RMS | largest MTF error to 0.5 cy/px (median) | interval holds |")
    print("| --- | --- | --- | --- | --- |")
    f = np.arange(2, 50) * 0.01
    for blur in OTHERS:
        for full_scale, name in LEVELS:
            rng = np.random.default_rng(23)
            error, worst, held, n = [], [], 0, 0
            for angle in (3.0, 5.7, 12.0):
                radians = float(np.radians(angle))
                expected = true_mtf50(lambda v, b=blur, r=radians: b.transfer(v, r))  # type: ignore[misc]
                drawn = truth.EdgePicture(angle, rng.uniform(-0.5, 0.5)).drawn(blur)
                for _ in range(n_each if full_scale else 1):
                    picture = truth.photographed(drawn, full_scale, 2.5, rng) if full_scale else drawn
                    found = measure_edge(picture)
                    figure = found.figure("mtf50")
                    error.append(100 * ((figure.value or np.nan) / expected - 1))
                    worst.append(np.abs(found.mtf[2:50] - blur.transfer(f, radians)).max())
                    n += 1
                    held += (figure.low or 1) <= expected <= (figure.high or 0)
            share = f"{held} of {n}" if full_scale else ""
            rms = float(np.sqrt(np.mean(np.square(error))))
            print(f"| {blur.name} | {name} | {rms:.2f} % | {np.median(worst):.4f} | {share} |")


def whole_chart() -> None:
    rows, columns = np.linspace(300, 2700, 5), np.linspace(350, 3650, 5)
    middles = np.array(list(itertools.product(rows, columns)))
    drawn = slanted_squares((3000, 4000), middles, 240.0, 0.8)
    picture = truth.photographed(drawn, 15000, 2.5, np.random.default_rng(0)).astype(np.float32)
    spent = []
    for _ in range(3):
        begin = time.process_time()
        found = measure_edges(picture)
        spent.append(time.process_time() - begin)
    n = sum(e.sfr.is_measured for e in found)
    print(f"\nA drawn chart of 12 MP: {n} of 100 edges found and measured in {min(spent):.2f} processor seconds.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=9, help="noisy edges a condition")
    n_each = parser.parse_args().each
    gaussian_table(n_each)
    other_table(max(2, n_each // 3))
    whole_chart()


if __name__ == "__main__":
    main()
