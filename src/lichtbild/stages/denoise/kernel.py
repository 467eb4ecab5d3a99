"""Denoising by sliding 8x8 cosine transforms over three scales: README.md has the idea, reference.py the NumPy twin.

Columns are dealt out by their place in the lattice of blocks, x = 4 u + j, so that neighbouring blocks lie side by side
in memory and every step of the transform is plain arithmetic on whole vectors.
"""

import halide as hl
from halide_common import gain_at

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
u, j, k, n, b = hl.Var("u"), hl.Var("j"), hl.Var("k"), hl.Var("n"), hl.Var("b")
xo, yo, xi, yi, yb, yr = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "yb", "yr"))

# Of the sum that stands in front of a division; far below any energy.
TINY = 1e-20


def f32(value):
    return hl.f32(float(value))


def total(terms):
    """Their sum, without the 0 that Python's sum starts with."""
    terms = list(terms)
    return sum(terms[1:], terms[0])


def mirrored(index):
    """-1 becomes 1 and 8 becomes 6; the clamp is for the bounds only."""
    return hl.clamp(hl.select(index < 0, 1, hl.select(index > 7, 6, index)), 0, 7)


def forward(values, index, basis):
    """Coefficient `index` of eight values; sums and differences of pairs are shared once `index` is unrolled."""
    sign = hl.select(index % 2 == 0, f32(1), f32(-1))
    return total((values[m] + sign * values[7 - m]) * basis[m, index] for m in range(4))


def backward(coefficients, index, basis):
    """Value `index` of eight coefficients."""
    place, sign = hl.min(index, 7 - index), hl.select(index < 4, f32(1), f32(-1))
    even = total(coefficients[m] * basis[place, m] for m in (0, 2, 4, 6))
    return even + sign * total(coefficients[m] * basis[place, m] for m in (1, 3, 5, 7))


class Shrinkage:
    """Plane q(x, y, c) -> `dealt`(u, j, y, c): blocks of 8x8 every 4 px, shrunk by the energy around each coefficient.

    cells(x4, y4, c): noise variance of q over 4x4 px. weight[l, k, c]: 1 / variance of coefficient (k, l) for unit
    noise. strength[c]: squared threshold. basis[n, k]: the cosine transform, and in row 8 the window.
    """

    def __init__(self, q, cells, weight, strength, basis):
        self.dealt_in = hl.Func("dealt_in")
        self.dealt_in[u, j, y, c] = q[4 * u + j, y, c]
        self.columns = hl.Func("columns")
        self.columns[u, j, k, b, c] = forward([self.dealt_in[u, j, 4 * b + m, c] for m in range(8)], k, basis)
        self.block = hl.Func("block")
        row = [self.columns[u + m // 4, m % 4, k, b, c] for m in range(8)]
        self.block[u, n, k, b, c] = forward(row, n, basis)

        # Energy of three neighbours along the row. The mean is no part of the structure: its neighbour stands for it.
        self.energy = hl.Func("energy")

        def power(m):
            index = hl.select((k == 0) & (m == 0), 1, m)
            return self.block[u, index, k, b, c] * self.block[u, index, k, b, c] * weight[index, k, c]

        self.energy[u, n, k, b, c] = power(mirrored(n - 1)) + power(n) + power(mirrored(n + 1))

        self.threshold = hl.Func("threshold")
        around = cells[u, b, c] + cells[u + 1, b, c] + cells[u, b + 1, c] + cells[u + 1, b + 1, c]
        self.threshold[u, b, c] = around * (strength[c] * f32(9 / 4))
        self.gain = hl.Func("gain")
        local = total(self.energy[u, n, m, b, c] for m in (mirrored(k - 1), k, mirrored(k + 1))) + f32(TINY)
        shrunk = hl.max(f32(1) - self.threshold[u, b, c] * hl.fast_inverse(local), f32(0))
        self.gain[u, n, k, b, c] = hl.select((n == 0) & (k == 0), f32(1), shrunk)

        # A block that was found empty tells more about its pixels than one that was kept.
        self.trust = hl.Func("trust")
        squares = (self.gain[u, m % 8, m // 8, b, c] * self.gain[u, m % 8, m // 8, b, c] for m in range(64))
        self.trust[u, b, c] = hl.fast_inverse(total(squares))

        # Lines of pixels of the block; place 8 carries the block's trust.
        self.lines = hl.Func("lines")
        place = hl.min(n, 7)
        back = backward([self.gain[u, m, k, b, c] * self.block[u, m, k, b, c] for m in range(8)], place, basis)
        self.lines[u, n, k, b, c] = self.trust[u, b, c] * hl.select(n == 8, f32(1), back * basis[place, 8])
        self.joined = hl.Func("joined")
        self.joined[u, j, k, b, c] = self.lines[u, j, k, b, c] + self.lines[u - 1, j + 4, k, b, c]

        self.rows = hl.Func("rows")
        back = backward([self.joined[u, j, m, b, c] for m in range(8)], place, basis) * basis[place, 8]
        trust = self.lines[u, 8, 0, b, c] * basis[j, 8] + self.lines[u - 1, 8, 0, b, c] * basis[j + 4, 8]
        self.rows[u, j, n, b, c] = hl.select(n == 8, trust, back)

        self.dealt = hl.Func("dealt")
        row, band = y % 4, y / 4
        pixels = self.rows[u, j, row, band, c] + self.rows[u, j, row + 4, band - 1, c]
        trust = self.rows[u, j, 8, band, c] * basis[row, 8] + self.rows[u, j, 8, band - 1, c] * basis[row + 4, 8]
        self.dealt[u, j, y, c] = pixels / trust

    def schedule(self, tile, at, vector):
        """Everything of a tile inside the second-level cache, everything of a vector of blocks inside the first."""
        # Only the reading of pixels knows of borders; anything else would be compiled once for each of them.
        everything = (
            (d := self.dealt),
            self.rows,
            self.columns,
            self.lines,
            self.joined,
            self.block,
            self.energy,
            self.gain,
        )
        for func in (*everything, self.trust, self.threshold, tile):
            func.never_partition_all()
        self.dealt_in.compute_at(tile, at).reorder(c, j, u, y).unroll(j).vectorize(u, vector)
        d.compute_at(tile, at).align_bounds(y, 4).split(y, yb, yr, 4).reorder(yr, j, u, yb, c).unroll(yr).unroll(j)
        d.vectorize(u, vector)
        self.rows.compute_at(d, c).reorder(n, j, u, b, c).unroll(n).unroll(j).vectorize(u, vector)
        self.lines.bound(n, 0, 9).bound(k, 0, 8)
        self.columns.bound(k, 0, 8).bound(j, 0, 4)
        self.joined.bound(k, 0, 8).bound(j, 0, 4)
        self.rows.bound(n, 0, 9).bound(j, 0, 4)
        self.columns.compute_at(self.rows, b).reorder(k, j, u, b, c).unroll(k).unroll(j).vectorize(u, vector)
        self.lines.compute_at(self.rows, b).split(u, xo, xi, vector).reorder(n, k, xi, xo, b, c).unroll(n)
        self.lines.vectorize(xi)
        self.joined.compute_at(self.rows, u).unroll(j).vectorize(u, vector)
        # Mirrored indices reach no farther than this.
        for func in (self.block, self.energy, self.gain):
            func.bound(n, 0, 8).bound(k, 0, 8).compute_at(self.lines, xo).reorder(n, k, u, b, c).unroll(n).unroll(
                k
            ).vectorize(u, vector)
        self.trust.compute_at(self.lines, xo).vectorize(u, vector)
        self.threshold.compute_at(self.lines, xo).vectorize(u, vector)
        return self


def pick(values, index):
    """values[index] for an index that is unrolled: a chain of selects that folds away."""
    chosen = values[-1]
    for m in range(len(values) - 2, -1, -1):
        chosen = hl.select(index == m, values[m], chosen)
    return chosen


def to_root(value, offset, root):
    """Square root of value + offset, continued with its tangent below half the root of the offset, `root`."""
    knee = f32(-0.75) * offset
    straight = f32(0.5) * root + (value - knee) / root
    return hl.select(value > knee, hl.sqrt(hl.max(value, knee) + offset), straight)


def from_root(t, offset, root):
    """Inverse of `to_root`."""
    return hl.select(t > f32(0.5) * root, t * t, (t - f32(0.25) * root) * root) - offset


def parts_of(t):
    """Luminance, red-blue and green-magenta parts (orthonormal) of three roots."""
    return [
        (t[0] + t[1] + t[2]) * f32(3**-0.5),
        (t[0] - t[2]) * f32(2**-0.5),
        (t[0] - 2 * t[1] + t[2]) * f32(6**-0.5),
    ]


def from_q(q):
    """The three roots of the parts."""
    luminance, red_blue, magenta = q[0] * f32(3**-0.5), q[1] * f32(2**-0.5), q[2] * f32(6**-0.5)
    return luminance + red_blue + magenta, luminance - 2 * magenta, luminance - red_blue + magenta


def raised(dealt, coarse):
    """`dealt` with its coarse part replaced: dealt + enlarged(coarse - halved(dealt))."""
    change = hl.Func("change")
    # Half-size columns are dealt out by two: X = 2 u + j.
    mean = (
        dealt[u, 2 * j, 2 * y, c]
        + dealt[u, 2 * j + 1, 2 * y, c]
        + dealt[u, 2 * j, 2 * y + 1, c]
        + dealt[u, 2 * j + 1, 2 * y + 1, c]
    )
    change[u, j, y, c] = coarse[2 * u + j, y, c] - mean * f32(0.25)
    # Of the four columns the outer two lie towards the neighbouring pairs.
    wide = hl.Func("wide")
    towards = hl.select(j == 0, -1, hl.select(j == 3, 1, 0))
    beyond = change[u + towards, hl.select((j == 0) | (j == 1), 1, 0), y, c]
    wide[u, j, y, c] = change[u, j / 2, y, c] * f32(0.75) + beyond * f32(0.25)
    result = hl.Func("raised")
    beyond = y / 2 - 1 + 2 * (y % 2)
    result[u, j, y, c] = dealt[u, j, y, c] + wide[u, j, y / 2, c] * f32(0.75) + wide[u, j, beyond, c] * f32(0.25)
    return result, change, wide


@hl.generator(name="denoise_prepare")
class DenoisePrepare:
    """Camera RGB float32 [H, W, 3], white balance, alpha, beta [3], offset, gain grid [gh, gw, 3], 1 / frames of
    4x4 px cells [ceil(H/4), ceil(W/4)] -> half-size parts [3, ceil(H/2), ceil(W/2)] and noise variance of the parts in
    cells [3, ceil(H/4), ceil(W/4)]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    gain = hl.InputBuffer(hl.Float(32), 3)
    per_frame = hl.InputBuffer(hl.Float(32), 2)
    half = hl.OutputBuffer(hl.Float(32), 3)
    cells = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        root = hl.sqrt(g.offset)
        per_frame = hl.BoundaryConditions.repeat_edge(g.per_frame)
        width, height = g.rgb.dim(1).extent(), g.rgb.dim(2).extent()
        balance = [g.balance[n] for n in range(3)]

        def at(n, px, py):
            return g.rgb[n, hl.clamp(px, 0, width - 1), hl.clamp(py, 0, height - 1)]

        q = hl.Func("q")
        q[x, y] = hl.Tuple(parts_of([to_root(at(n, x, y) * balance[n], g.offset, root) for n in range(3)]))
        means = hl.Func("means")
        four = [q[2 * x + n % 2, 2 * y + n // 2] for n in range(4)]
        means[x, y] = hl.Tuple([(four[0][n] + four[1][n] + four[2][n] + four[3][n]) * f32(0.25) for n in range(3)])
        whole = means[x, y]
        g.half[x, y, c] = hl.select(c == 0, whole[0], hl.select(c == 1, whole[1], whole[2]))

        # Noise of the root from the cell's mean light: var(t) = balance^2 var(s) / (4 (balance s + offset)).
        cell = hl.Func("cell")
        light = hl.Func("light")
        light[x, y, c] = f32(0)
        within = hl.RDom([(0, 4), (0, 4)])
        light[x, y, c] += at(c, 4 * x + within.x, 4 * y + within.y)
        variances = []
        for n in range(3):
            s = hl.max(light[x, y, n] * f32(1 / 16), f32(0))
            spatial = gain_at(g.gain, 4 * x + 2, 4 * y + 2, n, g.gain.dim(1).extent(), g.gain.dim(2).extent())
            of_light = spatial * (g.alpha[n] * s + g.beta[n] * spatial) * per_frame[x, y]
            variances.append(balance[n] * balance[n] * of_light / (4 * (balance[n] * s + g.offset)))
        r, gr, bl = variances
        cell[x, y] = hl.Tuple([(r + gr + bl) * f32(1 / 3), (r + bl) * f32(0.5), (r + 4 * gr + bl) * f32(1 / 6)])
        whole = cell[x, y]
        g.cells[x, y, c] = hl.select(c == 0, whole[0], hl.select(c == 1, whole[1], whole[2]))

        # Two sums of whole pixels: read once, in bands of rows.
        vector = self.natural_vector_size(hl.Float(32))
        guard = hl.TailStrategy.GuardWithIf
        for out, func, rows in ((g.half, means, 32), (g.cells, cell, 16)):
            out.output_buffer().dim(2).set_bounds(0, 3)
            out.split(x, xo, xi, 4 * vector, guard).split(y, yo, yi, rows, guard).reorder(xi, c, xo, yi, yo).parallel(
                yo
            )
            out.vectorize(xi, vector, guard).unroll(c)
            func.compute_at(out, xo).vectorize(x, vector)
            for each in (out, func):
                each.never_partition_all()
        light.compute_at(g.cells, xo).vectorize(x, vector).never_partition_all()
        light.update(0).reorder(within.x, within.y, x, y, c).vectorize(x, vector).never_partition_all()


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


# Pixels of a tile. Its columns and two neighbours to each side make whole vectors of blocks.
TILE_WIDTH, TILE_HEIGHT = 240, 64


@hl.generator(name="denoise_scale")
class DenoiseScale:
    """One coarser scale: parts [3, H, W], the next coarser result [3, ceil(H/2), ceil(W/2)], noise in cells
    [3, ceil(H/4), ceil(W/4)], weights [3, 8, 8], squared strengths [3] -> [3, H, W]."""

    parts = hl.InputBuffer(hl.Float(32), 3)
    coarse = hl.InputBuffer(hl.Float(32), 3)
    cells = hl.InputBuffer(hl.Float(32), 3)
    weight = hl.InputBuffer(hl.Float(32), 3)
    strength = hl.InputBuffer(hl.Float(32), 1)
    basis = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        q = hl.BoundaryConditions.mirror_image(g.parts)
        cells = hl.BoundaryConditions.repeat_edge(g.cells)
        coarse = hl.BoundaryConditions.repeat_edge(g.coarse)
        vector = self.natural_vector_size(hl.Float(32))
        shrink = Shrinkage(q, cells, g.weight, g.strength, g.basis)
        result, change, wide = raised(shrink.dealt, coarse)
        g.out[x, y, c] = result[x / 4, x % 4, y, c]

        guard = hl.TailStrategy.GuardWithIf
        g.out.split(x, xo, xi, TILE_WIDTH, guard).split(y, yo, yi, TILE_HEIGHT, guard).reorder(xi, yi, c, xo, yo)
        g.out.vectorize(xi, vector, guard).parallel(yo)
        shrink.schedule(g.out, c, vector)
        for func in (change, wide, result):
            func.never_partition_all()
        change.compute_at(g.out, c).reorder(j, u, y, c).unroll(j).vectorize(u, vector)
        wide.compute_at(g.out, c).reorder(j, u, y, c).unroll(j).vectorize(u, vector)
        result.reorder_storage(j, u, y, c)
        result.compute_at(g.out, yi).reorder(j, u, y, c).unroll(j).vectorize(u, vector)


@hl.generator(name="denoise_finest")
class DenoiseFinest:
    """The finest scale and the way back to light: camera RGB [H, W, 3], white balance [3], offset, half-size result
    [3, ceil(H/2), ceil(W/2)], noise in cells, weights, squared strengths, first row that is wanted
    -> camera RGB of the rows wanted [h, W, 3]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    coarse = hl.InputBuffer(hl.Float(32), 3)
    cells = hl.InputBuffer(hl.Float(32), 3)
    weight = hl.InputBuffer(hl.Float(32), 3)
    strength = hl.InputBuffer(hl.Float(32), 1)
    basis = hl.InputBuffer(hl.Float(32), 2)
    first_row = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        root = hl.sqrt(g.offset)
        balance = [g.balance[n] for n in range(3)]
        light = hl.BoundaryConditions.mirror_image(g.rgb, [(hl.Expr(), hl.Expr()), *self.bounds()])
        roots = hl.Func("roots")
        roots[x, y, c] = to_root(light[c, x, y] * g.balance[c], g.offset, root)
        q = hl.Func("q")
        q[x, y, c] = pick(parts_of([roots[x, y, m] for m in range(3)]), c)
        cells = hl.BoundaryConditions.repeat_edge(g.cells)
        coarse = hl.BoundaryConditions.repeat_edge(g.coarse)
        vector = self.natural_vector_size(hl.Float(32))
        shrink = Shrinkage(q, cells, g.weight, g.strength, g.basis)
        result, change, wide = raised(shrink.dealt, coarse)
        final = hl.Func("final")
        denoised = from_q([hl.f32(result[u, j, y, m]) for m in range(3)])
        # E[t^2] = E[t]^2 + var(t): what was taken away as noise is given back as light. Never more than noise can be.
        lost = hl.Func("lost")
        rest = [shrink.dealt_in[u, m % 4, 4 * b + m // 4, c] - result[u, m % 4, 4 * b + m // 4, c] for m in range(16)]
        lost[u, b, c] = hl.min(total(r * r for r in rest) * f32(1 / 16), 2 * cells[u, b, c])
        # Shared out by the variance of each channel: green from the sums of the parts, red and blue by their gains.
        of_sum, of_ends = hl.f32(cells[u, y / 4, 0]) * 3, hl.f32(cells[u, y / 4, 1]) * 2
        share = total(hl.f32(lost[u, y / 4, m]) for m in range(3)) / (of_sum + f32(TINY))
        ends = share * of_ends / (balance[0] + balance[2])
        added = ends * balance[0], share * hl.max(of_sum - of_ends, f32(0)), ends * balance[2]
        values = []
        for n in range(3):
            t = denoised[n]
            values.append((from_root(t, g.offset, root) + added[n]) / balance[n])
        final[u, j, y] = hl.Tuple(values)
        entry = final[x / 4, x % 4, y + g.first_row]
        g.out[c, x, y] = pick([entry[m] for m in range(3)], c)

        guard = hl.TailStrategy.GuardWithIf
        g.out.bound(c, 0, 3)
        g.out.split(x, xo, xi, TILE_WIDTH, guard).split(y, yo, yi, TILE_HEIGHT, guard).reorder(c, xi, yi, xo, yo)
        g.out.vectorize(xi, vector, guard).unroll(c).parallel(yo)
        shrink.schedule(g.out, xo, vector)
        shrink.dealt_in.bound(c, 0, 3).unroll(c).never_partition_all()
        # Pixels are read in their order, and dealt out from the first-level cache.
        roots.compute_at(shrink.dealt_in, y).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, vector)
        final.reorder_storage(j, u, y)
        for func in (change, wide, result):
            func.never_partition_all()
        change.compute_at(g.out, xo).reorder(j, u, y, c).unroll(j).vectorize(u, vector)
        wide.compute_at(g.out, xo).reorder(j, u, y, c).unroll(j).vectorize(u, vector)
        result.compute_at(g.out, xo).reorder(j, u, y, c).unroll(j).vectorize(u, vector)
        lost.never_partition_all()
        lost.compute_at(g.out, xo).vectorize(u, vector)
        final.never_partition_all()
        final.compute_at(g.out, yi).reorder(j, u, y).unroll(j).vectorize(u, vector)

    def bounds(self):
        """Range of columns and rows of the input."""
        return [(hl.Expr(0), self.rgb.dim(n).extent()) for n in (1, 2)]


if __name__ == "__main__":
    hl.main()
