"""Tags of a DNG: what the numbers mean (levels, colour filter array, noise) and what colour they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.camera import Cfa, ColourCalibration
from lichtbild.core.colour_space import XYZ_TO_SRGB, light_source_xy
from lichtbild.core.corrections import Opcode, WarpRectilinear2
from lichtbild.core.frame import FrameInfo, Levels
from lichtbild.core.noise import NoiseModel

Entries = dict[int, tuple[int, Any]]

PI_CFA, PI_LINEAR_RAW, PI_YCBCR = 32803, 34892, 6

# Numbers of EXIF's LightSource that stand for one illuminant of the CIE (A, B, C, D50 to D75), not for a kind of lamp.
LIGHT_SOURCES = (17, 21, 23, 20, 22, 18, 19)
OTHER_LIGHT_SOURCE = 255
# Two published values of one illuminant differ by less; two illuminants by more.
SAME_LIGHT_XY = 0.0015

# Tag numbers for calibration illuminant 1, 2 and 3.
_ILLUMINANT = (50778, 50779, 52529)
_ILLUMINANT_DATA = (52533, 52534, 52535)
_COLOR_MATRIX = (50721, 50722, 52531)
_FORWARD_MATRIX = (50964, 50965, 52532)
_CAMERA_CALIBRATION = (50723, 50724, 52530)


def colour_entries(colour: ColourCalibration) -> Entries:
    """Matrices and illuminants of IFD0."""
    entries: Entries = {}
    for k, xy in enumerate(colour.illuminants_xy[:3]):
        number = light_source(xy)
        entries[_ILLUMINANT[k]] = (exif.SHORT, number)
        if number == OTHER_LIGHT_SOURCE:
            # DNG 1.6: type 0 (an xy pair), then x and y as rationals, in the byte order of the file.
            data = exif.encode_value(exif.SHORT, 0)[1] + exif.encode_value(exif.RATIONAL, tuple(map(float, xy)))[1]
            entries[_ILLUMINANT_DATA[k]] = (exif.UNDEFINED, data)
        for tags, matrices in (
            (_COLOR_MATRIX, colour.xyz_to_camera),
            (_FORWARD_MATRIX, colour.camera_to_pcs),
            (_CAMERA_CALIBRATION, colour.camera_calibration),
        ):
            if k < len(matrices):
                entries[tags[k]] = (exif.SRATIONAL, _fixed(matrices[k].ravel()))
    if colour.analog_balance != (1.0, 1.0, 1.0):
        entries[50727] = (exif.RATIONAL, _fixed(colour.analog_balance))
    return entries


def light_source(xy: tuple[float, float]) -> int:
    """EXIF LightSource of a chromaticity, 255 (other) where none is meant."""
    for number in LIGHT_SOURCES:
        known = light_source_xy(number)
        if known is not None and math.dist(xy, known) < SAME_LIGHT_XY:
            return number
    return OTHER_LIGHT_SOURCE


def _fixed(numbers: Iterable[float], denominator: int = 1_000_000) -> tuple[tuple[int, int], ...]:
    return tuple((round(float(v) * denominator), denominator) for v in numbers)


def rendered_colour_entries() -> Entries:
    """Colour of pixels made from a developed picture: linear sRGB, neutral when equal."""
    return {
        50778: (exif.SHORT, 21),
        50721: (exif.SRATIONAL, _fixed(XYZ_TO_SRGB.ravel())),
        50728: (exif.RATIONAL, _fixed((1.0, 1.0, 1.0))),
    }


def white_balance_entries(info: FrameInfo) -> Entries:
    """AsShotNeutral or AsShotWhiteXY, whichever the original had."""
    if info.as_shot_neutral is not None:
        return {50728: (exif.RATIONAL, _fixed(info.as_shot_neutral))}
    if info.as_shot_white_xy is not None:
        return {50729: (exif.RATIONAL, _fixed(info.as_shot_white_xy))}
    return {}


def cfa_entries(cfa: Cfa) -> Entries:
    """The colour filter array, quad-Bayer as the 4 x 4 pattern it is."""
    side = 2 * cfa.quad
    pattern = bytes(cfa.colours[i // cfa.quad][j // cfa.quad] for i in range(side) for j in range(side))
    return {
        33421: (exif.SHORT, (side, side)),
        33422: (exif.BYTE, pattern),
        50710: (exif.BYTE, b"\0\1\2"),
        50711: (exif.SHORT, 1),
    }


def level_entries(levels: Levels) -> Entries:
    """Black and white of stored numbers, with pattern, deltas and table."""
    rows, columns, _ = levels.black.shape
    black = levels.black.ravel()
    is_whole = bool(np.all(black == np.rint(black)) and np.all(black >= 0))
    entries: Entries = {
        50713: (exif.SHORT, (rows, columns)),
        50714: (exif.LONG, black) if is_whole else (exif.RATIONAL, _fixed(np.maximum(black, 0), 10_000)),
        50717: (exif.LONG, tuple(round(w) for w in levels.white)),
    }
    if levels.black_delta_h is not None:
        entries[50715] = (exif.SRATIONAL, _fixed(levels.black_delta_h, 10_000))
    if levels.black_delta_v is not None:
        entries[50716] = (exif.SRATIONAL, _fixed(levels.black_delta_v, 10_000))
    if levels.table is not None:
        entries[50712] = (exif.SHORT, levels.table)
    return entries


def noise_entries(
    noise: NoiseModel, n_effective: npt.NDArray[np.float32] | float, gain: npt.NDArray[np.float32] | None
) -> Entries:
    """NoiseProfile: one pair S, O a plane for the whole picture, so the middle of what varies over it.

    variance = (alpha * signal * g + beta * g^2) / n, with the median gain g and the median number of frames n.
    """
    # Every eighth pixel has the same median, at a hundredth of the time.
    some = n_effective[::8, ::8] if isinstance(n_effective, np.ndarray) else n_effective
    n_frames = max(float(np.median(some)), 1e-6)
    gains = np.ones(noise.n_channels) if gain is None else np.median(gain, axis=(0, 1)).astype(float)
    gains = np.broadcast_to(gains, (max(noise.n_channels, len(gains)),))
    alpha, beta = (np.broadcast_to(np.asarray(v), gains.shape) for v in (noise.alpha, noise.beta))
    pairs = np.stack([alpha * gains, beta * gains**2], axis=1) / n_frames
    return {51041: (exif.DOUBLE, tuple(pairs.ravel().tolist()))}


def versions(entries: Entries, opcodes: Iterable[Opcode]) -> Entries:
    """DNGVersion and DNGBackwardVersion: the oldest reader that gets this file right."""
    needed = (1, 1, 0, 0)
    for opcode in opcodes:
        needed = max(needed, (1, 3, 0, 0))
        if isinstance(opcode, WarpRectilinear2) and not opcode.optional:
            needed = max(needed, (1, 6, 0, 0))
    if entries.keys() & {_ILLUMINANT[2], *_ILLUMINANT_DATA}:
        needed = max(needed, (1, 6, 0, 0))
    return {
        50706: (exif.BYTE, bytes(max(needed, (1, 4, 0, 0)))),
        50707: (exif.BYTE, bytes(needed)),
    }
