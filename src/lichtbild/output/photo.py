"""The result of a development: the picture, the negative it came from, and the report."""

from __future__ import annotations

import dataclasses
import functools
import json
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
from lichtbild.output.credentials import Credentials
from lichtbild.output.dng import write_dng
from lichtbild.output.dng_profile import Profile
from lichtbild.output.exr import write_exr
from lichtbild.output.heif import write_heif
from lichtbild.output.jpeg import write_jpeg
from lichtbild.output.jxl import write_jxl
from lichtbild.output.picture import srgb_preview, turned_back, upright
from lichtbild.output.png import write_png
from lichtbild.output.scaled import fitted_frame
from lichtbild.output.target import FORMS, Target
from lichtbild.output.tiff import write_tiff
from lichtbild.output.xmp import Provenance, xmp_packet


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
    scene
        The light of the scene, WORK_RGB, oriented as `display`; None where it was not asked for.
    profile
        Makes the look of the picture as a profile, which is written beside the pixels of a negative.
    """

    display: Frame
    kept: Frame | Callable[[], Frame] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    mosaic: Callable[[], Frame] | None = None
    hdr: npt.NDArray[np.float32] | None = None
    scene: Frame | None = None
    profile: Callable[[], Profile] | None = None

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

    def save(
        self,
        path: str | Path | Target,
        *,
        force: bool = False,
        quality: int | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        """Write the picture in the format of the suffix; ".dng" writes the negative, ".exr" the light of the scene.

        Parameters
        ----------
        path
            .jpg .jpeg (8 bits), .tif .tiff (16 bits), .png (16 bits where the picture has them, else 8), .avif .heic
            .jxl, .exr or .dng; or a `Target`, which says size and coding too. Where there is an HDR picture, JPEG,
            AVIF, HEIC and JPEG XL get a gain map.
        force
            Replace a file that is there.
        quality
            Short for that option of the target.
        credentials
            Sign the file with these.

        Raises
        ------
        UsageError
            If the suffix names no format that is written, or what it needs is missing.
        OutputError
            If the file cannot be written.
        """
        target = path if isinstance(path, Target) else Target(Path(path))
        if quality is not None and target.format in ("jpeg", "avif", "heic", "jxl"):
            target = dataclasses.replace(target, options={"quality": quality} | target.options)
        common: dict[str, Any] = {"provenance": self.provenance(), "force": force}
        if target.format == "dng":
            form, compression = target.options.get("form", "linear"), target.options.get("compression", "jpeg")
            self.save_negative(target.path, kind=form, compression=compression, credentials=credentials, force=force)
            return
        if target.format == "exr":
            if credentials is not None:
                raise UsageError("OpenEXR carries no credentials", where=target.path, hint="another format")
            if self.scene is None:
                raise UsageError(
                    "the light of the scene was not kept", where=target.path, hint="develop with scene=True"
                )
            write_exr(target.path, self.scene, **common)
            return
        display, hdr = fitted_frame(self.display, self.hdr if target.wants_hdr else None, target.longest)
        common["credentials"] = credentials
        coding = target.coding()
        if target.format == "jpeg":
            write_jpeg(target.path, display, hdr=hdr, options=coding, **common)
        elif target.format in ("avif", "heic"):
            write_heif(target.path, display, target.format, hdr=hdr, options=coding, **common)
        elif target.format == "jxl":
            write_jxl(target.path, display, hdr=hdr, options=coding, **common)
        elif target.format == "tiff":
            write_tiff(target.path, display, bits=target.options.get("bits", 16), **common)
        else:
            bits = target.options.get("bits", 8 if display.pixels.dtype == np.uint8 else 16)
            write_png(target.path, display, bits=bits, **common)

    def save_negative(
        self,
        path: str | Path,
        *,
        kind: str = "linear",
        compression: str = "jpeg",
        credentials: Credentials | None = None,
        force: bool = False,
    ) -> None:
        """Write the negative as DNG, with this picture as its preview.

        Parameters
        ----------
        path
            The file to be.
        kind
            "linear": three colours a pixel (LinearRaw, 16 bits). "half": the same in half floats. "bayer": one colour a
            pixel, for developers that demosaic.
        compression
            "jpeg" (lossless), "jxl" (JPEG XL, DNG 1.7, lossless, smaller and slower) or "none"; half floats are
            deflated whatever is asked for, unless it is "none".
        credentials
            Sign the file with these.
        force
            Replace a file that is there.

        Raises
        ------
        UsageError
            If there is no negative, the kind is unknown, or a mosaic is wanted as "linear".
        OutputError
            If the file cannot be written.
        """
        if kind not in FORMS:
            raise UsageError(f"{kind!r} is no kind of negative", hint=", ".join(FORMS))
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
        write_dng(
            path, negative, preview=preview, xmp=packet, force=force, compress=compression != "none",
            coding="jxl" if compression == "jxl" else "jpeg", is_half=kind == "half", credentials=credentials,
            provenance=self.provenance(), profile=self._profile(negative),
        )  # fmt: skip

    def _profile(self, negative: Frame) -> Profile | None:
        """The look, for a negative whose colours are known: others develop it as they do any file."""
        camera = negative.info.camera
        if self.profile is None or camera.colour is None or camera.is_rendered or negative.info.kind == "monochrome":
            return None
        return self.profile()

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
    if isinstance(report.get("reference"), dict):
        made["Reference"] = str(report["reference"].get("frame", ""))
    for key, name in (("reference", "Reference"), ("pipeline", "Pipeline"), ("noise_source", "NoiseSource")):
        if isinstance(report.get(key), str | int | float):
            made[name] = report[key]
    stages = report.get("stages")
    if isinstance(stages, list | tuple | dict):
        made["Stages"] = [str(s.get("name", s) if isinstance(s, dict) else s) for s in stages]
    if isinstance(report.get("recipe"), dict):
        made["Recipe"] = json.dumps(report["recipe"], ensure_ascii=False, separators=(",", ":"))
    return made
