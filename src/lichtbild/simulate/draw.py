"""Layers of a scene drawn at the pixels of a mosaic: where lens, hand and their own motion put them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.simulate.lens import LENS_TERMS, lens_frame
from lichtbild.simulate.scene import Layer
from lichtbild.simulate.views import Views, to_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Zone = tuple[int, int, int, int]

# Clearance of a layer's box on the sensor, px, over what its corners say.
BOX_MARGIN_PX = 6
# Planes of light, red, green, blue; behind them the cover, drawn once for each colour, as each goes its own way.
COVER = 3


class Bending(Protocol):
    """What drawing needs to know of a lens."""

    def undistortion(self) -> Float32: ...

    def to_raw(self, x: Float64, y: Float64, shape: tuple[int, int], plane: int = 1) -> tuple[Float64, Float64]: ...


@dataclass(frozen=True, eq=False)
class Splines:
    """Spline coefficients [n, h, w] whose sample 0 begins at (left, top) of the ideal picture, px."""

    coefficients: Float32
    left_px: float
    top_px: float


@dataclass(frozen=True, eq=False)
class Drawable:
    """A layer as it is drawn: splines of its light in camera RGB, and how it moves (`layer`, whose light is gone)."""

    splines: Splines
    size_px: tuple[float, float]
    layer: Layer

    @classmethod
    def of(cls, layer: Layer, coefficients: Float32, margin_px: int, oversampling: float) -> Drawable:
        """A layer without its samples: they weigh as much as the coefficients."""
        height, width = (n / oversampling for n in layer.light.shape[1:])
        left, top = -float(margin_px), -float(margin_px)
        if layer.centre_px is not None:
            left, top = layer.centre_px[0] - width / 2, layer.centre_px[1] - height / 2
        bare = replace(layer, light=np.zeros((len(layer.light), 8, 8), np.float32))
        return cls(Splines(coefficients, left, top), (height, width), bare)

    @property
    def is_opaque(self) -> bool:
        return len(self.splines.coefficients) == COVER

    def outline_px(self, n: int = 5) -> tuple[Float64, Float64]:
        """Points x, y of the layer in frame 0, on its edges and within."""
        height, width = self.size_px
        x, y = np.meshgrid(self.splines.left_px + np.linspace(0, width, n),
                           self.splines.top_px + np.linspace(0, height, n))  # fmt: skip
        return x.ravel(), y.ravel()


def back_from(
    drawable: Drawable,
    views: Views,
    camera_at: tuple[int, float],
    focal_px: float,
    shape: tuple[int, int],
    scene_at: int | None = None,
    stand_m: Float64 | None = None,
) -> Float64:
    """float64 [m, 3, 3] for the nodes of a frame: position in the frame, as a lens without distortion shows it ->
    position in frame 0, px.

    Parameters
    ----------
    camera_at
        (frame, part of its exposure): where the camera is.
    scene_at
        The frame at whose moment the layer is where it is; None: the camera's.
    stand_m
        float64 [3]: where this lens stands beside the body's first; None: it is the first.
    """
    frame, part = camera_at
    turned, position = views.turned(frame, part), views.position_m(frame, part)
    if stand_m is not None:
        position = position + stand_m
    moments = views.moments_s(frame if scene_at is None else scene_at, part)
    layer, middle = drawable.layer, (shape[1] / 2, shape[0] / 2)
    is_fixed = not layer.is_moving and (math.isinf(layer.depth_m) or not position.any())
    if is_fixed:
        return np.linalg.inv(turned)
    seen = np.zeros((len(turned), 3, 3))
    seen[:, 2, 2] = 1
    for k, (moment, place) in enumerate(zip(moments, position, strict=True)):
        right, down, forward = (float(v) for v in place)
        seen[k, :2] = layer.seen(float(moment), (right, down, forward), focal_px, middle)
    return np.linalg.inv(turned @ seen)


def motion_numbers(splines: Splines, back: Float64) -> tuple[Float32, tuple[int, int]]:
    """float32 [m, 8]: `back` as the kernels take it, and the whole px of the layer's origin.

    A layer's fraction of a px goes with the motion: origins are whole numbers in single precision.
    """
    whole = math.floor(splines.left_px), math.floor(splines.top_px)
    placed = back.copy()
    placed[:, :2] -= np.array([splines.left_px - whole[0], splines.top_px - whole[1]])[:, None] * back[:, 2:]
    placed = placed / placed[:, 2:, 2:] - np.eye(3)
    return np.ascontiguousarray(placed.reshape(-1, 9)[:, :8], np.float32), whole


@dataclass(frozen=True, eq=False)
class Screen:
    """A mosaic that layers are drawn on, through a lens whose blur their coefficients hold already.

    Parameters
    ----------
    lens
        Its distortion.
    is_distorted
        False: the same lens, but with straight lines and without lateral colour.
    quad
        1, or 2 for quad-Bayer.
    """

    lens: Bending
    shape: tuple[int, int]
    quad: int
    oversampling: float
    is_distorted: bool = True

    def zone(self, drawable: Drawable, back: Float64) -> Zone | None:
        """(top, left, height, width) of the sensor that a layer can touch; None: it is outside."""
        if drawable.layer.centre_px is None:
            return (0, 0, *self.shape)
        fx, fy = to_frame(back, *drawable.outline_px())
        if self.is_distorted:
            fx, fy = self.lens.to_raw(fx, fy, self.shape)
        left, top = (int(max(0, np.floor(v.min()) - BOX_MARGIN_PX)) for v in (fx, fy))
        right = int(min(self.shape[1], np.ceil(fx.max()) + BOX_MARGIN_PX))
        bottom = int(min(self.shape[0], np.ceil(fy.max()) + BOX_MARGIN_PX))
        return (top, left, bottom - top, right - left) if bottom > top and right > left else None

    def sample(self, drawable: Drawable, back: Float64, planes: Int32, zone: Zone) -> Float32:
        """Values of a layer at the pixels of `zone`, float32 [height, width]."""
        top, left, height, width = zone
        out = np.empty((height, width), np.float32)
        s = self.oversampling
        warp = np.tile(self.lens.undistortion(), (2, 1)) if self.is_distorted else np.zeros((1, LENS_TERMS), np.float32)
        motion, whole = motion_numbers(drawable.splines, back)
        frame = np.asarray(lens_frame(self.shape), np.float32)
        native.call("simulate_sample", drawable.splines.coefficients, warp, frame, motion, planes, self.quad - 1, top,
                    left, s, -whole[0] * s - 0.5, -whole[1] * s - 0.5, out)  # fmt: skip
        return out

    def draw(self, out: Float32, drawable: Drawable, back: Float64, planes: Int32) -> None:
        """Draw a layer over `out` [H, W]."""
        zone = self.zone(drawable, back)
        if zone is None:
            return
        paint = self.sample(drawable, back, planes, zone)
        here = (slice(zone[0], zone[0] + zone[2]), slice(zone[1], zone[1] + zone[3]))
        out[here] = paint if drawable.is_opaque else over(out[here], paint, self.cover(drawable, back, planes, zone))

    def cover(self, drawable: Drawable, back: Float64, planes: Int32, zone: Zone) -> Float32:
        """How much of each pixel of `zone` a layer covers, for the colours `planes` of the sites."""
        if drawable.is_opaque:
            return np.ones(zone[2:], np.float32)
        return self.sample(drawable, back, planes + np.int32(COVER), zone)


def over(behind: Float32, paint: Float32, cover: Float32) -> Float32:
    """Light multiplied by cover, laid over what is behind.

    Splines swing over hard edges: where they cover more than all, light is scaled with them, so that white before white
    stays white and nothing gets darker than dark.
    """
    hidden = np.clip(cover, 0, 1)
    return np.asarray(behind * (1 - hidden) + np.maximum(paint, 0) * (hidden / np.maximum(cover, 1e-6)), np.float32)
