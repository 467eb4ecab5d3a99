"""Twins of cameras: do they reproduce the published table, and the effects they were famous for?

    .venv/bin/python benchmarks/twins.py

1. Nyquist frequency, what a perfect lens leaves at half modulation, angle of a pixel, electrons, against the study of
   November 2026 (18 % grey, 100 lux, 1/30 s): within 3 %.
2. Their lenses: focal length, opening, length, spots, modulation with the pixel, from the prescription.
3. Seven pixels to one: noise of simulated flat frames at full size and oversampled; 2.76 where photons limit.
4. Optical 84 mm against the middle of 28 mm enlarged: modulation one half per degree, and down to which light it stays
   twice as fine, or any finer, when noise counts.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lichtbild.optics.aim import ObjectPoint, aim, launch
from lichtbild.optics.field import full_angle_deg
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.optics.psf import mtf, psf
from lichtbild.optics.pupil import fit_pupil
from lichtbild.optics.trace import trace
from lichtbild.simulate.bodies import Module, body_names, load_body
from lichtbild.simulate.oversample import oversampled
from lichtbild.simulate.sensor import expose

# Nyquist lp/mm, MTF50 cy/px, mdeg/px, electrons.
STUDY = {
    ("p9", "colour"): (400, 0.337, 18.5, 132), ("p9", "mono"): (400, 0.337, 18.5, 288),
    ("lumia1020", "full"): (446, 0.314, 10.3, 106), ("lumia1020", "5mp"): (162, 0.488, 28.3, 807),
    ("zenfone-zoom", "28mm"): (446, 0.272, 17, 70), ("zenfone-zoom", "84mm"): (446, 0.169, 5.7, 22),
    ("galaxy-camera", "23mm"): (373, 0.301, 18.7, 94), ("galaxy-camera", "481mm"): (373, 0.165, 0.89, 21),
    ("quad-48", "main"): (625, 0.286, 9.5, 81), ("quad-48", "binned"): (312, 0.422, 19, 323),
}  # fmt: skip
KEYS = ("nyquist_lp_mm", "mtf50_cy_px", "mdeg_px", "electrons")
WAVE = 530.0


def table() -> None:
    print("## Twins of cameras against the study's table\n")
    print("| body | module | Nyquist lp/mm | MTF50 ceiling cy/px | mdeg/px | electrons | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for name in body_names():
        body = load_body(name)
        for module in body.modules:
            row = module.table_row()
            cells = [f"{row[key]:.4g}" for key in KEYS]
            wanted = STUDY.get((name, module.name))
            off = "not in the table"
            if wanted:
                cells = [f"{cell} ({w:g})" for cell, w in zip(cells, wanted, strict=True)]
                off = f"{max(abs(row[k] / w - 1) for k, w in zip(KEYS, wanted, strict=True)):.1%}"
            print(f"| {name} | {module.name} | {' | '.join(cells)} | {off} |")
    print("\nIn brackets: the study. Bound 3 %.\n")


def spot_um(lens: Prescription, share: float) -> float:
    """RMS distance of rays from their middle at a share of the picture's half diagonal, um, green."""
    angle = full_angle_deg(lens, share * lens.image_radius_mm, WAVE) if share else 0.0
    y, x = np.mgrid[-1:1.001:0.08, -1:1.001:0.08]
    inside = x**2 + y**2 <= 1
    stop = lens.surfaces[lens.stop].semi_diameter_mm
    places = aim(lens, ObjectPoint((0.0, angle)), np.stack([x[inside], y[inside]]) * stop, WAVE)
    rays = trace(lens, launch(lens, ObjectPoint((0.0, angle)), places)[0], WAVE)
    hit = rays.position_mm[:2, rays.lost == 0]
    return float(np.sqrt(((hit - hit.mean(1, keepdims=True)) ** 2).sum(0).mean()) * 1e3)


def lenses() -> None:
    print("## Their lenses\n")
    print("| body | module | prescription | focal length mm | f-number | length mm | rms spot um at 0, 0.5, 0.9 |"
          " MTF50 on the axis cy/px (perfect) |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for name in body_names():
        for module in load_body(name).modules:
            if not isinstance(module.lens, str):
                print(f"| {name} | {module.name} | told by figures, no glass | | | | | |")
                continue
            if module.oversampling > 1 or module.name in ("mono", "binned"):
                continue
            lens = module.prescription()
            thin = paraxial(lens, WAVE)
            used = 0.5 * module.diagonal_mm / lens.image_radius_mm
            spots = ", ".join(f"{spot_um(lens, min(share * used, 1.0)):.2f}" for share in (0.0, 0.5, 0.9))
            pitch = module.pixel_um * 1e-3
            f = np.linspace(0.001, 1, 800)
            mtf50 = crossing(f, axial_mtf(module, f / pitch) * np.sinc(f), 0.5)
            print(f"| {name} | {module.name} | {lens.name}: {lens.source} | {thin.focal_length_mm:.3f} |"
                  f" {abs(thin.f_number):.2f} | {lens.length_mm:.2f} | {spots} | {mtf50:.3f}"
                  f" ({module.table_row()['mtf50_cy_px']:.3f}) |")  # fmt: skip
    print()


def axial_mtf(module: Module, per_mm: np.ndarray) -> np.ndarray:
    """Modulation of the lens alone on the axis in green light; of one told by figures, that of its Gaussian."""
    if not isinstance(module.lens, str):
        return np.asarray(np.exp(-2 * (np.pi * per_mm * module.lens["blur_px"] * module.pixel_um * 1e-3) ** 2))
    lens = module.prescription()
    pupil = fit_pupil(lens, ObjectPoint(), WAVE)
    pitch = WAVE * 1e-6 / (4 * float(pupil.half.max()))
    return np.asarray(mtf(psf(pupil, pitch, 192), pitch, per_mm))


def crossing(f: np.ndarray, values: np.ndarray, level: float) -> float:
    below = int(np.argmax(values < level))
    return float(np.interp(-level, -values[below - 1 : below + 1], f[below - 1 : below + 1]))


def oversampling() -> None:
    print("## Seven pixels to one\n")
    print("Flat grey frames of the 41 MP twin at base ISO, photons alone and with all its noise: signal over temporal")
    print("noise of blocks of 4 x 4 pixels, at full size and oversampled 2.76 times (goal 2.76 where photons limit).\n")
    print("| level of white | full | 5 MP | gain | full, all noise | 5 MP, all noise | gain |")
    print("|---|---|---|---|---|---|---|")
    module = load_body("lumia1020").module("full")
    quiet = replace(module, read_before_e=0.0, read_after_dn=0.0, prnu=0.0, dsnu_e=0.0, row_e=0.0, column_e=0.0,
                    dark_e_s=0.0, telegraph_fraction=0.0, hot_fraction=0.0, optical=(0.0, 0.0), electrical=(0.0, 0.0),
                    bits=14)  # fmt: skip
    for level in (0.02, 0.1, 0.5):
        cells = []
        for sensor in (quiet.sensor(), replace(module.sensor(), electrical=quiet.sensor().electrical)):
            light = np.full((552, 552), level, np.float32)
            frames = [expose(sensor, light, 100.0, s, time_s=0.01).astype(float) - sensor.black for s in (1, 2)]
            one = ratio(*(blocks(f) for f in frames))
            big = ratio(*(blocks(oversampled(f, sensor.cfa, 2.76) @ (0.25, 0.5, 0.25)) for f in frames))
            cells += [f"{one:.1f}", f"{big:.1f}", f"{big / one:.2f}"]
        print(f"| {level} | {' | '.join(cells)} |")
    print()


def blocks(frame: np.ndarray) -> np.ndarray:
    """Means of 4 x 4 pixels: parts of pixels are shared between neighbours of the small picture, and their noise."""
    n = [m // 4 * 4 for m in frame.shape]
    return frame[: n[0], : n[1]].reshape(n[0] // 4, 4, n[1] // 4, 4).mean((1, 3))


def ratio(a: np.ndarray, b: np.ndarray) -> float:
    """Signal over temporal noise from two frames."""
    return float((a.mean() + b.mean()) / 2 / np.std(a - b) * math.sqrt(2))


def zoom() -> None:
    print("## Optical 84 mm against the middle of 28 mm\n")
    body = load_body("zenfone-zoom")
    wide, tele = body.module("28mm"), body.module("84mm")
    found = {}
    for module in (wide, tele):
        pitch = module.pixel_um * 1e-3
        per_deg = module.focal_mm * math.radians(1)  # mm a degree
        f = np.linspace(0.5, 0.5 / pitch * per_deg, 4000)  # cy/deg up to Nyquist
        modulation = axial_mtf(module, f / per_deg) * np.sinc(f / per_deg * pitch)
        found[module.name] = (f, modulation)
        # Nyquist may come before one half.
        half = crossing(f, modulation, 0.5) if modulation.min() < 0.5 else float(f[-1])
        print(f"- {module.name}: MTF50 {half:.1f} cycles a degree (lens and pixel; Nyquist {f[-1]:.1f})")
    print("\nWith noise: the finest of five bars, contrast one half, that stand out five times over the noise of their")
    print("area (Rose), 1/30 s, both with their own photons and read noise.\n")
    print("| lux | 28 mm cy/deg | 84 mm cy/deg | ratio |")
    print("|---|---|---|---|")
    lux = np.geomspace(0.001, 1000, 61)
    limits = np.array([[limit(m, *found[m.name], value) for m in (wide, tele)] for value in lux])
    ratios = limits[:, 1] / np.maximum(limits[:, 0], 1e-9)
    for k in range(0, len(lux), 10):
        print(f"| {lux[k]:.3g} | {limits[k, 0]:.2f} | {limits[k, 1]:.2f} | {ratios[k]:.2f} |")
    for goal in (2.0, 1.0):
        above = np.nonzero(ratios < goal)[0]
        where = "at every light tried" if not len(above) else f"above {lux[min(above[-1] + 1, len(lux) - 1)]:.3g} lux"
        print(f"\nFiner by a factor {goal:g}: {where}.")
    print()


def limit(module: Module, f: np.ndarray, modulation: np.ndarray, lux: float) -> float:
    """Highest frequency, cycles a degree, that is seen."""
    per_px = module.electrons(lux, 1 / 30, "D65", 0.18)
    px_per_deg2 = (module.focal_mm * math.radians(1) / (module.pixel_um * 1e-3)) ** 2
    n_px = (5 / f) ** 2 * px_per_deg2
    read = math.hypot(module.read_before_e, module.read_after_dn / module.sensor().gain_dn_e(1600.0))
    snr = 0.5 * modulation * per_px * np.sqrt(n_px) / np.sqrt(per_px + read**2)
    seen = np.nonzero(snr >= 5)[0]
    return float(f[seen[-1]]) if len(seen) else 0.0


def main() -> None:
    table()
    lenses()
    oversampling()
    zoom()


if __name__ == "__main__":
    main()
