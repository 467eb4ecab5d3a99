"""A chart of dots on a square lattice: every dot to a hundredth of a pixel, and which one it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import ShapeError

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.intp]

LEAST_DOTS = 20
ROUNDEST = 1.8


@dataclass(frozen=True)
class Dots:
    """Dots in a picture.

    Parameters
    ----------
    place_px
        float64 [n, 2], (row, column) of each centre.
    index
        int [n, 2], (row, column) on the lattice; the dot nearest the picture's middle is (0, 0).
    shape
        Rows and columns of the picture.
    finding
        Why there are none; empty if there are.
    """

    place_px: Floats
    index: Ints
    shape: tuple[int, int]
    finding: str = ""


def find_dots(picture: Floats, least_px: float = 4.0) -> Dots:
    """Dark dots on bright ground (or bright ones on dark), indexed.

    Parameters
    ----------
    picture
        float [H, W], one channel, linear in light: a centroid of encoded values is shifted by the blur's asymmetry.
    least_px
        Least diameter.

    Raises
    ------
    ShapeError
        If the picture is no plane.

    Notes
    -----
    Ground and contrast are taken from the surroundings of each dot, so that shading moves no centroid. Fails where dots
    touch or the lattice has holes wider than one dot. Cost: 1.3 s for 12 MP with 2,000 dots.
    """
    from scipy import ndimage

    if picture.ndim != 2:
        raise ShapeError(f"dots are found in one channel, [h, w], not {list(picture.shape)}", where="picture")
    plane = np.asarray(picture, np.float64)
    ground, depth = _ground(plane)
    contrast = float(np.quantile(depth, 0.995))
    if contrast <= 0 or contrast < 0.1 * float(np.median(np.abs(ground)) + 1e-12):
        return _none(picture.shape, "no dots: nothing stands out of the ground")
    labels, n = ndimage.label(depth > 0.5 * contrast)
    places = []
    for k, box in enumerate(ndimage.find_objects(labels), 1):
        place = _measured(plane, labels, k, box, least_px)
        if place is not None:
            places.append(place)
    if len(places) < LEAST_DOTS:
        return _none(picture.shape, f"{len(places)} dots were found of {n} spots, {LEAST_DOTS} are needed")
    at = np.array(places)
    # Spots of another size are no dots of the lattice.
    kept = np.abs(np.log(at[:, 2] / np.median(at[:, 2]))) < np.log(2.2)
    at = at[kept, :2]
    index, known = _indexed(at, np.array(picture.shape) / 2)
    if known.sum() < max(LEAST_DOTS, len(at) / 2):
        return _none(picture.shape, "the dots are not on a square lattice")
    return Dots(at[known], index[known], (int(picture.shape[0]), int(picture.shape[1])))


def _none(shape: tuple[int, ...], why: str) -> Dots:
    return Dots(np.zeros((0, 2)), np.zeros((0, 2), np.intp), (int(shape[0]), int(shape[1])), why)


def _ground(plane: Floats) -> tuple[Floats, Floats]:
    """Level without dots, and how far each pixel departs from it to the dots' side."""
    from scipy import ndimage

    factor = max(1, min(plane.shape) // 96)
    h, w = (n // factor * factor for n in plane.shape)
    blocks = plane[:h, :w].reshape(h // factor, factor, w // factor, factor)
    flat = blocks.transpose(0, 2, 1, 3).reshape(h // factor, w // factor, -1)
    low, middle, high = np.quantile(flat, (0.02, 0.5, 0.98), axis=2)
    is_dark = float(np.mean(middle - low)) > float(np.mean(high - middle))
    level = ndimage.percentile_filter(high if is_dark else low, 80 if is_dark else 20, 5)
    level = ndimage.gaussian_filter(level, 2)
    zoomed = ndimage.map_coordinates(
        level,
        np.meshgrid(*((np.arange(n) + 0.5) / factor - 0.5 for n in plane.shape), indexing="ij"),
        order=1,
        mode="nearest",
    )
    return zoomed, (zoomed - plane if is_dark else plane - zoomed)


def _measured(
    plane: Floats, labels: Ints, label: int, box: tuple[slice, slice], least_px: float
) -> tuple[float, float, float] | None:
    """Centre and area of a spot, by its weights over a plane through the ground about it; None if it is no dot."""
    height, width = (s.stop - s.start for s in box)
    area = int(np.sum(labels[box] == label))
    if min(height, width) < 0.7 * least_px or max(height, width) > ROUNDEST * min(height, width):
        return None
    if area < 0.6 * height * width:
        return None
    # Ring of ground about the dot: half a diameter and 3 px.
    margin = max(height, width) // 4 + 4
    rows = slice(box[0].start - margin, box[0].stop + margin)
    columns = slice(box[1].start - margin, box[1].stop + margin)
    if rows.start < 0 or columns.start < 0 or rows.stop > plane.shape[0] or columns.stop > plane.shape[1]:
        return None
    part = plane[rows, columns]
    y, x = np.arange(part.shape[0]) + 0.5, np.arange(part.shape[1]) + 0.5
    cy, cx = part.shape[0] / 2, part.shape[1] / 2
    radius = np.hypot(y[:, None] - cy, x[None, :] - cx)
    reach = max(height, width) / 2 + margin
    ring = (radius > reach - 2.5) & (radius < reach)
    yy, xx = np.broadcast_to(y[:, None], part.shape), np.broadcast_to(x[None, :], part.shape)
    design = np.stack([np.ones(int(ring.sum())), yy[ring] - cy, xx[ring] - cx], 1)
    fit, *_ = np.linalg.lstsq(design, part[ring], rcond=None)
    ground = fit[0] + fit[1] * (yy - cy) + fit[2] * (xx - cx)
    if not np.all(ground > 0):
        return None
    # The dot's own reflectance against the ground: shading, which multiplies, is divided out.
    weight = (1 - part / ground) * (radius < reach - 1.5)
    total = float(weight.sum())
    if total == 0:
        return None
    return (
        rows.start + float((weight * yy).sum() / total),
        columns.start + float((weight * xx).sum() / total),
        float(area),
    )


def _indexed(at: Floats, middle: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Lattice indices by walking from the middle, each step predicted by the neighbours' own steps."""
    from scipy.spatial import cKDTree

    tree = cKDTree(at)
    start = int(tree.query(middle)[1])
    distances, near = tree.query(at[start], k=min(9, len(at)))
    steps = at[near[1:5]] - at[start]
    right = steps[int(np.argmax(steps[:, 1] - np.abs(steps[:, 0])))]
    down = steps[int(np.argmax(steps[:, 0] - np.abs(steps[:, 1])))]
    index = np.zeros((len(at), 2), np.intp)
    known = np.zeros(len(at), bool)
    if abs(float(down[0] * right[1] - down[1] * right[0])) < 0.3 * float(np.linalg.norm(down) * np.linalg.norm(right)):
        return index, known
    known[start] = True
    frames = {start: (down, right)}
    queue = [start]
    while queue:
        here = queue.pop(0)
        down, right = frames[here]
        for (i, j), step in (((0, 1), right), ((0, -1), -right), ((1, 0), down), ((-1, 0), -down)):
            distance, other = tree.query(at[here] + step)
            other = int(other)
            if known[other] or distance > 0.25 * float(np.linalg.norm(step)):
                continue
            known[other] = True
            index[other] = index[here] + (i, j)
            taken = at[other] - at[here]
            new_down, new_right = (taken * i if i else down), (taken * j if j else right)
            # Half of what was predicted: a single dot's error is not carried on.
            frames[other] = (0.5 * (down + new_down), 0.5 * (right + new_right))
            queue.append(other)
    del distances
    return index, known
