"""What Chromium shows of our files: `python benchmarks/chromium_shows.py FILE [FILE ...] [-o DIR]`.

Every picture is opened in a headless Chromium on an sRGB screen and photographed (`--screenshot`); the mean difference
to the picture as its own library decodes it is printed, in codes of 8 bits. Screenshots stay in DIR.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The command of an installed Chromium, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def screenshot(file: Path, folder: Path, timeout_s: float = 120) -> npt.NDArray[np.uint8]:
    """The pixels [H, W, 3] that Chromium shows of a picture at its own size.

    Raises
    ------
    RuntimeError
        If there is no browser, or it made no screenshot.
    """
    command = browser()
    if command is None:
        raise RuntimeError("Chromium is not installed")
    with Image.open(file) as picture:
        width, height = picture.size
    page, out = folder / f"{file.stem}.html", folder / f"{file.stem}-{file.suffix[1:]}.png"
    page.write_text(
        f"<style>body{{margin:0;background:#808080}}img{{display:block}}</style><img src='{file.resolve().as_uri()}'>"
    )
    # The window has a frame of some height even without a screen; what is below the picture is cut off.
    words = [
        command, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb",
        "--force-device-scale-factor=1", "--allow-file-access-from-files", f"--window-size={width},{height + 200}",
        "--virtual-time-budget=5000", f"--user-data-dir={folder / 'profile'}", f"--screenshot={out}", page.as_uri(),
    ]  # fmt: skip
    home = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, env=home, check=False)
    if not out.exists():
        raise RuntimeError(done.stderr[-500:])
    with Image.open(out) as shown:
        return np.asarray(shown.convert("RGB"))[:height, :width]


def in_srgb(file: Path) -> npt.NDArray[np.uint8]:
    """The picture as Pillow decodes it, in sRGB by lcms2."""
    import io

    with Image.open(file) as picture:
        profile = picture.info.get("icc_profile")
        rgb = picture.convert("RGB")
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(rgb, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb) or rgb
    return np.asarray(rgb)


def difference(file: Path, folder: Path) -> float:
    """Mean difference in codes between what Chromium shows and what Pillow decodes."""
    shown, wanted = screenshot(file, folder), in_srgb(file)
    return float(np.abs(shown.astype(np.float64) - wanted).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.output or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for file in arguments.files:
            print(f"{file.name}: mean difference {difference(file, folder):.2f} codes", flush=True)


if __name__ == "__main__":
    main()
