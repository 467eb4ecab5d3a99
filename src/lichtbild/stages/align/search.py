"""Where to start: the motion of a hand looked for over the whole range, where no near guess holds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.stages.align import field
from lichtbild.stages.align.field import Hand
from lichtbild.stages.align.levels import Pyramid, all_tiles, normal_equations, texture
from lichtbild.stages.align.steps import gradient_noise, in_level, refine

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

# A guess that this part of the texture agrees with needs no search; a motion that was searched, no further one.
_NO_DOUBT = 0.75
_GOOD = 0.5
_CHANCE = 0.02
# What a gyroscope told is right where this part agrees; and a picture of fewer tiles with texture cannot contradict it.
_TOLD_TRUE = 0.2
_TEXTURED = 12
_N_REFINED = 8


@dataclass(frozen=True)
class Start:
    """A motion right to a pixel of the second coarsest level, its covariance, which part of the texture agrees with it,
    and whether that is so little, of all that was looked for, that it is chance."""

    hand: Hand
    covariance: F64
    agreement: float
    is_hopeless: bool = False


def find_start(
    reference: Pyramid, other: Pyramid, guesses: list[Hand], max_shift: float, max_turn_deg: float,
    told: Hand | None = None,
) -> Start:  # fmt: skip
    """The best of some guesses; where none is good, of what a correlation over the whole range suggests.

    What a gyroscope told is taken before all of them, unless hardly anything agrees with it though there is texture.
    """
    level = max(reference.n_levels - 2, 0)
    n_known = int(np.count_nonzero(texture(reference, level)[:, 1] > 3 * gradient_noise(level)))
    if told is not None:
        start = _tried(reference, other, told, is_told=True)
        if start.agreement >= _TOLD_TRUE or n_known < _TEXTURED:
            return start
    best = max((_tried(reference, other, hand) for hand in guesses), key=lambda start: start.agreement)
    if best.agreement >= _NO_DOUBT or max_shift <= 0:
        return best
    near = int(min(3, max_turn_deg))
    far = np.arange(near + 1.0, max_turn_deg + 0.5)
    for turns in (np.arange(-near, near + 1.0), np.concatenate([-far, far])):
        for hand in _suggested(reference, other, turns, max_shift):
            tried = _tried(reference, other, hand)
            if tried.agreement > best.agreement:
                best = tried
        if best.agreement >= _GOOD:
            return best
    return dataclasses.replace(best, is_hopeless=n_known >= _TEXTURED and best.agreement < _CHANCE)


def _tried(reference: Pyramid, other: Pyramid, hand: Hand, is_told: bool = False) -> Start:
    """A guess refined on the two coarsest levels and judged on the second."""
    top = reference.n_levels - 1
    expected = field.expected_spread(hand.shape, is_told)
    hand, covariance = refine(reference, other, top, hand, expected, all_tiles(reference.shape(top)), 5, 4)
    level = max(top - 1, 0)
    tiles = all_tiles(reference.shape(level))
    if level < top:
        hand, covariance = refine(reference, other, level, hand, covariance, tiles, 3, 8)
    sums = normal_equations(reference, other, level, tiles, in_level(hand, tiles, level))
    return Start(hand, covariance, agreement(sums, texture(reference, level), gradient_noise(level)))


def agreement(sums: F32, energy: F32, noise: float) -> float:
    """Part of what the reference's tiles know that agrees with a motion, 0..1; a tile that left the picture counts for
    little, and so does one that knows one direction only, like a sky's gradient. `energy` [n, 2] of all tiles is the
    reference's own (see `texture`), `noise` of its gradients."""
    both, weaker = (np.clip(1 - 1.5 * noise / np.maximum(energy[:, k], 1e-9), 0, 1) for k in (0, 1))
    known = 0.1 * both + 0.9 * weaker
    is_seen = sums[:, 6] > 128
    mismatch, allowed = field.tile_mismatch(sums)
    # Near, though not right on it, still tells a bad start from a worse one.
    strict, loose = (np.maximum(mismatch / most, 1) - 1 for most in (allowed, field.loosely_allowed(sums)))
    fits = 0.8 / (1 + strict**2) + 0.2 / (1 + loose**2)
    total = known[is_seen].sum() + 0.3 * known[~is_seen].sum()
    return float((known * fits)[is_seen].sum() / total) if total > 0 else 0.0


def _suggested(reference: Pyramid, other: Pyramid, turns_deg: F64, max_shift: float) -> list[Hand]:
    """Motions that the highest peaks of correlation stand for, over several turns."""
    import scipy.fft

    level = reference.n_levels - 1
    scale, shape = 2.0 ** (level + 1), reference.mosaic_shape
    mine, theirs = reference.level(level), other.level(level)
    h, w = mine.shape
    size = [scipy.fft.next_fast_len(int(n * (1 + max_shift)) + 1) for n in (h, w)]
    y, x = np.mgrid[0:h, 0:w]
    points = np.stack([y.ravel(), x.ravel()], -1) + 0.5
    here = np.conj(_spectrum(mine, size))
    reach = max(1, round(max_shift * min(h, w)))
    rows = np.r_[0 : reach + 1, -reach:0]
    found = []
    for turn in turns_deg:
        hand = Hand.turned(float(turn), (0.0, 0.0), shape)
        to = points + hand.at(points * scale)[:, :2] / scale - 0.5
        sy = np.clip(np.rint(to[:, 0]), 0, h - 1).astype(int)
        sx = np.clip(np.rint(to[:, 1]), 0, w - 1).astype(int)
        cross = _spectrum(theirs[sy, sx].reshape(h, w), size) * here
        # Partly whitened, so that neither a bright lamp nor a fixed pattern decides alone.
        surface = scipy.fft.ifft2(cross / (np.abs(cross) ** 0.6 + 1e-12)).real
        surface /= max(float(surface.std()), 1e-20)
        area = surface[rows][:, rows]
        for _ in range(3):
            r, c = np.unravel_index(area.argmax(), area.shape)
            # The shift was found in the turned frame's own axes.
            moved = hand.matrix[:2, :2] @ np.array([rows[c], rows[r]]) * scale
            found.append((float(area[r, c]), Hand.turned(float(turn), (moved[1], moved[0]), shape)))
            gone_r, gone_c = np.abs(rows - rows[r]) <= 2, np.abs(rows - rows[c]) <= 2
            area = np.where(gone_r[:, None] & gone_c[None, :], -np.inf, area)
    found.sort(key=lambda entry: -entry[0])
    return [hand for _, hand in found[:_N_REFINED]]


def _spectrum(image: F32, size: list[int]) -> npt.NDArray[np.complex64]:
    """Spectrum of a windowed picture's gradient, down and across as the two parts of a complex number."""
    import scipy.fft

    h, w = image.shape
    window = np.outer(np.hanning(h + 2)[1:-1], np.hanning(w + 2)[1:-1]).astype(np.float32)
    root = np.sqrt(np.maximum(image, 0) + 1e-4)
    gy, gx = np.gradient(root)
    return np.asarray(scipy.fft.fft2((gx + 1j * gy).astype(np.complex64) * window, size))
