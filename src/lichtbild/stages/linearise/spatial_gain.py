"""Spatial gains (GainMap, FixVignetteRadial): exact layers for the pixels, and the 16-px grid for the noise."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.camera import Cfa
from lichtbild.core.corrections import Area, FixVignetteRadial, GainMap
from lichtbild.core.frame import GAIN_STEP_PX

Floats = npt.NDArray[np.float32]


def n_nodes(length_px: int) -> int:
    """Nodes of the grid along an axis: the last one lies at or beyond the edge."""
    return -(-length_px // GAIN_STEP_PX) + 1


def _between(
    values: npt.NDArray[np.floating], relative: npt.NDArray[np.float64], origin: float, spacing: float
) -> npt.NDArray[np.float64]:
    """Linear samples [len(relative), m] of a map's nodes [n, m] at relative image positions; constant beyond its ends.

    By index and not as a product of matrices: a BLAS would wake its threads for nothing."""
    n = values.shape[0]
    at = np.clip((relative - origin) / spacing, 0, n - 1) if n > 1 else np.zeros(relative.size)
    low = np.minimum(at.astype(np.intp), max(n - 2, 0))
    part = (at - low)[:, None]
    return np.asarray(values[low] * (1 - part) + values[np.minimum(low + 1, n - 1)] * part, np.float64)


def _at_nodes(
    values: npt.NDArray[np.floating], length_px: int, origin: float, spacing: float
) -> npt.NDArray[np.float64]:
    """Samples of a map's nodes at the nodes of the 16-px grid. The node beyond the edge continues the line to the edge
    itself, so that the last pixels are exact although the map ends there."""
    nodes = node_positions(length_px)
    samples = _between(values, np.minimum(nodes, length_px) / length_px, origin, spacing)
    inside = length_px - nodes[-2]
    samples[-1] = samples[-2] + (samples[-1] - samples[-2]) * (GAIN_STEP_PX / inside)
    return samples


def _map_plane(op: GainMap, map_plane: int) -> npt.NDArray[np.float64]:
    return op.gain[:, :, min(map_plane, op.gain.shape[2] - 1)].astype(np.float64)


def gain_map_nodes(op: GainMap, shape: tuple[int, int], map_plane: int) -> npt.NDArray[np.float64]:
    """Gain of one plane of a map at the nodes of the grid of an image of `shape`, [n_nodes(H), n_nodes(W)]."""
    rows = _at_nodes(_map_plane(op, map_plane), shape[0], op.origin_v, op.spacing_v)
    return _at_nodes(rows.T, shape[1], op.origin_h, op.spacing_h).T


def gain_map_at(
    op: GainMap, shape: tuple[int, int], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], map_plane: int
) -> Floats:
    """Exact gain of one plane of a map at pixel centres, float32 [len(rows), len(columns)]."""
    across = _between(_map_plane(op, map_plane).T, (columns + 0.5) / shape[1], op.origin_h, op.spacing_h).T
    return np.asarray(_between(across, (rows + 0.5) / shape[0], op.origin_v, op.spacing_v), np.float32)


def vignette_gain(
    op: FixVignetteRadial, shape: tuple[int, int], y_px: npt.NDArray[np.floating], x_px: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """1 + k0 r^2 + k1 r^4 + ... at [len(y), len(x)]; r = 1 at the corner of the image farthest from the centre."""
    height, width = shape
    cy, cx = op.centre_y * height, op.centre_x * width
    far2 = max(cy, height - cy) ** 2 + max(cx, width - cx) ** 2
    r2 = np.asarray(((y_px[:, None] - cy) ** 2 + (x_px[None, :] - cx) ** 2) / far2, np.float64)
    return np.asarray(np.polynomial.polynomial.polyval(r2, (1.0, *op.k)), np.float64)


def node_positions(length_px: int) -> npt.NDArray[np.float64]:
    """Pixel coordinates of the grid's nodes along an axis."""
    return np.asarray(np.arange(n_nodes(length_px)) * GAIN_STEP_PX, np.float64)


def is_whole(area: Area, shape: tuple[int, int]) -> bool:
    """An empty area means the whole image, whatever its size."""
    return (
        area.bottom <= area.top
        or area.right <= area.left
        or (
            area.top < area.row_pitch
            and area.left < area.column_pitch
            and area.bottom > shape[0] - area.row_pitch
            and area.right > shape[1] - area.column_pitch
        )
    )


def cell_px(cfa: Cfa | None) -> int:
    """Side of the square cell that the colours of a mosaic repeat with; its pixels are the sites, row by row."""
    return 2 if cfa is None else 2 * cfa.quad


def sites_of(area: Area, shape: tuple[int, int], cell: int) -> list[int] | None:
    """Which sites of every cell `area` covers completely; None where it does not fit that lattice."""
    if area.bottom <= area.top or area.right <= area.left:
        return list(range(cell * cell))
    if not is_whole(area, shape) or cell % area.row_pitch or cell % area.column_pitch:
        return None
    rows = range(area.top % area.row_pitch, cell, area.row_pitch)
    columns = range(area.left % area.column_pitch, cell, area.column_pitch)
    return [cell * r + c for r in rows for c in columns]


@dataclass(frozen=True, eq=False)
class Layer:
    """A gain for a whole image, ready for the kernels.

    Parameters
    ----------
    maps
        float32 [rows of a cell, n, W * planes]: gain at every column and at n node rows, for each row of a cell.
    row, weight
        int32 [H], float32 [H]: pixel row y lies `weight[y]` of the way from node row `row[y]` to the next.
    taken
        The sites of a cell, or planes, that have a gain already.
    geometry
        What two layers must share to be merged.
    """

    maps: Floats
    row: npt.NDArray[np.int32]
    weight: Floats
    taken: frozenset[int]
    geometry: tuple[float, ...]

    def merged(self, other: Layer) -> Layer | None:
        """Both gains in one layer, where that is exact."""
        if self.geometry != other.geometry or self.taken & other.taken:
            return None
        return dataclasses.replace(self, maps=self.maps * other.maps, taken=self.taken | other.taken)


def gain_map_layer(op: GainMap, shape: tuple[int, ...], chosen: dict[int, int], cell: int) -> Layer:
    """The layer of a map for whole sites or planes: `chosen` is {site or plane of the image: plane of the map}."""
    height, width = shape[:2]
    n = op.gain.shape[0]
    at = (
        np.clip(((np.arange(height) + 0.5) / height - op.origin_v) / op.spacing_v, 0, n - 1)
        if n > 1
        else np.zeros(height)
    )
    row = np.minimum(at.astype(np.int32), max(n - 2, 0)).astype(np.int32)
    n_planes = 1 if len(shape) == 2 else shape[2]
    maps = np.ones((cell if n_planes == 1 else 1, max(n, 2), width, n_planes), np.float32)
    for place, plane in chosen.items():
        own = slice(place % cell, None, cell) if n_planes == 1 else slice(None)
        columns = (np.arange(width)[own] + 0.5) / width
        nodes = _between(_map_plane(op, plane).T, columns, op.origin_h, op.spacing_h).T
        if n_planes == 1:
            maps[place // cell, :, own, 0] = nodes
        else:
            maps[0, :, :, place] = nodes
    flat = np.ascontiguousarray(maps.reshape(maps.shape[0], maps.shape[1], -1))
    return Layer(flat, row, (at - row).astype(np.float32), frozenset(chosen), (n, op.origin_v, op.spacing_v))


def vignette_layer(op: FixVignetteRadial, shape: tuple[int, ...]) -> Layer:
    """The layer of a radial polynomial, exact along the row, linear between rows of nodes (error below 5e-5)."""
    height, width = shape[:2]
    n_planes = 1 if len(shape) == 2 else shape[2]
    step = min(max(height // 128, 1), GAIN_STEP_PX)
    at = np.arange(-(-height // step) + 1) * float(step)
    nodes = vignette_gain(op, (height, width), at, np.arange(width) + 0.5).astype(np.float32)
    y = np.arange(height)
    weight = ((y % step + 0.5) / step).astype(np.float32)
    maps = np.ascontiguousarray(np.repeat(nodes, n_planes, axis=1)[None])
    row = (y // step).astype(np.int32)
    return Layer(maps, row, weight, frozenset(range(16)), (-1.0,))


def site_colours(cfa: Cfa | None) -> npt.NDArray[np.intp]:
    """Channel of every site of a cell, [cell * cell]; 0 without a CFA."""
    if cfa is None:
        return np.zeros(4, np.intp)
    return np.repeat(np.repeat(np.array(cfa.colours, np.intp), cfa.quad, axis=0), cfa.quad, axis=1).ravel()


def colour_grid(sites: npt.NDArray[np.float64], cfa: Cfa | None) -> Floats:
    """The grid of `Frame.gain`, float32 [nv, nh, C], from that of the sites: C = 3 colours, or 1 without a CFA."""
    colours = site_colours(cfa)
    planes = [sites[:, :, colours == c].mean(axis=2) for c in range(1 if cfa is None else 3)]
    return np.ascontiguousarray(np.stack(planes, axis=2), np.float32)


def site_grid(gain: Floats, cfa: Cfa | None) -> Floats:
    """The grid of the sites of a cell, float32 [nv, nh, cell * cell], from that of `Frame.gain`."""
    return np.ascontiguousarray(gain[:, :, site_colours(cfa)], np.float32)
