"""Where single pixels are far outside their neighbours of the same site: few enough to be looked at one by one."""

import halide as hl

x, y = hl.Var("x"), hl.Var("y")
yo, yi = hl.Var("yo"), hl.Var("yi")
STEP = 16  # px a block of the variance grid, and one vector of floats


def ring_of(m, larger):
    """Largest (or smallest) of the eight neighbours of the same site, column by column."""
    ends = [larger(m[x + dx, y - 2], m[x + dx, y + 2]) for dx in (-2, 0, 2)]
    return larger(ends[1], larger(larger(ends[0], m[x - 2, y]), larger(ends[2], m[x + 2, y])))


def stands_out(g, m, is_odd):
    """Whether pixel (x, y) is far above or below all neighbours of its site: the first three conditions of
    stages/defects/README.md."""
    high, low = ring_of(m, hl.max), ring_of(m, hl.min)
    i, j, row = x // STEP, y // STEP, 2 * (y % 2)
    # Sites take turns along the row: a select by x % 2 would tear every vector into its even and odd lanes.
    alpha, beta = (
        (g.sigmas * g.sigmas) * (grid[row, i, j] + is_odd[x % STEP] * (grid[row + 1, i, j] - grid[row, i, j]))
        for grid in (g.alpha, g.beta)
    )

    def is_far(excess, level, contrast):
        is_noise = excess * excess <= alpha * hl.max(level, hl.f32(0)) + beta
        return ~is_noise & (excess > hl.max(contrast * hl.abs(level), g.texture * (high - low)))

    return is_far(m[x, y] - high, high, g.contrast_hot) | is_far(low - m[x, y], low, g.contrast_dead)


@hl.generator(name="defects_suspects")
class DefectsSuspects:
    """mosaic float32 [H, W]; alpha, beta float32 [ceil(H/16), ceil(W/16), 4]: variance = alpha * level + beta of each
    site of a 2x2 cell, in blocks of 16 px; thresholds -> uint16 [H, ceil(W/16)]: a bit for each of 16 pixels in a row,
    the first one lowest, set where it stands out."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    alpha = hl.InputBuffer(hl.Float(32), 3)
    beta = hl.InputBuffer(hl.Float(32), 3)
    sigmas = hl.InputScalar(hl.Float(32))
    texture = hl.InputScalar(hl.Float(32))
    contrast_hot = hl.InputScalar(hl.Float(32))
    contrast_dead = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self
        m, is_odd, is_suspect = hl.Func("padded"), hl.Func("is_odd"), hl.Func("is_suspect")
        # Mirrored about the last pixel, so that sites keep their parity.
        m[x, y] = hl.BoundaryConditions.mirror_interior(g.mosaic)[x, y]
        is_odd[x] = hl.f32(x % 2)
        bit = hl.cast(hl.UInt(16), 1 << (x % STEP))
        is_suspect[x, y] = hl.select(stands_out(g, m, is_odd) & (x < g.mosaic.dim(0).extent()), bit, hl.u16(0))
        lane, bits = hl.RDom([(0, STEP)], "lane"), hl.Func("bits")
        bits[x, y] = hl.u16(0)
        bits[x, y] += is_suspect[x * STEP + lane, y]
        g.out[x, y] = bits[x, y]

        # Bands of rows are tasks. Five padded rows slide down a band, so that the inner loop has no borders.
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.split(y, yo, yi, 64, hl.TailStrategy.GuardWithIf).parallel(yo)
        is_odd.compute_root().bound(x, 0, STEP)
        bits.compute_at(g.out, x).update().atomic().vectorize(lane)
        is_suspect.compute_at(g.out, x).vectorize(x, STEP)
        m.store_at(g.out, yo).compute_at(g.out, yi).vectorize(x, STEP, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
