"""The two pictures of a merge: the first guess as splines, and what the frames make of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lichtbild.core import Domain, Frame, NoiseModel, ShapeError, memory
from lichtbild.core.native import call
from lichtbild.stages.align import TILE_PX, tile_gain, tile_grid

__all__ = ["BORDER_PX", "VECTOR_PX", "corrected", "filled_up", "sample_trust", "splines_of"]

F32 = npt.NDArray[np.float32]

# Pixels of a vector of the gather: rows of sums, first guess and trust are filled up to whole ones, and bands of rows
# begin with a multiple of them.
VECTOR_PX = 16
# Rows and columns of coefficients around the picture, and rows on each side that a coefficient is made of.
BORDER_PX, _REACH_PX = 2, 4
# Rows finished at a time, whole tiles: the coefficients that they are made of are copied before.
_STRIP_PX = 256


def splines_of(bands: Iterable[Frame], reference: Frame) -> F32:
    """Coefficients of the cubic B-splines through a picture's pixels, rows of planes with a border of two and columns
    for whole vectors, float32 [H + 4, 3, at least W + 4], from bands of the picture."""
    height, width = reference.shape
    out = memory.empty((height + 2 * BORDER_PX, 3, filled_up(width) + 2 * BORDER_PX))
    row, made = 0, -BORDER_PX
    above: F32 | None = None
    for band in bands:
        band.require(Domain.CAMERA_RGB)
        n = band.shape[0]
        if band.shape[1] != width or row + n > height:
            raise ShapeError("the first guess has another size than the reference", where=reference.info.name)
        pixels = np.ascontiguousarray(band.pixels)
        # Rows are made as soon as all that they are made of is there.
        ready = height + BORDER_PX if row + n == height else row + n - _REACH_PX
        if ready > made:
            rows = out[made + BORDER_PX : ready + BORDER_PX]
            call("merge_guess", pixels if above is None else above, pixels, int(above is None), made - row, rows)
            made = ready
        known = pixels if above is None else np.concatenate([above, pixels[-2 * _REACH_PX :]])
        above = np.ascontiguousarray(known[-2 * _REACH_PX :])
        row += n
    if row != height:
        raise ShapeError("the first guess has another size than the reference", where=reference.info.name)
    return out


def corrected(
    sums: npt.NDArray[np.float16], first: F32, like: Frame, white_balance: tuple[float, float, float], worth: float,
    blur: float = 1.0,
) -> F32:  # fmt: skip
    """The first guess (see `splines_of`) corrected by what the frames say, float32 [H, 3, W]; it takes the guess's
    place.

    Parameters
    ----------
    sums
        float16 [H, 6, W or more] of a mosaic (weight times difference from the guess for R, G, B, then weights),
        [H, 4, W or more] of RGB with one weight.
    like
        The reference, for noise and spatial gain; its pixels are not read.
    worth
        How many frames the guess counts for.
    blur
        Part of the fine blur that luminance takes, see `evenness`.
    """
    height, width = like.shape
    out = first[BORDER_PX : height + BORDER_PX]
    gain = tile_gain(like, tile_grid((-(-height // 2), -(-width // 2))), TILE_PX).mean(-1)
    noise, trust, (red, _, blue) = _noise_of(like.noise), sample_trust(like.noise, white_balance), white_balance
    halo = 2 * BORDER_PX
    rows: F32 = memory.empty((min(_STRIP_PX, height) + halo, *out.shape[1:]))
    rows[:halo] = first[:halo]
    for top in range(0, height, _STRIP_PX):
        n = min(_STRIP_PX, height - top)
        np.copyto(rows[halo : n + halo], first[top + halo : top + n + halo])
        tiles = np.ascontiguousarray(gain[top // TILE_PX : -(-(top + n) // TILE_PX)], np.float32)
        strip, result = rows[: n + halo], out[top : top + n]
        if sums.shape[1] == 6:
            call("merge_finish_mosaic", sums, width, strip, top, noise, tiles, red, blue, *trust, worth, blur, result)
        else:
            call("merge_finish_rgb", sums, strip, top, worth, result)
        rows[:halo] = rows[n : n + halo].copy()
    return out[:, :, BORDER_PX : width + BORDER_PX]


def filled_up(width: int) -> int:
    """A width in whole vectors."""
    return -(-width // VECTOR_PX) * VECTOR_PX


def _noise_of(noise: NoiseModel) -> F32:
    """Alpha, then beta of R, G, B, float32 [6]."""
    return np.concatenate([np.resize(np.asarray(n, np.float32), 3) for n in (noise.alpha, noise.beta)])


def sample_trust(
    noise: NoiseModel, white_balance: tuple[float, float, float], signal: float = 0.1
) -> tuple[float, float]:
    """Variance of a green sample over that of a balanced red and blue one, for a grey at a tenth of saturation."""
    if noise.n_channels == 1:
        return 1.0, 1.0
    variance = [w * w * (a * signal / w + b) for w, a, b in zip(white_balance, noise.alpha, noise.beta, strict=True)]
    return variance[1] / variance[0], variance[1] / variance[2]
