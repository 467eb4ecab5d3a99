"""Stored numbers to light: (value - black) / (white - black), times the spatial gain. One pass, nothing in between."""

import halide as hl

x, y = hl.Var("x"), hl.Var("y")


@hl.generator(name="linearise_u16")
class LineariseU16:
    """stored uint16 [H, W], black and scale float32 [rh, rw], row and column deltas, gain grid [gh, gw, n] and the
    grid's plane of each CFA site int32 [2, 2] -> float32 [H, W]."""

    stored = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    delta_row = hl.InputBuffer(hl.Float(32), 1)
    delta_column = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        bw, bh = g.black.dim(0).extent(), g.black.dim(1).extent()
        level = g.black[x % bw, y % bh] + g.delta_row[y] + g.delta_column[x]
        g.out[x, y] = (hl.f32(g.stored[x, y]) - level) * g.scale[x % bw, y % bh]

        # Rows are independent and contiguous: one task a band of rows, full vectors along the row.
        g.out.vectorize(x, 16, hl.TailStrategy.GuardWithIf).parallel(y, 64)


if __name__ == "__main__":
    hl.main()
