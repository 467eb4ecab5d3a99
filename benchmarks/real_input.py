"""Real pictures through inspect and develop: `python benchmarks/real_input.py -o docs/quality/real_input.md`.

The files lie in $LICHTBILD_DATA (default: ../shared/data beside the checkout); a set that is not there is named and
left out. Each shot is developed in a process of its own, so that processor time (user + system, decoding included)
and peak memory are its own. With `--pictures DIR` the photographs are kept as PNG, with the reference
frame alone beside those of bursts; they are not ours to publish.

Nothing here has a truth to be compared with. What is measured instead:

- the two-frame raw of a chart: noise in its flats (high-pass of the linear negative) and the spatial frequency response
  of a slanted edge, merged against the reference frame alone, demosaiced by the same code with nothing denoised;
- bursts of pictures: shift found, share of each frame that was used, contrast of fine detail and noise of the flattest
  blocks against the sharpest frame.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import lichtbild as lb
from lichtbild.capture import open_mosaic_array, open_picture_array
from lichtbild.core import Burst, ColourCalibration, LichtbildError

Array = npt.NDArray[Any]
DATA = Path(os.environ.get("LICHTBILD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

# XYZ (D65) of linear sRGB, for calibrations that are told as camera to linear sRGB.
SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
N900 = {
    (0.4234, 0.3990): [[1.6697, -0.2693, -0.4004], [-0.3576, 1.0615, 1.5949], [-0.2175, -1.8751, 6.9640]],
    (0.3064, 0.3166): [[2.2997, -0.4478, 0.1706], [-0.3826, 1.5906, -0.2080], [-0.0888, -0.7344, 2.2832]],
}  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One row: a shot, how it is opened, and the file that `inspect` is asked about."""

    name: str
    folder: str
    inspected: str
    open: Callable[[Path], Burst]


def files(*names: str) -> Callable[[Path], Burst]:
    return lambda folder: lb.read([folder / name for name in names] if len(names) > 1 else folder / names[0])


def one(source: Any, name: str) -> Burst:
    return Burst((source,), name)


def iso12233(folder: Path) -> Burst:
    """Frame B was read out upside down: turned by 180 degrees it has the Bayer phase of frame A."""
    first, second = (np.fromfile(next(folder.glob(f"*frame{k}*.raw")), "<u2").reshape(600, 1600) for k in "AB")
    second = np.ascontiguousarray(second[::-1, ::-1])
    frames = [open_mosaic_array(a, "BGGR", 64, 1023, name=f"frame{k}") for a, k in ((first, "A"), (second, "B"))]
    return Burst(tuple(frames), "iso12233")


def tonal(folder: Path) -> Burst:
    stored = np.fromfile(next(folder.glob("*.raw")), "<u2").reshape(1080, 1920)
    neutral = (1024 / 1860, 1.0, 1024 / 1280)
    return one(open_mosaic_array(stored, "RGGB", 0, 1020, as_shot_neutral=neutral, name="tonal"), "tonal")


def n900_calibration() -> ColourCalibration:
    """FCam's two matrices (camera to linear sRGB, the light's neutral made grey) as a dual-illuminant calibration.

    They hold the white balance of their light, so camera to XYZ of that light needs the light's colour put back: the
    neutral is what the matrix turns into equal numbers, and white-balanced camera to PCS is the matrix of it.
    """
    d50 = np.array([0.9642, 1.0, 0.8249])
    to_camera, to_pcs = [], []
    for xy, rows in N900.items():
        to_srgb = np.array(rows)
        neutral = np.linalg.solve(to_srgb, np.ones(3))
        to_d50 = np.diag(d50 / (SRGB_TO_XYZ @ np.ones(3))) @ SRGB_TO_XYZ @ to_srgb
        to_pcs.append(to_d50 @ np.diag(neutral))
        white = np.array([xy[0] / xy[1], 1.0, (1 - sum(xy)) / xy[1]])
        to_camera.append(np.linalg.inv(np.diag(white / d50) @ to_d50))
    return ColourCalibration(tuple(N900), tuple(to_camera), tuple(to_pcs))


def n900(folder: Path) -> Burst:
    raw = (folder / "bayer_2592_304.pgm").read_bytes()
    stored = np.frombuffer(raw[-2592 * 304 * 2 :], ">u2").reshape(304, 2592).astype(np.uint16)
    source = open_mosaic_array(stored, "GRBG", 25, 959, colour=n900_calibration(), name="n900")
    return one(source, "n900")


def imx219(folder: Path) -> Burst:
    stored = np.fromfile(next(folder.glob("*.bin")), np.uint8).reshape(480, 640)
    source = open_mosaic_array(stored, "RGGB", 16, 255, as_shot_neutral=(0.63, 1.0, 0.656), name="imx219")
    return one(source, "imx219")


def sequence(name: str) -> Callable[[Path], Burst]:
    def open_it(folder: Path) -> Burst:
        frames = np.load(folder / name)
        return Burst(tuple(open_picture_array(f, name=f"{name}[{k}]") for k, f in enumerate(frames)), name)

    return open_it


def matlab(name: str, variable: str) -> Callable[[Path], Burst]:
    """Frames [height, width, n] of a MATLAB file."""

    def open_it(folder: Path) -> Burst:
        import scipy.io

        frames = np.moveaxis(scipy.io.loadmat(folder / name)[variable], 2, 0)
        frames = np.ascontiguousarray(np.clip(frames, 0, 255)).astype(np.uint8)
        return Burst(tuple(open_picture_array(f, name=f"{name}[{k}]") for k, f in enumerate(frames)), name)

    return open_it


HUAWEI = [f"frame{k:02d}.jpg" for k in range(0, 10, 2)]
VIDEO = [f"frames/RE_frame-{k}.jpg" for k in range(110, 116)]
SHOTS = (
    Shot("Huawei 48 MP JPEG x 5", "burst_huawei_hlk_jpeg", "frame04.jpg", files(*HUAWEI)),
    Shot("phone video JPEG x 6", "gyro_phone_video", "frames/RE_frame-112.jpg", files(*VIDEO)),
    Shot("ISO 12233 raw x 2", "raw_chart_iso12233_c5590", "c5590_frameA_upper_1600x600_10bit_bggr_u16le.raw", iso12233),
    Shot("tonal chart raw", "raw_chart_tonal_sfr", "test_1920x1080_10bit_rggb_u16le.raw", tonal),
    Shot("ColorChecker DNG", "raw_colorchecker_canon550d", "colorchart.dng", files("colorchart.dng")),
    Shot("N900 strip", "raw_phone_n900_strips", "bayer_2592_304.pgm", n900),
    Shot("IMX219 8-bit raw", "raw_imx219_xmos", "cube3_640x480_raw8.bin", imx219),
    Shot("Raspberry Pi DNG", "raw_pi_dng_minimal", "pi_640x480_10bit_pidng.dng", files("pi_640x480_10bit_pidng.dng")),
    Shot("Canon 6D lossy linear DNG", "dng_lossy_linear_canon6d", "canon_eos_6d.dng", files("canon_eos_6d.dng")),
    Shot("MDSP Adyoron x 40", "mfsr_sequences", "Adyoron_small.npy", sequence("Adyoron_small.npy")),
    Shot("MDSP face x 60", "mfsr_sequences", "face_adyoron_1.npy", sequence("face_adyoron_1.npy")),
    Shot("MDSP rotation x 20", "mfsr_sequences", "adyoron_rotation.npy", sequence("adyoron_rotation.npy")),
    Shot("MDSP text x 30", "mfsr_sequences", "text.npy", sequence("text.npy")),
    Shot("MDSP EIA chart x 16", "mfsr_sequences", "eia_lr.mat", matlab("eia_lr.mat", "eia_lr")),
    Shot("MDSP alpaca x 55", "mfsr_sequences", "Alpaca.mat", matlab("Alpaca.mat", "Alpaca")),
)  # fmt: skip


def high_pass(plane: Array) -> Array:
    """Second difference along both axes: no slope and no edge of a smooth field is left in it."""
    rows = plane[2:] - 2 * plane[1:-1] + plane[:-2]
    return np.asarray(rows[:, 2:] - 2 * rows[:, 1:-1] + rows[:, :-2])


def flat_blocks(guide: Array, share: float = 0.05, side: int = 16) -> list[tuple[slice, slice]]:
    """Blocks of `guide` [H, W] with the least structure, neither black nor clipped."""
    low, high = np.percentile(guide, (5, 97))
    found = []
    for top in range(0, guide.shape[0] - side, side):
        for left in range(0, guide.shape[1] - side, side):
            here = (slice(top, top + side), slice(left, left + side))
            if low < guide[here].mean() < high:
                found.append((float(guide[here].std() / guide[here].mean()), here))
    found.sort(key=lambda entry: entry[0])
    return [here for _, here in found[: max(4, int(len(found) * share))]]


def noise_in(plane: Array, blocks: list[tuple[slice, slice]]) -> float:
    return float(np.median([high_pass(plane[b]).std() for b in blocks])) / 6


def slanted_edge_mtf50(patch: Array) -> float:
    """MTF50 in cycles a pixel of a nearly vertical edge after ISO 12233: spread oversampled 4 times, Hamming window."""
    columns = np.arange(patch.shape[1])
    derivative = np.abs(np.diff(patch, axis=1, append=patch[:, -1:]))
    derivative *= np.hamming(patch.shape[1])
    centre = (derivative * columns).sum(1) / derivative.sum(1)
    slope, offset = np.polyfit(np.arange(patch.shape[0]), centre, 1)
    place = columns[None, :] - (slope * np.arange(patch.shape[0])[:, None] + offset)
    index = np.round(place * 4).astype(int)
    half = int(min(-index.min(), index.max(), 64))
    keep = np.abs(index) < half
    total = np.bincount(index[keep] + half, patch[keep], 2 * half)
    count = np.bincount(index[keep] + half, minlength=2 * half)
    spread = total[1:] / np.maximum(count[1:], 1)
    line = np.diff(spread) * np.hamming(len(spread) - 1)
    response = np.abs(np.fft.rfft(line, 1024))
    response /= response[0]
    frequency = np.fft.rfftfreq(1024, 0.25)
    below = int(np.argmax(response < 0.5))
    a, b = response[below - 1], response[below]
    return float(frequency[below - 1] + (frequency[below] - frequency[below - 1]) * (a - 0.5) / (a - b))


def steepest_edges(plane: Array, n: int = 8, size: tuple[int, int] = (48, 32)) -> list[tuple[int, int]]:
    """Corners (top, left) of patches that hold one slanted, nearly vertical edge, found in the picture itself."""
    height, width = size
    found = []
    for top in range(8, plane.shape[0] - height - 8, 12):
        for left in range(8, plane.shape[1] - width - 8, 8):
            patch = plane[top : top + height, left : left + width]
            across = np.abs(np.diff(patch, axis=1))
            if across.mean() < 0.004:
                continue
            centre = (across**2 * np.arange(width - 1)).sum(1) / (across**2).sum(1)
            slope, offset = np.polyfit(np.arange(height), centre, 1)
            residual = float(np.std(centre - slope * np.arange(height) - offset))
            sides = patch[:, :5].std() + patch[:, -5:].std()
            step = abs(patch[:, :5].mean() - patch[:, -5:].mean())
            if 0.04 < abs(slope) < 0.25 and residual < 0.5 and sides < 0.15 * step and step > 0.1:
                found.append((float(residual + sides / step), (top, left)))
    found.sort()
    chosen: list[tuple[int, int]] = []
    for _, (top, left) in found:
        if all(abs(top - t) >= height // 2 or abs(left - c) >= width for t, c in chosen):
            chosen.append((top, left))
    return chosen[:n]


def alone(burst: Burst, index: int) -> Burst:
    return Burst((burst.sources[index],), burst.name)


def against_single(burst: Burst, merged: Array, reference: int) -> dict[str, Any]:
    """Noise and sharpness of the negative against its reference frame, nothing denoised in either."""
    single = lb.merge(alone(burst, reference)).pixels
    luma = [p.astype(np.float64) @ (0.25, 0.5, 0.25) for p in (merged, single)]
    blocks = flat_blocks(luma[1])
    facts: dict[str, Any] = {"noise_fell_by": noise_in(luma[1], blocks) / max(noise_in(luma[0], blocks), 1e-9)}
    # Steps over two pixels, strong ones: chosen in the merged picture, where noise makes none of them.
    steps = [np.abs(p[:, 2:] - p[:, :-2]) for p in luma]
    strong = steps[0] > np.percentile(steps[0], 98)
    facts["detail_kept"] = float(steps[0][strong].mean() / steps[1][strong].mean())
    edges = steepest_edges(luma[1]) if merged.shape[0] < 1200 else []
    if edges:
        values = [[slanted_edge_mtf50(p[t : t + 48, c : c + 32]) for t, c in edges] for p in luma]
        facts["mtf50"] = [float(np.median(v)) for v in values]
        facts["edges"] = len(edges)
    return facts


def verdict(path: Path) -> str:
    try:
        facts = lb.inspect(path)
    except LichtbildError as error:
        return f"refused: {str(error).split(': ', 1)[-1]}"
    return f"{facts.get('kind', '')} {facts.get('compression', '')}".strip() or "read"


def develop_one(shot: Shot, pictures: Path | None) -> dict[str, Any]:
    """One shot in this process, as plain data."""
    folder = DATA / shot.folder
    burst = shot.open(folder)
    info = burst.sources[0].info
    start = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    photo = lb.develop(burst)
    report = photo.report
    facts: dict[str, Any] = {
        "cpu_s": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - start,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "inspect": verdict(folder / shot.inspected),
        "kind": info.kind, "compression": info.compression, "shape": list(info.shape), "n": len(burst),
        "mean_code": float(photo.pixels.mean()), "report": report,
    }  # fmt: skip
    if len(burst) > 1 and photo.negative is not None:
        names = [s.info.name for s in burst.sources]
        reference = names.index(report["reference"]["frame"])
        if info.shape[0] * info.shape[1] < 4e6:
            facts["against"] = against_single(burst, photo.negative.pixels, reference)
        if pictures:
            lb.develop(alone(burst, reference)).save(pictures / f"{_label(shot)}_single.png", force=True)
    if pictures:
        photo.save(pictures / f"{_label(shot)}.png", force=True)
    return facts


def _label(shot: Shot) -> str:
    return "".join(c if c.isalnum() else "_" for c in shot.name)


def row(shot: Shot, f: dict[str, Any]) -> str:
    h, w = f["shape"]
    report = f["report"]
    cells = (
        shot.name,
        f"{w} x {h} {f['kind']}, {f['compression']}",
        f["inspect"],
        f"{f['cpu_s']:.1f}",
        f"{f['peak_mb']:.0f}",
        report["noise"]["source"],
        f"{report['exposure_ev']:+.1f} EV, {report['white']['kelvin']} K ({report['white']['source']})",
        "; ".join(report["assumed"][:4]) or "nothing",
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def burst_row(shot: Shot, f: dict[str, Any]) -> str:
    report, against = f["report"], f.get("against", {})
    refused = [m for m in report["motion"].values() if "refused" in m]
    shifts = [m["shift_px"] for m in report["motion"].values() if "refused" not in m] or [0.0]
    used = [m["used"] for m in report["motion"].values()]
    mtf, fell, kept = (against.get(key) for key in ("mtf50", "noise_fell_by", "detail_kept"))
    cells = (
        shot.name,
        f"{min(shifts):.1f} to {max(shifts):.1f}" + (f"; {len(refused)} refused" if refused else ""),
        f"{report['frames_used']:.2f} of {f['n']} ({min(used):.2f} to {max(used):.2f})",
        "-" if fell is None else f"{fell:.2f} (root {report['frames_used'] ** 0.5:.2f})",
        "-" if kept is None else f"{kept:.2f}",
        "-" if mtf is None else f"{mtf[0]:.3f} / {mtf[1]:.3f}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this page instead of printing them")
    parser.add_argument("--pictures", type=Path, help="keep the photographs in this folder")
    parser.add_argument("--only", default="", help="part of a shot's name")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    if arguments.one:
        shot = next(s for s in SHOTS if s.name == arguments.one)
        print(json.dumps(develop_one(shot, arguments.pictures)))
        return
    rows, bursts, missing = [], [], []
    for shot in (s for s in SHOTS if arguments.only in s.name):
        if not (DATA / shot.folder).exists():
            missing.append(shot.folder)
            continue
        command = [sys.executable, __file__, "--one", shot.name]
        command += ["--pictures", str(arguments.pictures)] if arguments.pictures else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            rows.append(f"| {shot.name} | | {reason.split('errors.')[-1]} | | | | | |")
            print(done.stderr, file=sys.stderr)
            continue
        facts = json.loads(done.stdout.splitlines()[-1])
        rows.append(row(shot, facts))
        if facts["n"] > 1:
            bursts.append(burst_row(shot, facts))
        print(shot.name, "done", file=sys.stderr)
    page = PAGE.format(
        rows="\n".join(rows), bursts="\n".join(bursts), missing=MISSING.format(", ".join(missing)) if missing else ""
    )
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")
    else:
        print(page)


MISSING = "\nNot there when this was made: {}.\n"
PAGE = """# Real input

Made by `benchmarks/real_input.py` from real files of many makers; the script says what each figure means. The files are
not part of the repository. Processor time and peak memory are of `develop` in a process of its own.

| shot | stored as | `inspect` says | CPU s | peak MB | noise | rendering | assumed |
| --- | --- | --- | ---: | ---: | --- | --- | --- |
{rows}

Bursts against their reference frame alone: noise in flats should fall by at least the square root of the frames used
(more, where the merge's first guess, the denoised reference, has its share in them), and the height of steep steps
("detail kept") and MTF50 (cycles a pixel, merged / alone) should not fall. Steps hold noise too, in the frame alone.

| shot | shift px | frames used | noise fell by | detail kept | MTF50 |
| --- | ---: | ---: | ---: | ---: | ---: |
{bursts}
{missing}"""


if __name__ == "__main__":
    main()
