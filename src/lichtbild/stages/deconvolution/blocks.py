"""Blocks of a picture in frequency: 64 px wide every 48, so that neighbours share 16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lichtbild.core.frame import Frame

if TYPE_CHECKING:
    from lichtbild.stages.deconvolution import Inverse, Noise

Floats = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

BLOCK_PX = 64
STEP_PX = 48
TAPER_PX = BLOCK_PX - STEP_PX


def _window() -> Floats:
    """float32 [64]: rises over 16 px as a sine and falls so; its square and its neighbour's add up to 1."""
    rise = np.sin(0.5 * np.pi * (np.arange(TAPER_PX) + 0.5) / TAPER_PX)
    return np.concatenate([rise, np.ones(BLOCK_PX - 2 * TAPER_PX), rise[::-1]]).astype(np.float32)


WINDOW = np.outer(_window(), _window())
WINDOW_SQUARED = WINDOW * WINDOW
# White noise of variance 1 has this power at every frequency of a block.
NOISE_POWER = float(WINDOW_SQUARED.sum())
_OPPOSITE = -np.arange(BLOCK_PX) % BLOCK_PX
# Nothing is darker than this part of the noise's power: 0 / 0 of black blocks.
_LEAST = np.float32(1e-30)


def restored(
    frame: Frame, inverse: Inverse, noise: Noise, colour: int, top: int, wanted: tuple[int, int], out: Floats
) -> None:
    """One colour of rows `wanted` (of the whole picture) into out [:, :, colour].

    `frame` holds the rows of the picture from `top` on.
    """
    height, width = inverse.shape
    n = (width - 1 + TAPER_PX) // STEP_PX + 1
    held = np.zeros((TAPER_PX, n * STEP_PX + TAPER_PX), np.float32)
    for k in range(wanted[0] // STEP_PX, (wanted[1] - 1 + TAPER_PX) // STEP_PX + 1):
        first = k * STEP_PX - TAPER_PX
        strip = _strip(frame.pixels[:, :, colour], first, top, height, n)
        middle = first + BLOCK_PX // 2 - top
        done = _raised(strip, inverse.of_row(k, n, colour), noise, middle, frame.shape[0])
        line = _joined(done)
        line[:TAPER_PX] += held
        held = line[STEP_PX:]
        low, high = max(first, wanted[0]), min(first + STEP_PX, wanted[1])
        if low < high:
            out[low - wanted[0] : high - wanted[0], :, colour] = line[
                low - first : high - first, TAPER_PX : TAPER_PX + width
            ]


def _strip(plane: Floats, first: int, top: int, height: int, n: int) -> Floats:
    """float32 [64, 48 n + 16]: rows first to first + 64 of the picture, mirrored at its border."""
    rows = _mirrored(np.arange(first, first + BLOCK_PX), height) - top
    columns = _mirrored(np.arange(-TAPER_PX, n * STEP_PX), plane.shape[1])
    # Rows that only a mirror beyond a band's end would reach weigh nothing in what is wanted.
    return np.ascontiguousarray(plane[np.clip(rows, 0, plane.shape[0] - 1)][:, columns])


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    period = 2 * length
    index = index % period
    return np.asarray(np.where(index < length, index, period - 1 - index))


def _raised(strip: Floats, inverse: Complex, noise: Noise, middle: int, n_rows: int) -> Floats:
    """float32 [n, 64, 64]: blocks of a strip, frequencies raised, windowed twice."""
    blocks = np.lib.stride_tricks.sliding_window_view(strip, (BLOCK_PX, BLOCK_PX))[0, ::STEP_PX]
    mean = blocks.mean((1, 2), dtype=np.float32)
    light = blocks - mean[:, None, None]
    light *= WINDOW
    spectrum = np.asarray(np.fft.rfft2(light), np.complex64)
    power = smoothed(spectrum.real**2 + spectrum.imag**2)
    floor = noise.of_blocks(mean, middle, n_rows) * np.float32(NOISE_POWER)
    # Wiener: what stands out of the noise is raised, the rest stays as it was.
    power += _LEAST
    np.divide(-floor[:, None, None], power, out=power)
    power += 1
    np.maximum(power, 0, out=power)
    inverse -= 1
    inverse *= power
    inverse += 1
    spectrum *= inverse
    light = np.asarray(np.fft.irfft2(spectrum, (BLOCK_PX, BLOCK_PX)), np.float32)
    light *= WINDOW
    light += mean[:, None, None] * WINDOW_SQUARED
    return light


def smoothed(power: Floats) -> Floats:
    """[n, 64, 33] over 3 x 3 frequencies by 1 2 1: a single one is too noisy to be judged by."""
    tall = np.empty_like(power)
    tall[:, 1:-1] = power[:, :-2] + power[:, 2:]
    tall[:, 0] = power[:, -1] + power[:, 1]
    tall[:, -1] = power[:, -2] + power[:, 0]
    power *= 2
    tall += power
    wide = np.empty_like(tall)
    wide[:, :, 1:-1] = tall[:, :, :-2] + tall[:, :, 2:]
    # Beyond the first and the last column lie the frequencies of the other sign, as strong as their opposites.
    for edge, inner in ((0, 1), (-1, -2)):
        wide[:, :, edge] = tall[:, :, inner] + tall[:, _OPPOSITE, inner]
    tall *= 2
    wide += tall
    wide *= np.float32(1 / 16)
    return wide


def _joined(blocks: Floats) -> Floats:
    """float32 [64, 48 n + 16]: a row of blocks added up where they overlap."""
    n = blocks.shape[0]
    line = np.zeros((BLOCK_PX, n * STEP_PX + TAPER_PX), np.float32)
    whole = line[:, : n * STEP_PX].reshape(BLOCK_PX, n, STEP_PX)
    whole += blocks[:, :, :STEP_PX].transpose(1, 0, 2)
    tails = line[:, STEP_PX:]
    for k in range(n):
        tails[:, k * STEP_PX : k * STEP_PX + TAPER_PX] += blocks[k, :, STEP_PX:]
    return line
