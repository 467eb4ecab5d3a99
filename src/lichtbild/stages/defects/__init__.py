"""Hot and dead pixels: found in one frame by the noise model, and in a burst because they stay on the sensor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError, ShapeError
from lichtbild.core.frame import GAIN_STEP_PX, Frame
from lichtbild.core.params import Params, param
from lichtbild.stages.linearise import bad_pixels, spatial_gain

__all__ = ["DefectFacts", "DefectParams", "analyse", "repair"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
MIN_SIZE_PX = 8
# Part of its excess that the four direct neighbours of a point light show together: a pixel's aperture behind the
# sharpest lens (PSF sigma 0.45 px) gives 0.7 in one colour, 0.1 to 0.7 through the other filters. Dark points so small
# are seldom, so more is asked of them before they are believed.
SPREAD_HOT = 0.15
SPREAD_DEAD = 0.3
# Excess as a part of the neighbours' level, below which nobody sees it; and of the neighbours' own range, since where
# they differ much among themselves a pixel that differs too is texture.
CONTRAST_HOT = 0.15
CONTRAST_DEAD = 0.3
TEXTURE = 0.8
TEXTURE_STEADY = 0.5  # for what stays at its place in all frames
STRONG = 3.0  # times as far as a user asks for: what one frame of a burst tells


@dataclass(frozen=True)
class DefectParams(Params):
    """What a user can set about hot pixels."""

    sigmas: float = param(
        4.5, "how far a pixel must stand out of its neighbours to be repaired", unit="sigma", low=3.0, high=50.0
    )


@dataclass(frozen=True, eq=False)
class DefectFacts:
    """Pixels of the sensor that are hot or dead in this burst.

    Parameters
    ----------
    rows, columns
        intp [n], px of the mosaic.
    n_frames
        Frames they were found in.
    """

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    n_frames: int = 0

    @classmethod
    def none(cls) -> DefectFacts:
        return cls(np.empty(0, np.intp), np.empty(0, np.intp))


def repair(
    frame: Frame, facts: DefectFacts | None = None, params: DefectParams | None = None, *, in_place: bool = False
) -> Frame:
    """Replace hot and dead pixels: those of `facts`, and those that stand out in this frame alone.

    Edges, texture and stars stay: a pixel is only replaced when its direct neighbours, which see through other filters,
    show nothing of its excess, as no lens can do. Fails for defects of two touching pixels (seldom) and for lights of
    one pure colour in a single frame.

    Parameters
    ----------
    frame
        Linear MOSAIC float32 [H, W]; Bayer or monochrome.
    facts
        From `analyse`; None: from this frame alone.
    in_place
        Write into the frame's own pixels, by one who has just made them and keeps no other frame of them.

    Returns
    -------
    A new frame; noise and gain unchanged.

    Raises
    ------
    DomainError
        If the mosaic is still stored numbers or quad-Bayer.

    Notes
    -----
    Cost: one look at the pixels; a copy, if not in place.
    """
    _checked(frame)
    settings = params or DefectParams()
    if min(frame.shape) < MIN_SIZE_PX:
        return frame
    known = facts or DefectFacts.none()
    if known.rows.max(initial=0) >= frame.shape[0] or known.columns.max(initial=0) >= frame.shape[1]:
        raise ShapeError("the facts about defects are of a larger sensor", where=frame.info.name)
    mosaic = np.ascontiguousarray(frame.pixels)
    rows, columns = _suspects(frame, settings.sigmas, TEXTURE, CONTRAST_HOT, CONTRAST_DEAD)
    above, below, around, _, _ = evidence_at(mosaic, rows, columns)
    is_alone = ((above > 0) & (around < SPREAD_HOT * above)) | ((below > 0) & (-around < SPREAD_DEAD * below))
    rows, columns = rows[is_alone], columns[is_alone]
    values = _mended(mosaic, rows, columns)
    out = mosaic
    if not in_place:
        out = memory.empty_like(mosaic)
        np.copyto(out, mosaic)
    out[rows, columns] = values
    if known.rows.size:
        out[known.rows, known.columns] = bad_pixels.interpolate(out, known.rows, known.columns, frame.info.cfa)
    return frame.replaced(pixels=out)


def analyse(frames: Iterable[Frame], params: DefectParams | None = None) -> DefectFacts:
    """Hot and dead pixels that stand at the same place of the sensor in all `frames`.

    Averaging the evidence over frames finds what one frame's noise or an edge hides, and what moves with the scene (a
    star, a reflection) does not stay. Of a burst from a tripod the neighbours' part still tells stars from defects.

    Parameters
    ----------
    frames
        1 to about 5 linear MOSAIC frames of one burst (more add little), taken one by one: the first two are held
        together, each later one is let go before the next.

    Returns
    -------
    Their places. Cost: one look at the first two frames' pixels, and at the candidates in the others.
    """
    settings = params or DefectParams()
    stream = iter(frames)
    held = [_checked(frame) for frame in islice(stream, 2)]
    if not held or min(held[0].shape) < MIN_SIZE_PX:
        return DefectFacts.none()
    shape = held[0].shape
    # What an edge hides in one frame shows in another, where the hand has moved the edge on.
    suspects = [
        _suspects(_checked(frame, shape), min(settings.sigmas, 3.0), TEXTURE_STEADY / 2, 0, 0) for frame in held
    ]
    rows, columns = np.divmod(np.unique(np.concatenate([r * shape[1] + c for r, c in suspects])), shape[1])
    evidence = [_evidence(frame, rows, columns) for frame in held]
    held.clear()
    evidence += map(lambda frame: _evidence(_checked(frame, shape), rows, columns), stream)
    above, below, around, level_high, level_low, variance = np.stack(evidence, 1)
    n_frames, span = len(evidence), level_high - level_low

    def stays(excess: Array, level: Array, spread: Array, contrast: float, most: float) -> npt.NDArray[np.bool_]:
        order = np.argsort(np.maximum(TEXTURE_STEADY * span, spread / most) - excess, axis=0)
        ordered = [np.take_along_axis(v, order, 0) for v in (excess, level, spread, span, variance)]

        def is_clear(n: int, sigmas: float) -> npt.NDArray[np.bool_]:
            """The means over the n frames that say it most clearly tell a defect."""
            seen, lit, beside, reach, noise = (v[:n].mean(axis=0) for v in ordered)
            is_far = (seen > sigmas * np.sqrt(noise / n)) & (seen > contrast * np.abs(lit))
            return np.asarray(is_far & (seen > TEXTURE_STEADY * reach) & (beside < most * seen))

        sigma = np.sqrt(variance.mean(axis=0))
        is_steady = excess.min(axis=0) > 0.3 * excess.mean(axis=0) - 3 * sigma
        # A strong one may be told by one frame, where in the others it shows, or an edge is there to hide it and the
        # pixel is as far from the far side of the edge as it has to be.
        strong = ordered[0][0]
        shows = excess > 0.5 * strong
        is_hidden = (span > 0.5 * strong) & (excess + span > 0.7 * strong)
        is_there = (shows | is_hidden).all(axis=0) & (2 * shows.sum(axis=0) >= n_frames)
        return np.asarray(
            (is_steady & is_clear(n_frames, settings.sigmas)) | (is_there & is_clear(1, STRONG * settings.sigmas))
        )

    bad = stays(above, level_high, around, CONTRAST_HOT, SPREAD_HOT)
    bad |= stays(below, level_low, -around, CONTRAST_DEAD, SPREAD_DEAD)
    return DefectFacts(rows[bad], columns[bad], n_frames)


def _checked(frame: Frame, shape: tuple[int, int] | None = None) -> Frame:
    """`frame`, if it is one that defects can be looked for in, and of the others' `shape`."""
    frame.require(Domain.MOSAIC)
    if frame.info.levels is not None or frame.pixels.dtype != np.float32:
        raise DomainError("defects are looked for in linear light", where=frame.info.name, hint="linearise first")
    if frame.info.cfa is not None and frame.info.cfa.quad != 1:
        raise DomainError(
            "defects are looked for in a Bayer mosaic", where=frame.info.name, hint="bin or remosaic first"
        )
    if shape is not None and frame.shape != shape:
        raise ShapeError("frames of a burst differ in size", where=frame.info.name)
    return frame


def variance_grids(frame: Frame) -> tuple[Floats, Floats]:
    """alpha and beta of variance = alpha * level + beta for the four sites of a 2x2 cell in blocks of 16 px, float32
    [ceil(H/16), ceil(W/16), 4]."""
    blocks = (-(-frame.shape[0] // GAIN_STEP_PX), -(-frame.shape[1] // GAIN_STEP_PX))
    cfa = frame.info.cfa
    colours = spatial_gain.site_colours(cfa)
    if frame.gain is None:
        gain: Floats = np.ones((*blocks, 4), np.float32)
    else:
        nodes = spatial_gain.site_grid(frame.gain, cfa)
        gain = np.asarray((nodes[:-1, :-1] + nodes[1:, :-1] + nodes[:-1, 1:] + nodes[1:, 1:]) / 4, np.float32)
    n = float(np.mean(frame.n_effective))
    alpha = np.asarray(frame.noise.alpha)[colours % frame.noise.n_channels] / n
    beta = np.asarray(frame.noise.beta)[colours % frame.noise.n_channels] / n
    return (
        np.ascontiguousarray(alpha * gain, np.float32),
        np.ascontiguousarray(beta * gain * gain, np.float32),
    )


def _suspects(frame: Frame, sigmas: float, texture: float, hot: float, dead: float) -> tuple[Indices, Indices]:
    """Rows and columns of the pixels that stand out of the neighbours of their site, in order."""
    mosaic = np.ascontiguousarray(frame.pixels)
    bits = np.empty((mosaic.shape[0], -(-mosaic.shape[1] // GAIN_STEP_PX)), np.uint16)
    native.call("defects_suspects", mosaic, *variance_grids(frame), sigmas, texture, hot, dead, bits)
    rows, blocks = np.nonzero(bits)
    which, lanes = np.nonzero((bits[rows, blocks][:, None] >> np.arange(GAIN_STEP_PX, dtype=np.uint16)) & 1)
    return rows[which], blocks[which] * GAIN_STEP_PX + lanes


def _mended(mosaic: Floats, rows: Indices, columns: Indices) -> Floats:
    """Mean of the pair of opposite neighbours of the same site that differ least."""
    places = [(rows + dr, columns + dc, rows - dr, columns - dc) for dr, dc in ((0, -2), (-2, 0), (-2, -2), (-2, 2))]
    height, width = mosaic.shape
    pairs = np.stack(
        [
            [mosaic[_mirrored(r, height), _mirrored(c, width)] for r, c in ((r0, c0), (r1, c1))]
            for r0, c0, r1, c1 in places
        ]
    )
    least = np.abs(pairs[:, 0] - pairs[:, 1]).argmin(axis=0)
    return np.asarray(pairs[least, :, np.arange(rows.size)].mean(axis=1, dtype=np.float32))


def _evidence(frame: Frame, rows: Indices, columns: Indices) -> npt.NDArray[np.float64]:
    """`evidence_at` some pixels and, last, the variance of the noise there, [6, n]."""
    above, below, around, high, low = evidence_at(frame.pixels, rows, columns)
    alpha, beta = variance_grids(frame)
    block = (rows // GAIN_STEP_PX, columns // GAIN_STEP_PX, 2 * (rows % 2) + columns % 2)
    variance = alpha[block] * np.maximum(np.where(above > 0, high, low), 0) + beta[block]
    return np.stack([above, below, around, high, low, variance])


def evidence_at(mosaic: Floats, rows: Indices, columns: Indices) -> tuple[npt.NDArray[np.float64], ...]:
    """What the kernel weighs, at some pixels: excess above the largest and below the smallest of the eight neighbours
    of the same site, excess of the direct neighbours, and that largest and smallest, float64 [n] each."""

    def at(dr: int, dc: int) -> npt.NDArray[np.float64]:
        r = _mirrored(rows + dr, mosaic.shape[0])
        return np.asarray(mosaic[r, _mirrored(columns + dc, mosaic.shape[1])], np.float64)

    ring = np.stack([at(dr, dc) for dr in (-2, 0, 2) for dc in (-2, 0, 2) if dr or dc])
    high, low, here = ring.max(axis=0), ring.min(axis=0), at(0, 0)
    beside = at(0, -1) + at(0, 1) + at(-1, 0) + at(1, 0)
    beyond = at(0, -3) + at(0, 3) + at(-3, 0) + at(3, 0)
    beyond += sum((at(dr, dc) for dr, dc in ((-2, -1), (-2, 1), (2, -1), (2, 1))), np.zeros(rows.size))
    beyond += sum((at(dr, dc) for dr, dc in ((-1, -2), (-1, 2), (1, -2), (1, 2))), np.zeros(rows.size))
    return here - high, low - here, beside - beyond / 3, high, low


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    index = np.abs(index)
    return np.where(index >= length, 2 * (length - 1) - index, index)
