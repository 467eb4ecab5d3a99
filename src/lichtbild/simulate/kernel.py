"""The camera run forwards: blur of lens and pixel, sampling where the hand and the lens put each pixel, and noise."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")

BLUR_RADIUS = 10
LENS_TERMS = 15
POISSON_TERMS = 32
SMALL_COUNT = 10.0
MOTION_ROWS = 16
CELL_PX = 128


@hl.generator(name="simulate_blur")
class SimulateBlur:
    """scene float32 [n_in, H, W], matrix float32 [n_out, n_in], symmetric taps float32 [2 * 10 + 1] -> spline
    coefficients float32 [n_out, H, W]: colours mixed, then blurred along rows and columns, edges repeated."""

    scene = hl.InputBuffer(hl.Float(32), 3)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    taps = hl.InputBuffer(hl.Float(32), 1)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        inside = hl.BoundaryConditions.repeat_edge(g.scene)
        n_in = hl.RDom([(0, g.scene.dim(2).extent())], "n_in")
        mixed, rows = hl.Func("mixed"), hl.Func("rows")
        mixed[x, y, c] = hl.f32(0.0)
        mixed[x, y, c] += g.matrix[n_in, c] * inside[x, y, n_in]

        def fir(at):
            total = g.taps[BLUR_RADIUS] * at(0)
            for k in range(1, BLUR_RADIUS + 1):
                total = total + g.taps[BLUR_RADIUS + k] * (at(k) + at(-k))
            return total

        rows[x, y, c] = fir(lambda k: mixed[x, y + k, c])
        g.out[x, y, c] = fir(lambda k: rows[x + k, y, c])

        # Tiles keep the two intermediates in L2; the border of 10 px costs about a third more mixing at 64 rows.
        xi, yi = hl.Var("xi"), hl.Var("yi")
        g.out.tile(x, y, xi, yi, 256, 64, hl.TailStrategy.GuardWithIf).vectorize(xi, 16).parallel(y).reorder(
            xi, yi, x, c, y
        )
        rows.compute_at(g.out, x).vectorize(x, 16)
        mixed.compute_at(g.out, x).vectorize(x, 16)
        mixed.update().reorder(x, n_in, y).vectorize(x, 16)


def spline_weights(f):
    """Quintic B-spline at f in [0, 1) from samples -2 ... 3."""
    w = f
    w2 = w * w
    last = w * w2 * w2 * hl.f32(1 / 120)
    w2 = w2 - w
    w4 = w2 * w2
    w = w - hl.f32(0.5)
    t = w2 * (w2 - 3)
    first = hl.f32(1 / 24) * (hl.f32(0.2) + w2 + w4) - last
    even, odd = hl.f32(1 / 24) * (w2 * (w2 - 5) + hl.f32(9.2)), hl.f32(-1 / 12) * w * (t + 4)
    second, third = even + odd, even - odd
    even, odd = hl.f32(1 / 16) * (hl.f32(1.8) - t), hl.f32(1 / 24) * w * (w4 - w2 - 5)
    return [first, even + odd, second, third, even - odd, last]


def spline_at(g, plane, x_moved, y_moved):
    """The spline of `g.coefficients` at a place of the frame: for x and y, a position in px and how far it is moved."""

    def split(position, moved, origin, extent):
        base = position * g.oversampling + origin
        whole = hl.floor(base)
        rest = base - whole + moved * g.oversampling
        step = hl.floor(rest)
        index = hl.clamp(hl.i32(whole) + hl.i32(step), 2, extent - 4)
        return index, spline_weights(rest - step)

    i, wx = split(*x_moved, g.origin_x, g.coefficients.dim(0).extent())
    j, wy = split(*y_moved, g.origin_y, g.coefficients.dim(1).extent())
    value = hl.f32(0.0)
    for n in range(6):
        line = hl.f32(0.0)
        for m in range(6):
            line = line + wx[m] * g.coefficients[i + (m - 2), j + (n - 2), plane]
        value = value + wy[n] * line
    return value


def seen_at(g, px, py, term):
    """Where a place of the frame looks, by the lens and by the motion of its row: how far it is moved, x and y, px.

    `term(k)` is the lens's term of r^k. Whole positions are kept apart: float32 near 6000 would be good to 0.0005 px
    only.
    """
    dx, dy = px - g.lens_frame[0], py - g.lens_frame[1]
    r = hl.sqrt((dx * dx + dy * dy) * g.lens_frame[2])
    stretch = term(LENS_TERMS - 1)
    for k in range(LENS_TERMS - 2, -1, -1):
        stretch = stretch * r + term(k)
    lx, ly = dx * stretch, dy * stretch
    qx, qy = px + lx, py + ly

    # The moment a row is read is that of the row on the sensor.
    at = py * hl.f32(1 / MOTION_ROWS)
    node = hl.clamp(hl.i32(hl.floor(at)), 0, g.motion.dim(1).extent() - 2)
    share = at - hl.f32(node)
    h = [g.motion[k, node] * (1 - share) + g.motion[k, node + 1] * share for k in range(8)]
    tilt = h[6] * qx + h[7] * qy
    inverse = 1 / (1 + tilt)
    ax = (h[0] * qx + h[1] * qy + h[2] - qx * tilt) * inverse
    ay = (h[3] * qx + h[4] * qy + h[5] - qy * tilt) * inverse
    return lx + ax, ly + ay


@hl.generator(name="simulate_sample")
class SimulateSample:
    """Quintic spline at the place each pixel of a mosaic sees.

    coefficients float32 [n, h, w]; lens float32 [n_lens, 15] (terms of r^0, r^1 ... of each plane: what is added to a
    position, over its distance) about lens_frame float32 [3] (centre x, y in px, 1 / radius^2); motion float32 [m, 8]:
    homography less the identity (its last entry 1) of every 16th row of the frame, in px; planes int32 [2, 2], the
    coefficient plane of each CFA site; quad_shift 0 or 1; top, left: the mosaic's pixel [0, 0] within the frame;
    oversampling; origin_x, origin_y: where frame coordinate 0 lies among the coefficients -> float32 [H, W].
    """

    coefficients = hl.InputBuffer(hl.Float(32), 3)
    lens = hl.InputBuffer(hl.Float(32), 2)
    lens_frame = hl.InputBuffer(hl.Float(32), 1)
    motion = hl.InputBuffer(hl.Float(32), 2)
    planes = hl.InputBuffer(hl.Int(32), 2)
    quad_shift = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    oversampling = hl.InputScalar(hl.Float(32))
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        column, row = x + g.left, y + g.top
        site_x, site_y = (column >> g.quad_shift) & 1, (row >> g.quad_shift) & 1
        # A row has two sites: what they are is the same in all lanes, and chosen instead of gathered.
        sites = [hl.clamp(g.planes[site, site_y], 0, g.coefficients.dim(2).extent() - 1) for site in (0, 1)]
        plane = hl.select(site_x == 0, sites[0], sites[1])
        optics = [hl.min(site, g.lens.dim(1).extent() - 1) for site in sites]

        def term(k):
            return hl.select(site_x == 0, g.lens[k, optics[0]], g.lens[k, optics[1]])

        px, py = hl.f32(column) + hl.f32(0.5), hl.f32(row) + hl.f32(0.5)
        mx, my = seen_at(g, px, py, term)
        g.out[x, y] = spline_at(g, plane, (px, mx), (py, my))

        # 36 gathers a pixel from six rows that neighbours share: all in L1 where rows are walked along.
        g.out.vectorize(x, 16, hl.TailStrategy.GuardWithIf).parallel(y, 16, hl.TailStrategy.GuardWithIf)


@hl.generator(name="simulate_project")
class SimulateProject:
    """The scene where the camera sees it, finer than its pixels: quintic spline at two samples a px along each axis.

    coefficients float32 [n, h, w]; lens, lens_frame, motion as in `simulate_sample`; first_row: of the samples, from
    the frame's first; border: samples before the frame's first column; oversampling, origin_x, origin_y as there.
    -> float32 [n, R, 4, W4]: sample 4 i + phase of a row stands at [.., phase, i], so that every fourth is a vector.
    """

    coefficients = hl.InputBuffer(hl.Float(32), 3)
    lens = hl.InputBuffer(hl.Float(32), 2)
    lens_frame = hl.InputBuffer(hl.Float(32), 1)
    motion = hl.InputBuffer(hl.Float(32), 2)
    first_row = hl.InputScalar(hl.Int(32))
    border = hl.InputScalar(hl.Int(32))
    oversampling = hl.InputScalar(hl.Float(32))
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        i, phase, row, n = hl.Var("i"), hl.Var("phase"), hl.Var("row"), hl.Var("n")
        optics = hl.min(n, g.lens.dim(1).extent() - 1)
        px = (hl.f32(4 * i + phase - g.border) + hl.f32(0.5)) * hl.f32(0.5)
        py = (hl.f32(row + g.first_row) + hl.f32(0.5)) * hl.f32(0.5)
        mx, my = seen_at(g, px, py, lambda k: g.lens[k, optics])
        g.out[i, phase, row, n] = spline_at(g, n, (px, mx), (py, my))

        g.out.bound(phase, 0, 4).vectorize(i, 16, hl.TailStrategy.GuardWithIf)
        g.out.reorder(i, phase, n, row).parallel(row, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="simulate_blur_sites")
class SimulateBlurSites:
    """What every pixel of a mosaic gets through a point-spread function that changes over the picture.

    samples float32 [3, R, 4, W4] from `simulate_project`; psf float32 [N_y, N_x, 3, T, T]: at the corners of cells of
    128 px, for samples half a px apart, the pixel's own square included, T a multiple of 4; planes int32 [2, 2]: the
    colour of each site; quad_shift; first_row: row of the frame that out's first is; -> float32 [H, W]. Between the
    corners the results are mixed bilinearly, so there is no seam. Row r of out needs samples rows 2 r ... 2 r + T - 1.
    """

    samples = hl.InputBuffer(hl.Float(32), 4)
    psf = hl.InputBuffer(hl.Float(32), 5)
    planes = hl.InputBuffer(hl.Int(32), 2)
    quad_shift = hl.InputScalar(hl.Int(32))
    first_row = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        # Column 128 cell + 2 v + a: cells apart from what lies in them, so that a vector shares its four corners.
        v, cell, a, n = hl.Var("v"), hl.Var("cell"), hl.Var("a"), hl.Var("n")
        taps = g.psf.dim(0).extent()
        frame_row = y + g.first_row
        # With quad sites the colours stand in pairs; without, one column parity is one colour for all lanes.
        site_x, site_y = hl.select(g.quad_shift == 0, a, v & 1), (frame_row >> g.quad_shift) & 1
        plane = hl.clamp(g.planes[site_x, site_y], 0, 2)

        gathered = hl.Func("gathered")
        k = hl.RDom([(0, taps), (0, taps)], "k")
        at = 2 * a + k.x
        sample = g.samples[v + cell * (CELL_PX // 2) + at // 4, at % 4, 2 * y + k.y, plane]
        gathered[v, cell, a, n, y] = hl.f32(0.0)
        gathered[v, cell, a, n, y] += sample * g.psf[k.x, k.y, plane, cell + n % 2, frame_row // CELL_PX + n // 2]
        blend = hl.Func("blend")
        fx = (hl.f32(2 * v + a) + hl.f32(0.5)) * hl.f32(1 / CELL_PX)
        fy = (hl.f32(frame_row % CELL_PX) + hl.f32(0.5)) * hl.f32(1 / CELL_PX)
        upper = gathered[v, cell, a, 0, y] * (1 - fx) + gathered[v, cell, a, 1, y] * fx
        lower = gathered[v, cell, a, 2, y] * (1 - fx) + gathered[v, cell, a, 3, y] * fx
        blend[v, cell, a, y] = upper * (1 - fy) + lower * fy
        g.out[x, y] = blend[(x % CELL_PX) // 2, x // CELL_PX, x % 2, y]

        # A cell's row at a time; 32 sites of one colour with their four sums stay in registers through all taps.
        xo, xi, vo, vi, yi = (hl.Var(name) for name in ("xo", "xi", "vo", "vi", "yi"))
        g.out.output_buffer().dim(0).set_min(0)
        g.out.split(y, y, yi, 8, hl.TailStrategy.GuardWithIf).parallel(y)
        g.out.split(x, xo, xi, CELL_PX, hl.TailStrategy.GuardWithIf).reorder(xi, xo, yi, y)
        g.out.vectorize(xi, 32, hl.TailStrategy.GuardWithIf)
        blend.compute_at(g.out, xo).bound(a, 0, 2).bound(v, 0, CELL_PX // 2).reorder(v, a, cell, y).unroll(a)
        blend.split(v, vo, vi, 32).vectorize(vi, 16)
        gathered.compute_at(blend, vo).vectorize(v, 16).unroll(v).unroll(n)
        step = gathered.update()
        step.reorder(v, n, k.x, k.y, a, cell, y).vectorize(v, 16).unroll(v).unroll(n)
        step.specialize(g.quad_shift == 0)


def mix(h):
    """A bijective hash of 32 bits (xor-shift-multiply, twice)."""
    h = h ^ (h >> hl.u32(16))
    h = h * hl.u32(0x7FEB352D)
    h = h ^ (h >> hl.u32(15))
    h = h * hl.u32(0x846CA68B)
    return h ^ (h >> hl.u32(16))


def uniform(h):
    """24 bits to (0, 1)."""
    return hl.f32(hl.i32(h >> hl.u32(8))) * hl.f32(2.0**-24) + hl.f32(2.0**-25)


def two_normals(u, v):
    """Box and Muller, with sine and cosine as polynomials of an eighth of a turn."""
    radius = hl.sqrt(hl.f32(-2.0) * hl.log(u))
    quarter = hl.floor(v * 4 + hl.f32(0.5))
    a = (v * 4 - quarter) * hl.f32(1.5707963267948966)
    a2 = a * a
    s = a * (1 + a2 * (hl.f32(-1 / 6) + a2 * (hl.f32(1 / 120) + a2 * hl.f32(-1 / 5040))))
    k = 1 + a2 * (hl.f32(-0.5) + a2 * (hl.f32(1 / 24) + a2 * (hl.f32(-1 / 720) + a2 * hl.f32(1 / 40320))))
    q = hl.i32(quarter) & 3
    cosine = hl.select(q == 0, k, q == 1, -s, q == 2, -k, s)
    sine = hl.select(q == 0, s, q == 1, k, q == 2, -s, -k)
    return radius * cosine, radius * sine


def poisson(mean, u, z):
    """Count of the given mean: the inverse of the distribution below 10, Cornish and Fisher's expansion above."""
    small = hl.min(mean, hl.f32(SMALL_COUNT))
    chance = hl.exp(-small)
    below, count = chance, hl.f32(0.0)
    for k in range(1, POISSON_TERMS + 1):
        count = count + hl.select(u > below, hl.f32(1.0), hl.f32(0.0))
        chance = chance * small * hl.f32(1 / k)
        below = below + chance
    root = hl.sqrt(hl.max(mean, hl.f32(1.0)))
    large = mean + root * z + (z * z - 1) * hl.f32(1 / 6) + (z - z * z * z) / (72 * root)
    return hl.select(mean < hl.f32(SMALL_COUNT), count, hl.max(hl.floor(large + hl.f32(0.5)), 0))


def neighbours(of, edge, corner):
    """A pixel with its crosstalk: what stays, and what the eight around it give."""
    edges = of(1, 0) + of(-1, 0) + of(0, 1) + of(0, -1)
    corners = of(1, 1) + of(-1, 1) + of(1, -1) + of(-1, -1)
    return of(0, 0) * (1 - 4 * (edge + corner)) + edge * edges + corner * corners


@hl.generator(name="simulate_expose")
class SimulateExpose:
    """light float32 [H, W] (1 = white level), shading gain float32 [h, w, 4] of the CFA sites over the whole picture
    (light is divided by it), physics float32 [17], quad_shift, seeds of the exposure and of the sensor -> stored
    uint16 [H, W].

    physics: electrons at the white level; optical crosstalk to an edge and to a corner neighbour; spread of the
    response; mean dark signal, e; spread of the dark signal, e; electrical crosstalk, edge and corner; electrons a
    pixel holds; share of jumping pixels, mean jump, e; DN an electron; read noise, DN; row noise, DN; column offsets,
    DN; black; white.
    """

    light = hl.InputBuffer(hl.Float(32), 2)
    gain = hl.InputBuffer(hl.Float(32), 3)
    physics = hl.InputBuffer(hl.Float(32), 1)
    quad_shift = hl.InputScalar(hl.Int(32))
    seed = hl.InputScalar(hl.UInt(32))
    sensor_seed = hl.InputScalar(hl.UInt(32))
    out = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self
        (at_white, optical_edge, optical_corner, prnu, dark, dsnu, charge_edge, charge_corner, well, jump_share, jump,
         dn_e, read_dn, row_dn, column_dn, black, white) = (g.physics[k] for k in range(17))  # fmt: skip
        width, height = g.light.dim(0).extent(), g.light.dim(1).extent()
        n_x, n_y = g.gain.dim(1).extent(), g.gain.dim(2).extent()

        struck = hl.Func("struck")
        inside_x, inside_y = hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1)
        u = (hl.f32(inside_x) + hl.f32(0.5)) / hl.f32(width) * hl.f32(n_x - 1)
        v = (hl.f32(inside_y) + hl.f32(0.5)) / hl.f32(height) * hl.f32(n_y - 1)
        i, j = hl.clamp(hl.i32(u), 0, n_x - 2), hl.clamp(hl.i32(v), 0, n_y - 2)
        fx, fy = u - hl.f32(i), v - hl.f32(j)
        site = ((inside_x >> g.quad_shift) & 1) + 2 * ((inside_y >> g.quad_shift) & 1)
        upper = g.gain[site, i, j] * (1 - fx) + g.gain[site, i + 1, j] * fx
        lower = g.gain[site, i, j + 1] * (1 - fx) + g.gain[site, i + 1, j + 1] * fx
        shaded = hl.max(g.light[inside_x, inside_y], 0) / (upper * (1 - fy) + lower * fy)
        struck[x, y] = shaded * at_white

        # What a pixel draws is a function of the seed and of its place alone.
        def place(seed):
            return mix(mix(seed ^ mix(hl.u32(y) + hl.u32(0x9E3779B9))) + hl.u32(x) * hl.u32(0x9E3779B9))

        pixel, fixed = place(g.seed), place(g.sensor_seed)
        z_shot, z_read = two_normals(uniform(pixel), uniform(mix(pixel + hl.u32(0x6A09E667))))
        z_response, z_dark = two_normals(uniform(fixed), uniform(mix(fixed + hl.u32(0x6A09E667))))

        counted = hl.Func("counted")
        mixed = neighbours(lambda dx, dy: struck[x + dx, y + dy], optical_edge, optical_corner)
        mean = mixed * hl.max(1 + prnu * z_response, 0) + dark
        counted[x, y] = poisson(mean, uniform(mix(pixel + hl.u32(0xBB67AE85))), z_shot)

        charge = neighbours(lambda dx, dy: counted[x + dx, y + dy], charge_edge, charge_corner)
        u_jump, u_size = (uniform(mix(fixed + hl.u32(k))) for k in (0xBB67AE85, 0x3C6EF372))
        state = hl.select(uniform(mix(pixel + hl.u32(0x3C6EF372))) < hl.f32(0.5), hl.f32(-0.5), hl.f32(0.5))
        jumps = hl.select(u_jump < jump_share, -jump * hl.log(u_size) * state, hl.f32(0.0))
        electrons = hl.min(charge, well) + dsnu * z_dark + jumps

        row, column = mix(g.seed ^ mix(hl.u32(y) + hl.u32(0xA54FF53A))), mix(g.sensor_seed ^ mix(hl.u32(x)))
        z_row, _ = two_normals(uniform(row), uniform(mix(row + hl.u32(0x6A09E667))))
        z_column, _ = two_normals(uniform(column), uniform(mix(column + hl.u32(0x6A09E667))))
        number = electrons * dn_e + z_read * read_dn + z_row * row_dn + z_column * column_dn + black + hl.f32(0.5)
        g.out[x, y] = hl.u16(hl.clamp(hl.floor(number), 0, white))

        # Bands of rows in parallel; light and counts slide along them, one row more to each side.
        yi = hl.Var("yi")
        g.out.split(y, y, yi, 32, hl.TailStrategy.GuardWithIf).parallel(y).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        counted.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)
        struck.compute_at(g.out, yi).store_at(g.out, y).vectorize(x, 16)


if __name__ == "__main__":
    hl.main()
