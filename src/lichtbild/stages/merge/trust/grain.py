"""Grain of pictures that a camera developed: what its noise leaves in a mean of 6 x 6 pixels, measured there.

A camera takes the fine part of its noise away, sharpens, and bends the tones: what is left is grain some pixels wide.
The noise of single pixels says nothing about it: on five JPEGs of a phone the means varied 30 to 80 times as much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

_STEP, _SIDE = 3, 8  # means of pixels of their own, and how many of them along a window of 48 px
_PARTS, _FLATTEST = 8, 0.12  # parts of the tones, and what share of their windows is flat


def grain_of(mean: F32) -> tuple[F64, F64] | None:
    """Alpha and beta of the variance that means over 3 x 3 blocks of 2 x 2 px have in flat places, float64 [3] each.

    Parameters
    ----------
    mean
        float32 [3, h, w], such means around every block.

    Returns
    -------
    None where the picture is too small to tell. In each eighth of the tones, that of the flattest windows (less a
    slope); then the line through them, weighted by their size.
    """
    window = _STEP * _SIDE
    h, w = (n // window for n in mean.shape[1:])
    if h * w < _PARTS / _FLATTEST:
        return None
    apart = mean[:, : h * window : _STEP, : w * window : _STEP].astype(np.float64)
    windows = apart.reshape(3, h, _SIDE, w, _SIDE).swapaxes(2, 3).reshape(3, h * w, _SIDE**2)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] - (_SIDE - 1) / 2
    slopes = np.linalg.qr(np.stack([np.ones(_SIDE**2), y.ravel(), x.ravel()], 1))[0]
    left = windows - (windows @ slopes) @ slopes.T
    variance = (left**2).sum(-1) / (_SIDE**2 - slopes.shape[1])
    lines = [_line(*_flattest(s, v)) for s, v in zip(windows.mean(-1), variance, strict=True)]
    alpha, beta = np.array(lines).T
    return alpha, beta


def _flattest(signal: F64, variance: F64) -> tuple[F64, F64]:
    """Light and variance of the flattest windows in each part of the tones."""
    found = []
    for part in np.array_split(np.argsort(signal), _PARTS):
        limit = np.quantile(variance[part], _FLATTEST)
        found.append((np.median(signal[part][variance[part] <= limit]), limit))
    light, least = np.array(found).T
    return np.maximum(light, 0), np.maximum(least, 1e-15)


def _line(signal: F64, variance: F64) -> tuple[float, float]:
    """Slope and offset, neither negative, of variance over light by relative least squares."""
    weight = 1 / variance
    both = np.stack([signal, np.ones_like(signal)], 1) * weight[:, None]
    slope, offset = np.linalg.lstsq(both, np.ones_like(signal), rcond=None)[0]
    if slope < 0:
        return 0.0, float(weight.sum() / (weight**2).sum())
    if offset < 0:
        return float(both[:, 0].sum() / (both[:, 0] ** 2).sum()), 0.0
    return float(slope), float(offset)
