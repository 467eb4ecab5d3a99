"""The front door: read a shot, develop it, save it. What the command line, the page and notebooks call."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lichtbild import looks
from lichtbild.core import Burst, Camera, Frame, FrameSource, Progress, Recipe, silent
from lichtbild.core.errors import UsageError
from lichtbild.core.explain import Explained
from lichtbild.output.dng_profile import Profile
from lichtbild.output.explain import ExplainFolder
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.photo import Photo
from lichtbild.pipelines import photo
from lichtbild.pipelines.photo import MERGE_STAGES, STAGES, PhotoParams
from lichtbild.pipelines.recipes import recipe_of
from lichtbild.stages.colour import ColourParams
from lichtbild.stages.look import Look
from lichtbild.stages.reduce import ReduceParams

__all__ = ["MERGE_STAGES", "STAGES", "develop", "inspect", "merge", "preview", "read", "save_negative"]


def read(
    what: str | Path | Sequence[str | Path], gyro: str | Path | None = None, lens: str | Path | None = None
) -> Burst:
    """The one burst in a folder, a list of files, or a file, with the gyroscope's log and the lens's profile that are
    named or found. See `lichtbild.capture.read`.

    Parameters
    ----------
    lens
        A lens profile (.toml), or a prescription (.json, .zmx), which is traced (8 s); "none"; None: the profile in
        the user's folders that names this lens or camera, if there is one. What the file itself tells about
        distortion and shading comes first. `FrameInfo.reasons` says what was taken, and why.

    Raises
    ------
    UnreadableFile, MetadataError, ShapeError
        If a file is damaged, frames do not fit together, or there is more than one shot (the message lists them).
    """
    from lichtbild import capture

    burst: Burst = capture.read(what, gyro)
    return burst if lens == "none" else _with_lens(burst, lens)


def develop(
    burst: Burst | str | Path | Sequence[str | Path],
    params: dict[str, dict[str, Any]] | Recipe | None = None,
    *,
    progress: Progress = silent,
    space: str = "srgb",
    bits: int = 8,
    look: str | None = None,
    headroom_ev: float = 0.0,
    scene: bool = False,
    explain: str | Path | Callable[[Explained], None] | None = None,
) -> Photo:
    """The photograph of a burst, or of one frame.

    Parameters
    ----------
    burst
        From `read`, or what `read` takes.
    params
        {stage: {parameter: value}} for what is not left at its default, or a recipe. Stages and parameters:
        `lichtbild.api.STAGES`.
    space
        "srgb", "p3", "rec2020" or "prophoto".
    bits
        8 or 16 of the picture.
    look
        Name of a look (see `lichtbild.looks.names`), several joined by +, or a .toml file; the same as
        params["look"]["look"].
    headroom_ev
        Above 0: `Photo.hdr` is the same scene for a display that shows so many stops above SDR white.
    scene
        Keep the light of the scene in `Photo.scene`, for OpenEXR.
    explain
        A folder for pictures of what was found and done (motion, confidence, what was left out, effective frames,
        noise) and `explain.json`; or a function that gets each `Explained` picture when it is there, such as
        `list.append`. `lichtbild.output.ExplainFolder(folder, force=True)` overwrites an earlier run's.

    Returns
    -------
    Photo
        With `.save(path)`, `.save_negative(path)`, `.pixels` and `.report`.
    """
    chosen = _with_look(_params(params), look)
    return _developed(burst, chosen, progress, explain, space=space, bits=bits, headroom_ev=headroom_ev, scene=scene)


def preview(
    burst: Burst | str | Path | Sequence[str | Path],
    megapixels: float = 2.0,
    params: dict[str, dict[str, Any]] | Recipe | None = None,
    *,
    progress: Progress = silent,
    space: str = "srgb",
    look: str | None = None,
    explain: str | Path | Callable[[Explained], None] | None = None,
) -> Photo:
    """A small picture of a burst, soon: what `develop` gives, of about `megapixels`.

    The same stages on frames of fewer pixels: what moves is followed or left out, and the look is that of the full
    picture, which it resembles to 2 CIEDE2000 on average. Of many frames it takes no more than give its pixels as many
    samples as those of the full picture have (four of ten at a sixth of 12 MP). The other arguments as there.
    """
    chosen = dataclasses.replace(_with_look(_params(params), look), reduce=ReduceParams(megapixels=megapixels))
    return _developed(burst, chosen, progress, explain, space=space, bits=8)


def merge(
    burst: Burst | str | Path | Sequence[str | Path],
    kind: str = "linear",
    params: dict[str, dict[str, Any]] | Recipe | None = None,
    *,
    progress: Progress = silent,
    explain: str | Path | Callable[[Explained], None] | None = None,
) -> Frame:
    """The merged negative: CAMERA_RGB ("linear") or a mosaic of the camera's filter array ("bayer"), with the noise it
    really has. The mosaic is held to the reference's own samples (stage `wiener`).

    `params`, `progress` and `explain` as in `develop`.
    """
    if kind not in ("linear", "bayer"):
        raise UsageError(f"{kind!r} is no kind of negative", hint="linear or bayer")
    burst = burst if isinstance(burst, Burst) else read(burst)
    observer = _observer(explain)
    made = photo.negative(burst, _params(params), progress, explain=observer)
    _finished(observer)
    return made.mosaic() if kind == "bayer" else made.linear()


def save_negative(frame: Frame, path: str | Path, *, force: bool = False) -> None:
    """Write a merged negative as DNG, with a small rendering of it as the preview."""
    from lichtbild.output.dng import write_dng

    write_dng(path, frame, preview=_preview(frame), force=force)


def inspect(path: str | Path) -> dict[str, Any]:
    """All that a file tells, or the bursts found in a folder, as plain data."""
    from lichtbild import capture

    path = Path(path)
    facts: dict[str, Any] = capture.survey(path).to_json() if path.is_dir() else capture.inspect_file(path)
    return facts


def _developed(
    burst: Burst | str | Path | Sequence[str | Path],
    params: PhotoParams,
    progress: Progress,
    explain: str | Path | Callable[[Explained], None] | None,
    *,
    space: str,
    bits: int,
    headroom_ev: float = 0.0,
    scene: bool = False,
) -> Photo:
    burst = burst if isinstance(burst, Burst) else read(burst)
    look = looks.chosen(params.look)  # before any work: a name may be wrong
    burst = _in_colours(burst, params.colour)
    observer = _observer(explain)
    done, negative = photo.develop(
        burst,
        params,
        progress,
        space=space,
        bits=bits,
        look=look,
        headroom_ev=headroom_ev,
        scene=scene,
        explain=observer,
    )
    _finished(observer)
    report = _report(burst, negative.report) | {"recipe": recipe_of(params, SOFTWARE).to_document()}
    return Photo(
        done.picture,
        negative.linear,
        report,
        negative.mosaic,
        done.hdr,
        done.scene,
        partial(_profile, look, done.facts.tone.exposure_ev - negative.frame.info.baseline_exposure_ev),
    )


def _profile(look: Look, exposure_ev: float) -> Profile:
    """The look for a negative: its curve and table, and the exposure that was found, over that of the file."""
    from lichtbild.looks.dcp_export import WHITE, look_table, tone_curve

    curve = np.maximum.accumulate(np.clip(tone_curve(look), 0, 1))
    curve[0], curve[-1] = 0.0, 1.0
    return Profile(
        f"lichtbild {look.name}", curve, look_table(look), is_srgb=True, exposure_ev=exposure_ev - math.log2(WHITE)
    )


def _with_lens(burst: Burst, lens: str | Path | None) -> Burst:
    """Every frame told what a profile knows of its lens."""
    from lichtbild.optics.profile import completed
    from lichtbild.optics.profile_file import match_profile, read_profile

    info = burst.sources[0].info
    if lens is None:
        found = match_profile(info)
        if found is None:
            return burst
        profile, why = found.profile, f"{found.path}: {', '.join(found.grounds)}"
    elif Path(lens).suffix.lower() == ".toml":
        profile, why = read_profile(lens), f"{lens}: asked for"
    else:
        from lichtbild.optics.lens_file import read_lens
        from lichtbild.optics.profile_traced import traced_profile

        profile, why = traced_profile(read_lens(lens), info.shape), f"{lens}: asked for, traced"
    sources = tuple(dataclasses.replace(source, info=completed(source.info, profile, why)) for source in burst.sources)
    return dataclasses.replace(burst, sources=sources)


def _preview(frame: Frame) -> Any:
    """A small default rendering of a negative, uint8 [h, w, 3]; a mosaic's is left to the writer."""
    from lichtbild.core import Domain
    from lichtbild.stages import develop_display

    if frame.domain is not Domain.CAMERA_RGB:
        return None
    small, _ = develop_display.make_proxy(frame, 1600)
    return develop_display.render(small, develop_display.analyse(small)).pixels


def _observer(explain: str | Path | Callable[[Explained], None] | None) -> Callable[[Explained], None] | None:
    return ExplainFolder(explain) if isinstance(explain, str | Path) else explain


def _finished(observer: Callable[[Explained], None] | None) -> None:
    if isinstance(observer, ExplainFolder):
        observer.finish()


def _params(params: dict[str, dict[str, Any]] | Recipe | None) -> PhotoParams:
    if isinstance(params, Recipe):
        params = {stage: entry.get("params", {}) for stage, entry in params.stages.items()}
    return PhotoParams.from_values(params or {})


def _in_colours(burst: Burst, params: ColourParams) -> Burst:
    """The burst with the camera profile that is asked for, and without the maker's look where that is not.

    Raises
    ------
    UsageError
        If the profile is of another camera.
    """
    chosen = None
    if params.profile:
        from lichtbild.capture.dng.profile import read_dcp

        chosen = read_dcp(params.profile)

    def dressed(camera: Camera) -> Camera:
        profile = chosen or camera.profile
        if chosen is not None:
            own = {camera.unique_name.lower(), f"{camera.make} {camera.model}".strip().lower(), camera.model.lower()}
            if chosen.camera and chosen.camera.lower() not in own and not params.any_camera:
                raise UsageError(
                    f"this profile is of {chosen.camera!r}, the picture is of {camera.name!r}",
                    where=params.profile,
                    hint="--colour-any-camera, if it is the same sensor",
                )
            camera = dataclasses.replace(camera, colour=chosen.calibration)
        if profile is not None and not params.maker_look:
            profile = dataclasses.replace(profile, look=None, tone_curve=None)
        return dataclasses.replace(camera, profile=profile)

    if chosen is None and all(source.info.camera.profile is None for source in burst.sources):
        return burst

    def told(source: FrameSource) -> FrameSource:
        return dataclasses.replace(source, info=dataclasses.replace(source.info, camera=dressed(source.info.camera)))

    return dataclasses.replace(burst, sources=tuple(told(source) for source in burst.sources))


def _with_look(params: PhotoParams, look: str | None) -> PhotoParams:
    if look is None:
        return params
    return dataclasses.replace(params, look=dataclasses.replace(params.look, look=look))


def _report(burst: Burst, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "burst": burst.name,
        "frames": [source.info.name for source in burst.sources],
        "grouping": list(burst.reasons),
        "stages": list(STAGES),
        **report,
    }
