"""The pyramid that denoising works on: parts of the picture at falling sizes, and the noise expected in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.domain import Domain
from lichtbild.core.errors import DomainError
from lichtbild.core.frame import Frame
from lichtbild.core.noise import NoiseModel
from lichtbild.stages.denoise import spectrum

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

N_SCALES = 3
# Limit of the extra strength where fewer frames were averaged than in most of the picture. At 1.2 no block of 32 px
# loses over 0.5 dB against a single frame (at 1.25 0.54, at 1.4 0.75), and an island of one frame amid eight keeps
# twice the noise of its surroundings (at 1.25 1.8 times, at 1.4 1.4 times) instead of three times.
EVENNESS_LIMIT = 1.2
# Bounds of the square root's offset.
OFFSET_BOUNDS = (1e-3, 4.0)
# Samples of red, green and blue on the Bayer arrays that pictures come of, and the light that noise is judged at.
BAYER_DENSITY = np.array([1, 2, 1])
MID_GREY = 0.18


@dataclass(frozen=True, eq=False)
class Roots:
    """How light becomes the parts that denoising works on, and back.

    Parameters
    ----------
    balance
        White balance, float32 [3].
    offset
        Of the square root of balanced light.
    into
        Parts of three roots, float32 [3 parts, 3 channels]: luminance, red-blue and green-magenta. Luminance is the
        mean weighted by how little noise a channel has, times sqrt(3), so that its noise and that of the colour
        differences is not correlated.
    back
        Its inverse.
    level
        Standard deviation of the noise of a pixel's root at mid grey, mean of the channels.
    """

    balance: Floats
    offset: float
    into: Floats
    back: Floats
    level: float

    @classmethod
    def of(cls, noise: NoiseModel, balance: Floats) -> Roots:
        """From the noise model of the picture."""
        alpha, beta = (np.resize(np.asarray(v, np.float64), 3) for v in (noise.alpha, noise.beta))
        offset = root_offset(noise, balance)
        # Compared where photon noise is thrice read noise: that light scales with the picture.
        light = 3 * beta.mean() / max(float(alpha.mean()), 1e-12)
        weight = BAYER_DENSITY / (balance * alpha * light + balance**2 * beta + 1e-20)
        red, green, blue = weight / weight.sum()
        ends = weight[0] + weight[2]
        into = np.array(
            [
                np.sqrt(3) * np.array([red, green, blue]),
                np.sqrt(1 / 2) * np.array([1, 0, -1]),
                np.sqrt(2 / 3) * np.array([weight[0] / ends, -1, weight[2] / ends]),
            ]
        )
        back = np.linalg.inv(into)
        variance = (balance * alpha * MID_GREY + balance**2 * beta) / (4 * (MID_GREY + offset))
        level = float(np.sqrt(variance.mean()))
        return cls(balance, offset, into.astype(np.float32), np.ascontiguousarray(back, np.float32), level)


def shrunk(
    levels: Sequence[Floats], coarse: Floats, variances: Sequence[Floats], weights: Sequence[Floats], strength: Floats
) -> Floats:
    """The finest of `levels` with its noise removed, from the coarsest on; `coarse` is what lies above that."""
    for plane, variance, weight in list(zip(levels, variances, weights, strict=True))[::-1]:
        out = memory.empty((3, whole_steps(plane.shape[1]), plane.shape[2]))
        native.call("denoise_scale", plane, coarse, variance, weight, strength, out)
        coarse = out
    return coarse


def whole_steps(rows: int) -> int:
    """Rows of the arrays that the kernels write: whole steps of four."""
    return -(-rows // 4) * 4


def check(frame: Frame, white_balance: tuple[float, float, float]) -> Floats:
    """White balance as an array; raises DomainError where it or the frame is not what denoising works on."""
    frame.require(Domain.CAMERA_RGB)
    balance = np.asarray(white_balance, np.float32)
    if balance.shape != (3,) or not np.all(np.isfinite(balance)) or np.any(balance <= 0):
        raise DomainError(f"white balance {white_balance} is not three positive numbers", where="white_balance")
    return balance


def pyramid(half: Floats, cells: Floats) -> tuple[list[Floats], list[Floats]]:
    """The parts at half size and below (N_SCALES - 1 of them), and the noise in cells of every scale (N_SCALES)."""
    levels, variances = [half], [cells]
    while len(levels) < N_SCALES - 1:
        levels.append(halved(levels[-1]))
    while len(variances) < N_SCALES:
        variances.append(halved(variances[-1]))
    return levels, variances


def prepare(frame: Frame, rgb: Floats, roots: Roots, usual_share: float) -> tuple[Floats, Floats]:
    """Half-size luminance and colour differences [3, h, w], and the noise variance of the parts in 4x4 px cells."""
    height, width = frame.shape
    half = memory.empty((3, -(-height // 2), -(-width // 2)))
    native.call("denoise_prepare", rgb, roots.balance, roots.offset, roots.into, half)
    return half, noise_of_cells(frame, half, frame.gain, one_over_frames(frame, usual_share), roots)


def noise_of_cells(frame: Frame, half: Floats, gain: Floats | None, share: Floats, roots: Roots) -> Floats:
    """Noise variance of the parts in cells of 2x2 px of `half`, float32 [3, h, w] as `share` [h, w]."""
    alpha, beta = (np.asarray(v * 3 if len(v) == 1 else v, np.float32) for v in (frame.noise.alpha, frame.noise.beta))
    if gain is None or min(gain.shape[:2]) < 2:
        gain = np.ones((2, 2, 3), np.float32)
    elif gain.shape[2] == 1:
        gain = np.repeat(gain, 3, 2)
    cells = memory.empty((3, *share.shape))
    gain = np.ascontiguousarray(gain, np.float32)
    native.call(
        "denoise_cells", half, roots.balance, alpha, beta, roots.offset, roots.into, roots.back, gain, share, cells
    )
    return cells


def one_over_frames(frame: Frame, usual_share: float) -> Floats:
    """1 / n_effective averaged over 4x4 px cells, float32 [ceil(H/4), ceil(W/4)].

    Shrinkage leaves a part of the noise that went in. So that places of few frames do not stand out as islands of
    grain, their noise is counted the more, the farther it lies above what most of the picture has (`usual_share`):
    by the root of the ratio.
    """
    height, width = frame.shape
    cells = memory.empty((-(-height // 4), -(-width // 4)))
    n = frame.n_effective
    if isinstance(n, np.ndarray):
        n = np.ascontiguousarray(n, np.float32)
        native.call("denoise_frames", n, max(usual_share, 1e-9), EVENNESS_LIMIT, cells)
    else:
        cells.fill(1 / n)
    return cells


def halved(planes: Floats) -> Floats:
    """Mean of 2x2 of float32 [n, H, W]."""
    out = memory.empty((planes.shape[0], -(-planes.shape[1] // 2), -(-planes.shape[2] // 2)))
    native.call("denoise_halve", planes, out)
    return out


def root_offset(noise: NoiseModel, balance: Floats) -> float:
    """Offset that evens out the noise of the square root of white-balanced light, mean of the channels."""
    alpha, beta = float(np.mean(noise.alpha)), float(np.mean(noise.beta))
    return float(np.clip(beta / max(alpha, 1e-12) * float(np.mean(balance)), *OFFSET_BOUNDS))


def usual_share(frames: Sequence[Frame]) -> float:
    """1 / frames averaged that three quarters of the picture reach or pass."""
    first = frames[0].n_effective
    if not isinstance(first, np.ndarray):
        return 1 / first
    some = np.concatenate([np.asarray(frame.n_effective)[::4, ::4].ravel() for frame in frames])
    return float(1 / max(np.quantile(some, 0.75), 1e-3))


def blocks_of(plane: Floats, variance: Floats, most: int) -> tuple[Floats, Floats]:
    """Up to `most` blocks [n, 3 parts, 8, 8] of a scale [3, H, W] and their noise [n, 3]."""
    rows, columns, near = _places(plane.shape[1], plane.shape[2], variance, most)
    return np.moveaxis(plane[:, rows, columns], 0, 1), near


def finest_blocks(rgb: Floats, roots: Roots, variance: Floats, most: int) -> tuple[Floats, Floats]:
    """`blocks_of` the finest scale, from camera RGB [H, W, 3]."""
    rows, columns, near = _places(rgb.shape[0], rgb.shape[1], variance, most)
    values = np.sqrt(np.maximum(rgb[rows, columns] * roots.balance + np.float32(roots.offset), 0))
    return np.moveaxis(values @ roots.into.T, 3, 1), near


def _places(height: int, width: int, variance: Floats, most: int) -> tuple[Indices, Indices, Floats]:
    """Rows and columns of up to `most` blocks [n, 8, 8], and their noise [n, 3]."""
    inside = np.arange(spectrum.SIZE)
    top, left = spectrum.block_places(height, width, most)
    near = (top // 4 + 1).clip(0, variance.shape[1] - 1), (left // 4 + 1).clip(0, variance.shape[2] - 1)
    return top[:, None, None] + inside[:, None], left[:, None, None] + inside, variance[:, near[0], near[1]].T
