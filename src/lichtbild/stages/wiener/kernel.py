"""What a mosaic's own samples insist on against a picture merged from many frames, frequency by frequency."""

import math

import halide as hl
from halide_common import total

x, y, u, v, p, q, bx, by = (hl.Var(n) for n in ("x", "y", "u", "v", "p", "q", "bx", "by"))
xo, yo, xi, yi = (hl.Var(n) for n in ("xo", "yo", "xi", "yi"))
BLOCK, STEP, TILE = 16, 8, 32
GUARD = hl.TailStrategy.GuardWithIf


def mirrored(index, length):
    """Inside the picture, an even number of pixels away: a site stays one of its colour."""
    last = length - 1
    low, high = index + 2 * ((1 - index) // 2), index - 2 * ((index - last + 1) // 2)
    return hl.clamp(hl.select(index < 0, low, index > last, high, index), 0, last)


class Own:
    """What both take: reference and merged mosaic float32 [H, W], effective frames of 2 x 2 blocks float32 [H / 2,
    W / 2], alpha, beta and clip level of balanced values at the four sites of the mosaic in each 32 px tile float32
    [th, tw, 12], balance of the sites [4], evidence (how many times the noise a power has to be)."""

    reference = hl.InputBuffer(hl.Float(32), 2)
    merged = hl.InputBuffer(hl.Float(32), 2)
    frames = hl.InputBuffer(hl.Float(32), 2)
    noise = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    evidence = hl.InputScalar(hl.Float(32))

    def missed(self, highest=BLOCK):
        """What the merge misses at (x, y) of the `highest` lowest frequencies along each axis, balanced; the variance
        of one frame there; and how both are computed in tiles `at` a loop."""
        g = self
        width, height = g.merged.dim(0).extent(), g.merged.dim(1).extent()
        n_known = min(highest + 1, BLOCK)  # frequencies that are looked at
        window, cosine, turned, near = (hl.Func(n) for n in ("window", "cosine", "turned", "near"))
        window[u] = hl.sin(hl.f32(math.pi / BLOCK) * (hl.f32(u) + hl.f32(0.5)))
        scale = hl.select(p == 0, hl.f32(math.sqrt(1 / BLOCK)), hl.f32(math.sqrt(2 / BLOCK)))
        cosine[p, u] = scale * hl.cos(hl.f32(math.pi / BLOCK) * (hl.f32(u) + hl.f32(0.5)) * hl.f32(p))
        turned[u, p] = cosine[p, u]
        # Mean of a frequency and those beside it, mirrored at the ends.
        share = hl.select(hl.abs(p - q) == 1, hl.f32(1), hl.f32(0)) + hl.select(p == q, hl.f32(1), hl.f32(0))
        at_end = ((p == 0) & (q == 1)) | ((p == BLOCK - 1) & (q == BLOCK - 2))
        near[p, q] = (share + hl.select(at_end, hl.f32(1), hl.f32(0))) * hl.f32(1 / 3)

        # What the merge misses or the reference's noise: both of balanced values, and the variance of the latter.
        difference = hl.Func("difference")
        site = 2 * (y & 1) + (x & 1)
        column, row = mirrored(x, width), mirrored(y, height)
        tile = column // TILE, row // TILE
        alpha, beta, clip = (g.noise[site + 4 * k, tile[0], tile[1]] for k in range(3))
        balance = g.balance[site]
        own, here = g.reference[column, row] * balance, g.merged[column, row] * balance
        n = g.frames[hl.min(column // 2, g.frames.dim(0).extent() - 1), hl.min(row // 2, g.frames.dim(1).extent() - 1)]
        single = alpha * hl.max(here, 0) + beta + hl.f32(1e-10)
        variance = single * (1 - 1 / hl.max(n, hl.f32(1))) + hl.f32(1e-10)
        difference[x, y] = (hl.select(own < clip, own - here, hl.f32(0)), variance, single)

        def at(u_, v_):
            return difference[STEP * bx + u_ - STEP, STEP * by + v_ - STEP]

        block, spread, lanes, rows, coefficient, power, level, kept, back = (
            hl.Func(n)
            for n in ("block", "spread", "lanes", "rows", "coefficient", "power", "level", "kept", "back")
        )  # fmt: skip
        w = window[u] * window[v]
        block[u, v, bx, by] = w * at(u, v)[0]
        lanes[u, bx, by] = total(hl.pow(window[u] * window[k], 2) * at(u, k)[1] for k in range(BLOCK))
        spread[bx, by] = total(lanes[k, bx, by] for k in range(BLOCK)) * hl.f32(1 / BLOCK**2)
        rows[p, v, bx, by] = total(cosine[p, k] * block[k, v, bx, by] for k in range(BLOCK))
        coefficient[p, q, bx, by] = total(cosine[q, k] * rows[p, k, bx, by] for k in range(BLOCK))
        ends = hl.select(q == 0, 1, q - 1), hl.select(q == BLOCK - 1, BLOCK - 2, q + 1)
        beside = q, *(hl.clamp(k, 0, BLOCK - 1) for k in ends)
        squared = [hl.pow(coefficient[p, k, bx, by], 2) for k in beside]
        power[p, q, bx, by] = total(squared) * hl.f32(1 / 3)
        level[p, q, bx, by] = total(near[p, k] * power[k, q, bx, by] for k in range(n_known))
        asked = g.evidence * spread[bx, by]
        part = hl.max(1 - asked / hl.max(level[p, q, bx, by], hl.f32(1e-20)), 0)
        kept[p, q, bx, by] = part * coefficient[p, q, bx, by]
        # The way back.
        lines, again = hl.Func("lines"), hl.Func("again")
        lines[p, v, bx, by] = total(cosine[k, v] * kept[p, k, bx, by] for k in range(highest))
        again[u, v, bx, by] = total(turned[u, k] * lines[k, v, bx, by] for k in range(highest))
        back[u, v, bx, by] = w * again[u, v, bx, by]

        i, j = x // STEP, y // STEP
        missed = total(
            back[x % STEP + STEP * (1 - a), y % STEP + STEP * (1 - b), i + a, j + b] for a in (0, 1) for b in (0, 1)
        )
        for table in (window, cosine, turned, near):
            table.compute_root()
        for func in (difference, back):
            func.never_partition_all()

        def plan(out, at):
            """In a block a row of frequencies is a vector."""
            difference.compute_at(out, at).vectorize(x, BLOCK)
            back.compute_at(out, at).bound(u, 0, BLOCK).bound(v, 0, BLOCK).reorder(u, v, bx, by).vectorize(u)
            planes = (rows, v, BLOCK), (coefficient, q, n_known), (power, q, highest), (kept, q, highest)
            for func, inner, n in (*planes, (lines, v, BLOCK)):
                func.compute_at(back, bx).bound(p, 0, BLOCK).bound(inner, 0, n).reorder(p, inner, bx, by)
                func.vectorize(p)
            block.compute_at(back, bx).bound(u, 0, BLOCK).bound(v, 0, BLOCK).vectorize(u)
            lanes.compute_at(back, bx).bound(u, 0, BLOCK).vectorize(u)
            spread.compute_at(back, bx)

        return missed, difference[x, y][2], plan


@hl.generator(name="wiener_own")
class Kept(Own):
    """The mosaic float32 [H, W] corrected by what it misses."""

    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        missed, _, plan = self.missed()
        g.out[x, y] = g.merged[x, y] + missed / g.balance[2 * (y & 1) + (x & 1)]
        # Blocks of tiles of 256 x 64 px fit the second cache.
        for k in (0, 1):
            g.out.output_buffer().dim(k).set_min(0)
        g.out.tile(x, y, xo, yo, xi, yi, 256, 64, GUARD).vectorize(xi, STEP, GUARD).parallel(yo)
        g.out.never_partition_all()
        plan(g.out, xo)


@hl.generator(name="wiener_contradiction")
class Contradiction(Own):
    """Of each cell of 8 x 8 px the mean square of what the merge misses below half the highest frequency over the mean
    noise of one frame, float32 [H / 8, W / 8], whole cells only. Finer differences are aliasing, not something else."""

    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        missed, variance, plan = self.missed(BLOCK // 2)
        both, sums = hl.Func("both"), hl.Func("sums")
        both[x, y] = (missed * missed, variance)
        cell = hl.RDom([(0, STEP), (0, STEP)], "cell")
        sums[x, y] = (hl.f32(0), hl.f32(0))
        here = both[STEP * x + cell.x, STEP * y + cell.y]
        sums[x, y] = (sums[x, y][0] + here[0], sums[x, y][1] + here[1])
        g.out[x, y] = sums[x, y][0] / sums[x, y][1]
        for k in (0, 1):
            g.out.output_buffer().dim(k).set_min(0)
        g.out.tile(x, y, xo, yo, xi, yi, 32, 8, GUARD).parallel(yo)
        g.out.never_partition_all()
        both.compute_at(g.out, xo).vectorize(x, STEP)
        sums.compute_at(g.out, xi)
        plan(g.out, xo)


if __name__ == "__main__":
    hl.main()
