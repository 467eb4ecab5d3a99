"""Pictures of the page sharpness.md: `python docs/gallery/sharpness.py [--data DIR] [--real DIR]`.

The charts are drawn by formula. With `--data DIR` (the folder of real test sets) the table of real charts is written
anew, and with `--real DIR` their pictures with the edges that were found go there: they are not ours to publish.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lichtbild.core.colour_space import srgb_encode
from lichtbild.lab import analytic_edges as truth
from lichtbild.lab.analytic_charts import slanted_squares, target_seen
from lichtbild.lab.dead_leaves import dead_leaves
from lichtbild.lab.sfr import EdgeSettings
from lichtbild.lab.sharpness_map import PlacedSfr, measure_edges, measure_mosaic_edges
from lichtbild.lab.texture import measure_texture, texture_against_noise

HERE = Path(__file__).resolve().parent
PAGE = HERE / "sharpness.md"
Floats = npt.NDArray[np.floating[Any]]
GREENS = np.array([[0, 1], [1, 0]], bool)


def overlay(picture: Floats, edges: Sequence[PlacedSfr], times: float = 1.0) -> Image.Image:
    """Edges over the picture: green ones measured, with their MTF50 in thousandths; red ones a finding."""
    shown = Image.fromarray((srgb_encode(np.clip(picture, 0, 1)) * 255).astype(np.uint8)).convert("RGB")
    shown = shown.resize((int(shown.width * times), int(shown.height * times)), Image.Resampling.LANCZOS)
    draw, font = ImageDraw.Draw(shown), ImageFont.load_default(size=13)
    for e in edges:
        ends = [(p[1] * times, p[0] * times) for p in (e.edge.start, e.edge.end)]
        draw.line(ends, fill=(40, 220, 90) if e.sfr.is_measured else (235, 60, 50), width=3)
        figure = e.sfr.figure("mtf50")
        if figure.value is not None:
            at = (e.edge.middle[1] * times, e.edge.middle[0] * times)
            text = f"{1000 * figure.value:.0f}"
            box = draw.textbbox(at, text, font=font, anchor="mm")
            draw.rectangle((box[0] - 2, box[1] - 1, box[2] + 2, box[3] + 1), fill=(20, 20, 20))
            draw.text(at, text, fill=(255, 255, 255), font=font, anchor="mm")
    return shown


def save(image: Image.Image, name: str) -> None:
    path = HERE / f"{name}.jpg"
    image.save(path, quality=84, optimize=True)
    print(f"{path.name} {path.stat().st_size // 1024} kB")


def chart() -> None:
    """Fifteen squares, softer towards the corners as a lens makes them."""
    shape, picture = (600, 960), np.full((600, 960), 0.8)
    for row in (110.0, 300.0, 490.0):
        for column in (110.0, 295.0, 480.0, 665.0, 850.0):
            field = np.hypot(row - 300, column - 480) / np.hypot(300, 480)
            square = slanted_squares(shape, np.array([[row, column]]), 104.0, 0.45 + 0.7 * field**2)
            picture += square - 0.8
    noisy = truth.photographed(picture, 8000, 2.5, np.random.default_rng(1))
    save(overlay(noisy, measure_edges(noisy)), "sharpness_chart")


def leaves() -> None:
    target = dead_leaves(1000, seed=4)
    picture, corners = target_seen(target, 320, 0.5)
    rng = np.random.default_rng(2)
    noisy, even = picture + rng.normal(0, 0.05, picture.shape), 0.5 + rng.normal(0, 0.05, (96, 96))
    before = measure_texture(noisy, target, corners)
    kinds = {
        "Gaussian 0.7": lambda p: ndimage.gaussian_filter(p, 0.7),
        "median 5": lambda p: ndimage.median_filter(p, 5),
    }
    panels = [("one frame, 20 dB", noisy)]
    for name, denoise in kinds.items():
        after = measure_texture(denoise(noisy), target, corners, reference=before.placed)
        point = texture_against_noise(before, after, even, denoise(even))
        text = f"{name}: noise -{point.noise_removed_db:.1f} dB, texture -{100 * point.texture_lost:.0f} %"
        panels.append((text, denoise(noisy)))
    sheet = Image.new("RGB", (3 * 320 + 12, 346), (24, 24, 24))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for k, (text, shown) in enumerate(panels):
        pixels = (srgb_encode(np.clip(shown, 0, 1)) * 255).astype(np.uint8)
        sheet.paste(Image.fromarray(pixels).convert("RGB"), (k * 326, 26))
        draw.text((k * 326 + 4, 13), text, fill=(235, 235, 235), font=font, anchor="lm")
    save(sheet, "sharpness_leaves")


def real(data: Path, out: Path | None) -> None:
    """The real charts: how many edges, how sharp, and what was refused."""
    sets: list[tuple[str, Floats, EdgeSettings, bool]] = []
    tonal = data / "raw_chart_tonal_sfr" / "test_1920x1080_10bit_rggb_u16le.raw"
    iso = data / "raw_chart_iso12233_c5590" / "c5590_frameA_upper_1600x600_10bit_bggr_u16le.raw"
    if tonal.exists():
        mosaic = np.fromfile(tonal, "<u2").reshape(1080, 1920) / 1020.0
        sets.append(("raw_chart_tonal_sfr, greens", mosaic, EdgeSettings(white=1.0), True))
    if iso.exists():
        mosaic = (np.fromfile(iso, "<u2").reshape(600, 1600) - 64.0) / (1023 - 64)
        sets.append(("raw_chart_iso12233_c5590, greens", mosaic, EdgeSettings(white=1.0), True))
    for name in ("ISO_12233_2k", "EIA_1956_A4"):
        drawn = data / "charts_synthetic" / f"{name}.png"
        if drawn.exists():
            with Image.open(drawn) as image:
                grey = np.asarray(image.convert("L"))
            sets.append((f"charts_synthetic/{name}, drawn", grey, EdgeSettings(encoding="srgb"), False))
    lines = [
        "| picture | edges found | measured | MTF50, cy/px: lowest, median, highest | findings |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, pixels, settings, is_mosaic in sets:
        found = measure_mosaic_edges(pixels, GREENS, settings) if is_mosaic else measure_edges(pixels, settings)
        values = [f.value for e in found if (f := e.sfr.figure("mtf50")).value is not None]
        kinds = [re.sub(r"[:(].*", "", e.sfr.finding).strip() for e in found if e.sfr.finding]
        why = ", ".join(f"{kinds.count(k)} x {k}" for k in sorted(set(kinds), key=kinds.count, reverse=True)[:3])
        spread = ", ".join(f"{v:.3f}" for v in np.quantile(values, (0, 0.5, 1))) if values else "none"
        lines.append(f"| {name} | {len(found)} | {len(values)} | {spread} | {why} |")
        if out is not None:
            light = pixels if is_mosaic else np.asarray(pixels / 255.0) ** 2.2
            overlay(light, found).save(out / f"{name.split(',')[0].replace('/', '_')}.png")
    text = PAGE.read_text(encoding="utf-8")
    body = "<!-- begin real -->\n" + "\n".join(lines) + "\n<!-- end real -->"
    PAGE.write_text(re.sub(r"<!-- begin real -->.*<!-- end real -->", body, text, flags=re.DOTALL), encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the real test sets")
    parser.add_argument("--real", type=Path, help="folder for their pictures with edges drawn in")
    arguments = parser.parse_args()
    chart()
    leaves()
    if arguments.data is not None:
        real(arguments.data, arguments.real)


if __name__ == "__main__":
    main()
