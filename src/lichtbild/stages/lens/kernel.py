"""Resampling along a smooth displacement, one for each plane, with the spatial gain: one pass, nothing in between."""

import halide as hl

x, y, c, v, i, k, f = (hl.Var(n) for n in ("x", "y", "c", "v", "i", "k", "f"))  # f: float of a row, 3 x + c
fo, fi, ft, yo, yi = (hl.Var(n) for n in ("fo", "fi", "ft", "yo", "yi"))
STEP = 16  # px between the nodes of the grid, and one vector of coordinates
TAPS = 6
LANES = 8  # that hold six taps
PAD = LANES  # columns after the last of a plane, which the lanes reach into
FLOATS = 3 * STEP  # of the result summed up together
PHASES = 256  # positions between two pixels that have weights of their own
DX, DY, GAIN = 0, 1, 2


def curved(before, here, after, beyond, t):
    """Between the nodes `here` (t = 0) and `after` (t = 1) along the parabola of all four: exact for quadratics.

    Rounded alike wherever it is compiled to: a band of a picture shows the same pixels as the whole."""
    bend = (here + after - before - beyond) * hl.f32(0.25)
    return hl.strict_float(here + (after - here) * t + bend * t * (hl.f32(1) - t))


def window(position, length):
    """First of the six taps and the row of the weight table for a displaced index, given in 1/256 px.

    At the picture's border the window is held inside; the weight rows for that shift repeat the border's pixel."""
    first = (position >> 8) - 2
    held = hl.clamp(first, 0, length - TAPS)
    shift = hl.clamp(first - held, 1 - TAPS, TAPS - 1)
    return held, (shift + TAPS - 1) * PHASES + (position & (PHASES - 1))


def rounded(displacement):
    return hl.i32(hl.floor(displacement * hl.f32(PHASES) + hl.f32(0.5)))


def warp(g, is_shared):
    """The algorithm and schedule of lens_warp; `is_shared`: all planes come from the place of plane 0."""
    # The grid at row y, then at pixel x.
    nodes, ty = hl.Func("nodes"), (hl.f32(y % STEP) + hl.f32(0.5)) / hl.f32(STEP)
    around = [g.grid[v, c, i, y // STEP + n] for n in range(4)]
    straight = around[1] + (around[2] - around[1]) * ty
    nodes[i, v, c, y] = hl.select(v == GAIN, straight, curved(*around, ty))
    tx = (hl.f32(x % STEP) + hl.f32(0.5)) / hl.f32(STEP)

    def at_pixel(value, is_curved):
        four = [nodes[x // STEP + n, value, c, y] for n in range(4)]
        return curved(*four, tx) if is_curved else four[1] + (four[2] - four[1]) * tx

    place, gain = hl.Func("place"), hl.Func("gain")
    left, row_across = window(x * PHASES + rounded(at_pixel(DX, True)), g.width)
    top, row_down = window((y + g.first) * PHASES + rounded(at_pixel(DY, True)), g.height)
    stride = g.width + PAD
    n_rows = g.planes.dim(0).extent() // (3 * stride)  # those that are here
    held_top = hl.clamp(top - g.start, 0, n_rows - TAPS)
    place[x, y, c] = (held_top * (3 * stride) + left, row_across, row_down)
    gain[x, y, c] = at_pixel(GAIN, False)

    # Six rows weighted down, then across: the lanes k are floats of one plane's row, so that every load is contiguous.
    # What `window` returns is held inside already.
    rows = (2 * TAPS - 1) * PHASES - 1
    limits = ((n_rows - TAPS + 1) * (3 * stride), rows, rows)
    found = place[f // 3, y, 0 if is_shared else f % 3]
    first, row_across, row_down = (hl.unsafe_promise_clamped(found[n], 0, limit) for n, limit in enumerate(limits))
    mixed = hl.f32(0)
    for n in range(TAPS):
        mixed += g.down[n, row_down] * g.planes[first + (3 * n + f % 3) * stride + k]
    weighed = hl.Func("weighed")
    weighed[k, f, y] = mixed * (g.across[k, row_across] * gain[f // 3, y, f % 3])

    total, lane = hl.Func("total"), hl.RDom([(0, LANES)], "lane")
    total[f, y] = hl.f32(0)
    total[f, y] += weighed[lane.x, f, y]
    g.out[f, y] = total[f, y]

    # Bands of rows are tasks; tiles in them keep the source rows of a bent line in the second-level cache.
    for buffer in (g.planes, g.across, g.down, g.grid, g.out.output_buffer()):
        for axis in range(buffer.dimensions()):
            buffer.dim(axis).set_min(0)
    g.across.dim(1).set_stride(LANES)
    g.down.dim(1).set_stride(TAPS)
    guard = hl.TailStrategy.GuardWithIf
    g.out.split(y, yo, yi, 64, guard).split(f, ft, f, 256 * 3, guard).split(f, fo, f, FLOATS, guard)
    g.out.reorder(f, fo, yi, ft, yo).vectorize(f).parallel(yo)
    nodes.compute_at(g.out, yi).vectorize(i, 8, guard)
    place.compute_at(g.out, fo).vectorize(x, STEP).unroll(c)
    gain.compute_at(g.out, fo).vectorize(x, STEP).unroll(c)
    # Sums over the lanes are taken of several floats at once: shuffles between registers are most of their cost.
    weighed.compute_at(g.out, fo).vectorize(k, LANES).unroll(f)
    total.compute_at(g.out, fo).vectorize(f).update().atomic().vectorize(lane.x).vectorize(f)


class Inputs:
    """planes float32 [n * 3 * (W + 8)], n rows of three planes of a picture of W x H px, the first one its row
    `start`; `first`, the row of the result (a multiple of 16) that `out` begins with; grid float32 [ceil(h/16)+3,
    ceil(w/16)+3, 3 planes, 3]: displacement x and y in px and gain at position (first + 16 (i - 1), 16 (j - 1)) of the
    result; weights across float32 [11 * 256, 8] (zeros after the taps) and down [11 * 256, 6] -> float32 [h, w * 3]."""

    planes = hl.InputBuffer(hl.Float(32), 1)
    width = hl.InputScalar(hl.Int(32))
    height = hl.InputScalar(hl.Int(32))
    start = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    grid = hl.InputBuffer(hl.Float(32), 4)
    across = hl.InputBuffer(hl.Float(32), 2)
    down = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)


@hl.generator(name="lens_warp")
class LensWarp(Inputs):
    """Each plane from its own place (lateral colour)."""

    def generate(self):
        warp(self, is_shared=False)


@hl.generator(name="lens_warp_shared")
class LensWarpShared(Inputs):
    """All planes from the place of plane 0."""

    def generate(self):
        warp(self, is_shared=True)


@hl.generator(name="lens_warp_single")
class LensWarpSingle:
    """values float32 [n, W] along the displacement of plane 1 of a grid as in lens_warp, bilinear -> float32 [h, w];
    n rows of H, `start` and `first` as there."""

    values = hl.InputBuffer(hl.Float(32), 2)
    height = hl.InputScalar(hl.Int(32))
    start = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    grid = hl.InputBuffer(hl.Float(32), 4)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        nodes, ty = hl.Func("nodes"), (hl.f32(y % STEP) + hl.f32(0.5)) / hl.f32(STEP)
        nodes[i, v, y] = curved(*(g.grid[v, 1, i, y // STEP + n] for n in range(4)), ty)
        tx = (hl.f32(x % STEP) + hl.f32(0.5)) / hl.f32(STEP)

        def source(value, position, extent):
            displacement = curved(*(nodes[x // STEP + n, value, y] for n in range(4)), tx)
            exact = hl.clamp(hl.f32(position) + displacement, hl.f32(0), hl.f32(extent - 1))
            low = hl.clamp(hl.i32(exact), 0, extent - 2)
            return low, exact - hl.f32(low)

        column, fx = source(DX, x, g.values.dim(0).extent())
        row, fy = source(DY, y + g.first, g.height)
        row = hl.clamp(row - g.start, 0, g.values.dim(1).extent() - 2)
        upper = g.values[column, row] * (hl.f32(1) - fx) + g.values[column + 1, row] * fx
        lower = g.values[column, row + 1] * (hl.f32(1) - fx) + g.values[column + 1, row + 1] * fx
        g.out[x, y] = upper + (lower - upper) * fy

        guard = hl.TailStrategy.GuardWithIf
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.parallel(y, 64, guard).split(x, fo, fi, STEP, guard).vectorize(fi)
        nodes.compute_at(g.out, y).vectorize(i, 8, guard)


if __name__ == "__main__":
    hl.main()
