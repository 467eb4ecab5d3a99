"""Makes the pictures of `lens.md`: `python docs/gallery/lens.py`. Blur and fringes undone, a camera set upright."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

import lichtbild as lb
from lichtbild import simulate
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.profile_traced import traced_profile
from lichtbild.optics.psf_field import psf_field, through_pixels

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
Picture = npt.NDArray[np.uint8]
INK, PAPER = (235, 235, 235), (24, 24, 24)


def beside(entries: dict[str, Picture]) -> Picture:
    columns = []
    for text, picture in entries.items():
        strip = Image.new("RGB", (picture.shape[1], 24), PAPER)
        ImageDraw.Draw(strip).text((5, 12), text, fill=INK, font=ImageFont.load_default(size=14), anchor="lm")
        columns += [
            np.concatenate([np.asarray(strip), picture]),
            np.full((picture.shape[0] + 24, 6, 3), PAPER, np.uint8),
        ]
    return np.concatenate(columns[:-1], axis=1)


def save(name: str, picture: Picture) -> None:
    Image.fromarray(picture).save(HERE / f"{name}.jpg", quality=86)
    print(f"{name}.jpg {(HERE / f'{name}.jpg').stat().st_size // 1024} kB")


def shown(light: npt.NDArray[np.floating], times: int = 2) -> Picture:
    """Linear grey-balanced light [3, h, w] as sRGB."""
    from lichtbild.core.colour_space import srgb_encode

    grey = np.clip(srgb_encode(np.clip(light.transpose(1, 2, 0) * 1.6, 0, 1)) * 255 + 0.5, 0, 255).astype(np.uint8)
    return grey.repeat(times, 0).repeat(times, 1)


def blur() -> None:
    import lens_quality as lq
    from lichtbild.optics.field import through_focus_mm

    lens = read_lens(ROOT / "src" / "lichtbild" / "cameras" / "lenses" / "prime_35_f2.json")
    lens = lens.focused(through_focus_mm(lens))
    pixel = 2 * lens.image_radius_mm / math.hypot(*lq.SHAPE)
    field = psf_field(lens, lens.image_radius_mm, pixel / 8, 129, n_radii=6)
    transfer = traced_profile(lens, lq.SHAPE, n_radii=6).transfer
    assert transfer is not None
    scene, place = lq.scene(), 0.8
    light = lq.seen(scene, through_pixels(field.at(np.zeros(1), np.array([place * lq.profile_radius(field)]))[0],
                                          field.pitch_mm, pixel, lq.TAPS))  # fmt: skip
    _, raw, quiet = lq.taken(light, 8, 800, 1)
    done = lq.restored(quiet, raw, transfer, place)
    cut = np.s_[:, 40:200, 90:330]
    before = quiet.pixels.transpose(2, 0, 1)
    rows = {
        "eight frames, ISO 800": shown(before[cut]),
        "the lens undone": shown(done[cut]),
        "an ideal lens": shown(lq.seen(scene, lq.ideal_weights())[cut]),
    }
    save("lens_blur", beside(rows))


def fringes() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    from test_pipeline_lens import burst, leaves

    taken = burst(leaves(), ((5e-3, 0.0, 0.0), (0.0, 0.0, 0.0), (-6e-3, 0.0, 0.0)))
    cut = np.s_[10:170, 10:250]
    rows = {}
    for text, how in (("as taken, corner", "told"), ("lateral colour found, undone in the mosaic", "automatic")):
        picture = lb.develop(taken, {"lens": {"lateral_colour": how}}).pixels
        rows[text] = picture[cut].repeat(2, 0).repeat(2, 1)
    save("lens_fringes", beside(rows))


def upright() -> None:
    shape = (600, 800)
    scene = simulate.procedural_scene(shape)
    angle = math.radians(4.0)
    middle = np.array([shape[1] / 2, shape[0] / 2])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    affine = np.concatenate([turn, (middle - turn @ middle)[:, None]], 1)[None]
    camera = dataclasses.replace(simulate.virtual_phone(), lens=simulate.Lens(psf_sigma_px=0.45))
    taken = simulate.Simulation(scene, camera, n_frames=1, iso=100, shape=shape, affines=affine).burst()
    pictures = {
        "as held": lb.develop(taken).pixels,
        "upright, by its lines": lb.develop(taken, {"lens": {"upright": True}}).pixels,
    }
    rows = {}
    for text, picture in pictures.items():
        small = Image.fromarray(picture)
        rows[text] = np.asarray(small.resize((round(small.width * 330 / small.height), 330), Image.Resampling.LANCZOS))
    save("lens_upright", beside(rows))


if __name__ == "__main__":
    for make in (fringes, upright, blur):
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
