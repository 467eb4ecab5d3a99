"""What the patches of a colour chart are: published colours and where they lie on the chart."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import UsageError
from lichtbild.core.colour_space import D50_XY, SRGB_TO_XYZ, XYZ_TO_SRGB, bradford, lab_to_xyz, xy_to_xyz

Floats = npt.NDArray[np.float64]

KINDS = ("classic", "passport", "sg")


@dataclass(frozen=True, eq=False)
class ChartReference:
    """A chart of columns x rows patches at equal distances.

    Parameters
    ----------
    kind, name
        "classic", and what people call it.
    columns, rows
        Of patches.
    patch
        Width and height of a patch in units of the distance from patch to patch.
    lab_d50
        float64 [n, 3], row by row from the top left: L*a*b* under D50, 2 degrees.
    names
        Of the patches.
    """

    kind: str
    name: str
    columns: int
    rows: int
    patch: tuple[float, float]
    lab_d50: Floats
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        return self.columns * self.rows

    @property
    def xyz_d50(self) -> Floats:
        """float64 [n, 3], Y = 1 for a perfect white."""
        return lab_to_xyz(self.lab_d50, xy_to_xyz(D50_XY))

    @property
    def linear_srgb(self) -> Floats:
        """float64 [n, 3], linear Rec.709 under D65 by Bradford; not clipped."""
        adapted = self.xyz_d50 @ bradford(xy_to_xyz(D50_XY), SRGB_TO_XYZ.sum(1)).T
        return np.asarray(adapted @ XYZ_TO_SRGB.T)

    @property
    def neutral(self) -> npt.NDArray[np.intp]:
        """Indices of the greys that are bright enough to tell a white balance by: chroma below 3.5, L* over 30."""
        grey = np.hypot(self.lab_d50[:, 1], self.lab_d50[:, 2]) < 3.5
        return np.flatnonzero(grey & (self.lab_d50[:, 0] > 30))

    def centres(self) -> Floats:
        """float64 [n, 2]: (across, down) of the patches' centres; the first is (0, 0), the next (1, 0)."""
        down, across = np.divmod(np.arange(self.n), self.columns)
        return np.stack([across, down], 1).astype(np.float64)

    def corners(self) -> Floats:
        """float64 [4, 2]: outer corners of the corner patches, (across, down), clockwise from the first patch's."""
        w, h = self.patch[0] / 2, self.patch[1] / 2
        right, bottom = self.columns - 1 + w, self.rows - 1 + h
        return np.array([[-w, -h], [right, -h], [right, bottom], [-w, bottom]])


@cache
def chart_reference(kind: str) -> ChartReference:
    """The chart of that kind.

    Raises
    ------
    UsageError
        If there is none.
    """
    if kind not in KINDS:
        raise UsageError(f"no colour chart {kind!r}", where="chart", hint=", ".join(KINDS))
    content = _content(f"{kind}.toml")
    if "colours" in content:
        content = {**_content(content["colours"]), **content}
    columns, rows = int(content["columns"]), int(content["rows"])
    names = content.get("names") or [f"{chr(65 + k)}{r + 1}" for r in range(rows) for k in range(columns)]
    width, height = content["patch"]
    lab = np.array(content["lab_d50"], np.float64)
    return ChartReference(kind, content["name"], columns, rows, (float(width), float(height)), lab, tuple(names))


def _content(file: str) -> dict[str, Any]:
    return tomllib.loads(files("lichtbild.lab.charts").joinpath(file).read_text(encoding="utf-8"))
