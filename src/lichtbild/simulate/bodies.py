"""Camera bodies as data: `cameras/NAME.toml`, every figure with its source, to the cameras that simulate them.

A file has `[body]` (name, class of camera, frames a second) and one `[[module]]` for each lens with its sensor. A
module repeats another with `base = "NAME"` but for what it says itself, as when a zoom is turned or a sensor is read
binned.
`[module.source]` says for every figure where it is from: a publication, or "assumed" and why.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lichtbild.core import Cfa, MetadataError, UsageError
from lichtbild.core.spectra import illuminant
from lichtbild.core.suggest import nearest_names
from lichtbild.optics.field import through_focus_mm
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.prescription import Prescription, paraxial
from lichtbild.sensor.calibration import FOLDER_VARIABLE
from lichtbild.sensor.model import Crosstalk, Sensor
from lichtbild.sensor.response import Response
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import VirtualCamera
from lichtbild.simulate.stabiliser import Stabiliser
from lichtbild.simulate.traced_lens import TracedLens, traced_lens

Pair = tuple[float, float]

# What the study's table counts with: nm, degrees a second of a steady hand, lux, s, reflectance.
_STUDY_NM, _STUDY_DEG_S, _STUDY_LUX, _STUDY_S, _STUDY_GREY = 530.0, 0.33, 100.0, 1 / 30, 0.18
_FULL_FRAME_MM = math.hypot(36, 24)
# Said once for a body, not measured.
_WORDS = {"name", "base", "lens", "lens_name", "source", "cfa"}


@dataclass(frozen=True)
class Module:
    """One lens and its sensor.

    Parameters
    ----------
    columns, rows, pixel_um, cfa, quad
        The pixels; `cfa` "mono" has no filters.
    bits, black, base_iso, full_well_e, read_before_e, read_after_dn, dark_e_s, prnu, dsnu_e, row_e, column_e,
    telegraph_fraction, hot_fraction, optical, electrical
        As `Sensor`; the full well is the white level at the base ISO.
    quantum_efficiency, bands_nm, cut_nm
        Peak of the filters, their (centre, standard deviation) for red, green, blue, and the infrared filter's edges.
    focal_mm, f_number, transmission
        The lens.
    lens
        Name of a prescription in `cameras/lenses/`; or a table of blur_px, radial, corner_gain.
    readout_s
        From the first row to the last.
    stabiliser
        corner_hz, bandwidth_hz, gain, stroke_deg; empty: none.
    position_m
        Where the lens stands beside the body's first, right and down: the baseline of a pair.
    oversampling
        Of what comes out against the mosaic: 2.76 makes 5 MP of 38.
    """

    name: str
    columns: int
    rows: int
    pixel_um: float
    focal_mm: float
    f_number: float
    full_well_e: float
    cfa: str = "RGGB"
    quad: int = 1
    bits: int = 10
    black: float = 64.0
    base_iso: float = 100.0
    read_before_e: float = 2.0
    read_after_dn: float = 0.0
    dark_e_s: float = 0.0
    prnu: float = 0.0
    dsnu_e: float = 0.0
    row_e: float = 0.0
    column_e: float = 0.0
    telegraph_fraction: float = 0.0
    hot_fraction: float = 0.0
    optical: Pair = (0.0, 0.0)
    electrical: Pair = (0.0, 0.0)
    quantum_efficiency: float = 0.75
    bands_nm: tuple[Pair, Pair, Pair] = ((605.0, 35.0), (535.0, 42.0), (460.0, 32.0))
    cut_nm: Pair = (400.0, 700.0)
    transmission: float = 0.9
    lens: str | Mapping[str, Any] = ""
    lens_name: str = ""
    readout_s: float = 0.02
    stabiliser: Mapping[str, float] = field(default_factory=dict)
    position_m: Pair = (0.0, 0.0)
    oversampling: float = 1.0
    source: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def diagonal_mm(self) -> float:
        return math.hypot(*self.shape) * self.pixel_um * 1e-3

    @property
    def equivalent_mm(self) -> float:
        """Focal length of the same diagonal angle on 24 x 36 mm."""
        return self.focal_mm * _FULL_FRAME_MM / self.diagonal_mm

    def response(self) -> Response:
        if self.cfa == "mono":
            return Response.flat(self.quantum_efficiency, self.cut_nm)
        return Response.bells(self.quantum_efficiency, self.bands_nm, self.cut_nm)

    def sensor(self) -> Sensor:
        """The sensor alone."""
        cfa = Cfa.from_name("RGGB" if self.cfa == "mono" else self.cfa, self.quad)
        return Sensor(
            cfa, self.bits, self.black, self.full_well_e * self.base_iso / 100, self.full_well_e, self.read_before_e,
            self.read_after_dn, self.dark_e_s, prnu=self.prnu, dsnu_e=self.dsnu_e, row_e=self.row_e,
            column_e=self.column_e, telegraph_fraction=self.telegraph_fraction, optical=Crosstalk(*self.optical),
            electrical=Crosstalk(*self.electrical), hot_fraction=self.hot_fraction,
        )  # fmt: skip

    def electrons(self, lux: float, time_s: float, light: str = "D65", reflectance: float = 1.0) -> float:
        """Electrons of a green pixel (any, of a monochrome sensor) for a matt surface under `lux`, in the middle of
        the picture: E = reflectance lux transmission / (4 N^2) on the sensor."""
        on_sensor = reflectance * lux * self.transmission / (4 * self.f_number**2)
        per_um2 = self.response().electrons_um2_lux_s(illuminant(light))[1]
        return float(on_sensor * time_s * per_um2 * self.pixel_um**2 * self.oversampling**2)

    def table_row(self) -> dict[str, float]:
        """The figures of the study's table of twins: of what comes out, oversampling counted."""
        pitch_mm = self.pixel_um * self.oversampling * 1e-3
        per_px_mdeg = math.degrees(pitch_mm / self.focal_mm) * 1e3
        return {
            "nyquist_lp_mm": 0.5 / pitch_mm,
            "airy_um": 2.44 * _STUDY_NM * 1e-3 * self.f_number,
            "mtf50_cy_px": mtf50_ceiling(self.f_number, pitch_mm),
            "mdeg_px": per_px_mdeg,
            "blur_px_15": _STUDY_DEG_S / 15 * 1e3 / per_px_mdeg,
            "electrons": self.electrons(_STUDY_LUX, _STUDY_S, "D65", _STUDY_GREY),
        }

    def prescription(self) -> Prescription:
        """The lens as drawn, brought to this module's focal length and opening, focused on the far.

        Raises
        ------
        UsageError
            If the module has none.
        """
        if not isinstance(self.lens, str) or not self.lens:
            raise UsageError(f"the lens of {self.name} is told by its figures, not by its glass", where="prescription")
        lens = scaled(_lens_named(self.lens), self.focal_mm)
        thin = paraxial(lens, lens.wavelengths_nm[len(lens.wavelengths_nm) // 2])
        lens = lens.stopped_down(abs(thin.f_number) / self.f_number)
        # Sharpest at a quarter of the sampling frequency, half of Nyquist's.
        return lens.focused(through_focus_mm(lens, None, 250 / self.pixel_um))

    def camera(self, body: Body, shape: tuple[int, int] | None = None, shrink: float = 1.0) -> VirtualCamera:
        """The camera for frames of `shape`.

        Parameters
        ----------
        shape
            Rows and columns; fewer than the sensor has are its middle. None: all of it.
        shrink
            Pixels so many times as large as they are, and as full: the whole picture with fewer of them, for a quick
            look. 1: as it is.

        Raises
        ------
        UsageError
            If the sensor has not so many pixels.
        """
        shape = shape or tuple(_even(n / shrink, 2 * self.quad) for n in self.shape)  # type: ignore[assignment]
        assert shape is not None
        if any(n > math.ceil(have / shrink) for n, have in zip(shape, self.shape, strict=True)):
            raise UsageError(
                f"{shape[1]} x {shape[0]} px of a sensor of {self.columns / shrink:.0f} x {self.rows / shrink:.0f}",
                where=f"{body.name}: {self.name}", hint="a smaller size, or less shrinking",
            )  # fmt: skip
        pitch_um = self.pixel_um * shrink
        focal_px = self.focal_mm / pitch_um * 1e3
        lens: Lens | TracedLens
        if isinstance(self.lens, str):
            lens = traced_lens(self.prescription(), shape, pitch_um * 1e-3)
        else:
            lens = _plain_lens(self.lens, math.hypot(*shape) / math.hypot(*self.shape) * shrink, shrink)
        return replace(
            VirtualCamera(),
            sensor=self.sensor(),
            lens=lens,
            colour=self.response().calibration(),
            response=self.response(),
            is_monochrome=self.cfa == "mono",
            oversampling=self.oversampling,
            stabiliser=Stabiliser(**self.stabiliser) if self.stabiliser else None,
            make=body.make,
            model=body.model,
            lens_name=self.lens_name or f"{body.model} {self.focal_mm:g} mm f/{self.f_number:g}",
            f_number=self.f_number,
            focal_length_mm=self.focal_mm,
            focal_length_35mm=focal_px / math.hypot(*shape) * _FULL_FRAME_MM,
            interval_s=1 / body.frames_s,
            readout_s=self.readout_s * shape[0] * shrink / self.rows,
        )


@dataclass(frozen=True)
class Body:
    """A camera: what it is, and its modules, the main one first."""

    name: str
    make: str
    model: str
    kind: str
    frames_s: float
    modules: tuple[Module, ...]
    source: str = ""

    def module(self, name: str | None = None) -> Module:
        """One module by name; None: the main one.

        Raises
        ------
        UsageError
            If there is none of that name.
        """
        if name is None:
            return self.modules[0]
        found = {module.name: module for module in self.modules}
        if name not in found:
            raise UsageError(f"{self.name} has no module {name!r}", where="camera", hint=nearest_names(name, found))
        return found[name]


def body_names() -> tuple[str, ...]:
    """Bodies that can be taken pictures with."""
    return tuple(sorted(_files()))


@cache
def load_body(name: str) -> Body:
    """A body by name.

    Raises
    ------
    UsageError
        If there is none; the nearest names are offered.
    MetadataError
        If its file is broken, or a figure has no source.
    """
    files = _files()
    if name not in files:
        raise UsageError(f"no camera is named {name!r}", where="camera", hint=nearest_names(name, files))
    return parse_body(files[name], f"{name}.toml")


def _files() -> dict[str, str]:
    """Text of every file that describes a body: the user's folder (LICHTBILD_CAMERAS) before the package's."""
    found = {}
    package = [entry for entry in (resources.files("lichtbild") / "cameras").iterdir() if entry.name.endswith(".toml")]
    own = sorted(Path(os.environ[FOLDER_VARIABLE]).glob("*.toml")) if FOLDER_VARIABLE in os.environ else []
    for entry in (*package, *own):
        text = entry.read_text("utf-8")
        if "[body]" in text:
            found[entry.name.removesuffix(".toml")] = text
    return found


def parse_body(text: str, where: str) -> Body:
    """A body from the text of its file."""
    try:
        data = tomllib.loads(text)
        entries: dict[str, dict[str, Any]] = {}
        for entry in data["module"]:
            base = entries[entry["base"]] if "base" in entry else {}
            own = {k: v for k, v in entry.items() if k != "base"}
            entries[entry["name"]] = {**base, **own, "source": {**base.get("source", {}), **own.get("source", {})}}
        modules = tuple(_module(entry, where) for entry in entries.values())
        body, camera = data["body"], data["camera"]
        return Body(str(body["name"]), str(camera["make"]), str(camera["models"][0]), str(body["kind"]),
                    float(body["frames_s"]), modules, str(camera["source"]))  # fmt: skip
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MetadataError(f"no camera body: {what}", where=where) from error


def _module(entry: Mapping[str, Any], where: str) -> Module:
    known = {f.name: f for f in fields(Module)}
    for key in entry:
        if key not in known:
            raise MetadataError(f"unknown figure {key!r}", where=where, hint=nearest_names(key, known))
        if key not in _WORDS and key not in entry["source"]:
            raise MetadataError(f"{key} of the module {entry['name']} has no source", where=where,
                                hint="[module.source] with where it is from, or why it is assumed")  # fmt: skip
    for key in entry["source"]:
        if key not in entry:
            raise MetadataError(f"a source for {key}, which {entry['name']} does not tell", where=where)
    lacking = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING and n not in entry]
    if lacking:
        raise MetadataError(f"{', '.join(lacking)} of the module {entry['name']} missing", where=where)
    values = {k: _tuples(v) for k, v in entry.items()}
    positive = [values[k] for k in ("columns", "rows", "pixel_um", "focal_mm", "f_number", "full_well_e")]
    if not all(isinstance(v, int | float) and v > 0 for v in positive):
        raise MetadataError(f"sizes of {entry['name']} must be above 0", where=where)
    return Module(**values)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _plain_lens(figures: Mapping[str, Any], share: float, shrink: float) -> Lens:
    """A lens by its figures, `share` of its picture's half diagonal."""
    radial = tuple(tuple(k * share ** (2 * p) for p, k in enumerate(plane, 1)) for plane in figures["radial"])
    corner = tuple(1 + (gain - 1) * share**2 for gain in figures["corner_gain"])
    return Lens(figures["blur_px"] / shrink, radial, corner)  # type: ignore[arg-type]


@cache
def _lens_named(name: str) -> Prescription:
    entry = resources.files("lichtbild") / "cameras" / "lenses" / f"{name}.json"
    with resources.as_file(entry) as path:
        return read_lens(path)


def scaled(lens: Prescription, focal_mm: float) -> Prescription:
    """The same lens with another focal length: every length times one factor, the picture's size too."""
    thin = paraxial(lens, lens.wavelengths_nm[len(lens.wavelengths_nm) // 2])
    k = focal_mm / abs(thin.focal_length_mm)
    surfaces = tuple(
        replace(
            s, curvature=s.curvature / k, thickness_mm=s.thickness_mm * k, semi_diameter_mm=s.semi_diameter_mm * k,
            even=tuple(a * k ** (1 - 2 * m) for m, a in enumerate(s.even, 1)),
            odd=tuple(a * k ** (-2 * m) for m, a in enumerate(s.odd, 1)),
        )
        for s in lens.surfaces
    )  # fmt: skip
    return replace(lens, surfaces=surfaces, image_radius_mm=lens.image_radius_mm * k)


def mtf50_ceiling(f_number: float, pitch_mm: float, wavelength_nm: float = _STUDY_NM) -> float:
    """Where the modulation of a perfect lens over square pixels falls to one half, cycles a px."""
    f = np.linspace(0, 1, 20001)
    v = np.clip(f / pitch_mm * wavelength_nm * 1e-6 * f_number, 0, 1)
    modulation = 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v)) * np.sinc(f)
    return float(
        np.interp(-0.5, -modulation[: int(np.argmax(modulation < 0.3))], f[: int(np.argmax(modulation < 0.3))])
    )


def _even(n: float, block: int) -> int:
    return int(n) // block * block
