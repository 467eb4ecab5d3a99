"""The first guess as splines, and the finished picture.

Sums and the first guess are kept in rows of planes, [H, planes, W]: what belongs to a row of the picture lies together,
and a band of rows is an array of its own.
"""

import halide as hl
from halide_common import held, pick, spline_pixels, total

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
yo, yi = hl.Var("yo"), hl.Var("yi")

LANES = 16
TILE = 32
TAPS = [3**0.5 * (3**0.5 - 2) ** k for k in range(5)]
TAPS = [w / (TAPS[0] + 2 * sum(TAPS[1:])) for w in TAPS]
BORDER = 2  # rows and columns of spline coefficients around the picture
# Blurs of finishing, from the middle outwards: Gaussians of 0.8 px and of 0.35 px.
WIDE, FINE = [0.4992, 0.2282, 0.0222], [0.965, 0.0175]
FILL = 0.02  # of wide sums among fine ones: nearly nothing, but where no sample of a colour is near
# Variance of what is finer in chrominance and in luminance, for one sample's noise and a weight of 1 (measured on even
# noise, 2 to 20 frames: 0.8 to 1.1, and 0.9 to 1.3, of this), and how far above it something is certain.
NOISE_CHROMA, NOISE_LUMA, CERTAIN = 0.22, 0.003, 1.5
AGAIN = 1.5  # times what is finer in luminance is added, where it is certain: what the gather kernel took
GUARD = hl.TailStrategy.GuardWithIf


def symmetric(values):
    """The filter of TAPS on nine neighbours."""
    sides = [values[4 - k] + values[4 + k] if k else values[4] for k in range(5)]
    return total(hl.f32(w) * v for w, v in zip(TAPS, sides, strict=True))


@hl.generator(name="merge_guess")
class GuessRows:
    """Rows of the first guess as coefficients of cubic B-splines: the last rows of the band above float32 [n, W, 3],
    the band float32 [h, W, 3], whether the band is the picture's first, row of it where the output begins (may be
    negative) -> float32 [m, 3, W + 4 or more], pixel 0 in column 2. What lies beyond the picture repeats; so do rows
    beyond the band.

    The filter that makes coefficients of pixels, sqrt(3) times 0.268^|k| with alternating signs, is cut after four."""

    above = hl.InputBuffer(hl.Float(32), 3)
    rgb = hl.InputBuffer(hl.Float(32), 3)
    is_first = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        known, height, width = g.above.dim(2).extent(), g.rgb.dim(2).extent(), g.rgb.dim(1).extent()
        pixels, tall, coefficients = hl.Func("pixels"), hl.Func("tall"), hl.Func("coefficients")
        column, row = held(x, width - 1), hl.select(g.is_first != 0, hl.max(y + g.top, 0), y + g.top)
        inside, before = held(row, height - 1), held(row + known, known - 1)
        pixels[x, c, y] = hl.select(row < 0, g.above[c, column, before], g.rgb[c, column, inside])
        tall[x, c, y] = symmetric([pixels[x, c, y + k] for k in range(-4, 5)])
        coefficients[x, c, y] = symmetric([tall[x + k, c, y] for k in range(-4, 5)])
        g.out[x, c, y] = coefficients[x - BORDER, c, y]
        for buffer in (g.above, g.rgb):
            buffer.dim(0).set_bounds(0, 3).set_stride(1)
            buffer.dim(1).set_stride(3)
        g.out.bound(c, 0, 3).reorder(x, c, y).unroll(c).vectorize(x, LANES, GUARD)
        g.out.split(y, yo, yi, 64, GUARD).parallel(yo)
        tall.compute_at(g.out, yi).vectorize(x, LANES)
        pixels.store_at(g.out, yo).compute_at(g.out, yi).bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES)


def guess_of(g):
    """Func (x, c, y): the first guess's pixels, counted without its border; beyond that they repeat."""
    edges = [(hl.i32(0), g.first.dim(0).extent()), (hl.Expr(), hl.Expr()), (hl.i32(0), g.first.dim(2).extent())]
    return spline_pixels(hl.BoundaryConditions.repeat_edge(g.first, edges), BORDER)


@hl.generator(name="merge_finish_rgb")
class FinishRgb:
    """sums float16 [H, 4, W], rows of the first guess float32 [h + 4, 3, W + 4], row of the sums where it begins,
    frames that the guess is worth -> the guess corrected, float32 [h, 3, W + 4], pixel 0 in column 2."""

    sums = hl.InputBuffer(hl.Float(16), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    top = hl.InputScalar(hl.Int(32))
    worth = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        column, row = hl.clamp(x - BORDER, 0, g.sums.dim(0).extent() - 1), y + g.top
        at = [hl.f32(g.sums[column, k, row]) for k in range(4)]
        added = [at[k] / (at[3] + g.worth + hl.f32(1e-12)) for k in range(3)]
        g.out[x, c, y] = guess_of(g)[x - BORDER, c, y] + pick(added, c)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 32, GUARD).vectorize(x, LANES, GUARD)


@hl.generator(name="merge_finish_mosaic")
class FinishMosaic:
    """sums float16 [H, 6, W or more], W, rows of the first guess float32 [h + 4, 3, W + 4], row of the sums where it
    begins, noise of samples float32 [6] (alpha, then beta of R, G, B) and spatial gain float32 [th, tw] of the strip's
    tiles of 32 px, white balance of R and B (G is 1), trust in their samples (variance of a green sample over theirs,
    balanced), frames that the guess is worth, part of the little blur that luminance takes -> the guess corrected, as
    FinishRgb.

    Differences of colour are smooth, luminance is not: what is added to the first guess's chrominance comes from sums
    blurred by a Gaussian of 0.8 px, what is added to its luminance from all samples of all colours with that taken out,
    blurred by a little. Where finer sums say something else than noise explains, in the mean of 5 x 5 pixels, they
    count: for chrominance those blurred by a little, for luminance what that blur took, and more for what the gather
    kernel took."""

    sums = hl.InputBuffer(hl.Float(16), 3)
    width = hl.InputScalar(hl.Int(32))
    first = hl.InputBuffer(hl.Float(32), 3)
    top = hl.InputScalar(hl.Int(32))
    noise = hl.InputBuffer(hl.Float(32), 1)
    gain = hl.InputBuffer(hl.Float(32), 2)
    wb_red = hl.InputScalar(hl.Float(32))
    wb_blue = hl.InputScalar(hl.Float(32))
    trust_red = hl.InputScalar(hl.Float(32))
    trust_blue = hl.InputScalar(hl.Float(32))
    worth = hl.InputScalar(hl.Float(32))
    blur = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.width, g.sums.dim(2).extent()
        bounds = [(hl.i32(0), w), (hl.Expr(), hl.Expr()), (hl.i32(0), h)]
        near, guess, tall = hl.BoundaryConditions.mirror_image(g.sums, bounds), guess_of(g), hl.Func("tall")
        at = [hl.f32(near[x, c, y + g.top + k]) for k in range(-2, 3)]
        fine = hl.f32(FINE[0]) * at[2] + hl.f32(FINE[1]) * (at[1] + at[3])
        wide = total(hl.f32(WIDE[abs(k - 2)]) * v for k, v in enumerate(at))
        tall[x, c, y] = hl.Tuple((at[2], fine, wide))

        parts = hl.Func("parts")
        parts[x, y] = hl.Tuple(tuple(self.parts_of(tall, guess)))
        column, mean = hl.Func("column"), hl.Func("mean")
        column[x, c, y] = total(pick([parts[x, y + k][6], parts[x, y + k][7]], c) for k in range(-2, 3))
        mean[x, c, y] = total(column[x + k, c, y] for k in range(-2, 3)) * hl.f32(1 / 25)
        added = hl.Func("added")
        added[x, y] = self.added_of([parts[x, y][k] for k in range(12)], [mean[x, k, y] for k in (0, 1)])
        px = x - BORDER
        g.out[x, c, y] = guess[px, c, y] + pick([added[px, y][k] for k in range(3)], c)
        self.schedule(guess, tall, parts, column, added)

    def parts_of(self, tall, guess):
        """Chrominance (R, B) of wide sums and what fine ones add to it; luminance of bare sums with the former, and
        what they have beyond fine ones; how far both stand out of the noise, squared; shares of red and blue samples in
        the luminance of bare sums, and what they have beyond those of fine ones."""
        g = self
        sums = [hl.Func(name) for name in ("bare", "fine", "wide")]
        bare, fine, wide = sums
        bare[x, c, y] = tall[x, c, y][0]
        fine[x, c, y] = total(hl.f32(FINE[abs(i)]) * tall[x + i, c, y][1] for i in (-1, 0, 1))
        wide[x, c, y] = total(hl.f32(WIDE[abs(i)]) * tall[x + i, c, y][2] for i in range(-2, 3))
        # A quarter of a frame's samples are red, a quarter blue, half green; so is the guess's worth.
        worth = [g.worth * hl.f32(v) for v in (0.25, 0.5, 0.25)]
        balance, trust = [g.wb_red, hl.f32(1), g.wb_blue], [g.trust_red, hl.f32(1), g.trust_blue]

        def all_of(func):
            return [func[x, k, y] for k in range(6)]

        # One over the weights: of R, G, B in wide sums, in filled ones, in the luminance of fine ones and of bare ones.
        filled = [f + hl.f32(FILL) * v for f, v in zip(all_of(fine), all_of(wide), strict=True)]
        weights = [v[k + 3] + worth[k] for v in (all_of(wide), filled) for k in range(3)]
        weights += [total(trust[k] * (v[k + 3] + worth[k]) for k in range(3)) for v in (all_of(fine), all_of(bare))]
        over = hl.Func("over")
        over[x, c, y] = hl.fast_inverse(pick(weights, c) + hl.f32(1e-12))
        self.inner = [*sums, over]

        def chrominance(v, first):
            mean = [v[k] * over[x, first + k, y] for k in range(3)]
            return [balance[k] * mean[k] - mean[1] for k in (0, 2)]

        coarse = chrominance(all_of(wide), 0)
        finer = [f - w for f, w in zip(chrominance(filled, 3), coarse, strict=True)]

        def luminance(v, at):
            shares = [trust[k] * v[k + 3] * over[x, at, y] for k in (0, 2)]
            level = total(trust[k] * balance[k] * v[k] for k in range(3)) * over[x, at, y]
            return [level - total(s * m for s, m in zip(shares, coarse, strict=True)), *shares]

        (low, *shares), (high, *sharper) = luminance(all_of(fine), 6), luminance(all_of(bare), 7)
        tile = (hl.clamp(v // TILE, 0, g.gain.dim(k).extent() - 1) for k, v in enumerate((x, y)))
        gain = g.gain[tuple(tile)]
        variance = [
            (g.noise[k] * hl.max(guess[x, k, y], 0) + g.noise[k + 3] * gain) * gain * (balance[k] * balance[k])
            for k in range(3)
        ]
        of_mean = [variance[k] * hl.f32(NOISE_CHROMA) * over[x, k + 3, y] for k in range(3)]
        colour = total(d * d * hl.fast_inverse(of_mean[k] + of_mean[1]) for d, k in zip(finer, (0, 2), strict=True))
        detail = high - low
        of_detail = hl.f32(NOISE_LUMA) * variance[1] * over[x, 7, y]
        told = [hl.f32(0.5) * colour, detail * detail * hl.fast_inverse(of_detail)]
        return [*coarse, *finer, high, detail, *told, *sharper, *(b - s for b, s in zip(sharper, shares, strict=True))]

    def added_of(self, parts, told):
        """What is added to R, G, B of the first guess."""
        red, blue, finer_red, finer_blue, light, detail, _, _, in_red, in_blue, more_red, more_blue = parts
        colour, luma = (hl.max(1 - hl.f32(CERTAIN) * hl.fast_inverse(hl.max(mean, hl.f32(1e-6))), 0) for mean in told)
        finer_red, finer_blue = colour * finer_red, colour * finer_blue
        # The luminance was made without what is finer in the chrominance.
        light -= in_red * finer_red + in_blue * finer_blue
        detail -= more_red * finer_red + more_blue * finer_blue
        luma = light + (luma * (hl.f32(AGAIN) + self.blur) - self.blur) * detail
        return (luma + red + finer_red) * (1 / self.wb_red), luma, (luma + blue + finer_blue) * (1 / self.wb_blue)

    def schedule(self, guess, tall, parts, column, added):
        """Strips of 32 rows in parallel, in pieces of 512 columns, whose rows slide and stay in the cache."""
        out, xv, xc = self.out, hl.Var("xv"), hl.Var("xc")
        out.bound(c, 0, 3).reorder(c, x, y).unroll(c).split(y, yo, yi, 32, GUARD)
        out.split(x, xc, x, 512, GUARD).split(x, x, xv, LANES, GUARD).vectorize(xv)
        out.reorder(c, xv, x, yi, xc, yo).parallel(yo)
        added.compute_at(out, x).vectorize(x, LANES)
        column.compute_at(out, yi).bound(c, 0, 2).reorder(c, x, y).unroll(c).vectorize(x, LANES)
        parts.store_at(out, xc).compute_at(out, yi).vectorize(x, LANES)
        guess.store_at(out, xc).compute_at(out, yi).bound(c, 0, 3).reorder(x, c, y).vectorize(x, LANES)
        tall.compute_at(parts, y).bound(c, 0, 6).reorder(x, c, y).vectorize(x, LANES)
        for func, n_planes in zip(self.inner, (6, 6, 6, 8), strict=True):
            func.compute_at(parts, x).bound(c, 0, n_planes).reorder(c, x, y).unroll(c).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
