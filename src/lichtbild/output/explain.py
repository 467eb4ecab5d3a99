"""Pictures that explain a development become files: a PNG each, with its legend below, and `explain.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel
from lichtbild.core.explain import KINDS, Bar, Explained, Wheel
from lichtbild.output.atomic import check_target, output_error, write_whole
from lichtbild.output.picture import upright
from lichtbild.output.png import write_png

Picture = npt.NDArray[np.uint8]

INDEX = "explain.json"
PAPER, INK, DIM = (24, 24, 24), (235, 235, 235), (165, 165, 165)
MARGIN_PX, LINE_PX, TEXT_PX = 14, 22, 16
BAR_PX = (300, 18)
NARROWEST_PX = 640


class ExplainFolder:
    """A folder of explaining pictures; call it with each, and `finish` it.

    Parameters
    ----------
    folder
        Made where it is not there.
    force
        Replace pictures of an earlier run.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to, or holds such pictures and `force` is not set.
    """

    def __init__(self, folder: str | Path, *, force: bool = False) -> None:
        self.folder, self._force = Path(folder), force
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, self.folder) from error
        check_target(self.folder / INDEX, force=force)
        for path in sorted(self.folder.glob("*.png")):
            if path.stem.endswith(KINDS):
                check_target(path, force=force)
        self._frames: dict[str, dict[str, Any]] = {}
        self._whole: dict[str, Any] = {}
        self._pictures: list[dict[str, Any]] = []

    def __call__(self, explained: Explained) -> None:
        """Write a picture with its legend."""
        path = self.folder / f"{explained.name}.png"
        write_png(path, as_frame(legended(explained), explained.name), force=self._force)
        if explained.frame is None:
            self._whole |= explained.facts
        else:
            self._frames[explained.frame] = {"frame": explained.frame, **explained.facts}
        self._pictures.append(
            {
                "file": path.name,
                "frame": explained.frame,
                "shows": explained.shows,
                "scale": scale_in_words(explained.scale),
            }
        )

    @property
    def n_pictures(self) -> int:
        return len(self._pictures)

    def finish(self) -> Path:
        """Write `explain.json`; gives its path."""
        frames = sorted(self._frames.values(), key=lambda facts: int(facts.get("number", 0)))
        content = {"whole": self._whole, "frames": frames, "pictures": self._pictures}
        path = self.folder / INDEX
        write_whole(path, [json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"], force=self._force)
        return path


def scale_in_words(scale: Bar | Wheel) -> str:
    """A legend as a line of text."""
    if isinstance(scale, Wheel):
        return f"colour wheel: hue is direction, the rim is {scale.rim}"
    return f"{scale.ticks[0][1]} to {scale.ticks[-1][1]} {scale.unit}"


def as_frame(pixels: Picture, name: str) -> Frame:
    """A finished picture as a DISPLAY_RGB frame."""
    info = FrameInfo(name=name, shape=(pixels.shape[0], pixels.shape[1]), kind="picture")
    no_noise = NoiseModel((0.0,), (1.0,), "none")
    return Frame(pixels, Domain.DISPLAY_RGB, info, no_noise, colour_space="srgb")


def legended(explained: Explained) -> Picture:
    """The picture upright, with a strip below: name, what it shows, and the legend of its colours."""
    from PIL import Image, ImageDraw

    picture = np.ascontiguousarray(upright(explained.pixels, explained.orientation))
    height, picture_width = picture.shape[:2]
    width = max(picture_width, NARROWEST_PX)
    legend = _wheel(explained) if isinstance(explained.scale, Wheel) else _bar(explained.scale)
    room = width - legend.width - 3 * MARGIN_PX
    lines = _wrapped(explained.shows, room)
    strip_height = 2 * MARGIN_PX + max(LINE_PX * (len(lines) + 1), legend.height)
    sheet = Image.new("RGB", (width, height + strip_height), PAPER)
    sheet.paste(Image.fromarray(picture), ((width - picture_width) // 2, 0))
    sheet.paste(legend, (width - legend.width - MARGIN_PX, height + (strip_height - legend.height) // 2))
    draw = ImageDraw.Draw(sheet)
    for k, line in enumerate((explained.name, *lines)):
        at = (MARGIN_PX, height + MARGIN_PX + k * LINE_PX)
        draw.text(at, line, fill=INK if k == 0 else DIM, font=_font(TEXT_PX))
    return np.asarray(sheet)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _wrapped(text: str, width: int) -> list[str]:
    """Words in lines of at most `width` px."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(TEXT_PX).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _bar(scale: Bar) -> Any:
    from PIL import Image, ImageDraw

    edge = 24
    width, height = BAR_PX
    image = Image.new("RGB", (width + 2 * edge, height + 2 * LINE_PX + 6), PAPER)
    row = scale.colours[np.linspace(0, len(scale.colours) - 1, width).round().astype(int)]
    image.paste(Image.fromarray(np.repeat(row[None], height, 0)), (edge, 0))
    draw = ImageDraw.Draw(image)
    for position, text in scale.ticks:
        x = edge + position * (width - 1)
        draw.line([(x, height), (x, height + 4)], fill=INK)
        draw.text((x, height + 6), text, fill=INK, font=_font(13), anchor="ma")
    draw.text((edge + width / 2, height + LINE_PX + 4), scale.unit, fill=DIM, font=_font(13), anchor="ma")
    return image


def _wheel(explained: Explained) -> Any:
    from PIL import Image, ImageDraw

    assert isinstance(explained.scale, Wheel)
    # Directions turn with the picture.
    wheel = Image.fromarray(np.ascontiguousarray(upright(explained.scale.pixels, explained.orientation)))
    wheel = wheel.resize((96, 96), Image.Resampling.LANCZOS)
    image = Image.new("RGB", (96 + 70, 96), PAPER)
    image.paste(wheel, (0, 0))
    draw = ImageDraw.Draw(image)
    draw.line([(48, 48), (94, 48)], fill=(40, 40, 40), width=2)
    draw.text((104, 48), explained.scale.rim, fill=INK, font=_font(TEXT_PX), anchor="lm")
    return image
