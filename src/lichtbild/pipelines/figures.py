"""Numbers become colours: heat maps, wheels of motion, arrows. No text: that is for those who know fonts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Frame
from lichtbild.core.colour_space import srgb_encode
from lichtbild.core.explain import Bar, Picture, Wheel
from lichtbild.stages import develop_display

F32 = npt.NDArray[np.float32]

LONGEST_PX = 1600
SMALLEST_PX = 1000
_WHEEL_PX = 160

# Even steps of lightness, so that equal differences look equal: from night blue over green to pale yellow, and from
# black over red to white.
COOL = ((26, 26, 74), (34, 72, 132), (31, 122, 140), (62, 165, 120), (143, 201, 83), (247, 231, 110))
WARM = ((12, 10, 20), (84, 20, 70), (166, 38, 54), (224, 96, 30), (250, 176, 60), (255, 248, 220))
# From agreement over grey to contradiction.
AGAINST = ((38, 110, 178), (120, 168, 205), (222, 222, 216), (232, 140, 92), (178, 24, 43))
GREYS = ((0, 0, 0), (255, 255, 255))

RED = (214, 40, 40)
CYAN = (60, 210, 235)


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture of a frame, smaller or enlarged, to paint on.

    Parameters
    ----------
    frame_shape
        Rows and columns of the frame, px.
    backdrop
        The scene itself in its default rendering, uint8 [h, w, 3].
    """

    frame_shape: tuple[int, int]
    backdrop: Picture

    @classmethod
    def of(cls, frame: Frame, detail_px: int = LONGEST_PX) -> Canvas:
        """Of a linear frame, MOSAIC or CAMERA_RGB, whose scene is shown with at most `detail_px` details across."""
        small, cell = develop_display.make_proxy(frame, detail_px)
        shown = develop_display.render(small, develop_display.analyse(small)).pixels
        canvas = cls.blank(frame.shape)
        for colour in range(3):
            canvas.backdrop[..., colour] = np.rint(canvas.sampled(shown[..., colour], cell))
        return canvas

    @classmethod
    def blank(cls, frame_shape: tuple[int, int]) -> Canvas:
        """Of the size that suits a frame: large ones are shown smaller, small ones enlarged by a whole number."""
        longest = max(frame_shape)
        zoom = LONGEST_PX / longest if longest > LONGEST_PX else max(1, SMALLEST_PX // longest)
        size = [max(1, round(n * zoom)) for n in frame_shape]
        return cls(frame_shape, np.zeros((*size, 3), np.uint8))

    @property
    def size(self) -> tuple[int, int]:
        return (self.backdrop.shape[0], self.backdrop.shape[1])

    @property
    def zoom(self) -> float:
        """Pixels of the canvas a pixel of the frame."""
        return self.size[1] / self.frame_shape[1]

    def places(self) -> tuple[F32, F32]:
        """Rows and columns of the frame that the canvas' own show, px."""
        y, x = (
            (np.arange(n, dtype=np.float32) + 0.5) * (m / n) for n, m in zip(self.size, self.frame_shape, strict=True)
        )
        return y, x

    def nearest(self, cells: npt.NDArray[np.generic], cell_px: float) -> npt.NDArray[np.generic]:
        """A grid of cells of the frame, [n, m, ...], with their edges."""
        i, j = (
            np.minimum((at / cell_px).astype(np.intp), n - 1) for at, n in zip(self.places(), cells.shape, strict=False)
        )
        return np.asarray(cells[i[:, None], j])

    def sampled(self, cells: npt.NDArray[np.generic], cell_px: float) -> F32:
        """A grid of values at the centres of cells, [n, m, ...], with straight lines between."""
        values = cells.astype(np.float32)
        for axis, at in enumerate(self.places()):
            n = values.shape[axis]
            u = np.clip(at / cell_px - 0.5, 0, n - 1)
            low = np.minimum(u.astype(np.intp), max(n - 2, 0))
            part = (u - low).reshape((-1,) + (1,) * (values.ndim - 1 - axis))
            values = np.take(values, low, axis) * (1 - part) + np.take(values, np.minimum(low + 1, n - 1), axis) * part
        return values

    def grey(self, low: float = 0.0, high: float = 255.0) -> F32:
        """The scene without its colours, dimmed to `low` .. `high`, [h, w, 1]."""
        grey = self.backdrop @ np.array([0.3, 0.59, 0.11], np.float32)
        return np.asarray((low + (high - low) / 255 * grey)[..., None], np.float32)


def ramp(anchors: tuple[tuple[int, int, int], ...], n: int = 256) -> Picture:
    """Colours between anchors at equal distances, uint8 [n, 3]."""
    at = np.linspace(0, len(anchors) - 1, n)
    columns = [np.interp(at, np.arange(len(anchors)), [c[k] for c in anchors]) for k in range(3)]
    return np.rint(np.stack(columns, -1)).astype(np.uint8)


def heat(part: npt.NDArray[np.floating], colours: Picture) -> Picture:
    """Numbers from 0 to 1 in colours; what is beyond takes those of the ends, what is no number the least."""
    index = np.nan_to_num(part, nan=0.0) * (len(colours) - 1)
    return np.asarray(colours[np.clip(np.rint(index), 0, len(colours) - 1).astype(np.intp)])


def blended(base: npt.NDArray[np.generic], colour: npt.ArrayLike, cover: npt.NDArray[np.floating]) -> Picture:
    """`colour` over `base` [h, w, 3 or 1] as far as `cover` [h, w] says."""
    ink = np.asarray(colour, np.float32)

    def mixed(base: npt.NDArray[np.generic], cover: npt.NDArray[np.floating]) -> npt.NDArray[np.generic]:
        alpha = cover[..., None].astype(np.float32)
        return np.clip(np.rint(base.astype(np.float32) * (1 - alpha) + ink * alpha), 0, 255)

    return _in_rows(mixed, base, cover)


def shaded(picture: Picture, light: F32) -> Picture:
    """Colours [h, w, 3] under the light and shade [h, w, 1] of a scene, 255 = as they are."""
    return _in_rows(lambda colours, grey: np.rint(colours * (grey / np.float32(255))), picture, light)


def faded(picture: Picture, light: F32) -> Picture:
    """Half of the colours [h, w, 3], half of the grey [h, w, 1]."""
    return _in_rows(lambda colours, grey: (colours + grey) / 2, picture, light)


def _in_rows(paint: Callable[..., npt.NDArray[np.generic]], *layers: npt.NDArray[np.generic]) -> Picture:
    """uint8 [h, w, 3] of layers [h, w, ...], some rows at a time: wide numbers of whole pictures take memory."""
    height, width = layers[0].shape[:2]
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 64):
        out[top : top + 64] = paint(*(layer[top : top + 64] for layer in layers))
    return out


def round_number(value: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is no less."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-9)))
    return float(next(power * k for k in (1, 2, 5, 10) if power * k >= value * (1 - 1e-9)))


def bar(
    anchors: tuple[tuple[int, int, int], ...], ends: tuple[float, float], marks: list[float], unit: str, *,
    is_log: bool = False,
) -> Bar:  # fmt: skip
    """A scale with `marks` written beside it."""
    low, high = np.log(ends) if is_log else ends
    ticks = []
    for mark in marks:
        at = ((np.log(mark) if is_log else mark) - low) / (high - low)
        ticks.append((float(at), f"{mark:g}"))
    return Bar(ramp(anchors), tuple(ticks), unit)


def motion_colours(flow: F32) -> Picture:
    """Displacements (down, right) [h, w, 2] as colours: near white at rest, full hue from length 1 on.

    Hues of equal lightness (OKLab, Ottosson 2020), so that no direction looks longer than another.
    """
    return _in_rows(_hues, flow)


def _hues(flow: F32) -> npt.NDArray[np.floating]:
    length = np.minimum(np.hypot(flow[..., 0], flow[..., 1]), 1)
    angle = np.arctan2(flow[..., 0], flow[..., 1])
    light, chroma = 0.97 - 0.27 * length, 0.15 * length
    a, b = chroma * np.cos(angle), chroma * np.sin(angle)
    cubes = [
        (light + 0.3963377774 * a + 0.2158037573 * b) ** 3,
        (light - 0.1055613458 * a - 0.0638541728 * b) ** 3,
        (light - 0.0894841775 * a - 1.2914855480 * b) ** 3,
    ]
    linear = np.stack(cubes, -1) @ np.array(
        [
            [4.0767416621, -1.2684380046, -0.0041960863],
            [-3.3077115913, 2.6097574011, -0.7034186147],
            [0.2309699292, -0.3413193965, 1.7076147010],
        ]
    )
    return np.asarray(np.rint(255 * srgb_encode(np.clip(linear, 0, 1))))


def wheel(rim: str) -> Wheel:
    """The legend of `motion_colours`, on the paper's dark."""
    y, x = (np.mgrid[0:_WHEEL_PX, 0:_WHEEL_PX].astype(np.float32) + 0.5) * (2 / _WHEEL_PX) - 1
    cover = np.clip((1 - np.hypot(x, y)) * _WHEEL_PX / 2, 0, 1)
    return Wheel(blended(motion_colours(np.stack([y, x], -1)), (24, 24, 24), 1 - cover), rim)


def arrow(
    canvas: Picture, tail: tuple[float, float], tip: tuple[float, float], colour: tuple[int, int, int], width: float
) -> None:
    """An arrow from `tail` to `tip` (row, column) on `canvas`, in place, with a rim of the opposite tone."""
    start, end = np.array(tail, np.float64), np.array(tip, np.float64)
    along = end - start
    length = float(np.hypot(*along))
    head = min(4.5 * width, 0.5 * length)
    strokes = [(start, end)]
    if length > 1e-6:
        along /= length
        across = np.array([-along[1], along[0]])
        strokes += [(end, end - head * (along + side * 0.6 * across)) for side in (-1, 1)]
    rim = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    for tone, radius, strength in ((rim, width / 2 + 1.2, 0.75), (colour, width / 2, 1.0)):
        for a, b in strokes:
            _stroke(canvas, a, b, tone, radius, strength)


def _stroke(
    canvas: Picture,
    a: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
    colour: tuple[int, int, int],
    radius: float,
    strength: float,
) -> None:
    """A straight line with round ends and soft edges."""
    low = np.maximum(np.floor(np.minimum(a, b) - radius - 1), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(a, b) + radius + 2), canvas.shape[:2]).astype(int)
    if np.any(high <= low):
        return
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]] + 0.5
    d = b - a
    t = np.clip(((y - a[0]) * d[0] + (x - a[1]) * d[1]) / max(float(d @ d), 1e-9), 0, 1)
    cover = strength * np.clip(radius + 0.5 - np.hypot(y - a[0] - t * d[0], x - a[1] - t * d[1]), 0, 1)
    part = canvas[low[0] : high[0], low[1] : high[1]]
    part[:] = blended(part, colour, cover)


def rims(mask: npt.NDArray[np.bool_], width: int = 2) -> npt.NDArray[np.bool_]:
    """The inner rim of a mask's areas, bool like it."""
    inside = mask.copy()
    for axis in (0, 1):
        for step in (-width, width):
            inside &= np.roll(mask, step, axis)
    return np.asarray(mask & ~inside)
