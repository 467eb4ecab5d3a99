"""Mosaic to camera RGB in one pass: see README.md for the idea, reference.py for the same in NumPy.

Columns are dealt out by their parity, x = 2 i + j: what is needed only where red and blue are sampled, or only where
green is, is computed there only, and every load is contiguous. Red and blue stand at j = p in a row, green at 1 - p.
"""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
i, j = hl.Var("i"), hl.Var("j")
xo, yo, xi, yi, strip = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "strip"))

LOW_PASS = [w / 24 for w in (1, 3, 5, 6, 5, 3, 1)]
BOX = [1 / 7] * 7
ACROSS = [1 / 5] * 5
THREE = [1, 1, 1]
FLOOR = 1e-6
CROSS = [(0, -1), (0, 1), (-1, 0), (1, 0)]
DIAGONAL = [(-1, -1), (1, 1), (-1, 1), (1, -1)]


def f32(value):
    return hl.f32(float(value))


def inverse(value):
    """1 / value to seven digits, in a quarter of a division's time."""
    rough = hl.fast_inverse(value)
    return rough * (f32(2) - value * rough)


def along(at, weights, step, axis):
    """Symmetric weighted sum over neighbours `step` px apart; equal weights are summed before they are multiplied.

    at(dy, dx): the value there.
    """
    groups = {}
    for k, w in enumerate(weights):
        away = k * step - (len(weights) - 1) * step // 2
        term = at(0, away) if axis == 1 else at(away, 0)
        groups[w] = groups[w] + term if w in groups else term
    total = None
    for w, group in groups.items():
        term = group if w == 1 else group * f32(w)
        total = term if total is None else total + term
    return total


class Lattice:
    """Where things stand, and a Func for each intermediate that is stored, remembered for the schedule."""

    def __init__(self, phase):
        """`phase`: column of red or blue in row 0."""
        self.coloured = (y + phase) % 2
        self.full, self.half = [], []

    def everywhere(self, name, *values):
        """A Func of every pixel, from expressions of (i, j, y); several values share what they are made of."""
        func = hl.Func(name)
        func[i, j, y] = hl.Tuple(values) if len(values) > 1 else values[0]
        self.full.append(func)
        return func

    def every_second(self, name, *values):
        """A Func of the pixels of red and blue, or of those of green, from expressions of (i, y)."""
        func = hl.Func(name)
        func[i, y] = hl.Tuple(values) if len(values) > 1 else values[0]
        self.half.append(func)
        return func

    @staticmethod
    def value(found, part):
        return hl.f32(found) if part is None else hl.f32(found[part])

    def beside(self, func, part=None):
        """at(dy, dx) of a Func of every pixel, seen from every pixel."""
        return lambda dy, dx: self.value(func[i + (j + dx) // 2, (j + dx) % 2, y + dy], part)

    def from_coloured(self, func, part=None):
        """The same seen from red and blue."""
        return lambda dy, dx: self.value(func[i + (self.coloured + dx) // 2, (self.coloured + dx) % 2, y + dy], part)

    def from_green(self, func, part=None):
        """The same seen from green."""
        at = 1 - self.coloured
        return lambda dy, dx: self.value(func[i + (at + dx) // 2, (at + dx) % 2, y + dy], part)

    def among_coloured(self, func, part=None):
        """at(dy, dx) of a Func of red and blue pixels, seen from one of them; dy + dx is even."""

        def at(dy, dx):
            place = i + dx // 2 if dy % 2 == 0 else i + self.coloured + (dx - 1) // 2
            return self.value(func[place, y + dy], part)

        return at

    def coloured_from_green(self, func, part=None):
        """The same seen from green; dy + dx is odd."""

        def at(dy, dx):
            place = i + dx // 2 if dy % 2 else i + 1 - self.coloured + (dx - 1) // 2
            return self.value(func[place, y + dy], part)

        return at


def green_minus_colour(lattice, t, axis, prior):
    """Green minus the line's other colour along one axis (reference.green_minus_colour), at red and blue."""
    n = "v" if axis == 0 else "h"
    across = 1 - axis
    near = lattice.beside(t)
    other = along(near, [0.5, 0.5], 2, axis)
    own_curve = along(near, [-0.25, 0.5, -0.25], 2, axis)
    # Of the means of the neighbours to both sides, two pixels apart.
    other_curve = along(near, [-0.125, 0.125, 0.125, -0.125], 2, axis)
    products = lattice.everywhere("products_" + n, own_curve * other_curve, own_curve * own_curve)
    # Sums across the vector's direction first: they cost plain loads.
    sums = lattice.everywhere("sums_" + n, *(along(lattice.beside(products, k), THREE, 2, 0) for k in range(2)))
    shared, power = (along(lattice.beside(sums, k), THREE, 2, 1) + prior for k in range(2))
    slope = hl.clamp(shared * inverse(power), f32(0), f32(1.5))
    sign = hl.select(j == lattice.coloured, f32(-1), f32(1))
    d = lattice.everywhere("d_" + n, sign * (near(0, 0) - other - slope * own_curve))

    smooth = lattice.everywhere("smooth_" + n, along(lattice.beside(d), LOW_PASS, 1, axis))
    low = lattice.beside(smooth)
    left = lattice.beside(d)(0, 0) - low(0, 0)
    rest = lattice.everywhere("rest_" + n, left * left)
    mean = along(low, BOX, 1, axis)
    variance = hl.max(along(lambda dy, dx: low(dy, dx) * low(dy, dx), BOX, 1, axis) - mean * mean, f32(0))
    stats = lattice.everywhere("stats_" + n, mean, variance, along(lattice.beside(rest), BOX, 1, axis))
    mean = lattice.from_coloured(stats, 0)(0, 0)
    signal, error = (along(lattice.from_coloured(stats, k), ACROSS, 1, across) + f32(FLOOR) for k in (1, 2))
    gain = signal * inverse(signal + error)
    return mean + gain * (lattice.from_coloured(d)(0, 0) - mean), gain * error


def green_again(t, green, slope, back, floor):
    """Green at red and blue from the four beside it, with colour's share (reference.green_again)."""
    centre, green_here = t(0, 0), green(0, 0)
    total = total_colour = weight = None
    for dy, dx in CROSS:
        beside, far = t(dy, dx), t(2 * dy, 2 * dx)
        colour = f32(0.5) * (centre + far) + slope * (beside - f32(0.5) * (green_here + green(2 * dy, 2 * dx)))
        w = hl.fast_inverse(floor + hl.abs(far - centre) + hl.abs(beside - t(-dy, -dx)))
        if weight is None:
            total, total_colour, weight = w * beside, w * colour, w
        else:
            total, total_colour, weight = total + w * beside, total_colour + w * colour, weight + w
    return (total + back * (centre * weight - total_colour)) * inverse(weight)


def colours_at(sources, green, beyond, centre, slope, steps, floor):
    """Colour from four neighbours weighted by their likeness (reference.weighted).

    sources: of each neighbour, its colour at(dy, dx); green: at odd multiples of a step; beyond: at twice the step.
    """
    near = [s(*d) for s, d in zip(sources, steps, strict=True)]
    far = [s(3 * d[0], 3 * d[1]) for s, d in zip(sources, steps, strict=True)]
    g_near, g_far = ([green(n * d[0], n * d[1]) for d in steps] for n in (1, 3))
    total = total_green = weight = None
    for n, (dy, dx) in enumerate(steps):
        unlike = floor + hl.abs(near[n] - near[n ^ 1] - slope * (g_near[n] - g_near[n ^ 1]))
        unlike += hl.abs(near[n] - far[n] - slope * (g_near[n] - g_far[n]))
        unlike += hl.abs(centre - beyond(2 * dy, 2 * dx)) + hl.abs(centre - g_near[n])
        w = hl.fast_inverse(unlike)
        if n == 0:
            total, total_green, weight = w * near[n], w * g_near[n], w
        else:
            total, total_green, weight = total + w * near[n], total_green + w * g_near[n], weight + w
    return (total + slope * (centre * weight - total_green)) * inverse(weight)


@hl.generator(name="demosaic")
class Demosaic:
    """mosaic float32 [H, W], parities of red, white balance float32 [3], offset of the square root, priors float32 [3],
    first row that is wanted -> float32 [rows wanted, W, 3]."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    white_balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    prior = hl.InputBuffer(hl.Float(32), 1)
    first_row = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        lattice = Lattice(g.red_row + g.red_column)
        root = hl.sqrt(g.offset)
        is_red_row = (y + g.red_row) % 2 == 0
        # Read from memory: a remainder in the expression would have the compiler deal out every vector by parity.
        side = hl.Func("side")
        side[x] = hl.select((x + g.red_column) % 2 == 0, f32(1), f32(-1))
        wb = [g.white_balance[k] for k in range(3)]

        whole = hl.BoundaryConditions.mirror_interior(g.mosaic)
        even = hl.select(is_red_row, wb[0], wb[1])
        odd = hl.select(is_red_row, wb[1], wb[2])
        value = whole[x, y] * hl.select(side[x] > 0, even, odd)
        roots = hl.Func("roots")
        roots[x, y] = hl.select(value > 0, hl.sqrt(hl.max(value, f32(0)) + g.offset), root + value * (f32(0.5) / root))
        t = lattice.everywhere("t", roots[2 * i + j, y])

        d_h, error_h = green_minus_colour(lattice, t, 1, g.prior[0])
        d_v, error_v = green_minus_colour(lattice, t, 0, g.prior[0])
        # Squared: errors are estimates themselves, and the smaller is the likelier.
        doubt_h, doubt_v = error_h * error_h, error_v * error_v
        d = (d_h * doubt_v + d_v * doubt_h) * inverse(doubt_h + doubt_v)
        greens, others, pair = self.colours(lattice, t, d)
        is_coloured = j == lattice.coloured
        sample = hl.f32(t[i, j, y])
        first = hl.select(is_coloured, sample, pair[i, y][0])
        second = hl.select(is_coloured, hl.f32(others[i, y]), pair[i, y][1])
        green = hl.select(is_coloured, hl.f32(greens[i, y]), sample)
        colours = hl.select(is_red_row, first, second), green, hl.select(is_red_row, second, first)

        def light(value, k):
            straight = (value - root) * (2 * root)
            return hl.select(value > root, value * value - g.offset, straight) * (f32(1) / wb[k])

        picture = hl.Func("picture")
        lights = [light(colours[k], k) for k in range(3)]
        picture[i, j, y, c] = hl.select(c == 0, lights[0], hl.select(c == 1, lights[1], lights[2]))
        g.out[c, x, y] = picture[x // 2, x % 2, y + g.first_row, c]
        self.schedule(lattice, side, roots, picture)

    def colours(self, lattice, t, d):
        """Green at red and blue from its difference `d` to them, red at blue and the reverse, and at green the colour
        of the row and that of the column."""
        own, floor = lattice.from_coloured(t), self.prior[2]
        first_green = lattice.among_coloured(lattice.every_second("first_green", own(0, 0) + d))

        def curve(at):
            return 4 * at(0, 0) - at(2, 0) - at(-2, 0) - at(0, 2) - at(0, -2)

        curves = curve(own), curve(first_green)
        products = lattice.every_second("products", curves[0] * curves[1], curves[1] * curves[1], curves[0] * curves[0])
        sums = lattice.every_second(
            "sums", *(along(lattice.among_coloured(products, k), THREE, 2, 0) for k in range(3))
        )
        shared, power, own_power = (along(lattice.among_coloured(sums, k), THREE, 2, 1) for k in range(3))
        steep = hl.clamp((shared + self.prior[1]) * inverse(power + self.prior[1]), f32(0), f32(1))
        slopes = lattice.every_second("slope", steep)
        slope = lattice.among_coloured(slopes)
        back = hl.clamp((shared + self.prior[0]) * inverse(own_power + self.prior[0]), f32(0), f32(1))
        greens = lattice.every_second("green", green_again(own, first_green, slope(0, 0), back, floor))
        green = lattice.among_coloured(greens)

        diagonal = f32(0.25) * (slope(-1, -1) + slope(-1, 1) + slope(1, -1) + slope(1, 1))
        others = lattice.every_second(
            "other", colours_at([own] * 4, green, green, green(0, 0), diagonal, DIAGONAL, floor)
        )
        middle = lattice.from_green(t)
        other, slope, green = (lattice.coloured_from_green(f) for f in (others, slopes, greens))
        across, down = f32(0.5) * (slope(0, -1) + slope(0, 1)), f32(0.5) * (slope(-1, 0) + slope(1, 0))
        of_row = colours_at([middle, middle, other, other], green, middle, middle(0, 0), across, CROSS, floor)
        of_column = colours_at([other, other, middle, middle], green, middle, middle(0, 0), down, CROSS, floor)
        pair = lattice.every_second("pair", of_row, of_column)
        return greens, others, pair

    def schedule(self, lattice, side, roots, picture):
        """Strips of rows in parallel, cut into columns that keep every ring buffer in the second-level cache; within a
        column each step slides down a row at a time, so nothing is computed twice but the rims of the cuts."""
        out = self.out
        vector = self.natural_vector_size(hl.Float(32))
        guard, shift = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards
        out.bound(c, 0, 3)
        out.output_buffer().dim(0).set_min(0).set_extent(3).set_stride(1)
        out.output_buffer().dim(1).set_stride(3)
        height, width = out.output_buffer().dim(2).extent(), out.output_buffer().dim(1).extent()
        out.split(y, yo, yi, hl.min(512, height), shift).split(x, xo, xi, hl.min(512, width), shift)
        out.reorder(c, xi, yi, xo, yo).vectorize(xi, vector, guard).unroll(c).fuse(xo, yo, strip).parallel(strip)
        kept = {"t": 32, "d_h": 16, "stats_h": 16, "smooth_v": 16, "first_green": 16, "green": 16, "slope": 16}
        for func in (*lattice.full, *lattice.half):
            func.store_at(out, strip).compute_at(out, yi)
            # Halide folds the others by itself.
            if func.name() in kept:
                func.fold_storage(y, kept[func.name()])
        for func in lattice.full:
            func.bound(j, 0, 2).reorder(j, i, y).unroll(j).vectorize(i, vector)
        for func in lattice.half:
            func.vectorize(i, vector)
        roots.compute_at(lattice.full[0], y).vectorize(x, vector)
        side.compute_at(out, strip).vectorize(x, vector)
        picture.reorder_storage(j, i, y, c).compute_at(out, yi).bound(j, 0, 2).bound(c, 0, 3)
        picture.reorder(j, c, i, y).unroll(j).unroll(c).vectorize(i, vector)


if __name__ == "__main__":
    hl.main()
