"""Gain of every cell of pixels: two pictures of 12 MP are read once, at the speed of memory.

The mean of logarithms is what a decoder's factor stands for. One logarithm a cell: that of the product of its ratios.
"""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
GUARD = hl.TailStrategy.GuardWithIf


def generate(g, step):
    height, width = g.hdr.dim(2).extent(), g.hdr.dim(1).extent()
    ratio = hl.Func("ratio")
    yy, xx = hl.min(y, height - 1), hl.min(x, width - 1)
    seen = g.light[hl.i32(g.sdr[c, xx, yy])] + g.offset
    ratio[c, x, y] = (hl.max(g.hdr[c, xx, yy], hl.f32(0)) + g.offset) / seen
    product = hl.f32(1)
    for dy in range(step):
        for dx in range(step):
            product = product * ratio[c, step * x + dx, step * y + dy]
    g.out[c, x, y] = hl.fast_log(product) * hl.f32(1.4426950408889634 / step**2)
    for picture in (g.sdr, g.hdr):
        picture.dim(0).set_bounds(0, 3).set_stride(1)
        picture.dim(1).set_min(0).set_stride(3)
        picture.dim(2).set_min(0)
    g.light.dim(0).set_bounds(0, 256)
    out = g.out.output_buffer()
    out.dim(0).set_bounds(0, 3).set_stride(1)
    out.dim(1).set_min(0).set_stride(3)
    out.dim(2).set_min(0)
    g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, GUARD).parallel(y, 16, GUARD)


@hl.generator(name="gain_map_full")
class GainMapFull:
    """sdr uint8 [H, W, 3], hdr float32 [H, W, 3], light float32 [256], offset -> log2 gains float32 [H, W, 3]."""

    sdr = hl.InputBuffer(hl.UInt(8), 3)
    hdr = hl.InputBuffer(hl.Float(32), 3)
    light = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        generate(self, 1)


@hl.generator(name="gain_map_half")
class GainMapHalf:
    """The same of cells of 2 x 2 px: float32 [ceil(H / 2), ceil(W / 2), 3]."""

    sdr = hl.InputBuffer(hl.UInt(8), 3)
    hdr = hl.InputBuffer(hl.Float(32), 3)
    light = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        generate(self, 2)


if __name__ == "__main__":
    hl.main()
