"""Stored numbers to light: (value - black) * scale, times the spatial gain. One pass, nothing in between."""

import halide as hl

x, y, p, i = hl.Var("x"), hl.Var("y"), hl.Var("p"), hl.Var("i")
xo, xi = hl.Var("xo"), hl.Var("xi")
STEP = 16  # px between the nodes of a gain grid, and one vector of floats


def row_gain(grid):
    """Gain at the nodes of row y for the two column parities: rows are interpolated once, not at every pixel."""
    fy = (hl.f32(y % STEP) + hl.f32(0.5)) / hl.f32(STEP)
    j = y // STEP
    phase = 2 * (y % 2) + p
    rows = hl.Func("rows")
    rows[p, i, y] = grid[phase, i, j] * (hl.f32(1) - fy) + grid[phase, i, j + 1] * fy
    return rows


def pixel_gain(rows):
    """Gain of pixel (x, y): a block of 16 pixels lies between two nodes, so nothing is gathered."""
    fx = (hl.f32(x % STEP) + hl.f32(0.5)) / hl.f32(STEP)
    k = x // STEP
    is_even = x % 2 == 0
    a = hl.select(is_even, rows[0, k, y], rows[1, k, y])
    b = hl.select(is_even, rows[0, k + 1, y], rows[1, k + 1, y])
    return a + (b - a) * fx


def schedule(out, rows=None):
    # Rows are independent and contiguous: one task a band of rows, one vector a block between two gain nodes.
    out.output_buffer().dim(0).set_min(0)
    out.output_buffer().dim(1).set_min(0)
    out.split(x, xo, xi, STEP, hl.TailStrategy.GuardWithIf).vectorize(xi).parallel(y, 32)
    if rows is not None:
        rows.compute_at(out, y).vectorize(i, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="linearise_u16")
class LineariseU16:
    """stored uint16 [H, W], black float32 [rb, W] (repeats every rb rows), delta_v [H], scale [W] -> float32 [H, W]."""

    stored = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    delta_v = hl.InputBuffer(hl.Float(32), 1)
    scale = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        level = g.black[x, y % g.black.dim(1).extent()] + g.delta_v[y]
        g.out[x, y] = (hl.f32(g.stored[x, y]) - level) * g.scale[x]
        schedule(g.out)


@hl.generator(name="linearise_gain_u16")
class LineariseGainU16:
    """As linearise_u16, times the gain grid float32 [ceil(H/16)+1, ceil(W/16)+1, 4] of the four sites of a 2x2 cell."""

    stored = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    delta_v = hl.InputBuffer(hl.Float(32), 1)
    scale = hl.InputBuffer(hl.Float(32), 1)
    grid = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        rows = row_gain(g.grid)
        level = g.black[x, y % g.black.dim(1).extent()] + g.delta_v[y]
        g.out[x, y] = (hl.f32(g.stored[x, y]) - level) * g.scale[x] * pixel_gain(rows)
        schedule(g.out, rows)


@hl.generator(name="mosaic_gain_f32")
class MosaicGainF32:
    """mosaic float32 [H, W] times the gain grid float32 [ceil(H/16)+1, ceil(W/16)+1, 4] -> float32 [H, W]."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        rows = row_gain(g.grid)
        g.out[x, y] = g.mosaic[x, y] * pixel_gain(rows)
        schedule(g.out, rows)


if __name__ == "__main__":
    hl.main()
