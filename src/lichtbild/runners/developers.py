"""Raw developers side by side: ours, and others where they are installed, each at what it does by itself.

Nothing is tuned: the camera's white balance, the program's own defaults, sRGB, 16 bits, no resizing. A burst goes to
those that take one; the others get its first frame.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import LichtbildError, UnreadableFile, UsageError
from lichtbild.core.suggest import nearest_names

Picture = npt.NDArray[np.uint16]

TIMEOUT_S = 900
_KEPT_LINES = 3


@dataclass(frozen=True)
class Developer:
    """A pipeline.

    Parameters
    ----------
    name
        As it is asked for.
    about
        Program and settings, for the report.
    develop
        Files of one shot to uint16 [H, W, 3], sRGB.
    """

    name: str
    about: str
    develop: Callable[[Sequence[Path]], Picture]


def developer(word: str) -> Developer:
    """A pipeline by its word: "lichtbild", "lichtbild:best", "libraw", "rawtherapee", "darktable", or "NAME=FOLDER"
    with pictures that are there already, named as the shots.

    Raises
    ------
    UsageError
        If there is none of that name, or it is not installed.
    """
    name, equals, folder = word.partition("=")
    if equals:
        if not Path(folder).is_dir():
            raise UsageError(f"{folder} is no folder", where=word, hint="NAME=FOLDER with developed pictures")
        return Developer(name, f"pictures in {folder}", lambda files: _from_folder(Path(folder), files))
    makers = {"lichtbild": _lichtbild, "lichtbild:best": _lichtbild_best, "libraw": _libraw,
              "rawtherapee": _rawtherapee, "darktable": _darktable}  # fmt: skip
    if word not in makers:
        raise UsageError(
            f"no pipeline {word!r}", where="pipelines", hint=f"{nearest_names(word, makers)}; or NAME=FOLDER"
        )
    return makers[word]()


def installed() -> tuple[str, ...]:
    """Those that can be asked for here."""
    found = ["lichtbild", "lichtbild:best"]
    for name in ("libraw", "rawtherapee", "darktable"):
        try:
            developer(name)
        except UsageError:
            continue
        found.append(name)
    return tuple(found)


def _lichtbild() -> Developer:
    from lichtbild import __version__

    return Developer("lichtbild", f"lichtbild {__version__}, defaults", lambda files: _ours(files, {}))


def _lichtbild_best() -> Developer:
    from lichtbild import __version__

    recipe = {"reconstruct": {"joint": True}}
    return Developer("lichtbild:best", f"lichtbild {__version__}, quality best", lambda files: _ours(files, recipe))


def _ours(files: Sequence[Path], recipe: dict[str, dict[str, Any]]) -> Picture:
    from lichtbild import api

    photo = api.develop(list(files) if len(files) > 1 else files[0], recipe, bits=16)
    return np.asarray(photo.pixels, np.uint16)


def _libraw() -> Developer:
    try:
        import rawpy
    except ImportError as error:
        raise UsageError("LibRaw is not installed", where="libraw", hint="pip install 'lichtbild[raw]'") from error

    def develop(files: Sequence[Path]) -> Picture:
        try:
            with rawpy.imread(str(files[0])) as raw:
                made = raw.postprocess(use_camera_wb=True, output_bps=16, output_color=rawpy.ColorSpace.sRGB,
                                       gamma=(2.4, 12.92))  # fmt: skip
                return np.asarray(made, np.uint16)
        except rawpy.LibRawError as error:
            raise UnreadableFile(f"LibRaw: {error}", where=files[0]) from error

    version = ".".join(map(str, rawpy.libraw_version))
    return Developer("libraw", f"LibRaw {version}, camera white balance, AHD, automatic brightness", develop)


def _rawtherapee() -> Developer:
    program = _program("rawtherapee-cli", "rawtherapee")
    version = _version([program, "-v"])

    def develop(files: Sequence[Path]) -> Picture:
        return _by_program(lambda out: [program, "-o", str(out), "-t", "-b16", "-d", "-Y", "-c", str(files[0])])

    return Developer("rawtherapee", f"{version}, default profile", develop)


def _darktable() -> Developer:
    program = _program("darktable-cli", "darktable")
    version = _version([program, "--version"])

    def develop(files: Sequence[Path]) -> Picture:
        # A library and settings of its own: nothing of the user's is read or written.
        def words(out: Path) -> list[str]:
            home = out.parent
            own = ["--configdir", str(home / "config"), "--cachedir", str(home / "cache"), "--library", ":memory:"]
            depth = ["--conf", "plugins/imageio/format/tiff/bpp=16"]
            return [program, str(files[0]), str(out), "--icc-type", "SRGB", "--core", *own, *depth]

        return _by_program(words)

    return Developer("darktable", f"{version}, its own defaults", develop)


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"{name} is not installed", where=package, hint=f"apt install {package}, or leave it out")
    return found


def _version(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0].split("Copyright")[0].strip(" ,") if lines else Path(words[0]).name


def _by_program(words: Callable[[Path], list[str]]) -> Picture:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.tif"
        command = words(out)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise LichtbildError(f"was not done after {TIMEOUT_S} s", where=Path(command[0]).name) from error
        if not out.exists():
            said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-_KEPT_LINES:])
            raise LichtbildError(f"made no picture: {said}", where=Path(command[0]).name)
        return _read_picture(out)


def _from_folder(folder: Path, files: Sequence[Path]) -> Picture:
    stem = files[0].stem
    found = [p for p in sorted(folder.iterdir()) if p.stem == stem]
    if not found:
        raise UnreadableFile(f"no picture named as {stem}", where=folder, hint="the same name before the dot")
    return _read_picture(found[0])


def _read_picture(path: Path) -> Picture:
    """sRGB uint16 of a developed picture in whatever space its profile says."""
    from lichtbild import capture
    from lichtbild.core.colour_space import PCS_WHITE_XYZ as D50
    from lichtbild.core.colour_space import SRGB_TO_XYZ, XYZ_TO_SRGB, bradford, srgb_encode

    source = capture.open_picture(path)
    linear = source.read()
    colour = source.info.camera.colour
    if colour is not None and colour.camera_to_pcs:
        matrix = XYZ_TO_SRGB @ bradford(D50, SRGB_TO_XYZ.sum(1)) @ colour.camera_to_pcs[0]
        linear = linear @ matrix.T.astype(np.float32)
    return np.asarray(np.round(65535 * srgb_encode(np.clip(linear, 0, 1))), np.uint16)
