"""What a file's opcodes tell of its lens, as a profile: so that the lens can be used elsewhere, and simulated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import FixVignetteRadial, GainMap, Opcode, WarpRectilinear, WarpRectilinear2
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import FrameInfo
from lichtbild.optics.profile import N_TERMS, LensProfile, Shading

Float64 = npt.NDArray[np.float64]

_N_RADII = 33
_N_AROUND = 64


def profile_of_file(info: FrameInfo) -> LensProfile:
    """Distortion and light of a file's WarpRectilinear (2), FixVignetteRadial and GainMap opcodes.

    Light is the mean around the middle: what a GainMap holds beside (colour casts of the sensor, an edge darker than
    the other) is left out.

    Raises
    ------
    MetadataError
        If there are no such opcodes, or a warp has tangential terms, a centre off the middle, or divides.
    """
    lists = info.opcodes
    ops = (*lists.on_linear, *lists.after_demosaic)
    warps = [op for op in ops if isinstance(op, WarpRectilinear | WarpRectilinear2)]
    lights = [_light(op, info) for op in ops if isinstance(op, FixVignetteRadial | GainMap)]
    if not warps and not lights:
        raise MetadataError("the file tells nothing of its lens", where=info.name)
    radii = np.linspace(0, 1, _N_RADII)
    shading = None
    if lights:
        light = np.prod([_merged(lights)], axis=0)
        shading = Shading(radii, np.asarray(light / light[:, :1]))
    distortion = tuple(_terms(warps[0], plane, info) for plane in range(3)) if warps else None
    return LensProfile(
        info.camera.lens or info.camera.name, f"opcodes of {info.name}", info.shape, (info.camera.model,), (),
        info.exposure.focal_length_mm, info.exposure.f_number, distortion, shading,
    )  # fmt: skip


def _terms(op: WarpRectilinear | WarpRectilinear2, plane: int, info: FrameInfo) -> tuple[float, ...]:
    at = min(plane, len(op.radial) - 1)
    is_off = abs(op.centre_x - 0.5) > 1e-3 or abs(op.centre_y - 0.5) > 1e-3
    if is_off or any(k != 0 for pair in op.tangential for k in pair) or getattr(op, "reciprocal", False):
        raise MetadataError("its warp is not about the middle of the picture", where=info.name)
    terms = np.zeros(N_TERMS)
    if isinstance(op, WarpRectilinear):
        terms[: 2 * len(op.radial[at]) : 2] = op.radial[at]
    else:
        terms[: len(op.radial[at])] = op.radial[at]
    return tuple(float(t) for t in terms)


def _light(op: Opcode, info: FrameInfo) -> tuple[tuple[int, ...], Float64]:
    """Colours that an opcode touches, and light along the radius [33]."""
    radii = np.linspace(0, 1, _N_RADII)
    if isinstance(op, FixVignetteRadial):
        powers = radii[:, None] ** np.arange(2, 2 * len(op.k) + 1, 2)
        return (0, 1, 2), np.asarray(1 / (1 + powers @ np.asarray(op.k)))
    assert isinstance(op, GainMap)
    turn = np.arange(_N_AROUND) * 2 * np.pi / _N_AROUND
    half = np.array(info.shape) / (2 * np.hypot(*info.shape)) * 2
    # Points of a radius that lie within the picture, in relative position.
    v, u = radii[:, None] * np.sin(turn) / half[0], radii[:, None] * np.cos(turn) / half[1]
    inside = (np.abs(v) <= 1) & (np.abs(u) <= 1)
    # The last radius only meets the corners.
    v[-1], u[-1] = np.resize([1, 1, -1, -1], _N_AROUND), np.resize([1, -1], _N_AROUND)
    inside[-1] = True
    rows = ((v + 1) / 2 - op.origin_v) / op.spacing_v if op.spacing_v else np.zeros_like(v)
    columns = ((u + 1) / 2 - op.origin_h) / op.spacing_h if op.spacing_h else np.zeros_like(u)
    gain = _bilinear(op.gain.mean(2).astype(np.float64), rows, columns)
    light = np.where(inside, 1 / gain, 0).sum(1) / inside.sum(1)
    area = op.area
    if info.cfa is not None and area.row_pitch > 1 and area.column_pitch > 1:
        quad = info.cfa.quad
        return (info.cfa.colours[area.top // quad % 2][area.left // quad % 2],), light
    return (0, 1, 2), light


def _bilinear(table: Float64, row: Float64, column: Float64) -> Float64:
    row, column = np.clip(row, 0, table.shape[0] - 1), np.clip(column, 0, table.shape[1] - 1)
    i, j = (
        np.minimum(row.astype(int), max(table.shape[0] - 2, 0)),
        np.minimum(column.astype(int), max(table.shape[1] - 2, 0)),
    )
    a, b = np.minimum(i + 1, table.shape[0] - 1), np.minimum(j + 1, table.shape[1] - 1)
    fr, fc = row - i, column - j
    upper = table[i, j] * (1 - fc) + table[i, b] * fc
    return np.asarray(upper * (1 - fr) + (table[a, j] * (1 - fc) + table[a, b] * fc) * fr)


def _merged(lights: list[tuple[tuple[int, ...], Float64]]) -> Float64:
    """float64 [3, 33]: opcodes of one colour's sites are averaged, those of all colours multiplied."""
    out = np.ones((3, _N_RADII))
    for colour in range(3):
        own = [light for colours, light in lights if colours == (colour,)]
        if own:
            out[colour] *= np.mean(own, axis=0)
        for colours, light in lights:
            if len(colours) > 1:
                out[colour] *= light
    return out
