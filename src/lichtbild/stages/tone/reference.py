"""Tone and encoding in clear NumPy. The fused kernel is `kernel.py`."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.stages.look.grain import dither_tile
from lichtbild.stages.look.moves import Moves
from lichtbild.stages.look.reference import moved
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

GAMUT_LIGHTNESS, GAMUT_HUES = 65, 257
GAMUT_TOP = 0.5
"""Chroma that no colour of a display exceeds; entries of the gamut's table are multiples of a 65535th of it."""


def display_matrix(space: str) -> Floats:
    """Oklab's cone space to linear RGB of one of `DISPLAY_SPACES`, rows summing to 1."""
    to_display = np.linalg.inv(cs.DISPLAY_SPACES[space]) @ cs.REC2020_TO_XYZ
    matrix = to_display @ np.linalg.inv(np.asarray(WORK_TO_LMS, np.float64))
    return np.asarray(matrix / matrix.sum(1, keepdims=True), np.float32)


def gain_ev(work_rgb: Floats, model: Floats, floor: float) -> Floats:
    """Local exposure correction [H, W], stops, from a, b at every pixel [H, W, 2]."""
    y = np.maximum(work_rgb @ LUMA, np.float32(floor))
    return np.asarray(model[..., 0] * np.log2(y) + model[..., 1], np.float32)


def hue_place(a: Floats, b: Floats) -> Floats:
    """Hue as -1..3 without trigonometry: b / (|a| + |b|), mirrored where a < 0."""
    q = b / np.maximum(np.abs(a) + np.abs(b), np.float32(1e-9))
    return np.asarray(np.where(a >= 0, q, 2 - q), np.float32)


@functools.cache
def gamut_chroma(space: str, share: float = 0.98) -> Floats:
    """Greatest Oklab chroma the display shows: float32 [GAMUT_LIGHTNESS, GAMUT_HUES] over lightness 0..1 and
    `hue_place`.

    Found by bisection in float64; 2 % are kept back for the interpolation between entries, or another share: pictures
    that were developed already want it whole.
    """
    u = np.linspace(-1, 3, GAMUT_HUES)
    q = np.where(u <= 1, u, 2 - u)
    hue = np.stack([np.where(u <= 1, 1.0, -1.0) * (1 - np.abs(q)), q], -1)
    hue /= np.hypot(hue[:, 0], hue[:, 1])[:, None]
    lightness = np.linspace(0, 1, GAMUT_LIGHTNESS)[:, None]
    to_rgb, to_lms = np.asarray(display_matrix(space), np.float64), np.asarray(LAB_TO_LMS, np.float64)
    low, high = np.zeros((GAMUT_LIGHTNESS, GAMUT_HUES)), np.full((GAMUT_LIGHTNESS, GAMUT_HUES), GAMUT_TOP)
    for _ in range(22):
        chroma = (low + high) / 2
        lab = np.stack([lightness + 0 * chroma, chroma * hue[:, 0], chroma * hue[:, 1]], -1)
        rgb = (lab @ to_lms.T) ** 3 @ to_rgb.T
        inside = np.all((rgb > -1e-7) & (rgb < 1 + 1e-7), axis=-1)
        low, high = np.where(inside, chroma, low), np.where(inside, high, chroma)
    return np.asarray(np.rint(share * low * (65535 / GAMUT_TOP)) * (GAMUT_TOP / 65535), np.float32)


@functools.cache
def gamut_cells(space: str, share: float = 0.98) -> npt.NDArray[np.uint64]:
    """`gamut_chroma` for the kernel, [GAMUT_LIGHTNESS - 1, GAMUT_HUES - 1]: the four corners of every cell, 16 bits
    each, the next hue's in bits 16 and up, the next lightness' in bits 32 and up."""
    steps = np.rint(gamut_chroma(space, share).astype(np.float64) * (65535 / GAMUT_TOP)).astype(np.uint64)
    corners = (steps[:-1, :-1], steps[:-1, 1:], steps[1:, :-1], steps[1:, 1:])
    return np.asarray(sum(corner << np.uint64(16 * k) for k, corner in enumerate(corners)), np.uint64)


def gamut_limit(lightness: Floats, a: Floats, b: Floats, table: Floats) -> Floats:
    """`gamut_chroma` at Oklab colours, bilinear."""
    row = np.clip(lightness, 0, 1) * np.float32(GAMUT_LIGHTNESS - 1)
    column = (hue_place(a, b) + 1) * np.float32((GAMUT_HUES - 1) / 4)
    i = np.minimum(row.astype(np.int32), GAMUT_LIGHTNESS - 2)
    j = np.minimum(column.astype(np.int32), GAMUT_HUES - 2)
    fi, fj = row - i, column - j
    top = table[i, j] * (1 - fj) + table[i, j + 1] * fj
    bottom = table[i + 1, j] * (1 - fj) + table[i + 1, j + 1] * fj
    return np.asarray(top * (1 - fi) + bottom * fi, np.float32)


def within_reach(scene: Floats) -> Floats:
    """Scene light whose channels fall short of the brightest by at most all of it: no imaginary colours.

    A matrix makes negative light of pure blues and of noise in the dark. The distance of each channel to the
    brightest is eased from 90 % on; grey and colours of ordinary saturation stay as they are (the idea of the ACES
    gamut compression).
    """
    top = np.maximum(scene.max(-1, keepdims=True), np.float32(1e-7))
    distance = (top - scene) / top
    z = np.maximum(distance - np.float32(0.9), 0) * np.float32(10)
    eased = np.minimum(distance, np.float32(0.9)) + np.float32(0.1) * z / np.sqrt(1 + z * z)
    return np.asarray(top * (1 - eased), np.float32)


def believable_colour(work_rgb: Floats, floor: float) -> Floats:
    """Light whose colour fades where its luminance sinks into the noise, float32 [H, W, 3].

    At `floor`, about twice the noise of a pixel in the dark, half the colour is left, at twice that 94 %. Colour
    down there is noise, and opening the shadows would make speckle of it.
    """
    y = np.asarray(work_rgb @ LUMA, np.float32)[..., None]
    fourth = np.square(np.square(np.maximum(y, 0)))
    return np.asarray(y + fourth / (fourth + np.float32(floor) ** 4) * (work_rgb - y), np.float32)


def to_display(
    scene: Floats, lut: Floats, saturation: float, to_rgb: Floats, gamut: Floats, identity: bool, moves: Moves
) -> tuple[Floats, Floats]:
    """Linear display RGB 0..1 [H, W, 3] of exposed scene light in WORK_RGB, and the response of grain [H, W].

    The curve acts on each primary, which fades bright colours to white as film does and gives contrast its
    saturation; but hue is taken from before the curve, in Oklab, so that none of the skews of that method remain. Then
    the look's moves. From `moves.soft_from` of the display's chroma on, chroma is eased into the gamut at constant hue
    and lightness, so that no two colours become one. `identity`: the scene is a picture that a display showed.
    """
    scene = scene if identity else within_reach(scene)
    lab0 = np.cbrt(scene @ WORK_TO_LMS.T) @ LMS_TO_LAB.T
    lab = np.cbrt(look_up(lut, scene) @ WORK_TO_LMS.T) @ LMS_TO_LAB.T
    chroma0 = np.maximum(np.hypot(lab0[..., 1], lab0[..., 2]), np.float32(1e-5))
    # Greys have no hue to keep: what the curve makes of their rounding is held.
    chroma = np.asarray(np.minimum(np.hypot(lab[..., 1], lab[..., 2]), 4 * chroma0) * saturation, np.float32)
    unit = lab0[..., 1:] / chroma0[..., None]
    place = hue_place(lab0[..., 1], lab0[..., 2])
    lightness, ab, grain = moved(np.clip(lab[..., 0], 0, 1), chroma, unit, place, moves)
    chroma = np.asarray(np.maximum(np.hypot(ab[..., 0], ab[..., 1]), 1e-6), np.float32)
    limit = np.maximum(gamut_limit(lightness, ab[..., 0], ab[..., 1], gamut), np.float32(1e-6))
    soft = np.float32(moves.soft_from)
    z = np.maximum(chroma / limit - soft, 0) / (1 - soft)
    eased = np.minimum(chroma, soft * limit) + limit * (1 - soft) * z / np.sqrt(1 + z * z)
    if identity:
        # What the display showed before it can show again, as dark as it has become.
        darker = np.minimum(lightness / np.maximum(lab0[..., 0], np.float32(1e-3)), 1)
        eased = np.maximum(eased, np.minimum(chroma, chroma0 * darker))
    ab = np.asarray(ab * (eased / chroma)[..., None], np.float32)
    rgb = (np.concatenate([lightness[..., None], ab], -1) @ LAB_TO_LMS.T) ** 3 @ to_rgb.T
    return np.asarray(np.clip(rgb, 0, 1), np.float32), grain


def encode(light: Floats, bits: int, top: int = 0, left: int = 0) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """sRGB curve (also Display P3's), to uint8 or uint16; 8 bits are dithered, by the place in the whole picture."""
    high = 255 if bits == 8 else 65535
    rounding: Floats = np.full((1, 1, 1), 0.5, np.float32)
    if bits == 8:
        tile = dither_tile()
        h, w = light.shape[:2]
        rows, columns = (top + np.arange(h)) % len(tile), (left + np.arange(w)) % len(tile)
        rounding = np.asarray(tile[rows[:, None], columns[None, :]][..., None], np.float32)
    signal: Floats = np.clip(cs.srgb_encode(light) * np.float32(high) + rounding, 0, high)
    return signal.astype(np.uint8) if bits == 8 else signal.astype(np.uint16)
