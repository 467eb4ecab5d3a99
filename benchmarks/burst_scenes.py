"""Scenes for the burst sets: mosaics of real pictures, test charts, and pictures made by rule that need no data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lichtbild.simulate.scene import read_picture


def data_root() -> Path:
    """Where the shared pictures lie: $LICHTBILD_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def load_picture(path: Path) -> np.ndarray:
    """A picture as linear float32 [h, w, 3]; an EXR picture is exposed so that its geometric mean is middle grey."""
    rgb = read_picture(path)
    if path.suffix == ".exr":
        rgb = rgb * np.float32(0.18 / np.exp(np.mean(np.log(rgb.mean(2) + 1e-4))))
    return rgb


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
