"""Lens profiles as TOML files, and folders of them."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import LichtbildError, MetadataError, UnreadableFile
from lichtbild.core.frame import FrameInfo
from lichtbild.core.transfer import TransferField
from lichtbild.optics.profile import LensProfile, Shading

FORMAT = "lichtbild lens profile 1"
MAX_BYTES = 16 << 20
MAX_TABLE = 1 << 20


def read_profile(path: str | Path) -> LensProfile:
    """A lens profile.

    Raises
    ------
    UnreadableFile
        If the file is not there, too large, or no TOML.
    MetadataError
        If it is no profile, or a number in it is impossible: the message names the table.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableFile("too large for a lens profile", where=str(path))
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFile(f"no lens profile: {error}", where=str(path)) from error
    if document.get("format") != FORMAT:
        raise MetadataError(
            f"no lens profile: format is {document.get('format')!r}", where=str(path), hint=f'format = "{FORMAT}"'
        )
    try:
        return _profile(document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MetadataError(f"a table of this profile is wrong or missing: {error}", where=str(path)) from error
    except MetadataError as error:
        raise MetadataError(str(error), where=str(path)) from error


def _profile(document: dict[str, Any]) -> LensProfile:
    lens, picture = document["lens"], document["picture"]
    picture_shape = int(picture["height_px"]), int(picture["width_px"])
    distortion = shading = transfer = None
    if "distortion" in document:
        distortion = tuple(tuple(float(k) for k in row) for row in document["distortion"]["terms"])
    if "shading" in document:
        table = document["shading"]
        shading = Shading(_numbers(table["radii"], 1), _numbers(table["light"], 2))
    if "sharpness" in document:
        table = document["sharpness"]
        radii, frequencies = _numbers(table["radii"], 1), _numbers(table["frequencies_px"], 1)
        shape = (radii.size, 3, int(table["directions"]), frequencies.size)
        if shape[2] < 2 or int(np.prod(shape)) > MAX_TABLE:
            raise ValueError(f"sharpness of {shape[2]} directions")
        size, phase = (_numbers(table[name], 2).reshape(shape) for name in ("size", "phase"))
        transfer = TransferField(
            radii, frequencies, np.asarray(size * np.exp(1j * phase), np.complex128), picture_shape
        ).refined()
    return LensProfile(
        str(lens["name"]),
        str(lens.get("source", "")),
        picture_shape,
        tuple(str(name) for name in lens.get("camera_models", ())),
        tuple(str(name) for name in lens.get("lens_models", ())),
        None if lens.get("focal_length_mm") is None else float(lens["focal_length_mm"]),
        None if lens.get("f_number") is None else float(lens["f_number"]),
        distortion,
        shading,
        transfer,
    )


def _numbers(rows: Any, n_dim: int) -> npt.NDArray[np.float64]:
    table = np.asarray(rows, np.float64)
    if table.ndim != n_dim or table.size > MAX_TABLE or not np.all(np.isfinite(table)):
        raise ValueError(f"a table of numbers with {n_dim} axes is wanted")
    return table


def profile_text(profile: LensProfile) -> str:
    """The file's text. Sharpness is written at half the frequencies and directions: they are smooth."""
    p = profile
    lines = [
        "# What is known of a lens: see the documentation of `lichtbild lens`.",
        f'format = "{FORMAT}"',
        "",
        "[lens]",
        f"name = {_quoted(p.name)}",
        f"source = {_quoted(p.source)}",
        f"camera_models = [{', '.join(map(_quoted, p.camera_models))}]",
        f"lens_models = [{', '.join(map(_quoted, p.lens_models))}]",
    ]
    lines += [f"{key} = {value:.6g}" for key in ("focal_length_mm", "f_number") if (value := getattr(p, key))]
    lines += ["", "[picture]", f"height_px = {p.shape[0]}", f"width_px = {p.shape[1]}"]
    if p.distortion is not None:
        lines += ["", "# Radius in the raw picture over radius in a straight one: sum of k_i r^i, r = 1 at the corner.",
                  "[distortion]", *_table("terms", np.asarray(p.distortion), ".9g")]  # fmt: skip
    if p.shading is not None:
        lines += ["", "# Light as a part of the middle's, of red, green and blue.", "[shading]",
                  _row("radii", p.shading.radii, ".5g"), *_table("light", p.shading.light, ".5g")]  # fmt: skip
    if p.transfer is not None:
        t = p.transfer.thinned()
        rows = t.transfer.reshape(-1, t.frequencies_px.size)
        lines += ["", "# What the lens leaves of frequencies: a row for each radius, colour and direction (radial to",
                  "# tangential), size 0..1 and phase in radians.", "[sharpness]", _row("radii", t.radii, ".5g"),
                  _row("frequencies_px", t.frequencies_px, ".5g"), f"directions = {t.transfer.shape[2]}",
                  *_table("size", np.abs(rows), ".4f"), *_table("phase", np.angle(rows), ".4f")]  # fmt: skip
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _row(name: str, values: npt.NDArray[np.float64], form: str) -> str:
    return f"{name} = [{', '.join(format(float(v), form) for v in values)}]"


def _table(name: str, rows: npt.NDArray[np.float64], form: str) -> list[str]:
    return [f"{name} = [", *(f"  [{', '.join(format(float(v), form) for v in row)}]," for row in rows), "]"]


@dataclass(frozen=True, eq=False)
class Match:
    """A profile that is that of a picture, where it was found, and what speaks for it."""

    path: Path
    profile: LensProfile
    grounds: tuple[str, ...]


def match_profile(info: FrameInfo, folders: tuple[Path, ...] | None = None) -> Match | None:
    """The profile in the folders that names this lens or camera: the one with the most grounds, the first of equals.

    The lens's or the camera's name has to agree; a focal length alone says too little.
    """
    best: Match | None = None
    for path, profile in profiles(folders):
        if isinstance(profile, LensProfile) and not profile.objections(info):
            grounds = profile.grounds(info)
            is_named = any(line.startswith(("lens", "camera")) for line in grounds)
            if is_named and (best is None or len(grounds) > len(best.grounds)):
                best = Match(path, profile, grounds)
    return best


def profile_folders() -> tuple[Path, ...]:
    """Where profiles are looked for: `LICHTBILD_LENSES` (folders, separated as in PATH), then the user's own."""
    named = [Path(part) for part in os.environ.get("LICHTBILD_LENSES", "").split(os.pathsep) if part]
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home()))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    return (*named, base / "lichtbild" / "lenses")


def profiles(folders: tuple[Path, ...] | None = None) -> Iterator[tuple[Path, LensProfile | LichtbildError]]:
    """Every profile in the folders, or why it is none; in order of folders and names."""
    for folder in profile_folders() if folders is None else folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.toml")):
            try:
                yield path, read_profile(path)
            except LichtbildError as error:
                yield path, error
