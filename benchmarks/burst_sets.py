"""The burst sets that merging is measured on: exact motion, known noise, known truth.

Made without anything the merge knows: the scene is blurred by lens and pixel aperture in the Fourier domain, then
sampled at exact positions with a quintic spline. `python benchmarks/burst_sets.py k800` prints what a set holds.

Sets: k100 k800 k3200 (0.8 MP Kodak mosaic at ISO 100, 800, 3200), n800 (as k800, neutral camera), x400 (test chart),
n3 (3 MP), m3 (3 MP with moving discs), s12 (12 MP), u800 (Urban100), c800 (McMaster), h800 (HDR pictures),
p100 p800 p3200 (procedural, needs no data), pm800 (procedural with moving discs).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.ndimage

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


def data_root() -> Path:
    """Where the shared pictures lie: $LICHTBILD_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def noise_of(iso: float) -> NoiseModel:
    """Photon and read noise of the sensor of section 3 (Pixel 4), equal in all channels."""
    gain = iso / 100
    return NoiseModel((1.807e-4 * gain,) * 3, (3.194e-6 * gain * gain,) * 3, "NoiseProfile")


# ---------------------------------------------------------------------------------------------------------- scenes


def srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, uint8 or 0..1 -> float32 0..1."""
    v = encoded.astype(np.float32) / (255 if encoded.dtype == np.uint8 else 1)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


def load_picture(path: Path) -> np.ndarray:
    """A picture as linear float32 [h, w, 3]."""
    if path.suffix == ".exr":
        os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
        import cv2

        bgr = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        rgb = np.maximum(bgr[..., 2::-1].astype(np.float32), 0)
        return rgb * (0.18 / np.exp(np.mean(np.log(rgb.mean(2) + 1e-4))))
    from PIL import Image

    return srgb_to_linear(np.asarray(Image.open(path).convert("RGB")))


def mosaic_of_pictures(folder: str, pattern: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Pictures at their own size, turned to landscape and flipped at random, side by side until `shape` is full."""
    paths = sorted((data_root() / folder).glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no {pattern} in {data_root() / folder}: set LICHTBILD_DATA")
    pictures = [load_picture(p) for p in paths]
    pictures = [p if p.shape[1] >= p.shape[0] else np.rot90(p) for p in pictures]
    h, w = min(p.shape[0] for p in pictures), min(p.shape[1] for p in pictures)
    order = [
        int(k)
        for _ in range(1 + shape[0] * shape[1] // (h * w * len(pictures)) + 2 * len(pictures))
        for k in rng.permutation(len(pictures))
    ]
    out = np.empty((*shape, 3), np.float32)
    n = 0
    for top in range(0, shape[0], h):
        for left in range(0, shape[1], w):
            tile = pictures[order[n]][:h, :w]
            if n >= len(pictures):
                tile = tile[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
            piece = out[top : top + h, left : left + w]
            piece[:] = tile[: piece.shape[0], : piece.shape[1]]
            n += 1
    return out


def chart_scene(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Four test charts, each at half its size, side by side; ink at 0.03, paper at 0.69."""
    names = ["ISO_12233_2k", "StarChart_2k", "NBS_1963_2k", "ISO_12233_12MP"]
    charts = [load_picture(data_root() / "charts_synthetic" / f"{n}.png").mean(2)[:2048, -2048:] for n in names]
    small = [c.reshape(1024, 2, 1024, 2).mean((1, 3)) for c in charts]
    block = np.block([[small[0], small[1]], [small[2], small[3]]])
    repeat = [-(-n // m) for n, m in zip(shape, block.shape, strict=True)]
    chart = np.tile(block, repeat)[: shape[0], : shape[1]]
    return np.repeat((0.03 + 0.66 * chart)[..., None], 3, 2).astype(np.float32)


def dead_leaves(shape: tuple[int, int], rng: np.random.Generator, n: int = 3000, r_min: float = 4) -> np.ndarray:
    """Discs of power-law radii (r^-3) that occlude each other, each a colour with its own fine texture."""
    h, w = shape
    out = np.full((h, w, 3), 0.18, np.float32)
    r_max = min(h, w) / 5
    u = rng.random(n)
    radii = np.sort(r_min / np.sqrt(1 - u * (1 - (r_min / r_max) ** 2)))[::-1]
    # Large first would hide nothing: shuffle within octaves keeps occlusion at all scales.
    radii = radii[np.argsort(-np.log2(radii) + rng.normal(0, 0.7, n))]
    for r in radii:
        cy, cx = rng.random() * h, rng.random() * w
        y0, y1, x0, x1 = (max(0, int(cy - r)), min(h, int(cy + r) + 2), max(0, int(cx - r)), min(w, int(cx + r) + 2))
        if y1 <= y0 or x1 <= x0:
            continue
        y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        cover = np.clip(r + 0.5 - np.hypot(y - cy, x - cx), 0, 1)[..., None]
        colour = np.exp(rng.normal(np.log(0.16), 0.7)) * np.exp(rng.normal(0, 0.28, 3))
        kind = rng.integers(3)
        phase, angle, period = rng.random() * 6.3, rng.random() * 3.14, rng.uniform(2.2, 9)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (6.2832 / period) + phase)
        texture = 1 + (0.35 * wave if kind == 0 else rng.normal(0, 0.12, y.shape) if kind == 1 else 0.0 * wave)
        leaf = (texture[..., None] * colour).astype(np.float32)
        piece = out[y0:y1, x0:x1]
        piece += cover.astype(np.float32) * (leaf - piece)
    return out


def procedural_scene(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Dead leaves, a gradient, strokes as fine as text, Siemens stars and slanted edges; values 0.002 to 1."""
    h, w = shape
    n = int(3000 * h * w / (1600 * 2200))
    out = dead_leaves(shape, rng, max(n, 200))
    sky = np.linspace(0.75, 0.25, h // 4, dtype=np.float32)[:, None, None] * np.float32([0.55, 0.75, 1.0])
    out[: h // 4, : w // 2] = sky
    top, left = h // 3, w // 8
    panel = out[top : top + h // 5, left : left + w // 4]
    panel[:] = 0.8
    for row in range(8, panel.shape[0] - 14, 16):
        x = 8
        while x < panel.shape[1] - 12:
            for _ in range(rng.integers(2, 5)):
                a, b = rng.integers(0, 10, 2), rng.integers(0, 8, 2)
                t = np.linspace(0, 1, 24)
                rr, cc = (row + a[0] + (a[1] - a[0]) * t).astype(int), (x + b[0] + (b[1] - b[0]) * t).astype(int)
                for dr, dc in ((0, 0), (0, 1), (1, 0), (1, 1)):
                    panel[rr + dr, cc + dc] = 0.03
            x += 11 + int(rng.random() < 0.2) * 8
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    for cy, cx, spokes in ((0.7 * h, 0.72 * w, 36), (0.25 * h, 0.75 * w, 72)):
        r = min(h, w) * 0.14
        d = np.hypot(y - cy, x - cx)
        inside = np.clip(r + 0.5 - d, 0, 1)
        # Spokes get a ramp of one scene px, so that they are as sharp as the grid allows without stairs.
        width = np.maximum(d * 6.2832 / spokes, 1e-3)
        s = np.sin(np.arctan2(y - cy, x - cx) * spokes)
        star = 0.5 + 0.5 * np.clip(s * width / 3.14, -1, 1)
        out += inside[..., None] * ((0.05 + 0.8 * star)[..., None] - out)
    edge = np.clip((x - 0.3 * w) * np.cos(0.09) + (y - 0.8 * h) * np.sin(0.09), -0.5, 0.5) + 0.5
    zone = (slice(int(0.72 * h), int(0.9 * h)), slice(int(0.2 * w), int(0.4 * w)))
    out[zone] = (0.1 + 0.5 * edge[zone])[..., None] * np.float32([1.0, 0.8, 0.7])
    return np.clip(out, 0.002, 1.0)


SCENES: dict[str, Callable[[tuple[int, int], np.random.Generator], np.ndarray]] = {
    "kodak": lambda s, r: mosaic_of_pictures("gt_kodak", "*.png", s, r),
    "urban": lambda s, r: mosaic_of_pictures("gt_urban100", "*.png", s, r),
    "mcmaster": lambda s, r: mosaic_of_pictures("gt_mcmaster", "*.tif", s, r),
    "hdr": lambda s, r: mosaic_of_pictures("gt_hdr_linear", "*.exr", s, r),
    "chart": chart_scene,
    "procedural": procedural_scene,
}

# ---------------------------------------------------------------------------------------------------------- optics


def through_lens(plane: np.ndarray, oversampling: int, aperture_px: float = 1.0) -> np.ndarray:
    """Gaussian lens and square pixel aperture, exact for the band-limited scene; float32 [h, w], periodic border."""
    fy = scipy.fft.fftfreq(plane.shape[0])[:, None] * oversampling
    fx = scipy.fft.rfftfreq(plane.shape[1])[None, :] * oversampling
    blur = np.exp(-2 * np.pi**2 * PSF_SIGMA_PX**2 * np.square(fy)) * np.sinc(fy * aperture_px)
    blur_x = np.exp(-2 * np.pi**2 * PSF_SIGMA_PX**2 * np.square(fx)) * np.sinc(fx * aperture_px)
    spectrum = scipy.fft.rfft2(plane.astype(np.float32))
    spectrum *= blur.astype(np.float32)
    spectrum *= blur_x.astype(np.float32)
    return scipy.fft.irfft2(spectrum, plane.shape)


def coefficients(plane: np.ndarray) -> np.ndarray:
    """Quintic spline coefficients, float32, for `sample`."""
    return scipy.ndimage.spline_filter(plane, order=5, output=np.float32, mode="mirror")


def sample(spline: np.ndarray, oversampling: int, margin_px: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spline value at raw px coordinates (pixel centre + 0.5) of the reference frame; float32."""
    at = np.stack([(y + margin_px) * oversampling - 0.5, (x + margin_px) * oversampling - 0.5])
    return scipy.ndimage.map_coordinates(spline, at, output=np.float32, order=5, mode="mirror", prefilter=False)


# ------------------------------------------------------------------------------------------------------------ hand


def tremor(n_frames: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """float64 [n, 2, 3]: random walk of shift and rotation about the picture's centre, frame 0 at rest."""
    shifts = np.cumsum(np.vstack([np.zeros(2), rng.normal(0, SHIFT_SIGMA_PX, (n_frames - 1, 2))]), 0)
    angles = np.cumsum(np.concatenate([[0], rng.normal(0, np.deg2rad(ROTATION_SIGMA_DEG), n_frames - 1)]))
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
    layers: list[np.ndarray]
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
            end = start + (spec.n_frames - 1) * step
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
        discs.append(Disc(width, start, step, [coefficients(through_lens(p, s)) for p in planes], half))
    return discs


def cover_with_discs(
    values: np.ndarray, discs: list[Disc], spec: SetSpec, k: int, channel: int, x: np.ndarray, y: np.ndarray
) -> None:
    """Discs of frame k over `values` at scene positions (x, y), in place; all of shape [h, w]."""
    for disc in discs:
        cx, cy = disc.centre(k)
        near = (np.abs(x - cx) < disc.half_px - 1) & (np.abs(y - cy) < disc.half_px - 1)
        rows, columns = np.nonzero(near.any(1))[0], np.nonzero(near.any(0))[0]
        if not len(rows) or not len(columns):
            continue
        zone = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        u, v = x[zone] - cx, y[zone] - cy
        inside = near[zone]
        cover = sample(disc.layers[3], spec.oversampling, disc.half_px, u, v) * inside
        paint = sample(disc.layers[channel], spec.oversampling, disc.half_px, u, v) * inside
        values[zone] = values[zone] * (1 - cover) + paint


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
    affines = tremor(spec.n_frames, spec.shape, hand_rng)
    h, w = spec.shape
    s = spec.oversampling
    corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]], float).T
    reach = max(float(np.max(np.abs(inverse(a) @ corners - corners[:2]))) for a in affines)
    margin = int(np.ceil(reach)) + 12
    neutral = np.float32(spec.neutral)
    scene = SCENES[spec.scene](((h + 2 * margin) * s, (w + 2 * margin) * s), scene_rng)
    discs = make_discs(spec, neutral * EXPOSURE, disc_rng) if spec.n_discs else []

    x0, y0 = np.arange(w) + 0.5, np.arange(h) + 0.5
    rgb = np.empty((h, w, 3), np.float32)
    clean = np.empty((spec.n_frames, h, w), np.float32)
    rgb_2x = np.empty((2 * h, 2 * w, 3), np.float32) if with_2x else None
    for c in range(3):
        light = scene[..., c] * (neutral[c] * EXPOSURE)
        spline = coefficients(through_lens(light, s))
        gx, gy = np.meshgrid(x0, y0)
        rgb[..., c] = sample(spline, s, margin, gx, gy)
        cover_with_discs(rgb[..., c], discs, spec, 0, c, gx, gy)
        for k in range(spec.n_frames):
            back = inverse(affines[k])
            for row, column in {0: ((0, 0),), 1: ((0, 1), (1, 0)), 2: ((1, 1),)}[c]:
                gx, gy = np.meshgrid(x0[column::2], y0[row::2])
                sx = back[0, 0] * gx + back[0, 1] * gy + back[0, 2]
                sy = back[1, 0] * gx + back[1, 1] * gy + back[1, 2]
                plane = sample(spline, s, margin, sx, sy)
                cover_with_discs(plane, discs, spec, k, c, sx, sy)
                clean[k, row::2, column::2] = plane
        if rgb_2x is not None:
            spline = coefficients(through_lens(light, s, 0.5))
            gx, gy = np.meshgrid((np.arange(2 * w) + 0.5) / 2, (np.arange(2 * h) + 0.5) / 2)
            rgb_2x[..., c] = sample(spline, s, margin, gx, gy)
    del scene

    noise = noise_of(spec.iso)
    sources = []
    for k in range(spec.n_frames):
        stored = expose(clean[k], noise, np.random.default_rng([seed, 4, k]))
        sources.append(FrameSource(frame_info(name, spec, k, noise), lambda stored=stored: stored))
    truth = Truth(
        rgb,
        clean[0].copy(),
        affines,
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
