"""Quad-Bayer mosaics: every colour stands in blocks of 2x2. Averaged to a Bayer mosaic of half the size, or rearranged
to one of the full size."""

import halide as hl

x, y, bx, by = (hl.Var(n) for n in ("x", "y", "bx", "by"))
yo, yi, xo, xi = (hl.Var(n) for n in ("yo", "yi", "xo", "xi"))
LANES = 16
THIRD = 1 / 3


@hl.generator(name="quad_bin")
class QuadBin:
    """mosaic float32 [2 h, 2 w] -> means of 2x2, float32 [h, w]."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        m = self.mosaic
        upper = m[2 * x, 2 * y] + m[2 * x + 1, 2 * y]
        lower = m[2 * x, 2 * y + 1] + m[2 * x + 1, 2 * y + 1]
        self.out[x, y] = (upper + lower) * hl.f32(0.25)

        guard = hl.TailStrategy.GuardWithIf
        self.out.vectorize(x, LANES, guard).parallel(y, 32, guard)


def held(index, length):
    """An index outside moved in by a whole period of the mosaic."""
    return hl.clamp(hl.select(index < 0, index + 4, index >= length, index - 4, index), 0, length - 1)


def between(at, place):
    """Linear between the nearest pixels of the blocks before and after: those lie 1 and 2 px away, the nearer one on
    the side of the pixel's own half of its block. `at(offset)` is the pixel that far away."""
    near_before = at(-1) * hl.f32(2 * THIRD) + at(2) * hl.f32(THIRD)
    near_after = at(-2) * hl.f32(THIRD) + at(1) * hl.f32(2 * THIRD)
    return hl.select(place % 2 == 0, near_before, near_after)


@hl.generator(name="quad_remosaic")
class QuadRemosaic:
    """mosaic float32 [H, W] (even, at least 8), red block row and column (0 or 1), noise variance -> Bayer mosaic
    float32 [H, W] with the same order of colours."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    variance = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        width, height = g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent()
        m = hl.Func("padded")
        m[x, y] = g.mosaic[held(x, width), held(y, height)]

        # How much the picture changes along rows and columns: inside blocks, and between the blocks beside.
        mean, along, across = hl.Func("mean"), hl.Func("along"), hl.Func("across")
        a, b, c, d = m[2 * bx, 2 * by], m[2 * bx + 1, 2 * by], m[2 * bx, 2 * by + 1], m[2 * bx + 1, 2 * by + 1]
        mean[bx, by] = (a + b + c + d) * hl.f32(0.25)
        half = hl.f32(0.5)
        along[bx, by] = (hl.abs(a - b) + hl.abs(c - d)) * half + hl.abs(mean[bx + 1, by] - mean[bx - 1, by]) * half
        across[bx, by] = (hl.abs(a - c) + hl.abs(b - d)) * half + hl.abs(mean[bx, by + 1] - mean[bx, by - 1]) * half

        def around(change):
            nine = [hl.Expr(change[bx + i, by + j]) for j in (-1, 0, 1) for i in (-1, 0, 1)]
            total = nine[0]
            for value in nine[1:]:
                total = total + value
            return total * hl.f32(1 / 9)

        row_share = hl.Func("row_share")
        floor = g.variance + hl.f32(1e-12)
        h, v = around(along), around(across)
        h, v = h * h + floor, v * v + floor
        row_share[bx, by] = v * v / (h * h + v * v)

        # Green everywhere: as it stands, or between green blocks along the direction that changes less.
        is_red_row, is_red_column = (y // 2) % 2 == g.red_row, (x // 2) % 2 == g.red_column
        green = hl.Func("green")
        in_row = between(lambda o: hl.Expr(m[x + o, y]), x)
        in_column = between(lambda o: hl.Expr(m[x, y + o]), y)
        share = row_share[x // 2, y // 2]
        green[x, y] = hl.select(is_red_row != is_red_column, hl.Expr(m[x, y]), in_column + (in_row - in_column) * share)

        # Red and blue as differences from green, which hardly change across an edge: between their blocks in rows, then
        # in columns.
        difference = hl.Func("difference")
        difference[x, y] = m[x, y] - green[x, y]
        red_rows, blue_rows = hl.Func("red_rows"), hl.Func("blue_rows")
        spread = between(lambda o: hl.Expr(difference[x + o, y]), x)
        red_rows[x, y] = hl.select(is_red_column, hl.Expr(difference[x, y]), spread)
        blue_rows[x, y] = hl.select(is_red_column, spread, hl.Expr(difference[x, y]))

        def plane(rows, is_own_row):
            filled = between(lambda o: hl.Expr(rows[x, y + o]), y)
            return green[x, y] + hl.select(is_own_row, hl.Expr(rows[x, y]), filled)

        wants_red_row, wants_red_column = y % 2 == g.red_row, x % 2 == g.red_column
        colour = hl.select(wants_red_row, plane(red_rows, is_red_row), plane(blue_rows, ~is_red_row))
        wanted = hl.select(wants_red_row != wants_red_column, hl.Expr(green[x, y]), colour)
        is_same = hl.select(
            wants_red_row == wants_red_column,
            (wants_red_row == is_red_row) & (wants_red_column == is_red_column),
            is_red_row != is_red_column,
        )
        g.out[x, y] = hl.select(is_same, hl.Expr(m[x, y]), wanted)

        # Tiles with everything they need in the second-level cache.
        guard = hl.TailStrategy.GuardWithIf
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.split(y, yo, yi, 32, guard).split(x, xo, xi, 256, guard).reorder(xi, yi, xo, yo).parallel(yo)
        g.out.vectorize(xi, LANES, guard)
        for func in (m, green, red_rows, blue_rows):
            func.compute_at(g.out, xo).vectorize(x, LANES, guard)
        for func in (mean, along, across, row_share):
            func.compute_at(g.out, xo).vectorize(bx, LANES, guard)


if __name__ == "__main__":
    hl.main()
