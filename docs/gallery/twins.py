"""Makes the pictures of `twins.md`: `python docs/gallery/twins.py`. One scene by every camera, what each is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

import lichtbild as lb
from lichtbild.simulate import SCENES, Lens, Module, Shot, TracedLens, load_body, make_scene, shoot

HERE = Path(__file__).resolve().parent
Picture = npt.NDArray[np.uint8]
INK, PAPER = (235, 235, 235), (24, 24, 24)
# One lens of each body, and what each is shrunk to: 240 rows of the whole picture.
TWINS = (("p9", "colour"), ("lumia1020", "full"), ("galaxy-camera", "23mm"), ("quad-48", "binned"))
ROWS = 240


def labelled(picture: Picture, text: str) -> Picture:
    strip = Image.new("RGB", (picture.shape[1], 22), PAPER)
    ImageDraw.Draw(strip).text((5, 11), text, fill=INK, font=ImageFont.load_default(size=13), anchor="lm")
    return np.concatenate([np.asarray(strip), picture])


def grid(tiles: list[Picture], columns: int) -> Picture:
    height, width = (max(t.shape[k] for t in tiles) for k in (0, 1))
    padded = [np.pad(t, ((0, height - t.shape[0] + 4), (0, width - t.shape[1] + 4), (0, 0)), constant_values=24)
              for t in tiles]  # fmt: skip
    padded += [np.full_like(padded[0], 24)] * (-len(padded) % columns)
    rows = [np.concatenate(padded[k : k + columns], 1) for k in range(0, len(padded), columns)]
    return np.concatenate(rows)


def save(name: str, picture: Picture) -> None:
    path = HERE / f"{name}.jpg"
    for quality in (85, 75, 65, 55):
        Image.fromarray(picture).save(path, quality=quality, optimize=True)
        if path.stat().st_size < 150_000:
            break
    print(f"{path.name}: {picture.shape[1]} x {picture.shape[0]}, {path.stat().st_size // 1000} kB", flush=True)


def scenes() -> None:
    """All scenes by name, as they are: no camera."""
    tiles = []
    for name in SCENES:
        if name == "flat":
            continue
        scene = make_scene(name, (150, 200), oversampling=1.5, margin_px=16)
        light = scene.ground.copy()
        for layer in scene.layers[1:]:
            assert layer.centre_px is not None
            top, left = (round((c + 16) * 1.5 - n / 2) for c, n in zip(layer.centre_px[::-1], layer.light.shape[1:],
                                                                       strict=True))  # fmt: skip
            cut = tuple(slice(max(0, a), min(n, a + m)) for a, m, n in
                        zip((top, left), layer.light.shape[1:], light.shape[1:], strict=True))  # fmt: skip
            part = layer.light[:, cut[0].start - top : cut[0].stop - top, cut[1].start - left : cut[1].stop - left]
            view = light[:, cut[0], cut[1]]
            view *= 1 - part[3]
            view += part[:3]
        gain = {"stars": 40.0, "backlit": 0.7}.get(name, 0.9 / np.quantile(light, 0.97))
        shown = np.clip(light * gain, 0, 1) ** (1 / 2.2)
        tiles.append(labelled(np.rint(255 * np.moveaxis(shown, 0, 2)).astype(np.uint8), name))
    save("scenes", grid(tiles, 4))


def cameras() -> None:
    """The town by every twin: as wide as its lens sees, with its light, noise and colour."""
    tiles = []
    for name, module_name in TWINS:
        module = load_body(name).module(module_name)
        shot = Shot(name, module_name, shrink=module.rows / ROWS, frames=1, lux=60.0, motion="hand", seed=3)
        made = shoot("harbour", shot)
        photo = lb.develop(made.burst())
        tiles.append(labelled(photo.pixels, f"{name} {module_name}, ISO {made.iso:.0f}"))
    save("twins_town", grid(tiles, 3))


def small(module: Module) -> tuple[int, int]:
    """Rows and columns of the whole picture, shrunk."""
    height, width = (int(n * ROWS / module.rows) // 4 * 4 for n in module.shape)
    return height, width


def curve(draw: ImageDraw.ImageDraw, size: int, x: np.ndarray, y: np.ndarray, colour: tuple[int, int, int]) -> None:
    points = [(float(a) * (size - 1), float(1 - b) * (size - 1)) for a, b in zip(x, y, strict=True)]
    draw.line(points, fill=colour, width=2)


def _noise(module: Module, lens: Lens | TracedLens) -> Picture:
    """Signal over noise against light, both logarithmic over four decades, ISO 100 and 1600."""
    picture = Image.new("RGB", (160, 160), (40, 40, 40))
    draw = ImageDraw.Draw(picture)
    sensor = module.sensor()
    x = np.linspace(0, 1, 80)
    for iso, colour in ((100.0, (250, 220, 120)), (1600.0, (120, 190, 250))):
        signal = 10 ** (4 * x - 4)
        noise = sensor.noise(iso)
        snr = signal / np.sqrt(noise.alpha[1] * signal + noise.beta[1])
        curve(draw, 160, x, np.clip(np.log10(np.maximum(snr, 1e-3)) / 2.5, 0, 1), colour)
    return np.asarray(picture)


def _grid_of(module: Module, lens: Lens | TracedLens) -> Picture:
    """Straight lines as the lens shows them, the departure drawn five times as large."""
    picture = Image.new("RGB", (213, 160), (40, 40, 40))
    draw = ImageDraw.Draw(picture)
    height, width = shape = small(module)
    t = np.linspace(0, 1, 60)
    for k in np.linspace(0, 1, 9):
        for x, y in ((t * width, np.full(60, k * height)), (np.full(60, k * width), t * height)):
            u, v = lens.to_raw(x, y, shape)
            points = [((a + 5 * (p - a)) / width * 212, (b + 5 * (q - b)) / height * 159)
                      for a, b, p, q in zip(x, y, u, v, strict=True)]  # fmt: skip
            draw.line(points, fill=(230, 230, 230))
    return np.asarray(picture)


def _shading(module: Module, lens: Lens | TracedLens) -> Picture:
    """Light over the picture, the middle white."""
    gain = lens.shading_gain(small(module), (1, 1, 1, 1))[..., 1]
    light = Image.fromarray((255 / gain).astype(np.uint8)).resize((213, 160), Image.Resampling.BICUBIC)
    return np.asarray(light.convert("RGB"))


def _points(module: Module, lens: Lens | TracedLens) -> Picture:
    """Images of a point from the middle to the corner, square root, without pixels."""
    if not isinstance(lens, TracedLens):
        return labelled(np.full((138, 160, 3), 40, np.uint8), "told by figures")
    shares = np.array([0.0, 0.33, 0.66, 1.0])
    patterns = lens.field.at(lens.field.radii_mm[-1] * shares * 0.8, lens.field.radii_mm[-1] * shares * 0.6)
    middle = patterns.shape[-1] // 2
    cut = slice(middle - 20, middle + 20)
    tiles = [np.sqrt(np.moveaxis(p[:, cut, cut] / p[:, cut, cut].max(), 0, 2)) for p in patterns]
    rows = [np.concatenate(tiles[k : k + 2], 1) for k in (0, 2)]
    return np.rint(255 * np.concatenate(rows).repeat(2, 0).repeat(2, 1)).astype(np.uint8)


PLOTS: dict[str, Callable[[Module, Lens | TracedLens], Picture]] = {
    "points, middle to corner": _points, "grid, bent x 5": _grid_of, "light": _shading, "S/N, ISO 100, 1600": _noise,
}  # fmt: skip


def made_of() -> None:
    """Point-spread functions, distortion, shading and noise of every twin."""
    tiles = []
    for name, module_name in TWINS:
        body = load_body(name)
        module = body.module(module_name)
        lens = module.camera(body, small(module), module.rows / ROWS).lens
        tiles += [labelled(plot(module, lens), f"{name}: {title}") for title, plot in PLOTS.items()]
    save("twins_made_of", grid(tiles, 4))


if __name__ == "__main__":
    scenes()
    cameras()
    made_of()
