"""Denoising driven by the noise that travels with the frame; never by an ISO number a user has to guess."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.core.params import Params, param
from lichtbild.stages.denoise import again, coarse, spectrum
from lichtbild.stages.denoise.levels import (
    N_SCALES,
    Roots,
    blocks_of,
    check,
    finest_blocks,
    halved,
    prepare,
    pyramid,
    shrunk,
    usual_share,
    whole_steps,
)

__all__ = ["HALO_PX", "DenoiseFacts", "DenoiseParams", "analyse", "analyse_coarse", "denoise_rgb", "strips_of"]

Floats = npt.NDArray[np.float32]

HALO_PX = 64
"""Rows beyond a band that a band's result depends on."""

# Threshold at strength 1, in units of the noise's standard deviation over 3x3 coefficients.
THRESHOLD = 1.45
# Strips of a picture that tell about the whole of it.
N_STRIPS, STRIP_PX = 6, 48


@dataclass(frozen=True)
class DenoiseParams(Params):
    """What a user can set about denoising: 0 nothing, 1 all noise, at the price of some texture."""

    luminance: float = param(0.8, "luminance noise that is removed", unit="of the noise model", low=0.0, high=2.0)
    chrominance: float = param(0.85, "colour noise that is removed", unit="of the noise model", low=0.0, high=2.0)


@dataclass(frozen=True, eq=False)
class DenoiseFacts:
    """What denoising knows of the whole picture.

    Parameters
    ----------
    variance
        Variance of the noise of each cosine coefficient over the declared one of a pixel, by scale [3 parts, 8, 8].
    usual_share
        1 / frames averaged, as in most of the picture.
    coarse
        What denoising changes at an eighth of the size [3 parts, ceil(H/8), ceil(W/8)], from `analyse_coarse`:
        noise coarser than a band can tell. None: nothing.
    roots
        What the parts are.
    """

    roots: Roots
    variance: tuple[Floats, ...]
    usual_share: float = 1.0
    coarse: Floats | None = None


def denoise_rgb(
    frame: Frame,
    white_balance: tuple[float, float, float],
    params: DenoiseParams | None = None,
    facts: DenoiseFacts | None = None,
    rows: tuple[int, int] | None = None,
    top: int = 0,
) -> Frame:
    """Camera RGB with its noise removed as far as it cannot be told from structure.

    Blocks of 8x8 px every 4 px, over five scales, of luminance and two colour differences in a square-root domain;
    each coefficient of their cosine transform is shrunk by the energy in its neighbourhood against the noise
    expected there. Where more frames were averaged less is removed, so that what is left is even. Fails where
    texture is weaker than the noise: it goes.

    Parameters
    ----------
    frame
        Linear CAMERA_RGB float32 [H, W, 3]; its noise model, gain, n_effective and correlation are what drives this.
        A picture may be given in bands, with HALO_PX rows more at both ends, that start at multiples of 32 px.
    white_balance
        Multipliers of red, green and blue that make a neutral surface grey (green = 1); used inside only.
    facts
        From `analyse` of the whole picture; None: from this frame.
    rows
        Rows (start, stop) of the frame that are wanted, start a multiple of 16; None: all.
    top
        Row of the whole picture that the frame begins with, where `facts` know of what is coarse.

    Returns
    -------
    CAMERA_RGB with the noise model of what is left in flat areas.

    Raises
    ------
    DomainError
        If the frame is not CAMERA_RGB, or white balance is not three positive numbers.
    ShapeError
        If `rows` are not within the frame.

    Notes
    -----
    Cost: two reads and one write of the picture. Sources: multi-scale transform shrinkage, Pierazzo et al. 2017;
    neighbourhood James-Stein rule, Cai and Silverman 2001 (here on 3x3 coefficients of a block).
    """
    check(frame, white_balance)
    settings = params or DenoiseParams()
    start, stop = rows or (0, frame.shape[0])
    wanted = frame.rows(start, stop)
    if settings.luminance == 0 and settings.chrominance == 0:
        return wanted if rows else frame
    known = facts or analyse_coarse(frame, white_balance, analyse([frame], white_balance), settings)
    rgb = np.ascontiguousarray(frame.pixels, np.float32)
    roots = known.roots
    levels, variances = pyramid(*prepare(frame, rgb, roots, known.usual_share))
    weights = [np.ascontiguousarray(1 / v, np.float32) for v in known.variance]
    is_noisy = roots.level**2 * known.usual_share > again.LEVEL**2
    asked = squared_strength(settings)
    strength = asked * again.FIRST if is_noisy else asked
    eighth = halved(levels[-1])
    if known.coarse is not None:
        eighth += known.coarse[:, top // 8 : top // 8 + eighth.shape[1]]
    half = shrunk(levels, eighth, variances[1:], weights[1:], strength)
    # Rows of the first look that the second one needs.
    begin, end = again.rows_needed(start, stop, frame.shape[0]) if is_noisy else (start, stop)
    out = memory.empty((whole_steps(end - begin), *wanted.pixels.shape[1:]))
    native.call(
        "denoise_finest", rgb, roots.balance, roots.offset, roots.into, roots.back, half, variances[0], weights[0],
        strength, begin // 16, out,
    )  # fmt: skip
    if is_noisy:
        factor = asked / squared_strength(DenoiseParams())
        out = again.second_look(rgb, out, roots, variances[0], known.variance[0], factor, (begin, end), (start, stop))
    return wanted.replaced(pixels=out[: stop - start], noise=noise_after(frame.noise, settings))


def squared_strength(settings: DenoiseParams) -> Floats:
    """Squared threshold of each part."""
    strength = np.array([settings.luminance, settings.chrominance, settings.chrominance], np.float32)
    return (strength * np.float32(THRESHOLD)) ** 2


def analyse(frames: Sequence[Frame], white_balance: tuple[float, float, float]) -> DenoiseFacts:
    """Facts about a picture from some bands of it, or the whole of it.

    Parameters
    ----------
    frames
        Linear CAMERA_RGB float32 [H, W, 3] as given to `denoise_rgb`: bands of one picture, or all of it. Of tall ones
        only N_STRIPS strips of STRIP_PX rows are looked at.
    white_balance
        As given to `denoise_rgb`.
    """
    strips = [strip for frame in frames for strip in strips_of(frame)]
    noise = frames[0].noise
    roots = Roots.of(noise, check(frames[0], white_balance))
    share = usual_share(strips)
    most = -(-spectrum.MAX_BLOCKS // len(strips))
    samples: list[list[tuple[Floats, Floats]]] = [[] for _ in range(N_SCALES)]
    for strip in strips:
        check(strip, white_balance)
        rgb = np.ascontiguousarray(strip.pixels, np.float32)
        levels, variances = pyramid(*prepare(strip, rgb, roots, share))
        samples[0].append(finest_blocks(rgb, roots, variances[0], most))
        for sample, plane, variance in zip(samples[1:], levels, variances[1:], strict=True):
            sample.append(blocks_of(plane, variance, most))
    models = spectrum.declared(noise.correlation_px, N_SCALES)
    found = []
    for model, sample in zip(models, samples, strict=True):
        blocks, variance = (np.concatenate([pair[k] for pair in sample]) for k in (0, 1))
        found.append(spectrum.measured(blocks, variance, model, noise.correlation_px == 0))
    return DenoiseFacts(roots, tuple(found), share)


def analyse_coarse(
    frame: Frame, white_balance: tuple[float, float, float], facts: DenoiseFacts, params: DenoiseParams | None = None
) -> DenoiseFacts:
    """`facts` with what a thumbnail of the whole picture tells of noise that is coarser than a band.

    Parameters
    ----------
    frame
        The whole picture: linear CAMERA_RGB [H, W, 3], or the linear Bayer MOSAIC [H, W] that it comes of, which is
        quicker to make small than to demosaic.
    white_balance, params
        As given to `denoise_rgb`.
    facts
        From `analyse`.
    """
    strength = squared_strength(params or DenoiseParams())
    change = coarse.change(frame, facts.roots, strength, facts.usual_share)
    return dataclasses.replace(facts, coarse=change)


def strips_of(frame: Frame) -> list[Frame]:
    """The frame, or strips spread evenly over it where it is tall."""
    room = frame.shape[0] - STRIP_PX
    if room < N_STRIPS * STRIP_PX:
        return [frame]
    starts = (np.arange(N_STRIPS) + 0.5) * room / N_STRIPS // 16 * 16
    return [frame.rows(int(start), int(start) + STRIP_PX) for start in starts]


def noise_after(noise: NoiseModel, settings: DenoiseParams) -> NoiseModel:
    """The noise model of what is left in flat areas."""
    left = max(1 - 1.25 * settings.luminance, 0.0) ** 2 + 0.03
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        max(noise.correlation_px, 2.0),
    )
