"""The global tone curve: scene light relative to mid grey, to light on the display."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MID_GREY = 0.18
LUT_TOP = 64.0
"""Scene light at the end of the table; 0.18 is mid grey."""
LUT_OFFSET = 2.0**-12
LUT_STEP_BITS = 18
LUT_SIZE = 577
"""Entry k stands for the float whose bits are those of LUT_OFFSET plus k 2^18, less LUT_OFFSET: 32 steps an octave."""

Floats = npt.NDArray[np.float64]


def filmic(x: npt.ArrayLike, white: float, contrast: float = 0.0) -> Floats:
    """Display light 0..1 of scene light `x` >= 0; `white` (scene light) becomes 1.

    Around mid grey the slope in stops is about 1.35 (contrast 0); it eases to 1 in the shadows over some four stops, so
    that blacks are deep but keep their order; highlights roll off as z (1 + z / w^2) / (1 + z) (Reinhard et al. 2002).
    Mid grey is held at 0.18.
    """
    slope = 1.62 + 0.45 * contrast
    reach = 2.6
    v = np.maximum(np.asarray(x, np.float64), 1e-12)

    def stretched(light: Floats | float) -> Floats:
        stops = np.log2(np.asarray(light) / MID_GREY)
        shaped = np.where(stops < 0, stops + (slope - 1) * reach * np.tanh(stops / reach), slope_up(stops, slope))
        return np.asarray(np.exp2(shaped))

    def shoulder(z: Floats, w: float) -> Floats:
        return np.asarray(z * (1 + z / (w * w)) / (1 + z))

    # Scale z so that mid grey lands on 0.18: z0 solves shoulder(z0) = 0.18 for w = z0 * ratio.
    ratio = float(stretched(white))
    z0 = 0.22
    for _ in range(40):
        z0 = MID_GREY * (1 + z0) / (1 + 1 / (z0 * ratio * ratio))
    z = z0 * stretched(v)
    return np.where(np.asarray(x) > 0, np.minimum(shoulder(z, z0 * ratio), 1.0), 0.0)


def slope_up(stops: Floats, slope: float) -> Floats:
    """Stops above mid grey, stretched by `slope` at first and less further up, where the shoulder is at work."""
    reach = 4.0
    return np.asarray(stops + (slope - 1) * reach * np.tanh(stops / reach))


def table(white: float, contrast: float, identity: bool) -> npt.NDArray[np.float32]:
    """`filmic` as float32 [LUT_SIZE]; spaced by the float's own logarithm, finest in the dark, exact at 0."""
    bits = np.float32(LUT_OFFSET).view(np.int32) + (np.arange(LUT_SIZE, dtype=np.int32) << LUT_STEP_BITS)
    x = bits.view(np.float32).astype(np.float64) - LUT_OFFSET
    return np.asarray(np.minimum(x, 1.0) if identity else filmic(x, white, contrast), np.float32)


def look_up(lut: npt.NDArray[np.float32], x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The table at `x`, linear between entries; negative light is mirrored."""
    shifted = np.minimum(np.abs(x), np.float32(LUT_TOP)) + np.float32(LUT_OFFSET)
    place = shifted.astype(np.float32).view(np.int32) - np.float32(LUT_OFFSET).view(np.int32)
    low = np.minimum(place >> LUT_STEP_BITS, LUT_SIZE - 2)
    share = (place - (low << LUT_STEP_BITS)).astype(np.float32) * np.float32(2.0**-LUT_STEP_BITS)
    return np.asarray(np.copysign(lut[low] + share * (lut[low + 1] - lut[low]), x), np.float32)


def steps(lut: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """The table for the kernel, [LUT_SIZE - 1]: the bits of every entry, and above them those of what the next is
    more."""
    pairs = np.stack([lut[:-1], np.diff(lut)], 1).astype(np.float32).view(np.uint32).astype(np.uint64)
    return np.asarray(pairs[:, 0] | pairs[:, 1] << np.uint64(32), np.uint64)
