"""What stands before the camera: linear Rec.709 colour, and things that move in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import srgb_decode
from lichtbild.core.errors import ShapeError, UnreadableFile

Float32 = npt.NDArray[np.float32]

# Room around the frame for the hand's motion, px of the mosaic.
DEFAULT_MARGIN_PX = 64


@dataclass(frozen=True, eq=False)
class Mover:
    """A flat thing in front of the scene that moves in a straight line.

    Parameters
    ----------
    layer
        float32 [4, h, w]: red, green, blue multiplied by cover, then cover (0 to 1), at the scene's sampling; a frame
        of at least 8 samples around it must be empty.
    centre_px
        (x, y) of the middle of `layer` in frame 0, px of the mosaic.
    step_px
        How far it goes from one frame to the next.
    """

    layer: Float32
    centre_px: tuple[float, float]
    step_px: tuple[float, float]

    def centre_at(self, frame: float) -> tuple[float, float]:
        return self.centre_px[0] + frame * self.step_px[0], self.centre_px[1] + frame * self.step_px[1]


@dataclass(frozen=True, eq=False)
class Scene:
    """Light of a scene, finer than the mosaic and with room around it.

    Parameters
    ----------
    rgb
        float32 [3, H, W], linear, Rec.709 primaries and white D65 (colours for an eye adapted to the scene's light),
        1 = a white surface in that light; may be far above 1, never negative.
    oversampling
        Samples per px of the mosaic, a multiple of 1/4, at least 1.
    margin_px
        How much the scene reaches over each edge of frame 0, px of the mosaic (a whole number).
    movers
        Things in front, the nearest last.
    name
        For file names and tables.
    """

    rgb: Float32
    oversampling: float = 1.5
    margin_px: int = DEFAULT_MARGIN_PX
    movers: tuple[Mover, ...] = ()
    name: str = "scene"

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[0] != 3 or self.rgb.dtype != np.float32 or min(self.rgb.shape[1:]) < 8:
            raise ShapeError(
                f"scene light is float32 [3, H, W], not {self.rgb.dtype} {list(self.rgb.shape)}", where="rgb"
            )
        if self.oversampling < 1 or self.oversampling % 0.25:
            raise ShapeError(f"oversampling {self.oversampling} is no multiple of 1/4 from 1 on", where="oversampling")

    @property
    def frame_shape(self) -> tuple[int, int]:
        """The largest even [H, W] of a mosaic that this scene fills with its margin."""
        height, width = (int(n / self.oversampling) - 2 * self.margin_px for n in self.rgb.shape[1:])
        return height - height % 2, width - width % 2


def samples_for(shape: tuple[int, int], oversampling: float, margin_px: int) -> tuple[int, int]:
    """Rows and columns of the scene that frames of `shape` need."""
    height, width = (int(np.ceil((n + 2 * margin_px) * oversampling)) for n in shape)
    return height, width


def from_picture(
    path: str | Path,
    shape: tuple[int, int] | None = None,
    oversampling: float | None = None,
    margin_px: int = DEFAULT_MARGIN_PX,
) -> Scene:
    """An ordinary picture (PNG, JPEG, TIFF: sRGB) or an OpenEXR file (linear Rec.709) as a scene, pixel for sample.

    Parameters
    ----------
    path
        The picture. As finer than the mosaic as possible: a picture at its limit of resolution makes a soft burst.
    shape
        Rows and columns of the frames. A picture too small is continued by its mirror image, one too large is cut in
        the middle. None: as large as the picture allows.
    oversampling
        Samples per px; None: 2, or what the picture has for frames of `shape`, but not below 1.
    """
    path = Path(path)
    pixels = read_picture(path)
    if oversampling is None:
        oversampling = 2.0
        if shape is not None:
            has = min(n / (m + 2 * margin_px) for n, m in zip(pixels.shape, shape, strict=False))
            oversampling = float(np.clip(np.floor(has * 4) / 4, 1, 2))
    if shape is not None:
        pixels = _fitted(pixels, samples_for(shape, oversampling, margin_px))
    return Scene(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)), oversampling, margin_px, (), path.stem)


def read_picture(path: str | Path) -> Float32:
    """Linear Rec.709 float32 [H, W, 3] of an ordinary picture (sRGB) or an OpenEXR file (at most 1000).

    Raises
    ------
    UnreadableFile
        If it is neither, or the package for OpenEXR is missing.
    """
    path = Path(path)
    return _read_exr(path) if path.suffix.lower() == ".exr" else _read_encoded(path)


def _read_encoded(path: Path) -> Float32:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            encoded = np.asarray(picture.convert("RGB"), np.float32) / 255
    except OSError as error:
        raise UnreadableFile(f"no picture ({error})", where=path) from error
    return srgb_decode(encoded)


def _read_exr(path: Path) -> Float32:
    try:
        import OpenEXR
    except ImportError as error:
        raise UnreadableFile("OpenEXR files need one more package", where=path, hint="pip install openexr") from error
    try:
        channels = OpenEXR.File(str(path)).channels()
    except Exception as error:
        raise UnreadableFile(f"no OpenEXR picture ({error})", where=path) from error
    joint = next((channels[k].pixels for k in ("RGB", "RGBA") if k in channels), None)
    if joint is None:
        if not {"R", "G", "B"} <= set(channels):
            raise UnreadableFile(f"no channels R, G, B but {sorted(channels)}", where=path)
        joint = np.stack([channels[k].pixels for k in "RGB"], 2)
    rgb = np.nan_to_num(joint[..., :3].astype(np.float32), posinf=1e3)
    return np.clip(rgb, 0, 1e3)


def _fitted(pixels: Float32, wanted: tuple[int, int]) -> Float32:
    for axis in (0, 1):
        have, want = pixels.shape[axis], wanted[axis]
        if have < want:
            before = (want - have) // 2
            pad = [(0, 0)] * 3
            pad[axis] = (before, want - have - before)
            pixels = np.pad(pixels, pad, mode="symmetric")
        else:
            start = (have - want) // 2
            pixels = np.take(pixels, np.arange(start, start + want), axis)
    return pixels
