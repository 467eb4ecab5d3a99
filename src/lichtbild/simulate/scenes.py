"""Scenes by name, for the command line and for whoever does not want to build one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lichtbild.core.errors import UsageError
from lichtbild.core.suggest import nearest_names
from lichtbild.simulate import charts, textures, window
from lichtbild.simulate.canvas import Canvas
from lichtbild.simulate.harbour import procedural_scene
from lichtbild.simulate.scene import DEFAULT_MARGIN_PX, Scene, from_picture


def paint_harbour(canvas: Canvas, has_movers: bool = True) -> Scene:
    """A harbour town in the evening: sun and lamps, lit windows, leaves against the sky, things that move."""
    return procedural_scene(canvas.shape, canvas.oversampling, canvas.margin_px, canvas.seed, has_movers=has_movers)


SCENES: dict[str, Callable[..., Scene]] = {
    "harbour": paint_harbour,
    "backlit": window.paint_backlit,
    "stars": textures.paint_stars,
    "foliage": textures.paint_foliage,
    "leaves": textures.paint_leaves,
    "colorchecker": charts.paint_colorchecker,
    "edges": charts.paint_edges,
    "siemens": charts.paint_siemens,
    "wedge": charts.paint_wedge,
    "hyperbolas": charts.paint_hyperbolas,
    "text": charts.paint_text,
    "flat": charts.paint_flat,
}


def make_scene(
    name: str | Path,
    shape: tuple[int, int],
    *,
    oversampling: float | None = None,
    margin_px: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Scene:
    """A scene of `SCENES`, or a picture from a file.

    Parameters
    ----------
    name
        One of `SCENES`, or the path of a picture (PNG, JPEG, TIFF: sRGB; OpenEXR: linear). Options may follow the
        name: "edges:angle_deg=8,contrast=10".
    shape
        Rows and columns of the frames.
    oversampling
        Samples per px along each axis, a multiple of 1/4. None: 1.5 for scenes, what it has for a picture.
    margin_px
        Room around the frame for the hand. None: 64 for 12 MP, in proportion, at least 16.
    options
        What the scene takes beside: the arguments of its painter.

    Raises
    ------
    UsageError
        For an unknown name or option (the nearest are offered), or an option out of bounds.
    UnreadableFile
        If the file is no picture.

    Notes
    -----
    About 0.5 s of processor a million samples for painted scenes, less for charts; 12 bytes a sample.
    """
    if margin_px is None:
        margin_px = max(16, round(DEFAULT_MARGIN_PX * min(shape) / 3024))
    text, _, tail = str(name).partition(":")
    if text not in SCENES:
        if Path(name).suffix or Path(name).is_file():
            return from_picture(Path(name), shape, oversampling, margin_px)
        raise UsageError(f"no scene is named {text!r}", where="scene",
                         hint=nearest_names(text, SCENES) + "; or the file of a picture")  # fmt: skip
    painter = SCENES[text]
    given = {**_parsed(tail), **(options or {})}
    known = {k: p for k, p in inspect.signature(painter).parameters.items() if k != "canvas"}
    for key in given:
        if key not in known:
            hint = nearest_names(key, known) if known else "this scene takes no options"
            raise UsageError(f"the scene {text} has no option {key!r}", where="scene", hint=hint)
    values = {key: _typed(text, key, value, known[key].default) for key, value in given.items()}
    return painter(Canvas(shape, 1.5 if oversampling is None else oversampling, margin_px, seed), **values)


def _parsed(tail: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in tail.split(",") if part]
    for key, equals, _ in pairs:
        if not equals:
            raise UsageError(f"{key!r} is no option", where="scene", hint="NAME:KEY=VALUE,KEY=VALUE")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _typed(scene: str, key: str, value: Any, default: Any) -> Any:
    """The value in the type of the option's default."""
    if isinstance(default, bool):
        words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
        if str(value).lower() in words:
            return words[str(value).lower()]
    else:
        try:
            return type(default)(value)
        except (TypeError, ValueError):
            pass
    raise UsageError(f"{value!r} for {key} of the scene {scene}", where="scene", hint=f"such as {default}")
