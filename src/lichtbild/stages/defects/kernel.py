"""Single pixels that no lens can have made: far outside their neighbours of the same site, while the neighbours of the
other colours know nothing of it."""

import halide as hl

x, y = hl.Var("x"), hl.Var("y")
xo, xi, yo, yi = hl.Var("xo"), hl.Var("xi"), hl.Var("yo"), hl.Var("yi")
STEP = 16  # px a block of the variance grid, and one vector of floats


def largest(values):
    top = values[0]
    for v in values[1:]:
        top = hl.max(top, v)
    return top


def total(values):
    result = values[0]
    for v in values[1:]:
        result = result + v
    return result


def evidence(m):
    """Excess above the largest and below the smallest of the eight neighbours of the same site, excess of the four
    direct neighbours over their own sites around (a gradient leaves it at 0), and that largest and smallest."""
    ring = [m[x + dx, y + dy] for dy in (-2, 0, 2) for dx in (-2, 0, 2) if dx or dy]
    high, low = largest(ring), -largest([-v for v in ring])
    beside = total([m[x - 1, y], m[x + 1, y], m[x, y - 1], m[x, y + 1]])
    beyond = [m[x + dx, y + dy] for dx in (-1, 1) for dy in (-2, 2)] + [m[x - 3, y], m[x + 3, y]]
    beyond += [m[x + dx, y + dy] for dx in (-2, 2) for dy in (-1, 1)] + [m[x, y - 3], m[x, y + 3]]
    return m[x, y] - high, low - m[x, y], beside - total(beyond) * hl.f32(1 / 3), high, low


def mended(m):
    """Mean of the pair of opposite neighbours of the same site that differ least."""
    value, best = None, None
    for dx, dy in ((-2, 0), (0, -2), (-2, -2), (2, -2)):
        a, b = m[x + dx, y + dy], m[x - dx, y - dy]
        mean, difference = (a + b) * hl.f32(0.5), hl.abs(a - b)
        value = mean if value is None else hl.select(difference < best, mean, value)
        best = difference if best is None else hl.min(difference, best)
    return value


def outlier(g, m):
    """Whether pixel (x, y) is hot or dead: the four conditions of stages/defects/README.md."""
    above, below, around, high, low = evidence(m)
    i, j, row = x // STEP, y // STEP, 2 * (y % 2)
    alpha = hl.select(x % 2 == 0, g.alpha[row, i, j], g.alpha[row + 1, i, j])
    beta = hl.select(x % 2 == 0, g.beta[row, i, j], g.beta[row + 1, i, j])

    def stands_out(excess, level, around, contrast, spread):
        variance = alpha * hl.max(level, hl.f32(0)) + beta
        is_far = excess * excess > g.sigmas * g.sigmas * variance
        is_strong = excess > hl.max(contrast * hl.abs(level), g.texture * (high - low))
        return (excess > hl.f32(0)) & is_far & is_strong & (around < spread * excess)

    is_hot = stands_out(above, high, around, g.contrast_hot, g.spread_hot)
    return is_hot | stands_out(below, low, -around, g.contrast_dead, g.spread_dead)


@hl.generator(name="defects_repair")
class DefectsRepair:
    """mosaic float32 [H, W]; alpha, beta float32 [ceil(H/16), ceil(W/16), 4]: variance = alpha * level + beta of each
    site of a 2x2 cell, in blocks of 16 px; thresholds -> float32 [H, W], outliers replaced."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    alpha = hl.InputBuffer(hl.Float(32), 3)
    beta = hl.InputBuffer(hl.Float(32), 3)
    sigmas = hl.InputScalar(hl.Float(32))
    texture = hl.InputScalar(hl.Float(32))
    contrast_hot = hl.InputScalar(hl.Float(32))
    contrast_dead = hl.InputScalar(hl.Float(32))
    spread_hot = hl.InputScalar(hl.Float(32))
    spread_dead = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        m = hl.Func("padded")
        # Mirrored about the last pixel, so that sites keep their parity.
        m[x, y] = hl.BoundaryConditions.mirror_interior(g.mosaic)[x, y]
        g.out[x, y] = hl.select(outlier(g, m), mended(m), m[x, y])

        # Bands of rows are tasks. Seven padded rows slide down a band, so that the inner loop has no borders.
        g.out.output_buffer().dim(0).set_min(0)
        g.out.output_buffer().dim(1).set_min(0)
        g.out.split(y, yo, yi, 64, hl.TailStrategy.GuardWithIf).parallel(yo)
        g.out.split(x, xo, xi, STEP, hl.TailStrategy.GuardWithIf).vectorize(xi)
        m.store_at(g.out, yo).compute_at(g.out, yi).vectorize(x, STEP, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
