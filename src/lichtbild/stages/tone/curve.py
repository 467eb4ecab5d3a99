"""The global tone curve: scene light relative to mid grey, to light on the display."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class CurveShape:
    """A tone curve as a photographer would describe it.

    Parameters
    ----------
    white
        Scene light that becomes display white (0.18 = mid grey).
    slope
        Stops of the negative for a stop of the scene at mid grey, before the shoulder: 1 is linear.
    toe_ev, shoulder_ev
        Stops below and above mid grey over which the slope eases back to 1.
    knee
        Display light below which the shoulder does nothing. 0: it begins in the dark, as film's; 0.6: tones are in
        proportion to the light up to there.
    mid
        Display light of mid grey.
    black
        Display light of no light: the base of a faded print.
    """

    white: float = MID_GREY * 2**3.5
    slope: float = 1.62
    toe_ev: float = 2.6
    shoulder_ev: float = 4.0
    knee: float = 0.0
    mid: float = MID_GREY
    black: float = 0.0


def filmic(x: npt.ArrayLike, shape: CurveShape) -> Floats:
    """Display light 0..1 of scene light `x` >= 0.

    With the default shape the slope around mid grey is about 1.35 in stops; it eases to 1 in the shadows, so that
    blacks are deep but keep their order; highlights roll off as z (1 + z / w^2) / (1 + z) (Reinhard et al. 2002),
    here from the knee on.
    """
    exact, _ = _both(x, shape)
    return exact


def filmic_hdr(x: npt.ArrayLike, shape: CurveShape, headroom_ev: float) -> Floats:
    """Light of an HDR display, relative to SDR white, 0..2^headroom_ev, for the same scene.

    Up to half a stop above mid grey it is `filmic`. From there on the stops that the shoulder took are given back, all
    of them from four stops on; the headroom's last two fifths are eased into. What no SDR display could tell apart is
    told apart again, and nothing is brighter than the scene itself was beside its mid grey.
    """
    sdr, open_end = _both(x, shape)
    peak = 2.0**headroom_ev

    def raised(light: Floats, s: Floats, u: Floats) -> Floats:
        share = np.clip((np.log2(np.maximum(light, 1e-12) / MID_GREY) - 0.5) / 3.5, 0.0, 1.0)
        lost = np.maximum(np.log2(np.maximum(u, 1e-12) / np.maximum(s, 1e-12)), 0.0)
        return np.asarray(s * np.exp2(share * share * (3 - 2 * share) * lost) / peak)

    top = np.array([2.0 * shape.white])
    most = max(float(raised(top, *_both(top, shape))[0]), 1.0)
    t = raised(np.asarray(x, np.float64), sdr, open_end)
    knee = 0.6
    eased = knee + (1 - knee) * _reinhard(np.maximum(t - knee, 0) / (1 - knee), (most - knee) / (1 - knee))
    return np.asarray(peak * np.where(t > knee, np.minimum(eased, 1.0), t))


def _reinhard(z: Floats, white: float) -> Floats:
    return np.asarray(z * (1 + z / (white * white)) / (1 + z))


def _both(x: npt.ArrayLike, shape: CurveShape) -> tuple[Floats, Floats]:
    """The curve, and the same without its shoulder."""
    v = np.maximum(np.asarray(x, np.float64), 1e-12)

    def stretched(light: Floats | float) -> Floats:
        stops = np.log2(np.asarray(light) / MID_GREY)
        reach = np.where(stops < 0, shape.toe_ev, shape.shoulder_ev)
        return np.asarray(np.exp2(stops + (shape.slope - 1) * reach * np.tanh(stops / reach)))

    def shoulder(z: Floats, white: float) -> Floats:
        k = min(shape.knee, 0.95)
        over = _reinhard(np.maximum(z - k, 0) / (1 - k), max(white - k, 1e-3) / (1 - k))
        return np.asarray(np.where(z > k, k + (1 - k) * over, z))

    # Scale z so that mid grey lands on `mid`: the shoulder there depends on where white is, by a fixed ratio.
    ratio, target = float(stretched(shape.white)), (shape.mid - shape.black) / (1 - shape.black)
    low, high = 1e-3, 4.0
    for _ in range(60):
        z0 = (low * high) ** 0.5
        is_dark = float(shoulder(np.array(z0), z0 * ratio)) < target
        low, high = (z0, high) if is_dark else (low, z0)
    z = z0 * stretched(v)
    lit = np.asarray(x) > 0
    sdr = np.where(lit, np.minimum(shoulder(z, z0 * ratio), 1.0), 0.0)
    return tuple(  # type: ignore[return-value]
        np.asarray(shape.black + (1 - shape.black) * light) for light in (sdr, np.where(lit, z * target / z0, 0.0))
    )


def scene_light() -> Floats:
    """Light of every entry of a table, [LUT_SIZE]; spaced by the float's own logarithm, finest in the dark, exact at
    0."""
    bits = np.float32(LUT_OFFSET).view(np.int32) + (np.arange(LUT_SIZE, dtype=np.int32) << LUT_STEP_BITS)
    return np.asarray(bits.view(np.float32).astype(np.float64) - LUT_OFFSET)


def table(shape: CurveShape) -> npt.NDArray[np.float32]:
    """`filmic` as float32 [LUT_SIZE]."""
    return np.asarray(filmic(scene_light(), shape), np.float32)


def regraded(usual: CurveShape, wanted: CurveShape) -> npt.NDArray[np.float32]:
    """A table of display light to display light, float32 [LUT_SIZE]: of a picture that has `usual`'s tones, `wanted`'s;
    exactly as it was where the two are the same."""
    light = scene_light()
    if usual == wanted:
        return np.asarray(np.minimum(light, 1.0), np.float32)
    scene = np.geomspace(1e-6, max(usual.white, wanted.white), 4000)
    before, after = filmic(scene, usual), filmic(scene, wanted)
    shown = np.interp(light, np.r_[0.0, before], np.r_[wanted.black, after])
    return np.asarray(np.where(light >= 1, after[-1], shown), np.float32)


def of_points(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A maker's curve, points [n, 2] of light in and out 0..1, as a table, float32 [LUT_SIZE]; scene light is scaled so
    that mid grey stays mid grey, since exposure is found by us."""
    x, y = np.r_[0.0, points[:, 0], 1.0], np.r_[0.0, points[:, 1], 1.0]
    order = np.argsort(x, kind="stable")
    fine = np.linspace(0, 1, 4097)
    shown = np.maximum.accumulate(np.interp(fine, x[order], y[order]))
    at_grey = float(np.interp(MID_GREY, shown, fine))
    light = np.minimum(scene_light() * at_grey / MID_GREY, 1.0)
    return np.asarray(np.interp(light, fine, shown), np.float32)


def table_hdr(shape: CurveShape, headroom_ev: float) -> npt.NDArray[np.float32]:
    """`filmic_hdr` as share of its peak, float32 [LUT_SIZE]."""
    return np.asarray(filmic_hdr(scene_light(), shape, headroom_ev) / 2.0**headroom_ev, np.float32)


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
