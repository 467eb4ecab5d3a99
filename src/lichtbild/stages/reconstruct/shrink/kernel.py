"""What all samples ask for, freed of noise: cosine transforms of 16 x 16 fine pixels, each coefficient kept as far as
the former picture's stands above the noise. README.md of the room has the idea, reference.py the NumPy twins.

Columns are dealt out by their place in the lattice of blocks, x = 8 u + j, so that neighbouring blocks lie side by side
in memory and every step of the transform is plain arithmetic on whole vectors.
"""

import halide as hl
from halide_blocks import backward_16, forward_16
from halide_common import f32, from_root, gain_at, pick, to_root, total

x, y, c, k = hl.Var("x"), hl.Var("y"), hl.Var("c"), hl.Var("k")
u, j, n, b = hl.Var("u"), hl.Var("j"), hl.Var("n"), hl.Var("b")
xo, yo, xi, yi, yb, yr = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "yb", "yr"))

LANES = 16
GUARD = hl.TailStrategy.GuardWithIf
INWARDS = hl.TailStrategy.ShiftInwards
TINY = 1e-20


SIDE, STEP = 16, 8  # of blocks of the cosine transform, and from one to the next; fine px
TILE_WIDTH, TILE_HEIGHT = 240, 64
# Squared multiple of the noise from which on what was not known before is believed; noise counts as this part of the
# spectrum's greatest at least, for blocks leak.
CERTAIN, LEAK = 25.0, 0.06


def parts_of(t):
    """Luminance, red-blue and green-magenta parts (orthonormal) of three roots."""
    return [(t[0] + t[1] + t[2]) * f32(3**-0.5), (t[0] - t[2]) * f32(2**-0.5),
            (t[0] - 2 * t[1] + t[2]) * f32(6**-0.5)]  # fmt: skip


def from_parts(q):
    """The three roots of the parts."""
    luminance, red_blue, magenta = q[0] * f32(3**-0.5), q[1] * f32(2**-0.5), q[2] * f32(6**-0.5)
    return luminance + red_blue + magenta, luminance - 2 * magenta, luminance - red_blue + magenta


@hl.generator(name="reconstruct_noise")
class Noise:
    """camera_rgb float32 [h, W, 3], white balance, alpha, beta [3], offset, gain grid [gh, gw, 3], frames that every
    pixel comes from [h, W], frames below which no more is asked for -> variance of the parts' noise in cells of 4x4 px
    [ceil(h / 4), 3, ceil(W / 4)]."""

    rgb = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    alpha = hl.InputBuffer(hl.Float(32), 1)
    beta = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    gain = hl.InputBuffer(hl.Float(32), 3)
    n_frames = hl.InputBuffer(hl.Float(32), 2)
    least = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        w, h = g.rgb.dim(1).extent(), g.rgb.dim(2).extent()
        places = [(hl.clamp(4 * x + m % 4, 0, w - 1), hl.clamp(4 * y + m // 4, 0, h - 1)) for m in range(16)]
        light, frames, cell = hl.Func("light"), hl.Func("frames"), hl.Func("cell")
        light[x, y, c] = hl.max(f32(1 / 16) * total(g.rgb[c, px, py] for px, py in places), f32(0))
        frames[x, y] = f32(1 / 16) * total(g.n_frames[px, py] for px, py in places)
        share = frames[x, y] / (hl.max(frames[x, y], g.least) * hl.max(frames[x, y], g.least))
        v = []
        for m in range(3):
            s, spatial = light[x, y, m], gain_at(g.gain, 4 * x + 2, 4 * y + 2, m, g.gain.dim(1).extent(),
                                                 g.gain.dim(2).extent())  # fmt: skip
            of_light = spatial * (g.alpha[m] * s + g.beta[m] * spatial) * share
            v.append(g.balance[m] * g.balance[m] * of_light / (4 * (g.balance[m] * s + g.offset)))
        cell[x, y] = hl.Tuple([(v[0] + v[1] + v[2]) / 3, (v[0] + v[2]) / 2, (v[0] + 4 * v[1] + v[2]) / 6])
        g.out[x, c, y] = pick([cell[x, y][m] for m in range(3)], c)
        g.out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, LANES, GUARD).parallel(y, 8, GUARD)
        cell.compute_at(g.out, x).vectorize(x, LANES)


@hl.generator(name="reconstruct_shrink")
class Shrink:
    """moved picture and pilot float32 [n, 3, m], white balance [3], offset of the root, variance of the parts' noise in
    cells of 8x8 [n / 8, 3, m / 8], spectrum [16, 16] (variance of each coefficient for unit variance), boost [16, 16],
    basis [17, 16] (cosine transform, then the window), mean of the spectrum, rows above -> fine picture [rows, 3, m]:
    each cosine coefficient of the moved one's parts, `boost` times as far from the pilot's, kept as far as that stands
    above the noise, or as it is itself beyond doubt."""

    moved = hl.InputBuffer(hl.Float(32), 3)
    pilot = hl.InputBuffer(hl.Float(32), 3)
    balance = hl.InputBuffer(hl.Float(32), 1)
    offset = hl.InputScalar(hl.Float(32))
    cells = hl.InputBuffer(hl.Float(32), 3)
    spectrum = hl.InputBuffer(hl.Float(32), 2)
    boost = hl.InputBuffer(hl.Float(32), 2)
    basis = hl.InputBuffer(hl.Float(32), 2)
    level = hl.InputScalar(hl.Float(32))
    above = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        basis, root = g.basis, hl.sqrt(g.offset)
        cells = hl.BoundaryConditions.repeat_edge(g.cells)
        chains = []
        for name, planes in (("z", g.moved), ("p", g.pilot)):
            light = hl.BoundaryConditions.mirror_image(planes)  # rows of planes
            q, dealt_in, columns, block = (hl.Func(f"{what}_{name}") for what in ("q", "in", "columns", "block"))
            q[x, y, c] = pick(parts_of([to_root(light[x, m, y], g.offset, root) for m in range(3)]), c)
            dealt_in[u, j, y, c] = q[STEP * u + j, y, c]
            columns[u, j, k, b, c] = forward_16([dealt_in[u, j, STEP * b + m, c] for m in range(SIDE)], k, basis)
            row = [columns[u + m // STEP, m % STEP, k, b, c] for m in range(SIDE)]
            block[u, n, k, b, c] = forward_16(row, n, basis)
            chains.append((q, dealt_in, columns, block))
        (_, dealt_in, _, block), (_, _, _, pilot) = chains

        noise, gain, trust = hl.Func("noise"), hl.Func("gain"), hl.Func("trust")
        noise[u, b, c] = f32(0.25) * (cells[u, c, b] + cells[u + 1, c, b] + cells[u, c, b + 1] + cells[u + 1, c, b + 1])
        known, asked = pilot[u, n, k, b, c], hl.Func("asked")
        apart = g.boost[n, k] * (block[u, n, k, b, c] - known)
        # A block's mean stays the pilot's, as far as it is not beyond doubt that it moves: nothing in the block tells
        # its noise, but the denoiser's coarser scales did.
        sure = apart * apart - f32(CERTAIN) * noise[u, b, c] * g.spectrum[n, k]
        certain = hl.max(sure, f32(0)) / (apart * apart + f32(TINY))
        asked[u, n, k, b, c] = known + hl.select((n == 0) & (k == 0), certain, f32(1)) * apart
        new = asked[u, n, k, b, c]
        unit = noise[u, b, c] * g.spectrum[n, k]
        doubt = hl.max(unit, f32(LEAK) * noise[u, b, c])
        power = hl.max(known * known, new * new - f32(CERTAIN) * doubt)
        kept = power * hl.fast_inverse(power + unit + f32(TINY))
        gain[u, n, k, b, c] = hl.select((n == 0) & (k == 0), f32(1), kept)
        r = hl.RDom([(0, SIDE), (0, SIDE)])
        squares = hl.Func("squares")
        squares[u, b, c] = f32(0)
        squares[u, b, c] += gain[u, r.x, r.y, b, c] * gain[u, r.x, r.y, b, c] * g.spectrum[r.x, r.y]
        trust[u, b, c] = f32(1) / (squares[u, b, c] * noise[u, b, c] + f32(TINY))

        lines, joined, rows, dealt = (hl.Func(name) for name in ("lines", "joined", "rows", "dealt"))
        back = backward_16([gain[u, m, k, b, c] * asked[u, m, k, b, c] for m in range(SIDE)], n, basis)
        lines[u, n, k, b, c] = trust[u, b, c] * back * basis[n, SIDE]
        joined[u, j, k, b, c] = lines[u, j, k, b, c] + lines[u - 1, j + STEP, k, b, c]
        # Line 16 of a block carries how far it is trusted.
        place = hl.min(n, SIDE - 1)
        back = backward_16([joined[u, j, m, b, c] for m in range(SIDE)], place, basis) * basis[place, SIDE]
        along = trust[u, b, c] * basis[j, SIDE] + trust[u - 1, b, c] * basis[j + STEP, SIDE]
        rows[u, j, n, b, c] = hl.select(n == SIDE, along, back)
        line, band = y % STEP, y // STEP
        pixels = rows[u, j, line, band, c] + rows[u, j, line + STEP, band - 1, c]
        weight = (
            rows[u, j, SIDE, band, c] * basis[line, SIDE] + rows[u, j, SIDE, band - 1, c] * basis[line + STEP, SIDE]
        )
        dealt[u, j, y, c] = pixels / weight

        # What was taken away as noise is given back as its mean, E[t^2] = E[t]^2 + var(t), but no more than noise is.
        lost, final = hl.Func("lost"), hl.Func("final")
        within = hl.RDom([(0, STEP), (0, STEP)])
        rest = dealt_in[u, within.x, STEP * b + within.y, c] - dealt[u, within.x, STEP * b + within.y, c]
        lost[u, b, c] = f32(0)
        lost[u, b, c] += rest * rest * f32(1 / STEP**2)
        given = [hl.min(lost[u, y // STEP, m], g.level * cells[u, m, y // STEP]) for m in range(3)]
        of_sum, of_ends = cells[u, 0, y // STEP] * 3, cells[u, 1, y // STEP] * 2
        share = total(given) / (of_sum + f32(TINY))
        ends = share * of_ends / (g.balance[0] + g.balance[2])
        added = ends * g.balance[0], share * hl.max(of_sum - of_ends, f32(0)), ends * g.balance[2]
        roots = from_parts([dealt[u, j, y, m] for m in range(3)])
        final[u, j, y] = hl.Tuple([from_root(roots[m], g.offset, root) + added[m] for m in range(3)])
        at = final[x // STEP, x % STEP, y + g.above]
        g.out[x, c, y] = pick([at[m] for m in range(3)], c)

        g.out.bound(c, 0, 3).split(x, xo, xi, TILE_WIDTH, GUARD).split(y, yo, yi, TILE_HEIGHT, GUARD)
        g.out.reorder(c, xi, yi, xo, yo).unroll(c).vectorize(xi, LANES, GUARD).parallel(yo).parallel(xo)
        for q, dealt_in, columns, block_ in chains:
            q.compute_at(dealt_in, y).reorder(c, x, y).bound(c, 0, 3).unroll(c).vectorize(x, LANES)
            dealt_in.compute_at(g.out, xo).bound(c, 0, 3).reorder(j, u, c, y).unroll(j).vectorize(
                u, LANES, INWARDS
            ).unroll(c)
            columns.bound(k, 0, SIDE).bound(j, 0, STEP).compute_at(rows, b)
            columns.reorder(k, j, u, b, c).unroll(k).vectorize(u, LANES, INWARDS)
            block_.bound(n, 0, SIDE).reorder(n, u, k, b, c).unroll(n).vectorize(u, LANES)
            # Only the reading of pixels knows of borders.
            for func in (dealt_in, columns, block_):
                func.never_partition_all()
        dealt.compute_at(g.out, xo).align_bounds(y, STEP).split(y, yb, yr, STEP).reorder(yr, j, u, yb, c)
        dealt.bound(j, 0, STEP).unroll(yr).vectorize(u, LANES, INWARDS)
        rows.bound(n, 0, SIDE + 1).bound(j, 0, STEP).compute_at(dealt, c).reorder(n, j, u, b, c).unroll(n)
        rows.vectorize(u, LANES, INWARDS)
        lines.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(rows, b).split(u, xo, xi, LANES, INWARDS)
        lines.reorder(n, xi, k, xo, b, c).unroll(n).vectorize(xi)
        joined.bound(k, 0, SIDE).compute_at(rows, u).vectorize(u, LANES, INWARDS)
        asked.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(rows, b).reorder(n, u, k, b, c).unroll(n)
        asked.vectorize(u, LANES, INWARDS).never_partition_all()
        block.compute_at(asked, u)
        pilot.bound(k, 0, SIDE).compute_at(rows, b)
        gain.bound(n, 0, SIDE).bound(k, 0, SIDE).compute_at(rows, b).reorder(n, u, k, b, c).unroll(n)
        gain.vectorize(u, LANES, INWARDS)
        squares.compute_at(rows, b).vectorize(u, LANES)
        squares.update(0).reorder(r.x, r.y, u, b, c).vectorize(u, LANES)
        trust.compute_at(rows, b).vectorize(u, LANES)
        noise.compute_at(rows, b).vectorize(u, LANES)
        lost.compute_at(g.out, xo).vectorize(u, LANES)
        lost.update(0).reorder(within.x, within.y, u, b, c).vectorize(u, LANES)
        final.reorder_storage(j, u, y).compute_at(g.out, yi).bound(j, 0, STEP).reorder(j, u, y).unroll(j)
        final.vectorize(u, LANES)
        for func in (g.out, dealt, rows, lines, joined, gain, squares, trust, noise, lost, final):
            func.never_partition_all()


if __name__ == "__main__":
    hl.main()
