"""What light passes through: the refractive index at a wavelength, from numbers and never from a name.

Indices are relative to air, as in every glass catalogue, so air is 1 at every wavelength.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichtbild.core.errors import MetadataError

LINE_D_NM, LINE_F_NM, LINE_C_NM = 587.5618, 486.1327, 656.2725


@dataclass(frozen=True)
class Material:
    """One way to say n(wavelength); exactly one of the groups is given.

    Parameters
    ----------
    constant
        The same index at every wavelength.
    nd, vd
        Index at the d line (587.6 nm) and Abbe number (nd - 1) / (nF - nC): Cauchy's A + B / wavelength^2 through both.
        Between 450 and 700 nm it strays from common glasses by less than 5e-4; for more use `sellmeier` or `table`.
    sellmeier
        (B1, C1, B2, C2, ...), n^2 - 1 = sum B l^2 / (l^2 - C), l in um, C in um^2.
    table
        Pairs (wavelength in nm, n), ascending; between them a straight line in 1 / wavelength^2.
    """

    constant: float | None = None
    nd: float | None = None
    vd: float | None = None
    sellmeier: tuple[float, ...] = ()
    table: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        given = (self.constant is not None) + (self.nd is not None) + bool(self.sellmeier) + bool(self.table)
        if given != 1 or (self.nd is None) != (self.vd is None):
            raise MetadataError("a material needs one of: constant; nd and vd; sellmeier; table", where="Material")
        if self.vd is not None and not self.vd > 0:
            raise MetadataError(f"the Abbe number must be above 0, not {self.vd:g}", where="Material.vd")
        if len(self.sellmeier) % 2:
            raise MetadataError("Sellmeier coefficients come in pairs B, C", where="Material.sellmeier")
        waves = [wave for wave, _ in self.table]
        if waves != sorted(set(waves)):
            raise MetadataError("wavelengths must ascend", where="Material.table")
        # A range that covers the visible: an index that is none is found when the lens is read.
        for wave in (LINE_F_NM, LINE_D_NM, LINE_C_NM):
            self.index(wave)

    def index(self, wavelength_nm: float) -> float:
        """Refractive index against air.

        Raises
        ------
        MetadataError
            If the wavelength is outside 200 to 2500 nm or of the table, or the formula gives no index there.
        """
        if not 200 <= wavelength_nm <= 2500:
            raise MetadataError(f"{wavelength_nm:g} nm is no light", where="wavelength_nm", hint="200 to 2500 nm")
        n = self._formula(wavelength_nm)
        if not (math.isfinite(n) and 1 <= n < 5):
            raise MetadataError(f"an index of {n:g} at {wavelength_nm:g} nm is impossible", where="Material")
        return n

    def _formula(self, wavelength_nm: float) -> float:
        if self.constant is not None:
            return self.constant
        inverse = 1 / wavelength_nm**2
        if self.nd is not None and self.vd is not None:
            slope = (self.nd - 1) / self.vd / (1 / LINE_F_NM**2 - 1 / LINE_C_NM**2)
            return self.nd + slope * (inverse - 1 / LINE_D_NM**2)
        if self.sellmeier:
            square = (wavelength_nm * 1e-3) ** 2
            pairs = zip(self.sellmeier[::2], self.sellmeier[1::2], strict=True)
            n2 = 1 + sum(b * square / (square - c) for b, c in pairs if square != c)
            return math.sqrt(n2) if n2 > 0 else math.nan
        waves, indices = zip(*self.table, strict=True)
        if not waves[0] <= wavelength_nm <= waves[-1]:
            raise MetadataError(
                f"{wavelength_nm:g} nm is outside the table, {waves[0]:g} to {waves[-1]:g} nm", where="Material.table"
            )
        at = [1 / wave**2 for wave in waves]
        return float(np.interp(-inverse, [-a for a in at], indices))

    @property
    def is_air(self) -> bool:
        return self.constant == 1.0

    def as_json(self) -> str | dict[str, Any]:
        """ "air", or the numbers that were given."""
        if self.is_air:
            return "air"
        if self.constant is not None:
            return {"constant": self.constant}
        if self.nd is not None:
            return {"nd": self.nd, "vd": self.vd}
        if self.sellmeier:
            return {"sellmeier": list(self.sellmeier)}
        return {"table": [list(pair) for pair in self.table]}

    @classmethod
    def from_json(cls, value: object, where: str = "material") -> Material:
        """The inverse of `as_json`.

        Raises
        ------
        MetadataError
            For a name other than "air" (names mean different glasses to different programs), unknown keys, no numbers.
        """
        if value == "air":
            return AIR
        if not isinstance(value, Mapping):
            raise MetadataError(
                f"{value!r} is no material", where=where, hint='"air" or numbers: {"nd": 1.5168, "vd": 64.2}'
            )
        known = {"constant", "nd", "vd", "sellmeier", "table"}
        if unknown := set(value) - known:
            raise MetadataError(f"unknown key {sorted(unknown)[0]!r}", where=where, hint=", ".join(sorted(known)))
        try:
            return cls(
                **{key: float(value[key]) for key in ("constant", "nd", "vd") if key in value},
                sellmeier=tuple(float(v) for v in value.get("sellmeier", ())),
                table=tuple((float(wave), float(n)) for wave, n in value.get("table", ())),
            )
        except (TypeError, ValueError) as error:
            raise MetadataError(f"not numbers: {error}", where=where) from error


AIR = Material(constant=1.0)
