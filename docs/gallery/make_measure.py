"""Pictures of the page about measuring: `make_measure.py [--study FOLDER] [--real DIR]`.

With `--real DIR` the real charts of LICHTBILD_DATA are measured into DIR; those pictures are not ours to publish and
stay out of this folder.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from lichtbild import cli
from lichtbild.capture import open_mosaic_array
from lichtbild.lab.measure_colour_chart import measure_colour_chart
from lichtbild.lab.measure_even import measure_tones
from lichtbild.lab.measure_sharpness import measure_sharpness
from lichtbild.lab.measurement import Measurement
from lichtbild.lab.reading import from_source, open_for_lab
from lichtbild.lab.sheet import sheet_png

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("LICHTBILD_DATA", HERE.parents[2] / "shared" / "data"))


def beside(target: Path, *measurements: Measurement, height: int = 420) -> None:
    """Crops of measurements side by side."""
    images = [Image.fromarray(c.pixels) for m in measurements for c in m.crops]
    images = [im.resize((round(im.width * height / im.height), height), Image.Resampling.LANCZOS) for im in images]
    sheet = Image.new("RGB", (sum(im.width for im in images) + 8 * (len(images) - 1), height), "white")
    left = 0
    for im in images:
        sheet.paste(im, (left, 0))
        left += im.width + 8
    sheet.save(target, quality=86)


def headerless(path: str, cfa: str, shape: tuple[int, int], black: int, white: int, name: str):  # type: ignore[no-untyped-def]
    array = np.fromfile(DATA / path, "<u2").reshape(shape)
    return from_source(open_mosaic_array(array, cfa, black, white), name)


def simulated() -> None:
    """A ColorChecker by the virtual camera, as its raw has it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "simulate",
            "--camera",
            "p9",
            "--scene",
            "colorchecker",
            "--frames",
            "1",
            "--iso",
            "400",
            "--size",
            "1200x900",
        ]
        assert cli.main([*words, "-o", f"{folder}/shot", "--quiet"]) == 0
        raw = next(Path(folder, "shot").glob("*.dng"))
        beside(HERE / "measure_colour.jpg", measure_colour_chart(open_for_lab(raw)))


def real(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    passport = open_for_lab(DATA / "raw_colorchecker_canon550d/colorchart.dng")
    beside(target / "passport.jpg", measure_colour_chart(passport))
    tonal = headerless(
        "raw_chart_tonal_sfr/test_1920x1080_10bit_rggb_u16le.raw", "RGGB", (1080, 1920), 0, 1020, "tonal"
    )
    beside(target / "tonal.jpg", measure_tones([tonal]), measure_sharpness(tonal))
    folder = "raw_chart_iso12233_c5590/c5590_frameA_upper_1600x600_10bit_bggr_u16le.raw"
    beside(target / "c5590.jpg", measure_sharpness(headerless(folder, "BGGR", (600, 1600), 64, 1023, "c5590")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, metavar="FOLDER", help="its plot becomes a picture")
    parser.add_argument("--real", type=Path, metavar="DIR", help="real charts, measured into DIR")
    chosen = parser.parse_args()
    simulated()
    Image.open(io.BytesIO(sheet_png(900))).convert("P", palette=Image.Palette.ADAPTIVE).save(HERE / "measure_sheet.png")
    if chosen.real:
        real(chosen.real)
    if chosen.study:
        study_plot(chosen.study)


def study_plot(folder: Path) -> None:
    """The plot of a study's folder as PNG, drawn by a browser that is installed."""
    import shutil
    import subprocess

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("a plot needs chromium to become a picture")
    words = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=840,510"]
    target = HERE / "measure_zoom.png"
    subprocess.run(
        [browser, *words, f"--screenshot={target}", str(folder / "pareto.svg")], check=True, capture_output=True
    )
    Image.open(target).convert("P", palette=Image.Palette.ADAPTIVE).save(target)


if __name__ == "__main__":
    main()
