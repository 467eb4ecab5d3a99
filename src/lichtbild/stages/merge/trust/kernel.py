"""How far each frame can be trusted: means of blocks, their texture, agreement of two frames, and trust."""

import halide as hl
from halide_common import held, off_centre, padded_load, spline_pixels, tile_cells, total

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
yo, yi = hl.Var("yo"), hl.Var("yi")

LANES = 16  # blocks of a tile, and of a vector
MARGIN = 64  # floats before and after the means of a frame
BEYOND = 1 << 15  # blocks; no motion reaches so far
GUARD = hl.TailStrategy.GuardWithIf


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


def quads_of_rgb(rgb):
    """Func (x, y, c): mean of each 2 x 2 block of an RGB image."""
    quads = hl.Func("quads")
    block = rgb[c, 2 * x, 2 * y] + rgb[c, 2 * x + 1, 2 * y] + rgb[c, 2 * x, 2 * y + 1] + rgb[c, 2 * x + 1, 2 * y + 1]
    quads[x, y, c] = hl.f32(0.25) * block
    return quads


def box_rows(quads, w, h):
    """Sums over three neighbours along the row, borders repeated."""
    cx, cy = lambda i: hl.clamp(i, 0, w - 1), hl.clamp(y, 0, h - 1)
    rows = hl.Func("rows")
    rows[x, y, c] = quads[cx(x - 1), cy, c] + quads[cx(x), cy, c] + quads[cx(x + 1), cy, c]
    return rows


def box_mean(rows):
    return (rows[x, y - 1, c] + rows[x, y, c] + rows[x, y + 1, c]) * hl.f32(1 / 9)


def slide(out, funcs):
    """Bands of 32 rows in parallel; what the vertical sums need slides down the band."""
    out.reorder(c, x, y).bound(c, 0, 3).unroll(c)
    out.split(y, y, yi, 32, GUARD).parallel(y).vectorize(x, LANES, GUARD)
    for func in funcs:
        func.compute_at(out, yi).store_at(out, y).bound_storage(c, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES)


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
    """first guess float32 [H + 4, 3, at least W + 4] (coefficients of splines, two pixels of border) -> variance of its
    pixels over 6 x 6 around each 2 x 2 block, float32 [3, H / 2, W / 2]: at full size, because what the blocks alias is
    what their own variance hides."""

    first = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.out.output_buffer().dim(0).extent(), g.out.output_buffer().dim(1).extent()
        guess = spline_pixels(g.first, 2)
        block = [guess[2 * x + i, c, 2 * y + j] for j in (0, 1) for i in (0, 1)]
        sums, squares = hl.Func("sums"), hl.Func("squares")
        sums[x, y, c] = hl.f32(0.25) * sum(block)
        squares[x, y, c] = hl.f32(0.25) * sum(v * v for v in block)
        rows, square_rows = box_rows(sums, w, h), box_rows(squares, w, h)
        mean = box_mean(rows)
        g.out[x, y, c] = hl.max(box_mean(square_rows) - mean * mean, 0)
        slide(g.out, [rows, square_rows, sums, squares])


@hl.generator(name="merge_lost")
class Lost:
    """mosaic float32 [H, W], row and column of red, first guess (as Texture), noise of samples float32 [6] (alpha, then
    beta of R, G, B), spatial gain float32 [th, tw] of tiles of 32 px -> variance of what the guess lost of the mosaic,
    above its noise, in the mean of 3 x 3 blocks of 2 x 2, float32 [H / 2, W / 2]."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    red_row = hl.InputScalar(hl.Int(32))
    red_column = hl.InputScalar(hl.Int(32))
    first = hl.InputBuffer(hl.Float(32), 3)
    noise = hl.InputBuffer(hl.Float(32), 1)
    gain = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        w, h = g.mosaic.dim(0).extent() / 2, g.mosaic.dim(1).extent() / 2
        guess = spline_pixels(g.first, 2)
        gain = g.gain[x // LANES, y // LANES]
        excess = hl.Func("excess")
        found = []
        for j in (0, 1):
            for i in (0, 1):
                on_row, on_column = g.red_row == j, g.red_column == i
                colour = hl.select(on_row & on_column, 0, on_row | on_column, 1, 2)
                colour = hl.unsafe_promise_clamped(colour, hl.i32(0), hl.i32(2))
                expected = guess[2 * x + i, colour, 2 * y + j]
                more = g.mosaic[2 * x + i, 2 * y + j] - expected
                noise = (g.noise[colour] * hl.max(expected, 0) + g.noise[colour + 3] * gain) * gain
                found.append(more * more - noise)
        excess[x, y] = hl.f32(0.25) * total(found)
        near = [hl.clamp(x + k, 0, w - 1) for k in (-1, 0, 1)]
        rows = hl.Func("excess_rows")
        rows[x, y] = total(excess[k, hl.clamp(y, 0, h - 1)] for k in near)
        g.out[x, y] = hl.max((rows[x, y - 1] + rows[x, y] + rows[x, y + 1]) * hl.f32(1 / 9), 0)
        g.out.split(y, y, yi, 32, GUARD).parallel(y).vectorize(x, LANES, GUARD)
        for func in (rows, excess):
            func.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, LANES)


def moved(cells, component):
    """Displacement at block (x, y), and at the centre of its tile for this row; in blocks."""
    left, right = (cells[component, 2 * (x // LANES) + k, y // 8] for k in (0, 1))
    u, v = off_centre(x, LANES), off_centre(y, LANES)
    centre = left[0] + v * left[2]
    slope = hl.select(x % LANES < 8, left[1] + v * left[3], right[1] + v * right[3])
    return hl.f32(0.5) * (centre + u * slope), hl.f32(0.5) * centre


@hl.generator(name="merge_agreement")
class Agreement:
    """Mean of 2 x 2 blocks of the reference and variance of its texture, each float32 [3, h, w]; mean of the other
    frame float32 [64 + 3 h w + 64]; noise of the difference of two such means float32 [th, tw, 6] (alpha, then beta of
    R, G, B), hand and local flow float32 [th, tw, 2], part of the texture that is tolerated float32 [th, tw, 1],
    tiles in which the two flows differ somewhere, uint8 [th, tw] -> uint8 [2, h, w]: trust (255 = full), and whether
    the local motion is the better."""

    mean = hl.InputBuffer(hl.Float(32), 3)
    texture = hl.InputBuffer(hl.Float(32), 3)
    other = hl.InputBuffer(hl.Float(32), 1)
    noise = hl.InputBuffer(hl.Float(32), 3)
    hand = hl.InputBuffer(hl.Float(32), 3)
    local = hl.InputBuffer(hl.Float(32), 3)
    tolerated = hl.InputBuffer(hl.Float(32), 3)
    apart = hl.InputBuffer(hl.UInt(8), 2)
    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        g = self
        w, h = g.mean.dim(0).extent(), g.mean.dim(1).extent()
        part, expected = hl.Func("part"), hl.Func("expected")
        cells = [tile_cells(grid, name) for grid, name in ((g.hand, "hand"), (g.local, "own"), (g.tolerated, "bear"))]
        part[x, y] = 2 * moved(cells[2], 0)[0]
        noise = g.noise[c, x // LANES, y // LANES] * hl.max(g.mean[x, y, c], 0) + g.noise[c + 3, x // LANES, y // LANES]
        expected[x, y, c] = 1 / (noise + part[x, y] * g.texture[x, y, c] + hl.f32(1e-9))

        def disagreement(value_of, dy, dx):
            total = hl.f32(0)
            for k in range(3):
                difference = value_of(k) - g.mean[x, y, k]
                total += difference * difference * expected[x, y, k]
            py, px, low = hl.f32(y) + dy, hl.f32(x) + dx, hl.f32(-0.5)
            inside = (py > low) & (px > low) & (py < hl.f32(h) + low) & (px < hl.f32(w) + low)
            return hl.select(inside, total * hl.f32(1 / 3), hl.f32(1e9))

        hand, own = hl.Func("by_hand"), hl.Func("by_own")
        hand[x, y] = disagreement(*self.samples(cells[0], w, h))
        # Of the local motion nothing is computed in tiles that have none.
        once = hl.RDom([(0, 1)], "once")
        tile = (held(v // LANES, g.apart.dim(k).extent() - 1) for k, v in enumerate((x, y)))
        once.where(g.apart[tuple(tile)] != 0)
        own[x, y] = hl.f32(1e9)
        own[x, y] = disagreement(*self.samples(cells[1], w, h)) + hl.f32(once.x)
        # The hand's motion has the benefit of the doubt, or noise alone would tear still surfaces apart.
        is_own = (hand[x, y] > hl.f32(1.5)) & (own[x, y] < hl.f32(0.7) * hand[x, y])
        cost = hl.select(is_own, hl.f32(own[x, y]), hl.f32(hand[x, y]))
        # 1 up to 2.4 times what noise explains, 0 from 4.6 times (the curve of Wronski et al. 2019, equation 7).
        trust = hl.clamp(12 * hl.fast_exp(-cost) - hl.f32(0.12), 0, 1)
        g.out[x, y, c] = hl.u8(hl.select(c == 0, trust * 255 + hl.f32(0.5), hl.select(is_own, hl.f32(255), hl.f32(0))))

        for k in range(3):
            g.out.output_buffer().dim(k).set_min(0)
        g.out.bound(c, 0, 2).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD)
        g.out.split(y, yo, yi, LANES, GUARD).parallel(yo)
        for func in (part, hand, own):
            func.compute_at(g.out, x).vectorize(x, LANES)
        own.update(0).vectorize(x, LANES, GUARD)
        expected.compute_at(g.out, x).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
        for func in cells:
            func.compute_at(g.out, yo)

    def samples(self, cells, w, h):
        """Bilinear samples of a motion that changes by less than half a block within a tile: all lanes read side by
        side, from the three columns and rows around the tile's own whole displacement."""
        g = self
        (dy, middle_y), (dx, middle_x) = (moved(cells, k) for k in (0, 1))
        # Rounded by casts: of a rounding function Halide does not see that all lanes have one value.
        cy, cx = (hl.i32(v + hl.f32(BEYOND + 0.5)) - BEYOND for v in (middle_y, middle_x))
        oy = hl.clamp(hl.f32(y) + dy, 0, hl.f32(h - 1)) - hl.f32(y + cy)
        ox = hl.clamp(hl.f32(x) + dx, 0, hl.f32(w - 1)) - hl.f32(x + cx)
        hats = [[hl.max(-o, 0), hl.max(1 - hl.abs(o), 0), hl.max(o, 0)] for o in (oy, ox)]
        first = MARGIN + (x // LANES) * LANES + cx

        def value_of(k):
            total = hl.f32(0)
            for j in range(3):
                start = first + (k * h + hl.clamp(y + cy + (j - 1), 0, h - 1)) * w
                row = [padded_load(g.other, start + i - 1, x % LANES, g.other.dim(0).extent()) for i in range(3)]
                total += hats[0][j] * sum(weight * value for weight, value in zip(hats[1], row, strict=True))
            return total

        # What changes faster is no motion that this can follow.
        is_smooth = (hl.abs(oy) <= 1) & (hl.abs(ox) <= 1)
        return value_of, hl.select(is_smooth, dy, hl.f32(-1e9)), dx


@hl.generator(name="merge_trust")
class Trust:
    """agreement uint8 [2, h, w] -> trust uint8 [2, at least h, at least w] in the hand's motion and in the tile's own:
    the least of 3 x 3 neighbours, so that the rim of a moving thing goes with it. Last rows and columns repeat."""

    agreement = hl.InputBuffer(hl.UInt(8), 3)
    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        g = self
        near = hl.BoundaryConditions.repeat_edge(g.agreement)
        row, least = hl.Func("row"), hl.Func("least")
        row[x, y] = hl.min(hl.min(near[x, y - 1, 0], near[x, y, 0]), near[x, y + 1, 0])
        least[x, y] = hl.min(hl.min(row[x - 1, y], row[x, y]), row[x + 1, y])
        own = near[x, y, 1]
        g.out[x, y, c] = least[x, y] & hl.select(c == 0, ~own, own)

        g.out.bound(c, 0, 2).reorder(c, x, y).unroll(c)
        g.out.split(y, yo, yi, 32, GUARD).parallel(yo).vectorize(x, 4 * LANES, GUARD)
        row.compute_at(g.out, yi).vectorize(x, 4 * LANES)
        least.compute_at(g.out, x).vectorize(x, 4 * LANES)


@hl.generator(name="merge_counted")
class Counted:
    """frames so far float32 [h, w], trust uint8 [2, h, w] in the hand's motion and in the tile's own (one of the two is
    0 everywhere), what full trust counts -> frames with this one, may be the same array."""

    frames = hl.InputBuffer(hl.Float(32), 2)
    trust = hl.InputBuffer(hl.UInt(8), 3)
    weight = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        part = hl.f32(g.trust[x, y, 0] | g.trust[x, y, 1])
        g.out[x, y] = g.frames[x, y] + part * (hl.f32(1 / 255) * g.weight)
        g.out.split(y, yo, yi, 64, GUARD).parallel(yo).vectorize(x, 4 * LANES, GUARD)


if __name__ == "__main__":
    hl.main()
