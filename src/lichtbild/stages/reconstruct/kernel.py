"""Joint reconstruction: residuals of all frames' samples back-projected to twice the pixels, and the shrinkage of what
they ask for. README.md has the idea, reference.py the NumPy twins.

"Fine" pixels are half a pixel of the mosaic wide: fine pixel P has its centre at (P + 0.5) / 2, so that four of them
make pixel p: 2 p and 2 p + 1. "Corners" lie between them: corner C is what a whole pixel would see if it were centred
between fine pixels C and C + 1; corner 2 p is pixel p itself. What belongs to corners is kept by phase: plane
4 c + 2 a + b at [i, j] is corner (2 i + a, 2 j + b) of colour c.
"""

import halide as hl
from halide_common import gain_at

x, y, c, k = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("k")
u, j, n, b = hl.Var("u"), hl.Var("j"), hl.Var("n"), hl.Var("b")
xo, yo, xi, yi, yb, yr = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "yb", "yr"))

LANES = 16
GUARD = hl.TailStrategy.GuardWithIf
TILE_PX = 32  # of the motion field
TINY = 1e-20


def f32(value):
    return hl.f32(float(value))


def total(terms):
    """Their sum, without the 0 that Python's sum starts with."""
    terms = list(terms)
    return sum(terms[1:], terms[0])


def pick(values, index):
    """values[index] for an index that is unrolled: a chain of selects that folds away."""
    chosen = values[-1]
    for m in range(len(values) - 2, -1, -1):
        chosen = hl.select(index == m, values[m], chosen)
    return chosen


# ------------------------------------------------------------------------------------------------ where samples lie


def displacement(field, frame, row, component):
    """Bilinear value of a motion field (component, column, row, frame) of 32 px tiles at the centre of px (x, row).
    Tiles' columns are the same for a vector of 16 lanes that starts at a multiple of 16."""
    tw, th = field.dim(1).extent(), field.dim(2).extent()
    left = (x // 16 + 1) // 2 - 1
    fx = (hl.f32(x) + f32(0.5)) / TILE_PX - f32(0.5) - hl.f32(left)
    v = (hl.f32(row) + f32(0.5)) / TILE_PX - f32(0.5)
    top = hl.i32(hl.floor(v))
    fy = v - hl.f32(top)
    columns = [hl.clamp(left + i, 0, tw - 1) for i in (0, 1)]
    rows = [hl.clamp(top + i, 0, th - 1) for i in (0, 1)]
    at = [field[component, col, rows[0], frame] * (1 - fy) + field[component, col, rows[1], frame] * fy
          for col in columns]  # fmt: skip
    return at[0] + (at[1] - at[0]) * fx


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


class Samples:
    """Of frame k, the sample that lies nearest to pixel (x, y) of the band: its weight, colour, value and taps."""

    def __init__(self, g):
        frames, packed = g.frames, g.packed
        w, h = frames.dim(0).extent(), frames.dim(1).extent()
        band = g.out.output_buffer().dim(1).extent()
        row = y + g.row
        block = [hl.clamp(v // 2, 0, packed.dim(i).extent() - 1) for i, v in enumerate((x, row))]
        mark = packed[block[0], block[1], k]
        is_own = (mark & hl.u8(1)) != 0
        py, px = (hl.f32(at) + hl.select(is_own, displacement(g.local, k, row, i), displacement(g.hand, k, row, i))
                  for i, at in enumerate((row, x)))  # fmt: skip
        ny, nx = hl.floor(py + f32(0.5)), hl.floor(px + f32(0.5))
        iy, ix = hl.i32(ny), hl.i32(nx)
        inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
        inside = inside & (x >= 0) & (x < w) & (y >= 0) & (y < band)
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
    g.out[x, y, c] = pick([acc[x, y][i] for i in range(12)], c)

    # A tile stays in the second-level cache while all frames pass; three rows of samples in the first.
    g.out.bound(c, 0, 12).split(x, xo, xi, 224, GUARD).split(y, yo, yi, 16, GUARD).reorder(c, xi, yi, xo, yo)
    g.out.unroll(c).vectorize(xi, LANES, GUARD).parallel(yo)
    acc.compute_at(g.out, xo).vectorize(x, LANES)
    acc.update(0).reorder(x, y, r.x).vectorize(x, LANES)
    for func in (values, samples.place, samples.kx, samples.ky):
        func.store_at(acc, r.x).compute_at(acc, y).align_bounds(x, LANES).vectorize(x, LANES)
    for func in (g.out, acc, values, samples.kx, samples.ky, samples.place):
        func.never_partition_all()
    return acc


@hl.generator(name="reconstruct_stored")
class Stored:
    """mosaic float32 [H, W], steps to one, clip -> int16 [H, W] in steps; -32768 where the mosaic is at or above clip."""

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
    """trust uint8 [h, w], agreement float32 [3, h, w] (its displacement in the last two), the hand's motion float32
    [th, tw, 2] -> uint8 [h, w], twice the trust (127 = full), plus 1 where the displacement is not the hand's."""

    trust = hl.InputBuffer(hl.UInt(8), 2)
    agreement = hl.InputBuffer(hl.Float(32), 3)
    hand = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.UInt(8), 2)

    def generate(self):
        g = self
        tw, th = g.hand.dim(1).extent(), g.hand.dim(2).extent()
        u_, v_ = ((hl.f32(at) + f32(0.5)) / (TILE_PX // 2) - f32(0.5) for at in (x, y))
        left, top = hl.i32(hl.floor(u_)), hl.i32(hl.floor(v_))
        fx, fy = u_ - hl.f32(left), v_ - hl.f32(top)
        columns, rows = ([hl.clamp(at + i, 0, n_ - 1) for i in (0, 1)] for at, n_ in ((left, tw), (top, th)))
        away = f32(0)
        for i in (0, 1):
            lines = [g.hand[i, columns[0], row] * (1 - fx) + g.hand[i, columns[1], row] * fx for row in rows]
            away += hl.abs(lines[0] * (1 - fy) + lines[1] * fy - g.agreement[x, y, i + 1])
        is_own = hl.select(away > f32(0.02), hl.u8(1), hl.u8(0))
        g.out[x, y] = hl.u8((hl.i32(g.trust[x, y]) * 127 + 127) / 255) * hl.u8(2) + is_own
        g.out.vectorize(x, LANES, GUARD).parallel(y, 32, GUARD)


@hl.generator(name="reconstruct_count")
class Count:
    """frames int16 [K, H, W] (-32768: no sample), packed uint8 [K, H / 2, W / 2] (twice the trust, 127 = full, plus 1
    where the local motion holds), hand and local motion float32 [K, th, tw, 2] (dy, dx) px, facts float32 [K, 2]
    (value of one step of a frame's numbers, weight), row and column of red, first row of the band -> weight of samples
    that fell near each corner float32 [12, h, W]."""

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
    """As reconstruct_count, then white balance [3] and the fine picture float32 [3, 2 h, 2 W] of the band -> weighted
    differences of the samples from what the fine picture lets expect at their very place, spread to the corners."""

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
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        r = hl.RDom([(0, g.frames.dim(2).extent())])
        samples = Samples(g)
        last = [g.fine.dim(i).extent() - 1 for i in (0, 1)]
        # Pairs of columns of the fine picture, and what a pixel centred on a corner sees of it.
        pairs, corners = hl.Func("pairs"), hl.Func("corners")
        columns = [g.fine[hl.clamp(2 * x + i, 0, last[0]), hl.clamp(y, 0, last[1]), c] for i in range(3)]
        pairs[x, y, c] = hl.Tuple([f32(0.25) * (columns[i] + columns[i + 1]) for i in (0, 1)])
        rows = [pairs[x, 2 * y + i, c] for i in range(3)]
        corners[x, y, c] = hl.Tuple([rows[a][b_] + rows[a + 1][b_] for a in (0, 1) for b_ in (0, 1)])

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
    """fine picture float32 [3, 2 h, 2 W], differences and weights at the corners [12, h, W], least weight -> the fine
    picture moved by what its four corners ask for, float32 [3, 2 h, 2 W]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    sums = hl.InputBuffer(hl.Float(32), 3)
    count = hl.InputBuffer(hl.Float(32), 3)
    least = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self

        def corner(planes, a, b_, i, k_, colour):
            """Corner (2 i + a, 2 k + b), a and b from -1 to 1; nothing beyond the edge."""
            return planes[hl.max(k_ + b_ // 2, 0), hl.max(i + a // 2, 0), 4 * colour + 2 * (a % 2) + b_ % 2]

        def around(planes, a, b_):
            i, k_ = y // 2, x // 2
            four = [corner(planes, a - m, b_ - p, i, k_, c) for m in (0, 1) for p in (0, 1)]
            return f32(0.25) * total(four)

        steps = []
        for a in (0, 1):
            for b_ in (0, 1):
                steps.append(around(g.sums, a, b_) / hl.max(around(g.count, a, b_), g.least))
        phase = 2 * (y % 2) + x % 2
        g.out[x, y, c] = g.fine[x, y, c] + pick(steps, phase)
        g.out.output_buffer().dim(0).set_min(0)
        g.out.align_bounds(x, 2).align_bounds(y, 2)
        g.out.split(y, y, yi, 2).split(x, x, xi, 2).reorder(xi, x, yi, y, c).unroll(xi).unroll(yi)
        g.out.vectorize(x, LANES, GUARD).parallel(y, 16, GUARD).never_partition_all()


# ------------------------------------------------------------------------------------------------------ the pictures


QUARTER = [0.00738, -0.06800, 0.27101, 0.89277, -0.13327, 0.03011]  # Lanczos 3, a quarter of a pixel towards the third


@hl.generator(name="reconstruct_start")
class Start:
    """camera_rgb float32 [h, W, 3], white balance [3] -> balanced fine picture float32 [3, 2 h, 2 W] by Lanczos
    interpolation."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.rgb.dim(1).extent(), g.rgb.dim(2).extent()
        planes, rows = hl.Func("planes"), hl.Func("rows")
        planes[x, y, c] = g.rgb[c, hl.clamp(x, 0, w - 1), hl.clamp(y, 0, h - 1)] * g.balance[c]
        down = [
            total(f32(weight) * planes[x, y // 2 + i, c] for weight, i in zip(QUARTER, offsets, strict=True))
            for offsets in (range(-3, 3), range(3, -3, -1))
        ]
        rows[x, y, c] = hl.select(y % 2 == 0, down[0], down[1])
        along = [
            total(f32(weight) * rows[x // 2 + i, y, c] for weight, i in zip(QUARTER, offsets, strict=True))
            for offsets in (range(-3, 3), range(3, -3, -1))
        ]
        g.out[x, y, c] = hl.select(x % 2 == 0, along[0], along[1])
        g.out.bound(c, 0, 3)
        g.out.split(y, yo, yi, 32, GUARD).split(yi, yi, yr, 2).split(x, x, xi, 2, GUARD)
        g.out.reorder(xi, x, yr, c, yi, yo).unroll(xi).unroll(yr).unroll(c).vectorize(x, LANES, GUARD).parallel(yo)
        planes.store_at(g.out, yo).compute_at(g.out, yi).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
        rows.compute_at(g.out, yi).bound(c, 0, 3).align_bounds(y, 2).unroll(y, 2).vectorize(x, LANES)
        for func in (g.out, planes, rows):
            func.never_partition_all()


@hl.generator(name="reconstruct_pixels")
class Pixels:
    """fine picture float32 [3, 2 h, 2 W], white balance [3], first row -> what whole pixels see, camera_rgb float32
    [rows, W, 3]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    first = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        four = [g.fine[2 * x + m % 2, 2 * (y + g.first) + m // 2, c] for m in range(4)]
        g.out[c, x, y] = f32(0.25) * total(four) / g.balance[c]
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 16, GUARD)


@hl.generator(name="reconstruct_fine_pixels")
class FinePixels:
    """fine picture float32 [3, 2 h, 2 W], white balance [3], first row -> camera_rgb float32 [rows, 2 W, 3]."""

    fine = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    first = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        g.out[c, x, y] = g.fine[x, y + g.first, c] / g.balance[c]
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 16, GUARD)


# ------------------------------------------------------------------------------------------------------ the shrinkage

SIDE, STEP = 16, 8  # of blocks of the cosine transform, and from one to the next; fine px
TILE_WIDTH, TILE_HEIGHT = 240, 64


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
    return [(t[0] + t[1] + t[2]) * f32(3**-0.5), (t[0] - t[2]) * f32(2**-0.5),
            (t[0] - 2 * t[1] + t[2]) * f32(6**-0.5)]  # fmt: skip


def from_parts(q):
    """The three roots of the parts."""
    luminance, red_blue, magenta = q[0] * f32(3**-0.5), q[1] * f32(2**-0.5), q[2] * f32(6**-0.5)
    return luminance + red_blue + magenta, luminance - 2 * magenta, luminance - red_blue + magenta


@hl.generator(name="reconstruct_noise")
class Noise:
    """camera_rgb float32 [h, W, 3], white balance, alpha, beta [3], offset, gain grid [gh, gw, 3], frames that every
    pixel comes from [h, W], frames below which no more is asked for -> variance of the parts' noise in cells of 4x4 px
    [3, ceil(h / 4), ceil(W / 4)]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    gain = hl.InputBuffer(hl.Float(32), 3)
    n_frames = hl.InputBuffer(hl.Float(32), 2)
    least = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.rgb.dim(1).extent(), g.rgb.dim(2).extent()
        places = [(hl.min(4 * x + m % 4, w - 1), hl.min(4 * y + m // 4, h - 1)) for m in range(16)]
        light, frames, cell = hl.Func("light"), hl.Func("frames"), hl.Func("cell")
        light[x, y, c] = hl.max(f32(1 / 16) * total(g.rgb[c, px, py] for px, py in places), f32(0))
        frames[x, y] = f32(1 / 16) * total(g.n_frames[px, py] for px, py in places)
        share = frames[x, y] / (hl.max(frames[x, y], g.least) * hl.max(frames[x, y], g.least))
        v = []
        for m in range(3):
            s, spatial = light[x, y, m], gain_at(g.gain, 4 * x + 2, 4 * y + 2, m, g.gain.dim(1).extent(),
                                                 g.gain.dim(2).extent())  # fmt: skip
            of_light = spatial * (g.alpha[m] * s + g.beta[m] * spatial) * share
            v.append(g.balance[m] * g.balance[m] * of_light / (4 * (g.balance[m] * s + g.offset)))
        cell[x, y] = hl.Tuple([(v[0] + v[1] + v[2]) / 3, (v[0] + v[2]) / 2, (v[0] + 4 * v[1] + v[2]) / 6])
        g.out[x, y, c] = pick([cell[x, y][m] for m in range(3)], c)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 8, GUARD)
        cell.compute_at(g.out, x).vectorize(x, LANES)


def forward(values, index, basis):
    """Coefficient `index` of sixteen values; sums and differences of pairs are shared once `index` is unrolled."""
    sign = hl.select(index % 2 == 0, f32(1), f32(-1))
    return total((values[m] + sign * values[SIDE - 1 - m]) * basis[m, index] for m in range(STEP))


def backward(coefficients, index, basis):
    """Value `index` of sixteen coefficients."""
    place, sign = hl.min(index, SIDE - 1 - index), hl.select(index < STEP, f32(1), f32(-1))
    even = total(coefficients[m] * basis[place, m] for m in range(0, SIDE, 2))
    return even + sign * total(coefficients[m] * basis[place, m] for m in range(1, SIDE, 2))


@hl.generator(name="reconstruct_shrink")
class Shrink:
    """moved and fine picture float32 [3, n, m], white balance [3], offset of the root, variance of the parts' noise in
    cells of 8x8 [3, n / 8, m / 8], spectrum [16, 16] (variance of each coefficient for unit variance), basis
    [17, 16] (cosine transform, then the window) -> fine picture [3, n, m]: the moved one, each cosine coefficient of
    its parts kept as far as the same coefficient of the former picture stands above the noise."""

    moved = hl.InputBuffer(hl.Float(32), 3)
    fine = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    cells = hl.InputBuffer(hl.Float(32), 3)
    spectrum = hl.InputBuffer(hl.Float(32), 2)
    basis = hl.InputBuffer(hl.Float(32), 2)
    level = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        basis, root = g.basis, hl.sqrt(g.offset)
        cells = hl.BoundaryConditions.repeat_edge(g.cells)
        chains = []
        for name, planes in (("z", g.moved), ("p", g.fine)):
            light = hl.BoundaryConditions.mirror_image(planes)
            q, dealt_in, columns, block = (hl.Func(f"{what}_{name}") for what in ("q", "in", "columns", "block"))
            q[x, y, c] = pick(parts_of([to_root(light[x, y, m], g.offset, root) for m in range(3)]), c)
            dealt_in[u, j, y, c] = q[STEP * u + j, y, c]
            columns[u, j, k, b, c] = forward([dealt_in[u, j, STEP * b + m, c] for m in range(SIDE)], k, basis)
            row = [columns[u + m // STEP, m % STEP, k, b, c] for m in range(SIDE)]
            block[u, n, k, b, c] = forward(row, n, basis)
            chains.append((q, dealt_in, columns, block))
        (_, dealt_in, _, block), (_, _, _, pilot) = chains

        noise, gain, trust = hl.Func("noise"), hl.Func("gain"), hl.Func("trust")
        noise[u, b, c] = f32(0.25) * (cells[u, b, c] + cells[u + 1, b, c] + cells[u, b + 1, c] + cells[u + 1, b + 1, c])
        power = pilot[u, n, k, b, c] * pilot[u, n, k, b, c]
        kept = power * hl.fast_inverse(power + noise[u, b, c] * g.spectrum[n, k] + f32(TINY))
        gain[u, n, k, b, c] = hl.select((n == 0) & (k == 0), f32(1), kept)
        r = hl.RDom([(0, SIDE), (0, SIDE)])
        squares = hl.Func("squares")
        squares[u, b, c] = f32(0)
        squares[u, b, c] += gain[u, r.x, r.y, b, c] * gain[u, r.x, r.y, b, c] * g.spectrum[r.x, r.y]
        trust[u, b, c] = f32(1) / (squares[u, b, c] * noise[u, b, c] + f32(TINY))

        lines, joined, rows, dealt = (hl.Func(name) for name in ("lines", "joined", "rows", "dealt"))
        back = backward([gain[u, m, k, b, c] * block[u, m, k, b, c] for m in range(SIDE)], n, basis)
        lines[u, n, k, b, c] = trust[u, b, c] * back * basis[n, SIDE]
        joined[u, j, k, b, c] = lines[u, j, k, b, c] + lines[u - 1, j + STEP, k, b, c]
        # Line 16 of a block carries how far it is trusted.
        place = hl.min(n, SIDE - 1)
        back = backward([joined[u, j, m, b, c] for m in range(SIDE)], place, basis) * basis[place, SIDE]
        along = trust[u, b, c] * basis[j, SIDE] + trust[u - 1, b, c] * basis[j + STEP, SIDE]
        rows[u, j, n, b, c] = hl.select(n == SIDE, along, back)
        line, band = y % STEP, y // STEP
        pixels = rows[u, j, line, band, c] + rows[u, j, line + STEP, band - 1, c]
        weight = rows[u, j, SIDE, band, c] * basis[line, SIDE] + rows[u, j, SIDE, band - 1, c] * basis[line + STEP, SIDE]
        dealt[u, j, y, c] = pixels / weight

        # What was taken away as noise is given back as its mean, E[t^2] = E[t]^2 + var(t); never more than noise can be.
        lost, final = hl.Func("lost"), hl.Func("final")
        within = hl.RDom([(0, STEP), (0, STEP)])
        rest = dealt_in[u, within.x, STEP * b + within.y, c] - dealt[u, within.x, STEP * b + within.y, c]
        lost[u, b, c] = f32(0)
        lost[u, b, c] += rest * rest * f32(1 / STEP**2)
        given = [hl.min(lost[u, y // STEP, m], g.level * cells[u, y // STEP, m]) for m in range(3)]
        of_sum, of_ends = cells[u, y // STEP, 0] * 3, cells[u, y // STEP, 1] * 2
        share = total(given) / (of_sum + f32(TINY))
        ends = share * of_ends / (g.balance[0] + g.balance[2])
        added = ends * g.balance[0], share * hl.max(of_sum - of_ends, f32(0)), ends * g.balance[2]
        roots = from_parts([dealt[u, j, y, m] for m in range(3)])
        final[u, j, y] = hl.Tuple([from_root(roots[m], g.offset, root) + added[m] for m in range(3)])
        at = final[x // STEP, x % STEP, y]
        g.out[x, y, c] = pick([at[m] for m in range(3)], c)

        g.out.bound(c, 0, 3).split(x, xo, xi, TILE_WIDTH, GUARD).split(y, yo, yi, TILE_HEIGHT, GUARD)
        g.out.reorder(c, xi, yi, xo, yo).unroll(c).vectorize(xi, LANES, GUARD).parallel(yo)
        for q, dealt_in, columns, block_ in chains:
            q.compute_at(dealt_in, y).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
            dealt_in.compute_at(g.out, xo).bound(c, 0, 3).reorder(j, u, c, y).unroll(j).vectorize(u, LANES).unroll(c)
            columns.bound(k, 0, SIDE).bound(j, 0, STEP).compute_at(rows, b)
            columns.reorder(k, j, u, b, c).unroll(k).vectorize(u, LANES)
            block_.bound(n, 0, SIDE).reorder(n, u, k, b, c).unroll(n).vectorize(u, LANES)
            for func in (q, dealt_in, columns, block_):
                func.never_partition_all()
        dealt.compute_at(g.out, xo).align_bounds(y, STEP).split(y, yb, yr, STEP).reorder(yr, j, u, yb, c)
        dealt.bound(j, 0, STEP).unroll(yr).vectorize(u, LANES)
        rows.bound(n, 0, SIDE + 1).bound(j, 0, STEP).compute_at(dealt, c).reorder(n, j, u, b, c).unroll(n)
        rows.vectorize(u, LANES)
        lines.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(rows, b).split(u, xo, xi, LANES)
        lines.reorder(n, xi, k, xo, b, c).unroll(n).vectorize(xi)
        joined.bound(k, 0, SIDE).compute_at(rows, u).vectorize(u, LANES)
        block.compute_at(lines, k)
        pilot.compute_at(gain, u)
        gain.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(rows, b).reorder(n, u, k, b, c).unroll(n)
        gain.vectorize(u, LANES)
        squares.compute_at(rows, b).vectorize(u, LANES)
        squares.update(0).reorder(r.x, r.y, u, b, c).vectorize(u, LANES)
        trust.compute_at(rows, b).vectorize(u, LANES)
        noise.compute_at(rows, b).vectorize(u, LANES)
        lost.compute_at(g.out, xo).vectorize(u, LANES)
        lost.update(0).reorder(within.x, within.y, u, b, c).vectorize(u, LANES)
        final.reorder_storage(j, u, y).compute_at(g.out, yi).bound(j, 0, STEP).reorder(j, u, y).unroll(j)
        final.vectorize(u, LANES)
        for func in (g.out, dealt, rows, lines, joined, gain, squares, trust, noise, lost, final):
            func.never_partition_all()


if __name__ == "__main__":
    hl.main()
