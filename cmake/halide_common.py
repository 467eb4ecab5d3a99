"""What several kernels share when they are generated: gain sampling, borders, schedules. Never imported at run time."""

from __future__ import annotations

import halide as hl

GAIN_STEP_PX = 16


def gain_at(grid: hl.Func, x: hl.Expr, y: hl.Expr, c: hl.Expr, n_x: hl.Expr, n_y: hl.Expr) -> hl.Expr:
    """Bilinear gain at the centre of pixel (x, y) from a grid with a node every 16 px (see core.frame.Frame.gain)."""
    u = (hl.f32(x) + 0.5) / GAIN_STEP_PX
    v = (hl.f32(y) + 0.5) / GAIN_STEP_PX
    i = hl.clamp(hl.i32(u), 0, n_x - 2)
    j = hl.clamp(hl.i32(v), 0, n_y - 2)
    fx, fy = u - hl.f32(i), v - hl.f32(j)
    top = grid[c, i, j] * (1 - fx) + grid[c, i + 1, j] * fx
    bottom = grid[c, i, j + 1] * (1 - fx) + grid[c, i + 1, j + 1] * fx
    return top * (1 - fy) + bottom * fy
