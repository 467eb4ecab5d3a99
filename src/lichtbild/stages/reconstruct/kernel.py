"""Joint reconstruction: what all samples differ by from the picture, brought to where they fell at twice the pixels.
README.md has the idea, reference.py the NumPy twins.

"Fine" pixels are half a pixel of the mosaic apart: fine pixel P is the light at (P + 0.5) / 2, so that 2 p and 2 p + 1
lie inside pixel p. "Corners" lie between them: corner C is what a whole pixel would see if it were centred between fine
pixels C and C + 1; corner 2 p is pixel p itself. What belongs to corners is kept by phase: plane
4 c + 2 a + b at [i, j] is corner (2 i + a, 2 j + b) of colour c.

Pictures are rows of planes, so that a band of rows is an array of its own, and every kernel makes a band: "above" is
how many rows its input shows before the first that is made.
"""

import halide as hl
from halide_common import f32, off_centre, pick, tile_cells, total

x, y, c, k = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("k")
xo, yo, xi, yi, yr = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "yr"))

LANES = 16
GUARD = hl.TailStrategy.GuardWithIf
TILE_PX = 32  # of the motion field
# What a pixel sees of the four points nearest to its centre, along one axis: sinc(2 f) to 0.01, f up to 0.3 a point.
APERTURE = [0.025, 0.475, 0.475, 0.025]


# ------------------------------------------------------------------------------------------------ where samples lie


def displacement(cells, frame, row, component):
    """Value of a motion field's cells at the centre of px (x, row): one cell for a vector that starts at a multiple of
    16 px."""
    t = [cells[component, x // LANES, row // LANES, frame][i] for i in range(4)]
    u, v = off_centre(x, TILE_PX), off_centre(row, TILE_PX)
    return t[0] + v * t[2] + u * (t[1] + v * t[3])


def five_taps(offset):
    """Weights of corners 2 p - 2 ... 2 p + 2 at the place 2 (p + offset), |offset| <= 0.5, by the cubic of Keys."""
    is_left = offset < 0
    f = 2 * offset + hl.select(is_left, f32(1), f32(0))
    f2, f3 = f * f, f * f * f
    w = [
        f2 - f32(0.5) * (f + f3),
        1 - f32(2.5) * f2 + f32(1.5) * f3,
        f32(0.5) * f + 2 * f2 - f32(1.5) * f3,
        f32(0.5) * (f3 - f2),
    ]
    zero = f32(0)
    return [hl.select(is_left, a, b) for a, b in zip([*w, zero], [zero, *w], strict=True)]


def seen(four):
    """What a pixel sees of four points in a row around its centre."""
    return f32(APERTURE[0]) * (four[0] + four[3]) + f32(APERTURE[1]) * (four[1] + four[2])


class Samples:
    """Of frame k, the sample that lies nearest to pixel (x, y) of the band: its weight, colour, value and taps."""

    def __init__(self, g):
        frames, packed = g.frames, g.packed
        w, h = frames.dim(0).extent(), frames.dim(1).extent()
        row = y + g.row
        block = [hl.clamp(v // 2, 0, packed.dim(i).extent() - 1) for i, v in enumerate((x, row))]
        mark = packed[block[0], block[1], k]
        is_own = (mark & hl.u8(1)) != 0
        self.cells = [tile_cells(field, name, k) for field, name in ((g.hand, "by_hand"), (g.local, "by_own"))]
        hand, own = ([displacement(cells, k, row, i) for i in (0, 1)] for cells in self.cells)
        py, px = (hl.f32(at) + hl.select(is_own, own[i], hand[i]) for i, at in enumerate((row, x)))
        ny, nx = hl.floor(py + f32(0.5)), hl.floor(px + f32(0.5))
        iy, ix = hl.i32(ny), hl.i32(nx)
        inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
        inside = inside & (x >= 0) & (x < w) & (row >= 0) & (row < h)
        stored = frames[hl.clamp(ix, 0, w - 1), hl.clamp(iy, 0, h - 1), k]
        is_valid = inside & (stored != hl.i16(-32768))
        weight = hl.f32(hl.i32(mark // hl.u8(2))) * f32(1 / 127) * g.facts[1, k]
        colour = ((iy ^ g.red_row) & 1) + ((ix ^ g.red_column) & 1)

        value = hl.f32(stored) * g.facts[0, k]
        self.place, self.kx, self.ky = hl.Func("place"), hl.Func("kx"), hl.Func("ky")
        self.place[x, y, k] = hl.Tuple([ny - py, nx - px, hl.select(is_valid, weight, f32(0)), colour, value])
        self.ky[x, y, k] = hl.Tuple(five_taps(self.place[x, y, k][0]))
        self.kx[x, y, k] = hl.Tuple(five_taps(self.place[x, y, k][1]))


def spread(values, samples, r, g):
    """Sum over frames of what the samples of nine pixels give to the four corners of pixel (x, y), by colour."""
    acc = hl.Func("acc")
    acc[x, y] = hl.Tuple([f32(0)] * 12)
    sums = [f32(0)] * 12
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            at = (x + dx, y + dy, r.x)
            kx, ky, value = samples.kx[at], samples.ky[at], values[at]
            for a in (0, 1):
                for b_ in (0, 1):
                    down, along = a - 2 * dy + 2, b_ - 2 * dx + 2
                    if not (0 <= down <= 4 and 0 <= along <= 4):
                        continue
                    tap = ky[down] * kx[along]
                    for colour in range(3):
                        i = 4 * colour + 2 * a + b_
                        sums[i] = sums[i] + tap * value[colour]
    before = acc[x, y]
    acc[x, y] = hl.Tuple([before[i] + sums[i] for i in range(12)])
    g.out[x, c, y] = pick([acc[x, y][i] for i in range(12)], c)

    # A tile stays in the second-level cache while all frames pass; three rows of samples in the first.
    g.out.bound(c, 0, 12).split(x, xo, xi, 224, GUARD).split(y, yo, yi, 16, GUARD).reorder(c, xi, yi, xo, yo)
    g.out.unroll(c).vectorize(xi, LANES, GUARD).parallel(yo)
    acc.compute_at(g.out, xo).vectorize(x, LANES)
    acc.update(0).reorder(x, y, r.x).vectorize(x, LANES)
    for func in samples.cells:
        func.compute_at(acc, r.x).never_partition_all()
    for func in (values, samples.place, samples.kx, samples.ky):
        func.store_at(acc, r.x).compute_at(acc, y).align_bounds(x, LANES).vectorize(x, LANES)
    for func in (g.out, acc, values, samples.kx, samples.ky, samples.place):
        func.never_partition_all()
    return acc


@hl.generator(name="reconstruct_stored")
class Stored:
    """mosaic float32 [H, W], steps to one, clip -> int16 [H, W] in steps; -32768 at or above clip."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    steps = hl.InputScalar(hl.Float(32))
    clip = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Int(16), 2)

    def generate(self):
        g = self
        value = g.mosaic[x, y]
        number = hl.clamp(hl.floor(value * g.steps + f32(0.5)), f32(-32767), f32(32767))
        g.out[x, y] = hl.select(value < g.clip, hl.i16(hl.i32(number)), hl.i16(-32768))
        g.out.vectorize(x, 2 * LANES, GUARD).parallel(y, 64, GUARD)


@hl.generator(name="reconstruct_marks")
class Marks:
    """trust uint8 [2, h, w], 255 = full, in the hand's motion and in a tile's own, of which one is 0 -> uint8
    [h, w], twice the trust (127 = full), plus 1 where the local motion holds."""

    trust = hl.InputBuffer(hl.UInt(8), 3)
    out = hl.OutputBuffer(hl.UInt(8), 2)

    def generate(self):
        g = self
        hand, own = (hl.u16(g.trust[x, y, i]) for i in (0, 1))
        part = ((hand + own) * hl.u16(127) + hl.u16(127)) // hl.u16(255)
        g.out[x, y] = hl.u8(part * hl.u16(2) + hl.select(own > hand, hl.u16(1), hl.u16(0)))
        g.out.vectorize(x, 2 * LANES, GUARD).parallel(y, 64, GUARD)


@hl.generator(name="reconstruct_count")
class Count:
    """frames int16 [K, H, W] (-32768: no sample), packed uint8 [K, ceil(H / 2), ceil(W / 2)] (twice the trust, 127 =
    full, plus 1 where the local motion holds), hand and local motion float32 [K, th, tw, 2] (dy, dx) px, facts float32
    [K, 2] (value of one step of a frame's numbers, weight), row and column of red, first row of the band -> weight of
    samples that fell near each corner float32 [rows, 12, W]."""

    frames = hl.InputBuffer(hl.Int(16), 3)
    packed = hl.InputBuffer(hl.UInt(8), 3)
    hand = hl.InputBuffer(hl.Float(32), 4)
    local = hl.InputBuffer(hl.Float(32), 4)
    facts = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    row = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        r = hl.RDom([(0, g.frames.dim(2).extent())])
        samples = Samples(g)
        values = hl.Func("values")
        weight, colour = (samples.place[x, y, k][i] for i in (2, 3))
        values[x, y, k] = hl.Tuple([hl.select(colour == i, weight, f32(0)) for i in range(3)])
        spread(values, samples, r, g)


@hl.generator(name="reconstruct_residual")
class Residual:
    """As reconstruct_count, then white balance [3], the fine picture float32 [n, 3, 2 W] and px above -> weighted
    differences of the samples from what the fine picture lets expect at their very place, spread to the corners.
    The fine picture is asked for 4 px above and below."""

    frames = hl.InputBuffer(hl.Int(16), 3)
    packed = hl.InputBuffer(hl.UInt(8), 3)
    hand = hl.InputBuffer(hl.Float(32), 4)
    local = hl.InputBuffer(hl.Float(32), 4)
    facts = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    row = hl.InputScalar(hl.Int(32))
    balance = hl.InputBuffer(hl.Float(32), 1)
    fine = hl.InputBuffer(hl.Float(32), 3)
    above = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        r = hl.RDom([(0, g.frames.dim(2).extent())])
        samples = Samples(g)
        last = [g.fine.dim(i).extent() - 1 for i in (0, 2)]
        # Along rows, then across them: what a pixel centred on a corner sees.
        pairs, corners = hl.Func("pairs"), hl.Func("corners")
        line = hl.clamp(y + 2 * g.above, 0, last[1])
        columns = [g.fine[hl.clamp(2 * x + i, 0, last[0]), c, line] for i in range(-1, 4)]
        pairs[x, y, c] = hl.Tuple([seen(columns[i : i + 4]) for i in (0, 1)])
        rows = [pairs[x, 2 * y + i, c] for i in range(-1, 4)]
        corners[x, y, c] = hl.Tuple([seen([row[b_] for row in rows[a : a + 4]]) for a in (0, 1) for b_ in (0, 1)])

        kx, ky = samples.kx[x, y, k], samples.ky[x, y, k]
        expected = []
        for colour in range(3):
            lines = []
            for down in range(-2, 3):
                taps = [kx[along + 2] * corners[x + along // 2, y + down // 2, colour][2 * (down % 2) + along % 2]
                        for along in range(-2, 3)]  # fmt: skip
                lines.append(ky[down + 2] * total(taps))
            expected.append(total(lines))
        weight, colour, value = (samples.place[x, y, k][i] for i in (2, 3, 4))
        values = hl.Func("values")
        values[x, y, k] = hl.Tuple(
            [hl.select(colour == i, weight * (g.balance[i] * value - expected[i]), f32(0)) for i in range(3)]
        )
        spread(values, samples, r, g)
        corners.compute_at(g.out, xo).bound(c, 0, 3).vectorize(x, LANES).never_partition_all()
        pairs.compute_at(corners, y).vectorize(x, LANES).never_partition_all()


@hl.generator(name="reconstruct_moved")
class Moved:
    """fine picture float32 [2 h, 3, 2 W], differences and weights at the corners [n, 12, W], px above of these, least
    weight -> the fine picture moved by what its four corners ask for, float32 [2 h, 3, 2 W]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    sums = hl.InputBuffer(hl.Float(32), 3)
    count = hl.InputBuffer(hl.Float(32), 3)
    above = hl.InputScalar(hl.Int(32))
    least = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self

        def corner(planes, a, b_, i, k_, colour):
            """Corner (2 i + a, 2 k + b), a and b from -1 to 1; nothing beyond the edge."""
            row = hl.max(i + g.above + a // 2, 0)
            return planes[hl.max(k_ + b_ // 2, 0), 4 * colour + 2 * (a % 2) + b_ % 2, row]

        def around(planes, a, b_):
            i, k_ = y // 2, x // 2
            four = [corner(planes, a - m, b_ - p, i, k_, c) for m in (0, 1) for p in (0, 1)]
            return f32(0.25) * total(four)

        steps = []
        for a in (0, 1):
            for b_ in (0, 1):
                steps.append(around(g.sums, a, b_) / hl.max(around(g.count, a, b_), g.least))
        phase = 2 * (y % 2) + x % 2
        g.out[x, c, y] = g.fine[x, c, y] + pick(steps, phase)
        g.out.output_buffer().dim(0).set_min(0)
        g.out.align_bounds(x, 2).align_bounds(y, 2)
        g.out.split(y, y, yi, 2).split(x, x, xi, 2).reorder(xi, x, yi, c, y).unroll(xi).unroll(yi)
        g.out.vectorize(x, LANES, GUARD).parallel(y, 16, GUARD).never_partition_all()


# ------------------------------------------------------------------------------------------------------ the pictures


# Sixteen pixels to the point a quarter of a pixel before the ninth: eight by least squares up to 0.46 cycles a px, and
# what pixels then see of the points wrongly taken off, so that they see the very picture that the points came from.
QUARTER = [
    -0.0019, 0.0044, -0.0065, 0.0121, -0.0356, 0.0878, -0.1450, 0.2551,
    1.0359, -0.2996, 0.1543, -0.0917, 0.0385, -0.0115, 0.0062, -0.0025,
]  # fmt: skip


@hl.generator(name="reconstruct_start")
class Start:
    """camera_rgb float32 [n, W, 3], white balance [3], px above -> balanced fine picture float32 [2 h, 3, 2 W] that
    pixels see it in."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    above = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.rgb.dim(1).extent(), g.rgb.dim(2).extent()
        planes, rows = hl.Func("planes"), hl.Func("rows")
        planes[x, c, y] = g.rgb[c, hl.clamp(x, 0, w - 1), hl.clamp(y + g.above, 0, h - 1)] * g.balance[c]
        down = [
            total(f32(weight) * planes[x, c, y // 2 + i] for weight, i in zip(QUARTER, offsets, strict=True))
            for offsets in (range(-8, 8), range(8, -8, -1))
        ]
        rows[x, c, y] = hl.select(y % 2 == 0, down[0], down[1])
        along = [
            total(f32(weight) * rows[x // 2 + i, c, y] for weight, i in zip(QUARTER, offsets, strict=True))
            for offsets in (range(-8, 8), range(8, -8, -1))
        ]
        g.out[x, c, y] = hl.select(x % 2 == 0, along[0], along[1])
        g.out.bound(c, 0, 3)
        g.out.split(y, yo, yi, 16, GUARD).split(yi, yi, yr, 2).split(x, x, xi, 2, GUARD)
        g.out.reorder(xi, x, yr, c, yi, yo).unroll(xi).unroll(yr).unroll(c).vectorize(x, LANES, GUARD).parallel(yo)
        planes.store_at(g.out, yo).compute_at(g.out, yi).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
        rows.compute_at(g.out, yi).bound(c, 0, 3).align_bounds(y, 2).unroll(y, 2).vectorize(x, LANES)
        for func in (g.out, planes, rows):
            func.never_partition_all()


@hl.generator(name="reconstruct_pixels")
class Pixels:
    """fine picture float32 [n, 3, 2 W], white balance [3], px above -> what whole pixels see, camera_rgb float32
    [rows, W, 3]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    above = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        last = [g.fine.dim(i).extent() - 1 for i in (0, 2)]
        pixel = hl.Func("pixel")
        rows = [hl.clamp(2 * (y + g.above) + i, 0, last[1]) for i in range(-1, 3)]
        columns = [hl.clamp(2 * x + i, 0, last[0]) for i in range(-1, 3)]
        pixel[x, y, c] = seen([seen([g.fine[column, c, row] for row in rows]) for column in columns])
        g.out[c, x, y] = pixel[x, y, c] / g.balance[c]
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 8, GUARD)


@hl.generator(name="reconstruct_points")
class Points:
    """fine picture float32 [rows, 3, 2 W], white balance [3] -> camera_rgb float32 [rows, 2 W, 3]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        g.out[c, x, y] = g.fine[x, c, y] / g.balance[c]
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 16, GUARD)


if __name__ == "__main__":
    hl.main()
