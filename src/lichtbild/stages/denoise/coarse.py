"""Noise coarser than a band of rows can tell, from a thumbnail of the whole picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lichtbild.core import native
from lichtbild.core.domain import Domain
from lichtbild.core.frame import GAIN_STEP_PX, Frame, sample_gain_grid
from lichtbild.stages.denoise import spectrum
from lichtbild.stages.denoise.levels import Roots, blocks_of, halved, noise_of_cells, one_over_frames, shrunk
from lichtbild.stages.planes import contiguous

Floats = npt.NDArray[np.float32]

CELL_PX = 8
# Rows that are made small at a time.
BAND_PX = 256
# Noise is taken to be what was measured, but at most so many times what the noise model says.
MOST = 1.5


def change(frame: Frame, roots: Roots, strength: Floats, usual_share: float) -> Floats:
    """What denoising changes at an eighth of the size, float32 [3 parts, ceil(H/8), ceil(W/8)].

    Its blocks are 64 and 128 px wide: blotches of colour that people see at arm's length. Fails where a colour changes
    so slowly and weakly that noise would do the same.

    Parameters
    ----------
    frame
        The whole picture, linear CAMERA_RGB [H, W, 3] or a Bayer MOSAIC [H, W].
    roots
        What the parts are.
    strength
        Squared threshold of each part [3].
    usual_share
        1 / frames averaged, as in most of the picture.
    """
    thumb = thumbnail(frame, roots)
    half = halved(thumb)
    cells = noise_of_cells(frame, half, gain_of(frame), share_of(frame, thumb, usual_share), roots)
    levels, variances = [thumb, half], [cells, halved(cells)]
    weights = []
    for plane, variance in zip(levels, variances, strict=True):
        blocks = blocks_of(plane, variance, spectrum.MAX_BLOCKS)
        # Noise of a thumbnail's pixel: that of so many of the picture's.
        model = spectrum.declared(0.0, 1)[0] / np.float32(CELL_PX**2 * (thumb.size / plane.size))
        # A thumbnail of a small picture has no flat blocks: its structure must not pass for noise.
        found = np.minimum(spectrum.measured(*blocks, model, False), MOST * model)
        weights.append(np.ascontiguousarray(1 / found, np.float32))
    out = shrunk(levels, halved(half), variances, weights, strength)
    return np.asarray(out[:, : thumb.shape[1]] - thumb)


def thumbnail(frame: Frame, roots: Roots) -> Floats:
    """Luminance and colour differences of the roots at an eighth of the size, float32 [3, ceil(H/8), ceil(W/8)]."""
    height, width = frame.shape
    how = roots.balance, roots.offset, roots.into
    small = np.empty((3, -(-height // CELL_PX), -(-width // CELL_PX)), np.float32)
    if frame.domain is Domain.MOSAIC:
        cfa = frame.info.cfa
        assert cfa is not None
        mosaic = np.ascontiguousarray(frame.pixels)
        native.call("denoise_thumbnail", mosaic, cfa.red_row, cfa.red_column, *how, small)
        return small
    for top in range(0, height, BAND_PX):
        rgb = contiguous(frame.pixels[top : top + BAND_PX])
        half = np.empty((3, -(-rgb.shape[0] // 2), -(-width // 2)), np.float32)
        native.call("denoise_prepare", rgb, *how, half)
        piece = halved(halved(half))
        small[:, top // CELL_PX : top // CELL_PX + piece.shape[1]] = piece
    return small


def gain_of(frame: Frame) -> Floats | None:
    """The frame's spatial gain with a node every 16 px of the thumbnail."""
    if frame.gain is None:
        return None
    step = GAIN_STEP_PX * CELL_PX
    y_px, x_px = (np.arange(-(-length // step) + 1) * float(step) for length in frame.shape)
    return sample_gain_grid(frame.gain, y_px, x_px)


def share_of(frame: Frame, thumb: Floats, usual_share: float) -> Floats:
    """`one_over_frames` in cells of 4x4 px of the thumbnail."""
    n = frame.n_effective
    n = np.ascontiguousarray(n[::CELL_PX, ::CELL_PX]) if isinstance(n, np.ndarray) else n
    small = dataclasses.replace(
        frame, pixels=np.broadcast_to(np.float32(0), (*thumb.shape[1:], 3)), domain=Domain.CAMERA_RGB, n_effective=n
    )
    return one_over_frames(small, usual_share)
