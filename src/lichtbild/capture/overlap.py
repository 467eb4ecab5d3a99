"""Do two frames show the same scene? Compared on pictures of a hundred pixels, over all shifts a hand can make."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import FrameSource, LichtbildError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating]

SIZE_PX = 96
# Shifts tried: up to this part of the picture in both directions.
MAX_SHIFT = 0.3
# Least standard deviation of the detail (log2 units) that can be compared; below, a picture is featureless.
_MIN_DETAIL = 0.01


def thumbnail(source: FrameSource) -> Floats | None:
    """log2 luminance float32 [h, w], the longer side SIZE_PX, of the camera's preview, else of the pixels.

    None where the pixels cannot be read. Cost: one decoded frame where the file has no preview.
    """
    try:
        small = source.preview()
        pixels = small if small is not None else source.read()
    except LichtbildError:
        return None
    return thumbnail_of(pixels)


def thumbnail_of(pixels: Array) -> Floats | None:
    """The same of an array [H, W] (a mosaic: its 2 x 2 cells are averaged) or [H, W, 3]."""
    grey = pixels.astype(np.float32).mean(axis=2) if pixels.ndim == 3 else pixels
    if min(grey.shape) < 32:
        return None
    step = max(1, round(max(grey.shape) / SIZE_PX))
    if pixels.ndim == 2:
        step = max(4, step // 4 * 4)
    h, w = grey.shape[0] // step, grey.shape[1] // step
    if min(h, w) < 8:
        return None
    blocks = grey[: h * step, : w * step].reshape(h, step, w, step).mean(axis=(1, 3), dtype=np.float64)
    floor = max(float(np.percentile(blocks, 1)), 0.0)
    spread = max(float(np.percentile(blocks, 99)) - floor, 1e-6)
    # The offset keeps noise near black from becoming detail, and takes most of a black level out.
    return np.asarray(np.log2(np.maximum(blocks - 0.9 * floor, 0) / spread + 0.05)).astype(np.float32)


def overlap(a: Floats | None, b: Floats | None) -> float | None:
    """Largest correlation (-1..1) of the details of two thumbnails over shifts of up to 30 %.

    None where it cannot be told: one is missing or featureless, or they differ in size. Frames of one scene reach 0.6
    and more under a hand's motion, different scenes stay below 0.4. Normalised cross-correlation over the common part
    (Padfield 2012, masked FFT registration); exposure changes cancel in the logarithm.
    """
    if a is None or b is None or a.shape != b.shape:
        return None
    a, b = _detail(a), _detail(b)
    if a.std() < _MIN_DETAIL or b.std() < _MIN_DETAIL:
        return None
    h, w = a.shape
    shape = (2 * h, 2 * w)
    ones = np.ones((h, w))
    fa, fb, f1 = (np.fft.rfft2(x, shape) for x in (a, b, ones))
    faa, fbb = (np.fft.rfft2(x * x, shape) for x in (a, b))

    def correlate(x: Array, y: Array) -> Array:
        return np.fft.irfft2(x * np.conj(y), shape)

    count = np.maximum(np.round(correlate(f1, f1)), 1)
    mean_a, mean_b = correlate(fa, f1) / count, correlate(f1, fb) / count
    var_a = correlate(faa, f1) / count - mean_a**2
    var_b = correlate(f1, fbb) / count - mean_b**2
    covariance = correlate(fa, fb) / count - mean_a * mean_b
    score = covariance / np.sqrt(np.maximum(var_a * var_b, 1e-12))
    dy, dx = (np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n)) for n in (h, w))
    is_tried = (dy[:, None] <= MAX_SHIFT * h) & (dx[None, :] <= MAX_SHIFT * w)
    is_tried &= (var_a > _MIN_DETAIL**2) & (var_b > _MIN_DETAIL**2)
    return float(np.clip(score[is_tried].max(), -1, 1)) if is_tried.any() else None


def _detail(x: Floats) -> npt.NDArray[np.float64]:
    """What differs from the surroundings of 1/8 of the picture: bright skies over dark ground are in every scene."""
    radius = max(2, max(x.shape) // 16)
    return x - _box(_box(x.astype(np.float64), radius), radius)


def _box(x: npt.NDArray[np.float64], radius: int) -> npt.NDArray[np.float64]:
    for axis in (0, 1):
        padded = np.concatenate([np.zeros_like(x.take([0], axis)), np.cumsum(x, axis)], axis)
        n = x.shape[axis]
        high, low = np.minimum(np.arange(n) + radius + 1, n), np.maximum(np.arange(n) - radius, 0)
        counts = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
        x = (padded.take(high, axis) - padded.take(low, axis)) / counts
    return x
