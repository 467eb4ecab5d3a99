"""The demosaicer in clear NumPy, the truth for the kernel's tests. Same arguments as the kernel, one array a step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

# Mirrored rim, px: more than the reach of all steps together.
PAD_PX = 32
# Low-pass of the colour difference along a line, its half-width, and the half-width of the statistics across it.
LOW_PASS = (1, 3, 5, 6, 5, 3, 1)
ACROSS_PX = 2
FLOOR = 1e-6


def at(a: Floats, dy: int, dx: int) -> Floats:
    """`a` seen from dy rows below and dx columns to the right."""
    return np.roll(a, (-dy, -dx), (0, 1))


def along(a: Floats, weights: tuple[float, ...], step: int, axis: int) -> Floats:
    """Symmetric weighted sum over neighbours `step` px apart along an axis."""
    half = len(weights) // 2
    total = np.zeros_like(a)
    for k, w in enumerate(weights):
        total += np.float32(w) * np.roll(a, -(k - half) * step, axis)
    return total


def to_root(value: Floats, offset: float) -> Floats:
    """Variance-stabilising square root sqrt(value + offset), continued with its tangent below zero."""
    root = np.float32(np.sqrt(offset))
    return np.where(
        value > 0, np.sqrt(np.maximum(value, 0) + np.float32(offset)), root + value * (np.float32(0.5) / root)
    )


def from_root(t: Floats, offset: float) -> Floats:
    """Inverse of `to_root`."""
    root = np.float32(np.sqrt(offset))
    return np.where(t > root, t * t - np.float32(offset), (t - root) * (2 * root))


def green_minus_colour(t: Floats, sign: Floats, axis: int, slope_prior: float) -> tuple[Floats, Floats]:
    """Green minus the line's other colour along one axis at every pixel, and the expected squared error of it."""
    other = along(t, (0.5, 0, 0.5), 1, axis)
    own_curve = along(t, (-0.25, 0.5, -0.25), 2, axis)
    other_curve = along(other, (-0.25, 0.5, -0.25), 2, axis)
    # How much of a colour's fine structure the other colour shares: a regression over 3x3 pixels of equal colour.
    window = (1, 1, 1)
    shared = along(along(own_curve * other_curve, window, 2, axis), window, 2, 1 - axis)
    power = along(along(own_curve * own_curve, window, 2, axis), window, 2, 1 - axis)
    slope = np.clip((shared + slope_prior) / (power + slope_prior), 0, 1.5)
    d = sign * (t - other - slope * own_curve)

    weights = tuple(w / sum(LOW_PASS) for w in LOW_PASS)
    box = tuple(1 / len(LOW_PASS) for _ in LOW_PASS)
    smooth = along(d, weights, 1, axis)
    mean = along(smooth, box, 1, axis)
    signal = np.maximum(along(smooth * smooth, box, 1, axis) - mean * mean, 0)
    error = along((d - smooth) ** 2, box, 1, axis)
    across = (1 / (2 * ACROSS_PX + 1),) * (2 * ACROSS_PX + 1)
    signal = along(signal, across, 1, 1 - axis) + np.float32(FLOOR)
    error = along(error, across, 1, 1 - axis) + np.float32(FLOOR)
    gain = signal / (signal + error)
    return mean + gain * (d - mean), gain * error


def green_again(t: Floats, green: Floats, slope: Floats, back: Floats, floor: float) -> Floats:
    """Green from the four pixels beside, each with the own colour that lies between here and two pixels on.

    slope: the colour's fine structure over green's; back: green's over the colour's.
    """
    total, total_colour, weight = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside, across = at(green, dy, dx), at(green, -dy, -dx)
        far, green_far = at(t, 2 * dy, 2 * dx), at(green, 2 * dy, 2 * dx)
        colour = (t + far) / 2 + slope * (beside - (green + green_far) / 2)
        w = 1 / (np.float32(floor) + np.abs(far - t) + np.abs(beside - across))
        total, total_colour, weight = total + w * beside, total_colour + w * colour, weight + w
    return (total + back * (t * weight - total_colour)) / weight


def weighted(
    colour: tuple[Floats, ...], beyond: tuple[Floats, ...], green: tuple[Floats, ...], green_beyond: tuple[Floats, ...],
    centre: Floats, green_two: tuple[Floats, ...], slope: Floats, floor: float,
) -> Floats:  # fmt: skip
    """Colour at a pixel from four neighbours (in opposite pairs 0-1 and 2-3) and its green.

    colour, green: the neighbours' values; beyond, green_beyond: the same three times as far; green_two: green twice as
    far; centre: green here; slope: colour's fine structure over green's.
    """
    total = np.zeros_like(centre)
    total_green = np.zeros_like(centre)
    weight = np.zeros_like(centre)
    for n in range(4):
        o = n ^ 1
        unlike = np.float32(floor) + np.abs(colour[n] - colour[o] - slope * (green[n] - green[o]))
        unlike += np.abs(colour[n] - beyond[n] - slope * (green[n] - green_beyond[n]))
        unlike += np.abs(centre - green_two[n]) + np.abs(centre - green[n])
        w = 1 / unlike
        total, total_green, weight = total + w * colour[n], total_green + w * green[n], weight + w
    return (total + slope * (centre * weight - total_green)) / weight


def colours_at(
    sideways: Floats, upright: Floats, green: Floats, slope: Floats, steps: tuple[tuple[int, int], ...], floor: float
) -> Floats:
    """`weighted` for neighbours at `steps`: the first pair is read from `sideways`, the second from `upright`."""
    source = (sideways, sideways, upright, upright)
    return weighted(
        tuple(at(s, *d) for s, d in zip(source, steps, strict=True)),
        tuple(at(s, 3 * d[0], 3 * d[1]) for s, d in zip(source, steps, strict=True)),
        tuple(at(green, *d) for d in steps),
        tuple(at(green, 3 * d[0], 3 * d[1]) for d in steps),
        green,
        tuple(at(green, 2 * d[0], 2 * d[1]) for d in steps),
        slope,
        floor,
    )


def demosaic(
    mosaic: Floats, red_row: int, red_column: int, white_balance: tuple[float, float, float],
    offset: float, prior: tuple[float, float, float], first_row: int, out: Floats,
) -> None:  # fmt: skip
    """Mosaic to camera RGB.

    Parameters
    ----------
    mosaic
        float32 [H, W], linear.
    red_row, red_column
        Parity of the rows and columns of red.
    white_balance
        Multipliers of red, green and blue; used inside and taken out again.
    offset
        Of the square root, in units of the white-balanced signal.
    prior
        Regression priors: of the slope along lines, of the slope of red and blue over green, and the floor of the
        likeness weights.
    first_row
        Of the mosaic, that is wanted first.
    out
        float32 [rows wanted, W, 3], written.
    """
    height, width = mosaic.shape
    padded = np.pad(mosaic, PAD_PX, mode="reflect")
    rows = (np.arange(-PAD_PX, height + PAD_PX) + red_row)[:, None] % 2 == 0
    columns = (np.arange(-PAD_PX, width + PAD_PX) + red_column)[None, :] % 2 == 0
    red, blue = rows & columns, ~rows & ~columns
    coloured = red | blue
    balance = np.where(red, white_balance[0], np.where(blue, white_balance[2], white_balance[1])).astype(np.float32)
    t = to_root(padded * balance, offset).astype(np.float32)

    sign = np.where(coloured, -1, 1).astype(np.float32)
    d_h, error_h = green_minus_colour(t, sign, 1, prior[0])
    d_v, error_v = green_minus_colour(t, sign, 0, prior[0])
    # Squared: errors are estimates themselves, and the smaller is the likelier.
    doubt_h, doubt_v = error_h**2, error_v**2
    first_green = np.where(coloured, t + (d_h * doubt_v + d_v * doubt_h) / (doubt_h + doubt_v), t)

    def curve(a: Floats) -> Floats:
        return 4 * a - at(a, 0, 2) - at(a, 0, -2) - at(a, 2, 0) - at(a, -2, 0)

    def boxes(a: Floats) -> Floats:
        return along(along(a, (1, 1, 1), 2, 1), (1, 1, 1), 2, 0)

    own, of_green = curve(t), curve(first_green)
    shared, power, own_power = boxes(own * of_green), boxes(of_green * of_green), boxes(own * own)
    slope = np.clip((shared + prior[1]) / (power + prior[1]), 0, 1)
    back = np.clip((shared + prior[0]) / (own_power + prior[0]), 0, 1)
    green = np.where(coloured, green_again(t, first_green, slope, back, prior[2]), t)
    across, down = (at(slope, 0, -1) + at(slope, 0, 1)) / 2, (at(slope, -1, 0) + at(slope, 1, 0)) / 2
    diagonal = (at(across, -1, 0) + at(across, 1, 0)) / 2

    other = colours_at(t, t, green, diagonal, ((-1, -1), (1, 1), (-1, 1), (1, -1)), prior[2])
    cross = ((0, -1), (0, 1), (-1, 0), (1, 0))
    of_row = colours_at(t, other, green, across, cross, prior[2])
    of_column = colours_at(other, t, green, down, cross, prior[2])

    first = np.where(coloured, t, of_row)
    second = np.where(coloured, other, of_column)
    planes = np.where(rows, first, second), green, np.where(rows, second, first)
    inside = slice(PAD_PX, PAD_PX + height), slice(PAD_PX, PAD_PX + width)
    for c in range(3):
        whole = from_root(planes[c][inside], offset) / np.float32(white_balance[c])
        out[..., c] = whole[first_row : first_row + out.shape[0]]
