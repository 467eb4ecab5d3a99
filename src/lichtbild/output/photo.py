"""The result of a development: the picture, the negative it came from, and the report."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.camera import Cfa
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, UsageError
from lichtbild.core.frame import Frame
from lichtbild.core.mosaic import mosaic_of
from lichtbild.output.dng import write_dng
from lichtbild.output.jpeg import write_jpeg
from lichtbild.output.picture import srgb_preview, suffix_of, turned_back, upright
from lichtbild.output.png import write_png
from lichtbild.output.tiff import write_tiff
from lichtbild.output.xmp import Provenance, xmp_packet

SUFFIXES = (".jpg", ".jpeg", ".tif", ".tiff", ".png", ".dng")


@dataclass(frozen=True, eq=False)
class Photo:
    """A developed photograph.

    Parameters
    ----------
    display
        DISPLAY_RGB, oriented as the sensor saw it (`info.orientation` says how to turn it).
    kept
        The negative, CAMERA_RGB (or a merged MOSAIC) before development, or what makes it when it is asked for; None
        where it was not kept.
    report
        What was done, as plain data: {"frames": [...], "stages": [...], "notes": [lines for people], ...}.
    mosaic
        Makes the negative as a mosaic; None: it is the negative sampled where the filter array has each colour.
    hdr
        The same scene for an HDR display, oriented as `display`: linear light relative to SDR white, float32 [H, W, 3],
        in the primaries of `display`; None where it was not asked for.
    """

    display: Frame
    kept: Frame | Callable[[], Frame] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    mosaic: Callable[[], Frame] | None = None
    hdr: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self.display.require(Domain.DISPLAY_RGB)
        if isinstance(self.kept, Frame):
            self.kept.require(Domain.CAMERA_RGB, Domain.MOSAIC)

    @functools.cached_property
    def negative(self) -> Frame | None:
        """What the picture was made from, linear; None where it was not kept."""
        return self.kept() if callable(self.kept) else self.kept

    @property
    def pixels(self) -> npt.NDArray[Any]:
        """The picture, upright: [H, W, 3], in the dtype it was developed to."""
        return upright(self.display.pixels, self.display.info.orientation)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about this development, a line each."""
        return tuple(str(line) for line in self.report.get("notes", ()))

    def save(self, path: str | Path, *, force: bool = False, quality: int = 95) -> None:
        """Write the picture in the format of the suffix; ".dng" writes the negative.

        Parameters
        ----------
        path
            .jpg .jpeg (8 bits), .tif .tiff (16 bits), .png (16 bits where the picture has them, else 8) or .dng.
        force
            Replace a file that is there.
        quality
            Of a JPEG, 1 to 100.

        Raises
        ------
        UsageError
            If the suffix names no format that is written.
        OutputError
            If the file cannot be written.
        """
        suffix = suffix_of(path)
        if suffix == ".dng":
            self.save_negative(path, force=force)
        elif suffix in (".jpg", ".jpeg"):
            write_jpeg(path, self.display, quality=quality, provenance=self.provenance(), force=force)
        elif suffix in (".tif", ".tiff"):
            write_tiff(path, self.display, provenance=self.provenance(), force=force)
        elif suffix == ".png":
            bits = 8 if self.display.pixels.dtype == np.uint8 else 16
            write_png(path, self.display, bits=bits, provenance=self.provenance(), force=force)
        else:
            raise UsageError(f"{suffix or 'no suffix'}: no format that is written", where=path, hint=" ".join(SUFFIXES))

    def save_negative(self, path: str | Path, *, kind: str = "linear", force: bool = False) -> None:
        """Write the negative as DNG, with this picture as its preview.

        Parameters
        ----------
        path
            The file to be.
        kind
            "linear": three colours a pixel (LinearRaw). "bayer": one colour a pixel, for developers that demosaic.
        force
            Replace a file that is there.

        Raises
        ------
        UsageError
            If there is no negative, the kind is unknown, or a mosaic is wanted as "linear".
        OutputError
            If the file cannot be written.
        """
        if kind not in ("linear", "bayer"):
            raise UsageError(f"{kind!r} is no kind of negative", hint="linear or bayer")
        negative = self.negative
        if negative is None:
            raise UsageError("the negative of this photograph was not kept", where=path)
        if kind == "bayer":
            negative = self.mosaic() if self.mosaic else bayer_negative(negative)
        elif negative.domain is Domain.MOSAIC:
            raise UsageError("this negative is a mosaic", where=path, hint='kind="bayer"')
        preview = srgb_preview(self.display)
        # The picture may stand otherwise than the negative; in one DNG they stand alike.
        preview = turned_back(upright(preview, self.display.info.orientation), negative.info.orientation)
        packet = xmp_packet(negative.info.tags.xmp, self.provenance())
        write_dng(path, negative, preview=preview, xmp=packet, force=force)

    def provenance(self) -> Provenance:
        """What the report says, for XMP."""
        return provenance_of(self.report)


def bayer_negative(frame: Frame) -> Frame:
    """CAMERA_RGB as a MOSAIC: of each pixel the colour that its camera's filter array has there (RGGB where unknown).

    The values are kept, so what demosaicing gives back is the negative again where the picture is smooth.
    """
    if frame.domain not in (Domain.MOSAIC, Domain.CAMERA_RGB):
        raise DomainError(f"a negative is CAMERA_RGB, not {frame.domain.name}", where=frame.info.name)
    return mosaic_of(frame, frame.info.cfa or Cfa.from_name("RGGB"))


def provenance_of(report: Mapping[str, Any]) -> Provenance:
    """The lines of a report that travel with the file: how many frames, which, which stages, by which engine."""
    made: dict[str, str | int | float | list[str]] = {"Engine": "lichtbild"}
    frames = report.get("frames")
    if isinstance(frames, list | tuple):
        made |= {
            "FrameCount": len(frames),
            "Frames": [str(f.get("name", f) if isinstance(f, dict) else f) for f in frames],
        }
    elif isinstance(frames, int):
        made["FrameCount"] = frames
    for key, name in (("reference", "Reference"), ("pipeline", "Pipeline"), ("noise_source", "NoiseSource")):
        if isinstance(report.get(key), str | int | float):
            made[name] = report[key]
    stages = report.get("stages")
    if isinstance(stages, list | tuple | dict):
        made["Stages"] = [str(s.get("name", s) if isinstance(s, dict) else s) for s in stages]
    return made
