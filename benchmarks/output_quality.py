"""What becomes of a picture in a file: `python benchmarks/output_quality.py` prints tables (Markdown).

- Gain maps: a simulated burst and a made-up scene with lamps are rendered for SDR and for three stops more;
  the JPEG is decoded by libultrahdr (imagecodecs); |log2| of its luminance over our HDR picture's, where that is above
  5 % of SDR white. What Chromium shows of the file is photographed and compared with the plain decoder's picture.
- JPEG coders: bytes at the quality where 95 % of cells of 2 x 2 px differ by at most 1 CIEDE2000.
- Metadata: the tag list of tests/unit/test_output_picture.py, read back by exiftool.
- Credentials: what the consortium's reader says of files signed with a chain made here.
- Negatives: what LibRaw, RawTherapee and darktable make of every form, and what exiftool -validate says.
What is not installed is named in its place.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from chromium_shows import browser, difference
from lichtbild import api
from lichtbild.core import Domain, Frame
from lichtbild.output import Photo, bayer_negative, write_dng, write_jpeg
from lichtbild.output.jpeg import JpegOptions

TESTS = Path(__file__).resolve().parent.parent / "tests"
LUMA = np.array([0.2126, 0.7152, 0.0722])
HEADROOM_EV = 3.0


def from_tests(path: str) -> Any:
    """A module of the tests: the same lists and scenes are measured here."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, TESTS / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def burst(folder: Path, *words: str) -> Photo:
    """A simulated burst, developed for SDR and HDR."""
    from lichtbild.cli import main

    assert main(["simulate", "-o", str(folder / "shot"), "--size", "1600x1200", "--quiet", "--force", *words]) == 0
    return api.develop(folder / "shot", headroom_ev=HEADROOM_EV)


def gain_maps(photo: Photo, folder: Path) -> None:
    lamps = from_tests("unit/test_output_gain_map.py").renderings(1200, 1600)
    rows = [("simulated burst, ISO 200", photo.display, photo.hdr), ("lamps with hard edges", *lamps)]
    print("### Gain maps (ISO 21496-1 and XMP in one JPEG)\n")
    print("| scene | quality | p50 EV | p95 EV | p99 EV | file | of it map | CPU s | Chromium differs, codes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, display, hdr in rows:
        for quality in (95, 98):
            with_map, plain = folder / "a.jpg", folder / "b.jpg"
            start = time.process_time()
            write_jpeg(with_map, display, hdr=hdr, quality=quality, force=True)
            seconds = time.process_time() - start
            write_jpeg(plain, display, quality=quality, force=True)
            decoded = imagecodecs.ultrahdr_decode(with_map.read_bytes(), dtype="float16")[..., :3]
            seen, wanted = decoded.astype(np.float64) @ LUMA, hdr @ LUMA
            lit = wanted > 0.05
            p50, p95, p99 = np.percentile(np.abs(np.log2(np.maximum(seen[lit], 1e-6) / wanted[lit])), (50, 95, 99))
            size, bare = with_map.stat().st_size, plain.stat().st_size
            shown = f"{difference(with_map, folder):.2f}" if browser() else "not installed"
            print(
                f"| {name} | {quality} | {p50:.3f} | {p95:.3f} | {p99:.3f} | {size / 1e6:.2f} MB "
                f"| {(size - bare) / size:.0%} | {seconds:.2f} | {shown} |"
            )
    print("\nGoal: p50 0.02, p95 0.10 EV. What is left at quality 95 is the coding of the SDR picture itself.\n")


def coders(photo: Photo, folder: Path) -> None:
    print("### JPEG coders at one visible difference\n")
    print("| coder | bytes | of libjpeg-turbo |")
    print("|---|---|---|")
    first = 0
    for coder in ("fast", "progressive", "small"):
        path = folder / "c.jpg"
        write_jpeg(path, photo.display, options=JpegOptions(coder=coder, difference=1.0), force=True)
        size = path.stat().st_size
        first = first or size
        print(f"| {coder} | {size} | {size / first:.0%} |")
    print()


def metadata(folder: Path) -> None:
    known = from_tests("unit/test_output_picture.py")
    print("### Metadata\n")
    print(f"| format | of {len(known.WANTED)} tags | exiftool -validate |")
    print("|---|---|---|")
    negative = Frame(known.picture().astype(np.float32), Domain.CAMERA_RGB, known.display().info, known.NOISE)
    photo = Photo(known.display(bits=16), negative, known.REPORT)
    for suffix in ("jpg", "heic", "avif", "jxl", "tif", "png", "dng"):
        path = folder / f"m.{suffix}"
        photo.save(path, force=True)
        words = ["exiftool", "-n", "-j", *(f"-{name}" for name in known.WANTED), str(path)]
        if not shutil.which("exiftool"):
            print(f"| {suffix} | not installed | not installed |")
            continue
        told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)[0]
        kept = sum(
            np.isclose(told[k], v) if isinstance(v, float) and k in told else told.get(k) == v
            for k, v in known.WANTED.items()
        )
        print(f"| {suffix} | {kept} | {validated(path)} |")
    print()


def validated(path: Path) -> str:
    """What exiftool -validate has to say."""
    words = ["exiftool", "-validate", "-warning", "-a", "-s3", str(path)]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return "; ".join(dict.fromkeys(lines)) if lines else "no answer"


def credentials(photo: Photo, folder: Path) -> None:
    print("### Content credentials (C2PA)\n")
    known = from_tests("e2e/test_output_files.py")
    try:
        signer = known.made_credentials(folder)
    except ImportError as error:
        print(f"{error.name} is not installed.\n")
        return
    print("| format | state | problems but that nobody knows the signer | bytes more | CPU s |")
    print("|---|---|---|---|---|")
    for suffix in ("jpg", "heic", "avif", "jxl", "tif", "png", "dng"):
        plain, path = folder / f"p.{suffix}", folder / f"s.{suffix}"
        start = time.process_time()
        photo.save(plain, force=True)
        middle = time.process_time()
        photo.save(path, force=True, credentials=signer)
        seconds = max(time.process_time() - 2 * middle + start, 0)
        state, problems, _ = known.state_of(path)
        more = path.stat().st_size - plain.stat().st_size
        print(f"| {suffix} | {state} | {', '.join(problems) or 'none'} | {more} | {seconds:.2f} |")
    print()


def negatives(folder: Path) -> None:
    known = from_tests("e2e/test_output_developers.py")
    print("### Negatives in other developers\n")
    print("| form | coding | bytes | LibRaw | darktable | RawTherapee | exiftool -validate |")
    print("|---|---|---|---|---|---|---|")
    linear = known.frame("linear")
    for form, frame in (
        ("mosaic, 16 bit", bayer_negative(linear)),
        ("linear, 16 bit", linear),
        ("linear, half", linear),
    ):
        codings: list[tuple[str, dict[str, Any]]] = [
            ("JPEG", {}),
            ("JPEG XL", {"coding": "jxl"}),
            ("none", {"compress": False}),
        ]
        if "half" in form:
            codings = [("Deflate", {"is_half": True}), ("none", {"is_half": True, "compress": False})]
        for coding, words in codings:
            path = folder / "n.dng"
            write_dng(path, frame, force=True, **words)
            plain = folder / "plain.dng"
            write_dng(plain, frame, force=True, **(words | {"compress": False, "coding": "jpeg"}))
            cells = [
                libraw(path, plain),
                *(developed(known, name, path, folder) for name in ("darktable-cli", "rawtherapee-cli")),
            ]
            said = validated(path) if shutil.which("exiftool") else "not installed"
            print(f"| {form} | {coding} | {path.stat().st_size} | {' | '.join(cells)} | {said} |")
    print(
        "\nColour: correlation of the picture's warmth with the scene's; grey: mean chroma of a grey quarter in codes."
    )


def libraw(path: Path, plain: Path) -> str:
    """Whether LibRaw reads the same numbers as from the plain file."""
    try:
        import rawpy
    except ImportError:
        return "not installed"
    try:
        with rawpy.imread(str(path)) as one, rawpy.imread(str(plain)) as other:
            return "bit exact" if np.array_equal(one.raw_image_visible, other.raw_image_visible) else "differs"
    except rawpy.LibRawError:
        return "refuses"


def developed(known: Any, developer: str, path: Path, folder: Path) -> str:
    """How well the colours of the scene come out."""
    if shutil.which(developer) is None:
        return "not installed"
    place = folder / developer
    place.mkdir(exist_ok=True)
    (place / "developed.png").unlink(missing_ok=True)
    try:
        picture = known.developed(developer, path, place)
    except AssertionError:
        return "refuses"
    trim = (known.HEIGHT - picture.shape[0]) // 2, (known.WIDTH - picture.shape[1]) // 2
    scene = known.scene()[trim[0] : trim[0] + picture.shape[0], trim[1] : trim[1] + picture.shape[1]]
    if picture.std() < 1:
        return "blank"
    warmth = [(v[..., 0] - v[..., 2]).ravel() for v in (scene, picture)]
    grey = picture[40 : known.HEIGHT // 2 - 40, known.WIDTH // 2 + 40 : -40]
    chroma = np.abs(grey - grey.mean(-1, keepdims=True)).mean()
    return f"colour {np.corrcoef(*warmth)[0, 1]:.3f}, grey {chroma:.1f}"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("# Files\n")
        photo = burst(folder, "--frames", "4", "--iso", "200")
        assert photo.hdr is not None
        print(f"A simulated burst, {photo.display.shape[1]} x {photo.display.shape[0]} px.\n")
        for table in (gain_maps, coders, credentials):
            table(photo, folder)
        for other in (metadata, negatives):
            other(folder)


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS / "unit"))
    main()
