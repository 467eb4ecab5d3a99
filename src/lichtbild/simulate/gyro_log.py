"""What a phone's gyroscope and lens would have logged beside a simulated burst, on the camera's clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError
from lichtbild.core.turns import AXES_OF_ANDROID, turns_by, vectors_of
from lichtbild.simulate.views import ShakenViews

Float64 = npt.NDArray[np.float64]

FORMATS = ("gcsv", "opencamera")
# How long before the first and behind the last exposure the log runs, s.
_AROUND_S = 0.08


@dataclass(frozen=True)
class Gyro:
    """A gyroscope in a camera.

    Parameters
    ----------
    rate_hz
        Samples a second, 200 to 500 in phones.
    bias_deg_s
        Standard deviation of the constant error of each axis that the phone's own calibration leaves, drawn once for a
        burst; assumed. At 0.05 a kernel of 1/4 s is wrong by 6 % (benchmarks/motion.py).
    noise_deg_s
        White noise, degrees a second per root Hz; a sample has it over half the rate.
    rate_limit_deg_s
        Where it saturates.
    """

    rate_hz: float = 400.0
    bias_deg_s: float = 0.01
    noise_deg_s: float = 0.005
    rate_limit_deg_s: float = 2000.0

    def __post_init__(self) -> None:
        if not 50 <= self.rate_hz <= 2000 or min(self.bias_deg_s, self.noise_deg_s) < 0 or self.rate_limit_deg_s <= 0:
            raise MetadataError(
                f"a gyroscope of {self.rate_hz:g} Hz, bias {self.bias_deg_s:g}, noise {self.noise_deg_s:g}",
                where="Gyro", hint="50 to 2000 Hz, no negative noise",
            )  # fmt: skip

    def log(self, views: ShakenViews, rng: np.random.Generator) -> tuple[Float64, Float64]:
        """Times [n] (s, 0 is the middle of frame 0) and rates [n, 3] (rad/s about right, down, forward).

        A sample is the mean rate over its interval, as the filters inside make it.
        """
        first = float(views.begin_s.min()) - _AROUND_S
        last = float((views.begin_s + views.exposure_s).max()) + views.readout_s + _AROUND_S
        time_s = np.arange(first, last, 1 / self.rate_hz)
        half = 0.5 / self.rate_hz
        ends = np.concatenate([time_s - half, time_s[-1:] + half])
        turns = turns_by(views.path.at(ends)[0])
        rate = vectors_of(np.swapaxes(turns[:-1], -1, -2) @ turns[1:]) * self.rate_hz
        bias, spread = np.deg2rad(self.bias_deg_s), np.deg2rad(self.noise_deg_s) * np.sqrt(self.rate_hz / 2)
        rate = rate + rng.normal(0, 1, 3) * bias + rng.normal(0, 1, rate.shape) * spread
        limit = np.deg2rad(self.rate_limit_deg_s)
        return time_s, np.clip(rate, -limit, limit)


def write_gyro(
    folder: str | Path,
    name: str,
    views: ShakenViews,
    gyro: Gyro,
    rng: np.random.Generator,
    clock_s: float = 0.0,
    kinds: tuple[str, ...] = FORMATS,
) -> tuple[Path, ...]:
    """Write `NAME.gcsv` and `NAME_gyro.csv` (OpenCamera-Sensors: x, y, z, t), both beside `NAME_timestamps.csv`; and
    `NAME_ois.csv` where the lens was shifted.

    Parameters
    ----------
    clock_s
        What the camera's clock says in the middle of frame 0; all files count ns of it.
    kinds
        Which of "gcsv" and "opencamera".

    Notes
    -----
    Times of frames are when the exposure of the first row began. `_ois.csv` holds x, y, t: by how much the lens moved
    the picture right and down, px, at 200 Hz, as Android's STATISTICS_OIS_SAMPLES.
    """
    unknown = sorted(set(kinds) - set(FORMATS))
    if unknown:
        raise MetadataError(f"no format of a gyro log: {', '.join(unknown)}", where="kinds", hint=", ".join(FORMATS))
    folder = Path(folder)
    time_s, rate = gyro.log(views, rng)
    stamps = _nanoseconds(time_s + clock_s)
    texts = {f"{name}_timestamps.csv": "".join(f"{t}\n" for t in _nanoseconds(views.begin_s + clock_s))}
    if "gcsv" in kinds:
        texts[f"{name}.gcsv"] = _gcsv(stamps, rate, views.readout_s, name)
    if "opencamera" in kinds:
        device = rate @ AXES_OF_ANDROID
        rows = (f"{_line(at)},{t}\n" for at, t in zip(device, stamps, strict=True))
        texts[f"{name}_gyro.csv"] = "".join(rows)
    if views.undone_rad.any():
        at = np.arange(time_s[0], time_s[-1], 1 / 200)
        shift = views.lens_shift_px(at)
        moments = _nanoseconds(at + clock_s)
        texts[f"{name}_ois.csv"] = "".join(f"{x:.5f},{y:.5f},{t}\n" for (x, y), t in zip(shift, moments, strict=True))
    for file, text in texts.items():
        beside = folder / f"{file}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(folder / file)
    return tuple(folder / file for file in texts)


def _gcsv(stamps: list[int], rate: Float64, readout_s: float, name: str) -> str:
    # Axes of the log: right, up and towards the photographer.
    axes = rate * np.array([1.0, -1.0, -1.0])
    head = (
        "GYROFLOW IMU LOG\nversion,1.3\n"
        f"id,lichtbild_simulate\nnote,{name}\norientation,XYZ\nframe_readout_time,{readout_s * 1000:.6f}\n"
        "frame_readout_direction,0\ntscale,0.000000001\ngscale,1.0\nt,gx,gy,gz\n"
    )
    rows = (f"{t},{_line(at)}\n" for t, at in zip(stamps, axes, strict=True))
    return head + "".join(rows)


def _nanoseconds(time_s: Float64) -> list[int]:
    return [round(float(t) * 1e9) for t in np.asarray(time_s)]


def _line(values: Float64) -> str:
    return ",".join(f"{v:.9f}" for v in values)
