"""Tone and encoding in clear NumPy. The fused kernel is `kernel.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.stages.tone.curve import look_up

Floats = npt.NDArray[np.float32]

LUMA = cs.REC2020_TO_XYZ[1].astype(np.float32)
WORK_TO_LMS = (cs.XYZ_TO_OKLMS @ cs.REC2020_TO_XYZ).astype(np.float32)
WORK_TO_LMS = WORK_TO_LMS / WORK_TO_LMS.sum(1, keepdims=True)
"""Rows sum to 1, so that greys are exactly grey in Oklab."""
LAB = cs.OKLMS_TO_OKLAB.copy()
LAB[1:] -= LAB[1:].mean(1, keepdims=True)
LAB[0] /= LAB[0].sum()
LMS_TO_LAB = LAB.astype(np.float32)
LAB_TO_LMS = np.linalg.inv(LAB).astype(np.float32)

SOFT_FROM = 0.9
"""Share of the gamut from which colours are compressed."""


def display_matrix(space: str) -> Floats:
    """Oklab's cone space to linear RGB of "srgb" or "p3", rows summing to 1."""
    to_display = {"srgb": cs.XYZ_TO_SRGB, "p3": cs.XYZ_TO_P3}[space] @ cs.REC2020_TO_XYZ
    matrix = to_display @ np.linalg.inv(np.asarray(WORK_TO_LMS, np.float64))
    return np.asarray(matrix / matrix.sum(1, keepdims=True), np.float32)


def gain_ev(work_rgb: Floats, model: Floats, floor: float) -> Floats:
    """Local exposure correction [H, W], stops, from a, b at every pixel [H, W, 2]."""
    y = np.maximum(work_rgb @ LUMA, np.float32(floor))
    return np.asarray(model[..., 0] * np.log2(y) + model[..., 1], np.float32)


def chroma_share(rgb: Floats, luma: Floats) -> tuple[Floats, Floats]:
    """How much of a colour's chroma fits into 0..1 [H, W], and its grey [H, W].

    The colour is compared with the grey of its luminance; the share is the gamut's distance over the colour's, eased
    from 90 % of the gamut on, so that no two colours become one.
    """
    grey = np.clip(rgb @ luma, 1e-6, 1 - 1e-6)
    distance = np.maximum((grey - rgb.min(-1)) / grey, (rgb.max(-1) - grey) / (1 - grey))
    z = np.maximum(distance - SOFT_FROM, 0) / np.float32(1 - SOFT_FROM)
    eased = np.minimum(distance, SOFT_FROM) + np.float32(1 - SOFT_FROM) * z / (1 + z)
    return np.asarray(eased / np.maximum(distance, 1e-6), np.float32), np.asarray(grey, np.float32)


def to_display(
    scene: Floats, lut: Floats, saturation: float, to_rgb: Floats, display_luma: Floats, identity: bool
) -> Floats:
    """Linear display RGB 0..1 [H, W, 3] of exposed scene light in WORK_RGB.

    The curve acts on each primary, which fades bright colours to white as film does and gives contrast its
    saturation; but hue is taken from before the curve, in Oklab, so that none of the skews of that method remain.
    What the display cannot show loses chroma at constant hue and lightness.
    """
    lab0 = np.cbrt(scene @ WORK_TO_LMS.T) @ LMS_TO_LAB.T
    lab = np.cbrt(look_up(lut, scene) @ WORK_TO_LMS.T) @ LMS_TO_LAB.T
    chroma0, chroma = np.hypot(lab0[..., 1], lab0[..., 2]), np.hypot(lab[..., 1], lab[..., 2])
    ratio = (chroma * np.float32(saturation) / np.maximum(chroma0, np.float32(1e-5)))[..., None]
    ab = lab[..., 1:] * np.float32(saturation) if identity else lab0[..., 1:] * ratio
    lightness = np.clip(lab[..., :1], 0, 1)
    rgb = (np.concatenate([lightness, ab], -1) @ LAB_TO_LMS.T) ** 3 @ to_rgb.T
    share, _ = chroma_share(rgb, display_luma)
    rgb = (np.concatenate([lightness, ab * share[..., None]], -1) @ LAB_TO_LMS.T) ** 3 @ to_rgb.T
    # What is left over because chroma in Oklab and in light differ is taken off straight.
    grey = np.clip(rgb @ display_luma, 0, 1)[..., None]
    below = (grey - rgb.min(-1, keepdims=True)) / np.maximum(grey, 1e-6)
    above = (rgb.max(-1, keepdims=True) - grey) / np.maximum(1 - grey, 1e-6)
    over = np.maximum(below, above)
    return np.asarray(np.clip(grey + (rgb - grey) / np.maximum(over, 1), 0, 1), np.float32)


def encode(light: Floats, bits: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """sRGB curve (also Display P3's), to uint8 or uint16."""
    top = 255 if bits == 8 else 65535
    signal = cs.srgb_encode(light) * np.float32(top) + np.float32(0.5)
    return signal.astype(np.uint8) if bits == 8 else signal.astype(np.uint16)
