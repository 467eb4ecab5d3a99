"""Gain of every pixel or cell of pixels: two pictures of 12 MP are read at the speed of memory.

The mean of logarithms is what a decoder's factor stands for. One logarithm a cell: that of the product of its ratios.
"""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
GUARD = hl.TailStrategy.GuardWithIf


def log_gain(g, step):
    """log2 of (hdr + offset) / (sdr + offset), the mean over a cell; cells at the far edges repeat its last pixels."""
    height, width = g.hdr.dim(2).extent(), g.hdr.dim(1).extent()
    product = hl.f32(1)
    for dy in range(step):
        for dx in range(step):
            xx, yy = hl.min(step * x + dx, width - 1), hl.min(step * y + dy, height - 1)
            seen = g.light[hl.i32(g.sdr[c, xx, yy])] + g.offset
            product = product * ((hl.max(g.hdr[c, xx, yy], hl.f32(0)) + g.offset) / seen)
    return hl.fast_log(product) * hl.f32(1.4426950408889634 / step**2)


def schedule(g):
    out = g.out.output_buffer()
    for picture in (g.sdr, g.hdr, out):
        picture.dim(0).set_bounds(0, 3).set_stride(1)
        picture.dim(1).set_min(0).set_stride(3)
        picture.dim(2).set_min(0)
    g.light.dim(0).set_bounds(0, 256)
    g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, GUARD).parallel(y, 16, GUARD)


@hl.generator(name="gain_map_cells")
class GainMapCells:
    """sdr uint8 [H, W, 3], hdr float32 [H, W, 3], light float32 [256], offset -> log2 gains of cells of 2 x 2 px,
    float32 [ceil(H / 2), ceil(W / 2), 3]."""

    sdr = hl.InputBuffer(hl.UInt(8), 3)
    hdr = hl.InputBuffer(hl.Float(32), 3)
    light = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        self.out[c, x, y] = log_gain(self, 2)
        schedule(self)


@hl.generator(name="gain_map_codes")
class GainMapCodes:
    """The same of every pixel as codes: low float32 [3] is 0, codes rise by scale float32 [3] a stop ->
    uint8 [H, W, 3]."""

    sdr = hl.InputBuffer(hl.UInt(8), 3)
    hdr = hl.InputBuffer(hl.Float(32), 3)
    light = hl.InputBuffer(hl.Float(32), 1)
    low = hl.InputBuffer(hl.Float(32), 1)
    scale = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        code = (log_gain(self, 1) - self.low[c]) * self.scale[c] + hl.f32(0.5)
        self.out[c, x, y] = hl.u8(hl.max(hl.min(code, hl.f32(255)), hl.f32(0)))
        for numbers in (self.low, self.scale):
            numbers.dim(0).set_bounds(0, 3)
        schedule(self)


if __name__ == "__main__":
    hl.main()
