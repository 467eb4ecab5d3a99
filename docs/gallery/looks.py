"""Makes the pictures of the looks' page: `python docs/gallery/looks.py`.

Four scenes of lichtbild's own: a harbour town (landscape and architecture), a room against the light, a colour chart,
and stars; each as one raw frame at ISO 100, developed in every look.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lichtbild import looks
from lichtbild.core import Burst, Frame
from lichtbild.pipelines import photo
from lichtbild.pipelines.photo import PhotoParams
from lichtbild.simulate import Simulation, make_scene
from lichtbild.stages import develop_display
from lichtbild.stages.develop_display import DevelopParams

HERE = Path(__file__).resolve().parent
SHAPE = (456, 608)
SHOWN_PX = 128
SCENES = ("harbour", "backlit", "colorchecker", "stars")
Picture = npt.NDArray[np.uint8]


def negative(name: str) -> Frame:
    """One simulated raw frame as linear camera RGB."""
    burst = Simulation(make_scene(name, SHAPE, seed=3), iso=100, n_frames=1, seed=2, shape=SHAPE).burst()
    return photo.negative(Burst(burst.sources[:1], burst.name), PhotoParams()).linear()


def developed(frame: Frame, look: str) -> Picture:
    params = DevelopParams(look=looks.load(look))
    out = develop_display.render(frame, develop_display.analyse(frame, params), params).pixels
    small = Image.fromarray(out)
    small.thumbnail((4000, SHOWN_PX), Image.Resampling.LANCZOS)
    return np.asarray(small)


def row(frames: dict[str, Frame], look: str) -> Image.Image:
    pictures = [Image.fromarray(developed(frame, look)) for frame in frames.values()]
    width = sum(p.width + 4 for p in pictures) - 4
    sheet = Image.new("RGB", (width, SHOWN_PX + 18), (24, 24, 24))
    ImageDraw.Draw(sheet).text((4, 2), look, fill=(235, 235, 235), font=ImageFont.load_default(size=12))
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 18))
        x += picture.width + 4
    return sheet


def main() -> None:
    frames = {name: negative(name) for name in SCENES}
    names = looks.names()
    colours = [n for n in names if looks.load(n).monochrome.amount == 0]
    for file, chosen in (("looks_colour", colours), ("looks_monochrome", [n for n in names if n not in colours])):
        rows = [row(frames, name) for name in chosen]
        sheet = Image.new("RGB", (rows[0].width, sum(r.height for r in rows)), (24, 24, 24))
        y = 0
        for one in rows:
            sheet.paste(one, (0, y))
            y += one.height
        path = HERE / f"{file}.jpg"
        sheet.save(path, quality=68, optimize=True)
        print(f"{path.name} {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
