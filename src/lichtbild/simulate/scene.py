"""What stands before the camera: sheets of linear light at their distances, moving or still."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import srgb_decode
from lichtbild.core.errors import ShapeError, UnreadableFile, UsageError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Room around the frame for the hand's motion, px of the mosaic.
DEFAULT_MARGIN_PX = 64


@dataclass(frozen=True)
class Travel:
    """How a layer moves by itself: in a straight line, turning and growing steadily about its middle.

    Parameters
    ----------
    velocity_px_s
        (right, down), px of the mosaic a second, at the moment of frame 0 as at every other.
    turn_deg_s
        Degrees a second, clockwise as seen.
    growth_s
        Its size is exp(growth_s t) times that at frame 0, t in seconds: 0.7 doubles it in a second.
    """

    velocity_px_s: tuple[float, float] = (0.0, 0.0)
    turn_deg_s: float = 0.0
    growth_s: float = 0.0


STILL = Travel()


@dataclass(frozen=True, eq=False)
class Materials:
    """What a layer is made of, for cameras that know their response to spectra.

    Parameters
    ----------
    index
        uint8 [h, w]: which material each sample shows.
    radiance
        float64 [n, 81]: reflectance times light of each, on the wavelengths of `core.spectra`.
    white
        float64 [81]: the light itself, what a perfect white sends back.
    """

    index: npt.NDArray[np.uint8]
    radiance: Float64
    white: Float64

    def __post_init__(self) -> None:
        if self.radiance.ndim != 2 or self.radiance.shape[1:] != self.white.shape or len(self.radiance) > 256:
            raise ShapeError("materials are up to 256 spectra and that of white", where="radiance, white")
        if not (np.all(self.radiance >= 0) and np.all(self.white >= 0) and self.white.any()):
            raise UsageError("a spectrum below zero", where="radiance", hint="reflectances and lights of 0 or more")
        if self.index.dtype != np.uint8 or self.index.ndim != 2 or self.index.max() >= len(self.radiance):
            raise ShapeError("an index is uint8 [h, w] of materials that exist", where="index")

    def shown(self, colours: Float64) -> Float32:
        """float32 [3, h, w] from the colours [n, 3] of the materials."""
        table = np.asarray(colours, np.float32)
        return np.stack([table[:, c][self.index] for c in range(3)])


@dataclass(frozen=True, eq=False)
class Layer:
    """A flat sheet of a scene at one distance: all that is far, or one thing in front of it.

    Parameters
    ----------
    light
        The ground's: float32 [3, h, w], linear red, green, blue. What stands in front: [4, h, w], red, green, blue
        multiplied by cover, then cover (0 to 1), with an empty frame of at least 8 samples around it.
    centre_px
        (x, y) of the middle of `light` in frame 0, px of the mosaic (pixel centre at + 0.5); None: the layer is the
        scene's ground, its first sample begins `margin_px` outside of frame 0.
    depth_m
        Distance from the camera along its axis, m; infinity for what shows no parallax.
    travel
        Its own, beside that of the camera.
    name
        For masks and tables.
    materials
        The same light as spectra, where they are known.
    """

    light: Float32
    centre_px: tuple[float, float] | None = None
    depth_m: float = math.inf
    travel: Travel = STILL
    name: str = ""
    materials: Materials | None = None

    def __post_init__(self) -> None:
        light = self.light
        planes = 3 if self.centre_px is None else 4
        if light.ndim != 3 or light.shape[0] != planes or light.dtype != np.float32 or min(light.shape[1:]) < 8:
            raise ShapeError(
                f"light of such a layer is float32 [{planes}, H, W], not {light.dtype} {list(light.shape)}",
                where="light",
            )
        if not self.depth_m > 0:
            raise UsageError(f"a distance of {self.depth_m:g} m", where="depth_m", hint="more than 0, or infinity")

    @property
    def is_moving(self) -> bool:
        return self.travel != STILL

    def moved(self, time_s: float) -> Float64:
        """float64 [2, 3]: position of a point of the layer in frame 0 -> position at `time_s` after it, to a camera
        that does not move, px."""
        if self.centre_px is None or not self.is_moving:
            return np.eye(2, 3)
        pivot = np.asarray(self.centre_px)
        angle, scale = math.radians(self.travel.turn_deg_s * time_s), math.exp(self.travel.growth_s * time_s)
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        shift = pivot - turn @ pivot + np.asarray(self.travel.velocity_px_s) * time_s
        return np.concatenate([turn, shift[:, None]], 1)

    def seen(
        self,
        time_s: float,
        camera_m: tuple[float, float, float],
        focal_px: float,
        middle_px: tuple[float, float],
    ) -> Float64:
        """float64 [2, 3]: position of a point in frame 0 -> position at `time_s`, for a camera that has shifted by
        `camera_m` (right, down, forward) without turning.

        A camera that goes right by b sees a thing at distance d go left by focal b / d; one that goes forward sees it
        grow about `middle_px`, where the axis meets the picture.
        """
        own = self.moved(time_s)
        if math.isinf(self.depth_m) or not any(camera_m):
            return own
        left_m = self.depth_m - camera_m[2]
        if left_m <= 0:
            raise UsageError(f"the camera runs into what is {self.depth_m:g} m away", where="camera_m")
        grown, middle = self.depth_m / left_m, np.asarray(middle_px)
        shift = middle - grown * middle - focal_px / left_m * np.asarray(camera_m[:2])
        return np.concatenate([grown * own[:, :2], (grown * own[:, 2] + shift)[:, None]], 1)


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands before the camera: sheets of light, finer than the mosaic and with room around it.

    Parameters
    ----------
    layers
        The ground first, the nearest last: each hides what comes before it. Light is linear, of Rec.709 primaries and
        white D65 (colours for an eye adapted to the scene's light), 1 = a white surface in that light; may be far
        above 1, never negative.
    oversampling
        Samples per px of the mosaic, a multiple of 1/4, at least 1.
    margin_px
        How much the ground reaches over each edge of frame 0, px of the mosaic (a whole number).
    name
        For file names and tables.
    truth
        What is known of it by construction, by name: angles and contrast of edges, colours of patches, their places in
        px of frame 0. Plain data that JSON can hold.
    """

    layers: tuple[Layer, ...]
    oversampling: float = 1.5
    margin_px: int = DEFAULT_MARGIN_PX
    name: str = "scene"
    truth: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.layers or self.layers[0].centre_px is not None:
            raise ShapeError("the first layer of a scene is its ground, without a centre", where="layers")
        if any(layer.centre_px is None for layer in self.layers[1:]):
            raise ShapeError("a layer in front of the ground needs a centre", where="layers")
        if self.oversampling < 1 or self.oversampling % 0.25:
            raise ShapeError(f"oversampling {self.oversampling} is no multiple of 1/4 from 1 on", where="oversampling")

    @classmethod
    def flat(
        cls,
        rgb: Float32,
        oversampling: float = 1.5,
        margin_px: int = DEFAULT_MARGIN_PX,
        in_front: tuple[Layer, ...] = (),
        name: str = "scene",
    ) -> Scene:
        """A ground of light [3, H, W] at infinity, with or without things in front of it."""
        return cls((Layer(rgb), *in_front), oversampling, margin_px, name)

    @property
    def ground(self) -> Float32:
        """Light of the first layer, float32 [3, H, W]."""
        return self.layers[0].light

    @property
    def frame_shape(self) -> tuple[int, int]:
        """The largest even [H, W] of a mosaic that this scene fills with its margin."""
        height, width = (int(n / self.oversampling) - 2 * self.margin_px for n in self.ground.shape[1:])
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
    return Scene.flat(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)), oversampling, margin_px, (), path.stem)


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
        raise UnreadableFile(
            "OpenEXR files need one more package", where=path, hint="pip install lichtbild[exr]"
        ) from error
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
