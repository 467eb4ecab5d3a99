"""Many rays through one surface: into its frame, onto it, through it."""

import halide as hl
from halide_common import pick

i, c, io, ii = hl.Var("i"), hl.Var("c"), hl.Var("io"), hl.Var("ii")

LANES = 8
BLOCK = 512
TERMS = 10
NEWTON_STEPS = 8
# Of the last error of the intersection, mm.
CONVERGED_MM = 1e-12
MISSED, REFLECTED, VIGNETTED = 1, 2, 3


def f64(value):
    return hl.f64(float(value))


@hl.generator(name="optics_refract")
class Refract:
    """rays float64 [8, N] (x, y, z, direction cosines, optical path, why it was lost) in the frame of the surface
    before
    -> the same behind the surface, in its own frame.

    surface float64 [37]: rotation (9, rows), origin (3), curvature, conic, index before, index behind, free radius, ten
    even coefficients (r^2 ...), ten odd (r^3 ...). A ray that misses (1) or is totally reflected (2) is NaN from there
    on; one beyond the free radius (3) goes on. The first reason stays.
    """

    rays = hl.InputBuffer(hl.Float(64), 2)
    surface = hl.InputBuffer(hl.Float(64), 1)
    out = hl.OutputBuffer(hl.Float(64), 2)

    def generate(self):
        g = self
        s = [g.surface[k] for k in range(37)]
        curvature, conic, before, behind, free = s[12:17]
        even, odd = s[17:27], s[27:37]

        # The last block is rounded up to whole vectors, which read the last ray again.
        last = g.rays.dim(0).extent() - 1
        ray = lambda k: g.rays[hl.clamp(i, 0, last), k]  # noqa: E731
        local = hl.Func("local")
        moved, heading = [ray(k) - s[9 + k] for k in range(3)], [ray(3 + k) for k in range(3)]
        turn = lambda v: [s[3 * r] * v[0] + s[3 * r + 1] * v[1] + s[3 * r + 2] * v[2] for r in range(3)]  # noqa: E731
        local[i] = hl.Tuple((*turn(moved), *turn(heading)))
        x, y, z, dx, dy, dz = (local[i][k] for k in range(6))

        def profile(u):
            """Sag and its slope over r, both at r^2 = u, and what stands under the conic's root."""
            under = 1 - (1 + conic) * curvature * curvature * u
            root = hl.sqrt(hl.max(under, f64(1e-12)))
            r = hl.sqrt(u)
            sum_even, slope_even, sum_odd, slope_odd = (f64(0) for _ in range(4))
            for m in range(TERMS - 1, -1, -1):
                sum_even, slope_even = sum_even * u + even[m], slope_even * u + even[m] * (2 * m + 2)
                sum_odd, slope_odd = sum_odd * u + odd[m], slope_odd * u + odd[m] * (2 * m + 3)
            sag = u * (curvature / (1 + root) + sum_even + r * sum_odd)
            return sag, curvature / root + slope_even + r * slope_odd, under

        # Onto the conic in closed form; a ray that misses it may still meet the asphere: it starts from the vertex
        # plane.
        start = hl.Func("start")
        to_plane = -z / dz
        x0, y0 = x + to_plane * dx, y + to_plane * dy
        b = dz - curvature * (x0 * dx + y0 * dy)
        q = curvature * (x0 * x0 + y0 * y0)
        inside = b * b - curvature * (1 + conic * dz * dz) * q
        step = q / (b + hl.select(dz < 0, f64(-1), f64(1)) * hl.sqrt(hl.max(inside, f64(0))))
        start[i] = to_plane + hl.select(inside > 0, step, f64(0))

        steps = [start]
        for number in range(NEWTON_STEPS):
            t = steps[-1][i]
            px, py, pz = x + t * dx, y + t * dy, z + t * dz
            sag, slope, _ = profile(px * px + py * py)
            following = hl.Func(f"newton_{number}")
            following[i] = t - (pz - sag) / (dz - slope * (px * dx + py * dy))
            steps.append(following)

        met = hl.Func("met")
        t = steps[-1][i]
        px, py, pz = x + t * dx, y + t * dy, z + t * dz
        sag, slope, under = profile(px * px + py * py)
        met[i] = hl.Tuple((t, px, py, sag, slope, under, hl.abs(pz - sag)))
        t, px, py, sag, slope, under, error = (met[i][k] for k in range(7))

        norm = 1 / hl.sqrt(1 + slope * slope * (px * px + py * py))
        nx, ny, nz = -slope * px * norm, -slope * py * norm, norm
        ratio = before / behind
        cos_in = dx * nx + dy * ny + dz * nz
        cos_out_squared = 1 - ratio * ratio * (1 - cos_in * cos_in)
        cos_out = hl.select(cos_in < 0, f64(-1), f64(1)) * hl.sqrt(hl.max(cos_out_squared, f64(0)))
        along = cos_out - ratio * cos_in

        # NaN fails every comparison: a ray that was lost before is not found again.
        is_met = (error < f64(CONVERGED_MM)) & (under > 0)
        passes = cos_out_squared >= 0
        is_beyond = px * px + py * py > free * free
        reason = hl.select(
            ~is_met, f64(MISSED), hl.select(~passes, f64(REFLECTED), hl.select(is_beyond, f64(VIGNETTED), f64(0)))
        )
        earlier = ray(7)
        keep = lambda v: hl.select(is_met & passes, v, f64(float("nan")))  # noqa: E731
        refracted = [ratio * d + along * n for d, n in ((dx, nx), (dy, ny), (dz, nz))]
        state = [keep(v) for v in (px, py, sag, *refracted, ray(6) + before * t)]
        behind_it = hl.Func("behind_it")
        behind_it[i] = hl.Tuple((*state, hl.select(earlier > 0, earlier, reason)))
        g.out[i, c] = pick([behind_it[i][k] for k in range(8)], c)

        # Blocks of rays in parallel, one vector through all steps at a time; the rows of a block are written together.
        g.out.bound(c, 0, 8).split(i, i, ii, BLOCK, hl.TailStrategy.GuardWithIf).reorder(ii, c, i).parallel(i)
        g.out.unroll(c).vectorize(ii, LANES, hl.TailStrategy.GuardWithIf)
        behind_it.compute_at(g.out, i).split(i, io, ii, LANES, hl.TailStrategy.RoundUp).vectorize(ii)
        for func in (local, *steps, met):
            func.compute_at(behind_it, io).vectorize(i, LANES, hl.TailStrategy.RoundUp)


if __name__ == "__main__":
    hl.main()
