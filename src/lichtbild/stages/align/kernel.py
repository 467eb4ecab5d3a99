"""Luminance pyramid, normal equations of every tile, and block matching: the three measurements motion is made of."""

import math

import halide as hl

x, y, c, d = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("d")
xi, yi = hl.Var("xi"), hl.Var("yi")

TILE_PX = 16
MATCH_TILE_PX = 8
PATCH_PX = 20
BORDER_PX = 20
SMOOTH_SIGMA_PX = 0.7
SMOOTH_REACH = 3
BINOMIAL = (1.0 / 8, 3.0 / 8, 3.0 / 8, 1.0 / 8)


@hl.generator(name="align_luma")
class Luma:
    """mosaic float32 [H, W], gains float32 [2, 2] of its sites -> luminance float32 [H / 2, W / 2 + 40], 20 columns of
    border to each side.

    The filter [1 3 3 1] has a zero at the carrier of the colour filter array, so colour does not turn into luminance.
    What the half size still aliases would pull the motion towards whole pixels: it is taken out by a Gaussian.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        padded = hl.BoundaryConditions.mirror_interior(g.mosaic)
        rows, half, columns = hl.Func("rows"), hl.Func("half"), hl.Func("columns")
        rows[x, y] = sum(
            hl.f32(w) * padded[2 * x + i - 1, y] * g.gains[(i + 1) % 2, y % 2] for i, w in enumerate(BINOMIAL)
        )
        half[x, y] = sum(hl.f32(w) * rows[x, 2 * y + i - 1] for i, w in enumerate(BINOMIAL))
        kernel = [math.exp(-0.5 * (i / SMOOTH_SIGMA_PX) ** 2) for i in range(-SMOOTH_REACH, SMOOTH_REACH + 1)]
        kernel = [hl.f32(k / sum(kernel)) for k in kernel]
        columns[x, y] = sum(k * half[x, y + i - SMOOTH_REACH] for i, k in enumerate(kernel))
        g.out[x, y] = sum(k * columns[x - BORDER_PX + i - SMOOTH_REACH, y] for i, k in enumerate(kernel))

        # Every pass slides down bands of rows that run in parallel.
        g.out.split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        columns.compute_at(g.out, yi).vectorize(x, 16)
        half.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)
        rows.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)


@hl.generator(name="align_halve")
class Halve:
    """image float32 [h, w + 40] -> float32 [h / 2, w / 2 + 40], binomial; coordinates halve exactly. Its own border is
    made of the image's edges."""

    image = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        w, h = g.image.dim(0).extent() - 2 * BORDER_PX, g.image.dim(1).extent()
        padded = hl.BoundaryConditions.mirror_interior(g.image, [(BORDER_PX, w), (0, h)])
        rows = hl.Func("rows")
        rows[x, y] = sum(hl.f32(k) * padded[2 * (x - BORDER_PX) + BORDER_PX + i - 1, y] for i, k in enumerate(BINOMIAL))
        g.out[x, y] = sum(hl.f32(k) * rows[x, 2 * y + i - 1] for i, k in enumerate(BINOMIAL))

        g.out.split(y, y, yi, 16, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        rows.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)


def spline_weights(t):
    """Weights of the samples at -1, 0, 1, 2 of a cubic B-spline at t. A little outside 0..1 the polynomials go on:
    the error grows with the cube of the way and with the fourth difference of the samples, which have none left."""
    u = 1 - t
    first, last = u * u * u * hl.f32(1 / 6), t * t * t * hl.f32(1 / 6)
    second = (hl.f32(0.5) * t - 1) * t * t + hl.f32(2 / 3)
    return first, second, 1 - first - second - last, last


def inside(place, fraction, size):
    """Whether a place lies in a picture, and near enough to the whole pixels its tile is read at."""
    return (place >= 0) & (place <= hl.f32(size - 1)) & (hl.abs(fraction - hl.f32(0.5)) < hl.f32(1.5))


def normal_sums(g, lane, r, n, reference, current, fraction, is_counted, doubt):
    """The seven sums of tiles n of 16 rows r of one vector `lane`, scheduled: see TileNormal.

    `reference(column, row)` and `current(column, row)` are samples beside a pixel's own; the reference's rows count
    from the one above the tile. `fraction` (y, x) is each pixel's.
    """
    # Value and slope along the row of the reference's spline, for the 18 rows in use.
    left_of, here, right_of = (reference(i, r) for i in (-1, 0, 1))
    own = hl.Func("own")
    own[lane, r, n] = ((left_of + 4 * here + right_of) * hl.f32(1 / 6), (right_of - left_of) * hl.f32(0.5))
    value = (own[lane, r, n][0] + 4 * own[lane, r + 1, n][0] + own[lane, r + 2, n][0]) * hl.f32(1 / 6)
    gx = (own[lane, r, n][1] + 4 * own[lane, r + 1, n][1] + own[lane, r + 2, n][1]) * hl.f32(1 / 6)
    gy = (own[lane, r + 2, n][0] - own[lane, r, n][0]) * hl.f32(0.5)
    down, across = (spline_weights(part) for part in fraction)
    warped = sum(down[j] * sum(across[i] * current(i - 1, j - 1) for i in range(4)) for j in range(4))
    q = hl.select(is_counted, 1 / (2 * (g.noise[0, n] * hl.max(value, 0) + g.noise[1, n])), 0)
    measured = hl.Func("measured")
    # Geman and McClure: what disagrees by much shows something else, and pulls no more.
    belief = 1 / (1 + (value - warped) * (value - warped) * q * doubt)
    measured[lane, r, n] = (gy, gx, value - warped, q * belief * belief, q * belief)
    gy, gx, e, q, cost = (measured[lane, r, n][k] for k in range(5))
    terms = hl.Func("terms")
    terms[lane, r, n] = (
        q * gy * gy, q * gy * gx, q * gx * gx, q * gy * e, q * gx * e, cost * e * e, hl.select(q > 0, hl.f32(1),
        hl.f32(0))
    )  # fmt: skip

    rows = hl.RDom([(0, TILE_PX)])
    lanes = hl.Func("lanes")
    lanes[lane, n] = tuple(hl.f32(0) for _ in range(7))
    lanes[lane, n] = tuple(lanes[lane, n][k] + terms[lane, rows.x, n][k] for k in range(7))
    columns = hl.RDom([(0, TILE_PX)])
    total = hl.Func("total")
    total[n] = tuple(hl.f32(0) for _ in range(7))
    total[n] = tuple(total[n][k] + lanes[columns.x, n][k] for k in range(7))
    t = total[n]
    g.out[c, n] = hl.select(c == 0, t[0], c == 1, t[1], c == 2, t[2], c == 3, t[3], c == 4, t[4], c == 5, t[5], t[6])

    # A tile is 16 rows of one vector; its seven sums stay in registers, chunks of the list run in parallel.
    g.out.bound(c, 0, 7).unroll(c).parallel(n, 64, hl.TailStrategy.GuardWithIf)
    total.compute_at(g.out, n).update().unroll(columns.x)
    lanes.compute_at(g.out, n).bound(lane, 0, TILE_PX).vectorize(lane)
    lanes.update().reorder(lane, rows.x, n).vectorize(lane)
    measured.compute_at(lanes, rows.x).vectorize(lane)
    own.compute_at(g.out, n).bound_extent(lane, TILE_PX).vectorize(lane)


def bent(g, lane, r, n):
    """Displacement (dy, dx) of the pixels of tiles whose motion is linear."""
    off_y, off_x = hl.f32(r) - hl.f32(7.5), hl.f32(lane) - hl.f32(7.5)
    dy = g.motion[0, n] + g.motion[2, n] * off_y + g.motion[3, n] * off_x
    return dy, g.motion[1, n] + g.motion[4, n] * off_y + g.motion[5, n] * off_x


@hl.generator(name="align_tile_normal")
class TileNormal:
    """reference, current float32 [h, w + 40] (see Luma): coefficients of cubic B-splines; tiles int32 [n, 2] (row,
    column), for each its motion float32 [n, 6] (dy, dx at its centre, then their derivatives d dy / d y, d dy / d x,
    d dx / d y, d dx / d x), noise float32 [n, 2] (alpha, beta) and doubt float32 [n] -> float32 [n, 7]: sums over each
    16 px tile of gy gy, gy gx, gx gx, gy e, gx e, e e, with e = reference - warped current, each divided by the
    variance of e, and the number of pixels that have a partner. With doubt d, a pixel whose squared error is r in units
    of its variance counts 1 / (1 + d r)^2 as much, and its error r / (1 + d r)."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    current = hl.InputBuffer(hl.Float(32), 2)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    motion = hl.InputBuffer(hl.Float(32), 2)
    noise = hl.InputBuffer(hl.Float(32), 2)
    doubt = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        w, h = g.current.dim(0).extent() - 2 * BORDER_PX, g.current.dim(1).extent()
        lane, r, n = hl.Var("lane"), hl.Var("r"), hl.Var("n")
        # Tiles of the list lie in the picture; clamped, so that a wrong one reads nothing outside.
        row = hl.clamp(g.tiles[0, n], 0, (h - 1) / TILE_PX) * TILE_PX
        column = hl.clamp(g.tiles[1, n], 0, (w - 1) / TILE_PX) * TILE_PX
        dy, dx = bent(g, lane, r, n)
        # Whole pixels are the tile's, the fraction is each pixel's: every load is contiguous.
        top = row + hl.i32(hl.floor(g.motion[0, n]))
        left = hl.clamp(column + hl.i32(hl.floor(g.motion[1, n])), 3 - BORDER_PX, w + BORDER_PX - TILE_PX - 3)
        moved_y, moved_x = hl.f32(row + r) + dy, hl.f32(column + lane) + dx
        fy, fx = moved_y - hl.f32(top + r), moved_x - hl.f32(left + lane)
        has_partner = inside(moved_y, fy, h) & inside(moved_x, fx, w) & (column + lane < w) & (row + r < h)
        normal_sums(
            g, lane, r, n,
            lambda i, j: g.reference[BORDER_PX + column + lane + i, hl.clamp(row + j - 1, 0, h - 1)],
            lambda i, j: g.current[BORDER_PX + left + lane + i, hl.clamp(top + r + j, 0, h - 1)],
            (fy, fx), has_partner, g.doubt[n],
        )  # fmt: skip


@hl.generator(name="align_patches")
class Patches:
    """mosaic float32 [H, W], gains float32 [2, 2] of its sites, corners int32 [n, 2] (row, column) -> luminance at full
    size of the 20 x 20 px from each corner on, float32 [n, 20, 20]; the mosaic goes on beyond its borders as in a
    mirror. [1 2 1] has a zero at the carrier of the colour filter array, and keeps a third of the finest texture that
    half the size has lost."""

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 2)
    corners = hl.InputBuffer(hl.Int(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        n = hl.Var("n")

        def mirrored(i, size):
            i = hl.max(i, -i)
            return hl.clamp(hl.min(i, 2 * size - 2 - i), 0, size - 1)

        row = mirrored(g.corners[0, n] + y - 1, g.mosaic.dim(1).extent())
        column = mirrored(g.corners[1, n] + x - 1, g.mosaic.dim(0).extent())
        light, across = hl.Func("light"), hl.Func("across")
        gain = hl.select(column % 2 == 0, g.gains[0, row % 2], g.gains[1, row % 2])
        light[x, y, n] = g.mosaic[column, row] * gain
        across[x, y, n] = (light[x, y, n] + 2 * light[x + 1, y, n] + light[x + 2, y, n]) * hl.f32(0.25)
        g.out[x, y, n] = (across[x, y, n] + 2 * across[x, y + 1, n] + across[x, y + 2, n]) * hl.f32(0.25)

        # A patch at a time: its 22 x 22 samples are gathered once.
        g.out.bound(x, 0, PATCH_PX).bound(y, 0, PATCH_PX).vectorize(x, 16).parallel(n, 32, hl.TailStrategy.GuardWithIf)
        across.compute_at(g.out, n).vectorize(x, 16)
        light.compute_at(g.out, n).vectorize(x, 16)


@hl.generator(name="align_patch_normal")
class PatchNormal:
    """What TileNormal gives, of patches of both pictures, float32 [n, 20, 20], whose corners int32 [n, 2] (row, column)
    lie two px before the tile and before its whole displacement; size int32 [2] of the picture."""

    reference = hl.InputBuffer(hl.Float(32), 3)
    current = hl.InputBuffer(hl.Float(32), 3)
    corners = hl.InputBuffer(hl.Int(32), 2)
    moved_corners = hl.InputBuffer(hl.Int(32), 2)
    motion = hl.InputBuffer(hl.Float(32), 2)
    noise = hl.InputBuffer(hl.Float(32), 2)
    size = hl.InputBuffer(hl.Int(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        lane, r, n = hl.Var("lane"), hl.Var("r"), hl.Var("n")
        h, w = g.size[0], g.size[1]
        row, column = g.corners[0, n] + 2 + r, g.corners[1, n] + 2 + lane
        dy, dx = bent(g, lane, r, n)
        moved_y, moved_x = hl.f32(row) + dy, hl.f32(column) + dx
        fy = moved_y - hl.f32(g.moved_corners[0, n] + 2 + r)
        fx = moved_x - hl.f32(g.moved_corners[1, n] + 2 + lane)
        has_partner = inside(moved_y, fy, h) & inside(moved_x, fx, w) & (column < w) & (row < h)
        normal_sums(
            g, lane, r, n,
            lambda i, j: g.reference[2 + lane + i, 1 + j, n],
            lambda i, j: g.current[2 + lane + i, 2 + r + j, n],
            (fy, fx), has_partner, hl.f32(0),
        )  # fmt: skip


@hl.generator(name="align_match")
class Match:
    """reference, current float32 [h, w + 40], tiles int32 [n, 2] (row, column), start int32 [n, 2] (dy, dx), radius ->
    mean absolute difference of each 8 px tile for every displacement start + (-radius..radius)^2, float32
    [n, (2 radius + 1)^2]."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    current = hl.InputBuffer(hl.Float(32), 2)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    start = hl.InputBuffer(hl.Int(32), 2)
    radius = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        w, h = g.current.dim(0).extent() - 2 * BORDER_PX, g.current.dim(1).extent()
        side, n = 2 * g.radius + 1, hl.Var("n")
        ry = hl.RDom([(0, MATCH_TILE_PX)])
        lane = hl.Func("lane")
        row = hl.clamp(g.tiles[0, n], 0, h / MATCH_TILE_PX - 1) * MATCH_TILE_PX
        column = hl.clamp(g.tiles[1, n], 0, w / MATCH_TILE_PX - 1) * MATCH_TILE_PX
        # The tile's corner is clamped, not each pixel: loads stay contiguous.
        top = hl.clamp(row + g.start[0, n] + d // side - g.radius, 0, h - MATCH_TILE_PX)
        left = hl.clamp(column + g.start[1, n] + d % side - g.radius, 0, w - MATCH_TILE_PX)
        lane[c, d, n] = hl.f32(0)
        lane[c, d, n] += hl.abs(
            g.reference[BORDER_PX + column + c, row + ry.x] - g.current[BORDER_PX + left + c, top + ry.x]
        )
        rx = hl.RDom([(0, MATCH_TILE_PX)])
        g.out[d, n] = hl.f32(0)
        g.out[d, n] += lane[rx.x, d, n] / (MATCH_TILE_PX * MATCH_TILE_PX)

        # A displacement is eight vector rows; the tile of the reference stays in registers and L1.
        g.out.parallel(n, 16, hl.TailStrategy.GuardWithIf)
        g.out.update().reorder(rx.x, d, n).unroll(rx.x).parallel(n, 16, hl.TailStrategy.GuardWithIf)
        lane.compute_at(g.out, d).bound(c, 0, MATCH_TILE_PX).vectorize(c)
        lane.update().reorder(c, ry.x, d, n).vectorize(c).unroll(ry.x)


if __name__ == "__main__":
    hl.main()
