"""Quad-Bayer mosaics, in which colours stand in blocks of 2x2, made into Bayer mosaics that all other stages know."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from lichtbild.core import native
from lichtbild.core.camera import Cfa
from lichtbild.core.corrections import at_size
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.frame import GAIN_STEP_PX, Frame, sample_gain_grid
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param

__all__ = ["QuadBayerParams", "bin_quads", "remosaic", "to_bayer"]

# White noise interpolated as `remosaic` does is about as correlated as after a Gaussian of this width.
CORRELATION_PX = 0.4


@dataclass(frozen=True)
class QuadBayerParams(Params):
    """What a user can set about quad-Bayer sensors."""

    mode: str = param(
        "bin",
        "average each 2x2 block (half the size, a quarter of the noise), or keep the full size",
        choices=("bin", "full"),
    )


def to_bayer(frame: Frame, params: QuadBayerParams | None = None) -> Frame:
    """A linear quad-Bayer frame as Bayer, the way `params` say; any other frame as it is."""
    if frame.domain is not Domain.MOSAIC or frame.info.cfa is None or frame.info.cfa.quad == 1:
        return frame
    return remosaic(frame) if params is not None and params.mode == "full" else bin_quads(frame)


def bin_quads(frame: Frame) -> Frame:
    """Each 2x2 block of one colour averaged: a Bayer mosaic of half the size with a quarter of the noise variance.

    Parameters
    ----------
    frame
        Linear quad-Bayer MOSAIC float32 [H, W]; an odd block at the right or bottom end is left away.

    Returns
    -------
    MOSAIC float32 [H // 4 * 2, W // 4 * 2], `cfa.quad` 1; crop, gain, noise, corrections that count pixels follow.

    Raises
    ------
    DomainError, ShapeError
        If the frame is not linear quad-Bayer, or smaller than one period of its pattern.
    """
    cfa = _checked(frame, 4)
    height, width = frame.shape[0] // 4 * 2, frame.shape[1] // 4 * 2
    mosaic = np.ascontiguousarray(frame.pixels[: 2 * height, : 2 * width])
    out = np.empty((height, width), np.float32)
    native.call("quad_bin", mosaic, out)
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        n = np.ascontiguousarray(
            n[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3)), np.float32
        )
    gain = frame.gain
    if gain is not None:
        nodes = [np.arange(-(-length // GAIN_STEP_PX) + 1) * 2.0 * GAIN_STEP_PX for length in (height, width)]
        gain = sample_gain_grid(gain, nodes[0], nodes[1])
    crop = frame.info.default_crop
    opcodes = dataclasses.replace(
        frame.info.opcodes, after_demosaic=at_size(frame.info.opcodes.after_demosaic, (2.0, 2.0))
    )
    info = dataclasses.replace(
        frame.info,
        shape=(height, width),
        cfa=Cfa(cfa.colours),
        opcodes=opcodes,
        default_crop=None if crop is None else (crop[0] // 2, crop[1] // 2, crop[2] // 2, crop[3] // 2),
    )
    return frame.replaced(pixels=out, info=info, noise=frame.noise.averaged(4), n_effective=n, gain=gain)


def remosaic(frame: Frame) -> Frame:
    """The full-size quad-Bayer mosaic rearranged as Bayer: half of its pixels stay, half are interpolated.

    Green is interpolated along the direction in which the picture changes less; red and blue by their difference from
    green. Detail beyond the distance of the blocks (2 px) is not there to be found.

    Parameters
    ----------
    frame
        Linear quad-Bayer MOSAIC float32 [H, W], at least 8 x 8, even.

    Returns
    -------
    MOSAIC float32 [H, W], `cfa.quad` 1, with the same order of colours. The noise model is kept for its level;
    interpolation is told as correlation.

    Raises
    ------
    DomainError, ShapeError
        If the frame is not linear quad-Bayer, or too small, or of odd size.
    """
    cfa = _checked(frame, 8)
    if frame.shape[0] % 2 or frame.shape[1] % 2:
        raise ShapeError("a quad-Bayer picture has an even number of rows and columns", where=frame.info.name)
    mosaic = np.ascontiguousarray(frame.pixels)
    out = np.empty_like(mosaic)
    level = max(float(mosaic[::16, ::16].mean()), 0.0)
    variance = float(np.mean(frame.noise.alpha)) * level + float(np.mean(frame.noise.beta))
    native.call("quad_remosaic", mosaic, cfa.red_row, cfa.red_column, variance, out)
    noise = frame.noise
    correlated = NoiseModel(
        noise.alpha, noise.beta, noise.source, float(np.hypot(noise.correlation_px, CORRELATION_PX))
    )
    return frame.replaced(pixels=out, noise=correlated).with_info(cfa=Cfa(cfa.colours))


def _checked(frame: Frame, smallest_px: int) -> Cfa:
    frame.require(Domain.MOSAIC)
    cfa = frame.info.cfa
    if cfa is None or cfa.quad != 2:
        raise DomainError("this is no quad-Bayer mosaic", where=frame.info.name)
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError(
            "quad-Bayer pixels are averaged in linear light", where=frame.info.name, hint="linearise first"
        )
    if min(frame.shape) < smallest_px:
        raise ShapeError(f"a quad-Bayer picture has at least {smallest_px} rows and columns", where=frame.info.name)
    return cfa
