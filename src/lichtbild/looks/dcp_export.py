"""A look as a camera profile (.dcp): the camera's own matrices, the look as LookTable, its curve as ToneCurve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import Camera, MetadataError
from lichtbild.core import colour_space as cs
from lichtbild.output.dcp import FLOAT, LONG, RATIONAL, SHORT, TEXT, dcp_bytes
from lichtbild.stages import look as looking
from lichtbild.stages import tone
from lichtbild.stages.colour.profile import PROPHOTO_TO_XYZ
from lichtbild.stages.colour.reference import from_hsv, to_hsv
from lichtbild.stages.look import Look

HUES, SATURATIONS, VALUES = 36, 10, 12
WHITE = tone.USUAL_WHITE
"""Scene light that a developer of DCP files has at 1: 3.5 stops above mid grey, as our curve for developed pictures."""

Floats = npt.NDArray[np.float64]


def _shape(look: Look) -> tone.CurveShape:
    return tone.shape_of(look.tone, WHITE * 2.0**look.tone.white_ev)


def rendered(look: Look, prophoto: Floats) -> Floats:
    """Our rendering of scene light (linear ProPhoto, 1 = WHITE) as linear ProPhoto of the display, [..., 3]."""
    to_work = cs.XYZ_TO_REC2020 @ cs.bradford(cs.PCS_WHITE_XYZ, cs.xy_to_xyz(cs.DISPLAY_WHITE_XY)) @ PROPHOTO_TO_XYZ
    scene = np.asarray(prophoto * WHITE @ (looking.mono_matrix(np.eye(3), look) @ to_work).T, np.float32)
    moves = looking.moves.of_look(look)
    to_rgb, gamut = tone.reference.display_matrix("p3"), tone.reference.gamut_chroma("p3")
    light, _ = tone.reference.to_display(
        scene, tone.curve.table(_shape(look)), moves.saturation, to_rgb, gamut, False, moves
    )
    to_d50 = cs.bradford(cs.xy_to_xyz(cs.DISPLAY_WHITE_XY), cs.PCS_WHITE_XYZ)
    return np.asarray(light @ (np.linalg.inv(PROPHOTO_TO_XYZ) @ to_d50 @ cs.P3_TO_XYZ).T, np.float64)


def tone_curve(look: Look, n: int = 128) -> Floats:
    """The look's curve as points [n, 2] of light, dense in the dark."""
    x = np.linspace(0, 1, n) ** 2.2
    y = tone.filmic(x * WHITE, _shape(look))
    y[0] = 0.0
    return np.stack([x, np.maximum.accumulate(np.clip(y, 0, 1))], 1)


def look_table(look: Look) -> npt.NDArray[np.float32]:
    """Shift of hue, factors of saturation and value at every node, float32 [hues, saturations, values, 3]: with them,
    and the curve after them (on the greatest and the least channel, the middle one in proportion, as DNG has it), a
    colour becomes what our rendering makes of it."""
    hue = np.arange(HUES) * (6 / HUES)
    saturation = np.linspace(0, 1, SATURATIONS)
    value = cs.srgb_decode(np.linspace(0, 1, VALUES))
    h, s, v = np.meshgrid(hue, saturation, np.maximum(value, 1e-3), indexing="ij")
    scene = np.asarray(from_hsv(h.astype(np.float32), s.astype(np.float32), v.astype(np.float32)), np.float64)
    curve = tone_curve(look, 2048)
    wanted = np.clip(rendered(look, scene), 0, 1)
    before = _uncurved(wanted, curve)
    new_h, new_s, new_v = (np.asarray(p, np.float64) for p in to_hsv(before.astype(np.float32)))
    shift = ((new_h - h + 3) % 6 - 3) * 60
    factor = np.where(s > 0, new_s / np.maximum(s, 1e-6), 1.0)
    shift = np.where((s > 0) & (new_s > 1e-3), shift, 0.0)
    # Values are looked up, and changed, on the sRGB curve.
    brighter = cs.srgb_encode(new_v) / cs.srgb_encode(v)
    table = np.stack([np.clip(shift, -180, 180), np.clip(factor, 0, 4), np.clip(brighter, 0, 4)], -1)
    table[:, 0] = table[:1, 0]  # greys have no hue
    table[:, :, 0] = table[:, :, 1]
    return np.asarray(table, np.float32)


def _uncurved(light: Floats, curve: Floats) -> Floats:
    """What becomes `light` [..., 3] when the curve is put on the greatest and least channel."""
    order = np.argsort(light, axis=-1)
    low, middle, high = np.moveaxis(np.take_along_axis(light, order, -1), -1, 0)
    y, keep = np.unique(curve[:, 1], return_index=True)
    x = curve[keep, 0]
    low0, high0 = np.interp(low, y, x), np.interp(high, y, x)
    share = (middle - low) / np.maximum(high - low, 1e-9)
    out = np.empty_like(light)
    np.put_along_axis(out, order, np.stack([low0, low0 + share * (high0 - low0), high0], -1), -1)
    return out


def profile_bytes(look: Look, camera: Camera) -> bytes:
    """The look as the bytes of a .dcp file for one camera.

    Raises
    ------
    MetadataError
        If the camera's colours are not known.
    """
    if camera.colour is None or not camera.colour.xyz_to_camera or camera.is_rendered:
        raise MetadataError("its colour matrices are not known", where=camera.name, hint="a DNG of this camera")
    name = f"lichtbild {look.name}"
    tags: dict[int, tuple[int, object]] = {
        50708: (TEXT, camera.name.encode() + b"\0"),
        50936: (TEXT, name.encode() + b"\0"),
        50940: (FLOAT, tone_curve(look).ravel()),
        50941: (LONG, [0]),
        50942: (TEXT, b"free to use\0"),
        50981: (LONG, [HUES, SATURATIONS, VALUES]),
        50982: (FLOAT, look_table(look).transpose(2, 0, 1, 3).ravel()),
        51108: (LONG, [1]),
        51110: (LONG, [1]),  # no black subtraction of its own
    }
    colour = camera.colour
    for k, (xy, matrix) in enumerate(zip(colour.illuminants_xy[:2], colour.xyz_to_camera[:2], strict=True)):
        tags[50778 + k] = (SHORT, [_light_source(xy)])
        tags[50721 + k] = (RATIONAL, matrix.ravel())
        if colour.camera_to_pcs:
            tags[50964 + k] = (RATIONAL, colour.camera_to_pcs[k].ravel())
    return dcp_bytes(tags)


def _light_source(xy: cs.XY) -> int:
    """EXIF LightSource of the standard light nearest to a chromaticity."""
    return min(cs.LIGHT_SOURCE_XY, key=lambda code: float(np.hypot(*np.subtract(cs.LIGHT_SOURCE_XY[code], xy))))
