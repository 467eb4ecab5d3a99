"""A mosaic's noise taken out before demosaicing: stabilised planes, shrunk blocks of their cosine transform, and
back."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
bx, by, i, j, u, v = (hl.Var(n) for n in ("bx", "by", "i", "j", "u", "v"))
yo, yi, band = hl.Var("yo"), hl.Var("yi"), hl.Var("band")

LANES = 16
SIDE, STEP = 8, 4
GAIN_STEP_PX = 16


def gain_of(grid, px, py, k, n_x, n_y):
    """Bilinear spatial gain at the centre of mosaic pixel (px, py)."""
    a, b = (hl.f32(px) + hl.f32(0.5)) / GAIN_STEP_PX, (hl.f32(py) + hl.f32(0.5)) / GAIN_STEP_PX
    i0, j0 = hl.clamp(hl.i32(a), 0, n_x - 2), hl.clamp(hl.i32(b), 0, n_y - 2)
    fa, fb = a - hl.f32(i0), b - hl.f32(j0)
    top = grid[k, i0, j0] * (1 - fa) + grid[k, i0 + 1, j0] * fa
    bottom = grid[k, i0, j0 + 1] * (1 - fa) + grid[k, i0 + 1, j0 + 1] * fa
    return top * (1 - fb) + bottom * fb


@hl.generator(name="denoise_mosaic_pack")
class Pack:
    """mosaic float32 [H, W], alpha and beta float32 [4] and colour int32 [4] of the sites (row-major in a 2 x 2
    block), gain grid float32 [gh, gw, 3] -> float32 [4, H / 2, W / 2]: sum and differences of a block's four
    stabilised samples, each of noise variance 1."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    colour = hl.InputBuffer(hl.Int(32), 1)
    gain = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        n_x, n_y = g.gain.dim(1).extent(), g.gain.dim(2).extent()
        stable = []
        for site in range(4):
            px, py = 2 * x + site % 2, 2 * y + site // 2
            signal = g.mosaic[px, py] / gain_of(g.gain, px, py, hl.clamp(g.colour[site], 0, 2), n_x, n_y)
            offset = g.beta[site] + hl.f32(0.375) * g.alpha[site] * g.alpha[site]
            # 2 / alpha (sqrt(alpha s + c) - sqrt(c)), written so that alpha may be 0.
            root = hl.sqrt(hl.max(g.alpha[site] * signal + offset, 0))
            stable.append(2 * signal / (root + hl.sqrt(offset)))
        a, b, d, e = stable
        half = hl.f32(0.5)
        parts = (a + b + d + e, a - b + d - e, a + b - d - e, a - b - d + e)
        g.out[x, y, c] = half * hl.select(c == 0, parts[0], c == 1, parts[1], c == 2, parts[2], parts[3])

        g.out.bound(c, 0, 4).reorder(c, x, y).unroll(c).parallel(y, 16, hl.TailStrategy.GuardWithIf).vectorize(
            x, LANES, hl.TailStrategy.GuardWithIf
        )


@hl.generator(name="denoise_mosaic_shrink")
class Shrink:
    """planes float32 [4, h, w] of unit noise, orthonormal cosine basis float32 [8, 8] (frequency, place), threshold
    of the first and of the other planes -> float32 [4, h, w]. Blocks of 8 x 8 every 4 px; coefficients below the
    threshold go, blocks that need few of them count more (Yu and Sapiro 2011, with the weights of BM3D's first
    step)."""

    planes = hl.InputBuffer(hl.Float(32), 3)
    basis = hl.InputBuffer(hl.Float(32), 2)
    threshold_first = hl.InputScalar(hl.Float(32))
    threshold_other = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        padded = hl.BoundaryConditions.mirror_interior(
            g.planes, [(0, g.planes.dim(0).extent()), (0, g.planes.dim(1).extent())]
        )
        r = hl.RDom([(0, SIDE)])

        rows, spectrum, kept, back, block = (hl.Func(n) for n in ("rows", "spectrum", "kept", "back", "block"))
        rows[bx, u, j, by, c] = hl.f32(0)
        rows[bx, u, j, by, c] += g.basis[r.x, u] * padded[bx * STEP + r.x, by * STEP + j, c]
        spectrum[bx, u, v, by, c] = hl.f32(0)
        spectrum[bx, u, v, by, c] += g.basis[r.x, v] * rows[bx, u, r.x, by, c]
        threshold = hl.select(c == 0, g.threshold_first, g.threshold_other)
        at = hl.Expr(spectrum[bx, u, v, by, c])
        kept[bx, u, v, by, c] = hl.select((hl.abs(at) > threshold) | ((u == 0) & (v == 0)), at, hl.f32(0))
        count, weight = hl.Func("count"), hl.Func("weight")
        all_of = hl.RDom([(0, SIDE), (0, SIDE)])
        count[bx, by, c] = hl.f32(0)
        count[bx, by, c] += hl.select(kept[bx, all_of.x, all_of.y, by, c] != 0, hl.f32(1), hl.f32(0))
        weight[bx, by, c] = 1 / hl.max(count[bx, by, c], 1)
        back[bx, u, j, by, c] = hl.f32(0)
        back[bx, u, j, by, c] += g.basis[j, r.x] * kept[bx, u, r.x, by, c]
        block[bx, i, j, by, c] = hl.f32(0)
        block[bx, i, j, by, c] += g.basis[i, r.x] * back[bx, r.x, j, by, c] * weight[bx, by, c]

        # A pixel lies in two blocks along each axis: those that begin at, and one step before, its own multiple of 4.
        value, total = hl.f32(0), hl.f32(0)
        for above in (0, 1):
            for left in (0, 1):
                column, row = x // STEP - left, y // STEP - above
                value += block[column, x % STEP + left * STEP, y % STEP + above * STEP, row, c]
                total += weight[column, row, c]
        g.out[x, y, c] = value / total

        # Bands of 32 rows and one plane are a task. Sixteen neighbouring blocks fill the lanes through all five
        # steps, in L1; finished block rows are kept until the next one has been added.
        g.out.split(y, yo, yi, STEP, hl.TailStrategy.GuardWithIf).split(yo, band, yo, 8, hl.TailStrategy.GuardWithIf)
        g.out.reorder(x, yi, yo, band, c).parallel(band).parallel(c)
        g.out.vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        block.store_at(g.out, band).compute_at(g.out, yo).reorder_storage(bx, i, j, by, c)
        weight.store_at(g.out, band).compute_at(g.out, yo).vectorize(bx, LANES)
        block.vectorize(bx, LANES)
        bo = hl.Var("bo")
        block.update().reorder(r.x, i, j, bx, by, c).split(bx, bo, bx, LANES, hl.TailStrategy.GuardWithIf)
        block.update().reorder(r.x, bx, i, j, bo, by, c).vectorize(bx).unroll(r.x)
        for func in (rows, spectrum, back):
            func.vectorize(bx, LANES).update().reorder(r.x, bx, u).vectorize(bx, LANES).unroll(r.x)
        back.compute_at(block, bo)
        kept.store_at(g.out, band).compute_at(g.out, yo).vectorize(bx, LANES)
        spectrum.compute_at(g.out, yo)
        rows.compute_at(g.out, yo)
        count.compute_at(g.out, yo).vectorize(bx, LANES).update().reorder(bx, all_of.x, all_of.y).vectorize(bx, LANES)


@hl.generator(name="denoise_mosaic_unpack")
class Unpack:
    """The inverse of Pack for denoised planes, without the bias that a mean of roots has -> mosaic float32 [H, W];
    `keep` is the part of the noise variance that is still in the planes."""

    planes = hl.InputBuffer(hl.Float(32), 3)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    colour = hl.InputBuffer(hl.Int(32), 1)
    gain = hl.InputBuffer(hl.Float(32), 3)
    keep = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        n_x, n_y = g.gain.dim(1).extent(), g.gain.dim(2).extent()
        site = hl.Var("site")
        column, row = site % 2, site // 2
        a, b, d, e = (g.planes[x, y, k] for k in range(4))
        sign_x, sign_y = hl.f32(1 - 2 * column), hl.f32(1 - 2 * row)
        stable = hl.f32(0.5) * (a + sign_x * b + sign_y * d + sign_x * sign_y * e)
        alpha, offset = g.alpha[site], g.beta[site] + hl.f32(0.375) * g.alpha[site] * g.alpha[site]
        signal = stable * hl.sqrt(offset) + hl.f32(0.25) * alpha * (stable * stable + 1 - g.keep)
        colour = hl.clamp(g.colour[site], 0, 2)
        sample = hl.Func("sample")
        sample[x, y, site] = signal * gain_of(g.gain, 2 * x + column, 2 * y + row, colour, n_x, n_y)
        below = 2 * (y % 2)
        g.out[x, y] = hl.select(x % 2 == 0, sample[x // 2, y // 2, below], sample[x // 2, y // 2, below + 1])

        # Both sites of a row are computed by whole vectors, then woven together.
        g.out.output_buffer().dim(0).set_min(0)
        g.out.parallel(y, 32, hl.TailStrategy.GuardWithIf).vectorize(x, 2 * LANES, hl.TailStrategy.GuardWithIf)
        sample.compute_at(g.out, x).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
