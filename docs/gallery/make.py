"""Makes the pictures of this gallery: `python docs/gallery/make.py [--only NAME] [--real DIR]`.

The scenes are made by lichtbild itself (`lichtbild.simulate`), so that anyone can make them again, bit for bit on one
machine. With `--real DIR` real shots are developed into DIR as well where their files are there; those pictures are not
ours to publish and stay out of this folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

import lichtbild as lb
from lichtbild.core import Burst, Frame
from lichtbild.core.explain import KINDS, Explained
from lichtbild.output.explain import legended
from lichtbild.simulate import Simulation, procedural_scene
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import virtual_phone, with_lens

HERE = Path(__file__).resolve().parent
Picture = npt.NDArray[np.uint8]
SHAPE = (1134, 1512)
PAPER, INK, LABEL_PX = (24, 24, 24), (235, 235, 235), 26


def labelled(picture: Picture, text: str) -> Picture:
    strip = Image.new("RGB", (picture.shape[1], LABEL_PX), PAPER)
    font: Any = ImageFont.load_default(size=15)
    ImageDraw.Draw(strip).text((6, LABEL_PX // 2), text, fill=INK, font=font, anchor="lm")
    return np.concatenate([np.asarray(strip), picture])


def beside(*entries: tuple[str, Picture]) -> Picture:
    """Pictures of one height beside each other, each under its label."""
    columns = [labelled(picture, text) for text, picture in entries]
    gap = np.full((columns[0].shape[0], 6, 3), PAPER, np.uint8)
    return np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)


def crop(picture: Picture, top: int, left: int, height: int, width: int, times: int = 1) -> Picture:
    return picture[top : top + height, left : left + width].repeat(times, 0).repeat(times, 1)


def steps(bare: Picture, one: Picture, ten: Picture, where: tuple[int, int, int, int]) -> Picture:
    labels = ("one frame, no denoising", "one frame, developed", "ten frames")
    return beside(*((text, crop(p, *where)) for text, p in zip(labels, (bare, one, ten), strict=True)))


def save(name: str, picture: Picture, quality: int = 85) -> None:
    path = HERE / f"{name}.jpg"
    Image.fromarray(np.ascontiguousarray(picture)).save(path, quality=quality, optimize=True)
    print(f"{path.name} {path.stat().st_size // 1024} kB")


def first(burst: Burst) -> Burst:
    """The reference frame alone: frame 0, whose framing the truth has too."""
    return Burst(burst.sources[:1], burst.name)


def on_frame_0(burst: Burst) -> Burst:
    return dataclasses.replace(burst, reference=0)


def plain_mean(burst: Burst) -> Frame:
    """What averaging without alignment would give: every frame demosaiced, then the mean. To show what is avoided."""
    frames = [lb.merge(Burst((source,), burst.name)) for source in burst.sources]
    return frames[0].replaced(
        pixels=np.mean([f.pixels for f in frames], axis=0, dtype=np.float32), n_effective=len(frames)
    )


def rendered(frame: Frame) -> Picture:
    """A negative in the default rendering, nothing denoised or corrected any more."""
    from lichtbild.stages import develop_display

    pixels: Picture = develop_display.render(frame, develop_display.analyse(frame)).pixels
    return pixels


def burst_against_single() -> None:
    burst = on_frame_0(Simulation(procedural_scene(SHAPE), iso=1600, seed=3, shape=SHAPE).burst())
    ten, one = lb.develop(burst).pixels, lb.develop(first(burst)).pixels
    bare = rendered(lb.merge(first(burst)))
    small = np.asarray(Image.fromarray(ten).resize((720, 540), Image.Resampling.LANCZOS))
    save("burst_whole", small)
    for name, (top, left) in {"burst_town": (420, 300), "burst_slate": (930, 560)}.items():
        where = (top, left, 200, 260)
        save(name, steps(bare, one, ten, where), 88)


def moving_objects() -> None:
    scene = procedural_scene(SHAPE)
    simulation = Simulation(scene, iso=800, seed=5, shape=SHAPE)
    burst = on_frame_0(simulation.burst())
    merged, one = lb.develop(burst).pixels, lb.develop(first(burst)).pixels
    mean = rendered(plain_mean(burst))
    for name, where in {"moving_boat": (560, 500, 220, 240), "moving_ball": (940, 480, 130, 240)}.items():
        labels = ("plain mean: ghosts", "one frame", "ten frames")
        parts = zip(labels, (mean, one, merged), strict=True)
        save(name, beside(*((text, crop(p, *where)) for text, p in parts)))


def explained() -> None:
    burst = on_frame_0(Simulation(procedural_scene(SHAPE), iso=800, seed=5, shape=SHAPE, n_frames=6).burst())

    def keep(picture: Explained) -> None:
        kind = next(k for k in KINDS if picture.name.endswith(k))
        wanted = ("motion", "confidence") if picture.frame == burst.sources[-1].info.name else ()
        if kind in (("effective-frames", "rejected", "noise") if picture.frame is None else wanted):
            sheet = Image.fromarray(legended(picture))
            name = f"explain_{'all_' * (picture.frame is None)}{kind.replace('-', '_')}"
            save(name, np.asarray(sheet.resize((1000, 1000 * sheet.height // sheet.width), Image.Resampling.LANCZOS)))

    lb.develop(burst, explain=keep)


def corrections() -> None:
    # Barrel distortion of 4.5 %, three times the main camera's, which is hard to see in a small picture.
    lens = Lens(0.45, ((-0.0445, 0.004, 0.0), (-0.0450, 0.004, 0.0), (-0.0460, 0.004, 0.0)), (2.9, 2.6, 2.45))
    camera = dataclasses.replace(virtual_phone(), lens=lens)
    burst = on_frame_0(Simulation(procedural_scene(SHAPE), camera, iso=100, n_frames=1, seed=1, shape=SHAPE).burst())
    source = burst.sources[0]
    bare_info = dataclasses.replace(source.info, opcodes=type(source.info.opcodes)())
    bare = Burst((dataclasses.replace(source, info=bare_info),), "without its opcodes")
    small = [
        np.asarray(Image.fromarray(lb.develop(b).pixels).resize((480, 360), Image.Resampling.LANCZOS))
        for b in (bare, burst)
    ]
    save(
        "corrections",
        beside(("opcodes left out", small[0]), ("as developed: the file's own opcodes applied", small[1])),
        82,
    )


def single_night() -> None:
    scene = procedural_scene(SHAPE)
    burst = on_frame_0(Simulation(scene, iso=6400, seed=9, n_frames=10, shape=SHAPE).burst())
    one, ten = lb.develop(first(burst)).pixels, lb.develop(burst).pixels
    bare = rendered(lb.merge(first(burst)))
    where = (400, 330, 200, 260)
    save("night", steps(bare, one, ten, where))


def through_glass() -> None:
    """What a traced lens does to points, and to a picture in its middle and at its edge."""
    shape = (756, 1008)
    camera = with_lens(virtual_phone(), HERE.parents[1] / "tests" / "golden" / "lenses" / "triplet.json", shape)
    field = camera.lens.field
    corner_mm = field.radii_mm[-1]
    shares = (0.0, 0.35, 0.7, 1.0)
    patterns = field.at(np.zeros(len(shares)), corner_mm * np.array(shares))
    middle = patterns.shape[-1] // 2
    cut = slice(middle - 24, middle + 25)
    points = [np.moveaxis(np.sqrt(p[:, cut, cut] / p[:, cut, cut].max()), 0, 2) for p in patterns]
    tiles = [np.rint(255 * point).astype(np.uint8).repeat(5, 0).repeat(5, 1) for point in points]
    save("glass_points", beside(*((f"{100 * s:.0f} % of the way", t) for s, t in zip(shares, tiles, strict=True))))
    seen = Simulation(procedural_scene(shape), camera, iso=100, seed=2, n_frames=4, shape=shape).burst()
    picture = lb.develop(on_frame_0(seen)).pixels
    places = {"middle": (300, 380), "edge": (330, 760)}
    save("glass_picture", beside(*((name, crop(picture, *place, 190, 240, 2)) for name, place in places.items())))


PAGES: dict[str, Callable[[], None]] = {
    "burst": burst_against_single, "moving": moving_objects, "explain": explained, "corrections": corrections,
    "night": single_night, "glass": through_glass,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=list(PAGES))
    parser.add_argument("--real", type=Path, metavar="DIR", help="develop the real shots into this folder")
    arguments = parser.parse_args()
    for name, make in PAGES.items():
        if arguments.only in (None, name):
            make()
    if arguments.real:
        script = HERE.parents[1] / "benchmarks" / "real_input.py"
        subprocess.run([sys.executable, str(script), "--pictures", str(arguments.real)], check=True)


if __name__ == "__main__":
    main()
