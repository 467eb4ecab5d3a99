"""Do other programs read what the virtual cameras write? Colours, white balance, crop, orientation of a ColorChecker.

    .venv/bin/python benchmarks/raw_readers.py [--camera galaxy-camera]

A chart is photographed by a twin (spectra through its filters, its own lens, noise of ISO 100), written as DNG and
developed by LibRaw (rawpy), RawTherapee (rawtherapee-cli, neutral profile) and darktable (darktable-cli, no tone
curve), as shot. exiftool validates the file. Patches are found where the truth says; compared is the picture scaled so
that the fourth grey patch is right (raw developers set brightness as they like), by CIEDE2000 against the chart in the
light it stood in. White balance: how far the greys are from neutral (chroma). A second file says that it lies on its
side.
Programs that are not installed are said so: apt-get install rawtherapee darktable libimage-exiftool-perl.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from lichtbild.core import Domain, Frame
from lichtbild.core.colour_space import D50_XY, SRGB_TO_XYZ, bradford, delta_e_2000, srgb_decode, xy_to_xyz, xyz_to_lab
from lichtbild.core.spectra import colorchecker, illuminant, xyz_of
from lichtbild.output import write_dng
from lichtbild.simulate import Shot, Simulation, shoot

SIZE = (384, 576)
LIGHTS = ("D65", "A", "LED-B3")
GREY = 21  # neutral 5


def libraw(path: Path, _: Path) -> np.ndarray:
    import rawpy

    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(use_camera_wb=True, no_auto_bright=True, gamma=(1, 1), output_bps=16) / 65535.0


def rawtherapee(path: Path, folder: Path) -> np.ndarray:
    out = folder / f"{path.stem}-rt.tif"
    subprocess.run(["rawtherapee-cli", "-q", "-o", str(out), "-t", "-b16", "-Y", "-c", str(path)], check=True,
                   capture_output=True)  # fmt: skip
    return srgb_decode(tifffile.imread(out) / 65535.0)


def darktable(path: Path, folder: Path) -> np.ndarray:
    out = folder / f"{path.stem}-dt.tif"
    core = ["--core", "--configdir", str(folder / "dt"), "--library", ":memory:", "--conf",
            "plugins/darkroom/workflow=none", "--conf", "plugins/imageio/format/tiff/bpp=16"]  # fmt: skip
    subprocess.run(["darktable-cli", str(path), str(out), "--icc-type", "SRGB", *core], check=True, capture_output=True)
    return srgb_decode(tifffile.imread(out)[..., :3] / 65535.0)


READERS: dict[str, tuple[str | None, Callable[[Path, Path], np.ndarray]]] = {
    "LibRaw": (None, libraw),
    "RawTherapee": ("rawtherapee-cli", rawtherapee),
    "darktable": ("darktable-cli", darktable),
}


def patches_of(picture: np.ndarray, simulation: Simulation) -> np.ndarray:
    """Means [24, 3] of the middles of the patches; crops of a few px are allowed for by scaling."""
    height, width = simulation.shape
    sy, sx = picture.shape[0] / height, picture.shape[1] / width
    found = []
    lens = simulation.camera.lens
    for patch in simulation.scene_truth["patches"]:
        left, top, right, bottom = patch["box_px"]
        x, y = lens.to_raw(np.array([(left + right) / 2]), np.array([(top + bottom) / 2]), simulation.shape)
        cy, cx, half = int(y[0] * sy), int(x[0] * sx), int((right - left) * 0.18 * sx)
        found.append(picture[cy - half : cy + half, cx - half : cx + half].mean((0, 1)))
    return np.array(found)


def compare(rgb: np.ndarray, light: str) -> tuple[float, float, float]:
    """Mean and largest CIEDE2000 of the patches, chroma of the four middle greys."""
    spectrum = illuminant(light)
    white, d50 = xyz_of(spectrum), xy_to_xyz(D50_XY)
    wanted = xyz_of(colorchecker()[1] * spectrum) @ bradford(white, d50).T
    seen = rgb @ (bradford(SRGB_TO_XYZ.sum(1), d50) @ SRGB_TO_XYZ).T
    seen = seen * (wanted[GREY, 1] / seen[GREY, 1])
    labs = xyz_to_lab(seen, d50), xyz_to_lab(wanted, d50)
    errors = delta_e_2000(*labs)
    chroma = np.hypot(*(labs[0] - labs[1])[19:23, 1:].T).max()
    return float(errors.mean()), float(errors.max()), float(chroma)


def written(simulation: Simulation, path: Path, orientation: int = 1) -> None:
    info = dataclasses.replace(simulation.info(0, path.name), orientation=orientation)
    write_dng(path, Frame(simulation.stored(0), Domain.MOSAIC, info, info.noise), software="lichtbild simulate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--camera", default="galaxy-camera")
    given = parser.parse_args()
    print("## Other programs read the virtual camera's files\n")
    print(f"A ColorChecker before `{given.camera}`, by spectra; CIEDE2000 with the fourth grey matched.\n")
    print("| light | program | mean dE00 | max dE00 | chroma of greys | picture | on its side |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warned = []
        for light in LIGHTS:
            shot = Shot(given.camera, size=SIZE, frames=1, iso=100.0, motion="still", shrink=4.0)
            simulation = shoot(f"colorchecker:light={light}", shot)
            upright, turned = folder / f"{light}.dng", folder / f"{light}-turned.dng"
            written(simulation, upright)
            written(simulation, turned, 6)
            if shutil.which("exiftool"):
                said = subprocess.run(["exiftool", "-validate", "-warning", "-error", "-a", str(upright)],
                                      capture_output=True, text=True)  # fmt: skip
                warned.append(said.stdout.strip().split(":")[-1].strip())
            for program, (command, read) in READERS.items():
                if command and shutil.which(command) is None:
                    print(f"| {light} | {program} | not installed | | | | |")
                    continue
                try:
                    picture = read(upright, folder)
                    mean, most, chroma = compare(patches_of(picture, simulation), light)
                    side = read(turned, folder)
                except (subprocess.CalledProcessError, OSError) as error:
                    print(f"| {light} | {program} | failed: {error} | | | | |")
                    continue
                is_turned = side.shape[0] > side.shape[1]
                print(f"| {light} | {program} | {mean:.2f} | {most:.2f} | {chroma:.2f} |"
                      f" {picture.shape[1]} x {picture.shape[0]} of {SIZE[1]} x {SIZE[0]} |"
                      f" {'turned' if is_turned else 'NOT turned'} |")  # fmt: skip
        print(f"\nexiftool -validate: {', '.join(warned) or 'not installed'}.\n")


if __name__ == "__main__":
    main()
