"""Luminance pyramid, normal equations of every tile, and block matching: the three measurements motion is made of."""

import math

import halide as hl

x, y, c, d = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("d")
xi, yi = hl.Var("xi"), hl.Var("yi")

TILE_PX = 16
MATCH_TILE_PX = 8
BORDER_PX = 20
BINOMIAL = (1.0 / 8, 3.0 / 8, 3.0 / 8, 1.0 / 8)


@hl.generator(name="align_luma_half")
class LumaHalf:
    """mosaic float32 [H, W], gains float32 [2, 2] of its sites -> luminance float32 [H / 2, W / 2].

    The filter [1 3 3 1] has a zero at the carrier of the colour filter array, so colour does not turn into luminance.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        padded = hl.BoundaryConditions.mirror_interior(g.mosaic)
        rows = hl.Func("rows")
        rows[x, y] = sum(
            hl.f32(w) * padded[2 * x + i - 1, y] * g.gains[(i + 1) % 2, y % 2] for i, w in enumerate(BINOMIAL)
        )
        g.out[x, y] = sum(hl.f32(w) * rows[x, 2 * y + i - 1] for i, w in enumerate(BINOMIAL))

        # The horizontal pass is kept for the four rows in use; bands of rows run in parallel.
        g.out.split(y, y, yi, 16, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        rows.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)


@hl.generator(name="align_smooth")
class Smooth:
    """image float32 [h, w] -> float32 [h, w], Gaussian of 1.2 px over nine samples.

    What the half-size luminance still aliases would pull the motion towards whole pixels: 0.03 px without this, 0.01
    with."""

    image = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        kernel = [math.exp(-0.5 * (i / 1.2) ** 2) for i in range(-4, 5)]
        kernel = [hl.f32(k / sum(kernel)) for k in kernel]
        padded = hl.BoundaryConditions.mirror_interior(g.image)
        columns = hl.Func("columns")
        columns[x, y] = sum(k * padded[x, y + i - 4] for i, k in enumerate(kernel))
        g.out[x, y] = sum(k * columns[x + i - 4, y] for i, k in enumerate(kernel))

        g.out.split(y, y, yi, 16, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        columns.compute_at(g.out, yi).vectorize(x, 16)


@hl.generator(name="align_halve")
class Halve:
    """image float32 [h, w] -> float32 [h / 2, w / 2], binomial; coordinates halve exactly."""

    image = hl.InputBuffer(hl.Float(32), 2)
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        padded = hl.BoundaryConditions.mirror_interior(g.image)
        rows = hl.Func("rows")
        rows[x, y] = sum(hl.f32(w) * padded[2 * x + i - 1, y] for i, w in enumerate(BINOMIAL))
        g.out[x, y] = sum(hl.f32(w) * rows[x, 2 * y + i - 1] for i, w in enumerate(BINOMIAL))

        g.out.split(y, y, yi, 16, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        rows.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)


def cubic(distance):
    """Catmull-Rom kernel (Keys 1981, a = -1/2) at a distance, 0 beyond 2."""
    d = hl.min(hl.abs(distance), 2)
    near = (hl.f32(1.5) * d - hl.f32(2.5)) * d * d + 1
    far = ((hl.f32(-0.5) * d + hl.f32(2.5)) * d - 4) * d + 2
    return hl.select(d < 1, near, far)


@hl.generator(name="align_tile_normal")
class TileNormal:
    """reference float32 [h, w], current float32 [h, w + 40] (its edges repeated to both sides), motion of every tile
    float32 [th, tw, 6] (dy, dx at its centre, then their derivatives d dy / d y, d dy / d x, d dx / d y, d dx / d x),
    its noise float32 [th, tw, 2] (alpha, beta) -> float32 [th, tw, 7]: sums over each 16 px tile of gy gy, gy gx,
    gx gx, gy e, gx e, e e, with e = reference - warped current, each divided by the variance of e, and the number of
    pixels that have a partner."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    current = hl.InputBuffer(hl.Float(32), 2)
    motion = hl.InputBuffer(hl.Float(32), 3)
    noise = hl.InputBuffer(hl.Float(32), 3)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.current.dim(0).extent() - 2 * BORDER_PX, g.current.dim(1).extent()
        lane, r = hl.Var("lane"), hl.Var("r")
        ref = hl.BoundaryConditions.repeat_edge(g.reference)
        px, py = x * TILE_PX + lane, y * TILE_PX + r
        off_y, off_x = hl.f32(r) - hl.f32(7.5), hl.f32(lane) - hl.f32(7.5)
        dy = g.motion[0, x, y] + g.motion[2, x, y] * off_y + g.motion[3, x, y] * off_x
        dx = g.motion[1, x, y] + g.motion[4, x, y] * off_y + g.motion[5, x, y] * off_x

        # Whole pixels are the tile's, the fraction is each pixel's: a fraction outside 0..1 is what the two taps more
        # on each side are for, and every load is contiguous.
        top = y * TILE_PX + hl.i32(hl.floor(g.motion[0, x, y]))
        left = hl.clamp(x * TILE_PX + hl.i32(hl.floor(g.motion[1, x, y])), 3 - BORDER_PX, w + BORDER_PX - TILE_PX - 3)
        fy = hl.f32(py) + dy - hl.f32(top + r)
        fx = hl.f32(px) + dx - hl.f32(left + lane)
        across = hl.Func("across")
        j = hl.Var("j")
        row = hl.clamp(top + r + j - 2, 0, h - 1)
        across[lane, j, r, x, y] = sum(
            cubic(fx - hl.f32(i)) * g.current[BORDER_PX + left + lane + i, row] for i in range(-2, 4)
        )
        warped = sum(cubic(fy - hl.f32(j - 2)) * across[lane, j, r, x, y] for j in range(6))

        moved_y, moved_x = hl.f32(py) + dy, hl.f32(px) + dx
        has_partner = (
            (moved_y >= 0) & (moved_y <= hl.f32(h - 1)) & (moved_x >= 0) & (moved_x <= hl.f32(w - 1))
            & (hl.abs(fx - hl.f32(0.5)) < hl.f32(1.5)) & (hl.abs(fy - hl.f32(0.5)) < hl.f32(1.5)) & (px < w) & (py < h)
        )  # fmt: skip
        level = ref[px, py]
        q = hl.select(has_partner, 1 / (2 * (g.noise[0, x, y] * hl.max(level, 0) + g.noise[1, x, y])), 0)
        e = level - warped
        gy = hl.f32(0.5) * (ref[px, py + 1] - ref[px, py - 1])
        gx = hl.f32(0.5) * (ref[px + 1, py] - ref[px - 1, py])
        terms = hl.Func("terms")
        terms[lane, r, x, y] = (
            q * gy * gy, q * gy * gx, q * gx * gx, q * gy * e, q * gx * e, q * e * e, hl.select(q > 0, hl.f32(1),
            hl.f32(0))
        )  # fmt: skip

        rows = hl.RDom([(0, TILE_PX)])
        lanes = hl.Func("lanes")
        lanes[lane, x, y] = tuple(hl.f32(0) for _ in range(7))
        lanes[lane, x, y] = tuple(lanes[lane, x, y][k] + terms[lane, rows.x, x, y][k] for k in range(7))
        columns = hl.RDom([(0, TILE_PX)])
        total = hl.Func("total")
        total[x, y] = tuple(hl.f32(0) for _ in range(7))
        total[x, y] = tuple(total[x, y][k] + lanes[columns.x, x, y][k] for k in range(7))
        t = total[x, y]
        g.out[c, x, y] = hl.select(
            c == 0, t[0], c == 1, t[1], c == 2, t[2], c == 3, t[3], c == 4, t[4], c == 5, t[5], t[6]
        )

        # A tile is 16 rows of one vector; its seven sums stay in registers, tile rows run in parallel.
        g.out.bound(c, 0, 7).reorder(c, x, y).unroll(c).parallel(y)
        total.compute_at(g.out, x).update().unroll(columns.x)
        lanes.compute_at(g.out, x).bound(lane, 0, TILE_PX).vectorize(lane)
        lanes.update().reorder(lane, rows.x, x, y).vectorize(lane)
        terms.compute_at(lanes, rows.x).vectorize(lane)
        across.compute_at(lanes, rows.x).vectorize(lane).unroll(j)


@hl.generator(name="align_match")
class Match:
    """reference, current float32 [h, w], start int32 [th, tw, 2] (dy, dx), radius -> mean absolute difference of each
    8 px tile for every displacement start + (-radius..radius)^2, float32 [th, tw, (2 radius + 1)^2]."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    current = hl.InputBuffer(hl.Float(32), 2)
    start = hl.InputBuffer(hl.Int(32), 3)
    radius = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.current.dim(0).extent(), g.current.dim(1).extent()
        side = 2 * g.radius + 1
        ry = hl.RDom([(0, MATCH_TILE_PX)])
        lane = hl.Func("lane")
        # The tile's corner is clamped, not each pixel: loads stay contiguous.
        top = hl.clamp(y * MATCH_TILE_PX + g.start[0, x, y] + d // side - g.radius, 0, h - MATCH_TILE_PX)
        left = hl.clamp(x * MATCH_TILE_PX + g.start[1, x, y] + d % side - g.radius, 0, w - MATCH_TILE_PX)
        lane[c, d, x, y] = hl.f32(0)
        lane[c, d, x, y] += hl.abs(
            g.reference[x * MATCH_TILE_PX + c, y * MATCH_TILE_PX + ry.x] - g.current[left + c, top + ry.x]
        )
        rx = hl.RDom([(0, MATCH_TILE_PX)])
        g.out[d, x, y] = hl.f32(0)
        g.out[d, x, y] += lane[rx.x, d, x, y] / (MATCH_TILE_PX * MATCH_TILE_PX)

        # A displacement is eight vector rows; the tile of the reference stays in registers and L1.
        g.out.parallel(y)
        g.out.update().reorder(rx.x, d, x, y).unroll(rx.x).parallel(y)
        lane.compute_at(g.out, d).bound(c, 0, MATCH_TILE_PX).vectorize(c)
        lane.update().reorder(c, ry.x, d, x, y).vectorize(c).unroll(ry.x)


if __name__ == "__main__":
    hl.main()
