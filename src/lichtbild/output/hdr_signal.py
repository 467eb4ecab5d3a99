"""Light of an HDR picture as the signals of ITU-R BT.2100 in the primaries of BT.2020."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.output.icc import RGB_TO_XYZ

Floats = npt.NDArray[np.float32]

SDR_WHITE_NITS = 203.0
"""Where BT.2408 puts the white of paper, and so that of the SDR picture."""
PQ_PEAK_NITS = 10_000.0
HLG_PEAK_NITS, HLG_GAMMA = 1000.0, 1.2


def signal(light: Floats, space: str, transfer: str) -> Floats:
    """The signal 0..1 [H, W, 3] of light relative to SDR white in the primaries of `space`.

    Parameters
    ----------
    light
        float32 [H, W, 3]; what the primaries of BT.2020 do not hold, or the transfer, is cut.
    transfer
        "pq" (SMPTE ST 2084, absolute: SDR white is 203 cd/m2) or "hlg" (for a display of 1000 cd/m2).
    """
    matrix = (cs.XYZ_TO_REC2020 @ RGB_TO_XYZ[space]).astype(np.float32)
    out = np.empty(light.shape, np.float32)
    for top in range(0, len(light), 64):  # what lies between stays in the cache
        nits = np.maximum(light[top : top + 64] @ matrix.T, 0) * np.float32(SDR_WHITE_NITS)
        out[top : top + 64] = pq(nits) if transfer == "pq" else hlg(nits)
    return out


def pq(nits: Floats) -> Floats:
    """Inverse EOTF of ST 2084 (BT.2100 table 4)."""
    power = np.clip(np.nan_to_num(nits) / PQ_PEAK_NITS, 0, 1) ** (2610 / 16384)
    return np.asarray(
        ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32), np.float32
    )  # fmt: skip


def hlg(nits: Floats) -> Floats:
    """Inverse OOTF for 1000 cd/m2 and gamma 1.2, then the OETF of HLG (BT.2100 table 5)."""
    shown = np.clip(np.nan_to_num(nits) / HLG_PEAK_NITS, 0, 1)
    luminance = shown @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    scene = shown * np.maximum(luminance, 1e-6)[..., None] ** ((1 - HLG_GAMMA) / HLG_GAMMA)
    scene = np.clip(scene, 0, 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.asarray(
        np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c), np.float32
    )
