"""A scene through a lens whose blur changes over the picture: drawn finer than the pixels, then collected by every
pixel through its own pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.simulate.draw import COVER, Drawable, Screen, motion_numbers, over
from lichtbild.simulate.lens import CELL_PX, LENS_TERMS, lens_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

BAND_PX = 256


@dataclass(frozen=True, eq=False)
class Stack:
    """Layers that are blurred alike, the nearest last: what is in front hides what is behind before any blur.

    Parameters
    ----------
    layers, backs
        And the way of each from the frame, see `back_from`.
    nodes
        float32 [N_y, N_x, 3, T, T]: weights at the corners of cells of 128 px, for `simulate_blur_sites`; what hand,
        lens, focus and the pixel do.
    """

    layers: Sequence[Drawable]
    backs: Sequence[Float64]
    nodes: Float32


@dataclass(frozen=True, eq=False)
class Glass:
    """Stacks of layers on a screen, the nearest last. Over each other they are laid after their blur, by their blurred
    cover: exact where what is behind is even under the blur of the edge."""

    screen: Screen
    stacks: Sequence[Stack]

    def light(self, planes: Int32) -> Float32:
        """Noise-free signal without shading, float32 [H, W]; `planes` int32 [2, 2]: the colour of each CFA site.

        Notes
        -----
        In bands of 256 rows: 50 MB besides the layers at 12 MP. 4 s of processor for 12 MP: 2.6 for drawing 48 million
        samples of three colours, 0.5 to 1.7 for 16 to 32 taps along each axis.
        """
        height, width = self.screen.shape
        out = np.empty((height, width), np.float32)
        zones = [[self.screen.zone(d, b) for d, b in zip(s.layers, s.backs, strict=True)] for s in self.stacks]
        for top in range(0, height, BAND_PX):
            rows = min(BAND_PX, height - top)
            band = out[top : top + rows]
            for k, (stack, boxes) in enumerate(zip(self.stacks, zones, strict=True)):
                reach = stack.nodes.shape[-1] // 4 + 2
                met = [z is not None and z[0] - reach < top + rows and z[0] + z[2] + reach > top for z in boxes]
                if k and not any(met):
                    continue
                fine, cover = self._composed(stack, met, top, rows)
                if cover is None:
                    self._collect(fine, stack.nodes, planes, top, band)
                    continue
                light, hidden = np.empty_like(band), np.empty_like(band)
                self._collect(fine, stack.nodes, planes, top, light)
                self._collect(cover, stack.nodes, planes, top, hidden)
                band[...] = over(band, light, hidden)
        return out

    def _collect(self, fine: Float32, nodes: Float32, planes: Int32, top: int, out: Float32) -> None:
        native.call("simulate_blur_sites", fine, nodes, planes, self.screen.quad - 1, top, out)

    def _composed(self, stack: Stack, met: Sequence[bool], top: int, rows: int) -> tuple[Float32, Float32 | None]:
        """Light of a stack [3, ...] and its cover for each colour [3, ...], None where its first layer is opaque."""
        taps = stack.nodes.shape[-1]
        fine: Float32 | None = None
        cover: Float32 | None = None
        for drawable, back, is_met in zip(stack.layers, stack.backs, met, strict=True):
            if not is_met:
                continue
            drawn = self._drawn(drawable, back, taps, top, rows)
            if fine is None:
                fine, cover = drawn[:COVER], None if drawable.is_opaque else drawn[COVER:]
                continue
            fine = over(fine, drawn[:COVER], drawn[COVER:])
            if cover is not None:
                cover = 1 - (1 - np.clip(drawn[COVER:], 0, 1)) * (1 - np.clip(cover, 0, 1))
        assert fine is not None
        return fine, cover

    def _drawn(self, drawable: Drawable, back: Float64, taps: int, top: int, rows: int) -> Float32:
        """float32 [n, 2 rows + T, 4, W4]: two samples a px, as `simulate_blur_sites` reads them."""
        screen, width, s = self.screen, self.screen.shape[1], self.screen.oversampling
        columns = -(-width // CELL_PX) * (CELL_PX // 2) + (2 + taps) // 4 + 1
        coefficients = drawable.splines.coefficients
        fine = np.empty((len(coefficients), 2 * rows + taps, 4, columns), np.float32)
        warp = screen.lens.undistortion() if screen.is_distorted else np.zeros((3, LENS_TERMS), np.float32)
        warps = np.tile(warp, (2, 1))
        motion, whole = motion_numbers(drawable.splines, back)
        border = taps // 2 - 1
        frame = np.asarray(lens_frame(screen.shape), np.float32)
        native.call("simulate_project", coefficients, warps, frame, motion, 2 * top - border, border, s,
                    -whole[0] * s - 0.5, -whole[1] * s - 0.5, fine)  # fmt: skip
        return fine
