"""Lens calibrations of the lensfun database (its XML files) as profiles.

Distortion models ptlens, poly3 and poly5, lateral colour linear and poly3, vignetting pa. Radii of the database count
from the half of the shorter side of the sensor that was calibrated (distortion, lateral colour) or from its half
diagonal (vignetting); crop factors lead to the sensor at hand. All of it is polynomials in the radius, so that the 15
terms of a profile hold it exactly. The database is CC BY-SA 3.0 and is not part of this package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial

from lichtbild.core.errors import MetadataError, UnreadableFile, UsageError
from lichtbild.core.suggest import nearest_names
from lichtbild.optics.profile import N_TERMS, LensProfile, Shading

Float64 = npt.NDArray[np.float64]

MAX_BYTES = 32 << 20
_DISTORTION = {"ptlens": ("a", "b", "c"), "poly3": ("k1",), "poly5": ("k1", "k2")}
_LATERAL = {"linear": ("kr", "kb"), "poly3": ("vr", "cr", "br", "vb", "cb", "bb")}
_LEFT_OUT = {"vr": 1.0, "vb": 1.0, "kr": 1.0, "kb": 1.0}
_N_RADII = 65


@dataclass(frozen=True)
class Calibration:
    """One line of a calibration: what (`distortion`, `tca`, `vignetting`), by which model, at which setting."""

    what: str
    model: str
    focal_mm: float
    aperture: float
    distance_m: float
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class LensfunLens:
    """A lens of the database.

    Parameters
    ----------
    maker, name
        As written without a language.
    crop
        Crop factor of the sensor it was calibrated on: diagonal of 36 x 24 mm over its own.
    aspect
        Longer over shorter side of that sensor.
    lines
        All that was measured.
    """

    maker: str
    name: str
    crop: float
    aspect: float
    lines: tuple[Calibration, ...]

    def profile(
        self,
        shape: tuple[int, int],
        crop: float | None = None,
        focal_mm: float | None = None,
        aperture: float | None = None,
        distance_m: float = 1000.0,
    ) -> LensProfile:
        """The lens on a sensor of `shape` px.

        Parameters
        ----------
        crop
            Crop factor of that sensor; None: the calibrated one's.
        focal_mm, aperture, distance_m
            Setting; None: the first that was measured. Distortion and lateral colour are mixed linearly between the
            focal lengths beside it, light is that of the nearest measured setting (lensfun itself uses splines).

        Raises
        ------
        UsageError
            If the sensor is larger than the calibrated one by more than a twentieth: nothing is known out there.
        MetadataError
            If the numbers fold the picture over itself.
        """
        ratio = self.crop / (crop or self.crop)
        if ratio > 1.05:
            raise UsageError(
                f"{self.name} was calibrated at crop factor {self.crop:g}, the sensor is larger", where="crop",
                hint=f"at least {self.crop:g}",
            )  # fmt: skip
        focal = focal_mm or min(line.focal_mm for line in self.lines)
        warp, shading = self._warp(focal, ratio), self._light(focal, aperture, distance_m, ratio)
        return LensProfile(
            f"{self.maker} {self.name}", "lensfun database, CC BY-SA 3.0", shape, (), (self.name,), focal, aperture,
            warp, shading,
        )  # fmt: skip

    def _warp(self, focal: float, ratio: float) -> tuple[tuple[float, ...], ...] | None:
        bent, coloured = self._terms("distortion", focal), self._terms("tca", focal)
        if bent is None and coloured is None:
            return None
        # Corner of the picture in half shorter sides of the calibrated sensor.
        scale = math.hypot(self.aspect, 1) * ratio
        green = np.ones(1) if bent is None else bent[0]
        factors = []
        for lateral in (np.ones(1), np.ones(1), np.ones(1)) if coloured is None else (coloured[0], [1.0], coloured[1]):
            # Colours part after the bend: at the radius g = r * green(r).
            g = np.concatenate([[0.0], green])
            parted = np.zeros(1)
            for a in reversed(np.atleast_1d(lateral)):
                parted = polynomial.polyadd(polynomial.polymul(parted, g), [a])
            whole = polynomial.polymul(green, parted)
            terms = np.zeros(N_TERMS)
            terms[: len(whole)] = whole * scale ** np.arange(len(whole))
            factors.append(tuple(float(t) for t in terms))
        return tuple(factors)

    def _terms(self, what: str, focal: float) -> list[Float64] | None:
        """Polynomials in the radius at a focal length: one of the bend, or two of red and blue."""
        lines = sorted((line for line in self.lines if line.what == what), key=lambda line: line.focal_mm)
        if not lines:
            return None
        models = {line.model for line in lines}
        focals = [line.focal_mm for line in lines]
        if len(models) > 1 or not focals[0] < focal < focals[-1]:
            return _polynomials(min(lines, key=lambda line: abs(math.log(line.focal_mm / focal))))
        k = int(np.searchsorted(focals, focal, "right"))
        low, high = _polynomials(lines[k - 1]), _polynomials(lines[k])
        share = (focal - focals[k - 1]) / (focals[k] - focals[k - 1])
        return [(1 - share) * a + share * b for a, b in zip(low, high, strict=True)]

    def _light(self, focal: float, aperture: float | None, distance: float, ratio: float) -> Shading | None:
        lines = [line for line in self.lines if line.what == "vignetting"]
        if not lines:
            return None
        stop = aperture or min(line.aperture for line in lines)

        def far(line: Calibration) -> float:
            pairs = (line.focal_mm, focal), (line.aperture, stop), (line.distance_m, distance)
            return math.hypot(*(math.log(a / b) for a, b in pairs))

        k1, k2, k3 = min(lines, key=far).numbers
        radii = np.linspace(0, 1, _N_RADII)
        at = (radii * ratio) ** 2
        light = 1 + at * (k1 + at * (k2 + at * k3))
        if light.min() <= 0.01:
            raise MetadataError(f"no light at the corner of {self.name}", where="vignetting")
        return Shading(radii, np.tile(light, (3, 1)))


def _polynomials(line: Calibration) -> list[Float64]:
    n = line.numbers
    if line.what == "tca":
        if line.model == "linear":
            return [np.array([n[0]]), np.array([n[1]])]
        return [np.array(n[:3]), np.array(n[3:])]
    if line.model == "ptlens":
        a, b, c = n
        return [np.array([1 - a - b - c, c, b, a])]
    if line.model == "poly3":
        return [np.array([1 - n[0], 0, n[0]])]
    return [np.array([1, 0, n[0], 0, n[1]])]


def read_lensfun(path: str | Path, name: str, crop: float | None = None) -> LensfunLens:
    """A lens by its name from an XML file of the database.

    Parameters
    ----------
    name
        As in the file, spaces and case do not count; a name that several have is chosen by `crop`, the nearest.

    Raises
    ------
    UnreadableFile
        If it cannot be opened, is too large, or is no such file.
    MetadataError
        If a line lacks a number or has an unknown model: with the lens's name.
    UsageError
        If no lens has this name; the nearest are named.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableFile("too large for a lensfun file", where=path)
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"cannot be read: {error}", where=path) from None
    if "<!ENTITY" in text:
        raise UnreadableFile("defines entities, which no lensfun file needs", where=path)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UnreadableFile(f"no XML: {error}", where=path) from None
    if root.tag != "lensdatabase":
        raise UnreadableFile("no lensfun database", where=path, hint="a file whose first tag is lensdatabase")
    entries = [(_text(lens, "model"), lens) for lens in root.iter("lens")]
    found = [lens for model, lens in entries if _plain(model) == _plain(name)]
    if not found:
        near = nearest_names(name, [model for model, _ in entries])
        raise UsageError(f"no lens {name!r} in {path.name}", where="name", hint=near)
    lenses = [_lens(entry, path) for entry in found]
    return min(lenses, key=lambda lens: abs(math.log(lens.crop / (crop or lens.crop))))


def _lens(entry: ElementTree.Element, path: Path) -> LensfunLens:
    name = _text(entry, "model")
    try:
        wide, high = (float(v) for v in (_text(entry, "aspect-ratio") or "3:2").split(":"))
        crop = float(_text(entry, "cropfactor") or 1.0)
        lines = [_line(line) for line in entry.iter() if line.tag in ("distortion", "tca", "vignetting")]
    except (KeyError, ValueError) as error:
        raise MetadataError(f"{name}: a calibration lacks or misstates {error}", where=path) from None
    known = tuple(line for line in lines if line is not None)
    if not known or not crop > 0 or not min(wide, high) > 0:
        raise MetadataError(f"{name} has no calibration", where=path)
    return LensfunLens(_text(entry, "maker"), name, crop, max(wide, high) / min(wide, high), known)


def _line(line: ElementTree.Element) -> Calibration | None:
    model = line.get("model", "")
    if model == "none":
        return None
    tables = {"distortion": _DISTORTION, "tca": _LATERAL, "vignetting": {"pa": ("k1", "k2", "k3")}}
    names = tables[line.tag].get(model)
    if names is None:
        raise ValueError(f"model {model!r} of {line.tag}")
    numbers = tuple(float(line.get(name, _LEFT_OUT.get(name, 0.0))) for name in names)
    settings = float(line.attrib["focal"]), float(line.get("aperture", 1.0)), float(line.get("distance", 1000.0))
    if not all(math.isfinite(v) for v in numbers) or min(settings) <= 0:
        raise ValueError(f"a number of {line.tag}")
    return Calibration(line.tag, model, *settings, numbers)


def _text(entry: ElementTree.Element, tag: str) -> str:
    """The text that is of no language."""
    found = [child for child in entry.findall(tag) if not child.get("lang")]
    return (found[0].text or "").strip() if found else ""


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
