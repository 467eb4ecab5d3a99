"""The burst merge: how far each frame can be trusted, samples gathered where they fell, and the finished picture."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
yi = hl.Var("yi")

LANES = 16


def tile_field(grid, u, v, component):
    """Bilinear value of a grid of 32 px tiles at pixel coordinates (u, v) of the mosaic."""
    i, j = u * hl.f32(1 / 32) - hl.f32(0.5), v * hl.f32(1 / 32) - hl.f32(0.5)
    i0, j0 = hl.i32(hl.floor(i)), hl.i32(hl.floor(j))
    fi, fj = i - hl.f32(i0), j - hl.f32(j0)
    top = grid[component, i0, j0] * (1 - fi) + grid[component, i0 + 1, j0] * fi
    bottom = grid[component, i0, j0 + 1] * (1 - fi) + grid[component, i0 + 1, j0 + 1] * fi
    return top * (1 - fj) + bottom * fj


@hl.generator(name="merge_quads_mosaic")
class QuadsMosaic:
    """mosaic float32 [H, W], row and column of red -> float32 [3, H / 2, W / 2]: R, mean G, B of each 2 x 2 block."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        site = [[g.mosaic[2 * x + i, 2 * y + j] for i in range(2)] for j in range(2)]
        at_row = [hl.select(g.red_row == 0, site[0][i], site[1][i]) for i in range(2)]
        other_row = [hl.select(g.red_row == 0, site[1][i], site[0][i]) for i in range(2)]
        is_left = g.red_column == 0
        red, green_a = hl.select(is_left, at_row[0], at_row[1]), hl.select(is_left, at_row[1], at_row[0])
        green_b, blue = hl.select(is_left, other_row[0], other_row[1]), hl.select(is_left, other_row[1], other_row[0])
        g.out[x, y, c] = hl.select(c == 0, red, c == 1, 0.5 * (green_a + green_b), blue)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 16).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)


@hl.generator(name="merge_statistics")
class Statistics:
    """quads float32 [3, h, w] -> mean and variance over 3 x 3, float32 [3, h, w] each."""

    quads = hl.InputBuffer(hl.Float(32), 3)
    mean = hl.OutputBuffer(hl.Float(32), 3)
    variance = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        q = hl.BoundaryConditions.repeat_edge(g.quads)
        first, second, m = hl.Func("first"), hl.Func("second"), hl.Func("m")
        first[x, y, c] = q[x - 1, y, c] + q[x, y, c] + q[x + 1, y, c]
        second[x, y, c] = q[x - 1, y, c] ** 2 + q[x, y, c] ** 2 + q[x + 1, y, c] ** 2
        m[x, y, c] = (first[x, y - 1, c] + first[x, y, c] + first[x, y + 1, c]) * hl.f32(1 / 9)
        square = (second[x, y - 1, c] + second[x, y, c] + second[x, y + 1, c]) * hl.f32(1 / 9)
        g.mean[x, y, c] = m[x, y, c]
        g.variance[x, y, c] = hl.max(square - m[x, y, c] * m[x, y, c], 0)
        for out in (g.mean, g.variance):
            out.parallel(y, 16).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)


@hl.generator(name="merge_trust")
class Trust:
    """Reference mean and tolerance float32 [3, h, w] of 2 x 2 blocks, quads of the other frame (smoothed 3 x 3)
    float32 [3, h, w], hand and local flow float32 [th, tw, 2], strictness ->
    trust uint8 [2, h, w]: weight 0..255, and 1 where the local motion is the better one."""

    mean = hl.InputBuffer(hl.Float(32), 3)
    tolerance = hl.InputBuffer(hl.Float(32), 3)
    other = hl.InputBuffer(hl.Float(32), 3)
    hand = hl.InputBuffer(hl.Float(32), 3)
    local = hl.InputBuffer(hl.Float(32), 3)
    has_local = hl.InputScalar(hl.Int(32))
    trust = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        g = self
        w, h = g.other.dim(0).extent(), g.other.dim(1).extent()
        u, v = hl.f32(2 * x + 1), hl.f32(2 * y + 1)

        def disagreement(grid):
            field = hl.BoundaryConditions.repeat_edge(grid)
            py = hl.f32(y) + 0.5 * tile_field(field, u, v, 0)
            px = hl.f32(x) + 0.5 * tile_field(field, u, v, 1)
            iy, ix = hl.i32(hl.floor(py)), hl.i32(hl.floor(px))
            fy, fx = py - hl.f32(iy), px - hl.f32(ix)

            def at(j, i, k):
                return g.other[hl.clamp(ix + i, 0, w - 1), hl.clamp(iy + j, 0, h - 1), k]

            total = hl.f32(0)
            for k in range(3):
                top = at(0, 0, k) * (1 - fx) + at(0, 1, k) * fx
                bottom = at(1, 0, k) * (1 - fx) + at(1, 1, k) * fx
                difference = top * (1 - fy) + bottom * fy - g.mean[x, y, k]
                total += difference * difference / g.tolerance[x, y, k]
            inside = (py > hl.f32(-0.5)) & (px > hl.f32(-0.5)) & (py < hl.f32(h) - hl.f32(0.5)) & (px < hl.f32(w) - hl.f32(0.5))
            return hl.select(inside, total * hl.f32(1 / 3), hl.f32(1e9))

        by_hand, by_local, is_local, raw = hl.Func("by_hand"), hl.Func("by_local"), hl.Func("is_local"), hl.Func("raw")
        by_hand[x, y] = disagreement(g.hand)
        by_local[x, y] = disagreement(g.local)
        # The hand's motion has the benefit of the doubt, or noise alone would tear still surfaces apart.
        hand_cost, local_cost = hl.Expr(by_hand[x, y]), hl.Expr(by_local[x, y])
        is_local[x, y] = (g.has_local != 0) & (hand_cost > hl.f32(1.5)) & (local_cost < hl.f32(0.7) * hand_cost)
        best = hl.select(is_local[x, y], local_cost, hand_cost)
        # 1 up to 2.4 times what noise explains, 0 from 4.6 times (the curve of Wronski et al. 2019, equation 7).
        raw[x, y] = hl.clamp(12 * hl.fast_exp(-best) - hl.f32(0.12), 0, 1)
        smallest = hl.Func("smallest")
        clamped_x, clamped_y = hl.clamp(x, 0, w - 1), hl.clamp(y, 0, h - 1)
        edge, row = hl.Func("edge"), hl.Func("row")
        edge[x, y] = raw[clamped_x, clamped_y]
        row[x, y] = hl.min(hl.min(edge[x - 1, y], edge[x, y]), edge[x + 1, y])
        smallest[x, y] = hl.min(hl.min(row[x, y - 1], row[x, y]), row[x, y + 1])
        g.trust[x, y, c] = hl.select(
            c == 0, hl.u8(smallest[x, y] * 255 + 0.5), hl.u8(hl.select(is_local[x, y], 1, 0))
        )

        g.trust.bound(c, 0, 2).reorder(c, x, y).unroll(c).split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y)
        g.trust.vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        # Every disagreement is computed once a band: it costs 24 gathers.
        raw.compute_at(g.trust, yi).store_at(g.trust, y).vectorize(x, LANES)
        is_local.compute_at(g.trust, yi).store_at(g.trust, y).vectorize(x, LANES)
        row.compute_at(g.trust, yi).store_at(g.trust, y).vectorize(x, LANES)


def gaussian_taps(position, inverse):
    """Weights of the three samples around a position 0..1 in its pixel (centre 0.5), exp(-inverse * distance^2)."""
    return [hl.fast_exp(-inverse * (hl.f32(k) + 0.5 - position) ** 2) for k in (-1, 0, 1)]


@hl.generator(name="merge_gather_mosaic")
class GatherMosaic:
    """Add one frame: mosaic float32 [H, W], trust uint8 [2, H / 2, W / 2], flows float32 [th, tw, 2], red row and column,
    inverse = 1 / (2 sigma^2), weight, clip (samples at or above are left out) and sums float32 [6, H, W]
    (value x weight of R, G, B, then weights) -> sums, may be the same array."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    trust = hl.InputBuffer(hl.UInt(8), 3)
    hand = hl.InputBuffer(hl.Float(32), 3)
    local = hl.InputBuffer(hl.Float(32), 3)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    inverse = hl.InputScalar(hl.Float(32))
    weight = hl.InputScalar(hl.Float(32))
    clip = hl.InputScalar(hl.Float(32))
    sums = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent()
        tw, th = g.trust.dim(0).extent(), g.trust.dim(1).extent()
        tx, ty = hl.clamp(x // 2, 0, tw - 1), hl.clamp(y // 2, 0, th - 1)
        is_local = g.trust[tx, ty, 1] != 0
        hand = hl.BoundaryConditions.repeat_edge(g.hand)
        local = hl.BoundaryConditions.repeat_edge(g.local)
        u, v = hl.f32(x) + hl.f32(0.5), hl.f32(y) + hl.f32(0.5)
        flow = hl.Func("flow")
        flow[x, y, c] = hl.select(is_local, tile_field(local, u, v, c), tile_field(hand, u, v, c))
        py, px = v + flow[x, y, 0], u + flow[x, y, 1]
        # Whole frame positions stay inside by one pixel; trust is 0 beyond the border.
        iy = hl.clamp(hl.i32(hl.floor(py)), 1, h - 2)
        ix = hl.clamp(hl.i32(hl.floor(px)), 1, w - 2)
        wy = gaussian_taps(hl.clamp(py - hl.f32(iy), -1, 2), g.inverse)
        wx = gaussian_taps(hl.clamp(px - hl.f32(ix), -1, 2), g.inverse)

        # Three columns and three rows fall into two parities each: 4 colour sites, summed before the colours are known.
        def site(rows, columns):
            value, weight = hl.f32(0), hl.f32(0)
            for j in rows:
                for i in columns:
                    sample = g.mosaic[ix + (i - 1), iy + (j - 1)]
                    k = hl.select(sample < g.clip, wy[j] * wx[i], 0)
                    value, weight = value + k * sample, weight + k
            return value, weight

        centre, sides = (1,), (0, 2)
        cc, cs, sc, ss = site(centre, centre), site(centre, sides), site(sides, centre), site(sides, sides)
        on_red_row = ((iy - g.red_row) & 1) == 0
        on_red_column = ((ix - g.red_column) & 1) == 0

        def pick(k):
            """Value (k = 0) or weight (k = 1) of red, green, blue."""
            red = hl.select(on_red_row, hl.select(on_red_column, cc[k], cs[k]), hl.select(on_red_column, sc[k], ss[k]))
            blue = hl.select(on_red_row, hl.select(on_red_column, ss[k], sc[k]), hl.select(on_red_column, cs[k], cc[k]))
            return red, cc[k] + cs[k] + sc[k] + ss[k] - red - blue, blue

        trust = hl.f32(g.trust[tx, ty, 0]) * hl.f32(1 / 255) * g.weight
        added = [trust * part for k in (0, 1) for part in pick(k)]
        g.out[x, y, c] = g.sums[x, y, c] + hl.select(
            c == 0, added[0], c == 1, added[1], c == 2, added[2], c == 3, added[3], c == 4, added[4], added[5]
        )

        g.out.bound(c, 0, 6).reorder(c, x, y).unroll(c).parallel(y, 16).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        flow.compute_at(g.out, x).vectorize(x, LANES).bound(c, 0, 2).unroll(c)


@hl.generator(name="merge_finish")
class Finish:
    """sums float32 [6, H, W], white balance of R, G, B, sharpen (0..1) and inverse of the gather kernel ->
    camera_rgb float32 [H, W, 3].

    Colour differences are smooth, luminance is not: chrominance comes from sums blurred by a Gaussian of 0.8 px, luminance
    from all samples of all colours with that chrominance taken out, then the blur of the gather kernel is undone to
    second order (I + (I - G))."""

    sums = hl.InputBuffer(hl.Float(32), 3)
    wb_red = hl.InputScalar(hl.Float(32))
    wb_blue = hl.InputScalar(hl.Float(32))
    sharpen = hl.InputScalar(hl.Float(32))
    side = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        sums = hl.BoundaryConditions.mirror_image(g.sums)
        kernel = [0.0222, 0.2282, 0.4992, 0.2282, 0.0222]  # Gaussian, sigma 0.8 px, over 5 samples
        rows, blurred = hl.Func("rows"), hl.Func("blurred")
        rows[x, y, c] = sum(hl.f32(k) * sums[x, y + i - 2, c] for i, k in enumerate(kernel))
        blurred[x, y, c] = sum(hl.f32(k) * rows[x + i - 2, y, c] for i, k in enumerate(kernel))

        tiny = hl.f32(1e-12)
        mean = [blurred[x, y, k] / hl.max(blurred[x, y, k + 3], tiny) for k in range(3)]
        chroma = hl.Func("chroma")
        chroma[x, y, c] = hl.select(c == 0, g.wb_red * mean[0] - mean[1], g.wb_blue * mean[2] - mean[1])
        luma = hl.Func("luma")
        value = g.wb_red * sums[x, y, 0] + sums[x, y, 1] + g.wb_blue * sums[x, y, 2]
        without = value - sums[x, y, 3] * chroma[x, y, 0] - sums[x, y, 5] * chroma[x, y, 1]
        luma[x, y] = without / hl.max(sums[x, y, 3] + sums[x, y, 4] + sums[x, y, 5], tiny)
        centre = 1 - 2 * g.side
        soft_row, soft = hl.Func("soft_row"), hl.Func("soft")
        soft_row[x, y] = centre * luma[x, y] + g.side * (luma[x, y - 1] + luma[x, y + 1])
        soft[x, y] = centre * soft_row[x, y] + g.side * (soft_row[x - 1, y] + soft_row[x + 1, y])
        sharp = hl.Func("sharp")
        sharp[x, y] = luma[x, y] + g.sharpen * (luma[x, y] - soft[x, y])
        g.out[c, x, y] = hl.select(
            c == 0,
            (sharp[x, y] + chroma[x, y, 0]) / g.wb_red,
            c == 1,
            sharp[x, y],
            (sharp[x, y] + chroma[x, y, 1]) / g.wb_blue,
        )

        # Bands of 32 rows; the blurred sums and the luminance slide down the band, two rows of slack above and below.
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y)
        g.out.vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        sharp.compute_at(g.out, yi).vectorize(x, LANES)
        soft_row.compute_at(g.out, yi).vectorize(x, LANES)
        luma.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES)
        chroma.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES).bound(c, 0, 2).reorder(c, x, y).unroll(c)
        rows.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES)


if __name__ == "__main__":
    hl.main()
