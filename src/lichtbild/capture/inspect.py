"""All that is known of a file, as plain data for `lichtbild inspect`; with `deep`, what its pixels say about it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.capture.bursts import open_file
from lichtbild.capture.sniff import sniff
from lichtbild.core import FrameInfo, FrameSource, LichtbildError
from lichtbild.core.corrections import GainMap, MapPolynomial, MapTable, Opcode, OpcodeLists, PerRowOrColumn

Array = npt.NDArray[Any]
Facts = dict[str, Any]

# Pixels looked at in a deep inspection: rows are left out evenly above that.
MAX_LOOKED_AT = 4_000_000


def inspect_file(path: str | Path, *, deep: bool = False) -> Facts:
    """What a file tells, in the words of a photographer.

    Parameters
    ----------
    path
        Any file that `open_file` opens.
    deep
        Whether to read the pixels and hold the tags against them (about 0.3 s for 12 MP).

    Returns
    -------
    Plain data for `json.dumps`. "assumptions" lists what was assumed because the file is silent or contradicts itself;
    with `deep`, "pixels" has their statistics and "doubts" what the tags may be wrong about.

    Raises
    ------
    UnreadableFile, MetadataError
        As `open_file` does.
    """
    path = Path(path)
    source = open_file(path)
    info = source.info
    facts: Facts = {
        "file": str(path),
        "is": sniff(path).what,
        "kind": info.kind,
        "camera": _camera(info),
        "exposure": _exposure(info),
        "size_px": [info.shape[1], info.shape[0]],
        "crop_left_top_width_height_px": _crop(info),
        "orientation": info.orientation,
        "stored": {"compression": info.compression, "bits": info.bits},
        "colour_filter": None if info.cfa is None else info.cfa.name + (" (quad)" if info.cfa.quad == 2 else ""),
        "levels": _levels(info),
        "colour": _colour(info),
        "noise": _noise(info),
        "corrections": _opcodes(info.opcodes),
        "baseline_exposure_ev": info.baseline_exposure_ev,
        "carried": _carried(info),
        "assumptions": list(info.reasons),
    }
    if deep:
        facts |= look_at_pixels(source)
    return facts


def _camera(info: FrameInfo) -> Facts:
    c = info.camera
    return {
        "make": c.make,
        "model": c.model,
        "unique_name": c.unique_name,
        "lens": c.lens,
        "is_rendered": c.is_rendered,
    }


def _exposure(info: FrameInfo) -> Facts:
    e = info.exposure
    when = None
    if e.captured_s is not None and abs(e.captured_s) < 1e11:
        moment = datetime.datetime.fromtimestamp(e.captured_s, datetime.UTC).replace(tzinfo=None)
        when = moment.isoformat(sep=" ", timespec="milliseconds")
    return {
        "time_s": e.time_s, "iso": e.iso, "f_number": e.f_number, "focal_length_mm": e.focal_length_mm,
        "focal_length_35mm": e.focal_length_35mm, "captured": when,
    }  # fmt: skip


def _crop(info: FrameInfo) -> list[int] | None:
    if info.default_crop is None:
        return None
    top, left, height, width = info.default_crop
    return [left, top, width, height]


def _levels(info: FrameInfo) -> Facts | None:
    if info.levels is None:
        return None
    black = info.levels.black
    deltas = [d for d in (info.levels.black_delta_v, info.levels.black_delta_h) if d is not None]
    return {
        "black": [round(float(v), 3) for v in np.unique(black)] if black.size <= 64 else [float(black.mean())],
        "black_pattern": list(black.shape),
        "has_black_deltas": bool(deltas),
        "white": list(info.levels.white),
        "linearisation_table": None if info.levels.table is None else len(info.levels.table),
    }


def _colour(info: FrameInfo) -> Facts:
    form = "AsShotNeutral" if info.as_shot_neutral else "AsShotWhiteXY" if info.as_shot_white_xy else "not told"
    if info.kind == "picture":
        form = "its colour profile"
    facts: Facts = {
        "white_point_by": form,
        "as_shot_neutral": _rounded(info.as_shot_neutral),
        "as_shot_white_xy": _rounded(info.as_shot_white_xy),
    }
    calibration = info.camera.colour
    if calibration is not None:
        facts["illuminants_xy"] = [_rounded(xy) for xy in calibration.illuminants_xy]
        facts["xyz_to_camera"] = [np.round(m, 5).tolist() for m in calibration.xyz_to_camera]
        facts["forward_matrices"] = len(calibration.camera_to_pcs)
        facts["camera_calibrations"] = len(calibration.camera_calibration)
    return facts


def _rounded(values: Any) -> list[float] | None:
    return None if values is None else [round(float(v), 6) for v in values]


def _noise(info: FrameInfo) -> Facts:
    from lichtbild.sensor.calibration import calibration_of

    if info.noise is not None:
        return {"source": info.noise.source, "alpha": list(info.noise.alpha), "beta": list(info.noise.beta)}
    found = None if info.kind == "picture" else calibration_of(info.camera)
    model = found.noise(info.exposure.iso) if found is not None and info.exposure.iso is not None else None
    if found is not None and model is not None:
        return {"source": f"calibration {found.file}", "alpha": list(model.alpha), "beta": list(model.beta)}
    return {"source": "not told: fitted from the pixels when it is needed"}


def _opcodes(lists: OpcodeLists) -> Facts:
    named = {"on_stored": lists.on_stored, "on_linear": lists.on_linear, "after_demosaic": lists.after_demosaic}
    return {name: [_opcode_line(o) for o in opcodes] for name, opcodes in named.items()}


def _opcode_line(opcode: Opcode) -> str:
    """One line for people."""
    name = type(opcode).__name__
    detail = ""
    if isinstance(opcode, GainMap):
        n = opcode.gain.shape
        detail = f" {n[1]} x {n[0]} nodes, gains {opcode.gain.min():.2f} to {opcode.gain.max():.2f}"
    elif isinstance(opcode, PerRowOrColumn):
        name = ("Scale" if opcode.is_scale else "Delta") + "Per" + ("Column" if opcode.is_column else "Row")
        detail = f" {len(opcode.values)} values"
    elif isinstance(opcode, MapTable):
        detail = f" {len(opcode.table)} entries"
    elif isinstance(opcode, MapPolynomial):
        detail = f" degree {len(opcode.coefficients) - 1}"
    if isinstance(opcode, GainMap | PerRowOrColumn | MapTable | MapPolynomial):
        a = opcode.area
        detail += f" on rows {a.top}-{a.bottom}, columns {a.left}-{a.right}"
        detail += f", every {a.row_pitch} x {a.column_pitch}" if max(a.row_pitch, a.column_pitch) > 1 else ""
    return name + detail + (" (optional)" if opcode.optional else "")


def _carried(info: FrameInfo) -> Facts:
    exif = info.tags.exif
    return {
        "exif_tags": sum(len(tags) for tags in exif.values()),
        "has_gps": bool(exif.get("gps")),
        "xmp_bytes": len(info.tags.xmp),
        "icc_bytes": len(info.tags.icc),
    }


# ---- what the pixels say


def look_at_pixels(source: FrameSource) -> Facts:
    """Statistics of the pixels, and doubts about the tags: {"pixels": {...}, "doubts": [...]}.

    Raises
    ------
    UnreadableFile
        If the pixels cannot be decoded.
    """
    pixels = source.read()
    step = max(1, 2 * int(np.ceil(pixels.size / MAX_LOOKED_AT / 2))) if pixels.size > MAX_LOOKED_AT else 1
    some = pixels[: len(pixels) // 4 * 4].reshape(-1, 4, *pixels.shape[1:])[::step].reshape(-1, *pixels.shape[1:])
    low, high = float(pixels.min()), float(pixels.max())
    at_high = float((some == high).mean())
    facts: Facts = {"least": low, "largest": high, "median": float(np.median(some)), "share_at_largest": at_high}
    doubts = _level_doubts(source.info, some, low, high, at_high) if source.info.levels is not None else []
    doubts += _cfa_doubts(source.info, some)
    noise, doubt = _noise_of(source.info, pixels)
    return {"pixels": facts | {"noise_fitted": noise}, "doubts": doubts + doubt}


def _level_doubts(info: FrameInfo, some: Array, low: float, high: float, at_high: float) -> list[str]:
    levels = info.levels
    if levels is None or levels.table is not None:
        return []
    black, white = float(levels.black.max()), min(levels.white)
    doubts = []
    if high > white * 1.001 + 1:
        above = float((some > white).mean())
        if above > 1e-4:
            doubts.append(f"{100 * above:.2g} % of the pixels are above the white level {white:g}, up to {high:g}")
    elif at_high > 2e-3 and high < black + 0.97 * (white - black):
        doubts.append(f"{100 * at_high:.2g} % of the pixels pile up at {high:g}: white may be there, not at {white:g}")
    below = float((some < float(levels.black.min())).mean())
    if below > 0.6:
        doubts.append(f"{100 * below:.0f} % of the pixels are below the black level {black:g}")
    if low > black + 0.05 * (white - black):
        doubts.append(f"no pixel is near the black level {black:g}: the darkest is {low:g}")
    if white <= black:
        doubts.append(f"white {white:g} is not above black {black:g}")
    return doubts


def _cfa_doubts(info: FrameInfo, some: Array) -> list[str]:
    if info.cfa is None or info.levels is None or some.ndim != 2:
        return []
    from lichtbild.capture.dng.plausibility import cfa_doubts

    return list(cfa_doubts(some, info.cfa, float(info.levels.black.mean())))


def _noise_of(info: FrameInfo, pixels: Array) -> tuple[Facts | None, list[str]]:
    """The noise fitted to the pixels, and whether the file's own disagrees."""
    from lichtbild.sensor import fit_noise
    from lichtbild.sensor.choose_noise import implausible, range_bits

    doubts = []
    if info.noise is not None and (why := implausible(info.noise, range_bits(info))):
        doubts.append(f"noise profile: {why}")
    linear = linear_values(info, pixels)
    if linear is None:
        return None, doubts
    try:
        fit = fit_noise([linear], info.cfa, bits=range_bits(info), is_picture=info.kind == "picture")
    except LichtbildError:
        return None, doubts
    facts = {"alpha": list(fit.model.alpha), "beta": list(fit.model.beta), "note": fit.note}
    if info.noise is not None and fit.is_reliable:
        signal = float(np.clip(np.median(linear), 0.01, 0.5))
        told, found = (float(np.mean(m.alpha) * signal + np.mean(m.beta)) for m in (info.noise, fit.model))
        if told > 4 * found:
            doubts.append(f"the noise profile tells {np.sqrt(told / found):.1f} times the noise that the pixels have")
    return facts, doubts


def linear_values(info: FrameInfo, pixels: Array) -> npt.NDArray[np.float32] | None:
    """(stored - black) / (white - black), without opcodes: good enough for statistics. None with a table of black."""
    levels = info.levels
    if levels is None:
        return np.asarray(pixels, np.float32)
    if levels.table is not None:
        pixels = levels.table[np.minimum(pixels, len(levels.table) - 1)]
    rows, columns = levels.black.shape[:2]
    if pixels.ndim != 2:
        black = levels.black.mean(axis=(0, 1))
        return np.asarray((pixels - black) / (np.array(levels.white) - black), np.float32)
    tiles = (-(-pixels.shape[0] // rows), -(-pixels.shape[1] // columns))
    black = np.tile(levels.black[..., 0], tiles)[: pixels.shape[0], : pixels.shape[1]]
    return np.asarray((pixels - black) / (levels.white[0] - black), np.float32)
