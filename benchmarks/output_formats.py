"""Processor seconds, peak memory and size of every file format for a 12 MP picture.

    python benchmarks/output_formats.py [--megapixels 12] [--repeat 3]

The picture is a procedural scene with the noise of ISO 400, so that the coders have as much to do as with a photograph.
Processor seconds are those of all threads together, the least of the repeats.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lichtbild.core import Camera, Cfa, ColourCalibration, Domain, Exposure, Frame, FrameInfo, Levels, NoiseModel
from lichtbild.output import bayer_negative, write_dng, write_jpeg, write_png, write_tiff
from lichtbild.output.exr import write_exr
from lichtbild.output.heif import HeifOptions, write_heif
from lichtbild.output.jpeg import JpegOptions
from lichtbild.output.jxl import JxlOptions, write_jxl

NOISE = NoiseModel((7.2e-4,) * 3, (5.1e-5,) * 3, "simulated")
MATRIX = np.array([[0.7, -0.15, -0.1], [-0.4, 1.2, 0.25], [-0.05, 0.2, 0.6]])


def scene(height: int, width: int) -> np.ndarray:
    """Linear camera RGB float32 [H, W, 3]: texture at all scales, edges, and noise by `NOISE`."""
    rng = np.random.default_rng(0)
    luma = np.zeros((height, width), np.float32)
    for octave in range(2, 11):
        small = rng.normal(0, 1, (height // 2**octave + 2, width // 2**octave + 2)).astype(np.float32)
        grown = np.repeat(np.repeat(small, 2**octave, 0), 2**octave, 1)[:height, :width]
        luma += grown * 2.0 ** (0.7 * (octave - 10))
    luma = 0.18 * np.exp(0.8 * luma)
    rgb = np.stack([luma * 0.55, luma, luma * 0.6 + 0.02], axis=-1)
    rgb += rng.standard_normal(rgb.shape, np.float32) * np.sqrt(NOISE.variance(rgb)).astype(np.float32)
    return np.minimum(rgb, 1.0, dtype=np.float32)


def frames(height: int, width: int) -> tuple[Frame, Frame, Frame, Frame]:
    """A display picture of 8 and of 16 bits, a linear negative and a stored mosaic."""
    rgb = scene(height, width)
    info = FrameInfo(
        "bench", (height, width), "mosaic", Camera("Maker", "Phone", "Maker Phone",
        colour=ColourCalibration(((0.44757, 0.40745), (0.31271, 0.32902)), (MATRIX, MATRIX))),
        Exposure(1 / 125, 400, 1.8, 4.3, 26, 1.7e9), Cfa.from_name("RGGB"), None, NOISE,
        as_shot_neutral=(0.55, 1.0, 0.6),
    )  # fmt: skip
    negative = Frame(rgb, Domain.CAMERA_RGB, info, NOISE)
    shown = np.clip(1.3 * rgb / np.array([0.55, 1, 0.6], np.float32), 0, 1) ** np.float32(1 / 2.2)
    wide = Frame((shown * 65535 + 0.5).astype(np.uint16), Domain.DISPLAY_RGB, info, NOISE, colour_space="srgb")
    narrow = wide.replaced(pixels=(shown * 255 + 0.5).astype(np.uint8))
    levels = Levels(np.full((2, 2, 1), 64, np.float32), (1023.0,))
    stored = np.clip(bayer_negative(negative).pixels * 959 + 64.5, 0, 1023).astype(np.uint16)
    mosaic = negative.replaced(pixels=stored, domain=Domain.MOSAIC).with_info(levels=levels)
    return narrow, wide, negative, mosaic


def processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(work: Callable[[], None], repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = processor_s()
        work()
        best = min(best, processor_s() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    height = round((arguments.megapixels * 1e6 * 3 / 4) ** 0.5 / 2) * 2
    width = round(height * 4 / 3 / 2) * 2
    narrow, wide, negative, mosaic = frames(height, width)
    bayer = bayer_negative(negative)
    n = height * width
    # Light of the same scene for a display of three stops above white.
    shown = np.clip(1.3 * negative.pixels / np.array([0.55, 1, 0.6], np.float32), 0, None) ** np.float32(1.1)
    hdr = np.minimum(np.where(shown > 0.5, shown + (shown - 0.5) * 2, shown), 8).astype(np.float32)
    scene_light = negative.replaced(pixels=shown, domain=Domain.WORK_RGB)
    print(f"{width} x {height}, {n / 1e6:.1f} MP")
    print(f"{'format':<34}{'CPU s':>8}{'MB':>8}{'of plain':>10}")
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[tuple[str, str, Callable[[Path], None], int]] = [
            ("JPEG q95 4:4:4, 8 bit", "jpg", lambda p: write_jpeg(p, narrow, force=True), 3),
            ("JPEG q95 4:4:4, turned by 90", "jpg",
             lambda p: write_jpeg(p, narrow.with_info(orientation=6), force=True), 3),
            ("JPEG q95 with gain map", "jpg", lambda p: write_jpeg(p, narrow, hdr=hdr, force=True), 3),
            ("JPEG q95 progressive", "jpg",
             lambda p: write_jpeg(p, narrow, options=JpegOptions(coder="progressive"), force=True), 3),
            ("JPEG q90 small (jpegli, 4:2:0)", "jpg",
             lambda p: write_jpeg(p, narrow, options=JpegOptions(90, coder="small"), force=True), 3),
            ("JPEG of at most 3 MB", "jpg",
             lambda p: write_jpeg(p, narrow, options=JpegOptions(kbytes=3000), force=True), 3),
            ("JPEG of at most 1 CIEDE2000", "jpg",
             lambda p: write_jpeg(p, narrow, options=JpegOptions(difference=1), force=True), 3),
            ("AVIF 10 bit q80, speed 8", "avif", lambda p: write_heif(p, wide, "avif", force=True), 6),
            ("AVIF 10 bit q80, speed 10", "avif",
             lambda p: write_heif(p, wide, "avif", options=HeifOptions(speed=10), force=True), 6),
            ("AVIF 10 bit q80, gain map", "avif", lambda p: write_heif(p, wide, "avif", hdr=hdr, force=True), 6),
            ("AVIF 10 bit q80, PQ", "avif",
             lambda p: write_heif(p, wide, "avif", hdr=hdr, options=HeifOptions(hdr="pq"), force=True), 6),
            ("HEIC 10 bit q80, speed 8", "heic", lambda p: write_heif(p, wide, "heic", force=True), 6),
            ("HEIC 10 bit q80, speed 10", "heic",
             lambda p: write_heif(p, wide, "heic", options=HeifOptions(speed=10), force=True), 6),
            ("JPEG XL 16 bit q90, effort 4", "jxl", lambda p: write_jxl(p, wide, force=True), 6),
            ("JPEG XL 16 bit q90, effort 1", "jxl",
             lambda p: write_jxl(p, wide, options=JxlOptions(effort=1), force=True), 6),
            ("OpenEXR half, ZIP", "exr", lambda p: write_exr(p, scene_light, force=True), 6),
            ("TIFF 16 bit, Deflate", "tif", lambda p: write_tiff(p, wide, force=True), 6),
            ("PNG 8 bit", "png", lambda p: write_png(p, narrow, force=True), 3),
            ("PNG 16 bit", "png", lambda p: write_png(p, wide, bits=16, force=True), 6),
            ("DNG mosaic 10 bit, lossless JPEG", "dng", lambda p: write_dng(p, mosaic, force=True), 2),
            ("DNG mosaic 10 bit, plain", "dng", lambda p: write_dng(p, mosaic, force=True, compress=False), 2),
            ("DNG negative bayer, lossless JPEG", "dng", lambda p: write_dng(p, bayer, force=True), 2),
            ("DNG negative linear, lossless JPEG", "dng", lambda p: write_dng(p, negative, force=True), 6),
            ("DNG negative bayer, JPEG XL", "dng", lambda p: write_dng(p, bayer, coding="jxl", force=True), 2),
            ("DNG negative linear, JPEG XL", "dng", lambda p: write_dng(p, negative, coding="jxl", force=True), 6),
            ("DNG negative half floats, Deflate", "dng", lambda p: write_dng(p, negative, is_half=True, force=True), 6),
            ("DNG negative linear, plain", "dng", lambda p: write_dng(p, negative, force=True, compress=False), 6),
        ]  # fmt: skip
        for name, suffix, write, bytes_per_pixel in jobs:
            path = Path(folder) / f"a.{suffix}"
            seconds = measured(lambda write=write, path=path: write(path), arguments.repeat)
            size = path.stat().st_size
            print(f"{name:<34}{seconds:8.2f}{size / 1e6:8.1f}{size / (bytes_per_pixel * n):10.0%}", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
