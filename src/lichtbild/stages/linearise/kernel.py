"""Stored numbers to light: (value - black) * scale, times the spatial gain. One pass, nothing in between."""

import halide as hl

x, y = hl.Var("x"), hl.Var("y")
LANES = 16


def gain(maps, row, weight):
    """Gain of pixel (x, y): maps are spread along the row beforehand, so only two rows of nodes are mixed here.

    Nothing is gathered and no site of the 2x2 cell is selected: there are maps for every row of a cell, their columns
    interleaved."""
    parity = y % maps.dim(2).extent()
    j = hl.clamp(row[y], 0, maps.dim(1).extent() - 2)
    upper, lower = maps[x, j, parity], maps[x, j + 1, parity]
    return upper + (lower - upper) * weight[y]


def light(g):
    level = g.black[x, y % g.black.dim(1).extent()] + g.delta_v[y]
    return (hl.f32(g.stored[x, y]) - level) * g.scale[x]


def schedule(out):
    # Bandwidth decides: full vectors along the row, one task a band of rows; the rows of black, scale and gain that a
    # band needs stay in the second-level cache.
    out.vectorize(x, LANES, hl.TailStrategy.GuardWithIf).parallel(y, 32, hl.TailStrategy.GuardWithIf)


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
        g.out[x, y] = light(g)
        schedule(g.out)


@hl.generator(name="linearise_gain_u16")
class LineariseGainU16:
    """As linearise_u16, times a gain: maps float32 [rows of a cell, n, W]; pixel row y lies
    `weight[y]` (float32 [H]) of the way from node row `row[y]` (int32 [H]) to the next."""

    stored = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    delta_v = hl.InputBuffer(hl.Float(32), 1)
    scale = hl.InputBuffer(hl.Float(32), 1)
    maps = hl.InputBuffer(hl.Float(32), 3)
    row = hl.InputBuffer(hl.Int(32), 1)
    weight = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        g.out[x, y] = light(g) * gain(g.maps, g.row, g.weight)
        schedule(g.out)


@hl.generator(name="spatial_gain_f32")
class SpatialGainF32:
    """pixels float32 [H, W] times a gain as in linearise_gain_u16 -> float32 [H, W]."""

    pixels = hl.InputBuffer(hl.Float(32), 2)
    maps = hl.InputBuffer(hl.Float(32), 3)
    row = hl.InputBuffer(hl.Int(32), 1)
    weight = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        g.out[x, y] = g.pixels[x, y] * gain(g.maps, g.row, g.weight)
        schedule(g.out)


if __name__ == "__main__":
    hl.main()
