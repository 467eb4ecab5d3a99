"""The second look at a noisy picture: blocks of 16x16 px every 8, each cosine coefficient kept as far as the first
look's stands above the noise (Wiener's filter with a pilot). README.md of the room has the idea, reference.py the twin.

Columns are dealt out by their place in the lattice of blocks, x = 8 u + j, so that neighbouring blocks lie side by side
in memory and every step of the transform is plain arithmetic on whole vectors.
"""

import halide as hl
from halide_blocks import backward_16, forward_16
from halide_common import f32, from_root, to_root, total

x, y, c, k = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("k")
u, j, n, b = hl.Var("u"), hl.Var("j"), hl.Var("n"), hl.Var("b")
xo, yo, xi, yi, yb, yr = (hl.Var(name) for name in ("xo", "yo", "xi", "yi", "yb", "yr"))

LANES = 16
GUARD = hl.TailStrategy.GuardWithIf
INWARDS = hl.TailStrategy.ShiftInwards
TINY = 1e-20
SIDE, STEP = 16, 8
TILE_WIDTH, TILE_HEIGHT = 240, 64


@hl.generator(name="denoise_again")
class DenoiseAgain:
    """Noisy picture and pilot, camera RGB [H, W, 3], white balance [3], offset of the root, parts of the roots [3, 3]
    and back, noise in cells of 4x4 px [3, ceil(H/4), ceil(W/4)], spectrum [3, 16, 16] (variance of each coefficient
    over that of a cell), basis [17, 16] (cosine transform, then the window), first row that is wanted / 8
    -> camera RGB of the rows wanted [h, W, 3]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    pilot = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    into = hl.InputBuffer(hl.Float(32), 2)
    back = hl.InputBuffer(hl.Float(32), 2)
    cells = hl.InputBuffer(hl.Float(32), 3)
    spectrum = hl.InputBuffer(hl.Float(32), 3)
    basis = hl.InputBuffer(hl.Float(32), 2)
    first = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        basis, root = g.basis, hl.sqrt(g.offset)
        for picture in (g.rgb, g.pilot, g.out.output_buffer()):
            picture.dim(0).set_bounds(0, 3)
            picture.dim(1).set_stride(3)
        size = [g.rgb.dim(m).extent() for m in (1, 2)]
        edge = [(hl.Expr(0), (extent + 3) / 4) for extent in size]
        held = hl.BoundaryConditions.repeat_edge(g.cells, [*edge, (hl.Expr(), hl.Expr())])
        # Of 8x8 px, four cells each.
        cell = hl.Func("cell")
        cell[u, b, c] = f32(0.25) * total(held[2 * u + m % 2, 2 * b + m // 2, c] for m in range(4))
        chains = []
        for name, planes in (("z", g.rgb), ("p", g.pilot)):
            light = hl.BoundaryConditions.mirror_image(
                planes, [(hl.Expr(), hl.Expr()), *((hl.Expr(0), extent) for extent in size)]
            )
            roots, q, dealt_in, columns, block = (
                hl.Func(f"{what}_{name}") for what in ("roots", "q", "in", "columns", "block")
            )
            roots[x, y, c] = to_root(light[c, x, y] * g.balance[c], g.offset, root)
            q[x, y, c] = total(roots[x, y, m] * g.into[m, c] for m in range(3))
            dealt_in[u, j, y, c] = q[STEP * u + j, y, c]
            columns[u, j, k, b, c] = forward_16([dealt_in[u, j, STEP * b + m, c] for m in range(SIDE)], k, basis)
            row = [columns[u + m // STEP, m % STEP, k, b, c] for m in range(SIDE)]
            block[u, n, k, b, c] = forward_16(row, n, basis)
            chains.append((roots, q, dealt_in, columns, block))
        (_, _, dealt_in, _, block), (_, _, _, _, pilot) = chains

        noise, gain, kept, trust = hl.Func("noise"), hl.Func("gain"), hl.Func("kept"), hl.Func("trust")
        noise[u, b, c] = f32(0.25) * (cell[u, b, c] + cell[u + 1, b, c] + cell[u, b + 1, c] + cell[u + 1, b + 1, c])
        known = pilot[u, n, k, b, c]
        power = known * known
        is_mean = (n == 0) & (k == 0)
        gain[u, n, k, b, c] = hl.select(
            is_mean, f32(1), power * hl.fast_inverse(power + noise[u, b, c] * g.spectrum[n, k, c] + f32(TINY))
        )
        # The mean is the pilot's: coarser scales know it better.
        kept[u, n, k, b, c] = hl.select(is_mean, known, gain[u, n, k, b, c] * block[u, n, k, b, c])
        squares = hl.Func("squares")
        squares[u, k, b, c] = total(
            gain[u, m, k, b, c] * gain[u, m, k, b, c] * g.spectrum[m, k, c] for m in range(SIDE)
        )
        trust[u, b, c] = f32(1) / (total(squares[u, m, b, c] for m in range(SIDE)) + f32(TINY))

        lines, joined, rows, dealt = (hl.Func(name) for name in ("lines", "joined", "rows", "dealt"))
        place = hl.min(n, SIDE - 1)
        turned = backward_16([kept[u, m, k, b, c] for m in range(SIDE)], place, basis)
        # Place 16 of a block's lines carries how far it is trusted.
        lines[u, n, k, b, c] = trust[u, b, c] * hl.select(n == SIDE, f32(1), turned * basis[place, SIDE])
        joined[u, j, k, b, c] = lines[u, j, k, b, c] + lines[u - 1, j + STEP, k, b, c]
        turned = backward_16([joined[u, j, m, b, c] for m in range(SIDE)], place, basis) * basis[place, SIDE]
        along = lines[u, SIDE, 0, b, c] * basis[j, SIDE] + lines[u - 1, SIDE, 0, b, c] * basis[j + STEP, SIDE]
        rows[u, j, n, b, c] = hl.select(n == SIDE, along, turned)
        line, band = y % STEP, y // STEP
        pixels = rows[u, j, line, band, c] + rows[u, j, line + STEP, band - 1, c]
        weight = (
            rows[u, j, SIDE, band, c] * basis[line, SIDE] + rows[u, j, SIDE, band - 1, c] * basis[line + STEP, SIDE]
        )
        dealt[u, j, y, c] = pixels / weight

        # What was taken away as noise is given back as its mean, E[t^2] = E[t]^2 + var(t), but no more than noise is.
        lost, given = hl.Func("lost"), hl.Func("given")
        within = hl.RDom([(0, STEP), (0, STEP)])
        rest = dealt_in[u, within.x, STEP * b + within.y, c] - dealt[u, within.x, STEP * b + within.y, c]
        lost[u, b, c] = f32(0)
        lost[u, b, c] += rest * rest * f32(1 / STEP**2)
        shares = [hl.min(lost[u, b, m], 2 * cell[u, b, m]) * (g.back[m, c] * g.back[m, c]) for m in range(3)]
        given[u, b, c] = (total(shares) - g.offset) / g.balance[c]
        final = hl.Func("final")
        t = total(dealt[u, j, y, m] * g.back[m, c] for m in range(3))
        final[u, j, y, c] = from_root(t, f32(0), root) * (f32(1) / g.balance[c]) + given[u, y // STEP, c]
        row = y + STEP * g.first
        g.out[c, x, y] = final[x // STEP, x % STEP, row, c]

        schedule(g.out, chains, (dealt, rows, lines, joined, gain, kept, squares, trust, noise, cell, lost, within))
        given.compute_at(g.out, xo).reorder(c, u, b).bound(c, 0, 3).unroll(c).vectorize(u, LANES)
        final.reorder_storage(j, u, y, c).compute_at(g.out, yi).bound(j, 0, STEP).bound(c, 0, 3)
        final.reorder(j, c, u, y).unroll(j).unroll(c).vectorize(u, LANES)
        for func in (final, given):
            func.never_partition_all()


def schedule(out, chains, steps):
    """Tiles of rows in parallel; what a row of blocks needs lives in the second-level cache."""
    dealt, rows, lines, joined, gain, kept, squares, trust, noise, cell, lost, within = steps
    out.bound(c, 0, 3).split(x, xo, xi, TILE_WIDTH, GUARD).split(y, yo, yi, TILE_HEIGHT, GUARD)
    out.reorder(c, xi, yi, xo, yo).unroll(c).vectorize(xi, LANES, GUARD).parallel(yo)
    for roots, q, dealt_in, columns, block in chains:
        roots.compute_at(dealt_in, y).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
        q.compute_at(dealt_in, y).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
        dealt_in.compute_at(out, xo).bound(c, 0, 3).reorder(j, u, c, y).unroll(j).vectorize(u, LANES, INWARDS)
        dealt_in.unroll(c)
        columns.bound(k, 0, SIDE).bound(j, 0, STEP).compute_at(rows, b)
        columns.reorder(k, j, u, b, c).unroll(k).vectorize(u, LANES, INWARDS)
        block.bound(n, 0, SIDE).reorder(n, u, k, b, c).unroll(n).vectorize(u, LANES)
        # Only the reading of pixels knows of borders.
        for func in (q, dealt_in, columns, block):
            func.never_partition_all()
    dealt.compute_at(out, xo).align_bounds(y, STEP).split(y, yb, yr, STEP).reorder(yr, j, u, yb, c)
    dealt.bound(j, 0, STEP).unroll(yr).vectorize(u, LANES, INWARDS)
    rows.bound(n, 0, SIDE + 1).bound(j, 0, STEP).compute_at(dealt, c).reorder(n, j, u, b, c).unroll(n)
    rows.vectorize(u, LANES, INWARDS)
    lines.bound(n, 0, SIDE + 1).bound(k, 0, SIDE).compute_at(rows, b).split(u, xo, xi, LANES, INWARDS)
    lines.reorder(n, xi, k, xo, b, c).unroll(n).vectorize(xi)
    joined.bound(k, 0, SIDE).compute_at(rows, u).vectorize(u, LANES, INWARDS)
    # What a vector of blocks needs lives in the first-level cache.
    block, pilot = chains[0][4], chains[1][4]
    block.compute_at(kept, k)
    pilot.bound(k, 0, SIDE).compute_at(lines, xo)
    for func in (gain, kept):
        func.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(lines, xo).reorder(n, u, k, b, c).unroll(n)
        func.vectorize(u, LANES)
    squares.bound(k, 0, SIDE).compute_at(lines, xo).vectorize(u, LANES)
    trust.compute_at(lines, xo).vectorize(u, LANES)
    noise.compute_at(rows, b).vectorize(u, LANES)
    cell.compute_at(out, xo).reorder(c, u, b).bound(c, 0, 3).vectorize(u, LANES)
    lost.compute_at(out, xo).vectorize(u, LANES)
    lost.update(0).reorder(within.x, within.y, u, b, c).vectorize(u, LANES)
    for func in (out, dealt, rows, lines, joined, gain, kept, squares, trust, noise, cell, lost):
        func.never_partition_all()


if __name__ == "__main__":
    hl.main()
