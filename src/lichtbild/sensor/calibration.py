"""Calibrations of cameras as data: one TOML file a camera, in this package's `cameras/` and in the user's own folder.

A file tells which cameras it is for, and their noise as a law of ISO or as measured points:

    [camera]
    make = "Acme"                 # as in EXIF, compared without case
    models = ["Phone 1", "AC-1"]  # any of them: EXIF model or the DNG's UniqueCameraModel
    source = "who measured it, how, when"

    [noise]                       # of linear numbers, 0 black, 1 saturation
    alpha_per_iso = [1.8e-6, 1.8e-6, 1.8e-6]    # alpha = alpha_per_iso * ISO
    beta_per_iso2 = [3.2e-10, 3.2e-10, 3.2e-10] # beta = beta_per_iso2 * ISO^2 + beta_0
    beta_0 = [0.0, 0.0, 0.0]
    iso_range = [50, 6400]

    [[noise.measured]]            # instead of the law: one a measured ISO
    iso = 100
    alpha = [1.8e-4, 1.8e-4, 1.8e-4]
    beta = [3.2e-6, 3.2e-6, 3.2e-6]

    [[colour]]                    # optional, one to three calibration illuminants
    illuminant_xy = [0.3127, 0.3290]
    xyz_to_camera = [[...], [...], [...]]       # ColorMatrix of DNG

`[body]` and `[[module]]` are for the virtual camera (`simulate.bodies`) and overlooked here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lichtbild.core import Camera, ColourCalibration, MetadataError, NoiseModel

FOLDER_VARIABLE = "LICHTBILD_CAMERAS"
Triple = tuple[float, float, float]
MeasuredPoint = tuple[float, Triple, Triple]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a file tells about one camera.

    Parameters
    ----------
    make, models
        Cameras it is for.
    source
        Where the numbers come from.
    law
        (alpha per ISO, beta per ISO squared, beta at ISO 0), or None.
    measured
        (ISO, alpha, beta) by rising ISO, or empty.
    iso_range
        Where the numbers hold.
    colour
        Colour calibration, or None.
    file
        Its name.
    """

    make: str
    models: tuple[str, ...]
    source: str
    law: tuple[Triple, Triple, Triple] | None
    measured: tuple[MeasuredPoint, ...]
    iso_range: tuple[float, float]
    colour: ColourCalibration | None
    file: str

    def is_for(self, camera: Camera) -> bool:
        names = {n.casefold() for n in (camera.model, camera.unique_name) if n}
        is_make = not self.make or not camera.make or self.make.casefold() == camera.make.casefold()
        return is_make and any(model.casefold() in names for model in self.models)

    def noise(self, iso: float) -> NoiseModel | None:
        """The model at `iso`; None where the file has no noise, or not for this ISO.

        Between measured points alpha and beta run along straight lines in log ISO and log value: both are powers of
        the gain. At most 1 EV beyond the range they are continued.
        """
        low, high = self.iso_range
        if not low / 2 <= iso <= high * 2:
            return None
        if self.law is not None:
            alpha, beta, constant = (np.array(v) for v in self.law)
            return NoiseModel(_triple(alpha * iso), _triple(beta * iso**2 + constant), "calibration")
        if not self.measured:
            return None
        alpha, beta = (np.array([point[k] for point in self.measured]) for k in (1, 2))
        log_iso = np.log2([point[0] for point in self.measured])
        return NoiseModel(_power(log_iso, alpha, iso), _power(log_iso, beta, iso), "calibration")


def _power(log_iso: Any, values: Any, iso: float) -> Triple:
    """Each channel of `values` [n, 3] at `iso`, by the power law between (or beyond) the nearest two points."""
    if len(log_iso) == 1:
        return _triple(values[0])
    k = int(np.clip(np.searchsorted(log_iso, np.log2(iso)) - 1, 0, len(log_iso) - 2))
    part = (np.log2(iso) - log_iso[k]) / (log_iso[k + 1] - log_iso[k])
    logs = np.log2(np.maximum(values[k : k + 2], 1e-14))
    return _triple(np.where(values[k : k + 2].max(axis=0) > 0, 2 ** (logs[0] + part * (logs[1] - logs[0])), 0))


def _triple(values: Any) -> Triple:
    r, g, b = (float(v) for v in values)
    return r, g, b


# ---- finding and reading


def find_calibration(camera: Camera, iso: float) -> NoiseModel | None:
    """The noise of `camera` at `iso` by a calibration: the user's folder (LICHTBILD_CAMERAS) first, then the package's.

    Raises
    ------
    MetadataError
        If a file of the user's folder is broken.
    """
    found = calibration_of(camera)
    return None if found is None else found.noise(iso)


def calibration_of(camera: Camera) -> Calibration | None:
    """The first calibration that is for `camera`, or None."""
    if not (camera.model or camera.unique_name):
        return None
    return next((c for c in _all() if c.is_for(camera)), None)


def _all() -> Iterator[Calibration]:
    if folder := os.environ.get(FOLDER_VARIABLE):
        if not Path(folder).is_dir():
            raise MetadataError("is not a folder", where=f"{FOLDER_VARIABLE}={folder}")
        for path in sorted(Path(folder).glob("*.toml")):
            yield load_calibration(path)
    for entry in sorted((resources.files("lichtbild") / "cameras").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            yield parse_calibration(entry.read_text("utf-8"), entry.name)


def load_calibration(path: str | Path) -> Calibration:
    """Read one file.

    Raises
    ------
    MetadataError
        If it cannot be read, is no TOML, or lacks or contradicts what it must tell.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MetadataError(f"the calibration cannot be read: {error}", where=path) from error
    return parse_calibration(text, str(path))


def parse_calibration(text: str, where: str) -> Calibration:
    """The same from the text of a file."""
    try:
        data = tomllib.loads(text)
        camera = data["camera"]
        noise = data.get("noise", {})
        unknown = set(data) - {"camera", "noise", "colour", "body", "module"} | set(camera) - {
            "make",
            "models",
            "source",
        }
        unknown |= set(noise) - {"alpha_per_iso", "beta_per_iso2", "beta_0", "iso_range", "measured"}
        if unknown:
            raise MetadataError(f"unknown keys {', '.join(sorted(unknown))}", where=where)
        measured = tuple(
            sorted((float(p["iso"]), _channels(p["alpha"]), _channels(p["beta"])) for p in noise.get("measured", ()))
        )
        law = None
        if "alpha_per_iso" in noise:
            zero = [0.0, 0.0, 0.0]
            law = tuple(
                _channels(v) for v in (noise["alpha_per_iso"], noise["beta_per_iso2"], noise.get("beta_0", zero))
            )
        isos = [p[0] for p in measured] or [1.0, 1e6]
        low, high = (float(v) for v in noise.get("iso_range", (min(isos), max(isos))))
        found = Calibration(
            str(camera.get("make", "")), tuple(str(m) for m in camera["models"]), str(camera["source"]),
            law, measured, (low, high), _colour(data.get("colour", ())), where,  # type: ignore[arg-type]
        )  # fmt: skip
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MetadataError(f"no camera calibration: {what}", where=where) from error
    for iso in found.iso_range if noise else ():
        found.noise(iso)  # raises where a number is senseless
    return found


def _channels(values: Any) -> Triple:
    triple = _triple(values)
    if not all(np.isfinite(triple)) or min(triple) < 0:
        raise ValueError(f"{values} are not three numbers of 0 or more")
    return triple


def _colour(entries: Any) -> ColourCalibration | None:
    if not entries:
        return None
    matrices = tuple(np.array(e["xyz_to_camera"], np.float64).reshape(3, 3) for e in entries)
    if not 1 <= len(matrices) <= 3 or any(np.linalg.cond(m) > 1e4 for m in matrices):
        raise ValueError("one to three colour matrices that can be inverted")
    whites = tuple((float(e["illuminant_xy"][0]), float(e["illuminant_xy"][1])) for e in entries)
    return ColourCalibration(whites, matrices)
