"""A picture with fewer pixels: weighted means of samples of one kind, first down the columns, then along the rows."""

import halide as hl

x, y = hl.Var("x"), hl.Var("y")
LANES = 16
GUARD = hl.TailStrategy.GuardWithIf


class Means:
    """Value from which on samples are clipped; for each row of the output the first row of samples int32
    [h] and weights float32 [h, K] of it and those `row_step` apart; for each column likewise (int32 [n], float32
    [K', n], `column_step`) -> float32 [h, n]. Where clipped samples are more than a quarter of a mean it is brought
    nearer to that value, and where they are three quarters, it is clipped."""

    clip = hl.InputScalar(hl.Float(32))
    first_row = hl.InputBuffer(hl.Int(32), 1)
    row_weight = hl.InputBuffer(hl.Float(32), 2)
    row_step = hl.InputScalar(hl.Int(32))
    first_column = hl.InputBuffer(hl.Int(32), 1)
    column_weight = hl.InputBuffer(hl.Float(32), 2)
    column_step = hl.InputScalar(hl.Int(32))

    def generate(self):
        g = self
        width, height = g.samples.dim(0).extent(), g.samples.dim(1).extent()
        down = hl.RDom([(0, g.row_weight.dim(0).extent())], "down")
        row = hl.unsafe_promise_clamped(g.first_row[y] + down.x * g.row_step, hl.i32(0), height - 1)
        sample, weight = hl.f32(g.samples[x, row]), g.row_weight[down.x, y]
        rows = hl.Func("rows")
        rows[x, y] = (hl.f32(0), hl.f32(0))
        lost = hl.select(sample >= g.clip, weight, hl.f32(0))
        rows[x, y] = (rows[x, y][0] + weight * sample, rows[x, y][1] + lost)

        along = hl.RDom([(0, g.column_weight.dim(1).extent())], "along")
        column = hl.unsafe_promise_clamped(g.first_column[x] + along.x * g.column_step, hl.i32(0), width - 1)
        means, by = hl.Func("means"), g.column_weight[x, along.x]
        means[x, y] = (hl.f32(0), hl.f32(0))
        means[x, y] = tuple(means[x, y][k] + by * rows[column, y][k] for k in (0, 1))
        part = hl.clamp(2 * means[x, y][1] - hl.f32(0.5), 0, 1)
        # No product with the clip level where it is infinite.
        g.out[x, y] = hl.select(part > 0, means[x, y][0] * (1 - part) + g.clip * part, means[x, y][0])

        # A row of samples' sums stays in the nearest cache until its means are taken.
        g.out.vectorize(x, LANES, GUARD).parallel(y, 16, GUARD)
        rows.compute_at(g.out, y).vectorize(x, LANES, GUARD)
        rows.update().reorder(x, down.x, y).vectorize(x, LANES, GUARD)
        means.compute_at(g.out, x).vectorize(x, LANES, GUARD)
        means.update().vectorize(x, LANES, GUARD)


@hl.generator(name="reduce_means_u16")
class StoredMeans(Means):
    """Of stored numbers."""

    samples = hl.InputBuffer(hl.UInt(16), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)


@hl.generator(name="reduce_means_f32")
class LinearMeans(Means):
    """Of linear ones."""

    samples = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)


if __name__ == "__main__":
    hl.main()
