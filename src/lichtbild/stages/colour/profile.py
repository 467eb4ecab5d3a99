"""A profile's maps of hue and saturation on camera colours: on the way to the connection space, and back.

Maps are of white-balanced scene light, so they could stand anywhere between the matrix and the tone curve. They stand
before the fused kernel, since few pictures have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core import memory, native
from lichtbild.core.camera import ColourProfile, HueSatMap
from lichtbild.core.frame import Frame
from lichtbild.stages.colour.reference import Pixels, through_map

Matrix = npt.NDArray[np.float64]

PROPHOTO_TO_XYZ = cs.rgb_to_xyz_matrix(
    ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), cs.xyz_to_xy(cs.PCS_WHITE_XYZ)
)
"""Linear ProPhoto RGB (ROMM, ISO 22028-2) to XYZ under D50."""
FADE_SHARE = 0.9
"""Share of the clip level from which a map is left: what is clipped has no hue to be changed."""


@dataclass(frozen=True, eq=False)
class ProfileFacts:
    """Maps at one white point: `to_prophoto` takes white-balanced camera RGB to linear ProPhoto."""

    to_prophoto: Matrix
    neutral: tuple[float, float, float]
    maps: tuple[HueSatMap, ...]


def mixed_map(maps: tuple[HueSatMap, ...], share: npt.NDArray[np.float64]) -> HueSatMap:
    """The maps of several illuminants at one white, by the weights of their matrices."""
    if len(maps) == 1:
        return maps[0]
    table = sum(float(w) * m.table for w, m in zip(share, maps, strict=True))
    return HueSatMap(np.ascontiguousarray(table, np.float32), maps[0].is_encoded)


def analyse(
    profile: ColourProfile | None, matrix: Matrix, neutral: tuple[float, float, float], share: npt.NDArray[np.float64]
) -> ProfileFacts | None:
    """Maps for a picture whose white-balanced camera RGB goes to WORK_RGB by `matrix`; None where there are none."""
    if profile is None or not profile.has_maps:
        return None
    to_d50 = cs.bradford(cs.xy_to_xyz(cs.DISPLAY_WHITE_XY), cs.PCS_WHITE_XYZ)
    to_prophoto = np.linalg.inv(PROPHOTO_TO_XYZ) @ to_d50 @ cs.REC2020_TO_XYZ @ matrix
    if len(profile.hue_sat) not in (0, 1, len(share)):
        share = np.ones(len(profile.hue_sat)) / len(profile.hue_sat)
    maps = [mixed_map(profile.hue_sat, share)] if profile.hue_sat else []
    if profile.look is not None:
        maps.append(profile.look)
    return ProfileFacts(to_prophoto / to_prophoto.sum(1, keepdims=True), neutral, tuple(maps))


def matrices(facts: ProfileFacts) -> tuple[Pixels, Pixels]:
    """Camera RGB to ProPhoto, and back, float32 [3, 3]."""
    to = facts.to_prophoto / np.asarray(facts.neutral)
    return to.astype(np.float32), np.linalg.inv(to).astype(np.float32)


def _limit(frame: Frame) -> float:
    """Value of a channel from which maps fade."""
    return FADE_SHARE * frame.saturation * (1.0 if frame.gain is None else float(frame.gain.min()))


def apply_reference(frame: Frame, facts: ProfileFacts | None) -> Frame:
    """`apply` in NumPy."""
    if facts is None:
        return frame
    pixels = np.asarray(frame.pixels)
    to, back = matrices(facts)
    for step in facts.maps:
        pixels = through_map(pixels, to, back, step.table, _limit(frame), step.is_encoded)
    return frame.replaced(pixels=pixels)


def apply(frame: Frame, facts: ProfileFacts | None) -> Frame:
    """CAMERA_RGB through the maps of its profile. Cost O(H W)."""
    if facts is None:
        return frame
    pixels = np.ascontiguousarray(frame.pixels, np.float32)
    to, back = matrices(facts)
    for step in facts.maps:
        out = memory.empty(pixels.shape)
        table = np.ascontiguousarray(step.table)
        native.call("profile_map", pixels, to, back, table, _limit(frame), int(step.is_encoded), out)
        pixels = out
    return frame.replaced(pixels=pixels)
