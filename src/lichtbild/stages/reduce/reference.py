"""The kernel of reduce in clear NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]


def reduce_means(
    clip: float, first_row: I32, row_weight: F32, row_step: int, first_column: I32, column_weight: F32,
    column_step: int, samples: npt.NDArray[np.generic], out: F32,
) -> None:  # fmt: skip
    """See kernel Means; arguments in its order."""
    values = samples.astype(np.float32)
    planes = values, (values >= clip).astype(np.float32)
    means = []
    for plane in planes:
        rows = np.zeros((out.shape[0], plane.shape[1]), np.float32)
        for k in range(row_weight.shape[1]):
            rows += row_weight[:, k, None] * plane[first_row + k * row_step]
        mean = np.zeros_like(out)
        for k in range(column_weight.shape[0]):
            mean += column_weight[k] * rows[:, first_column + k * column_step]
        means.append(mean)
    part = np.clip(2 * means[1] - np.float32(0.5), 0, 1)
    out[:] = means[0]
    some = part > 0
    out[some] = means[0][some] * (1 - part[some]) + np.float32(clip) * part[some]
