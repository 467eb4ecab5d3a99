"""A mosaic whose red and blue are brought to where green is, before anybody compares the colours."""

import halide as hl
from halide_common import total

x, y, u, lane, parity = (hl.Var(name) for name in ("x", "y", "u", "lane", "parity"))
yo, yi, xi = hl.Var("yo"), hl.Var("yi"), hl.Var("xi")
GUARD = hl.TailStrategy.GuardWithIf
SITES = 16  # of red or blue, a vector: one cell of the displacement, 32 px
STEP = 2 * SITES
MOST_PX = 8
STRIP = 64  # rows a task
FLOOR = 1e-5  # of a squared slope: white-balanced light


@hl.generator(name="lens_register")
class LensRegister:
    """mosaic float32 [H, W]; grid float32 [ceil(H/32)+2, ceil(W/32)+2, 2 colours, 2]: displacement x, y in px at
    (32 i, 32 j) of what red (blue) shows, against where green shows it; gains of red and blue that make grey even;
    row and column of red in a cell of 2 x 2 -> mosaic [H, W]. See reference.py."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 4)
    red_gain = hl.InputScalar(hl.Float(32))
    blue_gain = hl.InputScalar(hl.Float(32))
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        raw = hl.BoundaryConditions.mirror_interior(g.mosaic)
        # A row has red or blue, at every other site; the other sites are green.
        is_blue = (y + g.red_row) & 1
        column = (g.red_column + is_blue) & 1
        gain = hl.select(is_blue == 0, g.red_gain, g.blue_gain)

        between, weights = self.green_between(raw)
        is_other, green = hl.Func("is_other"), hl.Func("green")
        # Which lanes are red or blue: a select by x would tear every vector in two.
        is_other[lane, parity] = hl.f32(1 - ((lane ^ parity) & 1))
        green[x, y] = raw[x, y] + is_other[x % SITES, column] * (between - raw[x, y])

        dx, dy = self.displaced(is_blue, column, 0), self.displaced(is_blue, column, 1)
        # One whole shift for all sites of a cell, so that they are read side by side.
        whole_x, whole_y = self.whole(-dx, MOST_PX), self.whole(-dy, MOST_PX)
        site = 2 * u + column

        # What red shows at a site, less green where green shows the same.
        difference = hl.Func("difference")
        wx, wy = cubic((-dx).at - hl.f32(whole_x)), cubic((-dy).at - hl.f32(whole_y))
        shown = total(
            wy[j] * total(wx[i] * green[site + whole_x + i - 1, y + whole_y + j - 1] for i in range(4))
            for j in range(4)
        )
        difference[u, y] = raw[site, y] * gain - shown

        # The same difference where red is wanted, between four sites of red.
        moved = hl.Func("moved")
        half_x, half_y = dx.halved(), dy.halved()
        jx, jy = self.whole(half_x, MOST_PX // 2), self.whole(half_y, MOST_PX // 2)
        fx, fy = half_x.at - hl.f32(jx), half_y.at - hl.f32(jy)
        upper, lower = (
            difference[u + jx, y + 2 * (jy + n)] * (1 - fx) + difference[u + jx + 1, y + 2 * (jy + n)] * fx
            for n in (0, 1)
        )
        moved[u, y] = (green[site, y] + upper * (1 - fy) + lower * fy) / gain

        even, odd = hl.Func("even"), hl.Func("odd")
        even[u, y] = hl.select(column == 0, moved[u, y], raw[2 * u, y])
        odd[u, y] = hl.select(column == 1, moved[u, y], raw[2 * u + 1, y])
        g.out[x, y] = hl.select(x % 2 == 0, even[x / 2, y], odd[x / 2, y])
        self.schedule(is_other, weights, green, difference, moved, even, odd)

    def green_between(self, raw):
        """Green at other sites: means along rows and columns, each weighted by 1 / slope^2, slopes over 3 x 3."""
        weights, funcs = [], []
        for name, (i, j) in (("across", (1, 0)), ("down", (0, 1))):
            rows, mean = hl.Func("rows_" + name), hl.Func("mean_" + name)
            rows[x, y] = total(hl.abs(raw[x + i, y + j + n] - raw[x - i, y - j + n]) for n in (-1, 0, 1))
            mean[x, y] = total(rows[x + n, y] for n in (-1, 0, 1)) * hl.f32(1 / 9)
            weights.append(hl.f32(1) / (mean[x, y] * mean[x, y] + hl.f32(FLOOR)))
            funcs.append(rows)
        across, down = (raw[x - 1, y] + raw[x + 1, y]) / 2, (raw[x, y - 1] + raw[x, y + 1]) / 2
        return (across * weights[0] + down * weights[1]) / (weights[0] + weights[1]), funcs

    def displaced(self, is_blue, column, n):
        """A component of the displacement: straight lines between the nodes to either side of a cell."""
        g = self
        cell, j = u / SITES, hl.clamp(y / STEP, 0, g.grid.dim(3).extent() - 2)
        i = hl.clamp(cell, 0, g.grid.dim(2).extent() - 2)
        fy = hl.f32(y - j * STEP) * hl.f32(1 / STEP)
        left, right = (g.grid[n, is_blue, i + k, j] * (1 - fy) + g.grid[n, is_blue, i + k, j + 1] * fy for k in (0, 1))
        return Line(left, right, hl.f32(2 * (u - i * SITES) + column) * hl.f32(1 / STEP), hl.f32(cell - i))

    def whole(self, line, most):
        """The whole number below what a cell's middle is displaced by."""
        return hl.clamp(hl.i32(hl.floor(line.middle())), -most - 1, most)

    def schedule(self, is_other, slopes, green, difference, moved, even, odd):
        g = self
        g.mosaic.dim(0).set_min(0)
        g.mosaic.dim(1).set_min(0)
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        is_other.compute_root().bound(lane, 0, SITES).bound(parity, 0, 2)
        # Bands of rows are tasks. Two pixels beside each other come from two vectors that are interleaved.
        g.out.split(y, yo, yi, STRIP, GUARD).parallel(yo)
        g.out.split(x, x, xi, 2 * SITES, GUARD).vectorize(xi)
        for half in (even, odd):
            half.compute_at(g.out, x).vectorize(u, SITES)
        moved.compute_at(g.out, x).align_bounds(u, SITES).vectorize(u, SITES)
        # Green and differences of a band stay in the second cache.
        difference.compute_at(g.out, yo).align_bounds(u, SITES).vectorize(u, SITES)
        green.compute_at(g.out, yo).align_bounds(x, SITES).vectorize(x, SITES)
        for rows in slopes:
            rows.compute_at(green, y).vectorize(x, SITES)


class Line:
    """A displacement along a cell: `at` a site, and in the `middle`, from its values at both ends."""

    def __init__(self, left, right, share, beyond, scale=1.0):
        limit = hl.f32(MOST_PX * abs(scale))
        self.ends, self.share, self.beyond, self.scale = (left, right), share, beyond, scale
        self.at = hl.clamp((left + (right - left) * share) * hl.f32(scale), -limit, limit)

    def middle(self):
        limit = hl.f32(MOST_PX * abs(self.scale))
        left, right = self.ends
        return hl.clamp((left + (right - left) * (self.beyond + hl.f32(0.5))) * hl.f32(self.scale), -limit, limit)

    def halved(self):
        return Line(*self.ends, self.share, self.beyond, self.scale * 0.5)

    def __neg__(self):
        return Line(*self.ends, self.share, self.beyond, -self.scale)


def cubic(f):
    """Catmull-Rom weights of samples -1, 0, 1, 2 at f."""
    half = hl.f32(0.5)
    return [
        half * f * (f * (hl.f32(2) - f) - hl.f32(1)),
        hl.f32(1) + half * f * f * (hl.f32(3) * f - hl.f32(5)),
        half * f * (hl.f32(1) + f * (hl.f32(4) - hl.f32(3) * f)),
        half * f * f * (f - hl.f32(1)),
    ]


if __name__ == "__main__":
    hl.main()
