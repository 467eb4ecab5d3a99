"""One exposure: light through the sensor's physics to stored numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError, native
from lichtbild.sensor.model import Sensor

Float32 = npt.NDArray[np.float32]


def expose(
    sensor: Sensor, light: Float32, iso: float, seed: int, gain: Float32 | None = None, time_s: float = 0.0
) -> npt.NDArray[np.uint16]:
    """Stored numbers of one exposure, uint16 [H, W].

    Parameters
    ----------
    light
        float32 [H, W], 1 = what reaches the white level at this ISO, as each pixel would read without noise, crosstalk
        and shading.
    seed
        Noise is a function of the seed and of the pixel's place; another seed is another exposure. What is fixed to
        the sensor follows from the sensor's own seed.
    gain
        float32 [n, m, 4], what undoes the shading, per CFA site, nodes from edge to edge; None: no shading.
    time_s
        Exposure time, for the dark current.

    Raises
    ------
    ShapeError
        If `light` or `gain` has another shape or type.
    """
    if light.ndim != 2 or light.dtype != np.float32 or min(light.shape) < 2:
        raise ShapeError(f"light is float32 [H >= 2, W >= 2], not {light.dtype} {list(light.shape)}", where="light")
    if gain is None:
        gain = np.ones((2, 2, 4), np.float32)
    if gain.ndim != 3 or gain.shape[2] != 4 or min(gain.shape[:2]) < 2:
        raise ShapeError(f"a shading gain is [n >= 2, m >= 2, 4], not {list(gain.shape)}", where="gain")
    stored = np.empty(light.shape, np.uint16)
    seeds = scrambled(seed), scrambled(sensor.seed + 0x5EED)
    native.call("simulate_expose", np.ascontiguousarray(light), np.ascontiguousarray(gain),
                physics(sensor, iso, time_s), sensor.cfa.quad - 1, *seeds, stored)  # fmt: skip
    _defects(sensor, stored, iso, seed)
    return stored


def physics(sensor: Sensor, iso: float, time_s: float) -> Float32:
    """float32 [17]: the sensor as the kernel reads it, see there."""
    gain = sensor.gain_dn_e(iso)
    well = np.finfo(np.float32).max if sensor.well_e is None else sensor.well_e
    numbers = (
        sensor.electrons_at_white(iso), sensor.optical.edge, sensor.optical.corner, sensor.prnu, sensor.dark_e(time_s),
        sensor.dsnu_e, sensor.electrical.edge, sensor.electrical.corner, well, sensor.telegraph_fraction,
        sensor.telegraph_e, gain, float(np.hypot(sensor.read_before_e * gain, sensor.read_after_dn)),
        sensor.row_e * gain, sensor.column_e * gain, sensor.black, sensor.white,
    )  # fmt: skip
    return np.asarray(numbers, np.float32)


def _defects(sensor: Sensor, stored: npt.NDArray[np.uint16], iso: float, seed: int) -> None:
    """Hot and dead pixels, in place."""
    where, extra = sensor.hot_pixels(stored.shape)
    if len(where):
        rng = np.random.default_rng([sensor.seed, seed])
        signal = extra * (iso / 100)
        signal += rng.standard_normal(len(where)).astype(np.float32) * np.sqrt(signal / sensor.electrons_at_white(iso))
        hot = stored.ravel()[where] + signal * (sensor.white - sensor.black)
        stored.ravel()[where] = np.clip(np.rint(hot), 0, sensor.white).astype(np.uint16)
    stored.ravel()[sensor.dead_pixels(stored.shape)] = round(sensor.black)


def scrambled(seed: int) -> int:
    """32 bits that differ in half their places for seeds that differ in one."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])
