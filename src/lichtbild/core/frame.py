"""Frame and Burst: pixels with all that is needed to understand them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core.camera import Camera, Cfa
from lichtbild.core.corrections import OpcodeLists
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.exposure import Exposure
from lichtbild.core.noise import NoiseModel

Array = npt.NDArray[Any]

GAIN_STEP_PX = 16


@dataclass(frozen=True, eq=False)
class Levels:
    """How stored numbers become light: linearisation table, then black, then white (DNG 1.7, chapter 5).

    Parameters
    ----------
    black
        float32 [repeat_rows, repeat_columns, n_planes], stored units, phase counted from the active area's corner.
    white
        Saturation per plane, stored units.
    black_delta_v, black_delta_h
        Added to black per row (float32 [H]) and per column (float32 [W]) of the active area; None: nothing.
    table
        uint16 table that replaces a stored value v by table[min(v, len - 1)] first; None: nothing.
    """

    black: npt.NDArray[np.float32]
    white: tuple[float, ...]
    black_delta_v: npt.NDArray[np.float32] | None = None
    black_delta_h: npt.NDArray[np.float32] | None = None
    table: npt.NDArray[np.uint16] | None = None


@dataclass(frozen=True, eq=False)
class Tags:
    """Metadata that is carried from the originals to what is written: never needed to understand the pixels.

    Parameters
    ----------
    exif
        EXIF and GPS by tag number, values as TIFF types: {"ifd0": {...}, "exif": {...}, "gps": {...}}.
    xmp, icc, iptc
        Packets as bytes (IPTC: the IIM record alone), or empty.
    """

    exif: dict[str, dict[int, Any]] = field(default_factory=dict)
    xmp: bytes = b""
    icc: bytes = b""
    iptc: bytes = b""


@dataclass(frozen=True, eq=False)
class FrameInfo:
    """All that a file tells about one frame, without its pixels.

    Parameters
    ----------
    name
        File name or other label for messages.
    shape
        Rows and columns of the active area (the array that `read` gives).
    kind
        "mosaic" (one colour a pixel), "monochrome", "linear" (demosaiced raw) or "picture" (developed by the camera).
    cfa
        Colour filter array at pixel [0, 0] of the active area; None unless `kind` is "mosaic".
    levels
        How stored numbers become light; None where the pixels are linear 0..1 already.
    noise
        Model in linear units (0 black, 1 saturation), None where the file does not tell.
    opcodes
        Corrections not applied yet.
    default_crop
        (top, left, height, width) in px of the active area that a picture shows.
    orientation
        EXIF orientation 1..8.
    as_shot_neutral
        Camera RGB of a neutral surface under the scene's light, green = 1; None where the file does not tell.
    as_shot_white_xy
        The same as CIE xy, where the file gives that form instead.
    baseline_exposure_ev
        Exposure offset the maker asks for.
    turns
        float64 [m, 3, 3], orientation of the camera while rows were exposed, from the first to the last (m = 1: the
        middle of the exposure): its axes right, down and forward in the stored picture, told in axes that all frames of
        the burst share. None where no gyroscope tells.
    path, compression, bits
        For `inspect`: where the frame comes from and how it is stored.
    reasons
        What was assumed because the file is silent or contradicts itself, a line each, for people.
    """

    name: str
    shape: tuple[int, int]
    kind: str
    camera: Camera = field(default_factory=Camera)
    exposure: Exposure = field(default_factory=Exposure)
    cfa: Cfa | None = None
    levels: Levels | None = None
    noise: NoiseModel | None = None
    opcodes: OpcodeLists = field(default_factory=OpcodeLists)
    default_crop: tuple[int, int, int, int] | None = None
    orientation: int = 1
    as_shot_neutral: tuple[float, float, float] | None = None
    as_shot_white_xy: tuple[float, float] | None = None
    baseline_exposure_ev: float = 0.0
    tags: Tags = field(default_factory=Tags)
    turns: npt.NDArray[np.float64] | None = None
    path: Path | None = None
    compression: str = ""
    bits: int = 16
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Frame:
    """Pixels, what they mean, and their noise. Frozen; every change makes a new frame, and the noise follows.

    Parameters
    ----------
    pixels
        [H, W] (MOSAIC) or [H, W, 3]; dtype and range as `domain` says. A MOSAIC frame whose `info.levels` is set holds
        stored numbers (uint16); without, float32 linear 0..1.
    domain
        Meaning of the numbers.
    info
        What the file told. After a step that uses up a part of it (levels, opcodes, crop), the part is gone.
    noise
        variance of pixel = (alpha * signal * g + beta * g**2) / n_effective, g = spatial gain (1 where `gain` is None).
    n_effective
        Frames that were averaged into each pixel, float32 [H, W], or one number.
    gain
        Spatial gain the pixels were multiplied by since the sensor: float32 [ceil(H/16)+1, ceil(W/16)+1, C], node
        (i, j) at pixel coordinates (16 i, 16 j), bilinear between; None: 1 everywhere.
    saturation
        Value of a clipped pixel where g = 1.
    colour_space
        What DISPLAY_RGB numbers are encoded for: one of `colour_space.DISPLAY_SPACES`, all with the sRGB curve; "" in
        other domains, and taken as sRGB where a DISPLAY_RGB frame does not tell.
    """

    pixels: Array
    domain: Domain
    info: FrameInfo
    noise: NoiseModel
    n_effective: npt.NDArray[np.float32] | float = 1.0
    gain: npt.NDArray[np.float32] | None = None
    saturation: float = 1.0
    colour_space: str = ""

    def __post_init__(self) -> None:
        wanted = 2 if self.domain is Domain.MOSAIC else 3
        if self.pixels.ndim != wanted or (wanted == 3 and self.pixels.shape[2] != 3):
            raise ShapeError(
                f"{self.domain.name} pixels are {'[H, W]' if wanted == 2 else '[H, W, 3]'}, "
                f"not {list(self.pixels.shape)}",
                where=self.info.name,
            )
        if isinstance(self.n_effective, np.ndarray) and self.n_effective.shape != self.pixels.shape[:2]:
            raise ShapeError("n_effective has another size than the pixels", where=self.info.name)

    @property
    def shape(self) -> tuple[int, int]:
        return (self.pixels.shape[0], self.pixels.shape[1])

    def require(self, *domains: Domain) -> None:
        """Raise DomainError unless the frame is in one of `domains`."""
        if self.domain not in domains:
            names = " or ".join(d.name for d in domains)
            raise DomainError(f"this step works on {names}, not {self.domain.name}", where=self.info.name)

    def replaced(self, **changes: Any) -> Frame:
        """A frame with some fields replaced; the caller answers for the noise. Within stages only."""
        return dataclasses.replace(self, **changes)

    def with_info(self, **changes: Any) -> Frame:
        """A frame with some fields of `info` replaced."""
        return dataclasses.replace(self, info=dataclasses.replace(self.info, **changes))

    def scaled(self, gain: float | tuple[float, float, float]) -> Frame:
        """Pixels multiplied by `gain` (one number, or one a channel of an RGB frame); noise and saturation follow."""
        if self.domain is Domain.MOSAIC and not isinstance(gain, int | float):
            raise DomainError("a mosaic is scaled by one number", where=self.info.name)
        if self.info.levels is not None:
            raise DomainError("stored numbers cannot be scaled", where=self.info.name, hint="linearise first")
        factor = np.float32(gain) if isinstance(gain, int | float) else np.asarray(gain, np.float32)
        saturation = self.saturation * (gain if isinstance(gain, int | float) else min(gain))
        return self.replaced(pixels=self.pixels * factor, noise=self.noise.scaled(gain), saturation=saturation)

    def rows(self, start: int, stop: int) -> Frame:
        """Rows `start` to `stop` as a frame of their own; nothing is copied.

        `start` is a multiple of 16 px, so that the phase of the mosaic and the nodes of the gain stay where they were.
        What `info` says about the whole picture (shape, crop, opcodes) stays as it is.
        """
        if not 0 <= start < stop <= self.shape[0] or start % GAIN_STEP_PX:
            raise ShapeError(f"rows {start} to {stop} of {self.shape[0]} are no band", where=self.info.name)
        n, gain = self.n_effective, self.gain
        nodes = slice(start // GAIN_STEP_PX, -(-stop // GAIN_STEP_PX) + 1)
        return self.replaced(
            pixels=self.pixels[start:stop],
            n_effective=n[start:stop] if isinstance(n, np.ndarray) else n,
            gain=None if gain is None else gain[nodes],
        )

    def gain_at_full_size(self) -> npt.NDArray[np.float32] | float:
        """The spatial gain at every pixel centre, float32 [H, W, C], or 1.0. Costs as much memory as C float planes."""
        if self.gain is None:
            return 1.0
        return sample_gain_grid(self.gain, np.arange(self.shape[0]) + 0.5, np.arange(self.shape[1]) + 0.5)

    def variance(self) -> npt.NDArray[np.float32]:
        """Noise variance of every pixel, same shape as `pixels`. For tests and small crops; kernels do it inline."""
        gain = self.gain_at_full_size()
        if self.domain is Domain.MOSAIC:
            cfa = self.info.cfa
            if cfa is None:
                alpha: Any = self.noise.alpha[0]
                beta: Any = self.noise.beta[0]
                g = gain if isinstance(gain, float) else gain[..., 0]
            else:
                plane = cfa_plane_index(cfa, self.shape)
                alpha, beta = np.asarray(self.noise.alpha)[plane], np.asarray(self.noise.beta)[plane]
                g = gain if isinstance(gain, float) else np.take_along_axis(gain, plane[..., None], 2)[..., 0]
            n: Any = self.n_effective
        else:
            alpha, beta, g = np.asarray(self.noise.alpha), np.asarray(self.noise.beta), gain
            n = self.n_effective[..., None] if isinstance(self.n_effective, np.ndarray) else self.n_effective
        return np.asarray((alpha * g * np.maximum(self.pixels, 0) + beta * g * g) / n, np.float32)


def cfa_plane_index(cfa: Cfa, shape: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Colour (0, 1, 2) of every pixel of a mosaic of `shape`."""
    rows = (np.arange(shape[0]) // cfa.quad) % 2
    columns = (np.arange(shape[1]) // cfa.quad) % 2
    return np.asarray(cfa.colours, np.intp)[rows[:, None], columns[None, :]]


def sample_gain_grid(
    grid: npt.NDArray[np.float32], y_px: npt.NDArray[np.floating], x_px: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Bilinear samples [len(y), len(x), C] of a gain grid (see `Frame.gain`) at pixel coordinates."""

    def split(position: npt.NDArray[np.floating], n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        u = np.clip(position / GAIN_STEP_PX, 0, n - 1)
        low = np.minimum(u.astype(np.intp), max(n - 2, 0))
        return low, (u - low).astype(np.float32)

    i, fy = split(y_px, grid.shape[0])
    j, fx = split(x_px, grid.shape[1])
    i1, j1 = np.minimum(i + 1, grid.shape[0] - 1), np.minimum(j + 1, grid.shape[1] - 1)
    rows = grid[i] * (1 - fy)[:, None, None] + grid[i1] * fy[:, None, None]
    return np.asarray(rows[:, j] * (1 - fx)[None, :, None] + rows[:, j1] * fx[None, :, None], np.float32)


@dataclass(frozen=True, eq=False)
class FrameSource:
    """A frame not read yet: what the file told, and the way to its pixels. Reading twice gives the same frame.

    `read` gives a Frame with stored numbers where `info.levels` is set. `preview` gives a small sRGB uint8 [h, w, 3]
    picture made by the camera, or None. `read_rows(start, stop)`, where there is one, decodes little more than those
    rows.
    """

    info: FrameInfo
    read_pixels: Callable[[], Array]
    preview: Callable[[], Array | None] = field(default=lambda: None)
    read_rows: Callable[[int, int], Array] | None = None

    def read(self) -> Array:
        """The pixels as stored: [H, W] or [H, W, 3], uint8, uint16 or float32."""
        return self.read_pixels()


@dataclass(frozen=True, eq=False)
class Burst:
    """Frames of one scene by one camera, in the order of capture; pixels stay on disk until they are needed.

    Parameters
    ----------
    sources
        1 to 64 frames of equal size and camera.
    name
        Label for messages and default file names.
    reference
        Index of the frame whose moment and framing the picture shows; None: chosen by sharpness and motion.
    reasons
        Why these frames were taken to be one burst, a line each, for people.
    """

    sources: tuple[FrameSource, ...]
    name: str
    reference: int | None = None
    reasons: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)
