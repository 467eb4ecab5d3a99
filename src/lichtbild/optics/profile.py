"""What is known of one lens on one camera: geometry, light and sharpness, however it was found out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.corrections import Area, GainMap, Opcode, WarpRectilinear2
from lichtbild.core.errors import MetadataError
from lichtbild.core.frame import FrameInfo
from lichtbild.core.transfer import TransferField

Float64 = npt.NDArray[np.float64]

N_TERMS = 15
GAIN_ROWS, GAIN_COLUMNS = 25, 33
# Between pictures of one sensor sizes differ by trimmed borders; more is another sensor or another cut of it.
ASPECT_TOLERANCE = 0.01
FOCAL_TOLERANCE = 0.03


@dataclass(frozen=True, eq=False)
class Shading:
    """Light that reaches places of the picture.

    Parameters
    ----------
    radii
        float64 [R], half diagonals from the optical centre, from 0, ascending.
    light
        float64 [3, R], of red, green and blue, as a part of the middle's, above 0.
    """

    radii: Float64
    light: Float64

    def __post_init__(self) -> None:
        if self.radii.size < 2 or self.radii[0] != 0 or np.any(np.diff(self.radii) <= 0):
            raise MetadataError("radii of the shading begin with 0 and ascend", where="Shading")
        if self.light.shape != (3, self.radii.size) or not np.all(self.light > 0) or not np.all(self.light < 4):
            raise MetadataError("shading is three rows of light between 0 and 4, one for each radius", where="Shading")


@dataclass(frozen=True, eq=False)
class LensProfile:
    """A lens as measured, traced or looked up, on a sensor; what is not known is None.

    Parameters
    ----------
    name, source
        For people: which lens, and how its numbers were found.
    camera_models, lens_models
        EXIF names that it belongs to; empty: any.
    focal_length_mm, f_number
        As set when measured; None: not said.
    shape
        Rows and columns of the sensor's picture that radii and pixels are counted in.
    distortion
        15 numbers k for each of red, green and blue: radius in the raw picture over radius in a straight one,
        sum k_i r^i, r = 1 at the corner. As in WarpRectilinear2, which it becomes.
    shading, transfer
        See there. The optical centre lies in the middle.

    Raises
    ------
    MetadataError
        If a number is impossible: not finite, a picture folded over itself, light below zero.
    """

    name: str
    source: str
    shape: tuple[int, int]
    camera_models: tuple[str, ...] = ()
    lens_models: tuple[str, ...] = ()
    focal_length_mm: float | None = None
    f_number: float | None = None
    distortion: tuple[tuple[float, ...], ...] | None = None
    shading: Shading | None = None
    transfer: TransferField | None = None

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise MetadataError(f"a picture of {self.shape[0]} x {self.shape[1]} px", where=self.name)
        if self.distortion is None:
            return
        if len(self.distortion) != 3 or any(len(k) != N_TERMS for k in self.distortion):
            raise MetadataError("distortion is three rows of 15 numbers", where=self.name)
        terms = np.asarray(self.distortion, np.float64)
        if not np.all(np.isfinite(terms)):
            raise MetadataError("distortion that is no number", where=self.name)
        r = np.linspace(0, 1, 201)
        raw = r * np.stack([np.polynomial.polynomial.polyval(r, k) for k in terms])
        if np.any(np.diff(raw, axis=1) <= 0) or raw.max() > 4:
            raise MetadataError("this distortion folds the picture over itself", where=self.name)

    def warp(self) -> WarpRectilinear2 | None:
        """The distortion as the opcode that undoes it."""
        if self.distortion is None:
            return None
        return WarpRectilinear2(self.distortion, ((0.0, 0.0),) * 3, ((0.0, 1.0),) * 3, 0.5, 0.5, False)

    def gain(self, shape: tuple[int, int], share: float = 1.0) -> GainMap | None:
        """The gain that undoes `share` of the shading (the rest is the lens's natural fall-off), for pictures of
        `shape` with three planes, demosaiced and before the warp."""
        if self.shading is None:
            return None
        v, u = np.linspace(-1, 1, GAIN_ROWS)[:, None], np.linspace(-1, 1, GAIN_COLUMNS)[None, :]
        r = np.hypot(v * shape[0], u * shape[1]) / np.hypot(*shape)
        light = [np.interp(r, self.shading.radii, row) for row in self.shading.light]
        # Colour goes wholly: what is kept is the fall of light, which is grey.
        gain = np.stack([light[1] ** (1 - share) / plane for plane in light], 2)
        area = Area(0, 0, shape[0], shape[1], 0, 3)
        return GainMap(area, 1 / (GAIN_ROWS - 1), 1 / (GAIN_COLUMNS - 1), 0.0, 0.0, gain.astype(np.float32))

    def scale_for(self, shape: tuple[int, int]) -> float | None:
        """Pixels of the profile's picture along each axis for one of a picture of `shape` (2 where it was binned);
        None if the two are no pictures of one sensor."""
        down, across = (mine / theirs for mine, theirs in zip(self.shape, shape, strict=True))
        return across if abs(down / across - 1) < ASPECT_TOLERANCE and 0.2 < across < 5 else None

    def objections(self, info: FrameInfo) -> tuple[str, ...]:
        """Why this profile is not that of a picture, a line each; empty: it is."""
        reasons = []
        camera, exposure = info.camera, info.exposure
        if self.camera_models and not _named(self.camera_models, (camera.model, camera.unique_name, camera.name)):
            reasons.append(f"it is of {' or '.join(self.camera_models)}, the picture of {camera.name}")
        if self.lens_models and camera.lens and not _named(self.lens_models, (camera.lens,)):
            reasons.append(f"it is of {' or '.join(self.lens_models)}, the picture was taken through {camera.lens}")
        focal = exposure.focal_length_mm
        if self.focal_length_mm and focal and abs(focal / self.focal_length_mm - 1) > FOCAL_TOLERANCE:
            reasons.append(f"it is of {self.focal_length_mm:g} mm, the picture of {focal:g} mm")
        if self.scale_for(info.shape) is None:
            reasons.append(f"it is of {self.shape[1]} x {self.shape[0]} px, the picture has "
                           f"{info.shape[1]} x {info.shape[0]}")  # fmt: skip
        return tuple(reasons)

    def grounds(self, info: FrameInfo) -> tuple[str, ...]:
        """What speaks for it being that of a picture: the names that agree, the more exact first."""
        camera, found = info.camera, []
        if camera.lens and self.lens_models and _named(self.lens_models, (camera.lens,)):
            found.append(f"lens {camera.lens}")
        if self.camera_models and _named(self.camera_models, (camera.model, camera.unique_name, camera.name)):
            found.append(f"camera {camera.name}")
        focal = info.exposure.focal_length_mm
        if self.focal_length_mm and focal and abs(focal / self.focal_length_mm - 1) <= FOCAL_TOLERANCE:
            found.append(f"focal length {focal:g} mm")
        return tuple(found)

    def corrections(self, info: FrameInfo, shading_share: float = 1.0) -> tuple[FrameInfo, tuple[str, ...]]:
        """The picture's own corrections completed: what its file does not tell comes from here.

        Returns the new `info` and what was added, a line each. A file that has a warp keeps it, one that has gains
        keeps those: they are of this very sample of the lens.
        """
        lists = info.opcodes
        own = (*lists.on_linear, *lists.after_demosaic)
        added: list[Opcode] = []
        told: list[str] = []
        has_gain = any(type(op).__name__ in ("GainMap", "FixVignetteRadial") for op in own)
        gain = None if has_gain else self.gain(info.shape, shading_share)
        if gain is not None:
            added.append(gain)
            told.append("shading")
        has_warp = any(type(op).__name__.startswith("Warp") for op in own)
        warp = None if has_warp else self.warp()
        if warp is not None:
            added.append(warp)
            told.append("distortion and lateral colour")
        if not added:
            return info, ()
        lists = dataclasses.replace(lists, after_demosaic=(*added, *lists.after_demosaic))
        return dataclasses.replace(info, opcodes=lists), tuple(told)


def completed(info: FrameInfo, profile: LensProfile, why: str) -> FrameInfo:
    """What a file tells, completed by a profile; `reasons` say what came from it, or why nothing did.

    A profile of another sensor or another cut of it is of no use and left out; names that differ are told only: who
    names a file may know better.
    """
    own = profile.objections(info)
    if profile.scale_for(info.shape) is None:
        line = f"lens: without profile {profile.name}: {'; '.join(own)}"
        return dataclasses.replace(info, reasons=(*info.reasons, line))
    told: tuple[str, ...] = ()
    if info.kind != "picture":
        info, told = profile.corrections(info)
    if profile.transfer is not None:
        camera = dataclasses.replace(info.camera, transfer=profile.transfer)
        info, told = dataclasses.replace(info, camera=camera), (*told, "sharpness")
    line = f"lens: {' and '.join(told) or 'nothing'} from profile {profile.name} ({why})"
    if own:
        line += f"; but {'; '.join(own)}"
    return dataclasses.replace(info, reasons=(*info.reasons, line))


def _named(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether a name is among those given; spaces and case do not count."""

    def plain(name: str) -> str:
        return " ".join(name.casefold().split())

    known = {plain(name) for name in mine}
    return any(plain(name) in known for name in theirs if name)


def fitted_terms(ideal: Float64, raw: Float64) -> tuple[float, ...]:
    """15 terms of raw radius over ideal radius, even powers only, from pairs of radii (corner = 1, both above 0).

    Odd powers stay 0: a lens is even in the radius, and high odd powers would fit the noise of a table.
    """
    terms = np.zeros(N_TERMS)
    n = max(min((N_TERMS + 1) // 2, ideal.size // 2), 1)
    powers = ideal[:, None] ** np.arange(0, 2 * n, 2)
    terms[: 2 * n : 2] = np.linalg.lstsq(powers, raw / ideal, rcond=1e-12)[0]
    return tuple(float(t) for t in terms)
