"""Luminance pyramid, normal equations of every tile, and block matching: the three measurements motion is made of."""

import halide as hl

x, y, c, d = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("d")
xi, yi = hl.Var("xi"), hl.Var("yi")

TILE_PX = 16
MATCH_TILE_PX = 8
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


def cubic_weights(t):
    """Catmull-Rom weights of the samples at -1, 0, 1, 2 for a position t in 0..1 after sample 0."""
    t2, t3 = t * t, t * t * t
    return (
        -0.5 * t + t2 - 0.5 * t3,
        1 - 2.5 * t2 + 1.5 * t3,
        0.5 * t + 2 * t2 - 1.5 * t3,
        -0.5 * t2 + 0.5 * t3,
    )


@hl.generator(name="align_tile_normal")
class TileNormal:
    """reference, current float32 [h, w], flow float32 [th, tw, 2] (dy, dx at tile centres, px), noise alpha and beta,
    is_smooth (1: flow bilinear between tile centres, 0: constant in a tile) -> float32 [th, tw, 6]:
    sums over each 16 px tile of gy gy, gy gx, gx gx, gy e, gx e, e e, with e = reference - warped current,
    each divided by the variance of e."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    current = hl.InputBuffer(hl.Float(32), 2)
    flow = hl.InputBuffer(hl.Float(32), 3)
    alpha = hl.InputScalar(hl.Float(32))
    beta = hl.InputScalar(hl.Float(32))
    is_smooth = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        tw, th = g.flow.dim(1).extent(), g.flow.dim(2).extent()
        w, h = g.current.dim(0).extent(), g.current.dim(1).extent()
        ref = hl.BoundaryConditions.repeat_edge(g.reference)

        u = (hl.f32(x) + 0.5) / TILE_PX - 0.5
        v = (hl.f32(y) + 0.5) / TILE_PX - 0.5
        i0, j0 = hl.i32(hl.floor(u)), hl.i32(hl.floor(v))
        fu, fv = u - hl.f32(i0), v - hl.f32(j0)
        tile_flow = hl.BoundaryConditions.repeat_edge(g.flow)
        motion = hl.Func("motion")
        top = tile_flow[c, i0, j0] * (1 - fu) + tile_flow[c, i0 + 1, j0] * fu
        bottom = tile_flow[c, i0, j0 + 1] * (1 - fu) + tile_flow[c, i0 + 1, j0 + 1] * fu
        motion[x, y, c] = hl.select(
            g.is_smooth != 0, top * (1 - fv) + bottom * fv, tile_flow[c, x // TILE_PX, y // TILE_PX]
        )

        py = hl.clamp(hl.f32(y) + motion[x, y, 0], 0, hl.f32(h - 1))
        px = hl.clamp(hl.f32(x) + motion[x, y, 1], 0, hl.f32(w - 1))
        iy, ix = hl.i32(hl.floor(py)), hl.i32(hl.floor(px))
        wy, wx = cubic_weights(py - hl.f32(iy)), cubic_weights(px - hl.f32(ix))

        def tap(j, i):
            return g.current[hl.clamp(ix + (i - 1), 0, w - 1), hl.clamp(iy + (j - 1), 0, h - 1)]

        warped = hl.Func("warped")
        warped[x, y] = sum(wy[j] * sum(wx[i] * tap(j, i) for i in range(4)) for j in range(4))

        error, weight = hl.Func("error"), hl.Func("weight")
        # A pixel whose partner lies outside the other frame says nothing.
        inside = (py == hl.f32(y) + motion[x, y, 0]) & (px == hl.f32(x) + motion[x, y, 1])
        weight[x, y] = hl.select(inside, 1 / (2 * (g.alpha * hl.max(ref[x, y], 0) + g.beta)), 0)
        error[x, y] = ref[x, y] - warped[x, y]
        gy = 0.5 * (ref[x, y + 1] - ref[x, y - 1])
        gx = 0.5 * (ref[x + 1, y] - ref[x - 1, y])
        e, q = error[x, y], weight[x, y]
        terms = hl.Func("terms")
        terms[x, y, c] = hl.select(
            c == 0, gy * gy, c == 1, gy * gx, c == 2, gx * gx, c == 3, gy * e, c == 4, gx * e, e * e
        ) * q

        column = hl.Func("column")
        ry, rx = hl.RDom([(0, TILE_PX)]), hl.RDom([(0, TILE_PX)])
        column[x, y, c] = hl.f32(0)
        column[x, y, c] += terms[x, y * TILE_PX + ry.x, c]
        g.out[c, x, y] = hl.f32(0)
        g.out[c, x, y] += column[x * TILE_PX + rx.x, y, c]

        # One tile row at a time: warp and gradients once, 16 lanes along the row, sums in registers.
        g.out.bound(c, 0, 6).parallel(y)
        g.out.update().reorder(c, rx.x, x, y).unroll(c).parallel(y)
        column.compute_at(g.out, y).bound(c, 0, 6).reorder_storage(c, x, y)
        column.reorder_storage(x, c, y).vectorize(x, 16).unroll(c)
        column.update().reorder(c, x, ry.x, y).vectorize(x, 16).unroll(c)
        error.compute_at(column, ry.x).vectorize(x, 16)
        weight.compute_at(column, ry.x).vectorize(x, 16)
        motion.compute_at(column, ry.x).vectorize(x, 16).bound(c, 0, 2).unroll(c)


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
