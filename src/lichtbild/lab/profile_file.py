"""A fitted camera profile as a file: TOML for people and for `develop`, DCP for raw developers.

The TOML has `camera`, and a `[[calibration]]` a light with `light_xy`, `colour_matrix`, `forward_matrix` (rows),
`root_polynomial` (rows over `terms`), and `hue_saturation_map`: `dims` = [hues, saturations] and `nodes`, a list of
[shift in degrees, factor of saturation, factor of value], hue by hue.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import OutputError, UnreadableFile
from lichtbild.core.colour_space import light_source_xy
from lichtbild.lab.camera_profile import ROOT_TERMS, Calibration, CameraProfile
from lichtbild.lab.hue_saturation import HueSaturationMap
from lichtbild.output.dcp import dcp_bytes

Floats = npt.NDArray[np.float64]

FORMAT = "lichtbild camera profile 1"


def profile_to_toml(profile: CameraProfile) -> str:
    """The profile as text."""
    lines = [f'format = "{FORMAT}"', f"camera = {_quoted(profile.camera)}"]
    for part in profile.calibrations:
        lines += ["", "[[calibration]]", f"light_xy = [{part.light_xy[0]:.6f}, {part.light_xy[1]:.6f}]"]
        lines += ["# XYZ under the light to camera", f"colour_matrix = {_rows(part.colour_matrix)}"]
        lines += ["# white-balanced camera to XYZ under D50", f"forward_matrix = {_rows(part.forward_matrix)}"]
        lines += [f"terms = [{', '.join(_quoted(t) for t in ROOT_TERMS)}]"]
        lines += [f"root_polynomial = {_rows(part.root_polynomial)}"]
        for model, columns in part.errors.items():
            for kind, values in columns.items():
                lines.append(f"{model}_{kind}_de2000 = [{values.mean():.3f}, {values.max():.3f}]  # mean, worst")
        hues, saturations = part.map.nodes.shape[:2]
        lines += ["", "[calibration.hue_saturation_map]", f"dims = [{hues}, {saturations}]"]
        lines += [f"nodes = {_rows(part.map.nodes.reshape(-1, 3), 5)}"]
    return "\n".join(lines) + "\n"


def profile_from_toml(path: str | Path) -> CameraProfile:
    """Inverse of `profile_to_toml`; errors of the fit are not read back.

    Raises
    ------
    UnreadableFile
        If it is no such file.
    """
    try:
        content: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']!r}, not {FORMAT!r}")
        parts = tuple(_calibration(entry) for entry in content["calibration"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UnreadableFile(f"no camera profile: {error}", where=path) from error
    return CameraProfile(content["camera"], parts)


def _calibration(entry: dict[str, Any]) -> Calibration:
    matrices = [np.array(entry[key], np.float64) for key in ("colour_matrix", "forward_matrix", "root_polynomial")]
    if [m.shape for m in matrices] != [(3, 3), (3, 3), (3, len(ROOT_TERMS))]:
        raise ValueError("a matrix has the wrong size")
    hues, saturations = entry["hue_saturation_map"]["dims"]
    nodes = np.array(entry["hue_saturation_map"]["nodes"], np.float64).reshape(hues, saturations, 3)
    x, y = entry["light_xy"]
    return Calibration((float(x), float(y)), matrices[0], matrices[1], matrices[2], HueSaturationMap(nodes), {})


def profile_to_dcp(profile: CameraProfile) -> bytes:
    """The profile in the container of DNG camera profiles (DNG 1.7.1, "Camera Profiles as Files"): a TIFF directory
    behind the magic number 0x4352, with colour matrices, forward matrices and hue and saturation maps of up to two
    lights. Root polynomials have no tag there.

    Raises
    ------
    OutputError
        If it has no calibration.
    """
    if not profile.calibrations:
        raise OutputError("the profile has no calibration", where=profile.camera)
    parts = profile.calibrations[:2]
    tags: dict[int, tuple[int, Any]] = {
        50708: (2, profile.camera.encode("utf-8") + b"\0"),
        50936: (2, f"lichtbild {profile.camera}".encode() + b"\0"),
        50941: (4, [0]),
        50942: (2, b"\0"),
    }
    dims = parts[0].map.nodes.shape[:2]
    tags[50937] = (4, [dims[0], dims[1], 1])
    for part, illuminant, colour, forward, data in zip(
        parts, (50778, 50779), (50721, 50722), (50964, 50965), (50938, 50939), strict=False
    ):
        tags[illuminant] = (3, [_nearest_light_source(part.light_xy)])
        tags[colour] = (10, part.colour_matrix.ravel())
        tags[forward] = (10, part.forward_matrix.ravel())
        # Value by value, hue by hue, saturation fastest; saturation 0 may not shift.
        tags[data] = (11, part.map.nodes.astype(np.float32).ravel())
    return dcp_bytes(tags)


def _nearest_light_source(xy: tuple[float, float]) -> int:
    """EXIF LightSource of the standard illuminant nearest to a light."""
    known = {code: light_source_xy(code) for code in (17, 20, 21, 22, 23)}
    return min(known, key=lambda code: float(np.hypot(*(np.subtract(known[code] or (0, 0), xy)))))


def _rows(matrix: Floats, digits: int = 7) -> str:
    rows = [", ".join(f"{v:.{digits}f}" for v in row) for row in matrix]
    return "[\n" + "".join(f"    [{row}],\n" for row in rows) + "]"


def _quoted(text: Sequence[str] | str) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
