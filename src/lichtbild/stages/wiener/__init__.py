"""The merged negative as a mosaic: the merge where the filter array has each colour, and what the reference's own
samples insist on against it, frequency by frequency.

The merge is the mean of many frames, wrong where its first guess was and where something was let through that moved.
The reference's samples are noisy, but right. Their difference is noise and what the merge misses; of each frequency of
a 16 px block that stands out of the noise, the part that is not noise is given back (Wiener).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, DomainError, Frame, Params, ShapeError, memory, param
from lichtbild.core.mosaic import mosaic_of
from lichtbild.core.native import call
from lichtbild.stages.align import tile_gain

__all__ = ["CELL_PX", "WienerParams", "believed_less", "contradiction", "own_samples_kept"]

F32 = npt.NDArray[np.float32]
TILE_PX, CELL_PX = 32, 8
# Part of one frame's noise from which on what stands out of it counts as a contradiction.
_CONTRADICTED = 0.01
# Part of the clip level from which on a sample says nothing.
_CLIPPED = 0.98


@dataclass(frozen=True)
class WienerParams(Params):
    """How a merged mosaic is held to the reference's own samples."""

    evidence: float = param(
        2.5, "how many times its noise a difference from the merge has to be; higher: the merge is believed", low=1.0,
        high=1000.0,
    )  # fmt: skip


def own_samples_kept(
    merged: Frame, reference: Frame, white_balance: tuple[float, float, float], params: WienerParams
) -> Frame:
    """The merged mosaic, corrected by the reference's own samples.

    Parameters
    ----------
    merged
        CAMERA_RGB or MOSAIC, linear, at the reference's place; `n_effective` as the merge gives it.
    reference
        MOSAIC float32 [H, W], Bayer, linear, its defects repaired.
    white_balance
        Multipliers of R, G, B: differences of all colours are looked at together, as one of light.

    Returns
    -------
    MOSAIC float32 [H, W] of the reference's filter array. Noise is told as the merge's; what is given back adds some
    0.02 dB to it in flat places.

    Raises
    ------
    DomainError, ShapeError
        If the reference is no linear Bayer mosaic, or of another size.

    Notes
    -----
    Cost: 0.25 s of processor time for 12 MP. Source: the pairwise shrinkage of S. Hasinoff et al., *Burst photography*
    (ACM TOG 35, 2016), section 5, with the merge in place of a frame, cosines of the whole mosaic in place of its
    planes, and power over 3 x 3 frequencies in place of one.
    """
    mosaic, arguments = _arguments(merged, reference, white_balance, params)
    out = memory.empty(mosaic.shape)
    call("wiener_own", *arguments, out)
    return mosaic.replaced(pixels=out)


def contradiction(
    merged: Frame, reference: Frame, white_balance: tuple[float, float, float], params: WienerParams
) -> F32:
    """How far the reference's own samples contradict a merge, float32 [ceil(H / 8), ceil(W / 8)] of cells of 8 px: 0
    not at all, 1 so far that the merge is not to be believed there. Parameters and errors as `own_samples_kept`.

    What stands out of the noise there is a fiftieth of one frame's noise or more: a merge of ten has a tenth of it.
    """
    _, arguments = _arguments(merged, reference, white_balance, params)
    height, width = reference.shape
    if min(height, width) < CELL_PX:
        return np.zeros((1, 1), np.float32)
    cells = memory.empty((height // CELL_PX, width // CELL_PX))
    call("wiener_contradiction", *arguments, cells)
    part = np.clip(cells / _CONTRADICTED - 1, 0, 1)
    rows, columns = (int(n % CELL_PX > 0) for n in (height, width))
    return np.pad(part, ((0, rows), (0, columns)), mode="edge")


def believed_less(merged: Frame, own: Frame, part: F32) -> Frame:
    """A merge, or a band of it, in which `part` [h, w] of each pixel is the reference's own, demosaiced (`own`, both
    CAMERA_RGB); effective frames follow, as for a mean of the two."""
    n = np.maximum(merged.n_effective, 1)
    rest = 1 - part
    pixels = merged.pixels + part[..., None] * (own.pixels - merged.pixels)
    return merged.replaced(pixels=pixels, n_effective=np.float32(1) / (part**2 + rest * (1 + part) / n))


def _arguments(
    merged: Frame, reference: Frame, white_balance: tuple[float, float, float], params: WienerParams
) -> tuple[Frame, tuple[F32 | float, ...]]:
    """The merge as a mosaic, and what the kernels take."""
    cfa = reference.info.cfa
    reference.require(Domain.MOSAIC)
    if cfa is None or cfa.quad != 1:
        raise DomainError("the reference is no Bayer mosaic", where=reference.info.name)
    if merged.shape != reference.shape:
        raise ShapeError(f"{merged.shape} does not fit a reference of {reference.shape}", where=reference.info.name)
    mosaic = mosaic_of(merged, cfa)
    sites = np.asarray(cfa.colours).reshape(-1)
    balance = np.asarray(white_balance, np.float32)[sites]
    frames = np.broadcast_to(np.float32(merged.n_effective), mosaic.shape)[::2, ::2]
    return mosaic, (
        np.ascontiguousarray(reference.pixels), np.ascontiguousarray(mosaic.pixels), np.ascontiguousarray(frames),
        _noise_of(reference, sites, balance), balance, params.evidence,
    )  # fmt: skip


def _noise_of(frame: Frame, sites: npt.NDArray[np.intp], balance: F32) -> F32:
    """Of balanced values at the four sites in each tile: alpha, beta, clip level, float32 [th, tw, 12]."""
    grid = tuple(-(-n // TILE_PX) for n in frame.shape)
    gain = tile_gain(frame, (grid[0], grid[1]), TILE_PX)[..., sites]
    alpha, beta = (np.resize(np.asarray(n), 3)[sites] for n in (frame.noise.alpha, frame.noise.beta))
    clip = _CLIPPED * frame.saturation * gain * balance
    return np.ascontiguousarray(
        np.concatenate([alpha * gain * balance, beta * (gain * balance) ** 2, clip], -1), np.float32
    )
