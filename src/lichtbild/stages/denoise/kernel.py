"""Denoising by sliding 8x8 cosine transforms over three scales: README.md has the idea, reference.py the NumPy twin.

Pixels are dealt out by their place in the lattice of blocks, x = 4 u + j and y = 4 b + r, so that neighbouring blocks
lie side by side in memory and every step of the transform is plain arithmetic on vectors (cmake/halide_blocks.py).
"""

import halide as hl
from halide_blocks import Shrinkage
from halide_common import f32, from_root, gain_at, pick, to_root, total

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
u, j, b, r, k = hl.Var("u"), hl.Var("j"), hl.Var("b"), hl.Var("r"), hl.Var("k")
xo, yo, xi, yi, yb, yr, strip = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "yb", "yr", "strip"))


def picture_bounds(rgb):
    """Range of columns and rows of a picture [H, W, 3]."""
    return [(hl.Expr(0), rgb.dim(n).extent()) for n in (1, 2)]


def is_rgb(buffer):
    """Tells the compiler that a picture is [H, W, 3] without gaps: whole vectors are read and written then."""
    for n, stride in enumerate((1, 3)):
        buffer.dim(n).set_stride(stride)
    buffer.dim(0).set_bounds(0, 3)


def mixed(matrix, values, row):
    """Row `row` of a 3x3 matrix times three values."""
    return total(values[m] * matrix[m, row] for m in range(3))


def bordered(name, planes, width, height, scale):
    """Planes of a picture at 1 / scale, the nearest value beyond its borders (the array may have more rows than it).

    Copied into the tile, so that vectors are read on without a clamp.
    """
    func = hl.Func(name)
    bounds = [(hl.Expr(0), (length + (scale - 1)) / scale) for length in (width, height)]
    func[x, y, c] = hl.BoundaryConditions.repeat_edge(planes, [*bounds, (hl.Expr(), hl.Expr())])[x, y, c]
    return func


def raised(dealt, coarse):
    """`dealt` with its coarse part replaced: dealt + enlarged(coarse - halved(dealt))."""
    change = hl.Func("change")
    # At half size a block's step is two columns and two rows.
    mean = total(dealt[u, 2 * j + m % 2, 2 * r + m // 2, b, c] for m in range(4))
    change[u, j, r, b, c] = coarse[2 * u + j, 2 * b + r, c] - mean * f32(0.25)
    # Of the four columns the outer two lie towards the neighbouring pairs; of the rows too.
    towards = [-1, 0, 0, 1]
    beyond = [1, 1, 0, 0]
    wide = hl.Func("wide")
    other = change[u + pick(towards, j), pick(beyond, j), r, b, c]
    wide[u, j, r, b, c] = change[u, j / 2, r, b, c] * f32(0.75) + other * f32(0.25)
    result = hl.Func("raised")
    other = wide[u, j, pick(beyond, r), b + pick(towards, r), c]
    result[u, j, r, b, c] = dealt[u, j, r, b, c] + (wide[u, j, r / 2, b, c] * f32(0.75) + other * f32(0.25))
    return result, change, wide


def strips(out, x_axis, y_axis):
    """Cuts the output into strips of TILE_STEPS steps of four rows, which its number of rows is a multiple of."""
    width, height = (out.output_buffer().dim(n) for n in (x_axis, y_axis))
    width.set_min(0)
    height.set_bounds(0, height.extent() / 4 * 4)
    out.split(x, xo, xi, TILE_WIDTH, hl.TailStrategy.GuardWithIf).split(y, yb, yr, 4, hl.TailStrategy.RoundUp)
    out.split(yb, yo, yi, hl.min(TILE_STEPS, height.extent() / 4), hl.TailStrategy.ShiftInwards)


def slide(funcs, vector, tile, at, step):
    """Schedule of `change` and `wide` beside Shrinkage.schedule."""
    for func, n_columns in zip(funcs, (2, 4), strict=True):
        func.never_partition_all().store_at(tile, at).compute_at(tile, step).fold_storage(b, 4).bound(
            j, 0, n_columns
        ).bound(r, 0, 2)
        func.reorder(j, r, u, b, c).unroll(j).unroll(r).vectorize(u, vector)


@hl.generator(name="denoise_prepare")
class DenoisePrepare:
    """Camera RGB float32 [H, W, 3], white balance, offset, parts of the roots [3, 3] -> half-size parts
    [3, ceil(H/2), ceil(W/2)]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    into = hl.InputBuffer(hl.Float(32), 2)
    half = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        is_rgb(g.rgb)
        root = hl.sqrt(g.offset)
        light = hl.BoundaryConditions.repeat_edge(g.rgb, [(hl.Expr(), hl.Expr()), *picture_bounds(g.rgb)])
        roots = hl.Func("roots")
        roots[x, y, c] = to_root(light[c, x, y] * g.balance[c], g.offset, root)
        above = hl.Func("above")
        above[x, y, c] = roots[x, 2 * y, c] + roots[x, 2 * y + 1, c]
        means = [(above[2 * x, y, n] + above[2 * x + 1, y, n]) * f32(0.25) for n in range(3)]
        g.half[x, y, c] = mixed(g.into, means, c)

        # A row after the other, read in the order of its pixels.
        vector = self.natural_vector_size(hl.Float(32))
        guard = hl.TailStrategy.GuardWithIf
        g.half.bound(c, 0, 3)
        g.half.output_buffer().dim(2).set_bounds(0, 3)
        g.half.split(y, yo, yi, 32, guard).reorder(x, c, yi, yo).parallel(yo)
        g.half.vectorize(x, vector, guard).never_partition_all()
        above.compute_at(g.half, yi).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, vector)


@hl.generator(name="denoise_thumbnail")
class DenoiseThumbnail:
    """Bayer mosaic float32 [H, W], parities of red, white balance, offset, parts of the roots [3, 3] -> parts at an
    eighth of the size [3, ceil(H/8), ceil(W/8)], from the mean root of each colour's pixels."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    into = hl.InputBuffer(hl.Float(32), 2)
    small = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        root = hl.sqrt(g.offset)
        # Place in the cell of 2x2 px: column c, row k. Beyond the border stands the last pixel of the same place.
        width, height = (g.mosaic.dim(n).extent() for n in (0, 1))
        is_red_column, is_red_row = c == g.red_column, k == g.red_row
        green, blue = g.balance[1], g.balance[2]
        factor = hl.select(
            is_red_row, hl.select(is_red_column, g.balance[0], green), hl.select(is_red_column, green, blue)
        )
        columns = hl.Func("columns")
        across = hl.max(hl.min(hl.likely(2 * x + c), width - 1 - (width - 1 - c) % 2), 0)
        values = [g.mosaic[across, hl.min(8 * y + 2 * n + k, height - 1 - (height - 1 - k) % 2)] for n in range(4)]
        columns[x, y, c, k] = total(to_root(value * factor, g.offset, root) for value in values)
        sums = hl.Func("sums")
        sums[x, y, c, k] = total(columns[4 * x + n, y, c, k] for n in range(4))
        places = [hl.f32(sums[x, y, n % 2, n // 2]) for n in range(4)]
        place = g.red_column + 2 * g.red_row
        red, blue = pick(places, place), pick(places[::-1], place)
        greens = total(places) - red - blue
        g.small[x, y, c] = mixed(g.into, [red * f32(1 / 16), greens * f32(1 / 32), blue * f32(1 / 16)], c)

        vector = self.natural_vector_size(hl.Float(32))
        g.small.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 8, hl.TailStrategy.GuardWithIf)
        g.small.vectorize(x, vector, hl.TailStrategy.GuardWithIf).never_partition_all()
        for func in (sums, columns):
            func.compute_at(g.small, y).bound(c, 0, 2).bound(k, 0, 2).unroll(c).unroll(k).reorder(c, k, x, y)
            func.vectorize(x, vector)
        sums.never_partition_all()


@hl.generator(name="denoise_cells")
class DenoiseCells:
    """Half-size parts [3, h, w], white balance, alpha, beta [3], offset, parts of the roots [3, 3] and back, gain grid
    [gh, gw, 3], 1 / frames of 4x4 px cells [ceil(h/2), ceil(w/2)] -> noise variance of the parts in cells
    [3, ceil(h/2), ceil(w/2)]."""

    half = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    into = hl.InputBuffer(hl.Float(32), 2)
    back = hl.InputBuffer(hl.Float(32), 2)
    gain = hl.InputBuffer(hl.Float(32), 3)
    per_frame = hl.InputBuffer(hl.Float(32), 2)
    cells = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        half = hl.BoundaryConditions.repeat_edge(g.half)
        mean = hl.Func("mean")
        mean[x, y, c] = total(half[2 * x + n % 2, 2 * y + n // 2, c] for n in range(4)) * f32(0.25)
        # The gain between its nodes along the row, once for a row of cells.
        across, down = (g.gain.dim(n).extent() for n in (1, 2))
        gains = hl.Func("gains")
        gains[x, y, c] = gain_at(g.gain, 4 * x + 2, 4 * y + 2, c, across, down)
        # Noise of the root from the cell's light: var(t) = balance^2 var(s) / (4 (balance s + offset)).
        variances = []
        for n in range(3):
            t = mixed(g.back, [mean[x, y, m] for m in range(3)], n)
            light = hl.max(from_root(t, g.offset, hl.sqrt(g.offset)), f32(0))
            spatial = gains[x, y, n]
            of_light = spatial * (g.alpha[n] * (light / g.balance[n]) + g.beta[n] * spatial)
            variances.append(g.balance[n] * g.balance[n] * of_light / (4 * (light + g.offset)))
        of_part = total(variances[m] * (g.into[m, c] * g.into[m, c]) for m in range(3))
        g.cells[x, y, c] = of_part * g.per_frame[x, y]

        vector = self.natural_vector_size(hl.Float(32))
        guard = hl.TailStrategy.GuardWithIf
        g.cells.bound(c, 0, 3)
        g.cells.output_buffer().dim(2).set_bounds(0, 3)
        g.cells.split(y, yo, yi, 16, guard).reorder(c, x, yi, yo).parallel(yo).unroll(c)
        g.cells.vectorize(x, vector, guard).never_partition_all()
        mean.compute_at(g.cells, yi).vectorize(x, vector)
        gains.compute_at(g.cells, yi).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(
            x, vector
        ).never_partition_all()


@hl.generator(name="denoise_frames")
class DenoiseFrames:
    """Frames averaged into each pixel float32 [H, W], the picture's usual 1 / frames, and the limit of what is added
    to places of fewer -> what the noise of 4x4 px cells is multiplied by [ceil(H/4), ceil(W/4)]."""

    n_frames = hl.InputBuffer(hl.Float(32), 2)
    usual = hl.InputScalar(hl.Float(32))
    limit = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        edge = [g.n_frames.dim(n).extent() - 1 for n in (0, 1)]
        within = hl.RDom([(0, 4), (0, 4)])
        total = hl.Func("total")
        total[x, y] = f32(0)
        n_frames = g.n_frames[hl.min(4 * x + within.x, edge[0]), hl.min(4 * y + within.y, edge[1])]
        total[x, y] += hl.fast_inverse(hl.max(n_frames, f32(1e-3)))
        mean = total[x, y] * f32(1 / 16)
        g.out[x, y] = mean * hl.clamp(hl.sqrt(mean / g.usual), f32(1), g.limit)
        guard = hl.TailStrategy.GuardWithIf
        vector = self.natural_vector_size(hl.Float(32))
        g.out.split(x, xo, xi, 4 * vector, guard).vectorize(xi, vector, guard).parallel(y, 16, guard)
        total.compute_at(g.out, xo).vectorize(x, vector).never_partition_all()
        total.update(0).reorder(within.x, within.y, x, y).vectorize(x, vector).never_partition_all()
        g.out.never_partition_all()


@hl.generator(name="denoise_halve")
class DenoiseHalve:
    """Mean of 2x2: float32 [n, H, W] -> [n, ceil(H/2), ceil(W/2)]."""

    plane = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        edge = [g.plane.dim(n).extent() - 1 for n in (0, 1)]
        corner = [g.plane[hl.min(2 * x + n % 2, edge[0]), hl.min(2 * y + n // 2, edge[1]), c] for n in range(4)]
        g.out[x, y, c] = (corner[0] + corner[1] + corner[2] + corner[3]) * f32(0.25)
        guard = hl.TailStrategy.GuardWithIf
        g.out.vectorize(x, self.natural_vector_size(hl.Float(32)), guard).parallel(y, 64, guard)


# Pixels across a strip, and steps of four rows down it. Its columns and two neighbours to each side make whole vectors.
TILE_WIDTH, TILE_STEPS = 496, 64


@hl.generator(name="denoise_scale")
class DenoiseScale:
    """One coarser scale: parts [3, H, W], the next coarser result [3, ceil(H/2), ceil(W/2)], noise in cells
    [3, ceil(H/4), ceil(W/4)], weights [3, 8, 8], squared strengths [3] -> [3, H, W]."""

    parts = hl.InputBuffer(hl.Float(32), 3)
    coarse = hl.InputBuffer(hl.Float(32), 3)
    cells = hl.InputBuffer(hl.Float(32), 3)
    weight = hl.InputBuffer(hl.Float(32), 3)
    strength = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        q = hl.Func("row")
        q[x, y, c] = hl.BoundaryConditions.mirror_image(g.parts)[x, y, c]
        size = [g.parts.dim(n).extent() for n in (0, 1)]
        cells, coarse = bordered("cells_in", g.cells, *size, 4), bordered("coarse_in", g.coarse, *size, 2)
        vector = self.natural_vector_size(hl.Float(32))
        shrink = Shrinkage(q, cells, g.weight, g.strength)
        result, change, wide = raised(shrink.dealt, coarse)
        g.out[x, y, c] = result[x / 4, x % 4, y % 4, y / 4, c]

        guard = hl.TailStrategy.GuardWithIf
        strips(g.out, 0, 1)
        g.out.reorder(xi, yr, yi, c, xo, yo).vectorize(xi, vector, guard).parallel(yo)
        shrink.schedule(g.out, c, yi, vector)
        # Pixels are read in their order, and dealt out from the first-level cache.
        q.compute_at(shrink.dealt_in, r).vectorize(x, vector)
        cells.compute_at(g.out, c).vectorize(x, vector)
        coarse.compute_at(g.out, c).vectorize(x, vector)
        slide((change, wide), vector, g.out, c, yi)
        result.never_partition_all().compute_at(g.out, yi).reorder_storage(j, u, r, b, c).bound(j, 0, 4).bound(r, 0, 4)
        result.reorder(j, r, u, b, c).unroll(j).unroll(r).vectorize(u, vector)


@hl.generator(name="denoise_finest")
class DenoiseFinest:
    """The finest scale and the way back to light: camera RGB [H, W, 3], white balance [3], offset, parts of the roots
    [3, 3] and back, half-size result [3, ceil(H/2), ceil(W/2)], noise in cells, weights, squared strengths, a sixteenth
    of the first row that is wanted
    -> camera RGB of the rows wanted [h, W, 3]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    into = hl.InputBuffer(hl.Float(32), 2)
    back = hl.InputBuffer(hl.Float(32), 2)
    coarse = hl.InputBuffer(hl.Float(32), 3)
    cells = hl.InputBuffer(hl.Float(32), 3)
    weight = hl.InputBuffer(hl.Float(32), 3)
    strength = hl.InputBuffer(hl.Float(32), 1)
    first_row = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        root = hl.sqrt(g.offset)
        is_rgb(g.rgb)
        is_rgb(g.out.output_buffer())
        light = hl.BoundaryConditions.mirror_image(g.rgb, [(hl.Expr(), hl.Expr()), *picture_bounds(g.rgb)])
        roots = hl.Func("roots")
        roots[x, y, c] = to_root(light[c, x, y] * g.balance[c], g.offset, root)
        q = hl.Func("q")
        q[x, y, c] = mixed(g.into, [roots[x, y, m] for m in range(3)], c)
        size = [extent for _, extent in picture_bounds(g.rgb)]
        cells, coarse = bordered("cells_in", g.cells, *size, 4), bordered("coarse_in", g.coarse, *size, 2)
        vector = self.natural_vector_size(hl.Float(32))
        shrink = Shrinkage(q, cells, g.weight, g.strength)
        result, change, wide = raised(shrink.dealt, coarse)
        # E[t^2] = E[t]^2 + var(t): what was taken away as noise is given back as light. Never more than noise can be.
        lost = []
        for n in range(3):
            rest = [shrink.dealt_in[u, m % 4, m // 4, b, n] - result[u, m % 4, m // 4, b, n] for m in range(16)]
            lost.append(hl.min(total(a * a for a in rest) * f32(1 / 16), 2 * cells[u, b, n]))
        # Noise of the parts is not correlated, so that its variances add up in each channel. Less the root's offset.
        added = hl.Func("added")
        shares = [lost[m] * (g.back[m, c] * g.back[m, c]) for m in range(3)]
        added[u, b, c] = (total(shares) - g.offset) / g.balance[c]
        final = hl.Func("final")
        denoised = mixed(g.back, [result[u, j, r, b, m] for m in range(3)], c)
        final[u, j, r, b, c] = from_root(denoised, f32(0), root) * (f32(1) / g.balance[c]) + added[u, b, c]
        g.out[c, x, y] = final[x / 4, x % 4, y % 4, y / 4 + 4 * g.first_row, c]

        guard = hl.TailStrategy.GuardWithIf
        strips(g.out, 1, 2)
        g.out.reorder(c, xi, yr, yi, xo, yo).vectorize(xi, vector, guard).unroll(c).fuse(xo, yo, strip).parallel(strip)
        shrink.schedule(g.out, strip, yi, vector)
        shrink.dealt_in.bound(c, 0, 3).unroll(c).never_partition_all()
        # Pixels are read in their order, and dealt out from the first-level cache.
        roots.compute_at(shrink.dealt_in, r).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, vector)
        cells.compute_at(g.out, strip).vectorize(x, vector)
        coarse.compute_at(g.out, strip).vectorize(x, vector)
        slide((change, wide), vector, g.out, strip, yi)
        for func in (result, added, final):
            func.never_partition_all()
        for func in (result, final):
            func.bound(j, 0, 4).bound(r, 0, 4)
        result.compute_at(g.out, yi).reorder(j, r, u, b, c).unroll(j).unroll(r).vectorize(u, vector)
        added.compute_at(g.out, yi).reorder(c, u, b).bound(c, 0, 3).unroll(c).vectorize(u, vector)
        final.reorder_storage(j, u, r, b, c).bound(c, 0, 3)
        final.compute_at(g.out, yi).reorder(j, c, u, r, b).unroll(c).unroll(j).vectorize(u, vector)


if __name__ == "__main__":
    hl.main()
