"""Pixels to rows of planes and back: copies at the speed of memory."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
GUARD = hl.TailStrategy.GuardWithIf


def schedule(g, pixels):
    """Bands of rows are tasks; interleaving is said aloud, so that a vector of pixels is loaded and stored whole."""
    pixels.dim(0).set_bounds(0, 3).set_stride(1)
    pixels.dim(1).set_min(0).set_stride(3)
    for k in range(3):
        g.out.output_buffer().dim(k).set_min(0)
    g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 16, GUARD).parallel(y, 16, GUARD)


@hl.generator(name="planes_of_pixels")
class PlanesOfPixels:
    """pixels float32 [H, W, 3] -> rows of planes float32 [H, 3, rim + W + rim], where the border repeats in the rim."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        width = g.pixels.dim(1).extent()
        rim = (g.out.output_buffer().dim(0).extent() - width) / 2
        g.out[x, c, y] = g.pixels[c, hl.clamp(hl.likely(x - rim), 0, width - 1), y]
        schedule(g, g.pixels)


@hl.generator(name="pixels_of_planes")
class PixelsOfPlanes:
    """rows of planes float32 [n], the numbers from the first one that is shown to the last, and how many lie from one
    plane's row to the next -> pixels float32 [H, W, 3]."""

    planes = hl.InputBuffer(hl.Float(32), 1)
    across = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        g.out[c, x, y] = g.planes[(3 * y + c) * g.across + x]
        schedule(g, g.out.output_buffer())


if __name__ == "__main__":
    hl.main()
