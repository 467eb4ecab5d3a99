"""The product's stages and the best libraries at the same job, in one run: `speed_peers.py A.dng B.dng`.

Prints a Markdown table of processor milliseconds a megapixel, all threads together, the least of several calls. The
jobs are alike, not the same: what each side does stands in its column, and where the peer does less it says so. A
library that is not installed is left out.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lichtbild import api
from lichtbild.core import Domain, Frame
from lichtbild.pipelines import intake
from lichtbild.pipelines.finishing import camera_rows
from lichtbild.stages import lens
from lichtbild.stages.align import AlignParams, align, guide, pyramid
from lichtbild.stages.defects import DefectFacts, DefectParams, repair
from lichtbild.stages.demosaic import DemosaicParams, demosaic
from lichtbild.stages.denoise import denoise_rgb
from lichtbild.stages.linearise import linearise
from lichtbild.stages.merge import MergeParams, Merger
from lichtbild.stages.quad_bayer import QuadBayerParams

Array = np.ndarray[Any, Any]
Row = tuple[str, str, float, list[tuple[str, float]]]


def cost(work: Callable[[], object], megapixels: float, n_calls: int = 4) -> float:
    """Processor milliseconds a megapixel; the first call of several is left out: it makes tables and fresh memory."""
    times = []
    for _ in range(n_calls):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1e3 * min(times[1:] or times) / megapixels


def rows_of(files: list[str]) -> list[Row]:
    """One row a job: its name, what the product does, what that costs, and the peers."""
    import cv2

    burst = api.read(files)
    plan, reference = intake.plan(burst, QuadBayerParams())
    other = intake.load(plan, 1 - plan.reference)
    balance, size = plan.white_balance, reference.pixels.size / 1e6
    rgb = camera_rows(reference, 0, reference.shape[0], balance, DemosaicParams())
    stored = burst.sources[plan.reference].read()
    as_stored = Frame(stored, Domain.MOSAIC, burst.sources[plan.reference].info, reference.noise)
    gain = np.full(stored.shape, 1.1, np.float32)
    display = np.ascontiguousarray(np.clip(np.sqrt(np.maximum(rgb.pixels, 0)) * 255, 0, 255).astype(np.uint8))
    return [
        ("stored numbers to light, with gain maps", "`linearise`", cost(lambda: linearise(as_stored), size),
         [("NumPy, a gain ready at full size", cost(lambda: by_numpy(stored, gain), size))]),
        ("hot pixels", "`defects`, by the noise model",
         cost(lambda: repair(reference, DefectFacts.none(), DefectParams()), size),
         [("OpenCV, median of 5 x 5 of each site, threshold", cost(lambda: by_median(cv2, reference.pixels), size))]),
        ("demosaicing", "`demosaic`, directional", cost(lambda: demosaic(reference, balance), size),
         [("OpenCV, bilinear", cost(lambda: cv2.demosaicing(stored, cv2.COLOR_BayerRGGB2RGB), size)),
          ("OpenCV, edge-aware", cost(lambda: cv2.demosaicing(stored, cv2.COLOR_BayerRGGB2RGB_EA), size))]),
        ("denoising", "`denoise`, five scales", cost(lambda: denoise_rgb(rgb, balance), size),
         [("OpenCV, non-local means, of 8 bits", nl_means(cv2, display))]),
        ("lens, each plane from its own place", "`lens`, six taps",
         cost(lambda: lens.correct(rgb, lens.LensParams()), size),
         [("OpenCV remap, four taps, maps ready", by_remap(cv2, rgb.pixels, cv2.INTER_CUBIC)),
          ("OpenCV remap, eight taps, maps ready", by_remap(cv2, rgb.pixels, cv2.INTER_LANCZOS4))]),
        ("one more frame aligned and merged", "`align` + `merge`, robust", one_more(reference, other, rgb, balance),
         [("OpenCV: demosaic, ECC at half size, warp, sum; not robust", by_ecc(cv2, reference.pixels, stored))]),
        ("JPEG, quality 95, 4:4:4", "libjpeg-turbo", cost(lambda: coded(display), size), by_others(display)),
    ]  # fmt: skip


def by_numpy(stored: Array, gain: Array) -> Array:
    return (stored.astype(np.float32) - np.float32(64)) * np.float32(1 / 959) * gain


def by_median(cv2: Any, mosaic: Array) -> Array:
    out = mosaic.copy()
    for i in (0, 1):
        for j in (0, 1):
            site = np.ascontiguousarray(mosaic[i::2, j::2])
            middle = cv2.medianBlur(site, 5)
            out[i::2, j::2] = np.where(np.abs(site - middle) > 0.15, middle, site)
    return out


def nl_means(cv2: Any, display: Array) -> float:
    part = np.ascontiguousarray(display[:400, :600])
    return cost(
        lambda: cv2.fastNlMeansDenoisingColored(part, None, 5, 5, 7, 21), part.shape[0] * part.shape[1] / 1e6, 2
    )


def by_remap(cv2: Any, pixels: Array, how: int) -> float:
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [np.ascontiguousarray(pixels[:, :, k]) for k in range(3)]
    maps = [(x * s + 2, y * s + 2) for s in (np.float32(0.999), np.float32(0.998), np.float32(0.997))]

    def work() -> Array:
        warped = [cv2.remap(p, *m, how) for p, m in zip(planes, maps, strict=True)]
        return np.asarray(cv2.merge(warped))

    return cost(work, height * width / 1e6)


def one_more(reference: Any, other: Any, rgb: Any, balance: tuple[float, float, float]) -> float:
    found, merger = guide(reference, balance), Merger(reference, rgb, balance, MergeParams())

    def work() -> None:
        merger.add(other, align(found, pyramid(other, balance), AlignParams(), None))

    return cost(work, reference.pixels.size / 1e6)


def by_ecc(cv2: Any, reference: Array, stored: Array) -> float:
    half = cv2.resize(reference, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    total = np.zeros((*stored.shape, 3), np.float32)
    moved = np.ascontiguousarray(np.roll(half, (3, 2), (0, 1)))
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-5)

    def work() -> None:
        _, matrix = cv2.findTransformECC(half, moved, np.eye(2, 3, dtype=np.float32), cv2.MOTION_EUCLIDEAN, stop)
        picture = cv2.demosaicing(stored, cv2.COLOR_BayerRGGB2RGB_EA).astype(np.float32)
        matrix[:, 2] *= 2
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        cv2.accumulate(cv2.warpAffine(picture, matrix, stored.shape[::-1], flags=flags), total)

    return cost(work, stored.size / 1e6, 3)


def coded(display: Array) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(display, level=95, subsampling="444"))


def by_others(display: Array) -> list[tuple[str, float]]:
    import io

    import cv2
    from PIL import Image

    size = display.shape[0] * display.shape[1] / 1e6
    how = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    picture = Image.fromarray(display)
    return [
        ("Pillow", cost(lambda: picture.save(io.BytesIO(), "JPEG", quality=95, subsampling=0), size)),
        ("OpenCV", cost(lambda: cv2.imencode(".jpg", display, how), size)),
    ]


def table(files: list[str]) -> list[str]:
    """The Markdown table."""
    lines = ["| job | here | ms a MP | peer | ms a MP |", "|---|---|--:|---|--:|"]
    for job, what, own, peers in rows_of(files):
        for k, (peer, theirs) in enumerate(peers):
            first = f"| {job} | {what} | {own:.1f}" if k == 0 else "| | | "
            lines.append(f"{first} | {peer} | {theirs:.1f} |")
    return lines


def developers(file: Path, folder: Path) -> list[tuple[str, list[str]]]:
    """(name, command) of the raw developers that are installed, to make a JPEG or TIFF of `file` as they do by
    themselves, in `folder`."""
    found = []
    if shutil.which("rawtherapee-cli"):
        found.append(("RawTherapee", ["rawtherapee-cli", "-o", str(folder / "rt.jpg"), "-j95", "-Y", "-c", str(file)]))
    if shutil.which("darktable-cli"):
        core = ["--core", "--configdir", str(folder), "--library", ":memory:"]
        found.append(("darktable", ["darktable-cli", str(file), str(folder / "dt.jpg"), *core]))
    if importlib.util.find_spec("rawpy"):
        code = f"import rawpy; rawpy.imread({str(file)!r}).postprocess()"
        found.append(("LibRaw (AHD)", [sys.executable, "-c", code]))
    return found


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit("two DNG files of one burst are wanted")
    print("\n".join(table(sys.argv[1:])))


if __name__ == "__main__":
    main()
