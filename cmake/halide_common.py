"""What several kernels share when they are generated: gain sampling, borders, schedules. Never imported at run time."""

from __future__ import annotations

import halide as hl

GAIN_STEP_PX = 16


def f32(value):
    return hl.f32(float(value))


def total(terms):
    """Their sum, without the 0 that Python's sum starts with."""
    terms = list(terms)
    return sum(terms[1:], terms[0])


def pick(values, index):
    """values[index] for an index that is unrolled: a chain of selects that folds away."""
    chosen = values[-1]
    for m in range(len(values) - 2, -1, -1):
        chosen = hl.select(index == m, values[m], chosen)
    return chosen


def to_root(value, offset, root):
    """Square root of value + offset, continued with its tangent below half the root of the offset, `root`."""
    knee = f32(-0.75) * offset
    straight = f32(0.5) * root + (value - knee) * (f32(1) / root)
    return hl.select(value > knee, hl.sqrt(hl.max(value, knee) + offset), straight)


def from_root(t, offset, root):
    """Inverse of `to_root`."""
    return hl.select(t > f32(0.5) * root, t * t, (t - f32(0.25) * root) * root) - offset


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


NEAR_PX = 2.5


def tile_cells(grid: hl.Func, name: str, *which: hl.Var) -> hl.Func:
    """A grid of values at the centres of tiles, (component, tile x, tile y), made ready for bilinear samples.

    Func (component, i, j) of the half tiles: the value at (u, v), distances from the tile's centre in tiles, is
    t[0] + u t[1] + v t[2] + u v t[3]. The grid repeats beyond its border. A neighbour that differs by more than 2.5 px
    belongs to something else that moves: the tile does not reach out for it. `which`: further dimensions of the grid,
    as of many frames.
    """
    field = hl.BoundaryConditions.repeat_edge(grid)
    n, i, j = hl.Var("n"), hl.Var("i"), hl.Var("j")
    here = hl.f32(field[(n, i // 2, j // 2, *which)])

    def near(di: hl.Expr, dj: hl.Expr) -> hl.Expr:
        value = hl.f32(field[(n, i // 2 + di, j // 2 + dj, *which)])
        return hl.select(hl.abs(value - here) < hl.f32(NEAR_PX), value, here)

    beside, above = 2 * (i % 2) - 1, 2 * (j % 2) - 1
    b, c, d = near(beside, hl.i32(0)), near(hl.i32(0), above), near(beside, above)
    cells = hl.Func(name)
    cells[(n, i, j, *which)] = hl.Tuple((here, b - here, c - here, d - b - c + here))
    return cells


def off_centre(position: hl.Expr, tile: int) -> hl.Expr:
    """Distance of pixel `position` from its tile's centre, in tiles."""
    return hl.abs((hl.f32(position % tile) + hl.f32(0.5)) / tile - hl.f32(0.5))


def spline_pixels(coefficients: hl.Func, border: int) -> hl.Func:
    """Func (x, c, y) of the pixels that cubic B-splines make of `coefficients` (x, c, y), which begin `border` rows and
    columns before them."""
    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
    tall, pixels = hl.Func("tall_spline"), hl.Func("spline")
    side, middle = hl.f32(1 / 6), hl.f32(2 / 3)
    at = [coefficients[x, c, y + border + k] for k in (-1, 0, 1)]
    tall[x, c, y] = side * (at[0] + at[2]) + middle * at[1]
    at = [tall[x + border + k, c, y] for k in (-1, 0, 1)]
    pixels[x, c, y] = side * (at[0] + at[2]) + middle * at[1]
    return pixels


def held(index: hl.Expr, last: hl.Expr) -> hl.Expr:
    """An index held inside an array, which Halide may rely on."""
    return hl.unsafe_promise_clamped(hl.clamp(index, 0, last), hl.i32(0), last)


def padded_load(flat: hl.Func, start: hl.Expr, lane: hl.Expr, length: hl.Expr) -> hl.Expr:
    """flat[start + lane] for lanes 0 to 15 of one vector; `start` is held inside the array, whatever it was."""
    return flat[held(start, length - 16) + lane]
