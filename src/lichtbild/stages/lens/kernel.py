"""Resampling along a smooth displacement, one for each plane, with the spatial gain: one pass, nothing in between."""

import halide as hl

x, y, c, v, i, k = (hl.Var(n) for n in ("x", "y", "c", "v", "i", "k"))
xo, xi, xt, yo, yi = (hl.Var(n) for n in ("xo", "xi", "xt", "yo", "yi"))
STEP = 16  # px between the nodes of the grid, and one vector of coordinates
TAPS = 6
LANES = 16  # floats from the first to the last of six taps of one plane of interleaved RGB: 5 * 3 + 1
PHASES = 256  # positions between two pixels that have weights of their own
DX, DY, GAIN = 0, 1, 2


def curved(before, here, after, beyond, t):
    """Between the nodes `here` (t = 0) and `after` (t = 1) along the parabola through all four: exact for quadratics."""
    bend = (here + after - before - beyond) * hl.f32(0.25)
    return here + (after - here) * t + bend * t * (hl.f32(1) - t)


def window(position, length):
    """First of the six taps and the row of the weight table for a displaced index, given in 1/256 px.

    At the picture's border the window is held inside; the weight rows for that shift repeat the border's pixel."""
    first = (position >> 8) - 2
    held = hl.clamp(first, 0, length - TAPS)
    shift = hl.clamp(first - held, 1 - TAPS, TAPS - 1)
    return held, (shift + TAPS - 1) * PHASES + (position & (PHASES - 1))


def rounded(displacement):
    return hl.i32(hl.floor(displacement * hl.f32(PHASES) + hl.f32(0.5)))


@hl.generator(name="lens_warp")
class LensWarp:
    """pixels float32 [H, W * 3]; grid float32 [ceil(h/16)+3, ceil(w/16)+3, 3 planes, 3]: displacement x and y in px and
    gain at output position (16 (i - 1), 16 (j - 1)); weights across float32 [11 * 256, 16] (zeros between the taps) and
    down [11 * 256, 6] -> float32 [h, w, 3]."""

    pixels = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 4)
    across = hl.InputBuffer(hl.Float(32), 2)
    down = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        width, height = g.pixels.dim(0).extent() // 3, g.pixels.dim(1).extent()

        # The grid at row y, then at pixel x.
        nodes, ty = hl.Func("nodes"), (hl.f32(y % STEP) + hl.f32(0.5)) / hl.f32(STEP)
        around = [g.grid[v, c, i, y // STEP + n] for n in range(4)]
        straight = around[1] + (around[2] - around[1]) * ty
        nodes[i, v, c, y] = hl.select(v == GAIN, straight, curved(*around, ty))
        tx = (hl.f32(x % STEP) + hl.f32(0.5)) / hl.f32(STEP)

        def at_pixel(value, is_curved):
            four = [nodes[x // STEP + n, value, c, y] for n in range(4)]
            return curved(*four, tx) if is_curved else four[1] + (four[2] - four[1]) * tx

        place = hl.Func("place")
        left, row_across = window(x * PHASES + rounded(at_pixel(DX, True)), width)
        top, row_down = window(y * PHASES + rounded(at_pixel(DY, True)), height)
        place[x, y, c] = (left * 3 + c, row_across, top, row_down)
        gain = hl.Func("gain")
        gain[x, y, c] = at_pixel(GAIN, False)

        # Six rows weighted down, then across: the lanes are floats of one row, so that every load is contiguous. What
        # `window` returns is held inside already.
        rows = (2 * TAPS - 1) * PHASES - 1
        limits = ((width - TAPS) * 3 + 2, rows, height - TAPS, rows)
        first, row_across, top, row_down = (
            hl.unsafe_promise_clamped(place[x, y, c][n], 0, limit) for n, limit in enumerate(limits)
        )
        lane = hl.RDom([(0, LANES)], "lane")
        weighed = hl.f32(0)
        for n in range(TAPS):
            weighed += g.down[n, row_down] * g.pixels[first + lane.x, top + n]
        value = hl.Func("value")
        value[x, y, c] = hl.f32(0)
        value[x, y, c] += weighed * g.across[lane.x, row_across]
        g.out[c, x, y] = value[x, y, c] * gain[x, y, c]

        # Tiles keep the source rows of a bent line in the second-level cache.
        g.out.output_buffer().dim(0).set_bounds(0, 3)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.output_buffer().dim(2).set_min(0)
        guard = hl.TailStrategy.GuardWithIf
        g.out.split(y, yo, yi, 64, guard).split(x, xt, x, 256, guard).split(x, xo, xi, STEP, guard)
        g.out.reorder(c, xi, xo, yi, xt, yo).unroll(c).vectorize(xi).parallel(yo)
        nodes.compute_at(g.out, yi).vectorize(i, 8, guard)
        place.compute_at(g.out, xo).vectorize(x, STEP)
        value.compute_at(g.out, xo)
        value.update().atomic().vectorize(lane.x)
        # Where a plane of a block has no gain map of its own the compiler cannot know it: the gain costs three
        # multiplications a pixel, nothing against the 36 of the taps.


if __name__ == "__main__":
    hl.main()
