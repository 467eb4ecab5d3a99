"""The burst merge: samples gathered where they fell.

Sums and the first guess are kept in rows of planes, [H, planes, W]: what belongs to a row of the picture lies together,
and a band of rows is an array of its own.
"""

import halide as hl
from halide_common import held, padded_load, pick, tile_cells, total

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
xo, xi, yo, yi, n = hl.Var("xo"), hl.Var("xi"), hl.Var("yo"), hl.Var("yi"), hl.Var("n")

LANES = 16  # pixels of a vector, and side of a cell: half a tile
TILE = 32
NOTHING = 1e9  # in place of what a sample says where there is none
GUARD = hl.TailStrategy.GuardWithIf


class Landing:
    """Where a cell of 16 x 16 output pixels lies in a frame of `width` and `height`.

    The four samples around a pixel are read side by side for 16 pixels, and a cell shares its whole displacement, that
    of its middle: a pixel that the motion carries away from there (turned by degrees) has offsets a little outside 0
    to 1.

    block, half: the cell in the picture (column and row of cells).
    """

    def __init__(self, g, block, half, other=None):
        self.g, self.block, self.half = g, block, half
        self.cells = other.cells if other else tile_cells(g.flow, "cells")
        # Kept in memory: of a remainder of 2 Halide would make two half vectors of all that depends on it.
        self.lane = other.lane if other else hl.Func("lane")
        if not other:
            self.lane[xi] = xi & 1
            self.lane.bound(xi, 0, LANES).compute_root()
        self.whole = []
        for component in (0, 1):
            self.whole.append(hl.i32(hl.floor(self._moved(component, hl.f32(0.25), hl.f32(0.25)))))

    def _moved(self, component, u, v):
        t = [self.cells[component, self.block, self.half][k] for k in range(4)]
        return (t[0] + v * t[2]) + u * (t[1] + v * t[3])

    def offsets(self, row):
        """How far a row of the cell (0 to 16) and its 16 columns lie beyond the sample above and left, in y and x."""
        u, v = (self._from_centre(k, cell) for k, cell in ((xi, self.block), (row, self.half)))
        moved = [self._moved(k, u, v) - hl.f32(self.whole[k]) for k in (0, 1)]
        return [hl.clamp(d, -1, 2) for d in moved]

    @staticmethod
    def _from_centre(position, cell):
        """Distance of a pixel of the cell from the tile's centre, in tiles; the pixel after the last goes on."""
        inward = hl.f32(LANES - 0.5) - hl.f32(position)
        outward = hl.f32(position) + hl.f32(0.5)
        return hl.select(cell % 2 == 0, inward, outward) * hl.f32(1 / TILE)

    def sample(self, row, i):
        """Row and first column of the samples `i` beside those of a row of the cell, their index in the frame, and
        whether each is one."""
        width, height = self.g.width, self.g.height
        y_, first = self.half * LANES + row + self.whole[0], self.block * LANES + self.whole[1] + i
        start = y_ * width + first
        column = first + xi
        # Only the first and last few pixels of the frame are out of reach.
        is_there = (y_ >= 0) & (y_ < height) & (start >= 0) & (start + LANES <= width * height)
        return y_, first, start, is_there & (column >= 0) & (column < width)

    def is_coloured(self, row, first):
        """Whether the 16 samples from column `first` on are red or blue, not green."""
        return self.lane[xi] == ((first ^ row ^ self.g.red_row ^ self.g.red_column) & 1)

    def weights(self, row):
        """(1 - falloff d^2)^8 for the distances d of the two rows and columns: a Gaussian that ends."""

        def power(o):
            part = hl.max(1 - self.g.falloff * o * o, 0)
            part = part * part
            part = part * part
            return part * part

        return [[power(hl.f32(k) - d) for k in (0, 1)] for d in self.offsets(row)]


class Guess:
    """The first guess at the samples beside a row of a cell: cubic B-splines, whose coefficients are rows of planes
    with a border of two pixels. One fraction serves both columns of samples."""

    def __init__(self, landing, row, column, top):
        def spline(d):
            f = 1 - d
            near, far = f * f, (1 - f) * (1 - f)
            return [
                far * (1 - f) * hl.f32(1 / 6), hl.f32(2 / 3) - near * (1 - f * hl.f32(0.5)),
                hl.f32(2 / 3) - far * (1 - (1 - f) * hl.f32(0.5)), near * f * hl.f32(1 / 6),
            ]  # fmt: skip

        self.first, self.column, self.top = landing.g.first, column, top
        self.by_y, self.by_x = (spline(d) for d in landing.offsets(row))

    def at(self, *planes, choose=None):
        """Values for the two columns of samples; `choose(i, values)` makes one of the planes' for column i.

        Down the columns first: these sums of five columns serve both."""
        last = self.first.dim(2).extent() - 1
        rows = [held(self.top + j, last) for j in range(4)]
        columns = [
            [
                total(w * self.first[self.column + xi + k, p, row] for w, row in zip(self.by_y, rows, strict=True))
                for p in planes
            ]
            for k in range(5)
        ]
        found = []
        for i in (0, 1):
            taps = [v[0] if choose is None else choose(i, v) for v in columns[i : i + 4]]
            found.append(total(w * v for w, v in zip(self.by_x, taps, strict=True)))
        return found


def of_mosaic(g, landing, row, column, top, lost=None):
    """What the samples beside a row of a cell say beyond the first guess, for the left and the right of each pixel.
    With `lost`, the variance of what the guess lost there, those that neither that nor noise explains say nothing."""
    guess = Guess(landing, row, column, top)
    y_, first, start, _ = landing.sample(row, 0)
    on_red = ((y_ ^ g.red_row) & 1) == 0
    colour = hl.unsafe_promise_clamped(hl.select(on_red, 0, 2), hl.i32(0), hl.i32(2))

    def choose(i, values):
        return hl.select(landing.is_coloured(y_, first + i), values[0], values[1])

    expected = guess.at(colour, hl.i32(1), choose=choose)
    found = []
    for i in (0, 1):
        _, _, start, is_there = landing.sample(row, i)
        value = padded_load(g.frame, start, xi, g.frame.dim(0).extent())
        more = value - expected[i]
        if lost is not None:
            tile = (hl.min(k // 2, g.gain.dim(n).extent() - 1) for n, k in enumerate((landing.block, landing.half)))
            gain = g.gain[tuple(tile)]
            alpha, beta = (choose(i, [g.noise[colour + k], g.noise[1 + k]]) for k in (0, 3))
            variance = (alpha * hl.max(expected[i], 0) + beta * gain) * gain + 2 * lost + hl.f32(1e-9)
            is_there = is_there & (more * more < g.limit * variance)
        found.append(hl.select(is_there & (value < g.clip), more, hl.f32(NOTHING)))
    return found


def sums_of_mosaic(g, landing, row, trust, told):
    """What a frame adds to 16 pixels: weight times difference from the guess for R, G, B, then the weights. `told(row,
    i)`: what the samples say."""
    wy, wx = landing.weights(row)
    value, weight = [], []
    for j in (0, 1):
        y_, first, _, _ = landing.sample(row + j, 0)
        pairs = []
        for i in (0, 1):
            r = told(row + j, i)[0]
            k = hl.select(r < hl.f32(0.5 * NOTHING), trust * (wy[j] * wx[i]), 0)
            pairs.append((k * r, k))
        is_left = landing.is_coloured(y_, first)
        for k, store in ((0, value), (1, weight)):
            left, right = pairs[0][k], pairs[1][k]
            store.append((hl.select(is_left, left, right), hl.select(is_left, right, left)))
    y_ = landing.sample(row, 0)[0]
    on_red = ((y_ ^ g.red_row) & 1) == 0

    def colours(v):
        (one, green), (other, green_) = v
        return [hl.select(on_red, one, other), green + green_, hl.select(on_red, other, one)]

    return colours(value) + colours(weight)


def of_rgb(g, landing, row, column, top):
    """As `of_mosaic` for a frame of RGB: three numbers left, three right."""
    guess = Guess(landing, row, column, top)
    expected = [guess.at(hl.i32(k)) for k in range(3)]
    last = g.frame.dim(0).extent() - 3 * LANES
    found = []
    for i in (0, 1):
        _, _, start, is_there = landing.sample(row, i)
        start = held(3 * start, last)
        value = [g.frame[start + 3 * xi + k] for k in range(3)]
        brightest = hl.max(hl.max(value[0], value[1]), value[2])
        is_valid = is_there & (brightest < g.clip)
        found += [hl.select(is_valid, value[k] - expected[k][i], hl.f32(NOTHING)) for k in range(3)]
    return found


def sums_of_rgb(g, landing, row, trust, told):
    """As `sums_of_mosaic`; one weight for the three."""
    wy, wx = landing.weights(row)
    added = [hl.f32(0)] * 4
    for j in (0, 1):
        for i in (0, 1):
            r = told(row + j, i)
            k = hl.select(r[0] < hl.f32(0.5 * NOTHING), trust * (wy[j] * wx[i]), 0)
            added = [sum_ + k * part for sum_, part in zip(added, [*r, hl.f32(1)], strict=True)]
    return added


KINDS = {"mosaic": (of_mosaic, sums_of_mosaic, 6), "rgb": (of_rgb, sums_of_rgb, 4)}
CELLS = 64  # in a row at a time: long pieces of rows are fetched ahead, and fit the second-level cache


def gather_rows(g, kind):
    """A whole band of rows; bands of 16, half a tile, run in parallel. What samples say is computed once, for some
    cells at a time."""
    of_frame, sums_of, n_planes = KINDS[kind]
    landing = Landing(g, xo, yo + g.top // LANES)
    told, added, trust = hl.Func("told"), hl.Func("added"), hl.Func("trust_of_lanes")
    told[xi, yi, xo, yo] = hl.Tuple(tuple(of_frame(g, landing, yi, xo * LANES, yo * LANES + yi)))
    per_side = 1 if kind == "mosaic" else 3
    # A row of its own, or pairs of equal lanes would part all vectors in two.
    trust[xi, xo, y] = hl.f32(g.trust[(xo * LANES + xi) // 2, y // 2]) * (hl.f32(1 / 255) * g.weight)
    asked = Landing(g, xo, (y + g.top) // LANES, landing)
    added[xi, xo, y] = hl.Tuple(tuple(sums_of(
        g, asked, y % LANES, trust[xi, xo, y],
        lambda row, i: [told[xi, row, xo, y // LANES][per_side * i + k] for k in range(per_side)],
    )))  # fmt: skip
    at = added[x % LANES, x // LANES, y]
    g.out[x, c, y] = hl.cast(hl.Float(16), hl.f32(g.sums[x, c, y]) + pick([at[k] for k in range(n_planes)], c))

    for k in range(3):
        g.out.output_buffer().dim(k).set_min(0)
        g.sums.dim(k).set_min(0)
    xv, xc, xb, yr, yb = hl.Var("xv"), hl.Var("xc"), hl.Var("xb"), hl.Var("yr"), hl.Var("yb")
    g.out.bound(c, 0, n_planes).reorder(c, x, y).unroll(c)
    g.out.split(y, yb, yr, LANES, GUARD).split(x, xb, xv, LANES, GUARD).split(xb, xc, xb, CELLS, GUARD)
    g.out.reorder(c, xv, xb, yr, xc, yb).vectorize(xv).parallel(yb)
    added.bound(xi, 0, LANES).compute_at(g.out, xb).vectorize(xi)
    trust.bound(xi, 0, LANES).compute_at(g.out, xb).vectorize(xi)
    told.bound(xi, 0, LANES).compute_at(g.out, xc).reorder(xi, xo, yi, yo).vectorize(xi)
    landing.cells.compute_at(g.out, yb)


def gather_cells(g, kind):
    """Cells of 16 x 16 pixels here and there, added in place; the rest of the sums is left alone."""
    of_frame, sums_of, n_planes = KINDS[kind]
    width, height = (g.out.output_buffer().dim(k).extent() for k in (0, 2))
    part = hl.RDom([(0, LANES), (0, LANES), (0, g.cells.dim(1).extent())], "part")
    half = hl.clamp(g.cells[0, n], 0, (height - 1) // LANES)
    block = hl.unsafe_promise_clamped(hl.clamp(g.cells[1, n], 0, (width - 1) // LANES), hl.i32(0), width // LANES)
    landing = Landing(g, block, half)
    told, added, trust = hl.Func("told"), hl.Func("added"), hl.Func("trust_of_lanes")
    place = yi, block * LANES, half * LANES + yi
    if kind == "mosaic":
        lost = hl.Func("lost_of_lanes")
        last = [g.lost.dim(k).extent() - 1 for k in (0, 1)]
        lost[xi, yi, n] = g.lost[held((place[1] + xi) // 2, last[0]), held(place[2] // 2, last[1])]
        place = (*place, lost[xi, yi, n])
        lost.bound(xi, 0, LANES).compute_at(told, yi).vectorize(xi)
    told[xi, yi, n] = hl.Tuple(tuple(of_frame(g, landing, *place)))
    per_side = 1 if kind == "mosaic" else 3
    row = hl.unsafe_promise_clamped(hl.min(half * LANES + yi, height - 1), hl.i32(0), g.height - 1)
    trust[xi, yi, n] = hl.f32(g.trust[(block * LANES + xi) // 2, row // 2]) * (hl.f32(1 / 255) * g.weight)
    added[xi, yi, n] = hl.Tuple(tuple(sums_of(
        g, landing, yi, trust[xi, yi, n], lambda row, i: [told[xi, row, n][per_side * i + k] for k in range(per_side)]
    )))  # fmt: skip

    # No lane is left out: a store with a mask of these halves is done lane by lane.
    at_x = hl.clamp(g.cells[1, part.z], 0, width // LANES - 1) * LANES + part.x
    at_y = hl.clamp(g.cells[0, part.z], 0, (height - 1) // LANES) * LANES + part.y
    part.where(at_y < height)
    at_x, at_y = hl.unsafe_promise_clamped(at_x, 0, width - 1), hl.unsafe_promise_clamped(at_y, 0, height - 1)
    at = pick([added[part.x, part.y, part.z][k] for k in range(n_planes)], c)
    g.out[x, c, y] = hl.undef(hl.Float(16))
    g.out[at_x, c, at_y] = hl.cast(hl.Float(16), hl.f32(g.out[at_x, c, at_y]) + at)

    # No cell comes twice.
    g.out.bound(c, 0, n_planes)
    update = g.out.update(0).allow_race_conditions()
    update.reorder(c, part.x, part.y, part.z).unroll(c).vectorize(part.x).parallel(part.z)
    added.bound(xi, 0, LANES).compute_at(g.out, part.y).vectorize(xi)
    trust.bound(xi, 0, LANES).compute_at(g.out, part.y).vectorize(xi)
    told.bound(xi, 0, LANES).compute_at(g.out, part.z).vectorize(xi)
    # Of all tiles, since what the cells need is known too late.
    landing.cells.compute_root()


class Gather:
    """What all four take: frame float32 [H * W] (mosaic) or [H * W * 3] (rgb), W, H, trust uint8 of 2 x 2 blocks, flow
    float32 [th, tw, 2] of 32 px tiles of the picture, first guess float32 [h + 4, 3, W + 4] (coefficients of splines),
    trust and guess with columns for whole vectors of 16 px; falloff = 1 / (16 sigma^2), weight of the frame, clip
    (samples at or above are left out)."""

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
        gather_rows(self, "mosaic")


@hl.generator(name="merge_gather_rgb")
class GatherRgb(Gather):
    """As GatherMosaic for rgb and sums float16 [h, 4, W] (R, G, B, weight)."""

    top = hl.InputScalar(hl.Int(32))
    sums = hl.InputBuffer(hl.Float(16), 3)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_rows(self, "rgb")


@hl.generator(name="merge_gather_mosaic_cells")
class GatherMosaicCells(Gather):
    """As GatherMosaic for some cells of 16 x 16 pixels of the whole picture: cells int32 [n, 2] (row and column of
    each, none twice) -> sums with columns for whole vectors, added to in place.

    Samples whose difference from the guess, squared, is over `limit` times the variance that noise (float32 [6], alpha,
    then beta of R, G, B; gain float32 [th, tw] of tiles) and twice `lost` explain are left out; `lost` float32 [H / 2,
    W / 2]: what the guess lost of the reference, see merge_lost."""

    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    lost = hl.InputBuffer(hl.Float(32), 2)
    noise = hl.InputBuffer(hl.Float(32), 1)
    gain = hl.InputBuffer(hl.Float(32), 2)
    limit = hl.InputScalar(hl.Float(32))
    cells = hl.InputBuffer(hl.Int(32), 2)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_cells(self, "mosaic")


@hl.generator(name="merge_gather_rgb_cells")
class GatherRgbCells(Gather):
    """As GatherMosaicCells for rgb."""

    cells = hl.InputBuffer(hl.Int(32), 2)
    out = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        gather_cells(self, "rgb")


if __name__ == "__main__":
    hl.main()
