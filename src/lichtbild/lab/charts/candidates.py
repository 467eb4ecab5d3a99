"""Flat patches of a picture: what is even inside, has an edge all round and the shape of a parallelogram.

The shape is told by moments. A parallelogram spanned by u and v has the area |u x v| and the covariance
(u u' + v v') / 12, so that area = 12 sqrt(det covariance) whatever its angle, its skew and its sides: one number that
every perspective leaves alone, and that ellipses (1.047), frames, strokes and foliage (below 0.9) miss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

# An edge is a difference over two pixels of this share of the local level, or of this many deviations of the noise.
EDGE_SHARE = 0.075
EDGE_DEVIATIONS = 4.0
MIN_AREA_PX = 16
SQUARENESS = (0.86, 1.08)
MAX_ASPECT = 4.5
MAX_SMOOTHINGS = 2


@dataclass(frozen=True, eq=False)
class Candidates:
    """Flat parallelograms: centres [n, 2] (x, y, px, a pixel's centre at + 0.5), areas [n] px^2, sides [n] px."""

    centres: Floats
    areas: Floats
    sides: Floats


def flat_patches(root: Float32, max_area_px: float) -> Candidates:
    """Candidates of a picture.

    Parameters
    ----------
    root
        float32 [H, W, C], about the square root of light (an encoded picture, or the root of a linear one).
    max_area_px
        Larger ones are left to a coarser level.
    """
    from scipy import ndimage

    labels, n = ndimage.label(flat_mask(root))
    counts = np.bincount(labels.ravel(), minlength=n + 1)
    wanted = (counts >= MIN_AREA_PX) & (counts <= max_area_px)
    wanted[0] = False
    if not wanted.any():
        return Candidates(np.empty((0, 2)), np.empty(0), np.empty(0))
    renamed = np.cumsum(wanted) - 1
    inside = np.flatnonzero(wanted[labels.ravel()])
    which = renamed[labels.ravel()[inside]]
    y, x = np.divmod(inside, root.shape[1])
    return _squares(which, x.astype(np.float64), y.astype(np.float64), int(wanted.sum()))


def flat_mask(root: Float32) -> npt.NDArray[np.bool_]:
    """bool [H, W]: no edge within a pixel. Where noise is as high as the edges that count, it is averaged first."""
    from scipy import ndimage

    slope, noise = _slope(root)
    base = ndimage.uniform_filter(root.max(2), 15, mode="nearest")
    for _ in range(MAX_SMOOTHINGS):
        if EDGE_DEVIATIONS * noise < EDGE_SHARE * float(np.median(base[::7, ::7])):
            break
        root = ndimage.uniform_filter(root, (3, 3, 1), mode="nearest")
        slope, noise = _slope(root)
    limit = np.maximum(np.float32(EDGE_SHARE) * base, np.float32(EDGE_DEVIATIONS * min(noise, 0.05)))
    flat = slope < limit
    flat[[0, -1]] = flat[:, [0, -1]] = False
    return np.asarray(flat)


def _slope(root: Float32) -> tuple[Float32, float]:
    """The largest difference over two pixels at every pixel, and the noise of such a difference: a quarter of any
    picture is even enough to tell it by."""
    slope = np.zeros(root.shape[:2], np.float32)
    noise = 0.0
    for channel in np.moveaxis(root, 2, 0):
        across = np.abs(channel[:, 2:] - channel[:, :-2])
        down = np.abs(channel[2:] - channel[:-2])
        noise = max(noise, float(np.quantile(across[::7, ::7], 0.25)) / 0.3186)
        np.maximum(slope[:, 1:-1], across, out=slope[:, 1:-1])
        np.maximum(slope[1:-1], down, out=slope[1:-1])
    return slope, noise


def _squares(which: npt.NDArray[np.intp], x: Floats, y: Floats, n: int) -> Candidates:
    """Those of the labelled pixels that make parallelograms."""
    area = np.bincount(which, minlength=n).astype(np.float64)
    mx, my = (np.bincount(which, v, n) / area for v in (x, y))
    dx, dy = x - mx[which], y - my[which]
    # + 1/12: a pixel is a square, not a point.
    cxx = np.bincount(which, dx * dx, n) / area + 1 / 12
    cyy = np.bincount(which, dy * dy, n) / area + 1 / 12
    cxy = np.bincount(which, dx * dy, n) / area
    det = np.maximum(cxx * cyy - cxy * cxy, 1e-9)
    half_trace = (cxx + cyy) / 2
    spread = np.sqrt(np.maximum(half_trace**2 - det, 0))
    aspect = np.sqrt((half_trace + spread) / np.maximum(half_trace - spread, 1e-9))
    squareness = area / (12 * np.sqrt(det))
    good = (squareness > SQUARENESS[0]) & (squareness < SQUARENESS[1]) & (aspect < MAX_ASPECT)
    centres = np.stack([mx + 0.5, my + 0.5], 1)
    return Candidates(centres[good], area[good], np.sqrt(area[good]))
