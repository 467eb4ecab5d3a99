"""The tracer and its patterns against other programs, formulas and itself: `python benchmarks/optics_figures.py`.

Rays of optiland and rayoptics are read from tests/golden/lenses (`optics_golden.py` makes them). Huygens' sum, Airy's
pattern and defocus are those of tests/physics/test_optics_light.py. The last rows hold a picture through the traced
lens against each pixel's own pattern, traced at its own place: waves of light in all directions, 60 pixels.
Times are processor time of one thread.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.special import j1

from lichtbild.optics import cache
from lichtbild.optics.aim import ObjectPoint
from lichtbild.optics.field import full_angle_deg, illumination, through_focus_mm
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.material import AIR, Material
from lichtbild.optics.prescription import Prescription, Surface
from lichtbild.optics.psf import huygens_psf, mtf, psf
from lichtbild.optics.psf_field import Band, psf_field
from lichtbild.optics.pupil import fit_pupil
from lichtbild.optics.trace import Rays, trace
from lichtbild.simulate import Scene, Sensor, Simulation, VirtualCamera, traced_lens
from lichtbild.simulate.scene import samples_for

LENSES = Path(__file__).resolve().parent.parent / "tests" / "golden" / "lenses"
NAMES = ("doublet", "phone_even", "phone_odd", "stigmat", "triplet", "wide")
WAVE = 550.0


def lens(name: str) -> Prescription:
    return read_lens(LENSES / f"{name}.json")


def rays() -> list[tuple[str, str, str]]:
    nm = waves = 0.0
    count = 0
    for name in NAMES:
        system = lens(name)
        for number in range(len(system.surfaces)):
            system = system.with_surface(number, semi_diameter_mm=1e9)
        for row in json.loads((LENSES / f"{name}.rays.json").read_text()):
            at = np.stack([row["x_mm"], row["y_mm"], np.zeros(len(row["x_mm"]))])
            end = trace(system, Rays.make(at, np.array(row["direction"])[:, None]), row["wavelength_nm"])
            for program in ("optiland", "rayoptics"):
                if program in row:
                    theirs = np.array(row[program])
                    nm = max(nm, float(np.abs(end.position_mm[:2] - theirs[:2]).max()) * 1e6)
                    waves = max(waves, float(np.abs(end.path_mm - theirs[5]).max()) / (row["wavelength_nm"] * 1e-6))
                    count += at.shape[1]
    return [(f"rays, {count} of two programs through six prescriptions", f"{nm:.0e} nm", "1e-6 nm"),
            ("optical path, the same", f"{waves:.0e} waves", "1e-5 waves")]  # fmt: skip


def focused(name: str) -> Prescription:
    system = lens(name)
    return system.focused(through_focus_mm(system, WAVE))


def speed() -> list[tuple[str, str, str]]:
    system = focused("phone_even")
    n = 200_000
    at = np.zeros((3, n))
    at[:2] = np.random.default_rng(0).uniform(-0.5, 0.5, (2, n))
    start = Rays.make(at, np.array([[0.0], [0.1], [1.0]]))
    best = min(_cpu(lambda: trace(system, start, WAVE)) for _ in range(5))
    surfaces = sum(1 for s in system.surfaces if any(s.even) or any(s.odd))
    pupil = fit_pupil(system, ObjectPoint((0.0, 10.0)), WAVE)
    pitch = WAVE * 1e-6 / (4 * float(pupil.half.max()))
    one = min(_cpu(lambda: psf(pupil, pitch, 128)) for _ in range(5))
    fit = min(_cpu(lambda: fit_pupil(system, ObjectPoint((0.0, 10.0)), WAVE)) for _ in range(5))
    band = Band.bell(550.0, 60.0, 16)
    with tempfile.TemporaryDirectory() as folder:
        cache.os.environ[cache.FOLDER_VARIABLE] = folder
        whole = _cpu(lambda: psf_field(system, system.image_radius_mm, 1.4e-4, 97, (band,), 16))
        again = _cpu(lambda: psf_field(system, system.image_radius_mm, 1.4e-4, 97, (band,), 16))
        cache.os.environ[cache.FOLDER_VARIABLE] = ""
    return [
        (f"rays through {surfaces} aspheres, one core", f"{n / best / 1e6:.1f} Mray/s",
         "1 Mray/s on two cores"),
        ("a 128 x 128 pattern; fit of its pupil", f"{one * 1e3:.0f} ms; {fit * 1e3:.0f} ms", "25 ms"),
        ("16 fields x 16 wavelengths; from the cache", f"{whole:.1f} s; {again * 1e3:.0f} ms", "10 s"),
    ]  # fmt: skip


def _cpu(call: object) -> float:
    start = time.process_time()
    call()  # type: ignore[operator]
    return time.process_time() - start


def formulas() -> list[tuple[str, str, str]]:
    def perfect(radius_mm: float) -> Prescription:
        surfaces = (Surface(0.0, 2.0, Material(constant=1.5), radius_mm),
                    Surface(-1 / 30.0, 60.0, AIR, conic=-2.25))  # fmt: skip
        return Prescription("stigmat", surfaces, 0, 1.0)

    aperture = 0.25 / 60
    pitch = WAVE * 1e-6 / (4 * aperture) * 0.7
    pattern = psf(fit_pupil(perfect(0.25), ObjectPoint(), WAVE), pitch, 128)
    at = (np.arange(128) - 63.5) * pitch
    v = 2 * np.pi / (WAVE * 1e-6) * aperture * np.hypot(at[:, None], at)
    airy = np.pi * 0.25**2 * np.pi * aperture**2 / (WAVE * 1e-6) ** 2 * (2 * j1(v) / v) ** 2
    worst, aperture = 0.0, 0.5 / 60
    pitch = WAVE * 1e-6 / (4 * aperture) * 0.7
    sharp = psf(fit_pupil(perfect(0.5), ObjectPoint(), WAVE, (0, 0)), pitch, 65)[32, 32]
    for waves in (0.25, 0.6, 1.0, 1.7):
        moved = perfect(0.5).focused(waves * 2 * WAVE * 1e-6 / aperture**2)
        soft = psf(fit_pupil(moved, ObjectPoint(), WAVE, (0, 0)), pitch, 65)[32, 32]
        worst = max(worst, abs(soft / sharp - np.sinc(waves) ** 2))
    return [("Airy pattern, absolute, part of its peak", f"{np.abs(pattern - airy).max() / airy.max():.1e}", "1e-4"),
            ("defocus on the axis against sinc^2", f"{worst:.1e}", "1e-4")]  # fmt: skip


def huygens() -> list[tuple[str, str, str]]:
    rows = []
    for name, stop in (("phone_even", 1.0), ("triplet", 0.6)):
        system, worst = focused(name).stopped_down(stop), 0.0
        for share in (0.0, 0.5, 0.9):
            angle = share * full_angle_deg(system, system.image_radius_mm, WAVE)
            point = ObjectPoint((0.0, angle))
            pupil = fit_pupil(system, point, WAVE)
            pitch = WAVE * 1e-6 / (4 * float(pupil.half.max())) * 0.99
            ours, theirs = psf(pupil, pitch, 24), huygens_psf(system, point, WAVE, pupil.centre_mm, pitch, 24, 224)
            f = np.linspace(0.05, 0.8, 12) / (2 * pitch)
            for turn in (0.0, 90.0):
                worst = max(worst, float(np.abs(mtf(ours, pitch, f, turn) - mtf(theirs, pitch, f, turn)).max()))
        rows.append((f"MTF against Huygens' sum, {name}, three fields, two directions", f"{worst:.1e}", "1e-3"))
    return rows


def light() -> list[tuple[str, str, str]]:
    worst = 0.0
    for name in ("triplet", "doublet", "phone_even"):
        system = lens(name).stopped_down(0.5)
        angle, d = 0.6 * full_angle_deg(system, system.image_radius_mm, WAVE), 0.02
        here = fit_pupil(system, ObjectPoint((0.0, angle)), WAVE)
        above, below = (fit_pupil(system, ObjectPoint((0.0, angle + s * d)), WAVE).centre_mm[1] for s in (1, -1))
        beside = fit_pupil(system, ObjectPoint((d, angle)), WAVE).centre_mm[0]
        rise = math.tan(math.radians(angle + d)) - math.tan(math.radians(angle - d))
        solid_angle = rise * math.tan(math.radians(d)) * math.cos(math.radians(angle)) ** 3
        from_object = here.light()[0] * solid_angle / abs((above - below) * beside)
        worst = max(worst, abs(illumination(system, abs(here.centre_mm[1]), WAVE) / from_object - 1))
    return [("relative illumination from either side", f"{100 * worst:.3f} %", "0.1 %")]


def every_pixel() -> list[tuple[str, str, str]]:
    """A picture of waves through the lens, and what 60 pixels should see by a pattern traced for each of them."""
    system, shape, margin = lens("triplet"), (400, 600), 24
    bands = (Band((610.0,), (1.0,)), Band((520.0, 545.0, 570.0), (0.6, 1.0, 0.6)), Band((465.0,), (1.0,)))
    pixel_mm = 2 * 0.95 * system.image_radius_mm / float(np.hypot(*shape))
    glass = traced_lens(system, shape, pixel_mm, bands, reach_px=6.0)
    rng = np.random.default_rng(5)
    n = 30
    f, turn, phase = rng.uniform(0.02, 0.3, n), rng.uniform(0, np.pi, n), rng.uniform(0, 2 * np.pi, n)
    waves = np.stack([f * np.cos(turn), f * np.sin(turn)], 1)
    height, width = samples_for(shape, 1.5, margin)
    y, x = (np.mgrid[:height, :width] + 0.5) / 1.5 - margin
    drawn = sum(np.cos(2 * np.pi * (a * x + b * y) + p) for (a, b), p in zip(waves, phase, strict=True))
    scene = Scene.flat(np.tile((0.5 + 0.02 * drawn).astype(np.float32), (3, 1, 1)), 1.5, margin)
    camera = VirtualCamera(Sensor(), glass)
    seen = Simulation(scene, camera, n_frames=1, shape=shape, affines=np.eye(2, 3)[None]).light(0, 1)
    white = (camera.scene_to_camera() @ np.ones(3))[1]
    terms, middle = glass.undistortion()[1].astype(float), np.array(shape[::-1]) / 2
    corner = 0.5 * float(np.hypot(*shape))

    def ideal(at: np.ndarray) -> np.ndarray:
        d = at - middle
        r = np.hypot(*d) / corner
        return at + d * sum(a * r**k for k, a in enumerate(terms))

    errors = []
    for _ in range(60):
        column, row = rng.integers(8, shape[1] - 8), rng.integers(8, shape[0] - 8)
        at = np.array([column, row]) + 0.5
        errors.append(seen[row, column] / white - _exact(system, bands[1], glass.table.focal_length_mm, pixel_mm, at,
                                                         ideal, middle, waves, phase))  # fmt: skip
    rms = float(np.sqrt(np.mean(np.square(errors)))) / 0.5
    return [("a pixel's light against its own pattern, traced there, rms of the mean", f"{100 * rms:.3f} %", "0.2 %")]


def _exact(
    system: Prescription, band: Band, focal_mm: float, pixel_mm: float, at: np.ndarray, ideal: object,
    middle: np.ndarray, waves: np.ndarray, phase: np.ndarray,
) -> float:  # fmt: skip
    here = ideal(at)  # type: ignore[operator]
    slope = np.stack([(ideal(at + d) - ideal(at - d)) / 0.2 for d in np.eye(2) * 0.1], 1)  # type: ignore[operator]
    # The picture stands on its head: a star at +x lands at -x, and the sensor is read turned by half.
    angle = np.degrees(np.arctan((here - middle) * pixel_mm / focal_mm))
    pupils = [fit_pupil(system, ObjectPoint((float(angle[0]), float(angle[1]))), w) for w in band.wavelengths_nm]
    weights = np.array(band.weights) / sum(band.weights)
    centre = weights @ np.array([p.centre_mm for p in pupils])
    sign = np.sign(pupils[0].centre_mm @ (here - middle)) if np.hypot(*(here - middle)) > 1 else 1.0
    total = np.zeros(len(waves), complex)
    for weight, pupil in zip(weights, pupils, strict=True):
        pupil = pupil.about((float(centre[0]), float(centre[1])))
        pitch = min(pixel_mm / 8, pupil.wavelength_nm * 1e-6 / (4 * float(pupil.half.max())))
        n = 2 * math.ceil(5.5 * pixel_mm / pitch) + 1
        pattern = psf(pupil, pitch, n)
        steps = (np.arange(n) - n // 2) * pitch / pixel_mm * sign
        local = waves @ slope
        across, down = (np.exp(2j * np.pi * np.outer(local[:, k], steps)) for k in (0, 1))
        # Light of the scene beside the pixel's place comes by the pattern's other side.
        total += weight * np.einsum("wx,yx,wy->w", across.conj(), pattern, down.conj()) / pattern.sum()
    square = np.sinc((waves @ slope)[:, 0]) * np.sinc((waves @ slope)[:, 1])
    return float(0.5 + 0.02 * np.real(np.exp(1j * (2 * np.pi * waves @ here + phase)) * total * square).sum())


def main() -> None:
    print("## Through a lens\n\n| | measured | goal |\n|---|---|---|")
    for part in (rays, formulas, light, every_pixel, speed, huygens):
        for name, value, goal in part():
            print(f"| {name} | {value} | {goal} |", flush=True)


if __name__ == "__main__":
    cache.os.environ[cache.FOLDER_VARIABLE] = ""
    main()
