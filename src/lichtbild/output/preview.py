"""Small pictures inside larger files: thumbnails and previews."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame
from lichtbild.output.dng_tags import PI_YCBCR

Picture = npt.NDArray[np.uint8]

# Longest side of the preview in a DNG: fills a screen, costs half a megabyte.
PREVIEW_PX = 2048


def fitted(picture: Picture, longest_px: int) -> Picture:
    """`picture` ([h, w, 3] uint8) made to fit a square of `longest_px`; never enlarged.

    Sixteen pixels and more are averaged into one; of more than that, some are left out: the time is in reading them.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    if max(height, width) <= longest_px:
        return np.ascontiguousarray(picture)
    scale = longest_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(1, min(max(height, width) // (4 * longest_px), height // 4, width // 4))
    picture = picture[step // 2 :: step, step // 2 :: step]
    small = Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small)


def baseline_jpeg(picture: Picture, quality: int, *, subsampling: str = "420") -> bytes:
    """A plain JPEG of an sRGB picture, without metadata."""
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(picture), level=quality, subsampling=subsampling))


def jpeg_directory(picture: Picture, quality: int) -> exif.Directory:
    """A TIFF directory that shows `picture` as a reduced-resolution image in one JPEG strip."""
    height, width = picture.shape[:2]
    entries: dict[int, tuple[int, Any]] = {
        254: (exif.LONG, 1),
        256: (exif.LONG, width),
        257: (exif.LONG, height),
        258: (exif.SHORT, (8, 8, 8)),
        259: (exif.SHORT, 7),
        262: (exif.SHORT, PI_YCBCR),
        277: (exif.SHORT, 3),
        278: (exif.LONG, height),
        282: (exif.RATIONAL, (72, 1)),
        283: (exif.RATIONAL, (72, 1)),
        284: (exif.SHORT, 1),
        296: (exif.SHORT, 2),
        529: (exif.RATIONAL, ((299, 1000), (587, 1000), (114, 1000))),
        530: (exif.SHORT, (2, 2)),
        531: (exif.SHORT, 1),
        532: (exif.RATIONAL, ((0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1))),
        50970: (exif.LONG, 2),
    }
    return exif.Directory(entries, segments={(273, 279): [baseline_jpeg(picture, quality)]})


def rough_preview(frame: Frame, longest_px: int) -> Picture:
    """A small picture of a mosaic or of camera RGB: every n-th block, white balanced, no colour matrix.

    For browsers of raw files that show nothing else; a developed preview is better wherever there is one.
    """
    info = frame.info
    step = max(2, -(-max(frame.shape) // longest_px))
    if frame.domain is Domain.MOSAIC:
        block = 2 if info.cfa is None else 2 * info.cfa.quad
        step = -(-step // block) * block
        rows, columns = (np.arange(0, max(n - block + 1, 1), step) for n in frame.shape)
        samples = [_at(frame.pixels, rows + dy, columns + dx) for dy, dx in _red_green_blue_offsets(frame)]
        rgb = np.stack(samples, axis=-1).astype(np.float32)
    else:
        rgb = frame.pixels[::step, ::step].astype(np.float32)
    if info.levels is not None:
        black = float(info.levels.black.mean())
        white = float(info.levels.white[0])
        rgb = (rgb - black) / max(white - black, 1.0)
    rgb = rgb / (frame.saturation * np.asarray(info.as_shot_neutral or (1.0, 1.0, 1.0), np.float32))
    return _shown(np.nan_to_num(rgb))


def _red_green_blue_offsets(frame: Frame) -> list[tuple[int, int]]:
    cfa = frame.info.cfa
    if cfa is None:
        return [(0, 0)] * 3
    q, r, c = cfa.quad, cfa.red_row, cfa.red_column
    return [(q * r, q * c), (q * r, q * (1 - c)), (q * (1 - r), q * (1 - c))]


def _at(pixels: npt.NDArray[Any], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    height, width = pixels.shape
    return np.asarray(pixels[np.minimum(rows, height - 1)[:, None], np.minimum(columns, width - 1)[None, :]])


def _shown(rgb: npt.NDArray[np.float32]) -> Picture:
    """Linear RGB brightened to a middle grey of 0.18 and coded with the power 1/2.2."""
    key = float(np.exp(np.mean(np.log(np.maximum(rgb.mean(axis=-1), 1e-4)))))
    bright = np.clip(rgb * min(0.18 / key, 16.0), 0, 1)
    return np.asarray(np.rint(255 * bright ** (1 / 2.2)), np.uint8)
