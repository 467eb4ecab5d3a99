"""Pictures of docs/gallery/files.md: `python docs/gallery/files.py` (one minute)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lichtbild import api
from lichtbild.cli import main as command
from lichtbild.core import colour_space as cs

HERE = Path(__file__).resolve().parent
WIDTH, GAP, LABEL = 480, 8, 26
DARKER_EV = 2.0


def labelled(light: npt.NDArray[np.floating], text: str) -> Image.Image:
    """Light relative to SDR white as a picture of WIDTH px with a line below."""
    codes = np.rint(cs.srgb_encode(np.clip(light, 0, 1)) * 255).astype(np.uint8)
    shown = Image.fromarray(codes)
    shown = shown.resize((WIDTH, round(WIDTH * shown.height / shown.width)), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (WIDTH, shown.height + LABEL), (24, 24, 24))
    sheet.paste(shown)
    font = ImageFont.load_default(size=14)
    ImageDraw.Draw(sheet).text((6, shown.height + 5), text, fill=(235, 235, 235), font=font)
    return sheet


def beside(sheets: list[Image.Image]) -> Image.Image:
    out = Image.new("RGB", (len(sheets) * (WIDTH + GAP) - GAP, sheets[0].height), (24, 24, 24))
    for k, sheet in enumerate(sheets):
        out.paste(sheet, (k * (WIDTH + GAP), 0))
    return out


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        words = [
            "simulate",
            "-o",
            str(folder / "shot"),
            "--frames",
            "4",
            "--size",
            "1600x1200",
            "--iso",
            "100",
            "--quiet",
        ]
        assert command([*words, "--scene", "backlit"]) == 0
        photo = api.develop(folder / "shot", headroom_ev=3.0)
        photo.save(folder / "a.jpg")
        data = (folder / "a.jpg").read_bytes()
        sdr = cs.srgb_decode(imagecodecs.jpeg8_decode(data).astype(np.float64) / 255)
        hdr = imagecodecs.ultrahdr_decode(data, dtype="float16")[..., :3].astype(np.float64)
        darker = 2.0**-DARKER_EV
        page = beside([
            labelled(sdr, "what every screen shows"),
            labelled(sdr * darker, f"the same, {DARKER_EV:g} stops darker"),
            labelled(hdr * darker, f"with its gain map, {DARKER_EV:g} stops darker"),
        ])  # fmt: skip
        page.save(HERE / "files_hdr.jpg", quality=88, optimize=True)
        print(f"peak {hdr.max():.1f} x white, {len(data)} bytes")


if __name__ == "__main__":
    main()
