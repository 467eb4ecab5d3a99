"""The second look in clear NumPy, the truth for the kernel's tests. Same arguments, the result last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from lichtbild.stages.denoise.reference import from_root, to_root

Floats = npt.NDArray[np.floating]

SIDE, STEP = 16, 8


def _blocks(parts: Floats) -> Floats:
    """Blocks [3, b, u, 16, 16] every 8 px of planes [3, H, W], mirrored beyond the edge, from -8."""
    height, width = parts.shape[1:]
    rows, columns = (-(-n // STEP) * STEP + STEP for n in (height, width))
    padded = np.pad(parts, ((0, 0), (STEP, rows - height), (STEP, columns - width)), "symmetric")
    return np.asarray(sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))[:, ::STEP, ::STEP])


def denoise_again(
    rgb: Floats, pilot: Floats, balance: Floats, offset: float, into: Floats, back: Floats, cells: Floats,
    spectrum: Floats, basis: Floats, first: int, out: Floats,
) -> None:  # fmt: skip
    """`rgb`, every coefficient of its parts kept as far as the same one of `pilot` stands above the noise; arguments
    as of the kernel."""
    height, width = rgb.shape[:2]
    transform, window = basis[:SIDE].astype(np.float64), basis[SIDE].astype(np.float64)
    parts, known = (
        np.einsum("pc,yxc->pyx", into, to_root(v.astype(np.float64) * balance, offset)) for v in (rgb, pilot)
    )
    block, known = (np.einsum("kr,pburs,ls->pbukl", transform, _blocks(q), transform) for q in (parts, known))

    rows, columns = (-(-n // STEP) for n in (height, width))
    more = [2 * n - c for n, c in zip((rows, columns), cells.shape[1:], strict=True)]
    whole = np.pad(cells.astype(np.float64), ((0, 0), (0, more[0]), (0, more[1])), "edge")
    cell = whole.reshape(3, rows, 2, columns, 2).mean((2, 4))
    # Beyond the border stands the outermost cell of 4x4 px.
    rim = np.pad(cells.astype(np.float64), ((0, 0), (2, more[0] + 2), (2, more[1] + 2)), "edge")
    wide = rim.reshape(3, rows + 2, 2, columns + 2, 2).mean((2, 4))
    b, u = block.shape[1:3]
    noise = np.mean([wide[:, i : i + b, j : j + u] for i in (0, 1) for j in (0, 1)], axis=0)[..., None, None]
    gain = known**2 / (known**2 + noise * spectrum[:, None, None] + 1e-20)
    gain[..., 0, 0] = 1
    trust = 1 / ((gain**2 * spectrum[:, None, None]).sum((3, 4), keepdims=True) + 1e-20)
    kept = gain * block
    kept[..., 0, 0] = known[..., 0, 0]
    values = np.einsum("kr,pbukl,ls->pburs", transform, kept, transform) * np.outer(window, window) * trust

    total = np.zeros((3, STEP * (b + 1), STEP * (u + 1)))
    weight = np.zeros_like(total)
    for i in range(b):
        for j in range(u):
            at = np.s_[:, STEP * i : STEP * i + SIDE, STEP * j : STEP * j + SIDE]
            total[at] += values[:, i, j]
            weight[at] += np.outer(window, window) * trust[:, i, j]
    shrunk = (total / np.maximum(weight, 1e-30))[:, STEP : STEP * (rows + 1), STEP : STEP * (columns + 1)]

    mirrored = np.pad(parts, ((0, 0), (0, STEP * rows - height), (0, STEP * columns - width)), "symmetric")
    lost = ((mirrored - shrunk) ** 2).reshape(3, rows, STEP, columns, STEP).mean((2, 4))
    given = np.einsum("pyx,cp->cyx", np.minimum(lost, 2 * cell), back.astype(np.float64) ** 2)
    added = given.repeat(STEP, 1).repeat(STEP, 2)[:, :height, :width]
    light = from_root(np.einsum("cp,pyx->cyx", back, shrunk[:, :height, :width]), offset) + added
    result = np.moveaxis(light, 0, 2) / balance
    out[:] = result[STEP * first : STEP * first + out.shape[0]]
