"""A scene through a traced lens: drawn finer than the pixels, then collected by every pixel through its own pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.simulate.lens import lens_frame
from lichtbild.simulate.traced_lens import CELL_PX, PROJECT_TERMS, TracedLens

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BAND_PX = 256
MOTION_ROWS = 16


@dataclass(frozen=True, eq=False)
class Splines:
    """Spline coefficients [n, h, w] whose sample 0 begins at (left, top) of the ideal picture, px."""

    coefficients: Float32
    left_px: float
    top_px: float


@dataclass(frozen=True, eq=False)
class Glass:
    """Layers of a scene, the nearest last, and the lens they are seen through.

    Parameters
    ----------
    oversampling
        Samples of the layers per px.
    nodes
        `TracedLens.psf_nodes`, the hand's blur included if there is any.
    """

    lens: TracedLens
    layers: list[Splines]
    oversampling: float
    nodes: Float32

    def light(
        self, backs: list[Float64], planes: npt.NDArray[np.int32], quad: int, *, is_distorted: bool = True
    ) -> Float32:
        """Noise-free signal without shading, float32 [H, W].

        Parameters
        ----------
        backs
            float64 [2, 3] of each layer: position in the frame without distortion -> position in the scene, px.
        planes
            int32 [2, 2]: the colour of each CFA site.
        is_distorted
            False: the same lens, but with straight lines and without lateral colour.

        Notes
        -----
        In bands of 256 rows: 50 MB besides the layers at 12 MP. 4 s of processor for 12 MP: 2.6 for drawing 48 million
        samples of three colours, 0.5 to 1.7 for 16 to 32 taps along each axis.
        """
        height, width = self.lens.shape
        warp = self.lens.undistortion() if is_distorted else np.zeros((3, PROJECT_TERMS), np.float32)
        out = np.empty((height, width), np.float32)
        for top in range(0, height, BAND_PX):
            rows = min(BAND_PX, height - top)
            fine = self._drawn(self.layers[0], backs[0], warp, top, rows)
            for layer, back in zip(self.layers[1:], backs[1:], strict=True):
                front = self._drawn(layer, back, warp, top, rows)
                fine *= 1 - np.clip(front[3], 0, 1)
                fine += front[:3]
            native.call("simulate_blur_sites", fine, self.nodes, planes, quad - 1, top, out[top : top + rows])
        return out

    def _drawn(self, layer: Splines, back: Float64, warp: Float32, top: int, rows: int) -> Float32:
        """float32 [n, 2 rows + T, 4, W4]: two samples a px, as `simulate_blur_sites` reads them."""
        height, width = self.lens.shape
        taps, s = self.lens.taps, self.oversampling
        columns = -(-width // CELL_PX) * (CELL_PX // 2) + (2 + taps) // 4 + 1
        fine = np.empty((len(layer.coefficients), 2 * rows + taps, 4, columns), np.float32)
        whole = int(np.floor(layer.left_px)), int(np.floor(layer.top_px))
        moved = back.copy()
        moved[:, 2] -= (layer.left_px - whole[0], layer.top_px - whole[1])
        still = np.zeros(8)
        still[:6] = (moved - np.eye(2, 3)).ravel()
        motion = np.tile(still.astype(np.float32), (-(-height // MOTION_ROWS) + 2, 1))
        border = taps // 2 - 1
        frame = np.asarray(lens_frame(self.lens.shape), np.float32)
        # A layer's cover, its fourth plane, goes the way of green.
        warps = np.ascontiguousarray(np.concatenate([warp, warp[1:2]]))
        native.call("simulate_project", layer.coefficients, warps, frame, motion, 2 * top - border, border, s,
                    -whole[0] * s - 0.5, -whole[1] * s - 0.5, fine)  # fmt: skip
        return fine
