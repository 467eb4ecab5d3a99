"""Resampling along a smooth displacement, one for each plane, with the spatial gain: one pass, nothing in between.

lens_warp for what bends slowly, which every lens of a camera does; lens_warp_far for any displacement."""

import halide as hl
from halide_common import pick, total

x, y, c, v, i, k, f = (hl.Var(n) for n in ("x", "y", "c", "v", "i", "k", "f"))  # f: float of a row, 3 x + c
t, n = hl.Var("t"), hl.Var("n")  # 16 px of a row between two nodes, and a tap
xo, xi, fo, fi, ft, yo, yi = (hl.Var(name) for name in ("xo", "xi", "fo", "fi", "ft", "yo", "yi"))
STEP = 16  # px between the nodes of the grid, and one vector
TAPS = 6
RIM = 24  # columns before and after the picture's where its border is repeated: a vector's window and a little
LANES = 8  # that hold six taps
FLOATS = 3 * STEP  # of the result summed up together
PHASES = 256  # positions between two pixels that have weights of their own in tables
FARTHEST = 1 << 22
DX, DY, GAIN = 0, 1, 2


def curved(before, here, after, beyond, t):
    """Between the nodes `here` (t = 0) and `after` (t = 1) along the parabola of all four: exact for quadratics."""
    bend = (here + after - before - beyond) * hl.f32(0.25)
    return here + (after - here) * t + bend * t * (hl.f32(1) - t)


def nodes_of_row(grid):
    """Func (i, v, c, y) of the grid's values at row y, from the node before the picture on."""
    nodes, ty = hl.Func("nodes"), (hl.f32(y % STEP) + hl.f32(0.5)) / hl.f32(STEP)
    around = [grid[v, c, i, y // STEP + m] for m in range(4)]
    straight = around[1] + (around[2] - around[1]) * ty
    # Rounded alike wherever it is compiled to: a band of a picture shows the same pixels as the whole.
    nodes[i, v, c, y] = hl.select(v == GAIN, straight, hl.strict_float(curved(*around, ty)))
    return nodes


def common_window(g, nodes):
    """Whole pixels that sixteen are moved by at least, and the columns and rows of the arrays that their taps begin
    with: seven of each serve all of them."""
    stride = g.width + 2 * RIM
    n_rows = g.planes.dim(0).extent() // (3 * stride)
    # A parabola leaves its chord by a quarter of its bend.
    lowest = hl.Func("lowest")
    four = [nodes[t + m, v, c, y] for m in range(4)]
    bend = (four[1] + four[2] - four[0] - four[3]) * hl.f32(0.25)
    low = hl.min(four[1], four[2]) + hl.min(bend, hl.f32(0)) * hl.f32(0.25) - hl.f32(1e-3)
    lowest[t, v, c, y] = hl.clamp(hl.i32(hl.floor(low)), -FARTHEST, FARTHEST)
    # Where all that is seen lies beyond the border, any place in the rim will do.
    column, row = hl.Func("column"), hl.Func("row")
    column[t, c, y] = hl.clamp(STEP * t + lowest[t, DX, c, y] - 2, -RIM, g.width + 2) + RIM
    down = hl.clamp(y + g.first + lowest[t, DY, c, y] - 2 + n, 0, g.height - 1) - g.start
    row[n, t, c, y] = hl.clamp(down, 0, n_rows - 1)

    def start(m, plane):
        """Where row `m` of the window begins in the array."""
        found = hl.unsafe_promise_clamped(row[m, t, plane, y], 0, n_rows - 1) * (3 * stride) + c * stride
        return found + hl.unsafe_promise_clamped(column[t, plane, y], 0, g.width + 2 + RIM)

    return lowest, column, row, start


def dealt_weights(g, nodes, lowest):
    """Func (x, n, v, t, c, y): weights of six taps, polynomials of the place between two pixels (resampling.series), at
    their places among seven."""
    place = curved(*(nodes[t + m, v, c, y] for m in range(4)), within(x))
    whole = hl.floor(place)
    part = hl.select(place > whole, place - whole, hl.f32(0))
    fraction, rest = part - hl.f32(0.5), hl.f32(1) - part
    square, bow = fraction * fraction, part * rest

    def series(pair, odd):
        a = [g.series[m, odd, pair] for m in range(3)]
        return a[0] + square * (a[1] + square * a[2])

    even, odd = ([series(pair, parity) for pair in range(TAPS // 2)] for parity in (0, 1))
    bows = [even[m] + fraction * odd[m] for m in range(3)] + [even[m] - fraction * odd[m] for m in (2, 1, 0)]
    taps = [bow * value for value in bows]
    taps[2], taps[3] = rest + taps[2], part + taps[3]
    padded = [hl.f32(0), *taps, hl.f32(0)]
    is_next = whole > hl.f32(lowest[t, v, c, y])
    weights = hl.Func("weights")
    weights[x, n, v, t, c, y] = pick([hl.select(is_next, padded[m], padded[m + 1]) for m in range(TAPS + 1)], n)
    return weights


def within(x):
    """Place of a pixel between two nodes, 0..1."""
    return (hl.f32(x) + hl.f32(0.5)) / hl.f32(STEP)


def warp(g, is_shared):
    """The algorithm and schedule of lens_warp; `is_shared`: all planes come from the place of plane 0.

    Sixteen pixels between two nodes are one vector. Their places differ by less than a pixel from a line of sixteen, so
    that each takes its six taps out of seven that are common: every load is contiguous, and what differs is weights."""
    nodes, plane = nodes_of_row(g.grid), 0 if is_shared else c
    lowest, column, row, start = common_window(g, nodes)
    weights = dealt_weights(g, nodes, lowest)
    lines = []
    for m in range(TAPS + 1):
        across = total(weights[x, j, DX, t, plane, y] * g.planes[start(m, plane) + x + j] for j in range(TAPS + 1))
        lines.append(across * weights[x, m, DY, t, plane, y])
    gains = [nodes[t + m, GAIN, c, y] for m in (1, 2)]
    value = hl.Func("value")
    value[x, t, c, y] = total(lines) * (gains[0] + (gains[1] - gains[0]) * within(x))
    g.out[c, x, y] = value[x % STEP, x // STEP, c, y]

    # Bands of rows are tasks; tiles in them keep the source rows of a bent line in the second-level cache.
    out = g.out.output_buffer()
    for buffer in (g.planes, g.series, g.grid, out):
        for axis in range(buffer.dimensions()):
            buffer.dim(axis).set_min(0)
    g.series.dim(1).set_stride(3)
    g.series.dim(2).set_stride(6)
    out.dim(0).set_extent(3).set_stride(1)
    out.dim(1).set_stride(3)
    guard = hl.TailStrategy.GuardWithIf
    g.out.bound(c, 0, 3).split(y, yo, yi, 64, guard).split(x, xo, x, 512, guard).split(x, x, xi, STEP, guard)
    g.out.reorder(c, xi, x, yi, xo, yo).unroll(c).vectorize(xi).parallel(yo).never_partition_all()
    for func in (nodes, lowest, column, row):
        func.compute_at(g.out, yi).never_partition_all()
    nodes.vectorize(i, 8, guard)
    lowest.vectorize(t, 16)
    column.vectorize(t, 16)
    row.bound(n, 0, TAPS + 1).unroll(n).vectorize(t, 16)
    value.compute_at(g.out, x).bound(x, 0, STEP).vectorize(x).unroll(c)
    weights.compute_at(*((g.out, x) if is_shared else (value, c)))
    weights.bound(x, 0, STEP).bound(n, 0, TAPS + 1).vectorize(x).unroll(n).unroll(v)


def window(position, length):
    """First of the six taps and the row of the weight table for a displaced index, given in 1/256 px.

    At the picture's border the window is held inside; the weight rows for that shift repeat the border's pixel."""
    first = (position >> 8) - 2
    held = hl.clamp(first, 0, length - TAPS)
    shift = hl.clamp(first - held, 1 - TAPS, TAPS - 1)
    return held, (shift + TAPS - 1) * PHASES + (position & (PHASES - 1))


def rounded(displacement):
    return hl.i32(hl.floor(displacement * hl.f32(PHASES) + hl.f32(0.5)))


def far_warp(g):
    """The algorithm and schedule of lens_warp_far: each pixel takes its window by itself."""
    nodes = nodes_of_row(g.grid)
    tx = (hl.f32(x % STEP) + hl.f32(0.5)) / hl.f32(STEP)

    def at_pixel(value, is_curved):
        four = [nodes[x // STEP + n, value, c, y] for n in range(4)]
        return hl.strict_float(curved(*four, tx)) if is_curved else four[1] + (four[2] - four[1]) * tx

    place, gain = hl.Func("place"), hl.Func("gain")
    left, row_across = window(x * PHASES + rounded(at_pixel(DX, True)), g.width)
    top, row_down = window((y + g.first) * PHASES + rounded(at_pixel(DY, True)), g.height)
    stride = g.width + 2 * RIM
    n_rows = g.planes.dim(0).extent() // (3 * stride)  # those that are here
    held_top = hl.clamp(top - g.start, 0, n_rows - TAPS)
    place[x, y, c] = (held_top * (3 * stride) + left + RIM, row_across, row_down)
    gain[x, y, c] = at_pixel(GAIN, False)

    # Six rows weighted down, then across: the lanes k are floats of one plane's row, so that every load is contiguous.
    # What `window` returns is held inside already.
    rows = (2 * TAPS - 1) * PHASES - 1
    limits = ((n_rows - TAPS + 1) * (3 * stride) + RIM, rows, rows)
    found = place[f // 3, y, f % 3]
    first, row_across, row_down = (hl.unsafe_promise_clamped(found[n], 0, limit) for n, limit in enumerate(limits))
    mixed = hl.f32(0)
    for n in range(TAPS):
        mixed += g.down[n, row_down] * g.planes[first + (3 * n + f % 3) * stride + k]
    weighed = hl.Func("weighed")
    weighed[k, f, y] = mixed * (g.across[k, row_across] * gain[f // 3, y, f % 3])

    sums, lane = hl.Func("sums"), hl.RDom([(0, LANES)], "lane")
    sums[f, y] = hl.f32(0)
    sums[f, y] += weighed[lane.x, f, y]
    g.out[f, y] = sums[f, y]

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
    sums.compute_at(g.out, fo).vectorize(f).update().atomic().vectorize(lane.x).vectorize(f)


class Inputs:
    """planes float32 [n * 3 * (W + 48)], n rows of three planes of a picture of W x H px with 24 columns of its
    border's pixels to either side, the first one its row `start`; `first`, the row of the result (a multiple of 16)
    that `out` begins with; grid float32 [ceil(h/16)+3, ceil(w/16)+3, 3 planes, 3]: displacement x and y in px and gain
    at position (first + 16 (i - 1), 16 (j - 1)) of the result."""

    planes = hl.InputBuffer(hl.Float(32), 1)
    width = hl.InputScalar(hl.Int(32))
    height = hl.InputScalar(hl.Int(32))
    start = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    grid = hl.InputBuffer(hl.Float(32), 4)


class Near(Inputs):
    """And series [3 taps, even and odd, 3] (see resampling.series) -> float32 [h, w, 3]. Neighbouring nodes
    along a row differ by less than a pixel less a quarter of the parabola's bend."""

    series = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)


@hl.generator(name="lens_warp")
class LensWarp(Near):
    """Each plane from its own place (lateral colour)."""

    def generate(self):
        warp(self, is_shared=False)


@hl.generator(name="lens_warp_shared")
class LensWarpShared(Near):
    """All planes from the place of plane 0."""

    def generate(self):
        warp(self, is_shared=True)


@hl.generator(name="lens_warp_far")
class LensWarpFar(Inputs):
    """And weights across float32 [11 * 256, 8] (zeros after the taps) and down [11 * 256, 6] -> float32 [h, w * 3]. Any
    displacement, each plane from its own place."""

    across = hl.InputBuffer(hl.Float(32), 2)
    down = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        far_warp(self)


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
