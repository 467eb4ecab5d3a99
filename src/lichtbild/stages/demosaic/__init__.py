"""Demosaicing: one colour a pixel becomes three, in the domain where noise is even and grey has no colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.camera import Cfa
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param

__all__ = ["HALO_PX", "DemosaicParams", "demosaic"]

HALO_PX = 32
"""Rows beyond a band that a band's result depends on."""

# Variance of the result over that of the mosaic, and the blur of its noise, on flat fields (tests/physics), under
# white balance 2, 1, 1.6; other light changes the factors of red and blue by some percent.
NOISE_FACTOR = (0.60, 0.79, 0.68)
CORRELATION_PX = 0.44
# Offset of the square root as a part of beta / alpha, and its bounds: measured (benchmarks/demosaic_quality.py).
OFFSET_PART = 0.25
OFFSET_BOUNDS = (1e-3, 0.05)


@dataclass(frozen=True)
class DemosaicParams(Params):
    """What a user can set about demosaicing."""

    noise_caution: float = param(
        1.0, "how much noise is counted when fine structure is judged; 0 trusts every pixel", low=0.0, high=4.0
    )


def demosaic(
    frame: Frame,
    white_balance: tuple[float, float, float],
    params: DemosaicParams | None = None,
    rows: tuple[int, int] | None = None,
    out: npt.NDArray[np.float32] | None = None,
) -> Frame:
    """Camera RGB of a Bayer mosaic.

    Green minus red (blue) is estimated along rows and along columns; each estimate carries its expected error and they
    are averaged by it; then green is asked again of its four neighbours; red and blue follow green's fine structure by
    a local regression. All in a square-root domain
    that evens out the noise, after white balance. Fails where a colour's fine structure is finer than its lattice and
    unlike the others' in both directions (a red-blue weave): mazes of a pixel's width.

    Parameters
    ----------
    frame
        Linear MOSAIC float32 [H, W] of any Bayer phase, H and W >= 2. A picture may be given in bands, with HALO_PX
        rows more at both ends.
    white_balance
        Multipliers of red, green and blue that make a neutral surface grey (green = 1). Used inside only: the result is
        not white-balanced. Wrong by a stop costs 1 dB.
    rows
        Rows (start, stop) of the frame that are wanted, start a multiple of 16; None: all.
    out
        Where to write them, float32 [stop - start, W, 3]; None: a new array.

    Returns
    -------
    CAMERA_RGB float32 [H, W, 3]; its noise is lower and correlated.

    Raises
    ------
    DomainError
        If the frame is no linear Bayer mosaic.
    ShapeError
        If it is smaller than 2x2, or `rows` are not within it.

    Notes
    -----
    Cost: one pass; 12 MP in 0.15 s of processor time with AVX-512, about twice that with AVX2. Sources: directional
    linear minimum-mean-square-error estimation, Zhang and Wu 2005 (the error estimate here is smoothed across the line,
    the low-pass is shorter); regression of one colour's Laplacian on another's, Kiku et al. 2016 (here along lines,
    with a prior that grows with the noise); green from its neighbours once more, Chang and Tan 2004 (here with the
    regressed shares of structure instead of equal colour differences).
    """
    cfa = check_bayer(frame)
    settings = params or DemosaicParams()
    offset, variance = root_offset(frame)
    variance *= settings.noise_caution
    prior = np.array([1e-4 + 9 * variance, 1e-3 + 160 * variance, 1e-3], np.float32)
    balance = np.asarray(white_balance, np.float32)
    if balance.shape != (3,) or not np.all(np.isfinite(balance)) or np.any(balance <= 0):
        raise DomainError(f"white balance {white_balance} is not three positive numbers", where="white_balance")
    mosaic = np.ascontiguousarray(frame.pixels)
    start, stop = rows or (0, frame.shape[0])
    wanted = frame.rows(start, stop)
    if out is None:
        out = memory.empty((*wanted.shape, 3))
    elif out.shape != (*wanted.shape, 3):
        raise ShapeError(f"{wanted.shape} px do not fit {out.shape}", where="out")
    native.call("demosaic", mosaic, cfa.red_row, cfa.red_column, balance, offset, prior, start, out)
    return wanted.replaced(pixels=out, domain=Domain.CAMERA_RGB, noise=noise_after(frame.noise)).with_info(cfa=None)


def check_bayer(frame: Frame) -> Cfa:
    """The frame's colour filter array; raises unless it is a linear float32 Bayer mosaic of at least 2x2."""
    frame.require(Domain.MOSAIC)
    cfa = frame.info.cfa
    if cfa is None or cfa.quad != 1:
        kind = "monochrome" if cfa is None else "quad-Bayer"
        raise DomainError(f"this step works on Bayer mosaics, not {kind}", where=frame.info.name)
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError("the mosaic holds stored numbers", where=frame.info.name, hint="linearise first")
    if min(frame.shape) < 2:
        raise ShapeError(f"a Bayer mosaic has at least 2x2 pixels, not {list(frame.shape)}", where=frame.info.name)
    return cfa


def root_offset(frame: Frame) -> tuple[float, float]:
    """Offset of the square root, and the variance of noise in it, from green's noise.

    Where the number of frames differs over the picture one is counted: a band shall not differ from its whole.
    """
    channel = min(1, frame.noise.n_channels - 1)
    n_frames = 1.0 if isinstance(frame.n_effective, np.ndarray) else frame.n_effective
    alpha, beta = frame.noise.alpha[channel] / n_frames, frame.noise.beta[channel] / n_frames
    offset = float(np.clip(OFFSET_PART * beta / max(alpha, 1e-12), *OFFSET_BOUNDS))
    # At mid grey: var(sqrt(s + offset)) = var(s) / (4 (s + offset)).
    return offset, (alpha * 0.18 + beta) / (4 * (0.18 + offset))


def noise_after(noise: NoiseModel) -> NoiseModel:
    """The noise model of the result: less variance, and neighbours correlated."""
    alpha = noise.alpha if noise.n_channels == 3 else noise.alpha * 3
    beta = noise.beta if noise.n_channels == 3 else noise.beta * 3
    return NoiseModel(
        tuple(a * f for a, f in zip(alpha, NOISE_FACTOR, strict=True)),
        tuple(b * f for b, f in zip(beta, NOISE_FACTOR, strict=True)),
        noise.source,
        float(np.hypot(noise.correlation_px, CORRELATION_PX)),
    )
