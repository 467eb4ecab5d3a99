"""The burst sets that merging is measured on: exact motion, known noise, known truth.

Made without anything the merge knows: the scene is blurred by lens and pixel aperture in the Fourier domain, then
sampled at exact positions with a quintic spline. `python benchmarks/burst_sets.py k800` prints what a set holds.

Sets: k100 k800 k3200 (0.8 MP Kodak mosaic at ISO 100, 800, 3200), n800 (as k800, neutral camera), x400 (test chart),
n3 (3 MP), m3 (3 MP with moving discs), s12 (12 MP), u800 (Urban100), c800 (McMaster), h800 (HDR pictures),
p100 p800 p3200 (procedural, needs no data), pm800 (procedural with moving discs).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import scipy.fft

from burst_scenes import SCENES, dead_leaves
from lichtbild.core import (
    Burst,
    Camera,
    Cfa,
    ColourCalibration,
    Exposure,
    FrameInfo,
    FrameSource,
    Levels,
    NoiseModel,
    native,
)
from lichtbild.simulate.truth import SimulatedBurst, Truth

BLACK, WHITE = 64.0, 1023.0
PSF_SIGMA_PX = 0.45
SHIFT_SIGMA_PX = 2.5
ROTATION_SIGMA_DEG = 0.03
PHONE_NEUTRAL = (0.5, 1.0, 0.6)
EXPOSURE = 0.93  # white of the scene over saturation


@dataclass(frozen=True)
class SetSpec:
    """One set: where the scene comes from, size of the raw frames, samples of the scene per raw px."""

    scene: str
    shape: tuple[int, int]
    iso: float
    oversampling: int = 2
    neutral: tuple[float, float, float] = PHONE_NEUTRAL
    n_discs: int = 0
    n_frames: int = 10


SETS = {
    "k100": SetSpec("kodak", (768, 1024), 100),
    "k800": SetSpec("kodak", (768, 1024), 800),
    "k3200": SetSpec("kodak", (768, 1024), 3200),
    "n800": SetSpec("kodak", (768, 1024), 800, neutral=(1.0, 1.0, 1.0)),
    "x400": SetSpec("chart", (640, 640), 400, oversampling=4),
    "n3": SetSpec("kodak", (1536, 2048), 800),
    "m3": SetSpec("kodak", (1536, 2048), 800, n_discs=12),
    "s12": SetSpec("kodak", (3024, 4032), 800),
    "u800": SetSpec("urban", (768, 1024), 800),
    "c800": SetSpec("mcmaster", (768, 1024), 800),
    "h800": SetSpec("hdr", (768, 1024), 800),
    "p100": SetSpec("procedural", (768, 1024), 100),
    "p800": SetSpec("procedural", (768, 1024), 800),
    "p3200": SetSpec("procedural", (768, 1024), 3200),
    "pm800": SetSpec("procedural", (768, 1024), 800, n_discs=5),
}


def noise_of(iso: float) -> NoiseModel:
    """Photon and read noise of the sensor of section 3 (Pixel 4), equal in all channels."""
    gain = iso / 100
    return NoiseModel((1.807e-4 * gain,) * 3, (3.194e-6 * gain * gain,) * 3, "NoiseProfile")


# ---------------------------------------------------------------------------------------------------------- optics


def through_lens(plane: np.ndarray, oversampling: int, aperture_px: float = 1.0) -> np.ndarray:
    """Quintic spline coefficients, float32 [h, w], of a scene seen through a Gaussian lens and a square pixel: exact
    in the Fourier domain for the band-limited scene; the border is periodic."""

    def response(f: np.ndarray) -> np.ndarray:
        optics = np.exp(-2 * (np.pi * PSF_SIGMA_PX * oversampling * f) ** 2) * np.sinc(f * oversampling * aperture_px)
        # The quintic B-spline at whole numbers is (1, 26, 66, 26, 1) / 120.
        return optics * 120 / (66 + 52 * np.cos(2 * np.pi * f) + 2 * np.cos(4 * np.pi * f))

    spectrum = scipy.fft.rfft2(plane.astype(np.float32))
    spectrum *= response(scipy.fft.fftfreq(plane.shape[0]))[:, None].astype(np.float32)
    spectrum *= response(scipy.fft.rfftfreq(plane.shape[1]))[None, :].astype(np.float32)
    return scipy.fft.irfft2(spectrum, plane.shape)


def sample(
    spline: np.ndarray,
    oversampling: float,
    corner_px: tuple[float, float],
    back: np.ndarray,
    planes: tuple[tuple[int, int], tuple[int, int]],
    zone: tuple[int, int, int, int],
) -> np.ndarray:
    """Spline [n, h, w] at the pixels of `zone` (top, left, height, width) of a frame, float32.

    Exact: the quintic spline is evaluated at each pixel's own place. `corner_px`: (x, y) of the spline's corner;
    `back`: (x, y) in the frame -> (x, y) in the scene; `planes`: which plane each site of the mosaic sees.
    """
    top, left, height, width = zone
    whole = np.floor(corner_px)
    affine = np.array(back, np.float64)
    affine[:, 2] -= np.asarray(corner_px) - whole
    motion = np.zeros((2, 8), np.float32)
    motion[:, :6] = (affine - np.eye(2, 3)).ravel()
    origin = [float(-v * oversampling - 0.5) for v in whole]
    out = np.empty((height, width), np.float32)
    flat = np.zeros((1, 15), np.float32), np.array([0, 0, 1e-9], np.float32)
    native.call("simulate_sample", spline, *flat, motion, np.array(planes, np.int32), 0, top, left,
                float(oversampling), *origin, out)  # fmt: skip
    return out


RGGB = ((0, 1), (1, 2))
IDENTITY = np.eye(2, 3)


def only(plane: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The same plane at every site."""
    return ((plane, plane), (plane, plane))


# ------------------------------------------------------------------------------------------------------------ hand


def tremor(n_frames: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """float64 [n, 2, 3]: random walk of shift and rotation about the picture's centre, frame 0 at rest."""
    steps = rng.standard_normal((n_frames, 3)) * [SHIFT_SIGMA_PX, SHIFT_SIGMA_PX, np.deg2rad(ROTATION_SIGMA_DEG)]
    steps[0] = 0
    path = np.cumsum(steps, 0)
    shifts, angles = path[:, :2], path[:, 2]
    centre = np.array([shape[1] / 2, shape[0] / 2])
    out = np.empty((n_frames, 2, 3))
    for k, (shift, angle) in enumerate(zip(shifts, angles, strict=True)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        out[k, :, :2] = turn
        out[k, :, 2] = centre - turn @ centre + shift
    return out


def inverse(affine: np.ndarray) -> np.ndarray:
    """The affine that undoes this one."""
    turn = np.linalg.inv(affine[:, :2])
    return np.concatenate([turn, -turn @ affine[:, 2:]], 1)


@dataclass(frozen=True, eq=False)
class Disc:
    """A textured disc in front of the scene: spline of premultiplied RGB and cover, and where it goes."""

    diameter_px: float
    start_xy: np.ndarray
    step_xy: np.ndarray
    layers: np.ndarray  # [4, n, n]
    half_px: float  # half the side of the layers, raw px

    def centre(self, k: int) -> np.ndarray:
        return self.start_xy + k * self.step_xy


def make_discs(spec: SetSpec, colour: np.ndarray, rng: np.random.Generator) -> list[Disc]:
    """Discs 32 to 180 px wide that move 1.5 to 14 px a frame, textured by dead leaves, placed apart from each other."""
    h, w = spec.shape
    s = spec.oversampling
    n = spec.n_discs
    widths = np.linspace(32, min(180, min(h, w) / 4), n)[rng.permutation(n)]
    speeds = np.linspace(1.5, 14, n)[rng.permutation(n)]
    starts: list[np.ndarray] = []
    discs = []
    for width, speed in zip(widths, speeds, strict=True):
        angle = rng.random() * 2 * np.pi
        step = speed * np.array([np.cos(angle), np.sin(angle)])
        for _ in range(200):
            start = rng.uniform([width, width], [w - width, h - width])
            end = start + (max(spec.n_frames, 10) - 1) * step
            room = all(np.hypot(*(start - other)) > 190 for other in starts)
            if room and np.all(end > width / 2) and np.all(end < [w - width / 2, h - width / 2]):
                break
        starts.append(start)
        half = width / 2 + 8
        size = int(np.ceil(2 * half)) * s
        half = size / s / 2
        texture = dead_leaves((size, size), rng, 120, r_min=3) * rng.uniform(0.7, 2.0) * colour
        y, x = (np.mgrid[0:size, 0:size] + 0.5) / s - half
        cover = np.clip((width / 2 - np.hypot(x, y)) * s + 0.5, 0, 1).astype(np.float32)
        planes = [np.clip(texture[..., c], 0, 1) * cover for c in range(3)] + [cover]
        layers = np.stack([through_lens(p, s) for p in planes])
        discs.append(Disc(width, start, step, layers, half))
    return discs


def cover_with_discs(
    values: np.ndarray,
    discs: list[Disc],
    spec: SetSpec,
    k: int,
    affine: np.ndarray,
    planes: tuple[tuple[int, int], ...],
) -> None:
    """Discs of frame k over the frame `values` [h, w], in place."""
    h, w = values.shape
    back = inverse(affine)
    for disc in discs:
        corner = disc.centre(k) - disc.half_px
        x, y = affine[:, :2] @ disc.centre(k) + affine[:, 2]
        # Two px inside the layers' edge, where nothing is painted.
        reach = disc.half_px - 2
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        height, width = min(h, int(y + reach)) - top, min(w, int(x + reach)) - left
        if height <= 0 or width <= 0:
            continue
        zone = (top, left, height, width)
        cover = sample(disc.layers, spec.oversampling, corner, back, only(3), zone)
        paint = sample(disc.layers, spec.oversampling, corner, back, planes, zone)
        view = values[top : top + height, left : left + width]
        view[:] = view * (1 - cover) + paint


def disc_masks(discs: list[Disc], spec: SetSpec) -> dict[str, np.ndarray]:
    """The masks of `Truth`."""
    h, w = spec.shape
    y, x = np.mgrid[0:h, 0:w] + 0.5
    masks = {name: np.zeros((h, w), bool) for name in ("objects", "swept", "boxes")}
    for disc in discs:
        reach = disc.diameter_px / 2 + 2
        for k in range(spec.n_frames):
            cx, cy = disc.centre(k)
            here = np.hypot(x - cx, y - cy) < reach
            masks["swept"] |= here
            if k == 0:
                masks["objects"] |= here
        way = np.abs(disc.step_xy) * (spec.n_frames - 1) + reach
        cx, cy = disc.centre(0)
        masks["boxes"][
            max(0, int(cy - way[1])) : int(cy + way[1]) + 1, max(0, int(cx - way[0])) : int(cx + way[0]) + 1
        ] = True
    return masks


# ---------------------------------------------------------------------------------------------------------- sensor


def expose(clean: np.ndarray, noise: NoiseModel, rng: np.random.Generator) -> np.ndarray:
    """Photons (Poisson), read noise (Gaussian), 10 bits: linear float [h, w] -> stored uint16."""
    alpha, beta = noise.alpha[0], noise.beta[0]
    electrons = rng.poisson(np.maximum(clean, 0) / alpha)
    signal = electrons * alpha + rng.standard_normal(clean.shape, np.float32) * np.sqrt(beta)
    return np.clip(np.rint(signal * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)


def frame_info(name: str, spec: SetSpec, k: int, noise: NoiseModel) -> FrameInfo:
    """What a phone's DNG would tell: sRGB-like colours with the set's neutral."""
    xyz_from_rgb = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz_to_camera = np.diag(spec.neutral) @ np.linalg.inv(xyz_from_rgb)
    return FrameInfo(
        name=f"{name}_{k:02d}",
        shape=spec.shape,
        kind="mosaic",
        camera=Camera("lichtbild", "benchmark", colour=ColourCalibration(((0.3127, 0.3290),), (xyz_to_camera,))),
        exposure=Exposure(time_s=1 / 50, iso=spec.iso, captured_s=1.79e9 + k / 30),
        cfa=Cfa.from_name("RGGB"),
        levels=Levels(np.full((1, 1, 1), BLACK, np.float32), (WHITE,)),
        noise=noise,
        as_shot_neutral=spec.neutral,
        bits=10,
    )


def make_set(name: str, seed: int = 0, *, n_frames: int | None = None, with_2x: bool = False) -> SimulatedBurst:
    """The set `name`; the same seed gives the same numbers. Frame 0 is the reference, at rest."""
    spec = SETS[name]
    if n_frames is not None:
        spec = SetSpec(**{**spec.__dict__, "n_frames": n_frames})
    scene_rng, hand_rng, disc_rng = (np.random.default_rng([seed, k]) for k in (1, 2, 3))
    # A shorter burst is the beginning of the longer one: same scene, same motion.
    affines = tremor(max(spec.n_frames, SETS[name].n_frames), spec.shape, hand_rng)
    h, w = spec.shape
    s = spec.oversampling
    corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]], float).T
    reach = max(float(np.max(np.abs(inverse(a) @ corners - corners[:2]))) for a in affines)
    margin = int(np.ceil(reach)) + 12
    neutral = np.float32(spec.neutral)
    scene = SCENES[spec.scene](((h + 2 * margin) * s, (w + 2 * margin) * s), scene_rng)
    discs = make_discs(spec, neutral * EXPOSURE, disc_rng) if spec.n_discs else []

    spline = np.empty((3, *scene.shape[:2]), np.float32)
    fine = np.empty_like(spline) if with_2x else None
    for c in range(3):
        light = scene[..., c] * (neutral[c] * EXPOSURE)
        spline[c] = through_lens(light, s)
        if fine is not None:
            fine[c] = through_lens(light, s, 0.0)
    del scene
    corner, whole = (-margin, -margin), (0, 0, h, w)

    def light_of(k: int, planes: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
        values = sample(spline, s, corner, inverse(affines[k]), planes, whole)
        cover_with_discs(values, discs, spec, k, affines[k], planes)
        return values

    rgb = np.stack([light_of(0, only(c)) for c in range(3)], 2)
    rgb_2x = None
    if fine is not None:
        doubled = (-2 * margin, -2 * margin)
        rgb_2x = np.stack([sample(fine, s / 2, doubled, IDENTITY, only(c), (0, 0, 2 * h, 2 * w)) for c in range(3)], 2)

    noise = noise_of(spec.iso)
    sources, first = [], rgb[..., 0]
    for k in range(spec.n_frames):
        clean = light_of(k, RGGB)
        first = clean if k == 0 else first
        stored = expose(clean, noise, np.random.default_rng([seed, 4, k]))
        sources.append(FrameSource(frame_info(name, spec, k, noise), lambda stored=stored: stored))
    truth = Truth(
        rgb,
        first,
        affines[: spec.n_frames],
        spec.neutral,
        disc_masks(discs, spec) if discs else {},
        rgb_2x,
        {"set": name, "seed": seed, "iso": spec.iso},
    )
    return SimulatedBurst(Burst(tuple(sources), name, reference=0), truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["k800"])
    for name in parser.parse_args().names:
        begin, cpu = time.perf_counter(), time.process_time()
        made = make_set(name)
        print(
            f"{name}: {made.truth.rgb.shape} x {len(made.burst)}, mean {made.truth.mosaic.mean():.4f}, "
            f"{time.perf_counter() - begin:.1f} s wall, {time.process_time() - cpu:.1f} s CPU, "
            f"motion boxes {made.truth.masks.get('boxes', np.zeros(1)).mean():.3f}"
        )


if __name__ == "__main__":
    main()
