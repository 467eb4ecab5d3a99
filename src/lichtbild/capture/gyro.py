"""A gyroscope's log beside a burst: how the camera was turned while each frame was exposed.

Two formats: `.gcsv` (text with a header; `tscale` and `gscale` bring time to s and rates to rad/s, `orientation` names
the log's axis that points right, up and towards the photographer, small letters the other way) and the CSV of
OpenCamera-Sensors (`x,y,z,t`: rad/s about the axes of an Android device, ns). When each frame was taken stands beside
either in `NAME_timestamps.csv`: a line a frame, ns of the log's clock at which the exposure of the first row began.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core import Burst
from lichtbild.core.errors import LichtbildError, MetadataError, UnreadableFile
from lichtbild.core.turns import AXES_OF_ANDROID, turns_by

F64 = npt.NDArray[np.float64]

SUFFIXES = (".gcsv", "_gyro.csv")
_FIRST_LINES = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
_LARGEST_BYTES = 256 << 20
_FASTEST_RAD_S = 60.0
_LONGEST_GAP_S = 0.1
# Orientations along the readout of a frame.
_N_ROWS = 9


@dataclass(frozen=True, eq=False)
class GyroLog:
    """Rates of turn about the axes of the camera.

    Parameters
    ----------
    path
        For messages.
    time_s
        float64 [n], rising, of the log's own clock.
    rate_rad_s
        float64 [n, 3] about the camera's axes: right, down and forward in the stored picture.
    frame_s
        float64, when the exposure of the first row of each frame began, same clock.
    readout_s
        From the first row to the last, negative where the last is read first; None where the log does not tell.
    """

    path: Path
    time_s: F64
    rate_rad_s: F64
    frame_s: F64
    readout_s: float | None = None


def read_gyro(path: Path) -> GyroLog:
    """A log of either format, and the times of the frames beside it.

    Raises
    ------
    UnreadableFile
        If a file cannot be opened or holds something else; the line is named.
    MetadataError
        If times fall, rates are none a camera survives, or the times of the frames are missing.
    """
    lines = _lines(path)
    if lines and lines[0].strip() in _FIRST_LINES:
        time_s, rate, readout_s = _gcsv(path, lines)
    else:
        numbers = _numbers(path, lines, 0, 4)
        time_s, rate, readout_s = numbers[:, 3] * 1e-9, numbers[:, :3] @ AXES_OF_ANDROID.T, None
    if len(time_s) < 2 or (np.diff(time_s) <= 0).any():
        raise MetadataError("the times of its samples do not rise", where=path)
    if np.abs(rate).max() > _FASTEST_RAD_S:
        raise MetadataError(
            f"{np.abs(rate).max():.0f} rad/s is no turn of a camera", where=path, hint="rates in rad/s, or gscale"
        )
    return GyroLog(path, time_s, rate, _frame_times(path), readout_s)


def with_gyro(burst: Burst, log: GyroLog) -> Burst:
    """The burst, each frame with the orientation of the camera while it was exposed (`FrameInfo.turns`).

    Raises
    ------
    MetadataError
        If the log has times for another number of frames, does not cover them, or has a gap there.
    """
    if len(log.frame_s) != len(burst):
        raise MetadataError(f"has times of {len(log.frame_s)} frames for a burst of {len(burst)}", where=log.path)
    infos = [source.info for source in burst.sources]
    wanted = []
    for begin, info in zip(log.frame_s, infos, strict=True):
        readout = log.readout_s if log.readout_s is not None else info.camera.readout_s
        along = np.linspace(0, 1, _N_ROWS) if readout else np.array([0.5])
        # A negative readout begins with the last row.
        first = begin + (info.exposure.time_s or 0.0) / 2 - min(readout or 0.0, 0.0)
        wanted.append(first + (readout or 0.0) * along)
    asked = np.concatenate(wanted)
    turns = np.split(orientations(log, asked), np.cumsum([len(times) for times in wanted])[:-1])
    sources = [
        dataclasses.replace(source, info=dataclasses.replace(source.info, turns=part))
        for source, part in zip(burst.sources, turns, strict=True)
    ]
    return dataclasses.replace(burst, sources=tuple(sources), reasons=(*burst.reasons, f"turns from {log.path.name}"))


def orientations(log: GyroLog, asked_s: F64) -> F64:
    """Orientation of the camera at some times, [n, 3, 3]: its axes in those of the first of them. Rates are taken to be
    straight lines between samples."""
    first, last = float(asked_s.min()), float(asked_s.max())
    if first < log.time_s[0] or last > log.time_s[-1]:
        raise MetadataError(
            f"does not cover the burst: samples {log.time_s[0]:.3f} to {log.time_s[-1]:.3f} s, frames {first:.3f} to "
            f"{last:.3f} s",
            where=log.path, hint="times of frames and samples have one clock",
        )  # fmt: skip
    begin = max(int(np.searchsorted(log.time_s, first, "right")) - 1, 0)
    end = min(int(np.searchsorted(log.time_s, last)) + 1, len(log.time_s))
    if np.diff(log.time_s[begin:end]).max() > _LONGEST_GAP_S:
        raise MetadataError(f"has a gap of {np.diff(log.time_s[begin:end]).max():.2f} s", where=log.path)
    inside = log.time_s[(log.time_s > first) & (log.time_s < last)]
    times = np.unique(np.concatenate([inside, asked_s]))
    rate = np.stack([np.interp(times, log.time_s, log.rate_rad_s[:, k]) for k in range(3)], -1)
    steps = (rate[1:] + rate[:-1]) / 2 * np.diff(times)[:, None]
    found = np.empty((len(times), 3, 3))
    found[0] = np.eye(3)
    for k, step in enumerate(turns_by(steps)):
        found[k + 1] = found[k] @ step
    return np.asarray(found[np.searchsorted(times, asked_s)])


def with_log(burst: Burst, given: Path | None) -> Burst:
    """The burst with the log that was named, or found beside its frames; one that was found and is of no use is told of
    in the burst's reasons."""
    if given is not None:
        return with_gyro(burst, read_gyro(given))
    path = burst.sources[0].info.path
    if len(burst) < 2 or path is None:
        return burst
    names = [f"{stem}{suffix}" for stem in (burst.name, path.stem) for suffix in SUFFIXES]
    found = next((path.parent / name for name in names if (path.parent / name).is_file()), None)
    if found is None:
        return burst
    try:
        return with_gyro(burst, read_gyro(found))
    except LichtbildError as error:
        return dataclasses.replace(burst, reasons=(*burst.reasons, f"gyro log not used: {error}"))


def _gcsv(path: Path, lines: list[str]) -> tuple[F64, F64, float | None]:
    start = next((k for k, line in enumerate(lines) if line.partition(",")[0].strip() == "t"), None)
    if start is None:
        raise UnreadableFile("has no line that begins with t,gx,gy,gz", where=path)
    header = {key.strip(): value.strip() for key, _, value in (line.partition(",") for line in lines[1:start])}
    numbers = _numbers(path, lines, start + 1, 4)
    try:
        t_scale, g_scale = float(header.get("tscale", "1")), float(header.get("gscale", "1"))
        readout = float(header["frame_readout_time"]) / 1000 if "frame_readout_time" in header else None
        direction = int(header.get("frame_readout_direction", "0"))
    except ValueError as error:
        raise MetadataError(f"its header holds something that is no number: {error}", where=path) from None
    order = header.get("orientation", "XYZ")
    if sorted(order.upper()) != ["X", "Y", "Z"]:
        raise MetadataError(f"orientation {order!r} does not name three axes", where=path, hint="such as XYZ or YxZ")
    axes = np.zeros((3, 3))
    for k, letter in enumerate(order):
        axes[k, "XYZ".index(letter.upper())] = 1 if letter.isupper() else -1
    # Right, up and back become right, down and forward.
    axes[1:] *= -1
    if readout is not None:
        # From the top, from the bottom; what is read column by column has no rows.
        readout = {0: readout, 1: -readout}.get(direction)
    return numbers[:, 0] * t_scale, numbers[:, 1:4] * g_scale @ axes.T, readout


def _frame_times(path: Path) -> F64:
    stem = path.name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    beside = path.with_name(f"{stem}_timestamps.csv")
    if not beside.is_file():
        raise MetadataError(
            "nothing tells when each frame was taken", where=path,
            hint=f"{beside.name} with a line a frame: ns of the log's clock at the start of its exposure",
        )  # fmt: skip
    times = _numbers(beside, _lines(beside), 0, 1)[:, 0] * 1e-9
    if (np.diff(times) <= 0).any():
        raise MetadataError("the times of the frames do not rise", where=beside)
    return times


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UnreadableFile("too large for a gyro log", where=path)
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"cannot be read as text: {error}", where=path) from None


def _numbers(path: Path, lines: list[str], start: int, columns: int) -> F64:
    """The first columns of all lines from `start` on, float64 [n, columns]."""
    rows = []
    for number, line in enumerate(lines[start:], start + 1):
        if not line.strip():
            continue
        try:
            row = [float(part) for part in line.split(",")[:columns]]
        except ValueError:
            row = []
        if len(row) < columns or not np.isfinite(row).all():
            raise UnreadableFile(f"line {number} does not hold {columns} numbers: {line[:60]!r}", where=path)
        rows.append(row)
    if not rows:
        raise UnreadableFile("holds no numbers", where=path)
    return np.array(rows)
