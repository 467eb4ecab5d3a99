"""The burst merge: samples gathered where they fell, and the finished picture.

Sums and the first guess are kept in rows of planes, [H, planes, W]: what belongs to a row of the picture lies together,
and a band of rows is an array of its own.
"""

import halide as hl
from halide_common import off_centre, padded_load, pick, tile_cells, total

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
xo, xi, yo, yi, n = hl.Var("xo"), hl.Var("xi"), hl.Var("yo"), hl.Var("yi"), hl.Var("n")

LANES = 16  # pixels of a vector: half a tile
TILE = 32
GUARD = hl.TailStrategy.GuardWithIf


class Landing:
    """Where a vector of 16 output pixels lies in a frame of `width` and `height`.

    The four samples around it are read side by side for all lanes: their place is that of the vector's middle, and a
    lane that the motion carries away from there (turned by degrees) has offsets a little outside 0 to 1.

    block, row: the vector in the picture. wy, wx: weights of the two rows (times trust) and columns of samples. by_y,
    by_x: of the three rows and columns of the first guess around the pixel, at each of them. start, sample_row, column:
    index of sample (0, 0) of lane 0 in the frame, its row, its column.
    """

    def __init__(self, g, block, row, trust, *place):
        self.cells = tile_cells(g.flow, "cells")
        # Stages of their own: x / 2 or x % 2 amid other arithmetic tears every vector of it into even and odd lanes.
        self.is_odd, self.doubled = hl.Func("is_odd"), hl.Func("doubled")
        self.is_odd[xi] = xi % 2
        self.doubled[(xi, *place)] = hl.f32(trust)
        trust = self.doubled[(xi, *place)]
        cell = block, row // LANES
        u, v = off_centre(block * LANES + xi, TILE), off_centre(row, TILE)
        ends = off_centre(block * LANES, TILE), off_centre(block * LANES + LANES - 1, TILE)
        moved, whole = [], []
        for component in (0, 1):
            t = [self.cells[component, cell[0], cell[1]][k] for k in range(4)]
            base, slope = t[0] + v * t[2], t[1] + v * t[3]
            moved.append(base + u * slope)
            whole.append(hl.i32(hl.floor(base + (ends[0] + ends[1]) * hl.f32(0.5) * slope)))
        self.width = g.width
        self.sample_row = hl.clamp(row + whole[0], 0, g.height - 2)
        self.column = block * LANES + whole[1]
        dy = hl.clamp(moved[0] + hl.f32(row - self.sample_row), -1, 2)
        dx = hl.clamp(moved[1] - hl.f32(whole[1]), -1, 2)
        self.start = self.sample_row * g.width + self.column
        # Only the first and last few pixels of the frame are out of reach.
        is_whole = (self.start >= 0) & (self.start + g.width + LANES + 1 <= g.height * g.width)
        trust = hl.select(is_whole, trust, hl.f32(0)) * (hl.f32(1 / 255) * g.weight)
        # Columns beyond the frame have no weight: what lies there in memory is another row.
        columns = [self.column + xi + i for i in (0, 1)]
        within = [(k >= 0) & (k < g.width) for k in columns]
        oy, ox = ([hl.f32(k) - d for k in (0, 1)] for d in (dy, dx))
        # Kept: each of these is used several times, and put into what follows they are multiplied out.
        factors = [trust * power(o, g.falloff) for o in oy]
        factors += [hl.select(w, power(o, g.falloff), 0) for w, o in zip(within, ox, strict=True)]
        factors += [weight for o in (*oy, *ox) for weight in parabola(o)]
        self.factors = hl.Func("factors")
        self.factors[(xi, *place)] = hl.Tuple(tuple(factors))
        kept = [self.factors[(xi, *place)][k] for k in range(16)]
        self.wy, self.wx = kept[:2], kept[2:4]
        self.by_y, self.by_x = [kept[4:7], kept[7:10]], [kept[10:13], kept[13:]]

    def schedule(self, out, at):
        self.is_odd.compute_root().bound(xi, 0, LANES)
        for func in (self.doubled, self.factors):
            func.bound(xi, 0, LANES).compute_at(out, at).vectorize(xi)


def power(o, falloff):
    """(1 - falloff d^2)^8 for a distance d: a Gaussian that ends."""
    part = hl.max(1 - falloff * o * o, 0)
    part = part * part
    part = part * part
    return part * part


def parabola(o):
    """Weights of the samples at -1, 0 and 1 for the value at `o` on the parabola through them."""
    return hl.f32(0.5) * o * (o - 1), 1 - o * o, hl.f32(0.5) * o * (o + 1)


class Guess:
    """Values of the first guess, rows of planes with a border of one pixel, at the offsets from the 16 pixels at
    `column` and `row` of it, by the parabola through three neighbours along each axis."""

    def __init__(self, first, column, row, landing):
        self.first, self.column, self.row, self.landing = first, column, row, landing

    def at(self, plane, j):
        """The two columns at sample row j."""
        near = [[self.first[self.column + xi + i, plane, self.row + k] for k in range(3)] for i in range(3)]
        columns = [total(w * v for w, v in zip(self.landing.by_y[j], column, strict=True)) for column in near]
        return [total(w * v for w, v in zip(by, columns, strict=True)) for by in self.landing.by_x]


def of_mosaic(g, landing, guess):
    """What a frame adds to 16 pixels: weight times difference from the guess for R, G, B, then the weights."""
    # The row of samples decides which of red and blue it holds, for all lanes; lanes take turns with green.
    on_red = ((landing.sample_row ^ g.red_row) & 1) == 0
    plane = [hl.select(on_red, 0, 2), hl.select(on_red, 2, 0)]
    turn = hl.select(on_red, landing.column ^ g.red_column, landing.column ^ g.red_column ^ 1) & 1
    is_first = landing.is_odd[xi] == turn  # whether sample (0, 0) is red or blue

    value, weight = [[], []], [[], []]
    for j in (0, 1):
        green, colour = guess.at(1, j), guess.at(hl.unsafe_promise_clamped(plane[j], hl.i32(0), hl.i32(2)), j)
        for i in (0, 1):
            sample = padded_load(g.frame, landing.start + j * g.width + i, xi, g.frame.dim(0).extent())
            pair = (colour[i], green[i]) if i == j else (green[i], colour[i])
            k = hl.select(sample < g.clip, landing.wy[j] * landing.wx[i], 0)
            value[j].append(k * (sample - hl.select(is_first, *pair)))
            weight[j].append(k)

    def colours(v):
        ends = [hl.select(is_first, v[0][0], v[0][1]), hl.select(is_first, v[1][1], v[1][0])]
        green = hl.select(is_first, v[0][1], v[0][0]) + hl.select(is_first, v[1][0], v[1][1])
        return hl.select(on_red, ends[0], ends[1]), green, hl.select(on_red, ends[1], ends[0])

    return [*colours(value), *colours(weight)]


def of_rgb(g, landing, guess):
    """As `of_mosaic` for a frame of RGB; one weight for the three."""
    expected = [[guess.at(plane, j) for j in (0, 1)] for plane in range(3)]
    last = g.frame.dim(0).extent() - 3 * LANES
    added = [hl.f32(0)] * 4
    for j in (0, 1):
        for i in (0, 1):
            start = hl.clamp(3 * (landing.start + j * g.width + i), 0, last)
            start = hl.unsafe_promise_clamped(start, hl.i32(0), last)
            sample = [g.frame[start + 3 * xi + k] for k in range(3)]
            brightest = hl.max(hl.max(sample[0], sample[1]), sample[2])
            k = hl.select(brightest < g.clip, landing.wy[j] * landing.wx[i], 0)
            difference = [sample[n] - expected[n][j][i] for n in range(3)]
            added = [sum_ + k * part for sum_, part in zip(added, [*difference, hl.f32(1)], strict=True)]
    return added


def gather_rows(g, of_frame, n_planes):
    """A whole band of rows; bands of 16, half a tile, run in parallel."""
    landing = Landing(g, xo, y + g.top, g.trust[(xo * LANES + xi) // 2, y // 2], xo, y)
    of_vector = hl.Func("of_vector")
    of_vector[xi, xo, y] = hl.Tuple(tuple(of_frame(g, landing, Guess(g.first, xo * LANES, y, landing))))
    added = pick([of_vector[x % LANES, x // LANES, y][k] for k in range(n_planes)], c)
    g.out[x, c, y] = hl.cast(hl.Float(16), hl.f32(g.sums[x, c, y]) + added)

    for k in range(3):
        g.out.output_buffer().dim(k).set_min(0)
        g.sums.dim(k).set_min(0)
    xv = hl.Var("xv")
    g.out.bound(c, 0, n_planes).reorder(c, x, y).unroll(c)
    g.out.split(y, yo, yi, LANES, GUARD).split(x, x, xv, LANES, GUARD).vectorize(xv).parallel(yo)
    of_vector.bound(xi, 0, LANES).compute_at(g.out, x).vectorize(xi)
    landing.schedule(g.out, x)
    landing.cells.compute_at(g.out, yo)


def gather_cells(g, of_frame, n_planes):
    """Cells of 16 x 16 pixels here and there, added in place; the rest of the sums is left alone."""
    width, height = (g.out.output_buffer().dim(k).extent() for k in (0, 2))
    part = hl.RDom([(0, LANES), (0, LANES), (0, g.cells.dim(1).extent())], "part")
    place_y = hl.clamp(g.cells[0, n], 0, (height - 1) // LANES) * LANES + y
    block = hl.unsafe_promise_clamped(hl.clamp(g.cells[1, n], 0, (width - 1) // LANES), hl.i32(0), width // LANES)
    row = hl.unsafe_promise_clamped(hl.min(place_y, height - 1), hl.i32(0), g.height - 1)
    landing = Landing(g, block, row, g.trust[(block * LANES + xi) // 2, row // 2], y, n)
    of_vector = hl.Func("of_vector")
    of_vector[xi, y, n] = hl.Tuple(tuple(of_frame(g, landing, Guess(g.first, block * LANES, row, landing))))

    # No lane is left out: a store with a mask of these halves is done lane by lane.
    at_x = hl.clamp(g.cells[1, part.z], 0, width // LANES - 1) * LANES + part.x
    at_y = hl.clamp(g.cells[0, part.z], 0, (height - 1) // LANES) * LANES + part.y
    part.where(at_y < height)
    at_x, at_y = hl.unsafe_promise_clamped(at_x, 0, width - 1), hl.unsafe_promise_clamped(at_y, 0, height - 1)
    added = pick([of_vector[part.x, part.y, part.z][k] for k in range(n_planes)], c)
    g.out[x, c, y] = hl.undef(hl.Float(16))
    g.out[at_x, c, at_y] = hl.cast(hl.Float(16), hl.f32(g.out[at_x, c, at_y]) + added)

    # No cell comes twice.
    g.out.bound(c, 0, n_planes)
    update = g.out.update(0).allow_race_conditions()
    update.reorder(c, part.x, part.y, part.z).unroll(c).vectorize(part.x).parallel(part.z)
    of_vector.bound(xi, 0, LANES).compute_at(g.out, part.y).vectorize(xi)
    landing.schedule(g.out, part.y)
    # Of all tiles, since what the cells need is known too late.
    landing.cells.compute_root()


class Gather:
    """What all four take: frame float32 [H * W] (mosaic) or [H * W * 3] (rgb), W, H, trust uint8 of 2 x 2 blocks, flow
    float32 [th, tw, 2] of 32 px tiles of the picture, first guess float32 [h + 2, 3, W + 2], the last two with columns
    for whole vectors of 16 px; falloff = 1 / (16 sigma^2), weight of the frame, clip (samples at or above are left
    out)."""

    frame = hl.InputBuffer(hl.Float(32), 1)
    width = hl.InputScalar(hl.Int(32))
    height = hl.InputScalar(hl.Int(32))
    trust = hl.InputBuffer(hl.UInt(8), 2)
    flow = hl.InputBuffer(hl.Float(32), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    falloff = hl.InputScalar(hl.Float(32))
    weight = hl.InputScalar(hl.Float(32))
    clip = hl.InputScalar(hl.Float(32))


@hl.generator(name="merge_gather_mosaic")
class GatherMosaic(Gather):
    """Add one frame to a band of rows: trust and first guess are the band's, `top` the row of the picture where it
    begins (a multiple of 16), red_row and red_column where the mosaic has red; sums float16 [h, 6, W] (weight x
    difference from the first guess at the very place of the sample, of R, G, B, then weights) -> sums, may be the same
    array."""

    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    sums = hl.InputBuffer(hl.Float(16), 3)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_rows(self, of_mosaic, 6)


@hl.generator(name="merge_gather_rgb")
class GatherRgb(Gather):
    """As GatherMosaic for rgb and sums float16 [h, 4, W] (R, G, B, weight)."""

    top = hl.InputScalar(hl.Int(32))
    sums = hl.InputBuffer(hl.Float(16), 3)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_rows(self, of_rgb, 4)


@hl.generator(name="merge_gather_mosaic_cells")
class GatherMosaicCells(Gather):
    """As GatherMosaic for some cells of 16 x 16 pixels of the whole picture: cells int32 [n, 2] (row and column of
    each, none twice) -> sums with columns for whole vectors, added to in place."""

    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    cells = hl.InputBuffer(hl.Int(32), 2)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_cells(self, of_mosaic, 6)


@hl.generator(name="merge_gather_rgb_cells")
class GatherRgbCells(Gather):
    """As GatherMosaicCells for rgb."""

    cells = hl.InputBuffer(hl.Int(32), 2)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_cells(self, of_rgb, 4)


@hl.generator(name="merge_guess")
class GuessRows:
    """Rows of the first guess with a border of one pixel: camera_rgb float32 [h, W, 3], row of it where the output
    begins (may be -1) -> float32 [n, 3, W + 2 or more]; rows and columns beyond repeat."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    top = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        near = hl.BoundaryConditions.repeat_edge(g.rgb, [(hl.Expr(), hl.Expr()), (0, g.rgb.dim(1).extent()),
                                                          (hl.Expr(), hl.Expr())])  # fmt: skip
        row = hl.clamp(y + g.top, 0, g.rgb.dim(2).extent() - 1)
        g.out[x, c, y] = near[c, x - 1, row]
        g.rgb.dim(0).set_bounds(0, 3).set_stride(1)
        g.rgb.dim(1).set_stride(3)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 16, GUARD)


@hl.generator(name="merge_finish_rgb")
class FinishRgb:
    """sums float16 [H, 4, W], first guess float32 [H + 2, 3, W + 2], frames that the guess is worth -> the guess
    corrected, float32 [H, 3, W + 2], pixel 0 in column 1; may be rows 1 to H of the guess itself."""

    sums = hl.InputBuffer(hl.Float(16), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    worth = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        column = hl.clamp(x - 1, 0, g.sums.dim(0).extent() - 1)
        at = [hl.f32(g.sums[column, k, y]) for k in range(4)]
        added = [at[k] / (at[3] + g.worth + hl.f32(1e-12)) for k in range(3)]
        g.out[x, c, y] = g.first[x, c, y + 1] + hl.select(c == 0, added[0], c == 1, added[1], added[2])
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 32, GUARD).vectorize(x, LANES, GUARD)


@hl.generator(name="merge_finish_mosaic")
class FinishMosaic:
    """sums float16 [H, 6, W or more], W, first guess float32 [H + 2, 3, W + 2], white balance of R and B (G is 1),
    trust in their samples (variance of a green sample over theirs, balanced), frames that the guess is worth -> the
    guess corrected, as FinishRgb.

    Differences of colour are smooth, luminance is not: what is added to the first guess's chrominance comes from sums
    blurred by a Gaussian of 0.8 px, what is added to its luminance from all samples of all colours with that taken
    out."""

    sums = hl.InputBuffer(hl.Float(16), 3)
    width = hl.InputScalar(hl.Int(32))
    first = hl.InputBuffer(hl.Float(32), 3)
    wb_red = hl.InputScalar(hl.Float(32))
    wb_blue = hl.InputScalar(hl.Float(32))
    trust_red = hl.InputScalar(hl.Float(32))
    trust_blue = hl.InputScalar(hl.Float(32))
    worth = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.width, g.sums.dim(2).extent()
        bounds = [(hl.i32(0), w), (hl.Expr(), hl.Expr()), (hl.i32(0), h)]
        near, sums = hl.BoundaryConditions.mirror_image(g.sums, bounds), hl.Func("sums")
        sums[x, c, y] = hl.f32(near[x, c, y])
        kernel = [0.0222, 0.2282, 0.4992, 0.2282, 0.0222]  # Gaussian, sigma 0.8 px, over 5 samples
        rows, blurred = hl.Func("rows"), hl.Func("blurred")
        rows[x, c, y] = sum(hl.f32(k) * sums[x, c, y + i - 2] for i, k in enumerate(kernel))
        blurred[x, c, y] = sum(hl.f32(k) * rows[x + i - 2, c, y] for i, k in enumerate(kernel))

        # A quarter of a frame's samples are red, a quarter blue, half green; so is the guess's worth.
        tiny, px = hl.f32(1e-12), x - 1
        share = [hl.f32(0.25), hl.f32(0.5), hl.f32(0.25)]
        mean = [blurred[px, k, y] / (blurred[px, k + 3, y] + g.worth * share[k] + tiny) for k in range(3)]
        in_red, in_blue = g.wb_red * mean[0] - mean[1], g.wb_blue * mean[2] - mean[1]
        at = [sums[px, k, y] for k in range(6)]
        red = g.trust_red * (g.wb_red * at[0] - at[3] * in_red)
        blue = g.trust_blue * (g.wb_blue * at[2] - at[5] * in_blue)
        worth = g.worth * hl.f32(0.25) * (g.trust_red + 2 + g.trust_blue)
        luma = (red + at[1] + blue) / (g.trust_red * at[3] + at[4] + g.trust_blue * at[5] + worth + tiny)
        added = hl.Func("added")
        added[x, y] = ((luma + in_red) / g.wb_red, luma, (luma + in_blue) / g.wb_blue)
        total = added[x, y]
        g.out[x, c, y] = g.first[x, c, y + 1] + hl.select(c == 0, total[0], c == 1, total[1], total[2])

        # Bands of 32 rows in parallel; the vertical blur is kept for one row at a time, the horizontal one in
        # registers.
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).split(y, y, yi, 32, GUARD).parallel(y)
        g.out.vectorize(x, LANES, GUARD)
        added.compute_at(g.out, x).vectorize(x, LANES)
        rows.compute_at(g.out, yi).reorder(x, c, y).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
