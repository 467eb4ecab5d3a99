"""What a gyroscope knows of the hand: turns of the camera as a motion of the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lichtbild.core import FrameInfo
from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand

F64 = npt.NDArray[np.float64]

# Diagonal of a frame of film, mm: what equivalent focal lengths are told against.
_FILM_MM = float(np.hypot(36, 24))


def told_by_gyro(reference: FrameInfo, other: FrameInfo, shape: tuple[int, int]) -> Hand | None:
    """The hand's motion from a reference of `shape`, px, to another frame, of far things, as far as it turned; None
    where the files do not tell turns and focal length."""
    focal = reference.exposure.focal_length_35mm
    if reference.turns is None or other.turns is None or not focal:
        return None
    return hand_of_turns(reference.turns, other.turns, focal / _FILM_MM * float(np.hypot(*shape)), shape)


def hand_of_turns(mine: F64, theirs: F64, focal_px: float, shape: tuple[int, int]) -> Hand:
    """K R K^-1 of every row's own moment, and the `Hand` that comes nearest to it.

    Parameters
    ----------
    mine, theirs
        [m, 3, 3] orientation of the camera (axes right, down, forward) from the first row of a frame to the last, in
        axes that both share.
    focal_px
        Focal length; the optical axis goes through the picture's middle.
    """
    half = max(shape) / 2
    places = (np.argwhere(np.ones((9, 9))) + 0.5) / 9 * np.array(shape)
    middle = np.array(shape) / 2
    ray = np.concatenate([(places - middle)[:, ::-1] / focal_px, np.ones((len(places), 1))], 1)
    world = np.einsum("nij,nj->ni", _at_rows(mine, places[:, 0] / shape[0]), ray)
    there = places
    # Which row of the other frame saw a point depends on where it lies there.
    for _ in range(3):
        seen = np.einsum("nji,nj->ni", _at_rows(theirs, there[:, 0] / shape[0]), world)
        there = seen[:, 1::-1] / np.maximum(seen[:, 2:], 0.05) * focal_px + middle
    scale = np.diag([focal_px / half, focal_px / half, 1])
    turn = theirs[len(theirs) // 2].T @ mine[len(mine) // 2]
    matrix = scale @ turn @ np.linalg.inv(scale)
    hand = Hand(matrix / matrix[2, 2], np.zeros(2), shape)
    base = field.basis(places, shape).reshape(-1, field.N_TERMS)
    for _ in range(3 if max(len(mine), len(theirs)) > 1 else 0):
        left = (there - places - hand.at(places)[:, :2]).ravel()
        hand = hand.stepped(np.linalg.lstsq(base, left, rcond=None)[0])
    return dataclasses.replace(hand, expected=hand.beyond_similarity())


def _at_rows(turns: F64, part: F64) -> F64:
    """Orientations [n, 3, 3] at parts 0..1 of the height; between two, the mean brought back to a rotation."""
    at = np.clip(part, 0, 1) * (len(turns) - 1)
    low = np.minimum(at.astype(int), max(len(turns) - 2, 0))
    high = np.minimum(low + 1, len(turns) - 1)
    weight = (at - low)[:, None, None]
    left, _, right = np.linalg.svd(turns[low] * (1 - weight) + turns[high] * weight)
    return np.asarray(left @ right)
