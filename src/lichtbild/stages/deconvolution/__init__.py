"""The lens's blur undone, as far as the light that was gathered allows.

Every place of the picture is divided by what the lens left of each frequency there, as far as a frequency stands out
of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.frame import GAIN_STEP_PX, Frame
from lichtbild.core.params import Params, param
from lichtbild.core.transfer import TransferField
from lichtbild.stages.deconvolution.blocks import BLOCK_PX, STEP_PX, TAPER_PX, restored
from lichtbild.stages.deconvolution.lights import near_clipped

__all__ = ["HALO_PX", "DeconvolutionParams", "Inverse", "deconvolve", "plan"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
VERSION = 1
HALO_PX = 64
"""Rows beyond a band that a band's result depends on."""

# A lens's blur is reduced to this part of itself at the most: more is asking tables what they do not know.
_LEAST_LEFT = 0.35
# Sigma, px, of the widest blur that a block can undo by the whole gain: of a wider one light comes from outside.
_WIDEST_PX = 3.0
# Sigma times frequency at which a Gaussian leaves a half.
_SIGMA_HALF = float(np.sqrt(np.log(2) / 2) / np.pi)

# Blocks from one node of the inverse filter to the next: 192 px, over which no lens changes much.
NODE_BLOCKS = 4
# What the denoiser leaves where there is structure, as a part of the noise it was given: measured on edges and leaves.
LEFT_BY_DENOISING = 0.3


@dataclass(frozen=True)
class DeconvolutionParams(Params):
    """How far the lens's blur is undone."""

    amount: float = param(0.85, "0: off, 1: all of the lens's blur is undone", low=0.0, high=1.0)
    most_gain: float = param(8.0, "no frequency is raised more than this", unit="times", low=1.0, high=30.0)
    finest_px: float = param(
        0.6, "blur that is left on purpose, as sigma of a Gaussian, pixel included", unit="px", low=0.3, high=2.0
    )


@dataclass(frozen=True, eq=False)
class Inverse:
    """The lens's inverse, made ready for pictures of one shape.

    Parameters
    ----------
    shape
        Rows and columns of the picture.
    nodes
        complex64 [N_y, N_x, C, 64, 33]: by what the frequencies of a block are multiplied; node (i, j) is the middle of
        block (4 i, 4 j).
    """

    shape: tuple[int, int]
    nodes: npt.NDArray[np.complex64]

    def of_row(self, row: int, n_blocks: int, colour: int) -> npt.NDArray[np.complex64]:
        """complex64 [n_blocks, 64, 33] of one row of blocks, between nodes by straight lines."""
        i, v = divmod(row, NODE_BLOCKS)
        line = self.nodes[i, :, colour]
        if v:
            share = np.float32(v / NODE_BLOCKS)
            line = line * (1 - share) + self.nodes[i + 1, :, colour] * share
        out = np.empty((n_blocks, *line.shape[1:]), np.complex64)
        for u in range(NODE_BLOCKS):
            share = np.float32(u / NODE_BLOCKS)
            n = out[u::NODE_BLOCKS].shape[0]
            np.multiply(line[:n], 1 - share, out=out[u::NODE_BLOCKS])
            if u:
                out[u::NODE_BLOCKS] += line[1 : n + 1] * share
        return out


def plan(
    field: TransferField, shape: tuple[int, int], params: DeconvolutionParams | None = None, *, has_pixels: bool = True
) -> Inverse | None:
    """The inverse of a lens for pictures of `shape`; None where nothing is asked for, or the picture is too small.

    Parameters
    ----------
    field
        The lens's, its optical centre in the middle of the picture. Its pixels may be larger or smaller than those of
        the picture, which shows the same.
    has_pixels
        False: the picture shows what the lens threw, not what pixels made of it (see stage `reconstruct`, enlarged).

    Notes
    -----
    Of a transfer H the inverse is T / (|H|^(1 + amount) / conj(H)), held below the greatest gain, with T the Gaussian
    that is left on purpose: of the lens's own fall |H|^(1 - amount) remains, which is as smooth as the lens is, so that
    edges do not ring. The phase is undone wholly: coma's tails come back. Cost: 1 ms a node, 374 nodes for 12 MP.
    """
    settings = params or DeconvolutionParams()
    if settings.amount == 0 or min(shape) < BLOCK_PX:
        return None
    n_y, n_x = (-(-n_blocks_along(n) // NODE_BLOCKS) + 1 for n in shape)
    middle_y, middle_x = (np.arange(n) * NODE_BLOCKS * STEP_PX + BLOCK_PX // 2 - TAPER_PX for n in (n_y, n_x))
    half = 0.5 * float(np.hypot(*shape))
    y, x = np.meshgrid((middle_y - shape[0] / 2) / half, (middle_x - shape[1] / 2) / half, indexing="ij")
    far = np.maximum(np.hypot(y, x), 1.0)
    f_y, f_x = (np.asarray(f(BLOCK_PX), np.float64) for f in (np.fft.fftfreq, np.fft.rfftfreq))
    # Cycles per px of the field's picture for one per px of this.
    ratio = float(np.hypot(*shape) / np.hypot(*field.shape))
    lens = field.at((y / far).ravel(), (x / far).ravel(), f_y * ratio, f_x * ratio)
    if not has_pixels:
        square = np.sinc(f_y * ratio)[:, None] * np.sinc(f_x * ratio)[None, :]
        lens = np.asarray(lens / np.maximum(square, 0.1), np.complex64)
    size = np.maximum(np.abs(lens), 1e-3)
    own_px = _blur_px(size, f_y, f_x).max(1)[:, None, None, None]  # colours alike, or they would part
    blur_px = np.maximum(settings.finest_px, _LEAST_LEFT * own_px)
    most_gain = 1 + (settings.most_gain - 1) * np.minimum(1, _WIDEST_PX / own_px) ** 2
    left = np.exp(-2 * (np.pi * blur_px) ** 2 * (f_y[:, None] ** 2 + f_x[None, :] ** 2))
    inverse = np.asarray(np.conj(lens) * (left / size ** (1 + settings.amount)), np.complex128)
    inverse /= np.sqrt(1 + (np.abs(inverse) / most_gain) ** 2) / np.sqrt(1 + most_gain**-2)
    return Inverse(shape, inverse.astype(np.complex64).reshape(n_y, n_x, *inverse.shape[1:]))


def _blur_px(size: npt.NDArray[np.floating], f_y: npt.NDArray[np.float64], f_x: npt.NDArray[np.float64]) -> Doubles:
    """float64 [P, C]: sigma of the Gaussian that halves the same frequency as the lens does, along the worse axis."""
    n = f_x.size - 1
    half = []
    for line, f in ((size[..., 0, :n], f_x[:n]), (size[..., :n, 0], np.abs(f_y[:n]))):
        first = np.argmax(line < 0.5, -1)
        above, below = (np.take_along_axis(line, k[..., None], -1)[..., 0] for k in (np.maximum(first - 1, 0), first))
        step = f[1] - f[0]
        at = f[np.maximum(first - 1, 0)] + step * np.clip((above - 0.5) / np.maximum(above - below, 1e-6), 0, 1)
        half.append(np.where(first > 0, at, 0.5))
    return np.asarray(_SIGMA_HALF / np.maximum(np.minimum(*half), 1e-3), np.float64)


def n_blocks_along(length: int) -> int:
    """Blocks that touch a picture's rows or columns: block k covers [48 k - 16, 48 k + 48)."""
    return (length - 1 + TAPER_PX) // STEP_PX + 1


def deconvolve(
    frame: Frame, inverse: Inverse, sampled: Frame, rows: tuple[int, int] | None = None, top: int = 0
) -> Frame:
    """Camera RGB with the lens's blur undone.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB float32 [h, W, 3], denoised, before the lens's warp. A band has HALO_PX rows more at both
        ends where the picture goes on.
    inverse
        From `plan`, of the whole picture.
    sampled
        The same rows before denoising (mosaic or camera RGB): its noise, counts of frames and gain say how much of a
        frequency can be trusted. Its pixels are not read.
    rows
        Rows (start, stop) of the frame that are wanted, start a multiple of 16; None: all.
    top
        Row of the whole picture that the frame begins with.

    Returns
    -------
    CAMERA_RGB; in flat areas the noise is what it was. Where the sensor clipped, and as far around as a pattern
    reaches, less is undone: nothing is known of the light that was cut off.

    Raises
    ------
    DomainError
        If the pixels are not linear camera RGB.
    ShapeError
        If the frame is no band of the picture that the inverse was made for.

    Notes
    -----
    Blocks of 64 px every 48, joined by sine windows over 16 px; in each, a frequency whose power P (over neighbouring
    frequencies) is above the noise N is raised by 1 + (inverse - 1) max(0, 1 - N / P): Wiener's filter with the power
    as it was found. Cost for 12 MP: 1.7 s of processor time, two thirds of it Fourier transforms (floor: 65 million
    samples there and back). Source: Wiener 1949; the smooth remainder is ours.
    """
    frame.require(Domain.CAMERA_RGB)
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError("deconvolution needs linear light", where=frame.info.name, hint="linearise first")
    start, stop = rows or (0, frame.shape[0])
    height, width = inverse.shape
    if frame.shape[1] != width or top + frame.shape[0] > height or not 0 <= start < stop <= frame.shape[0]:
        raise ShapeError(f"rows {top} to {top + frame.shape[0]} of {frame.shape[1]} px are no band of {inverse.shape}",
                         where=frame.info.name)  # fmt: skip
    first, last = _needed(top + start, height)[0], _needed(top + stop - 1, height)[1]
    if top > first or top + frame.shape[0] < last:
        raise ShapeError(f"rows {first} to {last} are needed", where=frame.info.name)
    out = memory.empty((stop - start, width, 3))
    for colour in range(3):
        restored(frame, inverse, _noise(sampled, colour), colour, top, (top + start, top + stop), out)
    near = near_clipped(frame, (start, stop))
    if near is not None:
        out += (frame.pixels[start:stop] - out) * near[..., None]
    wanted = frame.rows(start, stop) if start % GAIN_STEP_PX == 0 else frame.replaced(gain=None)
    return wanted.replaced(pixels=out)


def _needed(row: int, height: int) -> tuple[int, int]:
    """Rows (first, last) that row `row` of the result depends on."""
    low = row // STEP_PX * STEP_PX - TAPER_PX
    high = (row + TAPER_PX) // STEP_PX * STEP_PX + STEP_PX
    return max(low, 0), min(high, height)


@dataclass(frozen=True)
class Noise:
    """Variance of what denoising left at structure: a g S + b g^2 over n, of one colour.

    Parameters
    ----------
    alpha, beta
        Per unit of signal, and without.
    gain
        float32 [h, w] at nodes 16 px apart, or None.
    counts
        float32 [H, W], or one number.
    """

    alpha: float
    beta: float
    gain: Floats | None
    counts: Floats | float

    def of_blocks(self, mean: Floats, row: int, n_rows: int) -> Floats:
        """Variance in each of a row of blocks of mean signal `mean`; `row` is the block's middle in the frame."""
        x = np.arange(mean.size) * STEP_PX + BLOCK_PX // 2 - TAPER_PX
        at = min(max(row, 0), n_rows - 1)
        gain: Floats | float = 1.0
        if self.gain is not None:
            columns = np.minimum(x // GAIN_STEP_PX, self.gain.shape[1] - 1)
            gain = self.gain[min(at // GAIN_STEP_PX, self.gain.shape[0] - 1), columns]
        counts: Floats | float = self.counts
        if not isinstance(counts, float):
            low, high = max(at - STEP_PX // 2, 0), min(at + STEP_PX // 2, n_rows)
            line = np.pad(1 / np.maximum(counts[low:high:4], 1e-3).mean(0), (0, 2 * BLOCK_PX), "edge")
            sums = np.concatenate([[0.0], np.cumsum(line)])
            left = np.maximum(x - STEP_PX // 2, 0)
            counts = 1 / ((sums[left + STEP_PX] - sums[left]) / STEP_PX).astype(np.float32)
        variance = (self.alpha * gain * np.maximum(mean, 0) + self.beta * gain * gain) / counts
        return np.asarray(variance, np.float32)


def _noise(sampled: Frame, colour: int) -> Noise:
    c = min(colour, sampled.noise.n_channels - 1)
    gain = None
    if sampled.gain is not None:
        gain = sampled.gain[:, :, min(colour, sampled.gain.shape[2] - 1)]
    n = sampled.n_effective
    counts: Floats | float = n if isinstance(n, np.ndarray) else float(n)
    return Noise(LEFT_BY_DENOISING * sampled.noise.alpha[c], LEFT_BY_DENOISING * sampled.noise.beta[c], gain, counts)
