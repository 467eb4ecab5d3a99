"""One file to be written: its name says the format, options after commas say how (`a.jpg,longest=2048,kbytes=300`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lichtbild.core.errors import UsageError
from lichtbild.core.suggest import nearest_names
from lichtbild.output.heif import HeifOptions
from lichtbild.output.jpeg import JpegOptions
from lichtbild.output.jxl import JxlOptions
from lichtbild.output.picture import suffix_of

FORMATS = {
    ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".png": "png", ".avif": "avif", ".heic": "heic",
    ".heif": "heic", ".jxl": "jxl", ".exr": "exr", ".dng": "dng",
}  # fmt: skip
SUFFIXES = tuple(FORMATS)
FORMS = ("linear", "bayer", "half")
COMPRESSIONS = ("jpeg", "jxl", "none")
LEAST_PX, MOST_PX = 16, 65535

_KINDS: dict[str, type] = {
    "longest": int, "quality": int, "kbytes": float, "difference": float, "coder": str, "subsampling": str, "bits": int,
    "speed": int, "effort": int, "hdr": str, "form": str, "compression": str,
}  # fmt: skip
_OF_FORMAT = {
    "jpeg": ("longest", "quality", "kbytes", "difference", "coder", "subsampling", "hdr"),
    "tiff": ("longest", "bits"),
    "png": ("longest", "bits"),
    "avif": ("longest", "quality", "speed", "bits", "hdr"),
    "heic": ("longest", "quality", "speed", "bits", "hdr"),
    "jxl": ("longest", "quality", "effort", "hdr"),
    "exr": (),
    "dng": ("form", "compression"),
}


@dataclass(frozen=True)
class Target:
    """Where a photograph is written to, and how.

    Parameters
    ----------
    path
        The file to be; its suffix says the format (one of `SUFFIXES`).
    longest
        Longer side in px; the picture is never enlarged. None: all pixels.
    options
        {name: value} of the format's own options: `jpeg.JpegOptions`, `heif.HeifOptions`, `jxl.JxlOptions`, "bits" of
        TIFF and PNG, "form" and "compression" of DNG; "hdr" says what is made of an HDR picture.
    """

    path: Path
    longest: int | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        known = _OF_FORMAT[self.format]
        given = {*self.options, *(("longest",) if self.longest is not None else ())}
        for name in sorted(given - set(known)):
            raise UsageError(
                f"{self.format} has no option {name!r}",
                where=self.path,
                hint=nearest_names(name, known) or "none",
            )
        if self.longest is not None and not LEAST_PX <= self.longest <= MOST_PX:
            raise UsageError(
                f"longest={self.longest} is out of bounds", where=self.path, hint=f"{LEAST_PX} to {MOST_PX} px"
            )
        self._check("bits", (8, 16) if self.format in ("tiff", "png") else (8, 10))
        self._check("form", FORMS)
        self._check("compression", COMPRESSIONS)
        if self.format in ("jpeg", "jxl"):
            self._check("hdr", ("gain-map", "none"))
        self.coding()

    @property
    def format(self) -> str:
        """jpeg, tiff, png, avif, heic, jxl, exr or dng."""
        suffix = suffix_of(self.path)
        if suffix not in FORMATS:
            raise UsageError(
                f"{suffix or 'no suffix'}: no format that is written", where=self.path, hint=" ".join(SUFFIXES)
            )
        return FORMATS[suffix]

    @property
    def wants_hdr(self) -> bool:
        """Whether something is made of an HDR picture."""
        return "hdr" in _OF_FORMAT[self.format] and self.options.get("hdr") != "none"

    def coding(self) -> Any:
        """The options as the format's writer takes them; None where it has no class for them."""
        chosen = {
            name: value for name, value in self.options.items() if name != "hdr" or self.format in ("avif", "heic")
        }
        cls: Any = {"jpeg": JpegOptions, "avif": HeifOptions, "heic": HeifOptions, "jxl": JxlOptions}.get(self.format)
        return None if cls is None else cls(**chosen)

    def _check(self, name: str, allowed: tuple[Any, ...]) -> None:
        value = self.options.get(name)
        if value is not None and value not in allowed:
            raise UsageError(f"{name}={value} is no choice", where=self.path, hint=", ".join(map(str, allowed)))


def parse_target(text: str) -> Target:
    """`FILE[,name=value ...]` as a target. A comma that no option follows belongs to the name.

    Raises
    ------
    UsageError
        If the suffix is no format, or an option is unknown, out of bounds, or of another format.
    """
    name, options = text, dict[str, Any]()
    while "," in name:
        before, _, last = name.rpartition(",")
        key, found, value = last.partition("=")
        if not found or suffix_of(last) in FORMATS:
            break
        if key not in _KINDS:
            raise UsageError(f"there is no option {key!r}", where=text, hint=nearest_names(key, tuple(_KINDS)))
        if key in options:
            raise UsageError(f"{key} is given twice", where=text)
        try:
            options[key] = _KINDS[key](value)
        except ValueError:
            raise UsageError(f"{key}={value} is no number", where=text, hint=f"{key}=100") from None
        name = before
    longest = options.pop("longest", None)
    return Target(Path(name), longest, options)
