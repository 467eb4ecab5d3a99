"""A look beside the pixels of a DNG: tone curve and tables of hue, saturation and value (DNG 1.7.1, chapter 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.errors import ShapeError

Entries = dict[int, tuple[int, object]]
_MOST_POINTS = 8192


@dataclass(frozen=True, eq=False)
class Profile:
    """How the file asks to be developed.

    Parameters
    ----------
    name
        Shown by the developer.
    tone_curve
        float [n, 2], linear input and output 0..1, from (0, 0) to (1, 1), rising inputs; None: the developer's own.
    look_table, hue_sat_map
        float32 [hues, saturations, values, 3]: degrees of hue, factors of saturation and value; the table is applied
        after exposure, the map before. None: none.
    is_srgb
        Values of the tables are spaced by the sRGB curve instead of evenly in linear light.
    exposure_ev
        Added to the file's BaselineExposure where this profile is used.
    """

    name: str
    tone_curve: npt.NDArray[np.float64] | None = None
    look_table: npt.NDArray[np.float32] | None = None
    hue_sat_map: npt.NDArray[np.float32] | None = None
    is_srgb: bool = False
    exposure_ev: float = 0.0

    def __post_init__(self) -> None:
        curve = self.tone_curve
        if curve is not None:
            is_list = curve.ndim == 2 and curve.shape[1] == 2 and 2 <= len(curve) <= _MOST_POINTS
            if not is_list or not np.all(np.isfinite(curve)) or np.any(np.diff(curve[:, 0]) <= 0):
                raise ShapeError(
                    f"a tone curve is a list of 2 to {_MOST_POINTS} points of rising input", where="tone_curve"
                )
            if tuple(curve[0]) != (0.0, 0.0) or tuple(curve[-1]) != (1.0, 1.0):
                raise ShapeError("a tone curve goes from (0, 0) to (1, 1)", where="tone_curve")
        for name in ("look_table", "hue_sat_map"):
            table = getattr(self, name)
            if table is not None and (table.ndim != 4 or table.shape[3] != 3 or not np.all(np.isfinite(table))):
                raise ShapeError(f"a table is [hues, saturations, values, 3], not {list(table.shape)}", where=name)

    def entries(self) -> Entries:
        """Tags of IFD0. What no look says (black, exposure) is told to stay as rendered here."""
        # Embed policy 0: may be copied with the picture. No black of the developer's own choice.
        made: Entries = {50936: (exif.ASCII, self.name), 50941: (exif.LONG, 0), 51110: (exif.LONG, 1)}
        if self.exposure_ev:
            made[51109] = (exif.SRATIONAL, ((round(self.exposure_ev * 10_000), 10_000),))
        if self.tone_curve is not None:
            made[50940] = (exif.FLOAT, tuple(self.tone_curve.ravel().tolist()))
        for dims, data, encoding, table in (
            (50981, 50982, 51108, self.look_table), (50937, 50938, 51107, self.hue_sat_map)
        ):  # fmt: skip
            if table is not None:
                made[dims] = (exif.LONG, table.shape[:3])
                # The file has values slowest, then hues, then saturations.
                made[data] = (exif.FLOAT, tuple(np.moveaxis(table, 2, 0).astype(np.float32).ravel().tolist()))
                made[encoding] = (exif.LONG, 1 if self.is_srgb else 0)
        return made
