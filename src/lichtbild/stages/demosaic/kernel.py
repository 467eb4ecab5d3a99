"""Mosaic to camera RGB in one pass: see README.md for the idea, reference.py for the same in NumPy."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
xo, yo, xi, yi, strip = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "strip"))

LOW_PASS = [w / 24 for w in (1, 3, 5, 6, 5, 3, 1)]
BOX = [1 / 7] * 7
ACROSS = [1 / 5] * 5
FLOOR = 1e-6


def f32(value):
    return hl.f32(float(value))


def inverse(value):
    """1 / value to seven digits, in a quarter of a division's time."""
    rough = hl.fast_inverse(value)
    return rough * (f32(2) - value * rough)


def along(a, weights, step, axis):
    """Symmetric weighted sum over neighbours `step` px apart; equal weights are summed before they are multiplied."""
    groups = {}
    for k, w in enumerate(weights):
        away = k * step - (len(weights) - 1) * step // 2
        term = a[x + away, y] if axis == 1 else a[x, y + away]
        groups[w] = groups[w] + term if w in groups else term
    total = None
    for w, group in groups.items():
        term = group if w == 1 else group * f32(w)
        total = term if total is None else total + term
    return total


class Part:
    """One of the values of a Func that has several."""

    def __init__(self, func, index):
        self.func, self.index = func, index

    def __getitem__(self, place):
        return hl.f32(self.func[place][self.index])


class Steps:
    """Makes a Func of each intermediate that is stored, and remembers it for the schedule."""

    def __init__(self):
        self.stored = []

    def __call__(self, name, *values):
        """Of several values, which share what they are made of, a list of parts."""
        func = hl.Func(name)
        func[x, y] = hl.Tuple(values) if len(values) > 1 else values[0]
        self.stored.append(func)
        return [Part(func, k) for k in range(len(values))] if len(values) > 1 else func


def green_minus_colour(step, t, sign, axis, prior):
    """Green minus the line's other colour along one axis (reference.green_minus_colour)."""
    n = "v" if axis == 0 else "h"
    across = 1 - axis
    other = hl.Func("other_" + n)
    other[x, y] = along(t, [0.5, 0.5], 2, axis)
    own_curve = hl.Func("own_curve_" + n)
    own_curve[x, y] = along(t, [-0.25, 0.5, -0.25], 2, axis)
    other_curve = hl.Func("other_curve_" + n)
    # Of the means of the neighbours to both sides, two pixels apart.
    other_curve[x, y] = along(t, [-0.125, 0.125, 0.125, -0.125], 2, axis)
    products = step("products_" + n, own_curve[x, y] * other_curve[x, y], own_curve[x, y] * own_curve[x, y])
    # Sums across the vector's direction first: they cost plain loads.
    sums = step("sums_" + n, *(along(product, [1, 1, 1], 2, 0) for product in products))
    shared, power = (along(one, [1, 1, 1], 2, 1) + prior for one in sums)
    slope = hl.clamp(shared * inverse(power), f32(0), f32(1.5))
    d = step("d_" + n, sign * (t[x, y] - other[x, y] - slope * own_curve[x, y]))

    smooth = step("smooth_" + n, along(d, LOW_PASS, 1, axis))
    square = hl.Func("square_" + n)
    square[x, y] = smooth[x, y] * smooth[x, y]
    rest = step("rest_" + n, (d[x, y] - smooth[x, y]) * (d[x, y] - smooth[x, y]))
    mean = along(smooth, BOX, 1, axis)
    variance = hl.max(along(square, BOX, 1, axis) - mean * mean, f32(0))
    stats = step("stats_" + n, mean, variance, along(rest, BOX, 1, axis))
    mean = stats[0]
    signal, error = (along(one, ACROSS, 1, across) + f32(FLOOR) for one in stats[1:])
    gain = signal * inverse(signal + error)
    return mean[x, y] + gain * (d[x, y] - mean[x, y]), gain * error


def green_again(t, green, slope, back, floor):
    """Green at red and blue from the four beside it, with colour's share (reference.green_again)."""
    centre, green_here = t[x, y], green[x, y]
    total = total_colour = weight = None
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside, across = green[x + dx, y + dy], green[x - dx, y - dy]
        far, green_far = t[x + 2 * dx, y + 2 * dy], green[x + 2 * dx, y + 2 * dy]
        colour = f32(0.5) * (centre + far) + slope * (beside - f32(0.5) * (green_here + green_far))
        w = hl.fast_inverse(floor + hl.abs(far - centre) + hl.abs(beside - across))
        if weight is None:
            total, total_colour, weight = w * beside, w * colour, w
        else:
            total, total_colour, weight = total + w * beside, total_colour + w * colour, weight + w
    return (total + back * (centre * weight - total_colour)) * inverse(weight)


def colours_at(sideways, upright, green, slope, steps, floor):
    """Colour from four neighbours weighted by their likeness (reference.weighted)."""
    source = [sideways, sideways, upright, upright]

    def reach(func, d, n):
        return func[x + n * d[1], y + n * d[0]]

    near = [reach(s, d, 1) for s, d in zip(source, steps, strict=True)]
    far = [reach(s, d, 3) for s, d in zip(source, steps, strict=True)]
    g_near, g_two, g_far = ([reach(green, d, n) for d in steps] for n in (1, 2, 3))
    centre = green[x, y]
    total = total_green = weight = None
    for n in range(4):
        unlike = floor + hl.abs(near[n] - near[n ^ 1] - slope * (g_near[n] - g_near[n ^ 1]))
        unlike += hl.abs(near[n] - far[n] - slope * (g_near[n] - g_far[n]))
        unlike += hl.abs(centre - g_two[n]) + hl.abs(centre - g_near[n])
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
        step = Steps()
        root = hl.sqrt(g.offset)
        is_red_row = (y + g.red_row) % 2 == 0
        # Read from memory: a remainder in the expression would have the compiler deal out every vector by parity.
        side = hl.Func("side")
        side[x] = hl.select((x + g.red_column) % 2 == 0, f32(1), f32(-1))
        # -1 at red and blue.
        sign = side[x] * hl.select(is_red_row, f32(-1), f32(1))
        is_coloured = sign < 0
        wb = [g.white_balance[k] for k in range(3)]

        whole = hl.BoundaryConditions.mirror_interior(g.mosaic)
        even = hl.select(is_red_row, wb[0], wb[1])
        odd = hl.select(is_red_row, wb[1], wb[2])
        value = whole[x, y] * hl.select(side[x] > 0, even, odd)
        t = step(
            "t",
            hl.select(value > 0, hl.sqrt(hl.max(value, f32(0)) + g.offset), root + value * (f32(0.5) / root)),
        )

        d_h, error_h = green_minus_colour(step, t, sign, 1, g.prior[0])
        d_v, error_v = green_minus_colour(step, t, sign, 0, g.prior[0])
        # Squared: errors are estimates themselves, and the smaller is the likelier.
        doubt_h, doubt_v = error_h * error_h, error_v * error_v
        d = (d_h * doubt_v + d_v * doubt_h) * inverse(doubt_h + doubt_v)
        first_green = step("first_green", t[x, y] + hl.select(is_coloured, d, f32(0)))

        def curve(a):
            return 4 * a[x, y] - a[x, y + 2] - a[x, y - 2] - a[x + 2, y] - a[x - 2, y]

        own, of_green = curve(t), curve(first_green)
        products = step("products", own * of_green, of_green * of_green, own * own)
        sums = step("sums", *(along(product, [1, 1, 1], 2, 0) for product in products))
        shared, power, own_power = (along(one, [1, 1, 1], 2, 1) for one in sums)
        slope = step("slope", hl.clamp((shared + g.prior[1]) * inverse(power + g.prior[1]), f32(0), f32(1)))
        back = hl.clamp((shared + g.prior[0]) * inverse(own_power + g.prior[0]), f32(0), f32(1))
        floor = g.prior[2]
        again = green_again(t, first_green, slope[x, y], back, floor)
        green = step("green", hl.select(is_coloured, again, t[x, y]))

        across = step("across", (slope[x - 1, y] + slope[x + 1, y]) * f32(0.5))
        down = (slope[x, y - 1] + slope[x, y + 1]) * f32(0.5)
        diagonal = (across[x, y - 1] + across[x, y + 1]) * f32(0.5)

        other = step("other", colours_at(t, t, green, diagonal, [(-1, -1), (1, 1), (-1, 1), (1, -1)], floor))
        cross = [(0, -1), (0, 1), (-1, 0), (1, 0)]
        of_row = colours_at(t, other, green, across[x, y], cross, floor)
        of_column = colours_at(other, t, green, down, cross, floor)
        # Together, for they weigh by the same green.
        both = hl.select(is_coloured, t[x, y], of_row), hl.select(is_coloured, other[x, y], of_column)
        lines = [one[x, y] for one in step("pair", *both)]
        red = hl.select(is_red_row, lines[0], lines[1])
        blue = hl.select(is_red_row, lines[1], lines[0])

        def light(value, k):
            straight = (value - root) * (2 * root)
            return hl.select(value > root, value * value - g.offset, straight) * (f32(1) / wb[k])

        picture = hl.Func("picture")
        picture[c, x, y] = hl.select(c == 0, light(red, 0), hl.select(c == 1, light(green[x, y], 1), light(blue, 2)))
        g.out[c, x, y] = picture[c, x, y + g.first_row]

        # Strips of rows in parallel, cut into columns that keep every ring buffer in the second-level cache; within a
        # column each step slides down a row at a time, so nothing is computed twice but the rims of the cuts.
        vector = self.natural_vector_size(hl.Float(32))
        guard = hl.TailStrategy.GuardWithIf
        g.out.bound(c, 0, 3)
        g.out.output_buffer().dim(0).set_min(0).set_extent(3).set_stride(1)
        g.out.output_buffer().dim(1).set_stride(3)
        height, width = g.out.output_buffer().dim(2).extent(), g.out.output_buffer().dim(1).extent()
        shift = hl.TailStrategy.ShiftInwards
        g.out.split(y, yo, yi, hl.min(512, height), shift).split(x, xo, xi, hl.min(512, width), shift)
        g.out.reorder(c, xi, yi, xo, yo).vectorize(xi, vector, guard).unroll(c).fuse(xo, yo, strip).parallel(strip)
        for func in step.stored:
            func.store_at(g.out, strip).compute_at(g.out, yi).vectorize(x, vector)
            # Halide folds the others by itself.
            rows = {"t": 32, "green": 16, "first_green": 16, "d_h": 16, "stats_h": 16, "smooth_v": 16, "slope": 16}
            rows["across"] = 8
            if func.name() in rows:
                func.fold_storage(y, rows[func.name()])
        side.compute_at(g.out, strip).vectorize(x, vector)


if __name__ == "__main__":
    hl.main()
