"""Colour profiles of pictures, read by ourselves: the tone curves and primaries of matrix profiles (ICC.1:2022).

Table profiles (A2B0 of printers and scanners) are not followed: cameras and phones do not write them for pictures.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import MetadataError
from lichtbild.core import colour_space as cs

Floats = npt.NDArray[np.float64]
Curve = Callable[[Floats], Floats]

D50_XYZ = cs.PCS_WHITE_XYZ
D65_XY = cs.DISPLAY_WHITE_XY
MAX_PROFILE_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Profile:
    """How encoded RGB becomes light.

    Parameters
    ----------
    name
        For people.
    curves
        Three functions from encoded 0..1 to linear light 0..1.
    to_xyz_d50
        float64 [3, 3], linear RGB to XYZ adapted to D50 (the profile connection space).
    white_xy
        CIE xy of the light that (1, 1, 1) stands for, before adaptation.
    """

    name: str
    curves: tuple[Curve, Curve, Curve]
    to_xyz_d50: Floats
    white_xy: tuple[float, float]

    @property
    def to_xyz(self) -> Floats:
        """float64 [3, 3], linear RGB to XYZ under the profile's own white."""
        return cs.bradford(D50_XYZ, cs.xy_to_xyz(self.white_xy)) @ self.to_xyz_d50

    def table(self, n_entries: int) -> npt.NDArray[np.float32]:
        """Linear light of every code: float32 [n_entries, 3]."""
        code = np.linspace(0.0, 1.0, n_entries)
        return np.stack([curve(code) for curve in self.curves], axis=1).astype(np.float32)


def from_primaries(name: str, xy: tuple[cs.XY, cs.XY, cs.XY], white_xy: tuple[float, float], curve: Curve) -> Profile:
    """A profile from the chromaticities of red, green, blue and white."""
    to_xyz_d50 = cs.bradford(cs.xy_to_xyz(white_xy), D50_XYZ) @ cs.rgb_to_xyz_matrix(xy, white_xy)
    return Profile(name, (curve, curve, curve), to_xyz_d50, white_xy)


# ---- curves


def srgb_curve(code: Floats) -> Floats:
    """IEC 61966-2-1, encoded to linear."""
    return np.where(code <= 0.04045, code / 12.92, ((np.maximum(code, 0) + 0.055) / 1.055) ** 2.4)


def bt709_curve(code: Floats) -> Floats:
    """ITU-R BT.709, encoded to linear."""
    return np.where(code < 0.081, code / 4.5, ((np.maximum(code, 0) + 0.099) / 1.099) ** (1 / 0.45))


def linear_curve(code: Floats) -> Floats:
    return code


def power_curve(gamma: float) -> Curve:
    """code ** gamma."""
    return lambda code: np.maximum(code, 0.0) ** gamma


_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_ADOBE = ((0.6400, 0.3300), (0.2100, 0.7100), (0.1500, 0.0600))


def srgb() -> Profile:
    return from_primaries("sRGB", _BT709, D65_XY, srgb_curve)


def linear_srgb() -> Profile:
    return from_primaries("linear sRGB", _BT709, D65_XY, linear_curve)


def adobe_rgb() -> Profile:
    return from_primaries("Adobe RGB (1998)", _ADOBE, D65_XY, power_curve(563 / 256))


def from_code_points(primaries: int, transfer: int, where: str) -> Profile:
    """From the numbers of ITU-T H.273 (HEIF's nclx, PNG's cICP).

    Raises
    ------
    MetadataError
        If the transfer is a high-dynamic-range one (PQ, HLG) or a number is unknown.
    """
    if transfer in (16, 18):
        raise MetadataError(
            f"this picture is encoded as {'PQ' if transfer == 16 else 'HLG'} high dynamic range, which cannot be made "
            "linear without its display", where=where, hint="export it as an SDR picture, or use the raw files"
        )  # fmt: skip
    spaces = {1: ("BT.709", _BT709), 2: ("sRGB", _BT709), 9: ("BT.2020", _BT2020), 12: ("Display P3", _P3)}
    curves = {1: bt709_curve, 2: srgb_curve, 4: power_curve(2.2), 6: bt709_curve, 8: linear_curve, 13: srgb_curve,
              14: bt709_curve, 15: bt709_curve}  # fmt: skip
    if primaries not in spaces or transfer not in curves:
        raise MetadataError(f"colour code points {primaries}/{transfer} are unknown", where=where)
    name, xy = spaces[primaries]
    return from_primaries(name, xy, D65_XY, curves[transfer])


# ---- ICC bytes


def parse_icc(data: bytes, where: str = "ICC profile") -> Profile:
    """The matrix and curves of an RGB or grey ICC profile of version 2 or 4.

    Raises
    ------
    MetadataError
        If the bytes are no profile, or one without matrix and curves.
    """
    if not 132 <= len(data) <= MAX_PROFILE_BYTES or data[36:40] != b"acsp":
        raise MetadataError("the colour profile is broken", where=where)
    space = data[16:20]
    if space not in (b"RGB ", b"GRAY"):
        raise MetadataError(f"the colour profile is for {space.decode('latin-1').strip()}, not RGB", where=where)
    tags = _tag_table(data)
    name = _description(tags.get(b"desc", b"")) or "ICC profile"
    if space == b"GRAY":
        if b"kTRC" not in tags:
            raise MetadataError("the grey colour profile has no tone curve", where=where)
        curve = _curve(tags[b"kTRC"], where)
        return Profile(name, (curve, curve, curve), srgb().to_xyz_d50, D65_XY)
    missing = [t.decode() for t in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC") if t not in tags]
    if missing:
        raise MetadataError(f"the colour profile has no {', '.join(missing)} (a table profile?)", where=where)
    to_xyz_d50 = np.stack([_xyz(tags[t], where) for t in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    white = to_xyz_d50.sum(axis=1)
    if np.abs(white - D50_XYZ).max() > 0.05 or np.linalg.cond(to_xyz_d50) > 1e4:
        raise MetadataError("the colour profile's primaries do not make a white", where=where)
    curves = tuple(_curve(tags[t], where) for t in (b"rTRC", b"gTRC", b"bTRC"))
    return Profile(name, curves, to_xyz_d50, _white_xy(tags, where))  # type: ignore[arg-type]


def _tag_table(data: bytes) -> dict[bytes, bytes]:
    n_tags = min(struct.unpack_from(">I", data, 128)[0], 200)
    tags = {}
    for k in range(n_tags):
        at = 132 + 12 * k
        if at + 12 > len(data):
            break
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if offset + size <= len(data):
            tags[name] = data[offset : offset + size]
    return tags


def _white_xy(tags: dict[bytes, bytes], where: str) -> tuple[float, float]:
    """The white before adaptation: `chad` undone on D50 (version 4), else `wtpt` (the habit of version 2)."""
    chad = tags.get(b"chad", b"")
    if chad[:4] == b"sf32" and len(chad) >= 44:
        matrix = np.array(struct.unpack(">9i", chad[8:44]), np.float64).reshape(3, 3) / 65536
        if np.linalg.cond(matrix) < 100:
            white = np.linalg.solve(matrix, D50_XYZ)
            if np.all(white > 0.1) and np.all(white < 3):
                return cs.xyz_to_xy(white)
    if b"wtpt" in tags:
        white = _xyz(tags[b"wtpt"], where)
        if np.all(white > 0.1) and np.all(white < 3):
            return cs.xyz_to_xy(white)
    return cs.xyz_to_xy(D50_XYZ)


def _xyz(tag: bytes, where: str) -> Floats:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise MetadataError("an XYZ tag of the colour profile is broken", where=where)
    return np.array(struct.unpack(">3i", tag[8:20]), np.float64) / 65536


def _curve(tag: bytes, where: str) -> Curve:
    """`curv` or `para` (ICC.1:2022 10.6 and 10.18)."""
    if tag[:4] == b"curv" and len(tag) >= 12:
        n = struct.unpack_from(">I", tag, 8)[0]
        if n == 0:
            return linear_curve
        if len(tag) >= 12 + 2 * n:
            entries = np.frombuffer(tag, ">u2", n, 12).astype(np.float64)
            if n == 1:
                return power_curve(float(entries[0]) / 256)
            grid = np.linspace(0.0, 1.0, n)
            return lambda code: np.interp(code, grid, entries / 65535)
    if tag[:4] == b"para" and len(tag) >= 12:
        kind = struct.unpack_from(">H", tag, 8)[0]
        n = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind, 99)
        if len(tag) >= 12 + 4 * n:
            return _parametric(kind, [v / 65536 for v in struct.unpack_from(f">{n}i", tag, 12)])
    raise MetadataError("a tone curve of the colour profile is broken", where=where)


def _parametric(kind: int, numbers: list[float]) -> Curve:
    """All five types as one: (a x + b)^g + e from d on, c x + f below."""
    g, a, b, c, d, e, f = numbers[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind >= 1:
        a, b = numbers[1:3]
    if kind in (1, 2):
        d = -b / a if a else 0.0
        e = f = numbers[3] if kind == 2 else 0.0
    if kind >= 3:
        c, d = numbers[3:5]
    if kind == 4:
        e, f = numbers[5:7]

    def curve(code: Floats) -> Floats:
        power = np.maximum(a * code + b, 0.0) ** g + e
        return np.clip(np.where(code >= d, power, c * code + f), 0.0, 1.0)

    return curve


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc" and len(tag) > 12:
        n = struct.unpack_from(">I", tag, 8)[0]
        return tag[12 : 12 + min(n, 128)].split(b"\0")[0].decode("latin-1")
    if tag[:4] == b"mluc" and len(tag) >= 28:
        size, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + min(size, 256)].decode("utf-16-be", "replace").strip("\0")
    return ""
