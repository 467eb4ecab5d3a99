"""The patterns by which pixels collect light, with the way of hand and things during the exposure in them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lichtbild.simulate.draw import Bending
from lichtbild.simulate.lens import CELL_PX
from lichtbild.simulate.views import moved, row_at, to_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def node_places(shape: tuple[int, int]) -> tuple[Float64, Float64]:
    """x, y, float64 [N_y, N_x] each: corners of the cells of 128 px, in px of the frame."""
    n_y, n_x = (-(-n // CELL_PX) + 1 for n in shape)
    y, x = np.meshgrid(np.arange(n_y) * float(CELL_PX), np.arange(n_x) * float(CELL_PX), indexing="ij")
    return x, y


def exposure_parts(reach_px: float) -> tuple[Float64, Float64]:
    """Moments of an exposure (0 to 1) and their weights that integrate a way of `reach_px`: Gauss and Legendre's, exact
    to 1e-4 for all that a pixel lets pass. One for what moves by less than a fiftieth of a px."""
    n = 1 if reach_px < 0.02 else 2 + math.ceil(2 * reach_px)
    at, weight = np.polynomial.legendre.leggauss(n)
    return 0.5 + 0.5 * at, 0.5 * weight


def ways_px(lens: Bending | None, shape: tuple[int, int], middle: Float64, parts: list[Float64]) -> Float64:
    """float64 [N_y, N_x, J, 2]: from the corner of each cell to where what it sees at each part of the exposure is
    drawn, px.

    Parameters
    ----------
    lens
        Whose distortion bends the ways; None: it has none.
    middle
        float64 [m, 3, 3]: the way back of the moment at which the layer is drawn.
    parts
        The same at each part of the exposure.
    """
    x, y = node_places(shape)
    # Corners of cells that reach over the edge of the picture are held at it.
    px, py = np.minimum(x, shape[1]), np.minimum(y, shape[0])
    out = np.empty((*x.shape, len(parts), 2))
    for j, back in enumerate(parts):
        u, v = moved(row_at(back, py), px, py)
        u, v = to_frame(middle, u, v)
        if lens is not None:
            step = 1e-3
            ax, ay = lens.to_raw(px, py, shape)
            (bx, by), (cx, cy) = lens.to_raw(px + step, py, shape), lens.to_raw(px, py + step, shape)
            du, dv = u - px, v - py
            # A picture without distortion is drawn on in the small: by the lens's stretch at this place.
            out[..., j, 0] = ((bx - ax) * du + (cx - ax) * dv) / step
            out[..., j, 1] = ((by - ay) * du + (cy - ay) * dv) / step
        else:
            out[..., j, 0], out[..., j, 1] = u - px, v - py
    return out


def along(nodes: Float32, ways: Float64, weights: Float64) -> Float32:
    """Patterns [N_y, N_x, 3, T, T] moved along ways [N_y, N_x, J, 2], px: float32 [N_y, N_x, 3, T', T'].

    The samples are half a px apart and hold no frequency above a cycle a px, so that moving them by any fraction is a
    phase. Cost: 0.3 s at 12 MP (825 places, 24 taps, a way of 1 px).
    """
    taps = nodes.shape[-1]
    reach = float(np.abs(ways).max())
    wide = 4 * math.ceil((taps + 4 * reach + 2) / 4) if reach > 0.02 else taps
    before = (wide - taps) // 2
    # A grid larger than the pattern: what a phase shifts over the edge is next to nothing.
    n = wide + 8
    fx, fy = np.fft.rfftfreq(n), np.fft.fftfreq(n)
    out = np.empty((*nodes.shape[:3], wide, wide), np.float32)
    for j in range(nodes.shape[0]):
        padded = np.zeros((*nodes.shape[1:3], n, n), np.float32)
        inner = slice(before + 4, before + 4 + taps)
        padded[..., inner, inner] = nodes[j]
        across = np.exp(-4j * np.pi * ways[j, :, :, 0, None] * fx)
        down = np.exp(-4j * np.pi * ways[j, :, :, 1, None] * fy) * weights[:, None]
        phase = np.einsum("kjv,kju->kvu", down, across, optimize=True)
        spread = np.fft.irfft2(np.fft.rfft2(padded) * phase[:, None], (n, n))
        out[j] = spread[..., 4 : 4 + wide, 4 : 4 + wide]
    return out / out.sum((-2, -1), keepdims=True)
