"""The burst merge: how far each frame can be trusted, samples gathered where they fell, and the finished picture."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
yi = hl.Var("yi")

LANES = 16


def tile_field(grid, component):
    """Bilinear value of a grid of tiles of 16 blocks at block (x, y). A vector of 16 lanes is one tile, so that its
    three neighbours are scalars; repeated beyond the border."""
    field = hl.BoundaryConditions.repeat_edge(grid)
    column, row = x // LANES, y // LANES
    along, down = ((hl.f32(k % LANES) + hl.f32(0.5)) / LANES - hl.f32(0.5) for k in (x, y))
    top = row + hl.i32(hl.floor(down))
    part = down - hl.floor(down)
    before, here, after = (
        field[component, column + k, top] * (1 - part) + field[component, column + k, top + 1] * part
        for k in (-1, 0, 1)
    )
    return here + hl.select(along < 0, (here - before) * along, (after - here) * along)


def quads_of(mosaic, red_row, red_column):
    """Func (x, y, c): R, mean G and B of each 2 x 2 block of a Bayer mosaic."""
    site = [[mosaic[2 * x + i, 2 * y + j] for i in range(2)] for j in range(2)]
    at_row = [hl.select(red_row == 0, site[0][i], site[1][i]) for i in range(2)]
    other_row = [hl.select(red_row == 0, site[1][i], site[0][i]) for i in range(2)]
    is_left = red_column == 0
    red, green_a = hl.select(is_left, at_row[0], at_row[1]), hl.select(is_left, at_row[1], at_row[0])
    green_b, blue = hl.select(is_left, other_row[0], other_row[1]), hl.select(is_left, other_row[1], other_row[0])
    quads = hl.Func("quads")
    quads[x, y, c] = hl.select(c == 0, red, c == 1, hl.f32(0.5) * (green_a + green_b), blue)
    return quads


def box_rows(quads, w, h):
    """Sums over three neighbours along the row, borders repeated."""
    cx, cy = lambda i: hl.clamp(i, 0, w - 1), hl.clamp(y, 0, h - 1)
    rows = hl.Func("rows")
    rows[x, y, c] = quads[cx(x - 1), cy, c] + quads[cx(x), cy, c] + quads[cx(x + 1), cy, c]
    return rows


def slide(out, funcs):
    """Bands of 32 rows in parallel; what the vertical sums need slides down the band."""
    out.reorder(c, x, y).bound(c, 0, 3).unroll(c)
    out.split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
    for func in funcs:
        func.compute_at(out, yi).store_at(out, y).bound_storage(c, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES)


def quads_of_rgb(rgb):
    """Func (x, y, c): mean of each 2 x 2 block of an RGB image."""
    quads = hl.Func("quads")
    block = rgb[c, 2 * x, 2 * y] + rgb[c, 2 * x + 1, 2 * y] + rgb[c, 2 * x, 2 * y + 1] + rgb[c, 2 * x + 1, 2 * y + 1]
    quads[x, y, c] = hl.f32(0.25) * block
    return quads


def box_mean(rows):
    return (rows[x, y - 1, c] + rows[x, y, c] + rows[x, y + 1, c]) * hl.f32(1 / 9)


def define_mean(quads, w, h, mean):
    """Mean of blocks over 3 x 3 of them."""
    rows = box_rows(quads, w, h)
    mean[x, y, c] = box_mean(rows)
    slide(mean, [rows, quads])


@hl.generator(name="merge_mean_mosaic")
class MeanMosaic:
    """mosaic float32 [H, W], row and column of red -> mean of 2 x 2 blocks over 3 x 3 of them, float32 [3, H / 2, W /
    2]."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    mean = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.mosaic.dim(0).extent() / 2, g.mosaic.dim(1).extent() / 2
        define_mean(quads_of(g.mosaic, g.red_row, g.red_column), w, h, g.mean)


@hl.generator(name="merge_mean_rgb")
class MeanRgb:
    """rgb float32 [H, W, 3] -> as MeanMosaic."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    mean = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        define_mean(quads_of_rgb(g.rgb), g.rgb.dim(1).extent() / 2, g.rgb.dim(2).extent() / 2, g.mean)


@hl.generator(name="merge_texture")
class Texture:
    """first guess float32 [3, H + 2, W + 2] (one pixel of border) -> variance of its pixels over 6 x 6 around each 2
    x 2 block, float32 [3, H / 2, W / 2]: at full size, because what the blocks alias is what their own variance
    hides."""

    first = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = (g.first.dim(0).extent() - 2) / 2, (g.first.dim(1).extent() - 2) / 2
        block = [g.first[2 * x + 1 + i, 2 * y + 1 + j, c] for j in (0, 1) for i in (0, 1)]
        sums, squares = hl.Func("sums"), hl.Func("squares")
        sums[x, y, c] = hl.f32(0.25) * sum(block)
        squares[x, y, c] = hl.f32(0.25) * sum(v * v for v in block)
        rows, square_rows = box_rows(sums, w, h), box_rows(squares, w, h)
        mean = box_mean(rows)
        g.out[x, y, c] = hl.max(box_mean(square_rows) - mean * mean, 0)
        slide(g.out, [rows, square_rows, sums, squares])


@hl.generator(name="merge_agreement")
class Agreement:
    """Mean of 2 x 2 blocks of the reference, variance of its texture, mean of the other frame, each float32 [3, h, w];
    noise of the difference of two such means float32 [th, tw, 6] (alpha, then beta of R, G, B), hand and local flow
    float32 [th, tw, 2], part of the texture that is tolerated float32 [th, tw, 1], whether any tile moved apart ->
    float32 [3, h, w]: squared disagreement in units of what noise and texture explain, and the displacement (dy, dx)
    of the motion that agrees better, px of the mosaic."""

    mean = hl.InputBuffer(hl.Float(32), 3)
    texture = hl.InputBuffer(hl.Float(32), 3)
    other = hl.InputBuffer(hl.Float(32), 3)
    noise = hl.InputBuffer(hl.Float(32), 3)
    hand = hl.InputBuffer(hl.Float(32), 3)
    local = hl.InputBuffer(hl.Float(32), 3)
    tolerated = hl.InputBuffer(hl.Float(32), 3)
    has_local = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.other.dim(0).extent(), g.other.dim(1).extent()
        part, expected = hl.Func("part"), hl.Func("expected")
        part[x, y] = tile_field(g.tolerated, 0)
        tile_x, tile_y = x // LANES, y // LANES
        noise = g.noise[c, tile_x, tile_y] * hl.max(g.mean[x, y, c], 0) + g.noise[c + 3, tile_x, tile_y]
        expected[x, y, c] = 1 / (noise + part[x, y] * g.texture[x, y, c] + hl.f32(1e-9))

        def disagreement(dy, dx):
            py, px = hl.f32(y) + hl.f32(0.5) * dy, hl.f32(x) + hl.f32(0.5) * dx
            iy, ix = hl.i32(hl.floor(py)), hl.i32(hl.floor(px))
            fy, fx = py - hl.f32(iy), px - hl.f32(ix)
            x0, x1 = hl.clamp(ix, 0, w - 1), hl.clamp(ix + 1, 0, w - 1)
            y0, y1 = hl.clamp(iy, 0, h - 1), hl.clamp(iy + 1, 0, h - 1)
            total = hl.f32(0)
            for k in range(3):
                top = g.other[x0, y0, k] * (1 - fx) + g.other[x1, y0, k] * fx
                bottom = g.other[x0, y1, k] * (1 - fx) + g.other[x1, y1, k] * fx
                difference = top * (1 - fy) + bottom * fy - g.mean[x, y, k]
                total += difference * difference * expected[x, y, k]
            low = hl.f32(-0.5)
            inside = (py > low) & (px > low) & (py < hl.f32(h) + low) & (px < hl.f32(w) + low)
            found = hl.Func("found")
            found[x, y] = (hl.select(inside, total * hl.f32(1 / 3), hl.f32(1e9)), dy, dx)
            return found

        by_hand, by_local = (disagreement(*(tile_field(field, k) for k in (0, 1))) for field in (g.hand, g.local))
        hand, own = by_hand[x, y], by_local[x, y]
        # The hand's motion has the benefit of the doubt, or noise alone would tear still surfaces apart.
        is_own = (g.has_local != 0) & (hand[0] > hl.f32(1.5)) & (own[0] < hl.f32(0.7) * hand[0])
        chosen = hl.Func("chosen")
        chosen[x, y] = tuple(hl.select(is_own, own[k], hand[k]) for k in range(3))
        g.out[x, y, c] = hl.select(c == 0, chosen[x, y][0], c == 1, chosen[x, y][1], chosen[x, y][2])

        # Nothing of the local motion is computed where no tile has one.
        g.out.output_buffer().dim(0).set_min(0)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        g.out.parallel(y, 16, hl.TailStrategy.GuardWithIf).specialize(g.has_local == 0)
        for func in (part, by_hand, by_local, chosen):
            func.compute_at(g.out, x).vectorize(x, LANES)
        expected.compute_at(g.out, x).bound(c, 0, 3).unroll(c).vectorize(x, LANES)


@hl.generator(name="merge_trust")
class Trust:
    """agreement float32 [3, h, w] -> trust uint8 [h, w], 255 = full: the least of 3 x 3 neighbours, so that the rim
    of a moving thing goes with it."""

    agreement = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.UInt(8), 2)

    def generate(self):
        g = self
        w, h = g.agreement.dim(0).extent(), g.agreement.dim(1).extent()
        raw, row = hl.Func("raw"), hl.Func("row")
        # 1 up to 2.4 times what noise explains, 0 from 4.6 times (the curve of Wronski et al. 2019, equation 7).
        cost = g.agreement[hl.clamp(x, 0, w - 1), hl.clamp(y, 0, h - 1), 0]
        raw[x, y] = hl.clamp(12 * hl.fast_exp(-cost) - hl.f32(0.12), 0, 1)
        row[x, y] = hl.min(hl.min(raw[x - 1, y], raw[x, y]), raw[x + 1, y])
        smallest = hl.min(hl.min(row[x, y - 1], row[x, y]), row[x, y + 1])
        g.out[x, y] = hl.u8(smallest * 255 + hl.f32(0.5))

        g.out.split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(
            x, LANES, hl.TailStrategy.GuardWithIf
        )
        row.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES)
        raw.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES)


def landing(trust, agreement, w, h, g):
    """Where output pixel (x, y) lies in a frame: the sample left above it, the weights of the two columns and rows
    around it by the Gaussian of the gather kernel, and the trust that multiplies them."""
    tw, th = trust.dim(0).extent(), trust.dim(1).extent()
    tx, ty = hl.clamp(x // 2, 0, tw - 1), hl.clamp(y // 2, 0, th - 1)
    # In units of pixel centres. The four nearest samples of a mosaic are one of red, one of blue, two of green, always.
    py, px = hl.f32(y) + agreement[tx, ty, 1], hl.f32(x) + agreement[tx, ty, 2]
    iy = hl.clamp(hl.i32(hl.floor(py)), 0, h - 2)
    ix = hl.clamp(hl.i32(hl.floor(px)), 0, w - 2)
    dy, dx = hl.clamp(py - hl.f32(iy), -1, 2), hl.clamp(px - hl.f32(ix), -1, 2)
    oy, ox = [hl.f32(k) - dy for k in (0, 1)], [hl.f32(k) - dx for k in (0, 1)]
    wy, wx = ([hl.fast_exp(-g.inverse * o * o) for o in offsets] for offsets in (oy, ox))
    return ix, iy, wx, wy, ox, oy, hl.f32(trust[tx, ty]) * hl.f32(1 / 255) * g.weight


def interpolated(image, ox, oy):
    """Values of an image [3, H + 2, W + 2] with one pixel of border at the offsets (oy[j], ox[i]) from pixel (x, y),
    [3][2][2], by the parabola through three neighbours along each axis. All loads are contiguous, for it is the
    output's own neighbourhood."""

    def parabola(o):
        return hl.f32(0.5) * o * (o - 1), 1 - o * o, hl.f32(0.5) * o * (o + 1)

    by_x, by_y = [parabola(o) for o in ox], [parabola(o) for o in oy]
    values = []
    for k in range(3):
        near = [[image[x + i, y + j, k] for i in range(3)] for j in range(3)]
        rows = [[sum(w * v for w, v in zip(by_x[i], near[j], strict=True)) for i in (0, 1)] for j in range(3)]
        values.append([[sum(by_y[j][r] * rows[r][i] for r in range(3)) for i in (0, 1)] for j in (0, 1)])
    return values


@hl.generator(name="merge_gather_mosaic")
class GatherMosaic:
    """Add one frame: mosaic float32 [H, W], trust uint8 [H / 2, W / 2] and agreement float32 [3, H / 2, W / 2] of 2 x 2
    blocks, first guess float32 [3, H + 2, W + 2], red row and column, inverse = 1 / (2 sigma^2), weight, clip (samples
    at or above are left out) and sums float32 [6, H, W] (weight x difference from the first guess at the very place of
    the sample, of R, G, B, then weights) -> sums, may be the same array."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    trust = hl.InputBuffer(hl.UInt(8), 2)
    agreement = hl.InputBuffer(hl.Float(32), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    inverse = hl.InputScalar(hl.Float(32))
    weight = hl.InputScalar(hl.Float(32))
    clip = hl.InputScalar(hl.Float(32))
    sums = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        ix, iy, wx, wy, ox, oy, trust = landing(
            g.trust, g.agreement, g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent(), g
        )
        on_row = [((iy ^ g.red_row) & 1) == j for j in (0, 1)]
        on_column = [((ix ^ g.red_column) & 1) == i for i in (0, 1)]
        expected = interpolated(g.first, ox, oy)
        value, weight = [[], []], [[], []]
        for j in (0, 1):
            for i in (0, 1):
                sample = g.mosaic[ix + i, iy + j]
                red, green, blue = (expected[k][j][i] for k in range(3))
                seen = hl.select(on_row[j], hl.select(on_column[i], red, green), hl.select(on_column[i], green, blue))
                k = hl.select(sample < g.clip, trust * wy[j] * wx[i], 0)
                value[j].append(k * (sample - seen))
                weight[j].append(k)

        def colours(v):
            first = [hl.select(on_row[0], v[0][i], v[1][i]) for i in (0, 1)]
            second = [hl.select(on_row[0], v[1][i], v[0][i]) for i in (0, 1)]
            red, green_a = (hl.select(on_column[0], first[i], first[1 - i]) for i in (0, 1))
            green_b, blue = (hl.select(on_column[0], second[i], second[1 - i]) for i in (0, 1))
            return red, green_a + green_b, blue

        added = [*colours(value), *colours(weight)]
        g.out[x, y, c] = g.sums[x, y, c] + hl.select(
            c == 0, added[0], c == 1, added[1], c == 2, added[2], c == 3, added[3], c == 4, added[4], added[5]
        )

        # Bound by the four gathers and by the sums, which go once through memory; bands of rows run in parallel.
        g.out.bound(c, 0, 6).reorder(c, x, y).unroll(c).parallel(y, 16, hl.TailStrategy.GuardWithIf).vectorize(
            x, LANES, hl.TailStrategy.GuardWithIf
        )


@hl.generator(name="merge_gather_rgb")
class GatherRgb:
    """As GatherMosaic for rgb float32 [H, W, 3] and sums float32 [4, H, W] (R, G, B, weight)."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    trust = hl.InputBuffer(hl.UInt(8), 2)
    agreement = hl.InputBuffer(hl.Float(32), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    inverse = hl.InputScalar(hl.Float(32))
    weight = hl.InputScalar(hl.Float(32))
    clip = hl.InputScalar(hl.Float(32))
    sums = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        ix, iy, wx, wy, ox, oy, trust = landing(g.trust, g.agreement, g.rgb.dim(1).extent(), g.rgb.dim(2).extent(), g)
        expected = interpolated(g.first, ox, oy)
        added = [hl.f32(0)] * 4
        for j in (0, 1):
            for i in (0, 1):
                sample = [g.rgb[k, ix + i, iy + j] for k in range(3)]
                brightest = hl.max(hl.max(sample[0], sample[1]), sample[2])
                k = hl.select(brightest < g.clip, trust * wy[j] * wx[i], 0)
                difference = [sample[n] - expected[n][j][i] for n in range(3)]
                added = [total + k * part for total, part in zip(added, [*difference, hl.f32(1)], strict=True)]
        g.out[x, y, c] = g.sums[x, y, c] + hl.select(c == 0, added[0], c == 1, added[1], c == 2, added[2], added[3])

        g.out.bound(c, 0, 4).reorder(c, x, y).unroll(c).parallel(y, 16, hl.TailStrategy.GuardWithIf).vectorize(
            x, LANES, hl.TailStrategy.GuardWithIf
        )


@hl.generator(name="merge_finish_rgb")
class FinishRgb:
    """sums float32 [4, H, W], first guess float32 [3, H + 2, W + 2], frames that the guess is worth -> camera_rgb
    float32 [H, W, 3]."""

    sums = hl.InputBuffer(hl.Float(32), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    worth = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        g.out[c, x, y] = g.first[x + 1, y + 1, c] + g.sums[x, y, c] / (g.sums[x, y, 3] + g.worth + hl.f32(1e-12))
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 32, hl.TailStrategy.GuardWithIf).vectorize(
            x, LANES, hl.TailStrategy.GuardWithIf
        )


@hl.generator(name="merge_finish_mosaic")
class FinishMosaic:
    """sums float32 [6, H, W], first guess float32 [3, H + 2, W + 2], white balance of R and B (G is 1), trust in
    their samples (variance of a green sample over theirs, balanced), frames that the guess is worth -> camera_rgb
    float32 [H, W, 3].

    Differences of colour are smooth, luminance is not: what is added to the first guess's chrominance comes from sums
    blurred by a Gaussian of 0.8 px, what is added to its luminance from all samples of all colours with that taken
    out."""

    sums = hl.InputBuffer(hl.Float(32), 3)
    first = hl.InputBuffer(hl.Float(32), 3)
    wb_red = hl.InputScalar(hl.Float(32))
    wb_blue = hl.InputScalar(hl.Float(32))
    trust_red = hl.InputScalar(hl.Float(32))
    trust_blue = hl.InputScalar(hl.Float(32))
    worth = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        sums = hl.BoundaryConditions.mirror_image(g.sums)
        kernel = [0.0222, 0.2282, 0.4992, 0.2282, 0.0222]  # Gaussian, sigma 0.8 px, over 5 samples
        rows, blurred = hl.Func("rows"), hl.Func("blurred")
        rows[x, y, c] = sum(hl.f32(k) * sums[x, y + i - 2, c] for i, k in enumerate(kernel))
        blurred[x, y, c] = sum(hl.f32(k) * rows[x + i - 2, y, c] for i, k in enumerate(kernel))

        # A quarter of a frame's samples are red, a quarter blue, half green; so is the guess's worth.
        tiny = hl.f32(1e-12)
        share = [hl.f32(0.25), hl.f32(0.5), hl.f32(0.25)]
        mean = [blurred[x, y, k] / (blurred[x, y, k + 3] + g.worth * share[k] + tiny) for k in range(3)]
        in_red, in_blue = g.wb_red * mean[0] - mean[1], g.wb_blue * mean[2] - mean[1]
        at = [g.sums[x, y, k] for k in range(6)]
        red = g.trust_red * (g.wb_red * at[0] - at[3] * in_red)
        blue = g.trust_blue * (g.wb_blue * at[2] - at[5] * in_blue)
        worth = g.worth * hl.f32(0.25) * (g.trust_red + 2 + g.trust_blue)
        luma = (red + at[1] + blue) / (g.trust_red * at[3] + at[4] + g.trust_blue * at[5] + worth + tiny)
        added = hl.Func("added")
        added[x, y] = ((luma + in_red) / g.wb_red, luma, (luma + in_blue) / g.wb_blue)
        total = added[x, y]
        g.out[c, x, y] = g.first[x + 1, y + 1, c] + hl.select(c == 0, total[0], c == 1, total[1], total[2])

        # Bands of 32 rows in parallel; the vertical blur is kept for one row at a time, the horizontal one in
        # registers.
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y)
        g.out.vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        added.compute_at(g.out, x).vectorize(x, LANES)
        rows.compute_at(g.out, yi).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
