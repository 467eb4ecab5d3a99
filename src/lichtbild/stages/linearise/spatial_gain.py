"""Spatial gains (GainMap, FixVignetteRadial) as one grid with a node every 16 px, for kernels and for the noise.

Bilinear interpolation of the grid at the pixels reproduces a GainMap but for the kinks at its own nodes (below 2e-3 of
the change between two nodes of a 13 x 17 map at 12 MP) and a radial polynomial to 2e-5.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.camera import Cfa
from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap
from lichtbild.core.frame import GAIN_STEP_PX

Floats = npt.NDArray[np.float32]
N_SITES = 4  # of a 2x2 cell, row by row


def n_nodes(length_px: int) -> int:
    """Nodes of the grid along an axis: the last one lies at or beyond the edge."""
    return -(-length_px // GAIN_STEP_PX) + 1


def map_weights(relative: npt.NDArray[np.float64], origin: float, spacing: float, n: int) -> npt.NDArray[np.float64]:
    """Bilinear weights [len(relative), n] of the nodes of a map at relative image positions; constant beyond its ends."""
    weights = np.zeros((relative.size, n))
    at = np.clip((relative - origin) / spacing, 0, n - 1) if n > 1 else np.zeros(relative.size)
    low = np.minimum(at.astype(np.intp), max(n - 2, 0))
    rows = np.arange(relative.size)
    np.add.at(weights, (rows, low), 1 - (at - low))
    np.add.at(weights, (rows, np.minimum(low + 1, n - 1)), at - low)
    return weights


def _node_weights(length_px: int, origin: float, spacing: float, n: int) -> npt.NDArray[np.float64]:
    """`map_weights` at the nodes of the 16-px grid. The node beyond the edge continues the line to the edge itself, so
    that the last pixels are exact although the map ends there."""
    nodes = np.arange(n_nodes(length_px)) * float(GAIN_STEP_PX)
    weights = map_weights(np.minimum(nodes, length_px) / length_px, origin, spacing, n)
    inside = length_px - nodes[-2]
    weights[-1] = weights[-2] + (weights[-1] - weights[-2]) * (GAIN_STEP_PX / inside)
    return weights


def gain_map_nodes(op: GainMap, shape: tuple[int, int], map_plane: int) -> npt.NDArray[np.float64]:
    """Gain of one plane of a map at the nodes of the grid of an image of `shape`, [n_nodes(H), n_nodes(W)]."""
    plane = op.gain[:, :, min(map_plane, op.gain.shape[2] - 1)].astype(np.float64)
    v = _node_weights(shape[0], op.origin_v, op.spacing_v, plane.shape[0])
    h = _node_weights(shape[1], op.origin_h, op.spacing_h, plane.shape[1])
    return np.asarray(v @ plane @ h.T)


def gain_map_at(
    op: GainMap, shape: tuple[int, int], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], map_plane: int
) -> Floats:
    """Exact gain of one plane of a map at pixel centres, float32 [len(rows), len(columns)]."""
    plane = op.gain[:, :, min(map_plane, op.gain.shape[2] - 1)].astype(np.float64)
    v = map_weights((rows + 0.5) / shape[0], op.origin_v, op.spacing_v, plane.shape[0])
    h = map_weights((columns + 0.5) / shape[1], op.origin_h, op.spacing_h, plane.shape[1])
    return np.asarray(v @ plane @ h.T, np.float32)


def vignette_gain(
    op: FixVignetteRadial, shape: tuple[int, int], y_px: npt.NDArray[np.floating], x_px: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """1 + k0 r^2 + k1 r^4 + ... at [len(y), len(x)]; r = 1 at the corner of the image farthest from the centre."""
    height, width = shape
    cy, cx = op.centre_y * height, op.centre_x * width
    far2 = max(cy, height - cy) ** 2 + max(cx, width - cx) ** 2
    r2 = ((y_px[:, None] - cy) ** 2 + (x_px[None, :] - cx) ** 2) / far2
    total = np.zeros_like(r2)
    for k in reversed(op.k):
        total = r2 * (k + total)
    return np.asarray(1 + total)


def node_positions(length_px: int) -> npt.NDArray[np.float64]:
    """Pixel coordinates of the grid's nodes along an axis."""
    return np.arange(n_nodes(length_px)) * float(GAIN_STEP_PX)


def is_whole(area: Area, shape: tuple[int, int]) -> bool:
    """An empty area means the whole image, whatever its size."""
    return area.bottom <= area.top or area.right <= area.left or (
        area.top < area.row_pitch
        and area.left < area.column_pitch
        and area.bottom > shape[0] - area.row_pitch
        and area.right > shape[1] - area.column_pitch
    )


def sites_of(area: Area, shape: tuple[int, int]) -> list[int] | None:
    """Which of the four sites of every 2x2 cell `area` covers completely; None where it does not fit that lattice."""
    if area.bottom <= area.top or area.right <= area.left:
        return [0, 1, 2, 3]
    if not is_whole(area, shape) or area.row_pitch > 2 or area.column_pitch > 2:
        return None
    rows = [0, 1] if area.row_pitch == 1 else [area.top % 2]
    columns = [0, 1] if area.column_pitch == 1 else [area.left % 2]
    return [2 * r + c for r in rows for c in columns]


def colour_grid(sites: npt.NDArray[np.float64], cfa: Cfa | None) -> Floats:
    """The grid of `Frame.gain`, float32 [nv, nh, C], from that of the four sites: C = 3 colours, or 1 without a CFA."""
    if cfa is None or cfa.quad != 1:
        mean = sites.mean(axis=2, keepdims=True)
        return np.ascontiguousarray(np.repeat(mean, 1 if cfa is None else 3, axis=2), np.float32)
    colours = np.array(cfa.colours).ravel()
    return np.ascontiguousarray(np.stack([sites[:, :, colours == c].mean(axis=2) for c in range(3)], axis=2), np.float32)


def site_grid(gain: Floats, cfa: Cfa | None) -> Floats:
    """The four sites' grid, float32 [nv, nh, 4], from that of `Frame.gain`."""
    colours = np.zeros(4, np.intp) if cfa is None or cfa.quad != 1 else np.array(cfa.colours).ravel()
    return np.ascontiguousarray(gain[:, :, colours], np.float32)
